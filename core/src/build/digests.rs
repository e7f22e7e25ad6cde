//! Digests of a context's files, remembered from build to build, so that what is unchanged is not read again.
//!
//! A file is unchanged when device, inode, size, mtime and ctime are those that it was read with. The kernel sets ctime at every change
//! and lets nobody choose it, but only as fine as its clock ticks: a file that was changed just before it was read is never
//! remembered, since it could change again without a trace (git calls such entries racy).

use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::context::Files;
use crate::digest::{Digest, DigestReader};
use crate::error::{Result, ResultExt};
use crate::store::Store;

/// How old a change must be, in seconds, before it is believed that the next one will show.
const YOUNG: i64 = 2;
/// What a table begins with; the last byte is the version.
const MAGIC: &[u8; 8] = b"lkitdig\x01";
/// Bytes of one file in a table: device, inode, size, two times, digest.
const ENTRY: usize = 8 * 3 + 12 * 2 + 32;
/// Files that are remembered beyond twice those of a build: others of the same context may be copied by another Dockerfile.
const SPARE: usize = 10_000;

/// What tells that a file is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    mtime: (i64, u32),
    ctime: (i64, u32),
}

impl Stamp {
    /// The stamp of a file.
    pub fn of(found: &Metadata) -> Stamp {
        Stamp {
            device: found.dev(),
            inode: found.ino(),
            size: found.len(),
            mtime: (found.mtime(), found.mtime_nsec() as u32),
            ctime: (found.ctime(), found.ctime_nsec() as u32),
        }
    }

    fn is_young(&self, now: i64) -> bool {
        self.mtime.0.max(self.ctime.0) > now - YOUNG
    }
}

/// A stamp, and when it was taken, in seconds since 1970.
#[derive(Clone, Copy)]
pub struct Stamped(Stamp, i64);

struct Known {
    stamp: Stamp,
    digest: Digest,
    seen: bool,
}

/// The digests of one context.
#[derive(Default)]
struct Table {
    files: HashMap<(u64, u64), Known>,
    changed: bool,
}

impl Table {
    fn from_bytes(bytes: &[u8]) -> Option<Table> {
        let mut files = HashMap::new();
        for entry in bytes.strip_prefix(MAGIC)?.chunks(ENTRY) {
            let mut rest = entry;
            let mut take = |count: usize| {
                let (part, left) = rest.split_at_checked(count)?;
                rest = left;
                let mut number = [0; 8];
                number[..count.min(8)].copy_from_slice(&part[..count.min(8)]);
                Some(u64::from_le_bytes(number))
            };
            let stamp = Stamp {
                device: take(8)?,
                inode: take(8)?,
                size: take(8)?,
                mtime: (take(8)? as i64, take(4)? as u32),
                ctime: (take(8)? as i64, take(4)? as u32),
            };
            let digest = Digest::from_bytes(rest.try_into().ok()?);
            files.insert((stamp.device, stamp.inode), Known { stamp, digest, seen: false });
        }
        Some(Table { files, changed: false })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(MAGIC.len() + self.files.len() * ENTRY);
        out.extend_from_slice(MAGIC);
        for Known { stamp, digest, .. } in self.files.values() {
            for number in [stamp.device, stamp.inode, stamp.size] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            for (seconds, nanoseconds) in [stamp.mtime, stamp.ctime] {
                out.extend_from_slice(&seconds.to_le_bytes());
                out.extend_from_slice(&nanoseconds.to_le_bytes());
            }
            out.extend_from_slice(digest.as_bytes());
        }
        out
    }

    /// Forgets files that nobody has seen for long: most of them are gone.
    fn tidy(&mut self) {
        let seen = self.files.values().filter(|known| known.seen).count();
        if self.files.len() > 2 * seen + SPARE {
            self.files.retain(|_, known| known.seen);
        }
    }
}

/// The digests of all contexts of a build.
#[derive(Default)]
pub struct Digests(Mutex<BTreeMap<String, Arc<Mutex<Table>>>>);

/// The digests of the contexts that a step copies from. Whoever opened them saves them.
pub struct OpenDigests<'a> {
    digests: &'a Digests,
    store: &'a Store,
    contexts: Vec<ContextDigests<'a>>,
}

/// The digests of one context.
pub struct ContextDigests<'a> {
    files: &'a dyn Files,
    /// The context's name in the store, and its table; none where files have no stamps.
    table: Option<(String, Arc<Mutex<Table>>)>,
}

impl Digests {
    /// Opens them for a step.
    pub fn open<'a>(&'a self, store: &'a Store) -> OpenDigests<'a> {
        OpenDigests { digests: self, store, contexts: Vec::new() }
    }

