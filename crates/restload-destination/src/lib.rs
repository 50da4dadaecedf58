//! Destinations: typed rows and the checkpoints that cover them, made durable together.
//!
//! A [`Destination`] is one connection to one database for one load of one pipeline. Its life is short and linear:
//! [`open`](Destination::open) connects, takes the lock and reads what is stored; [`prepare`](Destination::prepare)
//! says which resources are to be loaded and how; [`commit`](Destination::commit) writes one [`Step`];
//! [`finish`](Destination::finish) closes the load's record.
//!
//! # The promise
//!
//! A commit is one transaction that holds the changes to the tables, the rows, the checkpoints, the rejects and the
//! load's record. It happens as a whole or not at all, so a load can be killed at any moment: what the stored
//! checkpoints cover is there, once, and nothing else is.
//!
//! A resource that is replaced goes into shadow tables step by step. Its last step moves their rows into the tables,
//! again in one transaction, so a reader sees the old rows or the new ones, and views, rights and indexes stay. Its
//! checkpoints are stored in that transaction and not before.
//!
//! # Where to look
//!
//! `plan.rs` decides what has to change in a table, without a database. `commit.rs` decides what is written, and
//! `dispositions/` what that does with the rows that are there, for all databases alike; `writers/` knows how each of them takes it. `sql.rs` holds every SQL text. `conformance.rs` is the
//! one suite that every writer passes.

mod boundary;
mod commit;
mod contents;
mod destination;
mod dispositions;
mod error;
mod incoming;
mod plan;
mod reading;
mod refresh;
mod reset;
mod rows;
mod salvage;
mod sql;
mod state;
mod step;
mod system;
mod transaction;
mod url;
mod writers;

#[cfg(test)]
mod conformance;

pub use contents::{FileTable, file_contents};
pub use destination::{Destination, OpenOptions};
pub use error::{Cause, DestinationError};
pub use reading::{
    Answer, AskLimits, ColumnRecord, Grid, GridColumn, GridQuery, GridRow, Inspector, LoadRecord, Order, RejectRecord,
    RowCount, RowsFrom, RowsPage, SchemaChangeRecord, Slice, StateRecord, TableRecord, ValuePart, ValueText,
};
/// The tables that restload keeps beside the data.
pub const SYSTEM_TABLES: [&str; 4] = [system::LOADS, system::SCHEMA, system::STATE, system::REJECTS];

/// The one of them that holds what was kept out of the tables.
pub const REJECTS_TABLE: &str = system::REJECTS;

pub use refresh::Refresh;
pub use reset::{Forgotten, reset_state};
pub use state::{ROWS_THERE, Settle};
pub use step::{LoadOutcome, LoadStatus, SchemaChange, Step, StepPart, StepReport, TableReport};
pub use url::{DestinationUrl, Kind, UrlError};
