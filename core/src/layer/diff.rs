//! What an overlay's upper directory changes, as a layer: sorted, so that the same directory gives the same bytes.
//!
//! Knows nothing of mounts: the upper directory has to be at rest.

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};

use super::apply::mtime_of;
use super::entry::{Entry, EntryKind, Timestamp, display};
use super::place::descriptor_path;
use super::rooted;
use super::tarout::TarWriter;
use super::toc::Toc;
use super::tree::Tree;
use super::xattr::{self, Xattrs};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::task::Task;

/// Writes what the upper directory of an overlay changes in `lower` as a plain tar to `out`, which should buffer. Gives the
/// table of contents of what was written: when it is empty nothing changed, and the tar is not worth keeping.
///
/// Entries are sorted by name, each directory before what is in it; times are whole seconds, those after `epoch` become
/// `epoch`. A directory that is as it was below, with nothing changed in it, is left out; the root always is (as Docker
/// does). Whiteouts and opaque marks are written only where `lower` has something to hide. Sockets are left out; hard
/// links are kept among the files of `upper`.
///
/// `unsupported` for directories and files that overlay renamed or changed by reference (`redirect_dir`, `metacopy`); `io`
/// when a file changes while it is read.
pub fn diff_overlay(
    upper: &Path,
    lower: &Tree,
    epoch: Option<i64>,
    out: impl Write,
    task: &Task,
) -> Result<Toc> {
    let open = || format!("open {}", upper.display());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, upper, flags, Mode::empty()).context(open)?;
    let names = names_of(&root, Path::new(""))?;
    let mut diff = Diff {
        lower,
        epoch,
        task,
        out: TarWriter::new(out),
        toc: Toc::default(),
        inodes: HashMap::new(),
        levels: vec![Level { directory: root, path: PathBuf::new(), names, merged: true, pending: None }],
    };
    diff.walk()?;
    diff.out.finish()?.flush().context(|| "write layer")?;
    Ok(diff.toc)
}

/// A directory whose names are being done.
struct Level {
    directory: OwnedFd,
    path: PathBuf,
    /// Names still to do, the next one last.
    names: Vec<CString>,
    /// Whether what lower layers have in it shows through.
    merged: bool,
    /// Its entry, while nothing in it has changed and nothing of it either.
    pending: Option<Entry>,
}

struct Diff<'a, W: Write> {
    lower: &'a Tree,
    epoch: Option<i64>,
    task: &'a Task,
    out: TarWriter<W>,
    toc: Toc,
    /// The first name of each file that has several.
    inodes: HashMap<(u64, u64), PathBuf>,
    levels: Vec<Level>,
}

fn names_of(directory: &OwnedFd, path: &Path) -> Result<Vec<CString>> {
    let mut names = rooted::list(directory).context(|| format!("list {}", display(path)))?;
    names.reverse();
    Ok(names)
}

