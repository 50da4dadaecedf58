//! Flat records: append and merge.

use serde::Deserialize;
use sqlx::{Connection as _, Executor as _};

use super::fetch::{EncodedPages, Encoder, Text};
use super::postgres::{self, Copy, CopyRows};
use super::sqlite::{self, Insert, Rows};
use crate::error::{BenchError, During as _};

const COLUMN_COUNT: usize = 12;

#[derive(Deserialize)]
struct Flat<'a> {
    id: i64,
    account_id: i64,
    #[serde(borrow)]
    external_id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    email: Text<'a>,
    is_active: bool,
    score: f64,
    balance: f64,
    quantity: i64,
    #[serde(borrow)]
    created_at: Text<'a>,
    #[serde(borrow)]
    birth_date: Text<'a>,
    #[serde(borrow)]
    note: Option<Text<'a>>,
}

const SQLITE_TABLE: &str = "CREATE TABLE IF NOT EXISTS flat (id INTEGER PRIMARY KEY, account_id INTEGER, external_id TEXT, name TEXT, \
     email TEXT, is_active INTEGER, score REAL, balance REAL, quantity INTEGER, created_at TEXT, birth_date TEXT, note TEXT)";
const SQLITE_INSERT: &str = "INSERT INTO flat (id, account_id, external_id, name, email, is_active, score, balance, quantity, \
     created_at, birth_date, note)";
const SQLITE_ON_CONFLICT: &str = "ON CONFLICT (id) DO UPDATE SET account_id = excluded.account_id, external_id = excluded.external_id, \
     name = excluded.name, email = excluded.email, is_active = excluded.is_active, score = excluded.score, \
     balance = excluded.balance, quantity = excluded.quantity, created_at = excluded.created_at, \
     birth_date = excluded.birth_date, note = excluded.note";

const POSTGRES_TABLE: &str = "CREATE TABLE IF NOT EXISTS flat (id bigint PRIMARY KEY, account_id bigint, external_id text, name text, \
     email text, is_active boolean, score double precision, balance double precision, quantity bigint, \
     created_at timestamptz, birth_date date, note text)";
const POSTGRES_COPY: &str = "COPY flat FROM STDIN (FORMAT binary)";
const POSTGRES_STAGING: &str = "CREATE TEMPORARY TABLE staging (LIKE flat) ON COMMIT DROP";
const POSTGRES_STAGING_COPY: &str = "COPY staging FROM STDIN (FORMAT binary)";
const POSTGRES_UPSERT: &str = "INSERT INTO flat SELECT * FROM staging ON CONFLICT (id) DO UPDATE SET \
     account_id = excluded.account_id, external_id = excluded.external_id, name = excluded.name, email = excluded.email, \
     is_active = excluded.is_active, score = excluded.score, balance = excluded.balance, quantity = excluded.quantity, \
     created_at = excluded.created_at, birth_date = excluded.birth_date, note = excluded.note \
     WHERE (flat.account_id, flat.external_id, flat.name, flat.email, flat.is_active, flat.score, flat.balance, \
     flat.quantity, flat.created_at, flat.birth_date, flat.note) IS DISTINCT FROM (excluded.account_id, \
     excluded.external_id, excluded.name, excluded.email, excluded.is_active, excluded.score, excluded.balance, \
     excluded.quantity, excluded.created_at, excluded.birth_date, excluded.note)";

struct ForSqlite;

impl Encoder for ForSqlite {
    type Record<'a> = Flat<'a>;
    type Batch = Rows;

