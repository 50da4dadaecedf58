//! A client that is one connection and shows everything: no redirects, no retries, no pool.

use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use restload_pushover_sim::{Builder, Running, Simulator};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body; null when it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// One connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<hyper::Result<()>>,
}

impl Connection {
    pub(crate) async fn open(simulator: &Running) -> Self {
        let stream = TcpStream::connect(simulator.address()).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        Self {
            sender,
            task: tokio::spawn(connection),
        }
    }

    /// Returns when the socket is closed; dropping the connection closes it a little later.
    pub(crate) async fn close(self) {
        drop(self.sender);
        let _ = self.task.await;
    }

    pub(crate) async fn get(&mut self, path_and_query: &str) -> Answer {
        self.try_get(path_and_query).await.unwrap()
    }

    pub(crate) async fn try_get(&mut self, path_and_query: &str) -> hyper::Result<Answer> {
        self.send("GET", path_and_query, &[], "").await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &str) -> Answer {
        self.try_post(path, form).await.unwrap()
    }

    pub(crate) async fn try_post(&mut self, path: &str, form: &str) -> hyper::Result<Answer> {
        self.send(
            "POST",
            path,
            &[("content-type", "application/x-www-form-urlencoded")],
            form,
        )
        .await
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path_and_query: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> hyper::Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(path_and_query)
            .header("host", "127.0.0.1");
        if !headers.iter().any(|(name, _)| *name == "user-agent") {
            request = request.header("user-agent", "restload-tests");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        let bytes = body.collect().await?.to_bytes();
        Ok(Answer {
            status: StatusCode::as_u16(&head.status),
            headers: head.headers,
            bytes,
        })
    }
}

/// Starts a simulator with default settings and one connection to it.
pub(crate) async fn start() -> (Running, Connection) {
    start_with(|builder| builder).await
}

pub(crate) async fn start_with(settings: impl FnOnce(Builder) -> Builder) -> (Running, Connection) {
    let simulator = settings(Simulator::builder()).start().await.unwrap();
    let connection = Connection::open(&simulator).await;
    (simulator, connection)
}
