//! From the text of a config to checked values, with every mistake shown at its line.
//!
//! [`document`] turns YAML into a JSON value and remembers, with [`spans`], where each key stands. [`validate`] walks
//! that value along the JSON Schema of the config types and notes every mistake with its key path; [`render`] joins
//! the two into the report that a person reads. [`settings`] and [`secrets`] find what is not in the YAML: how this
//! run differs, and what must not be written down.

mod dotenv;
mod masking;
mod schema;
mod source;
mod spans;
mod syntax;

pub(crate) mod document;
pub(crate) mod render;
pub(crate) mod secrets;
pub(crate) mod settings;
pub(crate) mod validate;

use std::fmt;

use restload_model::diagnostics::Severity;
use restload_model::system_error;

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
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for LoadError {}
