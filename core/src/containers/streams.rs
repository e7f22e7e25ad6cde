//! The caller's side of a container's streams: what it reads, who takes what it writes, and what may be asked meanwhile.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

use super::options::TerminalSize;
use crate::error::{Result, ResultExt};
use crate::event::LogStream;

/// Takes what a container writes, as it comes. When it fails, the operation ends with that error.
pub type ContainerOutput<'a> = dyn FnMut(LogStream, &[u8]) -> Result<()> + Send + 'a;

/// The streams of who attaches. Dropped with the operation.
#[derive(Default)]
pub struct ContainerStreams<'a> {
    /// What the command reads, if its standard input is open: a pipe, socket, file or terminal. It is read from where it stands, as far as the
    /// command reads it, and left as it is: a terminal is the caller's to make raw.
    pub stdin: Option<OwnedFd>,
    /// Who takes the output; without one it is lost to the caller (the log has it).
    pub output: Option<&'a mut ContainerOutput<'a>>,
    /// What may be asked from other threads while the operation runs.
    pub control: Option<ContainerControl>,
}

impl fmt::Debug for ContainerStreams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerStreams").finish_non_exhaustive()
    }
}

/// What is asked of an operation that is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Another size of the terminal.
    Resize(TerminalSize),
    /// A signal for the command, by name or number.
    Signal(String),
    /// An end of the operation that leaves the command running.
    Detach,
}

/// Asks things of an operation that is attached (`run`, `start`, `attach`, `exec`), from any thread. Cheap to clone; belongs to one operation.
#[derive(Clone)]
pub struct ContainerControl(Arc<Shared>);

struct Shared {
    requests: Mutex<Vec<Request>>,
    /// Readable while there are requests.
    event: OwnedFd,
}

impl ContainerControl {
    /// One that asks nothing yet. Fails when the process is out of descriptors.
    pub fn new() -> Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .context(|| "create the control of a container")?;
        Ok(ContainerControl(Arc::new(Shared { requests: Mutex::default(), event })))
    }

    /// Tells the terminal's new size. Never blocks.
    pub fn resize(&self, rows: u16, cols: u16) {
        self.ask(Request::Resize(TerminalSize { rows, cols }));
    }

    /// Sends the command a signal, by name or number. Never blocks; a signal that there is none of ends the operation with `invalid_argument`.
    pub fn signal(&self, signal: &str) {
        self.ask(Request::Signal(signal.to_owned()));
    }

    /// Ends the operation and leaves the command running, as a detached one: its report has no exit code. Never blocks.
    pub fn detach(&self) {
        self.ask(Request::Detach);
    }

    fn ask(&self, request: Request) {
        let mut requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(request);
        // The counter never gets near its end.
        let _ = rustix::io::write(&self.0.event, &1u64.to_ne_bytes());
    }

    /// What was asked since the last look.
    pub(crate) fn take(&self) -> Vec<Request> {
        let mut requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = rustix::io::read(&self.0.event, &mut [0u8; 8]);
        std::mem::take(&mut requests)
    }
}

impl AsFd for ContainerControl {
    /// Readable while something is asked.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }
}

impl fmt::Debug for ContainerControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerControl").finish_non_exhaustive()
    }
}
