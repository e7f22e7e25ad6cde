//! What operations on registries are asked and what they answer: plain data, the same in every language.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Credentials given with a call. They beat everything that is stored. Never shown: neither `Debug` nor what is said of an object
/// that does not fit has what is secret.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Auth {
    /// Name of the user.
    pub username: Option<String>,
    /// Password, or a personal access token.
    pub password: Option<String>,
    /// A refresh token of the registry's token service, in place of a password.
    pub identity_token: Option<String>,
    /// A bearer token that is sent as it is.
    pub registry_token: Option<String>,
}

/// Takes an object of texts apart, without ever quoting one.
fn texts(value: Value, known: &[&str]) -> Result<impl FnMut(&str) -> Option<String>, String> {
    let Value::Object(mut object) = value else { return Err("credentials are an object".into()) };
    for (key, value) in &object {
        if !known.contains(&key.as_str()) {
            return Err(format!(
                "unknown field `{key}` in credentials, expected one of `{}`",
                known.join("`, `")
            ));
        }
        if !matches!(value, Value::String(_) | Value::Null) {
            return Err(format!("`{key}` of credentials is not a text"));
        }
    }
    Ok(move |key: &str| match object.remove(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    })
}

impl TryFrom<Value> for Auth {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let mut text = texts(value, &["username", "password", "identity_token", "registry_token"])?;
        Ok(Auth {
            username: text("username"),
            password: text("password"),
            identity_token: text("identity_token"),
            registry_token: text("registry_token"),
        })
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("username", &self.username).finish_non_exhaustive()
    }
}

/// How to pull.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PullOptions {
    /// Which image of an index, `os/architecture[/variant]`; the host's when none is given.
    pub platform: Option<String>,
    /// Every tag of the repository; the name has no tag then.
    pub all_tags: bool,
    /// The whole index: the images of its other platforms are kept too, so that a push sends all of it.
    pub all_platforms: bool,
    /// The digest that the name must lead to, `sha256:…`: of the manifest or of the index. Anything else is
    /// `digest_mismatch`, and nothing is kept.
    pub expect: Option<String>,
    /// How many layers come at once; that of the engine when none is given.
    pub concurrency: Option<u32>,
    /// Credentials for this call.
    pub auth: Option<Auth>,
}

/// An image that was pulled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PulledImage {
    /// Its ID.
    pub id: String,
    /// Its name, as Docker shows it.
    pub name: String,
    /// Digest of the manifest, or of the index that led to it.
    pub digest: String,
    /// Whether it is new here; otherwise the name led to this image before.
    pub new: bool,
}

/// How to push.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushOptions {
    /// Of an index, the image of this platform alone. When none is given, the whole index if all of it is here.
    pub platform: Option<String>,
    /// Every tag of the repository that is here; the name has no tag then.
    pub all_tags: bool,
    /// How many layers go at once; that of the engine when none is given.
    pub concurrency: Option<u32>,
    /// Bytes of one request, for registries that refuse large ones. When none is given a layer goes in one request, or
    /// in smaller ones once the registry refused that.
    pub chunk_size: Option<u64>,
    /// Credentials for this call.
    pub auth: Option<Auth>,
}

/// A name that was pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PushedImage {
    /// The name, as Docker shows it.
    pub name: String,
    /// Digest of the manifest or index that the registry has now.
    pub digest: String,
    /// Bytes of that document.
    pub size: u64,
}

/// How to search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchOptions {
    /// At most so many, 1 to 100; 25 when none is given.
    pub limit: Option<u32>,
    /// Docker's filters: `stars` (at least), `is-official`, `is-automated` (`true`/`false`).
    pub filters: BTreeMap<String, Vec<String>>,
    /// Credentials for this call.
    pub auth: Option<Auth>,
}

/// A repository that a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SearchResult {
    /// The registry it is in: `docker.io`.
    pub index: String,
    /// Its name, to be pulled by.
    pub name: String,
    /// What its owner says of it.
    pub description: String,
    /// How many stars it has; 0 where there are none to have.
    pub star_count: u64,
    /// Whether Docker curates it.
    pub is_official: bool,
    /// Whether Docker Hub built it.
    pub is_automated: bool,
}

