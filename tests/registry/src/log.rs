//! The log of requests, which tests read to learn what a client really did. It never holds a secret.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use crate::lock;

/// A request that arrived, in the order of arrival.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path with its query. For CONNECT, the host and port.
    pub path: String,
    /// The host it was meant for, with the port when there was one.
    pub host: String,
    /// The status of its answer. 0 when there is none: not yet, or because the connection was cut.
    pub status: u16,
    /// The protocol: `HTTP/1.1` or `HTTP/2.0`.
    pub protocol: String,
    /// Its `Range`.
    pub range: Option<String>,
    /// Its `User-Agent`.
    pub user_agent: Option<String>,
    /// How it logged in; never the secret itself.
    pub authorization: Authorization,
    /// Its `Content-Length`.
    pub content_length: Option<u64>,
    /// Bytes of its body that were read.
    pub bytes_received: u64,
    /// Bytes of the answer's body that were sent.
    pub bytes_sent: u64,
}

/// The scheme of an `Authorization` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Authorization {
    /// There was no such header.
    #[default]
    None,
    /// User name and password.
    Basic,
    /// A token.
    Bearer,
    /// Something else.
    Other,
}

/// A request that may still be going on: its handler writes here what the log shows.
pub(crate) type Entry = Arc<Mutex<Request>>;

/// The requests so far.
#[derive(Default)]
pub(crate) struct Log {
    entries: Mutex<Vec<Entry>>,
}

impl Log {
    pub(crate) fn add(&self, request: Request) -> Entry {
        let entry = Arc::new(Mutex::new(request));
        lock(&self.entries).push(entry.clone());
        entry
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.entries).iter().map(|entry| lock(entry).clone()).collect()
    }

    pub(crate) fn clear(&self) {
        lock(&self.entries).clear();
    }
}
