//! Directories opened inside a root that no path, link or `..` leads out of, and what is removed there.
//!
//! `openat2` with `RESOLVE_IN_ROOT` where the kernel has it; where it is missing or forbidden (old kernels, seccomp
//! profiles, valgrind), a walk that opens one component after the other and follows symlinks itself.

use std::cell::Cell;
use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Timespec, Timestamps, Uid,
};
use rustix::io::{Errno, Result};

use super::entry::IMPLICIT_MODE;
use super::tree::{SYMLINKS_MAX, names};

/// How a directory is opened that other names are looked up in.
const PATH_ONLY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// The name of a directory in itself.
pub(super) const ITSELF: &str = ".";
/// How a component is opened that may be anything.
const COMPONENT: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A directory that paths are resolved in as if it were `/`.
pub(super) struct Root {
    directory: OwnedFd,
    /// Whether `openat2` is (still) believed to work.
    openat2: Cell<bool>,
}

/// A directory that changed because a path was made, with its attributes before that.
pub(super) struct Changed {
    pub path: PathBuf,
    pub stat: Stat,
    /// Whether it is itself one that was made.
    pub made: bool,
}

impl Root {
    /// Opens a root. Symlinks in `path` itself are the caller's and are followed.
    pub fn open(path: &Path) -> Result<Root> {
        let directory = rustix::fs::openat(CWD, path, PATH_ONLY, Mode::empty())?;
        Ok(Root { directory, openat2: Cell::new(true) })
    }

    /// The same, never using `openat2`.
    #[cfg(test)]
    pub fn open_walking(path: &Path) -> Result<Root> {
        let root = Self::open(path)?;
        root.openat2.set(false);
        Ok(root)
    }

    /// Opens the directory at `path`, following symlinks inside the root, to look names up in.
    pub fn directory(&self, path: &Path) -> Result<OwnedFd> {
        match self.try_openat2(path, ResolveFlags::empty()) {
            Some(result) => result,
            None => self.walk(path, None).map(|(directory, _)| directory),
        }
    }

    /// Opens a file at `path` to read, following symlinks inside the root on the way but not at the end.
    pub fn file(&self, path: &Path) -> Result<OwnedFd> {
        let parent = self.directory(path.parent().unwrap_or(Path::new("")))?;
        let name = path.file_name().unwrap_or(OsStr::new("."));
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(&parent, name, flags, Mode::empty())
    }

    /// The attributes of a path of which no component is a symlink, or the last one at most; it is not followed.
    pub fn stat(&self, path: &Path) -> Result<Option<Stat>> {
        let path = if path.as_os_str().is_empty() { OsStr::new(".") } else { path.as_os_str() };
        match stat(&self.directory, path) {
            Err(Errno::NOTDIR) => Ok(None),
            other => other,
        }
    }

    /// The text of the symlink at such a path.
    pub fn read_link(&self, path: &Path) -> Result<PathBuf> {
        read_link(&self.directory, path.as_os_str())
    }

    /// The root itself.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Like [`Root::directory`], and says what path it really has. With `changed` it makes what is missing as
    /// [`IMPLICIT_MODE`] says, and adds what it made and what that changed.
    pub fn locate(&self, path: &Path, changed: Option<&mut Vec<Changed>>) -> Result<(OwnedFd, PathBuf)> {
        // Where no symlink is on the way the path is the real one.
        match self.try_openat2(path, ResolveFlags::NO_SYMLINKS) {
            Some(Ok(directory)) => Ok((directory, path.to_owned())),
            Some(Err(Errno::NOENT)) if changed.is_none() => Err(Errno::NOENT),
            Some(Err(Errno::LOOP | Errno::NOENT)) | None => self.walk(path, changed),
            Some(Err(error)) => Err(error),
        }
    }

    /// Nothing where `openat2` does not work.
    fn try_openat2(&self, path: &Path, also: ResolveFlags) -> Option<Result<OwnedFd>> {
        if !self.openat2.get() {
            return None;
        }
        let path = if path.as_os_str().is_empty() { Path::new(ITSELF) } else { path };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | also;
        match rustix::fs::openat2(&self.directory, path, PATH_ONLY, Mode::empty(), resolve) {
            Err(Errno::NOSYS | Errno::PERM) => {
                self.openat2.set(false);
                None
            }
            // Something was renamed at the same time, and `..` could not be followed for sure.
            Err(Errno::AGAIN) => None,
            other => Some(other),
        }
    }

    /// Opens a directory component by component.
    fn walk(&self, path: &Path, mut changed: Option<&mut Vec<Changed>>) -> Result<(OwnedFd, PathBuf)> {
        // The directories from below the root to where the walk stands, so that `..` needs no lookup.
        let mut stack: Vec<(OwnedFd, OsString)> = Vec::new();
        let mut rest = names(path);
        let mut symlinks = 0;
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                stack.pop();
                continue;
            }
            let here = stack.last().map_or(self.directory.as_fd(), |(directory, _)| directory.as_fd());
            let mut opened = rustix::fs::openat(here, &name, COMPONENT, Mode::empty());
            if let (Err(Errno::NOENT), Some(changed)) = (&opened, &mut changed) {
                let above: PathBuf = stack.iter().map(|(_, name)| name).collect();
                changed.push(Changed { path: above.clone(), stat: rustix::fs::fstat(here)?, made: false });
                make_implicit(here, &name)?;
                opened = rustix::fs::openat(here, &name, COMPONENT, Mode::empty());
                if let Ok(opened) = &opened {
                    changed.push(Changed {
                        path: above.join(&name),
                        stat: rustix::fs::fstat(opened)?,
                        made: true,
                    });
                }
            }
            let opened = opened?;
            match file_type(&rustix::fs::fstat(&opened)?) {
                FileType::Directory => stack.push((opened, name)),
                FileType::Symlink => {
                    symlinks += 1;
                    if symlinks > SYMLINKS_MAX {
                        return Err(Errno::LOOP);
                    }
                    let target = read_link(&opened, OsStr::new(""))?;
                    if target.has_root() {
                        stack.clear();
                    }
                    for name in names(&target).into_iter().rev() {
                        rest.push_front(name);
                    }
                }
                _ => return Err(Errno::NOTDIR),
            }
        }
        let path = stack.iter().map(|(_, name)| name).collect();
        let directory = match stack.pop() {
            Some((directory, _)) => directory,
            None => rustix::fs::openat(&self.directory, ITSELF, PATH_ONLY, Mode::empty())?,
        };
        Ok((directory, path))
    }
}

