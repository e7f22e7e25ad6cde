//! Reading a layer's tar as a stream: entries that are checked, and their contents.
//!
//! Understands ustar, v7, PAX, GNU and star. Knows nothing of file systems: what an entry means below the layer is for
//! [`super::Tree`] and [`super::apply_overlay`].

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::entry::{AUFS, Entry, EntryKind, Timestamp, WHITEOUT, Whiteout, invalid, normalise};
use super::header::{BLOCK, Header, Wrong, sparse_extension};
use super::pax::{Pax, decimal};
use crate::config::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::COPY_BUFFER;

/// Most bytes of one extended header or GNU long name: more than any file system's attributes need.
const META_MAX: u64 = 1 << 20;
/// Most segments of one sparse file.
const SEGMENTS_MAX: usize = 1 << 20;

/// Reads the entries of a tar one after the other.
///
/// The content of the entry that came last is read by [`Read`] (holes are zeros) or by [`TarReader::chunk`] (holes are
/// left out); what is not read is skipped. An archive that breaks a rule fails with `invalid_image` and the name of the
/// entry; one that goes over a limit has `limit` in the message.
pub struct TarReader<R> {
    input: BufReader<R>,
    limits: Limits,
    entries: u64,
    expanded: u64,
    ended: bool,
    content: Content,
}

/// What is left of the current entry's content.
#[derive(Default)]
struct Content {
    path: PathBuf,
    /// Logical size.
    size: u64,
    /// Where [`Read`] stands, logically.
    position: u64,
    /// Data, as logical offset and length, ordered; for most files one segment.
    segments: Vec<(u64, u64)>,
    /// The first segment that is not read to its end.
    segment: usize,
    /// Data bytes still in the stream, and the padding behind them.
    stored: u64,
    padding: u64,
    /// Bytes that [`TarReader::chunk`] gave away and that still lie in the buffer.
    given: usize,
}

impl Content {
    /// Where the next data are and how many; nothing when there are none.
    fn next_data(&mut self) -> Option<(u64, u64)> {
        while let Some(&(offset, length)) = self.segments.get(self.segment) {
            if self.position < offset + length {
                let from = self.position.max(offset);
                return Some((from, offset + length - from));
            }
            self.segment += 1;
        }
        None
    }
}

impl<R: Read> TarReader<R> {
    /// Reads a plain tar. Errors of `input` pass through; those it made with [`Error::into_io`] come out as they were.
    pub fn new(input: R, limits: &Limits) -> Self {
        TarReader {
            input: BufReader::with_capacity(COPY_BUFFER, input),
            limits: limits.clone(),
            entries: 0,
            expanded: 0,
            ended: false,
            content: Content::default(),
        }
    }

    /// The next entry, or nothing after the last. The rest of the input (padding) is then read too, so that a digest of
    /// the stream beside is one of the whole stream.
    pub fn next(&mut self) -> Result<Option<Entry>> {
        if self.ended {
            return Ok(None);
        }
        self.finish_content()?;
        let mut pax: Option<Pax> = None;
        let (mut long_name, mut long_link) = (None, None);
        loop {
            let mut block = [0; BLOCK];
            if !self.read_block(&mut block)? {
                return Err(cut_off("it has no end-of-archive blocks"));
            }
            if block == [0; BLOCK] {
                if pax.is_some() || long_name.is_some() || long_link.is_some() {
                    return Err(cut_off("it ends between a header and its entry"));
                }
                self.drain()?;
                return Ok(None);
            }
            let header = Header(&block);
            if !header.checksum_holds() {
                return Err(Error::new(
                    ErrorKind::InvalidImage,
                    match self.entries {
                        0 => "this is not a tar: the checksum of its first header is wrong".to_owned(),
                        n => format!("the tar is corrupt: a header's checksum is wrong after {n} entries"),
                    },
                ));
            }
            let wrong = |what: Wrong| invalid(Path::new(&header.display()), what);
            let size = header.size().map_err(wrong)?;
            match header.typeflag() {
                b'x' | b'X' => pax = Some(Pax::parse(&self.read_meta(&header, size)?).map_err(wrong)?),
                // A global header has nothing that layers use (git puts a commit there), but it has to be one.
                b'g' => drop(Pax::parse(&self.read_meta(&header, size)?).map_err(wrong)?),
                b'L' => long_name = Some(cut_at_nul(self.read_meta(&header, size)?)),
                b'K' => long_link = Some(cut_at_nul(self.read_meta(&header, size)?)),
                // A volume's label, and GNU's list of what was not dumped.
                b'V' | b'N' => {
                    self.account(size).map_err(|what| invalid(Path::new(&header.display()), what))?;
                    self.begin_content(PathBuf::new(), size, Vec::new(), size);
                    self.finish_content()?;
                }
                _ => {
                    let pax = pax.take().unwrap_or_default();
                    let name = long_name.take();
                    match self.entry(&header, size, pax, name, long_link.take())? {
                        Some(entry) => return Ok(Some(entry)),
                        None => self.finish_content()?,
                    }
                }
            }
        }
    }

