//! What goes into a commit and what comes out of it.

use std::fmt;
use std::sync::Arc;

use restload_model::DataType;
use restload_model::batch::Batch;
use restload_model::checkpoint::Checkpoint;

/// What is committed at once: rows, and the checkpoints that are true once the rows are durable.
#[derive(Debug, Default)]
pub struct Step {
    /// One part for each resource that has news. Parts of the same resource are taken together, in order.
    pub parts: Vec<StepPart>,
    /// The moment of the commit, in microseconds since 1970, UTC.
    pub committed_at: i64,
}

/// What a step holds for one resource.
#[derive(Debug)]
pub struct StepPart {
    /// The resource's name, as in its [`Target`](restload_model::schema::Target).
    pub resource: Arc<str>,
    /// The root table of the rows, where the resource's records name their tables; `None` where there is but one, and
    /// for what is no table's own.
    pub table: Option<Arc<str>>,
    /// The rows, in the order of the pages.
    pub batches: Vec<Batch>,
    /// Where the partitions stand after these rows.
    pub checkpoints: Vec<Checkpoint>,
    /// Nothing more follows for this resource in this load: a replace swaps now.
    pub last: bool,
}

/// What a commit did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct StepReport {
    /// The tables that rows came for, parents before children.
    pub tables: Vec<TableReport>,
    /// What changed in the tables.
    pub schema_changes: Vec<SchemaChange>,
    /// Records that the database refused, by resource; they are counted in [`TableReport::rejected`], too.
    pub refused: Vec<(Arc<str>, u64)>,
    /// What a contract wants to be warned of, as resource and text.
    pub warnings: Vec<(Arc<str>, String)>,
    /// The types now in force, as table, column and type, for every column of the tables that rows came for.
    pub column_types: Vec<(Arc<str>, Arc<str>, DataType)>,
}

/// What a commit did to one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableReport {
    /// The table's name.
    pub table: Arc<str>,
    /// Rows that the table now holds, whether added, updated or found unchanged.
    pub written: u64,
    /// Of these, rows that were not there before.
    pub inserted: u64,
    /// Of these, rows that took the place of others, or whose child rows did, and versions that were given an end.
    pub updated: u64,
    /// Rows that are gone: their records are, or the load no longer has them.
    pub deleted: u64,
    /// Rows that were left out because a later row of the step has the same key, and the child rows of such rows.
    pub duplicates: u64,
    /// Rows that were left out because an earlier load had added them.
    pub already_there: u64,
    /// Records and rows that were kept out of it, and stand among the rejects.
    pub rejected: u64,
    /// Values that a contract kept out of its rows, and that stand there too.
    pub discarded_values: u64,
}

impl TableReport {
    pub(crate) fn new(table: Arc<str>) -> Self {
        Self {
            table,
            written: 0,
            inserted: 0,
            updated: 0,
            deleted: 0,
            duplicates: 0,
            already_there: 0,
            rejected: 0,
            discarded_values: 0,
        }
    }
}

/// A change to a table that a load made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaChange {
    /// The table is new.
    TableCreated {
        /// The table.
        table: Arc<str>,
    },
    /// The column is new, or was made again after somebody dropped it.
    ColumnAdded {
        /// The table.
        table: Arc<str>,
        /// The column.
        column: Arc<str>,
        /// What it holds.
        data_type: DataType,
    },
    /// The table is gone, because the user wanted to start over.
    TableDropped {
        /// The table.
        table: Arc<str>,
    },
    /// The table's former rows are gone, because the user wanted to start over.
    TableEmptied {
        /// The table.
        table: Arc<str>,
    },
    /// The column now takes more than before, with the values it held.
    ColumnWidened {
        /// The table.
        table: Arc<str>,
        /// The column.
        column: Arc<str>,
        /// What it held.
        from: DataType,
        /// What it holds now.
        to: DataType,
    },
    /// The column now takes as many digits or characters as it is declared with.
    ColumnResized {
        /// The table.
        table: Arc<str>,
        /// The column.
        column: Arc<str>,
    },
}

impl fmt::Display for SchemaChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TableCreated { table } => write!(f, "table `{table}` created"),
            Self::TableDropped { table } => write!(f, "table `{table}` dropped"),
            Self::TableEmptied { table } => write!(f, "table `{table}` emptied"),
            Self::ColumnAdded {
                table,
                column,
                data_type,
            } => write!(f, "column `{column}` ({data_type}) added to table `{table}`"),
            Self::ColumnWidened {
                table,
                column,
                from,
                to,
            } => write!(f, "column `{column}` of table `{table}` widened from {from} to {to}"),
            Self::ColumnResized { table, column } => {
                write!(
                    f,
                    "column `{column}` of table `{table}` takes more digits or characters"
                )
            }
        }
    }
}

/// How a load ended.
#[derive(Debug, Clone)]
pub struct LoadOutcome {
    /// In one word.
    pub status: LoadStatus,
    /// When, in microseconds since 1970, UTC.
    pub finished_at: i64,
    /// Requests sent.
    pub requests: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// What went wrong, with every secret masked.
    pub error: Option<String>,
}

/// How a load ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadStatus {
    /// Every resource is loaded.
    Completed,
    /// Some resource failed; what was committed stays.
    Failed,
    /// Stopped by the user; what was committed stays.
    Interrupted,
}

impl LoadStatus {
    /// The word, as the load record has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}
