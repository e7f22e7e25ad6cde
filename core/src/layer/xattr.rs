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

/// Whether an attribute belongs into a layer: labels and measurements are the machine's that made them.
fn belongs_into_layer(name: &OsStr) -> bool {
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

/// The attributes of an open file that belong into a layer. None where the file system has none.
pub(super) fn of_file(file: BorrowedFd<'_>) -> Result<BTreeMap<OsString, Vec<u8>>> {
    collect(list(|buffer| rustix::fs::flistxattr(file, buffer)), |name| {
        grow(|buffer| rustix::fs::fgetxattr(file, name, buffer))
    })
}

/// The same of a path whose last component is not followed.
pub(super) fn of_path(path: &Path) -> Result<BTreeMap<OsString, Vec<u8>>> {
    collect(list(|buffer| rustix::fs::llistxattr(path, buffer)), |name| {
        grow(|buffer| rustix::fs::lgetxattr(path, name, buffer))
    })
}

fn collect(
    names: Result<Vec<OsString>>,
    get: impl Fn(&OsStr) -> Result<Vec<u8>>,
) -> Result<BTreeMap<OsString, Vec<u8>>> {
    let names = match names {
        Err(Errno::NOTSUP) => return Ok(BTreeMap::new()),
        other => other?,
    };
    let mut xattrs = BTreeMap::new();
    for name in names {
        if is_of_overlay(&name) || !belongs_into_layer(&name) {
            continue;
        }
        match get(&name) {
            Ok(value) => drop(xattrs.insert(name, value)),
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(xattrs)
}

/// Whether overlay takes this directory for opaque. `x` only marks a directory with whiteouts of another kind.
pub(super) fn is_opaque(directory: BorrowedFd<'_>) -> Result<bool> {
    for name in [c"trusted.overlay.opaque", c"user.overlay.opaque"] {
        match grow(|buffer| rustix::fs::fgetxattr(directory, name, buffer)) {
            Ok(value) => return Ok(value == b"y"),
            Err(Errno::NODATA | Errno::NOTSUP | Errno::PERM) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Marks a directory opaque: `trusted.overlay.opaque`, or `user.overlay.opaque` for who may not set that.
pub(super) fn set_opaque(directory: BorrowedFd<'_>) -> Result<()> {
    let flags = rustix::fs::XattrFlags::empty();
    match rustix::fs::fsetxattr(directory, c"trusted.overlay.opaque", b"y", flags) {
        Err(Errno::PERM) => rustix::fs::fsetxattr(directory, c"user.overlay.opaque", b"y", flags),
        other => other,
    }
}
