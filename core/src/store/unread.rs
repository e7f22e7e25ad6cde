//! Layers that were never read: those of a registry are checked by the digest of what came, and only the first use that needs it
//! reads what is inside. DiffID and table of contents are checked and kept then.

use std::io::Read;

use rusqlite::params;

use super::Store;
use super::db::Sql;
use super::images::StoredLayer;
use crate::digest::{Digest, DigestReader};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::layer::{self, Compression, Toc};

impl Store {
    /// The table of contents of a layer, which is read for it where it never was; `check` may end that by failing. `digest_mismatch` when the layer is not what
    /// its image says.
    pub fn toc(&self, layer: &StoredLayer, check: &(dyn Fn() -> Result<()> + Sync)) -> Result<Toc> {
        let bytes = self.db.read(|db| {
            db.first("SELECT toc FROM layers WHERE diff_id = ?", [layer.diff_id], |row| {
                row.get::<_, Vec<u8>>(0)
            })
        })?;
        match bytes {
            Some(bytes) => {
                Toc::from_bytes(&bytes).context(|| format!("table of contents of layer {}", layer.diff_id))
            }
            None => self.read_in(layer, check),
        }
    }

    fn read_in(&self, layer: &StoredLayer, check: &(dyn Fn() -> Result<()> + Sync)) -> Result<Toc> {
        let (toc, read) = self.read_layer(layer, |tar| {
            let mut tar = DigestReader::new(tar);
            let toc = layer::scan(&mut tar, self.limits(), &mut || check())?;
            std::io::copy(&mut tar, &mut std::io::sink()).context(|| "read layer")?;
            Ok((toc, tar.finish().1))
        })?;
        let media_type = self.media_type_of(layer.digest)?;
        // What can be read again may be lost with the power.
        self.db.write_relaxed(|db| {
            db.run(
                "INSERT OR IGNORE INTO layers (diff_id, size, content, toc) VALUES (?, ?, ?, ?)",
                params![layer.diff_id, read as i64, toc.size() as i64, toc.to_bytes()?],
            )?;
            db.run(
                "INSERT OR IGNORE INTO layer_blobs (digest, diff_id, media_type, encoder) VALUES (?, ?, ?, '')",
                params![layer.digest, layer.diff_id, media_type],
            )
        })?;
        Ok(toc)
    }

    /// What kind of layer a blob is, by its first bytes.
    fn media_type_of(&self, digest: Digest) -> Result<&'static str> {
        let mut start = Vec::new();
        self.blob(digest)?.unchecked().take(6).read_to_end(&mut start).context(|| "read layer")?;
        Compression::detect(&start).oci_media_type().ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                format!("layer {digest}: its compression is none that images have"),
            )
        })
    }

    /// The layers of images that were never read, each once for every DiffID it is said to have.
    pub(super) fn unread_layers(&self) -> Result<Vec<(Digest, StoredLayer)>> {
        self.db.read(|db| {
            db.rows(
                "SELECT manifests.image, manifest_layers.digest, image_layers.diff_id, image_layers.chain_id
                 FROM manifest_layers JOIN manifests ON manifests.digest = manifest
                 JOIN image_layers ON image_layers.image = manifests.image
                   AND image_layers.position = manifest_layers.position
                 WHERE manifest_layers.digest NOT IN (SELECT digest FROM layer_blobs)",
                [],
                |row| {
                    let layer =
                        StoredLayer { digest: row.get(1)?, diff_id: row.get(2)?, chain_id: row.get(3)? };
                    Ok((row.get(0)?, layer))
                },
            )
        })
    }
}
