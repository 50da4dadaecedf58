//! The paginators that a first page speaks for, the likeliest first.
//!
//! A link is certain. A token names what to send, but not under which name; a count says that there is more; an echo of
//! what the API has taken for the page, the offset or the limit says how it calls them, and what the first one is.

use restload_model::Value;
use serde_json::{Map, Value as Json, json};

use super::Candidate;
use crate::json_path::JsonPath;
use crate::paginators::{
    Page, Signs, counting_header, has_next_link, is_about_paging, names, next_url_header, plain_name,
};
use crate::plan::EndpointPlan;

/// Headers with what to send for the next page, and the parameter that takes it.
const NEXT_HEADERS: [(&str, &str); 3] = [
    ("x-next-page", "page"),
    ("x-next-cursor", "cursor"),
    ("x-next-page-token", "page_token"),
];
/// A shorter list is likely to be all there is; nobody is asked for a second page of it without a sign.
const LEAST_FOR_A_TRY: usize = 5;

/// What an API has told of the request it has understood.
#[derive(Debug, Default)]
struct Echoes {
    page: Option<(Vec<String>, i64)>,
    offset: Option<(Vec<String>, i64)>,
    limit: Option<(Vec<String>, i64)>,
}

/// The paginators to try. `has_json_body` says that parameters go into the body, as the request's own do.
pub fn candidates(page: &Page<'_>, endpoint: &EndpointPlan, has_json_body: bool) -> Vec<Candidate> {
    match &endpoint.graphql {
        Some(graphql) => connection(page.body, &graphql.variables().collect::<Vec<_>>(), &mut Vec::new())
            .into_iter()
            .collect(),
        None => of_page(page, has_json_body),
    }
}

/// The cursor of a GraphQL connection, which goes into a variable of the query.
fn connection(value: &Value<'_>, variables: &[&str], path: &mut Vec<String>) -> Option<Candidate> {
    const DEEPEST: usize = 6;
    let Value::Object(members) = value else { return None };
    let has_more = matches!(members.get("hasNextPage"), Some(Value::Bool(true)));
    if has_more && matches!(members.get("endCursor"), Some(Value::Text(_))) {
        let is_cursor = |name: &&str| {
            ["after", "cursor"]
                .iter()
                .any(|part| name.to_lowercase().contains(part))
        };
        let variable = variables.iter().find(|name| is_cursor(name)).unwrap_or(&"after");
        let spelled = JsonPath::spell(path);
        let config = json!({
            "type": "cursor",
            "cursor_path": format!("{spelled}.endCursor"),
            "cursor_body_path": format!("variables.{variable}"),
            "has_more_path": format!("{spelled}.hasNextPage"),
        });
        let evidence = format!("`{spelled}` says that more follows, and where; the query takes it as `${variable}`");
        return Some(certain(config, evidence));
    }
    for (key, member) in &members.0 {
        path.push(key.to_string());
        let found = if path.len() < DEEPEST {
            connection(member, variables, path)
        } else {
            None
        };
        path.pop();
        if found.is_some() {
            return found;
        }
    }
    None
}

fn of_page(page: &Page<'_>, has_json_body: bool) -> Vec<Candidate> {
    let found = Search {
        page,
        signs: if page.is_record {
            Signs::default()
        } else {
            Signs::of(page)
        },
        echoes: Echoes::of(page),
        has_json_body,
    };
    let mut all = Vec::new();
    found.links(&mut all);
    found.tokens(&mut all);
    // A token or a link is the whole truth; what is beside it only counts.
    if all.is_empty() {
        found.counts(&mut all);
    }
    if all.is_empty() && found.signs.is_last {
        return all;
    }
    if all.is_empty() && page.record_count >= LEAST_FOR_A_TRY && !page.is_record {
        all.push(found.by_page("page", Map::new(), "nothing in the answer tells of further pages", true));
    }
    all
}

