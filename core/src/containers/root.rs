//! The file system of a container as files can be laid into it: of one that runs by way of its process, of another by a mount that nobody else
//! sees and that is gone with its descriptor.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
};

use super::object::Object;
use super::start::Ground;
use crate::config::Isolation;
use crate::container::{State, Status};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;

/// Plain overlay, as containers are run on.
const OPTIONS: [(&str, &str); 5] =
    [("redirect_dir", "off"), ("metacopy", "off"), ("index", "off"), ("xino", "off"), ("uuid", "null")];

/// A root that is open as long as this is there.
pub struct Root {
    /// A path to it.
    pub path: PathBuf,
    /// What keeps it.
    _mount: Option<OwnedFd>,
    _work: Option<tempfile::TempDir>,
}

/// The root of a process of a container that runs, with all that is mounted there.
pub fn running(object: &Object<'_>, state: &State) -> Result<Option<Root>> {
    if !matches!(state.status, Status::Running | Status::Paused) {
        return Ok(None);
    }
    let Some(pid) = state.pid else { return Err(object.not_running()) };
    let path = PathBuf::from(format!("/proc/{pid}/root"));
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, &path, flags, Mode::empty())
        .context(|| format!("open the root of container {}", object.id))?;
    // The number of the process may have become another's.
    match object.state()? {
        now if now.pid == Some(pid) && now.started == state.started => {}
        _ => return Err(object.not_running()),
    }
    Ok(Some(Root { path: by_descriptor(&root), _mount: Some(root), _work: None }))
}

/// The root of a container that does not run, to be written to. Who calls keeps it from being started meanwhile.
pub fn writable(object: &Object<'_>, ground: &Ground) -> Result<Root> {
    if ground.isolation == Isolation::Chroot {
        return Ok(Root { path: ground.upper.clone(), _mount: None, _work: None });
    }
    dress(&ground.upper, ground.lowers.first())?;
    let work = fs::temporary_directory(&object.folder, "put-")?;
    let mount = mount(ground, work.path()).map_err(|error| {
        let error = Error::io("mount the container's file system", error);
        match error.kind() {
            ErrorKind::Permission => error.as_kind(ErrorKind::Unsupported),
            _ => error,
        }
    })?;
    Ok(Root { path: by_descriptor(&mount), _mount: Some(mount), _work: Some(work) })
}

fn by_descriptor(fd: &OwnedFd) -> PathBuf {
    Path::new("/proc/self/fd").join(fd.as_raw_fd().to_string())
}

/// Mounts the overlay for this process alone, attached nowhere.
fn mount(ground: &Ground, work: &Path) -> rustix::io::Result<OwnedFd> {
    let open = |path: &Path| {
        rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    };
    let lowers = ground.lowers.iter().map(|path| open(path)).collect::<rustix::io::Result<Vec<_>>>()?;
    let (upper, work) = (open(&ground.upper)?, open(work)?);
    // A container of no layers has no overlay either: its changes are all of it.
    if lowers.is_empty() {
        return Ok(upper);
    }
    let name = |fd: &OwnedFd| by_descriptor(fd).display().to_string();
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let context = context.as_fd();
    fsconfig_set_string(context, "source", "overlay")?;
    let one_by_one =
        lowers.iter().try_for_each(|lower| fsconfig_set_string(context, "lowerdir+", name(lower)));
    if one_by_one.is_err() {
        // Before Linux 6.7: as many as fit.
        let all: Vec<String> = lowers.iter().map(name).collect();
        fsconfig_set_string(context, "lowerdir", all.join(":"))?;
    }
    fsconfig_set_string(context, "upperdir", name(&upper))?;
    fsconfig_set_string(context, "workdir", name(&work))?;
    for (key, value) in OPTIONS {
        // What an old kernel does not know is not on there.
        match fsconfig_set_string(context, key, value) {
            Err(rustix::io::Errno::INVAL) => {}
            other => other?,
        }
    }
    fsconfig_create(context)?;
    fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_NODEV)
}

/// Gives a fresh upper directory the attributes of the topmost layer's root, which are those of the whole.
fn dress(upper: &Path, lower: Option<&PathBuf>) -> Result<()> {
    if !fs::list(upper)?.is_empty() {
        return Ok(());
    }
    let Some(lower) = lower else { return Ok(()) };
    let Some(found) = fs::stat(lower)? else { return Ok(()) };
    use std::os::unix::fs::MetadataExt;
    fs::set_owner(upper, found.uid(), found.gid())?;
    fs::set_mode(upper, fs::mode(&found))
}
