//! JSONPaths, compiled once. A path of plain names, indexes and wildcards is walked directly; any other is handed to
//! jsonpath-rust, which queries the same tree.

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use restload_model::Value;

/// A compiled path.
#[derive(Debug, Clone)]
pub struct JsonPath {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// One value at most: names and indexes only.
    Single(Vec<Step>),
    /// What each of several paths finds, one after the other.
    Union(Vec<JsonPath>),
    /// Anything else.
    Query(JpQuery),
}

#[derive(Debug, Clone)]
enum Step {
    Name(String),
    Index(i64),
}

impl JsonPath {
    /// Compiles a path. A bare dotted path is one from the root: `data.items` is `$.data.items`. As dlt has it, names may
    /// be quoted without brackets, or in brackets after a dot, `a,b` are two names of one object, and `a|b` two paths.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(steps) = plain_steps(text.trim()) {
            return Ok(Self {
                text: text.trim().to_owned(),
                kind: Kind::Single(steps),
            });
        }
        let alternatives = split(text, '|');
        if alternatives.len() > 1 {
            let paths: Result<Vec<Self>, String> = alternatives.into_iter().map(Self::parse).collect();
            return Ok(Self {
                text: text.trim().to_owned(),
                kind: Kind::Union(paths?),
            });
        }
        let full = with_root(text.trim())?;
        let query = parse_json_path(&full).map_err(|error| reason(&error.to_string(), &full))?;
        let kind = match single_steps(&query) {
            Some(steps) => Kind::Single(steps),
            None => Kind::Query(query),
        };
        Ok(Self {
            text: text.trim().to_owned(),
            kind,
        })
    }

    /// How a path through these names is written.
    pub fn spell(names: &[String]) -> String {
        let is_plain = |name: &String| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|character| character.is_ascii_alphanumeric() || character == '_')
        };
        if names.iter().all(is_plain) {
            return names.join(".");
        }
        let mut brackets = String::from("$");
        for name in names {
            brackets.push('[');
            brackets.push_str(&serde_json::Value::from(name.as_str()).to_string());
            brackets.push(']');
        }
        brackets
    }

    /// A path as it is written in a config, with quotes where YAML would take it for something else than this text.
    pub(crate) fn in_yaml(path: &str) -> String {
        const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
        let is_plain = path.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && path
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || "_.".contains(character))
            && !WORDS.contains(&path.to_ascii_lowercase().as_str());
        if is_plain {
            path.to_owned()
        } else {
            format!("'{}'", path.replace('\'', "''"))
        }
    }

    /// The path as the config spells it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first match.
    pub fn first<'v, 'a>(&self, root: &'v Value<'a>) -> Option<&'v Value<'a>> {
        match &self.kind {
            Kind::Single(steps) => steps.iter().try_fold(root, |value, step| step.get(value)),
            Kind::Union(paths) => paths.iter().find_map(|path| path.first(root)),
            Kind::Query(_) => self.all(root).into_iter().next(),
        }
    }

    /// Every match.
    pub fn all<'v, 'a>(&self, root: &'v Value<'a>) -> Vec<&'v Value<'a>> {
        match &self.kind {
            Kind::Single(_) => self.first(root).into_iter().collect(),
            Kind::Union(paths) => paths.iter().flat_map(|path| path.all(root)).collect(),
            Kind::Query(query) => js_path_process(query, root)
                .map(|found| found.into_iter().map(jsonpath_rust::query::QueryRef::val).collect())
                .unwrap_or_default(),
        }
    }

    /// The names of the objects that lead to what a path of plain names finds, outermost first.
    pub fn containers(&self) -> Vec<&str> {
        let Kind::Single(steps) = &self.kind else {
            return Vec::new();
        };
        let names = steps.iter().map_while(|step| match step {
            Step::Name(name) => Some(name.as_str()),
            Step::Index(_) => None,
        });
        names.take(steps.len().saturating_sub(1)).collect()
    }

    /// Takes the matches out of the tree, without a copy where the path is a plain one.
    pub fn take<'a>(&self, root: &mut Value<'a>) -> Vec<Value<'a>> {
        match &self.kind {
            Kind::Single(steps) => {
                let mut value = root;
                for step in steps {
                    match step.get_mut(value) {
                        Some(next) => value = next,
                        None => return Vec::new(),
                    }
                }
                vec![std::mem::take(value)]
            }
            Kind::Union(_) | Kind::Query(_) => self.all(root).into_iter().cloned().collect(),
        }
    }
}

