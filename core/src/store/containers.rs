//! Containers of running operations: a row that protects their image, and a folder for their upper directory.

use std::path::PathBuf;

use rusqlite::params;

use super::db::Sql;
use super::images::no_such_image;
use super::{Store, now};
use crate::digest::Digest;
use crate::error::Result;
use crate::fs;

/// The folder of a container that runs for an operation. Dropped, the container is gone.
pub struct ContainerFolder<'a> {
    store: &'a Store,
    /// ID of the container, 64 hex digits.
    pub id: String,
    path: PathBuf,
}

impl ContainerFolder<'_> {
    /// Where what it changes goes.
    pub fn upper(&self) -> PathBuf {
        self.path.join("upper")
    }

    /// A new directory for something else that goes with it.
    pub fn directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir(&path)?;
        fs::set_mode(&path, 0o755)?;
        Ok(path)
    }

    /// What overlayfs needs beside it.
    pub fn work(&self) -> PathBuf {
        self.path.join("work")
    }
}

impl Drop for ContainerFolder<'_> {
    fn drop(&mut self) {
        if !self.store.presence.is_forked() {
            // What stays is garbage of a dead engine later.
            let _ = fs::remove_tree(&self.path);
            let _ =
                self.store.db.write_relaxed(|db| db.run("DELETE FROM containers WHERE id = ?", [&self.id]));
        }
    }
}

impl Store {
    /// A new running container of an image.
    pub fn create_container(&self, image: Digest) -> Result<ContainerFolder<'_>> {
        let id = container_id()?;
        self.db.write_relaxed(|db| {
            self.record(db, image)?.ok_or_else(|| no_such_image(&image.to_string()))?;
            db.run(
                "INSERT INTO containers (id, image, engine, running, created) VALUES (?, ?, ?, 1, ?)",
                params![id, image, self.presence.name, now()],
            )
        })?;
        let path = self.container_folder(&id);
        let folder = ContainerFolder { store: self, id, path };
        for path in [&folder.path, &folder.upper(), &folder.work()] {
            fs::create_dir(path)?;
        }
        fs::set_mode(&folder.upper(), 0o755)?;
        Ok(folder)
    }
}

/// A new ID: 64 hex digits, as good as unique.
pub(super) fn container_id() -> Result<String> {
    let mut random = [0u8; 32];
    fs::random(&mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
