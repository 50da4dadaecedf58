//! How runs went: all of them, drawn and listed, and each with what it did.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use restload_destination::{LoadRecord, Slice};
use serde::Deserialize;

use crate::chart::{Bar, bars};
use crate::layout::{Section, in_code, numbered_pager, page_number, scrolling, status};
use crate::link::Link;
use crate::problem::Problem;
use crate::site::Site;
use crate::words::{count, duration, grouped, second};

const PAGE: u64 = 50;

#[derive(Deserialize)]
pub(crate) struct Asked {
    page: Option<u64>,
}

pub(crate) async fn list(State(site): State<Arc<Site>>, Query(asked): Query<Asked>) -> Response {
    let page = list_page(&site, page_number(asked.page)).await;
    site.answer(Section::Runs, "Runs", page)
}

async fn list_page(site: &Site, page: u64) -> Result<Markup, Problem> {
    let mut look = site.look().await?;
    let slice = Slice {
        offset: (page - 1) * PAGE,
        limit: PAGE + 1,
    };
    let mut loads = look.inspector.loads(slice).await?;
    look.close().await;
    let has_more = loads.len() as u64 > PAGE;
    loads.truncate(PAGE as usize);
    Ok(html! {
        @if loads.is_empty() {
            p { "No run of this pipeline is recorded here." }
        } @else {
            (charts(&loads))
            (scrolling("Runs", &table(&loads)))
            (numbered_pager(&Link::to("/"), page, PAGE, loads.len() as u64, has_more))
        }
    })
}

fn charts(loads: &[LoadRecord]) -> Markup {
    let drawn = |value: &dyn Fn(&LoadRecord) -> u64, words: &dyn Fn(&LoadRecord) -> String| -> Vec<Bar> {
        let bar = |load: &LoadRecord| Bar {
            value: value(load),
            title: format!("{} UTC: {}, {}", second(&load.started_at), words(load), load.status),
            class: match load.status.as_str() {
                "completed" => "good",
                "failed" => "bad",
                _ => "other",
            },
        };
        // The newest stands on the right.
        loads.iter().rev().map(bar).collect()
    };
    let time = |load: &LoadRecord| load.duration_ms.unwrap_or(0);
    let times = drawn(&time, &|load| {
        load.duration_ms.map_or("time unknown".to_owned(), duration)
    });
    let row_counts = drawn(&rows, &|load| count(rows(load), "row"));
    let longest = loads.iter().map(time).max().unwrap_or(0);
    let most_rows = loads.iter().map(rows).max().unwrap_or(0);
    html! {
        div.charts {
            (bars("Time of each run, the newest on the right", &format!("longest {}", duration(longest)), &times))
            (bars("Rows of each run, the newest on the right", &format!("most {}", grouped(most_rows)), &row_counts))
        }
    }
}

fn rows(load: &LoadRecord) -> u64 {
    load.rows.iter().map(|(_, rows)| rows).sum()
}

fn table(loads: &[LoadRecord]) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "Started (UTC)" }
                    th scope="col" { "Outcome" }
                    th.number scope="col" { "Took" }
                    th.number scope="col" { "Rows" }
                    th.number scope="col" { "Requests" }
                    th.number scope="col" { "Retries" }
                    th.number scope="col" { "Rejects" }
                    th.number scope="col" { "Schema changes" }
                }
            }
            tbody {
                @for load in loads {
                    tr {
                        th scope="row" { a href=(Link::run(&load.load_id)) { (second(&load.started_at)) } }
                        td { (status(&load.status)) }
                        td.number { (load.duration_ms.map_or("–".to_owned(), duration)) }
                        td.number { (grouped(rows(load))) }
                        td.number { (grouped(load.requests)) }
                        td.number { (grouped(load.retries)) }
                        td.number {
                            @if load.rejects > 0 { a href=(rejects_of(load)) { (grouped(load.rejects)) } } @else { "0" }
                        }
                        td.number { (grouped(load.schema_changes.len() as u64)) }
                    }
                }
            }
        }
    }
}

fn rejects_of(load: &LoadRecord) -> Link {
    Link::to("/rejects").with("run", &load.load_id)
}

pub(crate) async fn one(State(site): State<Arc<Site>>, Path(load_id): Path<String>) -> Response {
    let page = one_page(&site, &load_id).await;
    site.answer(Section::Runs, &format!("Run {load_id}"), page)
}

async fn one_page(site: &Site, load_id: &str) -> Result<Markup, Problem> {
    let mut look = site.look().await?;
    let load = look.inspector.load(load_id).await?;
    look.close().await;
    let load = load.ok_or_else(|| Problem::Missing(format!("There is no run {load_id} of this pipeline here.")))?;
    Ok(html! {
        dl.facts {
            div { dt { "Outcome" } dd { (status(&load.status)) } }
            div { dt { "Started (UTC)" } dd { (second(&load.started_at)) } }
            @if let Some(finished_at) = &load.finished_at { div { dt { "Ended (UTC)" } dd { (second(finished_at)) } } }
            @if let Some(took) = load.duration_ms { div { dt { "Took" } dd { (duration(took)) } } }
            div { dt { "Requests" } dd { (grouped(load.requests)) } }
            div { dt { "Retries" } dd { (grouped(load.retries)) } }
            div { dt { "Rejects" } dd { @if load.rejects > 0 { a href=(rejects_of(&load)) { (grouped(load.rejects)) } } @else { "0" } } }
        }
        @if let Some(error) = &load.error {
            h2 { "What went wrong" }
            pre.failure { (error) }
        }
        h2 { "Rows" }
        @if load.rows.is_empty() {
            p { "It has written no rows." }
        } @else {
            (scrolling("Rows by table", &html! {
                table {
                    thead { tr { th scope="col" { "Table" } th.number scope="col" { "Rows" } th scope="col" { span.hidden { "Link" } } } }
                    tbody {
                        @for (table, rows) in &load.rows {
                            tr {
                                th scope="row" { a href=(Link::table(table)) { (table) } }
                                td.number { (grouped(*rows)) }
                                td {
                                    @if *rows > 0 {
                                        a href=(Link::table(table).with("run", load_id)) aria-label=(format!("Rows of {table} that this run has written last")) { "See them" }
                                    }
                                }
                            }
                        }
                    }
                }
            }))
        }
        h2 { "Schema changes" }
        @if load.schema_changes.is_empty() {
            p { "It has changed no table." }
        } @else {
            ul { @for change in &load.schema_changes { li { (in_code(change)) } } }
        }
    })
}
