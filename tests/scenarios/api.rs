//! An HTTP server on the loopback interface that answers by a script, and says what was not as the script has it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use restload_replay::{Asked, Book, Exchange, Kept, Places, Run, Texts};

/// The server; it ends with the test.
pub(crate) struct Api {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// What is still expected, and what went wrong.
#[derive(Debug, Default)]
struct State {
    book: Option<Book>,
    /// Where the files of the script are.
    folder: PathBuf,
    problems: Vec<String>,
}

impl Api {
    pub(crate) fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::default()));
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

    /// The addresses as scripts name them.
    pub(crate) fn places(&self) -> Places {
        Places {
            api: self.url(),
            other: self.other_url(),
        }
    }

    /// Fills in the addresses.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.places().fill(text)
    }

    /// Expects the exchanges of a run from now on.
    pub(crate) fn expect(&self, run: &Run, kept: &Arc<Kept>) -> Result<(), String> {
        let book = Book::new(run, kept, false, self.places(), Arc::new(str::to_owned));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.book = Some(book.map_err(|error| error.to_string())?);
        state.folder.clone_from(&kept.folder);
        Ok(())
    }

    /// What went wrong since the last call, the requests that never came included.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut problems = std::mem::take(&mut state.problems);
        if let Some(book) = state.book.take() {
            problems.extend(book.problems());
            let left = book.left().into_iter();
            problems.extend(left.map(|(count, line)| format!("expected {count} more of: {line}")));
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

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Asked> {
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
    let value = |wanted: &str| {
        let found = headers.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    };
    let length = value("content-length").and_then(|length| length.parse().ok());
    // The other host is told apart by its name.
    let host = value("host").unwrap_or_default();
    let (method, target) = line.trim_end().trim_end_matches(" HTTP/1.1").split_once(' ')?;
    let (method, url) = (method.to_owned(), format!("http://{host}{target}"));
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Asked {
        method,
        url,
        headers,
        body,
    })
}

impl State {
    /// The bytes to answer with, which may be no bytes at all; none to close the connection.
    fn answer(&mut self, asked: &Asked) -> Option<Vec<u8>> {
        let found = self.book.as_ref().map(|book| book.find(asked));
        let exchange = match found {
            Some(Ok(exchange)) => exchange,
            Some(Err(unexpected)) => {
                self.problems
                    .push(format!("unexpected request: {}: {unexpected}", asked.line()));
                return Some(response(400, &BTreeMap::new(), b"unexpected request"));
            }
            None => {
                self.problems.push(format!("no request was expected: {}", asked.line()));
                return Some(response(400, &BTreeMap::new(), b"unexpected request"));
            }
        };
        if exchange.close || exchange.failure.is_some() {
            return None;
        }
        if exchange.silent {
            return Some(Vec::new());
        }
        Some(answer(exchange, &self.folder))
    }
}

fn answer(exchange: Exchange, folder: &Path) -> Vec<u8> {
    let mut body = exchange.body(folder).expect("the script's files can be read");
    let mut headers = exchange.headers;
    let one = |text: &str| Texts::One(text.to_owned());
    if !headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
        headers.insert("content-type".to_owned(), one("application/json"));
    }
    if exchange.gzip {
        body = gzip(&body);
        headers.insert("content-encoding".to_owned(), one("gzip"));
    }
    response(exchange.status.unwrap_or(200), &headers, &body)
}

fn response(status: u16, headers: &BTreeMap<String, Texts>, body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n", body.len());
    for (name, values) in headers {
        for value in values.iter() {
            let _ = write!(head, "{name}: {value}\r\n");
        }
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
