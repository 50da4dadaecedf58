//! `dedup_sort`: which of several rows with the same key counts, also when they come in different steps of a load.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use restload_model::batch::{Batch, Cell};
use restload_model::schema::{Share, SortOrder, Target};

use super::fates::{Fate, Fates};
use crate::error::DestinationError;
use crate::system::{self, NEWEST};
use crate::transaction::Transaction;
use crate::writers::Param;

/// A value that rows are put in order by. It can be stored, to be compared with what a later step brings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SortValue {
    Whole(i64),
    Double(f64),
    /// Digits with an optional sign and point.
    Decimal(String),
    Text(String),
}

impl SortValue {
    /// None for NULL.
    pub(crate) fn of_cell(cell: Cell<'_>) -> Option<Self> {
        Some(match cell {
            Cell::Null => return None,
            Cell::Bool(flag) => Self::Whole(i64::from(flag)),
            Cell::Bigint(number) | Cell::Timestamp(number) | Cell::TimestampNtz(number) | Cell::Time(number) => {
                Self::Whole(number)
            }
            Cell::Date(days) => Self::Whole(i64::from(days)),
            Cell::Double(number) => Self::Double(number),
            Cell::Numeric(digits) => Self::Decimal(digits.to_owned()),
            Cell::Text(text) | Cell::Json(text) => Self::Text(text.to_owned()),
            Cell::Binary(_) => {
                let mut text = String::new();
                cell.write_text(&mut text);
                Self::Text(text)
            }
        })
    }

    fn to_stored(&self) -> String {
        match self {
            Self::Whole(number) => format!("w{number}"),
            Self::Double(number) => format!("d{number:?}"),
            Self::Decimal(digits) => format!("n{digits}"),
            Self::Text(text) => format!("t{text}"),
        }
    }

    fn from_stored(stored: &str) -> Option<Self> {
        let kind = stored.chars().next()?;
        let rest = &stored[kind.len_utf8()..];
        match kind {
            'w' => rest.parse().ok().map(Self::Whole),
            'd' => rest.parse().ok().map(Self::Double),
            'n' => Some(Self::Decimal(rest.to_owned())),
            't' => Some(Self::Text(rest.to_owned())),
            _ => None,
        }
    }

    /// Whether a row counts rather than one that came before it. A row without a value only counts where the other has
    /// none either.
    pub(crate) fn counts(new: Option<&Self>, old: Option<&Self>, order: SortOrder) -> bool {
        match (new, old) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(new), Some(old)) => match order {
                SortOrder::Desc => new.compare(old) != Ordering::Less,
                SortOrder::Asc => new.compare(old) != Ordering::Greater,
            },
        }
    }

    /// Numbers by their size, texts by their bytes, numbers before texts.
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (Self::Text(_), _) => Ordering::Greater,
            (_, Self::Text(_)) => Ordering::Less,
            (Self::Whole(left), Self::Whole(right)) => left.cmp(right),
            (Self::Double(left), Self::Double(right)) => left.total_cmp(right),
            (Self::Double(left), right) => left.total_cmp(&right.as_double()),
            (left, Self::Double(right)) => left.as_double().total_cmp(right),
            (left, right) => compare_decimals(&left.digits(), &right.digits()),
        }
    }

    fn as_double(&self) -> f64 {
        self.digits().parse().unwrap_or(f64::NAN)
    }

    fn digits(&self) -> String {
        match self {
            Self::Whole(number) => number.to_string(),
            Self::Double(number) => number.to_string(),
            Self::Decimal(text) | Self::Text(text) => text.clone(),
        }
    }
}

/// Compares numbers of any length, written without an exponent.
fn compare_decimals(left: &str, right: &str) -> Ordering {
    fn parts(text: &str) -> (bool, &str, &str) {
        let digits = text.trim_start_matches(['-', '+']);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let is_zero = whole.is_empty() && fraction.is_empty();
        (text.starts_with('-') && !is_zero, whole, fraction)
    }
    let ((is_negative, whole, fraction), (other_negative, other_whole, other_fraction)) = (parts(left), parts(right));
    let size = whole
        .len()
        .cmp(&other_whole.len())
        .then_with(|| whole.cmp(other_whole))
        .then_with(|| fraction.cmp(other_fraction));
    match (is_negative, other_negative) {
        (false, false) => size,
        (true, true) => size.reverse(),
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
    }
}

/// What newest values are kept under: records of a resource that go to different tables may have the same key.
fn owner_of_values(target: &Target) -> Cow<'_, str> {
    match target.share {
        Share::Part => Cow::Owned(format!("{} {}", target.resource, target.table)),
        Share::Whole | Share::Divided => Cow::Borrowed(&target.resource),
    }
}

