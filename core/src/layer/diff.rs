//! What a command changed, as a layer: sorted, so that the same directory gives the same bytes.
//!
//! A layer is made of the state that was left, not of the way there: whether an overlay took the changes or a copy of the
//! whole root, the same state gives the same layer. Knows nothing of mounts: the directory has to be at rest.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};

use super::apply::mtime_of;
use super::copied::Stamps;
use super::entry::{Entry, EntryKind, Timestamp, display};
use super::place::descriptor_path;
use super::rooted;
use super::same::Lower;
use super::tarout::TarWriter;
use super::toc::Toc;
use super::tree::Node;
use super::xattr::{self, Xattrs};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::task::Task;

/// Writes what the upper directory of an overlay changes in `lower` as a plain tar to `out`, which should buffer. Gives the
/// table of contents of what was written: when it is empty nothing changed, and the tar is not worth keeping.
///
/// Entries are sorted by name, each directory before what is in it; times are whole seconds, those after `epoch` become
/// `epoch`. What is as it was below is left out, the root always (as Docker does). What is gone has a whiteout, or, where
/// all of several names of a directory are gone, the directory is marked opaque. Sockets are left out; files with several
/// names in `upper` are written whole, and their names as hard links.
///
/// `unsupported` for directories and files that overlay renamed or changed by reference (`redirect_dir`, `metacopy`); `io`
/// when a file changes while it is read.
pub fn diff_overlay(
    upper: &Path,
    lower: Lower<'_>,
    epoch: Option<i64>,
    out: impl Write,
    task: &Task,
) -> Result<Toc> {
    diff(upper, lower, &Differing { epoch, ..Differing::default() }, out, task)
}

/// The same of a copy of the whole root ([`super::copy_root`]) that `stamps` came with.
pub fn diff_copied(
    root: &Path,
    lower: Lower<'_>,
    stamps: &Stamps,
    epoch: Option<i64>,
    out: impl Write,
    task: &Task,
) -> Result<Toc> {
    diff(root, lower, &Differing { stamps: Some(stamps), epoch, ..Differing::default() }, out, task)
}

/// What a diff is told beside the directories.
#[derive(Clone, Copy, Default)]
pub struct Differing<'a> {
    /// What came with a copied root; with an upper directory there is none.
    pub stamps: Option<&'a Stamps>,
    /// Times after this one become this one.
    pub epoch: Option<i64>,
    /// Paths that were made only to be mounted upon: left out as long as they are empty and the layers below have nothing there.
    pub stubs: Option<&'a BTreeSet<PathBuf>>,
    /// Paths of which nothing is written: at them, and below them, is what does not belong to the file system.
    pub hidden: Option<&'a BTreeSet<PathBuf>>,
    /// Contents are not written: the table of contents is all that is wanted, and a file may change meanwhile.
    pub names_only: bool,
}

