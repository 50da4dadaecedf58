//! A config file as a JSON value that knows where each part of it stands.
//!
//! This is the only file that mentions `serde_yaml`, which has no maintainer: another parser would replace it here.

use std::collections::HashSet;
use std::path::Path;

use restload_model::diagnostics::{Anchor, KeyPath, Segment};
use serde_json::{Map, Value};
use serde_yaml::Value as Yaml;

use super::source::{START, Source, Span};
use super::spans::{MERGE_KEY, Spans};
use super::{LoadError, Problem, masking, syntax};

/// A parsed config file.
#[derive(Debug)]
pub(crate) struct Document {
    source: Source,
    spans: Spans,
    value: Value,
}

impl Document {
    /// Reads and parses a file after a change to its text.
    pub(crate) fn read_changed(path: &Path, change: impl Fn(&str) -> String) -> Result<Self, LoadError> {
        let file_name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&file_name, change(&text)),
            Err(error) => Err(LoadError::unreadable(&file_name, &error)),
        }
    }

    /// Parses a text that stands in a file of this name.
    pub(crate) fn parse(file_name: &str, text: String) -> Result<Self, LoadError> {
        // A byte order mark says nothing in UTF-8, and would shift the columns of the first line.
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        let spans = Spans::scan(&text);
        let mut source = Source::new(file_name, text);
        source.hide(masking::secret_ranges(&spans));
        match convert(&source, &spans) {
            Ok(value) => Ok(Self { source, spans, value }),
            Err(problems) => Err(LoadError { source, problems }),
        }
    }

    /// The document's value; anchors and merges are resolved.
    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    /// The text and places of the document, for a report.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// The line that a value is written in; none for what the text does not have.
    pub(crate) fn line_of(&self, path: &KeyPath) -> Option<usize> {
        self.spans.line_of(&self.source, path)
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        self.source.text()
    }

    /// The file's name, as the command line has it.
    pub(crate) fn file_name(&self) -> &str {
        self.source.file_name()
    }

    /// Where the key or value of a path stands.
    pub(crate) fn span(&self, path: &KeyPath, anchor: Anchor) -> Span {
        self.spans.find(&self.source, path, anchor)
    }
}

/// The value at a place below another, to be changed.
pub(crate) fn value_at_mut<'v>(value: &'v mut Value, place: &[Segment]) -> Option<&'v mut Value> {
    place.iter().try_fold(value, |value, segment| match segment {
        Segment::Key(key) => value.get_mut(key),
        Segment::Index(index) => value.get_mut(index),
    })
}

/// The value of a YAML text that is no config.
pub(crate) fn plain_value(text: &str) -> Result<Value, String> {
    serde_yaml::from_str(text).map_err(|error| error.to_string())
}

/// The value of a text, or every reason why it has none.
fn convert(source: &Source, spans: &Spans) -> Result<Value, Vec<Problem>> {
    if let Some(second) = spans.second_document() {
        let span = source.span(second);
        let help = "remove the line `---`, or move what follows it to a file of its own".to_owned();
        return Err(vec![Problem::error(
            "a second document begins here",
            Some(help),
            Some(span),
        )]);
    }
    let repeated = repeated_keys(source, spans);
    if !repeated.is_empty() {
        return Err(repeated);
    }
    let yaml: Yaml = serde_yaml::from_str(source.text()).map_err(|error| {
        let place = error.location().map(|location| source.span_at_byte(location.index()));
        vec![syntax::problem(source, &error.to_string(), place)]
    })?;
    if yaml.is_null() {
        let help = "a config has at least the keys `client` and `resources`".to_owned();
        return Err(vec![Problem::error("the file is empty", Some(help), Some(START))]);
    }
    let mut conversion = Conversion {
        source,
        spans,
        problems: Vec::new(),
    };
    let value = conversion.value(yaml, &KeyPath::root());
    if conversion.problems.is_empty() {
        Ok(value)
    } else {
        Err(conversion.problems)
    }
}

fn repeated_keys(source: &Source, spans: &Spans) -> Vec<Problem> {
    let mut problems = Vec::new();
    for repeated in spans.repeated_keys() {
        let key = source.span(repeated.range.clone());
        let first = source.span(repeated.first.clone());
        let name = match repeated.path.segments().last() {
            Some(Segment::Key(key)) => key.as_str(),
            _ => "",
        };
        let help = if name == MERGE_KEY {
            "several maps are merged by one key: `<<: [*first, *second]`".to_owned()
        } else {
            format!("first set in line {}", first.line)
        };
        problems.push(Problem {
            within: within(&repeated.path),
            ..Problem::error(format!("key `{name}` is set twice"), Some(help), Some(key))
        });
    }
    problems
}

/// The container of a path, for the report's last line.
pub(super) fn within(path: &KeyPath) -> Option<String> {
    let parent = path.parent()?;
    (!parent.segments().is_empty()).then(|| parent.to_string())
}

