//! Layers that are made from a list of entries, without anything being unpacked.

use std::path::Path;

use super::Build;
use super::items::{Item, Items};
use super::stage::Stage;
use crate::archive::{Ingested, Written, finish};
use crate::container::user;
use crate::digest::{Digest, DigestReader};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::layer::{Entry, EntryKind, LayerWriter, TarWriter, Timestamp, Tree};

/// A new directory's attributes: 0755, this owner, this time.
pub fn new_directory(path: &Path, owner: (u32, u32), mtime: Timestamp) -> Entry {
    Entry { uid: owner.0, gid: owner.1, mtime, ..Entry::new(path, EntryKind::Directory, 0o755) }
}

/// The time of new files.
pub fn new_time(epoch: Option<i64>) -> Timestamp {
    Timestamp { seconds: epoch.unwrap_or_else(|| jiff::Timestamp::now().as_second()), nanoseconds: 0 }
}

/// The directories above `path` that are neither in the image nor among the items, added to them. A file in the way is an error.
pub fn add_parents(
    stage_tree: &Tree,
    items: &mut Items<'_>,
    path: &Path,
    owner: (u32, u32),
    mtime: Timestamp,
) -> Result<()> {
    for parent in path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
        let found = match items.get(parent) {
            Some(item) => Some(item.entry.kind),
            None => stage_tree.get(parent).map(|node| node.entry.kind),
        };
        match found {
            Some(EntryKind::Directory) => return Ok(()),
            Some(_) => {
                return Err(Error::new(
                    ErrorKind::BuildFailed,
                    format!("cannot create a file below /{}: it is not a directory", parent.display()),
                ));
            }
            None => {
                let entry = new_directory(parent, owner, mtime);
                items.insert(Item::without_body(entry));
            }
        }
    }
    Ok(())
}

/// A directory and its parents where the image does not have them. Something else in its place is an error.
pub fn missing_directories(tree: &Tree, path: &Path, time: Timestamp) -> Result<Items<'static>> {
    let path = tree.resolve(path, true)?;
    let mut items = Items::default();
    match tree.get(&path) {
        _ if path.as_os_str().is_empty() => {}
        Some(node) if node.is_directory() => {}
        Some(_) => {
            return Err(Error::new(
                ErrorKind::BuildFailed,
                format!("/{} exists and is not a directory", path.display()),
            ));
        }
        None => {
            add_parents(tree, &mut items, &path, (0, 0), time)?;
            let entry = new_directory(&path, (0, 0), time);
            items.insert(Item::without_body(entry));
        }
    }
    Ok(items)
}

/// A layer of these directories, owned by the user of the stage; `None` when there is nothing to make.
pub fn directories(build: &Build<'_>, stage: &mut Stage, path: &Path) -> Result<Option<Ingested>> {
    let mut items = missing_directories(stage.tree(build.store)?, path, new_time(build.epoch))?;
    if items.is_empty() {
        return Ok(None);
    }
    let user = stage.config.config.user.clone();
    if !user.is_empty() {
        let passwd = stage.read_file(build.store, "etc/passwd", build.task)?;
        let group = stage.read_file(build.store, "etc/group", build.task)?;
        // Whom the image does not know is root here, as for BuildKit: RUN will say so.
        let owner = match user::chown_ids(&user, &passwd, &group) {
            Err(error) if error.kind() == ErrorKind::NotFound => (0, 0),
            known => known?,
        };
        items.iter_mut().for_each(|item| (item.entry.uid, item.entry.gid) = owner);
    }
    write_layer(build, items).map(|made| Some(made.into_layer()))
}

/// A layer that was written, and what it is made of.
pub struct Made<'f> {
    /// Its entries.
    pub items: Items<'f>,
    /// The digest of each content, in order.
    pub digests: Vec<Digest>,
    layer: Written,
}

impl Made<'_> {
    /// The layer with its table of contents, which is all that is left of the items.
    pub fn into_layer(self) -> Ingested {
        self.layer.with_toc(self.items.into_toc())
    }
}

/// Writes the items as a layer.
pub fn write_layer<'f>(build: &Build<'_>, mut items: Items<'f>) -> Result<Made<'f>> {
    let writer = LayerWriter::new(build.store.blob_writer(), build.options.compression.into())?;
    let mut tar = TarWriter::new(writer);
    let mut digests = Vec::new();
    let mut known = build.digests.open(build.store);
    for item in items.iter_mut() {
        build.task.check()?;
        let time = &mut item.entry.mtime;
        *time = Timestamp {
            seconds: build.epoch.map_or(time.seconds, |epoch| epoch.min(time.seconds)),
            nanoseconds: 0,
        };
        match &item.body {
            Some(body) => {
                let known = known.of(body.files)?;
                let mut reader = DigestReader::new(body.open()?);
                tar.append(&item.entry, &mut reader).context(|| format!("copy {}", body.path.display()))?;
                let digest = reader.finish().0;
                known.learn(body, digest)?;
                digests.push(digest);
            }
            None => tar.append(&item.entry, &mut std::io::empty())?,
        }
    }
    // What the writer holds is gone before more is.
    let layer = finish(tar.finish()?)?;
    known.save()?;
    Ok(Made { items, digests, layer })
}

/// The digest of each content, in the order that [`write_layer`] has them.
pub fn hash_contents(build: &Build<'_>, items: &Items<'_>) -> Result<Vec<Digest>> {
    let mut known = build.digests.open(build.store);
    let mut digests = Vec::new();
    for body in items.iter().filter_map(|item| item.body.as_ref()) {
        build.task.check()?;
        digests.push(known.of(body.files)?.digest(body)?);
    }
    known.save()?;
    Ok(digests)
}
