//! Where a command works: the image's layers in an overlay, or a copy of its whole root. Of the steps of builds and of containers alike.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::config::Isolation;
use crate::container;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::{self, Lower, Stamps, Toc, Tree};
use crate::store::{Form, Lease, Store, StoredLayer};
use crate::task::Task;

/// What a container has as PATH where its image says nothing (Docker's default).
pub const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How steps are run here.
#[derive(Clone, Debug)]
pub struct RunMode {
    /// The way.
    pub isolation: Isolation,
    /// Why it is not an overlay; empty when it is one.
    pub reason: String,
}

/// What every reason for a chroot ends with.
const CHROOT_IS: &str = "steps run by chroot in a copy of the root: as this process, not apart from it, and without /proc and /sys";

/// How steps are run on this store: as was asked for, or else in an overlay, or else in a copied root. `unsupported`, with the
/// reasons, where neither works.
///
/// Trying costs a few milliseconds. What worked is remembered for the process; that an overlay did, by a file of the store, for every process of
/// the same boot, namespaces and privileges.
pub fn run_mode(store: &Store) -> Result<RunMode> {
    static KNOWN: Mutex<BTreeMap<(PathBuf, Option<Isolation>), RunMode>> = Mutex::new(BTreeMap::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (store.root().to_owned(), store.isolation());
    if let Some(mode) = known().get(&key) {
        return Ok(mode.clone());
    }
    let (surroundings, note) = (surroundings(), store.root().join(NOTE));
    let noted =
        fs::read_optional(&note, NOTE_LIMIT)?.filter(|_| store.isolation() != Some(Isolation::Chroot));
    let is_noted = noted.is_some() && noted.as_deref() == surroundings.as_ref().map(String::as_bytes);
    let mode = match is_noted {
        true => RunMode { isolation: Isolation::Overlay, reason: String::new() },
        false => find_mode(store)?,
    };
    if let (Isolation::Overlay, Some(surroundings), false) = (mode.isolation, surroundings, is_noted) {
        // Another process may write it as well; what is lost is only time.
        let _ = fs::AtomicFile::create_private(&note).and_then(|mut file| {
            file.write_all(surroundings.as_bytes()).context(|| "note").and_then(|()| file.place())
        });
    }
    known().insert(key, mode.clone());
    Ok(mode)
}

/// The file of the store that says where an overlay worked.
const NOTE: &str = "overlay-works";
/// More than it has, in bytes.
const NOTE_LIMIT: u64 = 64 * 1024;

/// What decides whether an overlay works, as far as a process can see it without trying. `None` where it cannot.
fn surroundings() -> Option<String> {
    let read = |path: &str| {
        let bytes = fs::read(Path::new(path), NOTE_LIMIT).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let mut text = read("/proc/sys/kernel/random/boot_id")?;
    for namespace in ["mnt", "pid", "user"] {
        let link = fs::read_link(Path::new(&format!("/proc/self/ns/{namespace}"))).ok()?;
        text.push_str(&format!("{}\n", link.display()));
    }
    let status = read("/proc/self/status")?;
    let kept = status.lines().filter(|line| {
        ["Uid:", "CapEff:", "CapBnd:", "NoNewPrivs:", "Seccomp:"].iter().any(|key| line.starts_with(key))
    });
    for line in kept {
        text.push_str(line);
        text.push('\n');
    }
    Some(text)
}

fn find_mode(store: &Store) -> Result<RunMode> {
    let works = |isolation| container::is_supported(isolation, store.temporary_directory()?.path());
    let chroot = |why: &str| RunMode { isolation: Isolation::Chroot, reason: format!("{why}; {CHROOT_IS}") };
    let overlay = RunMode { isolation: Isolation::Overlay, reason: String::new() };
    match store.isolation() {
        Some(Isolation::Overlay) => works(Isolation::Overlay).map(|()| overlay),
        Some(Isolation::Chroot) => works(Isolation::Chroot).map(|()| chroot("asked for")),
        None => match works(Isolation::Overlay) {
            Ok(()) => Ok(overlay),
            Err(no_overlay) => match works(Isolation::Chroot) {
                Ok(()) => Ok(chroot(&no_overlay.to_string())),
                Err(no_chroot) if no_chroot.to_string() == no_overlay.to_string() => Err(no_overlay),
                Err(no_chroot) => {
                    Err(Error::new(ErrorKind::Unsupported, format!("{no_overlay}; {no_chroot}")))
                }
            },
        },
    }
}

/// For each of these layers, the lowest first, a directory that has what it put into the image, under the same path: its own, or
/// where there is no overlay the whole root, for every one of them.
pub fn unpacked(
    store: &Store,
    layers: &[StoredLayer],
    lease: &Lease<'_>,
    task: &Task,
) -> Result<Vec<PathBuf>> {
    if !matches!(run_mode(store), Ok(RunMode { isolation: Isolation::Overlay, .. })) {
        let root = store.unpack_root(layers, lease, task)?;
        return Ok(root.map_or_else(Vec::new, |root| vec![root.path; layers.len()]));
    }
    Ok(store.unpack(layers, lease, task)?.into_iter().map(|snapshot| snapshot.path).collect())
}

/// Where a command works, in the folder of its container.
pub struct Workspace<'a> {
    store: &'a Store,
    task: &'a Task,
    /// How it is run.
    pub isolation: Isolation,
    /// The directories of the layers below, the topmost first; none for a copied root.
    pub lowers: Vec<PathBuf>,
    /// For each layer below, the lowest first, a directory that has what it put into the image.
    pub unpacked: Vec<PathBuf>,
    /// What takes the changes: an upper directory, or the copied root.
    changes: PathBuf,
    stamps: Stamps,
}

impl<'a> Workspace<'a> {
    /// Makes it upon these layers, in an empty directory that is to take the changes.
    pub fn prepare(
        store: &'a Store,
        layers: &[StoredLayer],
        changes: PathBuf,
        lease: &Lease<'_>,
        task: &'a Task,
    ) -> Result<Self> {
        let isolation = run_mode(store)?.isolation;
        let unpacked = unpacked(store, layers, lease, task)?;
        let (mut lowers, mut stamps) = (Vec::new(), Stamps::default());
        match isolation {
            Isolation::Overlay => lowers.extend(unpacked.iter().rev().cloned()),
            Isolation::Chroot => {
                if let Some(root) = unpacked.last() {
                    stamps = layer::copy_root(root, &changes, task)?;
                }
            }
        }
        Ok(Workspace { store, task, isolation, lowers, unpacked, changes, stamps })
    }

    /// Lays a small layer of our own upon the merged view of those below, before the command runs.
    pub fn apply(&self, tree: &Tree, tar: impl Read) -> Result<()> {
        let (limits, task) = (self.store.limits(), self.task);
        match self.isolation {
            Isolation::Overlay => layer::apply_overlay(&self.changes, &self.lowers, tree, tar, limits, task),
            Isolation::Chroot => layer::apply_flat(&self.changes, tar, limits, task),
        }
    }

    /// Writes what was changed as a layer: the same one, whichever way the command was run.
    pub fn diff(&self, tree: &Tree, epoch: Option<i64>, out: impl Write) -> Result<Toc> {
        let lower = Lower { tree, unpacked: &self.unpacked };
        match self.isolation {
            Isolation::Overlay => layer::diff_overlay(&self.changes, lower, epoch, out, self.task),
            Isolation::Chroot => {
                layer::diff_copied(&self.changes, lower, &self.stamps, epoch, out, self.task)
            }
        }
    }

    /// Makes what was written the snapshot of its layer.
    pub fn keep(self, chain_id: Digest) -> Result<()> {
        let form = match self.isolation {
            Isolation::Overlay => Form::Layer,
            Isolation::Chroot => Form::Root,
        };
        let snapshot = self.store.temporary_directory()?;
        fs::rename(&self.changes, &snapshot.path().join("fs"))?;
        self.store.add_snapshot(chain_id, form, snapshot).map(drop)
    }
}
