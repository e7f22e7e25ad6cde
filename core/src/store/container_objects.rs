//! Containers as objects: their rows, and the layers that they stand on.

use std::path::PathBuf;

use rusqlite::{Connection, params};

use super::containers::container_id;
use super::db::Sql;
use super::images::{StoredLayer, no_such_image};
use super::{Store, now};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::fs;

/// A container in the store.
#[derive(Clone, Debug)]
pub struct ContainerRow {
    /// Its ID, 64 hex digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// ID of its image, which may be gone.
    pub image: Digest,
    /// How it was created, in the form of who created it.
    pub settings: Vec<u8>,
}

/// A container to be added.
pub struct NewContainer<'a> {
    /// Its image.
    pub image: Digest,
    /// The manifest whose layers it stands on.
    pub manifest: Digest,
    /// How it is created.
    pub settings: &'a [u8],
    /// Whether it is removed at its end: its row is not flushed.
    pub fleeting: bool,
    /// Whether it belongs to the operation that adds it until it runs: when that is gone before, it goes too.
    pub of_operation: bool,
}

/// The error for a container that is not there, in Docker's words.
pub fn no_such_container(container: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("No such container: {container}")).with("container", container)
}

fn name_taken(name: &str, by: &str) -> Error {
    let message = format!(
        "Conflict. The container name \"/{name}\" is already in use by container \"{by}\". You have to remove (or rename) \
         that container to be able to reuse that name."
    );
    Error::new(ErrorKind::Conflict, message).with("container", by)
}

impl Store {
    /// Adds a container, under a name that `choose` comes up with until it finds one that is free, or `None` to give up: then the name
    /// tried last is a `conflict`. Makes its folder. Atomic.
    pub fn add_container(
        &self,
        new: &NewContainer<'_>,
        choose: &mut dyn FnMut(u32) -> Option<String>,
    ) -> Result<ContainerRow> {
        let id = container_id()?;
        let engine = if new.of_operation { self.presence.name.as_str() } else { "" };
        // Whoever removes folders without a row does so with the writers' lock, and looks for rows again: the folder comes with the row.
        let work = |db: &Connection| {
            self.record(db, new.image)?.ok_or_else(|| no_such_image(&new.image.to_string()))?;
            let name = free_name(db, choose)?;
            db.run(
                "INSERT INTO containers (id, image, engine, running, created, name, settings, fleeting)
                 VALUES (?, ?, ?, 0, ?, ?, ?, ?)",
                params![id, new.image, engine, now(), name, new.settings, new.fleeting],
            )?;
            for (position, layer) in self.layers(db, new.manifest)?.iter().enumerate() {
                db.run(
                    "INSERT INTO container_layers (container, position, digest, diff_id, chain_id) VALUES (?, ?, ?, ?, ?)",
                    params![id, position as i64, layer.digest, layer.diff_id, layer.chain_id],
                )?;
            }
            let folder = self.container_folder(&id);
            for path in [&folder, &folder.join("upper")] {
                fs::create_dir(path)?;
            }
            fs::set_mode(&folder.join("upper"), 0o755)?;
            Ok(ContainerRow { id: id.clone(), name, image: new.image, settings: new.settings.to_vec() })
        };
        if new.fleeting { self.db.write_relaxed(work) } else { self.db.write(work) }
    }

    /// The folder of a container.
    pub fn container_folder(&self, id: &str) -> PathBuf {
        self.root.join("containers").join(id)
    }

    /// All containers, newest first.
    pub fn container_rows(&self) -> Result<Vec<ContainerRow>> {
        self.db.read(|db| {
            db.rows(
                "SELECT id, name, image, settings FROM containers WHERE name IS NOT NULL ORDER BY created DESC, id",
                [],
                row,
            )
        })
    }

    /// Containers that are to be removed at their end, each with whether the operation that it belonged to is gone.
    pub fn fleeting_containers(&self) -> Result<Vec<(ContainerRow, bool)>> {
        let rows = self.db.read(|db| {
            db.rows(
                "SELECT id, name, image, settings, engine FROM containers WHERE fleeting = 1 AND name IS NOT NULL",
                [],
                |found| Ok((row(found)?, found.get::<_, String>(4)?)),
            )
        })?;
        let with_end = |(row, engine): (ContainerRow, String)| {
            let gone = !engine.is_empty() && !self.is_live(&engine)?;
            Ok((row, gone))
        };
        rows.into_iter().map(with_end).collect()
    }

