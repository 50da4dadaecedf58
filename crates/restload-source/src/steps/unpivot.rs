//! `unpivot`: an object whose keys are data becomes one record per key.

use std::borrow::Cow;

use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::value::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Misfit, shown};

/// Turn an object whose keys are data into one record per key. Each keeps the fields of its parents that
/// `include_from_parent` has added.
///
/// ```yaml
/// processing_steps: [ { unpivot: { key: name, value: label } } ]
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnpivotConfig {
    /// Field that takes the key.
    pub key: String,
    /// Field that takes the value; without it the values must be objects, and their fields become the record's.
    #[serde(default)]
    pub value: Option<String>,
}

#[derive(Debug)]
pub(super) struct Unpivot {
    key: String,
    value: Option<String>,
}

impl UnpivotConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Unpivot> {
        if Some(&self.key) == self.value.as_ref() {
            diagnostics.error(&path.key("value"), "`key` and `value` name the same field");
            return None;
        }
        Some(Unpivot {
            key: self.key.clone(),
            value: self.value.clone(),
        })
    }
}

impl Unpivot {
    /// The fields that the record has taken along from its parents are no data of its own.
    pub(super) fn apply<'a>(
        &self,
        record: Value<'a>,
        taken_along: &[&str],
        out: &mut Vec<Value<'a>>,
    ) -> Result<(), Misfit> {
        let Value::Object(members) = record else {
            return Err(Misfit::new(
                format!("it is {}, not an object", record.kind()),
                "let `data_selector` pick the object whose keys are data",
            ));
        };
        let is_along = |(name, _): &(Cow<'a, str>, Value<'a>)| taken_along.contains(&&**name);
        let (along, own): (Vec<_>, Vec<_>) = members.0.into_iter().partition(is_along);
        for (key, value) in own {
            let key_field = (Cow::Owned(self.key.clone()), Value::Text(key.clone()));
            let fields = match (&self.value, value) {
                (Some(name), value) => vec![key_field, (Cow::Owned(name.clone()), value)],
                (None, Value::Object(inner)) => {
                    let mut fields = vec![key_field];
                    fields.extend(inner.0.into_iter().filter(|(name, _)| **name != *self.key));
                    fields
                }
                (None, other) => {
                    return Err(Misfit::new(
                        format!(
                            "the value of `{key}` is {}, not an object: {}",
                            other.kind(),
                            shown(&other)
                        ),
                        "name the field that takes such values with `value`",
                    ));
                }
            };
            let mut fields = Object(fields);
            for (name, value) in &along {
                fields.set(name.clone(), value.clone());
            }
            out.push(Value::Object(fields));
        }
        Ok(())
    }
}
