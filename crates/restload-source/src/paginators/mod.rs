//! Paginators decide the next request from the page just received.
//!
//! Where a paginator stands is a [`Position`], which is data: it is the checkpoint, and a request is made from it
//! alone. `next` is a function of the page and the position, so nothing is counted on the side.

mod auto;
mod cursor;
mod header_cursor;
mod header_link;
mod json_link;
mod keyset;
pub mod names;
mod offset;
mod page_number;
mod placement;
mod stop_rules;

use http::HeaderMap;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::json_path::JsonPath;
use crate::request::Draft;

pub use auto::plain_name;
pub(crate) use auto::{Signs, counting_header, is_about_paging};
pub use cursor::CursorConfig;
pub use header_cursor::HeaderCursorConfig;
pub use header_link::HeaderLinkConfig;
pub use json_link::JsonLinkConfig;
pub use keyset::KeysetConfig;
pub use offset::OffsetConfig;
pub use page_number::PageNumberConfig;
pub use stop_rules::TotalPath;

/// How the pages of an endpoint follow each other.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "a member's docs, with their example, stand at its struct; docs here would replace them in the schema"
)]
pub enum PaginatorConfig {
    /// Follow only what is certain: a `Link` header with `rel="next"`, a header such as `Next-Page` with a URL, or a next
    /// URL beside the records; what was followed is said once. A first page that tells of further ones in another way (a
    /// token, a number of pages, a total) is loaded and then refused, with the paginator to write. Anything else is a
    /// single page.
    Auto(NoOptions),
    /// One request; links and cursors in the answer are ignored.
    SinglePage(NoOptions),
    PageNumber(PageNumberConfig),
    Offset(OffsetConfig),
    Cursor(CursorConfig),
    Keyset(KeysetConfig),
    JsonLink(JsonLinkConfig),
    HeaderLink(HeaderLinkConfig),
    HeaderCursor(HeaderCursorConfig),
    /// dlt's old name of `json_link`, which is to be written instead.
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

/// What a paginator without a `type` is, as with dlt.
pub const DEFAULT: &str = "auto";

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
    /// Asks for what comes after the last record.
    Keyset(keyset::Keyset),
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
    /// The names of the objects that the records are in, outermost first.
    pub containers: &'p [&'p str],
    /// How many records the selector picked.
    pub record_count: usize,
    /// The last of them.
    pub last_record: Option<&'p Value<'p>>,
    /// Whether the body is itself the one record, so that nothing in it is about pages.
    pub is_record: bool,
    /// The position at which nothing is any more, where an earlier page has told it.
    pub known_end: Option<i64>,
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

impl Step {
    fn unless(is_over: bool, next: Position) -> Self {
        if is_over { Self::Done } else { Self::Next(next) }
    }
}

/// Why it cannot be decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PaginateError {
    message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl PaginateError {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
        }
    }

    fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
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
            Self::Keyset(config) => Paginator::Keyset(config.compile(path, diagnostics)?),
            Self::JsonLink(config) => Paginator::JsonLink(config.compile(path, diagnostics)?),
            Self::JsonResponse(config) => {
                let help = Some("write `json_link`, which does the same".to_owned());
                diagnostics.warning(path, "`json_response` is an old name", help);
                Paginator::JsonLink(config.compile(path, diagnostics)?)
            }
            Self::HeaderLink(config) => Paginator::HeaderLink(config.compile(path, diagnostics)?),
            Self::HeaderCursor(config) => Paginator::HeaderCursor(config.compile(path, diagnostics)?),
        })
    }
}

impl Paginator {
    /// Writes the position into a request. A link is the whole address, and is handled by whoever drafts the request.
    pub fn apply(&self, position: &Position, draft: &mut Draft) -> Result<(), String> {
        match self {
            Self::Auto | Self::SinglePage | Self::JsonLink(_) | Self::HeaderLink(_) => Ok(()),
            Self::PageNumber(paginator) => paginator.apply(position, draft),
            Self::Offset(paginator) => paginator.apply(position, draft),
            Self::Cursor(paginator) => paginator.apply(position, draft),
            Self::Keyset(paginator) => paginator.apply(position, draft),
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
            Self::Keyset(paginator) => paginator.next(page),
            Self::JsonLink(paginator) => paginator.next(page),
            Self::HeaderLink(paginator) => paginator.next(page),
            Self::HeaderCursor(paginator) => Ok(paginator.next(page)),
        }
    }

