//! Tars of layers, header by header: also those that no honest program writes.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{content, number};
use crate::Result;

/// Blocks of a tar.
const BLOCK: usize = 512;
/// The time of entries that give none: 2020-01-01.
const TIME: u64 = 1_577_836_800;

/// The kind of an entry and its path: the one key that names both.
const KINDS: [(&str, u8); 8] = [
    ("file", b'0'),
    ("hardlink", b'1'),
    ("symlink", b'2'),
    ("char", b'3'),
    ("block", b'4'),
    ("dir", b'5'),
    ("fifo", b'6'),
    ("whiteout", b'0'),
];

/// A tar of a list of entries: `{"file": "etc/x", "content": "…", "mode": "0644", "uid": 0, "xattrs": {…}}`, `{"symlink": "lib", "target": "usr/lib"}`,
/// `{"whiteout": "etc/x"}`, `{"opaque": "etc"}`, and `{"files": "many/", "count": 10}` for so many empty files.
pub fn tar(entries: &Value) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for entry in entries.as_array().ok_or("a layer is a list of entries")? {
        let spec = entry.as_object().ok_or("an entry is an object")?;
        append(&mut out, spec).map_err(|error| format!("{error} in {entry}"))?;
    }
    out.resize(out.len() + 2 * BLOCK, 0);
    Ok(out)
}

fn append(out: &mut Vec<u8>, spec: &Map<String, Value>) -> Result<()> {
    if let (Some(prefix), Some(count)) = (spec.get("files").and_then(Value::as_str), number(spec, "count")?) {
        for i in 0..count {
            entry(out, b'0', &format!("{prefix}{i}"), &Map::new())?;
        }
        return Ok(());
    }
    if let Some(directory) = spec.get("opaque").and_then(Value::as_str) {
        return entry(out, b'0', &format!("{directory}/.wh..wh..opq"), spec);
    }
    let (kind, flag) = KINDS
        .iter()
        .find(|(kind, _)| spec.contains_key(*kind))
        .ok_or("none of file, dir, symlink, hardlink, char, block, fifo, whiteout, opaque, files")?;
    let path = spec[*kind].as_str().ok_or("the path is text")?;
    match *kind {
        "whiteout" => {
            let (parent, name) = path.rsplit_once('/').map_or(("", path), |(parent, name)| (parent, name));
            let slash = if parent.is_empty() { "" } else { "/" };
            entry(out, b'0', &format!("{parent}{slash}.wh.{name}"), spec)
        }
        "dir" => entry(out, *flag, &format!("{}/", path.trim_end_matches('/')), spec),
        _ => entry(out, *flag, path, spec),
    }
}

fn entry(out: &mut Vec<u8>, flag: u8, path: &str, spec: &Map<String, Value>) -> Result<()> {
    let body = if flag == b'0' { content(spec) } else { Vec::new() };
    let target = spec.get("target").and_then(Value::as_str).unwrap_or_default();
    let mut records = Vec::new();
    for (name, value) in spec.get("xattrs").and_then(Value::as_object).into_iter().flatten() {
        record(&mut records, &format!("SCHILY.xattr.{name}"), value.as_str().unwrap_or_default());
    }
    for (name, value) in spec.get("pax").and_then(Value::as_object).into_iter().flatten() {
        record(&mut records, name, value.as_str().unwrap_or_default());
    }
    let gnu = spec.get("gnu").and_then(Value::as_bool).unwrap_or(false);
    for (long, key, gnu_flag) in [(path, "path", b'L'), (target, "linkpath", b'K')] {
        if long.len() > 100 && gnu {
            let mut bytes = long.as_bytes().to_vec();
            bytes.push(0);
            header(out, gnu_flag, "././@LongLink", "", bytes.len(), &Map::new())?;
            padded(out, &bytes);
        } else if long.len() > 100 {
            record(&mut records, key, long);
        }
    }
    if !records.is_empty() {
        header(out, b'x', "PaxHeaders/x", "", records.len(), &Map::new())?;
        padded(out, &records);
    }
    // `size` lies about the size of the body.
    let size = number(spec, "size")?.map_or(body.len(), |size| usize::try_from(size).unwrap_or(usize::MAX));
    header(out, flag, path, target, size, spec)?;
    padded(out, &body);
    Ok(())
}

/// Appends a regular file of these bytes.
pub fn raw_file(out: &mut Vec<u8>, path: &str, bytes: &[u8]) -> Result<()> {
    header(out, b'0', path, "", bytes.len(), &Map::new())?;
    padded(out, bytes);
    Ok(())
}

/// A PAX record: its own length, which counts itself, then `key=value`.
fn record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

fn padded(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
}

