//! Which records of a page lie in the range that is being loaded, and how far they go.
//!
//! The start does not move while records come, so the order of records and pages does not matter: a record below the
//! furthest value seen, but not below the start, is kept.

use std::cmp::Ordering;

use restload_model::row_id;
use restload_model::{Value, naming};

use super::state::{CursorProgress, Slice};
use super::value::{Bound, Comparable};
use super::{Dedup, IncrementalPlan};
use crate::config::{LastValueFunc, OnMissing, RangeBound, RowOrder};
use crate::extraction::ExtractError;

/// Records in the range.
#[derive(Debug, Default)]
pub struct Taken<'b> {
    /// The records.
    pub records: Vec<Value<'b>>,
    /// Their ids, where rows are recognised when they come again.
    pub ids: Vec<String>,
    /// Whether each is at the start, so that it may have been loaded before.
    pub at_start: Vec<bool>,
    /// Whether each was given to the children by an earlier load; empty where that is not remembered.
    pub was_given: Vec<bool>,
    /// Whether the order of the records says that no further page has any in the range.
    pub is_beyond: bool,
}

impl<'b> Taken<'b> {
    /// Records of a resource that takes all of them.
    pub fn all(records: Vec<Value<'b>>) -> Self {
        Self {
            records,
            ..Self::default()
        }
    }
}

/// What a record's cursor says of it.
enum Place {
    In,
    /// In the range, at its very start.
    AtStart,
    BeforeStart,
    AfterEnd,
    /// In the range, but not in this window.
    Elsewhere,
}

/// The bounds of a range, ready to be compared with.
struct Range<'v> {
    start: Option<Comparable<'v>>,
    end: Option<Comparable<'v>>,
    slice: Option<(Comparable<'v>, Option<Comparable<'v>>)>,
}

