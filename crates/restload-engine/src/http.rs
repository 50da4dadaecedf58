//! Requests over the wire, by reqwest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use restload_model::system_error;
use restload_replay::{Answered, Book, Recorder};
use restload_source::decoders::in_utf8;
use restload_source::plan::Limits;
use restload_source::request::{Request, Response};
use tokio::task::spawn_blocking;
use url::Url;

use crate::cookies::Jar;
use crate::exchanges::{self, Exchanges};
use crate::redirects::Way;
use crate::trust;

/// How restload introduces itself.
const USER_AGENT: &str = concat!("restload/", env!("CARGO_PKG_VERSION"));

/// What requests are sent by, with its limits.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    transport: Transport,
    timeout: Duration,
    max_response_bytes: u64,
    trusted_hosts: Vec<String>,
}

/// How a request is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sending<'j> {
    /// Redirects are followed, with the cookies of these answers and of those before.
    Page(&'j Jar),
    /// A redirect is an answer: the cookies of a login stand in it, and its body must not be sent on. It is made from
    /// nothing, because a server that knows the caller already may give no session.
    Login,
}

#[derive(Debug, Clone)]
enum Transport {
    /// A connection pool, and what writes down what comes.
    Wire(reqwest::Client, Option<Arc<Recorder>>),
    /// What was written down.
    Replay(Arc<Book>),
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransportError {
    /// It may go better another time.
    #[error("{0}")]
    Passing(String),
    /// It will not.
    #[error("{0}")]
    Final(String),
}

impl Http {
    /// A pool that keeps as many connections as may be in use.
    pub(crate) fn new(limits: &Limits, exchanges: &Exchanges) -> Result<Self, String> {
        let transport = match exchanges {
            Exchanges::Wire => Transport::Wire(client(limits)?, None),
            Exchanges::Recorded(recorder) => Transport::Wire(client(limits)?, Some(Arc::clone(recorder))),
            Exchanges::Replayed(replay) => Transport::Replay(Arc::clone(&replay.book)),
        };
        Ok(Self {
            transport,
            timeout: limits.timeout,
            max_response_bytes: limits.max_response_bytes,
            trusted_hosts: limits.trusted_hosts.clone(),
        })
    }

    /// The exchanges that requests are answered from, if they are not sent.
    pub(crate) fn book(&self) -> Option<&Book> {
        match &self.transport {
            Transport::Wire(..) => None,
            Transport::Replay(book) => Some(book),
        }
    }

    /// Whether a request must not be sent unless its answer is needed: what is recorded is what a replay asks for.
    pub(crate) fn is_exact(&self) -> bool {
        !matches!(&self.transport, Transport::Wire(_, None))
    }

