//! Where the data of a file are: all in one piece, or scattered as one of GNU's four sparse formats says.

use super::header::{BLOCK, Header, Wrong, sparse_extension};
use super::pax::{Sparse, decimal};
use crate::error::{Error, Result};

/// Most segments of one sparse file.
const SEGMENTS_MAX: usize = 1 << 20;
const TOO_MANY: Wrong = "its sparse map goes over the limit of 1048576 segments";
const WRONG_MAP: Wrong = "its sparse map is wrong";

/// Where the data of a file are.
#[derive(Default)]
pub(super) struct Layout {
    /// Logical size, holes included.
    pub size: u64,
    /// Offset and length of the data, ordered, none of them empty.
    pub segments: Vec<(u64, u64)>,
    /// Bytes in the tar that are left once the map is read.
    pub stored: u64,
}

/// Reads blocks that follow a header: gives `false` at the end of the input.
type ReadBlock<'a> = dyn FnMut(&mut [u8; BLOCK]) -> Result<bool> + 'a;

/// Reads the layout of a file that has `stored` bytes in the tar. `wrong` makes the error that names it.
pub(super) fn layout(
    header: &Header<'_>,
    sparse: &Sparse,
    stored: u64,
    read_block: &mut ReadBlock<'_>,
    wrong: &dyn Fn(Wrong) -> Error,
) -> Result<Layout> {
    let logical = || sparse.size.ok_or_else(|| wrong("its sparse size is missing"));
    let mut layout = if header.typeflag() == b'S' {
        let segments = map_in_headers(header, read_block, wrong)?;
        Layout { size: header.sparse_size().map_err(wrong)?, segments, stored }
    } else if sparse.map_in_content {
        let (segments, used) = map_in_content(stored, read_block, wrong)?;
        Layout { size: logical()?, segments, stored: stored - used }
    } else if let Some(map) = &sparse.map {
        Layout { size: logical()?, segments: map.clone(), stored }
    } else {
        return Ok(Layout { size: stored, segments: vec![(0, stored)], stored });
    };
    let (mut end, mut data) = (0u64, 0u64);
    for &(offset, length) in &layout.segments {
        if offset < end {
            return Err(wrong("its sparse map is out of order"));
        }
        end = offset.checked_add(length).ok_or_else(|| wrong(WRONG_MAP))?;
        data += length;
    }
    if end > layout.size || data != layout.stored || i64::try_from(layout.size).is_err() {
        return Err(wrong("its sparse map does not fit its size"));
    }
    // A hole at the end is written as a segment of nothing.
    layout.segments.retain(|&(_, length)| length > 0);
    Ok(layout)
}

/// The map of old GNU sparse files: in the header and in blocks behind it.
fn map_in_headers(
    header: &Header<'_>,
    read_block: &mut ReadBlock<'_>,
    wrong: &dyn Fn(Wrong) -> Error,
) -> Result<Vec<(u64, u64)>> {
    let mut segments = Vec::new();
    let mut more = header.sparse_segments(&mut segments).map_err(wrong)?;
    while more {
        let mut block = [0; BLOCK];
        if !read_block(&mut block)? {
            return Err(wrong("the tar is cut off in its sparse map"));
        }
        more = sparse_extension(&block, &mut segments).map_err(wrong)?;
        if segments.len() > SEGMENTS_MAX {
            return Err(wrong(TOO_MANY));
        }
    }
    Ok(segments)
}

/// The map of GNU sparse 1.0: decimal lines in front of the content, padded to a block. And the bytes it took.
fn map_in_content(
    stored: u64,
    read_block: &mut ReadBlock<'_>,
    wrong: &dyn Fn(Wrong) -> Error,
) -> Result<(Vec<(u64, u64)>, u64)> {
    let mut used = 0;
    let mut block = [0; BLOCK];
    let mut at = BLOCK;
    let mut line = Vec::new();
    let mut number = || -> Result<u64> {
        line.clear();
        loop {
            if at == BLOCK {
                if used + BLOCK as u64 > stored || !read_block(&mut block)? {
                    return Err(wrong(WRONG_MAP));
                }
                used += BLOCK as u64;
                at = 0;
            }
            at += 1;
            match block[at - 1] {
                b'\n' => return decimal(&line).ok_or_else(|| wrong(WRONG_MAP)),
                digit if line.len() < 20 => line.push(digit),
                _ => return Err(wrong(WRONG_MAP)),
            }
        }
    };
    let count = number()?;
    if count > SEGMENTS_MAX as u64 {
        return Err(wrong(TOO_MANY));
    }
    let mut segments = Vec::new();
    for _ in 0..count {
        segments.push((number()?, number()?));
    }
    Ok((segments, used))
}
