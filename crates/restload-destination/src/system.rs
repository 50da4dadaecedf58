//! The tables that restload keeps beside the data: loads, state, schema, rejects.

use std::collections::BTreeMap;
use std::sync::Arc;

use restload_model::DataType;
use restload_model::batch::{Cell, ColumnBuffer, Reject, TableBatch};
use restload_model::checkpoint::Checkpoint;
use restload_model::iso_time::{self, MICROS_PER_DAY};
use restload_model::schema::{Column, Table};

use crate::plan::ColumnDef;
use crate::sql::{Dialect, Sql};

/// One row for each run.
pub(crate) const LOADS: &str = "_rl_loads";
/// Where each partition of each resource stands.
pub(crate) const STATE: &str = "_rl_state";
/// The columns of every table, with where they came from.
pub(crate) const SCHEMA: &str = "_rl_schema";
/// Records that were kept out of the tables, with the reason.
pub(crate) const REJECTS: &str = "_rl_rejects";

/// What decides between rows with the same key, of loads that go on: made when a load needs it, emptied at its end.
pub(crate) const NEWEST: &str = "_rl_newest";

/// A system table's columns, as name, type and whether it has a value in every row, and its primary key.
pub(crate) struct SystemTable {
    pub(crate) name: &'static str,
    columns: &'static [(&'static str, DataType, bool)],
    pub(crate) primary_key: &'static [&'static str],
}

use DataType::{Bigint, Bool, Json, Text, Timestamp};

pub(crate) const TABLES: [SystemTable; 4] = [
    SystemTable {
        name: LOADS,
        columns: &[
            ("load_id", Text, true),
            ("pipeline", Text, true),
            ("started_at", Timestamp, true),
            ("finished_at", Timestamp, false),
            ("status", Text, true),
            ("rows", Json, true),
            ("requests", Bigint, true),
            ("retries", Bigint, true),
            ("schema_changes", Json, true),
            ("rejects", Bigint, true),
            ("error", Text, false),
        ],
        primary_key: &["load_id"],
    },
    SystemTable {
        name: STATE,
        columns: &[
            ("pipeline", Text, true),
            ("resource", Text, true),
            ("partition", Text, true),
            ("checkpoint", Text, true),
            ("load_id", Text, true),
            ("updated_at", Timestamp, true),
        ],
        primary_key: &["pipeline", "resource", "partition"],
    },
    SystemTable {
        name: SCHEMA,
        columns: &[
            ("pipeline", Text, true),
            ("resource", Text, true),
            ("table_name", Text, true),
            ("parent", Text, false),
            ("column_name", Text, true),
            ("source_name", Text, true),
            ("data_type", Text, true),
            ("position", Bigint, true),
            ("load_id", Text, true),
            ("changed_at", Timestamp, true),
            // The path in the parent's records that the table is made of.
            ("table_source", Text, false),
            // Whether a load that had the column has come to its end.
            ("settled", Bool, false),
        ],
        primary_key: &["table_name", "column_name"],
    },
    SystemTable {
        name: REJECTS,
        columns: &[
            ("load_id", Text, true),
            ("pipeline", Text, true),
            ("resource", Text, true),
            ("page", Bigint, true),
            ("record", Bigint, true),
            ("reason", Text, true),
            ("raw", Text, true),
            ("rejected_at", Timestamp, true),
            ("kind", Text, false),
            ("table_name", Text, false),
        ],
        primary_key: &[],
    },
];

const NEWEST_TABLE: SystemTable = SystemTable {
    name: NEWEST,
    columns: &[
        ("pipeline", Text, true),
        ("resource", Text, true),
        ("row_id", Text, true),
        ("sort_value", Text, false),
        ("load_id", Text, true),
    ],
    primary_key: &["pipeline", "resource", "row_id"],
};

impl SystemTable {
    /// The statement that makes the table.
    pub(crate) fn create(&self, dialect: &Dialect) -> Sql {
        dialect.create_table(self.name, &self.defs(), self.primary_key)
    }

    /// The columns, for making the table.
    pub(crate) fn defs(&self) -> Vec<ColumnDef> {
        let def = |&(name, data_type, not_null): &(&'static str, DataType, bool)| ColumnDef {
            name: name.into(),
            source_name: name.into(),
            data_type,
            not_null,
            limit: None,
        };
        self.columns.iter().map(def).collect()
    }

    /// The columns, for writing rows.
    pub(crate) fn columns(&self) -> Vec<Column> {
        let column = |&(name, data_type, _): &(&'static str, DataType, bool)| Column {
            name: name.into(),
            data_type,
            source_name: name.into(),
            is_settled: true,
        };
        self.columns.iter().map(column).collect()
    }

