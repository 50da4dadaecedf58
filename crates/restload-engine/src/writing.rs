//! The one task that writes: it gathers pages into steps, and a step becomes durable as a whole.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use restload_destination::{Destination, DestinationError, ROWS_THERE, Step, StepPart};
use restload_model::batch::Batch;
use restload_model::checkpoint::Checkpoint;
use restload_model::normalizer::names::Names;
use restload_replay::{Recorder, StoredState};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::clock::Moment;
use crate::report::{Event, Reporter, TableTotals};
use crate::resource::TableRows;

/// While nothing more is waiting, a step is written once it holds this much: the database need not wait for the first step
/// to be full, and is given what has come meanwhile each time it is done.
const EARLY_BYTES: usize = 256 << 10;
/// A step is written when nothing has come for this long, so that a slow API's pages are soon durable.
const IDLE: Duration = Duration::from_secs(1);
/// A step is written at the latest this long after its first page.
const MAX_AGE: Duration = Duration::from_secs(5);

/// What pages that wait for the writer may hold: two steps, of which one is written while the next is gathered. Whoever
/// would exceed it waits.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    permits: Arc<Semaphore>,
    step_kib: usize,
}

impl Budget {
    pub(crate) fn new(step_bytes: usize) -> Self {
        let step_kib = step_bytes >> 10;
        Self {
            permits: Arc::new(Semaphore::new(2 * step_kib)),
            step_kib,
        }
    }

    /// The part of it that a page takes. A larger one than a step counts as a step: so there is room for it beside what is
    /// gathered, which is no step yet and is not written before more comes.
    pub(crate) async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let permits = (bytes >> 10).clamp(1, self.step_kib) as u32;
        Arc::clone(&self.permits).acquire_many_owned(permits).await.ok()
    }
}

/// What the writer is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// A page's rows, with the checkpoints that are true once they are stored.
    Page(PageRows),
    /// A resource is complete: a replace takes effect.
    Complete(Arc<str>),
    /// Something is to be looked up.
    Ask(Question),
}

/// A question about what is stored of a resource; it is answered before what comes after it is written.
#[derive(Debug)]
pub(crate) enum Question {
    /// Which of these rows loads have added whose ids sort before that.
    Rows {
        resource: Arc<str>,
        ids: Vec<String>,
        before: String,
        answer: oneshot::Sender<BTreeSet<String>>,
    },
    /// Where these partitions stand, as they are stored.
    State {
        resource: Arc<str>,
        partitions: Vec<Arc<str>>,
        answer: oneshot::Sender<Vec<Checkpoint>>,
    },
}

/// The rows of a page.
#[derive(Debug)]
pub(crate) struct PageRows {
    /// The resource.
    pub(crate) resource: Arc<str>,
    /// Its rows, by root table; none for a resource that is only read for its children.
    pub(crate) rows: Vec<TableRows>,
    /// Where the partition stands after it, and the partitions of child resources that it gives rise to.
    pub(crate) checkpoints: Vec<Checkpoint>,
    /// The part of the budget that the rows take.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

/// The destination, and what was written to it.
pub(crate) struct Writer {
    pub(crate) destination: Destination,
    pub(crate) names: Arc<Names>,
    pub(crate) reporter: Reporter,
    /// Writes down what answers depend on, where the run is recorded.
    pub(crate) recorder: Option<Arc<Recorder>>,
    /// Resources whose rows take the place of all that are there, and of which nothing is written yet: the least work if
    /// one step has all of them.
    pub(crate) replacing: HashSet<Arc<str>>,
    pub(crate) totals: Totals,
}

/// What was written.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) tables: IndexMap<String, TableTotals>,
    pub(crate) schema_changes: Vec<String>,
    pub(crate) warnings: Vec<String>,
    /// Records that the database refused, by resource.
    pub(crate) refused: IndexMap<String, u64>,
}

/// A step that is being gathered.
#[derive(Default)]
struct Gathered {
    /// By resource, and by root table where records name it.
    parts: IndexMap<(Arc<str>, Option<Arc<str>>), Part>,
    permits: Vec<OwnedSemaphorePermit>,
    bytes: usize,
}

#[derive(Default)]
struct Part {
    batches: Vec<Batch>,
    /// By partition; the last one counts.
    checkpoints: IndexMap<Arc<str>, Checkpoint>,
    last: bool,
}

