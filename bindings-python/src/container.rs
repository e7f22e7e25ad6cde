//! One container: `Engine::container_*`, but for its files.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cancel::CancelToken;
use crate::convert;
use crate::engine::Engine;
use crate::operation::{Operation, short};
use crate::output::{Stream, Streams};

/// A container in Docker's JSON shape.
#[pyfunction]
pub fn container_inspect<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    container: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let engine = engine.get().core();
    convert::report(py, &short(py, move || engine.container_inspect(container))?)
}

/// Starts a container that does not run.
#[pyfunction]
pub fn container_start(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    container: String,
    options: &Bound<'_, PyDict>,
    streams: Streams<'_>,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<Stream> {
    let operation = Operation::apart(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    Stream::command(py, operation, &streams, move |streams, task| {
        engine.container_start(&container, &options, streams, task)
    })
}

/// Attaches to a container that runs.
#[pyfunction]
pub fn container_attach(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    container: String,
    options: &Bound<'_, PyDict>,
    streams: Streams<'_>,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<Stream> {
    let operation = Operation::apart(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    Stream::command(py, operation, &streams, move |streams, task| {
        engine.container_attach(&container, &options, streams, task)
    })
}

/// Executes a command in a container that runs.
#[pyfunction]
pub fn container_exec(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    container: String,
    options: &Bound<'_, PyDict>,
    streams: Streams<'_>,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<Stream> {
    let operation = Operation::apart(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    Stream::command(py, operation, &streams, move |streams, task| {
        engine.container_exec(&container, &options, streams, task)
    })
}

/// What a container wrote.
#[pyfunction]
pub fn container_logs(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    container: String,
    options: &Bound<'_, PyDict>,
    streams: (bool, bool),
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<Stream> {
    let operation = Operation::apart(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    Stream::logs(py, operation, streams, move |output, task| {
        engine.container_logs(&container, &options, output, task)
    })
}

/// Waits for a container.
#[pyfunction]
pub fn container_wait<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    container: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.container_wait(&container, &options, task))?)
}

/// Stops a container.
#[pyfunction]
pub fn container_stop(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    container: String,
    options: &Bound<'_, PyDict>,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<()> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    operation.run(py, move |task| engine.container_stop(&container, &options, task))
}

/// Stops a container and starts it.
#[pyfunction]
pub fn container_restart(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    container: String,
    options: &Bound<'_, PyDict>,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<()> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    operation.run(py, move |task| engine.container_restart(&container, &options, task))
}

/// Sends a container a signal.
#[pyfunction]
pub fn container_kill(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    container: &str,
    options: &Bound<'_, PyDict>,
) -> PyResult<()> {
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    short(py, move || engine.container_kill(container, &options))
}

/// Stops everything in a container for a while.
#[pyfunction]
pub fn container_pause(py: Python<'_>, engine: &Bound<'_, Engine>, container: &str) -> PyResult<()> {
    let engine = engine.get().core();
    short(py, move || engine.container_pause(container))
}

/// Lets it go on.
#[pyfunction]
pub fn container_unpause(py: Python<'_>, engine: &Bound<'_, Engine>, container: &str) -> PyResult<()> {
    let engine = engine.get().core();
    short(py, move || engine.container_unpause(container))
}

/// Tells a container's terminal its size.
#[pyfunction]
pub fn container_resize(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    container: &str,
    rows: u16,
    cols: u16,
) -> PyResult<()> {
    let engine = engine.get().core();
    short(py, move || engine.container_resize(container, rows, cols))
}

/// The processes of a container.
#[pyfunction]
pub fn container_top<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    container: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let engine = engine.get().core();
    convert::report(py, &short(py, move || engine.container_top(container))?)
}

/// Gives a container another name.
#[pyfunction]
pub fn container_rename(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    container: &str,
    name: &str,
) -> PyResult<()> {
    let engine = engine.get().core();
    short(py, move || engine.container_rename(container, name))
}

/// Removes a container.
#[pyfunction]
pub fn container_remove(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    container: &str,
    options: &Bound<'_, PyDict>,
) -> PyResult<()> {
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    short(py, move || engine.container_remove(container, &options))
}

/// Makes an image of a container; returns its ID.
#[pyfunction]
pub fn container_commit<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    container: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.container_commit(&container, &options, task))?)
}
