//! Puts a resource into the text of a config, and leaves the rest of the text as it is.

use std::fmt::Write as _;

use restload_model::diagnostics::{Anchor, KeyPath};
use serde_json::Value;

use super::document::Document;

/// A resource that is to be put into a config.
#[derive(Debug)]
pub(crate) struct Element<'e> {
    /// Its place in the list, or none for one that comes at the end.
    pub(crate) place: Option<usize>,
    /// Its text, as an element of a list whose dashes are indented by two.
    pub(crate) text: &'e str,
    /// What the text says.
    pub(crate) value: &'e Value,
}

/// The text of a config with a resource put in. An error says why that cannot be done; then the text is to be pasted.
pub(crate) fn with_resource(document: &Document, element: &Element<'_>) -> Result<String, String> {
    let resources = document.value().get("resources").and_then(Value::as_array);
    let count = resources.map_or(0, Vec::len);
    let Some(last) = count.checked_sub(1) else {
        return Err("its list of resources is empty".to_owned());
    };
    let path = KeyPath::root().key("resources");
    let lines: Vec<&str> = document.text().split_inclusive('\n').collect();
    let place = element.place.unwrap_or(last);
    let start = document.span(&path.index(place), Anchor::Value).line.saturating_sub(1);
    let Some(indent) = lines.get(start).and_then(|line| dash(line)) else {
        return Err("its resources do not stand in lines of their own, each behind a dash".to_owned());
    };
    let end = end_of(&lines, start, indent);
    let mut text = String::new();
    let kept = if element.place.is_some() { start } else { end };
    text.extend(lines[..kept].iter().copied());
    if element.place.is_none() {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push('\n');
    }
    for line in element.text.lines() {
        let line = line.strip_prefix("  ").unwrap_or(line);
        let indent = if line.is_empty() { 0 } else { indent };
        let _ = writeln!(text, "{:indent$}{line}", "");
    }
    text.extend(lines[end..].iter().copied());
    verify(document, element, &text)?;
    Ok(text)
}

/// The text has to say what is meant, and all else as before: an alias or an odd indentation may come in between.
fn verify(document: &Document, element: &Element<'_>, text: &str) -> Result<(), String> {
    let mut expected = document.value().clone();
    if let Some(Value::Array(resources)) = expected.get_mut("resources") {
        match element.place {
            Some(place) => resources[place] = element.value.clone(),
            None => resources.push(element.value.clone()),
        }
    }
    match Document::parse(document.file_name(), text.to_owned()) {
        Ok(read) if *read.value() == expected => Ok(()),
        _ => Err("the text around it does not let it be put in without changing something else".to_owned()),
    }
}

/// How far the dash of a list's element is indented, where the line has one.
fn dash(line: &str) -> Option<usize> {
    let rest = line.trim_start_matches(' ');
    rest.starts_with("- ").then(|| line.len() - rest.len())
}

/// The line behind the last one of an element. Comments and blank lines before what follows belong to that.
fn end_of(lines: &[&str], start: usize, indent: usize) -> usize {
    let indent_of = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let is_blank = |line: &str| line.trim().is_empty();
    let is_aside = |line: &str| is_blank(line) || (line.trim_start().starts_with('#') && indent_of(line) <= indent);
    let rest = lines.iter().enumerate().skip(start + 1);
    let mut end = rest
        .filter(|(_, line)| !is_aside(line) && indent_of(line) <= indent)
        .map(|(place, _)| place)
        .next()
        .unwrap_or(lines.len());
    while end > start + 1 && is_aside(lines[end - 1]) {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn put(text: &str, place: Option<usize>) -> String {
        let document = Document::parse("x.yaml", text.to_owned()).unwrap();
        let value = json!({ "name": "new", "endpoint": { "path": "n" } });
        let element = Element {
            place,
            text: "  - name: new\n    # why\n    endpoint: { path: n }\n",
            value: &value,
        };
        with_resource(&document, &element).unwrap_or_else(|reason| format!("error: {reason}"))
    }

    #[test]
    fn the_rest_of_the_text_stays_as_it_is() {
        let text = "# mine\nresources:\n  # first\n  - a\n\n  # second\n  - name: b # here\n    # in it\n    endpoint:\n      path: |\n        x\n\n# below\nclient: { base_url: 'https://a.example' }\n";
        let all = [
            put(text, Some(0)),
            put(text, Some(1)),
            put(text, None),
            put("client: {}\nresources:\n- a\n- b", Some(1)),
            put("client: {}\nresources:\n- a\n- b\nvars: {}\n", None),
            put("resources: [a, b]\n", Some(1)),
            put("resources: []\n", None),
            put("resources:\n  - &a { name: a }\n  - *a\n", Some(0)),
        ];
        insta::assert_snapshot!(all.join("\n--\n"), @r"
        # mine
        resources:
          # first
          - name: new
            # why
            endpoint: { path: n }

          # second
          - name: b # here
            # in it
            endpoint:
              path: |
                x

        # below
        client: { base_url: 'https://a.example' }

        --
        # mine
        resources:
          # first
          - a

          # second
          - name: new
            # why
            endpoint: { path: n }

        # below
        client: { base_url: 'https://a.example' }

        --
        # mine
        resources:
          # first
          - a

          # second
          - name: b # here
            # in it
            endpoint:
              path: |
                x

          - name: new
            # why
            endpoint: { path: n }

        # below
        client: { base_url: 'https://a.example' }

        --
        client: {}
        resources:
        - a
        - name: new
          # why
          endpoint: { path: n }

        --
        client: {}
        resources:
        - a
        - b

        - name: new
          # why
          endpoint: { path: n }
        vars: {}

        --
        error: its resources do not stand in lines of their own, each behind a dash
        --
        error: its list of resources is empty
        --
        error: the text around it does not let it be put in without changing something else
        ");
    }
}
