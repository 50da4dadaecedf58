//! `cursor`, `keyset`, `header_cursor`, and the links.

use super::counting::with_options;
use super::*;

#[test]
fn cursor() {
    let cursor = |options| with_options(json!({"type": "cursor", "cursor_path": "next"}), options);
    check(vec![
        (
            "G-33 G-37 K-04 until it is empty",
            cursor(json!({})),
            vec![json!({"next": "a"}), json!({"next": 5}), json!({"next": ""})],
            "?limit=2 \n?limit=2&cursor=a \n?limit=2&cursor=5 \ndone",
        ),
        (
            "P-01 P-05 by its name alone",
            json!("cursor"),
            vec![json!({"cursors": {"next": "a"}}), json!({"cursors": {"next": null}})],
            "?limit=2 \n?limit=2&cursor=a \ndone",
        ),
        (
            "P-05 its parameter alone, the path being the default one",
            json!({"type": "cursor", "cursor_param": "after"}),
            vec![json!({"cursors": {"next": "a"}, "next": "b"}), json!({"next": "c"})],
            "?limit=2 \n?limit=2&after=a \ndone",
        ),
        ("G-33 missing", cursor(json!({})), vec![json!({})], "?limit=2 \ndone"),
        (
            "G-33 false",
            cursor(json!({})),
            vec![json!({"next": false})],
            "?limit=2 \ndone",
        ),
        (
            "G-33 zero",
            cursor(json!({})),
            vec![json!({"next": 0})],
            "?limit=2 \ndone",
        ),
        (
            "G-34 another name",
            cursor(json!({"cursor_param": "after"})),
            vec![json!({"next": "a b"}), json!({})],
            "?limit=2 \n?limit=2&after=a+b \ndone",
        ),
        (
            "G-34 G-37 in the body",
            cursor(json!({"cursor_body_path": "q.after"})),
            vec![json!({"next": "a"}), json!({})],
            "?limit=2 \n?limit=2 {\"q\":{\"after\":\"a\"}}\ndone",
        ),
        (
            "in a header",
            cursor(json!({"cursor_header": "X-Cursor"})),
            vec![json!({"next": "a"}), json!({})],
            "?limit=2 \n?limit=2  x-cursor: a\ndone",
        ),
        (
            "G-34 two places",
            cursor(json!({"cursor_param": "c", "cursor_body_path": "c"})),
            vec![],
            "cursor_body_path: `cursor_param` and `cursor_body_path` exclude each other: the value goes to one place",
        ),
        (
            "G-35 an empty page",
            cursor(json!({"stop_after_empty_page": true})),
            vec![json!({"next": "a", "data": []})],
            "?limit=2 \ndone",
        ),
        (
            "G-35 which does not end by default",
            cursor(json!({})),
            vec![json!({"next": "a", "data": []})],
            "?limit=2 \nnext page token `a`",
        ),
        (
            "null is false",
            cursor(json!({"stop_after_empty_page": null})),
            vec![json!({"next": "a", "data": []})],
            "?limit=2 \nnext page token `a`",
        ),
        (
            "a short page",
            cursor(json!({"page_size": 2})),
            vec![json!({"next": "a", "data": [1, 2]}), json!({"next": "b", "data": [3]})],
            "?limit=2 \n?limit=2&cursor=a \ndone",
        ),
        (
            "G-36 true, then false, with and without records",
            cursor(json!({"has_more_path": "more"})),
            vec![
                json!({"next": "a", "more": true, "data": [1]}),
                json!({"next": "b", "more": true, "data": []}),
                json!({"next": "c", "more": "false"}),
            ],
            "?limit=2 \n?limit=2&cursor=a \n?limit=2&cursor=b \ndone",
        ),
        (
            "G-36 false",
            cursor(json!({"has_more_path": "more"})),
            vec![json!({"next": "a", "more": false, "data": [1]})],
            "?limit=2 \ndone",
        ),
        (
            "G-36 missing",
            cursor(json!({"has_more_path": "more"})),
            vec![json!({"next": "a"})],
            "?limit=2 \nerror: has_more_path `more` is not in the answer",
        ),
        (
            "G-40 a flag without a cursor",
            cursor(json!({"has_more_path": "more"})),
            vec![json!({"more": true})],
            "?limit=2 \nerror: has_more_path `more` says that more follows, and cursor_path `next` holds no cursor to ask for it \
             with",
        ),
        (
            "a list repeats its parameter",
            cursor(json!({})),
            vec![json!({"next": [1, "b"]})],
            "?limit=2 \nnext page token `[1,\"b\"]`",
        ),
        (
            "a list in the body",
            cursor(json!({"cursor_body_path": "search_after"})),
            vec![json!({"next": [1, "b"]}), json!({"next": []})],
            "?limit=2 \n?limit=2 {\"search_after\":[1,\"b\"]}\ndone",
        ),
        (
            "an object that no parameter can carry",
            cursor(json!({})),
            vec![json!({"next": {"id": 1}})],
            "?limit=2 \nerror: cursor_path `next` holds {\"id\":1}, which only a JSON body can carry",
        ),
    ]);
}

