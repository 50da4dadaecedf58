//! The tables of the pipeline, children below their parents.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use restload_destination::{DestinationError, RowCount, SYSTEM_TABLES, TableRecord};

use crate::layout::{Section, scrolling};
use crate::link::Link;
use crate::problem::Problem;
use crate::site::Site;
use crate::words::{grouped, second};

/// Rows are counted so far; of larger tables an estimate is shown.
const MOST_COUNTED: usize = 10_000;
/// Tables are counted one after the other for so long; many of them in a database that is far away take longer.
const MOST_COUNTING: Duration = Duration::from_secs(2);

/// How many rows a table has, as far as this page tells.
enum Rows {
    Counted(RowCount),
    NotCounted,
    /// Somebody has dropped the table.
    Gone,
}

pub(crate) async fn list(State(site): State<Arc<Site>>) -> Response {
    let page = list_page(&site).await;
    site.answer(Section::Tables, "Tables", page)
}

async fn list_page(site: &Site) -> Result<Markup, Problem> {
    let mut look = site.look().await?;
    let tables = look.inspector.tables().await?;
    let mut lines = Vec::with_capacity(tables.len());
    let begun = Instant::now();
    for (depth, table) in in_order(&tables) {
        let rows = if begun.elapsed() < MOST_COUNTING {
            match look.inspector.row_count(&table.name, &[], MOST_COUNTED).await {
                Ok(rows) => Rows::Counted(rows),
                Err(DestinationError::Misuse(_)) => Rows::Gone,
                Err(error) => return Err(error.into()),
            }
        } else {
            Rows::NotCounted
        };
        lines.push((depth, table, rows));
    }
    look.close().await;
    Ok(html! {
        @if lines.is_empty() { p { "No run has made a table yet." } }
        @else { (scrolling("Tables", &table(&lines))) }
        h2 { "What restload keeps beside the data" }
        ul { @for name in SYSTEM_TABLES { li { a href=(Link::table(name)) { (name) } } } }
    })
}

fn table(lines: &[(usize, &TableRecord, Rows)]) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "Table" }
                    th.number scope="col" { "Rows" }
                    th.number scope="col" { "Columns" }
                    th scope="col" { "Resource" }
                    th scope="col" { "Columns changed (UTC)" }
                }
            }
            tbody {
                @for (depth, table, rows) in lines {
                    tr {
                        th scope="row" class=(format!("depth-{}", (*depth).min(4))) { a href=(Link::table(&table.name)) { (table.name) } }
                        td.number { (in_words(rows)) }
                        td.number { a href=(Link::table(&table.name).part("columns")) { (table.columns.len()) } }
                        td { (table.resource) }
                        td { (table.columns.iter().map(|column| column.changed_at.as_str()).max().map(second).unwrap_or_default()) }
                    }
                }
            }
        }
    }
}

fn in_words(rows: &Rows) -> String {
    match rows {
        Rows::Gone => "gone".to_owned(),
        Rows::NotCounted => "not counted".to_owned(),
        Rows::Counted(RowCount { rows, is_exact: true }) => grouped(*rows),
        Rows::Counted(RowCount { rows, is_exact: false }) => format!("about {}", grouped(*rows)),
    }
}

/// Each table after its parent, with its depth.
fn in_order(tables: &[TableRecord]) -> Vec<(usize, &TableRecord)> {
    fn place<'t>(tables: &'t [TableRecord], parent: &str, depth: usize, placed: &mut Vec<(usize, &'t TableRecord)>) {
        for table in tables.iter().filter(|table| table.parent.as_deref() == Some(parent)) {
            // Whatever is stored, no table is its own ancestor here.
            if !placed.iter().any(|(_, there)| there.name == table.name) {
                placed.push((depth, table));
                place(tables, &table.name, depth + 1, placed);
            }
        }
    }
    let mut placed = Vec::with_capacity(tables.len());
    for table in tables {
        let has_parent = tables.iter().any(|other| table.parent.as_ref() == Some(&other.name));
        if !has_parent {
            placed.push((0, table));
            place(tables, &table.name, 1, &mut placed);
        }
    }
    placed
}
