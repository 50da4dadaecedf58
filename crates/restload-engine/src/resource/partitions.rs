//! The partitions of a child, as the records of its parents come.

use std::sync::{Arc, PoisonError};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::feed::Feed;
use super::shared::{Shared, Spawned, Stopped, failed};
use super::stored::Left;
use super::windows::load_partition;

/// What a child's task is told by its parents'.
#[derive(Debug)]
pub(crate) enum Input {
    /// A record of a parent.
    Record(Box<Spawned>),
    /// A parent has come to its end.
    Ended(Arc<str>),
}

/// The partitions that the parents' records give rise to, as many at a time as the client allows.
pub(super) async fn load_partitions(
    shared: &Arc<Shared>,
    left: Left,
    mut input: mpsc::Receiver<Input>,
) -> Result<(), Stopped> {
    let mut walks: JoinSet<Result<(), Stopped>> = JoinSet::new();
    let mut outcome = Ok(());
    let mut feed = Feed::new(&shared.plan, left);
    let mut open = true;
    let most = shared.fetcher.limits.concurrency;
    loop {
        let has_room = walks.len() < most && outcome.is_ok();
        if has_room {
            match feed.next(shared).await {
                Ok(Some(next)) => {
                    walks.spawn(walk(Arc::clone(shared), next));
                    continue;
                }
                Ok(None) => {}
                Err(stopped) => {
                    outcome = Err(stopped);
                    open = false;
                    input.close();
                    continue;
                }
            }
        }
        if !open && walks.is_empty() {
            return outcome.and_then(|()| feed.check_empty());
        }
        tokio::select! {
            next = input.recv(), if open && has_room => match next {
                Some(Input::Record(next)) => feed.add(*next),
                Some(Input::Ended(parent)) => feed.parent_ended(&parent),
                None => {
                    open = false;
                    feed.close();
                }
            },
            Some(ended) = walks.join_next(), if !walks.is_empty() => {
                let ended = ended.unwrap_or_else(|error| Err(failed(error.to_string())));
                if let Err(stopped) = ended {
                    // The first failure counts; what is under way comes to its end.
                    if !matches!(outcome, Err(Stopped::Failed { .. })) {
                        outcome = Err(stopped);
                    }
                    open = false;
                    input.close();
                }
            },
            else => return outcome,
        }
    }
}

/// Walks a partition; where that is tolerated, its failure is counted and the others go on.
async fn walk(shared: Arc<Shared>, next: Spawned) -> Result<(), Stopped> {
    let progress = &next.progress;
    let name = if progress.batch.is_empty() {
        serde_json::to_string(&progress.parents)
    } else {
        serde_json::to_string(&progress.batch)
    };
    match load_partition(&shared, next).await {
        Err(Stopped::Failed { error, .. }) if shared.plan.continues_on_error => {
            note_failure(&shared, &name.unwrap_or_default(), error);
            Ok(())
        }
        walked => walked,
    }
}

/// Counts a partition that failed while the others go on.
fn note_failure(shared: &Shared, name: &str, error: String) {
    let name = shared.fetcher.redactor.redact(name);
    let mut failures = shared.counts.failures.lock().unwrap_or_else(PoisonError::into_inner);
    failures.add(name, error);
}
