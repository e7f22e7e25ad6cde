//! Cache mounts: directories that RUN steps share from build to build, `caches/<n>`.
//!
//! Each has a lock of its own, which ends with the process that holds it: who uses a directory holds it, together with others or
//! alone, and who takes one away holds it alone. A row that is gone once the lock is held means: look again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, params};

use super::db::Sql;
use super::{Store, now};
use crate::error::{Error, ErrorKind, Result};
use crate::fs;
use crate::task::Task;

/// Between two looks whether a lock is free.
const PAUSE: Duration = Duration::from_millis(20);

/// Who else may use a cache mount at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheSharing {
    /// Everybody who shares.
    Shared,
    /// Nobody: another one gets a directory of its own.
    Private,
    /// Nobody: another one waits.
    Locked,
}

/// A cache mount in use, until it is dropped.
pub struct CacheMount {
    /// Its directory.
    pub path: PathBuf,
    /// Its number.
    pub(super) folder: i64,
    lock: File,
}

impl Drop for CacheMount {
    fn drop(&mut self) {
        fs::unflock(&self.lock);
    }
}

impl Store {
    pub(super) fn cache_path(&self, folder: i64) -> PathBuf {
        self.root.join("caches").join(folder.to_string())
    }

    /// The cache mount of an ID that began as `base` (empty for nothing), made when there is none: `fill` then gets its new, empty
    /// directory. Waits, until the task is cancelled, while somebody else has it in a way that cannot be shared.
    pub fn cache_mount(
        &self,
        id: &str,
        base: &str,
        sharing: CacheSharing,
        task: &Task,
        fill: &mut dyn FnMut(&Path) -> Result<()>,
    ) -> Result<CacheMount> {
        loop {
            task.check()?;
            let mut folders = self.db.read(|db| folders(db, id, base))?;
            if folders.is_empty() {
                self.add_cache(id, base, sharing == CacheSharing::Private, fill)?;
                continue;
            }
            if sharing != CacheSharing::Private {
                folders.truncate(1);
            }
            for folder in &folders {
                if let Some(mount) = self.try_cache_mount(*folder, sharing != CacheSharing::Shared)? {
                    return Ok(mount);
                }
            }
            match sharing {
                CacheSharing::Private => self.add_cache(id, base, true, fill)?,
                _ => std::thread::sleep(PAUSE),
            }
        }
    }

    /// Locks a cache mount to use it; `None` when somebody else has it, or it is gone.
    fn try_cache_mount(&self, folder: i64, alone: bool) -> Result<Option<CacheMount>> {
        let mount = self.lock_cache(folder, alone)?;
        if mount.is_some() {
            self.db.write_relaxed(|db| {
                db.run("UPDATE cache_mounts SET used = ? WHERE folder = ?", params![now(), folder])
            })?;
        }
        Ok(mount)
    }

