//! Digests of a context's files, remembered from build to build, so that what is unchanged is not read again.
//!
//! A file is unchanged when device, inode, size, mtime and ctime are those that it was read with. The kernel sets ctime at every change
//! and lets nobody choose it, but only as fine as its clock ticks: a file that was changed just before it was read is never
//! remembered, since it could change again without a trace (git calls such entries racy).

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::context::Files;
use super::tar::Body;
use crate::digest::{Digest, DigestReader};
use crate::error::{Result, ResultExt};
use crate::store::Store;

/// How old a change must be, in seconds, before it is believed that the next one will show.
const YOUNG: i64 = 2;
/// What a table begins with; the last byte is the version.
const MAGIC: &[u8; 8] = b"lkitdig\x02";
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

impl Stamped {
    /// The stamp of a file that was just looked at.
    pub fn found(files: &dyn Files, path: &Path) -> Result<Option<Stamped>> {
        let stamp = files.stamp(path, false)?;
        Ok(stamp.map(|stamp| Stamped(stamp, jiff::Timestamp::now().as_second())))
    }
}

/// One file: device, inode, size, mtime, ctime, digest.
type Record = [u8; ENTRY];

/// The digests of one context. Records are kept as they are stored: there may be many.
#[derive(Default)]
struct Table {
    /// What was there, sorted by device and inode, and whether this build has come by it.
    old: Vec<(Record, bool)>,
    new: Vec<Record>,
}

fn record(stamp: &Stamp, digest: &Digest) -> Record {
    let mut record = [0; ENTRY];
    let mut place = 0;
    let mut put = |bytes: &[u8]| {
        record[place..place + bytes.len()].copy_from_slice(bytes);
        place += bytes.len();
    };
    [stamp.device, stamp.inode, stamp.size].iter().for_each(|number| put(&number.to_be_bytes()));
    for (seconds, nanoseconds) in [stamp.mtime, stamp.ctime] {
        put(&seconds.to_be_bytes());
        put(&nanoseconds.to_be_bytes());
    }
    put(digest.as_bytes());
    record
}

/// What a record is found by.
fn place(record: &Record) -> &[u8] {
    &record[..16]
}

impl Table {
    fn from_bytes(bytes: &[u8]) -> Option<Table> {
        let (records, rest) = bytes.strip_prefix(MAGIC)?.as_chunks::<ENTRY>();
        let old: Vec<(Record, bool)> = records.iter().map(|record| (*record, false)).collect();
        (rest.is_empty() && old.is_sorted_by(|(a, _), (b, _)| place(a) < place(b)))
            .then_some(Table { old, new: Vec::new() })
    }

    fn get(&mut self, stamp: &Stamp) -> Option<Digest> {
        let wanted = record(stamp, &Digest::from_bytes([0; 32]));
        let found = self.old.binary_search_by(|(old, _)| place(old).cmp(place(&wanted))).ok()?;
        let (old, seen) = &mut self.old[found];
        let (stamped, digest) = old.split_at(ENTRY - 32);
        if stamped != &wanted[..ENTRY - 32] {
            return None;
        }
        *seen = true;
        digest.try_into().ok().map(Digest::from_bytes)
    }

    /// Puts what is new among the old, and gives the table to be stored: without files that nobody has seen for long, of which most are gone.
    fn settle(&mut self) -> Vec<u8> {
        // The last of those with one place counts.
        self.new.sort_by(|a, b| place(a).cmp(place(b)));
        self.new.reverse();
        self.new.dedup_by(|a, b| place(a) == place(b));
        self.new.reverse();
        let new = &self.new;
        let is_new = |old: &Record| new.binary_search_by(|record| place(record).cmp(place(old))).is_ok();
        self.old.retain(|(record, _)| !is_new(record));
        let seen = new.len() + self.old.iter().filter(|(_, seen)| *seen).count();
        if self.old.len() + new.len() > 2 * seen + SPARE {
            self.old.retain(|(_, seen)| *seen);
        }
        self.old.extend(self.new.drain(..).map(|record| (record, true)));
        self.old.sort_unstable_by(|(a, _), (b, _)| place(a).cmp(place(b)));
        let mut out = Vec::with_capacity(MAGIC.len() + self.old.len() * ENTRY);
        out.extend_from_slice(MAGIC);
        self.old.iter().for_each(|(record, _)| out.extend_from_slice(record));
        out
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
    pub fn digest(&self, body: &Body<'_>) -> Result<Digest> {
        if let (Some((_, table)), Some(Stamped(stamp, _))) = (&self.table, &body.stamp)
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

    /// Remembers what was read, if the file has the stamp that it had before, and is no longer young.
    pub fn learn(&self, body: &Body<'_>, digest: Digest) -> Result<()> {
        let (Some((_, table)), Some(Stamped(stamp, taken))) = (&self.table, body.stamp) else {
            return Ok(());
        };
        // As it was before it was read: reading takes time in which it could change within one tick.
        if stamp.is_young(taken) || self.files.stamp(&body.path, true)? != Some(stamp) {
            return Ok(());
        }
        lock(table).new.push(record(&stamp, &digest));
        Ok(())
    }

    fn save(&self, store: &Store) -> Result<()> {
        let Some((name, table)) = &self.table else { return Ok(()) };
        let mut table = lock(table);
        if table.new.is_empty() {
            return Ok(());
        }
        let bytes = table.settle();
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
        let other = Stamp { inode: 1, ..stamp };
        table.new =
            vec![record(&stamp, &Digest::of(b"old")), record(&other, &digest), record(&stamp, &digest)];
        let bytes = table.settle();
        let mut read = Table::from_bytes(&bytes).unwrap();
        assert_eq!((read.get(&stamp), read.get(&other), read.old.len()), (Some(digest), Some(digest), 2));
        assert_eq!(read.get(&Stamp { size: 4, ..stamp }), None);
        // What is learned beats what was there.
        read.new.push(record(&Stamp { size: 4, ..stamp }, &Digest::of(b"new")));
        let mut again = Table::from_bytes(&read.settle()).unwrap();
        assert_eq!(
            (again.get(&Stamp { size: 4, ..stamp }), again.get(&stamp)),
            (Some(Digest::of(b"new")), None)
        );
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
