//! Reading the whole store and checking it, and taking away what is broken.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use super::Store;
use super::db::Sql;
use super::images::StoredLayer;
use super::report::{Problem, VerifyOptions, VerifyReport};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::task::Task;

impl Store {
    /// Reads every blob and checks it against its digest, every layer against its DiffID, every image against its blobs,
    /// every snapshot's row against its folder. With `repair` takes away what is broken, with the images that need it.
    pub fn verify(&self, options: &VerifyOptions, task: &Task) -> Result<VerifyReport> {
        self.forget_dead_engines()?;
        let mut report = VerifyReport::default();
        let mut problem = |kind: &str, subject: String, message: String| {
            report.problems.push(Problem { kind: kind.into(), subject, message, repaired: options.repair });
        };
        let integrity =
            self.db.read(|db| db.rows("PRAGMA quick_check", [], |row| row.get::<_, String>(0)))?;
        for line in integrity.into_iter().filter(|line| line != "ok") {
            problem("database", "layerkit.db".into(), line);
        }
        let blobs = self.db.read(|db| {
            db.rows("SELECT digest, size FROM blobs", [], |row| {
                Ok((row.get::<_, Digest>(0)?, row.get::<_, i64>(1)? as u64))
            })
        })?;
        let mut broken = BTreeSet::new();
        for (digest, size) in &blobs {
            task.check()?;
            let Err(error) = self.verify_blob(*digest, task) else {
                report.bytes += size;
                continue;
            };
            match error.kind() {
                // Another process removed it meanwhile.
                ErrorKind::NotFound => continue,
                ErrorKind::DigestMismatch | ErrorKind::InvalidImage => {}
                _ => return Err(error),
            }
            let gone = fs::stat(&self.blob_path(*digest))?.is_none();
            let kind = if gone { "blob_missing" } else { "blob_corrupt" };
            report.problems.push(Problem {
                kind: kind.into(),
                subject: digest.to_string(),
                message: error.to_string(),
                repaired: options.repair,
            });
            broken.insert(*digest);
        }
        report.blobs = blobs.len() as u64;
        self.verify_images(&broken, options, task, &mut report)?;
        self.verify_snapshots(options, &mut report)?;
        self.verify_containers(options, &mut report)?;
        if options.repair {
            let garbage = self.db.write(|db| {
                for digest in &broken {
                    db.run("DELETE FROM blobs WHERE digest = ?", [digest])?;
                }
                self.mend_indexes(db)?;
                self.collect(db)
            })?;
            self.discard(garbage)?;
            self.sweep()?;
        }
        Ok(report)
    }

