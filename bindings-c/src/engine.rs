//! The engine.

use std::ffi::{CString, c_char};

use layerkit::{Engine, Result};

use crate::arguments::required;
use crate::error::layerkit_error;
use crate::fields::borrowed;
use crate::object::core_options;
use crate::options::layerkit_engine_options;
use crate::outcome::{c_string, done, give_object, release};

/// An open store and the operations on it. Free it with `layerkit_engine_free`.
///
/// Any number of threads may use one engine at once, and several processes one store. A process that was forked from the one
/// that opened an engine must not use it: its calls fail with `conflict`.
pub struct layerkit_engine {
    core: Engine,
    root: CString,
}

/// The core's engine.
///
/// # Safety
/// `engine` is NULL or an engine that is not freed while the call lasts.
pub unsafe fn core_engine(engine: *const layerkit_engine) -> Result<Engine> {
    // SAFETY: as the caller promises.
    Ok(unsafe { required("engine", engine) }?.core.clone())
}

/// Opens a store, making it where there is none. `options` may be NULL.
///
/// `conflict` when another copy of this library in the same process has it open; `unsupported` when a newer version wrote it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_engine_open(
    options: *const layerkit_engine_options,
    out: *mut *mut layerkit_engine,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_object(out, || {
            let core = Engine::open(&core_options(options)?)?;
            let root = c_string(&core.root().to_string_lossy());
            Ok(layerkit_engine { core, root })
        })
    }
}

/// Closes the store: later calls fail with `invalid_argument`, those under way end as they would have. May be called
/// again. The engine still has to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_engine_close(engine: *const layerkit_engine) -> *mut layerkit_error {
    done(|| {
        // SAFETY: NULL or an engine that the caller has.
        unsafe { core_engine(engine) }?.close();
        Ok(())
    })
}

/// The folder of the store, absolute. It lives as long as the engine. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_engine_root(engine: *const layerkit_engine) -> *const c_char {
    // SAFETY: NULL or an engine that the caller has.
    borrowed(unsafe { engine.as_ref() }.map(|engine| &*engine.root))
}

/// Closes and frees an engine. NULL is fine. No call on it may be under way. Images that came from it still have to be freed;
/// what they tell stays, operations on them fail with `invalid_argument`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_engine_free(engine: *mut layerkit_engine) {
    // SAFETY: NULL or an engine that the caller got and gives back.
    unsafe {
        if let Some(engine) = engine.as_ref() {
            engine.core.close();
        }
        release(engine);
    }
}
