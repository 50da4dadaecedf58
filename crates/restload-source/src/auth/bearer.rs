//! `bearer`: a token in the `Authorization` header.

use minijinja::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ApplyError;
use super::credential::Credential;
use crate::request::Request;
use crate::template::Template;

/// A token in the `Authorization` header.
///
/// ```yaml
/// auth: { type: bearer, token: "{secrets.github_token}" }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BearerConfig {
    /// The token, best as a placeholder: `{secrets.my_token}`. Without it, `{secrets.credentials.token}`.
    #[serde(default)]
    pub token: Option<String>,
}

/// A token.
#[derive(Debug)]
pub struct Bearer {
    token: Credential,
}

impl BearerConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Bearer> {
        Some(Bearer {
            token: Credential::compile(self.token.as_deref(), "token", path, diagnostics)?,
        })
    }
}

impl Bearer {
    pub(super) fn apply(&self, context: &Value, request: &mut Request) -> Result<(), ApplyError> {
        let token = self.token.text(context)?;
        request
            .set_header("authorization", &format!("Bearer {token}"))
            .map_err(ApplyError::Header)
    }

    pub(super) fn secrets(&self, context: &Value) -> Vec<Secret> {
        self.token.text(context).into_iter().map(Secret::new).collect()
    }

    pub(super) fn template(&self) -> &Template {
        self.token.template()
    }
}
