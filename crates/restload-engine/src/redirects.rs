//! Where a redirect leads, and what goes there.

use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, PROXY_AUTHORIZATION,
    TRANSFER_ENCODING,
};
use reqwest::{Method, StatusCode};
use restload_source::request::Request;
use url::Url;

/// Redirects of a request that are followed.
const MOST: usize = 10;

/// There was one redirect after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

/// A request on its way through redirects. What is sent where is decided by the request that it began with: an address in
/// between has no say in where credentials go.
#[derive(Debug)]
pub(crate) struct Way<'r> {
    first: &'r Request,
    trusted_hosts: &'r [String],
    method: Method,
    url: Url,
    has_body: bool,
    followed: usize,
}

impl<'r> Way<'r> {
    pub(crate) fn new(first: &'r Request, trusted_hosts: &'r [String]) -> Self {
        Self {
            first,
            trusted_hosts,
            method: first.method.clone(),
            url: first.url.clone(),
            has_body: true,
            followed: 0,
        }
    }

    /// What is to be sent now.
    pub(crate) fn request(&self) -> Request {
        let mut headers = self.first.headers.clone();
        if !self.has_body {
            for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING] {
                headers.remove(name);
            }
        }
        if self.url.origin() != self.first.url.origin() {
            for name in [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE] {
                headers.remove(name);
            }
        }
        Request {
            method: self.method.clone(),
            url: self.url.clone(),
            headers,
            body: self.first.body.clone().filter(|_| self.has_body),
            exchange: self.first.exchange,
        }
    }

    /// Goes on to where an answer leads. False where it leads nowhere, or where nothing of the config's may go: it is the
    /// answer then.
    pub(crate) fn follow(&mut self, status: StatusCode, headers: &HeaderMap) -> Result<bool, TooMany> {
        let (method, has_body) = match status {
            // RFC 9110 allows it, and everybody does.
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if self.method == Method::POST => (Method::GET, false),
            StatusCode::SEE_OTHER if self.method == Method::HEAD => (Method::HEAD, false),
            StatusCode::SEE_OTHER => (Method::GET, false),
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => (self.method.clone(), self.has_body),
            _ => return Ok(false),
        };
        let location = headers.get(LOCATION);
        let location = location.and_then(|location| std::str::from_utf8(location.as_bytes()).ok());
        let Some(url) = location.and_then(|location| self.url.join(location).ok()) else {
            return Ok(false);
        };
        if !self.may_go_to(&url) {
            return Ok(false);
        }
        if self.followed == MOST {
            return Err(TooMany);
        }
        self.followed += 1;
        self.has_body = self.has_body && has_body;
        self.method = method;
        self.url = url;
        Ok(true)
    }

    /// Credentials would go along in the query or in headers that nobody knows to be secret.
    fn may_go_to(&self, url: &Url) -> bool {
        let first = &self.first.url;
        if first.origin() == url.origin() {
            return true;
        }
        let is_as_safe = url.scheme() == "https" || url.scheme() == "http" && first.scheme() == "http";
        let mut trusted = self.trusted_hosts.iter();
        is_as_safe && url.host_str().is_some_and(|host| trusted.any(|known| known == host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verb, the address, the headers and the body that follow answers, each a status and a location.
    fn walk(method: Method, answers: &[(u16, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "a"),
            ("content-type", "c"),
            ("cookie", "k"),
            ("x-key", "x"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let request = Request {
            method,
            url: Url::parse("https://api.test/v1/items?page=1#top").unwrap(),
            headers,
            body: Some(b"body".to_vec()),
            exchange: None,
        };
        let trusted = ["files.test".to_owned(), "localhost".to_owned()];
        let mut way = Way::new(&request, &trusted);
        for (status, location) in answers {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, location.parse().unwrap());
            match way.follow(StatusCode::from_u16(*status).unwrap(), &headers) {
                Ok(true) => {}
                Ok(false) => return "the answer".to_owned(),
                Err(TooMany) => return "too many".to_owned(),
            }
        }
        let sent = way.request();
        let mut names: Vec<&str> = sent.headers.keys().map(reqwest::header::HeaderName::as_str).collect();
        names.sort_unstable();
        let body = sent.body.map_or("", |_| " body");
        format!("{} {} {}{body}", sent.method, sent.url, names.join(","))
    }

    #[test]
    fn a_redirect_changes_the_request_as_its_status_says() {
        const ALL: &str = "authorization,content-type,cookie,x-key body";
        const BARE: &str = "authorization,cookie,x-key";
        for (method, status, expected) in [
            (Method::GET, 301, format!("GET https://api.test/b {ALL}")),
            (Method::GET, 302, format!("GET https://api.test/b {ALL}")),
            (Method::POST, 301, format!("GET https://api.test/b {BARE}")),
            (Method::POST, 302, format!("GET https://api.test/b {BARE}")),
            (Method::PUT, 302, format!("PUT https://api.test/b {ALL}")),
            (Method::POST, 303, format!("GET https://api.test/b {BARE}")),
            (Method::PUT, 303, format!("GET https://api.test/b {BARE}")),
            (Method::HEAD, 303, format!("HEAD https://api.test/b {BARE}")),
            (Method::POST, 307, format!("POST https://api.test/b {ALL}")),
            (Method::POST, 308, format!("POST https://api.test/b {ALL}")),
            (Method::GET, 300, "the answer".to_owned()),
            (Method::GET, 304, "the answer".to_owned()),
            (Method::GET, 200, "the answer".to_owned()),
        ] {
            assert_eq!(walk(method.clone(), &[(status, "/b")]), expected, "{method} {status}");
        }
        // A body that is gone stays away.
        let twice = walk(Method::POST, &[(303, "/b"), (307, "/c")]);
        assert_eq!(twice, format!("GET https://api.test/c {BARE}"));
    }

    /// Z-05: where credentials go, and what of them.
    #[test]
    fn a_redirect_leads_only_where_credentials_may_go() {
        const ALL: &str = "authorization,content-type,cookie,x-key body";
        const STRIPPED: &str = "content-type,x-key body";
        for (locations, expected) in [
            (vec!["more"], format!("GET https://api.test/v1/more {ALL}")),
            (vec!["?page=2"], format!("GET https://api.test/v1/items?page=2 {ALL}")),
            (vec!["https://API.test:443/x"], format!("GET https://api.test/x {ALL}")),
            (vec!["//files.test/x"], format!("GET https://files.test/x {STRIPPED}")),
            // Where it comes from does not make a host another.
            (
                vec!["//files.test/x", "/y"],
                format!("GET https://files.test/y {STRIPPED}"),
            ),
            (
                vec!["//files.test/x", "//api.test/y"],
                format!("GET https://api.test/y {ALL}"),
            ),
            (vec!["https://other.test/x"], "the answer".to_owned()),
            (vec!["//files.test/x", "//other.test/y"], "the answer".to_owned()),
            (vec!["http://api.test/x"], "the answer".to_owned()),
            (vec!["http://files.test/x"], "the answer".to_owned()),
            (vec!["https://api.test:8443/x"], "the answer".to_owned()),
            (vec!["ftp://files.test/x"], "the answer".to_owned()),
            (vec!["https://"], "the answer".to_owned()),
            (vec!["/x"; 11], "too many".to_owned()),
            (vec!["/x"; 10], format!("GET https://api.test/x {ALL}")),
        ] {
            let answers: Vec<(u16, &str)> = locations.iter().map(|location| (307, *location)).collect();
            assert_eq!(walk(Method::GET, &answers), expected, "{locations:?}");
        }
    }
}
