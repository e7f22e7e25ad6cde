//! What is in an archive or a layout: small files in memory, layers taken in as they stream by.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::ingest::{self, Ingested, Progress};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::{self, Entry, EntryKind, TarReader};
use crate::spec::{DOCUMENT_LIMIT, Descriptor};
use crate::store::Store;
use crate::task::Task;

/// Files of up to this many bytes stay in memory until it is known what they are.
const SMALL: u64 = 64 * 1024;

/// One file of an archive.
enum Item {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// Taken in as a layer, or why it is none.
    Layer(Result<Box<Ingested>>),
    /// Another name of a file.
    Alias(PathBuf),
    /// A file on the disk, not read yet.
    File(PathBuf),
}

/// The files of an archive or a layout by path.
pub struct Contents<'a> {
    store: &'a Store,
    task: &'a Task,
    items: BTreeMap<PathBuf, Item>,
}

impl<'a> Contents<'a> {
    /// Reads a whole tar, compressed or not, in one pass.
    pub fn of_tar(store: &'a Store, reader: impl Read + Send, task: &'a Task) -> Result<Self> {
        let mut contents = Contents { store, task, items: BTreeMap::new() };
        let (_, decoded) = layer::decoder(reader, store.limits())?;
        let mut tar = TarReader::new(decoded, store.limits());
        while let Some(entry) = tar.next()? {
            task.check()?;
            let item = match entry.kind {
                EntryKind::File => contents.take_in(&entry, &mut tar)?,
                EntryKind::Symlink => {
                    Item::Alias(join(entry.path.parent().unwrap_or(Path::new("")), &entry.link))
                }
                EntryKind::Hardlink => Item::Alias(entry.link.clone()),
                _ => continue,
            };
            contents.items.insert(entry.path, item);
        }
        Ok(contents)
    }

    /// An OCI layout directory. Files are read when they are asked for; links are not followed.
    pub fn of_directory(store: &'a Store, path: &Path, task: &'a Task) -> Result<Self> {
        let mut contents = Contents { store, task, items: BTreeMap::new() };
        for folder in ["", "blobs/sha256"] {
            for name in fs::list(&path.join(folder))? {
                let file = path.join(folder).join(&name);
                if fs::stat(&file)?.is_some_and(|found| found.is_file()) {
                    contents.items.insert(Path::new(folder).join(name), Item::File(file));
                }
            }
        }
        Ok(contents)
    }

    fn progress(&self, id: &Path, total: u64) -> Progress<'a> {
        Progress { operation: "load", id: id.display().to_string(), total, task: self.task }
    }

    fn take_in(&self, entry: &Entry, tar: &mut impl Read) -> Result<Item> {
        let mut start = Vec::new();
        tar.take(SMALL).read_to_end(&mut start).context(|| "read archive")?;
        let is_document = entry.size <= DOCUMENT_LIMIT && matches!(start.first(), Some(b'{' | b'['));
        if entry.size <= SMALL || is_document {
            tar.read_to_end(&mut start).context(|| "read archive")?;
            return Ok(Item::Bytes(start));
        }
        let reader = std::io::Cursor::new(start).chain(tar);
        self.layer_item(&entry.path, reader, entry.size)
    }

    /// A file that is no layer only matters if an image calls it one. A cancel or the store's own trouble matters at once.
    fn layer_item(&self, path: &Path, reader: impl Read, size: u64) -> Result<Item> {
        match ingest::keep(self.store, reader, &self.progress(path, size)) {
            Ok(layer) => Ok(Item::Layer(Ok(Box::new(layer)))),
            Err(error) if matches!(error.kind(), ErrorKind::InvalidImage | ErrorKind::Unsupported) => {
                Ok(Item::Layer(Err(error)))
            }
            Err(error) => Err(error),
        }
    }

    /// Follows aliases. A chain of them that does not end is none.
    fn resolve(&self, path: &Path) -> PathBuf {
        let mut path = path.to_owned();
        for _ in 0..16 {
            match self.items.get(&path) {
                Some(Item::Alias(target)) => path = target.clone(),
                _ => break,
            }
        }
        path
    }

    /// The bytes of a small file; `None` when there is no such file.
    pub fn document(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match self.items.get(&self.resolve(path)) {
            Some(Item::Bytes(bytes)) => Ok(Some(bytes.clone())),
            Some(Item::File(file)) => fs::read(file, DOCUMENT_LIMIT).map(Some),
            Some(Item::Layer(_)) => Err(Error::new(
                ErrorKind::InvalidImage,
                format!("{} goes over the limit of {DOCUMENT_LIMIT} bytes for a document", path.display()),
            )),
            Some(Item::Alias(_)) | None => Ok(None),
        }
    }

    /// The checked bytes of a document blob of a layout; `None` when it is not there.
    pub fn blob(&self, digest: Digest) -> Result<Option<Vec<u8>>> {
        let Some(bytes) = self.document(&blob_path(digest))? else { return Ok(None) };
        let found = Digest::of(&bytes);
        if found != digest {
            return Err(Error::new(
                ErrorKind::DigestMismatch,
                format!("blob {digest} of the archive is damaged: its bytes give {found}"),
            ));
        }
        Ok(Some(bytes))
    }

    /// The descriptor of a file as a layer, which is taken in for that and kept.
    pub fn describe_layer(&mut self, path: &Path) -> Result<Descriptor> {
        let path = self.resolve(path);
        let layer = self.take_layer(&path)?.ok_or_else(|| {
            Error::new(ErrorKind::InvalidImage, format!("layer {} is not in the archive", path.display()))
        })?;
        let descriptor = Descriptor::new(&layer.1.media_type, layer.0.digest, layer.0.size);
        self.items.insert(path, Item::Layer(Ok(Box::new(layer))));
        Ok(descriptor)
    }

    /// Takes a file out as a layer; the second time, and for a file that is not there, `None`.
    pub fn take_layer(&mut self, path: &Path) -> Result<Option<Ingested>> {
        let path = self.resolve(path);
        let item = match self.items.remove(&path) {
            Some(Item::Bytes(bytes)) => self.layer_item(&path, bytes.as_slice(), bytes.len() as u64)?,
            Some(Item::File(file)) => {
                let opened = fs::open(&file)?;
                let size = opened.metadata().context(|| format!("stat {}", file.display()))?.len();
                self.layer_item(&path, opened, size)?
            }
            Some(item) => item,
            None => return Ok(None),
        };
        match item {
            Item::Layer(layer) => {
                layer.map(|layer| Some(*layer)).context(|| format!("layer {}", path.display()))
            }
            _ => Ok(None),
        }
    }
}

/// Where a layout keeps a blob.
pub fn blob_path(digest: Digest) -> PathBuf {
    Path::new("blobs/sha256").join(digest.hex())
}

/// Joins a link to the folder it stands in; above the root there is nothing.
fn join(folder: &Path, link: &Path) -> PathBuf {
    let mut path = folder.to_owned();
    for part in link.components() {
        match part {
            std::path::Component::ParentDir => drop(path.pop()),
            std::path::Component::Normal(name) => path.push(name),
            std::path::Component::RootDir => path = PathBuf::new(),
            _ => {}
        }
    }
    path
}
