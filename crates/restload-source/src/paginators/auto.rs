//! `auto`: follows what is certain, and refuses to take a first page for all there is where the answer says otherwise.
//!
//! A link is certain: it is the whole next request. A token, a number of pages or a total says *that* more follows but
//! not how to ask for it (the parameter's name, the first page's number), and is never guessed from.

use http::HeaderMap;
use restload_model::Value;

use super::{Page, PaginateError, Position, Step, follow, header_link, names, resolve};
use crate::json_path::JsonPath;

/// What an answer says of the pages that follow it.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    /// Links to the next page, with their paths.
    pub(crate) links: Vec<(Vec<String>, String)>,
    /// A next token, or a number of the next page.
    pub(crate) tokens: Vec<Vec<String>>,
    /// Flags that say so.
    pub(crate) flags: Vec<Vec<String>>,
    /// Numbers of pages above one.
    pub(crate) page_counts: Vec<Vec<String>>,
    /// Numbers of records above those of the page.
    pub(crate) totals: Vec<Vec<String>>,
    /// Whether a next link, token or flag is there and empty: the answer says that nothing follows.
    pub(crate) is_last: bool,
}

/// Names of headers, other than `Link`, that tell of the next page, without an `X-` before them.
const NEXT_HEADERS: [&str; 7] = [
    "next",
    "nextpage",
    "nextlink",
    "nexturl",
    "nextpageurl",
    "nextcursor",
    "nextpagetoken",
];

/// The next link of the `Link` header, else that of a header named like it, else the one in the envelope of the records.
pub(super) fn next(page: &Page<'_>) -> Result<Step, PaginateError> {
    if let Some(link) = header_link::find_in_link(page.headers, "next") {
        return follow(&link, page);
    }
    let of_header = next_header(page.headers);
    if let Some((_, link)) = of_header.as_ref().filter(|(_, value)| is_link(value)) {
        return follow(link, page);
    }
    // What a single record holds is data, whatever it is called.
    if page.is_record {
        return Ok(Step::Done);
    }
    let signs = Signs::of(page);
    if let Some((path, link)) = signs.links.first() {
        let first = resolve(link, page);
        if let Some((other, _)) = signs.links.iter().find(|(_, link)| resolve(link, page) != first) {
            let error = format!(
                "the answer has two next links that differ, at `{}` and at `{}`",
                JsonPath::spell(path),
                JsonPath::spell(other)
            );
            return Err(PaginateError::new(error)
                .with_help("name the one to follow: `paginator: {type: json_link, next_url_path: …}`"));
        }
        return follow(link, page);
    }
    if let (Some((header, _)), Position::Start) = (of_header, page.position) {
        let error = format!(
            "the answer names a next page in its header `{header}`, and the config does not say how to ask for it"
        );
        return Err(PaginateError::new(error).with_help(format!(
            "write `paginator: {{type: header_cursor, cursor_key: {header}, cursor_param: …}}`, or `paginator: single_page` if the \
             first page is all that is wanted"
        )));
    }
    // Later pages of links that ended may well repeat how many there are.
    if *page.position != Position::Start {
        return Ok(Step::Done);
    }
    let is_last = signs.is_last || page.headers.contains_key("link");
    match signs
        .unfollowed()
        .or_else(|| unfollowed_header(page).filter(|_| !is_last))
    {
        Some(error) => Err(error),
        None => Ok(Step::Done),
    }
}

/// How the config would say what was followed.
pub(super) fn explain(page: &Page<'_>) -> Option<String> {
    if header_link::find_in_link(page.headers, "next").is_some() {
        return Some("paginator: header_link".to_owned());
    }
    if let Some((header, _)) = next_header(page.headers).filter(|(_, value)| is_link(value)) {
        return Some(format!("paginator: {{type: header_link, header: {header}}}"));
    }
    let signs = Signs::of(page);
    let (path, _) = signs.links.first()?;
    Some(format!(
        "paginator: {{type: json_link, next_url_path: {}}}",
        JsonPath::in_yaml(&JsonPath::spell(path))
    ))
}

