//! Caches of builds in registries: a manifest whose config says what is in it, and whose layers are those of the steps.

use std::io::{Cursor, Read, Seek, SeekFrom};

use serde_json::Value;

use super::client::Client;
use super::download::{Told, download};
use super::http::Http;
use super::manifests;
use super::pull::threads;
use super::push::sources;
use super::upload::{BlobSource, upload};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::media_type;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::spec::{self, Descriptor, Document, Manifest};
use crate::store::{Lease, Store};

/// What a name that is a cache, or an image with one, leads to.
pub struct FetchedCache {
    /// What the manifest's config is.
    pub media_type: String,
    /// The config.
    pub config: Vec<u8>,
    /// The layers that the manifest lists.
    pub layers: Vec<Descriptor>,
}

/// Fetches a manifest and its config, which the lease keeps.
pub fn fetch(
    store: &Store,
    client: &Client<'_>,
    lease: &Lease<'_>,
    name: &Reference,
    platform: &Platform,
) -> Result<FetchedCache> {
    let found = manifests::get(client, &manifests::reference_of(name))?;
    let fetched = manifests::for_platform(client, found, platform, name)?;
    let Document::Manifest(manifest) = fetched.document else {
        return Err(manifests::nested_too_deep(fetched.digest));
    };
    let task = client.http().runtime().task();
    download(store, client, lease, &manifest.config, Told::silent(&manifest.config, task))?;
    let config = store.document(manifest.config.digest)?;
    Ok(FetchedCache { media_type: manifest.config.media_type, config, layers: manifest.layers })
}

/// Fetches layers, which the lease keeps.
pub fn fetch_layers(
    store: &Store,
    client: &Client<'_>,
    lease: &Lease<'_>,
    layers: &[Descriptor],
) -> Result<()> {
    let runtime = client.http().runtime();
    let threads = threads(None, client.http())?;
    runtime
        .each(threads, layers.iter().collect(), |layer| {
            download(store, client, lease, layer, Told::new("pull", layer, runtime.task()))
        })
        .map(drop)
}

/// Pushes a cache: its layers, its config, its manifest. Returns the manifest's digest.
pub fn push(
    store: &Store,
    http: &Http<'_>,
    client: &Client<'_>,
    name: &Reference,
    (media_type, config): (&str, Vec<u8>),
    layers: Vec<Descriptor>,
) -> Result<Digest> {
    let runtime = http.runtime();
    let task = runtime.task();
    runtime.each(threads(None, http)?, layers.iter().collect(), |layer| {
        let from = sources(store, client, layer.digest)?;
        let source = Stored { store, digest: layer.digest };
        upload(client, layer, &from, &source, None, Told::new("push", layer, task)).map(drop)
    })?;
    let descriptor = Descriptor::of(media_type, &config);
    let told = Told::silent(&descriptor, task);
    upload(client, &descriptor, &[], &InMemory(config), None, told)?;
    let mut manifest = Manifest::new(descriptor.clone(), layers);
    manifest.extra.insert("artifactType".into(), Value::String(media_type.into()));
    let bytes = spec::to_bytes(&manifest)?;
    manifests::put(client, name.tag().unwrap_or_default(), media_type::OCI_MANIFEST, &bytes)?;
    Ok(Digest::of(&bytes))
}

/// A blob of the store.
pub struct Stored<'a> {
    /// Where it is.
    pub store: &'a Store,
    /// Its digest.
    pub digest: Digest,
}

impl BlobSource for Stored<'_> {
    fn open(&self, offset: u64) -> Result<Box<dyn Read + '_>> {
        let blob = self.store.blob(self.digest)?;
        if offset == 0 {
            return Ok(Box::new(blob.reader()));
        }
        let mut reader = blob.unchecked();
        reader
            .seek(SeekFrom::Start(offset))
            .map_err(|error| Error::io(format!("seek in blob {}", self.digest), error))?;
        Ok(Box::new(reader))
    }
}

/// A blob in memory.
struct InMemory(Vec<u8>);

impl BlobSource for InMemory {
    fn open(&self, offset: u64) -> Result<Box<dyn Read + '_>> {
        let rest = self.0.get(offset as usize..);
        let rest =
            rest.ok_or_else(|| Error::new(ErrorKind::Internal, "an offset after the end of a blob"))?;
        Ok(Box::new(Cursor::new(rest)))
    }
}
