//! dlt's fixture API: 25 posts of 50 comments each, five to a page.

use serde_json::{Value, json};

use super::api::{Answer, Api, Request};
use super::program::Program;
use super::tables::{Database, Kind};

pub(crate) const POSTS: usize = 25;
pub(crate) const COMMENTS: usize = 50;
pub(crate) const PAGE: usize = 5;
pub(crate) const PAGES_OF_POSTS: usize = POSTS / PAGE;
pub(crate) const PAGES_OF_COMMENTS: usize = COMMENTS / PAGE;

/// What a config was answered with, and what came of it.
pub(crate) struct Loaded {
    _folder: tempfile::TempDir,
    pub(crate) database: Database,
    pub(crate) requests: Vec<Request>,
}

/// Loads a config, in which `API` stands for the fixture's address.
pub(crate) fn load(config: &str) -> Loaded {
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
        ["posts_no_key"] => page_under("null", request, posts()),
        ["posts_zero_based"] => zero_based(request),
        ["posts_header_link"] => header_link(request),
        ["posts_header_cursor"] => header_cursor(request),
        ["posts_relative_next_url"] => relative(request),
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

/// The page that a request asks for.
fn wanted(request: &Request, first: usize) -> usize {
    let page = request.query().into_iter().find(|(name, _)| name == "page");
    page.map_or(first, |(_, number)| number.parse().unwrap())
}

/// So many rows as a page has, of the page that is the `number`th from 0 on, and whether more follow.
fn rows_of(rows: Vec<Value>, number: usize) -> (Vec<Value>, bool) {
    let has_more = (number + 1) * PAGE < rows.len();
    (rows.into_iter().skip(number * PAGE).take(PAGE).collect(), has_more)
}

/// A page, counted from 1, with the link to the next one as the API itself would write it.
fn page(request: &Request, rows: Vec<Value>) -> Answer {
    page_under("data", request, rows)
}

fn page_under(key: &str, request: &Request, rows: Vec<Value>) -> Answer {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in request.query().into_iter().filter(|(name, _)| name != "page") {
        query.append_pair(&name, &value);
    }
    let (number, pages) = (wanted(request, 1), rows.len().div_ceil(PAGE));
    let (rows, has_more) = rows_of(rows, number - 1);
    let mut body = json!({key: rows, "page": number, "total_pages": pages});
    if has_more {
        let query = query.append_pair("page", &(number + 1).to_string()).finish();
        let host = request.header("host").unwrap();
        body["next_page"] = json!(format!("http://{host}{}?{query}", request.path()));
    }
    Answer::json(body)
}

/// A page that is counted from 0.
fn zero_based(request: &Request) -> Answer {
    let (rows, _) = rows_of(posts(), wanted(request, 0));
    Answer::json(json!({"data": rows, "total_pages": PAGES_OF_POSTS}))
}

/// A list, whose next page is in the header `Link`.
fn header_link(request: &Request) -> Answer {
    let number = wanted(request, 1);
    let (rows, has_more) = rows_of(posts(), number - 1);
    let answer = Answer::json(json!(rows));
    if !has_more {
        return answer;
    }
    let (host, next) = (request.header("host").unwrap(), number + 1);
    let link = format!("<http://{host}{}?page={next}>; rel=\"next\"", request.path());
    answer.header("link", link)
}

/// A list, the number of whose next page is in a header.
fn header_cursor(request: &Request) -> Answer {
    let number = wanted(request, 1);
    let (rows, has_more) = rows_of(posts(), number - 1);
    let answer = Answer::json(json!(rows));
    if has_more {
        answer.header("cursor", (number + 1).to_string())
    } else {
        answer
    }
}

/// A page whose link to the next one is a path with a query.
fn relative(request: &Request) -> Answer {
    let number = wanted(request, 1);
    let (rows, has_more) = rows_of(posts(), number - 1);
    let next = has_more.then(|| format!("{}?page={}", request.path(), number + 1));
    Answer::json(json!({"data": rows, "next_page": next}))
}

impl Loaded {
    /// Every request once, in the form `POST /target {body} post_id=header`, in an order of its own.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked: Vec<String> = self.requests.iter().map(shown).collect();
        asked.sort();
        asked
    }

    /// The queries of the requests for a path, as pairs in an order of their own.
    pub(crate) fn queries(&self, path: &str) -> Vec<Vec<(String, String)>> {
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
pub(crate) fn texts<const WIDTH: usize>(rows: impl IntoIterator<Item = [String; WIDTH]>) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.to_vec()).collect();
    rows.sort();
    rows
}

pub(crate) fn all_posts() -> Vec<Vec<String>> {
    texts((0..POSTS).map(|id| [id.to_string(), format!("Post {id}")]))
}

pub(crate) fn all_comments() -> Vec<Vec<String>> {
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
