//! `json_link`: follows a URL found in the previous page.

use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Page, PaginateError, Step, compile_path, follow};
use crate::json_path::JsonPath;

/// Follow a URL found in the previous page. The link carries the whole query: the endpoint's own `params` are sent
/// with the first request only.
///
/// ```yaml
/// paginator: { type: json_link, next_url_path: links.next }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonLinkConfig {
    /// JSONPath of the next URL, absolute or relative; paging stops when it is missing, null or empty.
    #[serde(default = "default_next_url_path")]
    pub next_url_path: String,
}

fn default_next_url_path() -> String {
    "next".to_owned()
}

/// Follows a URL in the body.
#[derive(Debug)]
pub struct JsonLink {
    path: JsonPath,
}

impl JsonLinkConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<JsonLink> {
        Some(JsonLink {
            path: compile_path(&self.next_url_path, &path.key("next_url_path"), diagnostics)?,
        })
    }
}

impl JsonLink {
    pub(super) fn next(&self, page: &Page<'_>) -> Result<Step, PaginateError> {
        match self.path.first(page.body) {
            None | Some(Value::Null | Value::Bool(false)) => Ok(Step::Done),
            Some(Value::Text(link)) => follow(link, page),
            Some(other) => Err(PaginateError::new(format!(
                "next_url_path `{}` holds {}, which is not a URL",
                self.path.as_str(),
                other.kind()
            ))),
        }
    }
}
