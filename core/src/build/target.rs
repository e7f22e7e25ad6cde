//! Where COPY and ADD put things: told from the merged view of the image's tables of contents alone.
//!
//! The rules are BuildKit's: a directory brings its contents, directories merge, a file never replaces a directory nor the other
//! way round, but what an archive holds does.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::chmod::Mode;
use super::context::{Files, Found};
use super::image_files::ImageFiles;
use super::items::{Inode, Item, Items};
use super::sources::Source;
use super::tar::{add_parents, new_directory};
use super::unpack::{Unpacked, whiteout};
use crate::dockerfile::Ignore;
use crate::error::{Error, ErrorKind, Result};
use crate::layer::{EntryKind, Timestamp, Tree};

/// How things are put: what the flags and the destination say.
pub struct Placing {
    /// It ends with `/`, or has to be a directory.
    pub is_directory: bool,
    /// The owner of what is put there; `None` keeps each source's own.
    pub owner: Option<(u32, u32)>,
    /// The mode, or how it changes.
    pub mode: Option<Mode>,
    /// What of the sources is left out, relative to each of them.
    pub exclude: Ignore,
    /// Of new directories.
    pub time: Timestamp,
}

/// An image that things are put into.
pub struct Target<'a, 'f> {
    tree: &'a Tree,
    /// The destination, links followed.
    path: PathBuf,
    how: &'a Placing,
    items: Items<'f>,
    /// Counts the sources: hard links are kept within one.
    source: u64,
}

fn failed(message: String) -> Error {
    Error::new(ErrorKind::BuildFailed, message)
}

fn not_a_directory(path: &Path) -> Error {
    failed(format!("cannot copy to non-directory: /{}", path.display()))
}

/// A file or directory on its way: where it is, where it goes, and its path within its source.
struct Place<'p> {
    from: &'p Path,
    to: PathBuf,
    within: PathBuf,
}

impl<'a, 'f> Target<'a, 'f> {
    /// A destination in the image that `tree` shows.
    pub fn new(tree: &'a Tree, destination: &str, how: &'a Placing) -> Result<Self> {
        let path = tree.resolve(Path::new(destination.trim_start_matches('/')), true)?;
        Ok(Target { tree, path, how, items: Items::default(), source: 0 })
    }

