//! Where a request goes: what values may do to a path, what a URL is, and which addresses credentials may go to.

use indexmap::IndexMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use restload_model::diagnostics::{Diagnostics, KeyPath};
use serde_json::Value;
use url::Url;

use crate::config::ParamValue;
use crate::template::Template;

/// What may stand in a path segment as it is; everything else, the slash included, is percent-encoded.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Stands for an empty value in a path until its segments are looked at; nothing else can hold it unencoded.
const EMPTY: &str = "\0";

/// A value as it stands in a path: one piece of a segment, whatever is in it.
pub(super) fn path_value(value: &str) -> String {
    match value {
        "" => EMPTY.to_owned(),
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => utf8_percent_encode(value, SEGMENT).to_string(),
    }
}

/// Whether credentials may go to an address: the same origin, or a trusted host.
pub(super) fn trusts(trusted_hosts: &[String], home: &Url, url: &Url) -> bool {
    home.origin() == url.origin()
        || (url
            .host_str()
            .is_some_and(|host| trusted_hosts.iter().any(|trusted| trusted == host))
            && (url.scheme() == "https" || home.scheme() == "http"))
}

const EMPTY_VALUE: &str = "a value in the path is empty";

/// The path, if nothing is wrong with it.
pub(super) fn sound_path(path: &str) -> Result<String, String> {
    let shown = path.replace(EMPTY, "");
    match path_faults(path).into_iter().next() {
        Some(fault) if fault == EMPTY_VALUE => Err(format!("{EMPTY_VALUE}: `{shown}`")),
        Some(fault) => Err(fault),
        None => Ok(shown),
    }
}

/// The values that make a segment of a path empty or a dot segment: it would ask for something else than the path says.
/// To a URL parser `%2E%2E` is as good as `..`, so that such a value cannot be written at all.
pub(super) fn path_faults(path: &str) -> Vec<String> {
    let path = path.split('?').next().unwrap_or(path);
    let mut faults = Vec::new();
    for segment in path.split('/') {
        let text = segment.replace(EMPTY, "");
        let dots = text.replace("%2E", ".");
        if text.is_empty() && segment.contains(EMPTY) {
            faults.push(EMPTY_VALUE.to_owned());
        } else if text.contains("%2E") && (dots == "." || dots == "..") {
            faults.push(format!(
                "the value `{dots}` in the path would climb out of it, however it is written"
            ));
        }
    }
    faults
}

/// What to do about a text that is no URL.
pub(crate) const WHOLE_URL: &str = "a whole URL begins with `https://`";

/// An absolute http or https URL.
pub(crate) fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => format!("`{text}` is not a whole URL"),
        error => format!("`{text}` is not a URL: {error}"),
    })?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err(format!("`{text}` is not an http or https URL"))
    }
}

/// dlt's rule for single records, without its trap: the last segment of the path holds a parent's field. A value of
/// the config or a cursor in its place says nothing about how many records there are.
pub(super) fn names_one_record(path_text: &str, params: Option<&IndexMap<String, ParamValue>>) -> bool {
    let segment = last_segment(path_text);
    let names: Vec<&str> = params.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    // Mistakes in it are noted where the whole path is compiled.
    let template = Template::compile(segment, &names, &KeyPath::root(), &mut Diagnostics::default());
    let is_resolved = |name: &str| {
        let param = params.and_then(|params| params.get(name));
        param.is_some_and(|param| match &param.0 {
            Value::Object(_) => true,
            Value::String(text) => text.contains("{resources."),
            _ => false,
        })
    };
    template.is_some_and(|template| !template.references().is_empty() || template.variables().any(is_resolved))
}

/// The last segment of a path, without the query: what stands between braces is one piece, whatever is in it. As with
/// dlt, a fragment after a slash is a segment of its own.
fn last_segment(path: &str) -> &str {
    let mut depth = 0_i32;
    let mut slashes = Vec::new();
    let mut end = path.len();
    for (at, character) in path.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            '/' if depth == 0 => slashes.push(at),
            '#' if depth == 0 && path[..at].ends_with('/') => return "",
            '?' | '#' if depth == 0 => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let path = path[..end].trim_end_matches('/');
    let start = slashes.iter().rev().find(|at| **at < path.len());
    start.map_or(path, |at| &path[at + 1..])
}
