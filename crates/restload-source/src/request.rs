//! Requests and responses as data: what is to be sent, and what came back.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

/// A request, complete but for the connection.
#[derive(Debug, Clone)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// The whole address, query included.
    pub url: Url,
    /// The headers, credentials included.
    pub headers: HeaderMap,
    /// The body with its content type in the headers.
    pub body: Option<Vec<u8>>,
    /// The exchange, by its place in the plan, whose credentials are put on it when it is sent.
    pub exchange: Option<usize>,
}

impl Request {
    /// Sets a header.
    pub fn set_header(&mut self, name: &str, value: &str) -> Result<(), String> {
        set_header(&mut self.headers, name, value)
    }

    /// Sets a query parameter, replacing every one of that name: a next link often repeats what the first request had.
    pub fn set_param(&mut self, name: &str, value: &str) {
        let others: Vec<(String, String)> = self
            .url
            .query_pairs()
            .filter(|(known, _)| known != name)
            .map(|(known, value)| (known.into(), value.into()))
            .collect();
        if others.len() != self.url.query_pairs().count() {
            self.url.set_query(None);
            if !others.is_empty() {
                self.url.query_pairs_mut().extend_pairs(others);
            }
        }
        self.url.query_pairs_mut().append_pair(name, value);
    }

    /// Adds a cookie to those that are there, in the place of one of that name.
    pub fn add_cookie(&mut self, name: &str, value: &str) -> Result<(), String> {
        let known = self.headers.get(http::header::COOKIE);
        let known = known.and_then(|known| known.to_str().ok()).unwrap_or_default();
        let mut cookies: Vec<&str> = known
            .split(';')
            .map(str::trim)
            .filter(|cookie| !cookie.is_empty())
            .collect();
        cookies.retain(|cookie| cookie.split('=').next() != Some(name));
        let added = format!("{name}={value}");
        cookies.push(&added);
        let header = HeaderValue::try_from(cookies.join("; "));
        let header = header.map_err(|_| format!("the value of cookie `{name}` is not allowed"))?;
        self.headers.insert(http::header::COOKIE, header);
        Ok(())
    }
}

fn set_header(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), String> {
    let header = HeaderName::try_from(name).map_err(|_| format!("`{name}` is not a header name"))?;
    let value = HeaderValue::try_from(value).map_err(|_| format!("the value of header `{name}` is not allowed"))?;
    headers.insert(header, value);
    Ok(())
}

/// What a server answered. The body is decompressed.
#[derive(Debug, Clone)]
pub struct Response {
    /// The address that answered, after redirects.
    pub url: Url,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A request while it is put together: parameters and JSON body still open to the paginator.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The verb.
    pub method: Method,
    /// The address without [`params`](Self::params).
    pub url: Url,
    /// Query parameters in order; a name may repeat.
    pub params: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
    /// What the body is made of.
    pub body: DraftBody,
}

/// The body of a [`Draft`].
#[derive(Debug, Clone)]
pub enum DraftBody {
    /// None.
    None,
    /// A JSON document.
    Json(serde_json::Value),
    /// Form fields.
    Form(Vec<(String, String)>),
    /// A text that is sent as it is.
    Text(String),
}

impl Draft {
    /// Sets a query parameter, replacing every one of that name, those in the address included: an address with a
    /// query of its own, such as a next link, often has it already, and sending it twice confuses servers.
    pub fn set_param(&mut self, name: &str, value: impl Into<String>) {
        self.set_params(name, vec![value.into()]);
    }

    /// Sets a query parameter that repeats, one for each value.
    pub fn set_params(&mut self, name: &str, values: Vec<String>) {
        if self.url.query_pairs().any(|(known, _)| known == name) {
            let others: Vec<(String, String)> = self
                .url
                .query_pairs()
                .filter(|(known, _)| known != name)
                .map(|(name, value)| (name.into(), value.into()))
                .collect();
            self.url.set_query(None);
            if !others.is_empty() {
                self.url.query_pairs_mut().extend_pairs(others);
            }
        }
        self.params.retain(|(known, _)| known != name);
        self.params
            .extend(values.into_iter().map(|value| (name.to_owned(), value)));
    }

    /// Sets a value in the JSON body at a dotted path, making the objects on the way. What is there and no object is
    /// in the way.
    pub fn set_body(&mut self, path: &str, value: serde_json::Value) -> Result<(), String> {
        if !matches!(self.body, DraftBody::Json(_)) {
            self.body = DraftBody::Json(serde_json::Value::Object(serde_json::Map::new()));
        }
        let DraftBody::Json(root) = &mut self.body else {
            return Ok(());
        };
        let mut slot = root;
        for (at, key) in path.split('.').enumerate() {
            if slot.is_null() {
                *slot = serde_json::Value::Object(serde_json::Map::new());
            }
            let Some(members) = slot.as_object_mut() else {
                return Err(blocked_body_path(path, at));
            };
            slot = members.entry(key).or_insert(serde_json::Value::Null);
        }
        *slot = value;
        Ok(())
    }

