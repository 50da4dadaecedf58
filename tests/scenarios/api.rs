//! An HTTP server on the loopback interface that answers by a script, and says what was not as the script has it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::script::Exchange;

/// The server; it ends with the test.
pub(crate) struct Api {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// What is still expected, by request line, and what went wrong.
#[derive(Debug, Default)]
struct State {
    expected: BTreeMap<String, VecDeque<Exchange>>,
    problems: Vec<String>,
    port: u16,
}

/// A request as it came.
#[derive(Debug)]
struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Api {
    pub(crate) fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State {
            port: address.port(),
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        // Detached: it waits for connections until the test process ends.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(&connection, &state));
            }
        });
        Ok(Self { address, state })
    }

    /// The address that `{{API}}` stands for.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same server by the name of another host, which `{{OTHER}}` stands for.
    pub(crate) fn other_url(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    /// Fills in the addresses.
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("{{API}}", &self.url())
            .replace("{{OTHER}}", &self.other_url())
    }

    /// Expects these exchanges from now on.
    pub(crate) fn expect(&self, exchanges: &[Exchange]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for exchange in exchanges {
            let mut exchange = exchange.clone();
            exchange.text = exchange.text.as_deref().map(|text| self.fill(text));
            if let Some(json) = &exchange.json {
                exchange.text = Some(self.fill(&json.to_string()));
            }
            for value in exchange.headers.values_mut() {
                *value = self.fill(value);
            }
            let line = exchange.request.clone();
            for _ in 0..exchange.times.unwrap_or(1) {
                state
                    .expected
                    .entry(line.clone())
                    .or_default()
                    .push_back(exchange.clone());
            }
        }
    }

    /// What went wrong since the last call, the requests that never came included.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut problems = std::mem::take(&mut state.problems);
        for (line, missing) in std::mem::take(&mut state.expected) {
            if !missing.is_empty() {
                problems.push(format!("expected {} more of: {line}", missing.len()));
            }
        }
        problems
    }
}

/// Answers the requests of one connection.
fn serve(connection: &TcpStream, state: &Mutex<State>) {
    let _ = connection.set_nodelay(true);
    let mut reader = BufReader::new(connection);
    while let Some(request) = read_request(&mut reader) {
        let answer = state.lock().unwrap_or_else(PoisonError::into_inner).answer(&request);
        let Some(answer) = answer else { return };
        let mut connection = connection;
        if connection.write_all(&answer).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|count| *count > 0)?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, length)| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Request { line, headers, body })
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }
}

impl State {
    /// The bytes to answer with, which may be no bytes at all; none to close the connection.
    fn answer(&mut self, request: &Request) -> Option<Vec<u8>> {
        // The other host's requests are told apart by `{{OTHER}}` in the expectation.
        let is_other = request.header("host") == Some(format!("localhost:{}", self.port).as_str());
        let line = match request.line.split_once(' ') {
            Some((method, target)) if is_other => format!("{method} {{{{OTHER}}}}{target}"),
            _ => request.line.clone(),
        };
        // Requests that differ in their body or headers only may come in any order.
        let next = self.expected.get_mut(&line).and_then(|waiting| {
            let place = waiting
                .iter()
                .position(|exchange| compare(exchange, request).is_empty());
            waiting.remove(place.unwrap_or(0))
        });
        let Some(exchange) = next else {
            self.problems.push(format!("unexpected request: {line}"));
            return Some(response(400, &BTreeMap::new(), b"unexpected request"));
        };
        self.problems.extend(
            compare(&exchange, request)
                .into_iter()
                .map(|problem| format!("{line}: {problem}")),
        );
        if exchange.close {
            return None;
        }
        if exchange.silent {
            return Some(Vec::new());
        }
        let mut headers = exchange.headers;
        let mut body = exchange.text.unwrap_or_default().into_bytes();
        if !headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
            headers.insert("content-type".to_owned(), "application/json".to_owned());
        }
        if exchange.gzip {
            body = gzip(&body);
            headers.insert("content-encoding".to_owned(), "gzip".to_owned());
        }
        Some(response(exchange.status.unwrap_or(200), &headers, &body))
    }
}

/// How a request differs from what is expected.
fn compare(exchange: &Exchange, request: &Request) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, expected) in &exchange.request_headers {
        let found = request.header(name);
        if found != Some(expected.as_str()) {
            problems.push(format!("header {name} is {found:?}, not {expected:?}"));
        }
    }
    for name in &exchange.absent_headers {
        if let Some(found) = request.header(name) {
            problems.push(format!("header {name} is there: {found:?}"));
        }
    }
    let body = String::from_utf8_lossy(&request.body);
    match &exchange.request_body {
        None => {}
        Some(Value::String(expected)) if *expected == body => {}
        Some(expected @ (Value::Object(_) | Value::Array(_)))
            if serde_json::from_str::<Value>(&body).is_ok_and(|body| body == *expected) => {}
        Some(expected) => problems.push(format!("the body is {body}, not {expected}")),
    }
    problems
}

fn response(status: u16, headers: &BTreeMap<String, String>, body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}
