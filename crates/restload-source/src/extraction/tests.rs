use std::sync::Arc;

use http::HeaderMap;
use jiff::tz::TimeZone;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::secret::Secret;
use serde_json::json;
use url::Url;

use super::*;
use crate::config::expand_resource;
use crate::plan::{Lookup, NoTimeZone, PlanOptions, SourceConfig, partition_context, plan};

struct Nothing;

impl Lookup for Nothing {
    fn secret(&self, _: &str) -> Option<Secret> {
        None
    }

    fn secret_places(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn time_zone(&self, _: &str) -> Result<TimeZone, NoTimeZone> {
        Err(NoTimeZone::NoDatabase)
    }
}

struct Api {
    plan: Arc<ResourcePlan>,
    limits: Limits,
    context: Computed,
}

fn api(resource: &serde_json::Value) -> Api {
    let config = SourceConfig {
        name: "test".to_owned(),
        client: serde_json::from_value(json!({"base_url": "https://api.test"})).unwrap(),
        resources: vec![(
            KeyPath::root(),
            serde_json::from_value(expand_resource(resource)).unwrap(),
        )],
        unreadable: Vec::new(),
        vars: indexmap::IndexMap::new(),
    };
    let mut diagnostics = Diagnostics::default();
    let planned = plan(&config, &PlanOptions::default(), &Nothing, &mut diagnostics);
    let Some(mut planned) = planned else {
        panic!("{:?}", diagnostics.into_vec())
    };
    let context = partition_context(&planned.context, &Parents::new());
    Api {
        plan: Arc::new(planned.resources.remove(0)),
        limits: planned.limits,
        context,
    }
}

fn response(status: u16, content_type: &str, body: &str) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", content_type.parse().unwrap());
    let url = Url::parse("https://api.test/r").unwrap();
    Response {
        url,
        status,
        headers,
        body: body.as_bytes().to_vec(),
    }
}

