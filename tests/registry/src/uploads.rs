//! `/v2/<name>/blobs/uploads/`: pushing blobs at once, in chunks, or by mounting those of another repository.

use bytes::BytesMut;
use hyper::{Method, StatusCode};

use crate::exchange::Exchange;
use crate::lock;
use crate::reply::{Answer, Reply, Stop};
use crate::route::digest_invalid;
use crate::store::{Upload, digest_of, is_digest, random};

/// POST: begins an upload, takes a whole one, or mounts.
pub(crate) async fn begin(exchange: &mut Exchange, repository: &str) -> Answer {
    if exchange.method != Method::POST {
        return Ok(Reply::unsupported());
    }
    let options = &exchange.state.options;
    if let (true, Some(digest), Some(source)) =
        (options.mount, exchange.parameter("mount"), exchange.parameter("from"))
    {
        let mut store = lock(&exchange.state.store);
        if let Some(bytes) = store.blob(source, digest) {
            store.put_blob(repository, digest, bytes);
            return Ok(created(exchange, repository, digest));
        }
    }
    let id = random();
    let upload =
        Upload { repository: repository.into(), data: BytesMut::new(), state: random(), short: false };
    let mut reply = progress(exchange, &id, &upload, StatusCode::ACCEPTED);
    if let Some(length) = options.chunk_min_length {
        reply.set("oci-chunk-min-length", &length.to_string());
    }
    let digest = exchange.parameter("digest").map(String::from);
    lock(&exchange.state.store).uploads.insert(id.clone(), upload);
    match digest {
        None => Ok(reply),
        Some(digest) => {
            let taken = take_body(exchange, &id).await;
            let answer = match taken {
                Ok(()) => finish(exchange, repository, &id, &digest),
                Err(stop) => Err(stop),
            };
            // Nobody knows the session of an upload that failed at once.
            lock(&exchange.state.store).uploads.remove(&id);
            answer
        }
    }
}

/// Everything that is done with a session.
pub(crate) async fn answer(exchange: &mut Exchange, repository: &str, id: &str) -> Answer {
    check_session(exchange, repository, id)?;
    match exchange.method {
        Method::GET => status(exchange, id, StatusCode::NO_CONTENT),
        Method::DELETE => {
            lock(&exchange.state.store).uploads.remove(id);
            Ok(Reply::new(StatusCode::NO_CONTENT))
        }
        Method::PATCH if !exchange.state.options.chunked => Ok(Reply::unsupported()),
        Method::PATCH => {
            check_order(exchange, id)?;
            let before = size(exchange, id);
            take_body(exchange, id).await?;
            let least = exchange.state.options.chunk_min_length.unwrap_or(0);
            if size(exchange, id) - before < least
                && let Some(upload) = lock(&exchange.state.store).uploads.get_mut(id)
            {
                upload.short = true;
            }
            status(exchange, id, StatusCode::ACCEPTED)
        }
        Method::PUT => {
            let Some(digest) = exchange.parameter("digest").map(String::from) else {
                return Ok(digest_invalid("The digest is missing."));
            };
            check_order(exchange, id)?;
            take_body(exchange, id).await?;
            finish(exchange, repository, id, &digest)
        }
        _ => Ok(Reply::unsupported()),
    }
}

