//! The cursors of partitions: where they are stored, and what becomes of them.

use std::collections::HashMap;
use std::sync::Arc;

use restload_model::checkpoint::Checkpoint;
use restload_source::extraction::Progress;
use restload_source::incremental::{Bound, Kept, KeptCursor};
use restload_source::plan::ResourcePlan;
use tokio::sync::{mpsc, oneshot};

use crate::fetch::Fetcher;
use crate::report::CursorMove;
use crate::writing::{Message, Question};

/// The cursor that a partition begins with, where this is stored of it. Of one that was under way, and begins anew, it is
/// where it was before; so it is of one that the load has moved and that others of the load share.
pub(super) fn kept_in(text: &str) -> Option<KeptCursor> {
    if let Ok(progress) = serde_json::from_str::<Progress>(text) {
        let is_own = !progress.shares_cursor && progress.slice.is_none();
        let cursor = progress.cursor.filter(|_| is_own)?;
        return cursor.unmoved().map(|kept| kept.cursor);
    }
    let kept = serde_json::from_str::<Kept>(text).ok()?.cursor;
    let kept = if kept.unsettled {
        KeptCursor {
            last: kept.was,
            began: kept.was_began,
            was: Bound::default(),
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
    fn ask(&self, partitions: &[Arc<str>]) -> Option<oneshot::Receiver<Vec<Checkpoint>>> {
        if !self.has_any || partitions.is_empty() {
            return None;
        }
        self.ask_for(partitions)
    }

    /// Asks the writer for what is stored of some partitions. None without a writer.
    fn ask_for(&self, partitions: &[Arc<str>]) -> Option<oneshot::Receiver<Vec<Checkpoint>>> {
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

    fn read(&self, found: &[Checkpoint]) -> ByName {
        let kept = found.iter().filter_map(|found| {
            let (partition, text) = self.restore(&found.partition, found.position.as_deref()?)?;
            Some((partition, kept_in(&text)?))
        });
        kept.collect()
    }

    /// The partition of a stored name, and the text as it was before it was stored.
    fn restore(&self, name: &str, text: &str) -> Option<(Arc<str>, String)> {
        let redactor = &self.fetcher.redactor;
        let name = redactor.restore(name);
        let partition = within(self.scope.as_deref(), &name)?.into();
        Some((partition, redactor.restore(text)))
    }

    /// The partition of a stored name, and how far it has come; none when it is not under way.
    pub(super) fn under_way_in(&self, name: &str, text: &str) -> Option<(Arc<str>, Progress)> {
        let (partition, text) = self.restore(name, text)?;
        Some((partition, serde_json::from_str(&text).ok()?))
    }

    /// How far some partitions have come, by name, where they are under way. Waits for the writer.
    pub(super) async fn under_way(&self, partitions: &[Arc<str>]) -> Result<HashMap<Arc<str>, Progress>, WriterGone> {
        let found = self.ask_for(partitions).ok_or(WriterGone)?;
        let found = found.await.map_err(|_| WriterGone)?;
        let under_way = found
            .iter()
            .filter_map(|found| self.under_way_in(&found.partition, found.position.as_deref()?));
        Ok(under_way.collect())
    }

    /// The cursors of some partitions. Waits for the writer; without one the load ends, and nothing begins any more.
    pub(super) async fn of(&self, partitions: &[Arc<str>]) -> Result<ByName, WriterGone> {
        match self.ask(partitions) {
            Some(answered) => Ok(self.read(&answered.await.map_err(|_| WriterGone)?)),
            None => Ok(ByName::new()),
        }
    }

    /// The same, where others do not wait for the thread.
    pub(super) fn of_blocking(&self, partitions: &[Arc<str>]) -> Result<ByName, WriterGone> {
        match self.ask(partitions) {
            Some(answered) => Ok(self.read(&answered.blocking_recv().map_err(|_| WriterGone)?)),
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
                kept.cursor.was = Bound::default();
                kept.cursor.was_began = None;
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
        let under_way = r#"{"position":"start","pages":1,"cursor":{"of":"at","before":3,"start":3,"last":5,"before_began":10,"began":20}}"#;
        for (text, expected) in [
            (r#"{"cursor":{"of":"at","last":5,"began":20}}"#, Some((5, Some(20)))),
            (r#"{"cursor":{"of":"at","last":5}}"#, Some((5, None))),
            // Another partition of the load has moved it.
            (
                r#"{"cursor":{"of":"at","last":5,"was":3,"began":20,"was_began":10,"unsettled":true}}"#,
                Some((3, Some(10))),
            ),
            (r#"{"cursor":{"of":"at","last":5,"unsettled":true}}"#, None),
            (under_way, Some((3, Some(10)))),
        ] {
            let found = kept_in(text).map(|kept| (kept.last, kept.began));
            let expected = expected.map(|(last, began): (i64, _)| (Bound(last.into()), began));
            assert_eq!(found, expected, "{text}");
        }
    }
}
