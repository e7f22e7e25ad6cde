//! The file system of a container as one tar.

use super::changes::{Changed, at_rest};
use super::object::Object;
use crate::archive::{FileSystem, Target, export_tar, written};
use crate::digest::Digest;
use crate::error::Result;
use crate::layer::{Compression, LayerWriter};
use crate::store::{Store, StoredLayer};
use crate::task::Task;
use std::path::PathBuf;

/// Writes the file system of a container: its layers, and what it has changed in them at one moment.
pub fn export(store: &Store, container: &str, target: Target, task: &Task) -> Result<()> {
    let object = Object::find(store, container)?;
    let changed = Changed::of(&object, task)?;
    let mut writer = LayerWriter::new(store.blob_writer(), Compression::None)?;
    let toc = at_rest(&object, true, || changed.write(None, false, &mut writer, task))?;
    let lease = store.lease();
    let mut layers = changed.layers;
    if !toc.entries.is_empty() {
        // It is kept like any layer as long as it takes; nothing has it afterwards.
        let (blob, layer) = written(writer, toc)?;
        let below = layers.last().map(|layer| layer.chain_id);
        layers.push(StoredLayer {
            digest: layer.digest,
            diff_id: layer.diff_id,
            chain_id: Digest::chain(below, layer.diff_id),
        });
        store.db().write_relaxed(|db| {
            lease.blob(db, layer.digest)?;
            store.add_layers(db, vec![(blob, layer)])
        })?;
    }
    let system = FileSystem { folder: PathBuf::new(), layers };
    let written = export_tar(store, &[system], target, task);
    drop(lease);
    let collected = store.collect_after_container();
    written.and(collected.map(drop))
}
