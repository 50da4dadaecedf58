//! What is stored of partitions: those that an interrupted load has left, and the cursors of the others.

use std::collections::HashMap;
use std::sync::Arc;

use restload_destination::{Destination, Found};
use restload_model::checkpoint::Checkpoint;
use restload_model::row_id;
use restload_source::extraction::Progress;
use restload_source::incremental::{Bound, Kept, KeptCursor};
use restload_source::plan::ResourcePlan;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::digests::{Digests, cannot_note};
use super::shared::Spawned;
use crate::error::RunError;
use crate::fetch::Fetcher;
use crate::report::CursorMove;
use crate::writing::{Message, Question};

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

/// The stored state of a resource, but for the cursors of its parents' records: there may be as many as there are
/// records, and they are asked for as the records come.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// The partitions that an interrupted load has left.
    pub(crate) under_way: Vec<Spawned>,
    /// The cursor of a resource without parents, as the last load that came to its end has left it.
    pub(crate) root: Option<KeptCursor>,
    /// The partitions that the interrupted load has begun, those that it has finished among them.
    pub(crate) begun: Digests,
    /// The pairs of several parents' records that it has finished.
    pub(crate) finished: Digests,
    /// What there is to say of it.
    pub(crate) note: Option<String>,
}

impl Stored {
    /// Reads what the destination has of a resource, in the scope of this run. Where `counts_pages`, what is finished is
    /// wanted whole: its pages are read again.
    pub(crate) async fn read(
        destination: &mut Destination,
        fetcher: &Fetcher,
        plan: &ResourcePlan,
        scope: Option<&str>,
        counts_pages: bool,
    ) -> Result<Self, RunError> {
        let untold = |error| RunError::Scratch(cannot_note(&error));
        let mut stored = Self::default();
        let mut windows: HashMap<String, Vec<Progress>> = HashMap::new();
        let mut former = None;
        let mut after: Option<Arc<str>> = None;
        loop {
            let page = destination.checkpoints_after(&plan.name, after.as_deref()).await?;
            let Some(last) = page.last() else { break };
            after = Some(Arc::clone(&last.partition));
            for checkpoint in &page {
                let name = fetcher.redactor.restore(&checkpoint.partition);
                let Some((partition, text)) = within(scope, &name).zip(checkpoint.position.as_deref()) else {
                    continue;
                };
                let text = fetcher.redactor.restore(text);
                if partition.is_empty() {
                    stored.root = kept_in(&text, false);
                }
                if let Ok(progress) = serde_json::from_str::<Progress>(&text) {
                    if progress.slice.is_some() {
                        windows
                            .entry(progress.whole(partition).to_owned())
                            .or_default()
                            .push(progress);
                    } else if progress.done && plan.pairs_parents() && !counts_pages && fits(plan, &progress) {
                        let digest = row_id::of_partition(partition);
                        stored.finished.insert(digest).map_err(untold)?;
                    } else {
                        stored.under_way.push(Spawned::new(partition.into(), progress));
                    }
                } else if let Ok(kept) = serde_json::from_str::<Kept>(&text) {
                    let incremental = plan.incremental.as_ref();
                    if incremental.is_some_and(|incremental| !incremental.knows(&kept.cursor)) {
                        former = Some(kept.cursor.of);
                    }
                } else if let Ok(page) = serde_json::from_str::<Begun>(&text) {
                    stored.begun.extend(page.digests()).map_err(untold)?;
                }
            }
        }
        for spawned in &mut stored.under_way {
            spawned.windows = windows.remove(&*spawned.partition).unwrap_or_default();
        }
        stored.drop_what_does_not_fit(plan, former);
        Ok(stored)
    }

