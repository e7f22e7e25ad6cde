//! Manifests and indexes on the wire: read with every check there is, written as the bytes they are.

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::client::{Call, Client, Purpose};
use super::failure::Trouble;
use super::http::Response;
use super::options::ManifestReport;
use super::retry;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::media_type::{self, DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::spec::{self, DOCUMENT_LIMIT, Descriptor, Document, Index};

/// How deep an index may be nested in another.
pub const MAX_NESTING: u32 = 4;
/// The digest of a manifest, as the registry says it.
pub const DIGEST_HEADER: HeaderName = HeaderName::from_static("docker-content-digest");
/// What a registry says that has no such manifest, or does not answer HEAD.
const NOTHING: [StatusCode; 3] =
    [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_IMPLEMENTED];
/// Set by registries that keep track of what refers to what.
pub const SUBJECT_HEADER: HeaderName = HeaderName::from_static("oci-subject");

/// A manifest or index of a registry.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What they say.
    pub document: Document,
}

/// The scope of a repository for these actions, such as `pull,push`.
pub fn scope(repository: &str, actions: &str) -> Vec<String> {
    vec![format!("repository:{repository}:{actions}")]
}

fn accepted() -> String {
    [OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST].join(", ")
}

fn path(client: &Client<'_>, reference: &str) -> String {
    format!("{}/manifests/{reference}", client.repository())
}

/// What a registry is asked for a name by: its digest, or its tag.
pub fn reference_of(name: &Reference) -> String {
    match name.digest() {
        Some(digest) => digest.to_string(),
        None => name.tag().unwrap_or_default().to_owned(),
    }
}

/// Reads what a tag or digest leads to. Its digest, size, media type and structure are checked.
pub fn get(client: &Client<'_>, reference: &str) -> Result<Fetched> {
    let digest = reference.parse::<Digest>().ok();
    let purpose = if digest.is_some() { Purpose::Pull } else { Purpose::Resolve };
    let (path, scopes) = (path(client, reference), scope(client.repository(), "pull"));
    let what = format!("manifest {reference}");
    let call = Call::new(Method::GET, &path, &scopes, &what).with(ACCEPT, accepted());
    retry::repeat(client.http(), &what, || {
        client.fetch(purpose, &call, |response| take(response, digest, &what))
    })
}

/// Reads the manifest that a descriptor points to.
pub fn get_described(client: &Client<'_>, descriptor: &Descriptor) -> Result<Fetched> {
    let fetched = get(client, &descriptor.digest.to_string())?;
    if fetched.bytes.len() as u64 != descriptor.size {
        return Err(Error::new(
            ErrorKind::InvalidImage,
            format!(
                "manifest {} has {} bytes, but its descriptor says {}",
                descriptor.digest,
                fetched.bytes.len(),
                descriptor.size
            ),
        ));
    }
    Ok(fetched)
}

/// Reads what a tag leads to from the registry itself, past all mirrors: for who is about to change it.
pub fn get_own(client: &Client<'_>, tag: &str) -> Result<Fetched> {
    let (path, scopes) = (path(client, tag), scope(client.repository(), "pull"));
    let what = format!("manifest {tag}");
    let call = Call::new(Method::GET, &path, &scopes, &what).with(ACCEPT, accepted());
    retry::repeat(client.http(), &what, || {
        client.send(&call, &[]).and_then(|response| take(response, None, &what))
    })
}

