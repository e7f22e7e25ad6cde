//! Removing and pruning images, by Docker's rules (moby 20.10, `daemon/images/image_delete.go`).

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::collect::Garbage;
use super::db::Sql;
use super::images::{is_id_prefix, no_such_image};
use super::list::{check_filters, flag, has_labels};
use super::prune_cache::MOUNT;
use super::report::{CachePruneOptions, PruneOptions, PruneReport, RemoveOptions, RemoveReport};
use super::{Store, now};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::reference::Reference;
use crate::task::Task;

const PRUNE_FILTERS: [&str; 4] = ["dangling", "label", "label!", "until"];

/// Which conflicts stop a removal.
#[derive(Clone, Copy)]
struct Checks {
    names: bool,
    stopped: bool,
}

fn conflict(id: Digest, forced: &str, why: &str) -> Error {
    Error::new(ErrorKind::Conflict, format!("conflict: unable to delete {} ({forced}) - {why}", id.short()))
        .with("image", id.to_string())
}

/// At most one name, names by digest of the same repository aside.
fn is_single(names: &[Reference]) -> bool {
    let repository = |name: &Reference| (name.host().to_owned(), name.path().to_owned());
    let tagged: Vec<_> = names.iter().filter(|name| name.digest().is_none()).map(repository).collect();
    let by_digest: BTreeSet<_> =
        names.iter().filter(|name| name.digest().is_some()).map(repository).collect();
    match tagged.as_slice() {
        _ if names.len() <= 1 => true,
        [] => by_digest.len() == 1,
        [one] => by_digest.len() == 1 && by_digest.contains(one),
        _ => false,
    }
}

impl Store {
    /// Removes an image by name or ID. Atomic: a conflict leaves everything as it was.
    pub fn remove(&self, image: &str, options: &RemoveOptions) -> Result<RemoveReport> {
        self.forget_dead_engines()?;
        let (report, garbage) = self.db.write(|db| {
            let mut report = RemoveReport::default();
            self.remove_in(db, image, options, &mut report)?;
            Ok((report, self.collect(db)?))
        })?;
        self.discard(garbage)?;
        Ok(report)
    }

    fn remove_in(
        &self,
        db: &Connection,
        image: &str,
        options: &RemoveOptions,
        report: &mut RemoveReport,
    ) -> Result<()> {
        let id = self.find(db, image)?.id;
        let names = self.names(db, id)?;
        let by_name = !is_id_prefix(id, image);
        if by_name {
            let name = image.parse::<Reference>()?.with_default_tag();
            if !options.force
                && is_single(&names)
                && let Some((container, _)) = self.containers_of(db, id)?.first()
            {
                return Err(Error::new(
                        ErrorKind::Conflict,
                        format!(
                            "conflict: unable to remove repository reference \"{image}\" (must force) - container \
                             {container:.12} is using its referenced image {}",
                            id.short()
                        ),
                    )
                    .with("image", id.to_string())
                    .with("container", container.as_str()));
            }
            self.untag(db, &name, report)?;
            let mut left: Vec<_> = names.into_iter().filter(|other| *other != name).collect();
            let same = |other: &Reference| other.host() == name.host() && other.path() == name.path();
            if name.digest().is_none() && !left.iter().any(|other| same(other) && other.digest().is_none()) {
                for other in left.iter().filter(|other| same(other)) {
                    self.untag(db, other, report)?;
                }
                left.retain(|other| !same(other));
            }
            if !left.is_empty() {
                return Ok(());
            }
        } else if is_single(&names) {
            self.check_conflicts(db, id, Checks { names: false, stopped: !options.force })?;
            for name in &names {
                self.untag(db, name, report)?;
            }
        }
        self.delete(db, id, options, by_name, report)
    }

    fn untag(&self, db: &Connection, name: &Reference, report: &mut RemoveReport) -> Result<()> {
        db.run("DELETE FROM names WHERE name = ?", [name.canonical()])?;
        report.untagged.push(name.to_string());
        Ok(())
    }

