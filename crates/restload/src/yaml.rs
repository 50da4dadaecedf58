//! YAML for people to paste: block style where it is read, flow style where it fits a line, comments above keys.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

/// A value that is longer in flow style goes over several lines.
const WIDEST_FLOW: usize = 90;
/// A comment is wrapped at this width.
const WIDEST_COMMENT: usize = 96;

/// Comments of a document, by the path of what they are about: `client.auth`, `resources[2].primary_key`.
#[derive(Debug, Default)]
pub(crate) struct Comments {
    above: BTreeMap<String, Vec<String>>,
    below: BTreeMap<String, Vec<String>>,
}

/// What YAML to paste begins with: its line stays whole, however long it is.
const CODE: &str = "\u{e000}";

impl Comments {
    /// Puts a comment above a key, or above the element of a list.
    pub(crate) fn above(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.above.entry(path.into()).or_default().push(text.into());
    }

    /// Puts a comment at the end of a map: what is worth knowing of it, and belongs above none of its keys.
    pub(crate) fn below(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.below.entry(path.into()).or_default().push(text.into());
    }

    /// The same for YAML to paste, which stays on one line.
    pub(crate) fn code_below(&mut self, path: impl Into<String>, code: &str) {
        self.below(path, format!("{CODE}{code}"));
    }

    /// Whether something is said about a part of the value at this path, so that it has to go over several lines.
    fn are_within(&self, path: &str) -> bool {
        let has_parts = |comments: &BTreeMap<String, Vec<String>>, start: String| {
            let first = comments.range(start.clone()..).next();
            first.is_some_and(|(place, _)| place.starts_with(&start))
        };
        self.below.contains_key(path)
            || [&self.above, &self.below]
                .into_iter()
                .any(|comments| has_parts(comments, format!("{path}.")) || has_parts(comments, format!("{path}[")))
    }

    fn push_above(&self, out: &mut String, indent: usize, path: &str) {
        for comment in self.above.get(path).into_iter().flatten() {
            push_comment(out, indent, comment);
        }
    }
}

/// A whole document: blank lines keep its parts apart.
pub(crate) fn push_document(out: &mut String, members: &Map<String, Value>, comments: &Comments) {
    for (place, (key, value)) in members.iter().enumerate() {
        if place > 0 {
            out.push('\n');
        }
        push_member(out, key, value, 0, "", comments);
    }
    if let Some(below) = comments.below.get("") {
        out.push('\n');
        for comment in below {
            push_comment(out, 0, comment);
        }
    }
}

/// The members of a map, each key in block style, indented so far.
pub(crate) fn push_map(out: &mut String, members: &Map<String, Value>, indent: usize, path: &str, comments: &Comments) {
    for (key, value) in members {
        push_member(out, key, value, indent, path, comments);
    }
    for comment in comments.below.get(path).into_iter().flatten() {
        push_comment(out, indent, comment);
    }
}

fn push_member(out: &mut String, key: &str, value: &Value, indent: usize, above: &str, comments: &Comments) {
    let path = if above.is_empty() {
        key.to_owned()
    } else {
        format!("{above}.{key}")
    };
    comments.push_above(out, indent, &path);
    let _ = write!(out, "{:indent$}{}:", "", scalar_text(key));
    push_value(out, value, indent, &path, comments);
}

fn push_value(out: &mut String, value: &Value, indent: usize, path: &str, comments: &Comments) {
    if let Value::String(text) = value
        && is_literal(text)
    {
        out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
        for line in text.trim_end_matches('\n').split('\n') {
            let inner = if line.is_empty() { 0 } else { indent + 2 };
            let _ = writeln!(out, "{:inner$}{line}", "");
        }
        return;
    }
    let flow = flow(value);
    let in_block = comments.are_within(path) || flow.len() > WIDEST_FLOW || flow.contains("\\n");
    match value {
        Value::Object(members) if !members.is_empty() && in_block => {
            out.push('\n');
            push_map(out, members, indent + 2, path, comments);
        }
        Value::Array(elements) if !elements.is_empty() && in_block => {
            out.push('\n');
            // What is commented on is long: a blank line shows where the next one begins.
            let is_airy = comments.are_within(path);
            for (index, element) in elements.iter().enumerate() {
                if is_airy && index > 0 {
                    out.push('\n');
                }
                let path = format!("{path}[{index}]");
                comments.push_above(out, indent + 2, &path);
                push_element(out, element, indent + 2, &path, comments);
            }
        }
        _ => {
            let _ = writeln!(out, " {flow}");
        }
    }
}

