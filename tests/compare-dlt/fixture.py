"""The fixture API: posts and comments in every style of paging, by every way of passing a parameter.

Every request is recorded, so that what two programs sent can be compared.
"""

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

POSTS = [{"id": i, "title": f"Post {i}"} for i in range(25)]
PAGE_SIZE = 5
COMMENTS_PER_POST = 50


def comments(post_id):
    return [
        {"id": i, "post_id": post_id, "body": f"Comment {i} for post {post_id}"}
        for i in range(COMMENTS_PER_POST)
    ]


def reactions(post):
    return {
        **post,
        "reactions": [
            {"id": i, "kind": ["like", "wow"][i % 2], "by": {"name": f"u{i}"}}
            for i in range(5)
        ],
    }


class Answer(Exception):
    """An answer that a route gives at once."""

    def __init__(self, status, body, headers=None):
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


class Request:
    """What a route sees of a request."""

    def __init__(self, method, target, headers, body, base, generation=0):
        parts = urlsplit(target)
        self.generation = generation
        self.method, self.path, self.base = method, parts.path, base
        self.pairs = parse_qsl(parts.query, keep_blank_values=True)
        self.query = dict(self.pairs)
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.raw = body

    @property
    def json(self):
        return json.loads(self.raw) if self.raw else {}

    @property
    def form(self):
        return dict(parse_qsl(self.raw.decode(), keep_blank_values=True))

    def link(self, path=None, **params):
        query = urlencode({**self.query, **params})
        return f"{self.base}{path or self.path}?{query}"


