//! The walk through the pages of one resource, one request after the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use restload_model::Value;
use restload_source::extraction::{
    Answer as Taking, ExtractError, Progress, Reading, Records, Walk, process, read, settle_missing,
};
use restload_source::incremental::Taken;
use restload_source::plan::ResourcePlan;
use restload_source::request::{Request, Response};

use super::exchange::describe;
use super::{Asked, Asker, Enough, Exchange, Failure, LONGEST_WAIT, MOST_EMPTY_PAGES, MOST_WINDOWS, Page, Stage};
use crate::fetch::{Attempts, FetchError, Traffic, retry_after};

/// A request with what came of it.
pub struct Answer {
    /// What is told of it.
    pub exchange: Exchange,
    /// The answer, whatever its status, or why there is none.
    pub response: Result<Response, Failure>,
}

/// Where a request stands among those of its resource.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) partition: String,
    pub(super) page: u64,
}

/// Whether the walk through a partition has come upon enough.
enum Going {
    On,
    Enough,
}

impl Asker {
    pub(super) async fn ask_for(&self, plan: &Arc<ResourcePlan>, partitions: Vec<Progress>, enough: Enough) -> Asked {
        let mut asked = Asked::default();
        for partition in partitions {
            if asked.record_count() >= enough.records {
                asked.has_more = true;
                break;
            }
            let walked = match windows_of(plan, partition) {
                Ok((windows, has_more)) => {
                    asked.has_more |= has_more;
                    self.walk_all(plan, windows, enough, &mut asked).await
                }
                Err(error) => Err(self.failure(Stage::Request, &error)),
            };
            if let Err(failure) = walked {
                asked.failure = Some(failure);
                break;
            }
        }
        asked
    }

    async fn walk_all(
        &self,
        plan: &Arc<ResourcePlan>,
        walks: Vec<Progress>,
        enough: Enough,
        asked: &mut Asked,
    ) -> Result<(), Failure> {
        for progress in walks {
            if let Going::Enough = self.walk(plan, progress, enough, asked).await? {
                break;
            }
        }
        Ok(())
    }

    async fn walk(
        &self,
        plan: &Arc<ResourcePlan>,
        mut progress: Progress,
        enough: Enough,
        asked: &mut Asked,
    ) -> Result<Going, Failure> {
        let unmade = |error: ExtractError| self.failure(Stage::Request, &error);
        if !settle_missing(plan, &mut progress).map_err(unmade)? {
            let note = "a record of the parent was passed over: a field is missing".to_owned();
            if !asked.notes.contains(&note) {
                asked.notes.push(note);
            }
            return Ok(Going::On);
        }
        let partition = self.redactor().redact(&describe(&progress));
        let context = plan.scope(&self.context, &progress).map_err(unmade)?;
        let traffic = Traffic::default();
        let mut attempts = Attempts::new(true);
        let mut walk = Walk::new(Arc::clone(plan), progress);
        let mut empty = 0;
        loop {
            let place = Place {
                partition: partition.clone(),
                page: walk.progress().pages + 1,
            };
            let request = walk.request(&context).map_err(unmade)?;
            let mut answer = self.send(plan, &request, place, &mut attempts, &traffic).await;
            let response = match answer.response {
                Ok(response) => response,
                Err(failure) => {
                    asked.exchanges.push(answer.exchange);
                    return Err(failure);
                }
            };
            let taken = match walk.receive(&response, &self.fetcher.limits, &context) {
                Ok(Taking::Page(records)) => self.take(plan, &mut walk, records, enough, asked),
                Ok(Taking::Retry(reason)) => {
                    let failure = self.failure(Stage::Status(response.status), &reason);
                    answer.exchange.error = Some(failure.error.clone());
                    asked.exchanges.push(answer.exchange);
                    self.wait(plan, &request, &response, failure, &attempts, &traffic)
                        .await?;
                    continue;
                }
                Err(error) => {
                    let body = plan
                        .endpoint()
                        .map(|endpoint| read(plan, endpoint, &response, &self.fetcher.limits, &context));
                    asked.lacks_records = matches!(body, Some(Ok(Reading::Body { .. })));
                    Err(self.failure(stage_of(&response), &error))
                }
            };
            attempts = Attempts::new(true);
            match &taken {
                Ok(taken) => answer.exchange.records = Some(taken.selected),
                Err(failure) => answer.exchange.error = Some(failure.error.clone()),
            }
            asked.exchanges.push(answer.exchange);
            let taken = taken?;
            if let Some(failure) = taken.failure {
                return Err(failure);
            }
            empty = if taken.kept == 0 { empty + 1 } else { 0 };
            let is_full = asked.record_count() >= enough.records;
            if is_full || walk.progress().pages >= enough.pages {
                asked.has_more |= taken.has_next || taken.selected > taken.kept;
                return Ok(if is_full { Going::Enough } else { Going::On });
            }
            if !taken.has_next {
                return Ok(Going::On);
            }
            if empty >= MOST_EMPTY_PAGES {
                asked.has_more = true;
                asked
                    .notes
                    .push(format!("{empty} pages in a row had no record that is kept"));
                return Ok(Going::On);
            }
        }
    }

