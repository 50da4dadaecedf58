//! The end-to-end cases of dlt's checklist, at their full size, against its fixture API: 25 posts of 50 comments each,
//! five to a page. Every request must be one that is expected, and every expected one must come, once.

use crate::support::posts::{
    COMMENTS, PAGE, PAGES_OF_COMMENTS, PAGES_OF_POSTS, POSTS, all_comments, all_posts, load, texts,
};

/// O-01: posts with their comments and details, linked in each of five ways.
#[test]
fn children_are_linked_in_every_way() {
    let resolve = "params: { post_id: { type: resolve, resource: posts, field: id } }";
    let id = "post_id: '{resources.posts.id}'";
    for (way, comments, details) in [
        (
            "resolve in the path",
            format!("path: 'posts/{{post_id}}/comments', {resolve}"),
            format!("path: 'posts/{{post_id}}', {resolve}"),
        ),
        (
            "reference in the path",
            "path: 'posts/{resources.posts.id}/comments'".to_owned(),
            "path: 'posts/{resources.posts.id}'".to_owned(),
        ),
        (
            "query",
            format!("path: post_comments, params: {{ {id} }}"),
            format!("path: post_detail, params: {{ {id} }}"),
        ),
        (
            "JSON",
            format!("path: post_comments, method: POST, json: {{ {id} }}"),
            format!("path: post_detail, method: POST, json: {{ {id} }}"),
        ),
        (
            "header",
            format!("path: post_comments_via_headers, headers: {{ {id} }}"),
            format!("path: post_detail_via_headers, headers: {{ {id} }}"),
        ),
    ] {
        let loaded = load(&format!(
            "client: {{ base_url: API, paginator: {{ type: json_link, next_url_path: next_page }} }}\n\
             resources:\n\
             - {{ name: posts, endpoint: {{ data_selector: data }} }}\n\
             - {{ name: comments, endpoint: {{ {comments}, data_selector: data }} }}\n\
             - {{ name: details, endpoint: {{ {details}, data_selector: $ }} }}\n"
        ));
        let mut expected = Vec::new();
        let at = |page: usize, start: &str| match page {
            1 => String::new(),
            page => format!("{start}page={page}"),
        };
        expected.extend((1..=PAGES_OF_POSTS).map(|page| format!("GET /posts{}", at(page, "?"))));
        for post in 0..POSTS {
            for page in 1..=PAGES_OF_COMMENTS {
                expected.push(match way {
                    "query" => format!("GET /post_comments?post_id={post}{}", at(page, "&")),
                    "JSON" => format!("POST /post_comments{} {{\"post_id\":{post}}}", at(page, "?")),
                    "header" => format!("GET /post_comments_via_headers{} post_id={post}", at(page, "?")),
                    _ => format!("GET /posts/{post}/comments{}", at(page, "?")),
                });
            }
            expected.push(match way {
                "query" => format!("GET /post_detail?post_id={post}"),
                "JSON" => format!("POST /post_detail {{\"post_id\":{post}}}"),
                "header" => format!("GET /post_detail_via_headers post_id={post}"),
                _ => format!("GET /posts/{post}"),
            });
        }
        expected.sort();
        assert_eq!(loaded.asked(), expected, "{way}");
        let database = &loaded.database;
        assert_eq!(database.rows("posts", &["id", "title"]), all_posts(), "{way}");
        assert_eq!(
            database.rows("comments", &["id", "post_id", "body"]),
            all_comments(),
            "{way}"
        );
        let details = texts((0..POSTS).map(|post| [post.to_string(), format!("Post body {post}")]));
        assert_eq!(database.rows("details", &["id", "body"]), details, "{way}");
    }
}

