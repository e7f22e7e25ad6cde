//! What registries are asked beside pull, push and search: `Engine::registry_*`.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cancel::CancelToken;
use crate::convert;
use crate::engine::Engine;
use crate::operation::Operation;

/// Checks credentials and stores them.
#[pyfunction]
pub fn registry_login<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    server: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.registry_login(&server, &options, task))?)
}

/// Forgets credentials.
#[pyfunction]
pub fn registry_logout<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    server: String,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let engine = engine.get().core();
    convert::report(py, &operation.run(py, move |task| engine.registry_logout(&server, task))?)
}

/// Asks a registry whether it is there.
#[pyfunction]
pub fn registry_ping<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    server: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.registry_ping(&server, &options, task))?)
}

/// The tags of a repository.
#[pyfunction]
pub fn registry_tags<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    repository: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.registry_tags(&repository, &options, task))?)
}

/// A manifest or index as the registry has it.
#[pyfunction]
pub fn registry_manifest<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    name: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.registry_manifest(&name, &options, task))?)
}

/// Descriptors of what refers to a manifest.
#[pyfunction]
pub fn registry_referrers<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    name: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.registry_referrers(&name, &options, task))?)
}

/// Copies from registry to registry.
#[pyfunction]
pub fn registry_copy<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    source: String,
    destination: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(
        py,
        &operation.run(py, move |task| engine.registry_copy(&source, &destination, &options, task))?,
    )
}

/// Deletes a tag or a manifest.
#[pyfunction]
pub fn registry_delete<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    name: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.registry_delete(&name, &options, task))?)
}
