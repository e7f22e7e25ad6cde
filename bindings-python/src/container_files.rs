//! The files of a container: `Engine::container_diff`, `export`, `get_archive`, `put_archive`.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cancel::CancelToken;
use crate::engine::Engine;
use crate::operation::{Operation, short};
use crate::output::Stream;
use crate::{convert, stream};

/// What differs between a container and its image.
#[pyfunction]
pub fn container_diff<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    container: String,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let engine = engine.get().core();
    convert::report(py, &operation.run(py, move |task| engine.container_diff(&container, task))?)
}

/// Writes a container's file system as a tar.
#[pyfunction]
pub fn container_export(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    container: String,
    target: &Bound<'_, PyAny>,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<()> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, target) = (engine.get().core(), stream::target(target, &operation)?);
    operation.run(py, move |task| engine.container_export(&container, target, task))
}

/// The same as an iterator.
#[pyfunction]
pub fn container_export_stream(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    container: String,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<Stream> {
    let operation = Operation::apart(py, on_event, cancel)?;
    let engine = engine.get().core();
    Stream::archive(py, operation, move |target, task| engine.container_export(&container, target, task))
}

/// What stands at a path of a container.
#[pyfunction]
pub fn container_stat<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    container: &str,
    path: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let engine = engine.get().core();
    convert::report(py, &short(py, move || engine.container_stat(container, path))?)
}

/// Writes what stands at a path of a container as a tar.
#[pyfunction]
pub fn container_get_archive<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    container: String,
    path: String,
    target: &Bound<'py, PyAny>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, target) = (engine.get().core(), stream::target(target, &operation)?);
    let work = move |task: &layerkit::Task| engine.container_get_archive(&container, &path, target, task);
    convert::report(py, &operation.run(py, work)?)
}

/// The same as an iterator.
#[pyfunction]
pub fn container_get_archive_stream(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    container: String,
    path: String,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<Stream> {
    let operation = Operation::apart(py, on_event, cancel)?;
    let engine = engine.get().core();
    Stream::archive(py, operation, move |target, task| {
        engine.container_get_archive(&container, &path, target, task).map(drop)
    })
}

/// Lays a tar into a directory of a container.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "Python gives it that many")]
pub fn container_put_archive(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    container: String,
    path: String,
    source: &Bound<'_, PyAny>,
    options: &Bound<'_, PyDict>,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<()> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    let source = stream::source(source, &operation)?;
    operation.run(py, move |task| engine.container_put_archive(&container, &path, source, &options, task))
}
