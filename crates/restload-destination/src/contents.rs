//! Everything that a SQLite file holds, as it is stored there: for comparing what a test has loaded.

use std::fmt::Write as _;
use std::path::Path;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Row as _, TypeInfo as _, ValueRef as _};

use crate::error::{Cause, DestinationError};
use crate::sql::{Dialect, Sql};
use crate::writers::sqlite;

/// A table of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTable {
    /// Its name.
    pub name: String,
    /// Its columns with their types, as they were declared.
    pub columns: Vec<(String, String)>,
    /// Its rows, each cell as text.
    pub rows: Vec<Vec<Option<String>>>,
}

/// All tables of a SQLite file, the system's included. None when there is no file. All rows are held in memory.
pub async fn file_contents(path: &Path) -> Result<Vec<FileTable>, DestinationError> {
    let shown = format!("sqlite:{}", path.display());
    let read = async {
        let Some(mut connection) = Box::pin(sqlite::open_to_read(path)).await? else {
            return Ok(Vec::new());
        };
        let mut tables = Vec::new();
        for row in texts(&mut connection, Dialect::list_file_tables()).await? {
            let Some(name) = row.into_iter().next().flatten() else {
                continue;
            };
            let columns = texts(&mut connection, Dialect::describe_file_table(&name)).await?;
            let columns = columns.into_iter().map(|row| {
                let mut cells = row.into_iter().map(Option::unwrap_or_default);
                (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
            });
            tables.push(FileTable {
                columns: columns.collect(),
                rows: texts(&mut connection, Dialect::whole_file_table(&name)).await?,
                name,
            });
        }
        connection.close().await?;
        Ok(tables)
    };
    let read: Result<Vec<FileTable>, Cause> = read.await;
    read.map_err(|cause| cause.during("cannot read the tables", &shown))
}

/// The rows of a query, each cell as text, whatever it is stored as.
async fn texts(connection: &mut SqliteConnection, sql: Sql) -> Result<Vec<Vec<Option<String>>>, Cause> {
    let rows = sqlx::raw_sql(sql.into_safe()).fetch_all(connection).await?;
    let mut texts = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut cells = Vec::with_capacity(row.len());
        for column in 0..row.len() {
            let value = row.try_get_raw(column)?;
            if value.is_null() {
                cells.push(None);
                continue;
            }
            let kind = value.type_info().name().to_owned();
            cells.push(Some(match kind.as_str() {
                "REAL" => row.try_get_unchecked::<f64, _>(column)?.to_string(),
                "BLOB" => hex(&row.try_get_unchecked::<Vec<u8>, _>(column)?),
                "INTEGER" => row.try_get_unchecked::<i64, _>(column)?.to_string(),
                _ => row.try_get_unchecked::<String, _>(column)?,
            }));
        }
        texts.push(cells);
    }
    Ok(texts)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
