//! `resources`: named sets of records, and what they are stored as.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::columns::{ColumnsConfig, merge_columns};
use super::contract::ContractConfig;
use super::disposition::DispositionConfig;
use super::endpoint::EndpointConfig;
use super::null;
use crate::steps::StepConfig;

/// One named set of records; it becomes one root table and its child tables.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceConfig {
    /// The resource's name: its path unless `endpoint` says otherwise, its table's name, and what placeholders call it.
    pub name: String,
    /// How it is requested: a map, or just the path. A placeholder `{resources.parent.field}` asks once for every
    /// record of another resource. Where it names several that do not depend on each other, it is requested for every
    /// pair of their records; of records that come from a common ancestor, whose fields the endpoint names too, only
    /// those of the same ancestor's record are paired. What a parent has sent before the others came to their end is
    /// held in memory, 64 MiB at most: let the larger one be requested, and give the smaller one in `records`.
    #[serde(default)]
    #[schemars(schema_with = "endpoint_schema")]
    pub endpoint: Option<EndpointConfig>,
    /// Records that are given here instead of requested, for child resources to refer to: a list, or a placeholder
    /// that gives one. An element that is not an object becomes the field `value`.
    #[serde(default)]
    pub records: Option<RecordsConfig>,
    /// Fields of the parent's record that every record takes along, as `_parent_field`, before the `processing_steps`; one
    /// of the record's own of that name gives way. A field may be an object. A field of an ancestor further up is written
    /// `resource.field`.
    ///
    /// ```yaml
    /// include_from_parent: [id, users.name]          # columns _posts_id and _users_name
    /// ```
    #[serde(default)]
    pub include_from_parent: Option<Vec<String>>,
    /// How many of the parent's records one request is made for: a number, or a map. Their fields stand in the request
    /// as one text with separators (`ids=1,2,3`) in the path, in parameters and in headers, and as a list where a
    /// placeholder is a whole value of `json`. A null is left out. Batches are filled as the parent's records come, over
    /// its pages, so that all but the last are full. Such a resource has one parent, and no `incremental`: a cursor
    /// belongs to one record, and which records are requested together differs from load to load.
    ///
    /// ```yaml
    /// parents_per_request: { size: 100, separator: "|", matched_by: user_id }
    /// ```
    #[serde(default)]
    pub parents_per_request: Option<ParentsPerRequest>,
    /// What happens when a parent's record lacks a field that the endpoint or `include_from_parent` names: `fail` (the
    /// default), `skip` (nothing is requested for that record; the summary counts them), or a value that takes its
    /// place. A null in a path counts as missing; elsewhere null is a value: it leaves a query parameter out, and is
    /// null in JSON. Parents' records whose named fields are all the same are requested for once in a load, also
    /// when it is interrupted between them; a digest of each is kept for that, in the state too until the load has ended.
    ///
    /// ```yaml
    /// on_missing_parent_field: { default: 0 }
    /// ```
    #[serde(default)]
    pub on_missing_parent_field: MissingFieldConfig,
    /// What happens when the requests for one of the parent's records fail, after all tries: `fail` (the default) fails
    /// the resource; `continue` goes on with the others. The summary counts those that failed and names the first five,
    /// the exit code is 1, and the next load asks for them again: because the parent's records come again, or, where
    /// something above the resource is incremental, because what failed is kept until it is loaded. With
    /// `write_disposition: replace` the table then holds the rows of the others only: those that an earlier load stored
    /// for the ones that failed are gone. `fail` keeps what was there.
    ///
    /// ```yaml
    /// on_error: continue
    /// ```
    #[serde(default)]
    pub on_error: OnError,
    /// Changes to the records of a page, in the order written, before they are stored and before children see them.
    #[serde(default)]
    pub processing_steps: Option<Vec<StepConfig>>,
    /// Whether the resource is loaded; null is `false`. One that is not is still requested when a child needs it.
    #[serde(default, deserialize_with = "null::or_never")]
    #[schemars(with = "Option<Selected>")]
    pub selected: Selected,
    /// Accepted for dlt's sake: children always run concurrently, within the client's limits.
    #[serde(default)]
    pub parallelized: Option<bool>,
    /// How many levels of objects and lists become columns and child tables; what lies deeper is stored as JSON. All when
    /// absent, none with 0.
    #[serde(default)]
    pub max_table_nesting: Option<usize>,
    /// The root table's name; the resource's name when absent. With placeholders over the record, as steps have them,
    /// every record says which root table it goes to, with its child tables, after the `processing_steps`. Names become
    /// tables' names as usual, so that `Push` and `push` are one table. All these tables have the resource's keys,
    /// columns and contract; a `replace` empties those that get no record any more, too. A record that names no table,
    /// because a field is missing or null, is rejected. A record that names another table than before leaves its former
    /// row where it is.
    ///
    /// ```yaml
    /// table_name: "events_{type}"                     # events_push, events_fork
    /// ```
    #[serde(default)]
    pub table_name: Option<String>,
    /// The most root tables that the records of a load may name; the resource fails at one more. A field that is
    /// different in every record does not fill the database with tables.
    #[serde(default = "default_max_tables")]
    #[schemars(range(min = 1))]
    pub max_tables: usize,
    /// What happens to the rows already there: `append` (the default), `replace`, `merge` or `skip`, or a map with the
    /// particulars of `merge`.
    ///
    /// ```yaml
    /// write_disposition: { disposition: merge, strategy: upsert }
    /// ```
    #[serde(default, deserialize_with = "null::or_default")]
    #[schemars(with = "Option<DispositionConfig>")]
    pub write_disposition: DispositionConfig,
    /// The field or fields that identify a record; `merge` needs it, or a `merge_key`. A record without a value for it
    /// is rejected. Of several records of a load with the same key the last one counts, unless `dedup_sort` says which.
    #[serde(default)]
    pub primary_key: Option<Keys>,
    /// For `merge` by `delete-insert` or `scd2`: the field or fields whose value marks a group of records that a load
    /// holds as a whole, such as a day. Once the load has come to its end, rows of earlier loads in the groups that it
    /// has are deleted. A record without a value for it is rejected.
    ///
    /// ```yaml
    /// write_disposition: merge
    /// merge_key: day
    /// ```
    #[serde(default)]
    pub merge_key: Option<Keys>,
    /// What is known of columns beforehand; a type given here always wins over the data, and the column is there even
    /// if no value ever comes. A nested field is named by its column: `address__city`. With a type declared, the table
    /// is made even if no record comes. Keys of a column that begin with `x-`, which dlt's users add as annotations, are
    /// accepted with a warning that they have no effect.
    ///
    /// ```yaml
    /// columns:
    ///   price: { data_type: decimal, precision: 10, scale: 2 }
    ///   email: { data_type: text, nullable: false, unique: true }
    ///   booked_at: { data_type: timestamp, timezone: false }
    /// ```
    #[serde(default)]
    pub columns: Option<ColumnsConfig>,
    /// What is done when records bring a table, a column or a type that is not there; everything is taken when absent.
    ///
    /// ```yaml
    /// schema_contract: { tables: evolve, columns: discard_value, data_type: freeze }
    /// ```
    #[serde(default)]
    #[schemars(schema_with = "contract_schema")]
    pub schema_contract: Option<ContractConfig>,
    /// Accepted for dlt's sake, with a warning: a destination has one format of tables.
    #[serde(default)]
    pub table_format: Option<String>,
    /// Accepted for dlt's sake, with a warning: rows are written to the database, and to no files.
    #[serde(default)]
    pub file_format: Option<String>,
    /// Accepted for dlt's sake, with a warning: no foreign keys are made.
    #[serde(default)]
    pub references: Option<Value>,
    /// Accepted for dlt's sake, with a warning: the tables of lists follow from the data.
    #[serde(default)]
    pub nested_hints: Option<Value>,
    /// Accepted for dlt's sake, with a warning: child tables are those of lists, and a resource has a table of its own.
    #[serde(default)]
    pub parent_table_name: Option<String>,
    /// Whether a value that does not fit its column goes to a column of its own type beside it, as dlt has it:
    /// `amount__v_text`. The type of a column is what its first load comes to. By default (false) the column widens.
    #[serde(default)]
    pub variants: bool,
    /// How many records may be rejected (kept in `_rl_rejects` with the reason) before the resource fails. What
    /// `schema_contract` discards does not count.
    #[serde(default)]
    pub max_rejects: u64,
}

