//! One exchange: from a request that arrived to the answer that is to be sent. Everything under the one lock
//! happens here and does no I/O; the server only carries bytes.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::answer::{Answer, Rendered};
use crate::clock::next_quota_reset;
use crate::credentials::Credentials;
use crate::datasets;
use crate::faults::{self, Circumstances, Fault, FaultRule, Replacement};
use crate::ids::{Generator, fingerprint};
use crate::log::LoggedRequest;
use crate::referee::{Outcome, Referee};
use crate::request::{Arrival, Request};
use crate::routes::{self, Lookup, Reply, Route};
use crate::settings::{LimitHeaders, Settings};
use crate::state::State;

const DEFAULT_LIMIT: i64 = 10_000;

/// Everything the server knows.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) state: State,
    pub(crate) referee: Referee,
    pub(crate) faults: Vec<FaultRule>,
    pub(crate) log: Vec<LoggedRequest>,
    pub(crate) effects: usize,
    block: AddressBlock,
    /// How often each method and path was answered. An answer's random parts depend on this number and not on one
    /// sequence for all, so that two connections at once do not change each other's bytes.
    answer_counts: HashMap<u64, u64>,
    started: Instant,
}

/// How an answer is to be delivered.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) number: usize,
    /// The request's fingerprint, to record that it got no answer after all.
    pub(crate) request: u64,
    /// `None` closes the connection.
    pub(crate) answer: Option<Rendered>,
    pub(crate) delay: Duration,
    pub(crate) pace: Pace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Whole,
    /// Half of the body, then the connection breaks.
    Truncated,
    BytesPerSecond(u64),
}

impl Exchange {
    pub(crate) fn new(settings: &Settings, faults: Vec<FaultRule>) -> (Self, Credentials) {
        let (state, credentials) = datasets::build(settings);
        let exchange = Self {
            state,
            referee: Referee::default(),
            faults,
            log: Vec::new(),
            effects: 0,
            block: AddressBlock::default(),
            answer_counts: HashMap::new(),
            started: Instant::now(),
        };
        (exchange, credentials)
    }

    pub(crate) fn receive(&mut self, arrival: &Arrival) -> Delivery {
        let request = Request::read(arrival);
        let lookup = routes::find(&request.method, &request.path);
        let time = self.politeness_time();
        let number = self.log.len() + 1;
        self.judge(number, &request, &lookup, time);
        self.log.push(self.log_entry(number, arrival, &request));

        let mut delivery = self.decide(&request, &lookup, time);
        delivery.number = number;
        let status = delivery.answer.as_ref().map(|answer| answer.status);
        self.log[number - 1].status = status;
        let outcome = match status {
            Some(status) if delivery.pace != Pace::Truncated => Outcome::Answered(status),
            _ => Outcome::Unanswered,
        };
        self.referee.record_outcome(delivery.request, outcome, time);
        if outcome == Outcome::Unanswered || delivery.answer.as_ref().is_some_and(Rendered::ends_connection) {
            self.referee.excuse_connection();
        }
        self.block.count(status, time);
        delivery
    }

    /// Records that the client left before a late answer was sent.
    pub(crate) fn record_unanswered(&mut self, number: usize, request: u64) {
        self.log[number - 1].status = None;
        let time = self.politeness_time();
        self.referee.record_outcome(request, Outcome::Unanswered, time);
        self.referee.excuse_connection();
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.state.settings
    }

    /// The time by which waiting is judged. In real time an advance of the clock counts as waiting too.
    fn politeness_time(&self) -> Duration {
        let advanced = (self.state.now - self.settings().clock).max(0);
        let advanced = Duration::from_secs(advanced.unsigned_abs());
        if self.settings().real_time_politeness {
            advanced + self.started.elapsed()
        } else {
            advanced
        }
    }

    fn judge(&mut self, number: usize, request: &Request, lookup: &Lookup, time: Duration) {
        let route = found(lookup);
        self.referee.judge(number, request, route, time);
        if route.is_some_and(Route::has_effect) {
            self.effects += 1;
            if self.settings().forbid_effects {
                self.referee.report_effect(number, request);
            }
        }
    }

    fn log_entry(&self, number: usize, arrival: &Arrival, request: &Request) -> LoggedRequest {
        let names = |fields: &[(String, String)]| fields.iter().map(|(name, _)| name.clone()).collect();
        LoggedRequest {
            number,
            arrival: self.state.now,
            elapsed: self.started.elapsed(),
            method: request.method.clone(),
            path: request.path.clone(),
            query_names: names(&request.query_fields),
            body_names: names(&request.body_fields),
            content_type: arrival.content_type.clone(),
            user_agent: arrival.user_agent.clone(),
            connection: arrival.connection,
            status: None,
            secret_hashes: request.secret_hashes(),
        }
    }

