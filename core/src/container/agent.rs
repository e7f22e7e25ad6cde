//! The socket of an SSH agent for a container: a socket of our own, which passes everything on to the agent's.
//!
//! The agent's own socket belongs to its user, and an agent answers nobody else; the container's may belong to whom it likes.

use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use crate::error::{ErrorKind, Result, ResultExt};

/// Connections at once; more wait.
const CONNECTIONS: usize = 32;
/// How long one side may take no byte before its connection is given up.
const STALLED: Duration = Duration::from_secs(10);

/// A relay that runs until it is dropped.
pub struct AgentRelay {
    /// The socket for the container.
    pub socket: PathBuf,
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl AgentRelay {
    /// Makes the socket `name` in a directory, with this mode and owner, for the agent at another socket. `not_found` when
    /// no agent answers there.
    pub fn start(
        directory: &Path,
        name: &str,
        agent: &Path,
        mode: u32,
        (uid, gid): (u32, u32),
    ) -> Result<AgentRelay> {
        connect(agent).map_err(|error| {
            error.as_kind(ErrorKind::NotFound).context(format!("SSH agent at {}", agent.display()))
        })?;
        let socket = directory.join(name);
        let what = || format!("create the socket {}", socket.display());
        let directory = open_directory(directory)?;
        let listener = UnixListener::bind(short(&directory, name)).context(what)?;
        listener.set_nonblocking(true).context(what)?;
        rustix::fs::chmodat(&directory, name, Mode::from_raw_mode(mode), rustix::fs::AtFlags::empty())
            .context(what)?;
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        rustix::fs::chownat(&directory, name, uid, gid, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
            .context(what)?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC).context(|| "create an eventfd")?;
        let stopped = stop.try_clone().context(|| "create an eventfd")?;
        let agent = agent.to_owned();
        let thread = std::thread::Builder::new()
            .name("ssh-agent".into())
            .spawn(move || relay(&listener, &agent, &stopped))
            .context(|| "start a thread for an SSH agent")?;
        Ok(AgentRelay { socket, stop, thread: Some(thread) })
    }
}

impl Drop for AgentRelay {
    fn drop(&mut self) {
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(rustix::fs::CWD, path, flags, Mode::empty())
        .context(|| format!("open {}", path.display()))
}

/// An address of at most 107 bytes, however long the directory's path is.
fn short(directory: &OwnedFd, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{name}", directory.as_raw_fd()))
}

fn connect(agent: &Path) -> Result<UnixStream> {
    let directory = open_directory(crate::fs::parent(agent))?;
    let name = agent.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    UnixStream::connect(short(&directory, &name)).context(|| "connect")
}

/// A connection of the container and the agent's for it.
struct Pair([UnixStream; 2]);

impl Pair {
    fn open(client: UnixStream, agent: &Path) -> Result<Pair> {
        let pair = Pair([client, connect(agent)?]);
        for stream in &pair.0 {
            stream.set_nonblocking(false).context(|| "set up a socket")?;
            stream.set_write_timeout(Some(STALLED)).context(|| "set up a socket")?;
        }
        Ok(pair)
    }

    /// Passes on what one side has. `false` when the connection has ended.
    fn pass(&mut self, from: usize) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.0[from].read(&mut buffer) {
            Ok(0) => false,
            Ok(n) => self.0[1 - from].write_all(&buffer[..n]).is_ok(),
            Err(error) => error.kind() == std::io::ErrorKind::Interrupted,
        }
    }
}

fn relay(listener: &UnixListener, agent: &Path, stop: &OwnedFd) {
    let mut pairs: Vec<Pair> = Vec::new();
    loop {
        let mut waits: Vec<BorrowedFd<'_>> = vec![stop.as_fd()];
        waits.extend(pairs.iter().flat_map(|pair| pair.0.iter().map(AsFd::as_fd)));
        let accepting = pairs.len() < CONNECTIONS;
        if accepting {
            waits.push(listener.as_fd());
        }
        let mut waits: Vec<PollFd<'_>> =
            waits.into_iter().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        match poll(&mut waits, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => return,
        }
        let ready: Vec<bool> = waits.iter().map(|wait| !wait.revents().is_empty()).collect();
        if ready[0] {
            return;
        }
        let mut number = 0;
        pairs.retain_mut(|pair| {
            let sides = [ready[1 + 2 * number], ready[2 + 2 * number]];
            number += 1;
            sides.iter().enumerate().all(|(side, ready)| !ready || pair.pass(side))
        });
        if accepting && ready.last() == Some(&true) {
            // A connection that cannot be passed on is closed, which its other end sees.
            if let Ok((client, _)) = listener.accept() {
                pairs.extend(Pair::open(client, agent));
            }
        }
    }
}
