//! One request until there is an answer: limits, retries and their delays.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use restload_model::secret::Redactor;
use restload_replay::Answered;
use restload_source::auth::Exchange;
use restload_source::plan::Limits;
use restload_source::request::{Request, Response};
use tokio::sync::watch;

use crate::auth::{Authenticator, Verdict};
use crate::clock::Moment;
use crate::cookies::Jars;
use crate::exchanges::Exchanges;
use crate::http::{Http, Sending, TransportError};
use crate::limiter::{Limit, Limiter};
use crate::report::{Event, Reporter};

/// What is said of a request with side effects that got no good answer.
const UNKNOWN_EFFECT: &str =
    "whether the API has acted on it is unknown, and it is not sent again because it has side effects";

/// What all resources fetch with.
#[derive(Debug)]
pub(crate) struct Fetcher {
    pub(crate) http: Http,
    pub(crate) jars: Jars,
    pub(crate) authenticator: Authenticator,
    pub(crate) limiter: Limiter,
    pub(crate) limits: Limits,
    pub(crate) redactor: Redactor,
    pub(crate) cancelled: watch::Receiver<bool>,
    pub(crate) reporter: Reporter,
}

/// Requests and retries of one resource.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) requests: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Microseconds from the sending of requests to the end of their answers.
    pub(crate) wire_micros: AtomicU64,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FetchError {
    /// The user has asked to stop.
    Cancelled,
    /// Every try failed. The texts are redacted.
    Failed { error: String, help: Option<String> },
}

impl FetchError {
    /// A failure without advice.
    pub(crate) fn failed(error: String) -> Self {
        Self::Failed { error, help: None }
    }
}

