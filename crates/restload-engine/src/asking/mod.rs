//! Asking an API as a run does, and writing nothing: what `preview`, `check --connect` and `discover` are made of.
//!
//! A resource is walked page by page, one request after the other, with the requests, credentials, limits and response
//! actions of a run, until there is enough of it; no destination is opened. There are fewer tries than in a run: somebody
//! is waiting for the answer.

mod discovering;
mod exchange;
mod probe;
mod walk;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use restload_model::Value;
use restload_model::secret::Redactor;
use restload_source::extraction::{ExtractError, Progress, fill_in_missing, paired, partitions_for, process};
use restload_source::parent_fields::Parents;
use restload_source::plan::{Plan, RecordSource, ResourcePlan};
use restload_source::template::Context;
use tokio::sync::watch;

pub use self::discovering::{Discovery, Paging};
pub use self::exchange::{Exchange, Failure, Stage};
pub use self::probe::Probe;
pub use self::walk::Answer;

use crate::error::RunError;
use crate::exchanges::Exchanges;
use crate::fetch::Fetcher;
use crate::limiter::SharedLimits;
use crate::report::{Event, Reporter};

/// Tries of a request at most, the first included.
const MOST_ATTEMPTS: u32 = 2;
/// A server that wants a longer wait before the next try is not asked again: whoever is waiting can do that.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Windows of a partition that are looked at.
const MOST_WINDOWS: u64 = 3;
/// Pages without a record, one after the other, after which no further one is asked for.
const MOST_EMPTY_PAGES: u64 = 10;

/// What is particular to the asking.
pub struct AskerOptions {
    /// The folder that the files of a config are relative to.
    pub folder: PathBuf,
    /// Takes events as they happen.
    pub events: Arc<dyn Fn(Event) + Send + Sync>,
    /// Turns true when the user asks to stop.
    pub cancelled: watch::Receiver<bool>,
}

/// Asks for the resources of a plan.
#[derive(Debug)]
pub struct Asker {
    resources: Vec<Arc<ResourcePlan>>,
    fetcher: Arc<Fetcher>,
    context: Context,
}

/// How much of a resource is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enough {
    /// Records in all.
    pub records: u64,
    /// Pages of a partition.
    pub pages: u64,
    /// Partitions: records of the parent.
    pub partitions: usize,
    /// Whether records outside the range of an incremental load count, too.
    pub any_cursor: bool,
}

/// What came of asking for a resource.
#[derive(Debug, Default)]
pub struct Asked {
    /// The requests, in their order.
    pub exchanges: Vec<Exchange>,
    /// The pages that were taken.
    pub pages: Vec<Page>,
    /// What a run would say once, redacted.
    pub notes: Vec<String>,
    /// Why it did not go on.
    pub failure: Option<Failure>,
    /// Whether that was because the answer, which could be read, has no records where they were looked for.
    pub lacks_records: bool,
    /// Whether there is more than was asked for.
    pub has_more: bool,
    /// Why nothing was requested, where nothing was: in words that follow a colon.
    pub not_asked: Option<String>,
}

/// A page's records after the processing steps, as many as were wanted.
#[derive(Debug)]
pub struct Page {
    /// The fields of the parents' records that it was requested with.
    pub parents: Parents,
    /// The records.
    pub records: Vec<Value<'static>>,
}

impl Asked {
    /// The records of all pages.
    pub fn records(&self) -> impl Iterator<Item = &Value<'static>> {
        self.pages.iter().flat_map(|page| &page.records)
    }

    /// Lets go of all records but the first of each page.
    pub fn keep_first_records(&mut self, count: usize) {
        for page in &mut self.pages {
            page.records.truncate(count);
            page.records.shrink_to_fit();
        }
    }

    fn record_count(&self) -> u64 {
        self.pages.iter().map(|page| page.records.len() as u64).sum()
    }

    fn for_nothing(reason: String) -> Box<Self> {
        Box::new(Self {
            not_asked: Some(reason),
            ..Self::default()
        })
    }
}

impl Asker {
    /// An asker for the resources of a plan, which has asked for nothing yet.
    pub fn new(plan: Plan, options: AskerOptions) -> Result<Self, RunError> {
        let limiter = SharedLimits::of([&plan]).limiter(&plan);
        let mut limits = plan.limits;
        limits.max_attempts = limits.max_attempts.min(MOST_ATTEMPTS);
        let fetcher = Fetcher::new(
            (limits, plan.exchanges, plan.redactor),
            &Exchanges::Wire,
            limiter,
            &options.folder,
            Reporter(options.events),
            options.cancelled,
        );
        Ok(Self {
            resources: plan.resources.into_iter().map(Arc::new).collect(),
            fetcher: fetcher.map_err(RunError::Client)?,
            context: plan.context,
        })
    }

    /// The resources, parents before their children.
    pub fn resources(&self) -> &[Arc<ResourcePlan>] {
        &self.resources
    }

