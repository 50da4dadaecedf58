//! The client's limits: how many requests are under way, and how many go out in a time.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use restload_source::plan::Limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Shared by all resources.
#[derive(Debug, Clone)]
pub(crate) struct Limiter {
    slots: Arc<Semaphore>,
    /// For answers that are not yet needed.
    ahead: Arc<Semaphore>,
    rate: Option<Arc<DefaultDirectRateLimiter>>,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        let rate = limits.rate.and_then(|(requests, period)| {
            let interval = period.checked_div(requests)?;
            // Spaced evenly: a burst at the start of each period is what servers complain about.
            let quota = Quota::with_period(interval)?.allow_burst(NonZeroU32::MIN);
            Some(Arc::new(RateLimiter::direct(quota)))
        });
        Self {
            slots: Arc::new(Semaphore::new(limits.concurrency)),
            ahead: Arc::new(Semaphore::new(limits.concurrency)),
            rate,
        }
    }

    /// Waits until a request may go out. It is under way until the permit is dropped.
    pub(crate) async fn admit(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.slots).acquire_owned().await.ok();
        if let Some(rate) = &self.rate {
            rate.until_ready().await;
        }
        permit
    }

    /// The right to send a request before its answer is needed, which ends when the permit is dropped. There are as many
    /// over all resources as requests may be under way, so that answers that wait for their turn stay few.
    pub(crate) fn admit_ahead(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.ahead).try_acquire_owned().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn limiter(concurrency: usize, rate: Option<(u32, Duration)>) -> Limiter {
        Limiter::new(&Limits {
            concurrency,
            rate,
            max_attempts: 1,
            retry_statuses: Vec::new(),
            min_delay: Duration::ZERO,
            max_delay: Duration::ZERO,
            timeout: Duration::ZERO,
            connect_timeout: Duration::ZERO,
            max_response_bytes: 1,
            trusted_hosts: Vec::new(),
        })
    }

    #[tokio::test]
    async fn requests_are_spaced_evenly() {
        let limiter = limiter(10, Some((20, Duration::from_secs(1))));
        let start = Instant::now();
        for _ in 0..4 {
            drop(limiter.admit().await);
        }
        // Three intervals of 50 ms lie between four requests.
        assert!(start.elapsed() >= Duration::from_millis(145), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn no_more_are_under_way_than_allowed() {
        let limiter = limiter(2, None);
        let first = limiter.admit().await;
        let _second = limiter.admit().await;
        assert!(Arc::clone(&limiter.slots).try_acquire_owned().is_err());
        drop(first);
        assert!(Arc::clone(&limiter.slots).try_acquire_owned().is_ok());
    }
}
