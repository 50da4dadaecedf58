//! What the parts of a resource's task have in common.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use restload_source::extraction::{ExtractError, Progress};
use restload_source::plan::{ParentLink, ResourcePlan};
use restload_source::request::Request;
use restload_source::template::Context;
use tokio::sync::{Semaphore, mpsc};

use super::cursors::Cursors;
use super::digests::Digests;
use super::partitions::Input;
use super::replay::Replayed;
use super::tables::Tables;
use super::windows::Tracker;
use crate::fetch::{Fetcher, Traffic};
use crate::page_threads::PageThreads;
use crate::report::{CursorMove, PartitionFailure};
use crate::writing::{Budget, Message};

/// The notes told of one resource.
const MOST_NOTES: usize = 20;

/// A partition that a parent's record gives rise to.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub(crate) partition: Arc<str>,
    pub(crate) progress: Progress,
    /// Whether an interrupted load has left it: windows of it may be stored, too.
    pub(crate) is_left: bool,
    /// What its cursor was stored under so far.
    pub(crate) former: Option<Arc<str>>,
}

impl Spawned {
    pub(crate) fn new(partition: Arc<str>, progress: Progress) -> Self {
        Self {
            partition,
            progress,
            is_left: false,
            former: None,
        }
    }

    /// One that an interrupted load has left.
    pub(crate) fn left(partition: Arc<str>, progress: Progress) -> Self {
        Self {
            is_left: true,
            ..Self::new(partition, progress)
        }
    }
}

/// The way to a child resource.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) resource: Arc<str>,
    pub(crate) plan: Arc<ResourcePlan>,
    pub(crate) scope: Option<Arc<str>>,
    /// The cursors that its partitions start from.
    pub(crate) cursors: Cursors,
    /// What it takes from its parents.
    pub(crate) links: Vec<ParentLink>,
    pub(crate) partitions: mpsc::Sender<Input>,
    /// The partitions that there are already, 16 bytes each: parents' records with the same fields are requested for
    /// once.
    pub(crate) known: Arc<Mutex<Digests>>,
    /// Whether its partitions are stored, so that they survive a crash.
    pub(crate) is_resumable: bool,
}

/// What a resource's task shares with the threads that decode its pages.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) plan: Arc<ResourcePlan>,
    pub(crate) fetcher: Arc<Fetcher>,
    pub(crate) context: Context,
    /// Where its records go.
    pub(crate) tables: Tables,
    pub(crate) writer: mpsc::UnboundedSender<Message>,
    pub(crate) budget: Budget,
    pub(crate) threads: PageThreads,
    pub(crate) children: Vec<Child>,
    pub(crate) is_resumable: bool,
    /// What the names of stored partitions begin with, in a load whose range is given.
    pub(crate) scope: Option<Arc<str>>,
    /// Where the last load has left the resource's partitions.
    pub(crate) cursors: Cursors,
    /// Whether this load moves them.
    pub(crate) keeps_cursors: bool,
    pub(crate) windows: Tracker,
    /// Held from the making of checkpoints until they are sent, so that they reach the writer in their order.
    pub(crate) order: Mutex<()>,
    pub(crate) window_permits: Arc<Semaphore>,
    /// What an interrupted load has stored already, and is read again for the children's sake only.
    pub(crate) replayed: Replayed,
    /// Whether partitions are remembered until the load has ended, also those that are loaded.
    pub(crate) remembers_done: bool,
    /// Records that may still come, where the user has set a limit.
    pub(crate) remaining: Option<AtomicI64>,
    pub(crate) traffic: Traffic,
    pub(crate) counts: Counts,
    /// The notes that were told: each is told once, however many pages it is true of.
    pub(crate) told: Mutex<BTreeSet<String>>,
}

/// What a resource has come to so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) pages: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) ignored: AtomicU64,
    /// Records that are null.
    pub(crate) nulls: AtomicU64,
    pub(crate) rejected: AtomicU64,
    /// What contracts have left out, by reason.
    pub(crate) discarded: Mutex<IndexMap<String, u64>>,
    /// Partitions that lack a field of a parent's record, where that is tolerated.
    pub(crate) skipped: AtomicU64,
    pub(crate) failures: Mutex<Failures>,
    /// How far the cursors of partitions that have come to their end have moved.
    pub(crate) cursors: Mutex<Option<CursorMove>>,
}

/// The partitions that failed while the others went on.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    pub(crate) count: u64,
    /// The first of them.
    pub(crate) first: Vec<PartitionFailure>,
}

impl Failures {
    /// So many are named; the others are counted.
    const MOST_NAMED: usize = 5;

    pub(crate) fn add(&mut self, partition: String, error: String) {
        self.count += 1;
        if self.first.len() < Self::MOST_NAMED {
            self.first.push(PartitionFailure { partition, error });
        }
    }
}

/// How a partition ended, short of its end.
#[derive(Debug, Clone)]
pub(crate) enum Stopped {
    /// The user has asked for it, or the writer is gone.
    Cancelled,
    Failed {
        error: String,
        help: Option<String>,
    },
}

impl Shared {
    /// Whether a note has not been told yet. From then on it has.
    pub(crate) fn is_new(&self, note: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Notes that hold data could be as many as pages.
        told.len() < MOST_NOTES && told.insert(note.to_owned())
    }

    /// Whether the user's limit of records is reached.
    pub(crate) fn is_full(&self) -> bool {
        self.remaining
            .as_ref()
            .is_some_and(|remaining| remaining.load(Ordering::Relaxed) <= 0)
    }
}

/// A failure without advice.
pub(crate) fn failed(error: String) -> Stopped {
    Stopped::Failed { error, help: None }
}

/// An error with its place: the page, and the request that it came from.
pub(crate) fn stop(shared: &Shared, page: u64, request: Option<&Request>, error: &ExtractError) -> Stopped {
    let place = match request {
        Some(request) => format!(" (page {page}, {} {})", request.method, request.url),
        None => format!(" (page {page})"),
    };
    let redactor = &shared.fetcher.redactor;
    Stopped::Failed {
        error: redactor.redact(&format!("{error}{place}")),
        help: error.help.as_ref().map(|help| redactor.redact(help)),
    }
}
