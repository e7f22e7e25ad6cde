//! What a [`Registry`](crate::Registry) is started with. Plain data: JSON in, JSON out, so that a test in any language
//! writes the same thing. It knows nothing of how an option is carried out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a registry behaves. [`Options::default`] is a plain-HTTP registry that follows Distribution Spec v1.1, lets
/// everybody do everything and supports every optional part of the specification.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The certificate shown; [`Tls::None`] is plain HTTP.
    pub tls: Tls,
    /// Demand a client certificate of the registry's own CA: see
    /// [`Registry::client_identity`](crate::Registry::client_identity). Needs TLS.
    pub client_ca: bool,
    /// Offer HTTP/2 during the TLS handshake.
    pub http2: bool,
    /// How clients log in.
    pub auth: Auth,
    /// Passwords by user name. A user may do everything but what `denied` takes away.
    pub users: BTreeMap<String, String>,
    /// With [`Auth::Token`]: a token asked for without a login may pull. Otherwise it is given, and may do nothing.
    pub anonymous_pull: bool,
    /// Seconds after which a token is refused. When absent it is 60, and the token's answer does not name it.
    pub token_lifetime: Option<f64>,
    /// The member of the GET answer that holds the token.
    pub token_field: TokenField,
    /// Hand out identity (refresh) tokens, and serve the OAuth2 POST of the token service, which is 404 otherwise.
    pub identity_tokens: bool,
    /// Tokens grant these actions at most, whatever was asked for.
    pub narrow_grant: Option<Vec<String>>,
    /// Repositories that answer 403 DENIED to every login.
    pub denied: Vec<String>,
    /// Milliseconds before each answer. Requests wait side by side, not one after another.
    pub latency_ms: u64,
    /// Mount blobs of other repositories. When false, a mount is answered with an upload session.
    pub mount: bool,
    /// Take uploads in PATCH requests. When false they are 405 UNSUPPORTED.
    pub chunked: bool,
    /// Announced as `OCI-Chunk-Min-Length`. What follows a shorter chunk is refused with 416, for only the last may be.
    pub chunk_min_length: Option<u64>,
    /// Upload requests with a larger body are 413, and nothing of them is kept.
    pub max_request_size: Option<u64>,
    /// Serve the referrers API. When false it is 404, and pushes are answered without `OCI-Subject`.
    pub referrers: bool,
    /// Honour `Range` on blobs. When false the whole blob is sent.
    pub ranges: bool,
    /// Allow DELETE of manifests and blobs. When false it is 405 UNSUPPORTED.
    pub delete: bool,
    /// Allow DELETE of a tag. When false it is 405 UNSUPPORTED.
    pub tag_delete: bool,
    /// Most entries of one answer of tags, catalog and referrers; more come by `Link`.
    pub page_size: Option<usize>,
    /// Serve `/v2/_catalog`. When false it is 404.
    pub catalog: bool,
    /// What Docker Hub's `/v1/search` searches. When absent that is 404.
    pub search: Option<Vec<SearchEntry>>,
    /// The `Location` of an upload is relative, and has a query without which the session answers 400.
    pub relative_location: bool,
    /// Where GET of a blob is sent to.
    pub blob_redirect: BlobRedirect,
    /// Also listen as an HTTP proxy that plays other hosts.
    pub proxy: Option<Proxy>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: Tls::None,
            client_ca: false,
            http2: true,
            auth: Auth::None,
            users: BTreeMap::new(),
            anonymous_pull: false,
            token_lifetime: None,
            token_field: TokenField::Token,
            identity_tokens: false,
            narrow_grant: None,
            denied: Vec::new(),
            latency_ms: 0,
            mount: true,
            chunked: true,
            chunk_min_length: None,
            max_request_size: None,
            referrers: true,
            ranges: true,
            delete: true,
            tag_delete: true,
            page_size: None,
            catalog: true,
            search: None,
            relative_location: false,
            blob_redirect: BlobRedirect::None,
            proxy: None,
        }
    }
}

impl Options {
    /// The first contradiction of these options, in words. An option that cannot have an effect is one.
    /// [`Registry::start`](crate::Registry::start) asks it too; here it is told apart from what the system refuses.
    ///
    /// # Errors
    /// That contradiction.
    pub fn check(&self) -> Result<(), String> {
        let tls = self.tls != Tls::None || self.proxy.is_some();
        if self.client_ca && !tls {
            return Err("`client_ca` needs `tls`".into());
        }
        if self.page_size == Some(0) {
            return Err("`page_size` is at least 1".into());
        }
        if self.token_lifetime.is_some_and(|seconds| !(0.0..1e9).contains(&seconds)) {
            return Err("`token_lifetime` is a number of seconds".into());
        }
        if self.proxy.as_ref().is_some_and(|proxy| proxy.hosts.is_empty()) {
            return Err("`proxy` needs `hosts`".into());
        }
        Ok(())
    }
}

/// The certificate of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// None: plain HTTP.
    None,
    /// For `localhost` and 127.0.0.1, by the registry's CA.
    Valid,
    /// By the CA, but no longer valid.
    Expired,
    /// By the CA, but for another name.
    WrongName,
    /// By nobody the client knows: it signed itself.
    SelfSigned,
}

/// How clients log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// They do not.
    None,
    /// User name and password with every request.
    Basic,
    /// A bearer token, from `/token`.
    Token,
}

/// The member of the token service's GET answer that holds the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenField {
    /// `token`
    Token,
    /// `access_token`
    AccessToken,
}

/// Where GET of a blob is sent to with 307.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BlobRedirect {
    /// Nowhere: it is answered.
    None,
    /// `/cdn/<digest>` of the same host, by a relative `Location`.
    Same,
    /// `/cdn/<digest>` of another host name and port, which answers 400 to any `Authorization`.
    OtherHost,
}

/// The hosts that the proxy plays.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// Names without port, such as `registry-1.docker.io`. All others are 502.
    pub hosts: Vec<String>,
}

/// A result of `/v1/search`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchEntry {
    /// The repository.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its stars.
    pub star_count: u64,
    /// Whether it is an official image.
    pub is_official: bool,
    /// Whether it is built automatically.
    pub is_automated: bool,
}
