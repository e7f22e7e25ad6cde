//! What a directory holds, for tests that compare directories.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use super::*;
use crate::digest::Digest;
use crate::layer::xattr;

/// All of one path that a layer can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub kind: EntryKind,
    pub mode: u32,
    pub owner: (u32, u32),
    pub mtime: (i64, i64),
    pub link: PathBuf,
    pub device: u64,
    pub content: (u64, Digest),
    pub xattrs: BTreeMap<std::ffi::OsString, Vec<u8>>,
    pub inode: u64,
    pub blocks: u64,
}

impl Found {
    /// Without what differs between two equal trees.
    pub fn plain(mut self) -> Self {
        self.inode = 0;
        self.blocks = 0;
        self
    }
}

#[allow(clippy::disallowed_methods)]
pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// Every path below a directory, itself among them as the empty path.
pub fn walk(root: &Path) -> BTreeMap<PathBuf, Found> {
    let mut found = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        let metadata = std::fs::symlink_metadata(&path).unwrap();
        let mut link = PathBuf::new();
        let mut content = (0, Digest::of(b""));
        let kind = match metadata.mode() & 0o170000 {
            0o040000 => {
                todo.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                EntryKind::Directory
            }
            0o120000 => {
                link = std::fs::read_link(&path).unwrap();
                EntryKind::Symlink
            }
            0o020000 => EntryKind::CharDevice,
            0o060000 => EntryKind::BlockDevice,
            0o010000 => EntryKind::Fifo,
            _ => {
                let bytes = read(&path);
                content = (bytes.len() as u64, Digest::of(&bytes));
                EntryKind::File
            }
        };
        let entry = Found {
            kind,
            mode: metadata.mode() & 0o7777,
            owner: (metadata.uid(), metadata.gid()),
            mtime: (metadata.mtime(), metadata.mtime_nsec()),
            link,
            device: metadata.rdev(),
            content,
            xattrs: {
                let mut xattrs = xattr::of_path(&path).unwrap();
                xattrs.retain(|name, _| xattr::belongs_into_layer(name));
                xattrs
            },
            inode: metadata.ino(),
            blocks: metadata.blocks(),
        };
        found.insert(path.strip_prefix(root).unwrap().to_owned(), entry);
    }
    found
}

/// The same with what differs between equal trees left out.
pub fn plain(root: &Path) -> BTreeMap<PathBuf, Found> {
    walk(root).into_iter().map(|(path, found)| (path, found.plain())).collect()
}

/// Fails with what differs, and nothing else.
pub fn assert_same<T: PartialEq + std::fmt::Debug>(
    a: &BTreeMap<PathBuf, T>,
    b: &BTreeMap<PathBuf, T>,
    what: &str,
) {
    let differs: Vec<_> = a
        .keys()
        .chain(b.keys())
        .filter(|path| a.get(*path) != b.get(*path))
        .map(|path| (path, a.get(path), b.get(path)))
        .collect();
    assert!(differs.is_empty(), "{what}: {differs:#?}");
}

/// What a mount of these layers would show, the lowest first.
pub fn merge(layers: &[PathBuf]) -> BTreeMap<PathBuf, Found> {
    let mut merged: BTreeMap<PathBuf, Found> = BTreeMap::new();
    for layer in layers {
        for (path, found) in walk(layer) {
            let below = |merged: &mut BTreeMap<PathBuf, Found>| {
                merged.retain(|other, _| other == &path || !other.starts_with(&path));
            };
            if found.kind == EntryKind::CharDevice && found.device == 0 {
                below(&mut merged);
                merged.remove(&path);
                continue;
            }
            let was_directory = merged.get(&path).is_some_and(|old| old.kind == EntryKind::Directory);
            let opaque = found.kind == EntryKind::Directory
                && xattr::is_opaque(&xattr::of_path(&layer.join(&path)).unwrap());
            if was_directory && (found.kind != EntryKind::Directory || opaque) {
                below(&mut merged);
            }
            merged.insert(path, found.plain());
        }
    }
    merged
}
