//! Rows that are merged again and are what they were: nothing of them is written, and their child rows stay.
//!
//! A root row is compared with the one that is there where it is inserted: what differs in nothing but its load is not
//! written. The child rows of such a row are put into a table of the connection's own and compared there, all of a step
//! at once. They are the same when each has one with its id, equal in every column, on the other side; ids of child rows
//! follow from the root row and their places, so a moved element differs, too.

use std::collections::HashSet;
use std::sync::Arc;

use restload_model::batch::{Cell, TableBatch};
use restload_model::schema::ROOT_ID;

use crate::error::DestinationError;
use crate::incoming::Incoming;
use crate::plan::{Conflict, TableState};
use crate::rows::Rows;
use crate::transaction::Transaction;
use crate::writers::Param;

use super::chain::marks_rows;

/// Root rows that came again.
#[derive(Default)]
pub(crate) struct Again {
    /// As they were, with all their child rows.
    pub(crate) unchanged: HashSet<String>,
    /// As they were, but for child rows.
    pub(crate) changed_below: HashSet<String>,
}

impl Transaction<'_> {
    /// Tells apart the root rows of a step that were not written because they are there already. Where every row has to
    /// carry the load that had it last, and where child rows differ, they get this load.
    pub(crate) async fn compare_again(
        &mut self,
        incoming: &Incoming<'_, '_>,
        place: &str,
        rows: &Rows<'_>,
        conflict: &Conflict,
    ) -> Result<Again, DestinationError> {
        let target = incoming.portion.target;
        let marks = marks_rows(target);
        // A row that was written has this load, so what has another one is as it was.
        let same = if marks {
            self.mark_by_key(place, rows, &conflict.key).await?
        } else {
            let found = self
                .writer
                .find_again(place, rows, &conflict.key, self.stamp.load_id)
                .await;
            self.during("cannot look up rows by their keys", found)?
        };
        let mut again = Again::default();
        if same.is_empty() {
            return Ok(again);
        }
        let same: HashSet<String> = same.into_iter().collect();
        again.changed_below = self.with_other_children(incoming, &same).await?;
        if !marks && !again.changed_below.is_empty() {
            let changed = rows.of_ids(&again.changed_below);
            self.mark_by_key(place, &changed, &conflict.key).await?;
        }
        again.unchanged = same;
        again.unchanged.retain(|id| !again.changed_below.contains(id));
        Ok(again)
    }

    /// Gives rows this load, and says which of them had another one.
    async fn mark_by_key(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        key: &[Arc<str>],
    ) -> Result<Vec<String>, DestinationError> {
        let marked = self.writer.mark_by_key(table, rows, key, self.stamp.load_id).await;
        self.during(&format!("cannot mark rows of table `{table}`"), marked)
    }

    /// Those of the root rows whose child rows are not the ones that came.
    async fn with_other_children(
        &mut self,
        incoming: &Incoming<'_, '_>,
        roots: &HashSet<String>,
    ) -> Result<HashSet<String>, DestinationError> {
        let target = incoming.portion.target;
        let ids: Vec<&str> = roots.iter().map(String::as_str).collect();
        let places = self.child_places(target, incoming.route);
        let mut different = HashSet::new();
        let mut compared = HashSet::new();
        for one in incoming.prepared.iter().filter(|one| one.table.name != target.table) {
            let mut tables = incoming.tables(&one.table.name);
            keep_children_of(&mut tables, |root| roots.contains(root));
            let rows = incoming.rows(one, &tables);
            if rows.count() == 0 {
                continue;
            }
            compared.insert(&one.table.name);
            if let Some((_, place)) = places.iter().find(|(name, _)| *name == one.table.name) {
                let found = self.writer.roots_that_differ(place, &rows, &ids).await;
                let found = found.map_err(|cause| cause.writing(&one.table.name, rows.count(), self.shown))?;
                different.extend(found);
            } else {
                // The table is new.
                different.extend(rows.texts(ROOT_ID).into_iter().map(str::to_owned));
            }
        }
        // Where nothing came, whatever is there is gone.
        for (_, place) in places.iter().filter(|(name, _)| !compared.contains(name)) {
            let has_index = self.states.get(&**place).is_some_and(TableState::finds_by_root);
            let sql = self.writer.dialect().roots_with_children(place, has_index);
            let found = self.writer.rows(sql, &[Param::List(&ids)]).await;
            let found = self.during(&format!("cannot look up rows of table `{place}`"), found)?;
            different.extend(found.into_iter().flatten().flatten());
        }
        Ok(different)
    }
}

/// Leaves out the child rows of root rows that are not wanted.
pub(crate) fn keep_children_of(tables: &mut [(&TableBatch, Option<Vec<bool>>)], is_wanted: impl Fn(&str) -> bool) {
    for (table, mask) in tables {
        let Some(roots) = table.column(ROOT_ID) else { continue };
        let mask = mask.get_or_insert_with(|| vec![true; table.row_count]);
        for (row, is_kept) in mask.iter_mut().enumerate() {
            *is_kept &= matches!(roots.cell(row), Cell::Text(root) if is_wanted(root));
        }
    }
}
