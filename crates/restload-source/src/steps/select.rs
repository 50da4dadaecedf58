//! `select`: keeps fields.

use restload_model::Value;

/// The record with these fields only.
pub(super) fn apply<'a>(fields: &[String], mut record: Value<'a>) -> Value<'a> {
    if let Value::Object(members) = &mut record {
        members.0.retain(|(name, _)| fields.iter().any(|field| field == name));
    }
    record
}
