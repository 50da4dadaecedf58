//! What is logged of an event: a text for people, fields for programs.

use restload_engine::{Event, ResourceStatus};
use serde_json::{Map, Value, json};

use super::seconds;
use crate::summary::count;
use crate::terminal::{Level, Terminal};

/// One line of a log.
pub(super) struct Entry<'e> {
    pub(super) level: Level,
    /// What happened, in a word that does not change.
    pub(super) event: &'static str,
    pub(super) resource: Option<&'e str>,
    pub(super) text: String,
    fields: Value,
}

impl Entry<'_> {
    /// The text, after the name of what it is about.
    pub(super) fn as_text(&self, name: Option<&str>) -> String {
        match name {
            Some(name) => format!("{name}: {}", self.text),
            None => self.text.clone(),
        }
    }

    /// The fields, those that every entry has first.
    pub(super) fn fields_of(&self, pipeline: &str) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("pipeline".to_owned(), pipeline.into());
        if let Some(resource) = self.resource {
            fields.insert("resource".to_owned(), resource.into());
        }
        if let Value::Object(own) = &self.fields {
            fields.extend(own.clone());
        }
        fields
    }
}

/// What is logged of an event, as much as the user wants to see. `page` is the number of the page that it is about.
pub(super) fn entries<'e>(event: &'e Event, page: u64, terminal: &Terminal) -> Vec<Entry<'e>> {
    let verbosity = terminal.verbosity;
    let entry = |level, event, resource, text, fields| Entry {
        level,
        event,
        resource,
        text,
        fields,
    };
    match event {
        Event::Started { resource } if verbosity > 0 && !terminal.is_interactive => {
            vec![entry(
                Level::Info,
                "started",
                Some(&**resource),
                "started".to_owned(),
                Value::Null,
            )]
        }
        Event::Page { resource, records } if verbosity > 1 => {
            let text = format!("page {page}, {}", count(*records, "record"));
            let fields = json!({ "page": page, "records": records });
            vec![entry(Level::Debug, "page", Some(&**resource), text, fields)]
        }
        // The line of the resource tells it, too.
        Event::Retrying { .. } if terminal.is_interactive && verbosity == 0 => Vec::new(),
        Event::Retrying {
            resource,
            reason,
            attempt,
            max_attempts,
            delay,
        } => {
            let wait = seconds(*delay);
            let text = format!("{reason}; try {attempt} of {max_attempts} in {wait}");
            let fields = json!({
                "reason": reason,
                "attempt": attempt,
                "max_attempts": max_attempts,
                "delay_secs": delay.as_secs_f64(),
            });
            vec![entry(Level::Warning, "retrying", Some(&**resource), text, fields)]
        }
        Event::Note { resource, text } => {
            vec![entry(
                Level::Info,
                "note",
                Some(&**resource),
                format!("note: {text}"),
                Value::Null,
            )]
        }
        Event::Committed { step } if verbosity > 0 => {
            let rows: Vec<String> = step
                .tables
                .iter()
                .map(|table| format!("{} {}", table.table, table.written))
                .collect();
            let written = if rows.is_empty() {
                "state".to_owned()
            } else {
                rows.join(", ")
            };
            let by_table = step
                .tables
                .iter()
                .map(|table| (table.table.to_string(), table.written.into()));
            let fields = json!({ "rows": by_table.collect::<Map<String, Value>>() });
            let committed = entry(Level::Info, "committed", None, format!("committed: {written}"), fields);
            let changes = step.schema_changes.iter().map(|change| {
                let fields = json!({ "change": change.to_string() });
                entry(Level::Info, "schema_changed", None, format!("schema: {change}"), fields)
            });
            std::iter::once(committed).chain(changes).collect()
        }
        Event::Finished { resource } => {
            let (level, ended) = match resource.status {
                // The summary is about to tell it.
                ResourceStatus::Completed if terminal.is_interactive => return Vec::new(),
                ResourceStatus::Completed => (Level::Info, "done"),
                ResourceStatus::Incomplete => (Level::Warning, "done in part"),
                ResourceStatus::Interrupted => (Level::Warning, "stopped"),
                ResourceStatus::Failed => (Level::Error, "failed"),
            };
            let records = count(resource.records, "record");
            let text = format!("{ended}, {records}, {}", count(resource.pages, "page"));
            let fields = serde_json::to_value(resource).unwrap_or_default();
            vec![entry(level, "finished", Some(&resource.resource), text, fields)]
        }
        Event::Started { .. } | Event::Page { .. } | Event::Committed { .. } | Event::Waiting { .. } => Vec::new(),
    }
}
