//! Load: every image of a docker-archive (old and new), an OCI archive or an OCI layout directory.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::contents::{Contents, blob_path};
use super::ingest::{Ingested, check_diff_id};
use super::stream::open_source;
use super::{LoadOptions, LoadedImage, Source};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::{Event, LayerState};
use crate::fs;
use crate::media_type;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::spec::{self, Descriptor, Document, ImageConfig, Index, Manifest};
use crate::store::{NewImage, Store};
use crate::task::Task;

/// How deep an index may be nested in another.
const MAX_NESTING: u32 = 4;
/// The full name that containerd and BuildKit put beside a manifest.
const NAME_ANNOTATION: &str = "io.containerd.image.name";
/// The name, often the tag alone, of the OCI layout's own specification.
const REF_ANNOTATION: &str = "org.opencontainers.image.ref.name";

/// One line of a docker-archive's `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ArchiveEntry {
    config: PathBuf,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<PathBuf>>,
    #[serde(default)]
    parent: Option<String>,
}

/// An image that was found, with where its layers are in the archive.
struct Found {
    image: NewImage,
    id: Digest,
    layers: Vec<PathBuf>,
    names: Vec<Reference>,
}

/// Loads every image. Atomic: a failure leaves none of them.
pub fn load(store: &Store, source: Source, _options: &LoadOptions, task: &Task) -> Result<Vec<LoadedImage>> {
    let what = match &source {
        Source::Path(path) => path.display().to_string(),
        Source::Fd(_) | Source::Stream(_) => "the archive".into(),
    };
    let directory = match &source {
        Source::Path(path) if fs::is_directory(path) => Some(path.clone()),
        _ => None,
    };
    task.check()?;
    let contents = match directory {
        Some(path) => Contents::of_directory(store, &path, task),
        None => open_source(source, task).and_then(|(reader, _)| Contents::of_tar(store, reader, task)),
    };
    contents.and_then(|contents| load_contents(store, contents, task)).context(|| format!("load {what}"))
}

/// Loads one image of an OCI layout directory, under no name, and returns its ID: the one with this digest, or else this tag
/// (`latest` when none is given, or the only one that is there). An index stands for its manifest for `platform`.
pub fn load_layout(
    store: &Store,
    directory: &Path,
    tag: Option<&str>,
    digest: Option<Digest>,
    platform: &Platform,
    task: &Task,
) -> Result<Digest> {
    let mut contents = Contents::of_directory(store, directory, task)?;
    let Some(bytes) = contents.document(Path::new("index.json"))? else {
        return Err(Error::new(ErrorKind::NotFound, "it is no OCI layout: it has no index.json"));
    };
    let Document::Index(index) = Document::parse(&bytes, "index.json")? else {
        return Err(Error::new(ErrorKind::InvalidImage, "index.json is not an index"));
    };
    let tagged = |wanted: &str| {
        index.manifests.iter().find(|descriptor| {
            let named = |key| descriptor.annotations.get(key).map(String::as_str);
            let full = named(NAME_ANNOTATION).and_then(|name| name.rsplit_once(':')).map(|(_, tag)| tag);
            named(REF_ANNOTATION) == Some(wanted) || full == Some(wanted)
        })
    };
    let descriptor = match (digest, tag) {
        (Some(digest), _) => {
            let size = contents.blob(digest)?.map_or(0, |bytes| bytes.len() as u64);
            let known = index.manifests.iter().find(|descriptor| descriptor.digest == digest).cloned();
            known.or_else(|| (size > 0).then(|| Descriptor::new(media_type::OCI_MANIFEST, digest, size)))
        }
        (None, Some(tag)) => tagged(tag).cloned(),
        (None, None) => {
            tagged("latest").or(index.manifests.first().filter(|_| index.manifests.len() == 1)).cloned()
        }
    };
    let wanted = digest.map_or_else(|| tag.unwrap_or("latest").to_owned(), |digest| digest.to_string());
    let Some(descriptor) = descriptor else {
        return Err(Error::new(ErrorKind::NotFound, format!("there is no image {wanted} in it")));
    };
    let Some((_, bytes, manifest)) = select(&contents, &descriptor, 0, platform)? else {
        return Err(Error::new(ErrorKind::NotFound, format!("image {wanted} is not there for {platform}")));
    };
    let found = vec![oci_image(&contents, OciManifest { bytes, manifest, names: Vec::new() })?];
    let id = found[0].id;
    let (found, layers) = collect_layers(store, &mut contents, found, task)?;
    commit(store, found, layers, task).map(|_| id)
}

