//! Layers that are stored uncompressed, compressed for who wants them so: once, the same bytes on every machine, and remembered.

use rusqlite::params;

use super::Store;
use super::db::Sql;
use super::images::{NewLayer, StoredLayer};
use super::presence::Lease;
use crate::digest::Digest;
use crate::error::{Error, Result, ResultExt};
use crate::layer::{Compression, LayerWriter};
use crate::spec::Descriptor;
use crate::task::Task;

impl Store {
    /// The descriptor of a layer as our gzip: of the blob that was made of it before, or of a new one. The lease keeps it. `told` hears
    /// nothing for a known blob, `None` when a new one is begun, and how many bytes were compressed from time to time; it ends the
    /// work by failing.
    pub fn compressed(
        &self,
        layer: &StoredLayer,
        lease: &Lease<'_>,
        task: &Task,
        told: &mut (dyn FnMut(Option<u64>) -> Result<()> + Send),
    ) -> Result<Descriptor> {
        let known = self.db.write_relaxed(|db| {
            let known = db.first(
                "SELECT layer_blobs.digest, size, media_type FROM layer_blobs JOIN blobs USING (digest)
                 WHERE diff_id = ? AND encoder LIKE 'gzip%'",
                [layer.diff_id],
                |row| Ok((row.get::<_, Digest>(0)?, row.get::<_, i64>(1)? as u64, row.get::<_, String>(2)?)),
            )?;
            known.iter().try_for_each(|(digest, ..)| lease.blob(db, *digest))?;
            Ok(known)
        })?;
        if let Some((digest, size, media_type)) = known {
            return Ok(Descriptor::new(&media_type, digest, size));
        }
        told(None)?;
        let toc = self.toc(layer, &|| task.check())?;
        let writer = LayerWriter::new(self.blob_writer(), Compression::Gzip)?;
        let writer = self
            .read_layer(layer, |tar| {
                let mut writer = writer;
                let mut buffer = vec![0; crate::fs::COPY_BUFFER];
                let mut bytes = 0;
                loop {
                    let read = tar.read(&mut buffer).context(|| "read layer")?;
                    if read == 0 {
                        return Ok(writer);
                    }
                    bytes += read as u64;
                    told(Some(bytes))?;
                    std::io::Write::write_all(&mut writer, &buffer[..read])
                        .map_err(|error| Error::io("compress layer", error))?;
                }
            })
            .context(|| format!("compress layer {}", layer.digest))?;
        let (out, written) = writer.finish()?;
        let blob = out.finish(written.digest, written.size)?;
        let descriptor = Descriptor::new(written.media_type, written.digest, written.size);
        let new = NewLayer {
            diff_id: written.diff_id,
            size: written.diff_size,
            toc,
            digest: written.digest,
            media_type: written.media_type.into(),
            encoder: written.encoder,
        };
        self.db.write(|db| {
            lease.blob(db, descriptor.digest)?;
            self.add_layers(db, vec![(blob, new)])
        })?;
        Ok(descriptor)
    }

    /// Repositories of a host that are known to have a layer: its manifest was pulled from there, or pushed there.
    pub fn repositories_with(&self, host: &str, layer: Digest) -> Result<Vec<String>> {
        let names = self.db.read(|db| {
            db.rows(
                "SELECT DISTINCT names.name FROM manifest_layers JOIN names ON names.manifest = manifest_layers.manifest
                 WHERE manifest_layers.digest = ? AND substr(names.name, 1, length(?2)) = ?2
                   AND names.name LIKE '%@sha256:%' ORDER BY names.name",
                params![layer, format!("{host}/")],
                |row| row.get::<_, String>(0),
            )
        })?;
        let mut paths = Vec::new();
        for name in names {
            let path = name.parse::<crate::reference::Reference>()?.path().to_owned();
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        Ok(paths)
    }
}