fn take(response: Response<'_>, wanted: Option<Digest>, what: &str) -> Result<Fetched, Trouble> {
    let content_type = response.header(CONTENT_TYPE).unwrap_or_default();
    let content_type = content_type.split(';').next().unwrap_or_default().trim().to_owned();
    let said = response.header(DIGEST_HEADER).map(str::to_owned);
    let length = response.length();
    let bytes = response.bytes(DOCUMENT_LIMIT)?;
    let digest = Digest::of(&bytes);
    // Bytes that went wrong on the way may come right the next time.
    if length.is_some_and(|length| length != bytes.len() as u64) {
        let message = format!("{what}: it ends after {} bytes", bytes.len());
        return Err(Trouble::passing(Error::new(ErrorKind::Network, message)));
    }
    if let Some(wanted) = wanted.filter(|wanted| *wanted != digest) {
        let message = format!("{what}: its bytes give {digest}, not {wanted}");
        return Err(Trouble::passing(Error::new(ErrorKind::DigestMismatch, message)));
    }
    if let Some(said) = said.filter(|said| said.parse::<Digest>().ok() != Some(digest)) {
        let message = format!("{what}: its bytes give {digest}, but the registry says {said}");
        return Err(Trouble::passing(Error::new(ErrorKind::DigestMismatch, message)));
    }
    let document = Document::parse(&bytes, what)?;
    let media_type = media_type_of(&document, &content_type, what)?;
    Ok(Fetched { digest, media_type, bytes, document })
}

/// The media type of a document: what it calls itself, or else what it came as. The two may not contradict each other.
fn media_type_of(document: &Document, content_type: &str, what: &str) -> Result<String> {
    let (own, is_index) = match document {
        Document::Manifest(manifest) => (manifest.media_type.as_str(), false),
        Document::Index(index) => (index.media_type.as_str(), true),
    };
    let known = media_type::is_index(content_type) || media_type::is_manifest(content_type);
    if known && (media_type::is_index(content_type) != is_index || (!own.is_empty() && own != content_type)) {
        let own = if own.is_empty() { if is_index { "an index" } else { "a manifest" } } else { own };
        return Err(Error::new(
            ErrorKind::InvalidImage,
            format!("{what}: it came as {content_type}, but it is {own}"),
        ));
    }
    Ok(match (own, document) {
        ("", _) if known => content_type.to_owned(),
        ("", Document::Manifest(manifest)) => manifest.kind().to_owned(),
        ("", Document::Index(_)) => OCI_INDEX.to_owned(),
        (own, _) => own.to_owned(),
    })
}

/// The digest that a tag leads to, or that a digest is there; `None` when it is not, or the registry does not say its digest.
pub fn head(client: &Client<'_>, reference: &str, actions: &str) -> Result<Option<Digest>> {
    let (path, scopes) = (path(client, reference), scope(client.repository(), actions));
    let what = format!("manifest {reference}");
    let call = Call::new(Method::HEAD, &path, &scopes, &what).with(ACCEPT, accepted());
    let response = match actions {
        "pull" => match client.fetch(Purpose::Resolve, &call, Ok) {
            Ok(response) => response,
            Err(trouble) if matches!(trouble.error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported) => {
                return Ok(None);
            }
            Err(trouble) => return Err(trouble.into()),
        },
        _ => client.send(&call, &NOTHING)?,
    };
    if NOTHING.contains(&response.status()) {
        return Ok(None);
    }
    let said = response.header(DIGEST_HEADER).and_then(|digest| digest.parse().ok());
    Ok(said.or_else(|| reference.parse().ok()))
}

/// Writes a manifest or index under a tag or its digest. What it refers to must be there. Atomic.
pub fn put(client: &Client<'_>, reference: &str, media_type: &str, bytes: &[u8]) -> Result<()> {
    let (path, scopes) = (path(client, reference), scope(client.repository(), "pull,push"));
    let what = format!("manifest {reference}");
    let call = Call::new(Method::PUT, &path, &scopes, &what)
        .with(CONTENT_TYPE, media_type)
        .with_bytes(Bytes::copy_from_slice(bytes));
    let response = client.send(&call, &[])?;
    let digest = Digest::of(bytes);
    let said = response.header(DIGEST_HEADER).and_then(|said| said.parse::<Digest>().ok());
    if let Some(said) = said.filter(|said| *said != digest) {
        return Err(Error::new(
            ErrorKind::DigestMismatch,
            format!("{}: {what}: {digest} was sent, but the registry has {said}", client.host()),
        ));
    }
    let subject = subject_of(bytes);
    if let Some(subject) = subject.filter(|_| response.header(SUBJECT_HEADER).is_none()) {
        super::referrers::note(client, subject, media_type, bytes)?;
    }
    Ok(())
}

