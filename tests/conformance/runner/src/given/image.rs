//! Images in archives and registries: OCI layouts and docker-archives, honest or not.

use serde_json::{Map, Value, json};

use super::{compress, descriptor, digest, layer};
use crate::Result;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The files of an archive, and the variables that tell about them.
pub struct Made {
    /// Paths in the archive, with their bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// `<as>.id`, `<as>.manifest`, `<as>.size`, `<as>.layer<n>`, `<as>.diff<n>` of each image that has an `as`.
    pub ids: Vec<(String, Value)>,
}

/// One image: its config, its layers with media types, and the plain tars they stand for.
struct Image {
    config: Vec<u8>,
    layers: Vec<(String, Vec<u8>)>,
    diff_ids: Vec<String>,
    manifest: Manifest,
}

/// A manifest or index, as it is sent.
pub struct Manifest {
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What a registry has of an image.
#[derive(Default)]
pub struct Stored {
    /// Configs and layers.
    pub blobs: Vec<Vec<u8>>,
    /// Manifests and indexes; the last is what the name leads to.
    pub manifests: Vec<Manifest>,
    /// Like those of [`Made`].
    pub ids: Vec<(String, Value)>,
}

/// Makes what a registry has of `{…an image…}`, of an index `{"platforms": [{…}, …], "index": merged}` or of `{"raw": text or JSON, "media_type": …}`.
///
/// Every image of an index is listed for the platform of its config, with its `descriptor` merged over. Beside what images of archives have there is
/// `"format": "docker"`: the media types of Docker.
pub fn stored(spec: &Value) -> Result<Stored> {
    let mut stored = Stored::default();
    let manifest = if let Some(platforms) = spec["platforms"].as_array() {
        index_of(platforms, spec, &mut stored)?
    } else if let Some(raw) = spec.get("raw") {
        let bytes = raw.as_str().map_or_else(|| raw.to_string(), str::to_owned).into_bytes();
        Manifest { media_type: spec["media_type"].as_str().unwrap_or(MANIFEST).to_owned(), bytes }
    } else {
        let image = image(spec)?;
        variables(&mut stored.ids, spec, &image, None);
        stored.blobs.push(image.config);
        stored.blobs.extend(image.layers.into_iter().map(|(_, bytes)| bytes));
        image.manifest
    };
    if let Some(prefix) = spec["as"].as_str() {
        stored.ids.extend(about_manifest(prefix, &manifest.bytes));
    }
    stored.manifests.push(manifest);
    Ok(stored)
}

/// An index of these images, which are stored too.
fn index_of(platforms: &[Value], spec: &Value, stored: &mut Stored) -> Result<Manifest> {
    let mut listed = Vec::new();
    for child in platforms {
        let made = self::stored(child)?;
        let last = made.manifests.last().ok_or("an image without a manifest")?;
        let mut entry = descriptor(&last.media_type, &last.bytes);
        if let Some(config) = child.get("config") {
            entry["platform"] = json!({ "architecture": "amd64", "os": "linux" });
            for key in ["architecture", "os", "variant"].into_iter().filter(|key| config.get(key).is_some()) {
                entry["platform"][key] = config[key].clone();
            }
        }
        merge(&mut entry, child.get("descriptor").unwrap_or(&json!({})));
        listed.push(entry);
        stored.blobs.extend(made.blobs);
        stored.ids.extend(made.ids);
        stored.manifests.extend(made.manifests);
    }
    let media_type = if spec["format"] == "docker" { DOCKER_INDEX } else { INDEX };
    let mut index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": listed });
    merge(&mut index, spec.get("index").unwrap_or(&json!({})));
    Ok(manifest_of(media_type, spec, &index))
}

fn about_manifest(prefix: &str, bytes: &[u8]) -> [(String, Value); 2] {
    [(format!("{prefix}.manifest"), digest(bytes).into()), (format!("{prefix}.size"), bytes.len().into())]
}

/// The bytes of a manifest, with spaces that a program which writes its own would lose.
fn manifest_of(media_type: &str, spec: &Value, value: &Value) -> Manifest {
    let media_type = spec["media_type"].as_str().unwrap_or(media_type).to_owned();
    Manifest { media_type, bytes: format!("{value:#}\n").into_bytes() }
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
    let docker = spec["format"] == "docker";
    let layer_type = match (docker, compression) {
        (false, "none") => "application/vnd.oci.image.layer.v1.tar".to_owned(),
        (false, _) => format!("application/vnd.oci.image.layer.v1.tar+{compression}"),
        (true, "none") => "application/vnd.docker.image.rootfs.diff.tar".to_owned(),
        (true, _) => format!("application/vnd.docker.image.rootfs.diff.tar.{compression}"),
    };
    let (mut layers, mut diff_ids) = (Vec::new(), Vec::new());
    for entries in spec["layers"].as_array().ok_or("layers is a list of layers")? {
        let tar = layer::tar(entries)?;
        diff_ids.push(digest(&tar));
        layers.push((layer_type.clone(), compress::with(compression, &tar)?));
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
    let config = config.to_string().into_bytes();
    let (media_type, config_type) =
        if docker { (DOCKER_MANIFEST, DOCKER_CONFIG) } else { (MANIFEST, CONFIG) };
    let listed: Vec<Value> = layers.iter().map(|(kind, bytes)| descriptor(kind, bytes)).collect();
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(config_type, &config),
        "layers": listed,
    });
    merge(&mut manifest, spec.get("manifest").unwrap_or(&json!({})));
    let manifest = manifest_of(media_type, spec, &manifest);
    Ok(Image { config, layers, diff_ids, manifest })
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
        ids.extend(about_manifest(prefix, manifest));
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
        let manifest = &image.manifest.bytes;
        let parts = [("config", &image.config), ("manifest", manifest)];
        let layers = image.layers.iter().map(|(_, bytes)| ("layer", bytes));
        for (part, bytes) in parts.into_iter().chain(layers) {
            let path = blob_path(bytes);
            if !files.iter().any(|(name, _)| *name == path) {
                files.push((path.clone(), bytes.clone()));
            }
            spoil(&mut files, spec, part, &path);
        }
        let mut entry = descriptor(&image.manifest.media_type, manifest);
        if let Some(name) = spec["ref"].as_str() {
            entry["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        }
        merge(&mut entry, spec.get("descriptor").unwrap_or(&json!({})));
        manifests.push(entry);
        variables(&mut ids, spec, &image, Some(manifest));
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
