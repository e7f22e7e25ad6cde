//! Reading a layer's tar as a stream: entries that are checked, and their contents.
//!
//! Understands ustar, v7, PAX, GNU and star. Knows nothing of file systems: what an entry means below the layer is for
//! [`super::Tree`] and [`super::apply_overlay`].

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::decode::{Described, check_names};
use super::entry::{Entry, EntryKind, invalid};
use super::header::{BLOCK, Header, Wrong};
use super::pax::Pax;
use super::sparse::{self, Layout};
use crate::config::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::COPY_BUFFER;

/// Most bytes of one extended header or GNU long name: more than any file system's attributes need.
const META_MAX: u64 = 1 << 20;
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
    layout: Layout,
    /// Where [`Read`] stands, logically.
    position: u64,
    /// The first segment that is not read to its end.
    segment: usize,
    /// What follows the data bytes in the stream; `layout.stored` of them are still to come.
    padding: u64,
    /// Bytes that [`TarReader::chunk`] gave away and that still lie in the buffer.
    given: usize,
}

impl Content {
    /// Where the next data are and how many; nothing when there are none.
    fn next_data(&mut self) -> Option<(u64, u64)> {
        while let Some(&(offset, length)) = self.layout.segments.get(self.segment) {
            if self.position < offset + length {
                let from = self.position.max(offset);
                return Some((from, offset + length - from));
            }
            self.segment += 1;
        }
        None
    }
}

/// Whether bytes begin as a plain tar does: with a header whose checksum holds, or the zeros of an empty one.
pub fn begins_tar(start: &[u8]) -> bool {
    let block = start.first_chunk::<BLOCK>();
    block.is_some_and(|block| *block == [0; BLOCK] || Header(block).checksum_holds())
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
                    self.begin_content(PathBuf::new(), Layout { stored: size, ..Layout::default() });
                    self.finish_content()?;
                }
                _ => {
                    let pax = pax.take().unwrap_or_default();
                    let long = (long_name.take(), long_link.take());
                    match self.entry(Described { header: &header, pax, long }, size)? {
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
            self.content.position = self.content.layout.size;
            return Ok(None);
        };
        let available = self.fill()?;
        let n = usize::try_from(length).unwrap_or(usize::MAX).min(available);
        self.content.position = offset + n as u64;
        self.content.layout.stored -= n as u64;
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

    fn begin_content(&mut self, path: PathBuf, layout: Layout) {
        let padding = padding(layout.stored);
        self.content = Content { path, layout, padding, ..Content::default() };
    }

    /// Skips what is left of the current content, and its padding.
    fn finish_content(&mut self) -> Result<()> {
        self.take_given();
        let left = self.content.layout.stored + self.content.padding;
        self.content.layout.stored = 0;
        self.content.padding = 0;
        self.content.position = self.content.layout.size;
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
    fn entry(&mut self, mut described: Described<'_>, size: u64) -> Result<Option<Entry>> {
        self.entries += 1;
        let limit = self.limits.entries;
        if self.entries > limit {
            return Err(described.wrong(format!("the layer goes over the limit of {limit} entries")));
        }
        let mut entry = described.entry(&self.limits)?;
        let known = check_names(&entry).map_err(|what| described.wrong(what))?;
        // Old tars give sizes to entries that have no content; GNU's directories have a list there.
        let stored = match entry.kind {
            EntryKind::File => described.pax.size.unwrap_or(size),
            EntryKind::Directory if described.header.typeflag() == b'D' => size,
            _ => 0,
        };
        self.account(stored).map_err(|what| described.wrong(what))?;
        let layout = match entry.kind {
            EntryKind::File => {
                let read_block = &mut |block: &mut [u8; BLOCK]| self.read_block(block);
                let wrong = |what: Wrong| described.wrong(what);
                sparse::layout(described.header, &described.pax.sparse, stored, read_block, &wrong)?
            }
            _ => Layout { stored, ..Layout::default() },
        };
        self.account(layout.size.saturating_sub(stored)).map_err(|what| described.wrong(what))?;
        entry.size = layout.size;
        self.begin_content(entry.path.clone(), layout);
        Ok(known.then_some(entry))
    }
}

impl<R: Read> Read for TarReader<R> {
    /// The content of the current entry with its holes as zeros.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.take_given();
        let content = &mut self.content;
        let (hole, data) = match content.next_data() {
            Some((offset, length)) => (offset - content.position, length),
            None => (content.layout.size - content.position, 0),
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
        content.layout.stored -= n as u64;
        Ok(n)
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
