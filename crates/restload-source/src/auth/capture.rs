//! What is read from the answer of a login.

use std::time::Duration;

use http::header::SET_COOKIE;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decoders::DecodeError;
use crate::extraction::describe;
use crate::json_path::JsonPath;
use crate::request::Response;

/// Where a value stands in the answer of a login: a JSONPath, or one of `json`, `header` and `cookie`.
///
/// ```yaml
/// capture:
///   secret: $.secret
///   csrf: { header: X-CSRF-Token }
///   sid: { cookie: JSESSIONID }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CaptureConfig {
    /// JSONPath of the value in the answer.
    Path(String),
    /// The value's place, by its kind.
    Place(CapturePlace),
}

/// The place of a value: exactly one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapturePlace {
    /// JSONPath of the value in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// Name of the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Name of the cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
}

/// A compiled place.
#[derive(Debug, Clone)]
pub(super) enum Capture {
    Json(JsonPath),
    Header(String),
    Cookie(String),
}

impl CaptureConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Capture> {
        let (text, path) = match self {
            Self::Path(text) => (text, path.clone()),
            Self::Place(place) => match (&place.json, &place.header, &place.cookie) {
                (Some(text), None, None) => (text, path.key("json")),
                (None, Some(name), None) => return Some(Capture::Header(name.clone())),
                (None, None, Some(name)) => return Some(Capture::Cookie(name.clone())),
                (None, None, None) if diagnostics.has_left_out(path) => return None,
                _ => {
                    diagnostics.error(path, "a capture has exactly one of `json`, `header` and `cookie`");
                    return None;
                }
            },
        };
        JsonPath::parse(text)
            .map_err(|reason| diagnostics.error(&path, format_args!("`{text}` is not a JSONPath: {reason}")))
            .map(Capture::Json)
            .ok()
    }
}

impl Capture {
    /// The value of a key at the top of the answer.
    pub(super) fn key(name: &str) -> Option<Self> {
        JsonPath::parse(name).ok().map(Self::Json)
    }

    pub(super) fn is_in_body(&self) -> bool {
        matches!(self, Self::Json(_))
    }

    /// The value in an answer; the error goes on from "the answer". It names what is there, never the values.
    pub(super) fn take(&self, response: &Response, body: Result<&Value<'_>, &DecodeError>) -> Result<String, String> {
        let found = match self {
            Self::Json(path) => {
                let body = body.map_err(|error| format!("cannot be read: {error}"))?;
                return json_value(path, body);
            }
            Self::Header(name) => response.header(name).map(ToOwned::to_owned),
            Self::Cookie(name) => cookie(response, name),
        };
        found.filter(|value| !value.is_empty()).ok_or_else(|| {
            let (what, name) = match self {
                Self::Cookie(name) => ("cookie", name.as_str()),
                Self::Header(name) => ("header", name.as_str()),
                Self::Json(path) => ("value", path.as_str()),
            };
            format!("has no {what} `{name}`")
        })
    }
}

fn json_value(path: &JsonPath, body: &Value<'_>) -> Result<String, String> {
    let found = path.first(body);
    if let Some(text) = found.and_then(scalar).filter(|text| !text.is_empty()) {
        return Ok(text);
    }
    let wrong = match found {
        None => None,
        Some(Value::Null | Value::Text(_)) => Some("an empty value".to_owned()),
        Some(other) => Some(other.kind().to_owned()),
    };
    if let Some(wrong) = wrong {
        return Err(format!("has {wrong} at `{}`", path.as_str()));
    }
    let mut message = format!("has no `{}`; it {}", path.as_str(), describe(body));
    // OAuth2's own words for what went wrong, which some servers send with status 200.
    if let Value::Object(members) = body {
        let said = ["error", "error_description"].map(|key| match members.get(key) {
            Some(Value::Text(text)) => Some(text.to_string()),
            _ => None,
        });
        let said: Vec<String> = said.into_iter().flatten().collect();
        if !said.is_empty() {
            message = format!("{message}: {}", said.join(": "));
        }
    }
    Err(message)
}

/// A value as it is placed; lists and objects cannot be.
fn scalar(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) | Value::Number(text) => Some(text.to_string()),
        Value::Bool(_) | Value::Integer(_) | Value::Double(_) => serde_json::to_string(value).ok(),
        Value::Null | Value::List(_) | Value::Object(_) => None,
    }
}

/// The value of a cookie that an answer sets.
fn cookie(response: &Response, name: &str) -> Option<String> {
    let set = response.headers.get_all(SET_COOKIE).iter();
    let mut cookies = set.filter_map(|header| header.to_str().ok()?.split(';').next()?.split_once('='));
    let found = cookies.rfind(|(known, _)| known.trim() == name);
    found.map(|(_, value)| value.trim().to_owned())
}

/// A number of seconds, as a number or as digits in a text; anything else says nothing.
pub(super) fn lifetime_in(value: &Value<'_>) -> Option<Duration> {
    let text = scalar(value)?;
    let seconds: f64 = text.trim().parse().ok()?;
    // A negative one is over already; more than a century is as good as a century.
    seconds
        .is_finite()
        .then(|| Duration::from_secs_f64(seconds.clamp(0.0, 3.2e9)))
}
