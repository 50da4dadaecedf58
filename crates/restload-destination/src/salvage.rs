//! Rows that the database refuses: found by halving, and kept out, so that the others are stored.
//!
//! It costs nothing where nothing is refused, but for a savepoint where the config tolerates rejects; where it does not,
//! the step fails as a whole.

use std::sync::Arc;

use restload_model::batch::{Batch, Cell, Reject, RejectKind, TableBatch};
use restload_model::schema::Target;
use serde_json::{Map, Value};

use crate::commit::{Portion, Prepared, Route, note};
use crate::destination::merges;
use crate::error::{Cause, DestinationError};
use crate::sql::{Dialect, Sql};
use crate::step::{StepReport, TableReport};
use crate::transaction::Transaction;

/// How the reason of a reject begins that the database gives.
const REFUSED: &str = "the database refuses it";

/// For every table of every batch, which rows are written; `None` where all are.
pub(crate) type Kept = Vec<Vec<Option<Vec<bool>>>>;

/// A root row: its batch, and its place in that.
type Root = (usize, usize);

impl Transaction<'_> {
    /// Writes the rows that are kept. Those that the database refuses become rejects of their batches, as many as the
    /// config tolerates. What is left of the rows comes back.
    pub(crate) async fn write_what_is_taken(
        &mut self,
        portion: &mut Portion<'_>,
        prepared: &[Prepared],
        route: Route,
        kept: Kept,
        report: &mut StepReport,
    ) -> Result<Kept, DestinationError> {
        let target = portion.target;
        let unstorable = portion.batches.iter().flat_map(|batch| &batch.rejects);
        let unstorable = unstorable
            .filter(|reject| reject.kind == RejectKind::Unstorable)
            .count() as u64;
        let so_far = self.memory.unstorable.entry(Arc::clone(&target.resource)).or_default();
        *so_far += unstorable;
        let tolerated = target.max_rejects.saturating_sub(*so_far);
        if tolerated == 0 {
            let done = self.write_tables(portion, prepared, route, &kept).await;
            tell(report, &done.map_err(|error| advise(error, target))?);
            return Ok(kept);
        }
        let roots = roots(&portion.batches, &target.table, &kept);
        let mut refused: Vec<(Root, String)> = Vec::new();
        let mut waiting: Vec<(usize, usize)> = vec![(0, roots.len())];
        while let Some((start, end)) = waiting.pop() {
            let part = only(&portion.batches, &target.table, &kept, &roots[start..end]);
            self.say(Dialect::savepoint()).await?;
            let error = match self.write_tables(portion, prepared, route, &part).await {
                Ok(done) => {
                    self.say(Dialect::release_savepoint()).await?;
                    tell(report, &done);
                    continue;
                }
                Err(error) => error,
            };
            let Some(cause) = error.refusal().map(|cause| in_words(cause, target)) else {
                return Err(error);
            };
            self.say(Dialect::rollback_to_savepoint()).await?;
            if end > start + 1 {
                let middle = start + (end - start) / 2;
                // The first half is tried first: of two rows that exclude each other, the first one stays.
                waiting.push((middle, end));
                waiting.push((start, middle));
            } else if start == end || refused.len() as u64 == tolerated {
                return Err(advise(error, target));
            } else {
                refused.push((roots[start], cause));
            }
        }
        if refused.is_empty() {
            return Ok(kept);
        }
        let count = refused.len() as u64;
        *self.memory.unstorable.entry(Arc::clone(&target.resource)).or_default() += count;
        report.refused.push((Arc::clone(&target.resource), count));
        let is_refused = |root: &Root| refused.iter().any(|(other, _)| other == root);
        let taken: Vec<Root> = roots.iter().filter(|root| !is_refused(root)).copied().collect();
        let kept = only(&portion.batches, &target.table, &kept, &taken);
        for ((batch, row), cause) in refused {
            let batch = &mut portion.batches[batch];
            let reject = Reject {
                kind: RejectKind::Unstorable,
                table: Arc::clone(&target.table),
                page: batch.page,
                record: place_on_page(batch, &target.table, row),
                reason: format!("{REFUSED}: {cause}"),
                raw: as_record(batch, &target.table, row).to_string(),
            };
            batch.rejects.push(reject);
        }
        Ok(kept)
    }

    pub(crate) async fn say(&mut self, sql: Sql) -> Result<(), DestinationError> {
        let done = self.writer.execute(sql, &[]).await;
        self.during("cannot go back to before some rows", done).map(drop)
    }
}

/// Why a row was refused; where a hint of the config is behind it, this comes first.
fn in_words(cause: &Cause, target: &Target) -> String {
    let said = cause.to_string();
    let is_meant = |name: &str| {
        let of_postgres = [format!("Key ({name})="), format!("Key (\"{name}\")=")];
        said.ends_with(&format!("failed: {}.{name}", target.table)) || of_postgres.iter().any(|key| said.contains(key))
    };
    let mut unique = target.columns.iter().filter(|hint| hint.unique);
    match unique.find(|hint| is_meant(&hint.name)) {
        Some(hint) if cause.is_duplicate() => {
            let name = &hint.name;
            let handed_on = if merges(target) && hint.nullable == Some(false) {
                "; rows are written one after another, so that they can hand a value on to each other only where the column \
                 takes NULL"
            } else {
                ""
            };
            format!(
                "column `{name}` is declared `unique: true`, and another row has the same value ({said}){handed_on}"
            )
        }
        _ => said,
    }
}

