//! SQLite: rows go in by prepared statements of many rows each; a column widens by being replaced.

mod describe;
mod keys;
mod lock;
mod statement;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use restload_model::DataType;
use restload_model::batch::Cell;
use restload_model::iso_time;
use restload_model::naming;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous,
};
use sqlx::{Arguments as _, ConnectOptions as _, Connection as _, Row as _, SqlStr, TypeInfo as _, ValueRef as _};

use super::{Inserted, Param, Session};
use crate::error::{Cause, DestinationError};
use crate::plan::{ColumnDef, Conflict, TableState};
use crate::rows::Rows;
use crate::sql::{Dialect, Sql};
use crate::system::{push_moment, push_time};
use crate::url::Kind;

use lock::{FileLock, holder, lock_path};
use statement::Statement;

pub(crate) use describe::table_states;

/// Values that are bound to one statement: 50 rows of 12 columns, more of narrower ones. One row a statement takes a
/// twentieth more processor time, and so do 250.
const VALUES_PER_STATEMENT: usize = 600;
/// SQLite's limit on bound values in one statement.
const MOST_PARAMETERS: usize = 32_766;
/// How long a transaction waits for another program's to end. One that swaps large tables may take a while.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts to open a file that another program is opening or closing.
const PAUSE: Duration = Duration::from_millis(20);
/// Steps of SQLite's machine between two looks at the clock: a fraction of a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;
/// Bytes that SQLite may take for what a person types.
const MOST_MEMORY: &str = "268435456";
/// Pages of the write-ahead log that are moved into the file at once: 32 MiB. Each time the disk is waited for twice, and
/// SQLite's own 1,000 pages are little more than a step writes.
const CHECKPOINT_PAGES: &str = "8000";
/// What SQLite keeps of the file in memory: 512 KiB, less than the 2 MB of its own choice. Its pages are in the system's
/// cache anyway.
const CACHE_SIZE: &str = "-512";
/// What a step should hold: less than for Postgres, as nobody is asked over a network.
pub(crate) const STEP_BYTES: usize = 768 << 10;
/// Doubles that are converted at once.
const CONVERSION_CHUNK: usize = 2_000;

/// A connection to a file, and the lock beside it.
pub(crate) struct Sqlite {
    connection: SqliteConnection,
    pub(crate) dialect: Dialect,
    // Dropped last: the lock outlives the connection.
    _lock: FileLock,
}

/// Opens the file. Where another program makes the write-ahead log, or removes it as the last one to close the file,
/// SQLite answers that it is busy at once, whatever the busy timeout says; so the wait is ours.
async fn open(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let mut waited = Duration::ZERO;
    loop {
        match SqliteConnection::connect_with(options).await {
            Err(error) if is_busy(&error) && waited < PATIENCE => {
                tokio::time::sleep(PAUSE).await;
                waited += PAUSE;
            }
            ended => return ended,
        }
    }
}

/// Whether the error is `SQLITE_BUSY`, of any kind.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| code & 0xff == 5)
}

impl Sqlite {
    pub(super) async fn connect(path: &Path, session: &Session<'_>) -> Result<Self, DestinationError> {
        let destination = session.url.redacted();
        let path = prepare_folder(path)
            .map_err(|cause| cause.during(format!("cannot make the folder of {destination}"), &destination))?;
        let lock_path = lock_path(&path, session.pipeline);
        let lock = match FileLock::take(lock_path.clone()) {
            Ok(Some(lock)) => lock,
            Ok(None) => {
                return Err(DestinationError::Locked {
                    pipeline: session.pipeline.to_owned(),
                    destination,
                    holder: Some(holder(&lock_path)),
                });
            }
            Err(error) => {
                // Its own files beside it are what SQLite needs the folder for, too.
                let cause = Cause::from(error).at(&lock_path);
                return Err(cause.during(format!("cannot open {destination}"), &destination));
            }
        };
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("cache_size", CACHE_SIZE)
            .busy_timeout(PATIENCE)
            .foreign_keys(false)
            .disable_statement_logging();
        let connection = open(&options)
            .await
            .map_err(|error| Cause::from(error).during(format!("cannot open {destination}"), &destination))?;
        Ok(Self {
            connection,
            dialect: Dialect {
                kind: Kind::Sqlite,
                dataset: None,
            },
            _lock: lock,
        })
    }

