//! What all families of choices share: `type` says which member is meant, and a member's bare name stands for the
//! member with its defaults.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde_json::Value;

/// Reads a choice: `name`, or `{type: name, …}`; a map without `type` is the `default` member, where there is one.
pub fn read<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
    default: Option<&str>,
) -> Result<T, D::Error> {
    let mut value: Value = serde::Deserialize::deserialize(deserializer)?;
    if let Value::String(name) = value {
        value = serde_json::json!({ "type": name });
    } else if let (Value::Object(members), Some(default)) = (&mut value, default) {
        members.entry("type").or_insert_with(|| default.into());
    }
    T::deserialize(value).map_err(Error::custom)
}

/// The schema of a choice that may also be written as a bare name, or be null. `type` may be left out for the `default`
/// member.
pub fn schema<T: JsonSchema>(generator: &mut SchemaGenerator, names: &[&str], default: Option<&str>) -> Schema {
    let tagged = generator.subschema_for::<T>();
    let members = generator
        .definitions_mut()
        .get_mut(&*T::schema_name())
        .and_then(|schema| schema.get_mut("oneOf")?.as_array_mut());
    for member in members.into_iter().flatten() {
        let tag = member.pointer("/properties/type/const").and_then(Value::as_str);
        if tag.is_some()
            && tag == default
            && let Some(required) = member.get_mut("required").and_then(Value::as_array_mut)
        {
            required.retain(|key| key != "type");
        }
    }
    json_schema!({ "anyOf": [ { "type": "string", "enum": names }, tagged, { "type": "null" } ] })
}
