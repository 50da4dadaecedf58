//! What the suite stands on: an opened destination on a database of its own, batches from plain cells, and a second
//! connection that looks at what is there.

#![expect(clippy::disallowed_types, reason = "the tests read tables of every name")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use restload_model::DataType;
use restload_model::batch::{Batch, Cell, ColumnBuffer, TableBatch};
use restload_model::checkpoint::Checkpoint;
use restload_model::contract::Contract;
use restload_model::row_id;
use restload_model::schema::{
    ColumnHint, LIST_INDEX, LOAD_ID, Merging, PARENT_ID, ROOT_ID, ROW_ID, Target, WriteDisposition,
};
use sqlx::{AssertSqlSafe, Column as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _};

use crate::{
    Destination, DestinationError, DestinationUrl, Kind, LoadOutcome, LoadStatus, OpenOptions, Settle, Step, StepPart,
    StepReport,
};

/// 2024-01-02T03:04:05Z.
pub(super) const NOW: i64 = 1_704_164_645_000_000;

/// A database that nobody else uses, for as long as this is held.
pub(super) struct Database {
    pub(super) url: DestinationUrl,
    pub(super) dataset: String,
    _folder: tempfile::TempDir,
}

impl Database {
    pub(super) fn new(kind: Kind) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let folder = tempfile::tempdir().unwrap();
        let url = match kind {
            Kind::Sqlite => format!("sqlite:{}/made/test.db", folder.path().display()),
            Kind::Postgres => postgres_address(),
        };
        Self {
            url: DestinationUrl::parse(&url).unwrap(),
            dataset: format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)),
            _folder: folder,
        }
    }

    pub(super) fn options(&self, load_id: &str) -> OpenOptions {
        OpenOptions {
            url: self.url.clone(),
            dataset: Some(self.dataset.clone()),
            pipeline: "Test Pipeline".to_owned(),
            load_id: load_id.to_owned(),
            started_at: NOW,
        }
    }

    pub(super) async fn open(&self, load_id: &str) -> Destination {
        Destination::open(self.options(load_id)).await.unwrap()
    }

    /// Loads batches of one resource in one step that is its last.
    pub(super) async fn load(&self, load_id: &str, target: &Target, batches: Vec<Batch>) -> StepReport {
        self.try_load(load_id, target, batches).await.unwrap()
    }

    pub(super) async fn try_load(
        &self,
        load_id: &str,
        target: &Target,
        batches: Vec<Batch>,
    ) -> Result<StepReport, DestinationError> {
        let mut destination = self.open(load_id).await;
        destination.prepare(vec![target.clone()], false).await?;
        let report = destination.commit(step(&target.resource, batches, &[], true)).await?;
        destination.finish(outcome(), None).await?;
        Ok(report)
    }

    pub(super) async fn reader(&self) -> Reader {
        match self.url.place() {
            crate::url::Place::Sqlite(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                Reader::Sqlite(sqlx::SqliteConnection::connect_with(&options).await.unwrap())
            }
            crate::url::Place::Postgres(options) => {
                let mut connection = sqlx::PgConnection::connect_with(options).await.unwrap();
                let search_path = format!("SET search_path = \"{}\"", self.dataset);
                sqlx::raw_sql(AssertSqlSafe(search_path))
                    .execute(&mut connection)
                    .await
                    .unwrap();
                Reader::Postgres(connection)
            }
        }
    }

    /// The rows of a query, each in one line.
    pub(super) async fn query(&self, sql: &str) -> Vec<String> {
        self.reader().await.query(sql).await
    }

    pub(super) async fn run(&self, sql: &str) {
        self.reader().await.run(sql).await;
    }

    pub(super) fn is_sqlite(&self) -> bool {
        self.url.kind() == Kind::Sqlite
    }
}

#[expect(clippy::disallowed_methods, reason = "tests are told where their server is")]
pub(super) fn postgres_address() -> String {
    std::env::var("RESTLOAD_TEST_POSTGRES").expect(
        "RESTLOAD_TEST_POSTGRES names no Postgres server; run the tests through `scripts/test`, which starts one \
         (`scripts/with-postgres COMMAND` does it for any command)",
    )
}

