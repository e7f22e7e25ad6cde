//! Writing a layer: tar bytes go in, compressed bytes come out, with every digest a manifest and a config need.
//!
//! Knows nothing of tar entries. Threads live as long as the writer and end with it; what is in flight is bounded.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::compression::Compression;
use super::gzip;
use crate::digest::{Digest, DigestWriter, Hasher};
use crate::error::{Error, ErrorKind, Result, ResultExt};

/// Most threads that compress at once.
const MAX_THREADS: usize = 8;
/// The level of our zstd layers, and the name of the bytes it makes.
const ZSTD_LEVEL: i32 = 3;
const ZSTD_ENCODER: &str = "zstd-3/zstd-1.5.7";

/// A layer that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerBlob {
    /// Digest of the bytes that were written.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
    /// DiffID: digest of the tar.
    pub diff_id: Digest,
    /// Bytes of the tar.
    pub diff_size: u64,
    /// How it is compressed.
    pub compression: Compression,
    /// OCI media type of the blob.
    pub media_type: &'static str,
    /// Which encoder made the bytes: equal tars give equal bytes for one encoder.
    pub encoder: &'static str,
}

/// Compresses a tar that is written into it and passes it on. The DiffID is computed on a thread beside.
///
/// Memory in flight is about 1.1 MiB for each thread and three more, whatever the size of the layer.
/// Dropped before [`LayerWriter::finish`], what came out is cut off and must be thrown away.
pub struct LayerWriter<W: Write> {
    /// `None` only while dropping: the channel must close before the thread can be joined.
    hash: Option<HashThread>,
    block: Vec<u8>,
    output: Output<W>,
}

/// Where blocks go to be hashed, and the thread that does it.
type HashThread = (SyncSender<Arc<Vec<u8>>>, JoinHandle<Hasher>);

enum Output<W: Write> {
    Plain(DigestWriter<W>),
    Gzip(ParallelGzip<W>),
    Zstd(zstd::stream::write::Encoder<'static, DigestWriter<W>>),
}

impl<W: Write> LayerWriter<W> {
    /// Writes a layer to `out`, compressed with gzip, zstd or not at all (`invalid_argument` for anything else), on as many threads as there
    /// are processors.
    pub fn new(out: W, compression: Compression) -> Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        Self::with_threads(out, compression, threads)
    }

    /// The same with this many threads for gzip. The bytes do not depend on it.
    pub fn with_threads(out: W, compression: Compression, threads: usize) -> Result<Self> {
        let out = DigestWriter::new(out);
        let output = match compression {
            Compression::None => Output::Plain(out),
            Compression::Gzip => Output::Gzip(ParallelGzip::new(out, threads.max(1))?),
            Compression::Zstd => {
                let encoder = zstd::stream::write::Encoder::new(out, ZSTD_LEVEL).and_then(|mut encoder| {
                    encoder.include_checksum(true)?;
                    Ok(encoder)
                });
                Output::Zstd(encoder.context(|| "start zstd")?)
            }
            Compression::Bzip2 | Compression::Xz => {
                return Err(Error::new(
                    ErrorKind::InvalidArgument,
                    format!("layers are not written with {}", compression.name()),
                ));
            }
        };
        let (sender, blocks) = sync_channel::<Arc<Vec<u8>>>(2);
        let hash = spawn("layer-hash", move || {
            let mut hasher = Hasher::default();
            blocks.iter().for_each(|block| hasher.update(&block));
            hasher
        })?;
        Ok(LayerWriter { hash: Some((sender, hash)), block: Vec::with_capacity(gzip::BLOCK), output })
    }

    /// Writes what is left and says what was written, with the writer below (not flushed, not synced).
    pub fn finish(mut self) -> Result<(W, LayerBlob)> {
        self.push_block().context(|| "write layer")?;
        let (compression, encoder) = match &self.output {
            Output::Plain(_) => (Compression::None, "none"),
            Output::Gzip(_) => (Compression::Gzip, gzip::ENCODER),
            Output::Zstd(_) => (Compression::Zstd, ZSTD_ENCODER),
        };
        let (sender, hash) = self.hash.take().ok_or_else(thread_died)?;
        let out = match self.output {
            Output::Plain(out) => out,
            Output::Gzip(gzip) => gzip.finish()?,
            Output::Zstd(encoder) => encoder.finish().context(|| "write layer")?,
        };
        drop(sender);
        let (diff_id, diff_size) = hash.join().map_err(|_| thread_died())?.finish();
        let (out, digest, size) = out.finish();
        let media_type = compression.oci_media_type().unwrap_or_default();
        Ok((out, LayerBlob { digest, size, diff_id, diff_size, compression, media_type, encoder }))
    }

