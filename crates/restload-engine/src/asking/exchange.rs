//! What is told of each request, and of one that came to nothing.

use restload_source::extraction::Progress;
use serde::Serialize;

/// A request and what came of it. Every text is redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exchange {
    /// The resource.
    pub resource: String,
    /// The parents' fields and the window that it was made with; empty for a resource without either.
    pub partition: String,
    /// The page, from 1.
    pub page: u64,
    /// The verb.
    pub method: String,
    /// The address.
    pub url: String,
    /// The status; none when nobody answered.
    pub status: Option<u16>,
    /// Milliseconds from the request to the end of the answer.
    pub millis: u64,
    /// Bytes of the answer, decompressed.
    pub bytes: u64,
    /// Records that the selector picked; none when no page was taken.
    pub records: Option<u64>,
    /// What was wrong.
    pub error: Option<String>,
}

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// No request could be made: a parent's record lacks a field, a placeholder has no value.
    Request,
    /// The credentials could not be obtained.
    Login,
    /// Nobody answered.
    Connection,
    /// The answer is an error by its status.
    Status(u16),
    /// The answer is not what it should be: no JSON, or without what the selector picks.
    Content,
    /// The records cannot be processed, or what follows them cannot be told.
    Records,
    /// The user has asked to stop.
    Cancelled,
}

/// Why a resource could not be asked for further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// How far it came.
    pub stage: Stage,
    /// Why, redacted.
    pub error: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A partition in words: `orders.id=7, window 2024-01-01..2024-01-02`.
pub(super) fn describe(progress: &Progress) -> String {
    let mut parts = Vec::new();
    for (resource, fields) in &progress.parents {
        push_fields(&mut parts, resource, fields);
    }
    if let Some(slice) = &progress.slice {
        parts.push(format!("window{}", slice.suffix().trim_start_matches('@')));
    }
    parts.join(", ")
}

fn push_fields(parts: &mut Vec<String>, path: &str, value: &serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                push_fields(parts, &format!("{path}.{name}"), member);
            }
        }
        serde_json::Value::String(text) => parts.push(format!("{path}={text}")),
        other => parts.push(format!("{path}={other}")),
    }
}