impl<W: Write> Diff<'_, W> {
    fn walk(&mut self) -> Result<()> {
        // On a stack of our own: a container makes directories as deep as it likes.
        while let Some(level) = self.levels.last_mut() {
            let Some(name) = level.names.pop() else {
                self.levels.pop();
                continue;
            };
            self.task.check()?;
            self.visit(OsStr::from_bytes(name.to_bytes()))?;
        }
        Ok(())
    }

    /// Does one name of the innermost directory.
    fn visit(&mut self, name: &OsStr) -> Result<()> {
        let Some(level) = self.levels.last() else { return Ok(()) };
        let (path, merged) = (level.path.join(name), level.merged);
        let directory = level.directory.as_fd();
        let what = || format!("read {}", display(&path));
        let Some(stat) = rooted::stat(directory, name).context(what)? else { return Ok(()) };
        let below = if merged { self.lower.get(&path) } else { None };
        let kind = match rooted::file_type(&stat) {
            FileType::Directory => {
                let opened = rooted::open_listable(directory, name).context(what)?;
                return self.enter(path, opened);
            }
            FileType::CharacterDevice if stat.st_rdev == 0 => {
                return if below.is_some() { self.write(Entry::hiding(&path), None) } else { Ok(()) };
            }
            FileType::RegularFile => EntryKind::File,
            FileType::Symlink => EntryKind::Symlink,
            FileType::CharacterDevice => EntryKind::CharDevice,
            FileType::BlockDevice => EntryKind::BlockDevice,
            FileType::Fifo => EntryKind::Fifo,
            _ => return Ok(()),
        };
        if stat.st_nlink > 1 {
            let inode = (stat.st_dev, stat.st_ino);
            if let Some(first) = self.inodes.get(&inode) {
                let mut entry = self.entry(&path, EntryKind::Hardlink, &stat);
                entry.link = first.clone();
                return self.write(entry, None);
            }
            self.inodes.insert(inode, path.clone());
        }
        if kind == EntryKind::File {
            return self.file(path, name);
        }
        let mut entry = self.entry(&path, kind, &stat);
        match kind {
            EntryKind::Symlink => {
                entry.mode = 0o777;
                entry.link = rooted::read_link(directory, name).context(what)?;
            }
            EntryKind::CharDevice | EntryKind::BlockDevice => {
                entry.device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
            }
            _ => {}
        }
        let xattrs = xattr::of_path(&descriptor_path(directory, name)).context(what)?;
        entry.xattrs = kept(&path, xattrs)?;
        self.write(entry, None)
    }

    fn file(&mut self, path: PathBuf, name: &OsStr) -> Result<()> {
        let what = || format!("read {}", display(&path));
        let Some(level) = self.levels.last() else { return Ok(()) };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&level.directory, name, flags, Mode::empty()).context(what)?;
        let stat = rustix::fs::fstat(&file).context(what)?;
        let mut entry = self.entry(&path, EntryKind::File, &stat);
        entry.size = u64::try_from(stat.st_size).unwrap_or(0);
        entry.xattrs = kept(&path, xattr::of_file(file.as_fd()).context(what)?)?;
        self.write(entry, Some(File::from(file)))
    }

    /// Goes into a directory. Its entry is written now if it changed, or once something in it did.
    fn enter(&mut self, path: PathBuf, directory: OwnedFd) -> Result<()> {
        let what = || format!("read {}", display(&path));
        let through = self.levels.last().is_some_and(|level| level.merged);
        let below = if through { self.lower.get(&path).filter(|node| node.is_directory()) } else { None };
        let stat = rustix::fs::fstat(&directory).context(what)?;
        let xattrs = xattr::of_file(directory.as_fd()).context(what)?;
        let opaque = xattr::is_opaque(&xattrs);
        let mut entry = self.entry(&path, EntryKind::Directory, &stat);
        entry.xattrs = kept(&path, xattrs)?;
        let changed = below.is_none_or(|node| {
            let old = &node.entry;
            let mut old_xattrs = old.xattrs.clone();
            old_xattrs.retain(|name, _| xattr::belongs_into_layer(name));
            (old.mode, old.uid, old.gid, old.mtime.seconds)
                != (entry.mode, entry.uid, entry.gid, stat.st_mtime)
                || old_xattrs != entry.xattrs
        });
        let marked = opaque && below.is_some();
        let merged = below.is_some() && !opaque;
        let names = names_of(&directory, &path)?;
        let mut pending = Some(entry);
        if changed || marked {
            self.write(pending.take().unwrap_or_else(|| Entry::implicit_directory(&path)), None)?;
        }
        if marked {
            self.write(Entry::opaque(&path), None)?;
        }
        self.levels.push(Level { directory, path, names, merged, pending });
        Ok(())
    }

    /// An entry with the attributes that every kind has.
    fn entry(&self, path: &Path, kind: EntryKind, stat: &Stat) -> Entry {
        let seconds = mtime_of(stat).seconds;
        let seconds = self.epoch.map_or(seconds, |epoch| seconds.min(epoch));
        Entry {
            uid: stat.st_uid,
            gid: stat.st_gid,
            mtime: Timestamp { seconds, nanoseconds: 0 },
            ..Entry::new(path, kind, stat.st_mode & 0o7777)
        }
    }

    /// Writes an entry, and before it the directories it is in that are not written yet.
    fn write(&mut self, entry: Entry, content: Option<File>) -> Result<()> {
        for level in &mut self.levels {
            if let Some(directory) = level.pending.take() {
                self.out.append(&directory, &mut std::io::empty())?;
                self.toc.entries.push(directory);
            }
        }
        match content {
            Some(mut file) => self.out.append(&entry, &mut file)?,
            None => self.out.append(&entry, &mut std::io::empty())?,
        }
        self.toc.entries.push(entry);
        Ok(())
    }
}

/// The attributes that belong into a layer. What overlay changed by reference cannot be written.
fn kept(path: &Path, mut xattrs: Xattrs) -> Result<Xattrs> {
    if xattr::is_by_reference(&xattrs) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("{}: overlay keeps it by reference (redirect_dir or metacopy)", display(path)),
        ));
    }
    xattrs.retain(|name, _| xattr::belongs_into_layer(name));
    Ok(xattrs)
}
