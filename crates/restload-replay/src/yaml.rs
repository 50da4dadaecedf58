//! YAML as a recorder writes it: every value is on one line and is JSON, which YAML takes as it is, but for a text of
//! several lines, which stands under its key as it was sent.

use std::fmt::Write as _;

use serde_json::Value;

/// YAML refuses keys that are longer.
const LONGEST_KEY: usize = 500;
/// Readers of YAML stop somewhere.
const DEEPEST: usize = 40;

/// A JSON text in which every character may stand in a YAML file.
pub(crate) fn flow(value: &Value) -> String {
    printable(&value.to_string())
}

/// A text in quotes.
pub(crate) fn quoted(text: &str) -> String {
    flow(&Value::String(text.to_owned()))
}

/// JSON with those characters escaped that YAML does not print or takes for the end of a line.
fn printable(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_printable(character) {
            text.push(character);
        } else {
            let mut buffer = [0; 2];
            for unit in character.encode_utf16(&mut buffer) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

fn is_printable(character: char) -> bool {
    matches!(character, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}'
        | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

/// A body as the value of `json`, if reading that gives the same bytes again.
pub(crate) fn as_json(body: &str) -> Option<Value> {
    if !body.starts_with(['{', '[']) {
        return None;
    }
    let value: Value = serde_json::from_str(body).ok()?;
    let written = value.to_string();
    (is_safe(&value, 0) && written == body).then_some(value)
}

fn is_safe(value: &Value, depth: usize) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        // Readers of YAML differ about the others.
        Value::Number(number) => number.is_i64() || number.is_u64() || !number.to_string().contains(['e', 'E']),
        Value::Array(elements) => depth < DEEPEST && elements.iter().all(|element| is_safe(element, depth + 1)),
        Value::Object(members) => {
            depth < DEEPEST
                && members
                    .iter()
                    .all(|(key, value)| key.len() < LONGEST_KEY && is_safe(value, depth + 1))
        }
    }
}

/// A text as a value beside its key: a block when it has several lines and YAML keeps all of them, quotes otherwise.
/// A block has no empty line, because that ends an exchange.
pub(crate) fn text(text: &str, indent: &str) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    let is_block = lines.len() > 1
        && !text.ends_with('\n')
        && !text.starts_with([' ', '\t'])
        && lines
            .iter()
            .all(|line| !line.trim().is_empty() && line.chars().all(is_printable));
    if !is_block {
        return quoted(text);
    }
    let mut block = "|-".to_owned();
    for line in lines {
        block.push('\n');
        block.push_str(indent);
        block.push_str(line);
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_back_the_same_is_json() {
        for (body, is_json) in [
            (r#"{"a":[1,-2,1.5,"x",null,true]}"#, true),
            (r#"{"a": 1}"#, false),
            (r#"{"a":1.0}"#, true),
            (r#"{"a":1.10}"#, false),
            (r#"{"a":18446744073709551616}"#, false),
            (r#"{"a":1e5}"#, false),
            (r#"{"a":1,"a":2}"#, false),
            ("not json", false),
            (r#""x""#, false),
        ] {
            assert_eq!(as_json(body).is_some(), is_json, "{body}");
        }
    }

    #[test]
    fn texts_are_blocks_where_yaml_keeps_them() {
        for (given, written) in [
            ("a,b\n1,2", "|-\n    a,b\n    1,2"),
            ("a\n\nb", r#""a\n\nb""#),
            ("a\nb\n", r#""a\nb\n""#),
            ("a\u{2028}\u{7f}\u{feff}", "\"a\\u2028\\u007f\\ufeff\""),
        ] {
            assert_eq!(text(given, "    "), written);
        }
    }
}
