//! Directories as an overlay of them would show them, looked into without mounting; or one root, which may be mounted.
//!
//! Every path is followed inside the root, each component opened by its own and no symlink by the kernel: what changes at the same time
//! can make a lookup fail, but never leads outside.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, StatxFlags};
use rustix::io::Errno;

use super::copied::entry_of;
use super::diff::kind_of;
use super::entry::{Entry, EntryKind, display};
use super::rooted::{self, ITSELF, file_type};
use super::tree::{SYMLINKS_MAX, names};
use super::xattr;
use crate::error::{Error, ErrorKind, Result, ResultExt};

/// A stack of directories, or one root.
pub struct Overlaid {
    /// The topmost first.
    layers: Vec<OwnedFd>,
}

/// What stands at a path.
pub struct Place {
    /// The path, with the links on its way followed; the root's is empty.
    pub path: PathBuf,
    /// Its attributes.
    pub stat: Stat,
    /// Of a directory, what it is merged of: the topmost first.
    directories: Vec<OwnedFd>,
    /// The directory that it is in, and its name there.
    parent: OwnedFd,
    name: OsString,
}

fn is_whiteout(stat: &Stat) -> bool {
    file_type(stat) == FileType::CharacterDevice && stat.st_rdev == 0
}

impl Overlaid {
    /// Opens directories, the topmost first. Links in these paths themselves are the caller's and are followed.
    pub fn open(directories: &[&Path]) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |path: &&Path| {
            rustix::fs::openat(CWD, *path, flags, Mode::empty())
                .context(|| format!("open {}", path.display()))
        };
        Ok(Overlaid { layers: directories.iter().map(open).collect::<Result<_>>()? })
    }

    fn root(&self) -> rustix::io::Result<Place> {
        let top = self.layers.first().ok_or(Errno::NOENT)?;
        let again = |fd: &OwnedFd| rooted::open_listable(fd, OsStr::new(ITSELF));
        Ok(Place {
            path: PathBuf::new(),
            stat: rustix::fs::fstat(top)?,
            directories: self.layers.iter().map(again).collect::<rustix::io::Result<_>>()?,
            parent: again(top)?,
            name: ITSELF.into(),
        })
    }

    /// What stands at a path; its last component is followed too if that is asked. `None` when there is nothing, or something on the way is no
    /// directory. `invalid_argument` for more than 40 links.
    pub fn find(&self, path: &Path, follow_last: bool) -> Result<Option<Place>> {
        let what = || format!("look up {}", path.display());
        let mut stack = vec![self.root().context(what)?];
        let mut rest = names(path);
        let mut symlinks = 0;
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                if stack.len() > 1 {
                    stack.pop();
                }
                continue;
            }
            let Some(here) = stack.last() else { break };
            let Some(found) = here.lookup(&name).context(what)? else { return Ok(None) };
            if found.is_symlink() && (follow_last || !rest.is_empty()) {
                symlinks += 1;
                if symlinks > SYMLINKS_MAX {
                    let message = format!("{}: too many levels of symbolic links", display(path));
                    return Err(Error::new(ErrorKind::InvalidArgument, message));
                }
                let target = found.link().context(what)?;
                if target.has_root() {
                    stack.truncate(1);
                }
                for name in names(&target).into_iter().rev() {
                    rest.push_front(name);
                }
                continue;
            }
            stack.push(found);
        }
        Ok(stack.pop())
    }

    /// The content of a file, links followed; empty when there is none. Of a longer one, its beginning.
    pub fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        if let Some(place) = self.find(path, true)?
            && file_type(&place.stat) == FileType::RegularFile
        {
            let what = || format!("read {}", path.display());
            std::fs::File::from(place.open()?).take(limit).read_to_end(&mut content).context(what)?;
        }
        Ok(content)
    }
}

