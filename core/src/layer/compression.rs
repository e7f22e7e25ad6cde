//! How a layer is compressed: told by its content, undone as a stream, named by media types.
//!
//! Knows nothing of tar. Names and file endings are never looked at.

use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::Limits;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs::COPY_BUFFER;
use crate::media_type;

/// Largest window a zstd frame may ask for, as a power of two (128 MiB, what `zstd -d` allows without `--long`).
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// Most memory an xz stream may ask for, in bytes: four times what `xz -9` needs.
const XZ_MEMORY_MAX: u64 = 256 << 20;
/// Output that the ratio limit leaves alone: small inputs may be anything.
const RATIO_FREE_BYTES: u64 = 64 << 20;
/// How many bytes of a stream tell its compression.
const MAGIC_LENGTH: usize = 6;

/// The compression of a layer or an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Plain tar.
    None,
    /// gzip, RFC 1952.
    Gzip,
    /// Zstandard, RFC 8878.
    Zstd,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
}

impl Compression {
    /// What the first bytes of a stream (six are enough) say it is; [`Compression::None`] for anything unknown.
    pub fn detect(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, 8, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            // A skippable frame, which zstd:chunked and pzstd put in front.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Compression::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
            _ => Compression::None,
        }
    }

    /// Its name: `none`, `gzip`, `zstd`, `bzip2` or `xz`.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Bzip2 => "bzip2",
            Compression::Xz => "xz",
        }
    }

    /// The OCI media type of a layer compressed so; `None` where OCI has none (bzip2, xz).
    pub fn oci_media_type(self) -> Option<&'static str> {
        match self {
            Compression::None => Some(media_type::OCI_LAYER),
            Compression::Gzip => Some("application/vnd.oci.image.layer.v1.tar+gzip"),
            Compression::Zstd => Some("application/vnd.oci.image.layer.v1.tar+zstd"),
            Compression::Bzip2 | Compression::Xz => None,
        }
    }
}

/// Reads what `reader` gives, decompressed, and says how it was compressed.
///
/// All gzip members, zstd frames and xz or bzip2 streams are read, one after the other. A truncated or corrupt input, or
/// one that expands beyond `limits.ratio`, fails in the middle of reading with an I/O error that carries `invalid_image`
/// ([`Error::io`] takes it out); errors of `reader` itself pass through as they are.
pub fn decoder<'a>(
    mut reader: impl Read + Send + 'a,
    limits: &Limits,
) -> Result<(Compression, Box<dyn Read + Send + 'a>)> {
    let mut start = Vec::with_capacity(MAGIC_LENGTH);
    reader.by_ref().take(MAGIC_LENGTH as u64).read_to_end(&mut start).context(|| "read layer")?;
    let compression = Compression::detect(&start);
    let consumed = Arc::new(AtomicU64::new(0));
    let source = Source { inner: Cursor::new(start).chain(reader), consumed: consumed.clone() };
    if compression == Compression::None {
        return Ok((compression, Box::new(source)));
    }
    let source = BufReader::with_capacity(COPY_BUFFER, source);
    let decoder: Box<dyn Read + Send + 'a> = match compression {
        Compression::None => Box::new(source),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(source)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(source).context(|| "start zstd")?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).context(|| "start zstd")?;
            Box::new(decoder)
        }
        Compression::Xz => {
            use liblzma::stream::{CONCATENATED, Stream};
            let stream = Stream::new_stream_decoder(XZ_MEMORY_MAX, CONCATENATED)
                .map_err(|error| Error::new(ErrorKind::Internal, format!("start xz: {error}")))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(source, stream))
        }
    };
    Ok((
        compression,
        Box::new(Checked { inner: decoder, compression, consumed, made: 0, ratio: limits.ratio }),
    ))
}

/// The compressed side: counts, and marks its own errors so that they are not taken for corruption.
struct Source<R> {
    inner: R,
    consumed: Arc<AtomicU64>,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(n) => {
                self.consumed.fetch_add(n as u64, Ordering::Relaxed);
                Ok(n)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(Error::io("read layer", error).into_io()),
        }
    }
}

