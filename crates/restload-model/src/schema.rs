//! Table schemas: columns with their types, keys and hints, as inferred or declared.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::DataType;
use crate::contract::Contract;

/// Identifies a row. Primary key of a root row is hashed into it when the resource merges.
pub const ROW_ID: &str = "_rl_id";
/// The load that wrote a root row.
pub const LOAD_ID: &str = "_rl_load_id";
/// The row id of the row that held the list a child row came from.
pub const PARENT_ID: &str = "_rl_parent_id";
/// The row id of the root row above a child row.
pub const ROOT_ID: &str = "_rl_root_id";
/// The position of a child row in its list, from 0.
pub const LIST_INDEX: &str = "_rl_list_idx";
/// The column of a list element that is not an object.
pub const SCALAR_VALUE: &str = "value";

/// The source of a column that no key of a record fills: no key is spelled like that.
pub const NO_KEY: &str = " ";

/// What happens to the rows that a table already holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteDisposition {
    /// New rows are added.
    Append,
    /// The table holds the rows of this load only.
    Replace,
    /// Rows with the same primary key are updated, others are added.
    Merge,
}

/// How the rows of a resource that merges meet the rows that are there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Merging {
    /// What becomes of a row whose like is there already.
    pub strategy: MergeStrategy,
    /// Sets of columns. Once a load has come to its end, rows of earlier loads are gone that share the values of one
    /// of these sets with a row of the load; where a history is kept, these are the rows that may be retired.
    pub groups: Vec<Vec<Arc<str>>>,
    /// Every load that comes to its end holds all there is: rows that it does not have are deleted.
    pub delete_missing: bool,
}

/// What becomes of a row whose like is there already.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum MergeStrategy {
    /// The row with the same primary key takes the new values.
    #[default]
    Upsert,
    /// The row with the same primary key stays as it is.
    InsertOnly,
    /// Rows have no likes: they are added, and their groups replaced.
    Regroup,
    /// A row that differs is added as the new version, and the old one is given an end.
    History(History),
}

/// How the versions of rows are told apart and dated.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The column of the moment from which a version holds.
    pub valid_from: Arc<str>,
    /// The column of the moment until which it holds.
    pub valid_to: Arc<str>,
    /// What `valid_to` has while a version holds, in microseconds since 1970, UTC; NULL when absent.
    pub active_until: Option<i64>,
    /// The moment of the changes that a load brings, in microseconds since 1970, UTC; the load's start when absent.
    pub boundary: Option<i64>,
    /// The column whose value is another one in every version; all that the record holds when absent.
    pub version: Option<Arc<str>>,
}

/// Which of several rows with the same key counts, by the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortOrder {
    /// The row with the least value.
    Asc,
    /// The row with the greatest value.
    Desc,
}

/// What a root row is identified by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity<'t> {
    /// Its load, partition, page and place on the page.
    Place,
    /// The values of these columns.
    Key(&'t [Arc<str>]),
    /// All that its record holds.
    Content,
}

/// What a config says of one column. `name` is normalised.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnHint {
    /// The column's name in the table.
    pub name: Arc<str>,
    /// Fixed type; inferred from the data when absent.
    pub data_type: Option<DataType>,
    /// Whether the column takes NULL; `None` means yes unless it is part of the primary key.
    pub nullable: Option<bool>,
    /// Total digits of a numeric, characters of a text, bits of a bigint, digits after the second of a moment.
    pub precision: Option<u32>,
    /// Digits after the point of a numeric.
    pub scale: Option<u32>,
    /// Whether values are unique in the table.
    pub unique: bool,
    /// Whether the column says that a record is gone: when it is true, or, where it is no boolean, when it has a value.
    pub hard_delete: bool,
    /// Of several records with the same key the one counts that comes first in this order; the last that came when
    /// absent.
    pub dedup_sort: Option<SortOrder>,
}

/// A column of a table as it stands in a destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The column's name.
    pub name: Arc<str>,
    /// What it holds.
    pub data_type: DataType,
    /// The path in the record that it is filled from, for telling two raw names apart that normalise alike; empty for
    /// a column that is declared and that no record has filled yet.
    pub source_name: Arc<str>,
    /// Whether a load that had the column has come to its end. Until then what it holds is still being found out, and
    /// no contract keeps its type.
    pub is_settled: bool,
}

