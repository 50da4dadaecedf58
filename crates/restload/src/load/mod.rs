//! From the text of a config to checked values, with every mistake shown at its line.
//!
//! [`document`] turns YAML into a JSON value and remembers, with [`spans`], where each key stands. [`validate`] walks
//! that value along the JSON Schema of the config types and notes every mistake with its key path; [`render`] joins
//! the two into the report that a person reads. [`settings`] and [`secrets`] find what is not in the YAML: how this
//! run differs, and what must not be written down. [`time_zone`] looks into the system's time zone database.

mod dotenv;
mod source;
mod spans;
mod syntax;

pub(crate) mod document;
pub(crate) mod masking;
pub(crate) mod render;
pub(crate) mod rewriting;
pub(crate) mod schema;
pub(crate) mod secrets;
pub(crate) mod settings;
pub(crate) mod time_zone;
pub(crate) mod validate;

use std::fmt;

use restload_model::diagnostics::Severity;
use restload_model::system_error;
use serde::Serialize;

use source::{Source, Span};

/// One entry of a report: a mistake, and where in the text it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    severity: Severity,
    message: String,
    help: Option<String>,
    span: Option<Span>,
    /// The map or list that holds the mistake: `resources[0].endpoint`.
    within: Option<String>,
}

impl Problem {
    /// A mistake whose place, if any, is shown by the line alone.
    fn error(message: impl Into<String>, help: Option<String>, span: Option<Span>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            help,
            span,
            within: None,
        }
    }

    fn as_mistake(&self, file: &str) -> Mistake {
        Mistake {
            severity: match self.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            file: file.to_owned(),
            line: self.span.map(|span| span.line),
            column: self.span.map(|span| span.column),
            length: self.span.map(|span| span.length),
            path: String::new(),
            message: self.message.clone(),
            help: self.help.clone(),
        }
    }
}

/// A mistake as programs read it; lines and columns count from 1, columns and lengths in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Mistake {
    /// `error` or `warning`.
    pub(crate) severity: &'static str,
    /// The file, as the command line names it.
    file: String,
    /// Where it stands; none where it is about the whole file.
    line: Option<usize>,
    column: Option<usize>,
    length: Option<usize>,
    /// The key that it is about, such as `resources[0].endpoint.path`; empty for the whole file.
    path: String,
    message: String,
    help: Option<String>,
}

/// A file that cannot be used: every mistake found in it.
///
/// Shown, it is the whole report, so that a caller prints it as it stands.
#[derive(Debug)]
pub(crate) struct LoadError {
    source: Source,
    problems: Vec<Problem>,
}

impl LoadError {
    /// A file that could not be read at all.
    fn unreadable(file_name: &str, error: &std::io::Error) -> Self {
        Self {
            source: Source::unseen(file_name),
            problems: vec![Problem::error(
                format!("could not read `{file_name}`: {}", system_error::in_words(error)),
                None,
                None,
            )],
        }
    }

    /// The report, with colours if the reader's terminal shows them.
    pub(crate) fn render(&self, color: bool) -> String {
        render::report(Some(&self.source), self.problems.clone(), color)
    }

    /// The same for programs.
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let problems = self.problems.iter();
        let mistakes = problems.map(|problem| Mistake {
            path: problem.within.clone().unwrap_or_default(),
            ..problem.as_mistake(self.source.file_name())
        });
        mistakes.collect()
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for LoadError {}
