//! The task of one resource: it walks its partitions, and hands rows to the writer and records to the children.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use restload_model::Value;
use restload_model::batch::Batch;
use restload_model::checkpoint::Checkpoint;
use restload_model::normalizer::names::Names;
use restload_model::normalizer::{NormalizePlan, Normalizer};
use restload_model::row_id;
use restload_source::extraction::{Answer, ExtractError, Progress, Walk, parent_fields, process};
use restload_source::plan::{ParentLink, RecordSource, ResourcePlan, partition_context};
use restload_source::request::{Request, Response};
use restload_source::template::Context;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{JoinSet, spawn_blocking};

use crate::fetch::{Attempts, FetchError, Fetcher, Traffic};
use crate::report::{Event, ResourceReport, ResourceStatus};
use crate::writing::{BUDGET_KIB, Message, PageRows};

/// A partition that a parent's record gives rise to.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub(crate) partition: Arc<str>,
    pub(crate) progress: Progress,
}

/// The way to a child resource.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) resource: Arc<str>,
    pub(crate) link: ParentLink,
    pub(crate) partitions: mpsc::Sender<Spawned>,
    /// Whether its partitions are stored, so that they survive a crash.
    pub(crate) is_resumable: bool,
}

/// What a resource's task shares with the threads that decode its pages.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) plan: Arc<ResourcePlan>,
    pub(crate) fetcher: Arc<Fetcher>,
    pub(crate) context: Context,
    pub(crate) normalize_plan: Arc<NormalizePlan>,
    pub(crate) names: Arc<Names>,
    /// Normalizers that are not in use; they remember the records' shape.
    pub(crate) normalizers: Mutex<Vec<Normalizer>>,
    pub(crate) writer: mpsc::UnboundedSender<Message>,
    pub(crate) budget: Arc<Semaphore>,
    pub(crate) children: Vec<Child>,
    pub(crate) is_resumable: bool,
    /// Pages that an interrupted load has stored already; they are read again for the children's sake only.
    pub(crate) pages_to_skip: u64,
    /// Records that may still come, where the user has set a limit.
    pub(crate) remaining: Option<AtomicI64>,
    pub(crate) traffic: Traffic,
    pub(crate) counts: Counts,
}

/// What a resource has come to so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pages: AtomicU64,
    records: AtomicU64,
    ignored: AtomicU64,
    rejected: AtomicU64,
}

/// How a partition ended, short of its end.
#[derive(Debug, Clone)]
enum Stopped {
    /// The user has asked for it, or the writer is gone.
    Cancelled,
    Failed {
        error: String,
        help: Option<String>,
    },
}

/// The rows and partitions that records have become.
#[derive(Default)]
struct Outcome {
    /// None for a resource that is only read for its children.
    batch: Option<Batch>,
    /// By the place of the child in [`Shared::children`].
    spawned: Vec<(usize, Vec<Spawned>)>,
    rejected: u64,
}

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

impl Shared {
    /// Whether the user's limit of records is reached.
    fn is_full(&self) -> bool {
        self.remaining
            .as_ref()
            .is_some_and(|remaining| remaining.load(Ordering::Relaxed) <= 0)
    }
}

/// Loads the resource. `stored` are the partitions that an interrupted load has left.
pub(crate) async fn load(
    shared: Arc<Shared>,
    stored: Vec<Spawned>,
    input: Option<mpsc::Receiver<Spawned>>,
) -> ResourceReport {
    shared.fetcher.reporter.report(Event::Started {
        resource: Arc::clone(&shared.plan.name),
    });
    let result = match (&shared.plan.source, input) {
        (RecordSource::Given(_), _) => {
            let is_done = stored
                .iter()
                .any(|root| root.partition.is_empty() && root.progress.done);
            if is_done { Ok(()) } else { load_given(&shared).await }
        }
        (_, None) => {
            let root = stored.into_iter().find(|spawned| spawned.partition.is_empty());
            let progress = root.map_or_else(|| Progress::start(None), |root| root.progress);
            if progress.done {
                Ok(())
            } else {
                walk_partition(&shared, Arc::from(""), progress).await
            }
        }
        (_, Some(input)) => load_partitions(&shared, stored, input).await,
    };
    let (status, error, help) = match result {
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
        rejected: load(&shared.counts.rejected),
        error,
        help,
    }
}

