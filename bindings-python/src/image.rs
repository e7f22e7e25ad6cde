//! One image: `Engine::image_*`.

use std::io::Read;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use layerkit::{Error, ErrorKind, FileContent, ResultExt};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::cancel::CancelToken;
use crate::engine::Engine;
use crate::operation::{Operation, short};
use crate::{convert, stream};

/// Gives an image a name.
#[pyfunction]
pub fn image_tag(py: Python<'_>, engine: &Bound<'_, Engine>, image: &str, name: &str) -> PyResult<()> {
    let engine = engine.get().core();
    short(py, move || engine.image_tag(image, name))
}

/// An image's history, newest first.
#[pyfunction]
pub fn image_history<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    image: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let engine = engine.get().core();
    convert::report(py, &short(py, move || engine.image_history(image))?)
}

/// An image in Docker's JSON shape.
#[pyfunction]
pub fn image_inspect<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    image: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let engine = engine.get().core();
    convert::report(py, &short(py, move || engine.image_inspect(image))?)
}

/// Unpacks an image's file system into a directory.
#[pyfunction]
pub fn image_unpack(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    image: String,
    directory: PathBuf,
    options: &Bound<'_, PyDict>,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<()> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    operation.run(py, move |task| engine.image_unpack(&image, &directory, &options, task))
}

/// Pushes every name of an image.
#[pyfunction]
pub fn image_push<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    image: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.image_push(&image, &options, task))?)
}

/// Lists the files of an image.
#[pyfunction]
pub fn image_files<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    image: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.image_files(&image, &options, task))?)
}

/// Writes the content of a file of an image.
#[pyfunction]
pub fn image_read(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    image: String,
    path: PathBuf,
    target: &Bound<'_, PyAny>,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<()> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, target) = (engine.get().core(), stream::target(target, &operation)?);
    operation.run(py, move |task| engine.image_read(&image, &path, target, task))
}

/// Opens a file of an image.
#[pyfunction]
pub fn image_open(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    image: String,
    path: PathBuf,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<FileReader> {
    let operation = Operation::new(py, on_event, cancel)?;
    let engine = engine.get().core();
    let content = operation.run(py, move |task| engine.image_open(&image, &path, task))?;
    Ok(FileReader { size: content.size(), content: Mutex::new(Some(content)) })
}

/// What another image adds, changes and deletes.
#[pyfunction]
pub fn image_diff<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    image: String,
    other: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.image_diff(&image, &other, &options, task))?)
}

/// A file of an image that is read. Each read is short enough to need no thread of its own.
#[pyclass(frozen, module = "layerkit._native")]
pub struct FileReader {
    size: u64,
    content: Mutex<Option<FileContent>>,
}

#[pymethods]
impl FileReader {
    /// Bytes of the whole file.
    #[getter]
    fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes, at most so many; none at the end.
    fn read<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        let mut bytes = vec![0; size];
        let count = short(py, || {
            let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
            let closed = || Error::new(ErrorKind::InvalidArgument, "the file is closed");
            content.as_mut().ok_or_else(closed)?.read(&mut bytes).context(|| "read a file of an image")
        })?;
        Ok(PyBytes::new(py, &bytes[..count]))
    }

    /// Closes it. Idempotent.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.content.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
