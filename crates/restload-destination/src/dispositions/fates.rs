//! What becomes of each row that came: written, left out, or the reason to delete another.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use restload_model::batch::{Batch, Cell, TableBatch};
use restload_model::schema::{ROW_ID, SortOrder};

use super::sorting::SortValue;

/// What becomes of a root row that came, and of its child rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is written, with its child rows.
    Write,
    /// It is written; its child rows are there already.
    WriteAlone,
    /// It is there already, with its child rows.
    Stay,
    /// Another row that came has the same key, and counts.
    Duplicate,
    /// Its record is gone, and the row of its key is to be deleted.
    Delete,
    /// An earlier load has added it, with its child rows.
    Known,
}

/// The fates of all root rows of a step, by batch and row.
pub(crate) struct Fates {
    of_batches: Vec<Vec<Fate>>,
    root: Arc<str>,
    /// Whether a row that is left out for another one with its key still brings child rows that are not there yet. It
    /// does in a step of its own, so that it must in the step of the other one, too: where steps end is chance.
    adds_children_of_duplicates: bool,
}

/// How many rows of one table had which fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FateCounts {
    /// Rows that the table holds afterwards.
    pub(crate) held: u64,
    pub(crate) duplicates: u64,
    /// Rows that an earlier load has added.
    pub(crate) known: u64,
}

impl Fates {
    /// All are written, so far.
    pub(crate) fn all_written(batches: &[Batch], root: &Arc<str>) -> Self {
        let written = |batch: &Batch| vec![Fate::Write; find(batch, root).map_or(0, |table| table.row_count)];
        Self {
            of_batches: batches.iter().map(written).collect(),
            root: Arc::clone(root),
            adds_children_of_duplicates: false,
        }
    }

    /// Has rows that are left out for others with their keys bring their child rows all the same.
    pub(crate) fn add_children_of_duplicates(&mut self) {
        self.adds_children_of_duplicates = true;
    }

    /// Of rows with the same key one counts: by the values of a column, else the first or the last one.
    ///
    /// The id of a root row is a digest of its key, so equal ids are equal keys. Where keys have been widened on their
    /// way into the table, some may have become equal whose ids are not: then `widened_key` names the columns to look
    /// at, too.
    pub(crate) fn leave_out_duplicates(
        &mut self,
        batches: &[Batch],
        sort: Option<(&Arc<str>, SortOrder)>,
        first_counts: bool,
        widened_key: Option<&[Arc<str>]>,
    ) {
        self.leave_out(batches, sort, first_counts, |table, row| {
            match table.column(ROW_ID).map(|ids| ids.cell(row)) {
                Some(Cell::Text(id)) => Some(Cow::Borrowed(id)),
                _ => None,
            }
        });
        if let Some(key) = widened_key {
            self.leave_out(batches, sort, first_counts, |table, row| {
                Some(Cow::Owned(key_text(table, key, row)))
            });
        }
    }

    fn leave_out<'b>(
        &mut self,
        batches: &'b [Batch],
        sort: Option<(&Arc<str>, SortOrder)>,
        first_counts: bool,
        key_of: impl Fn(&'b TableBatch, usize) -> Option<Cow<'b, str>>,
    ) {
        let row_count = self.of_batches.iter().map(Vec::len).sum();
        let mut counting: HashMap<Cow<'b, str>, (usize, usize)> = HashMap::with_capacity(row_count);
        for (index, batch) in batches.iter().enumerate() {
            let Some(table) = find(batch, &self.root) else { continue };
            for row in 0..table.row_count {
                if self.of_batches[index][row] != Fate::Write {
                    continue;
                }
                let Some(key) = key_of(table, row) else { continue };
                match counting.entry(key) {
                    Entry::Vacant(entry) => {
                        entry.insert((index, row));
                    }
                    Entry::Occupied(mut entry) => {
                        let (other, other_row) = *entry.get();
                        let counts = match sort {
                            None => !first_counts,
                            Some((column, order)) => {
                                let new = SortValue::of_cell(self.cell(batches, (index, row), column));
                                let old = SortValue::of_cell(self.cell(batches, (other, other_row), column));
                                SortValue::counts(new.as_ref(), old.as_ref(), order)
                            }
                        };
                        if counts {
                            self.of_batches[other][other_row] = Fate::Duplicate;
                            entry.insert((index, row));
                        } else {
                            self.of_batches[index][row] = Fate::Duplicate;
                        }
                    }
                }
            }
        }
    }

    /// Rows that `hard_delete` marks are not written.
    pub(crate) fn mark_deleted(&mut self, batches: &[Batch], column: &str) {
        let adds_children_of_duplicates = self.adds_children_of_duplicates;
        for (batch, fates) in batches.iter().zip(&mut self.of_batches) {
            let Some(marks) = find(batch, &self.root).and_then(|table| table.column(column)) else {
                continue;
            };
            for (row, fate) in fates.iter_mut().enumerate() {
                let is_gone = match marks.cell(row) {
                    Cell::Null => false,
                    Cell::Bool(flag) => flag,
                    _ => true,
                };
                let counts = *fate == Fate::Write || (adds_children_of_duplicates && *fate == Fate::Duplicate);
                if is_gone && counts {
                    *fate = Fate::Delete;
                }
            }
        }
    }

