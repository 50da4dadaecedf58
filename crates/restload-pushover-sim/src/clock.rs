//! Calendar arithmetic for the monthly quota. The simulator's time is a plain number of unix seconds.

pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// The first moment after `now` at which a monthly quota starts anew: 00:00 in Chicago on the 1st.
pub(crate) fn next_quota_reset(now: i64) -> i64 {
    let (year, month) = year_and_month(now.div_euclid(SECONDS_PER_DAY));
    let this_month = quota_reset(year, month);
    if this_month > now {
        return this_month;
    }
    if month == 12 {
        quota_reset(year + 1, 1)
    } else {
        quota_reset(year, month + 1)
    }
}

/// US daylight time always begins after 1 March 00:00 and ends after 1 November 00:00,
/// so the month alone tells the offset and no time-zone table is needed.
fn quota_reset(year: i64, month: i64) -> i64 {
    let offset_hours = if matches!(month, 12 | 1 | 2 | 3) { 6 } else { 5 };
    days_from_epoch(year, month) * SECONDS_PER_DAY + offset_hours * 3600
}

/// Days from 1970-01-01 to the first of the month, in the proleptic Gregorian calendar.
fn days_from_epoch(year: i64, month: i64) -> i64 {
    // Years start in March here, so that the leap day is the last day of the year.
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn year_and_month(days: i64) -> (i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_resets_at_midnight_in_chicago() {
        // (reset expected, a moment before it)
        let cases = [
            (1_393_653_600, 1_391_300_000), // 2014-03-01, winter time
            (1_451_628_000, 1_451_000_000), // 2016-01-01, across the year
            (1_796_104_800, 1_796_000_000), // 2026-12-01
            (1_764_568_800, 1_763_856_000), // 2025-12-01, from the default clock
            (1_761_973_200, 1_761_973_199), // 2025-11-01 05:00 UTC, still daylight time
            (1_764_568_800, 1_761_973_200), // the reset itself belongs to the new month
            (1_393_653_600, 1_393_650_000), // already 1 March in UTC, not yet in Chicago
        ];
        for (expected, now) in cases {
            assert_eq!(next_quota_reset(now), expected, "from {now}");
        }
    }
}
