//! The writers: how each database is connected to, locked, described and written to.
//!
//! A writer knows its database's dialect, its fastest way in and its way of widening a column. What is written, when,
//! and in which transaction is decided once, for all of them, in `commit.rs`.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::collections::HashMap;
use std::sync::Arc;

use restload_model::{DataType, naming};

use crate::error::{Cause, DestinationError};
use crate::plan::{ColumnDef, Conflict, TableState};
use crate::rows::Rows;
use crate::sql::{Dialect, Sql};
use crate::url::{DestinationUrl, Place};

use postgres::Postgres;
use sqlite::Sqlite;

/// A value to bind.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Param<'a> {
    Text(&'a str),
    OptionalText(Option<&'a str>),
    Integer(i64),
    List(&'a [&'a str]),
}

/// What an insert did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Inserted {
    /// Rows that were not there.
    pub(crate) inserted: u64,
    /// Rows that took the place of others.
    pub(crate) updated: u64,
}

/// A connection that holds the lock of its pipeline and dataset.
pub(crate) enum Writer {
    Sqlite(Box<Sqlite>),
    Postgres(Box<Postgres>),
}

/// Who wants to write where.
pub(crate) struct Session<'a> {
    pub(crate) url: &'a DestinationUrl,
    pub(crate) dataset: &'a str,
    pub(crate) pipeline: &'a str,
}

impl Writer {
    /// Connects and takes the lock.
    pub(crate) async fn connect(session: &Session<'_>) -> Result<Self, DestinationError> {
        Ok(match session.url.place() {
            Place::Sqlite(path) => Self::Sqlite(Box::new(Sqlite::connect(path, session).await?)),
            Place::Postgres(options) => Self::Postgres(Box::new(Postgres::connect(options, session).await?)),
        })
    }

    /// What a step should hold that is written to this place.
    pub(crate) fn step_bytes(url: &DestinationUrl) -> usize {
        match url.place() {
            Place::Sqlite(_) => sqlite::STEP_BYTES,
            Place::Postgres(_) => postgres::STEP_BYTES,
        }
    }

    pub(crate) fn dialect(&self) -> &Dialect {
        match self {
            Self::Sqlite(writer) => &writer.dialect,
            Self::Postgres(writer) => &writer.dialect,
        }
    }

