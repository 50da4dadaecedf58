//! What is remembered of a cursor: while its partition is under way, and after the load.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::value::{Bound, compare};

/// The cursor of a partition that is under way. `start` does not move until the partition has come to its end, however
/// often the load is interrupted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CursorProgress {
    /// What the values are of: the cursor's path, and `min` where that counts.
    pub of: String,
    /// Where the last load that came to its end has left the cursor.
    #[serde(default, skip_serializing_if = "Bound::is_none")]
    pub before: Bound,
    /// Where this load starts from.
    #[serde(default, skip_serializing_if = "Bound::is_none")]
    pub start: Bound,
    /// The furthest value seen.
    #[serde(default, skip_serializing_if = "Bound::is_none")]
    pub last: Bound,
    /// When the load began that has brought the rows at the start, in microseconds since 1970: it is in the ids by which
    /// they are recognised. Earlier versions have not stored it, and it is not in their rows' ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_began: Option<i64>,
    /// The same of this load, for all other rows: what a load brings has ids of its own, also where an earlier one has
    /// brought the same and is not known any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<i64>,
    /// Digests of the records at `before` that children were given, where they are remembered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_start: Vec<String>,
    /// The same of those at `last`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_last: Vec<String>,
}

/// A cursor between loads; all that is kept of a partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptCursor {
    /// As in [`CursorProgress`].
    pub of: String,
    /// The furthest value of the rows that are stored.
    pub last: Bound,
    /// Where the load that has moved it began, where other partitions of that load begin there, too.
    #[serde(default, skip_serializing_if = "Bound::is_none")]
    pub was: Bound,
    /// As in [`CursorProgress`], of the load that has brought the rows at `last`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<i64>,
    /// The same of those at `was`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_began: Option<i64>,
    /// Whether the load that has moved it has not come to its end: other partitions of what goes on with it still begin at
    /// `was`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsettled: bool,
    /// Digests of the records at `last` that children were given, where they are remembered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_last: Vec<String>,
}

/// A stored partition that is not under way: its cursor, and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The cursor.
    pub cursor: KeptCursor,
}

impl CursorProgress {
    /// The cursor once the partition has come to its end; none while no row has had a value.
    pub fn moved(&self) -> Option<Kept> {
        // More rows at the start are of those that came before them.
        let has_moved = compare(&self.before.0, &self.last.0).is_none_or(Ordering::is_ne);
        let began = if has_moved { self.began } else { self.before_began };
        self.kept(&self.last, began, &self.at_last)
    }

    /// The cursor of a partition that has not come to its end: where it was before.
    pub fn unmoved(&self) -> Option<Kept> {
        self.kept(&self.before, self.before_began, &self.at_start)
    }

    fn kept(&self, value: &Bound, began: Option<i64>, at_last: &[String]) -> Option<Kept> {
        (!value.is_none()).then(|| Kept {
            cursor: KeptCursor {
                of: self.of.clone(),
                last: value.clone(),
                was: Bound::default(),
                began,
                was_began: None,
                unsettled: false,
                at_last: at_last.to_vec(),
            },
        })
    }
}

/// A partition that is walked in windows: where they end, and how many from the first on are loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    /// The end of the last one, frozen as the start is.
    pub end: Bound,
    /// How long each is, as the config had it.
    pub step: String,
    /// Windows that are loaded, without a gap.
    pub done: u64,
}

/// One window of a partition, as its requests name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Its number, from 0.
    pub index: u64,
    /// The first value in it.
    pub start: Bound,
    /// The first value after it.
    pub end: Bound,
    /// Whether none follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_last: bool,
}

impl Slice {
    /// What the name of its partition ends with.
    pub fn suffix(&self) -> String {
        format!(" {}..{}", self.start.0.to_text(), self.end.0.to_text())
    }
}
