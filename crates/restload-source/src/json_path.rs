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
    /// Anything else.
    Query(JpQuery),
}

#[derive(Debug, Clone)]
enum Step {
    Name(String),
    Index(i64),
}

impl JsonPath {
    /// Compiles a path. A bare dotted path is one from the root: `data.items` is `$.data.items`.
    pub fn parse(text: &str) -> Result<Self, String> {
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

    /// The path as the config spells it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first match.
    pub fn first<'v, 'a>(&self, root: &'v Value<'a>) -> Option<&'v Value<'a>> {
        match &self.kind {
            Kind::Single(steps) => steps.iter().try_fold(root, |value, step| step.get(value)),
            Kind::Query(_) => self.all(root).into_iter().next(),
        }
    }

    /// Every match.
    pub fn all<'v, 'a>(&self, root: &'v Value<'a>) -> Vec<&'v Value<'a>> {
        match &self.kind {
            Kind::Single(_) => self.first(root).into_iter().collect(),
            Kind::Query(query) => js_path_process(query, root)
                .map(|found| found.into_iter().map(jsonpath_rust::query::QueryRef::val).collect())
                .unwrap_or_default(),
        }
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
            Kind::Query(_) => self.all(root).into_iter().cloned().collect(),
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

/// Spells a path from the root. Bare names may hold `-`, `@` and other characters that RFC 9535 wants in brackets.
fn with_root(text: &str) -> Result<String, String> {
    if text.starts_with('$') || text.is_empty() {
        return Ok(text.to_owned());
    }
    if text.starts_with('[') {
        return Ok(format!("${text}"));
    }
    let is_plain = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | '@'))
    };
    let mut full = String::from("$");
    let mut depth = 0_i32;
    let parts = text.split(|character| {
        depth += i32::from(character == '[') - i32::from(character == ']');
        character == '.' && depth == 0
    });
    for part in parts {
        let (name, brackets) = part.split_at(part.find('[').unwrap_or(part.len()));
        if name == "*" {
            full.push_str(".*");
        } else if is_plain(name) {
            full.push_str("['");
            full.push_str(name);
            full.push_str("']");
        } else if name.contains(char::is_whitespace) {
            return Err(format!("a name with a space needs quotes and brackets: ['{name}']"));
        } else {
            return Ok(format!("$.{text}"));
        }
        full.push_str(brackets);
    }
    Ok(full)
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
