//! Process 1 of the container: from a fresh process namespace to the command.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::stdio::dup2_stdin;
use rustix::thread::UnshareFlags;

use crate::cgroup::Cgroup;
use crate::message::Start;
use crate::terminal::{self, Terminal};
use crate::{Failure, Result, Step, chroot, command, identity, mounts, network, seccomp, supervisor};

/// The exit code of a container that could not be set up; the caller is told why before.
pub const EXIT_FAILED: i32 = 125;

/// What becomes the standard streams.
pub enum Streams<'a> {
    /// Output as it was inherited, and no input.
    Inherited,
    /// Pipes; no input where there is none.
    Pipes { stdin: Option<BorrowedFd<'a>>, stdout: Option<BorrowedFd<'a>>, stderr: Option<BorrowedFd<'a>> },
    /// A terminal of this size, whose other side is sent here.
    Terminal { size: (u32, u32), to: BorrowedFd<'a> },
}

/// What a process is given that is about to become a command.
pub struct Place<'a> {
    /// Whose end is its own.
    pub supervisor: BorrowedFd<'a>,
    /// Where a failure is told; closed when the command is executed.
    pub report: BorrowedFd<'a>,
    /// Its streams.
    pub streams: Streams<'a>,
    /// Whether it is process 1.
    pub is_main: bool,
}

/// Becomes the command, or says why not and exits.
pub fn run(socket: BorrowedFd<'_>, supervisor: &OwnedFd, start: &Start, cgroup: Option<&Cgroup>) -> ! {
    let code = match fcntl_dupfd_cloexec(socket, 3) {
        Err(_) => EXIT_FAILED,
        Ok(socket) => {
            let place = Place {
                supervisor: supervisor.as_fd(),
                report: socket.as_fd(),
                streams: Streams::Inherited,
                is_main: true,
            };
            match set_up(&place, start, cgroup) {
                Ok(()) if start.args.is_empty() => 0,
                Ok(()) => {
                    let refusal = command::execute(start);
                    refusal.print();
                    refusal.code
                }
                Err(failure) => {
                    supervisor::report_failure(socket.as_fd(), failure);
                    EXIT_FAILED
                }
            }
        }
    };
    exit(code)
}

/// Ends the process without running handlers that belong to the process it was forked from.
pub fn exit(code: i32) -> ! {
    // SAFETY: the call does not return.
    unsafe { libc::_exit(code) }
}

/// From a fresh process namespace to where only the command is missing.
pub fn set_up(place: &Place<'_>, start: &Start, cgroup: Option<&Cgroup>) -> Result<()> {
    die_with(place.supervisor)?;
    if let Some(cgroup) = cgroup {
        // Before the namespace of control groups, whose root it becomes.
        cgroup.join()?;
    }
    rustix::process::setsid().step(|| "begin a session")?;
    reset_signals();
    let host_terminal = match &place.streams {
        // No terminal of its own is to be had in there.
        Streams::Terminal { size, .. } if start.chroot => Some(terminal::open("/dev/ptmx", *size)?),
        _ => None,
    };
    if start.chroot {
        chroot::enter(start)?;
    } else {
        unshare(start)?;
        if start.isolated {
            network::start_loopback()?;
        }
        mounts::enter_root(start)?;
    }
    take_streams(place, start, host_terminal)?;
    confine(place, start)
}

/// Takes the standard streams, and lets go of all other descriptors.
pub fn take_streams(place: &Place<'_>, start: &Start, terminal: Option<Terminal>) -> Result<()> {
    match &place.streams {
        Streams::Inherited => stdin_from_null()?,
        Streams::Pipes { stdin, stdout, stderr } => {
            let null =
                open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).step(|| "open /dev/null")?;
            // The command's user may open /dev/stdout, as in Docker.
            for pipe in [stdin, stdout, stderr].into_iter().flatten() {
                give(*pipe, start);
            }
            let or_null = |stream: &Option<BorrowedFd<'_>>| stream.unwrap_or(null.as_fd()).as_raw_fd();
            let streams = [or_null(stdin), or_null(stdout), or_null(stderr)];
            streams.into_iter().zip(0..).try_for_each(|(from, to)| duplicate(from, to))?;
        }
        Streams::Terminal { size, to } => {
            let terminal = match terminal {
                Some(terminal) => terminal,
                None => terminal::open("/dev/pts/ptmx", *size)?,
            };
            give(terminal.slave.as_fd(), start);
            terminal.make_own()?;
            if place.is_main && !start.chroot {
                mounts::bind_console(&terminal.name()?)?;
            }
            supervisor::send_descriptor(*to, terminal.master.as_fd())
                .step(|| "hand the terminal to the monitor")?;
            (0..3).try_for_each(|to| duplicate(terminal.slave.as_raw_fd(), to))?;
        }
    }
    // No directory of the host may be left open: a working directory of /proc/self/fd/N would lead to it (CVE-2024-21626).
    supervisor::close_all_but(&[place.supervisor.as_raw_fd(), place.report.as_raw_fd()]);
    Ok(())
}

