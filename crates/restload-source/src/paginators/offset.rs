//! `offset`: counts records.

use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::page_number::{default_total_path, default_true};
use super::{Page, PaginateError, Placement, Position, Step, StopOptions, StopRules};
use crate::request::Draft;

/// Count records in a query parameter or in the body.
///
/// ```yaml
/// paginator: { type: offset, limit: 100, total_path: meta.total }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OffsetConfig {
    /// Records per page, and the step from page to page. It must be one that the API grants: a smaller page than
    /// asked for leaves a gap.
    #[schemars(range(min = 1))]
    pub limit: i64,
    /// The offset to begin with.
    #[serde(default)]
    pub offset: i64,
    /// Query parameter that carries the offset; `offset` when neither this nor `offset_body_path` is given.
    #[serde(default)]
    pub offset_param: Option<String>,
    /// Dotted path in the JSON body that carries the offset instead.
    #[serde(default)]
    pub offset_body_path: Option<String>,
    /// Query parameter that carries the limit; `limit` when neither this nor `limit_body_path` is given.
    #[serde(default)]
    pub limit_param: Option<String>,
    /// Dotted path in the JSON body that carries the limit instead.
    #[serde(default)]
    pub limit_body_path: Option<String>,
    /// JSONPath of the total number of records. A total that is missing or null is taken for unknown.
    #[serde(default = "default_total_path")]
    pub total_path: Option<String>,
    /// Stop before this offset.
    #[serde(default)]
    pub maximum_offset: Option<i64>,
    /// Stop when a page has no records.
    #[serde(default = "default_true")]
    pub stop_after_empty_page: bool,
    /// JSONPath of a flag that says whether another page follows.
    #[serde(default)]
    pub has_more_path: Option<String>,
}

/// Counts records.
#[derive(Debug)]
pub struct Offset {
    first: i64,
    limit: i64,
    start: Placement,
    size: Placement,
    stop: StopRules,
}

impl OffsetConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Offset> {
        let start = Placement::compile(
            ("offset_param", self.offset_param.as_deref()),
            ("offset_body_path", self.offset_body_path.as_deref()),
            "offset",
            path,
            diagnostics,
        );
        let size = Placement::compile(
            ("limit_param", self.limit_param.as_deref()),
            ("limit_body_path", self.limit_body_path.as_deref()),
            "limit",
            path,
            diagnostics,
        );
        let stop = StopOptions {
            total_path: self.total_path.as_deref(),
            maximum: ("maximum_offset", self.maximum_offset),
            stop_after_empty_page: self.stop_after_empty_page,
            has_more_path: self.has_more_path.as_deref(),
        };
        let stop = stop.compile(path, diagnostics);
        if self.limit < 1 {
            diagnostics.error(&path.key("limit"), "`limit` must be at least 1");
            return None;
        }
        Some(Offset {
            first: self.offset,
            limit: self.limit,
            start: start?,
            size: size?,
            stop: stop?,
        })
    }
}

impl Offset {
    fn offset(&self, position: &Position) -> i64 {
        match position {
            Position::Offset(offset) => *offset,
            _ => self.first,
        }
    }

    pub(super) fn apply(&self, position: &Position, draft: &mut Draft) {
        self.start.write(draft, &self.offset(position).into());
        self.size.write(draft, &self.limit.into());
    }

    pub(super) fn next(&self, page: &Page<'_>) -> Result<Step, PaginateError> {
        let next = self.offset(page.position) + self.limit;
        if self.stop.is_over(page, next, 0)? {
            Ok(Step::Done)
        } else {
            Ok(Step::Next(Position::Offset(next)))
        }
    }

    pub(super) fn writes_body(&self) -> bool {
        self.start.is_body() || self.size.is_body()
    }
}
