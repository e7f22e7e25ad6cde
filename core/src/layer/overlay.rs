//! Making one overlay layer directory of a layer's tar, over the lower layers as they are merged.
//!
//! What lower layers have is asked of their [`Tree`]; their directories are read only to copy the target of a hard link.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{FileType, Mode, Stat};
use rustix::io::Errno;

use super::apply::{DirectoryTimes, Parent, View, apply, path_error};
use super::entry::{Entry, EntryKind, INSIDE, Timestamp, Whiteout, display, no_target};
use super::place::{Before, Placer};
use super::rooted::{self, ITSELF, Root};
use super::tree::{Node, SYMLINKS_MAX, Tree, names};
use super::xattr;
use crate::config::Limits;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::task::Task;

/// Makes one overlay layer directory in `upper`, which has to be empty.
///
/// `lowers` are the directories of the layers below, the topmost first, unpacked by this function; `lower` is their merged
/// view. A whiteout becomes a character device 0/0 and an opaque directory gets `trusted.overlay.opaque` (or
/// `user.overlay.opaque` where that is not allowed), both only where a lower layer has something to hide. Parents that the
/// layer does not list are copied with the attributes they have below; a parent that is a symlink below is followed; a
/// hard link into a lower layer becomes a copy.
///
/// Fails like [`super::apply_flat`]; a character device 0/0 is `unsupported`, since overlay takes it for a whiteout. Not
/// atomic, and nothing is synced.
pub fn apply_overlay(
    upper: &Path,
    lowers: &[PathBuf],
    lower: &Tree,
    tar: impl Read,
    limits: &Limits,
    task: &Task,
) -> Result<()> {
    let root = Root::open(upper).context(|| format!("open {}", upper.display()))?;
    let mut view = Overlay {
        upper: root,
        lowers,
        lower,
        times: DirectoryTimes::default(),
        opaque: BTreeSet::new(),
        implied: HashSet::new(),
        copies: HashMap::new(),
        parent: None,
    };
    view.begin(task)?;
    apply(&mut view, tar, limits, task)?;
    view.times.set(&view.upper)
}

struct Overlay<'a> {
    upper: Root,
    lowers: &'a [PathBuf],
    lower: &'a Tree,
    times: DirectoryTimes,
    /// Directories of this layer that hide what is below them.
    opaque: BTreeSet<PathBuf>,
    /// Directories that are here only because something in them is, by their inodes.
    implied: HashSet<(u64, u64)>,
    /// Lower files that were copied for a hard link, and where to.
    copies: HashMap<PathBuf, PathBuf>,
    /// The directory that was used last, by the path it was asked for.
    parent: Option<(PathBuf, Rc<Parent>)>,
}

/// A path of this layer and the ones below as they are merged, with all symlinks on the way followed.
struct Place {
    path: PathBuf,
    /// Whether what lower layers have in that directory shows through.
    merged: bool,
}

fn is_directory(stat: &Stat) -> bool {
    rooted::file_type(stat) == FileType::Directory
}

fn make_whiteout(parent: BorrowedFd<'_>, name: &OsStr, path: &Path) -> Result<()> {
    rustix::fs::mknodat(parent, name, FileType::CharacterDevice, Mode::empty(), 0)
        .context(|| format!("create the whiteout of {}", display(path)))
}

fn is_whiteout(stat: &Stat) -> bool {
    rooted::file_type(stat) == FileType::CharacterDevice && stat.st_rdev == 0
}