/// How many of the parent's records one request is made for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ParentsPerRequest {
    /// So many, their values separated by commas.
    Size(usize),
    /// The same with its particulars.
    Batch(ParentBatch),
}

/// The particulars of a request for several of the parent's records.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParentBatch {
    /// How many records at most.
    #[schemars(range(min = 1))]
    pub size: usize,
    /// What stands between their values in the path, in parameters and in headers. With null a parameter is repeated
    /// for each value.
    #[serde(default = "default_separator")]
    pub separator: Option<String>,
    /// The field of the answer's records that holds the parent's value, so that `include_from_parent` knows whose each
    /// record is. A record that is none's has null in the included fields.
    #[serde(default)]
    pub matched_by: Option<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's type")]
fn default_separator() -> Option<String> {
    Some(",".to_owned())
}

fn default_max_tables() -> usize {
    100
}

impl ResourceConfig {
    /// Keys of dlt's that are given and have no effect, each with the reason.
    pub(crate) fn without_effect(&self) -> Vec<(&'static str, &'static str)> {
        let mut given = Vec::new();
        for (key, is_given, reason) in [
            (
                "table_format",
                self.table_format.is_some(),
                "a database has one format of tables",
            ),
            (
                "file_format",
                self.file_format.is_some(),
                "rows go to the database, and to no files",
            ),
            ("references", self.references.is_some(), "no foreign keys are made"),
            (
                "nested_hints",
                self.nested_hints.is_some(),
                "the tables of lists follow from the data",
            ),
            (
                "parent_table_name",
                self.parent_table_name.is_some(),
                "a resource has a table of its own",
            ),
        ] {
            if is_given {
                given.push((key, reason));
            }
        }
        given
    }
}

