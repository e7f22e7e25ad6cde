//! Who has the store open, and what running operations rely on.
//!
//! Each engine has a file in `engines/` with a POSIX lock on it, which ends with its process however that ends. What an
//! operation uses is leased: a row under the engine's name, which a collection in any process respects as long as the
//! engine lives.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use rusqlite::{Connection, params};

use super::Store;
use super::db::Sql;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::fs;

/// The engines of this copy of the library in this process. Its address tells copies apart: two copies of SQLite in one
/// process (the wheel and the C library) would drop each other's locks.
static LIVE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
static COUNTER: AtomicU64 = AtomicU64::new(0);

fn live() -> std::sync::MutexGuard<'static, BTreeSet<String>> {
    LIVE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// One engine's file and lock.
pub struct Presence {
    /// Its name, unique among all processes.
    pub name: String,
    folder: PathBuf,
    pid: u32,
    /// Holds the lock; closed after the name has left `LIVE`.
    _lock: File,
}

/// What names of this process begin with: namespace, id and start time, so that a process id that comes again is another.
fn process_prefix() -> String {
    let namespace = rustix::fs::readlink("/proc/self/ns/pid", Vec::new())
        .ok()
        .and_then(|link| {
            let digits: String = link.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
            (!digits.is_empty()).then_some(digits)
        })
        .unwrap_or_else(|| "0".into());
    let start = fs::read(Path::new("/proc/self/stat"), 4096)
        .ok()
        .and_then(|stat| {
            let text = String::from_utf8_lossy(&stat).into_owned();
            let rest = text.rsplit_once(')')?.1.to_owned();
            rest.split_whitespace().nth(19).map(str::to_owned)
        })
        .unwrap_or_else(|| "0".into());
    format!("{namespace}-{}-{start}-", std::process::id())
}

impl Presence {
    /// Announces an engine. `conflict` when another copy of this library in this process has the store open.
    pub fn announce(root: &Path) -> Result<Presence> {
        let folder = root.join("engines");
        fs::create_dir_all(&folder)?;
        let process = process_prefix();
        let copy = format!("{process}{:x}-", std::ptr::addr_of!(LIVE) as usize);
        let name = format!("{copy}{}", COUNTER.fetch_add(1, Ordering::Relaxed));
        let lock = loop {
            // Locked before it has its name: a file that can be locked under its name belongs to a dead engine.
            let temporary = folder.join(format!(".{name}"));
            let file = fs::open_lock(&temporary)?;
            live().insert(format!(".{name}"));
            live().insert(name.clone());
            fs::try_lock(&file)?;
            match fs::rename(&temporary, &folder.join(&name)) {
                Ok(()) => break file,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
        };
        let presence = Presence { name, folder, pid: std::process::id(), _lock: lock };
        let other = fs::list(&presence.folder)?.into_iter().any(|name| {
            let name = name.to_string_lossy();
            name.starts_with(&process) && !name.starts_with(&copy)
        });
        if other {
            return Err(Error::new(
                ErrorKind::Conflict,
                "another copy of layerkit in this process has the store open: two would break each other's locks",
            ));
        }
        Ok(presence)
    }

    /// Fails in a process that was forked from the one that opened the engine.
    pub fn check_process(&self) -> Result<()> {
        if self.is_forked() {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "this engine was opened by process {}, of which this one is a fork: open one here",
                    self.pid
                ),
            ));
        }
        Ok(())
    }

    /// Whether this is a forked copy.
    pub fn is_forked(&self) -> bool {
        std::process::id() != self.pid
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if !self.is_forked() {
            // Nothing more to do about a file that does not go: the next engine takes it for dead, rightly.
            let _ = fs::remove_file(&self.folder.join(&self.name));
            live().remove(&format!(".{}", self.name));
            live().remove(&self.name);
        }
    }
}

