//! Values on their way into a column whose type is declared: dlt's conversions, without its traps.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::infer::{json_without_nul, without_nul};
use super::rules::Rule;
use crate::DataType;
use crate::batch::{Cell, ColumnBuffer};
use crate::iso_time;
use crate::value::Value;

/// More digits than any database takes; an exponent beyond it would fill memory with zeros.
const MAX_EXPONENT: i64 = 16_000;

/// The most digits that Postgres keeps before the point of a numeric, and after it.
const MOST_DIGITS: (usize, usize) = (131_072, 16_383);

/// Sets a cell to a value, converted to what the column takes, or says why it cannot be. A numeric and a moment are
/// rounded to the digits that they are declared with, as a database would round them.
pub(super) fn coerce(
    column: &mut ColumnBuffer,
    row: usize,
    value: &Value<'_>,
    rule: &Rule,
    scratch: &mut String,
) -> Result<(), String> {
    if value.is_null() {
        column.put_null(row);
        return Ok(());
    }
    let data_type = rule.data_type;
    let misfit = || misfit(value, data_type);
    match data_type {
        DataType::Text => {
            let clean = match value {
                Value::Text(text) => without_nul(text),
                other => other.to_text(),
            };
            if let Some(most) = rule.precision {
                let length = clean.chars().count();
                if length > most as usize {
                    return Err(format!("{length} characters do not fit text({most})"));
                }
            }
            column.put(row, Cell::Text(&clean));
        }
        DataType::Json => {
            scratch.clear();
            value.write_json(scratch);
            column.put(row, Cell::Json(&json_without_nul(scratch)));
        }
        DataType::Bool => column.put(row, Cell::Bool(to_bool(value).ok_or_else(misfit)?)),
        DataType::Bigint => {
            let number = to_bigint(value).ok_or_else(misfit)?;
            if let Some(bits) = rule.precision.filter(|bits| *bits < 64)
                && !fits_bits(number, bits)
            {
                return Err(format!("{number} does not fit bigint({bits})"));
            }
            column.put(row, Cell::Bigint(number));
        }
        DataType::Double => {
            let number = to_double(value).ok_or_else(misfit)?;
            if !rule.is_declared && matches!(value, Value::Integer(whole) if whole.unsigned_abs() > 1 << 53) {
                return Err(misfit());
            }
            column.put(row, Cell::Double(number));
        }
        DataType::Numeric => {
            let mut plain = to_numeric(value).ok_or_else(misfit)?;
            if let Some(precision) = rule.precision {
                plain = rounded(&plain, precision as usize, rule.scale as usize)
                    .ok_or_else(|| format!("{plain} does not fit numeric({precision}, {})", rule.scale))?;
            }
            column.put(row, Cell::Numeric(&plain));
        }
        DataType::Timestamp => {
            let micros = to_timestamp(value).ok_or_else(misfit)?;
            column.put(row, Cell::Timestamp(rounded_moment(micros, rule.precision)));
        }
        DataType::TimestampNtz => {
            let micros = to_timestamp(value).ok_or_else(misfit)?;
            column.put(row, Cell::TimestampNtz(rounded_moment(micros, rule.precision)));
        }
        DataType::Date => {
            let days = to_date(value).ok_or_else(misfit)?;
            if !rule.is_declared && to_timestamp(value) != Some(i64::from(days) * iso_time::MICROS_PER_DAY) {
                return Err(misfit());
            }
            column.put(row, Cell::Date(days));
        }
        DataType::Time => {
            let micros = to_time(value).ok_or_else(misfit)?;
            column.put(row, Cell::Time(rounded_time(micros, rule.precision)));
        }
        DataType::Binary => {
            let bytes = value.as_text().and_then(to_bytes).ok_or_else(misfit)?;
            column.put(row, Cell::Binary(&bytes));
        }
    }
    Ok(())
}

/// Whether a whole number fits the smallest of dlt's three sizes that has so many bits.
fn fits_bits(number: i64, bits: u32) -> bool {
    match bits {
        ..=16 => i16::try_from(number).is_ok(),
        17..=32 => i32::try_from(number).is_ok(),
        _ => true,
    }
}

/// A moment with no more than `precision` digits after the second.
fn rounded_moment(micros: i64, precision: Option<u32>) -> i64 {
    let Some(dropped) = precision.and_then(|precision| 6_u32.checked_sub(precision)) else {
        return micros;
    };
    let unit = 10_i64.pow(dropped);
    (micros + unit / 2).div_euclid(unit) * unit
}

