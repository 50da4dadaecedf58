//! Asking for one page, and for a second one to try what the first suggests.

use std::sync::Arc;

use restload_model::Value;
use restload_source::discovery::{
    Candidate, Fields, Proposal, Second, Selection, candidates, compare_pages, compile_paginator, examine_records,
    object_map, select,
};
use restload_source::examination::{Finding, cursor, primary_key};
use restload_source::extraction::{
    Answer as Taking, ExtractError, Progress, Reading, Walk, process, read, take_records,
};
use restload_source::json_path::JsonPath;
use restload_source::paginators::{Page, Paginator, Position};
use restload_source::plan::{EndpointPlan, ResourcePlan};
use restload_source::request::{Request, Response};

use super::walk::{Place, windows_of};
use super::{Asker, Enough, Exchange, Failure, Stage};
use crate::fetch::{Attempts, Traffic};

/// Second pages that are asked for at most. It takes two to find out the number of the first one.
const MOST_TRIES: usize = 2;

/// What was found out of a resource.
#[derive(Debug)]
pub struct Discovery {
    /// The requests, those for parents among them.
    pub exchanges: Vec<Exchange>,
    /// Where the records are.
    pub selection: Selection,
    /// Whether that is what the config says.
    pub selector_is_configured: bool,
    /// How the pages follow each other.
    pub paging: Paging,
    /// What the records suggest.
    pub fields: Fields,
    /// How the primary key does that the config has.
    pub configured_key: Finding,
    /// How the cursor does that the config has.
    pub configured_cursor: Finding,
    /// Records that were looked at.
    pub record_count: usize,
}

/// What was found out about the pages of a resource.
#[derive(Debug)]
pub enum Paging {
    /// The config's own paginator, and how it did: a second page, or what was wrong.
    Configured(Result<String, String>),
    /// A paginator that has led to a second page.
    Found(Proposal),
    /// There is one page.
    Single(Proposal),
    /// Paginators that the answer speaks for, none of which has led to a second page, each with the reason.
    Unproven(Vec<(Proposal, String)>),
}

/// The first page of what is looked into.
struct First<'r> {
    request: &'r Request,
    response: &'r Response,
    progress: &'r Progress,
    records: Vec<Value<'static>>,
}

/// How a try went.
enum Try {
    /// It led to another page, with these records.
    Proven(Vec<Value<'static>>),
    /// It led to the first page again.
    Same,
    /// By it the first page is the last.
    Last,
    /// It led to a page without records, which is how many a paginator ends.
    Empty,
    /// It led nowhere, for this reason.
    Failed(String),
}

impl Asker {
    /// Asks for a page of the last resource of the plan, with the first records of its parents, and tries the paginators
    /// that it speaks for.
    pub async fn discover(&mut self) -> Result<Discovery, (Vec<Exchange>, Failure)> {
        let mut exchanges = Vec::new();
        let found = self.look_into(&mut exchanges).await;
        self.settle().await;
        match found {
            Ok(found) => Ok(Discovery { exchanges, ..found }),
            Err(failure) => Err((exchanges, failure)),
        }
    }

