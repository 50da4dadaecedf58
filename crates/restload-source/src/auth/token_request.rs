//! What the OAuth2 grants have in common: a form that is posted to a token endpoint, and an answer that holds
//! `access_token`, `expires_in` and perhaps more (RFC 6749).

use std::time::Duration;

use http::Method;
use indexmap::IndexMap;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::capture::Capture;
use super::credential::Credential;
use super::login::{ACCESS_TOKEN, BodyPlan, GrantPlan, Lifetime, LoginPlan};
use super::placement::{Placement, PlacementConfig};
use crate::json_path::JsonPath;
use crate::template::Template;

/// How `client_id` and `client_secret` are sent to the token endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// As fields of the form.
    #[default]
    Form,
    /// In the `Authorization` header, as HTTP basic authentication.
    Basic,
}

pub(super) fn default_expiration() -> u64 {
    3600
}

/// The parts of a token request, as a member of the family has them.
pub(super) struct TokenRequest<'c> {
    pub(super) url: (&'static str, Option<&'c str>),
    pub(super) fields: Vec<(String, Template)>,
    pub(super) basic: Option<(Credential, Credential)>,
    pub(super) data: &'c IndexMap<String, Value>,
    /// Headers, and the name of their key.
    pub(super) headers: (&'static str, &'c IndexMap<String, String>),
    pub(super) default_expiration: u64,
    pub(super) access_token: Option<&'c str>,
    pub(super) placements: Option<&'c [PlacementConfig]>,
    pub(super) grant: GrantPlan,
}

impl TokenRequest<'_> {
    pub(super) fn compile(self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<LoginPlan> {
        let (url_key, url) = self.url;
        let url = Credential::compile(url, url_key, path, diagnostics);
        let fields = with_data(
            self.fields,
            self.data,
            &path.key("access_token_request_data"),
            diagnostics,
        );
        let (headers_key, headers) = self.headers;
        let headers = compile_headers(headers, &path.key(headers_key), diagnostics);
        let access_token = Credential::optional(self.access_token, "access_token", path, diagnostics);
        let bearer = PlacementConfig::bearer();
        let placements = Placement::compile_all(
            self.placements.unwrap_or(&bearer),
            &[ACCESS_TOKEN],
            &path.key("placements"),
            diagnostics,
        );
        Some(LoginPlan {
            method: Method::POST,
            url: url?,
            is_at_client: false,
            params: Vec::new(),
            headers: headers?,
            body: BodyPlan::Form(fields?),
            basic: self.basic,
            grant: self.grant,
            captures: vec![(ACCESS_TOKEN.to_owned(), Capture::key(ACCESS_TOKEN)?)],
            lifetime: Lifetime {
                path: JsonPath::parse("expires_in").ok(),
                default: Some(Duration::from_secs(self.default_expiration)),
            },
            placements: placements?,
            expired_on: std::iter::once(401..=401).collect(),
            access_token: access_token?,
        })
    }
}

/// A field whose value is a text of our own.
pub(super) fn field(
    name: &str,
    value: &str,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Option<(String, Template)> {
    Some((name.to_owned(), Template::compile(value, &[], path, diagnostics)?))
}

/// `client_id` and `client_secret` where they are sent: in the form, or in a header.
pub(super) type ClientCredentials = (Vec<(String, Template)>, Option<(Credential, Credential)>);

pub(super) fn client_credentials(
    client_id: Credential,
    client_secret: Option<Credential>,
    how: ClientAuthentication,
) -> ClientCredentials {
    match (how, client_secret) {
        (ClientAuthentication::Basic, Some(client_secret)) => (Vec::new(), Some((client_id, client_secret))),
        (_, client_secret) => {
            let mut fields = vec![("client_id".to_owned(), client_id.into_template())];
            fields.extend(client_secret.map(|secret| ("client_secret".to_owned(), secret.into_template())));
            (fields, None)
        }
    }
}

/// The form with the config's own fields over it; null takes a field away.
pub(super) fn with_data(
    mut fields: Vec<(String, Template)>,
    data: &IndexMap<String, Value>,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<(String, Template)>> {
    let mut is_sound = true;
    for (name, value) in data {
        let text = match value {
            Value::Null => {
                fields.retain(|(known, _)| known != name);
                continue;
            }
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match Template::compile(&text, &[], &path.key(name.clone()), diagnostics) {
            Some(template) => match fields.iter_mut().find(|(known, _)| known == name) {
                Some((_, field)) => *field = template,
                None => fields.push((name.clone(), template)),
            },
            None => is_sound = false,
        }
    }
    is_sound.then_some(fields)
}

pub(super) fn compile_headers(
    headers: &IndexMap<String, String>,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<(String, Template)>> {
    let mut compiled = Some(Vec::new());
    for (name, value) in headers {
        let path = path.key(name.clone());
        if http::HeaderName::try_from(name).is_err() {
            diagnostics.key_error(&path, format_args!("`{name}` is not a header name"), None);
            compiled = None;
            continue;
        }
        let value = Template::compile(value, &[], &path, diagnostics);
        compiled = compiled.zip(value).map(|(mut all, value)| {
            all.push((name.clone(), value));
            all
        });
    }
    compiled
}