/// O-34, O-35, O-36: children of several pages, of parents of several pages. Each child counts its own pages, also where
/// children are loaded side by side, and takes along what is its own parent's.
#[test]
fn every_child_has_pages_of_its_own() {
    for child in [
        "",
        "parallelized: true,",
        "parallelized: true, include_from_parent: [id, title],",
    ] {
        let loaded = load(&format!(
            "client: {{ base_url: API, concurrency: 5, paginator: {{ type: page_number, base_page: 1, total_path: total_pages }} }}\n\
             resources:\n\
             - {{ name: posts, endpoint: {{ data_selector: data }} }}\n\
             - {{ name: comments, {child} endpoint: {{ path: 'posts/{{resources.posts.id}}/comments', data_selector: data }} }}\n"
        ));
        let mut expected: Vec<String> = (1..=PAGES_OF_POSTS)
            .map(|page| format!("GET /posts?page={page}"))
            .collect();
        for post in 0..POSTS {
            let pages = 1..=PAGES_OF_COMMENTS;
            expected.extend(pages.map(|page| format!("GET /posts/{post}/comments?page={page}")));
        }
        expected.sort();
        assert_eq!(loaded.asked(), expected, "{child}");
        let rows = loaded.database.rows("comments", &["id", "post_id", "body"]);
        assert_eq!(rows, all_comments(), "{child}");
        if child.contains("include") {
            let columns = ["post_id", "_posts_id", "_posts_title"];
            let expected = texts((0..POSTS * COMMENTS).map(|number| {
                let post = (number / COMMENTS).to_string();
                [post.clone(), post.clone(), format!("Post {post}")]
            }));
            assert_eq!(loaded.database.rows("comments", &columns), expected);
        }
    }
}

/// O-37: what is new of every parent's children, side by side. dlt loses rows here; it must be five of each.
#[test]
fn nothing_new_of_any_parent_is_lost() {
    for concurrency in [1, 8] {
        let loaded = load(&format!(
            "client: {{ base_url: API, concurrency: {concurrency}, paginator: {{ type: page_number, base_page: 1, total_path: total_pages }} }}\n\
             resources:\n\
             - {{ name: posts, endpoint: {{ data_selector: data }} }}\n\
             - {{ name: comments, parallelized: true, endpoint: {{ path: 'posts/{{resources.posts.id}}/comments', data_selector: data, \
             params: {{ since: '{{incremental.start_value}}' }}, incremental: {{ cursor_path: id, initial_value: 45 }} }} }}\n"
        ));
        for post in 0..POSTS {
            let queries = loaded.queries(&format!("/posts/{post}/comments"));
            assert_eq!(queries, pages(PAGES_OF_COMMENTS, &[("since", "45")]), "post {post}");
        }
        let new = texts((0..POSTS).flat_map(|post| (45..COMMENTS).map(move |id| [post.to_string(), id.to_string()])));
        assert_eq!(new.len(), 125);
        assert_eq!(loaded.database.rows("comments", &["post_id", "id"]), new);
    }
}

/// Names and values of parameters.
type Params = &'static [(&'static str, &'static str)];

/// A query as the checklist varies it: the endpoint's keys, and the parameters that every request has besides its page.
const QUERIES: [(&str, &str, Params); 8] = [
    (
        "static",
        "params: { sort: desc, limit: 5 }",
        &[("limit", "5"), ("sort", "desc")],
    ),
    ("none", "", &[]),
    ("empty", "params: { sort: '' }", &[("sort", "")]),
    ("page", "params: { page: 10 }", &[]),
    (
        "incremental block",
        "incremental: { cursor_path: id, initial_value: 0, start_param: since, end_param: until }",
        &[("since", "0")],
    ),
    (
        "incremental block and static",
        "params: { sort: desc }, incremental: { cursor_path: id, initial_value: 0, end_value: 100, start_param: since, end_param: until }",
        &[("since", "0"), ("sort", "desc"), ("until", "100")],
    ),
    (
        "incremental parameter",
        "params: { since: { type: incremental, cursor_path: id, initial_value: 0 } }",
        &[("since", "0")],
    ),
    (
        "braces",
        "params: { fields: '{{id}}', nested: '{{a{{b}}}}', '{{key}}': x, mixed: '{{{vars.n}}}' }",
        &[
            ("fields", "{id}"),
            ("mixed", "{7}"),
            ("nested", "{a{b}}"),
            ("{key}", "x"),
        ],
    ),
];

