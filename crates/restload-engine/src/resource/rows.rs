//! What becomes of a page's records: rows for the writer, partitions for the children.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use restload_model::Value;
use restload_model::batch::{Batch, RejectKind};
use restload_model::checkpoint::Checkpoint;
use restload_model::normalizer::Normalizer;
use restload_model::row_id;
use restload_source::extraction::{Progress, partitions_for};
use restload_source::parent_fields::Parents;

use super::shared::{Shared, Spawned, Stopped};
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
    mut records: Vec<Value<'_>>,
) -> Outcome {
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
        let mut is_new = |spawned: &Spawned| known.insert(row_id::of_partition(&spawned.partition));
        (index, partitions.map(spawn).filter(|spawned| is_new(spawned)).collect())
    });
    let spawned = spawned.collect();
    if !shared.plan.is_loaded || page <= shared.pages_to_skip {
        return Outcome {
            batch: None,
            spawned,
            ..Outcome::default()
        };
    }
    let pooled = shared.normalizers.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut normalizer =
        pooled.unwrap_or_else(|| Normalizer::new(Arc::clone(&shared.normalize_plan), Arc::clone(&shared.names)));
    normalizer.start_page(partition, page);
    for record in &records {
        normalizer.push(record);
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
    Outcome {
        batch: Some(batch),
        spawned,
        rejected,
        frozen,
    }
}

/// The partition for parents' records, named by the fields that it is requested with.
fn spawn(progress: Progress) -> Spawned {
    const LONGEST_NAME: usize = 120;
    let mut name = serde_json::to_string(&progress.parents).unwrap_or_default();
    if name.len() > LONGEST_NAME {
        name = row_id::of_text(&name);
    }
    Spawned {
        partition: name.into(),
        progress,
    }
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
    let mut checkpoints = Vec::new();
    if tolerated.is_ok() && shared.is_resumable && progress.pages_loaded() > shared.pages_to_skip {
        // A partition of a child is forgotten when it is done; the resource itself is remembered until the load is.
        let is_forgotten = progress.done && !partition.is_empty();
        checkpoints.push(checkpoint(
            shared,
            &shared.plan.name,
            partition,
            (!is_forgotten).then_some(progress),
        ));
    }
    for (index, partitions) in &spawned {
        let child = &shared.children[*index];
        if child.is_resumable {
            checkpoints.extend(
                partitions
                    .iter()
                    .map(|spawned| checkpoint(shared, &child.resource, &spawned.partition, Some(&spawned.progress))),
            );
        }
    }
    let bytes = batch.as_ref().map_or(0, Batch::byte_count);
    let permits = (bytes >> 10).clamp(1, BUDGET_KIB) as u32;
    let permit = Arc::clone(&shared.budget).acquire_many_owned(permits).await.ok();
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

fn checkpoint(shared: &Shared, resource: &Arc<str>, partition: &Arc<str>, progress: Option<&Progress>) -> Checkpoint {
    let position = progress.map(|progress| {
        let text = serde_json::to_string(progress).unwrap_or_default();
        shared.fetcher.redactor.store(&text)
    });
    Checkpoint {
        resource: Arc::clone(resource),
        partition: shared.fetcher.redactor.store(partition).into(),
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
