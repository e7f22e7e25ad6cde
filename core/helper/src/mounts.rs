//! The container's file system: an overlay as its root, and what Docker mounts in it.
//!
//! Every mount is `nodev`, unless the container keeps all privileges; the few devices are bound one by one (which is what keeps a node made with CAP_MKNOD from
//! opening). Mounts are made detached and attached by descriptor, so that no path of the image decides where they go.

mod asked;
mod devices;
mod overlay;
mod placeholders;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, mkdirat, open, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_bind,
    mount_change, mount_remount, move_mount, open_tree, unmount,
};

use crate::message::Start;
use crate::{Failure, Result, Step};

/// The devices that every container has.
const DEVICES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];

/// Links in /dev.
const LINKS: [(&str, &str); 6] = [
    ("core", "/proc/kcore"),
    ("fd", "/proc/self/fd"),
    ("ptmx", "pts/ptmx"),
    ("stderr", "/proc/self/fd/2"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
];

/// Files that are there for the run only.
const FILES: [&str; 3] = ["hostname", "hosts", "resolv.conf"];

/// What shows nothing of the host (Docker's default, and the power meters of CVE-2020-8694).
const MASKED: [&str; 11] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// What can be read but not written (Docker's default).
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

const NODEV: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NODEV;
const NOSUID: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID;
const NOEXEC: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOEXEC;
const RDONLY: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_RDONLY;

/// Makes the container's root the root of this process, which has a mount namespace of its own, with everything in it.
pub fn enter_root(start: &Start) -> Result<()> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .step(|| "make the mounts private")?;
    let staging = Staging::new(start)?;
    let root = overlay::mount(start, staging.0.as_fd())?;
    let devices = DEVICES
        .iter()
        .map(|name| clone_mount(CWD, &format!("/dev/{name}")).map(|device| (*name, device)))
        .collect::<Result<Vec<_>>>()?;
    let files = FILES
        .iter()
        .map(|name| clone_mount(staging.0.as_fd(), name).map(|file| (*name, file)))
        .collect::<Result<Vec<_>>>()?;
    let asked = asked::prepare(start, staging.0.as_fd())?;
    let host_devices = if start.devices { devices::find() } else { Vec::new() };
    staging.unmount()?;
    pivot(root)?;
    mount_proc()?;
    mount_sys(start.insecure)?;
    mount_dev(&devices, start)?;
    devices::make(&host_devices)?;
    for (name, file) in &files {
        bind_file(&format!("/etc/{name}"), file, start.read_only)?;
    }
    asked::attach(start, &asked)?;
    if !start.insecure {
        MASKED.iter().try_for_each(|path| mask(path))?;
        READ_ONLY.iter().try_for_each(|path| make_read_only(path))?;
    }
    if start.read_only {
        let nodev = if start.insecure { MountFlags::empty() } else { MountFlags::NODEV };
        mount_remount("/", MountFlags::BIND | MountFlags::RDONLY | nodev, "")
            .step(|| "make the root read-only")?;
    }
    Ok(())
}

/// Shows a terminal as /dev/console, too.
pub fn bind_console(terminal: &str) -> Result<()> {
    let dev = mount_point("/dev")?;
    write_file(dev.as_fd(), "console", b"")?;
    let terminal = clone_mount(CWD, terminal)?;
    attach(&terminal, dev.as_fd(), "console").step(|| "attach /dev/console")
}

/// A small file system of this mount namespace alone, until the container's root is entered. It holds the layers of
/// placeholders, the files that are mounted, also those that were asked for, and `upper` and `work` where the caller gave none.
struct Staging(OwnedFd);

impl Staging {
    fn new(start: &Start) -> Result<Staging> {
        let staging = detached("tmpfs", &[("mode", "0755"), ("size", "64m")], NODEV | NOSUID)?;
        attach(&staging, CWD, "/").step(|| "attach a temporary file system")?;
        let at = staging.as_fd();
        for directory in ["root", "upper", "work"] {
            mkdirat(at, directory, Mode::from_raw_mode(0o755)).step(|| format!("create {directory}"))?;
        }
        let hostname = [start.hostname.as_slice(), b"\n"].concat();
        for (name, content) in FILES.iter().zip([&hostname, &start.hosts, &start.resolv_conf]) {
            write_file(at, name, content)?;
        }
        Ok(Staging(staging))
    }

    /// Takes it away; what was cloned from it stays.
    fn unmount(self) -> Result<()> {
        unmount(by_descriptor(&self.0), UnmountFlags::DETACH).step(|| "detach a temporary file system")
    }
}

fn write_file(at: BorrowedFd<'_>, name: &str, content: &[u8]) -> Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = openat(at, name, flags, Mode::from_raw_mode(0o644)).step(|| format!("create {name}"))?;
    let mut rest = content;
    while !rest.is_empty() {
        let written = rustix::io::write(&file, rest).step(|| format!("write {name}"))?;
        rest = &rest[written..];
    }
    Ok(())
}

/// The path of what a descriptor stands for. Mount calls take 255 bytes at most, and know no escape for some characters.
fn by_descriptor(fd: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// A new mount that is nowhere yet.
fn detached(kind: &str, options: &[(&str, &str)], attributes: MountAttrFlags) -> Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).step(|| format!("open a {kind} file system"))?;
    for (key, value) in options {
        fsconfig_set_string(context.as_fd(), *key, *value).step(|| format!("set {key} of {kind}"))?;
    }
    fsconfig_create(context.as_fd()).step(|| format!("create a {kind} file system"))?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes).step(|| format!("mount {kind}"))
}

