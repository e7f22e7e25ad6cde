//! Making one file, directory, link or device in a directory that is open, with all its attributes.
//!
//! Knows nothing of layers, whiteouts or paths: it is given a parent and a name.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::entry::{Entry, EntryKind, INSIDE, Timestamp, display, no_target};
use super::read::TarReader;
use super::rooted;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::Event;
use crate::task::Task;

/// What stood at a name before something was made there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// A directory that is still there: the new one merged into it.
    Merged,
    /// A directory that went with all below it.
    Directory,
    /// Something else that went.
    Other,
}

/// Makes entries, and counts what could not be kept.
pub(super) struct Placer<'a> {
    task: &'a Task,
    /// Whether owners can be given away.
    privileged: bool,
    lost_xattrs: u64,
    lost_owners: u64,
}

impl<'a> Placer<'a> {
    pub fn new(task: &'a Task) -> Self {
        let privileged = rustix::process::geteuid().is_root();
        Placer { task, privileged, lost_xattrs: 0, lost_owners: 0 }
    }

    /// Says what could not be kept, if anything.
    pub fn report(&self) -> Result<()> {
        let warn = |count: u64, what: &str| {
            if count == 0 {
                return Ok(());
            }
            self.task.emit(&Event::warning(format!("{count} {what}")))
        };
        warn(
            self.lost_xattrs,
            "extended attributes were not kept: the file system or the user may not have them",
        )?;
        warn(self.lost_owners, "owners were not kept: only root can give files away")
    }

    /// A file with the content that `reader` stands at. Holes stay holes.
    pub fn file(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        entry: &Entry,
        reader: &mut TarReader<impl Read>,
    ) -> Result<Before> {
        let (file, before) = self.new_file(parent, name, entry)?;
        let mut end = 0;
        while let Some((offset, bytes)) = reader.chunk()? {
            self.task.check()?;
            write_at(&file, offset, bytes).context(|| format!("write {}", display(&entry.path)))?;
            end = offset + bytes.len() as u64;
        }
        if end < entry.size {
            rustix::fs::ftruncate(&file, entry.size).context(|| format!("write {}", display(&entry.path)))?;
        }
        self.attributes_of_file(&file, entry)?;
        Ok(before)
    }

    /// A file with the content of another one.
    pub fn copy(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        entry: &Entry,
        from: OwnedFd,
    ) -> Result<Before> {
        let (file, before) = self.new_file(parent, name, entry)?;
        let mut to = std::fs::File::from(file);
        std::io::copy(&mut std::fs::File::from(from), &mut to)
            .context(|| format!("copy {}", display(&entry.path)))?;
        self.attributes_of_file(&to, entry)?;
        Ok(before)
    }

    fn new_file(&self, parent: BorrowedFd<'_>, name: &OsStr, entry: &Entry) -> Result<(OwnedFd, Before)> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR);
        self.create(parent, name, entry, open)
    }

    fn attributes_of_file(&mut self, file: impl AsFd, entry: &Entry) -> Result<()> {
        self.attributes(file.as_fd(), entry)?;
        rustix::fs::futimens(&file, &timestamps(entry.mtime)).context(|| set("times", entry))
    }

    /// A directory, merged into one that is there. Its time is for the caller to set at the end, when all is in it.
    pub fn directory(&mut self, parent: BorrowedFd<'_>, name: &OsStr, entry: &Entry) -> Result<Before> {
        let make = || rustix::fs::mkdirat(parent, name, Mode::RWXU);
        let before = match make() {
            Ok(()) => Before::Nothing,
            Err(Errno::EXIST) => {
                let old =
                    rooted::stat(parent, name).context(|| format!("create {}", display(&entry.path)))?;
                if old.is_some_and(|old| rooted::file_type(&old) == FileType::Directory) {
                    Before::Merged
                } else {
                    self.create(parent, name, entry, make)?.1
                }
            }
            Err(error) => return Err(Error::io(format!("create {}", display(&entry.path)), error)),
        };
        self.attributes_of_directory(parent, name, entry, before == Before::Merged)?;
        Ok(before)
    }

    /// Owner, extended attributes and mode of a directory that is there. Attributes it had before go, if `replace` is set.
    pub fn attributes_of_directory(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        entry: &Entry,
        replace: bool,
    ) -> Result<()> {
        let opened =
            rooted::open_listable(parent, name).context(|| format!("open {}", display(&entry.path)))?;
        if replace {
            remove_xattrs(opened.as_fd(), entry).context(|| set("extended attributes", entry))?;
        }
        self.attributes(opened.as_fd(), entry)
    }

    /// A symlink, device or FIFO.
    pub fn special(&mut self, parent: BorrowedFd<'_>, name: &OsStr, entry: &Entry) -> Result<Before> {
        let node = |kind| {
            let device = rustix::fs::makedev(entry.device.0, entry.device.1);
            rustix::fs::mknodat(parent, name, kind, Mode::RUSR | Mode::WUSR, device)
        };
        let make = || match entry.kind {
            EntryKind::Symlink => rustix::fs::symlinkat(&entry.link, parent, name),
            EntryKind::CharDevice => node(FileType::CharacterDevice),
            EntryKind::BlockDevice => node(FileType::BlockDevice),
            _ => node(FileType::Fifo),
        };
        let before = self.create(parent, name, entry, make)?.1;
        let (uid, gid) = owner(entry);
        let chown = rustix::fs::chownat(parent, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW);
        self.owned(chown, entry)?;
        for (key, value) in &entry.xattrs {
            // No call takes a directory and a name; the descriptor makes the way there as safe as such a call.
            let path = descriptor_path(parent, name);
            self.kept(rustix::fs::lsetxattr(path, key, value, XattrFlags::empty()), entry)?;
        }
        if entry.kind != EntryKind::Symlink {
            rustix::fs::chmodat(parent, name, Mode::from_raw_mode(entry.mode), AtFlags::empty())
                .context(|| set("mode", entry))?;
        }
        set_time(parent, name, entry.mtime).context(|| set("times", entry))?;
        Ok(before)
    }

