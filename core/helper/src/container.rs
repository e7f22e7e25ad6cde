//! Process 1 of the container: from a fresh process namespace to the command.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::stdio::dup2_stdin;
use rustix::thread::UnshareFlags;

use crate::cgroup::Cgroup;
use crate::message::Start;
use crate::{Failure, Result, Step, chroot, command, identity, mounts, network, seccomp, supervisor};

/// The exit code of a container that could not be set up; the caller is told why before.
pub const EXIT_FAILED: i32 = 125;

/// Becomes the command, or says why not and exits.
pub fn run(socket: BorrowedFd<'_>, supervisor: &OwnedFd, start: &Start, cgroup: Option<&Cgroup>) -> ! {
    let code = match fcntl_dupfd_cloexec(socket, 3) {
        Err(_) => EXIT_FAILED,
        Ok(socket) => match set_up(supervisor, start, cgroup) {
            Ok(()) if start.args.is_empty() => 0,
            Ok(()) => command::execute(start),
            Err(failure) => {
                supervisor::report_failure(socket.as_fd(), failure);
                EXIT_FAILED
            }
        },
    };
    // SAFETY: ends the process without running handlers that belong to the process it was forked from.
    unsafe { libc::_exit(code) }
}

fn set_up(supervisor: &OwnedFd, start: &Start, cgroup: Option<&Cgroup>) -> Result<()> {
    die_with(supervisor)?;
    if let Some(cgroup) = cgroup {
        // Before the namespace of control groups, whose root it becomes.
        cgroup.join()?;
    }
    rustix::process::setsid().step(|| "begin a session")?;
    reset_signals();
    if start.chroot {
        chroot::enter(start)?;
    } else {
        unshare(start)?;
        if start.isolated {
            network::start_loopback()?;
        }
        mounts::enter_root(start)?;
    }
    stdin_from_null()?;
    if !start.cwd.is_empty() {
        rustix::process::chdir(start.cwd.as_slice())
            .step(|| format!("change to the working directory {}", String::from_utf8_lossy(&start.cwd)))?;
    }
    identity::leave_session_keyring();
    // Before privileges go, since it needs them; all that follows is allowed by it.
    if !start.insecure {
        match seccomp::install() {
            // Where nobody may (no CAP_SYS_ADMIN), the filter of the container around this one is what there is.
            Err(error) if start.chroot && is_denied(&error) => {}
            installed => installed.step(|| "install the seccomp filter")?,
        }
    }
    limit(start)?;
    identity::assume(start)?;
    // A change of identity cleared it.
    die_with(supervisor)
}

/// Asks the kernel to kill this process when the supervisor ends. Safe with its single thread: the signal comes when the
/// parent's *thread* ends.
fn die_with(supervisor: &OwnedFd) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).step(|| "ask to die with the supervisor")?;
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut [PollFd::new(supervisor, PollFlags::IN)], Some(&now)) {
        Ok(0) => Ok(()),
        Ok(_) => Err(Failure::new("the supervisor has gone")),
        Err(error) => Err(error).step(|| "look whether the supervisor is there"),
    }
}

/// Signals as a fresh process has them, whatever the caller's process ignores or blocks.
fn reset_signals() {
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