/// The header that tells of the next page, with its value.
pub(super) fn next_header(headers: &HeaderMap) -> Option<(String, String)> {
    headers.iter().find_map(|(name, value)| {
        let plain = plain_name(name.as_str());
        let is_next = NEXT_HEADERS.contains(&plain.strip_prefix('x').unwrap_or(&plain));
        let value = value.to_str().ok()?.trim();
        (is_next && !value.is_empty()).then(|| (name.as_str().to_owned(), value.to_owned()))
    })
}

/// The first header of these names, without an `X-` before them, that has a number greater than that.
pub(crate) fn counting_header(names: &names::Names, headers: &HeaderMap, above: i64) -> Option<(String, i64)> {
    headers.iter().find_map(|(name, value)| {
        let plain = plain_name(name.as_str());
        let is_it = names.is_field(&plain) || plain.strip_prefix('x').is_some_and(|plain| names.is_field(plain));
        let number: i64 = value.to_str().ok()?.trim().parse().ok()?;
        (is_it && number > above).then(|| (name.as_str().to_owned(), number))
    })
}

impl Signs {
    pub(crate) fn of(page: &Page<'_>) -> Self {
        let mut signs = Self::default();
        signs.read(page.body, page, (page.containers, 0), &mut Vec::new());
        signs
    }

    /// Looks through an object, through those in it that are about paging, and through the one that the records are in.
    fn read(
        &mut self,
        value: &Value<'_>,
        page: &Page<'_>,
        (containers, depth): (&[&str], usize),
        path: &mut Vec<String>,
    ) {
        const DEEPEST: usize = 2;
        let Value::Object(members) = value else { return };
        for (key, member) in &members.0 {
            path.push(key.to_string());
            let name = plain_name(key);
            match name.strip_prefix("next") {
                Some(rest) => self.read_next(rest, member, path),
                None => self.read_count(&name, member, page.record_count, path),
            }
            match containers.split_first() {
                Some((container, inner)) if key == container => self.read(member, page, (inner, 0), path),
                _ if depth < DEEPEST && is_about_paging(&name) => self.read(member, page, (&[], depth + 1), path),
                _ => {}
            }
            path.pop();
        }
    }

