//! The walk of one partition through its pages, as a state machine: a request goes out, a response comes in.
//!
//! Nothing here waits or sends. The walk's state is a [`Progress`], which is data: stored as a checkpoint and read back
//! it goes on exactly where it was, so it can be tested at every cut point without a socket.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use minijinja::Value as Computed;
use restload_model::Value;
use restload_model::diagnostics::did_you_mean;
use restload_model::value::Object;
use serde::{Deserialize, Serialize};

use crate::decoders::decode_json;
use crate::incremental::{CursorProgress, Slice, Taken, Windows};
use crate::json_path::JsonPath;
use crate::paginators::{self, Page, PaginateError, Paginator, Position, Step};
use crate::parent_fields::{MissingField, Parents};
use crate::plan::graphql::{self, GraphqlPlan};
use crate::plan::{DraftError, EndpointPlan, Limits, MissingFieldPolicy, ParentLink, ResourcePlan};
use crate::request::{Request, Response};
use crate::response_actions::{Action, response_value};
use crate::steps;
use crate::template::to_value;

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
        let page = Page {
            url: &response.url,
            headers: &response.headers,
            body: &body,
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
            self.refuse_repeated_page(response)?;
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

    /// A server that does not know the page parameter answers every request alike, and would for ever.
    fn refuse_repeated_page(&mut self, response: &Response) -> Result<(), ExtractError> {
        let mut hasher = DefaultHasher::new();
        hasher.write(&response.body);
        let page = hasher.finish();
        if self.last_page.replace(page) == Some(page) {
            return Err(ExtractError::new(format!(
                "{} is the same as the page before it, so the same page would be fetched forever",
                self.progress.position
            ))
            .with_help("the API seems to ignore the paginator's parameter; check its name"));
        }
        Ok(())
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

/// What an answer is, before its records are looked for.
#[derive(Debug)]
pub enum Reading<'b> {
    /// The same request is to be sent again, as the limits allow.
    Retry(ExtractError),
    /// A response action passes the page over.
    Skipped,
    /// There is no page: no content, or a response action ignores the answer.
    Ended {
        /// Whether an action ignores it.
        ignored: bool,
    },
    /// A page.
    Body {
        /// The decoded answer.
        body: Value<'b>,
        /// Whether a response action makes it the last.
        is_last: bool,
        /// What is to be said once.
        notes: Vec<String>,
    },
}

/// Reads an answer by its status, the response actions and what it holds.
pub fn read<'b>(
    plan: &ResourcePlan,
    endpoint: &EndpointPlan,
    response: &'b Response,
    limits: &Limits,
    context: &Computed,
) -> Result<Reading<'b>, ExtractError> {
    let decoded = decode_json(&response.body, plan.exact_numbers);
    let action = endpoint
        .actions
        .iter()
        .find(|action| action.matches(response, decoded.as_ref().ok()));
    let action = match action {
        Some(action) if action.action == Action::Fail => {
            return Err(refusal(
                action.message.as_ref(),
                response,
                decoded.as_ref().ok(),
                context,
            ));
        }
        Some(action) => Some(action.action),
        None => None,
    };
    match action {
        Some(Action::Retry) => return Ok(Reading::Retry(bad_status(response))),
        Some(Action::Ignore) => return Ok(Reading::Ended { ignored: true }),
        Some(Action::SkipPage) => return Ok(Reading::Skipped),
        Some(Action::Stop | Action::Fail) | None => {}
    }
    let mut notes = Vec::new();
    if action.is_none() {
        if limits.retries(response.status) && !endpoint.has_side_effects {
            return Ok(Reading::Retry(bad_status(response)));
        }
        if response.status >= 300 {
            return Err(bad_status(response));
        }
        if let (Some(graphql), Ok(body)) = (&endpoint.graphql, &decoded) {
            notes.extend(graphql_errors(graphql, body)?);
        }
        if response.status == 204 {
            return Ok(Reading::Ended { ignored: false });
        }
    }
    let body = decoded.map_err(|error| not_json(response, &error.to_string()))?;
    let is_last = action == Some(Action::Stop);
    Ok(Reading::Body { body, is_last, notes })
}

