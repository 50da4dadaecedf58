//! The walk of one partition, page by page.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use restload_source::extraction::{Answer, ExtractError, Progress, Walk, settle_missing};
use restload_source::incremental::IncrementalPlan;
use restload_source::paginators::Position;
use restload_source::request::{Request, Response};
use tokio::sync::oneshot;

use super::ahead::{Ahead, Fetched};
use super::rows::{Outcome, hand_over, normalise};
use super::shared::{Shared, Stopped, failed, stop};
use crate::fetch::{Attempts, FetchError};
use crate::report::Event;

/// What came of a page.
struct PageDone {
    walk: Walk,
    outcome: Outcome,
    has_next: bool,
    /// Why what follows could not be told; the page itself is good.
    failure: Option<ExtractError>,
}

/// What the decoding thread gives back.
enum Decoded {
    Page(PageDone),
    /// The same request again, because of that.
    Again(Walk, Response, ExtractError),
    /// The page of that number cannot be taken.
    Failed(u64, ExtractError),
}

/// The requests to have under way from now on, the next page's first; none when there is no next page.
type Wanted = Vec<(Position, Request)>;

/// One partition, page by page. While a page is normalised the next ones are being fetched.
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
    let context = shared.plan.scope(&shared.context, &progress);
    let context = context.map_err(|error| stop(shared, progress.pages + 1, None, &error))?;
    let is_repeatable = shared.plan.endpoint().is_none_or(|endpoint| !endpoint.has_side_effects);
    let mut walk = Walk::new(Arc::clone(&shared.plan), progress);
    let mut ahead = Ahead::new(shared, is_repeatable);
    let wanted =
        wanted(shared, &walk, &context, None).map_err(|error| stop(shared, walk.progress().pages + 1, None, &error))?;
    ahead.follow(wanted);
    loop {
        let number = walk.progress().pages + 1;
        let Some(fetched) = ahead.take(&walk.progress().position).await else {
            let error = walk.request(&context).err();
            let error = error.unwrap_or_else(|| ExtractError::new("the next page could not be requested"));
            return Err(stop(shared, number, None, &error));
        };
        let Fetched {
            request,
            mut attempts,
            mut response,
        } = fetched?;
        loop {
            let (sender, known) = oneshot::channel::<Wanted>();
            let task = Arc::clone(shared);
            let (scope, place) = (context.clone(), Arc::clone(&partition));
            let decoding = async {
                let decoding = move || decode(&task, walk, response, &scope, &place, sender);
                let decoded = shared.threads.run(decoding).await;
                let mut decoded = decoded.map_err(|error| failed(format!("a page could not be taken: {error}")))?;
                if let Decoded::Page(page) = &mut decoded {
                    // At once: the next page may be long in coming, and what is here is not to be lost meanwhile.
                    let progress = page.walk.progress().clone();
                    let outcome = std::mem::take(&mut page.outcome);
                    hand_over(shared, &partition, &progress, outcome).await?;
                }
                Ok(decoded)
            };
            let following = async {
                if let Ok(wanted) = known.await {
                    ahead.follow(wanted);
                }
            };
            let (decoded, ()) = tokio::join!(decoding, following);
            match decoded? {
                Decoded::Page(page) => {
                    if let Some(error) = page.failure {
                        return Err(stop(shared, number, Some(&request), &error));
                    }
                    if !page.has_next {
                        return Ok(());
                    }
                    walk = page.walk;
                    break;
                }
                Decoded::Again(same, answer, reason) => {
                    let reason = reason.to_string();
                    let wait = shared.fetcher.wait_to_retry(
                        &shared.plan.name,
                        &request,
                        &reason,
                        Some(&answer),
                        &attempts,
                        &shared.traffic,
                    );
                    wait.await.map_err(fetch_failed)?;
                    ahead.forget_failures();
                    walk = same;
                    response = fetch(shared, &request, &mut attempts).await?;
                }
                Decoded::Failed(number, error) => return Err(stop(shared, number, Some(&request), &error)),
            }
        }
    }
}

