//! The handle a test holds: starts and stops the thread, and looks at or changes what the registry has.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::body::Gauge;
use crate::certificates::{Certificates, ClientIdentity};
use crate::fault::{FaultRule, Faults};
use crate::files::ServedFile;
use crate::lock;
use crate::log::{Log, Request};
use crate::options::{BlobRedirect, Options, Tls};
use crate::server::{self, Listeners};
use crate::state::{PROXIED_CDN, State};
use crate::store::{Manifest, digest_of};

/// A running registry. All methods may be called from any thread, and after it was stopped too.
pub struct Registry {
    state: Arc<State>,
    proxy: Option<SocketAddr>,
    /// The process that has the thread. One that is forked from it has only a copy of the memory.
    process: u32,
    thread: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Registry {
    /// Starts a registry on a port of 127.0.0.1 that the system chooses. It serves when this returns.
    ///
    /// # Errors
    /// Options that contradict each other, and what the system refuses: sockets and threads.
    pub fn start(options: Options) -> Result<Self, String> {
        options.check()?;
        let failed = |error: std::io::Error| format!("cannot start a registry: {error}");
        let bind = |wanted: bool| {
            wanted.then(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).transpose().map_err(failed)
        };
        let registry = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let cdn = bind(options.blob_redirect == BlobRedirect::OtherHost)?;
        let proxy = bind(options.proxy.is_some())?;
        let address_of = |listener: &Option<TcpListener>| {
            listener.as_ref().map(TcpListener::local_addr).transpose().map_err(failed)
        };
        let proxy_address = address_of(&proxy)?;
        let certificates = match options.tls != Tls::None || options.proxy.is_some() {
            true => Some(Certificates::new(&options, names(&options))?),
            false => None,
        };
        let state = Arc::new(State {
            address: registry.local_addr().map_err(failed)?,
            cdn_address: address_of(&cdn)?,
            options,
            certificates,
            store: Mutex::default(),
            faults: Mutex::new(Faults::default()),
            tokens: Mutex::default(),
            log: Log::default(),
            gauge: Arc::new(Gauge::default()),
        });

        let (stop, stopped) = oneshot::channel();
        let (started, begun) = mpsc::channel();
        let shared = state.clone();
        let listeners = Listeners { registry, cdn, proxy };
        let thread = std::thread::Builder::new()
            .name("testing-registry".into())
            .spawn(move || server::run(shared, listeners, stopped, &started))
            .map_err(failed)?;
        let handle = Self {
            state,
            proxy: proxy_address,
            process: std::process::id(),
            thread: Mutex::new(Some((stop, thread))),
        };
        match begun.recv() {
            Ok(Ok(())) => Ok(handle),
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err("cannot start a registry: its thread ended".into()),
        }
    }

    /// Stops it: connections are cut, and its thread has ended when this returns. Idempotent. What it holds and logged stays
    /// readable. In a forked process, which does not have the thread, nothing happens.
    pub fn stop(&self) {
        if self.is_foreign() {
            return;
        }
        // The lock is held while joining, so that a second caller too returns only when the thread is gone.
        let mut thread = lock(&self.thread);
        if let Some((stop, handle)) = thread.take() {
            let _ = stop.send(());
            let _ = handle.join();
        }
    }

    /// Whether this process was forked from the one that started it. It serves there and not here, and what it holds must not
    /// be looked at: another thread may have been changing it during the fork.
    pub fn is_foreign(&self) -> bool {
        self.process != std::process::id()
    }

    /// Where it listens: 127.0.0.1 and its port.
    pub fn address(&self) -> SocketAddr {
        self.state.address
    }

    /// Host and port as they stand in an image's name: `127.0.0.1:port`, or `localhost:port` with TLS.
    pub fn host(&self) -> String {
        self.state.host()
    }

    /// `http://host` or `https://host`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.state.scheme(), self.state.host())
    }

