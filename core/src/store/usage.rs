//! What the store holds and what it takes: info and df.

use super::Store;
use super::db::{SCHEMA_VERSION, Sql};
use super::report::{DiskUsage, Info, PruneOptions, Usage};
use crate::error::Result;
use crate::fs;
use crate::platform::Platform;
use crate::task::Task;

impl Store {
    /// What the store is; how builds run is the caller's to say.
    pub fn info(&self, run_mode: &str, run_reason: String) -> Result<Info> {
        let (images, containers) = self.db.read(|db| {
            Ok((
                db.number("SELECT count(*) FROM images", [])?,
                db.number("SELECT count(*) FROM containers", [])?,
            ))
        })?;
        Ok(Info {
            version: env!("CARGO_PKG_VERSION").into(),
            root: self.root.display().to_string(),
            schema: SCHEMA_VERSION,
            platform: Platform::host().to_string(),
            images,
            containers,
            run_mode: run_mode.into(),
            run_reason,
            journal: self.db.journal().into(),
        })
    }

    /// Containers, those of running operations too. What those that do not run have written can be freed.
    fn containers_usage(&self) -> Result<Usage> {
        let rows = self.db.read(|db| {
            db.rows("SELECT id, running FROM containers", [], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))
            })
        })?;
        let mut usage = Usage { count: rows.len() as u64, ..Usage::default() };
        for (id, of_operation) in rows {
            let size = fs::tree_size(&self.container_folder(&id))?;
            usage.size += size;
            if of_operation || self.container_runs(&id)? {
                usage.active += 1;
            } else {
                usage.reclaimable += size;
            }
        }
        Ok(usage)
    }

    /// Disk use: blobs of images, upper directories of containers, snapshots, and what builds keep: the part of the
    /// blobs that only their steps have, and cache mounts.
    pub fn df(&self, task: &Task) -> Result<DiskUsage> {
        let all = PruneOptions { all: true, dry_run: true, ..PruneOptions::default() };
        let reclaimable = self.prune_images(&all, task)?.reclaimed;
        let containers = self.containers_usage()?;
        let (mounts, used, mounted, in_use) = self.cache_mount_usage()?;
        let mut usage = self.db.read(|db| {
            let leased = "SELECT key FROM leases WHERE kind";
            Ok(DiskUsage {
                images: Usage {
                    count: db.number("SELECT count(*) FROM images", [])?,
                    active: db.number(
                        &format!("SELECT count(*) FROM images WHERE id IN (SELECT image FROM containers UNION {leased} = 'image')"),
                        [],
                    )?,
                    size: db.number("SELECT coalesce(sum(size), 0) FROM blobs", [])?,
                    reclaimable,
                },
                containers,
                snapshots: Usage {
                    count: db.number("SELECT count(*) FROM snapshots", [])?,
                    active: db.number(
                        &format!("SELECT count(*) FROM snapshots WHERE chain_id IN ({leased} = 'snapshot')"),
                        [],
                    )?,
                    size: db.number("SELECT coalesce(sum(size), 0) FROM snapshots", [])?,
                    reclaimable: db.number(
                        &format!("SELECT coalesce(sum(size), 0) FROM snapshots WHERE chain_id NOT IN ({leased} = 'snapshot')"),
                        [],
                    )?,
                },
                build_cache: Usage {
                    count: db.number("SELECT count(*) FROM build_cache", [])?,
                    active: db.number(
                        "SELECT count(*) FROM build_cache WHERE image IN (SELECT image FROM names)",
                        [],
                    )?,
                    size: db.number(
                        "SELECT coalesce(sum(size), 0) FROM blobs WHERE digest IN (
                           SELECT image FROM build_cache
                           UNION SELECT manifest_layers.digest FROM build_cache
                             JOIN manifests USING (image) JOIN manifest_layers ON manifest = manifests.digest)",
                        [],
                    )?,
                    reclaimable: db.number(
                        "SELECT coalesce(sum(size), 0) FROM blobs WHERE digest IN (
                           SELECT manifest_layers.digest FROM build_cache
                             JOIN manifests USING (image) JOIN manifest_layers ON manifest = manifests.digest)
                         AND digest NOT IN (
                           SELECT manifest_layers.digest FROM names
                             JOIN manifests USING (image) JOIN manifest_layers ON names.manifest = manifest_layers.manifest)",
                        [],
                    )?,
                },
            })
        })?;
        usage.build_cache.count += mounts;
        usage.build_cache.active += used;
        usage.build_cache.size += mounted;
        usage.build_cache.reclaimable += mounted - in_use;
        Ok(usage)
    }
}
