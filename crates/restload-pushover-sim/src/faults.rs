//! Faults that a test injects: which requests they meet, when, and what goes wrong.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::answer::{Answer, Refusal, Rendered};
use crate::ids::{Generator, fingerprint};

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A 5xx with an HTML page, as the proxy in front gives it.
    ServerError(u16),
    /// A 5xx with a JSON body.
    ServerErrorJson(u16),
    /// 403 with an HTML page, then the connection is closed: the address is blocked.
    Blocked,
    /// 429 in the recorded form.
    QuotaExhausted,
    /// 429 in other words and without a `token` field, as it may be since May 2026.
    QuotaNewText,
    /// 200 with `status: 0` and an `errors` array.
    OkButStatusZero,
    /// 200 with `status: 1`, an `info` field and an empty request id.
    OkButInfo,
    /// 400 whose `errors` is an object of arrays.
    ErrorsObject,
    /// 400 whose `errors` is a text.
    ErrorsString,
    /// 400 without `errors`, only a field.
    ErrorsMissing,
    /// 200, declared as JSON, with a body that is none.
    NotJson,
    /// The real answer, cut in half against its `Content-Length`.
    Truncated,
    /// 200 with no body.
    EmptyBody,
    /// The real answer, declared as `text/plain`.
    WrongContentType,
    /// The connection is closed without an answer, and nothing was done.
    Drop,
    /// The connection is closed without an answer, after the request took effect.
    DropAfterEffect,
    /// The real answer, this many milliseconds late.
    Delay(u64),
    /// The real answer at this many bytes per second.
    Slow(u64),
    /// A redirect to the same path and query on another host.
    Redirect {
        /// 301, 302, 307 or 308.
        status: u16,
        /// Scheme and authority, such as `http://127.0.0.1:9`.
        to: String,
    },
    /// The real answer, compressed when the client accepts gzip.
    Gzip,
    /// The real answer with `null` in place of its data.
    NullSelector,
    /// The real answer with a list in place of its object of data.
    ListInstead,
    /// The real answer without its data.
    MissingSelector,
    /// The real answer with an undocumented object beside its data.
    ParameterFlags,
    /// 400 with a text that repeats the token or secret sent, to check that it is redacted.
    EchoSecret,
}

/// Which requests a fault may meet: a method and a path glob.
#[derive(Debug, Clone)]
pub struct Matcher {
    method: String,
    path: String,
}

/// At which of the matching requests a fault happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    /// At the nth one only, counting from 1.
    Nth(u64),
    /// At the first n.
    First(u64),
    /// At every one.
    Always,
    /// At each one with this probability, decided by the seed.
    Probability(f64),
}

#[derive(Debug, Clone)]
pub(crate) struct FaultRule {
    matcher: Matcher,
    fault: Fault,
    when: When,
    matched: u64,
}

impl Matcher {
    /// `*` as the method stands for any method, and in the path for any characters. A path without a leading
    /// slash is below `/1/`: `sounds.json` means `/1/sounds.json`.
    pub fn new(method: &str, path: &str) -> Self {
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/1/{path}")
        };
        Self {
            method: method.to_owned(),
            path,
        }
    }

    /// Matches every request.
    pub fn any() -> Self {
        Self::new("*", "/*")
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        (self.method == "*" || self.method.eq_ignore_ascii_case(method)) && glob_matches(&self.path, path)
    }
}

impl FaultRule {
    pub(crate) fn new(matcher: Matcher, fault: Fault, when: When) -> Self {
        Self {
            matcher,
            fault,
            when,
            matched: 0,
        }
    }
}

/// The fault of the first rule that is due. Every rule that matches counts the request.
pub(crate) fn pick(rules: &mut [FaultRule], seed: u64, method: &str, path: &str) -> Option<Fault> {
    let mut picked = None;
    for (index, rule) in rules.iter_mut().enumerate() {
        if !rule.matcher.matches(method, path) {
            continue;
        }
        rule.matched += 1;
        let is_due = match rule.when {
            When::Nth(number) => rule.matched == number,
            When::First(count) => rule.matched <= count,
            When::Always => true,
            When::Probability(probability) => {
                let place = fingerprint(&[&seed.to_be_bytes(), &index.to_be_bytes(), &rule.matched.to_be_bytes()]);
                Generator::new(place).chance(probability)
            }
        };
        if is_due && picked.is_none() {
            picked = Some(rule.fault.clone());
        }
    }
    picked
}

/// What a fault puts in the place of the real answer.
#[derive(Debug)]
pub(crate) enum Replacement {
    Json(Answer),
    Page(Rendered),
    Nothing,
}

/// What a fault needs to know of the request it replaces the answer of.
#[derive(Debug)]
pub(crate) struct Circumstances<'a> {
    /// The monthly limit of the account asked for.
    pub(crate) limit: i64,
    pub(crate) path_and_query: &'a str,
    /// The token or secret sent.
    pub(crate) credential: &'a str,
}

