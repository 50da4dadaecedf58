//! `restload run`: the main job.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use restload_destination::{Destination, OpenOptions, Refresh};
use restload_engine::{
    Exchanges, Moment, Outcome as RunOutcome, Report, RunOptions, SharedLimits, new_load_id, run as run_plan,
};
use restload_pushover_sim::Running;
use restload_source::plan::{LeftOut, Plan, RunRange};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::place::{self, Place};
use super::{CommandError, FAILED, OK, Outcome};
use crate::cli::{Format, RefreshMode, RunArgs};
use crate::demo;
use crate::load::settings::Settings;
use crate::pipeline::{Overrides, Pipeline, folder_of};
use crate::progress::{Progress, of_pipeline};
use crate::recording::{Recording, begin, end};
use crate::runtime;
use crate::summary;
use crate::terminal::{Level, Terminal};

/// Configs that are loaded at the same time, at most; the others wait. Each has a writer and pages of its own in memory.
const AT_A_TIME: usize = 4;

pub(crate) async fn run(args: &RunArgs, terminal: &Terminal) -> Outcome {
    let recording = args.replay.as_deref().map(Recording::open).transpose()?;
    let amended = recording.as_ref().map(|recording| recording.amend(args, terminal));
    let amended = amended.transpose()?;
    let args = amended.as_ref().unwrap_or(args);
    let prepared = prepare(args, recording.as_ref(), terminal).await?;
    let is_one = prepared.len() == 1;
    let progress = Arc::new(Progress::new(terminal, !is_one));
    let shared_limits = SharedLimits::of(prepared.iter().map(|pipeline| &pipeline.plan));
    let cancelled = cancellation(terminal);
    let turns = Arc::new(Semaphore::new(AT_A_TIME));
    let mut running = JoinSet::new();
    for (index, pipeline) in prepared.into_iter().enumerate() {
        let options = RunOptions {
            load_id: String::new(),
            full_refresh: args.full_refresh,
            refresh: args.refresh.map(refresh),
            limit: args.limit,
            shared_limits: shared_limits.clone(),
            exchanges: pipeline.exchanges.clone(),
            folder: folder_of(&pipeline.config),
            events: of_pipeline(&progress, &pipeline.name),
            cancelled: cancelled.clone(),
            workers: Handle::current(),
        };
        let turns = Arc::clone(&turns);
        // On a thread of its own, with a runtime of its own: what writes is woken for every statement, and a thread that waits
        // for the database alone is woken sooner than one that waits for the API as well.
        let writing = runtime()?;
        running.spawn_blocking(move || {
            writing.block_on(async move {
                let _turn = turns.acquire_owned().await;
                (index, Box::pin(pipeline.load(options)).await)
            })
        });
    }
    let mut ended = Vec::new();
    while let Some(joined) = running.join_next().await {
        ended.push(joined.map_err(|error| CommandError::failed(format!("error: a load came to no end: {error}")))?);
    }
    progress.clear();
    ended.sort_by_key(|(index, _)| *index);
    let ended: Vec<Loaded> = ended.into_iter().map(|(_, loaded)| loaded).collect();
    let mut is_good = ended.iter().all(Loaded::is_good);
    for loaded in &ended {
        is_good &= end(args, &loaded.exchanges, loaded.result.as_ref().ok(), terminal);
    }
    tell(&ended, args.format, terminal)?;
    Ok(ExitCode::from(if is_good { OK } else { FAILED }))
}

/// A pipeline that is about to be loaded.
struct Prepared {
    config: PathBuf,
    name: String,
    plan: Plan,
    place: Place,
    exchanges: Exchanges,
    /// Runs until it is dropped.
    _simulation: Option<Running>,
}

/// What became of a pipeline.
struct Loaded {
    name: String,
    destination: String,
    left_out: Vec<LeftOut>,
    range: RunRange,
    exchanges: Exchanges,
    result: Result<Report, CommandError>,
}