    pub(super) async fn execute(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, Cause> {
        let done = sqlx::query_with(sql.into_safe(), arguments(params)?)
            .persistent(false)
            .execute(&mut self.connection)
            .await?;
        Ok(done.rows_affected())
    }

    pub(super) async fn rows(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Vec<Vec<Option<String>>>, Cause> {
        texts(&mut self.connection, sql, params).await
    }

    pub(super) async fn describe(&mut self, tables: &[&str]) -> Result<HashMap<String, TableState>, Cause> {
        let params = [Param::List(tables)];
        let columns = self.rows(Dialect::describe_columns(), &params).await?;
        let indexes = self.rows(Dialect::describe_indexes(), &params).await?;
        Ok(table_states(columns, indexes))
    }

    pub(super) async fn insert(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        conflict: Option<&Conflict>,
    ) -> Result<Inserted, Cause> {
        let place = self.dialect.table(table);
        if conflict.is_none() {
            let inserted = self.insert_rows(&place, rows, None).await?;
            return Ok(Inserted { inserted, updated: 0 });
        }
        let before = self.last_row(table).await?;
        let written = self.insert_rows(&place, rows, conflict).await?;
        let inserted = (self.last_row(table).await? - before).min(written);
        Ok(Inserted {
            inserted,
            updated: written - inserted,
        })
    }

    pub(super) async fn put(&mut self, table: &str, rows: &Rows<'_>, conflict: Option<&Conflict>) -> Result<(), Cause> {
        let place = self.dialect.table(table);
        self.insert_rows(&place, rows, conflict).await.map(drop)
    }

    async fn last_row(&mut self, table: &str) -> Result<u64, Cause> {
        let rows = self.rows(self.dialect.last_row(table), &[]).await?;
        let last = rows.into_iter().flatten().flatten().next();
        Ok(last.and_then(|last| last.parse().ok()).unwrap_or(0))
    }

    async fn insert_rows(&mut self, table: &Sql, rows: &Rows<'_>, conflict: Option<&Conflict>) -> Result<u64, Cause> {
        let names = rows.names();
        let full = (VALUES_PER_STATEMENT / names.len().max(1)).max(1);
        let mut handle = self.connection.lock_handle().await?;
        let mut left = rows.count() as usize;
        let mut rows = rows.iter();
        let mut written = 0;
        for statement_rows in [full, 1] {
            if left < statement_rows {
                continue;
            }
            let sql = Dialect::insert_values(table, &names, statement_rows, conflict).into_text();
            let mut statement = Statement::prepare(&mut handle, &sql)?;
            while left >= statement_rows {
                left -= statement_rows;
                let next = rows.by_ref().take(statement_rows);
                let cells = next.flat_map(|row| (0..names.len()).map(move |column| row.cell(column)));
                written += statement.execute(cells)?;
            }
        }
        Ok(written)
    }

    /// Replaces the column by a wider one. The affinity of a SQLite column converts what is stored in it, so a value
    /// can only keep its exact form in a column of the new type.
    pub(super) async fn widen(&mut self, table: &str, column: &ColumnDef, from: DataType) -> Result<(), Cause> {
        let copy = ColumnDef {
            name: naming::join("_rl_wider", &column.name, naming::MAX_LENGTH).into(),
            not_null: false,
            ..column.clone()
        };
        self.execute(self.dialect.add_column(table, &copy), &[]).await?;
        match self
            .dialect
            .convert_into(table, &column.name, &copy.name, from, column.data_type)
        {
            Some(sql) => {
                self.execute(sql, &[]).await?;
            }
            None => self.convert_doubles(table, &column.name, &copy.name).await?,
        }
        // SQLite refuses to drop a column that something else names, so that is taken away for the moment. All of it is
        // in the transaction.
        let params = [Param::Text(table), Param::Text(&column.name)];
        let dependents = self.rows(Dialect::dependents_of_column(), &params).await?;
        for dependent in &dependents {
            if let [Some(kind), Some(name), _] = dependent.as_slice() {
                self.execute(Dialect::drop_dependent(kind, name), &[]).await?;
            }
        }
        self.execute(self.dialect.drop_column(table, &column.name), &[]).await?;
        self.execute(self.dialect.rename_column(table, &copy.name, &column.name), &[])
            .await?;
        for dependent in dependents.iter().rev() {
            if let [_, _, Some(statement)] = dependent.as_slice() {
                self.execute(Dialect::make_dependent_again(statement), &[]).await?;
            }
        }
        Ok(())
    }

    /// Writes doubles as their shortest exact text; SQLite's own conversion keeps 15 digits only.
    async fn convert_doubles(&mut self, table: &str, column: &str, copy: &str) -> Result<(), Cause> {
        let read = self.dialect.doubles_after(table, column, CONVERSION_CHUNK).into_safe();
        let mut last = i64::MIN;
        loop {
            let rows: Vec<(i64, f64)> = sqlx::query_as(read.clone())
                .bind(last)
                .fetch_all(&mut self.connection)
                .await?;
            let Some((rowid, _)) = rows.last() else {
                return Ok(());
            };
            last = *rowid;
            let mut arguments = SqliteArguments::default();
            for (rowid, number) in &rows {
                let mut text = String::new();
                Cell::Double(*number).write_text(&mut text);
                add(&mut arguments, *rowid)?;
                add(&mut arguments, text)?;
            }
            let write = self.dialect.set_by_rowid(table, copy, rows.len());
            sqlx::query_with(write.into_safe(), arguments)
                .execute(&mut self.connection)
                .await?;
        }
    }

    pub(super) async fn close(self) -> Result<(), Cause> {
        self.connection.close().await?;
        Ok(())
    }
}

/// Runs one query whose columns are all text.
pub(crate) async fn texts(
    connection: &mut SqliteConnection,
    sql: Sql,
    params: &[Param<'_>],
) -> Result<Vec<Vec<Option<String>>>, Cause> {
    fetch(connection, sql.into_safe(), arguments(params)?).await
}

async fn fetch(
    connection: &mut SqliteConnection,
    sql: SqlStr,
    arguments: SqliteArguments,
) -> Result<Vec<Vec<Option<String>>>, Cause> {
    let rows = sqlx::query_with(sql, arguments)
        .persistent(false)
        .fetch_all(connection)
        .await?;
    let mut texts = Vec::with_capacity(rows.len());
    for row in rows {
        let cells: Result<Vec<Option<String>>, sqlx::Error> = (0..row.len()).map(|column| text(&row, column)).collect();
        texts.push(cells?);
    }
    Ok(texts)
}

/// A value as text: a double with every digit that it needs, bytes as hex.
fn text(row: &SqliteRow, column: usize) -> Result<Option<String>, sqlx::Error> {
    let value = row.try_get_raw(column)?;
    if value.is_null() {
        return Ok(None);
    }
    let mut text = String::new();
    match value.type_info().name() {
        "INTEGER" => Cell::Bigint(row.try_get_unchecked(column)?).write_text(&mut text),
        "REAL" => Cell::Double(row.try_get_unchecked(column)?).write_text(&mut text),
        "BLOB" => Cell::Binary(row.try_get_unchecked(column)?).write_text(&mut text),
        // SQLite takes any bytes for a text.
        _ => text.push_str(&String::from_utf8_lossy(row.try_get_unchecked::<&[u8], _>(column)?)),
    }
    Ok(Some(text))
}

/// Has every query end by itself that is not done in time.
pub(crate) async fn stop_after(connection: &mut SqliteConnection, most_time: Duration) -> Result<(), Cause> {
    let begun = Instant::now();
    let mut handle = connection.lock_handle().await?;
    handle.set_progress_handler(STEPS_BETWEEN_LOOKS, move || begun.elapsed() < most_time);
    Ok(())
}

/// Takes that back.
pub(crate) async fn never_stop(connection: &mut SqliteConnection) -> Result<(), Cause> {
    connection.lock_handle().await?.remove_progress_handler();
    Ok(())
}

/// Opens a file for reading, if it is there. A connection that may not write at all could neither take up a journal
/// that a killed run has left nor tidy up behind itself, so this one may, and only its statements may not.
pub(crate) async fn open_to_read(path: &Path) -> Result<Option<SqliteConnection>, Cause> {
    if !path.try_exists()? {
        return Ok(None);
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(PATIENCE)
        .pragma("query_only", "1")
        .disable_statement_logging();
    Ok(Some(open(&options).await?))
}

/// Opens a file that is there for what a person types. It cannot write, and it cannot take the memory of the machine:
/// the limit is the whole process's, and cannot be lifted again.
pub(crate) async fn open_for_typed(path: &Path) -> Result<SqliteConnection, Cause> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(PATIENCE)
        .pragma("query_only", "1")
        .pragma("hard_heap_limit", MOST_MEMORY)
        .disable_statement_logging();
    Ok(open(&options).await?)
}

/// Binds a cell in the form that SQLite keeps it in.
fn bind(arguments: &mut SqliteArguments, cell: Cell<'_>) -> Result<(), Cause> {
    match cell {
        Cell::Null => add(arguments, None::<i64>),
        Cell::Bool(flag) => add(arguments, i64::from(flag)),
        Cell::Bigint(number) => add(arguments, number),
        Cell::Double(number) => add(arguments, number),
        Cell::Binary(bytes) => add(arguments, bytes),
        Cell::Text(text) | Cell::Numeric(text) | Cell::Json(text) => add(arguments, text),
        Cell::Timestamp(_) | Cell::TimestampNtz(_) | Cell::Date(_) | Cell::Time(_) => {
            let mut text = String::new();
            cell_text(&mut text, cell);
            add(arguments, text)
        }
    }
}

/// A moment as SQLite keeps it, in the place of what the text held.
fn cell_text(text: &mut String, cell: Cell<'_>) {
    text.clear();
    match cell {
        Cell::Timestamp(micros) | Cell::TimestampNtz(micros) => push_moment(text, micros),
        Cell::Time(micros) => push_time(text, micros),
        Cell::Date(days) => iso_time::write_date(text, days),
        other => other.write_text(text),
    }
}

fn add<'t, T>(arguments: &mut SqliteArguments, value: T) -> Result<(), Cause>
where
    T: sqlx::Encode<'t, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    arguments.add(value).map_err(|error| Cause::new(error.to_string()))
}

fn arguments(params: &[Param<'_>]) -> Result<SqliteArguments, Cause> {
    let mut arguments = SqliteArguments::default();
    for param in params {
        match param {
            Param::Text(text) => add(&mut arguments, *text)?,
            Param::OptionalText(text) => add(&mut arguments, *text)?,
            Param::Integer(number) => add(&mut arguments, *number)?,
            Param::List(texts) => add(&mut arguments, serde_json::json!(texts).to_string())?,
        }
    }
    Ok(arguments)
}

/// What a column declared so can hold without changing it.
pub(crate) fn data_type(type_name: &str) -> Option<DataType> {
    Some(match type_name.to_ascii_uppercase().as_str() {
        "TEXT" => DataType::Text,
        "BIGINT" | "INTEGER" | "INT" => DataType::Bigint,
        "DOUBLE" | "REAL" => DataType::Double,
        "BOOLEAN" => DataType::Bool,
        "TIMESTAMP TEXT" => DataType::Timestamp,
        "TIMESTAMP_NTZ TEXT" => DataType::TimestampNtz,
        "DATE TEXT" => DataType::Date,
        "TIME TEXT" => DataType::Time,
        "NUMERIC TEXT" => DataType::Numeric,
        "JSON TEXT" => DataType::Json,
        "BLOB" => DataType::Binary,
        _ => return None,
    })
}

/// Makes the folder of the file and gives the file's full path, so that every spelling of it has the same lock.
fn prepare_folder(path: &Path) -> Result<PathBuf, Cause> {
    if let Ok(path) = path.canonicalize() {
        return Ok(path);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
            Cause::new(format!("`{}` is not a folder", folder.display()))
        }
        _ => Cause::from(error).at(folder),
    })?;
    let name = path.file_name().ok_or_else(|| Cause::new("the path names no file"))?;
    Ok(folder.canonicalize()?.join(name))
}
