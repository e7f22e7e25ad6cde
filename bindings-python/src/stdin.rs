//! What Python gives a command to read: bytes, a file object or an iterable, as the descriptor that the core takes.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use layerkit::CancelToken;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair};

use crate::caller::Caller;
use crate::operation::Operation;
use crate::stream;

/// What the command reads.
///
/// A raw file (`io.FileIO`) is handed over by its descriptor, bytes in a file in memory. What comes of other file objects and of iterables is asked
/// for in the thread that made the call, and fed into a socket; the descriptor of a buffered file is waited on before each
/// read.
pub fn stdin(object: &Bound<'_, PyAny>, operation: &mut Operation) -> PyResult<Option<OwnedFd>> {
    if object.is_none() {
        return Ok(None);
    }
    if let Some(bytes) = stream::bytes(object) {
        return in_memory(&bytes).map(Some);
    }
    if stream::is_exactly(object, "FileIO")? {
        return stream::descriptor(object).map(Some);
    }
    fed(object, operation).map(Some)
}

fn in_memory(bytes: &[u8]) -> PyResult<OwnedFd> {
    let mut file = File::from(memfd_create("stdin", MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

fn fed(object: &Bound<'_, PyAny>, operation: &mut Operation) -> PyResult<OwnedFd> {
    let (object, method, wait) = if object.hasattr("read")? {
        stream::binary(object, "read")?;
        (object.clone(), Some(stream::read_method(object)?), stream::waited_on(object)?)
    } else if object.is_instance_of::<PyString>() || object.is_instance_of::<PyDict>() {
        return Err(unfit(object));
    } else {
        (object.try_iter().map_err(|_| unfit(object))?.into_any(), None, None)
    };
    // A socket and no pipe: what is sent to one that nobody reads any more need not raise SIGPIPE.
    let (near, far) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .map_err(std::io::Error::from)?;
    let feed = Feed {
        object: Arc::new(object.clone().unbind()),
        method,
        wait,
        socket: near,
        caller: operation.caller(),
        cancel: operation.token().clone(),
    };
    operation.help(object.py(), move || while feed.feed().is_some() {})?;
    Ok(far)
}

fn unfit(object: &Bound<'_, PyAny>) -> PyErr {
    let name = object.get_type().name().map(|name| name.to_string()).unwrap_or_default();
    PyTypeError::new_err(format!("stdin must be bytes, a binary file or an iterable of bytes, not {name}"))
}

struct Feed {
    object: Arc<Py<PyAny>>,
    /// The method that reads a file; an iterable has none.
    method: Option<&'static str>,
    wait: Option<OwnedFd>,
    socket: OwnedFd,
    caller: Caller,
    cancel: CancelToken,
}

impl Feed {
    /// Passes one chunk on; nothing when there are no more, or nobody wants any.
    fn feed(&self) -> Option<()> {
        if let Some(file) = &self.wait {
            self.wait(Some(file), PollFlags::empty())?;
        }
        let (object, method, cancel) = (Arc::clone(&self.object), self.method, self.cancel.clone());
        let asked = self.caller.call(move |py| {
            let chunk = match method {
                Some(method) => stream::read(object.bind(py), method).map(Some),
                None => next(object.bind(py)),
            };
            // The command is not to take a failure for the end.
            chunk.inspect_err(|_| cancel.cancel())
        });
        let chunk = asked.ok()??;
        if chunk.is_empty() {
            return self.method.is_none().then_some(());
        }
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            self.wait(None, PollFlags::OUT)?;
            match send(&self.socket, rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(count) => rest = &rest[count..],
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        Some(())
    }

    /// Waits for the file, or the socket; nothing when the operation was cancelled, or has let go of the other end.
    fn wait(&self, file: Option<&OwnedFd>, socket: PollFlags) -> Option<()> {
        let mut waited = vec![PollFd::new(&self.socket, socket), PollFd::new(&self.cancel, PollFlags::IN)];
        waited.extend(file.map(|file| PollFd::new(file, PollFlags::IN)));
        loop {
            match poll(&mut waited, None) {
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return None,
                Ok(_) => break,
            }
        }
        let gone = waited[0].revents().intersects(PollFlags::HUP | PollFlags::ERR);
        (!gone && !self.cancel.is_cancelled()).then_some(())
    }
}

fn next(iterator: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    let Some(chunk) = iterator.try_iter()?.next().transpose()? else { return Ok(None) };
    let wrong = || PyTypeError::new_err("what stdin iterates over must be bytes");
    stream::bytes(&chunk).ok_or_else(wrong).map(Some)
}
