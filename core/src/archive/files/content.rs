//! The content of one file of an image, as a stream out of the layer that has it.

use std::io::{self, BufReader, Read, Write, copy, sink};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::{View, shown};
use crate::archive::Target;
use crate::archive::merged::advance;
use crate::archive::stream::Sink;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs::COPY_BUFFER;
use crate::layer::{self, EntryKind, TarReader};
use crate::store::{BlobReader, Store, StoredLayer};
use crate::task::Task;

/// The content of a file in a layer, read as it is decompressed. It needs neither the store nor a thread, and goes on when the image is
/// removed meanwhile.
///
/// What comes behind the file is not decompressed; it is hashed once the content has been read to its end, so that a layer that is damaged
/// fails with `digest_mismatch` there at the latest. Who stops before the end has what was not checked.
pub struct FileContent {
    tar: TarReader<Box<dyn Read + Send>>,
    blob: Blob,
    size: u64,
    ended: bool,
}

/// The layer's blob, which the decoder reads up to the file, and the check behind it.
#[derive(Clone)]
struct Blob {
    reader: Arc<Mutex<BlobReader>>,
    task: Task,
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.task.check().map_err(Error::into_io)?;
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).read(buffer)
    }
}

/// Opens a regular file, all links followed inside the image. The task's cancel ends reading, too.
///
/// `not_found`; `invalid_argument` for a directory, a device or a pipe; `invalid_image` for more than 40 links.
pub fn open(store: &Store, image: &str, path: &Path, task: &Task) -> Result<FileContent> {
    let lease = store.lease();
    let view = View::open(store, image, &lease, task)?;
    let node = view.find(path, true)?;
    let what = match node.entry.kind {
        EntryKind::File => None,
        EntryKind::Directory => Some("a directory"),
        EntryKind::CharDevice => Some("a character device"),
        EntryKind::BlockDevice => Some("a block device"),
        EntryKind::Fifo => Some("a named pipe"),
        EntryKind::Symlink | EntryKind::Hardlink => Some("a link"),
    };
    if let Some(what) = what {
        let message = format!("{} of image {image} is {what}", shown(path));
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    FileContent::open(store, view.layer(node.layer)?, node.position(), task)
        .context(|| format!("read {} of image {image}", shown(path)))
}

/// Writes the content of a regular file; errors are those of [`open`]. Atomic for a path, which is not flushed to the disk.
pub fn read(store: &Store, image: &str, path: &Path, target: Target, task: &Task) -> Result<()> {
    let mut content = open(store, image, path, task)?;
    let mut sink = Sink::open(target, task)?;
    let mut buffer = vec![0; COPY_BUFFER];
    let what = || format!("read {} of image {image}", shown(path));
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return sink.commit(),
            Ok(n) => sink.write_all(&buffer[..n]).context(what)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context(what),
        }
    }
}

impl FileContent {
    /// Opens the file that is this entry of a layer, counted as in its table of contents.
    pub fn open(store: &Store, layer: &StoredLayer, position: u32, task: &Task) -> Result<FileContent> {
        let reader = Arc::new(Mutex::new(store.blob(layer.digest)?.reader()));
        // The task's events are for who called; only its cancel is for whoever reads on.
        let blob = Blob { reader, task: Task::with_token(task.token().clone()) };
        let (_, tar) = layer::decoder(blob.clone(), store.limits())?;
        let tar = TarReader::new(tar, store.limits());
        let mut content = FileContent { tar, blob, size: 0, ended: false };
        match advance(&mut content.tar, &mut 0, position, task) {
            Ok(entry) => content.size = entry.size,
            Err(error) => return Err(content.blame(error)),
        }
        Ok(content)
    }

    /// How many bytes it has, holes included.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads the blob to its end, where it is checked.
    fn check(&mut self) -> Result<()> {
        let mut rest = BufReader::with_capacity(COPY_BUFFER, &mut self.blob);
        copy(&mut rest, &mut sink()).context(|| "read layer").map(drop)
    }

    /// What is wrong with a layer whose tar makes no sense: when the blob is damaged, that.
    fn blame(&mut self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::InvalidImage | ErrorKind::Unsupported => self.check().err().unwrap_or(error),
            _ => error,
        }
    }
}

impl Read for FileContent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.blob.task.check().map_err(Error::into_io)?;
        if buffer.is_empty() || self.ended {
            return Ok(0);
        }
        match self.tar.read(buffer) {
            Ok(0) => {
                self.check().map_err(Error::into_io)?;
                self.ended = true;
                Ok(0)
            }
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                Err(self.blame(Error::io("read layer", error)).into_io())
            }
            other => other,
        }
    }
}
