//! A list of containers.

use std::ffi::c_char;

use layerkit::{ContainerSummary, Engine};

use crate::arguments::required;
use crate::container::layerkit_container;
use crate::error::layerkit_error;
use crate::outcome::{give_json, release};

/// Containers, in order. Free it with `layerkit_container_list_free`, and its containers with it.
pub struct layerkit_container_list(Vec<layerkit_container>);

impl layerkit_container_list {
    pub fn new(engine: &Engine, summaries: Vec<ContainerSummary>) -> Self {
        let containers = summaries.into_iter();
        layerkit_container_list(
            containers.map(|summary| layerkit_container::new(engine.clone(), summary)).collect(),
        )
    }
}

/// How many containers the list has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_list_count(list: *const layerkit_container_list) -> usize {
    // SAFETY: NULL or a list that the caller has.
    unsafe { list.as_ref() }.map_or(0, |list| list.0.len())
}

/// One container of the list, which it stays part of: not to be freed. NULL from `layerkit_container_list_count` on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_list_at(
    list: *const layerkit_container_list,
    index: usize,
) -> *const layerkit_container {
    // SAFETY: NULL or a list that the caller has.
    let container = unsafe { list.as_ref() }.and_then(|list| list.0.get(index));
    container.map_or(std::ptr::null(), std::ptr::from_ref)
}

/// The list as JSON, each container as in `layerkit_container_json`. Free `*out` with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_list_json(
    list: *const layerkit_container_list,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let list = required("list", list)?;
            Ok(list.0.iter().map(layerkit_container::summary).collect::<Vec<_>>())
        })
    }
}

/// Frees a list and the containers in it. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_list_free(list: *mut layerkit_container_list) {
    // SAFETY: NULL or a list that the caller got and gives back.
    unsafe { release(list) }
}
