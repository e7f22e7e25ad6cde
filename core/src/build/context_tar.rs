//! A context that comes as a stream: a tar, compressed or not, or the text of a Dockerfile.

use std::io::{Cursor, Read};

use super::context::TEXT_LIMIT;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::layer::{self, Compression};
use crate::store::Store;
use crate::task::Task;

/// Bytes of a tar's first header.
const HEADER: usize = 512;

/// What came.
pub enum Arrived {
    /// The files of a tar.
    Directory(tempfile::TempDir),
    /// A Dockerfile; there are no files.
    Dockerfile(Vec<u8>),
}

/// Takes a stream to its end. What is compressed, or begins as a tar does, is a tar, which is unpacked into a directory of the
/// store; anything else is the text of a Dockerfile, as Docker has it. A tar that is damaged, or breaks a limit, is `invalid_image`.
pub fn receive(store: &Store, stream: impl Read + Send, what: &str, task: &Task) -> Result<Arrived> {
    let (compression, mut stream) = layer::decoder(stream, store.limits())?;
    let mut start = Vec::new();
    stream.by_ref().take(HEADER as u64).read_to_end(&mut start).context(|| format!("read {what}"))?;
    if compression == Compression::None && !layer::begins_tar(&start) {
        let mut text = start;
        stream.take(TEXT_LIMIT + 1).read_to_end(&mut text).context(|| format!("read {what}"))?;
        if text.len() as u64 > TEXT_LIMIT {
            let message =
                format!("{what} is neither a tar nor a Dockerfile: it goes over {TEXT_LIMIT} bytes");
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        return Ok(Arrived::Dockerfile(text));
    }
    let folder = store.temporary_directory()?;
    layer::apply_flat(folder.path(), Cursor::new(start).chain(stream), store.limits(), task)
        .context(|| format!("unpack {what}"))?;
    Ok(Arrived::Directory(folder))
}
