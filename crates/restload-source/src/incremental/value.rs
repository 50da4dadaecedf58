//! Cursor values: how two of them compare, and how one is shifted by a lag.
//!
//! ISO 8601 moments compare as moments whatever their zone and precision, a date is its midnight in UTC, numbers compare
//! by all their digits, also where they are written as text, and other texts compare as texts.

use std::borrow::Cow;
use std::cmp::Ordering;

use restload_model::Value;
use restload_model::iso_time::{self, MICROS_PER_DAY};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::number::Decimal;
use super::spelling::Spelled;
use crate::decoders::decode_json;

/// A cursor value that is kept, stored with every digit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bound(pub Value<'static>);

impl Bound {
    /// Whether there is no value.
    pub fn is_none(&self) -> bool {
        self.0.is_null()
    }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.0.to_json()).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let value = decode_json(raw.get().as_bytes(), true).map_err(D::Error::custom)?;
        Ok(Self(match value.into_owned() {
            Value::Number(text) => as_double(&text).unwrap_or(Value::Number(text)),
            other => other,
        }))
    }
}

/// A number that is a double to its last digit.
fn as_double(text: &str) -> Option<Value<'static>> {
    let double = Value::Double(text.parse().ok()?);
    (text.contains(['.', 'e', 'E']) && double.to_json() == text).then_some(double)
}

/// What of a value is compared.
#[derive(Debug, Clone)]
pub(super) enum Comparable<'v> {
    /// Microseconds since 1970, and the digits of a second after them.
    Moment(i64, u32),
    Integer(i64, Option<&'v str>),
    Number(Decimal, Option<&'v str>),
    Text(&'v str),
}

impl<'v> Comparable<'v> {
    /// None for what has no order: objects, lists, booleans.
    pub(super) fn of(value: &'v Value<'_>) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(Self::Integer(*number, None)),
            Value::Double(number) => Decimal::parse(&format!("{number:e}")).map(|decimal| Self::Number(decimal, None)),
            Value::Number(text) => Decimal::parse(text).map(|decimal| Self::Number(decimal, None)),
            Value::Text(text) => Some(Self::of_text(text)),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => None,
        }
    }

    fn of_text(text: &'v str) -> Self {
        if let Some(micros) = iso_time::parse_timestamp(text) {
            return Self::Moment(micros, beyond_micros(text));
        }
        if let Some(days) = iso_time::parse_date(text) {
            return Self::Moment(i64::from(days) * MICROS_PER_DAY, 0);
        }
        let plain = |byte: u8| byte.is_ascii_digit() || byte == b'.' || byte == b'-';
        if !text.bytes().all(plain) {
            return Self::Text(text);
        }
        match (text.parse(), Decimal::parse(text)) {
            (Ok(number), _) => Self::Integer(number, Some(text)),
            (_, Some(decimal)) => Self::Number(decimal, Some(text)),
            _ => Self::Text(text),
        }
    }

    /// None when the two are of different kinds.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Moment(left, left_beyond), Self::Moment(right, right_beyond)) => {
                Some((left, left_beyond).cmp(&(right, right_beyond)))
            }
            (Self::Integer(left, _), Self::Integer(right, _)) => Some(left.cmp(right)),
            _ => match (self.decimal(), other.decimal()) {
                (Some(left), Some(right)) => Some(left.cmp(&right)),
                _ => Some(self.text()?.cmp(other.text()?)),
            },
        }
    }

    fn decimal(&self) -> Option<Cow<'_, Decimal>> {
        match self {
            Self::Integer(number, _) => Decimal::parse(&number.to_string()).map(Cow::Owned),
            Self::Number(decimal, _) => Some(Cow::Borrowed(decimal)),
            Self::Moment(..) | Self::Text(_) => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Integer(_, text) | Self::Number(_, text) => *text,
            Self::Text(text) => Some(text),
            Self::Moment(..) => None,
        }
    }
}

/// The seventh and further digits of the fraction of a second, up to picoseconds.
fn beyond_micros(text: &str) -> u32 {
    let Some(point) = text.find(['.', ',']) else { return 0 };
    let digits = text[point + 1..].bytes().take_while(u8::is_ascii_digit);
    let mut beyond = digits.skip(6).map(|digit| u32::from(digit - b'0'));
    (0..6).fold(0, |sum, _| sum * 10 + beyond.next().unwrap_or(0))
}

/// How two values compare; none when they are of different kinds.
pub fn compare(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    Comparable::of(left)?.compare(&Comparable::of(right)?)
}

