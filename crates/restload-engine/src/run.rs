//! One run of a plan.

use std::path::PathBuf;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use restload_destination::{Destination, DestinationError, LoadOutcome, LoadStatus, Refresh, Settle};
use restload_model::normalizer::NormalizePlan;
use restload_model::normalizer::names::Names;
use restload_model::schema::{Target, WriteDisposition};
use restload_replay::StoredState;
use restload_source::incremental::IncrementalPlan;
use restload_source::plan::{Plan, ResourcePlan, RunRange};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use crate::clock::Moment;
use crate::ending::Ending;
use crate::error::RunError;
use crate::exchanges::Exchanges;
use crate::family::ancestors;
use crate::fetch::{Fetcher, Traffic};
use crate::limiter::SharedLimits;
use crate::page_threads::PageThreads;
use crate::report::{Event, Outcome, Report, Reporter, ResourceReport, ResourceStatus, TableTotals};
use crate::resource::{
    self, Child, Counts, Cursors, Digests, Input, Left, Replayed, Resumption, Shared, Stored, Tables, Tracker,
};
use crate::writing::{Budget, Message, Totals, Writer};

/// Partitions that a parent may be ahead of its child.
const PARTITIONS_AHEAD: usize = 64;

/// What is particular to a run.
pub struct RunOptions {
    /// The load's id; the destination was opened with the same.
    pub load_id: String,
    /// Forget what is stored and load everything anew.
    pub full_refresh: bool,
    /// Drop or empty tables, and forget what is stored, before the first rows are written.
    pub refresh: Option<Refresh>,
    /// Records per resource at most.
    pub limit: Option<u64>,
    /// Limits that are shared with other runs; a plan that they do not know has its own.
    pub shared_limits: SharedLimits,
    /// The folder that the files of a config are relative to.
    pub folder: PathBuf,
    /// Where the answers come from.
    pub exchanges: Exchanges,
    /// Takes events as they happen.
    pub events: Arc<dyn Fn(Event) + Send + Sync>,
    /// Turns true when the user asks to stop.
    pub cancelled: watch::Receiver<bool>,
    /// Where resources are requested, decoded and normalised; what writes stays where the run was called.
    pub workers: Handle,
}

impl RunOptions {
    /// Whether the run is beside the course of things: a sample, or data of another time. What is stored of the resources
    /// stays as it is, for the next whole run.
    fn is_aside(&self) -> bool {
        self.limit.is_some() || self.exchanges.is_aside()
    }
}

