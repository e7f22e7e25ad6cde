//! Search: Docker Hub's interface on any host that speaks it, or else the names in a registry's catalog.

use reqwest::Method;
use serde::Deserialize;

use super::client::{Call, Client, Target};
use super::http::Http;
use super::options::{SearchOptions, SearchResult};
use super::tags;
use crate::error::{Error, ErrorKind, Result};
use crate::reference::{self, DEFAULT_HOST};

/// The host that searches Docker Hub.
const HUB_SEARCH: &str = "index.docker.io";
const DEFAULT_LIMIT: u32 = 25;
const FILTERS: [&str; 3] = ["stars", "is-official", "is-automated"];
/// Largest answer that is read, in bytes.
const ANSWER_LIMIT: u64 = 16 << 20;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    results: Vec<Found>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Found {
    name: String,
    description: Option<String>,
    star_count: u64,
    is_official: bool,
    is_automated: bool,
}

/// The filters, checked.
#[derive(Default)]
struct Filters {
    stars: u64,
    official: Option<bool>,
    automated: Option<bool>,
}

/// Searches the host that the term begins with, or Docker Hub.
pub fn search(http: &Http<'_>, term: &str, options: &SearchOptions) -> Result<Vec<SearchResult>> {
    let limit = options.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=100).contains(&limit) {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("Limit {limit} is outside the range of [1, 100]"),
        ));
    }
    let filters = filters(options)?;
    let (host, query) = reference::split_host(term);
    let host = if host == HUB_SEARCH { DEFAULT_HOST } else { host };
    let query = if host == DEFAULT_HOST { query.strip_prefix("library/").unwrap_or(query) } else { query };
    if query.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, "nothing to search for was given"));
    }
    let address = if host == DEFAULT_HOST { HUB_SEARCH } else { host };
    let client = Client::known(http, address, options.auth.as_ref())?;
    let mut found = match ask(&client, query, limit) {
        Err(error) if host != DEFAULT_HOST && is_no_search(&error) => {
            let names = tags::catalog(&client, query, limit as usize)?;
            names.into_iter().map(|name| Found { name, ..Found::default() }).collect()
        }
        other => other?,
    };
    found.retain(|found| {
        found.star_count >= filters.stars
            && filters.official.is_none_or(|wanted| found.is_official == wanted)
            && filters.automated.is_none_or(|wanted| found.is_automated == wanted)
    });
    let named = |name: String| if host == DEFAULT_HOST { name } else { format!("{host}/{name}") };
    let results = found.into_iter().take(limit as usize).map(|found| SearchResult {
        index: host.to_owned(),
        name: named(found.name),
        description: found.description.unwrap_or_default(),
        star_count: found.star_count,
        is_official: found.is_official,
        is_automated: found.is_automated,
    });
    Ok(results.collect())
}

/// Whether a host does not search, rather than not being there or not wanting to.
fn is_no_search(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported | ErrorKind::InvalidArgument)
}

fn ask(client: &Client<'_>, query: &str, limit: u32) -> Result<Vec<Found>> {
    let path = format!("/v1/search?q={}&n={limit}", tags::encoded(query));
    // By path first: only an address that was reached is known to be the one.
    let call = Call::new(Method::GET, &path, &[], "search");
    let response = client.send(&Call { target: Target::Path(&path), ..call }, &[])?;
    let bytes = response.bytes(ANSWER_LIMIT)?;
    let answer: Answer = serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(
            ErrorKind::Unsupported,
            format!("{}: search: not Docker Hub's format: {error}", client.host()),
        )
    })?;
    Ok(answer.results)
}

fn filters(options: &SearchOptions) -> Result<Filters> {
    let mut filters = Filters::default();
    for (name, values) in &options.filters {
        let invalid =
            |value: &str| Error::new(ErrorKind::InvalidArgument, format!("Invalid filter '{name}={value}'"));
        if !FILTERS.contains(&name.as_str()) {
            return Err(Error::new(ErrorKind::InvalidArgument, format!("Invalid filter '{name}'")));
        }
        for value in values {
            let flag = || match value.as_str() {
                "true" | "1" => Ok(Some(true)),
                "false" | "0" => Ok(Some(false)),
                _ => Err(invalid(value)),
            };
            match name.as_str() {
                "stars" => filters.stars = filters.stars.max(value.parse().map_err(|_| invalid(value))?),
                "is-official" => filters.official = flag()?,
                _ => filters.automated = flag()?,
            }
        }
    }
    Ok(filters)
}
