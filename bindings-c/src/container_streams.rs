//! The three streams of a command: descriptors of the caller's, or callbacks. The core wants a descriptor to read from and a
//! function that takes what is written; here the caller's are made into these.

use std::ffi::{c_int, c_void};
use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;

use layerkit::{CancelToken, ContainerOutput, ContainerStreams, Error, LogStream, Result, ResultExt, Task};

use crate::arguments::{Versioned, invalid, versioned};
use crate::container_control::{core_control, layerkit_container_control};
use crate::stream::{Reader, duplicate, layerkit_read_callback};
use crate::task::answer;

/// Takes `length` bytes that a command wrote, all of them: `LAYERKIT_CONTINUE`, `LAYERKIT_CANCEL` or `LAYERKIT_FAIL`. The bytes
/// live until it returns.
///
/// It may be called from another thread than the one that called the function, but never twice at once (nor at once with that of
/// the other stream), and never after the function has returned. While it runs the command waits, once its pipe is full.
pub type layerkit_output_callback =
    Option<unsafe extern "C" fn(payload: *mut c_void, bytes: *const c_void, length: usize) -> c_int>;

/// The streams of a command, each of them a descriptor, a callback, or neither. NULL in its place: nothing to read, and what is
/// written is lost to the caller (the container's log has it).
///
/// A descriptor stays the caller's, who may close it after the call; a wait on it ends when the operation is cancelled. A terminal is
/// the caller's to make raw. With a terminal in the container (`tty`), all it writes is standard output.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct layerkit_container_streams {
    /// `sizeof(layerkit_container_streams)`: set by `LAYERKIT_CONTAINER_STREAMS_INIT`.
    pub size: usize,
    /// What the command reads: a pipe, socket, file or terminal, from where it stands, as far as the command reads it; -1: none.
    /// The command reads it if its standard input is open (`stdin_open`); `layerkit_container_exec` opens it always.
    pub stdin_fd: c_int,
    /// A function that reads, in place of `stdin_fd`; or NULL. It is called from a thread of its own, from the beginning on and ahead
    /// of what the command reads, and the operation ends after it has returned: what may wait for long should be a descriptor. When
    /// it fails the operation is cancelled, with the token of its task, and ends with code `callback`.
    pub stdin_read: layerkit_read_callback,
    /// Handed to `stdin_read`.
    pub stdin_payload: *mut c_void,
    /// Where standard output goes; -1: none. A pipe that nobody reads any more is SIGPIPE, as everywhere, or the end of the operation
    /// with code `io`.
    pub stdout_fd: c_int,
    /// A function that takes standard output, in place of `stdout_fd`; or NULL.
    pub stdout_write: layerkit_output_callback,
    /// Handed to `stdout_write`.
    pub stdout_payload: *mut c_void,
    /// Where standard error goes; -1: none.
    pub stderr_fd: c_int,
    /// A function that takes standard error, in place of `stderr_fd`; or NULL.
    pub stderr_write: layerkit_output_callback,
    /// Handed to `stderr_write`.
    pub stderr_payload: *mut c_void,
    /// Asks things of the command meanwhile, or NULL.
    pub control: *const layerkit_container_control,
}

// SAFETY: repr(C), begins with its size, and zero is valid for every other field.
unsafe impl Versioned for layerkit_container_streams {}

/// Where one stream goes.
enum Output {
    Nowhere,
    Fd(OwnedFd),
    Callback(Callback),
}

/// The caller's callback and payload.
struct Callback {
    call: unsafe extern "C" fn(payload: *mut c_void, bytes: *const c_void, length: usize) -> c_int,
    payload: *mut c_void,
}

// SAFETY: callbacks are documented to be called from any thread with the payload; `&mut self` keeps calls apart.
unsafe impl Send for Callback {}

impl Output {
    fn new(name: &str, fd: c_int, call: layerkit_output_callback, payload: *mut c_void) -> Result<Self> {
        match (fd, call) {
            (..0, None) => Ok(Output::Nowhere),
            (fd, None) => Ok(Output::Fd(duplicate(fd)?)),
            (..0, Some(call)) => Ok(Output::Callback(Callback { call, payload })),
            _ => Err(twice(name, "write")),
        }
    }

    fn take(&mut self, name: &str, bytes: &[u8], task: &Task) -> Result<()> {
        match self {
            Output::Nowhere => Ok(()),
            Output::Fd(fd) => write_all(name, fd, bytes, task),
            Output::Callback(Callback { call, payload }) => {
                // SAFETY: the caller's function with its payload, and bytes that live until it returns.
                let returned = unsafe { call(*payload, bytes.as_ptr().cast(), bytes.len()) };
                answer(name, returned, task.token())
            }
        }
    }

    fn is_somewhere(&self) -> bool {
        !matches!(self, Output::Nowhere)
    }
}

fn twice(name: &str, callback: &str) -> Error {
    invalid(format!("streams has both {name}_fd and {name}_{callback}"))
}

/// Where both outputs go.
struct Outputs {
    stdout: Output,
    stderr: Output,
    task: Task,
}

impl Outputs {
    fn new(given: &layerkit_container_streams, task: &Task) -> Result<Self> {
        let stdout = Output::new("stdout", given.stdout_fd, given.stdout_write, given.stdout_payload)?;
        let stderr = Output::new("stderr", given.stderr_fd, given.stderr_write, given.stderr_payload)?;
        Ok(Outputs { stdout, stderr, task: task.clone() })
    }