    /// Writes down what came of a request, if that is wanted. What a login has given must be known to the redactor.
    pub(crate) async fn record(&self, request: &Request, sent: &Result<Response, TransportError>, answered: Answered) {
        let Transport::Wire(_, Some(recorder)) = &self.transport else {
            return;
        };
        let recorder = Arc::clone(recorder);
        let (asked, outcome) = (exchanges::asked(request), exchanges::outcome(request, sent));
        // Long bodies are compressed, and the disk may be slow. That it panics cannot be helped here: the exchange is then
        // missing from the recording, and a replay says so.
        let _ = spawn_blocking(move || recorder.record(&asked, &outcome, answered)).await;
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(&self, request: &Request, sending: Sending<'_>) -> Result<Response, TransportError> {
        let client = match &self.transport {
            Transport::Wire(client, _) => client,
            Transport::Replay(book) => {
                let (book, mut asked) = (Arc::clone(book), request.clone());
                sending.put_cookies(&mut asked);
                let answered = spawn_blocking(move || exchanges::answer(&book, &asked)).await;
                let response = answered.map_err(|error| TransportError::Final(error.to_string()))??;
                sending.take_cookies(&response.url, &response.headers);
                return self.within_size(response.body.len() as u64).map(|()| response);
            }
        };
        let started = Instant::now();
        let mut way = Way::new(request, &self.trusted_hosts);
        let mut answer = loop {
            let mut asked = way.request();
            sending.put_cookies(&mut asked);
            let mut builder = client.request(asked.method, asked.url.clone()).headers(asked.headers);
            if let Some(body) = asked.body {
                builder = builder.body(body);
            }
            // The time is for all redirects together.
            builder = builder.timeout(self.timeout.saturating_sub(started.elapsed()));
            let answer = builder.send().await.map_err(|error| explain(&error))?;
            sending.take_cookies(&asked.url, answer.headers());
            let is_followed = match sending {
                Sending::Page(_) => way.follow(answer.status(), answer.headers()),
                Sending::Login => Ok(false),
            };
            let too_many = |_| TransportError::Final("the redirects do not end: too many redirects".to_owned());
            if !is_followed.map_err(too_many)? {
                break answer;
            }
        };
        let headers = copied(&std::mem::take(answer.headers_mut()));
        let expected = answer.content_length().unwrap_or(0);
        let mut body = Vec::with_capacity(expected.min(self.max_response_bytes) as usize);
        while let Some(chunk) = answer.chunk().await.map_err(|error| explain(&error))? {
            self.within_size((body.len() + chunk.len()) as u64)?;
            body.extend_from_slice(&chunk);
        }
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(Response {
            url: answer.url().clone(),
            status: answer.status().as_u16(),
            body: in_utf8(body, content_type),
            headers,
        })
    }

    fn within_size(&self, bytes: u64) -> Result<(), TransportError> {
        if bytes <= self.max_response_bytes {
            return Ok(());
        }
        Err(TransportError::Final(format!(
            "the answer is larger than {} MiB (`client.max_response_mib`)",
            self.max_response_bytes >> 20
        )))
    }
}

impl Sending<'_> {
    fn put_cookies(self, request: &mut Request) {
        if let Self::Page(jar) = self {
            jar.put_on(request);
        }
    }

    fn take_cookies(self, url: &Url, headers: &HeaderMap) {
        if let Self::Page(jar) = self {
            jar.take(url, headers);
        }
    }
}

/// The same headers, in memory of their own: as they come they are parts of the buffer that the answer was read into, which
/// may be hundreds of KiB and would be kept as long as they are.
fn copied(headers: &HeaderMap) -> HeaderMap {
    let copy = |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone());
    headers
        .iter()
        .map(|(name, value)| (name.clone(), copy(value)))
        .collect()
}

fn client(limits: &Limits) -> Result<reqwest::Client, String> {
    let cannot = |error: &dyn std::error::Error| format!("the HTTP client cannot be set up: {}", chain(error));
    reqwest::Client::builder()
        .tls_backend_preconfigured(trust::tls().map_err(|error| cannot(&error))?)
        .user_agent(USER_AGENT)
        // Cookies are taken and put on at each step of the way, and reqwest does not know whose they are.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(limits.connect_timeout)
        .pool_max_idle_per_host(limits.concurrency)
        .pool_idle_timeout(Duration::from_mins(1))
        .tcp_nodelay(true)
        .build()
        .map_err(|error| cannot(&error))
}

fn explain(error: &reqwest::Error) -> TransportError {
    let cause = chain(error);
    let message = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() && cause.contains(trust::NO_AUTHORITIES) {
        return TransportError::Final(trust::NO_AUTHORITIES.to_owned());
    } else if error.is_connect() && cause.contains(trust::REFUSED) {
        return TransportError::Final(format!("no connection: {cause}"));
    } else if error.is_connect() {
        format!("no connection: {cause}")
    } else if error.is_builder() || error.is_request() && cause.contains("builder") {
        return TransportError::Final(format!("the request cannot be sent: {cause}"));
    } else if error.is_body() || error.is_decode() {
        format!("the answer broke off: {cause}")
    } else {
        format!("the connection failed: {cause}")
    };
    TransportError::Passing(message)
}

