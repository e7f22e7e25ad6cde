//! The way from an operation's thread back to the thread that made the call: what is to be done there in Python, and output
//! on its way to an iterator.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use layerkit::{CancelToken, Error, ErrorKind, LogStream, Result};
use pyo3::prelude::*;

/// How long a Ctrl-C, or a cancel, may wait to be seen.
pub const SLICE: Duration = Duration::from_millis(50);

/// Bytes of output that may wait for an iterator.
const AHEAD: usize = 1 << 20;

/// Something to be done in the thread that made the call.
pub type Job = Box<dyn FnOnce(Python<'_>) -> PyResult<()> + Send>;

/// What comes to the thread that made the call.
pub enum Message {
    Job(Job),
    Output(Output),
    /// The operation has ended.
    Ended,
}

/// Some of what a container wrote.
pub struct Output {
    pub stream: LogStream,
    pub data: Vec<u8>,
}

/// The way back to the thread that made the call.
#[derive(Clone)]
pub struct Caller {
    messages: Sender<Message>,
    flow: Arc<Flow>,
}

impl Caller {
    /// The way, and its end. A cancelled `token` ends waits for who takes output.
    pub fn new(token: CancelToken) -> (Self, Receiver<Message>) {
        let (messages, received) = mpsc::channel();
        let flow = Arc::new(Flow { ahead: Mutex::new(Some(0)), taken: Condvar::new(), token });
        (Caller { messages, flow }, received)
    }

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
        let sent = self.messages.send(Message::Job(job)).ok();
        sent.and_then(|()| answer.recv().ok())
            .ok_or_else(|| Error::new(ErrorKind::Callback, "a callback or stream of the caller failed"))
    }

    /// Hands output over, and waits first while as much as may wait does.
    pub fn hand_over(&self, stream: LogStream, data: &[u8]) -> Result<()> {
        self.flow.reserve(data.len())?;
        let output = Message::Output(Output { stream, data: data.to_vec() });
        self.messages.send(output).map_err(|_| nobody())
    }

    /// Tells that the operation has ended.
    pub fn end(&self) {
        // The caller listens until it gets this.
        let _ = self.messages.send(Message::Ended);
    }

    /// How much output is on its way.
    pub fn flow(&self) -> Arc<Flow> {
        Arc::clone(&self.flow)
    }
}

/// How much output is on its way.
pub struct Flow {
    /// Bytes that nobody has taken yet; none once nobody will.
    ahead: Mutex<Option<usize>>,
    taken: Condvar,
    token: CancelToken,
}

impl Flow {
    fn reserve(&self, count: usize) -> Result<()> {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match *ahead {
                None => return Err(nobody()),
                Some(bytes) if bytes < AHEAD => {
                    *ahead = Some(bytes + count);
                    return Ok(());
                }
                Some(_) if self.token.is_cancelled() => {
                    return Err(Error::new(ErrorKind::Cancelled, "the operation was cancelled"));
                }
                Some(_) => {}
            }
            let waited = self.taken.wait_timeout(ahead, SLICE);
            ahead = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// So many bytes were taken.
    pub fn take(&self, count: usize) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        *ahead = ahead.map(|bytes| bytes.saturating_sub(count));
        self.taken.notify_all();
    }

    /// Nobody takes output any more: what is written fails.
    pub fn close(&self) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.taken.notify_all();
    }

    /// Whether nobody does.
    pub fn is_closed(&self) -> bool {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

fn nobody() -> Error {
    Error::new(ErrorKind::Cancelled, "nobody reads what the operation writes")
}
