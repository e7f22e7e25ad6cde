//! Runs a command in a container: an overlay of snapshots as its root, namespaces of its own, Docker's confinement.
//!
//! The work is done by a small static program (`core/helper`) that this library carries and starts, because a process
//! with threads must not fork and go on. Knows nothing of images, of the store, or of Dockerfiles.

pub mod user;

use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
use crate::event::LogStream;
use crate::task::Task;

use user::User;

/// The network of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// The host's.
    #[default]
    Host,
    /// None but a loopback interface of its own.
    None,
}

/// What to run, and on which file system.
#[derive(Clone, Debug)]
pub struct RunSpec {
    /// The container's ID in hexadecimal; its first 12 digits are the host name.
    pub id: String,
    /// The directories of its layers, the topmost first. There may be none.
    pub lowers: Vec<PathBuf>,
    /// The directory that takes its changes. While it is empty, its root gets the attributes of the topmost layer's.
    pub upper: PathBuf,
    /// Overlay's work directory: empty, on the file system of `upper`.
    pub work: PathBuf,
    /// The command and its arguments; the command is looked for in the environment's PATH.
    pub args: Vec<String>,
    /// The whole environment, `KEY=value`.
    pub env: Vec<String>,
    /// The working directory, which has to exist.
    pub cwd: String,
    /// Who runs it.
    pub user: User,
    /// Its network.
    pub network: Network,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitStatus {
    /// Its exit code; 128 and the signal's number when a signal ended it; 127 when the command was not found and 126
    /// when it could not be executed.
    pub code: i32,
}

/// Whether this process can run containers here; `unsupported`, with the reason, when it cannot.
///
/// Costs a few milliseconds: it tries.
pub fn is_supported() -> Result<()> {
    Err(Error::new(ErrorKind::Unsupported, "containers are not there yet"))
}

/// Runs a command to its end and hands its output over as it comes.
///
/// When this returns, every process of the container is gone and its mounts are undone, whatever happened. `cancelled`
/// when the task is; the error of `output` when that fails, and the container is killed; `conflict` when the upper
/// directory is in use; `container_failed` or `unsupported`, naming the step, when it could not be set up.
pub fn run(
    _spec: &RunSpec,
    _task: &Task,
    _output: &mut dyn FnMut(LogStream, &[u8]) -> Result<()>,
) -> Result<ExitStatus> {
    is_supported().map(|()| ExitStatus { code: 0 })
}