    /// A cursor of another field says nothing of this one, and windows of another length are others.
    fn drop_what_does_not_fit(&mut self, plan: &ResourcePlan, former: Option<String>) {
        let Some(incremental) = &plan.incremental else {
            return;
        };
        let mut former = former;
        let count = self.under_way.len();
        self.under_way.retain(|spawned| {
            if let Some(cursor) = &spawned.progress.cursor
                && cursor.of != incremental.identity()
            {
                former = Some(cursor.of.clone());
            }
            fits(plan, &spawned.progress)
        });
        if self.under_way.len() < count {
            // What is dropped begins again where the parent's record comes again.
            self.begun = Digests::default();
        }
        self.note = former.map(|former| {
            format!(
                "its cursor was `{former}` and is `{}` now: the stored value says nothing of it, so that {} is loaded again",
                incremental.identity(),
                incremental.whole_range()
            )
        });
    }
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

/// The cursor that a partition begins with, where this is stored of it. Of one that was under way, and begins anew, it is
/// where it was before; so it is of one that this load has moved.
fn kept_in(text: &str, is_of_this_load: bool) -> Option<KeptCursor> {
    if let Ok(progress) = serde_json::from_str::<Progress>(text) {
        let is_own = !progress.shares_cursor && progress.slice.is_none();
        let cursor = progress.cursor.filter(|_| is_own)?;
        return cursor.unmoved().map(|kept| kept.cursor);
    }
    let kept = serde_json::from_str::<Kept>(text).ok()?.cursor;
    let kept = if is_of_this_load || kept.unsettled {
        KeptCursor {
            last: kept.was,
            was: Bound::default(),
            began: kept.was_began,
            was_began: None,
            unsettled: false,
            at_last: Vec::new(),
            ..kept
        }
    } else {
        kept
    };
    (!kept.last.is_none()).then_some(kept)
}

/// Where the last load has left the partitions of a resource.
#[derive(Debug, Clone)]
pub(crate) struct Cursors {
    resource: Arc<str>,
    scope: Option<Arc<str>>,
    fetcher: Arc<Fetcher>,
    writer: mpsc::UnboundedSender<Message>,
    /// The cursor of a resource without parents.
    pub(crate) root: Option<KeptCursor>,
    /// Whether there is anything to ask for.
    has_any: bool,
}

/// Cursors by the names of their partitions.
pub(super) type ByName = HashMap<Arc<str>, KeptCursor>;

impl Cursors {
    /// `counts` is false for a load that begins without any.
    pub(crate) fn new(
        plan: &ResourcePlan,
        scope: Option<Arc<str>>,
        fetcher: &Arc<Fetcher>,
        writer: &mpsc::UnboundedSender<Message>,
        root: Option<KeptCursor>,
        counts: bool,
    ) -> Self {
        let incremental = plan.incremental.as_ref();
        Self {
            resource: Arc::clone(&plan.name),
            scope,
            fetcher: Arc::clone(fetcher),
            writer: writer.clone(),
            root: root.filter(|_| counts),
            has_any: counts && incremental.is_some_and(|incremental| !incremental.is_backfill()),
        }
    }

    /// Asks the writer for the cursors of some partitions. None when there are none.
    fn ask(&self, partitions: &[Arc<str>]) -> Option<oneshot::Receiver<Vec<Found>>> {
        if !self.has_any || partitions.is_empty() {
            return None;
        }
        let stored = partitions.iter().map(|partition| {
            let name = stored_name(self.scope.as_deref(), partition);
            self.fetcher.redactor.store(&name).into()
        });
        let (answer, answered) = oneshot::channel();
        let question = Question::State {
            resource: Arc::clone(&self.resource),
            partitions: stored.collect(),
            answer,
        };
        self.writer.send(Message::Ask(question)).ok()?;
        Some(answered)
    }

    fn read(&self, found: Vec<Found>) -> ByName {
        let kept = found.into_iter().filter_map(|found| {
            let name = self.fetcher.redactor.restore(&found.checkpoint.partition);
            let partition: Arc<str> = within(self.scope.as_deref(), &name)?.into();
            let text = self.fetcher.redactor.restore(found.checkpoint.position.as_deref()?);
            Some((partition, kept_in(&text, found.is_of_this_load)?))
        });
        kept.collect()
    }

    /// The cursors of some partitions. Waits for the writer; without one the load ends, and nothing begins any more.
    pub(super) async fn of(&self, partitions: &[Arc<str>]) -> Result<ByName, WriterGone> {
        match self.ask(partitions) {
            Some(answered) => Ok(self.read(answered.await.map_err(|_| WriterGone)?)),
            None => Ok(ByName::new()),
        }
    }

    /// The same, where others do not wait for the thread.
    pub(super) fn of_blocking(&self, partitions: &[Arc<str>]) -> Result<ByName, WriterGone> {
        match self.ask(partitions) {
            Some(answered) => Ok(self.read(answered.blocking_recv().map_err(|_| WriterGone)?)),
            None => Ok(ByName::new()),
        }
    }
}

/// The destination has failed, which is told elsewhere.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the destination has failed")]
pub(super) struct WriterGone;

/// How a partition is stored. A load whose range is given does not meet what others have left.
pub(crate) fn stored_name(scope: Option<&str>, partition: &str) -> String {
    match scope {
        None => partition.to_owned(),
        Some(scope) => format!("{scope} {partition}"),
    }
}

/// The partition that a stored name is of, if it is one of this scope.
pub(crate) fn within<'n>(scope: Option<&str>, name: &'n str) -> Option<&'n str> {
    match scope {
        None => (!name.starts_with('@')).then_some(name),
        Some(scope) => name.strip_prefix(scope)?.strip_prefix(' '),
    }
}

