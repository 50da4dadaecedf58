//! `http_digest`: a name and a password that are never sent; a digest of them answers the server's challenge (RFC 7616).

use minijinja::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::credential::Credential;
use crate::template::{RenderError, Template};

/// HTTP digest: a digest of name and password answers the server's challenge, so that neither is sent. The first
/// request goes alone, is refused with the challenge (401) and sent again with the answer; the challenge serves for the
/// following ones too, until the server renews it.
///
/// ```yaml
/// auth: { type: http_digest, username: ada, password: "{secrets.camera_password}" }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpDigestConfig {
    /// The user name. Without it, `{secrets.credentials.username}`.
    #[serde(default)]
    pub username: Option<String>,
    /// The password, best as a placeholder. Without it, `{secrets.credentials.password}`.
    #[serde(default)]
    pub password: Option<String>,
}

/// A compiled name and password.
#[derive(Debug)]
pub struct DigestPlan {
    username: Credential,
    password: Credential,
}

/// A name and a password to answer challenges with.
#[derive(Debug, Clone)]
pub struct Digest {
    /// The name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

impl HttpDigestConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<DigestPlan> {
        let username = Credential::compile(self.username.as_deref(), "username", path, diagnostics);
        let password = Credential::compile(self.password.as_deref(), "password", path, diagnostics);
        Some(DigestPlan {
            username: username?,
            password: password?,
        })
    }
}

impl DigestPlan {
    pub(super) fn templates(&self) -> Vec<&Template> {
        vec![self.username.template(), self.password.template()]
    }

    pub(super) fn bind(&self, values: &Value) -> Result<Digest, RenderError> {
        Ok(Digest {
            username: self.username.text(values)?,
            password: Secret::new(self.password.text(values)?),
        })
    }
}
