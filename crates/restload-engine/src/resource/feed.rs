//! What the parents' records become: a partition for each, for several together, or for every pair of them.
//!
//! Partitions are made as they are walked, so that there are never more than fit the client's limits, however many
//! pairs there are.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use restload_model::row_id;
use restload_source::extraction::{Progress, paired, settle_missing};
use restload_source::parent_fields::Parents;

use super::digests::{Digests, cannot_note};
use super::naming::nameable;
use super::rows::{checkpoint, checkpoint_of, hand_over_checkpoints};
use super::shared::{Shared, Spawned, Stopped, failed, stop};

/// What parents' records that wait for those of other parents may take, by the text of the fields that are wanted of
/// them.
const MOST_HELD_BYTES: usize = 64 << 20;

/// Makes partitions of what the parents send.
#[derive(Debug)]
pub(super) enum Feed {
    /// One for each record.
    Single(VecDeque<Spawned>),
    /// One for several records.
    Batches(Batches),
    /// One for each pair.
    Pairs(Pairs),
}

impl Feed {
    /// A feed that begins with what an interrupted load has left, but for what it has finished.
    pub(super) fn new(shared: &Shared, stored: Vec<Spawned>, finished: Digests) -> Self {
        let plan = &shared.plan;
        if let Some(batch) = &plan.batch {
            let (waiting, ready) = stored.into_iter().partition(|spawned| plan.is_part(&spawned.progress));
            return Self::Batches(Batches {
                size: batch.size,
                waiting,
                ready,
                is_open: true,
            });
        }
        if !plan.pairs_parents() {
            return Self::Single(stored.into());
        }
        let mut pairs = Pairs {
            sides: plan.direct_parents().map(|link| Side::new(&link.resource)).collect(),
            under_way: BTreeMap::new(),
            pending: VecDeque::new(),
            held_bytes: 0,
            known: Digests::default(),
            finished,
        };
        let (parts, begun): (Vec<_>, Vec<_>) = stored.into_iter().partition(|spawned| plan.is_part(&spawned.progress));
        for spawned in begun {
            pairs.under_way.insert(Arc::clone(&spawned.partition), spawned);
        }
        for part in parts {
            pairs.add(part);
        }
        Self::Pairs(pairs)
    }

    /// Takes a parent's record.
    pub(super) fn add(&mut self, spawned: Spawned) {
        match self {
            Self::Single(waiting) => waiting.push_back(spawned),
            Self::Batches(batches) => batches.waiting.push_back(spawned),
            Self::Pairs(pairs) => pairs.add(spawned),
        }
    }

    /// Takes note that a parent has come to its end.
    pub(super) fn parent_ended(&mut self, parent: &str) {
        if let Self::Pairs(pairs) = self
            && let Some(side) = pairs.sides.iter_mut().find(|side| *side.parent == *parent)
        {
            side.has_ended = true;
        }
    }

    /// Takes note that nothing more comes.
    pub(super) fn close(&mut self) {
        if let Self::Batches(batches) = self {
            batches.is_open = false;
        }
    }

    /// The next partition to walk, if there is one by now.
    pub(super) async fn next(&mut self, shared: &Shared) -> Result<Option<Spawned>, Stopped> {
        match self {
            Self::Single(waiting) => Ok(waiting.pop_front()),
            Self::Batches(batches) => batches.next(shared),
            Self::Pairs(pairs) => pairs.next(shared).await,
        }
    }
}

/// Parents' records that are requested together.
#[derive(Debug)]
pub(super) struct Batches {
    size: usize,
    waiting: VecDeque<Spawned>,
    /// Those that an interrupted load has begun.
    ready: VecDeque<Spawned>,
    is_open: bool,
}

impl Batches {
    fn next(&mut self, shared: &Shared) -> Result<Option<Spawned>, Stopped> {
        if let Some(ready) = self.ready.pop_front() {
            return Ok(Some(ready));
        }
        if self.waiting.is_empty() || (self.is_open && self.waiting.len() < self.size) {
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
            None => self.next(shared),
        }
    }
}

/// Every pair of records of several parents, or every triple, and so on.
#[derive(Debug)]
pub(super) struct Pairs {
    /// In the order in which the endpoint names the parents.
    sides: Vec<Side>,
    /// The pairs that an interrupted load has begun; those that it has finished, too, where their pages are counted.
    under_way: BTreeMap<Arc<str>, Spawned>,
    /// Records whose pairs are still to be made, with what had come of the others when they came: a record is paired
    /// with earlier ones only, so that every pair is made once.
    pending: VecDeque<Pending>,
    held_bytes: usize,
    /// The partitions of an incremental resource that have a cursor.
    known: Digests,
    /// The pairs that an interrupted load has finished.
    finished: Digests,
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
        let mut others = self.sides.iter().enumerate().filter(|(index, _)| *index != side);
        others.any(|(_, other)| !other.has_ended)
    }

    async fn next(&mut self, shared: &Shared) -> Result<Option<Spawned>, Stopped> {
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
            let Some(spawned) = self.begin(shared, progress).await? else {
                continue;
            };
            return Ok(Some(spawned));
        }
        self.forget_held();
        Ok(None)
    }

    async fn begin(&mut self, shared: &Shared, progress: Progress) -> Result<Option<Spawned>, Stopped> {
        let untold = |error| failed(cannot_note(&error));
        let Some(nameable) = nameable(&shared.plan, progress, &mut self.known).map_err(untold)? else {
            return Ok(None);
        };
        let digest = row_id::of_partition(nameable.name());
        if self.finished.contains(digest).map_err(untold)? {
            return Ok(None);
        }
        if let Some(stored) = self.under_way.remove(nameable.name()) {
            return Ok((!stored.progress.done).then_some(stored));
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

/// A part that the feed cannot place would be lost without a word.
pub(super) fn check_empty(feed: &Feed) -> Result<(), Stopped> {
    match feed {
        Feed::Batches(batches) if !batches.waiting.is_empty() => {
            Err(failed("records of the parent are left over".to_owned()))
        }
        _ => Ok(()),
    }
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
            under_way: BTreeMap::new(),
            pending: VecDeque::new(),
            held_bytes: 0,
            known: Digests::default(),
            finished: Digests::default(),
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
