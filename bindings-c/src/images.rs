//! The images of a store.

use std::ffi::c_char;

use layerkit::{BuildResult, Engine, Result};

use crate::arguments::{text, texts};
use crate::build_options::{core_inputs, layerkit_build_options};
use crate::engine::{core_engine, layerkit_engine};
use crate::error::layerkit_error;
use crate::image::layerkit_image;
use crate::image_list::layerkit_image_list;
use crate::object::core_options;
use crate::options::{
    layerkit_import_options, layerkit_list_options, layerkit_load_options, layerkit_prune_options,
    layerkit_remove_options, layerkit_save_options,
};
use crate::outcome::{done, give_json, give_object, json};
use crate::registry_options::{layerkit_pull_options, layerkit_push_options, layerkit_search_options};
use crate::stream::{core_source, core_target, layerkit_source, layerkit_target};
use crate::task::{core_task, layerkit_task};

pub fn look_up(engine: Engine, image: &str) -> Result<layerkit_image> {
    let summary = engine.images_get(image)?;
    Ok(layerkit_image::new(engine, summary))
}

/// The image that a build made.
pub fn look_up_built(engine: Engine, built: &BuildResult) -> Result<layerkit_image> {
    Ok(look_up(engine, &built.id)?.with_build(&json(built)?))
}

/// The images, newest first. `options` may be NULL. Free `*out` with `layerkit_image_list_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_images_list(
    engine: *const layerkit_engine,
    options: *const layerkit_list_options,
    out: *mut *mut layerkit_image_list,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_object(out, || {
            let engine = core_engine(engine)?;
            Ok(layerkit_image_list::new(&engine, engine.images_list(&core_options(options)?)?))
        })
    }
}

/// One image, by name (`ubuntu:16.04`), ID, or an unambiguous prefix of an ID. Free `*out` with `layerkit_image_free`.
///
/// `not_found` when there is none; `invalid_argument` for a prefix of several.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_images_get(
    engine: *const layerkit_engine,
    image: *const c_char,
    out: *mut *mut layerkit_image,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe { give_object(out, || look_up(core_engine(engine)?, text("image", image)?)) }
}

/// Makes an image of one layer from a tar of a root file system, plain or compressed. `options` and `task` may be NULL.
/// Free `*out` with `layerkit_image_free`. Atomic: a failure leaves no image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_images_import(
    engine: *const layerkit_engine,
    source: *const layerkit_source,
    options: *const layerkit_import_options,
    task: *const layerkit_task,
    out: *mut *mut layerkit_image,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_object(out, || {
            let engine = core_engine(engine)?;
            let (source, options, task) = (core_source(source)?, core_options(options)?, core_task(task)?);
            let id = engine.images_import(source, &options, &task)?;
            look_up(engine, &id)
        })
    }
}

/// Loads every image of an archive that docker, podman, skopeo or layerkit wrote, compressed or not. `options` and `task`
/// may be NULL. Free `*out` with `layerkit_image_list_free`. Atomic: a failure leaves none of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_images_load(
    engine: *const layerkit_engine,
    source: *const layerkit_source,
    options: *const layerkit_load_options,
    task: *const layerkit_task,
    out: *mut *mut layerkit_image_list,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_object(out, || {
            let engine = core_engine(engine)?;
            let (source, options, task) = (core_source(source)?, core_options(options)?, core_task(task)?);
            let loaded = engine.images_load(source, &options, &task)?;
            let images = loaded.iter().map(|image| engine.images_get(&image.id));
            Ok(layerkit_image_list::new(&engine, images.collect::<Result<_>>()?))
        })
    }
}

/// Saves `count` images into one archive: each by name (a repository without a tag: all its tags) or by ID (without a name).
/// `options` and `task` may be NULL. Atomic for a path: a failure leaves what was there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_images_save(
    engine: *const layerkit_engine,
    images: *const *const c_char,
    count: usize,
    target: *const layerkit_target,
    options: *const layerkit_save_options,
    task: *const layerkit_task,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let (engine, images) = (core_engine(engine)?, texts("images", images, count)?);
        let (target, options, task) = (core_target(target)?, core_options(options)?, core_task(task)?);
        engine.images_save(&images, target, &options, &task)
    })
}

