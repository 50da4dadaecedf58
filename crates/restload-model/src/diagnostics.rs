//! Mistakes in a config: each with the path of the key it is about, collected so that all are shown at once.

use std::collections::BTreeSet;
use std::fmt;

/// Where in the config something stands: `resources[0].endpoint.path`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath(Vec<Segment>);

/// One step of a [`KeyPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of a map.
    Key(String),
    /// An element of a list.
    Index(usize),
}

impl KeyPath {
    /// The whole document.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of a key below this one.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        let mut path = self.clone();
        path.0.push(Segment::Key(key.into()));
        path
    }

    /// The path of an element below this one.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut path = self.clone();
        path.0.push(Segment::Index(index));
        path
    }

    /// The steps from the document to the place.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The path without its last step.
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        Some(Self(above.to_vec()))
    }
}

impl From<Vec<Segment>> for KeyPath {
    fn from(segments: Vec<Segment>) -> Self {
        Self(segments)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if position == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Whether a config can be used in spite of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is run.
    Error,
    /// Said, and gone on.
    Warning,
}

/// Which part of `key: value` the caret points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops the run.
    pub severity: Severity,
    /// The key it is about.
    pub path: KeyPath,
    /// What the caret points at.
    pub anchor: Anchor,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// The mistakes found so far.
#[derive(Debug, Default)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
    left_out: BTreeSet<KeyPath>,
}

impl Diagnostics {
    /// Notes a mistake in a value.
    pub fn error(&mut self, path: &KeyPath, message: impl fmt::Display) {
        self.push(Severity::Error, path, Anchor::Value, message.to_string(), None);
    }

    /// Notes a mistake in a value, with what to do about it.
    pub fn error_with_help(&mut self, path: &KeyPath, message: impl fmt::Display, help: impl fmt::Display) {
        self.push(
            Severity::Error,
            path,
            Anchor::Value,
            message.to_string(),
            Some(help.to_string()),
        );
    }

    /// Notes a mistake in a key.
    pub fn key_error(&mut self, path: &KeyPath, message: impl fmt::Display, help: Option<String>) {
        self.push(Severity::Error, path, Anchor::Key, message.to_string(), help);
    }

    /// Notes something that does not stop a run.
    pub fn warning(&mut self, path: &KeyPath, message: impl fmt::Display, help: Option<String>) {
        self.push(Severity::Warning, path, Anchor::Value, message.to_string(), help);
    }

    /// Notes something about a key that does not stop a run, with what to do about it.
    pub fn key_warning(&mut self, path: &KeyPath, message: impl fmt::Display, help: impl fmt::Display) {
        let help = Some(help.to_string());
        self.push(Severity::Warning, path, Anchor::Key, message.to_string(), help);
    }

    fn push(&mut self, severity: Severity, path: &KeyPath, anchor: Anchor, message: String, help: Option<String>) {
        let diagnostic = Diagnostic {
            severity,
            path: path.clone(),
            anchor,
            message,
            help,
        };
        if !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }

    /// Notes that a value is not looked at any further, because of a mistake that is told: what misses it, or what it
    /// would have named, is no mistake of its own.
    pub fn leave_out(&mut self, path: &KeyPath) {
        self.left_out.insert(path.clone());
    }

    /// Whether a value is missing because of a mistake that is told, in it or around it.
    pub fn is_left_out(&self, path: &KeyPath) -> bool {
        let segments = path.segments();
        let mut left_out = self.left_out.iter();
        left_out.any(|left_out| segments.starts_with(left_out.segments()))
    }

    /// Whether a value is missing, or not whole, because of a mistake that is told.
    pub fn has_left_out(&self, path: &KeyPath) -> bool {
        let mut left_out = self.left_out.iter();
        self.is_left_out(path) || left_out.any(|left_out| left_out.segments().starts_with(path.segments()))
    }

    /// What is left out, wherever it stands.
    pub fn left_out(&self) -> impl Iterator<Item = &KeyPath> {
        self.left_out.iter()
    }

    /// Whether anything stops the run.
    pub fn has_errors(&self) -> bool {
        self.found
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The keys of a map that are left out, or something in them.
    pub fn left_out_in(&self, map: &KeyPath) -> impl Iterator<Item = &str> {
        let below = move |path: &'_ KeyPath| path.segments().starts_with(map.segments());
        let depth = map.segments().len();
        let left_out = self.left_out.iter().filter(move |path| below(path));
        left_out.filter_map(move |path| match path.segments().get(depth) {
            Some(Segment::Key(key)) => Some(key.as_str()),
            _ => None,
        })
    }

    /// Takes them out, in the order found; what is left out stays so.
    pub fn take(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.found)
    }

    /// All of them, in the order found.
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.found
    }
}

/// The candidate that a mistyped name most likely meant.
pub fn did_you_mean<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::normalized_damerau_levenshtein(&typed, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(likeness, candidate)| {
            *likeness >= 0.6 || (typed.len() >= 3 && (candidate.starts_with(&typed) || typed.starts_with(candidate)))
        })
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_near_name_only() {
        let names = ["cursor_path", "cursor_param", "has_more_path"];
        assert_eq!(did_you_mean("cursor_pth", names), Some("cursor_path"));
        assert_eq!(did_you_mean("Cursor_Path", names), Some("cursor_path"));
        assert_eq!(did_you_mean("limit", names), None);
    }

    #[test]
    fn what_is_left_out_takes_along_what_is_in_it() {
        let endpoint = KeyPath::root().key("resources").index(0).key("endpoint");
        let mut diagnostics = Diagnostics::default();
        diagnostics.leave_out(&endpoint.key("params"));
        assert!(diagnostics.is_left_out(&endpoint.key("params").key("id")));
        assert!(!diagnostics.is_left_out(&endpoint.key("path")));
        assert!(!diagnostics.is_left_out(&endpoint) && diagnostics.has_left_out(&endpoint));
        assert!(!diagnostics.has_left_out(&endpoint.key("path")));
    }

    #[test]
    fn paths_read_like_the_config() {
        let path = KeyPath::root().key("resources").index(0).key("endpoint").key("path");
        assert_eq!(path.to_string(), "resources[0].endpoint.path");
    }
}
