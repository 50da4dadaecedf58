//! The walk of one partition through its pages, as a state machine: a request goes out, a response comes in.
//!
//! Nothing here waits or sends. The walk's state is a [`Progress`], which is data: stored as a checkpoint and read back
//! it goes on exactly where it was, so it can be tested at every cut point without a socket.

mod loop_guard;
mod partitions;
mod processing;
mod reading;
mod selecting;

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use minijinja::Value as Computed;
use restload_model::Value;
use serde::{Deserialize, Serialize};

use crate::incremental::{CursorProgress, Slice, Taken, Windows};
use crate::json_path::JsonPath;
use crate::paginators::{self, Page, PaginateError, Paginator, Position, Repetition, Step};
use crate::parent_fields::{MissingField, Parents};
use crate::plan::{DraftError, EndpointPlan, Limits, ResourcePlan};
use crate::request::{Request, Response};

pub use partitions::{fill_in_missing, paired, partitions_for, settle_missing};
pub use processing::process;
pub use reading::{Reading, read};
pub use selecting::{USUAL_NAMES, take_records};

pub(crate) use reading::status_text;
pub(crate) use selecting::{FoundList, collect_lists, describe};

use loop_guard::LoopGuard;
use selecting::{Picked, find_records, pick};

/// How far a partition has come. The page that it names is the next one to be requested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The next page.
    pub position: Position,
    /// Pages received before it.
    pub pages: u64,
    /// The fields of its parents' records that the partition is requested with.
    #[serde(default, skip_serializing_if = "Parents::is_empty")]
    pub parents: Parents,
    /// The same of each of several records that are requested together; there are no others then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batch: Vec<Parents>,
    /// Whether the cursor that it starts from belongs to another partition, whose requests are the same: this one moves
    /// none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shares_cursor: bool,
    /// The fields that the parents' records do not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingField>,
    /// The position at which nothing is any more, where a page has told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<i64>,
    /// Whether the records of the page at the position are stored already, and only what follows it is still to be
    /// found out: a page whose next one could not be told is loaded all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_stored: bool,
    /// What that page has named as the next one, though the walk had been there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated: Option<Position>,
    /// Whether there is no next page: the partition is loaded, while the load that it belongs to goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
    /// The range that is loaded, and the furthest value seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<CursorProgress>,
    /// The windows that the partition is walked in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<Windows>,
    /// The window that this is the walk of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<Slice>,
}

impl Progress {
    /// Before the first page.
    pub fn start(parents: Parents) -> Self {
        Self {
            position: Position::Start,
            pages: 0,
            parents,
            batch: Vec::new(),
            shares_cursor: false,
            missing: Vec::new(),
            end: None,
            is_stored: false,
            repeated: None,
            done: false,
            cursor: None,
            windows: None,
            slice: None,
        }
    }

    /// Pages whose records are loaded.
    pub fn pages_loaded(&self) -> u64 {
        self.pages + u64::from(self.is_stored)
    }

    /// The partition that a window belongs to; any other is its own.
    pub fn whole<'p>(&self, partition: &'p str) -> &'p str {
        let slice = self.slice.as_ref();
        slice
            .and_then(|slice| partition.strip_suffix(&slice.suffix()))
            .unwrap_or(partition)
    }
}

/// One partition on its way.
#[derive(Debug)]
pub struct Walk {
    plan: Arc<ResourcePlan>,
    progress: Progress,
    guard: LoopGuard,
    last_page: Option<u64>,
    /// Pages skipped one after the other.
    skipped: u64,
    /// Whether the page before had records, but fewer than asked for.
    was_short: bool,
}

/// Pages skipped one after the other, after which none is expected to be any better.
const MOST_SKIPPED: u64 = 100;

/// What to do with an answer.
#[derive(Debug)]
pub enum Answer<'b> {
    /// Its records are taken. The walk stands at the next page, or is over.
    Page(Records<'b>),
    /// The same request is to be sent again, as the limits allow.
    Retry(ExtractError),
}

