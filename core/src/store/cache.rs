//! The build cache: what a step made of a parent and its inputs. The key is the caller's.

use rusqlite::{Connection, params};

use super::db::Sql;
use super::{Store, now};
use crate::digest::Digest;
use crate::error::Result;

impl Store {
    /// The image that a step with this key made before.
    pub fn cached(&self, db: &Connection, key: Digest) -> Result<Option<Digest>> {
        db.first("SELECT image FROM build_cache WHERE key = ?", [key], |row| row.get(0))
    }

    /// Takes note that a step was taken from the cache, in the caller's transaction.
    pub fn used(&self, db: &Connection, key: Digest) -> Result<()> {
        db.run("UPDATE build_cache SET used = ? WHERE key = ?", params![now(), key]).map(drop)
    }

    /// Remembers what a step made, in the caller's transaction, in place of what an earlier one made.
    pub fn remember(&self, db: &Connection, key: Digest, image: Digest) -> Result<()> {
        db.run(
            "INSERT OR REPLACE INTO build_cache (key, image, used) VALUES (?, ?, ?)",
            params![key, image, now()],
        )
        .map(drop)
    }
}
