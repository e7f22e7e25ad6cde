//! Strings that callers get to keep, and the library's version.

use std::ffi::{CStr, CString, c_char};

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

/// The version of the library that is running, such as `0.1.0`. Never to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn layerkit_version() -> *const c_char {
    VERSION.as_ptr()
}

/// Frees a string that a function wrote to a `char **`. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_string_free(string: *mut c_char) {
    if !string.is_null() {
        // SAFETY: a string that the caller got from this library and gives back, so it came from `CString::into_raw`.
        drop(unsafe { CString::from_raw(string) });
    }
}
