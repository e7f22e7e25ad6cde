//! Makes what a case is given: files, layers, archives, images. Byte for byte the same on every run.

mod archive;
mod compress;
mod image;
mod layer;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Map, Value, json};

pub use image::stored;

use crate::Result;
use crate::variables::Variables;

/// The keys that say what kind of file a spec makes.
const KINDS: [&str; 11] = [
    "content",
    "fifo",
    "bytes",
    "directory",
    "symlink",
    "hardlink",
    "layer",
    "busybox",
    "oci",
    "docker",
    "archive",
];

/// Makes files under `dir`; sets `<path>.id` and the like for those that are images.
pub struct Maker<'a> {
    /// Where they go.
    pub dir: &'a Path,
    /// A static busybox.
    pub busybox: &'a Path,
    /// Files that must stay open as long as the case runs: FIFOs that stall.
    pub held: &'a mut Vec<std::fs::File>,
}

/// Anything that can go wrong, with the path it went wrong at.
fn about<T, E: std::fmt::Display>(path: &Path, result: Result<T, E>) -> Result<T> {
    result.map_err(|error| format!("{}: {error}", path.display()))
}

/// Filler that does not compress to nothing and is the same every time.
fn filler(length: u64, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 8);
    while (out.len() as u64) < length {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(usize::try_from(length).unwrap_or(0));
    out
}

/// The bytes that an object with `content` or `bytes` stands for.
fn content(spec: &Map<String, Value>) -> Vec<u8> {
    match (spec.get("content").and_then(Value::as_str), spec.get("bytes").and_then(Value::as_u64)) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(0)) | (None, None) => Vec::new(),
        (None, Some(length)) => filler(length, spec.get("seed").and_then(Value::as_u64).unwrap_or(1)),
    }
}

/// The bytes of a file that is given as a text, or as an object with `content`, `bytes` or `layer`.
pub fn bytes(spec: &Value) -> Result<Vec<u8>> {
    match spec {
        Value::String(text) => Ok(text.as_bytes().to_vec()),
        Value::Object(spec) if spec.contains_key("layer") => {
            compress::compress(&layer::tar(&spec["layer"])?, spec)
        }
        Value::Object(spec) => Ok(content(spec)),
        other => Err(format!("{other} is neither text nor an object")),
    }
}

/// A number of a spec; modes are octal strings.
fn number(spec: &Map<String, Value>, key: &str) -> Result<Option<u64>> {
    match spec.get(key) {
        None => Ok(None),
        Some(Value::String(octal)) => {
            u64::from_str_radix(octal, 8).map(Some).map_err(|error| format!("{key} {octal:?}: {error}"))
        }
        Some(value) => value.as_u64().map(Some).ok_or_else(|| format!("{key}: {value} is no number")),
    }
}

impl Maker<'_> {
    /// Makes every file of `files`.
    pub fn make_all(&mut self, files: &Map<String, Value>, variables: &mut Variables) -> Result<()> {
        for (path, spec) in files {
            let (path, spec) = (&variables.fill_text(path)?, variables.fill(spec)?);
            self.make(path, &spec, variables).map_err(|error| format!("given {path:?}: {error}"))?;
        }
        Ok(())
    }

    fn make(&mut self, relative: &str, spec: &Value, variables: &mut Variables) -> Result<()> {
        let path = self.dir.join(relative);
        if let Some(parent) = path.parent() {
            about(parent, std::fs::create_dir_all(parent))?;
        }
        let spec = match spec {
            Value::String(text) => return about(&path, std::fs::write(&path, text)),
            Value::Object(spec) => spec,
            other => return Err(format!("{other} is neither text nor an object")),
        };
        let kind = KINDS.into_iter().find(|kind| spec.contains_key(*kind));
        match kind {
            Some("content" | "bytes") => about(&path, std::fs::write(&path, content(spec)))?,
            Some("directory") => about(&path, std::fs::create_dir_all(&path))?,
            Some("symlink") => {
                let target = spec["symlink"].as_str().unwrap_or_default();
                return about(&path, std::os::unix::fs::symlink(target, &path));
            }
            Some("hardlink") => {
                let target = self.dir.join(spec["hardlink"].as_str().unwrap_or_default());
                return about(&path, std::fs::hard_link(target, &path));
            }
            Some("fifo") => return self.fifo(&path, spec),
            Some("layer") => {
                let bytes = compress::compress(&layer::tar(&spec["layer"])?, spec)?;
                about(&path, std::fs::write(&path, bytes))?;
            }
            Some("busybox") => {
                let bytes = compress::compress(&layer::busybox(self.busybox)?, spec)?;
                about(&path, std::fs::write(&path, bytes))?;
            }
            Some("oci" | "docker") => {
                let made = image::make(spec)?;
                made.ids.iter().for_each(|(name, value)| variables.set(name, value.clone()));
                archive::write(&path, &made.files, spec)?;
            }
            Some("archive") => {
                let files = spec["archive"].as_object().ok_or("archive is an object of files")?;
                let files = files.iter().map(|(name, file)| match file {
                    Value::String(text) => (name.clone(), text.as_bytes().to_vec()),
                    other => (name.clone(), other.to_string().into_bytes()),
                });
                archive::write(&path, &files.collect::<Vec<_>>(), spec)?;
            }
            _ => return Err(format!("none of {KINDS:?}")),
        }
        if let Some(mode) = number(spec, "mode")? {
            let mode = u32::try_from(mode).map_err(|error| error.to_string())?;
            about(&path, std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)))?;
        }
        Ok(())
    }

    /// A FIFO that gives the file `fifo` of the case, cut to `bytes`, and then stalls until the case is over.
    fn fifo(&mut self, path: &Path, spec: &Map<String, Value>) -> Result<()> {
        use std::io::Write;
        let source = self.dir.join(spec["fifo"].as_str().unwrap_or_default());
        let mut bytes = about(&source, std::fs::read(&source))?;
        bytes.truncate(usize::try_from(number(spec, "bytes")?.unwrap_or(4096)).unwrap_or(0));
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        about(path, rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0))?;
        // Open for both, so that opening does not wait for a reader; a pipe holds 64 KiB.
        let mut file = about(path, std::fs::OpenOptions::new().read(true).write(true).open(path))?;
        about(path, file.write_all(&bytes))?;
        self.held.push(file);
        Ok(())
    }
}

/// An object of the digest of `bytes` and their number, as in a descriptor.
fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
}

/// The digest of these bytes.
pub fn digest(bytes: &[u8]) -> String {
    use sha2::Digest;
    let hex: String = sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