impl Writer {
    /// Writes until every sender is gone.
    pub(crate) async fn run(&mut self, mut messages: mpsc::UnboundedReceiver<Message>) -> Result<(), DestinationError> {
        let mut step = Gathered::default();
        let mut deadline: Option<Instant> = None;
        loop {
            let received = match deadline {
                None => messages.recv().await,
                Some(latest) => {
                    let patience = latest.min(Instant::now() + IDLE);
                    let Ok(received) = timeout_at(patience, messages.recv()).await else {
                        deadline = None;
                        self.commit(std::mem::take(&mut step)).await?;
                        continue;
                    };
                    received
                }
            };
            let Some(message) = received else { break };
            match message {
                Message::Page(page) => step.add(page),
                Message::Complete(resource) => step.part(&resource, None).last = true,
                Message::Ask(question) => {
                    self.answer(question).await?;
                    continue;
                }
            }
            deadline.get_or_insert_with(|| Instant::now() + MAX_AGE);
            if step.bytes >= self.destination.step_bytes() || (messages.is_empty() && self.may_write_early(&step)) {
                deadline = None;
                self.commit(std::mem::take(&mut step)).await?;
            }
        }
        self.commit(step).await
    }

    fn may_write_early(&self, step: &Gathered) -> bool {
        let is_whole = |(resource, _): &(Arc<str>, _)| self.replacing.contains(resource);
        step.bytes >= EARLY_BYTES && !step.parts.keys().any(is_whole)
    }

    /// Answers; whoever has asked may have been told to stop.
    async fn answer(&mut self, question: Question) -> Result<(), DestinationError> {
        match question {
            Question::Rows {
                resource,
                ids,
                before,
                answer,
            } => {
                let there = self.destination.rows_there(&resource, &ids, &before).await?;
                if let Some(recorder) = self.recorder.as_ref().filter(|_| !there.is_empty()) {
                    recorder.keep_state([StoredState {
                        resource: resource.to_string(),
                        partition: ROWS_THERE.to_owned(),
                        position: serde_json::json!(there).to_string(),
                    }]);
                }
                let _ = answer.send(there);
            }
            Question::State {
                resource,
                partitions,
                answer,
            } => {
                let _ = answer.send(self.destination.find_checkpoints(&resource, &partitions).await?);
            }
        }
        Ok(())
    }

    async fn commit(&mut self, step: Gathered) -> Result<(), DestinationError> {
        if step.parts.is_empty() {
            return Ok(());
        }
        for (resource, _) in step.parts.keys() {
            self.replacing.remove(resource);
        }
        let parts = step.parts.into_iter().map(|((resource, table), part)| StepPart {
            resource,
            table,
            batches: part.batches,
            checkpoints: part.checkpoints.into_values().collect(),
            last: part.last,
        });
        let step_to_write = Step {
            parts: parts.collect(),
            committed_at: Moment::now().micros(),
        };
        let written = self.destination.commit(step_to_write).await?;
        drop(step.permits);
        self.names.set_types(&written.column_types);
        for table in &written.tables {
            let totals = self.totals.tables.entry(table.table.to_string()).or_default();
            totals.rows += table.written;
            totals.inserted += table.inserted;
            totals.updated += table.updated;
            totals.deleted += table.deleted;
            totals.duplicates += table.duplicates;
            totals.already_there += table.already_there;
            totals.rejected += table.rejected;
            totals.discarded_values += table.discarded_values;
        }
        self.totals
            .schema_changes
            .extend(written.schema_changes.iter().map(ToString::to_string));
        for (resource, count) in &written.refused {
            *self.totals.refused.entry(resource.to_string()).or_default() += count;
        }
        for (resource, text) in &written.warnings {
            self.totals.warnings.push(format!("{resource}: {text}"));
        }
        self.reporter.report(Event::Committed { step: written });
        Ok(())
    }
}

impl Gathered {
    fn part(&mut self, resource: &Arc<str>, table: Option<Arc<str>>) -> &mut Part {
        self.parts.entry((Arc::clone(resource), table)).or_default()
    }

    fn add(&mut self, page: PageRows) {
        for rows in page.rows {
            self.bytes += rows.batch.byte_count();
            self.part(&page.resource, rows.table).batches.push(rows.batch);
        }
        self.bytes += bytes_of(&page.checkpoints);
        for checkpoint in page.checkpoints {
            let partition = Arc::clone(&checkpoint.partition);
            self.part(&Arc::clone(&checkpoint.resource), None)
                .checkpoints
                .insert(partition, checkpoint);
        }
        self.permits.extend(page.permit);
    }
}

/// Roughly the memory that checkpoints take until they are stored, in bytes.
pub(crate) fn bytes_of(checkpoints: &[Checkpoint]) -> usize {
    let of_texts = |one: &Checkpoint| one.partition.len() + one.position.as_ref().map_or(0, String::len);
    let texts: usize = checkpoints.iter().map(of_texts).sum();
    texts + std::mem::size_of_val(checkpoints)
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_page_of_any_size_fits_beside_what_is_no_step_yet() {
        let budget = Budget::new(1 << 20);
        let at_once = |bytes| timeout(Duration::ZERO, budget.take(bytes));
        let gathered = at_once((1 << 20) - 1024).await;
        let page = at_once(5 << 20).await;
        assert!(gathered.is_ok() && page.is_ok());
        assert!(at_once(2 << 10).await.is_err());
    }
}