struct Search<'p> {
    page: &'p Page<'p>,
    signs: Signs,
    echoes: Echoes,
    has_json_body: bool,
}

impl Search<'_> {
    fn links(&self, all: &mut Vec<Candidate>) {
        if has_next_link(self.page.headers) {
            let evidence = "the answer has a header `Link` with rel=\"next\"";
            all.push(certain(json!({ "type": "header_link" }), evidence.to_owned()));
        }
        if let Some(header) = next_url_header(self.page.headers) {
            let evidence = format!("the answer has a header `{header}` with a URL");
            all.push(certain(json!({ "type": "header_link", "header": header }), evidence));
        }
        for (path, _) in &self.signs.links {
            let path = JsonPath::spell(path);
            let evidence = format!("`{path}` is the URL of the next page");
            all.push(certain(json!({ "type": "json_link", "next_url_path": path }), evidence));
        }
    }

    fn tokens(&self, all: &mut Vec<Candidate>) {
        for (header, param) in NEXT_HEADERS {
            let is_url = next_url_header(self.page.headers).as_deref() == Some(header);
            if let Some(value) = self.header(header).filter(|_| !is_url) {
                let mut config = json!({ "type": "header_cursor", "cursor_key": header });
                self.place(&mut config, "cursor", param);
                all.push(certain(config, format!("the answer has a header `{header}`: {value}")));
            }
        }
        for path in &self.signs.tokens {
            let spelled = JsonPath::spell(path);
            let kind = self.value_at(path).map_or("a value", Value::kind);
            for param in parameters_of(path) {
                let mut config = json!({ "type": "cursor", "cursor_path": spelled });
                self.place(&mut config, "cursor", &param);
                let evidence = format!("`{spelled}` is {kind} that names the next page, taken to be sent as `{param}`");
                all.push(certain(config, evidence));
            }
        }
    }

    fn counts(&self, all: &mut Vec<Candidate>) {
        let total_pages = self.signs.page_counts.first().map(|path| JsonPath::spell(path));
        let page_header = counting_header(&names::PAGE_COUNT, self.page.headers, 1);
        let total = self.signs.totals.first().map(|path| JsonPath::spell(path));
        let total_header = counting_header(&names::TOTAL, self.page.headers, self.page.record_count as i64);
        let flag = self.signs.flags.first().map(|path| JsonPath::spell(path));
        if let Some(path) = total_pages {
            let ends = Map::from_iter([("total_path".to_owned(), path.as_str().into())]);
            all.push(self.by_page("page", ends, &format!("`{path}` is a number of pages above one"), false));
        } else if let Some((name, number)) = page_header {
            let evidence = format!("the header `{name}` says {number} pages");
            let ends = Map::from_iter([("total_header".to_owned(), name.into())]);
            all.push(self.by_page("page", ends, &evidence, false));
        }
        if !all.is_empty() {
            return;
        }
        let (mut ends, evidence) = match (&total, &total_header, &flag) {
            (Some(path), _, _) => (
                Map::from_iter([("total_path".to_owned(), path.as_str().into())]),
                format!("`{path}` is greater than the number of records on the page"),
            ),
            (None, Some((name, number)), _) => (
                Map::from_iter([("total_header".to_owned(), name.as_str().into())]),
                format!(
                    "the header `{name}` says {number} records, and the page has {}",
                    self.page.record_count
                ),
            ),
            (None, None, Some(path)) => (
                Map::from_iter([
                    ("total_path".to_owned(), Json::Null),
                    ("has_more_path".to_owned(), path.as_str().into()),
                ]),
                format!("`{path}` says that more follows"),
            ),
            (None, None, None) if self.signs.is_last => return,
            // An echo alone says how to ask, not that there is more: the full page says that.
            (None, None, None) if self.is_full() => (
                Map::from_iter([("total_path".to_owned(), Json::Null)]),
                "the page is full".to_owned(),
            ),
            (None, None, None) => return,
        };
        if self.echoes.page.is_some() {
            // A total of records does not count pages.
            ends.remove("total_header");
            ends.insert("total_path".to_owned(), Json::Null);
            all.push(self.by_page("page", ends, &evidence, false));
            return;
        }
        if self.echoes.offset.is_some() || total.is_some() || total_header.is_some() {
            all.push(self.by_offset(ends.clone(), &evidence));
        } else if let (Some(path), Some(id)) = (&flag, self.last_id()) {
            let mut config = json!({ "type": "keyset", "key_path": id, "has_more_path": path });
            self.place(&mut config, "key", "starting_after");
            let evidence = format!("{evidence}, and nothing names the next page; records have an `{id}`");
            all.push(certain(config, evidence));
        }
        if self.echoes.offset.is_none() {
            ends.remove("total_header");
            ends.insert("total_path".to_owned(), Json::Null);
            all.push(self.by_page("page", ends, &evidence, false));
        }
    }

    /// Pages that are counted. The first one's number is what the API has echoed, or is open.
    fn by_page(&self, param: &str, ends: Map<String, Json>, evidence: &str, is_a_try: bool) -> Candidate {
        let echoed = self.echoes.page.as_ref().filter(|(_, number)| matches!(number, 0 | 1));
        let mut config = json!({ "type": "page_number", "base_page": echoed.map_or(0, |(_, base)| *base) });
        let name = self.echoes.page.as_ref().and_then(|(path, _)| path.last());
        // What names the page itself is its parameter's name as a rule; `currentPage` and `number` are not.
        let name = name.filter(|name| names::PAGE.is_both(&plain_name(name)));
        self.place(&mut config, "page", name.map_or(param, String::as_str));
        if let Json::Object(members) = &mut config {
            if !ends.contains_key("total_path") && !ends.contains_key("total_header") {
                members.insert("total_path".to_owned(), Json::Null);
            }
            members.extend(ends);
        }
        let evidence = match echoed {
            Some((path, base)) => format!(
                "{evidence}; `{}` is {base} in the answer to a request without a page",
                JsonPath::spell(path)
            ),
            None => evidence.to_owned(),
        };
        Candidate {
            config,
            evidence,
            is_a_try,
            base_is_open: echoed.is_none(),
        }
    }

    fn by_offset(&self, ends: Map<String, Json>, evidence: &str) -> Candidate {
        let limit = self.echoes.limit.as_ref();
        let granted = limit.map_or(self.page.record_count as i64, |(_, limit)| *limit);
        let mut config = json!({ "type": "offset", "limit": granted });
        let name_of = |echo: Option<&(Vec<String>, i64)>, usual: &str| {
            let name = echo.and_then(|(path, _)| path.last().cloned());
            name.unwrap_or_else(|| usual.to_owned())
        };
        self.place(&mut config, "offset", &name_of(self.echoes.offset.as_ref(), "offset"));
        self.place(&mut config, "limit", &name_of(limit, "limit"));
        if let Json::Object(members) = &mut config {
            members.extend(ends);
        }
        let echoed = [self.echoes.offset.as_ref(), limit];
        let echoed: Vec<String> = echoed
            .into_iter()
            .flatten()
            .map(|(path, number)| format!("`{}` is {number}", JsonPath::spell(path)))
            .collect();
        let evidence = if echoed.is_empty() {
            format!("{evidence}; the limit is the number of records that came, {granted}")
        } else {
            format!("{evidence}; {}", echoed.join(" and "))
        };
        certain(config, evidence)
    }

    /// Puts the name of a parameter into a paginator, where the request's own parameters go.
    fn place(&self, config: &mut Json, kind: &str, name: &str) {
        let key = if self.has_json_body {
            format!("{kind}_body_path")
        } else {
            format!("{kind}_param")
        };
        config[key] = name.into();
    }

    /// Whether the page has as many records as the API says that it has at most.
    fn is_full(&self) -> bool {
        let limit = self.echoes.limit.as_ref();
        limit.is_some_and(|(_, limit)| *limit > 0 && *limit <= self.page.record_count as i64)
    }

    /// The name of a field that tells records apart and orders them.
    fn last_id(&self) -> Option<&'static str> {
        let record = self.page.last_record?.as_object()?;
        ["id", "_id"]
            .into_iter()
            .find(|name| record.get(name).is_some_and(|id| !id.is_null()))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let value = self.page.headers.get(name)?.to_str().ok()?.trim();
        (!value.is_empty()).then_some(value)
    }

    fn value_at(&self, path: &[String]) -> Option<&Value<'_>> {
        let mut value = self.page.body;
        for name in path {
            value = value.as_object()?.get(name)?;
        }
        Some(value)
    }
}

