//! What a run shows while it goes on: lines that are redrawn on a terminal, log lines elsewhere.

mod entry;
mod lines;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use restload_engine::Event;

use self::entry::entries;
use self::lines::Lines;
use crate::terminal::Terminal;

/// Shows the events of one run, which may be of several pipelines.
pub(crate) struct Progress {
    terminal: Terminal,
    lines: Option<Lines>,
    /// Pages of each resource so far.
    pages: Mutex<HashMap<String, u64>>,
    names_pipelines: bool,
}

impl Progress {
    /// `names_pipelines` has every resource named with its pipeline.
    pub(crate) fn new(terminal: &Terminal, names_pipelines: bool) -> Self {
        Self {
            terminal: terminal.clone(),
            lines: terminal.is_interactive.then(Lines::new),
            pages: Mutex::default(),
            names_pipelines,
        }
    }

    /// Shows what happened.
    pub(crate) fn show(&self, pipeline: &str, event: &Event) {
        let name = |resource: &str| {
            if self.names_pipelines {
                format!("{pipeline}/{resource}")
            } else {
                resource.to_owned()
            }
        };
        let page = self.count(event, &name);
        if let Some(lines) = &self.lines {
            lines.show(event, &name);
        }
        if self.terminal.quiet {
            return;
        }
        for entry in entries(event, page, &self.terminal) {
            let resource = entry.resource.map(name);
            match &self.lines {
                _ if self.terminal.logs_json() => {
                    self.terminal
                        .log(entry.level, entry.event, &entry.text, &entry.fields_of(pipeline));
                }

                Some(lines) => lines.print(&entry.as_text(resource.as_deref())),
                None => self.terminal.say(&entry.as_text(resource.as_deref())),
            }
        }
    }

    /// Takes the lines off the terminal.
    pub(crate) fn clear(&self) {
        if let Some(lines) = &self.lines {
            lines.clear();
        }
    }

    /// The number of the page that an event is about.
    fn count(&self, event: &Event, name: &dyn Fn(&str) -> String) -> u64 {
        let Event::Page { resource, .. } = event else { return 0 };
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let count = pages.entry(name(resource)).or_default();
        *count += 1;
        *count
    }
}

/// The events of one of the pipelines, as the engine wants to hand them over.
pub(crate) fn of_pipeline(progress: &Arc<Progress>, pipeline: &str) -> Arc<dyn Fn(Event) + Send + Sync> {
    let (progress, pipeline) = (Arc::clone(progress), pipeline.to_owned());
    Arc::new(move |event| progress.show(&pipeline, &event))
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