/// The queries of so many pages, each with these parameters.
fn pages(count: usize, params: &[(&str, &str)]) -> Vec<Vec<(String, String)>> {
    let mut queries: Vec<Vec<(String, String)>> = (1..=count)
        .map(|page| {
            let mut pairs: Vec<(String, String)> = params
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            pairs.push(("page".to_owned(), page.to_string()));
            pairs.sort();
            pairs
        })
        .collect();
    queries.sort();
    queries
}

/// O-02: the query of a root resource, on each of its five pages.
#[test]
fn every_page_of_a_root_has_its_parameters() {
    for (variant, endpoint, params) in QUERIES {
        let loaded = load(&format!(
            "vars: {{ n: 7 }}\n\
             client: {{ base_url: API, paginator: {{ type: page_number, base_page: 1, total_path: total_pages }} }}\n\
             resources: [{{ name: posts, endpoint: {{ data_selector: data, {endpoint} }} }}]\n"
        ));
        assert_eq!(loaded.queries("/posts"), pages(PAGES_OF_POSTS, params), "{variant}");
        assert_eq!(loaded.requests.len(), PAGES_OF_POSTS, "{variant}");
        assert_eq!(
            loaded.database.rows("posts", &["id", "title"]),
            all_posts(),
            "{variant}"
        );
    }
}

/// O-03: the query of a child, on each of the ten pages of five parents.
#[test]
fn every_page_of_a_child_has_its_parameters() {
    for (variant, endpoint, params) in QUERIES {
        let loaded = load(&format!(
            "vars: {{ n: 7 }}\n\
             client: {{ base_url: API, paginator: {{ type: page_number, base_page: 1, total_path: total_pages }} }}\n\
             resources:\n\
             - {{ name: posts, endpoint: {{ data_selector: data, paginator: single_page }} }}\n\
             - {{ name: comments, endpoint: {{ path: 'posts/{{resources.posts.id}}/comments', data_selector: data, {endpoint} }} }}\n"
        ));
        for post in 0..PAGE {
            let found = loaded.queries(&format!("/posts/{post}/comments"));
            assert_eq!(found, pages(PAGES_OF_COMMENTS, params), "{variant}, post {post}");
        }
        assert_eq!(loaded.requests.len(), 1 + PAGE * PAGES_OF_COMMENTS, "{variant}");
        assert_eq!(loaded.database.count("comments"), PAGE * COMMENTS, "{variant}");
    }
}

/// G-02, G-06, G-31, G-39, K-02: the five pages of five posts, whatever leads through them, each requested once.
#[test]
fn every_paginator_leads_through_five_pages() {
    for (path, endpoint, first) in [
        (
            "posts",
            "data_selector: data, paginator: { type: json_link, next_url_path: next_page }",
            None,
        ),
        ("posts", "", None),
        (
            "posts_relative_next_url",
            "data_selector: data, paginator: { type: json_link, next_url_path: next_page }",
            None,
        ),
        ("posts_relative_next_url", "", None),
        ("posts_header_link", "data_selector: $, paginator: header_link", None),
        ("posts_header_link", "", None),
        (
            "posts_header_cursor",
            "paginator: { type: header_cursor, cursor_key: cursor, cursor_param: page }",
            None,
        ),
        (
            "posts",
            "data_selector: data, paginator: { type: page_number, base_page: 1, total_path: total_pages }",
            Some(1),
        ),
        (
            "posts",
            "data_selector: data, paginator: { type: page_number, base_page: 1, page: 1, total_path: total_pages }",
            Some(1),
        ),
        (
            "posts_zero_based",
            "data_selector: data, paginator: { type: page_number, base_page: 0, total_path: total_pages }",
            Some(0),
        ),
        (
            "posts_zero_based",
            "data_selector: data, paginator: { type: page_number, total_path: total_pages }",
            Some(0),
        ),
    ] {
        let loaded = load(&format!(
            "client: {{ base_url: API }}\nresources: [{{ name: posts, endpoint: {{ path: {path}, {endpoint} }} }}]\n"
        ));
        // A link leads to the pages after the first one, which is asked for as it is.
        let first = first.map_or_else(String::new, |page| format!("?page={page}"));
        let start = usize::from(!first.ends_with('0'));
        let mut pages = vec![format!("GET /{path}{first}")];
        pages.extend((start + 1..start + PAGES_OF_POSTS).map(|page| format!("GET /{path}?page={page}")));
        assert_eq!(loaded.asked(), pages, "{path}: {endpoint}");
        assert_eq!(
            loaded.database.rows("posts", &["id", "title"]),
            all_posts(),
            "{path}: {endpoint}"
        );
    }
}