    fn push_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let block = Arc::new(std::mem::replace(&mut self.block, Vec::with_capacity(gzip::BLOCK)));
        let hash = self.hash.as_ref().ok_or_else(|| thread_died().into_io())?;
        hash.0.send(block.clone()).map_err(|_| thread_died().into_io())?;
        match &mut self.output {
            Output::Plain(out) => out.write_all(&block),
            Output::Zstd(out) => out.write_all(&block),
            Output::Gzip(out) => out.push(block).map_err(Error::into_io),
        }
    }
}

impl<W: Write> Write for LayerWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.block.len() == gzip::BLOCK {
            self.push_block()?;
        }
        let n = bytes.len().min(gzip::BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    /// Does nothing: blocks are fixed, so that the bytes do not depend on when somebody flushes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn spawn<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>> {
    std::thread::Builder::new().name(name.into()).spawn(run).context(|| "start a thread to write a layer")
}

fn thread_died() -> Error {
    Error::new(ErrorKind::Internal, "a thread that wrote a layer died")
}

/// What a thread makes of a block.
struct Encoded {
    bytes: Vec<u8>,
    crc: crc32fast::Hasher,
}

/// A block for whichever thread is free, and where its result goes.
type Job = (Arc<Vec<u8>>, SyncSender<Result<Encoded>>);

/// Compresses blocks on several threads and writes them in order.
struct ParallelGzip<W: Write> {
    out: DigestWriter<W>,
    jobs: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
    /// Results still to come, in order.
    pending: VecDeque<Receiver<Result<Encoded>>>,
    crc: crc32fast::Hasher,
    length: u64,
}

impl<W: Write> ParallelGzip<W> {
    fn new(mut out: DigestWriter<W>, threads: usize) -> Result<Self> {
        out.write_all(&gzip::HEADER).context(|| "write layer")?;
        let (jobs, queue) = sync_channel::<Job>(threads + 1);
        let queue = Arc::new(Mutex::new(queue));
        let mut writer = ParallelGzip {
            out,
            jobs: Some(jobs),
            threads: Vec::new(),
            pending: VecDeque::new(),
            crc: crc32fast::Hasher::new(),
            length: 0,
        };
        for _ in 0..threads {
            let queue = queue.clone();
            writer.threads.push(spawn("layer-gzip", move || compress_blocks(&queue))?);
        }
        Ok(writer)
    }

    fn push(&mut self, block: Arc<Vec<u8>>) -> Result<()> {
        while self.pending.len() > self.threads.len() {
            self.write_next()?;
        }
        self.length += block.len() as u64;
        let (sender, result) = sync_channel(1);
        self.jobs.as_ref().ok_or_else(thread_died)?.send((block, sender)).map_err(|_| thread_died())?;
        self.pending.push_back(result);
        Ok(())
    }

    fn write_next(&mut self) -> Result<()> {
        if let Some(result) = self.pending.pop_front() {
            let encoded = result.recv().map_err(|_| thread_died())??;
            self.out.write_all(&encoded.bytes).context(|| "write layer")?;
            self.crc.combine(&encoded.crc);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<DigestWriter<W>> {
        while !self.pending.is_empty() {
            self.write_next()?;
        }
        self.jobs = None;
        for thread in self.threads.drain(..) {
            thread.join().map_err(|_| thread_died())?;
        }
        let trailer = gzip::trailer(self.crc.clone().finalize(), self.length);
        self.out.write_all(&trailer).context(|| "write layer")?;
        Ok(self.out)
    }
}

fn compress_blocks(queue: &Mutex<Receiver<Job>>) {
    let mut encoder = gzip::BlockEncoder::new();
    loop {
        // Held while waiting: the others wait for the lock instead, which comes to the same.
        let Ok(job) = queue.lock().map_err(|_| ()).and_then(|queue| queue.recv().map_err(|_| ())) else {
            return;
        };
        let (block, result) = job;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&block);
        // Nobody waits for it when the writer was dropped.
        let _ = result.send(encoder.encode(&block).map(|bytes| Encoded { bytes, crc }));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::compression::decoder;
    use super::*;
    use crate::config::Limits;

    /// Bytes that compress about as well as programs do, the same on every machine.
    fn sample(length: usize) -> Vec<u8> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let word = state.to_le_bytes();
            bytes.extend_from_slice(&word[..3]);
            bytes.extend_from_slice(b"layer of an image: ");
            bytes.extend_from_slice(&word[6..]);
        }
        bytes.truncate(length);
        bytes
    }

