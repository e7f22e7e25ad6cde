//! The store as a whole: `Engine::system_*`.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cancel::CancelToken;
use crate::convert;
use crate::engine::Engine;
use crate::operation::{Operation, short};

/// What the engine is and where it works.
#[pyfunction]
pub fn system_info<'py>(py: Python<'py>, engine: &Bound<'py, Engine>) -> PyResult<Bound<'py, PyAny>> {
    let engine = engine.get().core();
    convert::report(py, &short(py, move || engine.system_info())?)
}

/// Disk use of the store.
#[pyfunction]
pub fn system_df<'py>(py: Python<'py>, engine: &Bound<'py, Engine>) -> PyResult<Bound<'py, PyAny>> {
    let engine = engine.get().core();
    convert::report(py, &short(py, move || engine.system_df())?)
}

/// Checks the whole store.
#[pyfunction]
pub fn system_verify<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.system_verify(&options, task))?)
}

/// Prunes everything that nothing uses.
#[pyfunction]
pub fn system_prune<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.system_prune(&options, task))?)
}
