//! The rows of a step on their way into the tables: which of them are written, and with which columns.

use restload_model::batch::{Batch, TableBatch};
use restload_model::schema::Column;

use crate::commit::{Portion, Prepared, Route};
use crate::dispositions::fates::Fates;
use crate::rows::Rows;
use crate::salvage::Kept;

/// The rows of a portion that are to be written, and where.
pub(crate) struct Incoming<'s, 't> {
    pub(crate) portion: &'s Portion<'t>,
    pub(crate) prepared: &'s [Prepared],
    pub(crate) route: Route,
    pub(crate) kept: &'s Kept,
}

impl<'s> Incoming<'s, '_> {
    /// The batches' tables of that name, with marks of the rows that are written; without marks all are.
    pub(crate) fn tables(&self, name: &str) -> Vec<(&'s TableBatch, Option<Vec<bool>>)> {
        tables_of(self.portion, self.kept, name)
            .map(|(table, kept)| (table, kept.map(<[bool]>::to_vec)))
            .collect()
    }

    /// What is written of such tables.
    pub(crate) fn rows<'r>(&self, one: &Prepared, tables: &'r [(&'s TableBatch, Option<Vec<bool>>)]) -> Rows<'r> {
        let tables = tables.iter().map(|(table, kept)| (*table, kept.as_deref()));
        Rows::new(&columns_to_write(one, self.route), tables)
    }
}

/// The columns that the rows of a table set.
fn columns_to_write(prepared: &Prepared, route: Route) -> Vec<Column> {
    let came = |column: &&Column| prepared.wanted.has_values(&column.name);
    let columns = prepared.table.columns.iter();
    match route {
        // A field that a record no longer has is NULL in its row, so every column is set.
        Route::Merge => columns.cloned().collect(),
        // A merge in a shadow is a merge too.
        Route::Gather if !prepared.wanted.key.is_empty() => columns.cloned().collect(),
        _ => columns.filter(came).cloned().collect(),
    }
}

pub(crate) fn rows_to_write<'p>(portion: &'p Portion<'_>, one: &Prepared, route: Route, kept: &'p Kept) -> Rows<'p> {
    Rows::new(&columns_to_write(one, route), tables_of(portion, kept, &one.table.name))
}

/// The batches' tables of that name, each with its rows that are kept.
fn tables_of<'p>(
    portion: &'p Portion<'_>,
    kept: &'p Kept,
    name: &str,
) -> impl Iterator<Item = (&'p TableBatch, Option<&'p [bool]>)> {
    portion.batches.iter().zip(kept).flat_map(move |(batch, kept)| {
        let tables = batch.tables.iter().zip(kept);
        tables
            .filter(move |(table, _)| *table.name == *name)
            .map(|(table, kept)| (table, kept.as_deref()))
    })
}

/// The rows that their fates let be written.
pub(crate) fn kept(batches: &[Batch], fates: &Fates) -> Kept {
    let marks = |(index, batch): (usize, &Batch)| batch.tables.iter().map(|table| fates.mask(index, table)).collect();
    batches.iter().enumerate().map(marks).collect()
}
