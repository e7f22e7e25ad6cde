//! Image configs, manifests and indexes in the words of the OCI image specification and Docker's image specification 1.2.
//!
//! Reading is lossless: unknown fields are kept, `null` lists are empty ones. What came from elsewhere is stored as the
//! bytes it came in; these types only look into it, or make new documents.

mod change;
mod config;
mod manifest;

pub use change::{Changes, apply_changes, apply_changes_with, join, variable};
pub use config::{Healthcheck, History, ImageConfig, RunConfig};
pub use manifest::{Descriptor, Document, Index, Manifest};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Largest manifest, index or config that is read, in bytes: what registries accept.
pub const DOCUMENT_LIMIT: u64 = 4 << 20;

/// Reads a document; `invalid_image` names it as `what`.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::new(ErrorKind::InvalidImage, format!("{what} is not valid: {error}")))
}

/// The bytes of a new document: compact JSON in the order of the fields.
pub fn to_bytes<T: Serialize>(document: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(document)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("write a document: {error}")))
}

/// `null` reads as the default: many writers put it for an empty list.
fn null_is_default<'de, D, T>(deserializer: D) -> std::result::Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
