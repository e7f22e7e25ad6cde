//! The standard input of a container: a pair of sockets. JavaScript writes one end at the pace at which the command reads the other.

use std::os::fd::{IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use napi_derive::napi;

/// A standard input that is JavaScript's to write.
#[napi]
pub struct NativeInput {
    /// The command's end, until an operation has it.
    command: Mutex<Option<OwnedFd>>,
    /// JavaScript's end, until it has been asked for.
    caller: Mutex<Option<UnixStream>>,
}

fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[napi]
#[allow(clippy::missing_errors_doc)] // only those of the system, as they are
impl NativeInput {
    /// A new pair.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> napi::Result<Self> {
        let (command, caller) = UnixStream::pair()?;
        Ok(NativeInput { command: Mutex::new(Some(command.into())), caller: Mutex::new(Some(caller)) })
    }

    /// The descriptor of JavaScript's end, which JavaScript closes. Asked for once.
    #[napi(catch_unwind)]
    pub fn descriptor(&self) -> Option<i32> {
        take(&self.caller).map(IntoRawFd::into_raw_fd)
    }

    /// Closes what nobody has taken, without waiting for the collector.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        drop((take(&self.command), take(&self.caller)));
    }
}

impl NativeInput {
    /// The command's end, for the one operation that reads it.
    pub(crate) fn take(&self) -> Option<OwnedFd> {
        take(&self.command)
    }
}
