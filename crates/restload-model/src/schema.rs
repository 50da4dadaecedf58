//! Table schemas: columns with their types, keys and hints, as inferred or declared.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::DataType;

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

/// What a config says of one column. `name` is normalised.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnHint {
    /// The column's name in the table.
    pub name: Arc<str>,
    /// Fixed type; inferred from the data when absent.
    pub data_type: Option<DataType>,
    /// Whether the column takes NULL; `None` means yes unless it is part of the primary key.
    pub nullable: Option<bool>,
    /// Total digits of a numeric, or length of a text.
    pub precision: Option<u32>,
    /// Digits after the point of a numeric.
    pub scale: Option<u32>,
    /// Whether values are unique in the table.
    pub unique: bool,
}

/// A column of a table as it stands in a destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The column's name.
    pub name: Arc<str>,
    /// What it holds.
    pub data_type: DataType,
    /// The path in the record that it is filled from, for telling two raw names apart that normalise alike.
    pub source_name: Arc<str>,
}

/// A table as it stands in a destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The table's name.
    pub name: Arc<str>,
    /// The table whose rows its rows belong to; `None` for a root table.
    pub parent: Option<Arc<str>>,
    /// Its columns, in the table's order.
    pub columns: Vec<Column>,
}

/// How the records of one resource are to stand in the destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The resource's name as written in the config.
    pub resource: Arc<str>,
    /// The name of its root table, normalised.
    pub table: Arc<str>,
    /// What happens to the rows already there.
    pub write_disposition: WriteDisposition,
    /// The key columns of the root table, normalised; empty unless declared.
    pub primary_key: Vec<Arc<str>>,
    /// Declared columns of the root table, in the order written.
    pub columns: Vec<ColumnHint>,
}
