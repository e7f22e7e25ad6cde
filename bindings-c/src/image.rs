//! One image.

use std::ffi::{CString, c_char};
use std::path::Path;

use layerkit::{Engine, ImageSummary, Result};

use crate::arguments::{required, text};
use crate::error::layerkit_error;
use crate::fields::borrowed;
use crate::object::core_options;
use crate::options::{
    layerkit_files_options, layerkit_image_diff_options, layerkit_remove_options, layerkit_save_options,
    layerkit_unpack_options,
};
use crate::outcome::{c_string, done, give_json, release};
use crate::registry_options::layerkit_push_options;
use crate::stream::{core_target, layerkit_target};
use crate::task::{core_task, layerkit_task};

/// An image, as it was when it was looked up. Free it with `layerkit_image_free`, unless it belongs to a list.
///
/// What it tells are copies, which live as long as it does. What it does is done to the image in the store, found by its ID.
pub struct layerkit_image {
    engine: Engine,
    summary: ImageSummary,
    id: CString,
    parent: CString,
    created: CString,
    platform: CString,
    tags: Vec<CString>,
    built: Option<CString>,
}

impl layerkit_image {
    pub fn new(engine: Engine, summary: ImageSummary) -> Self {
        layerkit_image {
            id: c_string(&summary.id),
            parent: c_string(&summary.parent),
            created: c_string(&summary.created),
            platform: c_string(&summary.platform),
            tags: summary.tags.iter().map(|tag| c_string(tag)).collect(),
            built: None,
            engine,
            summary,
        }
    }

    /// The same, as what a build made: `built` is its report as JSON.
    pub fn with_build(mut self, built: &str) -> Self {
        self.built = Some(c_string(built));
        self
    }

    pub fn summary(&self) -> &ImageSummary {
        &self.summary
    }
}

/// The image behind a pointer.
///
/// # Safety
/// `image` is NULL or an image that is not freed while the call lasts.
unsafe fn given<'a>(image: *const layerkit_image) -> Result<&'a layerkit_image> {
    // SAFETY: as the caller promises.
    unsafe { required("image", image) }
}

/// Its ID, `sha256:` and 64 digits. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_id(image: *const layerkit_image) -> *const c_char {
    // SAFETY: NULL or an image that the caller has.
    borrowed(unsafe { image.as_ref() }.map(|image| &*image.id))
}

/// How many names it has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_tags_count(image: *const layerkit_image) -> usize {
    // SAFETY: NULL or an image that the caller has.
    unsafe { image.as_ref() }.map_or(0, |image| image.tags.len())
}

/// One of its names, `repository:tag`, in order; NULL from `layerkit_image_tags_count` on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_tags_at(image: *const layerkit_image, index: usize) -> *const c_char {
    // SAFETY: NULL or an image that the caller has.
    borrowed(unsafe { image.as_ref() }.and_then(|image| image.tags.get(index)).map(|tag| &**tag))
}

/// Of an image that a build returned, what it made: a JSON object with `id`, `tags`, `digest` (of the manifest, or of the index of
/// several platforms) and `images`, an object with `platform`, `id` and `digest` for each platform. NULL for other images.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_built(image: *const layerkit_image) -> *const c_char {
    // SAFETY: NULL or an image that the caller has.
    borrowed(unsafe { image.as_ref() }.and_then(|image| image.built.as_deref()))
}

/// Bytes of its layers once unpacked; their stored size as long as the other is not known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_size(image: *const layerkit_image) -> u64 {
    // SAFETY: NULL or an image that the caller has.
    unsafe { image.as_ref() }.map_or(0, |image| image.summary.size)
}

/// When it was created, RFC 3339 in UTC. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_created(image: *const layerkit_image) -> *const c_char {
    // SAFETY: NULL or an image that the caller has.
    borrowed(unsafe { image.as_ref() }.map(|image| &*image.created))
}

/// When it was created, in seconds since 1970.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_created_unix(image: *const layerkit_image) -> i64 {
    // SAFETY: NULL or an image that the caller has.
    unsafe { image.as_ref() }.map_or(0, |image| image.summary.created_unix)
}

/// ID of the image it was built on, or an empty string. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_parent(image: *const layerkit_image) -> *const c_char {
    // SAFETY: NULL or an image that the caller has.
    borrowed(unsafe { image.as_ref() }.map(|image| &*image.parent))
}

/// Its platform, `os/architecture[/variant]`. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_platform(image: *const layerkit_image) -> *const c_char {
    // SAFETY: NULL or an image that the caller has.
    borrowed(unsafe { image.as_ref() }.map(|image| &*image.platform))
}

