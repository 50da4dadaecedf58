//! Typed rows on their way to a destination, column by column.
//!
//! A column's buffer starts without a type, takes the type of its first value, and widens when a value does not fit.
//! Text lives in one growing string per column, so a cell costs no allocation. A column knows nothing of its table's
//! other rows: it is padded with nulls when it is next written to.

mod cells;

use std::sync::Arc;

use crate::DataType;
use crate::iso_time;
use crate::value::push_double;
use cells::ColumnData;

/// The rows of one page, or of a part of it.
#[derive(Debug, Default)]
pub struct Batch {
    /// The page that the rows came on, from 1.
    pub page: u64,
    /// Parents stand before their children. A table appears once.
    pub tables: Vec<TableBatch>,
    /// Records that could not be taken, with the reason.
    pub rejects: Vec<Reject>,
    /// Rows of the root table that are added only when no row with their id is there.
    pub only_if_new: Vec<u32>,
}

impl Batch {
    /// The rows of a table.
    pub fn table(&self, name: &str) -> Option<&TableBatch> {
        self.tables.iter().find(|table| &*table.name == name)
    }

    /// Roughly the memory that the batch holds, in bytes. What the buffers themselves take counts, because of small pages
    /// it is the greatest part.
    pub fn byte_count(&self) -> usize {
        let tables: usize = self.tables.iter().map(TableBatch::byte_count).sum();
        let rejects = self.rejects.iter().map(|reject| reject.reason.len() + reject.raw.len());
        size_of::<Self>() + tables + rejects.sum::<usize>()
    }

    /// The rows in all tables.
    pub fn row_count(&self) -> usize {
        self.tables.iter().map(|table| table.row_count).sum()
    }
}

/// Why something is kept out of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectKind {
    /// The record cannot be stored.
    Unstorable,
    /// The record violates a contract that freezes its table.
    Frozen,
    /// A contract leaves the row out.
    DiscardedRow,
    /// A contract leaves the value out; its row is stored.
    DiscardedValue,
}

impl RejectKind {
    /// The kind as the rejects table has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unstorable => "unstorable",
            Self::Frozen => "frozen",
            Self::DiscardedRow => "discarded_row",
            Self::DiscardedValue => "discarded_value",
        }
    }
}

/// A record, or a part of one, that is kept out of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// What is done with it, and by whose wish.
    pub kind: RejectKind,
    /// The table that it would have gone to.
    pub table: Arc<str>,
    /// The page it came on, from 1.
    pub page: u64,
    /// Its place on the page, from 1.
    pub record: u64,
    /// What is wrong with it.
    pub reason: String,
    /// What is kept out, as JSON: the record, the element of a list, or the value under its path.
    pub raw: String,
}

/// Rows of one table.
#[derive(Debug)]
pub struct TableBatch {
    /// The table's name, normalised.
    pub name: Arc<str>,
    /// The table above, for a child table.
    pub parent: Option<Arc<str>>,
    /// The path in the parent's records that a child table is made of.
    pub source_name: Option<Arc<str>>,
    /// Every column has `row_count` cells. Columns that never saw a value are there without a type.
    pub columns: Vec<ColumnBuffer>,
    /// How many rows there are.
    pub row_count: usize,
    /// For a child table: for each row, the index of its root row in this batch's root table.
    pub root_rows: Vec<u32>,
}

impl TableBatch {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&ColumnBuffer> {
        self.columns.iter().find(|column| &*column.name == name)
    }

    fn byte_count(&self) -> usize {
        let columns: usize = self.columns.iter().map(ColumnBuffer::byte_count).sum();
        size_of::<Self>() + columns + self.root_rows.len() * 4
    }
}

/// The cells of one column.
#[derive(Debug)]
pub struct ColumnBuffer {
    /// The column's name, normalised.
    pub name: Arc<str>,
    /// The path in the record that it is filled from.
    pub source_name: Arc<str>,
    /// Declared in the config: the type is fixed.
    pub declared: bool,
    initial_type: Option<DataType>,
    data: ColumnData,
    valid: Vec<bool>,
    expected: Size,
}

