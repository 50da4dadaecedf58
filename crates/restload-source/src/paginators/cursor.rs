//! `cursor`: follows a token found in the previous page.

use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Page, PaginateError, Placement, Position, Step, compile_path, has_more};
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
    /// JSONPath of the next cursor; paging stops when it is missing, null, empty, 0 or false.
    #[serde(default = "default_cursor_path")]
    pub cursor_path: String,
    /// Query parameter that carries the cursor; `cursor` when neither this nor `cursor_body_path` is given.
    #[serde(default)]
    pub cursor_param: Option<String>,
    /// Dotted path in the JSON body that carries the cursor instead.
    #[serde(default)]
    pub cursor_body_path: Option<String>,
    /// Stop when a page has no records, even when it names a cursor.
    #[serde(default)]
    pub stop_after_empty_page: bool,
    /// JSONPath of a flag that says whether another page follows.
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
    has_more: Option<JsonPath>,
}

impl CursorConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Cursor> {
        let placement = Placement::compile(
            ("cursor_param", self.cursor_param.as_deref()),
            ("cursor_body_path", self.cursor_body_path.as_deref()),
            "cursor",
            path,
            diagnostics,
        );
        let cursor = compile_path(&self.cursor_path, &path.key("cursor_path"), diagnostics);
        let has_more = match &self.has_more_path {
            None => Some(None),
            Some(text) => compile_path(text, &path.key("has_more_path"), diagnostics).map(Some),
        };
        Some(Cursor {
            path: cursor?,
            placement: placement?,
            stop_after_empty_page: self.stop_after_empty_page,
            has_more: has_more?,
        })
    }
}

impl Cursor {
    pub(super) fn apply(&self, position: &Position, draft: &mut Draft) {
        if let Position::Cursor(token) = position {
            self.placement.write(draft, token);
        }
    }

    pub(super) fn next(&self, page: &Page<'_>) -> Result<Step, PaginateError> {
        if (self.stop_after_empty_page && page.record_count == 0) || !has_more(self.has_more.as_ref(), page)? {
            return Ok(Step::Done);
        }
        let token = match self.path.first(page.body) {
            None | Some(Value::Null | Value::Bool(false) | Value::Integer(0)) => return Ok(Step::Done),
            Some(Value::Text(text)) if text.is_empty() => return Ok(Step::Done),
            Some(Value::Text(text)) => serde_json::Value::from(text.as_ref()),
            Some(Value::Integer(number)) => (*number).into(),
            Some(value @ (Value::Number(_) | Value::Double(_))) => value.to_json().into(),
            Some(other) => {
                return Err(PaginateError::new(format!(
                    "cursor_path `{}` holds {}, which cannot be sent as a token",
                    self.path.as_str(),
                    other.kind()
                )));
            }
        };
        Ok(Step::Next(Position::Cursor(token)))
    }

    pub(super) fn writes_body(&self) -> bool {
        self.placement.is_body()
    }
}
