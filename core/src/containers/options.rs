//! What containers are asked. Option structs read from JSON objects in snake case; unknown keys are refused. The words are docker-py's.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::archive::LayerCompression;
use crate::registry::Auth;

/// The network of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerNetwork {
    /// The host's.
    #[default]
    Host,
    /// None but a loopback interface of its own.
    None,
}

/// When an image is pulled for a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PullPolicy {
    /// When it is not here.
    #[default]
    Missing,
    /// Always: what the registry has is taken.
    Always,
    /// Never: one that is not here is `not_found`.
    Never,
}

/// One limit of `setrlimit`, in its own unit; -1 is none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ulimit {
    /// `nofile`, `nproc`, `core` and so on.
    pub name: String,
    /// What holds until the process raises it.
    pub soft: i64,
    /// How far it may.
    pub hard: i64,
}

/// How to create a container. What is not given comes from the image, or is Docker's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CreateOptions {
    /// The command, or the arguments of the entrypoint; the image's when none is given.
    pub command: Option<Vec<String>>,
    /// The program that the command is handed to. One that is given sets the image's command aside; an empty list, or one empty
    /// word, leaves none.
    pub entrypoint: Option<Vec<String>>,
    /// Its name, `[a-zA-Z0-9][a-zA-Z0-9_.-]+`; a made-up one when none is given.
    pub name: Option<String>,
    /// Variables beside the image's: `NAME=value`. A `NAME` alone takes that variable out.
    pub environment: Vec<String>,
    /// The working directory, which is made where it is missing.
    pub working_dir: Option<String>,
    /// Who runs the command: `user[:group]`, names or numbers.
    pub user: Option<String>,
    /// The host name; the first 12 digits of the ID when none is given.
    pub hostname: Option<String>,
    /// Labels beside the image's.
    pub labels: BTreeMap<String, String>,
    /// What of the host is mounted: `source:destination[:ro|rw]`, both absolute. The source is made, as a directory, where it is missing. A
    /// destination alone is a directory of the container's own, which no image that is made of it has.
    pub volumes: Vec<String>,
    /// Temporary file systems: their options (`size=64m,mode=1777`) by their paths.
    pub tmpfs: BTreeMap<String, String>,
    /// The network.
    pub network: ContainerNetwork,
    /// Ports to be published. There is no network to publish them from: any is `unsupported`.
    pub ports: Vec<String>,
    /// Whether the root cannot be written.
    pub read_only: bool,
    /// Capabilities beside Docker's default ones, with or without `CAP_`; `ALL`.
    pub cap_add: Vec<String>,
    /// Capabilities to be taken away; `ALL`.
    pub cap_drop: Vec<String>,
    /// Every capability, no filter of system calls, nothing hidden, and the host's devices.
    pub privileged: bool,
    /// A small first process that reaps orphans and passes signals on.
    pub init: bool,
    /// Memory, in bytes.
    pub mem_limit: Option<u64>,
    /// Processes and threads at once; 0 or less is no limit.
    pub pids_limit: Option<i64>,
    /// Limits of its processes (`setrlimit`).
    pub ulimits: Vec<Ulimit>,
    /// Bytes of `/dev/shm`; 64 MiB when none is given.
    pub shm_size: Option<u64>,
    /// Lines for `/etc/hosts`, `HOST:ADDRESS`.
    pub extra_hosts: Vec<String>,
    /// The signal that stops it, by name or number; the image's, or else SIGTERM.
    pub stop_signal: Option<String>,
    /// Seconds from that signal to SIGKILL; 10 when none is given.
    pub stop_timeout: Option<u32>,
    /// A terminal.
    pub tty: bool,
    /// Keep standard input open; without it the command reads `/dev/null`.
    pub stdin_open: bool,
    /// The end of the input of who attaches first is the end of the command's.
    pub stdin_once: bool,
    /// Remove the container when it has ended.
    pub auto_remove: bool,
    /// `os/architecture[/variant]` of the image; the host's when none is given.
    pub platform: Option<String>,
    /// When the image is pulled.
    pub pull: PullPolicy,
    /// Credentials for a pull; what `login` has stored when none are given.
    pub auth: Option<Auth>,
    /// Bytes after which a new log file is begun; 20 MB when none is given.
    pub log_max_size: Option<u64>,
    /// How many log files are kept; 2 when none is given.
    pub log_max_file: Option<u32>,
}

/// The size of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub cols: u16,
}

/// How to run a command in a new container: all of [`CreateOptions`], as keys of one object, and these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// How the container is created. Unless it is detached, `stdin_open` means `stdin_once` too.
    pub create: CreateOptions,
    /// Return once the command runs; it outlives the caller.
    pub detach: bool,
    /// The size of the terminal to begin with.
    pub tty_size: Option<TerminalSize>,
}

impl<'de> Deserialize<'de> for RunOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `flatten`, which would let unknown keys pass.
        use serde::de::Error as _;
        let mut all = Map::deserialize(deserializer)?;
        let (detach, tty_size) = (all.remove("detach"), all.remove("tty_size"));
        let detach = detach.map(serde_json::from_value).transpose().map_err(D::Error::custom)?;
        let tty_size = tty_size.map(serde_json::from_value).transpose().map_err(D::Error::custom)?;
        let create = serde_json::from_value(Value::Object(all)).map_err(D::Error::custom)?;
        Ok(RunOptions { create, detach: detach.unwrap_or_default(), tty_size: tty_size.flatten() })
    }
}

