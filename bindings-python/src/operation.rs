//! How calls into the core are made: the GIL released, panics stopped, long operations on a thread of their own.
//!
//! The thread that made the call waits meanwhile, in short slices, and looks after signals in between. It also does what
//! the operation wants from Python (call back with an event, read a stream), so that callbacks and streams are used in
//! the thread they were given in, and a Ctrl-C interrupts a read that blocks like any other.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use layerkit::{Error, ErrorKind, Result, Task};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::cancel::CancelToken;
use crate::{convert, error};

/// How long a Ctrl-C may wait to be seen.
const SLICE: Duration = Duration::from_millis(50);

/// Makes a short call, without the GIL.
pub fn short<T: Send>(py: Python<'_>, call: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    py.detach(|| guarded(call)).map_err(|failed| error::exception(py, &failed))
}

/// Something to be done in the thread that made the call.
type Job = Box<dyn FnOnce(Python<'_>) -> PyResult<()> + Send>;

/// The way back to the thread that made the call.
#[derive(Clone)]
pub struct Caller(Sender<Option<Job>>);

impl Caller {
    /// Does something in Python and waits for it. An exception is kept there, to come out of the call; the core sees an
    /// error of kind `callback`.
    pub fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(Python<'_>) -> PyResult<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = mpsc::sync_channel(1);
        let job: Job = Box::new(move |py| {
            // The asking side waits, so a send cannot fail.
            let _ = reply.send(call(py)?);
            Ok(())
        });
        let sent = self.0.send(Some(job)).ok();
        sent.and_then(|()| answer.recv().ok())
            .ok_or_else(|| Error::new(ErrorKind::Callback, "a callback or stream of the caller failed"))
    }
}

/// A long operation that is about to run.
pub struct Operation {
    task: Task,
    caller: Caller,
    jobs: Receiver<Option<Job>>,
}

impl Operation {
    /// An operation that `cancel` cancels and whose events go to `on_event`.
    pub fn new(
        py: Python<'_>,
        on_event: Option<Bound<'_, PyAny>>,
        cancel: Option<&Bound<'_, CancelToken>>,
    ) -> PyResult<Self> {
        let (sender, jobs) = mpsc::channel();
        let caller = Caller(sender);
        let mut task = match cancel {
            Some(token) => Task::with_token(token.get().core()),
            None => Task::new().map_err(|failed| error::exception(py, &failed))?,
        };
        if let Some(callback) = on_event {
            if !callback.is_callable() {
                return Err(PyTypeError::new_err("on_event must be callable"));
            }
            let (callback, caller) = (Arc::new(callback.unbind()), caller.clone());
            task = task.on_event(move |event| {
                let (callback, event) = (Arc::clone(&callback), event.clone());
                caller.call(move |py| callback.call1(py, (convert::report(py, &event)?,)).map(drop))
            });
        }
        Ok(Operation { task, caller, jobs })
    }

    /// The task's cancel token.
    pub fn token(&self) -> &layerkit::CancelToken {
        self.task.token()
    }

    /// For the streams that the operation reads and writes.
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// Runs it to its end. What a callback or stream raises comes out as it was raised. A signal handler that raises
    /// (Ctrl-C) cancels the operation. Either comes out once the operation has ended.
    pub fn run<T: Send + 'static>(
        self,
        py: Python<'_>,
        work: impl FnOnce(&Task) -> Result<T> + Send + 'static,
    ) -> PyResult<T> {
        let Operation { task, caller, mut jobs } = self;
        let (mine, token) = (task.clone(), task.token().clone());
        let spawned = thread::Builder::new().name("layerkit".to_owned()).spawn(move || {
            let outcome = guarded(move || work(&mine));
            // The caller listens until it gets this.
            let _ = caller.0.send(None);
            outcome
        });
        let thread = spawned.map_err(|failed| error::exception(py, &Error::io("start a thread", failed)))?;
        let mut raised = None;
        loop {
            let received;
            (jobs, received) = py.detach(move || {
                let received = jobs.recv_timeout(SLICE);
                (jobs, received)
            });
            match received {
                // After an exception nothing of the caller's is called any more: the core gets its error at once.
                Ok(Some(job)) if raised.is_none() => raised = job(py).err(),
                Ok(Some(_)) | Err(RecvTimeoutError::Timeout) => {}
                Ok(None) | Err(RecvTimeoutError::Disconnected) => break,
            }
            if raised.is_none() {
                raised = py.check_signals().err();
                if raised.is_some() {
                    token.cancel();
                }
            }
        }
        let outcome = py.detach(|| thread.join()).unwrap_or_else(|panic| Err(panicked(&*panic)));
        match raised {
            Some(exception) => Err(exception),
            None => outcome.map_err(|failed| error::exception(py, &failed)),
        }
    }
}

fn guarded<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
    Error::new(ErrorKind::Internal, format!("layerkit panicked: {text}"))
}
