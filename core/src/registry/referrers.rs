//! What refers to a manifest: signatures, bills of materials (OCI distribution specification 1.1, "Listing Referrers").

use serde_json::Value;

use super::client::Client;
use super::manifests::{self, Fetched, scope};
use super::tags;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::media_type::OCI_INDEX;
use crate::spec::{self, Descriptor, Document, Index};

/// The tag that lists what refers to a digest where the registry does not (specification, "Referrers Tag Schema").
fn fallback_tag(digest: Digest) -> String {
    format!("sha256-{}", digest.hex())
}

/// Descriptors of what refers to a digest, by the API or by the fallback tag.
pub fn list(client: &Client<'_>, digest: Digest, artifact_type: Option<&str>) -> Result<Vec<Descriptor>> {
    let mut path = format!("{}/referrers/{digest}", client.repository());
    if let Some(wanted) = artifact_type {
        path = format!("{path}?artifactType={}", tags::encoded(wanted));
    }
    let scopes = scope(client.repository(), "pull");
    let mut found = Vec::new();
    let listed = tags::pages(client, &path, &scopes, "referrers", |page: Index| {
        found.extend(page.manifests);
        true
    });
    match listed {
        Ok(()) => {}
        // The registry does not know the API, or not this way.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported) => {
            found = fallback(digest, |tag| manifests::get(client, tag), client)?
                .map_or_else(Vec::new, |index| index.manifests);
        }
        Err(error) => return Err(error),
    }
    // Filtering is the registry's to do or to leave.
    found.retain(|descriptor| artifact_type.is_none_or(|wanted| type_of(descriptor) == wanted));
    Ok(found)
}

fn type_of(descriptor: &Descriptor) -> &str {
    descriptor.extra.get("artifactType").and_then(Value::as_str).unwrap_or_default()
}

fn fallback(
    digest: Digest,
    get: impl Fn(&str) -> Result<Fetched>,
    client: &Client<'_>,
) -> Result<Option<Index>> {
    match get(&fallback_tag(digest)) {
        Ok(Fetched { document: Document::Index(index), .. }) => Ok(Some(index)),
        Ok(_) => Err(Error::new(
            ErrorKind::InvalidImage,
            format!("{}: the tag {} is no index of referrers", client.host(), fallback_tag(digest)),
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes note, in the fallback tag, of a manifest that refers to `subject`: for registries that do not themselves. Two clients
/// that do this at once may lose one note; the specification has no way around that.
pub fn note(client: &Client<'_>, subject: Digest, media_type: &str, bytes: &[u8]) -> Result<()> {
    let value: Value = spec::parse(bytes, "manifest")?;
    let mut descriptor = Descriptor::of(media_type, bytes);
    let text = |value: Option<&Value>| {
        value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let config_type = || text(value.get("config").and_then(|config| config.get("mediaType")));
    if let Some(artifact_type) = text(value.get("artifactType")).or_else(config_type) {
        descriptor.extra.insert("artifactType".into(), artifact_type.into());
    }
    if let Some(Value::Object(annotations)) = value.get("annotations") {
        let pairs =
            annotations.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        descriptor.annotations = pairs.collect();
    }
    let mut index = fallback(subject, |tag| manifests::get_own(client, tag), client)?
        .unwrap_or_else(|| Index::new(Vec::new()));
    if index.manifests.iter().any(|known| known.digest == descriptor.digest) {
        return Ok(());
    }
    index.manifests.push(descriptor);
    manifests::put(client, &fallback_tag(subject), OCI_INDEX, &spec::to_bytes(&index)?)
}