/// A directory that nobody gave attributes: the same whatever the umask and the directory around it are.
fn make_implicit(parent: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    rustix::fs::mkdirat(parent, name, Mode::RWXU)?;
    match rustix::fs::chownat(parent, name, Some(Uid::ROOT), Some(Gid::ROOT), AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::PERM) => {}
        other => other?,
    }
    rustix::fs::chmodat(parent, name, Mode::from_raw_mode(IMPLICIT_MODE), AtFlags::empty())
}

pub(super) fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

fn times_of(stat: &Stat) -> Timestamps {
    let time =
        |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: i64::try_from(nanoseconds).unwrap_or(0) };
    Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    }
}

/// The attributes of a name, following no symlink; nothing when there is none.
pub(super) fn stat(directory: impl AsFd, name: &OsStr) -> Result<Option<Stat>> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The text of a symlink.
pub(super) fn read_link(directory: impl AsFd, name: &OsStr) -> Result<PathBuf> {
    let target = rustix::fs::readlinkat(directory, name, Vec::new())?;
    Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
}

/// The names in a directory, sorted by their bytes. `directory` has to be open for reading.
pub(super) fn list(directory: impl AsFd) -> Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Opens a directory by its name to list it, following no symlink.
pub(super) fn open_listable(directory: impl AsFd, name: &OsStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
}

/// Removes a name and all below it, except what `keep` wants (by its directory, open and as an inode, and its name)
/// and the directories on the way there. Follows no symlink; a name that is not there is fine. `true` when something was kept.
pub(super) fn remove(
    directory: BorrowedFd<'_>,
    name: &OsStr,
    keep: &dyn Fn(BorrowedFd<'_>, u64, &OsStr) -> bool,
) -> Result<bool> {
    /// A directory that is being emptied.
    struct Level {
        directory: OwnedFd,
        stat: Stat,
        /// Names still to do, and whether something in it stays.
        names: Vec<CString>,
        kept: bool,
        /// Its own name, and whether it stays whatever is in it.
        name: OsString,
        wanted: bool,
    }
    let enter = |parent: BorrowedFd<'_>, name: &OsStr, wanted: bool| -> Result<Level> {
        let directory = open_listable(parent, name)?;
        let stat = rustix::fs::fstat(&directory)?;
        Ok(Level { names: list(&directory)?, directory, stat, kept: false, name: name.to_owned(), wanted })
    };
    // Directories are entered one by one on a stack of our own: a layer can make them as deep as it likes.
    let mut stack: Vec<Level> = Vec::new();
    let mut next = Some((rustix::fs::fstat(directory)?.st_ino, name.to_owned()));
    let mut kept_top = false;
    loop {
        let here = stack.last().map_or(directory, |level| level.directory.as_fd());
        if let Some((inode, name)) = next.take() {
            let wanted = keep(here, inode, &name);
            // One call instead of two where most things are no directories.
            let kept = match if wanted {
                Err(Errno::ISDIR)
            } else {
                rustix::fs::unlinkat(here, &name, AtFlags::empty())
            } {
                Ok(()) | Err(Errno::NOENT) => false,
                Err(Errno::ISDIR | Errno::PERM) => match stat(here, &name)? {
                    Some(found) if file_type(&found) == FileType::Directory => {
                        let level = enter(here, &name, wanted)?;
                        stack.push(level);
                        false
                    }
                    Some(_) if wanted => true,
                    Some(_) => return Err(Errno::PERM),
                    None => false,
                },
                Err(error) => return Err(error),
            };
            match stack.last_mut() {
                Some(level) => level.kept |= kept,
                None => kept_top |= kept,
            }
        }
        let Some(level) = stack.last_mut() else { return Ok(kept_top) };
        if let Some(name) = level.names.pop() {
            next = Some((level.stat.st_ino, OsStr::from_bytes(name.to_bytes()).to_owned()));
            continue;
        }
        // It is done: it goes unless something in it stays.
        let Some(done) = stack.pop() else { return Ok(kept_top) };
        let kept = done.kept || done.wanted;
        let here = stack.last().map_or(directory, |level| level.directory.as_fd());
        if kept {
            // Losing what lower layers had in it is no change that it shows.
            rustix::fs::futimens(&done.directory, &times_of(&done.stat))?;
        } else {
            rustix::fs::unlinkat(here, &done.name, AtFlags::REMOVEDIR)?;
        }
        match stack.last_mut() {
            Some(level) => level.kept |= kept,
            None => kept_top |= kept,
        }
    }
}
