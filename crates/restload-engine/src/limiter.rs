//! The client's limits: how many requests are under way, and how many go out in a time.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use restload_source::plan::{Limits, Plan};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limits of several plans that run at the same time. Those that ask the same API share them: an API counts the
/// requests of an account, whichever config they come from. Where the plans differ, the strictest holds.
#[derive(Debug, Clone, Default)]
pub struct SharedLimits {
    by_origin: HashMap<String, Limiter>,
}

impl SharedLimits {
    /// The limits of these plans.
    pub fn of<'p>(plans: impl IntoIterator<Item = &'p Plan>) -> Self {
        let mut strictest: HashMap<String, (usize, Option<Duration>)> = HashMap::new();
        for plan in plans {
            let (concurrency, interval) = (plan.limits.concurrency, interval(&plan.limits));
            let found = strictest.entry(plan.origin.clone()).or_insert((concurrency, interval));
            // No interval is less than any.
            *found = (found.0.min(concurrency), found.1.max(interval));
        }
        let limiter = |(origin, (concurrency, interval))| (origin, Limiter::with(concurrency, interval));
        Self {
            by_origin: strictest.into_iter().map(limiter).collect(),
        }
    }

    /// The limiter of a plan: the shared one, or one of its own.
    pub(crate) fn limiter(&self, plan: &Plan) -> Limiter {
        let shared = self.by_origin.get(&plan.origin).cloned();
        shared.unwrap_or_else(|| Limiter::with(plan.limits.concurrency, interval(&plan.limits)))
    }
}

/// The time between two requests.
fn interval(limits: &Limits) -> Option<Duration> {
    let (requests, period) = limits.rate?;
    period.checked_div(requests)
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Others are under way, as many as may be.
    Concurrency,
    /// The last one went out a moment ago.
    Rate,
}

/// Shared by all resources.
#[derive(Debug, Clone)]
pub(crate) struct Limiter {
    slots: Arc<Semaphore>,
    /// For answers that are not yet needed.
    ahead: Arc<Semaphore>,
    rate: Option<Arc<DefaultDirectRateLimiter>>,
}

impl Limiter {
    fn with(concurrency: usize, interval: Option<Duration>) -> Self {
        let rate = interval.and_then(|interval| {
            // Spaced evenly: a burst at the start of each period is what servers complain about.
            let quota = Quota::with_period(interval)?.allow_burst(NonZeroU32::MIN);
            Some(Arc::new(RateLimiter::direct(quota)))
        });
        Self {
            slots: Arc::new(Semaphore::new(concurrency)),
            ahead: Arc::new(Semaphore::new(concurrency)),
            rate,
        }
    }

    /// Waits until a request may go out. It is under way until the permit is dropped. `waiting` is told what is waited
    /// for; what it gives is held until that is over.
    pub(crate) async fn admit<W>(&self, waiting: impl Fn(Limit) -> W) -> Option<OwnedSemaphorePermit> {
        let permit = if let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() {
            Some(permit)
        } else {
            let _told = waiting(Limit::Concurrency);
            Arc::clone(&self.slots).acquire_owned().await.ok()
        };
        if let Some(rate) = &self.rate
            && rate.check().is_err()
        {
            let _told = waiting(Limit::Rate);
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

    #[tokio::test]
    async fn requests_are_spaced_evenly() {
        let limiter = Limiter::with(10, Some(Duration::from_millis(50)));
        let start = Instant::now();
        let waits = std::cell::Cell::new(0);
        for _ in 0..4 {
            drop(
                limiter
                    .admit(|limit| assert_eq!((limit, waits.set(waits.get() + 1)), (Limit::Rate, ())))
                    .await,
            );
        }
        assert_eq!(waits.get(), 3);
        // Three intervals of 50 ms lie between four requests.
        assert!(start.elapsed() >= Duration::from_millis(145), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn no_more_are_under_way_than_allowed() {
        let limiter = Limiter::with(2, None);
        let first = limiter.admit(|_| ()).await;
        let _second = limiter.admit(|_| ()).await;
        assert!(Arc::clone(&limiter.slots).try_acquire_owned().is_err());
        drop(first);
        assert!(Arc::clone(&limiter.slots).try_acquire_owned().is_ok());
    }
}
