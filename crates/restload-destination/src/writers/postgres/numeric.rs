//! Exact numbers in Postgres' binary form: groups of four decimal digits around the point.

/// Postgres' own limits: digits before the point, and after it.
const MOST_WHOLE_DIGITS: usize = 131_072;
const MOST_FRACTION_DIGITS: usize = 16_383;

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;

/// Appends a cell for a number written as digits with an optional sign, point and exponent.
pub(super) fn write(out: &mut Vec<u8>, text: &str) -> Result<(), String> {
    let number = parse(text).ok_or_else(|| format!("`{}` is not a number", shortened(text)))?;
    // Digit groups are counted from the point, in both directions.
    let whole = number.digits.len() as i64 + number.exponent;
    let fraction_digits = usize::try_from((-number.exponent).max(0)).unwrap_or(usize::MAX);
    if whole > MOST_WHOLE_DIGITS as i64 || fraction_digits > MOST_FRACTION_DIGITS {
        return Err(format!("`{}` has more digits than a numeric takes", shortened(text)));
    }
    let first_group = (whole - 1).div_euclid(4);
    let mut groups: Vec<i16> = Vec::with_capacity(number.digits.len() / 4 + 2);
    // Zeros that complete the first group, then digit by digit.
    let padding = (first_group * 4 + 4 - whole) as usize;
    let mut group = 0;
    let mut in_group = padding;
    for digit in &number.digits {
        group = group * 10 + i16::from(*digit);
        in_group += 1;
        if in_group == 4 {
            groups.push(group);
            (group, in_group) = (0, 0);
        }
    }
    if in_group > 0 {
        for _ in in_group..4 {
            group *= 10;
        }
        groups.push(group);
    }
    let leading_zeros = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading_zeros);
    let weight = first_group - leading_zeros as i64;
    while groups.last() == Some(&0) {
        groups.pop();
    }
    // Zero has no groups, and no sign.
    let weight = if groups.is_empty() { 0 } else { weight as i16 };
    let sign = if number.negative && !groups.is_empty() {
        NEGATIVE
    } else {
        POSITIVE
    };
    out.extend_from_slice(&(8 + 2 * groups.len() as i32).to_be_bytes());
    out.extend_from_slice(&(groups.len() as i16).to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&(fraction_digits as i16).to_be_bytes());
    for group in groups {
        out.extend_from_slice(&group.to_be_bytes());
    }
    Ok(())
}

/// The digits without sign and point, and the power of ten they are to be multiplied with.
struct Number {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

fn parse(text: &str) -> Option<Number> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.as_bytes().first()? {
        b'-' => (true, &mantissa[1..]),
        b'+' => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut digits = Vec::with_capacity(mantissa.len());
    for byte in whole.bytes().chain(fraction.bytes()) {
        digits.push(byte.is_ascii_digit().then_some(byte.wrapping_sub(b'0'))?);
    }
    // Zeros in front would count as digits against the limit.
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    digits.drain(..zeros.min(whole.len()));
    Some(Number {
        negative,
        digits,
        exponent: i64::from(exponent) - fraction.len() as i64,
    })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_FRACTION_DIGITS, MOST_WHOLE_DIGITS, NEGATIVE};
    use std::fmt::Write as _;

    /// Reads the binary form back, as Postgres prints it.
    fn read(cell: &[u8]) -> String {
        let number = |at: usize| i16::from_be_bytes([cell[at], cell[at + 1]]);
        assert_eq!(
            i32::from_be_bytes(cell[..4].try_into().unwrap()) as usize,
            cell.len() - 4
        );
        let (count, weight, sign, scale) = (number(4), number(6), number(8), number(10) as usize);
        let group = |index: i64| match usize::try_from(index) {
            Ok(index) if index < count as usize => number(12 + 2 * index),
            _ => 0,
        };
        let mut text = String::new();
        if sign as u16 == NEGATIVE {
            text.push('-');
        }
        let mut whole = String::new();
        for index in 0..=i64::from(weight) {
            write!(whole, "{:04}", group(index)).unwrap();
        }
        let trimmed = whole.trim_start_matches('0');
        text.push_str(if trimmed.is_empty() { "0" } else { trimmed });
        if scale > 0 {
            let mut fraction = String::new();
            let mut index = i64::from(weight) + 1;
            // Groups between the point and the first stored one are zeros.
            for _ in 0..(-1 - i64::from(weight)).max(0) {
                fraction.push_str("0000");
            }
            if index < 0 {
                index = 0;
            }
            while fraction.len() < scale {
                write!(fraction, "{:04}", group(index)).unwrap();
                index += 1;
            }
            text.push('.');
            text.push_str(&fraction[..scale]);
        }
        text
    }

    fn shown(text: &str) -> Result<String, String> {
        let mut out = Vec::new();
        super::write(&mut out, text).map(|()| read(&out))
    }

    #[test]
    fn writes_what_postgres_reads() {
        let nines = "9".repeat(MOST_WHOLE_DIGITS);
        let tiny = format!("0.{}1", "0".repeat(MOST_FRACTION_DIGITS - 1));
        for (text, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.000", "0.000"),
            ("1", "1"),
            ("-1", "-1"),
            ("+12", "12"),
            ("9999", "9999"),
            ("10000", "10000"),
            ("100000000", "100000000"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("-123456789.123456789", "-123456789.123456789"),
            ("1.50", "1.50"),
            ("0.5", "0.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("0.0001", "0.0001"),
            ("0.00001", "0.00001"),
            ("0.000000001234", "0.000000001234"),
            ("00012.300", "12.300"),
            ("1e3", "1000"),
            ("1.5e-7", "0.00000015"),
            ("1.25E2", "125"),
            ("-2.5e+1", "-25"),
            ("1e20", "100000000000000000000"),
            (&nines, &nines),
            (&tiny, &tiny),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_number_or_too_long() {
        let long = "9".repeat(MOST_WHOLE_DIGITS + 1);
        for text in [
            "", "-", ".", "abc", "1.2.3", "1e", "0x10", "1 ", "NaN", "1e200000", "1e-20000", &long,
        ] {
            let reason = shown(text).unwrap_err();
            assert!(reason.len() < 120, "{reason}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_digits_come_back(whole in "0|[1-9][0-9]{0,60}", fraction in "[0-9]{0,60}", negative: bool) {
            let mut text = whole;
            if !fraction.is_empty() {
                text = format!("{text}.{fraction}");
            }
            let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
            if negative && !is_zero {
                text.insert(0, '-');
            }
            proptest::prop_assert_eq!(shown(&text), Ok(text));
        }
    }
}
