//! The containers of a store.

use std::ffi::c_char;
use std::ptr::null_mut;

use layerkit::{Engine, ErrorKind, ExitReport, Result};

use crate::arguments::text;
use crate::container::layerkit_container;
use crate::container_list::layerkit_container_list;
use crate::container_options::{
    layerkit_container_list_options, layerkit_container_prune_options, layerkit_create_options,
    layerkit_run_options,
};
use crate::container_streams::{layerkit_container_streams, with_streams};
use crate::engine::{core_engine, layerkit_engine};
use crate::error::layerkit_error;
use crate::object::core_options;
use crate::outcome::{done, give_json, give_object, handed_over, write_exit};
use crate::task::{core_task, layerkit_task};

fn look_up(engine: Engine, container: &str) -> Result<layerkit_container> {
    let summary = engine.containers_get(container)?;
    Ok(layerkit_container::new(engine, summary))
}

/// The container that a command ran in, unless it has been removed since.
fn look_up_run(engine: Engine, ran: &ExitReport) -> Result<Option<layerkit_container>> {
    match look_up(engine, &ran.id) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// Creates a container of an image, which is pulled as `pull` says, and does not start it. `options` and `task` may be NULL. Free
/// `*out` with `layerkit_container_free`. Atomic.
///
/// `conflict` for a name that is taken, `invalid_argument` for one that is none, and for options that make no sense; `unsupported`
/// for what cannot be had here (ports, and limits where there are no control groups).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_containers_create(
    engine: *const layerkit_engine,
    image: *const c_char,
    options: *const layerkit_create_options,
    task: *const layerkit_task,
    out: *mut *mut layerkit_container,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_object(out, || {
            let (engine, image) = (core_engine(engine)?, text("image", image)?);
            let created = engine.containers_create(image, &core_options(options)?, &core_task(task)?)?;
            Ok(look_up(engine, &created.id)?.with_warnings(&created.warnings))
        })
    }
}

/// Creates a container, starts it, and unless it is detached attaches to it and waits for its end. `options`, `streams` and `task` may
/// be NULL. The events `container_created` and `container_started` tell its ID before the end.
///
/// Results, each of which may be NULL: `*exit_code` is the command's, 128 and the signal's number when a signal ended it, or
/// `LAYERKIT_EXIT_UNKNOWN`; `*report` is a JSON object with `id` (of the container), `exit_code` (`null` when it is not known) and
/// `oom_killed`, to be freed with `layerkit_string_free`; `*out` is the container, to be freed with `layerkit_container_free`, or NULL
/// for one that has been removed.
///
/// An exit code other than 0 is no error. In the foreground the container ends with the caller, however that ends: a cancelled task
/// kills it. A command that cannot be executed is `container_failed` with the number `exit_code` 127 or 126, and the container stays,
/// unless it is to be removed. Other errors as for `layerkit_containers_create`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_containers_run(
    engine: *const layerkit_engine,
    image: *const c_char,
    options: *const layerkit_run_options,
    streams: *const layerkit_container_streams,
    task: *const layerkit_task,
    exit_code: *mut i32,
    report: *mut *mut c_char,
    out: *mut *mut layerkit_container,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let (engine, image) = (core_engine(engine)?, text("image", image)?);
        let (options, task) = (core_options(options)?, core_task(task)?);
        let ran =
            with_streams(streams, &task, |streams| engine.containers_run(image, &options, streams, &task))?;
        let container = if out.is_null() { None } else { look_up_run(engine, &ran)? };
        write_exit(exit_code, report, &ran)?;
        if !out.is_null() {
            out.write(container.map_or(null_mut(), handed_over));
        }
        Ok(())
    })
}

/// The containers, newest first; only those that run, unless `all` are asked for. `options` may be NULL. Free `*out` with
/// `layerkit_container_list_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_containers_list(
    engine: *const layerkit_engine,
    options: *const layerkit_container_list_options,
    out: *mut *mut layerkit_container_list,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_object(out, || {
            let engine = core_engine(engine)?;
            let summaries = engine.containers_list(&core_options(options)?)?;
            Ok(layerkit_container_list::new(&engine, summaries))
        })
    }
}

/// One container, by name, ID, or an unambiguous prefix of an ID. Free `*out` with `layerkit_container_free`.
///
/// `not_found` when there is none; `invalid_argument` for a prefix of several.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_containers_get(
    engine: *const layerkit_engine,
    container: *const c_char,
    out: *mut *mut layerkit_container,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe { give_object(out, || look_up(core_engine(engine)?, text("container", container)?)) }
}

/// Removes the containers that do not run. `options` and `task` may be NULL. `*out` is a JSON object with `deleted` (IDs) and
/// `reclaimed` (bytes that the disk got back); free it with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_containers_prune(
    engine: *const layerkit_engine,
    options: *const layerkit_container_prune_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || core_engine(engine)?.containers_prune(&core_options(options)?, &core_task(task)?))
    }
}
