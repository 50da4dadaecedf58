//! `header_cursor`: follows a token found in a header of the previous page.

use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Page, PaginateError, Position, Step};
use crate::request::Draft;

/// Follow a token found in a header of the previous page.
///
/// ```yaml
/// paginator: { type: header_cursor, cursor_key: X-Next-Cursor, cursor_param: cursor }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderCursorConfig {
    /// The header that holds the next cursor; paging stops when it is missing or empty.
    #[serde(default = "default_cursor_key")]
    pub cursor_key: String,
    /// Query parameter that carries the cursor.
    #[serde(default = "default_cursor_param")]
    pub cursor_param: String,
}

fn default_cursor_key() -> String {
    "next".to_owned()
}

fn default_cursor_param() -> String {
    "cursor".to_owned()
}

/// Follows a token in a header.
#[derive(Debug)]
pub struct HeaderCursor {
    header: http::HeaderName,
    param: String,
}

impl HeaderCursorConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<HeaderCursor> {
        let Ok(header) = http::HeaderName::try_from(&self.cursor_key) else {
            diagnostics.error(
                &path.key("cursor_key"),
                format_args!("`{}` is not a header name", self.cursor_key),
            );
            return None;
        };
        Some(HeaderCursor {
            header,
            param: self.cursor_param.clone(),
        })
    }
}

impl HeaderCursor {
    pub(super) fn apply(&self, position: &Position, draft: &mut Draft) {
        if let Position::Cursor(serde_json::Value::String(token)) = position {
            draft.set_param(&self.param, token.clone());
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the family's signature")]
    pub(super) fn next(&self, page: &Page<'_>) -> Result<Step, PaginateError> {
        let token = page
            .headers
            .get(&self.header)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .trim();
        if token.is_empty() {
            Ok(Step::Done)
        } else {
            Ok(Step::Next(Position::Cursor(token.into())))
        }
    }
}
