//! One request until there is an answer: limits, retries and their delays.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use restload_model::secret::Redactor;
use restload_source::plan::Limits;
use restload_source::request::{Request, Response};
use tokio::sync::watch;

use crate::clock::Moment;
use crate::http::{Http, TransportError};
use crate::limiter::Limiter;
use crate::report::{Event, Reporter};

/// First delay before a further try; it doubles from try to try.
const BASE_DELAY: Duration = Duration::from_secs(1);

/// What is said of a request with side effects that got no good answer.
const UNKNOWN_EFFECT: &str =
    "whether the API has acted on it is unknown, and it is not sent again because it has side effects";

/// What all resources fetch with.
#[derive(Debug)]
pub(crate) struct Fetcher {
    pub(crate) http: Http,
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
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FetchError {
    /// The user has asked to stop.
    Cancelled,
    /// Every try failed.
    Failed(String),
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
}

impl Fetcher {
    /// Sends a request until something answers.
    pub(crate) async fn fetch(
        &self,
        resource: &Arc<str>,
        request: &Request,
        attempts: &mut Attempts,
        traffic: &Traffic,
    ) -> Result<Response, FetchError> {
        loop {
            let sent = tokio::select! {
                biased;
                () = self.cancellation() => return Err(FetchError::Cancelled),
                sent = self.send_once(request, traffic) => sent,
            };
            attempts.made += 1;
            let reason = match sent {
                Ok(response) => return Ok(response),
                Err(TransportError::Final(reason)) => return Err(self.give_up(request, &reason, attempts)),
                Err(TransportError::Passing(reason)) => reason,
            };
            if !attempts.repeatable {
                return Err(self.give_up(request, &format!("{reason}; {UNKNOWN_EFFECT}"), attempts));
            }
            self.wait_to_retry(resource, request, &reason, None, attempts, traffic)
                .await?;
        }
    }

    async fn send_once(&self, request: &Request, traffic: &Traffic) -> Result<Response, TransportError> {
        let _permit = self.limiter.admit().await;
        traffic.requests.fetch_add(1, Ordering::Relaxed);
        let response = self.http.send(request).await?;
        traffic.bytes.fetch_add(response.body.len() as u64, Ordering::Relaxed);
        Ok(response)
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
        let delay = self.delay(attempts.made, answer.and_then(retry_after));
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

    /// What the server asks for, or a random part of a delay that doubles (full jitter), within the client's bounds.
    fn delay(&self, tries: u32, asked: Option<Duration>) -> Duration {
        let longest = self.limits.max_delay.max(self.limits.min_delay);
        let delay = asked.unwrap_or_else(|| {
            let ceiling = BASE_DELAY
                .saturating_mul(1 << tries.saturating_sub(1).min(16))
                .min(longest);
            ceiling.mul_f64(fastrand::f64())
        });
        delay.clamp(self.limits.min_delay, longest)
    }

    fn give_up(&self, request: &Request, reason: &str, attempts: &Attempts) -> FetchError {
        let tries = match attempts.made {
            0 | 1 => String::new(),
            made => format!(" after {made} tries"),
        };
        let shown = self
            .redactor
            .redact(&format!("{} {}: {reason}{tries}", request.method, request.url));
        FetchError::Failed(shown)
    }

    /// Ends when the user has asked to stop; for ever otherwise.
    pub(crate) async fn cancellation(&self) {
        let mut cancelled = self.cancelled.clone();
        if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The delay that an answer asks for: seconds, or a date. A delay of 0 or a date in the past says nothing.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.header("retry-after")?.trim();
    let seconds = text.parse().ok().or_else(|| Moment::seconds_until_http_date(text))?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}