/// Removes an image by name or ID, by Docker's rules: a name is untagged, the last takes the image along. `options` may be
/// NULL. Atomic. `*out` is a JSON object with the lists `untagged` and `deleted`; free it with `layerkit_string_free`.
///
/// `conflict` when something else refers to it; the error's `image` or `container` says what.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_images_remove(
    engine: *const layerkit_engine,
    image: *const c_char,
    options: *const layerkit_remove_options,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || core_engine(engine)?.images_remove(text("image", image)?, &core_options(options)?))
    }
}

/// Removes images that nothing uses. `options` and `task` may be NULL. `*out` is a JSON object with the lists `untagged` and
/// `deleted` and the number of bytes `reclaimed`; free it with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_images_prune(
    engine: *const layerkit_engine,
    options: *const layerkit_prune_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || core_engine(engine)?.images_prune(&core_options(options)?, &core_task(task)?))
    }
}

/// Builds a Dockerfile, really running its `RUN` steps. `task` may be NULL. Free `*out` with `layerkit_image_free`. What was
/// done before a step that fails stays, and the next build takes it from the cache.
///
/// `dockerfile_syntax` with `line`; `build_failed` with `line`, `instruction`, `command`, `exit_code` and `output_tail`;
/// `unsupported` with `line` and `instruction` for what this version cannot do.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_images_build(
    engine: *const layerkit_engine,
    options: *const layerkit_build_options,
    task: *const layerkit_task,
    out: *mut *mut layerkit_image,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_object(out, || {
            let (engine, inputs) = (core_engine(engine)?, core_inputs(options)?);
            let built = engine.images_build(&core_options(options)?, inputs, &core_task(task)?)?;
            look_up_built(engine, &built)
        })
    }
}

/// Pulls an image, or with `all_tags` every tag of a repository. `options` and `task` may be NULL. `*out` has an image for each
/// name that was pulled, in that order: one unless `all_tags` is set. Free it with `layerkit_image_list_free`. The events
/// `pulled` tell the digests, and what is new. Atomic for each name: a failure leaves the name as it was. What a pull that was
/// cut off left is taken up.
///
/// `unauthorized`, `denied`, `not_found`, `rate_limited`, `network` and `timeout` with `status`, `registry_code`, `host` and
/// `repository`; `digest_mismatch` for bytes that are not what their digest says, and for another digest than `expect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_images_pull(
    engine: *const layerkit_engine,
    name: *const c_char,
    options: *const layerkit_pull_options,
    task: *const layerkit_task,
    out: *mut *mut layerkit_image_list,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_object(out, || {
            let (engine, name) = (core_engine(engine)?, text("name", name)?);
            let pulled = engine.images_pull(name, &core_options(options)?, &core_task(task)?)?;
            let images = pulled.iter().map(|image| engine.images_get(&image.id));
            Ok(layerkit_image_list::new(&engine, images.collect::<Result<_>>()?))
        })
    }
}

/// Pushes a name, or with `all_tags` every tag of a repository that is here. `options` and `task` may be NULL. `*out` is a JSON
/// list of objects with `name`, `digest` (of the manifest or index that the registry has now) and `size` (bytes of that), one
/// for each name; free it with `layerkit_string_free`. The manifest goes last: a failure leaves the registry's name as it was.
///
/// Errors as for `layerkit_images_pull`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_images_push(
    engine: *const layerkit_engine,
    name: *const c_char,
    options: *const layerkit_push_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let (engine, name) = (core_engine(engine)?, text("name", name)?);
            engine.images_push(name, &core_options(options)?, &core_task(task)?)
        })
    }
}

/// Searches Docker Hub, or the registry that the term begins with. `options` and `task` may be NULL. `*out` is a JSON list of
/// objects with `index` (the registry), `name`, `description`, `star_count`, `is_official` and `is_automated`; free it with
/// `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_images_search(
    engine: *const layerkit_engine,
    term: *const c_char,
    options: *const layerkit_search_options,
    task: *const layerkit_task,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_json(out, || {
            let (engine, term) = (core_engine(engine)?, text("term", term)?);
            engine.images_search(term, &core_options(options)?, &core_task(task)?)
        })
    }
}
