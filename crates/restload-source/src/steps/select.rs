//! `select`: keeps fields.

use restload_model::Value;
use restload_model::value::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::field::Field;

/// Keep these fields only; a field that a record lacks is left out. `user.email` is a field within an object, or within
/// every object of a list: of these the named fields are kept.
///
/// ```yaml
/// processing_steps: [ { select: [id, name, user.email] } ]
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SelectConfig(Vec<String>);

#[derive(Debug)]
pub(super) struct Select(Vec<Field>);

impl SelectConfig {
    pub(super) fn compile(&self) -> Select {
        Select(self.0.iter().map(|name| Field::new(name)).collect())
    }
}

impl Select {
    pub(super) fn apply<'a>(&self, mut record: Value<'a>) -> Value<'a> {
        if let Value::Object(members) = &mut record {
            let paths: Vec<&[String]> = self.0.iter().filter_map(|field| field.path_in(members)).collect();
            let is_own = |name: &str| self.0.iter().any(|field| field.name == name);
            keep(members, &paths, is_own);
        }
        record
    }
}

/// Keeps the members that are named, and those that a path leads into, with what it leads to only.
fn keep(members: &mut Object<'_>, paths: &[&[String]], is_named: impl Fn(&str) -> bool) {
    members.0.retain_mut(|(name, value)| {
        if is_named(name) {
            return true;
        }
        let rest: Vec<&[String]> = paths
            .iter()
            .filter_map(|path| {
                path.split_first()
                    .filter(|(first, _)| *first == name)
                    .map(|(_, rest)| rest)
            })
            .collect();
        !rest.is_empty() && keep_within(value, &rest)
    });
}

/// The same within a value; false for one that has no fields.
fn keep_within(value: &mut Value<'_>, paths: &[&[String]]) -> bool {
    if paths.iter().any(|path| path.is_empty()) {
        return true;
    }
    match value {
        Value::Object(members) => {
            keep(members, paths, |_| false);
            true
        }
        Value::List(elements) => {
            elements.retain_mut(|element| keep_within(element, paths));
            true
        }
        _ => false,
    }
}