/// The error of rows that the database refuses, with what can be done about them.
fn advise(error: DestinationError, target: &Target) -> DestinationError {
    match error.refusal().map(|cause| in_words(cause, target)) {
        Some(said) => error.with_cause(format!(
            "{said}; `max_rejects` is {}, and so many of such records are kept in `_rl_rejects` while the others are loaded",
            target.max_rejects
        )),
        None => error,
    }
}

/// Adds what was done to the tables to the report.
fn tell(report: &mut StepReport, done: &[TableReport]) {
    for one in done {
        let told = note(report, &one.table);
        told.inserted += one.inserted;
        told.updated += one.updated;
        told.deleted += one.deleted;
    }
}

/// The root rows that are kept, or have child rows that are, in order.
fn roots(batches: &[Batch], root_table: &str, kept: &Kept) -> Vec<Root> {
    let mut roots = Vec::new();
    for (index, (batch, kept)) in batches.iter().zip(kept).enumerate() {
        let root = batch.tables.iter().find(|table| *table.name == *root_table);
        let mut is_meant = vec![false; root.map_or(0, |root| root.row_count)];
        for (table, kept) in batch.tables.iter().zip(kept) {
            for row in (0..table.row_count).filter(|row| kept.as_ref().is_none_or(|kept| kept[*row])) {
                is_meant[table.root_rows.get(row).map_or(row, |root_row| *root_row as usize)] = true;
            }
        }
        let meant = is_meant.iter().enumerate().filter(|(_, is_meant)| **is_meant);
        roots.extend(meant.map(|(row, _)| (index, row)));
    }
    roots
}

/// The same marks, for these root rows and what hangs on them only.
fn only(batches: &[Batch], root_table: &str, kept: &Kept, roots: &[Root]) -> Kept {
    let mut narrowed = Vec::with_capacity(batches.len());
    for (index, (batch, kept)) in batches.iter().zip(kept).enumerate() {
        let start = roots.partition_point(|(batch, _)| *batch < index);
        let end = roots.partition_point(|(batch, _)| *batch <= index);
        let root = batch.tables.iter().find(|table| *table.name == *root_table);
        let mut is_chosen = vec![false; root.map_or(0, |root| root.row_count)];
        for (_, row) in &roots[start..end] {
            is_chosen[*row] = true;
        }
        let marks = batch.tables.iter().zip(kept).map(|(table, kept)| {
            let rows = (0..table.row_count).map(|row| {
                let root_row = table.root_rows.get(row).map_or(row, |root_row| *root_row as usize);
                kept.as_ref().is_none_or(|kept| kept[row]) && is_chosen[root_row]
            });
            Some(rows.collect())
        });
        narrowed.push(marks.collect());
    }
    narrowed
}

/// The number of a root row's record on its page: records that have no row come between.
fn place_on_page(batch: &Batch, root_table: &str, row: usize) -> u64 {
    let mut without_row: Vec<u64> = batch
        .rejects
        .iter()
        .filter(|reject| *reject.table == *root_table && reject.kind != RejectKind::DiscardedValue)
        .filter(|reject| !reject.reason.starts_with(REFUSED))
        .map(|reject| reject.record)
        .collect();
    without_row.sort_unstable();
    without_row.dedup();
    let mut record = row as u64 + 1;
    for rejected in without_row {
        if rejected <= record {
            record += 1;
        }
    }
    record
}

/// What is known of a record here: the values of its row, and under the name of each child table its rows there.
fn as_record(batch: &Batch, root_table: &str, root_row: usize) -> Value {
    let mut record = Map::new();
    for table in &batch.tables {
        if *table.name == *root_table {
            record.extend(values(table, root_row));
            continue;
        }
        let rows = table.root_rows.iter().enumerate();
        let rows = rows.filter(|(_, root)| **root as usize == root_row);
        let rows: Vec<Value> = rows.map(|(row, _)| Value::Object(values(table, row))).collect();
        if !rows.is_empty() {
            record.insert(table.name.to_string(), Value::Array(rows));
        }
    }
    Value::Object(record)
}

fn values(table: &TableBatch, row: usize) -> Map<String, Value> {
    let mut values = Map::new();
    for column in table.columns.iter().filter(|column| !column.name.starts_with("_rl_")) {
        let value = match column.cell(row) {
            Cell::Null => continue,
            Cell::Bool(flag) => flag.into(),
            Cell::Bigint(number) => number.into(),
            Cell::Double(number) => number.into(),
            Cell::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
            cell => {
                let mut text = String::new();
                cell.write_text(&mut text);
                text.into()
            }
        };
        values.insert(column.name.to_string(), value);
    }
    values
}
