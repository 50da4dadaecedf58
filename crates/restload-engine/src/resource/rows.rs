//! What becomes of a page's records: rows for the writer, partitions for the children.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use restload_model::batch::RejectKind;
use restload_model::checkpoint::Checkpoint;
use restload_model::row_id;
use restload_source::extraction::{ExtractError, Progress, fill_in_missing, partitions_for};
use restload_source::incremental::{CursorProgress, Taken};
use tokio::sync::OwnedSemaphorePermit;

use super::boundary::added_before;
use super::cursors::{add_move, position_of, stored_name};
use super::digests::cannot_note;
use super::naming::{Nameable, Named, name_of, nameable};
use super::partitions::Input;
use super::shared::{Child, Shared, Spawned, Stopped};
use super::stored::begun;
use super::tables::TableRows;
use crate::report::Event;
use crate::writing::{Message, PageRows};

/// The rows and partitions that records have become.
#[derive(Default)]
pub(super) struct Outcome {
    /// By root table; none for a resource that is only read for its children.
    pub(super) rows: Vec<TableRows>,
    /// For each child.
    pub(super) spawned: Vec<Begotten>,
    /// Records that cannot be stored.
    pub(super) rejected: u64,
    /// What violates a contract that freezes its table, with its place.
    pub(super) frozen: Vec<String>,
}

/// What the records of a page have given rise to in a child.
#[derive(Debug)]
pub(super) struct Begotten {
    /// The place of the child in [`Shared::children`].
    child: usize,
    partitions: Vec<Spawned>,
    /// What tells them from others of the load.
    digests: Vec<u128>,
}

impl Begotten {
    fn new(child: usize) -> Self {
        Self {
            child,
            partitions: Vec::new(),
            digests: Vec::new(),
        }
    }

    fn add(&mut self, named: Named) {
        self.partitions.push(named.spawned);
        self.digests.extend(named.digests);
    }
}

/// Gives records to the children and turns them into rows.
pub(super) fn normalise(
    shared: &Shared,
    partition: &str,
    progress: &Progress,
    page: u64,
    taken: Taken<'_>,
) -> Result<Outcome, ExtractError> {
    let mut taken = taken;
    let added_before = added_before(shared, progress, &taken);
    let records = &mut taken.records;
    if let Some(remaining) = &shared.remaining {
        let before = remaining.fetch_sub(records.len() as i64, Ordering::Relaxed);
        records.truncate(usize::try_from(before.max(0)).unwrap_or(usize::MAX));
    }
    let count = records.len() as u64;
    shared.counts.records.fetch_add(count, Ordering::Relaxed);
    shared.fetcher.reporter.report(Event::Page {
        resource: Arc::clone(&shared.plan.name),
        records: count,
    });
    let is_replayed = page <= shared.replayed.pages(partition, progress);
    let spawned = shared.children.iter().enumerate().map(|(index, child)| {
        let is_left_out = |index: usize| added_before.get(index).is_some_and(|before| *before);
        let given = records.iter().enumerate().filter(|(index, _)| !is_left_out(*index));
        let partitions =
            given.flat_map(|(_, record)| partitions_for(&child.links, &shared.plan.name, record, &progress.parents));
        begin(index, child, partitions)
    });
    let spawned = spawned.collect::<Result<_, ExtractError>>()?;
    if !shared.plan.is_loaded || is_replayed {
        return Ok(Outcome {
            spawned,
            ..Outcome::default()
        });
    }
    let mut rows = shared
        .tables
        .rows(shared.plan.table_name.as_ref(), partition, page, &taken)?;
    for reject in rows.iter_mut().flat_map(|rows| &mut rows.batch.rejects) {
        reject.raw = shared.fetcher.redactor.redact(&reject.raw);
        reject.reason = shared.fetcher.redactor.redact(&reject.reason);
    }
    let (mut rejected, mut frozen) = (0, Vec::new());
    for reject in rows.iter().flat_map(|rows| &rows.batch.rejects) {
        match reject.kind {
            RejectKind::Unstorable => rejected += 1,
            RejectKind::Frozen => frozen.push(format!(
                "page {}, record {}: {}",
                reject.page, reject.record, reject.reason
            )),
            RejectKind::DiscardedRow | RejectKind::DiscardedValue => {
                let discarded = shared.counts.discarded.lock();
                let mut discarded = discarded.unwrap_or_else(PoisonError::into_inner);
                *discarded.entry(reject.reason.clone()).or_default() += 1;
            }
        }
    }
    Ok(Outcome {
        rows,
        spawned,
        rejected,
        frozen,
    })
}

