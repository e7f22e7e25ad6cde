//! Makes every process of the container stand still: by a control group that freezes, made when it is wanted, or by signals where none
//! can be had.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use super::Monitor;
use crate::cgroup::{self, Hierarchy};
use crate::chroot;

/// How names of groups end that are made to freeze.
pub const SUFFIX: &str = "-pause";
/// How long processes may take to stand still, in milliseconds.
const PATIENCE: u32 = 2000;

/// How it was done.
pub enum Pause {
    /// By a group.
    Frozen(Freezer),
    /// By SIGSTOP.
    Stopped,
}

/// A group that freezes.
pub struct Freezer {
    directory: PathBuf,
    /// The group that its processes came from and go back to, if it was made for this.
    from: Option<PathBuf>,
    unified: bool,
}

impl Pause {
    /// The directory of a group that was made.
    pub fn made(&self) -> Option<String> {
        match self {
            Pause::Frozen(freezer) if freezer.from.is_some() => Some(freezer.directory.display().to_string()),
            _ => None,
        }
    }

    /// Takes away what was made; the processes have ended.
    pub fn end(self) {
        if let Pause::Frozen(Freezer { directory, from: Some(_), .. }) = self {
            cgroup::remove(&directory);
        }
    }
}

impl Monitor {
    /// Stops everything.
    pub fn pause(&mut self) -> Result<(), String> {
        if self.pause.is_some() {
            return Err("the container is already paused".to_owned());
        }
        let frozen = self.freezer().and_then(|freezer| match freezer.freeze() {
            Ok(()) => Ok(freezer),
            Err(error) => {
                freezer.thaw();
                Err(error)
            }
        });
        let pause = match frozen {
            Ok(freezer) => Pause::Frozen(freezer),
            Err(_) => {
                stop_all();
                Pause::Stopped
            }
        };
        self.state.paused(true, pause.made());
        self.state.write(&self.folder);
        self.pause = Some(pause);
        Ok(())
    }

    /// Lets everything go on.
    pub fn unpause(&mut self) -> Result<(), String> {
        let Some(pause) = self.pause.take() else { return Err("the container is not paused".to_owned()) };
        match &pause {
            Pause::Frozen(freezer) => freezer.thaw(),
            Pause::Stopped => {
                chroot::descendants()
                    .iter()
                    .for_each(|(pid, started)| chroot::signal(*pid, *started, Signal::CONT));
            }
        }
        self.state.paused(false, None);
        self.state.write(&self.folder);
        Ok(())
    }

    fn freezer(&self) -> io::Result<Freezer> {
        if let Some(directory) = self.cgroup.as_ref().and_then(cgroup::Cgroup::freezable) {
            return Ok(Freezer { directory: directory.to_owned(), from: None, unified: true });
        }
        let none = || io::Error::from_raw_os_error(libc::EOPNOTSUPP);
        let hierarchy = Hierarchy::of("freezer")?.ok_or_else(none)?;
        let directory = hierarchy.own.join(format!("layerkit-{}{SUFFIX}", std::process::id()));
        fs::create_dir(&directory)?;
        Ok(Freezer { directory, from: Some(hierarchy.own), unified: hierarchy.unified })
    }
}

impl Freezer {
    fn freeze(&self) -> io::Result<()> {
        if self.from.is_some() {
            self.move_all_in()?;
        }
        let (file, text) = if self.unified { ("cgroup.freeze", "1") } else { ("freezer.state", "FROZEN") };
        cgroup::write(&self.directory.join(file), text)?;
        for _ in 0..PATIENCE {
            if self.is_frozen() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(io::Error::from_raw_os_error(libc::ETIMEDOUT))
    }

    fn is_frozen(&self) -> bool {
        let (file, line) =
            if self.unified { ("cgroup.events", "frozen 1") } else { ("freezer.state", "FROZEN") };
        let text = fs::read_to_string(self.directory.join(file)).unwrap_or_default();
        text.lines().any(|found| found.trim() == line)
    }

    /// What is started by a process that is in is in, too: it is over when nothing is outside.
    fn move_all_in(&self) -> io::Result<()> {
        let procs = self.directory.join("cgroup.procs");
        loop {
            let inside = processes(&procs);
            let mut outside = chroot::descendants();
            outside.retain(|pid, _| !inside.contains(pid));
            let mut moved = false;
            for pid in outside.keys() {
                match cgroup::write(&procs, &pid.to_string()) {
                    Ok(()) => moved = true,
                    // It has ended.
                    Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                    Err(error) => return Err(error),
                }
            }
            if !moved {
                return Ok(());
            }
        }
    }

    fn thaw(&self) {
        let (file, text) = if self.unified { ("cgroup.freeze", "0") } else { ("freezer.state", "THAWED") };
        let _ = cgroup::write(&self.directory.join(file), text);
        let Some(from) = &self.from else { return };
        let (here, there) = (self.directory.join("cgroup.procs"), from.join("cgroup.procs"));
        loop {
            let moved =
                processes(&here).iter().filter(|pid| cgroup::write(&there, &pid.to_string()).is_ok()).count();
            if moved == 0 {
                break;
            }
        }
        cgroup::remove(&self.directory);
    }
}

fn processes(procs: &Path) -> Vec<i32> {
    let text = fs::read_to_string(procs).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Stops everything that comes from this process, until nothing new appears.
fn stop_all() {
    let mut stopped = std::collections::HashMap::new();
    loop {
        let mut fresh = chroot::descendants();
        fresh.retain(|pid, started| stopped.get(pid) != Some(started));
        if fresh.is_empty() {
            return;
        }
        fresh.iter().for_each(|(pid, started)| chroot::signal(*pid, *started, Signal::STOP));
        stopped.extend(fresh);
    }
}
