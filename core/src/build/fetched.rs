//! A file that was fetched, as a tree of that file alone.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::context::Files;
use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::layer::{Entry, EntryKind};

/// The file.
pub struct FetchedFile {
    /// What it is, at its name.
    pub entry: Entry,
    /// Where its content is.
    pub content: PathBuf,
    /// Goes with it.
    pub _folder: tempfile::TempDir,
}

impl Files for FetchedFile {
    fn get(&self, path: &Path) -> Result<Option<Entry>> {
        if path.as_os_str().is_empty() {
            return Ok(Some(Entry::new("", EntryKind::Directory, 0o755)));
        }
        Ok((self.entry.path == path).then(|| self.entry.clone()))
    }

    fn children(&self, _path: &Path) -> Result<Vec<OsString>> {
        Ok(vec![self.entry.path.clone().into()])
    }

    fn open(&self, path: &Path) -> Result<File> {
        match self.entry.path == path {
            true => fs::open(&self.content),
            false => Err(Error::new(ErrorKind::NotFound, format!("no such file: {}", path.display()))),
        }
    }
}
