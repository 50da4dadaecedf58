//! The API on the loopback interface that both sides load from: HTTP/1.1 with keep-alive, answers rendered beforehand.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::error::{BenchError, During as _};
use crate::pages::{CursorPages, FamilyPages, OffsetPages};

/// What the server offers, and how slowly.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct SiteOptions {
    /// The data to serve.
    pub(crate) site: SiteKind,
    /// Records of the first resource: of `flat`, `nested`, `offset`, or parents.
    #[arg(long)]
    pub(crate) records: usize,
    /// Milliseconds that every answer waits.
    #[arg(long, default_value_t = 0)]
    pub(crate) latency_ms: u64,
}

/// The resources of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SiteKind {
    /// `GET /flat?cursor=`: 12 columns, pages of 1,000.
    Flat,
    /// `GET /nested?cursor=`: two objects and a list of three, pages of 500.
    Nested,
    /// `GET /parents` and `GET /parents/{id}/children`.
    Family,
    /// `GET /offset?offset=&limit=100`: flat records and their total.
    Offset,
}

struct Site {
    content: Content,
    latency: Duration,
}

enum Content {
    Flat(CursorPages),
    Nested(CursorPages),
    Family(FamilyPages),
    Offset(OffsetPages),
}

impl Site {
    fn new(options: SiteOptions) -> Self {
        let content = match options.site {
            SiteKind::Flat => Content::Flat(CursorPages::flat(options.records)),
            SiteKind::Nested => Content::Nested(CursorPages::nested(options.records)),
            SiteKind::Family => Content::Family(FamilyPages::new(options.records)),
            SiteKind::Offset => Content::Offset(OffsetPages::new(options.records)),
        };
        Self {
            content,
            latency: Duration::from_millis(options.latency_ms),
        }
    }

    fn body(&self, path: &str, query: &str) -> Option<Bytes> {
        match (&self.content, path) {
            (Content::Flat(pages), "/flat") | (Content::Nested(pages), "/nested") => {
                pages.body(parameter(query, "cursor").as_deref())
            }
            (Content::Offset(pages), "/offset") => pages.body(parameter(query, "offset").as_deref()),
            (Content::Family(pages), "/parents") => Some(pages.parents()),
            (Content::Family(pages), path) => {
                pages.children(path.strip_prefix("/parents/")?.strip_suffix("/children")?)
            }
            _ => None,
        }
    }
}

/// Serves until the standard input ends, so that a server never outlives the driver that started it.
pub(crate) async fn serve(options: SiteOptions, announce: impl FnOnce(&str)) -> Result<(), BenchError> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .during("could not listen on the loopback interface")?;
    let address = listener.local_addr().during("could not read the server's address")?;
    let site = Arc::new(Site::new(options));
    announce(&format!("http://{address}"));
    tokio::select! {
        result = accept(listener, site) => result,
        _ = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())) => Ok(()),
    }
}

async fn accept(listener: TcpListener, site: Arc<Site>) -> Result<(), BenchError> {
    loop {
        let (stream, _) = listener.accept().await.during("could not accept a connection")?;
        tokio::spawn(serve_connection(stream, Arc::clone(&site)));
    }
}

async fn serve_connection(stream: TcpStream, site: Arc<Site>) {
    // Small answers would otherwise wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| respond(request, Arc::clone(&site)));
    // An error only means that the client left.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(request: Request<Incoming>, site: Arc<Site>) -> Result<Response<Full<Bytes>>, Infallible> {
    let uri = request.uri();
    let body = site.body(uri.path(), uri.query().unwrap_or_default());
    if !site.latency.is_zero() {
        tokio::time::sleep(site.latency).await;
    }
    let (status, body) = match body {
        Some(body) => (StatusCode::OK, body),
        None => (
            StatusCode::NOT_FOUND,
            Bytes::from_static(br#"{"error":"no such page"}"#),
        ),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

fn parameter(query: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(site: SiteKind, records: usize) -> Site {
        Site::new(SiteOptions {
            site,
            records,
            latency_ms: 0,
        })
    }

    #[test]
    fn paths_lead_to_the_pages_of_their_own_site_only() {
        let flat = site(SiteKind::Flat, 1_500);
        assert!(flat.body("/flat", "").is_some());
        assert_ne!(flat.body("/flat", "limit=5&cursor=1"), flat.body("/flat", ""));
        assert!(flat.body("/nested", "").is_none());
        let family = site(SiteKind::Family, 3);
        assert!(family.body("/parents", "").is_some());
        assert!(family.body("/parents/1000002/children", "").is_some());
        assert!(family.body("/parents/1000003/children", "").is_none());
        assert!(family.body("/parents/1000002", "").is_none());
        assert!(
            site(SiteKind::Offset, 300)
                .body("/offset", "offset=200&limit=100")
                .is_some()
        );
    }
}
