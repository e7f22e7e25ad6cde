//! Taking in a layer in one pass: the stored bytes are written and hashed on one thread, the tar is hashed and read for
//! its table of contents on another.

use std::io::{self, Cursor, Read, Write};

use crate::digest::{Digest, DigestReader, Hasher};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::{Event, LayerState};
use crate::layer::{self, Compression, LayerBlob, LayerWriter, Sender, Toc, beside};
use crate::store::{BlobWriter, NewLayer, PendingBlob, Store};
use crate::task::Task;

/// Bytes between two progress events.
const PROGRESS: u64 = 8 << 20;

/// What an operation says of a layer while it comes.
pub struct Progress<'a> {
    /// `import`, `load` or `save`.
    pub operation: &'static str,
    /// What the layer is called until its digest is known.
    pub id: String,
    /// Its bytes, or 0.
    pub total: u64,
    /// Who hears of it.
    pub task: &'a Task,
}

impl Progress<'_> {
    /// Sends one event.
    pub fn emit(&self, state: LayerState, bytes: u64) -> Result<()> {
        let (operation, id, total) = (self.operation, self.id.clone(), self.total);
        self.task.emit(&Event::Layer { operation, id, state, bytes, total })
    }
}

/// A layer that is whole and checked, but not in the store yet.
pub type Ingested = (PendingBlob, NewLayer);

/// Takes in a layer, stored as it comes.
pub fn keep(store: &Store, reader: impl Read, progress: &Progress<'_>) -> Result<Ingested> {
    let (compression, reader) = detect(reader)?;
    let media_type = compression.oci_media_type().ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            format!("a layer of an image compressed with {}: gzip, zstd and none are", compression.name()),
        )
    })?;
    let limits = store.limits().clone();
    let plain = compression == Compression::None;
    let mut out = store.blob_writer();
    let (pumped, scanned) = beside(
        |blocks| {
            // The digest of a plain tar is its DiffID: no need to compute it twice.
            let mut hasher = (!plain).then(Hasher::default);
            pump(reader, &blocks, progress, |bytes| {
                if let Some(hasher) = &mut hasher {
                    hasher.update(bytes);
                }
                out.write_all(bytes).context(|| "write layer")
            })?;
            Ok(hasher.map(Hasher::finish))
        },
        |blocks| {
            let (_, tar) = layer::decoder(blocks, &limits)?;
            let mut tar = DigestReader::new(tar);
            let toc = layer::scan(&mut tar, &limits, &mut || progress.task.check())?;
            io::copy(&mut tar, &mut io::sink()).context(|| "read layer")?;
            Ok((toc, tar.finish()))
        },
    )?;
    let (toc, (diff_id, size)) = scanned;
    let (digest, stored) = pumped.unwrap_or((diff_id, size));
    let blob = out.finish(digest, stored)?;
    Ok((blob, NewLayer { diff_id, size, toc, digest, media_type: media_type.into(), encoder: "" }))
}

/// Takes in a layer, decompressed and stored with `compression`.
pub fn recompress(
    store: &Store,
    reader: impl Read,
    compression: Compression,
    progress: &Progress<'_>,
) -> Result<Ingested> {
    let limits = store.limits().clone();
    let writer = LayerWriter::new(store.blob_writer(), compression)?;
    let ((), (toc, writer)) = beside(
        |blocks| pump(reader, &blocks, progress, |_| Ok(())),
        |blocks| {
            let (_, tar) = layer::decoder(blocks, &limits)?;
            let mut tee = Tee { reader: tar, writer };
            let toc = layer::scan(&mut tee, &limits, &mut || progress.task.check())?;
            io::copy(&mut tee, &mut io::sink()).context(|| "read layer")?;
            Ok((toc, tee.writer))
        },
    )?;
    written(writer, toc)
}

/// Ends a layer that was written into the store.
pub fn written(writer: LayerWriter<BlobWriter<'_>>, toc: Toc) -> Result<Ingested> {
    finish(writer).map(|written| written.with_toc(toc))
}

/// A layer that was written into the store, without its table of contents.
pub struct Written(PendingBlob, LayerBlob);

/// Ends a layer whose table of contents comes later.
pub fn finish(writer: LayerWriter<BlobWriter<'_>>) -> Result<Written> {
    let (out, layer) = writer.finish()?;
    let blob = out.finish(layer.digest, layer.size)?;
    Ok(Written(blob, layer))
}

impl Written {
    /// The whole layer.
    pub fn with_toc(self, toc: Toc) -> Ingested {
        let Written(blob, layer) = self;
        let new = NewLayer {
            diff_id: layer.diff_id,
            size: layer.diff_size,
            toc,
            digest: layer.digest,
            media_type: layer.media_type.into(),
            encoder: layer.encoder,
        };
        (blob, new)
    }
}

/// A stream with its first bytes put back.
type Whole<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// The compression of a stream, and the stream from its beginning.
pub fn detect<R: Read>(mut reader: R) -> Result<(Compression, Whole<R>)> {
    let mut start = Vec::new();
    reader.by_ref().take(6).read_to_end(&mut start).context(|| "read layer")?;
    Ok((Compression::detect(&start), Cursor::new(start).chain(reader)))
}

/// Reads blocks, hands each to `each` and to the other thread.
pub fn pump(
    mut reader: impl Read,
    sender: &Sender,
    progress: &Progress<'_>,
    mut each: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let (mut bytes, mut told) = (0, 0);
    progress.emit(LayerState::Started, 0)?;
    loop {
        progress.task.check()?;
        let mut block = sender.block();
        block.fill(&mut reader).context(|| "read layer")?;
        if block.bytes().is_empty() {
            return Ok(());
        }
        each(block.bytes())?;
        bytes += block.bytes().len() as u64;
        sender.send(block)?;
        if bytes - told >= PROGRESS {
            progress.emit(LayerState::Progress, bytes)?;
            told = bytes;
        }
    }
}

/// Writes what is read.
struct Tee<R, W> {
    reader: R,
    writer: W,
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.writer.write_all(&buffer[..n])?;
        Ok(n)
    }
}

/// The digest that a layer has to have in its image.
pub fn check_diff_id(name: &str, layer: &NewLayer, wanted: Digest) -> Result<()> {
    if layer.diff_id == wanted {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::DigestMismatch,
        format!("layer {name} has DiffID {}, but the image config says {wanted}", layer.diff_id),
    ))
}
