//! The fastest way into `SQLite` that reference/performance.md found: prepared inserts of many rows, one transaction.

#![expect(clippy::disallowed_types, reason = "the statement is built from constants")]

use std::str::FromStr as _;
use std::sync::Arc;

use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Arguments as _, AssertSqlSafe, ConnectOptions as _, Encode, SqlSafeStr as _, SqlStr, Sqlite, Type};

use super::fetch::Text;
use crate::error::{BenchError, During as _};

/// 250 rows of 12 columns; narrower rows go further.
const VALUES_PER_STATEMENT: usize = 3_000;

pub(super) async fn connect(to: &str) -> Result<SqliteConnection, BenchError> {
    let options = SqliteConnectOptions::from_str(to).during("could not read the SQLite URL")?;
    options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .connect()
        .await
        .during("could not open the SQLite file")
}

/// The bound values of many rows, cut into statements.
pub(super) struct Rows {
    column_count: usize,
    row_count: usize,
    statements: Vec<SqliteArguments>,
}

impl Rows {
    pub(super) fn new(column_count: usize) -> Self {
        Self {
            column_count,
            row_count: 0,
            statements: Vec::new(),
        }
    }

    pub(super) fn begin_row(&mut self) -> Row<'_> {
        if self.row_count.is_multiple_of(rows_per_statement(self.column_count)) {
            let mut arguments = SqliteArguments::default();
            arguments.reserve(VALUES_PER_STATEMENT, 0);
            self.statements.push(arguments);
        }
        self.row_count += 1;
        let last = self.statements.len() - 1;
        Row(&mut self.statements[last])
    }
}

/// One row being bound.
pub(super) struct Row<'a>(&'a mut SqliteArguments);

impl Row<'_> {
    pub(super) fn value<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(
        &mut self,
        value: T,
    ) -> Result<&mut Self, BenchError> {
        self.0.add(value).during("could not bind a value")?;
        Ok(self)
    }

    /// An `Arc<str>` is the one form that sqlx takes over with a single allocation.
    pub(super) fn text(&mut self, value: &Text<'_>) -> Result<&mut Self, BenchError> {
        self.value(Arc::<str>::from(value.0.as_ref()))
    }
}

/// An insert into one table, prepared once.
pub(super) struct Insert {
    head: &'static str,
    tail: &'static str,
    column_count: usize,
    full: SqlStr,
}

impl Insert {
    /// `head` goes up to `VALUES`, `tail` is what follows the rows.
    pub(super) fn new(head: &'static str, column_count: usize, tail: &'static str) -> Self {
        Self {
            head,
            tail,
            column_count,
            full: statement(head, column_count, rows_per_statement(column_count), tail),
        }
    }

    pub(super) async fn write(&self, connection: &mut SqliteConnection, rows: Rows) -> Result<(), BenchError> {
        for arguments in rows.statements {
            let row_count = arguments.len() / self.column_count;
            let sql = if row_count == rows_per_statement(self.column_count) {
                self.full.clone()
            } else {
                statement(self.head, self.column_count, row_count, self.tail)
            };
            sqlx::query_with(sql, arguments)
                .execute(&mut *connection)
                .await
                .during("could not insert rows")?;
        }
        Ok(())
    }
}

fn rows_per_statement(column_count: usize) -> usize {
    VALUES_PER_STATEMENT / column_count
}

/// Made of literals and question marks only.
fn statement(head: &str, column_count: usize, row_count: usize, tail: &str) -> SqlStr {
    let row = format!("({})", vec!["?"; column_count].join(","));
    let rows = vec![row; row_count].join(",");
    AssertSqlSafe(format!("{head} VALUES {rows} {tail}")).into_sql_str()
}
