//! Writes how the container is into its folder.

use std::os::fd::OwnedFd;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Mode, OFlags, openat, renameat};

use crate::cgroup::Cgroup;
use crate::frames::Answer;
use crate::message::Start;
use crate::state::{FILE, FRESH, Written};
use crate::{Result, Step};

/// What is written, as it is now.
pub struct Writer {
    written: Written,
    /// Process 1, as the host counts.
    pub pid: u32,
}

impl Writer {
    /// Before anything runs. What would have to be taken away should this process be killed is written at once.
    pub fn new(folder: &OwnedFd, cgroup: Option<&Cgroup>, start: &Start) -> Result<Writer> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let written = Written {
            status: "created".to_owned(),
            monitor: std::process::id(),
            boot: boot.trim().to_owned(),
            cgroups: cgroup.map(Cgroup::directories).unwrap_or_default(),
            furnished: start.chroot.then(|| (text(&start.upper), text(&start.work))),
            ..Written::default()
        };
        if !written.cgroups.is_empty() || written.furnished.is_some() {
            write(folder, &written).step(|| "write the container's state")?;
        }
        Ok(Writer { written, pid: 0 })
    }

    /// The command runs.
    pub fn started(&mut self) {
        self.written.status = "running".to_owned();
        self.written.pid = self.pid;
        self.written.started = now();
    }

    /// It stands still, or goes on. `added` is a group that was made for it.
    pub fn paused(&mut self, paused: bool, added: Option<String>) {
        self.written.status = if paused { "paused" } else { "running" }.to_owned();
        self.written.cgroups.retain(|path| !path.ends_with(super::pause::SUFFIX));
        self.written.cgroups.extend(added);
    }

    /// The command could not be executed.
    pub fn failed(&mut self, refusal: &Answer) {
        if let Answer::Failed { step, code, .. } = refusal {
            self.written.error = step.clone();
            self.written.code = (*code != 0).then_some(*code);
        }
        self.over("created");
    }

    /// It ended.
    pub fn exited(&mut self, code: i32, oom: bool) {
        self.written.code = Some(code);
        self.written.oom = oom;
        self.written.finished = now();
        self.over("exited");
    }

    fn over(&mut self, status: &str) {
        self.written.status = status.to_owned();
        self.written.pid = 0;
        self.written.monitor = 0;
        self.written.cgroups.clear();
    }

    /// Writes it. Where there is no room, what was written before stays: it is told that this process has gone.
    pub fn write(&self, folder: &OwnedFd) {
        let _ = write(folder, &self.written);
    }
}

fn now() -> Option<(u64, u32)> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some((since.as_secs(), since.subsec_nanos()))
}

fn write(folder: &OwnedFd, written: &Written) -> rustix::io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = openat(folder, FRESH, flags, Mode::RUSR | Mode::WUSR)?;
    let text = written.encode();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let n = rustix::io::write(&file, rest)?;
        rest = &rest[n..];
    }
    renameat(folder, FRESH, folder, FILE)
}
