//! The lines on a terminal: one for each of the resources at work, as many as leave room for the rest of the screen, and
//! one for all.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use restload_engine::{Event, Limit, ResourceStatus};

use super::seconds;
use crate::summary::{count, thousands};

/// Resources that have a line of their own, at most: with more, the lines jump faster than anybody reads.
const MOST_LINES: usize = 10;
/// The widest that a resource's name is shown.
const NAME_WIDTH: usize = 32;

/// The lines, redrawn several times a second.
pub(super) struct Lines {
    bar: ProgressBar,
    model: Arc<Mutex<Model>>,
}

/// What the lines tell.
struct Model {
    started: Instant,
    resources: IndexMap<String, Resource>,
}

#[derive(Default)]
struct Resource {
    pages: u64,
    records: u64,
    retries: u64,
    /// Requests that wait for the rate limit, and for others to come to their end.
    waiting: [u64; 2],
    /// The retry that is waited for.
    retrying: Option<String>,
    first_page: Option<Instant>,
    ended: Option<ResourceStatus>,
}

impl Lines {
    pub(super) fn new() -> Self {
        let model = Arc::new(Mutex::new(Model {
            started: Instant::now(),
            resources: IndexMap::new(),
        }));
        let drawn = Arc::clone(&model);
        let style = ProgressStyle::with_template("{lines}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let style = style.with_key("lines", move |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let width = usize::from(console::Term::stderr().size().1);
            let spinner = ["⠋", "⠙", "⠸", "⠴", "⠦", "⠇"][(state.elapsed().as_millis() / 120) as usize % 6];
            let lines = lock(&drawn).lines(Instant::now(), spinner);
            let shown: Vec<_> = lines
                .iter()
                .map(|line| console::truncate_str(line, width, "…"))
                .collect();
            let _ = text.write_str(&shown.join("\n"));
        });
        let bar = ProgressBar::new_spinner().with_style(style);
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, model }
    }

    pub(super) fn show(&self, event: &Event, name: &dyn Fn(&str) -> String) {
        lock(&self.model).take(event, name);
    }

    /// Prints a text above the lines.
    pub(super) fn print(&self, text: &str) {
        self.bar.println(text);
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn lock(model: &Mutex<Model>) -> std::sync::MutexGuard<'_, Model> {
    model.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Model {
    fn take(&mut self, event: &Event, name: &dyn Fn(&str) -> String) {
        match event {
            Event::Started { resource } => {
                self.resources.entry(name(resource)).or_default();
            }
            Event::Page { resource, records } => {
                let line = self.resources.entry(name(resource)).or_default();
                line.pages += 1;
                line.records += records;
                line.retrying = None;
                line.first_page.get_or_insert_with(Instant::now);
            }
            Event::Waiting {
                resource,
                limit,
                begins,
            } => {
                let line = self.resources.entry(name(resource)).or_default();
                let waiting = &mut line.waiting[usize::from(*limit == Limit::Concurrency)];
                *waiting = if *begins {
                    *waiting + 1
                } else {
                    waiting.saturating_sub(1)
                };
            }
            Event::Retrying {
                resource,
                reason,
                attempt,
                max_attempts,
                delay,
            } => {
                let line = self.resources.entry(name(resource)).or_default();
                line.retries += 1;
                let wait = seconds(*delay);
                line.retrying = Some(format!("try {attempt} of {max_attempts} in {wait}: {reason}"));
            }
            Event::Finished { resource } => {
                let line = self.resources.entry(name(&resource.resource)).or_default();
                line.ended = Some(resource.status);
                line.pages = resource.pages;
                line.records = resource.records;
            }
            Event::Note { .. } | Event::Committed { .. } => {}
        }
    }

    /// The lines as they stand.
    fn lines(&self, now: Instant, spinner: &str) -> Vec<String> {
        let at_work = || self.resources.iter().filter(|(_, resource)| resource.ended.is_none());
        // In the order in which they began, so that a line stays where it is; those that something comes of first.
        let (busy, idle): (Vec<_>, Vec<_>) = at_work().partition(|(_, resource)| resource.is_busy());
        let idle_lines = MOST_LINES.saturating_sub(busy.len());
        let shown: Vec<_> = busy
            .iter()
            .take(MOST_LINES)
            .chain(idle.iter().take(idle_lines))
            .collect();
        let width = shown.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let width = width.clamp(8, NAME_WIDTH);
        let mut lines: Vec<String> = shown
            .iter()
            .map(|(name, resource)| {
                let name = console::truncate_str(name, width, "…");
                format!("{spinner} {name:<width$}  {}", resource.tell(now))
            })
            .collect();
        let hidden = at_work().count() - shown.len();
        if hidden > 0 {
            lines.push(format!("  and {hidden} more at work"));
        }
        if self.resources.len() > 1 {
            lines.push(self.total(now));
        }
        lines
    }

    fn total(&self, now: Instant) -> String {
        let sum = |of: fn(&Resource) -> u64| self.resources.values().map(of).sum::<u64>();
        let ended = self.resources.values().filter(|resource| resource.ended.is_some());
        let failed = ended
            .clone()
            .filter(|resource| resource.ended == Some(ResourceStatus::Failed));
        let elapsed = now.saturating_duration_since(self.started);
        let mut text = format!(
            "  {} of {} done, {}, {}, {}",
            ended.count(),
            count(self.resources.len() as u64, "resource"),
            counted(sum(|resource| resource.records), "record"),
            counted(sum(|resource| resource.pages), "page"),
            seconds(elapsed),
        );
        let (failed, retries) = (failed.count(), sum(|resource| resource.retries));
        if failed > 0 {
            let _ = write!(text, ", {failed} failed");
        }
        if retries > 0 {
            let _ = write!(text, ", {}", of_retries(retries));
        }
        text
    }
}

impl Resource {
    /// Whether there is more to tell of it than that it waits for its turn.
    fn is_busy(&self) -> bool {
        self.pages > 0 || self.retrying.is_some()
    }

    fn tell(&self, now: Instant) -> String {
        let mut text = String::new();
        if let Some(first) = self.first_page {
            let elapsed = now.saturating_duration_since(first).as_secs_f64();
            let _ = write!(
                text,
                "{}, {}",
                counted(self.records, "record"),
                counted(self.pages, "page")
            );
            // A rate over a moment says nothing.
            if elapsed > 1.0 {
                let _ = write!(text, ", {}/s", thousands((self.records as f64 / elapsed) as u64));
            }
        }
        if self.retries > 0 {
            let _ = write!(text, ", {}", of_retries(self.retries));
        }
        let [rate, turn] = self.waiting;
        let state = match &self.retrying {
            Some(retrying) => retrying.clone(),
            None if rate > 0 => "waiting for the rate limit".to_owned(),
            None if self.pages == 0 && turn > 0 => "waiting for its turn".to_owned(),
            None if self.pages == 0 => "waiting for the first page".to_owned(),
            None => String::new(),
        };
        if !state.is_empty() {
            let _ = write!(text, ", {state}");
        }
        text.trim_start_matches(", ").to_owned()
    }
}

/// A number of things, with commas.
fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(number), if number == 1 { "" } else { "s" })
}

