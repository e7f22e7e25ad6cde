//! Listing images, with Docker's filters.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rusqlite::Connection;

use super::Store;
use super::db::Sql;
use super::images::{ImageRecord, no_such_image, unix};
use super::report::{ImageSummary, ListOptions};
use crate::digest::Digest;
use crate::dockerfile;
use crate::error::{Error, ErrorKind, Result};
use crate::reference::Reference;
use crate::spec::{self, ImageConfig};

const LIST_FILTERS: [&str; 5] = ["dangling", "label", "before", "since", "reference"];

/// Docker's filters, checked.
#[derive(Default)]
pub struct Filters {
    dangling: Option<bool>,
    labels: Vec<String>,
    before: Option<jiff::Timestamp>,
    since: Option<jiff::Timestamp>,
    patterns: Vec<String>,
}

/// Refuses filters that are not among the known ones.
pub fn check_filters(filters: &BTreeMap<String, Vec<String>>, known: &[&str]) -> Result<()> {
    match filters.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Error::new(ErrorKind::InvalidArgument, format!("Invalid filter '{name}'"))),
    }
}

/// A filter that is `true` or `false`.
pub fn flag(name: &str, values: &[String]) -> Result<bool> {
    match values {
        [value] if matches!(value.as_str(), "true" | "1") => Ok(true),
        [value] if matches!(value.as_str(), "false" | "0") => Ok(false),
        _ => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("Invalid filter '{name}={}'", values.join(",")),
        )),
    }
}

/// Whether labels hold all that a filter asks: `key` or `key=value`.
pub fn has_labels(labels: &BTreeMap<String, String>, wanted: &[String]) -> bool {
    wanted.iter().all(|wanted| match wanted.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
        None => labels.contains_key(wanted),
    })
}

/// Whether a name matches a pattern as `docker images` takes it: with its tag, or the repository alone.
fn matches(pattern: &str, name: &Reference) -> Result<bool> {
    let bad = |error: Error| error.as_kind(ErrorKind::InvalidArgument);
    Ok(dockerfile::glob::matches(pattern, &name.to_string()).map_err(bad)?
        || dockerfile::glob::matches(pattern, &name.familiar_repository()).map_err(bad)?)
}

impl Store {
    /// The images that the options ask for, newest first.
    pub fn list(&self, options: &ListOptions) -> Result<Vec<ImageSummary>> {
        self.db.read(|db| {
            let filters = self.filters(db, options)?;
            let ids =
                db.rows("SELECT id FROM images ORDER BY added DESC, id", [], |row| row.get::<_, Digest>(0))?;
            let mut list = Vec::new();
            for id in ids {
                if let Some(summary) = self.listed(db, id, options.all, &filters)? {
                    list.push(summary);
                }
            }
            list.sort_by_key(|image| Reverse(image.created.parse::<jiff::Timestamp>().ok()));
            Ok(list)
        })
    }

    fn filters(&self, db: &Connection, options: &ListOptions) -> Result<Filters> {
        check_filters(&options.filters, &LIST_FILTERS)?;
        let values = |name: &str| options.filters.get(name).filter(|values| !values.is_empty());
        let created = |name: &str| -> Result<Option<jiff::Timestamp>> {
            let Some(image) = values(name).and_then(|values| values.first()) else { return Ok(None) };
            let config = self.config_in(db, self.find(db, image)?.id)?;
            Ok(Some(timestamp(&config)))
        };
        let mut patterns = values("reference").cloned().unwrap_or_default();
        if let Some(name) = &options.name {
            // As docker does: a full name is meant as written, anything else is a pattern.
            patterns.push(match name.parse::<Reference>() {
                Ok(name) => name.to_string(),
                Err(_) => name.clone(),
            });
        }
        Ok(Filters {
            dangling: values("dangling").map(|values| flag("dangling", values)).transpose()?,
            labels: values("label").cloned().unwrap_or_default(),
            before: created("before")?,
            since: created("since")?,
            patterns,
        })
    }

