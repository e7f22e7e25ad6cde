//! One container: what it tells, its name, and its end. `container_run` has what is done with its commands, `container_files` what is
//! done with its file system.

use std::ffi::{CString, c_char};

use layerkit::{ContainerSummary, Engine, Result};

use crate::arguments::{required, text};
use crate::container_action_options::layerkit_container_remove_options;
use crate::error::layerkit_error;
use crate::fields::borrowed;
use crate::object::core_options;
use crate::outcome::{c_string, done, give_json, release};

/// A container, as it was when it was looked up. Free it with `layerkit_container_free`, unless it belongs to a list.
///
/// What it tells are copies, which live as long as it does: look it up anew for what has come of it. What it does is done to the
/// container in the store, found by its ID; one that is not there any more is `not_found`.
pub struct layerkit_container {
    engine: Engine,
    summary: ContainerSummary,
    id: CString,
    name: CString,
    image: CString,
    image_id: CString,
    state: CString,
    status: CString,
    created: CString,
    warnings: Vec<CString>,
}

impl layerkit_container {
    pub fn new(engine: Engine, summary: ContainerSummary) -> Self {
        layerkit_container {
            id: c_string(&summary.id),
            name: c_string(&summary.name),
            image: c_string(&summary.image),
            image_id: c_string(&summary.image_id),
            state: c_string(&summary.state),
            status: c_string(&summary.status),
            created: c_string(&summary.created),
            warnings: Vec::new(),
            engine,
            summary,
        }
    }

    /// The same, with what its creation had to say.
    pub fn with_warnings(mut self, warnings: &[String]) -> Self {
        self.warnings = warnings.iter().map(|warning| c_string(warning)).collect();
        self
    }

    pub fn summary(&self) -> &ContainerSummary {
        &self.summary
    }
}

/// The engine and the ID of the container behind a pointer.
///
/// # Safety
/// `container` is NULL or a container that is not freed while the call lasts.
pub unsafe fn given<'a>(container: *const layerkit_container) -> Result<(&'a Engine, &'a str)> {
    // SAFETY: as the caller promises.
    let container = unsafe { required("container", container) }?;
    Ok((&container.engine, &container.summary.id))
}

/// Its ID, 64 digits. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_id(container: *const layerkit_container) -> *const c_char {
    // SAFETY: NULL or a container that the caller has.
    borrowed(unsafe { container.as_ref() }.map(|container| &*container.id))
}

/// Its name, without a slash. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_name(container: *const layerkit_container) -> *const c_char {
    // SAFETY: NULL or a container that the caller has.
    borrowed(unsafe { container.as_ref() }.map(|container| &*container.name))
}

/// Its image as it was asked for; the image's ID once that name leads elsewhere. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_image(container: *const layerkit_container) -> *const c_char {
    // SAFETY: NULL or a container that the caller has.
    borrowed(unsafe { container.as_ref() }.map(|container| &*container.image))
}

/// ID of its image, `sha256:` and 64 digits. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_image_id(container: *const layerkit_container) -> *const c_char {
    // SAFETY: NULL or a container that the caller has.
    borrowed(unsafe { container.as_ref() }.map(|container| &*container.image_id))
}

/// `created`, `running`, `paused` or `exited`. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_state(container: *const layerkit_container) -> *const c_char {
    // SAFETY: NULL or a container that the caller has.
    borrowed(unsafe { container.as_ref() }.map(|container| &*container.state))
}

/// The same for people: `Up 2 minutes`, `Exited (0) 21 seconds ago`. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_status(container: *const layerkit_container) -> *const c_char {
    // SAFETY: NULL or a container that the caller has.
    borrowed(unsafe { container.as_ref() }.map(|container| &*container.status))
}

/// When it was created, RFC 3339 in UTC. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_created(container: *const layerkit_container) -> *const c_char {
    // SAFETY: NULL or a container that the caller has.
    borrowed(unsafe { container.as_ref() }.map(|container| &*container.created))
}

/// When it was created, in seconds since 1970.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_created_unix(container: *const layerkit_container) -> i64 {
    // SAFETY: NULL or a container that the caller has.
    unsafe { container.as_ref() }.map_or(0, |container| container.summary.created_unix)
}

/// Of a container that `layerkit_containers_create` returned, how many things its user should know; 0 for others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_warnings_count(container: *const layerkit_container) -> usize {
    // SAFETY: NULL or a container that the caller has.
    unsafe { container.as_ref() }.map_or(0, |container| container.warnings.len())
}

/// One of these; NULL from `layerkit_container_warnings_count` on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_warnings_at(
    container: *const layerkit_container,
    index: usize,
) -> *const c_char {
    // SAFETY: NULL or a container that the caller has.
    let warning = unsafe { container.as_ref() }.and_then(|container| container.warnings.get(index));
    borrowed(warning.map(|warning| &**warning))
}

/// All of that but the warnings, and its `command`, `exit_code`, `labels`, `ports`, `mounts`, `network`, `size_rw` and
/// `size_root_fs`, as a JSON object. Free `*out` with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_json(
    container: *const layerkit_container,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe { give_json(out, || Ok(required("container", container)?.summary.clone())) }
}

/// The container, as it is now, in Docker's JSON shape (Engine API, "ContainerInspect"). Free `*out` with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_inspect(
    container: *const layerkit_container,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let (engine, id) = given(container)?;
            engine.container_inspect(id)
        })
    }
}

/// Gives it another name. `container` itself still tells the old one. `conflict` when the name is taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_rename(
    container: *const layerkit_container,
    name: *const c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let (engine, id) = given(container)?;
        engine.container_rename(id, text("name", name)?)
    })
}

/// Removes it with all it wrote. The object still has to be freed. `options` may be NULL. `conflict` when it runs, unless that is
/// forced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_remove(
    container: *const layerkit_container,
    options: *const layerkit_container_remove_options,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let (engine, id) = given(container)?;
        engine.container_remove(id, &core_options(options)?)
    })
}

/// Frees a container that is not part of a list. NULL is fine. The container in the store stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_container_free(container: *mut layerkit_container) {
    // SAFETY: NULL or a container that the caller got and gives back.
    unsafe { release(container) }
}
