//! The range that an external scheduler gives, in the place of a stored cursor.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use serde_json::Value;

use super::spelling::{Spelled, Spelling};
use super::value::compare;
use crate::config::{IncrementalConfig, LastValueFunc};
use crate::plan::{Lookup, NoTimeZone, RunRange};

/// The environment variables that a scheduler sets.
const START: &str = "DLT_INTERVAL_START";
const END: &str = "DLT_INTERVAL_END";
const TIMEZONE: &str = "DLT_INTERVAL_TIMEZONE";
const ALLOW: &str = "DLT_ALLOW_EXTERNAL_SCHEDULERS";

/// Seconds since 1970 are within the years that a moment can have, to either side.
const MOST_SECONDS: f64 = 253_402_300_799.0;

/// What a scheduler says in the environment.
#[derive(Debug)]
pub struct Schedule {
    /// Whether its range counts where the config does not say it.
    pub(super) is_allowed: Result<bool, Mistake>,
    pub(super) start: Option<String>,
    pub(super) end: Option<String>,
    /// Whose clock and days count, or why it is not known which.
    pub(super) zone: Result<TimeZone, Mistake>,
}

#[derive(Debug)]
pub(super) struct Mistake {
    message: String,
    help: String,
}

impl Schedule {
    /// Reads the environment. What is wrong there is told when a config asks for it.
    pub fn read(lookup: &dyn Lookup) -> Self {
        let given = |name| lookup.env(name).filter(|value| !value.is_empty());
        Self {
            is_allowed: given(ALLOW).map_or(Ok(false), |flag| read_flag(&flag)),
            start: given(START),
            end: given(END),
            zone: match given(TIMEZONE) {
                Some(name) => time_zone(&name, lookup),
                None => Ok(TimeZone::UTC),
            },
        }
    }
}

/// A flag as dlt reads one.
fn read_flag(text: &str) -> Result<bool, Mistake> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "t" | "y" | "1" => Ok(true),
        "false" | "no" | "f" | "n" | "0" => Ok(false),
        _ => Err(Mistake {
            message: format!("environment variable {ALLOW} holds `{text}`, which is neither true nor false"),
            help: "set it to `true` or `false`, or unset it".to_owned(),
        }),
    }
}