fn load_contents(store: &Store, mut contents: Contents<'_>, task: &Task) -> Result<Vec<LoadedImage>> {
    let manifests = oci_manifests(&contents)?;
    let found = match contents.document(Path::new("manifest.json"))? {
        Some(bytes) => docker_images(&mut contents, &bytes, &manifests)?,
        None if manifests.is_empty() => {
            return Err(Error::new(
                ErrorKind::InvalidImage,
                "neither a docker-archive (it has no manifest.json) nor an OCI layout (it has no index.json)",
            ));
        }
        None => {
            manifests.into_iter().map(|manifest| oci_image(&contents, manifest)).collect::<Result<_>>()?
        }
    };
    let (found, layers) = collect_layers(store, &mut contents, found, task)?;
    commit(store, found, layers, task)
}

/// A manifest of an OCI layout with the names it has there.
struct OciManifest {
    bytes: Vec<u8>,
    manifest: Manifest,
    names: Vec<Reference>,
}

/// The manifests that `index.json` leads to, one entry for each manifest.
fn oci_manifests(contents: &Contents<'_>) -> Result<Vec<OciManifest>> {
    let Some(bytes) = contents.document(Path::new("index.json"))? else { return Ok(Vec::new()) };
    let Document::Index(index) = Document::parse(&bytes, "index.json")? else {
        return Err(Error::new(ErrorKind::InvalidImage, "index.json is not an index"));
    };
    let mut found: Vec<(Digest, OciManifest)> = Vec::new();
    for descriptor in &index.manifests {
        let name = name_of(descriptor);
        let Some((digest, bytes, manifest)) = select(contents, descriptor, 0, &Platform::host())? else {
            continue;
        };
        match found.iter_mut().find(|(known, _)| *known == digest) {
            Some((_, known)) => known.names.extend(name),
            None => found.push((digest, OciManifest { bytes, manifest, names: name.into_iter().collect() })),
        }
    }
    Ok(found.into_iter().map(|(_, manifest)| manifest).collect())
}

/// The name in a descriptor's annotations, unless it is a tag alone.
fn name_of(descriptor: &Descriptor) -> Option<Reference> {
    let full = descriptor.annotations.get(NAME_ANNOTATION);
    let short = descriptor.annotations.get(REF_ANNOTATION).filter(|name| name.contains([':', '/']));
    full.or(short).and_then(|name| Reference::for_tagging(name).ok())
}

/// The manifest a descriptor means: itself, or of an index the one for a platform, or the only one that is there.
fn select(
    contents: &Contents<'_>,
    descriptor: &Descriptor,
    depth: u32,
    wanted: &Platform,
) -> Result<Option<(Digest, Vec<u8>, Manifest)>> {
    let digest = descriptor.digest;
    let Some(bytes) = contents.blob(digest)? else {
        return match depth {
            0 => Err(Error::new(ErrorKind::InvalidImage, format!("manifest {digest} is not in the archive"))),
            _ => Ok(None),
        };
    };
    let index = match Document::parse(&bytes, &format!("manifest {digest}"))? {
        Document::Manifest(manifest) => return Ok(Some((digest, bytes, *manifest))),
        Document::Index(index) => index,
    };
    if depth == MAX_NESTING {
        return Err(Error::new(
            ErrorKind::InvalidImage,
            format!("index {digest}: indexes are nested too deep"),
        ));
    }
    select_platform(contents, &index, depth, wanted)
}

