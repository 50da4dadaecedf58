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
}
