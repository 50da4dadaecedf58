//! What stays of a load's checkpoints when it has ended: cursors, and what is still to be done.

use std::sync::Arc;

use restload_destination::Destination;
use restload_model::checkpoint::Checkpoint;
use restload_source::plan::ResourcePlan;

use crate::fetch::Fetcher;
use crate::report::{Outcome, ResourceReport, ResourceStatus};
use crate::resource::{Cursors, is_unfinished, note_move, settled, within};
use crate::run::ancestors;

/// The end of a load.
pub(crate) struct Ending<'r> {
    pub(crate) resources: &'r [Arc<ResourcePlan>],
    pub(crate) scopes: &'r [Option<Arc<str>>],
    /// Those that the load has begun with.
    pub(crate) cursors: &'r [Arc<Cursors>],
    pub(crate) fetcher: &'r Fetcher,
    pub(crate) keeps_cursors: &'r dyn Fn(&ResourcePlan) -> bool,
}

impl Ending<'_> {
    /// The checkpoints that are true from now on. `held` are cursors that were to be stored when the load has ended well.
    pub(crate) fn checkpoints(
        &self,
        destination: &Destination,
        reports: &mut [ResourceReport],
        outcome: Outcome,
        held: Vec<Checkpoint>,
    ) -> Vec<Checkpoint> {
        let finished = reports_to_forget(self.resources, reports, outcome);
        let mut at_rest = Vec::new();
        for (index, plan) in self.resources.iter().enumerate() {
            if !finished.contains(&plan.name) {
                continue;
            }
            let scope = self.scopes[index].as_deref();
            let mut report = reports.iter_mut().find(|report| report.resource == *plan.name);
            let has_failures = report.as_ref().is_some_and(|report| report.failed_partitions > 0);
            let keeps_unfinished = has_failures && self.comes_once(plan);
            let mut is_left = false;
            for checkpoint in destination.checkpoints(&plan.name) {
                let name = self.fetcher.redactor.restore(&checkpoint.partition);
                if within(scope, &name).is_none() {
                    continue;
                }
                if keeps_unfinished && is_unfinished(checkpoint, self.fetcher) {
                    is_left = true;
                    continue;
                }
                let Some(settled) = settled(checkpoint, self.fetcher, (self.keeps_cursors)(plan)) else {
                    continue;
                };
                if let Some(report) = &mut report {
                    let moved = (checkpoint, &settled);
                    note_move(report, plan, &self.cursors[index], moved, self.fetcher);
                }
                at_rest.push(settled);
            }
            // The next run goes on with the partitions that are left, so that for the rows it is the same load.
            at_rest.extend(destination.kept_load(&plan.name).filter(|_| !is_left));
        }
        let is_finished = |checkpoint: &Checkpoint| finished.contains(&checkpoint.resource);
        at_rest.extend(held.into_iter().filter(is_finished));
        at_rest
    }

    /// Whether a parent's record may come but once, so that a partition that has failed is not asked for again because
    /// of it: above it is something incremental. What pairs are made of is not kept beyond a load.
    fn comes_once(&self, plan: &ResourcePlan) -> bool {
        let above = ancestors(plan, self.resources);
        !plan.pairs_parents() && above.iter().any(|ancestor| ancestor.incremental.is_some())
    }
}

/// The resources whose checkpoints have done their duty. After an interruption all are kept, so that the next run goes
/// on with the load; after a failure those are dropped whose whole family came to its end, so that one broken resource
/// does not keep the others from being loaded anew.
fn reports_to_forget(resources: &[Arc<ResourcePlan>], reports: &[ResourceReport], outcome: Outcome) -> Vec<Arc<str>> {
    if outcome == Outcome::Interrupted {
        return Vec::new();
    }
    // Whoever is connected by parents is of one family.
    let mut family: Vec<usize> = (0..resources.len()).collect();
    for (index, plan) in resources.iter().enumerate() {
        for ancestor in ancestors(plan, resources) {
            let Some(other) = resources.iter().position(|other| other.name == ancestor.name) else {
                continue;
            };
            let (joined, own) = (family[other], family[index]);
            family
                .iter_mut()
                .filter(|member| **member == own)
                .for_each(|member| *member = joined);
        }
    }
    let broken: Vec<usize> = resources
        .iter()
        .zip(reports)
        .zip(&family)
        .filter(|((_, report), _)| matches!(report.status, ResourceStatus::Failed | ResourceStatus::Interrupted))
        .map(|(_, family)| *family)
        .collect();
    let settled = resources
        .iter()
        .zip(&family)
        .filter(|(_, family)| !broken.contains(family));
    settled.map(|(plan, _)| Arc::clone(&plan.name)).collect()
}
