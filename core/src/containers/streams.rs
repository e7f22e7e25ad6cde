//! The caller's side of a container's streams: what it reads, who takes what it writes, and what may be asked meanwhile.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::options::TerminalSize;
use super::signals;
use crate::container::{Attach, Connection, Control, End, Window};
use crate::error::Result;
use crate::event::LogStream;
use crate::task::Task;

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

impl ContainerStreams<'_> {
    /// What of a container's streams they take part in.
    pub(super) fn attach(&self, with_stdin: bool) -> Attach {
        let output = self.output.is_some();
        Attach { stdin: with_stdin && self.stdin.is_some(), stdout: output, stderr: output }
    }

    /// Takes part in the streams until the command has ended, or somebody detaches.
    pub(super) fn converse(self, connection: Connection, task: &Task) -> Result<End> {
        let connected = self.control.as_ref().map(|control| control.connect(connection.control()));
        let mut output = self.output;
        let mut take = |stream: LogStream, bytes: &[u8]| match &mut output {
            Some(output) => output(stream, bytes),
            None => Ok(()),
        };
        let end = connection.converse(self.stdin.as_ref().map(AsFd::as_fd), &mut take, task);
        drop(connected);
        end
    }
}

impl From<TerminalSize> for Window {
    fn from(size: TerminalSize) -> Self {
        Window { rows: size.rows, cols: size.cols }
    }
}

/// What is asked of an operation that is attached.
#[derive(Clone, Copy, Debug)]
enum Request {
    Resize(Window),
    Signal(i32),
    Detach,
}

/// Asks things of an operation that is attached (`run`, `start`, `attach`, `exec`), from any thread. Cheap to clone; belongs to one operation
/// at a time. What is asked before there is a command waits for it; what is asked after its end is lost.
#[derive(Clone, Default)]
pub struct ContainerControl(Arc<Mutex<Target>>);

/// Whom requests go to.
#[derive(Default)]
struct Target {
    control: Option<Control>,
    waiting: Vec<Request>,
}

impl ContainerControl {
    /// One that asks nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells the terminal's new size.
    pub fn resize(&self, rows: u16, cols: u16) {
        self.ask(Request::Resize(Window { rows, cols }));
    }

    /// Sends the command a signal, by name or number. `invalid_argument` for one that there is none of.
    pub fn signal(&self, signal: &str) -> Result<()> {
        self.ask(Request::Signal(signals::number(signal)?));
        Ok(())
    }

    /// Ends the operation and leaves the command running, as a detached one: its report has no exit code.
    pub fn detach(&self) {
        self.ask(Request::Detach);
    }

    fn target(&self) -> MutexGuard<'_, Target> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, request: Request) {
        let mut target = self.target();
        match &target.control {
            Some(control) => pass_on(control, request),
            None => target.waiting.push(request),
        }
    }

    /// Has requests go to a connection, until what comes back is dropped.
    fn connect(&self, control: Control) -> Connected {
        let mut target = self.target();
        target.waiting.drain(..).for_each(|request| pass_on(&control, request));
        target.control = Some(control);
        Connected(self.clone())
    }
}

fn pass_on(control: &Control, request: Request) {
    match request {
        Request::Resize(window) => control.resize(window),
        Request::Signal(number) => control.signal(number),
        Request::Detach => control.detach(),
    }
}

/// A control that leads to a command.
struct Connected(ContainerControl);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.target().control = None;
    }
}

impl fmt::Debug for ContainerControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerControl").finish_non_exhaustive()
    }
}
