//! The process outside, of a container that ends with its caller: waits for the command's end, the caller's word and the caller's
//! end, whichever comes first.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal};

use crate::cgroup::Cgroup;
use crate::chroot::{self, Reaper};
use crate::message::{Job, Report, Start};
use crate::{Failure, Result, Step, container, monitor};

/// Reads what to do, does it, and says how it ended.
pub fn run() {
    close_all_but(&[]);
    prepare();
    let socket = rustix::stdio::stdin();
    let Some((job, descriptors)) = receive(socket) else { return };
    let start = match job {
        Job::Run(start) => start,
        Job::Watch(watch) => return monitor::begin(watch, descriptors),
    };
    let code = match supervise(socket, &start) {
        Ok(code) => code,
        Err(failure) => {
            report_failure(socket, failure);
            container::EXIT_FAILED
        }
    };
    send(socket, &Report::Exited { code });
}

/// Closes every descriptor but the standard streams and these: what the caller's process forgot to mark close-on-exec, and what
/// a command must not reach on its way into the container.
pub fn close_all_but(keep: &[i32]) {
    let mut keep: Vec<u32> = keep.iter().filter_map(|fd| u32::try_from(*fd).ok()).collect();
    keep.sort_unstable();
    let mut first = 3;
    for fd in keep.iter().copied().chain([u32::MAX]) {
        // SAFETY: what is closed is used by nobody any more.
        if fd > first && unsafe { libc::syscall(libc::SYS_close_range, first, fd - 1, 0) } != 0 {
            return close_one_by_one(&keep);
        }
        first = first.max(fd.saturating_add(1));
    }
}

/// Before Linux 5.9.
fn close_one_by_one(keep: &[u32]) {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        // A root without /proc: descriptors are small numbers.
        for fd in (3..4096).filter(|fd| !keep.contains(fd)) {
            // SAFETY: as above; what is not open fails with EBADF.
            unsafe { libc::close(fd as i32) };
        }
        return;
    };
    let open: Vec<u32> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|fd| *fd > 2 && !keep.contains(fd)) {
        // SAFETY: as above; the descriptor of the directory itself is closed already and fails with EBADF.
        unsafe { libc::close(fd as i32) };
    }
}

