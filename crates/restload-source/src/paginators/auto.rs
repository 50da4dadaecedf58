//! Follows only what is certain.

use restload_model::Value;

use super::{Page, PaginateError, Position, Step, follow, header_link};

/// The next link of the `Link` header, else a URL under the top-level key `next`.
pub(super) fn next(page: &Page<'_>) -> Result<Step, PaginateError> {
    if let Some(link) = header_link::find(page.headers, "next") {
        return follow(&link, page);
    }
    let link = page
        .body
        .as_object()
        .and_then(|body| body.get("next"))
        .and_then(Value::as_text);
    match link {
        Some(link) if link.starts_with("http") || link.starts_with('/') => follow(link, page),
        _ => Ok(Step::Done),
    }
}

/// How the config would say what was followed.
pub(super) fn explain(position: &Position, headers: &http::HeaderMap) -> Option<&'static str> {
    match position {
        Position::Link(_) if header_link::find(headers, "next").is_some() => Some("paginator: header_link"),
        Position::Link(_) => Some("paginator: {type: json_link, next_url_path: next}"),
        _ => None,
    }
}
