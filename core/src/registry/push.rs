//! Push: an image or a whole index of the store goes to a registry, blobs first, what names them last.

use std::collections::BTreeSet;

use super::client::Client;
use super::download::Told;
use super::http::Http;
use super::manifests;
use super::options::{PushOptions, PushedImage};
use super::pull::threads;
use super::shared_cache::Stored;
use super::upload::upload;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, LayerState};
use crate::media_type::{self, DOCKER_LAYER, OCI_LAYER};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::spec::{self, Descriptor, Document, Manifest};
use crate::store::{Lease, NewImage, Sql, Store, StoredLayer};

/// How many repositories are tried as the source of a mount.
const MOUNTS: usize = 2;

/// Pushes a name, or every tag of a repository that is here.
pub fn push(store: &Store, http: &Http<'_>, name: &str, options: &PushOptions) -> Result<Vec<PushedImage>> {
    let reference: Reference = name.parse()?;
    if reference.digest().is_some() {
        return Err(Error::new(ErrorKind::InvalidReference, "cannot push a digest reference"));
    }
    let names = if options.all_tags {
        if reference.tag().is_some() {
            return Err(Error::new(ErrorKind::InvalidArgument, "tag can't be used with --all-tags/-a"));
        }
        store.db().read(|db| store.names_of_repository(db, &reference))?
    } else {
        vec![reference.clone().with_default_tag()]
    };
    if names.is_empty() {
        return Err(not_here(&reference));
    }
    let client = Client::new(http, &reference, options.auth.as_ref())?;
    names.iter().map(|name| push_one(store, &client, name, options)).collect()
}

/// Pushes every name that an image has.
pub fn push_image(
    store: &Store,
    http: &Http<'_>,
    image: &str,
    options: &PushOptions,
) -> Result<Vec<PushedImage>> {
    let names = store.db().read(|db| {
        let id = store.find(db, image)?.id;
        store.names(db, id)
    })?;
    let names: Vec<Reference> = names.into_iter().filter(|name| name.digest().is_none()).collect();
    if names.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("image {image} has no name to be pushed under"),
        ));
    }
    let mut pushed = Vec::new();
    for name in &names {
        let client = Client::new(http, name, options.auth.as_ref())?;
        pushed.push(push_one(store, &client, name, options)?);
    }
    Ok(pushed)
}

fn not_here(name: &Reference) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("An image does not exist locally with the tag: {}", name.familiar_repository()),
    )
    .with("image", name.to_string())
}

/// What is pushed: documents, those that others refer to first and the one with the name last, and the blobs they need.
struct Parcel {
    image: Digest,
    manifest: Digest,
    via: Option<Digest>,
    documents: Vec<(Descriptor, Vec<u8>)>,
    blobs: Vec<(Descriptor, bool)>,
}

