//! Looking at what is stored: loads, state, tables, rejects, rows. Nothing is locked, made or changed.

mod asking;
mod looking;
mod one_query;
mod words;

use std::collections::HashMap;
use std::time::Duration;

use restload_model::{DataType, iso_time, naming};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;

use crate::error::{Cause, DestinationError};
use crate::sql::{Dialect, Sql};
use crate::system::{LOADS, REJECTS, SCHEMA, STATE};
use crate::url::{DestinationUrl, Kind, Place};
use crate::writers::{Param, postgres, sqlite};

pub use asking::{Answer, AskLimits};
pub use looking::{Grid, GridColumn, GridQuery, GridRow, RowCount, RowsFrom, ValuePart, ValueText};

/// The rows of one query, all text.
type Texts = Vec<Vec<Option<String>>>;

/// A reader of what a pipeline has stored in a destination.
///
/// Each call reads one state of the database, in a transaction of its own; a run may go on meanwhile.
pub struct Inspector {
    connection: Connection,
    dialect: Dialect,
    pipeline: String,
    shown: String,
    url: DestinationUrl,
    /// How long one look may take.
    most_time: Option<Duration>,
}

enum Connection {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

/// A run, as its record has it. Moments are ISO 8601 in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadRecord {
    /// The load's id, as `_rl_load_id` has it in every row.
    pub load_id: String,
    /// `running`, `completed`, `failed` or `interrupted`. A run that was killed is `running` until the next one begins.
    pub status: String,
    /// When it began.
    pub started_at: String,
    /// When it ended; nobody knows of a run that was killed.
    pub finished_at: Option<String>,
    /// Milliseconds between the two.
    pub duration_ms: Option<u64>,
    /// Rows that stand in the tables through it, by table.
    pub rows: Vec<(String, u64)>,
    /// Requests sent.
    pub requests: u64,
    /// Of these, sent again.
    pub retries: u64,
    /// What it changed in the tables, in words.
    pub schema_changes: Vec<String>,
    /// Records that were kept out of the tables.
    pub rejects: u64,
    /// What went wrong.
    pub error: Option<String>,
}

/// What is stored of one partition of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRecord {
    /// The resource.
    pub resource: String,
    /// The partition; empty for a resource without parents and windows.
    pub partition: String,
    /// The stored JSON text.
    pub checkpoint: String,
    /// The load that stored it.
    pub load_id: String,
    /// When.
    pub updated_at: String,
}

/// A table that a pipeline has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRecord {
    /// Its name.
    pub name: String,
    /// The resource whose records it holds.
    pub resource: String,
    /// The table that its rows belong to, for a child table.
    pub parent: Option<String>,
    /// Its columns, in order.
    pub columns: Vec<ColumnRecord>,
}

/// A column of such a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRecord {
    /// Its name.
    pub name: String,
    /// The key in the records that it was named for.
    pub source_name: String,
    /// What it holds, in one word.
    pub data_type: String,
    /// The load that made it or changed it last.
    pub load_id: String,
    /// When.
    pub changed_at: String,
}

/// A change to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaChangeRecord {
    /// The load that made it.
    pub load_id: String,
    /// When that load began.
    pub started_at: String,
    /// What was changed, in words.
    pub change: String,
}

/// A record that was kept out of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectRecord {
    /// The load.
    pub load_id: String,
    /// The resource.
    pub resource: String,
    /// What was done with it and by whose wish, in one word; unknown of rejects of an earlier version.
    pub kind: Option<String>,
    /// The table that it would have gone to; unknown of rejects of an earlier version.
    pub table: Option<String>,
    /// The page, counted from 1.
    pub page: u64,
    /// The record's place on it.
    pub record: u64,
    /// Why.
    pub reason: String,
    /// The record as it came, with secrets masked.
    pub raw: String,
    /// When.
    pub rejected_at: String,
}

/// Some rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsPage {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows, a text for each column.
    pub rows: Vec<Vec<Option<String>>>,
}

