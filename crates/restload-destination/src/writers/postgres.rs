//! Postgres: many rows go in by binary COPY, those with a key through a table that lives as long as the transaction; few
//! rows by an INSERT with one list for each column.

mod copy;
mod describe;
mod lists;
mod lock;
mod numeric;

use std::collections::HashMap;
use std::sync::Arc;

use restload_model::DataType;
use restload_model::naming;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::{Arguments as _, ConnectOptions as _, Connection as _, Row as _};

use super::{Inserted, Param, Session, stage_name};
use crate::error::{Cause, DestinationError};
use crate::plan::{Conflict, TableState};
use crate::rows::Rows;
use crate::sql::{Dialect, KeySource, Sql};
use crate::url::Kind;

use lock::{Asked, RunLock};

pub(crate) use describe::table_states;

/// How much is encoded before it is sent: large enough that sending costs little, small enough to stay in the cache.
const CHUNK_BYTES: usize = 128 * 1024;

/// What a step should hold: the server is asked several times for each, whatever it holds.
pub(crate) const STEP_BYTES: usize = 2 << 20;

/// Up to so many rows are bound to an INSERT, more are copied: from 1,000 on the copy is faster.
const MOST_ROWS_IN_LISTS: u64 = 500;

/// So little is bound to an INSERT, too, however many rows it is. sqlx 0.9.0 leaves Nagle's algorithm on, which holds the
/// message that ends a copy back until the server has acknowledged the rows before it, and that takes the server 40 ms
/// unless more than a segment has come since it did so last: 64 KiB on the loopback interface
/// (<https://github.com/launchbadge/sqlx/issues/4335>). For the same reason the last message of a long copy is never a
/// short one.
const SMALL_COPY_BYTES: usize = 96 * 1024;

/// A connection, and what it needs to name things.
pub(crate) struct Postgres {
    connection: PgConnection,
    pub(crate) dialect: Dialect,
    dataset: String,
    lock: RunLock,
}

impl Postgres {
    pub(super) async fn connect(options: &PgConnectOptions, session: &Session<'_>) -> Result<Self, DestinationError> {
        let destination = session.url.redacted();
        if session.dataset.len() > naming::MAX_LENGTH {
            return Err(DestinationError::Dataset {
                dataset: session.dataset.to_owned(),
                reason: "Postgres takes names of up to 63 bytes",
            });
        }
        if session.dataset.is_empty() {
            return Err(DestinationError::Dataset {
                dataset: String::new(),
                reason: "it is empty",
            });
        }
        let options = session_options(options);
        let refused = |cause: Cause| cause.during(format!("cannot log in to {destination}"), &destination);
        session.url.check_tls_files().map_err(refused)?;
        let key = lock::key(&["restload", session.dataset, session.pipeline]);
        let (connection, lock) = tokio::join!(PgConnection::connect_with(&options), RunLock::take(&options, key));
        let connection = connection.map_err(|error| refused(error.into()))?;
        let lock = match lock.map_err(refused)? {
            Asked::Taken(lock) => lock,
            Asked::Held(holder) => {
                return Err(DestinationError::Locked {
                    pipeline: session.pipeline.to_owned(),
                    destination: format!("dataset `{}` of {destination}", session.dataset),
                    holder,
                });
            }
        };
        Ok(Self {
            connection,
            dialect: Dialect {
                kind: Kind::Postgres,
                dataset: Some(session.dataset.to_owned()),
            },
            dataset: session.dataset.to_owned(),
            lock,
        })
    }

