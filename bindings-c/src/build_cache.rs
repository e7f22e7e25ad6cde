//! What builds keep for the next ones.

use std::ffi::c_char;

use layerkit::Result;

use crate::arguments::{Versioned, text};
use crate::engine::{core_engine, layerkit_engine};
use crate::error::layerkit_error;
use crate::object::{Object, Options, core_options};
use crate::options::layerkit_pair;
use crate::outcome::{done, give_json};
use crate::stream::{core_source, core_target, layerkit_source, layerkit_target};
use crate::task::{core_task, layerkit_task};

/// What of the build cache to prune.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_cache_prune_options {
    /// `sizeof(layerkit_cache_prune_options)`: set by `LAYERKIT_CACHE_PRUNE_OPTIONS_INIT`.
    pub size: usize,
    /// Non-zero: also steps that images with a name are made of. The images stay, and a build makes the steps anew.
    pub all: u8,
    /// Non-zero: report what would go, and let it stay.
    pub dry_run: u8,
    /// Docker's filters, a key as often as it has values: `until` (not used since: RFC 3339, seconds since 1970, or an age such as
    /// `24h`), `id`, `type`.
    pub filters: *const layerkit_pair,
    /// How many `filters` there are.
    pub filters_count: usize,
    /// Non-zero: `keep_storage` is set.
    pub has_keep_storage: u8,
    /// Bytes that may stay: what was not used for longest goes first, until no more are left.
    pub keep_storage: u64,
}

// SAFETY: repr(C), begins with its size, and zero is valid for every other field.
unsafe impl Versioned for layerkit_cache_prune_options {}

impl Options for layerkit_cache_prune_options {
    unsafe fn describe(&self, object: &mut Object) -> Result<()> {
        object.flag("all", self.all);
        object.flag("dry_run", self.dry_run);
        object.number_with("keep_storage", self.has_keep_storage, self.keep_storage);
        // SAFETY: as the caller promises.
        unsafe { object.lists("filters", self.filters, self.filters_count) }
    }
}

/// What builds keep for the next ones, what was used last first: a JSON list of objects with `id` (of a step its key, of a cache
/// mount its ID), `type` (`regular` or `exec.cachemount`), `description`, `in_use`, `size`, `created` and `last_used`. Free `*out`
/// with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_build_cache_list(
    engine: *const layerkit_engine,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe { give_json(out, || core_engine(engine)?.build_cache_list()) }
}

/// Removes of the build cache what is asked and not in use. `options` and `task` may be NULL; result as for
/// `layerkit_images_prune`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_build_cache_prune(
    engine: *const layerkit_engine,
    options: *const layerkit_cache_prune_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || core_engine(engine)?.build_cache_prune(&core_options(options)?, &core_task(task)?))
    }
}

/// Writes the cache mount of this ID (`RUN --mount=type=cache`) as a plain tar. `task` may be NULL. Atomic for a path. `not_found`
/// when there is none, `conflict` while a step uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_build_cache_export(
    engine: *const layerkit_engine,
    id: *const c_char,
    target: *const layerkit_target,
    task: *const layerkit_task,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        core_engine(engine)?.build_cache_export(text("id", id)?, core_target(target)?, &core_task(task)?)
    })
}

/// Makes what is in a tar, plain or compressed, the cache mount of this ID, in place of what there was. `task` may be NULL. Atomic.
/// `conflict` while a step uses it, `invalid_argument` for what is no tar.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_build_cache_import(
    engine: *const layerkit_engine,
    id: *const c_char,
    source: *const layerkit_source,
    task: *const layerkit_task,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        core_engine(engine)?.build_cache_import(text("id", id)?, core_source(source)?, &core_task(task)?)
    })
}
