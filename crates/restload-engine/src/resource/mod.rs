//! The task of one resource: it walks its partitions, and hands rows to the writer and records to the children.

mod ahead;
mod boundary;
mod cursors;
mod digests;
mod feed;
mod naming;
mod partitions;
mod replay;
mod rows;
mod shared;
mod stored;
mod tables;
mod walk;
mod windows;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use restload_model::Value;
use restload_source::extraction::{ExtractError, Progress, process};
use restload_source::incremental::Taken;
use restload_source::parent_fields::Parents;
use restload_source::plan::RecordSource;
use tokio::sync::mpsc;

pub(crate) use self::cursors::{Cursors, is_unfinished, note_move, settled, within};
pub(crate) use self::digests::Digests;
pub(crate) use self::partitions::Input;
pub(crate) use self::replay::Replayed;
pub(crate) use self::shared::{Child, Counts, Shared, Spawned};
pub(crate) use self::stored::{Left, Resumption, Stored};
pub(crate) use self::tables::{TableRows, Tables};
pub(crate) use self::windows::Tracker;

use self::partitions::load_partitions;
use self::rows::{hand_over, normalise};
use self::shared::{Stopped, failed, stop};
use self::windows::load_partition;
use crate::report::{Event, ResourceReport, ResourceStatus};

/// Loads the resource, and what an interrupted load has left of it.
pub(crate) async fn load(shared: Arc<Shared>, mut left: Left, input: Option<mpsc::Receiver<Input>>) -> ResourceReport {
    shared.fetcher.reporter.report(Event::Started {
        resource: Arc::clone(&shared.plan.name),
    });
    let result = match (&shared.plan.source, input) {
        (RecordSource::Given(_), _) => load_given(&shared, &mut left).await,
        (_, None) => load_root(&shared, &mut left).await,
        (_, Some(input)) => load_partitions(&shared, left, input).await,
    };
    if result.is_ok() {
        for child in &shared.children {
            // A child that is gone has failed, which is told at its own end.
            let _ = child.partitions.send(Input::Ended(Arc::clone(&shared.plan.name))).await;
        }
    }
    let failures = std::mem::take(&mut *shared.counts.failures.lock().unwrap_or_else(PoisonError::into_inner));
    let (status, error, help) = match result {
        Ok(()) if failures.count > 0 => (ResourceStatus::Incomplete, None, None),
        Ok(()) => (ResourceStatus::Completed, None, None),
        Err(Stopped::Cancelled) => (ResourceStatus::Interrupted, None, None),
        Err(Stopped::Failed { error, help }) => (ResourceStatus::Failed, Some(error), help),
    };
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    ResourceReport {
        resource: shared.plan.name.to_string(),
        table: shared.plan.target.table.to_string(),
        loaded: shared.plan.is_loaded,
        status,
        pages: load(&shared.counts.pages),
        records: load(&shared.counts.records),
        requests: load(&shared.traffic.requests),
        retries: load(&shared.traffic.retries),
        bytes: load(&shared.traffic.bytes),
        ignored: load(&shared.counts.ignored),
        nulls: load(&shared.counts.nulls),
        rejected: load(&shared.counts.rejected),
        discarded: {
            let discarded = shared.counts.discarded.lock();
            discarded.unwrap_or_else(PoisonError::into_inner).clone()
        },
        skipped: load(&shared.counts.skipped),
        failed_partitions: failures.count,
        failures: failures.first,
        cursors: shared
            .counts
            .cursors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone(),
        error,
        help,
    }
}

/// The one partition of a resource without parents.
async fn load_root(shared: &Arc<Shared>, left: &mut Left) -> Result<(), Stopped> {
    if let Some(root) = left.root(shared)? {
        return load_partition(shared, root).await;
    }
    let progress = shared
        .plan
        .begin(Progress::start(Parents::new()), shared.cursors.root.as_ref());
    let progress = progress.map_err(|error| stop(shared, 1, None, &error))?;
    load_partition(shared, Spawned::new(Arc::from(""), progress)).await
}

/// Records from the config: one page, without a request.
async fn load_given(shared: &Arc<Shared>, left: &mut Left) -> Result<(), Stopped> {
    let root = left.root(shared)?.map(|root| shared.replayed.start_over(root));
    if root.is_some_and(|root| root.progress.done) {
        return Ok(());
    }
    let task = Arc::clone(shared);
    let page = shared
        .threads
        .run(move || {
            let RecordSource::Given(given) = &task.plan.source else {
                return Err(ExtractError::new("no records"));
            };
            let records = given.iter().cloned().map(Value::from).collect();
            let progress = Progress::start(Parents::new());
            let records = process(&task.plan, &progress, records)?;
            normalise(&task, "", &progress, 1, Taken::all(records))
        })
        .await
        .map_err(|error| failed(format!("the records could not be taken: {error}")))?;
    let outcome = page.map_err(|error| stop(shared, 1, None, &error))?;
    let progress = Progress {
        pages: 1,
        done: true,
        ..Progress::start(Parents::new())
    };
    hand_over(shared, &Arc::from(""), &progress, outcome).await
}
