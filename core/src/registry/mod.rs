//! Registries: the distribution protocol (OCI distribution specification 1.1), credentials, mirrors, pull and push.

mod auth;
mod challenge;
mod client;
mod copy;
mod credentials;
mod download;
mod failure;
mod fetch;
mod helper;
mod hosts;
mod http;
mod login;
mod manifests;
mod options;
mod pull;
mod push;
mod referrers;
mod retry;
mod runtime;
mod search;
mod shared_cache;
mod tags;
mod tls;
mod upload;

pub use fetch::{Fetched, FileHead, shown_url};
pub use options::{
    Auth, CopyOptions, CopyReport, LoginOptions, LoginReport, LogoutReport, ManifestOptions, ManifestReport,
    PingReport, PullOptions, PulledImage, PushOptions, PushedImage, ReferrersOptions, RegistryOptions,
    SearchOptions, SearchResult, TagsOptions,
};

use crate::config::RegistryConfig;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::spec::Descriptor;
use crate::store::{Lease, Store};
use crate::task::Task;
use client::Client;
use http::Http;
pub use shared_cache::FetchedCache;

/// Runs an operation with connections of its own.
fn connected<T: Send>(
    config: &RegistryConfig,
    task: &Task,
    work: impl FnOnce(&Http<'_>) -> Result<T> + Send,
) -> Result<T> {
    task.check()?;
    runtime::run(task, |runtime| work(&Http::new(runtime, config)))
}

/// Fetches a file of at most `limit` bytes from an HTTP or HTTPS URL into `into`, which is empty. `wanted` hears what the server
/// says of it before its bytes come; when it does not want them the result is `None`.
///
/// Redirects are followed, but never from HTTPS to HTTP. What breaks off or may pass is tried again from the beginning. An answer of failure is
/// `not_found`, `unauthorized`, `denied`, `rate_limited`, `invalid_argument` or `network`, with `status` and `host`.
pub fn fetch(
    config: &RegistryConfig,
    url: &str,
    into: &mut std::fs::File,
    limit: u64,
    wanted: impl FnMut(&FileHead) -> Result<bool> + Send,
    task: &Task,
) -> Result<Option<Fetched>> {
    connected(config, task, |http| fetch::fetch(http, url, into, limit, wanted))
}

/// Pulls a name, or every tag of a repository. Atomic for each name.
pub fn pull(
    store: &Store,
    config: &RegistryConfig,
    name: &str,
    options: &PullOptions,
    task: &Task,
) -> Result<Vec<PulledImage>> {
    connected(config, task, |http| pull::pull(store, http, name, options))
}

/// Pulls the image of a platform for a build, leased, and returns its ID. A name that leads to another platform's image stays where
/// it is. What is here already is not fetched.
pub fn pull_base(
    store: &Store,
    config: &RegistryConfig,
    lease: &Lease<'_>,
    name: &Reference,
    platform: &Platform,
    auth: Option<&Auth>,
    task: &Task,
) -> Result<Digest> {
    connected(config, task, |http| pull::pull_base(store, http, lease, name, platform, auth))
}

/// Fetches the manifest and the config of a cache of builds, or of an image that has one, which the lease keeps.
pub fn fetch_cache(
    store: &Store,
    config: &RegistryConfig,
    lease: &Lease<'_>,
    name: &Reference,
    platform: &Platform,
    auth: Option<&Auth>,
    task: &Task,
) -> Result<FetchedCache> {
    connected(config, task, |http| {
        shared_cache::fetch(store, &Client::new(http, name, auth)?, lease, name, platform)
    })
}

/// Fetches layers of a cache, which the lease keeps. What is here already is not fetched.
pub fn fetch_layers(
    store: &Store,
    config: &RegistryConfig,
    lease: &Lease<'_>,
    name: &Reference,
    layers: &[Descriptor],
    auth: Option<&Auth>,
    task: &Task,
) -> Result<()> {
    connected(config, task, |http| {
        shared_cache::fetch_layers(store, &Client::new(http, name, auth)?, lease, layers)
    })
}

/// Pushes a cache of builds: layers of the store, a config of this media type, and last the manifest under the name's tag.
pub fn push_cache(
    store: &Store,
    config: &RegistryConfig,
    name: &Reference,
    document: (&str, Vec<u8>),
    layers: Vec<Descriptor>,
    auth: Option<&Auth>,
    task: &Task,
) -> Result<Digest> {
    connected(config, task, |http| {
        shared_cache::push(store, http, &Client::new(http, name, auth)?, name, document, layers)
    })
}

/// Pushes a name, or every tag of a repository that is here.
pub fn push(
    store: &Store,
    config: &RegistryConfig,
    name: &str,
    options: &PushOptions,
    task: &Task,
) -> Result<Vec<PushedImage>> {
    connected(config, task, |http| push::push(store, http, name, options))
}

/// Pushes every name of an image.
pub fn push_image(
    store: &Store,
    config: &RegistryConfig,
    image: &str,
    options: &PushOptions,
    task: &Task,
) -> Result<Vec<PushedImage>> {
    connected(config, task, |http| push::push_image(store, http, image, options))
}

/// Searches Docker Hub, or the host that the term begins with.
pub fn search(
    config: &RegistryConfig,
    term: &str,
    options: &SearchOptions,
    task: &Task,
) -> Result<Vec<SearchResult>> {
    connected(config, task, |http| search::search(http, term, options))
}

/// Checks credentials and stores them.
pub fn login(
    config: &RegistryConfig,
    server: &str,
    options: &LoginOptions,
    task: &Task,
) -> Result<LoginReport> {
    connected(config, task, |http| login::login(http, server, options))
}

/// Forgets credentials.
pub fn logout(config: &RegistryConfig, server: &str, task: &Task) -> Result<LogoutReport> {
    connected(config, task, |http| login::logout(http, server))
}

/// Asks a registry whether it is there.
pub fn ping(
    config: &RegistryConfig,
    server: &str,
    options: &RegistryOptions,
    task: &Task,
) -> Result<PingReport> {
    connected(config, task, |http| login::ping(http, server, options))
}

/// The tags of a repository.
pub fn tags(
    config: &RegistryConfig,
    repository: &str,
    options: &TagsOptions,
    task: &Task,
) -> Result<Vec<String>> {
    let name: Reference = repository.parse()?;
    if name.tag().is_some() || name.digest().is_some() {
        return Err(Error::new(
            ErrorKind::InvalidReference,
            format!("{repository} has a tag or a digest: a repository is wanted"),
        ));
    }
    connected(config, task, |http| tags::list(&Client::new(http, &name, options.auth.as_ref())?, options))
}

/// A manifest or index as the registry has it.
pub fn manifest(
    config: &RegistryConfig,
    name: &str,
    options: &ManifestOptions,
    task: &Task,
) -> Result<ManifestReport> {
    let name = name.parse::<Reference>()?.with_default_tag();
    connected(config, task, |http| {
        let client = Client::new(http, &name, options.auth.as_ref())?;
        manifests::report(&client, &name, options.platform.as_deref())
    })
}

/// Descriptors of what refers to a manifest.
pub fn referrers(
    config: &RegistryConfig,
    name: &str,
    options: &ReferrersOptions,
    task: &Task,
) -> Result<Vec<Descriptor>> {
    let name = name.parse::<Reference>()?.with_default_tag();
    connected(config, task, |http| {
        let client = Client::new(http, &name, options.auth.as_ref())?;
        let digest = match name.digest() {
            Some(digest) => digest,
            None => manifests::get(&client, name.tag().unwrap_or_default())?.digest,
        };
        referrers::list(&client, digest, options.artifact_type.as_deref())
    })
}

/// Copies from registry to registry.
pub fn copy(
    config: &RegistryConfig,
    source: &str,
    destination: &str,
    options: &CopyOptions,
    task: &Task,
) -> Result<CopyReport> {
    connected(config, task, |http| copy::copy(http, source, destination, options))
}

/// Deletes a tag or a manifest.
pub fn delete(config: &RegistryConfig, name: &str, options: &RegistryOptions, task: &Task) -> Result<()> {
    connected(config, task, |http| login::delete(http, name, options))
}
