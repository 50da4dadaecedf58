//! `http_basic`: a user name and a password in the `Authorization` header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ApplyError;
use super::credential::Credential;
use crate::request::Request;
use crate::template::{RenderError, Template};

/// A user name and a password in the `Authorization` header.
///
/// ```yaml
/// auth: { type: http_basic, username: "{env.SHOP_USER}", password: "{secrets.shop_password}" }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpBasicConfig {
    /// The user name; may be empty. Without it, `{secrets.credentials.username}`.
    #[serde(default)]
    pub username: Option<String>,
    /// The password, best as a placeholder: `{secrets.my_password}`; may be empty. Without it,
    /// `{secrets.credentials.password}`.
    #[serde(default)]
    pub password: Option<String>,
}

/// A name and a password.
#[derive(Debug)]
pub struct HttpBasic {
    username: Credential,
    password: Credential,
}

impl HttpBasicConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<HttpBasic> {
        let username = Credential::compile(self.username.as_deref(), "username", path, diagnostics);
        let password = Credential::compile(self.password.as_deref(), "password", path, diagnostics);
        Some(HttpBasic {
            username: username?,
            password: password?,
        })
    }
}

impl HttpBasic {
    fn encoded(&self, context: &Value) -> Result<String, RenderError> {
        Ok(STANDARD.encode(format!(
            "{}:{}",
            self.username.text(context)?,
            self.password.text(context)?
        )))
    }

    pub(super) fn apply(&self, context: &Value, request: &mut Request) -> Result<(), ApplyError> {
        let encoded = self.encoded(context)?;
        request
            .set_header("authorization", &format!("Basic {encoded}"))
            .map_err(ApplyError::Header)
    }

    pub(super) fn secrets(&self, context: &Value) -> Vec<Secret> {
        let password = self.password.text(context).into_iter();
        password.chain(self.encoded(context)).map(Secret::new).collect()
    }

    pub(super) fn templates(&self) -> Vec<&Template> {
        vec![self.username.template(), self.password.template()]
    }
}