/// The session must be one of this repository, and be asked for as its `Location` said.
fn check_session(exchange: &Exchange, repository: &str, id: &str) -> Result<(), Stop> {
    let store = lock(&exchange.state.store);
    let Some(upload) = store.uploads.get(id).filter(|upload| upload.repository == repository) else {
        return Err(unknown().into());
    };
    if exchange.state.options.relative_location && exchange.parameter("_state") != Some(&upload.state) {
        let message = "The query of the upload's Location is missing.";
        return Err(Reply::error(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID", message).into());
    }
    Ok(())
}

/// A chunk must begin where the last one ended, be as long as it says, and not follow one that was too short.
fn check_order(exchange: &Exchange, id: &str) -> Result<(), Stop> {
    let length = exchange.header("content-length").and_then(|text| text.parse::<u64>().ok());
    let refused =
        || -> Result<(), Stop> { Err(status(exchange, id, StatusCode::RANGE_NOT_SATISFIABLE)?.into()) };
    let short = lock(&exchange.state.store).uploads.get(id).is_some_and(|upload| upload.short);
    // A PUT that only finishes has no chunk.
    let has_chunk = exchange.method == Method::PATCH || !exchange.is_body_empty();
    if short && has_chunk {
        return refused();
    }
    let Some(range) = exchange.header("content-range") else { return Ok(()) };
    let parsed = range
        .split_once('-')
        .and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    let Some((first, last)) = parsed.filter(|(first, last)| first <= last) else { return refused() };
    let fits = length.is_none_or(|length| length == last - first + 1);
    if first != size(exchange, id) || !fits { refused() } else { Ok(()) }
}

/// Adds the request's body to the session as it comes in, so that what came before a broken connection is kept.
async fn take_body(exchange: &mut Exchange, id: &str) -> Result<(), Stop> {
    let most = exchange.state.options.max_request_size.unwrap_or(u64::MAX);
    let start = size(exchange, id);
    let announced = exchange.header("content-length").and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(too_large().into());
    }
    while let Some(chunk) = exchange.chunk().await? {
        let mut store = lock(&exchange.state.store);
        let Some(upload) = store.uploads.get_mut(id) else { return Err(unknown().into()) };
        upload.data.extend_from_slice(&chunk);
        if upload.data.len() as u64 - start > most {
            upload.data.truncate(start as usize);
            return Err(too_large().into());
        }
    }
    Ok(())
}

/// Makes the session a blob. One whose digest is wrong is over.
fn finish(exchange: &Exchange, repository: &str, id: &str, digest: &str) -> Answer {
    if !is_digest(digest) {
        return Ok(digest_invalid("The digest is not well-formed."));
    }
    let Some(upload) = lock(&exchange.state.store).uploads.remove(id) else { return Ok(unknown()) };
    let bytes = upload.data.freeze();
    let algorithm = digest.split(':').next().unwrap_or_default();
    if digest_of(algorithm, &bytes).as_deref() != Some(digest) {
        return Ok(digest_invalid("The digest is not that of the upload."));
    }
    lock(&exchange.state.store).put_blob(repository, digest, bytes);
    Ok(created(exchange, repository, digest))
}

fn size(exchange: &Exchange, id: &str) -> u64 {
    lock(&exchange.state.store).uploads.get(id).map_or(0, |upload| upload.data.len() as u64)
}

fn status(exchange: &Exchange, id: &str, status: StatusCode) -> Answer {
    let store = lock(&exchange.state.store);
    let Some(upload) = store.uploads.get(id) else { return Ok(unknown()) };
    Ok(progress(exchange, id, upload, status))
}

/// How far an upload is, and where it goes on.
fn progress(exchange: &Exchange, id: &str, upload: &Upload, status: StatusCode) -> Reply {
    let path = format!("/v2/{}/blobs/uploads/{id}", upload.repository);
    let location = match exchange.state.options.relative_location {
        true => format!("{path}?_state={}", upload.state),
        false => format!("{}{path}", exchange.base()),
    };
    // Nothing and one byte look the same, as in distribution: the header cannot say "nothing".
    let last = upload.data.len().saturating_sub(1);
    Reply::new(status)
        .header("location", &location)
        .header("range", &format!("0-{last}"))
        .header("docker-upload-uuid", id)
}

fn created(exchange: &Exchange, repository: &str, digest: &str) -> Reply {
    let path = format!("/v2/{repository}/blobs/{digest}");
    let location = match exchange.state.options.relative_location {
        true => path,
        false => format!("{}{path}", exchange.base()),
    };
    Reply::new(StatusCode::CREATED).header("location", &location).header("docker-content-digest", digest)
}

fn unknown() -> Reply {
    let message = "blob upload unknown to registry";
    Reply::error(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", message)
}

fn too_large() -> Reply {
    let message = "The request is too large.";
    Reply::error(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", message)
}
