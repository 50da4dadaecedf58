//! Credentials on a request. They go to the origin that the config names, and nowhere else.

mod api_key;
mod bearer;
mod http_basic;

use minijinja::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::request::Draft;
use crate::template::{RenderError, Template};

pub use api_key::{ApiKeyConfig, Location};
pub use bearer::BearerConfig;
pub use http_basic::HttpBasicConfig;

/// How requests are authenticated.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AuthConfig {
    /// A key in a header, a query parameter or a cookie.
    ApiKey(ApiKeyConfig),
    /// A token in the `Authorization` header.
    Bearer(BearerConfig),
    /// A user name and a password in the `Authorization` header.
    HttpBasic(HttpBasicConfig),
}

/// The names that the schema offers.
pub const NAMES: [&str; 3] = ["api_key", "bearer", "http_basic"];

/// What dlt reads a map without `type` as.
pub const DEFAULT: &str = "bearer";

/// `auth` of a client or an endpoint: credentials, or an explicit null for none.
#[derive(Debug, Clone)]
pub enum AuthChoice {
    /// No credentials, whatever the client says.
    Disabled,
    /// These.
    Enabled(AuthConfig),
}

impl<'de> Deserialize<'de> for AuthChoice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        if value.is_null() {
            return Ok(Self::Disabled);
        }
        crate::choice::read(value, Some(DEFAULT))
            .map(Self::Enabled)
            .map_err(serde::de::Error::custom)
    }
}

impl Serialize for AuthChoice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Disabled => serializer.serialize_unit(),
            Self::Enabled(config) => config.serialize(serializer),
        }
    }
}

/// Compiled credentials.
#[derive(Debug)]
pub enum Auth {
    /// A key.
    ApiKey(api_key::ApiKey),
    /// A token.
    Bearer(bearer::Bearer),
    /// A name and a password.
    HttpBasic(http_basic::HttpBasic),
}

impl AuthConfig {
    /// Compiles the credentials; mistakes are noted.
    pub fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Auth> {
        Some(match self {
            Self::ApiKey(config) => Auth::ApiKey(config.compile(path, diagnostics)?),
            Self::Bearer(config) => Auth::Bearer(config.compile(path, diagnostics)?),
            Self::HttpBasic(config) => Auth::HttpBasic(config.compile(path, diagnostics)?),
        })
    }
}

impl Auth {
    /// Puts the credentials on a request.
    pub fn apply(&self, context: &Value, draft: &mut Draft) -> Result<(), ApplyError> {
        match self {
            Self::ApiKey(auth) => auth.apply(context, draft),
            Self::Bearer(auth) => auth.apply(context, draft),
            Self::HttpBasic(auth) => auth.apply(context, draft),
        }
    }

    /// The values that must never be shown, in every form in which they are sent.
    pub fn secrets(&self, context: &Value) -> Vec<Secret> {
        match self {
            Self::ApiKey(auth) => auth.secrets(context),
            Self::Bearer(auth) => auth.secrets(context),
            Self::HttpBasic(auth) => auth.secrets(context),
        }
    }

    /// The templates in it.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::ApiKey(auth) => vec![auth.template()],
            Self::Bearer(auth) => vec![auth.template()],
            Self::HttpBasic(auth) => auth.templates(),
        }
    }
}

/// Why credentials could not be put on a request.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A placeholder has no value.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// HTTP does not allow the value.
    #[error("{0}")]
    Header(String),
}

/// Compiles a credential, which must be there.
fn compile_secret(value: Option<&str>, key: &str, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Template> {
    let Some(text) = value else {
        diagnostics.error_with_help(
            path,
            format_args!("the credentials have no `{key}`"),
            format_args!(
                "write `{key}: \"{{secrets.my_{key}}}\"` and set MY_{} in the environment",
                key.to_uppercase()
            ),
        );
        return None;
    };
    Template::compile(text, &[], &path.key(key), diagnostics)
}
