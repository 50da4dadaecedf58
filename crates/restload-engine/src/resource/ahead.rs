//! Requests that are under way before their answers are needed: the next page's, and those of the pages after it where
//! they are certain to be there.
//!
//! Answers are taken in the order of pages. What turns out not to be wanted is dropped, with its request if that is
//! still under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use restload_source::paginators::Position;
use restload_source::request::{Request, Response};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::shared::{Shared, Stopped, failed};
use super::walk::fetch;
use crate::fetch::Attempts;

/// The requests under way for one partition.
#[derive(Debug)]
pub(super) struct Ahead {
    shared: Arc<Shared>,
    is_repeatable: bool,
    pages: Vec<Fetching>,
}

/// A request under way, or its answer.
#[derive(Debug)]
struct Fetching {
    position: Position,
    request: Request,
    task: JoinHandle<(Attempts, Result<Response, Stopped>)>,
    /// Whether there is no good answer.
    has_failed: Arc<AtomicBool>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// An answer with what it takes to ask again.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) request: Request,
    pub(super) attempts: Attempts,
    pub(super) response: Response,
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Ahead {
    pub(super) fn new(shared: &Arc<Shared>, is_repeatable: bool) -> Self {
        Self {
            shared: Arc::clone(shared),
            is_repeatable,
            pages: Vec::new(),
        }
    }

    /// Has exactly these requests under way, the first of which is the next to be needed; as many of the others as
    /// there is room for.
    pub(super) fn follow(&mut self, wanted: Vec<(Position, Request)>) {
        self.pages
            .retain(|page| wanted.iter().any(|(position, _)| *position == page.position));
        for (index, (position, request)) in wanted.into_iter().enumerate() {
            if self.pages.iter().any(|page| page.position == position) {
                continue;
            }
            let permit = if index == 0 {
                None
            } else {
                let Some(permit) = self.shared.fetcher.limiter.admit_ahead() else {
                    return;
                };
                Some(permit)
            };
            let page = self.send(position, request, permit);
            self.pages.push(page);
        }
    }

    fn send(&self, position: Position, request: Request, permit: Option<OwnedSemaphorePermit>) -> Fetching {
        let shared = Arc::clone(&self.shared);
        let mut attempts = Attempts::new(self.is_repeatable);
        let sent = request.clone();
        let has_failed = Arc::new(AtomicBool::new(false));
        let failed = Arc::clone(&has_failed);
        let task = tokio::spawn(async move {
            let response = fetch(&shared, &sent, &mut attempts).await;
            let is_good = response.as_ref().is_ok_and(|response| response.status < 400);
            failed.store(!is_good, Ordering::Relaxed);
            (attempts, response)
        });
        Fetching {
            position,
            request,
            task,
            has_failed,
            _permit: permit,
        }
    }

    /// The answer for a position, when it is there.
    pub(super) async fn take(&mut self, position: &Position) -> Option<Result<Fetched, Stopped>> {
        let index = self.pages.iter().position(|page| page.position == *position)?;
        let mut page = self.pages.remove(index);
        let (attempts, response) = match (&mut page.task).await {
            Ok(ended) => ended,
            Err(error) => return Some(Err(failed(format!("a request came to no end: {error}")))),
        };
        Some(response.map(|response| Fetched {
            request: page.request.clone(),
            attempts,
            response,
        }))
    }

    /// Drops what has failed, so that it is asked for again: after a delay that the server has wanted, earlier failures
    /// say nothing.
    pub(super) fn forget_failures(&mut self) {
        self.pages.retain(|page| !page.has_failed.load(Ordering::Relaxed));
    }
}
