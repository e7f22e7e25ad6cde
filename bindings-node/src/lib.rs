//! The Node addon of layerkit, as JavaScript's object layer (`lib/`) calls it: JSON text in, JSON text out.
//!
//! Holds no rule of its own. `engine`, `registry`, `containers` and `container` have one method for each of the core's; `operation` runs each of them
//! on a thread of its own and carries its messages to the JavaScript thread; `dockerfile` answers at once; `stream` lets the core read and write
//! JavaScript's streams, `input` is what a container reads; `testing` is the registry for tests.

mod container;
mod containers;
pub mod dockerfile;
mod engine;
mod input;
mod operation;
mod registry;
mod stream;
mod testing;

use napi_derive::napi;

/// The code of every kind of error that the core knows.
#[napi(catch_unwind)]
pub fn error_codes() -> Vec<&'static str> {
    layerkit::ErrorKind::ALL.iter().map(|(_, code)| *code).collect()
}

/// The version of layerkit.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
