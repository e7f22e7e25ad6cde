//! Archives that ADD unpacks: told by their content, read into a temporary directory.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Build;
use super::context::Files;
use super::image_files::ImageFiles;
use super::sources::Source;
use crate::config::Limits;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::layer::{self, EntryKind, Tree};
use crate::task::Task;

/// An archive that is unpacked, until it is dropped.
pub struct Unpacked {
    folder: tempfile::TempDir,
    tree: Tree,
    listed: HashSet<PathBuf>,
}

/// Whether a file is a tar, compressed or not: it is one when it begins with an entry. What may not be in it is told later.
pub fn is_archive(files: &dyn Files, path: &Path, limits: &Limits) -> Result<bool> {
    if files.get(path)?.is_none_or(|entry| entry.kind != EntryKind::File) {
        return Ok(false);
    }
    let Ok((_, decoder)) = layer::decoder(files.open(path)?, limits) else {
        return Ok(false);
    };
    let mut start = Vec::new();
    let is_read = decoder.take(512).read_to_end(&mut start).is_ok();
    Ok(is_read && start.iter().any(|byte| *byte != 0) && layer::begins_tar(&start))
}

impl Unpacked {
    /// Unpacks an archive. One that is damaged, or has an entry that no layer may have, fails the build.
    pub fn new(build: &Build<'_>, source: &Source<'_>) -> Result<Unpacked> {
        let limits = build.store.limits();
        let path = source.files.resolve(&source.path)?;
        let what = || format!("Error processing tar file {}", path.display());
        let open = || layer::decoder(source.files.open(&path)?, limits).map(|(_, tar)| tar);
        let toc = layer::scan(open()?, limits, &mut || build.task.check()).map_err(failed).context(what)?;
        if let Some(entry) = toc.entries.iter().find(|entry| entry.whiteout().is_some()) {
            return Err(whiteout(&entry.path)).context(what);
        }
        let folder = build.store.temporary_directory()?;
        // Silent: an owner or attribute that cannot be had here is in the layer all the same.
        let silent = Task::with_token(build.task.token().clone());
        layer::apply_flat(folder.path(), open()?, limits, &silent).map_err(failed).context(what)?;
        let mut tree = Tree::default();
        tree.apply(0, &toc).map_err(failed).context(what)?;
        let listed = toc.entries.into_iter().map(|entry| entry.path).collect();
        Ok(Unpacked { folder, tree, listed })
    }

    /// Its files, as it says they are: owners and devices do not depend on what could be unpacked.
    pub fn files(&self) -> ImageFiles<'_> {
        ImageFiles { tree: &self.tree, snapshots: vec![self.folder.path().to_owned()] }
    }

    /// Its paths, each directory before what it holds, without the root.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.tree.walk(Path::new("")).map(|node| node.entry.path.as_path()).skip(1)
    }

    /// Whether a directory is only there because something lies in it.
    pub fn is_implied(&self, path: &Path) -> bool {
        !self.listed.contains(path)
    }
}

/// It is the build's input that is wrong, not an image.
fn failed(error: Error) -> Error {
    match error.kind() {
        ErrorKind::InvalidImage => error.as_kind(ErrorKind::BuildFailed),
        _ => error,
    }
}

/// What a layer cannot hold, since the name means something else there.
pub fn whiteout(path: &Path) -> Error {
    Error::new(
        ErrorKind::BuildFailed,
        format!("/{}: a name that begins with .wh. cannot be in a layer", path.display()),
    )
}
