//! What a registry holds: blobs, manifests, tags and upload sessions, in memory. It knows digests and names, and nothing
//! of HTTP.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256, Sha512};

use crate::files::ServedFile;

/// A manifest as it was put: its bytes are never written anew.
#[derive(Clone)]
pub(crate) struct Manifest {
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

/// A repository. It exists once something was put into it.
#[derive(Default)]
pub(crate) struct Repository {
    pub(crate) blobs: BTreeMap<String, Bytes>,
    pub(crate) manifests: BTreeMap<String, Manifest>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// An upload that has not been finished.
pub(crate) struct Upload {
    pub(crate) repository: String,
    pub(crate) data: BytesMut,
    /// The query value that `relative_location` wants back.
    pub(crate) state: String,
    /// A chunk below the least length came: no other may follow.
    pub(crate) short: bool,
}

/// Everything a registry holds.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) repositories: BTreeMap<String, Repository>,
    pub(crate) uploads: BTreeMap<String, Upload>,
    /// Plain files by the whole path.
    pub(crate) files: BTreeMap<String, ServedFile>,
}

impl Store {
    /// Stores a blob; the digest is not computed again.
    pub(crate) fn put_blob(&mut self, repository: &str, digest: &str, bytes: Bytes) {
        self.repository(repository).blobs.insert(digest.into(), bytes);
    }

    /// Stores a manifest under a tag or a digest. A digest is taken as it is given, even when it is not that of the bytes.
    pub(crate) fn put_manifest(&mut self, repository: &str, reference: &str, manifest: Manifest) -> String {
        let digest = digest_of("sha256", &manifest.bytes).unwrap_or_default();
        let repository = self.repository(repository);
        if is_digest(reference) {
            repository.manifests.insert(reference.into(), manifest);
        } else {
            repository.manifests.insert(digest.clone(), manifest);
            repository.tags.insert(reference.into(), digest.clone());
        }
        digest
    }

    /// A manifest by tag or digest, with its digest.
    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Option<(String, Manifest)> {
        let repository = self.repositories.get(repository)?;
        let digest = repository.tags.get(reference).map_or(reference, String::as_str);
        Some((digest.into(), repository.manifests.get(digest)?.clone()))
    }

    /// A blob of a repository.
    pub(crate) fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        self.repositories.get(repository)?.blobs.get(digest).cloned()
    }

    /// A blob of any repository, as a blob store behind the registry sees it.
    pub(crate) fn any_blob(&self, digest: &str) -> Option<Bytes> {
        self.repositories.values().find_map(|repository| repository.blobs.get(digest).cloned())
    }

    fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.into()).or_default()
    }
}

/// The digest of `bytes`, or `None` when the algorithm is not known.
pub(crate) fn digest_of(algorithm: &str, bytes: &[u8]) -> Option<String> {
    match algorithm {
        "sha256" => Some(format!("sha256:{}", hex(&Sha256::digest(bytes)))),
        "sha512" => Some(format!("sha512:{}", hex(&Sha512::digest(bytes)))),
        _ => None,
    }
}

/// Whether this is a well-formed digest of an algorithm we can compute.
pub(crate) fn is_digest(text: &str) -> bool {
    let length = match text.split_once(':') {
        Some(("sha256", _)) => 64,
        Some(("sha512", _)) => 128,
        _ => return false,
    };
    let hex = &text["sha256:".len()..];
    hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether this is a repository's name: Distribution Spec, "Pulling manifests".
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 255 && text.split('/').all(is_component)
}

/// Whether this is a tag.
pub(crate) fn is_tag(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 128
        && bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = text.bytes().next().is_some_and(word) && text.bytes().next_back().is_some_and(word);
    ends && text
        .split(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

/// A text nobody guesses: for tokens and upload sessions.
pub(crate) fn random() -> String {
    let word = || std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", word(), word())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