fn of_retries(retries: u64) -> String {
    let noun = if retries == 1 { "retry" } else { "retries" };
    format!("{} {noun}", thousands(retries))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn page(resource: &str, records: u64) -> Event {
        Event::Page {
            resource: resource.into(),
            records,
        }
    }

    /// The lines after these events, half a minute later.
    fn lines(events: &[Event]) -> String {
        let started = Instant::now();
        let mut model = Model {
            started,
            resources: IndexMap::new(),
        };
        for event in events {
            model.take(event, &ToOwned::to_owned);
        }
        for resource in model.resources.values_mut() {
            resource.first_page = resource.first_page.map(|_| started);
        }
        model.lines(started + Duration::from_secs(30), "*").join("\n")
    }

    fn started(count: usize) -> Vec<Event> {
        let names = (1..=count).map(|number| format!("resource_{number}"));
        names.map(|name| Event::Started { resource: name.into() }).collect()
    }

    #[test]
    fn one_resource_is_one_line() {
        let mut events = started(1);
        assert_snapshot!(lines(&events), @"* resource_1  waiting for the first page");
        events.push(page("resource_1", 45_000));
        assert_snapshot!(lines(&events), @"* resource_1  45,000 records, 1 page, 1,500/s");
        events.push(Event::Retrying {
            resource: "resource_1".into(),
            reason: "answered 503".to_owned(),
            attempt: 2,
            max_attempts: 5,
            delay: Duration::from_secs(4),
        });
        assert_snapshot!(lines(&events), @"* resource_1  45,000 records, 1 page, 1,500/s, 1 retry, try 2 of 5 in 4.0 s: answered 503");
    }

    #[test]
    fn two_hundred_leave_room_and_show_those_that_something_comes_of() {
        let mut events = started(200);
        let limit = |resource: &str, limit| Event::Waiting {
            resource: resource.into(),
            limit,
            begins: true,
        };
        events.extend([
            page("resource_150", 10),
            page("resource_7", 20),
            limit("resource_7", Limit::Rate),
            limit("resource_1", Limit::Concurrency),
        ]);
        assert_snapshot!(lines(&events), @"
        * resource_7    20 records, 1 page, 0/s, waiting for the rate limit
        * resource_150  10 records, 1 page, 0/s
        * resource_1    waiting for its turn
        * resource_2    waiting for the first page
        * resource_3    waiting for the first page
        * resource_4    waiting for the first page
        * resource_5    waiting for the first page
        * resource_6    waiting for the first page
        * resource_8    waiting for the first page
        * resource_9    waiting for the first page
          and 190 more at work
          0 of 200 resources done, 30 records, 2 pages, 30 s
        ");
    }
}
