//! Compresses, cuts and spoils bytes, as a spec asks.

use std::io::Write;

use serde_json::{Map, Value};

use super::number;
use crate::Result;

/// Applies the `compression` (`gzip zstd bzip2 xz`), then `truncate` (bytes kept), then `corrupt` (a position whose byte is flipped) of the spec.
pub fn compress(bytes: &[u8], spec: &Map<String, Value>) -> Result<Vec<u8>> {
    let kind = spec.get("compression").and_then(Value::as_str).unwrap_or("none");
    let mut out = with(kind, bytes)?;
    if let Some(keep) = number(spec, "truncate")? {
        out.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
    }
    if let Some(at) = number(spec, "corrupt")? {
        let byte = usize::try_from(at).ok().and_then(|at| out.get_mut(at));
        *byte.ok_or("corrupt: beyond the end")? ^= 0x55;
    }
    Ok(out)
}

/// The bytes compressed in this way.
pub fn with(kind: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let text = |error: std::io::Error| error.to_string();
    match kind {
        "none" => Ok(bytes.to_vec()),
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
            encoder.write_all(bytes).map_err(text)?;
            encoder.finish().map_err(text)
        }
        "zstd" => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 3).map_err(text)?;
            encoder.include_checksum(true).map_err(text)?;
            encoder.write_all(bytes).map_err(text)?;
            encoder.finish().map_err(text)
        }
        "bzip2" => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(6));
            encoder.write_all(bytes).map_err(text)?;
            encoder.finish().map_err(text)
        }
        "xz" => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 3);
            encoder.write_all(bytes).map_err(text)?;
            encoder.finish().map_err(text)
        }
        other => Err(format!("{other:?} is no compression")),
    }
}
