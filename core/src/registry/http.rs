//! One HTTP request and its answer, blocking: connections, proxies, redirects, time limits, and what a failure is called.
//!
//! Knows nothing of registries, credentials or of trying again.

use std::io::Read;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RANGE};
use reqwest::{Method, NoProxy, Proxy, StatusCode, Url, redirect};
use tokio::sync::mpsc;

use super::failure::{Trouble, trouble};
use super::hosts::{self, Endpoint};
use super::runtime::{Runtime, locked};
use super::tls::{self, TlsSettings};
use crate::config::{self, RegistryConfig};
use crate::error::{Error, ErrorKind, Result};

/// The headers that go to another host than the one that was asked.
const ELSEWHERE: [HeaderName; 4] = [ACCEPT, RANGE, CONTENT_TYPE, CONTENT_RANGE];
/// How often a request may be sent on to another place.
const REDIRECTS: usize = 10;
/// Bytes of a request's body that are read at once.
const BODY_CHUNK: usize = 256 * 1024;
/// Chunks of a body on their way to the connection.
const BODY_CHUNKS: usize = 4;
/// Bytes that may be on their way in one HTTP/2 stream, and in one connection, without being asked for.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// How many times longer the answer to a body that was sent whole may take: the other side has to hash and place it.
const AFTER_BODY: u32 = 5;

/// Opens the bytes of a body.
pub type Opener<'a> = dyn Fn() -> Result<Box<dyn Read + 'a>> + 'a;

/// What goes with a request.
pub enum Body<'a> {
    /// Nothing.
    Empty,
    /// A document.
    Bytes(Bytes),
    /// So many bytes of what this opens, anew for each time the request is sent.
    Stream(u64, &'a Opener<'a>),
}

/// One request.
pub struct Request<'a> {
    /// Its method.
    pub method: Method,
    /// Where it goes first.
    pub url: Url,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Body<'a>,
    /// Whether it may be sent on without encryption to any host, as long as it never was encrypted.
    pub stays_plain: bool,
}

/// The connections of one operation.
pub struct Http<'a> {
    runtime: &'a Runtime,
    config: &'a RegistryConfig,
    /// One client for each way to check the other side, with or without the proxy.
    clients: Mutex<Vec<(TlsSettings, bool, reqwest::Client)>>,
}

impl<'a> Http<'a> {
    /// No connection yet.
    pub fn new(runtime: &'a Runtime, config: &'a RegistryConfig) -> Self {
        Http { runtime, config, clients: Mutex::default() }
    }

