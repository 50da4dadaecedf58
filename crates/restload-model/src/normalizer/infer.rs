//! Values on their way into a column whose type follows from them.

use std::borrow::Cow;

use super::coerce::plain_decimal;
use crate::DataType;
use crate::batch::{Cell, ColumnBuffer};
use crate::iso_time;
use crate::value::Value;

/// Sets a cell to a value of any kind, letting the column's type follow.
pub(super) fn infer(column: &mut ColumnBuffer, row: usize, value: &Value<'_>, scratch: &mut String) {
    match value {
        Value::Null => column.put_null(row),
        Value::Bool(flag) => column.put(row, Cell::Bool(*flag)),
        Value::Integer(number) => column.put(row, Cell::Bigint(*number)),
        Value::Double(number) => column.put(row, Cell::Double(*number)),
        Value::Number(text) => infer_number(column, row, text),
        Value::Text(text) => infer_text(column, row, &without_nul(text)),
        Value::List(_) | Value::Object(_) => {
            scratch.clear();
            value.write_json(scratch);
            column.put(row, Cell::Json(&json_without_nul(scratch)));
        }
    }
}

/// A number whose own text is known, because it is beyond 64 bits or because every digit counts.
fn infer_number(column: &mut ColumnBuffer, row: usize, text: &str) {
    let is_integer = !text.contains(['.', 'e', 'E']);
    if is_integer && let Ok(number) = text.parse() {
        return column.put(row, Cell::Bigint(number));
    }
    if !is_integer
        && column.data_type() != Some(DataType::Numeric)
        && let Ok(number) = text.parse::<f64>()
        && number.is_finite()
    {
        return column.put(row, Cell::Double(number));
    }
    match plain_decimal(text) {
        Some(plain) => column.put(row, Cell::Numeric(&plain)),
        None => column.put(row, Cell::Text(text)),
    }
}

fn infer_text(column: &mut ColumnBuffer, row: usize, text: &str) {
    match column.data_type() {
        None | Some(DataType::Timestamp | DataType::TimestampNtz | DataType::Date) => {
            if let Some(micros) = iso_time::parse_timestamp(text) {
                column.put_detected(row, Cell::Timestamp(micros), text);
            } else if let Some(days) = iso_time::parse_date(text) {
                column.put_detected(row, Cell::Date(days), text);
            } else {
                column.put(row, Cell::Text(text));
            }
        }
        _ => column.put(row, Cell::Text(text)),
    }
}

/// Postgres has no NUL in text, and many tools end a text there; both destinations get the replacement character.
#[expect(clippy::ptr_arg, reason = "whether the text is borrowed is what counts")]
pub(super) fn without_nul<'t>(text: &'t Cow<'_, str>) -> Cow<'t, str> {
    match text {
        Cow::Owned(owned) if owned.as_bytes().contains(&0) => owned.replace('\0', "\u{fffd}").into(),
        // In JSON a NUL is spelled as an escape, and what holds an escape is not borrowed.
        Cow::Owned(_) | Cow::Borrowed(_) => Cow::Borrowed(text),
    }
}

/// The same inside JSON, where a NUL is spelled as an escape.
pub(super) fn json_without_nul(json: &str) -> Cow<'_, str> {
    if !json.contains("\\u0000") {
        return json.into();
    }
    let mut clean = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        clean.push_str(&rest[..at]);
        if rest[at..].starts_with("\\u0000") {
            clean.push('\u{fffd}');
            rest = &rest[at + 6..];
        } else {
            // An escape is at least two characters; a backslash that is escaped must not be taken for the next one's.
            clean.push_str(&rest[at..at + 2]);
            rest = &rest[at + 2..];
        }
    }
    clean.push_str(rest);
    clean.into()
}

/// Appends the spelling of a key value in a row id: the same for values that a database holds to be equal.
pub(super) fn push_key_text(out: &mut String, cell: Cell<'_>) {
    let start = out.len();
    cell.write_text(out);
    match cell {
        Cell::Double(_) if out[start..].ends_with(".0") => out.truncate(out.len() - 2),
        Cell::Numeric(_) if out[start..].contains('.') => {
            out.truncate(start + out[start..].trim_end_matches('0').trim_end_matches('.').len());
        }
        _ => {}
    }
}
