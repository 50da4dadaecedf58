//! What a run says at its end.

use std::fmt::Write as _;
use std::time::Duration;

use restload_engine::{CursorMove, Outcome, Report, ResourceReport, ResourceStatus, TableTotals};
use restload_source::plan::{LeftOut, NOT_SELECTED, RunRange};
use serde_json::{Value, json};

use crate::progress::seconds;
use crate::terminal::Terminal;

/// The summary for people.
pub(crate) fn as_text(
    pipeline: &str,
    destination: &str,
    report: &Report,
    left_out_resources: &[LeftOut],
    range: &RunRange,
    terminal: &Terminal,
) -> String {
    let mut text = String::new();
    for resource in &report.resources {
        if let Some(error) = &resource.error {
            let _ = writeln!(text, "{} {}: {error}", terminal.red("error:"), resource.resource);
            if let Some(help) = &resource.help {
                let _ = writeln!(text, "  help: {help}");
            }
        }
    }
    let tables = tables(report);
    let _ = writeln!(text, "{}", headline(pipeline, destination, report, terminal));
    text.push_str(&tables);
    let _ = writeln!(
        text,
        "{}, {}{}; load {}",
        count(report.requests(), "request"),
        bytes(report.resources.iter().map(|resource| resource.bytes).sum()),
        if report.retries() == 0 {
            String::new()
        } else {
            format!(", {} sent again", report.retries())
        },
        report.load_id
    );
    for change in &report.schema_changes {
        let _ = writeln!(text, "schema: {change}");
    }
    for resource in &report.resources {
        if let Some(moved) = &resource.cursors {
            let _ = writeln!(text, "{}: {}", resource.resource, cursor_move(moved));
        }
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "{} {warning}", terminal.yellow("warning:"));
    }
    for resource in &report.resources {
        if resource.ignored > 0 {
            let _ = writeln!(
                text,
                "{}: {} ignored by a response action",
                resource.resource,
                count(resource.ignored, "answer")
            );
        }
        if resource.nulls > 0 {
            let _ = writeln!(
                text,
                "{}: {} among its records left out",
                resource.resource,
                count(resource.nulls, "null")
            );
        }
        if resource.skipped > 0 {
            let _ = writeln!(
                text,
                "{}: {} of its parents passed over: a field is missing",
                resource.resource,
                count(resource.skipped, "record")
            );
        }
        text.push_str(&failed_partitions(resource));
        for (reason, number) in &resource.discarded {
            let _ = writeln!(
                text,
                "{}: {} discarded, kept in _rl_rejects: {reason}",
                resource.resource, number
            );
        }
        if resource.rejected > 0 {
            let _ = writeln!(
                text,
                "{}: {} rejected, kept in _rl_rejects",
                resource.resource,
                count(resource.rejected, "record")
            );
        }
    }
    text.push_str(&left_out(left_out_resources));
    match report.outcome {
        Outcome::Completed | Outcome::Incomplete => {}
        // Where nothing was loaded there is nothing to go on from.
        Outcome::Failed if tables.is_empty() => {}
        _ => {
            let _ = writeln!(
                text,
                "{} goes on from here; --full-refresh starts over",
                next_run(range)
            );
        }
    }
    text
}

/// The run that goes on from an interrupted one: a range that is given is remembered by itself.
pub(crate) fn next_run(range: &RunRange) -> String {
    let bounds = [("--from", &range.from), ("--until", &range.until)];
    let given = bounds.iter().filter_map(|(flag, bound)| bound.as_ref().map(|_| *flag));
    let given: Vec<&str> = given.collect();
    if given.is_empty() {
        return "the next run".to_owned();
    }
    format!("the next run with the same {}", given.join(" and "))
}

/// How the run ended, in a line.
pub(crate) fn headline(pipeline: &str, destination: &str, report: &Report, terminal: &Terminal) -> String {
    let duration = seconds(Duration::from_millis(report.duration_ms));
    let ended = match (report.outcome, tables(report).is_empty()) {
        (Outcome::Completed, _) => "loaded into",
        (Outcome::Incomplete | Outcome::Failed, false) => "loaded in part into",
        (Outcome::Incomplete | Outcome::Failed, true) => "loaded nothing into",
        (Outcome::Interrupted, false) => "stopped; loaded in part into",
        (Outcome::Interrupted, true) => "stopped; loaded nothing into",
    };
    format!("{} {ended} {destination} in {duration}", terminal.bold(pipeline))
}

/// How far the cursors of a resource have come.
fn cursor_move(moved: &CursorMove) -> String {
    match (&moved.from, &moved.to) {
        (Some(from), Some(to)) => format!("cursor moved from {from} to {to}"),
        (None, Some(to)) => format!("cursor is at {to}"),
        _ => format!("{} moved", count(moved.moved, "cursor")),
    }
}

