//! What to run, as the caller says it and as the helper is told.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::capabilities::Capabilities;
use super::limits::Limits;
use super::message::Start;
use super::mounts::{self, Mount};
use super::network_files;
use super::user::User;
use crate::config::Isolation;
use crate::error::{Error, Result};

/// The network of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// The host's.
    #[default]
    Host,
    /// None but a loopback interface of its own.
    None,
}

/// What to run, and on which file system.
#[derive(Clone, Debug)]
pub struct RunSpec {
    /// The container's ID in hexadecimal; its first 12 digits are the host name.
    pub id: String,
    /// How it is kept apart.
    pub isolation: Isolation,
    /// The directories of its layers, the topmost first. There may be none; for a chroot there are none.
    pub lowers: Vec<PathBuf>,
    /// The directory that takes its changes. While it is empty, its root gets the attributes of the topmost layer's. For a
    /// chroot it is the whole root.
    pub upper: PathBuf,
    /// Overlay's work directory: empty, on the file system of `upper`. For a chroot it keeps what makes way for the run.
    pub work: PathBuf,
    /// The command and its arguments; the command is looked for in the environment's PATH.
    pub args: Vec<String>,
    /// The whole environment, `KEY=value`.
    pub env: Vec<String>,
    /// The working directory, which has to exist.
    pub cwd: String,
    /// Who runs it.
    pub user: User,
    /// Its network.
    pub network: Network,
    /// What is mounted beside what every container has, in this order. What is missing to be mounted upon is made, and stays in
    /// `upper`.
    pub mounts: Vec<Mount>,
    /// Root keeps all privileges: every capability, no filter of system calls, nothing of /proc and /sys hidden.
    pub insecure: bool,
    /// What it may use.
    pub limits: Limits,
    /// Lines for `/etc/hosts`: a host and its address.
    pub extra_hosts: Vec<(String, String)>,
    /// The host name, if it is not to be made of the ID. A chroot has the host's, whatever is said here.
    pub hostname: Option<String>,
    /// What root may do, and others could come to do.
    pub capabilities: Capabilities,
    /// All that `insecure` is, and the devices of the host in /dev.
    pub privileged: bool,
    /// Whether nothing can be written but what is mounted.
    pub read_only: bool,
    /// Whether process 1 is one that hands signals on to the command, and reaps what has lost its parent.
    pub init: bool,
}

/// The specification as the helper is told of it.
pub fn message(spec: &RunSpec) -> Result<Start> {
    let path = |path: &Path| std::path::absolute(path).map(|path| path.as_os_str().as_bytes().to_vec());
    let absolute = |name: &Path| path(name).map_err(|error| Error::io(name.display().to_string(), error));
    let bytes = |list: &[String]| list.iter().map(|text| text.clone().into_bytes()).collect();
    let short = || spec.id.chars().take(12).collect();
    let hostname: String = spec.hostname.clone().unwrap_or_else(short);
    let (hosts, resolv_conf) = network_files::read(spec.network, &hostname, &spec.extra_hosts)?;
    Ok(Start {
        caller: std::process::id(),
        hostname: hostname.into_bytes(),
        lowers: spec.lowers.iter().map(|lower| absolute(lower)).collect::<Result<_>>()?,
        upper: absolute(&spec.upper)?,
        work: absolute(&spec.work)?,
        args: bytes(&spec.args),
        env: bytes(&spec.env),
        cwd: if spec.cwd.is_empty() { b"/".to_vec() } else { spec.cwd.clone().into_bytes() },
        uid: spec.user.uid,
        gid: spec.user.gid,
        groups: spec.user.groups.clone(),
        isolated: spec.network == Network::None,
        hosts,
        resolv_conf,
        mounts: spec.mounts.iter().map(mounts::told).collect::<Result<_>>()?,
        insecure: spec.insecure || spec.privileged,
        devices: spec.privileged,
        capabilities: if spec.insecure || spec.privileged { u64::MAX } else { spec.capabilities.0 },
        read_only: spec.read_only,
        init: spec.init,
        rlimits: spec.limits.rlimits.clone(),
        shm_size: spec.limits.shm_size,
        memory: spec.limits.memory.unwrap_or(0),
        pids: spec.limits.pids.unwrap_or(0),
        chroot: spec.isolation == Isolation::Chroot,
    })
}
