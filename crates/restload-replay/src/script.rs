//! `api.yaml`: what is run, and what the API is asked and answers.
//!
//! ```yaml
//! - request: GET /items?page=2              # verb, and path with query; or a whole URL
//!   request_headers: { x-key: abc }         # must be there
//!   absent_headers: [authorization]         # must not
//!   request_body: { a: 1 }                  # JSON, or the exact text
//!   status: 200
//!   headers: { link: '<{{API}}/items>; rel="next"' }
//!   json: [{ id: 1 }]                       # the answer, or
//!   text: '{"id": 1.0}'                     # the answer as it is written, or
//!   file: bodies/000002.json.gz             # the answer in a file of the folder, or
//!   failure: no answer in time              # no answer, or
//!   close: true                             # no answer: the connection is closed, or
//!   silent: true                            # no answer: the connection stays open
//!   gzip: true
//!   times: 2                                # the same answer to this many requests
//! ```
//!
//! A file that is a list has one run; a map has `exchanges` for one run, or `runs`, each with its `exchanges`, and `args`,
//! `env` and `config` for one run or for all. A recording is a map with `exchanges`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::exchange::Exchange;

/// The script's name in its folder.
pub const SCRIPT: &str = "api.yaml";
/// The tables' name beside it.
pub const TABLES: &str = "tables.txt";
/// The name of what the destination had stored of the resources before a recorded run.
pub const STATE: &str = "state.json";
/// The folder of long and binary bodies.
pub(crate) const BODIES: &str = "bodies";

/// What reads YAML.
pub type Parse = fn(&str) -> Result<Value, String>;

/// A script that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", file.display())]
pub struct ScriptError {
    file: PathBuf,
    reason: String,
}

/// A script.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// The pipeline that was recorded.
    pub pipeline: Option<String>,
    /// The moment a recorded run started, ISO 8601: `{run.started_at}` has this value again.
    pub started_at: Option<String>,
    /// Arguments of every run.
    pub args: Vec<String>,
    /// Values of the config's `vars`.
    pub vars: Map<String, Value>,
    /// The environment of every run.
    pub env: BTreeMap<String, String>,
    /// The secrets there were in a recorded run, each with the value that takes its place.
    pub secrets: Option<BTreeMap<String, String>>,
    /// Files beside the config that a repository does not take, such as `.env`. Only restload's own scenarios have them.
    pub files: BTreeMap<String, String>,
    /// `false`: the destination is not named on the command line. Only restload's own scenarios have this.
    pub to: Option<bool>,
    /// The databases, if not both. Only restload's own scenarios have this.
    pub databases: Option<Vec<String>>,
    /// The config of every run, in restload's own scenarios.
    pub config: Option<String>,
    /// One after the other, on the same database.
    pub runs: Vec<Run>,
    /// The exchanges of the only run.
    exchanges: Vec<Exchange>,
    /// How the only run ended.
    outcome: Option<String>,
}

/// One run.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// Another command than `run`. Only restload's own scenarios have this.
    pub command: Option<String>,
    /// Further arguments.
    pub args: Vec<String>,
    /// More of the environment.
    pub env: BTreeMap<String, String>,
    /// Another config of the folder, or, as `configs/…`, one that restload comes with.
    pub config: Option<String>,
    /// How it ends: `completed` (which it is where nothing is said), `incomplete`, `failed` or `interrupted`.
    pub outcome: Option<String>,
    exchanges: Vec<Exchange>,
    /// The exchanges that were not read yet.
    #[serde(skip)]
    stored: Vec<(u64, usize)>,
}

/// An exchange, or where it stands.
#[derive(Debug, Clone)]
pub enum Held {
    /// In memory.
    Here(Box<Exchange>),
    /// In the script, from this byte on, with so many.
    There(u64, usize),
}

/// What a script was read from.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The folder.
    pub folder: PathBuf,
    parse: Parse,
}

/// What a destination had stored of a resource's partition before the recorded run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredState {
    /// The resource.
    pub resource: String,
    /// The partition.
    pub partition: String,
    /// The stored JSON text, with the names of secrets in their places.
    pub position: String,
}

impl Script {
    /// Reads the script of a folder. The exchanges of a long one stay in the file.
    pub fn open(folder: &Path, parse: Parse) -> Result<(Self, Arc<Kept>), ScriptError> {
        let file = folder.join(SCRIPT);
        let failed = |reason: String| ScriptError {
            file: file.clone(),
            reason,
        };
        let parts = Parts::read(&file).map_err(|error| failed(error.to_string()))?;
        let value = parse(&parts.head).map_err(failed)?;
        let mut script = match value {
            Value::Array(_) => Self {
                exchanges: serde_json::from_value(value).map_err(|error| failed(error.to_string()))?,
                ..Self::default()
            },
            Value::Null => Self::default(),
            value => serde_json::from_value(value).map_err(|error| failed(error.to_string()))?,
        };
        if script.runs.is_empty() {
            let mut stored = parts.exchanges;
            if script.started_at.is_some() && script.outcome.is_none() && !parts.ends_whole {
                // The process was killed while it wrote this one.
                stored.pop();
            }
            script.runs.push(Run {
                exchanges: std::mem::take(&mut script.exchanges),
                outcome: script.outcome.take(),
                stored,
                ..Run::default()
            });
        } else if !script.exchanges.is_empty() || !parts.exchanges.is_empty() {
            return Err(failed("it has `exchanges` or `runs`, not both".to_owned()));
        }
        let kept = Kept {
            folder: folder.to_owned(),
            parse,
        };
        Ok((script, Arc::new(kept)))
    }

