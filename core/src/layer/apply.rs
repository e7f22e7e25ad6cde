//! Applying a layer's tar to a plain directory, and what that shares with making an overlay layer of it.
//!
//! Every path is resolved inside the root at the time it is used: what the layer itself made cannot lead outside.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::entry::{Entry, EntryKind, Timestamp, Whiteout, display, invalid};
use super::place::{Before, Placer, set_time};
use super::read::TarReader;
use super::rooted::{self, ITSELF, Root};
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
    let mut view = Flat {
        root,
        times: DirectoryTimes::default(),
        made: HashSet::new(),
        hasher: RandomState::new(),
        parent: None,
    };
    apply(&mut view, tar, limits, task)?;
    view.times.set(&view.root)
}

/// An open directory that entries are made in.
pub(super) struct Parent {
    pub directory: OwnedFd,
    /// The way it was asked for; for an overlay, the way it really is.
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

/// Lays every entry of a tar on a view, in order.
pub(super) fn apply(view: &mut impl View, tar: impl Read, limits: &Limits, task: &Task) -> Result<()> {
    let mut reader = TarReader::new(tar, limits);
    let mut placer = Placer::new(task);
    while let Some(entry) = reader.next()? {
        task.check()?;
        if let Some(whiteout) = entry.whiteout() {
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

/// A hard link that cannot be made.
pub(super) fn no_target(entry: &Entry, why: &str) -> Error {
    invalid(&entry.path, format!("it is a hard link to {}, which {why}", display(&entry.link)))
}

/// The times that directories get once all is in them.
#[derive(Default)]
pub(super) struct DirectoryTimes {
    /// Directories that the layer does not list, with the time they had, and which was the first to be found.
    found: HashMap<PathBuf, (usize, Timestamp)>,
    listed: HashMap<PathBuf, Timestamp>,
}

impl DirectoryTimes {
    /// A directory that changes only because something is made in it: it gets its time back, unless it is listed.
    pub fn found(&mut self, path: &Path, mtime: Timestamp) {
        if !self.found.contains_key(path) && !self.listed.contains_key(path) {
            self.found.insert(path.to_owned(), (self.found.len(), mtime));
        }
    }

    pub fn listed(&mut self, path: &Path, mtime: Timestamp) {
        self.listed.insert(path.to_owned(), mtime);
    }

    /// Sets them. One path may have two names here: the first one's time was the true one, and a listed one beats it.
    pub fn set(&self, root: &Root) -> Result<()> {
        // What is not there any more was replaced later in the layer.
        let gone = |error: Errno| matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP);
        let itself = OsStr::new(ITSELF);
        let mut found: Vec<_> = self.found.iter().collect();
        found.sort_by_key(|(_, (order, _))| std::cmp::Reverse(*order));
        for (path, (_, mtime)) in found {
            match root.directory(path).and_then(|directory| set_time(directory, itself, *mtime)) {
                Err(error) if gone(error) => {}
                other => other.context(|| format!("set times of {}", display(path)))?,
            }
        }
        let mut listed: Vec<_> = self.listed.iter().collect();
        listed.sort();
        let mut parent: Option<(&Path, OwnedFd)> = None;
        for (path, mtime) in listed {
            let what = || format!("set times of {}", display(path));
            let Some((above, name)) = path.parent().zip(path.file_name()) else {
                set_time(root.as_fd(), itself, *mtime).context(what)?;
                continue;
            };
            if parent.as_ref().is_none_or(|(last, _)| *last != above) {
                parent = match root.directory(above) {
                    Err(error) if gone(error) => None,
                    other => Some((above, other.context(what)?)),
                };
            }
            let Some((_, directory)) = &parent else { continue };
            let found = rooted::stat(directory, name).context(what)?;
            if found.is_some_and(|found| rooted::file_type(&found) == FileType::Directory) {
                set_time(directory, name, *mtime).context(what)?;
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
    parent: Option<Rc<Parent>>,
}

impl Flat {
    fn key(&self, inode: u64, name: &OsStr) -> u64 {
        self.hasher.hash_one((inode, name.as_bytes()))
    }

    /// Opens a directory that is there; nothing when there is none.
    fn existing(&self, path: &Path, entry: &Path) -> Result<Option<OwnedFd>> {
        match self.root.directory(path) {
            Ok(directory) => Ok(Some(directory)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(path_error(entry, error)),
        }
    }

    /// Remembers the time of a directory that is about to change. Gives its inode.
    fn remember(&mut self, directory: impl AsFd, path: &Path) -> Result<u64> {
        let stat = rustix::fs::fstat(directory).context(|| format!("stat {}", display(path)))?;
        self.times.found(path, mtime_of(&stat));
        Ok(stat.st_ino)
    }
}

/// The time of the last change of content.
pub(super) fn mtime_of(stat: &rustix::fs::Stat) -> Timestamp {
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
        let Some(directory) = self.existing(above, &entry.path)? else { return Ok(()) };
        self.remember(&directory, above)?;
        let keep = |inode: u64, name: &OsStr| self.made.contains(&self.key(inode, name));
        if let Some(name) = name {
            return rooted::remove(directory.as_fd(), name, &keep).map(drop).context(what);
        }
        let listable = rustix::fs::openat(
            &directory,
            ITSELF,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .context(|| format!("list {}", display(path)))?;
        for name in rooted::list(&listable).context(|| format!("list {}", display(path)))? {
            rooted::remove(directory.as_fd(), OsStr::from_bytes(name.to_bytes()), &keep).context(what)?;
        }
        Ok(())
    }

    fn root(&mut self, placer: &mut Placer<'_>, entry: &Entry) -> Result<()> {
        placer.attributes_of_directory(self.root.as_fd(), OsStr::new(ITSELF), entry, true)?;
        self.times.listed(&entry.path, entry.mtime);
        Ok(())
    }

    fn parent(&mut self, _: &mut Placer<'_>, entry: &Entry) -> Result<Rc<Parent>> {
        let path = entry.path.parent().unwrap_or(Path::new(""));
        if let Some(parent) = &self.parent
            && parent.path.as_os_str() == path.as_os_str()
        {
            return Ok(parent.clone());
        }
        let mut changed = Vec::new();
        let opened = self.root.make_directory(path, &mut changed);
        let directory = opened.map_err(|error| path_error(&entry.path, error))?;
        for (path, before) in changed {
            self.times.found(&path, before.as_ref().map(mtime_of).unwrap_or_default());
        }
        let inode = self.remember(&directory, path)?;
        let parent = Rc::new(Parent { directory, path: path.to_owned(), inode, merged: false });
        self.parent = Some(parent.clone());
        Ok(parent)
    }

    fn hard_link(&mut self, placer: &mut Placer<'_>, parent: &Parent, entry: &Entry) -> Result<Before> {
        let above = entry.link.parent().unwrap_or(Path::new(""));
        let (Some(target), Some(name)) = (entry.link.file_name(), entry.path.file_name()) else {
            return Err(no_target(entry, "is the root"));
        };
        let directory = self.existing(above, &entry.path)?.ok_or_else(|| no_target(entry, "is not there"))?;
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
        if let Some(name) = entry.path.file_name() {
            self.made.insert(self.key(parent.inode, name));
        }
        if entry.kind == EntryKind::Directory {
            self.times.listed(&entry.path, entry.mtime);
        }
        if matches!(before, Before::Directory | Before::Other) {
            // The open directory may have gone, or a link on the way to it.
            self.parent = None;
        }
        Ok(())
    }
}
