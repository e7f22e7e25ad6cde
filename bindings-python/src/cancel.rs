//! The cancel token.

use pyo3::prelude::*;

use crate::error;

/// Cancels the operations it is given to, from any thread. Once cancelled it stays so.
#[pyclass(frozen, module = "layerkit")]
pub struct CancelToken(layerkit::CancelToken);

impl CancelToken {
    pub fn core(&self) -> layerkit::CancelToken {
        self.0.clone()
    }
}

#[pymethods]
impl CancelToken {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        layerkit::CancelToken::new().map(CancelToken).map_err(|error| error::exception(py, &error))
    }

    /// Cancels. Idempotent, never blocks.
    fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether it was cancelled.
    #[getter]
    fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    fn __repr__(&self) -> String {
        let cancelled = if self.0.is_cancelled() { "True" } else { "False" };
        format!("<CancelToken cancelled={cancelled}>")
    }
}