/// The requests to have under way when the walk stands where it does. `page_records` is what the last page had.
fn wanted(
    shared: &Shared,
    walk: &Walk,
    context: &minijinja::Value,
    page_records: Option<usize>,
) -> Result<Wanted, ExtractError> {
    let mut wanted = vec![(walk.progress().position.clone(), walk.request(context)?)];
    let mut most = shared.fetcher.limits.concurrency.saturating_sub(1);
    if stops_early(shared) || shared.fetcher.http.is_exact() {
        most = 0;
    }
    if let Some(remaining) = &shared.remaining {
        // No more pages than the user's limit of records leaves room for.
        let remaining = usize::try_from(remaining.load(Ordering::Relaxed)).unwrap_or(0);
        let pages = page_records.map_or(1, |records| remaining.saturating_sub(records).div_ceil(records.max(1)));
        most = most.min(pages.saturating_sub(1));
    }
    wanted.extend(walk.requests_ahead(context, most));
    Ok(wanted)
}

/// Whether the order of records can end the walk: then no page is asked for before the one before it is looked at.
fn stops_early(shared: &Shared) -> bool {
    let incremental = shared.plan.incremental.as_ref();
    incremental.is_some_and(IncrementalPlan::stops_early)
}

pub(super) async fn fetch(shared: &Shared, request: &Request, attempts: &mut Attempts) -> Result<Response, Stopped> {
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

/// Decodes, selects, changes and normalises a page. The requests for the next ones leave as soon as they are known.
fn decode(
    shared: &Shared,
    mut walk: Walk,
    response: Response,
    context: &minijinja::Value,
    partition: &str,
    next_requests: oneshot::Sender<Wanted>,
) -> Decoded {
    let number = walk.progress().pages + 1;
    let answer = walk.receive(&response, &shared.fetcher.limits, context);
    let page = match answer {
        Ok(Answer::Page(page)) => page,
        Ok(Answer::Retry(reason)) => return Decoded::Again(walk, response, reason),
        Err(error) => return Decoded::Failed(number, error),
    };
    let record_count = page.records.len();
    let is_over = shared.remaining.as_ref().is_some_and(|remaining| {
        remaining.load(Ordering::Relaxed) <= record_count as i64 && shared.plan.steps.is_empty()
    });
    let mut wants_next = page.has_next && !is_over;
    let mut next_requests = Some(next_requests);
    let mut ask = |walk: &Walk, wants_next: bool| {
        let Some(sender) = next_requests.take() else { return };
        // Without a next page, what was sent ahead is not wanted any more.
        let requests = if wants_next {
            wanted(shared, walk, context, Some(record_count)).unwrap_or_default()
        } else {
            Vec::new()
        };
        let _ = sender.send(requests);
    };
    if !stops_early(shared) {
        ask(&walk, wants_next);
    }
    shared.counts.pages.fetch_add(1, Ordering::Relaxed);
    if page.ignored {
        shared.counts.ignored.fetch_add(1, Ordering::Relaxed);
    }
    shared.counts.nulls.fetch_add(page.nulls, Ordering::Relaxed);
    for note in &page.notes {
        let text = shared.fetcher.redactor.redact(note);
        if !shared.is_new(&text) {
            continue;
        }
        shared.fetcher.reporter.report(Event::Note {
            resource: Arc::clone(&shared.plan.name),
            text,
        });
    }
    let taken = match walk.process(partition, page.records) {
        Ok(taken) => taken,
        Err(error) => return Decoded::Failed(number, error),
    };
    wants_next &= !taken.is_beyond;
    ask(&walk, wants_next);
    let outcome = match normalise(shared, partition, walk.progress(), number, taken) {
        Ok(outcome) => outcome,
        Err(error) => return Decoded::Failed(number, error),
    };
    let has_next = wants_next && !shared.is_full();
    Decoded::Page(PageDone {
        walk,
        outcome,
        has_next,
        failure: page.failure,
    })
}
