//! `merge`: rows that take the place of those with the same key, with their child rows, and rows that only delete.

use std::collections::HashSet;
use std::sync::Arc;

use restload_model::batch::{Batch, Cell, TableBatch};
use restload_model::schema::{MergeStrategy, ROOT_ID, ROW_ID, Table, Target};

use super::chain::marks_rows;
use super::fates::{Fate, Fates};
use super::unchanged::Again;
use crate::commit::{Prepared, Route};
use crate::error::{Cause, DestinationError};
use crate::incoming::Incoming;
use crate::plan::{Conflict, ConflictAction, TableState};
use crate::rows::Rows;
use crate::sql::Dialect;
use crate::transaction::{Transaction, shadow_name};
use crate::writers::{Inserted, Param};

/// How the rows of a table meet those with the same key.
pub(crate) fn conflict(target: &Target, key: &[Arc<str>]) -> Option<Conflict> {
    let action = match target.merging.strategy {
        MergeStrategy::InsertOnly => ConflictAction::Keep,
        _ => ConflictAction::UpdateChanged,
    };
    (!key.is_empty()).then(|| Conflict {
        key: key.to_vec(),
        action,
    })
}

/// What became of root rows that were merged.
pub(crate) struct Merged {
    pub(crate) written: Inserted,
    /// The ids of those that are what they were, with their child rows.
    pub(crate) unchanged: HashSet<String>,
    /// How many former child rows were removed, of each table.
    pub(crate) removed: Vec<(Arc<str>, u64)>,
}

impl Merged {
    /// Rows that were just added.
    pub(crate) fn of_new(written: Inserted) -> Self {
        Self {
            written,
            unchanged: HashSet::new(),
            removed: Vec::new(),
        }
    }
}