/// Leaves behind what a process inherits and should not depend on.
fn prepare() {
    let _ = rustix::thread::set_name(c"layerkit-run");
    let _ = rustix::process::chdir("/");
    rustix::process::umask(Mode::from_raw_mode(0o022));
    // A caller that ignores SIGCHLD hands that down, and the exit status would be lost.
    // SAFETY: SIG_DFL is no function that could be called at a bad time.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// The caller's message, and the descriptors that came with it; none when it has gone.
fn receive(socket: BorrowedFd<'_>) -> Option<(Job, Vec<OwnedFd>)> {
    let mut length = [0; 4];
    let (received, descriptors) = receive_descriptors(socket, &mut length).ok().filter(|(n, _)| *n > 0)?;
    read_exact(socket, &mut length[received..])?;
    let mut body = vec![0; u32::from_ne_bytes(length) as usize];
    read_exact(socket, &mut body)?;
    Some((Job::decode(&body)?, descriptors))
}

/// Receives bytes, and the descriptors that come with them.
pub fn receive_descriptors(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> rustix::io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut buffers = [io::IoSliceMut::new(buffer)];
    let bytes = loop {
        match recvmsg(socket, &mut buffers, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            other => break other?.bytes,
        }
    };
    let rights = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    Ok((bytes, rights.flatten().collect()))
}

/// Sends a byte, `T`, with a descriptor.
pub fn send_descriptor(socket: BorrowedFd<'_>, descriptor: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let rights = [descriptor];
    ancillary.push(SendAncillaryMessage::ScmRights(&rights));
    sendmsg(socket, &[io::IoSlice::new(b"T")], &mut ancillary, SendFlags::NOSIGNAL).map(drop)
}

fn read_exact(socket: BorrowedFd<'_>, mut buffer: &mut [u8]) -> Option<()> {
    while !buffer.is_empty() {
        match rustix::io::read(socket, &mut *buffer) {
            Ok(0) => return None,
            Ok(n) => buffer = &mut buffer[n..],
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    Some(())
}

/// Answers the caller. When it has gone there is nobody to tell.
pub fn send(socket: BorrowedFd<'_>, report: &Report) {
    let message = report.encode();
    let mut rest = message.as_slice();
    while !rest.is_empty() {
        match rustix::net::send(socket, rest, SendFlags::NOSIGNAL) {
            Ok(n) => rest = &rest[n..],
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Says that the set-up failed.
pub fn report_failure(socket: BorrowedFd<'_>, failure: Failure) {
    send(socket, &Report::Failed { errno: failure.errno, step: failure.step });
}

fn supervise(socket: BorrowedFd<'_>, start: &Start) -> Result<i32> {
    let caller = caller(start)?;
    let _lock = lock(&start.upper)?;
    // Gone when this returns, and that is when nothing is left in it.
    let cgroup = Cgroup::new(start)?;
    let this = pidfd_open(rustix::process::getpid(), PidfdFlags::empty())
        .step(|| "open a descriptor of this process")?;
    let reaper = if start.chroot {
        Some(Reaper::new()?)
    } else {
        // SAFETY: the new process namespace is for children; this process uses no facility that caches its ID.
        unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWPID) }
            .step(|| "make a process namespace")?;
        None
    };
    // SAFETY: this process has one thread, so the child may do all that this one may.
    let pid = match unsafe { libc::fork() } {
        -1 => return Err(io::Error::last_os_error()).step(|| "fork"),
        0 => container::run(socket, &this, start, cgroup.as_ref()),
        pid => pid,
    };
    let pid = Pid::from_raw(pid).ok_or_else(|| Failure::new("fork"))?;
    // The command's end has to be the end of its output: keep no writer here.
    // SAFETY: nothing in this process owns 1 and 2, and nothing prints.
    unsafe {
        libc::close(1);
        libc::close(2);
    }
    let child =
        pidfd_open(pid, PidfdFlags::empty()).step(|| "open a descriptor of the container's process")?;
    let code = wait(socket, &caller, &child, reaper.as_ref().map(|reaper| (reaper, pid)));
    if reaper.is_some() {
        chroot::end_all();
    }
    code
}

/// A descriptor of the calling process. An error when that has gone already.
pub fn caller(start: &Start) -> Result<OwnedFd> {
    let gone = || Failure::new("find the calling process");
    let pid = Pid::from_raw(start.caller as i32).ok_or_else(gone)?;
    let descriptor =
        pidfd_open(pid, PidfdFlags::empty()).step(|| "open a descriptor of the calling process")?;
    // Looked at only now: had it gone before, its ID could be somebody else's.
    if rustix::process::getppid() == Some(pid) { Ok(descriptor) } else { Err(gone()) }
}

/// Makes sure that an upper directory is in one mount only, for as long as the result lives.
pub fn lock(upper: &[u8]) -> Result<Option<OwnedFd>> {
    if upper.is_empty() {
        return Ok(None);
    }
    let name = String::from_utf8_lossy(upper);
    let directory = openat(CWD, upper, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .step(|| format!("open the upper directory {name}"))?;
    flock(&directory, FlockOperation::NonBlockingLockExclusive)
        // EAGAIN would also be what a fork fails with.
        .map_err(|error| if error == Errno::WOULDBLOCK { Errno::BUSY } else { error })
        .step(|| format!("lock the upper directory {name}"))?;
    Ok(Some(directory))
}

/// Waits for the container's end, and brings it about when the caller wants it or has gone. Process 1 is only over when
/// the kernel has killed and reaped every other process of its namespace. Without a namespace, orphans are reaped meanwhile.
fn wait(
    socket: BorrowedFd<'_>,
    caller: &OwnedFd,
    child: &OwnedFd,
    reaper: Option<(&Reaper, Pid)>,
) -> Result<i32> {
    let mut watching = true;
    loop {
        let ended = reaper.map_or(child.as_fd(), |(reaper, _)| reaper.as_fd());
        let mut fds = [
            PollFd::new(child, PollFlags::IN),
            PollFd::from_borrowed_fd(ended, PollFlags::IN),
            PollFd::from_borrowed_fd(socket, PollFlags::IN),
            PollFd::new(caller, PollFlags::IN),
        ];
        let watched = if watching { &mut fds[..] } else { &mut fds[..2] };
        match poll(watched, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).step(|| "wait for the container"),
        }
        if !fds[0].revents().is_empty() {
            break;
        }
        if let Some((reaper, main)) = reaper {
            reaper.reap_orphans(main);
        }
        // Whatever comes from the caller means "kill": a byte, the end of its stream, or its own end.
        if watching && fds[2..].iter().any(|fd| !fd.revents().is_empty()) {
            let _ = pidfd_send_signal(child, Signal::KILL);
            watching = false;
        }
    }
    loop {
        match rustix::process::waitid(WaitId::PidFd(child.as_fd()), WaitIdOptions::EXITED) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error).step(|| "wait for the container"),
            Ok(status) => {
                let code = status.as_ref().and_then(|status| {
                    status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal))
                });
                return Ok(code.unwrap_or(container::EXIT_FAILED));
            }
        }
    }
}
