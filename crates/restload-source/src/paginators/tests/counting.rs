//! `page_number` and `offset`.

use super::*;

/// A page of two records, with more beside them.
fn two(more: serde_json::Value) -> serde_json::Value {
    with_records(json!([1, 2]), more)
}

fn with_records(records: serde_json::Value, mut more: serde_json::Value) -> serde_json::Value {
    more["data"] = records;
    more
}

/// Options of a paginator, over the ones that it needs.
pub(super) fn with_options(mut config: serde_json::Value, options: serde_json::Value) -> serde_json::Value {
    if let (Some(members), serde_json::Value::Object(options)) = (config.as_object_mut(), options) {
        members.extend(options);
    }
    config
}

#[test]
fn page_number() {
    let none = || with_records(json!([]), json!({}));
    let page = |options| with_options(json!({"type": "page_number"}), options);
    check(vec![
        (
            "P-01 by its name alone",
            json!("page_number"),
            vec![two(json!({"total": 2})), two(json!({"total": 2}))],
            "?limit=2&page=0 \n?limit=2&page=1 \ndone",
        ),
        (
            "G-22 G-31 base 1, total 3",
            page(json!({"base_page": 1, "total_path": "total"})),
            vec![
                two(json!({"total": 3})),
                two(json!({"total": 3})),
                two(json!({"total": 3})),
            ],
            "?limit=2&page=1 \n?limit=2&page=2 \n?limit=2&page=3 \ndone",
        ),
        (
            "G-26 a total that is text",
            page(json!({"base_page": 1, "total_path": "pages"})),
            vec![two(json!({"pages": "1"}))],
            "?limit=2&page=1 \ndone",
        ),
        (
            "G-26 a total that is another text",
            page(json!({"total_path": "total"})),
            vec![two(json!({"total": "invalid"}))],
            "?limit=2&page=0 \nerror: total_path `total` holds \"invalid\", which is not a whole number",
        ),
        (
            "G-26 a total that is no number, where the config says that there is one",
            page(json!({"total_path": "total"})),
            vec![two(json!({"total": {}}))],
            "?limit=2&page=0 \nerror: total_path `total` holds {}, which is not a whole number",
        ),
        (
            "G-26 what is no number and stands where the config names none",
            json!("page_number"),
            vec![two(json!({"total": {"value": 9}})), none()],
            "?limit=2&page=0 \n?limit=2&page=1 \ndone",
        ),
        (
            "G-26 trap 5: no total, an empty page ends",
            json!("page_number"),
            vec![two(json!({})), none()],
            "?limit=2&page=0 \n?limit=2&page=1 \ndone",
        ),
        (
            "trap 5: a total that is null, or not counted",
            page(json!({"total_path": "total"})),
            vec![
                two(json!({"total": null})),
                two(json!({"total": -1})),
                two(json!({"total": 0})),
            ],
            "?limit=2&page=0 \n?limit=2&page=1 \n?limit=2&page=2 \nnext page number 3",
        ),
        (
            "trap 5: a total on the first page only holds for the others",
            page(json!({"total_path": "total", "stop_after_empty_page": false})),
            vec![two(json!({"total": 2})), two(json!({}))],
            "?limit=2&page=0 \n?limit=2&page=1 \ndone",
        ),
        (
            "G-29 a maximum",
            page(json!({"base_page": 1, "maximum_page": 3})),
            vec![two(json!({})), two(json!({}))],
            "?limit=2&page=1 \n?limit=2&page=2 \ndone",
        ),
        (
            "P-03 a start, a base and a total, the rest by default",
            page(json!({"page": 10, "base_page": 1, "total_path": "response.pages"})),
            vec![
                two(json!({"response": {"pages": 12}, "total": 1})),
                two(json!({"response": {"pages": 12}, "total": 1})),
                two(json!({"response": {"pages": 12}, "total": 1})),
            ],
            "?limit=2&page=10 \n?limit=2&page=11 \n?limit=2&page=12 \ndone",
        ),
        (
            "P-07 a parameter, a total, a base and a maximum",
            page(json!({"base_page": 1, "page_param": "p", "total_path": "response.pages", "maximum_page": 3})),
            vec![
                two(json!({"response": {"pages": 11}})),
                two(json!({"response": {"pages": 11}})),
            ],
            "?limit=2&p=1 \n?limit=2&p=2 \ndone",
        ),
        (
            "P-03 P-07 every option",
            page(
                json!({"page": 10, "base_page": 1, "page_param": "p", "total_path": "response.pages", "maximum_page": 99}),
            ),
            vec![
                two(json!({"response": {"pages": 11}})),
                two(json!({"response": {"pages": 11}})),
            ],
            "?limit=2&p=10 \n?limit=2&p=11 \ndone",
        ),
        (
            "a page beyond the maximum is requested all the same",
            page(json!({"page": 9, "maximum_page": 3})),
            vec![two(json!({}))],
            "?limit=2&page=9 \ndone",
        ),
        (
            "a total that is a fraction counts whole pages",
            page(json!({"total_path": "total"})),
            vec![two(json!({"total": 1.7}))],
            "?limit=2&page=0 \ndone",
        ),
        (
            "a fraction that is text is no number",
            page(json!({"total_path": "total"})),
            vec![two(json!({"total": "1.7"}))],
            "?limit=2&page=0 \nerror: total_path `total` holds \"1.7\", which is not a whole number",
        ),
        (
            "an empty page is one of many where it does not end them; null is false",
            page(json!({"total_path": "total", "stop_after_empty_page": null})),
            vec![with_records(json!([]), json!({"total": 9}))],
            "?limit=2&page=0 \nnext page number 1",
        ),
        (
            "an empty page ends before its flag is looked for",
            page(json!({"has_more_path": "more"})),
            vec![none()],
            "?limit=2&page=0 \ndone",
        ),
        (
            "G-24 G-30 an empty page ends, whatever it says",
            page(json!({"total_path": "total"})),
            vec![with_records(json!([]), json!({"total": 9}))],
            "?limit=2&page=0 \ndone",
        ),
        (
            "G-27 a flag",
            page(json!({"has_more_path": "more"})),
            vec![
                two(json!({"more": "true"})),
                two(json!({"more": true})),
                two(json!({"more": false})),
            ],
            "?limit=2&page=0 \n?limit=2&page=1 \n?limit=2&page=2 \ndone",
        ),
        (
            "G-27 flags in every spelling",
            page(json!({"has_more_path": "more"})),
            ["YES", "t", "Y", "1"]
                .into_iter()
                .map(|flag| two(json!({ "more": flag })))
                .chain([two(json!({"more": 1})), two(json!({"more": "No"}))])
                .collect(),
            "?limit=2&page=0 \n?limit=2&page=1 \n?limit=2&page=2 \n?limit=2&page=3 \n?limit=2&page=4 \n?limit=2&page=5 \ndone",
        ),
        (
            "G-27 a flag that is neither",
            page(json!({"has_more_path": "more"})),
            vec![two(json!({"more": "invalid"}))],
            "?limit=2&page=0 \nerror: has_more_path `more` holds `invalid`, which is neither true nor false",
        ),
        (
            "G-27 a flag that is null",
            page(json!({"has_more_path": "more"})),
            vec![two(json!({"more": null}))],
            "?limit=2&page=0 \nerror: has_more_path `more` is not in the answer",
        ),
        (
            "G-27 a flag that is missing",
            page(json!({"has_more_path": "more"})),
            vec![two(json!({}))],
            "?limit=2&page=0 \nerror: has_more_path `more` is not in the answer",
        ),
        (
            "G-40 a flag does not prolong what a maximum ends",
            page(json!({"has_more_path": "more", "maximum_page": 1})),
            vec![two(json!({"more": true}))],
            "?limit=2&page=0 \ndone",
        ),
        (
            "G-40 nor what a total ends",
            page(json!({"has_more_path": "more", "total_path": "total"})),
            vec![two(json!({"more": true, "total": 1}))],
            "?limit=2&page=0 \ndone",
        ),
        (
            "a short page ends",
            page(json!({"page_size": 2})),
            vec![two(json!({})), with_records(json!([3]), json!({}))],
            "?limit=2&page=0 \n?limit=2&page=1 \ndone",
        ),
        (
            "G-16 G-23 G-28 in the body",
            page(json!({"page_body_path": "paging.page"})),
            vec![two(json!({})), two(json!({}))],
            "?limit=2 {\"paging\":{\"page\":0}}\n?limit=2 {\"paging\":{\"page\":1}}\nnext page number 2",
        ),
        (
            "in a header",
            page(json!({"page_header": "X-Page"})),
            vec![two(json!({})), two(json!({}))],
            "?limit=2  x-page: 0\n?limit=2  x-page: 1\nnext page number 2",
        ),
        (
            "G-28 over a parameter of the config",
            page(json!({"page_param": "limit"})),
            vec![two(json!({})), two(json!({}))],
            "?limit=0 \n?limit=1 \nnext page number 2",
        ),
        (
            "G-08 G-25 two places",
            page(json!({"page_param": "p", "page_body_path": "b"})),
            vec![],
            "page_body_path: `page_param` and `page_body_path` exclude each other: the value goes to one place",
        ),
        (
            "G-09 G-21 G-32 an empty name",
            page(json!({"page_param": ""})),
            vec![],
            "page_param: `page_param` is empty",
        ),
        (
            "G-08 G-09 an empty key of a path",
            page(json!({"page_body_path": "a..b"})),
            vec![],
            "page_body_path: `a..b` has an empty key between its dots",
        ),
        (
            "G-21 G-32 no name is the default one",
            page(json!({"page_param": null, "page_body_path": null})),
            vec![two(json!({}))],
            "?limit=2&page=0 \nnext page number 1",
        ),
        (
            "not a header's name",
            page(json!({"page_header": "a b"})),
            vec![],
            "page_header: `a b` is not a header name",
        ),
        (
            "a page size that no page can have",
            page(json!({"page_size": 0})),
            vec![],
            "page_size: `page_size` must be at least 1",
        ),
    ]);
}

