//! What a person asks in SQL. It is run by a connection of its own that cannot write, once, and then closed.
//!
//! What keeps it from writing: SQLite's file is opened for reading only; in Postgres the transaction is `READ ONLY`, is
//! never committed, and takes one statement. What a read-only transaction lets through, a role's rights have to keep
//! back: functions that act outside of the data, such as `pg_terminate_backend` on the role's own sessions.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Column, Connection as _, Executor as _, Statement as _};

use super::one_query::one_query;
use super::{Connection, Inspector, ValueText};
use crate::error::{Cause, DestinationError};
use crate::sql::Dialect;
use crate::url::Place;
use crate::writers::{postgres, sqlite};

/// How much of an answer is given.
#[derive(Debug, Clone, Copy)]
pub struct AskLimits {
    /// Rows.
    pub rows: usize,
    /// Characters of a value.
    pub chars: usize,
    /// Characters of all values; where there are many columns, each gets fewer.
    pub all_chars: usize,
    /// Time.
    pub time: Duration,
}

/// What a query found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows, a value for each column.
    pub rows: Vec<Vec<Option<ValueText>>>,
    /// Whether there were more rows.
    pub has_more: bool,
}

impl Inspector {
    /// Runs one query that reads.
    pub async fn ask(&mut self, text: &str, limits: AskLimits) -> Result<Answer, DestinationError> {
        let query = one_query(text, self.dialect.kind)?;
        let shown = self.shown.clone();
        let failed = |cause: Cause| cause.during("the query failed", &shown);
        // This connection stays open meanwhile: the one that cannot write could not tidy up behind itself.
        let mut connection = match self.url.place() {
            Place::Sqlite(path) => {
                let connection = Box::pin(sqlite::open_for_typed(path)).await.map_err(failed)?;
                Connection::Sqlite(Box::new(connection))
            }
            Place::Postgres(options) => {
                let options = postgres::session_options(options);
                let connection = Box::pin(PgConnection::connect_with(&options)).await;
                Connection::Postgres(Box::new(connection.map_err(|error| failed(error.into()))?))
            }
        };
        let answer = Box::pin(run(&self.dialect, &mut connection, query, limits)).await;
        connection.close().await;
        answer.map_err(failed)
    }
}

async fn run(dialect: &Dialect, connection: &mut Connection, query: &str, limits: AskLimits) -> Result<Answer, Cause> {
    let typed = Dialect::as_typed(query).into_safe();
    let begin = dialect.begin_looking(super::millis(limits.time)).into_safe();
    let columns: Vec<String> = match connection {
        Connection::Sqlite(connection) => {
            sqlite::stop_after(connection, limits.time).await?;
            sqlx::raw_sql(begin).execute(&mut **connection).await?;
            let statement = (&mut **connection).prepare(typed).await?;
            names(statement.columns())
        }
        Connection::Postgres(connection) => {
            sqlx::raw_sql(begin).execute(&mut **connection).await?;
            sqlx::raw_sql(dialect.search_dataset().into_safe())
                .execute(&mut **connection)
                .await?;
            let statement = (&mut **connection).prepare(typed).await?;
            if let Some(sqlx::Either::Left(parameters)) = statement.parameters()
                && !parameters.is_empty()
            {
                return Err(Cause::new("a query here takes no parameters"));
            }
            names(statement.columns())
        }
    };
    if columns.is_empty() {
        return Err(Cause::new("it has no columns to show"));
    }
    let cells = (limits.rows + 1) * columns.len();
    let chars = limits.chars.min(limits.all_chars / cells).max(1);
    let sql = dialect.limit_typed(query, columns.len(), limits.rows + 1, chars + 1);
    let mut rows = match connection {
        Connection::Sqlite(connection) => sqlite::texts(connection, sql, &[]).await?,
        Connection::Postgres(connection) => postgres::texts(connection, sql, &[]).await?,
    };
    let has_more = rows.len() > limits.rows;
    rows.truncate(limits.rows);
    let cut = |cell: Option<String>| Some(ValueText::cut(cell?, chars));
    Ok(Answer {
        columns,
        rows: rows.into_iter().map(|row| row.into_iter().map(cut).collect()).collect(),
        has_more,
    })
}

fn names<C: Column>(columns: &[C]) -> Vec<String> {
    columns.iter().map(|column| column.name().to_owned()).collect()
}
