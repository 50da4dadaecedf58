//! Incremental loading: from the furthest cursor that is stored to the newest record there is.
//!
//! What is decided here: where a load of a partition starts, which records of a page lie in its range, what placeholders
//! refer to, how a range is cut into windows, and what is remembered of it. A partition has a cursor of its own; its
//! start is frozen when the partition is first known, and stored with its position, so that a load that is interrupted
//! goes on with the same range.

mod examination;
mod filter;
mod number;
mod remembered;
mod scheduled;
mod spelling;
mod state;
mod value;
mod window;

use std::cmp::Ordering;
use std::sync::Arc;

use minijinja::Value as Computed;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath, did_you_mean};

pub use filter::Taken;
pub use scheduled::Schedule;
pub use state::{CursorProgress, Kept, KeptCursor, Slice, Windows};
pub use value::{Bound, compare};
pub use window::Slices;

use crate::config::{
    ColumnsConfig, Disposition, IncrementalConfig, Keys, LastValueFunc, OnMissing, RangeBound, ResourceConfig,
    RowOrder, StepLength, Strategy, WindowConfig, WindowEnd,
};
use crate::extraction::ExtractError;
use crate::json_path::JsonPath;
use crate::plan::RunRange;
use crate::template::{RenderError, Template, to_value};
use scheduled::{is_scheduled, scheduled_range};
use window::Step;

/// What `{incremental.…}` may name.
pub const ATTRIBUTES: [&str; 6] = [
    "start_value",
    "initial_value",
    "last_value",
    "end_value",
    "lag",
    "cursor_path",
];

/// What `{window.…}` may name.
pub const WINDOW_ATTRIBUTES: [&str; 2] = ["start", "end"];

/// A compiled `incremental`.
#[derive(Debug)]
pub struct IncrementalPlan {
    resource: Arc<str>,
    cursor: JsonPath,
    initial: Bound,
    /// Where the range ends; none for a load that goes to the newest record.
    end: Bound,
    last_value_func: LastValueFunc,
    row_order: Option<RowOrder>,
    lag: Option<f64>,
    /// As the config has it, for `{incremental.lag}`.
    written_lag: Option<f64>,
    range_start: RangeBound,
    range_end: RangeBound,
    on_missing: OnMissing,
    dedup: Dedup,
    /// The query parameters that take start and end.
    pub start_param: Option<String>,
    /// See [`start_param`](Self::start_param).
    pub end_param: Option<String>,
    convert: Option<Template>,
    window: Option<WindowPlan>,
    /// Whether the range is given for this run, by the config or on the command line, so that the stored cursor has no
    /// part in it.
    is_backfill: bool,
    /// Whether the records at the cursor are remembered, so that children are not given them again.
    remembers_records: bool,
    /// When the run started, in microseconds since 1970.
    run_started: i64,
}

#[derive(Debug)]
struct WindowPlan {
    step: Step,
    written: String,
    end: WindowEnd,
}

/// How a row that was appended before is recognised when it comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Dedup {
    /// It is not, or need not be.
    Off,
    /// By these fields and the cursor.
    ByKey(Vec<String>),
    /// By all of it.
    ByContent,
}

/// What is known of a run when `incremental` is compiled.
#[derive(Debug, Clone, Copy)]
pub struct RunFacts<'r> {
    /// When it started, ISO 8601.
    pub started_at: &'r str,
    /// The range that the command line gives.
    pub range: &'r RunRange,
    /// What an external scheduler says.
    pub schedule: &'r Schedule,
}

