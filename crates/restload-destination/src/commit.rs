//! What a step writes, the same for every database: which rows go where, what they replace, which checkpoints are true
//! afterwards.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use restload_model::DataType;
use restload_model::batch::{Batch, ColumnBuffer, Reject, RejectKind, TableBatch};
use restload_model::checkpoint::Checkpoint;
use restload_model::schema::{LOAD_ID, MergeStrategy, ROW_ID, Share, Table, Target};

use crate::destination::merges;
use crate::dispositions::fates::{FateCounts, Fates};
use crate::dispositions::merge::{Merged, conflict};
use crate::dispositions::unchanged::keep_children_of;
use crate::error::{Cause, DestinationError};
use crate::incoming::{Incoming, kept, rows_to_write};
use crate::plan::{ConflictAction, Wanted};
use crate::rows::Rows;
use crate::salvage::Kept;
use crate::state::{StateChange, shadow_resource};
use crate::step::{SchemaChange, Step, StepReport, TableReport};
use crate::system::{self, LOADS, STATE};
use crate::transaction::{Transaction, shadow_name};
use crate::writers::Param;

/// What a step holds for one resource, all of its parts together.
pub(crate) struct Portion<'t> {
    pub(crate) target: &'t Target,
    pub(crate) batches: Vec<Batch>,
    checkpoints: Vec<Checkpoint>,
    last: bool,
}

/// How a portion's rows reach their tables.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// Beside the rows that are there.
    Add,
    /// In the place of rows with the same key.
    Merge,
    /// In the place of all rows.
    Replace,
    /// Into shadow tables, for now.
    Gather,
}

/// A table that rows came for: as it was wanted, and as it then is.
pub(crate) struct Prepared {
    pub(crate) wanted: Wanted,
    pub(crate) table: Table,
}

impl<'d> Transaction<'d> {
    /// Writes a step; the transaction around it is the caller's.
    pub(crate) async fn write_step(&mut self, step: Step) -> Result<StepReport, DestinationError> {
        let mut report = StepReport {
            schema_changes: std::mem::take(&mut self.memory.untold),
            ..StepReport::default()
        };
        let portions = self.portions(step)?;
        for portion in portions.iter().filter(|portion| portion.target.share == Share::Divided) {
            // What names no table may belong to any, and keeps all of them from taking absence for gone.
            self.write_rejects(portion, &mut report).await?;
        }
        for portion in portions {
            Box::pin(self.write_portion(portion, &mut report)).await?;
        }
        report.schema_changes.append(&mut self.changes);
        report.warnings.append(&mut self.warnings);
        // Where records name their tables, each of these would say it.
        let mut told = HashSet::new();
        report.warnings.retain(|warning| told.insert(warning.clone()));
        for table in &self.touched {
            for column in &table.columns {
                report
                    .column_types
                    .push((Arc::clone(&table.name), Arc::clone(&column.name), column.data_type));
            }
        }
        let rows = counts_as_json(&self.memory.rows);
        let changes = SchemaChange::to_json(&self.memory.changes);
        let params = [
            Param::Text(&rows),
            Param::Text(&changes),
            Param::Integer(self.memory.rejects as i64),
            Param::Text(self.stamp.load_id),
        ];
        let sql = self.writer.dialect().advance_load(LOADS);
        let advanced = self.writer.execute(sql, &params).await;
        let updated = self.during("cannot update the record of the load", advanced)?;
        self.check_still_ours(updated)?;
        Ok(report)
    }

