//! A container that is looked at: its row, its settings, its folder, its state.

use std::path::PathBuf;
use std::time::SystemTime;

use super::settings::Settings;
use crate::container::{self, Connection, State, Status};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::store::{ContainerRow, Store, no_such_container};

/// A container.
pub struct Object<'a> {
    /// The store that has it.
    pub store: &'a Store,
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// ID of its image.
    pub image: Digest,
    /// How it was created.
    pub settings: Settings,
    /// Its folder.
    pub folder: PathBuf,
}

impl<'a> Object<'a> {
    /// The container of a name, ID or prefix.
    pub fn find(store: &'a Store, container: &str) -> Result<Object<'a>> {
        Object::of_row(store, store.find_container(container)?)
    }

    /// The container of a row.
    pub fn of_row(store: &'a Store, row: ContainerRow) -> Result<Object<'a>> {
        let settings = Settings::from_bytes(&row.id, &row.settings)?;
        let folder = store.container_folder(&row.id);
        Ok(Object { store, id: row.id, name: row.name, image: row.image, settings, folder })
    }

    /// All containers, newest first.
    pub fn all(store: &'a Store) -> Result<Vec<Object<'a>>> {
        let rows = store.container_rows()?.into_iter();
        let mut all = rows.map(|row| Object::of_row(store, row)).collect::<Result<Vec<_>>>()?;
        all.sort_by(|a, b| b.settings.created.cmp(&a.settings.created));
        Ok(all)
    }

    /// How it is.
    pub fn state(&self) -> Result<State> {
        let state = self.known(container::read_state(&self.folder))?;
        // Nothing is written of one that never ran, nor of one that is gone.
        if state.status == Status::Created && fs::stat(&self.folder)?.is_none() {
            return Err(no_such_container(&self.id));
        }
        Ok(state)
    }

    /// Its lock, so that nobody starts it; `None` when it runs or is being started.
    pub fn hold(&self) -> Result<Option<std::fs::File>> {
        self.known(self.store.hold_container(&self.id))
    }

    /// A connection to its monitor; `conflict` in Docker's words when it does not run.
    pub fn connect(&self) -> Result<Connection> {
        self.known(container::connect(&self.folder))?.ok_or_else(|| self.not_running())
    }

    /// Its folder is gone when the container is.
    fn known<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Err(error) if error.kind() == ErrorKind::NotFound && !self.store.has_container(&self.id)? => {
                Err(no_such_container(&self.id))
            }
            other => other,
        }
    }

    /// The directory that takes its changes.
    pub fn upper(&self) -> PathBuf {
        self.folder.join("upper")
    }

    /// The error for what only a container that runs can do.
    pub fn not_running(&self) -> Error {
        self.conflict(format!("Container {} is not running", self.id))
    }

    /// A conflict about it.
    pub fn conflict(&self, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Conflict, message).with("container", self.id.as_str())
    }

    /// The first 12 digits of its ID.
    pub fn short(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }
}

/// Removes the containers that are to be removed at their end and have ended, or whose operation ended before they ran: who would have done
/// it is gone. Cheap when there are none.
pub fn sweep(store: &Store) -> Result<()> {
    for (row, gone) in store.fleeting_containers()? {
        let object = Object::of_row(store, row)?;
        let over = || match object.state() {
            Ok(state) => Ok(state.status == Status::Exited || (gone && state.status == Status::Created)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        };
        if !over()? {
            continue;
        }
        let lock = match object.hold() {
            Ok(Some(lock)) => lock,
            Ok(None) => continue,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // Somebody may have started it again meanwhile.
        if over()? {
            store.forget_container(&object.id, true)?;
        }
        drop(lock);
    }
    Ok(())
}

/// A time as Docker writes it: RFC 3339 with nanoseconds in UTC.
pub fn rfc3339(time: SystemTime) -> String {
    match jiff::Timestamp::try_from(time) {
        Ok(time) => format!("{time:.9}"),
        Err(_) => NEVER.to_owned(),
    }
}

/// What Docker writes for a time that has not come.
pub const NEVER: &str = "0001-01-01T00:00:00Z";