    /// The URL of its HTTP proxy, when the options ask for one.
    pub fn proxy_url(&self) -> Option<String> {
        self.proxy.map(|address| format!("http://{address}"))
    }

    /// The certificate of its CA, with TLS or a proxy. With [`Tls::SelfSigned`] it is of no use, which is the point.
    pub fn ca_pem(&self) -> Option<String> {
        self.state.certificates.as_ref().map(|certificates| certificates.ca_pem.clone())
    }

    /// A certificate that its CA gave to a client, with TLS or a proxy.
    pub fn client_identity(&self) -> Option<ClientIdentity> {
        self.state.certificates.as_ref().map(|certificates| certificates.client.clone())
    }

    /// Adds a rule after those there are. It counts requests from now on.
    pub fn fault(&self, rule: FaultRule) {
        lock(&self.state.faults).add(rule);
    }

    /// Removes all rules. A fault that is happening goes on.
    pub fn clear_faults(&self) {
        lock(&self.state.faults).clear();
    }

    /// The requests that arrived, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.state.log.requests()
    }

    /// Forgets the requests that arrived.
    pub fn clear_requests(&self) {
        self.state.log.clear();
    }

    /// The most requests that were being handled at the same time. A request is handled until its answer was sent.
    pub fn peak_in_flight(&self) -> usize {
        self.state.gauge.peak()
    }

    /// Stores a blob, and returns its sha256 digest.
    pub fn put_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let digest = digest_of("sha256", &bytes).unwrap_or_default();
        lock(&self.state.store).put_blob(repository, &digest, bytes);
        digest
    }

    /// A blob of a repository.
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        lock(&self.state.store).blob(repository, digest)
    }

    /// Whether a repository has a blob.
    pub fn has_blob(&self, repository: &str, digest: &str) -> bool {
        self.blob(repository, digest).is_some()
    }

    /// Removes a blob, and says whether it was there. Manifests may still refer to it.
    pub fn remove_blob(&self, repository: &str, digest: &str) -> bool {
        let mut store = lock(&self.state.store);
        store.repositories.get_mut(repository).is_some_and(|found| found.blobs.remove(digest).is_some())
    }

    /// Stores a manifest under a tag or a digest, and returns its sha256 digest. Nothing is checked, not even a digest
    /// that is given: a test may want a registry that lies.
    pub fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> String {
        let manifest = Manifest { media_type: media_type.into(), bytes: bytes.into() };
        lock(&self.state.store).put_manifest(repository, reference, manifest)
    }

    /// The media type and the bytes of a manifest, by tag or digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<(String, Bytes)> {
        let (_, manifest) = lock(&self.state.store).manifest(repository, reference)?;
        Some((manifest.media_type, manifest.bytes))
    }

    /// Serves a file at a path of its own, such as `/a/b.tar`, beside the API. Faults meet it like anything else.
    pub fn put_file(&self, path: &str, file: impl Into<ServedFile>) {
        lock(&self.state.store).files.insert(path.into(), file.into());
    }

    /// Serves a file no longer, and says whether it was there.
    pub fn remove_file(&self, path: &str) -> bool {
        lock(&self.state.store).files.remove(path).is_some()
    }

    /// The tags of a repository, sorted. None when there is no such repository.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        let store = lock(&self.state.store);
        store
            .repositories
            .get(repository)
            .map(|found| found.tags.keys().cloned().collect())
            .unwrap_or_default()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
        if self.is_foreign() {
            // To detach or wake a thread of another process is not possible.
            std::mem::forget(self.thread.get_mut().ok().and_then(Option::take));
        }
    }
}

/// Every name the certificate is for.
fn names(options: &Options) -> Vec<String> {
    let mut names = vec!["localhost".to_string(), "127.0.0.1".to_string()];
    names.extend(options.proxy.iter().flat_map(|proxy| proxy.hosts.clone()));
    if options.proxy.is_some() && options.blob_redirect == BlobRedirect::OtherHost {
        names.push(PROXIED_CDN.into());
    }
    names
}
