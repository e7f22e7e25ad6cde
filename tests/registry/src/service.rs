//! From a request to its answer: log, latency, faults, and which handler it is for.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio::time::sleep;

use crate::body::{Body, Ending, InFlight};
use crate::exchange::{self, Exchange};
use crate::fault::Fault;
use crate::log::{self, Authorization};
use crate::reply::{Answer, Reply, Stop};
use crate::route::Route;
use crate::server::{self, Origin};
use crate::state::State;
use crate::{auth, blobs, files, lists, lock, manifests, search, token_service, uploads};

/// Answers a request. An error cuts the connection, and is all that hyper is told.
pub(crate) async fn handle(
    state: Arc<State>,
    origin: Origin,
    request: Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    let in_flight = state.gauge.enter();
    let host = request.uri().authority().map(|authority| authority.to_string()).or_else(|| {
        let host = request.headers().get("host")?;
        host.to_str().ok().map(Into::into)
    });
    let host = host.unwrap_or_default();
    let entry = state.log.add(logged(&request, &host));
    if request.method() == Method::CONNECT {
        return connect(&state, origin, request, &host, entry, in_flight);
    }

    let uri = request.uri().clone();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let fault = lock(&state.faults).next(request.method().as_str(), target);
    let (head, body) = request.into_parts();
    let mut exchange = Exchange {
        method: head.method,
        path: exchange::decode(uri.path()),
        query: exchange::parameters(uri.query().unwrap_or_default()),
        headers: head.headers,
        entry,
        state,
        origin,
        host,
        fault,
        body,
    };
    if exchange.state.options.latency_ms > 0 {
        sleep(Duration::from_millis(exchange.state.options.latency_ms)).await;
    }
    let answer = match answer(&mut exchange).await {
        Err(Stop::Reply(reply)) => Ok(*reply),
        other => other,
    };
    let Ok(reply) = answer else { return Err(aborted()) };
    // A client that is still sending would not read the answer of somebody who does not listen.
    match exchange.drain().await {
        Ok(()) => send(exchange, reply, in_flight),
        Err(_) => Err(aborted()),
    }
}

fn aborted() -> io::Error {
    io::Error::other("the connection is cut")
}

fn logged(request: &Request<Incoming>, host: &str) -> log::Request {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let path = match request.uri().path_and_query() {
        Some(target) if *request.method() != Method::CONNECT => target.to_string(),
        _ => request.uri().to_string(),
    };
    let scheme = text("authorization").map(|value| value.split(' ').next().unwrap_or_default());
    log::Request {
        method: request.method().to_string(),
        path,
        host: host.into(),
        protocol: if request.version() == Version::HTTP_2 { "HTTP/2.0" } else { "HTTP/1.1" }.into(),
        range: text("range").map(Into::into),
        user_agent: text("user-agent").map(Into::into),
        authorization: match scheme {
            None => Authorization::None,
            Some(scheme) if scheme.eq_ignore_ascii_case("basic") => Authorization::Basic,
            Some(scheme) if scheme.eq_ignore_ascii_case("bearer") => Authorization::Bearer,
            Some(_) => Authorization::Other,
        },
        content_length: text("content-length").and_then(|value| value.parse().ok()),
        ..log::Request::default()
    }
}

/// A tunnel, when the proxy plays the host that is asked for.
fn connect(
    state: &Arc<State>,
    origin: Origin,
    request: Request<Incoming>,
    host: &str,
    entry: log::Entry,
    in_flight: InFlight,
) -> Result<Response<Body>, io::Error> {
    let known = host.strip_suffix(":443").is_some_and(|name| state.is_proxied(name));
    // Only the proxy's own socket is a proxy; what comes through a tunnel is not.
    let status = match (origin.proxied && !origin.secure, known) {
        (true, true) => StatusCode::OK,
        (true, false) => StatusCode::BAD_GATEWAY,
        (false, _) => StatusCode::METHOD_NOT_ALLOWED,
    };
    if status == StatusCode::OK {
        server::tunnel(state.clone(), request);
    }
    lock(&entry).status = status.as_u16();
    let mut response = Response::new(Body::new(Vec::new(), Ending::Complete, entry, in_flight));
    *response.status_mut() = status;
    Ok(response)
}

