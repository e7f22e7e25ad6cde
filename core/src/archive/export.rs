//! Export: the merged file system of a stack of layers, or of several, as one tar or a directory.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Target;
use super::merged::{Merged, merge};
use super::stream::Sink;
use crate::config::Limits;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::{self, Entry, EntryKind, TarWriter};
use crate::store::{Store, StoredLayer};
use crate::task::Task;

/// A file system to be exported.
#[derive(Clone, Debug)]
pub struct FileSystem {
    /// The folder it goes into; empty: the root of what is written.
    pub folder: PathBuf,
    /// Its layers, lowest first. Who calls keeps them from being removed.
    pub layers: Vec<StoredLayer>,
}

/// Writes file systems as one tar. The same layers give the same bytes. Atomic for a path: a failure leaves what was there. Like
/// what `cp` writes, it is not flushed to the disk.
///
/// Each layer is read once, so files come in the order of the layers, and directories after what is in them: that is what lets
/// every reader of tars set their times and modes right.
pub fn export_tar(store: &Store, systems: &[FileSystem], target: Target, task: &Task) -> Result<()> {
    task.check()?;
    let mut out = BufWriter::with_capacity(fs::COPY_BUFFER, Sink::open(target, task)?);
    let mut tar = TarWriter::new(&mut out);
    let written = write(store, systems, &mut tar, &|entry| entry, task).and_then(|()| tar.finish().map(drop));
    if let Err(error) = written {
        // A stream that failed is not written to again.
        let _ = out.into_parts();
        return Err(error);
    }
    out.flush().context(|| "write archive")?;
    out.into_parts().0.commit()
}

/// Writes file systems into a directory, with the calling user as the owner of everything.
///
/// A directory that is not there appears when it is whole. Into one that is there everything is moved once it is written: file by
/// file, in place of what has its name, and beside what has not. `already_exists` where something else than a directory is.
/// Nothing is flushed to the disk.
pub fn export_directory(store: &Store, systems: &[FileSystem], directory: &Path, task: &Task) -> Result<()> {
    task.check()?;
    let there = fs::is_directory(directory);
    if !there && fs::stat(directory)?.is_some() {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("{} exists and is not a directory", directory.display()),
        ));
    }
    if !there {
        fs::create_dir_all(fs::parent(directory))?;
    }
    // On the file system that it stays on: a directory may be where another one is mounted.
    let folder =
        fs::temporary_directory(if there { directory } else { fs::parent(directory) }, ".layerkit-")?;
    fs::set_mode(folder.path(), 0o755)?;
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    layer::beside(
        |sender| {
            let mut tar = TarWriter::new(BufWriter::with_capacity(fs::COPY_BUFFER, sender));
            write(store, systems, &mut tar, &|entry| Entry { uid, gid, ..entry }, task)?;
            tar.finish()?.flush().context(|| "write layer")
        },
        // The limits are on layers, and were heeded when those were read.
        |tar| layer::apply_flat(folder.path(), tar, &Limits::none(), task),
    )?;
    task.check()?;
    match there {
        true => move_into(folder.path(), directory),
        false => fs::place_directory(folder, directory),
    }
}

fn write<W: Write + Send>(
    store: &Store,
    systems: &[FileSystem],
    tar: &mut TarWriter<W>,
    change: &(dyn Fn(Entry) -> Entry + Sync),
    task: &Task,
) -> Result<()> {
    for FileSystem { folder, layers } in systems {
        let tree = merge(store, layers, task)?;
        let merged = Merged { store, layers, tree: &tree };
        merged.everything(
            &mut |entry, content| {
                let mut entry = entry.clone();
                entry.path = folder.join(&entry.path);
                if entry.kind == EntryKind::Hardlink {
                    entry.link = folder.join(&entry.link);
                }
                entry.mtime.nanoseconds = 0;
                tar.append(&change(entry), content)
            },
            task,
        )?;
        if !folder.as_os_str().is_empty() {
            let entry = Entry::new(folder, EntryKind::Directory, 0o755);
            tar.append(&change(entry), &mut std::io::empty())?;
        }
    }
    Ok(())
}

/// Moves what is in a directory into another one: directories of one name merge, everything else is replaced.
fn move_into(from: &Path, to: &Path) -> Result<()> {
    for name in fs::list(from)? {
        let (source, target) = (from.join(&name), to.join(&name));
        let mode = fs::stat(&source)?.filter(std::fs::Metadata::is_dir).map(|found| fs::mode(&found));
        let there = fs::stat(&target)?;
        if let Some(mode) = mode {
            // Who is not root may only move a directory that he may write.
            fs::set_mode(&source, mode | 0o700)?;
        }
        match there {
            Some(there) if there.is_dir() && mode.is_some() => {
                if fs::mode(&there) & 0o700 != 0o700 {
                    fs::set_mode(&target, fs::mode(&there) | 0o700)?;
                }
                move_into(&source, &target)?;
            }
            Some(there) if there.is_dir() => {
                fs::remove_tree(&target)?;
                fs::rename(&source, &target)?;
            }
            Some(_) if mode.is_some() => {
                fs::remove_file(&target)?;
                fs::rename(&source, &target)?;
            }
            _ => fs::rename(&source, &target)?,
        }
        // Not touched where it is right: it may be somebody else's.
        if let (Some(mode), Some(found)) = (mode, fs::stat(&target)?)
            && fs::mode(&found) != mode
        {
            fs::set_mode(&target, mode)?;
        }
    }
    Ok(())
}