    /// What it waits on.
    pub fn runtime(&self) -> &'a Runtime {
        self.runtime
    }

    /// How registries are reached.
    pub fn config(&self) -> &'a RegistryConfig {
        self.config
    }

    fn idle(&self) -> Duration {
        Duration::from_millis(self.config.timeout_ms.max(1))
    }

    fn client(&self, settings: &TlsSettings, url: &Url) -> Result<reqwest::Client> {
        // As Go's clients have it, loopback is never behind a proxy.
        let direct = hosts::is_loopback(url.host_str().unwrap_or_default());
        let mut clients = locked(&self.clients);
        if let Some((.., client)) =
            clients.iter().find(|(known, known_direct, _)| known == settings && *known_direct == direct)
        {
            return Ok(client.clone());
        }
        let client = self.build(settings, direct)?;
        clients.push((settings.clone(), direct, client.clone()));
        Ok(client)
    }

    fn build(&self, settings: &TlsSettings, direct: bool) -> Result<reqwest::Client> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(settings)?)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_millis(self.config.connect_timeout_ms.max(1)))
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .user_agent(concat!("layerkit/", env!("CARGO_PKG_VERSION")));
        if !direct {
            let proxies = config::proxies(self.config.proxy.as_deref());
            let none = proxies.none.as_deref().and_then(NoProxy::from_string);
            let bad = |error: reqwest::Error| {
                Error::new(ErrorKind::InvalidArgument, format!("proxy: {}", error.without_url()))
            };
            if let Some(url) = &proxies.https {
                builder = builder.proxy(Proxy::https(url).map_err(bad)?.no_proxy(none.clone()));
            }
            if let Some(url) = &proxies.http {
                builder = builder.proxy(Proxy::http(url).map_err(bad)?.no_proxy(none));
            }
        }
        builder.build().map_err(|error| Error::new(ErrorKind::Internal, format!("set up HTTP: {error}")))
    }

    /// Sends a request, follows redirects, and returns the answer, whatever its status is.
    ///
    /// What authenticates stays with the host it is meant for.
    pub fn send(&self, request: &Request<'_>, settings: &TlsSettings) -> Result<Response<'a>, Trouble> {
        let (mut url, mut method) = (request.url.clone(), request.method.clone());
        let mut headers = request.headers.clone();
        let mut settings = settings.clone();
        for _ in 0..=REDIRECTS {
            let response = self.send_once(&method, &url, &headers, &request.body, &settings)?;
            let Some(next) = redirected(&response, &method) else { return Ok(response) };
            let next = url.join(&next).map_err(|error| {
                refused(format!("{} redirects to what is no URL: {error}", hosts::authority(&url)))
            })?;
            let same_host = hosts::authority(&next) == hosts::authority(&url);
            let plain = next.scheme() != "https";
            let may_be_plain =
                request.stays_plain || hosts::may_be_plain(self.config, &hosts::authority(&next));
            if plain && (url.scheme() == "https" || !may_be_plain) {
                return Err(refused(format!(
                    "{} redirects to {}, which is not encrypted",
                    hosts::authority(&url),
                    hosts::authority(&next)
                )));
            }
            if !same_host {
                // What a form holds is for who it was meant for, and so are headers that only the configuration knows.
                if method == Method::POST {
                    return Err(refused(format!(
                        "{} redirects what is for itself to {}",
                        hosts::authority(&url),
                        hosts::authority(&next)
                    )));
                }
                let kept = |name: &HeaderName| ELSEWHERE.contains(name);
                headers = headers
                    .iter()
                    .filter(|(name, _)| kept(name))
                    .map(|(n, v)| (n.clone(), v.clone()))
                    .collect();
                settings = Endpoint::of(self.config, next.clone())?.tls;
            }
            if response.status() == StatusCode::SEE_OTHER && method != Method::HEAD {
                method = Method::GET;
            }
            url = next;
        }
        Err(refused(format!("{} redirects more than {REDIRECTS} times", hosts::authority(&request.url))))
    }

    fn send_once(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: &Body<'_>,
        settings: &TlsSettings,
    ) -> Result<Response<'a>, Trouble> {
        let host = hosts::authority(url);
        let client = self.client(settings, url)?;
        let request = client.request(method.clone(), url.clone()).headers(headers.clone());
        let sent = match body {
            Body::Stream(length, open) => self.send_stream(request, *length, *open, &host)?,
            Body::Bytes(bytes) => self.await_answer(request.body(bytes.clone()), &host)?,
            // A method that could have a body says that it has none.
            Body::Empty if matches!(*method, Method::POST | Method::PUT | Method::PATCH) => {
                self.await_answer(request.body(Bytes::new()), &host)?
            }
            Body::Empty => self.await_answer(request, &host)?,
        };
        Ok(Response { runtime: self.runtime, idle: self.idle(), host, inner: sent })
    }

    fn await_answer(
        &self,
        request: reqwest::RequestBuilder,
        host: &str,
    ) -> Result<reqwest::Response, Trouble> {
        match self.runtime.wait_for(self.idle(), request.send())? {
            None => Err(silent(host, self.idle())),
            Some(answer) => answer.map_err(|error| trouble(error, host)),
        }
    }

    fn send_stream(
        &self,
        request: reqwest::RequestBuilder,
        length: u64,
        open: &Opener<'_>,
        host: &str,
    ) -> Result<reqwest::Response, Trouble> {
        let mut source = open()?;
        let (sender, receiver) = mpsc::channel(BODY_CHUNKS);
        let taken = Arc::new(AtomicU64::new(0));
        let body = reqwest::Body::wrap_stream(Chunks { receiver, taken: Arc::clone(&taken) });
        let request = request.header(reqwest::header::CONTENT_LENGTH, length).body(body);
        let mut answer = self.runtime.handle().spawn(request.send());
        let mut sent = 0;
        let mut complete = true;
        while sent < length {
            let mut chunk = vec![0; BODY_CHUNK.min(usize::try_from(length - sent).unwrap_or(BODY_CHUNK))];
            if let Err(error) = source.read_exact(&mut chunk) {
                answer.abort();
                return Err(Error::io("read what is sent", error).into());
            }
            sent += chunk.len() as u64;
            match self.runtime.wait_for(self.idle(), sender.send(Ok(Bytes::from(chunk))))? {
                Some(Ok(())) => {}
                // The other side has answered before it had everything.
                Some(Err(_)) => {
                    complete = false;
                    break;
                }
                None => {
                    answer.abort();
                    return Err(silent(host, self.idle()));
                }
            }
        }
        drop(sender);
        let patience = if complete { self.idle() * AFTER_BODY } else { self.idle() };
        loop {
            let before = taken.load(Ordering::Relaxed);
            match self.runtime.wait_for(patience, &mut answer)? {
                Some(Ok(answer)) => return answer.map_err(|error| trouble(error, host)),
                Some(Err(_)) => {
                    return Err(Error::new(ErrorKind::Internal, "a request's task died").into());
                }
                None if taken.load(Ordering::Relaxed) > before => {}
                None => {
                    answer.abort();
                    return Err(silent(host, patience));
                }
            }
        }
    }
}

