//! The registry for tests: `layerkit.testing.Registry` is made of this.

use std::borrow::Cow;

use layerkit::{Error, ErrorKind, Result};
use layerkit_testing::{FaultRule, Options, Registry};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::convert;
use crate::error;
use crate::operation::short;

/// A registry that serves on a thread of its own until it is stopped.
#[pyclass(frozen, module = "layerkit._native")]
pub struct TestRegistry(Registry);

fn start(options: Options) -> Result<Registry> {
    options.check().map_err(|wrong| Error::new(ErrorKind::InvalidArgument, wrong))?;
    Registry::start(options).map_err(|failed| Error::new(ErrorKind::Io, failed))
}

impl TestRegistry {
    /// The registry, where it can be looked at.
    fn here(&self, py: Python<'_>) -> PyResult<&Registry> {
        if self.0.is_foreign() {
            let message = "the registry belongs to the process that this one was forked from";
            return Err(error::exception(py, &Error::new(ErrorKind::InvalidArgument, message)));
        }
        Ok(&self.0)
    }
}

#[pymethods]
impl TestRegistry {
    #[new]
    fn new(py: Python<'_>, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let options = convert::options(options)?;
        short(py, move || start(options)).map(TestRegistry)
    }

    /// Stops it, and returns when its thread is gone.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.0.stop());
    }

    #[getter]
    fn host(&self) -> String {
        self.0.host()
    }

    #[getter]
    fn url(&self) -> String {
        self.0.url()
    }

    #[getter]
    fn proxy_url(&self) -> Option<String> {
        self.0.proxy_url()
    }

    #[getter]
    fn ca_pem(&self) -> Option<String> {
        self.0.ca_pem()
    }

    #[getter]
    fn client_identity<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        convert::report(py, &self.0.client_identity())
    }

    #[getter]
    fn peak_in_flight(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.here(py)?.peak_in_flight())
    }

    fn fault(&self, py: Python<'_>, rule: &Bound<'_, PyDict>) -> PyResult<()> {
        let rule: FaultRule = convert::options(rule)?;
        self.here(py)?.fault(rule);
        Ok(())
    }

    fn clear_faults(&self, py: Python<'_>) -> PyResult<()> {
        self.here(py)?.clear_faults();
        Ok(())
    }

    fn requests<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        convert::report(py, &self.here(py)?.requests())
    }

    fn clear_requests(&self, py: Python<'_>) -> PyResult<()> {
        self.here(py)?.clear_requests();
        Ok(())
    }

    fn put_blob(&self, py: Python<'_>, repository: &str, data: Cow<'_, [u8]>) -> PyResult<String> {
        Ok(self.here(py)?.put_blob(repository, data.into_owned()))
    }

    fn blob<'py>(
        &self,
        py: Python<'py>,
        repository: &str,
        digest: &str,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(self.here(py)?.blob(repository, digest).map(|bytes| PyBytes::new(py, &bytes)))
    }

    fn has_blob(&self, py: Python<'_>, repository: &str, digest: &str) -> PyResult<bool> {
        Ok(self.here(py)?.has_blob(repository, digest))
    }

    fn remove_blob(&self, py: Python<'_>, repository: &str, digest: &str) -> PyResult<bool> {
        Ok(self.here(py)?.remove_blob(repository, digest))
    }

    fn put_manifest(
        &self,
        py: Python<'_>,
        repository: &str,
        reference: &str,
        media_type: &str,
        data: Cow<'_, [u8]>,
    ) -> PyResult<String> {
        Ok(self.here(py)?.put_manifest(repository, reference, media_type, data.into_owned()))
    }

    fn manifest<'py>(
        &self,
        py: Python<'py>,
        repository: &str,
        reference: &str,
    ) -> PyResult<Option<(String, Bound<'py, PyBytes>)>> {
        let found = self.here(py)?.manifest(repository, reference);
        Ok(found.map(|(media_type, bytes)| (media_type, PyBytes::new(py, &bytes))))
    }

    fn tags(&self, py: Python<'_>, repository: &str) -> PyResult<Vec<String>> {
        Ok(self.here(py)?.tags(repository))
    }
}
