//! What a run tells while it goes on, and at its end.

use std::sync::Arc;
use std::time::Duration;

use restload_destination::StepReport;
use serde::Serialize;

use crate::limiter::Limit;

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A resource's requests begin.
    Started {
        /// The resource.
        resource: Arc<str>,
    },
    /// A page was decoded and normalised.
    Page {
        /// The resource.
        resource: Arc<str>,
        /// Records on it.
        records: u64,
    },
    /// A request begins to wait for a limit, or has waited long enough.
    Waiting {
        /// The resource.
        resource: Arc<str>,
        /// What it waits for.
        limit: Limit,
        /// Whether the wait begins; else it is over.
        begins: bool,
    },
    /// A request is about to be sent again.
    Retrying {
        /// The resource.
        resource: Arc<str>,
        /// Why, redacted.
        reason: String,
        /// The number of the try.
        attempt: u32,
        /// How many there are at most.
        max_attempts: u32,
        /// The wait before it.
        delay: Duration,
    },
    /// Something worth saying once.
    Note {
        /// The resource.
        resource: Arc<str>,
        /// What, redacted.
        text: String,
    },
    /// Rows and checkpoints became durable.
    Committed {
        /// What was written.
        step: StepReport,
    },
    /// A resource has come to its end.
    Finished {
        /// How it went.
        resource: Box<ResourceReport>,
    },
}

/// Takes events.
#[derive(Clone)]
pub(crate) struct Reporter(pub(crate) Arc<dyn Fn(Event) + Send + Sync>);

impl Reporter {
    pub(crate) fn report(&self, event: Event) {
        (self.0)(event);
    }
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reporter")
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything was loaded.
    Completed,
    /// Everything was loaded but for some partitions that failed, as the config allows.
    Incomplete,
    /// Some resource failed; the others are committed.
    Failed,
    /// The user stopped it; what was whole is committed.
    Interrupted,
}

/// How a resource ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceStatus {
    /// All of it was loaded.
    Completed,
    /// Some of its partitions failed, as `on_error: continue` allows; the others were loaded.
    Incomplete,
    /// It failed.
    Failed,
    /// The user stopped it, or the resource it depends on failed.
    Interrupted,
}

/// What became of one resource.
#[derive(Debug, Clone, Serialize)]
pub struct ResourceReport {
    /// The resource.
    pub resource: String,
    /// Its root table.
    pub table: String,
    /// Whether its records were stored, or only read for a child.
    pub loaded: bool,
    /// How it ended.
    pub status: ResourceStatus,
    /// Pages received.
    pub pages: u64,
    /// Records received.
    pub records: u64,
    /// Requests sent.
    pub requests: u64,
    /// Of these, sent again.
    pub retries: u64,
    /// Bytes received, decompressed.
    pub bytes: u64,
    /// Answers that a response action ignored.
    pub ignored: u64,
    /// Records that were null, and are left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub nulls: u64,
    /// Records kept out of the table because they cannot be stored.
    pub rejected: u64,
    /// Rows and values that the schema contract leaves out, by what is wrong with them.
    pub discarded: indexmap::IndexMap<String, u64>,
    /// Partitions that were left out because a parent's record lacks a field.
    #[serde(skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// Partitions that failed while the others went on.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed_partitions: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<PartitionFailure>,
    /// How far its cursors have moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursors: Option<CursorMove>,
    /// Why it failed, redacted.
    pub error: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

/// A partition that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionFailure {
    /// The fields of its parents' records, redacted.
    pub partition: String,
    /// Why, redacted.
    pub error: String,
}

impl CursorMove {
    /// Adds a cursor's move; the texts are redacted. `is_only` says that the resource has no other.
    pub(crate) fn add(&mut self, from: Option<String>, to: String, is_only: bool) {
        self.moved += 1;
        if is_only {
            self.from = from;
            self.to = Some(to);
        }
    }

    /// Adds the moves of other cursors of the same resource.
    pub(crate) fn merge(&mut self, others: Self) {
        self.moved += others.moved;
        if others.to.is_some() {
            self.from = others.from;
            self.to = others.to;
        }
    }
}

impl ResourceReport {
    /// Why the resource failed, or the first of its partitions that did.
    pub fn first_error(&self) -> Option<&str> {
        let of_partition = || self.failures.first().map(|failure| failure.error.as_str());
        self.error.as_deref().or_else(of_partition)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What became of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TableTotals {
    /// Rows written.
    pub rows: u64,
    /// Of these, rows that were not there before.
    pub inserted: u64,
    /// Of these, rows that took the place of others, and versions that were given an end. Where `delete_missing` or a
    /// `merge_key` marks every row with its load, rows found unchanged count, too.
    pub updated: u64,
    /// Rows that are gone.
    pub deleted: u64,
    /// Rows left out because another one had the same key.
    pub duplicates: u64,
    /// Rows left out because an earlier load had added them.
    pub already_there: u64,
    /// Records and rows that were kept out of the table, and are in `_rl_rejects`: they cannot be stored, or the schema
    /// contract leaves them out.
    pub rejected: u64,
    /// Values that the schema contract kept out of its rows, and that are in `_rl_rejects`.
    pub discarded_values: u64,
}

/// How far a load has moved the cursors of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CursorMove {
    /// How many have moved: one for each parent's record, or the one of a resource without parents.
    pub moved: u64,
    /// Where the one of a resource without parents was before; none at its first load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Where it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What became of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The load's id.
    pub load_id: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The resources, parents first.
    pub resources: Vec<ResourceReport>,
    /// What was written, by table.
    pub tables: indexmap::IndexMap<String, TableTotals>,
    /// Changes to tables, in words.
    pub schema_changes: Vec<String>,
    /// What schema contracts want to be warned of.
    pub warnings: Vec<String>,
    /// Milliseconds from start to end.
    pub duration_ms: u64,
}

impl Report {
    /// Requests of all resources.
    pub fn requests(&self) -> u64 {
        self.resources.iter().map(|resource| resource.requests).sum()
    }

    /// Retries of all resources.
    pub fn retries(&self) -> u64 {
        self.resources.iter().map(|resource| resource.retries).sum()
    }
}
