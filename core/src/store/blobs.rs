//! Blobs: bytes that never change, under their digest. Small ones live in the database, so that an image of small things
//! costs one flush; the others are files, flushed and renamed into place before the row that makes them count.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use rusqlite::{Connection, params};
use tempfile::NamedTempFile;

use super::Store;
use super::db::Sql;
use crate::digest::{Digest, Hasher};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::spec::DOCUMENT_LIMIT;

/// Blobs of up to this many bytes live in the database.
pub(super) const INLINE_LIMIT: usize = 64 * 1024;

pub(super) enum Body {
    Inline(Vec<u8>),
    File(NamedTempFile),
}

/// A blob that is written: in memory while it is small, else in a temporary file. Dropped, it is gone.
pub struct BlobWriter<'a> {
    store: &'a Store,
    body: Body,
    flusher: fs::Flusher,
}

impl Write for BlobWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Body::Inline(buffer) = &mut self.body {
            if buffer.len() + bytes.len() <= INLINE_LIMIT {
                buffer.extend_from_slice(bytes);
                return Ok(bytes.len());
            }
            let mut file = self.store.temporary_file().map_err(Error::into_io)?;
            file.write_all(buffer)?;
            self.body = Body::File(file);
        }
        match &mut self.body {
            Body::Inline(_) => Ok(0),
            Body::File(file) => {
                let n = file.as_file_mut().write(bytes)?;
                self.flusher.wrote(file.as_file(), n)?;
                Ok(n)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter<'_> {
    /// Flushes it to the disk. The caller has hashed what it wrote.
    pub fn finish(mut self, digest: Digest, size: u64) -> Result<PendingBlob> {
        let body = self.body;
        if let Body::File(file) = &body {
            self.flusher.join().context(|| format!("sync {}", file.path().display()))?;
            fs::sync_file(file.as_file(), file.path())?;
        }
        Ok(PendingBlob { digest, size, body })
    }
}

/// A blob that is whole and flushed, but does not count yet. Dropped, it is gone.
pub struct PendingBlob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    pub(super) body: Body,
}

impl PendingBlob {
    /// A small blob of these bytes, such as a config or a manifest.
    pub fn document(bytes: Vec<u8>) -> Self {
        PendingBlob { digest: Digest::of(&bytes), size: bytes.len() as u64, body: Body::Inline(bytes) }
    }
}

/// A blob that counts.
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    source: Source,
}

enum Source {
    Inline(io::Cursor<Vec<u8>>),
    File(File),
}

impl Blob {
    /// Reads it, and at its end checks digest and size: what is damaged ends in an I/O error that carries
    /// `digest_mismatch`. Only bytes that were read up to the end are checked.
    pub fn reader(self) -> BlobReader {
        BlobReader {
            digest: self.digest,
            size: self.size,
            source: self.source,
            hasher: Some(Hasher::default()),
        }
    }

    /// Reads it without a check: for who hashes the bytes on another thread and calls [`check_blob`], or reads a part. Only such a
    /// reader may be moved.
    pub fn unchecked(self) -> BlobReader {
        BlobReader { hasher: None, ..self.reader() }
    }
}

/// `digest_mismatch` unless the digest and size that were found are those of the blob.
pub fn check_blob(digest: Digest, size: u64, found: (Digest, u64)) -> Result<()> {
    if found == (digest, size) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::DigestMismatch,
        format!("blob {digest} of {size} bytes is damaged: its bytes give {}, {} bytes", found.0, found.1),
    ))
}

/// Reads a blob and checks it.
pub struct BlobReader {
    digest: Digest,
    size: u64,
    source: Source,
    hasher: Option<Hasher>,
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let n = match &mut self.source {
            Source::Inline(bytes) => bytes.read(buffer)?,
            Source::File(file) => file.read(buffer)?,
        };
        if n > 0 {
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&buffer[..n]);
            }
        } else if let Some(hasher) = self.hasher.take() {
            check_blob(self.digest, self.size, hasher.finish()).map_err(Error::into_io)?;
        }
        Ok(n)
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.source {
            Source::Inline(bytes) => bytes.seek(to),
            Source::File(file) => file.seek(to),
        }
    }
}

