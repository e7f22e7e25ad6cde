//! Runs a command in a container: an overlay of snapshots as its root, namespaces of its own, Docker's confinement. Where
//! that cannot be had: on a copied root, by chroot alone.
//!
//! The work is done by a small static program (`core/helper`) that this library carries and starts, because a process
//! with threads must not fork and go on. Knows nothing of images, of the store, or of Dockerfiles.

mod agent;
mod binfmt;
mod capabilities;
mod chroot;
mod connection;
#[allow(dead_code)] // each of the two programs speaks one half
#[path = "../../helper/src/frames.rs"]
mod frames;
mod helper;
mod limits;
#[allow(dead_code)] // each of the two programs speaks one half
#[path = "../../helper/src/message.rs"]
mod message;
mod monitor;
mod mounts;
mod network_files;
mod spec;
mod state;
#[cfg(test)]
mod tests;
pub mod user;
#[allow(dead_code)] // each of the two programs speaks one half
#[path = "../../helper/src/state.rs"]
mod written;

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::config::Isolation;
use crate::error::{Error, ErrorKind, Result};
use crate::event::LogStream;
use crate::fs;
use crate::task::Task;
pub use agent::AgentRelay;
pub use binfmt::can_run;
pub use capabilities::Capabilities;
pub use connection::{Connection, Control, End};
use helper::Helper;
pub use limits::{Limits, SHM_SIZE, check_hosts};
use message::{Job, Report};
pub use monitor::{Attach, ExecSpec, LogLimits, MonitorSpec, Window, connect, start};
pub use mounts::{Mount, MountSource, TmpfsOptions, parse_tmpfs, parse_volume};
use spec::message;
pub use spec::{Network, RunSpec};
pub use state::{State, Status, read_state};
use user::User;

/// How much of a command's output is handed over at a time, in bytes.
const BUFFER: usize = 64 * 1024;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitStatus {
    /// Its exit code; 128 and the signal's number when a signal ended it; 127 when the command was not found and 126
    /// when it could not be executed (a line on its standard error says why).
    pub code: i32,
}

/// Whether this process can run containers in this way; `unsupported`, with the reason, when it cannot.
///
/// Costs a few milliseconds: it sets up a container without a command. `folder` is an empty directory where those of
/// containers will be, since not every file system can hold them.
pub fn is_supported(isolation: Isolation, folder: &Path) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err(Error::new(ErrorKind::Unsupported, "running containers needs root"));
    }
    let spec = RunSpec {
        id: "localhost".to_owned(),
        isolation,
        lowers: Vec::new(),
        upper: folder.join("upper"),
        work: folder.join("work"),
        args: Vec::new(),
        env: Vec::new(),
        cwd: String::new(),
        user: User::default(),
        network: Network::Host,
        mounts: Vec::new(),
        insecure: false,
        limits: Limits::default(),
        extra_hosts: Vec::new(),
        hostname: None,
        capabilities: Capabilities::default(),
        privileged: false,
        read_only: false,
        init: false,
    };
    fs::create_dir(&spec.upper)?;
    fs::create_dir(&spec.work)?;
    execute(&spec, &Task::new()?, &mut |_, _| Ok(())).map(drop).map_err(|error| {
        error.as_kind(ErrorKind::Unsupported).context(match isolation {
            Isolation::Overlay => "containers cannot run here",
            Isolation::Chroot => "commands cannot run in a copied root here",
        })
    })
}

/// Runs a command to its end and hands its output over as it comes.
///
/// When this returns, every process of the container is gone and its mounts are undone, whatever happened. `cancelled`
/// when the task is; the error of `output` when that fails, and the container is killed; `conflict` when the upper
/// directory is in use; `container_failed` or `unsupported`, naming the step, when it could not be set up.
pub fn run(
    spec: &RunSpec,
    task: &Task,
    output: &mut dyn FnMut(LogStream, &[u8]) -> Result<()>,
) -> Result<ExitStatus> {
    task.check()?;
    if spec.args.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, "there is no command to run"));
    }
    if spec.isolation == Isolation::Chroot {
        chroot::check(spec)?;
    }
    execute(spec, task, output)
}

fn execute(
    spec: &RunSpec,
    task: &Task,
    output: &mut dyn FnMut(LogStream, &[u8]) -> Result<()>,
) -> Result<ExitStatus> {
    let near = spec.work.parent().unwrap_or(Path::new("/"));
    let message = message(spec)?;
    let furniture = match spec.isolation {
        Isolation::Overlay => None,
        Isolation::Chroot => Some(chroot::furnish(spec, &message)?),
    };
    let job = Job::Run(message);
    let status = Helper::start(&job, near).and_then(|helper| supervise(helper, task, output));
    match furniture {
        Some(furniture) => furniture.take_away().and(status),
        None => status,
    }
}

