//! Response actions: what an answer that is not plainly good means.
//!
//! They are looked at before statuses are, so an action on a status decides whether it is retried. The first that
//! matches counts. Without a match, a status that the client retries is retried and any other of 300 or more fails.

use std::sync::Arc;

use minijinja::Value as Computed;
use minijinja::value::{Enumerator, Object};
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::json_path::JsonPath;
use crate::request::Response;
use crate::template::{Template, to_value};

/// What to do on an answer that meets all conditions given, of which there must be one.
///
/// ```yaml
/// response_actions:
///   - { status_code: 404, action: ignore }
///   - { json: { path: ok, not_equals: true }, action: fail, message: "refused: {response.json.error}" }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseActionConfig {
    /// The answer's status: a number, a class such as `4xx`, a range such as `500-503`, or a list of these.
    #[serde(default)]
    pub status_code: Option<StatusCondition>,
    /// A text that the body contains.
    #[serde(default)]
    pub content: Option<String>,
    /// A condition on a value of the JSON body. It is not met by a body that is not JSON.
    #[serde(default)]
    pub json: Option<JsonConditionConfig>,
    /// A condition on a header.
    #[serde(default)]
    pub header: Option<HeaderConditionConfig>,
    /// What to do.
    pub action: Action,
    /// For `fail`: the message. Placeholders may refer to `response.status`, `response.headers['name']`,
    /// `response.json` and `response.text`; the filter `reason` writes the texts of an error list or object. What an answer
    /// does not have is named in its place, and the answer's status and beginning follow.
    #[serde(default)]
    pub message: Option<String>,
}

/// One status condition, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StatusCondition {
    /// A status.
    One(u16),
    /// A class or a range.
    Class(String),
    /// Several.
    Several(Vec<StatusCondition>),
}

/// A condition on a value of the JSON body.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonConditionConfig {
    /// JSONPath of the value.
    pub path: String,
    /// The value is this; a missing value is null.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub equals: Option<serde_json::Value>,
    /// The value is not this; a missing value is null.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub not_equals: Option<serde_json::Value>,
}

/// Tells an explicit null, which is a value to compare with, from an absent key.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(Some)
}

/// A condition on a header.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderConditionConfig {
    /// The header's name.
    pub name: String,
    /// A text that its value contains; without it the header must only be there.
    #[serde(default)]
    pub contains: Option<String>,
}

/// What to do on an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Take it for an empty last page: what came before is kept, and nothing further is asked for.
    Ignore,
    /// Send the request again, as often and with the delays that `client.retry` gives and the answer's `Retry-After` asks
    /// for, whatever the status. A request with side effects is not sent again.
    Retry,
    /// Leave this page out and go on with the next; for the paginators `page_number` and `offset`.
    SkipPage,
    /// Take its records, whatever the status, and ask for no further page.
    Stop,
    /// Fail the resource, without a further try.
    Fail,
}

/// A compiled action.
#[derive(Debug)]
pub struct ResponseAction {
    statuses: Vec<std::ops::RangeInclusive<u16>>,
    content: Option<String>,
    json: Option<(JsonPath, Comparison)>,
    header: Option<(String, Option<String>)>,
    /// What to do.
    pub action: Action,
    /// What to say on failing.
    pub message: Option<Template>,
}