    /// What has to be in the layer.
    pub fn into_items(mut self) -> Items<'f> {
        link_up(&mut self.items);
        self.items
    }

    /// Puts one source: a directory's contents, or a file under its own name or the destination's.
    pub fn put(&mut self, source: &Source<'f>) -> Result<()> {
        self.source += 1;
        let Some((from, found)) = source.look()? else { return Ok(()) };
        if let Some(below) = &source.below {
            return self.put_below(source, &from, found, below);
        }
        let is_directory = found.entry.kind == EntryKind::Directory;
        let name = source.path.file_name().unwrap_or_default();
        let within = PathBuf::from(name);
        if !is_directory {
            if self.how.exclude.excluded(&within) {
                return Ok(());
            }
            let to = if self.is_into() { self.path.join(name) } else { self.path.clone() };
            self.add_parents(&to)?;
            return self.put_at(source, Place { from: &from, to, within }, found).map(drop);
        }
        self.make_destination()?;
        self.put_children(source, &Place { from: &from, to: self.path.clone(), within: PathBuf::new() })
            .map(drop)
    }

    /// Whether a file goes into the destination, under its own name.
    fn is_into(&self) -> bool {
        self.how.is_directory
            || self.path.as_os_str().is_empty()
            || self.kind_at(&self.path) == Some(EntryKind::Directory)
    }

    /// Puts one source of `--parents`, with the directories above it as its source has them.
    fn put_below(&mut self, source: &Source<'f>, from: &Path, found: Found, below: &Path) -> Result<()> {
        if self.how.exclude.excluded(below) && self.how.exclude.may_skip_directory(below) {
            return Ok(());
        }
        self.make_destination()?;
        if below.as_os_str().is_empty() {
            let to = self.path.clone();
            return self.put_children(source, &Place { from, to, within: PathBuf::new() }).map(drop);
        }
        let parents: Vec<&Path> = below.ancestors().skip(1).filter(|path| *path != Path::new("")).collect();
        for parent in parents.iter().rev() {
            let to = self.path.join(parent);
            match self.kind_at(&to) {
                Some(EntryKind::Directory) => continue,
                Some(_) => return Err(not_a_directory(&to)),
                None => {}
            }
            let start = from.ancestors().nth(below.components().count()).unwrap_or(Path::new(""));
            let from = start.join(parent);
            if let Some(found) = source.files.look(&from)? {
                self.insert(source, &from, to, found)?;
            }
        }
        let place = Place { from, to: self.path.join(below), within: below.to_owned() };
        self.put_at(source, place, found).map(drop)
    }

    /// Puts what an archive holds, in place of what is there; only directories stay.
    pub fn put_archive(
        &mut self,
        archive: &'f Unpacked,
        files: &'f ImageFiles<'f>,
        owner: Option<(u32, u32)>,
    ) -> Result<()> {
        self.source += 1;
        self.make_destination()?;
        // Directories that are links in the image, with what they lead to.
        let mut led: Vec<(&Path, PathBuf)> = Vec::new();
        for path in archive.paths() {
            let Some(mut found) = files.look(path)? else { continue };
            while led.last().is_some_and(|(link, _)| !path.starts_with(link)) {
                led.pop();
            }
            let to = match led.last() {
                Some((link, to)) => to.join(path.strip_prefix(link).unwrap_or(path)),
                None => self.path.join(path),
            };
            let before = self.kind_at(&to);
            if archive.is_implied(path) {
                match before {
                    Some(EntryKind::Directory) => continue,
                    Some(EntryKind::Symlink) if self.items.get(&to).is_none() => {
                        let to = self.tree.resolve(&to, true)?;
                        if self.kind_at(&to) == Some(EntryKind::Directory) {
                            led.push((path, to));
                            continue;
                        }
                    }
                    _ => {}
                }
            }
            let entry = &mut found.entry;
            if before == Some(EntryKind::Directory) && entry.kind != EntryKind::Directory {
                self.items.remove_tree(&to);
            }
            if let Some(owner) = owner {
                (entry.uid, entry.gid) = owner;
            }
            entry.path = to;
            self.items.insert(Item::found(files, path, self.source, found));
        }
        Ok(())
    }

    /// Puts an archive as what it is, whatever is in its way: not into the image, but into what the cache is asked for.
    pub fn put_unopened(&mut self, source: &Source<'f>) -> Result<()> {
        self.source += 1;
        let Some((from, found)) = source.look()? else { return Ok(()) };
        let to = self.path.join(format!("{}/{}", self.source, source.path.display()));
        self.insert(source, &from, to, found)
    }

    fn kind_at(&self, path: &Path) -> Option<EntryKind> {
        match self.items.get(path) {
            Some(item) => Some(item.entry.kind),
            None if path.as_os_str().is_empty() => Some(EntryKind::Directory),
            None => self.tree.get(path).map(|node| node.entry.kind),
        }
    }

    fn add_parents(&mut self, path: &Path) -> Result<()> {
        add_parents(self.tree, &mut self.items, path, self.how.owner.unwrap_or((0, 0)), self.how.time)
    }

    /// The destination as a directory: 0755 where it is new, whatever the source has, and else as it is.
    fn make_destination(&mut self) -> Result<()> {
        let path = self.path.clone();
        match self.kind_at(&path) {
            Some(EntryKind::Directory) => Ok(()),
            Some(_) => Err(not_a_directory(&path)),
            None => {
                self.add_parents(&path)?;
                let entry = new_directory(&path, self.how.owner.unwrap_or((0, 0)), self.how.time);
                self.items.insert(Item::without_body(entry));
                Ok(())
            }
        }
    }

    /// Puts a file or a tree at a path. Returns whether anything was put.
    fn put_at(&mut self, source: &Source<'f>, place: Place<'_>, found: Found) -> Result<bool> {
        if found.entry.kind == EntryKind::Directory {
            return self.put_directory(source, place, found);
        }
        if source.files.excluded(place.from) {
            return Ok(false);
        }
        if self.kind_at(&place.to) == Some(EntryKind::Directory) {
            return Err(failed(format!("cannot replace to directory /{} with file", place.to.display())));
        }
        self.insert(source, place.from, place.to, found)?;
        Ok(true)
    }

    /// Puts a directory with its contents: one that is there takes its attributes.
    fn put_directory(&mut self, source: &Source<'f>, place: Place<'_>, found: Found) -> Result<bool> {
        if self.kind_at(&place.to).is_some_and(|kind| kind != EntryKind::Directory) {
            return Err(not_a_directory(&place.to));
        }
        let before = self.items.get(&place.to).is_some();
        let Place { from, to, within } = place;
        self.insert(source, from, to.clone(), found)?;
        let is_left_out = source.files.excluded(from) || self.how.exclude.excluded(&within);
        let put = self.put_children(source, &Place { from, to: to.clone(), within })? || !is_left_out;
        if !put && !before {
            // All that is in it is excluded, and it is too.
            self.items.remove(&to);
        }
        Ok(put)
    }

    fn put_children(&mut self, source: &Source<'f>, place: &Place<'_>) -> Result<bool> {
        let exclude = &self.how.exclude;
        let mut put = false;
        for name in source.files.children(place.from)? {
            let from = place.from.join(&name);
            let within = if exclude.is_empty() { PathBuf::new() } else { place.within.join(&name) };
            let Some(found) = source.files.look(&from)? else { continue };
            if exclude.excluded(&within)
                && (found.entry.kind != EntryKind::Directory || exclude.may_skip_directory(&within))
            {
                continue;
            }
            put |= self.put_at(source, Place { from: &from, to: place.to.join(&name), within }, found)?;
        }
        Ok(put)
    }

    fn insert(&mut self, source: &Source<'f>, from: &Path, to: PathBuf, mut found: Found) -> Result<()> {
        if to.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".wh.")) {
            return Err(whiteout(&to));
        }
        let entry = &mut found.entry;
        entry.path = to;
        let owner = self.how.owner.or((!source.keeps_owner).then_some((0, 0)));
        if let Some(owner) = owner {
            (entry.uid, entry.gid) = owner;
        }
        if let Some(mode) = self.how.mode.as_ref().filter(|_| entry.kind != EntryKind::Symlink) {
            entry.mode = mode.apply(entry.mode, entry.kind == EntryKind::Directory);
        }
        self.items.insert(Item::found(source.files, from, self.source, found));
        Ok(())
    }
}

/// Makes hard links of items that are one file with several names in their source: what comes first has the content.
fn link_up(items: &mut Items<'_>) {
    let mut first: HashMap<Inode, PathBuf> = HashMap::new();
    for item in items.iter_mut() {
        let Some(inode) = item.inode.as_deref() else { continue };
        match first.get(inode) {
            None => drop(first.insert(*inode, item.entry.path.clone())),
            Some(first) => {
                item.entry.kind = EntryKind::Hardlink;
                item.entry.link = first.clone();
                item.entry.size = 0;
                item.entry.xattrs.clear();
                item.body = None;
            }
        }
    }
}