/// The records of a page.
#[derive(Debug)]
pub struct Records<'b> {
    /// As selected, without those that are null; steps are still to be applied.
    pub records: Vec<Value<'b>>,
    /// How many were null, and are left out: they are no records, and would be rows that hold nothing.
    pub nulls: u64,
    /// Whether another page follows.
    pub has_next: bool,
    /// What was found out and should be said once: a paginator or a selector that the config does not name.
    pub notes: Vec<String>,
    /// Whether a response action ignored the answer.
    pub ignored: bool,
    /// Why what follows could not be told. The records are good, and the walk ends after them.
    pub failure: Option<ExtractError>,
}

/// Why a partition cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExtractError {
    message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl ExtractError {
    /// An error with its message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
        }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl From<PaginateError> for ExtractError {
    fn from(error: PaginateError) -> Self {
        Self {
            message: error.to_string(),
            help: error.help,
        }
    }
}

impl From<DraftError> for ExtractError {
    fn from(error: DraftError) -> Self {
        Self::new(format!("the request cannot be made: {error}"))
    }
}

impl Walk {
    /// A walk from where a partition stands.
    pub fn new(plan: Arc<ResourcePlan>, progress: Progress) -> Self {
        let guard = LoopGuard::new(&progress);
        Self {
            plan,
            progress,
            guard,
            last_page: None,
            skipped: 0,
            was_short: false,
        }
    }

    /// Where the walk stands.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The request for the next page.
    pub fn request(&self, context: &Computed) -> Result<Request, ExtractError> {
        Ok(self.plan.request(&self.progress.position, context)?)
    }

    /// The requests that are certain to come after that, not more than `most`: where the number of pages is known and
    /// nothing is changed by asking. They may be sent ahead; what they answer is to be taken in their order.
    pub fn requests_ahead(&self, context: &Computed, most: usize) -> Vec<(Position, Request)> {
        let Some(endpoint) = self.plan.endpoint().filter(|endpoint| !endpoint.has_side_effects) else {
            return Vec::new();
        };
        let left = endpoint
            .max_pages
            .map(|max| max.saturating_sub(self.progress.pages + 1));
        let most = left.map_or(most, |left| most.min(usize::try_from(left).unwrap_or(usize::MAX)));
        let positions = endpoint
            .paginator
            .upcoming(&self.progress.position, self.progress.end, most);
        let requests = positions.into_iter().map_while(|position| {
            let request = self.plan.request(&position, context).ok()?;
            Some((position, request))
        });
        requests.collect()
    }