    /// A member whose name begins with `next`.
    fn read_next(&mut self, rest: &str, member: &Value<'_>, path: &mut Vec<String>) {
        const LINKS: [&str; 8] = ["", "page", "url", "link", "href", "uri", "pageurl", "pagelink"];
        const TOKENS: [&str; 13] = [
            "",
            "page",
            "cursor",
            "token",
            "id",
            "offset",
            "start",
            "marker",
            "key",
            "pagetoken",
            "pagecursor",
            "pageid",
            "pagenumber",
        ];
        let is_ours = LINKS.contains(&rest) || TOKENS.contains(&rest);
        match member {
            Value::Text(text) if LINKS.contains(&rest) && is_link(text) => {
                self.links.push((path.clone(), text.to_string()));
            }
            Value::Null | Value::Bool(false) | Value::Integer(0) if is_ours => self.is_last = true,
            Value::Text(text) if is_ours && text.trim().is_empty() => self.is_last = true,
            Value::Bool(true) if is_ours => self.flags.push(path.clone()),
            Value::Text(_) | Value::Integer(_) | Value::Number(_) | Value::Double(_) if TOKENS.contains(&rest) => {
                self.tokens.push(path.clone());
            }
            Value::Object(members) if is_ours => {
                for (key, inner) in &members.0 {
                    path.push(key.to_string());
                    match (plain_name(key).as_str(), inner) {
                        ("href" | "url" | "uri" | "link", Value::Text(text)) if is_link(text) => {
                            self.links.push((path.clone(), text.to_string()));
                        }
                        ("href" | "url" | "uri" | "link" | "cursor" | "token", Value::Null) => self.is_last = true,
                        (
                            "cursor" | "token" | "page" | "id" | "offset" | "after" | "startingafter",
                            Value::Text(_) | Value::Integer(_),
                        ) => {
                            self.tokens.push(path.clone());
                        }
                        _ => {}
                    }
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// Any other member: a flag, a number of pages, a total.
    fn read_count(&mut self, name: &str, member: &Value<'_>, record_count: usize, path: &[String]) {
        let number = match member {
            Value::Integer(number) => *number,
            Value::Text(text) => text.parse().unwrap_or(0),
            _ => 0,
        };
        match member {
            Value::Bool(flag) if names::HAS_MORE.is_field(name) => {
                if *flag {
                    self.flags.push(path.to_vec());
                } else {
                    self.is_last = true;
                }
            }
            _ if number > 1 && names::PAGE_COUNT.is_field(name) => self.page_counts.push(path.to_vec()),
            _ if record_count > 0 && number > record_count as i64 && names::TOTAL.is_field(name) => {
                self.totals.push(path.to_vec());
            }
            _ => {}
        }
    }

    /// That more follows, and what the config would have to say for it.
    fn unfollowed(&self) -> Option<PaginateError> {
        let (path, says, paginator) = if let Some(path) = self.tokens.first() {
            (
                path,
                "names a next page",
                "{type: cursor, cursor_path: PATH, cursor_param: …}",
            )
        } else if let Some(path) = self.page_counts.first() {
            (
                path,
                "tells of several pages",
                "{type: page_number, base_page: …, total_path: PATH}` (`base_page` is the number of the first page, 0 or 1)",
            )
        } else if self.is_last {
            return None;
        } else if let Some(path) = self.flags.first() {
            (
                path,
                "says that more follows",
                "{type: …, has_more_path: PATH}` (`page_number`, `offset`, `cursor` or `keyset`)",
            )
        } else if let Some(path) = self.totals.first() {
            (
                path,
                "tells of more records than it holds",
                "{type: offset, limit: …, total_path: PATH}",
            )
        } else {
            return None;
        };
        let path = JsonPath::spell(path);
        let paginator = paginator.replace("PATH", &JsonPath::in_yaml(&path));
        let end = if paginator.contains('`') { "" } else { "`" };
        Some(
            PaginateError::new(format!(
                "the answer {says} at `{path}`, and the config does not say how to ask for it"
            ))
            .with_help(format!(
                "write `paginator: {paginator}{end}, or `paginator: single_page` if the first page is all that is wanted"
            )),
        )
    }
}

/// That headers tell of more than the page has, and what the config would have to say for it.
fn unfollowed_header(page: &Page<'_>) -> Option<PaginateError> {
    let (header, number, what, paginator) = if let Some((header, number)) =
        counting_header(&names::PAGE_COUNT, page.headers, 1)
    {
        (
            header,
            number,
            "pages",
            "{type: page_number, base_page: …, total_header: HEADER}` (`base_page` is the number of the first page, 0 or 1)",
        )
    } else {
        let above = page.record_count as i64;
        let (header, number) = counting_header(&names::TOTAL, page.headers, above).filter(|_| above > 0)?;
        (
            header,
            number,
            "records",
            "{type: offset, limit: …, total_header: HEADER}`",
        )
    };
    let paginator = paginator.replace("HEADER", &header);
    Some(
        PaginateError::new(format!(
            "the answer's header `{header}` tells of {number} {what}, and the config does not say how to ask for the others"
        ))
        .with_help(format!(
            "write `paginator: {paginator}, or `paginator: single_page` if the first page is all that is wanted"
        )),
    )
}

/// A key without what spellings differ in: `@odata.nextLink`, `next_link` and `nextLink` are `nextlink`.
pub fn plain_name(key: &str) -> String {
    let key = key.strip_prefix("@odata.").unwrap_or(key);
    key.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether an object of that name is likely to tell of pages; others are data.
pub(crate) fn is_about_paging(name: &str) -> bool {
    ["link", "pag", "meta", "cursor", "info", "responsemeta"]
        .iter()
        .any(|known| name.starts_with(known))
}

pub(super) fn is_link(text: &str) -> bool {
    ["http://", "https://", "/", "?"]
        .iter()
        .any(|start| text.starts_with(start))
}
