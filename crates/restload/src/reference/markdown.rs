//! The whole reference as one page of Markdown.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::{Block, Key, Node, Place, Topic, as_text, blocks, types_of, walk};

const HEAD: &str = "\
<!-- Generated from the config types: `just generate` writes it. -->

# Reference of a config

Every key that a config may have, with what it takes and what it is when left out. `restload explain KEY.PATH` shows the
same in the terminal, and the JSON Schema that `restload schema` prints lets an editor show it while you type.

A key path names keys from the outside in, as messages do: `resources.endpoint.paginator` is the `paginator` of the
`endpoint` of one of the `resources`. A choice is written as a map with a `type`, or as the name of the type alone where
nothing else is required.
";

/// `docs/reference.md`.
pub(crate) fn page(schema: &Value) -> String {
    let places = walk(schema);
    let mut sections: Vec<(Topic<'_>, Vec<*const Value>)> = Vec::new();
    let mut described: BTreeSet<*const Value> = BTreeSet::new();
    for place in &places {
        let topic = place.topic();
        if topic.keys.is_empty() && topic.variants.is_empty() {
            continue;
        }
        let types = match &place.node {
            Node::Schema(schema) => types_of(place.schema, schema)
                .into_iter()
                .map(std::ptr::from_ref)
                .collect(),
            Node::Variant(_) => Vec::new(),
        };
        let types: Vec<*const Value> = types;
        if !types.is_empty() && types.iter().all(|known| described.contains(known)) {
            continue;
        }
        described.extend(&types);
        sections.push((topic, types));
    }
    let mut page = HEAD.to_owned();
    page.push('\n');
    for (topic, _) in &sections {
        let depth = if topic.path.is_empty() {
            0
        } else {
            topic.path.matches('.').count()
        };
        let _ = writeln!(page, "{}- {}", "  ".repeat(depth), link(&title(topic), &topic.path));
    }
    for (topic, _) in &sections {
        let _ = write!(page, "\n## {}\n", title(topic));
        section(topic, schema, &sections, &mut page);
    }
    page
}

fn title(topic: &Topic<'_>) -> String {
    match topic.path.as_str() {
        "" => "The top level".to_owned(),
        path => format!("`{path}`"),
    }
}

/// A link to a section, by the anchor that readers of Markdown give its heading.
fn link(text: &str, path: &str) -> String {
    let heading = if path.is_empty() { "the top level" } else { path };
    let anchor: String = heading
        .to_lowercase()
        .chars()
        .filter_map(|character| match character {
            ' ' => Some('-'),
            character if character.is_alphanumeric() || matches!(character, '_' | '-') => Some(character),
            _ => None,
        })
        .collect();
    format!("[{text}](#{anchor})")
}

fn section(topic: &Topic<'_>, schema: &Value, sections: &[(Topic<'_>, Vec<*const Value>)], page: &mut String) {
    let mut facts = topic.kind.clone();
    if topic.path.is_empty() {
        facts.clear();
    }
    facts.push_str(&default_and_need(topic.default, topic.is_required));
    if !facts.is_empty() {
        let _ = write!(page, "\n*{facts}*\n");
    }
    for description in &topic.descriptions {
        page.push('\n');
        text(description, "", page);
    }
    if let Some(path) = topic.keys_of {
        let _ = write!(page, "\nIts keys are those of {}.\n", link(&format!("`{path}`"), path));
        return;
    }
    if !topic.variants.is_empty() {
        page.push_str("\nThe types:\n\n");
        for (name, description) in &topic.variants {
            let path = format!("{}.{name}", topic.path);
            let _ = writeln!(
                page,
                "- {}: {}",
                link(&format!("`{name}`"), &path),
                super::first_sentence(description)
            );
        }
    }
    if !topic.keys.is_empty() {
        page.push('\n');
    }
    for key in &topic.keys {
        entry(topic, key, schema, sections, page);
    }
}

fn entry(
    topic: &Topic<'_>,
    key: &Key<'_>,
    schema: &Value,
    sections: &[(Topic<'_>, Vec<*const Value>)],
    page: &mut String,
) {
    let facts = format!("{}{}", key.kind, default_and_need(key.default, key.is_required));
    let _ = writeln!(page, "- **`{}`** ({facts})", key.name);
    // What has a section is described there; here stands what the key itself says.
    let home = home_of(topic, key, schema, sections);
    let shown = if home.is_some() { 1 } else { key.descriptions.len() };
    for description in key.descriptions.iter().take(shown) {
        page.push('\n');
        text(description, "  ", page);
    }
    if let Some(path) = home {
        let _ = write!(page, "\n  See {}.\n", link(&format!("`{path}`"), path));
    } else if !key.values.is_empty() {
        page.push('\n');
        for (value, description) in &key.values {
            let _ = writeln!(page, "  - `{value}`: {}", super::in_a_line(description));
        }
    }
    page.push('\n');
}

/// The path under which a key's type is described.
fn home_of<'t>(
    topic: &Topic<'_>,
    key: &Key<'_>,
    schema: &Value,
    sections: &'t [(Topic<'_>, Vec<*const Value>)],
) -> Option<&'t str> {
    let own = if topic.path.is_empty() {
        key.name.to_owned()
    } else {
        format!("{}.{}", topic.path, key.name)
    };
    let is_at = |path: &str| sections.iter().find(|(section, _)| section.path == path);
    if let Some((section, _)) = is_at(&own).or_else(|| is_at(&format!("{own}.NAME"))) {
        return Some(&section.path);
    }
    let place = super::segments(&own)
        .iter()
        .try_fold(Place::root(schema), |place, name| place.below(name))?;
    let Node::Schema(own) = place.node else { return None };
    let types: Vec<*const Value> = types_of(schema, own).into_iter().map(std::ptr::from_ref).collect();
    let home = sections
        .iter()
        .find(|(_, described)| described.iter().any(|known| types.contains(known)));
    home.map(|(section, _)| section.path.as_str())
}

fn default_and_need(default: Option<&Value>, is_required: bool) -> String {
    match (default, is_required) {
        (Some(value), _) => format!("; default `{}`", as_text(value)),
        (None, true) => "; required".to_owned(),
        (None, false) => String::new(),
    }
}

fn text(description: &str, indent: &str, page: &mut String) {
    let mut is_first = true;
    let mut was_entry = false;
    for block in blocks(description) {
        let is_entry = matches!(block, Block::Entry(_));
        if !(is_first || was_entry && is_entry) {
            page.push('\n');
        }
        match block {
            Block::Paragraph(text) => {
                let _ = writeln!(page, "{indent}{text}");
            }
            Block::Entry(text) => {
                let _ = writeln!(page, "{indent}- {text}");
            }
            Block::Code(code) => {
                let _ = writeln!(page, "{indent}```yaml");
                for line in code.lines() {
                    let _ = writeln!(page, "{}", format!("{indent}{line}").trim_end());
                }
                let _ = writeln!(page, "{indent}```");
            }
        }
        (is_first, was_entry) = (false, is_entry);
    }
}
