//! The build cache: what a step made of a parent and its inputs. The key is the caller's.

use rusqlite::{Connection, params};

use super::db::Sql;
use super::{Store, now};
use crate::digest::Digest;
use crate::error::Result;

/// How many contexts have their digests kept.
const CONTEXTS: u32 = 64;

/// What a step looked at when it was last made.
#[derive(Clone, Debug)]
pub struct StepInputs {
    /// The instruction as written.
    pub instruction: String,
    /// The inputs, in the form of who builds.
    pub inputs: Vec<u8>,
}

impl Store {
    /// The image that a step with this key made before. It counts as used.
    pub fn cached(&self, db: &Connection, key: Digest) -> Result<Option<Digest>> {
        db.first(
            "UPDATE build_cache SET used = ? WHERE key = ? RETURNING image",
            params![now(), key],
            |row| row.get(0),
        )
    }

    /// Whether a step with this key is known.
    pub fn is_cached(&self, db: &Connection, key: Digest) -> Result<bool> {
        Ok(db.number("SELECT count(*) FROM build_cache WHERE key = ?", [key])? > 0)
    }

    /// The keys that lead to an image.
    pub fn keys_of(&self, db: &Connection, image: Digest) -> Result<Vec<Digest>> {
        db.rows("SELECT key FROM build_cache WHERE image = ? ORDER BY key", [image], |row| row.get(0))
    }

    /// Remembers what a step made, in the caller's transaction, in place of what an earlier one made.
    pub fn remember(&self, db: &Connection, key: Digest, image: Digest) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO build_cache (key, image, used) VALUES (?, ?, ?)";
        db.run(sql, params![key, image, now()]).map(drop)
    }

    /// What a step on a parent looked at when it was last made.
    pub fn step_inputs(&self, db: &Connection, parent: &str, instruction: &str) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT inputs FROM build_inputs WHERE parent = ? AND instruction = ?";
        db.first(sql, [parent, instruction], |row| row.get(0))
    }

    /// The instructions that were last made on a parent, the latest first.
    pub fn instructions_on(&self, db: &Connection, parent: &str) -> Result<Vec<String>> {
        let sql = "SELECT instruction FROM build_inputs WHERE parent = ? ORDER BY used DESC LIMIT 16";
        db.rows(sql, [parent], |row| row.get(0))
    }

    /// Writes down what a step on a parent looked at, in the caller's transaction.
    pub fn note_inputs(&self, db: &Connection, parent: &str, step: &StepInputs) -> Result<()> {
        db.run(
            "INSERT OR REPLACE INTO build_inputs (parent, instruction, used, inputs) VALUES (?, ?, ?, ?)",
            params![parent, step.instruction, now(), step.inputs],
        )
        .map(drop)
    }

    /// The digests of a context's files, in the form of who builds.
    pub fn context_digests(&self, db: &Connection, context: &str) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT digests FROM context_digests WHERE context = ?";
        db.first(sql, [context], |row| row.get(0))
    }

    /// Keeps the digests of a context's files, in the caller's transaction; those of the contexts that were built longest ago go.
    pub fn keep_context_digests(&self, db: &Connection, context: &str, digests: &[u8]) -> Result<()> {
        db.run(
            "INSERT OR REPLACE INTO context_digests (context, used, digests) VALUES (?, ?, ?)",
            params![context, now(), digests],
        )?;
        db.run(
            "DELETE FROM context_digests WHERE context NOT IN
               (SELECT context FROM context_digests ORDER BY used DESC LIMIT ?)",
            [CONTEXTS],
        )
        .map(drop)
    }

    /// Forgets what builds looked at, in the caller's transaction: the next looks at everything anew. Returns the bytes.
    pub fn forget_builds(&self, db: &Connection) -> Result<u64> {
        let mut bytes = 0;
        for (table, content) in [("context_digests", "digests"), ("build_inputs", "inputs")] {
            bytes += db.number(&format!("SELECT coalesce(sum(length({content})), 0) FROM {table}"), [])?;
            db.run(&format!("DELETE FROM {table}"), [])?;
        }
        Ok(bytes)
    }
}