impl Traffic {
    /// Adds what was sent in another's place.
    pub(crate) fn add(&self, other: &Self) {
        for (own, other) in [
            (&self.requests, &other.requests),
            (&self.retries, &other.retries),
            (&self.bytes, &other.bytes),
            (&self.wire_micros, &other.wire_micros),
        ] {
            own.fetch_add(other.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

/// The tries of one request.
#[derive(Debug)]
pub(crate) struct Attempts {
    made: u32,
    repeatable: bool,
}

impl Attempts {
    /// `repeatable` is false for a request that changes something at the API: it goes out once, whatever happens.
    pub(crate) fn new(repeatable: bool) -> Self {
        Self { made: 0, repeatable }
    }

    /// Another one was made.
    pub(crate) fn count(&mut self) {
        self.made += 1;
    }
}

impl Fetcher {
    /// What the resources of a plan fetch with. Token files are relative to `folder`, the config's.
    pub(crate) fn new(
        (limits, exchanges, redactor): (Limits, Vec<Exchange>, Redactor),
        from: &Exchanges,
        limiter: Limiter,
        folder: &Path,
        reporter: Reporter,
        cancelled: watch::Receiver<bool>,
    ) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Self {
            http: Http::new(&limits, from)?,
            jars: Jars::new(redactor.clone()),
            authenticator: Authenticator::new(exchanges, folder),
            limiter,
            limits,
            redactor,
            cancelled,
            reporter,
        }))
    }

    /// Sends a request until something answers. Credentials that are refused are renewed, and the request is sent once
    /// more, which does not count as a try; twice where the server says that only its challenge has ended.
    pub(crate) async fn fetch(
        self: &Arc<Self>,
        resource: &Arc<str>,
        request: &Request,
        attempts: &mut Attempts,
        traffic: &Traffic,
    ) -> Result<Response, FetchError> {
        let mut renewals = 0;
        loop {
            let (authorized, proof) = self.authenticator.authorize(self, resource, request, traffic).await?;
            let sent = tokio::select! {
                biased;
                () = self.cancellation() => return Err(FetchError::Cancelled),
                sent = self.send_page(resource, &authorized, traffic) => sent,
            };
            let response = match sent {
                Ok(response) => response,
                Err(error) => {
                    // Others may wait for what this request would have learned, and need not wait for its next try.
                    drop(proof);
                    attempts.count();
                    self.wait_after_failure(resource, request, error, attempts, traffic)
                        .await?;
                    continue;
                }
            };
            let most_renewals = match self.authenticator.judge(request, &proof, &response) {
                Verdict::Taken => 0,
                Verdict::Refused => u32::from(attempts.repeatable),
                Verdict::Challenged => 1,
                // The challenge may have ended already when the first renewal answered it: others use it too.
                Verdict::Stale => 2,
            };
            if renewals >= most_renewals {
                attempts.count();
                return Ok(response);
            }
            renewals += 1;
            traffic.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn send_page(
        &self,
        resource: &Arc<str>,
        request: &Request,
        traffic: &Traffic,
    ) -> Result<Response, TransportError> {
        let jar = self.jars.of(resource);
        let sent = self.send_once(Sending::Page(&jar), resource, request, traffic).await;
        self.http.record(request, &sent, Answered::Page).await;
        sent
    }

    /// Sends a login, which is not sent on to another address. Who reads the answer records it.
    pub(crate) async fn send_login(
        &self,
        resource: &Arc<str>,
        request: &Request,
        traffic: &Traffic,
    ) -> Result<Response, TransportError> {
        self.send_once(Sending::Login, resource, request, traffic).await
    }

    async fn send_once(
        &self,
        sending: Sending<'_>,
        resource: &Arc<str>,
        request: &Request,
        traffic: &Traffic,
    ) -> Result<Response, TransportError> {
        let _permit = self
            .limiter
            .admit(|limit| Waiting::begin(&self.reporter, resource, limit))
            .await;
        traffic.requests.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let sent = self.http.send(request, sending).await;
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        traffic.wire_micros.fetch_add(micros, Ordering::Relaxed);
        let response = sent?;
        traffic.bytes.fetch_add(response.body.len() as u64, Ordering::Relaxed);
        Ok(response)
    }

    /// Waits before a further try after one that nothing answered, or gives up.
    pub(crate) async fn wait_after_failure(
        &self,
        resource: &Arc<str>,
        request: &Request,
        error: TransportError,
        attempts: &Attempts,
        traffic: &Traffic,
    ) -> Result<(), FetchError> {
        let reason = match error {
            TransportError::Final(reason) => return Err(self.give_up(request, &reason, attempts)),
            TransportError::Passing(reason) => reason,
        };
        if !attempts.repeatable {
            return Err(self.give_up(request, &format!("{reason}; {UNKNOWN_EFFECT}"), attempts));
        }
        self.wait_to_retry(resource, request, &reason, None, attempts, traffic)
            .await
    }

    /// Waits before a further try, or gives up when there have been enough. `answer` is the one that asks for it.
    pub(crate) async fn wait_to_retry(
        &self,
        resource: &Arc<str>,
        request: &Request,
        reason: &str,
        answer: Option<&Response>,
        attempts: &Attempts,
        traffic: &Traffic,
    ) -> Result<(), FetchError> {
        // A server that fails may have done before what it was asked to; one that refuses has not.
        if !attempts.repeatable && answer.is_some_and(|answer| answer.status >= 500) {
            return Err(self.give_up(request, &format!("{reason}; {UNKNOWN_EFFECT}"), attempts));
        }
        if attempts.made >= self.limits.max_attempts || !attempts.repeatable {
            return Err(self.give_up(request, reason, attempts));
        }
        let delay = delay(
            &self.limits,
            attempts.made,
            answer.and_then(retry_after),
            fastrand::f64(),
        );
        traffic.retries.fetch_add(1, Ordering::Relaxed);
        self.reporter.report(Event::Retrying {
            resource: Arc::clone(resource),
            reason: self.redactor.redact(reason),
            attempt: attempts.made + 1,
            max_attempts: self.limits.max_attempts,
            delay,
        });
        tokio::select! {
            () = self.cancellation() => Err(FetchError::Cancelled),
            () = tokio::time::sleep(delay) => Ok(()),
        }
    }

    fn give_up(&self, request: &Request, reason: &str, attempts: &Attempts) -> FetchError {
        let tries = match attempts.made {
            0 | 1 => String::new(),
            made => format!(" after {made} tries"),
        };
        let shown = self
            .redactor
            .redact(&format!("{} {}: {reason}{tries}", request.method, request.url));
        FetchError::failed(shown)
    }

    /// Ends when the user has asked to stop; for ever otherwise.
    pub(crate) async fn cancellation(&self) {
        let mut cancelled = self.cancelled.clone();
        if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A request that waits for a limit; the wait is over when this is dropped, also when nobody wants the request any more.
struct Waiting<'w> {
    reporter: &'w Reporter,
    resource: &'w Arc<str>,
    limit: Limit,
}

impl<'w> Waiting<'w> {
    fn begin(reporter: &'w Reporter, resource: &'w Arc<str>, limit: Limit) -> Self {
        let waiting = Self {
            reporter,
            resource,
            limit,
        };
        waiting.report(true);
        waiting
    }

    fn report(&self, begins: bool) {
        self.reporter.report(Event::Waiting {
            resource: Arc::clone(self.resource),
            limit: self.limit,
            begins,
        });
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.report(false);
    }
}

/// What the server asks for, or a part of a delay that doubles (full jitter: `chance` is from 0 to 1), within the
/// client's bounds.
fn delay(limits: &Limits, tries: u32, asked: Option<Duration>, chance: f64) -> Duration {
    let longest = limits.max_delay.max(limits.min_delay);
    let asked = asked.filter(|_| limits.obeys_retry_after);
    let delay = asked.unwrap_or_else(|| {
        let doubled = limits.first_delay.saturating_mul(1 << tries.saturating_sub(1).min(16));
        doubled.min(longest).mul_f64(chance)
    });
    delay.clamp(limits.min_delay, longest)
}

/// The delay that an answer asks for: seconds, or a date. A delay of 0 or a date in the past says nothing.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.header("retry-after")?.trim();
    let seconds = text.parse().ok().or_else(|| Moment::seconds_until_http_date(text))?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(min_secs: u64, max_secs: u64) -> Limits {
        Limits {
            concurrency: 1,
            rate: None,
            max_attempts: 5,
            retry_statuses: Vec::new(),
            first_delay: Duration::from_secs(1),
            min_delay: Duration::from_secs(min_secs),
            max_delay: Duration::from_secs(max_secs),
            obeys_retry_after: true,
            timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(1),
            max_response_bytes: 1,
            trusted_hosts: Vec::new(),
        }
    }

    #[test]
    fn delays_double_up_to_the_longest_and_obey_the_server() {
        let secs = Duration::from_secs;
        for (min, max, tries, asked, chance, expected) in [
            (0, 300, 1, None, 1.0, secs(1)),
            (0, 300, 4, None, 1.0, secs(8)),
            (0, 300, 4, None, 0.5, secs(4)),
            (0, 300, 4, None, 0.0, secs(0)),
            (0, 300, 40, None, 1.0, secs(300)),
            (5, 300, 1, None, 0.1, secs(5)),
            (0, 300, 1, Some(7), 0.1, secs(7)),
            (0, 300, 1, Some(9_999), 0.1, secs(300)),
            (5, 300, 1, Some(1), 0.1, secs(5)),
            (400, 300, 1, None, 0.1, secs(400)),
        ] {
            let found = delay(&limits(min, max), tries, asked.map(secs), chance);
            assert_eq!(found, expected, "{min} {max} {tries} {asked:?} {chance}");
        }
    }

    /// An answer that asks for a delay.
    fn asking(text: &str) -> Response {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("retry-after", text.parse().unwrap());
        Response {
            url: url::Url::parse("http://a.test").unwrap(),
            status: 429,
            headers,
            body: Vec::new(),
        }
    }

    /// T-09: four seconds are asked for, and four seconds it is. T-11: nothing, however it is written, and a date that is
    /// past ask for nothing, so that the delay doubles as ever.
    #[test]
    fn reads_seconds_and_dates() {
        let limits = limits(0, 300);
        let after = |tries: u32, text: &str| delay(&limits, tries, retry_after(&asking(text)), 1.0);
        for tries in [1, 3] {
            assert_eq!(after(tries, "4"), Duration::from_secs(4));
            let doubled = Duration::from_secs(1 << (tries - 1));
            for nothing in ["0", " 0 ", "00", "-1", "soon", "1.5", "Wed, 21 Oct 2015 07:28:00 GMT"] {
                assert_eq!(after(tries, nothing), doubled, "{nothing}");
            }
        }
        let date = retry_after(&asking("Thu, 31 Dec 2099 23:59:59 GMT"));
        assert!(date.is_some_and(|delay| delay > Duration::from_hours(24)));
    }

    /// T-02: another first delay, and a server that is not listened to.
    #[test]
    fn the_config_says_how_long_and_whether_the_server_is_obeyed() {
        let secs = Duration::from_secs;
        let limits = Limits {
            first_delay: secs(3),
            obeys_retry_after: false,
            ..limits(0, 300)
        };
        for (tries, asked, expected) in [(1, None, 3), (2, None, 6), (4, Some("200"), 24), (9, Some("200"), 300)] {
            let asked = asked.and_then(|text| retry_after(&asking(text)));
            assert_eq!(delay(&limits, tries, asked, 1.0), secs(expected), "{tries}");
        }
    }
}