impl Place {
    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        file_type(&self.stat) == FileType::Directory
    }

    /// Whether it is a symlink.
    pub fn is_symlink(&self) -> bool {
        file_type(&self.stat) == FileType::Symlink
    }

    /// The text of a symlink.
    pub fn link(&self) -> rustix::io::Result<PathBuf> {
        rooted::read_link(&self.parent, &self.name)
    }

    /// Opens a file to read; not a pipe or device, which could block.
    pub fn open(&self) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(&self.parent, &self.name, flags, Mode::empty())
            .context(|| format!("open {}", display(&self.path)))
    }

    /// It as an entry of a tar. `None` for what no tar has: sockets.
    pub fn entry(&self) -> Result<Option<Entry>> {
        let Some(kind) = kind_of(&self.stat) else { return Ok(None) };
        let mut entry = entry_of(&self.path, kind, &self.stat, self.parent.as_fd(), &self.name)?;
        if kind == EntryKind::Symlink {
            entry.mode = 0o777;
        }
        Ok(Some(entry))
    }

    /// The number of the mount that it is in, where the kernel tells.
    pub fn mount(&self) -> Option<u64> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let found = rustix::fs::statx(&self.parent, &self.name, flags, StatxFlags::MNT_ID).ok()?;
        (found.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(found.stx_mnt_id)
    }

    /// The names in a directory, sorted.
    pub fn names(&self) -> Result<Vec<OsString>> {
        let mut all = std::collections::BTreeSet::new();
        for directory in &self.directories {
            let listed = rooted::list(directory).context(|| format!("list {}", display(&self.path)))?;
            all.extend(listed.iter().map(|name| OsStr::from_bytes(name.to_bytes()).to_owned()));
        }
        Ok(all.into_iter().collect())
    }

    /// What stands at a name in a directory, not followed. `None` when there is nothing, or a whiteout hides it.
    pub fn child(&self, name: &OsStr) -> Result<Option<Place>> {
        self.lookup(name).context(|| format!("look up {}", display(&self.path.join(name))))
    }

    fn lookup(&self, name: &OsStr) -> rustix::io::Result<Option<Place>> {
        let mut found: Option<Place> = None;
        for directory in &self.directories {
            let Some(stat) = rooted::stat(directory, name)? else { continue };
            if is_whiteout(&stat) {
                break;
            }
            let is_directory = file_type(&stat) == FileType::Directory;
            // What is no directory ends what shows through, or is hidden by a directory above.
            if found.is_some() && !is_directory {
                break;
            }
            let place = found.get_or_insert(Place {
                path: self.path.join(name),
                stat,
                directories: Vec::new(),
                parent: rooted::open_listable(directory, OsStr::new(ITSELF))?,
                name: name.to_owned(),
            });
            if !is_directory {
                break;
            }
            let opened = rooted::open_listable(directory, name)?;
            let is_opaque = self.directories.len() > 1 && xattr::is_opaque(&xattr::of_file(opened.as_fd())?);
            place.directories.push(opened);
            if is_opaque {
                break;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]

    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_topmost_layer_wins_directories_merge_and_no_link_leads_outside() {
        let folder = tempfile::tempdir().unwrap();
        let (top, low) = (folder.path().join("top"), folder.path().join("low"));
        for path in ["top/etc", "low/etc/deep", "low/usr/lib", "outside"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        fs::write(top.join("etc/a"), "top").unwrap();
        fs::write(low.join("etc/a"), "low").unwrap();
        fs::write(low.join("etc/b"), "low").unwrap();
        fs::write(low.join("usr/lib/x"), "x").unwrap();
        fs::write(folder.path().join("outside/secret"), "s").unwrap();
        symlink("usr/lib", top.join("lib")).unwrap();
        symlink("../../../outside", top.join("out")).unwrap();
        symlink("/etc/b", top.join("link")).unwrap();
        symlink("loop", top.join("loop")).unwrap();
        let view = Overlaid::open(&[&top, &low]).unwrap();
        let read = |path: &str| String::from_utf8(view.read(Path::new(path), 100).unwrap()).unwrap();
        assert_eq!((read("etc/a"), read("/etc/b"), read("link")), ("top".into(), "low".into(), "low".into()));
        assert_eq!((read("lib/x"), read("lib/../../etc/a")), ("x".into(), "top".into()));
        assert_eq!(read("lib/../lib/x"), "x");
        assert_eq!(read("out/secret"), "");
        let etc = view.find(Path::new("etc"), true).unwrap().unwrap();
        assert_eq!(etc.names().unwrap(), ["a", "b", "deep"]);
        assert!(view.find(Path::new("link"), false).unwrap().unwrap().is_symlink());
        assert_eq!(view.find(Path::new("lib/x"), true).unwrap().unwrap().path, Path::new("usr/lib/x"));
        assert!(view.find(Path::new("etc/a/b"), true).unwrap().is_none());
        assert!(view.find(Path::new("none"), true).unwrap().is_none());
        let error = view.find(Path::new("loop"), true).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}