    /// A batch of rows, one cell for each column.
    fn batch<'c>(&self, rows: impl IntoIterator<Item = Vec<Cell<'c>>>) -> TableBatch {
        let mut columns: Vec<ColumnBuffer> = self
            .columns
            .iter()
            .map(|(name, data_type, _)| ColumnBuffer::new((*name).into(), (*name).into(), Some(*data_type)))
            .collect();
        let mut row_count = 0;
        for cells in rows {
            for (column, cell) in columns.iter_mut().zip(cells) {
                column.put(row_count, cell);
            }
            row_count += 1;
        }
        for column in &mut columns {
            column.pad(row_count);
        }
        TableBatch {
            name: self.name.into(),
            parent: None,
            source_name: None,
            columns,
            row_count,
            root_rows: Vec::new(),
        }
    }
}

/// The system table of that name.
pub(crate) fn table(name: &str) -> &'static SystemTable {
    TABLES
        .iter()
        .chain([&NEWEST_TABLE])
        .find(|table| table.name == name)
        .expect("system tables are named by the constants above")
}

/// Whose load it is, and when a step of it is committed.
#[derive(Clone, Copy)]
pub(crate) struct Stamp<'a> {
    pub(crate) pipeline: &'a str,
    pub(crate) load_id: &'a str,
    pub(crate) at: i64,
}

/// The rows of the state table for checkpoints that have a position.
pub(crate) fn state_rows(stamp: Stamp<'_>, checkpoints: &[&Checkpoint]) -> TableBatch {
    table(STATE).batch(checkpoints.iter().filter_map(|checkpoint| {
        Some(vec![
            Cell::Text(stamp.pipeline),
            Cell::Text(&checkpoint.resource),
            Cell::Text(&checkpoint.partition),
            Cell::Text(checkpoint.position.as_deref()?),
            Cell::Text(stamp.load_id),
            Cell::Timestamp(stamp.at),
        ])
    }))
}

/// The rows of the table of newest values.
pub(crate) fn newest_rows(stamp: Stamp<'_>, resource: &str, values: &[(&str, Option<String>)]) -> TableBatch {
    table(NEWEST).batch(values.iter().map(|(id, value)| {
        vec![
            Cell::Text(stamp.pipeline),
            Cell::Text(resource),
            Cell::Text(id),
            value.as_deref().map_or(Cell::Null, Cell::Text),
            Cell::Text(stamp.load_id),
        ]
    }))
}

/// The rows of the schema table for the columns of a table that changed.
pub(crate) fn schema_rows(
    stamp: Stamp<'_>,
    owner: &Owner,
    table_now: &Table,
    is_changed: impl Fn(&Column) -> bool,
) -> TableBatch {
    let columns = table_now.columns.iter().enumerate();
    table(SCHEMA).batch(
        columns
            .filter(|(_, column)| is_changed(column))
            .map(|(position, column)| {
                vec![
                    Cell::Text(&owner.pipeline),
                    Cell::Text(&owner.resource),
                    Cell::Text(&table_now.name),
                    table_now.parent.as_deref().map_or(Cell::Null, Cell::Text),
                    Cell::Text(&column.name),
                    Cell::Text(&column.source_name),
                    Cell::Text(column.data_type.name()),
                    Cell::Bigint(position as i64),
                    Cell::Text(stamp.load_id),
                    Cell::Timestamp(stamp.at),
                    table_now.source_name.as_deref().map_or(Cell::Null, Cell::Text),
                    Cell::Bool(column.is_settled),
                ]
            }),
    )
}

/// The rows of the rejects table.
pub(crate) fn reject_rows<'r>(
    stamp: Stamp<'_>,
    resource: &str,
    rejects: impl IntoIterator<Item = &'r Reject>,
) -> TableBatch {
    table(REJECTS).batch(rejects.into_iter().map(|reject| {
        vec![
            Cell::Text(stamp.load_id),
            Cell::Text(stamp.pipeline),
            Cell::Text(resource),
            Cell::Bigint(reject.page as i64),
            Cell::Bigint(reject.record as i64),
            Cell::Text(&reject.reason),
            Cell::Text(&reject.raw),
            Cell::Timestamp(stamp.at),
            Cell::Text(reject.kind.name()),
            Cell::Text(&reject.table),
        ]
    }))
}

/// The pipeline and resource that a table was first made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) pipeline: Arc<str>,
    pub(crate) resource: Arc<str>,
}

