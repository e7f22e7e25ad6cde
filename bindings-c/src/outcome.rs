//! The one place where a result of the core becomes what a C function returns, and where panics stop.

use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use layerkit::{Error, ErrorKind, ExitReport, Result};
use serde::Serialize;

use crate::arguments::writable;
use crate::container_run::LAYERKIT_EXIT_UNKNOWN;
use crate::error::layerkit_error;

/// Runs the body of a function that has no result: NULL, or an error that the caller frees.
pub fn done(body: impl FnOnce() -> Result<()>) -> *mut layerkit_error {
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
        Err(Error::new(ErrorKind::Internal, format!("layerkit panicked: {text}")))
    });
    match outcome {
        Ok(()) => std::ptr::null_mut(),
        Err(error) => handed_over(layerkit_error::from(&error)),
    }
}

/// Runs the body of a function with a result, which is written to `out` on success only.
///
/// # Safety
/// `out` is NULL or valid for a write.
pub unsafe fn give<T>(out: *mut T, body: impl FnOnce() -> Result<T>) -> *mut layerkit_error {
    done(|| {
        writable(out)?;
        let value = body()?;
        // SAFETY: not NULL, so valid as the caller promises.
        unsafe { out.write(value) };
        Ok(())
    })
}

/// Runs the body of a function whose result is an object, which is the caller's from then on.
///
/// # Safety
/// As for [`give`].
pub unsafe fn give_object<T>(out: *mut *mut T, body: impl FnOnce() -> Result<T>) -> *mut layerkit_error {
    // SAFETY: the caller's promise is the same.
    unsafe { give(out, || body().map(handed_over)) }
}

/// An object that is the caller's from now on.
pub fn handed_over<T>(object: T) -> *mut T {
    Box::into_raw(Box::new(object))
}

/// Runs the body of a function whose result is a report, as JSON text that the caller frees.
///
/// # Safety
/// As for [`give`].
pub unsafe fn give_json<T: Serialize>(
    out: *mut *mut c_char,
    body: impl FnOnce() -> Result<T>,
) -> *mut layerkit_error {
    // SAFETY: the caller's promise is the same.
    unsafe { give(out, || Ok(c_string(&json(&body()?)?).into_raw())) }
}

/// Runs the body of a function that ends with a command: its exit code and the report go where there is a place for them.
///
/// # Safety
/// Both are NULL or valid for a write.
pub unsafe fn give_exit(
    exit_code: *mut i32,
    out: *mut *mut c_char,
    body: impl FnOnce() -> Result<ExitReport>,
) -> *mut layerkit_error {
    done(|| {
        let report = body()?;
        // SAFETY: the caller's promise is the same.
        unsafe { write_exit(exit_code, out, &report) }
    })
}

/// Writes how a command ended where there is a place for it.
///
/// # Safety
/// As for [`give_exit`].
pub unsafe fn write_exit(exit_code: *mut i32, out: *mut *mut c_char, report: &ExitReport) -> Result<()> {
    let text = if out.is_null() { None } else { Some(c_string(&json(report)?)) };
    // SAFETY: not NULL, so valid as the caller promises.
    unsafe {
        if let Some(text) = text {
            out.write(text.into_raw());
        }
        if !exit_code.is_null() {
            exit_code.write(report.exit_code.unwrap_or(LAYERKIT_EXIT_UNKNOWN));
        }
    }
    Ok(())
}

/// Drops an object that the caller got; NULL is fine.
///
/// # Safety
/// `object` is NULL or came from [`handed_over`], and is not used again.
pub unsafe fn release<T>(object: *mut T) {
    if !object.is_null() {
        // SAFETY: it came out of a box of this type, as the caller promises. A drop that panics must not cross either,
        // and there is nobody to tell.
        let _ = catch_unwind(AssertUnwindSafe(|| unsafe { drop(Box::from_raw(object)) }));
    }
}

/// A report as JSON text.
pub fn json<T: Serialize>(report: &T) -> Result<String> {
    serde_json::to_string(report)
        .map_err(|wrong| Error::new(ErrorKind::Internal, format!("serialise a report: {wrong}")))
}

/// Text for C. A zero byte, which would end it early, becomes U+FFFD.
pub fn c_string(text: &str) -> CString {
    CString::new(text).unwrap_or_else(|_| CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default())
}
