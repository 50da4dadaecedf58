//! `set`: gives fields values.

use indexmap::IndexMap;
use minijinja::Value as Computed;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::value::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Misfit;
use super::expression::RecordTemplate;
use super::field::Field;
use crate::template::Template;

/// Give fields values, one after the other: a constant of any type, or a text with placeholders over the record. A
/// text that is exactly one placeholder takes its value with its type. `user.kind` is a field within an object, which is made where
/// it is missing, or within every object of a list. Names in placeholders are as in `filter`; a missing field is
/// null, and an error within a longer text. A record that is not an object becomes one, with its value in `value`.
///
/// ```yaml
/// processing_steps:
///   - set: { source: shop, total: "{price * count}", label: "{name | upper} ({vars.region})" }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SetConfig(
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")] IndexMap<String, serde_json::Value>,
);

#[derive(Debug)]
pub(super) struct Set(Vec<(Field, Assigned)>);

#[derive(Debug)]
enum Assigned {
    Constant(Value<'static>),
    Computed(Box<RecordTemplate>),
    List(Vec<Assigned>),
    Object(Vec<(String, Assigned)>),
}

impl SetConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Set> {
        let fields: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| {
                let value = Assigned::compile(value, &path.key(name.clone()), diagnostics)?;
                Some((Field::new(name), value))
            })
            .collect();
        fields.into_iter().collect::<Option<_>>().map(Set)
    }
}

impl Assigned {
    fn compile(value: &serde_json::Value, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        Some(match value {
            serde_json::Value::String(text) => {
                let template = RecordTemplate::text(text, path, diagnostics)?;
                if template.template().is_constant() {
                    let text = template.template().text(&Computed::from(())).unwrap_or_default();
                    return Some(Self::Constant(Value::from(text)));
                }
                Self::Computed(Box::new(template))
            }
            serde_json::Value::Array(elements) => {
                let elements: Vec<_> = elements
                    .iter()
                    .enumerate()
                    .map(|(index, element)| Self::compile(element, &path.index(index), diagnostics))
                    .collect();
                Self::List(elements.into_iter().collect::<Option<_>>()?)
            }
            serde_json::Value::Object(members) => {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, value)| {
                        let value = Self::compile(value, &path.key(name.clone()), diagnostics)?;
                        Some((name.clone(), value))
                    })
                    .collect();
                Self::Object(members.into_iter().collect::<Option<_>>()?)
            }
            constant => Self::Constant(constant.clone().into()),
        })
    }

    fn value<'a>(&self, record: &Value<'a>) -> Result<Value<'a>, Misfit> {
        Ok(match self {
            Self::Constant(value) => value.clone(),
            Self::Computed(template) => template.value(record)?,
            Self::List(elements) => {
                let elements = elements.iter().map(|element| element.value(record));
                Value::List(elements.collect::<Result<_, _>>()?)
            }
            Self::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, value)| Ok((name.clone().into(), value.value(record)?)));
                Value::Object(Object(members.collect::<Result<_, Misfit>>()?))
            }
        })
    }

    fn visit<'t>(&'t self, out: &mut Vec<&'t Template>) {
        match self {
            Self::Constant(_) => {}
            Self::Computed(template) => out.push(template.template()),
            Self::List(elements) => elements.iter().for_each(|element| element.visit(out)),
            Self::Object(members) => members.iter().for_each(|(_, value)| value.visit(out)),
        }
    }

    fn bind(&mut self, context: &Computed) {
        match self {
            Self::Constant(_) => {}
            Self::Computed(template) => template.bind(context),
            Self::List(elements) => elements.iter_mut().for_each(|element| element.bind(context)),
            Self::Object(members) => members.iter_mut().for_each(|(_, value)| value.bind(context)),
        }
    }
}

impl Set {
    pub(super) fn templates<'t>(&'t self, out: &mut Vec<&'t Template>) {
        self.0.iter().for_each(|(_, value)| value.visit(out));
    }

    pub(super) fn bind(&mut self, context: &Computed) {
        self.0.iter_mut().for_each(|(_, value)| value.bind(context));
    }

    pub(super) fn apply<'a>(&self, mut record: Value<'a>) -> Result<Value<'a>, Misfit> {
        if !matches!(record, Value::Object(_)) {
            record = Value::Object(Object(vec![("value".into(), record)]));
        }
        for (field, value) in &self.0 {
            let value = value.value(&record)?;
            if let Value::Object(members) = &mut record {
                field.set(members, value)?;
            }
        }
        Ok(record)
    }
}
