//! Nested records: objects become columns, the list becomes a child table with its parent's id and the position. The
//! child table has no key: only what the data needs is written.

use serde::Deserialize;
use sqlx::{Connection as _, Executor as _};

use super::fetch::{EncodedPages, Encoder, Text};
use super::postgres::{self, Copy, CopyRows};
use super::sqlite::{self, Insert, Rows};
use crate::error::{BenchError, During as _};

const ORDER_COLUMNS: usize = 10;
const ITEM_COLUMNS: usize = 5;
const ITEM_BYTES_PER_COPY: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct Order<'a> {
    id: i64,
    #[serde(borrow)]
    number: Text<'a>,
    #[serde(borrow)]
    placed_at: Text<'a>,
    total: f64,
    #[serde(borrow)]
    customer: Customer<'a>,
    #[serde(borrow)]
    shipping: Shipping<'a>,
    #[serde(borrow)]
    items: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Customer<'a> {
    id: i64,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    email: Text<'a>,
}

#[derive(Deserialize)]
struct Shipping<'a> {
    #[serde(borrow)]
    street: Text<'a>,
    #[serde(borrow)]
    city: Text<'a>,
    #[serde(borrow)]
    postcode: Text<'a>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    sku: Text<'a>,
    quantity: i64,
    price: f64,
}

const SQLITE_ORDERS: &str = "CREATE TABLE nested (id INTEGER PRIMARY KEY, number TEXT, placed_at TEXT, total REAL, customer__id INTEGER, \
     customer__name TEXT, customer__email TEXT, shipping__street TEXT, shipping__city TEXT, shipping__postcode TEXT)";
const SQLITE_ITEMS: &str =
    "CREATE TABLE nested__items (nested_id INTEGER, position INTEGER, sku TEXT, quantity INTEGER, price REAL)";
const SQLITE_INSERT_ORDERS: &str = "INSERT INTO nested (id, number, placed_at, total, customer__id, customer__name, customer__email, \
     shipping__street, shipping__city, shipping__postcode)";
const SQLITE_INSERT_ITEMS: &str = "INSERT INTO nested__items (nested_id, position, sku, quantity, price)";

const POSTGRES_ORDERS: &str = "CREATE TABLE nested (id bigint PRIMARY KEY, number text, placed_at timestamptz, total double precision, \
     customer__id bigint, customer__name text, customer__email text, shipping__street text, shipping__city text, \
     shipping__postcode text)";
const POSTGRES_ITEMS: &str = "CREATE TABLE nested__items (nested_id bigint, position bigint, sku text, quantity bigint, \
     price double precision)";
const POSTGRES_COPY_ORDERS: &str = "COPY nested FROM STDIN (FORMAT binary)";
const POSTGRES_COPY_ITEMS: &str = "COPY nested__items FROM STDIN (FORMAT binary)";

/// Rows of both tables.
struct Both<T> {
    orders: T,
    items: T,
}

struct ForSqlite;

impl Encoder for ForSqlite {
    type Record<'a> = Order<'a>;
    type Batch = Both<Rows>;

    fn encode(&self, records: &[Order<'_>]) -> Result<Both<Rows>, BenchError> {
        let mut orders = Rows::new(ORDER_COLUMNS);
        let mut items = Rows::new(ITEM_COLUMNS);
        for order in records {
            let mut row = orders.begin_row();
            row.value(order.id)?
                .text(&order.number)?
                .text(&order.placed_at)?
                .value(order.total)?;
            row.value(order.customer.id)?
                .text(&order.customer.name)?
                .text(&order.customer.email)?;
            row.text(&order.shipping.street)?
                .text(&order.shipping.city)?
                .text(&order.shipping.postcode)?;
            for (position, item) in order.items.iter().enumerate() {
                let mut row = items.begin_row();
                row.value(order.id)?.value(position as i64)?.text(&item.sku)?;
                row.value(item.quantity)?.value(item.price)?;
            }
        }
        Ok(Both { orders, items })
    }
}

struct ForPostgres;

impl Encoder for ForPostgres {
    type Record<'a> = Order<'a>;
    type Batch = Both<CopyRows>;

    fn encode(&self, records: &[Order<'_>]) -> Result<Both<CopyRows>, BenchError> {
        let mut orders = CopyRows::with_capacity(records.len() * 256);
        let mut items = CopyRows::with_capacity(records.len() * 256);
        for order in records {
            orders.begin_row(ORDER_COLUMNS as i16);
            orders
                .bigint(order.id)
                .text(&order.number)
                .timestamp(&order.placed_at)?
                .double(order.total);
            orders
                .bigint(order.customer.id)
                .text(&order.customer.name)
                .text(&order.customer.email);
            orders
                .text(&order.shipping.street)
                .text(&order.shipping.city)
                .text(&order.shipping.postcode);
            for (position, item) in order.items.iter().enumerate() {
                items.begin_row(ITEM_COLUMNS as i16);
                items.bigint(order.id).bigint(position as i64).text(&item.sku);
                items.bigint(item.quantity).double(item.price);
            }
        }
        Ok(Both { orders, items })
    }
}

pub(super) async fn into_sqlite(base_url: &str, to: &str) -> Result<(), BenchError> {
    let mut pages = EncodedPages::of(base_url, "nested", ForSqlite)?;
    let mut connection = sqlite::connect(to).await?;
    let insert_orders = Insert::new(SQLITE_INSERT_ORDERS, ORDER_COLUMNS, "");
    let insert_items = Insert::new(SQLITE_INSERT_ITEMS, ITEM_COLUMNS, "");
    let mut transaction = connection.begin().await.during("could not begin")?;
    transaction
        .execute(SQLITE_ORDERS)
        .await
        .during("could not create a table")?;
    transaction
        .execute(SQLITE_ITEMS)
        .await
        .during("could not create a table")?;
    while let Some(both) = pages.next().await {
        insert_orders.write(&mut transaction, both.orders).await?;
        insert_items.write(&mut transaction, both.items).await?;
    }
    pages.finish().await?;
    transaction.commit().await.during("could not commit")?;
    connection.close().await.during("could not close the database")
}

/// One connection takes one COPY at a time: orders stream into an open one while items gather for the next. Few COPYs
/// matter, because each costs round trips, and sqlx leaves TCP's delays for small packets switched on.
pub(super) async fn into_postgres(base_url: &str, to: &str) -> Result<(), BenchError> {
    let mut pages = EncodedPages::of(base_url, "nested", ForPostgres)?;
    let mut connection = postgres::connect(to).await?;
    let mut transaction = connection.begin().await.during("could not begin")?;
    transaction
        .execute(POSTGRES_ORDERS)
        .await
        .during("could not create a table")?;
    transaction
        .execute(POSTGRES_ITEMS)
        .await
        .during("could not create a table")?;
    let mut has_more = true;
    while has_more {
        let mut items = CopyRows::default();
        let mut copy = Copy::begin(&mut transaction, POSTGRES_COPY_ORDERS).await?;
        while items.byte_count() < ITEM_BYTES_PER_COPY {
            let Some(both) = pages.next().await else {
                has_more = false;
                break;
            };
            copy.send(both.orders).await?;
            items.append(&both.items);
        }
        copy.finish().await?;
        let mut copy = Copy::begin(&mut transaction, POSTGRES_COPY_ITEMS).await?;
        copy.send(items).await?;
        copy.finish().await?;
    }
    pages.finish().await?;
    transaction.commit().await.during("could not commit")
}
