//! What a long operation is handed: where its events go, and what cancels it.

use std::ffi::{c_int, c_void};
use std::sync::{Mutex, PoisonError};

use layerkit::{CancelToken, Error, ErrorKind, Event, Result, Task};

use crate::arguments::{Versioned, required, versioned};
use crate::cancel_token::layerkit_cancel_token;
use crate::event::layerkit_event;

/// What a callback returns to go on.
pub const LAYERKIT_CONTINUE: c_int = 0;
/// What a callback returns to cancel the operation, which then ends with code `cancelled`. Any positive number does.
pub const LAYERKIT_CANCEL: c_int = 1;
/// What a callback returns when it failed itself: the operation ends with code `callback`. Any negative number does.
pub const LAYERKIT_FAIL: c_int = -1;

/// Called with each event of an operation: `LAYERKIT_CONTINUE`, `LAYERKIT_CANCEL` or `LAYERKIT_FAIL`.
///
/// It may be called from another thread than the one that called the function, but never twice at once, and never after the
/// function has returned. It may use the engine, and must not throw or jump out. What is done already and only announced
/// (`image_loaded`, `tagged`, `built`) stays done.
pub type layerkit_event_callback =
    Option<unsafe extern "C" fn(payload: *mut c_void, event: *const layerkit_event) -> c_int>;

/// How to watch and cancel one call. NULL in its place: nobody watches, nothing cancels.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_task {
    /// `sizeof(layerkit_task)`: set by `LAYERKIT_TASK_INIT`.
    pub size: usize,
    /// Called with each event, or NULL.
    pub on_event: layerkit_event_callback,
    /// Handed to `on_event`.
    pub payload: *mut c_void,
    /// Cancels the operation, or NULL. A callback that cancels cancels the token too.
    pub cancel: *const layerkit_cancel_token,
}

// SAFETY: repr(C), begins with its size, and NULL is valid for every other field.
unsafe impl Versioned for layerkit_task {}

/// The caller's callback and payload.
struct Callback {
    call: unsafe extern "C" fn(payload: *mut c_void, event: *const layerkit_event) -> c_int,
    payload: *mut c_void,
}

// SAFETY: callbacks are documented to be called from any thread, with the payload, one call at a time (the mutex).
unsafe impl Send for Callback {}

/// The core's task for a call.
///
/// # Safety
/// `task` is NULL or a struct of the caller's whose callback and token stay valid during the call.
pub unsafe fn core_task(task: *const layerkit_task) -> Result<Task> {
    // SAFETY: as the caller promises.
    let Some(given) = (unsafe { versioned("task", task) })? else { return Task::new() };
    let token = if given.cancel.is_null() {
        CancelToken::new()?
    } else {
        // SAFETY: not NULL, so a token as the caller promises.
        unsafe { required("task->cancel", given.cancel) }?.core()
    };
    let task = Task::with_token(token.clone());
    let Some(call) = given.on_event else { return Ok(task) };
    let callback = Mutex::new(Callback { call, payload: given.payload });
    Ok(task.on_event(move |event| send(&callback, event, &token)))
}

fn send(callback: &Mutex<Callback>, event: &Event, token: &CancelToken) -> Result<()> {
    let event = layerkit_event::new(event)?;
    let callback = callback.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: the caller's function with its payload, and an event that lives until it returns.
    let returned = unsafe { (callback.call)(callback.payload, &raw const event) };
    answer("event", returned, token)
}

/// What a callback's return value means.
pub fn answer(what: &str, returned: c_int, token: &CancelToken) -> Result<()> {
    match returned {
        LAYERKIT_CONTINUE => Ok(()),
        LAYERKIT_CANCEL.. => {
            token.cancel();
            let message = format!("the operation was cancelled by its {what} callback");
            Err(Error::new(ErrorKind::Cancelled, message))
        }
        failed @ ..=LAYERKIT_FAIL => {
            let message = format!("the {what} callback failed: it returned {failed}");
            Err(Error::new(ErrorKind::Callback, message))
        }
    }
}