/// Another program's connection.
pub(super) enum Reader {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Reader {
    pub(super) async fn run(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(connection) => drop(sqlx::raw_sql(sql).execute(connection).await.unwrap()),
            Self::Postgres(connection) => drop(sqlx::raw_sql(sql).execute(connection).await.unwrap()),
        }
    }

    pub(super) async fn query(&mut self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(connection) => {
                let rows = sqlx::raw_sql(sql).fetch_all(connection).await.unwrap();
                rows.iter()
                    .map(|row| {
                        let cells: Vec<String> = (0..row.len())
                            .map(|index| {
                                let value = row.try_get_raw(index).unwrap();
                                let type_name = value.type_info().name().to_owned();
                                if value.is_null() {
                                    "-".to_owned()
                                } else if type_name == "REAL" {
                                    format!("{:?}", row.get_unchecked::<f64, _>(index))
                                } else if type_name == "BLOB" {
                                    format!("{:?}", row.get_unchecked::<Vec<u8>, _>(index))
                                } else {
                                    row.get_unchecked::<String, _>(index)
                                }
                            })
                            .collect();
                        cells.join("|")
                    })
                    .collect()
            }
            Self::Postgres(connection) => {
                // The simple protocol answers in text.
                let rows = sqlx::raw_sql(sql).fetch_all(connection).await.unwrap();
                rows.iter()
                    .map(|row| {
                        let cells: Vec<String> = row
                            .columns()
                            .iter()
                            .map(|column| {
                                let value = row.try_get_raw(column.ordinal()).unwrap();
                                if value.is_null() {
                                    "-".to_owned()
                                } else {
                                    value.as_str().unwrap().to_owned()
                                }
                            })
                            .collect();
                        cells.join("|")
                    })
                    .collect()
            }
        }
    }
}

pub(super) fn outcome() -> LoadOutcome {
    LoadOutcome {
        status: LoadStatus::Completed,
        finished_at: NOW + 5_000_000,
        requests: 3,
        retries: 1,
        error: None,
    }
}

pub(super) fn target(resource: &str, write_disposition: WriteDisposition, primary_key: &[&str]) -> Target {
    Target {
        finds_rows_by_id: false,
        meets_records_again: false,
        resource: resource.into(),
        table: resource.into(),
        write_disposition,
        merging: Merging::default(),
        primary_key: primary_key.iter().map(|name| (*name).into()).collect(),
        columns: Vec::new(),
        contract: Contract::default(),
        variants: false,
        share: restload_model::schema::Share::Whole,
        max_rejects: 0,
    }
}

pub(super) fn hint(name: &str, data_type: DataType) -> ColumnHint {
    ColumnHint {
        name: name.into(),
        data_type: Some(data_type),
        ..ColumnHint::default()
    }
}

pub(super) fn checkpoint(resource: &str, partition: &str, position: Option<&str>) -> Checkpoint {
    Checkpoint {
        resource: resource.into(),
        partition: partition.into(),
        position: position.map(str::to_owned),
    }
}

/// A step of one resource, with checkpoints as partition and position.
pub(super) fn step(resource: &str, batches: Vec<Batch>, checkpoints: &[(&str, Option<&str>)], last: bool) -> Step {
    let resource: Arc<str> = resource.into();
    Step {
        parts: vec![StepPart {
            table: None,
            batches,
            checkpoints: checkpoints
                .iter()
                .map(|(partition, position)| checkpoint(&resource, partition, *position))
                .collect(),
            last,
            resource,
        }],
        committed_at: NOW + 1_000_000,
    }
}

/// One record of a table: its cells, by the names given for the table, and the elements of its lists.
pub(super) struct Record<'c> {
    cells: Vec<Cell<'c>>,
    children: Vec<Vec<Cell<'c>>>,
}

impl<'c> Record<'c> {
    pub(super) fn replace_cell(&mut self, index: usize, cell: Cell<'c>) {
        self.cells[index] = cell;
    }
}

/// Gives the only root row of a batch an id of our choosing, and its children theirs.
pub(super) fn fix_root_id(batch: &mut Batch, id: &str) {
    for table in &mut batch.tables {
        let name = if table.parent.is_some() { ROOT_ID } else { ROW_ID };
        for column in table.columns.iter_mut().filter(|column| &*column.name == name) {
            column.truncate(0);
            for row in 0..table.row_count {
                column.put(row, Cell::Text(id));
            }
        }
    }
}

