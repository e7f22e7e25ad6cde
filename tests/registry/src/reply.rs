//! An answer before it is sent: status, headers, body. Faults change it, and `body` sends it.

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

/// How a handler ends.
pub(crate) type Answer = Result<Reply, Stop>;

/// Why a handler ended early.
pub(crate) enum Stop {
    /// With an answer, boxed because it is far larger than the usual `Ok` of the helpers.
    Reply(Box<Reply>),
    /// The connection is to be cut without one.
    Abort,
}

impl From<Reply> for Stop {
    fn from(reply: Reply) -> Self {
        Self::Reply(Box::new(reply))
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// An error in the words of the specification, with `detail` null.
    pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Self {
        Self::error_with(status, code, message, Value::Null)
    }

    /// An error in the words of the specification.
    pub(crate) fn error_with(status: StatusCode, code: &str, message: &str, detail: Value) -> Self {
        let body = json!({ "errors": [{ "code": code, "message": message, "detail": detail }] });
        Self::new(status).json(&body)
    }

    /// 405 UNSUPPORTED.
    pub(crate) fn unsupported() -> Self {
        Self::error(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "The operation is unsupported.")
    }

    /// 404 of something that is no part of the API.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND).body("text/plain", "404 page not found\n")
    }

    /// Adds a header. A value that cannot be one is dropped rather than sent broken.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        {
            self.headers.insert(name, value);
        }
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    pub(crate) fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string())
    }

    /// The part of the body that a `Range` asks for. A range that is not a single one is ignored, as RFC 9110 allows.
    pub(crate) fn ranged(mut self, range: &str) -> Self {
        let size = self.body.len() as u64;
        match range.strip_prefix("bytes=").and_then(|text| single_range(text, size)) {
            None => self,
            Some(Some((first, last))) => {
                self.status = StatusCode::PARTIAL_CONTENT;
                self.body = self.body.slice(first as usize..last as usize + 1);
                self.header("content-range", &format!("bytes {first}-{last}/{size}"))
            }
            Some(None) => Self::error(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "RANGE_INVALID",
                "The range is not within the blob.",
            )
            .header("content-range", &format!("bytes */{size}")),
        }
    }

    /// Announces the body's length and, for HEAD, leaves the body away.
    pub(crate) fn finish(mut self, method: &Method) -> Self {
        if self.status != StatusCode::NO_CONTENT {
            self.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        if method == Method::HEAD {
            self.body = Bytes::new();
        }
        self
    }
}

/// `first-last`, `first-` or `-count` of something of `size` bytes: `None` when it is none of these, `Some(None)` when it
/// cannot be satisfied.
fn single_range(text: &str, size: u64) -> Option<Option<(u64, u64)>> {
    let (first, last) = text.split_once('-')?;
    if first.is_empty() {
        let count: u64 = last.parse().ok()?;
        return Some((count > 0 && size > 0).then(|| (size.saturating_sub(count), size - 1)));
    }
    let first: u64 = first.parse().ok()?;
    let last: u64 = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
    if last < first {
        return None;
    }
    Some((first < size).then(|| (first, last.min(size - 1))))
}
