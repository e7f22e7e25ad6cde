//! Unpack: an image's file system into a directory of the caller's.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::UnpackOptions;
use super::merged::layers_of;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::{Event, LayerState};
use crate::fs::{self, Flusher};
use crate::layer;
use crate::store::Store;
use crate::task::Task;

/// Unpacks an image into `directory`, which appears, flushed, when it is whole. One that is there and not empty is
/// `already_exists`, or replaced at once when the options say so. Starting anew after a failure is always right.
pub fn unpack(
    store: &Store,
    image: &str,
    directory: &Path,
    options: &UnpackOptions,
    task: &Task,
) -> Result<()> {
    task.check()?;
    let lease = store.lease();
    let layers = layers_of(store, image, &lease)?;
    let taken = match fs::stat(directory)? {
        None => false,
        Some(found) if found.is_dir() => !fs::list(directory)?.is_empty(),
        Some(_) => {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{} exists and is not a directory", directory.display()),
            ));
        }
    };
    if taken && !options.replace {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("{} exists and is not empty", directory.display()),
        ));
    }
    let folder = fs::temporary_directory(fs::parent(directory), ".layerkit-")?;
    fs::set_mode(folder.path(), 0o755)?;
    let mut flushed = Flushed { place: fs::open(folder.path())?, flusher: Flusher::of_filesystem() };
    for layer in &layers {
        let tell = |state| {
            let id = layer.diff_id.to_string();
            task.emit(&Event::Layer { operation: "unpack", id, state, bytes: 0, total: 0 })
        };
        tell(LayerState::Started)?;
        store
            .read_layer(layer, |tar| {
                layer::apply_flat(folder.path(), flushed.beside(tar), store.limits(), task)
            })
            .context(|| format!("unpack layer {}", layer.digest))?;
        tell(LayerState::Done)?;
    }
    flushed.flusher.join().context(|| format!("sync the file system of {}", folder.path().display()))?;
    fs::sync_filesystem(folder.path())?;
    task.check()?;
    fs::place_directory(folder, directory)
}

/// Where files are written, flushed while that goes on.
struct Flushed {
    place: File,
    flusher: Flusher,
}

impl Flushed {
    /// A tar, whose files are as good as written when they were read.
    fn beside<R: Read>(&mut self, tar: R) -> Written<'_, R> {
        Written { tar, flushed: self }
    }
}

struct Written<'a, R> {
    tar: R,
    flushed: &'a mut Flushed,
}

impl<R: Read> Read for Written<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.tar.read(buffer)?;
        let Flushed { place, flusher } = &mut *self.flushed;
        flusher.wrote(place, read)?;
        Ok(read)
    }
}
