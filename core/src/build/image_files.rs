//! Files of an image: for COPY --from, and to look users up.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::context::{Files, Found, shared_inode};
use super::stage::Stage;
use crate::archive::FileContent;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::{Entry, EntryKind, Tree};
use crate::store::Store;
use crate::task::Task;

/// Largest `/etc/passwd` or `/etc/group` that is read, in bytes.
const TABLE_LIMIT: u64 = 16 << 20;

/// The files of an image that is unpacked.
pub struct ImageFiles<'a> {
    /// The merged view.
    pub tree: &'a Tree,
    /// Its snapshots, lowest first.
    pub snapshots: Vec<PathBuf>,
}

impl Files for ImageFiles<'_> {
    fn get(&self, path: &Path) -> Result<Option<Entry>> {
        if path.as_os_str().is_empty() {
            return Ok(Some(Entry::new("", EntryKind::Directory, 0o755)));
        }
        Ok(self.tree.get(path).map(|node| {
            // A hard link is copied as the file it shares its content with.
            let kind = if node.entry.kind == EntryKind::Hardlink { EntryKind::File } else { node.entry.kind };
            Entry { kind, path: path.to_owned(), ..node.entry.clone() }
        }))
    }

    fn look(&self, path: &Path) -> Result<Option<Found>> {
        let Some(entry) = self.get(path)? else { return Ok(None) };
        let inode = match entry.kind {
            EntryKind::File => fs::stat(&self.unpacked(path)?)?.as_ref().and_then(shared_inode),
            _ => None,
        };
        Ok(Some(Found { inode, ..Found::unknown(entry) }))
    }

    fn children(&self, path: &Path) -> Result<Vec<OsString>> {
        Ok(self.tree.children(path).map(ToOwned::to_owned).collect())
    }

    fn open(&self, path: &Path) -> Result<File> {
        fs::open(&self.unpacked(path)?)
    }

    fn resolve(&self, path: &Path) -> Result<PathBuf> {
        self.tree.resolve(path, true)
    }
}

impl ImageFiles<'_> {
    /// Where a file is unpacked.
    fn unpacked(&self, path: &Path) -> Result<PathBuf> {
        let node = self.tree.get(path);
        let node =
            node.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no such file: {}", path.display())))?;
        // By its own path, not by the one in the tar: that may lead through a symlink, out of the snapshot.
        let snapshot = self.snapshots.get(node.unpacked_in() as usize);
        let snapshot = snapshot.ok_or_else(|| Error::new(ErrorKind::Internal, "a layer is not unpacked"))?;
        Ok(snapshot.join(&node.entry.path))
    }
}

impl Stage {
    /// The content of a file of the image, read from its snapshots (the lowest first); empty when there is none.
    pub fn read_unpacked(&mut self, store: &Store, snapshots: Vec<PathBuf>, path: &str) -> Result<Vec<u8>> {
        let files = ImageFiles { tree: self.tree(store)?, snapshots };
        let path = files.resolve(Path::new(path))?;
        let mut content = Vec::new();
        // Anything else could block, or is no table.
        let is_file = |kind| matches!(kind, EntryKind::File | EntryKind::Hardlink);
        if files.tree.get(&path).is_some_and(|node| is_file(node.entry.kind)) {
            files
                .open(&path)?
                .take(TABLE_LIMIT)
                .read_to_end(&mut content)
                .context(|| format!("read {}", path.display()))?;
        }
        Ok(content)
    }

    /// The content of a file of the image, read from its layer; empty when there is none.
    pub fn read_file(&mut self, store: &Store, path: &str, task: &Task) -> Result<Vec<u8>> {
        let tree = self.tree(store)?;
        let path = tree.resolve(Path::new(path), true)?;
        let Some(node) = tree.get(&path).filter(|node| node.entry.kind == EntryKind::File) else {
            return Ok(Vec::new());
        };
        let (layer, position) = (node.layer as usize, node.position());
        let mut content = Vec::new();
        FileContent::open(store, &self.layers[layer], position, task)?
            .take(TABLE_LIMIT)
            .read_to_end(&mut content)
            .context(|| format!("read {}", path.display()))?;
        Ok(content)
    }
}