/// Which containers a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContainerListOptions {
    /// Also those that do not run.
    pub all: bool,
    /// Only so many, the newest; those that do not run count too.
    pub limit: Option<u32>,
    /// Also how much each has written, which takes a walk through its files.
    pub size: bool,
    /// Docker's filters, each with its values: `id`, `name` (regular expressions of letters, digits, `.`, `*`, `^` and `$` alone, found
    /// anywhere), `label` (`key` or `key=value`; all must hold), `status` (`created running paused restarting removing exited dead`),
    /// `ancestor` (an image, or what was built on it), `exited` (an exit code), `before` and `since` (a container).
    pub filters: BTreeMap<String, Vec<String>>,
}

/// Which stopped containers to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContainerPruneOptions {
    /// Docker's filters: `label`, `label!` (`key` or `key=value`), `until` (created before: RFC 3339, seconds since 1970, or an age such as `24h`).
    pub filters: BTreeMap<String, Vec<String>>,
}

/// How to start a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StartOptions {
    /// Attach to it before the command begins, and return when it has ended.
    pub attach: bool,
    /// The size of its terminal to begin with.
    pub tty_size: Option<TerminalSize>,
}

/// What of a container that runs to attach to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttachOptions {
    /// Its standard output.
    pub stdout: bool,
    /// Its standard error.
    pub stderr: bool,
    /// What it has written so far, first.
    pub logs: bool,
}

impl Default for AttachOptions {
    fn default() -> Self {
        AttachOptions { stdout: true, stderr: true, logs: false }
    }
}

/// What to wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitCondition {
    /// That it does not run: at once for one that was never started or has ended.
    #[default]
    NotRunning,
    /// That it ends the next time.
    NextExit,
    /// That it is removed.
    Removed,
}

/// How to wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WaitOptions {
    /// For what.
    pub condition: WaitCondition,
    /// Milliseconds after which the wait is given up with `timeout`.
    pub timeout_ms: Option<u64>,
}

/// How to stop a container, or stop and start it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StopOptions {
    /// Seconds from its stop signal to SIGKILL; the container's `stop_timeout`, or else 10.
    pub timeout: Option<u32>,
}

/// How to send a signal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KillOptions {
    /// By name (`SIGHUP`, `hup`) or number; SIGKILL when none is given.
    pub signal: Option<String>,
}

/// Which part of what a container wrote to show.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogsOptions {
    /// Its standard output.
    pub stdout: bool,
    /// Its standard error.
    pub stderr: bool,
    /// Go on until it has ended.
    pub follow: bool,
    /// Only so many lines from the end.
    pub tail: Option<u64>,
    /// Only what was written at that time or later: RFC 3339, seconds since 1970 with fraction, or an age such as `10m`.
    pub since: Option<String>,
    /// Only what was written before that time.
    pub until: Option<String>,
    /// Each line begins with the time when it was written (RFC 3339, nine digits of fraction).
    pub timestamps: bool,
}

impl Default for LogsOptions {
    fn default() -> Self {
        LogsOptions {
            stdout: true,
            stderr: true,
            follow: false,
            tail: None,
            since: None,
            until: None,
            timestamps: false,
        }
    }
}

/// A command to execute in a container that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExecOptions {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Variables beside the container's.
    pub environment: Vec<String>,
    /// The working directory; the container's when none is given.
    pub working_dir: Option<String>,
    /// Who runs it; as the container when none is given.
    pub user: Option<String>,
    /// Every capability, and no filter of system calls.
    pub privileged: bool,
    /// A terminal.
    pub tty: bool,
    /// The size of the terminal to begin with.
    pub tty_size: Option<TerminalSize>,
    /// Return once it runs; what it writes is lost.
    pub detach: bool,
}

/// How to remove a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContainerRemoveOptions {
    /// Kill it first if it runs.
    pub force: bool,
    /// Also its anonymous volumes, which go with it anyway: taken for Docker's users.
    #[serde(rename = "v", alias = "volumes")]
    pub volumes: bool,
}

/// How to make an image of a container.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommitOptions {
    /// The repository of the image's name; without one it has none.
    pub repository: Option<String>,
    /// The tag of it; `latest` when none is given.
    pub tag: Option<String>,
    /// The comment in the image's history.
    pub message: Option<String>,
    /// Who made it.
    pub author: Option<String>,
    /// Dockerfile instructions that set the config: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER
    /// VOLUME WORKDIR.
    pub changes: Vec<String>,
    /// Stop all that runs in it for the time of the commit.
    pub pause: bool,
    /// How the new layer is compressed.
    pub compression: LayerCompression,
    /// Seconds since 1970 for `created` and for files that are later; `SOURCE_DATE_EPOCH`, or else the clock, when none is given.
    pub source_date_epoch: Option<i64>,
}

impl Default for CommitOptions {
    fn default() -> Self {
        CommitOptions {
            repository: None,
            tag: None,
            message: None,
            author: None,
            changes: Vec::new(),
            pause: true,
            compression: LayerCompression::default(),
            source_date_epoch: None,
        }
    }
}

/// How to lay files into a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PutArchiveOptions {
    /// Refuse to replace a directory by something else, and something else by a directory.
    pub no_overwrite_dir_non_dir: bool,
}