impl Overlay<'_> {
    /// The root has the attributes it has below, until the layer lists it.
    fn begin(&mut self, task: &Task) -> Result<()> {
        if let Some(node) = self.lower.get(Path::new("")) {
            let mut placer = Placer::new(task);
            placer.attributes_of_directory(self.upper.as_fd(), OsStr::new(ITSELF), &node.entry, false)?;
            self.later(Path::new(""), node.entry.mtime)?;
        }
        Ok(())
    }

    fn stat(&self, path: &Path) -> Result<Option<Stat>> {
        self.upper.stat(path).context(|| format!("stat {}", display(path)))
    }

    /// Gives a directory of this layer its time once all is in it.
    fn later(&mut self, path: &Path, mtime: Timestamp) -> Result<()> {
        if let Some(stat) = self.stat(path)? {
            self.times.later(path, &stat, mtime);
        }
        Ok(())
    }

    /// Follows a path to a directory. What is not there is kept as given: it is to be made.
    fn resolve(&self, path: &Path) -> rustix::io::Result<Place> {
        let mut resolved = PathBuf::new();
        // For each component of `resolved`, and the root before them: whether lower layers show through in it.
        let mut merged = vec![true];
        let mut rest = names(path);
        let mut symlinks = 0;
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                if resolved.pop() {
                    merged.pop();
                }
                continue;
            }
            let through = merged.last().copied().unwrap_or(true);
            resolved.push(&name);
            let below = if through { self.lower.get(&resolved) } else { None };
            let found = self.upper.stat(&resolved)?;
            let hidden = found.as_ref().is_some_and(is_whiteout) || self.opaque.contains(&resolved);
            let link = match found {
                Some(found) if is_whiteout(&found) => None,
                Some(found) => match rooted::file_type(&found) {
                    FileType::Directory => None,
                    FileType::Symlink => Some(self.upper.read_link(&resolved)?),
                    _ => return Err(Errno::NOTDIR),
                },
                None => match below.map(|node| node.entry.kind) {
                    None | Some(EntryKind::Directory) => None,
                    Some(EntryKind::Symlink) => below.map(|node| node.entry.link.clone()),
                    Some(_) => return Err(Errno::NOTDIR),
                },
            };
            let Some(link) = link else {
                merged.push(below.is_some_and(Node::is_directory) && !hidden);
                continue;
            };
            symlinks += 1;
            if symlinks > SYMLINKS_MAX {
                return Err(Errno::LOOP);
            }
            if link.has_root() {
                resolved = PathBuf::new();
                merged.truncate(1);
            } else {
                resolved.pop();
            }
            for name in names(&link).into_iter().rev() {
                rest.push_front(name);
            }
        }
        Ok(Place { path: resolved, merged: merged.last().copied().unwrap_or(true) })
    }

    /// Opens a resolved directory in this layer, making what is missing: with the attributes it has below, if it is there.
    fn ensure(&mut self, placer: &mut Placer<'_>, path: &Path) -> Result<OwnedFd> {
        let what = || format!("open {}", display(path));
        match self.upper.directory(path) {
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            other => return other.context(what),
        }
        let mut through = true;
        let mut directories: Vec<&Path> = path.ancestors().collect();
        directories.pop();
        for directory in directories.into_iter().rev() {
            let below =
                if through { self.lower.get(directory).filter(|node| node.is_directory()) } else { None };
            through = below.is_some() && !self.opaque.contains(directory);
            let found = self.stat(directory)?;
            if found.as_ref().is_some_and(is_directory) {
                continue;
            }
            // Over a whiteout of this layer it begins anew.
            let anew = found.is_some();
            let entry = match below {
                Some(node) if !anew => node.entry.clone(),
                _ => Entry::implicit_directory(directory),
            };
            let (above, name) = (directory.parent().unwrap_or(Path::new("")), directory.file_name());
            let above = self.upper.directory(above).context(what)?;
            placer.directory(above.as_fd(), name.unwrap_or_default(), &entry)?;
            self.later(directory, entry.mtime)?;
            if let Some(made) = self.stat(directory)? {
                self.implied.insert((made.st_dev, made.st_ino));
            }
            if anew && below.is_some() {
                self.mark_opaque(directory)?;
                through = false;
            }
        }
        self.upper.directory(path).context(what)
    }

    fn mark_opaque(&mut self, path: &Path) -> Result<()> {
        let what = || format!("mark {} opaque", display(path));
        let above = self.upper.directory(path.parent().unwrap_or(Path::new(""))).context(what)?;
        let name = path.file_name().unwrap_or(OsStr::new(ITSELF));
        let directory = rooted::open_listable(&above, name).context(what)?;
        xattr::set_opaque(directory.as_fd()).context(what)?;
        self.opaque.insert(path.to_owned());
        Ok(())
    }

    /// Hides what lower layers have at one path, if they have anything there.
    fn hide_path(&mut self, placer: &mut Placer<'_>, entry: &Entry, path: &Path) -> Result<()> {
        let place = match self.resolve(path.parent().unwrap_or(Path::new(""))) {
            // Nothing can be below what is no directory.
            Err(Errno::NOTDIR) => return Ok(()),
            other => other.map_err(|error| path_error(&entry.path, error))?,
        };
        let name = path.file_name().unwrap_or_default();
        let path = place.path.join(name);
        let below = if place.merged { self.lower.get(&path) } else { None };
        let Some(below) = below else { return Ok(()) };
        match self.stat(&path)? {
            Some(found) if is_directory(&found) => {
                let parent = self.ensure(placer, &place.path)?;
                if !self.remove_implied(parent.as_fd(), name)? {
                    make_whiteout(parent.as_fd(), name, &path)
                } else if below.is_directory() {
                    self.mark_opaque(&path)
                } else {
                    Ok(())
                }
            }
            // What this layer has there hides it already.
            Some(_) => Ok(()),
            None => make_whiteout(self.ensure(placer, &place.path)?.as_fd(), name, &path),
        }
    }

    /// Removes whiteouts, and directories that are here only because of them: what hides all has no need of them, and
    /// they would show. `true` when something is left.
    fn remove_implied(&self, parent: BorrowedFd<'_>, name: &OsStr) -> Result<bool> {
        let keep = |directory: BorrowedFd<'_>, _: u64, name: &OsStr| match rooted::stat(directory, name) {
            Ok(Some(found)) if is_directory(&found) => !self.implied.contains(&(found.st_dev, found.st_ino)),
            Ok(Some(found)) => !is_whiteout(&found),
            // The removal meets the same error and reports it.
            _ => false,
        };
        rooted::remove(parent, name, &keep).context(|| format!("remove {}", name.to_string_lossy()))
    }

    /// Opens a file of the lower layers.
    fn open_below(&self, path: &Path) -> Result<OwnedFd> {
        for lower in self.lowers {
            let what = || format!("open {} in {}", display(path), lower.display());
            match Root::open(lower).context(what)?.file(path) {
                Ok(file) => return Ok(file),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO) => {}
                Err(error) => return Err(Error::io(what(), error)),
            }
        }
        Err(Error::new(
            ErrorKind::Internal,
            format!("{} is in the tables of the lower layers but not in their directories", display(path)),
        ))
    }
}

