//! Named texts and numbers, as errors and events carry them.

use std::ffi::{CStr, CString, c_char};

use crate::arguments::text;
use crate::outcome::c_string;

#[derive(Default)]
pub struct Fields {
    texts: Vec<(String, CString)>,
    numbers: Vec<(String, i64)>,
}

impl Fields {
    pub fn add_text(&mut self, name: &str, value: &str) {
        self.texts.push((name.to_owned(), c_string(value)));
    }

    pub fn add_number(&mut self, name: &str, value: i64) {
        self.numbers.push((name.to_owned(), value));
    }

    /// The text with this name, or NULL.
    ///
    /// # Safety
    /// `name` is NULL or a string.
    pub unsafe fn text(&self, name: *const c_char) -> *const c_char {
        // SAFETY: the caller's promise is the same.
        let Ok(name) = (unsafe { text("name", name) }) else { return std::ptr::null() };
        let found = self.texts.iter().find(|(known, _)| known == name);
        found.map_or(std::ptr::null(), |(_, value)| value.as_ptr())
    }

    /// Writes the number with this name to `out` and says whether there is one.
    ///
    /// # Safety
    /// `name` is NULL or a string, `out` is NULL or valid for a write.
    pub unsafe fn number(&self, name: *const c_char, out: *mut i64) -> bool {
        // SAFETY: the caller's promise is the same.
        let Ok(name) = (unsafe { text("name", name) }) else { return false };
        let Some((_, value)) = self.numbers.iter().find(|(known, _)| known == name) else { return false };
        if out.is_null() {
            return false;
        }
        // SAFETY: not NULL, so valid as the caller promises.
        unsafe { out.write(*value) };
        true
    }
}

/// The text of an object that may be NULL.
pub fn borrowed(text: Option<&CStr>) -> *const c_char {
    text.map_or(std::ptr::null(), CStr::as_ptr)
}
