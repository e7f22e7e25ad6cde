//! `/v2/<name>/blobs/<digest>`, and `/cdn/<digest>` where blobs may be redirected to.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::json;

use crate::exchange::Exchange;
use crate::fault::Fault;
use crate::lock;
use crate::options::BlobRedirect;
use crate::reply::{Answer, Reply};
use crate::state::PROXIED_CDN;
use crate::store::is_digest;

/// What the URL of a blob store ends with: it is worth nothing without its signature.
const SIGNATURE: &str = "signed";

/// Answers any method.
pub(crate) fn answer(exchange: &Exchange, repository: &str, digest: &str) -> Answer {
    match exchange.method {
        Method::GET | Method::HEAD => {
            let Some(bytes) = lock(&exchange.state.store).blob(repository, digest) else {
                return Ok(unknown(digest));
            };
            match redirect(exchange, digest) {
                Some(location) if exchange.method == Method::GET => {
                    Ok(Reply::new(StatusCode::TEMPORARY_REDIRECT)
                        .header("location", &location)
                        .header("docker-content-digest", digest))
                }
                _ => Ok(send(exchange, digest, bytes)),
            }
        }
        Method::DELETE => delete(exchange, repository, digest),
        _ => Ok(Reply::unsupported()),
    }
}

/// Answers as a blob store does, that knows digests and no repositories. `strict` is one that is another host: like the
/// signed URLs of S3, it takes no second kind of login.
pub(crate) fn cdn(exchange: &Exchange, strict: bool) -> Answer {
    let bad = |message: &str| Reply::new(StatusCode::BAD_REQUEST).body("text/plain", format!("{message}\n"));
    if strict && exchange.header("authorization").is_some() {
        return Ok(bad("there is a signature and an Authorization"));
    }
    let Some(digest) = exchange.path.strip_prefix("/cdn/").filter(|digest| is_digest(digest)) else {
        return Ok(Reply::not_found());
    };
    if exchange.parameter("signature") != Some(SIGNATURE) {
        return Ok(bad("the signature is missing"));
    }
    if !matches!(exchange.method, Method::GET | Method::HEAD) {
        return Ok(Reply::unsupported());
    }
    let Some(bytes) = lock(&exchange.state.store).any_blob(digest) else { return Ok(Reply::not_found()) };
    let mut reply = send(exchange, digest, bytes);
    // A blob store does not know what its objects are to a registry.
    reply.headers.remove("docker-content-digest");
    Ok(reply)
}

fn redirect(exchange: &Exchange, digest: &str) -> Option<String> {
    let path = format!("/cdn/{digest}?signature={SIGNATURE}");
    let state = &exchange.state;
    match state.options.blob_redirect {
        BlobRedirect::None => None,
        BlobRedirect::Same => Some(path),
        BlobRedirect::OtherHost if exchange.origin.proxied => {
            let scheme = if exchange.origin.secure { "https" } else { "http" };
            Some(format!("{scheme}://{PROXIED_CDN}{path}"))
        }
        BlobRedirect::OtherHost => Some(format!("{}://{}{path}", state.scheme(), state.cdn_host()?)),
    }
}

fn send(exchange: &Exchange, digest: &str, bytes: Bytes) -> Reply {
    let ranges = exchange.state.options.ranges && exchange.fault != Some(Fault::NoRange);
    let mut reply = Reply::new(StatusCode::OK)
        .body("application/octet-stream", bytes)
        .header("docker-content-digest", digest)
        .header("etag", &format!("\"{digest}\""));
    if ranges {
        reply.set("accept-ranges", "bytes");
    }
    match exchange.header("range") {
        Some(range) if ranges && exchange.method == Method::GET => reply.ranged(range),
        _ => reply,
    }
}

fn delete(exchange: &Exchange, repository: &str, digest: &str) -> Answer {
    if !exchange.state.options.delete {
        return Ok(Reply::unsupported());
    }
    let mut store = lock(&exchange.state.store);
    let found = store.repositories.get_mut(repository);
    let gone = found.is_some_and(|repository| repository.blobs.remove(digest).is_some());
    Ok(if gone { Reply::new(StatusCode::ACCEPTED) } else { unknown(digest) })
}

/// 404 BLOB_UNKNOWN.
fn unknown(digest: &str) -> Reply {
    let detail = json!({ "digest": digest });
    let message = "blob unknown to registry";
    Reply::error_with(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", message, detail)
}