impl Transaction<'_> {
    /// Leaves out rows that come after the one of the same key that an earlier step of this load brought, and remembers
    /// those that count for the steps to come.
    ///
    /// What is compared stands in a table of its own and not in the rows: a record that is gone has no row.
    pub(crate) async fn compare_with_earlier_steps(
        &mut self,
        target: &Target,
        batches: &[Batch],
        fates: &mut Fates,
        is_last: bool,
    ) -> Result<(), DestinationError> {
        let Some((column, order)) = target.dedup_sort() else {
            return Ok(());
        };
        let (loads, has_steps) = self.memory.chains.loads_and_steps(&target.resource);
        let owner = owner_of_values(target);
        // A load of one step remembers nothing.
        let has_earlier_steps = has_steps && self.has_system_table(NEWEST).await?;
        let loads: Vec<&str> = loads.iter().map(String::as_str).collect();
        if has_earlier_steps {
            let came = fates.written(batches, Some(column));
            let ids: Vec<&str> = came.iter().map(|(id, _)| *id).collect();
            let sql = self.writer.dialect().newest_values(NEWEST);
            let params = [
                Param::Text(self.stamp.pipeline),
                Param::Text(&owner),
                Param::List(&ids),
                Param::List(&loads),
            ];
            let stored = self.writer.rows(sql, &params).await;
            let stored = self.during("cannot read what earlier steps brought", stored)?;
            let earlier: std::collections::HashMap<String, Option<SortValue>> = stored
                .into_iter()
                .filter_map(|row| match <[Option<String>; 2]>::try_from(row) {
                    Ok([Some(id), value]) => Some((id, value.as_deref().and_then(SortValue::from_stored))),
                    _ => None,
                })
                .collect();
            let beaten = came.iter().filter(|(id, cell)| {
                let new = SortValue::of_cell(*cell);
                let old = earlier.get(*id);
                old.is_some_and(|old| !SortValue::counts(new.as_ref(), old.as_ref(), order))
            });
            let beaten: HashSet<String> = beaten.map(|(id, _)| (*id).to_owned()).collect();
            fates.change(batches, &beaten, Fate::Duplicate);
        }
        if is_last {
            if has_earlier_steps {
                let sql = self.writer.dialect().forget_resource(NEWEST);
                let params = [Param::Text(self.stamp.pipeline), Param::Text(&owner)];
                let forgotten = self.writer.execute(sql, &params).await;
                self.during("cannot forget what earlier steps brought", forgotten)?;
            }
            return Ok(());
        }
        if fates.written(batches, None).is_empty() {
            return Ok(());
        }
        self.make_system_table(NEWEST).await?;
        let values: Vec<(&str, Option<String>)> = fates
            .written(batches, Some(column))
            .into_iter()
            .map(|(id, cell)| (id, SortValue::of_cell(cell).map(|value| value.to_stored())))
            .collect();
        let rows = system::newest_rows(self.stamp, &owner, &values);
        self.write_system(&rows).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w18_values_are_compared_by_what_they_are() {
        let whole = |number| Some(SortValue::Whole(number));
        let decimal = |text: &str| Some(SortValue::Decimal(text.to_owned()));
        let text = |text: &str| Some(SortValue::Text(text.to_owned()));
        for (less, more) in [
            (None, whole(-5)),
            (whole(9), whole(10)),
            (text("10"), text("9")),
            (whole(10), text("9")),
            (decimal("18446744073709551615.5"), decimal("18446744073709551616")),
            (decimal("-2"), decimal("-1.99")),
            (whole(-3), decimal("0.0")),
            (Some(SortValue::Double(1.5)), whole(2)),
            (whole(1), Some(SortValue::Double(1.5))),
        ] {
            let counts = |new: &Option<SortValue>, old: &Option<SortValue>, order| {
                SortValue::counts(new.as_ref(), old.as_ref(), order)
            };
            assert!(counts(&more, &less, SortOrder::Desc), "{more:?} {less:?}");
            assert!(!counts(&less, &more, SortOrder::Desc), "{less:?} {more:?}");
            if less.is_some() {
                assert!(counts(&less, &more, SortOrder::Asc), "{less:?} {more:?}");
                assert!(!counts(&more, &less, SortOrder::Asc), "{more:?} {less:?}");
            }
            for value in [&less, &more].into_iter().flatten() {
                assert_eq!(SortValue::from_stored(&value.to_stored()).as_ref(), Some(value));
            }
            // Of equals the later one counts.
            assert!(counts(&less, &less, SortOrder::Asc) && counts(&more, &more, SortOrder::Desc));
        }
    }
}
