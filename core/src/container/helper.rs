//! The helper program: carried inside the library, started from memory.
//!
//! A container can reach the program that started it through `/proc/<pid>/exe`. The copy that runs is sealed or deleted,
//! and used once, so that nothing a container writes there is ever executed again (CVE-2019-5736).

use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions};

use super::message::{Job, Report};
use crate::error::{Error, ErrorKind, Result, ResultExt};

static PROGRAM: &[u8] = include_bytes!(env!("LAYERKIT_HELPER"));

/// The longest answer that makes sense, in bytes.
const LONGEST_REPORT: usize = 64 * 1024;

/// A running helper, and what it is connected with. Dropped, it is told to end its container, and waited for.
pub struct Helper {
    /// `None` once closed, which the helper takes for the caller's end.
    socket: Option<OwnedFd>,
    process: OwnedFd,
    /// The command's standard output, not blocking; `None` after its end.
    pub stdout: Option<OwnedFd>,
    /// The command's standard error, not blocking; `None` after its end.
    pub stderr: Option<OwnedFd>,
    received: Vec<u8>,
}

impl Helper {
    /// Starts it with a message. `near` is a directory where programs may be executed if memory may not be.
    pub fn start(job: &Job, near: &Path) -> Result<Helper> {
        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
                .context(|| "create a control socket")?;
        let (stdout, stdout_end) = pipe()?;
        let (stderr, stderr_end) = pipe()?;
        let process = spawn(&[&theirs, &stdout_end, &stderr_end], near)?;
        drop((theirs, stdout_end, stderr_end));
        let helper = Helper {
            socket: Some(ours),
            process,
            stdout: Some(stdout),
            stderr: Some(stderr),
            received: Vec::new(),
        };
        helper.send(&job.encode()).context(|| "send to the container's helper")?;
        Ok(helper)
    }

    /// The control socket, to be waited on; readable when [`Helper::receive`] has something to do.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    /// Has every process of the container killed. The end is reported as always.
    pub fn kill(&self) {
        // When it cannot be sent, the helper has gone, and its container with it.
        let _ = self.send(&[0]);
    }

    fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        while !bytes.is_empty() {
            match rustix::net::send(socket, bytes, SendFlags::NOSIGNAL) {
                Ok(n) => bytes = &bytes[n..],
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Takes what the socket has, without waiting. When the helper has gone, so is the socket.
    pub fn receive(&mut self) -> Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        let mut buffer = [0; 4096];
        match rustix::net::recv(socket, &mut buffer[..], RecvFlags::DONTWAIT) {
            Ok((0, _)) | Err(Errno::CONNRESET) => self.socket = None,
            Ok((n, _)) => self.received.extend_from_slice(&buffer[..n]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(Error::io("receive from the container's helper", error)),
        }
        Ok(())
    }

    /// The next whole report that was received.
    pub fn report(&mut self) -> Result<Option<Report>> {
        let Some((length, rest)) = self.received.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_ne_bytes(*length) as usize;
        let garbled = || Error::new(ErrorKind::Internal, "the container's helper sent something unknown");
        if length > LONGEST_REPORT {
            return Err(garbled());
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let report = Report::decode(body).ok_or_else(garbled)?;
        self.received.drain(..length + 4);
        Ok(Some(report))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.socket = None;
        reap(&self.process);
    }
}

/// Waits for the end of a child.
fn reap(process: &OwnedFd) {
    // By descriptor: the caller's process may reap its children itself, and an ID may be another's by now.
    while let Err(Errno::INTR) =
        rustix::process::waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED)
    {}
}

/// Starts a monitor with a message and these two descriptors, and returns a socket to it. Its process is no child of this one any more.
pub fn start_monitor(job: &Job, descriptors: [BorrowedFd<'_>; 2], near: &Path) -> Result<OwnedFd> {
    let (ours, theirs) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .context(|| "create a control socket")?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .context(|| "open /dev/null")?;
    let process = spawn(&[&theirs, &null, &null], near)?;
    drop(theirs);
    let sent = send_with(&ours, &job.encode(), &descriptors).context(|| "send to the container's helper");
    // It forks and ends; where not all was sent, the socket is closed, and it ends, too.
    let ours = sent.map(|()| ours);
    reap(&process);
    ours
}

/// Sends bytes, with descriptors at the first of them.
fn send_with(socket: &OwnedFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> rustix::io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    let mut sent = loop {
        let first = [io::IoSlice::new(bytes)];
        match rustix::net::sendmsg(socket, &first, &mut ancillary, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            other => break other?,
        }
    };
    while sent < bytes.len() {
        match rustix::net::send(socket, &bytes[sent..], SendFlags::NOSIGNAL) {
            Ok(n) => sent += n,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A pipe whose first end does not block (the command's end has to).
fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).context(|| "create a pipe")?;
    rustix::fs::fcntl_setfl(&reader, OFlags::NONBLOCK).context(|| "set up a pipe")?;
    Ok((reader, writer))
}

/// Starts the program with these as its standard streams: a descriptor of its process.
fn spawn(streams: &[&OwnedFd; 3], near: &Path) -> Result<OwnedFd> {
    let child = spawn_child(streams, near)?;
    // It lives until it has read the message, so the ID is still its own.
    Pid::from_raw(child.id() as i32)
        .ok_or(Errno::SRCH)
        .and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()))
        .context(|| "open a descriptor of the container's helper")
}

fn spawn_child(streams: &[&OwnedFd; 3], near: &Path) -> Result<std::process::Child> {
    let from_memory = in_memory().map_err(io::Error::from).and_then(|program| execute(&program, streams));
    let why = match from_memory {
        Ok(child) => return Ok(child),
        Err(error) => error,
    };
    let mut last = why;
    for directory in [near, Path::new("/var/tmp"), Path::new("/tmp")] {
        match in_file(directory).and_then(|program| execute(&program, streams)) {
            Ok(child) => return Ok(child),
            Err(error) => last = error,
        }
    }
    Err(Error::io("start the container's helper", last).as_kind(ErrorKind::Unsupported))
}

fn execute(program: &OwnedFd, streams: &[&OwnedFd; 3]) -> io::Result<std::process::Child> {
    let stream = |fd: &OwnedFd| fd.try_clone().map(Stdio::from);
    let mut command = Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()));
    command
        .arg0("layerkit-run")
        .env_clear()
        .stdin(stream(streams[0])?)
        .stdout(stream(streams[1])?)
        .stderr(stream(streams[2])?)
        // Out of the reach of a terminal's signals: the caller decides what an interrupt means.
        .process_group(0);
    let mut tries = 0;
    loop {
        match command.spawn() {
            // A child that another thread is just starting still has our file open for writing.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < 100 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(2));
            }
            result => return result,
        }
    }
}