    /// Sets a header; a name or value that HTTP does not allow is left to the checks made when the config was planned.
    pub fn set_header(&mut self, name: &str, value: &str) -> Result<(), String> {
        set_header(&mut self.headers, name, value)
    }

    /// The finished request.
    pub fn finish(mut self) -> Request {
        let mut url = self.url;
        if !self.params.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.params);
        }
        let (content_type, body) = match self.body {
            DraftBody::None => (None, None),
            DraftBody::Json(value) => (Some("application/json"), Some(value.to_string().into_bytes())),
            DraftBody::Form(fields) => {
                let form = url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(&fields)
                    .finish();
                (Some("application/x-www-form-urlencoded"), Some(form.into_bytes()))
            }
            DraftBody::Text(text) => (None, Some(text.into_bytes())),
        };
        if let Some(content_type) = content_type {
            self.headers
                .entry(http::header::CONTENT_TYPE)
                .or_insert(HeaderValue::from_static(content_type));
        }
        Request {
            method: self.method,
            url,
            headers: self.headers,
            body,
            exchange: None,
        }
    }
}

/// That a path into a JSON body comes upon something that is no object, after `depth` of its keys.
pub(crate) fn blocked_body_path(path: &str, depth: usize) -> String {
    let way: Vec<&str> = path.split('.').take(depth).collect();
    match way.as_slice() {
        [] => format!("`{path}` leads into the JSON body, which is no object"),
        way => format!(
            "`{path}` leads through `{}` of the JSON body, which is no object",
            way.join(".")
        ),
    }
}

/// Joins an endpoint's path to the base URL as dlt does: an absolute path stands alone, an empty one is the base.
pub fn join_url(base: &str, path: &str) -> String {
    if path.starts_with("http://") || path.starts_with("https://") || base.is_empty() {
        return path.to_owned();
    }
    if path.is_empty() {
        return base.to_owned();
    }
    format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_base_and_path() {
        for (id, base, path, url) in [
            ("U-01", "https://a.test/v1/", "/x", "https://a.test/v1/x"),
            ("U-01", "https://a.test/v1", "x", "https://a.test/v1/x"),
            ("U-01", "https://a.test/v1", "/x", "https://a.test/v1/x"),
            ("U-01", "https://a.test/v1/", "x", "https://a.test/v1/x"),
            ("U-01", "https://a.test/v1//", "//x", "https://a.test/v1/x"),
            ("U-01", "https://a.test/", "//x//y/", "https://a.test/x//y/"),
            ("U-02", "https://a.test/v1", "/", "https://a.test/v1/"),
            ("U-02", "https://a.test/v1", "///", "https://a.test/v1/"),
            ("U-03", "/", "path", "/path"),
            ("U-04", "https://a.test/v1", "", "https://a.test/v1"),
            ("U-04", "", "path", "path"),
            ("U-04", "", "", ""),
            ("U-05", "https://a.test/v1", "x/y?z=1", "https://a.test/v1/x/y?z=1"),
            ("U-05", "https://a.test/v1", "x#y", "https://a.test/v1/x#y"),
            ("U-05", "https://a.test", "a b/路径", "https://a.test/a b/路径"),
            ("U-06", "ftp://a.test", "x", "ftp://a.test/x"),
            ("U-06", "https://api.eu.a.test/v1", "x", "https://api.eu.a.test/v1/x"),
            ("U-06", "a.test/v1", "x", "a.test/v1/x"),
            ("K-18", "https://a.test", "https://b.test/x", "https://b.test/x"),
            ("K-18", "", "https://b.test/x", "https://b.test/x"),
            ("K-19", "https://a.test", "my://x", "https://a.test/my://x"),
        ] {
            assert_eq!(join_url(base, path), url, "{id}");
        }
    }

    #[test]
    fn sets_body_values_at_a_path() {
        let mut draft = Draft {
            method: Method::POST,
            url: Url::parse("https://a.test/x?k=1").unwrap(),
            params: vec![("p".into(), "a b".into())],
            headers: HeaderMap::new(),
            body: DraftBody::Json(serde_json::json!({"q": {"a": 1}})),
        };
        draft.set_body("q.page.cursor", "c".into()).unwrap();
        let blocked = draft.set_body("q.a.b", 1.into()).unwrap_err();
        assert_eq!(
            blocked, "`q.a.b` leads through `q.a` of the JSON body, which is no object",
            "Z-20"
        );
        let request = draft.finish();
        assert_eq!(request.url.as_str(), "https://a.test/x?k=1&p=a+b");
        assert_eq!(
            String::from_utf8(request.body.unwrap()).unwrap(),
            r#"{"q":{"a":1,"page":{"cursor":"c"}}}"#
        );
        assert_eq!(request.headers["content-type"], "application/json");
    }
}