/// The partitions for a page's records, or the records as they wait for others, without those that are there already.
fn begin(index: usize, child: &Child, partitions: impl Iterator<Item = Progress>) -> Result<Begotten, ExtractError> {
    let untold = |error| ExtractError::new(cannot_note(&error));
    let mut begotten = Begotten::new(index);
    let mut nameables = Vec::new();
    {
        let mut known = child.known.lock().unwrap_or_else(PoisonError::into_inner);
        for mut progress in partitions {
            fill_in_missing(&child.plan, &mut progress);
            if !child.plan.is_part(&progress) {
                nameables.extend(nameable(&child.plan, progress, &mut known).map_err(untold)?);
                continue;
            }
            let name = name_of(&progress.parents);
            let digest = row_id::of_partition(&name);
            if known.insert(digest).map_err(untold)? {
                begotten.add(Named {
                    spawned: Spawned::new(name, progress),
                    digests: vec![digest],
                });
            }
        }
    }
    let names: Vec<Arc<str>> = nameables.iter().flat_map(Nameable::names).cloned().collect();
    let cursors = child.cursors.of_blocking(&names);
    let cursors = cursors.map_err(|gone| ExtractError::new(gone.to_string()))?;
    for nameable in nameables {
        begotten.add(nameable.begin(&child.plan, &cursors)?);
    }
    Ok(begotten)
}

/// Sends a page's rows to the writer and its partitions to the children, in this order: a child's rows never become
/// durable before the partition that they belong to is known.
pub(super) async fn hand_over(
    shared: &Arc<Shared>,
    partition: &Arc<str>,
    progress: &Progress,
    outcome: Outcome,
) -> Result<(), Stopped> {
    let Outcome {
        mut rows,
        mut spawned,
        rejected,
        frozen,
    } = outcome;
    let tolerated = check_rejects(shared, rejected).and_then(|()| check_contract(&frozen));
    if tolerated.is_err() {
        // The page stays to be loaded: a next run must not take it for done. Its rejects are kept, for their reasons.
        spawned.clear();
        for rows in &mut rows {
            rows.batch.tables.clear();
        }
    }
    // A partition is stored with the fields that are in its name.
    let of_partitions = spawned.iter().flat_map(|begotten| &begotten.partitions);
    let of_partitions: usize = of_partitions.map(|spawned| 256 + 2 * spawned.partition.len()).sum();
    let of_rows: usize = rows.iter().map(|rows| rows.batch.byte_count()).sum();
    let permit = shared.budget.take(of_rows + of_partitions).await;
    let is_tolerated = tolerated.is_ok();
    send_page(shared, partition, progress, (rows, permit), &spawned, is_tolerated)?;
    for begotten in spawned {
        let child = &shared.children[begotten.child];
        for spawned in begotten.partitions {
            tokio::select! {
                biased;
                () = shared.fetcher.cancellation() => return Err(Stopped::Cancelled),
                // A child that has failed takes no more; that is told at its own end.
                _ = child.partitions.send(Input::Record(Box::new(spawned))) => {}
            }
        }
    }
    tolerated
}

/// Makes the checkpoints that are true with a page, and sends them to the writer with its rows.
fn send_page(
    shared: &Shared,
    partition: &Arc<str>,
    progress: &Progress,
    (rows, permit): (Vec<TableRows>, Option<OwnedSemaphorePermit>),
    spawned: &[Begotten],
    is_tolerated: bool,
) -> Result<(), Stopped> {
    // Windows of one partition end on several threads, and each takes those before it along: a checkpoint that reached
    // the writer after a later one would have the next run load what is stored.
    let _order = shared.order.lock().unwrap_or_else(PoisonError::into_inner);
    let mut checkpoints = Vec::new();
    if is_tolerated && progress.pages_loaded() > shared.replayed.pages(partition, progress) {
        if progress.done && progress.slice.is_some() {
            checkpoints = shared.windows.finish(shared, partition, progress);
        } else {
            checkpoints.extend(checkpoint_of(shared, partition, progress));
        }
    }
    for begotten in spawned {
        let child = &shared.children[begotten.child];
        let partitions = &begotten.partitions;
        if child.is_resumable {
            let begun = begun(&begotten.digests).map(|(name, text)| {
                checkpoint(
                    shared,
                    &child.resource,
                    child.scope.as_deref(),
                    &Arc::from(name),
                    Some(text),
                )
            });
            checkpoints.extend(begun);
            let former = partitions.iter().filter_map(|spawned| spawned.former.as_ref());
            checkpoints
                .extend(former.map(|name| checkpoint(shared, &child.resource, child.scope.as_deref(), name, None)));
            checkpoints.extend(partitions.iter().map(|spawned| {
                let position = position_of(&spawned.progress, &shared.fetcher);
                checkpoint(
                    shared,
                    &child.resource,
                    child.scope.as_deref(),
                    &spawned.partition,
                    Some(position),
                )
            }));
        }
    }
    let rows = PageRows {
        resource: Arc::clone(&shared.plan.name),
        rows,
        checkpoints,
        permit,
    };
    shared.writer.send(Message::Page(rows)).map_err(|_| Stopped::Cancelled)
}