/// Takes on directory, filter, limits and identity of the command.
pub fn confine(place: &Place<'_>, start: &Start) -> Result<()> {
    if !start.cwd.is_empty() {
        let name = || format!("change to the working directory {}", String::from_utf8_lossy(&start.cwd));
        rustix::process::chdir(start.cwd.as_slice()).step(name)?;
        let is_inside =
            rustix::process::getcwd(Vec::new()).is_ok_and(|path| path.to_bytes().starts_with(b"/"));
        if !is_inside {
            return Err(Failure::new(format!("{}: it is outside the root", name())));
        }
    }
    identity::leave_session_keyring();
    // Before privileges go, since it needs them; all that follows is allowed by it.
    if !start.insecure {
        match seccomp::install(start.capabilities) {
            // Where nobody may (no CAP_SYS_ADMIN), the filter of the container around this one is what there is.
            Err(error) if start.chroot && is_denied(&error) => {}
            installed => installed.step(|| "install the seccomp filter")?,
        }
    }
    limit(start)?;
    identity::assume(start)?;
    // A change of identity cleared it.
    die_with(place.supervisor)
}

/// Makes the command's user the owner of a stream.
fn give(stream: BorrowedFd<'_>, start: &Start) {
    // Where it cannot be done, the stream works all the same.
    let _ = rustix::fs::fchown(stream, Some(rustix::fs::Uid::from_raw(start.uid)), None);
}

fn duplicate(from: i32, to: i32) -> Result<()> {
    // SAFETY: nothing in this process owns the standard streams.
    match unsafe { libc::dup2(from, to) } {
        -1 => Err(std::io::Error::last_os_error()).step(|| "set up the standard streams"),
        _ => Ok(()),
    }
}

/// Asks the kernel to kill this process when the supervisor ends. Safe with its single thread: the signal comes when the
/// parent's *thread* ends.
pub fn die_with(supervisor: BorrowedFd<'_>) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).step(|| "ask to die with the supervisor")?;
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut [PollFd::from_borrowed_fd(supervisor, PollFlags::IN)], Some(&now)) {
        Ok(0) => Ok(()),
        Ok(_) => Err(Failure::new("the supervisor has gone")),
        Err(error) => Err(error).step(|| "look whether the supervisor is there"),
    }
}

/// Signals as a fresh process has them, whatever the caller's process ignores or blocks.
pub fn reset_signals() {
    // SAFETY: no handlers are installed, and a signal mask of this process's only thread is plain data.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
    }
}

fn is_denied(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EACCES | libc::EPERM))
}

fn unshare(start: &Start) -> Result<()> {
    let mut flags = UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    if start.isolated {
        flags |= UnshareFlags::NEWNET;
    }
    // SAFETY: this process has one thread and shares neither memory nor descriptors with another.
    unsafe { rustix::thread::unshare_unsafe(flags) }.step(|| "make the namespaces")?;
    // SAFETY: as above.
    match unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWCGROUP) } {
        // A kernel without control groups has nothing to hide.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(error) => return Err(error).step(|| "make a cgroup namespace"),
    }
    rustix::system::sethostname(&start.hostname).step(|| "set the host name")
}

/// Sets the limits of this process and all that come from it.
fn limit(start: &Start) -> Result<()> {
    for limit in &start.rlimits {
        let value = libc::rlimit { rlim_cur: limit.soft, rlim_max: limit.hard };
        // SAFETY: the call reads a `rlimit`, which lives until it returns.
        let done = unsafe { libc::setrlimit(limit.resource as _, &value) };
        if done != 0 {
            let error = std::io::Error::last_os_error();
            return Err(error).step(|| format!("set ulimit {}", limit.resource));
        }
    }
    Ok(())
}

/// Standard input is empty, and no longer the control socket.
fn stdin_from_null() -> Result<()> {
    let null =
        open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).step(|| "open /dev/null")?;
    dup2_stdin(&null).step(|| "empty the standard input")
}
