//! Fetching and parsing: the same for every limit program that follows cursors.

use std::borrow::Cow;

use hyper::body::Bytes;
use reqwest::Client;
use serde::Deserialize;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;

use crate::error::{BenchError, During as _};

/// Encoded pages that may wait for the writer.
const PAGES_IN_FLIGHT: usize = 4;

/// A text that lies in the page unless it holds escapes. (serde borrows a `Cow` only when a field says so, and not
/// inside an `Option`.)
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A page of known records.
#[derive(Deserialize)]
struct Page<R> {
    data: Vec<R>,
    next: Option<String>,
}

/// How the records of a resource become what the writer writes.
pub(super) trait Encoder: Send + 'static {
    type Record<'a>: Deserialize<'a>;
    type Batch: Send + 'static;
    fn encode(&self, records: &[Self::Record<'_>]) -> Result<Self::Batch, BenchError>;
}

/// The pages of a resource as they come out of the task that fetches, parses and encodes them.
pub(super) struct EncodedPages<B> {
    batches: Receiver<B>,
    task: JoinHandle<Result<(), BenchError>>,
}

impl<B: Send + 'static> EncodedPages<B> {
    /// Starts the task.
    pub(super) fn of<E: Encoder<Batch = B> + Sync>(
        base_url: &str,
        resource: &str,
        encoder: E,
    ) -> Result<Self, BenchError> {
        let client = client()?;
        let url = format!("{base_url}/{resource}");
        let (sender, batches) = channel(PAGES_IN_FLIGHT);
        let task = tokio::spawn(async move {
            let mut coming = Some(start(&client, url.clone()));
            while let Some(fetching) = coming {
                let body = fetching.await.during("a fetch broke off")??;
                let batch;
                (batch, coming) = parse(&body, &encoder, |cursor| {
                    start(&client, format!("{url}?cursor={cursor}"))
                })?;
                // The writer ends early only on an error, which it reports itself.
                if sender.send(batch).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
        Ok(Self { batches, task })
    }

    pub(super) async fn next(&mut self) -> Option<B> {
        self.batches.recv().await
    }

    /// Fails when the pages ended because of an error.
    pub(super) async fn finish(self) -> Result<(), BenchError> {
        self.task.await.during("fetching broke off")?
    }
}

type Fetching = JoinHandle<Result<Bytes, BenchError>>;

/// The next fetch is started before the records are encoded.
fn parse<E: Encoder>(
    body: &[u8],
    encoder: &E,
    fetch_next: impl FnOnce(&str) -> Fetching,
) -> Result<(E::Batch, Option<Fetching>), BenchError> {
    let page: Page<E::Record<'_>> = sonic_rs::from_slice(body).during("could not parse a page")?;
    let coming = page.next.as_deref().map(fetch_next);
    Ok((encoder.encode(&page.data)?, coming))
}

fn start(client: &Client, url: String) -> Fetching {
    tokio::spawn(get(client.clone(), url))
}

pub(super) async fn get(client: Client, url: String) -> Result<Bytes, BenchError> {
    let response = client.get(url).send().await.during("could not send a request")?;
    let response = response.error_for_status().during("the server refused a request")?;
    response.bytes().await.during("could not read a response")
}

pub(super) fn client() -> Result<Client, BenchError> {
    // reqwest insists on a provider even where nothing is encrypted. An error means that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .during("could not make an HTTP client")
}
