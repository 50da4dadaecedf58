//! The end-to-end cases of dlt's checklist, at their full size, against its fixture API: 25 posts of 50 comments each,
//! five to a page. Every request must be one that is expected, and every expected one must come, once.

use serde_json::{Value, json};

use crate::support::api::{Answer, Api, Request};
use crate::support::program::Program;
use crate::support::tables::{Database, Kind};

const POSTS: usize = 25;
const COMMENTS: usize = 50;
const PAGE: usize = 5;
const PAGES_OF_POSTS: usize = POSTS / PAGE;
const PAGES_OF_COMMENTS: usize = COMMENTS / PAGE;

/// What a config was answered with, and what came of it.
struct Loaded {
    _folder: tempfile::TempDir,
    database: Database,
    requests: Vec<Request>,
}

/// Loads a config, in which `API` stands for the fixture's address.
fn load(config: &str) -> Loaded {
    let api = Api::with_requests(answer);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("posts.yaml"), config.replace("API", &api.url())).unwrap();
    let database = Database::new(Kind::Sqlite, folder.path());
    let to = database.args();
    let mut args = vec!["run", "posts.yaml", "--quiet"];
    args.extend(to.iter().map(String::as_str));
    Program::new(folder.path(), &args).run().expect(0);
    Loaded {
        requests: api.requests(),
        _folder: folder,
        database,
    }
}

fn answer(request: &Request) -> Answer {
    let path: Vec<&str> = request.path().trim_start_matches('/').split('/').collect();
    let number = |text: &str| text.parse::<usize>().unwrap();
    // The post that is asked for in the query, the JSON body or a header.
    let named = || {
        let query = request.query().into_iter().find(|(name, _)| name == "post_id");
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let in_body = body["post_id"].as_u64().map(|id| id.to_string());
        let header = request.header("post_id").map(str::to_owned);
        number(&query.map(|(_, value)| value).or(in_body).or(header).unwrap())
    };
    match path[..] {
        ["posts"] => page(request, posts()),
        ["posts", id, "comments"] => page(request, comments(number(id))),
        ["post_comments" | "post_comments_via_headers"] => page(request, comments(named())),
        ["post_detail" | "post_detail_via_headers"] => Answer::json(detail(named())),
        ["posts_under_a_different_key"] => page_under("many-results", request, posts()),
        ["posts_cursor"] => cursor(request),
        ["posts", "search"] => search(request),
        ["posts", id] => Answer::json(detail(number(id))),
        _ => Answer::json(json!({"error": "no such route"})).status(404),
    }
}

fn posts() -> Vec<Value> {
    let post = |id| json!({"id": id, "title": format!("Post {id}")});
    (0..POSTS).map(post).collect()
}

fn comments(post: usize) -> Vec<Value> {
    let comment = |id| json!({"id": id, "post_id": post, "body": format!("Comment {id} for post {post}")});
    (0..COMMENTS).map(comment).collect()
}

fn detail(post: usize) -> Value {
    json!({"id": post, "body": format!("Post body {post}")})
}

/// Five posts from the cursor on, which is in the query or in the body.
fn cursor(request: &Request) -> Answer {
    let in_query = request.query().into_iter().find(|(name, _)| name == "cursor");
    let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let start = in_query
        .map_or(body["cursor"].as_u64(), |(_, value)| value.parse().ok())
        .unwrap_or(0) as usize;
    let next = (start + PAGE < POSTS).then(|| start + PAGE);
    let rows: Vec<Value> = posts().into_iter().skip(start).take(PAGE).collect();
    Answer::json(json!({"data": rows, "next_cursor": next}))
}

/// Of a hundred posts those above an id; what is wanted stands in the body.
fn search(request: &Request) -> Answer {
    assert_eq!(request.method, "POST");
    let wanted: Value = serde_json::from_str(&request.body).unwrap();
    let number = |name: &str, otherwise: u64| wanted[name].as_u64().unwrap_or(otherwise) as usize;
    let (size, page) = (number("page_size", 5), number("page", 1));
    let first = wanted["ids_greater_than"].as_u64().map_or(0, |id| id + 1);
    let all: Vec<Value> = (first..100)
        .map(|id| json!({"id": id, "title": format!("Post {id}")}))
        .collect();
    let pages = all.len().div_ceil(size);
    let rows: Vec<Value> = all.into_iter().skip((page - 1) * size).take(size).collect();
    let next = (page < pages).then_some(page + 1);
    Answer::json(json!({"data": rows, "next_page": next, "total_pages": pages}))
}

/// A page, counted from 1, with the link to the next one as the API itself would write it.
fn page(request: &Request, rows: Vec<Value>) -> Answer {
    page_under("data", request, rows)
}

fn page_under(key: &str, request: &Request, rows: Vec<Value>) -> Answer {
    let (mut query, mut number) = (url::form_urlencoded::Serializer::new(String::new()), 1);
    for (name, value) in request.query() {
        match name.as_str() {
            "page" => number = value.parse().unwrap(),
            _ => drop(query.append_pair(&name, &value)),
        }
    }
    let pages = rows.len().div_ceil(PAGE);
    let rows: Vec<Value> = rows.into_iter().skip((number - 1) * PAGE).take(PAGE).collect();
    let mut body = json!({key: rows, "page": number, "total_pages": pages});
    if number < pages {
        let query = query.append_pair("page", &(number + 1).to_string()).finish();
        body["next_page"] = json!(format!(
            "http://{}{}?{query}",
            request.header("host").unwrap(),
            request.path()
        ));
    }
    Answer::json(body)
}

impl Loaded {
    /// Every request once, in the form `POST /target {body} post_id=header`, in an order of its own.
    fn asked(&self) -> Vec<String> {
        let mut asked: Vec<String> = self.requests.iter().map(shown).collect();
        asked.sort();
        asked
    }

    /// The queries of the requests for a path, as pairs in an order of their own.
    fn queries(&self, path: &str) -> Vec<Vec<(String, String)>> {
        let requests = self.requests.iter().filter(|request| request.path() == path);
        let mut queries: Vec<_> = requests
            .map(|request| {
                let mut pairs = request.query();
                pairs.sort();
                pairs
            })
            .collect();
        queries.sort();
        queries
    }
}

fn shown(request: &Request) -> String {
    let mut shown = format!("{} {}", request.method, request.target);
    if !request.body.is_empty() {
        shown = format!("{shown} {}", request.body);
    }
    if let Some(header) = request.header("post_id") {
        shown = format!("{shown} post_id={header}");
    }
    shown
}

/// Rows as texts, in an order of their own, as [`Database::rows`] gives them.
fn texts<const WIDTH: usize>(rows: impl IntoIterator<Item = [String; WIDTH]>) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.to_vec()).collect();
    rows.sort();
    rows
}

fn all_posts() -> Vec<Vec<String>> {
    texts((0..POSTS).map(|id| [id.to_string(), format!("Post {id}")]))
}

fn all_comments() -> Vec<Vec<String>> {
    let of_post = |post: usize| {
        (0..COMMENTS).map(move |id| {
            [
                id.to_string(),
                post.to_string(),
                format!("Comment {id} for post {post}"),
            ]
        })
    };
    texts((0..POSTS).flat_map(of_post))
}

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

/// O-08, K-15: a search by POST whose pages are told in its body, by the page that the answer names and by counting; and
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
             json: {{ ids_greater_than: 50, page_size: 25 }}, paginator: {paginator} }} }}]\n"
        ));
        let body = r#"POST /posts/search {"ids_greater_than":50,"page_size":25"#;
        let mut pages = [format!("{body}{first}}}"), format!("{body},\"page\":2}}")];
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