/// Reads and plans every config. A mistake in any of them refuses them all, each with all of its mistakes, before
/// anything is requested.
async fn prepare(
    args: &RunArgs,
    recording: Option<&Recording>,
    terminal: &Terminal,
) -> Result<Vec<Prepared>, CommandError> {
    if args.configs.len() > 1 && (args.record.is_some() || recording.is_some()) {
        return Err(CommandError::usage(
            "error: a recording is of one config; run that config by itself",
        ));
    }
    if args.configs.len() > 1 && !args.select.is_empty() {
        return Err(CommandError::usage(
            "error: `--select` names resources of one config; run that config by itself",
        ));
    }
    let mut opened = Vec::new();
    let mut refused: Vec<String> = Vec::new();
    for config in &args.configs {
        match Pipeline::open(config, terminal, str::to_owned) {
            Ok(pipeline) => opened.push((config, pipeline)),
            Err(mistakes) => refused.push(mistakes.report),
        }
    }
    for (var, value) in &args.vars {
        let mut is_known = false;
        for (_, pipeline) in &mut opened {
            is_known |= pipeline.set_var(var, value);
        }
        if !is_known && let Some((_, pipeline)) = opened.first_mut() {
            pipeline.refuse_var(var);
        }
    }
    let mut prepared: Vec<Prepared> = Vec::new();
    for (config, pipeline) in opened {
        match prepare_one(config, pipeline, args, recording, terminal).await {
            Ok(pipeline) => prepared.push(pipeline),
            Err(error) => refused.push(error.message),
        }
    }
    for (index, pipeline) in prepared.iter().enumerate() {
        let twin = prepared[..index].iter().find(|other| other.name == pipeline.name);
        if let Some(twin) = twin {
            refused.push(format!(
                "error: `{}` and `{}` are both named `{}`; give one of them another `name`, because the name is what \
                 stored state belongs to",
                twin.config.display(),
                pipeline.config.display(),
                pipeline.name
            ));
        }
    }
    if refused.is_empty() {
        return Ok(prepared);
    }
    if args.configs.len() > 1 {
        refused.push("nothing was requested, for any of the configs".to_owned());
    }
    let shown: Vec<&str> = refused.iter().map(|text| text.trim_end()).collect();
    Err(CommandError::usage(shown.join("\n\n")))
}

async fn prepare_one(
    config: &Path,
    pipeline: Pipeline,
    args: &RunArgs,
    recording: Option<&Recording>,
    terminal: &Terminal,
) -> Result<Prepared, CommandError> {
    let name = pipeline.name().to_owned();
    let simulation = if args.demo {
        let simulation = demo::start(pipeline.base_url()).await;
        Some(simulation.map_err(|error| CommandError::usage(format!("error: {error}")))?)
    } else {
        None
    };
    let (simulation, demo) = simulation.map_or((None, None), |simulation| {
        (Some(simulation.running), Some(simulation.demo))
    });
    let flags = Settings {
        to: args.to.clone(),
        dataset: args.dataset.clone(),
    };
    let settings = place::settings(config, &flags, terminal)?;
    let overrides = Overrides {
        select: args.select.clone(),
        range: RunRange {
            from: args.from.clone(),
            until: args.until.clone(),
        },
        offline: false,
        elsewhere: settings.to.is_some(),
        demo,
        replayed: recording.map(|recording| recording.surroundings(0)),
    };
    let base_url = pipeline.base_url().to_owned();
    let planned = pipeline.plan(&overrides, terminal)?;
    let place = Place::resolve(&name, planned.destination, settings)?;
    let plan = planned.plan;
    if plan.resources.iter().all(|resource| !resource.is_loaded) {
        return Err(CommandError::usage(format!(
            "error: nothing to load\n{}",
            summary::left_out(&plan.left_out)
        )));
    }
    let exchanges = match recording {
        Some(recording) => recording.replay(0, &plan, true)?,
        None => begin(args, &name, &plan, &planned.used, (&overrides, &base_url))?,
    };
    Ok(Prepared {
        config: config.to_owned(),
        name,
        plan,
        place,
        exchanges,
        _simulation: simulation,
    })
}

