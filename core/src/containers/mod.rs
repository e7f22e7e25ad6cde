//! Containers as objects: created of an image, started, listed, looked into, committed, removed.
//!
//! Each is a row of the store and a folder; it is run by a monitor (`container`), whose state file and lock say how it is. Knows nothing of
//! builds, which use its workspace, or of who calls.

mod later;
mod options;
mod report;
mod streams;

pub use later::*;
pub use options::{
    AttachOptions, CommitOptions, ContainerListOptions, ContainerNetwork, ContainerPruneOptions,
    ContainerRemoveOptions, CreateOptions, ExecOptions, KillOptions, LogsOptions, PullPolicy,
    PutArchiveOptions, RunOptions, StartOptions, StopOptions, TerminalSize, Ulimit, WaitCondition,
    WaitOptions,
};
pub use report::{
    ContainerMount, ContainerPruneReport, ContainerSummary, CreateReport, ExitReport, FileChange,
    FileChangeKind, PathStat, TopReport,
};
pub use streams::{ContainerControl, ContainerOutput, ContainerStreams};