    /// Finds a container by its ID, its name (with or without a slash before it), or an unambiguous prefix of the ID, in this order.
    /// `not_found`, or `invalid_argument` for a prefix of several.
    pub fn find_container(&self, container: &str) -> Result<ContainerRow> {
        self.db.read(|db| find(db, container))
    }

    /// The layers that a container stands on, lowest first.
    pub fn layers_of_container(&self, id: &str) -> Result<Vec<StoredLayer>> {
        self.db.read(|db| {
            db.rows(
                "SELECT digest, diff_id, chain_id FROM container_layers WHERE container = ? ORDER BY position",
                [id],
                |row| Ok(StoredLayer { digest: row.get(0)?, diff_id: row.get(1)?, chain_id: row.get(2)? }),
            )
        })
    }

    /// Gives a container another name; `conflict` when it is taken.
    pub fn rename_container(&self, container: &str, name: &str) -> Result<()> {
        self.db.write(|db| {
            let found = find(db, container)?;
            if found.name == name {
                let message = "Renaming a container with the same name as its current name";
                return Err(Error::new(ErrorKind::InvalidArgument, message));
            }
            free_name(db, &mut |attempt| (attempt == 0).then(|| name.to_owned()))?;
            db.run("UPDATE containers SET name = ? WHERE id = ?", [name, &found.id]).map(drop)
        })
    }

    /// Forgets a container and removes its folder. Who calls has seen to it that it does not run and does not begin to.
    pub fn forget_container(&self, id: &str, fleeting: bool) -> Result<()> {
        let work = |db: &Connection| db.run("DELETE FROM containers WHERE id = ?", [id]).map(drop);
        if fleeting { self.db.write_relaxed(work) } else { self.db.write(work) }?;
        // What is left of a folder without a row is garbage.
        fs::remove_tree(&self.container_folder(id))
    }

    /// Collects what only a container that is gone has kept: layers of an image that is gone too.
    pub fn collect_after_container(&self) -> Result<u64> {
        let garbage = self.db.write(|db| self.collect(db))?;
        let bytes = garbage.bytes;
        self.discard(garbage)?;
        Ok(bytes)
    }

    /// Whether there is a container of this ID.
    pub fn has_container(&self, id: &str) -> Result<bool> {
        let sql = "SELECT count(*) FROM containers WHERE id = ?";
        self.db.read(|db| Ok(db.number(sql, [id])? > 0))
    }

    /// Whether the image of a container is still here.
    pub fn has_image(&self, image: Digest) -> Result<bool> {
        self.db.read(|db| Ok(self.record(db, image)?.is_some()))
    }
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<ContainerRow> {
    Ok(ContainerRow { id: row.get(0)?, name: row.get(1)?, image: row.get(2)?, settings: row.get(3)? })
}

fn find(db: &Connection, container: &str) -> Result<ContainerRow> {
    let by = |column: &str, value: &str| {
        let sql = format!(
            "SELECT id, name, image, settings FROM containers WHERE {column} = ? AND name IS NOT NULL"
        );
        db.first(&sql, [value], row)
    };
    if let Some(found) = by("id", container)? {
        return Ok(found);
    }
    if let Some(found) = by("name", container.strip_prefix('/').unwrap_or(container))? {
        return Ok(found);
    }
    let is_hex = !container.is_empty() && container.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hex {
        return Err(no_such_container(container));
    }
    let found = db.rows(
        "SELECT id, name, image, settings FROM containers WHERE id >= ?1 AND id < ?1 || 'g' AND name IS NOT NULL LIMIT 2",
        [container],
        row,
    )?;
    match <[ContainerRow; 1]>::try_from(found) {
        Ok([found]) => Ok(found),
        Err(found) if found.is_empty() => Err(no_such_container(container)),
        Err(_) => Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("Multiple IDs found with provided prefix: {container}"),
        )),
    }
}

/// A name that no container has.
fn free_name(db: &Connection, choose: &mut dyn FnMut(u32) -> Option<String>) -> Result<String> {
    let mut taken = None;
    for attempt in 0.. {
        let Some(name) = choose(attempt) else { break };
        let by =
            db.first("SELECT id FROM containers WHERE name = ?", [&name], |row| row.get::<_, String>(0))?;
        match by {
            None => return Ok(name),
            Some(by) => taken = Some((name, by)),
        }
    }
    Err(match taken {
        Some((name, by)) => name_taken(&name, &by),
        None => Error::new(ErrorKind::Internal, "no name for a container"),
    })
}
