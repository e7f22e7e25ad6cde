//! A connection to the monitor of a container.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

use super::ExitStatus;
use super::frames::{Answer, PIECE, Request, STDERR, STDIN, STDOUT, next_body};
use super::monitor::{Attach, ExecSpec, Window, start_failed};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::event::LogStream;
use crate::task::Task;

/// A connection to a container's monitor, or to a command that was executed in the container. Dropped, it is closed: that ends a container that
/// was not started detached, if this is the connection that started it.
pub struct Connection {
    socket: Arc<Socket>,
    pid: u32,
    received: Vec<u8>,
    /// What came while an answer was waited for.
    early: VecDeque<Answer>,
    /// Whether the process that it is for ends when a conversation fails.
    pub(super) primary: bool,
}

/// Sends to what a connection is for while another thread converses on it. Without an answer: what cannot arrive is not needed.
#[derive(Clone)]
pub struct Control(Arc<Socket>);

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

struct Socket {
    socket: OwnedFd,
    /// Frames that wait to be sent; a frame is never sent in between another's bytes.
    out: Mutex<Vec<u8>>,
    detached: AtomicBool,
}

impl Socket {
    /// Sends frames as far as they are taken. `false` when some are left.
    fn push(&self, frame: &[u8]) -> rustix::io::Result<bool> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.extend_from_slice(frame);
        while !out.is_empty() {
            match rustix::net::send(&self.socket, &out, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(n) => drop(out.drain(..n)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn has_more(&self) -> bool {
        !self.out.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Connection {
    /// One on a socket of a monitor.
    pub(super) fn new(socket: OwnedFd) -> Connection {
        let socket = Socket { socket, out: Mutex::default(), detached: AtomicBool::new(false) };
        Connection {
            socket: Arc::new(socket),
            pid: 0,
            received: Vec::new(),
            early: VecDeque::new(),
            primary: false,
        }
    }

    /// Connects to the `control` socket of a folder; `None` when nobody listens. The folder's path may be longer than an address.
    pub(super) fn open(folder: &Path) -> Result<Option<Connection>> {
        let what = || format!("connect to the container of {}", folder.display());
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = match openat(CWD, folder, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            opened => opened.context(what)?,
        };
        let address =
            SocketAddrUnix::new(format!("/proc/self/fd/{}/control", folder.as_raw_fd())).context(what)?;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
                .context(what)?;
        match rustix::net::connect(&socket, &address) {
            Ok(()) => {}
            Err(Errno::NOENT | Errno::CONNREFUSED) => return Ok(None),
            Err(error) => return Err(Error::io(what(), error)),
        }
        let mut connection = Connection::new(socket);
        // Its first word; that there is none means that it was just ending.
        match connection.next(None)? {
            Some(Answer::Started { pid }) => {
                connection.pid = pid;
                Ok(Some(connection))
            }
            _ => Ok(None),
        }
    }

    /// Waits for the command to be executed.
    pub(super) fn wait_for_start(&mut self, task: Option<&Task>) -> Result<()> {
        match self.next(task)? {
            Some(Answer::Started { pid }) => {
                self.pid = pid;
                Ok(())
            }
            Some(Answer::Failed { errno, step, code }) => Err(start_failed(errno, &step, code)),
            Some(Answer::Refused(why)) => Err(Error::new(ErrorKind::Conflict, why)),
            _ => Err(Error::new(ErrorKind::ContainerFailed, "the container's monitor ended before its time")),
        }
    }

    /// Takes part in the container's streams from now on. `conflict` when it ended meanwhile.
    pub fn attach(&mut self, streams: Attach) -> Result<()> {
        self.request(&Request::Attach(bits(streams)))
    }

    /// Hands output over as it comes, and input as it can be read from `stdin`, until the end of the command.
    ///
    /// Waits for nothing but these and the task: `cancelled` when that is. When this fails, also by the error of `output`, on the connection that
    /// started a container which is not detached, or that executed a command, that is killed and has ended when this returns. `stdin`'s end is the end of the command's input. What the
    /// command does not take of it is not read from it, but for some hundred KiB.
    pub fn converse(
        mut self,
        stdin: Option<BorrowedFd<'_>>,
        output: &mut dyn FnMut(LogStream, &[u8]) -> Result<()>,
        task: &Task,
    ) -> Result<End> {
        let result = self.talk(stdin, output, task);
        if result.is_err() && self.primary {
            self.kill();
        }
        result
    }

    /// Ends the process that this is for, and waits for that.
    pub(super) fn kill(mut self) {
        const KILL: i32 = rustix::process::Signal::KILL.as_raw();
        if self.send(&Request::Signal { number: KILL as u32, answer: false }).is_err() {
            return;
        }
        while let Ok(Some(answer)) = self.next(None) {
            if matches!(answer, Answer::Exited { .. } | Answer::Failed { .. }) {
                return;
            }
        }
    }

    fn talk(
        &mut self,
        mut stdin: Option<BorrowedFd<'_>>,
        output: &mut dyn FnMut(LogStream, &[u8]) -> Result<()>,
        task: &Task,
    ) -> Result<End> {
        let mut buffer = vec![0; PIECE];
        loop {
            while let Some(answer) = self.pending()? {
                match answer {
                    Answer::Stdout(bytes) => output(LogStream::Stdout, &bytes)?,
                    Answer::Stderr(bytes) => output(LogStream::Stderr, &bytes)?,
                    Answer::Exited { code } => return Ok(End::Exited(ExitStatus { code })),
                    Answer::Failed { errno, step, code } => return Err(start_failed(errno, &step, code)),
                    _ => {}
                }
            }
            task.check()?;
            let more = self.socket.has_more();
            let ready = wait(&self.socket.socket, more, stdin.filter(|_| !more), Some(task))?;
            if self.socket.detached.load(Ordering::SeqCst) {
                return Ok(End::Detached);
            }
            if let Some(fd) = stdin.filter(|_| ready.stdin) {
                let frame = match rustix::io::read(fd, &mut buffer[..]) {
                    Ok(0) => {
                        stdin = None;
                        Request::StdinEnd
                    }
                    // A terminal that has gone.
                    Err(Errno::IO) => {
                        stdin = None;
                        Request::StdinEnd
                    }
                    Ok(n) => Request::Stdin(buffer[..n].to_vec()),
                    Err(Errno::INTR | Errno::AGAIN) => continue,
                    Err(error) => return Err(Error::io("read the standard input", error)),
                };
                // When it has gone, that is read below.
                let _ = self.socket.push(&frame.encode());
            } else if ready.writable {
                let _ = self.socket.push(&[]);
            }
            if ready.readable && !self.receive()? {
                // What came before the end is still looked at.
                if self.pending_is_empty()? {
                    return Ok(End::Unknown);
                }
            }
        }
    }

    /// Waits for the end of the command; output that was attached to is thrown away. `None` when nobody
    /// knows how it ended.
    pub fn wait(self, task: &Task) -> Result<Option<ExitStatus>> {
        match self.converse(None, &mut |_, _| Ok(()), task)? {
            End::Exited(status) => Ok(Some(status)),
            End::Unknown | End::Detached => Ok(None),
        }
    }

    /// Sends a signal to process 1, or to the command that was executed. `conflict` when it has ended.
    pub fn signal(&mut self, number: i32) -> Result<()> {
        self.request(&Request::Signal { number: number as u32, answer: true })
    }

    /// Sets the size of the terminal. `conflict` when there is none.
    pub fn resize(&mut self, window: Window) -> Result<()> {
        self.request(&Request::Resize { rows: window.rows.into(), cols: window.cols.into(), answer: true })
    }

    /// Stops every process of the container. `conflict` when it is paused.
    pub fn pause(&mut self) -> Result<()> {
        self.request(&Request::Pause)
    }

    /// Lets them go on. `conflict` when it is not paused.
    pub fn unpause(&mut self) -> Result<()> {
        self.request(&Request::Unpause)
    }

    /// Executes another command in the container; the connection is that command's from then on. Returns once it runs; errors as those of [`super::start`].
    pub fn exec(mut self, spec: &ExecSpec, task: &Task) -> Result<Connection> {
        let request = Request::Exec(spec.told());
        self.send(&request)?;
        self.primary = true;
        match self.wait_for_start(Some(task)) {
            Ok(()) => Ok(self),
            Err(error) => {
                if error.kind() == ErrorKind::Cancelled {
                    self.kill();
                }
                Err(error)
            }
        }
    }

    /// The process that the connection is for, as the host counts: process 1, or that of an executed command.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// A handle to send signals and sizes with while this connection converses.
    pub fn control(&self) -> Control {
        Control(Arc::clone(&self.socket))
    }

    /// Sends all of a request. The monitor takes requests at any time, unless a client does not take its answers.
    fn send(&mut self, request: &Request) -> Result<()> {
        let what = "send to the container's monitor";
        let mut done = self.socket.push(&request.encode()).map_err(|error| gone(what, error))?;
        while !done {
            let ready = wait(&self.socket.socket, true, None, None)?;
            if ready.readable && !self.receive()? {
                return Err(ended());
            }
            done = self.socket.push(&[]).map_err(|error| gone(what, error))?;
        }
        Ok(())
    }

    fn request(&mut self, request: &Request) -> Result<()> {
        self.send(request)?;
        let mut early = VecDeque::new();
        let result = loop {
            match self.next(None)? {
                Some(Answer::Done) => break Ok(()),
                Some(Answer::Refused(why)) => break Err(Error::new(ErrorKind::Conflict, why)),
                Some(answer @ Answer::Exited { .. }) => {
                    early.push_back(answer);
                    break Err(ended());
                }
                Some(answer) => early.push_back(answer),
                None => break Err(ended()),
            }
        };
        self.early.append(&mut early);
        result
    }

    /// The next answer; `None` when there are no more.
    fn next(&mut self, task: Option<&Task>) -> Result<Option<Answer>> {
        loop {
            if let Some(answer) = self.received()? {
                return Ok(Some(answer));
            }
            if let Some(task) = task {
                task.check()?;
            }
            let ready = wait(&self.socket.socket, false, None, task)?;
            if ready.readable && !self.receive()? && self.pending_is_empty()? {
                return Ok(None);
            }
        }
    }

    /// The next answer that is here, those first that were passed over.
    fn pending(&mut self) -> Result<Option<Answer>> {
        match self.early.pop_front() {
            Some(answer) => Ok(Some(answer)),
            None => self.received(),
        }
    }

    /// The next answer that was received.
    fn received(&mut self) -> Result<Option<Answer>> {
        let garbled = || Error::new(ErrorKind::Internal, "the container's monitor sent something unknown");
        match next_body(&mut self.received) {
            Ok(None) => Ok(None),
            Ok(Some(body)) => Answer::decode(&body).map(Some).ok_or_else(garbled),
            Err(()) => Err(garbled()),
        }
    }

    fn pending_is_empty(&mut self) -> Result<bool> {
        match self.received()? {
            None => Ok(true),
            Some(answer) => {
                self.early.push_back(answer);
                Ok(false)
            }
        }
    }

    /// Takes what the socket has. `false` at its end.
    fn receive(&mut self) -> Result<bool> {
        let mut buffer = [0; 64 << 10];
        match rustix::net::recv(&self.socket.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
            Ok((0, _)) | Err(Errno::CONNRESET) => Ok(false),
            Ok((n, _)) => {
                self.received.extend_from_slice(&buffer[..n]);
                Ok(true)
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(true),
            Err(error) => Err(Error::io("receive from the container's monitor", error)),
        }
    }
}

impl Control {
    /// Sends a signal to the command.
    pub fn signal(&self, number: i32) {
        let _ = self.0.push(&Request::Signal { number: number as u32, answer: false }.encode());
    }

    /// Sets the size of its terminal.
    pub fn resize(&self, window: Window) {
        let (rows, cols) = (window.rows.into(), window.cols.into());
        let _ = self.0.push(&Request::Resize { rows, cols, answer: false }.encode());
    }

    /// Ends the conversation; the command goes on.
    pub fn detach(&self) {
        self.0.detached.store(true, Ordering::SeqCst);
        // Wakes who waits on it.
        let _ = rustix::net::shutdown(&self.0.socket, rustix::net::Shutdown::Read);
    }
}

/// Streams as bits.
pub(super) fn bits(streams: Attach) -> u32 {
    let bit = |yes: bool, bit: u32| if yes { bit } else { 0 };
    bit(streams.stdin, STDIN) | bit(streams.stdout, STDOUT) | bit(streams.stderr, STDERR)
}

fn ended() -> Error {
    Error::new(ErrorKind::Conflict, "the container has ended")
}

fn gone(what: &str, error: Errno) -> Error {
    match error {
        Errno::PIPE | Errno::CONNRESET => ended(),
        error => Error::io(what, io::Error::from(error)),
    }
}

/// What can be done without waiting.
struct Ready {
    readable: bool,
    writable: bool,
    stdin: bool,
}

/// Waits for the socket (to be written, too, if there is something to write), for input, and for a task's cancel.
fn wait(socket: &OwnedFd, more: bool, stdin: Option<BorrowedFd<'_>>, task: Option<&Task>) -> Result<Ready> {
    let flags = if more { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
    let mut fds = vec![PollFd::from_borrowed_fd(socket.as_fd(), flags)];
    fds.extend(stdin.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    fds.extend(task.map(|task| PollFd::from_borrowed_fd(task.token().as_fd(), PollFlags::IN)));
    match poll(&mut fds, None) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(Error::io("wait for the container", error)),
    }
    let events = fds[0].revents();
    Ok(Ready {
        readable: events.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR),
        writable: events.contains(PollFlags::OUT),
        stdin: stdin.is_some() && !fds[1].revents().is_empty(),
    })
}
