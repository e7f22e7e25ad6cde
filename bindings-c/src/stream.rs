//! Sources and targets of bytes: paths, descriptors, and callbacks of the caller's.

use std::ffi::{c_char, c_int, c_void};
use std::io::{self, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::PathBuf;

use layerkit::{Error, ErrorKind, Result, Source, Target};

use crate::arguments::{Versioned, invalid, optional_text, versioned};

/// Reads up to `length` bytes into `buffer`: returns how many, 0 at the end, or a negative number when it failed
/// (the operation ends with code `callback`).
///
/// It may be called from another thread than the one that called the function, but never twice at once, and never after the
/// function has returned.
pub type layerkit_read_callback =
    Option<unsafe extern "C" fn(payload: *mut c_void, buffer: *mut c_void, length: usize) -> i64>;

/// Writes up to `length` bytes from `buffer`: returns how many it took, at least one, or a negative number when it
/// failed (the operation ends with code `callback`). Threads: as for `layerkit_read_callback`.
pub type layerkit_write_callback =
    Option<unsafe extern "C" fn(payload: *mut c_void, buffer: *const c_void, length: usize) -> i64>;

/// Where bytes come from: exactly one of `path`, `fd` and `read`. Made by `LAYERKIT_SOURCE_PATH(path)`,
/// `LAYERKIT_SOURCE_FD(fd)`, `LAYERKIT_SOURCE_READ(callback, payload)`, or from `LAYERKIT_SOURCE_INIT`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_source {
    /// `sizeof(layerkit_source)`.
    pub size: usize,
    /// A file; for `layerkit_images_load` also a directory that is an OCI layout.
    pub path: *const c_char,
    /// A descriptor (pipe, socket, file), read from where it stands; -1 for none. It stays the caller's, who may close it
    /// after the call. A wait on it ends when the operation is cancelled.
    pub fd: c_int,
    /// A function that reads. A cancel takes effect between two calls.
    pub read: layerkit_read_callback,
    /// Handed to `read`.
    pub payload: *mut c_void,
}

/// Where bytes go: exactly one of `path`, `fd` and `write`. Made by `LAYERKIT_TARGET_PATH(path)`,
/// `LAYERKIT_TARGET_FD(fd)`, `LAYERKIT_TARGET_WRITE(callback, payload)`, or from `LAYERKIT_TARGET_INIT`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_target {
    /// `sizeof(layerkit_target)`.
    pub size: usize,
    /// A file, which appears when it is whole; for the format `oci-dir` a directory.
    pub path: *const c_char,
    /// A descriptor, written from where it stands; -1 for none. It stays the caller's. A wait on it ends when the operation
    /// is cancelled.
    pub fd: c_int,
    /// A function that writes.
    pub write: layerkit_write_callback,
    /// Handed to `write`.
    pub payload: *mut c_void,
}

// SAFETY: repr(C), begins with its size, and zero is valid for every other field.
unsafe impl Versioned for layerkit_source {}
// SAFETY: the same.
unsafe impl Versioned for layerkit_target {}

pub struct Reader {
    pub read: unsafe extern "C" fn(payload: *mut c_void, buffer: *mut c_void, length: usize) -> i64,
    pub payload: *mut c_void,
}

struct Writer {
    write: unsafe extern "C" fn(payload: *mut c_void, buffer: *const c_void, length: usize) -> i64,
    payload: *mut c_void,
}

// SAFETY: callbacks are documented to be called from any thread with the payload; `&mut self` keeps calls apart.
unsafe impl Send for Reader {}
// SAFETY: the same.
unsafe impl Send for Writer {}

/// The count that a callback returned for a buffer of `length` bytes.
fn count(what: &str, returned: i64, length: usize) -> io::Result<usize> {
    match usize::try_from(returned) {
        Ok(count) if count <= length => Ok(count),
        _ => {
            let message =
                format!("the {what} callback failed: it returned {returned} for a buffer of {length} bytes");
            Err(Error::new(ErrorKind::Callback, message).into_io())
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the caller's function with its payload, and a buffer of that length.
        let returned = unsafe { (self.read)(self.payload, buffer.as_mut_ptr().cast(), buffer.len()) };
        count("read", returned, buffer.len())
    }
}

impl Write for Writer {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        // SAFETY: the caller's function with its payload, and a buffer of that length.
        let returned = unsafe { (self.write)(self.payload, buffer.as_ptr().cast(), buffer.len()) };
        match returned {
            0 => count("write", -1, buffer.len()),
            returned => count("write", returned, buffer.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A descriptor of our own for the caller's open file.
pub fn duplicate(fd: c_int) -> Result<OwnedFd> {
    // SAFETY: asks the kernel only; a number that is no descriptor is EBADF.
    let own = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
    if own < 0 {
        return Err(Error::io(format!("descriptor {fd}"), io::Error::last_os_error()));
    }
    // SAFETY: fcntl has just made it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(own) })
}

/// The core's source.
///
/// # Safety
/// `source` is NULL or a struct of the caller's whose path and callback stay valid during the call.
pub unsafe fn core_source(source: *const layerkit_source) -> Result<Source> {
    // SAFETY: as the caller promises.
    let Some(given) = (unsafe { versioned("source", source) })? else {
        return Err(invalid("source is NULL".to_owned()));
    };
    // SAFETY: the same.
    match (unsafe { optional_text("source->path", given.path) }?, given.fd, given.read) {
        (Some(path), ..0, None) => Ok(Source::Path(PathBuf::from(path))),
        (None, fd @ 0.., None) => Ok(Source::Fd(duplicate(fd)?)),
        (None, ..0, Some(read)) => Ok(Source::Stream(Box::new(Reader { read, payload: given.payload }))),
        _ => Err(invalid("source needs exactly one of path, fd and read".to_owned())),
    }
}

/// The core's target.
///
/// # Safety
/// `target` is NULL or a struct of the caller's whose path and callback stay valid during the call.
pub unsafe fn core_target(target: *const layerkit_target) -> Result<Target> {
    // SAFETY: as the caller promises.
    let Some(given) = (unsafe { versioned("target", target) })? else {
        return Err(invalid("target is NULL".to_owned()));
    };
    // SAFETY: the same.
    match (unsafe { optional_text("target->path", given.path) }?, given.fd, given.write) {
        (Some(path), ..0, None) => Ok(Target::Path(PathBuf::from(path))),
        (None, fd @ 0.., None) => Ok(Target::Fd(duplicate(fd)?)),
        (None, ..0, Some(write)) => Ok(Target::Stream(Box::new(Writer { write, payload: given.payload }))),
        _ => Err(invalid("target needs exactly one of path, fd and write".to_owned())),
    }
}
