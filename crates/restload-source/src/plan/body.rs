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
    /// Compiles a document; mistakes are noted under its path.
    pub(crate) fn compile(value: &Value, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        Some(match value {
            Value::String(text) => Self::Text(Template::compile(text, &[], path, diagnostics)?),
            Value::Array(elements) => {
                let compiled: Vec<_> = elements
                    .iter()
                    .enumerate()
                    .map(|(index, element)| Self::compile(element, &path.index(index), diagnostics))
                    .collect();
                Self::List(compiled.into_iter().collect::<Option<_>>()?)
            }
            Value::Object(members) => {
                let compiled: Vec<_> = members
                    .iter()
                    .map(|(key, value)| {
                        let path = path.key(key.clone());
                        let key = Template::compile(key, &[], &path, diagnostics);
                        let value = Self::compile(value, &path, diagnostics);
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
            Self::Text(template) => serde_json::to_value(template.value(context)?).unwrap_or(Value::Null),
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