impl Echoes {
    fn of(page: &Page<'_>) -> Self {
        let mut echoes = Self::default();
        if !page.is_record {
            echoes.read(page.body, &mut Vec::new());
        }
        echoes
    }

    /// Looks through the answer, and through the objects in it that are about paging.
    fn read(&mut self, value: &Value<'_>, path: &mut Vec<String>) {
        const DEEPEST: usize = 3;
        let Value::Object(members) = value else { return };
        for (key, member) in &members.0 {
            path.push(key.to_string());
            let name = plain_name(key);
            let number = match member {
                Value::Integer(number) => Some(*number),
                Value::Text(text) => text.parse().ok(),
                _ => None,
            };
            if let Some(number) = number {
                let echo = || Some((path.clone(), number));
                if self.page.is_none() && names::PAGE.is_field(&name) {
                    self.page = echo();
                } else if self.offset.is_none() && names::OFFSET.is_field(&name) {
                    self.offset = echo();
                } else if self.limit.is_none() && names::LIMIT.is_field(&name) && number > 0 {
                    self.limit = echo();
                }
            }
            if path.len() < DEEPEST && is_about_paging(&name) {
                self.read(member, path);
            }
            path.pop();
        }
    }
}

fn certain(config: Json, evidence: String) -> Candidate {
    Candidate {
        config,
        evidence,
        is_a_try: false,
        base_is_open: false,
    }
}

