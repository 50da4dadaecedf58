//! `session_login`: a request first, whose answer holds what the others are sent with.

use std::time::Duration;

use http::Method;
use indexmap::IndexMap;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::capture::{Capture, CaptureConfig};
use super::credential::Credential;
use super::login::{BodyPlan, GrantPlan, Lifetime, LoginPlan};
use super::placement::{Placement, PlacementConfig};
use super::token_request::{compile_headers, with_data};
use crate::config::data_schema;
use crate::plan::JsonTemplate;
use crate::response_actions::StatusCondition;
use crate::template::Template;

/// A session: a login first, whose answer holds values that are placed on all other requests. It is made once, shared
/// by all resources, and made again when it has ended.
///
/// ```yaml
/// auth:
///   type: session_login
///   login:
///     path: users/login.json
///     data: { email: "{secrets.pushover_email}", password: "{secrets.pushover_password}" }
///   capture: { secret: secret }
///   placements:
///     - { name: secret, value: "{session.secret}", location: query }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionLoginConfig {
    /// The request to log in with.
    pub login: LoginConfig,
    /// What is taken from its answer, by the name that placements refer to it with: a JSONPath, or
    /// `{header: NAME}`, or `{cookie: NAME}`.
    #[schemars(with = "std::collections::BTreeMap<String, CaptureConfig>")]
    pub capture: IndexMap<String, CaptureConfig>,
    /// Where the values go on all other requests.
    #[schemars(length(min = 1))]
    pub placements: Vec<PlacementConfig>,
    /// JSONPath of the seconds that the session lasts, in the answer.
    #[serde(default)]
    pub expires_in_path: Option<String>,
    /// Seconds that the session lasts when the answer does not say so; without it, until it is refused.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub session_lifetime_secs: Option<u64>,
    /// Statuses that say that the session has ended: the login is made again, and the request is sent once more.
    #[serde(default = "default_expired_on")]
    pub expired_on: StatusCondition,
}

/// The request to log in with. It is sent again as the client's `retry` says; an answer that refuses the credentials is
/// not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginConfig {
    /// Path below `base_url`, or a whole URL, which may be at another host. The client's headers go along to the
    /// client's own host and to `trusted_hosts` only.
    pub path: String,
    /// The verb, in any case.
    #[serde(default = "default_method")]
    pub method: String,
    /// Query parameters; null leaves one out.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    pub params: IndexMap<String, Value>,
    /// Headers, over the client's.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub headers: IndexMap<String, String>,
    /// JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// Form body: a map, or a text that is sent as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "data_schema")]
    pub data: Option<Value>,
}

fn default_method() -> String {
    "POST".to_owned()
}

fn default_expired_on() -> StatusCondition {
    StatusCondition::One(401)
}

impl SessionLoginConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<LoginPlan> {
        let login_path = path.key("login");
        let login = &self.login;
        let method = Method::from_bytes(login.method.trim().to_uppercase().as_bytes());
        let method = method.map_err(|_| {
            let message = format_args!("`{}` is not an HTTP method", login.method);
            diagnostics.error(&login_path.key("method"), message);
        });
        let url = Credential::compile(Some(&login.path), "path", &login_path, diagnostics);
        let params = with_data(Vec::new(), &login.params, &login_path.key("params"), diagnostics);
        let headers = compile_headers(&login.headers, &login_path.key("headers"), diagnostics);
        let body = login.compile_body(&login_path, diagnostics);
        let captures: Vec<Option<(String, Capture)>> = self
            .capture
            .iter()
            .map(|(name, capture)| {
                let path = path.key("capture").key(name.clone());
                Some((name.clone(), capture.compile(&path, diagnostics)?))
            })
            .collect();
        // One that has a mistake in it can be referred to.
        let captures_path = path.key("capture");
        let left_out: Vec<String> = diagnostics.left_out_in(&captures_path).map(ToOwned::to_owned).collect();
        let names = self.capture.keys().chain(&left_out);
        let names: Vec<&str> = names.map(String::as_str).collect();
        let placements = Placement::compile_all(&self.placements, &names, &path.key("placements"), diagnostics);
        let expires_in = self.expires_in_path.as_deref().map(|text| {
            let path = path.key("expires_in_path");
            CaptureConfig::Path(text.to_owned()).compile(&path, diagnostics)
        });
        let expired_on = self.expired_on.compile(&path.key("expired_on"), diagnostics);
        Some(LoginPlan {
            method: method.ok()?,
            url: url?,
            is_at_client: true,
            params: params?,
            headers: headers?,
            body: body?,
            basic: None,
            grant: GrantPlan::Plain,
            captures: captures.into_iter().collect::<Option<_>>()?,
            lifetime: Lifetime {
                path: match expires_in {
                    Some(Some(Capture::Json(path))) => Some(path),
                    Some(_) => return None,
                    None => None,
                },
                default: self.session_lifetime_secs.map(Duration::from_secs),
            },
            placements: placements?,
            expired_on,
            access_token: None,
        })
    }
}

impl LoginConfig {
    fn compile_body(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<BodyPlan> {
        let data_path = path.key("data");
        match (&self.json, &self.data) {
            (None | Some(Value::Null), None | Some(Value::Null)) => Some(BodyPlan::None),
            (Some(json), None | Some(Value::Null)) => {
                JsonTemplate::compile(json, &[], &path.key("json"), diagnostics).map(BodyPlan::Json)
            }
            (None | Some(Value::Null), Some(Value::String(text))) => {
                Template::compile(text, &[], &data_path, diagnostics).map(BodyPlan::Text)
            }
            (None | Some(Value::Null), Some(Value::Object(fields))) => {
                let fields: IndexMap<String, Value> = fields.clone().into_iter().collect();
                with_data(Vec::new(), &fields, &data_path, diagnostics).map(BodyPlan::Form)
            }
            (None | Some(Value::Null), Some(_)) => None,
            (Some(_), Some(_)) => {
                diagnostics.error(
                    &data_path,
                    "`json` and `data` exclude each other: a request has one body",
                );
                None
            }
        }
    }
}
