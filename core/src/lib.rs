//! The image half of Docker as a library: a layer store, Dockerfile builds that really execute `RUN`,
//! import, save and load. No daemon.
//!
//! [`Engine`] is the way in; everything else here is what its methods take and give. The modules below it import
//! downwards only, in the order that DESIGN.md lists and `tests/module_graph.rs` checks.
#![forbid(unsafe_code)]

mod config;
mod digest;
mod error;
mod event;
mod fs;
mod media_type;
mod platform;
mod reference;
mod task;

pub use config::Limits;
pub use digest::Digest;
pub use error::{Error, ErrorKind, Field, Result, ResultExt};
pub use event::{Event, LayerState, LogStream};
pub use platform::Platform;
pub use reference::Reference;
pub use task::{CancelToken, Task};
