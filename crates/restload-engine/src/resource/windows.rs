//! A partition that is walked in windows: several at a time, each with its own checkpoint, and one cursor in the end.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use restload_model::checkpoint::Checkpoint;
use restload_source::extraction::{ExtractError, Progress};
use restload_source::incremental::{Bound, Slice, Slices};
use tokio::task::JoinSet;

use super::rows::{checkpoint, checkpoint_of, hand_over_checkpoints};
use super::shared::{Shared, Spawned, Stopped, failed, stop};
use super::walk::walk_partition;

/// The partitions of a resource that are walked in windows now, by name.
#[derive(Debug, Default)]
pub(crate) struct Tracker(Mutex<HashMap<Arc<str>, Tracked>>);

/// How far a partition's windows have come.
#[derive(Debug)]
struct Tracked {
    progress: Progress,
    slices: Slices,
    /// Windows that are loaded, while one before them is not: their names and furthest values.
    ahead: BTreeMap<u64, (Arc<str>, Bound)>,
}

/// Walks a partition: at once, or window by window.
pub(super) async fn load_partition(shared: &Arc<Shared>, spawned: Spawned) -> Result<(), Stopped> {
    if !spawned.is_left {
        return load(shared, spawned).await;
    }
    let spawned = shared.replayed.start_over(spawned);
    let partition = Arc::clone(&spawned.partition);
    let loaded = load(shared, spawned).await;
    shared.replayed.forget(&partition);
    loaded
}

async fn load(shared: &Arc<Shared>, spawned: Spawned) -> Result<(), Stopped> {
    if spawned.progress.done {
        return Ok(());
    }
    if spawned.progress.windows.is_none() {
        return walk_partition(shared, spawned.partition, spawned.progress).await;
    }
    let refused = |error: &ExtractError| stop(shared, 1, None, error);
    let Spawned {
        partition,
        progress,
        is_left,
        ..
    } = spawned;
    let slices = slices_of(shared, &progress).map_err(|error| refused(&error))?;
    let first = progress.windows.as_ref().map_or(0, |windows| windows.done);
    let is_empty = slices.slice(first).map_err(|error| failed(error.clone()))?.is_none();
    let begun = Progress {
        done: is_empty,
        ..progress.clone()
    };
    let replayed = shared.replayed.windows(&partition);
    if replayed.is_none() {
        // The range is frozen before the first of its windows is stored.
        let frozen = checkpoint_of(shared, &partition, &begun);
        hand_over_checkpoints(shared, frozen.into_iter().collect())?;
    }
    if is_empty {
        return Ok(());
    }
    let mut tracked_progress = progress.clone();
    if let (Some(windows), Some(done)) = (&mut tracked_progress.windows, replayed) {
        windows.done = done;
    }
    let tracked = Tracked {
        progress: tracked_progress,
        slices,
        ahead: BTreeMap::new(),
    };
    shared.windows.lock().insert(Arc::clone(&partition), tracked);
    let walked = walk_windows(shared, &partition, &progress, first, is_left).await;
    shared.windows.lock().remove(&partition);
    walked
}

fn slices_of(shared: &Shared, progress: &Progress) -> Result<Slices, ExtractError> {
    match (&shared.plan.incremental, &progress.cursor, &progress.windows) {
        (Some(incremental), Some(cursor), Some(windows)) => incremental.slices(&cursor.start, &windows.end),
        _ => Err(ExtractError::new("the partition has no windows")),
    }
}

/// Windows that are asked for at once, where some may be stored.
const WINDOWS_ASKED: u64 = 100;

