//! `drop`: removes fields.

use restload_model::Value;

/// The record without these fields.
pub(super) fn apply<'a>(fields: &[String], mut record: Value<'a>) -> Value<'a> {
    if let Value::Object(members) = &mut record {
        members.0.retain(|(name, _)| !fields.iter().any(|field| field == name));
    }
    record
}
