//! Rows in Postgres' binary COPY format.

use std::sync::Arc;

use restload_model::DataType;
use restload_model::batch::Cell;

use super::numeric;
use crate::error::Cause;
use crate::rows::Row;

/// Postgres counts time from 2000-01-01.
const DAYS_TO_2000: i32 = 10_957;
const MICROS_TO_2000: i64 = DAYS_TO_2000 as i64 * 86_400_000_000;

/// What opens a stream: signature, no flags, no extension.
pub(super) fn write_header(out: &mut Vec<u8>) {
    out.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
}

/// What ends a stream.
pub(super) fn write_trailer(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1_i16).to_be_bytes());
}

/// One row: the number of cells, then each with its length.
pub(super) fn write_row(out: &mut Vec<u8>, row: Row<'_, '_>, columns: &[(Arc<str>, DataType)]) -> Result<(), Cause> {
    out.extend_from_slice(&(columns.len() as i16).to_be_bytes());
    for (index, (name, _)) in columns.iter().enumerate() {
        write_cell(out, row.cell(index)).map_err(|reason| Cause::new(format!("column `{name}`: {reason}")))?;
    }
    Ok(())
}

fn write_cell(out: &mut Vec<u8>, cell: Cell<'_>) -> Result<(), String> {
    match cell {
        Cell::Null => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        Cell::Bool(flag) => write_bytes(out, &[u8::from(flag)])?,
        Cell::Bigint(number) => write_eight(out, number.to_be_bytes()),
        Cell::Double(number) => write_eight(out, number.to_be_bytes()),
        Cell::Text(text) => write_bytes(out, text.as_bytes())?,
        Cell::Timestamp(micros) | Cell::TimestampNtz(micros) => {
            write_eight(out, (micros - MICROS_TO_2000).to_be_bytes());
        }
        Cell::Date(days) => write_bytes(out, &(days - DAYS_TO_2000).to_be_bytes())?,
        Cell::Time(micros) => write_eight(out, micros.to_be_bytes()),
        Cell::Numeric(digits) => numeric::write(out, digits)?,
        Cell::Json(text) => {
            out.extend_from_slice(&length(text.len() + 1)?.to_be_bytes());
            // The version of jsonb's binary form.
            out.push(1);
            out.extend_from_slice(text.as_bytes());
        }
        Cell::Binary(bytes) => write_bytes(out, bytes)?,
    }
    Ok(())
}

/// A cell of eight bytes, with its length in one piece.
fn write_eight(out: &mut Vec<u8>, value: [u8; 8]) {
    let mut cell = [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    cell[4..].copy_from_slice(&value);
    out.extend_from_slice(&cell);
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), String> {
    out.extend_from_slice(&length(bytes.len())?.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

fn length(length: usize) -> Result<i32, String> {
    i32::try_from(length).map_err(|_| format!("{length} bytes are more than a cell takes"))
}
