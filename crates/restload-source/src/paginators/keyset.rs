//! `keyset`: asks for what comes after the last record.

use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cursor::token_of;
use super::placement::{Placement, PlacementOptions};
use super::stop_rules::{compile_optional_path, compile_page_size, has_more, is_short};
use super::{Page, PaginateError, Position, Step, compile_path};
use crate::json_path::JsonPath;
use crate::request::Draft;

/// Ask for the records after the last one of the previous page, by a value of that record. The API must give them in
/// the order of that value, without the record that is named. Paging ends with a page without records.
///
/// ```yaml
/// paginator: { type: keyset, key_path: id, key_param: starting_after, has_more_path: has_more }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysetConfig {
    /// JSONPath of the value within the last record, as the API gave it: before any processing step.
    #[serde(default = "default_key_path")]
    pub key_path: String,
    /// Query parameter that carries the value, such as `starting_after` or `since_id`. One of the three places must
    /// be given.
    #[serde(default)]
    pub key_param: Option<String>,
    /// Dotted path in the JSON body that carries the value instead.
    #[serde(default)]
    pub key_body_path: Option<String>,
    /// Request header that carries the value instead.
    #[serde(default)]
    pub key_header: Option<String>,
    /// What the first request carries; nothing when absent.
    #[serde(default)]
    pub initial_value: Option<serde_json::Value>,
    /// Records of a full page: one with fewer is the last. It is not sent; the API's own parameter for it belongs
    /// into `params`.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub page_size: Option<i64>,
    /// JSONPath of a flag that says whether another page follows. It is a boolean, or one of the texts true, yes, t, y,
    /// 1, false, no, f, n and 0 in any case; where it is missing or anything else, that is an error. It can end the
    /// paging, never prolong it.
    #[serde(default)]
    pub has_more_path: Option<String>,
}

fn default_key_path() -> String {
    "id".to_owned()
}

/// Asks for what comes after the last record.
#[derive(Debug)]
pub struct Keyset {
    path: JsonPath,
    placement: Placement,
    initial_value: Option<serde_json::Value>,
    full_page: Option<i64>,
    has_more: Option<JsonPath>,
}

impl KeysetConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Keyset> {
        let placement = PlacementOptions {
            noun: "key",
            param: self.key_param.as_deref(),
            body_path: self.key_body_path.as_deref(),
            header: self.key_header.as_deref(),
            default_param: None,
        };
        let placement = placement.compile(path, diagnostics);
        let key = compile_path(&self.key_path, &path.key("key_path"), diagnostics);
        let full_page = compile_page_size(self.page_size, path, diagnostics);
        let has_more = compile_optional_path("has_more_path", self.has_more_path.as_deref(), path, diagnostics);
        if let Some(value @ (serde_json::Value::Array(_) | serde_json::Value::Object(_))) = &self.initial_value {
            diagnostics.error(
                &path.key("initial_value"),
                format_args!("`initial_value` must be a single value; this is {value}"),
            );
            return None;
        }
        Some(Keyset {
            path: key?,
            placement: placement?,
            initial_value: self.initial_value.clone(),
            full_page: full_page.ok()?,
            has_more: has_more.ok()?,
        })
    }
}

impl Keyset {
    pub(super) fn apply(&self, position: &Position, draft: &mut Draft) -> Result<(), String> {
        let value = match position {
            Position::Cursor(value) => Some(value),
            _ => self.initial_value.as_ref(),
        };
        value.map_or(Ok(()), |value| self.placement.write(draft, value))
    }

    pub(super) fn next(&self, page: &Page<'_>) -> Result<Step, PaginateError> {
        let Some(last) = page.last_record else {
            return Ok(Step::Done);
        };
        if is_short(self.full_page, page) || !has_more(self.has_more.as_ref(), page)? {
            return Ok(Step::Done);
        }
        match self.path.first(last) {
            Some(Value::Null) | None => Err(PaginateError::new(format!(
                "the last record of the page has no `{}` to go on from",
                self.path.as_str()
            ))
            .with_help("correct `key_path`: it is looked up in the record as the API gives it")),
            Some(value @ (Value::List(_) | Value::Object(_))) => Err(PaginateError::new(format!(
                "key_path `{}` holds {}, which cannot be sent as a key",
                self.path.as_str(),
                value.kind()
            ))),
            Some(value) => Ok(Step::Next(Position::Cursor(token_of(value)))),
        }
    }

    pub(super) fn body_paths(&self) -> Vec<&str> {
        self.placement.body_path().into_iter().collect()
    }
}
