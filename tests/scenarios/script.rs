//! `api.yaml`: what a scenario runs, and what its API expects and answers. The product's own reader reads it, so that a
//! recording is a scenario and a scenario can be run by `restload test`; `restload_replay::Script` says what may stand
//! in it.

use std::path::Path;
use std::sync::Arc;

use restload_replay::{Kept, Script};
use serde_json::Value;

/// A database that scenarios run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    pub(crate) const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// Reads a scenario's script.
pub(crate) fn read(folder: &Path) -> Result<(Script, Arc<Kept>), String> {
    Script::open(folder, parse).map_err(|error| error.to_string())
}

fn parse(text: &str) -> Result<Value, String> {
    serde_yaml::from_str(text).map_err(|error| error.to_string())
}

/// The databases of a script.
pub(crate) fn databases(script: &Script) -> Result<Vec<Database>, String> {
    let Some(names) = &script.databases else {
        return Ok(Database::BOTH.to_vec());
    };
    let known = |name: &String| {
        let known = Database::BOTH.into_iter().find(|database| database.name() == name);
        known.ok_or_else(|| format!("there is no database `{name}`"))
    };
    names.iter().map(known).collect()
}