/// What rows are ordered by.
#[derive(Debug, Clone, Copy)]
pub struct Order<'o> {
    /// The column's name.
    pub column: &'o str,
    /// The greatest first.
    pub descending: bool,
}

/// A part of a long list.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// How many to leave out.
    pub offset: u64,
    /// How many to give at most.
    pub limit: u64,
}

impl Slice {
    /// The first ones.
    pub fn first(limit: u64) -> Self {
        Self { offset: 0, limit }
    }

    fn params<'p>(self) -> [Param<'p>; 2] {
        let number = |number: u64| Param::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        [number(self.limit), number(self.offset)]
    }
}

/// The dataset's name where the user gives none.
pub(crate) fn dataset_of(dataset: Option<&str>, pipeline: &str) -> String {
    dataset.map_or_else(|| naming::normalize(pipeline, naming::MAX_LENGTH), str::to_owned)
}

impl Inspector {
    /// Opens a destination for looking at what a pipeline has stored. `None` when restload has never loaded into it.
    pub async fn open(
        url: &DestinationUrl,
        dataset: Option<&str>,
        pipeline: &str,
    ) -> Result<Option<Self>, DestinationError> {
        let shown = url.redacted();
        let unopened = |cause: Cause| cause.during(format!("cannot open {shown}"), &shown);
        let (connection, dialect) = match url.place() {
            Place::Sqlite(path) => {
                let Some(connection) = Box::pin(sqlite::open_to_read(path)).await.map_err(unopened)? else {
                    return Ok(None);
                };
                let dialect = Dialect {
                    kind: Kind::Sqlite,
                    dataset: None,
                };
                (Connection::Sqlite(Box::new(connection)), dialect)
            }
            Place::Postgres(options) => {
                let refused = |cause: Cause| cause.during(format!("cannot log in to {shown}"), &shown);
                url.check_tls_files().map_err(refused)?;
                let options = postgres::session_options(options);
                let connection = Box::pin(PgConnection::connect_with(&options)).await;
                let connection = connection.map_err(|error| refused(error.into()))?;
                let dialect = Dialect {
                    kind: Kind::Postgres,
                    dataset: Some(dataset_of(dataset, pipeline)),
                };
                (Connection::Postgres(Box::new(connection)), dialect)
            }
        };
        let mut inspector = Self {
            connection,
            dialect,
            pipeline: pipeline.to_owned(),
            shown,
            url: url.clone(),
            most_time: None,
        };
        let columns = inspector.columns_of(LOADS).await?;
        Ok((!columns.is_empty()).then_some(inspector))
    }

    /// Ends every further look that takes longer, with [`DestinationError::Stopped`].
    pub fn limit_time(&mut self, most_time: Duration) {
        self.most_time = Some(most_time);
    }

    /// The runs of the pipeline, the newest first.
    pub async fn loads(&mut self, slice: Slice) -> Result<Vec<LoadRecord>, DestinationError> {
        let sql = self.dialect.list_loads(LOADS);
        let rows = self.of_pipeline(sql, Some(slice), "cannot read the loads").await?;
        Ok(rows.into_iter().filter_map(load_record).collect())
    }

    /// One of them.
    pub async fn load(&mut self, load_id: &str) -> Result<Option<LoadRecord>, DestinationError> {
        let sql = self.dialect.find_load(LOADS);
        let pipeline = self.pipeline.clone();
        let params = [Param::Text(&pipeline), Param::Text(load_id)];
        let rows = self.read(sql, &params, "cannot read the load").await?;
        Ok(rows.into_iter().find_map(load_record))
    }

    /// What is stored of the pipeline's resources, by resource and partition.
    pub async fn state(&mut self) -> Result<Vec<StateRecord>, DestinationError> {
        let sql = self.dialect.list_state(STATE);
        let rows = self.of_pipeline(sql, None, "cannot read the stored state").await?;
        Ok(rows.into_iter().filter_map(state_record).collect())
    }