/// Whether the range of a scheduler counts: as the config says, else as the environment does.
pub(super) fn is_scheduled(
    schedule: &Schedule,
    config: &IncrementalConfig,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> bool {
    match (config.allow_external_schedulers, &schedule.is_allowed) {
        (Some(is_allowed), _) => is_allowed,
        (None, Ok(is_allowed)) => *is_allowed,
        (None, Err(mistake)) => {
            diagnostics.error_with_help(path, &mistake.message, mistake.help.as_str());
            false
        }
    }
}

/// The names that dlt takes: those of the time zone database, as they are spelled there.
fn time_zone(name: &str, lookup: &dyn Lookup) -> Result<TimeZone, Mistake> {
    // It needs no database.
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let is_offset = name.starts_with(['+', '-']);
    let reason = if is_offset {
        NoTimeZone::Unknown { near: None }
    } else {
        match lookup.time_zone(name) {
            Ok(zone) => return Ok(zone),
            Err(reason) => reason,
        }
    };
    Err(match reason {
        NoTimeZone::Unknown { near } => Mistake {
            message: format!("environment variable {TIMEZONE} holds `{name}`, which is no time zone"),
            help: match near {
                Some(near) => format!("did you mean `{near}`?"),
                None if is_offset => "a fixed offset is none; give the name of one: `Europe/Berlin`, `UTC`".to_owned(),
                None => "give the name of one: `Europe/Berlin`, `UTC`".to_owned(),
            },
        },
        NoTimeZone::NoDatabase => Mistake {
            message: format!(
                "environment variable {TIMEZONE} holds `{name}`, but this system has no time zone database"
            ),
            help: "install the package `tzdata`, or name a copy of its folder `zoneinfo` in TZDIR".to_owned(),
        },
    })
}

/// The range of the scheduler in the form that the cursor has, as far as it lies within the range of the config.
pub(super) fn scheduled_range(
    schedule: &Schedule,
    config: &IncrementalConfig,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> RunRange {
    let path = path.key("allow_external_schedulers");
    let zone = match &schedule.zone {
        Ok(zone) => zone,
        Err(mistake) => {
            diagnostics.error_with_help(&path, &mistake.message, mistake.help.as_str());
            &TimeZone::UTC
        }
    };
    let (later, earlier) = match config.last_value_func {
        LastValueFunc::Max => (Ordering::Greater, Ordering::Less),
        LastValueFunc::Min => (Ordering::Less, Ordering::Greater),
    };
    let (initial, end) = (&config.initial_value, &config.end_value);
    let mut within = |name: &str, given: Option<&str>, own: &Value, own_counts: Ordering| {
        let Some(given) = given else {
            diagnostics.error_with_help(
                &path,
                format_args!("environment variable {name} is not set"),
                format_args!("the scheduler gives the range in {START} and {END}"),
            );
            return None;
        };
        let like = [own, initial, end].into_iter().find(|value| !value.is_null());
        let Some(taken) = in_form_of(given, zone, like) else {
            diagnostics.error_with_help(
                &path,
                format_args!("environment variable {name} holds `{given}`, which is no moment"),
                "a scheduler gives moments in ISO 8601: `2024-01-31T00:00:00Z`",
            );
            return None;
        };
        let compared = compare(&own.clone().into(), &Value::from(taken.as_str()).into());
        (compared != Some(own_counts)).then_some(taken)
    };
    RunRange {
        from: within(START, schedule.start.as_deref(), initial, later),
        until: within(END, schedule.end.as_deref(), end, earlier),
    }
}

/// A moment as the config writes its own: seconds since 1970 beside a number, the zone's day beside a day, its clock
/// beside a text without an offset, and clock and offset beside one with it. None for what is no moment.
fn in_form_of(given: &str, zone: &TimeZone, like: Option<&Value>) -> Option<String> {
    let like_text = like.and_then(Value::as_str);
    let like_spelled = like_text.and_then(Spelled::parse);
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    let is_beside_number =
        like.is_some_and(Value::is_number) || (like_spelled.is_none() && like_text.is_some_and(is_number));
    if is_beside_number && is_number(given) {
        return Some(given.to_owned());
    }
    let moment = Spelled::parse(given).or_else(|| seconds_since_1970(given))?;
    if is_beside_number {
        let is_whole = like.is_none_or(|like| !like.is_f64()) || moment.micros % 1_000_000 == 0;
        return Some(if is_whole {
            moment.micros.div_euclid(1_000_000).to_string()
        } else {
            (moment.micros as f64 / 1e6).to_string()
        });
    }
    let timestamp = Timestamp::from_microsecond(moment.micros).ok()?;
    let offset = zone.to_offset(timestamp).seconds();
    let spelling = match like_spelled {
        Some(like) => like.spelling,
        // Nothing says how the cursor is written, but that it is a moment, which no text without an offset is.
        None => moment.spelling.with_an_offset(),
    };
    Some(spelling.write_at_offset(moment.micros, offset))
}

fn seconds_since_1970(text: &str) -> Option<Spelled> {
    let seconds: f64 = text.parse().ok()?;
    (seconds.abs() <= MOST_SECONDS).then(|| Spelled {
        micros: (seconds * 1e6).round() as i64,
        spelling: Spelling::utc(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use restload_model::secret::Secret;
    use serde_json::json;

    use super::*;

    /// An environment, and a time zone database of two entries.
    struct Environment(BTreeMap<&'static str, &'static str>);

    impl Lookup for Environment {
        fn secret(&self, _: &str) -> Option<Secret> {
            None
        }

        fn secret_places(&self, _: &str) -> Vec<String> {
            Vec::new()
        }

        fn env(&self, name: &str) -> Option<String> {
            self.0.get(name).map(|value| (*value).to_owned())
        }

        fn time_zone(&self, name: &str) -> Result<TimeZone, NoTimeZone> {
            let rule = match name {
                "Europe/Berlin" => "CET-1CEST,M3.5.0,M10.5.0/3",
                "America/New_York" => "EST5EDT,M3.2.0,M11.1.0",
                "Africa/Monrovia" => "LMT0:44:30",
                "Nowhere/Installed" => return Err(NoTimeZone::NoDatabase),
                _ => {
                    let near = (name == "europe/berlin").then(|| "Europe/Berlin".to_owned());
                    return Err(NoTimeZone::Unknown { near });
                }
            };
            Ok(TimeZone::posix(rule).unwrap())
        }
    }

    /// The range as text, or what is wrong with it.
    fn range(start: &'static str, end: &'static str, zone: Option<&'static str>, bounds: &Value) -> String {
        let mut environment = BTreeMap::from([(START, start), (END, end)]);
        environment.extend(zone.map(|zone| (TIMEZONE, zone)));
        let schedule = Schedule::read(&Environment(environment));
        let mut block = json!({"cursor_path": "at", "allow_external_schedulers": true});
        block
            .as_object_mut()
            .unwrap()
            .extend(bounds.as_object().unwrap().clone());
        let config: IncrementalConfig = serde_json::from_value(block).unwrap();
        let mut diagnostics = Diagnostics::default();
        let range = scheduled_range(&schedule, &config, &KeyPath::root(), &mut diagnostics);
        if diagnostics.has_errors() {
            let told = diagnostics.into_vec().into_iter();
            let told = told.map(|told| format!("{}: {}", told.message, told.help.unwrap_or_default()));
            return told.collect::<Vec<_>>().join(" + ");
        }
        let shown = |bound: Option<String>| bound.unwrap_or_else(|| "own".to_owned());
        format!("{}..{}", shown(range.from), shown(range.until))
    }

    /// What the environment gives are moments: they are taken in the cursor's own form. The results are dlt's, but for
    /// its spelling of UTC, and for texts and an unknown cursor, which dlt refuses.
    #[test]
    fn moments_are_taken_in_the_form_of_the_cursor() {
        const START: &str = "2024-01-31T23:00:00Z";
        const END: &str = "2024-03-31T22:30:00Z";
        let (utc, berlin, new_york) = (None, Some("Europe/Berlin"), Some("America/New_York"));
        for (start, end, zone, initial, expected) in [
            // A number has no zone, and whole numbers get whole seconds.
            (START, END, utc, json!(0), "1706742000..1711924200"),
            (START, END, berlin, json!(0), "1706742000..1711924200"),
            (START, END, berlin, json!(0.5), "1706742000..1711924200"),
            (START, END, berlin, json!("0"), "1706742000..1711924200"),
            (
                "1969-12-31T23:59:58.5Z",
                "1970-01-01T00:00:01.5Z",
                utc,
                json!(-5),
                "-2..1",
            ),
            (
                "1969-12-31T23:59:58.5Z",
                "1970-01-01T00:00:01.5Z",
                utc,
                json!(-5.5),
                "-1.5..1.5",
            ),
            ("7", "9", utc, json!(5), "7..9"),
            // Days are those of the zone, on both sides of the change to summer time.
            (START, END, utc, json!("2020-01-01"), "2024-01-31..2024-03-31"),
            (START, END, berlin, json!("2020-01-01"), "2024-02-01..2024-04-01"),
            (START, END, new_york, json!("20200101"), "20240131..20240331"),
            (
                "2024-02-01",
                "2024-02-02",
                berlin,
                json!("2020-01-01"),
                "2024-02-01..2024-02-02",
            ),
            (
                "2024-02-01",
                "2024-02-02",
                new_york,
                json!("2020-01-01"),
                "2024-01-31..2024-02-01",
            ),
            (
                "2024-02-01T00:00:00",
                "2024-02-02T00:00:00",
                new_york,
                json!("2020-01-01"),
                "2024-01-31..2024-02-01",
            ),
            (
                "2024-02-01T00:00:00+09:00",
                "2024-02-02T00:00:00+09:00",
                utc,
                json!("2020-01-01"),
                "2024-01-31..2024-02-01",
            ),
            (
                "1706742000",
                "1709251200.0",
                berlin,
                json!("2020-01-01"),
                "2024-02-01..2024-03-01",
            ),
            // A clock without an offset is the zone's, also in the hour that comes twice.
            (
                START,
                END,
                utc,
                json!("2020-01-01T00:00:00"),
                "2024-01-31T23:00:00..2024-03-31T22:30:00",
            ),
            (
                START,
                END,
                berlin,
                json!("2020-01-01 00:00"),
                "2024-02-01 00:00..2024-04-01 00:30",
            ),
            (
                "2024-10-27T00:30:00Z",
                "2024-10-27T01:30:00Z",
                berlin,
                json!("2020-01-01T00:00:00"),
                "2024-10-27T02:30:00..2024-10-27T02:30:00",
            ),
            (
                "2024-10-27T00:30:00Z",
                "2024-10-27T01:30:00Z",
                berlin,
                json!("2020-01-01T00:00:00Z"),
                "2024-10-27T02:30:00+02:00..2024-10-27T02:30:00+01:00",
            ),
            // The clock and the offset of the zone, spelled as the config spells them.
            (
                START,
                END,
                utc,
                json!("2020-01-01T00:00:00Z"),
                "2024-01-31T23:00:00Z..2024-03-31T22:30:00Z",
            ),
            (
                START,
                END,
                utc,
                json!("2020-01-01T00:00:00+00:00"),
                "2024-01-31T23:00:00+00:00..2024-03-31T22:30:00+00:00",
            ),
            (
                START,
                END,
                utc,
                json!("2020-01-01T00:00:00+02:00"),
                "2024-01-31T23:00:00Z..2024-03-31T22:30:00Z",
            ),
            (
                START,
                END,
                berlin,
                json!("2020-01-01T00:00:00.000Z"),
                "2024-02-01T00:00:00.000+01:00..2024-04-01T00:30:00.000+02:00",
            ),
            (
                START,
                END,
                new_york,
                json!("20200101T000000+0000"),
                "20240131T180000-0500..20240331T183000-0400",
            ),
            (
                "2024-02-01T00:00:00+09:00",
                "2024-02-02T00:00:00",
                utc,
                json!("2020-01-01T00:00:00Z"),
                "2024-01-31T15:00:00Z..2024-02-02T00:00:00Z",
            ),
            // An offset of odd seconds has no place in a text.
            (
                START,
                END,
                Some("Africa/Monrovia"),
                json!("2020-01-01T00:00:00Z"),
                "2024-01-31T23:00:00Z..2024-03-31T22:30:00Z",
            ),
            // Without bounds of the config they stay as they are, but that they name an offset.
            (
                "2024-02-01",
                "2024-02-02T00:00:00.5",
                utc,
                json!(null),
                "2024-02-01..2024-02-02T00:00:00.5Z",
            ),
            (
                START,
                END,
                berlin,
                json!(null),
                "2024-02-01T00:00:00+01:00..2024-04-01T00:30:00+02:00",
            ),
            // No zone, or UTC by its name.
            (START, END, Some(""), json!("2020-01-01"), "2024-01-31..2024-03-31"),
            (START, END, Some("UTC"), json!("2020-01-01"), "2024-01-31..2024-03-31"),
        ] {
            let found = range(start, end, zone, &json!({ "initial_value": initial }));
            assert_eq!(found, expected, "{start} {zone:?} {initial}");
        }
    }

    #[test]
    fn the_range_of_the_config_is_not_left() {
        for (bounds, expected) in [
            (
                json!({"initial_value": "2024-02-15", "end_value": "2024-02-20"}),
                "own..own",
            ),
            (
                json!({"initial_value": "2024-01-15", "end_value": "2024-04-01"}),
                "2024-02-01..2024-03-01",
            ),
            (
                json!({"initial_value": "2024-04-01", "end_value": "2024-01-01", "last_value_func": "min"}),
                "2024-02-01..2024-03-01",
            ),
            // Each bound is taken in its own form.
            (
                json!({"initial_value": "2024-01-15", "end_value": "2024-04-01T00:00:00Z"}),
                "2024-02-01..2024-03-01T00:00:00+01:00",
            ),
            // The zone's clock is compared with that of the config.
            (
                json!({"initial_value": "2024-02-01T00:30:00", "end_value": "2024-03-01T00:30:00"}),
                "own..2024-03-01T00:00:00",
            ),
        ] {
            let zone = Some("Europe/Berlin");
            let found = range("2024-01-31T23:00:00Z", "2024-02-29T23:00:00Z", zone, &bounds);
            assert_eq!(found, expected, "{bounds}");
        }
    }

    /// As with dlt, the config's own word goes before the launcher's.
    #[test]
    fn the_environment_says_it_where_the_config_does_not() {
        let unclear =
            "environment variable DLT_ALLOW_EXTERNAL_SCHEDULERS holds `maybe`, which is neither true nor false";
        for (written, flag, expected) in [
            (json!(null), "True", Ok(true)),
            (json!(null), "0", Ok(false)),
            (json!(null), "", Ok(false)),
            (json!(false), "true", Ok(false)),
            (json!(true), "false", Ok(true)),
            (json!(true), "maybe", Ok(true)),
            (json!(null), "maybe", Err(unclear)),
        ] {
            let schedule = Schedule::read(&Environment(BTreeMap::from([(ALLOW, flag)])));
            let block = json!({"cursor_path": "at", "allow_external_schedulers": written});
            let config: IncrementalConfig = serde_json::from_value(block).unwrap();
            let mut diagnostics = Diagnostics::default();
            let found = is_scheduled(&schedule, &config, &KeyPath::root(), &mut diagnostics);
            let told = diagnostics.into_vec().pop().map(|told| told.message);
            assert_eq!(told.as_deref().map_or(Ok(found), Err), expected, "{written} {flag}");
        }
    }

    #[test]
    fn mistakes_of_the_environment_name_the_variable() {
        const NAME_ONE: &str = "give the name of one: `Europe/Berlin`, `UTC`";
        let zone = |name: &str, help: &str| {
            format!("environment variable DLT_INTERVAL_TIMEZONE holds `{name}`, which is no time zone: {help}")
        };
        let moment = |variable: &str, text: &str| {
            format!(
                "environment variable {variable} holds `{text}`, which is no moment: \
                 a scheduler gives moments in ISO 8601: `2024-01-31T00:00:00Z`"
            )
        };
        let unset = |variable: &str| {
            format!(
                "environment variable {variable} is not set: \
                 the scheduler gives the range in DLT_INTERVAL_START and DLT_INTERVAL_END"
            )
        };
        for (start, end, name, expected) in [
            (
                "2024-02-01",
                "2024-02-02",
                "europe/berlin",
                zone("europe/berlin", "did you mean `Europe/Berlin`?"),
            ),
            ("2024-02-01", "2024-02-02", "Atlantis", zone("Atlantis", NAME_ONE)),
            (
                "2024-02-01",
                "2024-02-02",
                "+02:00",
                zone("+02:00", &format!("a fixed offset is none; {NAME_ONE}")),
            ),
            (
                "2024-02-01",
                "2024-02-02",
                "Nowhere/Installed",
                "environment variable DLT_INTERVAL_TIMEZONE holds `Nowhere/Installed`, but this system has no time \
                 zone database: install the package `tzdata`, or name a copy of its folder `zoneinfo` in TZDIR"
                    .to_owned(),
            ),
            ("soon", "2024-02-02", "", moment(START, "soon")),
            ("2024-02-01", "1e300", "", moment(END, "1e300")),
            ("", "", "", format!("{} + {}", unset(START), unset(END))),
            // All of them at once.
            (
                "soon",
                "",
                "Atlantis",
                [zone("Atlantis", NAME_ONE), moment(START, "soon"), unset(END)].join(" + "),
            ),
        ] {
            let found = range(start, end, Some(name), &json!({"initial_value": "2020-01-01"}));
            assert_eq!(found, expected);
        }
    }
}
