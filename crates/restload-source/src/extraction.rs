//! The walk of one partition through its pages, as a state machine: a request goes out, a response comes in.
//!
//! Nothing here waits or sends. The walk's state is a [`Progress`], which is data: stored as a checkpoint and read back
//! it goes on exactly where it was, so it can be tested at every cut point without a socket.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use minijinja::Value as Computed;
use restload_model::Value;
use restload_model::diagnostics::did_you_mean;
use restload_model::value::Object;
use serde::{Deserialize, Serialize};

use crate::decoders::decode_json;
use crate::json_path::JsonPath;
use crate::paginators::{self, Page, Paginator, Position, Step};
use crate::parent_fields::{MissingField, Parents};
use crate::plan::{DraftError, EndpointPlan, Limits, MissingFieldPolicy, ParentLink, RecordSource, ResourcePlan};
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
    /// The fields that the parents' records do not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingField>,
    /// Whether there is no next page: the partition is loaded, while the load that it belongs to goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
}

impl Progress {
    /// Before the first page.
    pub fn start(parents: Parents) -> Self {
        Self {
            position: Position::Start,
            pages: 0,
            parents,
            missing: Vec::new(),
            done: false,
        }
    }
}

/// One partition on its way.
#[derive(Debug)]
pub struct Walk {
    plan: Arc<ResourcePlan>,
    progress: Progress,
    guard: LoopGuard,
    last_page: Option<u64>,
}

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
    /// As selected; steps are still to be applied.
    pub records: Vec<Value<'b>>,
    /// Whether another page follows.
    pub has_next: bool,
    /// What was found out and should be said once: a paginator or a selector that the config does not name.
    pub notes: Vec<String>,
    /// Whether a response action ignored the answer.
    pub ignored: bool,
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

    fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
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
        let guard = LoopGuard::new(progress.position.clone());
        Self {
            plan,
            progress,
            guard,
            last_page: None,
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

    /// Takes an answer to [`request`](Self::request). The walk moves on when its page is taken.
    pub fn receive<'b>(
        &mut self,
        response: &'b Response,
        limits: &Limits,
        context: &Computed,
    ) -> Result<Answer<'b>, ExtractError> {
        let plan = Arc::clone(&self.plan);
        let RecordSource::Endpoint(endpoint) = &plan.source else {
            return Err(ExtractError::new("there is nothing to request"));
        };
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
            Some(Action::Retry) => return Ok(Answer::Retry(bad_status(response))),
            Some(Action::Ignore) => return Ok(self.end_without_records(true)),
            Some(Action::SkipPage) => return self.skip_page(endpoint, response),
            Some(Action::Stop | Action::Fail) | None => {}
        }
        if action.is_none() {
            if limits.retries(response.status) && !endpoint.has_side_effects {
                return Ok(Answer::Retry(bad_status(response)));
            }
            if response.status >= 300 {
                return Err(bad_status(response));
            }
            if response.status == 204 {
                return Ok(self.end_without_records(false));
            }
        }
        let body = decoded.map_err(|error| not_json(response, &error.to_string()))?;
        self.take_page(endpoint, response, body, action == Some(Action::Stop))
            .map(Answer::Page)
    }

    fn take_page<'b>(
        &mut self,
        endpoint: &EndpointPlan,
        response: &Response,
        mut body: Value<'b>,
        is_last: bool,
    ) -> Result<Records<'b>, ExtractError> {
        let mut notes = Vec::new();
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
                    "its records are at `{0}`; write `data_selector: {0}`",
                    selector.as_str()
                ));
            }
            let _ = self.plan.found_selector.set(selector.clone());
        }
        let record_count = match &selector {
            Some(selector) => count_records(selector, &body, endpoint)?,
            None => 0,
        };
        let page = Page {
            url: &response.url,
            headers: &response.headers,
            body: &body,
            record_count,
            position: &self.progress.position,
        };
        let step = if is_last {
            Step::Done
        } else {
            endpoint
                .paginator
                .next(&page)
                .map_err(|error| ExtractError::new(error.to_string()))?
        };
        if matches!(endpoint.paginator, Paginator::Auto)
            && let Step::Next(position) = &step
            && self.progress.pages == 0
            && let Some(paginator) = paginators::explain_auto(position, &response.headers)
        {
            notes.push(format!("it has further pages; write `{paginator}`"));
        }
        let has_next = matches!(step, Step::Next(_));
        if endpoint.paginator.counts() && record_count > 0 {
            self.refuse_repeated_page(response)?;
        }
        self.move_on(step)?;
        let records = selector.map_or_else(Vec::new, |selector| take_records(&selector, &mut body));
        self.progress.done = !has_next;
        Ok(Records {
            records,
            has_next,
            notes,
            ignored: false,
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

    fn move_on(&mut self, step: Step) -> Result<(), ExtractError> {
        self.progress.pages += 1;
        if let Step::Next(position) = step {
            if self.guard.has_seen(&position) {
                return Err(ExtractError::new(format!(
                    "{position} repeats, so the same page would be fetched forever"
                ))
                .with_help("the API does not say where the pages end; check the paginator"));
            }
            self.progress.position = position;
        }
        Ok(())
    }

    fn end_without_records<'b>(&mut self, ignored: bool) -> Answer<'b> {
        self.progress.pages += 1;
        self.progress.done = true;
        Answer::Page(Records {
            records: Vec::new(),
            has_next: false,
            notes: Vec::new(),
            ignored,
        })
    }

    fn skip_page<'b>(&mut self, endpoint: &EndpointPlan, response: &Response) -> Result<Answer<'b>, ExtractError> {
        // A counting paginator needs nothing of the page but that it was not empty.
        let page = Page {
            url: &response.url,
            headers: &response.headers,
            body: &Value::Null,
            record_count: 1,
            position: &self.progress.position,
        };
        let step = endpoint
            .paginator
            .next(&page)
            .map_err(|error| ExtractError::new(error.to_string()))?;
        let has_next = matches!(step, Step::Next(_));
        self.move_on(step)?;
        self.progress.done = !has_next;
        Ok(Answer::Page(Records {
            records: Vec::new(),
            has_next,
            notes: Vec::new(),
            ignored: true,
        }))
    }

    /// Adds the parent's fields to the records of a page and puts them through the steps.
    pub fn process<'b>(&self, records: Vec<Value<'b>>) -> Result<Vec<Value<'b>>, ExtractError> {
        process(&self.plan, &self.progress.parents, records)
    }
}