    /// What is stored of those partitions of a resource whose names hold a text.
    pub async fn state_of(
        &mut self,
        resource: &str,
        part_of_name: &str,
        slice: Slice,
    ) -> Result<Vec<StateRecord>, DestinationError> {
        let sql = self.dialect.find_state(STATE);
        let pipeline = self.pipeline.clone();
        let mut params = vec![Param::Text(&pipeline), Param::Text(resource), Param::Text(part_of_name)];
        params.extend(slice.params());
        let rows = self.read(sql, &params, "cannot read the stored state").await?;
        Ok(rows.into_iter().filter_map(state_record).collect())
    }

    /// The resources of which something is stored, each with the number of its partitions.
    pub async fn state_counts(&mut self) -> Result<Vec<(String, u64)>, DestinationError> {
        let sql = self.dialect.count_state(STATE);
        let rows = self.of_pipeline(sql, None, "cannot read the stored state").await?;
        let counts = rows.into_iter().filter_map(|row| {
            let [resource, count] = <[_; 2]>::try_from(row).ok()?;
            Some((resource?, number(count)))
        });
        Ok(counts.collect())
    }

    /// The tables that the pipeline has made, by name.
    pub async fn tables(&mut self) -> Result<Vec<TableRecord>, DestinationError> {
        let sql = self.dialect.list_columns(SCHEMA);
        let rows = self.of_pipeline(sql, None, "cannot read the stored schema").await?;
        let mut tables: Vec<TableRecord> = Vec::new();
        for row in rows {
            let Ok(
                [
                    Some(name),
                    Some(resource),
                    parent,
                    Some(column),
                    source_name,
                    data_type,
                    load_id,
                    changed_at,
                ],
            ) = <[Option<String>; 8]>::try_from(row)
            else {
                continue;
            };
            let column = ColumnRecord {
                source_name: source_name.unwrap_or_else(|| column.clone()),
                name: column,
                data_type: data_type.unwrap_or_default(),
                load_id: load_id.unwrap_or_default(),
                changed_at: changed_at.unwrap_or_default(),
            };
            match tables.last_mut().filter(|table| table.name == name) {
                Some(table) => table.columns.push(column),
                None => tables.push(TableRecord {
                    name,
                    resource,
                    parent,
                    columns: vec![column],
                }),
            }
        }
        Ok(tables)
    }

    /// What the pipeline's runs have changed in the tables, the newest run first; of so many runs.
    pub async fn schema_changes(&mut self, loads: Slice) -> Result<Vec<SchemaChangeRecord>, DestinationError> {
        let loads = self.loads(loads).await?;
        let changes = loads.into_iter().flat_map(|load| {
            let (load_id, started_at) = (load.load_id, load.started_at);
            load.schema_changes.into_iter().map(move |change| SchemaChangeRecord {
                load_id: load_id.clone(),
                started_at: started_at.clone(),
                change,
            })
        });
        Ok(changes.collect())
    }

    /// What the pipeline's runs have changed in one table, the newest first.
    pub async fn changes_of(&mut self, table: &str, slice: Slice) -> Result<Vec<SchemaChangeRecord>, DestinationError> {
        // As `SchemaChange` puts it in words; in the database, as JSON has it.
        let mention = format!("table `{table}`");
        let stored = serde_json::Value::from(mention.as_str()).to_string();
        let stored = stored.trim_matches('"');
        let pipeline = self.pipeline.clone();
        let mut params = vec![Param::Text(&pipeline), Param::Text(stored)];
        params.extend(slice.params());
        let sql = self.dialect.find_changes(LOADS);
        let rows = self.read(sql, &params, "cannot read the changes to the table").await?;
        let mut found = Vec::new();
        for row in rows {
            let Ok([Some(load_id), Some(started_at), Some(changes)]) = <[_; 3]>::try_from(row) else {
                continue;
            };
            let changes: Vec<String> = serde_json::from_str(&changes).unwrap_or_default();
            let of_table = changes.into_iter().filter(|change| change.contains(&mention));
            found.extend(of_table.map(|change| SchemaChangeRecord {
                load_id: load_id.clone(),
                started_at: started_at.clone(),
                change,
            }));
        }
        Ok(found)
    }