    fn take(&mut self, stream: LogStream, bytes: &[u8]) -> Result<()> {
        match stream {
            LogStream::Stdout => self.stdout.take("stdout", bytes, &self.task),
            LogStream::Stderr => self.stderr.take("stderr", bytes, &self.task),
        }
    }
}

/// Waits until a descriptor can be written, or fails once the task is cancelled.
fn wait_writable(fd: &OwnedFd, task: &Task) -> Result<()> {
    let entry = |fd, events| libc::pollfd { fd, events, revents: 0 };
    loop {
        task.check()?;
        let token = task.token().as_fd().as_raw_fd();
        let mut waits = [entry(fd.as_raw_fd(), libc::POLLOUT), entry(token, libc::POLLIN)];
        // SAFETY: an array of that length.
        let ready = unsafe { libc::poll(waits.as_mut_ptr(), 2, -1) };
        if ready > 0 && waits[0].revents != 0 {
            return Ok(());
        }
    }
}

/// Writes all bytes to a descriptor of the caller's.
fn write_all(name: &str, fd: &OwnedFd, mut bytes: &[u8], task: &Task) -> Result<()> {
    while !bytes.is_empty() {
        wait_writable(fd, task)?;
        // A pipe that has room for one byte is ready, and blocks on more: at most what is atomic goes at once.
        let length = bytes.len().min(libc::PIPE_BUF);
        // SAFETY: a descriptor of our own, and so many bytes.
        let written = unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), length) };
        match usize::try_from(written) {
            Ok(written) => bytes = &bytes[written..],
            Err(_) => match io::Error::last_os_error() {
                // Somebody made it non-blocking: wait again.
                error if [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted].contains(&error.kind()) => {}
                error => return Err(Error::io(format!("write {name}"), error)),
            },
        }
    }
    Ok(())
}

/// Calls `body` with the core's streams for the caller's.
///
/// # Safety
/// `streams` is NULL or a struct of the caller's whose callbacks and control stay valid during the call.
pub unsafe fn with_streams<T>(
    streams: *const layerkit_container_streams,
    task: &Task,
    body: impl FnOnce(ContainerStreams<'_>) -> Result<T>,
) -> Result<T> {
    // SAFETY: as the caller promises.
    let Some(given) = (unsafe { versioned("streams", streams) })? else {
        return body(ContainerStreams::default());
    };
    // SAFETY: the same.
    let control = (!given.control.is_null()).then(|| unsafe { core_control(given.control) }).transpose()?;
    let mut outputs = Outputs::new(&given, task)?;
    let wanted = outputs.stdout.is_somewhere() || outputs.stderr.is_somewhere();
    let mut take = |stream: LogStream, bytes: &[u8]| outputs.take(stream, bytes);
    let output = wanted.then_some(&mut take as &mut ContainerOutput<'_>);
    match (given.stdin_fd, given.stdin_read) {
        (..0, None) => body(ContainerStreams { stdin: None, output, control }),
        (fd, None) => body(ContainerStreams { stdin: Some(duplicate(fd)?), output, control }),
        (..0, Some(read)) => {
            let reader = Reader { read, payload: given.stdin_payload };
            with_reader(reader, task.token(), |stdin| {
                body(ContainerStreams { stdin: Some(stdin), output, control })
            })
        }
        _ => Err(twice("stdin", "read")),
    }
}

/// Calls `body` with what takes the output that the caller's streams have a place for; the rest of them is not looked at.
///
/// # Safety
/// As for [`with_streams`].
pub unsafe fn with_output<T>(
    streams: *const layerkit_container_streams,
    task: &Task,
    body: impl FnOnce(&mut ContainerOutput<'_>) -> Result<T>,
) -> Result<T> {
    // SAFETY: as the caller promises.
    match unsafe { versioned("streams", streams) }? {
        Some(given) => {
            let mut outputs = Outputs::new(&given, task)?;
            body(&mut |stream, bytes| outputs.take(stream, bytes))
        }
        None => body(&mut |_, _| Ok(())),
    }
}

/// Calls `body` with a descriptor that gives what a callback reads.
fn with_reader<T>(reader: Reader, token: &CancelToken, body: impl FnOnce(OwnedFd) -> Result<T>) -> Result<T> {
    let (ours, theirs) = UnixStream::pair().context(|| "create a socket for standard input")?;
    thread::scope(|scope| {
        let feeding = thread::Builder::new()
            .name("layerkit-stdin".to_owned())
            .spawn_scoped(scope, || feed(reader, &ours, token))
            .context(|| "start a thread for standard input")?;
        // It drops the descriptor in the end, which wakes a thread that is still sending.
        let outcome = body(theirs.into());
        match feeding.join() {
            Ok(fed) => fed.and(outcome),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Sends what a callback reads until its end, or until nobody takes it any more. When it fails, cancels the operation.
fn feed(mut reader: Reader, socket: &UnixStream, token: &CancelToken) -> Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => {
                // The other side may be gone already.
                let _ = socket.shutdown(Shutdown::Write);
                return Ok(());
            }
            Ok(count) if send_all(socket, &buffer[..count]) => {}
            Ok(_) => return Ok(()),
            Err(error) => {
                token.cancel();
                return Err(Error::io("read stdin", error));
            }
        }
    }
}

/// Sends all bytes and says whether somebody takes them. Not by `write`, which sends a signal otherwise.
fn send_all(socket: &UnixStream, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let (start, length) = (bytes.as_ptr().cast(), bytes.len());
        // SAFETY: a socket of our own, and so many bytes.
        let sent = unsafe { libc::send(socket.as_raw_fd(), start, length, libc::MSG_NOSIGNAL) };
        match usize::try_from(sent) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
    true
}