    /// Runs one statement that returns no rows.
    pub(crate) async fn execute(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, Cause> {
        match self {
            Self::Sqlite(writer) => writer.execute(sql, params).await,
            Self::Postgres(writer) => writer.execute(sql, params).await,
        }
    }

    /// Runs one query whose columns are all text.
    pub(crate) async fn rows(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Vec<Vec<Option<String>>>, Cause> {
        match self {
            Self::Sqlite(writer) => writer.rows(sql, params).await,
            Self::Postgres(writer) => writer.rows(sql, params).await,
        }
    }

    /// Whether a query that counts found anything.
    pub(crate) async fn finds(&mut self, sql: Sql) -> Result<bool, Cause> {
        let rows = self.rows(sql, &[]).await?;
        let count = rows.into_iter().flatten().flatten().next();
        Ok(count.is_some_and(|count| count != "0"))
    }

    pub(crate) async fn begin(&mut self) -> Result<(), Cause> {
        let begin = self.dialect().begin();
        self.execute(begin, &[]).await.map(drop)
    }

    pub(crate) async fn commit(&mut self) -> Result<(), Cause> {
        self.execute(Dialect::commit(), &[]).await.map(drop)
    }

    /// Keeps the transaction from waiting for others without end.
    pub(crate) async fn wait_briefly(&mut self) -> Result<(), Cause> {
        match self {
            // The connection itself waits a few seconds and no more.
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(writer) => writer.execute(Dialect::wait_ten_seconds(), &[]).await.map(drop),
        }
    }

    /// Undoes the transaction. That it may be gone already, after a full disk for instance, is no failure.
    pub(crate) async fn rollback(&mut self) {
        drop(self.execute(Dialect::rollback(), &[]).await);
    }

    /// Begins a transaction that keeps others from making the dataset and its tables until it ends, and does not wait for
    /// them without end.
    pub(crate) async fn begin_making(&mut self) -> Result<(), Cause> {
        match self {
            // The transaction holds the only write lock of the file, and the connection waits a while and no more.
            Self::Sqlite(_) => self.begin().await,
            Self::Postgres(writer) => writer.begin_making().await,
        }
    }

    /// Makes the dataset if it is not there, and says whether it did: then nothing is in it.
    pub(crate) async fn create_dataset(&mut self) -> Result<bool, Cause> {
        match self {
            // The file is there, and the transaction holds its write lock.
            Self::Sqlite(_) => Ok(false),
            Self::Postgres(writer) => writer.create_dataset().await,
        }
    }

    /// Begins a transaction, and has other pipelines wait until it ends that want to write to the same root tables: two
    /// that make the same table, or the same column, at the same moment would stand in each other's way.
    pub(crate) async fn begin_in_turn(&mut self, roots: &[&str]) -> Result<(), Cause> {
        match self {
            // The transaction holds the only write lock of the file.
            Self::Sqlite(_) => self.begin().await,
            Self::Postgres(writer) => writer.begin_in_turn(roots).await,
        }
    }

    /// Those of the tables that are there, as the database describes them.
    pub(crate) async fn describe(&mut self, tables: &[&str]) -> Result<HashMap<String, TableState>, Cause> {
        if tables.is_empty() {
            return Ok(HashMap::new());
        }
        match self {
            Self::Sqlite(writer) => writer.describe(tables).await,
            Self::Postgres(writer) => writer.describe(tables).await,
        }
    }

    /// Keeps others from altering the tables until the transaction ends.
    pub(crate) async fn hold(&mut self, tables: &[&str]) -> Result<(), Cause> {
        match self {
            // The transaction holds the only write lock of the file.
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) if tables.is_empty() => Ok(()),
            Self::Postgres(writer) => {
                let sql = writer.dialect.hold_tables(tables);
                writer.execute(sql, &[]).await.map(drop)
            }
        }
    }

    /// Inserts rows; where a row with the same key is there, it takes the new values or stays.
    pub(crate) async fn insert(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        conflict: Option<&Conflict>,
    ) -> Result<Inserted, Cause> {
        match self {
            Self::Sqlite(writer) => writer.insert(table, rows, conflict).await,
            Self::Postgres(writer) => writer.insert(table, rows, conflict).await,
        }
    }

    /// The same, of rows that nobody counts.
    pub(crate) async fn put(&mut self, table: &str, rows: &Rows<'_>, conflict: Option<&Conflict>) -> Result<(), Cause> {
        match self {
            Self::Sqlite(writer) => writer.put(table, rows, conflict).await,
            Self::Postgres(writer) => writer.put(table, rows, conflict).await,
        }
    }

    /// The ids that rows of these keys have in the table; those of some loads may be left out.
    pub(crate) async fn find_ids(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        key: &[Arc<str>],
        other_than: Option<&[&str]>,
    ) -> Result<Vec<String>, Cause> {
        match self {
            Self::Sqlite(writer) => writer.find_ids(table, rows, key, other_than).await,
            Self::Postgres(writer) => writer.find_ids(table, rows, key, other_than).await,
        }
    }

    /// Deletes the rows of these keys, and says how many they were.
    pub(crate) async fn delete_by_key(&mut self, table: &str, rows: &Rows<'_>, key: &[Arc<str>]) -> Result<u64, Cause> {
        match self {
            Self::Sqlite(writer) => writer.delete_by_key(table, rows, key).await,
            Self::Postgres(writer) => writer.delete_by_key(table, rows, key).await,
        }
    }

    /// The ids of the rows of these keys that have another load than this one. The key has an index.
    pub(crate) async fn find_again(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        key: &[Arc<str>],
        load_id: &str,
    ) -> Result<Vec<String>, Cause> {
        match self {
            Self::Sqlite(writer) => writer.find_again(table, rows, key, load_id).await,
            Self::Postgres(writer) => writer.find_again(table, rows, key, load_id).await,
        }
    }

    /// Gives the rows of these keys a load, and says which of them had another one.
    pub(crate) async fn mark_by_key(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        key: &[Arc<str>],
        load_id: &str,
    ) -> Result<Vec<String>, Cause> {
        match self {
            Self::Sqlite(writer) => writer.mark_by_key(table, rows, key, load_id).await,
            Self::Postgres(writer) => writer.mark_by_key(table, rows, key, load_id).await,
        }
    }

    /// Those of the root rows whose child rows in a table are not these.
    pub(crate) async fn roots_that_differ(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        roots: &[&str],
    ) -> Result<Vec<String>, Cause> {
        match self {
            Self::Sqlite(writer) => writer.roots_that_differ(table, rows, roots).await,
            Self::Postgres(writer) => writer.roots_that_differ(table, rows, roots).await,
        }
    }

    /// The statements that would give the user what is missing of the dataset and of these tables.
    pub(crate) async fn missing_rights(&mut self, tables: &[&str]) -> Vec<String> {
        match self {
            // Whoever may write to the file may do everything in it.
            Self::Sqlite(_) => Vec::new(),
            Self::Postgres(writer) => writer.missing_rights(tables).await,
        }
    }

    /// What takes the views away that keep a column from being widened, and makes them again.
    pub(crate) async fn views_in_the_way(&mut self, table: &str, column: &str) -> Result<Option<String>, Cause> {
        match self {
            // They are made again in the same transaction.
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(writer) => writer.views_of_column(table, column).await,
        }
    }

    /// Changes a column to a wider type, with its values.
    pub(crate) async fn widen(&mut self, table: &str, column: &ColumnDef, from: DataType) -> Result<(), Cause> {
        match self {
            Self::Sqlite(writer) => writer.widen(table, column, from).await,
            Self::Postgres(writer) => {
                let sql = writer.dialect.alter_type(table, &column.name, from, column.data_type);
                writer.execute(sql, &[]).await.map(drop)
            }
        }
    }

    /// Gives the lock back and closes the connection.
    pub(crate) async fn close(self) -> Result<(), Cause> {
        match self {
            Self::Sqlite(writer) => writer.close().await,
            Self::Postgres(writer) => writer.close().await,
        }
    }
}

/// The table that rows on their way into a table are put into.
fn stage_name(table: &str) -> String {
    naming::join("_rl_stage", table, naming::MAX_LENGTH)
}
