//! The records at the cursor, where no table tells of them which an earlier load has given to the children: a parent that
//! is merged takes them again, and one that is only read has no table.

use restload_model::{Value, row_id};

use super::IncrementalPlan;
use super::filter::{Taken, write_sorted};
use super::state::CursorProgress;
use super::value::{Bound, compare};

/// So many are remembered; what else shares the cursor is given to the children again.
const MOST_REMEMBERED: usize = 100;

impl IncrementalPlan {
    /// Has the records at the cursor remembered, for the children's sake.
    pub(crate) fn remember_records(&mut self, is_stored: bool) {
        self.remembers_records = self.repeats_records(is_stored) && self.lag.is_none() && self.window.is_none();
    }

    /// Notes which of the records taken are at the start and were given to the children by an earlier load, and remembers
    /// those at the furthest cursor. `before` is where that was before these records.
    pub(super) fn remember(&self, cursor: &mut CursorProgress, before: &Bound, partition: &str, taken: &mut Taken<'_>) {
        if !self.remembers_records {
            return;
        }
        let is_at = |record: &Value<'_>, bound: &Bound| {
            let value = self.cursor.first(record);
            value.is_some_and(|value| compare(value, &bound.0).is_some_and(std::cmp::Ordering::is_eq))
        };
        if compare(&before.0, &cursor.last.0).is_none_or(std::cmp::Ordering::is_ne) {
            cursor.at_last.clear();
        }
        for (record, at_start) in taken.records.iter().zip(&taken.at_start) {
            let is_last = is_at(record, &cursor.last);
            let digest = (*at_start || is_last).then(|| digest(record, partition));
            let was_given = digest.as_ref().is_some_and(|digest| cursor.at_start.contains(digest));
            taken.was_given.push(*at_start && was_given);
            if let Some(digest) = digest.filter(|_| is_last)
                && cursor.at_last.len() < MOST_REMEMBERED
                && !cursor.at_last.contains(&digest)
            {
                cursor.at_last.push(digest);
            }
        }
    }
}

/// A record as it was: one that has changed is given to the children again.
fn digest(record: &Value<'_>, partition: &str) -> String {
    let mut text = format!("{partition}\0");
    write_sorted(record, &mut text);
    row_id::of_text(&text).to_string()
}
