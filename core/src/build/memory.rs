//! Files of a context that are in memory.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::ops::Bound;
use std::path::{Component, Path, PathBuf};

use super::MemoryFile;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::{Entry, EntryKind, Timestamp};

/// Files by their paths, and the directories that they are in. The time of all is that of the build.
#[derive(Default)]
pub struct Memory {
    /// A directory has no file.
    nodes: BTreeMap<PathBuf, Option<MemoryFile>>,
    time: Timestamp,
}

impl Memory {
    /// The files of a build's options. `invalid_argument` for a path that leads outside, and for a file that is another one's
    /// directory.
    pub fn new(files: &BTreeMap<String, MemoryFile>, time: Timestamp) -> Result<Memory> {
        let mut nodes: BTreeMap<PathBuf, Option<MemoryFile>> = BTreeMap::new();
        let refuse = |path: &str, why: &str| {
            Err(Error::new(ErrorKind::InvalidArgument, format!("file {path:?} of the context: {why}")))
        };
        for (name, file) in files {
            let mut path = PathBuf::new();
            for part in Path::new(name).components() {
                match part {
                    Component::Normal(part) => path.push(part),
                    Component::ParentDir => return refuse(name, "its path leads outside"),
                    _ => {}
                }
            }
            if path.as_os_str().is_empty() || name.ends_with('/') || name.contains('\0') {
                return refuse(name, "that is no path of a file");
            }
            for parent in path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
                if nodes.entry(parent.to_owned()).or_default().is_some() {
                    return refuse(name, &format!("{} is a file", parent.display()));
                }
            }
            if nodes.insert(path, Some(file.clone())).is_some() {
                return refuse(name, "it is there twice, or it is a directory");
            }
        }
        Ok(Memory { nodes, time })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The content of a file.
    pub fn content(&self, path: &Path) -> Option<&[u8]> {
        self.nodes.get(path)?.as_ref().map(|file| file.content.as_slice())
    }

    /// What is at a path.
    pub fn get(&self, path: &Path) -> Option<Entry> {
        let mut entry = match self.nodes.get(path)? {
            None => Entry::new(path, EntryKind::Directory, 0o755),
            Some(file) => {
                let entry = Entry::new(path, EntryKind::File, file.mode);
                Entry { size: file.content.len() as u64, ..entry }
            }
        };
        entry.mtime = self.time;
        Some(entry)
    }

    /// The names in a directory, sorted.
    pub fn children(&self, path: &Path) -> Vec<OsString> {
        let below = self
            .nodes
            .range::<Path, _>((Bound::Included(path), Bound::Unbounded))
            .map(|(node, _)| node)
            .take_while(|node| node.starts_with(path));
        let children = below.filter(|node| node.parent() == Some(path));
        children.filter_map(|node| node.file_name()).map(ToOwned::to_owned).collect()
    }

    /// The content of a file, to be read.
    pub fn open(&self, path: &Path) -> Option<Result<File>> {
        self.content(path)
            .map(|content| fs::in_memory(content).context(|| format!("open {}", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(paths: &[&str]) -> Result<Memory> {
        let file = || MemoryFile { content: b"x".to_vec(), mode: 0o750 };
        let files = paths.iter().map(|path| ((*path).to_owned(), file())).collect();
        Memory::new(&files, Timestamp::default())
    }

    #[test]
    fn files_bring_their_directories() {
        let files = memory(&["a/b/c", "./a/d", "/e"]).unwrap();
        assert_eq!(files.children(Path::new("")), ["a", "e"]);
        assert_eq!(files.children(Path::new("a")), ["b", "d"]);
        assert_eq!(files.get(Path::new("a")).unwrap().kind, EntryKind::Directory);
        assert_eq!(files.get(Path::new("a/d")).unwrap().mode, 0o750);
    }

    #[test]
    fn paths_that_lead_outside_or_contradict_each_other_are_refused() {
        for paths in
            [&["../x"][..], &["a/../x"], &[""], &["/"], &["a/"], &["a", "a/b"], &["a", "./a"], &["a\0"]]
        {
            let Err(error) = memory(paths) else { panic!("{paths:?} are taken") };
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
    }
}
