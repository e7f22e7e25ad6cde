//! Standard input as a source of bytes.

use std::io;
use std::os::fd::AsFd;

use layerkit::Source;

use crate::failure::{Failure, Outcome};

/// Standard input as a source of its own descriptor, so that a wait on it can be cancelled.
pub fn source() -> Outcome<Source> {
    let fd = io::stdin().as_fd().try_clone_to_owned();
    Ok(Source::Fd(fd.map_err(|error| Failure::Message(format!("standard input: {error}")))?))
}
