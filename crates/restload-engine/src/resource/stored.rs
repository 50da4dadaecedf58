//! What is stored of a resource when a run begins, but for the cursors of its parents' records: of both there may be as
//! many as there are records, so that they are not held.

use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, Write as _};
use std::sync::Arc;

use restload_destination::Destination;
use restload_model::row_id;
use restload_source::extraction::Progress;
use restload_source::incremental::{Kept, KeptCursor};
use restload_source::plan::ResourcePlan;
use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;

use super::cursors::{kept_in, within};
use super::digests::{Digests, cannot_note};
use super::shared::{Shared, Spawned, Stopped, failed};
use crate::error::RunError;
use crate::fetch::Fetcher;

/// What is left is held in memory up to so many bytes.
const MOST_HELD_BYTES: usize = 1 << 20;

/// The partitions that a parent's page has given rise to. It is stored with that page and removed when the load has
/// ended well, so that parents' records alike are requested for once even if the load is interrupted between them: of a
/// partition that is loaded nothing else may be left.
#[derive(Debug, Serialize, Deserialize)]
struct Begun {
    begun: Vec<String>,
}

impl Begun {
    fn digests(&self) -> impl Iterator<Item = u128> {
        self.begun
            .iter()
            .filter_map(|digest| u128::from_str_radix(digest, 16).ok())
    }
}

/// What is stored, besides themselves, of the partitions that a page has given rise to: a name and a text. The first
/// of them gives the name: a partition begins once in a load, so no other page's takes its place.
pub(crate) fn begun(digests: &[u128]) -> Option<(String, String)> {
    let begun: Vec<String> = digests.iter().map(|digest| format!("{digest:x}")).collect();
    let name = format!("begun {}", begun.first()?);
    let text = serde_json::to_string(&Begun { begun }).unwrap_or_default();
    Some((name, text))
}

/// How far a resource can be picked up again after an interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resumption {
    /// At the page it was on.
    Continue,
    /// From the first page, leaving out rows that are stored: a child that is replaced needs every parent's record again.
    Replay,
    /// From the first page, and from where its cursors were: they move when the load has ended well.
    Restart,
}

/// The stored state of a resource, in the scope of a run.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) left: Left,
    /// The cursor of a resource without parents, as the last load that came to its end has left it.
    pub(crate) root: Option<KeptCursor>,
    /// What is not to begin: the partitions that are left, and those that the interrupted load has begun, where it goes
    /// on, whether it has finished them or not.
    pub(crate) known: Digests,
    /// What there is to say of it.
    pub(crate) note: Option<String>,
}

/// The partitions that an interrupted load has left, one after the other, as they are stored.
#[derive(Debug)]
pub(crate) struct Left {
    lines: BufReader<SpooledTempFile>,
    line: String,
    /// Whether all have come.
    pub(super) is_over: bool,
    /// The pairs of several parents' records among them. They are not in the lines: their turn is when their records
    /// have come again, and then they are asked for.
    pub(super) pairs: Digests,
    /// The pairs that the load has finished.
    pub(super) finished: Digests,
}

