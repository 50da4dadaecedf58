//! Windows: a range of cursor values, cut into slices of one step each. They are reckoned from the start and their
//! number, so that nothing needs to be remembered of them but how many are done.

use jiff::Span;
use restload_model::Value;
use restload_model::iso_time::MICROS_PER_DAY;

use super::spelling::{Spelled, Spelling};
use super::state::Slice;
use super::value::{Bound, compare};

/// How long a window is.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A time, in calendar units where it names them.
    Time(Span),
    /// So many of a number.
    Number(f64),
}

/// What numbers count that are moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EpochUnit {
    Seconds,
    Milliseconds,
}

impl EpochUnit {
    /// Milliseconds since 1970 have twelve digits since 1973; seconds will have as many in the year 5138.
    pub(super) fn of(number: i64) -> Self {
        if number.unsigned_abs() >= 100_000_000_000 {
            Self::Milliseconds
        } else {
            Self::Seconds
        }
    }

    pub(super) fn micros(self) -> i64 {
        match self {
            Self::Seconds => 1_000_000,
            Self::Milliseconds => 1_000,
        }
    }
}

impl Step {
    /// Reads `1d`, `6h`, `PT15M`, `1mo`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let span: Span = text
            .parse()
            .map_err(|_| format!("`{text}` is no length of time; write one such as 15m, 6h, 1d, 1w, 1mo or P1D"))?;
        if span.is_zero() || span.is_negative() {
            return Err(format!("a window of `{text}` never comes to an end"));
        }
        Ok(Self::Time(span))
    }

    /// Whether it is made of days and longer units only.
    fn is_of_days(&self) -> bool {
        match self {
            Self::Time(span) => {
                span.get_hours() == 0
                    && span.get_minutes() == 0
                    && span.get_seconds() == 0
                    && span.get_milliseconds() == 0
                    && span.get_microseconds() == 0
                    && span.get_nanoseconds() == 0
            }
            Self::Number(_) => false,
        }
    }
}

/// The windows between two values.
#[derive(Debug)]
pub struct Slices {
    scale: Scale,
    end: Value<'static>,
}

#[derive(Debug)]
enum Scale {
    Moment {
        start: i64,
        spelling: Spelling,
        step: Span,
    },
    Epoch {
        start: i64,
        unit: EpochUnit,
        step: Span,
        is_text: bool,
    },
    Number {
        start: Value<'static>,
        step: f64,
    },
}

impl Slices {
    /// The windows from `start` up to `end`, of which the last may be shorter.
    pub(super) fn new(step: &Step, start: &Value<'_>, end: &Value<'_>) -> Result<Self, String> {
        let number = match start {
            Value::Integer(number) => Some((*number, false)),
            Value::Text(text) if Spelled::parse(text).is_none() => text.parse().ok().map(|number| (number, true)),
            _ => None,
        };
        let scale = match (step, start, number) {
            (Step::Time(step), _, Some((start, is_text))) => Scale::Epoch {
                start,
                unit: EpochUnit::of(start),
                step: *step,
                is_text,
            },
            (Step::Number(step), Value::Integer(_) | Value::Double(_), _) => Scale::Number {
                start: start.clone().into_owned(),
                step: *step,
            },
            (Step::Time(span), Value::Text(text), None) => {
                let spelled = Spelled::parse(text)
                    .ok_or_else(|| format!("windows of time cannot start at `{text}`, which is no moment"))?;
                let spelling = if spelled.spelling.is_date() && !step.is_of_days() {
                    Spelling::utc()
                } else {
                    spelled.spelling
                };
                Scale::Moment {
                    start: spelled.micros,
                    spelling,
                    step: *span,
                }
            }
            (Step::Time(_), other, _) => {
                return Err(format!(
                    "windows of time cannot start at {}, which is no moment",
                    other.to_json()
                ));
            }
            (Step::Number(_), other, _) => {
                let start = other.to_json();
                return Err(format!(
                    "a step that is a number cannot start at {start}; write a time, such as 1d"
                ));
            }
        };
        let slices = Self {
            scale,
            end: end.clone().into_owned(),
        };
        let first = slices.bound(0)?;
        compare(&first, end).ok_or_else(|| {
            format!(
                "windows cannot go from {} to {}, which is of another kind",
                first.to_json(),
                end.to_json()
            )
        })?;
        Ok(slices)
    }

