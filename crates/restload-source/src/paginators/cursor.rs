//! `cursor`: follows a token found in the previous page.

use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::placement::{Placement, PlacementOptions};
use super::stop_rules::{compile_optional_path, compile_page_size, has_more, is_short};
use super::{Page, PaginateError, Position, Step, compile_path};
use crate::json_path::JsonPath;
use crate::request::Draft;

/// Follow a token found in the previous page.
///
/// ```yaml
/// paginator: { type: cursor, cursor_path: meta.next, cursor_param: page_token }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CursorConfig {
    /// JSONPath of the next cursor; paging stops when it is missing, null, empty, 0 or false. A list or an object can
    /// be a cursor too, where it goes into the body.
    #[serde(default = "default_cursor_path")]
    pub cursor_path: String,
    /// Query parameter that carries the cursor; `cursor` when no other place is given.
    #[serde(default)]
    pub cursor_param: Option<String>,
    /// Dotted path in the JSON body that carries the cursor instead.
    #[serde(default)]
    pub cursor_body_path: Option<String>,
    /// Request header that carries the cursor instead.
    #[serde(default)]
    pub cursor_header: Option<String>,
    /// Stop when a page has no records, even when it names a cursor.
    #[serde(default, deserialize_with = "crate::config::or_default")]
    #[schemars(with = "Option<bool>")]
    pub stop_after_empty_page: bool,
    /// Records of a full page: one with fewer is the last, even when it names a cursor. It is not sent; the API's own
    /// parameter for it belongs into `params`.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub page_size: Option<i64>,
    /// JSONPath of a flag that says whether another page follows. It is a boolean, or one of the texts true, yes, t, y,
    /// 1, false, no, f, n and 0 in any case; where it is missing or anything else, that is an error. It can end the
    /// paging, never prolong it: where it is true and there is no cursor, that is an error too.
    #[serde(default)]
    pub has_more_path: Option<String>,
}

fn default_cursor_path() -> String {
    "cursors.next".to_owned()
}

/// Follows a token.
#[derive(Debug)]
pub struct Cursor {
    path: JsonPath,
    placement: Placement,
    stop_after_empty_page: bool,
    full_page: Option<i64>,
    has_more: Option<JsonPath>,
}

impl CursorConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Cursor> {
        let placement = PlacementOptions {
            noun: "cursor",
            param: self.cursor_param.as_deref(),
            body_path: self.cursor_body_path.as_deref(),
            header: self.cursor_header.as_deref(),
            default_param: Some("cursor"),
        };
        let placement = placement.compile(path, diagnostics);
        let cursor = compile_path(&self.cursor_path, &path.key("cursor_path"), diagnostics);
        let full_page = compile_page_size(self.page_size, path, diagnostics);
        let has_more = compile_optional_path("has_more_path", self.has_more_path.as_deref(), path, diagnostics);
        Some(Cursor {
            path: cursor?,
            placement: placement?,
            stop_after_empty_page: self.stop_after_empty_page,
            full_page: full_page.ok()?,
            has_more: has_more.ok()?,
        })
    }
}

impl Cursor {
    pub(super) fn apply(&self, position: &Position, draft: &mut Draft) -> Result<(), String> {
        match position {
            Position::Cursor(token) => self.placement.write(draft, token),
            _ => Ok(()),
        }
    }

    pub(super) fn next(&self, page: &Page<'_>) -> Result<Step, PaginateError> {
        if (self.stop_after_empty_page && page.record_count == 0)
            || is_short(self.full_page, page)
            || !has_more(self.has_more.as_ref(), page)?
        {
            return Ok(Step::Done);
        }
        let token = match self.path.first(page.body) {
            None | Some(Value::Null | Value::Bool(false) | Value::Integer(0)) => return self.end(),
            Some(Value::Text(text)) if text.is_empty() => return self.end(),
            Some(Value::List(elements)) if elements.is_empty() => return self.end(),
            Some(Value::Object(members)) if members.0.is_empty() => return self.end(),
            Some(value) => token_of(value),
        };
        let is_scalar = |token: &serde_json::Value| !token.is_array() && !token.is_object();
        let fits = match (&self.placement, &token) {
            (Placement::Body(_), _) => true,
            (Placement::Param(_), serde_json::Value::Array(elements)) => elements.iter().all(is_scalar),
            (_, token) => is_scalar(token),
        };
        if fits {
            Ok(Step::Next(Position::Cursor(token)))
        } else {
            Err(PaginateError::new(format!(
                "cursor_path `{}` holds {token}, which only a JSON body can carry",
                self.path.as_str(),
            ))
            .with_help("name a single value, or set `cursor_body_path`"))
        }
    }

    /// What follows a page without a cursor. Where a flag says that more follows, it cannot be the last.
    fn end(&self) -> Result<Step, PaginateError> {
        let Some(flag) = &self.has_more else {
            return Ok(Step::Done);
        };
        Err(PaginateError::new(format!(
            "has_more_path `{}` says that more follows, and cursor_path `{}` holds no cursor to ask for it with",
            flag.as_str(),
            self.path.as_str()
        ))
        .with_help("correct `cursor_path`; without `has_more_path` a page that names no cursor is the last"))
    }

    pub(super) fn body_paths(&self) -> Vec<&str> {
        self.placement.body_path().into_iter().collect()
    }
}

/// A value of an answer as it is sent back: with its own digits, whatever their number.
pub(super) fn token_of(value: &Value<'_>) -> serde_json::Value {
    let text = value.to_json();
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(serde_json::Value::Number(number)) if number.to_string() != text => text.into(),
        Ok(token) => token,
        Err(_) => text.into(),
    }
}