/// The causes of an error on one line, innermost last, without the address that reqwest repeats in each.
fn chain(error: &dyn std::error::Error) -> String {
    let mut innermost = error.to_string();
    let mut next = error.source();
    let mut said = Vec::new();
    while let Some(cause) = next {
        system_error::without_number(&cause.to_string()).clone_into(&mut innermost);
        // "client error (SendRequest)" says no more than that it is one; that it is about a connection is said already.
        let says_nothing = innermost.starts_with("client error (") || innermost == "tcp connect error";
        if !says_nothing && !said.contains(&innermost) {
            said.push(innermost.clone());
        }
        next = cause.source();
    }
    match said.as_slice() {
        [] => innermost,
        [.., last] if said.len() > 2 => last.clone(),
        several => several.join(": "),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::net::{TcpSocket, TcpStream};

    use super::*;

    fn limits() -> Limits {
        Limits {
            concurrency: 1,
            rate: None,
            max_attempts: 5,
            retry_statuses: Vec::new(),
            first_delay: Duration::ZERO,
            min_delay: Duration::ZERO,
            max_delay: Duration::ZERO,
            obeys_retry_after: true,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_millis(100),
            max_response_bytes: 100,
            trusted_hosts: Vec::new(),
        }
    }

    async fn sent_to(address: SocketAddr) -> Result<Response, TransportError> {
        let request = Request {
            method: reqwest::Method::GET,
            url: format!("http://{address}/").parse().unwrap(),
            headers: HeaderMap::new(),
            body: None,
            exchange: None,
        };
        let http = Http::new(&limits(), &Exchanges::Wire).unwrap();
        http.send(&request, Sending::Login).await
    }

    /// Why a request to this address may go better another time.
    async fn passing_reason(address: SocketAddr) -> String {
        let sent = sent_to(address).await;
        let Err(TransportError::Passing(reason)) = sent else {
            panic!("{sent:?}");
        };
        reason
    }

    /// T-07, of which the scenario `retry-what-breaks-off` has the rest: what may go better another time.
    #[tokio::test]
    async fn a_connection_that_does_not_come_in_time_is_tried_again() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        // Nobody accepts, and once so many wait, the system answers no more.
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(connected) = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
            waiting.push(connected.unwrap());
        }
        let reason = passing_reason(address).await;
        assert_eq!(reason, "no answer in time");
    }

    /// A server that gives one answer, in these bytes, and leaves.
    async fn answering(answer: Vec<u8>) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, &answer).await.unwrap();
        });
        address
    }

    /// Z-12: what comes in UTF-16, or in what is named, is read.
    #[tokio::test]
    async fn an_answer_is_had_in_utf_8() {
        let latin_1 =
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/json; charset=latin1\r\n\r\n[\"\xe9\"]";
        let response = sent_to(answering(latin_1.to_vec()).await).await.unwrap();
        assert_eq!(response.body, "[\"é\"]".as_bytes());
        let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
        answer.extend("\u{feff}[\"é\"]".encode_utf16().flat_map(u16::to_le_bytes));
        let response = sent_to(answering(answer).await).await.unwrap();
        assert_eq!(response.body, "\u{feff}[\"é\"]".as_bytes());
    }

    #[test]
    fn headers_are_had_in_memory_of_their_own() {
        let mut headers = HeaderMap::new();
        for value in ["<a>; rel=next", "<b>; rel=last"] {
            headers.append("link", HeaderValue::from_static(value));
        }
        let copies = copied(&headers);
        assert_eq!(copies, headers);
        let places = |headers: &HeaderMap| -> Vec<*const u8> {
            headers.values().map(|value| value.as_bytes().as_ptr()).collect()
        };
        assert!(places(&copies).iter().all(|place| !places(&headers).contains(place)));
    }

    /// T-07: a chunk that is announced and does not come to its end.
    #[tokio::test]
    async fn an_answer_that_breaks_off_is_tried_again() {
        let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n[";
        let reason = passing_reason(answering(answer.to_vec()).await).await;
        assert!(reason.starts_with("the answer broke off"), "{reason}");
    }
}
