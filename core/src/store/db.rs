//! The database: one SQLite file that several processes share, and the few ways to ask it.
//!
//! Knows nothing of what the tables mean. Every write is one `BEGIN IMMEDIATE` transaction: what it renames or removes
//! on the disk is safe from every other writer.

use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, Row, TransactionBehavior};

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};

/// Version of the schema that this code writes. Each step of `MIGRATIONS` leads to the next.
pub const SCHEMA_VERSION: u32 = 4;
const MIGRATIONS: [&str; SCHEMA_VERSION as usize] = [
    include_str!("schema.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
];
/// How long a write waits for those of other processes.
const BUSY: Duration = Duration::from_secs(120);

/// The open database.
pub struct Database {
    connection: Mutex<Option<Connection>>,
    journal: String,
}

fn sql_error(error: rusqlite::Error) -> Error {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ErrorKind::NoSpace,
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            ErrorKind::Permission
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure)
        | Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Io,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, format!("the store's database: {error}"))
}

impl Database {
    /// Opens or creates the database of this file, and brings its schema up to date.
    pub fn open(path: &Path) -> Result<Self> {
        let mut connection = Connection::open(path).map_err(sql_error)?;
        connection.busy_timeout(BUSY).map_err(sql_error)?;
        connection.set_prepared_statement_cache_capacity(128);
        // Where the file system cannot share memory (NFS) SQLite answers with the journal that it keeps.
        let journal: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(sql_error)?;
        connection
            .execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;")
            .map_err(sql_error)?;
        migrate(&mut connection)?;
        Ok(Database { connection: Mutex::new(Some(connection)), journal })
    }

    /// `wal` or `delete`.
    pub fn journal(&self) -> &str {
        &self.journal
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Reads in one transaction: everything it sees is of one moment.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        transaction(self.lock().as_mut(), TransactionBehavior::Deferred, work)
    }

    /// Writes in one transaction, alone among all processes. An error undoes all of it. Lasting once it returns.
    pub fn write<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        transaction(self.lock().as_mut(), TransactionBehavior::Immediate, work)
    }

    /// The same for rows that may be lost with the power (leases, running containers): not flushed.
    pub fn write_relaxed<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let mut guard = self.lock();
        pragma(guard.as_ref(), "PRAGMA synchronous = NORMAL")?;
        let result = transaction(guard.as_mut(), TransactionBehavior::Immediate, work);
        pragma(guard.as_ref(), "PRAGMA synchronous = FULL")?;
        result
    }

    /// Does what [`Database::write`] does, and undoes it: what a write would answer.
    pub fn rehearse<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let mut guard = self.lock();
        let transaction = guard
            .as_mut()
            .ok_or_else(closed)?
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sql_error)?;
        let value = work(&transaction)?;
        transaction.rollback().map_err(sql_error)?;
        Ok(value)
    }

    /// Lets go of the connection without touching the file: for the copy that a fork leaves in the child.
    pub fn forget(&self) {
        std::mem::forget(self.lock().take());
    }
}

fn pragma(connection: Option<&Connection>, sql: &str) -> Result<()> {
    connection.ok_or_else(closed)?.execute_batch(sql).map_err(sql_error)
}

fn transaction<T>(
    connection: Option<&mut Connection>,
    behavior: TransactionBehavior,
    work: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let transaction =
        connection.ok_or_else(closed)?.transaction_with_behavior(behavior).map_err(sql_error)?;
    let value = work(&transaction)?;
    transaction.commit().map_err(sql_error)?;
    Ok(value)
}

fn closed() -> Error {
    Error::new(ErrorKind::InvalidArgument, "the engine is closed")
}

fn migrate(connection: &mut Connection) -> Result<()> {
    let version = |connection: &Connection| {
        connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0)).map_err(sql_error)
    };
    if version(connection)? == SCHEMA_VERSION {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql_error)?;
    let from = version(&transaction)?;
    if from > SCHEMA_VERSION {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "the store has schema {from}, written by a newer layerkit; this one knows {SCHEMA_VERSION}"
            ),
        ));
    }
    for step in &MIGRATIONS[from as usize..] {
        transaction.execute_batch(step).map_err(sql_error)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(sql_error)?;
    transaction.commit().map_err(sql_error)
}

/// Statements with our errors, prepared once.
pub trait Sql {
    /// Runs a statement and says how many rows it changed.
    fn run(&self, sql: &str, params: impl Params) -> Result<usize>;
    /// The first row of a query.
    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>>;
    /// All rows of a query.
    fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>>;
    /// The one number that a query answers.
    fn number(&self, sql: &str, params: impl Params) -> Result<u64> {
        Ok(self.first(sql, params, |row| row.get::<_, i64>(0))?.unwrap_or_default().max(0) as u64)
    }
}

impl Sql for Connection {
    fn run(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.prepare_cached(sql).and_then(|mut statement| statement.execute(params)).map_err(sql_error)
    }

    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        self.prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, map).optional())
            .map_err(sql_error)
    }

    fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(params, map)?.collect())
            .map_err(sql_error)
    }
}

impl ToSql for Digest {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl FromSql for Digest {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}
