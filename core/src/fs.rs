//! The only door to `std::fs`: whole-file writes that are atomic, locks that die with their process, and errors that name the path.
//!
//! Knows nothing of what is stored where.
#![allow(clippy::disallowed_methods)]

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use crate::error::{Error, ErrorKind, Result, ResultExt};

/// Size of the buffers that file contents are copied through, in bytes.
pub const COPY_BUFFER: usize = 256 * 1024;

fn named<'a>(verb: &'a str, path: &'a Path) -> impl FnOnce() -> String + 'a {
    move || format!("{verb} {}", path.display())
}

/// Opens a file to read.
pub fn open(path: &Path) -> Result<File> {
    File::open(path).context(named("open", path))
}

/// Creates a file that must not exist, readable by its owner only.
pub fn create_new(path: &Path) -> Result<File> {
    OpenOptions::new()
        .write(true)
        .read(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .context(named("create", path))
}

/// Reads a whole file of at most `limit` bytes; a longer one is `invalid_argument`.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(limit + 1).read_to_end(&mut bytes).context(named("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("{} is larger than {limit} bytes", path.display()),
        ));
    }
    Ok(bytes)
}

/// Like [`read`], or `None` when there is no such file.
pub fn read_optional(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    match read(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates a directory and its parents with mode 0700 where they are missing.
pub fn create_dir_all(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .context(named("create directory", path))
}

/// Creates a directory that must not exist, mode 0700.
pub fn create_dir(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new().mode(0o700).create(path).context(named("create directory", path))
}

/// Renames within one file system; atomic, replaces a file (or an empty directory) of the new name.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).context(|| format!("rename {} to {}", from.display(), to.display()))
}

/// Renames, or fails with `already_exists` when the new name is taken; atomic.
pub fn rename_new(from: &Path, to: &Path) -> Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)
        .context(|| format!("rename {} to {}", from.display(), to.display()))
}

/// Hard-links a file; `already_exists` when the new name is taken.
pub fn hard_link(from: &Path, to: &Path) -> Result<()> {
    std::fs::hard_link(from, to).context(|| format!("link {} to {}", from.display(), to.display()))
}

/// Writes to a file that has to be there, such as the kernel's, in place.
pub fn write_existing(path: &Path, text: &str) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .context(named("write", path))
}

/// Removes a file; one that is not there is fine.
pub fn remove_file(path: &Path) -> Result<()> {
    ignore_missing(std::fs::remove_file(path)).context(named("remove", path))
}

/// Removes a directory and all below it, following no links; one that is not there is fine.
pub fn remove_tree(path: &Path) -> Result<()> {
    ignore_missing(std::fs::remove_dir_all(path)).context(named("remove", path))
}

fn ignore_missing(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The names in a directory, sorted. A directory that is not there has none.
pub fn list(path: &Path) -> Result<Vec<std::ffi::OsString>> {
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.context(named("list", path))?,
    };
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<std::io::Result<Vec<_>>>()
        .context(named("list", path))?;
    names.sort();
    Ok(names)
}

/// The attributes of a path, not following a link, or `None` when there is none.
pub fn stat(path: &Path) -> Result<Option<std::fs::Metadata>> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        // Below a file there is nothing, either.
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(Error::io(format!("stat {}", path.display()), error)),
    }
}

/// Whether a path is a directory, links followed.
pub fn is_directory(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_dir())
}

/// A file that is in memory alone, with this content, to be read from its start.
pub fn in_memory(content: &[u8]) -> Result<File> {
    let what = || "make a file in memory";
    let memory = rustix::fs::memfd_create("layerkit", rustix::fs::MemfdFlags::CLOEXEC).context(what)?;
    let mut file = File::from(memory);
    file.write_all(content).and_then(|()| file.rewind()).context(what)?;
    Ok(file)
}

/// Flushes a file's data to the disk.
pub fn sync_file(file: &File, path: &Path) -> Result<()> {
    file.sync_data().context(named("sync", path))
}

/// Flushes a directory, so that names made or moved in it last.
pub fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).context(named("sync", path))
}

/// Flushes the whole file system that holds `path`.
pub fn sync_filesystem(path: &Path) -> Result<()> {
    let dir = open(path)?;
    rustix::fs::syncfs(&dir).context(named("sync the file system of", path))
}

