//! The exchanges of a run while they are asked for.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::exchange::{Asked, Exchange, Outcome, canonical, expected_body};
use crate::script::{Held, Kept, Run, ScriptError};

/// Puts pseudonyms in the place of secrets.
pub type Translate = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// The addresses that a script calls by other names.
#[derive(Debug, Clone)]
pub struct Places {
    /// `{{API}}`, and where a request goes that has only a path.
    pub api: String,
    /// `{{OTHER}}`: another host.
    pub other: String,
}

impl Places {
    /// Fills in the addresses.
    pub fn fill(&self, text: &str) -> String {
        text.replace("{{API}}", &self.api).replace("{{OTHER}}", &self.other)
    }

    /// A request's verb and URL.
    fn line(&self, request: &str) -> String {
        match request.split_once(' ') {
            Some((method, target)) if target.starts_with('/') => format!("{method} {}{target}", self.api),
            _ => with_a_path(self.fill(request)),
        }
    }
}

/// A URL that a secret holds whole is a mere host in a recording; it is asked for as `https://host/`.
fn with_a_path(mut line: String) -> String {
    if let Some(scheme) = line.find("://") {
        let host = scheme + "://".len();
        let end = line[host..].find(['/', '?']).map_or(line.len(), |length| host + length);
        if line.as_bytes().get(end) != Some(&b'/') {
            line.insert(end, '/');
        }
    }
    line
}

/// Why there is no answer to a request, in words that follow it; they have no secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotRecorded(pub String);

/// The exchanges of a run.
pub struct Book {
    kept: Arc<Kept>,
    places: Places,
    translate: Translate,
    is_recorded: bool,
    state: Mutex<State>,
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Book").finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    /// The entries that wait, by verb and URL, and by their body's digest where they expect one.
    waiting: HashMap<(Arc<str>, Option<u64>), VecDeque<usize>>,
    logins: HashMap<Arc<str>, Logins>,
    /// How often each line was answered.
    answered: HashMap<Arc<str>, usize>,
    problems: Vec<String>,
}

#[derive(Debug)]
struct Entry {
    held: Held,
    line: Arc<str>,
    left: usize,
}

#[derive(Debug, Default)]
struct Logins {
    entries: Vec<usize>,
    next: usize,
}

fn digest(body: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}

impl Book {
    /// The exchanges of a run. Both what is expected and what is asked for is translated.
    pub fn new(
        run: &Run,
        kept: &Arc<Kept>,
        is_recorded: bool,
        places: Places,
        translate: Translate,
    ) -> Result<Self, ScriptError> {
        let mut state = State::default();
        let mut lines: HashMap<String, Arc<str>> = HashMap::new();
        for held in run.exchanges() {
            let exchange = kept.read(&held)?;
            let line = translate(&places.line(&exchange.request));
            let line = Arc::clone(lines.entry(line).or_insert_with_key(|line| line.as_str().into()));
            let index = state.entries.len();
            if exchange.login {
                state.logins.entry(Arc::clone(&line)).or_default().entries.push(index);
            } else {
                let expected = exchange.request_body.as_ref();
                let body = expected.map(|body| digest(&translate(&expected_body(&filled(body, &places)))));
                state
                    .waiting
                    .entry((Arc::clone(&line), body))
                    .or_default()
                    .push_back(index);
            }
            state.entries.push(Entry {
                held,
                line,
                left: if exchange.login { 0 } else { exchange.times.unwrap_or(1) },
            });
        }
        Ok(Self {
            kept: Arc::clone(kept),
            places,
            translate,
            is_recorded,
            state: Mutex::new(state),
        })
    }

    /// What comes of a request.
    pub fn ask(&self, asked: &Asked) -> Result<Outcome, NotRecorded> {
        let exchange = self.find(asked)?;
        let outcome = exchange.outcome(&self.kept.folder);
        let mut outcome = outcome.map_err(|reason| NotRecorded(format!("its answer: {reason}")))?;
        if let Outcome::Answer(answer) = &mut outcome
            && !self.is_recorded
        {
            let has_type = answer
                .headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            if !has_type {
                answer
                    .headers
                    .push(("content-type".to_owned(), "application/json".to_owned()));
            }
        }
        Ok(outcome)
    }

    /// The exchange that a request begins. From now on it is not expected any more.
    pub fn find(&self, asked: &Asked) -> Result<Exchange, NotRecorded> {
        let line = (self.translate)(&asked.line());
        let body = (self.translate)(&canonical(&String::from_utf8_lossy(&asked.body)));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let line: Arc<str> = line.into();
        let index = match state.login(&line) {
            Some(index) => index,
            None => self
                .choose(&mut state, &line, &body, asked)
                .ok_or_else(|| NotRecorded(state.explain(&line, &body, &self.kept)))?,
        };
        *state.answered.entry(Arc::clone(&line)).or_default() += 1;
        let held = state.entries[index].held.clone();
        let exchange = self.kept.read(&held).map_err(|error| NotRecorded(error.to_string()))?;
        let exchange = self.filled(exchange);
        if !exchange.login {
            let differences = exchange.differences(asked).into_iter();
            // The body was compared by its digest, as it is translated.
            let differences = differences.filter(|difference| !difference.starts_with("the body "));
            let differences: Vec<String> = differences.map(|difference| format!("{line}: {difference}")).collect();
            state.problems.extend(differences);
        }
        Ok(exchange)
    }

