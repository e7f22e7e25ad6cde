//! How calls into the core are made: the GIL released, panics stopped, long operations on a thread of their own.
//!
//! The thread that made the call waits meanwhile, in short slices, and looks after signals in between. It also does what
//! the operation wants from Python (call back with an event, read a stream), so that callbacks and streams are used in
//! the thread they were given in, and a Ctrl-C interrupts a read that blocks like any other.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};

use layerkit::{Error, ErrorKind, Result, Task};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use rustix::event::{PollFd, PollFlags, poll};

use crate::caller::{Caller, Message, Output, SLICE};
use crate::cancel::CancelToken;
use crate::{convert, error};

/// Makes a short call, without the GIL.
pub fn short<T: Send>(py: Python<'_>, call: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    py.detach(|| guarded(call)).map_err(|failed| error::exception(py, &failed))
}

/// A long operation that is about to run.
pub struct Operation {
    task: Task,
    caller: Caller,
    messages: Receiver<Message>,
    helpers: Vec<JoinHandle<()>>,
    /// The token that was given to an operation with one of its own.
    given: Option<layerkit::CancelToken>,
    over: Option<Over>,
}

impl Operation {
    /// An operation that `cancel` cancels and whose events go to `on_event`.
    pub fn new(
        py: Python<'_>,
        on_event: Option<Bound<'_, PyAny>>,
        cancel: Option<&Bound<'_, CancelToken>>,
    ) -> PyResult<Self> {
        match cancel {
            Some(token) => Self::with(Task::with_token(token.get().core()), on_event, None),
            None => Self::with(own(py)?, on_event, None),
        }
    }

    /// The same with a token of its own, which is cancelled when `cancel` is: it can be ended without what else that cancels.
    pub fn apart(
        py: Python<'_>,
        on_event: Option<Bound<'_, PyAny>>,
        cancel: Option<&Bound<'_, CancelToken>>,
    ) -> PyResult<Self> {
        let given = cancel.map(|token| token.get().core());
        let mut operation = Self::with(own(py)?, on_event, given.clone())?;
        if let Some(watched) = given {
            let over = layerkit::CancelToken::new().map_err(|failed| error::exception(py, &failed))?;
            let (token, until) = (operation.token().clone(), over.clone());
            pass_on(&watched, &token);
            operation.over = Some(Over(over));
            operation.help(py, move || follow(&watched, &token, &until))?;
        }
        Ok(operation)
    }

    fn with(
        mut task: Task,
        on_event: Option<Bound<'_, PyAny>>,
        given: Option<layerkit::CancelToken>,
    ) -> PyResult<Self> {
        let (caller, messages) = Caller::new(task.token().clone());
        if let Some(callback) = on_event {
            if !callback.is_callable() {
                return Err(PyTypeError::new_err("on_event must be callable"));
            }
            let (callback, caller) = (Arc::new(callback.unbind()), caller.clone());
            let (watched, token) = (given.clone(), task.token().clone());
            task = task.on_event(move |event| {
                let (callback, event) = (Arc::clone(&callback), event.clone());
                let called =
                    caller.call(move |py| callback.call1(py, (convert::report(py, &event)?,)).map(drop));
                // A cancel by the callback holds from here on, not from when the thread that follows has seen it.
                watched.iter().for_each(|watched| pass_on(watched, &token));
                called
            });
        }
        Ok(Operation { task, caller, messages, helpers: Vec::new(), given, over: None })
    }

    /// The task's cancel token.
    pub fn token(&self) -> &layerkit::CancelToken {
        self.task.token()
    }

    /// For the streams that the operation reads and writes.
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// Starts a thread that works for the operation and ends when that has ended.
    pub fn help(&mut self, py: Python<'_>, work: impl FnOnce() + Send + 'static) -> PyResult<()> {
        self.helpers.push(spawn(py, work)?);
        Ok(())
    }

    /// Runs it to its end. What a callback or stream raises comes out as it was raised. A signal handler that raises
    /// (Ctrl-C) cancels the operation. Either comes out once the operation has ended.
    pub fn run<T: Send + 'static>(
        self,
        py: Python<'_>,
        work: impl FnOnce(&Task) -> Result<T> + Send + 'static,
    ) -> PyResult<T> {
        self.start(py, work)?.end(py)
    }

    /// Starts it. What it wants of the caller waits until that asks for the next output, or the end.
    pub fn start<T: Send + 'static>(
        self,
        py: Python<'_>,
        work: impl FnOnce(&Task) -> Result<T> + Send + 'static,
    ) -> PyResult<Running<T>> {
        let Operation { task, caller, messages, helpers, given, over } = self;
        let (mine, back) = (task.clone(), caller.clone());
        let thread = spawn(py, move || {
            let _over = over;
            let outcome = guarded(move || work(&mine));
            back.end();
            outcome
        })?;
        Ok(Running { task, caller, messages, helpers, given, thread, raised: None })
    }
}