    /// Another name for a file. [`Before::Merged`] when both names were the same file already.
    pub fn hard_link(
        &mut self,
        target: (BorrowedFd<'_>, &OsStr),
        parent: BorrowedFd<'_>,
        name: &OsStr,
        entry: &Entry,
    ) -> Result<Before> {
        let link = || rustix::fs::linkat(target.0, target.1, parent, name, AtFlags::empty());
        match link() {
            Ok(()) => Ok(Before::Nothing),
            Err(Errno::EXIST) => {
                let what = || format!("link {}", display(&entry.path));
                let same = match (
                    rooted::stat(target.0, target.1).context(what)?,
                    rooted::stat(parent, name).context(what)?,
                ) {
                    (Some(a), Some(b)) => (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino),
                    _ => false,
                };
                if same {
                    return Ok(Before::Merged);
                }
                match self.create(parent, name, entry, link) {
                    Err(error) if error.kind() == ErrorKind::NotFound => Err(no_target(entry, INSIDE)),
                    other => other.map(|(_, before)| before),
                }
            }
            Err(error) => Err(Error::io(format!("link {}", display(&entry.path)), error)),
        }
    }

    /// Makes something, after removing what is in its way.
    fn create<T>(
        &self,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        entry: &Entry,
        mut make: impl FnMut() -> rustix::io::Result<T>,
    ) -> Result<(T, Before)> {
        let what = || format!("create {}", display(&entry.path));
        match make() {
            Ok(made) => return Ok((made, Before::Nothing)),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(Error::io(what(), error)),
        }
        let old = rooted::stat(parent, name).context(what)?;
        let before = match old {
            Some(old) if rooted::file_type(&old) == FileType::Directory => Before::Directory,
            _ => Before::Other,
        };
        rooted::remove(parent, name, &|_, _, _| false).context(what)?;
        Ok((make().context(what)?, before))
    }

    /// Owner, extended attributes and mode, in this order: a change of owner clears the others.
    fn attributes(&mut self, file: BorrowedFd<'_>, entry: &Entry) -> Result<()> {
        let (uid, gid) = owner(entry);
        self.owned(rustix::fs::fchown(file, uid, gid), entry)?;
        for (name, value) in &entry.xattrs {
            self.kept(rustix::fs::fsetxattr(file, name, value, XattrFlags::empty()), entry)?;
        }
        rustix::fs::fchmod(file, Mode::from_raw_mode(entry.mode)).context(|| set("mode", entry))
    }

    fn owned(&mut self, result: rustix::io::Result<()>, entry: &Entry) -> Result<()> {
        match result {
            Err(Errno::PERM | Errno::INVAL) if !self.privileged => self.lost_owners += 1,
            other => other.context(|| set("owner", entry))?,
        }
        Ok(())
    }

    fn kept(&mut self, result: rustix::io::Result<()>, entry: &Entry) -> Result<()> {
        match result {
            Err(Errno::NOTSUP | Errno::PERM) => self.lost_xattrs += 1,
            other => other.context(|| set("extended attributes", entry))?,
        }
        Ok(())
    }
}

fn set(what: &str, entry: &Entry) -> String {
    format!("set {what} of {}", display(&entry.path))
}

fn owner(entry: &Entry) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))
}

/// Sets the time of a name, following no symlink.
pub(super) fn set_time(parent: impl AsFd, name: &OsStr, mtime: Timestamp) -> rustix::io::Result<()> {
    rustix::fs::utimensat(parent, name, &timestamps(mtime), AtFlags::SYMLINK_NOFOLLOW)
}

fn timestamps(mtime: Timestamp) -> Timestamps {
    let time = Timespec { tv_sec: mtime.seconds, tv_nsec: i64::from(mtime.nanoseconds) };
    Timestamps { last_access: time, last_modification: time }
}

fn write_at(file: &OwnedFd, mut offset: u64, mut bytes: &[u8]) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        let n = rustix::io::retry_on_intr(|| rustix::io::pwrite(file, bytes, offset))?;
        bytes = &bytes[n..];
        offset += n as u64;
    }
    Ok(())
}

/// A path that leads to a name in an open directory, for calls that take nothing else.
pub(super) fn descriptor_path(directory: BorrowedFd<'_>, name: &OsStr) -> PathBuf {
    let mut path = OsString::from(format!("/proc/self/fd/{}/", directory.as_raw_fd()));
    path.push(name);
    PathBuf::from(path)
}

/// Removes the extended attributes of a directory that the entry which merges into it does not have.
fn remove_xattrs(file: BorrowedFd<'_>, entry: &Entry) -> rustix::io::Result<()> {
    let names = match super::xattr::list(|buffer| rustix::fs::flistxattr(file, buffer)) {
        Err(Errno::NOTSUP) => return Ok(()),
        other => other?,
    };
    for name in names {
        // Overlay's own say what the directory is, and labels are the machine's.
        if super::xattr::is_of_overlay(&name)
            || name.as_bytes() == b"security.selinux"
            || entry.xattrs.contains_key(&name)
        {
            continue;
        }
        match rustix::fs::fremovexattr(file, &name) {
            Err(Errno::NODATA | Errno::PERM | Errno::NOTSUP) => {}
            other => other?,
        }
    }
    Ok(())
}
