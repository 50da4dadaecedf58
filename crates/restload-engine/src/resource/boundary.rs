//! Records at the start of an incremental load that an earlier load has added: their children are loaded, too.

use std::sync::Arc;

use restload_source::extraction::Progress;
use restload_source::incremental::Taken;
use tokio::sync::oneshot;

use super::shared::Shared;
use crate::clock::{Moment, load_ids_from};
use crate::writing::{Message, Question};

/// For each record, whether an earlier load has added it, or given it to the children; empty when none has. It is not
/// given to the children then. What an interrupted run of this load has added is not among them: a child that goes on
/// knows what was begun for it, and one that is replaced wants it again.
///
/// Waits for the writer, and so must not be called where others wait for the thread.
pub(super) fn added_before(shared: &Shared, progress: &Progress, taken: &Taken<'_>) -> Vec<bool> {
    if !taken.was_given.is_empty() {
        return taken.was_given.clone();
    }
    if shared.children.is_empty() || !shared.plan.is_loaded {
        return Vec::new();
    }
    let Some(began) = progress.cursor.as_ref().and_then(|cursor| cursor.began) else {
        return Vec::new();
    };
    let ids = || taken.ids.iter().zip(&taken.at_start);
    let asked: Vec<String> = ids()
        .filter(|(_, at_start)| **at_start)
        .map(|(id, _)| id.clone())
        .collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let (answer, answered) = oneshot::channel();
    let question = Question::Rows {
        resource: Arc::clone(&shared.plan.name),
        ids: asked,
        before: load_ids_from(Moment(began)),
        answer,
    };
    // Without a writer nothing more is stored, and the page will be asked for again.
    let there = match shared.writer.send(Message::Ask(question)) {
        Ok(()) => answered.blocking_recv().unwrap_or_default(),
        Err(_) => return Vec::new(),
    };
    ids().map(|(id, at_start)| *at_start && there.contains(id)).collect()
}
