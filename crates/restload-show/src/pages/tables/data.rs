//! The rows of a table, a page at a time.
//!
//! Without an order, rows come by their places, and a page begins behind the last row of the one before: that costs the
//! same everywhere in a table of any size. Tables that are small enough can be ordered by a column.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use restload_destination::{Grid, GridColumn, GridQuery, GridRow, Order, RowCount, RowsFrom, Slice, ValueText};
use restload_model::DataType;
use restload_model::schema::{LIST_INDEX, LOAD_ID, PARENT_ID, ROOT_ID, ROW_ID};
use serde::Deserialize;

use super::Family;
use crate::layout::{Section, numbered_pager, page_number, pager, scrolling};
use crate::link::Link;
use crate::problem::Problem;
use crate::site::{Look, Site};
use crate::value::{brief, class, type_name};
use crate::words::{count, grouped};

const PAGE: u64 = 50;
/// Characters of a value; all of it is on the page of its row.
const CHARS: usize = 120;
/// Rows that are ordered: more would take too long to be looked at in passing.
const MOST_ORDERED: usize = 100_000;

#[derive(Deserialize, Default)]
pub(crate) struct Asked {
    /// Only rows of this row of the parent table, and of this root row, which is what the index is on.
    parent: Option<String>,
    root: Option<String>,
    /// Only rows that this run has written last.
    run: Option<String>,
    sort: Option<String>,
    descending: Option<bool>,
    page: Option<u64>,
    /// Behind the row at this place, which so many rows come before.
    after: Option<String>,
    seen: Option<u64>,
}

/// What the page shows.
struct Shown {
    grid: Grid,
    size: RowCount,
    order: Option<(String, bool)>,
    /// Why the rows are not ordered as asked.
    note: Option<&'static str>,
}

pub(crate) async fn data(
    State(site): State<Arc<Site>>,
    Path(table): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    let page = data_page(&site, &table, &asked).await;
    site.answer(Section::Tables, &table, page)
}

async fn data_page(site: &Site, table: &str, asked: &Asked) -> Result<Markup, Problem> {
    let mut look = site.look().await?;
    let family = Family::find(&mut look, table).await?;
    let shown = read(&mut look, &family, asked).await?;
    look.close().await;
    let label = format!("Rows of {table}");
    Ok(html! {
        (family.links(true))
        (filters(&family, asked))
        p { (size_in_words(shown.size)) "." @if let Some(note) = shown.note { " " (note) } }
        @if shown.grid.rows.is_empty() {
            p { @if asked.is_filtered() { "No such rows." } @else { "There are no rows." } }
        } @else {
            (scrolling(&label, &rows_table(&family, asked, &shown)))
        }
        (paging(&family, asked, &shown))
    })
}

async fn read(look: &mut Look<'_>, family: &Family, asked: &Asked) -> Result<Shown, Problem> {
    let equal = asked.equal();
    let size = look.inspector.row_count(&family.name, &equal, MOST_ORDERED).await?;
    let mut note = None;
    let order = match &asked.sort {
        Some(column) if size.is_exact => Some((column.clone(), asked.descending.unwrap_or(false))),
        Some(_) => {
            note = Some("These are too many to be ordered here; order them with SQL, by a column with an index.");
            None
        }
        // The elements of one list, in their order.
        None if asked.parent.is_some() && size.is_exact => Some((LIST_INDEX.to_owned(), false)),
        None => None,
    };
    let page = page_number(asked.page);
    let query = GridQuery {
        equal: &equal,
        from: match &asked.after {
            Some(place) if order.is_none() => RowsFrom::After(place),
            _ => RowsFrom::Start,
        },
        order: order.as_ref().map(|(column, descending)| Order {
            column,
            descending: *descending,
        }),
        slice: Slice {
            offset: if order.is_some() { (page - 1) * PAGE } else { 0 },
            limit: PAGE,
        },
        chars: CHARS,
    };
    let grid = look.inspector.grid(&family.name, query).await?;
    Ok(Shown {
        grid,
        size,
        order,
        note,
    })
}

impl Asked {
    fn equal(&self) -> Vec<(&'static str, &str)> {
        let filters = [(PARENT_ID, &self.parent), (ROOT_ID, &self.root), (LOAD_ID, &self.run)];
        filters
            .into_iter()
            .filter_map(|(column, value)| Some((column, value.as_deref()?)))
            .collect()
    }

    fn is_filtered(&self) -> bool {
        !self.equal().is_empty()
    }

    /// The address of the same rows, from the first one on.
    fn link(&self, table: &str) -> Link {
        Link::table(table)
            .option("parent", self.parent.as_deref())
            .option("root", self.root.as_deref())
            .option("run", self.run.as_deref())
    }
}

