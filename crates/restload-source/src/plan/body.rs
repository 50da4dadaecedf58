//! JSON with placeholders.

use minijinja::Value as Computed;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use serde_json::Value;

use crate::template::{RenderError, Template};

/// A JSON document whose strings and keys may hold placeholders. A string that is one placeholder takes its value
/// with its type.
#[derive(Debug)]
pub(crate) enum JsonTemplate {
    Constant(Value),
    Text(Template),
    List(Vec<JsonTemplate>),
    Object(Vec<(Template, JsonTemplate)>),
}

impl JsonTemplate {
    /// Compiles a document; mistakes are noted under its path. `roots` are the names that placeholders may begin with
    /// besides the usual ones.
    pub(crate) fn compile(
        value: &Value,
        roots: &[&str],
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        Some(match value {
            Value::String(text) => Self::Text(Template::compile(text, roots, path, diagnostics)?),
            Value::Array(elements) => {
                let compiled: Vec<_> = elements
                    .iter()
                    .enumerate()
                    .map(|(index, element)| Self::compile(element, roots, &path.index(index), diagnostics))
                    .collect();
                Self::List(compiled.into_iter().collect::<Option<_>>()?)
            }
            Value::Object(members) => {
                let compiled: Vec<_> = members
                    .iter()
                    .map(|(key, value)| {
                        let path = path.key(key.clone());
                        let key = Template::compile(key, roots, &path, diagnostics);
                        let value = Self::compile(value, roots, &path, diagnostics);
                        Some((key?, value?))
                    })
                    .collect();
                Self::Object(compiled.into_iter().collect::<Option<_>>()?)
            }
            constant => Self::Constant(constant.clone()),
        })
    }

    /// The document for one request.
    pub(crate) fn render(&self, context: &Computed) -> Result<Value, RenderError> {
        Ok(match self {
            Self::Constant(value) => value.clone(),
            Self::Text(template) => serde_json::to_value(template.value_or_null(context)?).unwrap_or(Value::Null),
            Self::List(elements) => Value::Array(
                elements
                    .iter()
                    .map(|element| element.render(context))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(key, value)| Ok((key.text(context)?, value.render(context)?)))
                    .collect::<Result<_, RenderError>>()?,
            ),
        })
    }

    /// The templates in it.
    pub(crate) fn templates<'t>(&'t self, out: &mut Vec<&'t Template>) {
        match self {
            Self::Constant(_) => {}
            Self::Text(template) => out.push(template),
            Self::List(elements) => elements.iter().for_each(|element| element.templates(out)),
            Self::Object(members) => {
                for (key, value) in members {
                    out.push(key);
                    value.templates(out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::template::{Context, to_value};

    /// I-34: the names in a map and in what is nested, keys included.
    #[test]
    fn tells_the_names_in_a_document() {
        for (document, names) in [
            (json!({"a": "{vars.id}", "b": "x"}), vec!["vars.id"]),
            (
                json!({"a": ["{vars.id}", {"{vars.key}": "{env.HOME}-{vars.deep.er}"}], "b": 5, "c": "{{vars.no}}"}),
                vec!["vars.id", "vars.key", "env.HOME", "vars.deep.er"],
            ),
            (json!({"a": [], "b": null}), vec![]),
            // I-38: of a GraphQL text only what is no doubled brace.
            (
                json!({"query": "query {{ a(id: {vars.id}) {{ b {{ c }} }} }}", "variables": {"x": "{{vars.no}}"}}),
                vec!["vars.id"],
            ),
        ] {
            let mut diagnostics = Diagnostics::default();
            let template = JsonTemplate::compile(&document, &[], &KeyPath::root(), &mut diagnostics).unwrap();
            let mut templates = Vec::new();
            template.templates(&mut templates);
            let found: Vec<&str> = templates.iter().flat_map(|template| template.variables()).collect();
            assert_eq!(found, names, "{document}");
        }
    }

    /// Section 15.1 of the checklist, as it is for documents.
    #[test]
    fn expands_documents_as_the_checklist_says() {
        let context = Context::default()
            .with("vars", to_value(json!({"id": 1, "name": "x", "none": null})))
            .with("resources", to_value(json!({"posts": {"id": 7, "title": "t"}})))
            .to_value();
        for (id, document, expected) in [
            (
                "I-03",
                json!({"a": "{vars.id}-{vars.name}", "b": "constant", "c": "{vars.name}"}),
                json!({"a": "1-x", "b": "constant", "c": "x"}),
            ),
            (
                "I-04",
                json!({"a": "{resources.posts.id}/x", "b": "constant", "c": "{resources.posts.title}"}),
                json!({"a": "7/x", "b": "constant", "c": "t"}),
            ),
            (
                "I-05",
                json!({"a": {"b": ["{vars.id}", {"c": "{vars.id}"}]}}),
                json!({"a": {"b": [1, {"c": 1}]}}),
            ),
            (
                "I-06",
                json!({"a": {"b": ["{resources.posts.id}", {"c": "{resources.posts.title}"}]}}),
                json!({"a": {"b": [7, {"c": "t"}]}}),
            ),
            (
                "I-09",
                json!({"a": {"b": "{{x}}", "c": "{vars.id}"}}),
                json!({"a": {"b": "{x}", "c": 1}}),
            ),
            (
                "I-10",
                json!(["{{x}}", {"{{y}}": "{{z}}"}]),
                json!(["{x}", {"{y}": "{z}"}]),
            ),
            ("I-14", json!(null), json!(null)),
            ("I-14", json!({"a": "{vars.none}"}), json!({"a": null})),
            ("I-16", json!({"a": [], "b": {}}), json!({"a": [], "b": {}})),
            (
                "I-17",
                json!(["{vars.id}", 456, true, null, {"a": [1.5, "{vars.name}"]}]),
                json!([1, 456, true, null, {"a": [1.5, "x"]}]),
            ),
            ("R-11", json!({"{vars.name}": "{resources.posts.id}"}), json!({"x": 7})),
        ] {
            let mut diagnostics = Diagnostics::default();
            let template = JsonTemplate::compile(&document, &[], &KeyPath::root(), &mut diagnostics).unwrap();
            assert_eq!(template.render(&context).unwrap(), expected, "{id} {document}");
        }
    }
}