    /// The same, and nobody will say that it was used.
    pub(super) fn lock_cache(&self, folder: i64, alone: bool) -> Result<Option<CacheMount>> {
        let path = self.cache_path(folder);
        let lock = match fs::open_existing_lock(&path.join("lock")) {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Somebody took it away meanwhile, or by hand.
                self.db.write_relaxed(|db| match fs::stat(&path)? {
                    Some(_) => Ok(0),
                    None => db.run("DELETE FROM cache_mounts WHERE folder = ?", [folder]),
                })?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if !fs::try_flock(&lock, alone)? {
            return Ok(None);
        }
        let mount = CacheMount { path: path.join("data"), folder, lock };
        let rows = "SELECT count(*) FROM cache_mounts WHERE folder = ?";
        let there = self.db.read(|db| db.number(rows, [folder]))?;
        Ok((there > 0).then_some(mount))
    }

    /// Takes a cache mount away, whose lock the caller holds alone. Returns its bytes.
    pub(super) fn remove_cache(&self, mount: &CacheMount) -> Result<u64> {
        let path = self.cache_path(mount.folder);
        self.db.write(|db| db.run("DELETE FROM cache_mounts WHERE folder = ?", [mount.folder]))?;
        // Without a row it is garbage, whatever happens now.
        let bytes = fs::tree_size(&path)?;
        fs::remove_tree(&path)?;
        Ok(bytes)
    }

    /// Makes a cache mount. When another one was first, that one stays, unless there may be several.
    fn add_cache(
        &self,
        id: &str,
        base: &str,
        several: bool,
        fill: &mut dyn FnMut(&Path) -> Result<()>,
    ) -> Result<()> {
        let folder = self.temporary_directory()?;
        let data = folder.path().join("data");
        fs::create_dir(&data)?;
        fs::set_mode(&data, 0o755)?;
        fill(&data)?;
        fs::create_new(&folder.path().join("lock"))?;
        self.db.write(|db| {
            if !several && !folders(db, id, base)?.is_empty() {
                return Ok(());
            }
            self.insert_cache(db, id, base, folder.path()).map(drop)
        })
    }

    /// Gives a finished directory a row and its place.
    fn insert_cache(&self, db: &Connection, id: &str, base: &str, folder: &Path) -> Result<i64> {
        let first = db
            .first("SELECT seq + 1 FROM sqlite_sequence WHERE name = 'cache_mounts'", [], |row| {
                row.get::<_, i64>(0)
            })?
            .unwrap_or(1);
        // Garbage of a killed process may be in the way.
        for number in first.. {
            let path = self.cache_path(number);
            if fs::stat(&path)?.is_none() {
                fs::rename_new(folder, &path)?;
                db.run(
                    "INSERT INTO cache_mounts (folder, id, base, created, used) VALUES (?, ?, ?, ?, ?)",
                    params![number, id, base, now(), now()],
                )?;
                return Ok(number);
            }
        }
        Err(Error::new(ErrorKind::Internal, "no number is left for a cache mount"))
    }

    /// The most recently used cache mount of an ID, alone. `not_found` when there is none, `conflict` when it is in use.
    pub fn existing_cache(&self, id: &str) -> Result<CacheMount> {
        let folder = self.db.read(|db| {
            db.first(
                "SELECT folder FROM cache_mounts WHERE id = ? ORDER BY used DESC, folder LIMIT 1",
                [id],
                |row| row.get::<_, i64>(0),
            )
        })?;
        let missing = || Error::new(ErrorKind::NotFound, format!("no such cache mount: {id}"));
        self.try_cache_mount(folder.ok_or_else(missing)?, true)?.ok_or_else(|| cache_in_use(id))
    }

    /// Puts a finished directory (with `data` in it) in the place of all cache mounts of an ID. `conflict` when one is in use.
    pub fn replace_cache(&self, id: &str, folder: tempfile::TempDir) -> Result<()> {
        fs::create_new(&folder.path().join("lock"))?;
        let old = self.db.read(|db| {
            db.rows("SELECT folder FROM cache_mounts WHERE id = ?", [id], |row| row.get::<_, i64>(0))
        })?;
        let mut held = Vec::new();
        for number in old {
            match self.try_cache_mount(number, true)? {
                Some(mount) => held.push(mount),
                None if fs::stat(&self.cache_path(number))?.is_none() => {}
                None => return Err(cache_in_use(id)),
            }
        }
        self.db.write(|db| {
            for mount in &held {
                db.run("DELETE FROM cache_mounts WHERE folder = ?", [mount.folder])?;
            }
            self.insert_cache(db, id, "", folder.path())
        })?;
        // Without a row it is garbage, whatever happens now.
        held.iter().try_for_each(|mount| fs::remove_tree(&self.cache_path(mount.folder)))
    }
}

fn cache_in_use(id: &str) -> Error {
    Error::new(ErrorKind::Conflict, format!("cache mount {id} is in use"))
}

/// The cache mounts of an ID and a beginning, the oldest first.
fn folders(db: &Connection, id: &str, base: &str) -> Result<Vec<i64>> {
    db.rows("SELECT folder FROM cache_mounts WHERE id = ? AND base = ? ORDER BY folder", [id, base], |row| {
        row.get(0)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]

    use super::*;
    use crate::config::Limits;

    fn open(root: &Path) -> Store {
        Store::open(root, Limits::default()).unwrap()
    }

    fn get(store: &Store, sharing: CacheSharing) -> CacheMount {
        store.cache_mount("id", "", sharing, &Task::new().unwrap(), &mut |_| Ok(())).unwrap()
    }

    #[test]
    fn who_shares_gets_the_same_and_who_is_private_another() {
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        let first = get(&store, CacheSharing::Shared);
        let second = get(&store, CacheSharing::Shared);
        assert_eq!(first.path, second.path);
        let private = get(&store, CacheSharing::Private);
        assert_ne!(first.path, private.path);
        let free = private.path.clone();
        drop(private);
        assert_eq!(get(&store, CacheSharing::Private).path, free);
    }

    #[test]
    fn a_locked_one_is_waited_for_until_the_task_is_cancelled() {
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        let first = get(&store, CacheSharing::Locked);
        let task = Task::new().unwrap();
        std::thread::scope(|scope| {
            let waiting =
                scope.spawn(|| store.cache_mount("id", "", CacheSharing::Locked, &task, &mut |_| Ok(())));
            std::thread::sleep(PAUSE * 3);
            task.token().cancel();
            let error = waiting.join().unwrap().err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Cancelled);
            let waiting = scope.spawn(|| get(&store, CacheSharing::Shared).path.clone());
            std::thread::sleep(PAUSE * 3);
            let path = first.path.clone();
            drop(first);
            assert_eq!(waiting.join().unwrap(), path);
        });
    }

    #[test]
    fn what_is_missing_on_the_disk_is_made_anew() {
        let root = tempfile::tempdir().unwrap();
        let store = open(root.path());
        let path = get(&store, CacheSharing::Shared).path.clone();
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        assert!(get(&store, CacheSharing::Locked).path.is_dir());
    }
}
