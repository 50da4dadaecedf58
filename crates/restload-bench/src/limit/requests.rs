//! Requests alone: what latency and concurrency leave as the least possible time.

use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::fetch::{client, get};
use crate::error::{BenchError, During as _};
use crate::pages::OFFSET_PAGE_RECORDS;

/// Requests at a time for children; the workload's config says the same.
pub(crate) const FAMILY_CONCURRENCY: usize = 32;
/// Requests at a time for offset pages; the workload's config says the same.
pub(crate) const OFFSET_CONCURRENCY: usize = 8;

#[derive(Deserialize)]
struct Parents {
    data: Vec<Parent>,
}

#[derive(Deserialize)]
struct Parent {
    id: u64,
}

#[derive(Deserialize)]
struct Counted {
    total: usize,
}

/// All parents in one request, then the children of each.
pub(super) async fn family(base_url: &str) -> Result<(), BenchError> {
    let client = client()?;
    let body = get(client.clone(), format!("{base_url}/parents")).await?;
    let parents: Parents = sonic_rs::from_slice(&body).during("could not parse the parents")?;
    let urls = parents
        .data
        .iter()
        .map(|parent| format!("{base_url}/parents/{}/children", parent.id));
    get_all(&client, urls, FAMILY_CONCURRENCY).await
}

/// The first page tells the total, then all others.
pub(super) async fn offset(base_url: &str) -> Result<(), BenchError> {
    let client = client()?;
    let page = |offset: usize| format!("{base_url}/offset?offset={offset}&limit={OFFSET_PAGE_RECORDS}");
    let body = get(client.clone(), page(0)).await?;
    let counted: Counted = sonic_rs::from_slice(&body).during("could not parse the first page")?;
    let offsets = (OFFSET_PAGE_RECORDS..counted.total).step_by(OFFSET_PAGE_RECORDS);
    get_all(&client, offsets.map(page), OFFSET_CONCURRENCY).await
}

async fn get_all(
    client: &reqwest::Client,
    urls: impl Iterator<Item = String>,
    concurrency: usize,
) -> Result<(), BenchError> {
    let permits = Arc::new(Semaphore::new(concurrency));
    let mut fetches = JoinSet::new();
    for url in urls {
        let permit = Arc::clone(&permits)
            .acquire_owned()
            .await
            .during("could not wait for a turn")?;
        let client = client.clone();
        fetches.spawn(async move {
            let body = get(client, url).await;
            drop(permit);
            body.map(drop)
        });
    }
    while let Some(fetch) = fetches.join_next().await {
        fetch.during("a fetch broke off")??;
    }
    Ok(())
}