fn filters(family: &Family, asked: &Asked) -> Markup {
    html! {
        @if asked.is_filtered() {
            p {
                "Only rows "
                @if let Some(id) = &asked.parent {
                    "of "
                    @match family.parent() {
                        Some(parent) => a href=(Link::row(parent, None, Some(id))) { "one row of " (parent) },
                        None => code { (id) },
                    }
                    " "
                }
                @if let Some(run) = &asked.run { "last written by " a href=(Link::run(run)) { "run " (run) } " " }
                "– " a href=(Link::table(&family.name)) { "all rows" }
            }
        }
    }
}

fn size_in_words(size: RowCount) -> String {
    if size.is_exact {
        return count(size.rows, "row");
    }
    // Where rows are picked, nothing tells how many there are.
    match size.rows as usize {
        MOST_ORDERED => format!("More than {} rows", grouped(size.rows)),
        _ => format!("About {} rows", grouped(size.rows)),
    }
}

fn paging(family: &Family, asked: &Asked, shown: &Shown) -> Markup {
    let on_page = shown.grid.rows.len() as u64;
    let link = asked.link(&family.name);
    if shown.order.is_some() {
        let link = match &asked.sort {
            Some(column) => link
                .with("sort", column)
                .option("descending", asked.descending.map(spelled)),
            None => link,
        };
        return numbered_pager(&link, page_number(asked.page), PAGE, on_page, shown.grid.has_more);
    }
    if asked.after.is_none() && !shown.grid.has_more {
        return html! {};
    }
    let seen = asked.seen.filter(|_| asked.after.is_some()).unwrap_or(0);
    let range = format!(
        "{}–{}",
        grouped(seen.saturating_add(1)),
        grouped(seen.saturating_add(on_page))
    );
    let next = shown.grid.rows.last().filter(|_| shown.grid.has_more).map(|last| {
        let link = link.clone().with("after", &last.place);
        link.with("seen", &seen.saturating_add(on_page).to_string())
    });
    pager(asked.after.is_some().then_some(("First", link)), &range, next)
}

fn spelled(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

/// restload's own columns stand behind the data's.
fn columns_in_order(grid: &Grid) -> Vec<(usize, &GridColumn)> {
    let is_own =
        |column: &GridColumn| [ROW_ID, LOAD_ID, PARENT_ID, ROOT_ID, LIST_INDEX].contains(&column.name.as_str());
    let mut columns: Vec<(usize, &GridColumn)> = grid.columns.iter().enumerate().collect();
    columns.sort_by_key(|(_, column)| is_own(column));
    columns
}

fn rows_table(family: &Family, asked: &Asked, shown: &Shown) -> Markup {
    let columns = columns_in_order(&shown.grid);
    html! {
        table.data {
            thead {
                tr {
                    th scope="col" { "Row" }
                    @for (_, column) in &columns { (heading(family, asked, shown, column)) }
                }
            }
            tbody {
                @for (index, row) in shown.grid.rows.iter().enumerate() {
                    tr {
                        th scope="row" { a href=(row_link(family, &shown.grid, row)) aria-label=(format!("Open row {} of this page", index + 1)) { "Open" } }
                        @for (place, column) in &columns {
                            td class=[class(column.data_type)] { (cell(family, column, row.values.get(*place).and_then(Option::as_ref))) }
                        }
                    }
                }
            }
        }
    }
}

fn heading(family: &Family, asked: &Asked, shown: &Shown, column: &GridColumn) -> Markup {
    let ordered = match &shown.order {
        Some((by, descending)) if *by == column.name => Some(*descending),
        _ => None,
    };
    let sort = ordered.map(|descending| if descending { "descending" } else { "ascending" });
    // By a column that is ordered by already, the other way round.
    let link = asked
        .link(&family.name)
        .with("sort", &column.name)
        .option("descending", (ordered == Some(false)).then_some("true"));
    html! {
        th scope="col" class=[class(column.data_type)] aria-sort=[sort] {
            @if shown.size.is_exact && column.data_type != Some(DataType::Json) {
                a href=(link) { (column.name) @match ordered { Some(true) => " ↓", Some(false) => " ↑", None => {} } }
            } @else {
                (column.name)
            }
            small { (type_name(column)) }
        }
    }
}

fn row_link(family: &Family, grid: &Grid, row: &GridRow) -> Link {
    let id = grid.columns.iter().position(|column| column.name == ROW_ID);
    let id = id.and_then(|index| row.values.get(index)?.as_ref());
    Link::row(&family.name, Some(&row.place), id.map(|id| id.text.as_str()))
}

/// A value; the ones that name rows and runs lead there.
pub(super) fn cell(family: &Family, column: &GridColumn, value: Option<&ValueText>) -> Markup {
    let shown = brief(value, column.data_type);
    let link = match (column.name.as_str(), value) {
        (LOAD_ID, Some(value)) => Some(Link::run(&value.text)),
        (PARENT_ID, Some(value)) => family.parent().map(|parent| Link::row(parent, None, Some(&value.text))),
        (ROOT_ID, Some(value)) if family.parent().is_some() => Some(Link::row(family.root(), None, Some(&value.text))),
        _ => None,
    };
    html! { @match link { Some(link) => a href=(link) { (shown) }, None => (shown) } }
}
