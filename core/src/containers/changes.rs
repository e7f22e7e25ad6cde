//! What a container has changed: as a list, and as a layer.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::mounts;
use super::object::Object;
use super::start::Ground;
use crate::archive::{ChangeKind, FileChange, merge};
use crate::config::Isolation;
use crate::container::Status;
use crate::error::{Error, Result, ResultExt};
use crate::layer::{self, Differing, Lower, Stamps, Toc, Tree, Whiteout};
use crate::store::{Store, StoredLayer};
use crate::task::Task;

/// What differs between a container and its image.
pub fn diff(store: &Store, container: &str, task: &Task) -> Result<Vec<FileChange>> {
    let object = Object::find(store, container)?;
    let changed = Changed::of(&object, task)?;
    let toc = changed.write(None, true, std::io::sink(), task)?;
    Ok(list(&toc, &changed.tree))
}

/// A container and the layers that it stands on.
pub struct Changed {
    ground: Ground,
    /// The layers, lowest first.
    pub layers: Vec<StoredLayer>,
    /// Their merged view.
    pub tree: Tree,
    stubs: std::collections::BTreeSet<PathBuf>,
    /// What of a copied root is never a change: while it runs it is the run's own, and volumes are no part of an image.
    hidden: std::collections::BTreeSet<PathBuf>,
}

impl Changed {
    /// Of a container, which may run.
    pub fn of(object: &Object<'_>, task: &Task) -> Result<Changed> {
        let ground = Ground::of(object, task)?;
        let layers = object.store.layers_of_container(&object.id)?;
        let tree = merge(object.store, &layers, task)?;
        let mut hidden = std::collections::BTreeSet::new();
        if ground.isolation == Isolation::Chroot {
            let volumes = object.settings.volumes();
            hidden.extend(volumes.iter().map(|path| PathBuf::from(path.trim_start_matches('/'))));
            if object.state()?.status != Status::Exited {
                hidden.extend(OF_THE_RUN.map(PathBuf::from));
            }
        }
        Ok(Changed { stubs: mounts::stubs(object)?, ground, layers, tree, hidden })
    }

    /// Writes them as a layer, or only its table of contents.
    pub fn write(&self, epoch: Option<i64>, names_only: bool, out: impl Write, task: &Task) -> Result<Toc> {
        let lower = Lower { tree: &self.tree, unpacked: &self.ground.unpacked };
        // Nothing is known of when the copy was made: all of it is compared.
        let stamps = Stamps::default();
        let how = Differing {
            stamps: (self.ground.isolation == Isolation::Chroot).then_some(&stamps),
            epoch,
            stubs: Some(&self.stubs),
            hidden: Some(&self.hidden),
            names_only,
        };
        layer::diff(&self.ground.upper, lower, &how, out, task).context(|| "read what the container changed")
    }
}

/// What is the run's own in a copied root as long as it lasts.
const OF_THE_RUN: [&str; 6] = ["dev", "proc", "sys", "etc/hostname", "etc/hosts", "etc/resolv.conf"];

/// A table of contents as a list of changes, sorted by path.
pub fn list(toc: &Toc, lower: &Tree) -> Vec<FileChange> {
    let mut changes: BTreeMap<PathBuf, ChangeKind> = BTreeMap::new();
    for entry in &toc.entries {
        match entry.whiteout() {
            Some(Whiteout::Path(path)) => drop(changes.insert(path, ChangeKind::Deleted)),
            Some(Whiteout::Opaque(path)) => {
                for name in lower.children(&path) {
                    changes.entry(path.join(name)).or_insert(ChangeKind::Deleted);
                }
            }
            None if entry.path.as_os_str().is_empty() => {}
            None => {
                let is_there = lower.get(&entry.path).is_some();
                let kind = if is_there { ChangeKind::Changed } else { ChangeKind::Added };
                changes.insert(entry.path.clone(), kind);
            }
        }
    }
    let mut changes: Vec<FileChange> = changes
        .into_iter()
        .map(|(path, kind)| FileChange { path: Path::new("/").join(path), kind })
        .collect();
    changes.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    changes
}

/// Does something while nothing in a container runs, if it does and that is asked; lets it go on whatever comes of it.
pub fn at_rest<T>(object: &Object<'_>, pause: bool, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let runs = pause && object.state()?.status == Status::Running;
    let paused = match crate::container::connect(&object.folder)?.filter(|_| runs) {
        Some(mut connection) => match connection.pause() {
            Ok(()) => true,
            // It ended, or somebody else has paused it: at rest all the same.
            Err(error) if error.kind() == crate::error::ErrorKind::Conflict => false,
            Err(error) => return Err(error),
        },
        None => false,
    };
    let result = work();
    if paused {
        let resumed = crate::container::connect(&object.folder).and_then(|connection| match connection {
            Some(mut connection) => connection.unpause(),
            None => Ok(()),
        });
        match (&result, resumed) {
            (Ok(_), Err(error)) if error.kind() != crate::error::ErrorKind::Conflict => {
                return Err(Error::context(error, "let the container go on"));
            }
            _ => {}
        }
    }
    result
}