    /// Whether the script has such a request, whatever its body.
    pub fn knows(&self, asked: &Asked) -> bool {
        let line = (self.translate)(&asked.line());
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.entries.iter().any(|entry| *entry.line == line)
    }

    /// The entry that answers a request: among those of its line and body the first whose headers are as they should be.
    fn choose(&self, state: &mut State, line: &Arc<str>, body: &str, asked: &Asked) -> Option<usize> {
        for body in [Some(digest(body)), None] {
            let key = (Arc::clone(line), body);
            let Some(waiting) = state.waiting.get(&key).filter(|waiting| !waiting.is_empty()) else {
                continue;
            };
            let fits = |index: &usize| match &state.entries[*index].held {
                Held::Here(exchange) => {
                    let exchange = self.filled((**exchange).clone());
                    exchange
                        .differences(asked)
                        .iter()
                        .all(|problem| problem.starts_with("the body "))
                }
                Held::There(..) => true,
            };
            let place = waiting.iter().position(fits).unwrap_or(0);
            let index = waiting[place];
            state.entries[index].left -= 1;
            if state.entries[index].left == 0 {
                state.waiting.get_mut(&key)?.remove(place);
            }
            return Some(index);
        }
        None
    }

    fn filled(&self, mut exchange: Exchange) -> Exchange {
        let fill = |text: &str| self.places.fill(text);
        exchange.text = exchange.text.as_deref().map(fill);
        exchange.failure = exchange.failure.as_deref().map(fill);
        exchange.json = exchange.json.map(|json| filled(&json, &self.places));
        exchange.request_body = exchange.request_body.map(|body| filled(&body, &self.places));
        for values in exchange.headers.values_mut() {
            *values = values.map(fill);
        }
        exchange
    }

    /// What was not as the script has it, but for what was never asked for.
    pub fn problems(&self) -> Vec<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.problems)
    }

    /// What was never asked for: how often, and what.
    pub fn left(&self) -> Vec<(usize, String)> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in state.entries.iter().filter(|entry| entry.left > 0) {
            *left.entry(&entry.line).or_default() += entry.left;
        }
        left.into_iter().map(|(line, count)| (count, line.to_owned())).collect()
    }
}

/// A document with the addresses filled in.
fn filled(value: &Value, places: &Places) -> Value {
    match value {
        Value::String(text) => Value::String(places.fill(text)),
        Value::Array(elements) => elements.iter().map(|element| filled(element, places)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (places.fill(key), filled(value, places)))
            .collect(),
        other => other.clone(),
    }
}

impl State {
    fn login(&mut self, line: &Arc<str>) -> Option<usize> {
        let logins = self.logins.get_mut(line)?;
        let index = logins.next.min(logins.entries.len() - 1);
        logins.next = index + 1;
        Some(logins.entries[index])
    }

    /// Why a request has no answer, and what is nearest to it.
    fn explain(&self, line: &Arc<str>, body: &str, kept: &Kept) -> String {
        let alike: Vec<&Entry> = self.entries.iter().filter(|entry| entry.line == *line).collect();
        let open = alike.iter().find(|entry| entry.left > 0);
        if let Some(entry) = open {
            let expected = kept.read(&entry.held).ok().and_then(|exchange| exchange.request_body);
            let expected = expected.map_or_else(String::new, |expected| expected.to_string());
            return format!(
                "it was not recorded with this body: {}; with this one it was: {}",
                shortened(body),
                shortened(&expected)
            );
        }
        if !alike.is_empty() {
            let count = self.answered.get(line).copied().unwrap_or(0);
            let times = if count == 1 {
                "once".to_owned()
            } else {
                format!("{count} times")
            };
            return format!("it was recorded {times}, and is asked for once more");
        }
        let nearest = self.entries.iter().max_by_key(|entry| likeness(&entry.line, line));
        match nearest {
            Some(entry) => format!("it was not recorded; the nearest that was: `{}`", entry.line),
            None => "it was not recorded, and nothing else was".to_owned(),
        }
    }
}

/// How much two lines have in common at their beginnings and their ends.
fn likeness(a: &str, b: &str) -> usize {
    let same = |pairs: &mut dyn Iterator<Item = (u8, u8)>| pairs.take_while(|(a, b)| a == b).count();
    same(&mut a.bytes().zip(b.bytes())) * 2 + same(&mut a.bytes().rev().zip(b.bytes().rev()))
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 300;
    if text.is_empty() {
        return "none".to_owned();
    }
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
