//! The build cache as a list, and what goes of it: by age, by size, by what was not used for longest.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::Store;
use super::db::Sql;
use super::list::check_filters;
use super::remove::until_time;
use super::report::{CachePruneOptions, CacheRecord, PruneReport, RemoveReport};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::task::Task;

const FILTERS: [&str; 3] = ["until", "id", "type"];
/// The types of records.
const STEP: &str = "regular";
pub(super) const MOUNT: &str = "exec.cachemount";

/// A record, and what it is in the store.
struct Found {
    record: CacheRecord,
    used: i64,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Step { key: Digest, image: Digest },
    Mount(i64),
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

impl Store {
    /// What builds keep: steps and cache mounts, what was used last first.
    pub fn cache_list(&self) -> Result<Vec<CacheRecord>> {
        let mut found = self.cache_records()?;
        found.reverse();
        Ok(found.into_iter().map(|found| found.record).collect())
    }

    /// Removes of the build cache what is asked and not in use. A cache mount goes with its directory, a step with its image unless
    /// something else needs that. With `all` and nothing else to choose by, what builds remember of contexts and steps goes, too.
    pub fn prune_cache(&self, options: &CachePruneOptions, task: &Task) -> Result<PruneReport> {
        check_filters(&options.filters, &FILTERS)?;
        let values = |name: &str| options.filters.get(name).filter(|values| !values.is_empty());
        let until = match values("until").map(Vec::as_slice) {
            None => None,
            Some([until]) => Some(until_time(until)?),
            Some(_) => {
                let message = "more than one until filter specified";
                return Err(Error::new(ErrorKind::InvalidArgument, message));
            }
        };
        self.forget_dead_engines()?;
        let all = self.cache_records()?;
        let mut left: u64 = all.iter().map(|found| found.record.size).sum();
        let mut report = PruneReport::default();
        for found in all {
            task.check()?;
            let Found { record, used, what } = found;
            let is_mount = matches!(what, What::Mount(_));
            if options.keep_storage.is_some_and(|keep| left <= keep)
                || until.is_some_and(|until| used > until)
                || values("id").is_some_and(|ids| !ids.contains(&record.id))
                || values("type").is_some_and(|kinds| !kinds.contains(&record.kind))
                || (record.in_use && (is_mount || !options.all))
            {
                continue;
            }
            let freed = match what {
                _ if options.dry_run => Some(record.size),
                What::Mount(folder) => match self.lock_cache(folder, true)? {
                    Some(mount) => Some(self.remove_cache(&mount)?),
                    None => None,
                },
                What::Step { key, image } => Some(self.remove_step(key, image)?),
            };
            if let Some(freed) = freed {
                left = left.saturating_sub(record.size);
                report.reclaimed += freed;
                report.deleted.push(record.id);
            }
        }
        if options.all && options.filters.is_empty() && options.keep_storage.is_none() && !options.dry_run {
            report.reclaimed += self.db.write_relaxed(|db| self.forget_builds(db))?;
        }
        Ok(report)
    }

    /// All records, what was not used for longest first, and steps before those that they were made on.
    fn cache_records(&self) -> Result<Vec<Found>> {
        let (mut found, mounts) = self.db.read(|db| Ok((self.step_records(db)?, mount_rows(db)?)))?;
        for MountRow { folder, id, base, created, used } in mounts {
            let in_use = self.lock_cache(folder, true)?.is_none();
            let record = CacheRecord {
                id,
                kind: MOUNT.into(),
                description: if base.is_empty() { String::new() } else { format!("from {base}") },
                in_use,
                size: fs::tree_size(&self.cache_path(folder).join("data"))?,
                created: time(created),
                last_used: time(used),
            };
            found.push(Found { record, used, what: What::Mount(folder) });
        }
        found.sort_by_key(|found| found.used);
        Ok(found)
    }

    fn step_records(&self, db: &Connection) -> Result<Vec<Found>> {
        let kept: BTreeSet<Digest> = db
            .rows(
                "WITH RECURSIVE kept (id) AS (
                   SELECT image FROM names UNION SELECT image FROM containers
                   UNION SELECT key FROM leases WHERE kind = 'image'
                   UNION SELECT images.parent FROM images JOIN kept USING (id) WHERE images.parent IS NOT NULL)
                 SELECT id FROM kept",
                [],
                |row| row.get(0),
            )?
            .into_iter()
            .collect();
        let rows = db.rows(
            "SELECT key, build_cache.image, build_cache.used, added,
               (SELECT coalesce(sum(size), 0) FROM blobs WHERE digest IN (
                  SELECT digest FROM manifest_layers WHERE manifest = images.manifest
                  EXCEPT SELECT manifest_layers.digest FROM manifest_layers
                    JOIN images AS parents ON parents.manifest = manifest_layers.manifest
                    WHERE parents.id = images.parent))
             FROM build_cache JOIN images ON images.id = build_cache.image ORDER BY added DESC, images.created DESC",
            [],
            |row| {
                Ok((
                    row.get::<_, Digest>(0)?,
                    row.get::<_, Digest>(1)?,
                    row.get::<_, i64>(2)?,
                    row.get::<_, i64>(3)?,
                    row.get::<_, i64>(4)? as u64,
                ))
            },
        )?;
        let mut seen = BTreeSet::new();
        rows.into_iter()
            .map(|(key, image, used, created, size)| {
                let history = self.config_in(db, image)?.history;
                let record = CacheRecord {
                    id: key.to_string(),
                    kind: STEP.into(),
                    description: history.last().map(|line| line.created_by.clone()).unwrap_or_default(),
                    in_use: kept.contains(&image),
                    // A step may have several keys.
                    size: if seen.insert(image) { size } else { 0 },
                    created: time(created),
                    last_used: time(used),
                };
                Ok(Found { record, used, what: What::Step { key, image } })
            })
            .collect()
    }

