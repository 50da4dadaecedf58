//! The range that an external scheduler gives, in the place of a stored cursor.

use std::cmp::Ordering;

use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::iso_time::{MICROS_PER_DAY, parse_date, parse_timestamp, write_date};
use serde_json::Value;

use super::value::compare;
use crate::config::{IncrementalConfig, LastValueFunc};
use crate::plan::RunRange;

/// The environment variables that a scheduler sets.
const NAMES: [&str; 2] = ["DLT_INTERVAL_START", "DLT_INTERVAL_END"];

/// The range of the scheduler in the form that the cursor has, as far as it lies within the range of the config.
pub(super) fn scheduled_range(
    scheduled: &RunRange,
    config: &IncrementalConfig,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> RunRange {
    for (name, value) in NAMES.into_iter().zip([&scheduled.from, &scheduled.until]) {
        if value.is_none() {
            diagnostics.error_with_help(
                &path.key("allow_external_schedulers"),
                format_args!("environment variable {name} is not set"),
                "the scheduler gives the range in DLT_INTERVAL_START and DLT_INTERVAL_END",
            );
        }
    }
    let (later, earlier) = match config.last_value_func {
        LastValueFunc::Max => (Ordering::Greater, Ordering::Less),
        LastValueFunc::Min => (Ordering::Less, Ordering::Greater),
    };
    let like = if config.initial_value.is_null() {
        &config.end_value
    } else {
        &config.initial_value
    };
    let within = |given: &Option<String>, own: &Value, own_counts: Ordering| {
        let given = in_form_of(given.as_deref()?, like);
        let compared = compare(&own.clone().into(), &Value::from(given.as_str()).into());
        (compared != Some(own_counts)).then_some(given)
    };
    RunRange {
        from: within(&scheduled.from, &config.initial_value, later),
        until: within(&scheduled.until, &config.end_value, earlier),
    }
}

/// A moment as the config writes its own: seconds since 1970 beside a number, a day beside a day.
fn in_form_of(moment: &str, like: &Value) -> String {
    let days = |day: i32| i64::from(day) * MICROS_PER_DAY;
    let Some(micros) = parse_timestamp(moment).or_else(|| parse_date(moment).map(days)) else {
        return moment.to_owned();
    };
    match like {
        Value::Number(_) if micros % 1_000_000 == 0 => (micros / 1_000_000).to_string(),
        Value::Number(_) => (micros as f64 / 1e6).to_string(),
        Value::String(day) if parse_date(day).is_some() => {
            let mut text = String::new();
            write_date(&mut text, micros.div_euclid(MICROS_PER_DAY) as i32);
            text
        }
        _ => moment.to_owned(),
    }
}