fn push_element(out: &mut String, element: &Value, indent: usize, path: &str, comments: &Comments) {
    let mut inner = String::new();
    match element {
        Value::Object(members) if !members.is_empty() => {
            let first = members
                .keys()
                .next()
                .map(|key| format!("{path}.{key}"))
                .unwrap_or_default();
            // A dash and a comment cannot share a line.
            comments.push_above(out, indent, &first);
            for (place, (key, value)) in members.iter().enumerate() {
                if place == 0 {
                    let _ = write!(inner, "{:indent$}  {}:", "", scalar_text(key));
                    push_value(&mut inner, value, indent + 2, &first, comments);
                } else {
                    push_member(&mut inner, key, value, indent + 2, path, comments);
                }
            }
            for comment in comments.below.get(path).into_iter().flatten() {
                push_comment(&mut inner, indent + 2, comment);
            }
        }
        other => inner = format!("{:indent$}  {}\n", "", flow(other)),
    }
    // The dash takes the place of the first line's indentation.
    let rest = inner.get(indent + 2..).unwrap_or_default();
    let _ = write!(out, "{:indent$}- {rest}", "");
}

/// Characters that are not shown as they are: YAML ends a line at some, and others change the order in which a text is
/// read. What a document of others says may hold any.
fn is_unshowable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{200e}' | '\u{200f}'
        )
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

/// A comment, over as many lines as it takes. What would end the comment, or a terminal obey, is taken out.
pub(crate) fn push_comment(out: &mut String, indent: usize, comment: &str) {
    let clean = comment.replace(is_unshowable, " ");
    if let Some(code) = clean.strip_prefix(CODE) {
        let _ = writeln!(out, "{:indent$}# {code}", "");
        return;
    }
    let width = WIDEST_COMMENT.saturating_sub(indent).max(40);
    let mut line = String::new();
    for word in clean.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            let _ = writeln!(out, "{:indent$}# {line}", "");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{:indent$}# {line}", "");
}

/// A value on one line.
pub(crate) fn flow(value: &Value) -> String {
    match value {
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar_text(key), flow(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(flow).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::String(text) => scalar_text(text),
        other => other.to_string(),
    }
}

/// A text without quotes where YAML takes it for nothing but that text.
fn scalar_text(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_' || first == '$')
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "_-./$".contains(character))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        text.to_owned()
    } else {
        // What JSON has for a string is one for YAML, too, but for control characters that JSON leaves as they are.
        let mut quoted = String::new();
        for character in Value::from(text).to_string().chars() {
            if is_unshowable(character) {
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            } else {
                quoted.push(character);
            }
        }
        quoted
    }
}

/// Whether a text is best shown as it is, over several lines.
fn is_literal(text: &str) -> bool {
    let is_printable = |character: char| character == '\n' || !is_unshowable(character);
    text.trim_end_matches('\n').contains('\n')
        && text.chars().all(is_printable)
        && !text.ends_with("\n\n")
        && !text.starts_with([' ', '\n'])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::load::document::Document;

    #[test]
    fn what_is_written_is_read_again() {
        let value = json!({
            "name": "orders", "odd key: #": "- a: b # c", "empty": "", "yes": "no", "n": 1.5, "none": null,
            "list": ["a", {"b": [1, 2]}, []], "colon": "a: b", "brace": "{resources.x.id}", "newline": "a\nb",
            "endpoint": {
                "path": "x/{a}", "params": {"since": "2024-01-01", "q": "ünï \u{1F600} \"quoted\" \\ \u{7f} \u{2028}\u{feff}\u{202e}"},
                "graphql": {"query": "query {\n  orders { id }\n\n}\n", "variables": {}},
            },
            "long": (0..40).collect::<Vec<_>>(),
            "steps": [{"filter": "a very long condition that no line has room for == 1"}, {"set": {"a": "another one, as long as that"}}],
        });
        let Value::Object(members) = &value else { unreachable!() };
        let mut text = String::new();
        let mut comments = Comments::default();
        for path in ["endpoint.path", "steps[0]", "steps[0].filter", "steps[1].set.a", "name"] {
            comments.above(path, "why\nnot: - [ \u{2028}x: 1\u{85}y: 2");
        }
        for path in ["", "endpoint", "list", "steps[1]"] {
            comments.below(path, "a: 1\rb: 2");
        }
        push_document(&mut text, members, &comments);
        let read = Document::parse("x.yaml", text.clone()).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(*read.value(), value, "{text}");
    }
}