/// A table as it stands in a destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The table's name.
    pub name: Arc<str>,
    /// The table whose rows its rows belong to; `None` for a root table.
    pub parent: Option<Arc<str>>,
    /// The path in the parent's records that a child table is made of, for telling two apart that normalise alike.
    pub source_name: Option<Arc<str>>,
    /// Its columns, in the table's order.
    pub columns: Vec<Column>,
}

impl Table {
    /// Whether a load that brought it rows has come to its end. Until then it takes every column that comes.
    pub fn is_settled(&self) -> bool {
        self.columns.iter().any(|column| column.is_settled)
    }
}

/// Which records of a resource a target is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Share {
    /// All of them.
    #[default]
    Whole,
    /// None by itself: every record names the table that it goes to, and each of those has a target of its own.
    Divided,
    /// The records that name the target's table.
    Part,
}

/// How the records of one resource are to stand in the destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The resource's name as written in the config.
    pub resource: Arc<str>,
    /// The name of its root table, normalised. Where records name their tables, the template of the names: braces keep
    /// it apart from every table's name.
    pub table: Arc<str>,
    /// Which records it is about.
    pub share: Share,
    /// What happens to the rows already there.
    pub write_disposition: WriteDisposition,
    /// The particulars of `merge`.
    pub merging: Merging,
    /// The key columns of the root table, normalised; empty unless declared.
    pub primary_key: Vec<Arc<str>>,
    /// Declared columns of the root table, in the order written.
    pub columns: Vec<ColumnHint>,
    /// Whether rows of the root table are looked up by their ids, so that the table needs an index on them.
    pub finds_rows_by_id: bool,
    /// Whether a load gets records again that an earlier one has had: those at the start of an incremental load.
    pub meets_records_again: bool,
    /// What is done when records bring what the tables do not have.
    pub contract: Contract,
    /// Whether a value that does not fit a settled column goes to a column of its own type beside it.
    pub variants: bool,
    /// How many records may be kept out because they cannot be stored.
    pub max_rejects: u64,
}

impl Target {
    /// The target of the records that name this table.
    #[must_use]
    pub fn part(&self, table: &Arc<str>) -> Self {
        Self {
            table: Arc::clone(table),
            share: Share::Part,
            ..self.clone()
        }
    }

    /// What root rows are identified by.
    pub fn identity(&self) -> Identity<'_> {
        if self.write_disposition != WriteDisposition::Merge {
            return Identity::Place;
        }
        match &self.merging.strategy {
            MergeStrategy::Upsert | MergeStrategy::InsertOnly if !self.primary_key.is_empty() => {
                Identity::Key(&self.primary_key)
            }
            MergeStrategy::History(History {
                version: Some(version), ..
            }) => Identity::Key(std::slice::from_ref(version)),
            MergeStrategy::History(_) => Identity::Content,
            _ => Identity::Place,
        }
    }

    /// The columns of which no two rows have the same values; empty when rows are only added.
    pub fn unique_key(&self) -> &[Arc<str>] {
        match self.identity() {
            // A version that has ended may come back.
            Identity::Key(key) if self.history().is_none() => key,
            _ => &[],
        }
    }

    /// How the versions of rows are kept, where they are.
    pub fn history(&self) -> Option<&History> {
        match &self.merging.strategy {
            MergeStrategy::History(history) if self.write_disposition == WriteDisposition::Merge => Some(history),
            _ => None,
        }
    }

    /// The columns that decide which rows a row replaces; each needs a value in every record.
    pub fn group_columns(&self) -> impl Iterator<Item = &Arc<str>> {
        let merges = self.write_disposition == WriteDisposition::Merge;
        self.merging.groups.iter().flatten().filter(move |_| merges)
    }

    /// The column that marks records that are gone.
    pub fn hard_delete(&self) -> Option<&Arc<str>> {
        let merges = self.write_disposition == WriteDisposition::Merge;
        let marks = self.columns.iter().find(|column| column.hard_delete && merges)?;
        Some(&marks.name)
    }

    /// The column that decides between records with the same key.
    pub fn dedup_sort(&self) -> Option<(&Arc<str>, SortOrder)> {
        if self.unique_key().is_empty() {
            return None;
        }
        let mut columns = self.columns.iter();
        columns.find_map(|column| Some((&column.name, column.dedup_sort?)))
    }
}
