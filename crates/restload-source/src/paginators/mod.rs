//! Paginators decide the next request from the page just received.
//!
//! Where a paginator stands is a [`Position`], which is data: it is the checkpoint, and a request is made from it
//! alone. `next` is a function of the page and the position, so nothing is counted on the side.

mod auto;
mod cursor;
mod header_cursor;
mod header_link;
mod json_link;
mod offset;
mod page_number;

use http::HeaderMap;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::json_path::JsonPath;
use crate::request::Draft;

pub use cursor::CursorConfig;
pub use header_cursor::HeaderCursorConfig;
pub use header_link::HeaderLinkConfig;
pub use json_link::JsonLinkConfig;
pub use offset::OffsetConfig;
pub use page_number::PageNumberConfig;

/// How the pages of an endpoint follow each other.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PaginatorConfig {
    /// Follow only what is certain: a `Link` header with `rel="next"`, or a `next` URL at the top of the answer; what
    /// was followed is said once. Anything else is a single page. Write the paginator out to be independent of this.
    Auto(NoOptions),
    /// One request; links and cursors in the answer are ignored.
    SinglePage(NoOptions),
    /// Count pages in a query parameter or in the body.
    PageNumber(PageNumberConfig),
    /// Count records in a query parameter or in the body.
    Offset(OffsetConfig),
    /// Follow a token found in the previous page.
    Cursor(CursorConfig),
    /// Follow a URL found in the previous page.
    JsonLink(JsonLinkConfig),
    /// Follow a `Link` header.
    HeaderLink(HeaderLinkConfig),
    /// Follow a token found in a header of the previous page.
    HeaderCursor(HeaderCursorConfig),
    /// dlt's old name of `json_link`.
    JsonResponse(JsonLinkConfig),
}

/// A member without options.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

/// The names a paginator can be written by alone.
pub const NAMES: [&str; 8] = [
    "auto",
    "single_page",
    "page_number",
    "cursor",
    "json_link",
    "header_link",
    "header_cursor",
    "json_response",
];

/// A compiled paginator.
#[derive(Debug)]
pub enum Paginator {
    /// See [`PaginatorConfig::Auto`].
    Auto,
    /// One request.
    SinglePage,
    /// Counts pages.
    PageNumber(page_number::PageNumber),
    /// Counts records.
    Offset(offset::Offset),
    /// Follows a token in the body.
    Cursor(cursor::Cursor),
    /// Follows a URL in the body.
    JsonLink(json_link::JsonLink),
    /// Follows a `Link` header.
    HeaderLink(header_link::HeaderLink),
    /// Follows a token in a header.
    HeaderCursor(header_cursor::HeaderCursor),
}

/// Where in its pages a partition stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// Before the first page.
    Start,
    /// At the page of that number.
    Page(i64),
    /// At the record of that number.
    Offset(i64),
    /// At the page that a token stands for.
    Cursor(serde_json::Value),
    /// At the page that a URL stands for.
    Link(String),
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Start => f.write_str("the first page"),
            Self::Page(number) => write!(f, "page number {number}"),
            Self::Offset(offset) => write!(f, "offset {offset}"),
            Self::Cursor(serde_json::Value::String(token)) => write!(f, "page token `{token}`"),
            Self::Cursor(token) => write!(f, "page token `{token}`"),
            Self::Link(link) => write!(f, "link `{link}`"),
        }
    }
}

/// What a paginator looks at.
#[derive(Debug)]
pub struct Page<'p> {
    /// The address that was requested.
    pub url: &'p Url,
    /// The response's headers.
    pub headers: &'p HeaderMap,
    /// The decoded body.
    pub body: &'p Value<'p>,
    /// How many records the selector picked.
    pub record_count: usize,
    /// Where the page stands.
    pub position: &'p Position,
}

/// The decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Another page follows there.
    Next(Position),
    /// That was the last page.
    Done,
}

/// Why it cannot be decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PaginateError {
    message: String,
}

