//! What a copied root is given for the time of a run: devices, and the files that name hosts.
//!
//! Nothing can be mounted there, but a file in memory for /dev can be written. So what the image has in these places is moved aside and put back afterwards, and what the
//! command left in them goes: as in an overlay, nothing of it is a change.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps, chmodat, fstat, futimens, makedev, mkdirat,
    mknodat, openat, renameat, symlinkat, unlinkat,
};
use rustix::fs::{Gid, Uid};
use rustix::io::Errno;

use super::RunSpec;
use super::message::Start;
use super::mounts::{Mount, MountSource};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;

/// Directories of the root that are the run's own.
const DIRECTORIES: [&str; 3] = ["dev", "proc", "sys"];

/// The devices that every container has: name, major and minor number.
const DEVICES: [(&str, u32, u32); 6] =
    [("full", 1, 7), ("null", 1, 3), ("random", 1, 8), ("tty", 5, 0), ("urandom", 1, 9), ("zero", 1, 5)];

/// Links in /dev. They lead nowhere as long as there is no /proc.
const LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stderr", "/proc/self/fd/2"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
];

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Whether a copied root can have a mount: a file in memory below /dev, which is the run's own there.
pub fn can_have(mount: &Mount) -> bool {
    matches!(mount.source, MountSource::File { .. }) && mount.target.starts_with("/dev")
}

/// `unsupported` where something is asked for that needs mounts or namespaces.
pub fn check(spec: &RunSpec) -> Result<()> {
    let without = |what: String| {
        Err(Error::new(ErrorKind::Unsupported, format!("{what} where commands run by chroot alone")))
    };
    if let Some(mount) = spec.mounts.iter().find(|mount| !can_have(mount)) {
        return without(format!("nothing can be mounted at {}", mount.target.display()));
    }
    if spec.read_only {
        return without("the root cannot be read-only".to_owned());
    }
    if spec.privileged {
        return without("there are no privileges but this process's own".to_owned());
    }
    if spec.init {
        return without("there is no process 1 of the container's own".to_owned());
    }
    Ok(())
}

/// The file, beside what is moved aside, that says what was moved: written before anything is, so that the root can be put in order after a
/// kill at any moment, and more than once.
const RECORD: &str = ".layerkit-furniture";

/// A root that is ready for a run.
pub struct Furniture {
    root: OwnedFd,
    /// Where what was moved aside is, under its name.
    aside: OwnedFd,
    /// What the root had of its own, of what the run gets.
    had: Vec<String>,
}

/// Makes a root ready. Fails with `unsupported` where devices cannot be made or do not open.
pub fn furnish(spec: &RunSpec, message: &Start) -> Result<Furniture> {
    let furniture = Furniture::record(open(&spec.upper)?, open(&spec.work)?)?;
    let times = times(&furniture.root)?;
    furniture.put_directories()?;
    furniture.put_programs(spec)?;
    furniture.put_files(message)?;
    futimens(&furniture.root, &times).context(|| "set the times of the root")?;
    Ok(furniture)
}

fn open(path: &Path) -> Result<OwnedFd> {
    openat(CWD, path, DIRECTORY, Mode::empty()).context(|| format!("open {}", path.display()))
}

/// Puts a root in order that a run has left, if it was made ready and is not in order yet. Nothing runs any more.
pub fn take_away(root: &Path, aside: &Path) -> Result<()> {
    let aside = open(aside)?;
    let Some(text) = fs::read_optional(&by_descriptor(aside.as_fd(), RECORD), 4096)? else { return Ok(()) };
    let had = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
    Furniture { root: open(root)?, aside, had }.take_away()
}

impl Furniture {
    /// Looks at what is there, and writes that down.
    fn record(root: OwnedFd, aside: OwnedFd) -> Result<Furniture> {
        let etc = files(b"", &Start::default()).map(|(name, _)| format!("etc/{name}"));
        let mut had = Vec::new();
        for name in DIRECTORIES.into_iter().chain(["etc"]).chain(etc.iter().map(String::as_str)) {
            match rustix::fs::statat(&root, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => had.push(name.to_owned()),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(error) => return Err(Error::io(format!("stat /{name} of the root"), error)),
            }
        }
        let what = || "write down what the root has".to_owned();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let file = openat(&aside, RECORD, flags, Mode::RUSR | Mode::WUSR).context(what)?;
        let text: String = had.iter().map(|name| format!("{name}\n")).collect();
        std::io::Write::write_all(&mut std::fs::File::from(file), text.as_bytes()).context(what)?;
        Ok(Furniture { root, aside, had })
    }

    fn had(&self, name: &str) -> bool {
        self.had.iter().any(|had| had == name)
    }

