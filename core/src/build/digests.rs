//! Digests of a context's files, remembered from build to build, so that what is unchanged is not read again.
//!
//! A file is unchanged when device, inode, size, mtime and ctime are those that it was read with. The kernel sets ctime at every change
//! and lets nobody choose it, but only as fine as its clock ticks: a file that was changed just before it was found is never
//! remembered, since it could change again without a trace (git calls such entries racy).

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::context::Files;
use super::items::Body;
use crate::digest::{Digest, DigestReader};
use crate::error::{Result, ResultExt};
use crate::store::Store;

/// How old a change must be, in seconds, before it is believed that the next one will show.
const YOUNG: i64 = 2;
/// What a table begins with; the last byte is the version.
const MAGIC: &[u8; 8] = b"lkitdig\x03";
/// Bytes of a stamp.
const STAMP: usize = 16;
/// Files that are remembered beyond twice those of a build: others of the same context may be copied by another Dockerfile.
const SPARE: usize = 10_000;

/// What tells that a file is unchanged: the beginning of the digest of its device, inode, size, mtime and ctime. There may be many,
/// and no more is asked of one than whether it is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp([u8; STAMP]);

impl Stamp {
    /// The stamp of a file.
    pub fn of(found: &Metadata) -> Stamp {
        let (dev, ino, size) = (found.dev(), found.ino(), found.size());
        Stamp::from_numbers([
            dev,
            ino,
            size,
            found.mtime().cast_unsigned(),
            found.mtime_nsec().cast_unsigned(),
            found.ctime().cast_unsigned(),
            found.ctime_nsec().cast_unsigned(),
        ])
    }

    /// The same; `None` for a file that changed so lately that another change might not show.
    pub fn of_settled(found: &Metadata) -> Option<Stamp> {
        let changed = found.mtime().max(found.ctime());
        (!is_young(changed, jiff::Timestamp::now().as_second())).then(|| Stamp::of(found))
    }

    fn from_numbers(numbers: [u64; 7]) -> Stamp {
        let digest = Digest::of(numbers.map(u64::to_be_bytes).as_flattened());
        let mut stamp = [0; STAMP];
        stamp.copy_from_slice(&digest.as_bytes()[..STAMP]);
        Stamp(stamp)
    }
}

fn is_young(changed: i64, now: i64) -> bool {
    changed > now - YOUNG
}

/// One file: its stamp and the digest of its content.
type Record = [u8; STAMP + 32];

fn record(stamp: Stamp, digest: Digest) -> Record {
    let mut record = [0; STAMP + 32];
    record[..STAMP].copy_from_slice(&stamp.0);
    record[STAMP..].copy_from_slice(digest.as_bytes());
    record
}

/// The digests of one context. Records are kept as they are stored: there may be many.
#[derive(Default)]
struct Table {
    /// What was there as it is stored, sorted by stamps; nothing where nothing was.
    old: Vec<u8>,
    /// Which of them this build has come by.
    seen: Vec<bool>,
    new: Vec<Record>,
}

impl Table {
    fn from_bytes(old: Vec<u8>) -> Option<Table> {
        let (records, rest) = old.strip_prefix(MAGIC)?.as_chunks();
        let sorted = records.is_sorted_by(|a: &Record, b| a[..STAMP] < b[..STAMP]);
        let seen = vec![false; records.len()];
        (rest.is_empty() && sorted).then_some(Table { old, seen, new: Vec::new() })
    }

    fn records(&self) -> &[Record] {
        self.old.get(MAGIC.len()..).unwrap_or_default().as_chunks().0
    }

    fn get(&mut self, stamp: Stamp) -> Option<Digest> {
        let found = self.records().binary_search_by(|record| record[..STAMP].cmp(&stamp.0)).ok()?;
        self.seen[found] = true;
        self.records()[found][STAMP..].try_into().ok().map(Digest::from_bytes)
    }

    fn learn(&mut self, stamp: Stamp, digest: Digest) {
        if self.get(stamp) != Some(digest) {
            self.new.push(record(stamp, digest));
        }
    }

