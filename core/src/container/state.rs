//! How a container is, as its monitor wrote it down.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD};
use rustix::io::Errno;

use super::chroot;
use super::written::{FILE, Written};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;

/// What a container does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has never run; its command may have failed to start.
    Created,
    /// It runs.
    Running,
    /// It stands still.
    Paused,
    /// It has ended.
    Exited,
}

/// How a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What it does.
    pub status: Status,
    /// Its process 1 as the host counts, while it runs.
    pub pid: Option<u32>,
    /// When it was started last.
    pub started: Option<SystemTime>,
    /// When it ended last; where its monitor was killed, when that was found out.
    pub finished: Option<SystemTime>,
    /// How it ended last. `None` when it has not, and when nobody knows.
    pub code: Option<i32>,
    /// Whether a process of it was killed because its memory was used up.
    pub oom: bool,
    /// Why its command could not be started; empty when it could.
    pub error: String,
}

/// The name of the lock, in the container's folder.
pub const LOCK: &str = "lock";
/// More than a state has, in bytes.
const LIMIT: u64 = 1 << 20;
/// How long a control group may take to be empty after its processes were killed, in milliseconds.
const PATIENCE: u32 = 2000;

/// Reads the state of the container of this folder. One whose monitor has gone is not running, whatever was written last:
/// it is exited, and what it left of its control groups is removed.
///
/// `created` when nothing was written yet, or there is no such folder.
pub fn read_state(folder: &Path) -> Result<State> {
    let written = read(folder)?;
    if !is_settled(&written)
        && let Some(lock) = open_lock(folder)?
        && fs::try_flock(&lock, true)?
    {
        return settle(folder).map(|written| state(&written));
    }
    Ok(state(&written))
}

/// The same for who has the container's lock.
pub fn settle(folder: &Path) -> Result<Written> {
    // It may have ended since it was looked at.
    let mut written = read(folder)?;
    if is_settled(&written) {
        return Ok(written);
    }
    let mut groups: Vec<PathBuf> =
        std::mem::take(&mut written.cgroups).into_iter().map(PathBuf::from).collect();
    groups.retain(|group| {
        group.file_name().is_some_and(|name| name.to_string_lossy().starts_with("layerkit-"))
    });
    // What stands still does not die, whichever other group it is in.
    groups.iter().for_each(|group| thaw(group));
    groups.iter().try_for_each(|group| remove_group(group))?;
    if let Some((root, aside)) = written.furnished.take() {
        chroot::take_away(Path::new(&root), Path::new(&aside))?;
    }
    if runs(&written) {
        written.status = "exited".to_owned();
        written.finished = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .map(|since| (since.as_secs(), since.subsec_nanos()));
    }
    (written.pid, written.monitor) = (0, 0);
    let mut file = fs::AtomicFile::create_private(&folder.join(FILE))?;
    std::io::Write::write_all(&mut file, written.encode().as_bytes())
        .context(|| format!("write the state of {}", folder.display()))?;
    file.place()?;
    Ok(written)
}

fn read(folder: &Path) -> Result<Written> {
    let text = fs::read_optional(&folder.join(FILE), LIMIT)?.unwrap_or_default();
    Ok(Written::decode(&String::from_utf8_lossy(&text)))
}

fn open_lock(folder: &Path) -> Result<Option<std::fs::File>> {
    match fs::open_existing_lock(&folder.join(LOCK)) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn runs(written: &Written) -> bool {
    matches!(written.status.as_str(), "running" | "paused")
}

/// Whether nothing is left to be done for a container whose monitor has gone.
fn is_settled(written: &Written) -> bool {
    !runs(written) && written.cgroups.is_empty() && written.furnished.is_none()
}

/// Lets the processes of a group go on, if it is one that can freeze.
fn thaw(directory: &Path) {
    for (file, text) in [("freezer.state", "THAWED"), ("cgroup.freeze", "0")] {
        let _ = fs::write_existing(&directory.join(file), text);
    }
}

/// Removes the group of a container whose monitor was killed. Its processes are being killed, too.
fn remove_group(directory: &Path) -> Result<()> {
    for _ in 0..PATIENCE {
        match rustix::fs::unlinkat(CWD, directory, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::BUSY) => std::thread::sleep(Duration::from_millis(1)),
            Err(error) => return Err(Error::io(format!("remove {}", directory.display()), error)),
        }
    }
    Err(Error::new(ErrorKind::Conflict, format!("{}: processes are left in it", directory.display())))
}

fn state(written: &Written) -> State {
    let time = |time: Option<(u64, u32)>| {
        time.and_then(|(seconds, nanoseconds)| UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds)))
    };
    State {
        status: match written.status.as_str() {
            "running" => Status::Running,
            "paused" => Status::Paused,
            "exited" => Status::Exited,
            _ => Status::Created,
        },
        pid: (written.pid > 0).then_some(written.pid),
        started: time(written.started),
        finished: time(written.finished),
        code: written.code,
        oom: written.oom,
        error: written.error.clone(),
    }
}
