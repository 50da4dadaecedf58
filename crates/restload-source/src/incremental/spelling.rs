//! The way a text spells a moment, so that a moment reckoned from it is spelled alike: an API that is asked with its own
//! spelling understands it.

use std::fmt::Write as _;

use restload_model::iso_time::{self, MICROS_PER_DAY};

/// How a date, or a date and a time of day, is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spelling {
    /// Between year, month and day.
    date_separator: Option<char>,
    /// None for a date alone.
    time: Option<TimeOfDay>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct TimeOfDay {
    /// Between date and time.
    separator: char,
    has_colons: bool,
    /// Hours; hours and minutes; or with seconds.
    parts: usize,
    /// The fraction of a second: its separator and its digits.
    fraction: Option<(char, usize)>,
    /// As written: empty, `Z`, `+02:00`.
    offset: String,
    offset_micros: i64,
}

/// A moment and how it was spelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spelled {
    pub(super) micros: i64,
    pub(super) spelling: Spelling,
}

impl Spelled {
    /// Reads a text that is a date (`2024-01-31`, `20240131`) or a date and a time of day.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let compact = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        let days = if compact {
            iso_time::parse_date(&format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]))
        } else {
            iso_time::parse_date(text)
        };
        if let Some(days) = days {
            return Some(Self {
                micros: i64::from(days) * MICROS_PER_DAY,
                spelling: Spelling {
                    date_separator: (!compact).then_some('-'),
                    time: None,
                },
            });
        }
        let micros = iso_time::parse_timestamp(text)?;
        let split = text.find(['T', ' '])?;
        let (date, rest) = text.split_at(split);
        let mut characters = rest.chars();
        let separator = characters.next()?;
        let rest = characters.as_str();
        let end = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
        let (clock, offset) = rest.split_at(end);
        let (clock, fraction) = match clock.find(['.', ',']) {
            Some(point) => (&clock[..point], Some(&clock[point..])),
            None => (clock, None),
        };
        let has_colons = clock.contains(':');
        let digits = clock.bytes().filter(u8::is_ascii_digit).count();
        Some(Self {
            micros,
            spelling: Spelling {
                date_separator: date.chars().find(|character| !character.is_ascii_digit()),
                time: Some(TimeOfDay {
                    separator,
                    has_colons,
                    parts: digits / 2,
                    fraction: fraction.and_then(|text| Some((text.chars().next()?, text.len() - 1))),
                    offset_micros: offset_of(offset),
                    offset: offset.to_owned(),
                }),
            },
        })
    }
}

/// The offset that a text such as `+02:00` names, in microseconds.
fn offset_of(text: &str) -> i64 {
    let digits: Vec<i64> = text
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|byte| i64::from(byte - b'0'))
        .collect();
    let hours = digits.iter().take(2).fold(0, |sum, digit| sum * 10 + digit);
    let minutes = digits.iter().skip(2).take(2).fold(0, |sum, digit| sum * 10 + digit);
    let sign = if text.starts_with('-') { -1 } else { 1 };
    sign * (hours * 60 + minutes) * 60_000_000
}

impl Spelling {
    /// The spelling of a moment in UTC: `2024-01-31T00:00:00Z`.
    pub(super) fn utc() -> Self {
        Self {
            date_separator: Some('-'),
            time: Some(TimeOfDay {
                separator: 'T',
                has_colons: true,
                parts: 3,
                fraction: None,
                offset: "Z".to_owned(),
                offset_micros: 0,
            }),
        }
    }

    /// Whether it names days only.
    pub(super) fn is_date(&self) -> bool {
        self.time.is_none()
    }

    /// The same, with an offset where it names a time of day without one.
    pub(super) fn with_an_offset(mut self) -> Self {
        if let Some(time) = &mut self.time
            && time.offset.is_empty()
        {
            "Z".clone_into(&mut time.offset);
        }
        self
    }

    /// A moment in this spelling; what the spelling has no place for is cut.
    pub(super) fn write(&self, micros: i64) -> String {
        let time = self.time.as_ref();
        let local = micros.saturating_add(time.map_or(0, |time| time.offset_micros));
        self.write_local(local, time.map_or("", |time| &time.offset))
    }

    /// A moment in this spelling, but as the clock shows it that is so many seconds ahead of UTC.
    pub(super) fn write_at_offset(&self, micros: i64, ahead: i32) -> String {
        let local = micros.saturating_add(i64::from(ahead) * 1_000_000);
        let Some(time) = self.time.as_ref().filter(|time| !time.offset.is_empty()) else {
            return self.write_local(local, "");
        };
        let in_utc = if time.offset_micros == 0 { &time.offset } else { "Z" };
        // An offset has no place for seconds, which zones had until the 20th century.
        if ahead == 0 || ahead % 60 != 0 {
            return self.write_local(micros, in_utc);
        }
        let sign = if ahead < 0 { '-' } else { '+' };
        let is_compact = time.offset.len() > 3 && !time.offset.contains(':');
        let colon = if is_compact { "" } else { ":" };
        let minutes = ahead.abs() / 60;
        self.write_local(local, &format!("{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60))
    }

    /// What a clock shows, in microseconds since it showed the start of 1970, and its offset as it is to be written.
    fn write_local(&self, local: i64, offset: &str) -> String {
        let (year, month, day) = iso_time::civil_from_days(local.div_euclid(MICROS_PER_DAY) as i32);
        let mut text = String::new();
        let separator = self.date_separator.map(String::from).unwrap_or_default();
        let _ = write!(text, "{year:04}{separator}{month:02}{separator}{day:02}");
        let Some(time) = &self.time else { return text };
        let of_day = local.rem_euclid(MICROS_PER_DAY);
        let seconds = of_day / 1_000_000;
        text.push(time.separator);
        for (index, part) in [seconds / 3600, seconds / 60 % 60, seconds % 60]
            .iter()
            .take(time.parts)
            .enumerate()
        {
            if index > 0 && time.has_colons {
                text.push(':');
            }
            let _ = write!(text, "{part:02}");
        }
        if let Some((point, digits)) = time.fraction {
            text.push(point);
            let fraction = format!("{:06}{}", of_day % 1_000_000, "0".repeat(digits.saturating_sub(6)));
            text.push_str(&fraction[..digits]);
        }
        text.push_str(offset);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_spelled_as_another_was() {
        const DAY_AND_HALF: i64 = MICROS_PER_DAY * 3 / 2;
        for (text, later) in [
            ("2024-02-28", "2024-02-29"),
            ("20240228", "20240229"),
            ("2024-02-28T00:00:00Z", "2024-02-29T12:00:00Z"),
            ("2024-02-28 00:00:00", "2024-02-29 12:00:00"),
            ("2024-02-28T01:00:00+02:00", "2024-02-29T13:00:00+02:00"),
            ("2024-02-28T01:00:00-0530", "2024-02-29T13:00:00-0530"),
            ("2024-02-28T01:00:00.120Z", "2024-02-29T13:00:00.120Z"),
            ("2024-02-28T01:00:00.1234567Z", "2024-02-29T13:00:00.1234560Z"),
            ("20240228T010000Z", "20240229T130000Z"),
            ("2024/02/28 01:00", "2024/02/29 13:00"),
        ] {
            let spelled = Spelled::parse(text).unwrap();
            assert_eq!(spelled.spelling.write(spelled.micros + DAY_AND_HALF), later, "{text}");
        }
        for text in ["", "2024", "abc", "2024-13-01", "20241301"] {
            assert_eq!(Spelled::parse(text), None, "{text}");
        }
    }
}
