//! Indexes that names led to: their bytes, and the blobs of other platforms that are kept with them.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::Store;
use super::blobs::PendingBlob;
use super::db::Sql;
use super::presence::Lease;
use crate::digest::Digest;
use crate::error::Result;
use crate::reference::Reference;
use crate::spec::{Document, Index};

/// An index to be added.
#[derive(Clone)]
pub struct NewIndex {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: String,
    /// What it leads to beside the image, when all of it is here.
    pub blobs: Option<Vec<Digest>>,
}

/// An index in the store.
#[derive(Clone, Debug)]
pub struct StoredIndex {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Whether all that it lists is here.
    pub whole: bool,
}

/// What an index leads to, all of it here, each blob once.
#[derive(Clone, Debug, Default)]
pub struct IndexContents {
    /// Manifests, indexes in the index, and configs.
    pub documents: Vec<Digest>,
    /// Layers.
    pub layers: Vec<Digest>,
}

impl Store {
    /// Reads what an index leads to; `not_found` where a manifest of it is not here.
    pub fn contents_of(&self, index: &Index) -> Result<IndexContents> {
        let mut contents = IndexContents::default();
        self.gather(index, &mut contents, &mut BTreeSet::new())?;
        Ok(contents)
    }

    fn gather(&self, index: &Index, contents: &mut IndexContents, seen: &mut BTreeSet<Digest>) -> Result<()> {
        for listed in &index.manifests {
            if !seen.insert(listed.digest) {
                continue;
            }
            contents.documents.push(listed.digest);
            let what = format!("manifest {}", listed.digest);
            match Document::parse(&self.document(listed.digest)?, &what)? {
                Document::Index(index) => self.gather(&index, contents, seen)?,
                Document::Manifest(manifest) => {
                    contents
                        .documents
                        .extend(seen.insert(manifest.config.digest).then_some(manifest.config.digest));
                    let layers = manifest.layers.iter().map(|layer| layer.digest);
                    contents.layers.extend(layers.filter(|layer| seen.insert(*layer)));
                }
            }
        }
        Ok(())
    }

    /// Adds an index in the caller's transaction; its blobs must be there. One that was there only in part becomes whole, never
    /// the other way round.
    pub fn add_index(&self, db: &Connection, index: NewIndex) -> Result<Digest> {
        let document = PendingBlob::document(index.bytes);
        let digest = document.digest;
        self.add_blob(db, document)?;
        db.run(
            "INSERT INTO indexes (digest, media_type, whole) VALUES (?1, ?2, ?3)
             ON CONFLICT (digest) DO UPDATE SET whole = max(whole, ?3)",
            params![digest, index.media_type, index.blobs.is_some()],
        )?;
        for blob in index.blobs.into_iter().flatten() {
            db.run("INSERT OR IGNORE INTO index_blobs (via, digest) VALUES (?, ?)", [digest, blob])?;
        }
        Ok(digest)
    }

    /// The index that all names of an image led through that did not lead to it at once: what it came with, when it is asked for
    /// by its ID.
    pub fn only_index(&self, db: &Connection, image: Digest, manifest: Digest) -> Result<Option<Digest>> {
        let sql =
            "SELECT DISTINCT via FROM names WHERE image = ? AND manifest = ? AND via IS NOT NULL LIMIT 2";
        let found = db.rows(sql, [image, manifest], |row| row.get::<_, Digest>(0))?;
        Ok(match found.as_slice() {
            [one] => Some(*one),
            _ => None,
        })
    }

    /// Keeps an index and its blobs from being collected.
    pub fn lease_index(&self, db: &Connection, lease: &Lease<'_>, index: Digest) -> Result<()> {
        lease.blob(db, index)?;
        let blobs = db.rows("SELECT digest FROM index_blobs WHERE via = ?", [index], |row| row.get(0))?;
        blobs.into_iter().try_for_each(|blob| lease.blob(db, blob))
    }

    /// Takes note that blobs are gone: an index without one of its own is not whole, and one that is gone itself is no way to an
    /// image any more.
    pub(super) fn mend_indexes(&self, db: &Connection) -> Result<()> {
        db.run(
            "UPDATE indexes SET whole = 0 WHERE digest IN
               (SELECT via FROM index_blobs WHERE index_blobs.digest NOT IN (SELECT blobs.digest FROM blobs))",
            [],
        )?;
        db.run("UPDATE names SET via = NULL WHERE via NOT IN (SELECT digest FROM blobs)", []).map(drop)
    }

    /// Whether a name leads to an index with this image: that of another platform, which has no name of its own.
    pub(super) fn is_listed_by_index(&self, db: &Connection, image: Digest) -> Result<bool> {
        let sql = "SELECT count(*) FROM images JOIN index_blobs ON index_blobs.digest = images.manifest
                   JOIN names ON names.via = index_blobs.via WHERE images.id = ?";
        Ok(db.number(sql, [image])? > 0)
    }

    /// The index that a name led to, if it did.
    pub fn index_of(&self, db: &Connection, name: &Reference) -> Result<Option<StoredIndex>> {
        db.first(
            "SELECT indexes.digest, media_type, whole FROM names JOIN indexes ON indexes.digest = via WHERE name = ?",
            [name.canonical()],
            |row| Ok(StoredIndex { digest: row.get(0)?, media_type: row.get(1)?, whole: row.get(2)? }),
        )
    }
}
