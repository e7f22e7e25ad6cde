//! The one place where an error of the core becomes a Python exception.

use layerkit::{Error, ErrorKind, Field};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

/// Every code of the core: `layerkit.errors` makes its table of classes from it.
pub fn codes(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
    PyTuple::new(py, ErrorKind::ALL.iter().map(|(_, code)| *code))
}

/// The exception for this error, of the class that its code has in `layerkit.errors`.
pub fn exception(py: Python<'_>, error: &Error) -> PyErr {
    instance(py, error).map_or_else(|broken| broken, PyErr::from_value)
}

fn instance<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    static FROM_CORE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let fields = PyDict::new(py);
    for (name, value) in error.fields() {
        match value {
            Field::Int(number) => fields.set_item(name, number)?,
            Field::Text(text) => fields.set_item(name, text)?,
        }
    }
    FROM_CORE.import(py, "layerkit.errors", "from_core")?.call1((error.code(), error.to_string(), fields))
}
