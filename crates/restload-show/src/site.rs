//! The site: its routes, and how a page gets at the destination.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use maud::Markup;
use restload_destination::{DestinationUrl, Inspector};
use restload_model::secret::Redactor;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::guard::{Hosts, guard};
use crate::layout::{self, Section};
use crate::pages::{query, rejects, runs, state, tables};
use crate::problem::Problem;

/// How long one look at the destination may take: less than a run waits for those who read a table that it changes.
pub(crate) const MOST_TIME: Duration = Duration::from_secs(5);
/// How many requests look at the destination at once; the others wait.
const MOST_LOOKS: usize = 4;
/// Bytes that a query may have.
const MOST_BODY: usize = 64 * 1024;

/// What is shown: a pipeline, and where its data are.
pub struct Subject {
    /// The pipeline's name.
    pub pipeline: String,
    /// The destination.
    pub url: DestinationUrl,
    /// The part of it that has the tables, if it is not named for the pipeline.
    pub dataset: Option<String>,
    /// Masks what must not be shown in what a database says.
    pub redactor: Redactor,
    /// What to run to have something to look at.
    pub run_command: String,
}

/// What every page is made from.
pub(crate) struct Site {
    pub(crate) subject: Subject,
    looks: Semaphore,
}

/// The destination, open for one page.
pub(crate) struct Look<'s> {
    pub(crate) inspector: Inspector,
    _permit: SemaphorePermit<'s>,
}

/// Answers requests until it is dropped.
pub async fn serve(listener: TcpListener, hosts: Hosts, subject: Subject) -> std::io::Result<()> {
    let site = Arc::new(Site {
        subject,
        looks: Semaphore::new(MOST_LOOKS),
    });
    let router = Router::new()
        .route("/", get(runs::list))
        .route("/runs/{load_id}", get(runs::one))
        .route("/tables", get(tables::list::list))
        .route("/tables/{table}", get(tables::data::data))
        .route("/tables/{table}/columns", get(tables::columns::columns))
        .route("/tables/{table}/row", get(tables::row::row))
        .route("/tables/{table}/value", get(tables::row::value))
        .route("/state", get(state::state))
        .route("/rejects", get(rejects::rejects))
        .route("/query", get(query::form).post(query::run))
        .route("/style.css", get(style))
        .route("/icon.svg", get(icon))
        .fallback(missing)
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .layer(middleware::from_fn_with_state(hosts, guard))
        .with_state(site);
    axum::serve(listener, router).await
}

impl Site {
    /// Opens the destination.
    pub(crate) async fn look(&self) -> Result<Look<'_>, Problem> {
        // It is never closed, so it always gives one.
        let permit = self.looks.acquire().await.map_err(|_| Problem::NothingYet)?;
        let Subject {
            url, dataset, pipeline, ..
        } = &self.subject;
        let opened = Box::pin(Inspector::open(url, dataset.as_deref(), pipeline)).await?;
        let mut inspector = opened.ok_or(Problem::NothingYet)?;
        inspector.limit_time(MOST_TIME);
        Ok(Look {
            inspector,
            _permit: permit,
        })
    }

    /// The page, or what went wrong with it.
    pub(crate) fn answer(&self, section: Section, title: &str, page: Result<Markup, Problem>) -> Response {
        match page {
            Ok(body) => Html(layout::page(&self.subject, section, title, &body).into_string()).into_response(),
            Err(problem) => self.problem(section, &problem),
        }
    }

    pub(crate) fn problem(&self, section: Section, problem: &Problem) -> Response {
        let (title, body) = layout::problem(&self.subject, problem);
        let page = Html(layout::page(&self.subject, section, title, &body).into_string());
        (problem.status(), page).into_response()
    }
}

impl Look<'_> {
    /// Gives the destination back.
    pub(crate) async fn close(self) {
        self.inspector.close().await;
    }
}

async fn missing(axum::extract::State(site): axum::extract::State<Arc<Site>>) -> Response {
    site.problem(Section::None, &Problem::Missing("There is no such page.".to_owned()))
}

async fn style() -> Response {
    const STYLE: &str = include_str!("style.css");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

async fn icon() -> Response {
    const ICON: &str = include_str!("icon.svg");
    (StatusCode::OK, [(header::CONTENT_TYPE, "image/svg+xml")], ICON).into_response()
}