/// The absolute form of a path that exists, links resolved.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(path).context(named("find", path))
}

/// A new file that is gone when dropped, readable by its owner only.
pub fn temporary_file(folder: &Path, prefix: &str) -> Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix(prefix)
        .tempfile_in(folder)
        .context(named("create a temporary file in", folder))
}

/// A new directory, mode 0700, that is gone with all in it when dropped.
pub fn temporary_directory(folder: &Path, prefix: &str) -> Result<tempfile::TempDir> {
    tempfile::Builder::new()
        .prefix(prefix)
        .tempdir_in(folder)
        .context(named("create a temporary directory in", folder))
}

/// Gives a temporary file its name, replacing what was there; atomic.
pub fn persist(file: tempfile::NamedTempFile, path: &Path) -> Result<()> {
    file.persist(path).map(drop).map_err(|error| Error::io(format!("create {}", path.display()), error.error))
}

/// The directory that a path is in.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Gives a finished temporary directory its name. What was there goes, after the new one has taken its place at once.
pub fn place_directory(folder: tempfile::TempDir, path: &Path) -> Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, folder.path(), CWD, path, RenameFlags::EXCHANGE) {
        Ok(()) => sync_dir(parent(path)), // dropping the folder removes the old one
        Err(rustix::io::Errno::NOENT) => {
            rename(folder.path(), path)?;
            let _ = folder.keep();
            sync_dir(parent(path))
        }
        Err(error) => Err(Error::io(format!("create {}", path.display()), error)),
    }
}

/// The text of a symbolic link.
pub fn read_link(path: &Path) -> Result<PathBuf> {
    std::fs::read_link(path).context(named("read link", path))
}

/// The extended attributes of a file or directory; none where the file system has none.
pub fn xattrs(path: &Path) -> Result<Vec<(std::ffi::OsString, Vec<u8>)>> {
    use rustix::io::Errno;
    use std::os::unix::ffi::OsStrExt;
    let size = match rustix::fs::llistxattr(path, &mut [0u8; 0]) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(Vec::new()),
        Ok(size) => size,
        Err(error) => return Err(Error::io(format!("list attributes of {}", path.display()), error)),
    };
    let mut names = vec![0; size];
    let size = rustix::fs::llistxattr(path, &mut names).context(named("list attributes of", path))?;
    let mut attributes = Vec::new();
    for name in names[..size].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = std::ffi::OsStr::from_bytes(name);
        let mut value = vec![
            0;
            rustix::fs::lgetxattr(path, name, &mut [0u8; 0])
                .context(named("read attributes of", path))?
        ];
        let size =
            rustix::fs::lgetxattr(path, name, &mut value).context(named("read attributes of", path))?;
        value.truncate(size);
        attributes.push((name.to_owned(), value));
    }
    Ok(attributes)
}

/// Sets the permissions of a file or directory.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
        .context(named("set the mode of", path))
}

/// The permissions of a file or directory, with setuid, setgid and sticky.
pub fn mode(found: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o7777
}

/// Bytes of the files at and below a path, links not followed; what vanishes meanwhile counts nothing.
pub fn tree_size(path: &Path) -> Result<u64> {
    let Some(found) = stat(path)? else { return Ok(0) };
    if !found.is_dir() {
        return Ok(found.len());
    }
    list(path)?.into_iter().map(|name| tree_size(&path.join(name))).sum()
}

/// Fills a buffer with random bytes of the system.
pub fn random(buffer: &mut [u8]) -> Result<()> {
    open(Path::new("/dev/urandom"))?.read_exact(buffer).context(|| "read /dev/urandom")
}

/// A file that is written under a temporary name and gets its own only when whole. Dropped before, it is gone.
pub struct AtomicFile {
    temporary: tempfile::NamedTempFile,
    path: PathBuf,
}