    /// The next piece of the current content that is data, with its offset; nothing at the end. Holes are left out: what
    /// no piece covers is zeros, up to the entry's size.
    pub fn chunk(&mut self) -> Result<Option<(u64, &[u8])>> {
        self.take_given();
        let Some((offset, length)) = self.content.next_data() else {
            self.content.position = self.content.size;
            return Ok(None);
        };
        let available = self.fill()?;
        let n = usize::try_from(length).unwrap_or(usize::MAX).min(available);
        self.content.position = offset + n as u64;
        self.content.stored -= n as u64;
        self.content.given = n;
        Ok(Some((offset, &self.input.buffer()[..n])))
    }

    fn take_given(&mut self) {
        self.input.consume(std::mem::take(&mut self.content.given));
    }

    /// Bytes in the buffer, at least one.
    fn fill(&mut self) -> Result<usize> {
        loop {
            match self.input.fill_buf() {
                Ok([]) => return Err(invalid(&self.content.path, "the tar is cut off in its content")),
                Ok(bytes) => return Ok(bytes.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("read layer", error)),
            }
        }
    }

    fn skip(&mut self, mut bytes: u64) -> Result<()> {
        while bytes > 0 {
            let n = bytes.min(self.fill()? as u64);
            self.input.consume(n as usize);
            bytes -= n;
        }
        Ok(())
    }

    fn begin_content(&mut self, path: PathBuf, size: u64, segments: Vec<(u64, u64)>, stored: u64) {
        let padding = padding(stored);
        self.content = Content { path, size, segments, stored, padding, ..Content::default() };
    }

    /// Skips what is left of the current content, and its padding.
    fn finish_content(&mut self) -> Result<()> {
        self.take_given();
        let left = self.content.stored + self.content.padding;
        self.content.stored = 0;
        self.content.padding = 0;
        self.content.position = self.content.size;
        self.skip(left)
    }

