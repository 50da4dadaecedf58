//! The rows of one table in a step, gathered from its batches, as a writer goes through them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use restload_model::DataType;
use restload_model::batch::{Cell, ColumnBuffer, TableBatch};
use restload_model::schema::{Column, ROW_ID};

use crate::error::Cause;

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
    kept: Option<Cow<'a, [bool]>>,
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
                kept: kept.map(Cow::Borrowed),
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

    /// Whether every cell is of its column's type, for a writer that takes them as they are.
    pub(crate) fn check_types(&self) -> Result<(), Cause> {
        for chunk in &self.chunks {
            for ((name, data_type), buffer) in self.columns.iter().zip(&chunk.buffers) {
                let own = buffer.and_then(ColumnBuffer::data_type).unwrap_or(*data_type);
                if own != *data_type && buffer.is_some_and(ColumnBuffer::has_values) {
                    return Err(Cause::new(format!("column `{name}` takes {data_type}, not {own}")));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.columns.iter().map(|(name, _)| Arc::clone(name)).collect()
    }

    pub(crate) fn count(&self) -> u64 {
        let count = |chunk: &Chunk<'_>| match &chunk.kept {
            Some(kept) => kept.iter().filter(|kept| **kept).count(),
            None => chunk.row_count,
        };
        self.chunks.iter().map(count).sum::<usize>() as u64
    }

    /// Every row that counts, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Row<'_, 'a>> {
        self.chunks.iter().flat_map(|chunk| {
            (0..chunk.row_count)
                .filter(|row| chunk.kept.as_ref().is_none_or(|kept| kept[*row]))
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
                    kept: chunk.kept.clone(),
                })
                .collect(),
        }
    }

    /// The rows whose id is one of these.
    pub(crate) fn of_ids(&self, ids: &HashSet<String>) -> Self {
        let place = self.columns.iter().position(|(column, _)| &**column == ROW_ID);
        let chunks = self.chunks.iter().map(|chunk| {
            let is_one = |row: usize| {
                let cell = place.and_then(|place| chunk.buffers[place]).map(|ids| ids.cell(row));
                chunk.kept.as_ref().is_none_or(|kept| kept[row])
                    && matches!(cell, Some(Cell::Text(id)) if ids.contains(id))
            };
            Chunk {
                buffers: chunk.buffers.clone(),
                row_count: chunk.row_count,
                kept: Some((0..chunk.row_count).map(is_one).collect()),
            }
        });
        Self {
            columns: self.columns.clone(),
            chunks: chunks.collect(),
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