impl AtomicFile {
    /// Begins to write `path`, which appears with [`AtomicFile::place`]. Mode 0666 less the process's umask.
    pub fn create(path: &Path) -> Result<Self> {
        let temporary = tempfile::Builder::new()
            .prefix(".layerkit-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
            .tempfile_in(parent(path))
            .context(named("create a file beside", path))?;
        Ok(AtomicFile { temporary, path: path.to_owned() })
    }

    /// The same for a file that only its owner may read: mode 0600.
    pub fn create_private(path: &Path) -> Result<Self> {
        Ok(AtomicFile { temporary: temporary_file(parent(path), ".layerkit-")?, path: path.to_owned() })
    }

    /// Gives it its name, replacing what was there. Not flushed: that is for who needs it to outlast the power.
    pub fn place(self) -> Result<()> {
        persist(self.temporary, &self.path)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.temporary.as_file_mut().write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.temporary.as_file_mut().flush()
    }
}

/// Bytes between two flushes of what is being written.
const FLUSH_EVERY: u64 = 64 << 20;

/// Flushes what is written on a thread beside, so that the end does not wait for all of it. The thread ends with it.
pub struct Flusher {
    flush: fn(&File) -> std::io::Result<()>,
    written: u64,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Flusher {
    /// For one large file.
    pub fn of_file() -> Self {
        Flusher { flush: File::sync_data, written: 0, thread: None }
    }

    /// For many files, by the file system that they are in.
    pub fn of_filesystem() -> Self {
        Flusher { flush: |file| Ok(rustix::fs::syncfs(file)?), written: 0, thread: None }
    }

    /// Takes note of bytes that were written to the file, or to the file system that it is in.
    pub fn wrote(&mut self, file: &File, bytes: usize) -> std::io::Result<()> {
        let before = self.written / FLUSH_EVERY;
        self.written += bytes as u64;
        let idle = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        if self.written / FLUSH_EVERY > before && idle {
            self.join()?;
            let (file, flush) = (file.try_clone()?, self.flush);
            let thread = std::thread::Builder::new().name("flush".into());
            self.thread = Some(thread.spawn(move || flush(&file))?);
        }
        Ok(())
    }

    /// Waits for the flush that is under way.
    pub fn join(&mut self) -> std::io::Result<()> {
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(std::io::Error::other("the thread that flushes died")),
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        // What was written is given up, and with it what its flush says; but no thread outlives the operation.
        let _ = self.join();
    }
}

/// Opens or creates the file of a lock, close-on-exec.
pub fn open_lock(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .context(named("open lock", path))
}

/// Opens the file of a lock that is there, close-on-exec.
pub fn open_existing_lock(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).open(path).context(named("open lock", path))
}

/// Takes the BSD lock (flock(2)) of an open file, alone or together with others, without waiting. `false` when it is taken. It is gone
/// once the file is closed everywhere, at the latest with the processes that have it open.
pub fn try_flock(file: &File, alone: bool) -> Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    let operation =
        if alone { FlockOperation::NonBlockingLockExclusive } else { FlockOperation::NonBlockingLockShared };
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(Error::io("lock", error)),
    }
}

/// Takes the BSD lock of an open file alone, and waits for it.
pub fn flock(file: &File) -> Result<()> {
    use rustix::fs::{FlockOperation, flock};
    loop {
        match flock(file, FlockOperation::LockExclusive) {
            Err(rustix::io::Errno::INTR) => {}
            other => return other.context(|| "lock"),
        }
    }
}

/// Gives a BSD lock up, also where a forked child still has the file open.
pub fn unflock(file: &File) {
    let _ = rustix::fs::flock(file, rustix::fs::FlockOperation::Unlock);
}

/// Sets the owner of a file or directory.
pub fn set_owner(path: &Path, uid: u32, gid: u32) -> Result<()> {
    std::os::unix::fs::lchown(path, Some(uid), Some(gid)).context(named("set the owner of", path))
}

/// Takes the POSIX record lock on a whole file, without waiting. `false` when another process holds it.
///
/// POSIX locks belong to the process: the same process always gets the lock again, a forked child never inherits it, and
/// closing *any* descriptor of the file drops it.
pub fn try_lock(file: impl AsFd) -> Result<bool> {
    use rustix::fs::{FlockOperation, fcntl_lock};
    match fcntl_lock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::ACCESS | rustix::io::Errno::AGAIN) => Ok(false),
        Err(error) => Err(Error::io("lock", error)),
    }
}
