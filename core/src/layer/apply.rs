//! Applying a layer's tar to a directory.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::tree::Tree;
use crate::config::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::task::Task;

/// Applies a layer to a plain directory: whiteouts delete, entries are written. Not atomic.
pub fn apply_flat(root: &Path, _tar: impl Read, _limits: &Limits, _task: &Task) -> Result<()> {
    Err(Error::new(ErrorKind::Unsupported, format!("apply a layer to {}", root.display())))
}

/// Makes one overlay layer directory of a layer. Not atomic.
pub fn apply_overlay(
    upper: &Path,
    _lowers: &[PathBuf],
    _lower: &Tree,
    _tar: impl Read,
    _limits: &Limits,
    _task: &Task,
) -> Result<()> {
    Err(Error::new(ErrorKind::Unsupported, format!("apply a layer to {}", upper.display())))
}
