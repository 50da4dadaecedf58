//! `oauth2_client_credentials`: a token for the application itself (RFC 6749, section 4.4).

use indexmap::IndexMap;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::credential::Credential;
use super::login::{GrantPlan, LoginPlan};
use super::placement::PlacementConfig;
use super::token_request::{ClientAuthentication, TokenRequest, client_credentials, default_expiration, field};

/// OAuth2 client credentials: a token for the application itself, asked for before the first request and again shortly
/// before it ends or when the API refuses it (401). All resources share it.
///
/// ```yaml
/// auth:
///   type: oauth2_client_credentials
///   access_token_url: https://auth.example.com/oauth/token
///   client_id: "{secrets.shop_client_id}"
///   client_secret: "{secrets.shop_client_secret}"
///   access_token_request_data: { scope: read, audience: https://api.example.com }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2ClientCredentialsConfig {
    /// Address of the token endpoint; it may be at another host than the API. Without it,
    /// `{secrets.credentials.access_token_url}`.
    #[serde(default)]
    pub access_token_url: Option<String>,
    /// The client's id. Without it, `{secrets.credentials.client_id}`.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The client's secret, best as a placeholder. Without it, `{secrets.credentials.client_secret}`.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// How id and secret are sent to the token endpoint.
    #[serde(default)]
    pub client_authentication: ClientAuthentication,
    /// Further fields of the form, such as `scope` and `audience`; over ours (`grant_type`, `client_id`,
    /// `client_secret`), and null takes one away.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    pub access_token_request_data: IndexMap<String, Value>,
    /// Headers of the token request. The client's own headers do not go along.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub access_token_request_headers: IndexMap<String, String>,
    /// Seconds that a token lasts when the answer does not say so (`expires_in`).
    #[serde(default = "default_expiration")]
    pub default_token_expiration: u64,
    /// A token to begin with. It is used until the API refuses it.
    #[serde(default)]
    pub access_token: Option<String>,
    /// Where the token goes, if not as `Authorization: Bearer TOKEN`; `{session.access_token}` is the token.
    #[serde(default)]
    pub placements: Option<Vec<PlacementConfig>>,
}

impl OAuth2ClientCredentialsConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<LoginPlan> {
        let client_id = Credential::compile(self.client_id.as_deref(), "client_id", path, diagnostics);
        let client_secret = Credential::compile(self.client_secret.as_deref(), "client_secret", path, diagnostics);
        let (mut fields, basic) = client_credentials(client_id?, Some(client_secret?), self.client_authentication);
        fields.push(field("grant_type", "client_credentials", path, diagnostics)?);
        TokenRequest {
            url: ("access_token_url", self.access_token_url.as_deref()),
            fields,
            basic,
            data: &self.access_token_request_data,
            headers: ("access_token_request_headers", &self.access_token_request_headers),
            default_expiration: self.default_token_expiration,
            access_token: self.access_token.as_deref(),
            placements: self.placements.as_deref(),
            grant: GrantPlan::Plain,
        }
        .compile(path, diagnostics)
    }
}
