//! Files out of containers and into them, as tars: what `docker cp` does.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write, empty};
use std::path::{Path, PathBuf};

use super::list::mounts;
use super::mounts::volume_folder;
use super::object::{Object, rfc3339};
use super::options::PutArchiveOptions;
use super::report::PathStat;
use super::root::{self, Root};
use super::start::Ground;
use crate::archive::{Sink, Source, Target, open_source};
use crate::config::{Isolation, Limits};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::{self, Entry, EntryKind, Overlaid, Place, TarWriter};
use crate::store::Store;
use crate::task::Task;

/// Go's bits for what a file is (`os.FileMode`), above its permissions.
mod go {
    pub const DIRECTORY: u32 = 1 << 31;
    pub const SYMLINK: u32 = 1 << 27;
    pub const DEVICE: u32 = 1 << 26;
    pub const FIFO: u32 = 1 << 25;
    pub const SOCKET: u32 = 1 << 24;
    pub const SETUID: u32 = 1 << 23;
    pub const SETGID: u32 = 1 << 22;
    pub const CHARACTER: u32 = 1 << 21;
    pub const STICKY: u32 = 1 << 20;
}

/// The file system of a container to be looked into.
struct Look {
    view: Overlaid,
    /// Keeps the root of a process.
    _root: Option<Root>,
    /// Whether it is seen from inside, with all that is mounted there.
    mounted: bool,
}

impl Look {
    fn into(object: &Object<'_>, task: &Task) -> Result<Look> {
        if let Some(root) = root::running(object, &object.state()?)? {
            let view = Overlaid::open(&[&root.path])?;
            return Ok(Look { view, _root: Some(root), mounted: true });
        }
        Ok(Look { view: Ground::of(object, task)?.view()?, _root: None, mounted: false })
    }

    /// What stands at a path as `docker cp` takes it: a slash at its end, or `/.`, follows a link and wants a directory.
    fn find(&self, object: &Object<'_>, path: &str) -> Result<Place> {
        let wants_directory = wants_directory(path);
        let place = self.view.find(Path::new(path), wants_directory)?;
        let place = place.ok_or_else(|| no_file(object, path))?;
        if wants_directory && !place.is_directory() {
            return Err(Error::new(ErrorKind::InvalidArgument, format!("{path}: not a directory")));
        }
        Ok(place)
    }
}

fn wants_directory(path: &str) -> bool {
    path.ends_with('/') || path.ends_with("/.") || path == "."
}

fn no_file(object: &Object<'_>, path: &str) -> Error {
    let message = format!("Could not find the file {path} in container {}", object.name);
    Error::new(ErrorKind::NotFound, message).with("container", object.id.as_str())
}

/// What stands at a path.
pub fn stat(store: &Store, container: &str, path: &str) -> Result<PathStat> {
    let object = Object::find(store, container)?;
    let look = Look::into(&object, &Task::new()?)?;
    let place = look.find(&object, path)?;
    told(&look, &place, path)
}

fn told(look: &Look, place: &Place, path: &str) -> Result<PathStat> {
    use rustix::fs::FileType;
    let bits = place.stat.st_mode;
    let mut mode = bits & 0o777;
    mode |= match FileType::from_raw_mode(bits) {
        FileType::Directory => go::DIRECTORY,
        FileType::Symlink => go::SYMLINK,
        FileType::CharacterDevice => go::DEVICE | go::CHARACTER,
        FileType::BlockDevice => go::DEVICE,
        FileType::Fifo => go::FIFO,
        FileType::Socket => go::SOCKET,
        _ => 0,
    };
    for (bit, go) in [(0o4000, go::SETUID), (0o2000, go::SETGID), (0o1000, go::STICKY)] {
        if bits & bit != 0 {
            mode |= go;
        }
    }
    let link_target = match place.is_symlink() {
        true => target(look, place, path)?,
        false => String::new(),
    };
    let since = std::time::Duration::new(
        u64::try_from(place.stat.st_mtime).unwrap_or(0),
        u32::try_from(place.stat.st_mtime_nsec).unwrap_or(0),
    );
    let name = Path::new(path).file_name().unwrap_or(std::ffi::OsStr::new("/"));
    Ok(PathStat {
        name: name.to_string_lossy().into_owned(),
        size: u64::try_from(place.stat.st_size).unwrap_or(0),
        mode,
        mtime: rfc3339(std::time::SystemTime::UNIX_EPOCH + since),
        link_target,
    })
}