fn push_one(
    store: &Store,
    client: &Client<'_>,
    name: &Reference,
    options: &PushOptions,
) -> Result<PushedImage> {
    let runtime = client.http().runtime();
    let task = runtime.task();
    let threads = threads(options.concurrency, client.http())?;
    task.emit(&Event::Resolving { name: name.to_string() })?;
    let lease = store.lease();
    let parcel = pack(store, client, &lease, name, options, threads)?;
    let Some((top, bytes)) = parcel.documents.last() else {
        return Err(Error::new(ErrorKind::Internal, "nothing to push"));
    };
    let tag = name.tag().unwrap_or_default();
    let there = manifests::head(client, tag, "pull,push")?;
    // A registry that has a manifest has what it refers to.
    if there == Some(top.digest) || manifests::head(client, &top.digest.to_string(), "pull,push")?.is_some() {
        for (blob, is_layer) in &parcel.blobs {
            if *is_layer {
                Told::new("push", blob, task).tell(LayerState::Exists, 0)?;
            }
        }
    } else {
        let blobs: Vec<&(Descriptor, bool)> = parcel.blobs.iter().collect();
        runtime.each(threads, blobs, |(blob, is_layer)| {
            let told = if *is_layer { Told::new("push", blob, task) } else { Told::silent(blob, task) };
            let from = match is_layer {
                true => sources(store, client, blob.digest)?,
                false => Vec::new(),
            };
            let source = Stored { store, digest: blob.digest };
            upload(client, blob, &from, &source, options.chunk_size, told).map(drop)
        })?;
        for (document, bytes) in &parcel.documents[..parcel.documents.len() - 1] {
            manifests::put(client, &document.digest.to_string(), &document.media_type, bytes)?;
        }
    }
    // From here on the registry has the name.
    task.check()?;
    if there != Some(top.digest) {
        manifests::put(client, tag, &top.media_type, bytes)?;
    }
    // The image of another platform is no image here, and can have no name.
    if parcel.via.unwrap_or(parcel.manifest) == top.digest {
        store.db().write(|db| {
            let digest = name.with_digest(top.digest);
            store.set_name(db, &digest, parcel.image, parcel.manifest, parcel.via).map(drop)
        })?;
    }
    let (name, digest, size) = (name.to_string(), top.digest.to_string(), bytes.len() as u64);
    task.announce(&Event::Pushed { name: name.clone(), digest: digest.clone(), size });
    Ok(PushedImage { name, digest, size })
}

/// Other repositories of the registry that have a layer.
pub fn sources(store: &Store, client: &Client<'_>, layer: Digest) -> Result<Vec<String>> {
    let mut paths = store.repositories_with(client.host(), layer)?;
    paths.retain(|path| path != client.repository());
    paths.truncate(MOUNTS);
    Ok(paths)
}

/// Finds what a name means to the registry: the whole index if it led to one and all of it is here, or else the manifest.
fn pack(
    store: &Store,
    client: &Client<'_>,
    lease: &Lease<'_>,
    name: &Reference,
    options: &PushOptions,
    threads: usize,
) -> Result<Parcel> {
    let found = store.db().write_relaxed(|db| {
        let row =
            db.first("SELECT image, manifest FROM names WHERE name = ?", [name.canonical()], |row| {
                Ok((row.get::<_, Digest>(0)?, row.get::<_, Digest>(1)?))
            })?;
        let (image, manifest) = row.ok_or_else(|| not_here(name))?;
        lease.image(db, image)?;
        let index = store.index_of(db, name)?;
        index.iter().try_for_each(|index| store.lease_index(db, lease, index.digest))?;
        Ok((image, manifest, index))
    });
    let (image, manifest, index) = found?;
    let platform = options.platform.as_deref().map(str::parse::<Platform>).transpose()?;
    let whole = index.as_ref().filter(|index| index.whole);
    let mut parcel = Parcel { image, manifest, via: None, documents: Vec::new(), blobs: Vec::new() };
    match (whole, &platform) {
        (Some(index), None) => {
            parcel.via = Some(index.digest);
            gather(store, index.digest, &index.media_type, &mut parcel)?;
        }
        (Some(index), Some(platform)) => {
            let bytes = store.document(index.digest)?;
            let what = name.to_string();
            if let Document::Index(listed) = Document::parse(&bytes, &what)? {
                let chosen = manifests::choose(&listed, platform, &what)?;
                gather(store, chosen.digest, &chosen.media_type, &mut parcel)?;
            }
        }
        (None, platform) => {
            let here = store.config(image)?.platform();
            if let Some(platform) = platform.as_ref().filter(|platform| !platform.fits(&here)) {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!("{name} is here for platform {here} only, not for {platform}"),
                ));
            }
            if let Some(index) = index.filter(|_| platform.is_none()) {
                let message = format!(
                    "{name} came from index {}, of which only {here} is here: its manifest is pushed alone",
                    index.digest
                );
                client.http().runtime().task().emit(&Event::warning(message))?;
            }
            parcel.manifest = compressed(store, client, lease, name, (image, manifest), threads)?;
            let media_type = store.db().read(|db| {
                let sql = "SELECT media_type FROM manifests WHERE digest = ?";
                db.first(sql, [parcel.manifest], |row| row.get::<_, String>(0))
            })?;
            gather(store, parcel.manifest, &media_type.unwrap_or_default(), &mut parcel)?;
        }
    }
    let mut seen = BTreeSet::new();
    parcel.blobs.retain(|(blob, _)| seen.insert(blob.digest));
    Ok(parcel)
}

