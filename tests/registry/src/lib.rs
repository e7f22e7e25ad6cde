//! An OCI registry inside a test's process, with faults on request.
//!
//! It keeps everything in memory, follows Distribution Spec v1.1 and distribution's token specifications, and
//! misbehaves exactly as it is told to. It runs on one thread of its own, prints nothing, has no global state, and
//! leaves no thread and no socket behind.
//!
//! ```
//! use layerkit_testing::{Fault, FaultRule, Options, Registry};
//!
//! let registry = Registry::start(Options::default())?;
//! let digest = registry.put_blob("team/app", "hello");
//! registry.fault(FaultRule::new(Fault::Drop { after: 2 }).path("/blobs/").times(1));
//! // ... pull http://127.0.0.1:port/v2/team/app/blobs/sha256:... ...
//! assert!(registry.has_blob("team/app", &digest));
//! assert!(registry.requests().is_empty());
//! # Ok::<(), String>(())
//! ```

mod auth;
mod blobs;
mod body;
mod certificates;
mod exchange;
mod fault;
mod files;
mod lists;
mod log;
mod manifests;
mod options;
mod registry;
mod reply;
mod route;
mod search;
mod server;
mod service;
mod state;
mod store;
mod token_service;
mod uploads;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use bytes::Bytes;
pub use certificates::ClientIdentity;
pub use fault::{Fault, FaultRule};
pub use files::ServedFile;
pub use log::{Authorization, Request};
pub use options::{Auth, BlobRedirect, Options, Proxy, SearchEntry, Tls, TokenField};
pub use registry::Registry;

/// A lock whatever became of its last owner: what a panicking test left behind is still good to look at.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
