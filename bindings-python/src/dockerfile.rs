//! Dockerfiles as data.

use pyo3::prelude::*;

use crate::convert;
use crate::operation::short;

/// Parses a Dockerfile.
#[pyfunction]
pub fn dockerfile_parse<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    convert::report(py, &short(py, || layerkit::dockerfile_parse(text))?)
}
