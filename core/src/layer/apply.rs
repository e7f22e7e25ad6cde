//! Applying a layer's tar to a plain directory, and what that shares with making an overlay layer of it.
//!
//! Every path is resolved inside the root at the time it is used: what the layer itself made cannot lead outside.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::entry::{Entry, EntryKind, Timestamp, Whiteout, display, invalid, no_target};
use super::place::{Before, Placer, set_time};
use super::read::TarReader;
use super::rooted::{self, Changed, ITSELF, Root};
use crate::config::Limits;
use crate::error::{Error, Result, ResultExt};
use crate::task::Task;

/// Applies a layer to a plain directory: whiteouts delete what was there before, entries are written over it.
///
/// A parent that the layer does not list keeps its attributes, its time too; one that is not there is made (0755, root,
/// time 0). An archive that breaks a rule, or links to nothing, is `invalid_image` and names the entry. Extended attributes
/// that the file system cannot hold, and owners that an ordinary user cannot give, are counted in one `Warning` event
/// each. Nothing outside of `root` is touched. Not atomic, and nothing is synced: a failure leaves a part behind.
pub fn apply_flat(root: &Path, tar: impl Read, limits: &Limits, task: &Task) -> Result<()> {
    let root = Root::open(root).context(|| format!("open {}", root.display()))?;
    flat(root, tar, limits, task)
}

/// [`apply_flat`] on a root that is open.
pub(super) fn flat(root: Root, tar: impl Read, limits: &Limits, task: &Task) -> Result<()> {
    let mut view = Flat::new(root);
    apply(&mut view, tar, limits, task)?;
    view.times.set(&view.root)
}

/// Lays a tar that is no layer into the directory `at` of a root, without a link on its way: `check` sees each entry, under the path that it
/// gets. Links in it are followed inside the root. Otherwise like [`apply_flat`].
pub fn apply_at(
    root: &Path,
    at: &Path,
    tar: impl Read,
    limits: &Limits,
    task: &Task,
    check: &mut dyn FnMut(&Entry) -> Result<()>,
) -> Result<()> {
    let root = Root::open(root).context(|| format!("open {}", root.display()))?;
    let mut view = Flat::new(root);
    apply_as(&mut view, tar, limits, task, false, &mut |mut entry| {
        if !at.as_os_str().is_empty() {
            entry.path = at.join(&entry.path);
            if entry.kind == EntryKind::Hardlink {
                entry.link = at.join(&entry.link);
            }
        }
        check(&entry)?;
        Ok(entry)
    })?;
    view.times.set(&view.root)
}

/// An open directory that entries are made in.
pub(super) struct Parent {
    pub directory: OwnedFd,
    /// Its path, with no symlink on the way.
    pub path: PathBuf,
    pub inode: u64,
    /// Whether lower layers show through in it. Only an overlay uses it.
    pub merged: bool,
}

