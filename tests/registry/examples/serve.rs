//! A registry of its own process, for scripts: `cargo run -p layerkit-testing --example serve -- SERVED.json`.
//!
//! SERVED.json has `options`, as README.md lists them, and `images`: OCI layouts that are there from the beginning. One line
//! of JSON on standard output says where it listens; it stops when standard input ends.
//!
//! ```json
//! {"options": {"proxy": {"hosts": ["registry-1.docker.io"]}},
//!  "images": [{"repository": "library/ubuntu", "tag": "16.04", "layout": "/tmp/ubuntu"}]}
//! ```
#![allow(clippy::disallowed_methods, clippy::print_stdout)] // A script's program: files are read and lines are printed.

use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};

use layerkit_testing::{Options, Registry};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Served {
    #[serde(default)]
    options: Options,
    #[serde(default)]
    images: Vec<Image>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    repository: String,
    tag: String,
    /// A folder in the layout of the OCI image specification, whose first manifest it is.
    layout: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: serve SERVED.json")?;
    let served: Served = serde_json::from_slice(&std::fs::read(path)?)?;
    let registry = Registry::start(served.options)?;
    for image in &served.images {
        put(&registry, image)?;
    }
    println!(
        "{}",
        json!({ "host": registry.host(), "url": registry.url(), "proxy": registry.proxy_url(), "ca": registry.ca_pem() })
    );
    std::io::stdin().read_to_end(&mut Vec::new())?;
    registry.stop();
    Ok(())
}

fn put(registry: &Registry, image: &Image) -> Result<(), Box<dyn Error>> {
    let blobs = image.layout.join("blobs").join("sha256");
    let index: Value = serde_json::from_slice(&std::fs::read(image.layout.join("index.json"))?)?;
    let top = index.pointer("/manifests/0").ok_or("index.json lists nothing")?;
    let text = |key: &str| top.get(key).and_then(Value::as_str).ok_or(format!("index.json has no {key}"));
    let manifest = std::fs::read(blobs.join(text("digest")?.trim_start_matches("sha256:")))?;
    for digest in digests(&manifest)? {
        registry.put_blob(&image.repository, std::fs::read(blob(&blobs, &digest))?);
    }
    registry.put_manifest(&image.repository, &image.tag, text("mediaType")?, manifest);
    Ok(())
}

fn blob(blobs: &Path, digest: &str) -> PathBuf {
    blobs.join(digest.trim_start_matches("sha256:"))
}

/// Of the blobs that a manifest names.
fn digests(manifest: &[u8]) -> Result<Vec<String>, Box<dyn Error>> {
    let manifest: Value = serde_json::from_slice(manifest)?;
    let layers = manifest["layers"].as_array().ok_or("this is no manifest of an image")?;
    let all = layers.iter().chain([&manifest["config"]]);
    Ok(all.filter_map(|entry| entry["digest"].as_str()).map(str::to_owned).collect())
}