/// The answer, as far as it does not depend on how it is sent.
async fn answer(exchange: &mut Exchange) -> Answer {
    let state = exchange.state.clone();
    match exchange.fault.clone() {
        Some(Fault::Delay { ms }) => sleep(Duration::from_millis(ms)).await,
        Some(Fault::Status { status, code, message, retry_after }) => {
            return Ok(status_reply(status, code, message, retry_after));
        }
        Some(Fault::Redirect { location }) => {
            return Ok(Reply::new(StatusCode::TEMPORARY_REDIRECT).header("location", &location));
        }
        Some(Fault::Unauthorized) => {
            let scopes = Route::of(&exchange.path).map(|route| auth::needed(exchange, &route));
            return Ok(auth::challenge(exchange, &scopes.unwrap_or_default(), Some("invalid_token")));
        }
        _ => {}
    }

    let mut cdn = exchange.origin.cdn;
    if exchange.origin.proxied {
        let name = exchange.host.split(':').next().unwrap_or_default();
        if !state.is_proxied(name) {
            return Ok(Reply::new(StatusCode::BAD_GATEWAY).body("text/plain", "no such host\n"));
        }
        cdn = state.is_proxied_cdn(name);
    }
    if cdn || exchange.path.starts_with("/cdn/") {
        return blobs::cdn(exchange, cdn);
    }
    let file = lock(&state.store).files.get(&exchange.path).cloned();
    if let Some(file) = file {
        return Ok(files::answer(exchange, file));
    }
    match exchange.path.as_str() {
        "/token" => return token_service::answer(exchange).await,
        "/v1/search" => return search::answer(exchange),
        _ => {}
    }

    let Some(route) = Route::of(&exchange.path) else { return Ok(Reply::not_found()) };
    route.check()?;
    auth::check(exchange, &route)?;
    let mut reply = match route {
        Route::Base => Ok(Reply::new(StatusCode::OK).json(&serde_json::json!({}))),
        Route::Catalog => lists::catalog(exchange),
        Route::Tags { repository } => lists::tags(exchange, &repository),
        Route::Referrers { repository, digest } => lists::referrers(exchange, &repository, &digest),
        Route::Manifest { repository, reference } => {
            manifests::answer(exchange, &repository, &reference).await
        }
        Route::Blob { repository, digest } => blobs::answer(exchange, &repository, &digest),
        Route::Uploads { repository } => uploads::begin(exchange, &repository).await,
        Route::Upload { repository, id } => uploads::answer(exchange, &repository, &id).await,
    }?;
    reply.set("docker-distribution-api-version", "registry/2.0");
    Ok(reply)
}

fn status_reply(
    status: u16,
    code: Option<String>,
    message: Option<String>,
    retry_after: Option<u64>,
) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let usual = match status.as_u16() {
        401 => Some("UNAUTHORIZED"),
        403 => Some("DENIED"),
        429 => Some("TOOMANYREQUESTS"),
        _ => None,
    };
    let reason = status.canonical_reason().unwrap_or("fault");
    let mut reply = match (code.as_deref().or(usual), &message) {
        (None, None) => Reply::new(status).body("text/plain", format!("{reason}\n")),
        (code, message) => {
            Reply::error(status, code.unwrap_or("UNKNOWN"), message.as_deref().unwrap_or(reason))
        }
    };
    if let Some(seconds) = retry_after {
        reply.set("retry-after", &seconds.to_string());
    }
    reply
}

/// Makes the answer what the fault wants it to be, and sends it.
fn send(exchange: Exchange, reply: Reply, in_flight: InFlight) -> Result<Response<Body>, io::Error> {
    let mut reply = reply;
    match &exchange.fault {
        Some(Fault::Truncate { after }) => {
            reply.body.truncate(usize::try_from(*after).unwrap_or(usize::MAX));
        }
        Some(Fault::ContentType { value }) => reply.set("content-type", value),
        Some(Fault::DigestHeader { value }) => reply.set("docker-content-digest", value),
        _ => {}
    }
    let mut reply = reply.finish(&exchange.method);
    if let Some(Fault::RemoveHeader { name }) = &exchange.fault {
        reply.headers.remove(name.as_str());
    }
    let cut = |body: &Bytes, after: u64| body.slice(..body.len().min(after as usize));
    let (segments, ending) = match exchange.fault {
        Some(Fault::Drop { .. }) if reply.body.is_empty() => return Err(aborted()),
        Some(Fault::Drop { after }) => (vec![cut(&reply.body, after)], Ending::Abort),
        Some(Fault::Stall { after }) => (vec![cut(&reply.body, after)], Ending::Hang),
        Some(Fault::Corrupt { at }) => (corrupted(reply.body, at), Ending::Complete),
        _ => (vec![reply.body], Ending::Complete),
    };
    {
        let mut entry = lock(&exchange.entry);
        entry.status = reply.status.as_u16();
    }
    let mut body = Body::new(segments, ending, exchange.entry, in_flight);
    if let Some(Fault::Slow { bytes_per_second }) = exchange.fault {
        body = body.paced(bytes_per_second);
    }
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    Ok(response)
}

/// The body with one bit of one byte turned; only that byte is copied.
fn corrupted(body: Bytes, at: u64) -> Vec<Bytes> {
    if body.is_empty() {
        return vec![body];
    }
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(body.len() - 1);
    let flipped = Bytes::copy_from_slice(&[body[at] ^ 1]);
    vec![body.slice(..at), flipped, body.slice(at + 1..)]
}