/// Where a link leads, absolute inside the container, whether there is something or not.
fn target(look: &Look, place: &Place, path: &str) -> Result<String> {
    if let Some(found) = look.view.find(Path::new(path), true)? {
        return Ok(Path::new("/").join(found.path).to_string_lossy().into_owned());
    }
    let text = place.link().context(|| format!("read link {path}"))?;
    let above = Path::new("/").join(&place.path);
    let joined = above.parent().unwrap_or(Path::new("/")).join(text);
    Ok(crate::spec::join("/", &joined.to_string_lossy()))
}

/// Writes a file or directory as a tar.
pub fn get_archive(
    store: &Store,
    container: &str,
    path: &str,
    target: Target,
    task: &Task,
) -> Result<PathStat> {
    let object = Object::find(store, container)?;
    let look = Look::into(&object, task)?;
    let place = look.find(&object, path)?;
    let stat = told(&look, &place, path)?;
    // Its own name comes first, but for the root, and for what is in a directory (`/.`).
    let name = match path.ends_with("/.") || path == "." {
        true => PathBuf::new(),
        false => Path::new(path).file_name().map(PathBuf::from).unwrap_or_default(),
    };
    let mut out = BufWriter::with_capacity(fs::COPY_BUFFER, Sink::open(target, task)?);
    let mut tar = Walk {
        tar: TarWriter::new(&mut out),
        mount: look.mounted.then(|| place.mount()).flatten(),
        links: HashMap::new(),
        task,
    };
    let written = tar.put(place, name).and_then(|()| tar.tar.finish().map(drop));
    if let Err(error) = written {
        // A stream that failed is not written to again.
        let _ = out.into_parts();
        return Err(error);
    }
    out.flush().context(|| "write archive")?;
    out.into_parts().0.commit()?;
    Ok(stat)
}

/// A tree on its way into a tar.
struct Walk<'a, W: Write> {
    tar: TarWriter<W>,
    /// The mount that it is in: others are not entered (/proc, a file system of the host's).
    mount: Option<u64>,
    /// The first name of each file that has several.
    links: HashMap<(u64, u64), PathBuf>,
    task: &'a Task,
}

impl<W: Write> Walk<'_, W> {
    fn put(&mut self, top: Place, name: PathBuf) -> Result<()> {
        // On a stack of our own: a container makes directories as deep as it likes.
        let mut stack = vec![(top, name)];
        while let Some((place, path)) = stack.pop() {
            self.task.check()?;
            let Some(mut entry) = place.entry()? else { continue };
            entry.path.clone_from(&path);
            entry.mtime.nanoseconds = 0;
            if place.is_directory() {
                self.tar.append(&entry, &mut empty())?;
                if self.mount.is_some() && place.mount() != self.mount {
                    continue;
                }
                for name in place.names()?.into_iter().rev() {
                    if let Some(child) = place.child(&name)? {
                        stack.push((child, path.join(&name)));
                    }
                }
                continue;
            }
            if place.stat.st_nlink > 1 {
                let inode = (place.stat.st_dev, place.stat.st_ino);
                if let Some(first) = self.links.get(&inode) {
                    let link = Entry { kind: EntryKind::Hardlink, size: 0, link: first.clone(), ..entry };
                    self.tar.append(&link, &mut empty())?;
                    continue;
                }
                self.links.insert(inode, path);
            }
            self.file(&place, &mut entry)?;
        }
        Ok(())
    }

    fn file(&mut self, place: &Place, entry: &mut Entry) -> Result<()> {
        if entry.kind != EntryKind::File {
            return self.tar.append(entry, &mut empty());
        }
        let file = File::from(place.open()?);
        // As long as it is now: a log that grows meanwhile is no error.
        entry.size = file.metadata().context(|| "stat a file of the container")?.len();
        let mut content = std::io::Read::take(&file, entry.size);
        self.tar.append(entry, &mut content)
    }
}

/// Lays a tar into a directory.
pub fn put_archive(
    store: &Store,
    container: &str,
    path: &str,
    source: Source,
    options: &PutArchiveOptions,
    task: &Task,
) -> Result<()> {
    let object = Object::find(store, container)?;
    if let Some(root) = root::running(&object, &object.state()?)? {
        let view = Overlaid::open(&[&root.path])?;
        let at = directory(&object, &view, path)?;
        refuse_read_only(&object, &at)?;
        return lay(&root.path, &at, &view, source, options, task);
    }
    // Nobody starts it meanwhile.
    let Some(lock) = object.hold()? else {
        return Err(object.conflict(format!("container {} is being started", object.id)));
    };
    let ground = Ground::of_held(&object, task)?;
    let view = ground.view()?;
    let at = directory(&object, &view, path)?;
    refuse_read_only(&object, &at)?;
    // In a copied root nothing is mounted: its volumes are directories of it.
    let inside = volume(&object, &at).filter(|_| ground.isolation == Isolation::Overlay);
    let result = match inside {
        Some((number, inside)) => into_volume(&object, &ground, number, &at, &inside, source, options, task),
        None => {
            let root = root::writable(&object, &ground)?;
            let view = Overlaid::open(&[&root.path])?;
            lay(&root.path, &at, &view, source, options, task)
        }
    };
    drop(lock);
    result
}