/// What becomes of a stored partition once its load has ended well: its cursor, where there is one to keep. None for a
/// row that stays as it is.
pub(crate) fn settled(checkpoint: &Checkpoint, fetcher: &Fetcher, keeps_cursor: bool) -> Option<Checkpoint> {
    let text = fetcher.redactor.restore(checkpoint.position.as_deref()?);
    let position = match serde_json::from_str::<Progress>(&text) {
        Ok(progress) if keeps_cursor && progress.slice.is_none() && !progress.shares_cursor => {
            let cursor = progress.cursor.as_ref();
            let kept = if progress.done {
                cursor.and_then(restload_source::incremental::CursorProgress::moved)
            } else {
                cursor.and_then(restload_source::incremental::CursorProgress::unmoved)
            };
            kept.map(|kept| position_of(&kept, fetcher))
        }
        Err(_) => match serde_json::from_str::<Kept>(&text) {
            Ok(mut kept) if kept.cursor.unsettled => {
                kept.cursor.unsettled = false;
                Some(position_of(&kept, fetcher))
            }
            Ok(_) => return None,
            Err(_) => None,
        },
        _ => None,
    };
    Some(Checkpoint {
        position,
        ..checkpoint.clone()
    })
}

/// Whether a stored partition has not come to its end, or is a window of such a one.
pub(crate) fn is_unfinished(checkpoint: &Checkpoint, fetcher: &Fetcher) -> bool {
    let text = checkpoint.position.as_deref();
    let progress = text.and_then(|text| serde_json::from_str::<Progress>(&fetcher.redactor.restore(text)).ok());
    progress.is_some_and(|progress| !progress.done || progress.slice.is_some())
}

/// How far settling a checkpoint has moved a cursor.
pub(crate) fn note_move(
    moves: &mut Option<CursorMove>,
    plan: &ResourcePlan,
    (checkpoint, settled): (&Checkpoint, &Checkpoint),
    fetcher: &Fetcher,
) {
    let text = |checkpoint: &Checkpoint| Some(fetcher.redactor.restore(checkpoint.position.as_deref()?));
    let progress = text(checkpoint).and_then(|text| serde_json::from_str::<Progress>(&text).ok());
    let kept = text(settled).and_then(|text| serde_json::from_str::<Kept>(&text).ok());
    if let Some((progress, kept)) = progress.and_then(|progress| progress.cursor).zip(kept) {
        add_move(moves, plan, &progress.before, &kept, fetcher);
    }
}

/// Adds the move of a cursor, if it is one.
pub(crate) fn add_move(
    moves: &mut Option<CursorMove>,
    plan: &ResourcePlan,
    before: &Bound,
    kept: &Kept,
    fetcher: &Fetcher,
) {
    let now = &kept.cursor.last;
    if before == now {
        return;
    }
    let shown = |bound: &Bound| fetcher.redactor.redact(&bound.0.to_text());
    let from = (!before.is_none()).then(|| shown(before));
    moves
        .get_or_insert_default()
        .add(from, shown(now), plan.parents.is_empty());
}

/// What is stored of a progress or a cursor.
pub(crate) fn position_of(value: &impl serde::Serialize, fetcher: &Fetcher) -> String {
    fetcher
        .redactor
        .store(&serde_json::to_string(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_begins_where_what_is_stored_of_its_cursor_says() {
        let kept = r#"{"cursor":{"of":"at","last":5,"was":3,"began":20,"was_began":10}}"#;
        let moved = r#"{"cursor":{"of":"at","last":5,"was":3,"began":20,"was_began":10,"unsettled":true}}"#;
        let under_way = r#"{"position":"start","pages":1,"cursor":{"of":"at","before":3,"start":3,"last":5,"before_began":10,"began":20}}"#;
        for (text, is_of_this_load, expected) in [
            (kept, false, Some((5, Some(20)))),
            // Another partition of this load has moved it.
            (kept, true, Some((3, Some(10)))),
            // One of the load that this one goes on with.
            (moved, false, Some((3, Some(10)))),
            (r#"{"cursor":{"of":"at","last":5,"unsettled":true}}"#, false, None),
            (r#"{"cursor":{"of":"at","last":5,"began":20}}"#, true, None),
            (r#"{"cursor":{"of":"at","last":5}}"#, false, Some((5, None))),
            (under_way, false, Some((3, Some(10)))),
            (under_way, true, Some((3, Some(10)))),
        ] {
            let found = kept_in(text, is_of_this_load).map(|kept| (kept.last, kept.began));
            let expected = expected.map(|(last, began): (i64, _)| (Bound(last.into()), began));
            assert_eq!(found, expected, "{text}, {is_of_this_load}");
        }
    }
}
