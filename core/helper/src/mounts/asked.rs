//! What is mounted because the caller asked for it: prepared while the host is in sight, attached in the container's root.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Timespec, Timestamps, Uid, fchmod, fchown,
    fstat, mkdirat, open, openat, openat2, utimensat,
};
use rustix::io::Errno;
use rustix::mount::{MountFlags, OpenTreeFlags, mount_remount, open_tree};

use super::{NODEV, NOSUID, attach_to, by_descriptor, detached, overlay, write_file};
use crate::message::{Mount, MountSource, Start, Tmpfs};
use crate::{Failure, Result, Step};

/// Makes the mounts, detached, in the order of the message.
pub fn prepare(start: &Start, staging: BorrowedFd<'_>) -> Result<Vec<OwnedFd>> {
    start
        .mounts
        .iter()
        .enumerate()
        .map(|(number, mount)| source(mount, staging, &format!("mount.{number}")))
        .collect()
}

/// Attaches them, making what is missing to be mounted upon.
pub fn attach(start: &Start, mounts: &[OwnedFd]) -> Result<()> {
    for (mount, source) in start.mounts.iter().zip(mounts) {
        let name = String::from_utf8_lossy(&mount.target);
        let stat = fstat(source).step(|| format!("stat what is mounted upon {name}"))?;
        let target = target(&mount.target, is_directory(&stat))?;
        attach_to(source, &target).step(|| format!("mount upon {name}"))?;
        let mut flags = MountFlags::BIND;
        if !start.insecure {
            flags |= MountFlags::NODEV;
        }
        match &mount.source {
            MountSource::Tmpfs(tmpfs) => {
                flags.set(MountFlags::NOSUID, !tmpfs.suid);
                flags.set(MountFlags::NOEXEC, !tmpfs.exec);
            }
            MountSource::File { .. } => flags |= MountFlags::NOSUID,
            _ => {}
        }
        if mount.read_only {
            flags |= MountFlags::RDONLY;
        }
        mount_remount(by_descriptor(source), flags, "").step(|| format!("set the options of {name}"))?;
    }
    Ok(())
}

