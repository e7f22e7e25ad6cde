//! The store: blobs, database, images, snapshots, garbage collection, verification. One folder, several processes.
//!
//! The database is the truth: a blob counts once its row says so, an image once its rows are committed. A kill at any
//! moment leaves garbage, never a wrong answer. Knows nothing of archives, builds or registries.

mod blobs;
mod cache;
mod caches;
mod collect;
mod compress;
mod container_objects;
mod container_state;
mod containers;
mod db;
mod images;
mod indexes;
mod inspect;
mod list;
mod partial;
mod presence;
mod prune_cache;
mod remove;
mod report;
mod roots;
mod snapshots;
#[cfg(test)]
mod tests;
mod unread;
mod usage;
mod verify;

pub use blobs::{BlobReader, BlobWriter, PendingBlob, check_blob};
pub use cache::StepInputs;
pub use caches::{CacheMount, CacheSharing};
pub use container_objects::{ContainerRow, NewContainer, no_such_container};
pub use containers::ContainerFolder;
pub use db::Sql;
pub use images::{ImageRecord, NewImage, NewLayer, StoredLayer, no_such_image};
pub use indexes::{IndexContents, NewIndex, StoredIndex};
pub use list::{check_filters, has_labels};
pub use partial::{Claim, PartialBlob};
pub use presence::Lease;
pub use remove::until_time;
pub use report::{
    CachePruneOptions, CacheRecord, DiskUsage, HistoryEntry, ImageSummary, Info, ListOptions, Problem,
    PruneOptions, PruneReport, RemoveOptions, RemoveReport, Usage, VerifyOptions, VerifyReport,
};
pub use snapshots::Form;

use std::path::{Path, PathBuf};

use crate::config::{Isolation, Limits};
use crate::error::Result;
use crate::fs;
use presence::Presence;

/// An open store.
pub struct Store {
    root: PathBuf,
    limits: Limits,
    isolation: Option<Isolation>,
    db: db::Database,
    presence: Presence,
}

impl Store {
    /// Opens the store below `root`, making it where there is none.
    ///
    /// `conflict` when another copy of this library in the same process has it open; `unsupported` when a newer version
    /// wrote it.
    pub fn open(root: &Path, limits: Limits) -> Result<Store> {
        fs::create_dir_all(root)?;
        let root = fs::absolute(root)?;
        for folder in ["blobs/sha256", "snapshots", "containers", "caches", "partial", "tmp"] {
            fs::create_dir_all(&root.join(folder))?;
        }
        let presence = Presence::announce(&root)?;
        let db = db::Database::open(&root.join("layerkit.db"))?;
        let store = Store { root, limits, isolation: None, db, presence };
        store.forget_dead_engines()?;
        Ok(store)
    }

    /// The same store, for commands that are run in a given way.
    pub fn isolated_by(mut self, isolation: Option<Isolation>) -> Store {
        self.isolation = isolation;
        self
    }

    /// How commands are to be run, and images therefore unpacked; `None`: whatever works.
    pub fn isolation(&self) -> Option<Isolation> {
        self.isolation
    }

    /// The root of the store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What untrusted layers may at most be.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The database, for reads and writes that are put together by the caller.
    pub fn db(&self) -> &db::Database {
        &self.db
    }

    /// Fails with `conflict` in a process that was forked from the one that opened the store.
    pub fn check_process(&self) -> Result<()> {
        self.presence.check_process()
    }

    /// A directory for unfinished things, gone when it is dropped.
    pub fn temporary_directory(&self) -> Result<tempfile::TempDir> {
        fs::temporary_directory(&self.root.join("tmp"), &self.temporary_prefix())
    }

    /// What names of this engine's unfinished things begin with: garbage once the engine is dead.
    fn temporary_prefix(&self) -> String {
        format!("{}+", self.presence.name)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if self.presence.is_forked() {
            self.db.forget();
        }
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