#[test]
fn offset() {
    let page = || two(json!({"total": 3}));
    let by = |options| with_options(json!({"type": "offset", "limit": 2}), options);
    check(vec![
        (
            "G-10 a total",
            by(json!({"limit": 10})),
            vec![two(json!({"total": 20})), two(json!({"total": 20}))],
            "?offset=0&limit=10 \n?offset=10&limit=10 \ndone",
        ),
        (
            "a total that the last page does not fill",
            by(json!({})),
            vec![page(), page()],
            "?offset=0&limit=2 \n?offset=2&limit=2 \ndone",
        ),
        (
            "G-10 G-19 no records",
            by(json!({})),
            vec![with_records(json!([]), json!({"total": 20}))],
            "?offset=0&limit=2 \ndone",
        ),
        (
            "G-12 a total that is text",
            by(json!({"total_path": "total"})),
            vec![two(json!({"total": "2"}))],
            "?offset=0&limit=2 \ndone",
        ),
        (
            "G-12 a total that is no number",
            by(json!({"total_path": "total"})),
            vec![two(json!({"total": "invalid"}))],
            "?offset=0&limit=2 \nerror: total_path `total` holds \"invalid\", which is not a whole number",
        ),
        (
            "G-12 trap 5: a total that is missing",
            by(json!({"total_path": "total"})),
            vec![two(json!({}))],
            "?offset=0&limit=2 \nnext offset 2",
        ),
        (
            "G-13 flags",
            by(json!({"has_more_path": "more"})),
            vec![two(json!({"more": "true"})), two(json!({"more": false}))],
            "?offset=0&limit=2 \n?offset=2&limit=2 \ndone",
        ),
        (
            "G-13 a flag that is neither",
            by(json!({"has_more_path": "more"})),
            vec![two(json!({"more": "invalid"}))],
            "?offset=0&limit=2 \nerror: has_more_path `more` holds `invalid`, which is neither true nor false",
        ),
        (
            "G-13 a flag that is missing",
            by(json!({"has_more_path": "more"})),
            vec![two(json!({}))],
            "?offset=0&limit=2 \nerror: has_more_path `more` is not in the answer",
        ),
        (
            "G-14 a start",
            by(json!({"offset": 123, "limit": 42, "total_path": null})),
            vec![two(json!({})), two(json!({}))],
            "?offset=123&limit=42 \n?offset=165&limit=42 \nnext offset 207",
        ),
        (
            "P-04 a limit and a maximum, the rest by default",
            by(json!({"limit": 100, "maximum_offset": 1000, "offset": 800})),
            vec![two(json!({"total": 2000})), two(json!({"total": 2000}))],
            "?offset=800&limit=100 \n?offset=900&limit=100 \ndone",
        ),
        (
            "P-04 what is beyond the total is not asked for",
            by(json!({"limit": 100, "maximum_offset": 1000})),
            vec![two(json!({"total": 150})), two(json!({"total": 150}))],
            "?offset=0&limit=100 \n?offset=100&limit=100 \ndone",
        ),
        (
            "a total is one of all records, wherever the first request starts",
            by(json!({"offset": 4})),
            vec![two(json!({"total": 6}))],
            "?offset=4&limit=2 \ndone",
        ),
        (
            "an offset beyond the maximum is requested all the same",
            by(json!({"offset": 9, "maximum_offset": 3})),
            vec![two(json!({}))],
            "?offset=9&limit=2 \ndone",
        ),
        (
            "an empty page is one of many where it does not end them; null is false",
            by(json!({"stop_after_empty_page": null})),
            vec![with_records(json!([]), json!({"total": 9}))],
            "?offset=0&limit=2 \nnext offset 2",
        ),
        (
            "P-04 G-17 a maximum",
            by(json!({"limit": 50, "maximum_offset": 100})),
            vec![two(json!({})), two(json!({}))],
            "?offset=0&limit=50 \n?offset=50&limit=50 \ndone",
        ),
        (
            "G-11 other names",
            by(json!({"offset_param": "skip", "limit_param": "top"})),
            vec![two(json!({}))],
            "?limit=2&skip=0&top=2 \nnext offset 2",
        ),
        (
            "G-11 G-16 G-18 in the body",
            by(json!({"offset_body_path": "q.from", "limit_body_path": "q.size"})),
            vec![two(json!({})), two(json!({}))],
            "?limit=2 {\"q\":{\"from\":0,\"size\":2}}\n?limit=2 {\"q\":{\"from\":2,\"size\":2}}\nnext offset 4",
        ),
        (
            "each in a place of its own",
            by(json!({"offset_header": "X-Offset", "limit_body_path": "size"})),
            vec![two(json!({}))],
            "?limit=2 {\"size\":2} x-offset: 0\nnext offset 2",
        ),
        (
            "a short page ends where the config says so",
            by(json!({"stop_after_short_page": true})),
            vec![two(json!({})), with_records(json!([3]), json!({}))],
            "?offset=0&limit=2 \n?offset=2&limit=2 \ndone",
        ),
        (
            "and not where it does not",
            by(json!({})),
            vec![with_records(json!([3]), json!({}))],
            "?offset=0&limit=2 \nnext offset 2",
        ),
        (
            "G-15 two places",
            by(json!({"offset_param": "o", "offset_header": "O"})),
            vec![],
            "offset_header: `offset_param` and `offset_header` exclude each other: the value goes to one place",
        ),
        (
            "G-21 no names are the default ones",
            by(json!({"offset_param": null, "offset_body_path": null, "limit_param": null, "limit_body_path": null})),
            vec![two(json!({}))],
            "?offset=0&limit=2 \nnext offset 2",
        ),
        (
            "G-21 empty names",
            by(json!({"offset_param": "", "limit_body_path": ""})),
            vec![],
            "offset_param: `offset_param` is empty\nlimit_body_path: `limit_body_path` is empty",
        ),
        (
            "G-21 an empty name beside none",
            by(json!({"offset_param": null, "offset_body_path": "", "limit_param": "", "limit_body_path": null})),
            vec![],
            "offset_body_path: `offset_body_path` is empty\nlimit_param: `limit_param` is empty",
        ),
        (
            "G-15 G-21 two places, and an empty name",
            by(json!({"offset_param": "o", "offset_body_path": "b", "limit_param": ""})),
            vec![],
            "offset_body_path: `offset_param` and `offset_body_path` exclude each other: the value goes to one place\n\
             limit_param: `limit_param` is empty",
        ),
        (
            "a short page is rule enough",
            by(json!({"total_path": null, "stop_after_empty_page": false, "stop_after_short_page": true})),
            vec![with_records(json!([3]), json!({}))],
            "?offset=0&limit=2 \ndone",
        ),
        (
            "two places of a total",
            by(json!({"total_path": "total", "total_header": "X-Total"})),
            vec![],
            "total_header: `total_path` and `total_header` exclude each other: the total is in one place",
        ),
        (
            "a limit that asks for nothing",
            by(json!({"limit": 0})),
            vec![],
            "limit: `limit` must be at least 1",
        ),
    ]);
}

