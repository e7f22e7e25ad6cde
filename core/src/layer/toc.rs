//! A layer's table of contents: every entry without its content, small enough to keep in a database.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::entry::{Entry, EntryKind, Timestamp};
use super::read::TarReader;
use crate::config::Limits;
use crate::error::{Error, ErrorKind, Result, ResultExt};

/// What the bytes begin with; the last byte is the version.
const MAGIC: &[u8; 8] = b"lkittoc\x01";
/// Bytes of a table that one byte of its compressed form may stand for. Real tables stay below 30.
const RATIO_MAX: usize = 4096;

/// The entries of a layer in the order of its tar, whiteouts among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toc {
    /// The entries.
    pub entries: Vec<Entry>,
}

/// Reads a whole tar without keeping its contents. `check` is called at least every 256 KiB, and what it fails with is
/// what comes out.
pub fn scan(reader: impl Read, limits: &Limits, check: &mut dyn FnMut() -> Result<()>) -> Result<Toc> {
    let mut reader = TarReader::new(reader, limits);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next()? {
        check()?;
        entries.push(entry);
        while reader.chunk()?.is_some() {
            check()?;
        }
    }
    entries.shrink_to_fit();
    Ok(Toc { entries })
}

impl Toc {
    /// The sum of the files' sizes, in bytes. Hard links add nothing.
    pub fn size(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }

    /// The table as bytes: compressed, with a version, the same for the same table.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(self.entries.len() * 24);
        put(&mut out, self.entries.len() as u64);
        let mut previous: &[u8] = b"";
        let mut attributes = (0, 0, 0, Timestamp::default());
        for entry in &self.entries {
            // Most paths begin like the one before, and most attributes are those of the one before.
            let path = entry.path.as_os_str().as_bytes();
            let shared = path.iter().zip(previous).take_while(|(a, b)| a == b).count();
            put(&mut out, shared as u64);
            put_bytes(&mut out, &path[shared..]);
            previous = path;
            let now = (entry.mode, entry.uid, entry.gid, entry.mtime);
            let same = now == attributes;
            attributes = now;
            out.push(kind_to_byte(entry.kind) | if same { 0x80 } else { 0 });
            if !same {
                put(&mut out, u64::from(entry.mode));
                put(&mut out, u64::from(entry.uid));
                put(&mut out, u64::from(entry.gid));
                put(&mut out, zigzag(entry.mtime.seconds));
                put(&mut out, u64::from(entry.mtime.nanoseconds));
            }
            put(&mut out, entry.size);
            put_bytes(&mut out, entry.link.as_os_str().as_bytes());
            put(&mut out, u64::from(entry.device.0));
            put(&mut out, u64::from(entry.device.1));
            put(&mut out, entry.xattrs.len() as u64);
            for (name, value) in &entry.xattrs {
                put_bytes(&mut out, name.as_bytes());
                put_bytes(&mut out, value);
            }
        }
        let packed = zstd::bulk::compress(&out, 1).context(|| "compress table of contents")?;
        let mut bytes = Vec::with_capacity(packed.len() + 16);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(out.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&packed);
        Ok(bytes)
    }

    /// Reads what [`Toc::to_bytes`] wrote. Anything else is `internal`: a table comes from our own database only.
    pub fn from_bytes(bytes: &[u8]) -> Result<Toc> {
        let damaged = || Error::new(ErrorKind::Internal, "a table of contents is damaged");
        let (head, packed) = bytes.split_at_checked(16).ok_or_else(damaged)?;
        if &head[..8] != MAGIC {
            return Err(damaged());
        }
        let length = u64::from_le_bytes(head[8..].try_into().map_err(|_| damaged())?);
        let length = usize::try_from(length).map_err(|_| damaged())?;
        if length > packed.len().saturating_mul(RATIO_MAX) {
            return Err(damaged());
        }
        let table = zstd::bulk::decompress(packed, length).map_err(|_| damaged())?;
        if table.len() != length {
            return Err(damaged());
        }
        let mut cursor = Cursor(&table);
        let entries = cursor.entries().ok_or_else(damaged)?;
        if !cursor.0.is_empty() {
            return Err(damaged());
        }
        Ok(Toc { entries })
    }
}

const KINDS: [EntryKind; 7] = [
    EntryKind::File,
    EntryKind::Hardlink,
    EntryKind::Symlink,
    EntryKind::Directory,
    EntryKind::CharDevice,
    EntryKind::BlockDevice,
    EntryKind::Fifo,
];

fn kind_to_byte(kind: EntryKind) -> u8 {
    match kind {
        EntryKind::File => 0,
        EntryKind::Hardlink => 1,
        EntryKind::Symlink => 2,
        EntryKind::Directory => 3,
        EntryKind::CharDevice => 4,
        EntryKind::BlockDevice => 5,
        EntryKind::Fifo => 6,
    }
}

/// Puts the sign in the lowest bit, so that small negative numbers stay short.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Seven bits to a byte, lowest first; the top bit says that more follow.
fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads a table from its front. Every method gives nothing when the bytes make no sense.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn entries(&mut self) -> Option<Vec<Entry>> {
        let count = usize::try_from(self.number()?).ok()?;
        // Each takes at least seven bytes.
        let mut entries = Vec::with_capacity(count.min(self.0.len() / 7));
        let mut path: Vec<u8> = Vec::new();
        let mut attributes = (0, 0, 0, Timestamp::default());
        for _ in 0..count {
            let shared = usize::try_from(self.number()?).ok()?;
            if shared > path.len() {
                return None;
            }
            path.truncate(shared);
            path.extend_from_slice(self.bytes()?);
            let kind = self.byte()?;
            if kind & 0x80 == 0 {
                attributes = (
                    self.small()?,
                    self.small()?,
                    self.small()?,
                    Timestamp { seconds: unzigzag(self.number()?), nanoseconds: self.small()? },
                );
            }
            let mut entry = Entry::new(
                PathBuf::from(OsString::from_vec(path.clone())),
                *KINDS.get(usize::from(kind & 0x7f))?,
                attributes.0,
            );
            (_, entry.uid, entry.gid, entry.mtime) = attributes;
            entry.size = self.number()?;
            entry.link = PathBuf::from(OsString::from_vec(self.bytes()?.to_vec()));
            entry.device = (self.small()?, self.small()?);
            let count = self.number()?;
            let mut xattrs = BTreeMap::new();
            for _ in 0..count {
                xattrs.insert(OsString::from_vec(self.bytes()?.to_vec()), self.bytes()?.to_vec());
            }
            entry.xattrs = xattrs;
            entries.push(entry);
        }
        Some(entries)
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}
