//! Where COPY and ADD take files from: a directory with files in memory over it, without what an ignore file excludes.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use super::digests::Stamp;
use super::memory::Memory;
use crate::dockerfile::Ignore;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::{Entry, EntryKind, Timestamp};

/// Largest Dockerfile or ignore file, in bytes.
pub const TEXT_LIMIT: u64 = 16 << 20;
/// Most symlinks on the way to one path.
const MAX_LINKS: u32 = 255;

/// What is at a path.
pub struct Found {
    /// It.
    pub entry: Entry,
    /// What tells whether a file is unchanged, if that can be told.
    pub stamp: Option<Stamp>,
    /// The device and inode of a file that has other names, too.
    pub inode: Option<(u64, u64)>,
}

impl Found {
    /// Something that is known by nothing.
    pub fn unknown(entry: Entry) -> Found {
        Found { entry, stamp: None, inode: None }
    }
}

/// Files to copy from. Paths are relative to a root, without `.` and `..`; the root itself is empty.
pub trait Files {
    /// What is at a path, no link followed; `None` where there is nothing.
    fn get(&self, path: &Path) -> Result<Option<Entry>>;

    /// The names in a directory, sorted.
    fn children(&self, path: &Path) -> Result<Vec<OsString>>;

    /// The content of a file.
    fn open(&self, path: &Path) -> Result<File>;

    /// [`Files::get`], with what a file is known by.
    fn look(&self, path: &Path) -> Result<Option<Found>> {
        Ok(self.get(path)?.map(Found::unknown))
    }

    /// What tells whether a file is unchanged, as it is now, no link followed; `None` where nothing does.
    fn stamp(&self, _path: &Path) -> Result<Option<Stamp>> {
        Ok(None)
    }

    /// What the store remembers the digests of these files by; `None` where files have no stamps.
    fn identity(&self) -> Option<String> {
        None
    }

    /// Whether a path is left out; a directory that is may hold files that are not.
    fn excluded(&self, _path: &Path) -> bool {
        false
    }

    /// Where a path is on the disk, if it is there just as it is here, apart from what is left out and from its owner.
    fn on_disk(&self, _path: &Path) -> Option<PathBuf> {
        None
    }

    /// Follows links inside the root, also the last one. What is not there is kept as it is.
    fn resolve(&self, path: &Path) -> Result<PathBuf> {
        let mut left: Vec<OsString> = names(path);
        left.reverse();
        let mut resolved = PathBuf::new();
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name == ".." {
                resolved.pop();
                continue;
            }
            resolved.push(&name);
            let Some(entry) = self.get(&resolved)?.filter(|entry| entry.kind == EntryKind::Symlink) else {
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return Err(Error::new(
                    ErrorKind::BuildFailed,
                    format!("too many links on the way to {}", path.display()),
                ));
            }
            resolved.pop();
            if entry.link.has_root() {
                resolved = PathBuf::new();
            }
            left.extend(names(&entry.link).into_iter().rev());
        }
        Ok(resolved)
    }
}

/// The names of a path and its `..`s.
fn names(path: &Path) -> Vec<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

/// A context: a directory, and files in memory that lie over it, without what an ignore file leaves out.
#[derive(Default)]
pub struct Context {
    /// Nothing where all is in memory.
    root: Option<PathBuf>,
    memory: Memory,
    ignore: Option<Ignore>,
    /// A directory that was made for it, and goes with it.
    _folder: Option<tempfile::TempDir>,
}

impl Context {
    /// Any directory, with all that is in it.
    pub fn of_directory(root: &Path) -> Context {
        Context { root: Some(root.to_owned()), ..Context::default() }
    }

    /// A directory in a temporary one.
    pub fn of_temporary(folder: tempfile::TempDir, root: PathBuf) -> Context {
        Context { root: Some(root), _folder: Some(folder), ..Context::default() }
    }

    /// With files in memory, which beat those of the directory.
    pub fn with_memory(mut self, memory: Memory) -> Context {
        self.memory = memory;
        self
    }

    /// Without what the text of an ignore file leaves out.
    pub fn without(mut self, ignore: &[u8]) -> Result<Context> {
        let ignore = Ignore::parse(&String::from_utf8_lossy(ignore))
            .map_err(|error| error.as_kind(ErrorKind::InvalidArgument))
            .context(|| "read .dockerignore")?;
        self.ignore = Some(ignore).filter(|ignore| !ignore.is_empty());
        Ok(self)
    }

    /// The directory on the disk, where there is one.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Whether a relative path is that of a file in memory.
    pub fn has_in_memory(&self, path: &Path) -> bool {
        !path.is_absolute() && self.memory.content(&names(path).iter().collect::<PathBuf>()).is_some()
    }

    /// A text in it, links followed inside; `None` when there is no such file.
    pub fn read_text(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        let resolved = self.resolve(path)?;
        let Some(entry) = self.get(&resolved)? else { return Ok(None) };
        // Anything else could block, or has no text.
        if entry.kind != EntryKind::File {
            let message = format!("{} in the context is not a file", path.display());
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        read_text(self.open(&resolved)?, path).map(Some)
    }

    /// Where a path is on the disk, unless files in memory stand in its way.
    fn disk_path(&self, path: &Path) -> Result<Option<PathBuf>> {
        let Some(root) = &self.root else { return Ok(None) };
        if !self.memory.is_empty() {
            for parent in path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
                let hides = match self.memory.get(parent) {
                    None => false,
                    Some(entry) if entry.kind == EntryKind::File => true,
                    Some(_) => fs::stat(&root.join(parent))?.is_some_and(|found| !found.is_dir()),
                };
                if hides {
                    return Ok(None);
                }
            }
        }
        Ok(Some(root.join(path)))
    }
}

