//! A process that a monitor has started, process 1 or an executed command, and its streams.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use crate::cgroup::Cgroup;
use crate::container::{self, Place, Streams};
use crate::frames::{Answer, STDERR, STDIN, STDOUT};
use crate::message::{Start, Watch};
use crate::{Failure, Result, Step, command, init, supervisor, terminal};

/// Bytes of a stream that are read at once.
const PIECE: usize = 64 << 10;
/// Bytes of input that wait for a process, from which on no more is taken from clients.
const ENOUGH: usize = 64 << 10;

/// A process.
pub struct Process {
    /// 0 for process 1.
    pub id: u64,
    /// As the host counts. Its own until `code` is there: nobody else reaps it.
    pub pid: Pid,
    /// How it ended.
    pub code: Option<i32>,
    /// Where it tells of a failure, until it is executed.
    pub report: Option<OwnedFd>,
    /// Input that it has not taken yet.
    pub pending: Vec<u8>,
    /// Why it could not be executed.
    pub refusal: Option<Answer>,
    ours: Ours,
    input_ended: bool,
}

/// What came over its report.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Nothing that matters.
    Nothing,
    /// The command is executed.
    Executed,
    /// It is not.
    Failed,
}

/// This side of its streams, not blocking.
#[derive(Default)]
struct Ours {
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    /// A terminal's master, and its other side: as long as that is open here, a terminal that no process has open has no end.
    terminal: Option<(OwnedFd, OwnedFd)>,
}

/// The other sides, for the process.
pub struct Theirs {
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    report: OwnedFd,
    tty: Option<(u32, u32)>,
}

impl Theirs {
    /// As its place is told of them.
    pub fn place<'a>(&'a self, this: &'a OwnedFd, is_main: bool) -> Place<'a> {
        let streams = match self.tty {
            Some(size) => Streams::Terminal { size, to: self.report.as_fd() },
            None => Streams::Pipes {
                stdin: self.stdin.as_ref().map(AsFd::as_fd),
                stdout: self.stdout.as_ref().map(AsFd::as_fd),
                stderr: self.stderr.as_ref().map(AsFd::as_fd),
            },
        };
        Place { supervisor: this.as_fd(), report: self.report.as_fd(), streams, is_main }
    }

    /// Their numbers.
    pub fn numbers(&self) -> Vec<i32> {
        let streams = [&self.stdin, &self.stdout, &self.stderr].into_iter().flatten();
        streams.chain([&self.report]).map(AsRawFd::as_raw_fd).collect()
    }

    /// Tells the monitor which process becomes the command.
    pub fn tell_pid(&self, pid: i32) {
        let message = [b"P", pid.to_ne_bytes().as_slice()].concat();
        let _ = rustix::net::send(&self.report, &message, SendFlags::NOSIGNAL);
    }

    /// Says why there will be no command, and ends this process.
    pub fn give_up(&self, failure: Failure, code: i32) -> ! {
        let answer = Answer::Failed { errno: failure.errno, step: failure.step, code };
        let frame = [b"F", &answer.encode()[4..]].concat();
        let _ = rustix::net::send(&self.report, &frame, SendFlags::NOSIGNAL);
        container::exit(if code == 0 { container::EXIT_FAILED } else { code })
    }

    /// Becomes the command.
    pub fn execute(&self, start: &Start, with_init: bool) -> ! {
        let refusal = if with_init { init::run(self.report.as_fd(), start) } else { command::execute(start) };
        self.give_up(Failure::new(refusal.line), refusal.code)
    }
}

/// Makes the streams of a process: those of `streams`, or a terminal.
fn streams(tty: Option<(u32, u32)>, streams: u32) -> Result<(Ours, OwnedFd, Theirs)> {
    let (ours_report, report) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .step(|| "create a socket")?;
    let mut ours = Ours::default();
    let mut theirs = Theirs { stdin: None, stdout: None, stderr: None, report, tty };
    if tty.is_none() {
        let pipe = || pipe_with(PipeFlags::CLOEXEC).step(|| "create a pipe");
        if streams & STDIN != 0 {
            let (reader, writer) = pipe()?;
            (ours.stdin, theirs.stdin) = (Some(writer), Some(reader));
        }
        if streams & STDOUT != 0 {
            let (reader, writer) = pipe()?;
            (ours.stdout, theirs.stdout) = (Some(reader), Some(writer));
        }
        if streams & STDERR != 0 {
            let (reader, writer) = pipe()?;
            (ours.stderr, theirs.stderr) = (Some(reader), Some(writer));
        }
    }
    for fd in [&ours.stdin, &ours.stdout, &ours.stderr].into_iter().flatten().chain([&ours_report]) {
        fcntl_setfl(fd, OFlags::NONBLOCK).step(|| "set up a pipe")?;
    }
    Ok((ours, ours_report, theirs))
}