/// Adds the parents' fields to records and puts them through the resource's steps.
pub fn process<'b>(
    plan: &ResourcePlan,
    progress: &Progress,
    mut records: Vec<Value<'b>>,
) -> Result<Vec<Value<'b>>, ExtractError> {
    let matched_by = plan.batch.as_ref().and_then(|batch| batch.matched_by.as_deref());
    match matched_by {
        Some(field) => records = include_matched(plan, field, &progress.batch, records),
        None => records
            .iter_mut()
            .for_each(|record| include(plan, &progress.parents, record)),
    }
    if plan.steps.is_empty() {
        return Ok(records);
    }
    steps::apply_all(&plan.steps, records).map_err(|error| ExtractError::new(error.to_string()).with_help(error.help))
}

/// Adds the fields of its parents' records to a record.
fn include(plan: &ResourcePlan, parents: &Parents, record: &mut Value<'_>) {
    for link in &plan.parents {
        let Some(parent) = parents.get(&link.resource) else {
            continue;
        };
        for (field, name) in &link.included {
            // What is missing was dealt with before the request.
            let Some(value) = parent.get(field) else { continue };
            if !matches!(record, Value::Object(_)) {
                let scalar = std::mem::take(record);
                *record = Value::Object(Object(vec![("value".into(), scalar)]));
            }
            if let Value::Object(members) = record {
                members.set(name.clone(), Value::from(value.clone()));
            }
        }
    }
}

/// The same for a request that was made for several records: a field of the answer's records tells whose each is. One
/// that is of several comes once for each, as it would in requests of their own.
fn include_matched<'b>(
    plan: &ResourcePlan,
    field: &str,
    members: &[Parents],
    records: Vec<Value<'b>>,
) -> Vec<Value<'b>> {
    let mut by_value: HashMap<String, Vec<&Parents>> = HashMap::new();
    for member in members {
        let requested = plan.requested(member);
        let value = requested.values().find_map(only_value);
        by_value.entry(value.unwrap_or_default()).or_default().push(member);
    }
    let nulls: Vec<String> = plan
        .parents
        .iter()
        .flat_map(|link| link.included.iter().map(|(_, name)| name.clone()))
        .collect();
    let mut taken = Vec::with_capacity(records.len());
    for mut record in records {
        let value = record.as_object().and_then(|members| members.get(field));
        let value = value.filter(|value| !value.is_null());
        let owners = value.and_then(|value| by_value.get(value.to_text().as_ref()));
        let Some((last, others)) = owners.and_then(|owners| owners.split_last()) else {
            if let Value::Object(members) = &mut record {
                for name in &nulls {
                    members.set(name.clone(), Value::Null);
                }
            }
            taken.push(record);
            continue;
        };
        for owner in others {
            let mut copy = record.clone();
            include(plan, owner, &mut copy);
            taken.push(copy);
        }
        include(plan, last, &mut record);
        taken.push(record);
    }
    taken
}

