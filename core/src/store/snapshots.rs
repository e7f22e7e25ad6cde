//! Snapshots: unpacked layers, made when something has to run, never before.
//!
//! They are derived data: nothing is flushed. Each row has the boot that wrote it, and a snapshot of another boot is
//! made anew, since a crash of the machine may have torn it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::Store;
use super::db::Sql;
use super::images::StoredLayer;
use super::presence::Lease;
use crate::config::Isolation;
use crate::digest::{Digest, DigestReader};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::fs;
use crate::layer::{self, Tree};
use crate::task::Task;

/// Something unpacked.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its directory.
    pub path: PathBuf,
}

/// What a snapshot holds of the layers of its ChainID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The topmost one, as a directory of an overlay.
    Layer,
    /// All of them, as one root.
    Root,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Form::Layer => "layer",
            Form::Root => "root",
        }
    }
}

fn boot_id() -> Result<String> {
    let bytes = fs::read(Path::new("/proc/sys/kernel/random/boot_id"), 64)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

impl Store {
    pub(super) fn snapshot_path(&self, folder: i64) -> PathBuf {
        self.root.join("snapshots").join(folder.to_string())
    }

    /// The snapshot of a ChainID, if there is one of this boot.
    pub fn snapshot(&self, db: &Connection, chain_id: Digest, form: Form) -> Result<Option<Snapshot>> {
        let row = db.first(
            "SELECT folder, boot FROM snapshots WHERE chain_id = ? AND form = ?",
            params![chain_id, form.name()],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)),
        )?;
        let Some((folder, boot)) = row else { return Ok(None) };
        let path = self.snapshot_path(folder).join("fs");
        Ok((boot == boot_id()? && fs::stat(&path)?.is_some()).then_some(Snapshot { path }))
    }

    /// For each of these layers (lowest first) the directory that has what it put into the image, if all of it is unpacked: their snapshots,
    /// or for a copied root the topmost one's, each time.
    pub fn unpacked_all(&self, layers: &[StoredLayer], isolation: Isolation) -> Result<Option<Vec<PathBuf>>> {
        self.db.read(|db| match isolation {
            Isolation::Overlay => {
                let found = layers.iter().map(|layer| self.snapshot(db, layer.chain_id, Form::Layer));
                let found: Result<Option<Vec<Snapshot>>> = found.collect();
                Ok(found?.map(|found| found.into_iter().map(|snapshot| snapshot.path).collect()))
            }
            Isolation::Chroot => {
                let Some(top) = layers.last() else { return Ok(Some(Vec::new())) };
                let root = self.snapshot(db, top.chain_id, Form::Root)?;
                Ok(root.map(|root| vec![root.path; layers.len()]))
            }
        })
    }

    /// The snapshots of these layers (lowest first), unpacking those that are missing, leased; lowest first.
    pub fn unpack(&self, layers: &[StoredLayer], lease: &Lease<'_>, task: &Task) -> Result<Vec<Snapshot>> {
        let mut snapshots: Vec<Snapshot> = Vec::new();
        let mut tree = Tree::default();
        let mut in_tree = 0;
        for (position, layer) in layers.iter().enumerate() {
            task.check()?;
            let found = self.db.write_relaxed(|db| {
                lease.snapshot(db, layer.chain_id)?;
                self.snapshot(db, layer.chain_id, Form::Layer)
            })?;
            if let Some(snapshot) = found {
                snapshots.push(snapshot);
                continue;
            }
            for (below, layer) in layers.iter().enumerate().take(position).skip(in_tree) {
                tree.apply(below as u32, &self.toc(layer, &|| task.check())?)?;
            }
            in_tree = position;
            let lowers: Vec<PathBuf> = snapshots.iter().rev().map(|snapshot| snapshot.path.clone()).collect();
            let snapshot = self.unpack_one(layer, &lowers, &tree, task)?;
            snapshots.push(snapshot);
        }
        Ok(snapshots)
    }

    fn unpack_one(
        &self,
        layer: &StoredLayer,
        lowers: &[PathBuf],
        lower: &Tree,
        task: &Task,
    ) -> Result<Snapshot> {
        let folder = self.temporary_directory()?;
        let path = folder.path().join("fs");
        fs::create_dir(&path)?;
        fs::set_mode(&path, 0o755)?;
        self.read_layer(layer, |tar| layer::apply_overlay(&path, lowers, lower, tar, &self.limits, task))
            .context(|| format!("unpack layer {}", layer.digest))?;
        self.add_snapshot(layer.chain_id, Form::Layer, folder)
    }

    /// Hands a layer's tar to `work`, which has to read all of it, on another thread than the one that reads and decompresses, and
    /// checks the DiffID afterwards. `digest_mismatch` when blob or layer is damaged.
    pub fn read_layer<T: Send>(
        &self,
        layer: &StoredLayer,
        work: impl FnOnce(&mut dyn std::io::Read) -> Result<T> + Send,
    ) -> Result<T> {
        let result = self.read_tar(layer, work);
        let suspicious = |error: &Error| {
            matches!(
                error.kind(),
                ErrorKind::InvalidImage | ErrorKind::DigestMismatch | ErrorKind::Unsupported
            )
        };
        if result.as_ref().is_err_and(suspicious) {
            // What is read is checked by its DiffID, once it is decompressed. A damaged blob is to be called that.
            let mut blob = self.blob(layer.digest)?.reader();
            std::io::copy(&mut blob, &mut std::io::sink()).context(|| "read layer")?;
        }
        result
    }

    fn read_tar<T: Send>(
        &self,
        layer: &StoredLayer,
        work: impl FnOnce(&mut dyn std::io::Read) -> Result<T> + Send,
    ) -> Result<T> {
        let mut blob = self.blob(layer.digest)?.unchecked();
        let ((), (value, diff_id)) = layer::beside(
            |blocks| {
                let (_, mut decoder) = layer::decoder(&mut blob, &self.limits)?;
                blocks.drain(&mut decoder, &mut || Ok(()))
            },
            |blocks| {
                let mut tar = DigestReader::new(blocks);
                let value = work(&mut tar)?;
                std::io::copy(&mut tar, &mut std::io::sink()).context(|| "read layer")?;
                Ok((value, tar.finish().0))
            },
        )?;
        if diff_id != layer.diff_id {
            return Err(Error::new(
                ErrorKind::DigestMismatch,
                format!("layer {} has DiffID {diff_id}, not {}", layer.digest, layer.diff_id),
            ));
        }
        Ok(value)
    }

    /// Makes a directory with what was unpacked in `fs` the snapshot of its ChainID. When another process was first, its one
    /// is taken.
    pub fn add_snapshot(&self, chain_id: Digest, form: Form, folder: tempfile::TempDir) -> Result<Snapshot> {
        let size = fs::tree_size(folder.path())?;
        let boot = boot_id()?;
        self.db.write_relaxed(|db| {
            if let Some(snapshot) = self.snapshot(db, chain_id, form)? {
                return Ok(snapshot);
            }
            // A row of another boot: its folder goes with the next collection.
            db.run("DELETE FROM snapshots WHERE chain_id = ? AND form = ?", params![chain_id, form.name()])?;
            let number = db
                .first("SELECT coalesce(max(folder), 0) + 1 FROM snapshots", [], |row| row.get::<_, i64>(0))?
                .unwrap_or(1);
            let path = self.free_folder(number)?;
            fs::rename_new(folder.path(), &path.1)?;
            db.run(
                "INSERT INTO snapshots (chain_id, form, folder, size, boot) VALUES (?, ?, ?, ?, ?)",
                params![chain_id, form.name(), path.0, size as i64, boot],
            )?;
            Ok(Snapshot { path: path.1.join("fs") })
        })
    }

    /// The first folder from this number on that nothing is in: garbage of a killed process may be in the way.
    fn free_folder(&self, number: i64) -> Result<(i64, PathBuf)> {
        for number in number.. {
            let path = self.snapshot_path(number);
            if fs::stat(&path)?.is_none() {
                return Ok((number, path));
            }
        }
        Err(Error::new(ErrorKind::Internal, "no number is left for a snapshot"))
    }
}