/// All of that, and its `labels`, `digests` and `manifest_digest`, as a JSON object. Free `*out` with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_json(
    image: *const layerkit_image,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe { give_json(out, || Ok(given(image)?.summary.clone())) }
}

/// Gives it a name, which moves here if another image has it. `image` itself still tells the old names: look it up anew.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_tag(
    image: *const layerkit_image,
    name: *const c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let image = given(image)?;
        image.engine.image_tag(&image.summary.id, text("name", name)?)
    })
}

/// Its history, newest first: a JSON list of objects with `id` (of the step's image, or `<missing>`), `created`,
/// `created_unix`, `created_by`, `size`, `comment` and `tags`. Free `*out` with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_history(
    image: *const layerkit_image,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let image = given(image)?;
            image.engine.image_history(&image.summary.id)
        })
    }
}

/// The image in Docker's JSON shape (Engine API, "ImageInspect"). Free `*out` with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_inspect(
    image: *const layerkit_image,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let image = given(image)?;
            image.engine.image_inspect(&image.summary.id)
        })
    }
}

/// Saves it, without a name (`layerkit_images_save` saves by name). `options` and `task` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_save(
    image: *const layerkit_image,
    target: *const layerkit_target,
    options: *const layerkit_save_options,
    task: *const layerkit_task,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let image = given(image)?;
        let (target, options, task) = (core_target(target)?, core_options(options)?, core_task(task)?);
        image.engine.images_save(std::slice::from_ref(&image.summary.id), target, &options, &task)
    })
}

/// Pushes every name that it has now. `options` and `task` may be NULL. `*out` and errors as for `layerkit_images_push`;
/// `invalid_argument` when it has no name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_push(
    image: *const layerkit_image,
    options: *const layerkit_push_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let image = given(image)?;
            image.engine.image_push(&image.summary.id, &core_options(options)?, &core_task(task)?)
        })
    }
}

/// Unpacks its file system into a directory, which appears when it is whole. `options` and `task` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_unpack(
    image: *const layerkit_image,
    directory: *const c_char,
    options: *const layerkit_unpack_options,
    task: *const layerkit_task,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let image = given(image)?;
        let directory = Path::new(text("directory", directory)?);
        image.engine.image_unpack(&image.summary.id, directory, &core_options(options)?, &core_task(task)?)
    })
}

/// Lists its files without unpacking anything: a JSON list of objects with `path`, `type` (`file`, `directory`, `symlink`,
/// `char_device`, `block_device` or `fifo`), `mode`, `uid`, `gid`, `size`, `mtime` (seconds since 1970), `mtime_nanoseconds`, `links`,
/// `target` (of a symlink), `device` (major and minor number) and `layer` (its digest), each directory before what it holds. `options` and
/// `task` may be NULL. A path that is not there is `not_found`. Free `*out` with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_files(
    image: *const layerkit_image,
    options: *const layerkit_files_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let image = given(image)?;
            image.engine.image_files(&image.summary.id, &core_options(options)?, &core_task(task)?)
        })
    }
}

/// Writes the content of a regular file of it; symlinks are followed inside the image. `task` may be NULL. A path that is not there is
/// `not_found`, a directory or a device `invalid_argument`. A layer that is damaged is `digest_mismatch`, once all is written at the latest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_read(
    image: *const layerkit_image,
    path: *const c_char,
    target: *const layerkit_target,
    task: *const layerkit_task,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let image = given(image)?;
        let (path, target) = (Path::new(text("path", path)?), core_target(target)?);
        image.engine.image_read(&image.summary.id, path, target, &core_task(task)?)
    })
}

/// What another image (a name or an ID) adds, changes and deletes, compared with this one: a JSON list of objects with `path` and `kind`
/// (`added`, `changed` or `deleted`), sorted by path. Changed is what has another type, mode, owner, group, device number, link target,
/// extended attribute, size or content. `options` and `task` may be NULL. Free `*out` with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_diff(
    image: *const layerkit_image,
    other: *const c_char,
    options: *const layerkit_image_diff_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let image = given(image)?;
            let (other, options) = (text("other", other)?, core_options(options)?);
            image.engine.image_diff(&image.summary.id, other, &options, &core_task(task)?)
        })
    }
}

/// Removes it by its ID: see `layerkit_images_remove`. The object still has to be freed. `options` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_remove(
    image: *const layerkit_image,
    options: *const layerkit_remove_options,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let image = given(image)?;
            image.engine.images_remove(&image.summary.id, &core_options(options)?)
        })
    }
}

/// Frees an image that is not part of a list. NULL is fine. The image in the store stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_image_free(image: *mut layerkit_image) {
    // SAFETY: NULL or an image that the caller got and gives back.
    unsafe { release(image) }
}
