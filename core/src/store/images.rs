//! Image records: adding them, finding them by name, ID or prefix, and giving them names.

use rusqlite::{Connection, params};

use super::blobs::PendingBlob;
use super::db::Sql;
use super::{Store, now};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::layer::Toc;
use crate::media_type;
use crate::reference::Reference;
use crate::spec::{self, Descriptor, ImageConfig, Manifest};

/// What is known of an image without reading its blobs.
#[derive(Clone, Debug)]
pub struct ImageRecord {
    /// Its ID.
    pub id: Digest,
    /// The image it was built on.
    pub parent: Option<Digest>,
    /// The manifest it came with first.
    pub manifest: Digest,
}

/// What a layer is once uncompressed.
pub struct NewLayer {
    /// DiffID.
    pub diff_id: Digest,
    /// Bytes of the tar.
    pub size: u64,
    /// Its table of contents.
    pub toc: Toc,
    /// Digest of the blob.
    pub digest: Digest,
    /// Media type of the blob.
    pub media_type: String,
    /// The encoder that made it, or empty.
    pub encoder: &'static str,
}

/// An image to be added.
pub struct NewImage {
    /// The bytes of its config.
    pub config: Vec<u8>,
    /// The bytes of its manifest.
    pub manifest: Vec<u8>,
    /// Media type of the manifest.
    pub media_type: String,
    /// The image it was built on.
    pub parent: Option<Digest>,
    /// Whether the manifest was made here, so that it may be made anew when its layers are compressed.
    pub made: bool,
}

impl NewImage {
    /// An image that was made here, of a config's bytes and layers, under an OCI manifest.
    pub fn of_config(config: Vec<u8>, layers: Vec<Descriptor>, parent: Option<Digest>) -> Result<NewImage> {
        let manifest = Manifest::new(Descriptor::of(media_type::OCI_CONFIG, &config), layers);
        let manifest = spec::to_bytes(&manifest)?;
        Ok(NewImage { config, manifest, media_type: media_type::OCI_MANIFEST.into(), parent, made: true })
    }
}

/// A layer of an image in the store.
#[derive(Clone, Debug)]
pub struct StoredLayer {
    /// Digest of the blob in the image's manifest.
    pub digest: Digest,
    /// DiffID.
    pub diff_id: Digest,
    /// ChainID of it and all below.
    pub chain_id: Digest,
}

/// The error for an image that is not there, in Docker's words.
pub fn no_such_image(image: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("No such image: {image}")).with("image", image)
}

impl Store {
    /// Adds layers and images in the caller's transaction. What is there already stays. An image whose layers are not all there
    /// is `conflict`: another process removed one since the caller looked.
    pub fn add_layers(&self, db: &Connection, layers: Vec<(PendingBlob, NewLayer)>) -> Result<()> {
        for (blob, layer) in layers {
            self.add_blob(db, blob)?;
            db.run(
                "INSERT OR IGNORE INTO layers (diff_id, size, content, toc) VALUES (?, ?, ?, ?)",
                params![layer.diff_id, layer.size as i64, layer.toc.size() as i64, layer.toc.to_bytes()?],
            )?;
            db.run(
                "INSERT OR IGNORE INTO layer_blobs (digest, diff_id, media_type, encoder) VALUES (?, ?, ?, ?)",
                params![layer.digest, layer.diff_id, layer.media_type, layer.encoder],
            )?;
        }
        Ok(())
    }

