//! `select`: keeps fields.

use restload_model::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Keep these fields only; a field that a record lacks is left out.
///
/// ```yaml
/// processing_steps: [ { select: [id, name] } ]
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SelectConfig(Vec<String>);

#[derive(Debug)]
pub(super) struct Select(Vec<String>);

impl SelectConfig {
    pub(super) fn compile(&self) -> Select {
        Select(self.0.clone())
    }
}

impl Select {
    pub(super) fn apply<'a>(&self, mut record: Value<'a>) -> Value<'a> {
        if let Value::Object(members) = &mut record {
            members.0.retain(|(name, _)| self.0.iter().any(|field| field == name));
        }
        record
    }
}
