//! What an overlay's upper directory changed, as a layer.

use std::io::Write;
use std::path::Path;

use super::toc::Toc;
use super::tree::Tree;
use crate::error::{Error, ErrorKind, Result};
use crate::task::Task;

/// Writes what `upper` changes in `lower` as a layer's tar, and gives its table of contents.
pub fn diff_overlay(
    upper: &Path,
    _lower: &Tree,
    _epoch: Option<i64>,
    _out: impl Write,
    _task: &Task,
) -> Result<Toc> {
    Err(Error::new(ErrorKind::Unsupported, format!("compare {}", upper.display())))
}