#[test]
fn keyset() {
    let keyset = |options| with_options(json!({"type": "keyset", "key_param": "starting_after"}), options);
    let page = |ids: &[i64]| json!({"data": ids.iter().map(|id| json!({"id": id, "at": {"ms": id * 10}})).collect::<Vec<_>>()});
    check(vec![
        (
            "until a page is empty",
            keyset(json!({})),
            vec![page(&[1, 2]), page(&[3]), page(&[])],
            "?limit=2 \n?limit=2&starting_after=2 \n?limit=2&starting_after=3 \ndone",
        ),
        (
            "a short page, a deeper key, a first value",
            keyset(json!({"key_path": "at.ms", "initial_value": 5, "page_size": 2})),
            vec![page(&[1, 2]), page(&[3])],
            "?limit=2&starting_after=5 \n?limit=2&starting_after=20 \ndone",
        ),
        (
            "a flag",
            keyset(json!({"has_more_path": "more"})),
            vec![json!({"data": [{"id": "x"}], "more": false})],
            "?limit=2 \ndone",
        ),
        (
            "in the body",
            json!({"type": "keyset", "key_body_path": "after.id"}),
            vec![page(&[7]), page(&[])],
            "?limit=2 \n?limit=2 {\"after\":{\"id\":7}}\ndone",
        ),
        (
            "in a header",
            json!({"type": "keyset", "key_header": "X-After"}),
            vec![page(&[7]), page(&[])],
            "?limit=2 \n?limit=2  x-after: 7\ndone",
        ),
        (
            "a record without the key",
            keyset(json!({"key_path": "uid"})),
            vec![page(&[1])],
            "?limit=2 \nerror: the last record of the page has no `uid` to go on from",
        ),
        (
            "a key that is no single value",
            keyset(json!({"key_path": "at"})),
            vec![page(&[1])],
            "?limit=2 \nerror: key_path `at` holds an object, which cannot be sent as a key",
        ),
        (
            "no place",
            json!({"type": "keyset"}),
            vec![],
            ": where the key goes is missing: set `key_param`, `key_body_path` or `key_header`",
        ),
        (
            "a first value that is no single one",
            keyset(json!({"initial_value": [1]})),
            vec![],
            "initial_value: `initial_value` must be a single value; this is [1]",
        ),
    ]);
}

