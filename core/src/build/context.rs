//! Where COPY and ADD take files from: the context without what its ignore file excludes, or any other directory.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use crate::dockerfile::Ignore;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::{Entry, EntryKind, Timestamp};

/// Largest Dockerfile or ignore file, in bytes.
const TEXT_LIMIT: u64 = 16 << 20;
/// Most symlinks on the way to one path.
const MAX_LINKS: u32 = 255;

/// Files to copy from. Paths are relative to a root, without `.` and `..`; the root itself is empty.
pub trait Files {
    /// What is at a path, no link followed; `None` where there is nothing.
    fn get(&self, path: &Path) -> Result<Option<Entry>>;

    /// The names in a directory, sorted.
    fn children(&self, path: &Path) -> Result<Vec<OsString>>;

    /// The content of a file.
    fn open(&self, path: &Path) -> Result<File>;

    /// The device and inode of a file that has other names, too; `None` for any other.
    fn shared_inode(&self, _path: &Path) -> Result<Option<(u64, u64)>> {
        Ok(None)
    }

    /// Whether a path is left out; a directory that is may hold files that are not.
    fn excluded(&self, _path: &Path) -> bool {
        false
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

/// A directory to copy from.
pub struct Context {
    root: PathBuf,
    ignore: Option<Ignore>,
}

impl Context {
    /// Opens a build's context, and reads its Dockerfile: a path relative to the context unless absolute.
    pub fn open(root: &Path, dockerfile: Option<&Path>) -> Result<(Context, Vec<u8>)> {
        if root.as_os_str().is_empty() {
            return Err(Error::new(ErrorKind::InvalidArgument, "no context was given: a build needs a path"));
        }
        if !fs::is_directory(root) {
            let kind =
                if fs::stat(root)?.is_some() { ErrorKind::InvalidArgument } else { ErrorKind::NotFound };
            return Err(Error::new(kind, format!("the context {} is not a directory", root.display())));
        }
        let path = root.join(dockerfile.unwrap_or(Path::new("Dockerfile")));
        let text = fs::read(&path, TEXT_LIMIT).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::new(
                ErrorKind::NotFound,
                format!("Cannot locate specified Dockerfile: {}", path.display()),
            ),
            _ => error,
        })?;
        let mut beside = path.into_os_string();
        beside.push(".dockerignore");
        let ignore = match fs::read_optional(Path::new(&beside), TEXT_LIMIT)? {
            Some(text) => Some(text),
            None => fs::read_optional(&root.join(".dockerignore"), TEXT_LIMIT)?,
        };
        let ignore = ignore
            .map(|text| Ignore::parse(&String::from_utf8_lossy(&text)))
            .transpose()
            .map_err(|error| error.as_kind(ErrorKind::InvalidArgument))
            .context(|| "read .dockerignore")?
            .filter(|ignore| !ignore.is_empty());
        Ok((Context { root: root.to_owned(), ignore }, text))
    }

    /// Any directory, with all that is in it.
    #[allow(dead_code, reason = "for sources that are fetched")]
    pub fn of_directory(root: &Path) -> Context {
        Context { root: root.to_owned(), ignore: None }
    }
}

impl Files for Context {
    fn get(&self, path: &Path) -> Result<Option<Entry>> {
        if self.excluded(path) && self.ignore.as_ref().is_none_or(|ignore| ignore.may_skip_directory(path)) {
            return Ok(None);
        }
        entry_of(&self.root.join(path), path)
    }

    fn children(&self, path: &Path) -> Result<Vec<OsString>> {
        fs::list(&self.root.join(path))
    }

    fn open(&self, path: &Path) -> Result<File> {
        fs::open(&self.root.join(path))
    }

    fn shared_inode(&self, path: &Path) -> Result<Option<(u64, u64)>> {
        shared_inode_of(&self.root.join(path))
    }

    fn excluded(&self, path: &Path) -> bool {
        !path.as_os_str().is_empty() && self.ignore.as_ref().is_some_and(|ignore| ignore.excluded(path))
    }
}

/// The device and inode of a file on the disk that has other names, too.
pub fn shared_inode_of(file: &Path) -> Result<Option<(u64, u64)>> {
    let found = fs::stat(file)?.filter(|found| found.nlink() > 1);
    Ok(found.map(|found| (found.dev(), found.ino())))
}

/// A file on the disk as an entry with its owner and time; sockets are nothing.
pub fn entry_of(file: &Path, path: &Path) -> Result<Option<Entry>> {
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
    Ok(Some(entry))
}
