//! Operations that write: what a container writes, or an archive, as an iterator of bytes or as bytes at the end.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use layerkit::{
    CancelToken, ContainerControl, ContainerStreams, Error, ErrorKind, ExitReport, LogStream, Result, Target,
    Task,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::Serialize;
use serde_json::Value;

use crate::caller::{Caller, Flow, Output};
use crate::operation::{Operation, Running, short};
use crate::stdin::stdin;
use crate::{convert, error};

/// How much of standard error is kept for the message of a failure.
const TAIL: usize = 1 << 20;

/// What is wanted of a command's streams.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Streams<'py> {
    stdin: Bound<'py, PyAny>,
    stdout: bool,
    stderr: bool,
    /// Standard output and standard error apart.
    demux: bool,
    /// As an iterator, not at the end.
    stream: bool,
}

/// An operation that runs and writes. An iterator of bytes, or of pairs of bytes; dropped, it ends the operation.
#[pyclass(frozen, module = "layerkit._native")]
pub struct Stream {
    token: CancelToken,
    flow: Arc<Flow>,
    control: Option<ContainerControl>,
    demux: bool,
    state: Mutex<State>,
    /// Whose threads work on it: a forked child has none of them.
    process: u32,
}

enum State {
    Running(Running<Outcome>),
    /// A call looks after it.
    Busy,
    /// How it ended, unless it failed or was closed.
    Ended(Option<Arc<Outcome>>),
}

/// What came of it.
struct Outcome {
    report: Value,
    collected: Collected,
}

/// Output that is given at the end.
#[derive(Default)]
struct Collected {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// The end of standard error.
    tail: Vec<u8>,
}

impl Stream {
    /// Starts an operation on a command with streams.
    pub fn command(
        py: Python<'_>,
        mut operation: Operation,
        streams: &Streams<'_>,
        work: impl FnOnce(ContainerStreams<'_>, &Task) -> Result<ExitReport> + Send + 'static,
    ) -> PyResult<Self> {
        let control = ContainerControl::new();
        let stdin = stdin(&streams.stdin, &mut operation)?;
        let taker = Taker {
            wanted: [streams.stdout, streams.stderr],
            demux: streams.demux,
            to: streams.stream.then(|| operation.caller()),
        };
        let asked = control.clone();
        let mut stream = Stream::start(py, operation, streams.demux, move |task| {
            let mut collected = Collected::default();
            let mut output = |stream, data: &[u8]| taker.take(&mut collected, stream, data);
            let streams = ContainerStreams { stdin, output: Some(&mut output), control: Some(asked) };
            Ok(Outcome { report: value(&work(streams, task)?)?, collected })
        })?;
        stream.control = Some(control);
        Ok(stream)
    }

    /// Starts an operation that hands over what was logged.
    pub fn logs(
        py: Python<'_>,
        operation: Operation,
        (stream, demux): (bool, bool),
        work: impl FnOnce(&mut layerkit::ContainerOutput<'_>, &Task) -> Result<()> + Send + 'static,
    ) -> PyResult<Self> {
        let taker = Taker { wanted: [true, true], demux, to: stream.then(|| operation.caller()) };
        Stream::start(py, operation, demux, move |task| {
            let mut collected = Collected::default();
            work(&mut |stream, data: &[u8]| taker.take(&mut collected, stream, data), task)?;
            Ok(Outcome { report: Value::Null, collected })
        })
    }

    /// Starts an operation that writes an archive.
    pub fn archive(
        py: Python<'_>,
        operation: Operation,
        work: impl FnOnce(Target, &Task) -> Result<()> + Send + 'static,
    ) -> PyResult<Self> {
        let target = Target::Stream(Box::new(Chunks(operation.caller())));
        Stream::start(py, operation, false, move |task| {
            work(target, task)?;
            Ok(Outcome { report: Value::Null, collected: Collected::default() })
        })
    }

    fn start(
        py: Python<'_>,
        operation: Operation,
        demux: bool,
        work: impl FnOnce(&Task) -> Result<Outcome> + Send + 'static,
    ) -> PyResult<Self> {
        let (token, flow) = (operation.token().clone(), operation.caller().flow());
        let running = operation.start(py, work)?;
        let state = Mutex::new(State::Running(running));
        Ok(Stream { token, flow, control: None, demux, state, process: std::process::id() })
    }

    /// Puts `state` in the place of what there is.
    fn swap(&self, state: State) -> State {
        std::mem::replace(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner), state)
    }

    fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    /// Takes it out, unless another call has it or it has ended.
    fn running(&self, py: Python<'_>) -> PyResult<Option<Running<Outcome>>> {
        if self.is_forked() {
            let message = "the stream was opened before a fork: open one in the child";
            return Err(error::exception(py, &Error::new(ErrorKind::Conflict, message)));
        }
        match self.swap(State::Busy) {
            State::Running(running) => Ok(Some(running)),
            ended @ State::Ended(_) => {
                self.swap(ended);
                Ok(None)
            }
            State::Busy => Err(PyValueError::new_err("another call reads this stream already")),
        }
    }

    fn ended(&self, py: Python<'_>, running: Running<Outcome>) -> PyResult<()> {
        let (outcome, result) = match running.outcome(py) {
            Ok(Ok(outcome)) => (Some(Arc::new(outcome)), Ok(())),
            // Who closed it knows that it did not come to its end.
            Ok(Err(_)) if self.flow.is_closed() => (None, Ok(())),
            Ok(Err(failed)) => (None, Err(error::exception(py, &failed))),
            Err(raised) => (None, Err(raised)),
        };
        self.swap(State::Ended(outcome));
        result
    }

    /// How it ended, shared: the lock is not held while Python works.
    fn outcome(&self) -> Option<Arc<Outcome>> {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Ended(outcome) => outcome.clone(),
            State::Running(_) | State::Busy => None,
        }
    }

