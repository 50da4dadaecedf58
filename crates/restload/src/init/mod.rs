//! A first config: from a few answers, from an OpenAPI document, or from a config of dlt.
//!
//! A member makes a [`Draft`]: the config as data, with comments. [`files`] writes it, and what belongs beside it. What
//! a document does not say is guessed here and in `discover` only, never in a run, and each guess stands under its
//! reason.

pub(crate) mod answers;
pub(crate) mod auth;
pub(crate) mod dlt;
pub(crate) mod files;
mod openapi;
mod source;

pub(crate) use source::draft_from;

use serde_json::{Map, Value};
use std::fmt::Write as _;

use crate::yaml::{Comments, push_comment, push_document};

/// A config that is to be written.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// The pipeline's name.
    pub(crate) name: String,
    /// What it was made from, for its first lines.
    pub(crate) origin: String,
    /// The config.
    pub(crate) config: Map<String, Value>,
    pub(crate) comments: Comments,
    /// What the config takes from `secrets.toml`.
    pub(crate) secrets: Vec<SecretNote>,
    /// Files with secrets that a run writes beside the config.
    pub(crate) secret_files: Vec<String>,
    /// What a person has to know or to do, for the terminal.
    pub(crate) remarks: Vec<String>,
}

/// A secret that a config refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretNote {
    /// Its name, as in `{secrets.NAME}`.
    pub(crate) name: String,
    /// What it is, in a few words.
    pub(crate) about: String,
}

impl Draft {
    /// The text of the config, for a file of this name; `schema` is where editors find the schema.
    pub(crate) fn text(&self, file: &str, schema: &str) -> String {
        let mut text = format!("# yaml-language-server: $schema={schema}\n#\n");
        push_comment(&mut text, 0, &format!("{}: {}", self.name, self.origin));
        text.push_str("#\n");
        let first = self.first_resource();
        let commands = [
            (
                format!("check {file}"),
                "every mistake in this file; nothing is requested",
            ),
            (format!("check --connect {file}"), "asks for a page of each resource"),
            (
                format!("discover {file} {first}"),
                "proposes selector, paginator and keys, from an answer",
            ),
            (
                format!("preview {file} {first}"),
                "a few records, and the tables they would make",
            ),
            (
                format!("run {file}"),
                "loads all; into SQLite unless --to postgres://… is given",
            ),
        ];
        let width = commands
            .iter()
            .map(|(command, _)| command.chars().count())
            .max()
            .unwrap_or(0);
        for (command, about) in commands {
            let _ = writeln!(text, "#   restload {command:<width$}   {about}");
        }
        text.push_str("#\n# What a key takes: restload explain resources.endpoint.paginator\n\n");
        push_document(&mut text, &self.config, &self.comments);
        text
    }

    /// The resource that is best tried first: one that is loaded, and needs no other.
    pub(crate) fn first_resource(&self) -> &str {
        let resources = self.config.get("resources").and_then(Value::as_array);
        let named = resources.into_iter().flatten().filter_map(|resource| {
            let name = resource.as_str().or_else(|| resource.get("name")?.as_str())?;
            let is_simple = resource.get("selected").is_none() && !resource.to_string().contains("{resources.");
            Some((!is_simple, name))
        });
        named.min_by_key(|(rank, _)| *rank).map_or("RESOURCE", |(_, name)| name)
    }

    pub(crate) fn resource_count(&self) -> usize {
        let resources = self.config.get("resources").and_then(Value::as_array);
        resources.map_or(0, Vec::len)
    }
}

/// A text as the value of a key, in which braces are no placeholders.
pub(crate) fn literal(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}