    /// Reads a blob, and as a layer if it is one.
    fn verify_blob(&self, digest: Digest, task: &Task) -> Result<()> {
        let diff_id = self.db.read(|db| {
            db.first("SELECT diff_id FROM layer_blobs WHERE digest = ?", [digest], |row| {
                row.get::<_, Digest>(0)
            })
        })?;
        let drain = |reader: &mut dyn Read| -> Result<()> {
            let mut buffer = vec![0; fs::COPY_BUFFER];
            loop {
                task.check()?;
                match reader.read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(Error::io(format!("read blob {digest}"), error)),
                }
            }
        };
        match diff_id {
            None => drain(&mut self.blob(digest)?.reader()),
            Some(diff_id) => {
                // The stored bytes first: a damaged blob is to be called that, not a bad stream.
                drain(&mut self.blob(digest)?.reader())?;
                let layer = StoredLayer { digest, diff_id, chain_id: diff_id };
                self.toc(&layer, &|| task.check())?;
                self.read_layer(&layer, |tar| drain(tar))
            }
        }
    }

    fn verify_images(
        &self,
        broken: &BTreeSet<Digest>,
        options: &VerifyOptions,
        task: &Task,
        report: &mut VerifyReport,
    ) -> Result<()> {
        let ids = self.db.read(|db| db.rows("SELECT id FROM images", [], |row| row.get::<_, Digest>(0)))?;
        report.images = ids.len() as u64;
        let mut lies = self.lies(broken, task)?;
        for id in ids {
            let found = self.db.read(|db| self.image_problem(db, id, broken))?;
            let Some(why) = found.or_else(|| lies.remove(&id)) else { continue };
            report.problems.push(Problem {
                kind: "image_broken".into(),
                subject: id.to_string(),
                message: why,
                repaired: options.repair,
            });
            if options.repair {
                // Its children have its layers, and come up themselves if those are broken.
                self.db.write(|db| {
                    db.run("UPDATE images SET parent = NULL WHERE parent = ?", [id])?;
                    db.run("DELETE FROM images WHERE id = ?", [id])
                })?;
            }
        }
        Ok(())
    }

    /// The images whose layers were never read and are not what their configs say, with the reason. It is the image that is
    /// wrong then: another may say better what the same blob is.
    fn lies(&self, broken: &BTreeSet<Digest>, task: &Task) -> Result<BTreeMap<Digest, String>> {
        let mut lies = BTreeMap::new();
        for (image, layer) in self.unread_layers()? {
            task.check()?;
            if broken.contains(&layer.digest) {
                continue;
            }
            let read = self.read_layer(&layer, |tar| {
                crate::layer::scan(tar, self.limits(), &mut || task.check()).map(drop)
            });
            match read {
                Ok(()) => {}
                Err(error) => match error.kind() {
                    ErrorKind::NotFound => {} // removed meanwhile
                    ErrorKind::DigestMismatch | ErrorKind::InvalidImage | ErrorKind::Unsupported => {
                        lies.insert(image, error.to_string());
                    }
                    _ => return Err(error),
                },
            }
        }
        Ok(lies)
    }

    fn image_problem(
        &self,
        db: &rusqlite::Connection,
        id: Digest,
        broken: &BTreeSet<Digest>,
    ) -> Result<Option<String>> {
        let needed = db.rows(
            "SELECT ?1 UNION SELECT digest FROM manifests WHERE image = ?1
             UNION SELECT manifest_layers.digest FROM manifests
               JOIN manifest_layers ON manifest = manifests.digest WHERE image = ?1",
            [id],
            |row| row.get::<_, Digest>(0),
        )?;
        for digest in needed {
            if broken.contains(&digest) {
                return Ok(Some(format!("its blob {digest} is damaged")));
            }
            if db.number("SELECT count(*) FROM blobs WHERE digest = ?", [digest])? == 0 {
                return Ok(Some(format!("its blob {digest} is not there")));
            }
        }
        let config = match self.config_in(db, id) {
            Ok(config) => config,
            Err(error) => return Ok(Some(error.to_string())),
        };
        // It was taken at its word before another image's use of the same blob showed what that is.
        let lie = db.first(
            "SELECT manifest_layers.digest, layer_blobs.diff_id FROM manifests
             JOIN manifest_layers ON manifest = manifests.digest
             JOIN layer_blobs ON layer_blobs.digest = manifest_layers.digest
             JOIN image_layers ON image_layers.image = manifests.image
               AND image_layers.position = manifest_layers.position
             WHERE manifests.image = ? AND layer_blobs.diff_id != image_layers.diff_id",
            [id],
            |row| Ok((row.get::<_, Digest>(0)?, row.get::<_, Digest>(1)?)),
        )?;
        if let Some((digest, diff_id)) = lie {
            return Ok(Some(format!(
                "its layer {digest} has DiffID {diff_id}, which is not what its config says"
            )));
        }
        let layers = db.number("SELECT count(*) FROM image_layers WHERE image = ?", [id])?;
        let known = db.number(
            "SELECT count(*) FROM image_layers WHERE image = ? AND (diff_id IN (SELECT diff_id FROM layers)
                   OR diff_id NOT IN (SELECT diff_id FROM layer_blobs))",
            [id],
        )?;
        let wanted = config.rootfs.diff_ids.len() as u64;
        Ok((layers != wanted || known != wanted)
            .then(|| format!("it has {wanted} layers, but {layers} rows and {known} tables of contents")))
    }

    fn verify_containers(&self, options: &VerifyOptions, report: &mut VerifyReport) -> Result<()> {
        for container in self.container_rows()? {
            if fs::stat(&self.container_folder(&container.id).join("upper"))?.is_some() {
                continue;
            }
            // Its row goes before its folder: it may have been removed meanwhile.
            if !self.has_container(&container.id)? {
                continue;
            }
            if options.repair {
                self.forget_container(&container.id, false)?;
            }
            report.problems.push(Problem {
                kind: "container_missing".into(),
                subject: container.id,
                message: "its folder is not there".into(),
                repaired: options.repair,
            });
        }
        Ok(())
    }

    fn verify_snapshots(&self, options: &VerifyOptions, report: &mut VerifyReport) -> Result<()> {
        let rows = self.db.read(|db| {
            db.rows("SELECT chain_id, folder FROM snapshots", [], |row| {
                Ok((row.get::<_, Digest>(0)?, row.get::<_, i64>(1)?))
            })
        })?;
        for (chain_id, folder) in rows {
            if fs::stat(&self.snapshot_path(folder))?.is_some() {
                continue;
            }
            let gone = self.db.read(|db| {
                db.number(
                    "SELECT count(*) FROM snapshots WHERE chain_id = ? AND folder = ?",
                    (chain_id, folder),
                )
            })?;
            if gone == 0 {
                continue; // collected meanwhile
            }
            if options.repair {
                self.db.write(|db| db.run("DELETE FROM snapshots WHERE folder = ?", [folder]))?;
            }
            report.problems.push(Problem {
                kind: "snapshot_missing".into(),
                subject: chain_id.to_string(),
                message: format!("its folder {folder} is not there"),
                repaired: options.repair,
            });
        }
        Ok(())
    }
}
