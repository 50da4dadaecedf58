//! `oauth2_refresh_token`: tokens on behalf of a user who has agreed once (RFC 6749, section 6).

use indexmap::IndexMap;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::credential::Credential;
use super::login::{GrantPlan, LoginPlan};
use super::placement::PlacementConfig;
use super::token_request::{ClientAuthentication, TokenRequest, client_credentials, default_expiration, field};

/// OAuth2 with a refresh token: access on behalf of a user who has agreed once.
///
/// Many APIs replace the refresh token with every use and accept the old one never again. The new one is therefore
/// written to `token_file` before it is used for anything, so that it outlives a crash; the next run goes on from
/// there. A refresh token in the config that differs from the one before wins over what the file holds.
///
/// ```yaml
/// auth:
///   type: oauth2_refresh_token
///   access_token_url: https://auth.example.com/oauth/token
///   client_id: "{secrets.shop_client_id}"
///   client_secret: "{secrets.shop_client_secret}"
///   refresh_token: "{secrets.shop_refresh_token}"
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2RefreshTokenConfig {
    /// Address of the token endpoint; it may be at another host than the API. Without it,
    /// `{secrets.credentials.access_token_url}`.
    #[serde(default)]
    pub access_token_url: Option<String>,
    /// The client's id. Without it, `{secrets.credentials.client_id}`.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The client's secret, best as a placeholder; public clients have none.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// The refresh token that the user's consent gave. Without it, `{secrets.credentials.refresh_token}`.
    #[serde(default)]
    pub refresh_token: Option<String>,
    /// The file that keeps the tokens that the API gives out, readable by its owner only; relative to the config's
    /// folder. Several pipelines may share one. Keep it on a disk that lasts, and out of version control. `null` keeps
    /// tokens nowhere: for an API that never replaces its refresh tokens, where no file can be written.
    #[serde(default = "default_token_file")]
    pub token_file: Option<String>,
    /// How id and secret are sent to the token endpoint.
    #[serde(default)]
    pub client_authentication: ClientAuthentication,
    /// Further fields of the form, such as `scope`; over ours (`grant_type`, `client_id`, `client_secret`), and null
    /// takes one away.
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
    /// Where the token goes, if not as `Authorization: Bearer TOKEN`; `{session.access_token}` is the token.
    #[serde(default)]
    pub placements: Option<Vec<PlacementConfig>>,
}

#[expect(clippy::unnecessary_wraps, reason = "serde's default of an option")]
fn default_token_file() -> Option<String> {
    Some(".restload-tokens.json".to_owned())
}

impl OAuth2RefreshTokenConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<LoginPlan> {
        let client_id = Credential::compile(self.client_id.as_deref(), "client_id", path, diagnostics);
        let client_secret = Credential::optional(self.client_secret.as_deref(), "client_secret", path, diagnostics);
        let token = Credential::compile(self.refresh_token.as_deref(), "refresh_token", path, diagnostics);
        let has_no_secret = self.client_secret.is_none() && !diagnostics.is_left_out(&path.key("client_secret"));
        if self.client_authentication == ClientAuthentication::Basic && has_no_secret {
            diagnostics.error_with_help(
                &path.key("client_authentication"),
                "`basic` needs a `client_secret`",
                "a public client is named in the form: `client_authentication: form`",
            );
        }
        if self.token_file.as_deref().is_some_and(|file| file.trim().is_empty()) {
            diagnostics.error_with_help(
                &path.key("token_file"),
                "the name of the file is empty",
                "write `token_file: null` if the API never replaces its refresh tokens",
            );
        }
        let (mut fields, basic) = client_credentials(client_id?, client_secret?, self.client_authentication);
        fields.push(field("grant_type", "refresh_token", path, diagnostics)?);
        TokenRequest {
            url: ("access_token_url", self.access_token_url.as_deref()),
            fields,
            basic,
            data: &self.access_token_request_data,
            headers: ("access_token_request_headers", &self.access_token_request_headers),
            default_expiration: self.default_token_expiration,
            access_token: None,
            placements: self.placements.as_deref(),
            grant: GrantPlan::Refresh {
                token: token?,
                file: self.token_file.clone(),
            },
        }
        .compile(path, diagnostics)
    }
}