    /// The parts of a step by resource and root table, in the order in which they appear.
    fn portions(&self, step: Step) -> Result<Vec<Portion<'d>>, DestinationError> {
        let mut portions: Vec<Portion<'d>> = Vec::new();
        for part in step.parts {
            let is_of = |target: &Target| {
                target.resource == part.resource
                    && match &part.table {
                        Some(table) => target.table == *table,
                        None => target.share != Share::Part,
                    }
            };
            let known = portions.iter().position(|portion| is_of(portion.target));
            let place = if let Some(place) = known {
                place
            } else {
                let targets = self.targets;
                let Some(target) = targets.iter().find(|target| is_of(target)) else {
                    return Err(DestinationError::Misuse(format!(
                        "resource `{}` was not prepared",
                        part.resource
                    )));
                };
                portions.push(Portion {
                    target,
                    batches: Vec::new(),
                    checkpoints: Vec::new(),
                    last: false,
                });
                portions.len() - 1
            };
            let portion = &mut portions[place];
            portion.batches.extend(part.batches);
            portion.checkpoints.extend(part.checkpoints);
            portion.last |= part.last;
        }
        self.end_parts(&mut portions);
        Ok(portions)
    }

    /// Where records name their tables, the end of the resource is that of every table, whether this step has rows for
    /// it or not. The checkpoints come last: when a replace takes effect, they take the place of all that was stored.
    fn end_parts(&self, portions: &mut Vec<Portion<'d>>) {
        let (mut divided, mut others): (Vec<_>, Vec<_>) = std::mem::take(portions)
            .into_iter()
            .partition(|portion: &Portion<'_>| portion.target.share == Share::Divided);
        let targets = self.targets;
        for ended in divided.iter().filter(|portion| portion.last) {
            let parts = |target: &&Target| target.share == Share::Part && target.resource == ended.target.resource;
            for target in targets.iter().filter(parts) {
                match others.iter_mut().find(|portion| portion.target.table == target.table) {
                    Some(portion) => portion.last = true,
                    None => others.push(Portion {
                        target,
                        batches: Vec::new(),
                        checkpoints: Vec::new(),
                        last: true,
                    }),
                }
            }
        }
        others.append(&mut divided);
        *portions = others;
    }

    async fn write_portion(
        &mut self,
        mut portion: Portion<'d>,
        report: &mut StepReport,
    ) -> Result<(), DestinationError> {
        let target = portion.target;
        let route = self.route(&portion);
        self.start_over(target).await?;
        if target.share == Share::Divided {
            self.join_chain(target).await?;
            return self.write_checkpoints(portion, route, BTreeMap::new()).await;
        }
        self.describe_portion(&portion, route).await?;
        self.join_chain(target).await?;
        self.date_rows(target, &mut portion.batches);
        let prepared = self.evolve_tables(&portion).await?;
        let is_key_widened = widens(&portion.batches, &prepared, target);
        widen_batches(&mut portion.batches, &prepared);
        let fates = self.decide_fates(&portion, route, is_key_widened).await?;
        if route == Route::Replace {
            self.empty_tables(target).await?;
        }
        let kept = kept(&portion.batches, &fates);
        let deleted = match prepared.iter().find(|one| one.table.name == target.table) {
            Some(root) => {
                self.delete_gone(target, &root.table, &portion.batches, &fates, route)
                    .await?
            }
            None => Vec::new(),
        };
        let mut written = BTreeMap::new();
        let before: Vec<u64> = prepared
            .iter()
            .map(|one| rows_to_write(&portion, one, route, &kept).count())
            .collect();
        let kept = Box::pin(self.write_what_is_taken(&mut portion, &prepared, route, kept, report)).await?;
        for (one, before) in prepared.iter().zip(before) {
            let name = &one.table.name;
            let counts = count_fates(&portion.batches, name, &fates);
            if counts == FateCounts::default() {
                continue;
            }
            let refused = before - rows_to_write(&portion, one, route, &kept).count();
            let told = note(report, name);
            told.written += counts.held - refused;
            told.duplicates += counts.duplicates;
            told.already_there += counts.known;
            written.insert(Arc::clone(name), counts.held - refused);
        }
        for (table, count) in deleted.into_iter().filter(|(_, count)| *count > 0) {
            note(report, &table).deleted += count;
        }
        self.write_rejects(&portion, report).await?;
        self.memory.chains.note_step(&target.resource);
        let is_last = portion.last;
        self.write_checkpoints(portion, route, written).await?;
        if is_last {
            if matches!(route, Route::Add | Route::Merge) {
                self.close(target, report).await?;
            }
            self.settle(target).await?;
        }
        Ok(())
    }

    /// Decides what becomes of the rows that came.
    async fn decide_fates(
        &mut self,
        portion: &Portion<'_>,
        route: Route,
        is_key_widened: bool,
    ) -> Result<Fates, DestinationError> {
        let (target, batches) = (portion.target, &portion.batches);
        let mut fates = Fates::all_written(batches, &target.table);
        if merges(target) || target.history().is_some() {
            let first_counts = target.merging.strategy == MergeStrategy::InsertOnly;
            let widened_key = is_key_widened.then_some(target.unique_key());
            fates.leave_out_duplicates(batches, target.dedup_sort(), first_counts, widened_key);
            if first_counts && target.dedup_sort().is_none() {
                fates.add_children_of_duplicates();
            }
            self.compare_with_earlier_steps(target, batches, &mut fates, portion.last)
                .await?;
        }
        if let Some(column) = target.hard_delete() {
            fates.mark_deleted(batches, column);
        }
        if route == Route::Add && !self.created.contains(&target.table) {
            let ids = fates.only_if_new(batches);
            if !ids.is_empty() {
                let known = self.known_ids(&target.table, &ids).await?;
                fates.leave_out_known(batches, &known);
            }
        }
        if let Some(place) = self.place_of(&target.table, route) {
            self.find_versions(target, &place, batches, &mut fates).await?;
        }
        Ok(fates)
    }

    /// Writes the rows that are kept, parents before children, and says what that did to each table.
    pub(crate) async fn write_tables(
        &mut self,
        portion: &Portion<'_>,
        prepared: &[Prepared],
        route: Route,
        kept: &Kept,
    ) -> Result<Vec<TableReport>, DestinationError> {
        let target = portion.target;
        let incoming = Incoming {
            portion,
            prepared,
            route,
            kept,
        };
        let mut reports = Vec::new();
        let mut removed = Vec::new();
        let mut unchanged = HashSet::new();
        for one in prepared {
            let name = &one.table.name;
            let mut tables = incoming.tables(name);
            if *name != target.table {
                if !unchanged.is_empty() {
                    keep_children_of(&mut tables, |root| !unchanged.contains(root));
                }
                self.new_children_only(target, name, &mut tables, route).await?;
            }
            let rows = incoming.rows(one, &tables);
            if rows.count() == 0 {
                continue;
            }
            let merged = self.write_rows(&incoming, one, &rows).await?;
            if *name == target.table {
                (removed, unchanged) = (merged.removed, merged.unchanged);
            }
            let outcome = merged.written;
            let mut told = TableReport::new(Arc::clone(name));
            // Of the child rows that were removed for new ones, those are gone that have none.
            let former = removed
                .iter()
                .find(|(table, _)| table == name)
                .map_or(0, |(_, count)| *count);
            let replaced = former.min(outcome.inserted);
            told.inserted = outcome.inserted - replaced;
            told.updated = outcome.updated + replaced;
            told.deleted = former - replaced;
            removed.retain(|(table, _)| table != name);
            reports.push(told);
        }
        for (table, count) in removed.into_iter().filter(|(_, count)| *count > 0) {
            let mut told = TableReport::new(table);
            told.deleted = count;
            reports.push(told);
        }
        Ok(reports)
    }

    fn route(&self, portion: &Portion<'_>) -> Route {
        let target = portion.target;
        if self.replaces(target) {
            if portion.last && !self.memory.replacing.contains_key(&target.table) {
                Route::Replace
            } else {
                Route::Gather
            }
        } else if merges(target) {
            Route::Merge
        } else {
            Route::Add
        }
    }

    /// Reads what the database has of every table that the portion may touch.
    async fn describe_portion(&mut self, portion: &Portion<'_>, route: Route) -> Result<(), DestinationError> {
        let mut names: Vec<Arc<str>> = tables_with_rows(&portion.batches)
            .map(|table| Arc::clone(&table.name))
            .collect();
        if route != Route::Add || portion.last || portion.target.hard_delete().is_some() {
            names.extend(self.family(portion.target));
        }
        if route == Route::Gather {
            let shadows = names.iter().map(|name| shadow_name(self.stamp.pipeline, name));
            names.extend(shadows.collect::<Vec<_>>());
        }
        names.sort();
        names.dedup();
        self.describe(&names).await
    }

    /// Brings the tables that rows came for in line with them, parents before children.
    async fn evolve_tables(&mut self, portion: &Portion<'_>) -> Result<Vec<Prepared>, DestinationError> {
        let mut wanted: Vec<Wanted> = Vec::new();
        for table in tables_with_rows(&portion.batches) {
            let known = wanted.iter().position(|wanted| wanted.name == table.name);
            let place = known.unwrap_or_else(|| {
                wanted.push(Wanted {
                    source_name: table.source_name.clone(),
                    ..Wanted::new(Arc::clone(&table.name), table.parent.clone())
                });
                wanted.len() - 1
            });
            for column in &table.columns {
                wanted[place].observe(column);
            }
        }
        wanted.extend(self.declared_table(portion));
        let mut prepared = Vec::with_capacity(wanted.len());
        for mut wanted in wanted {
            self.add_rules(&mut wanted, portion.target);
            let table = self.evolve(&wanted, &portion.target.resource).await?;
            prepared.push(Prepared { wanted, table });
        }
        Ok(prepared)
    }

    /// The root table of a resource that has come to its end without a record, where its columns are declared: who reads
    /// it finds it empty, not missing.
    fn declared_table(&self, portion: &Portion<'_>) -> Option<Wanted> {
        let target = portion.target;
        let is_missing = portion.last && !self.exists(&target.table);
        let is_declared = target.columns.iter().any(|hint| hint.data_type.is_some());
        let has_rows = tables_with_rows(&portion.batches).any(|table| table.name == target.table);
        if !is_missing || !is_declared || has_rows || !target.contract.tables.evolves() {
            return None;
        }
        let mut wanted = Wanted::new(Arc::clone(&target.table), None);
        for name in [LOAD_ID, ROW_ID] {
            wanted.observe(&ColumnBuffer::new(name.into(), name.into(), Some(DataType::Text)));
        }
        Some(wanted)
    }

    async fn write_rows(
        &mut self,
        incoming: &Incoming<'_, '_>,
        prepared: &Prepared,
        rows: &Rows<'_>,
    ) -> Result<Merged, DestinationError> {
        let (target, table, key) = (incoming.portion.target, &prepared.table, &prepared.wanted.key);
        if let Some(column) = rows.column_with_null(key) {
            let cause = Cause::new(format!("column `{column}` of the primary key has no value in some row"));
            return Err(cause.writing(&table.name, rows.count(), self.shown));
        }
        let conflict = conflict(target, key);
        let (place, conflict) = match incoming.route {
            Route::Add | Route::Replace => (Arc::clone(&table.name), None),
            // Nothing can be in the way in a table that was just made.
            Route::Merge if self.created.contains(&table.name) => (Arc::clone(&table.name), None),
            Route::Merge => (Arc::clone(&table.name), conflict),
            Route::Gather => (self.sync_shadow(table, &prepared.wanted).await?, conflict),
        };
        match &conflict {
            Some(conflict) if conflict.action != ConflictAction::Keep => {
                self.merge_rows(incoming, prepared, &place, rows, conflict).await
            }
            _ => {
                let written = self.writer.insert(&place, rows, conflict.as_ref()).await;
                let written = written.map_err(|cause| cause.writing(&table.name, rows.count(), self.shown))?;
                Ok(Merged::of_new(written))
            }
        }
    }

    async fn write_rejects(&mut self, portion: &Portion<'_>, report: &mut StepReport) -> Result<(), DestinationError> {
        let rejects: Vec<&Reject> = portion.batches.iter().flat_map(|batch| &batch.rejects).collect();
        if !rejects.is_empty() {
            self.memory.rejects += rejects.len() as u64;
            let new = self.not_kept_yet(portion.target, rejects).await?;
            let rows = system::reject_rows(self.stamp, &portion.target.resource, new);
            self.write_system(&rows).await?;
        }
        for reject in portion.batches.iter().flat_map(|batch| &batch.rejects) {
            if portion.target.share == Share::Divided && reject.table == portion.target.table {
                // It has named no table to count it on.
                continue;
            }
            let told = note(report, &reject.table);
            match reject.kind {
                RejectKind::DiscardedValue => told.discarded_values += 1,
                RejectKind::Unstorable | RejectKind::Frozen | RejectKind::DiscardedRow => told.rejected += 1,
            }
        }
        Ok(())
    }

    /// Stores the checkpoints that are true now, and counts the rows that stand in the tables now.
    async fn write_checkpoints(
        &mut self,
        portion: Portion<'_>,
        route: Route,
        written: BTreeMap<Arc<str>, u64>,
    ) -> Result<(), DestinationError> {
        let target = portion.target;
        let resource = &target.resource;
        let mut written = written;
        // What a replace says of partitions takes effect with it.
        let holder = if route == Route::Gather || self.waits_for_the_end(resource) {
            shadow_resource(resource)
        } else {
            Arc::clone(resource)
        };
        let newest = portion.checkpoints.into_iter().map(|checkpoint| Checkpoint {
            resource: Arc::clone(&holder),
            ..checkpoint
        });
        let newest: BTreeMap<_, _> = newest.map(|one| (Arc::clone(&one.partition), one)).collect();
        if route == Route::Gather {
            let replacing = self.memory.replacing.entry(Arc::clone(&target.table)).or_default();
            for (table, count) in written {
                *replacing.rows.entry(table).or_default() += count;
            }
            if !portion.last {
                return self.store_checkpoints(&holder, false, newest).await;
            }
            if target.share != Share::Divided {
                self.swap(target).await?;
            }
            written = self.memory.replacing.remove(&target.table).unwrap_or_default().rows;
        }
        for (table, count) in written {
            *self.memory.rows.entry(table).or_default() += count;
        }
        if target.share == Share::Part {
            // The resource's checkpoints are no single table's.
            return Ok(());
        }
        self.store_checkpoints(&holder, route == Route::Replace, newest).await?;
        if route == Route::Gather {
            self.put_state_in_place(resource, &holder, true).await?;
        }
        Ok(())
    }

    /// Stores the newest checkpoint of each partition; with `forget` in the place of all that is stored of the resource.
    pub(crate) async fn store_checkpoints(
        &mut self,
        resource: &Arc<str>,
        forget: bool,
        newest: BTreeMap<Arc<str>, Checkpoint>,
    ) -> Result<(), DestinationError> {
        if forget {
            self.memory.chains.forget(resource);
            // The rows that the stored state tells of are gone.
            let sql = self.writer.dialect().forget_resource(STATE);
            let params = [Param::Text(self.stamp.pipeline), Param::Text(resource)];
            let forgotten = self.writer.execute(sql, &params).await;
            self.during(&format!("cannot forget the state of resource `{resource}`"), forgotten)?;
        } else {
            let removed: Vec<&str> = newest
                .values()
                .filter(|checkpoint| checkpoint.position.is_none())
                .map(|checkpoint| &*checkpoint.partition)
                .collect();
            if !removed.is_empty() {
                let sql = self.writer.dialect().forget_partitions(STATE);
                let params = [
                    Param::Text(self.stamp.pipeline),
                    Param::Text(resource),
                    Param::List(&removed),
                ];
                let forgotten = self.writer.execute(sql, &params).await;
                self.during(&format!("cannot update the state of resource `{resource}`"), forgotten)?;
            }
        }
        let rows = system::state_rows(self.stamp, &newest.values().collect::<Vec<_>>());
        self.write_system(&rows).await?;
        let changed = self.state.wants_changes().then(|| newest.into_values().collect());
        self.state_changes.push(StateChange {
            resource: Arc::clone(resource),
            forget,
            moved_from: None,
            checkpoints: changed.unwrap_or_default(),
        });
        Ok(())
    }
}