fn subject_of(bytes: &[u8]) -> Option<Digest> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    value.get("subject")?.get("digest")?.as_str()?.parse().ok()
}

/// What a name leads to, as its registry has it; of an index, the manifest of `platform` if one is given.
pub fn report(client: &Client<'_>, name: &Reference, platform: Option<&str>) -> Result<ManifestReport> {
    let reference = name.digest().map(|digest| digest.to_string());
    let mut found = get(client, &reference.unwrap_or_else(|| name.tag().unwrap_or_default().to_owned()))?;
    if let Some(platform) = platform {
        found = for_platform(client, found, &platform.parse()?, name)?;
    }
    let what = format!("manifest {}", found.digest);
    Ok(ManifestReport {
        name: name.canonical(),
        digest: found.digest.to_string(),
        media_type: found.media_type,
        size: found.bytes.len() as u64,
        manifest: spec::parse(&found.bytes, &what)?,
        raw: String::from_utf8(found.bytes)
            .map_err(|_| Error::new(ErrorKind::InvalidImage, format!("{what} is not UTF-8")))?,
    })
}

/// The manifest that a document leads to for a platform: itself, or of an index the one that `choose` finds.
pub fn for_platform(
    client: &Client<'_>,
    mut fetched: Fetched,
    platform: &Platform,
    name: &Reference,
) -> Result<Fetched> {
    let top = fetched.digest;
    for _ in 0..=MAX_NESTING {
        let Document::Index(index) = &fetched.document else { return Ok(fetched) };
        let chosen = choose(index, platform, &name.to_string())
            .map_err(|error| error.with("host", name.host()).with("repository", name.path()))?;
        fetched = get_described(client, chosen)?;
    }
    Err(nested_too_deep(top))
}

/// The error for an index that leads nowhere.
pub fn nested_too_deep(digest: Digest) -> Error {
    Error::new(ErrorKind::InvalidImage, format!("index {digest}: indexes are nested too deep"))
}

/// The manifest of an index for a platform: the same variant if there is one, or else what runs there too. Attestations and other
/// manifests that are for no platform are passed over. `not_found` names what there is.
pub fn choose<'a>(index: &'a Index, platform: &Platform, what: &str) -> Result<&'a Descriptor> {
    let fits =
        |descriptor: &&Descriptor| descriptor.platform.as_ref().is_some_and(|found| platform.fits(found));
    let exact = |descriptor: &&Descriptor| {
        descriptor.platform.as_ref().is_some_and(|found| found.normal() == platform.normal())
    };
    let found = index.manifests.iter().find(exact).or_else(|| {
        // The highest variant that still runs there.
        let mut fitting: Vec<_> = index.manifests.iter().filter(fits).collect();
        fitting
            .sort_by_key(|descriptor| descriptor.platform.as_ref().map(|platform| platform.normal().variant));
        fitting.pop()
    });
    // An index of one image need not say what it is for.
    let alone = match index.manifests.as_slice() {
        [one] if one.platform.is_none() => Some(one),
        _ => None,
    };
    found.or(alone).ok_or_else(|| {
        let mut there: Vec<String> = index
            .manifests
            .iter()
            .filter_map(|descriptor| descriptor.platform.as_ref())
            .filter(|platform| platform.os != "unknown")
            .map(Platform::to_string)
            .collect();
        there.dedup();
        Error::new(
            ErrorKind::NotFound,
            format!("{what}: no image for platform {platform}; there are: {}", there.join(", ")),
        )
    })
}
