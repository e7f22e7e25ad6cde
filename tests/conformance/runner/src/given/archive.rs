//! Writes the files of an archive as a directory or as a tar.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{about, compress, layer};
use crate::Result;

/// Writes `files` to `path`: a directory with `"as": "dir"`, else a tar, compressed and spoilt as the spec asks. `"links"` are symlinks in it (path to target), `"extra"` are
/// more tar entries, at the end.
pub fn write(path: &Path, files: &[(String, Vec<u8>)], spec: &Map<String, Value>) -> Result<()> {
    if spec.get("as").and_then(Value::as_str) == Some("dir") {
        for (name, bytes) in files {
            let file = path.join(name);
            if let Some(parent) = file.parent() {
                about(parent, std::fs::create_dir_all(parent))?;
            }
            about(&file, std::fs::write(&file, bytes))?;
        }
        return Ok(());
    }
    let mut out = Vec::new();
    for (name, bytes) in files {
        layer::raw_file(&mut out, name, bytes)?;
    }
    let links = spec.get("links").and_then(Value::as_object);
    let links =
        links.into_iter().flatten().map(|(path, target)| json!({ "symlink": path, "target": target }));
    let extra = spec.get("extra").and_then(Value::as_array).cloned().unwrap_or_default();
    out.extend_from_slice(&layer::tar(&Value::Array(links.chain(extra).collect()))?);
    about(path, std::fs::write(path, compress::compress(&out, spec)?))
}
