//! Plain files beside the API, as any web server has them: bytes by their path, with headers, behind a login where one is wanted.

use std::collections::BTreeMap;

use base64::Engine;
use bytes::Bytes;
use hyper::{Method, StatusCode};

use crate::exchange::Exchange;
use crate::reply::Reply;

/// A file that a registry serves beside its API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServedFile {
    /// Its content.
    pub bytes: Bytes,
    /// Headers of the answer, such as `Last-Modified`.
    pub headers: BTreeMap<String, String>,
    /// `user:password` that a client has to show by HTTP's basic login; none is asked for when absent.
    pub login: Option<String>,
}

impl<B: Into<Bytes>> From<B> for ServedFile {
    fn from(bytes: B) -> Self {
        Self { bytes: bytes.into(), ..Self::default() }
    }
}

/// The answer to a request for a path that is a file's.
pub(crate) fn answer(exchange: &Exchange, file: ServedFile) -> Reply {
    if let Some(login) = &file.login {
        let wanted = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login));
        if exchange.header("authorization") != Some(wanted.as_str()) {
            return Reply::new(StatusCode::UNAUTHORIZED).header("www-authenticate", "Basic realm=\"files\"");
        }
    }
    if !matches!(exchange.method, Method::GET | Method::HEAD) {
        return Reply::new(StatusCode::METHOD_NOT_ALLOWED);
    }
    let mut reply = Reply::new(StatusCode::OK).body("application/octet-stream", file.bytes);
    for (name, value) in &file.headers {
        reply.set(name, value);
    }
    reply
}
