//! The end of walks that have none.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

use super::Progress;
use crate::paginators::Position;

/// Notices a walk that comes round to a page again. So many positions are remembered by their hashes, and a circle
/// among them is seen before any page of it is loaded twice; after them one earlier position is kept, and replaced at
/// every power of two (Brent's algorithm), so that memory stays constant.
#[derive(Debug)]
pub(super) struct LoopGuard {
    remembered: HashSet<u64>,
    kept: Position,
    steps: u64,
    limit: u64,
}

impl LoopGuard {
    const MOST_REMEMBERED: usize = 8_192;

    pub(super) fn new(progress: &Progress) -> Self {
        let known = progress.repeated.iter().chain([&progress.position]);
        Self {
            remembered: known.map(hash_of).collect(),
            kept: progress.position.clone(),
            steps: 0,
            limit: 1,
        }
    }

    pub(super) fn has_seen(&mut self, next: &Position) -> bool {
        if matches!(next, Position::Page(_) | Position::Offset(_)) {
            // A counter does not come round.
            return false;
        }
        if self.remembered.len() < Self::MOST_REMEMBERED {
            return !self.remembered.insert(hash_of(next));
        }
        if *next == self.kept || self.remembered.contains(&hash_of(next)) {
            return true;
        }
        self.steps += 1;
        if self.steps == self.limit {
            self.kept = next.clone();
            self.steps = 0;
            self.limit *= 2;
        }
        false
    }
}

fn hash_of(position: &Position) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(position.to_string().as_bytes());
    hasher.finish()
}
