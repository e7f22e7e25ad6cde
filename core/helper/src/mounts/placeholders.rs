//! What has to be in the container's root to be mounted upon, whatever the image has there, without a trace in the upper
//! directory: a layer below all others for images that never had it, and one above them for what the image deleted.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Timestamps, Uid, chownat, fchmod, fstat, mkdirat,
    openat, statat, utimensat,
};
use rustix::io::Errno;

use super::write_file;
use crate::{Result, Step};

const DIRECTORIES: [&str; 4] = ["dev", "etc", "proc", "sys"];
const FILES: [&str; 3] = ["etc/hostname", "etc/hosts", "etc/resolv.conf"];

/// The layer for below the others.
pub fn lowest(staging: BorrowedFd<'_>) -> Result<OwnedFd> {
    let layer = new_layer(staging, "lower")?;
    for directory in DIRECTORIES {
        make_directory(&layer, directory)?;
    }
    for file in FILES {
        write_file(layer.as_fd(), file, b"")?;
    }
    Ok(layer)
}

/// The layer for above the others, if they hide something of the lowest one.
pub fn topmost(staging: BorrowedFd<'_>, layers: &[&OwnedFd]) -> Result<Option<OwnedFd>> {
    let hidden = |paths: &[&'static str]| -> Result<Vec<&'static str>> {
        paths
            .iter()
            .filter_map(|path| is_hidden(layers, path).map(|yes| yes.then_some(*path)).transpose())
            .collect()
    };
    let (directories, files) = (hidden(&DIRECTORIES)?, hidden(&FILES)?);
    if directories.is_empty() && files.is_empty() {
        return Ok(None);
    }
    let layer = new_layer(staging, "top")?;
    for directory in directories {
        make_directory(&layer, directory)?;
    }
    if !files.is_empty() && exists(&layer, "etc")?.is_none() {
        make_directory(&layer, "etc")?;
    }
    for file in files {
        write_file(layer.as_fd(), file, b"")?;
    }
    // In an overlay, the attributes of the topmost directory are the directory's.
    if let (Some(_), Some(like)) = (exists(&layer, "etc")?, first_directory(layers, "etc")?) {
        let etc = openat(&layer, "etc", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .step(|| "open etc")?;
        dress(&etc, &like)?;
    }
    Ok(Some(layer))
}

/// Gives a directory the owner, mode and times of another.
pub fn dress(directory: &OwnedFd, like: &Stat) -> Result<()> {
    let now = fstat(directory).step(|| "stat a directory")?;
    if (like.st_uid, like.st_gid) != (now.st_uid, now.st_gid) {
        let (uid, gid) = (Uid::from_raw(like.st_uid), Gid::from_raw(like.st_gid));
        chownat(directory, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
            .step(|| "set a directory's owner")?;
    }
    fchmod(directory, Mode::from_raw_mode(like.st_mode)).step(|| "set a directory's mode")?;
    let time = |seconds, nanoseconds| rustix::fs::Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps {
        last_access: time(like.st_atime as _, like.st_atime_nsec as _),
        last_modification: time(like.st_mtime as _, like.st_mtime_nsec as _),
    };
    utimensat(directory, ".", &times, AtFlags::empty()).step(|| "set a directory's times")
}

/// Whether a directory has no entries.
pub fn is_empty(directory: &OwnedFd) -> Result<bool> {
    let mut entries = Dir::read_from(directory).step(|| "read a directory")?;
    Ok(!entries.any(|entry| entry.is_ok_and(|entry| !matches!(entry.file_name().to_bytes(), b"." | b".."))))
}

fn new_layer(staging: BorrowedFd<'_>, name: &str) -> Result<OwnedFd> {
    mkdirat(staging, name, Mode::from_raw_mode(0o755)).step(|| format!("create {name}"))?;
    openat(staging, name, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .step(|| format!("open {name}"))
}

fn make_directory(layer: &OwnedFd, name: &str) -> Result<()> {
    mkdirat(layer, name, Mode::from_raw_mode(0o755)).step(|| format!("create {name}"))
}

/// What a path of a layer is, not following a link.
fn exists(layer: &OwnedFd, path: &str) -> Result<Option<Stat>> {
    match statat(layer, path, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error).step(|| format!("stat {path} of a layer")),
    }
}

/// Whether one of these layers, the topmost first, keeps a path of the layers below them from being seen: by a whiteout,
/// or by a directory that is opaque. Something else in its place hides nothing: it is there to be mounted upon.
fn is_hidden(layers: &[&OwnedFd], path: &str) -> Result<bool> {
    let parent = path.rsplit_once('/').map_or(".", |(parent, _)| parent);
    for layer in layers {
        match exists(layer, parent)? {
            None => continue,
            Some(stat) if is_whiteout(&stat) => return Ok(true),
            Some(stat) if !is_directory(&stat) => return Ok(false),
            Some(_) => {}
        }
        match exists(layer, path)? {
            Some(stat) => return Ok(is_whiteout(&stat)),
            None if is_opaque(layer, parent)? => return Ok(true),
            None => {}
        }
    }
    Ok(false)
}

/// The attributes of the topmost directory of this name that is seen.
fn first_directory(layers: &[&OwnedFd], name: &str) -> Result<Option<Stat>> {
    for layer in layers {
        if let Some(stat) = exists(layer, name)? {
            return Ok(Some(stat).filter(is_directory));
        }
    }
    Ok(None)
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

fn is_opaque(layer: &OwnedFd, path: &str) -> Result<bool> {
    let directory = openat(layer, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .step(|| format!("open {path} of a layer"))?;
    let mut value = [0; 1];
    match rustix::fs::fgetxattr(&directory, "trusted.overlay.opaque", &mut value[..]) {
        Ok(_) => Ok(&value == b"y"),
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::RANGE) => Ok(false),
        Err(error) => Err(error).step(|| format!("read an attribute of {path}")),
    }
}