/// Starts process 1.
pub fn start_main(watch: &Watch, this: &OwnedFd, cgroup: Option<&Cgroup>) -> Result<Process> {
    let input = if watch.open_stdin { STDIN } else { 0 };
    let (ours, report, theirs) = streams(watch.tty, input | STDOUT | STDERR)?;
    // The process namespace is the child's alone: what else this process starts stays outside until it is led in.
    let namespace = if watch.start.chroot { 0 } else { libc::CLONE_NEWPID };
    // SAFETY: this process has one thread, so the child, which has a copy of its memory, may do all that this one may.
    let pid = match unsafe { clone(namespace) } {
        -1 => return Err(io::Error::last_os_error()).step(|| "fork into a process namespace"),
        0 => {
            match container::set_up(&theirs.place(this, true), &watch.start, cgroup) {
                Ok(()) => theirs.execute(&watch.start, watch.start.init),
                Err(failure) => theirs.give_up(failure, 0),
            };
        }
        pid => pid,
    };
    let pid = Pid::from_raw(pid).ok_or_else(|| Failure::new("fork"))?;
    Ok(Process::new(0, pid, ours, report))
}

/// fork(2) with flags.
///
/// # Safety
/// As for a fork: the process must have one thread.
pub unsafe fn clone(flags: libc::c_int) -> i32 {
    // SAFETY: without a stack or any flag that shares memory it is a fork; no pointer is handed over.
    (unsafe { libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0, 0, 0, 0) }) as i32
}

/// Starts another one with `enter`, which runs in a child of this process and leads to the command. That child is not the command: it tells the
/// number of the one that is, which is a child of this process, too.
pub fn start_other(
    id: u64,
    tty: Option<(u32, u32)>,
    attach: u32,
    enter: impl FnOnce(&Theirs) -> Result<()>,
) -> Result<Process> {
    let (ours, report, theirs) = streams(tty, attach)?;
    // SAFETY: as above.
    let guide = match unsafe { clone(0) } {
        -1 => return Err(io::Error::last_os_error()).step(|| "fork"),
        0 => match enter(&theirs) {
            Ok(()) => container::exit(0),
            Err(failure) => theirs.give_up(failure, 0),
        },
        guide => guide,
    };
    drop(theirs);
    let told = hear_of_pid(&report);
    // SAFETY: the guide is a child that nobody has reaped; no status is asked for.
    while unsafe { libc::waitpid(guide, std::ptr::null_mut(), 0) } == -1
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
    Ok(Process::new(id, told?, ours, report))
}

/// What the guide says first: it takes no longer than some system calls.
fn hear_of_pid(report: &OwnedFd) -> Result<Pid> {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut buffer = vec![0; 64 << 10];
    loop {
        let _ = poll(&mut [PollFd::new(report, PollFlags::IN)], None);
        match rustix::io::read(report, &mut buffer[..]) {
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error).step(|| "hear of the command"),
            Ok(n) => {
                return match buffer[..n].split_first() {
                    Some((b'P', number)) => <[u8; 4]>::try_from(number)
                        .ok()
                        .and_then(|number| Pid::from_raw(i32::from_ne_bytes(number)))
                        .ok_or_else(|| Failure::new("hear of the command")),
                    Some((b'F', frame)) => match Answer::decode(frame) {
                        Some(Answer::Failed { errno, step, .. }) => Err(Failure { errno, step }),
                        _ => Err(Failure::new("hear of the command")),
                    },
                    _ => Err(Failure::new("the command was killed before it began")),
                };
            }
        }
    }
}

impl Process {
    fn new(id: u64, pid: Pid, ours: Ours, report: OwnedFd) -> Process {
        Process {
            id,
            pid,
            code: None,
            report: Some(report),
            pending: Vec::new(),
            refusal: None,
            ours,
            input_ended: false,
        }
    }

