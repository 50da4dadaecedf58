//! What a destination holds, as text that is the same for the same data: rows in a stable order, row ids as labels.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use sqlx::{Column as _, Connection as _, PgConnection, Row as _, SqliteConnection, TypeInfo as _, ValueRef as _};

/// A destination's tables.
pub(crate) struct Dump {
    pub(crate) text: String,
    /// The rows alone, columns by name: what both databases must hold alike.
    pub(crate) rows: String,
    /// The ids of all loads, which messages name.
    pub(crate) load_ids: Vec<String>,
}

/// One table: columns with their types, and rows of text.
#[derive(Debug, Default)]
struct Table {
    columns: Vec<(String, String)>,
    rows: Vec<Vec<Option<String>>>,
}

/// The labels of row ids, with the tables that the rows are in: rows with one key have one id in all tables.
#[derive(Debug, Default)]
struct Labels(HashMap<String, Vec<(String, String)>>);

impl Labels {
    /// False when the table has a row of that id already.
    fn insert(&mut self, id: String, table: &str, label: String) -> bool {
        let known = self.0.entry(id).or_default();
        let is_new = known.iter().all(|(other, _)| other != table);
        known.push((table.to_owned(), label));
        is_new
    }

    /// The row that a child table's row belongs to: that of the table whose name is most like the child's.
    fn find(&self, id: &str, child: &str) -> Option<String> {
        let likeness = |table: &str| table.bytes().zip(child.bytes()).take_while(|(a, b)| a == b).count();
        let known = self.0.get(id)?;
        let (_, label) = known.iter().max_by_key(|(table, _)| likeness(table))?;
        Some(label.clone())
    }
}

const ROW_ID: &str = "_rl_id";
const LINKS: [&str; 2] = ["_rl_parent_id", "_rl_root_id"];
const LOAD_ID: &str = "_rl_load_id";

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

/// Takes a dataset away, if it is there.
pub(crate) fn drop_dataset(url: &str, dataset: &str) -> Result<(), String> {
    block_on(async {
        let mut connection = PgConnection::connect(url).await?;
        let sql = format!("SET client_min_messages = warning; DROP SCHEMA IF EXISTS \"{dataset}\" CASCADE");
        sqlx::raw_sql(trusted(sql)).execute(&mut connection).await?;
        connection.close().await
    })
}

