//! `unpivot`: an object whose keys are data becomes one record per key.

use std::borrow::Cow;

use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::value::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::StepError;

/// Turn an object whose keys are data into one record per key.
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

/// Object to records.
#[derive(Debug)]
pub struct Unpivot {
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
    pub(super) fn apply<'a>(&self, record: Value<'a>, out: &mut Vec<Value<'a>>) -> Result<(), StepError> {
        let error = |message| StepError {
            step: "unpivot",
            message,
        };
        let Value::Object(members) = record else {
            return Err(error(format!("takes an object, not {}", record.kind())));
        };
        for (key, value) in members.0 {
            let key_field = (Cow::Owned(self.key.clone()), Value::Text(key.clone()));
            let fields = match (&self.value, value) {
                (Some(name), value) => vec![key_field, (Cow::Owned(name.clone()), value)],
                (None, Value::Object(inner)) => {
                    let mut fields = vec![key_field];
                    fields.extend(inner.0.into_iter().filter(|(name, _)| **name != *self.key));
                    fields
                }
                (None, other) => {
                    return Err(error(format!(
                        "needs `value`: the value of `{key}` is {}, not an object",
                        other.kind()
                    )));
                }
            };
            out.push(Value::Object(Object(fields)));
        }
        Ok(())
    }
}