    /// What follows a page that could not be read. Only those who count know.
    pub fn skip(&self, page: &Page<'_>) -> Step {
        match self {
            Self::PageNumber(paginator) => paginator.skip(page),
            Self::Offset(paginator) => paginator.skip(page),
            _ => Step::Done,
        }
    }

    /// The position at which nothing is any more, as far as pages have told.
    pub fn end(&self, page: &Page<'_>) -> Option<i64> {
        match self {
            Self::PageNumber(paginator) => paginator.end(page),
            Self::Offset(paginator) => paginator.end(page),
            _ => None,
        }
    }

    /// The positions after one, as many as are certain and not more than `most`. `end` is what pages have told.
    pub fn upcoming(&self, from: &Position, end: Option<i64>, most: usize) -> Vec<Position> {
        match self {
            Self::PageNumber(paginator) => paginator.upcoming(from, end, most),
            Self::Offset(paginator) => paginator.upcoming(from, end, most),
            _ => Vec::new(),
        }
    }

    /// How many pages there are: at least, and at most where that is configured.
    pub fn page_bounds(&self) -> (u64, Option<u64>) {
        match self {
            Self::SinglePage => (1, Some(1)),
            Self::PageNumber(paginator) => paginator.page_bounds(),
            Self::Offset(paginator) => paginator.page_bounds(),
            _ => (1, None),
        }
    }

    /// The places in the JSON body that it writes to; a form body leaves no room for any.
    pub fn body_paths(&self) -> Vec<&str> {
        match self {
            Self::PageNumber(paginator) => paginator.body_paths(),
            Self::Offset(paginator) => paginator.body_paths(),
            Self::Cursor(paginator) => paginator.body_paths(),
            Self::Keyset(paginator) => paginator.body_paths(),
            Self::HeaderCursor(paginator) => paginator.body_paths(),
            Self::Auto | Self::SinglePage | Self::JsonLink(_) | Self::HeaderLink(_) => Vec::new(),
        }
    }

    /// Whether positions are counted, so that the next one is known without the page.
    pub fn counts(&self) -> bool {
        matches!(self, Self::PageNumber(_) | Self::Offset(_))
    }

    /// What a page means that is the same as the one before it. `end` is what pages have told.
    pub fn repetition(&self, position: &Position, end: Option<i64>) -> Repetition {
        match self {
            Self::PageNumber(paginator) if paginator.is_second_from_zero(position) => Repetition::WrongBase,
            Self::PageNumber(paginator) if paginator.trusts_total() && end.is_some() => Repetition::Bounded,
            Self::Offset(_) if end.is_some() => Repetition::Bounded,
            _ => Repetition::Endless,
        }
    }

    /// What may be wrong with a page that is the only one.
    pub fn doubt(&self, page: &Page<'_>) -> Option<String> {
        match self {
            Self::PageNumber(paginator) => paginator.doubt(page),
            _ => None,
        }
    }

    /// How many records a page has by the request, where a smaller one leaves a gap.
    pub fn step(&self) -> Option<i64> {
        match self {
            Self::Offset(paginator) => Some(paginator.limit()),
            _ => None,
        }
    }
}

/// What a page means that is the same as the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repetition {
    /// Most likely that the API knows no page 0, and answers with its first.
    WrongBase,
    /// Perhaps nothing: a total ends the pages.
    Bounded,
    /// That the same page would come for ever.
    Endless,
}

/// How a config would say what `auto` has followed.
pub(crate) fn explain_auto(page: &Page<'_>) -> Option<String> {
    auto::explain(page)
}

/// Whether an answer has a `Link` header with a next page.
pub(crate) fn has_next_link(headers: &HeaderMap) -> bool {
    header_link::find_in_link(headers, "next").is_some()
}

/// The header, other than `Link`, that holds the URL of the next page.
pub(crate) fn next_url_header(headers: &HeaderMap) -> Option<String> {
    let (name, value) = auto::next_header(headers)?;
    auto::is_link(&value).then_some(name)
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
    match resolve(link, page) {
        Some(url) => Ok(Step::Next(Position::Link(url.into()))),
        None => Err(PaginateError::new(format!("the next link `{link}` is not a URL"))),
    }
}

/// The address that a link stands for, seen from the address that gave it.
fn resolve(link: &str, page: &Page<'_>) -> Option<Url> {
    let mut base = page.url.clone();
    base.set_query(None);
    let url = base.join(link.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

#[cfg(test)]
mod tests;
