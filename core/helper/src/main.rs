//! The helper of layerkit: sets up a container and runs a command in it. It ends that with its caller (`supervisor`), or stays beside it as
//! the container's monitor (`monitor`).
//!
//! Started by the library with the control socket as descriptor 0 and the command's output as 1 and 2. This process
//! supervises; its child becomes the container's process 1. It has one thread, ever.
// Files of the kernel, in /proc and of control groups; those of the store are the library's.
#![allow(clippy::disallowed_methods)]

mod cgroup;
mod chroot;
mod command;
mod container;
mod filter;
#[allow(dead_code)] // each of the two programs speaks one half
mod frames;
mod identity;
mod init;
#[allow(dead_code)] // each of the two programs speaks one half
mod message;
mod monitor;
mod mounts;
mod network;
mod seccomp;
#[allow(dead_code)] // the library reads it
mod state;
mod supervisor;
mod syscalls;
mod terminal;

use std::io;

/// A step of the set-up that failed.
pub struct Failure {
    /// Error number, or 0 where no system call failed.
    errno: i32,
    /// What was being done.
    step: String,
}

impl Failure {
    fn new(step: impl Into<String>) -> Self {
        Failure { errno: 0, step: step.into() }
    }
}

type Result<T> = std::result::Result<T, Failure>;

/// Names the step that an error of the system belongs to.
trait Step<T> {
    fn step<S: Into<String>>(self, step: impl FnOnce() -> S) -> Result<T>;
}

impl<T> Step<T> for rustix::io::Result<T> {
    fn step<S: Into<String>>(self, step: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| Failure { errno: error.raw_os_error(), step: step().into() })
    }
}

impl<T> Step<T> for io::Result<T> {
    fn step<S: Into<String>>(self, step: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| Failure { errno: error.raw_os_error().unwrap_or(0), step: step().into() })
    }
}

fn main() {
    supervisor::run();
}
