//! What a saved archive holds: a tar that is both an OCI layout and a docker-archive, an OCI archive, or an OCI layout directory.
//!
//! Manifests, configs and layers go out as the bytes that are in the store. The same images give the same archive.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::contents::blob_path;
use super::ingest::{Progress, pump};
use super::stream::{Sink, Watched};
use super::{SaveFormat, Target};
use crate::digest::{Digest, DigestReader};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::{Event, LayerState};
use crate::fs;
use crate::layer::{Entry, EntryKind, TarWriter, beside};
use crate::reference::Reference;
use crate::spec::{self, Descriptor, Document, Index};
use crate::store::{IndexContents, Sql, Store, check_blob};
use crate::task::Task;

const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// An image under one manifest, with its names in the archive.
pub struct Package {
    id: Digest,
    manifest: Descriptor,
    layers: Vec<Digest>,
    names: Vec<Reference>,
    /// The index that stands for it in an OCI layout.
    index: Option<WholeIndex>,
}

/// An index with all that it lists.
pub struct WholeIndex {
    descriptor: Descriptor,
    bytes: Vec<u8>,
    contents: IndexContents,
}

impl WholeIndex {
    /// An index whose manifests are in the store; it need not be there itself.
    pub fn new(store: &Store, media_type: &str, bytes: Vec<u8>) -> Result<Self> {
        let descriptor = Descriptor::of(media_type, &bytes);
        match Document::parse(&bytes, &format!("index {}", descriptor.digest))? {
            Document::Index(index) => {
                Ok(WholeIndex { contents: store.contents_of(&index)?, descriptor, bytes })
            }
            Document::Manifest(_) => {
                Err(Error::new(ErrorKind::InvalidImage, format!("index {} is a manifest", descriptor.digest)))
            }
        }
    }

    /// Its digest.
    pub fn digest(&self) -> Digest {
        self.descriptor.digest
    }

    /// What it leads to: manifests, configs and layers.
    pub fn blobs(&self) -> impl Iterator<Item = Digest> {
        self.contents.documents.iter().chain(&self.contents.layers).copied()
    }
}

impl Package {
    /// An image of the store.
    pub fn new(
        store: &Store,
        db: &Connection,
        (id, manifest): (Digest, Digest),
        names: Vec<Reference>,
    ) -> Result<Self> {
        let row = db.first(
            "SELECT media_type, size FROM manifests JOIN blobs USING (digest) WHERE digest = ?",
            [manifest],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)? as u64)),
        )?;
        let (media_type, size) =
            row.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no such manifest: {manifest}")))?;
        let layers = store.layers(db, manifest)?.into_iter().map(|layer| layer.digest).collect();
        let manifest = Descriptor::new(&media_type, manifest, size);
        Ok(Package { id, manifest, layers, names, index: None })
    }

    /// The same, with the index that it came through.
    #[must_use]
    pub fn with_index(self, index: Option<WholeIndex>) -> Self {
        Package { index, ..self }
    }

    /// The digest of its manifest.
    pub fn manifest(&self) -> Digest {
        self.manifest.digest
    }

    /// Its ID.
    pub fn id(&self) -> Digest {
        self.id
    }

    /// Gives it one more name.
    pub fn add_name(&mut self, name: Reference) {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }

    /// What an OCI layout lists: the index, or else the manifest.
    fn top(&self, format: SaveFormat) -> &Descriptor {
        match self.index(format) {
            Some(index) => &index.descriptor,
            None => &self.manifest,
        }
    }

    /// A docker-archive has no place for an index.
    fn index(&self, format: SaveFormat) -> Option<&WholeIndex> {
        self.index.as_ref().filter(|_| format != SaveFormat::Docker)
    }
}

