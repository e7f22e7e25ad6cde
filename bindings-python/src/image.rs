//! One image: `Engine::image_*`.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cancel::CancelToken;
use crate::convert;
use crate::engine::Engine;
use crate::operation::{Operation, short};

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
