//! Records at the start of an incremental load that an earlier load has added: their children are loaded, too.

use std::sync::Arc;

use restload_source::incremental::Taken;
use tokio::sync::oneshot;

use super::shared::Shared;
use crate::writing::{Message, Question};

/// For each record, whether an earlier load has added it, or given it to the children; empty when it has not. It need not be given to children then: what
/// was not finished of them is stored, so that it does not depend on the record.
///
/// Waits for the writer, and so must not be called where others wait for the thread.
pub(super) fn added_before(shared: &Shared, taken: &Taken<'_>) -> Vec<bool> {
    if !taken.was_given.is_empty() {
        return taken.was_given.clone();
    }
    if shared.children.is_empty() || !shared.plan.is_loaded {
        return Vec::new();
    }
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
        answer,
    };
    // Without a writer nothing more is stored, and the page will be asked for again.
    let there = match shared.writer.send(Message::Ask(question)) {
        Ok(()) => answered.blocking_recv().unwrap_or_default(),
        Err(_) => return Vec::new(),
    };
    ids().map(|(id, at_start)| *at_start && there.contains(id)).collect()
}
