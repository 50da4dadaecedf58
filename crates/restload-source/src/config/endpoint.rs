//! `endpoint`: how a resource is requested.

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::client::{auth_choice, auth_schema, paginator, paginator_schema};
use super::incremental::IncrementalConfig;
use crate::auth::AuthChoice;
use crate::paginators::PaginatorConfig;
use crate::response_actions::ResponseActionConfig;

/// How a resource is requested.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Path below `base_url`, or a whole URL; the resource's name when absent. Values of placeholders are
    /// percent-encoded. `{name}` takes the value of the entry `name` of `params`, which then leaves the query. A query in
    /// the path stays, and the other `params` follow it.
    #[serde(default)]
    pub path: Option<String>,
    /// The verb, in any case; GET when absent, and POST with `graphql`. Verbs other than GET, HEAD, POST and OPTIONS
    /// need `allow_side_effects: true`.
    #[serde(default)]
    pub method: Option<String>,
    /// Query parameters. A list repeats its parameter, null leaves it out, and an empty text is sent. One that the
    /// paginator writes takes the place of one here. `{type: resolve, resource: …, field: …}`
    /// takes a field of a parent's record for use in the path; `{type: incremental, cursor_path: …}` takes the start of
    /// an incremental load, and has the keys of `incremental`.
    #[serde(default)]
    #[schemars(with = "Option<std::collections::BTreeMap<String, ParamValue>>")]
    pub params: Option<IndexMap<String, ParamValue>>,
    /// JSON body, also of a GET; `{}` is sent as it is, and null is no body. A string that is exactly one placeholder
    /// takes the value with its type. Of `json` and `data` only one can have something in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<serde_json::Value>,
    /// Form body: a map, a list of pairs, or a text that is sent as it is. A list in the place of a value repeats its
    /// field, null leaves it out. An empty one is no body.
    ///
    /// ```yaml
    /// data: [[tag, new], [tag, open], [owner, "{resources.users.id}"]]
    /// ```
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "body_data_schema")]
    pub data: Option<serde_json::Value>,
    /// A GraphQL query as the body, in the place of `json` and `data`.
    #[serde(default)]
    pub graphql: Option<GraphqlConfig>,
    /// Headers, over the client's, whatever the case of their names; null takes one of the client's away. Credentials
    /// come last: an `Authorization` that `auth` sends takes the place of one here.
    #[serde(default)]
    #[schemars(with = "Option<std::collections::BTreeMap<String, Option<String>>>")]
    pub headers: Option<IndexMap<String, Option<String>>>,
    /// How the pages follow each other. When absent or null it is `single_page` where the last segment of the path holds a
    /// field of a parent's record, which asks for one record; else the client's, and without one `auto`.
    #[serde(default, deserialize_with = "paginator")]
    #[schemars(schema_with = "paginator_schema")]
    pub paginator: Option<PaginatorConfig>,
    /// Pages at most, for each parent's record where there is one; after them it is said that more follow, and they are
    /// left out. Unlimited when absent: a paginator that comes to a page again is noticed without it.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_pages: Option<u64>,
    /// JSONPath of the records in a page; `$` is the whole answer, and a path may leave out its `$.`. A list that is
    /// picked gives its elements, however many lists there are; an object is one record, null is an empty page. A null
    /// among records is left out, and counted in the summary; any other scalar is a record with a `value`. Without it,
    /// or with an empty one, it is `$` where the last segment of the path holds a field of a parent's record; else the
    /// answer must leave no doubt: a list, an object with one list of objects, or an object without any.
    #[serde(default)]
    pub data_selector: Option<String>,
    /// Whether a page may lack what `data_selector` picks. Otherwise that is an error, as a typo would be.
    #[serde(default)]
    pub allow_missing_data: bool,
    /// Load only what is new: records whose cursor lies beyond the furthest one stored.
    #[serde(default)]
    pub incremental: Option<IncrementalConfig>,
    /// What answers mean that are not plainly good, or only look so; the first that matches counts. They are looked at
    /// before `client.retry` is, so that an action on a status decides whether it is sent again. Without a match, a
    /// status that the client retries is sent again, and any other of 300 or more fails.
    #[serde(default)]
    pub response_actions: Option<Vec<ResponseActionConfig>>,
    /// Credentials instead of the client's; null for none.
    #[serde(default, deserialize_with = "auth_choice")]
    #[schemars(schema_with = "auth_schema")]
    pub auth: Option<AuthChoice>,
    /// Marks an endpoint whose requests change something at the API. `false`: it is refused. `true`: it is requested
    /// when its resource is selected by name, once, and never again after a failure. Absent: it only reads.
    #[serde(default)]
    pub allow_side_effects: Option<bool>,
}

