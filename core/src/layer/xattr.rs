//! Reading extended attributes, and telling whose they are.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::io::{Errno, Result};

/// Most bytes of a list of names, or of a value (Linux).
const MAX: usize = 64 * 1024;

/// Whether an attribute is overlay's own and means nothing outside of a mount.
pub(super) fn is_of_overlay(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b"trusted.overlay.") || name.as_bytes().starts_with(b"user.overlay.")
}

/// Extended attributes by name.
pub(super) type Xattrs = BTreeMap<OsString, Vec<u8>>;

/// Whether an attribute belongs into a layer: not overlay's own, nor labels and measurements of the machine.
pub(super) fn belongs_into_layer(name: &OsStr) -> bool {
    if is_of_overlay(name) {
        return false;
    }
    let name = name.as_bytes();
    !name.starts_with(b"security.") || name == b"security.capability"
}

/// The names that a call which fills a buffer gives.
pub(super) fn list(call: impl Fn(&mut [u8]) -> Result<usize>) -> Result<Vec<OsString>> {
    let bytes = grow(call)?;
    let names = bytes.split(|&byte| byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| OsStr::from_bytes(name).to_owned()).collect())
}

/// What a call that fills a buffer gives, however long.
fn grow(call: impl Fn(&mut [u8]) -> Result<usize>) -> Result<Vec<u8>> {
    let mut buffer = vec![0; 256];
    loop {
        match call(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::RANGE) if buffer.len() < MAX => buffer.resize(MAX, 0),
            Err(error) => return Err(error),
        }
    }
}

/// The attributes of an open file, overlay's own among them. None where the file system has none.
pub(super) fn of_file(file: BorrowedFd<'_>) -> Result<Xattrs> {
    collect(list(|buffer| rustix::fs::flistxattr(file, buffer)), |name| {
        grow(|buffer| rustix::fs::fgetxattr(file, name, buffer))
    })
}

/// The same of a path whose last component is not followed.
pub(super) fn of_path(path: &Path) -> Result<Xattrs> {
    collect(list(|buffer| rustix::fs::llistxattr(path, buffer)), |name| {
        grow(|buffer| rustix::fs::lgetxattr(path, name, buffer))
    })
}

fn collect(names: Result<Vec<OsString>>, get: impl Fn(&OsStr) -> Result<Vec<u8>>) -> Result<Xattrs> {
    let names = match names {
        Err(Errno::NOTSUP) => return Ok(Xattrs::new()),
        other => other?,
    };
    let mut xattrs = Xattrs::new();
    for name in names {
        match get(&name) {
            Ok(value) => drop(xattrs.insert(name, value)),
            // It went in between, or may not be read: `trusted` is root's.
            Err(Errno::NODATA | Errno::PERM) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(xattrs)
}

/// One of overlay's own attributes, whether root or an ordinary user mounted it.
fn of_overlay<'a>(xattrs: &'a Xattrs, name: &str) -> Option<&'a [u8]> {
    ["trusted.overlay.", "user.overlay."]
        .iter()
        .find_map(|prefix| xattrs.get(OsStr::new(&format!("{prefix}{name}"))))
        .map(Vec::as_slice)
}

/// Whether overlay takes a directory for opaque. `x` only says that there are whiteouts of another kind in it.
pub(super) fn is_opaque(xattrs: &Xattrs) -> bool {
    !xattrs.is_empty() && of_overlay(xattrs, "opaque") == Some(b"y")
}

/// Whether a directory or file has its content from somewhere else.
pub(super) fn is_by_reference(xattrs: &Xattrs) -> bool {
    !xattrs.is_empty()
        && (of_overlay(xattrs, "redirect").is_some() || of_overlay(xattrs, "metacopy").is_some())
}

/// Marks a directory opaque: `trusted.overlay.opaque`, or `user.overlay.opaque` for who may not set that.
pub(super) fn set_opaque(directory: BorrowedFd<'_>) -> Result<()> {
    let flags = rustix::fs::XattrFlags::empty();
    match rustix::fs::fsetxattr(directory, c"trusted.overlay.opaque", b"y", flags) {
        Err(Errno::PERM) => rustix::fs::fsetxattr(directory, c"user.overlay.opaque", b"y", flags),
        other => other,
    }
}