    /// The records that were kept out of the tables, the newest first.
    pub async fn rejects(&mut self, slice: Slice) -> Result<Vec<RejectRecord>, DestinationError> {
        let there = self.columns_of(REJECTS).await?;
        let mut later = vec!["kind", "table_name"];
        later.retain(|column| there.iter().any(|(name, _)| name == column));
        let sql = self.dialect.list_rejects(REJECTS, &later);
        let rows = self.of_pipeline(sql, Some(slice), "cannot read the rejects").await?;
        let record = |row: Vec<Option<String>>| {
            let mut cells = row.into_iter();
            let mut next = || cells.next().flatten();
            Some(RejectRecord {
                load_id: next()?,
                resource: next()?,
                page: number(next()),
                record: number(next()),
                reason: next()?,
                raw: next()?,
                rejected_at: next()?,
                kind: next(),
                table: next(),
            })
        };
        Ok(rows.into_iter().filter_map(record).collect())
    }

    /// How many rows a table has.
    pub async fn count(&mut self, table: &str) -> Result<u64, DestinationError> {
        self.known_columns(table).await?;
        let sql = self.dialect.count_rows(table);
        let rows = self.read(sql, &[], "cannot count rows").await?;
        Ok(number(rows.into_iter().flatten().next().flatten()))
    }

    /// Rows of a table of the dataset, whoever made it, as text. Without an order they come as the database likes.
    pub async fn rows(
        &mut self,
        table: &str,
        order: Option<Order<'_>>,
        slice: Slice,
    ) -> Result<RowsPage, DestinationError> {
        let columns = self.known_columns(table).await?;
        if let Some(order) = order
            && !columns.iter().any(|(name, _)| name == order.column)
        {
            return Err(DestinationError::Misuse(format!(
                "table `{table}` has no column `{}` to order by",
                order.column
            )));
        }
        let wanted: Vec<(&str, Option<DataType>)> = columns
            .iter()
            .map(|(name, data_type)| (name.as_str(), *data_type))
            .collect();
        let order = order.map(|order| (order.column, order.descending));
        let sql = self.dialect.list_rows(table, &wanted, order);
        let rows = self.read(sql, &slice.params(), "cannot read rows").await?;
        Ok(RowsPage {
            columns: columns.into_iter().map(|(name, _)| name).collect(),
            rows,
        })
    }

    /// Closes the connection.
    pub async fn close(self) {
        self.connection.close().await;
    }

    /// A query that takes the pipeline, and then the slice.
    async fn of_pipeline(&mut self, sql: Sql, slice: Option<Slice>, act: &str) -> Result<Texts, DestinationError> {
        let pipeline = self.pipeline.clone();
        let mut params = vec![Param::Text(&pipeline)];
        params.extend(slice.map(Slice::params).into_iter().flatten());
        self.read(sql, &params, act).await
    }

    async fn known_columns(&mut self, table: &str) -> Result<Vec<(String, Option<DataType>)>, DestinationError> {
        let columns = self.columns_of(table).await?;
        if columns.is_empty() {
            return Err(DestinationError::Misuse(format!("there is no table `{table}`")));
        }
        Ok(columns)
    }

    /// The columns of a table with their types; none when it is not there.
    async fn columns_of(&mut self, table: &str) -> Result<Vec<(String, Option<DataType>)>, DestinationError> {
        let tables = [table];
        let dataset = self.dialect.dataset.clone();
        let mut params: Vec<Param<'_>> = dataset.iter().map(|dataset| Param::Text(dataset)).collect();
        params.push(Param::List(&tables));
        let act = "cannot read the catalogue";
        let mut states = match self.dialect.kind {
            Kind::Sqlite => {
                let rows = self.read(Dialect::describe_columns(), &params, act).await?;
                sqlite::table_states(rows, Vec::new())
            }
            Kind::Postgres => {
                let rows = self.read(Dialect::describe_tables(), &params, act).await?;
                postgres::table_states(rows).map_err(|cause| cause.during(act, &self.shown))?
            }
        };
        let state = states.remove(table);
        let columns = state.into_iter().flat_map(|state| state.columns);
        Ok(columns.map(|column| (column.name, column.data_type)).collect())
    }

