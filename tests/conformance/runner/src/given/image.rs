//! Images in archives: OCI layouts and docker-archives, honest or not.

use serde_json::{Map, Value, json};

use super::{compress, descriptor, digest, layer};
use crate::Result;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The files of an archive, and the variables that tell about them.
pub struct Made {
    /// Paths in the archive, with their bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// `<as>.id`, `<as>.manifest`, `<as>.layer<n>`, `<as>.diff<n>` of each image that has an `as`.
    pub ids: Vec<(String, Value)>,
}

/// One image: its config, its layers with media types, and the plain tars they stand for.
struct Image {
    config: Vec<u8>,
    layers: Vec<(String, Vec<u8>)>,
    diff_ids: Vec<String>,
}

/// Makes the files of `{"oci": [images]}` or `{"docker": [images], "style": "new" | "old"}`.
///
/// An image: `layers` (lists of entries), `compression` of its layers, `tags` (docker) or `ref` (OCI), `config` (merged over a plain one), `as` (prefix of its variables),
/// `manifest` (merged over the manifest), `damage` or `drop` (`layer`, `config`, `manifest`: a byte of it is flipped, or it is missing) and `diff_ids`
/// (instead of the right ones).
pub fn make(spec: &Map<String, Value>) -> Result<Made> {
    let oci_layout = spec.contains_key("oci");
    let images = &spec[if oci_layout { "oci" } else { "docker" }];
    let images = images.as_array().ok_or("the images are a list")?;
    if oci_layout { oci(images, spec) } else { docker(images, spec) }
}

fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

fn image(spec: &Value) -> Result<Image> {
    let compression = spec["compression"].as_str().unwrap_or("none");
    let suffix = if compression == "none" { String::new() } else { format!("+{compression}") };
    let (mut layers, mut diff_ids) = (Vec::new(), Vec::new());
    for entries in spec["layers"].as_array().ok_or("layers is a list of layers")? {
        let tar = layer::tar(entries)?;
        diff_ids.push(digest(&tar));
        let media_type = format!("application/vnd.oci.image.layer.v1.tar{suffix}");
        layers.push((media_type, compress::with(compression, &tar)?));
    }
    let history: Vec<Value> = (0..layers.len())
        .map(|n| json!({ "created": "2020-01-01T00:00:00Z", "created_by": format!("layer {n}") }))
        .collect();
    let shown = spec.get("diff_ids").cloned().unwrap_or_else(|| json!(diff_ids));
    let mut config = json!({
        "created": "2020-01-01T00:00:00Z",
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": { "type": "layers", "diff_ids": shown },
        "history": history,
    });
    merge(&mut config, spec.get("config").unwrap_or(&json!({})));
    Ok(Image { config: config.to_string().into_bytes(), layers, diff_ids })
}

/// Flips a byte in the middle of what the spec says is damaged, or takes it away.
fn spoil(files: &mut Vec<(String, Vec<u8>)>, spec: &Value, part: &str, path: &str) {
    if spec["damage"] == part {
        for (_, bytes) in files.iter_mut().filter(|(name, _)| name == path) {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x01;
        }
    }
    if spec["drop"] == part {
        files.retain(|(name, _)| name != path);
    }
}

fn variables(ids: &mut Vec<(String, Value)>, spec: &Value, image: &Image, manifest: Option<&[u8]>) {
    let Some(prefix) = spec["as"].as_str() else { return };
    ids.push((format!("{prefix}.id"), digest(&image.config).into()));
    if let Some(manifest) = manifest {
        ids.push((format!("{prefix}.manifest"), digest(manifest).into()));
    }
    for (n, ((_, bytes), diff_id)) in image.layers.iter().zip(&image.diff_ids).enumerate() {
        ids.push((format!("{prefix}.layer{n}"), digest(bytes).into()));
        ids.push((format!("{prefix}.diff{n}"), diff_id.as_str().into()));
    }
}

fn blob_path(bytes: &[u8]) -> String {
    format!("blobs/{}", digest(bytes).replace(':', "/"))
}