/// A value moved by a lag: numbers by as much, moments by seconds, dates by days, each spelled as it was.
pub(super) fn shift(value: &Value<'_>, by: f64) -> Option<Value<'static>> {
    let whole = |number: f64| (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64);
    match value {
        Value::Integer(number) => Some(match whole(by) {
            Some(by) => Value::Integer(number.checked_add(by)?),
            None => Value::Double(*number as f64 + by),
        }),
        Value::Double(number) => Some(Value::Double(number + by)),
        Value::Number(text) => {
            let shifted = text.parse::<i128>().ok()?.checked_add(i128::from(whole(by)?))?;
            Some(Value::Number(shifted.to_string().into()))
        }
        Value::Text(text) => {
            if let Some(spelled) = Spelled::parse(text) {
                // Away from the cursor: a wider window loses nothing.
                let micros = if spelled.spelling.is_date() {
                    (by.abs().ceil().copysign(by) as i64).saturating_mul(MICROS_PER_DAY)
                } else {
                    (by * 1e6) as i64
                };
                let shifted = spelled.spelling.write(spelled.micros.saturating_add(micros));
                return Some(Value::Text(shifted.into()));
            }
            let number: i64 = text.parse().ok()?;
            Some(Value::Text(number.checked_add(whole(by)?)?.to_string().into()))
        }
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_compare_by_what_they_mean() {
        for (left, right, expected) in [
            (json!(9), json!(10), "Less"),
            (
                json!(9_007_199_254_740_993_i64),
                json!(9_007_199_254_740_992.0),
                "Greater",
            ),
            (json!(18_446_744_073_709_551_615_u64), json!(1), "Greater"),
            (json!(1.0), json!(1), "Equal"),
            (json!("9"), json!("10"), "Less"),
            (json!("9"), json!(10), "Less"),
            (json!("1a"), json!("9"), "Less"),
            (json!("b"), json!("a"), "Greater"),
            (
                json!("2024-01-02T00:00:00+02:00"),
                json!("2024-01-01T23:00:00Z"),
                "Less",
            ),
            (json!("2024-01-02T00:00:00Z"), json!("2024-01-02 00:00:00.000"), "Equal"),
            (json!("2024-01-02"), json!("2024-01-02T00:00:00Z"), "Equal"),
            (json!("2024-01-02"), json!("2024-01-02T00:00:01Z"), "Less"),
            (
                json!("2024-01-02T00:00:00.1234567Z"),
                json!("2024-01-02T00:00:00.123456Z"),
                "Greater",
            ),
            (json!("2024-01-02"), json!(5), "none"),
            (json!("n/a"), json!("2024-01-02"), "none"),
            (json!("n/a"), json!(5), "none"),
            (json!(true), json!(1), "none"),
            (json!(null), json!(1), "none"),
            (json!([1]), json!([2]), "none"),
        ] {
            let found = compare(&left.clone().into(), &right.clone().into());
            let found = found.map_or_else(|| "none".to_owned(), |ordering| format!("{ordering:?}"));
            assert_eq!(found, expected, "{left} {right}");
        }
    }

    #[test]
    fn values_are_shifted_in_their_own_unit() {
        for (value, by, expected) in [
            (json!(100), -10.0, json!(90)),
            (json!(100), -0.5, json!(99.5)),
            (json!(1.5), -1.0, json!(0.5)),
            (json!("100"), -10.0, json!("90")),
            (json!("2024-03-01"), -1.0, json!("2024-02-29")),
            (json!("2024-03-01"), -0.2, json!("2024-02-29")),
            (json!("20240301"), -2.0, json!("20240228")),
            (json!("2024-03-01T00:00:00Z"), -360.5, json!("2024-02-29T23:53:59Z")),
            (json!("2024-03-01 00:00:00.000"), 60.0, json!("2024-03-01 00:01:00.000")),
        ] {
            let shifted = shift(&value.clone().into(), by).unwrap();
            assert_eq!(shifted.to_json(), expected.to_string(), "{value}");
        }
        assert_eq!(shift(&json!("abc").into(), -1.0), None);
    }

    #[test]
    fn a_kept_value_has_every_digit() {
        for text in [
            "0.1234567890123456",
            "18446744073709551616",
            r#""2024-01-02""#,
            "1700000000.1230001",
            "null",
        ] {
            let bound: Bound = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&bound).unwrap(), text);
        }
    }
}