    /// Reads a block; `false` at the end of the input.
    fn read_block(&mut self, block: &mut [u8; BLOCK]) -> Result<bool> {
        let mut filled = 0;
        while filled < BLOCK {
            match self.input.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(cut_off("it ends in the middle of a block")),
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("read layer", error)),
            }
        }
        Ok(true)
    }

    /// Reads the content of a header that describes the next one.
    fn read_meta(&mut self, header: &Header<'_>, size: u64) -> Result<Vec<u8>> {
        let name = header.display();
        let wrong = |what: String| invalid(Path::new(&name), what);
        if size > META_MAX {
            return Err(wrong(format!("its extended header goes over the limit of {META_MAX} bytes")));
        }
        self.account(size).map_err(wrong)?;
        let mut bytes = Vec::with_capacity(size as usize);
        let whole = size + padding(size);
        self.input
            .by_ref()
            .take(whole)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::io("read layer", error))?;
        if (bytes.len() as u64) < whole {
            return Err(cut_off("it ends in an extended header"));
        }
        bytes.truncate(size as usize);
        Ok(bytes)
    }

    /// Counts what an entry takes of the layer's size limit.
    fn account(&mut self, size: u64) -> std::result::Result<(), String> {
        self.expanded = self.expanded.saturating_add(size).saturating_add(BLOCK as u64);
        if self.expanded > self.limits.layer_size {
            return Err(format!("the layer goes over the limit of {} bytes", self.limits.layer_size));
        }
        Ok(())
    }

    /// Reads to the end of the input.
    fn drain(&mut self) -> Result<()> {
        self.ended = true;
        loop {
            match self.input.fill_buf() {
                Ok([]) => return Ok(()),
                Ok(bytes) => {
                    let n = bytes.len();
                    self.input.consume(n);
                    self.account(n as u64).map_err(|what| Error::new(ErrorKind::InvalidImage, what))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("read layer", error)),
            }
        }
    }

    /// Puts an entry together and begins its content. Nothing for AUFS's own files.
    fn entry(
        &mut self,
        header: &Header<'_>,
        size: u64,
        pax: Pax,
        long_name: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> Result<Option<Entry>> {
        let name = pax.path.clone().or(long_name).unwrap_or_else(|| header.name());
        let lossy = super::entry::display(Path::new(&OsString::from_vec(name.clone())));
        let wrong = |what: &str| invalid(Path::new(&lossy), what);
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(wrong(&format!("the layer goes over the limit of {} entries", self.limits.entries)));
        }
        if name.len() > self.limits.path_length {
            let what = format!("its path goes over the limit of {} bytes", self.limits.path_length);
            return Err(invalid(Path::new(&lossy[..lossy.floor_char_boundary(100)]), what));
        }
        let path = normalise(&name).map_err(wrong)?;
        let kind = match header.typeflag() {
            b'0' | 0 | b'7' if name.ends_with(b"/") => EntryKind::Directory,
            b'0' | 0 | b'7' | b'S' => EntryKind::File,
            b'1' => EntryKind::Hardlink,
            b'2' => EntryKind::Symlink,
            b'3' => EntryKind::CharDevice,
            b'4' => EntryKind::BlockDevice,
            b'5' | b'D' => EntryKind::Directory,
            b'6' => EntryKind::Fifo,
            other => return Err(wrong(&format!("its type {:?} is unknown", char::from(other)))),
        };
        if kind != EntryKind::Directory && path.as_os_str().is_empty() {
            return Err(wrong("the root can only be a directory"));
        }
        let mode = (header.mode().map_err(wrong)? & 0o7777) as u32;
        let mut entry = Entry::new(path, kind, mode);
        let id = |pax: Option<i64>, header: std::result::Result<i64, Wrong>| {
            let id = pax.map_or(header, Ok).map_err(wrong)?;
            // The last one means "leave it as it is" to chown(2).
            u32::try_from(id)
                .ok()
                .filter(|&id| id != u32::MAX)
                .ok_or_else(|| wrong("its owner is out of range"))
        };
        entry.uid = id(pax.uid, header.uid())?;
        entry.gid = id(pax.gid, header.gid())?;
        entry.mtime = match pax.mtime {
            Some(mtime) => mtime,
            None => Timestamp { seconds: header.mtime().map_err(wrong)?, nanoseconds: 0 },
        };
        if matches!(kind, EntryKind::CharDevice | EntryKind::BlockDevice) {
            let (major, minor) = header.device().map_err(wrong)?;
            let number = |n: i64| u32::try_from(n).map_err(|_| wrong("its device number is out of range"));
            entry.device = (number(pax.device.0.unwrap_or(major))?, number(pax.device.1.unwrap_or(minor))?);
        }
        if matches!(kind, EntryKind::Hardlink | EntryKind::Symlink) {
            let link = pax.link.clone().or(long_link).unwrap_or_else(|| header.link());
            if link.len() > self.limits.path_length {
                let what = format!(
                    "the target of its link goes over the limit of {} bytes",
                    self.limits.path_length
                );
                return Err(wrong(&what));
            }
            entry.link = match kind {
                EntryKind::Hardlink => normalise(&link)
                    .map_err(|_| wrong("the target of its hard link leads out of the image"))?,
                _ if link.is_empty() || link.contains(&0) => return Err(wrong("its link has no target")),
                _ => PathBuf::from(OsString::from_vec(link)),
            };
            if kind == EntryKind::Hardlink && entry.link.as_os_str().is_empty() {
                return Err(wrong("it is a hard link to the root"));
            }
        }
        for name in pax.xattrs.keys() {
            let bytes = name.as_bytes();
            if bytes.starts_with(b"trusted.overlay.") || bytes.starts_with(b"user.overlay.") {
                let what = format!("its attribute {} is one of overlay's own", name.to_string_lossy());
                return Err(wrong(&what));
            }
            if bytes.is_empty() || bytes.len() > 255 || bytes.contains(&0) {
                return Err(wrong("the name of an extended attribute is wrong"));
            }
        }
        // Old tars give sizes to entries that have no content.
        let stored =
            if kind == EntryKind::File || header.typeflag() == b'D' { pax.size.unwrap_or(size) } else { 0 };
        let known = check_names(&entry).map_err(wrong)?;
        self.account(stored).map_err(|what| wrong(&what))?;
        let (size, segments, stored) = match kind {
            EntryKind::File => self.segments(header, &pax, stored, &lossy)?,
            _ => (0, Vec::new(), stored),
        };
        self.account(size.saturating_sub(stored)).map_err(|what| wrong(&what))?;
        entry.size = size;
        entry.xattrs = pax.xattrs;
        self.begin_content(entry.path.clone(), size, segments, stored);
        Ok(known.then_some(entry))
    }

    /// The logical size, the data segments, and the stored bytes that are left once the map is read.
    fn segments(
        &mut self,
        header: &Header<'_>,
        pax: &Pax,
        stored: u64,
        name: &str,
    ) -> Result<(u64, Vec<(u64, u64)>, u64)> {
        let wrong = |what: &str| invalid(Path::new(name), what);
        let (size, mut segments, stored) = if header.typeflag() == b'S' {
            let mut segments = Vec::new();
            let mut more = header.sparse_segments(&mut segments).map_err(wrong)?;
            while more {
                let mut block = [0; BLOCK];
                if !self.read_block(&mut block)? {
                    return Err(wrong("the tar is cut off in its sparse map"));
                }
                more = sparse_extension(&block, &mut segments).map_err(wrong)?;
                if segments.len() > SEGMENTS_MAX {
                    return Err(wrong("its sparse map goes over the limit"));
                }
            }
            (header.sparse_size().map_err(wrong)?, segments, stored)
        } else if pax.sparse.map_in_content {
            let (segments, used) = self.map_in_content(stored, name)?;
            (pax.sparse.size.ok_or_else(|| wrong("its sparse size is missing"))?, segments, stored - used)
        } else if let Some(map) = &pax.sparse.map {
            let size = pax.sparse.size.ok_or_else(|| wrong("its sparse size is missing"))?;
            (size, map.clone(), stored)
        } else {
            return Ok((stored, vec![(0, stored)], stored));
        };
        let mut end = 0u64;
        let mut data = 0u64;
        for &(offset, length) in &segments {
            if offset < end {
                return Err(wrong("its sparse map is out of order"));
            }
            end = offset.checked_add(length).ok_or_else(|| wrong("its sparse map is wrong"))?;
            data += length;
        }
        if end > size || data != stored || i64::try_from(size).is_err() {
            return Err(wrong("its sparse map does not fit its size"));
        }
        // A hole at the end is written as a segment of nothing.
        segments.retain(|&(_, length)| length > 0);
        Ok((size, segments, stored))
    }

    /// The map of GNU sparse 1.0: decimal lines in front of the content, padded to a block. And the bytes it took.
    fn map_in_content(&mut self, stored: u64, name: &str) -> Result<(Vec<(u64, u64)>, u64)> {
        let wrong = || invalid(Path::new(name), "its sparse map is wrong");
        let mut used = 0;
        let mut block = [0; BLOCK];
        let mut at = BLOCK;
        let mut line = Vec::new();
        let mut number = |reader: &mut Self| -> Result<u64> {
            line.clear();
            loop {
                if at == BLOCK {
                    if used + BLOCK as u64 > stored || !reader.read_block(&mut block)? {
                        return Err(wrong());
                    }
                    used += BLOCK as u64;
                    at = 0;
                }
                at += 1;
                match block[at - 1] {
                    b'\n' => return decimal(&line).ok_or_else(wrong),
                    digit if line.len() < 20 => line.push(digit),
                    _ => return Err(wrong()),
                }
            }
        };
        let count = number(self)?;
        if count > SEGMENTS_MAX as u64 {
            return Err(invalid(Path::new(name), "its sparse map goes over the limit"));
        }
        let mut segments = Vec::new();
        for _ in 0..count {
            segments.push((number(self)?, number(self)?));
        }
        Ok((segments, used))
    }
}

