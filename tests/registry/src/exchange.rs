//! A request while it is being handled: its parts, its place in the log, the fault it is to meet.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::HeaderMap;
use hyper::{Method, StatusCode};

use crate::fault::Fault;
use crate::lock;
use crate::log::Entry;
use crate::reply::{Reply, Stop};
use crate::server::Origin;
use crate::state::State;

/// A request being handled.
pub(crate) struct Exchange {
    pub(crate) state: Arc<State>,
    pub(crate) origin: Origin,
    pub(crate) method: Method,
    /// Decoded, without query.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    /// Host and, when it was named, port.
    pub(crate) host: String,
    pub(crate) entry: Entry,
    pub(crate) fault: Option<Fault>,
    pub(crate) body: Incoming,
}

impl Exchange {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The first query parameter of that name.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A query parameter that is a number, as `n` of a list.
    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>, Stop> {
        let bad = || Reply::error(StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID", "Not a number.");
        self.parameter(name).map(|text| text.parse().map_err(|_| bad().into())).transpose()
    }

    /// The scheme and host that the client used, for absolute URLs.
    pub(crate) fn base(&self) -> String {
        format!("{}://{}", if self.origin.secure { "https" } else { "http" }, self.host)
    }

    /// Whether nothing of the body is left, as far as is known before it is read.
    pub(crate) fn is_body_empty(&self) -> bool {
        self.body.is_end_stream()
    }

    /// The next bytes of the request's body, or `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Stop> {
        loop {
            if self.is_body_empty() {
                return Ok(None);
            }
            let received = lock(&self.entry).bytes_received;
            let allowed = match self.fault {
                Some(Fault::RefuseUploadAfter { bytes }) => bytes.saturating_sub(received),
                _ => u64::MAX,
            };
            if allowed == 0 {
                return Err(Stop::Abort);
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            // The client went away; nobody reads an answer.
            let Ok(frame) = frame else { return Err(Stop::Abort) };
            let Ok(mut data) = frame.into_data() else { continue };
            data.truncate(usize::try_from(allowed).unwrap_or(usize::MAX));
            lock(&self.entry).bytes_received += data.len() as u64;
            return Ok(Some(data));
        }
    }

    /// The whole body of a request that has a small one.
    pub(crate) async fn small_body(&mut self, limit: usize) -> Result<Bytes, Stop> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > limit {
                let message = "The body is too large.";
                return Err(Reply::error(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", message).into());
            }
        }
        Ok(body.into())
    }

    /// Reads what is left of the body, so that the client gets to read the answer.
    pub(crate) async fn drain(&mut self) -> Result<(), Stop> {
        while self.chunk().await?.is_some() {}
        Ok(())
    }
}

/// The parameters of a query or a form.
pub(crate) fn parameters(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decode(&name.replace('+', " ")), decode(&value.replace('+', " "))))
        .collect()
}

/// Undoes percent encoding. What is not well-formed stays as it is.
pub(crate) fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Encodes everything but the characters that are nowhere special.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(byte as char);
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
