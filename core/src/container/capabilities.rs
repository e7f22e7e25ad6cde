//! The capabilities of a container: Docker's default ones, and what is added to and dropped from them.

use super::message;
use crate::error::{Error, ErrorKind, Result};

/// The names without `CAP_`, by number (capabilities(7)).
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// A set of capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(pub(super) u64);

impl Default for Capabilities {
    /// Docker's.
    fn default() -> Self {
        Capabilities(message::DEFAULT_CAPABILITIES)
    }
}

impl Capabilities {
    /// Every one.
    pub const ALL: Capabilities = Capabilities(u64::MAX);

    /// The default ones with what is added and dropped, by Docker's rules: names with or without `CAP_`, in either case, or `ALL`. With
    /// `ALL` added, everything but what is dropped; with `ALL` dropped, only what is added; what is both is there.
    /// `invalid_argument` for an unknown name.
    pub fn resolve(add: &[String], drop: &[String]) -> Result<Capabilities> {
        let (add, drop) = (Names::parse(add, "CapAdd")?, Names::parse(drop, "CapDrop")?);
        Ok(Capabilities(match (add.all, drop.all) {
            (true, _) => !drop.named,
            (false, true) => add.named,
            (false, false) => (message::DEFAULT_CAPABILITIES & !drop.named) | add.named,
        }))
    }
}

/// A list of capabilities.
struct Names {
    all: bool,
    named: u64,
}

impl Names {
    fn parse(names: &[String], list: &str) -> Result<Names> {
        let mut parsed = Names { all: false, named: 0 };
        for name in names {
            let upper = name.trim().to_uppercase();
            let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
            match NAMES.iter().position(|known| *known == bare) {
                Some(number) => parsed.named |= 1 << number,
                None if upper == "ALL" => parsed.all = true,
                None => {
                    let message = format!("invalid {list}: unknown capability: \"CAP_{bare}\"");
                    return Err(Error::new(ErrorKind::InvalidArgument, message));
                }
            }
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(add: &[&str], drop: &[&str]) -> Result<u64> {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        Capabilities::resolve(&list(add), &list(drop)).map(|set| set.0)
    }

    const CHOWN: u64 = 1;
    const NET_ADMIN: u64 = 1 << 12;

    #[test]
    fn the_default_is_dockers_list() {
        assert_eq!(resolve(&[], &[]).unwrap(), 0xa804_25fb);
    }

    #[test]
    fn names_are_added_and_dropped_with_and_without_their_prefix() {
        assert_eq!(resolve(&["net_admin"], &["CAP_CHOWN"]).unwrap(), 0xa804_25fa | NET_ADMIN);
        assert_eq!(resolve(&["CAP_NET_ADMIN", "CHOWN"], &["ALL"]).unwrap(), NET_ADMIN | CHOWN);
        assert_eq!(resolve(&["ALL"], &["NET_ADMIN"]).unwrap(), !NET_ADMIN);
        assert_eq!(resolve(&[], &["all"]).unwrap(), 0);
        assert_eq!(resolve(&["CHOWN"], &["CHOWN"]).unwrap(), 0xa804_25fb);
    }

    #[test]
    fn an_unknown_name_is_refused_in_dockers_words() {
        let error = resolve(&["nope"], &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(error.to_string(), "invalid CapAdd: unknown capability: \"CAP_NOPE\"");
    }
}
