//! What callers pass in: pointers checked, strings checked for UTF-8, versioned structs read whatever their size.

use std::ffi::{CStr, c_char};
use std::mem::{MaybeUninit, size_of};

use layerkit::{Error, ErrorKind, Result};

/// A struct that is larger than this has a `size` that nobody set.
const LARGEST: usize = 4096;

pub fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

fn missing(name: &str) -> Error {
    invalid(format!("{name} is NULL"))
}

/// What a pointer that has to be there points to.
///
/// # Safety
/// `pointer` is NULL or valid for reads for as long as the result is used.
pub unsafe fn required<'a, T>(name: &str, pointer: *const T) -> Result<&'a T> {
    // SAFETY: NULL or valid, as the caller promises.
    unsafe { pointer.as_ref() }.ok_or_else(|| missing(name))
}

/// Refuses an out-parameter that is not there.
pub fn writable<T>(pointer: *mut T) -> Result<()> {
    if pointer.is_null() { Err(missing("out")) } else { Ok(()) }
}

/// A string that may be absent.
///
/// # Safety
/// `pointer` is NULL or a string that ends with a zero byte and stays as it is while the result is used.
pub unsafe fn optional_text<'a>(name: &str, pointer: *const c_char) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, and a string as the caller promises.
    let bytes = unsafe { CStr::from_ptr(pointer) };
    bytes.to_str().map(Some).map_err(|_| invalid(format!("{name} is not UTF-8")))
}

/// A string that has to be there.
///
/// # Safety
/// As for [`optional_text`].
pub unsafe fn text<'a>(name: &str, pointer: *const c_char) -> Result<&'a str> {
    // SAFETY: the caller's promise is the same.
    unsafe { optional_text(name, pointer) }?.ok_or_else(|| missing(name))
}

/// An array; NULL is fine for one without elements.
///
/// # Safety
/// `pointer` is NULL or valid for reads of `count` elements for as long as the result is used.
pub unsafe fn array<'a, T>(name: &str, pointer: *const T, count: usize) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    // SAFETY: NULL or valid, as the caller promises.
    unsafe { required(name, pointer) }?;
    // SAFETY: not NULL, and valid for `count` elements as the caller promises.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// An array of strings.
///
/// # Safety
/// As for [`array`], and each element as for [`optional_text`].
pub unsafe fn texts(name: &str, pointer: *const *const c_char, count: usize) -> Result<Vec<String>> {
    // SAFETY: the caller's promise is the same.
    let array = unsafe { array(name, pointer, count) }?;
    // SAFETY: elements are strings, as the caller promises.
    array.iter().map(|element| unsafe { text(name, *element) }.map(str::to_owned)).collect()
}

/// A struct of the interface that begins with its size, so that it can grow.
///
/// # Safety
/// The type is `repr(C)`, its first field is a `usize` that says how large the caller's struct is, and all bytes zero is a
/// valid value of it.
pub unsafe trait Versioned: Copy {
    /// Its size in the first version that had it: to be written out once fields are added, as a number or as the offset of
    /// the first of them where no padding stands before it.
    const FIRST: usize = size_of::<Self>();
}

/// Reads a versioned struct; None for NULL. One from an older header lacks fields, which are zero then; one from a newer
/// header may have more, which have to be zero, since nobody here would heed them.
///
/// # Safety
/// `pointer` is NULL or valid for reads of a `usize`, and of as many bytes as that says.
pub unsafe fn versioned<T: Versioned>(name: &str, pointer: *const T) -> Result<Option<T>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so its first field can be read.
    let size = unsafe { pointer.cast::<usize>().read() };
    if !(T::FIRST..=LARGEST).contains(&size) {
        return Err(invalid(format!("{name}->size is {size}: initialise it with its _INIT macro")));
    }
    let known = size.min(size_of::<T>());
    // SAFETY: the caller promises `size` readable bytes, and `known` is not more.
    let beyond = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>().add(known), size - known) };
    if beyond.iter().any(|byte| *byte != 0) {
        let message = format!("{name} sets fields that this version of layerkit does not know");
        return Err(invalid(message));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: `known` bytes can be read and fit; the rest is zero, which the trait promises to be valid.
    Ok(Some(unsafe {
        std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), value.as_mut_ptr().cast::<u8>(), known);
        value.assume_init()
    }))
}
