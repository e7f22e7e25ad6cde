//! What every long operation is handed: the way to cancel it, and where its events go.
//!
//! Knows nothing of the operations. A task belongs to one operation; its cancel token may be shared and triggered from
//! any thread (or, in bindings, from a signal check).

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::Event;

/// Cancels the operations whose tasks hold it. Cloning shares it; once cancelled it stays so.
#[derive(Clone)]
pub struct CancelToken(Arc<Signal>);

struct Signal {
    cancelled: AtomicBool,
    /// Becomes readable on cancel, so that a wait on a stream can wait on it too.
    event: OwnedFd,
}

impl CancelToken {
    /// A token that is not cancelled. Fails when the process is out of descriptors.
    pub fn new() -> Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        let event =
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).context(|| "create cancel token")?;
        Ok(CancelToken(Arc::new(Signal { cancelled: AtomicBool::new(false), event })))
    }

    /// Cancels. Idempotent, never blocks, callable from any thread.
    pub fn cancel(&self) {
        if !self.0.cancelled.swap(true, Ordering::SeqCst) {
            // Cannot fail: the counter goes from 0 to 1 once.
            let _ = rustix::io::write(&self.0.event, &1u64.to_ne_bytes());
        }
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }
}

impl AsFd for CancelToken {
    /// A descriptor that is readable from the cancel on: for `poll`, never to be read.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelToken").field(&self.is_cancelled()).finish()
    }
}

type Sink = dyn Fn(&Event) -> Result<()> + Send + Sync;

/// One operation's cancel token and event sink.
#[derive(Clone)]
pub struct Task {
    cancel: CancelToken,
    sink: Option<Arc<Sink>>,
}

impl Task {
    /// A task that nobody watches; cancel it through [`Task::token`].
    pub fn new() -> Result<Self> {
        Ok(Self::with_token(CancelToken::new()?))
    }

    /// A task that this token cancels.
    pub fn with_token(cancel: CancelToken) -> Self {
        Task { cancel, sink: None }
    }

    /// Sends events to `sink`, which may be called from several threads, one call at a time per thread. When it fails,
    /// the operation ends with that error (kind `callback` or `cancelled`).
    #[must_use]
    pub fn on_event(mut self, sink: impl Fn(&Event) -> Result<()> + Send + Sync + 'static) -> Self {
        self.sink = Some(Arc::new(sink));
        self
    }

    /// The token that cancels this task.
    pub fn token(&self) -> &CancelToken {
        &self.cancel
    }

    /// Fails with `cancelled` if the task was cancelled. Long loops call it at least every few milliseconds of work.
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the operation was cancelled"));
        }
        Ok(())
    }

    /// Sends an event of something that is done and stays done: neither a cancel nor the sink's failure undoes it.
    pub fn announce(&self, event: &Event) {
        if let Some(sink) = &self.sink {
            let _ = sink(event);
        }
    }

    /// Sends an event, after a [`Task::check`].
    pub fn emit(&self, event: &Event) -> Result<()> {
        self.check()?;
        match &self.sink {
            Some(sink) => sink(event),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_task_stops_at_the_next_check_and_its_descriptor_becomes_readable() {
        use rustix::event::{PollFd, PollFlags, poll};
        let task = Task::new().unwrap();
        task.check().unwrap();
        let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::new(task.token(), PollFlags::IN)], Some(&now)).unwrap(), 0);
        task.token().cancel();
        task.token().cancel();
        assert_eq!(task.check().unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(poll(&mut [PollFd::new(task.token(), PollFlags::IN)], Some(&now)).unwrap(), 1);
    }
}
