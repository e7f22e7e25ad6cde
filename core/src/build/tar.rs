//! Layers that are made from a list of entries, without anything being unpacked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Build;
use super::context::Files;
use super::digests::Stamped;
use super::stage::Stage;
use crate::archive::{Ingested, written};
use crate::container::user;
use crate::digest::{Digest, DigestReader};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::layer::{Entry, EntryKind, LayerWriter, TarWriter, Timestamp, Toc, Tree};

/// An entry of a layer to be made, and where its content is.
pub struct Item<'f> {
    /// The entry at its destination.
    pub entry: Entry,
    /// Where its content is, for a file.
    pub body: Option<Body<'f>>,
    /// What its file is known by, if that has other names, too.
    pub inode: Option<Inode>,
}

/// The content of a file: where it is, and its path there.
pub struct Body<'f> {
    /// Where it is.
    pub files: &'f dyn Files,
    /// Its path there.
    pub path: PathBuf,
    /// What told whether the file is unchanged when it was found.
    pub stamp: Option<Stamped>,
}

impl<'f> Body<'f> {
    /// The content of a file that was just found.
    pub fn new(files: &'f dyn Files, path: &Path) -> Result<Self> {
        Ok(Body { files, path: path.to_owned(), stamp: Stamped::found(files, path)? })
    }

    /// Opens it.
    pub fn open(&self) -> Result<std::fs::File> {
        self.files.open(&self.path)
    }
}

/// A file with several names: the number of its source, and its device and inode there.
pub type Inode = (u64, u64, u64);

/// Entries of a layer by path, sorted.
pub type Items<'f> = BTreeMap<PathBuf, Item<'f>>;

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
                items.insert(parent.to_owned(), Item { entry, body: None, inode: None });
            }
        }
    }
    Ok(())
}

/// A directory and its parents where the image does not have them. Something else in its place is an error.
pub fn missing_directories(tree: &Tree, path: &Path, time: Timestamp) -> Result<Items<'static>> {
    let path = tree.resolve(path, true)?;
    let mut items = Items::new();
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
            items.insert(path, Item { entry, body: None, inode: None });
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
        items.values_mut().for_each(|item| (item.entry.uid, item.entry.gid) = owner);
    }
    write_layer(build, &items).map(|(layer, _)| Some(layer))
}

/// Writes the items as a layer. Also returns the digest of each content, in order.
pub fn write_layer(build: &Build<'_>, items: &Items<'_>) -> Result<(Ingested, Vec<Digest>)> {
    let writer = LayerWriter::new(build.store.blob_writer(), build.options.compression.into())?;
    let mut tar = TarWriter::new(writer);
    let mut toc = Toc::default();
    let mut digests = Vec::new();
    let mut known = build.digests.open(build.store);
    for item in items.values() {
        build.task.check()?;
        let mut entry = item.entry.clone();
        if let Some(epoch) = build.epoch.filter(|epoch| entry.mtime.seconds >= *epoch) {
            entry.mtime = Timestamp { seconds: epoch, nanoseconds: 0 };
        }
        entry.mtime.nanoseconds = 0;
        match &item.body {
            Some(body) => {
                let known = known.of(body.files)?;
                let mut reader = DigestReader::new(body.open()?);
                tar.append(&entry, &mut reader).context(|| format!("copy {}", body.path.display()))?;
                let digest = reader.finish().0;
                known.learn(body, digest)?;
                digests.push(digest);
            }
            None => tar.append(&entry, &mut std::io::empty())?,
        }
        toc.entries.push(entry);
    }
    known.save()?;
    Ok((written(tar.finish()?, toc)?, digests))
}

/// The digest of each content, in the order that [`write_layer`] has them.
pub fn hash_contents(build: &Build<'_>, items: &Items<'_>) -> Result<Vec<Digest>> {
    let mut known = build.digests.open(build.store);
    let mut digests = Vec::new();
    for body in items.values().filter_map(|item| item.body.as_ref()) {
        build.task.check()?;
        digests.push(known.of(body.files)?.digest(body)?);
    }
    known.save()?;
    Ok(digests)
}
