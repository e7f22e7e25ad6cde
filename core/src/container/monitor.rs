//! Starting a container that outlives the call: its monitor, and what it is told.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::connection::{Connection, bits};
use super::frames::Exec;
use super::message::{Job, Watch};
use super::mounts::{Mount, MountSource};
use super::user::User;
use super::{RunSpec, chroot, helper, state};
use crate::config::Isolation;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::task::Task;

/// A container that is to be started.
#[derive(Clone, Debug)]
pub struct MonitorSpec {
    /// What is run.
    pub run: RunSpec,
    /// The container's folder: its `lock`, `state`, `control` and `log` are there. Nobody but its owner may enter it.
    pub folder: PathBuf,
    /// Its terminal, where it is to have one.
    pub tty: Option<Window>,
    /// Whether it has a standard input; else it is empty.
    pub open_stdin: bool,
    /// Whether that ends with the first connection that has sent to it.
    pub stdin_once: bool,
    /// Whether it goes on when the connection that started it closes. Otherwise it is killed then.
    pub detached: bool,
    /// What of its streams the connection that starts it takes part in.
    pub attach: Attach,
    /// How much of its output is kept.
    pub log: LogLimits,
}

/// A terminal's size in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // they say it
pub struct Window {
    pub rows: u16,
    pub cols: u16,
}

impl Default for Window {
    fn default() -> Self {
        Window { rows: 24, cols: 80 }
    }
}

/// The streams that a connection takes part in. A terminal's output is all `stdout`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // they say it
pub struct Attach {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
}

/// How much of a container's output is kept in its folder: `log`, and `log.1` and so on for older ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Bytes of a file, after which the next is begun.
    pub max_size: u64,
    /// Files, `log` among them; at least 1.
    pub max_file: u32,
}

impl Default for LogLimits {
    /// Two files of 20 MB.
    fn default() -> Self {
        LogLimits { max_size: 20_000_000, max_file: 2 }
    }
}

/// Another command in a container that runs.
#[derive(Clone, Debug)]
pub struct ExecSpec {
    /// The command and its arguments.
    pub args: Vec<String>,
    /// The whole environment, `KEY=value`.
    pub env: Vec<String>,
    /// The working directory.
    pub cwd: String,
    /// Who runs it.
    pub user: User,
    /// Its terminal, where it is to have one.
    pub tty: Option<Window>,
    /// What of its streams the connection takes part in. Without `stdin` its input is empty.
    pub attach: Attach,
    /// Whether it has all privileges, whatever the container has.
    pub privileged: bool,
}

impl ExecSpec {
    /// As the monitor is told of it.
    pub(super) fn told(&self) -> Exec {
        let bytes = |list: &[String]| list.iter().map(|text| text.clone().into_bytes()).collect();
        Exec {
            args: bytes(&self.args),
            env: bytes(&self.env),
            cwd: self.cwd.clone().into_bytes(),
            uid: self.user.uid,
            gid: self.user.gid,
            groups: self.user.groups.clone(),
            tty: self.tty.map(told_window),
            attach: bits(self.attach),
            privileged: self.privileged,
        }
    }
}

fn told_window(window: Window) -> (u32, u32) {
    (window.rows.into(), window.cols.into())
}

/// Starts a container, and returns once its command runs. The connection is attached as was asked for, so that no output is missed.
///
/// `conflict` when it runs already. When the command cannot be executed, `container_failed` with the field `exit_code`, 127 (not found) or 126, and
/// Docker's words; otherwise the errors of [`super::run`]. A failed start leaves no process. Cancelling ends the container.
pub fn start(spec: &MonitorSpec, task: &Task) -> Result<Connection> {
    task.check()?;
    let run = &spec.run;
    if run.args.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, "there is no command to run"));
    }
    if run.isolation == Isolation::Chroot {
        chroot::check(run)?;
    }
    make_sources(&run.mounts)?;
    let lock = take_lock(&spec.folder, task)?;
    state::settle(&spec.folder)?;
    let watch = Watch {
        start: super::message(run)?,
        tty: spec.tty.map(told_window),
        open_stdin: spec.open_stdin,
        stdin_once: spec.stdin_once,
        detached: spec.detached,
        attach: bits(spec.attach),
        log_size: spec.log.max_size,
        log_files: spec.log.max_file,
    };
    let furniture = match run.isolation {
        Isolation::Overlay => None,
        Isolation::Chroot => Some(chroot::furnish(run, &watch.start)?),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let started = openat(CWD, &spec.folder, flags, Mode::empty())
        .context(|| format!("open {}", spec.folder.display()))
        .and_then(|folder| {
            helper::start_monitor(&Job::Watch(watch), [folder.as_fd(), lock.as_fd()], &spec.folder)
        });
    // The monitor has it now.
    drop(lock);
    let started = started.and_then(|socket| {
        let mut connection = Connection::new(socket);
        connection.primary = !spec.detached;
        match connection.wait_for_start(Some(task)) {
            Ok(()) => Ok(connection),
            Err(error) => {
                if error.kind() == ErrorKind::Cancelled {
                    connection.kill();
                }
                Err(error)
            }
        }
    });
    if started.is_err()
        && let Some(furniture) = furniture
    {
        furniture.take_away()?;
    }
    started
}

/// The lock that a monitor holds as long as it lives. Who looks at a container whose monitor was killed has it for a moment, too.
fn take_lock(folder: &Path, task: &Task) -> Result<std::fs::File> {
    const TRIES: u32 = 200;
    let lock = fs::open_lock(&folder.join(state::LOCK))?;
    for _ in 0..TRIES {
        if fs::try_flock(&lock, true)? {
            return Ok(lock);
        }
        if Connection::open(folder)?.is_some() {
            break;
        }
        task.check()?;
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(Error::new(ErrorKind::Conflict, "the container is running, or is being started or removed"))
}

/// Directories of the host that are to be mounted and are not there, as Docker makes them.
fn make_sources(mounts: &[Mount]) -> Result<()> {
    for mount in mounts {
        if let MountSource::Volume(path) = &mount.source
            && fs::stat(path)?.is_none()
        {
            fs::create_dir_all(path)?;
            fs::set_mode(path, 0o755)?;
        }
    }
    Ok(())
}

/// The error of a command that was not started: `code` is 126 or 127 when it is the command's fault.
pub(super) fn start_failed(errno: i32, step: &str, code: i32) -> Error {
    match code {
        0 => super::set_up_failed(errno, step),
        code => Error::new(ErrorKind::ContainerFailed, step).with("exit_code", i64::from(code)),
    }
}

/// Connects to the monitor of the container of this folder; `None` when it does not run.
pub fn connect(folder: &Path) -> Result<Option<Connection>> {
    Connection::open(folder)
}
