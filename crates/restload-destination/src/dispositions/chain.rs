//! Which loads count as one: a load that goes on with an interrupted one is, for the rows, the same load.
//!
//! What a load replaces or ends is told by the loads that rows carry, and an interrupted load's rows carry its id. The
//! ids of such a chain are kept in the state of the resource, from its first step until the checkpoints are gone from
//! which a next run would go on; they are written and removed in the same transactions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use restload_model::checkpoint::Checkpoint;
use restload_model::schema::{MergeStrategy, Target, WriteDisposition};
use serde_json::{Value, json};

use crate::error::DestinationError;
use crate::system;
use crate::transaction::Transaction;

/// The partition that a chain is kept under in the state of its resource.
pub(crate) const CHAIN: &str = "_rl_load";

/// The loads that count as one for a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    loads: Vec<String>,
    /// When the first of them began, in microseconds since 1970, UTC.
    begun_at: i64,
    /// Whether rows of this load were written before it was kept: nobody knows which.
    is_partial: bool,
    /// Whether the load that is going on is among them.
    is_current: bool,
    /// Whether a step was committed.
    has_steps: bool,
}

/// The chains of all resources.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chains {
    known: HashMap<Arc<str>, Chain>,
    /// Resources whose checkpoints an earlier load has left.
    pub(crate) resumed: HashSet<Arc<str>>,
    /// Resources that begin with their first page, whatever an earlier load has left.
    pub(crate) restarted: HashSet<Arc<str>>,
    /// The load is limited: it does not hold all there is.
    pub(crate) is_sample: bool,
}

impl Chain {
    fn to_json(&self) -> String {
        json!({ "loads": self.loads, "begun_at": self.begun_at, "partial": self.is_partial }).to_string()
    }

    fn from_json(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let loads = value.get("loads")?.as_array()?.iter();
        Some(Self {
            loads: loads.filter_map(|load| Some(load.as_str()?.to_owned())).collect(),
            begun_at: value.get("begun_at")?.as_i64()?,
            is_partial: value.get("partial")?.as_bool()?,
            is_current: false,
            has_steps: true,
        })
    }
}

impl Chains {
    /// Takes note of a chain that is stored.
    pub(crate) fn remember(&mut self, resource: Arc<str>, stored: &str) {
        if let Some(chain) = Chain::from_json(stored) {
            self.known.insert(resource, chain);
        }
    }

    /// The ids of the loads that count as this one, and whether a step of it was committed.
    pub(crate) fn loads_and_steps(&self, resource: &str) -> (Vec<String>, bool) {
        self.known
            .get(resource)
            .map_or_else(Default::default, |chain| (chain.loads.clone(), chain.has_steps))
    }

    /// When the load began, in microseconds since 1970, UTC.
    pub(crate) fn begun_at(&self, resource: &str) -> Option<i64> {
        self.known.get(resource).map(|chain| chain.begun_at)
    }

    /// Whether rows of the load may be told by the loads they carry.
    pub(crate) fn is_partial(&self, resource: &str) -> bool {
        self.known.get(resource).is_some_and(|chain| chain.is_partial)
    }

    pub(crate) fn has(&self, resource: &str) -> bool {
        self.known.contains_key(resource)
    }

    pub(crate) fn note_step(&mut self, resource: &str) {
        if let Some(chain) = self.known.get_mut(resource) {
            chain.has_steps = true;
        }
    }

    /// The state of a resource is forgotten.
    pub(crate) fn forget(&mut self, resource: &str) {
        self.known.remove(resource);
        self.resumed.remove(resource);
    }
}

/// Whether what a target's rows do depends on the load as a whole.
pub(crate) fn spans_steps(target: &Target) -> bool {
    target.dedup_sort().is_some() || marks_rows(target)
}

/// Whether every row must carry the load that had it last.
pub(crate) fn marks_rows(target: &Target) -> bool {
    let merging = &target.merging;
    target.write_disposition == WriteDisposition::Merge
        && (merging.delete_missing
            || !merging.groups.is_empty()
            || matches!(merging.strategy, MergeStrategy::History(_)))
}

impl Transaction<'_> {
    /// Makes this load part of the resource's chain, with its first step.
    pub(crate) async fn join_chain(&mut self, target: &Target) -> Result<(), DestinationError> {
        let resource = &target.resource;
        let chains = &mut self.memory.chains;
        if !spans_steps(target) || chains.known.get(resource).is_some_and(|chain| chain.is_current) {
            return Ok(());
        }
        let begins_anew = self.full_refresh || (chains.restarted.contains(resource) && !chains.is_sample);
        let stored = chains.known.remove(resource).filter(|_| !begins_anew);
        // A sample goes on with nothing, so there is nothing to keep of it, unless it changes rows of a load that is yet
        // to be gone on with. A full refresh keeps what is stored until it takes effect.
        let is_kept = !self.full_refresh && (stored.is_some() || !chains.is_sample);
        let mut chain = stored.unwrap_or_else(|| Chain {
            loads: Vec::new(),
            begun_at: self.started_at,
            is_partial: chains.resumed.contains(resource) && !begins_anew,
            is_current: false,
            has_steps: false,
        });
        chain.loads.push(self.stamp.load_id.to_owned());
        chain.is_current = true;
        let position = chain.to_json();
        chains.known.insert(Arc::clone(resource), chain);
        if !is_kept {
            return Ok(());
        }
        let row = Checkpoint {
            resource: Arc::clone(resource),
            partition: CHAIN.into(),
            position: Some(position),
        };
        self.write_system(&system::state_rows(self.stamp, &[&row])).await
    }
}
