//! The cells of one type: a vector, and where they are texts or bytes one growing buffer with the end of each.

use std::sync::Arc;

use super::Cell;
use crate::DataType;
use crate::iso_time;

/// The cells of a column, by its type.
#[derive(Debug)]
pub(super) enum ColumnData {
    /// Only nulls so far.
    Untyped,
    /// The same text in every row.
    Repeated(Arc<str>),
    Bool(Vec<bool>),
    Bigint(Vec<i64>),
    Double(Vec<f64>),
    Text(TextBuffer),
    /// A detected moment keeps its text until the batch is written: should another value turn the column into text,
    /// nothing of the original is lost.
    Timestamp(Vec<i64>, TextBuffer),
    TimestampNtz(Vec<i64>, TextBuffer),
    Date(Vec<i32>, TextBuffer),
    Time(Vec<i64>, TextBuffer),
    Numeric(TextBuffer),
    Json(TextBuffer),
    Binary(BytesBuffer),
}

impl ColumnData {
    pub(super) fn empty(data_type: DataType) -> Self {
        match data_type {
            DataType::Text => Self::Text(TextBuffer::default()),
            DataType::Bigint => Self::Bigint(Vec::new()),
            DataType::Double => Self::Double(Vec::new()),
            DataType::Bool => Self::Bool(Vec::new()),
            DataType::Timestamp => Self::Timestamp(Vec::new(), TextBuffer::default()),
            DataType::TimestampNtz => Self::TimestampNtz(Vec::new(), TextBuffer::default()),
            DataType::Date => Self::Date(Vec::new(), TextBuffer::default()),
            DataType::Time => Self::Time(Vec::new(), TextBuffer::default()),
            DataType::Numeric => Self::Numeric(TextBuffer::default()),
            DataType::Json => Self::Json(TextBuffer::default()),
            DataType::Binary => Self::Binary(BytesBuffer::default()),
        }
    }