impl PaginateError {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl PaginatorConfig {
    /// Compiles the paginator; mistakes are noted.
    pub fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Paginator> {
        Some(match self {
            Self::Auto(_) => Paginator::Auto,
            Self::SinglePage(_) => Paginator::SinglePage,
            Self::PageNumber(config) => Paginator::PageNumber(config.compile(path, diagnostics)?),
            Self::Offset(config) => Paginator::Offset(config.compile(path, diagnostics)?),
            Self::Cursor(config) => Paginator::Cursor(config.compile(path, diagnostics)?),
            Self::JsonLink(config) | Self::JsonResponse(config) => {
                Paginator::JsonLink(config.compile(path, diagnostics)?)
            }
            Self::HeaderLink(config) => Paginator::HeaderLink(config.compile()),
            Self::HeaderCursor(config) => Paginator::HeaderCursor(config.compile(path, diagnostics)?),
        })
    }
}

impl Paginator {
    /// Writes the position into a request. A link is the whole address, and is handled by whoever drafts the request.
    pub fn apply(&self, position: &Position, draft: &mut Draft) {
        match self {
            Self::Auto | Self::SinglePage | Self::JsonLink(_) | Self::HeaderLink(_) => {}
            Self::PageNumber(paginator) => paginator.apply(position, draft),
            Self::Offset(paginator) => paginator.apply(position, draft),
            Self::Cursor(paginator) => paginator.apply(position, draft),
            Self::HeaderCursor(paginator) => paginator.apply(position, draft),
        }
    }

    /// What follows a page.
    pub fn next(&self, page: &Page<'_>) -> Result<Step, PaginateError> {
        match self {
            Self::Auto => auto::next(page),
            Self::SinglePage => Ok(Step::Done),
            Self::PageNumber(paginator) => paginator.next(page),
            Self::Offset(paginator) => paginator.next(page),
            Self::Cursor(paginator) => paginator.next(page),
            Self::JsonLink(paginator) => paginator.next(page),
            Self::HeaderLink(paginator) => paginator.next(page),
            Self::HeaderCursor(paginator) => paginator.next(page),
        }
    }

    /// Whether the position goes into the JSON body, which a form body leaves no room for.
    pub fn writes_body(&self) -> bool {
        match self {
            Self::PageNumber(paginator) => paginator.writes_body(),
            Self::Offset(paginator) => paginator.writes_body(),
            Self::Cursor(paginator) => paginator.writes_body(),
            _ => false,
        }
    }

    /// Whether the server may give the same page for two positions without the API being at fault.
    pub fn counts(&self) -> bool {
        matches!(self, Self::PageNumber(_) | Self::Offset(_))
    }
}

/// How a config would say what `auto` has followed.
pub(crate) fn explain_auto(position: &Position, headers: &HeaderMap) -> Option<&'static str> {
    auto::explain(position, headers)
}

/// Compiles a JSONPath that a member is configured with.
fn compile_path(text: &str, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<JsonPath> {
    match JsonPath::parse(text) {
        Ok(compiled) => Some(compiled),
        Err(reason) => {
            diagnostics.error(path, format_args!("`{text}` is not a JSONPath: {reason}"));
            None
        }
    }
}

/// The position of a link in an answer: resolved against the address that gave it. Empty means the end.
fn follow(link: &str, page: &Page<'_>) -> Result<Step, PaginateError> {
    let link = link.trim();
    if link.is_empty() {
        return Ok(Step::Done);
    }
    let mut base = page.url.clone();
    base.set_query(None);
    match base.join(link) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Step::Next(Position::Link(url.into()))),
        _ => Err(PaginateError::new(format!("the next link `{link}` is not a URL"))),
    }
}

/// Where a value goes in a request.
#[derive(Debug, Clone)]
enum Placement {
    Param(String),
    Body(String),
}

impl Placement {
    /// Exactly one of the two, or the default parameter when neither is given.
    fn compile(
        param: (&str, Option<&str>),
        body: (&str, Option<&str>),
        default_param: &str,
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let (param_key, param) = param;
        let (body_key, body) = body;
        for (key, value) in [(param_key, param), (body_key, body)] {
            if value == Some("") {
                diagnostics.error(&path.key(key), format_args!("`{key}` is empty"));
                return None;
            }
        }
        match (param, body) {
            (Some(_), Some(_)) => {
                diagnostics.error(
                    &path.key(body_key),
                    format_args!("`{param_key}` and `{body_key}` exclude each other: the value goes to one place"),
                );
                None
            }
            (None, Some(body)) => Some(Self::Body(body.to_owned())),
            (param, None) => Some(Self::Param(param.unwrap_or(default_param).to_owned())),
        }
    }

