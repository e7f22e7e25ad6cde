//! Garbage collection: mark by the database's references, sweep rows, then files.
//!
//! Rows go in the transaction that makes them unreachable. Files go afterwards, each only after a second look, under the
//! writers' lock, that no row has come to need it again. A kill in between leaves garbage, which [`Store::sweep`] finds.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::Store;
use super::db::Sql;
use crate::digest::Digest;
use crate::error::Result;
use crate::fs;

/// Files whose rows are gone.
#[derive(Default)]
#[must_use]
pub struct Garbage {
    blobs: Vec<Digest>,
    snapshots: Vec<i64>,
    /// Bytes that the disk gets back.
    pub bytes: u64,
}

impl Garbage {
    /// Adds what another collection found.
    pub fn add(&mut self, other: Garbage) {
        self.blobs.extend(other.blobs);
        self.snapshots.extend(other.snapshots);
        self.bytes += other.bytes;
    }
}

impl Store {
    /// Takes away the rows that no image, name or lease reaches, in the caller's transaction.
    pub(super) fn collect(&self, db: &Connection) -> Result<Garbage> {
        db.run(
            "DELETE FROM manifests WHERE digest NOT IN (SELECT manifest FROM images UNION SELECT manifest FROM names)",
            [],
        )?;
        db.run("DELETE FROM indexes WHERE digest NOT IN (SELECT via FROM names WHERE via IS NOT NULL)", [])?;
        let blobs = db.rows(
            "DELETE FROM blobs WHERE digest NOT IN (
               SELECT id FROM images UNION SELECT digest FROM manifests UNION SELECT digest FROM manifest_layers
               UNION SELECT digest FROM container_layers
               UNION SELECT digest FROM indexes UNION SELECT digest FROM index_blobs
               UNION SELECT key FROM leases WHERE kind = 'blob')
             RETURNING digest, size, content IS NULL",
            [],
            |row| Ok((row.get::<_, Digest>(0)?, row.get::<_, i64>(1)? as u64, row.get::<_, bool>(2)?)),
        )?;
        db.run(
            "DELETE FROM build_inputs WHERE parent LIKE 'sha256:%' AND parent NOT IN (SELECT id FROM images)",
            [],
        )?;
        // What starts from nothing has no image that could go.
        db.run(
            "DELETE FROM build_inputs WHERE parent NOT LIKE 'sha256:%' AND used < unixepoch() - 30 * 86400",
            [],
        )?;
        db.run("DELETE FROM layer_blobs WHERE digest NOT IN (SELECT digest FROM blobs)", [])?;
        db.run("DELETE FROM layers WHERE diff_id NOT IN (SELECT diff_id FROM layer_blobs)", [])?;
        let mut garbage = self.collect_snapshots(
            db,
            "DELETE FROM snapshots WHERE chain_id NOT IN (SELECT chain_id FROM image_layers)
               AND chain_id NOT IN (SELECT chain_id FROM container_layers)
               AND chain_id NOT IN (SELECT key FROM leases WHERE kind = 'snapshot') RETURNING folder, size",
        )?;
        garbage.bytes += blobs.iter().map(|(_, size, _)| size).sum::<u64>();
        garbage.blobs =
            blobs.into_iter().filter(|(_, _, is_file)| *is_file).map(|(digest, ..)| digest).collect();
        Ok(garbage)
    }

    /// Takes away all snapshots that no operation uses and no container stands on.
    pub(super) fn collect_unused_snapshots(&self, db: &Connection) -> Result<Garbage> {
        self.collect_snapshots(
            db,
            "DELETE FROM snapshots WHERE chain_id NOT IN (SELECT key FROM leases WHERE kind = 'snapshot')
               AND chain_id NOT IN (SELECT chain_id FROM container_layers) RETURNING folder, size",
        )
    }

    fn collect_snapshots(&self, db: &Connection, sql: &str) -> Result<Garbage> {
        let rows = db.rows(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(Garbage {
            blobs: Vec::new(),
            bytes: rows.iter().map(|(_, size)| size).sum(),
            snapshots: rows.into_iter().map(|(folder, _)| folder).collect(),
        })
    }

    /// Removes the files of what was collected, once its transaction is through.
    pub(super) fn discard(&self, garbage: Garbage) -> Result<()> {
        if garbage.blobs.is_empty() && garbage.snapshots.is_empty() {
            return Ok(());
        }
        let trash = self.temporary_directory()?;
        self.db.write(|db| {
            for digest in &garbage.blobs {
                if db.number("SELECT count(*) FROM blobs WHERE digest = ?", [digest])? == 0 {
                    fs::remove_file(&self.blob_path(*digest))?;
                }
            }
            for folder in &garbage.snapshots {
                if db.number("SELECT count(*) FROM snapshots WHERE folder = ?", [folder])? == 0 {
                    self.trash(&self.snapshot_path(*folder), &trash)?;
                }
            }
            Ok(())
        })?;
        fs::remove_tree(trash.path())
    }

    /// Moves a directory out of the way; it takes long to delete, and others wait for the writers' lock.
    pub(super) fn trash(&self, path: &Path, trash: &tempfile::TempDir) -> Result<()> {
        let Some(name) = path.file_name().filter(|_| path.exists()) else { return Ok(()) };
        fs::rename(path, &trash.path().join(name))
    }

    /// Removes unfinished things of engines that are dead. Cheap when there are none.
    pub(super) fn sweep_temporary(&self) -> Result<u64> {
        let mut bytes = 0;
        for name in fs::list(&self.root.join("tmp"))? {
            let owner = name.to_string_lossy().split('+').next().unwrap_or_default().to_owned();
            if !self.is_live(&owner)? {
                bytes += self.remove_all(&self.root.join("tmp").join(name))?;
            }
        }
        Ok(bytes)
    }

    /// Removes what a killed process left: unfinished things, files and folders without a row. Returns their bytes.
    pub(super) fn sweep(&self) -> Result<u64> {
        let mut bytes = self.sweep_temporary()?;
        let trash = self.temporary_directory()?;
        let unknown = self.db.write(|db| {
            let mut unknown = Vec::new();
            for path in self.unknown_files(db)? {
                if fs::stat(&path)?.is_some_and(|found| found.is_dir()) {
                    self.trash(&path, &trash)?;
                } else {
                    unknown.push(fs::stat(&path)?.map_or(0, |found| found.len()));
                    fs::remove_file(&path)?;
                }
            }
            Ok(unknown)
        })?;
        bytes += unknown.into_iter().sum::<u64>();
        bytes += self.remove_all(trash.path())?;
        Ok(bytes)
    }

    /// Files and folders that no row knows.
    fn unknown_files(&self, db: &Connection) -> Result<Vec<PathBuf>> {
        let mut unknown = Vec::new();
        for (folder, sql) in [
            ("blobs/sha256", "SELECT count(*) FROM blobs WHERE digest = 'sha256:' || ? AND content IS NULL"),
            ("snapshots", "SELECT count(*) FROM snapshots WHERE folder = CAST(? AS INTEGER)"),
            ("containers", "SELECT count(*) FROM containers WHERE id = ?"),
            ("caches", "SELECT count(*) FROM cache_mounts WHERE folder = CAST(? AS INTEGER)"),
            ("partial", "SELECT count(*) FROM leases WHERE kind = 'download' AND key = 'sha256:' || ?"),
        ] {
            for name in fs::list(&self.root.join(folder))? {
                if db.number(sql, [name.to_string_lossy().into_owned()])? == 0 {
                    unknown.push(self.root.join(folder).join(name));
                }
            }
        }
        Ok(unknown)
    }

    fn remove_all(&self, path: &Path) -> Result<u64> {
        let bytes = fs::tree_size(path)?;
        if fs::stat(path)?.is_some_and(|found| found.is_dir()) {
            fs::remove_tree(path)?;
        } else {
            fs::remove_file(path)?;
        }
        Ok(bytes)
    }
}
