//! What stands in a database after a run, read without restload's help.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use sqlx::{Connection as _, PgConnection, Row as _, SqliteConnection};

/// A database of a test's own.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    Sqlite(PathBuf),
    Postgres { url: String, dataset: String },
}

/// The two kinds there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

pub(crate) const BOTH: [Kind; 2] = [Kind::Sqlite, Kind::Postgres];

/// The address of the tests' Postgres.
#[expect(
    clippy::disallowed_methods,
    reason = "this is how scripts/with-postgres tells where it listens"
)]
pub(crate) fn postgres_url() -> String {
    std::env::var("RESTLOAD_TEST_POSTGRES")
        .expect("these tests need a Postgres: run scripts/test, or set RESTLOAD_TEST_POSTGRES")
}

impl Database {
    /// A new, empty one. A file lies in `folder`; in Postgres it is a schema that no other test has.
    pub(crate) fn new(kind: Kind, folder: &Path) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        match kind {
            Kind::Sqlite => Self::Sqlite(folder.join(format!("data{number}.db"))),
            Kind::Postgres => {
                let url = postgres_url();
                let dataset = format!("it_{}_{number}", std::process::id());
                let database = Self::Postgres { url, dataset };
                // On a server that is kept, an earlier process may have had this number.
                database.query(&format!("drop schema if exists {} cascade", database.dataset()));
                database
            }
        }
    }

    /// The arguments that make restload write here.
    pub(crate) fn args(&self) -> Vec<String> {
        match self {
            Self::Sqlite(path) => vec!["--to".to_owned(), format!("sqlite:{}", path.display())],
            Self::Postgres { url, dataset } => {
                vec!["--to".to_owned(), url.clone(), "--dataset".to_owned(), dataset.clone()]
            }
        }
    }

    /// The names of the tables, in order, without restload's own.
    pub(crate) fn tables(&self) -> Vec<String> {
        self.all_tables()
            .into_iter()
            .filter(|name| !name.starts_with("_rl_"))
            .collect()
    }

    pub(crate) fn all_tables(&self) -> Vec<String> {
        let sql = match self {
            Self::Sqlite(_) => "select name from sqlite_master where type = 'table' order by 1".to_owned(),
            Self::Postgres { dataset, .. } => format!(
                "select table_name::text from information_schema.tables where table_schema = '{dataset}' order by 1"
            ),
        };
        self.query(&sql).into_iter().map(|mut row| row.remove(0)).collect()
    }

    /// Whether there is such a table, restload's own included.
    pub(crate) fn has_table(&self, table: &str) -> bool {
        self.all_tables().iter().any(|name| name == table)
    }

    /// Removes it, where that does not happen with the test's folder.
    pub(crate) fn remove(&self) {
        if let Self::Postgres { .. } = self {
            self.query(&format!("drop schema {} cascade", self.dataset()));
        }
    }

    /// The columns of a table, sorted, without restload's own.
    pub(crate) fn columns(&self, table: &str) -> Vec<String> {
        let mut names = self.all_columns(table);
        names.retain(|name| !name.starts_with("_rl_"));
        names
    }

    fn all_columns(&self, table: &str) -> Vec<String> {
        let sql = match self {
            Self::Sqlite(_) => format!("select name from pragma_table_info('{table}')"),
            Self::Postgres { dataset, .. } => format!(
                "select column_name::text from information_schema.columns where table_schema = '{dataset}' and table_name = '{table}'"
            ),
        };
        let names = self.query(&sql).into_iter().map(|mut row| row.remove(0));
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Whether the table has such a column, restload's own included.
    pub(crate) fn has_column(&self, table: &str, column: &str) -> bool {
        self.all_columns(table).iter().any(|name| name == column)
    }

    /// Some columns of all rows as text, sorted. NULL reads `NULL`.
    pub(crate) fn rows(&self, table: &str, columns: &[&str]) -> Vec<Vec<String>> {
        let columns: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
        self.rows_of(table, &columns)
    }

    /// The values of some expressions for all rows as text, sorted.
    pub(crate) fn rows_of(&self, table: &str, expressions: &[String]) -> Vec<Vec<String>> {
        let cells: Vec<String> = expressions
            .iter()
            .map(|expression| format!("cast({expression} as text)"))
            .collect();
        let mut rows = self.query(&format!("select {} from {}", cells.join(", "), self.qualified(table)));
        rows.sort();
        rows
    }

    /// One column of all rows as text, sorted.
    pub(crate) fn column(&self, table: &str, column: &str) -> Vec<String> {
        self.rows(table, &[column])
            .into_iter()
            .map(|mut row| row.remove(0))
            .collect()
    }

    pub(crate) fn count(&self, table: &str) -> usize {
        let rows = self.query(&format!("select cast(count(*) as text) from {}", self.qualified(table)));
        rows[0][0].parse().unwrap()
    }

    /// How many rows each table has, by the tables' names.
    pub(crate) fn counts(&self) -> Vec<(String, usize)> {
        self.tables()
            .into_iter()
            .map(|table| (table.clone(), self.count(&table)))
            .collect()
    }

    /// Everything that was loaded: each table's columns and rows, sorted, without restload's own columns.
    pub(crate) fn contents(&self) -> String {
        let mut text = String::new();
        for table in self.tables() {
            let columns = self.columns(&table);
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            let _ = writeln!(text, "{table}: {}", columns.join(" | "));
            for row in self.rows(&table, &columns) {
                let _ = writeln!(text, "  {}", row.join(" | "));
            }
        }
        text
    }

    /// Everything that is stored, restload's own tables and columns too, as text.
    pub(crate) fn everything(&self) -> String {
        if let Self::Sqlite(path) = self {
            let mut bytes = std::fs::read(path).unwrap_or_default();
            for ending in ["-wal", "-journal"] {
                bytes.extend(std::fs::read(format!("{}{ending}", path.display())).unwrap_or_default());
            }
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        let mut text = String::new();
        for table in self.all_tables() {
            for row in self.query(&format!("select to_json(t)::text from {} t", self.qualified(&table))) {
                text.push_str(&row.join(" "));
            }
        }
        text
    }

    /// Keeps everybody else from writing to some tables: says so when it does, and goes on until it is told to end.
    pub(crate) fn hold_tables(&self, tables: &[&str], held: &Sender<()>, release: &Receiver<()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            match self {
                Self::Sqlite(path) => {
                    let address = format!("sqlite:{}", path.display());
                    let mut connection = SqliteConnection::connect(&address).await.unwrap();
                    sqlx::raw_sql("begin immediate").execute(&mut connection).await.unwrap();
                    held.send(()).unwrap();
                    release.recv().unwrap();
                    connection.close().await.unwrap();
                }
                Self::Postgres { url, .. } => {
                    let mut connection = connect(url).await;
                    let names: Vec<String> = tables.iter().map(|table| self.qualified(table)).collect();
                    let lock = trusted(&format!("begin; lock table {} in exclusive mode", names.join(", ")));
                    sqlx::raw_sql(lock).execute(&mut connection).await.unwrap();
                    held.send(()).unwrap();
                    release.recv().unwrap();
                    connection.close().await.unwrap();
                }
            }
        });
    }

    fn dataset(&self) -> &str {
        match self {
            Self::Sqlite(_) => "main",
            Self::Postgres { dataset, .. } => dataset,
        }
    }

    /// The table's name as SQL takes it.
    pub(crate) fn qualified(&self, table: &str) -> String {
        format!("\"{}\".\"{table}\"", self.dataset())
    }

    /// The rows of a query whose columns are all text.
    pub(crate) fn query(&self, sql: &str) -> Vec<Vec<String>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let text = |value: Option<String>| value.unwrap_or_else(|| "NULL".to_owned());
        let sql = || trusted(sql);
        runtime.block_on(async {
            match self {
                Self::Sqlite(path) => {
                    if !path.exists() {
                        return Vec::new();
                    }
                    let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
                        .await
                        .unwrap();
                    let rows = sqlx::query(sql()).fetch_all(&mut connection).await.unwrap();
                    connection.close().await.unwrap();
                    rows.iter()
                        .map(|row| (0..row.len()).map(|at| text(row.get(at))).collect())
                        .collect()
                }
                Self::Postgres { url, .. } => {
                    let mut connection = connect(url).await;
                    let rows = sqlx::raw_sql(sql()).fetch_all(&mut connection).await.unwrap();
                    connection.close().await.unwrap();
                    rows.iter()
                        .map(|row| (0..row.len()).map(|at| text(row.get(at))).collect())
                        .collect()
                }
            }
        })
    }
}

/// Opens a connection that asks for nothing that PgBouncer refuses, should it be in between. For the same reason queries
/// are plain ones: a prepared one is two messages, and there each may reach another session.
async fn connect(url: &str) -> PgConnection {
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    PgConnection::connect_with(&options.extra_float_digits(None))
        .await
        .unwrap()
}

/// SQL that the tests put together from the names of their own tables.
#[expect(clippy::disallowed_types, reason = "a test reads what the product has written")]
fn trusted(sql: &str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(sql.to_owned())
}