/// What is stored of a partition that stands here; none when nothing of it is stored, or not yet.
pub(super) fn checkpoint_of(shared: &Shared, partition: &Arc<str>, progress: &Progress) -> Option<Checkpoint> {
    let make = |position| checkpoint(shared, &shared.plan.name, shared.scope.as_deref(), partition, position);
    // The resource itself is remembered until the load is over, and a window until those before it are loaded. Of any
    // other partition that is loaded there is nothing to remember but its cursor.
    let is_one_of_many = !partition.is_empty() && !shared.remembers_done;
    let is_over = progress.done && is_one_of_many && progress.slice.is_none();
    if shared.is_resumable && !is_over {
        return Some(make(Some(position_of(progress, &shared.fetcher))));
    }
    if !progress.done || progress.slice.is_some() {
        return None;
    }
    let keeps_cursor = shared.keeps_cursors && !progress.shares_cursor;
    let kept = progress.cursor.as_ref().filter(|_| keeps_cursor);
    let kept = kept.and_then(CursorProgress::moved);
    if kept.is_none() && !shared.is_resumable {
        return None;
    }
    let mut kept = kept;
    if let Some((cursor, kept)) = progress.cursor.as_ref().zip(kept.as_mut()) {
        let mut moves = shared.counts.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        add_move(&mut moves, &shared.plan, &cursor.before, kept, &shared.fetcher);
        if shared.plan.may_share_cursors() {
            // Others of this load may begin where it did.
            kept.cursor.was = cursor.before.clone();
            kept.cursor.was_began = cursor.before_began;
            kept.cursor.unsettled = true;
        }
    }
    // Where children depend on where it was, it waits in the destination until the load has ended well.
    Some(make(kept.map(|kept| position_of(&kept, &shared.fetcher))))
}

/// Sends checkpoints alone to the writer.
pub(super) fn hand_over_checkpoints(shared: &Shared, checkpoints: Vec<Checkpoint>) -> Result<(), Stopped> {
    if checkpoints.is_empty() {
        return Ok(());
    }
    let rows = PageRows {
        resource: Arc::clone(&shared.plan.name),
        rows: Vec::new(),
        checkpoints,
        permit: None,
    };
    shared.writer.send(Message::Page(rows)).map_err(|_| Stopped::Cancelled)
}

pub(super) fn checkpoint(
    shared: &Shared,
    resource: &Arc<str>,
    scope: Option<&str>,
    partition: &Arc<str>,
    position: Option<String>,
) -> Checkpoint {
    let name = stored_name(scope, partition);
    Checkpoint {
        resource: Arc::clone(resource),
        partition: shared.fetcher.redactor.store(&name).into(),
        position,
    }
}

/// Fails the resource when records violate a contract that freezes its tables: all of the page's are named, up to a
/// handful.
fn check_contract(frozen: &[String]) -> Result<(), Stopped> {
    const MOST_NAMED: usize = 5;
    if frozen.is_empty() {
        return Ok(());
    }
    let mut error = format!(
        "{} the schema contract: {}",
        if frozen.len() == 1 {
            "1 record violates".to_owned()
        } else {
            format!("{} records violate", frozen.len())
        },
        frozen[..frozen.len().min(MOST_NAMED)].join("; ")
    );
    if frozen.len() > MOST_NAMED {
        let _ = write!(error, "; and {} more", frozen.len() - MOST_NAMED);
    }
    Err(Stopped::Failed {
        error,
        help: Some(
            "nothing of the page is stored; the records are in `_rl_rejects`. Let what the contract names evolve to \
             take them"
                .to_owned(),
        ),
    })
}

/// Fails the resource when more records are rejected than it allows. The rejects themselves are stored.
fn check_rejects(shared: &Shared, rejected: u64) -> Result<(), Stopped> {
    let total = shared.counts.rejected.fetch_add(rejected, Ordering::Relaxed) + rejected;
    if total > shared.plan.max_rejects {
        return Err(Stopped::Failed {
            error: format!(
                "{total} {} rejected, and max_rejects is {}",
                if total == 1 { "record was" } else { "records were" },
                shared.plan.max_rejects
            ),
            help: Some("the records and the reasons are in `_rl_rejects`".to_owned()),
        });
    }
    Ok(())
}