#[test]
fn links_in_the_body() {
    let links = |path: &str| json!({"type": "json_link", "next_url_path": path});
    check(vec![
        (
            "P-01 G-03 G-05 G-06 the default path; the link carries the whole query",
            json!("json_link"),
            vec![json!({"next": "?page=2"}), json!({"next": ""})],
            "?limit=2 \nhttps://api.test/v1/orders?page=2\ndone",
        ),
        (
            "P-05 its type alone",
            json!({"type": "json_link"}),
            vec![json!({"next": "/v2/x"})],
            "?limit=2 \nnext link `https://api.test/v2/x`",
        ),
        (
            "P-05 G-03 a nested path",
            links("links.next"),
            vec![json!({"links": {"next": "/v2/x"}})],
            "?limit=2 \nnext link `https://api.test/v2/x`",
        ),
        (
            "G-03 quoted keys",
            links("$['@odata.nextLink']"),
            vec![json!({"@odata.nextLink": "/p2"})],
            "?limit=2 \nnext link `https://api.test/p2`",
        ),
        (
            "G-03 double quotes",
            links("[\"a.b\"]"),
            vec![json!({"a.b": "/p2"})],
            "?limit=2 \nnext link `https://api.test/p2`",
        ),
        ("G-03 missing", links("links.next"), vec![json!({})], "?limit=2 \ndone"),
        (
            "Z-04 null",
            json!("json_link"),
            vec![json!({"next": null})],
            "?limit=2 \ndone",
        ),
        (
            "Z-04 an empty text",
            json!("json_link"),
            vec![json!({"next": ""})],
            "?limit=2 \ndone",
        ),
        (
            "Z-04 a number",
            json!("json_link"),
            vec![json!({"next": 5})],
            "?limit=2 \nerror: next_url_path `next` holds a number, which is not a URL",
        ),
        (
            "Z-04 another scheme",
            json!("json_link"),
            vec![json!({"next": "mailto:x@y"})],
            "?limit=2 \nerror: the next link `mailto:x@y` is not a URL",
        ),
        (
            "G-07 single_page",
            json!("single_page"),
            vec![json!({"next": "/x", "total": 9})],
            "?limit=2 \ndone",
        ),
        (
            "G-07 single_page where nothing is said of others",
            json!("single_page"),
            vec![json!({"data": [1]})],
            "?limit=2 \ndone",
        ),
    ]);
}

#[test]
fn links_are_resolved() {
    for (name, link, url) in [
        (
            "G-04 absolute",
            "https://api.test/p?page=2",
            "https://api.test/p?page=2",
        ),
        ("G-04 from the root", "/api/p?page=2", "https://api.test/api/p?page=2"),
        ("G-04 a deeper path", "/api/v1/p/2/x", "https://api.test/api/v1/p/2/x"),
        (
            "G-04 K-02 the query alone",
            "?page=2&limit=5",
            "https://api.test/v1/orders?page=2&limit=5",
        ),
        ("G-04 beside the current one", "page2", "https://api.test/v1/page2"),
        (
            "G-04 several parameters",
            "/p?a=1&b=2&page=3",
            "https://api.test/p?a=1&b=2&page=3",
        ),
        ("G-04 a port", "http://api.test:8080/p", "http://api.test:8080/p"),
        ("G-04 without a scheme", "//other.test/x", "https://other.test/x"),
        (
            "a host without a scheme is a path",
            "other.test/x",
            "https://api.test/v1/other.test/x",
        ),
        ("G-04 encoded", "/p?q=a%20b%26c", "https://api.test/p?q=a%20b%26c"),
        ("G-04 without a page", "/p", "https://api.test/p"),
    ] {
        let log = walk(json!("json_link"), &bodies(&[json!({"next": link})]));
        assert_eq!(log, format!("?limit=2 \nnext link `{url}`"), "{name}");
    }
}

