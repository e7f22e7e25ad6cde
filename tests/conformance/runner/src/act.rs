//! What a case does and looks at beside calls of the library: files that change, trees, tars.
//!
//! An act is an object with one of these keys:
//! `files` (makes more), `remove`, `damage` (flips a byte in the middle), `touch` with `time`, `chmod` with `mode`, `tmpfs` with `size` (a small file system, needs root), `look` (a tree, with `has`
//! and `only`), `tar` (its entries, with `has` and `only`), `digest` with `is`, `json` (a file's JSON) with `is`, `value` with `is`.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::Result;
use crate::given::Maker;
use crate::matching::matches;
use crate::variables::Variables;

/// The longest file whose content a look shows.
const SHOWN: u64 = 64 * 1024;

/// File systems that a case mounted; they go when it is over.
#[derive(Default)]
pub struct Mounts(Vec<PathBuf>);

impl Drop for Mounts {
    fn drop(&mut self) {
        for path in self.0.drain(..).rev() {
            // What is in the way then is reported by the removal of the folder around it.
            let _ = rustix::mount::unmount(&path, rustix::mount::UnmountFlags::DETACH);
        }
    }
}

/// Does an act. `Err` says what is wrong.
pub fn act(
    spec: &Map<String, Value>,
    variables: &mut Variables,
    maker: &mut Maker,
    mounts: &mut Mounts,
) -> Result<()> {
    if let Some(files) = spec.get("files") {
        return maker.make_all(files.as_object().ok_or("files is an object")?, variables);
    }
    if let Some(value) = spec.get("value") {
        return matches(spec.get("is").ok_or("value wants `is`")?, &variables.fill(value)?, variables);
    }
    let (verb, path) = ["remove", "damage", "touch", "chmod", "tmpfs", "look", "tar", "digest", "json"]
        .into_iter()
        .find_map(|verb| Some((verb, spec.get(verb)?.as_str()?)))
        .ok_or_else(|| format!("no such act: {}", Value::Object(spec.clone())))?;
    let path = PathBuf::from(variables.fill_text(path)?);
    let is = spec.get("is");
    on_file(verb, &path, spec, is, variables, mounts).map_err(|error| format!("{}: {error}", path.display()))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn on_file(
    verb: &str,
    path: &Path,
    spec: &Map<String, Value>,
    is: Option<&Value>,
    variables: &mut Variables,
    mounts: &mut Mounts,
) -> Result<()> {
    match verb {
        "remove" if path.is_dir() && !path.is_symlink() => std::fs::remove_dir_all(path).map_err(text),
        "remove" => std::fs::remove_file(path).map_err(text),
        "damage" => {
            let mut bytes = std::fs::read(path).map_err(text)?;
            let middle = bytes.len() / 2;
            *bytes.get_mut(middle).ok_or("it is empty")? ^= 0x01;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(text)?;
            std::fs::write(path, bytes).map_err(text)
        }
        "touch" => {
            let seconds = spec["time"].as_u64().ok_or("touch wants `time`")?;
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            let file = std::fs::File::options().write(true).open(path).map_err(text)?;
            file.set_modified(time).map_err(text)
        }
        "chmod" => {
            let mode = u32::from_str_radix(spec["mode"].as_str().ok_or("chmod wants `mode`")?, 8);
            let mode = std::fs::Permissions::from_mode(mode.map_err(text)?);
            std::fs::set_permissions(path, mode).map_err(text)
        }
        "tmpfs" => {
            let options = format!("size={}", spec["size"].as_u64().ok_or("tmpfs wants `size`")?);
            let options = std::ffi::CString::new(options).map_err(text)?;
            std::fs::create_dir_all(path).map_err(text)?;
            let flags = rustix::mount::MountFlags::empty();
            rustix::mount::mount("none", path, "tmpfs", flags, options.as_c_str()).map_err(text)?;
            mounts.0.push(path.to_owned());
            Ok(())
        }
        "look" => {
            let mut tree = BTreeMap::new();
            walk(path, Path::new(""), &mut tree).map_err(text)?;
            has(spec, tree, variables)
        }
        "tar" => has(spec, tar_entries(path).map_err(text)?, variables),
        "digest" => {
            let bytes = std::fs::read(path).map_err(text)?;
            matches(is.ok_or("digest wants `is`")?, &json!(crate::given::digest(&bytes)), variables)
        }
        _ => {
            let bytes = std::fs::read(path).map_err(text)?;
            let value: Value = serde_json::from_slice(&bytes).map_err(text)?;
            matches(is.ok_or("json wants `is`")?, &value, variables)
        }
    }
}

/// Compares entries with `has` (path to pattern; `null`: not there); with `only` there is nothing else.
fn has(
    spec: &Map<String, Value>,
    mut found: BTreeMap<String, Value>,
    variables: &mut Variables,
) -> Result<()> {
    let wanted = spec.get("has").and_then(Value::as_object).cloned().unwrap_or_default();
    for (path, pattern) in &wanted {
        let path = variables.fill_text(path)?;
        match (found.remove(&path), pattern) {
            (None, Value::Null) => {}
            (Some(entry), Value::Null) => return Err(format!("{path} is there and should not be: {entry}")),
            (None, _) => {
                return Err(format!("{path} is not there; there are {:?}", found.keys().collect::<Vec<_>>()));
            }
            (Some(entry), pattern) => {
                matches(pattern, &entry, variables).map_err(|why| format!("{path}: {why}"))?;
            }
        }
    }
    let only = spec.get("only").and_then(Value::as_bool).unwrap_or(false);
    if only && !found.is_empty() {
        return Err(format!("there should not be {:?}", found.keys().collect::<Vec<_>>()));
    }
    Ok(())
}

/// Everything below `root`, by its path: `type mode uid gid size mtime links`, and `content`, `target`, `device`, `xattrs` where there are any.
fn walk(root: &Path, relative: &Path, tree: &mut BTreeMap<String, Value>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(root.join(relative))? {
        let name = relative.join(entry?.file_name());
        let path = root.join(&name);
        let meta = std::fs::symlink_metadata(&path)?;
        let kind = kind(meta.file_type());
        let mut shown = json!({
            "type": kind,
            "mode": format!("{:04o}", meta.mode() & 0o7777),
            "uid": meta.uid(),
            "gid": meta.gid(),
            "size": meta.len(),
            "mtime": meta.mtime(),
            "links": meta.nlink(),
        });
        match kind {
            "file" if meta.len() <= SHOWN => {
                shown["content"] = String::from_utf8_lossy(&std::fs::read(&path)?).into();
            }
            "symlink" => shown["target"] = std::fs::read_link(&path)?.to_string_lossy().into(),
            "char" | "block" => {
                shown["device"] = json!([rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev())]);
            }
            _ => {}
        }
        let attributes = attributes(&path);
        if !attributes.is_empty() {
            shown["xattrs"] = Value::Object(attributes);
        }
        tree.insert(name.to_string_lossy().into_owned(), shown);
        if kind == "dir" {
            walk(root, &name, tree)?;
        }
    }
    Ok(())
}

