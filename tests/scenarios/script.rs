//! `api.yaml`: what a scenario runs, and what its API expects and answers.
//!
//! ```yaml
//! - request: GET /items?page=2              # method, path and query, as they go over the wire
//!   request_headers: { x-key: abc }         # must be there
//!   absent_headers: [authorization]         # must not
//!   request_body: { a: 1 }                  # JSON, or the exact text
//!   status: 200
//!   headers: { link: '<{{API}}/items>; rel="next"' }
//!   json: [{ id: 1 }]                       # the answer, or
//!   text: '{"id": 1.0}'                     # the answer as it is written, or
//!   close: true                             # no answer: the connection is closed
//!   silent: true                            # no answer: the connection stays open
//!   gzip: true
//!   times: 2                                # the same answer to this many requests
//! ```
//!
//! A file that is a list has one run; a map has `runs`, each with its `exchanges`, and `args`, `env` and `config` for
//! one run or for all. A run's `command` is another command than `run`, which is given the config and the arguments, and
//! no destination.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// What a scenario does.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Script {
    /// Arguments of every run.
    pub(crate) args: Vec<String>,
    /// The environment of every run.
    pub(crate) env: BTreeMap<String, String>,
    /// Files beside the config that a repository does not take, such as `.env`.
    pub(crate) files: BTreeMap<String, String>,
    /// `false`: the destination is not named on the command line.
    pub(crate) to: Option<bool>,
    /// The databases, if not both.
    pub(crate) databases: Option<Vec<Database>>,
    /// One after the other, on the same database.
    pub(crate) runs: Vec<Run>,
}

/// A database that scenarios run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// One run of the binary.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Run {
    /// The command; `run` when absent.
    pub(crate) command: Option<String>,
    /// Further arguments.
    pub(crate) args: Vec<String>,
    /// More of the environment.
    pub(crate) env: BTreeMap<String, String>,
    /// Another config of the folder, or, as `configs/…`, one that restload comes with.
    pub(crate) config: Option<String>,
    /// What the API expects.
    pub(crate) exchanges: Vec<Exchange>,
}

/// A request and its answer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Exchange {
    pub(crate) request: String,
    pub(crate) request_headers: BTreeMap<String, String>,
    pub(crate) absent_headers: Vec<String>,
    pub(crate) request_body: Option<Value>,
    pub(crate) status: Option<u16>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) json: Option<Value>,
    pub(crate) text: Option<String>,
    pub(crate) close: bool,
    pub(crate) silent: bool,
    pub(crate) gzip: bool,
    pub(crate) times: Option<usize>,
}

/// Reads a scenario's script.
pub(crate) fn read(path: &Path) -> Result<Script, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let wrong = |error: serde_yaml::Error| format!("{}: {error}", path.display());
    let value: serde_yaml::Value = serde_yaml::from_str(&text).map_err(wrong)?;
    if value.is_sequence() || value.is_null() {
        let exchanges = serde_yaml::from_value::<Option<Vec<Exchange>>>(value).map_err(wrong)?;
        return Ok(Script {
            runs: vec![Run {
                exchanges: exchanges.unwrap_or_default(),
                ..Run::default()
            }],
            ..Script::default()
        });
    }
    serde_yaml::from_value(value).map_err(wrong)
}
