//! `client`: what all resources share.

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

use crate::auth::{self, AuthChoice, AuthConfig};
use crate::choice;
use crate::paginators::{self, PaginatorConfig};
use crate::response_actions::StatusCondition;

/// What all resources share: the API's address, credentials, headers and limits.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// The address that endpoint paths are joined to, with one slash between them; an empty one where every path is a
    /// whole URL. Placeholders may refer to `vars`, `env` and `secrets`.
    pub base_url: String,
    /// Headers of every request. Placeholders may refer to `vars`, `env` and `secrets`. The cookies that answers set go
    /// with the later requests of their resource by themselves; of one name those of a `Cookie` header here are sent.
    #[serde(default)]
    #[schemars(with = "Option<std::collections::BTreeMap<String, Option<String>>>")]
    pub headers: Option<IndexMap<String, Option<String>>>,
    /// Credentials of every request; an endpoint's own `auth` takes their place. They are sent to the origin of the
    /// address in this config only, and to `trusted_hosts`; a token endpoint may be anywhere. What is written here is
    /// used as it is; a required key that is left out is looked for where secrets are, as `credentials.KEY` and under
    /// dlt's names for it.
    #[serde(default, deserialize_with = "auth_choice")]
    #[schemars(schema_with = "auth_schema")]
    pub auth: Option<AuthChoice>,
    /// How pages follow each other, where an endpoint does not say so itself; `auto` when absent.
    #[serde(default, deserialize_with = "paginator")]
    #[schemars(schema_with = "paginator_schema")]
    pub paginator: Option<PaginatorConfig>,
    /// Accepted for dlt's sake, if it is null: a session is a Python object, whose options are keys of the client here.
    #[serde(default)]
    pub session: (),
    /// Requests under way at the same time, over all resources.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency: usize,
    /// Requests per time, over all resources; unlimited when absent.
    #[serde(default)]
    pub rate_limit: Option<RateLimitConfig>,
    /// What is sent again, how often and when.
    #[serde(default)]
    pub retry: RetryConfig,
    /// Seconds after which a request that has not been answered in full is given up (and sent again).
    #[serde(default = "default_timeout")]
    #[schemars(range(min = 1))]
    pub timeout_secs: u64,
    /// Seconds after which an attempt to connect is given up.
    #[serde(default = "default_connect_timeout")]
    #[schemars(range(min = 1))]
    pub connect_timeout_secs: u64,
    /// Largest answer that is read, in MiB after decompression; a larger one fails the resource.
    #[serde(default = "default_max_response")]
    #[schemars(range(min = 1))]
    pub max_response_mib: u64,
    /// Hosts besides `base_url`'s that next links may lead to with credentials, such as `api2.example.com`.
    #[serde(default)]
    pub trusted_hosts: Vec<String>,
}

fn default_concurrency() -> usize {
    4
}

fn default_timeout() -> u64 {
    60
}

fn default_connect_timeout() -> u64 {
    10
}

fn default_max_response() -> u64 {
    256
}

/// Requests per time, spaced evenly.
///
/// ```yaml
/// rate_limit: { requests: 10, per_secs: 1 }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimitConfig {
    /// How many requests.
    #[schemars(range(min = 1))]
    pub requests: u32,
    /// In how many seconds.
    #[serde(default = "default_per_secs")]
    #[schemars(range(min = 1))]
    pub per_secs: u32,
}

fn default_per_secs() -> u32 {
    1
}

/// What is sent again, how often and when. A transport failure (no connection, a broken answer, a timeout) is always
/// sent again, unless the endpoint has side effects. Delays double from try to try and are jittered; a `Retry-After`
/// of the server is obeyed instead.
///
/// ```yaml
/// retry: { max_attempts: 8, first_delay_secs: 2, statuses: [409, 429, 5xx] }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryConfig {
    /// Tries in all, the first included.
    #[serde(default = "default_max_attempts")]
    #[schemars(range(min = 1))]
    pub max_attempts: u32,
    /// Statuses that are sent again.
    #[serde(default = "default_statuses")]
    pub statuses: StatusCondition,
    /// Longest delay before the second try, in seconds; before each further one it is twice as long.
    #[serde(default = "default_first_delay")]
    pub first_delay_secs: u64,
    /// Least delay before a further try, in seconds.
    #[serde(default)]
    pub min_delay_secs: u64,
    /// Longest delay before a further try, in seconds, also when the server asks for more.
    #[serde(default = "default_max_delay")]
    pub max_delay_secs: u64,
    /// Whether the delay that a `Retry-After` of the server asks for takes the place of the one counted here.
    #[serde(default = "default_obey_retry_after")]
    pub obey_retry_after: bool,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: default_max_attempts(),
            statuses: default_statuses(),
            first_delay_secs: default_first_delay(),
            min_delay_secs: 0,
            max_delay_secs: default_max_delay(),
            obey_retry_after: default_obey_retry_after(),
        }
    }
}

fn default_max_attempts() -> u32 {
    5
}

fn default_statuses() -> StatusCondition {
    StatusCondition::Several(vec![
        StatusCondition::One(408),
        StatusCondition::One(425),
        StatusCondition::One(429),
        StatusCondition::Class("5xx".to_owned()),
    ])
}

fn default_first_delay() -> u64 {
    1
}

fn default_max_delay() -> u64 {
    300
}

fn default_obey_retry_after() -> bool {
    true
}

pub(super) fn paginator<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PaginatorConfig>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    if value.is_null() {
        return Ok(None);
    }
    choice::read(value, Some(paginators::DEFAULT))
        .map(Some)
        .map_err(serde::de::Error::custom)
}

/// Tells an explicit null, which means no credentials, from an absent key, which means the client's.
pub(super) fn auth_choice<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AuthChoice>, D::Error> {
    AuthChoice::deserialize(deserializer).map(Some)
}

pub(super) fn paginator_schema(generator: &mut SchemaGenerator) -> Schema {
    choice::schema::<PaginatorConfig>(generator, &paginators::NAMES, Some(paginators::DEFAULT))
}

pub(super) fn auth_schema(generator: &mut SchemaGenerator) -> Schema {
    choice::schema::<AuthConfig>(generator, &auth::NAMES, Some(auth::DEFAULT))
}
