//! The box for SQL.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Form, State};
use axum::response::Response;
use maud::{Markup, html};
use restload_destination::{Answer, AskLimits, DestinationError, Kind};
use serde::Deserialize;

use crate::layout::{Section, failure, scrolling};
use crate::problem::Problem;
use crate::site::{MOST_TIME, Site};
use crate::value::brief;
use crate::words::{count, duration, grouped};

const LIMITS: AskLimits = AskLimits {
    rows: 500,
    chars: 1_000,
    all_chars: 8_000_000,
    time: MOST_TIME,
};

#[derive(Deserialize)]
pub(crate) struct Asked {
    sql: String,
}

/// What came of a query.
enum Outcome {
    NotAsked,
    Answered(Answer, Duration),
    Refused(DestinationError),
}

pub(crate) async fn form(State(site): State<Arc<Site>>) -> Response {
    let page = match site.look().await {
        Ok(look) => {
            look.close().await;
            Ok(page(&site, "", &Outcome::NotAsked))
        }
        Err(problem) => Err(problem),
    };
    site.answer(Section::Query, "SQL", page)
}

pub(crate) async fn run(State(site): State<Arc<Site>>, Form(asked): Form<Asked>) -> Response {
    let page = answered(&site, &asked.sql).await;
    site.answer(Section::Query, "SQL", page)
}

async fn answered(site: &Site, sql: &str) -> Result<Markup, Problem> {
    let mut look = site.look().await?;
    let begun = Instant::now();
    let answer = Box::pin(look.inspector.ask(sql, LIMITS)).await;
    let took = begun.elapsed();
    look.close().await;
    let outcome = match answer {
        Ok(answer) => Outcome::Answered(answer, took),
        Err(error) => Outcome::Refused(error),
    };
    Ok(page(site, sql, &outcome))
}

fn page(site: &Site, sql: &str, outcome: &Outcome) -> Markup {
    html! {
        form.query action="/query" method="post" {
            label for="sql" { "One query that reads" }
            // A browser leaves out a line's end that comes first.
            textarea #sql name="sql" rows="6" spellcheck="false" autocapitalize="off" autocomplete="off" required aria-describedby="sql-rules" { "\n" (sql) }
            p #sql-rules {
                "SELECT, WITH or VALUES. Nothing can be changed. The first " (grouped(LIMITS.rows as u64)) " rows are shown, the first "
                (grouped(LIMITS.chars as u64)) " characters of a value, and what takes longer than " (LIMITS.time.as_secs()) " seconds is stopped."
                @if site.subject.url.kind() == Kind::Postgres { " Names without a schema are those of the dataset." }
            }
            button { "Run" }
        }
        @match outcome {
            Outcome::NotAsked => {}
            Outcome::Refused(error) => (failure(&site.subject, error)),
            Outcome::Answered(answer, took) => (answer_table(answer, *took)),
        }
    }
}

fn answer_table(answer: &Answer, took: Duration) -> Markup {
    let rows = answer.rows.len() as u64;
    html! {
        h2 #answer { "Answer" }
        p role="status" {
            @if answer.has_more { "The first " }
            (count(rows, "row")) ", " (duration(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)))
            @if answer.has_more { ". There are more; ask for fewer, or count them." }
        }
        @if rows > 0 {
            (scrolling("Answer", &html! {
                table.answer {
                    thead { tr { @for column in &answer.columns { th scope="col" { (column) } } } }
                    tbody {
                        @for row in &answer.rows {
                            tr { @for value in row { td { (brief(value.as_ref(), None)) } } }
                        }
                    }
                }
            }))
        }
    }
}