impl Stored {
    /// Reads what the destination has of a resource.
    pub(crate) async fn read(
        destination: &mut Destination,
        fetcher: &Fetcher,
        plan: &ResourcePlan,
        scope: Option<&str>,
        resumption: Resumption,
    ) -> Result<Self, RunError> {
        let untold = |error| RunError::Scratch(cannot_note(&error));
        let mut lines = BufWriter::new(SpooledTempFile::new(MOST_HELD_BYTES));
        let (mut pairs, mut finished) = (Digests::default(), Digests::default());
        let (mut queued, mut begun) = (Digests::default(), Digests::default());
        let (mut root, mut former_kept, mut former_left) = (None, None, None);
        let mut drops_any = false;
        let mut after: Option<Arc<str>> = None;
        loop {
            let page = destination.checkpoints_after(&plan.name, after.as_deref()).await?;
            let Some(last) = page.last() else { break };
            after = Some(Arc::clone(&last.partition));
            for checkpoint in &page {
                let name = fetcher.redactor.restore(&checkpoint.partition);
                let Some((partition, stored)) = within(scope, &name).zip(checkpoint.position.as_deref()) else {
                    continue;
                };
                let text = fetcher.redactor.restore(stored);
                if partition.is_empty() {
                    root = kept_in(&text);
                }
                if let Ok(progress) = serde_json::from_str::<Progress>(&text) {
                    // Windows are asked for as their partition is walked.
                    if progress.slice.is_some() {
                        continue;
                    }
                    former_left = former_of(plan, &progress).or(former_left);
                    if !fits(plan, &progress) {
                        drops_any = true;
                        continue;
                    }
                    if resumption == Resumption::Restart {
                        continue;
                    }
                    let digest = row_id::of_partition(partition);
                    // Where pages are read again, those of what is finished are, too.
                    if progress.done && plan.pairs_parents() && resumption == Resumption::Continue {
                        finished.insert(digest).map_err(untold)?;
                        continue;
                    }
                    queued.insert(digest).map_err(untold)?;
                    begun.insert(digest).map_err(untold)?;
                    if plan.pairs_parents() && !plan.is_part(&progress) {
                        pairs.insert(digest).map_err(untold)?;
                    } else {
                        let line = serde_json::to_string(&(&*checkpoint.partition, stored)).unwrap_or_default();
                        writeln!(lines, "{line}").map_err(untold)?;
                    }
                } else if let Ok(kept) = serde_json::from_str::<Kept>(&text) {
                    let incremental = plan.incremental.as_ref();
                    if incremental.is_some_and(|incremental| !incremental.knows(&kept.cursor)) {
                        former_kept = Some(kept.cursor.of);
                    }
                } else if let Ok(page) = serde_json::from_str::<Begun>(&text)
                    && resumption != Resumption::Restart
                {
                    begun.extend(page.digests()).map_err(untold)?;
                }
            }
        }
        let lines = lines.into_inner().map_err(|error| untold(error.into_error()))?;
        Ok(Self {
            left: Left::new(lines, pairs, finished).map_err(untold)?,
            root,
            // What is dropped begins again where the parent's record comes again.
            known: if drops_any { queued } else { begun },
            note: plan
                .incremental
                .as_ref()
                .zip(former_left.or(former_kept))
                .map(|(incremental, former)| {
                    format!(
                        "its cursor was `{former}` and is `{}` now: the stored value says nothing of it, so that {} is \
                     loaded again",
                        incremental.identity(),
                        incremental.whole_range()
                    )
                }),
        })
    }
}

impl Left {
    fn new(mut lines: SpooledTempFile, pairs: Digests, finished: Digests) -> io::Result<Self> {
        lines.rewind()?;
        Ok(Self {
            lines: BufReader::new(lines),
            line: String::new(),
            is_over: false,
            pairs,
            finished,
        })
    }

    /// The next one; none when there are no more.
    pub(super) fn next(&mut self, shared: &Shared) -> Result<Option<Spawned>, Stopped> {
        let line = self.next_line().map_err(|error| failed(cannot_note(&error)))?;
        let Some((name, text)) = line else {
            self.is_over = true;
            return Ok(None);
        };
        let (partition, progress) = shared
            .cursors
            .under_way_in(&name, &text)
            .ok_or_else(|| failed(format!("what is stored of `{name}` cannot be read")))?;
        Ok(Some(Spawned::left(partition, progress)))
    }

    fn next_line(&mut self) -> io::Result<Option<(String, String)>> {
        self.line.clear();
        match self.lines.read_line(&mut self.line)? {
            0 => Ok(None),
            _ => Ok(Some(serde_json::from_str(&self.line)?)),
        }
    }

    /// The one of a resource without parents.
    pub(super) fn root(&mut self, shared: &Shared) -> Result<Option<Spawned>, Stopped> {
        while let Some(spawned) = self.next(shared)? {
            if spawned.partition.is_empty() {
                return Ok(Some(spawned));
            }
        }
        Ok(None)
    }
}

/// The cursor that a partition has, if it is another than the resource's.
fn former_of(plan: &ResourcePlan, progress: &Progress) -> Option<String> {
    let (incremental, cursor) = plan.incremental.as_ref().zip(progress.cursor.as_ref())?;
    (cursor.of != incremental.identity()).then(|| cursor.of.clone())
}

/// Whether a partition that is stored can go on: it has the cursor and the windows that it would begin with.
fn fits(plan: &ResourcePlan, progress: &Progress) -> bool {
    let Some(incremental) = &plan.incremental else {
        return true;
    };
    match &progress.cursor {
        // A record that waits for those of other parents has none yet.
        None => plan.is_part(progress),
        Some(cursor) => cursor.of == incremental.identity() && incremental.has_same_windows(progress.windows.as_ref()),
    }
}
