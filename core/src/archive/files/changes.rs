//! What one image's file system is against another's.
//!
//! Tables of contents tell nearly all: attributes, sizes, and that two entries are one where both images have the same layer. Only files
//! of one size in different layers are read for it, each layer once.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::{Read, copy};
use std::path::Path;

use super::{ChangeKind, FileChange, ImageDiffOptions, View, absolute};
use crate::archive::merged::advance;
use crate::archive::stream::Watched;
use crate::digest::{Digest, DigestWriter};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::layer::{EntryKind, Node, TarReader};
use crate::store::{Store, StoredLayer};
use crate::task::Task;

/// What `other` has that `image` has not, has otherwise, or has no more, sorted by the bytes of the paths.
///
/// A path is changed when its type, mode, owner, group, device number, link target, extended attributes, size or content is another,
/// and with the option its time of change. A directory is not changed by what changes in it, nor is a file by other hard links to it; a
/// symlink has no mode. All of an added directory is listed, a deleted one by itself; what becomes a directory, or was one, is changed.
pub fn diff(
    store: &Store,
    image: &str,
    other: &str,
    options: &ImageDiffOptions,
    task: &Task,
) -> Result<Vec<FileChange>> {
    let lease = store.lease();
    let old = View::open(store, image, &lease, task)?;
    let new = View::open(store, other, &lease, task)?;
    let Compared { mut changes, undecided } = compare(&old, &new, options, task)?;
    let contents = Contents::of(store, &undecided, task)?;
    for pair in &undecided {
        if contents.get(pair.old)? != contents.get(pair.new)? {
            changes.push(FileChange { path: absolute(pair.path), kind: ChangeKind::Changed });
        }
    }
    changes.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    Ok(changes)
}

/// What tables of contents tell.
struct Compared<'a> {
    changes: Vec<FileChange>,
    /// What only the contents can tell.
    undecided: Vec<Pair<'a>>,
}

/// A file that is the same in both images but for its content.
struct Pair<'a> {
    path: &'a Path,
    old: Place<'a>,
    new: Place<'a>,
}

/// Where a content is: a layer, and the number of an entry in it.
type Place<'a> = (&'a StoredLayer, u32);

/// Goes through both views at once, which are in one order.
fn compare<'a>(
    old: &'a View<'_>,
    new: &'a View<'_>,
    options: &ImageDiffOptions,
    task: &Task,
) -> Result<Compared<'a>> {
    let mut compared = Compared { changes: Vec::new(), undecided: Vec::new() };
    let (mut left, mut right) =
        (old.tree.walk(Path::new("")).peekable(), new.tree.walk(Path::new("")).peekable());
    // A directory of the old image that is none any more: what was in it went with it.
    let mut gone: Option<&Path> = None;
    loop {
        task.check()?;
        let order = match (left.peek(), right.peek()) {
            (None, None) => return Ok(compared),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.entry.path.cmp(&b.entry.path),
        };
        let (before, after) =
            (order.is_le().then(|| left.next()).flatten(), order.is_ge().then(|| right.next()).flatten());
        let change = match (before, after) {
            (Some(before), None) if gone.is_some_and(|top| before.entry.path.starts_with(top)) => None,
            (Some(before), None) => {
                gone = Some(&before.entry.path);
                Some((before, ChangeKind::Deleted))
            }
            (None, Some(after)) => Some((after, ChangeKind::Added)),
            (Some(before), Some(after)) => {
                if before.is_directory() && !after.is_directory() {
                    gone = Some(&before.entry.path);
                }
                let same = same_attributes(before, after, options);
                if same && before.entry.kind == EntryKind::File && before.entry.size > 0 {
                    let (was, is) = (old.layer(before.layer)?, new.layer(after.layer)?);
                    if (was.diff_id, before.position()) != (is.diff_id, after.position()) {
                        compared.undecided.push(Pair {
                            path: &before.entry.path,
                            old: (was, before.position()),
                            new: (is, after.position()),
                        });
                    }
                }
                (!same).then_some((after, ChangeKind::Changed))
            }
            (None, None) => None,
        };
        let change = change.map(|(node, kind)| FileChange { path: absolute(&node.entry.path), kind });
        compared.changes.extend(change);
    }
}

fn same_attributes(a: &Node, b: &Node, options: &ImageDiffOptions) -> bool {
    let (a, b) = (&a.entry, &b.entry);
    (a.kind, a.uid, a.gid, a.size, &a.link, a.device) == (b.kind, b.uid, b.gid, b.size, &b.link, b.device)
        && (a.mode == b.mode || a.kind == EntryKind::Symlink)
        && a.xattrs == b.xattrs
        && (a.mtime == b.mtime || !options.mtime)
}

/// Digests of contents, by the DiffID of their layer and their number in it.
struct Contents(BTreeMap<(Digest, u32), Digest>);

impl Contents {
    /// Reads what is undecided, each layer once.
    fn of(store: &Store, undecided: &[Pair<'_>], task: &Task) -> Result<Contents> {
        let mut layers: BTreeMap<Digest, (&StoredLayer, Vec<u32>)> = BTreeMap::new();
        for (layer, position) in undecided.iter().flat_map(|pair| [pair.old, pair.new]) {
            layers.entry(layer.diff_id).or_insert((layer, Vec::new())).1.push(position);
        }
        let mut contents = BTreeMap::new();
        for (diff_id, (layer, mut positions)) in layers {
            positions.sort_unstable();
            positions.dedup();
            let digests = store
                .read_layer(layer, |tar| digests(TarReader::new(tar, store.limits()), &positions, task))
                .context(|| format!("compare layer {}", layer.digest))?;
            contents.extend(positions.into_iter().map(|position| (diff_id, position)).zip(digests));
        }
        Ok(Contents(contents))
    }

    fn get(&self, (layer, position): Place<'_>) -> Result<Digest> {
        let digest = self.0.get(&(layer.diff_id, position));
        digest.copied().ok_or_else(|| Error::new(ErrorKind::Internal, "a content was not read"))
    }
}

/// The digests of the entries with these numbers, which ascend.
fn digests<R: Read>(mut tar: TarReader<R>, positions: &[u32], task: &Task) -> Result<Vec<Digest>> {
    let mut read = 0;
    let mut digests = Vec::with_capacity(positions.len());
    for position in positions {
        advance(&mut tar, &mut read, *position, task)?;
        let mut hashed = DigestWriter::new(std::io::sink());
        copy(&mut Watched { reader: &mut tar, task }, &mut hashed).context(|| "read layer")?;
        digests.push(hashed.finish().1);
    }
    Ok(digests)
}