fn select_platform(
    contents: &Contents<'_>,
    index: &Index,
    depth: u32,
    wanted: &Platform,
) -> Result<Option<(Digest, Vec<u8>, Manifest)>> {
    let fits = |descriptor: &&Descriptor| match &descriptor.platform {
        Some(platform) => platform.os == wanted.os && platform.architecture == wanted.architecture,
        None => false,
    };
    let real = |descriptor: &&Descriptor| {
        descriptor.platform.as_ref().is_none_or(|platform| platform.os != "unknown")
    };
    for descriptor in index.manifests.iter().filter(fits).chain(index.manifests.iter().filter(real)) {
        if let Some(found) = select(contents, descriptor, depth + 1, wanted)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn oci_image(contents: &Contents<'_>, found: OciManifest) -> Result<Found> {
    let id = found.manifest.config.digest;
    let config = contents.blob(id)?.ok_or_else(|| {
        Error::new(ErrorKind::InvalidImage, format!("image config {id} is not in the archive"))
    })?;
    Ok(Found {
        id,
        layers: found.manifest.layers.iter().map(|layer| blob_path(layer.digest)).collect(),
        image: NewImage {
            config,
            media_type: found.manifest.kind().to_owned(),
            manifest: found.bytes,
            parent: None,
            made: false,
        },
        names: found.names,
    })
}

/// The images of `manifest.json`. One that the layout beside it has too keeps its manifest; for the others one is made.
fn docker_images(contents: &mut Contents<'_>, bytes: &[u8], manifests: &[OciManifest]) -> Result<Vec<Found>> {
    let entries: Vec<ArchiveEntry> = spec::parse(bytes, "manifest.json")?;
    let mut made: BTreeMap<PathBuf, Descriptor> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in entries {
        let config = contents.document(&entry.config)?.ok_or_else(|| {
            let message = format!("image config {} is not in the archive", entry.config.display());
            Error::new(ErrorKind::InvalidImage, message)
        })?;
        let id = Digest::of(&config);
        let names = entry.repo_tags.unwrap_or_default();
        let names = names.iter().map(|name| Reference::for_tagging(name)).collect::<Result<Vec<_>>>()?;
        let parent = entry.parent.as_deref().and_then(|parent| parent.parse().ok());
        if let Some(known) = manifests.iter().find(|known| known.manifest.config.digest == id) {
            let known = OciManifest { bytes: known.bytes.clone(), manifest: known.manifest.clone(), names };
            let mut image = oci_image(contents, known)?;
            image.image.parent = parent;
            found.push(image);
            continue;
        }
        let layers = entry.layers.unwrap_or_default();
        let mut descriptors = Vec::new();
        for path in &layers {
            if let Some(descriptor) = made.get(path) {
                descriptors.push(descriptor.clone());
                continue;
            }
            let descriptor = contents.describe_layer(path)?;
            made.insert(path.clone(), descriptor.clone());
            descriptors.push(descriptor);
        }
        let manifest = Manifest::new(Descriptor::of(media_type::OCI_CONFIG, &config), descriptors);
        found.push(Found {
            id,
            layers,
            names,
            image: NewImage {
                config,
                manifest: spec::to_bytes(&manifest)?,
                media_type: media_type::OCI_MANIFEST.into(),
                parent,
                made: true,
            },
        });
    }
    Ok(found)
}

/// Takes out every layer once, and checks that they are what manifests and configs say.
fn collect_layers(
    store: &Store,
    contents: &mut Contents<'_>,
    found: Vec<Found>,
    task: &Task,
) -> Result<(Vec<Found>, Vec<Ingested>)> {
    let mut layers: BTreeMap<Digest, Ingested> = BTreeMap::new();
    for image in &found {
        let config: ImageConfig = spec::parse(&image.image.config, &format!("image config {}", image.id))?;
        config.validate()?;
        let manifest: Manifest = spec::parse(&image.image.manifest, "manifest")?;
        let diff_ids = &config.rootfs.diff_ids;
        if manifest.layers.len() != diff_ids.len() {
            return Err(Error::new(
                ErrorKind::InvalidImage,
                format!(
                    "image {}: {} layers, but its config has {} DiffIDs",
                    image.id,
                    manifest.layers.len(),
                    diff_ids.len()
                ),
            ));
        }
        for ((descriptor, path), diff_id) in manifest.layers.iter().zip(&image.layers).zip(diff_ids) {
            let (_, layer) = match layers.entry(descriptor.digest) {
                Slot::Occupied(slot) => slot.into_mut(),
                Slot::Vacant(slot) => match take_layer(store, contents, descriptor, path, *diff_id, task)? {
                    Some(layer) => slot.insert(layer),
                    None => continue,
                },
            };
            check_diff_id(&path.display().to_string(), layer, *diff_id)?;
            if !descriptor.media_type.is_empty() {
                layer.media_type = descriptor.media_type.clone();
            }
        }
    }
    Ok((found, layers.into_values().collect()))
}

/// A layer of the archive, checked against its digest; `None` for one that is not in it, but in the store.
fn take_layer(
    store: &Store,
    contents: &mut Contents<'_>,
    descriptor: &Descriptor,
    path: &Path,
    diff_id: Digest,
    task: &Task,
) -> Result<Option<Ingested>> {
    let digest = descriptor.digest;
    match contents.take_layer(path)? {
        Some(layer) if layer.0.digest != digest => Err(Error::new(
            ErrorKind::DigestMismatch,
            format!("layer {digest} of the archive is damaged: its bytes give {}", layer.0.digest),
        )),
        Some(layer) => Ok(Some(layer)),
        None if store.has_layer(digest, diff_id)? => {
            let (id, total) = (digest.to_string(), descriptor.size);
            task.emit(&Event::Layer { operation: "load", id, state: LayerState::Exists, bytes: 0, total })?;
            Ok(None)
        }
        None => Err(Error::new(
            ErrorKind::InvalidImage,
            format!("layer {} is not in the archive", path.display()),
        )),
    }
}

fn commit(store: &Store, found: Vec<Found>, layers: Vec<Ingested>, task: &Task) -> Result<Vec<LoadedImage>> {
    for (blob, _) in &layers {
        let (id, size) = (blob.digest.to_string(), blob.size);
        let done = Event::Layer { operation: "load", id, state: LayerState::Done, bytes: size, total: size };
        task.emit(&done)?;
    }
    let loaded = store.db().write(|db| {
        store.add_layers(db, layers)?;
        let mut loaded = Vec::new();
        let ids: BTreeSet<Digest> = found.iter().map(|found| found.id).collect();
        for mut found in found {
            let parent_known = match found.image.parent {
                Some(parent) => ids.contains(&parent) || store.record(db, parent)?.is_some(),
                None => false,
            };
            found.image.parent = found.image.parent.filter(|_| parent_known);
            let (id, manifest) = store.add_image(db, found.image)?;
            let mut moved = Vec::new();
            for name in &found.names {
                moved
                    .extend(store.set_name(db, name, id, manifest, None)?.map(|old| (name.to_string(), old)));
            }
            let tags: Vec<String> = found.names.iter().map(Reference::to_string).collect();
            loaded.push((LoadedImage { id: id.to_string(), tags }, moved));
        }
        Ok(loaded)
    })?;
    let mut images = Vec::new();
    for (image, moved) in loaded {
        for (name, old) in moved {
            task.announce(&Event::TagMoved { name, old_id: old.to_string() });
        }
        let names = if image.tags.is_empty() { vec![String::new()] } else { image.tags.clone() };
        for name in names {
            task.announce(&Event::ImageLoaded { id: image.id.clone(), name });
        }
        images.push(image);
    }
    Ok(images)
}
