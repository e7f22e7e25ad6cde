//! Our gzip encoder: fixed blocks, compressed side by side, joined into one member.
//!
//! The same input makes the same bytes whatever the number of threads: each block of [`BLOCK`] bytes is compressed on its
//! own (raw deflate, level 1, ended by a sync flush), the blocks are joined in order, and an empty final block ends the
//! member (RFC 1951, RFC 1952). Bytes change only together with [`ENCODER`].

use zlib_rs::{Deflate, DeflateFlush, Status};

use crate::error::{Error, ErrorKind, Result};

/// Names the bytes that this encoder makes. zlib-rs is called directly and pinned with `=`: flate2 would take whatever
/// backend the rest of the program's crates choose for it.
pub const ENCODER: &str = "gzip-1-512k/zlib-rs-0.6.8";
/// Uncompressed bytes in a block.
pub const BLOCK: usize = 512 * 1024;
/// Speed over size: layers are written more often than they travel.
const LEVEL: i32 = 1;
const WINDOW_BITS: u8 = 15;

/// The header of the member: no name, time 0, made for speed, system unknown.
pub const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// The end of the member: an empty final block, the checksum and the length.
pub fn trailer(crc: u32, length: u64) -> [u8; 10] {
    let mut trailer = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    trailer[2..6].copy_from_slice(&crc.to_le_bytes());
    trailer[6..].copy_from_slice(&(length as u32).to_le_bytes());
    trailer
}

/// Compresses blocks; one for each thread, used again for each block.
pub struct BlockEncoder(Deflate);

impl BlockEncoder {
    /// A new encoder, about 300 KiB of memory.
    pub fn new() -> Self {
        BlockEncoder(Deflate::new(LEVEL, false, WINDOW_BITS))
    }

    /// The deflate blocks of these bytes, ending on a byte boundary; nothing in them refers to earlier blocks.
    pub fn encode(&mut self, block: &[u8]) -> Result<Vec<u8>> {
        self.0.reset();
        // Level 1 uses the static code: at most nine bits for each byte. With room for all of it, the output
        // does not depend on how it is drained.
        let mut out = vec![0; block.len() + block.len() / 8 + 1024];
        let broken = |what: &str| Error::new(ErrorKind::Internal, format!("deflate: {what}"));
        let status = self
            .0
            .compress(block, &mut out, DeflateFlush::SyncFlush)
            .map_err(|error| broken(error.as_str()))?;
        if status != Status::Ok
            || self.0.total_in() != block.len() as u64
            || self.0.total_out() as usize >= out.len()
        {
            return Err(broken("a block did not fit"));
        }
        out.truncate(self.0.total_out() as usize);
        Ok(out)
    }
}
