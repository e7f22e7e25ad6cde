//! A control group of the container's own, where there are limits: made by the supervisor, gone when it is dropped.
//!
//! A controller is where the kernel has it: in a hierarchy of its own (version 1) or in the common one (version 2), below the
//! group of this process or, where that may have no children, below one above it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::message::Start;
use crate::{Failure, Result, Step};

/// How long a group may take to be empty after its last process was reaped, in milliseconds.
const PATIENCE: u32 = 1000;

/// The group, one directory for each hierarchy.
pub struct Cgroup(Vec<PathBuf>);

/// One hierarchy that has a controller.
pub struct Hierarchy {
    /// Where it is mounted.
    mount: PathBuf,
    /// The group of this process in it.
    pub own: PathBuf,
    /// Whether it is the common one.
    pub unified: bool,
}

impl Cgroup {
    /// A group with the limits of the container; none where there are no limits.
    pub fn new(start: &Start) -> Result<Option<Cgroup>> {
        let mut group = Cgroup(Vec::new());
        if start.memory > 0 && start.pids > 0 {
            // In the common hierarchy a process is in one group: it has both controllers or none.
            group.with("pids")?;
        }
        if start.memory > 0 {
            let (directory, unified) = group.with("memory")?;
            let memory = start.memory.to_string();
            let (file, swap, both) = match unified {
                true => ("memory.max", "memory.swap.max", start.memory),
                false => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", start.memory * 2),
            };
            write(&directory.join(file), &memory).step(|| "limit the memory")?;
            // As much swap as memory (Docker's default), where the kernel counts swap at all.
            let _ = write(&directory.join(swap), &both.to_string());
        }
        if start.pids > 0 {
            let (directory, _) = group.with("pids")?;
            write(&directory.join("pids.max"), &start.pids.to_string()).step(|| "limit the processes")?;
        }
        Ok((!group.0.is_empty()).then_some(group))
    }

    /// Puts this process into the group.
    pub fn join(&self) -> Result<()> {
        self.0
            .iter()
            .try_for_each(|directory| write(&directory.join("cgroup.procs"), "0"))
            .step(|| "enter the control group")
    }

    /// A directory of the group that has a controller, and whether it is of version 2.
    fn with(&mut self, controller: &str) -> Result<(PathBuf, bool)> {
        let missing =
            |why: &str| Failure { errno: libc::EOPNOTSUPP, step: format!("limit {controller}: {why}") };
        let hierarchy = Hierarchy::of(controller)
            .step(|| "read the control groups of this process")?
            .ok_or_else(|| missing("the kernel has no such controller, or it is not mounted"))?;
        let name = format!("layerkit-{}", std::process::id());
        let mut why = format!("{} cannot be written", hierarchy.mount.display());
        for parent in hierarchy.parents() {
            let directory = parent.join(&name);
            if self.0.contains(&directory) {
                if hierarchy.unified {
                    enable(&parent, controller);
                }
                return Ok((directory, hierarchy.unified));
            }
            if hierarchy.unified && !enable(&parent, controller) {
                continue;
            }
            // An earlier helper of this number may have been killed.
            let _ = fs::remove_dir(&directory);
            match fs::create_dir(&directory) {
                Ok(()) => {
                    self.0.push(directory.clone());
                    return Ok((directory, hierarchy.unified));
                }
                Err(error) => why = format!("create {}: {error}", directory.display()),
            }
        }
        Err(missing(&why))
    }
}

impl Cgroup {
    /// The directories of it.
    pub fn directories(&self) -> Vec<String> {
        self.0.iter().map(|directory| directory.display().to_string()).collect()
    }

    /// The directory of it that can be frozen, if there is one.
    pub fn freezable(&self) -> Option<&Path> {
        self.0.iter().find(|directory| directory.join("cgroup.freeze").exists()).map(PathBuf::as_path)
    }

    /// Whether the kernel has killed a process of it because its memory was used up.
    pub fn ran_out_of_memory(&self) -> bool {
        let files = ["memory.events", "memory.oom_control"];
        let texts =
            self.0.iter().flat_map(|directory| files.map(|file| fs::read_to_string(directory.join(file))));
        texts.flatten().any(|text| {
            let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
            count.is_some_and(|count| count.trim() != "0")
        })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        self.0.iter().for_each(|directory| remove(directory));
    }
}

/// Removes a group whose processes have ended.
pub fn remove(directory: &Path) {
    for _ in 0..PATIENCE {
        match fs::remove_dir(directory) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                std::thread::sleep(Duration::from_millis(1));
            }
            _ => break,
        }
    }
}

impl Hierarchy {
    /// The hierarchy that has a controller; none where it is not there to be used.
    pub fn of(controller: &str) -> io::Result<Option<Hierarchy>> {
        let groups = fs::read_to_string("/proc/self/cgroup")?;
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        // hierarchy-ID:controller-list:path (cgroups(7))
        let lines = groups.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            Some((parts.next()?, parts.next()?))
        });
        let (mut own, mut unified) = (None, false);
        for (controllers, path) in lines {
            if controllers.split(',').any(|name| name == controller) {
                (own, unified) = (Some(path), false);
                break;
            }
            if controllers.is_empty() {
                (own, unified) = (Some(path), true);
            }
        }
        let Some(own) = own else { return Ok(None) };
        let mount =
            mounts.lines().find_map(|line| mounted(line, if unified { None } else { Some(controller) }));
        Ok(mount.map(|(root, mount)| {
            // What is mounted may be a part of the hierarchy only.
            let below = Path::new(own).strip_prefix(&root).unwrap_or(Path::new(""));
            Hierarchy { own: mount.join(below), mount, unified }
        }))
    }

    /// Groups that may get a child, the nearest first.
    fn parents(&self) -> Vec<PathBuf> {
        let mut parents: Vec<PathBuf> = self
            .own
            .ancestors()
            .take_while(|path| path.starts_with(&self.mount))
            .map(Path::to_owned)
            .collect();
        if !self.unified {
            parents.truncate(1);
        }
        parents
    }
}

/// The root and the mount point of a line of mountinfo, if it is a hierarchy with this controller, or the common one.
fn mounted(line: &str, controller: Option<&str>) -> Option<(PathBuf, PathBuf)> {
    let (mount, kind) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let (root, point) = (mount.next()?, mount.next()?);
    let mut kind = kind.split(' ');
    let (name, options) = (kind.next()?, kind.nth(1)?);
    let found = match controller {
        None => name == "cgroup2",
        Some(controller) => name == "cgroup" && options.split(',').any(|option| option == controller),
    };
    found.then(|| (PathBuf::from(root), PathBuf::from(point)))
}

/// Whether the children of a group have a controller, or have got it by this.
fn enable(group: &Path, controller: &str) -> bool {
    let has = || {
        let list = fs::read_to_string(group.join("cgroup.subtree_control")).unwrap_or_default();
        list.split_whitespace().any(|name| name == controller)
    };
    // A group with processes has no children with controllers, and would be changed by the try; the root may have both.
    let is_root = !group.join("cgroup.type").exists();
    let is_empty = || fs::read_to_string(group.join("cgroup.procs")).is_ok_and(|list| list.trim().is_empty());
    if !has() && !is_root && !is_empty() {
        return false;
    }
    has() || (write(&group.join("cgroup.subtree_control"), &format!("+{controller}")).is_ok() && has())
}

/// Writes to a file of a group.
pub fn write(file: &Path, text: &str) -> io::Result<()> {
    // Not created: a file that the kernel does not offer has to fail.
    fs::OpenOptions::new()
        .write(true)
        .open(file)
        .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()))
}