    pub(super) async fn execute(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, Cause> {
        let sql = sql.into_safe();
        let done = if params.is_empty() {
            sqlx::raw_sql(sql).execute(&mut self.connection).await?
        } else {
            sqlx::query_with(sql, arguments(params)?)
                .persistent(false)
                .execute(&mut self.connection)
                .await?
        };
        Ok(done.rows_affected())
    }

    pub(super) async fn rows(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Vec<Vec<Option<String>>>, Cause> {
        texts(&mut self.connection, sql, params).await
    }

    pub(super) async fn create_dataset(&mut self) -> Result<bool, Cause> {
        let dataset = self.dataset.clone();
        let params = [Param::Text(&dataset)];
        let found = self.rows(Dialect::database_and_role_and_dataset(), &params).await?;
        // `IF NOT EXISTS` asks for the right to create even when there is nothing to create.
        let Some([Some(database), Some(role), None]) = found.first().map(Vec::as_slice) else {
            return Ok(false);
        };
        let created = self.execute(Dialect::create_dataset(&dataset), &[]).await;
        created.map_err(|cause| cause.advise_rights(&[format!("GRANT CREATE ON DATABASE {database} TO {role}")]))?;
        Ok(true)
    }

    /// Begins a transaction in which nobody else makes tables in the dataset.
    pub(super) async fn begin_making(&mut self) -> Result<(), Cause> {
        let key = lock::key(&["restload", &self.dataset]);
        self.execute(self.dialect.begin_with_lock_briefly(key), &[])
            .await
            .map(drop)
    }

    /// Begins a transaction in which others wait that want to write to the same root tables.
    pub(super) async fn begin_in_turn(&mut self, roots: &[&str]) -> Result<(), Cause> {
        let key = |root: &&str| lock::key(&["restload", &self.dataset, "table", root]);
        let mut keys: Vec<i64> = roots.iter().map(key).collect();
        // Always in the same order, or two would wait for each other.
        keys.sort_unstable();
        self.execute(self.dialect.begin_with_locks(&keys), &[]).await?;
        Ok(())
    }

    /// The statements that would give this role what it lacks of the dataset and of these tables. Without an answer there
    /// is no advice, and what the server said stands alone.
    pub(super) async fn missing_rights(&mut self, tables: &[&str]) -> Vec<String> {
        let dataset = self.dataset.clone();
        let params = [Param::Text(&dataset), Param::List(tables)];
        let rows = self.rows(Dialect::missing_rights(), &params).await;
        rows.unwrap_or_default().into_iter().flatten().flatten().collect()
    }

    /// The statements that take the views of a column away, and those that make them again.
    pub(super) async fn views_of_column(&mut self, table: &str, column: &str) -> Result<Option<String>, Cause> {
        let dataset = self.dataset.clone();
        let params = [Param::Text(&dataset), Param::Text(table), Param::Text(column)];
        let rows = self.rows(Dialect::views_of_column(), &params).await?;
        let mut drops = Vec::new();
        let mut creates = Vec::new();
        for row in rows {
            if let Ok([Some(drop), Some(create)]) = <[Option<String>; 2]>::try_from(row) {
                drops.push(drop);
                creates.insert(0, create);
            }
        }
        drops.append(&mut creates);
        Ok((!drops.is_empty()).then(|| drops.join("; ")))
    }

    pub(super) async fn describe(&mut self, tables: &[&str]) -> Result<HashMap<String, TableState>, Cause> {
        let dataset = self.dataset.clone();
        let params = [Param::Text(&dataset), Param::List(tables)];
        let rows = self.rows(Dialect::describe_tables(), &params).await?;
        table_states(rows)
    }

    pub(super) async fn insert(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        conflict: Option<&Conflict>,
    ) -> Result<Inserted, Cause> {
        let names = rows.names();
        let all_new = Inserted {
            inserted: rows.count(),
            updated: 0,
        };
        if rows.count() == 0 {
            return Ok(all_new);
        }
        if fits_in_lists(rows) {
            if conflict.is_none() {
                self.insert_lists(table, rows, None).await?;
                return Ok(all_new);
            }
            let sql = Dialect::counted(&self.dialect.insert_lists(table, &rows.columns, conflict));
            let insert = sqlx::query_with(sql.into_safe(), lists::arguments(rows)?).persistent(false);
            return counts(&insert.fetch_one(&mut self.connection).await?);
        }
        let Some(conflict) = conflict else {
            let statement = self.dialect.copy_in(table, &names).into_text();
            self.copy(&statement, rows).await?;
            return Ok(all_new);
        };
        let stage = self.stage(table, rows).await?;
        let sql = self.dialect.move_from_stage(table, &names, &stage, conflict);
        let answer = sqlx::raw_sql(sql.into_safe()).fetch_all(&mut self.connection).await?;
        answer.first().map_or(Ok(all_new), counts)
    }

    pub(super) async fn put(&mut self, table: &str, rows: &Rows<'_>, conflict: Option<&Conflict>) -> Result<(), Cause> {
        if fits_in_lists(rows) {
            return self.insert_lists(table, rows, conflict).await;
        }
        self.insert(table, rows, conflict).await.map(drop)
    }

    async fn insert_lists(&mut self, table: &str, rows: &Rows<'_>, conflict: Option<&Conflict>) -> Result<(), Cause> {
        let sql = self.dialect.insert_lists(table, &rows.columns, conflict);
        let insert = sqlx::query_with(sql.into_safe(), lists::arguments(rows)?).persistent(false);
        insert.execute(&mut self.connection).await?;
        Ok(())
    }

    /// Puts rows into a table of their own.
    async fn stage(&mut self, table: &str, rows: &Rows<'_>) -> Result<String, Cause> {
        let stage = stage_name(table);
        self.execute(self.dialect.create_stage(&stage, &rows.columns), &[])
            .await?;
        if fits_in_lists(rows) {
            let sql = self.dialect.insert_lists_into_stage(&stage, &rows.columns);
            let insert = sqlx::query_with(sql.into_safe(), lists::arguments(rows)?).persistent(false);
            insert.execute(&mut self.connection).await?;
        } else {
            let statement = self.dialect.copy_into_stage(&stage, &rows.names()).into_text();
            self.copy(&statement, rows).await?;
        }
        Ok(stage)
    }

    async fn copy(&mut self, statement: &str, rows: &Rows<'_>) -> Result<(), Cause> {
        rows.check_types()?;
        let mut copy = self.connection.copy_in_raw(statement).await?;
        let mut buffer = Vec::with_capacity(2 * CHUNK_BYTES + CHUNK_BYTES / 4);
        copy::write_header(&mut buffer);
        for row in rows.iter() {
            if let Err(cause) = copy::write_row(&mut buffer, row, &rows.columns) {
                copy.abort("a value cannot be encoded").await?;
                return Err(cause);
            }
            if buffer.len() >= 2 * CHUNK_BYTES {
                copy.send(&buffer[..CHUNK_BYTES]).await?;
                buffer.drain(..CHUNK_BYTES);
            }
        }
        copy::write_trailer(&mut buffer);
        copy.send(buffer.as_slice()).await?;
        copy.finish().await?;
        Ok(())
    }

    pub(super) async fn find_ids(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        key: &[Arc<str>],
        other_than: Option<&[&str]>,
    ) -> Result<Vec<String>, Cause> {
        let params: Vec<Param<'_>> = other_than.map(Param::List).into_iter().collect();
        let find =
            |dialect: &Dialect, source: KeySource<'_>| dialect.find_ids(table, key, source, other_than.is_some());
        self.ids_by_key(table, &rows.only(key), &params, find).await
    }

    /// The ids that a statement about staged keys answers with.
    async fn ids_by_key(
        &mut self,
        table: &str,
        keys: &Rows<'_>,
        params: &[Param<'_>],
        statement: impl Fn(&Dialect, KeySource<'_>) -> Sql,
    ) -> Result<Vec<String>, Cause> {
        let stage = self.stage(table, keys).await?;
        let sql = statement(&self.dialect, KeySource::Stage(&stage));
        let ids = self.rows(sql, params).await?;
        self.execute(self.dialect.drop_stage(&stage), &[]).await?;
        Ok(ids.into_iter().flatten().flatten().collect())
    }

    pub(super) async fn delete_by_key(&mut self, table: &str, rows: &Rows<'_>, key: &[Arc<str>]) -> Result<u64, Cause> {
        let stage = self.stage(table, &rows.only(key)).await?;
        let sql = self.dialect.delete_by_key(table, key, KeySource::Stage(&stage));
        let deleted = self.execute(sql, &[]).await?;
        self.execute(self.dialect.drop_stage(&stage), &[]).await?;
        Ok(deleted)
    }

    pub(super) async fn find_again(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        key: &[Arc<str>],
        load_id: &str,
    ) -> Result<Vec<String>, Cause> {
        let find = |dialect: &Dialect, source: KeySource<'_>| dialect.find_again(table, key, source);
        let params = [Param::Text(load_id)];
        self.ids_by_key(table, &rows.only(key), &params, find).await
    }

    pub(super) async fn mark_by_key(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        key: &[Arc<str>],
        load_id: &str,
    ) -> Result<Vec<String>, Cause> {
        let mark = |dialect: &Dialect, source: KeySource<'_>| dialect.mark_by_key(table, key, source);
        let params = [Param::Text(load_id)];
        self.ids_by_key(table, &rows.only(key), &params, mark).await
    }

    pub(super) async fn roots_that_differ(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        roots: &[&str],
    ) -> Result<Vec<String>, Cause> {
        let stage = self.stage(table, rows).await?;
        let sql = self.dialect.roots_that_differ(table, &stage, &rows.names());
        let found = self.rows(sql, &[Param::List(roots)]).await?;
        self.execute(self.dialect.drop_stage(&stage), &[]).await?;
        Ok(found.into_iter().flatten().flatten().collect())
    }

    pub(super) async fn close(self) -> Result<(), Cause> {
        self.lock.release().await;
        self.connection.close().await?;
        Ok(())
    }
}

/// Whether rows are too few or too little to be copied. Each is at least the number of its cells and their lengths.
fn fits_in_lists(rows: &Rows<'_>) -> bool {
    let count = rows.count();
    if count <= MOST_ROWS_IN_LISTS {
        return true;
    }
    let least = count as usize * (2 + 4 * rows.columns.len());
    if least >= SMALL_COPY_BYTES {
        return false;
    }
    let mut buffer = Vec::with_capacity(SMALL_COPY_BYTES);
    for row in rows.iter() {
        // What cannot be encoded is told when it is written.
        if copy::write_row(&mut buffer, row, &rows.columns).is_err() || buffer.len() >= SMALL_COPY_BYTES {
            return false;
        }
    }
    true
}

/// What an insert that counts has answered.
fn counts(row: &PgRow) -> Result<Inserted, Cause> {
    let number = |column: usize| -> Result<u64, Cause> {
        let text: String = row.try_get(column)?;
        Ok(text.parse().unwrap_or(0))
    };
    let (inserted, written) = (number(0)?, number(1)?);
    Ok(Inserted {
        inserted,
        updated: written - inserted,
    })
}

/// Runs one query whose columns are all text.
pub(crate) async fn texts(
    connection: &mut PgConnection,
    sql: Sql,
    params: &[Param<'_>],
) -> Result<Vec<Vec<Option<String>>>, Cause> {
    let rows = sqlx::query_with(sql.into_safe(), arguments(params)?)
        .persistent(false)
        .fetch_all(connection)
        .await?;
    let mut texts = Vec::with_capacity(rows.len());
    for row in rows {
        let cells: Result<Vec<Option<String>>, sqlx::Error> =
            (0..row.len()).map(|column| row.try_get(column)).collect();
        texts.push(cells?);
    }
    Ok(texts)
}

/// What every connection of ours is made with.
pub(crate) fn session_options(options: &PgConnectOptions) -> PgConnectOptions {
    // The driver asks for the digits of floats at the start of a session, which PgBouncer refuses; each transaction
    // sets them for itself.
    let options = options.clone().disable_statement_logging().extra_float_digits(None);
    if options.get_application_name().is_none() {
        options.application_name("restload")
    } else {
        options
    }
}

fn arguments(params: &[Param<'_>]) -> Result<PgArguments, Cause> {
    let mut arguments = PgArguments::default();
    for param in params {
        let added = match param {
            Param::Text(text) => arguments.add(*text),
            Param::OptionalText(text) => arguments.add(*text),
            Param::Integer(number) => arguments.add(*number),
            Param::List(texts) => arguments.add(*texts),
        };
        added.map_err(|error| Cause::new(error.to_string()))?;
    }
    Ok(arguments)
}

/// What a column of that type can hold, and takes in the binary format that we send.
pub(crate) fn data_type(type_name: &str) -> Option<DataType> {
    Some(match type_name {
        "text" | "varchar" => DataType::Text,
        "int8" => DataType::Bigint,
        "float8" => DataType::Double,
        "bool" => DataType::Bool,
        "timestamptz" => DataType::Timestamp,
        "timestamp" => DataType::TimestampNtz,
        "date" => DataType::Date,
        "time" => DataType::Time,
        "numeric" => DataType::Numeric,
        "jsonb" => DataType::Json,
        "bytea" => DataType::Binary,
        _ => return None,
    })
}
