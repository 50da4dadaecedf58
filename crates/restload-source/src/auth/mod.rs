//! Credentials on a request. They go to the origin that the config names, and nowhere else.
//!
//! Some are known from the config alone: they are put on a request when it is made. The others take an [`Exchange`]
//! with a server first; a request only names it, and the engine puts its credentials on when the request is sent, so
//! that they are as fresh as they can be and stand in no message.

mod api_key;
mod bearer;
mod capture;
mod credential;
mod exchange;
mod http_basic;
mod http_digest;
mod jwt;
mod login;
mod oauth2_client_credentials;
mod oauth2_jwt_bearer;
mod oauth2_refresh_token;
mod placement;
mod session_login;
mod token_request;

use std::sync::Arc;

use minijinja::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::request::Request;
use crate::template::{RenderError, Template};

pub use api_key::{ApiKeyConfig, Location};
pub use bearer::BearerConfig;
pub use capture::{CaptureConfig, CapturePlace};
pub use exchange::{Binding, Exchange, Exchanges, LoginError};
pub use http_basic::HttpBasicConfig;
pub use http_digest::{Digest, HttpDigestConfig};
pub use jwt::Algorithm;
pub use login::{Granted, Login, Rotation, Session};
pub use oauth2_client_credentials::OAuth2ClientCredentialsConfig;
pub use oauth2_jwt_bearer::OAuth2JwtBearerConfig;
pub use oauth2_refresh_token::OAuth2RefreshTokenConfig;
pub use placement::PlacementConfig;
pub use session_login::{LoginConfig, SessionLoginConfig};
pub use token_request::ClientAuthentication;

/// How requests are authenticated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "a member's docs, with their example, stand at its struct; docs here would replace them in the schema"
)]
pub enum AuthConfig {
    ApiKey(ApiKeyConfig),
    Bearer(BearerConfig),
    HttpBasic(HttpBasicConfig),
    HttpDigest(HttpDigestConfig),
    #[serde(rename = "oauth2_client_credentials")]
    OAuth2ClientCredentials(OAuth2ClientCredentialsConfig),
    #[serde(rename = "oauth2_jwt_bearer")]
    OAuth2JwtBearer(OAuth2JwtBearerConfig),
    #[serde(rename = "oauth2_refresh_token")]
    OAuth2RefreshToken(OAuth2RefreshTokenConfig),
    SessionLogin(SessionLoginConfig),
}

/// The names that credentials can be written by alone: what they need is looked for where secrets are. A login cannot.
pub const NAMES: [&str; 7] = [
    "api_key",
    "bearer",
    "http_basic",
    "http_digest",
    "oauth2_client_credentials",
    "oauth2_jwt_bearer",
    "oauth2_refresh_token",
];

/// What dlt reads a map without `type` as.
pub const DEFAULT: &str = "bearer";

/// `auth` of a client or an endpoint: credentials, or an explicit null for none.
#[derive(Debug, Clone)]
pub enum AuthChoice {
    /// No credentials, whatever the client says.
    Disabled,
    /// These.
    Enabled(Box<AuthConfig>),
}

impl<'de> Deserialize<'de> for AuthChoice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        if value.is_null() {
            return Ok(Self::Disabled);
        }
        crate::choice::read(value, Some(DEFAULT))
            .map(|config| Self::Enabled(Box::new(config)))
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
    /// What takes an exchange with a server; the config tells equal ones, which share it.
    Exchange(Identity, ExchangePlan),
}

/// What tells an exchange from another: its config, which is not shown.
#[derive(Clone, PartialEq)]
pub struct Identity(Box<AuthConfig>);

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("_")
    }
}

/// A compiled exchange, before its placeholders have values.
#[derive(Debug)]
pub enum ExchangePlan {
    /// A login.
    Login(Arc<login::LoginPlan>),
    /// A digest.
    Digest(http_digest::DigestPlan),
}

impl AuthConfig {
    /// Compiles the credentials; mistakes are noted.
    pub fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Auth> {
        let login = match self {
            Self::ApiKey(config) => return Some(Auth::ApiKey(config.compile(path, diagnostics)?)),
            Self::Bearer(config) => return Some(Auth::Bearer(config.compile(path, diagnostics)?)),
            Self::HttpBasic(config) => return Some(Auth::HttpBasic(config.compile(path, diagnostics)?)),
            Self::HttpDigest(config) => {
                let digest = ExchangePlan::Digest(config.compile(path, diagnostics)?);
                return self.exchange(digest, diagnostics);
            }
            Self::OAuth2ClientCredentials(config) => config.compile(path, diagnostics)?,
            Self::OAuth2JwtBearer(config) => config.compile(path, diagnostics)?,
            Self::OAuth2RefreshToken(config) => config.compile(path, diagnostics)?,
            Self::SessionLogin(config) => config.compile(path, diagnostics)?,
        };
        self.exchange(ExchangePlan::Login(Arc::new(login)), diagnostics)
    }

    /// An exchange is made once for all resources and records, so that it can refer to no parent's record.
    fn exchange(&self, plan: ExchangePlan, diagnostics: &mut Diagnostics) -> Option<Auth> {
        let mut is_sound = true;
        for template in plan.templates() {
            if !template.references().is_empty() {
                is_sound = false;
                diagnostics.error_with_help(
                    template.path(),
                    "`resources` has no value here: these credentials are the same for all records",
                    "a key of a parent's record goes with `api_key` or `bearer` in the endpoint's `auth`",
                );
            }
        }
        is_sound.then(|| Auth::Exchange(Identity(Box::new(self.clone())), plan))
    }
}

impl Auth {
    /// Puts the credentials on a request, as far as the config alone knows them.
    pub fn apply(&self, context: &Value, request: &mut Request) -> Result<(), ApplyError> {
        match self {
            Self::ApiKey(auth) => auth.apply(context, request),
            Self::Bearer(auth) => auth.apply(context, request),
            Self::HttpBasic(auth) => auth.apply(context, request),
            Self::Exchange(..) => Ok(()),
        }
    }

    /// The values that must never be shown, in every form in which they are sent; those of an exchange are told by it.
    pub fn secrets(&self, context: &Value) -> Vec<Secret> {
        match self {
            Self::ApiKey(auth) => auth.secrets(context),
            Self::Bearer(auth) => auth.secrets(context),
            Self::HttpBasic(auth) => auth.secrets(context),
            Self::Exchange(..) => Vec::new(),
        }
    }

    /// The templates in it.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::ApiKey(auth) => vec![auth.template()],
            Self::Bearer(auth) => vec![auth.template()],
            Self::HttpBasic(auth) => auth.templates(),
            Self::Exchange(_, plan) => plan.templates(),
        }
    }
}

impl ExchangePlan {
    fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Login(login) => login.templates(),
            Self::Digest(digest) => digest.templates(),
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

#[cfg(test)]
mod tests;