/// The directory that a tar goes into, with the links on its way followed.
fn directory(object: &Object<'_>, view: &Overlaid, path: &str) -> Result<PathBuf> {
    let place = view.find(Path::new(path), true)?.ok_or_else(|| no_file(object, path))?;
    if !place.is_directory() {
        return Err(Error::new(ErrorKind::InvalidArgument, "extraction point is not a directory"));
    }
    Ok(place.path)
}

/// Of a container whose root cannot be written, only what is mounted can.
fn refuse_read_only(object: &Object<'_>, at: &Path) -> Result<()> {
    let mounts = mounts(object);
    let mount = mounts.iter().filter(|mount| at.starts_with(mount.destination.trim_start_matches('/')));
    let mount = mount.max_by_key(|mount| mount.destination.len());
    match mount {
        Some(mount) if !mount.rw => Err(object.conflict("mounted volume is marked read-only")),
        None if object.settings.read_only => Err(object.conflict("container rootfs is marked read-only")),
        _ => Ok(()),
    }
}

/// The volume of the container's own that a directory is in, and its path there.
fn volume(object: &Object<'_>, at: &Path) -> Option<(usize, PathBuf)> {
    let volumes = object.settings.volumes();
    let found = volumes.iter().enumerate().filter_map(|(number, path)| {
        let inside = at.strip_prefix(path.trim_start_matches('/')).ok()?;
        Some((number, inside.to_owned(), path.len()))
    });
    found.max_by_key(|(.., length)| *length).map(|(number, inside, _)| (number, inside))
}

#[allow(clippy::too_many_arguments)] // two places that each have three parts
fn into_volume(
    object: &Object<'_>,
    ground: &Ground,
    number: usize,
    at: &Path,
    inside: &Path,
    source: Source,
    options: &PutArchiveOptions,
    task: &Task,
) -> Result<()> {
    let folder = volume_folder(object, number);
    fs::create_dir_all(&folder)?;
    let make = |name: &str| -> Result<PathBuf> {
        let path = folder.join(name);
        if fs::stat(&path)?.is_none() {
            fs::create_dir(&path)?;
            fs::set_mode(&path, 0o755)?;
        }
        Ok(path)
    };
    // As when it is mounted: what the image has there shows, or it begins empty.
    let of_image = Ground { upper: make("upper")?, ..ground.clone() };
    let in_image = ground.lowers.is_empty() || {
        let all: Vec<&Path> = ground.lowers.iter().map(PathBuf::as_path).collect();
        Overlaid::open(&all)?.find(at, false)?.is_some_and(|place| place.is_directory())
    };
    if in_image && !ground.lowers.is_empty() {
        let root = root::writable(object, &of_image)?;
        let view = Overlaid::open(&[&root.path])?;
        return lay(&root.path, at, &view, source, options, task);
    }
    let data = make("data")?;
    let view = Overlaid::open(&[&data])?;
    lay(&data, inside, &view, source, options, task)
}

/// Lays a tar into a directory of a root.
fn lay(
    root: &Path,
    at: &Path,
    view: &Overlaid,
    source: Source,
    options: &PutArchiveOptions,
    task: &Task,
) -> Result<()> {
    let (reader, _) = open_source(source, task)?;
    // What was given is the caller's own, as with `cp`: only what a tar may be at all is checked.
    let limits = Limits::default();
    let (_, mut decoder) = layer::decoder(reader, &limits)?;
    let check = &mut |entry: &Entry| {
        if !options.no_overwrite_dir_non_dir {
            return Ok(());
        }
        let there = view.find(&entry.path, false)?;
        let is_directory = entry.kind == EntryKind::Directory;
        match there {
            Some(there) if there.is_directory() != is_directory => {
                let (old, new) = match is_directory {
                    true => ("non-directory", "directory"),
                    false => ("directory", "non-directory"),
                };
                let path = Path::new("/").join(&entry.path);
                Err(Error::new(
                    ErrorKind::InvalidArgument,
                    format!("cannot overwrite {old} {:?} with {new} {:?}", path, path),
                ))
            }
            _ => Ok(()),
        }
    };
    layer::apply_at(root, at, &mut decoder, &limits, task, check).map_err(|error| match error.kind() {
        // It is no image that is wrong.
        ErrorKind::InvalidImage => error.as_kind(ErrorKind::InvalidArgument),
        _ => error,
    })
}
