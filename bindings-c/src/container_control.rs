//! What may be asked of a command while an operation is attached to it.

use std::ffi::c_char;

use layerkit::{ContainerControl, Result};

use crate::arguments::{required, text};
use crate::error::layerkit_error;
use crate::outcome::{done, give_object, release};

/// Asks things of the command that an operation is attached to (`layerkit_containers_run`, `layerkit_container_start`, `_attach`,
/// `_exec`), from any other thread: it is one of the `layerkit_container_streams`. Free it with `layerkit_container_control_free`.
///
/// It belongs to one operation at a time. What is asked before there is a command waits for it; what is asked after its end is lost.
/// No function of it blocks, none may be called from a signal handler.
pub struct layerkit_container_control(ContainerControl);

/// The control behind a pointer.
///
/// # Safety
/// `control` is NULL or a control that is not freed while the call lasts.
pub unsafe fn core_control(control: *const layerkit_container_control) -> Result<ContainerControl> {
    // SAFETY: as the caller promises.
    Ok(unsafe { required("control", control) }?.0.clone())
}

/// Makes a control. Free `*out` with `layerkit_container_control_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_control_new(
    out: *mut *mut layerkit_container_control,
) -> *mut layerkit_error {
    // SAFETY: `out` is NULL or can be written.
    unsafe { give_object(out, || Ok(layerkit_container_control(ContainerControl::new()))) }
}

/// Tells the command's terminal its size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_control_resize(
    control: *const layerkit_container_control,
    rows: u16,
    cols: u16,
) -> *mut layerkit_error {
    done(|| {
        // SAFETY: NULL or a control that the caller has.
        unsafe { core_control(control) }?.resize(rows, cols);
        Ok(())
    })
}

/// Sends the command a signal, by name (`SIGINT`, `int`) or number. `invalid_argument` for one that there is none of.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_control_signal(
    control: *const layerkit_container_control,
    signal: *const c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe { core_control(control)?.signal(text("signal", signal)?) })
}

/// Ends the operation and leaves the command running, as a detached one: the operation succeeds, with the exit code
/// `LAYERKIT_EXIT_UNKNOWN`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_control_detach(
    control: *const layerkit_container_control,
) -> *mut layerkit_error {
    done(|| {
        // SAFETY: NULL or a control that the caller has.
        unsafe { core_control(control) }?.detach();
        Ok(())
    })
}

/// Frees a control; NULL is fine. An operation under way keeps what it needs of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_control_free(control: *mut layerkit_container_control) {
    // SAFETY: NULL or a control that the caller got and gives back.
    unsafe { release(control) }
}
