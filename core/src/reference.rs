//! Names of images: `[host[:port]/]path[:tag][@digest]`, with Docker's rules for what is left out (behaviours: "Names").

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};

/// The host that a name without one belongs to.
pub const DEFAULT_HOST: &str = "docker.io";
/// The tag of a name without one.
pub const DEFAULT_TAG: &str = "latest";

/// A parsed name. Always has a host and a full path; a tag, a digest, or neither.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    host: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// The registry's host and port, such as `docker.io`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path of the repository within its host, such as `library/ubuntu`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, if the name gave one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if the name gave one.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The repository as Docker shows it: without `docker.io/` and `library/`.
    pub fn familiar_repository(&self) -> String {
        if self.host != DEFAULT_HOST {
            return format!("{}/{}", self.host, self.path);
        }
        self.path.strip_prefix("library/").filter(|rest| !rest.contains('/')).unwrap_or(&self.path).to_owned()
    }

    /// The same repository with tag `latest`, if it has neither tag nor digest.
    #[must_use]
    pub fn with_default_tag(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// The same repository with this tag alone; `invalid_reference` when it is none.
    pub fn with_tag(&self, tag: &str) -> Result<Self> {
        format!("{}/{}:{tag}", self.host, self.path).parse()
    }

    /// The same repository with this digest alone.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Reference { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// A name for an image in the store: a digest is refused, a missing tag becomes `latest`.
    pub fn for_tagging(text: &str) -> Result<Self> {
        let reference: Reference = text.parse()?;
        if reference.digest.is_some() {
            return Err(invalid(text, "refusing to create a tag with a digest reference"));
        }
        Ok(reference.with_default_tag())
    }

    /// The name in full, as the store keeps names: `docker.io/library/ubuntu:16.04`. Of a tag and a digest, the digest decides.
    pub fn canonical(&self) -> String {
        let repository = format!("{}/{}", self.host, self.path);
        match (self.digest, &self.tag) {
            (Some(digest), _) => format!("{repository}@{digest}"),
            (None, Some(tag)) => format!("{repository}:{tag}"),
            (None, None) => repository,
        }
    }
}

impl fmt::Display for Reference {
    /// The name as Docker shows it: `ubuntu:16.04`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.familiar_repository())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

fn invalid(text: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidReference, format!("invalid reference {text:?}: {why}"))
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(invalid(text, "it is empty"));
        }
        if Digest::from_hex(text).is_some() {
            return Err(invalid(text, "64 hexadecimal digits are an image ID, not a name"));
        }
        let (rest, digest) = match text.split_once('@') {
            None => (text, None),
            Some((rest, digest)) => match digest.parse::<Digest>() {
                Ok(digest) => (rest, Some(digest)),
                Err(error) => return Err(invalid(text, &error.to_string()).as_kind(error.kind())),
            },
        };
        let (host, rest) = split_host(rest);
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if let Some(tag) = tag.filter(|tag| !valid_tag(tag)) {
            return Err(invalid(
                text,
                &format!(
                    "tag {tag:?} is not 1 to 128 letters, digits, '_', '.' or '-', not beginning with '.' or '-'"
                ),
            ));
        }
        if !valid_host(host) {
            return Err(invalid(text, &format!("{host:?} is not a host")));
        }
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(invalid(text, "repository name must be lowercase"));
        }
        if path.is_empty() || !path.split('/').all(valid_component) {
            return Err(invalid(text, &format!("{path:?} is not a repository's path")));
        }
        let host = if host == "index.docker.io" { DEFAULT_HOST } else { host };
        let path = if host == DEFAULT_HOST && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        if host.len() + 1 + path.len() > 255 {
            return Err(invalid(text, "repository name must not be more than 255 characters"));
        }
        Ok(Reference { host: host.to_owned(), path, tag: tag.map(str::to_owned), digest })
    }
}