impl Transaction<'_> {
    /// Where the rows of a table stand that an earlier transaction has written and this one meets; none when there are
    /// no such rows.
    pub(crate) fn place_of(&self, table: &str, route: Route) -> Option<Arc<str>> {
        let place = match route {
            Route::Replace => return None,
            Route::Gather => shadow_name(self.stamp.pipeline, table),
            Route::Add | Route::Merge => table.into(),
        };
        self.states.contains_key(&*place).then_some(place)
    }

    /// The child tables of a target that have rows of root rows.
    pub(crate) fn children_of(&self, target: &Target) -> Vec<Arc<str>> {
        let has_root_id = |table: &Table| table.columns.iter().any(|column| &*column.name == ROOT_ID);
        let mut children = self.family(target);
        children.retain(|name| {
            *name != target.table
                && self.states.contains_key(&**name)
                && self.memory.catalog.table(name).is_some_and(has_root_id)
        });
        children
    }

    /// The same where rows are gathered.
    pub(crate) fn child_places(&self, target: &Target, route: Route) -> Vec<(Arc<str>, Arc<str>)> {
        if route != Route::Gather {
            let children = self.children_of(target).into_iter();
            return children.map(|name| (Arc::clone(&name), name)).collect();
        }
        let shadows = self.family(target).into_iter().filter_map(|name| {
            let shadow = self.place_of(&name, route)?;
            let has_root_id = self.states.get(&*shadow)?.column(ROOT_ID).is_some();
            (has_root_id && name != target.table).then_some((name, shadow))
        });
        shadows.collect()
    }

    fn has_foreign_ids(&self, target: &Target) -> bool {
        let state = self.states.get(&*target.table);
        state.is_some_and(TableState::may_have_foreign_ids)
    }

    /// Writes root rows where rows with their keys may be, and removes the child rows of those that were there, unless
    /// they stay: who hangs on what has not changed is left alone.
    pub(crate) async fn merge_rows(
        &mut self,
        incoming: &Incoming<'_, '_>,
        root: &Prepared,
        place: &str,
        rows: &Rows<'_>,
        conflict: &Conflict,
    ) -> Result<Merged, DestinationError> {
        let (target, route) = (incoming.portion.target, incoming.route);
        let children = self.child_places(target, route);
        // Once written, they are not to be found any more.
        let former = if route == Route::Merge && !children.is_empty() && self.has_foreign_ids(target) {
            self.ids_by(place, rows, &conflict.key, None).await?
        } else {
            Vec::new()
        };
        let mut written = self.write_over(root, place, rows, conflict).await?;
        let mut again = Again::default();
        if written.inserted + written.updated < rows.count() && (!children.is_empty() || marks_rows(target)) {
            again = self.compare_again(incoming, place, rows, conflict).await?;
            written.updated += again.changed_below.len() as u64;
        }
        let mut removed = Vec::new();
        let mut ids = rows.texts(ROW_ID);
        ids.extend(former.iter().map(String::as_str));
        ids.retain(|id| !again.unchanged.contains(*id));
        // What this load has made held nothing before it.
        let is_own = |(name, _): &(Arc<str>, Arc<str>)| self.memory.made.contains(name);
        let all_new =
            written.inserted == rows.count() && self.memory.made.contains(&target.table) && children.iter().all(is_own);
        if !ids.is_empty() && !all_new {
            for (child, child_place) in children {
                let count = self.delete_children(&child_place, &ids).await?;
                removed.push((child, count));
            }
        }
        Ok(Merged {
            written,
            unchanged: again.unchanged,
            removed,
        })
    }

    /// Writes root rows over those with their keys. Databases look at every row by itself for whether a unique column
    /// still is, so that rows which hand a value on to each other would refuse one another: then what they hold makes room
    /// first. A column that takes no NULL cannot.
    async fn write_over(
        &mut self,
        root: &Prepared,
        place: &str,
        rows: &Rows<'_>,
        conflict: &Conflict,
    ) -> Result<Inserted, DestinationError> {
        let state = self.states.get(place);
        let takes_null = |name: &str| {
            let column = state.and_then(|state| state.column(name));
            column.is_some_and(|column| !column.not_null)
        };
        let unique: Vec<Arc<str>> = root
            .wanted
            .unique
            .iter()
            .filter(|name| takes_null(name))
            .cloned()
            .collect();
        let failed = |cause: Cause, shown: &str| cause.writing(&root.table.name, rows.count(), shown);
        if unique.is_empty() {
            let written = self.writer.insert(place, rows, Some(conflict)).await;
            return written.map_err(|cause| failed(cause, self.shown));
        }
        self.say(Dialect::savepoint()).await?;
        let mut written = self.writer.insert(place, rows, Some(conflict)).await;
        if written.as_ref().is_err_and(Cause::is_duplicate) {
            self.say(Dialect::rollback_to_savepoint()).await?;
            let ids = self.ids_by(place, rows, &conflict.key, None).await?;
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let sql = self.writer.dialect().clear_by_list(place, &unique);
            let cleared = self.writer.execute(sql, &[Param::List(&ids)]).await;
            self.during(&format!("cannot make room in table `{place}`"), cleared)?;
            written = self.writer.insert(place, rows, Some(conflict)).await;
        }
        match written {
            Ok(written) => {
                self.say(Dialect::release_savepoint()).await?;
                Ok(written)
            }
            Err(cause) => {
                let error = failed(cause, self.shown);
                // Rows that the database refuses are not the end of the transaction.
                if error.refusal().is_some() {
                    self.say(Dialect::rollback_to_savepoint()).await?;
                    self.say(Dialect::release_savepoint()).await?;
                }
                Err(error)
            }
        }
    }

    async fn delete_children(&mut self, child: &str, root_ids: &[&str]) -> Result<u64, DestinationError> {
        let sql = self.writer.dialect().delete_by_list(child, ROOT_ID);
        let deleted = self.writer.execute(sql, &[Param::List(root_ids)]).await;
        self.during(&format!("cannot remove former rows of table `{child}`"), deleted)
    }

    async fn ids_by(
        &mut self,
        table: &str,
        rows: &Rows<'_>,
        key: &[Arc<str>],
        other_than: Option<&[&str]>,
    ) -> Result<Vec<String>, DestinationError> {
        let found = self.writer.find_ids(table, rows, key, other_than).await;
        self.during("cannot look up rows by their keys", found)
    }

    /// Deletes the rows, with their child rows, whose records are marked as gone, and says how many of each table.
    pub(crate) async fn delete_gone(
        &mut self,
        target: &Target,
        table: &Table,
        batches: &[Batch],
        fates: &Fates,
        route: Route,
    ) -> Result<Vec<(Arc<str>, u64)>, DestinationError> {
        let (Some(masks), Some(place)) = (fates.root_rows_with(Fate::Delete), self.place_of(&target.table, route))
        else {
            return Ok(Vec::new());
        };
        let tables = batches.iter().zip(&masks).flat_map(|(batch, mask)| {
            let roots = batch.tables.iter().filter(|one| one.name == target.table);
            roots.map(move |root| (root, Some(&mask[..])))
        });
        let rows = Rows::new(&table.columns, tables);
        let keys: Vec<Vec<Arc<str>>> = match target.merging.strategy {
            // What is there stays as it is.
            MergeStrategy::InsertOnly => return Ok(Vec::new()),
            MergeStrategy::Upsert => vec![target.primary_key.clone()],
            // Only rows of earlier loads: those of this one are in the group beside the mark.
            _ => target.merging.groups.clone(),
        };
        let (loads, _) = self.memory.chains.loads_and_steps(&target.resource);
        let loads: Vec<&str> = loads.iter().map(String::as_str).collect();
        let is_upsert = target.merging.strategy == MergeStrategy::Upsert;
        let other_than = (!is_upsert).then_some(&loads[..]);
        let mut deleted = Vec::new();
        for key in keys.into_iter().filter(|key| !key.is_empty()) {
            let ids = self.ids_by(&place, &rows, &key, other_than).await?;
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            if ids.is_empty() {
                continue;
            }
            for (child, child_place) in self.child_places(target, route) {
                deleted.push((child, self.delete_children(&child_place, &ids).await?));
            }
            if is_upsert {
                let gone = self.writer.delete_by_key(&place, &rows, &key).await;
                let gone = self.during(&format!("cannot delete rows of table `{place}`"), gone)?;
                deleted.push((Arc::clone(&target.table), gone));
            } else {
                let sql = self.writer.dialect().delete_by_list(&place, ROW_ID);
                let gone = self.writer.execute(sql, &[Param::List(&ids)]).await;
                let gone = self.during(&format!("cannot delete rows of table `{place}`"), gone)?;
                deleted.push((Arc::clone(&target.table), gone));
            }
        }
        Ok(deleted)
    }

    /// `insert-only`: the child rows that are not there yet. An element is known by its place in its list.
    pub(crate) async fn new_children_only(
        &mut self,
        target: &Target,
        child: &str,
        tables: &mut [(&TableBatch, Option<Vec<bool>>)],
        route: Route,
    ) -> Result<(), DestinationError> {
        if target.merging.strategy != MergeStrategy::InsertOnly {
            return Ok(());
        }
        let mut roots: Vec<&str> = Vec::new();
        for (table, _) in tables.iter() {
            let Some(column) = table.column(ROOT_ID) else { continue };
            for row in 0..table.row_count {
                if let Cell::Text(id) = column.cell(row)
                    && roots.last() != Some(&id)
                {
                    roots.push(id);
                }
            }
        }
        if roots.is_empty() {
            return Ok(());
        }
        let mut known: HashSet<String> = match self.place_of(child, route) {
            Some(place) => {
                let sql = self.writer.dialect().known_children(&place);
                let known = self.writer.rows(sql, &[Param::List(&roots)]).await;
                let known = self.during(&format!("cannot look up rows of table `{place}`"), known)?;
                known.into_iter().flatten().flatten().collect()
            }
            None => HashSet::new(),
        };
        // A root row from before the resource merged has another id than the one that came, and its own elements.
        let present = match self.place_of(&target.table, route) {
            Some(place) if route == Route::Merge && self.has_foreign_ids(target) => {
                Some(self.known_ids(&place, &roots).await?)
            }
            _ => None,
        };
        for (table, mask) in tables {
            let (Some(ids), Some(root_ids)) = (table.column(ROW_ID), table.column(ROOT_ID)) else {
                continue;
            };
            let mask = mask.get_or_insert_with(|| vec![true; table.row_count]);
            for (row, is_written) in mask.iter_mut().enumerate() {
                if !*is_written {
                    continue;
                }
                // Of two that come at once the first is there for the second.
                let is_known = matches!(ids.cell(row), Cell::Text(id) if !known.insert(id.to_owned()));
                let is_orphan = matches!((&present, root_ids.cell(row)),
                    (Some(present), Cell::Text(id)) if !present.contains(id));
                *is_written = !is_known && !is_orphan;
            }
        }
        Ok(())
    }
}