    /// Forgets a step, and removes its image unless another key or something else needs it. Returns the bytes that are free.
    fn remove_step(&self, key: Digest, image: Digest) -> Result<u64> {
        let garbage = self.db.write(|db| {
            db.run("DELETE FROM build_cache WHERE key = ?", [key])?;
            if db.number("SELECT count(*) FROM build_cache WHERE image = ?", [image])? == 0
                && db.number("SELECT count(*) FROM images WHERE id = ?", [image])? > 0
            {
                self.delete_unused(db, image, &mut RemoveReport::default())?;
            }
            self.collect(db)
        })?;
        let bytes = garbage.bytes;
        self.discard(garbage)?;
        Ok(bytes)
    }

    /// The cache mounts: how many there are, how many are in use, and bytes of all and of those in use.
    pub(super) fn cache_mount_usage(&self) -> Result<(u64, u64, u64, u64)> {
        let mut usage = (0, 0, 0, 0);
        for MountRow { folder, .. } in self.db.read(mount_rows)? {
            let size = fs::tree_size(&self.cache_path(folder).join("data"))?;
            let in_use = self.lock_cache(folder, true)?.is_none();
            usage.0 += 1;
            usage.1 += u64::from(in_use);
            usage.2 += size;
            usage.3 += if in_use { size } else { 0 };
        }
        Ok(usage)
    }
}

/// A cache mount as its row has it.
struct MountRow {
    folder: i64,
    id: String,
    base: String,
    created: i64,
    used: i64,
}

fn mount_rows(db: &Connection) -> Result<Vec<MountRow>> {
    db.rows("SELECT folder, id, base, created, used FROM cache_mounts ORDER BY folder", [], |row| {
        Ok(MountRow {
            folder: row.get(0)?,
            id: row.get(1)?,
            base: row.get(2)?,
            created: row.get(3)?,
            used: row.get(4)?,
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]

    use super::*;
    use crate::config::Limits;
    use crate::store::{CacheMount, CacheSharing};

    fn cache(store: &Store, id: &str, bytes: usize, age: i64) -> CacheMount {
        let task = Task::new().unwrap();
        let mount = store
            .cache_mount(id, "", CacheSharing::Shared, &task, &mut |data| {
                std::fs::write(data.join("file"), vec![0; bytes]).unwrap();
                Ok(())
            })
            .unwrap();
        let used = super::super::now() - age;
        store
            .db
            .write(|db| db.run("UPDATE cache_mounts SET used = ? WHERE id = ?", rusqlite::params![used, id]))
            .unwrap();
        mount
    }

    fn prune(store: &Store, options: &str) -> Vec<String> {
        let options = serde_json::from_str(options).unwrap();
        store.prune_cache(&options, &Task::new().unwrap()).unwrap().deleted
    }

    #[test]
    fn cache_mounts_go_by_age_and_size_but_not_while_they_are_used() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path(), Limits::default()).unwrap();
        for (id, bytes, age) in [("old", 1000, 9000), ("middle", 2000, 5000), ("new", 4000, 10)] {
            cache(&store, id, bytes, age);
        }
        let used = cache(&store, "used", 8000, 90000);
        let list = store.cache_list().unwrap();
        let ids: Vec<&str> = list.iter().map(|record| record.id.as_str()).collect();
        assert_eq!(ids, ["new", "middle", "old", "used"]);
        assert!(list[3].in_use && !list[0].in_use);
        assert_eq!(prune(&store, r#"{"dry_run": true}"#), ["old", "middle", "new"]);
        assert_eq!(prune(&store, r#"{"filters": {"until": ["2h"]}}"#), ["old"]);
        assert_eq!(prune(&store, r#"{"filters": {"id": ["none"]}}"#), [""; 0]);
        assert_eq!(prune(&store, r#"{"keep_storage": 13000}"#), ["middle"]);
        drop(used);
        assert_eq!(store.df(&Task::new().unwrap()).unwrap().build_cache.count, 2);
        assert_eq!(prune(&store, r#"{"filters": {"type": ["exec.cachemount"]}}"#), ["used", "new"]);
        assert_eq!(fs::list(&root.path().join("caches")).unwrap().len(), 0);
        assert!(serde_json::from_str::<CachePruneOptions>(r#"{"keep": 1}"#).is_err());
    }
}