fn header(
    out: &mut Vec<u8>,
    flag: u8,
    path: &str,
    target: &str,
    size: usize,
    spec: &Map<String, Value>,
) -> Result<()> {
    let mut block = [0u8; BLOCK];
    let mut put = |at: usize, room: usize, bytes: &[u8]| {
        let length = bytes.len().min(room);
        block[at..at + length].copy_from_slice(&bytes[..length]);
    };
    let octal = |value: u64, digits: usize| format!("{value:0digits$o}\0").into_bytes();
    let default_mode = if flag == b'5' { 0o755 } else { 0o644 };
    put(0, 100, path.as_bytes());
    put(100, 8, &octal(number(spec, "mode")?.unwrap_or(default_mode), 7));
    put(108, 8, &octal(number(spec, "uid")?.unwrap_or(0), 7));
    put(116, 8, &octal(number(spec, "gid")?.unwrap_or(0), 7));
    put(124, 12, &octal(size as u64, 11));
    put(136, 12, &octal(number(spec, "mtime")?.unwrap_or(TIME), 11));
    put(148, 8, b"        ");
    put(156, 1, &[flag]);
    put(157, 100, target.as_bytes());
    put(257, 8, if matches!(flag, b'L' | b'K') { b"ustar  \0" } else { b"ustar\x0000" });
    put(329, 8, &octal(number(spec, "major")?.unwrap_or(0), 7));
    put(337, 8, &octal(number(spec, "minor")?.unwrap_or(0), 7));
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend_from_slice(&block);
    Ok(())
}

/// A root file system with busybox and nothing else: what RUN needs.
pub fn busybox(program: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(program)
        .map_err(|error| format!("{}: {error}: a static busybox is needed", program.display()))?;
    let mut out = Vec::new();
    let executable = json!({ "mode": "0755" });
    let executable = executable.as_object().ok_or("an object")?;
    for dir in ["bin", "etc", "root", "dev", "proc", "sys", "var"] {
        entry(&mut out, b'5', &format!("{dir}/"), &Map::new())?;
    }
    let sticky = json!({ "mode": "1777" });
    entry(&mut out, b'5', "tmp/", sticky.as_object().ok_or("an object")?)?;
    header(&mut out, b'0', "bin/busybox", "", bytes.len(), executable)?;
    padded(&mut out, &bytes);
    for name in [
        "sh",
        "echo",
        "cat",
        "ls",
        "id",
        "touch",
        "mkdir",
        "rm",
        "mv",
        "cp",
        "ln",
        "chmod",
        "chown",
        "env",
        "sleep",
        "true",
        "false",
        "test",
        "stat",
        "head",
        "seq",
        "pwd",
        "find",
        "grep",
        "wc",
        "ps",
        "kill",
        "mknod",
        "mount",
        "hostname",
        "date",
        "sort",
        "sed",
        "yes",
        "printf",
        "readlink",
        "cut",
        "tr",
        "dd",
        "sha256sum",
        "ip",
        "ifconfig",
        "nproc",
        "uname",
        "basename",
        "dirname",
        "awk",
        "tail",
        "tee",
        "expr",
    ] {
        let link = json!({ "target": "busybox" });
        entry(&mut out, b'2', &format!("bin/{name}"), link.as_object().ok_or("an object")?)?;
    }
    for (path, text) in [
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n"),
        ("etc/group", "root:x:0:\napp:x:1000:\nextra:x:2000:app\n"),
    ] {
        let spec = json!({ "content": text });
        entry(&mut out, b'0', path, spec.as_object().ok_or("an object")?)?;
    }
    out.resize(out.len() + 2 * BLOCK, 0);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn another_reader_finds_what_was_written() {
        let long = "d/".repeat(80) + "x";
        let bytes = tar(&json!([
            {"dir": "etc", "mode": "0700"},
            {"file": "etc/a", "content": "hi", "uid": 7, "xattrs": {"user.k": "v"}},
            {"file": long, "content": "far"},
            {"symlink": "l", "target": "etc/a"},
            {"whiteout": "etc/gone"},
            {"opaque": "var"},
            {"files": "m/", "count": 2},
        ]))
        .unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            if path == "etc/a" {
                let extensions = entry.pax_extensions().unwrap().unwrap();
                let keys: Vec<_> = extensions.map(|x| x.unwrap().key().unwrap().to_owned()).collect();
                assert_eq!(keys, ["SCHILY.xattr.user.k"]);
                assert_eq!(entry.header().uid().unwrap(), 7);
            }
            seen.push((path, text));
        }
        let names: Vec<&str> = seen.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(names, ["etc/", "etc/a", &long, "l", "etc/.wh.gone", "var/.wh..wh..opq", "m/0", "m/1"]);
        assert_eq!(seen[2].1, "far");
    }
}
