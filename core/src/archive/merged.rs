//! The merged view of a stack of layers on its way into a tar: what survives of each layer, read from it once, in a stream.
//!
//! Knows nothing of where the tar goes. Contents come in the order of their layers, so that nothing waits on a disk; hard links
//! follow the file they link to.

use std::collections::BTreeMap;
use std::io::{Read, empty};

use super::stream::Watched;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::{Event, LayerState};
use crate::layer::{Entry, EntryKind, Node, TarReader, Tree};
use crate::store::{Lease, Store, StoredLayer};
use crate::task::Task;

/// Takes an entry, and for a file its content, which it has to read to the end.
pub type Put<'a> = dyn FnMut(&Entry, &mut dyn Read) -> Result<()> + Send + 'a;

/// A stack of layers and its merged view.
pub struct Merged<'a> {
    /// The store that has them.
    pub store: &'a Store,
    /// The layers, lowest first.
    pub layers: &'a [StoredLayer],
    /// Their merged view, made with the numbers of the layers in the list.
    pub tree: &'a Tree,
}

/// The layers of an image, lowest first, which stay as long as the lease does.
pub fn layers_of(store: &Store, image: &str, lease: &Lease<'_>) -> Result<Vec<StoredLayer>> {
    store.db().write_relaxed(|db| {
        let (record, manifest, _) = store.manifest_of(db, image)?;
        lease.image(db, record.id)?;
        store.layers(db, manifest)
    })
}

/// The merged view of these layers, lowest first.
pub fn merge(store: &Store, layers: &[StoredLayer], task: &Task) -> Result<Tree> {
    let mut tree = Tree::default();
    lay(&mut tree, store, layers, 0, task)?;
    Ok(tree)
}

/// Lays the layers from number `from` on upon a view of those below.
pub fn lay(tree: &mut Tree, store: &Store, layers: &[StoredLayer], from: usize, task: &Task) -> Result<()> {
    for (number, layer) in layers.iter().enumerate().skip(from) {
        let toc = store.toc(layer, &|| task.check())?;
        tree.apply(number as u32, &toc).context(|| format!("layer {}", layer.digest))?;
    }
    Ok(())
}

impl<'a> Merged<'a> {
    /// Everything, for a directory that may be anyone's: directories come last and deepest first, so that their times, and
    /// modes that let nobody write, are set when all is in them. The root itself is left out.
    pub fn everything(&self, put: &mut Put<'_>, task: &Task) -> Result<()> {
        self.files(|_| true, put, task)?;
        self.specials(|_| true, put)?;
        let mut directories: Vec<&Node> = self
            .nodes()
            .filter(|node| node.is_directory() && node.entry.path.file_name().is_some())
            .collect();
        directories.reverse();
        directories.into_iter().try_for_each(|node| put(&node.entry, &mut empty()))
    }

    /// The nodes by path.
    pub fn nodes(&self) -> impl Iterator<Item = &'a Node> + use<'a> {
        self.tree.walk("".as_ref())
    }

    /// Files, layer by layer as each has them.
    pub fn files(&self, wanted: impl Fn(&Node) -> bool, put: &mut Put<'_>, task: &Task) -> Result<()> {
        let mut layers: BTreeMap<u32, BTreeMap<u32, Vec<&Entry>>> = BTreeMap::new();
        for node in self.nodes().filter(|node| node.entry.kind == EntryKind::File && wanted(node)) {
            layers.entry(node.layer).or_default().entry(node.position()).or_default().push(&node.entry);
        }
        for (number, files) in layers {
            let layer = self.layers.get(number as usize);
            let layer = layer.ok_or_else(|| Error::new(ErrorKind::Internal, "a layer has no number"))?;
            let tell = |state| {
                let id = layer.diff_id.to_string();
                task.emit(&Event::Layer { operation: "export", id, state, bytes: 0, total: 0 })
            };
            tell(LayerState::Started)?;
            self.store
                .read_layer(layer, |tar| {
                    copy_files(TarReader::new(tar, self.store.limits()), files, put, task)
                })
                .context(|| format!("export layer {}", layer.digest))?;
            tell(LayerState::Done)?;
        }
        Ok(())
    }

    /// Symlinks, devices and pipes, by path.
    pub fn specials(&self, wanted: impl Fn(&Node) -> bool, put: &mut Put<'_>) -> Result<()> {
        let mut first: BTreeMap<(u32, u32), &Entry> = BTreeMap::new();
        for node in self.nodes() {
            if matches!(node.entry.kind, EntryKind::File | EntryKind::Directory) || !wanted(node) {
                continue;
            }
            match first.get(&(node.layer, node.position())) {
                Some(target) => put(&hard_link(&node.entry, target), &mut empty())?,
                None => {
                    first.insert((node.layer, node.position()), &node.entry);
                    put(&node.entry, &mut empty())?;
                }
            }
        }
        Ok(())
    }
}

/// Copies the entries with these positions out of a layer, each with its other names after it.
fn copy_files<R: Read>(
    mut tar: TarReader<R>,
    files: BTreeMap<u32, Vec<&Entry>>,
    put: &mut Put<'_>,
    task: &Task,
) -> Result<()> {
    let mut read = 0;
    for (position, names) in files {
        advance(&mut tar, &mut read, position, task)?;
        let Some((file, links)) = names.split_first() else { continue };
        put(file, &mut Watched { reader: &mut tar, task })?;
        for link in links {
            put(&hard_link(link, file), &mut empty())?;
        }
    }
    Ok(())
}

/// Goes on to the entry with this number, which is not behind; `read` is how many were read.
pub fn advance<R: Read>(tar: &mut TarReader<R>, read: &mut u32, position: u32, task: &Task) -> Result<Entry> {
    loop {
        task.check()?;
        let fewer = || Error::new(ErrorKind::InvalidImage, "it has fewer entries than its table of contents");
        let entry = tar.next()?.ok_or_else(fewer)?;
        *read += 1;
        if *read > position {
            return Ok(entry);
        }
    }
}

/// Another name of something that was written.
fn hard_link(name: &Entry, target: &Entry) -> Entry {
    Entry { kind: EntryKind::Hardlink, size: 0, link: target.path.clone(), ..name.clone() }
}
