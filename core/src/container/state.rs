//! How a container is, as its monitor wrote it down.

use std::path::Path;
use std::time::SystemTime;

use crate::error::Result;

/// What a container does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has never run; its command may have failed to start.
    Created,
    /// It runs.
    Running,
    /// It stands still.
    Paused,
    /// It has ended.
    Exited,
}

/// How a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What it does.
    pub status: Status,
    /// Its process 1 as the host counts, while it runs.
    pub pid: Option<u32>,
    /// When it was started last.
    pub started: Option<SystemTime>,
    /// When it ended last; where its monitor was killed, when that was found out.
    pub finished: Option<SystemTime>,
    /// How it ended last. `None` when it has not, and when nobody knows.
    pub code: Option<i32>,
    /// Whether a process of it was killed because its memory was used up.
    pub oom: bool,
    /// Why its command could not be started; empty when it could.
    pub error: String,
}

/// Reads the state of the container of this folder. One whose monitor has gone is not running, whatever was written last:
/// it is exited, and what it left of its control groups is removed.
pub fn read_state(folder: &Path) -> Result<State> {
    let _ = folder;
    Err(crate::error::Error::new(crate::error::ErrorKind::Unsupported, "containers with a monitor"))
}
