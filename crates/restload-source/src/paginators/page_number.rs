//! `page_number`: counts pages.

use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::placement::{Placement, PlacementOptions};
use super::stop_rules::{StopOptions, StopRules, TotalPath, compile_page_size};
use super::{Page, PaginateError, Position, Step};
use crate::request::Draft;

/// Count pages in a query parameter, in the body, or in a header. Where `total_path` or `total_header` is written and
/// tells the number of pages, they are requested ahead, up to the client's `concurrency`, and loaded in their order.
///
/// ```yaml
/// paginator: { type: page_number, base_page: 1, total_path: meta.pages }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageNumberConfig {
    /// The number of the API's first page: 0, or 1 with many APIs. Never guessed: with a wrong one a page is loaded
    /// twice, or the last one not at all.
    #[serde(default)]
    pub base_page: i64,
    /// The page to begin with; `base_page` when absent.
    #[serde(default)]
    pub page: Option<i64>,
    /// Query parameter that carries the page number; `page` when no other place is given.
    #[serde(default)]
    pub page_param: Option<String>,
    /// Dotted path in the JSON body that carries the page number instead; objects on the way to it are made.
    #[serde(default)]
    pub page_body_path: Option<String>,
    /// Request header that carries the page number instead.
    #[serde(default)]
    pub page_header: Option<String>,
    /// JSONPath of the total number of pages (not of records). A total that is missing, null or not counted (-1, or 0
    /// beside records) is taken for unknown; one that an earlier page has told holds for the later ones. Null if
    /// there is none.
    #[serde(default)]
    pub total_path: TotalPath,
    /// Response header with the total number of pages, instead of `total_path`.
    ///
    /// ```yaml
    /// paginator: { type: page_number, base_page: 1, total_header: X-Total-Pages }
    /// ```
    #[serde(default)]
    pub total_header: Option<String>,
    /// Stop before this page number. The first page is requested whatever it is.
    #[serde(default)]
    pub maximum_page: Option<i64>,
    /// Stop when a page has no records; null is `false`.
    #[serde(default = "default_true", deserialize_with = "crate::config::or_default")]
    #[schemars(with = "Option<bool>")]
    pub stop_after_empty_page: bool,
    /// Records of a full page: one with fewer is the last. It is not sent; the API's own parameter for it belongs
    /// into `params`. Not for APIs that filter a page after they have counted it.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub page_size: Option<i64>,
    /// JSONPath of a flag that says whether another page follows. It is a boolean, or one of the texts true, yes, t, y,
    /// 1, false, no, f, n and 0 in any case; where it is missing or anything else, that is an error. It can end the
    /// paging, never prolong it.
    #[serde(default)]
    pub has_more_path: Option<String>,
}

pub(super) fn default_true() -> bool {
    true
}

/// Counts pages.
#[derive(Debug)]
pub struct PageNumber {
    base: i64,
    first: i64,
    placement: Placement,
    stop: StopRules,
    /// Whether the config says that a total is one of pages. What an API has under `total` is one of records as often.
    trusts_total: bool,
}

impl PageNumberConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<PageNumber> {
        let placement = PlacementOptions {
            noun: "page",
            param: self.page_param.as_deref(),
            body_path: self.page_body_path.as_deref(),
            header: self.page_header.as_deref(),
            default_param: Some("page"),
        };
        let placement = placement.compile(path, diagnostics);
        let full_page = compile_page_size(self.page_size, path, diagnostics);
        let stop = StopOptions {
            total_path: &self.total_path,
            total_header: self.total_header.as_deref(),
            maximum: ("maximum_page", self.maximum_page),
            stop_after_empty_page: self.stop_after_empty_page,
            full_page: full_page.ok().flatten(),
            has_more_path: self.has_more_path.as_deref(),
        };
        let stop = stop.compile(path, diagnostics);
        full_page.ok()?;
        Some(PageNumber {
            base: self.base_page,
            first: self.page.unwrap_or(self.base_page),
            placement: placement?,
            stop: stop?,
            trusts_total: self.total_path != TotalPath::Usual || self.total_header.is_some(),
        })
    }
}

impl PageNumber {
    fn number(&self, position: &Position) -> i64 {
        match position {
            Position::Page(number) => *number,
            _ => self.first,
        }
    }

    pub(super) fn apply(&self, position: &Position, draft: &mut Draft) -> Result<(), String> {
        self.placement.write(draft, &self.number(position).into())
    }

    pub(super) fn next(&self, page: &Page<'_>) -> Result<Step, PaginateError> {
        let next = self.number(page.position).saturating_add(1);
        let is_over = self.stop.is_over(page, next, self.base)?;
        Ok(Step::unless(is_over, Position::Page(next)))
    }

    pub(super) fn skip(&self, page: &Page<'_>) -> Step {
        let next = self.number(page.position).saturating_add(1);
        Step::unless(self.stop.is_over_unread(page, next), Position::Page(next))
    }

    pub(super) fn end(&self, page: &Page<'_>) -> Option<i64> {
        self.stop.end(page, self.base)
    }

    /// Whether it is the page after page 0 of those that are counted from there.
    pub(super) fn is_second_from_zero(&self, position: &Position) -> bool {
        self.base == 0 && self.first == 0 && *position == Position::Page(1)
    }

    pub(super) fn trusts_total(&self) -> bool {
        self.trusts_total
    }

    /// An API that counts from 1 may well answer that its page 0 is empty, which ends the paging before it has begun.
    pub(super) fn doubt(&self, page: &Page<'_>) -> Option<String> {
        let is_start = self.base == 0 && self.first == 0 && *page.position == Position::Start;
        let total = self
            .end(page)
            .filter(|total| *total > 0 && is_start && page.record_count == 0)?;
        Some(format!(
            "its page 0 is empty beside a total of {total}; if the API counts its pages from 1, write `base_page: 1`"
        ))
    }

    pub(super) fn upcoming(&self, from: &Position, end: Option<i64>, most: usize) -> Vec<Position> {
        let first = self.number(from);
        let end = self
            .stop
            .certain_end(end.filter(|_| self.trusts_total))
            .unwrap_or(first);
        (first + 1..end).take(most).map(Position::Page).collect()
    }

    pub(super) fn page_bounds(&self) -> (u64, Option<u64>) {
        self.stop.page_bounds(self.first, 1)
    }

    pub(super) fn body_paths(&self) -> Vec<&str> {
        self.placement.body_path().into_iter().collect()
    }
}
