//! What a container has mounted beside what every one has.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::message;
use crate::error::{Error, ErrorKind, Result};

/// A mount.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Where, absolute. Links are followed inside the container's root.
    pub target: PathBuf,
    /// What.
    pub source: MountSource,
    /// Whether it cannot be written.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Clone)]
pub enum MountSource {
    /// A fresh temporary file system of at most so many bytes; half of the memory when none are given.
    Tmpfs(Option<u64>),
    /// The same with options.
    TmpfsWith(TmpfsOptions),
    /// A file, directory or socket of the host.
    Bind(PathBuf),
    /// A file or directory of the host with all that is mounted below it, as of `docker run -v`. What is missing is made as a directory.
    Volume(PathBuf),
    /// Something in an overlay.
    Overlay {
        /// The directories of its layers, the topmost first; at least one.
        lowers: Vec<PathBuf>,
        /// An empty directory that takes what is written.
        upper: PathBuf,
        /// Overlay's work directory: empty, on the file system of `upper`.
        work: PathBuf,
        /// What of it, relative, without a link on the way.
        path: PathBuf,
    },
    /// A file that is in memory only.
    File {
        /// Its content.
        content: Vec<u8>,
        /// Its permissions.
        mode: u32,
        /// Its owner and group.
        owner: (u32, u32),
    },
}

/// Options of a temporary file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TmpfsOptions {
    /// Bytes; half of the memory when none are given.
    pub size: Option<u64>,
    /// Files and directories at most.
    pub inodes: Option<u64>,
    /// Permissions of its root.
    pub mode: u32,
    /// Owner and group of its root.
    pub owner: (u32, u32),
    /// Whether programs in it can be executed.
    pub exec: bool,
    /// Whether such a program may be setuid.
    pub suid: bool,
}

impl Default for TmpfsOptions {
    /// Docker's.
    fn default() -> Self {
        TmpfsOptions { size: None, inodes: None, mode: 0o1777, owner: (0, 0), exec: false, suid: false }
    }
}

/// A temporary file system at `target` with options as of `docker run --tmpfs`: `size=64m,mode=755,uid=1,gid=1,nr_inodes=5k,exec,ro`.
/// `invalid_argument` for an option that is none.
pub fn parse_tmpfs(target: &str, options: &str) -> Result<Mount> {
    let mut found = TmpfsOptions::default();
    let mut read_only = false;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let bad = || invalid(format!("invalid tmpfs option [{option:?}]"));
        match option.split_once('=') {
            None => match option {
                "rw" => read_only = false,
                "ro" => read_only = true,
                "exec" => found.exec = true,
                "noexec" => found.exec = false,
                "suid" => found.suid = true,
                "nosuid" => found.suid = false,
                // No device ever opens there, and the rest changes nothing that can be seen.
                "nodev" | "relatime" | "noatime" | "atime" | "norelatime" | "async" | "defaults" => {}
                _ => return Err(bad()),
            },
            Some(("size", size)) => found.size = Some(quantity(size).ok_or_else(bad)?),
            Some(("nr_inodes", count)) => found.inodes = Some(quantity(count).ok_or_else(bad)?),
            Some(("mode", mode)) => {
                found.mode =
                    u32::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o7777).ok_or_else(bad)?;
            }
            Some(("uid", id)) => found.owner.0 = id.parse().map_err(|_| bad())?,
            Some(("gid", id)) => found.owner.1 = id.parse().map_err(|_| bad())?,
            Some(_) => return Err(bad()),
        }
    }
    let target = absolute(target, target)?;
    Ok(Mount { target, source: MountSource::TmpfsWith(found), read_only })
}

/// What `docker run -v` is given: `/source:/target`, with `:ro` or `:rw` after it. `invalid_argument` for what is no such thing; `unsupported` for
/// volumes with a name, or without a source, and for propagation.
pub fn parse_volume(volume: &str) -> Result<Mount> {
    let bad = || invalid(format!("invalid volume specification: '{volume}'"));
    let unsupported = |why: &str| {
        Err(Error::new(ErrorKind::Unsupported, format!("invalid volume specification: '{volume}': {why}")))
    };
    let parts: Vec<&str> = volume.split(':').collect();
    let (source, target, options) = match *parts {
        [target] if target.starts_with('/') => {
            return unsupported("there are no volumes but directories of the host (source:target)");
        }
        [source, target] => (source, target, ""),
        [source, target, options] => (source, target, options),
        _ => return Err(bad()),
    };
    if source.is_empty() || target.is_empty() {
        return Err(bad());
    }
    if !source.starts_with('/') {
        return unsupported("there are no volumes with a name; a directory of the host has an absolute path");
    }
    let mut read_only = false;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => read_only = true,
            // There are no labels here to be set.
            "rw" | "z" | "Z" | "rprivate" | "private" | "consistent" | "cached" | "delegated" => {}
            "shared" | "rshared" | "slave" | "rslave" => return unsupported("mounts are private"),
            _ => return Err(invalid(format!("invalid mode: {option}"))),
        }
    }
    let target = absolute(target, volume)?;
    if target == Path::new("/") {
        return Err(invalid(format!("invalid volume specification: '{volume}': destination can't be '/'")));
    }
    Ok(Mount { target, source: MountSource::Volume(source.into()), read_only })
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

