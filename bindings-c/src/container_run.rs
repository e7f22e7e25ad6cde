//! The commands of a container: its own, and those that are executed in it.

use std::ffi::c_char;

use crate::container::{given, layerkit_container};
use crate::container_action_options::{
    layerkit_attach_options, layerkit_exec_options, layerkit_kill_options, layerkit_logs_options,
    layerkit_start_options, layerkit_stop_options, layerkit_wait_options,
};
use crate::container_streams::{layerkit_container_streams, with_output, with_streams};
use crate::error::layerkit_error;
use crate::object::core_options;
use crate::outcome::{done, give_exit, give_json};
use crate::task::{core_task, layerkit_task};

/// The exit code of a command that nobody knows it of: its monitor was killed, or the machine; also of one that is detached and
/// still runs.
pub const LAYERKIT_EXIT_UNKNOWN: i32 = -1;

/// Starts it if it does not run; if it does, leaves it as it is. With `attach` returns when it has ended (or was detached from);
/// otherwise as soon as the command runs. `options`, `streams` and `task` may be NULL.
///
/// Results, each of which may be NULL: `*exit_code` and `*out`, which are as `*exit_code` and `*report` of `layerkit_containers_run`.
/// Unlike there, the container goes on when the caller ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_start(
    container: *const layerkit_container,
    options: *const layerkit_start_options,
    streams: *const layerkit_container_streams,
    task: *const layerkit_task,
    exit_code: *mut i32,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_exit(exit_code, out, || {
            let (engine, id) = given(container)?;
            let (options, task) = (core_options(options)?, core_task(task)?);
            with_streams(streams, &task, |streams| engine.container_start(id, &options, streams, &task))
        })
    }
}

/// Attaches to it until it has ended or was detached from. `options`, `streams` and `task` may be NULL; results as for
/// `layerkit_container_start`. `conflict` when it does not run. A cancelled task only detaches.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_attach(
    container: *const layerkit_container,
    options: *const layerkit_attach_options,
    streams: *const layerkit_container_streams,
    task: *const layerkit_task,
    exit_code: *mut i32,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_exit(exit_code, out, || {
            let (engine, id) = given(container)?;
            let (options, task) = (core_options(options)?, core_task(task)?);
            with_streams(streams, &task, |streams| engine.container_attach(id, &options, streams, &task))
        })
    }
}

/// Waits for what `condition` says. `options` and `task` may be NULL; results as for `layerkit_container_start`. `timeout` after
/// `timeout_ms`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_wait(
    container: *const layerkit_container,
    options: *const layerkit_wait_options,
    task: *const layerkit_task,
    exit_code: *mut i32,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_exit(exit_code, out, || {
            let (engine, id) = given(container)?;
            engine.container_wait(id, &core_options(options)?, &core_task(task)?)
        })
    }
}

/// Sends it its stop signal, and SIGKILL when it still runs after the grace. `options` and `task` may be NULL. May be called again. A
/// cancelled task kills at once what is not waited for any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_stop(
    container: *const layerkit_container,
    options: *const layerkit_stop_options,
    task: *const layerkit_task,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let (engine, id) = given(container)?;
        engine.container_stop(id, &core_options(options)?, &core_task(task)?)
    })
}

/// Stops it, if it runs, and starts it. `options` and `task` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_restart(
    container: *const layerkit_container,
    options: *const layerkit_stop_options,
    task: *const layerkit_task,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let (engine, id) = given(container)?;
        engine.container_restart(id, &core_options(options)?, &core_task(task)?)
    })
}

/// Sends it a signal. `options` may be NULL: SIGKILL. `conflict` when it does not run, `invalid_argument` for a signal that there is
/// none of.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_kill(
    container: *const layerkit_container,
    options: *const layerkit_kill_options,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let (engine, id) = given(container)?;
        engine.container_kill(id, &core_options(options)?)
    })
}

/// Stops everything in it for a while. `conflict` when it does not run or is paused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_pause(
    container: *const layerkit_container,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let (engine, id) = given(container)?;
        engine.container_pause(id)
    })
}

/// Lets it go on. `conflict` when it is not paused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_unpause(
    container: *const layerkit_container,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let (engine, id) = given(container)?;
        engine.container_unpause(id)
    })
}

/// Tells its terminal the size: lines, and characters in a line. `conflict` when it does not run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_resize(
    container: *const layerkit_container,
    rows: u16,
    cols: u16,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let (engine, id) = given(container)?;
        engine.container_resize(id, rows, cols)
    })
}

/// Hands over what it wrote, in the order in which it was written; with `follow` until it has ended. `options`, `streams` and `task`
/// may be NULL; of the streams, standard output and standard error count.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_logs(
    container: *const layerkit_container,
    options: *const layerkit_logs_options,
    streams: *const layerkit_container_streams,
    task: *const layerkit_task,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let (engine, id) = given(container)?;
        let (options, task) = (core_options(options)?, core_task(task)?);
        with_output(streams, &task, |output| engine.container_logs(id, &options, output, &task))
    })
}

/// Executes a command in it and, unless it is detached, waits for its end. `streams` and `task` may be NULL; results as for
/// `layerkit_container_start`. A cancelled task kills the command.
///
/// `conflict` when the container does not run or is paused; `container_failed` with the number `exit_code` 127 or 126 for a command
/// that cannot be executed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_exec(
    container: *const layerkit_container,
    options: *const layerkit_exec_options,
    streams: *const layerkit_container_streams,
    task: *const layerkit_task,
    exit_code: *mut i32,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_exit(exit_code, out, || {
            let (engine, id) = given(container)?;
            let (options, task) = (core_options(options)?, core_task(task)?);
            with_streams(streams, &task, |streams| engine.container_exec(id, &options, streams, &task))
        })
    }
}

/// Its processes, in the columns of `ps -ef`: a JSON object with `titles` and `processes`, a list of texts for each. Free `*out` with
/// `layerkit_string_free`. `conflict` when it does not run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_top(
    container: *const layerkit_container,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let (engine, id) = given(container)?;
            engine.container_top(id)
        })
    }
}
