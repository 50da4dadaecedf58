//! What stays of a load's checkpoints when it has ended: cursors, and what is still to be done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use restload_destination::Settle;
use restload_model::checkpoint::Checkpoint;
use restload_source::plan::ResourcePlan;

use crate::family::ancestors;
use crate::fetch::Fetcher;
use crate::report::{CursorMove, Outcome, ResourceReport, ResourceStatus};
use crate::resource::{is_unfinished, note_move, settled, within};

/// The end of a load.
pub(crate) struct Ending<'r> {
    resources: &'r [Arc<ResourcePlan>],
    scopes: &'r [Option<Arc<str>>],
    fetcher: &'r Fetcher,
    keeps_cursors: Vec<bool>,
    /// Those that have come to their end.
    finished: Vec<Arc<str>>,
    /// Those of whose partitions some have failed, and are kept.
    keeps_unfinished: Vec<Arc<str>>,
    found: Mutex<FoundOut>,
}

/// What comes to light as checkpoints are gone through.
#[derive(Debug, Default)]
struct FoundOut {
    /// Resources that have unfinished partitions left.
    left: BTreeSet<Arc<str>>,
    moves: BTreeMap<Arc<str>, Option<CursorMove>>,
}

impl<'r> Ending<'r> {
    pub(crate) fn new(
        (resources, scopes): (&'r [Arc<ResourcePlan>], &'r [Option<Arc<str>>]),
        fetcher: &'r Fetcher,
        keeps_cursors: impl Fn(&ResourcePlan) -> bool,
        reports: &[ResourceReport],
        outcome: Outcome,
    ) -> Self {
        let has_failures = |plan: &ResourcePlan| {
            let report = reports.iter().find(|report| report.resource == *plan.name);
            report.is_some_and(|report| report.failed_partitions > 0)
        };
        let kept = resources
            .iter()
            .filter(|plan| has_failures(plan) && comes_once(plan, resources));
        Self {
            resources,
            scopes,
            fetcher,
            keeps_cursors: resources.iter().map(|plan| keeps_cursors(plan)).collect(),
            finished: reports_to_forget(resources, reports, outcome),
            keeps_unfinished: kept.map(|plan| Arc::clone(&plan.name)).collect(),
            found: Mutex::default(),
        }
    }

    /// Adds the moves of cursors to the reports.
    pub(crate) fn tell(self, reports: &mut [ResourceReport]) {
        let found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (resource, moves) in found.moves {
            let report = reports.iter_mut().find(|report| report.resource == *resource);
            if let Some((report, moves)) = report.zip(moves) {
                report.cursors.get_or_insert_default().merge(moves);
            }
        }
    }
}

impl Settle for Ending<'_> {
    fn begin(&self) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = FoundOut::default();
    }

    fn resources(&self) -> &[Arc<str>] {
        &self.finished
    }

    fn settle(&self, checkpoint: &Checkpoint) -> Option<Checkpoint> {
        let index = self
            .resources
            .iter()
            .position(|plan| plan.name == checkpoint.resource)?;
        let name = self.fetcher.redactor.restore(&checkpoint.partition);
        within(self.scopes[index].as_deref(), &name)?;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if self.keeps_unfinished.contains(&checkpoint.resource) && is_unfinished(checkpoint, self.fetcher) {
            found.left.insert(Arc::clone(&checkpoint.resource));
            return None;
        }
        let settled = settled(checkpoint, self.fetcher, self.keeps_cursors[index])?;
        let moves = found.moves.entry(Arc::clone(&checkpoint.resource)).or_default();
        note_move(moves, &self.resources[index], (checkpoint, &settled), self.fetcher);
        Some(settled)
    }

    /// Where partitions are left, the next run goes on with them, so that for the rows it is the same load.
    fn is_over(&self, resource: &str) -> bool {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        !found.left.contains(resource)
    }
}

/// Whether a parent's record may come but once, so that a partition that has failed is not asked for again because of it:
/// above it is something incremental. What pairs are made of is not kept beyond a load.
fn comes_once(plan: &ResourcePlan, resources: &[Arc<ResourcePlan>]) -> bool {
    let above = ancestors(plan, resources);
    !plan.pairs_parents() && above.iter().any(|ancestor| ancestor.incremental.is_some())
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