#[test]
fn headers() {
    let link = r#"<https://api.test/p1>; rel="first last", <https://api.test/p,2>; title="a, b"; rel="NEXT""#;
    let further = "<https://api.test/more>; rel=more";
    for (name, config, headers, log) in [
        (
            "P-01 G-01 G-02 D-21 a link",
            json!("header_link"),
            ("link", link),
            "?limit=2 \nnext link `https://api.test/p,2`",
        ),
        (
            "G-01 no such link",
            json!("header_link"),
            ("link", further),
            "?limit=2 \ndone",
        ),
        (
            "P-05 a link, by the type alone",
            json!({"type": "header_link"}),
            ("link", link),
            "?limit=2 \nnext link `https://api.test/p,2`",
        ),
        (
            "P-05 another relation",
            json!({"type": "header_link", "links_next_key": "more"}),
            ("link", further),
            "?limit=2 \nnext link `https://api.test/more`",
        ),
        (
            "a URL in a header of its own",
            json!({"type": "header_link", "header": "Next-Page"}),
            ("next-page", "/p2?t=a%2Cb"),
            "?limit=2 \nnext link `https://api.test/p2?t=a%2Cb`",
        ),
        (
            "links in a header of its own",
            json!({"type": "header_link", "header": "X-Links"}),
            ("x-links", link),
            "?limit=2 \nnext link `https://api.test/p,2`",
        ),
        (
            "an empty header",
            json!({"type": "header_link", "header": "Next-Page"}),
            ("next-page", ""),
            "?limit=2 \ndone",
        ),
        (
            "a URL in a header that is called so, without a paginator",
            json!("auto"),
            ("x-next-page", "https://api.test/p2"),
            "?limit=2 \nnext link `https://api.test/p2`",
        ),
        (
            "a token in a header, without a paginator",
            json!("auto"),
            ("x-next-page", "2"),
            "?limit=2 \nerror: the answer names a next page in its header `x-next-page`, and the config does not say how to ask for it",
        ),
        (
            "no token any more",
            json!("auto"),
            ("x-next-page", ""),
            "?limit=2 \ndone",
        ),
        (
            "what is no header",
            json!({"type": "header_link", "header": "Next Page"}),
            ("next-page", ""),
            "header: `Next Page` is not a header name",
        ),
        (
            "P-01 G-39 a token",
            json!("header_cursor"),
            ("next", "t1"),
            "?limit=2 \nnext page token `t1`",
        ),
        ("G-39 none", json!("header_cursor"), ("other", "t1"), "?limit=2 \ndone"),
        (
            "G-39 an empty one",
            json!("header_cursor"),
            ("next", ""),
            "?limit=2 \ndone",
        ),
    ] {
        assert_eq!(walk(config, &[(&[headers], json!([]))]), log, "{name}");
    }
    for (config, second) in [
        (json!({}), "?limit=2&cursor=t0 "),
        (json!({"cursor_param": "c"}), "?limit=2&c=t0 "),
        (json!({"cursor_key": "X-Next"}), "?limit=2&cursor=t1 "),
        (json!({"cursor_key": "X-Next", "cursor_param": "c"}), "?limit=2&c=t1 "),
        (
            json!({"cursor_key": "X-Next", "cursor_body_path": "after"}),
            "?limit=2 {\"after\":\"t1\"}",
        ),
        (
            json!({"cursor_key": "X-Next", "cursor_header": "X-After"}),
            "?limit=2  x-after: t1",
        ),
    ] {
        let mut full = config.clone();
        full["type"] = json!("header_cursor");
        let log = walk(
            full,
            &[(&[("x-next", "t1"), ("next", "t0")], json!([])), (&[], json!([]))],
        );
        assert_eq!(log, format!("?limit=2 \n{second}\ndone"), "P-05 G-39 {config}");
    }
}

#[test]
fn names() {
    for name in NAMES {
        let config: PaginatorConfig = crate::choice::read(json!(name), Some(DEFAULT)).unwrap();
        let mut diagnostics = Diagnostics::default();
        assert!(
            config.compile(&KeyPath::root(), &mut diagnostics).is_some(),
            "P-01 {name}"
        );
        let said = diagnostics.into_vec();
        assert_eq!(
            said.len(),
            usize::from(name == "json_response"),
            "P-08 {name}: {said:?}"
        );
    }
    let read = |config: serde_json::Value| crate::choice::read::<_, PaginatorConfig>(config, Some(DEFAULT));
    assert!(
        matches!(read(json!({})), Ok(PaginatorConfig::Auto(_))),
        "no type is auto"
    );
    assert!(
        matches!(read(json!({"type": "auto"})), Ok(PaginatorConfig::Auto(_))),
        "P-02"
    );
    let offset = read(json!("offset")).unwrap_err().to_string();
    assert!(offset.contains("limit"), "P-01 offset needs a limit: {offset}");
    for config in [json!("cursr"), json!({"type": "cursr"})] {
        let unknown = read(config).unwrap_err().to_string();
        for name in NAMES.into_iter().chain(["cursr", "offset", "keyset"]) {
            let quoted = format!("`{name}`");
            assert!(unknown.contains(&quoted), "P-09 {name} is not listed: {unknown}");
        }
    }
}
