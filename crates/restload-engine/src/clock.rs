//! The only place that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub(crate) i64);

impl Moment {
    /// This one.
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// The moment of an ISO 8601 text.
    pub fn from_iso(text: &str) -> Option<Self> {
        restload_model::iso_time::parse_timestamp(text).map(Self)
    }

    /// Microseconds since 1970, UTC.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, UTC.
    pub(crate) fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// ISO 8601, UTC.
    pub fn to_iso(self) -> String {
        let mut text = String::new();
        restload_model::iso_time::write_timestamp(&mut text, self.0);
        text
    }

    /// Seconds from now until a moment that an HTTP header names as a date; 0 when it is past.
    pub(crate) fn seconds_until_http_date(text: &str) -> Option<u64> {
        let then = httpdate::parse_http_date(text)
            .ok()?
            .duration_since(UNIX_EPOCH)
            .ok()?
            .as_secs();
        Some(then.saturating_sub(Self::now().0.unsigned_abs() / 1_000_000))
    }
}

/// An id for a load: the moment it starts, then chance, of fixed width, so that ids sort by time.
pub fn new_load_id(start: Moment) -> String {
    let chance: String = std::iter::repeat_with(fastrand::alphanumeric).take(6).collect();
    format!("{}-{}", load_ids_from(start), chance.to_lowercase())
}

/// What sorts before the ids of loads that begin at a moment or later, and after those of earlier ones.
pub(crate) fn load_ids_from(start: Moment) -> String {
    let digits: String = start.to_iso().chars().filter(char::is_ascii_digit).collect();
    format!("{:0<20}", digits.get(..20).unwrap_or(&digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_ids_are_of_one_width_and_sort_by_time() {
        let whole = new_load_id(Moment(1_700_000_000_000_000));
        let later = new_load_id(Moment(1_700_000_000_000_001));
        assert_eq!(whole.len(), later.len());
        assert!(
            whole.starts_with("20231114221320000000-") && later.starts_with("20231114221320000001-"),
            "{whole} {later}"
        );
        assert!(
            whole < load_ids_from(Moment(1_700_000_000_000_001))
                && load_ids_from(Moment(1_700_000_000_000_000)) < whole
        );
    }
}
