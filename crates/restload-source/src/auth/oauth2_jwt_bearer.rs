//! `oauth2_jwt_bearer`: a token for an assertion that is signed with a private key (RFC 7523).

use indexmap::IndexMap;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::credential::Credential;
use super::jwt::{Algorithm, JwtPlan};
use super::login::{GrantPlan, LoginPlan};
use super::placement::PlacementConfig;
use super::token_request::{TokenRequest, default_expiration, field};
use crate::plan::JsonTemplate;
use crate::template::Template;

/// OAuth2 with a signed assertion (JWT bearer grant): service accounts of Google, Salesforce, Box and others.
///
/// The assertion has the claims `iss` and `sub` (`client_id`), `aud` (`auth_endpoint`), `scope`, `iat` (now) and `exp`
/// (in an hour), and those of `claims` over them.
///
/// ```yaml
/// auth:
///   type: oauth2_jwt_bearer
///   auth_endpoint: https://oauth2.googleapis.com/token
///   client_id: loader@my-project.iam.gserviceaccount.com
///   private_key: "{secrets.google_private_key}"
///   scopes: [https://www.googleapis.com/auth/webmasters.readonly]
///   claims: { sub: ada@example.com }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2JwtBearerConfig {
    /// Address of the token endpoint, and the audience of the assertion. Without it,
    /// `{secrets.credentials.auth_endpoint}`.
    #[serde(default)]
    pub auth_endpoint: Option<String>,
    /// Who asks: the claims `iss` and `sub`. Without it, `{secrets.credentials.client_id}`.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The private key, in PEM; `\n` may stand for the ends of its lines. Without it,
    /// `{secrets.credentials.private_key}`.
    #[serde(default)]
    pub private_key: Option<String>,
    /// The passphrase of an encrypted private key.
    #[serde(default)]
    pub private_key_passphrase: Option<String>,
    /// How the assertion is signed; the key must be of that kind.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// Id of the key, for the assertion's header (`kid`).
    #[serde(default)]
    pub key_id: Option<String>,
    /// Scopes, for the claim `scope`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Further claims, over ours; null takes one away.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    pub claims: IndexMap<String, Value>,
    /// Whether every assertion gets an id of its own (`jti`), as Box wants it.
    #[serde(default)]
    pub unique_id: bool,
    /// Further fields of the form; over ours (`grant_type`), and null takes one away.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    pub access_token_request_data: IndexMap<String, Value>,
    /// Headers of the token request. The client's own headers do not go along.
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub headers: IndexMap<String, String>,
    /// Seconds that a token lasts when the answer does not say so (`expires_in`).
    #[serde(default = "default_expiration")]
    pub default_token_expiration: u64,
    /// Where the token goes, if not as `Authorization: Bearer TOKEN`; `{session.access_token}` is the token.
    #[serde(default)]
    pub placements: Option<Vec<PlacementConfig>>,
}

/// The grant's name.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

impl OAuth2JwtBearerConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<LoginPlan> {
        let mut required = |value: &Option<String>, key| Credential::compile(value.as_deref(), key, path, diagnostics);
        let audience = required(&self.auth_endpoint, "auth_endpoint");
        let client_id = required(&self.client_id, "client_id");
        let private_key = required(&self.private_key, "private_key");
        let mut optional = |value: &Option<String>, key| Credential::optional(value.as_deref(), key, path, diagnostics);
        let passphrase = optional(&self.private_key_passphrase, "private_key_passphrase");
        let key_id = optional(&self.key_id, "key_id");
        let scopes = self.scopes.iter().enumerate();
        let scopes: Vec<Option<Template>> = scopes
            .map(|(index, scope)| Template::compile(scope, &[], &path.key("scopes").index(index), diagnostics))
            .collect();
        let claims = Value::Object(self.claims.clone().into_iter().collect());
        let claims = JsonTemplate::compile(&claims, &[], &path.key("claims"), diagnostics);
        let jwt = JwtPlan {
            algorithm: self.algorithm,
            private_key: private_key?,
            passphrase: passphrase?,
            key_id: key_id?,
            client_id: client_id?,
            audience: audience?,
            scopes: scopes.into_iter().collect::<Option<_>>()?,
            claims: claims?,
            has_unique_id: self.unique_id,
        };
        TokenRequest {
            url: ("auth_endpoint", self.auth_endpoint.as_deref()),
            fields: vec![field("grant_type", GRANT, path, diagnostics)?],
            basic: None,
            data: &self.access_token_request_data,
            headers: ("headers", &self.headers),
            default_expiration: self.default_token_expiration,
            access_token: None,
            placements: self.placements.as_deref(),
            grant: GrantPlan::Assertion(Box::new(jwt)),
        }
        .compile(path, diagnostics)
    }
}