    fn put_directories(&self) -> Result<()> {
        for name in DIRECTORIES {
            self.move_aside(self.root.as_fd(), name)?;
            make_directory(self.root.as_fd(), name, 0o755)?;
        }
        let dev = openat(&self.root, "dev", DIRECTORY, Mode::empty()).context(|| "open /dev")?;
        for (name, major, minor) in DEVICES {
            let what = || format!("create /dev/{name}");
            mknodat(&dev, name, FileType::CharacterDevice, Mode::empty(), makedev(major, minor))
                .map_err(|error| unsupported(what(), error))?;
            chmodat(&dev, name, Mode::from_raw_mode(0o666), AtFlags::empty()).context(what)?;
        }
        // A file system mounted nodev, or a control group that denies devices.
        openat(&dev, "null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| unsupported("open a device on the store's file system".into(), error))?;
        for (name, target) in LINKS {
            symlinkat(target, &dev, name).context(|| format!("create /dev/{name}"))?;
        }
        make_directory(dev.as_fd(), "shm", 0o1777)
    }

    /// Files in memory that belong into /dev, which goes after the run.
    fn put_programs(&self, spec: &RunSpec) -> Result<()> {
        for mount in &spec.mounts {
            let MountSource::File { content, mode, owner } = &mount.source else { continue };
            let what = || format!("create {}", mount.target.display());
            let mut names: Vec<&OsStr> =
                mount.target.strip_prefix("/").unwrap_or(&mount.target).iter().collect();
            let Some(name) = names.pop() else { continue };
            let mut folder = self.root.try_clone().context(what)?;
            for name in names {
                match mkdirat(&folder, name, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(Error::io(what(), error)),
                }
                folder = openat(&folder, name, DIRECTORY, Mode::empty()).context(what)?;
            }
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file = openat(&folder, name, flags, Mode::empty()).context(what)?;
            let (uid, gid) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
            rustix::fs::fchown(&file, Some(uid), Some(gid)).context(what)?;
            rustix::fs::fchmod(&file, Mode::from_raw_mode(*mode)).context(what)?;
            std::io::Write::write_all(&mut std::fs::File::from(file), content).context(what)?;
        }
        Ok(())
    }

    fn put_files(&self, message: &Start) -> Result<()> {
        let hostname = [message.hostname.as_slice(), b"\n"].concat();
        let etc = match self.etc()? {
            Some(etc) => etc,
            None => {
                match make_directory(self.root.as_fd(), "etc", 0o755) {
                    // Something else is there, which names no hosts.
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
                    other => other?,
                }
                let Some(etc) = self.etc()? else { return Ok(()) };
                etc
            }
        };
        let times = times(&etc)?;
        for (name, content) in files(&hostname, message) {
            self.move_aside(etc.as_fd(), name)?;
            let what = || format!("create /etc/{name}");
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file = openat(&etc, name, flags, Mode::empty()).context(what)?;
            rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644)).context(what)?;
            std::io::Write::write_all(&mut std::fs::File::from(file), content).context(what)?;
        }
        futimens(&etc, &times).context(|| "set the times of /etc")
    }

    /// Takes away what was put in, with all that the command made of it, and puts back what was there. Nothing runs any more.
    pub fn take_away(self) -> Result<()> {
        let root_times = times(&self.root)?;
        for name in DIRECTORIES {
            self.put_back(self.root.as_fd(), name, self.had(name))?;
        }
        // A command that has done away with the directory has done away with what was in it.
        if let Some(etc) = self.etc()? {
            let times = times(&etc)?;
            for (name, _) in files(b"", &Start::default()) {
                self.put_back(etc.as_fd(), name, self.had(&format!("etc/{name}")))?;
            }
            futimens(&etc, &times).context(|| "set the times of /etc")?;
            if !self.had("etc") {
                match unlinkat(&self.root, "etc", AtFlags::REMOVEDIR) {
                    Ok(()) | Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                    Err(error) => return Err(Error::io("remove /etc", error)),
                }
            }
        }
        futimens(&self.root, &root_times).context(|| "set the times of the root")?;
        match unlinkat(&self.aside, RECORD, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(Error::io("remove what was written down of the root", error)),
        }
    }

    /// The directory `etc` of the root, if it is one.
    fn etc(&self) -> Result<Option<OwnedFd>> {
        match openat(&self.root, "etc", DIRECTORY, Mode::empty()) {
            Ok(etc) => Ok(Some(etc)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(error) => Err(Error::io("open /etc", error)),
        }
    }

    fn move_aside(&self, from: BorrowedFd<'_>, name: &str) -> Result<()> {
        match renameat(from, name, &self.aside, name) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(Error::io(format!("move {name} of the image aside"), error)),
        }
    }

    fn put_back(&self, to: BorrowedFd<'_>, name: &str, had: bool) -> Result<()> {
        if had
            && matches!(rustix::fs::statat(&self.aside, name, AtFlags::SYMLINK_NOFOLLOW), Err(Errno::NOENT))
        {
            // It was never moved, or is back already.
            return Ok(());
        }
        match unlinkat(to, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR | Errno::PERM) => fs::remove_tree(&by_descriptor(to, name))?,
            Err(error) => return Err(Error::io(format!("remove {name} of the run"), error)),
        }
        match renameat(&self.aside, name, to, name) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(Error::io(format!("put {name} of the image back"), error)),
        }
    }
}

/// The files of `etc` that are the run's own.
fn files<'a>(hostname: &'a [u8], message: &'a Start) -> [(&'static str, &'a [u8]); 3] {
    [("hostname", hostname), ("hosts", &message.hosts), ("resolv.conf", &message.resolv_conf)]
}

/// A path that leads to a name in an open directory, with no link on the way.
fn by_descriptor(directory: BorrowedFd<'_>, name: &str) -> PathBuf {
    Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(OsStr::new(name))
}

fn make_directory(parent: BorrowedFd<'_>, name: &str, mode: u32) -> Result<()> {
    let what = || format!("create /{name} of the root");
    mkdirat(parent, name, Mode::RWXU).context(what)?;
    chmodat(parent, name, Mode::from_raw_mode(mode), AtFlags::empty()).context(what)
}

fn times(directory: &OwnedFd) -> Result<Timestamps> {
    let stat = fstat(directory).context(|| "stat a directory of the root")?;
    let time =
        |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: i64::try_from(nanoseconds).unwrap_or(0) };
    Ok(Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    })
}

/// What the surroundings do not allow.
fn unsupported(what: String, error: Errno) -> Error {
    let error = Error::io(what, error);
    match error.kind() {
        ErrorKind::Permission => error.as_kind(ErrorKind::Unsupported),
        _ => error,
    }
}
