mod counting;
mod detection;
mod following;

use http::HeaderValue;
use serde_json::json;

use super::*;

/// A config, the pages that come, and what the walk through them logs.
type Case<'c> = (&'c str, serde_json::Value, Vec<serde_json::Value>, &'c str);

/// Walks each case; its name begins with the ids of the checklist that it covers.
fn check(cases: Vec<Case<'_>>) {
    for (name, config, pages, log) in cases {
        assert_eq!(walk(config.clone(), &bodies(&pages)), log, "{name}: {config}");
    }
}

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
    let mut known_end = None;
    for (headers, body) in pages {
        let mut draft = Draft {
            method: http::Method::GET,
            url: Url::parse("https://api.test/v1/orders").unwrap(),
            params: vec![("limit".into(), "2".into())],
            headers: HeaderMap::new(),
            body: crate::request::DraftBody::None,
        };
        paginator.apply(&position, &mut draft).unwrap();
        let request = draft.finish();
        let body_text = request
            .body
            .map(|body| String::from_utf8(body).unwrap())
            .unwrap_or_default();
        let sent: Vec<String> = request
            .headers
            .iter()
            .filter(|(name, _)| *name != "content-type")
            .map(|(name, value)| format!(" {name}: {}", value.to_str().unwrap()))
            .collect();
        let requested = match &position {
            Position::Link(link) => link.clone(),
            _ => format!(
                "?{} {body_text}{}",
                request.url.query().unwrap_or_default(),
                sent.concat()
            ),
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
        let records = match body.as_object().and_then(|body| body.get("data")) {
            Some(Value::List(records)) => records.as_slice(),
            _ => std::slice::from_ref(&body),
        };
        let url = Url::parse("https://api.test/v1/orders?limit=2").unwrap();
        let page = Page {
            url: &url,
            headers: &map,
            body: &body,
            containers: &[],
            record_count: records.len(),
            last_record: records.last(),
            is_record: false,
            known_end,
            position: &position,
        };
        known_end = paginator.end(&page);
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
