//! A Dockerfile as calls: steps are appended, and built. The steps are the core's; nothing is checked before they are built.

use std::ffi::c_char;

use layerkit::{BuildOptions, BuildStep, Result};
use serde_json::{Map, Value};

use crate::arguments::{array, invalid, optional_text, required, text, texts};
use crate::build_options::{core_inputs, layerkit_build_options};
use crate::engine::{core_engine, layerkit_engine};
use crate::error::layerkit_error;
use crate::image::layerkit_image;
use crate::images::look_up_built;
use crate::object::core_options;
use crate::options::layerkit_pair;
use crate::outcome::{done, give_object, release};
use crate::task::{core_task, layerkit_task};

/// The steps of a Dockerfile. Free it with `layerkit_builder_free`. It is used by one thread at a time.
pub struct layerkit_builder {
    steps: Vec<BuildStep>,
}

impl layerkit_builder {
    fn push(&mut self, instruction: &str, flags: Map<String, Value>, args: Value) {
        let flags = flags.into_iter().collect();
        self.steps.push(BuildStep { instruction: instruction.to_owned(), flags, args });
    }
}

/// The builder behind a pointer.
///
/// # Safety
/// `builder` is NULL or a builder that nobody else uses while the call lasts.
unsafe fn given<'a>(builder: *mut layerkit_builder) -> Result<&'a mut layerkit_builder> {
    // SAFETY: as the caller promises.
    unsafe { builder.as_mut() }.ok_or_else(|| invalid("builder is NULL".to_owned()))
}

/// Flags by name: a value that is NULL is a flag without one, and a name that comes again makes a list.
///
/// # Safety
/// `flags` is NULL or an array of `count` pairs of strings.
unsafe fn core_flags(flags: *const layerkit_pair, count: usize) -> Result<Map<String, Value>> {
    let mut map = Map::new();
    // SAFETY: as the caller promises.
    for flag in unsafe { array("flags", flags, count) }? {
        // SAFETY: the same.
        let (key, value) =
            unsafe { (text("flags->key", flag.key)?, optional_text("flags->value", flag.value)?) };
        let value = value.map_or(Value::Bool(true), Value::from);
        match map.get_mut(key) {
            None => drop(map.insert(key.to_owned(), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Ok(map)
}

/// Begins a Dockerfile: `FROM base`, or nothing yet when `base` is NULL. Free `*out` with `layerkit_builder_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_builder_new(
    base: *const c_char,
    out: *mut *mut layerkit_builder,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_object(out, || {
            let mut builder = layerkit_builder { steps: Vec::new() };
            if !base.is_null() {
                builder.push("FROM", Map::new(), text("base", base)?.into());
            }
            Ok(builder)
        })
    }
}

/// Appends an instruction, followed by `rest` as a Dockerfile has it: `RUN` and a command for the shell, `FROM` and
/// `base AS name`, `HEALTHCHECK` and `NONE`. Flags have no `--` in front; the value NULL is for a flag without one, and a flag that
/// comes several times has several values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_builder_step(
    builder: *mut layerkit_builder,
    instruction: *const c_char,
    flags: *const layerkit_pair,
    flags_count: usize,
    rest: *const c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let rest = text("rest", rest)?.into();
        given(builder)?.push(text("instruction", instruction)?, core_flags(flags, flags_count)?, rest);
        Ok(())
    })
}

/// Appends an instruction with words: the exec form of `RUN`, `CMD`, `ENTRYPOINT` and `SHELL`, the paths of `COPY`, `ADD` and
/// `VOLUME`. Flags as for `layerkit_builder_step`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_builder_step_words(
    builder: *mut layerkit_builder,
    instruction: *const c_char,
    flags: *const layerkit_pair,
    flags_count: usize,
    words: *const *const c_char,
    words_count: usize,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let words = texts("words", words, words_count)?.into();
        given(builder)?.push(text("instruction", instruction)?, core_flags(flags, flags_count)?, words);
        Ok(())
    })
}

/// Appends `ENV`, `LABEL` or `ARG` with names and values; for an `ARG` the value NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_builder_step_pairs(
    builder: *mut layerkit_builder,
    instruction: *const c_char,
    pairs: *const layerkit_pair,
    pairs_count: usize,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let mut map = Map::new();
        for pair in array("pairs", pairs, pairs_count)? {
            let value = optional_text("pairs->value", pair.value)?;
            map.insert(text("pairs->key", pair.key)?.to_owned(), value.into());
        }
        given(builder)?.push(text("instruction", instruction)?, Map::new(), map.into());
        Ok(())
    })
}

/// Appends `RUN command`, for the shell.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_builder_run(
    builder: *mut layerkit_builder,
    command: *const c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        given(builder)?.push("RUN", Map::new(), text("command", command)?.into());
        Ok(())
    })
}

/// Appends `COPY source destination`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_builder_copy(
    builder: *mut layerkit_builder,
    source: *const c_char,
    destination: *const c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let paths = vec![text("source", source)?, text("destination", destination)?];
        given(builder)?.push("COPY", Map::new(), paths.into());
        Ok(())
    })
}

/// Appends `ENV name=value`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_builder_env(
    builder: *mut layerkit_builder,
    name: *const c_char,
    value: *const c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    done(|| unsafe {
        let pair = (text("name", name)?.to_owned(), text("value", value)?.into());
        given(builder)?.push("ENV", Map::new(), Value::Object([pair].into_iter().collect()));
        Ok(())
    })
}

/// Builds the steps. `options` (without a Dockerfile) and `task` may be NULL. Free `*out` with `layerkit_image_free`. The builder
/// stays as it is, and may go on. Errors as for `layerkit_images_build`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_builder_commit(
    builder: *const layerkit_builder,
    engine: *const layerkit_engine,
    options: *const layerkit_build_options,
    task: *const layerkit_task,
    out: *mut *mut layerkit_image,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe {
        give_object(out, || {
            let (engine, builder) = (core_engine(engine)?, required("builder", builder)?);
            let mut build: BuildOptions = core_options(options)?;
            build.steps = builder.steps.clone();
            let built = engine.images_build(&build, core_inputs(options)?, &core_task(task)?)?;
            look_up_built(engine, &built)
        })
    }
}

/// Frees a builder; NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_builder_free(builder: *mut layerkit_builder) {
    // SAFETY: NULL or a builder that the caller had from `layerkit_builder_new` and uses no more.
    unsafe { release(builder) }
}