impl IncrementalPlan {
    /// Compiles the block of a resource; mistakes are noted.
    pub fn compile(
        config: &IncrementalConfig,
        resource: (&KeyPath, &ResourceConfig),
        run: RunFacts<'_>,
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let (resource_path, resource) = resource;
        let cursor = match JsonPath::parse(&config.cursor_path) {
            Ok(cursor) => Some(cursor),
            Err(_) if config.cursor_path.trim().is_empty() => {
                diagnostics.error(&path.key("cursor_path"), "the path of the cursor is empty");
                None
            }
            Err(reason) => {
                let message = format_args!("`{}` is not a JSONPath: {reason}", config.cursor_path);
                diagnostics.error(&path.key("cursor_path"), message);
                None
            }
        };
        let convert = compile_convert(config, path, diagnostics);
        check_bounds(config, path, diagnostics);
        let window = config
            .window
            .as_ref()
            .map(|window| compile_window(window, config, path, diagnostics));
        let scheduled = is_scheduled(run.schedule, config, path, diagnostics)
            .then(|| scheduled_range(run.schedule, config, path, diagnostics));
        let given = scheduled.as_ref().unwrap_or(run.range);
        let range = given_range(given, scheduled.is_some(), config, path, diagnostics);
        warn_of_repeated_rows(config, resource, path, diagnostics);
        refuse_absence_as_deletion(resource, resource_path, path, diagnostics);
        let window = match window {
            Some(window) => Some(window?),
            None => None,
        };
        let (initial, end) = range?;
        let is_backfill = !end.is_none() || given.is_given();
        let run_started = restload_model::iso_time::parse_timestamp(run.started_at).unwrap_or_default();
        if let Some(window) = &window
            && !initial.is_none()
        {
            check_window_bounds(window, &initial, &end, run_started, path, diagnostics);
        }
        Some(Self {
            resource: resource.name.as_str().into(),
            cursor: cursor?,
            initial,
            end,
            last_value_func: config.last_value_func,
            row_order: config.row_order,
            // A range that is given is loaded as it is.
            lag: config.lag.filter(|_| !is_backfill),
            written_lag: config.lag,
            range_start: config.range_start,
            range_end: config.range_end,
            on_missing: config.on_cursor_value_missing,
            dedup: dedup(config, resource, is_backfill),
            start_param: config.start_param.clone(),
            end_param: config.end_param.clone(),
            convert: convert.ok()?,
            window,
            is_backfill,
            remembers_records: false,
            run_started,
        })
    }

