//! `incremental`: loading only what is new.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::null;
use super::resource::Keys;

/// Load only the records whose cursor lies beyond the furthest one that was loaded before.
///
/// The furthest value is stored in the destination, one for each parent's record, and moves when its records are all
/// stored. Placeholders put it into the request: `{incremental.start_value}` is where this load starts, the same for all
/// of its requests; on the first load it is `initial_value`, and without that null, which leaves a parameter out.
/// `{incremental.initial_value}`, `{incremental.end_value}`, `{incremental.lag}` and `{incremental.cursor_path}` are
/// what is written here; `{incremental.last_value}` is the same as `start_value`. Records before the start are left out
/// even when the API ignores the parameter.
///
/// ```yaml
/// endpoint:
///   path: issues
///   params: { since: "{incremental.start_value}" }
///   incremental: { cursor_path: updated_at, initial_value: "2024-01-01T00:00:00Z" }
/// ```
///
/// An API that wants another form gets it by a filter: `{incremental.start_value | date("%Y-%m-%d")}`,
/// `{incremental.start_value | epoch}`, `{incremental.start_value | epoch_ms}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncrementalConfig {
    /// JSONPath, in a record, of the value that says how new it is: a moment (ISO 8601), a date, a number, or text that
    /// sorts. Processing steps come first.
    pub cursor_path: String,
    /// Where the first load starts, a value of the kind that records have; all records when absent. Changing it later does not move a stored cursor:
    /// `--full-refresh` or `--from` do.
    #[serde(default)]
    #[schemars(schema_with = "cursor_value")]
    pub initial_value: Value,
    /// Where the load ends; it needs an `initial_value`, beyond which it lies. A load with an end is a backfill: it starts at `initial_value`, and neither reads nor moves
    /// the stored cursor. `--from` and `--until` do the same from the command line.
    #[serde(default)]
    #[schemars(schema_with = "cursor_value")]
    pub end_value: Value,
    /// Whether the largest or the smallest value is the furthest.
    #[serde(default)]
    pub last_value_func: LastValueFunc,
    /// The order in which the API gives the records, if it is sure to: requests stop at the first page that has gone
    /// beyond the range (`desc` at the start, `asc` at `end_value`), for each parent's record on its own. A wrong order
    /// loses records.
    #[serde(default)]
    pub row_order: Option<RowOrder>,
    /// How far before the stored cursor a load starts, for records that appear late: seconds for moments, days for
    /// dates, else as much of the number. Those records are loaded again, so `write_disposition: merge` belongs with it.
    /// Never goes before `initial_value`. A backfill has none.
    #[serde(default)]
    pub lag: Option<f64>,
    /// Whether records at the start itself are loaded: `closed` takes them, which loses nothing where several have the
    /// same value; those that are stored already are not added twice. `open` leaves them out, also in the first load.
    #[serde(default = "closed", deserialize_with = "null::or_default")]
    #[schemars(with = "Option<RangeBound>")]
    pub range_start: RangeBound,
    /// Whether records at `end_value` itself are loaded; without an `end_value` it says nothing. The last window ends
    /// with it then: where a window's `end` is `exclusive`, the next day or whole number is named to the API.
    #[serde(default = "open", deserialize_with = "null::or_open")]
    #[schemars(with = "Option<RangeBound>")]
    pub range_end: RangeBound,
    /// What becomes of a record whose cursor is missing or null.
    #[serde(default)]
    pub on_cursor_value_missing: OnMissing,
    /// The fields by which a record at the start is recognised that was appended before: the resource's `primary_key`
    /// when absent, and the whole record without one. An empty list: nothing is recognised, and such records are added
    /// again.
    #[serde(default)]
    pub primary_key: Option<Keys>,
    /// Query parameter that takes the start, or the start of each window, in the place of one in `params`. A placeholder
    /// there does the same.
    #[serde(default)]
    pub start_param: Option<String>,
    /// Query parameter that takes the end, or the end of each window.
    #[serde(default)]
    pub end_param: Option<String>,
    /// A filter that start, end and windows go through wherever the request names them: `date("%Y-%m-%d")`. Null stays
    /// null.
    #[serde(default)]
    pub convert: Option<String>,
    /// dlt's former name of `convert`.
    #[serde(default)]
    pub transform: Option<String>,
    /// Take the range from the environment variables `DLT_INTERVAL_START` and `DLT_INTERVAL_END`, which hold moments and
    /// must both be set: a backfill, as `--from` and `--until` give one, of what lies within `initial_value` and
    /// `end_value` too. They are taken in the form of these: beside a number a moment is its seconds since 1970, beside
    /// a day its day, beside a text without an offset what the clock shows. Days and clocks are UTC's, or those of the
    /// time zone that `DLT_INTERVAL_TIMEZONE` names: `Europe/Berlin`. Where this is not written, the environment variable
    /// `DLT_ALLOW_EXTERNAL_SCHEDULERS` says it for all resources: a launcher sets it to `true` for the runs that it gives a
    /// range.
    #[serde(default)]
    pub allow_external_schedulers: Option<bool>,
    /// Walk from the start to the end in windows of one step each, several at a time; each is resumed on its own.
    #[serde(default)]
    pub window: Option<WindowConfig>,
}