    fn item<'py>(&self, py: Python<'py>, output: &Output) -> PyResult<Bound<'py, PyAny>> {
        let data = PyBytes::new(py, &output.data);
        match (self.demux, output.stream) {
            (false, _) => Ok(data.into_any()),
            (true, LogStream::Stdout) => Ok((data, py.None()).into_pyobject(py)?.into_any()),
            (true, LogStream::Stderr) => Ok((py.None(), data).into_pyobject(py)?.into_any()),
        }
    }

    fn control(&self) -> PyResult<&ContainerControl> {
        let none = || PyValueError::new_err("this stream is of no command that could be asked that");
        self.control.as_ref().ok_or_else(none)
    }
}

/// The report of a command, and what it wrote: to standard output (or to both), to standard error, and the end of the latter.
type Finished<'py> = (Bound<'py, PyAny>, Bound<'py, PyBytes>, Bound<'py, PyBytes>, Bound<'py, PyBytes>);

#[pymethods]
impl Stream {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(mut running) = self.running(py)? else { return Ok(None) };
        match running.next(py) {
            Some(output) => {
                self.swap(State::Running(running));
                self.item(py, &output).map(Some)
            }
            None => self.ended(py, running).map(|()| None),
        }
    }

    /// Waits for the end and gives what came of it; None after a failure that was told, or a close.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Option<Finished<'py>>> {
        if let Some(running) = self.running(py)? {
            self.ended(py, running)?;
        }
        let Some(outcome) = self.outcome() else { return Ok(None) };
        let Collected { stdout, stderr, tail } = &outcome.collected;
        let bytes = |data: &[u8]| PyBytes::new(py, data);
        Ok(Some((convert::report(py, &outcome.report)?, bytes(stdout), bytes(stderr), bytes(tail))))
    }

    /// Ends the operation. Idempotent. While another call reads, that one sees to the end.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_forked() {
            return Ok(());
        }
        self.flow.close();
        match self.swap(State::Busy) {
            State::Running(running) => {
                self.token.cancel();
                self.ended(py, running)
            }
            State::Busy => {
                self.token.cancel();
                Ok(())
            }
            ended @ State::Ended(_) => {
                self.swap(ended);
                Ok(())
            }
        }
    }

    /// Ends the operation and leaves the command running.
    fn detach(&self, py: Python<'_>) -> PyResult<()> {
        let control = self.control()?;
        py.detach(|| control.detach());
        Ok(())
    }

    /// Tells the terminal its size.
    fn resize(&self, py: Python<'_>, rows: u16, cols: u16) -> PyResult<()> {
        let control = self.control()?;
        py.detach(|| control.resize(rows, cols));
        Ok(())
    }

    /// Sends the command a signal.
    fn kill(&self, py: Python<'_>, signal: &str) -> PyResult<()> {
        let control = self.control()?;
        short(py, || control.signal(signal))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.is_forked() {
            // To cancel would reach the parent's operation, and there is no thread to wait for.
            std::mem::forget(self.swap(State::Busy));
        } else if let State::Running(running) = self.swap(State::Busy) {
            let mut running = Some(running);
            let mut abandon = || running.take().map(Running::abandon);
            // At the interpreter's end there is no way to let go of the GIL; the operation does not need it any more.
            if Python::try_attach(|py| py.detach(&mut abandon)).is_none() {
                abandon();
            }
        }
    }
}

/// Takes what a command writes.
struct Taker {
    wanted: [bool; 2],
    demux: bool,
    /// Who iterates over it; without one it is collected.
    to: Option<Caller>,
}

impl Taker {
    fn take(&self, collected: &mut Collected, stream: LogStream, data: &[u8]) -> Result<()> {
        let is_error = stream == LogStream::Stderr;
        if is_error {
            collected.tail.extend_from_slice(data);
            if collected.tail.len() > 2 * TAIL {
                collected.tail.drain(..collected.tail.len() - TAIL);
            }
        }
        if !self.wanted[usize::from(is_error)] {
            return Ok(());
        }
        match &self.to {
            Some(caller) => caller.hand_over(stream, data)?,
            None if is_error && self.demux => collected.stderr.extend_from_slice(data),
            None => collected.stdout.extend_from_slice(data),
        }
        Ok(())
    }
}

/// Hands over what is written to it.
struct Chunks(Caller);

impl Write for Chunks {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.hand_over(LogStream::Stdout, data).map_err(Error::into_io)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn value<T: Serialize>(report: &T) -> Result<Value> {
    serde_json::to_value(report)
        .map_err(|wrong| Error::new(ErrorKind::Internal, format!("serialise a report: {wrong}")))
}