    /// Takes what its report has.
    pub fn hear(&mut self) -> Told {
        while let Some(report) = &self.report {
            let mut buffer = vec![0; 64 << 10];
            let (n, descriptors) = match supervisor::receive_descriptors(report.as_fd(), &mut buffer) {
                Err(Errno::AGAIN) => return Told::Nothing,
                Err(_) => (0, Vec::new()),
                Ok(received) => received,
            };
            match buffer[..n].split_first() {
                Some((b'T', _)) => self.ours.terminal = descriptors.into_iter().next().and_then(both_sides),
                Some((b'F', frame)) => {
                    self.refusal = Answer::decode(frame);
                    self.report = None;
                    return Told::Failed;
                }
                Some(_) => {}
                None => {
                    self.report = None;
                    return Told::Executed;
                }
            }
        }
        Told::Nothing
    }

    /// Where its input goes.
    pub fn stdin(&self) -> Option<BorrowedFd<'_>> {
        let terminal = self.ours.terminal.as_ref().map(|(master, _)| master);
        self.ours.stdin.as_ref().or(terminal).map(AsFd::as_fd)
    }

    /// Where a stream of it comes from.
    pub fn output(&self, stream: u32) -> Option<BorrowedFd<'_>> {
        match (stream, &self.ours.terminal) {
            (STDERR, _) => self.ours.stderr.as_ref().map(AsFd::as_fd),
            (_, Some((master, _))) => Some(master.as_fd()),
            _ => self.ours.stdout.as_ref().map(AsFd::as_fd),
        }
    }

    /// Its terminal.
    pub fn terminal(&self) -> Option<BorrowedFd<'_>> {
        self.ours.terminal.as_ref().map(|(master, _)| master.as_fd())
    }

    /// Reads once. `None` when there is nothing for now.
    pub fn read(&mut self, stream: u32) -> Option<Vec<u8>> {
        let mut buffer = vec![0; PIECE];
        let read = loop {
            match rustix::io::read(self.output(stream)?, &mut buffer[..]) {
                Err(Errno::INTR) => {}
                other => break other,
            }
        };
        match read {
            Ok(n) if n > 0 => {
                buffer.truncate(n);
                Some(buffer)
            }
            Err(Errno::AGAIN) => None,
            // Its end.
            _ => {
                match (stream, &self.ours.terminal) {
                    (STDERR, _) => self.ours.stderr = None,
                    (_, Some(_)) => self.ours.terminal = None,
                    _ => self.ours.stdout = None,
                }
                None
            }
        }
    }

    /// Whether it takes its input too slowly for more.
    pub fn is_stuck(&self) -> bool {
        self.pending.len() >= ENOUGH
    }

    /// Gives it input.
    pub fn take_input(&mut self, bytes: &[u8]) {
        if !self.input_ended && (self.stdin().is_some() || self.report.is_some()) {
            self.pending.extend_from_slice(bytes);
            self.feed();
        }
    }

    /// Hands input over, as far as it is taken.
    pub fn feed(&mut self) {
        while !self.pending.is_empty() {
            let Some(stdin) = self.stdin() else {
                // A terminal may be on its way.
                if self.report.is_none() {
                    self.pending.clear();
                }
                return;
            };
            match rustix::io::write(stdin, &self.pending) {
                Ok(n) => drop(self.pending.drain(..n)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // Nobody reads it any more.
                Err(_) => {
                    self.pending.clear();
                    self.ours.stdin = None;
                }
            }
        }
        if self.input_ended {
            self.ours.stdin = None;
        }
    }

    /// Ends its input, after what is pending. A terminal's has no end.
    pub fn end_input(&mut self) {
        if self.ours.stdin.is_some() {
            self.input_ended = true;
            self.feed();
        }
    }

    /// Sends it a signal, if it has not ended.
    pub fn signal(&self, number: i32) -> bool {
        // SAFETY: the call takes numbers; a process that is not reaped has its ID for itself.
        self.code.is_none() && unsafe { libc::kill(self.pid.as_raw_nonzero().get(), number) } == 0
    }
}

/// A terminal's master as it came, and its other side.
fn both_sides(master: OwnedFd) -> Option<(OwnedFd, OwnedFd)> {
    fcntl_setfl(&master, OFlags::NONBLOCK).ok()?;
    let slave = terminal::other_side(master.as_fd()).ok()?;
    Some((master, slave))
}

/// Reaps a child that has ended: its ID and exit code.
pub fn reap_one() -> Option<(i32, i32)> {
    let mut status = 0;
    // SAFETY: the status is written to a number that lives until the call returns.
    let pid = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) };
    let code = match libc::WIFEXITED(status) {
        true => libc::WEXITSTATUS(status),
        false => 128 + libc::WTERMSIG(status),
    };
    (pid > 0).then_some((pid, code))
}