    /// Whether a recorder has written it.
    pub fn is_recorded(&self) -> bool {
        self.started_at.is_some()
    }

    /// Whether a recording goes to the end of its run. One that was killed or stopped holds what came before.
    pub fn is_whole(&self) -> bool {
        let ended = |run: &Run| run.outcome.as_deref().is_some_and(|outcome| outcome != "interrupted");
        !self.is_recorded() || self.runs.iter().all(ended)
    }
}

impl Run {
    /// Its exchanges, in their order.
    pub fn exchanges(&self) -> impl Iterator<Item = Held> {
        let here = self
            .exchanges
            .iter()
            .map(|exchange| Held::Here(Box::new(exchange.clone())));
        here.chain(self.stored.iter().map(|&(start, length)| Held::There(start, length)))
    }
}

impl Kept {
    /// An exchange.
    pub fn read(&self, held: &Held) -> Result<Exchange, ScriptError> {
        let (start, length) = match held {
            Held::Here(exchange) => return Ok((**exchange).clone()),
            Held::There(start, length) => (*start, *length),
        };
        let path = self.folder.join(SCRIPT);
        let failed = |reason: String| ScriptError {
            file: path.clone(),
            reason,
        };
        let read = || -> std::io::Result<String> {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = vec![0; length];
            file.read_exact(&mut bytes)?;
            String::from_utf8(bytes).map_err(std::io::Error::other)
        };
        let text = read().map_err(|error| failed(error.to_string()))?;
        let first = text.lines().next().unwrap_or_default().to_owned();
        let wrong = |reason: String| {
            failed(format!(
                "the exchange that begins with `{first}` cannot be read: {reason}"
            ))
        };
        let value = (self.parse)(&text).map_err(wrong)?;
        let mut exchanges: Vec<Exchange> = serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
        match (exchanges.pop(), exchanges.is_empty()) {
            (Some(exchange), true) => Ok(exchange),
            _ => Err(wrong("it is not one exchange".to_owned())),
        }
    }

    /// What the destination had stored before the recorded run.
    pub fn state(&self) -> Result<Vec<StoredState>, ScriptError> {
        let file = self.folder.join(STATE);
        let read = match std::fs::read(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => read.map_err(|error| error.to_string()),
        };
        read.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()))
            .map_err(|reason| ScriptError { file, reason })
    }
}

/// A script without the exchanges of its only run, which are the longest part of a recording.
#[derive(Debug, Default)]
struct Parts {
    head: String,
    exchanges: Vec<(u64, usize)>,
    /// Whether an empty line follows the last exchange, which a recorder writes with it.
    ends_whole: bool,
}

impl Parts {
    fn read(path: &Path) -> std::io::Result<Self> {
        let mut reader = BufReader::new(File::open(path)?);
        let mut parts = Self::default();
        let mut is_inside = false;
        let mut start = 0;
        loop {
            let mut line = Vec::new();
            let length = reader.read_until(b'\n', &mut line)?;
            if length == 0 {
                return Ok(parts);
            }
            let is_at_margin = !line.trim_ascii().is_empty() && !matches!(line[0], b' ' | b'\t' | b'#');
            if is_inside && line.starts_with(b"- ") {
                parts.exchanges.push((start, length));
            } else if is_inside && !is_at_margin {
                if let Some((_, whole)) = parts.exchanges.last_mut() {
                    *whole += length;
                }
            } else {
                is_inside = line.trim_ascii_end() == b"exchanges:";
                if !is_inside {
                    parts
                        .head
                        .push_str(&String::from_utf8(line.clone()).map_err(std::io::Error::other)?);
                }
            }
            parts.ends_whole = line == b"\n" || !is_inside;
            start += length as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// JSON is what these tests need of YAML.
    fn parse(text: &str) -> Result<Value, String> {
        let mut map = Map::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (key, value) = match line.strip_prefix("- ") {
                Some(entry) => return serde_json::from_str(&format!("[{entry}]")).map_err(|error| error.to_string()),
                None => line.split_once(": ").unwrap(),
            };
            map.insert(key.to_owned(), serde_json::from_str(value).unwrap());
        }
        Ok(Value::Object(map))
    }

    fn lines_of(text: &str) -> (Vec<String>, bool) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(SCRIPT), text).unwrap();
        let (script, kept) = Script::open(folder.path(), parse).unwrap();
        let lines = script.runs[0]
            .exchanges()
            .map(|held| kept.read(&held).unwrap().request)
            .collect();
        (lines, script.is_whole())
    }

    #[test]
    fn what_a_killed_process_was_writing_is_left_out() {
        let start = "started_at: \"2026-01-02T03:04:05Z\"\nexchanges:\n- {\"request\": \"GET /a\"}\n\n";
        for (end, lines, is_whole) in [
            ("", vec!["GET /a"], false),
            ("- {\"request\": \"GE", vec!["GET /a"], false),
            ("- {\"request\": \"GET /b\"}\n", vec!["GET /a"], false),
            ("- {\"request\": \"GET /b\"}\n\n", vec!["GET /a", "GET /b"], false),
            ("outcome: \"interrupted\"\n", vec!["GET /a"], false),
            (
                "- {\"request\": \"GET /b\"}\n\noutcome: \"completed\"\n",
                vec!["GET /a", "GET /b"],
                true,
            ),
        ] {
            let found = lines_of(&format!("{start}{end}"));
            assert_eq!(
                found,
                (lines.into_iter().map(str::to_owned).collect(), is_whole),
                "{end}"
            );
        }
    }
}
