//! Writing a layer's tar: the same entries give the same bytes.

use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;

use super::entry::{Entry, EntryKind, invalid};
use super::header::BLOCK;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs::COPY_BUFFER;

/// Largest number in a header field of eight bytes.
const ID_MAX: u32 = 0o7_777_777;
/// Largest number in a header field of twelve bytes.
const SIZE_MAX: u64 = 0o77_777_777_777;
/// What ends an archive, in bytes.
const END: usize = 2 * BLOCK;

/// Writes a tar entry by entry: ustar, with a PAX header in front only where ustar cannot say it.
///
/// The bytes depend on the entries and their contents alone. Times are written as whole seconds.
pub struct TarWriter<W: Write> {
    out: W,
    buffer: Vec<u8>,
}

impl<W: Write> TarWriter<W> {
    /// Writes to `out`, which should buffer or take writes of any size well.
    pub fn new(out: W) -> Self {
        TarWriter { out, buffer: Vec::new() }
    }

    /// Writes an entry and, for a file, exactly its size of `content`: any other length is `io` and names the file.
    pub fn append(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<()> {
        let headers = headers(entry)?;
        self.write(&headers)?;
        if entry.kind == EntryKind::File {
            self.copy(entry, content)?;
        }
        Ok(())
    }

    /// Writes the end of the archive and gives the writer below back, not flushed.
    pub fn finish(mut self) -> Result<W> {
        self.write(&[0; END])?;
        Ok(self.out)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).context(|| "write layer")
    }

    fn copy(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<()> {
        let changed = |how: &str| {
            Error::new(
                ErrorKind::Io,
                format!("{}: it {how} while it was read", super::entry::display(&entry.path)),
            )
        };
        self.buffer.resize(COPY_BUFFER, 0);
        let mut left = entry.size;
        loop {
            // One byte more than is left would show that the file has grown.
            let want = usize::try_from(left + 1).unwrap_or(usize::MAX).min(COPY_BUFFER);
            let n = match content.read(&mut self.buffer[..want]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                other => other.context(|| format!("read {}", super::entry::display(&entry.path)))?,
            };
            if n == 0 {
                break;
            }
            left = left.checked_sub(n as u64).ok_or_else(|| changed("grew"))?;
            self.out.write_all(&self.buffer[..n]).context(|| "write layer")?;
        }
        if left > 0 {
            return Err(changed("shrank"));
        }
        let padding = entry.size.wrapping_neg() as usize % BLOCK;
        self.write(&[0; BLOCK][..padding])
    }
}

/// The blocks in front of an entry's content.
fn headers(entry: &Entry) -> Result<Vec<u8>> {
    let mut path = entry.path.as_os_str().as_bytes().to_vec();
    if path.is_empty() {
        path.extend_from_slice(b".");
    }
    if entry.kind == EntryKind::Directory {
        path.push(b'/');
    }
    let link = entry.link.as_os_str().as_bytes();
    let mut pax = Vec::new();
    let split = split_path(&path);
    if split.is_none() {
        record(&mut pax, b"path", &path);
    }
    if link.len() > 100 {
        record(&mut pax, b"linkpath", link);
    }
    let mut decimal = |key: &str, value: i128, fits: bool| {
        if !fits {
            record(&mut pax, key.as_bytes(), value.to_string().as_bytes());
        }
        fits
    };
    let seconds = entry.mtime.seconds;
    let uid = if decimal("uid", entry.uid.into(), entry.uid <= ID_MAX) { entry.uid } else { 0 };
    let gid = if decimal("gid", entry.gid.into(), entry.gid <= ID_MAX) { entry.gid } else { 0 };
    let size = if decimal("size", entry.size.into(), entry.size <= SIZE_MAX) { entry.size } else { 0 };
    let mtime = u64::try_from(seconds).ok().filter(|&seconds| seconds <= SIZE_MAX);
    decimal("mtime", seconds.into(), mtime.is_some());
    let (major, minor) = entry.device;
    if major > ID_MAX || minor > ID_MAX {
        return Err(invalid(&entry.path, "a tar has no room for its device number"));
    }
    for (name, value) in &entry.xattrs {
        let mut key = b"SCHILY.xattr.".to_vec();
        key.extend_from_slice(name.as_bytes());
        if key.contains(&b'=') {
            return Err(invalid(&entry.path, "a tar cannot hold an extended attribute with = in its name"));
        }
        record(&mut pax, &key, value);
    }
    let mut blocks = Vec::with_capacity(BLOCK);
    if !pax.is_empty() {
        let name = entry.path.file_name().map_or(&b"."[..], |name| name.as_bytes());
        let mut header = b"PaxHeaders/".to_vec();
        header.extend_from_slice(&name[..name.len().min(80)]);
        let fields = Fields { mode: 0o644, uid: 0, gid: 0, size: pax.len() as u64, mtime: 0, device: (0, 0) };
        block(&mut blocks, b'x', (b"", &header), b"", &fields);
        blocks.extend_from_slice(&pax);
        blocks.resize(blocks.len().next_multiple_of(BLOCK), 0);
    }
    let typeflag = match entry.kind {
        EntryKind::File => b'0',
        EntryKind::Hardlink => b'1',
        EntryKind::Symlink => b'2',
        EntryKind::CharDevice => b'3',
        EntryKind::BlockDevice => b'4',
        EntryKind::Directory => b'5',
        EntryKind::Fifo => b'6',
    };
    let name = split.unwrap_or((b"", &path[..path.len().min(100)]));
    let fields =
        Fields { mode: entry.mode, uid, gid, size, mtime: mtime.unwrap_or(0), device: (major, minor) };
    block(&mut blocks, typeflag, name, &link[..link.len().min(100)], &fields);
    Ok(blocks)
}

struct Fields {
    mode: u32,
    uid: u32,
    gid: u32,
    size: u64,
    mtime: u64,
    device: (u32, u32),
}

/// Adds one header block.
fn block(out: &mut Vec<u8>, typeflag: u8, (prefix, name): (&[u8], &[u8]), link: &[u8], fields: &Fields) {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name);
    put(100, format!("{:07o}\0", fields.mode).as_bytes());
    put(108, format!("{:07o}\0", fields.uid).as_bytes());
    put(116, format!("{:07o}\0", fields.gid).as_bytes());
    put(124, format!("{:011o}\0", fields.size).as_bytes());
    put(136, format!("{:011o}\0", fields.mtime).as_bytes());
    put(148, b"        ");
    put(156, &[typeflag]);
    put(157, link);
    put(257, b"ustar\x0000");
    put(329, format!("{:07o}\0", fields.device.0).as_bytes());
    put(337, format!("{:07o}\0", fields.device.1).as_bytes());
    put(345, prefix);
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend_from_slice(&block);
}

/// A path as ustar's prefix and name, if it fits: cut at the first slash that makes both fit.
fn split_path(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= 100 {
        return Some((b"", path));
    }
    // The name must not be empty, and the slash between them is not stored.
    let from = path.len() - 101;
    let slash = path.iter().enumerate().skip(from).find(|&(_, &byte)| byte == b'/')?.0;
    (slash <= 155 && slash > 0 && slash + 1 < path.len()).then(|| (&path[..slash], &path[slash + 1..]))
}

/// Adds a PAX record: its length counts itself.
fn record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + rest.to_string().len();
    if rest + length.to_string().len() != length {
        length += 1;
    }
    out.extend_from_slice(length.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}
