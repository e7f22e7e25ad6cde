//! Lists that come in pages: tags, catalog, referrers.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::exchange::{Exchange, encode};
use crate::lock;
use crate::manifests::subject_of;
use crate::reply::{Answer, Reply, Stop};
use crate::store::Manifest;

/// `GET /v2/<name>/tags/list`
pub(crate) fn tags(exchange: &Exchange, repository: &str) -> Answer {
    only_get(exchange)?;
    let store = lock(&exchange.state.store);
    let Some(found) = store.repositories.get(repository) else {
        return Ok(name_unknown(repository));
    };
    let page = page(exchange, found.tags.keys().map(String::as_str), &[])?;
    Ok(page.reply(&json!({ "name": repository, "tags": page.names })))
}

/// `GET /v2/_catalog`
pub(crate) fn catalog(exchange: &Exchange) -> Answer {
    if !exchange.state.options.catalog {
        return Ok(Reply::not_found());
    }
    only_get(exchange)?;
    let store = lock(&exchange.state.store);
    let page = page(exchange, store.repositories.keys().map(String::as_str), &[])?;
    Ok(page.reply(&json!({ "repositories": page.names })))
}

/// `GET /v2/<name>/referrers/<digest>`: an index of the manifests whose subject it is, empty when there are none.
pub(crate) fn referrers(exchange: &Exchange, repository: &str, digest: &str) -> Answer {
    if !exchange.state.options.referrers {
        return Ok(Reply::not_found());
    }
    only_get(exchange)?;
    let filter = exchange.parameter("artifactType");
    let store = lock(&exchange.state.store);
    let found = store.repositories.get(repository);
    let descriptors: Vec<(&str, Value)> = found
        .iter()
        .flat_map(|repository| &repository.manifests)
        .filter_map(|(own, manifest)| Some((own.as_str(), descriptor(own, manifest, digest)?)))
        .filter(|(_, value)| filter.is_none_or(|wanted| value["artifactType"] == wanted))
        .collect();
    let carried: Vec<(&str, &str)> = filter.iter().map(|value| ("artifactType", *value)).collect();
    let page = page(exchange, descriptors.iter().map(|(own, _)| *own), &carried)?;
    let shown: Vec<&Value> =
        descriptors.iter().filter(|(own, _)| page.names.contains(own)).map(|(_, value)| value).collect();
    let media_type = "application/vnd.oci.image.index.v1+json";
    let mut reply = page
        .reply(&json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": shown }))
        .header("content-type", media_type);
    if filter.is_some() {
        reply.set("oci-filters-applied", "artifactType");
    }
    Ok(reply)
}

/// The descriptor of a manifest whose subject is `subject`: Distribution Spec, "Listing Referrers".
fn descriptor(digest: &str, manifest: &Manifest, subject: &str) -> Option<Value> {
    let value: Value = serde_json::from_slice(&manifest.bytes).ok()?;
    if subject_of(&value)? != subject {
        return None;
    }
    let mut descriptor =
        json!({ "mediaType": manifest.media_type, "digest": digest, "size": manifest.bytes.len() });
    let kind = value["artifactType"].as_str().or_else(|| value["config"]["mediaType"].as_str());
    if let Some(kind) = kind {
        descriptor["artifactType"] = kind.into();
    }
    if let Some(annotations) = value.get("annotations") {
        descriptor["annotations"] = annotations.clone();
    }
    Some(descriptor)
}

/// One page of a list.
struct Page<'a> {
    names: Vec<&'a str>,
    /// The relative URL of the next page.
    next: Option<String>,
}

impl Page<'_> {
    fn reply(&self, body: &Value) -> Reply {
        let reply = Reply::new(StatusCode::OK).json(body);
        match &self.next {
            Some(next) => reply.header("link", &format!("<{next}>; rel=\"next\"")),
            None => reply,
        }
    }
}

/// The page after `last`, of `n` names but no more than the options allow. `carried` is kept in the next page's query.
fn page<'a>(
    exchange: &Exchange,
    names: impl Iterator<Item = &'a str>,
    carried: &[(&str, &str)],
) -> Result<Page<'a>, Stop> {
    let asked = exchange.number("n")?;
    let most = exchange.state.options.page_size.unwrap_or(usize::MAX);
    let size = asked.unwrap_or(usize::MAX).min(most);
    let last = exchange.parameter("last");
    let mut rest = names.skip_while(|name| last.is_some_and(|last| *name <= last));
    let names: Vec<&str> = rest.by_ref().take(size).collect();
    let next = match (rest.next(), names.last()) {
        (Some(_), Some(last)) => {
            let mut query = format!("last={}", encode(last));
            if let Some(asked) = asked {
                query.push_str(&format!("&n={asked}"));
            }
            for (name, value) in carried {
                query.push_str(&format!("&{name}={}", encode(value)));
            }
            Some(format!("{}?{query}", exchange.path))
        }
        _ => None,
    };
    Ok(Page { names, next })
}

fn only_get(exchange: &Exchange) -> Result<(), Stop> {
    match exchange.method {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(Reply::unsupported().into()),
    }
}

/// 404 NAME_UNKNOWN.
pub(crate) fn name_unknown(repository: &str) -> Reply {
    let detail = json!({ "name": repository });
    let message = "repository name not known to registry";
    Reply::error_with(StatusCode::NOT_FOUND, "NAME_UNKNOWN", message, detail)
}