/// G-20, G-32: without a rule that ends the pages there is no paging; any one will do.
#[test]
fn something_must_stop_the_paging() {
    for paginator in [json!({"type": "page_number"}), json!({"type": "offset", "limit": 2})] {
        let maximum = match paginator["type"].as_str() {
            Some("offset") => "maximum_offset",
            _ => "maximum_page",
        };
        for (options, is_enough) in [
            (json!({}), false),
            (json!({maximum: null}), false),
            (json!({"has_more_path": null}), false),
            (json!({maximum: null, "has_more_path": null}), false),
            (json!({"total_path": "total"}), true),
            (json!({maximum: 9}), true),
            (json!({"has_more_path": "more"}), true),
            (json!({"stop_after_empty_page": true}), true),
        ] {
            let none = with_options(
                paginator.clone(),
                json!({"total_path": null, "stop_after_empty_page": false}),
            );
            let config = with_options(none, options);
            let log = walk(config.clone(), &bodies(&[two(json!({"more": true}))]));
            if is_enough {
                assert!(log.contains("\nnext "), "{config}: {log}");
            } else {
                assert_eq!(log, ": nothing would ever stop the paging", "{config}");
            }
        }
    }
}

/// G-08, G-09, G-21, G-32: every pair of a parameter and a place in the body. Neither is the default parameter; both, and
/// an empty name, are mistakes.
#[test]
fn a_number_goes_to_one_place_that_has_a_name() {
    for (paginator, noun, value) in [
        (json!({"type": "page_number", "page": 7}), "page", 7),
        (json!({"type": "offset", "limit": 2, "offset": 7}), "offset", 7),
        (json!({"type": "offset", "limit": 7}), "limit", 7),
    ] {
        let default = format!("{noun}={value}");
        let excluded = format!("`{noun}_param` and `{noun}_body_path` exclude each other");
        let empty = |place: &str| format!("{noun}_{place}: `{noun}_{place}` is empty");
        for (param, body_path, said) in [
            (json!(null), json!(null), default),
            (json!("p"), json!(null), format!("p={value}")),
            (json!(null), json!("b"), format!("{{\"b\":{value}}}")),
            (json!("p"), json!("b"), excluded),
            (json!(""), json!(null), empty("param")),
            (json!(null), json!(""), empty("body_path")),
            (json!(""), json!(""), empty("param")),
            (json!("p"), json!(""), empty("body_path")),
            (json!(""), json!("b"), empty("param")),
        ] {
            let places = json!({format!("{noun}_param"): param, format!("{noun}_body_path"): body_path});
            let config = with_options(paginator.clone(), places);
            let log = walk(config.clone(), &bodies(&[two(json!({}))]));
            assert!(log.contains(&said), "{config}: `{said}` is not in {log}");
        }
    }
}