def paged(request, rows, key="data", first=1, relative=False):
    page = int(request.query.get("page", first))
    pages = -(-len(rows) // PAGE_SIZE)
    start = (page - first) * PAGE_SIZE
    body = {key: rows[start : start + PAGE_SIZE], "page": page, "total_pages": pages}
    if page - first < pages - 1:
        link = request.link(page=page + 1)
        body["next_page"] = link.removeprefix(request.base) if relative else link
    return body


def linked(request, rows):
    page = int(request.query.get("page", 1))
    body = rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    headers = {}
    if page * PAGE_SIZE < len(rows):
        headers["Link"] = f'<{request.link(page=page + 1)}>; rel="next"'
    raise Answer(200, body, headers)


def header_cursor(request):
    page = int(request.query.get("page", 1))
    headers = {"cursor": str(page + 1)} if page * PAGE_SIZE < len(POSTS) else {}
    raise Answer(200, POSTS[(page - 1) * PAGE_SIZE : page * PAGE_SIZE], headers)


def offset_limit(values):
    offset, limit = int(values.get("offset", 0)), int(values.get("limit", 10))
    return {
        "data": POSTS[offset : offset + limit],
        "total_records": len(POSTS),
        "offset": offset,
        "limit": limit,
    }


def cursor(request):
    start = int(request.query.get("cursor", 0))
    end = start + PAGE_SIZE
    return {
        "data": POSTS[start:end],
        "next_cursor": end if end < len(POSTS) else None,
    }


def null_terminated(request):
    users = [{"id": i, "name": f"User {i}"} for i in range(14)]
    token = request.query.get("token")
    if token is None:
        return {"users": users[:10], "next_token": "a"}
    if token == "a":
        return {"users": users[10:], "next_token": "b"}
    return {"users": None, "next_token": None}


def detail(post_id):
    return {"id": int(post_id), "body": f"Post body {post_id}"}


def search(request):
    wanted = request.json
    size, page = wanted.get("page_size", 5), wanted.get("page", 1)
    rows = [
        {"id": i, "title": f"Post {i}"}
        for i in range(wanted.get("ids_greater_than", -1) + 1, 25)
    ]
    pages = -(-len(rows) // size)
    return {
        "data": rows[(page - 1) * size : page * size],
        "next_page": page + 1 if page < pages else None,
        "total_pages": pages,
    }


def events(request):
    """Rows with a cursor, `since` inclusive."""
    since = request.query.get("since", "")
    rows = [
        {"id": i, "updated_at": f"2024-01-{i + 1:02}T00:00:00Z", "n": i * 7 % 10}
        for i in range(20)
    ]
    until = request.query.get("until", "9999")
    return {"data": [r for r in rows if since <= r["updated_at"] <= until]}


def cursor_in_body(request):
    """A cursor that is asked for and told some levels down, and a flag beside it."""
    start = request.json.get("page", {}).get("after") or 0
    end = start + PAGE_SIZE
    more = end < len(POSTS)
    return {"data": POSTS[start:end], "meta": {"next": end if more else None, "more": more}}


def flagged(request, values, step):
    """No total, but a flag that says whether more follows; by page or by offset."""
    start = int(values.get("page", 1)) * PAGE_SIZE - PAGE_SIZE if step == "page" else int(values.get("offset", 0))
    return {"data": POSTS[start : start + PAGE_SIZE], "more": start + PAGE_SIZE < len(POSTS)}


def nested_link(request):
    body = paged(request, POSTS)
    return {"data": body["data"], "paging": {"@next": body.get("next_page")}}


def other_relation(request):
    try:
        linked(request, POSTS)
    except Answer as given:
        if link := given.headers.get("Link"):
            given.headers["Link"] = '<http://127.0.0.1/first>; rel="first", ' + link.replace('rel="next"', 'rel="more"')
        raise


def gaps(_):
    """Rows of which some have no cursor."""
    return {"data": [{"id": i, "at": None if i % 3 == 0 else i * 10, "n": i} for i in range(10) if i != 5] + [{"id": 10}]}


def descending(request):
    """The newest first, two to a page; the newer generation has more of them."""
    rows = [{"id": i, "at": 100 + i} for i in range(6 + 3 * request.generation)][::-1]
    page = int(request.query.get("page", 1))
    return {"data": rows[page * 2 - 2 : page * 2], "pages": -(-len(rows) // 2)}


def changing(request):
    """Rows with lists, which are others in each generation: some are gone, some are new, some have changed."""
    first = request.generation * 3
    return {
        "data": [
            {
                "id": i,
                "lang": ["en", "de"][i % 2],
                "day": f"2024-01-{i // 4 + 1:02}",
                "version": request.generation,
                "n": i * (request.generation + 1),
                "gone": request.generation > 0 and i % 4 == 3,
                "tags": [{"t": t, "of": request.generation} for t in range((i + request.generation) % 3)],
            }
            for i in range(first, first + 10)
        ]
    }


def duplicates(request):
    return {"data": [{"id": i % 4, "seen": i, "rank": i * 7 % 5} for i in range(12)]}


def wanted_tags(request):
    return {"data": [{"name": name, "value": value} for name, value in request.pairs]}


def protected(request, kind):
    wanted = {
        "basic-auth": ("authorization", "Basic " + base64.b64encode(b"user:password").decode()),
        "bearer-token": ("authorization", "Bearer test-token"),
        "api-key": ("x-api-key", "test-api-key"),
    }[kind]
    if request.headers.get(wanted[0]) != wanted[1]:
        raise Answer(401, {"error": "unauthorized"})
    return paged(request, POSTS)


def token(request):
    form = request.form
    if (form.get("client_id"), form.get("client_secret")) != ("test-id", "test-secret"):
        raise Answer(401, {"error": "invalid_client"})
    return {"access_token": "test-token", "expires_in": 3600, "token_type": "bearer"}


def some_details(request, post_id, status, others):
    post_id = int(post_id)
    if post_id == 0:
        return detail(0)
    raise Answer(status if post_id == 1 or others is None else others, {"error": "no"})


ROUTES = [
    (r"/posts", lambda r: paged(r, POSTS)),
    (r"/posts_no_key", lambda r: paged(r, POSTS, key="null_key")),
    (r"/posts_zero_based", lambda r: paged(r, POSTS, first=0)),
    (r"/posts_header_link", lambda r: linked(r, POSTS)),
    (r"/posts_header_cursor", header_cursor),
    (r"/posts_relative_next_url", lambda r: paged(r, POSTS, relative=True)),
    (r"/posts_offset_limit", lambda r: offset_limit(r.query)),
    (r"/posts_offset_limit_via_json_body", lambda r: offset_limit(r.json)),
    (r"/posts_cursor", cursor),
    (r"/posts_cursor_null_terminated", null_terminated),
    (r"/posts_under_a_different_key", lambda r: paged(r, POSTS, key="many-results")),
    (r"/posts_with_reactions", lambda r: paged(r, [reactions(p) for p in POSTS])),
    (r"/posts/search", search),
    (r"/posts/(\d+)/comments", lambda r, p: paged(r, comments(int(p)))),
    (r"/posts/(\d+)/some_details_404", lambda r, p: some_details(r, p, 404, None)),
    (r"/posts/(\d+)/some_details_404_others_422", lambda r, p: some_details(r, p, 404, 422)),
    (r"/posts/(\d+)/some_details_204", lambda r, p: some_details(r, p, 204, None)),
    (r"/posts/(\d+)", lambda r, p: detail(p)),
    (r"/post_comments", lambda r: paged(r, comments(int(r.query.get("post_id") or r.json["post_id"])))),
    (r"/post_comments_via_headers", lambda r: paged(r, comments(int(r.headers["post_id"])))),
    (r"/post_comments_via_form_data", lambda r: paged(r, comments(int(r.form["post_id"])))),
    (r"/post_detail", lambda r: detail(r.query.get("post_id") or r.json["post_id"])),
    (r"/post_detail_via_headers", lambda r: detail(r.headers["post_id"])),
    (r"/post_form_data", lambda r: {"form": r.form}),
    (r"/post_raw_data", lambda r: {"raw": r.raw.decode()}),
    (r"/posts/search_by_id/(\d+)", lambda r, p: {"post_id": int(p), **{k: r.json[k] for k in ("more", "more_array") if k in r.json}}),
    (r"/events", events),
    (r"/cursor_in_body", cursor_in_body),
    (r"/flagged_pages", lambda r: flagged(r, r.query, "page")),
    (r"/flagged_offsets", lambda r: flagged(r, r.json, "offset")),
    (r"/nested_link", nested_link),
    (r"/other_relation", other_relation),
    (r"/gaps", gaps),
    (r"/descending", descending),
    (r"/changing", changing),
    (r"/duplicates", duplicates),
    (r"/wanted", wanted_tags),
    (r"/protected/posts/(basic-auth|bearer-token|api-key)", protected),
    (r"/oauth/token", token),
]
ROUTES = [(re.compile(pattern + "$"), route) for pattern, route in ROUTES]


class Fixture:
    """The server, on a free port of the loopback interface, and what was asked of it."""

    def __init__(self):
        self.requests, self.records, self.lock, self.generation = [], {}, threading.Lock(), 0
        fixture = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                with fixture.lock:
                    fixture.requests.append((self.command, self.path, dict(self.headers), body))
                request = Request(self.command, self.path, self.headers, body, fixture.url, fixture.generation)
                try:
                    raise Answer(200, fixture.route(request))
                except Answer as given:
                    answer = given
                text = b"" if answer.status == 204 else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def route(self, request):
        if request.path in self.records:
            return self.records[request.path]
        for pattern, route in ROUTES:
            if found := pattern.match(request.path):
                return route(request, *found.groups())
        raise Answer(404, {"error": f"no route {request.path}"})

    def take_requests(self):
        """What was asked since the last call, as far as a comparison wants it, in an order of its own."""
        with self.lock:
            taken, self.requests = self.requests, []
        return sorted(self.shown(*request) for request in taken)

    def shown(self, method, target, headers, body):
        parts = urlsplit(target)
        query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
        kept = {
            name.lower(): value
            for name, value in headers.items()
            if name.lower() in ("authorization", "x-api-key", "post_id", "x-token", "cookie")
        }
        if body:
            kept["content-type"] = headers.get("content-type") or headers.get("Content-Type") or ""
        try:
            body = json.dumps(json.loads(body), sort_keys=True) if body else ""
        except ValueError:
            body = body.decode()
        shown = f"{method} {parts.path}{'?' if query else ''}{query}"
        if kept:
            shown += " " + json.dumps(kept, sort_keys=True)
        return shown + (f" {body}" if body else "")