/// What happens when a parent's record lacks a field.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MissingFieldConfig {
    /// Nothing is requested with it.
    Word(MissingFieldWord),
    /// Another value takes its place.
    Default(MissingFieldDefault),
}

impl Default for MissingFieldConfig {
    fn default() -> Self {
        Self::Word(MissingFieldWord::Fail)
    }
}

/// What happens when a parent's record lacks a field, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingFieldWord {
    /// The resource fails.
    Fail,
    /// The record is passed over.
    Skip,
}

/// The value that takes the place of a missing field.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingFieldDefault {
    /// Any JSON value.
    pub default: Value,
}

/// What happens when the requests for one of the parent's records fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The resource fails.
    #[default]
    Fail,
    /// The others go on.
    Continue,
}

/// Records given in the config.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RecordsConfig {
    /// The records.
    Given(Vec<Value>),
    /// A placeholder whose value is a list: `{vars.receipts}`.
    Placeholder(String),
}

/// Whether a resource is loaded.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Selected {
    /// Always, or only when it is named by `--select`.
    Always(bool),
    /// When what it needs is given; otherwise the summary says that it was left out, and why.
    When(SelectedWhen),
}

impl Default for Selected {
    fn default() -> Self {
        Self::Always(true)
    }
}

/// What must be given for a resource to be loaded.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectedWhen {
    /// Names such as `vars.receipts` or `secrets.pushover_secret`; all must be there and not be empty.
    pub when_set: Vec<String>,
}

/// One name, or several.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Keys {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Keys {
    /// The names.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::One(name) => vec![name],
            Self::Several(names) => names.iter().map(String::as_str).collect(),
        }
    }
}

fn endpoint_schema(generator: &mut SchemaGenerator) -> Schema {
    let full = generator.subschema_for::<EndpointConfig>();
    json_schema!({ "anyOf": [ { "type": "string" }, full, { "type": "null" } ] })
}

fn contract_schema(generator: &mut SchemaGenerator) -> Schema {
    let full = generator.subschema_for::<ContractConfig>();
    json_schema!({ "anyOf": [ full, { "type": "null" } ] })
}

/// Writes a resource out in full: a bare name is a resource whose path is its name, a bare endpoint is a path.
pub fn expand_resource(value: &Value) -> Value {
    let mut members = match value {
        Value::String(name) => {
            let mut members = Map::new();
            members.insert("name".to_owned(), Value::String(name.clone()));
            members
        }
        Value::Object(members) => members.clone(),
        other => return other.clone(),
    };
    expand_endpoint(&mut members);
    Value::Object(members)
}

fn expand_endpoint(members: &mut Map<String, Value>) {
    if let Some(endpoint @ Value::String(_)) = members.get_mut("endpoint") {
        let path = endpoint.take();
        *endpoint = serde_json::json!({ "path": path });
    }
}

/// Merges `resource_defaults` into a resource that is written out in full: its own values win. `endpoint.params`,
/// `endpoint.json`, `endpoint.headers` and `columns` are merged by key, everything else is taken whole; an explicit
/// null counts as a value.
pub fn merge_defaults(resource: &mut Value, defaults: &Value) {
    let (Value::Object(resource), Value::Object(defaults)) = (resource, defaults) else {
        return;
    };
    let mut defaults = defaults.clone();
    expand_endpoint(&mut defaults);
    // Records given in the config are not requested.
    if resource.contains_key("records") {
        defaults.remove("endpoint");
    }
    for (key, default) in defaults {
        match (key.as_str(), resource.get_mut(&key)) {
            (_, None) => {
                resource.insert(key, default);
            }
            ("endpoint", Some(Value::Object(own))) => merge_endpoint(own, default),
            ("columns", Some(own)) => merge_columns(own, &default),
            _ => {}
        }
    }
}