/// The tables of the dataset as restload left them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    pub(crate) tables: BTreeMap<Arc<str>, (Owner, Table)>,
}

impl Catalog {
    /// Reads the rows of the schema table, in the order of tables and positions.
    pub(crate) fn from_rows(rows: Vec<Vec<Option<String>>>) -> Self {
        let mut catalog = Self::default();
        for row in rows {
            let mut texts = row.into_iter().map(|text| text.map(Arc::<str>::from));
            let mut next = || texts.next().flatten();
            let (pipeline, resource, name, parent) = (next(), next(), next(), next());
            let (column, source_name, data_type) = (next(), next(), next());
            let (table_source, settled) = (next(), next());
            let (Some(pipeline), Some(resource), Some(name), Some(column)) = (pipeline, resource, name, column) else {
                continue;
            };
            // A type that this version does not know is left to the database's own description.
            let Some(data_type) = data_type.as_deref().and_then(DataType::from_name) else {
                continue;
            };
            let (_, table) = catalog.tables.entry(Arc::clone(&name)).or_insert_with(|| {
                let table = Table {
                    name,
                    parent,
                    source_name: table_source,
                    columns: Vec::new(),
                };
                (Owner { pipeline, resource }, table)
            });
            table.columns.push(Column {
                source_name: source_name.unwrap_or_else(|| Arc::clone(&column)),
                name: column,
                data_type,
                is_settled: matches!(settled.as_deref(), Some("true" | "1")),
            });
        }
        catalog
    }

    pub(crate) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name).map(|(_, table)| table)
    }

    /// The tables of a resource: its root table, all tables below it, and whatever else it wrote.
    pub(crate) fn family(&self, pipeline: &str, resource: &str, root: &str) -> Vec<Arc<str>> {
        self.tables
            .iter()
            .filter(|(name, (owner, table))| {
                (&*owner.pipeline == pipeline && &*owner.resource == resource) || self.is_below(name, table, root)
            })
            .map(|(name, _)| Arc::clone(name))
            .collect()
    }

    /// A root table and all tables below it.
    pub(crate) fn below(&self, root: &str) -> Vec<Arc<str>> {
        self.tables
            .iter()
            .filter(|(name, (_, table))| self.is_below(name, table, root))
            .map(|(name, _)| Arc::clone(name))
            .collect()
    }

    /// Whether a table is the root table, or below it.
    fn is_below(&self, name: &str, table: &Table, root: &str) -> bool {
        let mut parent = table.parent.as_deref();
        while let Some(above) = parent {
            if above == root {
                return true;
            }
            parent = self.table(above).and_then(|table| table.parent.as_deref());
        }
        name == root
    }
}

/// A moment as both databases take it in a text: UTC, always with six digits after the point.
pub(crate) fn moment(micros: i64) -> String {
    let mut text = String::with_capacity(26);
    push_moment(&mut text, micros);
    text
}

/// Appends `2024-01-02 03:04:05.000000`.
pub(crate) fn push_moment(out: &mut String, micros: i64) {
    iso_time::write_date(out, micros.div_euclid(MICROS_PER_DAY) as i32);
    out.push(' ');
    push_time(out, micros.rem_euclid(MICROS_PER_DAY));
}

/// Appends `03:04:05.000000`.
pub(crate) fn push_time(out: &mut String, micros: i64) {
    iso_time::write_time_with_micros(out, micros);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_always_have_six_digits() {
        assert_eq!(moment(0), "1970-01-01 00:00:00.000000");
        assert_eq!(moment(1_704_164_645_000_001), "2024-01-02 03:04:05.000001");
        assert_eq!(moment(-1), "1969-12-31 23:59:59.999999");
    }

    #[test]
    fn a_family_is_what_a_resource_wrote_and_what_is_below_its_root() {
        let mut catalog = Catalog::default();
        for (name, parent, resource) in [
            ("a", None, "A"),
            ("a__b", Some("a"), "A"),
            ("a__b__c", Some("a__b"), "other"),
            ("extra", None, "A"),
            ("z", None, "Z"),
        ] {
            let owner = Owner {
                pipeline: "p".into(),
                resource: resource.into(),
            };
            let table = Table {
                name: name.into(),
                parent: parent.map(Into::into),
                source_name: None,
                columns: Vec::new(),
            };
            catalog.tables.insert(name.into(), (owner, table));
        }
        let names: Vec<_> = catalog.family("p", "A", "a").iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a", "a__b", "a__b__c", "extra"]);
        let names: Vec<_> = catalog.family("q", "A", "a").iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a", "a__b", "a__b__c"]);
    }
}
