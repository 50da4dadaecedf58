//! When pages end: the rules that counting paginators share, some of which the others know too.

use http::HeaderName;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Page, PaginateError, compile_path};
use crate::json_path::JsonPath;

/// Where a page tells the total.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TotalPath {
    /// Under `total`, where dlt looks too: what is there counts when it is a number, and is ignored otherwise.
    #[default]
    Usual,
    /// Nowhere.
    Nowhere,
    /// There, and nothing but a number is expected.
    At(String),
}

const USUAL_TOTAL: &str = "total";

impl Serialize for TotalPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Usual => Some(USUAL_TOTAL),
            Self::Nowhere => None,
            Self::At(path) => Some(path.as_str()),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TotalPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = Option::<String>::deserialize(deserializer)?;
        Ok(path.map_or(Self::Nowhere, Self::At))
    }
}

impl JsonSchema for TotalPath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TotalPath".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "null"] })
    }
}

/// That an option cannot be used; the mistake is noted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noted;

/// The options that [`StopRules`] are compiled from.
pub(super) struct StopOptions<'o> {
    pub(super) total_path: &'o TotalPath,
    pub(super) total_header: Option<&'o str>,
    pub(super) maximum: (&'o str, Option<i64>),
    pub(super) stop_after_empty_page: bool,
    /// Records below which a page is the last.
    pub(super) full_page: Option<i64>,
    pub(super) has_more_path: Option<&'o str>,
}

/// The stop rules of a counting paginator.
#[derive(Debug)]
pub(super) struct StopRules {
    total: Option<Total>,
    maximum: Option<i64>,
    stop_after_empty_page: bool,
    full_page: Option<i64>,
    has_more: Option<JsonPath>,
}

/// Where the total is.
#[derive(Debug)]
enum Total {
    Body {
        path: JsonPath,
        /// Whether the config names the path, so that what is there must be a number.
        is_named: bool,
    },
    Header(HeaderName),
}

impl StopOptions<'_> {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<StopRules> {
        let total = self.compile_total(path, diagnostics);
        let has_more = compile_optional_path("has_more_path", self.has_more_path, path, diagnostics);
        let (maximum_key, maximum) = self.maximum;
        let never_tells_total =
            *self.total_path == TotalPath::Nowhere && self.total_header.is_none() && !diagnostics.has_left_out(path);
        if never_tells_total
            && self.has_more_path.is_none()
            && maximum.is_none()
            && self.full_page.is_none()
            && !self.stop_after_empty_page
        {
            diagnostics.error_with_help(
                path,
                "nothing would ever stop the paging",
                format_args!("set one of total_path, has_more_path, {maximum_key} or stop_after_empty_page: true"),
            );
            return None;
        }
        Some(StopRules {
            total: total.ok()?,
            maximum,
            stop_after_empty_page: self.stop_after_empty_page,
            full_page: self.full_page,
            has_more: has_more.ok()?,
        })
    }

    fn compile_total(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Result<Option<Total>, Noted> {
        if let Some(name) = self.total_header {
            let path = path.key("total_header");
            if matches!(self.total_path, TotalPath::At(_)) {
                diagnostics.error(
                    &path,
                    "`total_path` and `total_header` exclude each other: the total is in one place",
                );
                return Err(Noted);
            }
            let Ok(header) = HeaderName::try_from(name) else {
                diagnostics.error(&path, format_args!("`{name}` is not a header name"));
                return Err(Noted);
            };
            return Ok(Some(Total::Header(header)));
        }
        let (text, is_named) = match self.total_path {
            TotalPath::Nowhere => return Ok(None),
            TotalPath::Usual => (USUAL_TOTAL, false),
            TotalPath::At(text) => (text.as_str(), true),
        };
        let path = compile_path(text, &path.key("total_path"), diagnostics).ok_or(Noted)?;
        Ok(Some(Total::Body { path, is_named }))
    }
}

impl StopRules {
    /// Whether nothing follows, when the next position would be `next` and positions begin at `base`.
    pub(super) fn is_over(&self, page: &Page<'_>, next: i64, base: i64) -> Result<bool, PaginateError> {
        if self.stop_after_empty_page && page.record_count == 0 {
            return Ok(true);
        }
        let end = self.told_end(page, base)?.or(page.known_end);
        Ok(end.is_some_and(|end| next >= end)
            || self.maximum.is_some_and(|maximum| next >= maximum)
            || is_short(self.full_page, page)
            || !has_more(self.has_more.as_ref(), page)?)
    }

