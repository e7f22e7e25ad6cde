//! Process 1 that is not the command (`--init`): hands signals on to it, and reaps what has lost its parent.

use std::os::fd::{AsRawFd, BorrowedFd};

use crate::command::Refusal;
use crate::message::Start;
use crate::{command, container, supervisor};

/// Starts the command, and exits with its code once it has ended. Returns only in the child, when the command cannot be executed.
///
/// `report` is the child's. All is set up, so that the child is the command but for executing it.
pub fn run(report: BorrowedFd<'_>, start: &Start) -> Refusal {
    // What is in this process's memory came from outside; the command's user must not look at it.
    // SAFETY: the call takes numbers.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    let signals = all_signals();
    // Blocked ones wait until they are asked for, even those that a process 1 would never see.
    // SAFETY: the mask of this process's only thread is plain data.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &signals, std::ptr::null_mut()) };
    // SAFETY: this process has one thread, so the child may do all that this one may.
    match unsafe { libc::fork() } {
        -1 => Refusal { code: 126, line: format!("fork: {}", std::io::Error::last_os_error()) },
        0 => {
            lead();
            container::reset_signals();
            command::execute(start)
        }
        child => {
            // With the last descriptor of it, the monitor knows that the command runs.
            supervisor::close_all_but(&[]);
            // SAFETY: nothing in this process uses them any more.
            unsafe { libc::close(report.as_raw_fd()) };
            wait(child, &signals)
        }
    }
}

/// In a group of its own, in the foreground of the terminal if there is one.
fn lead() {
    // SAFETY: the calls take numbers. SIGTTOU is blocked, so that a background process may take the foreground.
    unsafe {
        libc::setpgid(0, 0);
        libc::tcsetpgrp(0, libc::getpid());
    }
}

fn all_signals() -> libc::sigset_t {
    // SAFETY: a set of signals is plain data.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        all
    }
}

fn wait(child: i32, signals: &libc::sigset_t) -> ! {
    loop {
        // SAFETY: the set is read and lives until the call returns; no details are asked for.
        let signal = unsafe { libc::sigwaitinfo(signals, std::ptr::null_mut()) };
        if signal == libc::SIGCHLD {
            if let Some(code) = reap(child) {
                container::exit(code);
            }
        } else if signal > 0 && !matches!(signal, libc::SIGTTIN | libc::SIGTTOU) {
            // What stops a terminal's background is nothing to hand on.
            // SAFETY: the child is not reaped yet, so that its ID is its own.
            unsafe { libc::kill(child, signal) };
        }
    }
}

/// Reaps all that have ended; the exit code, if the command is among them.
fn reap(child: i32) -> Option<i32> {
    let mut code = None;
    loop {
        let mut status = 0;
        // SAFETY: the status is written to a number that lives until the call returns.
        let pid = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) };
        if pid <= 0 {
            return code;
        }
        if pid == child {
            code = Some(match libc::WIFEXITED(status) {
                true => libc::WEXITSTATUS(status),
                false => 128 + libc::WTERMSIG(status),
            });
        }
    }
}
