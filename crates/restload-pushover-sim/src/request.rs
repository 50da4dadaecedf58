//! Reading a request: the query first, then the body's fields on top of it.

use hyper::body::Bytes;
use serde_json::Value;

use crate::ids::fingerprint;

/// A request as it came off the wire.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) connection: usize,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) content_type: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) accepts_gzip: bool,
    pub(crate) body: Bytes,
}

/// A request with its parameters read.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) query_fields: Vec<(String, String)>,
    pub(crate) body_fields: Vec<(String, String)>,
    /// Size of a multipart attachment, which is not kept.
    pub(crate) attachment_bytes: Option<usize>,
    pub(crate) body_is_readable: bool,
    pub(crate) user_agent: Option<String>,
    pub(crate) accepts_gzip: bool,
}

const CREDENTIAL_NAMES: [&str; 3] = ["token", "secret", "password"];

impl Request {
    pub(crate) fn read(arrival: &Arrival) -> Self {
        let body = read_body(arrival.content_type.as_deref().unwrap_or_default(), &arrival.body);
        let body_is_readable = body.is_some();
        let body = body.unwrap_or_default();
        Self {
            method: arrival.method.clone(),
            path: arrival.path.clone(),
            query: arrival.query.clone(),
            query_fields: read_form(arrival.query.as_bytes()),
            body_fields: body.fields,
            attachment_bytes: body.attachment_bytes,
            body_is_readable,
            user_agent: arrival.user_agent.clone(),
            accepts_gzip: arrival.accepts_gzip,
        }
    }

    /// The parameter's value, the body's before the query's; `None` when absent.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let last = |fields: &'_ [(String, String)]| fields.iter().rposition(|(key, _)| key == name);
        if let Some(index) = last(&self.body_fields) {
            return Some(&self.body_fields[index].1);
        }
        last(&self.query_fields).map(|index| self.query_fields[index].1.as_str())
    }

    /// The parameter's value, unless it is absent or blank.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.parameter(name).filter(|value| !value.trim().is_empty())
    }

    pub(crate) fn has_in_query(&self, names: &[&str]) -> bool {
        self.query_fields.iter().any(|(key, _)| names.contains(&key.as_str()))
    }

    /// Two requests with the same fingerprint are the same request, whatever the order of their parameters.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut fields: Vec<&(String, String)> = self.query_fields.iter().chain(&self.body_fields).collect();
        fields.sort();
        let mut parts = vec![self.method.as_bytes(), self.path.as_bytes()];
        for (name, value) in fields {
            parts.push(name.as_bytes());
            parts.push(value.as_bytes());
        }
        fingerprint(&parts)
    }

    pub(crate) fn secret_hashes(&self) -> Vec<(String, u64)> {
        let fields = self.query_fields.iter().chain(&self.body_fields);
        let credentials = fields.filter(|(name, _)| CREDENTIAL_NAMES.contains(&name.as_str()));
        credentials
            .map(|(name, value)| (name.clone(), fingerprint(&[value.as_bytes()])))
            .collect()
    }
}

#[derive(Debug, Default)]
struct Body {
    fields: Vec<(String, String)>,
    attachment_bytes: Option<usize>,
}

/// Reads the body by its content type; `None` when it cannot be read.
fn read_body(content_type: &str, bytes: &[u8]) -> Option<Body> {
    let (media_type, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let media_type = media_type.trim().to_ascii_lowercase();
    if bytes.is_empty() {
        return Some(Body::default());
    }
    match media_type.as_str() {
        "application/json" => read_json(bytes),
        "application/xml" | "text/xml" => None,
        "multipart/form-data" => read_multipart(boundary(parameters)?, bytes),
        // Anything else is taken for a form, as many clients forget to name the type.
        _ => Some(Body {
            fields: read_form(bytes),
            attachment_bytes: None,
        }),
    }
}

fn read_form(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).into_owned().collect()
}

fn read_json(bytes: &[u8]) -> Option<Body> {
    let Ok(Value::Object(object)) = serde_json::from_slice(bytes) else {
        return None;
    };
    let mut body = Body::default();
    for (name, value) in object {
        match value {
            Value::Null => {}
            Value::String(text) => body.fields.push((name, text)),
            other => body.fields.push((name, other.to_string())),
        }
    }
    Some(body)
}

fn boundary(parameters: &str) -> Option<&str> {
    let mut named = parameters
        .split(';')
        .filter_map(|parameter| parameter.trim().split_once('='));
    let (_, value) = named.find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    Some(value.trim_matches('"'))
}

fn read_multipart(boundary: &str, bytes: &[u8]) -> Option<Body> {
    let delimiter = format!("--{boundary}");
    let mut body = Body::default();
    let mut position = find(bytes, delimiter.as_bytes())? + delimiter.len();
    loop {
        let rest = &bytes[position..];
        if rest.starts_with(b"--") {
            return Some(body);
        }
        let length = find(rest, format!("\r\n{delimiter}").as_bytes())?;
        let part = rest[..length].strip_prefix(b"\r\n")?;
        let header_length = find(part, b"\r\n\r\n")?;
        let headers = String::from_utf8_lossy(&part[..header_length]);
        let content = &part[header_length + 4..];
        let name = part_name(&headers)?;
        if name == "attachment" {
            body.attachment_bytes = Some(content.len());
        } else {
            body.fields.push((name, String::from_utf8_lossy(content).into_owned()));
        }
        position += length + 2 + delimiter.len();
    }
}

fn part_name(headers: &str) -> Option<String> {
    let disposition = headers
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    for parameter in disposition.split(';') {
        if let Some(name) = parameter.trim().strip_prefix("name=") {
            return Some(name.trim_matches('"').to_owned());
        }
    }
    None
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: &str, body: &str) -> Option<Vec<(String, String)>> {
        read_body(content_type, body.as_bytes()).map(|body| body.fields)
    }

    #[test]
    fn bodies_are_read_by_their_content_type() {
        let fields = |pairs: &[(&str, &str)]| {
            Some(
                pairs
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect::<Vec<_>>(),
            )
        };
        let multipart = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n2\r\n--x\r\n\
                         Content-Disposition: form-data; name=\"b\"\r\n\r\n\r\n--x--\r\n";
        let cases = [
            (
                "application/x-www-form-urlencoded",
                "a=1+2&b=%26",
                fields(&[("a", "1 2"), ("b", "&")]),
            ),
            (
                "application/json; charset=utf-8",
                r#"{"a":1,"b":true,"c":null}"#,
                fields(&[("a", "1"), ("b", "true")]),
            ),
            (
                "multipart/form-data; boundary=\"x\"",
                multipart,
                fields(&[("a", "1\r\n2"), ("b", "")]),
            ),
            ("", "", fields(&[])),
            ("application/json", "[1]", None),
            ("application/json", "{", None),
            ("text/xml", "<a/>", None),
            ("multipart/form-data", multipart, None),
        ];
        for (content_type, body, expected) in cases {
            assert_eq!(read(content_type, body), expected, "{content_type}: {body}");
        }
    }
}
