//! The event object that callbacks see.

use std::ffi::{CString, c_char};

use layerkit::{Event, Result};
use serde_json::Value;

use crate::fields::{Fields, borrowed};
use crate::outcome::{c_string, json};

/// One step of an operation's progress. It belongs to the library: it and its texts live until the callback returns.
///
/// Events and what they carry (texts unless said otherwise; bytes, counts, lines and milliseconds are numbers):
///
/// - `layer`: `operation` (`import`, `load`, `save`, `unpack`, `pull`, `push`, `copy`), `id`, `state` (`started`, `progress`,
///   `done`, `exists`, `mounted`), `bytes`, `total` (0 when not known)
/// - `image_loaded`: `id`, `name` (may be empty)
/// - `tag_moved`: `name`, `old_id`
/// - `step_started`: `n`, `total`, `text`, `line`
/// - `triggers`: `n`, `count`
/// - `step_cached`: `n`
/// - `step_running`: `n`, `container`
/// - `step_log`: `n`, `stream` (`stdout`, `stderr`), `text`
/// - `container_removed`: `n`, `container`
/// - `step_done`: `n`, `image`
/// - `warning`: `message`, `line` (0 when there is none)
/// - `built`: `id`
/// - `resolving`: `name`
/// - `pulled`: `name`, `id`, `digest`, `new` (1; 0 when the name led to this image before)
/// - `pushed`: `name`, `digest`, `size`
/// - `retrying`: `what`, `reason`, `wait_ms`
/// - `tagged`: `name`
/// - `container_created`, `container_started`: `container` (its ID)
///
/// Later versions may add events and fields; pass over those you do not know.
pub struct layerkit_event {
    name: CString,
    json: CString,
    fields: Fields,
}

impl layerkit_event {
    pub fn new(event: &Event) -> Result<Self> {
        let text = json(event)?;
        let mut fields = Fields::default();
        let mut name = CString::default();
        if let Ok(Value::Object(map)) = serde_json::from_str(&text) {
            for (key, value) in &map {
                match value {
                    Value::String(text) if key == "event" => name = c_string(text),
                    Value::String(text) => fields.add_text(key, text),
                    Value::Number(number) => fields.add_number(key, number.as_i64().unwrap_or(i64::MAX)),
                    Value::Bool(yes) => fields.add_number(key, (*yes).into()),
                    _ => {}
                }
            }
        }
        Ok(layerkit_event { name, json: c_string(&text), fields })
    }
}

/// Which event it is, such as `step_started`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_event_name(event: *const layerkit_event) -> *const c_char {
    // SAFETY: NULL or the event that the callback was given.
    borrowed(unsafe { event.as_ref() }.map(|event| &*event.name))
}

/// A text that the event carries, or NULL when it has none with this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_event_text(
    event: *const layerkit_event,
    name: *const c_char,
) -> *const c_char {
    // SAFETY: NULL or the event that the callback was given; `name` is NULL or a string.
    unsafe { event.as_ref().map_or(std::ptr::null(), |event| event.fields.text(name)) }
}

/// Writes a number that the event carries to `out` and returns true; false, and `out` is left alone, when it has none with
/// this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_event_number(
    event: *const layerkit_event,
    name: *const c_char,
    out: *mut i64,
) -> bool {
    // SAFETY: NULL or the event that the callback was given; `name` is NULL or a string; `out` is NULL or can be written.
    unsafe { event.as_ref().is_some_and(|event| event.fields.number(name, out)) }
}

/// The whole event as a JSON object, whose `event` is its name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn layerkit_event_json(event: *const layerkit_event) -> *const c_char {
    // SAFETY: NULL or the event that the callback was given.
    borrowed(unsafe { event.as_ref() }.map(|event| &*event.json))
}