    /// The templates that it holds.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.convert.iter()
    }

    /// Whether rows are recognised when they come again, so that their table needs an index on their ids.
    pub fn recognises_rows(&self) -> bool {
        self.dedup != Dedup::Off
    }

    /// Whether records at the start, or within the lag, come again in every load without being told from new ones by the
    /// table that they are in. Rows are recognised where they are stored only.
    fn repeats_records(&self, is_stored: bool) -> bool {
        let is_recognised = is_stored && self.recognises_rows();
        self.range_start == RangeBound::Closed && !self.is_backfill && !is_recognised
    }

    /// Whether children are given records again that an earlier load has given them.
    pub(crate) fn repeats_children(&self, is_stored: bool) -> bool {
        self.repeats_records(is_stored) && (self.lag.is_some() || self.window.is_some())
    }

    /// Whether the range is given for the run; the stored cursor is then neither read nor moved.
    pub fn is_backfill(&self) -> bool {
        self.is_backfill
    }

    /// Whether the first load has no start.
    pub(crate) fn starts_from_nothing(&self) -> bool {
        self.initial.is_none()
    }

    /// A name for the range that is given, under which an interrupted load of it is remembered.
    pub fn scope(&self) -> Option<String> {
        let shown = |bound: &Bound| {
            if bound.is_none() {
                String::new()
            } else {
                bound.0.to_text().into_owned()
            }
        };
        self.is_backfill
            .then(|| format!("@{}..{}", shown(&self.initial), shown(&self.end)))
    }

    /// The key that would give `{incremental.NAME}` a value in the first load, where there is none.
    pub(crate) fn unset_key(&self, name: &str) -> Option<&'static str> {
        match name {
            "start_value" | "last_value" | "initial_value" if self.initial.is_none() => Some("initial_value"),
            "end_value" if self.end.is_none() => Some("end_value"),
            _ => None,
        }
    }

    /// Whether the range is walked in windows.
    pub fn has_windows(&self) -> bool {
        self.window.is_some()
    }

    /// Whether the order of records can end a walk early, so that no page may be requested before the one before it is
    /// looked at.
    pub fn stops_early(&self) -> bool {
        self.row_order.is_some()
    }

    /// What the stored values are of.
    pub fn identity(&self) -> String {
        match self.last_value_func {
            LastValueFunc::Max => self.cursor.as_str().to_owned(),
            LastValueFunc::Min => format!("min {}", self.cursor.as_str()),
        }
    }

    /// Whether a stored cursor is of this field still.
    pub fn knows(&self, kept: &KeptCursor) -> bool {
        kept.of == self.identity()
    }

    /// The cursor of a partition before its first page.
    pub fn begin(&self, kept: Option<&KeptCursor>) -> Result<CursorProgress, ExtractError> {
        let kept = kept.filter(|kept| !self.is_backfill && self.knows(kept));
        let before = kept.map(|kept| kept.last.clone()).unwrap_or_default();
        let remembered = kept.filter(|_| self.remembers_records);
        let remembered = remembered.map(|kept| kept.at_last.clone()).unwrap_or_default();
        let start = match (before.is_none(), self.lag) {
            (true, _) => self.initial.clone(),
            (false, None) => before.clone(),
            (false, Some(lag)) => self.lagged(&before, lag)?,
        };
        let began = self.recognises_rows().then_some(self.run_started);
        Ok(CursorProgress {
            of: self.identity(),
            before_began: kept.map_or(began, |kept| kept.began),
            began,
            last: if before.is_none() {
                self.initial.clone()
            } else {
                before.clone()
            },
            before,
            start,
            at_start: remembered.clone(),
            at_last: remembered,
        })
    }

    fn lagged(&self, last: &Bound, lag: f64) -> Result<Bound, ExtractError> {
        let by = match self.last_value_func {
            LastValueFunc::Max => -lag,
            LastValueFunc::Min => lag,
        };
        let moved = value::shift(&last.0, by).ok_or_else(|| {
            ExtractError::new(format!(
                "the stored cursor {} has no unit that a lag could be taken in",
                last.0.to_json()
            ))
            .with_help("a lag is for moments, dates and numbers")
        })?;
        let crosses = !self.initial.is_none()
            && compare(&moved, &self.initial.0).is_some_and(|ordering| match self.last_value_func {
                LastValueFunc::Max => ordering == Ordering::Less,
                LastValueFunc::Min => ordering == Ordering::Greater,
            });
        Ok(if crosses { self.initial.clone() } else { Bound(moved) })
    }

    /// The windows of a partition that begins.
    pub fn windows(&self, cursor: &CursorProgress) -> Result<Option<Windows>, ExtractError> {
        if self.window.is_none() {
            return Ok(None);
        }
        let end = if self.end.is_none() {
            let end = window::end_of_run(&cursor.start.0, self.run_started);
            end.map(Bound).ok_or_else(|| {
                ExtractError::new(format!(
                    "no windows can be made from {}, which is no moment",
                    cursor.start.0.to_json()
                ))
            })?
        } else {
            self.end.clone()
        };
        let step = self
            .window
            .as_ref()
            .map(|window| window.written.clone())
            .unwrap_or_default();
        Ok(Some(Windows { end, step, done: 0 }))
    }

    /// Whether an interrupted load has cut its range as this one does.
    pub fn has_same_windows(&self, windows: Option<&Windows>) -> bool {
        let own = self.window.as_ref().map(|window| window.written.as_str());
        own == windows.map(|windows| windows.step.as_str())
    }

    /// What a load without a stored cursor takes, in words.
    pub fn whole_range(&self) -> String {
        if self.initial.is_none() {
            "everything".to_owned()
        } else {
            format!("everything from `initial_value` {} on", self.initial.0.to_text())
        }
    }

    /// The windows between two values.
    pub fn slices(&self, start: &Bound, end: &Bound) -> Result<Slices, ExtractError> {
        let window = self
            .window
            .as_ref()
            .ok_or_else(|| ExtractError::new("there are no windows"))?;
        Slices::new(&window.step, &start.0, &end.0).map_err(ExtractError::new)
    }

    /// The further of two values.
    pub fn further_of(&self, left: Bound, right: Bound) -> Bound {
        if left.is_none() {
            return right;
        }
        let is_further = compare(&right.0, &left.0).is_some_and(|ordering| match self.last_value_func {
            LastValueFunc::Max => ordering == Ordering::Greater,
            LastValueFunc::Min => ordering == Ordering::Less,
        });
        if is_further { right } else { left }
    }

    /// What `{incremental.…}` refers to.
    pub fn placeholders(&self, cursor: &CursorProgress) -> Result<Computed, RenderError> {
        let start = self.converted(&cursor.start.0)?;
        Ok(to_value(std::collections::BTreeMap::from([
            ("start_value", start.clone()),
            ("last_value", start),
            ("initial_value", self.converted(&self.initial.0)?),
            ("end_value", self.converted(&self.end.0)?),
            ("lag", to_value(self.written_lag.map(whole_where_it_is))),
            ("cursor_path", to_value(self.cursor.as_str())),
        ])))
    }

    /// What `{window.…}` refers to.
    pub fn window_placeholders(&self, slice: &Slice) -> Result<Computed, RenderError> {
        let is_inclusive = self
            .window
            .as_ref()
            .is_some_and(|window| window.end == WindowEnd::Inclusive);
        let end = match (is_inclusive, self.holds_its_end(slice)) {
            (true, false) => window::last_in(slice),
            (false, true) => window::first_after(slice),
            (true, true) | (false, false) => slice.end.0.clone(),
        };
        Ok(to_value(std::collections::BTreeMap::from([
            ("start", self.converted(&slice.start.0)?),
            ("end", self.converted(&end)?),
        ])))
    }

    /// Whether the end of a window belongs to it: that of the whole range does where the config says so.
    fn holds_its_end(&self, slice: &Slice) -> bool {
        let is_end_of_all = slice.is_last && compare(&slice.end.0, &self.end.0) == Some(Ordering::Equal);
        is_end_of_all && self.range_end == RangeBound::Closed
    }

    fn converted(&self, value: &Value<'_>) -> Result<Computed, RenderError> {
        match &self.convert {
            Some(convert) if !value.is_null() => {
                let context = std::collections::BTreeMap::from([("value".to_owned(), to_value(value))]);
                convert.value(&context.into())
            }
            _ => Ok(to_value(value)),
        }
    }
}

