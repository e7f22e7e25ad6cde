//! How calls into the core are made: the GIL released, panics stopped, long operations on a thread of their own while
//! the caller waits in short slices and looks after signals in between.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use layerkit::{Error, ErrorKind, Event, Result, Task};
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

/// A long operation that is about to run: its task, and the first exception that one of the caller's own objects raised.
pub struct Operation {
    task: Task,
    raised: Raised,
}

impl Operation {
    /// An operation that `cancel` cancels and whose events go to `on_event`.
    pub fn new(
        py: Python<'_>,
        on_event: Option<Bound<'_, PyAny>>,
        cancel: Option<&Bound<'_, CancelToken>>,
    ) -> PyResult<Self> {
        let raised = Raised::default();
        let mut task = match cancel {
            Some(token) => Task::with_token(token.get().core()),
            None => Task::new().map_err(|failed| error::exception(py, &failed))?,
        };
        if let Some(callback) = on_event {
            if !callback.is_callable() {
                return Err(PyTypeError::new_err("on_event must be callable"));
            }
            let (callback, raised) = (callback.unbind(), raised.clone());
            task = task.on_event(move |event| raised.attached(|py| send(py, &callback, event)));
        }
        Ok(Operation { task, raised })
    }

    /// The task's cancel token.
    pub fn token(&self) -> &layerkit::CancelToken {
        self.task.token()
    }

    /// Where the caller's streams leave the exceptions they raise.
    pub fn raised(&self) -> &Raised {
        &self.raised
    }

    /// Runs it to its end. What the caller's own callback or stream raised comes out as it was raised. A signal handler
    /// that raises (Ctrl-C) cancels the operation, and its exception comes out once the operation has ended.
    pub fn run<T: Send + 'static>(
        self,
        py: Python<'_>,
        work: impl FnOnce(&Task) -> Result<T> + Send + 'static,
    ) -> PyResult<T> {
        let (sender, mut receiver) = mpsc::sync_channel(1);
        let task = self.task.clone();
        let thread = thread::Builder::new().name("layerkit".to_owned()).spawn(move || {
            // The receiver waits until this thread is through, so a send cannot fail.
            let _ = sender.send(guarded(move || work(&task)));
        })?;
        let mut interrupt = None;
        let outcome = loop {
            let received;
            (receiver, received) = py.detach(move || {
                let received = receiver.recv_timeout(SLICE);
                (receiver, received)
            });
            match received {
                Ok(outcome) => break outcome,
                Err(RecvTimeoutError::Disconnected) => {
                    break Err(Error::new(ErrorKind::Internal, "the operation's thread is gone"));
                }
                Err(RecvTimeoutError::Timeout) if interrupt.is_some() => {}
                Err(RecvTimeoutError::Timeout) => {
                    interrupt = py.check_signals().err();
                    if interrupt.is_some() {
                        self.task.token().cancel();
                    }
                }
            }
        };
        // Panics were caught inside.
        let _ = py.detach(|| thread.join());
        match interrupt.or_else(|| self.raised.take()) {
            Some(exception) => Err(exception),
            None => outcome.map_err(|failed| error::exception(py, &failed)),
        }
    }
}

fn send(py: Python<'_>, callback: &Py<PyAny>, event: &Event) -> PyResult<()> {
    callback.call1(py, (convert::report(py, event)?,)).map(drop)
}

/// Keeps the first exception that a callback or stream of the caller raised.
#[derive(Clone, Default)]
pub struct Raised(Arc<Mutex<Option<PyErr>>>);

impl Raised {
    /// Calls into Python from the operation's thread. For the core an exception is an error of kind `callback`.
    pub fn attached<T>(&self, call: impl FnOnce(Python<'_>) -> PyResult<T>) -> Result<T> {
        let called = Python::try_attach(|py| {
            call(py).map_err(|exception| {
                let error = Error::new(ErrorKind::Callback, exception.to_string());
                self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(exception);
                error
            })
        });
        called.unwrap_or_else(|| Err(Error::new(ErrorKind::Callback, "the interpreter is shutting down")))
    }

    fn take(&self) -> Option<PyErr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn guarded<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        Err(Error::new(ErrorKind::Internal, format!("layerkit panicked: {}", panic_text(&*panic))))
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}