/// O-13: a list under the key `null` is found, where the client's paginator makes one page of it.
#[test]
fn a_list_is_found_under_a_null_key() {
    let loaded = load(
        "client: { base_url: API, paginator: header_link }\n\
         resources: [{ name: posts, endpoint: posts_no_key }]\n",
    );
    assert_eq!(loaded.asked(), ["GET /posts_no_key"]);
    let first = texts((0..PAGE).map(|id| [id.to_string(), format!("Post {id}")]));
    assert_eq!(loaded.database.rows("posts", &["id", "title"]), first);
}

/// O-17: every page is asked for, each with the whole range, although no record is within it.
#[test]
fn pages_without_a_record_in_range_are_no_end() {
    let loaded = load(
        "client: { base_url: API, paginator: { type: page_number, base_page: 1, total_path: total_pages } }\n\
         resources: [{ name: posts, endpoint: { data_selector: data, \
         params: { first: '{incremental.initial_value}', lag: '{incremental.lag}', \
         since: '{incremental.start_value}', until: '{incremental.end_value}' }, \
         incremental: { cursor_path: id, initial_value: 100, end_value: 200, lag: 3 } } }]\n",
    );
    let range = [("first", "100"), ("lag", "3"), ("since", "100"), ("until", "200")];
    assert_eq!(loaded.queries("/posts"), pages(PAGES_OF_POSTS, &range));
    assert_eq!(loaded.requests.len(), PAGES_OF_POSTS);
    assert!(!loaded.database.has_table("posts"));
}

/// O-12: rows under a key with a hyphen.
#[test]
fn a_selector_may_have_a_hyphen() {
    let loaded = load(
        "client: { base_url: API, paginator: { type: json_link, next_url_path: next_page } }\n\
         resources: [{ name: posts, endpoint: { path: posts_under_a_different_key, data_selector: many-results } }]\n",
    );
    let pages =
        ["", "?page=2", "?page=3", "?page=4", "?page=5"].map(|page| format!("GET /posts_under_a_different_key{page}"));
    assert_eq!(loaded.asked(), pages);
    assert_eq!(loaded.database.rows("posts", &["id", "title"]), all_posts());
}

/// G-38: a cursor in the query, and in the body.
#[test]
fn a_cursor_leads_through_five_pages() {
    for (method, place, requests) in [
        (
            "GET",
            "cursor_param: cursor",
            ["", "?cursor=10", "?cursor=15", "?cursor=20", "?cursor=5"]
                .map(|query| format!("GET /posts_cursor{query}")),
        ),
        (
            "POST",
            "cursor_body_path: cursor",
            [
                "",
                r#" {"cursor":10}"#,
                r#" {"cursor":15}"#,
                r#" {"cursor":20}"#,
                r#" {"cursor":5}"#,
            ]
            .map(|body| format!("POST /posts_cursor{body}")),
        ),
    ] {
        let loaded = load(&format!(
            "client: {{ base_url: API, paginator: {{ type: cursor, cursor_path: next_cursor, {place} }} }}\n\
             resources: [{{ name: posts, endpoint: {{ path: posts_cursor, method: {method}, data_selector: data }} }}]\n"
        ));
        assert_eq!(loaded.asked(), requests);
        assert_eq!(loaded.database.rows("posts", &["id", "title"]), all_posts());
    }
}

