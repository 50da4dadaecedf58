//! `header_link`: follows a `Link` header (RFC 8288), or another one that holds the next page's URL.

use http::header::LINK;
use http::{HeaderMap, HeaderName};
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Page, PaginateError, Step, follow};

/// Follow a `Link` header, or another header that holds the URL of the next page.
///
/// ```yaml
/// paginator: { type: header_link, links_next_key: next }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderLinkConfig {
    /// The relation (`rel`) of the link to follow; case does not matter, and a link may have several.
    #[serde(default = "default_links_next_key")]
    pub links_next_key: String,
    /// The response header. `Link` has links with their relations; the value of any other is the URL, absolute or
    /// relative, unless it is written like a `Link` header. Paging stops when it is missing or empty.
    ///
    /// ```yaml
    /// paginator: { type: header_link, header: Next-Page }
    /// ```
    #[serde(default = "default_header")]
    pub header: String,
}

fn default_links_next_key() -> String {
    "next".to_owned()
}

fn default_header() -> String {
    "Link".to_owned()
}

/// Follows a header.
#[derive(Debug)]
pub struct HeaderLink {
    header: HeaderName,
    relation: String,
}

impl HeaderLinkConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<HeaderLink> {
        let Ok(header) = HeaderName::try_from(&self.header) else {
            diagnostics.error(
                &path.key("header"),
                format_args!("`{}` is not a header name", self.header),
            );
            return None;
        };
        Some(HeaderLink {
            header,
            relation: self.links_next_key.clone(),
        })
    }
}

impl HeaderLink {
    pub(super) fn next(&self, page: &Page<'_>) -> Result<Step, PaginateError> {
        match find(page.headers, &self.header, &self.relation) {
            Some(link) => follow(&link, page),
            None => Ok(Step::Done),
        }
    }
}

/// The target of the first link of a relation in a `Link` header.
pub(super) fn find_in_link(headers: &HeaderMap, relation: &str) -> Option<String> {
    find(headers, &LINK, relation)
}

fn find(headers: &HeaderMap, header: &HeaderName, relation: &str) -> Option<String> {
    let values = headers
        .get_all(header)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    for value in values {
        if *header != LINK && !value.contains('<') {
            return Some(value.to_owned());
        }
        let mut rest = value;
        while let Some(start) = rest.find('<') {
            let (target, after) = rest[start + 1..].split_once('>')?;
            let end = end_of_parameters(after);
            if has_relation(&after[..end], relation) {
                return Some(target.to_owned());
            }
            rest = &after[end..];
        }
    }
    None
}

/// The comma that separates a link from the next one, minding quotes.
fn end_of_parameters(text: &str) -> usize {
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

fn has_relation(parameters: &str, relation: &str) -> bool {
    parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .any(|(name, value)| {
            name.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim()
                    .trim_matches('"')
                    .split_whitespace()
                    .any(|known| known.eq_ignore_ascii_case(relation))
        })
}
