//! A login: a request whose answer holds values that are placed on other requests. OAuth2 grants and session logins
//! are all of this shape; each of these members compiles to a [`LoginPlan`].
//!
//! Nothing here is sent, and no clock is read: the engine asks for the request, gives back the answer, and keeps the
//! [`Session`] for as long as it lasts.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method};
use minijinja::Value as Computed;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::row_id;
use restload_model::secret::{MASK, Secret};

use super::capture::{Capture, lifetime_in};
use super::credential::Credential;
use super::jwt::{Jwt, JwtPlan};
use super::placement::{Placed, Placement};
use super::{ApplyError, Binding, LoginError};
use crate::decoders::decode_json;
use crate::extraction::status_text;
use crate::json_path::JsonPath;
use crate::plan::{JsonTemplate, WHOLE_URL, parse_url};
use crate::request::{Draft, DraftBody, Request, Response, join_url};
use crate::template::{RenderError, Template, scalar_text, to_value};

/// The name under which OAuth2 answers give the token, and placements refer to it.
pub(super) const ACCESS_TOKEN: &str = "access_token";

/// A compiled login, before its placeholders have values.
pub struct LoginPlan {
    pub(super) method: Method,
    pub(super) url: Credential,
    /// Whether `url` may be a path below the client's `base_url`.
    pub(super) is_at_client: bool,
    pub(super) params: Vec<(String, Template)>,
    pub(super) headers: Vec<(String, Template)>,
    pub(super) body: BodyPlan,
    /// Name and password for the `Authorization` header.
    pub(super) basic: Option<(Credential, Credential)>,
    pub(super) grant: GrantPlan,
    pub(super) captures: Vec<(String, Capture)>,
    pub(super) lifetime: Lifetime,
    pub(super) placements: Vec<Placement>,
    /// Statuses that say that the session is over.
    pub(super) expired_on: Vec<RangeInclusive<u16>>,
    /// A token that the config gives, to begin with.
    pub(super) access_token: Option<Credential>,
}

/// What a login sends.
pub(super) enum BodyPlan {
    None,
    Form(Vec<(String, Template)>),
    Json(JsonTemplate),
    Text(Template),
}

impl std::fmt::Debug for LoginPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Passwords may stand anywhere in it.
        f.debug_struct("LoginPlan").finish_non_exhaustive()
    }
}

/// What proves who is asking, besides the body.
pub(super) enum GrantPlan {
    /// Nothing more.
    Plain,
    /// A refresh token, which the answer may replace.
    Refresh { token: Credential, file: Option<String> },
    /// A signed assertion.
    Assertion(Box<JwtPlan>),
}

/// How long a session lasts.
#[derive(Clone)]
pub(super) struct Lifetime {
    /// Where the answer says so, in seconds.
    pub(super) path: Option<JsonPath>,
    /// When it does not; without it the session lasts until it is refused.
    pub(super) default: Option<Duration>,
}

/// A login that is ready to be made.
pub struct Login {
    plan: Arc<LoginPlan>,
    draft: Draft,
    grant: Grant,
    access_token: Option<Secret>,
    context: crate::template::Context,
    secrets: Vec<Secret>,
}

enum Grant {
    Plain,
    Refresh(Rotation),
    Assertion(Box<Jwt>),
}

/// A refresh token that the server may replace with every use.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The token that the config gives.
    pub configured: Secret,
    /// The file that keeps its successors; none to keep them nowhere.
    pub file: Option<String>,
    /// Names the successors of this token in the file. It changes with the config's token, so that a new one there wins
    /// over what was kept of an old one.
    pub key: String,
}

/// The values that a login has given, and where they go.
#[derive(Debug, Clone)]
pub struct Session {
    placed: Vec<Placed>,
    captured: Vec<Secret>,
}