/// Everything in a SQLite file; nothing when there is none.
pub(crate) fn dump_sqlite(file: &Path) -> Result<Dump, String> {
    if !file.exists() {
        return Ok(Dump {
            text: "no database was made\n".to_owned(),
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
        let mut connection = PgConnection::connect(url).await?;
        sqlx::raw_sql("SET TimeZone = 'UTC'").execute(&mut connection).await?;
        let names = format!("SELECT table_name FROM information_schema.tables WHERE table_schema = '{dataset}'");
        let mut tables = BTreeMap::new();
        let names = postgres_rows(&mut connection, &names).await?;
        if names.is_empty() {
            return Ok(Dump {
                text: "no database was made\n".to_owned(),
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

/// A value as both databases' values are written alike.
fn plain(value: String, data_type: &str) -> String {
    let data_type = data_type.trim_end_matches(" NOT NULL");
    match data_type {
        "BOOLEAN" => match value.as_str() {
            "1" | "t" => "true".to_owned(),
            "0" | "f" => "false".to_owned(),
            _ => value,
        },
        "TIMESTAMP TEXT" | "TIMESTAMP_NTZ TEXT" | "TIME TEXT" if value.contains('.') => {
            value.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        "JSON TEXT" => sorted_json(&value),
        // Postgres fills up to the scale that a hint gives.
        _ if data_type.to_uppercase().starts_with("NUMERIC") && value.contains('.') => {
            value.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => value,
    }
}

/// A JSON document with its keys in order, and its numbers as they are written.
fn sorted_json(text: &str) -> String {
    fn sort(value: serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(members) => {
                let sorted: BTreeMap<String, serde_json::Value> =
                    members.into_iter().map(|(key, value)| (key, sort(value))).collect();
                sorted.into_iter().collect()
            }
            serde_json::Value::Array(elements) => elements.into_iter().map(sort).collect(),
            other => other,
        }
    }
    /// Stands around a number while the document is sorted, so that none is rounded.
    const MARK: &str = "\u{1}";
    let (mut marked, mut in_text, mut in_number, mut escaped) = (String::new(), false, false, false);
    for character in text.chars() {
        let is_digit =
            !in_text && (character.is_ascii_digit() || (in_number && ".eE+-".contains(character)) || character == '-');
        if is_digit != in_number {
            marked.push_str(if is_digit { "\"\\u0001" } else { "\\u0001\"" });
            in_number = is_digit;
        }
        if character == '"' && !escaped {
            in_text = !in_text;
        }
        escaped = character == '\\' && !escaped;
        marked.push(character);
    }
    if in_number {
        marked.push_str("\\u0001\"");
    }
    serde_json::from_str(&marked).map_or(text.to_owned(), |value| {
        let sorted = sort(value).to_string();
        sorted
            .replace("\"\\u0001", "")
            .replace("\\u0001\"", "")
            .replace(MARK, "")
    })
}

/// All tables but the system's, each with its rows, parents before children.
fn describe(mut tables: BTreeMap<String, Table>) -> Dump {
    let load_ids = column(&tables, "_rl_loads", "load_id");
    let mut labels = Labels::default();
    let mut texts: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut rejects = None;
    tables.retain(|name, table| {
        if name == "_rl_rejects" && !table.rows.is_empty() {
            rejects = Some(std::mem::take(table));
        }
        !name.starts_with("_rl_")
    });
    while !tables.is_empty() {
        // A table whose parents' rows have labels; should a link lead nowhere, the next in order all the same.
        let ready = tables.iter().find(|(name, table)| {
            let parent = table.columns.iter().position(|(name, _)| name == LINKS[0]);
            parent.is_none_or(|index| {
                let mut ids = table.rows.iter().filter_map(|row| row[index].as_ref());
                ids.all(|id| labels.find(id, name).is_some())
            })
        });
        let name = ready.or_else(|| tables.iter().next()).map(|(name, _)| name.clone());
        let Some((name, table)) = name.and_then(|name| tables.remove_entry(&name)) else {
            break;
        };
        let text = describe_table(&name, table, &mut labels);
        texts.insert(name, text);
    }
    let (mut text, rows): (String, String) = texts.into_values().unzip();
    if let Some(rejects) = rejects {
        text.push_str(&describe_rejects(&rejects));
    }
    if text.is_empty() {
        text.push_str("no tables\n");
    }
    Dump { text, rows, load_ids }
}

fn counted(rows: usize) -> String {
    format!("{rows} row{}", if rows == 1 { "" } else { "s" })
}

fn column(tables: &BTreeMap<String, Table>, table: &str, column: &str) -> Vec<String> {
    let Some(table) = tables.get(table) else {
        return Vec::new();
    };
    let Some(index) = table.columns.iter().position(|(name, _)| name == column) else {
        return Vec::new();
    };
    table.rows.iter().filter_map(|row| row[index].clone()).collect()
}

/// The rejected records and the reasons.
fn describe_rejects(rejects: &Table) -> String {
    let shown: Vec<usize> = ["resource", "reason", "record"]
        .iter()
        .filter_map(|wanted| rejects.columns.iter().position(|(name, _)| name == wanted))
        .collect();
    let mut lines: Vec<String> = rejects
        .rows
        .iter()
        .map(|row| {
            let cells: Vec<&str> = shown
                .iter()
                .map(|&index| row[index].as_deref().unwrap_or("NULL"))
                .collect();
            format!("    {}\n", cells.join(" | "))
        })
        .collect();
    lines.sort();
    format!("_rl_rejects: {}\n{}", counted(lines.len()), lines.concat())
}

/// One table as text, and its rows alone.
fn describe_table(name: &str, table: Table, labels: &mut Labels) -> (String, String) {
    let shown: Vec<usize> = (0..table.columns.len())
        .filter(|index| table.columns[*index].0 != LOAD_ID)
        .collect();
    let id_column = table.columns.iter().position(|(column, _)| column == ROW_ID);
    // Widening moves a column to the end on SQLite; the order of rows must not depend on that.
    let mut by_name: Vec<usize> = (0..shown.len()).collect();
    by_name.sort_by_key(|position| {
        let column = &table.columns[shown[*position]].0;
        (!column.starts_with("_rl_"), column != "id", column.clone())
    });
    let mut rows: Vec<(Vec<String>, Vec<String>, Option<String>)> = table
        .rows
        .into_iter()
        .map(|row| {
            let id = id_column.and_then(|index| row[index].clone());
            let cells: Vec<String> = shown
                .iter()
                .map(|&index| {
                    let (column, data_type) = &table.columns[index];
                    match row[index].clone() {
                        None => "NULL".to_owned(),
                        Some(id) if LINKS.contains(&column.as_str()) => {
                            labels.find(&id, name).unwrap_or_else(|| "NO SUCH ROW".to_owned())
                        }
                        Some(_) if column == ROW_ID => String::new(),
                        Some(value) => quoted(plain(value, data_type)),
                    }
                })
                .collect();
            let key = by_name.iter().map(|position| sort_key(&cells[*position])).collect();
            (key, cells, id)
        })
        .collect();
    rows.sort();

    let mut text = format!("{name}: {}\n", counted(rows.len()));
    let mut alone = text.clone();
    for &index in &shown {
        let (column, data_type) = &table.columns[index];
        let _ = writeln!(text, "  {column} {data_type}");
    }
    let names: Vec<String> = shown.iter().map(|&index| table.columns[index].0.clone()).collect();
    let mut lines = vec![names];
    for (number, (_, mut cells, id)) in rows.into_iter().enumerate() {
        let label = format!("{name}#{}", number + 1);
        for (cell, &index) in cells.iter_mut().zip(&shown) {
            if Some(index) == id_column {
                cell.clone_from(&label);
            }
        }
        if let Some(id) = id
            && !labels.insert(id, name, label)
        {
            text.push_str("  TWO ROWS HAVE ONE ID\n");
        }
        lines.push(cells);
    }
    for line in &lines {
        let cells: Vec<&str> = by_name.iter().map(|position| line[*position].as_str()).collect();
        let _ = writeln!(alone, "    {}", cells.join(" | "));
    }
    if lines.len() > 1 {
        text.push_str(&aligned(&lines));
    }
    text.push('\n');
    (text, alone)
}

/// Numbers sort by their size, labels by their number.
fn sort_key(cell: &str) -> String {
    match cell.rsplit_once('#') {
        Some((table, number)) => format!("{table}#{number:0>12}"),
        None if cell.bytes().all(|byte| byte.is_ascii_digit()) => format!("{cell:0>24}"),
        None => cell.to_owned(),
    }
}

/// A value in quotes where it could be taken for something else.
fn quoted(value: String) -> String {
    let is_plain =
        !value.is_empty() && value != "NULL" && value.trim() == value && !value.contains(['\n', '|', '\\', '\t']);
    if is_plain { value } else { format!("{value:?}") }
}

fn aligned(lines: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"))
            .collect();
        let _ = writeln!(text, "    {}", cells.join(" | ").trim_end());
    }
    text
}
