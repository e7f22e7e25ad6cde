//! A copy of an unpacked root for a command to change, with what tells afterwards what it left alone.
//!
//! Where there is no overlay (in most CI containers) each command gets a copy of its own. Blocks are shared where the
//! file system can; hard links are not kept: like in an overlay, what one name is changed to must not show under another.

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::apply::mtime_of;
use super::entry::{Entry, EntryKind, Timestamp, display};
use super::place::{Placer, descriptor_path, set_time};
use super::rooted::{self, ITSELF};
use super::xattr;
use crate::error::{Result, ResultExt};
use crate::fs;
use crate::task::Task;

/// Inode and time of change (ctime) of everything in a copy when it was made. No program can set the latter.
#[derive(Default)]
pub struct Stamps(HashMap<PathBuf, (u64, i64, i64)>);

fn stamp(stat: &Stat) -> (u64, i64, i64) {
    (stat.st_ino, stat.st_ctime, i64::try_from(stat.st_ctime_nsec).unwrap_or(0))
}

impl Stamps {
    /// Whether nothing happened to this path since: neither to its attributes nor to its content.
    pub(super) fn untouched(&self, path: &Path, stat: &Stat) -> bool {
        self.0.get(path) == Some(&stamp(stat))
    }

    /// Waits until the clock of the file system is past every stamp: a change right now could otherwise leave the same one.
    /// When it does not get there (somebody has set it back) no stamp says anything.
    fn settle(&mut self, folder: &Path) -> Result<()> {
        const LONGEST: Duration = Duration::from_secs(3);
        let newest = self.0.values().map(|(_, seconds, nanoseconds)| (*seconds, *nanoseconds)).max();
        let end = Instant::now() + LONGEST;
        while Instant::now() < end {
            let probe = fs::temporary_file(folder, ".clock-")?;
            let stat = rustix::fs::fstat(probe.as_file()).context(|| "stat a new file")?;
            let (_, seconds, nanoseconds) = stamp(&stat);
            if newest.is_none_or(|newest| newest < (seconds, nanoseconds)) {
                return Ok(());
            }
            drop(probe);
            std::thread::sleep(Duration::from_millis(1));
        }
        self.0.clear();
        Ok(())
    }
}

/// Copies what is in `from` into the empty directory `to`, with all attributes, those of the directory itself among them.
/// Sockets are left out. Not atomic, and nothing is synced.
pub fn copy_root(from: &Path, to: &Path, task: &Task) -> Result<Stamps> {
    let open = |path: &Path| {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::empty()).context(|| format!("open {}", path.display()))
    };
    let (from_fd, to_fd) = (open(from)?, open(to)?);
    let mut copy = Copy { placer: Placer::new(task), stamps: Stamps::default(), levels: Vec::new() };
    let stat = rustix::fs::fstat(&from_fd).context(|| format!("stat {}", from.display()))?;
    let entry = entry_of(Path::new(""), EntryKind::Directory, &stat, from_fd.as_fd(), OsStr::new(ITSELF))?;
    copy.placer.attributes_of_directory(to_fd.as_fd(), OsStr::new(ITSELF), &entry, false)?;
    let names = rooted::list(&from_fd).context(|| format!("list {}", from.display()))?;
    copy.levels.push(Level { from: from_fd, to: to_fd, path: PathBuf::new(), names, mtime: entry.mtime });
    copy.walk(task)?;
    copy.placer.report()?;
    copy.stamps.settle(fs::parent(to))?;
    Ok(copy.stamps)
}

/// A directory that is being copied.
struct Level {
    from: OwnedFd,
    to: OwnedFd,
    path: PathBuf,
    /// Names still to do.
    names: Vec<CString>,
    /// What its time becomes once all is in it.
    mtime: Timestamp,
}

struct Copy<'a> {
    placer: Placer<'a>,
    stamps: Stamps,
    levels: Vec<Level>,
}

impl Copy<'_> {
    fn walk(&mut self, task: &Task) -> Result<()> {
        // On a stack of our own: a layer makes directories as deep as it likes.
        while let Some(level) = self.levels.last_mut() {
            task.check()?;
            if let Some(name) = level.names.pop() {
                self.copy(OsStr::from_bytes(name.to_bytes()))?;
                continue;
            }
            let Some(done) = self.levels.pop() else { break };
            let what = || format!("set times of {}", display(&done.path));
            set_time(&done.to, OsStr::new(ITSELF), done.mtime).context(what)?;
            let stat = rustix::fs::fstat(&done.to).context(what)?;
            self.stamps.0.insert(done.path, stamp(&stat));
        }
        Ok(())
    }

    /// Copies one name of the innermost directory.
    fn copy(&mut self, name: &OsStr) -> Result<()> {
        let Some(level) = self.levels.last() else { return Ok(()) };
        let path = level.path.join(name);
        let what = || format!("copy {}", display(&path));
        let (from, to) = (level.from.as_fd(), level.to.as_fd());
        let Some(stat) = rooted::stat(from, name).context(what)? else { return Ok(()) };
        let kind = match rooted::file_type(&stat) {
            FileType::RegularFile => EntryKind::File,
            FileType::Directory => EntryKind::Directory,
            FileType::Symlink => EntryKind::Symlink,
            FileType::CharacterDevice => EntryKind::CharDevice,
            FileType::BlockDevice => EntryKind::BlockDevice,
            FileType::Fifo => EntryKind::Fifo,
            _ => return Ok(()),
        };
        let entry = entry_of(&path, kind, &stat, from, name)?;
        match kind {
            EntryKind::Directory => {
                self.placer.directory(to, name, &entry)?;
                let (from, to) = (
                    rooted::open_listable(from, name).context(what)?,
                    rooted::open_listable(to, name).context(what)?,
                );
                let names = rooted::list(&from).context(what)?;
                self.levels.push(Level { from, to, path, names, mtime: entry.mtime });
                return Ok(());
            }
            EntryKind::File => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let source = rustix::fs::openat(from, name, flags, Mode::empty()).context(what)?;
                self.placer.copy(to, name, &entry, source)?;
            }
            _ => drop(self.placer.special(to, name, &entry)?),
        }
        if let Some(stat) = rooted::stat(to, name).context(what)? {
            self.stamps.0.insert(path, stamp(&stat));
        }
        Ok(())
    }
}

/// What stands at a name, as an entry.
pub(super) fn entry_of(
    path: &Path,
    kind: EntryKind,
    stat: &Stat,
    parent: BorrowedFd<'_>,
    name: &OsStr,
) -> Result<Entry> {
    let what = || format!("read {}", display(path));
    let mut xattrs = xattr::of_path(&descriptor_path(parent, name)).context(what)?;
    xattrs.retain(|name, _| xattr::belongs_into_layer(name));
    let mut entry = Entry {
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: mtime_of(stat),
        xattrs,
        ..Entry::new(path, kind, stat.st_mode & 0o7777)
    };
    match kind {
        EntryKind::File => entry.size = u64::try_from(stat.st_size).unwrap_or(0),
        EntryKind::Symlink => entry.link = rooted::read_link(parent, name).context(what)?,
        EntryKind::CharDevice | EntryKind::BlockDevice => {
            entry.device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
        }
        _ => {}
    }
    Ok(entry)
}
