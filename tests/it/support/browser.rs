//! What a browser sends and gets, on one connection per request.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

use super::api::PATIENCE;

/// An answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    /// The head's lines, as they came.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Page {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        self
    }

    #[track_caller]
    pub(crate) fn has(&self, part: &str) -> &Self {
        assert!(self.body.contains(part), "no `{part}` in:\n{}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn lacks(&self, part: &str) -> &Self {
        assert!(!self.body.contains(part), "`{part}` is in:\n{}", self.body);
        self
    }

    /// The addresses of the links whose address, name or text holds this.
    pub(crate) fn links(&self, part: &str) -> Vec<String> {
        let links = self.body.split("<a href=\"").skip(1);
        links
            .filter(|link| link.split("</a>").next().unwrap().contains(part))
            .map(|link| link.split('"').next().unwrap().replace("&amp;", "&"))
            .collect()
    }

    #[track_caller]
    pub(crate) fn link(&self, part: &str) -> String {
        let links = self.links(part);
        links
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("no link `{part}` in:\n{}", self.body))
    }
}

/// Sends one request; a `host` among the headers takes the place of the true one.
pub(crate) fn send(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Page {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        let _ = write!(request, "host: {address}\r\n");
    }
    for (name, value) in headers {
        let _ = write!(request, "{name}: {value}\r\n");
    }
    if !body.is_empty() {
        let _ = write!(
            request,
            "content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n",
            body.len()
        );
    }
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Page {
        status,
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

/// A form's value.
pub(crate) fn form_value(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
