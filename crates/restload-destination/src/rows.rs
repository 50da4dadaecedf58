//! The rows of one table in a step, gathered from its batches, as a writer goes through them.

use std::collections::HashSet;
use std::sync::Arc;

use restload_model::DataType;
use restload_model::batch::{Batch, Cell, ColumnBuffer, TableBatch};
use restload_model::schema::{Column, ROW_ID};

/// The rows to write, every cell of its column's type or NULL.
pub(crate) struct Rows<'a> {
    pub(crate) columns: Vec<(Arc<str>, DataType)>,
    chunks: Vec<Chunk<'a>>,
}

struct Chunk<'a> {
    /// For each column, the buffer of this batch that it is filled from.
    buffers: Vec<Option<&'a ColumnBuffer>>,
    row_count: usize,
    /// Which rows count; all of them when absent.
    kept: Option<&'a [bool]>,
}

impl<'a> Rows<'a> {
    /// The rows of a table that come in these batches, with the given columns.
    pub(crate) fn new(
        columns: &[Column],
        tables: impl IntoIterator<Item = (&'a TableBatch, Option<&'a [bool]>)>,
    ) -> Self {
        let chunks = tables
            .into_iter()
            .map(|(table, kept)| Chunk {
                buffers: columns.iter().map(|column| table.column(&column.name)).collect(),
                row_count: table.row_count,
                kept,
            })
            .collect();
        Self {
            columns: columns
                .iter()
                .map(|column| (Arc::clone(&column.name), column.data_type))
                .collect(),
            chunks,
        }
    }

    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.columns.iter().map(|(name, _)| Arc::clone(name)).collect()
    }

    pub(crate) fn count(&self) -> u64 {
        let count = |chunk: &Chunk<'_>| match chunk.kept {
            Some(kept) => kept.iter().filter(|kept| **kept).count(),
            None => chunk.row_count,
        };
        self.chunks.iter().map(count).sum::<usize>() as u64
    }

    /// Every row that counts, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Row<'_, 'a>> {
        self.chunks.iter().flat_map(|chunk| {
            (0..chunk.row_count)
                .filter(|row| chunk.kept.is_none_or(|kept| kept[*row]))
                .map(move |index| Row { chunk, index })
        })
    }

    /// The same rows with some of the columns only.
    pub(crate) fn only(&self, names: &[Arc<str>]) -> Self {
        let places: Vec<usize> = names
            .iter()
            .filter_map(|name| self.columns.iter().position(|(column, _)| column == name))
            .collect();
        Self {
            columns: places.iter().map(|place| self.columns[*place].clone()).collect(),
            chunks: self
                .chunks
                .iter()
                .map(|chunk| Chunk {
                    buffers: places.iter().map(|place| chunk.buffers[*place]).collect(),
                    row_count: chunk.row_count,
                    kept: chunk.kept,
                })
                .collect(),
        }
    }

    /// The texts of a column.
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        let Some(column) = self.columns.iter().position(|(column, _)| &**column == name) else {
            return Vec::new();
        };
        self.iter()
            .filter_map(|row| match row.cell(column) {
                Cell::Text(text) => Some(text),
                _ => None,
            })
            .collect()
    }

    /// The first of these columns that is NULL in some row.
    pub(crate) fn column_with_null(&self, names: &[Arc<str>]) -> Option<Arc<str>> {
        for name in names {
            let column = self.columns.iter().position(|(column, _)| column == name);
            let has_null = match column {
                Some(column) => self.iter().any(|row| matches!(row.cell(column), Cell::Null)),
                None => self.count() > 0,
            };
            if has_null {
                return Some(Arc::clone(name));
            }
        }
        None
    }
}

/// One row.
#[derive(Clone, Copy)]
pub(crate) struct Row<'r, 'a> {
    chunk: &'r Chunk<'a>,
    index: usize,
}

impl<'r> Row<'r, '_> {
    pub(crate) fn cell(&self, column: usize) -> Cell<'r> {
        match self.chunk.buffers[column] {
            Some(buffer) => buffer.cell(self.index),
            None => Cell::Null,
        }
    }
}

/// Marks the rows that stay when the last row of a key wins, for every table of every batch; `None` where all stay.
///
/// The id of a root row is a digest of its key, so equal ids are equal keys. Where keys have been widened on their way
/// into the table, some may have become equal whose ids are not: then `widened_key` names the columns to look at, too.
/// Child rows go with their root row.
pub(crate) fn last_of_each_key(
    batches: &[Batch],
    root_table: &str,
    widened_key: Option<&[Arc<str>]>,
) -> Vec<Vec<Option<Vec<bool>>>> {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut seen_keys: HashSet<String> = HashSet::new();
    let mut kept_of_batches = Vec::with_capacity(batches.len());
    for batch in batches.iter().rev() {
        let mut kept_of_tables: Vec<Option<Vec<bool>>> = batch.tables.iter().map(|_| None).collect();
        let root = batch.tables.iter().position(|table| &*table.name == root_table);
        if let Some(root) = root
            && let Some(ids) = batch.tables[root].column(ROW_ID)
        {
            let mut kept = vec![true; batch.tables[root].row_count];
            let mut drops = false;
            for row in (0..kept.len()).rev() {
                let is_seen = matches!(ids.cell(row), Cell::Text(id) if !seen.insert(id));
                let key = widened_key.map(|key| key_text(&batch.tables[root], key, row));
                if is_seen | key.is_some_and(|key| !seen_keys.insert(key)) {
                    kept[row] = false;
                    drops = true;
                }
            }
            if drops {
                for (index, table) in batch.tables.iter().enumerate() {
                    kept_of_tables[index] = Some(if index == root {
                        kept.clone()
                    } else {
                        table
                            .root_rows
                            .iter()
                            .map(|root_row| kept[*root_row as usize])
                            .collect()
                    });
                }
            }
        }
        kept_of_batches.push(kept_of_tables);
    }
    kept_of_batches.reverse();
    kept_of_batches
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
