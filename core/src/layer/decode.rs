//! What a header and its extended header say, as an entry; and what makes an entry unacceptable.
//!
//! Knows nothing of the stream they come from.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::entry::{AUFS, Entry, EntryKind, Timestamp, WHITEOUT, Whiteout, display, invalid, normalise};
use super::header::{Header, Wrong};
use super::pax::Pax;
use super::xattr;
use crate::config::Limits;
use crate::error::{Error, Result};

/// Everything that describes one entry: its header, and what came before that.
pub(super) struct Described<'a> {
    pub header: &'a Header<'a>,
    pub pax: Pax,
    /// GNU's long name and long link.
    pub long: (Option<Vec<u8>>, Option<Vec<u8>>),
}

impl Described<'_> {
    /// The name as the tar has it.
    fn name(&self) -> Vec<u8> {
        self.pax.path.clone().or_else(|| self.long.0.clone()).unwrap_or_else(|| self.header.name())
    }

    /// An `invalid_image` that names the entry, by its first hundred bytes if it has more than a path may have.
    pub fn wrong(&self, what: impl std::fmt::Display) -> Error {
        let name = display(Path::new(&OsString::from_vec(self.name())));
        let end = if name.len() > 4096 { name.floor_char_boundary(100) } else { name.len() };
        invalid(Path::new(&name[..end]), what)
    }

    /// The entry, without the size of its content. `invalid_image` for what breaks a rule.
    pub fn entry(&mut self, limits: &Limits) -> Result<Entry> {
        let name = self.name();
        let limit = limits.path_length;
        if name.len() > limit {
            return Err(self.wrong(format!("its path goes over the limit of {limit} bytes")));
        }
        let path = normalise(&name).map_err(|what| self.wrong(what))?;
        let kind = self.kind(&name)?;
        if kind != EntryKind::Directory && path.as_os_str().is_empty() {
            return Err(self.wrong("the root can only be a directory"));
        }
        let wrong = |what: Wrong| self.wrong(what);
        let mode = (self.header.mode().map_err(wrong)? & 0o7777) as u32;
        let mut entry = Entry::new(path, kind, mode);
        entry.uid = self.owner(self.pax.uid, self.header.uid())?;
        entry.gid = self.owner(self.pax.gid, self.header.gid())?;
        entry.mtime = match self.pax.mtime {
            Some(mtime) => mtime,
            None => Timestamp { seconds: self.header.mtime().map_err(wrong)?, nanoseconds: 0 },
        };
        match kind {
            EntryKind::CharDevice | EntryKind::BlockDevice => {
                let (major, minor) = self.header.device().map_err(wrong)?;
                let number = |n| u32::try_from(n).map_err(|_| wrong("its device number is out of range"));
                let (pax_major, pax_minor) = self.pax.device;
                entry.device = (number(pax_major.unwrap_or(major))?, number(pax_minor.unwrap_or(minor))?);
            }
            EntryKind::Hardlink | EntryKind::Symlink => entry.link = self.link(kind, limit)?,
            _ => {}
        }
        self.check_xattrs()?;
        entry.xattrs = std::mem::take(&mut self.pax.xattrs);
        Ok(entry)
    }

    fn kind(&self, name: &[u8]) -> Result<EntryKind> {
        Ok(match self.header.typeflag() {
            // v7 has no type for directories.
            b'0' | 0 | b'7' if name.ends_with(b"/") => EntryKind::Directory,
            b'0' | 0 | b'7' | b'S' => EntryKind::File,
            b'1' => EntryKind::Hardlink,
            b'2' => EntryKind::Symlink,
            b'3' => EntryKind::CharDevice,
            b'4' => EntryKind::BlockDevice,
            b'5' | b'D' => EntryKind::Directory,
            b'6' => EntryKind::Fifo,
            other => return Err(self.wrong(format!("its type {:?} is unknown", char::from(other)))),
        })
    }

    fn owner(&self, pax: Option<i64>, header: std::result::Result<i64, Wrong>) -> Result<u32> {
        let id = pax.map_or(header, Ok).map_err(|what| self.wrong(what))?;
        // The last one means "leave it as it is" to chown(2).
        let id = u32::try_from(id).ok().filter(|&id| id != u32::MAX);
        id.ok_or_else(|| self.wrong("its owner is out of range"))
    }

    fn link(&self, kind: EntryKind, limit: usize) -> Result<PathBuf> {
        let link = self.pax.link.clone().or_else(|| self.long.1.clone());
        let link = link.unwrap_or_else(|| self.header.link());
        if link.len() > limit {
            return Err(self.wrong(format!("the target of its link goes over the limit of {limit} bytes")));
        }
        if kind == EntryKind::Symlink {
            if link.is_empty() || link.contains(&0) {
                return Err(self.wrong("its link has no target"));
            }
            return Ok(PathBuf::from(OsString::from_vec(link)));
        }
        let link =
            normalise(&link).map_err(|_| self.wrong("the target of its hard link leads out of the image"))?;
        if link.as_os_str().is_empty() {
            return Err(self.wrong("it is a hard link to the root"));
        }
        Ok(link)
    }

    fn check_xattrs(&self) -> Result<()> {
        for name in self.pax.xattrs.keys() {
            let bytes = name.as_bytes();
            if xattr::is_of_overlay(name) {
                let name = name.to_string_lossy();
                return Err(self.wrong(format!("its attribute {name} is one of overlay's own")));
            }
            if bytes.is_empty() || bytes.len() > 255 || bytes.contains(&0) {
                return Err(self.wrong("the name of an extended attribute is wrong"));
            }
        }
        Ok(())
    }
}

/// Refuses what would be a whiteout of nothing or of a strange place. `false` for AUFS's own files, which mean nothing.
pub(super) fn check_names(entry: &Entry) -> std::result::Result<bool, Wrong> {
    let mut components = entry.path.iter().rev();
    let last = components.next().unwrap_or_default().as_bytes();
    for name in components {
        if name.as_bytes().starts_with(AUFS.as_bytes()) {
            return Ok(false);
        }
        if name.as_bytes().starts_with(WHITEOUT.as_bytes()) {
            return Err("it lies below a whiteout");
        }
    }
    match entry.whiteout() {
        Some(Whiteout::Path(_)) if last.starts_with(AUFS.as_bytes()) => Ok(false),
        Some(Whiteout::Path(_)) if matches!(last, b".wh." | b".wh.." | b".wh...") => {
            Err("it is a whiteout that hides nothing")
        }
        _ => Ok(true),
    }
}
