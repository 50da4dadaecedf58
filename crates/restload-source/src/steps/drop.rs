//! `drop`: removes fields.

use restload_model::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::field::Field;

/// Remove these fields. `user.email` is a field within an object, or within every object of a list.
///
/// ```yaml
/// processing_steps: [ { drop: [internal_note, user.email] } ]
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct DropConfig(Vec<String>);

#[derive(Debug)]
pub(super) struct Drop(Vec<Field>);

impl DropConfig {
    pub(super) fn compile(&self) -> Drop {
        Drop(self.0.iter().map(|name| Field::new(name)).collect())
    }
}

impl Drop {
    pub(super) fn apply<'a>(&self, mut record: Value<'a>) -> Value<'a> {
        for field in &self.0 {
            field.remove(&mut record);
        }
        record
    }
}