/// The engines whose process is gone; their files are removed.
fn dead_engines(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("engines");
    let process = process_prefix();
    let mut dead = Vec::new();
    for name in fs::list(&folder)? {
        let name = name.to_string_lossy().into_owned();
        // Closing any descriptor of a file drops this process's lock on it: our own are never opened.
        if live().contains(&name) || name.trim_start_matches('.').starts_with(&process) {
            continue;
        }
        let path = folder.join(&name);
        let file = match fs::open_existing_lock(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if fs::try_lock(&file)? {
            fs::remove_file(&path)?;
            dead.push(name);
        }
    }
    Ok(dead)
}

/// What one operation relies on: ends when it is dropped.
pub struct Lease<'a> {
    store: &'a Store,
    number: i64,
    used: std::sync::atomic::AtomicBool,
}

static LEASES: AtomicI64 = AtomicI64::new(0);

impl Lease<'_> {
    /// Keeps an image, with all it is made of, from being collected.
    pub fn image(&self, connection: &Connection, id: Digest) -> Result<()> {
        self.add(connection, "image", id)
    }

    /// Keeps a snapshot.
    pub fn snapshot(&self, connection: &Connection, chain_id: Digest) -> Result<()> {
        self.add(connection, "snapshot", chain_id)
    }

    pub(super) fn add(&self, connection: &Connection, kind: &str, key: Digest) -> Result<()> {
        self.used.store(true, Ordering::Relaxed);
        connection
            .run(
                "INSERT OR IGNORE INTO leases (engine, lease, kind, key) VALUES (?, ?, ?, ?)",
                params![self.store.presence.name, self.number, kind, key],
            )
            .map(drop)
    }
}

impl Lease<'_> {
    /// Whose it is: the engine, and its number there.
    pub(super) fn owner(&self) -> (&str, i64) {
        (&self.store.presence.name, self.number)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.used.load(Ordering::Relaxed) && !self.store.presence.is_forked() {
            // A lease that stays ends with its engine.
            let _ = self.store.db.write_relaxed(|db| {
                db.run(
                    "DELETE FROM leases WHERE engine = ? AND lease = ?",
                    params![self.store.presence.name, self.number],
                )
            });
        }
    }
}

impl Store {
    /// A lease on nothing yet.
    pub fn lease(&self) -> Lease<'_> {
        Lease { store: self, number: LEASES.fetch_add(1, Ordering::Relaxed), used: false.into() }
    }

    /// Whether the engine of this name runs, in any process; a dead one's file may not have been noticed yet.
    pub(super) fn is_live(&self, engine: &str) -> Result<bool> {
        Ok(live().contains(engine) || fs::stat(&self.root.join("engines").join(engine))?.is_some())
    }

    /// Forgets the leases and containers of engines whose process is gone.
    pub fn forget_dead_engines(&self) -> Result<()> {
        dead_engines(&self.root)?;
        // The rows first: an engine has its file before it has rows, so that one that comes meanwhile is not taken for dead.
        let owners = self.db.read(|db| {
            db.rows(
                "SELECT engine FROM leases UNION SELECT engine FROM containers WHERE running = 1",
                [],
                |row| row.get::<_, String>(0),
            )
        })?;
        // Rows may be left of an engine whose file went before them.
        let known: BTreeSet<String> = fs::list(&self.root.join("engines"))?
            .into_iter()
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        let dead: Vec<String> =
            owners.into_iter().filter(|owner| !known.contains(owner) && !live().contains(owner)).collect();
        if dead.is_empty() {
            return Ok(());
        }
        let containers = self.db.write(|db| {
            let mut containers = Vec::new();
            for engine in &dead {
                db.run("DELETE FROM leases WHERE engine = ?", [engine])?;
                containers.extend(db.rows(
                    "DELETE FROM containers WHERE engine = ? AND running = 1 RETURNING id",
                    [engine],
                    |row| row.get::<_, String>(0),
                )?);
            }
            Ok(containers)
        })?;
        for container in containers {
            fs::remove_tree(&self.root.join("containers").join(container))?;
        }
        Ok(())
    }
}
