//! What the options of a build say about all of its RUN steps, checked before anything is built.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use super::{BuildOptions, Secret};
use crate::config;
use crate::container::{Limits, check_hosts};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;

/// The largest secret, in bytes (BuildKit's limit).
const LARGEST_SECRET: u64 = 500 * 1024;

/// What steps may be allowed.
const ALLOWED: [&str; 2] = ["network.host", "security.insecure"];

/// The settings.
pub struct RunSettings {
    /// Secrets that are there, by ID.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// Sockets of SSH agents, by ID.
    pub agents: BTreeMap<String, PathBuf>,
    /// What a container may use.
    pub limits: Limits,
    /// Lines for `/etc/hosts`.
    pub extra_hosts: Vec<(String, String)>,
    /// Whether a step may keep all privileges.
    pub insecure: bool,
}

impl RunSettings {
    /// Reads secrets and checks the rest: `invalid_argument` for what makes no sense, `not_found` for a secret's file that is not there.
    pub fn new(options: &BuildOptions) -> Result<RunSettings> {
        if let Some(unknown) = options.allow.iter().find(|allowed| !ALLOWED.contains(&allowed.as_str())) {
            let known = ALLOWED.join(", ");
            let message = format!("invalid entitlement {unknown:?}: known are {known}");
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        let mut limits = Limits { pids: options.pids_limit.filter(|pids| *pids > 0), ..Limits::default() };
        if let Some(size) = options.shm_size.filter(|size| *size > 0) {
            limits.shm_size = size;
        }
        limits = limits.memory(options.memory)?;
        for ulimit in &options.ulimits {
            limits = limits.rlimit(&ulimit.name, ulimit.soft, ulimit.hard)?;
        }
        let mut secrets = BTreeMap::new();
        for (id, secret) in &options.secrets {
            if let Some(content) = read(secret).context(|| format!("secret {id}"))? {
                secrets.insert(id.clone(), content);
            }
        }
        Ok(RunSettings {
            secrets,
            agents: options.ssh.clone(),
            limits,
            extra_hosts: check_hosts(&options.extra_hosts)?,
            insecure: options.allow.iter().any(|allowed| allowed == "security.insecure"),
        })
    }
}

/// The bytes of a secret; `None` for a variable that is not set.
fn read(secret: &Secret) -> Result<Option<Vec<u8>>> {
    let content = match secret {
        Secret::Bytes(bytes) => bytes.clone(),
        Secret::Env(name) => match config::secret_variable(name) {
            Some(value) => value,
            None => return Ok(None),
        },
        Secret::Path(path) => {
            // Its length is all that an error may tell.
            let mut content = Vec::new();
            let mut file = fs::open(path)?.take(LARGEST_SECRET + 1);
            file.read_to_end(&mut content).context(|| format!("read {}", path.display()))?;
            content
        }
    };
    if content.len() as u64 > LARGEST_SECRET {
        let message = format!("it is larger than {LARGEST_SECRET} bytes");
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    Ok(Some(content))
}
