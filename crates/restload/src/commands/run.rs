//! `restload run`: the main job.

use std::process::ExitCode;
use std::sync::Arc;

use restload_destination::{Destination, OpenOptions, Refresh};
use restload_engine::{Moment, Outcome as RunOutcome, RunOptions, new_load_id, run as run_plan};
use restload_source::plan::RunRange;
use tokio::sync::watch;

use super::place::Place;
use super::{CommandError, FAILED, OK, Outcome};
use crate::cli::{Format, RefreshMode, RunArgs};
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
        range: RunRange {
            from: args.from.clone(),
            until: args.until.clone(),
        },
        offline: false,
        demo,
    };
    let planned = pipeline.plan(&overrides, terminal)?;
    let flags = Settings {
        to: args.to.clone(),
        dataset: args.dataset.clone(),
    };
    let place = Place::resolve(&args.config.config, &name, planned.destination, &flags, terminal)?;
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
        url: place.url.clone(),
        dataset: place.dataset.clone(),
        pipeline: name.clone(),
        load_id: load_id.clone(),
        started_at: started.micros(),
    }))
    .await
    .map_err(|error| place.failed(&error))?;

    let left_out = plan.left_out.clone();
    let progress = Arc::new(Progress::new(terminal));
    let shown = Arc::clone(&progress);
    let options = RunOptions {
        load_id,
        full_refresh: args.full_refresh,
        refresh: args.refresh.map(refresh),
        limit: args.limit,
        folder: folder_of(&args.config.config),
        events: Arc::new(move |event| shown.show(&event)),
        cancelled: cancellation(terminal),
    };
    let report = Box::pin(run_plan(plan, destination, options)).await;
    progress.clear();
    drop(simulation);
    let shown = place.url.redacted();
    let report = report.map_err(|error| {
        let goes_on = "what was committed before stays; the next run goes on from there";
        CommandError::failed(format!("{}\n{goes_on}", place.failed(&error).message))
    })?;
    match args.format {
        Format::Json => terminal.print(&summary::as_json(&name, &shown, &report, &left_out))?,
        Format::Text => {
            terminal.error(&summary::as_text(&name, &shown, &report, &left_out, terminal));
        }
    }
    Ok(ExitCode::from(if report.outcome == RunOutcome::Completed {
        OK
    } else {
        FAILED
    }))
}

/// The destination's word for the flag's.
fn refresh(mode: RefreshMode) -> Refresh {
    match mode {
        RefreshMode::DropSources => Refresh::DropSources,
        RefreshMode::DropResources => Refresh::DropResources,
        RefreshMode::DropData => Refresh::DropData,
    }
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
