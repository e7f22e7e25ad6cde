//! Running without namespaces: chroot, and an end of every process that comes from the command.
//!
//! There is no process namespace whose end the kernel would make the end of all. The supervisor adopts what loses its
//! parent, and looks in /proc for what comes from it.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::thread::UnshareFlags;

use crate::message::Start;
use crate::{Result, Step, network};

/// Makes the copied root the root of this process.
pub fn enter(start: &Start) -> Result<()> {
    if start.isolated {
        // SAFETY: this process has one thread and shares neither memory nor descriptors with another.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }
            .step(|| "make a network namespace (in a copied root there is the host's network only)")?;
        network::start_loopback()?;
    }
    enter_root(start)
}

/// The same without a network of its own.
pub fn enter_root(start: &Start) -> Result<()> {
    let name = String::from_utf8_lossy(&start.upper);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, start.upper.as_slice(), flags, Mode::empty())
        .step(|| format!("open the root directory {name}"))?;
    rustix::process::fchdir(&root).step(|| format!("enter the root directory {name}"))?;
    rustix::process::chroot(".").step(|| "chroot")?;
    rustix::process::chdir("/").step(|| "enter the new root")
}

/// The supervisor as the parent of all that loses its own.
pub struct Reaper(OwnedFd);

impl Reaper {
    /// To be called before the first child is there, which has to let the signal through again.
    pub fn new() -> Result<Reaper> {
        adopt_orphans()?;
        ended_children().map(Reaper)
    }

    /// Readable when a child has ended.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Reaps the orphans that have ended; `main` is left for who waits for its exit code.
    pub fn reap_orphans(&self, main: Pid) {
        let mut buffer = [0; 1024];
        while rustix::io::read(&self.0, &mut buffer[..]).is_ok_and(|n| n > 0) {}
        loop {
            // SAFETY: all zeroes is a valid `siginfo_t`, which lives until the call returns; a field that a successful call
            // leaves zero says that there is none.
            let ended = unsafe {
                let mut info: libc::siginfo_t = std::mem::zeroed();
                let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
                if libc::waitid(libc::P_ALL, 0, &mut info, flags) == 0 { info.si_pid() } else { 0 }
            };
            if ended == 0 || ended == main.as_raw_nonzero().get() || !reap(ended) {
                return;
            }
        }
    }
}

/// Becomes the parent of all that comes from this process and loses its own.
pub fn adopt_orphans() -> Result<()> {
    // SAFETY: the call takes no pointer.
    if unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error()).step(|| "become the parent of orphans");
    }
    Ok(())
}

/// A descriptor that is readable when a child has ended. The children have to let the signal through again.
pub fn ended_children() -> Result<OwnedFd> {
    // SAFETY: the mask of this process's only thread is plain data, and the new descriptor is owned by nobody else.
    unsafe {
        let mut child: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut child);
        libc::sigaddset(&mut child, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, &child, std::ptr::null_mut());
        match libc::signalfd(-1, &child, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()).step(|| "wait for children"),
            descriptor => Ok(OwnedFd::from_raw_fd(descriptor)),
        }
    }
}

/// Ends everything that comes from this process. Stops it first, so that nothing starts anything any more.
pub fn end_all() {
    let mut stopped: HashMap<i32, u64> = HashMap::new();
    loop {
        let mut fresh = descendants();
        fresh.retain(|pid, started| stopped.get(pid) != Some(started));
        if fresh.is_empty() {
            break;
        }
        fresh.iter().for_each(|(pid, started)| signal(*pid, *started, Signal::STOP));
        stopped.extend(fresh);
    }
    loop {
        descendants().iter().for_each(|(pid, started)| signal(*pid, *started, Signal::KILL));
        while reap(-1) {}
        if io::Error::last_os_error().raw_os_error() == Some(libc::ECHILD) {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Reaps a child that has ended, or any (-1). `false` when there is none; errno is ECHILD when there is no child at all.
fn reap(pid: i32) -> bool {
    // SAFETY: errno belongs to this thread, and a null pointer asks for no status.
    unsafe {
        *libc::__errno_location() = 0;
        libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) > 0
    }
}

/// The exit code of what SIGKILL ended.
pub const KILLED: i32 = 128 + libc::SIGKILL;

/// The processes below this one, with their start times: an ID may come to be another's.
pub fn descendants() -> HashMap<i32, u64> {
    let mut parents: HashMap<i32, (i32, u64)> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some((pid, known)) = pid.and_then(|pid| Some((pid, parent_and_start(pid)?))) {
            parents.insert(pid, known);
        }
    }
    let this = std::process::id() as i32;
    let is_below = |mut pid: i32| {
        // Read one after the other, the lines may form a ring.
        for _ in 0..parents.len() {
            match parents.get(&pid) {
                Some((parent, _)) if *parent == this => return true,
                Some((parent, _)) => pid = *parent,
                None => return false,
            }
        }
        false
    };
    parents.iter().filter(|(pid, _)| is_below(**pid)).map(|(pid, (_, started))| (*pid, *started)).collect()
}

/// The fields of `/proc/<pid>/stat` after the name, which may hold anything (proc_pid_stat(5)).
fn parent_and_start(pid: i32) -> Option<(i32, u64)> {
    let line = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let end = line.iter().rposition(|byte| *byte == b')')?;
    let fields: Vec<&str> = std::str::from_utf8(&line[end + 1..]).ok()?.split_whitespace().collect();
    Some((fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?))
}

/// Sends a signal to a process, if it still is the one that started then.
pub fn signal(pid: i32, started: u64, signal: Signal) {
    let Some(id) = Pid::from_raw(pid) else { return };
    let Ok(process) = pidfd_open(id, PidfdFlags::empty()) else { return };
    if parent_and_start(pid).is_some_and(|(_, now)| now == started) {
        let _ = pidfd_send_signal(&process, signal);
    }
}