    /// Puts the records of a page through the steps, and keeps as many as are wanted.
    fn take(
        &self,
        plan: &ResourcePlan,
        walk: &mut Walk,
        page: Records<'_>,
        enough: Enough,
        asked: &mut Asked,
    ) -> Result<TakenPage, Failure> {
        let of_nulls = (page.nulls > 0).then(|| "records that are null are left out".to_owned());
        for note in page.notes.iter().chain(&of_nulls) {
            let note = self.redactor().redact(note);
            if !asked.notes.contains(&note) {
                asked.notes.push(note);
            }
        }
        let selected = page.records.len() as u64;
        let failure = page.failure.map(|error| self.failure(Stage::Records, &error));
        let taken = if enough.any_cursor {
            process(plan, walk.progress(), page.records).map(Taken::all)
        } else {
            walk.process("", page.records)
        };
        let taken = taken.map_err(|error| self.failure(Stage::Records, &error))?;
        let wanted = enough.records.saturating_sub(asked.record_count());
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        let records: Vec<Value<'static>> = taken.records.into_iter().take(wanted).map(Value::into_owned).collect();
        let kept = records.len() as u64;
        asked.pages.push(Page {
            parents: walk.progress().parents.clone(),
            records,
        });
        Ok(TakenPage {
            selected,
            kept,
            has_next: page.has_next && !taken.is_beyond,
            failure,
        })
    }

    /// Sends a request and tells what came of it.
    pub(super) async fn send(
        &self,
        plan: &ResourcePlan,
        request: &Request,
        place: Place,
        attempts: &mut Attempts,
        traffic: &Traffic,
    ) -> Answer {
        let mut exchange = Exchange {
            resource: plan.name.to_string(),
            partition: place.partition,
            page: place.page,
            method: request.method.to_string(),
            url: self.redactor().redact(request.url.as_str()),
            status: None,
            millis: 0,
            bytes: 0,
            records: None,
            error: None,
        };
        // First, so that a login that fails is told apart from a request that does.
        let authenticator = &self.fetcher.authenticator;
        let authorized = authenticator
            .authorize(&self.fetcher, &plan.name, request, traffic)
            .await;
        let stage = if authorized.is_err() {
            Stage::Login
        } else {
            Stage::Connection
        };
        let before = traffic.wire_micros.load(Ordering::Relaxed);
        let fetched = match authorized {
            Ok(_) => self.fetcher.fetch(&plan.name, request, attempts, traffic).await,
            Err(error) => Err(error),
        };
        exchange.millis = (traffic.wire_micros.load(Ordering::Relaxed) - before) / 1_000;
        let response = fetched.map_err(|error| match error {
            FetchError::Cancelled => Failure {
                stage: Stage::Cancelled,
                error: "stopped".to_owned(),
                help: None,
            },
            FetchError::Failed { error, help } => Failure { stage, error, help },
        });
        match &response {
            Ok(response) => {
                exchange.status = Some(response.status);
                exchange.bytes = response.body.len() as u64;
            }
            Err(failure) => exchange.error = Some(failure.error.clone()),
        }
        Answer { exchange, response }
    }

    /// Waits before the next try of a request, or gives up where that would take long or enough were made.
    pub(super) async fn wait(
        &self,
        plan: &ResourcePlan,
        request: &Request,
        response: &Response,
        failure: Failure,
        attempts: &Attempts,
        traffic: &Traffic,
    ) -> Result<(), Failure> {
        let wanted = retry_after(response)
            .unwrap_or_default()
            .max(self.fetcher.limits.min_delay);
        if wanted > LONGEST_WAIT {
            return Err(Failure {
                help: Some(format!(
                    "the API is to be left alone for {} s; try again after that",
                    wanted.as_secs()
                )),
                ..failure
            });
        }
        let ended = self
            .fetcher
            .wait_to_retry(&plan.name, request, &failure.error, Some(response), attempts, traffic);
        ended.await.map_err(|error| match error {
            FetchError::Cancelled => Failure {
                stage: Stage::Cancelled,
                ..failure
            },
            FetchError::Failed { .. } => failure,
        })
    }
}

/// A partition's walks: itself, or the first of its windows; and whether there are more.
pub(super) fn windows_of(plan: &ResourcePlan, partition: Progress) -> Result<(Vec<Progress>, bool), ExtractError> {
    let whole = plan.begin(partition, None)?;
    let (Some(incremental), Some(cursor), Some(windows)) = (&plan.incremental, &whole.cursor, &whole.windows) else {
        return Ok((vec![whole], false));
    };
    let slices = incremental.slices(&cursor.start, &windows.end)?;
    let mut all = Vec::new();
    for index in 0..=MOST_WINDOWS {
        let Some(slice) = slices.slice(index).map_err(ExtractError::new)? else {
            return Ok((all, false));
        };
        if index < MOST_WINDOWS {
            all.push(Progress {
                windows: None,
                slice: Some(slice),
                ..whole.clone()
            });
        }
    }
    Ok((all, true))
}

/// What was taken of a page.
struct TakenPage {
    selected: u64,
    kept: u64,
    has_next: bool,
    failure: Option<Failure>,
}

/// How far an answer came that cannot be taken.
fn stage_of(response: &Response) -> Stage {
    if response.status >= 300 {
        Stage::Status(response.status)
    } else {
        Stage::Content
    }
}
