//! One entry of a layer, and how its path is made safe. Knows nothing of the bytes of a tar or of a file system.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind};

/// Longest name of one path component, in bytes (`NAME_MAX`).
const NAME_MAX: usize = 255;
/// What the name of a whiteout begins with (OCI image-spec, "Whiteouts").
pub(super) const WHITEOUT: &str = ".wh.";
/// The name of the marker that hides all that lower layers have in its directory.
pub(super) const OPAQUE: &str = ".wh..wh..opq";
/// What the names of AUFS's own files begin with; they mean nothing here.
pub(super) const AUFS: &str = ".wh..wh.";
/// The mode of directories that a layer implies and no layer lists.
pub(super) const IMPLICIT_MODE: u32 = 0o755;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names are those of stat(2)
pub enum EntryKind {
    File,
    Hardlink,
    Symlink,
    Directory,
    CharDevice,
    BlockDevice,
    Fifo,
}

/// A point in time: seconds since 1970, negative before, and nanoseconds that count forward from there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Below 1,000,000,000.
    pub nanoseconds: u32,
}

/// One entry of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is: no leading `/` or `./`, no trailing `/`, no `..`; the root itself is empty.
    pub path: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits with setuid, setgid and sticky: at most 07777.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of content, holes included; 0 for everything but [`EntryKind::File`].
    pub size: u64,
    /// Time of the last change of content.
    pub mtime: Timestamp,
    /// What a hard link shares its content with (a path like `path`), or the text of a symlink as it is.
    pub link: PathBuf,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Extended attributes.
    pub xattrs: BTreeMap<OsString, Vec<u8>>,
}

/// What a whiteout hides. Entries of its own layer are never hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whiteout {
    /// This path and all below it.
    Path(PathBuf),
    /// All that is in this directory, but not the directory.
    Opaque(PathBuf),
}

impl Entry {
    /// An entry owned by root, with no content, at time 0.
    pub fn new(path: impl Into<PathBuf>, kind: EntryKind, mode: u32) -> Self {
        Entry {
            path: path.into(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: Timestamp::default(),
            link: PathBuf::new(),
            device: (0, 0),
            xattrs: BTreeMap::new(),
        }
    }

    /// A directory that a layer implies and no layer lists.
    pub(super) fn implicit_directory(path: impl Into<PathBuf>) -> Self {
        Entry::new(path, EntryKind::Directory, IMPLICIT_MODE)
    }

    /// What it hides, if it is a whiteout.
    pub fn whiteout(&self) -> Option<Whiteout> {
        let name = self.path.file_name()?.as_bytes();
        let parent = self.path.parent().unwrap_or(Path::new(""));
        if name == OPAQUE.as_bytes() {
            return Some(Whiteout::Opaque(parent.to_owned()));
        }
        let hidden = name.strip_prefix(WHITEOUT.as_bytes())?;
        Some(Whiteout::Path(parent.join(OsStr::from_bytes(hidden))))
    }

    /// The whiteout that hides this path.
    pub fn hiding(path: &Path) -> Self {
        let mut name = OsString::from(WHITEOUT);
        name.push(path.file_name().unwrap_or_default());
        Entry::new(path.with_file_name(name), EntryKind::File, 0o644)
    }

    /// The marker that hides what lower layers have in this directory.
    pub(super) fn opaque(directory: &Path) -> Self {
        Entry::new(directory.join(OPAQUE), EntryKind::File, 0o644)
    }
}

/// An `invalid_image` that names the entry.
pub(super) fn invalid(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidImage, format!("{}: {what}", display(path)))
}

/// A hard link that cannot be made.
pub(super) fn no_target(entry: &Entry, why: &str) -> Error {
    invalid(&entry.path, format!("it is a hard link to {}, which {why}", display(&entry.link)))
}

/// Why a hard link is refused that would replace a directory with something in it.
pub(super) const INSIDE: &str = "is inside of what it replaces";

/// A path for messages: the root has a name, and control characters do not reach a terminal.
pub(super) fn display(path: &Path) -> String {
    if path.as_os_str().is_empty() {
        return "/".to_owned();
    }
    path.to_string_lossy().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The path an entry's name means: relative to the root, without `.` and `..`. One that would leave the root is refused.
pub(super) fn normalise(name: &[u8]) -> Result<PathBuf, &'static str> {
    if name.contains(&0) {
        return Err("its name has a NUL in it");
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop().ok_or("its path leads out of the image")?;
            }
            _ if part.len() > NAME_MAX => return Err("its name is longer than 255 bytes"),
            _ => parts.push(part),
        }
    }
    Ok(PathBuf::from(OsString::from_vec(parts.join(&b'/'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_relative_to_the_root_and_never_leaves_it() {
        for (name, path) in [
            ("./", ""),
            ("/", ""),
            ("/etc/passwd", "etc/passwd"),
            ("././a//b/.", "a/b"),
            ("a/../b", "b"),
            ("a/..", ""),
            ("..a/b..", "..a/b.."),
        ] {
            assert_eq!(normalise(name.as_bytes()).unwrap(), PathBuf::from(path), "{name}");
        }
        for name in ["..", "../a", "/../a", "a/../../b", "a\0b"] {
            normalise(name.as_bytes()).unwrap_err();
        }
        assert!(normalise(&[b'x'; 255]).is_ok() && normalise(&[b'x'; 256]).is_err());
    }

    #[test]
    fn a_whiteout_says_what_it_hides() {
        let of = |path: &str| Entry::new(path, EntryKind::File, 0o644).whiteout();
        assert_eq!(of("a/.wh.b"), Some(Whiteout::Path("a/b".into())));
        assert_eq!(of(".wh.b"), Some(Whiteout::Path("b".into())));
        assert_eq!(of("a/.wh..wh..opq"), Some(Whiteout::Opaque("a".into())));
        assert_eq!(of(".wh..wh..opq"), Some(Whiteout::Opaque("".into())));
        assert_eq!(of("a/b.wh.c"), None);
        assert_eq!(of(""), None);
        assert_eq!(Entry::hiding(Path::new("a/b")).path, Path::new("a/.wh.b"));
    }
}