/// The names under which a token may be sent: its own without `next`, and its own as it stands.
fn parameters_of(path: &[String]) -> Vec<String> {
    let Some(last) = path.last() else { return Vec::new() };
    let mut names = Vec::new();
    let lower = last.to_lowercase();
    match lower.strip_prefix("next") {
        Some("") => names.extend(["cursor".to_owned(), last.clone()]),
        Some(_) => {
            let rest = last["next".len()..].trim_start_matches(['_', '-']);
            let mut characters = rest.chars();
            let first = characters.next().map(|first| first.to_lowercase().to_string());
            names.push(first.unwrap_or_default() + characters.as_str());
            names.push(last.clone());
        }
        None => names.push(last.clone()),
    }
    names
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::json;
    use url::Url;

    use super::*;
    use crate::paginators::Position;

    fn found(body: Json, headers: &[(&'static str, &str)]) -> String {
        let body = Value::from(body);
        let records = match &body {
            Value::List(records) => records.clone(),
            Value::Object(members) => {
                let list = members.0.iter().find_map(|(_, value)| match value {
                    Value::List(records) => Some(records.clone()),
                    _ => None,
                });
                list.unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let url = Url::parse("https://api.test/x").unwrap();
        let page = Page {
            url: &url,
            headers: &headers,
            body: &body,
            containers: &[],
            record_count: records.len(),
            last_record: records.last(),
            is_record: false,
            known_end: None,
            position: &Position::Start,
        };
        let all = of_page(&page, false);
        let lines = all.iter().map(|candidate| {
            let marks = [
                (candidate.base_is_open, " (base open)"),
                (candidate.is_a_try, " (a try)"),
            ];
            let marks: String = marks
                .iter()
                .filter(|(is_so, _)| *is_so)
                .map(|(_, mark)| *mark)
                .collect();
            format!("{}{marks}: {}", candidate.config, candidate.evidence)
        });
        let lines: Vec<String> = lines.collect();
        if lines.is_empty() {
            "none".to_owned()
        } else {
            lines.join("\n")
        }
    }

    fn ids(count: u64) -> Json {
        (1..=count).map(|id| json!({ "id": id })).collect()
    }

    #[test]
    fn a_graphql_connection_goes_into_a_variable() {
        let body = json!({ "data": { "repo": { "issues": { "nodes": [], "pageInfo": { "hasNextPage": true, "endCursor": "c" } } } } });
        let found = |body: Json| connection(&Value::from(body), &["n", "afterCursor"], &mut Vec::new());
        insta::assert_snapshot!(found(body).unwrap().config, @r#"{"type":"cursor","cursor_path":"data.repo.issues.pageInfo.endCursor","cursor_body_path":"variables.afterCursor","has_more_path":"data.repo.issues.pageInfo.hasNextPage"}"#);
        assert_eq!(
            found(json!({ "data": { "pageInfo": { "hasNextPage": false, "endCursor": "c" } } })),
            None
        );
    }

    /// The names are those that descriptions of APIs are searched for.
    #[test]
    fn the_vocabulary_is_one() {
        for (body, config) in [
            (
                json!({ "data": ids(2), "pageNum": 1, "total_pages": 3 }),
                r#""base_page":1,"page_param":"pageNum""#,
            ),
            (
                json!({ "data": ids(2), "total": 9, "startRow": 0, "pageLength": 2 }),
                r#""limit":2,"offset_param":"startRow","limit_param":"pageLength""#,
            ),
            (
                json!({ "features": ids(2), "numberMatched": 9 }),
                r#""total_path":"numberMatched""#,
            ),
            // `first` records are asked for; what is so called in an answer is data.
            (
                json!({ "data": ids(2), "total": 9, "first": 0, "top": 2 }),
                r#""offset_param":"offset","limit_param":"limit""#,
            ),
        ] {
            let found = found(body.clone(), &[]);
            assert!(found.contains(config), "{body}: {found}");
        }
    }

    #[test]
    fn paginators_follow_from_what_the_answer_tells() {
        let all = [
            found(ids(2), &[("link", "<https://api.test/x?page=2>; rel=\"next\"")]),
            found(
                json!({ "data": ids(2) }),
                &[("next-page", "https://api.test/x?_token=t")],
            ),
            found(json!({ "data": ids(2), "links": { "next": "/x?page=2" } }), &[]),
            found(json!({ "data": ids(2), "meta": { "next_page_token": "t" } }), &[]),
            found(json!({ "data": ids(2), "nextCursor": "t" }), &[]),
            found(json!({ "data": ids(2), "next": 7 }), &[]),
            found(json!({ "data": ids(2), "paging": { "next": { "after": "9" } } }), &[]),
            found(ids(2), &[("x-next-page", "2")]),
            found(json!({ "data": ids(2), "page": 1, "total_pages": 3 }), &[]),
            found(
                json!({ "data": ids(2), "meta": { "pageIndex": 0, "totalPages": 3 } }),
                &[],
            ),
            found(json!({ "data": ids(2), "total_pages": 3 }), &[]),
            found(json!({ "data": ids(2), "total": 9, "skip": 0, "limit": 2 }), &[]),
            found(json!({ "data": ids(2), "total": 9 }), &[]),
            found(
                json!({ "data": ids(2), "total": 9, "current_page": 1, "per_page": 2 }),
                &[],
            ),
            found(json!({ "object": "list", "data": ids(2), "has_more": true }), &[]),
            found(ids(2), &[("x-total-count", "9")]),
            found(ids(5), &[]),
            found(ids(4), &[]),
            found(json!({ "data": ids(9), "next": null }), &[]),
            found(json!({ "data": ids(2), "page": 1, "per_page": 2 }), &[]),
            found(json!({ "data": ids(2), "page": 1, "per_page": 5 }), &[]),
        ];
        insta::assert_snapshot!(all.join("\n--\n"), @r#"
        {"type":"header_link"}: the answer has a header `Link` with rel="next"
        --
        {"type":"header_link","header":"next-page"}: the answer has a header `next-page` with a URL
        --
        {"type":"json_link","next_url_path":"links.next"}: `links.next` is the URL of the next page
        --
        {"type":"cursor","cursor_path":"meta.next_page_token","cursor_param":"page_token"}: `meta.next_page_token` is a string that names the next page, taken to be sent as `page_token`
        {"type":"cursor","cursor_path":"meta.next_page_token","cursor_param":"next_page_token"}: `meta.next_page_token` is a string that names the next page, taken to be sent as `next_page_token`
        --
        {"type":"cursor","cursor_path":"nextCursor","cursor_param":"cursor"}: `nextCursor` is a string that names the next page, taken to be sent as `cursor`
        {"type":"cursor","cursor_path":"nextCursor","cursor_param":"nextCursor"}: `nextCursor` is a string that names the next page, taken to be sent as `nextCursor`
        --
        {"type":"cursor","cursor_path":"next","cursor_param":"cursor"}: `next` is a number that names the next page, taken to be sent as `cursor`
        {"type":"cursor","cursor_path":"next","cursor_param":"next"}: `next` is a number that names the next page, taken to be sent as `next`
        --
        {"type":"cursor","cursor_path":"paging.next.after","cursor_param":"after"}: `paging.next.after` is a string that names the next page, taken to be sent as `after`
        --
        {"type":"header_cursor","cursor_key":"x-next-page","cursor_param":"page"}: the answer has a header `x-next-page`: 2
        --
        {"type":"page_number","base_page":1,"page_param":"page","total_path":"total_pages"}: `total_pages` is a number of pages above one; `page` is 1 in the answer to a request without a page
        --
        {"type":"page_number","base_page":0,"page_param":"pageIndex","total_path":"meta.totalPages"}: `meta.totalPages` is a number of pages above one; `meta.pageIndex` is 0 in the answer to a request without a page
        --
        {"type":"page_number","base_page":0,"page_param":"page","total_path":"total_pages"} (base open): `total_pages` is a number of pages above one
        --
        {"type":"offset","limit":2,"offset_param":"skip","limit_param":"limit","total_path":"total"}: `total` is greater than the number of records on the page; `skip` is 0 and `limit` is 2
        --
        {"type":"offset","limit":2,"offset_param":"offset","limit_param":"limit","total_path":"total"}: `total` is greater than the number of records on the page; the limit is the number of records that came, 2
        {"type":"page_number","base_page":0,"page_param":"page","total_path":null} (base open): `total` is greater than the number of records on the page
        --
        {"type":"page_number","base_page":1,"page_param":"page","total_path":null}: `total` is greater than the number of records on the page; `current_page` is 1 in the answer to a request without a page
        --
        {"type":"keyset","key_path":"id","has_more_path":"has_more","key_param":"starting_after"}: `has_more` says that more follows, and nothing names the next page; records have an `id`
        {"type":"page_number","base_page":0,"page_param":"page","total_path":null,"has_more_path":"has_more"} (base open): `has_more` says that more follows
        --
        {"type":"offset","limit":2,"offset_param":"offset","limit_param":"limit","total_header":"x-total-count"}: the header `x-total-count` says 9 records, and the page has 2; the limit is the number of records that came, 2
        {"type":"page_number","base_page":0,"page_param":"page","total_path":null} (base open): the header `x-total-count` says 9 records, and the page has 2
        --
        {"type":"page_number","base_page":0,"page_param":"page","total_path":null} (base open) (a try): nothing in the answer tells of further pages
        --
        none
        --
        none
        --
        {"type":"page_number","base_page":1,"page_param":"page","total_path":null}: the page is full; `page` is 1 in the answer to a request without a page
        --
        none
        "#);
    }
}