/// What cells take.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    rows: usize,
    /// Of texts and bytes.
    bytes: usize,
}

/// One cell, as a writer sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Bigint(i64),
    /// A floating point number.
    Double(f64),
    /// Text.
    Text(&'a str),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Microseconds since 1970-01-01T00:00:00 by a clock without a zone.
    TimestampNtz(i64),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// A number as digits with an optional sign and point, no exponent.
    Numeric(&'a str),
    /// Compact JSON.
    Json(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

impl ColumnBuffer {
    /// An empty column whose type follows from its values, starting from the type the table's column has, if any.
    pub fn new(name: Arc<str>, source_name: Arc<str>, data_type: Option<DataType>) -> Self {
        let data = data_type.map_or(ColumnData::Untyped, ColumnData::empty);
        Self {
            name,
            source_name,
            declared: false,
            initial_type: data_type,
            data,
            valid: Vec::new(),
            expected: Size::default(),
        }
    }

    /// Says that there will be about as many cells as another column has, of the same size.
    pub(crate) fn expect_like(&mut self, other: &Self) {
        self.expected = Size {
            rows: other.valid.len(),
            bytes: other.data.text_bytes(),
        };
    }

    /// Makes room at once for what is expected: growing step by step would take up to twice as much.
    pub(crate) fn make_room(&mut self) {
        let Size { rows, bytes } = self.expected;
        self.valid.reserve_exact(rows);
        // Texts are seldom of the same length.
        self.data.reserve(rows, bytes + bytes / 16);
    }

    /// Gives back room for more than twice of what is there.
    pub(crate) fn fit(&mut self) {
        if self.valid.capacity() > 2 * self.valid.len() {
            self.valid.shrink_to_fit();
            self.data.shrink_to_fit();
        }
    }

    /// A column of one text in `row_count` rows.
    pub fn repeated(name: Arc<str>, text: Arc<str>, row_count: usize) -> Self {
        let source_name = Arc::clone(&name);
        Self {
            name,
            source_name,
            declared: true,
            initial_type: Some(DataType::Text),
            data: ColumnData::Repeated(text),
            valid: vec![true; row_count],
            expected: Size::default(),
        }
    }

    /// The cells so far.
    pub fn len(&self) -> usize {
        self.valid.len()
    }

    /// Whether there are no cells.
    pub fn is_empty(&self) -> bool {
        self.valid.is_empty()
    }

    /// The type, or `None` while only nulls came.
    pub fn data_type(&self) -> Option<DataType> {
        Some(match &self.data {
            ColumnData::Untyped => return None,
            ColumnData::Repeated(_) | ColumnData::Text(_) => DataType::Text,
            ColumnData::Bool(_) => DataType::Bool,
            ColumnData::Bigint(_) => DataType::Bigint,
            ColumnData::Double(_) => DataType::Double,
            ColumnData::Timestamp(..) => DataType::Timestamp,
            ColumnData::TimestampNtz(..) => DataType::TimestampNtz,
            ColumnData::Date(..) => DataType::Date,
            ColumnData::Time(..) => DataType::Time,
            ColumnData::Numeric(_) => DataType::Numeric,
            ColumnData::Json(_) => DataType::Json,
            ColumnData::Binary(_) => DataType::Binary,
        })
    }

    /// The type that the column had before its first value.
    pub(crate) fn initial_type(&self) -> Option<DataType> {
        self.initial_type
    }

    /// Whether any cell is not null.
    pub fn has_values(&self) -> bool {
        self.valid.contains(&true)
    }

    /// The cell of a row, in the column's own type.
    pub fn cell(&self, row: usize) -> Cell<'_> {
        if !self.valid[row] {
            return Cell::Null;
        }
        match &self.data {
            ColumnData::Untyped => Cell::Null,
            ColumnData::Repeated(text) => Cell::Text(text),
            ColumnData::Bool(cells) => Cell::Bool(cells[row]),
            ColumnData::Bigint(cells) => Cell::Bigint(cells[row]),
            ColumnData::Double(cells) => Cell::Double(cells[row]),
            ColumnData::Text(cells) => Cell::Text(cells.get(row)),
            ColumnData::Timestamp(cells, _) => Cell::Timestamp(cells[row]),
            ColumnData::TimestampNtz(cells, _) => Cell::TimestampNtz(cells[row]),
            ColumnData::Date(cells, _) => Cell::Date(cells[row]),
            ColumnData::Time(cells, _) => Cell::Time(cells[row]),
            ColumnData::Numeric(cells) => Cell::Numeric(cells.get(row)),
            ColumnData::Json(cells) => Cell::Json(cells.get(row)),
            ColumnData::Binary(cells) => Cell::Binary(cells.get(row)),
        }
    }

    /// Whether every whole number in the column is exact as a double, so that widening to double loses nothing.
    pub fn is_exact_as_double(&self) -> bool {
        const LIMIT: i64 = 1 << 53;
        match &self.data {
            ColumnData::Bigint(cells) => cells.iter().all(|number| (-LIMIT..=LIMIT).contains(number)),
            _ => true,
        }
    }

    /// Changes the cells to a wider type, one that [`DataType::join`] gives for the column's own.
    ///
    /// Text that was detected as a moment comes back as it was written.
    pub fn widen(&mut self, wider: DataType) {
        if self.data_type() == Some(wider) {
            return;
        }
        let narrow = std::mem::replace(&mut self.data, ColumnData::empty(wider));
        let len = self.valid.len();
        if matches!(narrow, ColumnData::Untyped) {
            self.data.pad(len);
            return;
        }
        match (&mut self.data, narrow) {
            (ColumnData::Double(wide), ColumnData::Bigint(cells)) => {
                wide.extend(cells.into_iter().map(|number| number as f64));
            }
            (
                ColumnData::Timestamp(wide, texts) | ColumnData::TimestampNtz(wide, texts),
                ColumnData::Date(days, text),
            ) => {
                wide.extend(days.into_iter().map(|day| i64::from(day) * iso_time::MICROS_PER_DAY));
                *texts = text;
            }
            (ColumnData::TimestampNtz(wide, texts), ColumnData::Timestamp(cells, text)) => {
                *wide = cells;
                *texts = text;
            }
            (
                ColumnData::Text(wide),
                ColumnData::Timestamp(_, text)
                | ColumnData::TimestampNtz(_, text)
                | ColumnData::Date(_, text)
                | ColumnData::Time(_, text),
            ) => {
                *wide = text;
            }
            (ColumnData::Text(wide), ColumnData::Numeric(text) | ColumnData::Json(text)) => *wide = text,
            (ColumnData::Text(wide) | ColumnData::Numeric(wide) | ColumnData::Json(wide), narrow) => {
                let narrow = Self {
                    name: Arc::clone(&self.name),
                    source_name: Arc::clone(&self.source_name),
                    declared: false,
                    initial_type: None,
                    data: narrow,
                    valid: std::mem::take(&mut self.valid),
                    expected: Size::default(),
                };
                for row in 0..len {
                    wide.push_with(|out| match wider {
                        DataType::Numeric => narrow.cell(row).write_numeric(out),
                        _ => narrow.cell(row).write_text(out),
                    });
                }
                self.valid = narrow.valid;
            }
            (data, _) => {
                // Not a widening: nothing of the old type can stand in the new one.
                data.pad(len);
                self.valid.fill(false);
            }
        }
    }

    /// Adds nulls until the column has `len` cells.
    pub fn pad(&mut self, len: usize) {
        if self.valid.len() < len {
            self.valid.resize(len, false);
            self.data.pad(len);
        }
    }

    /// Removes cells from the end until `len` are left.
    pub fn truncate(&mut self, len: usize) {
        if self.valid.len() > len {
            self.valid.truncate(len);
            self.data.truncate(len);
        }
    }

    /// Makes room for the cell of `row`: rows before it that have none become null, a cell it has is replaced.
    fn prepare(&mut self, row: usize) {
        if self.valid.len() != row {
            self.pad(row);
            self.truncate(row);
        }
    }

    /// Sets the cell of the newest row to null.
    pub fn put_null(&mut self, row: usize) {
        self.prepare(row);
        self.pad(row + 1);
    }

    /// Sets the cell of the newest row; the column widens when the value does not fit its type.
    ///
    /// Text is stored as it is: whether it spells a moment is for the caller to find out.
    pub fn put(&mut self, row: usize, cell: Cell<'_>) {
        self.prepare(row);
        // Most values are of their column's own type.
        match (&mut self.data, cell) {
            (ColumnData::Text(cells), Cell::Text(text)) => cells.push(text),
            (ColumnData::Bigint(cells), Cell::Bigint(number)) => cells.push(number),
            (ColumnData::Double(cells), Cell::Double(number)) => cells.push(number),
            (ColumnData::Bool(cells), Cell::Bool(flag)) => cells.push(flag),
            _ => return self.put_other(row, cell),
        }
        self.valid.push(true);
    }

    /// The same where the column has another type, or none yet.
    fn put_other(&mut self, row: usize, cell: Cell<'_>) {
        let Some(own) = cell.data_type() else {
            self.pad(row + 1);
            return;
        };
        let column_type = self.data_type();
        match column_type {
            None => self.widen(own),
            Some(current) if current == own => {}
            Some(current) => {
                let mut wider = current.join(own);
                let rounds =
                    !self.is_exact_as_double() || matches!(cell, Cell::Bigint(n) if n.unsigned_abs() > 1 << 53);
                if wider == DataType::Double && rounds {
                    wider = DataType::Numeric;
                }
                self.widen(wider);
            }
        }
        self.data.push(cell);
        self.valid.push(true);
    }

    /// Sets the cell of the newest row to a moment that was detected in a text, which is kept beside it.
    pub fn put_detected(&mut self, row: usize, cell: Cell<'_>, text: &str) {
        self.prepare(row);
        let is_of_type = matches!(
            (&self.data, cell),
            (ColumnData::Timestamp(..), Cell::Timestamp(_)) | (ColumnData::Date(..), Cell::Date(_))
        );
        if !is_of_type {
            let Some(own) = cell.data_type() else { return };
            self.widen(self.data_type().map_or(own, |current| current.join(own)));
        }
        match (&mut self.data, cell) {
            (ColumnData::Timestamp(cells, texts) | ColumnData::TimestampNtz(cells, texts), Cell::Timestamp(micros)) => {
                cells.push(micros);
                texts.push(text);
            }
            (ColumnData::Timestamp(cells, texts) | ColumnData::TimestampNtz(cells, texts), Cell::Date(days)) => {
                cells.push(i64::from(days) * iso_time::MICROS_PER_DAY);
                texts.push(text);
            }
            (ColumnData::Date(cells, texts), Cell::Date(days)) => {
                cells.push(days);
                texts.push(text);
            }
            (data, _) => data.push(Cell::Text(text)),
        }
        self.valid.push(true);
    }

    fn byte_count(&self) -> usize {
        // Each has a few allocations, none of them smaller than some cells.
        const ALLOCATIONS: usize = 96;
        size_of::<Self>() + ALLOCATIONS + self.valid.len() + self.data.byte_count()
    }
}

impl Cell<'_> {
    /// The type of the cell; none for NULL.
    pub fn data_type(self) -> Option<DataType> {
        Some(match self {
            Cell::Null => return None,
            Cell::Bool(_) => DataType::Bool,
            Cell::Bigint(_) => DataType::Bigint,
            Cell::Double(_) => DataType::Double,
            Cell::Text(_) => DataType::Text,
            Cell::Timestamp(_) => DataType::Timestamp,
            Cell::TimestampNtz(_) => DataType::TimestampNtz,
            Cell::Date(_) => DataType::Date,
            Cell::Time(_) => DataType::Time,
            Cell::Numeric(_) => DataType::Numeric,
            Cell::Json(_) => DataType::Json,
            Cell::Binary(_) => DataType::Binary,
        })
    }

    /// Appends the cell as it stands in a numeric column: a double without an exponent.
    fn write_numeric(self, out: &mut String) {
        use std::fmt::Write as _;
        match self {
            Cell::Double(number) => {
                let _ = write!(out, "{number}");
            }
            cell => cell.write_text(out),
        }
    }

    /// Appends the cell as it stands in a text column: what every destination writes when a column becomes text.
    pub fn write_text(self, out: &mut String) {
        use std::fmt::Write as _;
        match self {
            Cell::Null => {}
            Cell::Bool(true) => out.push_str("true"),
            Cell::Bool(false) => out.push_str("false"),
            Cell::Bigint(number) => {
                let _ = write!(out, "{number}");
            }
            Cell::Double(number) => push_double(out, number),
            Cell::Text(text) | Cell::Numeric(text) | Cell::Json(text) => out.push_str(text),
            Cell::Timestamp(micros) => iso_time::write_timestamp(out, micros),
            Cell::TimestampNtz(micros) => {
                iso_time::write_timestamp(out, micros);
                out.pop();
            }
            Cell::Date(days) => iso_time::write_date(out, days),
            Cell::Time(micros) => iso_time::write_time(out, micros),
            Cell::Binary(bytes) => {
                for byte in bytes {
                    let _ = write!(out, "{byte:02x}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(cells: &[Cell<'_>]) -> ColumnBuffer {
        let mut column = ColumnBuffer::new("c".into(), "c".into(), None);
        for (row, cell) in cells.iter().enumerate() {
            match cell {
                Cell::Null => column.put_null(row),
                Cell::Text(text) => match iso_time::parse_timestamp(text) {
                    Some(micros) => column.put_detected(row, Cell::Timestamp(micros), text),
                    None => column.put(row, *cell),
                },
                cell => column.put(row, *cell),
            }
        }
        column
    }

    fn texts(column: &ColumnBuffer) -> Vec<String> {
        (0..column.len())
            .map(|row| {
                let mut out = String::new();
                column.cell(row).write_text(&mut out);
                out
            })
            .collect()
    }

    #[test]
    fn takes_the_widest_type_of_the_batch() {
        use Cell::{Bigint, Bool, Double, Null, Text};
        for (cells, data_type, expected) in [
            (
                vec![Bigint(1), Null, Bigint(2)],
                Some(DataType::Bigint),
                vec!["1", "", "2"],
            ),
            (vec![Bigint(1), Double(1.5)], Some(DataType::Double), vec!["1.0", "1.5"]),
            (vec![Double(1.5), Bigint(1)], Some(DataType::Double), vec!["1.5", "1.0"]),
            (
                vec![Bigint(1 << 60), Double(1.5)],
                Some(DataType::Numeric),
                vec!["1152921504606846976", "1.5"],
            ),
            (vec![Bool(true), Bigint(1)], Some(DataType::Text), vec!["true", "1"]),
            (
                vec![Bigint(1), Text("abc"), Null],
                Some(DataType::Text),
                vec!["1", "abc", ""],
            ),
            (
                vec![Text("2024-01-02 03:04:05+02:00"), Text("not a date")],
                Some(DataType::Text),
                vec!["2024-01-02 03:04:05+02:00", "not a date"],
            ),
            (vec![Null, Null], None, vec!["", ""]),
        ] {
            let column = column(&cells);
            assert_eq!(column.data_type(), data_type, "{cells:?}");
            assert_eq!(texts(&column), expected, "{cells:?}");
        }
    }

    #[test]
    fn the_cell_of_a_row_can_be_set_again() {
        let mut column = ColumnBuffer::new("c".into(), "c".into(), None);
        column.put(0, Cell::Bigint(1));
        column.put(0, Cell::Bigint(2));
        column.put(2, Cell::Text("x"));
        assert_eq!(texts(&column), ["2", "", "x"]);
        column.truncate(1);
        assert_eq!(texts(&column), ["2"]);
    }
}