impl Prepared {
    async fn load(self, options: RunOptions) -> Loaded {
        let left_out = self.plan.left_out.clone();
        let range = self.plan.range.clone();
        let destination = self.place.url.redacted();
        let name = self.name.clone();
        let exchanges = self.exchanges.clone();
        Loaded {
            result: self.run(options).await,
            name,
            destination,
            left_out,
            range,
            exchanges,
        }
    }

    async fn run(self, options: RunOptions) -> Result<Report, CommandError> {
        let started = Moment::now();
        let load_id = new_load_id(started);
        let destination = Box::pin(Destination::open(OpenOptions {
            url: self.place.url.clone(),
            dataset: self.place.dataset.clone(),
            pipeline: self.name.clone(),
            load_id: load_id.clone(),
            started_at: started.micros(),
        }));
        let destination = destination.await.map_err(|error| self.place.failed(&error))?;
        let options = RunOptions { load_id, ..options };
        let next_run = summary::next_run(&self.plan.range);
        let report = Box::pin(run_plan(self.plan, destination, options)).await;
        report.map_err(|error| {
            let goes_on = format!("what was committed before stays; {next_run} goes on from there");
            CommandError::failed(format!("{}\n{goes_on}", self.place.failed(&error).message))
        })
    }
}

impl Loaded {
    fn is_good(&self) -> bool {
        let report = self.result.as_ref();
        report.is_ok_and(|report| report.outcome == RunOutcome::Completed)
    }

    fn as_text(&self, report: &Report, terminal: &Terminal) -> String {
        let (name, destination) = (&self.name, &self.destination);
        summary::as_text(name, destination, report, &self.left_out, &self.range, terminal)
    }

    fn as_json(&self) -> Value {
        match &self.result {
            Ok(report) => summary::as_json(&self.name, &self.destination, report, &self.left_out),
            Err(error) => json!({ "pipeline": self.name, "destination": self.destination, "error": error.message }),
        }
    }
}

/// Tells how the loads ended: a document for programs, or a summary of each for people.
fn tell(ended: &[Loaded], format: Format, terminal: &Terminal) -> Result<(), CommandError> {
    for loaded in ended {
        match &loaded.result {
            Err(error) if ended.len() > 1 => terminal.error(&format!("{}: {}", loaded.name, error.message)),
            Err(error) => terminal.error(&error.message),
            Ok(report) if terminal.logs_json() => {
                let level = if loaded.is_good() { Level::Info } else { Level::Error };
                let summary = loaded.as_json();
                let text = summary::headline(&loaded.name, &loaded.destination, report, terminal);
                terminal.log(level, "summary", &text, summary.as_object().unwrap_or(&Map::new()));
            }
            Ok(_) if format == Format::Json => {}
            Ok(report) => {
                let text = loaded.as_text(report, terminal);
                terminal.error(&text);
            }
        }
    }
    if format == Format::Json {
        let summary = match ended {
            // A load without a report has told why.
            [one] if one.result.is_err() => return Ok(()),
            [one] => one.as_json(),
            several => several.iter().map(Loaded::as_json).collect(),
        };
        terminal.print(&serde_json::to_string_pretty(&summary).unwrap_or_default())?;
    } else if ended.len() > 1 && !terminal.logs_json() {
        let good = ended.iter().filter(|loaded| loaded.is_good()).count();
        terminal.error(&format!("{good} of {} configs loaded whole", ended.len()));
    }
    Ok(())
}

/// The destination's word for the flag's.
pub(super) fn refresh(mode: RefreshMode) -> Refresh {
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
