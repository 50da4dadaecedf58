use serde_json::{Value, json};

use super::*;
use crate::config;

/// Every key of every schema object, by its place in the schema.
fn keys_without_docs(schema: &Value, place: &str, root: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (name, key) in members
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                let is_documented = |key: &Value| {
                    key.get("description")
                        .and_then(Value::as_str)
                        .is_some_and(|text| !text.is_empty())
                };
                if name != "type" && !is_documented(key) && !target(root, key).is_some_and(is_documented) {
                    found.push(format!("{place}/{name}"));
                }
            }
            for (name, inside) in members {
                keys_without_docs(inside, &format!("{place}/{name}"), root, found);
            }
        }
        Value::Array(elements) => {
            for (index, inside) in elements.iter().enumerate() {
                keys_without_docs(inside, &format!("{place}/{index}"), root, found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_key_and_every_variant_is_documented() {
    let schema = &config::schema();
    let mut found = Vec::new();
    keys_without_docs(schema, "", schema, &mut found);
    assert_eq!(found, Vec::<String>::new());
    for path in ["client.auth", "client.paginator"] {
        let choice = topic(schema, path).unwrap();
        assert!(choice.variants.len() > 5);
        for (name, _) in &choice.variants {
            let variant = topic(schema, &format!("{path}.{name}")).unwrap();
            assert_eq!(variant.kind, format!("map with `type: {name}`"));
            let text = variant.descriptions.join("\n");
            assert!(!text.is_empty(), "{path}.{name} has no docs");
            // The last is an old name, of which the reference says what to write instead.
            let is_without_options = ["auto", "single_page", "json_response"].contains(name);
            assert!(
                is_without_options || text.contains("```yaml"),
                "{path}.{name} has no example"
            );
        }
    }
}

#[test]
fn every_path_that_is_walked_can_be_explained() {
    let schema = &config::schema();
    let all = paths(schema);
    assert!(all.len() > 250, "{}", all.len());
    for path in [
        "client.auth.bearer.token",
        "resources.endpoint.incremental.window.step",
        "resources.columns.data_type",
    ] {
        assert!(all.iter().any(|known| known == path), "{path} is not walked");
    }
    for path in all {
        topic(schema, &path).unwrap_or_else(|unknown| panic!("{path}: {unknown:?}"));
    }
}

#[test]
fn kinds_are_told_in_words() {
    let root = json!({ "$defs": { "Word": { "type": "string", "enum": ["a", "b"] } } });
    for (schema, words) in [
        (json!({ "type": "string" }), "text"),
        (json!({ "type": ["string", "null"] }), "text"),
        (json!({ "type": "integer", "minimum": 1 }), "integer, at least 1"),
        (
            json!({ "type": "integer", "minimum": 1, "maximum": 9 }),
            "integer from 1 to 9",
        ),
        (json!({ "type": "boolean" }), "`true`, `false`"),
        (
            json!({ "type": "array", "items": { "type": "string" } }),
            "list of texts",
        ),
        (
            json!({ "anyOf": [{ "$ref": "#/$defs/Word" }, { "type": "null" }] }),
            "`a`, `b`",
        ),
        (
            json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] }),
            "text or integer",
        ),
        (
            json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            "map of texts",
        ),
        (json!({}), "any value"),
    ] {
        assert_eq!(kind(&root, &schema), words, "{schema}");
    }
}

#[test]
fn doc_comments_become_blocks() {
    let text = "One\ntwo.\n\n```yaml\na:\n  b: 1\n```\n\n- three\n  four\n- five";
    let expected = [
        Block::Paragraph("One two.".to_owned()),
        Block::Code("a:\n  b: 1".to_owned()),
        Block::Entry("three four".to_owned()),
        Block::Entry("five".to_owned()),
    ];
    assert_eq!(blocks(text), expected);
    assert_eq!(first_sentence("As e.g. this. Then that."), "As e.g. this");
    assert_eq!(first_sentence("Only\none."), "Only one");
}
