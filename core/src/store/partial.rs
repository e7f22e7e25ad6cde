//! Blobs that come from elsewhere, in pieces: who fetches one, what is there of it, and what it becomes.
//!
//! One engine at a time fetches a blob: it claims it with a lease, which ends with its process. What was fetched stays in
//! `partial/` when the fetch breaks off, for the next claim in any process.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use tempfile::{NamedTempFile, TempPath};

use super::Store;
use super::blobs::{Body, INLINE_LIMIT, PendingBlob, check_blob};
use super::db::Sql;
use super::presence::Lease;
use crate::digest::{Digest, Hasher};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::task::Task;

/// Whose a blob is to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody's: it is here.
    Here,
    /// The caller's, until it is released or its lease ends.
    Ours,
    /// Somebody's who is at it. Ask again later.
    Theirs,
}

/// A blob that is fetched, as far as it is there. Dropped, a large one stays for the next who claims it.
pub struct PartialBlob {
    digest: Digest,
    size: u64,
    hasher: Hasher,
    body: Partial,
}

enum Partial {
    Inline(Vec<u8>),
    File { file: File, path: PathBuf, flusher: fs::Flusher },
}

impl PartialBlob {
    /// Bytes that are there.
    pub fn written(&self) -> u64 {
        self.hasher.length()
    }

