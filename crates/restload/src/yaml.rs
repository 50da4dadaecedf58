//! YAML for people to paste: block style where it is read, flow style where it fits a line, comments above keys.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// A value that is longer in flow style goes over several lines.
const WIDEST_FLOW: usize = 90;
/// A comment is wrapped at this width.
const WIDEST_COMMENT: usize = 96;

/// Comments above the keys of a document, by the dotted path of the key.
pub(crate) type Comments = Vec<(String, String)>;

/// The members of a map, each key in block style, indented so far.
pub(crate) fn push_map(out: &mut String, members: &Map<String, Value>, indent: usize, path: &str, comments: &Comments) {
    for (key, value) in members {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        for (_, comment) in comments.iter().filter(|(place, _)| *place == path) {
            push_comment(out, indent, comment);
        }
        let has_comments = comments.iter().any(|(place, _)| place.starts_with(&format!("{path}.")));
        let _ = write!(out, "{:indent$}{}:", "", scalar_text(key));
        push_value(out, value, indent, &path, comments, has_comments);
    }
}

fn push_value(out: &mut String, value: &Value, indent: usize, path: &str, comments: &Comments, in_block: bool) {
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
    let is_short = flow.len() <= WIDEST_FLOW && !flow.contains("\\n");
    match value {
        Value::Object(members) if !members.is_empty() && (in_block || !is_short) => {
            out.push('\n');
            push_map(out, members, indent + 2, path, comments);
        }
        Value::Array(elements) if !elements.is_empty() && !is_short => {
            out.push('\n');
            for element in elements {
                push_element(out, element, indent + 2);
            }
        }
        _ => {
            let _ = writeln!(out, " {flow}");
        }
    }
}

fn push_element(out: &mut String, element: &Value, indent: usize) {
    let mut inner = String::new();
    match element {
        Value::Object(members) if !members.is_empty() => push_map(&mut inner, members, indent + 2, "", &Vec::new()),
        other => inner = format!("{:indent$}  {}\n", "", flow(other)),
    }
    // The dash takes the place of the first line's indentation.
    let rest = inner.get(indent + 2..).unwrap_or_default();
    let _ = write!(out, "{:indent$}- {rest}", "");
}

/// A comment, over as many lines as it takes. What would end the comment, or a terminal obey, is taken out.
pub(crate) fn push_comment(out: &mut String, indent: usize, comment: &str) {
    let clean = comment.replace(char::is_control, " ");
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
            if character.is_control() {
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
    let is_printable = |character: char| character == '\n' || !character.is_control();
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
                "path": "x/{a}", "params": {"since": "2024-01-01", "q": "ünï \u{1F600} \"quoted\" \\ \u{7f}"},
                "graphql": {"query": "query {\n  orders { id }\n\n}\n", "variables": {}},
            },
            "long": (0..40).collect::<Vec<_>>(),
            "steps": [{"filter": "a very long condition that no line has room for == 1"}, {"set": {"a": "another one, as long as that"}}],
        });
        let Value::Object(members) = &value else { unreachable!() };
        let mut text = String::new();
        let comments = vec![("endpoint.path".to_owned(), "why\nnot: - [".to_owned())];
        push_map(&mut text, members, 0, "", &comments);
        let read = Document::parse("x.yaml", text.clone()).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(*read.value(), value, "{text}");
    }
}