    /// Appends a cell of the column's own type or of one that it widens.
    pub(super) fn push(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Self::Bool(cells), Cell::Bool(flag)) => cells.push(flag),
            (Self::Bigint(cells), Cell::Bigint(number)) => cells.push(number),
            (Self::Double(cells), Cell::Double(number)) => cells.push(number),
            (Self::Double(cells), Cell::Bigint(number)) => cells.push(number as f64),
            (
                Self::Timestamp(cells, texts) | Self::TimestampNtz(cells, texts),
                Cell::Timestamp(micros) | Cell::TimestampNtz(micros),
            ) => {
                cells.push(micros);
                texts.push_with(|out| cell.write_text(out));
            }
            (Self::Timestamp(cells, texts) | Self::TimestampNtz(cells, texts), Cell::Date(days)) => {
                cells.push(i64::from(days) * iso_time::MICROS_PER_DAY);
                texts.push_with(|out| cell.write_text(out));
            }
            (Self::Date(cells, texts), Cell::Date(days)) => {
                cells.push(days);
                texts.push_with(|out| cell.write_text(out));
            }
            (Self::Time(cells, texts), Cell::Time(micros)) => {
                cells.push(micros);
                texts.push_with(|out| cell.write_text(out));
            }
            (Self::Binary(cells), Cell::Binary(bytes)) => cells.push(bytes),
            (Self::Numeric(cells), cell) => cells.push_with(|out| cell.write_numeric(out)),
            (Self::Text(cells) | Self::Json(cells), cell) => cells.push_with(|out| cell.write_text(out)),
            (data, cell) => unreachable!("{cell:?} does not fit {data:?}; the column is widened first"),
        }
    }

    pub(super) fn pad(&mut self, len: usize) {
        fn pad_text(cells: &mut TextBuffer, len: usize) {
            let end = cells.text.len();
            cells.ends.resize(len, end);
        }
        match self {
            Self::Untyped | Self::Repeated(_) => {}
            Self::Bool(cells) => cells.resize(len, false),
            Self::Bigint(cells) => cells.resize(len, 0),
            Self::Double(cells) => cells.resize(len, 0.0),
            Self::Timestamp(cells, texts) | Self::TimestampNtz(cells, texts) | Self::Time(cells, texts) => {
                cells.resize(len, 0);
                pad_text(texts, len);
            }
            Self::Date(cells, texts) => {
                cells.resize(len, 0);
                pad_text(texts, len);
            }
            Self::Text(cells) | Self::Numeric(cells) | Self::Json(cells) => pad_text(cells, len),
            Self::Binary(cells) => {
                let end = cells.bytes.len();
                cells.ends.resize(len, end);
            }
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        match self {
            Self::Untyped | Self::Repeated(_) => {}
            Self::Bool(cells) => cells.truncate(len),
            Self::Bigint(cells) => cells.truncate(len),
            Self::Double(cells) => cells.truncate(len),
            Self::Timestamp(cells, texts) | Self::TimestampNtz(cells, texts) | Self::Time(cells, texts) => {
                cells.truncate(len);
                texts.truncate(len);
            }
            Self::Date(cells, texts) => {
                cells.truncate(len);
                texts.truncate(len);
            }
            Self::Text(cells) | Self::Numeric(cells) | Self::Json(cells) => cells.truncate(len),
            Self::Binary(cells) => cells.truncate(len),
        }
    }

    /// The bytes of texts and of bytes.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Self::Untyped | Self::Repeated(_) | Self::Bool(_) | Self::Bigint(_) | Self::Double(_) => 0,
            Self::Text(texts)
            | Self::Numeric(texts)
            | Self::Json(texts)
            | Self::Timestamp(_, texts)
            | Self::TimestampNtz(_, texts)
            | Self::Date(_, texts)
            | Self::Time(_, texts) => texts.text.len(),
            Self::Binary(cells) => cells.bytes.len(),
        }
    }

    pub(super) fn reserve(&mut self, rows: usize, bytes: usize) {
        match self {
            Self::Untyped | Self::Repeated(_) => {}
            Self::Bool(cells) => cells.reserve_exact(rows),
            Self::Bigint(cells) => cells.reserve_exact(rows),
            Self::Double(cells) => cells.reserve_exact(rows),
            Self::Timestamp(cells, texts) | Self::TimestampNtz(cells, texts) | Self::Time(cells, texts) => {
                cells.reserve_exact(rows);
                texts.reserve(rows, bytes);
            }
            Self::Date(cells, texts) => {
                cells.reserve_exact(rows);
                texts.reserve(rows, bytes);
            }
            Self::Text(cells) | Self::Numeric(cells) | Self::Json(cells) => cells.reserve(rows, bytes),
            Self::Binary(cells) => {
                cells.ends.reserve_exact(rows);
                cells.bytes.reserve_exact(bytes);
            }
        }
    }

    pub(super) fn shrink_to_fit(&mut self) {
        match self {
            Self::Untyped | Self::Repeated(_) => {}
            Self::Bool(cells) => cells.shrink_to_fit(),
            Self::Bigint(cells) => cells.shrink_to_fit(),
            Self::Double(cells) => cells.shrink_to_fit(),
            Self::Timestamp(cells, texts) | Self::TimestampNtz(cells, texts) | Self::Time(cells, texts) => {
                cells.shrink_to_fit();
                texts.shrink_to_fit();
            }
            Self::Date(cells, texts) => {
                cells.shrink_to_fit();
                texts.shrink_to_fit();
            }
            Self::Text(cells) | Self::Numeric(cells) | Self::Json(cells) => cells.shrink_to_fit(),
            Self::Binary(cells) => {
                cells.ends.shrink_to_fit();
                cells.bytes.shrink_to_fit();
            }
        }
    }

    pub(super) fn byte_count(&self) -> usize {
        const END: usize = size_of::<usize>();
        match self {
            Self::Untyped | Self::Repeated(_) => 0,
            Self::Bool(cells) => cells.len(),
            Self::Bigint(cells) => cells.len() * 8,
            Self::Double(cells) => cells.len() * 8,
            Self::Timestamp(cells, texts) | Self::TimestampNtz(cells, texts) | Self::Time(cells, texts) => {
                cells.len() * (8 + END) + texts.text.len()
            }
            Self::Date(cells, texts) => cells.len() * (4 + END) + texts.text.len(),
            Self::Text(cells) | Self::Numeric(cells) | Self::Json(cells) => cells.ends.len() * END + cells.text.len(),
            Self::Binary(cells) => cells.ends.len() * END + cells.bytes.len(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct TextBuffer {
    text: String,
    ends: Vec<usize>,
}

impl TextBuffer {
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    pub(super) fn push_with(&mut self, write: impl FnOnce(&mut String)) {
        write(&mut self.text);
        self.ends.push(self.text.len());
    }

    pub(super) fn get(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.text[start..self.ends[row]]
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.text.truncate(self.ends.last().copied().unwrap_or(0));
    }

    pub(super) fn reserve(&mut self, rows: usize, bytes: usize) {
        self.ends.reserve_exact(rows);
        self.text.reserve_exact(bytes);
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.ends.shrink_to_fit();
        self.text.shrink_to_fit();
    }
}

#[derive(Debug, Default)]
pub(super) struct BytesBuffer {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl BytesBuffer {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn get(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }
}
