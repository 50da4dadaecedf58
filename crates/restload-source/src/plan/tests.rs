use serde_json::{Value, json};

use super::*;
use crate::config::{expand_resource, merge_defaults};
use crate::json_path::JsonPath;
use crate::paginators::{Paginator, Position};

mod forms;

/// Knows `secrets.token` and `env.HOME`.
struct Known;

impl Lookup for Known {
    fn secret(&self, name: &str) -> Option<Secret> {
        (name == "token").then(|| Secret::new("s3cr3t-value"))
    }

    fn secret_places(&self, name: &str) -> Vec<String> {
        vec![format!("environment variable {}", name.to_uppercase())]
    }

    fn env(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/home/me".to_owned())
    }

    fn time_zone(&self, _: &str) -> Result<TimeZone, NoTimeZone> {
        Err(NoTimeZone::NoDatabase)
    }
}

fn config(text: &Value) -> SourceConfig {
    let mut client = json!({"base_url": "https://api.test/v1"});
    client
        .as_object_mut()
        .unwrap()
        .extend(text["client"].as_object().cloned().unwrap_or_default());
    let resources = text["resources"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(index, resource)| {
            let mut full = expand_resource(resource);
            merge_defaults(&mut full, &text["resource_defaults"]);
            (
                KeyPath::root().key("resources").index(index),
                serde_json::from_value(full).unwrap(),
            )
        });
    SourceConfig {
        name: "test".to_owned(),
        client: serde_json::from_value(client).unwrap(),
        resources: resources.collect(),
        unreadable: Vec::new(),
        vars: serde_json::from_value(text["vars"].clone()).unwrap_or_default(),
    }
}

fn plan_of(text: &Value, select: &[&str]) -> Result<Plan, String> {
    let options = PlanOptions {
        select: select.iter().map(ToString::to_string).collect(),
        ..PlanOptions::default()
    };
    let mut diagnostics = Diagnostics::default();
    let planned = plan(&config(text), &options, &Known, &mut diagnostics);
    let found = diagnostics.into_vec();
    planned.ok_or_else(|| {
        let lines = found
            .into_iter()
            .map(|found| format!("{}: {}", found.path, found.message));
        lines.collect::<Vec<_>>().join("\n")
    })
}