    /// Adds an image, whose layers must be there, in the caller's transaction. One that is there stays as it is. Layers that were never
    /// read are taken at the word of the config until they are. Returns its ID and the digest of its manifest.
    pub fn add_image(&self, db: &Connection, image: NewImage) -> Result<(Digest, Digest)> {
        let config: ImageConfig = spec::parse(&image.config, "image config")?;
        let manifest: Manifest = spec::parse(&image.manifest, "manifest")?;
        let (config_blob, manifest_blob) =
            (PendingBlob::document(image.config), PendingBlob::document(image.manifest));
        let (id, digest) = (config_blob.digest, manifest_blob.digest);
        if manifest.config.digest != id || manifest.layers.len() != config.rootfs.diff_ids.len() {
            return Err(Error::new(
                ErrorKind::InvalidImage,
                format!("manifest {digest} and image config {id} do not belong together"),
            ));
        }
        self.add_blob(db, config_blob)?;
        self.add_blob(db, manifest_blob)?;
        let created = config.created.as_deref().and_then(unix).unwrap_or_default();
        db.run(
            "INSERT OR IGNORE INTO images (id, parent, manifest, created, added) VALUES (?, ?, ?, ?, ?)",
            params![id, image.parent, digest, created, now()],
        )?;
        let mut chain = None;
        for (position, diff_id) in config.rootfs.diff_ids.iter().enumerate() {
            let chain_id = Digest::chain(chain, *diff_id);
            db.run(
                "INSERT OR IGNORE INTO image_layers (image, position, diff_id, chain_id) VALUES (?, ?, ?, ?)",
                params![id, position as i64, diff_id, chain_id],
            )?;
            chain = Some(chain_id);
        }
        db.run(
            "INSERT OR IGNORE INTO manifests (digest, image, media_type, made) VALUES (?, ?, ?, ?)",
            params![digest, id, image.media_type, image.made],
        )?;
        for (position, (layer, diff_id)) in manifest.layers.iter().zip(&config.rootfs.diff_ids).enumerate() {
            let known = db.first(
                "SELECT diff_id FROM blobs LEFT JOIN layer_blobs USING (digest) WHERE digest = ?",
                [layer.digest],
                |row| row.get::<_, Option<Digest>>(0),
            )?;
            match known {
                None => {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        format!("layer {} was removed while image {id} was made of it", layer.digest),
                    ));
                }
                Some(Some(known)) if known != *diff_id => {
                    return Err(Error::new(
                        ErrorKind::InvalidImage,
                        format!(
                            "layer {} has DiffID {known}, but the image config says {diff_id}",
                            layer.digest
                        ),
                    ));
                }
                Some(_) => {}
            }
            db.run(
                "INSERT OR IGNORE INTO manifest_layers (manifest, position, digest) VALUES (?, ?, ?)",
                params![digest, position as i64, layer.digest],
            )?;
        }
        Ok((id, digest))
    }

    /// Gives an image a name in the caller's transaction, and returns the other image that had it. `via` is the index that the
    /// name leads to, where it does not lead to the manifest at once.
    pub fn set_name(
        &self,
        db: &Connection,
        name: &Reference,
        image: Digest,
        manifest: Digest,
        via: Option<Digest>,
    ) -> Result<Option<Digest>> {
        let name = name.canonical();
        let old =
            db.first("SELECT image FROM names WHERE name = ?", [&name], |row| row.get::<_, Digest>(0))?;
        db.run(
            "INSERT OR REPLACE INTO names (name, image, manifest, via) VALUES (?, ?, ?, ?)",
            params![name, image, manifest, via],
        )?;
        Ok(old.filter(|old| *old != image))
    }

    /// Finds an image by name, ID or unambiguous prefix of an ID. `not_found`, `invalid_reference`, or
    /// `invalid_argument` for a prefix of several.
    pub fn find(&self, db: &Connection, image: &str) -> Result<ImageRecord> {
        if let Some(id) = image.parse().ok().or_else(|| Digest::from_hex(image)) {
            return self.record(db, id)?.ok_or_else(|| no_such_image(image));
        }
        let hex = image.strip_prefix("sha256:").unwrap_or(image);
        let is_hex =
            (1..64).contains(&hex.len()) && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if image.len() == hex.len() {
            match image.parse::<Reference>() {
                Ok(reference) => {
                    let name = reference.with_default_tag();
                    if let Some(id) = named(db, &name)? {
                        return self.record(db, id)?.ok_or_else(|| no_such_image(image));
                    }
                }
                Err(error) if !is_hex => return Err(error),
                Err(_) => {}
            }
        }
        if !is_hex {
            return Err(no_such_image(image));
        }
        let ids = db.rows(
            "SELECT id FROM images WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2",
            [format!("sha256:{hex}")],
            |row| row.get::<_, Digest>(0),
        )?;
        match ids.as_slice() {
            [] => Err(no_such_image(image)),
            [id] => self.record(db, *id)?.ok_or_else(|| no_such_image(image)),
            _ => Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("the ID prefix {image:?} is ambiguous: several images begin with it"),
            )),
        }
    }

    /// The record of an image, if it is there.
    pub fn record(&self, db: &Connection, id: Digest) -> Result<Option<ImageRecord>> {
        db.first("SELECT parent, manifest FROM images WHERE id = ?", [id], |row| {
            Ok(ImageRecord { id, parent: row.get(0)?, manifest: row.get(1)? })
        })
    }

    /// The manifest to save an image under: that of the name it was asked by, or the one it came with.
    pub fn manifest_of(
        &self,
        db: &Connection,
        image: &str,
    ) -> Result<(ImageRecord, Digest, Option<Reference>)> {
        let record = self.find(db, image)?;
        let name = match image.parse::<Reference>() {
            Ok(name) if !is_id_prefix(record.id, image) => name.with_default_tag(),
            _ => return Ok((record.clone(), record.manifest, None)),
        };
        let manifest =
            db.first("SELECT manifest FROM names WHERE name = ?", [name.canonical()], |row| row.get(0))?;
        Ok((record.clone(), manifest.unwrap_or(record.manifest), Some(name)))
    }

    /// The image that a manifest is of, if it is here.
    pub fn image_of_manifest(&self, db: &Connection, manifest: Digest) -> Result<Option<Digest>> {
        db.first("SELECT image FROM manifests WHERE digest = ?", [manifest], |row| row.get(0))
    }

    /// The config of an image.
    pub fn config(&self, id: Digest) -> Result<ImageConfig> {
        spec::parse(&self.document(id)?, &format!("the config of image {id}"))
    }

    /// The layers of an image as the given manifest stores them, lowest first.
    pub fn layers(&self, db: &Connection, manifest: Digest) -> Result<Vec<StoredLayer>> {
        db.rows(
            "SELECT manifest_layers.digest, diff_id, chain_id FROM manifest_layers
             JOIN manifests ON manifests.digest = manifest
             JOIN image_layers ON image_layers.image = manifests.image AND image_layers.position = manifest_layers.position
             WHERE manifest = ? ORDER BY manifest_layers.position",
            [manifest],
            |row| Ok(StoredLayer { digest: row.get(0)?, diff_id: row.get(1)?, chain_id: row.get(2)? }),
        )
    }

    /// Whether a layer with this blob and DiffID is there.
    pub fn has_layer(&self, digest: Digest, diff_id: Digest) -> Result<bool> {
        self.db.read(|db| {
            let sql = "SELECT count(*) FROM layer_blobs WHERE digest = ? AND diff_id = ?";
            Ok(db.number(sql, [digest, diff_id])? > 0)
        })
    }

    /// Names of an image, sorted as they are shown.
    pub fn names(&self, db: &Connection, id: Digest) -> Result<Vec<Reference>> {
        let names = db.rows("SELECT name FROM names WHERE image = ?", [id], |row| row.get::<_, String>(0))?;
        let mut names = names.iter().map(|name| name.parse()).collect::<Result<Vec<Reference>>>()?;
        names.sort_by_cached_key(Reference::to_string);
        Ok(names)
    }

    /// All names of a repository with their images.
    pub fn names_of_repository(&self, db: &Connection, repository: &Reference) -> Result<Vec<Reference>> {
        let prefix = format!("{}:", repository.canonical());
        let names = db.rows(
            "SELECT name FROM names WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name",
            [&prefix],
            |row| row.get::<_, String>(0),
        )?;
        names.iter().map(|name| name.parse()).collect()
    }
}

/// The image of a name.
pub fn named(db: &Connection, name: &Reference) -> Result<Option<Digest>> {
    db.first("SELECT image FROM names WHERE name = ?", [name.canonical()], |row| row.get(0))
}

/// Whether the text asks for this image by its ID or a prefix of it.
pub fn is_id_prefix(id: Digest, text: &str) -> bool {
    let full = id.to_string();
    full.starts_with(text) || full["sha256:".len()..].starts_with(text)
}

/// Seconds since 1970 of an RFC 3339 time.
pub fn unix(time: &str) -> Option<i64> {
    time.parse::<jiff::Timestamp>().ok().map(|time| time.as_second())
}
