//! The walk of one partition, page by page.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use restload_source::extraction::{Answer, ExtractError, Progress, Walk, settle_missing};
use restload_source::plan::partition_context;
use restload_source::request::{Request, Response};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::rows::{Outcome, hand_over, normalise};
use super::shared::{Shared, Stopped, failed, stop};
use crate::fetch::{Attempts, FetchError};
use crate::report::Event;

/// What came of a page.
struct PageDone {
    walk: Walk,
    outcome: Outcome,
    has_next: bool,
}

/// What the decoding thread gives back.
enum Decoded {
    Page(PageDone),
    /// The same request again, because of that.
    Again(Walk, Response, ExtractError),
    /// The page of that number cannot be taken.
    Failed(u64, ExtractError),
}

/// One partition, page by page. While a page is normalised the next one is being fetched.
pub(super) async fn walk_partition(
    shared: &Arc<Shared>,
    partition: Arc<str>,
    mut progress: Progress,
) -> Result<(), Stopped> {
    if shared.is_full() {
        return Ok(());
    }
    match settle_missing(&shared.plan, &mut progress) {
        Ok(true) => {}
        Ok(false) => {
            shared.counts.skipped.fetch_add(1, Ordering::Relaxed);
            progress.pages += 1;
            progress.done = true;
            return hand_over(shared, &partition, &progress, Outcome::default()).await;
        }
        Err(error) => return Err(stop(shared, progress.pages + 1, None, &error)),
    }
    let context = partition_context(&shared.context, &progress.parents);
    let is_repeatable = shared.plan.endpoint().is_none_or(|endpoint| !endpoint.has_side_effects);
    let name = Arc::clone(&shared.plan.name);
    let mut walk = Walk::new(Arc::clone(&shared.plan), progress);
    let mut request = walk
        .request(&context)
        .map_err(|error| stop(shared, walk.progress().pages + 1, None, &error))?;
    let mut attempts = Attempts::new(is_repeatable);
    let mut response = fetch(shared, &request, &mut attempts).await?;
    loop {
        let (next_request, prefetch) = oneshot::channel::<Option<Request>>();
        let task = Arc::clone(shared);
        let (scope, place) = (context.clone(), Arc::clone(&partition));
        let decoding = async {
            let decoding = spawn_blocking(move || decode(&task, walk, response, &scope, &place, next_request));
            let decoded = decoding.await;
            let mut decoded = decoded.map_err(|error| failed(format!("a page could not be taken: {error}")))?;
            if let Decoded::Page(page) = &mut decoded {
                // At once: the next page may be long in coming, and what is here is not to be lost meanwhile.
                let progress = page.walk.progress().clone();
                let outcome = std::mem::take(&mut page.outcome);
                hand_over(shared, &partition, &progress, outcome).await?;
            }
            Ok(decoded)
        };
        let prefetching = async {
            let Ok(Some(next)) = prefetch.await else {
                return Ok(None);
            };
            let mut attempts = Attempts::new(is_repeatable);
            let fetched = fetch(shared, &next, &mut attempts).await;
            Ok(Some((next, attempts, fetched)))
        };
        let (decoded, prefetched) = tokio::try_join!(decoding, prefetching)?;
        match decoded {
            Decoded::Page(page) => {
                if !page.has_next {
                    return Ok(());
                }
                let Some((next, tries, fetched)) = prefetched else {
                    let error = page.walk.request(&context).err();
                    let error = error.unwrap_or_else(|| ExtractError::new("the next page could not be requested"));
                    return Err(stop(shared, page.walk.progress().pages + 1, None, &error));
                };
                walk = page.walk;
                request = next;
                attempts = tries;
                response = fetched?;
            }
            Decoded::Again(same, answer, reason) => {
                let reason = reason.to_string();
                let wait =
                    shared
                        .fetcher
                        .wait_to_retry(&name, &request, &reason, Some(&answer), &attempts, &shared.traffic);
                wait.await.map_err(fetch_failed)?;
                walk = same;
                response = fetch(shared, &request, &mut attempts).await?;
            }
            Decoded::Failed(number, error) => return Err(stop(shared, number, Some(&request), &error)),
        }
    }
}

async fn fetch(shared: &Shared, request: &Request, attempts: &mut Attempts) -> Result<Response, Stopped> {
    shared
        .fetcher
        .fetch(&shared.plan.name, request, attempts, &shared.traffic)
        .await
        .map_err(fetch_failed)
}

fn fetch_failed(error: FetchError) -> Stopped {
    match error {
        FetchError::Cancelled => Stopped::Cancelled,
        FetchError::Failed { error, help } => Stopped::Failed { error, help },
    }
}

/// Decodes, selects, changes and normalises a page. The request for the next page leaves as soon as it is known.
fn decode(
    shared: &Shared,
    mut walk: Walk,
    response: Response,
    context: &minijinja::Value,
    partition: &str,
    next_request: oneshot::Sender<Option<Request>>,
) -> Decoded {
    let number = walk.progress().pages + 1;
    let answer = walk.receive(&response, &shared.fetcher.limits, context);
    let page = match answer {
        Ok(Answer::Page(page)) => page,
        Ok(Answer::Retry(reason)) => return Decoded::Again(walk, response, reason),
        Err(error) => return Decoded::Failed(number, error),
    };
    let is_over = shared.remaining.as_ref().is_some_and(|remaining| {
        let count = page.records.len() as i64;
        remaining.load(Ordering::Relaxed) <= count && shared.plan.steps.is_empty()
    });
    let wants_next = page.has_next && !is_over;
    let _ = next_request.send(if wants_next { walk.request(context).ok() } else { None });
    shared.counts.pages.fetch_add(1, Ordering::Relaxed);
    if page.ignored {
        shared.counts.ignored.fetch_add(1, Ordering::Relaxed);
    }
    for note in &page.notes {
        let text = shared.fetcher.redactor.redact(note);
        shared.fetcher.reporter.report(Event::Note {
            resource: Arc::clone(&shared.plan.name),
            text,
        });
    }
    let records = match walk.process(page.records) {
        Ok(records) => records,
        Err(error) => return Decoded::Failed(number, error),
    };
    let progress = walk.progress();
    let outcome = normalise(shared, partition, &progress.parents, progress.pages, records);
    let has_next = wants_next && !shared.is_full();
    Decoded::Page(PageDone {
        walk,
        outcome,
        has_next,
    })
}