impl Step {
    fn get<'v, 'a>(&self, value: &'v Value<'a>) -> Option<&'v Value<'a>> {
        match (self, value) {
            (Self::Name(name), Value::Object(object)) => object.get(name),
            (Self::Index(index), Value::List(elements)) => elements.get(position(*index, elements.len())?),
            _ => None,
        }
    }

    fn get_mut<'v, 'a>(&self, value: &'v mut Value<'a>) -> Option<&'v mut Value<'a>> {
        match (self, value) {
            (Self::Name(name), Value::Object(object)) => object.get_mut(name),
            (Self::Index(index), Value::List(elements)) => {
                let position = position(*index, elements.len())?;
                elements.get_mut(position)
            }
            _ => None,
        }
    }
}

/// An index from the end counts backwards.
fn position(index: i64, length: usize) -> Option<usize> {
    usize::try_from(if index < 0 { index + length as i64 } else { index }).ok()
}

/// The steps of a path of plain names with dots between them, which most paths are: the grammar takes far longer over one.
fn plain_steps(text: &str) -> Option<Vec<Step>> {
    let is_plain = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name
                .bytes()
                .all(|character| character.is_ascii_alphanumeric() || character == b'_')
    };
    let step = |name: &str| is_plain(name).then(|| Step::Name(name.to_owned()));
    text.split('.').map(step).collect()
}

fn single_steps(query: &JpQuery) -> Option<Vec<Step>> {
    query
        .segments
        .iter()
        .map(|segment| match segment {
            Segment::Selector(Selector::Name(name)) => Some(Step::Name(name.clone())),
            Segment::Selector(Selector::Index(index)) => Some(Step::Index(*index)),
            _ => None,
        })
        .collect()
}

/// The parts of a path between separators that are neither in brackets nor in quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut depth, mut quote) = (0_i32, None);
    let parts = text.split(|character| {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth -= 1,
            _ => {}
        }
        character == separator && depth == 0 && quote.is_none()
    });
    parts.collect()
}

/// Where the brackets of a part begin, or its end.
fn brackets_at(part: &str) -> usize {
    let mut quote = None;
    for (place, character) in part.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '[') => return place,
            _ => {}
        }
    }
    part.len()
}

/// Spells a path from the root. Bare names may hold `-`, `@` and other characters that RFC 9535 wants in brackets.
fn with_root(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(text.to_owned());
    }
    let (mut full, rest) = match text.strip_prefix('$') {
        Some(rest) if rest.starts_with("..") => return Ok(text.to_owned()),
        Some(rest) => ("$".to_owned(), rest.strip_prefix('.').unwrap_or(rest)),
        None => ("$".to_owned(), text),
    };
    if rest.is_empty() || rest.starts_with('.') {
        return Ok(text.to_owned());
    }
    for part in split(rest, '.') {
        let (name, brackets) = part.split_at(brackets_at(part));
        match spelt(name) {
            Some(spelt) => full.push_str(&spelt),
            None if name.is_empty() && !brackets.is_empty() => {}
            None if name.contains(char::is_whitespace) => {
                return Err(format!("a name with a space needs quotes and brackets: ['{name}']"));
            }
            None if text.starts_with('$') => return Ok(text.to_owned()),
            None => return Ok(format!("$.{text}")),
        }
        full.push_str(brackets);
    }
    Ok(full)
}