/// Writes an archive. Atomic for a path: a failure leaves what was there. Like what `cp` writes, it is not flushed to the disk.
pub fn pack(
    store: &Store,
    packages: &[Package],
    target: Target,
    format: SaveFormat,
    task: &Task,
) -> Result<()> {
    let documents = documents(packages, format)?;
    let blobs = blobs(packages, format);
    match (format, target) {
        (SaveFormat::OciDir, Target::Path(path)) => save_directory(store, &path, &blobs, &documents, task),
        (SaveFormat::OciDir, _) => Err(Error::new(
            ErrorKind::InvalidArgument,
            "the format oci-dir is a directory: it is saved to a path, not to a stream",
        )),
        (_, target) => save_tar(store, target, &blobs, &documents, task),
    }
}

/// The files that say what is in the archive.
fn documents(packages: &[Package], format: SaveFormat) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut manifests = Vec::new();
    let mut entries = Vec::new();
    for image in packages {
        let descriptor = image.top(format);
        if image.names.is_empty() {
            manifests.push(descriptor.clone());
        }
        for name in &image.names {
            let annotations = BTreeMap::from([
                ("io.containerd.image.name".to_owned(), name.canonical()),
                ("org.opencontainers.image.ref.name".to_owned(), name.tag().unwrap_or_default().to_owned()),
            ]);
            manifests.push(Descriptor { annotations, ..descriptor.clone() });
        }
        let tags: Vec<String> = image.names.iter().map(Reference::to_string).collect();
        entries.push(json!({
            "Config": blob_path(image.id),
            "RepoTags": if tags.is_empty() { Value::Null } else { tags.into() },
            "Layers": image.layers.iter().map(|layer| blob_path(*layer)).collect::<Vec<_>>(),
        }));
    }
    let mut documents = vec![
        (PathBuf::from("oci-layout"), OCI_LAYOUT.to_vec()),
        (PathBuf::from("index.json"), spec::to_bytes(&Index::new(manifests))?),
    ];
    if format == SaveFormat::Docker {
        documents.push((PathBuf::from("manifest.json"), spec::to_bytes(&entries)?));
    }
    Ok(documents)
}

/// A blob of an archive.
enum Content<'a> {
    /// A manifest, an index or a config of the store.
    Document,
    /// A layer of the store.
    Layer,
    /// These bytes.
    Bytes(&'a [u8]),
}

/// Every blob once: manifests, configs, then layers.
fn blobs(packages: &[Package], format: SaveFormat) -> Vec<(Digest, Content<'_>)> {
    let mut seen = BTreeSet::new();
    let mut blobs = Vec::new();
    let mut add = |digest, content| {
        if seen.insert(digest) {
            blobs.push((digest, content));
        }
    };
    for package in packages {
        if let Some(index) = package.index(format) {
            add(index.digest(), Content::Bytes(&index.bytes));
            index.contents.documents.iter().for_each(|digest| add(*digest, Content::Document));
        }
        add(package.manifest.digest, Content::Document);
        add(package.id, Content::Document);
    }
    for package in packages {
        let others = package.index(format).map(|index| &index.contents.layers);
        let layers = package.layers.iter().chain(others.into_iter().flatten());
        layers.for_each(|digest| add(*digest, Content::Layer));
    }
    blobs
}