fn merge_endpoint(own: &mut Map<String, Value>, defaults: Value) {
    let Value::Object(defaults) = defaults else { return };
    for (key, default) in defaults {
        match (key.as_str(), own.get_mut(&key)) {
            (_, None) => {
                own.insert(key, default);
            }
            ("params" | "json", Some(Value::Object(own))) => {
                if let Value::Object(default) = default {
                    for (name, value) in default {
                        own.entry(name).or_insert(value);
                    }
                }
            }
            // A header's name is the same in any case.
            ("headers", Some(Value::Object(own))) => {
                if let Value::Object(default) = default {
                    for (name, value) in default {
                        if !own.keys().any(|known| known.eq_ignore_ascii_case(&name)) {
                            own.insert(name, value);
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// C-14: null in a resource takes a default away.
    #[test]
    fn merges_as_dlt_does() {
        let defaults = json!({
            "write_disposition": "replace",
            "columns": {"a": {"data_type": "text", "nullable": true}},
            "endpoint": {"params": {"limit": 5, "x": 1}, "headers": {"A": "1"}, "data_selector": "data", "paginator": "offset"},
        });
        for (resource, merged) in [
            (
                json!("posts"),
                json!({"name": "posts", "write_disposition": "replace", "columns": {"a": {"data_type": "text", "nullable": true}},
                    "endpoint": {"params": {"limit": 5, "x": 1}, "headers": {"A": "1"}, "data_selector": "data", "paginator": "offset"}}),
            ),
            (
                json!({"name": "p", "endpoint": "posts", "columns": [{"name": "a", "nullable": false}, {"name": "b"}], "write_disposition": "append"}),
                json!({"name": "p", "write_disposition": "append", "columns": {"a": {"data_type": "text", "nullable": false}, "b": {}},
                    "endpoint": {"path": "posts", "params": {"limit": 5, "x": 1}, "headers": {"A": "1"}, "data_selector": "data", "paginator": "offset"}}),
            ),
            (
                json!({"name": "p", "columns": null, "endpoint": {"params": {"x": 2}, "data_selector": null, "paginator": {"type": "cursor"}, "headers": null}}),
                json!({"name": "p", "columns": null, "write_disposition": "replace",
                    "endpoint": {"params": {"x": 2, "limit": 5}, "data_selector": null, "paginator": {"type": "cursor"}, "headers": null}}),
            ),
            (
                json!({"name": "p", "write_disposition": null, "endpoint": {"path": "x", "params": null, "data_selector": null, "paginator": null}}),
                json!({"name": "p", "write_disposition": null, "columns": {"a": {"data_type": "text", "nullable": true}},
                    "endpoint": {"path": "x", "params": null, "headers": {"A": "1"}, "data_selector": null, "paginator": null}}),
            ),
        ] {
            let mut expanded = expand_resource(&resource);
            merge_defaults(&mut expanded, &defaults);
            assert_eq!(expanded, merged);
        }
    }

    /// Names of headers are the same in any case; what is below a key of `json` or `params` is taken whole.
    #[test]
    fn an_endpoint_is_merged_one_level_deep() {
        for (own, default, expected) in [
            (
                json!({"headers": {"x-a": "1"}}),
                json!({"headers": {"X-A": "2", "X-B": "3"}}),
                json!({"headers": {"x-a": "1", "X-B": "3"}}),
            ),
            (
                json!({"headers": {"X-A": null}}),
                json!({"headers": {"x-a": "2"}}),
                json!({"headers": {"X-A": null}}),
            ),
            (
                json!({"json": {"deep": {"b": 2}}, "params": {"p": [1]}}),
                json!({"json": {"deep": {"a": 1}, "c": 3}, "params": {"p": [2, 3]}}),
                json!({"json": {"deep": {"b": 2}, "c": 3}, "params": {"p": [1]}}),
            ),
            // Trap 23.
            (
                json!({"json": null, "params": null}),
                json!({"json": {"a": 1}, "params": {"a": 1}}),
                json!({"json": null, "params": null}),
            ),
            (
                json!({"json": {"a": 1}, "params": {"a": 1}}),
                json!({"json": null, "params": null}),
                json!({"json": {"a": 1}, "params": {"a": 1}}),
            ),
            (
                json!({"data": {"a": 1}, "auth": null, "method": "GET", "response_actions": [{"status_code": 404, "action": "ignore"}]}),
                json!({"data": {"b": 1}, "auth": {"token": "t"}, "method": "POST", "data_selector": "d", "response_actions": []}),
                json!({"data": {"a": 1}, "auth": null, "method": "GET", "response_actions": [{"status_code": 404, "action": "ignore"}], "data_selector": "d"}),
            ),
            (json!({}), json!("p"), json!({"path": "p"})),
            (json!("own"), json!("p"), json!({"path": "own"})),
        ] {
            let merged = merged(&json!({"name": "r", "endpoint": own}), &json!({"endpoint": default}));
            assert_eq!(merged["endpoint"], expected, "{own} {default}");
        }
    }

    fn merged(resource: &Value, defaults: &Value) -> Value {
        let mut expanded = expand_resource(resource);
        merge_defaults(&mut expanded, defaults);
        expanded
    }

    /// C-10: hint by hint, whatever the form of the list; a column that is only named comes last.
    #[test]
    fn columns_are_merged_hint_by_hint() {
        let columns = |default: Value, own: Value| {
            let merged = merged(&json!({"name": "p", "columns": own}), &json!({ "columns": default }));
            // As text, so that the order counts.
            merged["columns"].to_string()
        };
        for (default, own, expected) in [
            (
                json!({"id": {"data_type": "bigint", "nullable": true}, "title": {}, "at": {"data_type": "date"}}),
                json!({"id": {"nullable": false, "primary_key": true}, "body": {}, "n": {"data_type": "text"}}),
                r#"{"id":{"data_type":"bigint","nullable":false,"primary_key":true},"at":{"data_type":"date"},"n":{"data_type":"text"},"title":{},"body":{}}"#,
            ),
            (
                json!([{"name": "id", "data_type": "bigint"}, {"name": "title"}]),
                json!([{"name": "id", "data_type": "text"}, {"name": "n", "scale": 2}]),
                r#"{"id":{"data_type":"text"},"n":{"scale":2},"title":{}}"#,
            ),
            (
                json!({"title": {}}),
                json!([{"name": "title", "data_type": "text"}]),
                r#"{"title":{"data_type":"text"}}"#,
            ),
        ] {
            assert_eq!(columns(default.clone(), own.clone()), expected, "{default} {own}");
        }
    }

    /// C-12: what is in both is a resource's own as a whole, and what is in the defaults only is added.
    #[test]
    fn everything_else_is_taken_whole() {
        let defaults = json!({
            "write_disposition": {"disposition": "merge", "strategy": "upsert"},
            "schema_contract": {"tables": "freeze", "columns": "evolve"},
            "parallelized": true,
            "endpoint": {
                "paginator": {"type": "cursor", "cursor_path": "next", "cursor_param": "after"},
                "incremental": {"cursor_path": "at", "initial_value": 1, "lag": 5},
            },
        });
        let own = json!({
            "name": "p",
            "write_disposition": {"disposition": "merge"},
            "schema_contract": {"columns": "freeze"},
            "endpoint": {"paginator": {"type": "offset", "limit": 5}, "incremental": {"cursor_path": "day"}},
        });
        let mut expected = own.clone();
        expected["parallelized"] = true.into();
        assert_eq!(merged(&own, &defaults), expected);
    }

    /// C-20: the parameters of the defaults are merged in, and a resource's own win one by one.
    #[test]
    fn parameters_are_merged_by_name() {
        let with = |params: Value| json!({"name": "p", "endpoint": {"path": "x", "params": params}});
        let defaults = |params: Value| json!({"endpoint": {"params": params}});
        for (resource, defaults, params) in [
            (
                with(json!({"a": 1})),
                defaults(json!({"b": 2})),
                json!({"a": 1, "b": 2}),
            ),
            (
                with(json!({"a": 1, "b": 3})),
                defaults(json!({"b": 2})),
                json!({"a": 1, "b": 3}),
            ),
            (with(json!({"b": null})), defaults(json!({"b": 2})), json!({"b": null})),
            (json!("p"), defaults(json!({"b": 2})), json!({"b": 2})),
            (
                json!({"name": "p", "endpoint": "x"}),
                defaults(json!({"b": 2})),
                json!({"b": 2}),
            ),
            (with(json!({"a": 1})), json!({"endpoint": {}}), json!({"a": 1})),
            (with(json!({"a": 1})), json!({}), json!({"a": 1})),
            (json!("p"), json!({}), Value::Null),
        ] {
            let merged = merged(&resource, &defaults);
            assert_eq!(merged["endpoint"]["params"], params, "{resource} {defaults}");
        }
    }
}