/// A good answer to a login.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The session.
    pub session: Session,
    /// How long it lasts; until it is refused when unknown.
    pub lifetime: Option<Duration>,
    /// The access token, where the session is one.
    pub access_token: Option<Secret>,
    /// The refresh token that takes the place of the one that was sent.
    pub refresh_token: Option<Secret>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.describe())
    }
}

impl LoginPlan {
    pub(super) fn templates(&self) -> Vec<&Template> {
        let mut templates = vec![self.url.template()];
        templates.extend(self.params.iter().chain(&self.headers).map(|(_, value)| value));
        match &self.body {
            BodyPlan::None => {}
            BodyPlan::Form(fields) => templates.extend(fields.iter().map(|(_, value)| value)),
            BodyPlan::Json(json) => json.templates(&mut templates),
            BodyPlan::Text(text) => templates.push(text),
        }
        let basic = self.basic.iter();
        templates.extend(basic.flat_map(|(name, password)| [name.template(), password.template()]));
        match &self.grant {
            GrantPlan::Plain => {}
            GrantPlan::Refresh { token, .. } => templates.push(token.template()),
            GrantPlan::Assertion(jwt) => jwt.templates(&mut templates),
        }
        templates.extend(self.placements.iter().map(Placement::template));
        templates.extend(self.access_token.as_ref().map(Credential::template));
        templates
    }

