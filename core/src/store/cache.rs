//! The build cache: what a step made of a parent and its inputs. The key is the caller's.

use rusqlite::{Connection, params};

use super::Store;
use super::db::Sql;
use crate::digest::Digest;
use crate::error::Result;

impl Store {
    /// The image that a step with this key made before.
    pub fn cached(&self, db: &Connection, key: Digest) -> Result<Option<Digest>> {
        db.first("SELECT image FROM build_cache WHERE key = ?", [key], |row| row.get(0))
    }

    /// Remembers what a step made, in the caller's transaction, in place of what an earlier one made.
    pub fn remember(&self, db: &Connection, key: Digest, image: Digest) -> Result<()> {
        db.run("INSERT OR REPLACE INTO build_cache (key, image) VALUES (?, ?)", params![key, image]).map(drop)
    }
}
