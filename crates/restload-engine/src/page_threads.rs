//! The threads that pages are decoded and normalised on.
//!
//! There are no more of them than can work at the same time, and the one that has worked last goes on: each keeps a page's
//! memory for itself, freed or not. A thread that has done its work waits for more before its result is known, as
//! otherwise what follows from the result would often find no thread that waits, and begin another one.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, available_parallelism};

use restload_model::system_error;
use tokio::sync::{Semaphore, oneshot};

/// Hands over a result.
type Tell = Box<dyn FnOnce() + Send>;
/// Works, and has a result to hand over.
type Work = Box<dyn FnOnce() -> Tell + Send>;

/// The way to a thread that waits for work.
#[derive(Debug, Clone)]
struct Thread(Sender<Task>);

/// Work, and the way to the thread that is given it: where that is kept nowhere, the thread ends.
struct Task(Work, Thread);

/// Threads that end when this is dropped.
#[derive(Debug, Clone)]
pub(crate) struct PageThreads {
    waiting: Arc<Mutex<Vec<Thread>>>,
    turns: Arc<Semaphore>,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfinished {
    /// The system has no further thread.
    #[error("no thread can be started for it: {}", system_error::without_number(&.0.to_string()))]
    Refused(#[from] std::io::Error),
    /// The work has panicked.
    #[error("the thread that worked on it has panicked")]
    Panicked,
}

impl PageThreads {
    pub(crate) fn new() -> Self {
        // While one waits for an answer of the writer, another one may work.
        let most = available_parallelism().map_or(2, |cores| cores.get().max(2));
        Self {
            waiting: Arc::default(),
            turns: Arc::new(Semaphore::new(most)),
        }
    }

    /// Works on a thread, in turn.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unfinished> {
        let _turn = self.turns.acquire().await;
        let (sender, result) = oneshot::channel();
        let work: Work = Box::new(move || {
            let found = work();
            Box::new(move || drop(sender.send(found)))
        });
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let thread = waiting.map_or_else(|| self.begin(), Ok)?;
        let task = Task(work, thread.clone());
        // If the thread is gone, there is no result either.
        let _ = thread.0.send(task);
        result.await.map_err(|_| Unfinished::Panicked)
    }

    fn begin(&self) -> std::io::Result<Thread> {
        let (sender, tasks) = channel();
        let waiting = Arc::downgrade(&self.waiting);
        Builder::new().name("pages".to_owned()).spawn(move || {
            while let Ok(Task(work, own)) = tasks.recv() {
                let tell = work();
                if let Some(waiting) = waiting.upgrade() {
                    waiting.lock().unwrap_or_else(PoisonError::into_inner).push(own);
                }
                tell();
            }
        })?;
        Ok(Thread(sender))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread::{ThreadId, current};

    use tokio::task::JoinSet;

    use super::*;

    async fn id(threads: &PageThreads) -> ThreadId {
        threads.run(|| current().id()).await.unwrap()
    }

    #[tokio::test]
    async fn work_after_work_is_done_by_one_thread() {
        let threads = PageThreads::new();
        let first = id(&threads).await;
        for _ in 0..1_000 {
            assert_eq!(id(&threads).await, first);
        }
    }

    #[tokio::test]
    async fn there_are_no_more_threads_than_work_at_the_same_time() {
        let threads = PageThreads::new();
        let most = threads.turns.available_permits();
        let mut running = JoinSet::new();
        for _ in 0..20 * most {
            let threads = threads.clone();
            running.spawn(async move { id(&threads).await });
        }
        let used: HashSet<ThreadId> = running.join_all().await.into_iter().collect();
        assert!(used.len() <= most, "{} of {most}", used.len());
    }

    #[tokio::test]
    async fn work_that_panics_takes_its_thread_along_and_no_other() {
        let threads = PageThreads::new();
        let first = id(&threads).await;
        let panicked = threads.run(|| std::panic::resume_unwind(Box::new(()))).await;
        assert!(matches!(panicked, Err(Unfinished::Panicked)));
        assert_ne!(id(&threads).await, first);
    }
}
