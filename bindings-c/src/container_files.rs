//! The file system of a container.

use std::ffi::c_char;

use crate::arguments::text;
use crate::container::{given, layerkit_container};
use crate::container_action_options::{layerkit_commit_options, layerkit_put_archive_options};
use crate::error::layerkit_error;
use crate::image::layerkit_image;
use crate::images::look_up;
use crate::object::core_options;
use crate::outcome::{done, give_json, give_object};
use crate::stream::{core_source, core_target, layerkit_source, layerkit_target};
use crate::task::{core_task, layerkit_task};

/// Makes an image of it: one more layer, and the container's config. All that runs in it stops meanwhile, unless `no_pause` is set.
/// `options` and `task` may be NULL. Free `*out` with `layerkit_image_free`. Atomic.
///
/// `invalid_argument` for a change that is none of those allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_commit(
    container: *const layerkit_container,
    options: *const layerkit_commit_options,
    task: *const layerkit_task,
    out: *mut *mut layerkit_image,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_object(out, || {
            let (engine, id) = given(container)?;
            let image = engine.container_commit(id, &core_options(options)?, &core_task(task)?)?;
            look_up(engine.clone(), &image)
        })
    }
}

/// What differs between it and its image: a JSON list of objects with `path` and `kind` (`added`, `changed` or `deleted`), sorted
/// by path. `task` may be NULL. Free `*out` with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_diff(
    container: *const layerkit_container,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let (engine, id) = given(container)?;
            engine.container_diff(id, &core_task(task)?)
        })
    }
}

/// Writes its file system as one tar; what is mounted in it is left out. `task` may be NULL. Atomic for a path.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_export(
    container: *const layerkit_container,
    target: *const layerkit_target,
    task: *const layerkit_task,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let (engine, id) = given(container)?;
        engine.container_export(id, core_target(target)?, &core_task(task)?)
    })
}

/// What stands at a path of it: a JSON object with `name`, `size`, `mode` (permissions and, above them, Go's bits for the type, as in
/// Docker's `X-Docker-Container-Path-Stat`), `mtime` (RFC 3339) and `link_target` (absolute inside the container; empty for what is no
/// symbolic link). Links are followed inside the container but for the last. Free `*out` with `layerkit_string_free`. `not_found`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_stat(
    container: *const layerkit_container,
    path: *const c_char,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let (engine, id) = given(container)?;
            engine.container_stat(id, text("path", path)?)
        })
    }
}

/// Writes a file of it, or a directory with all in it, as a tar whose names begin with its own. `task` may be NULL. `*out` as for
/// `layerkit_container_stat`. `not_found`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_get_archive(
    container: *const layerkit_container,
    path: *const c_char,
    target: *const layerkit_target,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let ((engine, id), path) = (given(container)?, text("path", path)?);
            engine.container_get_archive(id, path, core_target(target)?, &core_task(task)?)
        })
    }
}

/// Lays a tar, plain or compressed, into a directory of it. Nothing in the tar gets out of the container's root. `options` and `task`
/// may be NULL. `not_found` for a directory that is not there, `invalid_argument` for what is no directory. Not atomic.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_put_archive(
    container: *const layerkit_container,
    path: *const c_char,
    source: *const layerkit_source,
    options: *const layerkit_put_archive_options,
    task: *const layerkit_task,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let ((engine, id), path) = (given(container)?, text("path", path)?);
        let (source, options, task) = (core_source(source)?, core_options(options)?, core_task(task)?);
        engine.container_put_archive(id, path, source, &options, &task)
    })
}