    /// Puts what is new among the old: without files that nobody has seen for long, of which most are gone.
    fn settle(&mut self) {
        // Hard links have one stamp.
        self.new.sort_unstable();
        self.new.dedup_by(|a, b| a[..STAMP] == b[..STAMP]);
        let (old, new) = (self.records(), &self.new);
        let count = new.len() + self.seen.iter().filter(|seen| **seen).count();
        let seen_only = old.len() + new.len() > 2 * count + SPARE;
        let is_new = |old: &Record| new.binary_search_by(|new| new[..STAMP].cmp(&old[..STAMP])).is_ok();
        let kept = old.iter().zip(&self.seen).filter(|(old, seen)| (**seen || !seen_only) && !is_new(old));
        let mut out = Vec::with_capacity(MAGIC.len() + (old.len() + new.len()) * size_of::<Record>());
        out.extend_from_slice(MAGIC);
        kept.map(|(old, _)| old).chain(new).for_each(|record| out.extend_from_slice(record));
        let records: &mut [Record] = out[MAGIC.len()..].as_chunks_mut().0;
        records.sort_unstable();
        // All that is kept has been seen, or may be once more.
        self.seen = vec![true; records.len()];
        self.old = out;
        self.new = Vec::new();
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
                let table = bytes.and_then(Table::from_bytes).unwrap_or_default();
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
    pub fn digest(&self, body: &Body<'_>) -> Result<Digest> {
        if let (Some((_, table)), Some(stamp)) = (&self.table, body.stamp)
            && let Some(digest) = lock(table).get(stamp)
        {
            return Ok(digest);
        }
        let mut reader = DigestReader::new(body.open()?);
        std::io::copy(&mut reader, &mut std::io::sink())
            .context(|| format!("read {}", body.path.display()))?;
        let digest = reader.finish().0;
        self.learn(body, digest)?;
        Ok(digest)
    }

    /// Remembers what was read, if the file has the stamp that it was found with.
    pub fn learn(&self, body: &Body<'_>, digest: Digest) -> Result<()> {
        if let (Some((_, table)), Some(stamp)) = (&self.table, body.stamp)
            && self.files.stamp(&body.path)? == Some(stamp)
        {
            lock(table).learn(stamp, digest);
        }
        Ok(())
    }

    fn save(&self, store: &Store) -> Result<()> {
        let Some((name, table)) = &self.table else { return Ok(()) };
        let mut table = lock(table);
        if table.new.is_empty() {
            return Ok(());
        }
        table.settle();
        store.db().write_relaxed(|db| store.keep_context_digests(db, name, &table.old))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_as_it_was_written_and_a_damaged_one_does_not_read() {
        let stamp = Stamp::from_numbers([1, 2, 3, 4, 5, 6, 7]);
        let other = Stamp::from_numbers([1, 2, 3, 4, 5, 6, 8]);
        let digest = Digest::of(b"x");
        let mut table = Table::default();
        table.learn(stamp, digest);
        table.learn(other, digest);
        table.learn(stamp, digest);
        table.settle();
        let mut read = Table::from_bytes(table.old.clone()).unwrap();
        assert_eq!((read.get(stamp), read.get(other), read.seen.len()), (Some(digest), Some(digest), 2));
        assert_eq!(read.get(Stamp::from_numbers([0; 7])), None);
        read.learn(stamp, digest);
        assert!(read.new.is_empty());
        // What is learned beats what was there.
        read.learn(stamp, Digest::of(b"new"));
        read.settle();
        let mut again = Table::from_bytes(read.old).unwrap();
        assert_eq!((again.get(stamp), again.get(other)), (Some(Digest::of(b"new")), Some(digest)));
        assert!(Table::from_bytes(table.old[..table.old.len() - 1].to_vec()).is_none());
        assert!(Table::from_bytes(b"other".to_vec()).is_none());
    }

    #[test]
    fn a_table_forgets_what_nobody_has_seen_for_long() {
        let stamp = |n| Stamp::from_numbers([n; 7]);
        let mut table = Table::default();
        (0..SPARE as u64 + 3).for_each(|n| table.learn(stamp(n), Digest::of(b"x")));
        table.settle();
        let mut table = Table::from_bytes(table.old).unwrap();
        table.get(stamp(0));
        table.learn(stamp(SPARE as u64 + 3), Digest::of(b"x"));
        table.settle();
        assert_eq!(table.seen.len(), SPARE + 4);
        let mut table = Table::from_bytes(table.old).unwrap();
        table.learn(stamp(SPARE as u64 + 4), Digest::of(b"x"));
        table.settle();
        assert_eq!(table.seen.len(), 1);
    }

    #[test]
    fn a_file_that_changed_just_now_is_young() {
        let now = jiff::Timestamp::now().as_second();
        assert!(is_young(now, now) && is_young(now + 1000, now) && !is_young(now - 10, now));
    }
}
