//! The merged view of a stack of layers: what a container would see, from tables of contents alone.
//!
//! Knows nothing of disks. Paths in it are those of [`Entry::path`]; the root is there from the start.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::ops::Bound;
use std::path::{Component, Path, PathBuf};

use super::entry::{Entry, EntryKind, INSIDE, Whiteout, display, invalid, no_target};
use super::toc::Toc;
use crate::error::{Error, ErrorKind, Result};

/// Most symlinks that one path may lead through (Linux has 40).
pub(super) const SYMLINKS_MAX: usize = 40;

/// One path of the merged view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What is there. A hard link has the attributes of what it links to and is of that kind; its `link` is empty.
    pub entry: Entry,
    /// Which layer it came from, as given to [`Tree::apply`]. For a hard link, the layer that has its content.
    pub layer: u32,
    /// Which layer put it here. Not `layer` for a hard link into a lower one.
    placed: u32,
    /// Which entry of `layer` it is, counted from 0: a layer may have a path twice.
    position: u32,
    source: Option<PathBuf>,
}

impl Node {
    fn implicit_directory(path: impl Into<PathBuf>, layer: u32) -> Self {
        Node { entry: Entry::implicit_directory(path), layer, placed: layer, position: 0, source: None }
    }

    /// The path that the layer's tar has its content under. It differs from the entry's path for a hard link, and where
    /// a parent in the tar is a symlink.
    pub fn source(&self) -> &Path {
        self.source.as_deref().unwrap_or(&self.entry.path)
    }

    /// The layer that put it here, and whose unpacked directory ([`super::apply_overlay`]) has it, under the entry's path and
    /// with no symlink on the way. Never look for [`Node::source`] there: a symlink of the layer may lead that path anywhere.
    pub fn unpacked_in(&self) -> u32 {
        self.placed
    }

    /// Which entry of [`Node::layer`] has its content: the number in its table of contents and tar. Nodes of one layer with one
    /// position are one inode.
    pub fn position(&self) -> u32 {
        self.position
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.entry.kind == EntryKind::Directory
    }
}

/// A node in the order of paths, component by component: all below a directory follows it directly.
#[derive(Clone)]
struct Slot(Box<Node>);

impl Borrow<Path> for Slot {
    fn borrow(&self) -> &Path {
        &self.0.entry.path
    }
}

impl Ord for Slot {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.entry.path.cmp(&other.0.entry.path)
    }
}

impl PartialOrd for Slot {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Slot {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Slot {}

/// The merged view of a stack of layers. About 250 bytes for each path.
#[derive(Clone)]
pub struct Tree {
    nodes: BTreeSet<Slot>,
}

impl Default for Tree {
    fn default() -> Self {
        let root = Node::implicit_directory("", 0);
        Tree { nodes: BTreeSet::from([Slot(Box::new(root))]) }
    }
}

impl Tree {
    /// Lays a layer on top. Layers are applied from the lowest up, each with a number of its own.
    ///
    /// Fails with `invalid_image` and the entry's name for a hard link to nothing, or a parent that is no directory; the
    /// tree is then of no more use.
    pub fn apply(&mut self, layer: u32, toc: &Toc) -> Result<()> {
        // Entries of one directory mostly follow each other: its resolved path is kept.
        let mut parent: Option<(&Path, PathBuf)> = None;
        for (position, entry) in (0..).zip(&toc.entries) {
            if let Some(whiteout) = entry.whiteout() {
                self.hide(layer, &whiteout)?;
                parent = None;
                continue;
            }
            let Some(given) = entry.path.parent() else {
                self.put(Node { entry: entry.clone(), layer, placed: layer, position, source: None });
                continue;
            };
            if parent.as_ref().is_none_or(|(last, _)| *last != given) {
                let resolved =
                    self.make_directory(layer, given).map_err(|what| invalid(&entry.path, what))?;
                parent = Some((given, resolved));
            }
            let resolved = parent.as_ref().map_or(given, |(_, resolved)| resolved);
            let path = resolved.join(entry.path.file_name().unwrap_or_default());
            let mut placed = entry.clone();
            let source = (path != entry.path).then(|| std::mem::replace(&mut placed.path, path));
            let replaced = match entry.kind {
                EntryKind::Hardlink => self.put_hardlink(layer, placed, entry)?,
                _ => self.put(Node { entry: placed, layer, placed: layer, position, source }),
            };
            if replaced {
                parent = None;
            }
        }
        Ok(())
    }

    /// The node at this path, following no symlink.
    pub fn get(&self, path: &Path) -> Option<&Node> {
        self.nodes.get(path).map(|slot| &*slot.0)
    }

    /// The path with its symlinks followed, inside the root: `..` and absolute links stop at it. The last component is
    /// followed if `follow_last` is set. From the first component that is not there on, the path is kept as given.
    ///
    /// Fails with `invalid_image` when there are more than 40 symlinks in it.
    pub fn resolve(&self, path: &Path, follow_last: bool) -> Result<PathBuf> {
        let mut resolved = PathBuf::new();
        let mut rest: VecDeque<OsString> = names(path);
        let mut symlinks = 0;
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                resolved.pop();
                continue;
            }
            resolved.push(&name);
            let Some(node) = self.get(&resolved) else { continue };
            if node.entry.kind == EntryKind::Symlink && (follow_last || !rest.is_empty()) {
                symlinks += 1;
                if symlinks > SYMLINKS_MAX {
                    return Err(Error::new(
                        ErrorKind::InvalidImage,
                        format!("{}: too many levels of symbolic links", display(path)),
                    ));
                }
                let link = &node.entry.link;
                if link.has_root() {
                    resolved = PathBuf::new();
                } else {
                    resolved.pop();
                }
                for name in names(link).into_iter().rev() {
                    rest.push_front(name);
                }
            }
        }
        Ok(resolved)
    }