/// A number as it was most likely written: 360 and not 360.0.
fn whole_where_it_is(number: f64) -> serde_json::Value {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        serde_json::Value::from(number as i64)
    } else {
        serde_json::Value::from(number)
    }
}

fn bound(value: &serde_json::Value) -> Bound {
    Bound(Value::from(value.clone()))
}

/// The filter that values go through on their way into a request.
fn compile_convert(
    config: &IncrementalConfig,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Result<Option<Template>, ()> {
    let (key, filter) = match (&config.convert, &config.transform) {
        (Some(filter), _) => ("convert", filter),
        (None, Some(filter)) => {
            diagnostics.key_warning(
                &path.key("transform"),
                "`transform` is a former name",
                "write `convert`",
            );
            ("transform", filter)
        }
        (None, None) => return Ok(None),
    };
    let path = path.key(key);
    let is_python = filter.contains("lambda") || filter.contains("<function") || filter.contains("pendulum");
    if is_python {
        diagnostics.error_with_help(
            &path,
            format_args!("`{filter}` is a Python function, which cannot run here"),
            "write a filter instead: `date(\"%Y-%m-%d\")`, `epoch`, `epoch_ms`",
        );
        return Err(());
    }
    let compiled = Template::compile(&format!("{{value | {filter}}}"), &["value"], &path, diagnostics);
    compiled.map(Some).ok_or(())
}

fn check_bounds(config: &IncrementalConfig, path: &KeyPath, diagnostics: &mut Diagnostics) {
    if config.end_value.is_null() {
        return;
    }
    let has_no_start = config.initial_value.is_null();
    if has_no_start && diagnostics.is_left_out(&path.key("initial_value")) {
        return;
    }
    if has_no_start {
        diagnostics.error_with_help(
            &path.key("end_value"),
            "`end_value` needs `initial_value`: a load with an end has a start",
            "add `initial_value`",
        );
        return;
    }
    let ordering = compare(&bound(&config.initial_value).0, &bound(&config.end_value).0);
    let expected = match config.last_value_func {
        LastValueFunc::Max => Ordering::Less,
        LastValueFunc::Min => Ordering::Greater,
    };
    match ordering {
        None => diagnostics.error(
            &path.key("end_value"),
            format_args!(
                "`end_value` {} is of another kind than `initial_value` {}",
                config.end_value, config.initial_value
            ),
        ),
        Some(found) if found != expected => diagnostics.error(
            &path.key("end_value"),
            format_args!(
                "`end_value` {} is not beyond `initial_value` {}",
                config.end_value, config.initial_value
            ),
        ),
        Some(_) => {}
    }
}

fn compile_window(
    window: &WindowConfig,
    config: &IncrementalConfig,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Option<WindowPlan> {
    let initial_path = path.key("initial_value");
    let end_path = path.key("end_value");
    let path = path.key("window");
    if config.initial_value.is_null() && !diagnostics.is_left_out(&initial_path) {
        diagnostics.error_with_help(
            &path,
            "`window` needs `initial_value`: windows begin somewhere",
            "add `initial_value`, where the first load starts",
        );
    }
    if config.last_value_func == LastValueFunc::Min {
        diagnostics.error(&path, "windows go forward, so they need `last_value_func: max`");
    }
    let step = match &window.step {
        StepLength::Number(number) if *number > 0.0 => {
            if config.end_value.is_null() && !diagnostics.is_left_out(&end_path) {
                diagnostics.error_with_help(
                    &path.key("step"),
                    "a step that is a number needs `end_value`: nothing else says where the last window ends",
                    "where the cursor is in seconds or milliseconds since 1970 write a time, such as 1d",
                );
            }
            Ok(Step::Number(*number))
        }
        StepLength::Number(number) => Err(format!("a window of {number} never comes to an end")),
        StepLength::Time(text) => Step::parse(text),
    };
    match step {
        Ok(step) => Some(WindowPlan {
            step,
            written: match &window.step {
                StepLength::Number(number) => number.to_string(),
                StepLength::Time(text) => text.clone(),
            },
            end: window.end,
        }),
        Err(reason) => {
            diagnostics.error(&path.key("step"), reason);
            None
        }
    }
}

fn check_window_bounds(
    window: &WindowPlan,
    initial: &Bound,
    end: &Bound,
    run_started: i64,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) {
    let end = if end.is_none() {
        window::end_of_run(&initial.0, run_started).unwrap_or_default()
    } else {
        end.0.clone()
    };
    if let Err(reason) = Slices::new(&window.step, &initial.0, &end) {
        diagnostics.error(&path.key("window"), reason);
    }
}

/// The range of the run: what the command line or a scheduler gives, over what the config says.
fn given_range(
    given: &RunRange,
    is_scheduled: bool,
    config: &IncrementalConfig,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Option<(Bound, Bound)> {
    let mut read = |text: &Option<String>, own: &serde_json::Value, name: &str| match text {
        None => Some(bound(own)),
        Some(text) => {
            let number = serde_json::from_str::<serde_json::Number>(text).ok();
            let like = if config.initial_value.is_null() {
                own
            } else {
                &config.initial_value
            };
            let value = match (number, like) {
                (Some(number), serde_json::Value::Number(_)) => number.into(),
                (None, serde_json::Value::Number(known)) => {
                    diagnostics.error_with_help(
                        path,
                        format_args!("`{name} {text}` is not a number, as the cursor's `initial_value` {known} is"),
                        "give the number itself: seconds since 1970, for instance",
                    );
                    return None;
                }
                (_, _) => serde_json::Value::from(text.as_str()),
            };
            Some(bound(&value))
        }
    };
    let initial = read(&given.from, &config.initial_value, "--from");
    let end = read(&given.until, &config.end_value, "--until");
    let (initial, end) = (initial?, end?);
    if given.is_given() && !initial.is_none() && !end.is_none() {
        let (forward, backward) = match config.last_value_func {
            LastValueFunc::Max => (Ordering::Less, Ordering::Greater),
            LastValueFunc::Min => (Ordering::Greater, Ordering::Less),
        };
        let ordering = compare(&initial.0, &end.0);
        let holds_its_ends = config.range_start == RangeBound::Closed && config.range_end == RangeBound::Closed;
        let (from, until) = (initial.0.to_text(), end.0.to_text());
        if ordering == Some(forward) || (ordering == Some(Ordering::Equal) && holds_its_ends) {
            return Some((initial, end));
        }
        // A scheduler's hours are empty where the cursor has days, but for the last one of each day, and so are its
        // ranges outside of the config's: nothing is wrong then, and nothing is missed.
        if is_scheduled && [Some(backward), Some(Ordering::Equal)].contains(&ordering) {
            let message =
                format_args!("the scheduler's range holds nothing for this cursor: from {from} until {until}");
            diagnostics.warning(path, message, None);
        } else {
            let name = |text: &Option<String>, names: [&'static str; 3]| match text {
                None => names[0],
                Some(_) if is_scheduled => names[1],
                Some(_) => names[2],
            };
            let start = name(&given.from, ["initial_value", "DLT_INTERVAL_START", "--from"]);
            let stop = name(&given.until, ["end_value", "DLT_INTERVAL_END", "--until"]);
            diagnostics.error(
                path,
                format_args!("the range from {from} (`{start}`) until {until} (`{stop}`) holds nothing"),
            );
            return None;
        }
    }
    Some((initial, end))
}

fn dedup(config: &IncrementalConfig, resource: &ResourceConfig, is_backfill: bool) -> Dedup {
    let is_off = resource.write_disposition.disposition() != Disposition::Append
        || config.range_start == RangeBound::Open
        || config.lag.is_some()
        || is_backfill;
    let names = |keys: &Keys| keys.names().into_iter().map(ToOwned::to_owned).collect::<Vec<_>>();
    match config.primary_key.as_ref().or(resource.primary_key.as_ref()).map(names) {
        _ if is_off => Dedup::Off,
        Some(names) if names.is_empty() => Dedup::Off,
        Some(names) => Dedup::ByKey(names),
        None => Dedup::ByContent,
    }
}

fn warn_of_repeated_rows(
    config: &IncrementalConfig,
    resource: &ResourceConfig,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) {
    if config.lag.is_some_and(|lag| lag != 0.0) && resource.write_disposition.disposition() == Disposition::Append {
        diagnostics.warning(
            &path.key("lag"),
            "with `append` the records within the lag are added again in every load",
            Some("use `write_disposition: merge` with a `primary_key`".to_owned()),
        );
    }
}

/// A load of what is new says nothing of what it leaves out.
fn refuse_absence_as_deletion(
    resource: &ResourceConfig,
    resource_path: &KeyPath,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) {
    let Some(options) = resource.write_disposition.options() else {
        return;
    };
    let has_groups = resource.merge_key.is_some()
        || match &resource.columns {
            Some(ColumnsConfig::Map(columns)) => columns.values().any(|column| column.merge_key == Some(true)),
            Some(ColumnsConfig::List(columns)) => columns.iter().any(|column| column.merge_key == Some(true)),
            None => false,
        };
    let may_have_groups = ["merge_key", "columns"]
        .iter()
        .any(|key| diagnostics.has_left_out(&resource_path.key(*key)));
    let has_groups = has_groups || may_have_groups;
    let taker = if options.delete_missing {
        "`delete_missing` would delete"
    } else if options.strategy == Some(Strategy::Scd2) && !has_groups {
        "`scd2` without a `merge_key` would give an end to"
    } else {
        return;
    };
    diagnostics.error_with_help(
        path,
        format_args!("a load of what is new does not hold everything that exists, and {taker} the rest"),
        "leave out one of the two",
    );
}

/// Notes placeholders that `incremental` and `window` have no value for. `endpoint` is the path of the endpoint that the
/// block would be in.
pub fn check_placeholders(
    template: &Template,
    is_incremental: bool,
    has_windows: bool,
    endpoint: &KeyPath,
    diagnostics: &mut Diagnostics,
) {
    for variable in template.variables() {
        let mut parts = variable.split('.');
        let (root, attribute) = (parts.next().unwrap_or_default(), parts.next());
        let (known, is_there, block): (&[&str], bool, &str) = match root {
            "incremental" => (&ATTRIBUTES, is_incremental, "incremental"),
            "window" => (&WINDOW_ATTRIBUTES, has_windows, "incremental.window"),
            _ => continue,
        };
        let is_missing = !is_there && diagnostics.has_left_out(&endpoint.key("incremental"));
        if !is_there && !is_missing {
            diagnostics.error_with_help(
                template.path(),
                format_args!("`{{{variable}}}` has no value here: there is no `{block}`"),
                format_args!("add `{block}` to the resource's endpoint"),
            );
            continue;
        }
        let attribute = attribute.unwrap_or_default();
        if !known.contains(&attribute) {
            let help = match did_you_mean(attribute, known.iter().copied()) {
                Some(near) => format!("did you mean `{root}.{near}`?"),
                None => format!("`{root}` has: {}", known.join(", ")),
            };
            diagnostics.error_with_help(template.path(), format_args!("`{root}` has no `{attribute}`"), help);
        }
    }
}

#[cfg(test)]
mod tests;
