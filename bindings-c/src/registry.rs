//! Registries, without an image of the store.

use std::ffi::c_char;

use layerkit::Result;

use crate::arguments::{optional_text, text};
use crate::engine::{core_engine, layerkit_engine};
use crate::error::layerkit_error;
use crate::object::core_options;
use crate::outcome::{done, give_json};
use crate::registry_options::{
    layerkit_copy_options, layerkit_login_options, layerkit_manifest_options, layerkit_referrers_options,
    layerkit_registry_options, layerkit_tags_options,
};
use crate::task::{core_task, layerkit_task};

/// The registry that a caller names; the empty name, which is Docker Hub's, for NULL.
///
/// # Safety
/// `server` is NULL or a string.
unsafe fn named<'a>(server: *const c_char) -> Result<&'a str> {
    // SAFETY: as the caller promises.
    unsafe { optional_text("server", server) }.map(Option::unwrap_or_default)
}

/// Checks credentials with a registry and stores them where Docker does. `server` is `host[:port]`; NULL or empty: Docker Hub.
/// `options` and `task` may be NULL. `*out` is a JSON object with `server`, `username`, `stored` (the path of a file, or the
/// name of a helper) and `plain` (whether a password is readable there); free it with `layerkit_string_free`.
///
/// `unauthorized` when the registry does not take them; nothing is stored then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_registry_login(
    engine: *const layerkit_engine,
    server: *const c_char,
    options: *const layerkit_login_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let engine = core_engine(engine)?;
            engine.registry_login(named(server)?, &core_options(options)?, &core_task(task)?)
        })
    }
}

/// Forgets the credentials of a registry. `server` as for `layerkit_registry_login`; `task` may be NULL. May be called again.
/// `*out` is a JSON object with `server` and `removed` (whether there were any); free it with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_registry_logout(
    engine: *const layerkit_engine,
    server: *const c_char,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe { give_json(out, || core_engine(engine)?.registry_logout(named(server)?, &core_task(task)?)) }
}

/// Asks a registry whether it is there and speaks the distribution protocol. `server` as for `layerkit_registry_login`;
/// `options` and `task` may be NULL. `*out` is a JSON object with `url` (where it answered), `version` (`registry/2.0`, or
/// empty) and `auth` (what it wants: `none`, `basic` or `bearer`); free it with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_registry_ping(
    engine: *const layerkit_engine,
    server: *const c_char,
    options: *const layerkit_registry_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let engine = core_engine(engine)?;
            engine.registry_ping(named(server)?, &core_options(options)?, &core_task(task)?)
        })
    }
}

/// The tags of a repository, in the registry's order. `options` and `task` may be NULL. `*out` is a JSON list of strings; free
/// it with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_registry_tags(
    engine: *const layerkit_engine,
    repository: *const c_char,
    options: *const layerkit_tags_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let (engine, repository) = (core_engine(engine)?, text("repository", repository)?);
            engine.registry_tags(repository, &core_options(options)?, &core_task(task)?)
        })
    }
}

/// A manifest or index, as the registry has it, checked against its digest. `options` and `task` may be NULL. `*out` is a JSON
/// object with `name` (in full), `digest`, `media_type`, `size`, `raw` (the bytes that the digest is of, as a string) and
/// `manifest` (the same as an object); free it with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_registry_manifest(
    engine: *const layerkit_engine,
    name: *const c_char,
    options: *const layerkit_manifest_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let (engine, name) = (core_engine(engine)?, text("name", name)?);
            engine.registry_manifest(name, &core_options(options)?, &core_task(task)?)
        })
    }
}

/// What refers to a manifest (signatures, bills of materials). `options` and `task` may be NULL. `*out` is a JSON list of
/// descriptors as the OCI image specification has them (`mediaType`, `digest`, `size`, `artifactType`, `annotations`); free it
/// with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_registry_referrers(
    engine: *const layerkit_engine,
    name: *const c_char,
    options: *const layerkit_referrers_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let (engine, name) = (core_engine(engine)?, text("name", name)?);
            engine.registry_referrers(name, &core_options(options)?, &core_task(task)?)
        })
    }
}

/// Copies an image or a whole index from one name to another, without keeping it here. `options` and `task` may be NULL. `*out`
/// is a JSON object with `digest` (what `destination` leads to now), the numbers of `manifests` written and of blobs `copied`,
/// `mounted` and `existed`, and the `bytes` copied; free it with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_registry_copy(
    engine: *const layerkit_engine,
    source: *const c_char,
    destination: *const c_char,
    options: *const layerkit_copy_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let engine = core_engine(engine)?;
            let (source, destination) = (text("source", source)?, text("destination", destination)?);
            engine.registry_copy(source, destination, &core_options(options)?, &core_task(task)?)
        })
    }
}

/// Deletes a tag, or by digest a manifest with all its tags. `options` and `task` may be NULL.
///
/// `unsupported` where the registry does not let that be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_registry_delete(
    engine: *const layerkit_engine,
    name: *const c_char,
    options: *const layerkit_registry_options,
    task: *const layerkit_task,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let (engine, name) = (core_engine(engine)?, text("name", name)?);
        engine.registry_delete(name, &core_options(options)?, &core_task(task)?)
    })
}