    /// Takes an answer to [`request`](Self::request). The walk moves on when its page is taken.
    pub fn receive<'b>(
        &mut self,
        response: &'b Response,
        limits: &Limits,
        context: &Computed,
    ) -> Result<Answer<'b>, ExtractError> {
        let plan = Arc::clone(&self.plan);
        let Some(endpoint) = plan.endpoint() else {
            return Err(ExtractError::new("there is nothing to request"));
        };
        match read(&plan, endpoint, response, limits, context)? {
            Reading::Retry(reason) => Ok(Answer::Retry(reason)),
            Reading::Skipped => self.skip_page(endpoint, response),
            Reading::Ended { ignored } => Ok(self.end_without_records(ignored)),
            Reading::Body { body, is_last, notes } => self
                .take_page(endpoint, response, body, is_last, notes)
                .map(Answer::Page),
        }
    }

    fn take_page<'b>(
        &mut self,
        endpoint: &EndpointPlan,
        response: &Response,
        mut body: Value<'b>,
        is_last: bool,
        mut notes: Vec<String>,
    ) -> Result<Records<'b>, ExtractError> {
        let selector = match endpoint.selector.as_ref().or_else(|| self.plan.found_selector.get()) {
            Some(selector) => Some(selector.clone()),
            None => find_records(&body)?,
        };
        if endpoint.selector.is_none()
            && self.plan.found_selector.get().is_none()
            && let Some(selector) = &selector
        {
            if selector.as_str() != "$" {
                notes.push(format!(
                    "its records are at `{}`; write `data_selector: {}`",
                    selector.as_str(),
                    JsonPath::in_yaml(selector.as_str())
                ));
            }
            let _ = self.plan.found_selector.set(selector.clone());
        }
        let picked = match &selector {
            Some(selector) => pick(selector, &body, endpoint, &mut notes)?,
            None => Picked::default(),
        };
        let is_whole = selector.as_ref().is_some_and(|selector| selector.as_str() == "$");
        let containers = selector.as_ref().map(JsonPath::containers).unwrap_or_default();
        let page = Page {
            url: &response.url,
            headers: &response.headers,
            body: &body,
            containers: &containers,
            record_count: picked.count,
            last_record: picked.last,
            is_record: is_whole && matches!(body, Value::Object(_)),
            known_end: self.progress.end,
            position: &self.progress.position,
        };
        let record_count = picked.count;
        let end = endpoint.paginator.end(&page);
        let step = if is_last {
            Ok(Step::Done)
        } else {
            endpoint.paginator.next(&page).map_err(ExtractError::from)
        };
        if matches!(endpoint.paginator, Paginator::Auto)
            && matches!(step, Ok(Step::Next(_)))
            && self.progress.pages == 0
            && let Some(paginator) = paginators::explain_auto(&page)
        {
            notes.push(format!("it has further pages; write `{paginator}`"));
        }
        if matches!(step, Ok(Step::Done)) {
            notes.extend(endpoint.paginator.doubt(&page));
        }
        if endpoint.paginator.counts() && record_count > 0 {
            let repetition = endpoint.paginator.repetition(&self.progress.position, end);
            notes.extend(self.check_repeated_page(repetition, response)?);
        }
        notes.extend(self.note_gap(endpoint, record_count));
        let is_stored = self.progress.is_stored;
        self.progress.end = end;
        self.skipped = 0;
        let (has_next, failure) = match step.and_then(|step| self.move_on(endpoint, step, &mut notes)) {
            Ok(has_next) => (has_next, None),
            Err(error) => {
                self.progress.is_stored = true;
                (false, Some(error))
            }
        };
        let mut records = match selector {
            Some(selector) if !is_stored => take_records(&selector, &mut body),
            _ => Vec::new(),
        };
        let picked = records.len();
        records.retain(|record| !record.is_null());
        Ok(Records {
            nulls: (picked - records.len()) as u64,
            records,
            has_next,
            notes,
            ignored: false,
            failure,
        })
    }

    /// Says once when a page was smaller than asked for and yet not the last: an API that grants fewer records than the
    /// limit, while the offset moves on by it, leaves records out.
    fn note_gap(&mut self, endpoint: &EndpointPlan, record_count: usize) -> Option<String> {
        let limit = endpoint.paginator.step()?;
        let is_gap = self.was_short && record_count > 0 && self.progress.pages == 1;
        self.was_short = record_count > 0 && (record_count as i64) < limit;
        is_gap.then(|| {
            format!(
                "its first page has fewer records than `limit: {limit}` and is not the last; if the API grants no more, \
                 records are left out: set `limit` to what it grants"
            )
        })
    }

    /// A server that does not know the page parameter answers every request alike, and would for ever; where a total
    /// bounds the walk, pages alike may be what there is.
    fn check_repeated_page(
        &mut self,
        repetition: Repetition,
        response: &Response,
    ) -> Result<Option<String>, ExtractError> {
        const ADVICE: &str = "the API seems to ignore the paginator's parameter; check its name";
        let mut hasher = DefaultHasher::new();
        hasher.write(&response.body);
        let page = hasher.finish();
        if self.last_page.replace(page) != Some(page) {
            return Ok(None);
        }
        let repeats = format!("{} is the same as the page before it", self.progress.position);
        match repetition {
            Repetition::Bounded => Ok(Some(format!("{repeats}: if more of its pages are, {ADVICE}"))),
            Repetition::WrongBase => Err(ExtractError::new(repeats).with_help(format!(
                "if the API counts its pages from 1, write `base_page: 1`; else {ADVICE}"
            ))),
            Repetition::Endless => {
                let error = format!("{repeats}, so the same page would be fetched forever");
                Err(ExtractError::new(error).with_help(ADVICE))
            }
        }
    }

    /// Goes to the next page, if there is one and it may be had.
    fn move_on(&mut self, endpoint: &EndpointPlan, step: Step, notes: &mut Vec<String>) -> Result<bool, ExtractError> {
        if let Step::Next(position) = &step
            && self.guard.has_seen(position)
        {
            self.progress.repeated = Some(position.clone());
            return Err(
                ExtractError::new(format!("{position} repeats, so the same page would be fetched forever"))
                    .with_help("the API does not say where the pages end; check the paginator"),
            );
        }
        self.progress.pages += 1;
        self.progress.is_stored = false;
        self.progress.repeated = None;
        let max_pages = endpoint.max_pages.unwrap_or(u64::MAX);
        let has_next = match step {
            Step::Next(_) if self.progress.pages >= max_pages => {
                notes.push(format!("more pages follow, which `max_pages: {max_pages}` leaves out"));
                false
            }
            Step::Next(position) => {
                self.progress.position = position;
                true
            }
            Step::Done => false,
        };
        self.progress.done = !has_next;
        Ok(has_next)
    }

    fn end_without_records<'b>(&mut self, ignored: bool) -> Answer<'b> {
        self.progress.pages += 1;
        self.progress.done = true;
        Answer::Page(Records {
            records: Vec::new(),
            nulls: 0,
            has_next: false,
            notes: Vec::new(),
            ignored,
            failure: None,
        })
    }

    fn skip_page<'b>(&mut self, endpoint: &EndpointPlan, response: &Response) -> Result<Answer<'b>, ExtractError> {
        let page = Page {
            url: &response.url,
            headers: &response.headers,
            body: &Value::Null,
            containers: &[],
            record_count: 0,
            last_record: None,
            is_record: false,
            known_end: self.progress.end,
            position: &self.progress.position,
        };
        let step = endpoint.paginator.skip(&page);
        self.skipped += 1;
        if self.skipped >= MOST_SKIPPED && matches!(step, Step::Next(_)) {
            return Err(ExtractError::new(format!(
                "{MOST_SKIPPED} pages in a row were skipped, and nothing tells where they end"
            ))
            .with_help("skip fewer answers, or set a maximum in the paginator"));
        }
        let mut notes = Vec::new();
        let has_next = self.move_on(endpoint, step, &mut notes)?;
        Ok(Answer::Page(Records {
            records: Vec::new(),
            nulls: 0,
            has_next,
            notes,
            ignored: true,
            failure: None,
        }))
    }

    /// Adds the parent's fields to the records of a page, puts them through the steps, and takes those in the range
    /// that is loaded. When their order says that nothing follows, the walk is over.
    pub fn process<'b>(&mut self, partition: &str, records: Vec<Value<'b>>) -> Result<Taken<'b>, ExtractError> {
        let records = process(&self.plan, &self.progress, records)?;
        let Some((incremental, cursor)) = self.plan.incremental.as_ref().zip(self.progress.cursor.as_mut()) else {
            return Ok(Taken::all(records));
        };
        let slice = self.progress.slice.as_ref();
        let whole = slice.and_then(|slice| partition.strip_suffix(&slice.suffix()));
        let taken = incremental.take(cursor, slice, whole.unwrap_or(partition), records)?;
        self.progress.done |= taken.is_beyond;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests;
