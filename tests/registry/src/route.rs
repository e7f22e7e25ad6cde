//! The paths of Distribution Spec v1.1.

use hyper::StatusCode;

use crate::reply::{Reply, Stop};
use crate::store::{is_digest, is_name};

/// What a path below `/v2/` is about.
pub(crate) enum Route {
    Base,
    Catalog,
    Tags { repository: String },
    Referrers { repository: String, digest: String },
    Manifest { repository: String, reference: String },
    Blob { repository: String, digest: String },
    Uploads { repository: String },
    Upload { repository: String, id: String },
}

impl Route {
    /// The route of a path, or `None` when it is not part of the API.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let rest = match path {
            "/v2" | "/v2/" => return Some(Self::Base),
            "/v2/_catalog" => return Some(Self::Catalog),
            _ => path.strip_prefix("/v2/")?,
        };
        let parts: Vec<&str> = rest.split('/').collect();
        let repository = |count: usize| Some(parts[..count].join("/")).filter(|name| !name.is_empty());
        let n = parts.len();
        // From the back, because a repository's name may hold any of these words.
        Some(match *parts.as_slice() {
            [.., "tags", "list"] => Self::Tags { repository: repository(n - 2)? },
            [.., "blobs", "uploads", ""] => Self::Uploads { repository: repository(n - 3)? },
            [.., "blobs", "uploads"] => Self::Uploads { repository: repository(n - 2)? },
            [.., "blobs", "uploads", id] => Self::Upload { repository: repository(n - 3)?, id: id.into() },
            [.., "referrers", digest] => {
                Self::Referrers { repository: repository(n - 2)?, digest: digest.into() }
            }
            [.., "manifests", reference] => {
                Self::Manifest { repository: repository(n - 2)?, reference: reference.into() }
            }
            [.., "blobs", digest] => Self::Blob { repository: repository(n - 2)?, digest: digest.into() },
            _ => return None,
        })
    }

    /// The repository it is about.
    pub(crate) fn repository(&self) -> Option<&str> {
        match self {
            Self::Base | Self::Catalog => None,
            Self::Tags { repository }
            | Self::Referrers { repository, .. }
            | Self::Manifest { repository, .. }
            | Self::Blob { repository, .. }
            | Self::Uploads { repository }
            | Self::Upload { repository, .. } => Some(repository),
        }
    }

    /// Refuses names and digests that are none.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        if self.repository().is_some_and(|name| !is_name(name)) {
            let message = "The repository name is invalid.";
            return Err(Reply::error(StatusCode::BAD_REQUEST, "NAME_INVALID", message).into());
        }
        if let Self::Blob { digest, .. } | Self::Referrers { digest, .. } = self
            && !is_digest(digest)
        {
            return Err(digest_invalid("The digest is not well-formed.").into());
        }
        Ok(())
    }
}

/// 400 DIGEST_INVALID.
pub(crate) fn digest_invalid(message: &str) -> Reply {
    Reply::error(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message)
}
