//! The bodies of requests: JSON, a form, or a text.

use restload_model::diagnostics::{Diagnostics, KeyPath};
use serde_json::Value;

use crate::config::EndpointConfig;
use crate::plan::body::JsonTemplate;
use crate::template::Template;

pub(super) type Body = (Option<JsonTemplate>, Option<Vec<(String, Template)>>, Option<Template>);

pub(super) fn compile_body(
    config: &EndpointConfig,
    roots: &[&str],
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Option<Body> {
    let (json, data) = config.bodies();
    if json.is_some() && data.is_some() {
        diagnostics.error(
            &path.key("data"),
            "`json` and `data` exclude each other: a request has one body",
        );
        return None;
    }
    let json = match json {
        None => None,
        Some(json) => Some(JsonTemplate::compile(json, roots, &path.key("json"), diagnostics)?),
    };
    let path = path.key("data");
    match data {
        None => Some((json, None, None)),
        Some(Value::String(text)) => Some((json, None, Some(Template::compile(text, roots, &path, diagnostics)?))),
        Some(Value::Object(members)) => {
            let fields = members
                .iter()
                .map(|(name, value)| (name, value, path.key(name.clone())));
            let form = compile_form(fields, roots, diagnostics)?;
            Some((json, (!form.is_empty()).then_some(form), None))
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
            let is_sound = fields.len() == pairs.len();
            let form = compile_form(fields.into_iter(), roots, diagnostics)?;
            is_sound.then(|| (json, (!form.is_empty()).then_some(form), None))
        }
        Some(_) => None,
    }
}

/// The fields of a form: a null is left out, and a list gives its field several times.
fn compile_form<'f>(
    fields: impl Iterator<Item = (&'f String, &'f Value, KeyPath)>,
    roots: &[&str],
    diagnostics: &mut Diagnostics,
) -> Option<Vec<(String, Template)>> {
    let mut form = Vec::new();
    let mut is_sound = true;
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
            match Template::compile(&text, roots, &path, diagnostics) {
                Some(template) => form.push((name.clone(), template)),
                None => is_sound = false,
            }
        }
    }
    is_sound.then_some(form)
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
