//! The images of a store: `Engine::images_*`.

use std::path::PathBuf;

use layerkit::{BuildInputs, BuildOptions};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cancel::CancelToken;
use crate::convert;
use crate::engine::Engine;
use crate::operation::{Operation, short};
use crate::stream;

/// The images, newest first.
#[pyfunction]
pub fn images_list<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    options: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &short(py, move || engine.images_list(&options))?)
}

/// One image.
#[pyfunction]
pub fn images_get<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    image: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let engine = engine.get().core();
    convert::report(py, &short(py, move || engine.images_get(image))?)
}

/// Imports a root file system; returns the image's ID.
#[pyfunction]
pub fn images_import(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    source: &Bound<'_, PyAny>,
    options: &Bound<'_, PyDict>,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<String> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    let source = stream::source(source, &operation)?;
    operation.run(py, move |task| engine.images_import(source, &options, task))
}

/// Loads every image of an archive.
#[pyfunction]
pub fn images_load<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    source: &Bound<'py, PyAny>,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    let source = stream::source(source, &operation)?;
    convert::report(py, &operation.run(py, move |task| engine.images_load(source, &options, task))?)
}

/// Saves images into one archive.
#[pyfunction]
pub fn images_save(
    py: Python<'_>,
    engine: &Bound<'_, Engine>,
    images: Vec<String>,
    target: &Bound<'_, PyAny>,
    options: &Bound<'_, PyDict>,
    on_event: Option<Bound<'_, PyAny>>,
    cancel: Option<&Bound<'_, CancelToken>>,
) -> PyResult<()> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    let target = stream::target(target, &operation)?;
    operation.run(py, move |task| engine.images_save(&images, target, &options, task))
}

/// Removes an image by name or ID.
#[pyfunction]
pub fn images_remove<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    image: &str,
    options: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &short(py, move || engine.images_remove(image, &options))?)
}

/// Removes images that nothing uses.
#[pyfunction]
pub fn images_prune<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.images_prune(&options, task))?)
}

/// Builds a Dockerfile. The paths are apart from the options because they need not be UTF-8; the streams are the context, the
/// Dockerfile and the output, each as far as there is one.
#[pyfunction]
pub fn images_build<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    paths: (Option<PathBuf>, Option<PathBuf>),
    streams: [Option<Bound<'py, PyAny>>; 3],
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, mut options) = (engine.get().core(), convert::options::<BuildOptions>(options)?);
    (options.path, options.dockerfile) = (paths.0.unwrap_or_default(), paths.1);
    let [context, dockerfile, output] = streams;
    let inputs = BuildInputs {
        context: context.map(|context| stream::source(&context, &operation)).transpose()?,
        dockerfile: dockerfile.map(|dockerfile| stream::source(&dockerfile, &operation)).transpose()?,
        output: output.map(|output| stream::target(&output, &operation)).transpose()?,
    };
    convert::report(py, &operation.run(py, move |task| engine.images_build(&options, inputs, task))?)
}

/// Pulls an image, or every tag of a repository.
#[pyfunction]
pub fn images_pull<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    name: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.images_pull(&name, &options, task))?)
}

/// Pushes a name, or every tag of a repository.
#[pyfunction]
pub fn images_push<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    name: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.images_push(&name, &options, task))?)
}

/// Searches a registry.
#[pyfunction]
pub fn images_search<'py>(
    py: Python<'py>,
    engine: &Bound<'py, Engine>,
    term: String,
    options: &Bound<'py, PyDict>,
    on_event: Option<Bound<'py, PyAny>>,
    cancel: Option<&Bound<'py, CancelToken>>,
) -> PyResult<Bound<'py, PyAny>> {
    let operation = Operation::new(py, on_event, cancel)?;
    let (engine, options) = (engine.get().core(), convert::options(options)?);
    convert::report(py, &operation.run(py, move |task| engine.images_search(&term, &options, task))?)
}