/// Hands output over until the helper reports the end.
fn supervise(
    mut helper: Helper,
    task: &Task,
    output: &mut dyn FnMut(LogStream, &[u8]) -> Result<()>,
) -> Result<ExitStatus> {
    let mut failed: Option<Error> = None;
    let mut buffer = vec![0; BUFFER];
    let code = loop {
        let ready = wait(&helper, failed.is_none().then_some(task))?;
        if ready.cancelled && failed.is_none() {
            failed = task.check().err();
            helper.kill();
        }
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            let result = match ready.has(stream) {
                true => hand_over(&mut helper, stream, &mut buffer, failed.is_none(), output).map(drop),
                false => Ok(()),
            };
            if let Err(error) = result {
                failed.get_or_insert(error);
                helper.kill();
            }
        }
        if !ready.report {
            continue;
        }
        helper.receive()?;
        let mut exited = None;
        while let Some(report) = helper.report()? {
            match report {
                Report::Exited { code } => exited = Some(code),
                Report::Failed { errno, step } => {
                    failed.get_or_insert_with(|| set_up_failed(errno, &step));
                }
            }
        }
        if let Some(code) = exited {
            break code;
        }
        if helper.socket().is_none() {
            wait_for_streams(&mut helper, &mut buffer);
            let gone = Error::new(ErrorKind::ContainerFailed, "the container's helper ended before its time");
            return Err(failed.unwrap_or(gone));
        }
    };
    // All writers are gone: what is left is in the pipes.
    for stream in [LogStream::Stdout, LogStream::Stderr] {
        while failed.is_none() {
            match hand_over(&mut helper, stream, &mut buffer, true, output) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => failed = Some(error),
            }
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(ExitStatus { code }),
    }
}

/// Waits for the end of a container whose helper was killed: the kernel kills it then, and its streams end with it.
fn wait_for_streams(helper: &mut Helper, buffer: &mut [u8]) {
    const LONGEST: Duration = Duration::from_secs(5);
    let end = Instant::now() + LONGEST;
    while (helper.stdout.is_some() || helper.stderr.is_some()) && Instant::now() < end {
        let more = [LogStream::Stdout, LogStream::Stderr]
            .map(|stream| hand_over(helper, stream, buffer, false, &mut |_, _| Ok(())).unwrap_or(false));
        if more == [false, false] {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// What can be done without waiting.
struct Ready {
    stdout: bool,
    stderr: bool,
    report: bool,
    cancelled: bool,
}

impl Ready {
    fn has(&self, stream: LogStream) -> bool {
        match stream {
            LogStream::Stdout => self.stdout,
            LogStream::Stderr => self.stderr,
        }
    }
}

/// Waits for output, a report, or (where a task is given) its cancellation.
fn wait(helper: &Helper, task: Option<&Task>) -> Result<Ready> {
    let sources = [
        helper.stdout.as_ref().map(AsFd::as_fd),
        helper.stderr.as_ref().map(AsFd::as_fd),
        helper.socket(),
        task.map(|task| task.token().as_fd()),
    ];
    let mut fds: Vec<PollFd<'_>> =
        sources.iter().flatten().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    match poll(&mut fds, None) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(Error::io("wait for the container", error)),
    }
    let mut events = fds.iter().map(|fd| !fd.revents().is_empty());
    let mut next = |there: bool| there && events.next().unwrap_or(false);
    Ok(Ready {
        stdout: next(sources[0].is_some()),
        stderr: next(sources[1].is_some()),
        report: next(sources[2].is_some()),
        cancelled: next(sources[3].is_some()),
    })
}

/// Reads a stream once; hands over what came if it is `wanted`. `false` when there is no more for now.
fn hand_over(
    helper: &mut Helper,
    stream: LogStream,
    buffer: &mut [u8],
    wanted: bool,
    output: &mut dyn FnMut(LogStream, &[u8]) -> Result<()>,
) -> Result<bool> {
    let pipe: &mut Option<OwnedFd> = match stream {
        LogStream::Stdout => &mut helper.stdout,
        LogStream::Stderr => &mut helper.stderr,
    };
    let Some(fd) = pipe else { return Ok(false) };
    match rustix::io::read(fd, &mut *buffer) {
        Ok(0) => {
            *pipe = None;
            Ok(false)
        }
        Ok(n) if wanted => output(stream, &buffer[..n]).map(|()| true),
        Ok(_) | Err(Errno::INTR) => Ok(true),
        Err(Errno::AGAIN) => Ok(false),
        Err(error) => Err(Error::io("read the container's output", error)),
    }
}

/// The error of a container that could not be set up.
fn set_up_failed(errno: i32, step: &str) -> Error {
    let errno_is = |those: &[Errno]| those.iter().any(|one| one.raw_os_error() == errno);
    let kind = if errno_is(&[Errno::PERM, Errno::NOSYS, Errno::NODEV, Errno::OPNOTSUPP]) {
        ErrorKind::Unsupported
    } else if errno_is(&[Errno::BUSY]) {
        ErrorKind::Conflict
    } else if errno_is(&[Errno::NOSPC]) {
        ErrorKind::NoSpace
    } else {
        ErrorKind::ContainerFailed
    };
    let message = match errno {
        0 => step.to_owned(),
        errno => format!("{step}: {}", std::io::Error::from_raw_os_error(errno)),
    };
    Error::new(kind, message).context("set up the container")
}
