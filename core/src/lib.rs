//! The image half of Docker as a library: a layer store, Dockerfile builds that really execute `RUN`,
//! import, save and load. No daemon.
//!
//! [`Engine`] is the way in; everything else here is what its methods take and give. The modules below it import
//! downwards only, in the order that DESIGN.md lists and `tests/module_graph.rs` checks.
#![forbid(unsafe_code)]

mod error;
mod event;
mod task;

pub use error::{Error, ErrorKind, Field, Result, ResultExt};
pub use event::{Event, LayerState, LogStream};
pub use task::{CancelToken, Task};
