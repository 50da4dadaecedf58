//! What a stored checkpoint means, for people.

use serde_json::{Map, Value};

use super::StateRecord;

impl StateRecord {
    /// The checkpoint as JSON.
    pub fn parsed(&self) -> Value {
        serde_json::from_str(&self.checkpoint).unwrap_or_else(|_| self.checkpoint.as_str().into())
    }

    /// What the checkpoint means.
    pub fn in_words(&self) -> String {
        in_words(&self.parsed())
    }
}

/// What a checkpoint means. Keys that are known are put in words, the others follow as they are.
fn in_words(checkpoint: &Value) -> String {
    let Value::Object(members) = checkpoint else {
        return checkpoint.to_string();
    };
    let mut rest: Map<String, Value> = members.clone();
    let mut words = Vec::new();
    let pages = rest.remove("pages").and_then(|pages| pages.as_u64());
    let position = rest.remove("position");
    let is_done = rest.remove("done") == Some(Value::Bool(true));
    if is_done {
        words.push(match pages {
            Some(pages) => format!("loaded, {}; waits for the rest of its load", count(pages, "page")),
            None => "loaded; waits for the rest of its load".to_owned(),
        });
    } else {
        words.extend(
            position
                .as_ref()
                .map(|position| format!("next: {}", place_of(position))),
        );
        words.extend(
            pages
                .filter(|pages| *pages > 0)
                .map(|pages| format!("{} loaded", count(pages, "page"))),
        );
    }
    // The digests of partitions say nothing to a reader.
    if let Some(Value::Array(begun)) = rest.remove("begun") {
        words.push(format!("{} begun", count(begun.len() as u64, "partition")));
    }
    if let Some((of, last)) = rest.get("cursor").and_then(kept_cursor) {
        words.push(format!("cursor `{of}` at {last}"));
        rest.remove("cursor");
    }
    // The partition's own name tells the parent.
    rest.remove("parent");
    words.extend(rest.iter().map(|(key, value)| format!("{key} {value}")));
    if words.is_empty() {
        return "stored".to_owned();
    }
    words.join("; ")
}

/// What a cursor is of and where it is, between loads.
fn kept_cursor(cursor: &Value) -> Option<(String, String)> {
    let members = cursor.as_object()?;
    // What goes into the ids of rows says nothing to a reader.
    let mut others = members
        .keys()
        .filter(|key| !["of", "last", "began"].contains(&key.as_str()));
    if others.next().is_some() {
        return None;
    }
    Some((plain(members.get("of")?), plain(members.get("last")?)))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Where a partition goes on.
fn place_of(position: &Value) -> String {
    match position {
        Value::String(word) if word == "start" => "the first page".to_owned(),
        Value::String(word) => word.clone(),
        Value::Object(members) if members.len() == 1 => {
            let parts = members
                .iter()
                .map(|(kind, value)| format!("{} {}", kind.replace('_', " "), plain(value)));
            parts.collect()
        }
        other => other.to_string(),
    }
}

fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn known_keys_are_put_in_words_and_others_shown_as_they_are() {
        for (checkpoint, words) in [
            (json!({"position": "start", "pages": 0}), "next: the first page"),
            (json!({"begun": ["1f", "20"]}), "2 partitions begun"),
            (
                json!({"position": {"page": 3}, "pages": 2}),
                "next: page 3; 2 pages loaded",
            ),
            (
                json!({"position": {"cursor": "c7"}, "pages": 1, "parent": {"id": 1}}),
                "next: cursor c7; 1 page loaded",
            ),
            (
                json!({"position": "start", "pages": 4, "done": true}),
                "loaded, 4 pages; waits for the rest of its load",
            ),
            (json!({"cursor": {"of": "at", "last": "2024"}}), "cursor `at` at 2024"),
            (
                json!({"cursor": {"of": "at", "last": 7, "began": 1_700_000_000_000_000_i64}}),
                "cursor `at` at 7",
            ),
            (json!({"cursor": {"last": "2024"}}), "cursor {\"last\":\"2024\"}"),
            (json!({}), "stored"),
            (json!("other"), "\"other\""),
        ] {
            assert_eq!(in_words(&checkpoint), words, "{checkpoint}");
        }
    }
}
