//! Whether a container that is an object runs: what its folder says, whoever asks.
//!
//! Its monitor holds a BSD lock on `lock` as long as it lives, and writes into `state` how the container is.

use super::Store;
use crate::error::{ErrorKind, Result};
use crate::fs;

/// More than any state has, in bytes.
const LIMIT: u64 = 64 * 1024;

impl Store {
    /// Whether a container runs (or is paused). One whose monitor was killed does not, whatever was written last.
    pub fn container_runs(&self, id: &str) -> Result<bool> {
        let folder = self.container_folder(id);
        let Some(state) = fs::read_optional(&folder.join("state"), LIMIT)? else { return Ok(false) };
        let state = String::from_utf8_lossy(&state);
        let runs = state.lines().any(|line| matches!(line, "status running" | "status paused"));
        // The lock is only touched where it tells something: who starts a container wants it alone.
        Ok(runs && self.is_locked(id)?)
    }

    fn is_locked(&self, id: &str) -> Result<bool> {
        match fs::open_existing_lock(&self.container_folder(id).join("lock")) {
            Ok(file) => Ok(!fs::try_flock(&file, false)?),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes the lock of a container that is to be changed while it does not run, so that nobody starts it. `None` when it runs, or is being
    /// started. `not_found` when it is gone.
    pub fn hold_container(&self, id: &str) -> Result<Option<std::fs::File>> {
        let file = fs::open_lock(&self.container_folder(id).join("lock"))?;
        Ok(fs::try_flock(&file, true)?.then_some(file))
    }
}
