//! The limit programs: what a skilled engineer would write by hand for this one API and these known columns.
//!
//! One task fetches, parses and encodes; another writes; a bounded channel lies between. The next page is on its
//! way while the last one is parsed. Everything is one transaction. They know what restload must find out: the
//! columns, their types, the paging, that nothing fails and nothing changes.

mod fetch;
mod flat;
mod nested;
mod postgres;
mod requests;
mod sqlite;

use clap::ValueEnum;

pub(crate) use self::requests::{FAMILY_CONCURRENCY, OFFSET_CONCURRENCY};

use crate::error::BenchError;

/// A limit program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LimitProgram {
    /// Flat records into `SQLite`, appended.
    FlatSqlite,
    /// Flat records into Postgres by binary COPY.
    FlatPostgres,
    /// Nested records into a root table and a child table in `SQLite`.
    NestedSqlite,
    /// The same in Postgres.
    NestedPostgres,
    /// Flat records into `SQLite`, upserted on their id.
    MergeSqlite,
    /// Flat records into Postgres: COPY to a temporary table, one upsert that skips unchanged rows.
    MergePostgres,
    /// The requests for parents and children alone, 32 at a time; nothing is kept.
    FamilyRequests,
    /// The requests for the offset pages alone, 8 at a time; nothing is kept.
    OffsetRequests,
}

/// Runs a program against the server at `base_url`, into the database at `to`.
pub(crate) async fn run(program: LimitProgram, base_url: &str, to: &str) -> Result<(), BenchError> {
    match program {
        LimitProgram::FlatSqlite => flat::into_sqlite(base_url, to).await,
        LimitProgram::FlatPostgres => flat::into_postgres(base_url, to).await,
        LimitProgram::NestedSqlite => nested::into_sqlite(base_url, to).await,
        LimitProgram::NestedPostgres => nested::into_postgres(base_url, to).await,
        LimitProgram::MergeSqlite => flat::merge_into_sqlite(base_url, to).await,
        LimitProgram::MergePostgres => flat::merge_into_postgres(base_url, to).await,
        LimitProgram::FamilyRequests => requests::family(base_url).await,
        LimitProgram::OffsetRequests => requests::offset(base_url).await,
    }
}