    fn encode(&self, records: &[Flat<'_>]) -> Result<Rows, BenchError> {
        let mut rows = Rows::new(COLUMN_COUNT);
        for record in records {
            let mut row = rows.begin_row();
            row.value(record.id)?.value(record.account_id)?;
            row.text(&record.external_id)?.text(&record.name)?.text(&record.email)?;
            row.value(record.is_active)?
                .value(record.score)?
                .value(record.balance)?;
            row.value(record.quantity)?;
            row.text(&record.created_at)?.text(&record.birth_date)?;
            match &record.note {
                Some(note) => row.text(note)?,
                None => row.value(None::<&str>)?,
            };
        }
        Ok(rows)
    }
}

struct ForPostgres;

impl Encoder for ForPostgres {
    type Record<'a> = Flat<'a>;
    type Batch = CopyRows;

    fn encode(&self, records: &[Flat<'_>]) -> Result<CopyRows, BenchError> {
        let mut rows = CopyRows::with_capacity(records.len() * 256);
        for record in records {
            rows.begin_row(COLUMN_COUNT as i16);
            rows.bigint(record.id).bigint(record.account_id);
            rows.text(&record.external_id).text(&record.name).text(&record.email);
            rows.boolean(record.is_active)
                .double(record.score)
                .double(record.balance);
            rows.bigint(record.quantity);
            rows.timestamp(&record.created_at)?.date(&record.birth_date)?;
            match &record.note {
                Some(note) => rows.text(note),
                None => rows.null(),
            };
        }
        Ok(rows)
    }
}

pub(super) async fn into_sqlite(base_url: &str, to: &str) -> Result<(), BenchError> {
    write_sqlite(base_url, to, "").await
}

pub(super) async fn merge_into_sqlite(base_url: &str, to: &str) -> Result<(), BenchError> {
    write_sqlite(base_url, to, SQLITE_ON_CONFLICT).await
}

async fn write_sqlite(base_url: &str, to: &str, on_conflict: &'static str) -> Result<(), BenchError> {
    let mut pages = EncodedPages::of(base_url, "flat", ForSqlite)?;
    let mut connection = sqlite::connect(to).await?;
    let insert = Insert::new(SQLITE_INSERT, COLUMN_COUNT, on_conflict);
    let mut transaction = connection.begin().await.during("could not begin")?;
    transaction
        .execute(SQLITE_TABLE)
        .await
        .during("could not create the table")?;
    while let Some(rows) = pages.next().await {
        insert.write(&mut transaction, rows).await?;
    }
    pages.finish().await?;
    transaction.commit().await.during("could not commit")?;
    connection.close().await.during("could not close the database")
}

pub(super) async fn into_postgres(base_url: &str, to: &str) -> Result<(), BenchError> {
    let mut pages = EncodedPages::of(base_url, "flat", ForPostgres)?;
    let mut connection = postgres::connect(to).await?;
    let mut transaction = connection.begin().await.during("could not begin")?;
    transaction
        .execute(POSTGRES_TABLE)
        .await
        .during("could not create the table")?;
    let copy = Copy::begin(&mut transaction, POSTGRES_COPY).await?;
    send_all(copy, &mut pages).await?;
    pages.finish().await?;
    transaction.commit().await.during("could not commit")
}

pub(super) async fn merge_into_postgres(base_url: &str, to: &str) -> Result<(), BenchError> {
    let mut pages = EncodedPages::of(base_url, "flat", ForPostgres)?;
    let mut connection = postgres::connect(to).await?;
    let mut transaction = connection.begin().await.during("could not begin")?;
    transaction
        .execute(POSTGRES_TABLE)
        .await
        .during("could not create the table")?;
    transaction
        .execute(POSTGRES_STAGING)
        .await
        .during("could not create the staging table")?;
    let copy = Copy::begin(&mut transaction, POSTGRES_STAGING_COPY).await?;
    send_all(copy, &mut pages).await?;
    pages.finish().await?;
    transaction.execute(POSTGRES_UPSERT).await.during("could not upsert")?;
    transaction.commit().await.during("could not commit")
}

async fn send_all(mut copy: Copy<'_>, pages: &mut EncodedPages<CopyRows>) -> Result<(), BenchError> {
    while let Some(rows) = pages.next().await {
        copy.send(rows).await?;
    }
    copy.finish().await
}
