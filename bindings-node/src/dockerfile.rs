//! Dockerfiles as data. Short, so it answers at once, on the JavaScript thread.

use napi::bindgen_prelude::Either;
use napi_derive::napi;

use crate::operation::describe;

/// An answer: the JSON of what was asked for, or of why not.
#[napi(object)]
pub struct Answer {
    /// The report.
    pub done: Option<String>,
    /// The error.
    pub failed: Option<String>,
}

/// Parses a Dockerfile.
#[napi(catch_unwind)]
pub fn dockerfile_parse(text: Either<String, &[u8]>) -> napi::Result<Answer> {
    let text = match &text {
        Either::A(text) => text.as_bytes(),
        Either::B(bytes) => bytes,
    };
    Ok(match layerkit::dockerfile_parse(text) {
        Ok(report) => {
            let json = serde_json::to_string(&report)
                .map_err(|error| napi::Error::new(napi::Status::GenericFailure, error.to_string()))?;
            Answer { done: Some(json), failed: None }
        }
        Err(error) => Answer { done: None, failed: Some(describe(&error)) },
    })
}