    /// A window by its number; none after the last.
    pub fn slice(&self, index: u64) -> Result<Option<Slice>, String> {
        let start = self.bound(index)?;
        if compare(&start, &self.end).is_none_or(std::cmp::Ordering::is_ge) {
            return Ok(None);
        }
        let next = self.bound(index + 1)?;
        let is_last = compare(&next, &self.end).is_none_or(std::cmp::Ordering::is_ge);
        Ok(Some(Slice {
            index,
            start: Bound(start),
            end: Bound(if is_last { self.end.clone() } else { next }),
            is_last,
        }))
    }

    /// The value at which a window begins.
    fn bound(&self, index: u64) -> Result<Value<'static>, String> {
        let too_far = || format!("window {index} lies beyond what can be reckoned");
        let count = i64::try_from(index).map_err(|_| too_far())?;
        match &self.scale {
            Scale::Moment { start, spelling, step } => {
                let micros = later(*start, step, count).ok_or_else(too_far)?;
                Ok(Value::Text(spelling.write(micros).into()))
            }
            Scale::Epoch {
                start,
                unit,
                step,
                is_text,
            } => {
                let from = start.checked_mul(unit.micros()).ok_or_else(too_far)?;
                let number = later(from, step, count).ok_or_else(too_far)? / unit.micros();
                Ok(if *is_text {
                    Value::Text(number.to_string().into())
                } else {
                    Value::Integer(number)
                })
            }
            Scale::Number { start, step } => super::value::shift(start, step * count as f64).ok_or_else(too_far),
        }
    }
}

/// A moment so many steps later. The multiple is added at once: a month after January 31 is February 29, two months
/// are March 31.
fn later(micros: i64, step: &Span, count: i64) -> Option<i64> {
    let span = step.checked_mul(count).ok()?;
    let start = jiff::Timestamp::from_microsecond(micros).ok()?;
    let civil = jiff::tz::Offset::UTC.to_datetime(start);
    let moved = civil.checked_add(span).ok()?;
    jiff::tz::Offset::UTC
        .to_timestamp(moved)
        .ok()
        .map(jiff::Timestamp::as_microsecond)
}

/// Where windows end when the config does not say: at the moment the run started, in the kind and spelling of the start.
/// A day that has begun belongs to it.
pub(super) fn end_of_run(start: &Value<'_>, run_started: i64) -> Option<Value<'static>> {
    match start {
        Value::Integer(number) => Some(Value::Integer(run_started / EpochUnit::of(*number).micros())),
        Value::Text(text) => match Spelled::parse(text) {
            Some(spelled) if spelled.spelling.is_date() => {
                let next_day = run_started.div_euclid(MICROS_PER_DAY) + i64::from(run_started % MICROS_PER_DAY != 0);
                Some(Value::Text(spelled.spelling.write(next_day * MICROS_PER_DAY).into()))
            }
            Some(spelled) => Some(Value::Text(spelled.spelling.write(run_started).into())),
            None => {
                let number: i64 = text.parse().ok()?;
                let end = run_started / EpochUnit::of(number).micros();
                Some(Value::Text(end.to_string().into()))
            }
        },
        _ => None,
    }
}

/// The last value in a window, for APIs that take the end as part of the range: the day or the whole number before the
/// first one after it. Between two moments there is always another, so a moment stays: its rows come twice, and count
/// once, in the window that they begin.
pub(super) fn last_in(slice: &Slice) -> Value<'static> {
    beside(&slice.end.0, -1.0)
}

/// The first value after a window that holds its end, for APIs that take the end as the first value outside: the next day
/// or whole number. A moment stays.
pub(super) fn first_after(slice: &Slice) -> Value<'static> {
    beside(&slice.end.0, 1.0)
}