/// A detached copy of the mount at a path, rooted there.
fn clone_mount(at: BorrowedFd<'_>, path: &str) -> Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    open_tree(at, path, flags).step(|| format!("clone the mount of {path}"))
}

fn attach(mount: &OwnedFd, at: BorrowedFd<'_>, path: &str) -> rustix::io::Result<()> {
    move_mount(mount.as_fd(), "", at, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

fn attach_to(mount: &OwnedFd, target: &OwnedFd) -> rustix::io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount.as_fd(), "", target.as_fd(), "", flags)
}

/// Makes `root` the root and lets go of the old one.
fn pivot(root: OwnedFd) -> Result<()> {
    attach(&root, CWD, "/").step(|| "attach the container's root")?;
    let old = open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .step(|| "open the old root")?;
    rustix::process::fchdir(&root).step(|| "enter the container's root")?;
    rustix::process::pivot_root(".", ".").step(|| "pivot_root")?;
    // The old root now lies upon the new one.
    rustix::process::fchdir(&old).step(|| "return to the old root")?;
    unmount(".", UnmountFlags::DETACH).step(|| "detach the old root")?;
    rustix::process::chdir("/").step(|| "enter the new root")
}

/// Opens a directory of the root to be mounted upon; a link is refused, it could point anywhere.
fn mount_point(name: &str) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    open(name, flags, Mode::empty()).step(|| format!("open {name} of the image as a directory"))
}

fn mount_proc() -> Result<()> {
    let proc = detached("proc", &[], NOSUID | NODEV | NOEXEC)?;
    attach_to(&proc, &mount_point("/proc")?).step(|| "attach /proc")
}

fn mount_sys(writable: bool) -> Result<()> {
    let attributes = NOSUID | NODEV | NOEXEC;
    let sys = detached("sysfs", &[], if writable { attributes } else { attributes | RDONLY })?;
    attach_to(&sys, &mount_point("/sys")?).step(|| "attach /sys")
}

fn mount_dev(devices: &[(&str, OwnedFd)], start: &Start) -> Result<()> {
    let attributes = if start.insecure { NOSUID } else { NOSUID | NODEV };
    let dev = detached("tmpfs", &[("mode", "0755"), ("size", "65536k")], attributes)?;
    attach_to(&dev, &mount_point("/dev")?).step(|| "attach /dev")?;
    for (name, device) in devices {
        write_file(dev.as_fd(), name, b"")?;
        attach(device, dev.as_fd(), name).step(|| format!("attach /dev/{name}"))?;
    }
    for (name, target) in LINKS {
        symlinkat(target, &dev, name).step(|| format!("link /dev/{name}"))?;
    }
    let quiet = NOSUID | NODEV | NOEXEC;
    let size = start.shm_size.to_string();
    mount_in_dev(&dev, "shm", detached("tmpfs", &[("mode", "1777"), ("size", &size)], quiet)?)?;
    // No node can be made in devpts, and its own have to open.
    let options = [("mode", "0620"), ("ptmxmode", "0666"), ("gid", "5")];
    mount_in_dev(&dev, "pts", detached("devpts", &options, NOSUID | NOEXEC)?)?;
    match detached("mqueue", &[], quiet) {
        Ok(mount) => mount_in_dev(&dev, "mqueue", mount),
        // A kernel without message queues.
        Err(Failure { errno: libc::ENODEV, .. }) => Ok(()),
        Err(failure) => Err(failure),
    }
}

fn mount_in_dev(dev: &OwnedFd, name: &str, mount: OwnedFd) -> Result<()> {
    mkdirat(dev, name, Mode::from_raw_mode(0o755)).step(|| format!("create /dev/{name}"))?;
    attach(&mount, dev.as_fd(), name).step(|| format!("attach /dev/{name}"))
}

/// Puts a file over the image's. A link is covered itself, wherever it points: the name must give this file.
fn bind_file(path: &str, file: &OwnedFd, read_only: bool) -> Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match open(path, flags, Mode::empty()) {
        Ok(target) => {
            attach_to(file, &target).step(|| format!("attach {path}"))?;
            if read_only {
                let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NODEV | MountFlags::NOSUID;
                mount_remount(by_descriptor(file), flags, "").step(|| format!("make {path} read-only"))?;
            }
            Ok(())
        }
        // The image has deleted it, or has no such directory.
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
        Err(error) => Err(error).step(|| format!("open {path}")),
    }
}

/// Hides a file or directory of /proc or /sys.
fn mask(path: &str) -> Result<()> {
    let target = match open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
        Ok(target) => target,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error).step(|| format!("open {path}")),
    };
    let kind = FileType::from_raw_mode(fstat(&target).step(|| format!("stat {path}"))?.st_mode);
    let cover = if kind == FileType::Directory {
        detached("tmpfs", &[("size", "0")], RDONLY | NOSUID | NODEV | NOEXEC)?
    } else {
        clone_mount(CWD, "/dev/null")?
    };
    attach_to(&cover, &target).step(|| format!("mask {path}"))
}

fn make_read_only(path: &str) -> Result<()> {
    match mount_bind(path, path) {
        Ok(()) => {}
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error).step(|| format!("bind {path}")),
    }
    let flags =
        MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount_remount(path, flags, "").step(|| format!("make {path} read-only"))
}
