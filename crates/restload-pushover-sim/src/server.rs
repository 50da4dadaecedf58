//! The wire: accepting connections, reading requests, and sending answers whole, slowly, late or broken.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::TcpStream as StdTcpStream;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Sleep;

use crate::exchange::{Delivery, Exchange, Pace};
use crate::referee::MAX_CONNECTIONS;
use crate::request::Arrival;

/// More than any allowed request has, an attachment in base64 included.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// A slow body comes in this many pieces per second.
const PIECES_PER_SECOND: u64 = 20;
/// Long enough for what was just written or closed to take effect on the loopback interface.
const PAUSE: Duration = Duration::from_millis(2);

pub(crate) type Shared = Arc<Mutex<Exchange>>;

pub(crate) fn lock(shared: &Shared) -> MutexGuard<'_, Exchange> {
    // A panic under the lock has already failed the test; the log is still worth reading.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accepts connections until the task is aborted, which closes them all.
pub(crate) async fn accept(listener: TcpListener, shared: Shared) -> Infallible {
    let open_sockets = OpenSockets::default();
    let mut connections = JoinSet::new();
    loop {
        // A failure here is one of the connection, or a lack of file descriptors that the next try may not meet.
        let Ok((stream, socket)) = listener
            .accept()
            .await
            .and_then(|(stream, _)| with_second_handle(stream))
        else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let number = lock(&shared).referee.count_connection();
        let connection = OpenConnection::new(number, socket, &open_sockets);
        connections.spawn(serve(stream, connection, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
        if open_sockets.count() > MAX_CONNECTIONS {
            // One of them may have just been closed by this side.
            tokio::time::sleep(PAUSE).await;
            let count = open_sockets.count();
            lock(&shared).referee.judge_open_connections(count);
        }
    }
}

/// Every connection is held a second time, to ask the system whether the client has closed it. Otherwise a client
/// that closes one connection and opens another would be blamed when its end has not been read yet.
fn with_second_handle(stream: TcpStream) -> io::Result<(TcpStream, StdTcpStream)> {
    let stream = stream.into_std()?;
    let socket = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, socket))
}

/// The second handles of the open connections, by number.
#[derive(Clone, Default)]
struct OpenSockets(Arc<Mutex<HashMap<usize, StdTcpStream>>>);

impl OpenSockets {
    fn count(&self) -> usize {
        self.lock()
            .values()
            .filter(|socket| !is_closed_by_client(socket))
            .count()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<usize, StdTcpStream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_closed_by_client(socket: &StdTcpStream) -> bool {
    match socket.peek(&mut [0]) {
        Ok(count) => count == 0,
        Err(problem) => problem.kind() != io::ErrorKind::WouldBlock,
    }
}

/// Counts as open from the accept until it is dropped.
struct OpenConnection {
    number: usize,
    open_sockets: OpenSockets,
}

impl OpenConnection {
    fn new(number: usize, socket: StdTcpStream, open_sockets: &OpenSockets) -> Self {
        open_sockets.lock().insert(number, socket);
        Self {
            number,
            open_sockets: open_sockets.clone(),
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.open_sockets.lock().remove(&self.number);
    }
}

async fn serve(stream: TcpStream, connection: OpenConnection, shared: Shared) {
    // Small answers would otherwise wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| respond(request, connection.number, Arc::clone(&shared)));
    // The date would be the wall clock's. An error only means that the client left or a fault broke the connection.
    let _ = http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(request: Request<Incoming>, connection: usize, shared: Shared) -> io::Result<Response<PacedBody>> {
    let arrival = read(request, connection).await?;
    let delivery = lock(&shared).receive(&arrival);
    let unsent = Unsent {
        number: delivery.number,
        request: delivery.request,
        shared: &shared,
        is_sent: false,
    };
    if !delivery.delay.is_zero() {
        tokio::time::sleep(delivery.delay).await;
    }
    unsent.sent();
    response(delivery)
}

/// Records, when it is dropped unsent, that the client left before the answer.
struct Unsent<'a> {
    number: usize,
    request: u64,
    shared: &'a Shared,
    is_sent: bool,
}

impl Unsent<'_> {
    fn sent(mut self) {
        self.is_sent = true;
    }
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if !self.is_sent {
            lock(self.shared).record_unanswered(self.number, self.request);
        }
    }
}

async fn read(request: Request<Incoming>, connection: usize) -> io::Result<Arrival> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY_BYTES)
        .collect()
        .await
        .map_err(io::Error::other)?
        .to_bytes();
    let text = |name| {
        head.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    Ok(Arrival {
        connection,
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        content_type: text(header::CONTENT_TYPE),
        user_agent: text(header::USER_AGENT),
        accepts_gzip: text(header::ACCEPT_ENCODING).is_some_and(|value| value.contains("gzip")),
        body,
    })
}

/// An error closes the connection without an answer.
fn response(delivery: Delivery) -> io::Result<Response<PacedBody>> {
    let Some(answer) = delivery.answer else {
        return Err(io::Error::other("the connection is dropped as a fault"));
    };
    let mut response = Response::builder()
        .status(answer.status)
        .header(header::CONTENT_LENGTH, answer.body.len());
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response
        .body(PacedBody::new(answer.body, delivery.pace))
        .map_err(io::Error::other)
}

/// A body that comes in pieces with pauses between them, and may break off.
struct PacedBody {
    pieces: VecDeque<Bytes>,
    pause: Duration,
    breaks: bool,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl PacedBody {
    fn new(body: Vec<u8>, pace: Pace) -> Self {
        let body = Bytes::from(body);
        let (pieces, pause) = match pace {
            Pace::Whole => (VecDeque::from([body]), Duration::ZERO),
            // The pause lets the half go out before the connection breaks.
            Pace::Truncated => (VecDeque::from([body.slice(..body.len() / 2)]), PAUSE),
            Pace::BytesPerSecond(rate) => {
                let size = (rate / PIECES_PER_SECOND).max(1);
                let pieces = body.chunks(size as usize).map(|piece| body.slice_ref(piece)).collect();
                (
                    pieces,
                    Duration::from_secs(size) / u32::try_from(rate.max(1)).unwrap_or(u32::MAX),
                )
            }
        };
        let is_slow = matches!(pace, Pace::BytesPerSecond(_));
        let waiting = is_slow.then(|| Box::pin(tokio::time::sleep(pause)));
        Self {
            pieces,
            pause,
            breaks: pace == Pace::Truncated,
            waiting,
        }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(waiting) = &mut self.waiting {
            if waiting.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.waiting = None;
        }
        if let Some(piece) = self.pieces.pop_front() {
            if !self.pause.is_zero() {
                self.waiting = Some(Box::pin(tokio::time::sleep(self.pause)));
            }
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if self.breaks {
            return Poll::Ready(Some(Err(io::Error::other("the answer is truncated as a fault"))));
        }
        Poll::Ready(None)
    }
}
