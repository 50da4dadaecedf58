//! What partitions are called: by it they are found again in the stored state.

use std::collections::HashSet;
use std::sync::Arc;

use restload_model::row_id;
use restload_source::extraction::{ExtractError, Progress};
use restload_source::parent_fields::Parents;
use restload_source::plan::ResourcePlan;

use super::shared::{Cursors, Spawned};

/// A partition that begins.
pub(super) struct Named {
    pub(super) spawned: Spawned,
    /// What tells it from others of the load: it begins once.
    pub(super) digests: Vec<u128>,
}

/// Names the partition for parents' records, and begins it. None when there is one like it already: parents' records
/// whose fields are all the same are requested for once.
///
/// A partition without a cursor is named by all the fields that it has of them. A cursor belongs to what is requested,
/// so that a field which is only taken along may change; when several records of a load ask for the same, and differ in
/// what they take along, the first is the one that moves the cursor, and the others start where it does.
pub(super) fn named(
    plan: &ResourcePlan,
    cursors: &Cursors,
    mut progress: Progress,
    known: &mut HashSet<u128>,
) -> Result<Option<Named>, ExtractError> {
    let whole = name_of(&progress.parents);
    let whole_digest = row_id::of_partition(&whole);
    if plan.incremental.is_none() {
        // Pairs are made once as it is, so that nothing need be remembered of them.
        if !plan.pairs_parents() && !known.insert(whole_digest) {
            return Ok(None);
        }
        return Ok(Some(Named {
            spawned: Spawned::new(whole, progress),
            digests: vec![whole_digest],
        }));
    }
    let requested = name_of(&plan.requested(&progress.parents));
    // Cursors that earlier versions have stored belong to all fields.
    let former = (requested != whole && !cursors.contains_key(&requested) && cursors.contains_key(&whole))
        .then(|| Arc::clone(&whole));
    let kept = cursors.get(&requested).or_else(|| cursors.get(former.as_ref()?));
    let requested_digest = row_id::of_partition(&requested);
    let is_first = known.insert(requested_digest);
    if requested == whole && !is_first {
        return Ok(None);
    }
    if requested != whole && !known.insert(whole_digest) {
        return Ok(None);
    }
    progress.shares_cursor = !is_first;
    let digests = if is_first {
        vec![requested_digest, whole_digest]
    } else {
        vec![whole_digest]
    };
    Ok(Some(Named {
        spawned: Spawned {
            progress: plan.begin(progress, kept)?,
            former: former.filter(|_| is_first),
            ..Spawned::new(
                if is_first { requested } else { whole },
                Progress::start(Parents::new()),
            )
        },
        digests,
    }))
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