pub(super) fn record<'c>(cells: &[Cell<'c>]) -> Record<'c> {
    Record {
        cells: cells.to_vec(),
        children: Vec::new(),
    }
}

pub(super) fn with_children<'c>(cells: &[Cell<'c>], children: &[&[Cell<'c>]]) -> Record<'c> {
    Record {
        cells: cells.to_vec(),
        children: children.iter().map(|cells| cells.to_vec()).collect(),
    }
}

fn buffer(name: &str) -> ColumnBuffer {
    ColumnBuffer::new(name.into(), name.into(), None)
}

/// A page of records of `table` with a list `items`, as the normaliser would give it. The first `key_length` columns
/// are the key; without one, ids count through `load_id` and `page`.
pub(super) fn page(
    table: &str,
    load_id: &str,
    page: u64,
    (columns, key_length): (&[&str], usize),
    child_columns: &[&str],
    records: &[Record<'_>],
) -> Batch {
    let mut ids = row_id::PageIds::new(load_id, table, "", page);
    let mut root: Vec<ColumnBuffer> = columns.iter().map(|name| buffer(name)).collect();
    let mut root_ids = buffer(ROW_ID);
    let child_table = format!("{table}__items");
    let mut child: Vec<ColumnBuffer> = child_columns.iter().map(|name| buffer(name)).collect();
    let mut links = [ROW_ID, PARENT_ID, ROOT_ID, LIST_INDEX].map(buffer);
    let mut root_rows = Vec::new();
    for (row, record) in records.iter().enumerate() {
        let mut key = String::new();
        for (index, cell) in record.cells.iter().enumerate() {
            root[index].put(row, *cell);
            if index < key_length {
                cell.write_text(&mut key);
                key.push('\n');
            }
        }
        let id = if key_length == 0 {
            ids.next_id()
        } else {
            row_id::of_key(&key)
        };
        root_ids.put(row, Cell::Text(&id));
        for (list_index, cells) in record.children.iter().enumerate() {
            let child_row = root_rows.len();
            for (index, cell) in cells.iter().enumerate() {
                child[index].put(child_row, *cell);
            }
            let child_id = row_id::of_child(&id, &child_table, list_index);
            links[0].put(child_row, Cell::Text(&child_id));
            links[1].put(child_row, Cell::Text(&id));
            links[2].put(child_row, Cell::Text(&id));
            links[3].put(child_row, Cell::Bigint(list_index as i64));
            root_rows.push(row as u32);
        }
    }
    root.push(root_ids);
    root.push(ColumnBuffer::repeated(LOAD_ID.into(), load_id.into(), records.len()));
    child.extend(links);
    for column in &mut root {
        column.pad(records.len());
    }
    for column in &mut child {
        column.pad(root_rows.len());
    }
    let mut tables = vec![TableBatch {
        name: table.into(),
        parent: None,
        source_name: None,
        columns: root,
        row_count: records.len(),
        root_rows: Vec::new(),
    }];
    if !child_columns.is_empty() {
        tables.push(TableBatch {
            name: child_table.into(),
            parent: Some(table.into()),
            source_name: Some("items".into()),
            columns: child,
            row_count: root_rows.len(),
            root_rows,
        });
    }
    Batch {
        page,
        tables,
        rejects: Vec::new(),
        only_if_new: Vec::new(),
    }
}

/// Nothing is left of these resources.
pub(super) struct AllDone(Vec<Arc<str>>);

impl AllDone {
    pub(super) fn of(target: &Target) -> Self {
        Self(vec![Arc::clone(&target.resource)])
    }
}

impl Settle for AllDone {
    fn begin(&self) {}

    fn resources(&self) -> &[Arc<str>] {
        &self.0
    }

    fn settle(&self, checkpoint: &Checkpoint) -> Option<Checkpoint> {
        Some(Checkpoint {
            position: None,
            ..checkpoint.clone()
        })
    }

    fn is_over(&self, _: &str) -> bool {
        true
    }
}