    fn listed(
        &self,
        db: &Connection,
        id: Digest,
        all: bool,
        filters: &Filters,
    ) -> Result<Option<ImageSummary>> {
        let names = self.names(db, id)?;
        if names.is_empty() {
            // What a named index leads to has no name, but is not dangling either.
            let needed = self.children(db, id)? > 0 || self.is_listed_by_index(db, id)?;
            let hidden = needed && (!all || filters.dangling == Some(true));
            if hidden || filters.dangling == Some(false) || !filters.patterns.is_empty() {
                return Ok(None);
            }
        } else if filters.dangling == Some(true) && names.iter().any(|name| name.tag().is_some()) {
            return Ok(None);
        }
        let mut shown = Vec::new();
        for name in names.iter() {
            let mut any = filters.patterns.is_empty();
            for pattern in &filters.patterns {
                any = any || matches(pattern, name)?;
            }
            shown.extend(any.then(|| name.clone()));
        }
        if shown.is_empty() && !names.is_empty() {
            return Ok(None);
        }
        let record = self.record(db, id)?.ok_or_else(|| no_such_image(&id.to_string()))?;
        let config = self.config_in(db, id)?;
        let created = timestamp(&config);
        let wanted = has_labels(&config.config.labels, &filters.labels)
            && filters.before.is_none_or(|before| created < before)
            && filters.since.is_none_or(|since| created > since);
        if !wanted {
            return Ok(None);
        }
        self.summary(db, &record, &config, &shown).map(Some)
    }

    /// How many images were built on this one.
    pub(super) fn children(&self, db: &Connection, id: Digest) -> Result<u64> {
        db.number("SELECT count(*) FROM images WHERE parent = ?", [id])
    }

    /// The config of an image, within a transaction: it is a document in the database, checked when it is opened alone.
    pub(super) fn config_in(&self, db: &Connection, id: Digest) -> Result<ImageConfig> {
        let content = db.first("SELECT content FROM blobs WHERE digest = ?", [id], |row| {
            row.get::<_, Option<Vec<u8>>>(0)
        })?;
        let bytes = match content.flatten() {
            Some(bytes) => bytes,
            None => crate::fs::read(&self.blob_path(id), spec::DOCUMENT_LIMIT)?,
        };
        if Digest::of(&bytes) != id {
            return Err(Error::new(
                ErrorKind::DigestMismatch,
                format!("the config of image {id} is damaged"),
            ));
        }
        spec::parse(&bytes, &format!("the config of image {id}"))
    }

    /// One image as lists show it, with these of its names.
    fn summary(
        &self,
        db: &Connection,
        record: &ImageRecord,
        config: &ImageConfig,
        names: &[Reference],
    ) -> Result<ImageSummary> {
        let created = config.created.clone().unwrap_or_default();
        let shown = |digests: bool| {
            names.iter().filter(|name| name.digest().is_some() == digests).map(Reference::to_string).collect()
        };
        Ok(ImageSummary {
            id: record.id.to_string(),
            parent: record.parent.map(|parent| parent.to_string()).unwrap_or_default(),
            tags: shown(false),
            digests: shown(true),
            created_unix: unix(&created).unwrap_or_default(),
            created,
            size: self.size(db, record)?,
            labels: config.config.labels.clone(),
            manifest_digest: record.manifest.to_string(),
            platform: config.platform().to_string(),
        })
    }

    /// Bytes of an image's files, each layer's for itself; the stored size of a layer that was never read.
    pub(super) fn size(&self, db: &Connection, record: &ImageRecord) -> Result<u64> {
        db.number(
            "SELECT coalesce(sum(coalesce(layers.content, blobs.size)), 0) FROM image_layers
             LEFT JOIN layers USING (diff_id)
             LEFT JOIN manifest_layers ON manifest = ?2 AND manifest_layers.position = image_layers.position
             LEFT JOIN blobs ON blobs.digest = manifest_layers.digest
             WHERE image = ?1",
            [record.id, record.manifest],
        )
    }

    /// The same of one of its layers.
    pub(super) fn layer_size(&self, db: &Connection, record: &ImageRecord, position: i64) -> Result<u64> {
        db.number(
            "SELECT coalesce(layers.content, blobs.size) FROM image_layers LEFT JOIN layers USING (diff_id)
             LEFT JOIN manifest_layers ON manifest = ?2 AND manifest_layers.position = image_layers.position
             LEFT JOIN blobs ON blobs.digest = manifest_layers.digest
             WHERE image = ?1 AND image_layers.position = ?3",
            (record.id, record.manifest, position),
        )
    }

    /// One image by name, ID or prefix.
    pub fn get(&self, image: &str) -> Result<ImageSummary> {
        self.db.read(|db| {
            let record = self.find(db, image)?;
            let config = self.config_in(db, record.id)?;
            self.summary(db, &record, &config, &self.names(db, record.id)?)
        })
    }
}

fn timestamp(config: &ImageConfig) -> jiff::Timestamp {
    config.created.as_deref().and_then(|created| created.parse().ok()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}
