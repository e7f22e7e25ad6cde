//! The tags of a repository, page by page, and the catalog of a registry.

use std::collections::BTreeSet;

use reqwest::Method;
use reqwest::header::LINK;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::client::{Call, Client, Target};
use super::manifests::scope;
use super::options::TagsOptions;
use super::retry;
use crate::error::{Error, ErrorKind, Result};

/// Largest page that is read, in bytes.
const PAGE_LIMIT: u64 = 16 << 20;
/// How many entries are asked for at once.
const PAGE: u32 = 1000;

#[derive(Default, Deserialize)]
#[serde(default)]
struct TagPage {
    tags: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CatalogPage {
    repositories: Option<Vec<String>>,
}

/// All tags.
pub fn all(client: &Client<'_>) -> Result<Vec<String>> {
    list(client, &TagsOptions::default())
}

/// The tags that the options ask for, in the registry's order.
pub fn list(client: &Client<'_>, options: &TagsOptions) -> Result<Vec<String>> {
    let limit = options.limit.map_or(usize::MAX, |limit| limit as usize);
    let mut path =
        format!("{}/tags/list?n={}", client.repository(), options.limit.unwrap_or(PAGE).clamp(1, PAGE));
    if let Some(last) = &options.last {
        path = format!("{path}&last={}", encoded(last));
    }
    let scopes = scope(client.repository(), "pull");
    let mut tags = Vec::new();
    pages(client, &path, &scopes, "tags", |page: TagPage| {
        tags.extend(page.tags.unwrap_or_default());
        // Registries that know no pages send all there are: docker-registry before 2.8.3 does.
        if let Some(at) = tags.iter().position(|tag| Some(tag) == options.last.as_ref()) {
            tags.drain(..=at);
        }
        tags.len() < limit
    })?;
    tags.truncate(limit);
    Ok(tags)
}

/// Repositories of a registry whose name holds `term`, at most `limit`.
pub fn catalog(client: &Client<'_>, term: &str, limit: usize) -> Result<Vec<String>> {
    let scopes = vec!["registry:catalog:*".to_owned()];
    let mut found = Vec::new();
    pages(client, &format!("_catalog?n={PAGE}"), &scopes, "catalog", |page: CatalogPage| {
        let names = page.repositories.unwrap_or_default();
        found.extend(names.into_iter().filter(|name| name.contains(term)));
        found.len() < limit
    })?;
    found.truncate(limit);
    Ok(found)
}

/// Text in a query.
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// Reads page after page, as `Link` leads, until `take` has enough.
pub fn pages<T: DeserializeOwned>(
    client: &Client<'_>,
    path: &str,
    scopes: &[String],
    what: &str,
    mut take: impl FnMut(T) -> bool,
) -> Result<()> {
    let mut next = None;
    let mut seen = BTreeSet::new();
    loop {
        let (page, link) = retry::repeat(client.http(), what, || {
            let mut call = Call::new(Method::GET, path, scopes, what);
            if let Some(url) = &next {
                call.target = Target::Url(reqwest::Url::clone(url));
            }
            let response = client.send(&call, &[])?;
            let link =
                response.header(LINK).and_then(next_of).and_then(|link| response.url().join(&link).ok());
            let bytes = response.bytes(PAGE_LIMIT)?;
            let page: T = serde_json::from_slice(&bytes).map_err(|error| {
                Error::new(
                    ErrorKind::Network,
                    format!("{}: {what}: not what was asked for: {error}", client.host()),
                )
                .with("host", client.host())
            })?;
            Ok((page, link))
        })?;
        if !take(page) {
            return Ok(());
        }
        let Some(link) = link else { return Ok(()) };
        if !seen.insert(link.clone()) {
            return Err(Error::new(
                ErrorKind::Network,
                format!("{}: {what}: the pages lead in a circle", client.host()),
            ));
        }
        next = Some(link);
    }
}

/// The target of `rel="next"` in a Link header (RFC 8288).
fn next_of(header: &str) -> Option<String> {
    header.split(',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else { return false };
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
        });
        is_next.then(|| target.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_where_the_link_says() {
        assert_eq!(
            next_of(r#"</v2/a/tags/list?n=2&last=b>; rel="next""#).as_deref(),
            Some("/v2/a/tags/list?n=2&last=b")
        );
        assert_eq!(
            next_of(r#"<http://x/1>; rel=prev, <http://x/3>; title=t; rel=next"#).as_deref(),
            Some("http://x/3")
        );
        assert_eq!(next_of(r#"<http://x/1>; rel="prev""#), None);
        assert_eq!(encoded("a b/ü&"), "a%20b%2F%C3%BC%26");
    }
}
