//! The fastest way into Postgres: binary COPY.

use std::str::FromStr as _;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::fetch::Text;
use crate::error::{BenchError, During as _};

/// Microseconds from 1970 to 2000, where Postgres counts from.
const POSTGRES_EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;
/// Signature, flags and the length of the extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: &[u8] = &(-1_i16).to_be_bytes();

pub(super) async fn connect(to: &str) -> Result<PgConnection, BenchError> {
    let options = PgConnectOptions::from_str(to).during("could not read the Postgres URL")?;
    options.connect().await.during("could not connect to Postgres")
}

/// Rows in the binary format of COPY, without header and trailer.
#[derive(Default)]
pub(super) struct CopyRows(Vec<u8>);

impl CopyRows {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(super) fn begin_row(&mut self, column_count: i16) -> &mut Self {
        self.0.extend_from_slice(&column_count.to_be_bytes());
        self
    }

    pub(super) fn bigint(&mut self, value: i64) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    pub(super) fn double(&mut self, value: f64) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    pub(super) fn boolean(&mut self, value: bool) -> &mut Self {
        self.field(&[u8::from(value)])
    }

    pub(super) fn text(&mut self, value: &Text<'_>) -> &mut Self {
        self.field(value.0.as_bytes())
    }

    pub(super) fn null(&mut self) -> &mut Self {
        self.0.extend_from_slice(&(-1_i32).to_be_bytes());
        self
    }

    pub(super) fn timestamp(&mut self, text: &Text<'_>) -> Result<&mut Self, BenchError> {
        let timestamp: Timestamp = text.0.parse().during("could not read a timestamp")?;
        Ok(self.bigint(timestamp.as_microsecond() - POSTGRES_EPOCH_MICROSECONDS))
    }

    pub(super) fn date(&mut self, text: &Text<'_>) -> Result<&mut Self, BenchError> {
        let day: Date = text.0.parse().during("could not read a date")?;
        let days = (day - date(2000, 1, 1)).get_days();
        Ok(self.field(&days.to_be_bytes()))
    }

    pub(super) fn byte_count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn append(&mut self, rows: &Self) {
        self.0.extend_from_slice(&rows.0);
    }

    fn field(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }
}

/// An open COPY.
pub(super) struct Copy<'c>(sqlx::postgres::PgCopyIn<&'c mut PgConnection>);

impl<'c> Copy<'c> {
    pub(super) async fn begin(connection: &'c mut PgConnection, statement: &'static str) -> Result<Self, BenchError> {
        let mut copy = connection
            .copy_in_raw(statement)
            .await
            .during("could not begin a COPY")?;
        copy.send(HEADER).await.during("could not send rows")?;
        Ok(Self(copy))
    }

    pub(super) async fn send(&mut self, rows: CopyRows) -> Result<(), BenchError> {
        self.0.send(rows.0).await.during("could not send rows")?;
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<(), BenchError> {
        self.0.send(TRAILER).await.during("could not send rows")?;
        self.0.finish().await.during("could not end a COPY")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn times_are_counted_from_the_year_2000() {
        let mut rows = CopyRows::default();
        rows.timestamp(&Text(Cow::Borrowed("2000-01-01T00:00:01.5Z"))).unwrap();
        rows.date(&Text(Cow::Borrowed("2001-01-01"))).unwrap();
        let expected = [
            &8_i32.to_be_bytes()[..],
            &1_500_000_i64.to_be_bytes(),
            &4_i32.to_be_bytes(),
            &366_i32.to_be_bytes(),
        ];
        assert_eq!(rows.0, expected.concat());
    }
}
