//! What the parents' records become: a partition for each, for several together, or for every pair of them.
//!
//! Partitions are made as they are walked, so that there are never more than fit the client's limits, however many
//! pairs there are.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use restload_model::row_id;
use restload_source::extraction::{Progress, paired, settle_missing};
use restload_source::parent_fields::Parents;
use restload_source::plan::ResourcePlan;

use super::digests::{Digests, cannot_note};
use super::naming::nameable;
use super::rows::{checkpoint, checkpoint_of, hand_over_checkpoints};
use super::shared::{Shared, Spawned, Stopped, failed, stop};
use super::stored::Left;

/// What parents' records that wait for those of other parents may take, by the text of the fields that are wanted of
/// them.
const MOST_HELD_BYTES: usize = 64 << 20;

/// Makes partitions of what an interrupted load has left, and of what the parents send.
#[derive(Debug)]
pub(super) struct Feed {
    left: Left,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// One for each record.
    Single(VecDeque<Spawned>),
    /// One for several records.
    Batches(Batches),
    /// One for each pair.
    Pairs(Pairs),
}

impl Feed {
    pub(super) fn new(plan: &ResourcePlan, left: Left) -> Self {
        let kind = if let Some(batch) = &plan.batch {
            Kind::Batches(Batches {
                size: batch.size,
                waiting: VecDeque::new(),
                is_open: true,
            })
        } else if plan.pairs_parents() {
            Kind::Pairs(Pairs {
                sides: plan.direct_parents().map(|link| Side::new(&link.resource)).collect(),
                pending: VecDeque::new(),
                held_bytes: 0,
                known: Digests::default(),
                none_are_left: false,
            })
        } else {
            Kind::Single(VecDeque::new())
        };
        Self { left, kind }
    }

    /// Takes a parent's record.
    pub(super) fn add(&mut self, spawned: Spawned) {
        match &mut self.kind {
            Kind::Single(waiting) => waiting.push_back(spawned),
            Kind::Batches(batches) => batches.waiting.push_back(spawned),
            Kind::Pairs(pairs) => pairs.add(spawned),
        }
    }

    /// Takes note that a parent has come to its end.
    pub(super) fn parent_ended(&mut self, parent: &str) {
        if let Kind::Pairs(pairs) = &mut self.kind
            && let Some(side) = pairs.sides.iter_mut().find(|side| *side.parent == *parent)
        {
            side.has_ended = true;
        }
    }

    /// Takes note that nothing more comes.
    pub(super) fn close(&mut self) {
        if let Kind::Batches(batches) = &mut self.kind {
            batches.is_open = false;
        }
    }

    /// The next partition to walk, if there is one by now.
    pub(super) async fn next(&mut self, shared: &Shared) -> Result<Option<Spawned>, Stopped> {
        loop {
            let next = match &mut self.kind {
                Kind::Single(waiting) => waiting.pop_front(),
                Kind::Batches(batches) => batches.next(shared, self.left.is_over)?,
                Kind::Pairs(pairs) => pairs.next(shared, &mut self.left).await?,
            };
            if next.is_some() || self.left.is_over {
                return Ok(next);
            }
            let Some(spawned) = self.left.next(shared)? else {
                continue;
            };
            if matches!(self.kind, Kind::Single(_)) || !shared.plan.is_part(&spawned.progress) {
                return Ok(Some(spawned));
            }
            self.add(spawned);
        }
    }