impl View for Overlay<'_> {
    fn hide(&mut self, placer: &mut Placer<'_>, entry: &Entry, whiteout: &Whiteout) -> Result<()> {
        self.parent = None;
        match whiteout {
            Whiteout::Path(path) => self.hide_path(placer, entry, path),
            // The root of an overlay merges whatever it is marked with: what is in it has to be hidden one by one.
            Whiteout::Opaque(path) if path.as_os_str().is_empty() => {
                for name in self.lower.children(path) {
                    self.hide_path(placer, entry, Path::new(name))?;
                }
                Ok(())
            }
            Whiteout::Opaque(path) => {
                let place = match self.resolve(path) {
                    Err(Errno::NOTDIR) => return Ok(()),
                    other => other.map_err(|error| path_error(&entry.path, error))?,
                };
                if !place.merged {
                    return Ok(());
                }
                let directory = self.ensure(placer, &place.path)?;
                let what = || format!("list {}", display(&place.path));
                let listable = rooted::open_listable(&directory, OsStr::new(ITSELF)).context(what)?;
                for name in rooted::list(&listable).context(what)? {
                    self.remove_implied(directory.as_fd(), OsStr::from_bytes(name.to_bytes()))?;
                }
                self.mark_opaque(&place.path)
            }
        }
    }

    fn root(&mut self, placer: &mut Placer<'_>, entry: &Entry) -> Result<()> {
        placer.attributes_of_directory(self.upper.as_fd(), OsStr::new(ITSELF), entry, true)?;
        self.later(&entry.path, entry.mtime)
    }

    fn parent(&mut self, placer: &mut Placer<'_>, entry: &Entry) -> Result<Rc<Parent>> {
        if entry.kind == EntryKind::CharDevice && entry.device == (0, 0) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("{}: overlay takes a character device 0/0 for a whiteout", display(&entry.path)),
            ));
        }
        let path = entry.path.parent().unwrap_or(Path::new(""));
        if let Some((given, parent)) = &self.parent
            && given.as_os_str() == path.as_os_str()
        {
            return Ok(parent.clone());
        }
        let place = self.resolve(path).map_err(|error| path_error(&entry.path, error))?;
        let directory = self.ensure(placer, &place.path)?;
        let parent = Rc::new(Parent { directory, path: place.path, inode: 0, merged: place.merged });
        self.parent = Some((path.to_owned(), parent.clone()));
        Ok(parent)
    }

    fn hard_link(&mut self, placer: &mut Placer<'_>, parent: &Parent, entry: &Entry) -> Result<Before> {
        let directory = parent.directory.as_fd();
        let name = entry.path.file_name().unwrap_or_default();
        let target = entry.link.file_name().unwrap_or_default();
        let place = match self.resolve(entry.link.parent().unwrap_or(Path::new(""))) {
            Err(Errno::NOTDIR) => return Err(no_target(entry, "is not there")),
            other => other.map_err(|error| path_error(&entry.path, error))?,
        };
        let path = place.path.join(target);
        let own = parent.path.join(name);
        if path != own && path.starts_with(&own) {
            return Err(no_target(entry, INSIDE));
        }
        let mut linked = None;
        match self.stat(&path)? {
            Some(found) if is_whiteout(&found) => return Err(no_target(entry, "is not there")),
            Some(found) if is_directory(&found) => return Err(no_target(entry, "is a directory")),
            Some(_) => linked = Some(path.clone()),
            // A second link to a lower file links to the copy that the first one made, if that is still there.
            None => {
                if let Some(copy) = self.copies.get(&path)
                    && self
                        .stat(copy)?
                        .is_some_and(|found| rooted::file_type(&found) == FileType::RegularFile)
                {
                    linked = Some(copy.clone());
                }
            }
        }
        if let Some(path) = linked {
            let above = self.upper.directory(path.parent().unwrap_or(Path::new("")));
            let above = above.context(|| format!("open the directory of {}", display(&path)))?;
            return placer.hard_link(
                (above.as_fd(), path.file_name().unwrap_or_default()),
                directory,
                name,
                entry,
            );
        }
        let below = if place.merged { self.lower.get(&path) } else { None };
        let below = below.ok_or_else(|| no_target(entry, "is not there"))?;
        let copied = Entry { path: entry.path.clone(), ..below.entry.clone() };
        match below.entry.kind {
            EntryKind::Directory => Err(no_target(entry, "is a directory")),
            EntryKind::File => {
                let before = placer.copy(directory, name, &copied, self.open_below(&path)?)?;
                self.copies.insert(path, own);
                Ok(before)
            }
            _ => placer.special(directory, name, &copied),
        }
    }

    fn placed(&mut self, parent: &Parent, entry: &Entry, before: Before) -> Result<()> {
        let path = parent.path.join(entry.path.file_name().unwrap_or_default());
        let below = if parent.merged { self.lower.get(&path) } else { None };
        let replaced = matches!(before, Before::Directory | Before::Other);
        if replaced || below.is_some_and(|node| node.entry.kind == EntryKind::Symlink) {
            // The open directory may have gone, or a link on the way to it.
            self.parent = None;
        }
        if before == Before::Directory {
            self.opaque.retain(|opaque| !opaque.starts_with(&path));
            self.copies.retain(|_, copy| !copy.starts_with(&path));
        }
        if entry.kind == EntryKind::Directory {
            self.later(&path, entry.mtime)?;
            if before == Before::Merged
                && let Some(found) = self.stat(&path)?
            {
                self.implied.remove(&(found.st_dev, found.st_ino));
            }
            // What this layer had there hid the lower directory, or was its whiteout; the new one would let it through.
            if before == Before::Other && below.is_some_and(Node::is_directory) {
                self.mark_opaque(&path)?;
            }
        }
        Ok(())
    }
}
