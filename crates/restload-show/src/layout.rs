//! What all pages share: the frame, the navigation, lists that are paged, and what is said where something is wrong.

use maud::{DOCTYPE, Markup, html};
use restload_destination::DestinationError;

use crate::link::Link;
use crate::problem::{Problem, chain};
use crate::site::{MOST_TIME, Subject};

/// A part of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Runs,
    Tables,
    State,
    Rejects,
    Query,
    None,
}

const SECTIONS: [(Section, &str, &str); 5] = [
    (Section::Runs, "/", "Runs"),
    (Section::Tables, "/tables", "Tables"),
    (Section::State, "/state", "State"),
    (Section::Rejects, "/rejects", "Rejects"),
    (Section::Query, "/query", "SQL"),
];

/// A whole page. Its heading is the title.
pub(crate) fn page(subject: &Subject, section: Section, title: &str, body: &Markup) -> Markup {
    let place = match &subject.dataset {
        Some(dataset) => format!("{}, dataset {dataset}", subject.url.redacted()),
        None => subject.url.redacted(),
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – " (subject.pipeline) " – restload" }
                link rel="stylesheet" href="/style.css";
                link rel="icon" href="/icon.svg" type="image/svg+xml";
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    p.place { strong { (subject.pipeline) } " " span { (place) } }
                    nav aria-label="Pages" {
                        ul {
                            @for (each, href, name) in SECTIONS {
                                li { a href=(href) aria-current=[(each == section).then_some("page")] { (name) } }
                            }
                        }
                    }
                }
                main #main tabindex="-1" {
                    h1 { (title) }
                    (body)
                }
            }
        }
    }
}

/// The title and the text of a page that says what is wrong.
pub(crate) fn problem(subject: &Subject, problem: &Problem) -> (&'static str, Markup) {
    match problem {
        Problem::NothingYet => (
            "Nothing here yet",
            html! {
                p { "restload has not loaded anything into " code { (subject.url.redacted()) } " yet." }
                p { "Load it, and reload this page:" }
                pre { code { (subject.run_command) } }
            },
        ),
        Problem::Missing(text) => ("Not found", html! { p { (text) } p { a href="/" { "See the runs" } } }),
        Problem::Destination(error) => (
            match error {
                DestinationError::Stopped { .. } => "This took too long",
                DestinationError::Misuse(_) => "Not found",
                _ => "This did not work",
            },
            html! { (failure(subject, error)) },
        ),
    }
}

/// What went wrong at the destination, with secrets masked, and what to do about it.
pub(crate) fn failure(subject: &Subject, error: &DestinationError) -> Markup {
    html! {
        div.failure role="alert" {
            p { (subject.redactor.redact(&chain(error))) }
            @if matches!(error, DestinationError::Stopped { .. }) {
                p {
                    "A look may take " (MOST_TIME.as_secs()) " seconds, so that nothing here stands in the way of a run."
                }
            }
        }
    }
}

/// A table that is wider than the screen is moved within its own frame, by keys, too.
pub(crate) fn scrolling(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" aria-label=(label) tabindex="0" { (table) } }
}

/// Links to what comes before and after, where there is something.
pub(crate) fn pager(before: Option<(&str, Link)>, shown: &str, after: Option<Link>) -> Markup {
    html! {
        nav.pager aria-label="Pages of the list" {
            @if let Some((word, link)) = before { a href=(link) { "← " (word) } }
            span { (shown) }
            @if let Some(link) = after { a href=(link) rel="next" { "Next →" } }
        }
    }
}

/// Which page of a list; counted from 1.
pub(crate) fn page_number(asked: Option<u64>) -> u64 {
    asked.unwrap_or(1).clamp(1, 1_000_000)
}

/// A [`pager`] for a list that is paged by numbers.
pub(crate) fn numbered_pager(link: &Link, page: u64, size: u64, on_page: u64, has_more: bool) -> Markup {
    if page == 1 && !has_more {
        return html! {};
    }
    let first = (page - 1) * size;
    let shown = match on_page {
        0 => "nothing more".to_owned(),
        _ => format!(
            "{}–{}",
            crate::words::grouped(first + 1),
            crate::words::grouped(first + on_page)
        ),
    };
    let to = |page: u64| link.clone().with("page", &page.to_string());
    pager(
        (page > 1).then(|| ("Previous", to(page - 1))),
        &shown,
        has_more.then(|| to(page + 1)),
    )
}

/// The state of a run, in words and in colour.
pub(crate) fn status(status: &str) -> Markup {
    let class = match status {
        "completed" => "status good",
        "failed" => "status bad",
        "running" => "status busy",
        _ => "status",
    };
    html! { span class=(class) { (status) } }
}

/// A text whose names stand in backticks.
pub(crate) fn in_code(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