    fn decide(&mut self, request: &Request, lookup: &Lookup, time: Duration) -> Delivery {
        let seed = self.settings().seed;
        let whole = |answer| Delivery {
            number: 0,
            request: request.fingerprint(),
            answer,
            delay: Duration::ZERO,
            pace: Pace::Whole,
        };
        if self.block.is_blocked(time) {
            return whole(Some(faults::blocked()));
        }
        let Some(fault) = faults::pick(&mut self.faults, seed, &request.method, &request.path) else {
            let reply = routes::answer(&mut self.state, lookup, request);
            return whole(Some(self.render(reply, lookup, request)));
        };
        if let Some(replacement) = fault.replacement(&self.circumstances(request, &path_and_query(request))) {
            let reply = match replacement {
                Replacement::Json(answer) => Reply::Json(answer),
                Replacement::Page(page) => Reply::File(page),
                Replacement::Nothing => return whole(None),
            };
            return whole(Some(self.render(reply, lookup, request)));
        }
        let mut reply = routes::answer(&mut self.state, lookup, request);
        if fault == Fault::DropAfterEffect {
            return whole(None);
        }
        if let Reply::Json(answer) = &mut reply {
            fault.alter_answer(answer);
        }
        let mut rendered = self.render(reply, lookup, request);
        fault.alter_rendered(&mut rendered, request.accepts_gzip);
        let pace = match fault {
            Fault::Truncated => Pace::Truncated,
            Fault::Slow(bytes_per_second) => Pace::BytesPerSecond(bytes_per_second),
            _ => Pace::Whole,
        };
        Delivery {
            delay: fault.delay(),
            pace,
            ..whole(Some(rendered))
        }
    }

    fn circumstances<'a>(&self, request: &'a Request, path_and_query: &'a str) -> Circumstances<'a> {
        let app = self
            .state
            .app_with_token(request.parameter("token").unwrap_or_default());
        let limit = app.map_or(DEFAULT_LIMIT, |app| {
            self.state.accounts[self.state.apps[app].account].limit
        });
        let credential = request
            .parameter("token")
            .or(request.parameter("secret"))
            .unwrap_or_default();
        Circumstances {
            limit,
            path_and_query,
            credential,
        }
    }

    fn render(&mut self, reply: Reply, lookup: &Lookup, request: &Request) -> Rendered {
        let answer: Answer = match reply {
            Reply::File(file) => return file,
            Reply::Json(answer) => answer,
        };
        let place = fingerprint(&[request.method.as_bytes(), request.path.as_bytes()]);
        let count = self.answer_counts.entry(place).or_default();
        *count += 1;
        let seed = self.state.settings.seed;
        let mut generator = Generator::new(fingerprint(&[
            &seed.to_be_bytes(),
            &place.to_be_bytes(),
            &count.to_be_bytes(),
        ]));
        let mut rendered = answer.render(&self.state, &mut generator);
        self.add_limit_headers(&mut rendered, lookup, request);
        rendered
    }

    fn add_limit_headers(&self, rendered: &mut Rendered, lookup: &Lookup, request: &Request) {
        let is_sent = found(lookup) == Some(&Route::SendMessage) && rendered.status == 200;
        let is_wanted = match self.settings().limit_headers {
            LimitHeaders::None => false,
            LimitHeaders::MessagesOnly => is_sent || rendered.status == 429,
            LimitHeaders::All => true,
        };
        let Some(app) = self
            .state
            .app_with_token(request.parameter("token").unwrap_or_default())
        else {
            return;
        };
        if !is_wanted {
            return;
        }
        let now = self.state.now;
        let account = &self.state.accounts[self.state.apps[app].account];
        let remaining = if rendered.status == 429 {
            0
        } else {
            account.remaining(now)
        };
        rendered.headers.push(("x-limit-app-limit", account.limit.to_string()));
        rendered.headers.push(("x-limit-app-remaining", remaining.to_string()));
        rendered
            .headers
            .push(("x-limit-app-reset", next_quota_reset(now).to_string()));
    }
}

fn found(lookup: &Lookup) -> Option<&Route> {
    match lookup {
        Lookup::Found(route) => Some(route),
        Lookup::Xml | Lookup::Unknown => None,
    }
}

fn path_and_query(request: &Request) -> String {
    if request.query.is_empty() {
        request.path.clone()
    } else {
        format!("{}?{}", request.path, request.query)
    }
}

/// Pushover blocks an address that keeps sending bad requests. The numbers are this simulator's own.
#[derive(Debug, Default)]
struct AddressBlock {
    refused: VecDeque<Duration>,
    until: Option<Duration>,
}

const REFUSALS_TO_BLOCK: usize = 20;
const REFUSAL_WINDOW: Duration = Duration::from_mins(1);
const BLOCK_TIME: Duration = Duration::from_mins(10);

impl AddressBlock {
    /// Asking during a block extends it.
    fn is_blocked(&mut self, time: Duration) -> bool {
        if self.until.is_none_or(|until| time >= until) {
            return false;
        }
        self.until = Some(time + BLOCK_TIME);
        true
    }

    fn count(&mut self, status: Option<u16>, time: Duration) {
        if self.until.is_some_and(|until| time < until) || !status.is_some_and(|status| (400..500).contains(&status)) {
            return;
        }
        self.refused.push_back(time);
        while self
            .refused
            .front()
            .is_some_and(|first| time.saturating_sub(*first) >= REFUSAL_WINDOW)
        {
            self.refused.pop_front();
        }
        if self.refused.len() >= REFUSALS_TO_BLOCK {
            self.refused.clear();
            self.until = Some(time + BLOCK_TIME);
        }
    }
}