/// The same within a day: what would round to midnight is cut.
fn rounded_time(micros: i64, precision: Option<u32>) -> i64 {
    match rounded_moment(micros, precision) {
        iso_time::MICROS_PER_DAY => iso_time::MICROS_PER_DAY - 10_i64.pow(6 - precision.unwrap_or(6).min(6)),
        rounded => rounded,
    }
}

/// The value as one of the type, by the same conversions: moments and days are ISO 8601 text, exact numbers keep their
/// digits. JSON and bytes are left as they are.
pub fn convert<'a>(value: &Value<'a>, data_type: DataType) -> Result<Value<'a>, String> {
    let written = |write: &dyn Fn(&mut String)| {
        let mut text = String::new();
        write(&mut text);
        Value::Text(text.into())
    };
    let converted = match (data_type, value) {
        (_, Value::Null) | (DataType::Json | DataType::Binary, _) | (DataType::Text, Value::Text(_)) => {
            Some(value.clone())
        }
        (DataType::Text, other) => Some(Value::Text(other.to_json().into())),
        (DataType::Bool, _) => to_bool(value).map(Value::Bool),
        (DataType::Bigint, _) => to_bigint(value).map(Value::Integer),
        (DataType::Double, _) => to_double(value).map(Value::Double),
        (DataType::Numeric, _) => to_numeric(value).map(|digits| Value::Number(digits.into())),
        (DataType::Timestamp | DataType::TimestampNtz, _) => {
            to_timestamp(value).map(|micros| written(&|text| iso_time::write_timestamp(text, micros)))
        }
        (DataType::Date, _) => to_date(value).map(|days| written(&|text| iso_time::write_date(text, days))),
        (DataType::Time, _) => to_time(value).map(|micros| written(&|text| iso_time::write_time(text, micros))),
    };
    converted.ok_or_else(|| misfit(value, data_type))
}

fn misfit(value: &Value<'_>, data_type: DataType) -> String {
    let mut shown = value.to_json();
    if shown.chars().count() > 60 {
        shown = shown.chars().take(60).chain(['…']).collect();
    }
    format!("{shown} is not a {data_type}")
}

fn to_numeric(value: &Value<'_>) -> Option<String> {
    let text = match value {
        Value::Double(number) => number.to_string(),
        Value::Integer(_) | Value::Number(_) | Value::Text(_) => value.to_text().trim().to_owned(),
        _ => return None,
    };
    plain_decimal(&text)
}

fn to_time(value: &Value<'_>) -> Option<i64> {
    iso_time::parse_time(value.as_text()?.trim())
}

