//! Where the command of a step works: the image's layers in an overlay, or a copy of its whole root.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::Build;
use super::stage::Stage;
use crate::config::Isolation;
use crate::container;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::layer::{self, Lower, Stamps, Toc};
use crate::store::{ContainerFolder, Form, Lease, Store};

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
/// Trying costs a few milliseconds, and what worked is remembered for the process.
pub fn run_mode(store: &Store) -> Result<RunMode> {
    static KNOWN: Mutex<BTreeMap<(PathBuf, Option<Isolation>), RunMode>> = Mutex::new(BTreeMap::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (store.root().to_owned(), store.isolation());
    if let Some(mode) = known().get(&key) {
        return Ok(mode.clone());
    }
    let mode = find_mode(store)?;
    known().insert(key, mode.clone());
    Ok(mode)
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

/// Where a command works, in the folder of its container.
pub struct Workspace {
    /// How it is run.
    pub isolation: Isolation,
    /// The directories of the layers below, the topmost first; none for a copied root.
    pub lowers: Vec<PathBuf>,
    /// For each layer of the stage, the lowest first, a directory that has what it put into the image.
    pub unpacked: Vec<PathBuf>,
    /// What takes the changes: an upper directory, or the copied root.
    changes: PathBuf,
    stamps: Stamps,
}

impl Workspace {
    /// Makes it, for a container of this stage.
    pub fn prepare(
        build: &Build<'_>,
        stage: &Stage,
        folder: &ContainerFolder<'_>,
        lease: &Lease<'_>,
    ) -> Result<Workspace> {
        let isolation = run_mode(build.store)?.isolation;
        let unpacked = stage.snapshots(build.store, lease, build.task)?;
        let changes = folder.upper();
        let (mut lowers, mut stamps) = (Vec::new(), Stamps::default());
        match isolation {
            Isolation::Overlay => lowers.extend(unpacked.iter().rev().cloned()),
            Isolation::Chroot => {
                if let Some(root) = unpacked.last() {
                    stamps = layer::copy_root(root, &changes, build.task)?;
                }
            }
        }
        Ok(Workspace { isolation, lowers, unpacked, changes, stamps })
    }

    /// Lays a small layer of the build's own upon it, before the command runs.
    pub fn apply(&self, build: &Build<'_>, stage: &mut Stage, tar: impl Read) -> Result<()> {
        let (limits, task) = (build.store.limits(), build.task);
        match self.isolation {
            Isolation::Overlay => {
                let tree = stage.tree(build.store)?;
                layer::apply_overlay(&self.changes, &self.lowers, tree, tar, limits, task)
            }
            Isolation::Chroot => layer::apply_flat(&self.changes, tar, limits, task),
        }
    }

    /// Writes what was changed as a layer: the same one, whichever way the command was run.
    pub fn diff(&self, build: &Build<'_>, stage: &mut Stage, out: impl Write) -> Result<Toc> {
        let lower = Lower { tree: stage.tree(build.store)?, unpacked: &self.unpacked };
        match self.isolation {
            Isolation::Overlay => layer::diff_overlay(&self.changes, lower, build.epoch, out, build.task),
            Isolation::Chroot => {
                layer::diff_copied(&self.changes, lower, &self.stamps, build.epoch, out, build.task)
            }
        }
    }

    /// Makes what was written the snapshot of its layer.
    pub fn keep(self, store: &Store, chain_id: Digest) -> Result<()> {
        let form = match self.isolation {
            Isolation::Overlay => Form::Layer,
            Isolation::Chroot => Form::Root,
        };
        let snapshot = store.temporary_directory()?;
        fs::rename(&self.changes, &snapshot.path().join("fs"))?;
        store.add_snapshot(chain_id, form, snapshot).map(drop)
    }
}
