//! The store as a whole.

use std::ffi::c_char;

use crate::engine::{core_engine, layerkit_engine};
use crate::error::layerkit_error;
use crate::object::core_options;
use crate::options::{layerkit_prune_options, layerkit_verify_options};
use crate::outcome::give_json;
use crate::task::{core_task, layerkit_task};

/// What the engine is and where it works: a JSON object with `version`, `root`, `schema`, `platform`, `images`,
/// `containers`, `run_mode` (`overlay`, `chroot`, or `none` where `RUN` cannot run; `run_reason` says why) and `journal`.
/// Free `*out` with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_system_info(
    engine: *const layerkit_engine,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe { give_json(out, || core_engine(engine)?.system_info()) }
}

/// Disk use of the store: a JSON object with `images`, `containers`, `snapshots` and `build_cache`, each with `count`,
/// `active`, `size` and `reclaimable`. Free `*out` with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_system_df(
    engine: *const layerkit_engine,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe { give_json(out, || core_engine(engine)?.system_df()) }
}

/// Reads the whole store and checks it. `options` and `task` may be NULL. `*out` is a JSON object with `blobs`, `images`,
/// `bytes` and the list `problems` (`kind`, `subject`, `message`, `repaired`), empty when the store is whole; free it with
/// `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_system_verify(
    engine: *const layerkit_engine,
    options: *const layerkit_verify_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || core_engine(engine)?.system_verify(&core_options(options)?, &core_task(task)?))
    }
}

/// Prunes images, build cache, snapshots and garbage. Arguments and result as for `layerkit_images_prune`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_system_prune(
    engine: *const layerkit_engine,
    options: *const layerkit_prune_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || core_engine(engine)?.system_prune(&core_options(options)?, &core_task(task)?))
    }
}
