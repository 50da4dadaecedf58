//! Answers: what a route decides, and how it becomes a status, headers and bytes.

use serde_json::{Map, Value};

use crate::ids::Generator;
use crate::settings::RequestId;
use crate::state::{KeyOrder, LONE_SURROGATE, State};

pub(crate) type Handled = Result<Answer, Refusal>;

/// A JSON answer without its envelope's `request`.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Map<String, Value>,
    /// One recording of an `info` answer has an empty request id.
    pub(crate) has_blank_request_id: bool,
}

impl Answer {
    pub(crate) fn success() -> Self {
        Self::new(200).with("status", 1)
    }

    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn with_all(mut self, fields: Map<String, Value>) -> Self {
        self.fields.extend(fields);
        self
    }

    pub(crate) fn with_blank_request_id(mut self) -> Self {
        self.has_blank_request_id = true;
        self
    }

    pub(crate) fn render(mut self, state: &State, generator: &mut Generator) -> Rendered {
        let request_id = match state.settings.request_id {
            _ if self.has_blank_request_id => String::new(),
            RequestId::Uuid => generator.uuid(),
            RequestId::Hex32 => generator.hex(32),
        };
        self.fields
            .insert("request".to_owned(), Value::from(request_id.as_str()));
        let ordered = reorder(Value::Object(self.fields), state.key_order, generator);
        let text = ordered.to_string().replace(LONE_SURROGATE, "\\ud800");
        let mut rendered = Rendered::new(self.status, "application/json; charset=utf-8", text);
        rendered.headers.push(("cache-control", "no-cache".to_owned()));
        rendered.headers.push(("x-request-id", request_id));
        rendered
    }
}

/// A refused request: field errors are collected, so that several can appear in one answer.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    fields: Map<String, Value>,
    errors: Vec<String>,
}

impl Refusal {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            fields: Map::new(),
            errors: Vec::new(),
        }
    }

    /// A refusal for one reason: `field` says `what`, and the `errors` array says `text`.
    pub(crate) fn because(field: &str, what: &str, text: &str) -> Self {
        let mut refusal = Self::new(400);
        refusal.add(field, what, text);
        refusal
    }

    /// A refusal whose `errors` array has no field beside it.
    pub(crate) fn text(text: &str) -> Self {
        Self {
            errors: vec![text.to_owned()],
            ..Self::new(400)
        }
    }

    /// An account that spent its allowance, as recorded from 2013 to 2015; the wording since May 2026 is not known.
    pub(crate) fn quota_exhausted(limit: i64) -> Self {
        let text = format!("application has exceeded current limit of {limit} messages");
        Self::because("token", "invalid", &text).with_status(429)
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn add(&mut self, field: &str, what: &str, text: &str) {
        self.fields.insert(field.to_owned(), Value::from(what));
        self.errors.push(text.to_owned());
    }

    /// Refuses if anything was added.
    pub(crate) fn check(self) -> Result<(), Self> {
        if self.errors.is_empty() { Ok(()) } else { Err(self) }
    }

    pub(crate) fn into_answer(self) -> Answer {
        Answer::new(self.status)
            .with("status", 0)
            .with_all(self.fields)
            .with("errors", self.errors)
    }
}

/// Status, headers and body as they go on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Rendered {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Rendered {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
        }
    }

    pub(crate) fn ends_connection(&self) -> bool {
        self.headers
            .iter()
            .any(|(name, value)| *name == "connection" && value == "close")
    }

    /// A short page, as a router or a proxy gives it.
    pub(crate) fn html(status: u16, title: &str) -> Self {
        let page =
            format!("<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n");
        Self::new(status, "text/html", page)
    }
}

fn reorder(value: Value, order: KeyOrder, generator: &mut Generator) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| reorder(item, order, generator)).collect(),
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            match order {
                KeyOrder::Shuffled => generator.shuffle(&mut fields),
                KeyOrder::Reversed => fields.reverse(),
            }
            fields
                .into_iter()
                .map(|(name, value)| (name, reorder(value, order, generator)))
                .collect()
        }
        other => other,
    }
}