    /// A part that cannot be placed would be lost without a word.
    pub(super) fn check_empty(&self) -> Result<(), Stopped> {
        match &self.kind {
            Kind::Batches(batches) if !batches.waiting.is_empty() => {
                Err(failed("records of the parent are left over".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// Parents' records that are requested together.
#[derive(Debug)]
pub(super) struct Batches {
    size: usize,
    waiting: VecDeque<Spawned>,
    is_open: bool,
}

impl Batches {
    fn next(&mut self, shared: &Shared, none_are_left: bool) -> Result<Option<Spawned>, Stopped> {
        let more_may_come = self.is_open || !none_are_left;
        if self.waiting.is_empty() || (more_may_come && self.waiting.len() < self.size) {
            return Ok(None);
        }
        let mut members = Vec::new();
        let mut checkpoints = Vec::new();
        while members.len() < self.size
            && let Some(mut part) = self.waiting.pop_front()
        {
            match settle_missing(&shared.plan, &mut part.progress) {
                Ok(true) => members.push(part.progress.parents),
                Ok(false) => {
                    shared.counts.skipped.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => return Err(stop(shared, 1, None, &error)),
            }
            if shared.is_resumable {
                let scope = shared.scope.as_deref();
                checkpoints.push(checkpoint(shared, &shared.plan.name, scope, &part.partition, None));
            }
        }
        let batch = (!members.is_empty()).then(|| {
            let name = serde_json::to_string(&members).unwrap_or_default();
            Spawned::new(
                format!("batch {}", row_id::of_text(&name)).into(),
                Progress {
                    batch: members,
                    ..Progress::start(Parents::new())
                },
            )
        });
        // With one transaction the records stop waiting and the batch is there.
        if let Some(batch) = &batch {
            checkpoints.extend(checkpoint_of(shared, &batch.partition, &batch.progress));
        }
        hand_over_checkpoints(shared, checkpoints)?;
        match batch {
            Some(batch) => Ok(Some(batch)),
            None => self.next(shared, none_are_left),
        }
    }
}

/// Every pair of records of several parents, or every triple, and so on.
#[derive(Debug)]
pub(super) struct Pairs {
    /// In the order in which the endpoint names the parents.
    sides: Vec<Side>,
    /// Records whose pairs are still to be made, with what had come of the others when they came: a record is paired
    /// with earlier ones only, so that every pair is made once.
    pending: VecDeque<Pending>,
    held_bytes: usize,
    /// The partitions of an incremental resource that have a cursor.
    known: Digests,
    /// Whether all records have come that an interrupted load has left.
    none_are_left: bool,
}

#[derive(Debug)]
struct Side {
    parent: Arc<str>,
    held: Vec<Arc<Progress>>,
    has_ended: bool,
}

#[derive(Debug)]
struct Pending {
    part: Arc<Progress>,
    side: usize,
    /// How many of each side it is paired with.
    counts: Vec<usize>,
    /// The pairs that are made already.
    made: usize,
}

impl Side {
    fn new(parent: &str) -> Self {
        Self {
            parent: parent.into(),
            held: Vec::new(),
            has_ended: false,
        }
    }
}

impl Pending {
    /// The records of the next pair, one of each side.
    fn next(&mut self, sides: &[Side]) -> Option<Vec<Arc<Progress>>> {
        let mut rest = self.made;
        let mut parts = Vec::with_capacity(sides.len());
        for (index, (side, count)) in sides.iter().zip(&self.counts).enumerate() {
            if index == self.side {
                parts.push(Arc::clone(&self.part));
                continue;
            }
            if *count == 0 {
                return None;
            }
            parts.push(Arc::clone(&side.held[rest % count]));
            rest /= count;
        }
        self.made += 1;
        (rest == 0).then_some(parts)
    }
}

impl Pairs {
    fn add(&mut self, spawned: Spawned) {
        let part = Arc::new(spawned.progress);
        let is_of = |side: &Side| part.parents.contains_key(&*side.parent);
        let Some(side) = self.sides.iter().position(is_of) else {
            return;
        };
        self.pending.push_back(Pending {
            part: Arc::clone(&part),
            side,
            counts: self.sides.iter().map(|side| side.held.len()).collect(),
            made: 0,
        });
        // Once all others have come to their end, nothing comes that it could be paired with.
        if self.may_meet_more(side) {
            self.held_bytes += spawned.partition.len();
            self.sides[side].held.push(part);
        }
    }

    fn may_meet_more(&self, side: usize) -> bool {
        if !self.none_are_left {
            return true;
        }
        let mut others = self.sides.iter().enumerate().filter(|(index, _)| *index != side);
        others.any(|(_, other)| !other.has_ended)
    }

    async fn next(&mut self, shared: &Shared, left: &mut Left) -> Result<Option<Spawned>, Stopped> {
        self.none_are_left = left.is_over;
        if self.held_bytes > MOST_HELD_BYTES {
            return Err(Stopped::Failed {
                error: format!(
                    "the records of its parents that wait for each other take more than {} MiB",
                    MOST_HELD_BYTES >> 20
                ),
                help: Some(
                    "let one of the parents be small and quick to end, such as one whose `records` the config gives"
                        .to_owned(),
                ),
            });
        }
        while let Some(pending) = self.pending.front_mut() {
            let Some(parts) = pending.next(&self.sides) else {
                self.pending.pop_front();
                continue;
            };
            let Some(progress) = joined(&parts) else { continue };
            let Some(spawned) = self.begin(shared, left, progress).await? else {
                continue;
            };
            return Ok(Some(spawned));
        }
        self.forget_held();
        Ok(None)
    }

    async fn begin(
        &mut self,
        shared: &Shared,
        left: &mut Left,
        progress: Progress,
    ) -> Result<Option<Spawned>, Stopped> {
        let untold = |error| failed(cannot_note(&error));
        let Some(nameable) = nameable(&shared.plan, progress, &mut self.known).map_err(untold)? else {
            return Ok(None);
        };
        let digest = row_id::of_partition(nameable.name());
        if left.finished.contains(digest).map_err(untold)? {
            return Ok(None);
        }
        if left.pairs.contains(digest).map_err(untold)? {
            let name = nameable.name();
            let under_way = shared.cursors.under_way(std::slice::from_ref(name)).await;
            if let Some(progress) = under_way.map_err(|_| Stopped::Cancelled)?.remove(name) {
                return Ok(Some(Spawned::left(Arc::clone(name), progress)));
            }
        }
        let names: Vec<Arc<str>> = nameable.names().cloned().collect();
        let cursors = shared.cursors.of(&names).await.map_err(|_| Stopped::Cancelled)?;
        let begun = nameable.begin(&shared.plan, &cursors);
        let begun = begun.map_err(|error| stop(shared, 1, None, &error))?;
        Ok(Some(begun.spawned))
    }

    /// Lets go of records that nothing comes for any more.
    fn forget_held(&mut self) {
        for index in 0..self.sides.len() {
            if !self.may_meet_more(index) {
                self.sides[index].held = Vec::new();
            }
        }
        if self.sides.iter().all(|side| side.held.is_empty()) {
            self.held_bytes = 0;
        }
    }
}

/// The partition for records of all parents, where they go together.
fn joined(parts: &[Arc<Progress>]) -> Option<Progress> {
    let mut progress = Progress::start(Parents::new());
    for part in parts {
        progress = paired(&progress, part)?;
    }
    Some(progress)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn part(parent: &str, id: u64, shop: u64) -> Spawned {
        let parents = Parents::from([
            (parent.to_owned(), json!({ "id": id })),
            ("shops".to_owned(), json!({ "id": shop })),
        ]);
        let name = serde_json::to_string(&parents).unwrap();
        Spawned::new(name.into(), Progress::start(parents))
    }

    fn pairs() -> Pairs {
        Pairs {
            sides: vec![Side::new("a"), Side::new("b")],
            pending: VecDeque::new(),
            held_bytes: 0,
            known: Digests::default(),
            none_are_left: true,
        }
    }

    fn made(pairs: &mut Pairs) -> Vec<(u64, u64)> {
        let mut made = Vec::new();
        while let Some(pending) = pairs.pending.front_mut() {
            let Some(parts) = pending.next(&pairs.sides) else {
                pairs.pending.pop_front();
                continue;
            };
            if let Some(progress) = joined(&parts) {
                let id = |parent: &str| progress.parents[parent]["id"].as_u64().unwrap();
                made.push((id("a"), id("b")));
            }
        }
        pairs.forget_held();
        made
    }

    /// Whatever order records come in, every pair is made once.
    #[test]
    fn every_pair_is_made_once() {
        for order in ["aabb", "abab", "bbaa", "baab", "abba"] {
            let mut pairs = pairs();
            let mut all = Vec::new();
            let (mut a, mut b) = (0, 10);
            for side in order.chars() {
                let count = if side == 'a' { &mut a } else { &mut b };
                *count += 1;
                pairs.add(part(&side.to_string(), *count, 1));
                all.extend(made(&mut pairs));
            }
            all.sort_unstable();
            assert_eq!(all, [(1, 11), (1, 12), (2, 11), (2, 12)], "{order}");
        }
    }

    #[test]
    fn records_of_different_ancestors_are_no_pair() {
        let mut pairs = pairs();
        for (parent, id, shop) in [("a", 1, 1), ("a", 2, 2), ("b", 11, 1), ("b", 12, 2)] {
            pairs.add(part(parent, id, shop));
        }
        assert_eq!(made(&mut pairs), [(1, 11), (2, 12)]);
    }

    /// A parent of any size takes no memory once the others have ended.
    #[test]
    fn nothing_is_held_for_a_parent_that_has_ended() {
        let mut pairs = pairs();
        pairs.add(part("b", 11, 1));
        pairs.add(part("b", 12, 1));
        pairs.sides[1].has_ended = true;
        for id in 1..100 {
            pairs.add(part("a", id, 1));
            assert_eq!(made(&mut pairs), [(id, 11), (id, 12)]);
            assert!(pairs.sides[0].held.is_empty());
        }
        pairs.sides[0].has_ended = true;
        made(&mut pairs);
        assert!(pairs.sides[1].held.is_empty() && pairs.held_bytes == 0);
    }
}
