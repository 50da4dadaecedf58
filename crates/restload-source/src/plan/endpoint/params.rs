//! Parameters whose values may hold placeholders.

use minijinja::Value as Computed;
use minijinja::value::ValueKind;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use serde_json::Value;

use crate::config::ParamValue;
use crate::template::{RenderError, Several, Template, scalar_text};

/// A parameter's value.
#[derive(Debug)]
pub(super) enum ParamTemplate {
    Constant(Value),
    Text(Template),
    List(Vec<ParamTemplate>),
}

impl ParamTemplate {
    pub(super) fn compile(
        value: &ParamValue,
        roots: &[&str],
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        match &value.0 {
            Value::String(text) => Some(Self::Text(Template::compile(text, roots, path, diagnostics)?)),
            Value::Array(elements) => {
                let compiled: Vec<_> = elements
                    .iter()
                    .enumerate()
                    .map(|(index, element)| {
                        Self::compile(&ParamValue(element.clone()), roots, &path.index(index), diagnostics)
                    })
                    .collect();
                Some(Self::List(compiled.into_iter().collect::<Option<_>>()?))
            }
            Value::Object(members) => {
                let text = |key: &str| members.get(key).and_then(Value::as_str).unwrap_or_default();
                if text("type") != "resolve" {
                    diagnostics.error_with_help(
                        path,
                        "a parameter that is a map must be `{type: resolve, resource: …, field: …}`",
                        "write a value, a list, or a placeholder",
                    );
                    return None;
                }
                let placeholder = format!("{{resources.{}.{}}}", text("resource"), text("field"));
                Some(Self::Text(Template::compile(&placeholder, &[], path, diagnostics)?))
            }
            constant => Some(Self::Constant(constant.clone())),
        }
    }

    pub(super) fn computed(&self, context: &Computed) -> Result<Computed, RenderError> {
        match self {
            Self::Constant(value) => Ok(crate::template::to_value(value)),
            Self::Text(template) => template.value_or_null(context),
            Self::List(elements) => elements
                .iter()
                .map(|element| element.computed(context))
                .collect::<Result<Vec<_>, _>>()
                .map(Computed::from),
        }
    }

    pub(super) fn render(
        &self,
        name: &str,
        context: &Computed,
        out: &mut Vec<(String, String)>,
    ) -> Result<(), RenderError> {
        let value = self.computed(context)?;
        let joined = value.downcast_object_ref::<Several>().and_then(Several::joined);
        if let Some(joined) = joined {
            out.push((name.to_owned(), joined));
        } else if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
            for element in value.try_iter().into_iter().flatten() {
                out.extend(scalar_text(&element).map(|text| (name.to_owned(), text)));
            }
        } else {
            out.extend(scalar_text(&value).map(|text| (name.to_owned(), text)));
        }
        Ok(())
    }

    pub(super) fn templates<'t>(&'t self, out: &mut Vec<&'t Template>) {
        match self {
            Self::Constant(_) => {}
            Self::Text(template) => out.push(template),
            Self::List(elements) => elements.iter().for_each(|element| element.templates(out)),
        }
    }
}
