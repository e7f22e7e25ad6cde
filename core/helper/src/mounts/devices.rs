//! The devices of the host, for a container with all privileges.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Uid, chmodat, chownat, mkdirat, mknodat};
use rustix::io::Errno;

use crate::{Result, Step};

/// What a container has of its own.
const OWN: [&str; 11] = [
    "/dev/console",
    "/dev/full",
    "/dev/mqueue",
    "/dev/null",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/random",
    "/dev/shm",
    "/dev/tty",
    "/dev/urandom",
    "/dev/zero",
];

/// A device, or a directory with devices.
pub struct Device {
    path: PathBuf,
    kind: FileType,
    number: u64,
    mode: u32,
    owner: (u32, u32),
}

/// Those of the host. What cannot be looked at is left out.
pub fn find() -> Vec<Device> {
    let mut found = Vec::new();
    let mut folders = VecDeque::from([PathBuf::from("/dev")]);
    while let Some(folder) = folders.pop_front() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(stat) = entry.metadata() else { continue };
            if OWN.iter().any(|own| path == Path::new(own)) {
                continue;
            }
            let kind = stat.file_type();
            let kind = if kind.is_dir() {
                folders.push_back(path.clone());
                FileType::Directory
            } else if kind.is_char_device() {
                FileType::CharacterDevice
            } else if kind.is_block_device() {
                FileType::BlockDevice
            } else {
                continue;
            };
            found.push(Device {
                path,
                kind,
                number: stat.rdev(),
                mode: stat.mode() & 0o7777,
                owner: (stat.uid(), stat.gid()),
            });
        }
    }
    found
}

/// Makes them in the container's /dev.
pub fn make(devices: &[Device]) -> Result<()> {
    for Device { path, kind, number, mode, owner } in devices {
        let mode = Mode::from_raw_mode(*mode);
        let made = match kind {
            FileType::Directory => mkdirat(CWD, path, mode),
            _ => mknodat(CWD, path, *kind, mode, *number),
        };
        match made {
            Ok(()) => {}
            Err(Errno::EXIST) => continue,
            Err(error) => return Err(error).step(|| format!("make {}", path.display())),
        }
        let what = || format!("set the attributes of {}", path.display());
        let (uid, gid) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
        chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW).step(what)?;
        chmodat(CWD, path, mode, AtFlags::empty()).step(what)?;
    }
    Ok(())
}
