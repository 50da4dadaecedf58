//! `restload run`: the main job.

use std::process::ExitCode;
use std::sync::Arc;

use restload_destination::{Destination, DestinationUrl, OpenOptions};
use restload_engine::{Moment, Outcome as RunOutcome, RunOptions, new_load_id, run as run_plan};
use restload_model::secret::{Redactor, Secret};
use tokio::sync::watch;

use super::{CommandError, FAILED, OK, Outcome};
use crate::cli::{Format, RunArgs};
use crate::demo;
use crate::load::settings::Settings;
use crate::pipeline::{Overrides, Pipeline, folder_of};
use crate::progress::Progress;
use crate::summary;
use crate::terminal::Terminal;

pub(crate) async fn run(args: &RunArgs, terminal: &Terminal) -> Outcome {
    let pipeline = Pipeline::read(&args.config, terminal)?;
    let name = pipeline.name().to_owned();
    let simulation = if args.demo {
        Some(
            demo::start(pipeline.base_url())
                .await
                .map_err(|error| CommandError::usage(format!("error: {error}")))?,
        )
    } else {
        None
    };
    let (simulation, demo) = simulation.map_or((None, None), |simulation| {
        (Some(simulation.running), Some(simulation.demo))
    });
    let overrides = Overrides {
        select: args.select.clone(),
        offline: false,
        demo,
    };
    let planned = pipeline.plan(&overrides, terminal)?;
    let flags = Settings {
        to: args.to.clone(),
        dataset: args.dataset.clone(),
    };
    let settings = Settings::load(&folder_of(&args.config.config), &flags)
        .map_err(|error| CommandError::usage(error.render(terminal.color)))?;
    let (own_url, own_dataset) = planned
        .destination
        .map_or((None, None), |own| (Some(own.url), own.dataset));
    let url = settings.to.or(own_url).unwrap_or_else(|| format!("sqlite:{name}.db"));
    let url = DestinationUrl::parse(&url).map_err(|error| CommandError::usage(format!("error: {error}")))?;
    let redactor = Redactor::new(
        url.password()
            .map(|password| ("destination".to_owned(), Secret::new(password))),
    );

    let plan = planned.plan;
    if plan.resources.iter().all(|resource| !resource.is_loaded) {
        return Err(CommandError::usage(format!(
            "error: nothing to load\n{}",
            summary::left_out(&plan.left_out)
        )));
    }
    let started = Moment::now();
    let load_id = new_load_id(started);
    let destination = Box::pin(Destination::open(OpenOptions {
        url: url.clone(),
        dataset: settings.dataset.or(own_dataset),
        pipeline: name.clone(),
        load_id: load_id.clone(),
        started_at: started.micros(),
    }))
    .await
    .map_err(|error| CommandError::failed(redactor.redact(&chain(&error))))?;

    let left_out = plan.left_out.clone();
    let progress = Arc::new(Progress::new(terminal));
    let shown = Arc::clone(&progress);
    let options = RunOptions {
        load_id,
        full_refresh: args.full_refresh,
        limit: args.limit,
        folder: folder_of(&args.config.config),
        events: Arc::new(move |event| shown.show(&event)),
        cancelled: cancellation(terminal),
    };
    let report = Box::pin(run_plan(plan, destination, options)).await;
    progress.clear();
    drop(simulation);
    let report = report.map_err(|error| {
        let goes_on = "what was committed before stays; the next run goes on from there";
        CommandError::failed(format!("{}\n{goes_on}", redactor.redact(&chain(&error))))
    })?;
    match args.format {
        Format::Json => terminal.print(&summary::as_json(&name, &url.redacted(), &report, &left_out))?,
        Format::Text => {
            terminal.error(&summary::as_text(&name, &url.redacted(), &report, &left_out, terminal));
        }
    }
    Ok(ExitCode::from(if report.outcome == RunOutcome::Completed {
        OK
    } else {
        FAILED
    }))
}

/// Turns true at the first Ctrl-C (or a request to terminate), upon which what is whole is committed. A second one
/// ends the process at once; what is committed stays even then.
fn cancellation(terminal: &Terminal) -> watch::Receiver<bool> {
    let (cancel, cancelled) = watch::channel(false);
    let terminal = terminal.clone();
    tokio::spawn(async move {
        interrupted().await;
        terminal.error("stopping: what is whole is being committed (Ctrl-C again to stop at once)");
        let _ = cancel.send(true);
        interrupted().await;
        std::process::exit(i32::from(FAILED));
    });
    cancelled
}

#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}

/// An error and its causes, a line each.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = format!("error: {error}");
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}\n  caused by: {cause}");
        next = cause.source();
    }
    text
}
