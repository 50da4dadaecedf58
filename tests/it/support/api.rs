//! A little HTTP server for tests: it answers by a function, remembers what was asked, and holds requests until told.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// How long a test waits for something that must come. Only a broken product is that late.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An answer: its status, its content type, one more header if it has one, and its body.
pub(crate) struct Answer {
    status: u16,
    content_type: &'static str,
    header: Option<(&'static str, String)>,
    body: String,
}

impl Answer {
    pub(crate) fn json(body: impl std::fmt::Display) -> Self {
        Self {
            status: 200,
            content_type: "application/json",
            header: None,
            body: body.to_string(),
        }
    }

    pub(crate) fn html(status: u16, body: &str) -> Self {
        Self {
            status,
            content_type: "text/html",
            header: None,
            body: body.to_owned(),
        }
    }

    pub(crate) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn header(self, name: &'static str, value: String) -> Self {
        Self {
            header: Some((name, value)),
            ..self
        }
    }
}

/// A server on the loopback interface. It serves until the test process ends.
pub(crate) struct Api {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query, as they went over the wire.
    pub(crate) target: String,
    /// Names in small letters.
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// The parameters of the query, decoded, in their order.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// A header, by its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name)?;
        Some(&found.1)
    }
}

type Handler = Box<dyn Fn(&Request) -> Answer + Send + Sync>;

struct Shared {
    answer: Handler,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Every request since the last [`Api::forget`].
    asked: Vec<Request>,
    /// Requests are held from this one on, counted from 1.
    hold_from: Option<usize>,
    held: usize,
    /// Counts the calls of [`Api::forget`], each of which lets go of what is held.
    epoch: usize,
}

impl Api {
    /// `answer` gets the path with the query.
    pub(crate) fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::with_requests(move |request| answer(&request.target))
    }

    /// `answer` gets the path with the query, and the body.
    pub(crate) fn with_bodies(answer: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> Self {
        Self::with_requests(move |request| answer(&request.target, &request.body))
    }

    pub(crate) fn with_requests(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                // A client that is killed breaks its connection; that is what these tests are about.
                std::thread::spawn(move || shared.serve(&stream).unwrap_or_default());
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked since the last [`forget`](Self::forget), path and query.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.target).collect()
    }

    /// The same, in full.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.state().asked.clone()
    }

    /// Forgets what was asked and holds nothing any more. Requests that are held are answered.
    pub(crate) fn forget(&self) {
        let mut state = self.shared.state();
        let epoch = state.epoch + 1;
        *state = State {
            epoch,
            ..State::default()
        };
        drop(state);
        self.shared.changed.notify_all();
    }

    /// From the `number`th request on (counted from 1 since the last [`forget`](Self::forget)), none is answered.
    pub(crate) fn hold_from(&self, number: usize) {
        self.shared.state().hold_from = Some(number);
    }

    /// Waits until a request is held, or `is_over` says that none will come.
    pub(crate) fn wait_until_held(&self, mut is_over: impl FnMut() -> bool) -> bool {
        let mut state = self.shared.state();
        for _ in 0..PATIENCE.as_millis() / 20 {
            if state.held > 0 {
                return true;
            }
            if is_over() {
                return false;
            }
            let (next, _) = self
                .shared
                .changed
                .wait_timeout(state, Duration::from_millis(20))
                .unwrap();
            state = next;
        }
        panic!("no request came that could be held; asked so far: {:?}", state.asked);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(request) = read_request(&mut reader)? {
            self.admit(&request);
            let answer = (self.answer)(&request);
            let mut head = format!("HTTP/1.1 {} Status\r\n", answer.status);
            let _ = write!(
                head,
                "content-type: {}\r\ncontent-length: {}\r\n",
                answer.content_type,
                answer.body.len()
            );
            if let Some((name, value)) = &answer.header {
                let _ = write!(head, "{name}: {value}\r\n");
            }
            head.push_str("\r\n");
            let mut writer = stream;
            writer.write_all(head.as_bytes())?;
            writer.write_all(answer.body.as_bytes())?;
        }
        Ok(())
    }

    /// Remembers a request, and returns when it may be answered.
    fn admit(&self, request: &Request) {
        let mut state = self.state();
        state.asked.push(request.clone());
        if state.hold_from.is_none_or(|first| state.asked.len() < first) {
            return;
        }
        state.held += 1;
        self.changed.notify_all();
        let epoch = state.epoch;
        let _freed = self.changed.wait_while(state, |state| state.epoch == epoch).unwrap();
    }
}

/// Reads a request to its end. `None` when the client has left.
fn read_request(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, length)| length.parse().unwrap());
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    Ok(Some(Request {
        method,
        target,
        headers,
        body,
    }))
}