    /// The names in a directory, sorted; none for anything else.
    pub fn children<'a>(&'a self, directory: &Path) -> impl Iterator<Item = &'a OsStr> + use<'a> {
        let directory = directory.to_owned();
        let mut last: Option<PathBuf> = None;
        std::iter::from_fn(move || {
            // Nothing lies between a name with all below it and that name with a NUL, which no name has.
            let from = match &last {
                None => Bound::Excluded(directory.clone()),
                Some(name) => {
                    let mut next = name.clone().into_os_string();
                    next.push("\0");
                    Bound::Included(PathBuf::from(next))
                }
            };
            let range = (from.as_ref().map(PathBuf::as_path), Bound::Unbounded);
            let slot = self.nodes.range::<Path, _>(range).next()?;
            let path = &slot.0.entry.path;
            if path.parent() != Some(&directory) {
                return None;
            }
            last = Some(path.clone());
            path.file_name()
        })
    }

    /// This path and all below it, each directory before what it holds, names sorted.
    pub fn walk<'a>(&'a self, path: &Path) -> impl Iterator<Item = &'a Node> + use<'a> {
        let top = path.to_owned();
        self.nodes
            .range::<Path, _>((Bound::Included(path), Bound::Unbounded))
            .map(|slot| &*slot.0)
            .take_while(move |node| node.entry.path.starts_with(&top))
    }

    /// Removes what lies below a path (and the path itself, `with_top`), where `which` says so.
    fn remove_where(&mut self, path: &Path, with_top: bool, which: impl Fn(&Node) -> bool) -> bool {
        let gone: Vec<PathBuf> = self
            .walk(path)
            .filter(|node| (with_top || node.entry.path != path) && which(node))
            .map(|node| node.entry.path.clone())
            .collect();
        for path in &gone {
            self.nodes.remove(path.as_path());
        }
        !gone.is_empty()
    }

    /// Puts a node in, and says whether something else than a missing or plain file made room.
    fn put(&mut self, node: Node) -> bool {
        let mut disturbed = false;
        if let Some(old) = self.get(&node.entry.path)
            && !(old.is_directory() && node.is_directory())
        {
            disturbed = matches!(old.entry.kind, EntryKind::Directory | EntryKind::Symlink);
            if old.is_directory() {
                self.remove_where(&node.entry.path, false, |_| true);
            }
        }
        self.nodes.replace(Slot(Box::new(node)));
        disturbed
    }

    /// Puts a hard link in: another name for what it links to, wherever that came from.
    fn put_hardlink(&mut self, layer: u32, placed: Entry, given: &Entry) -> Result<bool> {
        let target = self.resolve(&given.link, false)?;
        let node = self.get(&target).ok_or_else(|| no_target(given, "is not there"))?;
        if node.is_directory() {
            return Err(no_target(given, "is a directory"));
        }
        if target == placed.path {
            return Ok(false);
        }
        if target.starts_with(&placed.path) {
            return Err(no_target(given, INSIDE));
        }
        let linked = Node {
            entry: Entry { path: placed.path, ..node.entry.clone() },
            layer: node.layer,
            placed: layer,
            position: node.position,
            source: Some(node.source().to_owned()),
        };
        Ok(self.put(linked))
    }

    /// Follows a whiteout: hides what is of other layers than this one.
    fn hide(&mut self, layer: u32, whiteout: &Whiteout) -> Result<()> {
        let (path, with_top) = match whiteout {
            Whiteout::Path(path) => (self.resolve(path, false)?, true),
            Whiteout::Opaque(path) => (self.resolve(path, true)?, false),
        };
        // Directories on the way to something of this layer stay, whoever listed them.
        let mut kept: BTreeSet<PathBuf> = BTreeSet::new();
        for node in self.walk(&path) {
            if node.placed == layer {
                kept.extend(node.entry.path.ancestors().skip(1).map(Path::to_owned));
            }
        }
        self.remove_where(&path, with_top, |node| node.placed != layer && !kept.contains(&node.entry.path));
        Ok(())
    }

    /// Follows a path to a directory, making what is not there, and gives the path it really has.
    fn make_directory(&mut self, layer: u32, path: &Path) -> Result<PathBuf, String> {
        let resolved = self.resolve(path, true).map_err(|error| error.to_string())?;
        let mut missing = Vec::new();
        for directory in resolved.ancestors() {
            match self.get(directory) {
                Some(node) if node.is_directory() => break,
                Some(_) => return Err(format!("{} is not a directory", display(directory))),
                None => missing.push(directory),
            }
        }
        for directory in missing {
            self.nodes.insert(Slot(Box::new(Node::implicit_directory(directory, layer))));
        }
        Ok(resolved)
    }
}

/// The components of a path, `..` among them.
pub(super) fn names(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            _ => None,
        })
        .collect()
}