/// O-08, K-15, G-31: a search by POST whose pages are told in its body, by the page that the answer names and by counting; and
/// one that is a single page.
#[test]
fn a_search_goes_on_in_its_body() {
    let above_50 = texts((51..100).map(|id| [id.to_string(), format!("Post {id}")]));
    for (paginator, first) in [
        ("{ type: cursor, cursor_path: next_page, cursor_body_path: page }", ""),
        (
            "{ type: page_number, base_page: 1, page_body_path: page, total_path: total_pages }",
            r#","page":1"#,
        ),
    ] {
        let loaded = load(&format!(
            "client: {{ base_url: API }}\n\
             resources: [{{ name: posts, endpoint: {{ path: posts/search, method: POST, data_selector: data, \
             json: {{ ids_greater_than: 50, page_size: 10 }}, paginator: {paginator} }} }}]\n"
        ));
        let body = r#"POST /posts/search {"ids_greater_than":50,"page_size":10"#;
        let mut pages = vec![format!("{body}{first}}}")];
        pages.extend((2..=5).map(|page| format!("{body},\"page\":{page}}}")));
        pages.sort();
        assert_eq!(loaded.asked(), pages);
        assert_eq!(loaded.database.rows("posts", &["id", "title"]), above_50, "{paginator}");
    }
    let loaded = load(
        "client: { base_url: API }\n\
         resources: [{ name: posts, endpoint: { path: posts/search, method: POST, data_selector: data, \
         json: { ids_greater_than: 97 }, paginator: single_page } }]\n",
    );
    assert_eq!(loaded.asked(), [r#"POST /posts/search {"ids_greater_than":97}"#]);
    assert_eq!(loaded.database.column("posts", "id"), ["98", "99"]);
}

/// K-01: one resource, and what its answer holds.
#[test]
fn one_answer_is_loaded() {
    let loaded =
        load("client: { base_url: API }\nresources: [{ name: post, endpoint: { path: posts/7, data_selector: $ } }]\n");
    assert_eq!(loaded.asked(), ["GET /posts/7"]);
    assert_eq!(loaded.database.rows("post", &["id", "body"]), [["7", "Post body 7"]]);
}

/// O-22, O-25: headers as they are written, doubled braces as braces, and the program's own name unless another is
/// given. The client's headers take placeholders as the endpoint's do.
#[test]
fn headers_are_sent_as_they_are_written() {
    let own = concat!("restload/", env!("CARGO_PKG_VERSION"));
    for (client, endpoint, expected) in [
        ("", "", vec![("user-agent", Some(own)), ("x-plain", None)]),
        (
            "X-Client: c",
            "X-Plain: plain",
            vec![
                ("user-agent", Some(own)),
                ("x-client", Some("c")),
                ("x-plain", Some("plain")),
            ],
        ),
        (
            "",
            "X-Braces: '{{braces}}', X-Nested: '{{a{{b}}}}', X-Empty: ''",
            vec![
                ("x-braces", Some("{braces}")),
                ("x-nested", Some("{a{b}}")),
                ("x-empty", Some("")),
            ],
        ),
        (
            "X-Tenant: '{vars.tenant}', X-Braces: '{{vars.tenant}}'",
            "'X-{vars.tenant}': '{vars.tenant}/{vars.tenant}'",
            vec![
                ("x-tenant", Some("acme")),
                ("x-braces", Some("{vars.tenant}")),
                ("x-acme", Some("acme/acme")),
            ],
        ),
        ("User-Agent: shop/1", "", vec![("user-agent", Some("shop/1"))]),
    ] {
        let loaded = load(&format!(
            "vars: {{ tenant: acme }}\nclient: {{ base_url: API, headers: {{ {client} }} }}\n\
             resources: [{{ name: post, endpoint: {{ path: posts/7, data_selector: $, headers: {{ {endpoint} }} }} }}]\n"
        ));
        for (name, value) in expected {
            assert_eq!(loaded.requests[0].header(name), value, "{client} {endpoint}: {name}");
        }
    }
}
