//! Roots: all layers of an image applied to one directory, for where there is no overlay.
//!
//! Snapshots of another form: derived data, keyed by ChainID, never changed once they are there.

use super::Store;
use super::images::StoredLayer;
use super::presence::Lease;
use super::snapshots::{Form, Snapshot};
use crate::error::{Result, ResultExt};
use crate::fs;
use crate::layer;
use crate::task::Task;

impl Store {
    /// The root of these layers (lowest first), unpacked if it is missing on a copy of the nearest one below, leased. Nothing
    /// for no layers.
    pub fn unpack_root(
        &self,
        layers: &[StoredLayer],
        lease: &Lease<'_>,
        task: &Task,
    ) -> Result<Option<Snapshot>> {
        let Some(top) = layers.last() else { return Ok(None) };
        let mut below: Option<Snapshot> = None;
        let mut missing = layers.len();
        while below.is_none() && missing > 0 {
            let chain_id = layers[missing - 1].chain_id;
            below = self.db.write_relaxed(|db| {
                lease.snapshot(db, chain_id)?;
                self.snapshot(db, chain_id, Form::Root)
            })?;
            if below.is_none() {
                missing -= 1;
            }
        }
        if missing == layers.len() {
            return Ok(below);
        }
        let folder = self.temporary_directory()?;
        let path = folder.path().join("fs");
        fs::create_dir(&path)?;
        fs::set_mode(&path, 0o755)?;
        if let Some(below) = below {
            layer::copy_root(&below.path, &path, task)?;
        }
        for layer in &layers[missing..] {
            task.check()?;
            self.read_layer(layer, |tar| layer::apply_flat(&path, tar, &self.limits, task))
                .context(|| format!("unpack layer {}", layer.digest))?;
        }
        self.add_snapshot(top.chain_id, Form::Root, folder).map(Some)
    }
}
