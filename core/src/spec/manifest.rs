//! Manifests, indexes and descriptors (OCI image specification; Docker image manifest version 2, schema 2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::null_is_default;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::media_type;
use crate::platform::Platform;

/// What a blob is and how to check it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Its media type.
    #[serde(default, deserialize_with = "null_is_default")]
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The platform of a manifest in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Annotations.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Everything else that was there.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Descriptor {
    /// A descriptor of these bytes.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// A descriptor of a blob with this digest and size.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
            extra: Map::new(),
        }
    }
}

/// A manifest of one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// 2.
    pub schema_version: u32,
    /// Its own media type; OCI allows to leave it out.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// The image config.
    pub config: Descriptor,
    /// The layers, lowest first.
    #[serde(default, deserialize_with = "null_is_default")]
    pub layers: Vec<Descriptor>,
    /// Everything else that was there.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// An index (or manifest list): manifests for several platforms, or the images of a layout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// 2.
    pub schema_version: u32,
    /// Its own media type; OCI allows to leave it out.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// What it lists.
    #[serde(default, deserialize_with = "null_is_default")]
    pub manifests: Vec<Descriptor>,
    /// Everything else that was there.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A manifest or an index, told apart by content.
#[derive(Clone, Debug, PartialEq)]
pub enum Document {
    /// One image.
    Manifest(Box<Manifest>),
    /// Several.
    Index(Index),
}

impl Manifest {
    /// A new OCI manifest.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Manifest {
            schema_version: 2,
            media_type: media_type::OCI_MANIFEST.into(),
            config,
            layers,
            extra: Map::new(),
        }
    }

    /// Its media type, told by its config where it does not say.
    pub fn kind(&self) -> &str {
        match self.media_type.as_str() {
            "" if self.config.media_type == media_type::DOCKER_CONFIG => media_type::DOCKER_MANIFEST,
            "" => media_type::OCI_MANIFEST,
            other => other,
        }
    }
}

impl Index {
    /// A new OCI index.
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Index { schema_version: 2, media_type: media_type::OCI_INDEX.into(), manifests, extra: Map::new() }
    }
}

impl Document {
    /// Reads a manifest or an index. One that could be read as both is refused (CVE-2021-41190), schema 1 is
    /// `unsupported`, anything else `invalid_image`.
    pub fn parse(bytes: &[u8], what: &str) -> Result<Document> {
        let invalid = |why: String| Error::new(ErrorKind::InvalidImage, format!("{what}: {why}"));
        let value: Value = super::parse(bytes, what)?;
        if value.get("schemaVersion").and_then(Value::as_u64) == Some(1) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "{what}: manifests of schema 1 are no longer read; push the image again with a newer client"
                ),
            ));
        }
        let has = |key: &str| value.get(key).is_some_and(|value| !value.is_null());
        let (manifest, index) = (has("config") || has("layers"), has("manifests"));
        let media_type = value.get("mediaType").and_then(Value::as_str).unwrap_or_default().to_owned();
        match (manifest, index) {
            (true, true) => Err(invalid("it is both a manifest and an index".into())),
            (true, false) if media_type::is_index(&media_type) => {
                Err(invalid(format!("it is a manifest, but calls itself {media_type}")))
            }
            (false, true) if media_type::is_manifest(&media_type) => {
                Err(invalid(format!("it is an index, but calls itself {media_type}")))
            }
            (true, false) => super::parse(bytes, what).map(|manifest| Document::Manifest(Box::new(manifest))),
            (false, true) => super::parse(bytes, what).map(Document::Index),
            (false, false) => Err(invalid("it is neither a manifest nor an index".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_is_both_is_refused_and_schema_1_is_told() {
        let both = br#"{"schemaVersion":2,"config":{},"layers":[],"manifests":[]}"#;
        assert_eq!(Document::parse(both, "m").unwrap_err().kind(), ErrorKind::InvalidImage);
        let old = br#"{"schemaVersion":1,"name":"x","fsLayers":[]}"#;
        assert_eq!(Document::parse(old, "m").unwrap_err().kind(), ErrorKind::Unsupported);
        let lying =
            format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#, media_type::OCI_MANIFEST);
        assert_eq!(Document::parse(lying.as_bytes(), "m").unwrap_err().kind(), ErrorKind::InvalidImage);
    }

    #[test]
    fn null_lists_are_empty_and_unknown_fields_stay() {
        let text = r#"{"architecture":"amd64","config":{"Env":null,"Cmd":null,"Hostname":"x"},"history":null,"os":"linux","rootfs":{"type":"layers","diff_ids":null},"x":1}"#;
        let config: super::super::ImageConfig = super::super::parse(text.as_bytes(), "config").unwrap();
        assert!(config.config.env.is_empty() && config.rootfs.diff_ids.is_empty());
        let back = String::from_utf8(super::super::to_bytes(&config).unwrap()).unwrap();
        assert!(back.contains(r#""Hostname":"x""#) && back.contains(r#""x":1"#), "{back}");
    }
}