/// Records from the config: one page, without a request.
async fn load_given(shared: &Arc<Shared>) -> Result<(), Stopped> {
    let task = Arc::clone(shared);
    let page = spawn_blocking(move || {
        let RecordSource::Given(given) = &task.plan.source else {
            return Err(ExtractError::new("no records"));
        };
        let records = given.iter().cloned().map(Value::from).collect();
        let records = process(&task.plan, None, records)?;
        Ok(normalise(&task, "", 1, records))
    })
    .await
    .map_err(|error| failed(error.to_string()))?;
    let outcome = page.map_err(|error| failed(error.to_string()))?;
    let progress = Progress {
        pages: 1,
        done: true,
        ..Progress::start(None)
    };
    hand_over(shared, &Arc::from(""), &progress, outcome).await
}

/// The partitions that the parent's records give rise to, as many at a time as the client allows.
async fn load_partitions(
    shared: &Arc<Shared>,
    stored: Vec<Spawned>,
    mut input: mpsc::Receiver<Spawned>,
) -> Result<(), Stopped> {
    let mut walks: JoinSet<Result<(), Stopped>> = JoinSet::new();
    let mut outcome = Ok(());
    let mut waiting: std::collections::VecDeque<Spawned> = stored.into();
    let mut open = true;
    let most = shared.fetcher.limits.concurrency;
    loop {
        let has_room = walks.len() < most && outcome.is_ok();
        if has_room && let Some(next) = waiting.pop_front() {
            let shared = Arc::clone(shared);
            walks.spawn(async move { walk_partition(&shared, next.partition, next.progress).await });
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

/// One partition, page by page. While a page is normalised the next one is being fetched.
async fn walk_partition(shared: &Arc<Shared>, partition: Arc<str>, progress: Progress) -> Result<(), Stopped> {
    if shared.is_full() {
        return Ok(());
    }
    let parent = shared.plan.parent.as_ref().zip(progress.parent.as_ref());
    let context = partition_context(
        &shared.context,
        parent.map(|(link, record)| (link.resource.as_str(), record)),
    );
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
        FetchError::Failed(error) => Stopped::Failed { error, help: None },
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
    let outcome = normalise(shared, partition, walk.progress().pages, records);
    let has_next = wants_next && !shared.is_full();
    Decoded::Page(PageDone {
        walk,
        outcome,
        has_next,
    })
}

/// Gives records to the children and turns them into rows.
fn normalise(shared: &Shared, partition: &str, page: u64, mut records: Vec<Value<'_>>) -> Outcome {
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
        let fields = child.link.fields.as_ref();
        (
            index,
            records
                .iter()
                .map(|record| spawn_for(&parent_fields(record, fields)))
                .collect(),
        )
    });
    let spawned = spawned.collect();
    if !shared.plan.is_loaded || page <= shared.pages_to_skip {
        return Outcome {
            batch: None,
            spawned,
            rejected: 0,
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
    let rejected = batch.rejects.len() as u64;
    Outcome {
        batch: Some(batch),
        spawned,
        rejected,
    }
}

/// The partition for a parent's record, named by the fields that it is requested with.
fn spawn_for(parent: &serde_json::Value) -> Spawned {
    const LONGEST_NAME: usize = 120;
    let mut name = parent.to_string();
    if name.len() > LONGEST_NAME {
        name = row_id::of_text(&name);
    }
    Spawned {
        partition: name.into(),
        progress: Progress::start(Some(parent.clone())),
    }
}

/// Sends a page's rows to the writer and its partitions to the children, in this order: a child's rows never become
/// durable before the partition that they belong to is known.
async fn hand_over(
    shared: &Arc<Shared>,
    partition: &Arc<str>,
    progress: &Progress,
    outcome: Outcome,
) -> Result<(), Stopped> {
    let Outcome {
        mut batch,
        mut spawned,
        rejected,
    } = outcome;
    let tolerated = check_rejects(shared, rejected);
    if tolerated.is_err() {
        // The page stays to be loaded: a next run must not take it for done. Its rejects are kept, for their reasons.
        spawned.clear();
        if let Some(batch) = &mut batch {
            batch.tables.clear();
        }
    }
    let mut checkpoints = Vec::new();
    if tolerated.is_ok() && shared.is_resumable && progress.pages > shared.pages_to_skip {
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

fn failed(error: String) -> Stopped {
    Stopped::Failed { error, help: None }
}

/// An error with its place: the page, and the request that it came from.
fn stop(shared: &Shared, page: u64, request: Option<&Request>, error: &ExtractError) -> Stopped {
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