#[derive(Debug)]
enum Comparison {
    Exists,
    Equals(Value<'static>),
    Differs(Value<'static>),
}

impl StatusCondition {
    /// The statuses meant; mistakes are noted.
    pub fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Vec<std::ops::RangeInclusive<u16>> {
        match self {
            Self::One(status) => {
                if !is_status(*status) {
                    not_a_status(status, path, diagnostics);
                }
                vec![*status..=*status]
            }
            Self::Several(conditions) if conditions.is_empty() => {
                diagnostics.error_with_help(
                    path,
                    "the list names no status",
                    "leave it out, or name some: [404, 5xx]",
                );
                Vec::new()
            }
            Self::Several(conditions) => conditions
                .iter()
                .enumerate()
                .flat_map(|(index, condition)| condition.compile(&path.index(index), diagnostics))
                .collect(),
            Self::Class(text) => {
                let range = parse_statuses(text);
                if range.is_none() {
                    not_a_status(text, path, diagnostics);
                }
                range.into_iter().collect()
            }
        }
    }
}

fn not_a_status(written: &dyn std::fmt::Display, path: &KeyPath, diagnostics: &mut Diagnostics) {
    diagnostics.error_with_help(
        path,
        format_args!("`{written}` is not a status"),
        "write a number (404), a class (4xx) or a range (500-503)",
    );
}

fn is_status(number: u16) -> bool {
    (100..600).contains(&number)
}

fn parse_statuses(text: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let text = text.trim();
    if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
        let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
        return Some(class * 100..=class * 100 + 99);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (is_status(first) && is_status(last) && first <= last).then_some(first..=last)
}

impl ResponseActionConfig {
    /// Compiles the action; mistakes are noted. `can_skip` says whether the paginator can leave a page out.
    pub fn compile(&self, can_skip: bool, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<ResponseAction> {
        let is_without =
            self.status_code.is_none() && self.content.is_none() && self.json.is_none() && self.header.is_none();
        if is_without && !diagnostics.has_left_out(path) {
            diagnostics.error_with_help(
                path,
                "an action without a condition would meet every answer",
                "give one of status_code, content, json, header",
            );
        }
        if self.action == Action::SkipPage && !can_skip {
            diagnostics.error(
                &path.key("action"),
                "`skip_page` needs a page_number or offset paginator: the others learn the next page from the one skipped",
            );
        }
        if self.message.is_some() && self.action != Action::Fail {
            diagnostics.error(&path.key("message"), "only `action: fail` has a message");
        }
        if self.content.as_deref() == Some("") {
            diagnostics.error_with_help(
                &path.key("content"),
                "every body contains an empty text",
                "name a text that the body has, or leave it out",
            );
        }
        if let Some(header) = &self.header
            && http::HeaderName::try_from(&header.name).is_err()
        {
            let path = path.key("header").key("name");
            diagnostics.error(&path, format_args!("`{}` is not a header name", header.name));
        }
        let statuses = match &self.status_code {
            Some(condition) => condition.compile(&path.key("status_code"), diagnostics),
            None => Vec::new(),
        };
        let json = self
            .json
            .as_ref()
            .map(|config| config.compile(&path.key("json"), diagnostics));
        let message = match &self.message {
            None => None,
            Some(text) => Some(Template::compile(
                text,
                &["response"],
                &path.key("message"),
                diagnostics,
            )?),
        };
        let json = match json {
            None => None,
            Some(compiled) => Some(compiled?),
        };
        Some(ResponseAction {
            statuses,
            content: self.content.clone(),
            json,
            header: self
                .header
                .as_ref()
                .map(|header| (header.name.to_lowercase(), header.contains.clone())),
            action: self.action,
            message,
        })
    }
}

impl JsonConditionConfig {
    fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<(JsonPath, Comparison)> {
        let json_path = match JsonPath::parse(&self.path) {
            Ok(json_path) => json_path,
            Err(reason) => {
                diagnostics.error(
                    &path.key("path"),
                    format_args!("`{}` is not a JSONPath: {reason}", self.path),
                );
                return None;
            }
        };
        let comparison = match (&self.equals, &self.not_equals) {
            (Some(_), Some(_)) => {
                diagnostics.error(&path.key("not_equals"), "`equals` and `not_equals` exclude each other");
                return None;
            }
            (Some(value), None) => Comparison::Equals(value.clone().into()),
            (None, Some(value)) => Comparison::Differs(value.clone().into()),
            (None, None) => Comparison::Exists,
        };
        Some((json_path, comparison))
    }
}

impl ResponseAction {
    /// Whether the answer meets every condition. `body` is the decoded body, where it is JSON.
    pub fn matches(&self, response: &Response, body: Option<&Value<'_>>) -> bool {
        let status = self.statuses.is_empty() || self.statuses.iter().any(|range| range.contains(&response.status));
        let content = |text: &String| {
            let text = text.as_bytes();
            response.body.windows(text.len()).any(|window| window == text)
        };
        let header = |(name, contains): &(String, Option<String>)| {
            response
                .header(name)
                .is_some_and(|value| contains.as_ref().is_none_or(|text| value.contains(text.as_str())))
        };
        let json = |(path, comparison): &(JsonPath, Comparison)| {
            body.is_some_and(|body| {
                let value = path.first(body);
                match comparison {
                    Comparison::Exists => value.is_some_and(|value| !value.is_null()),
                    Comparison::Equals(expected) => value.unwrap_or(&Value::Null) == expected,
                    Comparison::Differs(expected) => value.unwrap_or(&Value::Null) != expected,
                }
            })
        };
        status
            && self.content.as_ref().is_none_or(content)
            && self.header.as_ref().is_none_or(header)
            && self.json.as_ref().is_none_or(json)
    }
}

/// The value that `response` stands for in a message.
pub fn response_value(response: &Response, body: Option<&Value<'_>>) -> Computed {
    let text = String::from_utf8_lossy(&response.body[..response.body.len().min(2_000)]).into_owned();
    let members = [
        ("status", response.status.into()),
        ("headers", Computed::from_object(Headers(response.headers.clone()))),
        ("text", text.into()),
        ("json", to_value(body)),
    ];
    std::collections::BTreeMap::from(members).into()
}

/// The headers of an answer, by their names in any case.
#[derive(Debug)]
struct Headers(http::HeaderMap);

impl Object for Headers {
    fn get_value(self: &Arc<Self>, key: &Computed) -> Option<Computed> {
        let value = self.0.get(key.as_str()?)?;
        value.to_str().ok().map(Computed::from)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|name| Computed::from(name.as_str())).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(action: serde_json::Value, status: u16, body: &str) -> bool {
        let config: ResponseActionConfig = serde_json::from_value(action).unwrap();
        let mut diagnostics = Diagnostics::default();
        let action = config.compile(true, &KeyPath::root(), &mut diagnostics).unwrap();
        assert!(!diagnostics.has_errors(), "{diagnostics:?}");
        let mut headers = http::HeaderMap::new();
        headers.insert("x-state", "busy now".parse().unwrap());
        let url = url::Url::parse("https://a.test").unwrap();
        let response = Response {
            url,
            status,
            headers,
            body: body.as_bytes().to_vec(),
        };
        let decoded = crate::decoders::decode_json(body.as_bytes(), false).ok();
        action.matches(&response, decoded.as_ref())
    }

    #[test]
    fn all_conditions_must_hold() {
        for (action, status, body, met) in [
            (json!({"status_code": 404, "action": "ignore"}), 404, "", true),
            (json!({"status_code": 404, "action": "ignore"}), 400, "", false),
            (json!({"status_code": "404", "action": "ignore"}), 404, "", true),
            (json!({"status_code": "4xx", "action": "fail"}), 399, "", false),
            (json!({"status_code": "4xx", "action": "fail"}), 500, "", false),
            (json!({"status_code": "500-503", "action": "retry"}), 500, "", true),
            (json!({"status_code": "500-503", "action": "retry"}), 503, "", true),
            (
                json!({"status_code": null, "content": "gone", "json": null, "header": null, "action": "ignore"}),
                200,
                "it is gone",
                true,
            ),
            (json!({"status_code": "4xx", "action": "fail"}), 429, "", true),
            (json!({"status_code": "500-503", "action": "retry"}), 504, "", false),
            (json!({"status_code": [404, "5xx"], "action": "stop"}), 502, "", true),
            (
                json!({"content": "not found", "action": "ignore"}),
                200,
                "it is not found here",
                true,
            ),
            (
                json!({"content": "not found", "status_code": 400, "action": "ignore"}),
                200,
                "not found",
                false,
            ),
            (
                json!({"json": {"path": "status", "not_equals": 1}, "action": "fail"}),
                200,
                r#"{"status":0}"#,
                true,
            ),
            (
                json!({"json": {"path": "status", "not_equals": 1}, "action": "fail"}),
                200,
                r#"{"status":1}"#,
                false,
            ),
            (
                json!({"json": {"path": "status", "not_equals": 1}, "action": "fail"}),
                200,
                "<html>",
                false,
            ),
            (
                json!({"json": {"path": "error", "not_equals": null}, "action": "fail"}),
                200,
                "{}",
                false,
            ),
            (
                json!({"json": {"path": "error"}, "action": "fail"}),
                200,
                r#"{"error":"x"}"#,
                true,
            ),
            (
                json!({"header": {"name": "X-State", "contains": "busy"}, "action": "retry"}),
                200,
                "",
                true,
            ),
            (
                json!({"json": {"path": "a.b", "equals": null}, "action": "fail"}),
                200,
                "{}",
                true,
            ),
            (json!({"header": {"name": "x-STATE"}, "action": "retry"}), 200, "", true),
            (
                json!({"header": {"name": "X-State", "contains": "idle"}, "action": "retry"}),
                200,
                "",
                false,
            ),
            (
                json!({"header": {"name": "X-Other"}, "action": "retry"}),
                200,
                "",
                false,
            ),
        ] {
            assert_eq!(
                matches(action.clone(), status, body),
                met,
                "{action} on {status} {body}"
            );
        }
    }
}