    fn write(bytes: &[u8], compression: Compression, threads: usize) -> (Vec<u8>, LayerBlob) {
        let mut writer = LayerWriter::with_threads(Vec::new(), compression, threads).unwrap();
        for chunk in bytes.chunks(100_001) {
            writer.write_all(chunk).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn a_layer_reads_back_and_its_digests_are_those_of_its_bytes() {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            for length in [0, 1, gzip::BLOCK - 1, gzip::BLOCK, gzip::BLOCK + 1, 3 * gzip::BLOCK + 77] {
                let tar = sample(length);
                let (bytes, blob) = write(&tar, compression, 2);
                assert_eq!((blob.digest, blob.size), (Digest::of(&bytes), bytes.len() as u64));
                assert_eq!((blob.diff_id, blob.diff_size), (Digest::of(&tar), length as u64));
                let mut back = Vec::new();
                decoder(bytes.as_slice(), &Limits::default()).unwrap().1.read_to_end(&mut back).unwrap();
                assert!(back == tar, "{compression:?} {length}");
            }
        }
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_number_of_threads() {
        let tar = sample(5 * gzip::BLOCK + 4321);
        let one = write(&tar, Compression::Gzip, 1);
        for threads in [2, 3, 8] {
            assert!(write(&tar, Compression::Gzip, threads) == one, "{threads} threads");
        }
    }

    #[test]
    fn a_gzip_layer_is_one_member_that_the_peer_reads() {
        let tar = sample(2 * gzip::BLOCK + 99);
        let (bytes, _) = write(&tar, Compression::Gzip, 2);
        let mut back = Vec::new();
        let mut member = flate2::bufread::GzDecoder::new(bytes.as_slice());
        member.read_to_end(&mut back).unwrap();
        assert!(member.into_inner().is_empty());
        assert!(back == tar);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        let output =
            std::process::Command::new("gzip").arg("-dc").stdin(file.reopen().unwrap()).output().unwrap();
        assert!(output.status.success() && output.stdout == tar);
    }

    #[test]
    fn an_encoder_makes_the_bytes_it_always_made() {
        // When these change, the encoder's id has to change with them: caches and reproducible builds count on it.
        let tar = sample(gzip::BLOCK + 1000);
        assert_eq!(
            Digest::of(&tar).to_string(),
            "sha256:cef31b7ce806befe44748da8e4434257bf65435472b22563404546ae2ed749fd"
        );
        let (_, blob) = write(&tar, Compression::Gzip, 2);
        assert_eq!(
            (blob.encoder, blob.digest.to_string().as_str()),
            (
                "gzip-1-512k/zlib-rs-0.6.8",
                "sha256:6853db68eb54351ff069c8e63d5ab42dab6e2dc48154bea6a4ac12a4b00318e6"
            )
        );
        let (_, blob) = write(&tar, Compression::Zstd, 2);
        assert_eq!(
            (blob.encoder, blob.digest.to_string().as_str()),
            ("zstd-3/zstd-1.5.7", "sha256:d454ddd9c8c1ff118f815e594cf829b1d7d720f7cfdfdaf8c41e721adf4dfddd")
        );
        assert_eq!(zstd::zstd_safe::version_string(), "1.5.7");
    }

    #[test]
    fn an_error_of_the_writer_below_comes_out() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writer = LayerWriter::new(Full, Compression::None).unwrap();
        writer.write_all(&[0; 10]).unwrap();
        assert_eq!(writer.finish().map(|_| ()).unwrap_err().kind(), ErrorKind::NoSpace);
        assert_eq!(
            LayerWriter::new(Full, Compression::Gzip).map(|_| ()).unwrap_err().kind(),
            ErrorKind::NoSpace
        );
    }
}