/// The program in memory that nobody can change.
fn in_memory() -> rustix::io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = match rustix::fs::memfd_create("layerkit-helper", flags | MemfdFlags::EXEC) {
        // Before Linux 6.3 there is no such flag, and everything may be executed.
        Err(Errno::INVAL) => rustix::fs::memfd_create("layerkit-helper", flags)?,
        other => other?,
    };
    write_all(&memory)?;
    rustix::fs::fcntl_add_seals(
        &memory,
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )?;
    above_streams(memory)
}

/// The program in a file that has no name any more, open to be read only.
fn in_file(directory: &Path) -> io::Result<OwnedFd> {
    let mut file = tempfile::Builder::new()
        .prefix(".layerkit-helper-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .tempfile_in(directory)?;
    file.write_all(PROGRAM)?;
    let path = format!("/proc/self/fd/{}", file.as_file().as_raw_fd());
    let readable = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    file.close()?;
    Ok(above_streams(readable)?)
}

fn write_all(memory: &OwnedFd) -> rustix::io::Result<()> {
    let mut rest = PROGRAM;
    while !rest.is_empty() {
        match rustix::io::write(memory, rest) {
            Ok(n) => rest = &rest[n..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// In a process without standard streams, their numbers are free, and would be given to the helper's own.
fn above_streams(program: OwnedFd) -> rustix::io::Result<OwnedFd> {
    if program.as_raw_fd() > 2 { Ok(program) } else { rustix::io::fcntl_dupfd_cloexec(&program, 3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The helper, started from this, ends by itself once its caller has hung up.
    fn runs(program: &OwnedFd) {
        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
                .unwrap();
        let (_stdout, stdout) = pipe().unwrap();
        let (_stderr, stderr) = pipe().unwrap();
        let mut child = execute(program, &[&theirs, &stdout, &stderr]).unwrap();
        drop(ours);
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn the_program_runs_from_memory_that_cannot_be_changed() {
        let program = in_memory().unwrap();
        runs(&program);
        assert_eq!(rustix::io::write(&program, b"x").unwrap_err(), Errno::PERM);
    }

    #[test]
    fn where_memory_may_not_be_executed_the_program_runs_from_a_file_without_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let program = in_file(folder.path()).unwrap();
        assert_eq!(crate::fs::list(folder.path()).unwrap().len(), 0);
        runs(&program);
        assert_eq!(rustix::io::write(&program, b"x").unwrap_err(), Errno::BADF);
    }
}