    async fn look_into(&mut self, exchanges: &mut Vec<Exchange>) -> Result<Discovery, Failure> {
        let progress = self.first_progress(exchanges).await?;
        let place = self.resources.len() - 1;
        let plan = Arc::clone(&self.resources[place]);
        let Some(endpoint) = plan.endpoint() else {
            return Err(unasked("its records are given in the config"));
        };
        let unmade = |error: ExtractError| self.failure(Stage::Request, &error);
        let context = plan.scope(&self.context, &progress).map_err(unmade)?;
        let request = plan
            .request(&Position::Start, &context)
            .map_err(|error| unmade(error.into()))?;
        let response = self
            .first_answer(&plan, endpoint, &request, &context, exchanges)
            .await?;
        let mut body = match read(&plan, endpoint, &response, &self.fetcher.limits, &context) {
            Ok(Reading::Body { body, .. }) => body,
            Ok(_) => {
                return Err(unasked(
                    "the answer has no page: it is empty, or a response action leaves it out",
                ));
            }
            Err(error) => return Err(self.failure(stage_of(&response), &error)),
        };
        let (mut selection, selector_is_configured) = selection(endpoint, &body);
        if !plan.steps.is_empty() {
            // The config has steps of its own, which may well be this one.
            selection.map = None;
        }
        let selector = JsonPath::parse(selection.selector.value.as_str().unwrap_or("$"));
        let selector = selector.map_err(|error| self.failure(Stage::Content, &ExtractError::new(error)))?;
        let records = take_records(&selector, &mut body.clone());
        if let Some(exchange) = exchanges.last_mut() {
            exchange.records = Some(records.len() as u64);
        }
        let is_auto = matches!(endpoint.paginator, Paginator::Auto);
        let containers = selector.containers();
        let page = Page {
            url: &response.url,
            headers: &response.headers,
            body: &body,
            containers: &containers,
            record_count: records.len(),
            last_record: records.last(),
            is_record: selector.as_str() == "$" && matches!(body, Value::Object(_)),
            known_end: None,
            position: &Position::Start,
        };
        let has_json_body = request.body.is_some()
            && request
                .headers
                .get("content-type")
                .is_some_and(|kind| kind == "application/json");
        let to_try = if is_auto {
            candidates(&page, endpoint, has_json_body)
        } else {
            Vec::new()
        };
        let records: Vec<Value<'static>> = records.into_iter().map(Value::into_owned).collect();
        body = Value::Null;
        drop(body);
        drop(plan);
        let first = First {
            request: &request,
            response: &response,
            progress: &progress,
            records,
        };
        let (paging, second) = if is_auto {
            self.try_all(to_try, &selector, &first, exchanges).await
        } else {
            self.try_configured(&selector, &first, exchanges).await
        };
        if let Some(map) = &selection.map
            && let Some(plan) = self.resources.last_mut().and_then(Arc::get_mut)
        {
            plan.try_step(&map.value);
        }
        let plan = &self.resources[place];
        let all: Vec<Value<'static>> = first.records.into_iter().chain(second).collect();
        let all = process(plan, &progress, all).map_err(|error| self.failure(Stage::Records, &error))?;
        Ok(Discovery {
            exchanges: Vec::new(),
            selection,
            selector_is_configured,
            paging,
            fields: examine_records(plan, &all),
            configured_key: primary_key(plan, &all),
            configured_cursor: cursor(plan, &all),
            record_count: all.len(),
        })
    }

    /// Where the first page is asked for: with the first record of the parents, in the first window.
    async fn first_progress(&self, exchanges: &mut Vec<Exchange>) -> Result<Progress, Failure> {
        let (Some(plan), parents) = (self.resources.last(), &self.resources[..self.resources.len() - 1]) else {
            return Err(unasked("the plan has no resources"));
        };
        let enough = Enough {
            records: 1,
            pages: u64::MAX,
            partitions: 1,
            any_cursor: true,
        };
        let mut all = Vec::new();
        for parent in parents {
            let asked = match self.partitions(parent, &all, enough.partitions) {
                Ok((partitions, _)) => self.ask_for(parent, partitions, enough).await,
                Err(asked) => *asked,
            };
            exchanges.extend(asked.exchanges.iter().cloned());
            if let Some(failure) = asked.failure {
                return Err(failure);
            }
            all.push(asked);
        }
        let (mut partitions, _) = self
            .partitions(plan, &all, enough.partitions)
            .map_err(|asked| unasked(&asked.not_asked.unwrap_or_default()))?;
        let windows = windows_of(plan, partitions.remove(0));
        let (mut windows, _) = windows.map_err(|error| self.failure(Stage::Request, &error))?;
        if windows.is_empty() {
            return Err(unasked("its range has no windows"));
        }
        Ok(windows.remove(0))
    }

    /// The first page's answer, asked for once more where that is right.
    async fn first_answer(
        &self,
        plan: &Arc<ResourcePlan>,
        endpoint: &EndpointPlan,
        request: &Request,
        context: &minijinja::Value,
        exchanges: &mut Vec<Exchange>,
    ) -> Result<Response, Failure> {
        let traffic = Traffic::default();
        let mut attempts = Attempts::new(true);
        loop {
            let place = Place {
                partition: String::new(),
                page: 1,
            };
            let mut answer = self.send(plan, request, place, &mut attempts, &traffic).await;
            let failed = match &answer.response {
                Err(failure) => Some(failure.clone()),
                Ok(response) => match read(plan, endpoint, response, &self.fetcher.limits, context) {
                    Ok(Reading::Retry(reason)) => {
                        let failure = self.failure(Stage::Status(response.status), &reason);
                        answer.exchange.error = Some(failure.error.clone());
                        exchanges.push(answer.exchange);
                        self.wait(plan, request, response, failure, &attempts, &traffic).await?;
                        continue;
                    }
                    Ok(_) => None,
                    Err(error) => Some(self.failure(stage_of(response), &error)),
                },
            };
            answer.exchange.error = failed.as_ref().map(|failure| failure.error.clone());
            exchanges.push(answer.exchange);
            return match failed {
                Some(failure) => Err(failure),
                None => answer.response,
            };
        }
    }