fn source(mount: &Mount, staging: BorrowedFd<'_>, name: &str) -> Result<OwnedFd> {
    match &mount.source {
        MountSource::Tmpfs(tmpfs) => temporary(tmpfs),
        MountSource::Bind(path) => {
            let shown = String::from_utf8_lossy(path);
            let opened = open(path.as_slice(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
                .step(|| format!("open {shown}"))?;
            clone(&opened).step(|| format!("clone the mount of {shown}"))
        }
        MountSource::Volume(path) => volume(path, mount.read_only),
        MountSource::Overlay { lowers, upper, work, path } => {
            let mounted = overlay::mount_plain(lowers, upper, work, staging)?;
            // Only what is attached can be cloned.
            mkdirat(staging, name, Mode::from_raw_mode(0o700)).step(|| format!("create {name}"))?;
            super::attach(&mounted, staging, name).step(|| "attach the overlay of a mount")?;
            let shown = String::from_utf8_lossy(path);
            let mut opened = mounted;
            for part in Path::new(std::ffi::OsStr::from_bytes(path)).components() {
                let Component::Normal(part) = part else { continue };
                let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                opened = openat(&opened, part, flags, Mode::empty())
                    .step(|| format!("open {shown} of a mount"))?;
            }
            clone(&opened).step(|| format!("clone the mount of {shown}"))
        }
        MountSource::File { content, mode, uid, gid } => {
            write_file(staging, name, content)?;
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let file = openat(staging, name, flags, Mode::empty()).step(|| format!("open {name}"))?;
            fchown(&file, Some(Uid::from_raw(*uid)), Some(Gid::from_raw(*gid)))
                .step(|| format!("set the owner of {name}"))?;
            fchmod(&file, Mode::from_raw_mode(*mode)).step(|| format!("set the mode of {name}"))?;
            clone(&file).step(|| format!("clone the mount of {name}"))
        }
    }
}

/// A file or directory of the host with what is mounted below it. Its mounts get the options all at once, since a device of the
/// host must not open in one of them; before Linux 5.12 that cannot be, and only the topmost is shown.
fn volume(path: &[u8], read_only: bool) -> Result<OwnedFd> {
    let shown = String::from_utf8_lossy(path);
    let opened =
        open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).step(|| format!("open {shown}"))?;
    let all = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    let cloned = open_tree(&opened, "", all).step(|| format!("clone the mounts of {shown}"))?;
    match set_all(&cloned, read_only) {
        Ok(()) => Ok(cloned),
        Err(Errno::NOSYS) => clone(&opened).step(|| format!("clone the mount of {shown}")),
        Err(error) => Err(error).step(|| format!("set the options of {shown}")),
    }
}

/// Makes all mounts of a tree `nodev`, and read-only where they are to be.
fn set_all(tree: &OwnedFd, read_only: bool) -> rustix::io::Result<()> {
    let mut set = libc::MOUNT_ATTR_NODEV;
    if read_only {
        set |= libc::MOUNT_ATTR_RDONLY;
    }
    let attributes = libc::mount_attr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: the path is an empty string, and the attributes are of the size that is told and live until the call returns.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}

/// A temporary file system. What of its options belongs to the mount is set when it is attached.
fn temporary(tmpfs: &Tmpfs) -> Result<OwnedFd> {
    let mut options = vec![
        ("mode", format!("{:o}", tmpfs.mode)),
        ("uid", tmpfs.uid.to_string()),
        ("gid", tmpfs.gid.to_string()),
    ];
    if tmpfs.size > 0 {
        options.push(("size", tmpfs.size.to_string()));
    }
    if tmpfs.inodes > 0 {
        options.push(("nr_inodes", tmpfs.inodes.to_string()));
    }
    let options: Vec<(&str, &str)> = options.iter().map(|(key, value)| (*key, value.as_str())).collect();
    detached("tmpfs", &options, NODEV | NOSUID)
}

/// A detached copy of the mount of something open, rooted there.
fn clone(opened: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(opened, "", flags)
}

/// Opens what is mounted upon, links followed inside the root; directories that are missing are made, and the last one as a
/// file where one is mounted. The directory it is made in keeps its times: the caller takes away what nothing came into.
fn target(path: &[u8], directory: bool) -> Result<OwnedFd> {
    let shown = String::from_utf8_lossy(path);
    let root = open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .step(|| "open the root")?;
    let path = Path::new(std::ffi::OsStr::from_bytes(path));
    let parts: Vec<_> = path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let mut here = None;
    for (number, part) in parts.iter().enumerate() {
        let so_far: std::path::PathBuf = parts[..=number].iter().collect();
        let found = match look_up(&root, &so_far) {
            Err(Errno::NOENT) => {
                let is_directory = directory || number + 1 < parts.len();
                let parent = here.as_ref().unwrap_or(&root);
                make(parent, Path::new(part.as_os_str()), is_directory)
                    .step(|| format!("make /{} to mount upon", so_far.display()))?;
                look_up(&root, &so_far)
            }
            found => found,
        };
        here = Some(found.step(|| format!("open /{} of the image", so_far.display()))?);
    }
    here.ok_or_else(|| Failure::new(format!("invalid mount target {shown:?}")))
}

/// Follows no link of /proc, which could lead out of the root (Linux 5.6).
fn look_up(root: &OwnedFd, path: &Path) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    openat2(root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
}

fn make(parent: &OwnedFd, name: &Path, directory: bool) -> rustix::io::Result<()> {
    let before = fstat(parent)?;
    if directory {
        mkdirat(parent, name, Mode::from_raw_mode(0o755))?;
    } else {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        openat(parent, name, flags, Mode::from_raw_mode(0o644))?;
    }
    // By a descriptor that is more than a path.
    let opened = openat(parent, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    utimensat(&opened, ".", &times(&before), AtFlags::empty())
}

fn times(stat: &Stat) -> Timestamps {
    let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    Timestamps {
        last_access: time(stat.st_atime as _, stat.st_atime_nsec as _),
        last_modification: time(stat.st_mtime as _, stat.st_mtime_nsec as _),
    }
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}
