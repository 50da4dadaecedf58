//! ISO 8601 moments: which texts are one, and how they are written.
//!
//! The accepted spellings are those that dlt detects, so that the same data gives the same column types; a full
//! `YYYY-MM-DD` is a date besides. Text of digits alone is never a moment.

use std::fmt::Write as _;

use jiff::civil::Date;

/// Microseconds in a day.
pub const MICROS_PER_DAY: i64 = 86_400_000_000;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Microseconds since 1970 of a text that spells a date and a time of day; UTC when it names no offset.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    // The shortest is `20240102T03`; anything else is cheap to turn away.
    if bytes.len() < 11 || !bytes[0].is_ascii_digit() {
        return None;
    }
    let mut scan = Scan { bytes, at: 0 };
    let days = scan.date()?;
    match scan.next()? {
        b'T' | b' ' => {}
        _ => return None,
    }
    let micros = scan.time_of_day()?;
    let offset = scan.offset()?;
    if scan.at != bytes.len() {
        return None;
    }
    Some(i64::from(days) * MICROS_PER_DAY + micros - offset)
}

/// Days since 1970 of a text that is exactly `YYYY-MM-DD`.
pub fn parse_date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    Scan { bytes, at: 0 }.date()
}

/// Microseconds since midnight of a text that is a time of day: `HH:MM`, `HH:MM:SS`, with an optional fraction.
pub fn parse_time(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || bytes[2] != b':' {
        return None;
    }
    let mut scan = Scan { bytes, at: 0 };
    let micros = scan.time_of_day()?;
    (scan.at == bytes.len()).then_some(micros)
}

/// Appends `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`.
pub fn write_timestamp(out: &mut String, micros: i64) {
    write_date(out, micros.div_euclid(MICROS_PER_DAY) as i32);
    out.push('T');
    write_time(out, micros.rem_euclid(MICROS_PER_DAY));
    out.push('Z');
}

/// Appends `YYYY-MM-DD`.
pub fn write_date(out: &mut String, days: i32) {
    let (year, month, day) = civil_from_days(days);
    if year < 0 {
        let _ = write!(out, "{year:04}-{month:02}-{day:02}");
        return;
    }
    let mut text = *b"0000-00-00";
    let year = year.unsigned_abs();
    put_two(&mut text, 0, u32::from(year / 100));
    put_two(&mut text, 2, u32::from(year % 100));
    put_two(&mut text, 5, u32::from(month.unsigned_abs()));
    put_two(&mut text, 8, u32::from(day.unsigned_abs()));
    push_ascii(out, &text);
}

/// Appends `HH:MM:SS[.ffffff]`.
pub fn write_time(out: &mut String, micros: i64) {
    let text = time_digits(micros);
    let is_whole = micros % MICROS_PER_SECOND == 0;
    push_ascii(out, if is_whole { &text[..8] } else { &text });
}

/// Appends `HH:MM:SS.ffffff`.
pub fn write_time_with_micros(out: &mut String, micros: i64) {
    push_ascii(out, &time_digits(micros));
}

fn time_digits(micros: i64) -> [u8; 15] {
    let seconds = (micros / MICROS_PER_SECOND) as u32;
    let fraction = (micros % MICROS_PER_SECOND) as u32;
    let mut text = *b"00:00:00.000000";
    put_two(&mut text, 0, seconds / 3600);
    put_two(&mut text, 3, seconds / 60 % 60);
    put_two(&mut text, 6, seconds % 60);
    put_two(&mut text, 9, fraction / 10_000);
    put_two(&mut text, 11, fraction / 100 % 100);
    put_two(&mut text, 13, fraction % 100);
    text
}

/// Writes a number of two digits.
fn put_two<const LENGTH: usize>(out: &mut [u8; LENGTH], at: usize, number: u32) {
    out[at] = b'0' + (number / 10) as u8;
    out[at + 1] = b'0' + (number % 10) as u8;
}

fn push_ascii(out: &mut String, text: &[u8]) {
    out.push_str(std::str::from_utf8(text).unwrap_or_default());
}