    /// Tries what the first page speaks for, until something has led to a second one.
    async fn try_all(
        &mut self,
        to_try: Vec<Candidate>,
        selector: &JsonPath,
        first: &First<'_>,
        exchanges: &mut Vec<Exchange>,
    ) -> (Paging, Vec<Value<'static>>) {
        if to_try.is_empty() {
            if first.records.is_empty() {
                return (Paging::Unproven(Vec::new()), Vec::new());
            }
            return (single("nothing in the answer tells of further pages"), Vec::new());
        }
        let mut unproven = Vec::new();
        let mut made = 0;
        for candidate in &to_try {
            if made == MOST_TRIES {
                unproven.push((
                    proposal(candidate, &candidate.config, ""),
                    "it was not tried".to_owned(),
                ));
                continue;
            }
            made += 1;
            let mut config = candidate.config.clone();
            let mut tried = self.try_one(&config, selector, first, exchanges).await;
            let mut more = if candidate.base_is_open {
                "; page 1 is another one than the page that is given without a number, which is page 0"
            } else {
                ""
            };
            if let (true, Try::Same) = (candidate.base_is_open, &tried)
                && made < MOST_TRIES
            {
                made += 1;
                config["base_page"] = 1.into();
                tried = self.try_one(&config, selector, first, exchanges).await;
                more = "; page 1 is the page that is given without a number, and page 2 is another one";
            }
            match tried {
                Try::Proven(records) => return (Paging::Found(proposal(candidate, &config, more)), records),
                Try::Same | Try::Failed(_) | Try::Last | Try::Empty if candidate.is_a_try => {}
                Try::Same => unproven.push((
                    proposal(candidate, &config, ""),
                    "the second page has the records of the first".to_owned(),
                )),
                Try::Last => unproven.push((
                    proposal(candidate, &config, ""),
                    "by it the first page is the last".to_owned(),
                )),
                Try::Empty => unproven.push((
                    proposal(candidate, &config, ""),
                    "the second page has no records".to_owned(),
                )),
                Try::Failed(reason) => unproven.push((proposal(candidate, &config, ""), reason)),
            }
        }
        if unproven.is_empty() {
            return (
                single("nothing in the answer tells of further pages, and a parameter `page` leads to no other"),
                Vec::new(),
            );
        }
        (Paging::Unproven(unproven), Vec::new())
    }

    async fn try_one(
        &mut self,
        config: &serde_json::Value,
        selector: &JsonPath,
        first: &First<'_>,
        exchanges: &mut Vec<Exchange>,
    ) -> Try {
        let paginator = match compile_paginator(config) {
            Ok(paginator) => paginator,
            Err(reason) => return Try::Failed(reason),
        };
        match self.resources.last_mut().and_then(Arc::get_mut) {
            Some(plan) => plan.try_out(selector.clone(), paginator),
            None => return Try::Failed("the resource is in use".to_owned()),
        }
        self.second_page(first, exchanges).await
    }

    async fn try_configured(
        &mut self,
        selector: &JsonPath,
        first: &First<'_>,
        exchanges: &mut Vec<Exchange>,
    ) -> (Paging, Vec<Value<'static>>) {
        match self.resources.last_mut().and_then(Arc::get_mut) {
            Some(plan) => plan.try_selector(selector.clone()),
            None => return (Paging::Configured(Err("the resource is in use".to_owned())), Vec::new()),
        }
        match self.second_page(first, exchanges).await {
            Try::Proven(records) => {
                let seen = "the second page has other records than the first".to_owned();
                (Paging::Configured(Ok(seen)), records)
            }
            Try::Same => {
                let seen = "the second page has the records of the first".to_owned();
                (Paging::Configured(Err(seen)), Vec::new())
            }
            Try::Last => (
                Paging::Configured(Ok("the first page is the last".to_owned())),
                Vec::new(),
            ),
            Try::Empty => {
                let seen = "the second page has no records, so the first one is all there is".to_owned();
                (Paging::Configured(Ok(seen)), Vec::new())
            }
            Try::Failed(reason) => (Paging::Configured(Err(reason)), Vec::new()),
        }
    }