fn save_tar(
    store: &Store,
    target: Target,
    blobs: &[(Digest, Content<'_>)],
    documents: &[(PathBuf, Vec<u8>)],
    task: &Task,
) -> Result<()> {
    let mut tar = TarWriter::new(Sink::open(target, task)?);
    for folder in ["blobs", "blobs/sha256"] {
        tar.append(&Entry::new(folder, EntryKind::Directory, 0o755), &mut std::io::empty())?;
    }
    for (path, bytes) in documents {
        tar.append(&file(path, bytes.len() as u64), &mut Cursor::new(bytes))?;
    }
    for (digest, content) in blobs {
        match content {
            Content::Bytes(bytes) => save_bytes(&mut tar, *digest, bytes)?,
            Content::Document => save_bytes(&mut tar, *digest, &store.document(*digest)?)?,
            Content::Layer => save_layer(store, &mut tar, *digest, task)?,
        }
    }
    tar.finish()?.commit()
}

fn save_bytes(tar: &mut TarWriter<Sink>, digest: Digest, bytes: &[u8]) -> Result<()> {
    tar.append(&file(&blob_path(digest), bytes.len() as u64), &mut Cursor::new(bytes))
}

/// A layer is read on this thread, written on another, checked on a third.
fn save_layer(store: &Store, tar: &mut TarWriter<Sink>, digest: Digest, task: &Task) -> Result<()> {
    let blob = store.blob(digest)?;
    let size = blob.size;
    let entry = file(&blob_path(digest), size);
    let progress = Progress { operation: "save", id: digest.to_string(), total: size, task };
    beside(
        |hashed| {
            beside(
                |written| pump(blob.unchecked(), &written, &progress, |bytes| hashed.copy(bytes)),
                |mut blocks| tar.append(&entry, &mut blocks),
            )
        },
        |blocks| {
            let mut reader = DigestReader::new(blocks);
            std::io::copy(&mut reader, &mut std::io::sink()).context(|| "read blob")?;
            check_blob(digest, size, reader.finish())
        },
    )
    .context(|| format!("save blob {digest}"))?;
    progress.emit(LayerState::Done, size)
}

fn file(path: &Path, size: u64) -> Entry {
    Entry { size, ..Entry::new(path, EntryKind::File, 0o644) }
}

fn tell(
    task: &Task,
    is_layer: bool,
    digest: Digest,
    state: LayerState,
    bytes: u64,
    total: u64,
) -> Result<()> {
    if !is_layer {
        return task.check();
    }
    task.emit(&Event::Layer { operation: "save", id: digest.to_string(), state, bytes, total })
}

/// Writes a layout beside its place and moves it there when it is whole.
fn save_directory(
    store: &Store,
    path: &Path,
    blobs: &[(Digest, Content<'_>)],
    documents: &[(PathBuf, Vec<u8>)],
    task: &Task,
) -> Result<()> {
    if !fs::list(path)?.is_empty() {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("{} exists and is not empty", path.display()),
        ));
    }
    let folder = fs::temporary_directory(fs::parent(path), ".layerkit-")?;
    fs::set_mode(folder.path(), 0o755)?;
    let blobs_folder = folder.path().join("blobs/sha256");
    fs::create_dir_all(&blobs_folder)?;
    for (name, bytes) in documents {
        write_file(&folder.path().join(name), &mut Cursor::new(bytes))?;
    }
    for (digest, content) in blobs {
        let file = folder.path().join(blob_path(*digest));
        if let Content::Bytes(bytes) = content {
            write_file(&file, &mut Cursor::new(bytes))?;
            continue;
        }
        let is_layer = matches!(content, Content::Layer);
        tell(task, is_layer, *digest, LayerState::Started, 0, 0)?;
        let linked = match store.blob_file(*digest)? {
            Some(stored) => fs::hard_link(&stored, &file).is_ok(),
            None => false,
        };
        let blob = store.blob(*digest)?;
        let size = blob.size;
        if !linked {
            // Another file system, or one that is not linked: copied, and checked on the way.
            write_file(&file, &mut Watched { reader: blob.reader(), task })
                .context(|| format!("save blob {digest}"))?;
        }
        tell(task, is_layer, *digest, LayerState::Done, size, size)?;
    }
    fs::sync_filesystem(folder.path())?;
    fs::place_directory(folder, path)
}

fn write_file(path: &Path, reader: &mut dyn Read) -> Result<()> {
    let mut file = fs::create_new(path)?;
    std::io::copy(reader, &mut file).context(|| format!("write {}", path.display()))?;
    file.flush().context(|| format!("write {}", path.display()))?;
    fs::set_mode(path, 0o644)
}
