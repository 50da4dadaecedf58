//! What partitions are called: by it they are found again in the stored state.

use std::io;
use std::sync::Arc;

use restload_model::row_id;
use restload_source::extraction::{ExtractError, Progress};
use restload_source::parent_fields::Parents;
use restload_source::plan::ResourcePlan;

use super::cursors::ByName;
use super::digests::Digests;
use super::shared::Spawned;

/// A partition that begins.
pub(super) struct Named {
    pub(super) spawned: Spawned,
    /// What tells it from others of the load: it begins once.
    pub(super) digests: Vec<u128>,
}

/// A partition that is to begin, once its cursor is known.
pub(super) struct Nameable {
    progress: Progress,
    /// The fields that its requests name, where they are not all.
    requested: Option<Arc<str>>,
    whole: Arc<str>,
    digests: Vec<u128>,
}

/// Names the partition for parents' records. None when there is one like it already: parents' records whose fields are
/// all the same are requested for once.
///
/// A partition without a cursor is named by all the fields that it has of them. A cursor belongs to what is requested,
/// so that a field which is only taken along may change; when several records of a load ask for the same, and differ in
/// what they take along, the first is the one that moves the cursor, and the others start where it does.
pub(super) fn nameable(
    plan: &ResourcePlan,
    mut progress: Progress,
    known: &mut Digests,
) -> io::Result<Option<Nameable>> {
    let whole = name_of(&progress.parents);
    let whole_digest = row_id::of_partition(&whole);
    let requested = plan
        .incremental
        .as_ref()
        .map(|_| name_of(&plan.requested(&progress.parents)));
    let requested = requested.filter(|requested| *requested != whole);
    let mut digests = vec![whole_digest];
    if let Some(requested) = &requested {
        let requested_digest = row_id::of_partition(requested);
        let is_first = known.insert(requested_digest)?;
        progress.shares_cursor = !is_first;
        if is_first {
            digests.push(requested_digest);
        }
    }
    // Pairs are made once as it is, so that nothing need be remembered of them, but for their cursors.
    let is_remembered = plan.incremental.is_some() || !plan.pairs_parents();
    if is_remembered && !known.insert(whole_digest)? {
        return Ok(None);
    }
    Ok(Some(Nameable {
        progress,
        requested,
        whole,
        digests,
    }))
}

impl Nameable {
    /// What the partition is called.
    pub(super) fn name(&self) -> &Arc<str> {
        match &self.requested {
            Some(requested) if !self.progress.shares_cursor => requested,
            _ => &self.whole,
        }
    }

    /// What its cursor may be stored under: earlier versions have named it by all fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.requested.iter().chain([&self.whole])
    }

    /// Begins it where its cursor is.
    pub(super) fn begin(self, plan: &ResourcePlan, cursors: &ByName) -> Result<Named, ExtractError> {
        let partition = Arc::clone(self.name());
        let own = cursors.get(self.requested.as_ref().unwrap_or(&self.whole));
        let is_former = own.is_none() && self.requested.is_some() && cursors.contains_key(&self.whole);
        let kept = if is_former { cursors.get(&self.whole) } else { own };
        let former = (is_former && !self.progress.shares_cursor).then(|| Arc::clone(&self.whole));
        Ok(Named {
            spawned: Spawned {
                former,
                ..Spawned::new(partition, plan.begin(self.progress, kept)?)
            },
            digests: self.digests,
        })
    }
}

/// A name for fields; a digest of them where they are many.
pub(super) fn name_of(fields: &Parents) -> Arc<str> {
    const LONGEST_NAME: usize = 120;
    let name = serde_json::to_string(fields).unwrap_or_default();
    if name.len() > LONGEST_NAME {
        return row_id::of_text(&name).to_string().into();
    }
    name.into()
}