    /// Containers of an image, running ones first: their IDs and whether they run.
    fn containers_of(&self, db: &Connection, id: Digest) -> Result<Vec<(String, bool)>> {
        let rows = db.rows(
            "SELECT id, running FROM containers WHERE image = ? ORDER BY created, id",
            [id],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)),
        )?;
        let mut containers = Vec::new();
        for (container, of_operation) in rows {
            let runs = of_operation || self.container_runs(&container)?;
            containers.push((container, runs));
        }
        containers.sort_by_key(|(_, runs)| !runs);
        Ok(containers)
    }

    fn check_conflicts(&self, db: &Connection, id: Digest, checks: Checks) -> Result<()> {
        const HARD: &str = "cannot be forced";
        const SOFT: &str = "must be forced";
        if self.children(db, id)? > 0 {
            return Err(conflict(id, HARD, "image has dependent child images"));
        }
        let containers = self.containers_of(db, id)?;
        if let Some((container, true)) = containers.first() {
            let why = format!("image is being used by running container {container:.12}");
            return Err(conflict(id, HARD, &why).with("container", container.as_str()));
        }
        if self.is_leased(db, id)? {
            return Err(conflict(id, HARD, "image is being used by a running operation"));
        }
        if checks.names && !self.names(db, id)?.is_empty() {
            return Err(conflict(id, SOFT, "image is referenced in multiple repositories"));
        }
        if let Some((container, false)) = containers.first().filter(|_| checks.stopped) {
            let why = format!("image is being used by stopped container {container:.12}");
            return Err(conflict(id, SOFT, &why).with("container", container.as_str()));
        }
        Ok(())
    }

    fn is_leased(&self, db: &Connection, id: Digest) -> Result<bool> {
        Ok(db.number("SELECT count(*) FROM leases WHERE kind = 'image' AND key = ?", [id])? > 0)
    }

    /// Deletes an image and then, quietly, the parents that nothing else needs.
    fn delete(
        &self,
        db: &Connection,
        id: Digest,
        options: &RemoveOptions,
        by_name: bool,
        report: &mut RemoveReport,
    ) -> Result<()> {
        let checks = Checks { names: !options.force, stopped: !options.force };
        if let Err(error) = self.check_conflicts(db, id, checks) {
            // A name is gone, and the image stays because something needs it: that is what was asked.
            let dangling = self.names(db, id)?.is_empty() && self.children(db, id)? == 0;
            let used = !self.containers_of(db, id)?.is_empty();
            return if by_name && (!dangling || used) { Ok(()) } else { Err(error) };
        }
        let mut next = self.delete_one(db, id, report)?;
        while let Some(parent) = next.filter(|_| !options.no_prune) {
            if self.check_conflicts(db, parent, Checks { names: true, stopped: true }).is_err() {
                break;
            }
            next = self.delete_one(db, parent, report)?;
        }
        Ok(())
    }

    /// Deletes an image that nothing but the build cache keeps; its parents stay.
    pub(super) fn delete_unused(&self, db: &Connection, id: Digest, report: &mut RemoveReport) -> Result<()> {
        match self.check_conflicts(db, id, Checks { names: true, stopped: true }) {
            Ok(()) => self.delete_one(db, id, report).map(drop),
            Err(_) => Ok(()),
        }
    }

    /// Deletes one image's rows and reports it with the layers that no other image has. Returns its parent.
    fn delete_one(&self, db: &Connection, id: Digest, report: &mut RemoveReport) -> Result<Option<Digest>> {
        let record = self.record(db, id)?.ok_or_else(|| no_such_image(&id.to_string()))?;
        for name in self.names(db, id)? {
            self.untag(db, &name, report)?;
        }
        let chain = db.rows(
            "SELECT chain_id FROM image_layers WHERE image = ? ORDER BY position DESC",
            [id],
            |row| row.get::<_, Digest>(0),
        )?;
        db.run("DELETE FROM images WHERE id = ?", [id])?;
        report.deleted.push(id.to_string());
        for chain_id in chain {
            let sql = "SELECT (SELECT count(*) FROM image_layers WHERE chain_id = ?1)
                         + (SELECT count(*) FROM container_layers WHERE chain_id = ?1)";
            if db.number(sql, [chain_id])? == 0 {
                report.deleted.push(chain_id.to_string());
            }
        }
        Ok(record.parent)
    }

    /// Removes images that nothing uses: those without a name and a child, or with `all` every one without a container. Each goes as
    /// `remove` would have it go; one that is in use is left.
    pub fn prune_images(&self, options: &PruneOptions, task: &Task) -> Result<PruneReport> {
        self.prune(options, task, |_| Ok(Garbage::default()))
    }

    /// The same, every snapshot that no operation uses, and, where no labels are asked for, every cache mount that no step uses.
    pub fn prune_system(&self, options: &PruneOptions, task: &Task) -> Result<PruneReport> {
        let mut report = self.prune(options, task, |db| self.collect_unused_snapshots(db))?;
        if !options.filters.keys().any(|name| name.starts_with("label")) {
            let until = options.filters.get("until").cloned().unwrap_or_default();
            let kind = vec![MOUNT.to_owned()];
            let caches = CachePruneOptions {
                dry_run: options.dry_run,
                filters: BTreeMap::from([("until".into(), until), ("type".into(), kind)]),
                ..CachePruneOptions::default()
            };
            report.reclaimed += self.prune_cache(&caches, task)?.reclaimed;
        }
        Ok(report)
    }

    fn prune(
        &self,
        options: &PruneOptions,
        task: &Task,
        more: impl Fn(&Connection) -> Result<Garbage>,
    ) -> Result<PruneReport> {
        check_filters(&options.filters, &PRUNE_FILTERS)?;
        let until = match options.filters.get("until").map(Vec::as_slice) {
            None | Some([]) => None,
            Some([until]) => Some(until_time(until)?),
            Some(_) => {
                return Err(Error::new(ErrorKind::InvalidArgument, "more than one until filter specified"));
            }
        };
        let all = match options.filters.get("dangling") {
            Some(values) if !values.is_empty() => !flag("dangling", values)?,
            _ => options.all,
        };
        self.forget_dead_engines()?;
        let work = |db: &Connection| {
            let mut report = RemoveReport::default();
            for id in self.unused(db, all)? {
                task.check()?;
                if self.wanted(db, id, options, until)? {
                    self.prune_one(db, id, &mut report)?;
                }
            }
            let mut garbage = more(db)?;
            garbage.add(self.collect(db)?);
            Ok((report, garbage))
        };
        let (report, mut reclaimed) = if options.dry_run {
            let (report, garbage) = self.db.rehearse(work)?;
            (report, garbage.bytes)
        } else {
            let (report, garbage) = self.db.write(work)?;
            let bytes = garbage.bytes;
            self.discard(garbage)?;
            (report, bytes)
        };
        if !options.dry_run {
            reclaimed += self.sweep()?;
        }
        let (untagged, deleted) = (report.untagged, report.deleted);
        Ok(PruneReport { untagged, deleted, containers: Vec::new(), reclaimed })
    }

    /// Images without a child that may go, newest first, so that parents come after their children.
    fn unused(&self, db: &Connection, all: bool) -> Result<Vec<Digest>> {
        let sql = if all {
            "SELECT id FROM images ORDER BY created DESC, added DESC"
        } else {
            "SELECT id FROM images WHERE id NOT IN (SELECT image FROM names)
               AND id NOT IN (SELECT parent FROM images WHERE parent IS NOT NULL)
               AND manifest NOT IN (SELECT digest FROM index_blobs JOIN names ON names.via = index_blobs.via) ORDER BY created DESC, added DESC"
        };
        db.rows(sql, [], |row| row.get(0))
    }

    fn wanted(
        &self,
        db: &Connection,
        id: Digest,
        options: &PruneOptions,
        until: Option<i64>,
    ) -> Result<bool> {
        let Some(created) =
            db.first("SELECT created FROM images WHERE id = ?", [id], |row| row.get::<_, i64>(0))?
        else {
            return Ok(false); // went with one of its children
        };
        let values = |name: &str| options.filters.get(name).filter(|values| !values.is_empty());
        let labels = match values("label").or(values("label!")) {
            None => return Ok(until.is_none_or(|until| created <= until)),
            Some(_) => self.config_in(db, id)?.config.labels,
        };
        Ok(until.is_none_or(|until| created <= until)
            && values("label").is_none_or(|wanted| has_labels(&labels, wanted))
            && !values("label!").is_some_and(|unwanted| has_labels(&labels, unwanted)))
    }

    /// Removes one image with all its names, unless something uses it or was built on it.
    fn prune_one(&self, db: &Connection, id: Digest, report: &mut RemoveReport) -> Result<()> {
        if self.check_conflicts(db, id, Checks { names: false, stopped: true }).is_err() {
            return Ok(());
        }
        self.delete(db, id, &RemoveOptions { force: true, no_prune: false }, false, report)
    }
}

/// The time of an `until` filter: RFC 3339, seconds since 1970, or an age in Go's form (`24h`, `1h30m`).
pub fn until_time(text: &str) -> Result<i64> {
    let age = || -> Option<i64> {
        let span: jiff::SignedDuration = text.parse().ok()?;
        Some(now() - span.as_secs())
    };
    text.parse::<i64>()
        .ok()
        .or_else(|| super::images::unix(text))
        .or_else(age)
        .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, format!("Invalid filter 'until={text}'")))
}
