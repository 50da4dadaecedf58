//! `offset`: counts records.

use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::page_number::default_true;
use super::placement::{Placement, PlacementOptions};
use super::stop_rules::{StopOptions, StopRules, TotalPath};
use super::{Page, PaginateError, Position, Step};
use crate::request::Draft;

/// Count records in a query parameter, in the body, or in a header. Where a page tells the total, the pages are
/// requested ahead, up to the client's `concurrency`, and loaded in their order.
///
/// ```yaml
/// paginator: { type: offset, limit: 100, total_path: meta.total }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OffsetConfig {
    /// Records per page, and the step from page to page. It must be one that the API grants: a smaller page than
    /// asked for leaves a gap, which is said when it is seen.
    #[schemars(range(min = 1))]
    pub limit: i64,
    /// The offset to begin with.
    #[serde(default)]
    pub offset: i64,
    /// Query parameter that carries the offset; `offset` when no other place is given.
    #[serde(default)]
    pub offset_param: Option<String>,
    /// Dotted path in the JSON body that carries the offset instead; objects on the way to it are made.
    #[serde(default)]
    pub offset_body_path: Option<String>,
    /// Request header that carries the offset instead.
    #[serde(default)]
    pub offset_header: Option<String>,
    /// Query parameter that carries the limit; `limit` when no other place is given.
    #[serde(default)]
    pub limit_param: Option<String>,
    /// Dotted path in the JSON body that carries the limit instead.
    #[serde(default)]
    pub limit_body_path: Option<String>,
    /// Request header that carries the limit instead.
    #[serde(default)]
    pub limit_header: Option<String>,
    /// JSONPath of the total number of records. A total that is missing, null or not counted (-1, or 0 beside
    /// records) is taken for unknown; one that an earlier page has told holds for the later ones. Null if there is
    /// none.
    #[serde(default)]
    pub total_path: TotalPath,
    /// Response header with the total number of records, instead of `total_path`.
    ///
    /// ```yaml
    /// paginator: { type: offset, limit: 100, total_header: X-Total-Count }
    /// ```
    #[serde(default)]
    pub total_header: Option<String>,
    /// Stop before this offset. The first page is requested whatever it is.
    #[serde(default)]
    pub maximum_offset: Option<i64>,
    /// Stop when a page has no records; null is `false`.
    #[serde(default = "default_true", deserialize_with = "crate::config::or_default")]
    #[schemars(with = "Option<bool>")]
    pub stop_after_empty_page: bool,
    /// Stop when a page has fewer records than `limit`. Not for APIs that grant fewer than asked for, or that filter
    /// a page after they have counted it.
    #[serde(default)]
    pub stop_after_short_page: bool,
    /// JSONPath of a flag that says whether another page follows. It is a boolean, or one of the texts true, yes, t, y,
    /// 1, false, no, f, n and 0 in any case; where it is missing or anything else, that is an error. It can end the
    /// paging, never prolong it.
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
        let start = PlacementOptions {
            noun: "offset",
            param: self.offset_param.as_deref(),
            body_path: self.offset_body_path.as_deref(),
            header: self.offset_header.as_deref(),
            default_param: Some("offset"),
        };
        let size = PlacementOptions {
            noun: "limit",
            param: self.limit_param.as_deref(),
            body_path: self.limit_body_path.as_deref(),
            header: self.limit_header.as_deref(),
            default_param: Some("limit"),
        };
        let start = start.compile(path, diagnostics);
        let size = size.compile(path, diagnostics);
        if start.is_some() && start == size {
            diagnostics.error_with_help(
                path,
                "the offset and the limit go to the same place, where the limit would be all that is sent",
                "give each a place of its own: `offset_param` and `limit_param`",
            );
        }
        let stop = StopOptions {
            total_path: &self.total_path,
            total_header: self.total_header.as_deref(),
            maximum: ("maximum_offset", self.maximum_offset),
            stop_after_empty_page: self.stop_after_empty_page,
            full_page: self.stop_after_short_page.then_some(self.limit),
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

    pub(super) fn apply(&self, position: &Position, draft: &mut Draft) -> Result<(), String> {
        self.start.write(draft, &self.offset(position).into())?;
        self.size.write(draft, &self.limit.into())
    }

    pub(super) fn next(&self, page: &Page<'_>) -> Result<Step, PaginateError> {
        let next = self.offset(page.position).saturating_add(self.limit);
        let is_over = self.stop.is_over(page, next, 0)?;
        Ok(Step::unless(is_over, Position::Offset(next)))
    }

    pub(super) fn skip(&self, page: &Page<'_>) -> Step {
        let next = self.offset(page.position).saturating_add(self.limit);
        Step::unless(self.stop.is_over_unread(page, next), Position::Offset(next))
    }

    pub(super) fn end(&self, page: &Page<'_>) -> Option<i64> {
        self.stop.end(page, 0)
    }

    pub(super) fn upcoming(&self, from: &Position, end: Option<i64>, most: usize) -> Vec<Position> {
        let first = self.offset(from);
        let end = self.stop.certain_end(end).unwrap_or(first);
        let step = usize::try_from(self.limit).unwrap_or(usize::MAX);
        (first..end)
            .step_by(step)
            .skip(1)
            .take(most)
            .map(Position::Offset)
            .collect()
    }

    pub(super) fn page_bounds(&self) -> (u64, Option<u64>) {
        self.stop.page_bounds(self.first, self.limit)
    }

    /// How many records a full page has.
    pub(super) fn limit(&self) -> i64 {
        self.limit
    }

    pub(super) fn body_paths(&self) -> Vec<&str> {
        [&self.start, &self.size]
            .into_iter()
            .filter_map(Placement::body_path)
            .collect()
    }
}
