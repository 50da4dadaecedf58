//! The bodies of requests: JSON, a form, or a text.

use restload_model::diagnostics::{Diagnostics, KeyPath};
use serde_json::Value;

use crate::config::EndpointConfig;
use crate::plan::body::JsonTemplate;
use crate::template::Template;

/// The body of a request: at most one of them.
#[derive(Default)]
pub(super) struct Body {
    pub(super) json: Option<JsonTemplate>,
    pub(super) form: Option<Vec<(String, Template)>>,
    pub(super) text: Option<Template>,
}

pub(super) fn compile_body(
    config: &EndpointConfig,
    roots: &[&str],
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Body {
    let (json, data) = config.bodies();
    if json.is_some() && data.is_some() {
        diagnostics.error(
            &path.key("data"),
            "`json` and `data` exclude each other: a request has one body",
        );
    }
    let mut body = Body {
        json: json.and_then(|json| JsonTemplate::compile(json, roots, &path.key("json"), diagnostics)),
        ..Body::default()
    };
    let path = path.key("data");
    match data {
        Some(Value::String(text)) => body.text = Template::compile(text, roots, &path, diagnostics),
        Some(Value::Object(members)) => {
            let fields = members
                .iter()
                .map(|(name, value)| (name, value, path.key(name.clone())));
            body.form = compile_form(fields, roots, diagnostics);
        }
        Some(Value::Array(pairs)) => {
            let mut fields = Vec::new();
            for (index, pair) in pairs.iter().enumerate() {
                let path = path.index(index);
                match pair.as_array().map(Vec::as_slice) {
                    Some([Value::String(name), value]) => fields.push((name, value, path.index(1))),
                    _ => diagnostics.error_with_help(
                        &path,
                        "a form that is a list has pairs of a name and a value",
                        "write `- [name, value]`",
                    ),
                }
            }
            body.form = compile_form(fields.into_iter(), roots, diagnostics);
        }
        _ => {}
    }
    body
}

/// The fields of a form: a null is left out, and a list gives its field several times. None for a form without any.
fn compile_form<'f>(
    fields: impl Iterator<Item = (&'f String, &'f Value, KeyPath)>,
    roots: &[&str],
    diagnostics: &mut Diagnostics,
) -> Option<Vec<(String, Template)>> {
    let mut form = Vec::new();
    for (name, value, path) in fields {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            single => std::slice::from_ref(single),
        };
        for value in values.iter().filter(|value| !value.is_null()) {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let template = Template::compile(&text, roots, &path, diagnostics);
            form.extend(template.map(|template| (name.clone(), template)));
        }
    }
    (!form.is_empty()).then_some(form)
}

/// How many keys of a dotted path lead to a value of the body that is no object, and has no placeholder that might
/// stand for one.
pub(super) fn blocked_at(json: &Value, body_path: &str) -> Option<usize> {
    let mut value = json;
    for (depth, key) in body_path.split('.').enumerate() {
        match value {
            Value::Object(members) => value = members.get(key)?,
            Value::Null => return None,
            Value::String(text) if text.contains('{') => return None,
            _ => return Some(depth),
        }
    }
    None
}