/// The decompressed side: turns a decoder's complaints into `invalid_image` and keeps the ratio.
struct Checked<R> {
    inner: R,
    compression: Compression,
    consumed: Arc<AtomicU64>,
    made: u64,
    ratio: u64,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let name = self.compression.name();
        let n = self.inner.read(buffer).map_err(|error| {
            let ours = error.get_ref().is_some_and(|inner| inner.is::<Error>());
            if ours || error.kind() == io::ErrorKind::Interrupted {
                return error;
            }
            let what = match error.kind() {
                io::ErrorKind::UnexpectedEof => format!("the {name} stream is cut off"),
                _ => format!("the {name} stream is corrupt: {error}"),
            };
            Error::new(ErrorKind::InvalidImage, what).into_io()
        })?;
        self.made += n as u64;
        let consumed = self.consumed.load(Ordering::Relaxed);
        if self.made > RATIO_FREE_BYTES && self.made / consumed.max(1) >= self.ratio {
            let message =
                format!("the {name} stream goes over the limit of {} bytes out for each byte in", self.ratio);
            return Err(Error::new(ErrorKind::InvalidImage, message).into_io());
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"layers all the way down, layers all the way down, layers";

    fn compress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        match compression {
            Compression::None => bytes.to_vec(),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
                encoder.include_checksum(true).unwrap();
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    fn decompress(bytes: &[u8]) -> Result<(Compression, Vec<u8>)> {
        let (compression, mut reader) = decoder(bytes, &Limits::default())?;
        let mut out = Vec::new();
        reader.read_to_end(&mut out).context(|| "read")?;
        Ok((compression, out))
    }

    const COMPRESSED: [Compression; 4] =
        [Compression::Gzip, Compression::Zstd, Compression::Bzip2, Compression::Xz];

    #[test]
    fn a_stream_tells_its_compression_by_its_content() {
        for compression in [Compression::None].into_iter().chain(COMPRESSED) {
            let (found, out) = decompress(&compress(compression, TEXT)).unwrap();
            assert_eq!((found, out.as_slice()), (compression, TEXT));
        }
        assert_eq!(decompress(b"").unwrap(), (Compression::None, Vec::new()));
        assert_eq!(decompress(b"BZ").unwrap().0, Compression::None);
    }

    #[test]
    fn members_frames_and_streams_that_follow_each_other_are_one_stream() {
        for compression in COMPRESSED {
            let twice = [compress(compression, TEXT), compress(compression, b"!")].concat();
            assert_eq!(decompress(&twice).unwrap().1, [TEXT, b"!"].concat(), "{compression:?}");
        }
    }

    #[test]
    fn an_input_that_is_cut_off_anywhere_is_an_error_and_never_a_silent_end() {
        for compression in COMPRESSED {
            let whole = compress(compression, TEXT);
            for length in MAGIC_LENGTH..whole.len() {
                let error = decompress(&whole[..length]).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidImage, "{compression:?} cut at {length}: {error}");
            }
        }
    }

    #[test]
    fn a_flipped_bit_never_passes_for_other_data() {
        for compression in COMPRESSED {
            let whole = compress(compression, TEXT);
            for at in MAGIC_LENGTH..whole.len() {
                let mut bad = whole.clone();
                bad[at] ^= 0x10;
                match decompress(&bad) {
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::InvalidImage, "{compression:?} at {at}")
                    }
                    Ok((_, out)) => assert!(out == TEXT, "{compression:?} at {at}"),
                }
            }
            let mut bad = whole.clone();
            bad[whole.len() / 2] ^= 0xff;
            assert!(decompress(&bad).is_err(), "{compression:?}");
        }
    }

    #[test]
    fn a_failing_source_is_not_taken_for_a_corrupt_stream() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from(io::ErrorKind::PermissionDenied))
            }
        }
        for compression in COMPRESSED {
            let start = compress(compression, TEXT);
            let (_, mut reader) =
                decoder(Cursor::new(start[..12].to_vec()).chain(Fails), &Limits::default()).unwrap();
            let error = Error::io("read", reader.read_to_end(&mut Vec::new()).unwrap_err());
            assert_eq!(error.kind(), ErrorKind::Permission, "{compression:?}: {error}");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_ratio() {
        let zeros = vec![0; 32 << 20];
        let bomb = [compress(Compression::Zstd, &zeros), compress(Compression::Zstd, &zeros)].concat();
        let bomb = bomb.repeat(3);
        let error = decompress(&bomb).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidImage);
        assert!(error.to_string().contains("limit"), "{error}");
    }

    #[test]
    fn a_zstd_frame_cannot_ask_for_a_huge_window() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(29).unwrap();
        encoder.long_distance_matching(true).unwrap();
        encoder.write_all(&TEXT.repeat(10_000)).unwrap();
        let bytes = encoder.finish().unwrap();
        assert_eq!(decompress(&bytes).unwrap_err().kind(), ErrorKind::InvalidImage);
    }
}
