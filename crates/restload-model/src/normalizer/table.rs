//! A table that is being filled: its columns, and where the keys of its records have turned up so far.

use std::collections::HashMap;
use std::sync::Arc;

use super::rules::Rule;
use crate::DataType;
use crate::batch::{ColumnBuffer, TableBatch};
use crate::schema::{LIST_INDEX, LOAD_ID, PARENT_ID, ROOT_ID, ROW_ID};

#[derive(Debug)]
pub(super) struct TableBuilder {
    pub(super) name: Arc<str>,
    pub(super) parent: Option<usize>,
    /// The path in the parent's records that the table is made of.
    pub(super) source_name: Option<Arc<str>>,
    pub(super) columns: Vec<ColumnBuffer>,
    /// For each column, what it takes if its type is fixed.
    pub(super) rules: Vec<Option<Rule>>,
    /// Whether keys that have no column yet get one.
    pub(super) takes_new_columns: bool,
    pub(super) rows: usize,
    pub(super) root_rows: Vec<u32>,
    /// The first is the row itself, the others are the objects inside it.
    pub(super) shapes: Vec<Shape>,
    pub(super) ids: ColumnBuffer,
    pub(super) parent_ids: ColumnBuffer,
    pub(super) root_ids: ColumnBuffer,
    pub(super) list_indexes: ColumnBuffer,
}

/// The keys that an object at one place has had so far, in the order of the first.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// The normalised path of the object in its row, empty for the row itself.
    pub(super) path: String,
    /// The same path as the records spell it.
    pub(super) source: String,
    pub(super) members: Vec<Member>,
    pub(super) by_key: HashMap<Box<str>, usize>,
}

/// What a key has turned into. A key whose values change kind turns into several things.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: Box<str>,
    /// The column's name, normalised and joined to the path above.
    pub(super) name: String,
    /// The path as the records spell it.
    pub(super) source: String,
    pub(super) column: Option<usize>,
    /// Whether a declared type, or the table's own, keeps nested values whole.
    pub(super) is_declared: bool,
    pub(super) object: Option<usize>,
    pub(super) list: Option<usize>,
    /// Columns for values that do not fit the column, by what they hold.
    pub(super) variants: Vec<(DataType, usize)>,
    /// Whether a contract keeps the key from having a column.
    pub(super) is_column_refused: bool,
    /// Whether a contract keeps the key from having a table.
    pub(super) is_table_refused: bool,
}

impl TableBuilder {
    pub(super) fn new(name: Arc<str>, parent: Option<usize>, takes_new_columns: bool) -> Self {
        let system = |name: &str, data_type| ColumnBuffer::new(name.into(), name.into(), Some(data_type));
        Self {
            name,
            parent,
            source_name: None,
            columns: Vec::new(),
            rules: Vec::new(),
            takes_new_columns,
            rows: 0,
            root_rows: Vec::new(),
            shapes: vec![Shape::default()],
            ids: system(ROW_ID, DataType::Text),
            parent_ids: system(PARENT_ID, DataType::Text),
            root_ids: system(ROOT_ID, DataType::Text),
            list_indexes: system(LIST_INDEX, DataType::Bigint),
        }
    }

    /// Makes room for a page like the last one.
    pub(super) fn make_room(&mut self) {
        for column in &mut self.columns {
            column.make_room();
        }
        for column in [
            &mut self.ids,
            &mut self.parent_ids,
            &mut self.root_ids,
            &mut self.list_indexes,
        ] {
            column.make_room();
        }
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        self.rows = rows;
        for column in &mut self.columns {
            column.truncate(rows);
        }
        for column in [
            &mut self.ids,
            &mut self.parent_ids,
            &mut self.root_ids,
            &mut self.list_indexes,
        ] {
            column.truncate(rows);
        }
    }

    /// Hands the rows over and begins again with empty columns of the same names.
    pub(super) fn take(&mut self, parent: Option<Arc<str>>, load_id: &Arc<str>) -> TableBatch {
        let row_count = std::mem::take(&mut self.rows);
        let mut columns = Vec::with_capacity(self.columns.len() + 4);
        for (column, rule) in self.columns.iter_mut().zip(&self.rules) {
            columns.push(take_column(column, rule.map(|rule| rule.data_type), row_count));
        }
        let text = Some(DataType::Text);
        if parent.is_none() {
            columns.push(ColumnBuffer::repeated(LOAD_ID.into(), Arc::clone(load_id), row_count));
        } else {
            columns.push(take_column(&mut self.parent_ids, text, row_count));
            columns.push(take_column(&mut self.root_ids, text, row_count));
            columns.push(take_column(&mut self.list_indexes, Some(DataType::Bigint), row_count));
        }
        columns.push(take_column(&mut self.ids, text, row_count));
        let root_rows = std::mem::take(&mut self.root_rows);
        TableBatch {
            name: Arc::clone(&self.name),
            parent,
            source_name: self.source_name.clone(),
            columns,
            row_count,
            root_rows,
        }
    }
}

/// Swaps a filled column for an empty one.
///
/// The type that a page came to is not carried to the next: each page is typed by its own values and by what the
/// destination is known to hold, so the outcome does not depend on which pages a normalizer happened to see.
fn take_column(column: &mut ColumnBuffer, fixed: Option<DataType>, row_count: usize) -> ColumnBuffer {
    let mut empty = ColumnBuffer::new(
        Arc::clone(&column.name),
        Arc::clone(&column.source_name),
        fixed.or(column.initial_type()),
    );
    empty.declared = column.declared;
    empty.expect_like(column);
    let mut filled = std::mem::replace(column, empty);
    filled.pad(row_count);
    filled.fit();
    filled
}
