//! Numbers compared by their digits, so that none is rounded: cursors are ids and epochs of any size.

use std::cmp::Ordering;

/// A number in decimal: `0.DIGITS × 10^point`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    point: i64,
    /// Without zeros at either end; empty for zero.
    digits: Vec<u8>,
}

impl Decimal {
    /// Reads JSON's spelling of a number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = all.iter().take_while(|digit| **digit == b'0').count();
        let trailing = all[leading..].iter().rev().take_while(|digit| **digit == b'0').count();
        let digits = all[leading..all.len() - trailing].to_vec();
        let is_zero = digits.is_empty();
        Some(Self {
            negative: negative && !is_zero,
            point: if is_zero {
                0
            } else {
                (whole.len() as i64 - leading as i64).saturating_add(exponent)
            },
            digits,
        })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let magnitude = |left: &Self, right: &Self| match (left.digits.is_empty(), right.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => left
                .point
                .cmp(&right.point)
                .then_with(|| left.digits.cmp(&right.digits)),
        };
        match (self.negative, other.negative) {
            (false, false) => magnitude(self, other),
            (true, true) => magnitude(other, self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_by_every_digit() {
        let ascending = [
            "-1e3",
            "-10",
            "-9.5",
            "-0.001",
            "0",
            "0.0009",
            "0.001",
            "9",
            "9.5",
            "10",
            "9007199254740992",
            "9007199254740993",
            "18446744073709551616",
            "1e30",
        ];
        for (index, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                let (left, right) = (Decimal::parse(left).unwrap(), Decimal::parse(right).unwrap());
                assert_eq!(left.cmp(&right), index.cmp(&other), "{left:?} {right:?}");
            }
        }
        for (left, right) in [("1.0", "1"), ("-0", "0.000"), ("1e2", "100"), ("007", "7")] {
            assert_eq!(Decimal::parse(left), Decimal::parse(right), "{left} {right}");
        }
        for text in ["", "-", "1.2.3", "abc", "1e", "+1", "0x1"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