    fn context<'a>(&self, store: &Store, files: &'a dyn Files) -> Result<ContextDigests<'a>> {
        let Some(name) = files.identity() else { return Ok(ContextDigests { files, table: None }) };
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let table = match tables.get(&name) {
            Some(table) => table.clone(),
            None => {
                let bytes = store.db().read(|db| store.context_digests(db, &name))?;
                // What is damaged is made anew.
                let table = bytes.and_then(|bytes| Table::from_bytes(&bytes)).unwrap_or_default();
                tables.entry(name.clone()).or_insert(Arc::new(Mutex::new(table))).clone()
            }
        };
        Ok(ContextDigests { files, table: Some((name, table)) })
    }
}

impl<'a> OpenDigests<'a> {
    /// The digests of a context's files.
    pub fn of(&mut self, files: &'a dyn Files) -> Result<&ContextDigests<'a>> {
        let position = self.contexts.iter().position(|context| std::ptr::addr_eq(context.files, files));
        let position = match position {
            Some(position) => position,
            None => {
                self.contexts.push(self.digests.context(self.store, files)?);
                self.contexts.len() - 1
            }
        };
        Ok(&self.contexts[position])
    }

    /// Writes down what was learned.
    pub fn save(&self) -> Result<()> {
        self.contexts.iter().try_for_each(|context| context.save(self.store))
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ContextDigests<'_> {
    /// The digest of a file's content: remembered, or read.
    pub fn digest(&self, path: &Path) -> Result<Digest> {
        let before = self.stamp(path)?;
        if let (Some((_, table)), Some(Stamped(stamp, _))) = (&self.table, &before)
            && let Some(known) = lock(table).files.get_mut(&(stamp.device, stamp.inode))
            && known.stamp == *stamp
        {
            known.seen = true;
            return Ok(known.digest);
        }
        let mut reader = DigestReader::new(self.files.open(path)?);
        std::io::copy(&mut reader, &mut std::io::sink()).context(|| format!("read {}", path.display()))?;
        let digest = reader.finish().0;
        self.learn(path, before, digest)?;
        Ok(digest)
    }

    /// The stamp of a file that is about to be read; hand it to [`ContextDigests::learn`] afterwards.
    pub fn stamp(&self, path: &Path) -> Result<Option<Stamped>> {
        if self.table.is_none() {
            return Ok(None);
        }
        let stamp = self.files.stamp(path)?;
        Ok(stamp.map(|stamp| Stamped(stamp, jiff::Timestamp::now().as_second())))
    }

    /// Remembers what was read between two stamps, if they are the same and no longer young.
    pub fn learn(&self, path: &Path, before: Option<Stamped>, digest: Digest) -> Result<()> {
        let (Some((_, table)), Some(Stamped(stamp, taken))) = (&self.table, before) else { return Ok(()) };
        // As it was before it was read: reading takes time in which it could change within one tick.
        if stamp.is_young(taken) || self.files.stamp(path)? != Some(stamp) {
            return Ok(());
        }
        let mut table = lock(table);
        table.files.insert((stamp.device, stamp.inode), Known { stamp, digest, seen: true });
        table.changed = true;
        Ok(())
    }

    fn save(&self, store: &Store) -> Result<()> {
        let Some((name, table)) = &self.table else { return Ok(()) };
        let mut table = lock(table);
        if !std::mem::take(&mut table.changed) {
            return Ok(());
        }
        table.tidy();
        let bytes = table.to_bytes();
        store.db().write_relaxed(|db| store.keep_context_digests(db, name, &bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_as_it_was_written_and_a_damaged_one_does_not_read() {
        let stamp = Stamp { device: 1, inode: 2, size: 3, mtime: (-4, 5), ctime: (6, 7) };
        let digest = Digest::of(b"x");
        let mut table = Table::default();
        table.files.insert((1, 2), Known { stamp, digest, seen: true });
        let bytes = table.to_bytes();
        let read = Table::from_bytes(&bytes).unwrap();
        assert_eq!((read.files[&(1, 2)].stamp, read.files[&(1, 2)].digest), (stamp, digest));
        assert!(Table::from_bytes(&bytes[..bytes.len() - 1]).is_none());
        assert!(Table::from_bytes(b"other").is_none());
    }

    #[test]
    fn a_file_that_changed_just_now_is_young() {
        let now = jiff::Timestamp::now().as_second();
        let stamp = |ctime| Stamp { device: 0, inode: 0, size: 0, mtime: (0, 0), ctime: (ctime, 0) };
        assert!(stamp(now).is_young(now) && !stamp(now - 10).is_young(now));
    }
}
