//! Whether what stands at a path is what the layers below have there.
//!
//! A step's layer holds what the step changed, not what it touched: the same state then gives the same layer, whether an
//! overlay or a copied directory took the changes.

use std::fs::File;
use std::path::PathBuf;

use rustix::fs::Stat;

use super::entry::{Entry, EntryKind, display};
use super::rooted::Root;
use super::tree::{Node, Tree};
use super::xattr;
use crate::error::{Error, ErrorKind, Result, ResultExt};

/// Bytes of two files that are compared at a time.
const BLOCK: usize = 64 * 1024;

/// The layers below: as they are merged, and as they are unpacked.
#[derive(Clone, Copy)]
pub struct Lower<'a> {
    /// The merged view.
    pub tree: &'a Tree,
    /// For each number of a layer in the tree, a directory that has what this layer put into the view, under the same path:
    /// its own ([`super::apply_overlay`]), or the whole root ([`super::apply_flat`]).
    pub unpacked: &'a [PathBuf],
}

impl Lower<'_> {
    /// Whether `entry`, about to be written, is there already just so. An entry's time is also the same when it is only an
    /// epoch that makes it another.
    pub(super) fn has(
        &self,
        node: &Node,
        entry: &Entry,
        stat: &Stat,
        content: Option<&File>,
    ) -> Result<bool> {
        let old = &node.entry;
        // A symlink has no mode that could be set.
        let mode = if entry.kind == EntryKind::Symlink { entry.mode } else { old.mode };
        let mut xattrs = old.xattrs.clone();
        xattrs.retain(|name, _| xattr::belongs_into_layer(name));
        let is_same = (old.kind, mode, old.uid, old.gid, old.size, &old.link, old.device)
            == (entry.kind, entry.mode, entry.uid, entry.gid, entry.size, &entry.link, entry.device)
            && (old.mtime.seconds == stat.st_mtime || old.mtime.seconds == entry.mtime.seconds)
            && xattrs == entry.xattrs;
        match content {
            Some(content) if is_same => self.has_content(node, content),
            _ => Ok(is_same),
        }
    }

    fn has_content(&self, node: &Node, content: &File) -> Result<bool> {
        let path = &node.entry.path;
        let what = || format!("read {} of the layers below", display(path));
        let directory = self.unpacked.get(node.unpacked_in() as usize);
        let directory =
            directory.ok_or_else(|| Error::new(ErrorKind::Internal, "a layer is not unpacked"))?;
        let below = File::from(Root::open(directory).and_then(|root| root.file(path)).context(what)?);
        equal(&below, content).context(|| format!("compare {}", display(path)))
    }
}

/// Whether two files of one size have the same content. Their positions stay as they are.
fn equal(a: &File, b: &File) -> std::io::Result<bool> {
    let (mut left, mut right) = (vec![0; BLOCK], vec![0; BLOCK]);
    let mut offset = 0;
    loop {
        let (n, m) = (fill(a, &mut left, offset)?, fill(b, &mut right, offset)?);
        if left[..n] != right[..m] {
            return Ok(false);
        }
        if n < BLOCK {
            return Ok(true);
        }
        offset += n as u64;
    }
}

/// Reads at a place until the buffer is full or the file ends.
fn fill(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    use std::os::unix::fs::FileExt;
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
