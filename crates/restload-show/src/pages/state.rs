//! What is stored of each resource and of each parent, in words.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use restload_destination::{Slice, StateRecord};
use serde::Deserialize;
use serde_json::Value;

use crate::layout::{Section, in_code, numbered_pager, page_number, scrolling};
use crate::link::Link;
use crate::problem::Problem;
use crate::site::Site;
use crate::value::indented;
use crate::words::{count, second};

/// Partitions on the page of a resource.
const PAGE: u64 = 100;
/// Partitions of each resource on the page of all resources.
const FIRST: u64 = 5;
/// Resources on that page whose partitions are listed.
const MOST_LISTED: usize = 40;

#[derive(Deserialize)]
pub(crate) struct Asked {
    resource: Option<String>,
    find: Option<String>,
    page: Option<u64>,
}

pub(crate) async fn state(State(site): State<Arc<Site>>, Query(asked): Query<Asked>) -> Response {
    match &asked.resource {
        Some(resource) => {
            let find = asked.find.as_deref().unwrap_or_default();
            let page = one_page(&site, resource, find, page_number(asked.page)).await;
            site.answer(Section::State, &format!("State of {resource}"), page)
        }
        None => {
            let page = all_page(&site).await;
            site.answer(Section::State, "State", page)
        }
    }
}

async fn all_page(site: &Site) -> Result<Markup, Problem> {
    let mut look = site.look().await?;
    let counts = look.inspector.state_counts().await?;
    let mut listed = Vec::new();
    for (resource, partitions) in &counts {
        let first = match listed.len() {
            0..MOST_LISTED => look.inspector.state_of(resource, "", Slice::first(FIRST)).await?,
            _ => Vec::new(),
        };
        listed.push((resource, *partitions, first));
    }
    look.close().await;
    Ok(html! {
        p { "Where the next run goes on, for each resource and for each of its parents." }
        @if listed.is_empty() {
            p { "Nothing is stored: the next run starts from the beginning." }
        }
        @for (resource, partitions, first) in &listed {
            section {
                h2 { (resource) }
                @if !first.is_empty() { (scrolling(&format!("State of {resource}"), &table(first))) }
                @if *partitions > first.len() as u64 {
                    p { a href=(Link::to("/state").with("resource", resource)) { "All " (count(*partitions, "partition")) " of " (resource) } }
                }
            }
        }
    })
}

async fn one_page(site: &Site, resource: &str, find: &str, page: u64) -> Result<Markup, Problem> {
    let mut look = site.look().await?;
    let slice = Slice {
        offset: (page - 1) * PAGE,
        limit: PAGE + 1,
    };
    let mut records = look.inspector.state_of(resource, find, slice).await?;
    look.close().await;
    let has_more = records.len() as u64 > PAGE;
    records.truncate(PAGE as usize);
    let link = Link::to("/state")
        .with("resource", resource)
        .option("find", (!find.is_empty()).then_some(find));
    Ok(html! {
        p { a href="/state" { "All resources" } }
        form.search role="search" action="/state" method="get" {
            input type="hidden" name="resource" value=(resource);
            label for="find" { "Partition holds" }
            input #find type="search" name="find" value=(find) autocomplete="off";
            button { "Find" }
        }
        @if records.is_empty() {
            p { "Nothing is stored of such a partition." }
        } @else {
            (scrolling(&format!("State of {resource}"), &table(&records)))
        }
        (numbered_pager(&link, page, PAGE, records.len() as u64, has_more))
    })
}

fn table(records: &[StateRecord]) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "Partition" }
                    th scope="col" { "Where it stands" }
                    th scope="col" { "Stored (UTC)" }
                    th scope="col" { "By run" }
                }
            }
            tbody {
                @for record in records {
                    tr {
                        th scope="row" { (partition_in_words(&record.partition)) }
                        td.wide {
                            details {
                                summary { (in_code(&shortened(&record.in_words()))) }
                                @if !record.partition.is_empty() { pre { code { (record.partition) } } }
                                pre { code { (shortened(&indented(&record.checkpoint))) } }
                            }
                        }
                        td { (second(&record.updated_at)) }
                        td { a href=(Link::run(&record.load_id)) { (record.load_id) } }
                    }
                }
            }
        }
    }
}

/// `orders id 7` of a parent's record, which is stored as JSON; other texts as they are.
fn partition_in_words(partition: &str) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let words = match serde_json::from_str(partition) {
        Ok(Value::Object(members)) => {
            let parts = members.iter().map(|(name, value)| match value {
                Value::Object(fields) => {
                    let fields = fields.iter().map(|(field, value)| format!(" {field} {}", plain(value)));
                    format!("{name}{}", fields.collect::<Vec<_>>().join(","))
                }
                value => format!("{name} {}", plain(value)),
            });
            parts.collect::<Vec<_>>().join("; ")
        }
        _ if partition.is_empty() => "the whole resource".to_owned(),
        _ => partition.to_owned(),
    };
    match words.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// A checkpoint may have a list of what has begun that goes on for pages.
fn shortened(text: &str) -> String {
    const MOST: usize = 4_000;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_told_by_the_parents_fields() {
        for (partition, words) in [
            ("", "the whole resource"),
            (r#"{"orders":{"id":7}}"#, "orders id 7"),
            (
                r#"{"orders":{"id":"a","region":null},"window":3}"#,
                "orders id a, region null; window 3",
            ),
            ("2024-01-01/2024-02-01", "2024-01-01/2024-02-01"),
        ] {
            assert_eq!(partition_in_words(partition), words);
        }
    }
}
