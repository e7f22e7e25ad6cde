//! Paths and file objects of Python as sources and targets of the core.

use std::io::{self, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use layerkit::{CancelToken, Error, ErrorKind, Source, Target};
use pyo3::exceptions::{PyBlockingIOError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString};
use rustix::event::{PollFd, PollFlags, poll};

use crate::caller::Caller;
use crate::operation::Operation;

/// What one call of a file object's `read` is asked for.
const CHUNK: usize = 1 << 18;

/// A path (str or PathLike) or a binary file object that reads.
///
/// A raw file (`io.FileIO`) is read by its descriptor. A buffered one is read through its own methods, since what it has
/// buffered is nowhere else; before each read its descriptor is waited on together with the cancel token.
pub fn source(object: &Bound<'_, PyAny>, operation: &Operation) -> PyResult<Source> {
    if let Some(path) = path(object)? {
        return Ok(Source::Path(path));
    }
    binary(object, "read")?;
    if is_exactly(object, "FileIO")? {
        return Ok(Source::Fd(descriptor(object)?));
    }
    Ok(Source::Stream(Box::new(Reader {
        object: Arc::new(object.clone().unbind()),
        method: read_method(object)?,
        wait: waited_on(object)?,
        cancel: operation.token().clone(),
        caller: operation.caller(),
        chunk: Vec::new(),
        at: 0,
    })))
}

/// A path (str or PathLike) or a binary file object that writes.
///
/// A raw file is written by its descriptor, and so is an `io.BufferedWriter` over one, after a flush; anything else
/// through its `write`.
pub fn target(object: &Bound<'_, PyAny>, operation: &Operation) -> PyResult<Target> {
    if let Some(path) = path(object)? {
        return Ok(Target::Path(path));
    }
    binary(object, "write")?;
    if is_exactly(object, "FileIO")? {
        return Ok(Target::Fd(descriptor(object)?));
    }
    if is_exactly(object, "BufferedWriter")? && is_exactly(&object.getattr("raw")?, "FileIO")? {
        object.call_method0("flush")?;
        return Ok(Target::Fd(descriptor(object)?));
    }
    Ok(Target::Stream(Box::new(Writer {
        object: Arc::new(object.clone().unbind()),
        raw: is_instance(object, "RawIOBase")?,
        caller: operation.caller(),
    })))
}

fn path(object: &Bound<'_, PyAny>) -> PyResult<Option<PathBuf>> {
    if object.is_instance_of::<PyString>() || object.hasattr("__fspath__")? {
        return object.extract().map(Some);
    }
    Ok(None)
}

/// The method that reads what is there.
pub fn read_method(object: &Bound<'_, PyAny>) -> PyResult<&'static str> {
    // `read` of a buffered object insists on a full buffer, and would sit on what a slow pipe already gave.
    Ok(if is_instance(object, "BufferedIOBase")? { "read1" } else { "read" })
}

/// What can be waited on before a read, where that is known.
pub fn waited_on(object: &Bound<'_, PyAny>) -> PyResult<Option<OwnedFd>> {
    if is_exactly(object, "BufferedReader")? && is_exactly(&object.getattr("raw")?, "FileIO")? {
        return descriptor(object).map(Some);
    }
    Ok(None)
}

/// What one call of a file object's `read` gives; nothing at its end.
pub fn read(object: &Bound<'_, PyAny>, method: &str) -> PyResult<Vec<u8>> {
    let data = object.call_method1(method, (CHUNK,))?;
    if data.is_none() {
        return Err(PyBlockingIOError::new_err("the stream is not blocking and has nothing to read"));
    }
    bytes(&data).ok_or_else(|| PyTypeError::new_err("read() of the stream must return bytes"))
}

/// The bytes of an object that is some.
pub fn bytes(object: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
    match object.cast::<PyBytes>() {
        Ok(bytes) => Some(bytes.as_bytes().to_vec()),
        Err(_) if object.is_instance_of::<PyByteArray>() || object.is_instance_of::<PyMemoryView>() => {
            object.extract().ok()
        }
        Err(_) => None,
    }
}

/// Refuses what has no such method, and text files.
pub fn binary(object: &Bound<'_, PyAny>, method: &str) -> PyResult<()> {
    if is_instance(object, "TextIOBase")? {
        return Err(PyTypeError::new_err("a binary file is needed, not a text file (use its .buffer)"));
    }
    if !object.hasattr(method)? {
        let name = object.get_type().name()?;
        let message = format!("expected a path or a binary file with .{method}(), not {name}");
        return Err(PyTypeError::new_err(message));
    }
    Ok(())
}

/// Whether it is of this class of `io`, and of none that is made of it.
pub fn is_exactly(object: &Bound<'_, PyAny>, class: &str) -> PyResult<bool> {
    Ok(object.get_type().is(&object.py().import("io")?.getattr(class)?))
}

fn is_instance(object: &Bound<'_, PyAny>, class: &str) -> PyResult<bool> {
    object.is_instance(&object.py().import("io")?.getattr(class)?)
}

/// The descriptor below a raw or buffered file, as one of its own.
pub fn descriptor(file: &Bound<'_, PyAny>) -> PyResult<OwnedFd> {
    let number = file.call_method0("fileno")?.extract()?;
    // SAFETY: an io.FileIO that answers fileno() has it open, and cannot close it while we hold the GIL.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(borrowed.try_clone_to_owned()?)
}

struct Reader {
    object: Arc<Py<PyAny>>,
    method: &'static str,
    wait: Option<OwnedFd>,
    cancel: CancelToken,
    caller: Caller,
    chunk: Vec<u8>,
    at: usize,
}

impl Reader {
    fn fill(&mut self) -> io::Result<()> {
        if let Some(file) = &self.wait {
            poll(&mut [PollFd::new(file, PollFlags::IN), PollFd::new(&self.cancel, PollFlags::IN)], None)?;
        }
        if self.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the operation was cancelled").into_io());
        }
        let (object, method) = (Arc::clone(&self.object), self.method);
        let read = self.caller.call(move |py| read(object.bind(py), method));
        (self.chunk, self.at) = (read.map_err(Error::into_io)?, 0);
        Ok(())
    }
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            self.fill()?;
        }
        let count = (&self.chunk[self.at..]).read(out)?;
        self.at += count;
        Ok(count)
    }
}

struct Writer {
    object: Arc<Py<PyAny>>,
    raw: bool,
    caller: Caller,
}

impl Write for Writer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let (object, raw, data) = (Arc::clone(&self.object), self.raw, data.to_vec());
        let written = self.caller.call(move |py| {
            let answer = object.call_method1(py, "write", (PyBytes::new(py, &data),))?;
            match answer.extract::<Option<usize>>(py)? {
                Some(count) if count <= data.len() => Ok(count),
                Some(_) => Err(PyValueError::new_err("write() of the stream says it wrote more than it got")),
                None if raw => Err(PyBlockingIOError::new_err("the stream is not blocking and is full")),
                // An object that answers nothing took it all: only raw files take a part.
                None => Ok(data.len()),
            }
        });
        written.map_err(Error::into_io)
    }

    fn flush(&mut self) -> io::Result<()> {
        let object = Arc::clone(&self.object);
        let flushed = self.caller.call(move |py| {
            let object = object.bind(py);
            if object.hasattr("flush")? { object.call_method0("flush").map(drop) } else { Ok(()) }
        });
        flushed.map_err(Error::into_io)
    }
}
