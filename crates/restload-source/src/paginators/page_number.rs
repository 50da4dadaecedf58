//! `page_number`: counts pages.

use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Page, PaginateError, Placement, Position, Step, StopOptions, StopRules};
use crate::request::Draft;

/// Count pages in a query parameter or in the body.
///
/// ```yaml
/// paginator: { type: page_number, base_page: 1, total_path: meta.pages }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageNumberConfig {
    /// The number of the API's first page.
    #[serde(default)]
    pub base_page: i64,
    /// The page to begin with; `base_page` when absent.
    #[serde(default)]
    pub page: Option<i64>,
    /// Query parameter that carries the page number; `page` when neither this nor `page_body_path` is given.
    #[serde(default)]
    pub page_param: Option<String>,
    /// Dotted path in the JSON body that carries the page number instead.
    #[serde(default)]
    pub page_body_path: Option<String>,
    /// JSONPath of the total number of pages. A total that is missing or null is taken for unknown.
    #[serde(default = "default_total_path")]
    pub total_path: Option<String>,
    /// Stop before this page number.
    #[serde(default)]
    pub maximum_page: Option<i64>,
    /// Stop when a page has no records.
    #[serde(default = "default_true")]
    pub stop_after_empty_page: bool,
    /// JSONPath of a flag that says whether another page follows.
    #[serde(default)]
    pub has_more_path: Option<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's own type")]
pub(super) fn default_total_path() -> Option<String> {
    Some("total".to_owned())
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
}

impl PageNumberConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<PageNumber> {
        let placement = Placement::compile(
            ("page_param", self.page_param.as_deref()),
            ("page_body_path", self.page_body_path.as_deref()),
            "page",
            path,
            diagnostics,
        );
        let stop = StopOptions {
            total_path: self.total_path.as_deref(),
            maximum: ("maximum_page", self.maximum_page),
            stop_after_empty_page: self.stop_after_empty_page,
            has_more_path: self.has_more_path.as_deref(),
        };
        let stop = stop.compile(path, diagnostics);
        let first = self.page.unwrap_or(self.base_page);
        Some(PageNumber {
            base: self.base_page,
            first,
            placement: placement?,
            stop: stop?,
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

    pub(super) fn apply(&self, position: &Position, draft: &mut Draft) {
        self.placement.write(draft, &self.number(position).into());
    }

    pub(super) fn next(&self, page: &Page<'_>) -> Result<Step, PaginateError> {
        let next = self.number(page.position) + 1;
        if self.stop.is_over(page, next, self.base)? {
            Ok(Step::Done)
        } else {
            Ok(Step::Next(Position::Page(next)))
        }
    }

    pub(super) fn writes_body(&self) -> bool {
        self.placement.is_body()
    }
}