    /// Fills in the placeholders. `None` when a mistake was noted, or when a secret is missing in a plan that is only
    /// shown.
    pub(super) fn bind(
        self: &Arc<Self>,
        binding: &Binding<'_>,
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> Option<Login> {
        match self.render(binding, path, diagnostics) {
            Ok(login) => login,
            Err(error) => {
                diagnostics.error(path, error);
                None
            }
        }
    }

    fn render(
        self: &Arc<Self>,
        binding: &Binding<'_>,
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<Login>, RenderError> {
        let values = binding.values;
        let Some(draft) = self.render_head(binding, diagnostics)? else {
            return Ok(None);
        };
        let mut login = Login {
            plan: Arc::clone(self),
            draft,
            grant: Grant::Plain,
            access_token: None,
            context: binding.context.clone(),
            secrets: Vec::new(),
        };
        let mut unsound = login.draft.set_header("accept", "application/json").err();
        for (name, value) in &self.params {
            if let Some(text) = scalar_text(&value.value(values)?) {
                login.note_secret(name, &text);
                login.draft.params.push((name.clone(), text));
            }
        }
        for (name, value) in &self.headers {
            let text = value.text(values)?;
            login.note_secret(name, &text);
            unsound = unsound.or(login.draft.set_header(name, &text).err());
        }
        login.render_body(values)?;
        if let Some((name, password)) = &self.basic {
            let (name, password) = (name.text(values)?, password.text(values)?);
            let encoded = STANDARD.encode(format!("{}:{}", form_encoded(&name), form_encoded(&password)));
            unsound = unsound.or(login
                .draft
                .set_header("authorization", &format!("Basic {encoded}"))
                .err());
            login.secrets.extend([Secret::new(password), Secret::new(encoded)]);
        }
        if let Some(reason) = unsound {
            diagnostics.error(path, reason);
            return Ok(None);
        }
        match &self.grant {
            GrantPlan::Plain => {}
            GrantPlan::Refresh { token, file } => {
                let token = token.text(values)?;
                let key = row_id::of_text(&format!("{}\n{token}", login.draft.url)).to_string();
                let configured = Secret::new(token);
                login.secrets.push(configured.clone());
                // The tokens of another time are nothing to keep.
                let file = file.clone().filter(|_| !binding.is_replayed);
                login.grant = Grant::Refresh(Rotation { configured, file, key });
            }
            // There is no key, and nobody looks at the signature.
            GrantPlan::Assertion(_) if binding.is_replayed => {}
            GrantPlan::Assertion(jwt) => match jwt.bind(values, diagnostics)? {
                Some(jwt) => login.grant = Grant::Assertion(Box::new(jwt)),
                None => return Ok(None),
            },
        }
        if let Some(token) = &self.access_token {
            let token = Secret::new(token.text(values)?);
            login.secrets.push(token.clone());
            login.access_token = Some(token);
        }
        Ok(Some(login))
    }

    /// The address, and the headers that the login takes from the client.
    fn render_head(&self, binding: &Binding<'_>, diagnostics: &mut Diagnostics) -> Result<Option<Draft>, RenderError> {
        let written = self.url.text(binding.values)?;
        if written.contains(MASK) {
            return Ok(None);
        }
        let path = self.url.template().path();
        let whole = if self.is_at_client {
            join_url(binding.base_url, &written)
        } else {
            written
        };
        let url = match parse_url(&whole) {
            Ok(url) => url,
            Err(reason) => {
                diagnostics.error_with_help(path, reason, WHOLE_URL);
                return Ok(None);
            }
        };
        binding.warn_of_plain_http(&url, path, diagnostics);
        // The client's headers may hold credentials of their own, so they stay at the client's hosts.
        let takes_headers = self.is_at_client && (binding.trusts)(&url);
        let headers = if takes_headers {
            binding.client_headers.clone()
        } else {
            HeaderMap::new()
        };
        Ok(Some(Draft {
            method: self.method.clone(),
            url,
            params: Vec::new(),
            headers,
            body: DraftBody::None,
        }))
    }
}

impl Login {
    fn render_body(&mut self, values: &Computed) -> Result<(), RenderError> {
        let plan = Arc::clone(&self.plan);
        self.draft.body = match &plan.body {
            BodyPlan::None => DraftBody::None,
            BodyPlan::Form(fields) => {
                let mut form = Vec::new();
                for (name, value) in fields {
                    if let Some(text) = scalar_text(&value.value(values)?) {
                        self.note_secret(name, &text);
                        form.push((name.clone(), text));
                    }
                }
                DraftBody::Form(form)
            }
            BodyPlan::Json(json) => {
                let json = json.render(values)?;
                self.note_secrets_in(&json);
                DraftBody::Json(json)
            }
            BodyPlan::Text(text) => DraftBody::Text(text.text(values)?),
        };
        Ok(())
    }

    fn note_secrets_in(&mut self, json: &serde_json::Value) {
        match json {
            serde_json::Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        serde_json::Value::String(text) => self.note_secret(name, text),
                        inner => self.note_secrets_in(inner),
                    }
                }
            }
            serde_json::Value::Array(elements) => elements.iter().for_each(|element| self.note_secrets_in(element)),
            _ => {}
        }
    }

    /// A secret that was typed into the config as it stands is known by the name of its field only.
    fn note_secret(&mut self, name: &str, text: &str) {
        const NAMES: [&str; 8] = ["pass", "pwd", "secret", "token", "key", "pin", "otp", "authorization"];
        let name = name.to_lowercase();
        if NAMES.iter().any(|part| name.contains(part)) {
            self.secrets.push(Secret::new(text));
        }
    }

    /// The verb and address, for messages.
    pub fn describe(&self) -> String {
        format!("{} {}", self.draft.method, self.draft.url)
    }

    /// The values that must never be shown.
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// The refresh token, where there is one.
    pub fn rotation(&self) -> Option<&Rotation> {
        match &self.grant {
            Grant::Refresh(rotation) => Some(rotation),
            _ => None,
        }
    }

    /// The session that the config gives to begin with. It lasts until it is refused.
    pub fn given(&self) -> Option<Result<Session, LoginError>> {
        Some(self.session_of(self.access_token.as_ref()?))
    }

    /// The session of an access token that was kept.
    pub fn session_of(&self, access_token: &Secret) -> Result<Session, LoginError> {
        self.session(BTreeMap::from([(
            ACCESS_TOKEN.to_owned(),
            access_token.expose().to_owned(),
        )]))
    }

    /// The request to log in with. `now` is in seconds since 1970; `nonce` is a text that was never used before.
    pub fn request(&self, now: i64, nonce: &str, refresh_token: Option<&Secret>) -> Result<Request, LoginError> {
        let mut draft = self.draft.clone();
        let proof = match &self.grant {
            Grant::Plain => None,
            Grant::Refresh(rotation) => {
                let token = refresh_token.unwrap_or(&rotation.configured);
                Some(("refresh_token", token.expose().to_owned()))
            }
            Grant::Assertion(jwt) => Some(("assertion", jwt.sign(now, nonce)?)),
        };
        if let (Some((name, value)), DraftBody::Form(fields)) = (proof, &mut draft.body) {
            fields.push((name.to_owned(), value));
        }
        Ok(draft.finish())
    }

    /// Takes the answer.
    pub fn read(&self, response: &Response) -> Result<Granted, LoginError> {
        let answered = format!("the login ({}) was answered", self.describe());
        if response.status >= 400 {
            let status = status_text(response);
            return Err(
                LoginError::new(format!("{answered} {status}")).with_help("check the credentials that `auth` names")
            );
        }
        if (300..400).contains(&response.status) && self.plan.captures.iter().all(|(_, capture)| capture.is_in_body()) {
            let target = response.header("location").unwrap_or("nowhere");
            return Err(
                LoginError::new(format!("{answered} {}, a redirect to {target}", response.status))
                    .with_help("a login is not sent on to another address; write that one if it is right"),
            );
        }
        let body = decode_json(&response.body, false);
        let mut captured = BTreeMap::new();
        for (name, capture) in &self.plan.captures {
            let value = capture.take(response, body.as_ref());
            let value = value
                .map_err(|reason| LoginError::new(format!("the answer of the login ({}) {reason}", self.describe())))?;
            captured.insert(name.clone(), value);
        }
        let body = body.ok();
        let access_token = captured.get(ACCESS_TOKEN).map(Secret::new);
        let refresh_token = match (&self.grant, &body) {
            (Grant::Refresh(_), Some(body)) => refresh_token_in(body),
            _ => None,
        };
        let said = self.plan.lifetime.path.as_ref().zip(body.as_ref());
        let said = said.and_then(|(path, body)| lifetime_in(path.first(body)?));
        Ok(Granted {
            session: self.session(captured)?,
            lifetime: said.or(self.plan.lifetime.default),
            access_token,
            refresh_token,
        })
    }

    fn session(&self, captured: BTreeMap<String, String>) -> Result<Session, LoginError> {
        let values = self.context.with("session", to_value(&captured)).to_value();
        let placed = self.plan.placements.iter().map(|placement| placement.place(&values));
        let placed = placed.collect::<Result<Vec<_>, ApplyError>>();
        Ok(Session {
            placed: placed
                .map_err(|error| LoginError::new(format!("what the login gave cannot be placed: {error}")))?,
            captured: captured.into_values().map(Secret::new).collect(),
        })
    }

    /// Whether an answer says that the session is over.
    pub fn is_refused(&self, status: u16) -> bool {
        self.plan.expired_on.iter().any(|range| range.contains(&status))
    }
}

impl Session {
    /// Puts the values on a request.
    pub fn apply(&self, request: &mut Request) -> Result<(), ApplyError> {
        self.placed.iter().try_for_each(|placed| placed.put_on(request))
    }

    /// The values that must never be shown.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.captured.iter().chain(self.placed.iter().map(Placed::value))
    }
}

fn refresh_token_in(body: &restload_model::Value<'_>) -> Option<Secret> {
    let restload_model::Value::Object(members) = body else {
        return None;
    };
    match members.get("refresh_token") {
        Some(restload_model::Value::Text(token)) if !token.is_empty() => Some(Secret::new(token.as_ref())),
        _ => None,
    }
}

/// RFC 6749 wants name and password form-encoded before they are joined by a colon.
fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
