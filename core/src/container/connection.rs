//! A connection to the monitor of a container.

use std::os::fd::BorrowedFd;

use super::ExitStatus;
use super::monitor::{Attach, ExecSpec, Window};
use crate::error::Result;
use crate::event::LogStream;
use crate::task::Task;

/// A connection to a container's monitor, or to a command that was executed in the container. Dropped, it is closed: that ends a container that
/// was not started detached, if this is the connection that started it.
pub struct Connection {}

/// Sends to what a connection is for while another thread converses on it. Without an answer: what cannot arrive is not needed.
#[derive(Clone)]
pub struct Control {}

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With the command.
    Exited(ExitStatus),
    /// With the command too, but its monitor was killed: nobody knows its exit code.
    Unknown,
    /// By [`Control::detach`]: the command goes on.
    Detached,
}

impl Connection {
    /// Takes part in the container's streams from now on. `conflict` when it ended meanwhile.
    pub fn attach(&mut self, streams: Attach) -> Result<()> {
        let _ = streams;
        Err(crate::error::Error::new(crate::error::ErrorKind::Unsupported, "containers with a monitor"))
    }

    /// Hands output over as it comes, and input as it can be read from `stdin`, until the end of the command.
    ///
    /// Waits for nothing but these and the task: `cancelled` when that is. `stdin`'s end is the end of the command's input. What the
    /// command does not take of it is not read from it, but for some 64 KiB.
    pub fn converse(
        self,
        stdin: Option<BorrowedFd<'_>>,
        output: &mut dyn FnMut(LogStream, &[u8]) -> Result<()>,
        task: &Task,
    ) -> Result<End> {
        let _ = (stdin, output, task);
        Err(crate::error::Error::new(crate::error::ErrorKind::Unsupported, "containers with a monitor"))
    }

    /// Waits for the end of the command; output that was attached to is thrown away. `None` when nobody
    /// knows how it ended.
    pub fn wait(self, task: &Task) -> Result<Option<ExitStatus>> {
        let _ = task;
        Err(crate::error::Error::new(crate::error::ErrorKind::Unsupported, "containers with a monitor"))
    }

    /// Sends a signal to process 1, or to the command that was executed. `conflict` when it has ended.
    pub fn signal(&mut self, number: i32) -> Result<()> {
        let _ = number;
        Err(crate::error::Error::new(crate::error::ErrorKind::Unsupported, "containers with a monitor"))
    }

    /// Sets the size of the terminal. `conflict` when there is none.
    pub fn resize(&mut self, window: Window) -> Result<()> {
        let _ = window;
        Err(crate::error::Error::new(crate::error::ErrorKind::Unsupported, "containers with a monitor"))
    }

    /// Stops every process of the container. `conflict` when it is paused.
    pub fn pause(&mut self) -> Result<()> {
        Err(crate::error::Error::new(crate::error::ErrorKind::Unsupported, "containers with a monitor"))
    }

    /// Lets them go on. `conflict` when it is not paused.
    pub fn unpause(&mut self) -> Result<()> {
        Err(crate::error::Error::new(crate::error::ErrorKind::Unsupported, "containers with a monitor"))
    }

    /// Executes another command in the container; the connection is that command's from then on. Returns once it runs; errors as those of [`super::start`].
    pub fn exec(self, spec: &ExecSpec, task: &Task) -> Result<Connection> {
        let _ = (spec, task);
        Err(crate::error::Error::new(crate::error::ErrorKind::Unsupported, "containers with a monitor"))
    }

    /// The process that the connection is for, as the host counts: process 1, or that of an executed command.
    pub fn pid(&self) -> u32 {
        0
    }

    /// A handle to send signals and sizes with while this connection converses.
    pub fn control(&self) -> Control {
        Control {}
    }
}

impl Control {
    /// Sends a signal to the command.
    pub fn signal(&self, number: i32) {
        let _ = number;
    }

    /// Sets the size of its terminal.
    pub fn resize(&self, window: Window) {
        let _ = window;
    }

    /// Ends the conversation; the command goes on.
    pub fn detach(&self) {}
}