fn refused(message: String) -> Trouble {
    Error::new(ErrorKind::Network, message).into()
}

fn silent(host: &str, limit: Duration) -> Trouble {
    let message = format!("{host} said nothing for {} ms", limit.as_millis());
    Trouble::passing(Error::new(ErrorKind::Timeout, message).with("host", host))
}

/// Where an answer sends the request on to.
fn redirected(response: &Response<'_>, method: &Method) -> Option<String> {
    let follows = match response.status() {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => {
            matches!(*method, Method::GET | Method::HEAD)
        }
        _ => false,
    };
    follows.then(|| response.header(LOCATION).map(str::to_owned)).flatten()
}

/// The chunks of a body, as the connection takes them.
struct Chunks {
    receiver: mpsc::Receiver<std::io::Result<Bytes>>,
    taken: Arc<AtomicU64>,
}

impl futures_core::Stream for Chunks {
    type Item = std::io::Result<Bytes>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let next = self.receiver.poll_recv(context);
        if let std::task::Poll::Ready(Some(Ok(chunk))) = &next {
            self.taken.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
        next
    }
}

/// An answer whose body has not been read.
pub struct Response<'a> {
    runtime: &'a Runtime,
    idle: Duration,
    host: String,
    inner: reqwest::Response,
}

impl Response<'_> {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// A header that is text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.inner.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// All values of a header that are text.
    pub fn headers(&self, name: HeaderName) -> impl Iterator<Item = &str> {
        self.inner.headers().get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// Where it came from in the end.
    pub fn url(&self) -> &Url {
        self.inner.url()
    }

    /// Bytes of the body, as far as the header says.
    pub fn length(&self) -> Option<u64> {
        self.header(reqwest::header::CONTENT_LENGTH).and_then(|length| length.parse().ok())
    }

    /// The next bytes of the body; `None` at its end, which is where the header said it would be.
    pub fn chunk(&mut self) -> Result<Option<Bytes>, Trouble> {
        match self.runtime.wait_for(self.idle, self.inner.chunk())? {
            None => Err(silent(&self.host, self.idle)),
            Some(chunk) => chunk.map_err(|error| trouble(error, &self.host)),
        }
    }

    /// The whole body, which is a document of at most `limit` bytes.
    pub fn bytes(mut self, limit: u64) -> Result<Vec<u8>, Trouble> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk()? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(Error::new(
                    ErrorKind::InvalidImage,
                    format!("{}: the answer goes over the limit of {limit} bytes for a document", self.host),
                )
                .into());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}
