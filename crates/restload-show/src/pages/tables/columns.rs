//! The columns of a table, and how they came about.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use restload_destination::{SchemaChangeRecord, Slice, TableRecord};

use super::Family;
use crate::layout::{Section, in_code, scrolling};
use crate::link::Link;
use crate::problem::Problem;
use crate::site::Site;
use crate::words::second;

/// Runs that have changed the table, at most.
const MOST_RUNS: u64 = 500;

pub(crate) async fn columns(State(site): State<Arc<Site>>, Path(table): Path<String>) -> Response {
    let page = columns_page(&site, &table).await;
    site.answer(Section::Tables, &table, page)
}

async fn columns_page(site: &Site, table: &str) -> Result<Markup, Problem> {
    let mut look = site.look().await?;
    let family = Family::find(&mut look, table).await?;
    let changes = look.inspector.changes_of(table, Slice::first(MOST_RUNS)).await?;
    look.close().await;
    Ok(html! {
        (family.links(false))
        h2 { "Columns" }
        @match family.record() {
            Some(record) => (scrolling("Columns", &columns_table(record))),
            None => p { "This table is restload's own; its rows have their columns." },
        }
        h2 { "History" }
        @if changes.is_empty() { p { "No change to the table is recorded." } } @else { (history(&changes)) }
    })
}

fn columns_table(record: &TableRecord) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "Column" }
                    th scope="col" { "Type" }
                    th scope="col" { "Named for" }
                    th scope="col" { "Made or changed (UTC)" }
                    th scope="col" { "By run" }
                }
            }
            tbody {
                @for column in &record.columns {
                    tr {
                        th scope="row" { (column.name) }
                        td { (column.data_type) }
                        td { @if column.source_name == column.name { span.null { "the same" } } @else { (column.source_name) } }
                        td { (second(&column.changed_at)) }
                        td { a href=(Link::run(&column.load_id)) { (column.load_id) } }
                    }
                }
            }
        }
    }
}

fn history(changes: &[SchemaChangeRecord]) -> Markup {
    html! {
        ol.history {
            @for of_run in changes.chunk_by(|one, next| one.load_id == next.load_id) {
                li {
                    a href=(Link::run(&of_run[0].load_id)) { (second(&of_run[0].started_at)) " UTC" }
                    ul { @for change in of_run { li { (in_code(&change.change)) } } }
                }
            }
        }
    }
}
