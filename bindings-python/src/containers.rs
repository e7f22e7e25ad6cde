//! The containers of a store: `Engine::containers_*`.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cancel::CancelToken;
use crate::convert;
use crate::engine::Engine;
use crate::operation::{Operation, short};
use crate::output::{Stream, Streams};

/// Creates a container.
#[pyfunction]
pub fn containers_create<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    image: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.containers_create(&image, &options, task))?)
}

/// Creates a container and starts it.
#[pyfunction]
pub fn containers_run(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    image: String,
    options: &Bound<'_, PyDict>,
    streams: Streams<'_>,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<Stream> {
    let operation = Operation::apart(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    Stream::command(py, operation, &streams, move |streams, task| {
        engine.containers_run(&image, &options, streams, task)
    })
}

/// The containers, newest first.
#[pyfunction]
pub fn containers_list<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    options: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &short(py, move || engine.containers_list(&options))?)
}

/// One container.
#[pyfunction]
pub fn containers_get<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    container: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let engine = engine.get().core();
    convert::report(py, &short(py, move || engine.containers_get(container))?)
}

/// Removes the containers that do not run.
#[pyfunction]
pub fn containers_prune<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.containers_prune(&options, task))?)
}