    fn write(&self, draft: &mut Draft, value: &serde_json::Value) {
        match self {
            Self::Body(path) => draft.set_body(path, value.clone()),
            Self::Param(name) => match value {
                serde_json::Value::String(text) => draft.set_param(name, text.clone()),
                other => draft.set_param(name, other.to_string()),
            },
        }
    }

    fn is_body(&self) -> bool {
        matches!(self, Self::Body(_))
    }
}

/// The stop rules that counting paginators share, and the `has_more` flag that cursors know too.
#[derive(Debug)]
struct StopRules {
    total: Option<JsonPath>,
    maximum: Option<i64>,
    stop_after_empty_page: bool,
    has_more: Option<JsonPath>,
}

impl StopRules {
    /// Whether nothing follows, when the next position would be `next` and positions begin at `base`.
    fn is_over(&self, page: &Page<'_>, next: i64, base: i64) -> Result<bool, PaginateError> {
        if self.stop_after_empty_page && page.record_count == 0 {
            return Ok(true);
        }
        if let Some(path) = &self.total
            && let Some(total) = path.first(page.body).filter(|value| !value.is_null())
            && next >= read_integer(total, path)?.saturating_add(base)
        {
            return Ok(true);
        }
        Ok(self.maximum.is_some_and(|maximum| next >= maximum) || !has_more(self.has_more.as_ref(), page)?)
    }
}

/// What the flag says; true where no flag is configured.
fn has_more(path: Option<&JsonPath>, page: &Page<'_>) -> Result<bool, PaginateError> {
    let Some(path) = path else { return Ok(true) };
    let value = path.first(page.body);
    let text = value.map(|value| value.to_text().to_lowercase());
    match text.as_deref() {
        Some("true" | "yes" | "t" | "y" | "1") => Ok(true),
        Some("false" | "no" | "f" | "n" | "0") => Ok(false),
        Some(other) => Err(PaginateError::new(format!(
            "has_more_path `{}` holds `{other}`, which is neither true nor false",
            path.as_str()
        ))),
        None => Err(PaginateError::new(format!(
            "has_more_path `{}` is not in the answer",
            path.as_str()
        ))),
    }
}

fn read_integer(value: &Value<'_>, path: &JsonPath) -> Result<i64, PaginateError> {
    let number = match value {
        Value::Integer(number) => Some(*number),
        Value::Double(number) => Some(number.floor() as i64),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| {
        PaginateError::new(format!(
            "total_path `{}` holds {}, which is not a whole number",
            path.as_str(),
            value.to_json()
        ))
    })
}

/// The options that [`StopRules`] are compiled from.
struct StopOptions<'o> {
    total_path: Option<&'o str>,
    maximum: (&'o str, Option<i64>),
    stop_after_empty_page: bool,
    has_more_path: Option<&'o str>,
}

impl StopOptions<'_> {
    fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<StopRules> {
        let optional = |key: &str, text: Option<&str>, diagnostics: &mut Diagnostics| match text {
            None => Some(None),
            Some(text) => compile_path(text, &path.key(key), diagnostics).map(Some),
        };
        let total = optional("total_path", self.total_path, diagnostics);
        let has_more = optional("has_more_path", self.has_more_path, diagnostics);
        let (maximum_key, maximum) = self.maximum;
        if self.total_path.is_none() && self.has_more_path.is_none() && maximum.is_none() && !self.stop_after_empty_page
        {
            diagnostics.error_with_help(
                path,
                "nothing would ever stop the paging",
                format_args!("set one of total_path, has_more_path, {maximum_key} or stop_after_empty_page: true"),
            );
            return None;
        }
        Some(StopRules {
            total: total?,
            maximum,
            stop_after_empty_page: self.stop_after_empty_page,
            has_more: has_more?,
        })
    }
}

#[cfg(test)]
mod tests;
