//! The files of an image with their attributes.

use std::collections::HashMap;
use std::iter::once;

use super::{FileKind, FilesOptions, ImageFile, View, absolute};
use crate::error::{Error, ErrorKind, Result};
use crate::layer::{EntryKind, Node};
use crate::store::Store;
use crate::task::Task;

/// Lists a path and what is below it: each directory before what it holds, names sorted.
pub fn list(store: &Store, image: &str, options: &FilesOptions, task: &Task) -> Result<Vec<ImageFile>> {
    let lease = store.lease();
    let view = View::open(store, image, &lease, task)?;
    let path = &view.find(&options.path, options.follow)?.entry.path;
    let names = view.names();
    let file = |node| view.file(node, &names);
    if options.recursive {
        return view.tree.walk(path).map(file).collect();
    }
    let children = view.tree.children(path).filter_map(|name| view.tree.get(&path.join(name)));
    once(path.as_path()).filter_map(|path| view.tree.get(path)).chain(children).map(file).collect()
}

/// How many names there are of each entry of a layer that has several.
type Names = HashMap<(u32, u32), u64>;

impl View<'_> {
    fn names(&self) -> Names {
        let mut names = Names::new();
        for node in self.tree.walk("".as_ref()).filter(|node| !node.is_directory()) {
            *names.entry((node.layer, node.position())).or_default() += 1;
        }
        names.retain(|_, count| *count > 1);
        names
    }

    fn file(&self, node: &Node, names: &Names) -> Result<ImageFile> {
        let entry = &node.entry;
        let kind = match entry.kind {
            EntryKind::File => FileKind::File,
            EntryKind::Directory => FileKind::Directory,
            EntryKind::Symlink => FileKind::Symlink,
            EntryKind::CharDevice => FileKind::CharDevice,
            EntryKind::BlockDevice => FileKind::BlockDevice,
            EntryKind::Fifo => FileKind::Fifo,
            EntryKind::Hardlink => {
                return Err(Error::new(ErrorKind::Internal, "a hard link is left in a merged view"));
            }
        };
        let is_link = kind == FileKind::Symlink;
        let is_device = matches!(kind, FileKind::CharDevice | FileKind::BlockDevice);
        let links = names.get(&(node.layer, node.position())).filter(|_| kind != FileKind::Directory);
        let layer = self.layers.get(node.unpacked_in() as usize);
        Ok(ImageFile {
            path: absolute(&entry.path),
            kind,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            size: if is_link { entry.link.as_os_str().len() as u64 } else { entry.size },
            mtime: entry.mtime.seconds,
            mtime_nanoseconds: entry.mtime.nanoseconds,
            links: links.copied().unwrap_or(1),
            target: is_link.then(|| entry.link.clone()),
            device: is_device.then_some(entry.device),
            layer: layer.map(|layer| layer.digest.to_string()),
        })
    }
}