/// The partitions that failed while the others went on.
fn failed_partitions(resource: &ResourceReport) -> String {
    let mut text = String::new();
    if resource.failed_partitions == 0 {
        return text;
    }
    let _ = writeln!(
        text,
        "{}: {} failed; the next load asks for them again",
        resource.resource,
        count(resource.failed_partitions, "partition")
    );
    for failure in &resource.failures {
        let _ = writeln!(text, "  {}: {}", failure.partition, failure.error);
    }
    let unnamed = resource
        .failed_partitions
        .saturating_sub(resource.failures.len() as u64);
    if unnamed > 0 {
        let _ = writeln!(text, "  and {unnamed} more");
    }
    text
}

/// A row per table; those of complete resources that have got no rows are listed too.
fn tables(report: &Report) -> String {
    let without_rows: Vec<&str> = report
        .resources
        .iter()
        .filter(|resource| resource.loaded && resource.status == ResourceStatus::Completed)
        .map(|resource| resource.table.as_str())
        // Where records name their tables, this is what the names are made of.
        .filter(|table| !report.tables.contains_key(*table) && !table.contains('{'))
        .collect();
    let names = report
        .tables
        .keys()
        .map(String::as_str)
        .chain(without_rows.iter().copied());
    let width = names.map(|table| table.chars().count()).max().unwrap_or(0);
    if width == 0 {
        return String::new();
    }
    let width = width.max("table".len());
    let mut text = format!("  {:<width$}  {:>10}\n", "table", "rows");
    for (table, totals) in &report.tables {
        let note = note_of(totals);
        let _ = writeln!(text, "  {table:<width$}  {:>10}{note}", totals.rows);
    }
    for table in without_rows {
        let _ = writeln!(text, "  {table:<width$}  {:>10}", 0);
    }
    text
}

/// What a merge did to the rows of a table, where that is more than adding to them.
fn note_of(totals: &TableTotals) -> String {
    let mut parts = Vec::new();
    if totals.updated > 0 || totals.deleted > 0 {
        for (number, word) in [
            (totals.inserted, "new"),
            (totals.updated, "updated"),
            (totals.deleted, "deleted"),
        ] {
            if number > 0 {
                parts.push(format!("{number} {word}"));
            }
        }
    }
    if totals.duplicates > 0 {
        parts.push(format!("{} left out: another row has the same key", totals.duplicates));
    }
    if totals.already_there > 0 {
        parts.push(format!("{} left out: loaded before", totals.already_there));
    }
    if totals.rejected > 0 {
        parts.push(format!("{} rejected", totals.rejected));
    }
    if totals.discarded_values > 0 {
        parts.push(format!("{} discarded", count(totals.discarded_values, "value")));
    }
    if parts.is_empty() {
        return String::new();
    }
    format!("  ({})", parts.join(", "))
}

/// What was left out, and why.
pub(crate) fn left_out(resources: &[LeftOut]) -> String {
    let mut text = String::new();
    if resources.is_empty() {
        return text;
    }
    text.push_str("left out:\n");
    let is_plain = |resource: &&LeftOut| resource.reason == NOT_SELECTED;
    for resource in resources.iter().filter(|resource| !is_plain(resource)) {
        let _ = writeln!(text, "  {}: {}", resource.resource, resource.reason);
    }
    let not_selected: Vec<&str> = resources
        .iter()
        .filter(is_plain)
        .map(|resource| resource.resource.as_str())
        .collect();
    if !not_selected.is_empty() {
        let _ = writeln!(
            text,
            "  not selected (--select loads them): {}",
            not_selected.join(", ")
        );
    }
    text
}

/// The summary for programs.
pub(crate) fn as_json(pipeline: &str, destination: &str, report: &Report, left_out: &[LeftOut]) -> Value {
    let left_out: Vec<_> = left_out
        .iter()
        .map(|left_out| json!({ "resource": left_out.resource, "reason": left_out.reason }))
        .collect();
    let mut summary = json!({ "pipeline": pipeline, "destination": destination });
    if let (Some(summary), Ok(Value::Object(report))) = (summary.as_object_mut(), serde_json::to_value(report)) {
        summary.extend(report);
        summary.insert("left_out".to_owned(), left_out.into());
    }
    summary
}

/// A number with commas between its thousands.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 page`, `2 pages`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn bytes(number: u64) -> String {
    match number {
        0..1_000 => format!("{number} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", number as f64 / 1e3),
        _ => format!("{:.1} MB", number as f64 / 1e6),
    }
}
