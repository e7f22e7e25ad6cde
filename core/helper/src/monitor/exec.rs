//! Another command in the container.
//!
//! A guide, which is outside and has no descriptor of the monitor, enters the namespaces of process 1 and starts the command's process there as a
//! child of the monitor. So nothing that is visible inside ever holds what leads out, not even to a container that may trace.

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use super::Monitor;
use super::process::{self, Process, Theirs};
use crate::cgroup::Cgroup;
use crate::container::{self, Streams};
use crate::frames::{Exec, STDERR, STDIN, STDOUT};
use crate::message::Start;
use crate::{Result, Step, chroot, supervisor, terminal};

/// The namespaces of a container, that of mounts last: the others are found by the host's /proc.
const NAMESPACES: [&str; 6] = ["cgroup", "ipc", "uts", "net", "pid", "mnt"];

impl Monitor {
    /// Starts a command.
    pub fn start_exec(&mut self, exec: Exec) -> Result<Process> {
        let id = self.next;
        self.next += 1;
        let container = &self.watch.start;
        let start = Start {
            args: exec.args,
            env: exec.env,
            cwd: exec.cwd,
            uid: exec.uid,
            gid: exec.gid,
            groups: exec.groups,
            capabilities: if exec.privileged { u64::MAX } else { container.capabilities },
            insecure: container.insecure,
            rlimits: container.rlimits.clone(),
            chroot: container.chroot,
            upper: container.upper.clone(),
            isolated: container.isolated,
            ..Start::default()
        };
        let main = self.processes[0].pid.as_raw_nonzero().get();
        let (this, cgroup) = (&self.this, self.cgroup.as_ref());
        let streams = exec.attach & (STDIN | STDOUT | STDERR);
        process::start_other(id, exec.tty, streams, |theirs| guide(theirs, &start, this, cgroup, main))
    }
}

/// In the guide.
fn guide(theirs: &Theirs, start: &Start, this: &OwnedFd, cgroup: Option<&Cgroup>, main: i32) -> Result<()> {
    let keep: Vec<i32> = theirs.numbers().into_iter().chain([this.as_raw_fd()]).collect();
    supervisor::close_all_but(&keep);
    if let Some(cgroup) = cgroup {
        cgroup.join()?;
    }
    enter_namespaces(start, main)?;
    // SAFETY: this process has one thread, so the child may do all that this one may.
    match unsafe { process::clone(libc::CLONE_PARENT) } {
        -1 => Err(std::io::Error::last_os_error()).step(|| "fork in the container"),
        0 => match become_ready(theirs, start, this) {
            Ok(()) => theirs.execute(start, false),
            Err(failure) => theirs.give_up(failure, 0),
        },
        pid => {
            theirs.tell_pid(pid);
            Ok(())
        }
    }
}

fn enter_namespaces(start: &Start, main: i32) -> Result<()> {
    let mut opened = Vec::new();
    for name in NAMESPACES {
        if (start.chroot && name != "net") || (name == "net" && !start.isolated) {
            continue;
        }
        let path = format!("/proc/{main}/ns/{name}");
        match openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(namespace) => opened.push((name, namespace)),
            // A kernel without such a namespace.
            Err(Errno::NOENT) if name == "cgroup" => {}
            Err(error) => return Err(error).step(|| format!("find the {name} namespace of the container")),
        }
    }
    for (name, namespace) in &opened {
        // SAFETY: the call takes numbers.
        if unsafe { libc::setns(namespace.as_raw_fd(), 0) } != 0 {
            let error = std::io::Error::last_os_error();
            return Err(error).step(|| format!("enter the {name} namespace of the container"));
        }
    }
    Ok(())
}

/// In the command's process.
fn become_ready(theirs: &Theirs, start: &Start, this: &OwnedFd) -> Result<()> {
    let place = theirs.place(this, false);
    // SAFETY: the call takes numbers. Until it is the command, it is not to be looked at.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    container::die_with(place.supervisor)?;
    rustix::process::setsid().step(|| "begin a session")?;
    container::reset_signals();
    let host_terminal = match &place.streams {
        Streams::Terminal { size, .. } if start.chroot => Some(terminal::open("/dev/ptmx", *size)?),
        _ => None,
    };
    if start.chroot {
        chroot::enter_root(start)?;
    }
    container::take_streams(&place, start, host_terminal)?;
    container::confine(&place, start)
}
