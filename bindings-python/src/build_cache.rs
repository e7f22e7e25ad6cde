//! What builds keep for the next ones: `Engine::build_cache_*`.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cancel::CancelToken;
use crate::engine::Engine;
use crate::operation::{Operation, short};
use crate::{convert, stream};

/// What there is, what was used last first.
#[pyfunction]
pub fn build_cache_list<'py>(py: Python<'py>, engine: &Bound<'py, Engine>) -> PyResult<Bound<'py, PyAny>> {
    let engine = engine.get().core();
    convert::report(py, &short(py, move || engine.build_cache_list())?)
}

/// Removes what is asked and not in use.
#[pyfunction]
pub fn build_cache_prune<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.build_cache_prune(&options, task))?)
}

/// Writes a cache mount as a tar.
#[pyfunction]
pub fn build_cache_export(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    id: String,
    target: &Bound<'_, PyAny>,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<()> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, target) = (engine.get().core(), stream::target(target, &operation)?);
    operation.run(py, move |task| engine.build_cache_export(&id, target, task))
}

/// Makes a cache mount of a tar.
#[pyfunction]
pub fn build_cache_import(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    id: String,
    source: &Bound<'_, PyAny>,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<()> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, source) = (engine.get().core(), stream::source(source, &operation)?);
    operation.run(py, move |task| engine.build_cache_import(&id, source, task))
}
