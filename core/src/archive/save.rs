//! Save: one tar that is both an OCI layout and a docker-archive, an OCI archive, or an OCI layout directory.
//!
//! Manifests, configs and layers go out as the bytes that are in the store. The same images give the same archive.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::contents::blob_path;
use super::ingest::{Progress, pump};
use super::stream::Sink;
use super::{SaveFormat, SaveOptions, Target};
use crate::digest::{Digest, DigestReader};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::{Event, LayerState};
use crate::fs;
use crate::layer::{Entry, EntryKind, TarWriter, beside};
use crate::reference::Reference;
use crate::spec::{self, Descriptor, Index};
use crate::store::{ImageRecord, Lease, Sql, Store, check_blob};
use crate::task::Task;

const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// An image to be saved under one manifest, with its names.
struct Saved {
    record: ImageRecord,
    manifest: Digest,
    media_type: String,
    size: u64,
    layers: Vec<Digest>,
    names: Vec<Reference>,
}

/// Saves images, given by name (a repository without a tag: all its tags) or ID. Atomic for a path: a failure leaves what was
/// there. Like what `cp` writes, an archive is not flushed to the disk.
pub fn save(
    store: &Store,
    images: &[String],
    target: Target,
    options: &SaveOptions,
    task: &Task,
) -> Result<()> {
    if images.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, "no image to save was given"));
    }
    task.check()?;
    let lease = store.lease();
    let saved = choose(store, images, &lease)?;
    let documents = documents(&saved, options.format)?;
    match (options.format, target) {
        (SaveFormat::OciDir, Target::Path(path)) => save_directory(store, &path, &saved, &documents, task),
        (SaveFormat::OciDir, _) => Err(Error::new(
            ErrorKind::InvalidArgument,
            "the format oci-dir is a directory: it is saved to a path, not to a stream",
        )),
        (_, target) => save_tar(store, target, &saved, &documents, task),
    }
}

/// Finds the images, and keeps them from being removed until they are saved.
fn choose(store: &Store, images: &[String], lease: &Lease<'_>) -> Result<Vec<Saved>> {
    store.db().write_relaxed(|db| {
        let mut chosen: Vec<Saved> = Vec::new();
        for image in images {
            let (record, manifest, name) = match store.manifest_of(db, image) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    match all_tags(store, db, image)?.as_slice() {
                        [] => return Err(error),
                        tags => {
                            for name in tags {
                                let (record, manifest, name) = store.manifest_of(db, &name.canonical())?;
                                add(store, db, &mut chosen, record, manifest, name)?;
                            }
                            continue;
                        }
                    }
                }
                other => other?,
            };
            let repository = image
                .parse::<Reference>()
                .ok()
                .filter(|name| name.tag().is_none() && name.digest().is_none());
            match repository.filter(|_| name.is_some()) {
                None => add(store, db, &mut chosen, record, manifest, name)?,
                Some(_) => {
                    for name in all_tags(store, db, image)? {
                        let (record, manifest, name) = store.manifest_of(db, &name.canonical())?;
                        add(store, db, &mut chosen, record, manifest, name)?;
                    }
                }
            }
        }
        for saved in &chosen {
            lease.image(db, saved.record.id)?;
        }
        Ok(chosen)
    })
}

fn all_tags(store: &Store, db: &rusqlite::Connection, image: &str) -> Result<Vec<Reference>> {
    match image.parse::<Reference>() {
        Ok(name) if name.tag().is_none() && name.digest().is_none() => store.names_of_repository(db, &name),
        _ => Ok(Vec::new()),
    }
}

fn add(
    store: &Store,
    db: &rusqlite::Connection,
    chosen: &mut Vec<Saved>,
    record: ImageRecord,
    manifest: Digest,
    name: Option<Reference>,
) -> Result<()> {
    let name = name.filter(|name| name.digest().is_none());
    if let Some(known) = chosen.iter_mut().find(|known| known.manifest == manifest) {
        known.names.extend(name.filter(|name| !known.names.contains(name)));
        return Ok(());
    }
    let row = db.first(
        "SELECT media_type, size FROM manifests JOIN blobs USING (digest) WHERE digest = ?",
        [manifest],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)? as u64)),
    )?;
    let (media_type, size) =
        row.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("no such manifest: {manifest}")))?;
    let layers = store.layers(db, manifest)?.into_iter().map(|layer| layer.digest).collect();
    chosen.push(Saved { record, manifest, media_type, size, layers, names: name.into_iter().collect() });
    Ok(())
}

/// The files that say what is in the archive.
fn documents(saved: &[Saved], format: SaveFormat) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut manifests = Vec::new();
    let mut entries = Vec::new();
    for image in saved {
        let descriptor = Descriptor::new(&image.media_type, image.manifest, image.size);
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
            "Config": blob_path(image.record.id),
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

/// Every blob once: manifests, configs, then layers.
fn blobs(saved: &[Saved]) -> Vec<(Digest, bool)> {
    let mut seen = BTreeSet::new();
    let small = saved.iter().flat_map(|image| [(image.manifest, false), (image.record.id, false)]);
    let layers = saved.iter().flat_map(|image| image.layers.iter().map(|layer| (*layer, true)));
    small.chain(layers).filter(|(digest, _)| seen.insert(*digest)).collect()
}

fn save_tar(
    store: &Store,
    target: Target,
    saved: &[Saved],
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
    for (digest, is_layer) in blobs(saved) {
        let blob = store.blob(digest)?;
        let size = blob.size;
        let entry = file(&blob_path(digest), size);
        if is_layer {
            // Read on this thread, written on another, checked on a third.
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
            progress.emit(LayerState::Done, size)?;
        } else {
            tar.append(&entry, &mut Cursor::new(store.document(digest)?))?;
        }
    }
    tar.finish()?.commit()
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
    saved: &[Saved],
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
    for (digest, is_layer) in blobs(saved) {
        tell(task, is_layer, digest, LayerState::Started, 0, 0)?;
        let file = folder.path().join(blob_path(digest));
        let linked = match store.blob_file(digest)? {
            Some(stored) => fs::hard_link(&stored, &file).is_ok(),
            None => false,
        };
        let blob = store.blob(digest)?;
        let size = blob.size;
        if !linked {
            // Another file system, or one that is not linked: copied, and checked on the way.
            write_file(&file, &mut Watched { reader: blob.reader(), task })
                .context(|| format!("save blob {digest}"))?;
        }
        tell(task, is_layer, digest, LayerState::Done, size, size)?;
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

/// Reads until the task is cancelled.
struct Watched<'a, R> {
    reader: R,
    task: &'a Task,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.task.check().map_err(Error::into_io)?;
        self.reader.read(buffer)
    }
}