impl Store {
    /// Begins a blob.
    pub fn blob_writer(&self) -> BlobWriter<'_> {
        BlobWriter { store: self, body: Body::Inline(Vec::new()), flusher: fs::Flusher::of_file() }
    }

    fn temporary_file(&self) -> Result<NamedTempFile> {
        fs::temporary_file(&self.root.join("tmp"), &self.temporary_prefix())
    }

    /// Where a blob's file is, if it has one.
    pub(super) fn blob_path(&self, digest: Digest) -> std::path::PathBuf {
        self.root.join("blobs/sha256").join(digest.hex())
    }

    /// Makes a blob count; one that does already stays, or is mended when its file is gone or has another size. Part of the
    /// caller's transaction: the rename comes first, and the row never lies.
    pub fn add_blob(&self, db: &Connection, blob: PendingBlob) -> Result<()> {
        if self.has_blob(db, blob.digest)? {
            return Ok(());
        }
        let path = self.blob_path(blob.digest);
        let content = match blob.body {
            Body::Inline(bytes) => Some(bytes),
            Body::File(file) => {
                fs::persist(file, &path)?;
                fs::sync_dir(&self.root.join("blobs/sha256"))?;
                None
            }
        };
        db.run(
            "INSERT OR REPLACE INTO blobs (digest, size, content) VALUES (?, ?, ?)",
            params![blob.digest, blob.size as i64, content],
        )
        .map(drop)
    }

    /// Opens a blob; `not_found` when there is none, `digest_mismatch` when its file is gone or has another size.
    pub fn blob(&self, digest: Digest) -> Result<Blob> {
        let row = self.db.read(|db| {
            db.first("SELECT size, content FROM blobs WHERE digest = ?", [digest], |row| {
                Ok((row.get::<_, i64>(0)? as u64, row.get::<_, Option<Vec<u8>>>(1)?))
            })
        })?;
        match row {
            None => Err(Error::new(ErrorKind::NotFound, format!("no such blob: {digest}"))),
            Some((size, Some(bytes))) => {
                Ok(Blob { digest, size, source: Source::Inline(io::Cursor::new(bytes)) })
            }
            Some((size, None)) => {
                let path = self.blob_path(digest);
                let file = fs::open(&path)
                    .map_err(|error| match error.kind() {
                        ErrorKind::NotFound => error.as_kind(ErrorKind::DigestMismatch),
                        _ => error,
                    })
                    .context(|| format!("blob {digest}"))?;
                let found = file.metadata().context(|| format!("stat {}", path.display()))?.len();
                if found != size {
                    return Err(Error::new(
                        ErrorKind::DigestMismatch,
                        format!("blob {digest} is damaged: its file has {found} bytes instead of {size}"),
                    ));
                }
                Ok(Blob { digest, size, source: Source::File(file) })
            }
        }
    }

    /// Where a blob's bytes are as a file, to hard-link; `None` for one that lives in the database.
    pub fn blob_file(&self, digest: Digest) -> Result<Option<std::path::PathBuf>> {
        Ok(match self.blob(digest)?.source {
            Source::File(_) => Some(self.blob_path(digest)),
            Source::Inline(_) => None,
        })
    }

    /// The checked bytes of a config or a manifest.
    pub fn document(&self, digest: Digest) -> Result<Vec<u8>> {
        let blob = self.blob(digest)?;
        if blob.size > DOCUMENT_LIMIT {
            return Err(Error::new(
                ErrorKind::InvalidImage,
                format!("blob {digest} goes over the limit of {DOCUMENT_LIMIT} bytes for a document"),
            ));
        }
        let mut bytes = Vec::with_capacity(blob.size as usize);
        blob.reader().read_to_end(&mut bytes).context(|| format!("read blob {digest}"))?;
        Ok(bytes)
    }
}
