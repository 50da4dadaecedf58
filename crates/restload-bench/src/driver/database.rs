//! A fresh database for every measured run, and the count of what the run left in it.

#![expect(
    clippy::disallowed_types,
    reason = "the driver counts rows of tables it names itself"
)]

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use url::Url;

use super::workload::ExpectedTable;
use crate::error::{BenchError, During as _};

/// An empty database that the next run writes to.
pub(super) enum Database {
    Sqlite(PathBuf),
    Postgres { server: Url, name: String, url: Url },
}

impl Database {
    /// An `SQLite` file that does not exist yet.
    pub(super) fn sqlite(folder: &Path) -> Result<Self, BenchError> {
        let path = folder.join("bench.db");
        for suffix in ["", "-wal", "-shm"] {
            let file = folder.join(format!("bench.db{suffix}"));
            if file.exists() {
                std::fs::remove_file(file).during("could not remove the last run's database")?;
            }
        }
        Ok(Self::Sqlite(path))
    }

    /// A new database on the server.
    pub(super) async fn postgres(server: &Url) -> Result<Self, BenchError> {
        let name = format!("restload_bench_{}", std::process::id());
        let mut url = server.clone();
        url.set_path(&name);
        let mut connection = connect(server).await?;
        execute(&mut connection, format!("DROP DATABASE IF EXISTS {name}")).await?;
        execute(&mut connection, format!("CREATE DATABASE {name}")).await?;
        // The pages that the last run left dirty are written now, not while the next one is measured; only a
        // superuser may ask for it.
        let _ = execute(&mut connection, "CHECKPOINT".to_owned()).await;
        connection.close().await.during("could not leave Postgres")?;
        // The first connection to a database fills its catalogue caches, which is no program's merit or fault.
        connect(&url).await?.close().await.during("could not leave Postgres")?;
        Ok(Self::Postgres {
            server: server.clone(),
            name,
            url,
        })
    }

    pub(super) fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres { url, .. } => url.to_string(),
        }
    }

    /// Fails unless every table holds as many rows as expected, each with an id of its own.
    pub(super) async fn verify(&self, tables: &[ExpectedTable]) -> Result<(), BenchError> {
        for table in tables {
            let (row_count, id_count) = self.count(table).await?;
            let expected = table.row_count as i64;
            if row_count != expected || id_count != expected {
                return Err(BenchError::new(format!(
                    "table `{}` holds {row_count} rows and {id_count} different ids instead of {expected}",
                    table.name
                )));
            }
        }
        Ok(())
    }

    async fn count(&self, table: &ExpectedTable) -> Result<(i64, i64), BenchError> {
        let ids = if table.has_id { "count(DISTINCT id)" } else { "count(*)" };
        let select = |from: &str| AssertSqlSafe(format!("SELECT count(*), {ids} FROM {from}"));
        let act = format!("could not count the rows of `{}`", table.name);
        match self {
            Self::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = options.connect().await.during("could not open the SQLite file")?;
                let counts = sqlx::query_as(select(&format!("\"{}\"", table.name)))
                    .fetch_one(&mut connection)
                    .await
                    .during(&act)?;
                connection.close().await.during("could not close the SQLite file")?;
                Ok(counts)
            }
            Self::Postgres { url, .. } => {
                let mut connection = connect(url).await?;
                let schema = only_schema(&mut connection, table.name).await?;
                let counts = sqlx::query_as(select(&format!("\"{schema}\".\"{}\"", table.name)))
                    .fetch_one(&mut connection)
                    .await
                    .during(&act)?;
                connection.close().await.during("could not leave Postgres")?;
                Ok(counts)
            }
        }
    }

    /// Leaves nothing behind on the server; the `SQLite` file goes with its folder.
    pub(super) async fn remove(self) -> Result<(), BenchError> {
        if let Self::Postgres { server, name, .. } = self {
            let mut connection = connect(&server).await?;
            execute(&mut connection, format!("DROP DATABASE {name} WITH (FORCE)")).await?;
            connection.close().await.during("could not leave Postgres")?;
        }
        Ok(())
    }
}

/// The version that the server tells, as in `15.14`.
pub(super) async fn postgres_version(server: &Url) -> Result<String, BenchError> {
    let mut connection = connect(server).await?;
    sqlx::query_scalar("SELECT split_part(current_setting('server_version'), ' ', 1)")
        .fetch_one(&mut connection)
        .await
        .during("could not ask for Postgres' version")
}

/// Which schema a program chose is its own affair, but the table must be there once.
async fn only_schema(connection: &mut PgConnection, table: &str) -> Result<String, BenchError> {
    let schemas: Vec<String> =
        sqlx::query_scalar("SELECT table_schema::text FROM information_schema.tables WHERE table_name = $1")
            .bind(table)
            .fetch_all(connection)
            .await
            .during("could not look for a table")?;
    match schemas.as_slice() {
        [schema] => Ok(schema.clone()),
        _ => Err(BenchError::new(format!(
            "table `{table}` is in {} schemas",
            schemas.len()
        ))),
    }
}

async fn connect(url: &Url) -> Result<PgConnection, BenchError> {
    let options = PgConnectOptions::from_str(url.as_str()).during("could not read the Postgres URL")?;
    options.connect().await.during("could not connect to Postgres")
}

async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), BenchError> {
    sqlx::raw_sql(AssertSqlSafe(sql.as_str()))
        .execute(connection)
        .await
        .during(&format!("could not run `{sql}`"))?;
    Ok(())
}