fn kind(file_type: std::fs::FileType) -> &'static str {
    match file_type {
        t if t.is_dir() => "dir",
        t if t.is_symlink() => "symlink",
        t if t.is_fifo() => "fifo",
        t if t.is_char_device() => "char",
        t if t.is_block_device() => "block",
        t if t.is_socket() => "socket",
        _ => "file",
    }
}

fn attributes(path: &Path) -> Map<String, Value> {
    let mut names = vec![0u8; 16 * 1024];
    let mut found = Map::new();
    let Ok(length) = rustix::fs::llistxattr(path, &mut names) else { return found };
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = String::from_utf8_lossy(name).into_owned();
        let mut value = vec![0u8; 16 * 1024];
        if let Ok(length) = rustix::fs::lgetxattr(path, name.as_str(), &mut value) {
            found.insert(name, String::from_utf8_lossy(&value[..length]).into());
        }
    }
    found
}

fn tar_entries(path: &Path) -> std::io::Result<BTreeMap<String, Value>> {
    let mut archive = tar::Archive::new(std::fs::File::open(path)?);
    let mut found = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let header = entry.header().clone();
        let name = entry.path()?.to_string_lossy().trim_end_matches('/').to_owned();
        let mut shown = json!({
            "type": if header.entry_type().is_dir() { "dir" } else { "file" },
            "mode": format!("{:04o}", header.mode()?),
            "uid": header.uid()?,
            "gid": header.gid()?,
            "size": entry.size(),
            "mtime": header.mtime()?,
        });
        if let Some(target) = entry.link_name()? {
            shown["target"] = target.to_string_lossy().into();
        }
        if entry.size() <= SHOWN {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            shown["digest"] = crate::given::digest(&bytes).into();
            if let Ok(text) = String::from_utf8(bytes) {
                if let Ok(value) = serde_json::from_str::<Value>(&text) {
                    shown["json"] = value;
                }
                shown["content"] = text.into();
            }
        }
        found.insert(name, shown);
    }
    Ok(found)
}