impl IncrementalPlan {
    /// Takes the records in the range, and moves the furthest value with them. `partition` tells rows of different
    /// parents apart that are alike otherwise.
    pub fn take<'b>(
        &self,
        cursor: &mut CursorProgress,
        slice: Option<&Slice>,
        partition: &str,
        records: Vec<Value<'b>>,
    ) -> Result<Taken<'b>, ExtractError> {
        let range = self.range(cursor, slice)?;
        let mut taken = Taken::default();
        // The place of the furthest record, so that its value is copied once for a page.
        let mut furthest: Option<usize> = None;
        let last = cursor.last.clone();
        let (before_began, began) = (cursor.before_began, cursor.began);
        for (index, record) in records.into_iter().enumerate() {
            let value = self.cursor.first(&record).filter(|value| !value.is_null());
            let Some(value) = value else {
                match self.on_missing {
                    OnMissing::Raise => return Err(self.missing(index)),
                    // Every window may give it; the first one takes it.
                    OnMissing::Include if slice.is_none_or(|slice| slice.index == 0) => {
                        self.identify(&record, began, partition, &mut taken);
                        taken.at_start.push(false);
                        taken.records.push(record);
                    }
                    OnMissing::Include | OnMissing::Exclude => {}
                }
                continue;
            };
            let at = Comparable::of(value).ok_or_else(|| self.no_order(value, index))?;
            let incomparable = |other: &Bound| self.incomparable(value, &other.0, index);
            let at_start = match self.place(&at, &range, cursor, slice, &incomparable)? {
                Place::BeforeStart => {
                    taken.is_beyond |= self.stops_at_start();
                    continue;
                }
                Place::AfterEnd => {
                    taken.is_beyond |= self.stops_at_end();
                    continue;
                }
                Place::Elsewhere => continue,
                Place::In => false,
                Place::AtStart => true,
            };
            let best = match furthest {
                Some(place) => self.cursor.first(&taken.records[place]),
                None => Some(&last.0).filter(|last| !last.is_null()),
            };
            let advances = match best {
                None => true,
                Some(best) => {
                    let ordering = Comparable::of(best).and_then(|best| at.compare(&best));
                    let ordering = ordering.ok_or_else(|| self.incomparable(value, best, index))?;
                    self.further(ordering) == Ordering::Greater
                }
            };
            if advances {
                furthest = Some(taken.records.len());
            }
            let began = if at_start { before_began } else { began };
            self.identify(&record, began, partition, &mut taken);
            taken.at_start.push(at_start);
            taken.records.push(record);
        }
        if let Some(value) = furthest.and_then(|place| self.cursor.first(&taken.records[place])) {
            cursor.last = Bound(value.clone().into_owned());
        }
        self.remember(cursor, &last, partition, &mut taken);
        Ok(taken)
    }

    fn range<'v>(&'v self, cursor: &'v CursorProgress, slice: Option<&'v Slice>) -> Result<Range<'v>, ExtractError> {
        let bound = |value: &'v Value<'static>| match value {
            Value::Null => Ok(None),
            other => Comparable::of(other)
                .map(Some)
                .ok_or_else(|| ExtractError::new(format!("{} cannot bound a range", other.to_json()))),
        };
        let slice = match slice {
            Some(slice) => {
                let end = if slice.is_last { None } else { bound(&slice.end.0)? };
                bound(&slice.start.0)?.map(|start| (start, end))
            }
            None => None,
        };
        Ok(Range {
            start: bound(&cursor.start.0)?,
            end: bound(&self.end.0)?,
            slice,
        })
    }

    fn place(
        &self,
        at: &Comparable<'_>,
        range: &Range<'_>,
        cursor: &CursorProgress,
        slice: Option<&Slice>,
        incomparable: &impl Fn(&Bound) -> ExtractError,
    ) -> Result<Place, ExtractError> {
        if let Some(end) = &range.end {
            let ordering = at.compare(end).ok_or_else(|| incomparable(&self.end))?;
            match self.further(ordering) {
                Ordering::Greater => return Ok(Place::AfterEnd),
                Ordering::Equal if self.range_end == RangeBound::Open => return Ok(Place::AfterEnd),
                _ => {}
            }
        }
        let mut place = Place::In;
        if let Some(start) = &range.start {
            let ordering = at.compare(start).ok_or_else(|| incomparable(&cursor.start))?;
            match self.further(ordering) {
                Ordering::Less => return Ok(Place::BeforeStart),
                // The record itself is not below the start, so that an order says nothing of the next page yet.
                Ordering::Equal if self.range_start == RangeBound::Open => return Ok(Place::Elsewhere),
                Ordering::Equal => place = Place::AtStart,
                Ordering::Greater => {}
            }
        }
        if let (Some((start, end)), Some(slice)) = (&range.slice, slice) {
            let from = at.compare(start).ok_or_else(|| incomparable(&slice.start))?;
            let is_after = match end {
                Some(end) => at.compare(end).ok_or_else(|| incomparable(&slice.end))?.is_ge(),
                None => false,
            };
            if from.is_lt() || is_after {
                return Ok(Place::Elsewhere);
            }
        }
        Ok(place)
    }

    /// An ordering in the direction in which the cursor moves.
    fn further(&self, ordering: Ordering) -> Ordering {
        match self.last_value_func {
            LastValueFunc::Max => ordering,
            LastValueFunc::Min => ordering.reverse(),
        }
    }

    /// Whether the order of the records leads to the start, so that none follows once it is passed.
    fn stops_at_start(&self) -> bool {
        matches!(
            (self.row_order, self.last_value_func),
            (Some(RowOrder::Desc), LastValueFunc::Max) | (Some(RowOrder::Asc), LastValueFunc::Min)
        )
    }

    fn stops_at_end(&self) -> bool {
        matches!(
            (self.row_order, self.last_value_func),
            (Some(RowOrder::Asc), LastValueFunc::Max) | (Some(RowOrder::Desc), LastValueFunc::Min)
        )
    }

    /// Notes the id of a record: a digest of its key and cursor, or of all of it, and of when the load began that brings
    /// or has brought it.
    fn identify(&self, record: &Value<'_>, began: Option<i64>, partition: &str, taken: &mut Taken<'_>) {
        let mut text = match began {
            Some(began) => format!("{began}\0{partition}\0"),
            None => format!("{partition}\0"),
        };
        match &self.dedup {
            Dedup::Off => return,
            Dedup::ByKey(names) if write_key(record, names, &mut text) => {
                if let Some(value) = self.cursor.first(record) {
                    value.write_json(&mut text);
                }
            }
            Dedup::ByKey(_) | Dedup::ByContent => write_sorted(record, &mut text),
        }
        taken.ids.push(row_id::of_text(&text).to_string());
    }

    fn missing(&self, index: usize) -> ExtractError {
        ExtractError::new(format!(
            "record {} of `{}` has no `{}`, its cursor",
            index + 1,
            self.resource,
            self.cursor.as_str()
        ))
        .with_help("set `on_cursor_value_missing: include` or `exclude` if that may be, or correct `cursor_path`")
    }

    fn no_order(&self, value: &Value<'_>, index: usize) -> ExtractError {
        ExtractError::new(format!(
            "the cursor `{}` of record {} of `{}` is {}, which has no order",
            self.cursor.as_str(),
            index + 1,
            self.resource,
            value.kind()
        ))
        .with_help("a cursor is a moment, a date, a number or a text")
    }

    fn incomparable(&self, value: &Value<'_>, other: &Value<'_>, index: usize) -> ExtractError {
        ExtractError::new(format!(
            "the cursor `{}` of record {} of `{}` is {}, which cannot be compared with {}",
            self.cursor.as_str(),
            index + 1,
            self.resource,
            value.to_json(),
            other.to_json()
        ))
        .with_help(
            "`initial_value` and `end_value`, or `--from` and `--until`, must be of the records' own kind; after a change \
             of the API, `--full-refresh` forgets the stored cursor",
        )
    }
}

/// Writes the values of a key; false when the record lacks one, so that it is told by all of itself.
fn write_key(record: &Value<'_>, names: &[String], out: &mut String) -> bool {
    let Value::Object(members) = record else { return false };
    for name in names {
        let normalized = || {
            let is_it = |key: &str| naming::normalize(key, naming::MAX_LENGTH) == *name;
            members.0.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
        };
        match members.get(name).or_else(normalized) {
            Some(Value::Null) | None => return false,
            Some(value) => {
                value.write_json(out);
                out.push('\0');
            }
        }
    }
    true
}

/// Writes a value with the keys of its objects in order, so that equal records are equal texts.
pub(super) fn write_sorted(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.0.iter().collect();
            sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
            out.push('{');
            for (key, value) in sorted {
                Value::from(key.as_ref()).write_json(out);
                out.push(':');
                write_sorted(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::List(elements) => {
            out.push('[');
            for element in elements {
                write_sorted(element, out);
                out.push(',');
            }
            out.push(']');
        }
        scalar => scalar.write_json(out),
    }
}
