//! What a destination holds, read without restload's help, for the product's own text of tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use restload_replay::tables::{Dump, NO_DATABASE, Table, describe};
use sqlx::{Column as _, Connection as _, PgConnection, Row as _, SqliteConnection, TypeInfo as _, ValueRef as _};

/// The server that the tests are given.
#[expect(clippy::disallowed_methods, reason = "tests are told where their server is")]
pub(crate) fn postgres_address() -> Result<String, String> {
    std::env::var("RESTLOAD_TEST_POSTGRES").map_err(|_| {
        "RESTLOAD_TEST_POSTGRES names no Postgres server; run the tests through `scripts/test`, which starts one \
         (`scripts/with-postgres COMMAND` does it for any command)"
            .to_owned()
    })
}

/// SQL that this file puts together from the names of a scenario's own tables.
#[expect(clippy::disallowed_types, reason = "a test reads what the product has written")]
fn trusted(sql: String) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(sql)
}

/// Opens a connection that asks for nothing at its start: PgBouncer, which may be in between, refuses what sqlx asks for.
async fn connect(url: &str) -> Result<PgConnection, sqlx::Error> {
    let options: sqlx::postgres::PgConnectOptions = url.parse()?;
    PgConnection::connect_with(&options.extra_float_digits(None)).await
}

/// Takes a dataset away, if it is there.
pub(crate) fn drop_dataset(url: &str, dataset: &str) -> Result<(), String> {
    block_on(async {
        let mut connection = connect(url).await?;
        let sql = format!("SET client_min_messages = warning; DROP SCHEMA IF EXISTS \"{dataset}\" CASCADE");
        sqlx::raw_sql(trusted(sql)).execute(&mut connection).await?;
        connection.close().await
    })
}

/// Everything in a SQLite file; nothing when there is none.
pub(crate) fn dump_sqlite(file: &Path) -> Result<Dump, String> {
    if !file.exists() {
        return Ok(Dump {
            text: NO_DATABASE.to_owned(),
            rows: String::new(),
            load_ids: Vec::new(),
        });
    }
    block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let mut tables = BTreeMap::new();
        for name in sqlite_rows(&mut connection, "SELECT name FROM sqlite_schema WHERE type = 'table'").await? {
            let Some(name) = name.into_iter().flatten().next() else {
                continue;
            };
            let mut table = Table::default();
            let described = format!(
                "SELECT name, type || CASE WHEN \"notnull\" THEN ' NOT NULL' ELSE '' END FROM pragma_table_info('{name}')"
            );
            for column in sqlite_rows(&mut connection, &described).await? {
                table.columns.push(pair(column));
            }
            table.rows = sqlite_rows(&mut connection, &format!("SELECT * FROM \"{name}\"")).await?;
            tables.insert(name, table);
        }
        connection.close().await?;
        Ok(describe(tables))
    })
}

/// Everything in a Postgres schema.
pub(crate) fn dump_postgres(url: &str, dataset: &str) -> Result<Dump, String> {
    block_on(async {
        let mut connection = connect(url).await?;
        sqlx::raw_sql("SET TimeZone = 'UTC'").execute(&mut connection).await?;
        let names = format!("SELECT table_name FROM information_schema.tables WHERE table_schema = '{dataset}'");
        let mut tables = BTreeMap::new();
        let names = postgres_rows(&mut connection, &names).await?;
        if names.is_empty() {
            return Ok(Dump {
                text: NO_DATABASE.to_owned(),
                rows: String::new(),
                load_ids: Vec::new(),
            });
        }
        for name in names {
            let Some(name) = name.into_iter().flatten().next() else {
                continue;
            };
            let mut table = Table::default();
            let described = format!(
                "SELECT a.attname, format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END \
                 FROM pg_attribute a WHERE a.attrelid = '\"{dataset}\".\"{name}\"'::regclass AND a.attnum > 0 \
                 AND NOT a.attisdropped ORDER BY a.attnum"
            );
            for column in postgres_rows(&mut connection, &described).await? {
                let (column, data_type) = pair(column);
                table.columns.push((column, sqlite_type(&data_type)));
            }
            table.rows = postgres_rows(&mut connection, &format!("SELECT * FROM \"{dataset}\".\"{name}\"")).await?;
            tables.insert(name, table);
        }
        connection.close().await?;
        Ok(describe(tables))
    })
}

fn block_on<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?
        .block_on(work)
        .map_err(|error| format!("the database cannot be read: {error}"))
}

fn pair(row: Vec<Option<String>>) -> (String, String) {
    let mut cells = row.into_iter().map(Option::unwrap_or_default);
    (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
}

async fn sqlite_rows(connection: &mut SqliteConnection, sql: &str) -> Result<Vec<Vec<Option<String>>>, sqlx::Error> {
    let rows = sqlx::raw_sql(trusted(sql.to_owned())).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            (0..row.len())
                .map(|index| {
                    let value = row.try_get_raw(index)?;
                    if value.is_null() {
                        return Ok(None);
                    }
                    let kind = value.type_info().name().to_owned();
                    Ok(Some(match kind.as_str() {
                        "REAL" => row.try_get_unchecked::<f64, _>(index)?.to_string(),
                        "BLOB" => hex(&row.try_get_unchecked::<Vec<u8>, _>(index)?),
                        "INTEGER" => row.try_get_unchecked::<i64, _>(index)?.to_string(),
                        _ => row.try_get_unchecked::<String, _>(index)?,
                    }))
                })
                .collect()
        })
        .collect()
}

async fn postgres_rows(connection: &mut PgConnection, sql: &str) -> Result<Vec<Vec<Option<String>>>, sqlx::Error> {
    let rows = sqlx::raw_sql(trusted(sql.to_owned())).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            (0..row.len())
                .map(|index| {
                    let value = row.try_get_raw(index)?;
                    if value.is_null() {
                        return Ok(None);
                    }
                    let text = value.as_str().map_err(sqlx::Error::Decode)?;
                    Ok(Some(match row.column(index).type_info().name() {
                        "FLOAT8" => text.parse::<f64>().map_or(text.to_owned(), |number| number.to_string()),
                        "BYTEA" => text.trim_start_matches("\\x").to_owned(),
                        "TIMESTAMPTZ" => text.trim_end_matches("+00").to_owned(),
                        _ => text.to_owned(),
                    }))
                })
                .collect()
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Postgres' name of a type as SQLite's, so that one golden file serves both.
fn sqlite_type(name: &str) -> String {
    let (name, not_null) = match name.strip_suffix(" NOT NULL") {
        Some(name) => (name, " NOT NULL"),
        None => (name, ""),
    };
    let name = match name {
        "text" => "TEXT",
        "bigint" => "BIGINT",
        "double precision" => "DOUBLE",
        "boolean" => "BOOLEAN",
        "timestamp with time zone" => "TIMESTAMP TEXT",
        "timestamp without time zone" => "TIMESTAMP_NTZ TEXT",
        "date" => "DATE TEXT",
        "time without time zone" => "TIME TEXT",
        "numeric" => "NUMERIC TEXT",
        "jsonb" => "JSON TEXT",
        "bytea" => "BLOB",
        other => other,
    };
    format!("{name}{not_null}")
}