    /// The position at which nothing is any more, by what this page or an earlier one has told.
    pub(super) fn end(&self, page: &Page<'_>, base: i64) -> Option<i64> {
        self.told_end(page, base).ok().flatten().or(page.known_end)
    }

    /// Whether a page that could not be read, which tells nothing, is the last.
    pub(super) fn is_over_unread(&self, page: &Page<'_>, next: i64) -> bool {
        [page.known_end, self.maximum]
            .into_iter()
            .flatten()
            .any(|end| next >= end)
    }

    /// The position before which every page is certain to be there, when `end` is what pages have told. A maximum is
    /// a bound on what may be there, unless nothing else would end the pages.
    pub(super) fn certain_end(&self, end: Option<i64>) -> Option<i64> {
        let is_total =
            end.is_some() || !(self.stop_after_empty_page || self.has_more.is_some() || self.full_page.is_some());
        is_total
            .then(|| [end, self.maximum].into_iter().flatten().min())
            .flatten()
    }

    /// How many pages there are from a position on, before any has come: at least, and at most.
    pub(super) fn page_bounds(&self, first: i64, step: i64) -> (u64, Option<u64>) {
        // The first page is asked for whatever the maximum is.
        let until = |end: i64| {
            let positions = end.saturating_sub(first).max(1).cast_unsigned();
            positions.div_ceil(step.max(1).cast_unsigned())
        };
        (
            self.certain_end(None).filter(|_| self.total.is_none()).map_or(1, until),
            self.maximum.map(until),
        )
    }

    fn told_end(&self, page: &Page<'_>, base: i64) -> Result<Option<i64>, PaginateError> {
        let total = match &self.total {
            None => None,
            Some(Total::Body { path, is_named }) => match path.first(page.body).filter(|value| !value.is_null()) {
                None => None,
                Some(value) => match read_integer(value) {
                    Some(total) => Some(total),
                    None if *is_named => {
                        return Err(PaginateError::new(format!(
                            "total_path `{}` holds {}, which is not a whole number",
                            path.as_str(),
                            value.to_json()
                        )));
                    }
                    None => None,
                },
            },
            Some(Total::Header(name)) => match page.headers.get(name) {
                None => None,
                Some(value) => {
                    let text = String::from_utf8_lossy(value.as_bytes());
                    let total = text.trim().parse().map_err(|_| {
                        PaginateError::new(format!(
                            "total_header `{name}` holds `{text}`, which is not a whole number"
                        ))
                    })?;
                    Some(total)
                }
            },
        };
        // Some APIs write 0 or -1 where they have not counted.
        let is_counted = |total: &i64| *total > 0 || (*total == 0 && page.record_count == 0);
        Ok(total.filter(is_counted).map(|total| total.saturating_add(base)))
    }
}

/// Whether a page has fewer records than a full one.
pub(super) fn is_short(full_page: Option<i64>, page: &Page<'_>) -> bool {
    full_page.is_some_and(|full| (page.record_count as i64) < full)
}

/// What the flag says; true where no flag is configured.
pub(super) fn has_more(path: Option<&JsonPath>, page: &Page<'_>) -> Result<bool, PaginateError> {
    let Some(path) = path else { return Ok(true) };
    let value = path.first(page.body).filter(|value| !value.is_null());
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

/// Compiles a path that may be absent.
pub(super) fn compile_optional_path(
    key: &str,
    text: Option<&str>,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Result<Option<JsonPath>, Noted> {
    match text {
        None => Ok(None),
        Some(text) => compile_path(text, &path.key(key), diagnostics).map(Some).ok_or(Noted),
    }
}

/// The number of records of a full page, which must be one.
pub(super) fn compile_page_size(
    size: Option<i64>,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Result<Option<i64>, Noted> {
    if size.is_some_and(|size| size < 1) {
        diagnostics.error(&path.key("page_size"), "`page_size` must be at least 1");
        return Err(Noted);
    }
    Ok(size)
}

fn read_integer(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        Value::Double(number) => Some(number.floor() as i64),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}
