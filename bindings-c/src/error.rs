//! The error object.

use std::ffi::{CString, c_char};

use layerkit::{Error, Field};

use crate::fields::{Fields, borrowed};
use crate::outcome::{c_string, release};

/// Why a function failed. Free it with `layerkit_error_free`. Its texts are its own and live as long as it does.
pub struct layerkit_error {
    code: CString,
    message: CString,
    fields: Fields,
}

impl From<&Error> for layerkit_error {
    fn from(error: &Error) -> Self {
        let mut fields = Fields::default();
        for (name, value) in error.fields() {
            match value {
                Field::Int(number) => fields.add_number(name, *number),
                Field::Text(text) => fields.add_text(name, text),
            }
        }
        layerkit_error { code: c_string(error.code()), message: c_string(&error.to_string()), fields }
    }
}

/// The error's code: one of the `LAYERKIT_ERROR_…` strings, the same in every language. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_error_code(error: *const layerkit_error) -> *const c_char {
    // SAFETY: NULL or an error that the caller has.
    borrowed(unsafe { error.as_ref() }.map(|error| &*error.code))
}

/// What happened, for people. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_error_message(error: *const layerkit_error) -> *const c_char {
    // SAFETY: NULL or an error that the caller has.
    borrowed(unsafe { error.as_ref() }.map(|error| &*error.message))
}

/// A text that the error carries for programs, or NULL when it has none with this name: `file`, `instruction`,
/// `command` and `output_tail` of a build that failed, `rule` of a build check that failed it; `image` and `container` of a
/// conflict; `container` of what failed with one; `registry_code`, `host` and `repository` of a request to a registry that
/// failed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_error_text(
    error: *const layerkit_error,
    name: *const c_char,
) -> *const c_char {
    // SAFETY: NULL or an error that the caller has; `name` is NULL or a string.
    unsafe { error.as_ref().map_or(std::ptr::null(), |error| error.fields.text(name)) }
}

/// Writes a number that the error carries for programs to `out` and returns true; false, and `out` is left alone, when it
/// has none with this name: `line`, `column` and `exit_code` of a build that failed, `exit_code` of a command that cannot
/// be executed in a container; `status` of a registry's answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_error_number(
    error: *const layerkit_error,
    name: *const c_char,
    out: *mut i64,
) -> bool {
    // SAFETY: NULL or an error that the caller has; `name` is NULL or a string; `out` is NULL or can be written.
    unsafe { error.as_ref().is_some_and(|error| error.fields.number(name, out)) }
}

/// Frees an error. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_error_free(error: *mut layerkit_error) {
    // SAFETY: NULL or an error that the caller got and gives back.
    unsafe { release(error) }
}
