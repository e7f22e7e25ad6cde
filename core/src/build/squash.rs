//! Squash: one layer of all that a build added to its base. The layers of the base stay as they are, and the steps in the cache.

use std::collections::BTreeSet;
use std::io::{Read, empty};
use std::path::Path;

use super::stage::Stage;
use super::{Build, cache_key};
use crate::archive::{self, Ingested, Merged, written};
use crate::digest::Digest;
use crate::error::{Result, ResultExt};
use crate::layer::{Entry, EntryKind, LayerWriter, Node, TarWriter, Toc, Tree};
use crate::spec::{self, Descriptor, History};
use crate::store::{NewImage, StoredLayer};
use crate::task::Task;

impl Build<'_> {
    /// The image of a stage with one layer upon its base, where it has several. As Docker's `--squash` has it, the lines of history
    /// stay, those of the steps without a layer, and one more tells of the squash.
    pub(super) fn squash(
        &self,
        stage: &Stage,
        task: &Task,
    ) -> Result<Option<(Digest, Digest, Vec<StoredLayer>)>> {
        let base = stage.base.layers;
        let Some(id) = stage.id().filter(|_| stage.layers.len() > base + 1) else { return Ok(None) };
        let key = cache_key(&("squash", id, stage.base.image, self.options.compression, self.epoch))?;
        if !self.options.no_cache {
            let known = self.store.db().write_relaxed(|db| {
                let Some(id) = self.store.cached(db, key)? else { return Ok(None) };
                self.lease.image(db, id)?;
                let Some(record) = self.store.record(db, id)? else { return Ok(None) };
                Ok(Some((id, record.manifest, self.store.layers(db, record.manifest)?)))
            })?;
            if known.is_some() {
                return Ok(known);
            }
        }
        let below = archive::merge(self.store, &stage.layers[..base], task)?;
        let mut tree = below.clone();
        archive::lay(&mut tree, self.store, &stage.layers, base, task)?;
        let merged = Merged { store: self.store, layers: &stage.layers, tree: &tree };
        let layer = self.squashed_layer(&below, &merged, base, task).context(|| "squash")?;

        let created = self.created()?;
        let mut config = stage.config.clone();
        let mut descriptors = stage.descriptors[..base].to_vec();
        config.rootfs.diff_ids.truncate(base);
        let mut with_layer = 0;
        for line in &mut config.history {
            with_layer += usize::from(!line.empty_layer);
            line.empty_layer |= with_layer > base;
        }
        if let Some((blob, layer)) = &layer {
            config.rootfs.diff_ids.push(layer.diff_id);
            descriptors.push(Descriptor::new(&layer.media_type, blob.digest, blob.size));
        }
        config.created = Some(created.clone());
        config.history.push(History {
            created: Some(created),
            comment: match stage.base.image {
                Some(base) => format!("merge {id} to {base}"),
                None => format!("create new from {id}"),
            },
            empty_layer: layer.is_none(),
            ..History::default()
        });
        let image = NewImage::of_config(spec::to_bytes(&config)?, descriptors, None)?;
        task.check()?;
        self.store
            .db()
            .write(|db| {
                self.store.add_layers(db, layer.into_iter().collect())?;
                let (id, manifest) = self.store.add_image(db, image)?;
                self.lease.image(db, id)?;
                self.store.remember(db, key, id)?;
                Ok((id, manifest, self.store.layers(db, manifest)?))
            })
            .map(Some)
    }

    /// What the layers from number `base` on make of the view below; `None` when that is nothing.
    fn squashed_layer(
        &self,
        below: &Tree,
        merged: &Merged<'_>,
        base: usize,
        task: &Task,
    ) -> Result<Option<Ingested>> {
        let implicit_root = Entry::new("", EntryKind::Directory, 0o755);
        let added = |node: &Node| node.unpacked_in() as usize >= base && node.entry != implicit_root;
        let whiteouts: Vec<Entry> = hidden(below, merged.tree).map(Entry::hiding).collect();
        let mut directories: BTreeSet<&Path> = BTreeSet::new();
        let new = merged
            .nodes()
            .filter(|node| added(node))
            .map(|node| (node.entry.path.as_path(), node.is_directory()));
        for (path, is_directory) in new.chain(whiteouts.iter().map(|entry| (entry.path.as_path(), false))) {
            // Docker gives a directory that a layer does not list attributes of its own. The root is there always.
            let parents = path.ancestors().skip(usize::from(!is_directory));
            directories.extend(parents.filter(|parent| *parent == path || !parent.as_os_str().is_empty()));
        }
        let writer = LayerWriter::new(self.store.blob_writer(), self.options.compression.into())?;
        let mut tar = TarWriter::new(writer);
        let mut toc = Toc::default();
        let mut put = |entry: &Entry, content: &mut dyn Read| {
            let mut entry = entry.clone();
            entry.mtime.nanoseconds = 0;
            tar.append(&entry, content)?;
            toc.entries.push(entry);
            Ok(())
        };
        for directory in directories.into_iter().filter_map(|path| merged.tree.get(path)) {
            put(&directory.entry, &mut empty())?;
        }
        whiteouts.iter().try_for_each(|entry| put(entry, &mut empty()))?;
        merged.specials(added, &mut put)?;
        merged.files(added, &mut put, task)?;
        if toc.entries.is_empty() { Ok(None) } else { written(tar.finish()?, toc).map(Some) }
    }
}

/// The topmost paths that are not there any more, and that no new file or link in the place of a directory hides already.
fn hidden<'a>(below: &'a Tree, tree: &'a Tree) -> impl Iterator<Item = &'a Path> {
    below.walk(Path::new("")).map(|node| node.entry.path.as_path()).filter(|path| {
        let parent = path.parent().and_then(|parent| tree.get(parent));
        tree.get(path).is_none() && parent.is_some_and(Node::is_directory)
    })
}
