//! How many requests a plan takes, as far as that can be known before the first one.

use std::time::Duration;

use super::{Plan, RecordSource, ResourcePlan};
use crate::incremental::IncrementalPlan;

/// Bounds of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// It is not less.
    pub least: u64,
    /// It is not more; none where there is no telling.
    pub most: Option<u64>,
}

impl Estimate {
    fn exactly(number: u64) -> Self {
        Self {
            least: number,
            most: Some(number),
        }
    }

    fn at_least(least: u64) -> Self {
        Self { least, most: None }
    }

    fn times(self, other: Self) -> Self {
        let most = match (self.most, other.most) {
            (Some(0), _) | (_, Some(0)) => Some(0),
            (Some(own), Some(other)) => own.checked_mul(other),
            _ => None,
        };
        Self {
            least: self.least.saturating_mul(other.least),
            most,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            least: self.least.saturating_add(other.least),
            most: self
                .most
                .zip(other.most)
                .and_then(|(own, other)| own.checked_add(other)),
        }
    }
}

impl Plan {
    /// The requests that each resource takes, without logins and without what is sent again.
    pub fn requests(&self) -> Vec<Estimate> {
        self.resources
            .iter()
            .map(|resource| self.partitions(resource).times(pages(resource)))
            .collect()
    }

    /// The requests of all resources.
    pub fn all_requests(&self) -> Estimate {
        self.requests().into_iter().fold(Estimate::exactly(0), Estimate::plus)
    }

    /// The time that the client's rate limit takes for as many requests as there are at least.
    pub fn least_time(&self) -> Option<Duration> {
        let (requests, period) = self.limits.rate?;
        let spaces = self.all_requests().least.saturating_sub(1);
        let spaces = u32::try_from(spaces).unwrap_or(u32::MAX);
        Some(period.checked_div(requests)?.saturating_mul(spaces))
    }

    fn partitions(&self, resource: &ResourcePlan) -> Estimate {
        let mut parents = resource.direct_parents();
        let (Some(first), None) = (parents.next(), parents.next()) else {
            return if resource.parents.is_empty() {
                Estimate::exactly(1)
            } else {
                Estimate::at_least(0)
            };
        };
        let parent = self.resources.iter().find(|parent| *parent.name == *first.resource);
        match parent.map(|parent| (&parent.source, parent.steps.is_empty())) {
            // Records with the same fields are requested for once, so that there may be fewer requests than records.
            Some((RecordSource::Given(records), true)) => Estimate {
                least: u64::from(!records.is_empty()),
                most: Some(records.len() as u64),
            },
            _ => Estimate::at_least(0),
        }
    }
}

/// The pages of one partition.
fn pages(resource: &ResourcePlan) -> Estimate {
    let Some(endpoint) = resource.endpoint() else {
        return Estimate::exactly(0);
    };
    if resource.incremental.as_ref().is_some_and(IncrementalPlan::has_windows) {
        // How many there are depends on where the last load has come to.
        return Estimate::at_least(1);
    }
    let (least, most) = endpoint.paginator.page_bounds();
    Estimate { least, most }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_known_is_not() {
        let (known, open) = (Estimate::exactly(3), Estimate::at_least(2));
        assert_eq!(known.times(open), Estimate::at_least(6));
        assert_eq!(known.plus(known), Estimate::exactly(6));
        assert_eq!(Estimate::exactly(0).times(open), Estimate::exactly(0));
        assert_eq!(known.plus(open), Estimate::at_least(5));
        assert_eq!(Estimate::exactly(u64::MAX).times(known).most, None);
    }
}