impl Default for EndpointConfig {
    /// The endpoint of a resource that has none: its name is the path.
    fn default() -> Self {
        Self {
            path: None,
            method: None,
            params: None,
            json: None,
            data: None,
            graphql: None,
            headers: None,
            paginator: None,
            max_pages: None,
            data_selector: None,
            allow_missing_data: false,
            incremental: None,
            response_actions: None,
            auth: None,
            allow_side_effects: None,
        }
    }
}

impl EndpointConfig {
    /// The `json` and the `data` that count: of two, one that is empty gives way to the other.
    pub(crate) fn bodies(&self) -> (Option<&serde_json::Value>, Option<&serde_json::Value>) {
        use serde_json::Value;

        let is_empty = |body: &Value| match body {
            Value::Null => true,
            Value::Object(members) => members.is_empty(),
            Value::Array(pairs) => pairs.is_empty(),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        let data = self.data.as_ref().filter(|data| !is_empty(data));
        let json = self.json.as_ref().filter(|json| !json.is_null());
        (json.filter(|json| data.is_none() || !is_empty(json)), data)
    }
}

/// A GraphQL query, sent by POST. An answer with `errors` is an error, whatever its status; `response_actions` come
/// before that. Cursors and offsets go into the variables: `cursor_body_path: variables.after`.
///
/// ```yaml
/// endpoint:
///   path: graphql
///   graphql:
///     query: |
///       query ($after: String) {
///         posts(first: 100, after: $after) { nodes { id title } pageInfo { hasNextPage endCursor } }
///       }
///   paginator:
///     type: cursor
///     cursor_path: data.posts.pageInfo.endCursor
///     has_more_path: data.posts.pageInfo.hasNextPage
///     cursor_body_path: variables.after
///   data_selector: data.posts.nodes
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphqlConfig {
    /// The query document. It is sent as it is: braces are GraphQL's, and what differs from request to request belongs in
    /// `variables`. A mutation needs `allow_side_effects: true`.
    pub query: String,
    /// The values of the query's variables, by name without `$`. Placeholders are filled in, and a string that is
    /// exactly one takes the value with its type.
    #[serde(default)]
    #[schemars(with = "Option<std::collections::BTreeMap<String, serde_json::Value>>")]
    pub variables: Option<IndexMap<String, serde_json::Value>>,
    /// The operation to run, where the document has several.
    #[serde(default)]
    pub operation_name: Option<String>,
    /// Whether data that came along with errors is taken; the errors are then told. An answer without data stays an
    /// error.
    #[serde(default)]
    pub allow_partial_data: bool,
}

/// A query parameter's value.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParamValue(pub serde_json::Value);

impl JsonSchema for ParamValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ParamValue".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let incremental = IncrementalConfig::param_schema(generator);
        json_schema!({
            "anyOf": [
                { "type": ["string", "number", "boolean", "null"] },
                { "type": "array", "items": { "type": ["string", "number", "boolean"] } },
                {
                    "type": "object",
                    "description": "A field of a parent's record, for use in the path.",
                    "properties": {
                        "type": { "type": "string", "const": "resolve" },
                        "resource": { "type": "string", "description": "The parent resource." },
                        "field": { "type": "string", "description": "The field of its records." },
                    },
                    "required": ["type", "resource", "field"],
                    "additionalProperties": false,
                },
                incremental,
            ]
        })
    }
}

/// The schema of a form body.
pub(crate) fn data_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "object", "additionalProperties": { "type": ["string", "number", "boolean", "null"] } },
            { "type": "string" },
            { "type": "null" },
        ]
    })
}

/// The same, or a list of pairs; what `requests` takes in Python.
fn body_data_schema(_: &mut SchemaGenerator) -> Schema {
    let scalar = serde_json::json!({ "type": ["string", "number", "boolean", "null"] });
    let field = serde_json::json!({ "anyOf": [scalar, { "type": "array", "items": scalar }] });
    let pair = serde_json::json!({ "type": "array", "minItems": 2, "maxItems": 2, "items": field });
    json_schema!({
        "anyOf": [
            { "type": "object", "additionalProperties": field },
            { "type": "array", "items": pair },
            { "type": "string" },
            { "type": "null" },
        ]
    })
}
