//! What `auto` makes of the answers that APIs give.

use super::*;

#[test]
fn follows_what_is_certain() {
    let link = |path: &str| format!("?limit=2 \nnext link `https://api.test{path}`");
    for (name, body, log) in [
        (
            "D-07 as Django has it",
            json!({"count": 3, "next": "https://api.test/p2", "previous": null, "data": [1]}),
            link("/p2"),
        ),
        (
            "D-08 HAL",
            json!({"_embedded": {"items": []}, "_links": {"self": {"href": "/p1"}, "next": {"href": "/p2"}}}),
            link("/p2"),
        ),
        (
            "D-09 a link goes before a number of pages",
            json!({"data": [1], "meta": {"totalPages": 9}, "links": {"nextPage": "/p?page=2"}}),
            link("/p?page=2"),
        ),
        (
            "D-12",
            json!({"data": [1], "meta": {"totalPages": 9}, "links": {"next": "https://api.test/p2"}}),
            link("/p2"),
        ),
        (
            "OData",
            json!({"data": [1], "@odata.nextLink": "https://api.test/p2"}),
            link("/p2"),
        ),
        (
            "the same link twice",
            json!({"data": [1], "next": "/p2", "links": {"next": "https://api.test/p2"}}),
            link("/p2"),
        ),
        ("D-20 a list", json!([1, 2]), "?limit=2 \ndone".to_owned()),
        (
            "the last page says so",
            json!({"data": [1], "next": null, "total": 99}),
            "?limit=2 \ndone".to_owned(),
        ),
        (
            "as many as there are",
            json!({"data": [1, 2], "total": 2, "pages": 1}),
            "?limit=2 \ndone".to_owned(),
        ),
        (
            "what is not about pages",
            json!({"data": [1], "nextSteps": "call us", "more": {"next": "/x"}, "totals": 9}),
            "?limit=2 \ndone".to_owned(),
        ),
    ] {
        assert_eq!(walk(json!("auto"), &bodies(&[body])), log, "{name}");
    }
}

/// The parameter's name, or the first page's number, would be a guess (traps 2 and 17, Z-02).
#[test]
fn refuses_a_first_page_that_tells_of_more() {
    let cursor = "names a next page";
    let pages = "tells of several pages";
    let total = "tells of more records than it holds";
    for (name, body, says, path) in [
        (
            "D-01",
            json!({"data": [1], "pagination": {"offset": 0, "limit": 1, "total": 9}}),
            total,
            "pagination.total",
        ),
        (
            "D-02",
            json!({"data": [1], "page_info": {"total_pages": 3}}),
            pages,
            "page_info.total_pages",
        ),
        (
            "D-03",
            json!({"data": [1], "next_cursor": "eyJpZCI6MX0"}),
            cursor,
            "next_cursor",
        ),
        (
            "D-04",
            json!({"data": [1], "cursors": {"next": "abc"}}),
            cursor,
            "cursors.next",
        ),
        ("D-05", json!({"data": [1], "next_id": 17}), cursor, "next_id"),
        ("D-06", json!({"data": [1], "total_pages": 3}), pages, "total_pages"),
        (
            "D-10",
            json!({"data": [1], "pagination": {"totalPages": 5}}),
            pages,
            "pagination.totalPages",
        ),
        (
            "D-11",
            json!({"data": [1], "pagination": {"page": 1, "perPage": 1, "total": 9, "totalPages": 9}}),
            pages,
            "pagination.totalPages",
        ),
        (
            "D-13",
            json!({"page": 1, "per_page": 1, "total": 9, "pages": 9, "data": [1]}),
            pages,
            "pages",
        ),
        ("D-14", json!({"totalPages": 10, "data": [1]}), pages, "totalPages"),
        (
            "D-15",
            json!({"data": [1], "paging": {"current": 1, "size": 1, "total": 9}}),
            total,
            "paging.total",
        ),
        (
            "D-16",
            json!({"data": [1], "offset": 0, "limit": 1, "total_count": 9}),
            total,
            "total_count",
        ),
        (
            "D-17",
            json!({"data": [1], "page_details": {"total_pages": 3}}),
            pages,
            "page_details.total_pages",
        ),
        (
            "D-18",
            json!({"data": [1], "pagination_details": {"total_pages": 3}}),
            pages,
            "pagination_details.total_pages",
        ),
        (
            "D-19",
            json!({"data": [1], "page_metadata": {"total_pages": 3}}),
            pages,
            "page_metadata.total_pages",
        ),
        (
            "a token in an object",
            json!({"data": [1], "next": {"cursor": "abc"}}),
            cursor,
            "next.cursor",
        ),
        (
            "a flag",
            json!({"data": [1], "has_more": true}),
            "says that more follows",
            "has_more",
        ),
    ] {
        assert_eq!(
            walk(json!("auto"), &bodies(&[body])),
            format!("?limit=2 \nerror: the answer {says} at `{path}`, and the config does not say how to ask for it"),
            "{name}"
        );
    }
    assert_eq!(
        walk(
            json!("auto"),
            &bodies(&[json!({"data": [1], "next": "/a", "links": {"next": "/b"}})])
        ),
        "?limit=2 \nerror: the answer has two next links that differ, at `next` and at `links.next`"
    );
}

/// Headers count, too, where nothing says that the first page is the last.
#[test]
fn refuses_a_first_page_whose_headers_tell_of_more() {
    let told = |header: &str, what: &str| {
        format!(
            "?limit=2 \nerror: the answer's header `{header}` tells of {what}, and the config does not say how to ask for \
             the others"
        )
    };
    let done = || "?limit=2 \ndone".to_owned();
    let one = || json!({"data": [1]});
    let next = "</p2>; rel=\"next\"";
    for (headers, body, expected) in [
        (vec![("X-Total-Pages", "7")], one(), told("x-total-pages", "7 pages")),
        (vec![("Total-Count", "2")], json!([1]), told("total-count", "2 records")),
        (
            vec![("X-Total-Count", "99"), ("X-Total-Pages", "50")],
            one(),
            told("x-total-pages", "50 pages"),
        ),
        (vec![("X-Total-Pages", "1"), ("X-Total", "1")], one(), done()),
        (vec![("X-Total-Count", "many")], one(), done()),
        // Nothing that came, and nothing that is to be asked for.
        (vec![("X-Total-Count", "5")], json!({"data": []}), done()),
        (vec![("X-Total-Pages", "7")], json!({"data": [1], "next": null}), done()),
        (
            vec![("X-Total-Pages", "7"), ("Link", "</p1>; rel=\"prev\"")],
            one(),
            done(),
        ),
        (
            vec![("X-Total-Pages", "7"), ("Link", next)],
            one(),
            "?limit=2 \nnext link `https://api.test/p2`".to_owned(),
        ),
    ] {
        assert_eq!(
            walk(json!("auto"), &[(headers.as_slice(), body)]),
            expected,
            "{headers:?}"
        );
    }
}

/// D-22: what a single record holds is data.
#[test]
fn a_single_record_has_no_pages() {
    let url = Url::parse("https://api.test/books/1").unwrap();
    let body = Value::from(json!({"id": 1, "pages": 320, "next": "/books/2"}));
    let page = Page {
        url: &url,
        headers: &HeaderMap::new(),
        body: &body,
        containers: &[],
        record_count: 1,
        last_record: Some(&body),
        is_record: true,
        known_end: None,
        position: &Position::Start,
    };
    assert_eq!(Paginator::Auto.next(&page).unwrap(), Step::Done);
}
