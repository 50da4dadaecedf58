//! What becomes of a page's records: rows for the writer, partitions for the children.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use restload_model::batch::{Batch, RejectKind};
use restload_model::checkpoint::Checkpoint;
use restload_model::normalizer::Normalizer;
use restload_model::row_id;
use restload_source::extraction::{ExtractError, Progress, partitions_for};
use restload_source::incremental::{CursorProgress, Taken};
use restload_source::parent_fields::Parents;

use super::cursors::{add_move, begun, position_of, stored_name};
use super::shared::{Child, Shared, Spawned, Stopped};
use crate::report::Event;
use crate::writing::{BUDGET_KIB, Message, PageRows};

/// The rows and partitions that records have become.
#[derive(Default)]
pub(super) struct Outcome {
    /// None for a resource that is only read for its children.
    pub(super) batch: Option<Batch>,
    /// By the place of the child in [`Shared::children`].
    pub(super) spawned: Vec<(usize, Vec<Spawned>)>,
    /// Records that cannot be stored.
    pub(super) rejected: u64,
    /// What violates a contract that freezes its table, with its place.
    pub(super) frozen: Vec<String>,
}

/// Gives records to the children and turns them into rows. `parents` are the fields that the partition has of its own
/// parents' records.
pub(super) fn normalise(
    shared: &Shared,
    partition: &str,
    parents: &Parents,
    page: u64,
    taken: Taken<'_>,
) -> Result<Outcome, ExtractError> {
    let Taken {
        mut records,
        ids,
        at_start,
        ..
    } = taken;
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
    let spawned = shared.children.iter().enumerate().map(|(index, child)| {
        let partitions = records
            .iter()
            .flat_map(|record| partitions_for(&child.links, &shared.plan.name, record, parents));
        let mut known = child.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut begun = Vec::new();
        for progress in partitions {
            let spawned = spawn(child, progress)?;
            if known.insert(row_id::of_partition(&spawned.partition)) {
                begun.push(spawned);
            }
        }
        Ok((index, begun))
    });
    let spawned = spawned.collect::<Result<_, ExtractError>>()?;
    if !shared.plan.is_loaded || page <= shared.pages_to_skip {
        return Ok(Outcome {
            batch: None,
            spawned,
            ..Outcome::default()
        });
    }
    let pooled = shared.normalizers.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut normalizer =
        pooled.unwrap_or_else(|| Normalizer::new(Arc::clone(&shared.normalize_plan), Arc::clone(&shared.names)));
    normalizer.start_page(partition, page);
    for (index, record) in records.iter().enumerate() {
        match ids.get(index) {
            Some(id) => normalizer.push_as(record, id, at_start[index]),
            None => normalizer.push(record),
        }
    }
    let mut batch = normalizer.finish_page();
    shared
        .normalizers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(normalizer);
    for reject in &mut batch.rejects {
        reject.raw = shared.fetcher.redactor.redact(&reject.raw);
        reject.reason = shared.fetcher.redactor.redact(&reject.reason);
    }
    let (mut rejected, mut frozen) = (0, Vec::new());
    for reject in &batch.rejects {
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
        batch: Some(batch),
        spawned,
        rejected,
        frozen,
    })
}

/// The partition for parents' records, named by the fields that it is requested with.
fn spawn(child: &Child, progress: Progress) -> Result<Spawned, ExtractError> {
    const LONGEST_NAME: usize = 120;
    let mut name = serde_json::to_string(&progress.parents).unwrap_or_default();
    if name.len() > LONGEST_NAME {
        name = row_id::of_text(&name).to_string();
    }
    Ok(Spawned {
        progress: child.plan.begin(progress, child.cursors.get(&*name))?,
        partition: name.into(),
        windows: Vec::new(),
    })
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
        mut batch,
        mut spawned,
        rejected,
        frozen,
    } = outcome;
    let tolerated = check_rejects(shared, rejected).and_then(|()| check_contract(&frozen));
    if tolerated.is_err() {
        // The page stays to be loaded: a next run must not take it for done. Its rejects are kept, for their reasons.
        spawned.clear();
        if let Some(batch) = &mut batch {
            batch.tables.clear();
        }
    }
    let bytes = batch.as_ref().map_or(0, Batch::byte_count);
    let permits = (bytes >> 10).clamp(1, BUDGET_KIB) as u32;
    let permit = Arc::clone(&shared.budget).acquire_many_owned(permits).await.ok();
    // From here to the sending nothing waits, so that checkpoints reach the writer in the order in which they are made.
    let mut checkpoints = Vec::new();
    if tolerated.is_ok() && progress.pages_loaded() > shared.pages_to_skip {
        if progress.done && progress.slice.is_some() {
            checkpoints = shared.windows.finish(shared, partition, progress);
        } else {
            checkpoints.extend(checkpoint_of(shared, partition, progress));
        }
    }
    for (index, partitions) in &spawned {
        let child = &shared.children[*index];
        if child.is_resumable {
            let begun = begun(partitions).map(|(name, text)| {
                checkpoint(
                    shared,
                    &child.resource,
                    child.scope.as_deref(),
                    &Arc::from(name),
                    Some(text),
                )
            });
            checkpoints.extend(begun);
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
        batch,
        checkpoints,
        permit,
    };
    shared
        .writer
        .send(Message::Page(rows))
        .map_err(|_| Stopped::Cancelled)?;
    for (index, partitions) in spawned {
        for spawned in partitions {
            tokio::select! {
                biased;
                () = shared.fetcher.cancellation() => return Err(Stopped::Cancelled),
                // A child that has failed takes no more; that is told at its own end.
                _ = shared.children[index].partitions.send(spawned) => {}
            }
        }
    }
    tolerated
}

/// What is stored of a partition that stands here; none when nothing of it is stored, or not yet.
pub(super) fn checkpoint_of(shared: &Shared, partition: &Arc<str>, progress: &Progress) -> Option<Checkpoint> {
    let make = |position| checkpoint(shared, &shared.plan.name, shared.scope.as_deref(), partition, position);
    // The resource itself is remembered until the load is over, and a window until those before it are loaded. Of any
    // other partition that is loaded there is nothing to remember but its cursor.
    let is_over = progress.done && !partition.is_empty() && progress.slice.is_none();
    if shared.is_resumable && !is_over {
        return Some(make(Some(position_of(progress, &shared.fetcher))));
    }
    if !progress.done || progress.slice.is_some() {
        return None;
    }
    let kept = progress.cursor.as_ref().filter(|_| shared.keeps_cursors);
    let kept = kept.and_then(CursorProgress::moved);
    if kept.is_none() && !shared.is_resumable {
        return None;
    }
    if let Some((cursor, kept)) = progress.cursor.as_ref().zip(kept.as_ref()) {
        let mut moves = shared.counts.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        let former = shared.cursors.get(&**partition);
        let before = former.map_or(&cursor.before, |former| &former.last);
        add_move(&mut moves, &shared.plan, before, kept, &shared.fetcher);
    }
    let checkpoint = make(kept.map(|kept| position_of(&kept, &shared.fetcher)));
    match &shared.held {
        Some(held) if !shared.is_resumable => {
            held.lock().unwrap_or_else(PoisonError::into_inner).push(checkpoint);
            None
        }
        _ => Some(checkpoint),
    }
}

/// Sends checkpoints alone to the writer.
pub(super) fn hand_over_checkpoints(shared: &Shared, checkpoints: Vec<Checkpoint>) -> Result<(), Stopped> {
    if checkpoints.is_empty() {
        return Ok(());
    }
    let rows = PageRows {
        resource: Arc::clone(&shared.plan.name),
        batch: None,
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
