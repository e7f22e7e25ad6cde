//! The overlay of an image's layers and a container's changes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fchmod, fstat, openat, unlinkat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, open_tree,
};

use super::{NODEV, by_descriptor, placeholders};
use crate::message::Start;
use crate::{Result, Step};

/// Plain overlay: a layer must not depend on attributes that only overlay reads.
const OPTIONS: [(&str, &str); 4] =
    [("redirect_dir", "off"), ("metacopy", "off"), ("index", "off"), ("xino", "off")];

/// The directories of an overlay.
struct Parts {
    /// The topmost first; never empty.
    lowers: Vec<OwnedFd>,
    upper: OwnedFd,
    work: OwnedFd,
}

/// Mounts the overlay, detached. `staging` has room for more layers, and the mount point that old kernels need.
pub fn mount(start: &Start, staging: BorrowedFd<'_>) -> Result<OwnedFd> {
    let mut lowers =
        start.lowers.iter().map(|path| directory(CWD, path, "layer")).collect::<Result<Vec<_>>>()?;
    let (upper, work) = if start.upper.is_empty() {
        (directory(staging, b"upper", "upper")?, directory(staging, b"work", "work")?)
    } else {
        (directory(CWD, &start.upper, "upper")?, directory(CWD, &start.work, "work")?)
    };
    forget_earlier_mount(&work)?;
    dress_root(&upper, lowers.first())?;
    let layers: Vec<&OwnedFd> = std::iter::once(&upper).chain(&lowers).collect();
    let topmost = placeholders::topmost(staging, &layers)?;
    lowers.splice(0..0, topmost);
    lowers.push(placeholders::lowest(staging)?);
    let attributes = if start.insecure { MountAttrFlags::empty() } else { NODEV };
    mount_parts(&Parts { lowers, upper, work }, attributes, staging)
}

/// A container that is started again is mounted again. Overlay leaves a mark of a volatile mount, which it refuses to mount upon until somebody who
/// knows better takes it away: after a crash of the machine, what was written may be lost.
fn forget_earlier_mount(work: &OwnedFd) -> Result<()> {
    let mark = "work/incompat/volatile";
    for (path, flags) in [(format!("{mark}/dirty"), AtFlags::empty()), (mark.to_owned(), AtFlags::REMOVEDIR)]
    {
        match unlinkat(work, path, flags) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(error) => return Err(error).step(|| "take away the mark of an earlier mount"),
        }
    }
    Ok(())
}

/// Mounts another one, detached, with nothing in it but these directories.
pub fn mount_plain(
    lowers: &[Vec<u8>],
    upper: &[u8],
    work: &[u8],
    staging: BorrowedFd<'_>,
) -> Result<OwnedFd> {
    let lowers = lowers.iter().map(|path| directory(CWD, path, "layer")).collect::<Result<Vec<_>>>()?;
    let (upper, work) = (directory(CWD, upper, "upper")?, directory(CWD, work, "work")?);
    dress_root(&upper, lowers.first())?;
    mount_parts(&Parts { lowers, upper, work }, NODEV, staging)
}

fn mount_parts(parts: &Parts, attributes: MountAttrFlags, staging: BorrowedFd<'_>) -> Result<OwnedFd> {
    match one_by_one(parts, attributes) {
        // Before Linux 6.7 there is no `lowerdir+`.
        Err(Errno::INVAL) => at_once(parts, attributes, staging).step(|| "mount the overlay"),
        mounted => mounted.step(|| "mount the overlay"),
    }
}

fn directory(at: BorrowedFd<'_>, path: &[u8], what: &str) -> Result<OwnedFd> {
    openat(at, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .step(|| format!("open the {what} directory {}", String::from_utf8_lossy(path)))
}

/// Gives a fresh upper directory the attributes of the topmost layer's root: in an overlay, they are the root's.
fn dress_root(upper: &OwnedFd, lower: Option<&OwnedFd>) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(upper, ".", flags, Mode::empty()).step(|| "open the upper directory")?;
    if !placeholders::is_empty(&root)? {
        return Ok(());
    }
    match lower {
        Some(lower) => placeholders::dress(&root, &fstat(lower).step(|| "stat the topmost layer")?),
        None => fchmod(&root, Mode::from_raw_mode(0o755)).step(|| "set the mode of the root"),
    }
}

/// The new interface: any number of layers.
fn one_by_one(parts: &Parts, attributes: MountAttrFlags) -> rustix::io::Result<OwnedFd> {
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let context = context.as_fd();
    fsconfig_set_string(context, "source", "overlay")?;
    for lower in &parts.lowers {
        fsconfig_set_string(context, "lowerdir+", by_descriptor(lower))?;
    }
    fsconfig_set_string(context, "upperdir", by_descriptor(&parts.upper))?;
    fsconfig_set_string(context, "workdir", by_descriptor(&parts.work))?;
    for (key, value) in OPTIONS {
        fsconfig_set_string(context, key, value)?;
    }
    // Nor an attribute of its own on the upper directory.
    fsconfig_set_string(context, "uuid", "null")?;
    // The command's syncs wait for no disk: the caller makes a layer of the changes and writes that safely.
    fsconfig_set_flag(context, "volatile")?;
    fsconfig_create(context)?;
    fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// The old interface: as many layers as fit a page (some two hundred).
fn at_once(
    parts: &Parts,
    attributes: MountAttrFlags,
    staging: BorrowedFd<'_>,
) -> rustix::io::Result<OwnedFd> {
    let lowers: Vec<String> = parts.lowers.iter().map(by_descriptor).collect();
    let plain: String = OPTIONS.iter().map(|(key, value)| format!(",{key}={value}")).collect();
    let options = format!(
        "lowerdir={},upperdir={},workdir={}{plain}",
        lowers.join(":"),
        by_descriptor(&parts.upper),
        by_descriptor(&parts.work)
    );
    let target = format!("{}/root", by_descriptor(&staging));
    let flags = if attributes.contains(NODEV) { MountFlags::NODEV } else { MountFlags::empty() };
    let mount = |options: &str| {
        let options = std::ffi::CString::new(options).map_err(|_| Errno::INVAL)?;
        rustix::mount::mount("overlay", &*target, "overlay", flags, &*options)
    };
    // Before Linux 5.10 there is no `volatile`.
    mount(&format!("{options},volatile")).or_else(|_| mount(&options))?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    open_tree(staging, "root", flags)
}