    /// Removes secrets from whatever is shown.
    pub fn redactor(&self) -> &Redactor {
        &self.fetcher.redactor
    }

    /// Waits for logins that nobody waits for any more.
    async fn settle(&self) {
        self.fetcher.authenticator.settle().await;
    }

    /// Asks for every resource until there is enough of it, children with the records of their parents. `look` sees what
    /// came of each, and may leave of its records what is not needed further.
    pub async fn ask(
        &self,
        enough: impl Fn(&ResourcePlan) -> Enough,
        mut look: impl FnMut(&ResourcePlan, &mut Asked),
    ) -> Vec<Asked> {
        let mut all: Vec<Asked> = Vec::with_capacity(self.resources.len());
        for plan in &self.resources {
            let mut asked = match self.partitions(plan, &all, enough(plan).partitions) {
                Ok((partitions, has_more)) => {
                    let mut asked = self.ask_for(plan, partitions, enough(plan)).await;
                    asked.has_more |= has_more;
                    asked
                }
                Err(asked) => *asked,
            };
            look(plan, &mut asked);
            all.push(asked);
        }
        self.settle().await;
        all
    }

    /// The partitions that the records of the parents give rise to, and whether there are more; or why there are none.
    pub(crate) fn partitions(
        &self,
        plan: &Arc<ResourcePlan>,
        parents: &[Asked],
        most: usize,
    ) -> Result<(Vec<Progress>, bool), Box<Asked>> {
        if let RecordSource::Given(records) = &plan.source {
            return Err(Box::new(self.given(plan, records)));
        }
        if plan.endpoint().is_some_and(|endpoint| endpoint.has_side_effects) {
            return Err(Asked::for_nothing(
                "its requests change something at the API (`allow_side_effects`)".to_owned(),
            ));
        }
        let mut all = vec![Progress::start(Parents::new())];
        let mut has_more = false;
        for link in plan.direct_parents() {
            let (of_parent, has_others) = self.partitions_of(plan, &link.resource, parents, most)?;
            let pairs = all
                .iter()
                .flat_map(|one| of_parent.iter().filter_map(|other| paired(one, other)));
            let mut pairs: Vec<Progress> = pairs.take(most.saturating_add(1)).collect();
            has_more |= has_others || pairs.len() > most;
            pairs.truncate(most);
            all = pairs;
        }
        if all.is_empty() {
            return Err(Asked::for_nothing(
                "the first records of its parents make no pair".to_owned(),
            ));
        }
        Ok((all, has_more))
    }

    /// What the records of one parent give rise to.
    fn partitions_of(
        &self,
        plan: &Arc<ResourcePlan>,
        parent: &str,
        parents: &[Asked],
        most: usize,
    ) -> Result<(Vec<Progress>, bool), Box<Asked>> {
        let known = self.resources.iter().zip(parents);
        let Some((parent, asked)) = known.into_iter().find(|(known, _)| *known.name == *parent) else {
            return Err(Asked::for_nothing(format!("`{parent}` was not asked for")));
        };
        let mut partitions: Vec<Progress> = Vec::new();
        for page in &asked.pages {
            for record in &page.records {
                for mut partition in partitions_for(&plan.parents, &parent.name, record, &page.parents) {
                    fill_in_missing(plan, &mut partition);
                    let is_new = partitions.iter().all(|known| known.parents != partition.parents);
                    if is_new && partitions.len() == most {
                        return Ok((partitions, true));
                    }
                    if is_new {
                        partitions.push(partition);
                    }
                }
            }
        }
        if !partitions.is_empty() {
            return Ok((partitions, asked.has_more));
        }
        Err(Asked::for_nothing(match (&asked.failure, &asked.not_asked) {
            (Some(_), _) => format!("`{}`, whose records it needs, failed", parent.name),
            (_, Some(_)) => format!("`{}`, whose records it needs, was not asked for", parent.name),
            _ => format!("there is no record of `{}` to ask for", parent.name),
        }))
    }

    /// Records from the config, which need no request.
    fn given(&self, plan: &Arc<ResourcePlan>, records: &[serde_json::Value]) -> Asked {
        let records = records.iter().cloned().map(Value::from).collect();
        match process(plan, &Progress::start(Parents::new()), records) {
            Ok(records) => Asked {
                pages: vec![Page {
                    parents: Parents::new(),
                    records,
                }],
                not_asked: Some("its records are given in the config".to_owned()),
                ..Asked::default()
            },
            Err(error) => Asked {
                failure: Some(self.failure(Stage::Records, &error)),
                ..Asked::default()
            },
        }
    }

    pub(crate) fn failure(&self, stage: Stage, error: &ExtractError) -> Failure {
        Failure {
            stage,
            error: self.redactor().redact(&error.to_string()),
            help: error.help.as_ref().map(|help| self.redactor().redact(help)),
        }
    }
}
