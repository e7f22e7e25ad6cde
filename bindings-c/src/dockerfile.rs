//! Dockerfiles as data.

use std::ffi::c_char;

use layerkit::dockerfile_parse;

use crate::arguments::text as string;
use crate::error::layerkit_error;
use crate::outcome::give_json;

/// Parses a Dockerfile, which is a string, without any engine. `*out` is a JSON object with `directives` (`syntax`, `escape`, `check`),
/// `escape`, `meta_args` (the ARGs before the first FROM), `stages` (`name`, `base`, `platform`, `instructions`) and `warnings` (`rule`,
/// `message`, `line`, `column`: BuildKit's build checks). An instruction has `name`, `line`, `end_line`, `column`, `text`, `flags`,
/// `arguments` and `heredocs`. Nothing is expanded. Free `*out` with `layerkit_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_dockerfile_parse(
    text: *const c_char,
    out: *mut *mut c_char,
) -> *mut layerkit_error {
    // SAFETY: pointers are NULL or as documented.
    unsafe { give_json(out, || dockerfile_parse(string("text", text)?.as_bytes())) }
}
