//! Values of every type that restload stores.

use maud::{Markup, html};
use restload_destination::{GridColumn, ValueText};
use restload_model::DataType;

use crate::words::moment;

/// The class of a value's cell: numbers stand on the right, so that their digits do.
pub(crate) fn class(data_type: Option<DataType>) -> Option<&'static str> {
    match data_type {
        Some(DataType::Bigint | DataType::Double | DataType::Numeric) => Some("number"),
        _ => None,
    }
}

/// The type in a word.
pub(crate) fn type_name(column: &GridColumn) -> &'static str {
    column.data_type.map_or("other", DataType::name)
}

/// A value in a cell of a table: one line, cut where it is long.
pub(crate) fn brief(value: Option<&ValueText>, data_type: Option<DataType>) -> Markup {
    let Some(value) = value else {
        return html! { span.null { "null" } };
    };
    let rest = if value.is_cut { "…" } else { "" };
    match data_type {
        _ if value.text.is_empty() => html! { span.null { "empty" } },
        Some(DataType::Timestamp | DataType::TimestampNtz) => html! { (moment(&value.text)) (rest) },
        Some(DataType::Json) => html! { code { (value.text) (rest) } },
        Some(DataType::Binary) => html! { code { "0x" (value.text) (rest) } },
        _ => html! { (value.text) (rest) },
    }
}

/// A value on a page of its own row, with its lines.
pub(crate) fn whole(value: Option<&ValueText>, data_type: Option<DataType>) -> Markup {
    let Some(value) = value.filter(|value| !value.text.is_empty()) else {
        return brief(value, data_type);
    };
    let rest = if value.is_cut { "…" } else { "" };
    match data_type {
        Some(DataType::Json) if !value.is_cut => html! { pre { code { (indented(&value.text)) } } },
        Some(DataType::Json) => html! { pre { code { (value.text) (rest) } } },
        Some(DataType::Text) | None if is_long(&value.text) => html! { pre { (value.text) (rest) } },
        Some(DataType::Timestamp) => html! { (moment(&value.text)) " UTC" },
        Some(DataType::Binary) if !value.is_cut => html! {
            code.wrapped { "0x" (value.text) } " (" (crate::words::count(value.text.len() as u64 / 2, "byte")) ")"
        },
        _ => html! { span.wrapped { (brief(Some(value), data_type)) } },
    }
}

/// Whether a text has lines, or blanks that count, or wants a frame of its own.
fn is_long(text: &str) -> bool {
    text.len() > 200 || text.contains(char::is_control) || text.contains("  ") || text.trim() != text
}

/// JSON with a line for each member. Only the blanks between its parts change, so numbers keep every digit.
pub(crate) fn indented(json: &str) -> String {
    if serde_json::from_str::<serde::de::IgnoredAny>(json).is_err() {
        return json.to_owned();
    }
    let mut text = String::with_capacity(json.len() + json.len() / 2);
    let mut depth = 0_usize;
    let new_line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                text.push('"');
                while let Some(inner) = characters.next() {
                    text.push(inner);
                    match inner {
                        '\\' => text.extend(characters.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '{' | '[' => {
                text.push(character);
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                match characters.next_if(|next| matches!(next, '}' | ']')) {
                    Some(close) => text.push(close),
                    None => {
                        depth += 1;
                        new_line(&mut text, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut text, depth);
                text.push(character);
            }
            ',' => {
                text.push(',');
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            blank if blank.is_ascii_whitespace() => {}
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_otherwise_as_it_was() {
        assert_eq!(
            indented(r#"{"a": [1.000000000000000000000000001, {}, []], "b,{": "\",:}", "c":null}"#),
            "{\n  \"a\": [\n    1.000000000000000000000000001,\n    {},\n    []\n  ],\n  \"b,{\": \"\\\",:}\",\n  \"c\": null\n}"
        );
        assert_eq!(indented("{not json"), "{not json");
        assert_eq!(indented("\"text\""), "\"text\"");
    }

    #[test]
    fn values_are_escaped_and_told_apart_from_nothing() {
        let text = |text: &str, is_cut| ValueText {
            text: text.to_owned(),
            is_cut,
            length: None,
        };
        for (value, data_type, shown) in [
            (None, None, "<span class=\"null\">null</span>"),
            (
                Some(text("", false)),
                Some(DataType::Text),
                "<span class=\"null\">empty</span>",
            ),
            (
                Some(text("<script>alert('\"&')</script>", true)),
                Some(DataType::Text),
                "&lt;script&gt;alert('&quot;&amp;')&lt;/script&gt;…",
            ),
            (
                Some(text("18446744073709551616.50", false)),
                Some(DataType::Numeric),
                "18446744073709551616.50",
            ),
            (Some(text("00ff", false)), Some(DataType::Binary), "<code>0x00ff</code>"),
            (
                Some(text("2024-01-02T03:04:05.500000Z", false)),
                Some(DataType::Timestamp),
                "2024-01-02 03:04:05.5",
            ),
        ] {
            assert_eq!(brief(value.as_ref(), data_type).into_string(), shown);
        }
    }
}
