//! What a layer is to hold, in the order of paths. There may be very many: an item is small, and what is rare in one is in a box.

use std::cmp::Ordering;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::context::{Files, Found};
use super::digests::Stamp;
use crate::error::Result;
use crate::layer::{Entry, EntryKind, Toc};

/// An entry of a layer to be made, and where its content is.
pub struct Item<'f> {
    /// The entry at its destination.
    pub entry: Entry,
    /// Where its content is, for a file.
    pub body: Option<Body<'f>>,
    /// What its file is known by, if that has other names, too.
    pub inode: Option<Box<Inode>>,
}

/// A file with several names: the number of its source, and its device and inode there.
pub type Inode = (u64, u64, u64);

/// The content of a file: where it is, and its path there.
pub struct Body<'f> {
    /// Where it is.
    pub files: &'f dyn Files,
    /// Its path there.
    pub path: Box<Path>,
    /// What told whether the file is unchanged when it was found.
    pub stamp: Option<Stamp>,
}

impl<'f> Item<'f> {
    /// An entry without content.
    pub fn without_body(entry: Entry) -> Self {
        Item { entry, body: None, inode: None }
    }

    /// What was found at a path of a source: a file with its content.
    pub fn found(files: &'f dyn Files, path: &Path, source: u64, found: Found) -> Self {
        let Found { entry, stamp, inode } = found;
        let body = (entry.kind == EntryKind::File).then(|| Body { files, path: path.into(), stamp });
        Item { entry, body, inode: inode.map(|(device, inode)| Box::new((source, device, inode))) }
    }
}

impl Body<'_> {
    /// Opens it.
    pub fn open(&self) -> Result<std::fs::File> {
        self.files.open(&self.path)
    }
}

/// Most items of a run.
const RUN: usize = 512;

/// Items by the paths of their entries, which are as [`Entry`] has them, sorted component by component: all below a directory
/// follows it.
///
/// They are in runs of limited length. What comes in order, as nearly everything does, goes to the end after one comparison;
/// what does not moves no more than a run.
#[derive(Default)]
pub struct Items<'f> {
    /// None of them empty.
    runs: Vec<Vec<Item<'f>>>,
}

/// Where an item is: the number of its run, and its place there.
type Position = (usize, usize);

/// How paths follow each other, told from their bytes: faster than [`Path`], which takes them apart first.
fn order(a: &Path, b: &Path) -> Ordering {
    // What ends a name comes before all that may be in one.
    let key = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    a.as_os_str().as_bytes().iter().map(key).cmp(b.as_os_str().as_bytes().iter().map(key))
}

impl<'f> Items<'f> {
    /// Where the item of a path is, or would be.
    fn position(&self, path: &Path) -> std::result::Result<Position, Position> {
        let Some(end) = self.runs.last() else { return Err((0, 0)) };
        if end.last().is_some_and(|last| order(&last.entry.path, path) == Ordering::Less) {
            return Err((self.runs.len() - 1, end.len()));
        }
        let begins_by = |run: &Vec<Item<'_>>| {
            run.first().is_some_and(|first| order(&first.entry.path, path) != Ordering::Greater)
        };
        let run = self.runs.partition_point(begins_by).saturating_sub(1);
        let found = self.runs[run].binary_search_by(|item| order(&item.entry.path, path));
        found.map(|place| (run, place)).map_err(|place| (run, place))
    }

    /// The item of a path.
    pub fn get(&self, path: &Path) -> Option<&Item<'f>> {
        self.position(path).ok().map(|(run, place)| &self.runs[run][place])
    }

    /// Puts an item at its path, in place of one that is there.
    pub fn insert(&mut self, item: Item<'f>) {
        match self.position(&item.entry.path) {
            Ok((run, place)) => self.runs[run][place] = item,
            Err(_) if self.runs.is_empty() => self.runs.push(vec![item]),
            Err((run, place)) if self.runs[run].len() < RUN => self.runs[run].insert(place, item),
            Err((run, RUN)) => self.runs.insert(run + 1, vec![item]),
            Err((run, _)) => {
                let half = self.runs[run].split_off(RUN / 2);
                self.runs.insert(run + 1, half);
                self.insert(item);
            }
        }
    }

    /// Takes the item of a path away.
    pub fn remove(&mut self, path: &Path) {
        if let Ok((run, place)) = self.position(path) {
            self.runs[run].remove(place);
            if self.runs[run].is_empty() {
                self.runs.remove(run);
            }
        }
    }

    /// Takes away what is at a path and below it.
    pub fn remove_tree(&mut self, path: &Path) {
        while let Some(next) = self.first_from(path).filter(|next| next.starts_with(path)) {
            let next = next.to_owned();
            self.remove(&next);
        }
    }

    /// The first path that does not come before this one.
    fn first_from(&self, path: &Path) -> Option<&Path> {
        let (run, place) = self.position(path).unwrap_or_else(|place| place);
        let here = self.runs.get(run)?.get(place);
        let item = here.or_else(|| self.runs.get(run + 1)?.first())?;
        Some(&item.entry.path)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Item<'f>> {
        self.runs.iter().flatten()
    }

    /// All of them, to change anything but their paths.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Item<'f>> {
        self.runs.iter_mut().flatten()
    }

    /// The table of contents of a layer of them.
    pub fn into_toc(self) -> Toc {
        let mut entries = Vec::with_capacity(self.runs.iter().map(Vec::len).sum());
        entries.extend(self.runs.into_iter().flatten().map(|item| item.entry));
        Toc { entries }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn item(path: &str, mode: u32) -> Item<'static> {
        Item::without_body(Entry::new(path, EntryKind::File, mode))
    }

    #[test]
    fn items_are_sorted_as_paths_are_whatever_order_they_come_in() {
        let mut paths: Vec<String> = (0..3000)
            .map(|n| format!("{}{}{}", n * 7919 % 61, ["/", "-", ""][n % 3], n * 104_729 % 3001))
            .collect();
        paths.extend(["a".into(), "a/b".into(), "a-b".into(), "a/b/c".into(), "a/b.c".into(), String::new()]);
        let mut items = Items::default();
        for path in &paths {
            items.insert(item(path, 1));
            items.insert(item(path, 2));
        }
        let mut wanted: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        wanted.sort();
        wanted.dedup();
        assert!(items.iter().map(|item| &item.entry.path).eq(&wanted));
        assert!(items.iter().all(|item| item.entry.mode == 2));
        assert!(wanted.iter().all(|path| items.get(path).is_some_and(|item| item.entry.path == *path)));
        assert!(items.get(Path::new("a/c")).is_none());
        assert!(items.into_toc().entries.iter().map(|entry| &entry.path).eq(&wanted));
    }

    #[test]
    fn a_tree_goes_with_all_below_it_and_nothing_else() {
        let mut items = Items::default();
        (0..2000).for_each(|n| items.insert(item(&format!("a/{n}"), 0)));
        ["a", "a-b", "b"].iter().for_each(|path| items.insert(item(path, 0)));
        items.remove_tree(Path::new("a"));
        assert!(items.iter().map(|item| item.entry.path.as_path()).eq([Path::new("a-b"), Path::new("b")]));
        items.remove_tree(Path::new(""));
        assert!(items.is_empty() && items.get(Path::new("b")).is_none());
    }
}
