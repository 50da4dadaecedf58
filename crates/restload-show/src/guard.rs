//! Who may ask: requests for this machine by its own names, and not on behalf of another site's page.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The names by which the server may be asked.
///
/// A name that anybody may register can be made to point to this machine (DNS rebinding), and then its pages are of one
/// origin with ours. An address cannot, so addresses are taken: those of the loopback interface, or all where the server
/// can be reached from elsewhere.
#[derive(Debug, Clone)]
pub struct Hosts {
    name: String,
    only_loopback: bool,
}

impl Hosts {
    /// `name` is what the server was told to listen on, `address` what that came to.
    pub fn new(name: &str, address: IpAddr) -> Self {
        Self {
            name: name.to_ascii_lowercase(),
            only_loopback: address.is_loopback(),
        }
    }

    fn allow(&self, authority: &str) -> bool {
        let name = without_port(authority).to_ascii_lowercase();
        if name == "localhost" || name == self.name {
            return true;
        }
        let plain = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let address = plain.unwrap_or(&name).parse::<IpAddr>();
        address.is_ok_and(|address| address.is_loopback() || !self.only_loopback)
    }
}

/// What stands before the port; an IPv6 address keeps its brackets.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => name,
        _ => authority,
    }
}

const FOREIGN_NAME: &str = "This server answers to this machine's own names only, such as http://localhost and \
    http://127.0.0.1. To reach it by another name, start it with --host NAME.";
const OTHER_SITE: &str = "Another site's page has sent this request, so it is not answered. Open the address yourself.";

/// Why a request is not answered.
fn refusal(hosts: &Hosts, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let mut names = headers.get_all(header::HOST).iter();
    let host = match (names.next().and_then(|host| host.to_str().ok()), names.next()) {
        (Some(host), None) if hosts.allow(host) => host,
        _ => return Some(FOREIGN_NAME),
    };
    if uri.authority().is_some_and(|authority| authority.as_str() != host) {
        return Some(FOREIGN_NAME);
    }
    let site = text(header::HeaderName::from_static("sec-fetch-site"));
    let is_reading = [Method::GET, Method::HEAD].contains(method);
    match site {
        None | Some("same-origin") => {}
        Some("none") if is_reading => {}
        // A link on another page that somebody has followed. Nothing is done by it, and that page sees nothing of it.
        Some(_)
            if is_reading
                && text(header::HeaderName::from_static("sec-fetch-mode")) == Some("navigate")
                && text(header::HeaderName::from_static("sec-fetch-dest")) == Some("document") => {}
        Some(_) => return Some(OTHER_SITE),
    }
    if is_reading {
        return None;
    }
    let origin = headers
        .get(header::ORIGIN)
        .map(|origin| origin.to_str().unwrap_or_default());
    let is_ours = match origin {
        Some(origin) => {
            let authority = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        }
        // Every browser says where a form comes from, in one of the two ways.
        None => site == Some("same-origin"),
    };
    (!is_ours).then_some(OTHER_SITE)
}

/// What a browser is told to keep from doing with any answer.
const HEADERS: [(header::HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // With `no-referrer` a browser would not say where a form comes from.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (
        header::HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        header::HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        header::HeaderName::from_static("permissions-policy"),
        "interest-cohort=()",
    ),
];

/// Refuses what is not to be answered, and puts the headers on every answer.
pub(crate) async fn guard(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let refusal = refusal(&hosts, request.method(), request.uri(), request.headers());
    let mut response = match refusal {
        Some(reason) => (StatusCode::FORBIDDEN, format!("{reason}\n")).into_response(),
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(hosts: &Hosts, method: &str, headers: &[(&'static str, &'static str)]) -> &'static str {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        match refusal(hosts, &method.parse().unwrap(), &Uri::from_static("/"), &map) {
            None => "answered",
            Some(FOREIGN_NAME) => "foreign name",
            Some(_) => "other site",
        }
    }

    #[test]
    fn only_this_machines_own_names_are_answered() {
        let local = Hosts::new("127.0.0.1", "127.0.0.1".parse().unwrap());
        let open = Hosts::new("Shop.Internal", "0.0.0.0".parse().unwrap());
        for (host, of_local, of_open) in [
            ("127.0.0.1:7333", "answered", "answered"),
            ("127.0.0.1", "answered", "answered"),
            ("localhost:80", "answered", "answered"),
            ("LOCALHOST", "answered", "answered"),
            ("[::1]:7333", "answered", "answered"),
            ("127.8.9.1:1", "answered", "answered"),
            ("192.168.0.7:7333", "foreign name", "answered"),
            ("[fd00::7]:7333", "foreign name", "answered"),
            ("shop.internal:7333", "foreign name", "answered"),
            ("evil.example:7333", "foreign name", "foreign name"),
            ("localhost.evil.example", "foreign name", "foreign name"),
            ("127.0.0.1.evil.example", "foreign name", "foreign name"),
            ("127.0.0.1@evil.example", "foreign name", "foreign name"),
            ("evil.example:127.0.0.1", "foreign name", "foreign name"),
            ("", "foreign name", "foreign name"),
        ] {
            assert_eq!(asked(&local, "GET", &[("host", host)]), of_local, "{host}");
            assert_eq!(asked(&open, "GET", &[("host", host)]), of_open, "{host}");
        }
        assert_eq!(asked(&local, "GET", &[]), "foreign name");
        assert_eq!(
            asked(&local, "GET", &[("host", "localhost"), ("host", "evil.example")]),
            "foreign name"
        );
    }

    #[test]
    fn other_sites_pages_may_link_here_and_no_more() {
        let hosts = Hosts::new("127.0.0.1", "127.0.0.1".parse().unwrap());
        let host = ("host", "localhost:7333");
        let site = |site| ("sec-fetch-site", site);
        let navigate = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        for (method, headers, expected) in [
            ("GET", vec![site("none")], "answered"),
            ("GET", vec![site("same-origin")], "answered"),
            ("GET", vec![site("cross-site"), navigate[0], navigate[1]], "answered"),
            ("GET", vec![site("cross-site")], "other site"),
            ("GET", vec![site("same-site"), ("sec-fetch-mode", "cors")], "other site"),
            (
                "GET",
                vec![site("cross-site"), navigate[0], ("sec-fetch-dest", "iframe")],
                "other site",
            ),
            ("POST", vec![site("cross-site"), navigate[0], navigate[1]], "other site"),
            ("POST", vec![], "other site"),
            ("POST", vec![site("none")], "other site"),
            ("POST", vec![("origin", "null")], "other site"),
            ("POST", vec![("origin", "http://evil.example")], "other site"),
            ("POST", vec![("origin", "http://localhost:8000")], "other site"),
            (
                "POST",
                vec![site("same-origin"), ("origin", "http://evil.example")],
                "other site",
            ),
            ("POST", vec![("origin", "http://localhost:7333")], "answered"),
            ("POST", vec![site("same-origin")], "answered"),
        ] {
            let all: Vec<_> = [host].into_iter().chain(headers).collect();
            assert_eq!(asked(&hosts, method, &all), expected, "{method} {all:?}");
        }
    }
}