    async fn read(&mut self, sql: Sql, params: &[Param<'_>], act: &str) -> Result<Texts, DestinationError> {
        let begin = self.begin();
        let connection = &mut self.connection;
        let read = connection.read(begin, self.most_time, sql, params).await;
        read.map_err(|cause| cause.during(act, &self.shown))
    }

    fn begin(&self) -> Sql {
        match self.most_time {
            Some(most_time) => self.dialect.begin_looking(millis(most_time)),
            None => self.dialect.begin_reading(),
        }
    }
}

fn millis(time: Duration) -> usize {
    usize::try_from(time.as_millis()).unwrap_or(usize::MAX)
}

impl Connection {
    /// Reads in a transaction of its own. SQLite's queries are stopped from here, Postgres has been told.
    async fn read(
        &mut self,
        begin: Sql,
        most_time: Option<Duration>,
        sql: Sql,
        params: &[Param<'_>],
    ) -> Result<Texts, Cause> {
        let end = Dialect::rollback().into_safe();
        match self {
            Self::Sqlite(connection) => {
                sqlx::raw_sql(begin.into_safe()).execute(&mut **connection).await?;
                if let Some(most_time) = most_time {
                    sqlite::stop_after(connection, most_time).await?;
                }
                let rows = sqlite::texts(connection, sql, params).await;
                if most_time.is_some() {
                    sqlite::never_stop(connection).await?;
                }
                sqlx::raw_sql(end).execute(&mut **connection).await?;
                rows
            }
            Self::Postgres(connection) => {
                sqlx::raw_sql(begin.into_safe()).execute(&mut **connection).await?;
                let rows = postgres::texts(connection, sql, params).await;
                sqlx::raw_sql(end).execute(&mut **connection).await?;
                rows
            }
        }
    }

    async fn close(self) {
        // It holds nothing that could be lost.
        match self {
            Self::Sqlite(connection) => drop(connection.close().await),
            Self::Postgres(connection) => drop(connection.close().await),
        }
    }
}

fn state_record(row: Vec<Option<String>>) -> Option<StateRecord> {
    let [resource, partition, checkpoint, load_id, updated_at] = <[_; 5]>::try_from(row).ok()?;
    Some(StateRecord {
        resource: resource?,
        partition: partition?,
        checkpoint: checkpoint?,
        load_id: load_id?,
        updated_at: updated_at?,
    })
}

fn load_record(row: Vec<Option<String>>) -> Option<LoadRecord> {
    let [
        load_id,
        status,
        started_at,
        finished_at,
        rows,
        requests,
        retries,
        schema_changes,
        rejects,
        error,
    ] = <[Option<String>; 10]>::try_from(row).ok()?;
    let started_at = started_at?;
    let micros = |text: &str| iso_time::parse_timestamp(text);
    let duration = finished_at
        .as_deref()
        .and_then(|finished_at| Some(micros(finished_at)? - micros(&started_at)?));
    let rows: HashMap<String, u64> = serde_json::from_str(&rows?).unwrap_or_default();
    let mut rows: Vec<(String, u64)> = rows.into_iter().collect();
    rows.sort();
    Some(LoadRecord {
        load_id: load_id?,
        status: status?,
        duration_ms: duration.map(|micros| u64::try_from(micros / 1_000).unwrap_or(0)),
        started_at,
        finished_at,
        rows,
        requests: number(requests),
        retries: number(retries),
        schema_changes: serde_json::from_str(&schema_changes?).unwrap_or_default(),
        rejects: number(rejects),
        error,
    })
}

fn number(text: Option<String>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}
