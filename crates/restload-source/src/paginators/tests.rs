use http::HeaderValue;
use serde_json::json;

use super::*;

/// Walks pages through a paginator and logs what each request carries.
fn walk(config: serde_json::Value, pages: &[(&[(&str, &str)], serde_json::Value)]) -> String {
    let mut diagnostics = Diagnostics::default();
    let config: PaginatorConfig = crate::choice::read(config, Some("auto")).unwrap();
    let Some(paginator) = config.compile(&KeyPath::root(), &mut diagnostics) else {
        return diagnostics
            .into_vec()
            .into_iter()
            .map(|found| format!("{}: {}", found.path, found.message))
            .collect::<Vec<_>>()
            .join("\n");
    };
    let mut log = String::new();
    let mut position = Position::Start;
    for (headers, body) in pages {
        let mut draft = Draft {
            method: http::Method::GET,
            url: Url::parse("https://api.test/v1/orders").unwrap(),
            params: vec![("limit".into(), "2".into())],
            headers: HeaderMap::new(),
            body: crate::request::DraftBody::None,
        };
        paginator.apply(&position, &mut draft);
        let request = draft.finish();
        let body_text = request
            .body
            .map(|body| String::from_utf8(body).unwrap())
            .unwrap_or_default();
        let requested = match &position {
            Position::Link(link) => link.clone(),
            _ => format!("?{} {body_text}", request.url.query().unwrap_or_default()),
        };
        log.push_str(&requested);
        log.push('\n');
        let mut map = HeaderMap::new();
        for (name, value) in *headers {
            map.append(
                http::HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let body = Value::from(body.clone());
        let record_count = match body.as_object().and_then(|body| body.get("data")) {
            Some(Value::List(records)) => records.len(),
            _ => 1,
        };
        let url = Url::parse("https://api.test/v1/orders?limit=2").unwrap();
        let page = Page {
            url: &url,
            headers: &map,
            body: &body,
            record_count,
            position: &position,
        };
        match paginator.next(&page) {
            Ok(Step::Next(next)) => position = next,
            Ok(Step::Done) => return log + "done",
            Err(error) => return log + &format!("error: {error}"),
        }
    }
    log + &format!("next {position}")
}

fn bodies(pages: &[serde_json::Value]) -> Vec<(&'static [(&'static str, &'static str)], serde_json::Value)> {
    pages.iter().map(|body| (&[] as &[_], body.clone())).collect()
}

#[test]
fn page_number() {
    let two = |more: serde_json::Value| {
        let mut page = json!({"data": [1, 2]});
        page.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        page
    };
    for (config, pages, log) in [
        (
            json!("page_number"),
            vec![two(json!({"total": 2})), two(json!({"total": 2}))],
            "?limit=2&page=0 \n?limit=2&page=1 \ndone",
        ),
        (
            json!({"type": "page_number", "base_page": 1, "total_path": "pages"}),
            vec![two(json!({"pages": "1"}))],
            "?limit=2&page=1 \ndone",
        ),
        (
            json!("page_number"),
            vec![two(json!({})), json!({"data": []})],
            "?limit=2&page=0 \n?limit=2&page=1 \ndone",
        ),
        (
            json!("page_number"),
            vec![two(json!({"total": null}))],
            "?limit=2&page=0 \nnext page number 1",
        ),
        (
            json!("page_number"),
            vec![two(json!({"total": {}}))],
            "?limit=2&page=0 \nerror: total_path `total` holds {}, which is not a whole number",
        ),
        (
            json!({"type": "page_number", "maximum_page": 1}),
            vec![two(json!({}))],
            "?limit=2&page=0 \ndone",
        ),
        (
            json!({"type": "page_number", "has_more_path": "more"}),
            vec![two(json!({"more": true})), two(json!({"more": "no"}))],
            "?limit=2&page=0 \n?limit=2&page=1 \ndone",
        ),
        (
            json!({"type": "page_number", "has_more_path": "more", "maximum_page": 1}),
            vec![two(json!({"more": true}))],
            "?limit=2&page=0 \ndone",
        ),
        (
            json!({"type": "page_number", "page_body_path": "paging.page"}),
            vec![two(json!({}))],
            "?limit=2 {\"paging\":{\"page\":0}}\nnext page number 1",
        ),
        (
            json!({"type": "page_number", "page_param": "p", "page_body_path": "b"}),
            vec![],
            "page_body_path: `page_param` and `page_body_path` exclude each other: the value goes to one place",
        ),
        (
            json!({"type": "page_number", "total_path": null, "stop_after_empty_page": false}),
            vec![],
            ": nothing would ever stop the paging",
        ),
    ] {
        assert_eq!(walk(config.clone(), &bodies(&pages)), log, "{config}");
    }
}

#[test]
fn offset() {
    let page = json!({"data": [1, 2], "total": 3});
    for (config, pages, log) in [
        (
            json!({"type": "offset", "limit": 2}),
            vec![page.clone(), page.clone()],
            "?offset=0&limit=2 \n?offset=2&limit=2 \ndone",
        ),
        (
            json!({"type": "offset", "limit": 2, "maximum_offset": 2}),
            vec![json!({"data": [1]})],
            "?offset=0&limit=2 \ndone",
        ),
        (
            json!({"type": "offset", "limit": 2, "offset_param": "skip", "limit_param": "top"}),
            vec![json!({"data": [1]})],
            "?limit=2&skip=0&top=2 \nnext offset 2",
        ),
        (
            json!({"type": "offset", "limit": 2, "total_path": "$.["}),
            vec![],
            "total_path: `$.[` is not a JSONPath: ",
        ),
    ] {
        let logged = walk(config.clone(), &bodies(&pages));
        assert!(
            logged == log || (log.ends_with(": ") && logged.starts_with(log)),
            "{config}: {logged}"
        );
    }
}

#[test]
fn cursor() {
    for (config, pages, log) in [
        (
            json!({"type": "cursor", "cursor_path": "next"}),
            vec![json!({"next": "a"}), json!({"next": 5}), json!({"next": ""})],
            "?limit=2 \n?limit=2&cursor=a \n?limit=2&cursor=5 \ndone",
        ),
        (
            json!("cursor"),
            vec![json!({"cursors": {"next": null}})],
            "?limit=2 \ndone",
        ),
        (
            json!({"type": "cursor", "cursor_path": "next", "cursor_body_path": "q.after"}),
            vec![json!({"next": "a"}), json!({})],
            "?limit=2 \n?limit=2 {\"q\":{\"after\":\"a\"}}\ndone",
        ),
        (
            json!({"type": "cursor", "cursor_path": "next", "stop_after_empty_page": true}),
            vec![json!({"next": "a", "data": []})],
            "?limit=2 \ndone",
        ),
        (
            json!({"type": "cursor", "cursor_path": "next"}),
            vec![json!({"next": [1]})],
            "?limit=2 \nerror: cursor_path `next` holds a list, which cannot be sent as a token",
        ),
        (
            json!({"type": "cursor", "cursor_path": "next", "has_more_path": "more"}),
            vec![json!({"next": "a"})],
            "?limit=2 \nerror: has_more_path `more` is not in the answer",
        ),
    ] {
        assert_eq!(walk(config.clone(), &bodies(&pages)), log, "{config}");
    }
}

#[test]
fn links() {
    for (config, pages, log) in [
        (
            json!("json_link"),
            vec![json!({"next": "?page=2"}), json!({"next": ""})],
            "?limit=2 \nhttps://api.test/v1/orders?page=2\ndone",
        ),
        (
            json!({"type": "json_link", "next_url_path": "links.next"}),
            vec![json!({"links": {"next": "/v2/x"}})],
            "?limit=2 \nnext link `https://api.test/v2/x`",
        ),
        (
            json!("json_link"),
            vec![json!({"next": "//other.test/x"})],
            "?limit=2 \nnext link `https://other.test/x`",
        ),
        (
            json!("json_link"),
            vec![json!({"next": 5})],
            "?limit=2 \nerror: next_url_path `next` holds a number, which is not a URL",
        ),
        (
            json!("json_link"),
            vec![json!({"next": "mailto:x@y"})],
            "?limit=2 \nerror: the next link `mailto:x@y` is not a URL",
        ),
        (
            json!("auto"),
            vec![json!({"next": "https://api.test/p2"})],
            "?limit=2 \nnext link `https://api.test/p2`",
        ),
        (json!("auto"), vec![json!({"next": "token"})], "?limit=2 \ndone"),
        (json!("single_page"), vec![json!({"next": "/x"})], "?limit=2 \ndone"),
    ] {
        assert_eq!(walk(config.clone(), &bodies(&pages)), log, "{config}");
    }
}

#[test]
fn headers() {
    let link = r#"<https://api.test/p1>; rel="first last", <https://api.test/p,2>; title="a, b"; rel="NEXT""#;
    assert_eq!(
        walk(json!("header_link"), &[(&[("link", link)], json!([]))]),
        "?limit=2 \nnext link `https://api.test/p,2`"
    );
    assert_eq!(
        walk(json!("auto"), &[(&[("link", link)], json!([]))]),
        "?limit=2 \nnext link `https://api.test/p,2`"
    );
    assert_eq!(walk(json!("header_link"), &[(&[], json!([]))]), "?limit=2 \ndone");
    let config = json!({"type": "header_cursor", "cursor_key": "X-Next"});
    assert_eq!(
        walk(
            config,
            &[(&[("x-next", "t1")], json!([])), (&[("x-next", "")], json!([]))]
        ),
        "?limit=2 \n?limit=2&cursor=t1 \ndone"
    );
}
