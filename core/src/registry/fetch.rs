//! Any file behind an HTTP or HTTPS URL, by the same connections, proxies, certificates and retries as registries.
//!
//! Knows nothing of registries. What is secret in a URL (a password, a query) is in no message.

use std::fs::File;
use std::io::{Seek, Write};

use reqwest::header::{ETAG, HeaderMap, LAST_MODIFIED};
use reqwest::{Method, Url};

use super::failure::{Trouble, is_passing, kind_of, retry_after};
use super::hosts::Endpoint;
use super::http::{Body, Http, Request, Response};
use super::retry;
use crate::digest::{Digest, Hasher};
use crate::error::{Error, ErrorKind, Result, ResultExt};

/// What a server says of a file before it comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileHead {
    /// What names this version of it, as the server has it.
    pub etag: Option<String>,
    /// When it last changed, in seconds since 1970.
    pub modified: Option<i64>,
}

/// A file that came whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// What the server said of it.
    pub head: FileHead,
    /// Its bytes.
    pub size: u64,
    /// Their digest.
    pub digest: Digest,
}

/// A URL as messages may show it: without user, password, query and fragment. What is no URL is cut at the same places.
pub fn shown_url(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Fetches a file into `into`, from its start. See [`super::fetch`].
pub fn fetch(
    http: &Http<'_>,
    url: &str,
    into: &mut File,
    limit: u64,
    mut wanted: impl FnMut(&FileHead) -> Result<bool>,
) -> Result<Option<Fetched>> {
    let shown = shown_url(url);
    let parsed = Url::parse(url)
        .ok()
        .filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|h| !h.is_empty())
        })
        .ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, format!("{shown}: an http or https URL is wanted"))
        })?;
    let tls = Endpoint::of(http.config(), parsed.clone())?.tls;
    let host = super::hosts::authority(&parsed);
    let request = Request {
        method: Method::GET,
        // Where the user wrote a plain URL, so may be what it leads to.
        stays_plain: parsed.scheme() == "http",
        url: parsed,
        headers: HeaderMap::new(),
        body: Body::Empty,
    };
    let mut restarted = false;
    retry::repeat(http, &shown, || {
        let response = http.send(&request, &tls)?;
        if !response.status().is_success() {
            return Err(refused(&response, &shown, &host));
        }
        let head = head_of(&response);
        if !wanted(&head)? {
            return Ok(None);
        }
        if std::mem::replace(&mut restarted, true) {
            into.set_len(0).and_then(|()| into.rewind()).context(|| "write a download")?;
        }
        receive(response, head, into, limit, &shown).map(Some)
    })
    .map_err(|error| match error.kind() {
        ErrorKind::Cancelled => error,
        _ => error.with("host", host.as_str()),
    })
}

/// What an answer is called that is not the file.
fn refused(response: &Response<'_>, shown: &str, host: &str) -> Trouble {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let message = format!("{shown}: invalid response status {} {reason}", status.as_u16());
    let error = Error::new(kind_of(status, None), message.trim_end())
        .with("status", i64::from(status.as_u16()))
        .with("host", host);
    Trouble { passing: is_passing(status), wait: retry_after(response), ..Trouble::from(error) }
}

fn receive(
    mut response: Response<'_>,
    head: FileHead,
    into: &mut File,
    limit: u64,
    shown: &str,
) -> Result<Fetched, Trouble> {
    let mut hasher = Hasher::default();
    let mut size = 0;
    while let Some(chunk) = response.chunk()? {
        size += chunk.len() as u64;
        if size > limit {
            let message = format!("{shown} goes over the limit of {limit} bytes");
            return Err(Error::new(ErrorKind::InvalidArgument, message).into());
        }
        hasher.update(&chunk);
        into.write_all(&chunk).context(|| "write a download")?;
    }
    Ok(Fetched { head, size, digest: hasher.finish().0 })
}

fn head_of(response: &Response<'_>) -> FileHead {
    let text =
        |name| response.header(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let modified = text(LAST_MODIFIED)
        .and_then(|date| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&date).ok());
    FileHead { etag: text(ETAG), modified: modified.map(|time| time.as_second()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_in_a_url_is_not_shown() {
        for (url, shown) in [
            ("https://user:pw@host:1/a/b?sig=x#y", "https://host:1/a/b"),
            ("https://host/a@b", "https://host/a@b"),
            ("http://u:p@host", "http://host"),
            ("nothing?x", "nothing"),
        ] {
            assert_eq!(shown_url(url), shown);
        }
    }
}
