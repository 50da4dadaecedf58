//! The root of a config, and the JSON Schema of the whole.

use indexmap::IndexMap;
use restload_source::config::{ClientConfig, ContractConfig, ResourceConfig};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A restload pipeline: a client, its resources and a destination, in the shape of dlt's `RESTAPIConfig`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "restload pipeline")]
pub(crate) struct RootConfig {
    /// The pipeline's name, under which its state is stored; the file's name without its ending when absent.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Your own values, for placeholders `{vars.name}`. `--var name=value` takes the place of one for a run.
    #[serde(default)]
    #[schemars(with = "Option<std::collections::BTreeMap<String, Value>>")]
    pub(crate) vars: Option<IndexMap<String, Value>>,
    /// What all resources share: the API's address, credentials, headers and limits.
    pub(crate) client: ClientConfig,
    /// Values for every resource that does not say otherwise. `endpoint.params`, `endpoint.json`, `endpoint.headers`
    /// and `columns` are merged by key, everything else is taken whole.
    #[serde(default)]
    #[schemars(schema_with = "defaults_schema")]
    pub(crate) resource_defaults: Option<Value>,
    /// The sets of records to load: a name (which is the path too), or a map.
    #[schemars(schema_with = "resources_schema")]
    pub(crate) resources: Vec<Value>,
    /// What is done when records bring a table, a column or a type that is not there, for every resource that does not
    /// say otherwise itself or in `resource_defaults`: `evolve` (the default), `warn`, `freeze`, `discard_row` or
    /// `discard_value`, or a map of `tables`, `columns` and `data_type` with a mode each.
    #[serde(default)]
    pub(crate) schema_contract: Option<ContractConfig>,
    /// Where the records go; `sqlite:NAME.db` in the working directory when absent. `--to` takes its place for a run,
    /// which then needs none of its secrets.
    #[serde(default)]
    #[schemars(schema_with = "destination_schema")]
    pub(crate) destination: Option<Value>,
}

/// Where the records go.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DestinationConfig {
    /// `sqlite:shop.db`, or `postgres://user@host/database`. Placeholders may refer to `vars`, `env` and `secrets`; in a
    /// URL a password goes through the filter that encodes it: `postgres://me:{secrets.db_password | urlencode}@host/db`.
    ///
    /// The address may be PgBouncer's, in session or transaction mode; statement mode allows no transactions and cannot
    /// be used. A run holds one connection with an open transaction, its lock, from beginning to end, and writes through
    /// another one. So the pool has to give each run two server connections, and PgBouncer's
    /// `idle_transaction_timeout` has to exceed the run's time, or be off for its user.
    pub(crate) url: String,
    /// The Postgres schema that takes the tables; the pipeline's name when absent.
    #[serde(default)]
    pub(crate) dataset: Option<String>,
}

fn resources_schema(generator: &mut SchemaGenerator) -> Schema {
    let full = generator.subschema_for::<ResourceConfig>();
    json_schema!({ "type": "array", "items": { "anyOf": [ { "type": "string", "minLength": 1 }, full ] } })
}

/// A resource without its name, in which nothing is required.
fn defaults_schema(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<ResourceConfig>();
    let mut schema = generator
        .definitions()
        .get("ResourceConfig")
        .cloned()
        .unwrap_or_default();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("required");
        schema.insert(
            "description".to_owned(),
            "Values for every resource that does not say otherwise.".into(),
        );
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            properties.remove("name");
        }
        // The reference describes these keys once, where they are at home.
        schema.insert("x-keys-of".to_owned(), "resources".into());
    }
    json_schema!({ "anyOf": [ schema, { "type": "null" } ] })
}

fn destination_schema(generator: &mut SchemaGenerator) -> Schema {
    let full = generator.subschema_for::<DestinationConfig>();
    json_schema!({ "anyOf": [ { "type": "string" }, full, { "type": "null" } ] })
}

/// The JSON Schema of a config, made anew: a large tree, which a run does not keep.
pub(crate) fn schema() -> Value {
    SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<RootConfig>()
        .to_value()
}
