//! Starting a container that outlives the call: its monitor, and what it is told.

use std::path::{Path, PathBuf};

use super::RunSpec;
use super::connection::Connection;
use super::user::User;
use crate::error::Result;
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

/// Starts a container, and returns once its command runs. The connection is attached as was asked for, so that no output is missed.
///
/// `conflict` when it runs already. When the command cannot be executed, `container_failed` with the field `exit_code`, 127 (not found) or 126, and
/// Docker's words; otherwise the errors of [`super::run`]. A failed start leaves no process. Cancelling ends the container.
pub fn start(spec: &MonitorSpec, task: &Task) -> Result<Connection> {
    let _ = (spec, task);
    Err(crate::error::Error::new(crate::error::ErrorKind::Unsupported, "containers with a monitor"))
}

/// Connects to the monitor of the container of this folder; `None` when it does not run.
pub fn connect(folder: &Path) -> Result<Option<Connection>> {
    let _ = folder;
    Err(crate::error::Error::new(crate::error::ErrorKind::Unsupported, "containers with a monitor"))
}
