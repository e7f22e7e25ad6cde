//! What a container has mounted beside what every one has.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::message;
use crate::error::{Error, Result};

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
    /// A file, directory or socket of the host.
    Bind(PathBuf),
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

/// Contents may be secrets.
impl fmt::Debug for MountSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MountSource::Tmpfs(size) => f.debug_tuple("Tmpfs").field(size).finish(),
            MountSource::Bind(path) => f.debug_tuple("Bind").field(path).finish(),
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
        MountSource::Tmpfs(size) => message::MountSource::Tmpfs(size.unwrap_or(0)),
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