/// What one answer comes to.
fn answer(endpoint: &serde_json::Value, status: u16, content_type: &str, body: &str) -> String {
    let api = api(&json!({"name": "r", "endpoint": endpoint}));
    let mut walk = Walk::new(Arc::clone(&api.plan), Progress::start(Parents::new()));
    let response = response(status, content_type, body);
    match walk.receive(&response, &api.limits, &api.context) {
        Ok(Answer::Page(page)) => {
            let mut records: Vec<String> = page.records.iter().map(Value::to_json).collect();
            records.extend(page.failure.map(|error| format!("then {error}")));
            let notes: Vec<String> = page.notes.iter().map(|note| format!(" [{note}]")).collect();
            let more = if page.has_next { " more" } else { "" };
            let ignored = if page.ignored { " ignored" } else { "" };
            format!("{}{more}{ignored}{}", records.join(" "), notes.concat())
        }
        Ok(Answer::Retry(reason)) => format!("retry: {reason}"),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn selects_records() {
    for (endpoint, body, records) in [
        (
            json!({"data_selector": "data"}),
            r#"{"data":[{"a":1},{"a":2}]}"#,
            r#"{"a":1} {"a":2}"#,
        ),
        (json!({"data_selector": "data"}), r#"{"data":{"a":1}}"#, r#"{"a":1}"#),
        (
            json!({"data_selector": "data"}),
            r#"{"data":null}"#,
            " [null at `data` was taken for an empty page]",
        ),
        (json!({"data_selector": "data"}), r#"{"data":[]}"#, ""),
        (
            json!({"data_selector": "data.*"}),
            r#"{"data":{"x":{"a":1},"y":{"a":2}}}"#,
            r#"{"a":1} {"a":2}"#,
        ),
        (
            json!({"data_selector": "$..id"}),
            r#"{"a":{"id":1},"b":[{"id":2}]}"#,
            "1 2",
        ),
        // The elements of lists, however many are picked.
        (
            json!({"data_selector": "data[*].x"}),
            r#"{"data":[{"x":[1,2]}]}"#,
            "1 2",
        ),
        (
            json!({"data_selector": "data[*].x"}),
            r#"{"data":[{"x":[1,2]},{"x":null},{"x":[]},{"x":[3]},{"y":4}]}"#,
            "1 2 3",
        ),
        (
            json!({"data_selector": "data[*].x", "paginator": {"type": "page_number", "page_size": 3}}),
            r#"{"data":[{"x":[1,2]},{"x":[3]}]}"#,
            "1 2 3 more",
        ),
        (
            json!({"data_selector": "a | b"}),
            r#"{"a":[1],"b":{"c":2}}"#,
            r#"1 {"c":2}"#,
        ),
        (json!({"data_selector": "data"}), r#"{"data":5}"#, "5"),
        (
            json!({"data_selector": "data"}),
            "[1]",
            "error: data_selector `data` matches nothing in the answer, which is a list of 1 element",
        ),
        (
            json!({"data_selector": ""}),
            r#"{"data":[{"a":1}]}"#,
            r#"{"a":1} [its records are at `data`; write `data_selector: data`]"#,
        ),
        (json!({"data_selector": "$"}), r#"{"a":1}"#, r#"{"a":1}"#),
        (json!({"data_selector": "$"}), "[1,2]", "1 2"),
        (
            json!({"data_selector": "dta"}),
            r#"{"data":[],"next":null}"#,
            "error: data_selector `dta` matches nothing in the answer, which has the keys `data`, `next`",
        ),
        (
            json!({"data_selector": "dta", "allow_missing_data": true}),
            r#"{"data":[]}"#,
            "",
        ),
        (json!({}), r#"[{"a":1}]"#, r#"{"a":1}"#),
        (
            json!({}),
            r#"{"users":[{"a":1}],"errors":[]}"#,
            r#"{"a":1} [its records are at `users`; write `data_selector: users`]"#,
        ),
        (
            json!({}),
            r#"{"meta":{"links":[{"l":1}]},"data":[{"a":1}]}"#,
            r#"{"a":1} [its records are at `data`; write `data_selector: data`]"#,
        ),
        // What YAML would take for something else has quotes.
        (
            json!({}),
            r#"{"null":[{"a":1}]}"#,
            r#"{"a":1} [its records are at `null`; write `data_selector: 'null'`]"#,
        ),
        (
            json!({}),
            r#"{"all 'a'":[{"a":1}],"@odata.nextLink":"/p2"}"#,
            r#"{"a":1} more [its records are at `$["all 'a'"]`; write `data_selector: '$["all ''a''"]'`] [it has further pages; write `paginator: {type: json_link, next_url_path: '$["@odata.nextLink"]'}`]"#,
        ),
        (json!({}), r#"{"id":1,"tags":["x"]}"#, r#"{"id":1,"tags":["x"]}"#),
        (json!({}), r#"{"data":[],"next":null}"#, ""),
        (
            json!({}),
            r#"{"a":[{"x":1}],"b":[{"y":1}]}"#,
            "error: the answer has several lists of records: `a`, `b`",
        ),
    ] {
        assert_eq!(
            answer(&endpoint, 200, "application/json", body),
            records,
            "{endpoint} {body}"
        );
    }
}

#[test]
fn judges_answers() {
    let fail = json!([{"json": {"path": "status", "not_equals": 1}, "action": "fail",
        "message": "refused: {response.json.errors | reason} (request {response.json.request})"}]);
    for (endpoint, status, content_type, body, verdict) in [
        (
            json!({}),
            503,
            "text/html",
            "<html><title>Bad\n gateway</title>",
            "retry: the API answered 503 Service Unavailable: <title>Bad gateway</title>",
        ),
        (
            json!({}),
            404,
            "application/json",
            r#"{"error":"no"}"#,
            r#"error: the API answered 404 Not Found: {"error":"no"}"#,
        ),
        (
            json!({}),
            200,
            "text/html",
            "<html><title>Log in</title></html>",
            "error: the answer is a web page, not JSON (text/html): <title>Log in</title>",
        ),
        (
            json!({}),
            200,
            "application/json",
            "",
            "error: the answer cannot be read: it is empty (application/json)",
        ),
        (
            json!({}),
            200,
            "application/json",
            "{\"a\":",
            "error: the answer cannot be read: it is not JSON: EOF while parsing a value at line 1 column 5 (application/json): {\"a\":",
        ),
        (json!({}), 204, "application/json", "", ""),
        (
            json!({"response_actions": fail}),
            200,
            "application/json",
            r#"{"status":0,"errors":["a","b"],"request":"r1"}"#,
            "error: refused: a; b (request r1)",
        ),
        (
            json!({"response_actions": fail}),
            400,
            "application/json",
            r#"{"status":0,"errors":{"name":["is taken"]},"request":"r1"}"#,
            "error: refused: name is taken (request r1)",
        ),
        (
            json!({"response_actions": fail}),
            400,
            "application/json",
            r#"{"status":0,"request":"r1"}"#,
            r#"error: refused: (no response.json.errors) (request r1); the API answered 400 Bad Request: {"status":0,"request":"r1"}"#,
        ),
        (
            json!({"response_actions": [{"status_code": 404, "action": "ignore"}]}),
            404,
            "text/html",
            "x",
            " ignored",
        ),
        (
            json!({"response_actions": [{"status_code": 503, "action": "ignore"}]}),
            503,
            "text/html",
            "x",
            " ignored",
        ),
        (
            json!({"response_actions": [{"content": "busy", "action": "retry"}]}),
            200,
            "application/json",
            r#"{"busy":1}"#,
            r#"retry: the API answered 200 OK: {"busy":1}"#,
        ),
        (
            json!({"paginator": {"type": "offset", "limit": 2}, "response_actions": [{"status_code": 500, "action": "skip_page"}]}),
            500,
            "text/html",
            "x",
            " more ignored",
        ),
        (
            json!({"paginator": "json_link", "response_actions": [{"content": "last", "action": "stop"}]}),
            200,
            "application/json",
            r#"{"data":[{"last":1}],"next":"/x"}"#,
            r#"{"last":1} [its records are at `data`; write `data_selector: data`]"#,
        ),
    ] {
        assert_eq!(
            answer(&endpoint, status, content_type, body),
            verdict,
            "{endpoint} {status} {body}"
        );
    }
}

/// Walks an API of pages by position, stopping and going on from stored progress where `cuts` says so.
fn walk_with_cuts(endpoint: &serde_json::Value, pages: &[&str], cuts: &[bool]) -> Vec<String> {
    let mut log = Vec::new();
    let mut stored = serde_json::to_string(&Progress::start(Parents::new())).unwrap();
    let mut walk: Option<Walk> = None;
    let api = api(&json!({"name": "r", "endpoint": endpoint}));
    for (page, cut) in pages.iter().zip(cuts) {
        if *cut {
            walk = None;
        }
        let current =
            walk.get_or_insert_with(|| Walk::new(Arc::clone(&api.plan), serde_json::from_str(&stored).unwrap()));
        log.push(current.request(&api.context).unwrap().url.to_string());
        let response = response(200, "application/json", page);
        match current.receive(&response, &api.limits, &api.context) {
            Ok(Answer::Page(page)) => {
                log.extend(page.records.iter().map(Value::to_json));
                if let Some(error) = page.failure {
                    log.push(format!("error: {error}"));
                    stored = serde_json::to_string(current.progress()).unwrap();
                    if cuts.len() == pages.len() && !cuts.contains(&true) {
                        break;
                    }
                    continue;
                }
            }
            Ok(Answer::Retry(reason)) => log.push(format!("retry {reason}")),
            Err(error) => {
                log.push(format!("error: {error}"));
                break;
            }
        }
        stored = serde_json::to_string(current.progress()).unwrap();
    }
    log.push(stored);
    log
}

#[test]
fn a_walk_that_is_cut_anywhere_makes_the_same_requests() {
    for endpoint in [
        json!({"data_selector": "d", "paginator": {"type": "cursor", "cursor_path": "n"}}),
        json!({"data_selector": "d", "paginator": {"type": "json_link", "next_url_path": "n"}}),
        json!({"data_selector": "d", "paginator": {"type": "page_number", "base_page": 1, "has_more_path": "m"}}),
        json!({"data_selector": "d", "paginator": {"type": "offset", "limit": 2, "total_path": "t"}}),
    ] {
        let pages = [
            r#"{"d":[1,2],"n":"/p2","m":true,"t":7}"#,
            r#"{"d":[3,4],"n":"/p3","m":true,"t":7}"#,
            r#"{"d":[5,6],"n":"/p4","m":true,"t":7}"#,
            r#"{"d":[7],"n":null,"m":false,"t":7}"#,
        ];
        let whole = walk_with_cuts(&endpoint, &pages, &[false; 4]);
        assert!(whole.last().unwrap().contains(r#""done":true"#), "{whole:?}");
        for cuts in 0..16_u32 {
            let cuts: Vec<bool> = (0..4).map(|page| cuts & (1 << page) != 0).collect();
            assert_eq!(
                walk_with_cuts(&endpoint, &pages, &cuts),
                whole,
                "{endpoint} cut at {cuts:?}"
            );
        }
    }
}

#[test]
fn refuses_to_go_in_circles() {
    let cursor = json!({"data_selector": "d", "paginator": {"type": "cursor", "cursor_path": "n"}});
    let same = r#"{"d":[1],"n":"a"}"#;
    let log = walk_with_cuts(&cursor, &[same, same, same, same], &[false; 4]);
    assert!(
        log.contains(&"error: page token `a` repeats, so the same page would be fetched forever".to_owned()),
        "{log:?}"
    );

    // Traps 6, Z-04: the page that repeats the token is loaded, once, however often the walk is taken up again.
    let taken_up = walk_with_cuts(&cursor, &[same, same, same, same], &[false, false, true, true]);
    let taken_up = taken_up.join(" ");
    let repeats = "error: page token `a` repeats, so the same page would be fetched forever";
    let second = "https://api.test/r?cursor=a";
    assert!(
        taken_up.starts_with(&format!(
            "https://api.test/r 1 {second} 1 {repeats} {second} {repeats} {second} {repeats} "
        )),
        "{taken_up}"
    );

    let circle: Vec<String> = (0..40)
        .map(|page| format!(r#"{{"d":[1],"n":"c{}"}}"#, page % 7))
        .collect();
    let pages: Vec<&str> = circle.iter().map(String::as_str).collect();
    let log = walk_with_cuts(&cursor, &pages, &[false; 40]);
    assert!(
        log.iter().any(|line| line.contains("repeats")),
        "a longer circle is found too: {log:?}"
    );

    let counting = json!({"data_selector": "d", "paginator": "page_number"});
    let log = walk_with_cuts(&counting, &[r#"{"d":[1]}"#, r#"{"d":[1]}"#], &[false; 2]);
    assert!(
        log.iter()
            .any(|line| line.contains("page number 1 is the same as the page before it")),
        "{log:?}"
    );
}

/// 24-F8: with a total that bounds the walk, pages alike may be all there is, and it is said that they are.
#[test]
fn pages_alike_are_no_circle_where_a_total_bounds_them() {
    let notes = |paginator: serde_json::Value, body: &str| {
        let api = api(&json!({"name": "r", "endpoint": {"data_selector": "d", "paginator": paginator}}));
        let mut walk = Walk::new(Arc::clone(&api.plan), Progress::start(Parents::new()));
        let response = response(200, "application/json", body);
        let mut notes = Vec::new();
        loop {
            match walk.receive(&response, &api.limits, &api.context) {
                Ok(Answer::Page(page)) => {
                    notes.extend(page.notes);
                    if !page.has_next {
                        return format!("{} pages, {}", walk.progress().pages, notes.join(" + "));
                    }
                }
                Ok(Answer::Retry(error)) | Err(error) => return error.to_string(),
            }
        }
    };
    let advice = "if more of its pages are, the API seems to ignore the paginator's parameter; check its name";
    let by_page = json!({"type": "page_number", "base_page": 1, "total_path": "pages"});
    assert_eq!(
        notes(by_page, r#"{"d":[1],"pages":2}"#),
        format!("2 pages, page number 2 is the same as the page before it: {advice}")
    );
    let by_offset = json!({"type": "offset", "limit": 1, "total_path": "total"});
    assert_eq!(
        notes(by_offset, r#"{"d":[1],"total":2}"#),
        format!("2 pages, offset 1 is the same as the page before it: {advice}")
    );
    // What is under `total` by chance is a number of records as often as one of pages.
    let by_chance = json!({"type": "page_number", "base_page": 1});
    assert_eq!(
        notes(by_chance, r#"{"d":[1],"total":2}"#),
        "page number 2 is the same as the page before it, so the same page would be fetched forever"
    );
    // An API that counts from 1 may give its first page for page 0: the last one would never be asked for.
    let from_zero = json!({"type": "page_number", "total_path": "pages"});
    assert_eq!(
        notes(from_zero, r#"{"d":[1],"pages":2}"#),
        "page number 1 is the same as the page before it"
    );
}

#[test]
fn asks_ahead_only_for_pages_that_are_certain() {
    let ahead = |endpoint: serde_json::Value, body: &str| {
        let api = api(&json!({"name": "r", "endpoint": endpoint}));
        let mut walk = Walk::new(Arc::clone(&api.plan), Progress::start(Parents::new()));
        let response = response(200, "application/json", body);
        walk.receive(&response, &api.limits, &api.context).unwrap();
        let requests = walk.requests_ahead(&api.context, 3);
        let queries = requests
            .iter()
            .map(|(_, request)| request.url.query().unwrap_or_default().to_owned());
        queries.collect::<Vec<_>>().join(" ")
    };
    let offset = json!({"type": "offset", "limit": 2, "limit_param": "n"});
    let body = r#"{"data":[1,2],"total":7}"#;
    for (endpoint, queries) in [
        (
            json!({"data_selector": "data", "paginator": offset}),
            "offset=4&n=2 offset=6&n=2",
        ),
        (
            json!({"data_selector": "data", "paginator": offset, "max_pages": 3}),
            "offset=4&n=2",
        ),
        (
            json!({"data_selector": "data", "paginator": offset, "method": "POST", "allow_side_effects": true}),
            "",
        ),
        (json!({"data_selector": "data", "paginator": "json_link"}), ""),
    ] {
        assert_eq!(ahead(endpoint.clone(), body), queries, "{endpoint}");
    }
}

#[test]
fn a_link_to_another_host_goes_without_credentials() {
    let link = Position::Link("https://other.test/p2".to_owned());
    let home = Position::Link("https://api.test/p2".to_owned());
    let auth = json!({"type": "api_key", "name": "X-Key", "api_key": "k"});
    let api =
        api(&json!({"name": "r", "endpoint": {"auth": auth, "headers": {"X-Own": "1"}, "paginator": "json_link"}}));
    let names = |position: &Position| {
        let request = api.plan.request(position, &api.context).unwrap();
        request
            .headers
            .keys()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names(&link), "accept");
    assert_eq!(names(&home), "accept x-own x-key");
}

/// Section 15.14 of the checklist: where the records are in each of its sample answers, and what comes of their paging
/// where the config says nothing of either. D-21, a list with a link in a header, is in a scenario.
#[test]
fn records_and_pages_are_found_in_every_sample_answer() {
    let rows = || json!([{"id": 1, "tags": ["a", "b"]}, {"id": 2, "tags": []}]);
    for (id, body, selector, paging) in [
        (
            "D-01",
            json!({"data": rows(), "pagination": {"offset": 0, "limit": 2, "total": 100}}),
            "data",
            "then the answer tells of more records than it holds at `pagination.total`, and",
        ),
        (
            "D-02",
            json!({"items": rows(), "page_info": {"current_page": 1, "items_per_page": 2, "total_pages": 5}}),
            "items",
            "then the answer tells of several pages at `page_info.total_pages`, and",
        ),
        (
            "D-03",
            json!({"products": rows(), "next_cursor": "eyJpZCI6MTB9"}),
            "products",
            "then the answer names a next page at `next_cursor`, and",
        ),
        (
            "D-04",
            json!({"results": rows(), "cursors": {"previous": "a", "next": "b"}}),
            "results",
            "then the answer names a next page at `cursors.next`, and",
        ),
        (
            "D-05",
            json!({"entries": rows(), "next_id": 10, "previous_id": 1}),
            "entries",
            "then the answer names a next page at `next_id`, and",
        ),
        (
            "D-06",
            json!({"comments": rows(), "page_number": 3, "total_pages": 15}),
            "comments",
            "then the answer tells of several pages at `total_pages`, and",
        ),
        (
            "D-07",
            json!({"count": 1023, "next": "https://a.test/?page=5", "previous": null, "results": rows()}),
            "results",
            "write `paginator: {type: json_link, next_url_path: next}`",
        ),
        (
            "D-08",
            json!({"_embedded": {"items": rows()}, "_links": {"first": {"href": "/a"}, "next": {"href": "/b"}}, "page": {"size": 2}}),
            "_embedded.items",
            "write `paginator: {type: json_link, next_url_path: _links.next.href}`",
        ),
        (
            "D-09",
            json!({"items": rows(), "meta": {"totalPages": 9}, "links": {"firstPage": "/a", "nextPage": "/b"}}),
            "items",
            "write `paginator: {type: json_link, next_url_path: links.nextPage}`",
        ),
        (
            "D-10",
            json!({"data": rows(), "pagination": {"currentPage": 1, "pageSize": 2, "totalPages": 5}}),
            "data",
            "then the answer tells of several pages at `pagination.totalPages`, and",
        ),
        (
            "D-11",
            json!({"items": rows(), "pagination": {"page": 1, "perPage": 2, "total": 100, "totalPages": 50}}),
            "items",
            "then the answer tells of several pages at `pagination.totalPages`, and",
        ),
        (
            "D-12",
            json!({"data": rows(), "meta": {"currentPage": 1, "totalPages": 9}, "links": {"next": "/b"}}),
            "data",
            "write `paginator: {type: json_link, next_url_path: links.next}`",
        ),
        (
            "D-13",
            json!({"page": 2, "per_page": 2, "total": 100, "pages": 50, "data": rows()}),
            "data",
            "then the answer tells of several pages at `pages`, and",
        ),
        (
            "D-14",
            json!({"currentPage": 1, "pageSize": 2, "totalPages": 5, "totalResults": 10, "items": rows()}),
            "items",
            "then the answer tells of several pages at `totalPages`, and",
        ),
        (
            "D-15",
            json!({"articles": rows(), "paging": {"current": 3, "size": 2, "total": 60}}),
            "articles",
            "then the answer tells of more records than it holds at `paging.total`, and",
        ),
        (
            "D-16",
            json!({"feed": rows(), "offset": 40, "limit": 2, "total_count": 200}),
            "feed",
            "then the answer tells of more records than it holds at `total_count`, and",
        ),
        (
            "D-17",
            json!({"query_results": rows(), "page_details": {"number": 1, "size": 2, "total_elements": 20, "total_pages": 10}}),
            "query_results",
            "then the answer tells of several pages at `page_details.total_pages`, and",
        ),
        (
            "D-18",
            json!({"posts": rows(), "pagination_details": {"current_page": 1, "total_pages": 25}}),
            "posts",
            "then the answer tells of several pages at `pagination_details.total_pages`, and",
        ),
        (
            "D-19",
            json!({"catalog": rows(), "page_metadata": {"index": 1, "size": 2, "total_items": 50, "total_pages": 25}}),
            "catalog",
            "then the answer tells of several pages at `page_metadata.total_pages`, and",
        ),
        ("D-20", rows(), "$", ""),
        (
            "D-22",
            json!({"id": 1, "name": "one", "tags": ["a", "b"], "address": {"city": "x"}}),
            "$",
            "",
        ),
    ] {
        let said = answer(&json!({}), 200, "application/json", &body.to_string());
        let body = Value::from(body);
        let found = find_records(&body).unwrap().unwrap();
        assert_eq!(found.as_str(), selector, "{id}");
        assert!(said.contains(paging), "{id}: {said}");
        // What nothing is said of is the only page.
        let goes_on = said.contains(" more") || said.contains("then ");
        assert_eq!(goes_on, !paging.is_empty(), "{id}: {said}");
    }
}