/// The next day or whole number in a direction; what has no next one stays.
fn beside(value: &Value<'static>, direction: f64) -> Value<'static> {
    let moved = match value {
        Value::Integer(_) => super::value::shift(value, direction),
        Value::Text(text) => match Spelled::parse(text) {
            Some(spelled) => spelled
                .spelling
                .is_date()
                .then(|| super::value::shift(value, direction))
                .flatten(),
            None => super::value::shift(value, direction),
        },
        _ => None,
    };
    moved.unwrap_or_else(|| value.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slices(step: &str, start: serde_json::Value, end: serde_json::Value) -> String {
        let step = match step.parse::<f64>() {
            Ok(number) => Step::Number(number),
            Err(_) => match Step::parse(step) {
                Ok(step) => step,
                Err(reason) => return reason,
            },
        };
        let slices = match Slices::new(&step, &start.into(), &end.into()) {
            Ok(slices) => slices,
            Err(reason) => return reason,
        };
        let mut shown = Vec::new();
        for index in 0..10 {
            match slices.slice(index) {
                Ok(Some(slice)) => shown.push(format!("{}..{}", slice.start.0.to_text(), slice.end.0.to_text())),
                Ok(None) => break,
                Err(reason) => return reason,
            }
        }
        shown.join(" ")
    }

    #[test]
    fn a_range_is_cut_without_a_gap() {
        for (step, start, end, expected) in [
            (
                "1d",
                json!("2024-02-28"),
                json!("2024-03-01"),
                "2024-02-28..2024-02-29 2024-02-29..2024-03-01",
            ),
            (
                "P1D",
                json!("2024-02-28T12:00:00Z"),
                json!("2024-03-01T00:00:00Z"),
                "2024-02-28T12:00:00Z..2024-02-29T12:00:00Z 2024-02-29T12:00:00Z..2024-03-01T00:00:00Z",
            ),
            (
                "12h",
                json!("2024-02-28"),
                json!("2024-02-29"),
                "2024-02-28T00:00:00Z..2024-02-28T12:00:00Z 2024-02-28T12:00:00Z..2024-02-29",
            ),
            (
                "1mo",
                json!("2024-01-31"),
                json!("2024-04-15"),
                "2024-01-31..2024-02-29 2024-02-29..2024-03-31 2024-03-31..2024-04-15",
            ),
            ("1h", json!(0), json!(9000), "0..3600 3600..7200 7200..9000"),
            (
                "1d",
                json!(1_700_000_000_000_i64),
                json!(1_700_100_000_000_i64),
                "1700000000000..1700086400000 1700086400000..1700100000000",
            ),
            ("1h", json!("0"), json!("7200"), "0..3600 3600..7200"),
            ("100", json!(0), json!(250), "0..100 100..200 200..250"),
            ("0.5", json!(0.0), json!(1.0), "0.0..0.5 0.5..1.0"),
            ("1d", json!("2024-03-01"), json!("2024-03-01"), ""),
            ("1d", json!("2024-03-02"), json!("2024-03-01"), ""),
            (
                "1d",
                json!("abc"),
                json!("2024-03-01"),
                "windows of time cannot start at `abc`, which is no moment",
            ),
            (
                "1d",
                json!("2024-03-02"),
                json!(5),
                "windows cannot go from \"2024-03-02\" to 5, which is of another kind",
            ),
            (
                "5",
                json!("2024-03-02"),
                json!("2024-03-05"),
                "a step that is a number cannot start at \"2024-03-02\"; write a time, such as 1d",
            ),
            ("0d", json!(0), json!(0), "a window of `0d` never comes to an end"),
            (
                "soon",
                json!(0),
                json!(0),
                "`soon` is no length of time; write one such as 15m, 6h, 1d, 1w, 1mo or P1D",
            ),
        ] {
            assert_eq!(slices(step, start.clone(), end), expected, "{step} {start}");
        }
    }

    #[test]
    fn the_run_ends_the_range_in_the_spelling_of_its_start() {
        // 2024-03-01T12:00:00.5Z
        let now = 1_709_294_400_500_000;
        for (start, end) in [
            (json!("2024-01-01"), json!("2024-03-02")),
            (json!("2024-01-01T00:00:00Z"), json!("2024-03-01T12:00:00Z")),
            (
                json!("2024-01-01T00:00:00.000+01:00"),
                json!("2024-03-01T13:00:00.500+01:00"),
            ),
            (json!(1_700_000_000), json!(1_709_294_400)),
            (json!(1_700_000_000_000_i64), json!(1_709_294_400_500_i64)),
            (json!("1700000000"), json!("1709294400")),
        ] {
            let found = end_of_run(&start.clone().into(), now).unwrap();
            assert_eq!(found.to_json(), end.to_string(), "{start}");
        }
    }

    #[test]
    fn the_last_value_is_exact_where_values_can_be_counted() {
        for (end, last) in [
            (json!("2024-03-01"), json!("2024-02-29")),
            (json!("2024-03-01T00:00:00Z"), json!("2024-03-01T00:00:00Z")),
            (json!(10), json!(9)),
            (json!("10"), json!("9")),
            (json!(1.5), json!(1.5)),
        ] {
            let slice = Slice {
                index: 0,
                start: Bound::default(),
                end: Bound(end.clone().into()),
                is_last: false,
            };
            assert_eq!(last_in(&slice).to_json(), last.to_string(), "{end}");
        }
    }
}