/// Cut the range into windows, for APIs that refuse or page badly through a long one.
///
/// Each window is requested on its own, as many at a time as the client's `concurrency` allows, with its bounds in
/// `{window.start}` and `{window.end}` (or in `start_param` and `end_param`). Windows go from the start to `end_value`,
/// or to the moment the run began; the last one may be shorter. A record that two windows give counts once.
///
/// ```yaml
/// endpoint:
///   path: events
///   params: { from: "{window.start}", to: "{window.end}" }
///   incremental: { cursor_path: at, initial_value: "2024-01-01", window: { step: 1d } }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowConfig {
    /// How long a window is: `15m`, `6h`, `1d`, `1w`, `1mo`, or ISO 8601's `P1D`; also where numbers are seconds or
    /// milliseconds since 1970. A number is so many of the cursor's own unit, and needs `end_value`.
    pub step: StepLength,
    /// What `{window.end}` is to the API: the first value after the window, or the last one in it. Days and whole
    /// numbers are then one less.
    #[serde(default)]
    pub end: WindowEnd,
}

/// A time, or a number.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StepLength {
    /// So many of the cursor's own unit.
    Number(f64),
    /// A time such as `1d`.
    Time(String),
}

/// What the end of a window is to the API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowEnd {
    /// The first value after it.
    #[default]
    Exclusive,
    /// The last value in it.
    Inclusive,
}

/// Which value is the furthest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LastValueFunc {
    /// The largest.
    #[default]
    Max,
    /// The smallest.
    Min,
}

/// The order of records in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowOrder {
    /// The smallest value first.
    Asc,
    /// The largest value first.
    Desc,
}

/// Whether a bound is part of its range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RangeBound {
    /// It is.
    #[default]
    Closed,
    /// It is not.
    Open,
}

fn closed() -> RangeBound {
    RangeBound::Closed
}

fn open() -> RangeBound {
    RangeBound::Open
}

/// What becomes of a record without a cursor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// The resource fails.
    #[default]
    Raise,
    /// It is loaded, in every load that meets it.
    Include,
    /// It is left out.
    Exclude,
}

fn cursor_value(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "number", "null"] })
}

impl IncrementalConfig {
    /// The block in a parameter, `{type: incremental, …}`, for the schema.
    pub(super) fn param_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Self>();
        let mut block = generator
            .definitions()
            .get("IncrementalConfig")
            .cloned()
            .unwrap_or_default();
        if let Some(members) = block.as_object_mut() {
            members.insert(
                "description".to_owned(),
                "The start of an incremental load, in this parameter; see `incremental`.".into(),
            );
            if let Some(properties) = members.get_mut("properties").and_then(Value::as_object_mut) {
                properties.insert(
                    "type".to_owned(),
                    serde_json::json!({ "type": "string", "const": "incremental" }),
                );
            }
            if let Some(required) = members.get_mut("required").and_then(Value::as_array_mut) {
                required.push("type".into());
            }
        }
        Schema::try_from(block).unwrap_or_default()
    }
}