/// What a layer is laid on.
pub(super) trait View {
    /// Follows a whiteout.
    fn hide(&mut self, placer: &mut Placer<'_>, entry: &Entry, whiteout: &Whiteout) -> Result<()>;
    /// The root got attributes.
    fn root(&mut self, placer: &mut Placer<'_>, entry: &Entry) -> Result<()>;
    /// The directory that an entry goes into, made where it is missing.
    fn parent(&mut self, placer: &mut Placer<'_>, entry: &Entry) -> Result<Rc<Parent>>;
    /// Makes a hard link.
    fn hard_link(&mut self, placer: &mut Placer<'_>, parent: &Parent, entry: &Entry) -> Result<Before>;
    /// An entry was made.
    fn placed(&mut self, parent: &Parent, entry: &Entry, before: Before) -> Result<()>;
}

/// Lays every entry of a layer's tar on a view, in order.
pub(super) fn apply(view: &mut impl View, tar: impl Read, limits: &Limits, task: &Task) -> Result<()> {
    apply_as(view, tar, limits, task, true, &mut Ok)
}

/// Lays every entry of a tar on a view, in order, as `place` gives it back. Only a layer has `whiteouts`; elsewhere they are names.
pub(super) fn apply_as(
    view: &mut impl View,
    tar: impl Read,
    limits: &Limits,
    task: &Task,
    whiteouts: bool,
    place: &mut dyn FnMut(Entry) -> Result<Entry>,
) -> Result<()> {
    let mut reader = TarReader::new(tar, limits);
    let mut placer = Placer::new(task);
    while let Some(entry) = reader.next()? {
        task.check()?;
        let entry = place(entry)?;
        if let Some(whiteout) = entry.whiteout().filter(|_| whiteouts) {
            view.hide(&mut placer, &entry, &whiteout)?;
            continue;
        }
        let Some(name) = entry.path.file_name() else {
            view.root(&mut placer, &entry)?;
            continue;
        };
        let parent = view.parent(&mut placer, &entry)?;
        let directory = parent.directory.as_fd();
        let before = match entry.kind {
            EntryKind::File => placer.file(directory, name, &entry, &mut reader)?,
            EntryKind::Directory => placer.directory(directory, name, &entry)?,
            EntryKind::Hardlink => view.hard_link(&mut placer, &parent, &entry)?,
            _ => placer.special(directory, name, &entry)?,
        };
        view.placed(&parent, &entry, before)?;
    }
    placer.report()
}

/// A failure to follow an entry's path. What the layer itself is to blame for is `invalid_image`.
pub(super) fn path_error(entry: &Path, error: Errno) -> Error {
    match error {
        Errno::NOTDIR => invalid(entry, "a parent of it is not a directory"),
        Errno::LOOP => invalid(entry, "too many symbolic links are on the way to it"),
        Errno::NAMETOOLONG => invalid(entry, "a link on the way to it is too long"),
        other => Error::io(format!("open the directory of {}", display(entry)), other),
    }
}

/// The times that directories get once all is in them, by their inodes: a path may come to lead somewhere else.
#[derive(Default)]
pub(super) struct DirectoryTimes(HashMap<(u64, u64), (PathBuf, Timestamp)>);

impl DirectoryTimes {
    /// A directory that changes only because something is made in it: it gets back the time it had.
    pub fn restore(&mut self, path: &Path, stat: &Stat) {
        let before = || (path.to_owned(), mtime_of(stat));
        self.0.entry((stat.st_dev, stat.st_ino)).or_insert_with(before);
    }

    /// A directory of the layer: it gets this time.
    pub fn later(&mut self, path: &Path, stat: &Stat, mtime: Timestamp) {
        self.0.insert((stat.st_dev, stat.st_ino), (path.to_owned(), mtime));
    }

    /// Sets them. What is not there any more was replaced later in the layer.
    pub fn set(&self, root: &Root) -> Result<()> {
        let mut all: Vec<_> = self.0.iter().map(|(inode, (path, mtime))| (path, inode, mtime)).collect();
        all.sort();
        for (path, inode, mtime) in all {
            let set = || -> rustix::io::Result<()> {
                let directory = root.directory(path)?;
                let stat = rustix::fs::fstat(&directory)?;
                if (stat.st_dev, stat.st_ino) == *inode {
                    set_time(&directory, OsStr::new(ITSELF), *mtime)?;
                }
                Ok(())
            };
            match set() {
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                other => other.context(|| format!("set times of {}", display(path)))?,
            }
        }
        Ok(())
    }
}

/// A plain directory.
struct Flat {
    root: Root,
    times: DirectoryTimes,
    /// What this layer made, as hashes of the parent's inode and the name: whiteouts leave it alone.
    made: HashSet<u64>,
    hasher: RandomState,
    /// The directory that was used last, by the path it was asked for.
    parent: Option<(PathBuf, Rc<Parent>)>,
}

impl Flat {
    fn new(root: Root) -> Self {
        Flat {
            root,
            times: DirectoryTimes::default(),
            made: HashSet::new(),
            hasher: RandomState::new(),
            parent: None,
        }
    }

    fn key(&self, inode: u64, name: &OsStr) -> u64 {
        self.hasher.hash_one((inode, name.as_bytes()))
    }

    /// Opens a directory that is there; nothing when there is none.
    fn existing(&self, path: &Path, entry: &Path) -> Result<Option<(OwnedFd, PathBuf)>> {
        match self.root.locate(path, None) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(path_error(entry, error)),
        }
    }

    /// Remembers the time of a directory that is about to change. Gives its inode.
    fn remember(&mut self, directory: impl AsFd, path: &Path) -> Result<u64> {
        let stat = rustix::fs::fstat(directory).context(|| format!("stat {}", display(path)))?;
        self.times.restore(path, &stat);
        Ok(stat.st_ino)
    }
}

/// The time of the last change of content.
pub(super) fn mtime_of(stat: &Stat) -> Timestamp {
    Timestamp { seconds: stat.st_mtime, nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0) }
}

impl View for Flat {
    fn hide(&mut self, _: &mut Placer<'_>, entry: &Entry, whiteout: &Whiteout) -> Result<()> {
        self.parent = None;
        let what = || format!("remove what {} hides", display(&entry.path));
        let (Whiteout::Path(path) | Whiteout::Opaque(path)) = whiteout;
        let (above, name) = match whiteout {
            Whiteout::Path(path) => (path.parent().unwrap_or(Path::new("")), path.file_name()),
            Whiteout::Opaque(path) => (path.as_path(), None),
        };
        let Some((directory, above)) = self.existing(above, &entry.path)? else { return Ok(()) };
        self.remember(&directory, &above)?;
        let keep = |_: BorrowedFd<'_>, inode: u64, name: &OsStr| self.made.contains(&self.key(inode, name));
        if let Some(name) = name {
            return rooted::remove(directory.as_fd(), name, &keep).map(drop).context(what);
        }
        let listable = rooted::open_listable(&directory, OsStr::new(ITSELF));
        let listable = listable.context(|| format!("list {}", display(path)))?;
        for name in rooted::list(&listable).context(|| format!("list {}", display(path)))? {
            rooted::remove(directory.as_fd(), OsStr::from_bytes(name.to_bytes()), &keep).context(what)?;
        }
        Ok(())
    }

    fn root(&mut self, placer: &mut Placer<'_>, entry: &Entry) -> Result<()> {
        placer.attributes_of_directory(self.root.as_fd(), OsStr::new(ITSELF), entry, true)?;
        let stat = rustix::fs::fstat(self.root.as_fd()).context(|| "stat the root")?;
        self.times.later(&entry.path, &stat, entry.mtime);
        Ok(())
    }

    fn parent(&mut self, _: &mut Placer<'_>, entry: &Entry) -> Result<Rc<Parent>> {
        let path = entry.path.parent().unwrap_or(Path::new(""));
        if let Some((given, parent)) = &self.parent
            && given.as_os_str() == path.as_os_str()
        {
            return Ok(parent.clone());
        }
        let mut changed = Vec::new();
        let opened = self.root.locate(path, Some(&mut changed));
        let (directory, resolved) = opened.map_err(|error| path_error(&entry.path, error))?;
        for Changed { path, stat, made } in changed {
            match made {
                true => self.times.later(&path, &stat, Timestamp::default()),
                false => self.times.restore(&path, &stat),
            }
        }
        let inode = self.remember(&directory, &resolved)?;
        let parent = Rc::new(Parent { directory, path: resolved, inode, merged: false });
        self.parent = Some((path.to_owned(), parent.clone()));
        Ok(parent)
    }

    fn hard_link(&mut self, placer: &mut Placer<'_>, parent: &Parent, entry: &Entry) -> Result<Before> {
        let above = entry.link.parent().unwrap_or(Path::new(""));
        let (Some(target), Some(name)) = (entry.link.file_name(), entry.path.file_name()) else {
            return Err(no_target(entry, "is the root"));
        };
        let (directory, _) =
            self.existing(above, &entry.path)?.ok_or_else(|| no_target(entry, "is not there"))?;
        match rooted::stat(&directory, target).context(|| format!("stat {}", display(&entry.link)))? {
            None => return Err(no_target(entry, "is not there")),
            Some(found) if rooted::file_type(&found) == FileType::Directory => {
                return Err(no_target(entry, "is a directory"));
            }
            Some(_) => {}
        }
        placer.hard_link((directory.as_fd(), target), parent.directory.as_fd(), name, entry)
    }

    fn placed(&mut self, parent: &Parent, entry: &Entry, before: Before) -> Result<()> {
        let name = entry.path.file_name().unwrap_or_default();
        self.made.insert(self.key(parent.inode, name));
        if entry.kind == EntryKind::Directory
            && let Some(stat) = rooted::stat(&parent.directory, name).context(|| "stat a new directory")?
        {
            self.times.later(&parent.path.join(name), &stat, entry.mtime);
        }
        if matches!(before, Before::Directory | Before::Other) {
            // The open directory may have gone, or a link on the way to it.
            self.parent = None;
        }
        Ok(())
    }
}