/// Moves the records of a plan into a destination.
pub async fn run(mut plan: Plan, mut destination: Destination, options: RunOptions) -> Result<Report, RunError> {
    let started = Instant::now();
    options.exchanges.relax(&mut plan.limits);
    let limiter = match options.exchanges {
        // Others that run at the same time ask the API; this one does not.
        Exchanges::Replayed(_) => SharedLimits::default().limiter(&plan),
        _ => options.shared_limits.limiter(&plan),
    };
    let Plan {
        limits,
        resources,
        exchanges,
        context,
        redactor,
        range,
        ..
    } = plan;
    let reporter = Reporter(Arc::clone(&options.events));
    let fetcher = Fetcher::new(
        (limits, exchanges, redactor),
        &options.exchanges,
        limiter,
        &options.folder,
        reporter.clone(),
        options.cancelled.clone(),
    )
    .map_err(RunError::Client)?;
    let resources: Vec<Arc<ResourcePlan>> = resources.into_iter().map(Arc::new).collect();
    if let Some(mode) = options.refresh {
        let loaded = resources.iter().filter(|plan| plan.is_loaded);
        destination.start_over(mode, loaded.map(|plan| Arc::clone(&plan.name)));
    }
    let targets: Vec<Target> = resources.iter().map(|plan| target_of(plan)).collect();
    let resumptions: Vec<Resumption> = resources
        .iter()
        .map(|plan| resumption(plan, &resources, &options))
        .collect();
    if options.is_aside() {
        destination.limit();
    }
    for (plan, resumption) in resources.iter().zip(&resumptions) {
        if *resumption == Resumption::Restart {
            destination.restart(&plan.name);
        }
    }
    destination.prepare(targets, options.full_refresh).await?;
    begin_with(&mut destination, &resources, &options.exchanges).await?;
    let names = Arc::new(Names::new(destination.tables()));
    let scopes: Vec<Option<Arc<str>>> = resources
        .iter()
        .map(|plan| scope(plan, &range).map(Arc::from))
        .collect();
    let (messages, received) = mpsc::unbounded_channel();
    let mut left = Vec::with_capacity(resources.len());
    let mut known = Vec::with_capacity(resources.len());
    let mut cursors = Vec::with_capacity(resources.len());
    for ((plan, resumption), scope) in resources.iter().zip(&resumptions).zip(&scopes) {
        let found = Stored::read(&mut destination, &fetcher, plan, scope.as_deref(), *resumption).await?;
        if let Some(text) = found.note {
            let resource = Arc::clone(&plan.name);
            reporter.report(Event::Note { resource, text });
        }
        known.push(found.known);
        left.push(found.left);
        let restarts = *resumption == Resumption::Restart;
        let counts = !(starts_anew(plan) && (restarts || !plan.is_loaded));
        cursors.push(Cursors::new(
            plan,
            scope.clone(),
            &fetcher,
            &messages,
            found.root,
            counts,
        ));
    }

    let budget = Budget::new(destination.step_bytes());
    let mut writer = Writer {
        destination,
        names: Arc::clone(&names),
        reporter: reporter.clone(),
        recorder: match &options.exchanges {
            Exchanges::Recorded(recorder) => Some(Arc::clone(recorder)),
            Exchanges::Wire | Exchanges::Replayed(_) => None,
        },
        replacing: resources
            .iter()
            .filter(|plan| options.full_refresh || is_replaced(plan))
            .map(|plan| Arc::clone(&plan.name))
            .collect(),
        totals: Totals::default(),
    };
    let tasks = Tasks {
        fetcher: Arc::clone(&fetcher),
        names,
        messages,
        budget,
        threads: PageThreads::new(),
        options: &options,
        context,
        scopes: &scopes,
        cursors,
    };
    let (mut reports, written) = tokio::join!(tasks.run(&resources, &resumptions, left, known), writer.run(received));
    for report in &mut reports {
        report.rejected += writer.totals.refused.get(&report.resource).copied().unwrap_or(0);
    }
    fetcher.authenticator.settle().await;
    let outcome = outcome(&reports);
    // A limited run is a sample: what an interrupted load has left stays for the next whole one.
    let ending = (written.is_ok() && !options.is_aside()).then(|| {
        let of = (&*resources, &*scopes);
        Ending::new(of, &fetcher, |plan| keeps_cursors(plan, &options), &reports, outcome)
    });
    let requests = reports.iter().map(|report| report.requests).sum();
    let retries = reports.iter().map(|report| report.retries).sum();
    let status = match (&written, outcome) {
        (Err(_), _) | (Ok(()), Outcome::Failed) => LoadStatus::Failed,
        (Ok(()), Outcome::Interrupted) => LoadStatus::Interrupted,
        // The load has come to its end; its record names a failure.
        (Ok(()), Outcome::Completed | Outcome::Incomplete) => LoadStatus::Completed,
    };
    let error = match &written {
        Err(error) => Some(error.to_string()),
        Ok(()) => reports
            .iter()
            .find_map(|report| Some(format!("{}: {}", report.resource, report.first_error()?))),
    };
    let load = LoadOutcome {
        status,
        finished_at: Moment::now().micros(),
        requests,
        retries,
        error,
    };
    let settle = ending.as_ref().map(|ending| ending as &dyn Settle);
    let finished = writer.destination.finish(load, settle).await;
    // The first failure is the one to tell.
    written?;
    finished?;
    if let Some(ending) = ending {
        ending.tell(&mut reports);
    }
    sort_by_resource(&mut writer.totals.tables, &resources);
    Ok(Report {
        load_id: options.load_id,
        outcome,
        resources: reports,
        tables: writer.totals.tables,
        schema_changes: writer.totals.schema_changes,
        warnings: writer.totals.warnings,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

/// The way into a child's queue, which its parents share.
struct Inlet {
    sender: mpsc::Sender<Input>,
    known: Arc<Mutex<Digests>>,
}

/// What the resources' tasks are made with.
struct Tasks<'o> {
    fetcher: Arc<Fetcher>,
    names: Arc<Names>,
    messages: mpsc::UnboundedSender<Message>,
    budget: Budget,
    threads: PageThreads,
    options: &'o RunOptions,
    context: restload_source::template::Context,
    scopes: &'o [Option<Arc<str>>],
    cursors: Vec<Cursors>,
}

impl Tasks<'_> {
    /// Runs every resource to its end. The writer ends when this returns, because its last sender is gone.
    async fn run(
        self,
        resources: &[Arc<ResourcePlan>],
        resumptions: &[Resumption],
        left: Vec<Left>,
        known: Vec<Digests>,
    ) -> Vec<ResourceReport> {
        let mut inlets: Vec<Option<Inlet>> = Vec::with_capacity(resources.len());
        let mut inputs: Vec<Option<mpsc::Receiver<Input>>> = Vec::with_capacity(resources.len());
        for (plan, known) in resources.iter().zip(known) {
            let is_child = plan.direct_parents().next().is_some();
            let (inlet, input) = is_child
                .then(|| {
                    let (sender, receiver) = mpsc::channel(PARTITIONS_AHEAD);
                    let known = Arc::new(Mutex::new(known));
                    (Inlet { sender, known }, receiver)
                })
                .unzip();
            inlets.push(inlet);
            inputs.push(input);
        }
        let mut running = JoinSet::new();
        for ((index, plan), left) in resources.iter().enumerate().zip(left) {
            let mut children = Vec::new();
            for (child_index, child) in resources.iter().enumerate() {
                if child.direct_parents().any(|link| *link.resource == *plan.name)
                    && let Some(inlet) = &inlets[child_index]
                {
                    children.push(Child {
                        known: Arc::clone(&inlet.known),
                        resource: Arc::clone(&child.name),
                        plan: Arc::clone(child),
                        scope: self.scopes[child_index].clone(),
                        cursors: self.cursors[child_index].clone(),
                        links: child.parents.clone(),
                        partitions: inlet.sender.clone(),
                        is_resumable: resumptions[child_index] != Resumption::Restart,
                    });
                }
            }
            let is_replayed = resumptions[index] == Resumption::Replay;
            let limit = self.options.limit.filter(|_| plan.is_loaded);
            let shared = Arc::new(Shared {
                scope: self.scopes[index].clone(),
                cursors: self.cursors[index].clone(),
                keeps_cursors: keeps_cursors(plan, self.options),
                windows: Tracker::default(),
                order: Mutex::default(),
                window_permits: Arc::new(Semaphore::new(self.fetcher.limits.concurrency)),
                plan: Arc::clone(plan),
                fetcher: Arc::clone(&self.fetcher),
                context: self.context.clone(),
                tables: Tables::new(
                    NormalizePlan {
                        target: plan.target.clone(),
                        max_nesting: plan.max_nesting,
                        load_id: self.options.load_id.as_str().into(),
                    },
                    Arc::clone(&self.names),
                    tables_of_others(plan, resources),
                ),
                writer: self.messages.clone(),
                budget: self.budget.clone(),
                threads: self.threads.clone(),
                children,
                is_resumable: resumptions[index] != Resumption::Restart,
                replayed: Replayed::new(is_replayed),
                remembers_done: is_replayed || plan.pairs_parents(),
                remaining: limit.map(|limit| AtomicI64::new(i64::try_from(limit).unwrap_or(i64::MAX))),
                traffic: Traffic::default(),
                counts: Counts::default(),
                told: std::sync::Mutex::default(),
            });
            let input = inputs[index].take();
            let load = async move { (index, resource::load(shared, left, input).await) };
            running.spawn_on(load, &self.options.workers);
        }
        // A child's queue ends with the last of its parents.
        drop(inlets);
        self.gather(resources, running).await
    }

    async fn gather(
        self,
        resources: &[Arc<ResourcePlan>],
        mut running: JoinSet<(usize, ResourceReport)>,
    ) -> Vec<ResourceReport> {
        let mut reports: Vec<Option<ResourceReport>> = resources.iter().map(|_| None).collect();
        let mut told = vec![false; resources.len()];
        while let Some(ended) = running.join_next().await {
            // A task only ends without a report when it panicked; its resource is missing from the report then.
            if let Ok((index, report)) = ended {
                reports[index] = Some(report);
            }
            // Parents settle before their children, and a full refresh tells children before their parents.
            for index in (0..resources.len()).chain((0..resources.len()).rev()) {
                if !told[index] && settle(resources, &mut reports, index) && self.may_tell(resources, &told, index) {
                    told[index] = true;
                    let is_whole = self.is_whole(resources, &reports, index);
                    self.tell(&resources[index], reports[index].as_ref(), is_whole);
                }
            }
        }
        reports.into_iter().flatten().collect()
    }

    /// Whether a resource's end may be told now. A cursor that a full refresh moves takes effect after the children
    /// that depend on it, so that an interruption in between loses none of them.
    fn may_tell(&self, resources: &[Arc<ResourcePlan>], told: &[bool], index: usize) -> bool {
        if !self.options.full_refresh || resources[index].incremental.is_none() {
            return true;
        }
        let mut others = resources.iter().zip(told);
        others.all(|(other, told)| {
            *told
                || !ancestors(other, resources)
                    .iter()
                    .any(|above| above.name == resources[index].name)
        })
    }

    /// Whether a resource takes effect: a full refresh of an incremental one only with all that depends on it.
    fn is_whole(&self, resources: &[Arc<ResourcePlan>], reports: &[Option<ResourceReport>], index: usize) -> bool {
        if !self.options.full_refresh || resources[index].incremental.is_none() {
            return true;
        }
        resources.iter().zip(reports).all(|(other, report)| {
            let depends = ancestors(other, resources)
                .iter()
                .any(|above| above.name == resources[index].name);
            !depends
                || report
                    .as_ref()
                    .is_some_and(|report| report.status == ResourceStatus::Completed)
        })
    }

    fn tell(&self, plan: &ResourcePlan, report: Option<&ResourceReport>, is_whole: bool) {
        let Some(report) = report else { return };
        // What was not received for a failure must not be taken for gone.
        let merging = &plan.target.merging;
        let takes_absence_for_gone =
            merging.delete_missing || !merging.groups.is_empty() || plan.target.history().is_some();
        let is_complete = match report.status {
            ResourceStatus::Completed => true,
            ResourceStatus::Incomplete => !takes_absence_for_gone,
            ResourceStatus::Failed | ResourceStatus::Interrupted => false,
        };
        if is_complete && plan.is_loaded && is_whole {
            // The writer is gone only when the destination has failed, which is told elsewhere.
            let _ = self.messages.send(Message::Complete(Arc::clone(&plan.name)));
        }
        self.fetcher.reporter.report(Event::Finished {
            resource: Box::new(report.clone()),
        });
    }
}

/// Whether a resource's fate is known: its own end and its parents'. A child whose parent did not come to its end is
/// not complete either, however well its own partitions went.
fn settle(resources: &[Arc<ResourcePlan>], reports: &mut [Option<ResourceReport>], index: usize) -> bool {
    let mut parent_status = ResourceStatus::Completed;
    for link in resources[index].direct_parents() {
        let parent = resources.iter().position(|plan| *plan.name == *link.resource);
        match parent.map(|parent| reports[parent].as_ref().map(|report| report.status)) {
            Some(None) => return false,
            Some(Some(ResourceStatus::Completed | ResourceStatus::Incomplete)) | None => {}
            Some(Some(status)) => parent_status = status,
        }
    }
    let Some(report) = &mut reports[index] else {
        return false;
    };
    let has_ended = matches!(report.status, ResourceStatus::Completed | ResourceStatus::Incomplete);
    if has_ended && parent_status != ResourceStatus::Completed {
        report.status = ResourceStatus::Interrupted;
    }
    true
}

/// The root tables of other resources, as the config names them.
fn tables_of_others(plan: &ResourcePlan, resources: &[Arc<ResourcePlan>]) -> Vec<Arc<str>> {
    let others = resources.iter().filter(|other| other.name != plan.name);
    others.map(|other| Arc::clone(&other.target.table)).collect()
}

/// What the destination is told of a resource. One that is only read for its children has checkpoints and no rows, so
/// there is nothing to replace.
fn target_of(plan: &ResourcePlan) -> Target {
    let mut target = plan.target.clone();
    if !plan.is_loaded {
        target.write_disposition = WriteDisposition::Append;
    }
    target
}

/// How a resource goes on after an interruption.
fn resumption(plan: &ResourcePlan, all: &[Arc<ResourcePlan>], options: &RunOptions) -> Resumption {
    let replaces = is_replaced;
    if options.full_refresh || options.is_aside() || replaces(plan) {
        return Resumption::Restart;
    }
    let has_replaced_descendant = all
        .iter()
        .any(|other| replaces(other) && ancestors(other, all).iter().any(|ancestor| ancestor.name == plan.name));
    if !has_replaced_descendant {
        Resumption::Continue
    } else if plan.is_loaded && plan.target.write_disposition == WriteDisposition::Append {
        Resumption::Replay
    } else {
        Resumption::Restart
    }
}

/// Keeps what is stored of the resources with a recording, and takes it from there again.
async fn begin_with(
    destination: &mut Destination,
    resources: &[Arc<ResourcePlan>],
    exchanges: &Exchanges,
) -> Result<(), DestinationError> {
    match exchanges {
        Exchanges::Wire => {}
        Exchanges::Recorded(recorder) => {
            let mut stored = Vec::new();
            for plan in resources {
                stored.extend(destination.checkpoints(&plan.name).await?);
            }
            let state = stored.into_iter().filter_map(|checkpoint| {
                Some(StoredState {
                    resource: checkpoint.resource.to_string(),
                    partition: checkpoint.partition.to_string(),
                    position: checkpoint.position?,
                })
            });
            recorder.keep_state(state);
        }
        Exchanges::Replayed(replay) => {
            if let Some(state) = &replay.state {
                destination.take_up(state.iter().cloned());
            }
        }
    }
    Ok(())
}

/// Whether the rows of a resource are replaced by every load.
fn is_replaced(plan: &ResourcePlan) -> bool {
    plan.is_loaded && starts_anew(plan)
}

/// Whether a load moves the cursors of a resource: not a sample, not a range that is given, and not one that replaces
/// all rows every time.
fn keeps_cursors(plan: &ResourcePlan, options: &RunOptions) -> bool {
    let incremental = plan.incremental.as_ref();
    incremental.is_some_and(|incremental| !incremental.is_backfill()) && !options.is_aside() && !starts_anew(plan)
}

/// Whether what is incremental starts from the beginning in every load, also where it is only read, for its children: as
/// with dlt, what is to be replaced has no cursor.
fn starts_anew(plan: &ResourcePlan) -> bool {
    plan.target.write_disposition == WriteDisposition::Replace
}

/// What sets the stored partitions of this run apart from those of others: the range that is given. A resource that is
/// only read, for its children, has a cursor of its own: its rows are not stored up to there.
fn scope(plan: &ResourcePlan, range: &RunRange) -> Option<String> {
    let own = plan.incremental.as_ref().and_then(IncrementalPlan::scope);
    let range = range.is_given().then(|| {
        let shown = |bound: &Option<String>| bound.clone().unwrap_or_default();
        format!("@{}..{}", shown(&range.from), shown(&range.until))
    });
    let is_only_read = plan.incremental.is_some() && !plan.is_loaded;
    match (range.or(own), is_only_read) {
        (Some(range), false) => Some(range),
        (Some(range), true) => Some(format!("{range} only read")),
        (None, true) => Some("@only read".to_owned()),
        (None, false) => None,
    }
}

/// Puts tables in the order of their resources, however their pages came.
fn sort_by_resource(tables: &mut indexmap::IndexMap<String, TableTotals>, resources: &[Arc<ResourcePlan>]) {
    let place = |table: &str| {
        let is_of = |plan: &Arc<ResourcePlan>| {
            let rest = table.strip_prefix(&*plan.target.table);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("__"))
        };
        // Of two resources whose names begin alike, the longer name is the table's own.
        let own = resources.iter().enumerate().filter(|(_, plan)| is_of(plan));
        own.max_by_key(|(_, plan)| plan.target.table.len())
            .map_or(resources.len(), |(index, _)| index)
    };
    tables.sort_by(|left, _, right, _| place(left).cmp(&place(right)).then_with(|| left.cmp(right)));
}

fn outcome(reports: &[ResourceReport]) -> Outcome {
    let any = |status| reports.iter().any(|report| report.status == status);
    if any(ResourceStatus::Failed) {
        Outcome::Failed
    } else if any(ResourceStatus::Interrupted) {
        Outcome::Interrupted
    } else if any(ResourceStatus::Incomplete) {
        Outcome::Incomplete
    } else {
        Outcome::Completed
    }
}
