//! Rows as one bound list for each column.

use restload_model::DataType;
use restload_model::batch::Cell;
use sqlx::postgres::{PgArguments, PgHasArrayType};
use sqlx::{Arguments as _, Encode, Postgres, Type};

use crate::error::Cause;
use crate::rows::Rows;
use crate::system::{push_moment, push_time};

/// The lists of all columns. Types that have no plain Rust form go as text, which the statement casts.
pub(super) fn arguments(rows: &Rows<'_>) -> Result<PgArguments, Cause> {
    // A cell of another type would be left out.
    rows.check_types()?;
    let mut arguments = PgArguments::default();
    for (column, (_, data_type)) in rows.columns.iter().enumerate() {
        let arguments = &mut arguments;
        let added = match data_type {
            DataType::Bigint => list(arguments, rows, column, |cell| match cell {
                Cell::Bigint(number) => Some(number),
                _ => None,
            }),
            DataType::Double => list(arguments, rows, column, |cell| match cell {
                Cell::Double(number) => Some(number),
                _ => None,
            }),
            DataType::Bool => list(arguments, rows, column, |cell| match cell {
                Cell::Bool(flag) => Some(flag),
                _ => None,
            }),
            DataType::Binary => list(arguments, rows, column, |cell| match cell {
                Cell::Binary(bytes) => Some(bytes.to_vec()),
                _ => None,
            }),
            DataType::Text | DataType::Json | DataType::Numeric => list(arguments, rows, column, |cell| match cell {
                Cell::Text(text) | Cell::Json(text) | Cell::Numeric(text) => Some(text.to_owned()),
                _ => None,
            }),
            DataType::Timestamp | DataType::TimestampNtz | DataType::Date | DataType::Time => {
                list(arguments, rows, column, moment)
            }
        };
        added?;
    }
    Ok(arguments)
}

/// Moments as the statement's casts read them.
fn moment(cell: Cell<'_>) -> Option<String> {
    let mut text = String::new();
    match cell {
        Cell::Timestamp(micros) => {
            push_moment(&mut text, micros);
            text.push_str("+00");
        }
        Cell::TimestampNtz(micros) => push_moment(&mut text, micros),
        Cell::Time(micros) => push_time(&mut text, micros),
        Cell::Date(_) => cell.write_text(&mut text),
        _ => return None,
    }
    Some(text)
}

fn list<T>(
    arguments: &mut PgArguments,
    rows: &Rows<'_>,
    column: usize,
    value: impl Fn(Cell<'_>) -> Option<T>,
) -> Result<(), Cause>
where
    T: for<'q> Encode<'q, Postgres> + Type<Postgres> + PgHasArrayType,
{
    let values: Vec<Option<T>> = rows.iter().map(|row| value(row.cell(column))).collect();
    arguments.add(values).map_err(|error| Cause::new(error.to_string()))
}