    /// Walks from the first page to the second as a run would, and compares them.
    async fn second_page(&self, first: &First<'_>, exchanges: &mut Vec<Exchange>) -> Try {
        let Some(plan) = self.resources.last() else {
            return Try::Failed("there is no resource".to_owned());
        };
        let reason = |error: &ExtractError| Try::Failed(self.redactor().redact(&error.to_string()));
        let context = match plan.scope(&self.context, first.progress) {
            Ok(context) => context,
            Err(error) => return reason(&error),
        };
        let mut walk = Walk::new(Arc::clone(plan), first.progress.clone());
        let has_next = match walk.receive(first.response, &self.fetcher.limits, &context) {
            Ok(Taking::Page(page)) => match page.failure {
                Some(error) => return reason(&error),
                None => page.has_next,
            },
            Ok(Taking::Retry(error)) | Err(error) => return reason(&error),
        };
        if !has_next {
            return Try::Last;
        }
        let request = match walk.request(&context) {
            Ok(request) => request,
            Err(error) => return reason(&error),
        };
        if request.url == first.request.url
            && request.body == first.request.body
            && request.headers == first.request.headers
        {
            return Try::Same;
        }
        let place = Place {
            partition: String::new(),
            page: 2,
        };
        let mut attempts = Attempts::new(true);
        let mut answer = self
            .send(plan, &request, place, &mut attempts, &Traffic::default())
            .await;
        let tried = match &answer.response {
            Err(failure) => Try::Failed(failure.error.clone()),
            Ok(response) => match walk.receive(response, &self.fetcher.limits, &context) {
                Ok(Taking::Page(page)) => {
                    answer.exchange.records = Some(page.records.len() as u64);
                    match compare_pages(&first.records, &page.records) {
                        Second::Differs => Try::Proven(page.records.into_iter().map(Value::into_owned).collect()),
                        Second::Same => Try::Same,
                        Second::Overlaps(again) => {
                            Try::Failed(format!("{again} records of the second page are on the first, too"))
                        }
                        Second::Empty => Try::Empty,
                    }
                }
                Ok(Taking::Retry(error)) | Err(error) => {
                    let failed = self.failure(Stage::Content, &error);
                    answer.exchange.error = Some(failed.error.clone());
                    // A page like the one before is what the walk itself refuses.
                    if response.body == first.response.body {
                        Try::Same
                    } else {
                        Try::Failed(failed.error)
                    }
                }
            },
        };
        exchanges.push(answer.exchange);
        tried
    }
}

/// Where the records are: where the config says, if there is anything; else where the answer's shape says.
fn selection(endpoint: &EndpointPlan, body: &Value<'_>) -> (Selection, bool) {
    let found = select(body);
    let Some(configured) = &endpoint.selector else {
        return (found, false);
    };
    let path = configured.as_str();
    if configured.all(body).is_empty() {
        let evidence = format!(
            "{}; `{path}`, which the config has, matches nothing",
            found.selector.evidence
        );
        let selector = Proposal {
            evidence,
            ..found.selector
        };
        return (Selection { selector, ..found }, false);
    }
    let selector = Proposal {
        value: path.into(),
        evidence: "as the config has it; it matches".to_owned(),
    };
    let map = match configured.all(body).as_slice() {
        [only] => object_map(only, &format!("`{path}`")),
        _ => None,
    };
    let selection = Selection {
        selector,
        others: Vec::new(),
        map,
    };
    (selection, true)
}

fn proposal(candidate: &Candidate, config: &serde_json::Value, more: &str) -> Proposal {
    Proposal {
        value: config.clone(),
        evidence: format!("{}{more}", candidate.evidence),
    }
}

fn single(evidence: &str) -> Paging {
    Paging::Single(Proposal {
        value: "single_page".into(),
        evidence: evidence.to_owned(),
    })
}

fn unasked(reason: &str) -> Failure {
    Failure {
        stage: Stage::Request,
        error: format!("there is nothing to look at: {reason}"),
        help: None,
    }
}

fn stage_of(response: &Response) -> Stage {
    if response.status >= 300 {
        Stage::Status(response.status)
    } else {
        Stage::Content
    }
}
