//! One row: every value, its parent and its children. And values that are too long even for that page.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use restload_destination::{DestinationError, GridColumn, GridQuery, GridRow, RowsFrom, Slice};
use restload_model::schema::{LOAD_ID, PARENT_ID, ROOT_ID, ROW_ID};
use serde::Deserialize;

use super::{Family, data};
use crate::layout::Section;
use crate::link::Link;
use crate::problem::Problem;
use crate::site::{Look, Site};
use crate::value::{type_name, whole};
use crate::words::{count, grouped};

/// Characters of a value.
const CHARS: usize = 4_000;
/// Characters of a part of a longer one.
const PART: usize = 2_000_000;
/// Links to parts that are shown.
const MOST_PARTS: u64 = 50;
/// Child rows that are counted; a table of more than so many rows is not searched.
const MOST_COUNTED: usize = 100_000;

#[derive(Deserialize)]
pub(crate) struct Asked {
    at: Option<String>,
    id: Option<String>,
}

/// A row and its columns.
struct Found {
    columns: Vec<GridColumn>,
    row: GridRow,
}

impl Found {
    fn text(&self, column: &str) -> Option<&str> {
        let index = self.columns.iter().position(|each| each.name == column)?;
        Some(self.row.values.get(index)?.as_ref()?.text.as_str())
    }
}

pub(crate) async fn row(
    State(site): State<Arc<Site>>,
    Path(table): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    let page = row_page(&site, &table, &asked).await;
    site.answer(Section::Tables, &format!("A row of {table}"), page)
}

async fn row_page(site: &Site, table: &str, asked: &Asked) -> Result<Markup, Problem> {
    let mut look = site.look().await?;
    let family = Family::find(&mut look, table).await?;
    let found = find(&mut look, table, asked).await?;
    let children = children(&mut look, &family, &found).await?;
    look.close().await;
    Ok(html! {
        p { a href=(Link::table(table)) { "All rows of " (table) } }
        (relatives(&family, &found, &children))
        table.row aria-label="Columns and values" {
            tbody {
                @for (column, value) in found.columns.iter().zip(&found.row.values) {
                    tr {
                        th scope="row" { (column.name) small { (type_name(column)) } }
                        td {
                            @if [LOAD_ID, PARENT_ID, ROOT_ID].contains(&column.name.as_str()) {
                                (data::cell(&family, column, value.as_ref()))
                            } @else {
                                (whole(value.as_ref(), column.data_type))
                            }
                            @if let Some(length) = value.as_ref().and_then(|value| value.length) {
                                (parts(table, &found.row.place, &column.name, length))
                            }
                        }
                    }
                }
            }
        }
    })
}

/// The row at the place, if it is still the one that was meant; else the one with the id.
async fn find(look: &mut Look<'_>, table: &str, asked: &Asked) -> Result<Found, Problem> {
    let gone = || Problem::Missing("The row is gone, or was written again since the link was made.".to_owned());
    let mut place = asked.at.clone();
    for _ in 0..2 {
        if let Some(at) = &place
            && let Some((columns, row)) = look.inspector.row(table, at, CHARS).await?
        {
            let found = Found { columns, row };
            if asked.id.is_none() || found.text(ROW_ID) == asked.id.as_deref() {
                return Ok(found);
            }
        }
        let id = asked.id.as_deref().ok_or_else(gone)?;
        let query = GridQuery {
            equal: &[(ROW_ID, id)],
            from: RowsFrom::Start,
            order: None,
            slice: Slice::first(1),
            chars: 1,
        };
        let mut grid = look.inspector.grid(table, query).await?;
        place = Some(grid.rows.pop().ok_or_else(gone)?.place);
    }
    Err(gone())
}

/// The child tables, with the address of this row's rows in each, and how many they are, where that is quickly told.
async fn children(
    look: &mut Look<'_>,
    family: &Family,
    found: &Found,
) -> Result<Vec<(String, Link, Option<u64>)>, Problem> {
    let Some(id) = found.text(ROW_ID) else {
        return Ok(Vec::new());
    };
    let root = found.text(ROOT_ID).unwrap_or(id);
    let mut children = Vec::new();
    for child in family.children() {
        let name = child.name.as_str();
        let link = Link::table(name).with("parent", id).with("root", root);
        let counted = match look.inspector.row_count(name, &[], MOST_COUNTED).await {
            Ok(all) if all.is_exact => {
                let of_row = [(PARENT_ID, id), (ROOT_ID, root)];
                Some(look.inspector.row_count(name, &of_row, MOST_COUNTED).await?.rows)
            }
            Ok(_) => None,
            // Somebody has dropped the table.
            Err(DestinationError::Misuse(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        children.push((name.to_owned(), link, counted));
    }
    Ok(children)
}

fn relatives(family: &Family, found: &Found, children: &[(String, Link, Option<u64>)]) -> Markup {
    html! {
        @if let (Some(parent), Some(id)) = (family.parent(), found.text(PARENT_ID)) {
            p { "It belongs to " a href=(Link::row(parent, None, Some(id))) { "a row of " (parent) } "." }
        }
        @if !children.is_empty() {
            p { "What belongs to it:" }
            ul {
                @for (name, link, counted) in children {
                    li {
                        a href=(link) { (name) }
                        @if let Some(counted) = counted { " (" (count(*counted, "row")) ")" }
                    }
                }
            }
        }
    }
}

fn parts(table: &str, place: &str, column: &str, length: u64) -> Markup {
    let link = |part: u64| {
        let link = Link::table(table)
            .part("value")
            .with("at", place)
            .with("column", column);
        link.with("part", &part.to_string())
    };
    let all = length.div_ceil(PART as u64);
    html! {
        p.parts {
            "The first " (grouped(CHARS as u64)) " of " (grouped(length)) " characters. "
            @if all <= 1 {
                a href=(link(0)) { "The whole value as text" }
            } @else {
                "The whole value as text, in parts:"
                @for part in 0..all.min(MOST_PARTS) { " " a href=(link(part)) { (part + 1) } }
                @if all > MOST_PARTS { " and on, up to " (grouped(all)) " (the number at the end of the address, counted from 0)" }
            }
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct AskedPart {
    at: String,
    column: String,
    part: Option<usize>,
}

pub(crate) async fn value(
    State(site): State<Arc<Site>>,
    Path(table): Path<String>,
    Query(asked): Query<AskedPart>,
) -> Response {
    match value_text(&site, &table, &asked).await {
        // Never as HTML, whatever is in it; the guard's headers keep a browser from guessing.
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        Err(problem) => site.problem(Section::Tables, &problem),
    }
}

async fn value_text(site: &Site, table: &str, asked: &AskedPart) -> Result<String, Problem> {
    let mut look = site.look().await?;
    Family::find(&mut look, table).await?;
    let part = asked.part.unwrap_or(0);
    let value = look
        .inspector
        .value_part(table, &asked.at, &asked.column, part, PART)
        .await?;
    look.close().await;
    value
        .map(|value| value.text)
        .ok_or_else(|| Problem::Missing("There is no such value, or its row was written again.".to_owned()))
}
