//! Removing and renaming containers.

use super::names;
use super::object::{Object, sweep};
use super::options::{ContainerPruneOptions, ContainerRemoveOptions};
use super::report::ContainerPruneReport;
use super::stop;
use crate::container::Status;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::store::{PruneOptions, PruneReport, Store, check_filters, has_labels, until_time};
use crate::task::Task;

/// Removes a container.
pub fn remove(store: &Store, container: &str, options: &ContainerRemoveOptions) -> Result<()> {
    let object = Object::find(store, container)?;
    let refuse = |status| {
        let (what, hint) = match status {
            Status::Paused => ("paused", "Unpause and then stop the container"),
            _ => ("running", "Stop the container"),
        };
        let id = &object.id;
        object.conflict(format!(
            "You cannot remove a {what} container {id}. {hint} before attempting removal or force remove"
        ))
    };
    let status = object.state()?.status;
    if matches!(status, Status::Running | Status::Paused) {
        if !options.force {
            return Err(refuse(status));
        }
        stop::kill_hard(&object)?;
        return after_end(&object);
    }
    let Some(lock) = object.hold()? else { return Err(refuse(Status::Running)) };
    take_away(&object)?;
    drop(lock);
    Ok(())
}

/// Removes one that is known not to run and whose lock is held.
fn take_away(object: &Object<'_>) -> Result<()> {
    let store = object.store;
    store.forget_container(&object.id, object.settings.auto_remove)?;
    // Layers of an image that went before have nobody else.
    if !store.has_image(object.image)? {
        store.collect_after_container()?;
    }
    Ok(())
}

/// Removes one that has ended, once its monitor is done. One that somebody else removes, or has started again, is left alone.
pub fn after_end(object: &Object<'_>) -> Result<()> {
    match remove_ended(object) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn remove_ended(object: &Object<'_>) -> Result<()> {
    loop {
        // Also sees to it that what a killed monitor has left is gone.
        let status = object.state()?.status;
        if matches!(status, Status::Running | Status::Paused) {
            return Ok(());
        }
        if let Some(lock) = object.hold()? {
            if object.store.has_container(&object.id)? {
                take_away(object)?;
            }
            drop(lock);
            return Ok(());
        }
        // The monitor has written its last, and lets go at once.
        wait_for_monitor(object)?;
    }
}

/// Waits until no monitor has the container. Only where it is sure to be ending.
pub fn wait_for_monitor(object: &Object<'_>) -> Result<()> {
    let lock = fs::open_existing_lock(&object.folder.join("lock"))?;
    fs::flock(&lock).context(|| format!("wait for the monitor of container {}", object.id))
}

/// Removes one that could not be started.
pub fn discard(object: &Object<'_>) -> Result<()> {
    match object.hold()? {
        Some(lock) => {
            take_away(object)?;
            drop(lock);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Gives a container another name.
pub fn rename(store: &Store, container: &str, name: &str) -> Result<()> {
    if container.is_empty() || name.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, "Neither old nor new names may be empty"));
    }
    store.rename_container(container, names::check(name)?)
}

/// Removes the containers that do not run.
pub fn prune(store: &Store, options: &ContainerPruneOptions, task: &Task) -> Result<ContainerPruneReport> {
    prune_as(store, options, false, task)
}

fn prune_as(
    store: &Store,
    options: &ContainerPruneOptions,
    dry_run: bool,
    task: &Task,
) -> Result<ContainerPruneReport> {
    check_filters(&options.filters, &["label", "label!", "until"])?;
    let values = |name: &str| options.filters.get(name).filter(|values| !values.is_empty());
    let until = match values("until").map(Vec::as_slice) {
        None | Some([]) => None,
        Some([until]) => Some(until_time(until)?),
        Some(_) => {
            return Err(Error::new(ErrorKind::InvalidArgument, "more than one until filter specified"));
        }
    };
    sweep(store)?;
    let mut report = ContainerPruneReport::default();
    for object in Object::all(store)? {
        task.check()?;
        let labels = &object.settings.config.labels;
        let created: Option<jiff::Timestamp> = object.settings.created.parse().ok();
        let wanted = values("label").is_none_or(|wanted| has_labels(labels, wanted))
            && !values("label!").is_some_and(|unwanted| has_labels(labels, unwanted))
            && until.is_none_or(|until| created.is_some_and(|created| created.as_second() <= until));
        if !wanted {
            continue;
        }
        // What another process removes, or starts, meanwhile is none of ours.
        let lock = match object.hold() {
            Ok(Some(lock)) => lock,
            Ok(None) => continue,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if !store.has_container(&object.id)? {
            continue;
        }
        let size = fs::tree_size(&object.folder)?;
        if !dry_run {
            take_away(&object)?;
        }
        drop(lock);
        report.reclaimed += size;
        report.deleted.push(object.id);
    }
    Ok(report)
}

/// Prunes containers that do not run, and then all that the store has without a use.
pub fn prune_system(store: &Store, options: &PruneOptions, task: &Task) -> Result<PruneReport> {
    let mut filters = options.filters.clone();
    filters.remove("dangling");
    let containers = prune_as(store, &ContainerPruneOptions { filters }, options.dry_run, task)?;
    let mut report = store.prune_system(options, task)?;
    report.containers = containers.deleted;
    report.reclaimed += containers.reclaimed;
    Ok(report)
}