/// Adds the parents' fields to records and puts them through the resource's steps.
pub fn process<'b>(
    plan: &ResourcePlan,
    parents: &Parents,
    mut records: Vec<Value<'b>>,
) -> Result<Vec<Value<'b>>, ExtractError> {
    for link in &plan.parents {
        let Some(parent) = parents.get(&link.resource) else {
            continue;
        };
        for (field, name) in &link.included {
            // What is missing was dealt with before the request.
            let Some(value) = parent.get(field) else { continue };
            for record in &mut records {
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
    if plan.steps.is_empty() {
        return Ok(records);
    }
    steps::apply_all(&plan.steps, records).map_err(|error| ExtractError::new(error.to_string()))
}

/// Decides what becomes of a partition whose parents' records lack a field: whether it is requested, perhaps with a
/// value in the field's place, or left out.
pub fn settle_missing(plan: &ResourcePlan, progress: &mut Progress) -> Result<bool, ExtractError> {
    let Some(first) = progress.missing.first() else {
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

fn count_records(selector: &JsonPath, body: &Value<'_>, endpoint: &EndpointPlan) -> Result<usize, ExtractError> {
    let found = selector.all(body);
    match found.as_slice() {
        [] if endpoint.allow_missing_data => Ok(0),
        [] => Err(ExtractError::new(format!(
            "data_selector `{}` matches nothing in the answer, which {}",
            selector.as_str(),
            describe(body)
        ))
        .with_help("correct the selector, or set `allow_missing_data: true` if a page may lack it")),
        [Value::List(records)] => Ok(records.len()),
        [Value::Null] => Ok(0),
        several => Ok(several.len()),
    }
}

fn take_records<'b>(selector: &JsonPath, body: &mut Value<'b>) -> Vec<Value<'b>> {
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
const USUAL_NAMES: [&str; 11] = [
    "data", "items", "results", "entries", "records", "rows", "entities", "payload", "content", "objects", "values",
];

/// The records of an answer when the config does not say where they are: only where there is no doubt.
fn find_records(body: &Value<'_>) -> Result<Option<JsonPath>, ExtractError> {
    let whole = || JsonPath::parse("$").map_err(ExtractError::new);
    if !matches!(body, Value::Object(_)) {
        return whole().map(Some);
    }
    let mut lists = Vec::new();
    collect_lists(body, &mut Vec::new(), &mut lists);
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

struct FoundList {
    path: Vec<String>,
    holds_objects: bool,
    is_empty: bool,
}

impl FoundList {
    fn has_usual_name(&self) -> bool {
        self.path
            .last()
            .is_some_and(|name| USUAL_NAMES.contains(&name.as_str()))
    }

    fn selector(&self) -> Result<JsonPath, ExtractError> {
        let plain = |name: &String| {
            name.chars()
                .all(|character| character.is_ascii_alphanumeric() || character == '_')
        };
        let text = if self.path.iter().all(plain) {
            self.path.join(".")
        } else {
            let mut brackets = String::from("$");
            for name in &self.path {
                brackets.push('[');
                brackets.push_str(&serde_json::Value::from(name.as_str()).to_string());
                brackets.push(']');
            }
            brackets
        };
        JsonPath::parse(&text).map_err(ExtractError::new)
    }
}

/// Lists at most three levels down, through objects only, as dlt looks for them.
fn collect_lists(value: &Value<'_>, path: &mut Vec<String>, out: &mut Vec<FoundList>) {
    let Value::Object(members) = value else { return };
    for (key, member) in &members.0 {
        path.push(key.to_string());
        match member {
            Value::List(elements) => out.push(FoundList {
                path: path.clone(),
                holds_objects: elements.iter().any(|element| matches!(element, Value::Object(_))),
                is_empty: elements.is_empty(),
            }),
            Value::Object(_) if path.len() < 3 => collect_lists(member, path, out),
            _ => {}
        }
        path.pop();
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

/// Notices a walk that comes round to a page again, with constant memory (Brent's algorithm): one earlier position is
/// kept, and replaced at every power of two.
#[derive(Debug)]
struct LoopGuard {
    kept: Position,
    steps: u64,
    limit: u64,
}

impl LoopGuard {
    fn new(start: Position) -> Self {
        Self {
            kept: start,
            steps: 0,
            limit: 1,
        }
    }

    fn has_seen(&mut self, next: &Position) -> bool {
        if *next == self.kept {
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

#[cfg(test)]
mod tests;
