//! `restload loads`: the runs of a pipeline, as the destination's records have them.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use restload_destination::{LoadRecord, Slice};
use serde_json::json;

use super::place::Place;
use super::{OK, Outcome};
use crate::cli::{Format, LoadsArgs};
use crate::progress::seconds;
use crate::table::{Align, Table};
use crate::terminal::Terminal;

pub(crate) async fn loads(args: &LoadsArgs, terminal: &Terminal) -> Outcome {
    let place = Place::stored(&args.stored, terminal)?;
    let loads = match place.inspect().await? {
        Some(mut inspector) => {
            let loads = inspector.loads(Slice::first(args.limit)).await;
            let loads = loads.map_err(|error| place.failed(&error))?;
            inspector.close().await;
            loads
        }
        None => Vec::new(),
    };
    match args.stored.format {
        Format::Json => {
            let loads: Vec<_> = loads.iter().map(as_json).collect();
            let all = json!({ "pipeline": place.pipeline, "destination": place.url.redacted(), "loads": loads });
            terminal.print(&serde_json::to_string_pretty(&all).unwrap_or_default())?;
        }
        Format::Text if loads.is_empty() => {
            terminal.say(&format!(
                "no loads of pipeline {}: {}",
                place.pipeline,
                place.nothing_yet()
            ));
        }
        Format::Text => terminal.print(&as_text(&loads, terminal))?,
    }
    Ok(ExitCode::from(OK))
}

fn as_json(load: &LoadRecord) -> serde_json::Value {
    let rows: serde_json::Map<String, serde_json::Value> = load
        .rows
        .iter()
        .map(|(table, rows)| (table.clone(), (*rows).into()))
        .collect();
    json!({
        "load_id": load.load_id,
        "status": load.status,
        "started_at": load.started_at,
        "finished_at": load.finished_at,
        "duration_ms": load.duration_ms,
        "rows": rows,
        "requests": load.requests,
        "retries": load.retries,
        "schema_changes": load.schema_changes,
        "rejects": load.rejects,
        "error": load.error,
    })
}

/// A row per load, and below them what each has changed and what went wrong.
fn as_text(loads: &[LoadRecord], terminal: &Terminal) -> String {
    let mut table = Table::new(&[
        ("load", Align::Left),
        ("started (UTC)", Align::Left),
        ("took", Align::Right),
        ("rows", Align::Right),
        ("requests", Align::Right),
        ("retries", Align::Right),
        ("rejects", Align::Right),
        ("schema changes", Align::Right),
        ("outcome", Align::Left),
    ]);
    for load in loads {
        table.row([
            load.load_id.clone(),
            moment(&load.started_at),
            load.duration_ms
                .map_or_else(|| "-".to_owned(), |millis| seconds(Duration::from_millis(millis))),
            load.rows.iter().map(|(_, rows)| rows).sum::<u64>().to_string(),
            load.requests.to_string(),
            load.retries.to_string(),
            load.rejects.to_string(),
            load.schema_changes.len().to_string(),
            load.status.clone(),
        ]);
    }
    let mut text = table.render(terminal);
    for load in loads {
        let details = details(load);
        if !details.is_empty() {
            let _ = write!(text, "\n{}\n{details}", terminal.bold(&load.load_id));
        }
    }
    text
}

fn details(load: &LoadRecord) -> String {
    let mut text = String::new();
    for (table, rows) in &load.rows {
        let _ = writeln!(text, "  {table}: {}", crate::summary::count(*rows, "row"));
    }
    for change in &load.schema_changes {
        let _ = writeln!(text, "  schema: {change}");
    }
    if let Some(error) = &load.error {
        let _ = writeln!(text, "  {error}");
    }
    text
}

/// `2024-01-02 03:04:05` of a moment in ISO 8601.
fn moment(text: &str) -> String {
    let seconds = text.split('.').next().unwrap_or(text);
    seconds.replace('T', " ")
}