/// Adds a document and, before it, what it refers to.
fn gather(store: &Store, digest: Digest, media_type: &str, parcel: &mut Parcel) -> Result<()> {
    let bytes = store.document(digest)?;
    match Document::parse(&bytes, &format!("manifest {digest}"))? {
        Document::Index(index) => {
            for child in &index.manifests {
                gather(store, child.digest, &child.media_type, parcel)?;
            }
        }
        Document::Manifest(manifest) => {
            parcel.blobs.push((manifest.config.clone(), false));
            parcel.blobs.extend(
                manifest.layers.iter().filter(|layer| !is_foreign(layer)).map(|layer| (layer.clone(), true)),
            );
        }
    }
    parcel.documents.push((Descriptor::new(media_type, digest, bytes.len() as u64), bytes));
    Ok(())
}

/// Layers that may not be distributed are to be had elsewhere.
pub fn is_foreign(layer: &Descriptor) -> bool {
    layer.extra.contains_key("urls")
        && (layer.media_type.contains("foreign") || layer.media_type.contains("nondistributable"))
}

/// The manifest of an image with its layers compressed, if it was made here and some are not. The name leads to it from now on.
fn compressed(
    store: &Store,
    client: &Client<'_>,
    lease: &Lease<'_>,
    name: &Reference,
    (image, digest): (Digest, Digest),
    threads: usize,
) -> Result<Digest> {
    let (made, layers) = store.db().read(|db| {
        let made = db.number("SELECT made FROM manifests WHERE digest = ?", [digest])? > 0;
        Ok((made, store.layers(db, digest)?))
    })?;
    let mut manifest: Manifest = spec::parse(&store.document(digest)?, &format!("manifest {digest}"))?;
    let is_plain = |layer: &Descriptor| matches!(layer.media_type.as_str(), OCI_LAYER | DOCKER_LAYER);
    if !made || !manifest.layers.iter().any(is_plain) {
        return Ok(digest);
    }
    let runtime = client.http().runtime();
    let work: Vec<(Descriptor, StoredLayer)> = manifest.layers.iter().cloned().zip(layers).collect();
    manifest.layers = runtime.each(threads, work, |(descriptor, layer)| match is_plain(&descriptor) {
        true => {
            let mut told = Told::new("compress", &descriptor, runtime.task());
            store.compressed(&layer, lease, runtime.task(), &mut |bytes| match bytes {
                None => told.tell(LayerState::Started, 0),
                Some(bytes) => told.progress(bytes),
            })
        }
        false => Ok(descriptor),
    })?;
    let new = NewImage {
        config: store.document(image)?,
        manifest: spec::to_bytes(&manifest)?,
        media_type: media_type::OCI_MANIFEST.into(),
        parent: None,
        made: true,
    };
    store.db().write(|db| {
        let (image, manifest) = store.add_image(db, new)?;
        db.run("UPDATE images SET manifest = ?1 WHERE id = ?2 AND manifest = ?3", [manifest, image, digest])?;
        // Unless the name leads elsewhere by now.
        db.run(
            "UPDATE names SET manifest = ?1, via = NULL WHERE name = ?2 AND image = ?3 AND manifest = ?4",
            rusqlite::params![manifest, name.canonical(), image, digest],
        )?;
        Ok(manifest)
    })
}
