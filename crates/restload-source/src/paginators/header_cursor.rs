//! `header_cursor`: follows a token found in a header of the previous page.

use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::placement::{Placement, PlacementOptions};
use super::{Page, Position, Step};
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
    /// Query parameter that carries the cursor; `cursor` when no other place is given.
    #[serde(default)]
    pub cursor_param: Option<String>,
    /// Dotted path in the JSON body that carries the cursor instead.
    #[serde(default)]
    pub cursor_body_path: Option<String>,
    /// Request header that carries the cursor instead.
    #[serde(default)]
    pub cursor_header: Option<String>,
}

fn default_cursor_key() -> String {
    "next".to_owned()
}

/// Follows a token in a header.
#[derive(Debug)]
pub struct HeaderCursor {
    header: http::HeaderName,
    placement: Placement,
}

impl HeaderCursorConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<HeaderCursor> {
        let placement = PlacementOptions {
            noun: "cursor",
            param: self.cursor_param.as_deref(),
            body_path: self.cursor_body_path.as_deref(),
            header: self.cursor_header.as_deref(),
            default_param: Some("cursor"),
        };
        let placement = placement.compile(path, diagnostics);
        let Ok(header) = http::HeaderName::try_from(&self.cursor_key) else {
            diagnostics.error(
                &path.key("cursor_key"),
                format_args!("`{}` is not a header name", self.cursor_key),
            );
            return None;
        };
        Some(HeaderCursor {
            header,
            placement: placement?,
        })
    }
}

impl HeaderCursor {
    pub(super) fn apply(&self, position: &Position, draft: &mut Draft) -> Result<(), String> {
        match position {
            Position::Cursor(token) => self.placement.write(draft, token),
            _ => Ok(()),
        }
    }

    pub(super) fn next(&self, page: &Page<'_>) -> Step {
        let value = page.headers.get(&self.header).map(http::HeaderValue::as_bytes);
        let token = String::from_utf8_lossy(value.unwrap_or_default());
        let token = token.trim();
        Step::unless(token.is_empty(), Position::Cursor(token.into()))
    }

    pub(super) fn body_paths(&self) -> Vec<&str> {
        self.placement.body_path().into_iter().collect()
    }
}
