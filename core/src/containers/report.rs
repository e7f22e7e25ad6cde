//! What containers answer. Reports serialise to JSON objects in snake case; times are RFC 3339 in UTC, sizes are bytes, image IDs are
//! `sha256:<hex>`, container IDs 64 hex digits.

use std::collections::BTreeMap;

use serde::Serialize;

/// A container that was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CreateReport {
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// How the command of a container, or one that was executed in it, ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExitReport {
    /// ID of the container.
    pub id: String,
    /// The exit code; 128 and the signal's number when a signal ended it. `null` when nobody knows: its monitor was killed, or the
    /// machine; also for one that is detached and still runs.
    pub exit_code: Option<i32>,
    /// Whether the kernel killed something in it for want of memory.
    pub oom_killed: bool,
}

/// One container in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContainerSummary {
    /// Its ID.
    pub id: String,
    /// Its name, without a slash.
    pub name: String,
    /// The image as it was asked for; its ID once that name leads elsewhere.
    pub image: String,
    /// ID of the image.
    pub image_id: String,
    /// The command on one line.
    pub command: String,
    /// When it was created.
    pub created: String,
    /// The same in seconds since 1970.
    pub created_unix: i64,
    /// `created`, `running`, `paused` or `exited`.
    pub state: String,
    /// The same for people: `Up 2 minutes`, `Exited (0) 21 seconds ago`.
    pub status: String,
    /// The exit code of one that has ended, if it is known.
    pub exit_code: Option<i32>,
    /// Its labels, the image's among them.
    pub labels: BTreeMap<String, String>,
    /// Ports that are published: none.
    pub ports: Vec<String>,
    /// What is mounted.
    pub mounts: Vec<ContainerMount>,
    /// `host` or `none`.
    pub network: String,
    /// Bytes that it has written, if they were asked for.
    pub size_rw: Option<u64>,
    /// The same and the image's.
    pub size_root_fs: Option<u64>,
}

/// Something that is mounted in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContainerMount {
    /// `bind`, `volume` or `tmpfs`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What of the host; empty for a tmpfs.
    pub source: String,
    /// Where.
    pub destination: String,
    /// Whether it can be written.
    pub rw: bool,
}

/// What was pruned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ContainerPruneReport {
    /// IDs of containers that are gone.
    pub deleted: Vec<String>,
    /// Bytes that the disk got back.
    pub reclaimed: u64,
}

/// The processes of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TopReport {
    /// Names of the columns.
    pub titles: Vec<String>,
    /// One line for each process, in order of their IDs.
    pub processes: Vec<Vec<String>>,
}

/// What stands at a path of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathStat {
    /// Its name.
    pub name: String,
    /// Bytes of a file.
    pub size: u64,
    /// Permissions and, above them, Go's bits for the type (`os.FileMode`): what Docker's `X-Docker-Container-Path-Stat` has.
    pub mode: u32,
    /// When it was changed.
    pub mtime: String,
    /// Where a symbolic link leads, absolute inside the container; else empty.
    pub link_target: String,
}
