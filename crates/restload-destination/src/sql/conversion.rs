//! How a stored value becomes one of a wider type, the same value that a batch's own widening gives.

use restload_model::DataType;

use super::Sql;

/// The expression for Postgres' `ALTER COLUMN … TYPE … USING`.
pub(super) fn postgres(column: &str, from: DataType, to: DataType) -> Sql {
    use DataType::{Bigint, Date, Double, Numeric, Text, Timestamp, TimestampNtz};
    let name = || Sql::default().name(column);
    match (from, to) {
        (Bigint, Double) => name().text("::double precision"),
        (Bigint, Numeric) => name().text("::numeric"),
        // Through the shortest text: a direct cast to numeric keeps 15 digits only.
        (Double, Numeric) => double_text(column).text("::numeric"),
        (Date, Timestamp) => name().text("::timestamp AT TIME ZONE 'UTC'"),
        (Timestamp, TimestampNtz) => name().text(" AT TIME ZONE 'UTC'"),
        (Date, TimestampNtz) => name().text("::timestamp"),
        (Double, Text) => double_text(column),
        (from, Text) => text(column, from),
        _ => name(),
    }
}

fn text(column: &str, from: DataType) -> Sql {
    let name = |before| Sql::new(before).name(column);
    match from {
        DataType::Timestamp => {
            without_zero_fraction(&name("to_char(").text(" AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"))
                .text(" || 'Z'")
        }
        DataType::TimestampNtz => without_zero_fraction(&name("to_char(").text(", 'YYYY-MM-DD\"T\"HH24:MI:SS.US')")),
        DataType::Time => without_zero_fraction(&name("to_char(").text("::interval, 'HH24:MI:SS.US')")),
        DataType::Date => name("to_char(").text(", 'YYYY-MM-DD')"),
        // A document is printed with blanks after `:` and `,`; texts are matched whole, so that theirs stay.
        DataType::Json => name("regexp_replace(").text(r#"::text, '("(?:[^"\\]|\\.)*")|([:,]) ', '\1\2', 'g')"#),
        DataType::Binary => name("encode(").text(", 'hex')"),
        _ => name("").text("::text"),
    }
}

fn without_zero_fraction(text: &Sql) -> Sql {
    Sql::new("regexp_replace(").push(text).text(r", '\.000000$', '')")
}

/// The shortest exact text with a point or an exponent: Postgres leaves the point off whole numbers, pads exponents,
/// and turns to exponents from 1e15 where we do from 1e16.
fn double_text(column: &str) -> Sql {
    let name = |before| Sql::new(before).name(column);
    name("CASE WHEN abs(")
        .text(") >= 1e15 AND abs(")
        .name(column)
        .text(") < 1e16 THEN ")
        .push(&with_point(&name("").text("::text::numeric::text")))
        .text(" WHEN ")
        .name(column)
        .text("::text LIKE '%e%' THEN regexp_replace(")
        .name(column)
        .text(r"::text, 'e\+?(-?)0*', 'e\1') ELSE ")
        .push(&with_point(&name("").text("::text")))
        .text(" END")
        .wrapped()
}

fn with_point(text: &Sql) -> Sql {
    Sql::new("CASE WHEN ")
        .push(text)
        .text(" LIKE '%.%' THEN ")
        .push(text)
        .text(" ELSE ")
        .push(text)
        .text(" || '.0' END")
}

impl Sql {
    fn wrapped(self) -> Self {
        Self::new("(").push(&self).text(")")
    }
}

/// The expression for SQLite; `None` where SQL rounds, and Rust has to convert: doubles, of which SQLite prints 15
/// digits.
pub(super) fn sqlite(column: &str, from: DataType, to: DataType) -> Option<Sql> {
    use DataType::{Bigint, Binary, Bool, Date, Double, Numeric, Text, Time, Timestamp, TimestampNtz};
    let name = |before| Sql::new(before).name(column);
    Some(match (from, to) {
        (Double, Numeric | Text) => return None,
        (Bigint, Double) => name("CAST(").text(" AS REAL)"),
        (Bigint, Numeric | Text) => name("CAST(").text(" AS TEXT)"),
        (Date, Timestamp | TimestampNtz) => name("").text(" || ' 00:00:00.000000'"),
        (Bool, Text) => name("CASE ").text(" WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"),
        (Timestamp, Text) => moment_text(column).text(" || 'Z'"),
        (TimestampNtz, Text) => moment_text(column),
        (Time, Text) => name("CASE WHEN substr(")
            .text(", 10) = '000000' THEN substr(")
            .name(column)
            .text(", 1, 8) ELSE ")
            .name(column)
            .text(" END"),
        (Binary, Text) => name("lower(hex(").text("))"),
        _ => name(""),
    })
}

/// A stored moment as ISO 8601 has it, without a fraction of nothing.
fn moment_text(column: &str) -> Sql {
    Sql::new("substr(")
        .name(column)
        .text(", 1, 10) || 'T' || CASE WHEN substr(")
        .name(column)
        .text(", 21) = '000000' THEN substr(")
        .name(column)
        .text(", 12, 8) ELSE substr(")
        .name(column)
        .text(", 12) END")
}
