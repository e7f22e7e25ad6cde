//! The cancel token.

use layerkit::CancelToken;

use crate::error::layerkit_error;
use crate::outcome::{give_object, release};

/// Cancels the operations whose `layerkit_task` has it, from any thread. Once cancelled it stays so. Free it with
/// `layerkit_cancel_token_free`; operations under way keep what they need of it.
pub struct layerkit_cancel_token(CancelToken);

impl layerkit_cancel_token {
    pub fn core(&self) -> CancelToken {
        self.0.clone()
    }
}

/// Makes a token that is not cancelled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_cancel_token_new(
    out: *mut *mut layerkit_cancel_token,
) -> *mut layerkit_error {
    // SAFETY: `out` is NULL or can be written.
    unsafe { give_object(out, || CancelToken::new().map(layerkit_cancel_token)) }
}

/// Cancels: operations that have the token end with code `cancelled`, also those that begin later. Never blocks, may be
/// called again, from any thread, and from a signal handler (it is one atomic store and one `write`). NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_cancel_token_cancel(token: *const layerkit_cancel_token) {
    // SAFETY: NULL or a token that the caller has.
    if let Some(token) = unsafe { token.as_ref() } {
        token.0.cancel();
    }
}

/// Frees a token. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_cancel_token_free(token: *mut layerkit_cancel_token) {
    // SAFETY: NULL or a token that the caller got and gives back.
    unsafe { release(token) }
}
