//! `api_key`: a key in a header, a query parameter or a cookie, and how values get there.

use minijinja::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ApplyError;
use super::credential::Credential;
use crate::request::Request;
use crate::template::Template;

/// A key in a header, a query parameter or a cookie, sent as it is.
///
/// ```yaml
/// auth: { type: api_key, name: X-Api-Key, api_key: "{secrets.shop_key}", location: header }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyConfig {
    /// Name of the header, query parameter or cookie.
    #[serde(default = "default_name")]
    pub name: String,
    /// The key, best as a placeholder: `{secrets.my_key}`. Without it, `{secrets.credentials.api_key}`.
    #[serde(default)]
    pub api_key: Option<String>,
    /// Where the key goes.
    #[serde(default)]
    pub location: Location,
}

fn default_name() -> String {
    "Authorization".to_owned()
}

/// Where an API key goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// A header.
    #[default]
    Header,
    /// A query parameter.
    Query,
    /// dlt's other name of `query`.
    Param,
    /// A cookie.
    Cookie,
}

/// A key.
#[derive(Debug)]
pub struct ApiKey {
    name: String,
    key: Credential,
    location: Location,
}

impl ApiKeyConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<ApiKey> {
        let key = Credential::compile(self.api_key.as_deref(), "api_key", path, diagnostics)?;
        let is_named = self.location.check_name(&self.name, &path.key("name"), diagnostics);
        is_named.then(|| ApiKey {
            name: self.name.clone(),
            key,
            location: self.location,
        })
    }
}

impl ApiKey {
    pub(super) fn apply(&self, context: &Value, request: &mut Request) -> Result<(), ApplyError> {
        self.location.put(&self.name, &self.key.text(context)?, request)
    }

    pub(super) fn secrets(&self, context: &Value) -> Vec<Secret> {
        self.key.text(context).into_iter().map(Secret::new).collect()
    }

    pub(super) fn template(&self) -> &Template {
        self.key.template()
    }
}

impl Location {
    /// Whether a name can stand there; if not, that is noted.
    pub(super) fn check_name(self, name: &str, path: &KeyPath, diagnostics: &mut Diagnostics) -> bool {
        let is_sound = match self {
            Self::Header => http::HeaderName::try_from(name).is_ok(),
            // A cookie's name is a token too.
            Self::Cookie => http::HeaderName::try_from(name.to_lowercase()).is_ok(),
            Self::Query | Self::Param => !name.is_empty(),
        };
        if name.is_empty() {
            diagnostics.error(path, "the name is empty");
        } else if !is_sound {
            let what = match self {
                Self::Header => "a header name",
                Self::Cookie => "a cookie name",
                Self::Query | Self::Param => "a parameter name",
            };
            diagnostics.error(path, format_args!("`{name}` is not {what}"));
        }
        is_sound
    }

    /// Puts a value on a request, in the place of any of that name.
    pub(super) fn put(self, name: &str, value: &str, request: &mut Request) -> Result<(), ApplyError> {
        let put = match self {
            Self::Header => request.set_header(name, value),
            Self::Query | Self::Param => {
                request.set_param(name, value);
                Ok(())
            }
            Self::Cookie => request.add_cookie(name, value),
        };
        put.map_err(ApplyError::Header)
    }
}
