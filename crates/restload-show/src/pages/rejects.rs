//! Records that were kept out of the tables, with the reason and the record as it came.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use restload_destination::{Grid, GridQuery, GridRow, Order, REJECTS_TABLE, RowsFrom, Slice, ValueText};
use restload_model::DataType;
use serde::Deserialize;

use crate::layout::{Section, in_code, numbered_pager, page_number};
use crate::link::Link;
use crate::problem::Problem;
use crate::site::Site;
use crate::value::whole;
use crate::words::second;

const PAGE: u64 = 25;
/// Characters of a record; all of it is a link away.
const CHARS: usize = 2_000;

#[derive(Deserialize)]
pub(crate) struct Asked {
    run: Option<String>,
    page: Option<u64>,
}

pub(crate) async fn rejects(State(site): State<Arc<Site>>, Query(asked): Query<Asked>) -> Response {
    let page = list_page(&site, asked.run.as_deref(), page_number(asked.page)).await;
    site.answer(Section::Rejects, "Rejects", page)
}

async fn list_page(site: &Site, run: Option<&str>, page: u64) -> Result<Markup, Problem> {
    let mut equal = vec![("pipeline", site.subject.pipeline.as_str())];
    equal.extend(run.map(|run| ("load_id", run)));
    let query = GridQuery {
        equal: &equal,
        from: RowsFrom::Start,
        order: Some(Order {
            column: "rejected_at",
            descending: true,
        }),
        slice: Slice {
            offset: (page - 1) * PAGE,
            limit: PAGE,
        },
        chars: CHARS,
    };
    let mut look = site.look().await?;
    let grid = look.inspector.grid(REJECTS_TABLE, query).await?;
    look.close().await;
    let link = Link::to("/rejects").option("run", run);
    Ok(html! {
        p {
            "Records that a contract, a key or the database kept out of the tables"
            @if let Some(run) = run {
                ", of " a href=(Link::run(run)) { "run " (run) } ". " a href="/rejects" { "Those of all runs" }
            }
            "."
        }
        @if grid.rows.is_empty() { p { "There are none." } }
        @for row in &grid.rows { (reject(&grid, row)) }
        (numbered_pager(&link, page, PAGE, grid.rows.len() as u64, grid.has_more))
    })
}

fn reject(grid: &Grid, row: &GridRow) -> Markup {
    let value = |name: &str| -> Option<&ValueText> {
        let index = grid.columns.iter().position(|column| column.name == name)?;
        row.values.get(index)?.as_ref()
    };
    let text = |name: &str| value(name).map_or("", |value| value.text.as_str());
    let is_cut = value("raw").is_some_and(|raw| raw.is_cut);
    html! {
        article.reject {
            h2 { (in_code(text("reason"))) }
            p.meta {
                (text("resource"))
                @if !text("table_name").is_empty() { ", table " a href=(Link::table(text("table_name"))) { (text("table_name")) } }
                @if !text("kind").is_empty() { ", " (text("kind").replace('_', " ")) }
                ", page " (text("page")) ", record " (text("record"))
                ", " (second(text("rejected_at"))) " UTC, "
                a href=(Link::run(text("load_id"))) { "run " (text("load_id")) }
            }
            (whole(value("raw"), Some(DataType::Json)))
            @if is_cut { p { a href=(Link::row(REJECTS_TABLE, Some(&row.place), None)) { "All of this record" } } }
        }
    }
}
