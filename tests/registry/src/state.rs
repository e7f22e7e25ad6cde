//! What the threads of a registry share.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::auth::Tokens;
use crate::body::Gauge;
use crate::certificates::Certificates;
use crate::fault::Faults;
use crate::log::Log;
use crate::options::{BlobRedirect, Options, Tls};
use crate::store::Store;

/// The host that plays the blob store of the proxied ones: Docker Hub's.
pub(crate) const PROXIED_CDN: &str = "production.cloudflare.docker.com";

/// A registry's options, content and records. No lock is held across an await.
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) certificates: Option<Certificates>,
    pub(crate) address: SocketAddr,
    pub(crate) cdn_address: Option<SocketAddr>,
    pub(crate) store: Mutex<Store>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) tokens: Mutex<Tokens>,
    pub(crate) log: Log,
    pub(crate) gauge: Arc<Gauge>,
}

impl State {
    pub(crate) fn is_secure(&self) -> bool {
        self.options.tls != Tls::None
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.is_secure() { "https" } else { "http" }
    }

    /// The registry's own host and port.
    pub(crate) fn host(&self) -> String {
        let name = if self.is_secure() { "localhost" } else { "127.0.0.1" };
        format!("{name}:{}", self.address.port())
    }

    /// The blob store's. Its name differs from the registry's as well as its port, for some clients compare only one.
    pub(crate) fn cdn_host(&self) -> Option<String> {
        let name = if self.is_secure() { "127.0.0.1" } else { "localhost" };
        self.cdn_address.map(|address| format!("{name}:{}", address.port()))
    }

    /// Whether the proxy plays this host, given without port.
    pub(crate) fn is_proxied(&self, host: &str) -> bool {
        let listed = |hosts: &[String]| hosts.iter().any(|name| name == host);
        self.options.proxy.as_ref().is_some_and(|proxy| listed(&proxy.hosts) || self.is_proxied_cdn(host))
    }

    /// Whether this host is the blob store of the proxied ones.
    pub(crate) fn is_proxied_cdn(&self, host: &str) -> bool {
        self.options.proxy.is_some()
            && self.options.blob_redirect == BlobRedirect::OtherHost
            && host == PROXIED_CDN
    }
}
