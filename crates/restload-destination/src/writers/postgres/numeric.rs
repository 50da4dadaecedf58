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
    let (weight, sign) = match groups.is_empty() {
        true => (0, POSITIVE),
        false => (weight as i16, if number.negative { NEGATIVE } else { POSITIVE }),
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
