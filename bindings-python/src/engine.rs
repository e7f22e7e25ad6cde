//! The engine.

use std::path::PathBuf;

use layerkit::EngineOptions;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert;
use crate::operation::short;

/// An open store. The functions of this module take it first.
#[pyclass(frozen, module = "layerkit._native")]
pub struct Engine(layerkit::Engine);

impl Engine {
    pub fn core(&self) -> layerkit::Engine {
        self.0.clone()
    }
}

#[pymethods]
impl Engine {
    #[new]
    fn new(py: Python<'_>, root: Option<PathBuf>, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut options: EngineOptions = convert::options(options)?;
        options.root = root;
        short(py, move || layerkit::Engine::open(&options)).map(Engine)
    }

    /// Closes the store. Idempotent.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        short(py, || {
            self.0.close();
            Ok(())
        })
    }

    /// The root of the store.
    #[getter]
    fn root(&self) -> PathBuf {
        self.0.root().to_owned()
    }
}
