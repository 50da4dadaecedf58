//! What the records of one page show of a cursor.

use std::cmp::Ordering;

use restload_model::Value;
use restload_model::diagnostics::did_you_mean;

use super::value::{Comparable, compare};
use super::{IncrementalPlan, OnMissing};
use crate::examination::Finding;

impl IncrementalPlan {
    /// Whether every record has the cursor, of a type that can be compared with the others and with the range.
    pub(crate) fn examine(&self, records: &[Value<'_>]) -> Finding {
        let path = self.cursor.as_str();
        let mut missing = Vec::new();
        let mut range: Option<(&Value<'_>, &Value<'_>)> = None;
        for (index, record) in records.iter().enumerate() {
            let number = index + 1;
            let Some(value) = self.cursor.first(record).filter(|value| !value.is_null()) else {
                missing.push(number);
                continue;
            };
            if Comparable::of(value).is_none() {
                return Finding::bad(
                    format!("`{path}` is {} in record {number}, which has no order", value.kind()),
                    Some("a cursor is a moment, a date, a number, or text that sorts".to_owned()),
                );
            }
            for (bound, name) in [(&self.initial, "initial_value"), (&self.end, "end_value")] {
                if !bound.is_none() && compare(value, &bound.0).is_none() {
                    return Finding::bad(
                        format!(
                            "`{path}` is {} in record {number}, which cannot be compared with `{name}` {}",
                            value.to_json(),
                            bound.0.to_json()
                        ),
                        Some(format!("write `{name}` as the API writes `{path}`")),
                    );
                }
            }
            let (least, greatest) = range.unwrap_or((value, value));
            let (Some(below), Some(above)) = (compare(value, least), compare(value, greatest)) else {
                return Finding::bad(
                    format!(
                        "`{path}` is {} in one record and {} in record {number}, which cannot be compared",
                        least.to_json(),
                        value.to_json()
                    ),
                    None,
                );
            };
            range = Some((
                if below == Ordering::Less { value } else { least },
                if above == Ordering::Greater { value } else { greatest },
            ));
        }
        let (Some((least, greatest)), is_whole) = (range, missing.is_empty()) else {
            return Finding::bad(
                format!("`{path}` is missing or null in all of {} records", records.len()),
                self.near_field(records),
            );
        };
        let seen = format!("`{path}` is from {} to {}", least.to_text(), greatest.to_text());
        let absent = format!(
            "it is missing or null in {} of {} records",
            missing.len(),
            records.len()
        );
        match (is_whole, self.on_missing) {
            (true, _) => Finding::good(seen),
            (false, OnMissing::Raise) => Finding::bad(
                format!("{seen}, but {absent}, first in record {}", missing[0]),
                Some("`on_cursor_value_missing: include` or `exclude` says what becomes of them".to_owned()),
            ),
            (false, OnMissing::Include | OnMissing::Exclude) => Finding::good(format!("{seen}; {absent}")),
        }
    }

    /// A field of the first record whose name is like the cursor's.
    fn near_field(&self, records: &[Value<'_>]) -> Option<String> {
        let first = records.first()?.as_object()?;
        let names = || first.0.iter().map(|(name, _)| &**name);
        let near = did_you_mean(self.cursor.as_str(), names());
        Some(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the first record has {}", names().collect::<Vec<_>>().join(", ")),
        })
    }
}