/// One walk over the YAML value.
struct Conversion<'a> {
    source: &'a Source,
    spans: &'a Spans,
    problems: Vec<Problem>,
}

impl Conversion<'_> {
    fn value(&mut self, yaml: Yaml, path: &KeyPath) -> Value {
        match yaml {
            Yaml::Null => Value::Null,
            Yaml::Bool(value) => Value::Bool(value),
            Yaml::String(text) => Value::String(text),
            Yaml::Number(number) => self.number(&number, path),
            Yaml::Sequence(elements) => {
                let mut list = Vec::with_capacity(elements.len());
                for (index, element) in elements.into_iter().enumerate() {
                    list.push(self.value(element, &path.index(index)));
                }
                Value::Array(list)
            }
            Yaml::Mapping(mapping) => Value::Object(self.map(mapping, path)),
            Yaml::Tagged(tagged) => {
                let help = "remove it, or put the text in quotes".to_owned();
                self.report(
                    path,
                    Anchor::Value,
                    format!("the YAML tag `{}` means nothing here", tagged.tag),
                    help,
                );
                Value::Null
            }
        }
    }

    fn number(&mut self, number: &serde_yaml::Number, path: &KeyPath) -> Value {
        if let Some(number) = number.as_u64() {
            return number.into();
        }
        if let Some(number) = number.as_i64() {
            return number.into();
        }
        // JSON has no infinity and no NaN.
        let Some(number) = number.as_f64().and_then(serde_json::Number::from_f64) else {
            let help = "write a finite number, or put the text in quotes".to_owned();
            self.report(
                path,
                Anchor::Value,
                format!("`{number}` is not a number that can be used"),
                help,
            );
            return Value::Null;
        };
        Value::Number(number)
    }

    /// A map with what its `<<` merges in. The parser's own merge would change the order of the keys.
    fn map(&mut self, mapping: serde_yaml::Mapping, path: &KeyPath) -> Map<String, Value> {
        let mut own_keys = HashSet::new();
        for key in mapping.keys() {
            own_keys.extend(key.as_str().map(str::to_owned));
        }
        let mut map = Map::new();
        for (position, (key, yaml)) in mapping.into_iter().enumerate() {
            match key {
                Yaml::String(key) if key == MERGE_KEY => self.merge(yaml, path, &own_keys, &mut map),
                Yaml::String(key) => {
                    let value = self.value(yaml, &path.key(key.as_str()));
                    map.insert(key, value);
                }
                _ => self.report_key(&key, path, position),
            }
        }
        map
    }

    fn merge(&mut self, yaml: Yaml, path: &KeyPath, own_keys: &HashSet<String>, into: &mut Map<String, Value>) {
        let merged = match yaml {
            Yaml::Sequence(maps) => maps,
            other => vec![other],
        };
        for yaml in merged {
            let Yaml::Mapping(mapping) = yaml else {
                let help = "`<<` takes an alias of a map, or a list of such aliases: `<<: *defaults`".to_owned();
                self.report(
                    &path.key(MERGE_KEY),
                    Anchor::Value,
                    "only maps can be merged".to_owned(),
                    help,
                );
                continue;
            };
            // Mistakes in it are reported where it stands on its own.
            let known_problems = self.problems.len();
            let values = self.map(mapping, path);
            self.problems.truncate(known_problems);
            for (key, value) in values {
                if !own_keys.contains(&key) && !into.contains_key(&key) {
                    into.insert(key, value);
                }
            }
        }
    }

    fn report_key(&mut self, key: &Yaml, map: &KeyPath, position: usize) {
        let written = self.spans.key_at(map, position);
        let (message, help) = match key {
            Yaml::Sequence(_) | Yaml::Mapping(_) | Yaml::Tagged(_) => (
                "a key must be text".to_owned(),
                "text that begins with `{` or `[` must be in quotes".to_owned(),
            ),
            _ => {
                let text = written.map(|key| key.text.clone()).unwrap_or_default();
                let kind = match key {
                    Yaml::Number(_) => "a number",
                    Yaml::Bool(_) => "a boolean",
                    _ => "empty",
                };
                (
                    format!("key `{text}` is {kind}, not text"),
                    format!("put it in quotes: `\"{text}\"`"),
                )
            }
        };
        let span = match written {
            Some(key) => self.source.span(key.range.clone()),
            None => self.spans.find(self.source, map, Anchor::Key),
        };
        self.problems.push(Problem {
            within: (!map.segments().is_empty()).then(|| map.to_string()),
            ..Problem::error(message, Some(help), Some(span))
        });
    }

    fn report(&mut self, path: &KeyPath, anchor: Anchor, message: String, help: String) {
        let span = self.spans.find(self.source, path, anchor);
        self.problems.push(Problem {
            within: within(path),
            ..Problem::error(message, Some(help), Some(span))
        });
    }
}

#[cfg(test)]
mod tests;