/// How to log in. Without a user name and an identity token, with what is stored.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct LoginOptions {
    /// Name of the user.
    pub username: Option<String>,
    /// Password, or a personal access token.
    pub password: Option<String>,
    /// A refresh token in place of both.
    pub identity_token: Option<String>,
}

impl TryFrom<Value> for LoginOptions {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let mut text = texts(value, &["username", "password", "identity_token"])?;
        Ok(LoginOptions {
            username: text("username"),
            password: text("password"),
            identity_token: text("identity_token"),
        })
    }
}

impl fmt::Debug for LoginOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginOptions").field("username", &self.username).finish_non_exhaustive()
    }
}

/// What a login did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoginReport {
    /// The registry, as the credentials are stored under.
    pub server: String,
    /// Name of the user.
    pub username: String,
    /// Where the credentials are: the path of a file, or the name of a helper (`docker-credential-…`).
    pub stored: String,
    /// Whether they are readable there: a file keeps a password unencrypted.
    pub plain: bool,
}

/// What a logout did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogoutReport {
    /// The registry.
    pub server: String,
    /// Whether there were credentials to remove.
    pub removed: bool,
}

/// How to ask a registry something that takes nothing but credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryOptions {
    /// Credentials for this call.
    pub auth: Option<Auth>,
}

/// A registry that answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PingReport {
    /// Where it answered: `https://registry-1.docker.io`.
    pub url: String,
    /// What it calls its interface, `registry/2.0`, or empty.
    pub version: String,
    /// How it wants to be authenticated: `none`, `basic` or `bearer`.
    pub auth: String,
}

/// Which tags to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TagsOptions {
    /// At most so many; all when none is given.
    pub limit: Option<u32>,
    /// Only those behind this one, in the registry's order: the last of the page before.
    pub last: Option<String>,
    /// Credentials for this call.
    pub auth: Option<Auth>,
}

/// Which manifest to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ManifestOptions {
    /// Of an index, the manifest of this platform; the index itself when none is given.
    pub platform: Option<String>,
    /// Credentials for this call.
    pub auth: Option<Auth>,
}

/// A manifest or index as the registry has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ManifestReport {
    /// The name it was asked by, in full.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes in number.
    pub size: u64,
    /// Its bytes, which are JSON: what the digest is of.
    pub raw: String,
    /// The same, parsed.
    pub manifest: Value,
}

/// Which referrers to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReferrersOptions {
    /// Only those of this type.
    pub artifact_type: Option<String>,
    /// Credentials for this call.
    pub auth: Option<Auth>,
}

/// How to copy from registry to registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CopyOptions {
    /// Of an index, the image of this platform alone; the whole index when none is given.
    pub platform: Option<String>,
    /// Also what refers to it (signatures, bills of materials), and what refers to those.
    pub referrers: bool,
    /// How many blobs go at once; that of the engine when none is given.
    pub concurrency: Option<u32>,
    /// Bytes of one request; see [`PushOptions::chunk_size`].
    pub chunk_size: Option<u64>,
    /// Credentials for the source.
    pub source_auth: Option<Auth>,
    /// Credentials for the destination.
    pub destination_auth: Option<Auth>,
}

/// What a copy did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CopyReport {
    /// Digest of what the destination's name leads to now.
    pub digest: String,
    /// Manifests and indexes that were written.
    pub manifests: u64,
    /// Blobs that were transferred.
    pub copied: u64,
    /// Blobs that the registry took from another of its repositories.
    pub mounted: u64,
    /// Blobs that were there before.
    pub existed: u64,
    /// Bytes of the blobs that were transferred.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_shown_neither_as_it_is_nor_when_it_does_not_fit() {
        let auth: Auth = serde_json::from_str(r#"{"username": "me", "password": "hidden"}"#).unwrap();
        assert_eq!(format!("{auth:?}"), "Auth { username: Some(\"me\"), .. }");
        for bad in [r#""me:hidden""#, r#"{"password": ["hidden"]}"#, r#"{"pasword": "hidden"}"#] {
            let error = serde_json::from_str::<Auth>(bad).unwrap_err().to_string();
            assert!(!error.contains("hidden"), "{error}");
            let error = serde_json::from_str::<LoginOptions>(bad).unwrap_err().to_string();
            assert!(!error.contains("hidden"), "{error}");
        }
    }
}
