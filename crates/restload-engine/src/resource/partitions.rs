//! The partitions of a child: one for each record of its parent.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::shared::{Shared, Spawned, Stopped, failed};
use super::windows::load_partition;

/// The partitions that the parent's records give rise to, as many at a time as the client allows.
pub(super) async fn load_partitions(
    shared: &Arc<Shared>,
    stored: Vec<Spawned>,
    mut input: mpsc::Receiver<Spawned>,
) -> Result<(), Stopped> {
    let mut walks: JoinSet<Result<(), Stopped>> = JoinSet::new();
    let mut outcome = Ok(());
    let mut waiting: VecDeque<Spawned> = stored.into();
    let mut open = true;
    let most = shared.fetcher.limits.concurrency;
    loop {
        let has_room = walks.len() < most && outcome.is_ok();
        if has_room && let Some(next) = waiting.pop_front() {
            let shared = Arc::clone(shared);
            walks.spawn(async move {
                let name = serde_json::to_string(&next.progress.parents).unwrap_or_default();
                match load_partition(&shared, next).await {
                    Err(Stopped::Failed { error, .. }) if shared.plan.continues_on_error => {
                        note_failure(&shared, &name, error);
                        Ok(())
                    }
                    walked => walked,
                }
            });
            continue;
        }
        if !open && walks.is_empty() {
            return outcome;
        }
        tokio::select! {
            next = input.recv(), if open && has_room => match next {
                Some(next) => waiting.push_back(next),
                None => open = false,
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
                    waiting.clear();
                }
            },
            else => return outcome,
        }
    }
}

/// Counts a partition that failed while the others go on.
fn note_failure(shared: &Shared, name: &str, error: String) {
    let name = shared.fetcher.redactor.redact(name);
    let mut failures = shared.counts.failures.lock().unwrap_or_else(PoisonError::into_inner);
    failures.add(name, error);
}
