//! A list of images.

use std::ffi::c_char;

use layerkit::{Engine, ImageSummary};

use crate::arguments::required;
use crate::error::layerkit_error;
use crate::image::layerkit_image;
use crate::outcome::{give_json, release};

/// Images, in order. Free it with `layerkit_image_list_free`, and its images with it.
pub struct layerkit_image_list(Vec<layerkit_image>);

impl layerkit_image_list {
    pub fn new(engine: &Engine, summaries: Vec<ImageSummary>) -> Self {
        let images = summaries.into_iter();
        layerkit_image_list(images.map(|summary| layerkit_image::new(engine.clone(), summary)).collect())
    }
}

/// How many images the list has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_list_count(list: *const layerkit_image_list) -> usize {
    // SAFETY: NULL or a list that the caller has.
    unsafe { list.as_ref() }.map_or(0, |list| list.0.len())
}

/// One image of the list, which it stays part of: not to be freed. NULL from `layerkit_image_list_count` on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_list_at(
    list: *const layerkit_image_list,
    index: usize,
) -> *const layerkit_image {
    // SAFETY: NULL or a list that the caller has.
    let image = unsafe { list.as_ref() }.and_then(|list| list.0.get(index));
    image.map_or(std::ptr::null(), std::ptr::from_ref)
}

/// The list as JSON, each image as in `layerkit_image_json`. Free `*out` with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_list_json(
    list: *const layerkit_image_list,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let list = required("list", list)?;
            Ok(list.0.iter().map(layerkit_image::summary).collect::<Vec<_>>())
        })
    }
}

/// Frees a list and the images in it. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_list_free(list: *mut layerkit_image_list) {
    // SAFETY: NULL or a list that the caller got and gives back.
    unsafe { release(list) }
}