impl<R: Read> Read for TarReader<R> {
    /// The content of the current entry with its holes as zeros.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.take_given();
        let content = &mut self.content;
        let (hole, data) = match content.next_data() {
            Some((offset, length)) => (offset - content.position, length),
            None => (content.size - content.position, 0),
        };
        if hole > 0 {
            let n = buffer.len().min(usize::try_from(hole).unwrap_or(usize::MAX));
            buffer[..n].fill(0);
            content.position += n as u64;
            return Ok(n);
        }
        let n = buffer.len().min(usize::try_from(data).unwrap_or(usize::MAX));
        if n == 0 {
            return Ok(0);
        }
        let n = self.input.read(&mut buffer[..n])?;
        if n == 0 {
            return Err(invalid(&content.path, "the tar is cut off in its content").into_io());
        }
        content.position += n as u64;
        content.stored -= n as u64;
        Ok(n)
    }
}

/// Refuses what would be a whiteout of nothing or of a strange place. `false` for AUFS's own files, which mean nothing.
fn check_names(entry: &Entry) -> std::result::Result<bool, &'static str> {
    let mut components = entry.path.iter().rev();
    let last = components.next().unwrap_or_default().as_bytes();
    for name in components {
        if name.as_bytes().starts_with(AUFS.as_bytes()) {
            return Ok(false);
        }
        if name.as_bytes().starts_with(WHITEOUT.as_bytes()) {
            return Err("it lies below a whiteout");
        }
    }
    match entry.whiteout() {
        Some(Whiteout::Path(_)) if last.starts_with(AUFS.as_bytes()) => Ok(false),
        Some(Whiteout::Path(_)) if matches!(last, b".wh." | b".wh.." | b".wh...") => {
            Err("it is a whiteout that hides nothing")
        }
        _ => Ok(true),
    }
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn cut_at_nul(mut text: Vec<u8>) -> Vec<u8> {
    text.truncate(text.iter().position(|&byte| byte == 0).unwrap_or(text.len()));
    text
}

fn cut_off(how: &str) -> Error {
    Error::new(ErrorKind::InvalidImage, format!("the tar is cut off: {how}"))
}