/// The first request of the last resource, for a parent's record.
fn first_request(text: &Value, parent: Option<(&str, &Value)>) -> String {
    let plan = match plan_of(text, &[]) {
        Ok(plan) => plan,
        Err(mistakes) => return mistakes,
    };
    let resource = plan.resources.last().unwrap();
    let parents = parent.map(|(name, record)| (name.to_owned(), record.clone()));
    let context = partition_context(&plan.context, &parents.into_iter().collect());
    match resource.request(&Position::Start, &context) {
        Ok(request) => {
            let mut shown = format!("{} {}", request.method, request.url);
            for (name, value) in &request.headers {
                if name != "accept" {
                    shown = format!("{shown} {name}={}", value.to_str().unwrap());
                }
            }
            if let Some(body) = request.body {
                shown = format!("{shown} {}", String::from_utf8(body).unwrap());
            }
            shown
        }
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn makes_requests() {
    let endpoint = |endpoint: Value| json!({"resources": [{"name": "r", "endpoint": endpoint}], "vars": {"n": 5, "t": "a b", "no": null, "l": [1, 2], "m": {"k": 1}, "yes": true, "price": -0.5}});
    for (text, request) in [
        (json!({"resources": ["users"]}), "GET https://api.test/v1/users"),
        (endpoint(json!("x/y")), "GET https://api.test/v1/x/y"),
        (
            endpoint(json!({"path": "https://b.test/z", "method": "post"})),
            "POST https://b.test/z",
        ),
        (
            endpoint(
                json!({"params": {"n": "{vars.n}", "t": "{vars.t}", "no": "{vars.no}", "null": null, "l": "{vars.l}", "m": [3, "x"], "b": true, "e": ""}}),
            ),
            "GET https://api.test/v1/r?n=5&t=a+b&l=1&l=2&m=3&m=x&b=true&e=",
        ),
        (
            endpoint(json!({"path": "a/{vars.t}/{n}", "params": {"n": "x/../y", "q": 1}})),
            "GET https://api.test/v1/a/a%20b/x%2F..%2Fy?q=1",
        ),
        (
            endpoint(
                json!({"json": {"n": "{vars.n}", "s": "n={vars.n}", "no": "{vars.no}", "{vars.t}": ["{vars.l}", true]}, "method": "POST"}),
            ),
            r#"POST https://api.test/v1/r content-type=application/json {"n":5,"s":"n=5","no":null,"a b":[[1,2],true]}"#,
        ),
        (
            endpoint(json!({"data": {"a": "{vars.t}", "no": "{vars.no}", "n": 1}, "method": "POST"})),
            "POST https://api.test/v1/r content-type=application/x-www-form-urlencoded a=a+b&n=1",
        ),
        (
            endpoint(json!({"data": "raw {vars.n}", "method": "POST"})),
            "POST https://api.test/v1/r raw 5",
        ),
        // G-16, G-28, G-37: what a paginator writes goes beside what the body has, at the top or further down.
        (
            endpoint(json!({"method": "POST", "json": {"a": 1, "q": {"b": 2}},
                "paginator": {"type": "offset", "limit": 5, "offset_body_path": "offset", "limit_body_path": "q.limit"}})),
            r#"POST https://api.test/v1/r content-type=application/json {"a":1,"q":{"b":2,"limit":5},"offset":0}"#,
        ),
        (
            endpoint(
                json!({"method": "POST", "json": {"a": 1}, "paginator": {"type": "page_number", "page_body_path": "page"}}),
            ),
            r#"POST https://api.test/v1/r content-type=application/json {"a":1,"page":0}"#,
        ),
        (
            endpoint(
                json!({"method": "POST", "paginator": {"type": "page_number", "page_body_path": "q.page", "base_page": 1}}),
            ),
            r#"POST https://api.test/v1/r content-type=application/json {"q":{"page":1}}"#,
        ),
        // Z-08: doubled braces in a path are braces, and not a placeholder of the path.
        (
            endpoint(json!({"path": "a/{{x}}/{{{vars.n}}}", "params": {"{{x}}": "{{y}}", "p{vars.n}": 1}})),
            "GET https://api.test/v1/a/%7Bx%7D/%7B5%7D?%7Bx%7D=%7By%7D&p5=1",
        ),
        (
            endpoint(json!({"headers": {"x-{vars.n}": "{{z}}"}})),
            "GET https://api.test/v1/r x-5={z}",
        ),
        (
            endpoint(json!({"headers": {"x-{vars.t}": "z"}})),
            "error: `x-a b` is not a header name",
        ),
        // I-14: null that is written as it is. I-27 to I-30: what becomes of values that are no text, by their places.
        (
            endpoint(
                json!({"params": {"a": null, "b": 1}, "headers": {"c": null}, "data": {"d": null, "e": 2}, "method": "POST"}),
            ),
            "POST https://api.test/v1/r?b=1 content-type=application/x-www-form-urlencoded e=2",
        ),
        (
            endpoint(json!({"headers": {"a": "{vars.no}", "b": "{vars.t}"}})),
            "GET https://api.test/v1/r b=a b",
        ),
        (
            endpoint(json!({"path": "u/{vars.no}"})),
            "resources[0].endpoint.path: `{vars.no}` has no value, and a path needs one",
        ),
        (
            endpoint(json!({"params": {"a": "x{vars.no}", "b": "x{vars.n}"}, "headers": {"c": "x{vars.no}"}})),
            "GET https://api.test/v1/r?b=x5",
        ),
        (
            endpoint(json!({"data": {"d": "x{vars.no}", "e": 2}, "method": "POST"})),
            "POST https://api.test/v1/r content-type=application/x-www-form-urlencoded e=2",
        ),
        (
            endpoint(json!({"data": "x{vars.no}", "method": "POST"})),
            "error: `{vars.no}` has no value",
        ),
        (
            endpoint(
                json!({"path": "{vars.yes}/{vars.price}/{vars.l}/{vars.m}", "headers": {"a": "{vars.yes}", "b": "{vars.price}", "c": "{vars.l}", "d": "{vars.m}"}}),
            ),
            "GET https://api.test/v1/true/-0.5/%5B1%2C2%5D/%7B%22k%22%3A1%7D a=true b=-0.5 c=[1,2] d={\"k\":1}",
        ),
        (
            endpoint(
                json!({"method": "POST", "params": {"l": "l={vars.l}", "m": "{vars.m}"}, "data": {"a": "{vars.yes}", "b": "{vars.price}", "l": "l={vars.l}"}}),
            ),
            "POST https://api.test/v1/r?l=l%3D%5B1%2C2%5D&m=%7B%22k%22%3A1%7D content-type=application/x-www-form-urlencoded a=true&b=-0.5&l=l%3D%5B1%2C2%5D",
        ),
        (
            json!({"client": {"headers": {"A": "{secrets.token}", "B": "b"}, "auth": {"token": "{secrets.token}"}},
                "resources": [{"name": "r", "endpoint": {"headers": {"B": null, "C": "{env.HOME}"}}}]}),
            "GET https://api.test/v1/r a=s3cr3t-value c=/home/me authorization=Bearer s3cr3t-value",
        ),
        // E-10
        (
            json!({"client": {"auth": {"token": "t"}},
                "resources": [{"name": "r", "endpoint": {"auth": {"type": "http_basic", "username": "u", "password": "p"}}}]}),
            "GET https://api.test/v1/r authorization=Basic dTpw",
        ),
        (
            json!({"client": {"auth": {"type": "api_key", "name": "key", "api_key": "k", "location": "query"}},
                "resources": [{"name": "r", "endpoint": {"path": "r?key=old&x=1"}}]}),
            "GET https://api.test/v1/r?x=1&key=k",
        ),
        (
            json!({"client": {"auth": {"type": "api_key", "name": "sid", "api_key": "k", "location": "cookie"}}, "resources": ["r"]}),
            "GET https://api.test/v1/r cookie=sid=k",
        ),
        (
            json!({"client": {"auth": {"type": "http_basic", "username": "u", "password": ""}}, "resources": ["r"]}),
            "GET https://api.test/v1/r authorization=Basic dTo=",
        ),
        (
            json!({"client": {"auth": {"token": "t"}}, "resources": [{"name": "r", "endpoint": {"auth": null}}]}),
            "GET https://api.test/v1/r",
        ),
        (
            json!({"client": {"auth": {"type": "api_key", "name": "key", "api_key": "k", "location": "param"}}, "resources": ["r"]}),
            "GET https://api.test/v1/r?key=k",
        ),
        // The key goes as it is, into the header that usually has credentials.
        (
            json!({"client": {"auth": {"type": "api_key", "api_key": "k"}}, "resources": ["r"]}),
            "GET https://api.test/v1/r authorization=k",
        ),
        (
            json!({"client": {"auth": {"type": "http_basic", "username": "", "password": ""}}, "resources": ["r"]}),
            "GET https://api.test/v1/r authorization=Basic Og==",
        ),
        (
            json!({"client": {"auth": {"type": "http_basic", "username": "é", "password": "ü"}}, "resources": ["r"]}),
            "GET https://api.test/v1/r authorization=Basic w6k6w7w=",
        ),
        // Credentials come last.
        (
            json!({"client": {"auth": {"token": "t"}, "headers": {"authorization": "client"}},
                "resources": [{"name": "r", "endpoint": {"headers": {"Authorization": "own"}}}]}),
            "GET https://api.test/v1/r authorization=Bearer t",
        ),
        // A query of the path stays, and parameters follow it.
        (
            endpoint(json!({"path": "x?k=1", "params": {"p": 2, "f": 1.5}})),
            "GET https://api.test/v1/x?k=1&p=2&f=1.5",
        ),
        (
            json!({"client": {"base_url": ""}, "resources": [{"name": "r", "endpoint": "https://b.test/z"}]}),
            "GET https://b.test/z",
        ),
        (
            json!({"client": {"base_url": "https://a.test/api?k=1"}, "resources": [{"name": "r", "endpoint": {"path": "", "params": {"p": 2}}}]}),
            "GET https://a.test/api?k=1&p=2",
        ),
        (
            json!({"client": {"base_url": "https://a.test/v1/?k=1"}, "resources": ["r", "s"]}),
            "client.base_url: `base_url` has a query or a fragment, which no path can follow",
        ),
        // The content type that the config gives counts.
        (
            endpoint(json!({"json": {"a": 1}, "headers": {"Content-Type": "application/vnd.api+json"}})),
            r#"GET https://api.test/v1/r content-type=application/vnd.api+json {"a":1}"#,
        ),
        // O-05, O-28, C-11: an empty JSON body is sent, an empty form or text is none, and of two bodies an empty one gives way.
        (
            endpoint(json!({"json": {}})),
            "GET https://api.test/v1/r content-type=application/json {}",
        ),
        (endpoint(json!({"json": null, "data": {}})), "GET https://api.test/v1/r"),
        (endpoint(json!({"data": ""})), "GET https://api.test/v1/r"),
        (
            endpoint(json!({"json": {}, "data": []})),
            "GET https://api.test/v1/r content-type=application/json {}",
        ),
        (
            endpoint(json!({"json": {"a": 1}, "data": {}, "paginator": {"type": "cursor", "cursor_body_path": "c"}})),
            r#"GET https://api.test/v1/r content-type=application/json {"a":1}"#,
        ),
        (
            endpoint(json!({"json": {}, "data": {"a": 1}})),
            "GET https://api.test/v1/r content-type=application/x-www-form-urlencoded a=1",
        ),
        (
            json!({"client": {"paginator": {"type": "offset", "limit": 10}}, "resources": ["r"]}),
            "GET https://api.test/v1/r?offset=0&limit=10",
        ),
        (
            json!({"client": {"paginator": {"type": "offset", "limit": 10}}, "resources": ["r"], "resource_defaults": {"endpoint": {"paginator": "single_page"}}}),
            "GET https://api.test/v1/r",
        ),
    ] {
        assert_eq!(first_request(&text, None), request, "{text}");
    }
}

/// Which paginator counts: the endpoint's, the defaults', the client's (C-21, C-25); on a path that ends in a parent's
/// field the client's does not (C-15 to C-17, C-26). Without any it is found in the answer, but on such a path there is
/// one page.
#[test]
fn the_nearest_paginator_counts() {
    let of = |name: &str| match name {
        "" => Value::Null,
        name => json!({"type": "offset", "limit": 1, "offset_param": name}),
    };
    let (found, single) = ("auto", "single_page");
    for (id, path, client, defaults, endpoint, query) in [
        ("C-25", "a", "", None, None, found),
        ("C-25", "a", "c", None, None, "c=0&limit=1"),
        ("C-25", "a", "c", Some("d"), None, "d=0&limit=1"),
        ("C-25", "a", "c", Some("d"), Some("e"), "e=0&limit=1"),
        ("C-25", "a", "", Some("d"), Some("e"), "e=0&limit=1"),
        ("C-25", "a", "", Some("d"), None, "d=0&limit=1"),
        ("C-25", "a", "", None, Some("e"), "e=0&limit=1"),
        ("C-25", "a", "c", None, Some("e"), "e=0&limit=1"),
        ("C-21 C-25", "a", "c", Some("d"), Some(""), "c=0&limit=1"),
        ("C-21 C-25", "a", "", Some("d"), Some(""), found),
        ("C-25", "a", "c", None, Some(""), "c=0&limit=1"),
        ("C-25", "a", "c", Some(""), None, "c=0&limit=1"),
        ("C-26", "p/{resources.p.id}", "c", None, None, single),
        ("C-26", "p/{resources.p.id}", "", None, None, single),
        ("C-26", "p/{resources.p.id}", "c", Some("d"), None, "d=0&limit=1"),
        ("C-26", "p/{resources.p.id}", "c", Some("d"), Some("e"), "e=0&limit=1"),
        ("C-26", "p/{resources.p.id}", "c", None, Some("e"), "e=0&limit=1"),
        ("C-17 C-26", "p/{resources.p.id}", "c", Some("d"), Some(""), single),
        ("C-17 C-26", "p/{resources.p.id}", "", Some("d"), Some(""), single),
        ("C-26", "p/{resources.p.id}", "", None, Some(""), single),
        ("C-16", "p/{resources.p.id}/x", "c", None, None, "c=0&limit=1"),
        ("C-16", "p/{resources.p.id}/x", "", None, None, found),
    ] {
        let mut child = json!({"name": "r", "endpoint": {"path": path}});
        if let Some(endpoint) = endpoint {
            child["endpoint"]["paginator"] = of(endpoint);
        }
        let mut text = json!({"client": {"paginator": of(client)}, "resources": [{"name": "p", "endpoint": {"paginator": "single_page"}}, child]});
        if let Some(defaults) = defaults {
            text["resource_defaults"] = json!({"endpoint": {"paginator": of(defaults)}});
        }
        let paginator = match plan_of(&text, &[])
            .unwrap()
            .resources
            .pop()
            .unwrap()
            .endpoint()
            .unwrap()
            .paginator
        {
            Paginator::Auto => found,
            Paginator::SinglePage => single,
            _ => "",
        };
        let request = first_request(&text, Some(("p", &json!({"id": 7}))));
        let sent = request.split_once('?').map_or(paginator, |(_, query)| query);
        assert_eq!(
            sent, query,
            "{id} {path} {client:?} {defaults:?} {endpoint:?}: {request}"
        );
    }
}

/// C-17: nulls take the defaults away, and then a path that names one record says what the records are.
#[test]
fn nulls_leave_it_to_a_path_that_names_one_record() {
    for (path, own, selector, is_single) in [
        (
            "users/{resources.p.id}",
            json!({"data_selector": null, "paginator": null}),
            Some("$"),
            true,
        ),
        ("users/{resources.p.id}", json!({"paginator": null}), Some("data"), true),
        (
            "users/{resources.p.id}",
            json!({"data_selector": null}),
            Some("$"),
            false,
        ),
        ("users/{resources.p.id}", json!({}), Some("data"), false),
        ("users", json!({"data_selector": null, "paginator": null}), None, false),
    ] {
        let mut endpoint = own.clone();
        endpoint["path"] = path.into();
        let text = json!({
            "resource_defaults": {"endpoint": {"data_selector": "data", "paginator": {"type": "offset", "limit": 1}}},
            "resources": [{"name": "p", "records": [{"id": 1}]}, {"name": "r", "endpoint": endpoint}],
        });
        let plan = plan_of(&text, &[]).unwrap();
        let planned = plan.resources.last().unwrap().endpoint().unwrap();
        assert_eq!(
            planned.selector.as_ref().map(JsonPath::as_str),
            selector,
            "{path} {own}"
        );
        assert_eq!(
            matches!(planned.paginator, Paginator::SinglePage),
            is_single,
            "{path} {own}"
        );
    }
}

/// D-23 and D-24, for the placeholders that stand for a parent's field (C-15, trap 19).
#[test]
fn a_path_that_ends_in_a_parents_field_names_one_record() {
    for (path, is_single) in [
        ("users/{resources.p.id}", true),
        ("/users/{resources.p.id}", true),
        ("users/{resources.p.id}/", true),
        ("users/{resources.p.id}///", true),
        ("users/{resources.p.id}?x=1", true),
        ("users/{resources.p.id}/?x=/y", true),
        ("users/{resources.p.id}#top", true),
        ("users/{resources.p.id}.json", true),
        ("users/u-{resources.p.id}", true),
        ("a/{resources.p.id}/b/{resources.p.id}", true),
        ("{resources.p.id}", true),
        ("users/{resources.p.user.id2}", true),
        ("users/{resources.p.odd-id}", true),
        ("users/{resources.p.id | replace('a', '/')}", true),
        ("users/{id}", true),
        ("users/{text}", true),
        ("users/{id}/posts", false),
        ("users/{static}?p={resources.p.id}", false),
        ("users/{resources.p.id}/posts", false),
        ("users", false),
        ("users/", false),
        ("/", false),
        ("users/{resources.p.id}/#y", false),
        ("users/{static}", false),
        ("users/{vars.v}", false),
        ("users/{{x}}", false),
    ] {
        let params = json!({"id": {"type": "resolve", "resource": "p", "field": "id"}, "static": "s", "text": "{resources.p.id}"});
        let used = |name: &str| path.contains(&format!("{{{name}}}"));
        let params: serde_json::Map<String, Value> = params
            .as_object()
            .unwrap()
            .clone()
            .into_iter()
            .filter(|(name, _)| used(name))
            .collect();
        let text = json!({
            "client": {"paginator": {"type": "page_number", "page_param": "paged"}}, "vars": {"v": 1},
            "resources": [{"name": "p", "endpoint": {"paginator": "single_page"}}, {"name": "r", "endpoint": {"path": path, "params": params}}],
        });
        let record = json!({"id": "i", "user": {"id2": 2}, "odd-id": 3});
        let request = first_request(&text, Some(("p", &record)));
        assert!(request.starts_with("GET "), "{path}: {request}");
        assert_eq!(!request.contains("paged="), is_single, "{path}: {request}");
        // What is one record is the whole answer; elsewhere the records are looked for.
        let plan = plan_of(&text, &[]).unwrap();
        let selector = &plan.resources.last().unwrap().endpoint().unwrap().selector;
        let selector = selector.as_ref().map(JsonPath::as_str);
        assert_eq!(selector, is_single.then_some("$"), "{path}");
    }
    // D-24: what only looks like a placeholder is a mistake, and not a path to be asked for.
    for (path, mistake) in [
        ("users/{}", "an empty placeholder `{}`"),
        (
            "users/{user id}",
            "`{user id}` is not a placeholder: unexpected input after expression",
        ),
        ("users/{resources.p.id", "a `{` without its `}`"),
        ("users/{resources.p.id}/{", "a `{` without its `}`"),
    ] {
        let text = json!({"resources": ["p", {"name": "r", "endpoint": path}]});
        let mistakes = plan_of(&text, &[]).err();
        let expected = format!("resources[1].endpoint.path: {mistake}");
        assert_eq!(mistakes, Some(expected), "{path}");
    }
}

#[test]
fn makes_requests_for_a_parents_record() {
    let text = |child: Value| json!({"resources": ["posts", {"name": "c", "endpoint": child}]});
    let record = json!({"id": 7, "slug": "a/b", "deep": {"x": [1, 2]}, "none": null});
    for (child, request) in [
        (
            json!("posts/{resources.posts.id}/comments"),
            "GET https://api.test/v1/posts/7/comments",
        ),
        (
            json!("posts/{resources.posts.slug}"),
            "GET https://api.test/v1/posts/a%2Fb",
        ),
        (
            json!({"params": {"x": "{resources.posts.deep.x[1]}", "n": "{resources.posts.none}"}}),
            "GET https://api.test/v1/c?x=2",
        ),
        (
            json!({"path": "p/{post_id}", "params": {"post_id": {"type": "resolve", "resource": "posts", "field": "id"}, "k": 1}}),
            "GET https://api.test/v1/p/7?k=1",
        ),
        (
            json!("posts/{resources.posts.nope}"),
            "error: `{resources.posts.nope}` has no value",
        ),
        (
            json!("posts/{resources.posts.none}"),
            "error: `{resources.posts.none}` has no value",
        ),
    ] {
        assert_eq!(
            first_request(&text(child.clone()), Some(("posts", &record))),
            request,
            "{child}"
        );
    }
}

#[test]
fn finds_every_mistake() {
    for (text, mistakes) in [
        (
            json!({"resources": ["a", "a"]}),
            "resources[1].name: two resources are named `a`",
        ),
        (
            json!({"resources": ["a", {"name": "A"}]}),
            "resources[1].name: `a` and `A` would both be stored in table `a`",
        ),
        (
            json!({"resources": ["x/{resources.post.id}", "posts"]}),
            "resources[0].endpoint.path: there is no resource `post`",
        ),
        (
            json!({"resources": [{"name": "a", "endpoint": "{resources.b.id}"}, {"name": "b", "endpoint": "{resources.a.id}"}]}),
            "resources[0]: resources refer to each other in a circle: a -> b -> a",
        ),
        (
            json!({"resources": [{"name": "a", "endpoint": "a/{resources.a.id}"}]}),
            "resources[0]: resources refer to each other in a circle: a -> a",
        ),
        (
            json!({"resources": ["a", {"name": "b", "endpoint": "b/{resources.a}"}]}),
            "resources[1].endpoint.path: `resources.a` needs a field",
        ),
        (
            json!({"resources": ["a", "b", {"name": "c", "endpoint": "{resources.a.id}/{resources.b.id}", "include_from_parent": ["id"]}]}),
            "resources[2].include_from_parent[0]: `c` has several parents; say whose `id` it is",
        ),
        (
            json!({"resources": [{"name": "_RL_state"}]}),
            "resources[0].name: `_rl_state` is a name of restload's own tables, which begin with `_rl_`",
        ),
        (
            json!({"resources": [{"name": "a", "table_name": "_rl_x"}]}),
            "resources[0].table_name: `_rl_x` is a name of restload's own tables, which begin with `_rl_`",
        ),
        (
            json!({"resources": [{"name": "a", "endpoint": {"response_actions": [{"status_code": [], "action": "ignore"}]}}]}),
            "resources[0].endpoint.response_actions[0].status_code: the list names no status",
        ),
        (
            json!({"resources": [{"name": "a", "include_from_parent": ["id"]}]}),
            "resources[0].include_from_parent[0]: `a` has no parent to include fields from",
        ),
        (
            json!({"resources": [{"name": "a", "write_disposition": "merge"}]}),
            "resources[0].write_disposition: `merge` needs a `primary_key`: without one no record can be told from another",
        ),
        // W17, W18, W19, W30: what does not go together in a disposition.
        (
            json!({"resources": [{"name": "a", "write_disposition": {"disposition": "merge", "strategy": "upsert"}, "merge_key": "day"}]}),
            "resources[0].write_disposition.strategy: `upsert` needs a `primary_key`: without one no record can be told from another\nresources[0].merge_key: `merge_key` has no place in `upsert`",
        ),
        (
            json!({"resources": [{"name": "a", "write_disposition": {"disposition": "merge", "strategy": "insert-only"}, "primary_key": "id", "columns": {"day": {"merge_key": true}, "at": {"dedup_sort": "asc"}}}]}),
            "resources[0].columns.day.merge_key: `merge_key` has no place in `insert-only`\nresources[0].columns.at.dedup_sort: `dedup_sort` has no effect: in `insert-only` the first row of a key stays",
        ),
        (
            json!({"resources": [{"name": "a", "write_disposition": "merge", "primary_key": "id", "columns": {"a": {"hard_delete": true}, "b": {"hard_delete": true, "dedup_sort": "asc"}, "c": {"dedup_sort": "desc"}}}]}),
            "resources[0].columns.b.hard_delete: two columns have `hard_delete`\nresources[0].columns.c.dedup_sort: two columns have `dedup_sort`",
        ),
        (
            json!({"resources": [{"name": "a", "write_disposition": {"disposition": "merge", "boundary_timestamp": "2024-01-01", "row_version_column_name": "v"}, "primary_key": "id"}]}),
            "resources[0].write_disposition.boundary_timestamp: `boundary_timestamp` is of `scd2`\nresources[0].write_disposition.row_version_column_name: `row_version_column_name` is of `scd2`",
        ),
        (
            json!({"resources": [{"name": "a", "write_disposition": {"disposition": "merge", "strategy": "scd2", "boundary_timestamp": "soon", "validity_column_names": ["From", "from"], "delete_missing": true}}]}),
            "resources[0].write_disposition.validity_column_names: the two columns are both named `from`\nresources[0].write_disposition.boundary_timestamp: `soon` is neither a date nor a moment\nresources[0].write_disposition.delete_missing: `delete_missing` has no place in `scd2`, which deletes nothing",
        ),
        (
            json!({"resources": [{"name": "a", "write_disposition": {"disposition": "replace", "delete_missing": true, "strategy": "scd2"}}]}),
            "resources[0].write_disposition.strategy: `strategy` is of `merge`, and this disposition is `replace`\nresources[0].write_disposition.delete_missing: `delete_missing` is of `merge`, and this disposition is `replace`",
        ),
        (
            json!({"resources": [{"name": "a", "write_disposition": {"disposition": "merge", "delete_missing": true, "strategy": "delete-insert"}, "primary_key": "id", "merge_key": "day"}]}),
            "resources[0].write_disposition.delete_missing: `delete_missing` and `merge_key` exclude each other: a load holds either all there is or all of some groups",
        ),
        (
            json!({"resources": [{"name": "a", "write_disposition": {"disposition": "merge", "strategy": "scd2", "validity_column_names": ["a"]}, "columns": {"gone": {"hard_delete": true}}}]}),
            "resources[0].columns.gone.hard_delete: `hard_delete` has no place in `scd2`, which deletes nothing\nresources[0].write_disposition.validity_column_names: expected two names, found 1",
        ),
        (
            json!({"resources": [{"name": "a", "write_disposition": {"disposition": "merge", "delete_missing": true}, "primary_key": "id", "endpoint": {"incremental": {"cursor_path": "at"}}}]}),
            "resources[0].endpoint.incremental: a load of what is new does not hold everything that exists, and `delete_missing` would delete the rest",
        ),
        (
            json!({"resources": [{"name": "a", "write_disposition": {"disposition": "merge", "strategy": "scd2"}, "endpoint": {"incremental": {"cursor_path": "at"}}}]}),
            "resources[0].endpoint.incremental: a load of what is new does not hold everything that exists, and `scd2` without a `merge_key` would give an end to the rest",
        ),
        (
            json!({"resources": [{"name": "a", "endpoint": {"json": {"x": 1}, "data": "y"}}]}),
            "resources[0].endpoint.data: `json` and `data` exclude each other: a request has one body",
        ),
        (
            json!({"resources": [{"name": "a", "endpoint": {"data": {"x": 1}, "paginator": {"type": "cursor", "cursor_body_path": "c"}}}]}),
            "resources[0].endpoint.data: the paginator writes into a JSON body, which a form body (`data`) leaves no room for; use `json`",
        ),
        (
            json!({"resources": [{"name": "a", "endpoint": {"json": {"q": [1]}, "paginator": {"type": "cursor", "cursor_body_path": "q.after"}}}]}),
            "resources[0].endpoint.json: the paginator cannot write: `q.after` leads through `q` of the JSON body, which is no object",
        ),
        (
            json!({"resources": [{"name": "a", "endpoint": "{vars.nope}"}]}),
            "resources[0].endpoint.path: `vars` has no `nope`",
        ),
        (
            json!({"resources": [{"name": "a", "endpoint": "{secrets.nope}"}]}),
            "resources[0].endpoint.path: secret `nope` is not set",
        ),
        (
            json!({"resources": [{"name": "a", "endpoint": {"path": "x", "params": {"p": {"type": "resolve", "resource": "b", "field": "id"}}}}, "b"]}),
            "resources[0].endpoint.params.p: the path has no `{p}` for this value",
        ),
        (
            json!({"client": {"base_url": "ftp://x"}, "resources": ["a"]}),
            "client.base_url: `ftp://x` is not an http or https URL",
        ),
        (
            json!({"client": {"headers": {"a b": "x"}}, "resources": [{"name": "a", "endpoint": {"data_selector": "$.[", "method": "G T"}}]}),
            "client.headers.a b: `a b` is not a header name",
        ),
        (
            json!({"client": {"auth": {"type": "api_key"}}, "resources": ["a"]}),
            "client.auth: the credentials have no `api_key`",
        ),
        (
            json!({"resources": [{"name": "a", "endpoint": {"method": "DELETE"}}]}),
            "resources[0].endpoint.allow_side_effects: `a` is refused: DELETE a changes something at the API",
        ),
    ] {
        let select: &[&str] = if mistakes.contains("is refused") { &["a"] } else { &[] };
        let found = plan_of(&text, select).err().unwrap_or_default();
        assert!(
            found.starts_with(mistakes),
            "{text}\n  found: {found}\n  expected: {mistakes}"
        );
    }
}

#[test]
fn chooses_what_is_loaded() {
    let text = json!({
        "vars": {"ids": [], "given": [1]},
        "resources": [
            {"name": "child", "endpoint": "x/{resources.parent.id}"},
            {"name": "parent", "selected": false},
            {"name": "off", "selected": false},
            {"name": "empty", "selected": {"when_set": ["vars.ids"]}},
            {"name": "full", "selected": {"when_set": ["vars.given", "secrets.token", "env.HOME"]}},
            {"name": "unset", "selected": {"when_set": ["secrets.other"]}},
            {"name": "send", "endpoint": {"method": "POST", "allow_side_effects": false}},
        ],
    });
    let shown = |select: &[&str]| {
        let plan = plan_of(&text, select).unwrap();
        let resources = plan.resources.iter().map(|resource| {
            if resource.is_loaded {
                resource.name.to_string()
            } else {
                format!("({})", resource.name)
            }
        });
        let left_out = plan
            .left_out
            .iter()
            .map(|left_out| format!("{}: {}", left_out.resource, left_out.reason));
        (
            resources.collect::<Vec<_>>().join(" "),
            left_out.collect::<Vec<_>>().join("\n"),
        )
    };
    assert_eq!(
        shown(&[]),
        (
            "(parent) child full".to_owned(),
            "off: not selected\nempty: `vars.ids` is empty\nunset: no `other` is given (environment variable OTHER)\n\
             send: POST send changes something at the API, and `allow_side_effects` is not true"
                .to_owned()
        )
    );
    assert_eq!(shown(&["off"]), ("off".to_owned(), String::new()));
}

#[test]
fn secrets_are_masked_wherever_they_are_shown() {
    let text = json!({"client": {"auth": {"type": "http_basic", "username": "u", "password": "{secrets.token}"}}, "resources": ["a"]});
    let plan = plan_of(&text, &[]).unwrap();
    let shown = plan.redactor.redact("s3cr3t-value dTpzM2NyM3QtdmFsdWU=");
    assert_eq!(shown, "*** ***");
}

/// T-01: without a word of the config. T-02, T-10: what the config says counts for the whole client, for a resource with
/// credentials of its own too.
#[test]
fn the_client_says_what_is_sent_again() {
    let resources = json!(["a", {"name": "b", "endpoint": {"auth": {"token": "t0ken"}}}]);
    let limits = |client: Value| {
        plan_of(&json!({"client": client, "resources": resources}), &[])
            .unwrap()
            .limits
    };
    let secs = std::time::Duration::from_secs;
    let usual = limits(json!({}));
    assert_eq!(usual.max_attempts, 5);
    let repeated: Vec<u16> = (100..=599).filter(|status| usual.retries(*status)).collect();
    let expected: Vec<u16> = [408, 425, 429].into_iter().chain(500..=599).collect();
    assert_eq!(repeated, expected);
    assert_eq!(
        (usual.first_delay, usual.min_delay, usual.max_delay),
        (secs(1), secs(0), secs(300))
    );
    assert_eq!((usual.timeout, usual.obeys_retry_after), (secs(60), true));
    let own = limits(json!({
        "timeout_secs": 7,
        "retry": {"max_attempts": 3, "statuses": [409, "500-509"], "first_delay_secs": 2, "max_delay_secs": 9, "obey_retry_after": false},
    }));
    assert_eq!((own.max_attempts, own.timeout), (3, secs(7)));
    let repeated: Vec<u16> = (100..=599).filter(|status| own.retries(*status)).collect();
    let expected: Vec<u16> = [409].into_iter().chain(500..=509).collect();
    assert_eq!(repeated, expected);
    assert_eq!(
        (own.first_delay, own.max_delay, own.obeys_retry_after),
        (secs(2), secs(9), false)
    );
}

/// Section 15.4 of the checklist: what a parent's record binds.
#[test]
fn binds_a_parents_fields_as_the_checklist_says() {
    let child = |endpoint: Value| json!({"resources": ["issues", {"name": "c", "endpoint": endpoint}]});
    let resolve = |field: &str| json!({"type": "resolve", "resource": "issues", "field": field});
    let parent = json!({"obj_id": 12345, "obj_node": "n1", "some_results": {"obj_id": 7}, "odd-id": "o"});
    for (id, endpoint, expected) in [
        (
            "R-06",
            json!({"path": "{id}/comments", "params": {"id": resolve("obj_id")}}),
            "GET https://api.test/v1/12345/comments",
        ),
        (
            "R-07",
            json!({"path": "{id}/c", "params": {"id": resolve("obj_id")}, "json": {}, "headers": {}}),
            "GET https://api.test/v1/12345/c content-type=application/json {}",
        ),
        (
            "R-08",
            json!({"path": "{id}/c", "params": {"id": resolve("obj_id"), "p": "{id}"}, "json": {"j": "{id}", "t": "x{id}"},
                "headers": {"h": "{id}"}}),
            "GET https://api.test/v1/12345/c?p=12345 h=12345 content-type=application/json {\"j\":12345,\"t\":\"x12345\"}",
        ),
        (
            "R-10",
            json!("{resources.issues.obj_id}/comments"),
            "GET https://api.test/v1/12345/comments",
        ),
        (
            "R-11",
            json!({"path": "c", "params": {"p": "{resources.issues.obj_id}"}, "json": {"j": "{resources.issues.obj_id}"},
                "headers": {"h": "{resources.issues.obj_id}"}}),
            "GET https://api.test/v1/c?p=12345 h=12345 content-type=application/json {\"j\":12345}",
        ),
        (
            "R-12",
            json!("{resources.issues.some_results.obj_id}/c"),
            "GET https://api.test/v1/7/c",
        ),
        (
            "R-12",
            json!({"path": "{id}/c", "params": {"id": resolve("some_results.obj_id")}}),
            "GET https://api.test/v1/7/c",
        ),
        (
            "R-12",
            json!("{resources.issues.odd-id}/c"),
            "GET https://api.test/v1/o/c",
        ),
        (
            "R-12",
            json!({"path": "{odd-name}/c", "params": {"odd-name": resolve("odd-id")}}),
            "GET https://api.test/v1/o/c",
        ),
        (
            "R-14",
            json!("{resources.issues.missing}/c"),
            "error: `{resources.issues.missing}` has no value",
        ),
        (
            "R-16",
            json!({"path": "{a}/{b}", "params": {"a": resolve("obj_id"), "b": resolve("obj_node")}, "headers": {"h": "{a}{b}"}}),
            "GET https://api.test/v1/12345/n1 h=12345n1",
        ),
        (
            "R-17",
            json!({"path": "{a}/{b}", "params": {"a": resolve("obj_id"), "b": resolve("missing")}}),
            "error: `{resources.issues.missing}` has no value",
        ),
    ] {
        let found = first_request(&child(endpoint), Some(("issues", &parent)));
        assert_eq!(found, expected, "{id}");
    }
}

/// R-21: a chain of three, its links a resolve, a reference, and a path in the place of an endpoint.
#[test]
fn a_chain_is_linked_whatever_its_syntax() {
    let plan = plan_of(
        &json!({"resources": [
            {"name": "likes", "endpoint": "comments/{resources.comments.id}/likes"},
            {"name": "comments", "endpoint": {"path": "posts/{resources.posts.id}/comments"}},
            {"name": "posts", "endpoint": {"path": "users/{user}/posts", "params": {"user": {"type": "resolve", "resource": "users", "field": "id"}}}},
            "users",
        ]}),
        &[],
    )
    .unwrap();
    let links = plan.resources.iter().map(|resource| {
        let parents: Vec<&str> = resource.parents.iter().map(|link| link.resource.as_str()).collect();
        format!("{} of {}", resource.name, parents.join("+"))
    });
    let links: Vec<String> = links.collect();
    assert_eq!(
        links,
        ["users of ", "posts of users", "comments of posts", "likes of comments"]
    );
}

/// R-19: a child that names two fields of one parent, by either syntax, has one parent.
#[test]
fn two_fields_of_one_parent_are_of_one_parent() {
    let resolve = |field: &str| json!({"type": "resolve", "resource": "repos", "field": field});
    for endpoint in [
        json!({"path": "{owner}/{name}/issues", "params": {"owner": resolve("owner"), "name": resolve("name")}}),
        json!("{resources.repos.owner}/{resources.repos.name}/issues"),
        json!({"path": "{owner}/{resources.repos.name}/issues", "params": {"owner": resolve("owner")}}),
    ] {
        let config = json!({"resources": [{"name": "issues", "endpoint": endpoint}, "repos"]});
        let plan = plan_of(&config, &[]).unwrap();
        let issues = plan.resources.last().unwrap();
        let parents: Vec<&str> = issues.parents.iter().map(|link| link.resource.as_str()).collect();
        assert_eq!(parents, ["repos"], "{endpoint}");
        let request = first_request(&config, Some(("repos", &json!({"owner": "ada", "name": "shop"}))));
        assert_eq!(request, "GET https://api.test/v1/ada/shop/issues", "{endpoint}");
    }
}

/// C-18, R-18: children of one parent by either syntax, with nulls in the place of the defaults; parents come first.
#[test]
fn children_by_either_syntax_attach_to_their_parent() {
    let nulls = |endpoint: &mut Value| {
        endpoint["paginator"] = Value::Null;
        endpoint["data_selector"] = Value::Null;
    };
    let mut by_reference = json!({"path": "issues/{resources.issues.id}/comments"});
    let mut by_resolve = json!({"path": "issues/{number}/labels", "params": {"number": {"type": "resolve", "resource": "issues", "field": "id"}}});
    let mut parent = json!({"path": "issues"});
    for endpoint in [&mut by_reference, &mut by_resolve, &mut parent] {
        nulls(endpoint);
    }
    let plan = plan_of(
        &json!({
            "client": {"paginator": {"type": "offset", "limit": 1}},
            "resource_defaults": {"endpoint": {"paginator": "single_page", "data_selector": "data"}},
            "resources": [
                {"name": "comments", "endpoint": by_reference},
                {"name": "labels", "endpoint": by_resolve},
                {"name": "issues", "endpoint": parent},
            ],
        }),
        &[],
    )
    .unwrap();
    let names: Vec<&str> = plan.resources.iter().map(|resource| &*resource.name).collect();
    assert_eq!(names, ["issues", "comments", "labels"]);
    for resource in &plan.resources {
        let parents: Vec<&str> = resource.parents.iter().map(|link| link.resource.as_str()).collect();
        let expected: &[&str] = if &*resource.name == "issues" { &[] } else { &["issues"] };
        assert_eq!(parents, expected, "{}", resource.name);
        // The defaults are wiped: the client's paginator counts, and the records are looked for.
        let endpoint = resource.endpoint().unwrap();
        assert!(endpoint.paginator.counts(), "{}", resource.name);
        assert!(endpoint.selector.is_none(), "{}", resource.name);
    }
}