#[test]
fn totals_in_a_header() {
    let config = json!({"type": "page_number", "base_page": 1, "total_header": "X-Total-Pages"});
    let pages: [(&[(&str, &str)], serde_json::Value); 2] = [
        (&[("x-total-pages", "2")], json!([1])),
        (&[("x-total-pages", "2")], json!([2])),
    ];
    assert_eq!(walk(config.clone(), &pages), "?limit=2&page=1 \n?limit=2&page=2 \ndone");
    assert_eq!(
        walk(config, &[(&[("x-total-pages", "many")], json!([1]))]),
        "?limit=2&page=1 \nerror: total_header `x-total-pages` holds `many`, which is not a whole number"
    );
}

#[test]
fn knows_the_pages_to_come_only_where_they_are_certain() {
    let upcoming = |config: serde_json::Value, from: &Position, end: Option<i64>| {
        let config: PaginatorConfig = crate::choice::read(config, None).unwrap();
        let paginator = config.compile(&KeyPath::root(), &mut Diagnostics::default()).unwrap();
        let positions = paginator.upcoming(from, end, 3);
        positions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let page = |options| with_options(json!({"type": "page_number", "base_page": 1}), options);
    let third = Position::Page(3);
    for (config, from, end, positions) in [
        (
            page(json!({"total_path": "pages"})),
            &third,
            Some(6),
            "page number 4, page number 5",
        ),
        (
            page(json!({"total_path": "pages"})),
            &third,
            Some(99),
            "page number 4, page number 5, page number 6",
        ),
        (page(json!({"total_path": "pages"})), &third, Some(4), ""),
        (page(json!({"total_path": "pages"})), &third, None, ""),
        (
            page(json!({"total_path": "pages", "maximum_page": 5})),
            &third,
            Some(99),
            "page number 4",
        ),
        // Under `total` an API may well have the number of records.
        (page(json!({})), &third, Some(99), ""),
        // A maximum bounds what may be there; it tells what is there only if nothing else ends the pages.
        (page(json!({"maximum_page": 9})), &third, None, ""),
        (
            page(json!({"maximum_page": 5, "stop_after_empty_page": false})),
            &third,
            None,
            "page number 4",
        ),
        (
            json!({"type": "offset", "limit": 100}),
            &Position::Offset(200),
            Some(401),
            "offset 300, offset 400",
        ),
        (
            json!({"type": "offset", "limit": 100}),
            &Position::Offset(200),
            Some(300),
            "",
        ),
        (json!({"type": "cursor"}), &Position::Start, None, ""),
    ] {
        assert_eq!(
            upcoming(config.clone(), from, end),
            positions,
            "{config} from {from} to {end:?}"
        );
    }
}
