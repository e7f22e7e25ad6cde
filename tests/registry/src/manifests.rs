//! `/v2/<name>/manifests/<reference>`.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::exchange::Exchange;
use crate::lists::name_unknown;
use crate::lock;
use crate::reply::{Answer, Reply, Stop};
use crate::route::digest_invalid;
use crate::store::{Manifest, Repository, digest_of, is_digest, is_tag};

/// Larger manifests are refused, as the specification lets a registry do.
const LIMIT: usize = 4 << 20;

/// Answers any method.
pub(crate) async fn answer(exchange: &mut Exchange, repository: &str, reference: &str) -> Answer {
    if !is_digest(reference) && !is_tag(reference) {
        return Ok(match reference.contains(':') {
            true => digest_invalid("The digest is not well-formed."),
            false => invalid("The tag is not well-formed."),
        });
    }
    match exchange.method {
        Method::GET | Method::HEAD => get(exchange, repository, reference),
        Method::PUT => put(exchange, repository, reference).await,
        Method::DELETE => delete(exchange, repository, reference),
        _ => Ok(Reply::unsupported()),
    }
}

fn get(exchange: &Exchange, repository: &str, reference: &str) -> Answer {
    let store = lock(&exchange.state.store);
    let Some((digest, manifest)) = store.manifest(repository, reference) else {
        return Ok(match store.repositories.contains_key(repository) {
            true => unknown(reference),
            false => name_unknown(repository),
        });
    };
    Ok(Reply::new(StatusCode::OK)
        .body(&manifest.media_type, manifest.bytes)
        .header("docker-content-digest", &digest)
        .header("etag", &format!("\"{digest}\"")))
}

async fn put(exchange: &mut Exchange, repository: &str, reference: &str) -> Answer {
    let bytes = exchange.small_body(LIMIT).await?;
    let algorithm = reference.split_once(':').map_or("sha256", |(algorithm, _)| algorithm);
    let digest = digest_of(algorithm, &bytes).unwrap_or_default();
    if is_digest(reference) && digest != reference {
        return Ok(digest_invalid("The digest is not that of the manifest."));
    }
    let Ok(value) = serde_json::from_slice::<Value>(&bytes) else {
        return Ok(invalid("The manifest is not JSON."));
    };
    let media_type = media_type(exchange.header("content-type"), &value)?;
    let mut reply = Reply::new(StatusCode::CREATED)
        .header("location", &format!("{}/v2/{repository}/manifests/{digest}", exchange.base()))
        .header("docker-content-digest", &digest);
    if let (true, Some(subject)) = (exchange.state.options.referrers, subject_of(&value)) {
        reply.set("oci-subject", subject);
    }
    let mut store = lock(&exchange.state.store);
    check_references(store.repositories.get(repository), &value)?;
    store.put_manifest(repository, reference, Manifest { media_type, bytes });
    Ok(reply)
}

fn delete(exchange: &Exchange, repository: &str, reference: &str) -> Answer {
    let options = &exchange.state.options;
    if !options.delete || (!options.tag_delete && !is_digest(reference)) {
        return Ok(Reply::unsupported());
    }
    let mut store = lock(&exchange.state.store);
    let Some(found) = store.repositories.get_mut(repository) else { return Ok(name_unknown(repository)) };
    let gone = match is_digest(reference) {
        true => {
            found.tags.retain(|_, digest| digest != reference);
            found.manifests.remove(reference).is_some()
        }
        false => found.tags.remove(reference).is_some(),
    };
    Ok(if gone { Reply::new(StatusCode::ACCEPTED) } else { unknown(reference) })
}

/// The type it is stored with: the header's, or its own when there is none. They must not contradict.
fn media_type(header: Option<&str>, value: &Value) -> Result<String, Stop> {
    match (header, value["mediaType"].as_str()) {
        (Some(header), Some(own)) if header != own => {
            Err(invalid("mediaType is not the Content-Type.").into())
        }
        (Some(given), _) | (None, Some(given)) => Ok(given.into()),
        (None, None) => Err(invalid("There is no Content-Type.").into()),
    }
}

/// Everything a manifest refers to must be there, but for its subject and layers that are kept elsewhere.
fn check_references(repository: Option<&Repository>, value: &Value) -> Result<(), Stop> {
    let elsewhere = |descriptor: &&Value| {
        descriptor["urls"].as_array().is_some_and(|urls| !urls.is_empty())
            && descriptor["mediaType"]
                .as_str()
                .is_some_and(|kind| kind.contains("nondistributable") || kind.contains("foreign"))
    };
    let list = |name: &str| value[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let blobs = value.get("config").into_iter().chain(list("layers")).filter(|layer| !elsewhere(layer));
    let blobs = blobs.map(|descriptor| (descriptor, true));
    let children = list("manifests").iter().map(|descriptor| (descriptor, false));
    for (descriptor, is_blob) in blobs.chain(children) {
        let Some(digest) = descriptor["digest"].as_str() else {
            return Err(invalid("A descriptor has no digest.").into());
        };
        let found = repository.is_some_and(|repository| match is_blob {
            true => repository.blobs.contains_key(digest),
            false => repository.manifests.contains_key(digest),
        });
        if !found {
            let message = "blob unknown to registry";
            let detail = json!({ "digest": digest });
            let code = "MANIFEST_BLOB_UNKNOWN";
            return Err(Reply::error_with(StatusCode::BAD_REQUEST, code, message, detail).into());
        }
    }
    Ok(())
}

/// The digest of a manifest's subject.
pub(crate) fn subject_of(value: &Value) -> Option<&str> {
    value.get("subject")?["digest"].as_str()
}

fn unknown(reference: &str) -> Reply {
    let detail = json!({ "reference": reference });
    Reply::error_with(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown", detail)
}

fn invalid(message: &str) -> Reply {
    Reply::error(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", message)
}