fn oci(images: &[Value], archive: &Map<String, Value>) -> Result<Made> {
    let mut files = vec![("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())];
    let (mut ids, mut manifests) = (Vec::new(), Vec::new());
    for spec in images {
        let image = image(spec)?;
        let layers: Vec<Value> = image.layers.iter().map(|(kind, bytes)| descriptor(kind, bytes)).collect();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &image.config),
            "layers": layers,
        });
        merge(&mut manifest, spec.get("manifest").unwrap_or(&json!({})));
        // Spaces that a program which writes its own manifest would lose.
        let manifest = format!("{manifest:#}\n").into_bytes();
        let parts = [("config", &image.config), ("manifest", &manifest)];
        let layers = image.layers.iter().map(|(_, bytes)| ("layer", bytes));
        for (part, bytes) in parts.into_iter().chain(layers) {
            let path = blob_path(bytes);
            if !files.iter().any(|(name, _)| *name == path) {
                files.push((path.clone(), bytes.clone()));
            }
            spoil(&mut files, spec, part, &path);
        }
        let mut entry = descriptor(MANIFEST, &manifest);
        if let Some(name) = spec["ref"].as_str() {
            entry["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        }
        merge(&mut entry, spec.get("descriptor").unwrap_or(&json!({})));
        manifests.push(entry);
        variables(&mut ids, spec, &image, Some(&manifest));
    }
    let mut index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    merge(&mut index, archive.get("index").unwrap_or(&json!({})));
    if archive.get("nested").is_some() {
        // An index that points to an index, as `docker save` of an image with several platforms has it.
        let inner = index.to_string().into_bytes();
        let mut entry = descriptor(INDEX, &inner);
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": archive["nested"] });
        files.push((blob_path(&inner), inner));
        index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] });
    }
    files.push(("index.json".to_owned(), index.to_string().into_bytes()));
    Ok(Made { files, ids })
}

fn docker(images: &[Value], archive: &Map<String, Value>) -> Result<Made> {
    let old = archive.get("style").and_then(Value::as_str) == Some("old");
    let (mut files, mut ids, mut entries) = (Vec::<(String, Vec<u8>)>::new(), Vec::new(), Vec::new());
    let mut repositories = json!({});
    for spec in images {
        let image = image(spec)?;
        let config_path = match old {
            true => format!("{}.json", &digest(&image.config)[7..]),
            false => blob_path(&image.config),
        };
        files.push((config_path.clone(), image.config.clone()));
        spoil(&mut files, spec, "config", &config_path);
        let mut layers = Vec::new();
        for (n, (_, bytes)) in image.layers.iter().enumerate() {
            let path = match old {
                true => format!("{}{n:02x}/layer.tar", &digest(bytes)[7..69]),
                false => blob_path(bytes),
            };
            if old {
                let folder = path.trim_end_matches("layer.tar").to_owned();
                files.push((format!("{folder}VERSION"), b"1.0".to_vec()));
                files.push((
                    format!("{folder}json"),
                    json!({ "id": folder.trim_end_matches('/') }).to_string().into(),
                ));
            }
            if !files.iter().any(|(name, _)| *name == path) {
                files.push((path.clone(), bytes.clone()));
            }
            spoil(&mut files, spec, "layer", &path);
            layers.push(path);
        }
        let tags = spec.get("tags").cloned().unwrap_or(Value::Null);
        for tag in tags.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let (repository, tag) = tag.rsplit_once(':').ok_or("a tag of an archive has a colon")?;
            let top = layers.last().map_or("", |path| path.trim_end_matches("/layer.tar"));
            repositories[repository][tag] = json!(top);
        }
        let mut entry = json!({ "Config": config_path, "RepoTags": tags, "Layers": layers });
        merge(&mut entry, spec.get("manifest").unwrap_or(&json!({})));
        entries.push(entry);
        variables(&mut ids, spec, &image, None);
    }
    files.push(("manifest.json".to_owned(), Value::Array(entries).to_string().into_bytes()));
    if old {
        files.push(("repositories".to_owned(), repositories.to_string().into_bytes()));
    }
    Ok(Made { files, ids })
}
