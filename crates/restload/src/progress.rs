//! What a run shows while it goes on: a line per resource on a terminal, plain log lines elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use restload_engine::{Event, ResourceStatus};

use crate::summary::count;
use crate::terminal::Terminal;

/// Shows events.
pub(crate) struct Progress {
    terminal: Terminal,
    bars: MultiProgress,
    resources: Mutex<HashMap<Arc<str>, Line>>,
}

#[derive(Default)]
struct Line {
    bar: Option<ProgressBar>,
    pages: u64,
    records: u64,
}

impl Progress {
    pub(crate) fn new(terminal: &Terminal) -> Self {
        Self {
            terminal: terminal.clone(),
            bars: MultiProgress::new(),
            resources: Mutex::default(),
        }
    }

    /// Shows what happened.
    pub(crate) fn show(&self, event: &Event) {
        match event {
            Event::Started { resource } => self.start(resource),
            Event::Page { resource, records } => self.page(resource, *records),
            Event::Retrying {
                resource,
                reason,
                attempt,
                max_attempts,
                delay,
            } => {
                let wait = seconds(*delay);
                self.log(&format!(
                    "{resource}: {reason}; try {attempt} of {max_attempts} in {wait}"
                ));
            }
            Event::Note { resource, text } => self.log(&format!("{resource}: note: {text}")),
            Event::Committed { step } => {
                if self.terminal.verbosity > 0 {
                    let rows: Vec<String> = step
                        .tables
                        .iter()
                        .map(|table| format!("{} {}", table.table, table.written))
                        .collect();
                    self.log(&format!(
                        "committed: {}",
                        if rows.is_empty() {
                            "state".to_owned()
                        } else {
                            rows.join(", ")
                        }
                    ));
                    for change in &step.schema_changes {
                        self.log(&format!("schema: {change}"));
                    }
                }
            }
            Event::Finished { resource } => {
                let line = self.lock().remove(resource.resource.as_str());
                if let Some(bar) = line.and_then(|line| line.bar) {
                    bar.finish_and_clear();
                }
                let count = format!(
                    "{}, {}",
                    count(resource.records, "record"),
                    count(resource.pages, "page")
                );
                match resource.status {
                    ResourceStatus::Completed if self.terminal.is_interactive => {}
                    ResourceStatus::Completed => self.log(&format!("{}: done, {count}", resource.resource)),
                    ResourceStatus::Incomplete => self.log(&format!("{}: done in part, {count}", resource.resource)),
                    ResourceStatus::Interrupted => self.log(&format!("{}: stopped, {count}", resource.resource)),
                    ResourceStatus::Failed => self.log(&format!("{}: failed, {count}", resource.resource)),
                }
            }
        }
    }

    /// Takes the lines off the terminal.
    pub(crate) fn clear(&self) {
        let _ = self.bars.clear();
    }

    fn start(&self, resource: &Arc<str>) {
        let mut line = Line::default();
        if self.terminal.is_interactive {
            let bar = self.bars.add(ProgressBar::new_spinner());
            let style = ProgressStyle::with_template("{spinner} {prefix:20!} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_prefix(resource.to_string());
            bar.set_message("waiting for the first page");
            bar.enable_steady_tick(Duration::from_millis(120));
            line.bar = Some(bar);
        } else if self.terminal.verbosity > 0 {
            self.log(&format!("{resource}: started"));
        }
        self.lock().insert(Arc::clone(resource), line);
    }

    fn page(&self, resource: &Arc<str>, records: u64) {
        let mut resources = self.lock();
        let line = resources.entry(Arc::clone(resource)).or_default();
        line.pages += 1;
        line.records += records;
        if let Some(bar) = &line.bar {
            let rate = line.records as f64 / bar.elapsed().as_secs_f64().max(0.001);
            bar.set_message(format!(
                "{} records, {} pages, {rate:.0} records/s",
                line.records, line.pages
            ));
        }
        let pages = line.pages;
        drop(resources);
        if self.terminal.verbosity > 1 {
            self.log(&format!("{resource}: page {pages}, {}", count(records, "record")));
        }
    }

    fn log(&self, message: &str) {
        if self.terminal.quiet {
            return;
        }
        if self.terminal.is_interactive {
            let _ = self.bars.println(message);
        } else {
            self.terminal.say(message);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Line>> {
        self.resources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A span of time as people say it.
pub(crate) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else if seconds < 120.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{:.0} min {:02.0} s", (seconds / 60.0).floor(), seconds % 60.0)
    }
}
