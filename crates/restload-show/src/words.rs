//! Numbers, moments and durations, for people.

/// `1,234,567`
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `1,234 rows`
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `2024-01-02 03:04:05` of a moment in ISO 8601, without what is zero behind the second. The headings say that it is UTC.
pub(crate) fn moment(iso: &str) -> String {
    let text = iso.trim_end_matches('Z').replacen('T', " ", 1);
    match text.split_once('.') {
        Some((seconds, fraction)) => match fraction.trim_end_matches('0') {
            "" => seconds.to_owned(),
            fraction => format!("{seconds}.{fraction}"),
        },
        None => text,
    }
}

/// The same to the second.
pub(crate) fn second(iso: &str) -> String {
    let moment = moment(iso);
    moment
        .split_once('.')
        .map_or(moment.clone(), |(seconds, _)| seconds.to_owned())
}

/// `340 ms`, `12.3 s`, `3 min 20 s`, `1 h 5 min`
pub(crate) fn duration(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{}.{} s", seconds, millis % 1_000 / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", grouped(seconds / 3_600), seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_written_for_people() {
        assert_eq!(
            [0, 12, 123, 1_234, 12_345_678].map(grouped),
            ["0", "12", "123", "1,234", "12,345,678"]
        );
        assert_eq!([1, 2].map(|number| count(number, "row")), ["1 row", "2 rows"]);
        assert_eq!(
            [0, 999, 1_000, 12_345, 200_000, 3_900_000].map(duration),
            ["0 ms", "999 ms", "1.0 s", "12.3 s", "3 min 20 s", "1 h 5 min"]
        );
        assert_eq!(moment("2024-01-02T03:04:05.000000Z"), "2024-01-02 03:04:05");
        assert_eq!(moment("2024-01-02T03:04:05.120000Z"), "2024-01-02 03:04:05.12");
        assert_eq!(second("2024-01-02T03:04:05.120000Z"), "2024-01-02 03:04:05");
        assert_eq!(moment("not a moment"), "not a moment");
    }
}