impl Fault {
    /// The answer in place of the real one, when the request is not to be handled at all.
    pub(crate) fn replacement(&self, around: &Circumstances<'_>) -> Option<Replacement> {
        let json_400 = |field: &str, errors: Option<Value>| {
            let answer = Answer::new(400).with("status", 0).with(field, "invalid");
            Replacement::Json(match errors {
                Some(errors) => answer.with("errors", errors),
                None => answer,
            })
        };
        Some(match self {
            Self::ServerError(status) => Replacement::Page(Rendered::html(*status, &format!("{status} Server Error"))),
            Self::ServerErrorJson(status) => {
                Replacement::Json(Refusal::text("internal error").with_status(*status).into_answer())
            }
            Self::Blocked => Replacement::Page(blocked()),
            Self::QuotaExhausted => Replacement::Json(Refusal::quota_exhausted(around.limit).into_answer()),
            Self::QuotaNewText => {
                let text = "your account has used all of its messages for this month";
                Replacement::Json(Refusal::text(text).with_status(429).into_answer())
            }
            Self::OkButStatusZero => {
                Replacement::Json(Refusal::text("something was not right").with_status(200).into_answer())
            }
            Self::OkButInfo => {
                let answer = Answer::success().with("info", "no active devices to send to");
                Replacement::Json(answer.with_blank_request_id())
            }
            Self::ErrorsObject => json_400("name", Some(json!({ "name": ["is invalid"] }))),
            Self::ErrorsString => json_400("name", Some(Value::from("name is invalid"))),
            Self::ErrorsMissing => json_400("name", None),
            Self::NotJson => Replacement::Page(Rendered::new(200, "application/json; charset=utf-8", "{\"status\":1,")),
            Self::EmptyBody => Replacement::Page(Rendered::new(200, "application/json; charset=utf-8", "")),
            Self::Drop => Replacement::Nothing,
            Self::Redirect { status, to } => {
                let mut page = Rendered::html(*status, "Moved");
                page.headers
                    .push(("location", format!("{to}{}", around.path_and_query)));
                Replacement::Page(page)
            }
            Self::EchoSecret => {
                let text = format!("application token {} is invalid", around.credential);
                Replacement::Json(Refusal::because("token", "invalid", &text).into_answer())
            }
            _ => return None,
        })
    }

    /// Changes the data of the real answer.
    pub(crate) fn alter_answer(&self, answer: &mut Answer) {
        if answer.status != 200 {
            return;
        }
        let data = answer
            .fields
            .iter()
            .find(|(_, value)| value.is_array() || value.is_object());
        let data = data.map(|(name, _)| name.clone()).unwrap_or_default();
        match self {
            Self::NullSelector => {
                answer.fields.insert(data, Value::Null);
            }
            Self::ListInstead => {
                if let Some(Value::Object(object)) = answer.fields.get(&data) {
                    let names: Vec<Value> = object.keys().map(|name| Value::from(name.as_str())).collect();
                    answer.fields.insert(data, Value::from(names));
                }
            }
            Self::MissingSelector => {
                answer.fields.remove(&data);
            }
            Self::ParameterFlags => {
                answer
                    .fields
                    .insert("parameter_flags".to_owned(), Value::Object(Map::new()));
            }
            _ => {}
        }
    }

    /// Changes the bytes of the real answer.
    pub(crate) fn alter_rendered(&self, rendered: &mut Rendered, accepts_gzip: bool) {
        match self {
            Self::WrongContentType => {
                for (name, value) in &mut rendered.headers {
                    if *name == "content-type" {
                        "text/plain".clone_into(value);
                    }
                }
            }
            Self::Gzip if accepts_gzip => {
                rendered.body = compress(&rendered.body);
                rendered.headers.push(("content-encoding", "gzip".to_owned()));
            }
            _ => {}
        }
    }

    pub(crate) fn delay(&self) -> Duration {
        match self {
            Self::Delay(milliseconds) => Duration::from_millis(*milliseconds),
            _ => Duration::ZERO,
        }
    }
}

/// The page of a blocked address, after which the connection is closed.
pub(crate) fn blocked() -> Rendered {
    let mut page = Rendered::html(403, "403 Forbidden");
    page.headers.push(("connection", "close".to_owned()));
    page
}

fn compress(body: &[u8]) -> Vec<u8> {
    use std::io::Write;

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing to memory cannot fail.
    if encoder.write_all(body).is_err() {
        return Vec::new();
    }
    encoder.finish().unwrap_or_default()
}

/// `*` stands for any characters, slashes too.
fn glob_matches(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(before) else {
        return false;
    };
    (0..=rest.len())
        .filter(|&start| rest.is_char_boundary(start))
        .any(|start| glob_matches(after, &rest[start..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_any_characters() {
        let cases = [
            ("sounds.json", "/1/sounds.json", true),
            ("/1/*", "/1/receipts/a.json", true),
            ("receipts/*.json", "/1/receipts/a.json", true),
            ("receipts/*/cancel.json", "/1/receipts/a.json", false),
            ("sounds.json", "/1/sounds.json2", false),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(
                Matcher::new("*", pattern).matches("GET", path),
                expected,
                "{pattern} {path}"
            );
        }
        assert!(!Matcher::new("POST", "*").matches("GET", "/1/sounds.json"));
    }

    #[test]
    fn rules_are_due_by_their_count() {
        // (when, due at the calls 1 to 4)
        let cases = [
            (When::Nth(2), [false, true, false, false]),
            (When::First(2), [true, true, false, false]),
            (When::Always, [true; 4]),
            (When::Probability(0.0), [false; 4]),
            (When::Probability(1.0), [true; 4]),
        ];
        for (when, expected) in cases {
            let mut rules = [FaultRule::new(Matcher::any(), Fault::Drop, when)];
            let due = [(); 4].map(|()| pick(&mut rules, 1, "GET", "/1/sounds.json").is_some());
            assert_eq!(due, expected, "{when:?}");
        }
    }
}
