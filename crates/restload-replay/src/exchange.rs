//! One exchange: a request, and what came of it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// An exchange as a script has it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own in the file")]
pub struct Exchange {
    /// The verb, and the path with its query or the whole URL.
    pub request: String,
    /// Headers that the request must have.
    pub request_headers: BTreeMap<String, String>,
    /// Headers that it must not have.
    pub absent_headers: Vec<String>,
    /// Its body: JSON, or the exact text. Any body does when there is none.
    pub request_body: Option<Value>,
    /// Whether this is how credentials are obtained. It is answered as often as it is asked for, whatever its body: when a
    /// session ends is a matter of time.
    pub login: bool,
    /// The status; 200 when there is none.
    pub status: Option<u16>,
    /// The address that answered, if a redirect led to another one.
    pub answered_by: Option<String>,
    /// The answer's headers.
    pub headers: BTreeMap<String, Texts>,
    /// The answer's body as JSON, or
    pub json: Option<Value>,
    /// as it is written, or
    pub text: Option<String>,
    /// as a file of the folder, which is decompressed when its name ends in `.gz`.
    pub file: Option<String>,
    /// No answer: the connection failed, in these words.
    pub failure: Option<String>,
    /// Whether it will not go better another time.
    pub lasting: bool,
    /// No answer: the connection is closed.
    pub close: bool,
    /// No answer: the connection stays open.
    pub silent: bool,
    /// Whether the answer goes over the wire compressed.
    pub gzip: bool,
    /// The same answer to this many requests.
    pub times: Option<usize>,
}

/// A header's value, or several when it is repeated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Texts {
    /// One.
    One(String),
    /// Several, in order.
    Several(Vec<String>),
}

impl Texts {
    /// The values.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let texts = match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Several(texts) => texts,
        };
        texts.iter().map(String::as_str)
    }

    /// With a change to each.
    #[must_use]
    pub fn map(&self, change: impl Fn(&str) -> String) -> Self {
        match self {
            Self::One(text) => Self::One(change(text)),
            Self::Several(texts) => Self::Several(texts.iter().map(|text| change(text)).collect()),
        }
    }
}

/// A request that is to be answered.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The verb.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// The headers, with their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// The verb and the URL.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.url)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What comes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Answer(Answer),
    /// No answer, for this reason.
    Failure {
        /// In words.
        reason: String,
        /// Whether it will not go better another time.
        is_lasting: bool,
    },
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The address that gave it, if it is not the one that was asked.
    pub url: Option<String>,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl Exchange {
    /// What comes of the request. Files are looked for in `folder`.
    pub fn outcome(&self, folder: &Path) -> Result<Outcome, String> {
        let failure = self.failure.clone().or_else(|| {
            let reason = match (self.close, self.silent) {
                (true, _) => "the connection failed: it was closed before the answer was whole",
                (_, true) => "no answer in time",
                _ => return None,
            };
            Some(reason.to_owned())
        });
        if let Some(reason) = failure {
            return Ok(Outcome::Failure {
                reason,
                is_lasting: self.lasting,
            });
        }
        let named = self.headers.iter();
        let headers = named.flat_map(|(name, values)| values.iter().map(|value| (name.clone(), value.to_owned())));
        Ok(Outcome::Answer(Answer {
            url: self.answered_by.clone(),
            status: self.status.unwrap_or(200),
            headers: headers.collect(),
            body: self.body(folder)?,
        }))
    }

    /// The answer's body.
    pub fn body(&self, folder: &Path) -> Result<Vec<u8>, String> {
        if let Some(json) = &self.json {
            return Ok(json.to_string().into_bytes());
        }
        if let Some(name) = &self.file {
            return read_body(folder, name).map_err(|error| format!("`{name}` cannot be read: {error}"));
        }
        Ok(self.text.clone().unwrap_or_default().into_bytes())
    }

    /// How a request differs from what is expected, besides its verb and URL.
    pub fn differences(&self, asked: &Asked) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, expected) in &self.request_headers {
            let found = asked.header(name);
            if found != Some(expected.as_str()) {
                problems.push(format!("header {name} is {found:?}, not {expected:?}"));
            }
        }
        for name in &self.absent_headers {
            if let Some(found) = asked.header(name) {
                problems.push(format!("header {name} is there: {found:?}"));
            }
        }
        if let Some(expected) = &self.request_body {
            let body = String::from_utf8_lossy(&asked.body);
            if canonical(&body) != expected_body(expected) {
                problems.push(format!("the body is {body}, not {expected}"));
            }
        }
        problems
    }
}

fn read_body(folder: &Path, name: &str) -> std::io::Result<Vec<u8>> {
    if Path::new(name)
        .components()
        .any(|part| !matches!(part, std::path::Component::Normal(_)))
    {
        return Err(std::io::Error::other("it leads out of the folder"));
    }
    let bytes = std::fs::read(folder.join(name))?;
    if Path::new(name).extension().is_none_or(|ending| ending != "gz") {
        return Ok(bytes);
    }
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut body)?;
    Ok(body)
}

/// A body, compressed as `.gz` files are.
pub(crate) fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}

/// A body as it is compared: JSON documents are the same in any order of their keys.
pub(crate) fn canonical(body: &str) -> String {
    if !body.trim_start().starts_with(['{', '[']) {
        return body.to_owned();
    }
    serde_json::from_str(body).map_or_else(|_| body.to_owned(), |value: Value| sorted(value).to_string())
}

/// What a script expects, as it is compared.
pub(crate) fn expected_body(expected: &Value) -> String {
    match expected {
        Value::String(text) => canonical(text),
        other => canonical(&other.to_string()),
    }
}

/// A document with the keys of its objects in order.
pub(crate) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            members.into_iter().collect()
        }
        Value::Array(elements) => elements.into_iter().map(sorted).collect(),
        other => other,
    }
}