    /// The ids of the rows that are to be added only if the table does not have them.
    pub(crate) fn only_if_new<'b>(&self, batches: &'b [Batch]) -> Vec<&'b str> {
        let mut wanted = Vec::new();
        for batch in batches.iter().filter(|batch| !batch.only_if_new.is_empty()) {
            let Some(ids) = find(batch, &self.root).and_then(|table| table.column(ROW_ID)) else {
                continue;
            };
            for row in &batch.only_if_new {
                if let Cell::Text(id) = ids.cell(*row as usize) {
                    wanted.push(id);
                }
            }
        }
        wanted
    }

    /// Leaves those of them out that an earlier load has added.
    pub(crate) fn leave_out_known(&mut self, batches: &[Batch], known: &HashSet<String>) {
        for (batch, fates) in batches.iter().zip(&mut self.of_batches) {
            let Some(ids) = find(batch, &self.root).and_then(|table| table.column(ROW_ID)) else {
                continue;
            };
            for row in &batch.only_if_new {
                if matches!(ids.cell(*row as usize), Cell::Text(id) if known.contains(id)) {
                    fates[*row as usize] = Fate::Known;
                }
            }
        }
    }

    /// Gives rows that are to be written another fate, by their ids.
    pub(crate) fn change(&mut self, batches: &[Batch], ids: &HashSet<String>, fate: Fate) {
        if ids.is_empty() {
            return;
        }
        for (batch, fates) in batches.iter().zip(&mut self.of_batches) {
            let Some(column) = find(batch, &self.root).and_then(|table| table.column(ROW_ID)) else {
                continue;
            };
            for (row, known) in fates.iter_mut().enumerate() {
                if *known == Fate::Write && matches!(column.cell(row), Cell::Text(id) if ids.contains(id)) {
                    *known = fate;
                }
            }
        }
    }

    /// The ids of the rows that are to be written, with their values of a column.
    pub(crate) fn written<'b>(&self, batches: &'b [Batch], column: Option<&str>) -> Vec<(&'b str, Cell<'b>)> {
        let mut written = Vec::new();
        for (batch, fates) in batches.iter().zip(&self.of_batches) {
            let Some(table) = find(batch, &self.root) else { continue };
            let Some(ids) = table.column(ROW_ID) else { continue };
            let values = column.and_then(|column| table.column(column));
            for (row, fate) in fates.iter().enumerate() {
                if let (Fate::Write, Cell::Text(id)) = (fate, ids.cell(row)) {
                    written.push((id, values.map_or(Cell::Null, |values| values.cell(row))));
                }
            }
        }
        written
    }

    /// Marks the root rows of one fate; `None` when there are none.
    pub(crate) fn root_rows_with(&self, fate: Fate) -> Option<Vec<Vec<bool>>> {
        let masks = self.of_batches.iter().map(|fates| fates.iter().map(|one| *one == fate));
        let masks: Vec<Vec<bool>> = masks.map(Iterator::collect).collect();
        masks.iter().flatten().any(|marked| *marked).then_some(masks)
    }

    /// Marks the rows of a table that are written; `None` when all are.
    pub(crate) fn mask(&self, batch: usize, table: &TableBatch) -> Option<Vec<bool>> {
        let fates = &self.of_batches[batch];
        let is_root = table.name == self.root;
        let is_written = |fate: Fate| match fate {
            Fate::Write => true,
            Fate::WriteAlone => is_root,
            Fate::Duplicate => !is_root && self.adds_children_of_duplicates,
            Fate::Stay | Fate::Delete | Fate::Known => false,
        };
        if fates.iter().all(|fate| is_written(*fate)) {
            return None;
        }
        Some(self.of_rows(batch, table).map(is_written).collect())
    }

    /// Counts the rows of a table by their fates.
    pub(crate) fn count(&self, batch: usize, table: &TableBatch) -> FateCounts {
        let mut counts = FateCounts::default();
        let adds_children = self.adds_children_of_duplicates && table.name != self.root;
        for fate in self.of_rows(batch, table) {
            match fate {
                Fate::Duplicate if adds_children => counts.held += 1,
                Fate::Duplicate => counts.duplicates += 1,
                Fate::Known => counts.known += 1,
                Fate::Delete => {}
                Fate::Write | Fate::WriteAlone | Fate::Stay => counts.held += 1,
            }
        }
        counts
    }

    /// The fates of a table's rows: those of their root rows.
    fn of_rows<'t>(&'t self, batch: usize, table: &'t TableBatch) -> impl Iterator<Item = Fate> + 't {
        let fates = &self.of_batches[batch];
        let is_root = table.name == self.root;
        (0..table.row_count).map(move |row| {
            let root_row = if is_root { row } else { table.root_rows[row] as usize };
            fates.get(root_row).copied().unwrap_or(Fate::Write)
        })
    }

    fn cell<'b>(&self, batches: &'b [Batch], (batch, row): (usize, usize), column: &str) -> Cell<'b> {
        let column = find(&batches[batch], &self.root).and_then(|table| table.column(column));
        column.map_or(Cell::Null, |column| column.cell(row))
    }
}

fn find<'b>(batch: &'b Batch, table: &str) -> Option<&'b TableBatch> {
    batch.tables.iter().find(|one| &*one.name == table)
}

/// The values of a row's key in one text, the same for values that a database holds to be equal.
fn key_text(table: &TableBatch, key: &[Arc<str>], row: usize) -> String {
    let mut text = String::new();
    for column in key {
        let cell = table.column(column).map_or(Cell::Null, |column| column.cell(row));
        cell.write_text(&mut text);
        if matches!(cell, Cell::Numeric(digits) if digits.contains('.')) {
            text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
        }
        text.push('\0');
    }
    text
}
