//! The sources of one instruction that come from several places, as one tree: a folder for each, by its number.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Component, Path, PathBuf};

use super::context::{Context, Files};
use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::layer::{Entry, EntryKind};

/// One place.
pub enum Part<'a> {
    /// The build's context.
    Context(&'a Context),
    /// A directory that was brought here.
    Brought(Context),
    /// A file alone.
    File {
        /// What it is, at its name.
        entry: Entry,
        /// Its content.
        content: PathBuf,
        /// Goes with it.
        _folder: tempfile::TempDir,
    },
}

/// All of them.
#[derive(Default)]
pub struct Gathered<'a>(Vec<Part<'a>>);

impl<'a> Gathered<'a> {
    /// Adds a place, and returns its folder.
    pub fn add(&mut self, part: Part<'a>) -> PathBuf {
        self.0.push(part);
        PathBuf::from((self.0.len() - 1).to_string())
    }

    /// The place that a path is in, and the path there.
    fn split<'p>(&self, path: &'p Path) -> Option<(&Part<'a>, &'p Path)> {
        let mut parts = path.components();
        let Some(Component::Normal(number)) = parts.next() else { return None };
        let part = self.0.get(number.to_str()?.parse::<usize>().ok()?)?;
        Some((part, parts.as_path()))
    }
}

impl Files for Gathered<'_> {
    fn get(&self, path: &Path) -> Result<Option<Entry>> {
        let found = match self.split(path) {
            None => path.as_os_str().is_empty().then(|| Entry::new("", EntryKind::Directory, 0o755)),
            Some((Part::Context(context), inside)) => context.get(inside)?,
            Some((Part::Brought(context), inside)) => context.get(inside)?,
            Some((Part::File { .. }, inside)) if inside.as_os_str().is_empty() => {
                Some(Entry::new("", EntryKind::Directory, 0o755))
            }
            Some((Part::File { entry, .. }, inside)) => (entry.path == inside).then(|| entry.clone()),
        };
        Ok(found.map(|entry| Entry { path: path.to_owned(), ..entry }))
    }

    fn children(&self, path: &Path) -> Result<Vec<OsString>> {
        match self.split(path) {
            None => Ok((0..self.0.len()).map(|number| number.to_string().into()).collect()),
            Some((Part::Context(context), inside)) => context.children(inside),
            Some((Part::Brought(context), inside)) => context.children(inside),
            Some((Part::File { entry, .. }, _)) => Ok(vec![entry.path.clone().into()]),
        }
    }

    fn open(&self, path: &Path) -> Result<File> {
        match self.split(path) {
            Some((Part::Context(context), inside)) => context.open(inside),
            Some((Part::Brought(context), inside)) => context.open(inside),
            Some((Part::File { content, .. }, _)) => fs::open(content),
            None => Err(Error::new(ErrorKind::Internal, "a source that was not gathered")),
        }
    }

    fn excluded(&self, path: &Path) -> bool {
        match self.split(path) {
            Some((Part::Context(context), inside)) => context.excluded(inside),
            _ => false,
        }
    }

    fn resolve(&self, path: &Path) -> Result<PathBuf> {
        let Some((part, inside)) = self.split(path) else { return Ok(path.to_owned()) };
        let resolved = match part {
            Part::Context(context) => context.resolve(inside)?,
            Part::Brought(context) => context.resolve(inside)?,
            Part::File { .. } => inside.to_owned(),
        };
        let folder: PathBuf = path.components().take(1).collect();
        Ok(folder.join(resolved))
    }
}