fn count_fates(batches: &[Batch], name: &str, fates: &Fates) -> FateCounts {
    let mut counts = FateCounts::default();
    for (index, batch) in batches.iter().enumerate() {
        if let Some(table) = batch.table(name) {
            let own = fates.count(index, table);
            counts.held += own.held;
            counts.duplicates += own.duplicates;
            counts.known += own.known;
        }
    }
    counts
}

fn counts_as_json(counts: &BTreeMap<Arc<str>, u64>) -> String {
    let counts = counts.iter().map(|(table, count)| (table.to_string(), (*count).into()));
    serde_json::Value::Object(counts.collect()).to_string()
}

fn tables_with_rows(batches: &[Batch]) -> impl Iterator<Item = &TableBatch> {
    batches
        .iter()
        .flat_map(|batch| &batch.tables)
        .filter(|table| table.row_count > 0)
}

/// Whether some batch brings a key in another type than the table has it in.
fn widens(batches: &[Batch], prepared: &[Prepared], target: &Target) -> bool {
    let Some(root) = prepared.iter().find(|one| one.table.name == target.table) else {
        return false;
    };
    let tables = batches.iter().flat_map(|batch| &batch.tables);
    let mut keys = tables
        .filter(|table| table.name == target.table)
        .flat_map(|table| target.primary_key.iter().filter_map(|name| table.column(name)));
    keys.any(|buffer| {
        let column = root.table.columns.iter().find(|column| column.name == buffer.name);
        column.is_some_and(|column| buffer.data_type() != Some(column.data_type))
    })
}

/// Turns the cells of every batch into the types in force.
fn widen_batches(batches: &mut [Batch], prepared: &[Prepared]) {
    for table in batches.iter_mut().flat_map(|batch| &mut batch.tables) {
        let Some(one) = prepared.iter().find(|one| one.table.name == table.name) else {
            continue;
        };
        for buffer in &mut table.columns {
            let column = one.table.columns.iter().find(|column| column.name == buffer.name);
            if let (Some(column), true) = (column, buffer.data_type().is_some()) {
                buffer.widen(column.data_type);
            }
        }
    }
}

/// The report of a table, to be added to.
pub(crate) fn note<'r>(report: &'r mut StepReport, table: &Arc<str>) -> &'r mut TableReport {
    let known = report.tables.iter().position(|known| known.table == *table);
    let place = known.unwrap_or_else(|| {
        report.tables.push(TableReport::new(Arc::clone(table)));
        report.tables.len() - 1
    });
    &mut report.tables[place]
}