fn absolute(target: &str, shown: &str) -> Result<PathBuf> {
    if target.starts_with('/') {
        return Ok(target.into());
    }
    Err(invalid(format!("invalid mount path: '{target}' mount path must be absolute ({shown})")))
}

/// A number with the kernel's suffixes.
fn quantity(text: &str) -> Option<u64> {
    let (digits, shift) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 10),
        (at, 'm' | 'M') => (&text[..at], 20),
        (at, 'g' | 'G') => (&text[..at], 30),
        _ => (text, 0),
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Contents may be secrets.
impl fmt::Debug for MountSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MountSource::Tmpfs(size) => f.debug_tuple("Tmpfs").field(size).finish(),
            MountSource::TmpfsWith(options) => f.debug_tuple("TmpfsWith").field(options).finish(),
            MountSource::Bind(path) => f.debug_tuple("Bind").field(path).finish(),
            MountSource::Volume(path) => f.debug_tuple("Volume").field(path).finish(),
            MountSource::Overlay { path, .. } => f.debug_tuple("Overlay").field(path).finish(),
            MountSource::File { .. } => f.write_str("File"),
        }
    }
}

/// The mount as the helper is told of it.
pub fn told(mount: &Mount) -> Result<message::Mount> {
    let path = |path: &Path| {
        std::path::absolute(path)
            .map(|path| path.as_os_str().as_bytes().to_vec())
            .map_err(|error| Error::io(path.display().to_string(), error))
    };
    let source = match &mount.source {
        MountSource::Tmpfs(size) => {
            let options = TmpfsOptions { size: *size, exec: true, ..TmpfsOptions::default() };
            message::MountSource::Tmpfs(tmpfs(&options))
        }
        MountSource::TmpfsWith(options) => message::MountSource::Tmpfs(tmpfs(options)),
        MountSource::Volume(source) => message::MountSource::Volume(path(source)?),
        MountSource::Bind(source) => message::MountSource::Bind(path(source)?),
        MountSource::Overlay { lowers, upper, work, path: inside } => message::MountSource::Overlay {
            lowers: lowers.iter().map(|lower| path(lower)).collect::<Result<_>>()?,
            upper: path(upper)?,
            work: path(work)?,
            path: inside.as_os_str().as_bytes().to_vec(),
        },
        MountSource::File { content, mode, owner: (uid, gid) } => {
            message::MountSource::File { content: content.clone(), mode: *mode, uid: *uid, gid: *gid }
        }
    };
    let target = mount.target.as_os_str().as_bytes().to_vec();
    Ok(message::Mount { target, source, read_only: mount.read_only })
}

fn tmpfs(options: &TmpfsOptions) -> message::Tmpfs {
    message::Tmpfs {
        size: options.size.unwrap_or(0),
        inodes: options.inodes.unwrap_or(0),
        mode: options.mode,
        uid: options.owner.0,
        gid: options.owner.1,
        exec: options.exec,
        suid: options.suid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_a_path_of_the_host_and_one_of_the_container() {
        let mount = parse_volume("/a b:/c/d:ro").unwrap();
        assert!(matches!(&mount.source, MountSource::Volume(path) if path == Path::new("/a b")));
        assert!(mount.read_only && mount.target == Path::new("/c/d"));
        assert!(!parse_volume("/a:/b").unwrap().read_only);
        for (bad, kind) in [
            ("/a:/b:xx", ErrorKind::InvalidArgument),
            ("/a:b", ErrorKind::InvalidArgument),
            ("/a:/", ErrorKind::InvalidArgument),
            ("/a:", ErrorKind::InvalidArgument),
            ("a:b:c:d", ErrorKind::InvalidArgument),
            ("name:/b", ErrorKind::Unsupported),
            ("/b", ErrorKind::Unsupported),
            ("/a:/b:rshared", ErrorKind::Unsupported),
        ] {
            assert_eq!(parse_volume(bad).unwrap_err().kind(), kind, "{bad}");
        }
    }

    #[test]
    fn a_temporary_file_system_has_dockers_options() {
        let options = |text: &str| match parse_tmpfs("/t", text).map(|mount| mount.source) {
            Ok(MountSource::TmpfsWith(options)) => Some(options),
            _ => None,
        };
        assert_eq!(options(""), Some(TmpfsOptions::default()));
        let wanted = TmpfsOptions {
            size: Some(64 << 20),
            inodes: Some(5 << 10),
            mode: 0o755,
            owner: (1, 2),
            exec: true,
            suid: false,
        };
        assert_eq!(options("size=64m,mode=0755,uid=1,gid=2,nr_inodes=5k,exec,nodev"), Some(wanted));
        for bad in ["size=x", "mode=9", "mode=17777", "dev", "size=99999999999999g"] {
            assert_eq!(options(bad), None, "{bad}");
        }
        assert!(parse_tmpfs("t", "").is_err());
    }
}