/// A long operation that runs.
pub struct Running<T> {
    task: Task,
    caller: Caller,
    messages: Receiver<Message>,
    helpers: Vec<JoinHandle<()>>,
    given: Option<layerkit::CancelToken>,
    thread: JoinHandle<Result<T>>,
    raised: Option<PyErr>,
}

impl<T: Send + 'static> Running<T> {
    /// Waits for output; nothing once the operation has ended. Does what the operation wants of the caller meanwhile, and looks
    /// after signals.
    pub fn next(&mut self, py: Python<'_>) -> Option<Output> {
        loop {
            let messages = &mut self.messages;
            match py.detach(move || messages.recv_timeout(SLICE)) {
                // After an exception nothing of the caller's is called any more: the core gets its error at once.
                Ok(Message::Job(job)) if self.raised.is_none() => self.raised = job(py).err(),
                Ok(Message::Output(output)) => {
                    let flow = self.caller.flow();
                    flow.take(output.data.len());
                    if self.raised.is_none() && !flow.is_closed() {
                        return Some(output);
                    }
                }
                Ok(Message::Job(_)) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::Ended) | Err(RecvTimeoutError::Disconnected) => return None,
            }
            if self.raised.is_none() {
                self.raised = py.check_signals().err();
                if self.raised.is_some() {
                    self.task.token().cancel();
                    self.given.iter().for_each(layerkit::CancelToken::cancel);
                }
            }
        }
    }

    /// Runs to the end; output that comes on the way is dropped.
    pub fn end(self, py: Python<'_>) -> PyResult<T> {
        self.outcome(py)?.map_err(|failed| error::exception(py, &failed))
    }

    /// The same; fails with what a callback, a stream or a signal handler raised, and tells apart how the operation ended.
    pub fn outcome(mut self, py: Python<'_>) -> PyResult<Result<T>> {
        while self.next(py).is_some() {}
        let Running { messages, helpers, thread, raised, .. } = self;
        let outcome = py.detach(move || joined(messages, thread, helpers));
        raised.map_or(Ok(outcome), Err)
    }

    /// Cancels, and waits for the end without Python: nothing of the caller's is called any more.
    pub fn abandon(self) {
        self.task.token().cancel();
        self.caller.flow().close();
        // What comes of it is of no interest.
        let _ = joined(self.messages, self.thread, self.helpers);
    }
}

/// What came of it, once every thread has ended.
fn joined<T>(
    messages: Receiver<Message>,
    thread: JoinHandle<Result<T>>,
    helpers: Vec<JoinHandle<()>>,
) -> Result<T> {
    // Who still wants something of the caller gets an error.
    drop(messages);
    let outcome = thread.join().unwrap_or_else(|panic| Err(panicked(&*panic)));
    for helper in helpers {
        // One that panicked has ended too.
        let _ = helper.join();
    }
    outcome
}

fn spawn<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<JoinHandle<T>> {
    let spawned = thread::Builder::new().name("layerkit".to_owned()).spawn(work);
    spawned.map_err(|failed| error::exception(py, &Error::io("start a thread", failed)))
}

/// Tells, when it is dropped, that an operation is over.
struct Over(layerkit::CancelToken);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Cancels `token` once `watched` is cancelled, unless that is over before.
fn follow(watched: &layerkit::CancelToken, token: &layerkit::CancelToken, until: &layerkit::CancelToken) {
    let mut waited = [PollFd::new(watched, PollFlags::IN), PollFd::new(until, PollFlags::IN)];
    while !watched.is_cancelled() && !until.is_cancelled() {
        // Only a signal makes it fail, and then it is asked again.
        let _ = poll(&mut waited, None);
    }
    pass_on(watched, token);
}

fn pass_on(watched: &layerkit::CancelToken, token: &layerkit::CancelToken) {
    if watched.is_cancelled() {
        token.cancel();
    }
}

fn own(py: Python<'_>) -> PyResult<Task> {
    Task::new().map_err(|failed| error::exception(py, &failed))
}

fn guarded<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
    Error::new(ErrorKind::Internal, format!("layerkit panicked: {text}"))
}
