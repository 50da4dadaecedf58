//! The politeness referee: Pushover's rules of conduct, judged from what arrives.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use crate::request::Request;
use crate::routes::Route;

pub(crate) const MAX_CONNECTIONS: usize = 2;
/// Below this many connections reuse is not judged.
const FREE_CONNECTIONS: usize = 5;
const MIN_WAIT: Duration = Duration::from_secs(5);
const LIBRARY_USER_AGENTS: [&str; 8] = [
    "reqwest/",
    "hyper/",
    "ureq/",
    "curl/",
    "python-requests/",
    "python-urllib/",
    "go-http-client/",
    "okhttp/",
];

/// A rule of conduct.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// No more than two connections at once.
    TooManyConnections,
    /// Connections are to be reused: more than five of them should carry at least two requests each.
    NoReuse,
    /// The same request within five seconds of a 5xx or of no answer.
    FastRetry,
    /// The same request again after a 4xx.
    RetryAfter4xx,
    /// The same receipt within five seconds.
    ReceiptTooOften,
    /// Mail, password or second factor in the query of a login.
    PasswordInUrl,
    /// A token or secret in the query of a POST.
    SecretInUrlOnPost,
    /// A route with a side effect was called although effects are forbidden.
    UnexpectedEffect,
    /// No `User-Agent`, or a library's default one. Only a warning.
    MissingUserAgent,
}

/// A rule broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The request that broke it, as numbered in the log; `None` when no single one did.
    pub request_number: Option<usize>,
    /// What happened, without any secret.
    pub detail: String,
}

impl Rule {
    /// The rule's name, as in `fast-retry`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooManyConnections => "too-many-connections",
            Self::NoReuse => "no-reuse",
            Self::FastRetry => "fast-retry",
            Self::RetryAfter4xx => "retry-after-4xx",
            Self::ReceiptTooOften => "receipt-too-often",
            Self::PasswordInUrl => "password-in-url",
            Self::SecretInUrlOnPost => "secret-in-url-on-post",
            Self::UnexpectedEffect => "unexpected-effect",
            Self::MissingUserAgent => "missing-user-agent",
        }
    }

    /// Whether breaking the rule only deserves a warning.
    pub fn is_warning(self) -> bool {
        self == Self::MissingUserAgent
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.rule.name(), self.detail)?;
        match self.request_number {
            Some(number) => write!(formatter, " (request {number})"),
            None => Ok(()),
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered(u16),
    /// No answer, or not a whole one.
    Unanswered,
}

#[derive(Debug, Default)]
pub(crate) struct Referee {
    violations: Vec<Violation>,
    /// How the last request of each fingerprint ended, and when.
    outcomes: HashMap<u64, (Outcome, Duration)>,
    receipts_read: HashMap<String, Duration>,
    connections: usize,
    /// Connections that the client had to replace, through no fault of its own.
    excused_connections: usize,
    requests: usize,
}

impl Referee {
    /// Counts a connection and gives it its number.
    pub(crate) fn count_connection(&mut self) -> usize {
        self.connections += 1;
        self.connections
    }

    /// Notes that this side ended a connection, or left the client waiting on it.
    pub(crate) fn excuse_connection(&mut self) {
        self.excused_connections += 1;
    }

    /// Reports the connections open at once, if they are too many.
    pub(crate) fn judge_open_connections(&mut self, open: usize) {
        if open > MAX_CONNECTIONS {
            self.report(
                Rule::TooManyConnections,
                None,
                format!("{open} connections open at once"),
            );
        }
    }

    /// Judges a request by its arrival.
    pub(crate) fn judge(&mut self, number: usize, request: &Request, route: Option<&Route>, time: Duration) {
        self.requests += 1;
        let request_line = format!("{} {}", request.method, request.path);
        self.judge_repetition(number, request, &request_line, time);
        if let Some(Route::ShowReceipt(id)) = route {
            let last = self.receipts_read.insert(id.clone(), time);
            if last.is_some_and(|last| time.saturating_sub(last) < MIN_WAIT) {
                self.report(Rule::ReceiptTooOften, Some(number), request_line.clone());
            }
        }
        if request.method == "POST" && request.has_in_query(&["token", "secret"]) {
            self.report(Rule::SecretInUrlOnPost, Some(number), request_line.clone());
        }
        // Also when the login is tried with another method.
        if request.path == "/1/users/login.json" && request.has_in_query(&["email", "password", "twofa"]) {
            self.report(Rule::PasswordInUrl, Some(number), request_line.clone());
        }
        if !names_its_client(request.user_agent.as_deref()) {
            self.report(Rule::MissingUserAgent, Some(number), request_line);
        }
    }

    pub(crate) fn report_effect(&mut self, number: usize, request: &Request) {
        self.report(
            Rule::UnexpectedEffect,
            Some(number),
            format!("{} {}", request.method, request.path),
        );
    }

    pub(crate) fn record_outcome(&mut self, request: u64, outcome: Outcome, time: Duration) {
        self.outcomes.insert(request, (outcome, time));
    }

    /// Forgets how earlier requests ended, as for a new run of the client that starts later.
    pub(crate) fn forget_outcomes(&mut self) {
        self.outcomes.clear();
        self.receipts_read.clear();
    }

    /// Everything reported so far, and what only the sum of the requests shows.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        let mut violations = self.violations.clone();
        let connections = self.connections.saturating_sub(self.excused_connections);
        let requests = self.requests.saturating_sub(self.excused_connections);
        if connections > FREE_CONNECTIONS && requests < 2 * connections {
            let detail = format!("{connections} connections for {requests} requests");
            violations.push(Violation {
                rule: Rule::NoReuse,
                request_number: None,
                detail,
            });
        }
        violations
    }

    fn judge_repetition(&mut self, number: usize, request: &Request, request_line: &str, time: Duration) {
        let Some((outcome, ended)) = self.outcomes.get(&request.fingerprint()).copied() else {
            return;
        };
        let waited = time.saturating_sub(ended);
        match outcome {
            Outcome::Answered(status) if (400..500).contains(&status) => {
                self.report(
                    Rule::RetryAfter4xx,
                    Some(number),
                    format!("{request_line} again after {status}"),
                );
            }
            Outcome::Answered(status) if status >= 500 && waited < MIN_WAIT => {
                let detail = format!("{request_line} again {} ms after {status}", waited.as_millis());
                self.report(Rule::FastRetry, Some(number), detail);
            }
            Outcome::Unanswered if waited < MIN_WAIT => {
                let detail = format!("{request_line} again {} ms after no answer", waited.as_millis());
                self.report(Rule::FastRetry, Some(number), detail);
            }
            _ => {}
        }
    }

    fn report(&mut self, rule: Rule, request_number: Option<usize>, detail: String) {
        self.violations.push(Violation {
            rule,
            request_number,
            detail,
        });
    }
}

fn names_its_client(user_agent: Option<&str>) -> bool {
    let user_agent = user_agent.unwrap_or_default().trim().to_ascii_lowercase();
    !user_agent.is_empty()
        && !LIBRARY_USER_AGENTS
            .iter()
            .any(|library| user_agent.starts_with(library))
}
