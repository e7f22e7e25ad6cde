//! Containers as objects: created of an image, started, listed, looked into, committed, removed.
//!
//! Each is a row of the store and a folder; it is run by a monitor (`container`), whose state file and lock say how it is. Knows nothing of
//! builds, which use its workspace, or of who calls.

mod archive;
mod changes;
mod commit;
mod create;
mod exec;
mod export;
mod inspect;
mod list;
mod logs;
mod mounts;
mod names;
mod object;
mod options;
mod remove;
mod report;
mod root;
mod run;
mod settings;
mod signals;
mod start;
mod status;
mod stop;
mod streams;
mod top;
mod watch;
mod workspace;

pub use archive::{get_archive, put_archive, stat};
pub use changes::diff;
pub use commit::commit;
pub use create::{create, image_of_index};
pub use exec::exec;
pub use export::export;
pub use inspect::inspect;
pub use list::{get, list};
pub use logs::logs;
pub use options::{
    AttachOptions, CommitOptions, ContainerListOptions, ContainerNetwork, ContainerPruneOptions,
    ContainerRemoveOptions, CreateOptions, ExecOptions, KillOptions, LogsOptions, PullPolicy,
    PutArchiveOptions, RunOptions, StartOptions, StopOptions, TerminalSize, Ulimit, WaitCondition,
    WaitOptions,
};
pub use remove::{prune, prune_system, remove, rename};
pub use report::{
    ContainerMount, ContainerPruneReport, ContainerSummary, CreateReport, ExitReport, PathStat, TopReport,
};
pub use run::{attach, run};
pub use start::start;
pub use stop::{kill, pause, resize, restart, stop, unpause, wait};
pub use streams::{ContainerControl, ContainerOutput, ContainerStreams};
pub use top::top;
pub use workspace::{DEFAULT_PATH, Workspace, run_mode, unpacked};