/// Whether this is a host, with a port or without.
pub fn is_host(text: &str) -> bool {
    !text.is_empty() && valid_host(text)
}

/// The host, if the first component is one, or else that of Docker Hub; and the rest.
pub fn split_host(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|b| b.is_ascii_uppercase()) =>
        {
            (first, rest)
        }
        _ => (DEFAULT_HOST, text),
    }
}

fn valid_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=128).contains(&tag.len())
        && word(tag.as_bytes()[0])
        && tag.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}

/// A component of a path: lower-case alphanumerics, separated by one '.', one or two '_', or any number of '-'.
fn valid_component(component: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    if !bytes.first().copied().is_some_and(alphanumeric) || !bytes.last().copied().is_some_and(alphanumeric) {
        return false;
    }
    bytes.split(|b| alphanumeric(*b)).all(|separator| {
        matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-')
    })
}

fn valid_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) => {
                if address.parse::<std::net::Ipv6Addr>().is_err() {
                    return false;
                }
                match port {
                    "" => return true,
                    port => ("ipv6", port.strip_prefix(':').or(Some(""))),
                }
            }
            None => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.split('.').all(label) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        text.parse::<Reference>().unwrap().canonical()
    }

    #[test]
    fn the_first_component_is_a_host_only_if_it_looks_like_one() {
        assert_eq!(canonical("ubuntu"), "docker.io/library/ubuntu");
        assert_eq!(canonical("ubuntu:16.04"), "docker.io/library/ubuntu:16.04");
        assert_eq!(canonical("myname/ubuntu16.04:v1"), "docker.io/myname/ubuntu16.04:v1");
        assert_eq!(canonical("index.docker.io/ubuntu"), "docker.io/library/ubuntu");
        assert_eq!(canonical("registry.hub.docker.com/ubuntu:16.04"), "registry.hub.docker.com/ubuntu:16.04");
        assert_eq!(canonical("hub.c.163.com/public/logo"), "hub.c.163.com/public/logo");
        assert_eq!(canonical("localhost/x"), "localhost/x");
        assert_eq!(canonical("LOCALHOST/x"), "LOCALHOST/x");
        assert_eq!(canonical("[::1]:5000/x"), "[::1]:5000/x");
        assert_eq!(canonical("host:5000/a/b:t"), "host:5000/a/b:t");
        assert_eq!(canonical("docker.io/a/b"), "docker.io/a/b");
    }

    #[test]
    fn of_a_tag_and_a_digest_the_digest_decides() {
        let digest = Digest::of(b"x");
        let both = format!("a:1@{digest}");
        assert_eq!(canonical(&both), format!("docker.io/library/a@{digest}"));
        assert_eq!(both.parse::<Reference>().unwrap().to_string(), both);
    }

    #[test]
    fn names_show_without_what_docker_leaves_out() {
        for text in ["ubuntu:16.04", "myname/x:v1", "hub.c.163.com/public/logo", "localhost:5000/x"] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
        assert_eq!("docker.io/library/x:1".parse::<Reference>().unwrap().to_string(), "x:1");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let id = "e".repeat(64);
        let long = format!("{}/x", "a".repeat(255));
        for bad in [
            "",
            "Ubuntu",
            "a//b",
            "a:",
            "a:b c",
            "/a",
            "a/",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "x:.t",
            "x@sha256:12",
            "[::z]:1/x",
            "h:99999/x",
            "a b",
            &id,
            &long,
        ] {
            let error = bad.parse::<Reference>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidReference, "{bad}");
        }
    }

    #[test]
    fn a_tag_with_a_digest_is_refused_and_a_missing_one_is_latest() {
        let digest = Digest::of(b"x");
        let error = Reference::for_tagging(&format!("a@{digest}")).unwrap_err();
        assert!(error.to_string().contains("refusing to create a tag with a digest reference"));
        assert_eq!(Reference::for_tagging("a").unwrap().to_string(), "a:latest");
    }
}