/// Writes what an upper directory, or a copied root, changes in `lower`, like [`diff_overlay`] and [`diff_copied`].
pub fn diff(
    upper: &Path,
    lower: Lower<'_>,
    how: &Differing<'_>,
    out: impl Write,
    task: &Task,
) -> Result<Toc> {
    let open = || format!("open {}", upper.display());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(CWD, upper, flags, Mode::empty()).context(open)?;
    let mut root = Level {
        directory,
        path: PathBuf::new(),
        names: Vec::new(),
        compared: true,
        through: how.stamps.is_none(),
        emptied: false,
        pending: None,
    };
    root.list(&lower)?;
    let mut diff = Diff {
        lower,
        stamps: how.stamps,
        epoch: how.epoch,
        how,
        task,
        out: TarWriter::new(out),
        toc: Toc::default(),
        inodes: HashMap::new(),
        levels: vec![root],
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
    /// Whether the layers below have a directory here, whose names these are compared with.
    compared: bool,
    /// Whether what is not here is there all the same: an overlay shows what the layers below have.
    through: bool,
    /// Whether it is marked opaque, which stands for every name that is gone.
    emptied: bool,
    /// Its entry, while nothing in it has changed and nothing of it either.
    pending: Option<Entry>,
}

impl Level {
    /// Lists the names to do: what is here and, unless it shows through, what the layers below have.
    fn list(&mut self, lower: &Lower<'_>) -> Result<()> {
        let what = || format!("list {}", display(&self.path));
        let mut names = rooted::list(&self.directory).context(what)?;
        if self.compared && !self.through {
            let below = lower.tree.children(&self.path);
            names.extend(below.filter_map(|name| CString::new(name.as_bytes()).ok()));
            names.sort();
            names.dedup();
        }
        names.reverse();
        self.names = names;
        Ok(())
    }

    /// Whether the layers below have several names here and none of them is left.
    fn lost_all(&self, lower: &Lower<'_>) -> Result<bool> {
        let mut count = 0;
        if !self.compared {
            return Ok(false);
        }
        for name in lower.tree.children(&self.path) {
            let what = || format!("read {}", display(&self.path.join(name)));
            match rooted::stat(&self.directory, name).context(what)? {
                None if self.through => return Ok(false),
                Some(stat) if kind_of(&stat).is_some() => return Ok(false),
                _ => count += 1,
            }
        }
        Ok(count > 1)
    }
}

/// What an entry of a layer can be; nothing for overlay's whiteouts and for sockets: they are not there for a layer.
pub(super) fn kind_of(stat: &Stat) -> Option<EntryKind> {
    match rooted::file_type(stat) {
        FileType::RegularFile => Some(EntryKind::File),
        FileType::Directory => Some(EntryKind::Directory),
        FileType::Symlink => Some(EntryKind::Symlink),
        FileType::CharacterDevice if stat.st_rdev != 0 => Some(EntryKind::CharDevice),
        FileType::BlockDevice => Some(EntryKind::BlockDevice),
        FileType::Fifo => Some(EntryKind::Fifo),
        _ => None,
    }
}

struct Diff<'a, W: Write> {
    lower: Lower<'a>,
    stamps: Option<&'a Stamps>,
    epoch: Option<i64>,
    how: &'a Differing<'a>,
    task: &'a Task,
    out: TarWriter<W>,
    toc: Toc,
    /// The first name of each file that has several.
    inodes: HashMap<(u64, u64), PathBuf>,
    levels: Vec<Level>,
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
        let path = level.path.join(name);
        let directory = level.directory.as_fd();
        let what = || format!("read {}", display(&path));
        if self.how.hidden.is_some_and(|hidden| hidden.contains(&path)) {
            return Ok(());
        }
        let below = if level.compared { self.lower.tree.get(&path) } else { None };
        let stat = rooted::stat(directory, name).context(what)?;
        let Some((stat, kind)) = stat.and_then(|stat| Some((stat, kind_of(&stat)?))) else {
            let hides = below.is_some() && !level.emptied;
            return if hides { self.write(Entry::hiding(&path), None) } else { Ok(()) };
        };
        if kind == EntryKind::Directory {
            let opened = rooted::open_listable(directory, name).context(what)?;
            return self.enter(path, opened);
        }
        if self.stamps.is_some_and(|stamps| stamps.untouched(&path, &stat)) {
            return Ok(());
        }
        // A name that links to another one belongs to it, whatever was below.
        let mut below = below;
        if stat.st_nlink > 1 {
            below = None;
            let inode = (stat.st_dev, stat.st_ino);
            if let Some(first) = self.inodes.get(&inode) {
                let mut entry = self.entry(&path, EntryKind::Hardlink, &stat);
                entry.link = first.clone();
                return self.write(entry, None);
            }
            self.inodes.insert(inode, path.clone());
        }
        if kind == EntryKind::File {
            let is_stub = below.is_none() && stat.st_size == 0 && self.is_stub(&path);
            return if is_stub { Ok(()) } else { self.file(path, name, below) };
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
        if let Some(node) = below
            && self.lower.has(node, &entry, &stat, None)?
        {
            return Ok(());
        }
        self.write(entry, None)
    }

    fn file(&mut self, path: PathBuf, name: &OsStr, below: Option<&Node>) -> Result<()> {
        let what = || format!("read {}", display(&path));
        let Some(level) = self.levels.last() else { return Ok(()) };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&level.directory, name, flags, Mode::empty()).context(what)?;
        let stat = rustix::fs::fstat(&file).context(what)?;
        let mut entry = self.entry(&path, EntryKind::File, &stat);
        entry.size = u64::try_from(stat.st_size).unwrap_or(0);
        entry.xattrs = kept(&path, xattr::of_file(file.as_fd()).context(what)?)?;
        let file = File::from(file);
        if let Some(node) = below
            && self.lower.has(node, &entry, &stat, Some(&file))?
        {
            return Ok(());
        }
        self.write(entry, Some(file))
    }

    /// Goes into a directory. Its entry is written now if it changed, or once something in it did.
    fn enter(&mut self, path: PathBuf, directory: OwnedFd) -> Result<()> {
        let what = || format!("read {}", display(&path));
        let Some(above) = self.levels.last() else { return Ok(()) };
        let below = if above.compared { self.lower.tree.get(&path) } else { None };
        let below = below.filter(|node| node.is_directory());
        let stat = rustix::fs::fstat(&directory).context(what)?;
        let xattrs = xattr::of_file(directory.as_fd()).context(what)?;
        let through = above.through && below.is_some() && !xattr::is_opaque(&xattrs);
        let mut entry = self.entry(&path, EntryKind::Directory, &stat);
        entry.xattrs = kept(&path, xattrs)?;
        let untouched = self.stamps.is_some_and(|stamps| stamps.untouched(&path, &stat));
        let changed = match below {
            Some(node) => !untouched && !self.lower.has(node, &entry, &stat, None)?,
            None => !self.is_stub(&path),
        };
        let compared = below.is_some();
        let mut level =
            Level { directory, path, names: Vec::new(), compared, through, emptied: false, pending: None };
        level.emptied = level.lost_all(&self.lower)?;
        level.list(&self.lower)?;
        if changed || level.emptied {
            self.write(entry, None)?;
        } else {
            level.pending = Some(entry);
        }
        if level.emptied {
            self.write(Entry::opaque(&level.path), None)?;
        }
        self.levels.push(level);
        Ok(())
    }

    fn is_stub(&self, path: &Path) -> bool {
        self.how.stubs.is_some_and(|stubs| stubs.contains(path))
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
        let named = self.how.names_only;
        for level in &mut self.levels {
            if let Some(directory) = level.pending.take() {
                if !named {
                    self.out.append(&directory, &mut std::io::empty())?;
                }
                self.toc.entries.push(directory);
            }
        }
        match content {
            _ if named => {}
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