/// The one value that fields hold, however deep, as a text.
fn only_value(fields: &serde_json::Value) -> Option<String> {
    match fields {
        serde_json::Value::Object(members) => members.values().find_map(only_value),
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Decides what becomes of a partition whose parents' records lack a field: whether it is requested, perhaps with a
/// value in the field's place, or left out.
pub fn settle_missing(plan: &ResourcePlan, progress: &mut Progress) -> Result<bool, ExtractError> {
    // What the request needs is told before what its records would only take along, as in dlt.
    let is_requested = |missing: &&MissingField| {
        let mut links = plan.parents.iter();
        links.any(|link| link.resource == missing.resource && link.requested.wants(&missing.field))
    };
    let mut missing = progress.missing.iter();
    let Some(first) = missing.clone().find(is_requested).or_else(|| missing.next()) else {
        return Ok(true);
    };
    match &plan.on_missing_parent_field {
        MissingFieldPolicy::Fail => Err(missing_field(first)),
        MissingFieldPolicy::Skip => Ok(false),
        MissingFieldPolicy::Default(value) => {
            for missing in std::mem::take(&mut progress.missing) {
                let fields = progress.parents.entry(missing.resource.clone()).or_default();
                missing.fill_in(fields, value);
            }
            Ok(true)
        }
    }
}

/// Why a partition cannot be requested: a parent's record lacks a field.
fn missing_field(missing: &MissingField) -> ExtractError {
    let error = ExtractError::new(missing.to_string());
    if missing.is_null {
        return error;
    }
    match did_you_mean(missing.name(), missing.there.iter().map(String::as_str)) {
        Some(near) => error.with_help(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// The partitions of a child that a record gives rise to. `around` are the fields that the record's own partition has of
/// its parents' records.
pub fn partitions_for(child: &[ParentLink], resource: &str, record: &Value<'_>, around: &Parents) -> Vec<Progress> {
    let mut partitions = vec![Progress::start(Parents::new())];
    for link in child {
        let ways = if link.resource == resource {
            link.fields.take(resource, record)
        } else if let Some(carried) = around.get(&link.resource) {
            link.fields.take(&link.resource, &Value::from(carried.clone()))
        } else {
            continue;
        };
        let mut extended = Vec::with_capacity(partitions.len() * ways.len());
        for partition in &partitions {
            for way in &ways {
                let mut partition = partition.clone();
                let fields = way.fields.clone().unwrap_or_default();
                partition.parents.insert(link.resource.clone(), fields);
                partition.missing.extend(way.missing.iter().cloned());
                extended.push(partition);
            }
        }
        partitions = extended;
    }
    partitions
}

/// The partition for records of two parents; none when they come from different records of a common ancestor.
pub fn paired(one: &Progress, other: &Progress) -> Option<Progress> {
    let mut pair = one.clone();
    for (resource, fields) in &other.parents {
        let known = pair.parents.entry(resource.clone()).or_insert_with(|| fields.clone());
        if known != fields {
            return None;
        }
    }
    pair.missing.extend(other.missing.iter().cloned());
    Some(pair)
}

/// What a selector picks.
#[derive(Default)]
struct Picked<'v, 'b> {
    count: usize,
    last: Option<&'v Value<'b>>,
}

fn pick<'v, 'b>(
    selector: &JsonPath,
    body: &'v Value<'b>,
    endpoint: &EndpointPlan,
    notes: &mut Vec<String>,
) -> Result<Picked<'v, 'b>, ExtractError> {
    let found = selector.all(body);
    match found.as_slice() {
        [] if endpoint.allow_missing_data => Ok(Picked::default()),
        [] => Err(ExtractError::new(format!(
            "data_selector `{}` matches nothing in the answer, which {}",
            selector.as_str(),
            describe(body)
        ))
        .with_help("correct the selector, or set `allow_missing_data: true` if a page may lack it")),
        [Value::List(records)] => Ok(Picked {
            count: records.len(),
            last: records.last(),
        }),
        [Value::Null] => {
            if selector.as_str() != "$" {
                notes.push(format!("null at `{}` was taken for an empty page", selector.as_str()));
            }
            Ok(Picked::default())
        }
        several => Ok(Picked {
            count: several.len(),
            last: several.last().copied(),
        }),
    }
}

/// Takes the records that a selector picks out of an answer.
pub fn take_records<'b>(selector: &JsonPath, body: &mut Value<'b>) -> Vec<Value<'b>> {
    let mut found = selector.take(body);
    if found.len() == 1 {
        return match found.remove(0) {
            Value::List(records) => records,
            Value::Null => Vec::new(),
            record => vec![record],
        };
    }
    found
}

/// What a body is, in words that follow "the answer".
pub(crate) fn describe(body: &Value<'_>) -> String {
    match body {
        Value::Object(members) if members.0.is_empty() => "is an empty object".to_owned(),
        Value::Object(members) => {
            let mut keys: Vec<String> = members.0.iter().take(8).map(|(key, _)| format!("`{key}`")).collect();
            if members.0.len() > keys.len() {
                keys.push("…".to_owned());
            }
            format!("has the keys {}", keys.join(", "))
        }
        Value::List(elements) => match elements.len() {
            1 => "is a list of 1 element".to_owned(),
            count => format!("is a list of {count} elements"),
        },
        other => format!("is {}", other.kind()),
    }
}

/// Names that a list of records usually has.
pub const USUAL_NAMES: [&str; 11] = [
    "data", "items", "results", "entries", "records", "rows", "entities", "payload", "content", "objects", "values",
];

/// The records of an answer when the config does not say where they are: only where there is no doubt.
fn find_records(body: &Value<'_>) -> Result<Option<JsonPath>, ExtractError> {
    let whole = || JsonPath::parse("$").map_err(ExtractError::new);
    if !matches!(body, Value::Object(_)) {
        return whole().map(Some);
    }
    let mut lists = Vec::new();
    collect_lists(body, 3, &mut Vec::new(), &mut lists);
    let records: Vec<&FoundList> = lists.iter().filter(|list| list.holds_objects).collect();
    let usual: Vec<&&FoundList> = records.iter().filter(|list| list.has_usual_name()).collect();
    match (usual.as_slice(), records.as_slice(), lists.as_slice()) {
        ([only], _, _) => only.selector().map(Some),
        ([], [only], _) => only.selector().map(Some),
        ([], [], lists) => {
            // An empty list under a usual name is a page without records; other lists are fields of a single record.
            if lists.iter().any(|list| list.is_empty && list.has_usual_name())
                || (lists.len() > 1 && lists.iter().all(|list| list.is_empty))
            {
                return Ok(None);
            }
            whole().map(Some)
        }
        _ => {
            let names: Vec<String> = records
                .iter()
                .map(|list| format!("`{}`", list.path.join(".")))
                .collect();
            Err(
                ExtractError::new(format!("the answer has several lists of records: {}", names.join(", ")))
                    .with_help("name the one to load with `data_selector`"),
            )
        }
    }
}

pub(crate) struct FoundList {
    pub(crate) path: Vec<String>,
    pub(crate) holds_objects: bool,
    pub(crate) is_empty: bool,
}

impl FoundList {
    pub(crate) fn has_usual_name(&self) -> bool {
        self.path
            .last()
            .is_some_and(|name| USUAL_NAMES.contains(&name.as_str()))
    }

    fn selector(&self) -> Result<JsonPath, ExtractError> {
        let text = JsonPath::spell(&self.path);
        JsonPath::parse(&text).map_err(ExtractError::new)
    }
}

/// Lists at most so many levels down, through objects only: dlt looks for them on three.
pub(crate) fn collect_lists(value: &Value<'_>, deepest: usize, path: &mut Vec<String>, out: &mut Vec<FoundList>) {
    let Value::Object(members) = value else { return };
    for (key, member) in &members.0 {
        path.push(key.to_string());
        match member {
            Value::List(elements) => out.push(FoundList {
                path: path.clone(),
                holds_objects: elements.iter().any(|element| matches!(element, Value::Object(_))),
                is_empty: elements.is_empty(),
            }),
            Value::Object(_) if path.len() < deepest => collect_lists(member, deepest, path, out),
            _ => {}
        }
        path.pop();
    }
}

/// What is to be said of an answer whose data came along with errors; an error when it may not be taken.
fn graphql_errors(plan: &GraphqlPlan, body: &Value<'_>) -> Result<Option<String>, ExtractError> {
    match graphql::errors(body) {
        None => Ok(None),
        Some((errors, true)) if plan.allow_partial_data => {
            Ok(Some(format!("data was taken although errors came along: {errors}")))
        }
        Some((errors, has_data)) => {
            let error = ExtractError::new(format!("the API answered with GraphQL errors: {errors}"));
            Err(if has_data && !plan.allow_partial_data {
                error.with_help("data came along with them; `graphql.allow_partial_data: true` would take it")
            } else {
                error
            })
        }
    }
}

/// The message that the config gives for an answer, or the usual one.
fn refusal(
    message: Option<&crate::template::Template>,
    response: &Response,
    body: Option<&Value<'_>>,
    context: &Computed,
) -> ExtractError {
    let Some(template) = message else {
        return bad_status(response);
    };
    let mut roots = std::collections::BTreeMap::from([("response".to_owned(), response_value(response, body))]);
    for key in context.try_iter().into_iter().flatten() {
        roots.insert(key.to_string(), context.get_item(&key).unwrap_or_default());
    }
    match template.text(&to_computed(roots)) {
        Ok(text) => ExtractError::new(text),
        // A message that needs what this answer does not have must not hide the answer.
        Err(_) => bad_status(response),
    }
}

fn to_computed(roots: std::collections::BTreeMap<String, Computed>) -> Computed {
    if roots.is_empty() { to_value(()) } else { roots.into() }
}

/// An answer that is an error by its status.
fn bad_status(response: &Response) -> ExtractError {
    let message = format!("the API answered {}", status_text(response));
    if response.status == 304 {
        return ExtractError::new(format!("{message}, although nothing was asked for by its date or tag")).with_help(
            "if it means that there is nothing new: `response_actions: [{ status_code: 304, action: ignore }]`",
        );
    }
    if (300..400).contains(&response.status) {
        let target = response.header("location").unwrap_or("nowhere");
        return ExtractError::new(format!("{message}, a redirect to {target}, which is at another origin"))
            .with_help("credentials would go along; add the host to `client.trusted_hosts` or correct the URL");
    }
    let error = ExtractError::new(message);
    match response.status {
        401 | 403 => error.with_help("check the credentials that `auth` names, and what they may do"),
        404 => error.with_help("check `base_url` and `path`"),
        _ => error,
    }
}

/// A status with its name, and the beginning of the body unless it is a redirect.
pub(crate) fn status_text(response: &Response) -> String {
    let status = http::StatusCode::from_u16(response.status).ok();
    let reason = status.and_then(|status| status.canonical_reason()).unwrap_or("");
    let text = format!("{} {reason}", response.status).trim_end().to_owned();
    let excerpt = excerpt(response);
    if excerpt.is_empty() || (300..400).contains(&response.status) {
        text
    } else {
        format!("{text}: {excerpt}")
    }
}

fn not_json(response: &Response, reason: &str) -> ExtractError {
    let content_type = response.header("content-type").unwrap_or("no content type").to_owned();
    let excerpt = excerpt(response);
    let is_html = content_type.contains("html") || excerpt.starts_with('<');
    let what = if is_html {
        "the answer is a web page, not JSON".to_owned()
    } else {
        format!("the answer cannot be read: {reason}")
    };
    let shown = if excerpt.is_empty() {
        String::new()
    } else {
        format!(": {excerpt}")
    };
    let error = ExtractError::new(format!("{what} ({content_type}){shown}"));
    if is_html {
        error.with_help("check `base_url` and `path`; a proxy or a login page may be in between")
    } else {
        error
    }
}

/// The beginning of a body, on one line; of a web page its title.
fn excerpt(response: &Response) -> String {
    const LENGTH: usize = 200;
    let text = String::from_utf8_lossy(&response.body[..response.body.len().min(8_192)]);
    let title = || {
        let lower = text.to_ascii_lowercase();
        let start = lower.find("<title>")? + "<title>".len();
        let end = start + lower[start..].find("</title>")?;
        Some(text[start..end].to_owned())
    };
    let shown = title().map_or_else(|| text.to_string(), |title| format!("<title>{}</title>", title.trim()));
    let line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > LENGTH {
        line.chars().take(LENGTH).chain(['…']).collect()
    } else {
        line
    }
}

/// Notices a walk that comes round to a page again. So many positions are remembered by their hashes, and a circle
/// among them is seen before any page of it is loaded twice; after them one earlier position is kept, and replaced at
/// every power of two (Brent's algorithm), so that memory stays constant.
#[derive(Debug)]
struct LoopGuard {
    remembered: HashSet<u64>,
    kept: Position,
    steps: u64,
    limit: u64,
}

impl LoopGuard {
    const MOST_REMEMBERED: usize = 8_192;

    fn new(progress: &Progress) -> Self {
        let known = progress.repeated.iter().chain([&progress.position]);
        Self {
            remembered: known.map(hash_of).collect(),
            kept: progress.position.clone(),
            steps: 0,
            limit: 1,
        }
    }

    fn has_seen(&mut self, next: &Position) -> bool {
        if matches!(next, Position::Page(_) | Position::Offset(_)) {
            // A counter does not come round.
            return false;
        }
        if self.remembered.len() < Self::MOST_REMEMBERED {
            return !self.remembered.insert(hash_of(next));
        }
        if *next == self.kept || self.remembered.contains(&hash_of(next)) {
            return true;
        }
        self.steps += 1;
        if self.steps == self.limit {
            self.kept = next.clone();
            self.steps = 0;
            self.limit *= 2;
        }
        false
    }
}

fn hash_of(position: &Position) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(position.to_string().as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests;