fn to_bool(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Integer(number) => Some(*number != 0),
        Value::Double(number) => Some(*number != 0.0),
        Value::Number(text) => plain_decimal(text).map(|digits| digits.contains(|digit| ('1'..='9').contains(&digit))),
        Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "t" | "y" | "1" => Some(true),
            "false" | "no" | "f" | "n" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn to_bigint(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        // A whole double within the range in which doubles are exact.
        Value::Double(number) if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 => {
            Some(*number as i64)
        }
        Value::Number(text) => plain_decimal(text).and_then(|text| whole_digits(&text)?.parse().ok()),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The digits before the point when nothing but zeros follows it.
fn whole_digits(plain: &str) -> Option<&str> {
    match plain.split_once('.') {
        None => Some(plain),
        Some((digits, fraction)) => fraction.bytes().all(|digit| digit == b'0').then_some(digits),
    }
}

fn to_double(value: &Value<'_>) -> Option<f64> {
    let number = match value {
        Value::Integer(number) => *number as f64,
        Value::Double(number) => *number,
        Value::Number(text) | Value::Text(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// A moment: ISO text, or a number of seconds since 1970. Numeric text is never taken for one.
fn to_timestamp(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Integer(seconds) => seconds.checked_mul(1_000_000),
        Value::Double(seconds) if seconds.abs() < 9e12 => Some((seconds * 1e6).floor() as i64),
        Value::Text(text) => {
            let text = text.trim();
            iso_time::parse_timestamp(text)
                .or_else(|| iso_time::parse_date(text).map(|days| i64::from(days) * iso_time::MICROS_PER_DAY))
        }
        _ => None,
    }
}

fn to_date(value: &Value<'_>) -> Option<i32> {
    match value {
        Value::Text(text) => {
            let text = text.trim();
            iso_time::parse_date(text).or_else(|| {
                iso_time::parse_timestamp(text).map(|micros| micros.div_euclid(iso_time::MICROS_PER_DAY) as i32)
            })
        }
        Value::Integer(_) | Value::Double(_) => {
            to_timestamp(value).map(|micros| micros.div_euclid(iso_time::MICROS_PER_DAY) as i32)
        }
        _ => None,
    }
}

fn to_bytes(text: &str) -> Option<Vec<u8>> {
    let Some(hex) = text.strip_prefix("0x") else {
        return STANDARD.decode(text).ok();
    };
    if hex.len() % 2 != 0 || !hex.is_ascii() {
        return None;
    }
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok())
        .collect()
}

/// A JSON or decimal number as sign, digits and point, without an exponent, keeping every digit.
pub(super) fn plain_decimal(text: &str) -> Option<String> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if (whole.is_empty() && fraction.is_empty())
        || !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|digit| digit.is_ascii_digit())
        || exponent.abs() > MAX_EXPONENT
    {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let point = whole.len() as i64 + exponent;
    let (whole, fraction) = if point <= 0 {
        (
            "0".to_owned(),
            format!("{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
        )
    } else if point as usize >= digits.len() {
        (
            format!("{digits}{}", "0".repeat(point as usize - digits.len())),
            String::new(),
        )
    } else {
        (digits[..point as usize].to_owned(), digits[point as usize..].to_owned())
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        trimmed => trimmed,
    };
    if whole.len() > MOST_DIGITS.0 || fraction.len() > MOST_DIGITS.1 {
        return None;
    }
    let is_zero = whole == "0" && fraction.bytes().all(|digit| digit == b'0');
    let sign = if is_zero { "" } else { sign };
    Some(if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    })
}

/// A plain decimal with no more than `scale` digits after the point, rounded half away from zero as Postgres rounds;
/// none when more than `precision` digits would be left.
fn rounded(plain: &str, precision: usize, scale: usize) -> Option<String> {
    let (sign, unsigned) = match plain.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", plain),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes().take(scale)).collect();
    let mut whole_length = whole.len();
    if fraction.as_bytes().get(scale).is_some_and(|digit| *digit >= b'5') {
        let nines = digits.iter().rev().take_while(|digit| **digit == b'9').count();
        let kept = digits.len() - nines;
        digits[kept..].fill(b'0');
        if kept == 0 {
            digits.insert(0, b'1');
            whole_length += 1;
        } else {
            digits[kept - 1] += 1;
        }
    }
    let digits = String::from_utf8(digits).ok()?;
    let (whole, fraction) = digits.split_at(whole_length);
    let whole_digits = if whole == "0" { 0 } else { whole.len() };
    if whole_digits > precision.saturating_sub(scale) {
        return None;
    }
    let is_zero = digits.bytes().all(|digit| digit == b'0');
    let sign = if is_zero { "" } else { sign };
    Some(if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    })
}

#[cfg(test)]
mod tests {
    use super::super::rules::Misfit;
    use super::*;

    #[test]
    fn decimals_lose_their_exponent_and_nothing_else() {
        for (text, plain) in [
            ("1", Some("1")),
            ("-0", Some("0")),
            ("007.50", Some("7.50")),
            ("1e3", Some("1000")),
            ("1.5e-3", Some("0.0015")),
            ("-12.345E1", Some("-123.45")),
            ("12.5e1", Some("125")),
            ("0.1234567890123456789", Some("0.1234567890123456789")),
            ("123456789012345678901234567890", Some("123456789012345678901234567890")),
            ("1e999999999", None),
            ("abc", None),
            ("", None),
            ("1.2.3", None),
        ] {
            assert_eq!(plain_decimal(text).as_deref(), plain, "{text}");
        }
    }

    #[test]
    fn rounds_to_the_declared_digits() {
        for (plain, (precision, scale), expected) in [
            ("1.505", (10, 2), Some("1.51")),
            ("-1.505", (10, 2), Some("-1.51")),
            ("1.5049", (10, 2), Some("1.50")),
            ("1.5", (10, 2), Some("1.5")),
            ("9.995", (3, 2), None),
            ("9.995", (4, 2), Some("10.00")),
            ("-0.001", (10, 2), Some("0.00")),
            ("0.99", (2, 2), Some("0.99")),
            ("0.999", (2, 2), None),
            ("12345", (4, 0), None),
            ("12.5", (4, 0), Some("13")),
        ] {
            assert_eq!(rounded(plain, precision, scale).as_deref(), expected, "{plain}");
        }
    }

    fn text_of(value: &Value<'_>, data_type: DataType) -> Result<String, String> {
        let mut column = ColumnBuffer::new("c".into(), "c".into(), Some(data_type));
        let rule = Rule {
            is_declared: true,
            ..Rule::settled(data_type, Misfit::Reject)
        };
        coerce(&mut column, 0, value, &rule, &mut String::new())?;
        let mut text = String::new();
        column.cell(0).write_text(&mut text);
        Ok(text)
    }

    #[test]
    fn t1_a_value_of_the_columns_own_type_stays_as_it_is() {
        use DataType::*;
        for (value, data_type, text) in [
            (Value::from("it's"), Text, "it's"),
            (Value::from(-7), Bigint, "-7"),
            (Value::from(0.1), Double, "0.1"),
            (Value::from(false), Bool, "false"),
            (
                Value::from("2024-01-02T03:04:05.5Z"),
                Timestamp,
                "2024-01-02T03:04:05.500000Z",
            ),
            (
                Value::from("2024-01-02T03:04:05.5"),
                TimestampNtz,
                "2024-01-02T03:04:05.500000",
            ),
            (Value::from("2024-01-02"), Date, "2024-01-02"),
            (Value::from("03:04:05.5"), Time, "03:04:05.500000"),
            (Value::Number("1.50".into()), Numeric, "1.50"),
            (Value::List(vec![Value::from(1)]), Json, "[1]"),
            (Value::from("0x00ff"), Binary, "00ff"),
        ] {
            assert_eq!(
                text_of(&value, data_type).as_deref(),
                Ok(text),
                "{value:?} as {data_type}"
            );
        }
    }

    #[test]
    fn t3_to_t10_conversions_are_dlts_but_for_its_traps() {
        use DataType::*;
        for (value, data_type, text) in [
            // T3: words for true and false, numbers by whether they are 0; nothing else.
            (Value::from("False"), Bool, Some("false")),
            (Value::from("yes"), Bool, Some("true")),
            (Value::from("no"), Bool, Some("false")),
            (Value::from("0"), Bool, Some("false")),
            (Value::from("now"), Bool, None),
            (Value::from(7), Bool, Some("true")),
            (Value::from(0), Bool, Some("false")),
            (Value::from(0.5), Bool, Some("true")),
            (Value::from(0.0), Bool, Some("false")),
            (Value::Number("0.000".into()), Bool, Some("false")),
            (Value::Number("18446744073709551616".into()), Bool, Some("true")),
            (Value::from("2024-01-02T03:04:05Z"), Bool, None),
            (Value::Object(crate::value::Object(Vec::new())), Bool, None),
            (Value::List(Vec::new()), Bool, None),
            // T4: (≠) hexadecimal text is no number.
            (Value::from(" 21.37 "), Double, Some("21.37")),
            (Value::from("a912.12"), Double, None),
            (Value::from(true), Double, None),
            (Value::Number("21.37".into()), Double, Some("21.37")),
            (Value::from("NaN"), Double, None),
            (Value::from("0xff"), Double, None),
            // T5
            (Value::from(" -13 "), Bigint, Some("-13")),
            (Value::from(762_162.0), Bigint, Some("762162")),
            (Value::from(762_162.1), Bigint, None),
            (Value::from("912.12"), Bigint, None),
            (Value::from("f912.12"), Bigint, None),
            (Value::Number("762162.0".into()), Bigint, Some("762162")),
            (Value::Number("762162.1".into()), Bigint, None),
            (Value::from(" 0xff "), Bigint, None),
            (Value::from("1_000"), Bigint, None),
            (Value::from(true), Bigint, None),
            // T6
            (Value::from(" 912.120 "), Numeric, Some("912.120")),
            (Value::from(-1726.1288), Numeric, Some("-1726.1288")),
            (Value::from(5), Numeric, Some("5")),
            (Value::Number("1e-3".into()), Numeric, Some("0.001")),
            (
                Value::Number("18446744073709551616".into()),
                Numeric,
                Some("18446744073709551616"),
            ),
            (Value::from("p912.12"), Numeric, None),
            (Value::from(" 0xff "), Numeric, None),
            (Value::from(true), Numeric, None),
            // T7: (≠) text of digits is no moment.
            (
                Value::from(1_580_405_246.25),
                Timestamp,
                Some("2020-01-30T17:27:26.250000Z"),
            ),
            (
                Value::from("2022-04-26 10:36+02"),
                Timestamp,
                Some("2022-04-26T08:36:00Z"),
            ),
            (
                Value::from("2022-04-26T10:36:05+0200"),
                Timestamp,
                Some("2022-04-26T08:36:05Z"),
            ),
            (
                Value::from("2022-04-26T10:36:05+02:00"),
                Timestamp,
                Some("2022-04-26T08:36:05Z"),
            ),
            (
                Value::from("2022-04-26T10:36:05"),
                Timestamp,
                Some("2022-04-26T10:36:05Z"),
            ),
            (Value::from("2022-04-26"), Timestamp, Some("2022-04-26T00:00:00Z")),
            // Beyond a microsecond is cut, before 1970 too.
            (
                Value::from(1_000.000_001_9),
                Timestamp,
                Some("1970-01-01T00:16:40.000001Z"),
            ),
            (
                Value::from(-0.000_000_5),
                Timestamp,
                Some("1969-12-31T23:59:59.999999Z"),
            ),
            (Value::from("1580405246"), Timestamp, None),
            (Value::from("1580405246.25"), Timestamp, None),
            (Value::from("now"), Timestamp, None),
            (Value::from("P1D"), Timestamp, None),
            (Value::from("2024-01-02/2024-01-03"), Timestamp, None),
            (Value::from("2011-2012"), Timestamp, None),
            (Value::from("1e27"), Timestamp, None),
            (Value::from("Tue, 02 Jan 24 03:04:05 GMT"), Timestamp, None),
            (Value::from("Tue, 02 Jan 2024 03:04:05 +0000"), Timestamp, None),
            (Value::from("Tuesday, 02-Jan-24 03:04:05 GMT"), Timestamp, None),
            (Value::from("2024-01-02T03:04:05 Europe/Berlin"), Timestamp, None),
            (Value::from("10:36"), Timestamp, None),
            (Value::from("10:36:05"), Timestamp, None),
            (Value::from(1e27), Timestamp, None),
            (Value::from(-1e27), Timestamp, None),
            (Value::from(i64::MAX), Timestamp, None),
            (Value::from(true), Timestamp, None),
            // T8
            (Value::from(1_580_405_246), Date, Some("2020-01-30")),
            (Value::from("2022-04-26T10:36:05+02:00"), Date, Some("2022-04-26")),
            (Value::from(1_580_405_246.25), Date, Some("2020-01-30")),
            (Value::from("2022-04-26"), Date, Some("2022-04-26")),
            (Value::from("1580405246"), Date, None),
            (Value::from("03:04:05"), Date, None),
            (Value::from("03:04:05"), Time, Some("03:04:05")),
            (Value::from("2022-04-26"), Time, None),
            (Value::from("2022-04-26T10:36:05Z"), Time, None),
            (Value::from(5), Time, None),
            // T9
            (Value::from("0x0f"), Binary, Some("0f")),
            (Value::from("YmluYXJ5"), Binary, Some("62696e617279")),
            (Value::from("YmluYXJ5="), Binary, None),
            (Value::from("0x0"), Binary, None),
            (Value::from(912.12), Binary, None),
            // (≠) the order of a number's bytes would be a guess.
            (Value::from(15), Binary, None),
            // T10: (≠) text in a JSON column is a JSON text, so that nothing fails.
            (Value::from("{\"a\":1}"), Json, Some("\"{\\\"a\\\":1}\"")),
            (Value::from(5), Json, Some("5")),
            (Value::List(vec![Value::from(1)]), Text, Some("[1]")),
            (Value::List(vec![Value::from(1)]), Binary, None),
            (Value::Object(crate::value::Object(Vec::new())), Binary, None),
        ] {
            assert_eq!(
                text_of(&value, data_type).ok().as_deref(),
                text,
                "{value:?} as {data_type}"
            );
        }
    }

    #[test]
    fn t2_everything_has_a_text() {
        for (value, text) in [
            (Value::from(false), "false"),
            (Value::from(-1726.1288), "-1726.1288"),
            (Value::from(1.0), "1.0"),
            (Value::from(i64::MIN), "-9223372036854775808"),
            (Value::List(vec![Value::from("a"), Value::Null]), "[\"a\",null]"),
        ] {
            assert_eq!(text_of(&value, DataType::Text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_settled_column_loses_nothing_on_the_way() {
        for (value, data_type, fits) in [
            (Value::from(9_007_199_254_740_993), DataType::Double, false),
            (Value::from(9_007_199_254_740_992), DataType::Double, true),
            (Value::from("2024-01-02T03:04:05Z"), DataType::Date, false),
            (Value::from("2024-01-02T00:00:00Z"), DataType::Date, true),
        ] {
            let mut column = ColumnBuffer::new("c".into(), "c".into(), Some(data_type));
            let rule = Rule::settled(data_type, Misfit::DiscardValue);
            let coerced = coerce(&mut column, 0, &value, &rule, &mut String::new());
            assert_eq!(coerced.is_ok(), fits, "{value:?} as {data_type}: {coerced:?}");
        }
    }

    #[test]
    fn limits_are_kept_and_moments_rounded() {
        use DataType::*;
        for (value, data_type, precision, text) in [
            (Value::from("größe"), Text, 5, Some("größe")),
            (Value::from("größer"), Text, 5, None),
            (Value::from(32_767), Bigint, 16, Some("32767")),
            (Value::from(32_768), Bigint, 16, None),
            (Value::from(32_768), Bigint, 32, Some("32768")),
            (Value::from(1_i64 << 40), Bigint, 32, None),
            (Value::from(1_i64 << 40), Bigint, 64, Some("1099511627776")),
            (
                Value::from("2024-01-02T03:04:05.5Z"),
                Timestamp,
                0,
                Some("2024-01-02T03:04:06Z"),
            ),
            (
                Value::from("2024-01-02T03:04:05.1234Z"),
                TimestampNtz,
                3,
                Some("2024-01-02T03:04:05.123000"),
            ),
            (Value::from("03:04:05.1236"), Time, 3, Some("03:04:05.124000")),
            (Value::from("23:59:59.9999"), Time, 3, Some("23:59:59.999000")),
        ] {
            let mut column = ColumnBuffer::new("c".into(), "c".into(), Some(data_type));
            let rule = Rule {
                precision: Some(precision),
                ..Rule::settled(data_type, Misfit::Reject)
            };
            let coerced = coerce(&mut column, 0, &value, &rule, &mut String::new());
            let mut written = String::new();
            column.pad(1);
            column.cell(0).write_text(&mut written);
            assert_eq!(
                coerced.ok().map(|()| written.as_str()),
                text,
                "{value:?} as {data_type}({precision})"
            );
        }
    }

    #[test]
    fn converts_what_can_be_converted_without_loss() {
        use DataType::*;
        for (value, data_type, text) in [
            (Value::from("no"), Bool, Some("false")),
            (Value::from("maybe"), Bool, None),
            (Value::from(" 12 "), Bigint, Some("12")),
            (Value::from("12.5"), Bigint, None),
            (Value::from(12.0), Bigint, Some("12")),
            (Value::from(12.5), Bigint, None),
            (Value::from("1e3"), Double, Some("1000.0")),
            (Value::from("0.10"), Numeric, Some("0.10")),
            (Value::from(1_580_405_246), Timestamp, Some("2020-01-30T17:27:26Z")),
            (Value::from("1580405246"), Timestamp, None),
            (Value::from("2024-01-02"), Timestamp, Some("2024-01-02T00:00:00Z")),
            (Value::from("2024-01-02T03:04:05Z"), Date, Some("2024-01-02")),
            (Value::from("03:04"), Time, Some("03:04:00")),
            (Value::from("0x0fff"), Binary, Some("0fff")),
            (Value::from("AQI="), Binary, Some("0102")),
            (Value::from(true), Text, Some("true")),
            (Value::List(vec![Value::from(1)]), Text, Some("[1]")),
            (Value::List(vec![Value::from(1)]), Bigint, None),
            (Value::from("x"), Json, Some("\"x\"")),
        ] {
            assert_eq!(
                text_of(&value, data_type).ok().as_deref(),
                text,
                "{value:?} as {data_type}"
            );
        }
    }
}