/// A name, or several with commas between them, as RFC 9535 spells them; none for what is no name.
fn spelt(name: &str) -> Option<String> {
    if name == "*" {
        return Some(".*".to_owned());
    }
    let is_plain = |name: &str| {
        let mut characters = name.chars();
        !name.is_empty() && characters.all(|one| one.is_alphanumeric() || matches!(one, '_' | '-' | '@'))
    };
    let names = split(name, ',').into_iter().map(|name| {
        let name = name.trim();
        let quoted = |quote: char| name.strip_prefix(quote)?.strip_suffix(quote);
        match quoted('"').or_else(|| quoted('\'')) {
            Some(_) => Some(name.to_owned()),
            None => is_plain(name).then(|| format!("'{name}'")),
        }
    });
    let names: Option<Vec<String>> = names.collect();
    Some(format!("[{}]", names?.join(",")))
}

/// What the parser of `full` expected, and where. It draws a picture of that over several lines; the config's own caret
/// stands in its place, at the whole path.
fn reason(message: &str, full: &str) -> String {
    let expected = message.lines().find_map(|line| line.trim().strip_prefix("= "));
    let column = message
        .lines()
        .find_map(|line| line.split_once("--> 1:")?.1.trim().parse::<usize>().ok());
    let rest = column.map(|column| full.chars().skip(column.saturating_sub(1)).collect::<String>());
    match (expected, rest) {
        (Some(expected), Some(rest)) if rest.is_empty() => format!("{expected} at its end"),
        (Some(expected), Some(rest)) => format!("{expected} before `{rest}`"),
        (Some(expected), None) => expected.to_owned(),
        (None, _) => message
            .lines()
            .next()
            .unwrap_or("it cannot be parsed")
            .trim()
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(path: &str) -> String {
        let root = Value::from(json!({
            "data": {"items": [{"id": 1}, {"id": 2}], "a-b": 3, "@next": "n"}, "2024": 5, "a.b": 6, "none": null,
        }));
        match JsonPath::parse(path) {
            Ok(path) => path
                .all(&root)
                .iter()
                .map(|value| value.to_json())
                .collect::<Vec<_>>()
                .join(" "),
            Err(_) => "error".to_owned(),
        }
    }

    #[test]
    fn finds() {
        for (path, values) in [
            (
                "$",
                r#"{"data":{"items":[{"id":1},{"id":2}],"a-b":3,"@next":"n"},"2024":5,"a.b":6,"none":null}"#,
            ),
            ("data.items", r#"[{"id":1},{"id":2}]"#),
            ("$.data.items", r#"[{"id":1},{"id":2}]"#),
            ("data.items[*].id", "1 2"),
            ("data.items[-1].id", "2"),
            ("data.items[0]", r#"{"id":1}"#),
            ("$..id", "1 2"),
            ("data.a-b", "3"),
            ("data.@next", r#""n""#),
            ("2024", "5"),
            ("data.['@next']", r#""n""#),
            ("$.data.['@next']", r#""n""#),
            ("data.[\"a-b\"]", "3"),
            ("data.'a-b'", "3"),
            ("\"a.b\"", "6"),
            ("data.items.[0].id", "1"),
            ("data.a-b,@next", r#"3 "n""#),
            ("data.a-b | none", "3 null"),
            ("missing|data.items[*].id", "1 2"),
            ("data.items[?(@.id > 1 || @.id < 0)].id", "2"),
            ("data.*[*].id", "1 2"),
            ("['a.b']", "6"),
            ("$['a.b']", "6"),
            ("data.items[?(@.id > 1)].id", "2"),
            ("none", "null"),
            ("missing.deep", ""),
            ("data..", "error"),
            ("$.[", "error"),
            ("a b", "error"),
        ] {
            assert_eq!(found(path), values, "{path}");
        }
    }

    #[test]
    fn takes_without_leaving_a_copy() {
        let mut root = Value::from(json!({"data": [1, 2]}));
        let taken = JsonPath::parse("data").unwrap().take(&mut root);
        assert_eq!(taken[0].to_json(), "[1,2]");
        assert_eq!(root.to_json(), r#"{"data":null}"#);
    }
}