    /// Adds bytes. More than the blob has are `digest_mismatch`.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.written() + bytes.len() as u64 > self.size {
            return Err(Error::new(
                ErrorKind::DigestMismatch,
                format!("blob {} has more than its {} bytes", self.digest, self.size),
            ));
        }
        match &mut self.body {
            Partial::Inline(buffer) => buffer.extend_from_slice(bytes),
            Partial::File { file, path, flusher } => {
                file.write_all(bytes).context(|| format!("write {}", path.display()))?;
                flusher.wrote(file, bytes.len()).context(|| format!("sync {}", path.display()))?;
            }
        }
        self.hasher.update(bytes);
        Ok(())
    }

    /// Forgets what is there.
    pub fn restart(&mut self) -> Result<()> {
        self.hasher = Hasher::default();
        match &mut self.body {
            Partial::Inline(buffer) => buffer.clear(),
            Partial::File { file, path, .. } => {
                file.set_len(0).context(|| format!("truncate {}", path.display()))?;
                rustix::fs::seek(&*file, rustix::fs::SeekFrom::Start(0))
                    .context(|| format!("rewind {}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Checks digest and size and flushes it. What is not the blob is gone: `digest_mismatch`.
    pub fn finish(self) -> Result<PendingBlob> {
        let PartialBlob { digest, size, hasher, body } = self;
        let good = check_blob(digest, size, hasher.finish());
        let body = match body {
            Partial::Inline(bytes) => Body::Inline(bytes),
            Partial::File { file, path, mut flusher } => {
                let named = TempPath::try_from_path(&path).context(|| format!("find {}", path.display()))?;
                // From here on the file goes when it is dropped.
                let file = NamedTempFile::from_parts(file, named);
                if good.is_ok() {
                    flusher.join().context(|| format!("sync {}", path.display()))?;
                    fs::sync_file(file.as_file(), &path)?;
                }
                Body::File(file)
            }
        };
        good.map(|()| PendingBlob { digest, size, body })
    }
}

impl Store {
    /// Claims a blob for this lease, which also keeps it from being collected. `Ours` may be claimed again.
    pub fn claim(&self, lease: &Lease<'_>, digest: Digest) -> Result<Claim> {
        let claim = self.db.write_relaxed(|db| {
            lease.blob(db, digest)?;
            if self.has_blob(db, digest)? {
                return Ok(Claim::Here);
            }
            if lease.is_claimed_by_another(db, digest)? {
                return Ok(Claim::Theirs);
            }
            lease.claim(db, digest)?;
            Ok(Claim::Ours)
        })?;
        if claim == Claim::Theirs {
            // They may be dead: then it is ours the next time.
            self.forget_dead_engines()?;
        }
        Ok(claim)
    }

    /// Gives a claim up, so that another may fetch the rest.
    pub fn release(&self, lease: &Lease<'_>, digest: Digest) -> Result<()> {
        self.db.write_relaxed(|db| lease.unclaim(db, digest))
    }

    /// Makes a blob that was claimed count, and gives the claim up. The lease keeps it until something needs it.
    pub fn add_claimed(&self, lease: &Lease<'_>, blob: PendingBlob) -> Result<()> {
        self.db.write_relaxed(|db| {
            let digest = blob.digest;
            self.add_blob(db, blob)?;
            lease.unclaim(db, digest)
        })
    }

    /// Whether a blob is here, its file included.
    pub fn has_blob(&self, db: &Connection, digest: Digest) -> Result<bool> {
        let row = db.first("SELECT size, content IS NULL FROM blobs WHERE digest = ?", [digest], |row| {
            Ok((row.get::<_, i64>(0)? as u64, row.get::<_, bool>(1)?))
        })?;
        match row {
            None => Ok(false),
            Some((_, false)) => Ok(true),
            Some((size, true)) => {
                Ok(fs::stat(&self.blob_path(digest))?.is_some_and(|found| found.len() == size))
            }
        }
    }

    /// What is there of a blob that the caller has claimed. What an earlier fetch left is read and hashed again.
    pub fn partial(&self, digest: Digest, size: u64, task: &Task) -> Result<PartialBlob> {
        let mut hasher = Hasher::default();
        if size <= INLINE_LIMIT as u64 {
            return Ok(PartialBlob { digest, size, hasher, body: Partial::Inline(Vec::new()) });
        }
        let path = self.root.join("partial").join(digest.hex());
        self.take_back(digest, &path)?;
        let mut file = fs::open_lock(&path)?;
        let mut buffer = vec![0; fs::COPY_BUFFER];
        loop {
            task.check()?;
            let read = file.read(&mut buffer).context(|| format!("read {}", path.display()))?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
        }
        let mut partial = PartialBlob {
            digest,
            size,
            hasher,
            body: Partial::File { file, path, flusher: fs::Flusher::of_file() },
        };
        if partial.written() > size {
            partial.restart()?;
        }
        Ok(partial)
    }

    /// Takes a file back that a process had moved among the blobs when it ended, before its row counted.
    fn take_back(&self, digest: Digest, partial: &Path) -> Result<()> {
        let moved = self.blob_path(digest);
        if fs::stat(&moved)?.is_none() || fs::stat(partial)?.is_some() {
            return Ok(());
        }
        // Under the writers' lock nobody else is between the move and the row.
        self.db.write_relaxed(|db| {
            let known = db.number("SELECT count(*) FROM blobs WHERE digest = ?", [digest])? > 0;
            match fs::stat(&moved)?.filter(|_| !known) {
                Some(_) => fs::rename(&moved, partial),
                None => Ok(()),
            }
        })
    }
}

impl Lease<'_> {
    /// Keeps a blob.
    pub fn blob(&self, db: &Connection, digest: Digest) -> Result<()> {
        self.add(db, "blob", digest)
    }

    fn claim(&self, db: &Connection, digest: Digest) -> Result<()> {
        self.add(db, "download", digest)
    }

    fn unclaim(&self, db: &Connection, digest: Digest) -> Result<()> {
        let (engine, number) = self.owner();
        db.run(
            "DELETE FROM leases WHERE engine = ? AND lease = ? AND kind = 'download' AND key = ?",
            params![engine, number, digest],
        )
        .map(drop)
    }

    fn is_claimed_by_another(&self, db: &Connection, digest: Digest) -> Result<bool> {
        let (engine, number) = self.owner();
        let sql = "SELECT count(*) FROM leases WHERE kind = 'download' AND key = ? AND NOT (engine = ? AND lease = ?)";
        Ok(db.number(sql, params![digest, engine, number])? > 0)
    }
}
