//! What a container may use, checked before anything is set up.

use std::net::IpAddr;

use super::message::Rlimit;
use crate::error::{Error, ErrorKind, Result};

/// Bytes of `/dev/shm` where nothing else is asked (Docker's default).
pub const SHM_SIZE: u64 = 64 << 20;

/// The least memory that Docker allows, in bytes.
const LEAST_MEMORY: u64 = 6 << 20;

/// The limits of setrlimit(2) by the names that Docker has for them.
const RLIMITS: [(&str, u32); 15] = [
    ("core", 4),
    ("cpu", 0),
    ("data", 2),
    ("fsize", 1),
    ("locks", 10),
    ("memlock", 8),
    ("msgqueue", 12),
    ("nice", 13),
    ("nofile", 7),
    ("nproc", 6),
    ("rss", 5),
    ("rtprio", 14),
    ("rttime", 15),
    ("sigpending", 11),
    ("stack", 3),
];

/// Limits of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory. Needs a control group that this process may make; `unsupported` where it may not.
    pub memory: Option<u64>,
    /// Processes and threads at once; likewise.
    pub pids: Option<u64>,
    /// Limits of each process.
    pub rlimits: Vec<Rlimit>,
    /// Bytes of `/dev/shm`.
    pub shm_size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { memory: None, pids: None, rlimits: Vec::new(), shm_size: SHM_SIZE }
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

impl Limits {
    /// Sets the memory; 0 is no limit.
    pub fn memory(mut self, bytes: Option<u64>) -> Result<Self> {
        self.memory = bytes.filter(|bytes| *bytes > 0);
        match self.memory {
            Some(bytes) if bytes < LEAST_MEMORY => Err(invalid("Minimum memory limit allowed is 6MB".into())),
            _ => Ok(self),
        }
    }

    /// Adds a limit of setrlimit(2) by its name; -1 is none.
    pub fn rlimit(mut self, name: &str, soft: i64, hard: i64) -> Result<Self> {
        let Some((_, resource)) = RLIMITS.iter().find(|(known, _)| *known == name) else {
            let names: Vec<&str> = RLIMITS.iter().map(|(name, _)| *name).collect();
            return Err(invalid(format!("invalid ulimit type: {name} (known: {})", names.join(" "))));
        };
        let value = |value: i64| match value {
            -1 => Ok(u64::MAX),
            value => u64::try_from(value).map_err(|_| invalid(format!("ulimit {name}: {value} is no limit"))),
        };
        let (soft, hard) = (value(soft)?, value(hard)?);
        if soft > hard {
            return Err(invalid(format!(
                "ulimit soft limit must be less than or equal to hard limit: {name}"
            )));
        }
        self.rlimits.push(Rlimit { resource: *resource, soft, hard });
        Ok(self)
    }
}

/// Takes lines `HOST:ADDRESS` (or `HOST=ADDRESS`) apart, as Docker's `--add-host` does.
pub fn check_hosts(lines: &[String]) -> Result<Vec<(String, String)>> {
    lines
        .iter()
        .map(|line| {
            let parts = line.split_once('=').or_else(|| line.split_once(':'));
            let bad = || invalid(format!("bad format for add-host: {line:?}"));
            let (host, address) = parts.filter(|(host, _)| !host.is_empty()).ok_or_else(bad)?;
            if host.contains(char::is_whitespace) {
                return Err(bad());
            }
            let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
            let address: IpAddr =
                bare.parse().map_err(|_| invalid(format!("invalid IP address in add-host: {address:?}")))?;
            Ok((host.to_owned(), address.to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_and_addresses() {
        let hosts = |line: &str| check_hosts(&[line.to_owned()]);
        assert_eq!(hosts("db:10.0.0.1").unwrap(), [("db".to_owned(), "10.0.0.1".to_owned())]);
        assert_eq!(hosts("db=[::1]").unwrap(), [("db".to_owned(), "::1".to_owned())]);
        assert_eq!(hosts("db:::1").unwrap(), [("db".to_owned(), "::1".to_owned())]);
        for bad in ["db", ":10.0.0.1", "db:10.0.0", "a b:10.0.0.1", "db:"] {
            assert_eq!(hosts(bad).unwrap_err().kind(), ErrorKind::InvalidArgument, "{bad}");
        }
    }

    #[test]
    fn limits_are_checked_before_anything_runs() {
        assert!(Limits::default().memory(Some(1 << 20)).is_err());
        assert_eq!(Limits::default().memory(Some(0)).unwrap(), Limits::default());
        let limits = Limits::default().rlimit("nofile", 10, -1).unwrap();
        assert_eq!(limits.rlimits, [Rlimit { resource: 7, soft: 10, hard: u64::MAX }]);
        assert!(Limits::default().rlimit("nofile", 11, 10).is_err());
        assert!(Limits::default().rlimit("nofiles", 1, 1).unwrap_err().to_string().contains("nofile"));
    }
}