/// Year, month and day of a day count in the proleptic Gregorian calendar (Howard Hinnant's algorithm), within the
/// years that a [`Date`] can have.
pub fn civil_from_days(days: i32) -> (i16, i8, i8) {
    const FIRST: i32 = days_from_civil(-9999, 1, 1);
    const LAST: i32 = days_from_civil(9999, 12, 31);
    let days = days.clamp(FIRST, LAST) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days - era * 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i32::from(month <= 2);
    (year as i16, month as i8, day as i8)
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// A number of two digits.
    fn two(&mut self) -> Option<i32> {
        let [tens, ones] = *self.bytes.get(self.at..)?.first_chunk()?;
        if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
            return None;
        }
        self.at += 2;
        Some(i32::from(tens - b'0') * 10 + i32::from(ones - b'0'))
    }

    /// `YYYY-MM-DD`, `YYYY/MM/DD` or `YYYYMMDD`, as days since 1970.
    fn date(&mut self) -> Option<i32> {
        let year = self.two()? * 100 + self.two()?;
        let separator = self.peek().filter(|byte| matches!(byte, b'-' | b'/'));
        self.at += usize::from(separator.is_some());
        let month = self.two()?;
        if let Some(separator) = separator
            && !self.skip(separator)
        {
            return None;
        }
        let day = self.two()?;
        if year == 0 {
            return None;
        }
        // Checks the day against the month and the leap year.
        Date::new(year as i16, month as i8, day as i8).ok()?;
        Some(days_from_civil(year, month, day))
    }

    /// `HH`, `HH:MM`, `HH:MM:SS[.f…]` or the same without colons, as microseconds; beyond six digits are cut.
    fn time_of_day(&mut self) -> Option<i64> {
        let hour = self.two()?;
        let colon = self.skip(b':');
        let has_minute = colon || self.peek().is_some_and(|byte| byte.is_ascii_digit());
        let minute = if has_minute { self.two()? } else { 0 };
        let has_second = has_minute
            && if colon {
                self.skip(b':')
            } else {
                self.peek().is_some_and(|byte| byte.is_ascii_digit())
            };
        let second = if has_second { self.two()? } else { 0 };
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let mut micros = 0;
        if has_second && matches!(self.peek(), Some(b'.' | b',')) {
            self.at += 1;
            let start = self.at;
            let mut unit = 100_000;
            while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
                micros += i64::from(digit - b'0') * unit;
                unit /= 10;
                self.at += 1;
            }
            if self.at == start {
                return None;
            }
        }
        Some(i64::from(hour * 3600 + minute * 60 + second) * MICROS_PER_SECOND + micros)
    }

    /// Nothing, `Z`, `+HH`, `+HHMM` or `+HH:MM`, as microseconds.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.peek() {
            None => return Some(0),
            Some(b'Z') => {
                self.at += 1;
                return Some(0);
            }
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        self.at += 1;
        let hours = self.two()?;
        let minutes = if self.peek().is_some() {
            self.skip(b':');
            self.two()?
        } else {
            0
        };
        if hours > 23 || minutes > 59 {
            return None;
        }
        Some(sign * i64::from(hours * 60 + minutes) * 60 * MICROS_PER_SECOND)
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant's algorithm).
const fn days_from_civil(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + (year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year) - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        parse_timestamp(text).map(|micros| {
            let mut out = String::new();
            write_timestamp(&mut out, micros);
            out
        })
    }

    #[test]
    fn t11_detects_what_dlt_detects() {
        for (text, moment) in [
            ("2024-01-02T03:04:05", "2024-01-02T03:04:05Z"),
            ("2024-01-02 03:04:05", "2024-01-02T03:04:05Z"),
            ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
            ("2024-01-02T03:04:05+02:00", "2024-01-02T01:04:05Z"),
            ("2024-01-02T03:04:05+0200", "2024-01-02T01:04:05Z"),
            ("2024-01-02T03:04:05-02", "2024-01-02T05:04:05Z"),
            ("2024-01-02T03:04:05.123456789Z", "2024-01-02T03:04:05.123456Z"),
            ("2024-01-02T03:04:05,5", "2024-01-02T03:04:05.500000Z"),
            ("2024-01-02T03:04", "2024-01-02T03:04:00Z"),
            ("2024-01-02T03", "2024-01-02T03:00:00Z"),
            ("20240102T030405Z", "2024-01-02T03:04:05Z"),
            ("2024/01/02 03:04:05", "2024-01-02T03:04:05Z"),
            ("2021-07-24 10:51", "2021-07-24T10:51:00Z"),
            ("2022-04-26 10:36+02", "2022-04-26T08:36:00Z"),
            ("20240102T030405", "2024-01-02T03:04:05Z"),
            ("2024-01-02T03:04:05+02", "2024-01-02T01:04:05Z"),
            ("0001-01-01T00:00:00", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59", "9999-12-31T23:59:59Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(moment), "{text}");
        }
    }

    #[test]
    fn t11_leaves_everything_else_as_text() {
        for text in [
            "2024-01-02",
            "2024",
            "2024-W01-1",
            "2024-001",
            "03:04:05",
            "2024-01-02t03:04:05",
            " 2024-01-02T03:04:05",
            "2024-01-02T03:04:05 ",
            "2024-01-02 03:04:05 UTC",
            "2024-01-02 03:04:05 +0000",
            "01/02/2024 03:04",
            "2024-1-2 03:04",
            "2024-02-30T00:00:00",
            "2024-01-02T24:00:00",
            "2024-01-02T03:04:60",
            "now",
            "",
            "2024-01-02T27:04:05",
            "P1D",
            "2024-01-02/2024-01-03",
            "Tue, 02 Jan 2024 03:04:05 GMT",
            "Tue, 02 Jan 2024 03:04:05 +0000",
            "Tuesday, 02-Jan-24 03:04:05 GMT",
            "2024-01-02T03:04:05 Europe/Berlin",
            "1580405246",
            "20240102030405",
            "0000-01-01T00:00:00",
            "2024-01-02T03:04:05z",
            "2024-01/02T03:04:05",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn t12_only_a_full_day_is_a_date() {
        assert_eq!(parse_date("1970-01-02"), Some(1));
        assert_eq!(parse_date("1969-12-31"), Some(-1));
        for text in [
            "2024",
            "2024-01",
            "20240102",
            "2024/01/02",
            "2024-W01",
            "2024-W01-1",
            "2024-001",
            "197505",
            "75",
            "01-12",
            " 2024-01-02",
            "2024-01-02Z",
            "",
            "2023-02-29",
            "2024-01-02T00:00:00",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn days_agree_with_the_calendar() {
        let epoch = Date::constant(1970, 1, 1);
        for days in (-4_371_587..=2_932_896).step_by(997) {
            let (year, month, day) = civil_from_days(days);
            let date = epoch.checked_add(jiff::Span::new().days(days)).unwrap();
            assert_eq!((year, month, day), (date.year(), date.month(), date.day()));
            assert_eq!(days_from_civil(i32::from(year), i32::from(month), i32::from(day)), days);
        }
        for (days, date) in [(i32::MIN, (-9999, 1, 1)), (i32::MAX, (9999, 12, 31))] {
            assert_eq!(civil_from_days(days), date);
        }
    }
}