impl Files for Context {
    fn get(&self, path: &Path) -> Result<Option<Entry>> {
        Ok(self.look(path)?.map(|found| found.entry))
    }

    fn look(&self, path: &Path) -> Result<Option<Found>> {
        if self.excluded(path) && self.ignore.as_ref().is_none_or(|ignore| ignore.may_skip_directory(path)) {
            return Ok(None);
        }
        if path.as_os_str().is_empty() && self.root.is_none() {
            return Ok(Some(Found::unknown(Entry::new("", EntryKind::Directory, 0o755))));
        }
        let memory = self.memory.get(path);
        if memory.as_ref().is_some_and(|entry| entry.kind == EntryKind::File) {
            return Ok(memory.map(Found::unknown));
        }
        let disk = match self.disk_path(path)? {
            Some(file) => look_at(&file, path)?,
            None => None,
        };
        // A directory that only files in memory need is what it is on the disk.
        Ok(match memory {
            Some(memory) => {
                disk.filter(|found| found.entry.kind == EntryKind::Directory).or(Some(Found::unknown(memory)))
            }
            None => disk,
        })
    }

    fn children(&self, path: &Path) -> Result<Vec<OsString>> {
        let mut names = match self.disk_path(path)? {
            Some(folder) if self.memory.is_empty() || fs::is_directory(&folder) => fs::list(&folder)?,
            _ => Vec::new(),
        };
        if !self.memory.is_empty() {
            names.extend(self.memory.children(path));
            names.sort();
            names.dedup();
        }
        Ok(names)
    }

    fn open(&self, path: &Path) -> Result<File> {
        if let Some(file) = self.memory.open(path) {
            return file;
        }
        match self.disk_path(path)? {
            Some(file) => fs::open(&file),
            None => Err(Error::new(ErrorKind::NotFound, format!("no such file: {}", path.display()))),
        }
    }

    fn stamp(&self, path: &Path) -> Result<Option<Stamp>> {
        if self.memory.get(path).is_some() {
            return Ok(None);
        }
        let Some(file) = self.disk_path(path)? else { return Ok(None) };
        Ok(fs::stat(&file)?.map(|found| Stamp::of(&found)))
    }

    fn identity(&self) -> Option<String> {
        // A temporary directory is not seen again.
        let root = self.root.as_ref().filter(|_| self._folder.is_none())?;
        Some(fs::absolute(root).ok()?.to_string_lossy().into_owned())
    }

    fn on_disk(&self, path: &Path) -> Option<PathBuf> {
        // Files in memory would not be seen there.
        self.root.as_ref().filter(|_| self.memory.is_empty()).map(|root| root.join(path))
    }

    fn excluded(&self, path: &Path) -> bool {
        !path.as_os_str().is_empty() && self.ignore.as_ref().is_some_and(|ignore| ignore.excluded(path))
    }
}

/// The device and inode of a file that has other names, too.
pub fn shared_inode(found: &Metadata) -> Option<(u64, u64)> {
    (found.nlink() > 1).then(|| (found.dev(), found.ino()))
}

/// All of a Dockerfile or an ignore file.
pub fn read_text(file: impl Read, path: &Path) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(TEXT_LIMIT + 1).read_to_end(&mut text).context(|| format!("read {}", path.display()))?;
    match text.len() as u64 > TEXT_LIMIT {
        false => Ok(text),
        true => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("{} is larger than {TEXT_LIMIT} bytes", path.display()),
        )),
    }
}

/// What is on the disk, as an entry of this path with its owner and time; sockets are nothing.
fn look_at(file: &Path, path: &Path) -> Result<Option<Found>> {
    let Some(found) = fs::stat(file)? else { return Ok(None) };
    let kind = found.file_type();
    let kind = match () {
        () if kind.is_file() => EntryKind::File,
        () if kind.is_dir() => EntryKind::Directory,
        () if kind.is_symlink() => EntryKind::Symlink,
        () if kind.is_fifo() => EntryKind::Fifo,
        () if kind.is_char_device() => EntryKind::CharDevice,
        () if kind.is_block_device() => EntryKind::BlockDevice,
        () => return Ok(None),
    };
    let mut entry = Entry::new(path, kind, found.mode() & 0o7777);
    (entry.uid, entry.gid) = (found.uid(), found.gid());
    entry.mtime = Timestamp { seconds: found.mtime(), nanoseconds: found.mtime_nsec().max(0) as u32 };
    match kind {
        EntryKind::File => entry.size = found.len(),
        EntryKind::Symlink => entry.link = fs::read_link(file)?,
        EntryKind::CharDevice | EntryKind::BlockDevice => {
            let device = found.rdev();
            entry.device = (rustix::fs::major(device), rustix::fs::minor(device));
        }
        _ => {}
    }
    if matches!(kind, EntryKind::File | EntryKind::Directory) {
        entry.xattrs = fs::xattrs(file)?
            .into_iter()
            .filter(|(name, _)| {
                let name = name.to_string_lossy();
                name == "security.capability"
                    || (name.starts_with("user.") && !name.starts_with("user.overlay."))
            })
            .collect();
    }
    let found = Some(&found).filter(|_| kind == EntryKind::File);
    Ok(Some(Found { entry, stamp: found.and_then(Stamp::of_settled), inode: found.and_then(shared_inode) }))
}