/// Walks the windows from a number on. Where `is_left`, an interrupted load may have begun some of them.
async fn walk_windows(
    shared: &Arc<Shared>,
    partition: &Arc<str>,
    whole: &Progress,
    first: u64,
    is_left: bool,
) -> Result<(), Stopped> {
    let slices = slices_of(shared, whole).map_err(|error| stop(shared, 1, None, &error))?;
    let mut known: HashMap<Arc<str>, Progress> = HashMap::new();
    let mut asked = first;
    let mut walks: JoinSet<Result<(), Stopped>> = JoinSet::new();
    let mut outcome = Ok(());
    let mut next = first;
    loop {
        while outcome.is_ok() && walks.len() < shared.fetcher.limits.concurrency && !shared.is_full() {
            let Some(slice) = slices.slice(next).map_err(failed)? else {
                break;
            };
            if is_left && next == asked {
                asked += WINDOWS_ASKED;
                known = windows_under_way(shared, partition, &slices, next..asked).await?;
            }
            let name = name_of(partition, &slice);
            next += 1;
            let progress = known.remove(&name).unwrap_or_else(|| Progress {
                windows: None,
                slice: Some(slice),
                ..whole.clone()
            });
            if progress.done {
                let _order = shared.order.lock().unwrap_or_else(PoisonError::into_inner);
                let finished = shared.windows.finish(shared, &name, &progress);
                hand_over_checkpoints(shared, finished)?;
                continue;
            }
            let shared = Arc::clone(shared);
            walks.spawn(async move {
                // Windows of all partitions together are as many at a time as the client allows.
                let _permit = Arc::clone(&shared.window_permits).acquire_owned().await;
                walk_partition(&shared, name, progress).await
            });
        }
        let Some(ended) = walks.join_next().await else {
            return outcome;
        };
        if let Err(stopped) = ended.unwrap_or_else(|error| Err(failed(error.to_string())))
            && !matches!(outcome, Err(Stopped::Failed { .. }))
        {
            // The first failure counts; what is under way comes to its end.
            outcome = Err(stopped);
        }
    }
}

fn name_of(partition: &str, slice: &Slice) -> Arc<str> {
    format!("{partition}{}", slice.suffix()).into()
}

/// Those of some windows that an interrupted load has begun, by name.
async fn windows_under_way(
    shared: &Shared,
    partition: &str,
    slices: &Slices,
    numbers: Range<u64>,
) -> Result<HashMap<Arc<str>, Progress>, Stopped> {
    let mut names = Vec::new();
    for number in numbers {
        let Some(slice) = slices.slice(number).map_err(failed)? else {
            break;
        };
        names.push(name_of(partition, &slice));
    }
    let under_way = shared.cursors.under_way(&names).await;
    let mut under_way = under_way.map_err(|_| Stopped::Cancelled)?;
    under_way.retain(|_, window| !shared.replayed.start_window_over(partition, window));
    Ok(under_way)
}

impl Tracker {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Tracked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a window is loaded. Gives the checkpoints that are true with its last page: windows without a gap
    /// before them become part of the partition's own.
    ///
    /// What it gives must reach the writer before it is called again, which whoever calls it sees to by holding
    /// [`Shared::order`].
    pub(super) fn finish(&self, shared: &Shared, name: &Arc<str>, progress: &Progress) -> Vec<Checkpoint> {
        let Some((slice, cursor)) = progress.slice.as_ref().zip(progress.cursor.as_ref()) else {
            return Vec::new();
        };
        let whole = progress.whole(name);
        let mut all = self.lock();
        let (Some(incremental), Some((partition, tracked))) = (&shared.plan.incremental, all.remove_entry(whole))
        else {
            return Vec::new();
        };
        let mut tracked = tracked;
        tracked
            .ahead
            .insert(slice.index, (Arc::clone(name), cursor.last.clone()));
        let mut checkpoints = Vec::new();
        let mut is_over = false;
        if let (Some(windows), Some(whole)) = (&mut tracked.progress.windows, &mut tracked.progress.cursor) {
            while let Some((name, last)) = tracked.ahead.remove(&windows.done) {
                windows.done += 1;
                whole.last = incremental.further_of(std::mem::take(&mut whole.last), last);
                if shared.is_resumable {
                    checkpoints.push(checkpoint(
                        shared,
                        &shared.plan.name,
                        shared.scope.as_deref(),
                        &name,
                        None,
                    ));
                }
            }
            is_over = matches!(tracked.slices.slice(windows.done), Ok(None));
        }
        if checkpoints.is_empty() && !is_over {
            checkpoints.extend(checkpoint_of(shared, name, progress));
        } else {
            tracked.progress.done = is_over;
            checkpoints.extend(checkpoint_of(shared, &partition, &tracked.progress));
        }
        all.insert(partition, tracked);
        checkpoints
    }
}
