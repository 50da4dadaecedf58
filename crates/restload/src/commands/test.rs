//! `restload test`: a pipeline on recorded answers, and what came of it beside what should have.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use restload_destination::{Destination, DestinationError, DestinationUrl, OpenOptions, file_contents};
use restload_engine::{
    Exchanges, Moment, Outcome as RunOutcome, Report, RunError, RunOptions, SharedLimits, new_load_id, run,
};
use restload_replay::comparison::{Difference, describe, differences};
use restload_replay::tables::{NO_DATABASE, Table};
use restload_replay::{TABLES, tables};
use restload_source::plan::RunRange;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::run::refresh;
use super::{CommandError, FAILED, OK, Outcome};
use crate::cli::{Format, TestArgs};
use crate::pipeline::{Overrides, Pipeline, folder_of};
use crate::recording::{Recording, name_of};
use crate::terminal::Terminal;

/// What came of a test.
#[derive(Debug, Serialize)]
struct Tested {
    passed: bool,
    runs: Vec<Ran>,
    tables: Compared,
    differences: Vec<Difference>,
}

/// What came of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Compared {
    Same,
    Different,
    /// There was nothing to compare them with.
    Missing,
    Written,
}

/// What came of a run.
#[derive(Debug, Serialize)]
struct Ran {
    outcome: &'static str,
    expected_outcome: String,
    requests: u64,
    /// Why resources failed.
    errors: Vec<String>,
    /// Requests that were not as the script has them.
    problems: Vec<String>,
    not_asked_for: Vec<NotAskedFor>,
}

#[derive(Debug, Serialize)]
struct NotAskedFor {
    count: usize,
    request: String,
}

impl Ran {
    fn is_good(&self) -> bool {
        self.outcome == self.expected_outcome && self.problems.is_empty() && self.not_asked_for.is_empty()
    }
}

pub(crate) async fn test(args: &TestArgs, terminal: &Terminal) -> Outcome {
    let recording = Recording::open(&args.folder)?;
    if !recording.script.is_whole() {
        terminal.error(&format!(
            "note: the run that was recorded in {} was stopped before its end; what it had not asked for is missing",
            args.folder.display()
        ));
    }
    let scratch = tempfile::tempdir()?;
    let file = scratch.path().join("test.db");
    let mut runs = Vec::new();
    for index in 0..recording.script.runs.len() {
        runs.push(Box::pin(once(&recording, index, args, &file, terminal)).await?);
    }
    let found = Box::pin(dump(&file))
        .await
        .map_err(|error| CommandError::failed(format!("error: {error}")))?;
    let kept = args.folder.join(TABLES);
    let expected = match std::fs::read_to_string(&kept) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(CommandError::usage(format!(
                "error: {} cannot be read: {error}",
                kept.display()
            )));
        }
    };
    let is_good = runs.iter().all(Ran::is_good);
    let (compared, differences) = match &expected {
        // Tables of a run that did not go as it was recorded are nothing to compare with later.
        _ if args.update && is_good => {
            write_private(&kept, &found).map_err(|error| {
                CommandError::failed(format!("error: {} cannot be written: {error}", kept.display()))
            })?;
            (Compared::Written, Vec::new())
        }
        None => (Compared::Missing, Vec::new()),
        Some(expected) => match differences(expected, &found) {
            none if none.is_empty() => (Compared::Same, none),
            some => (Compared::Different, some),
        },
    };
    let tested = Tested {
        passed: is_good && matches!(compared, Compared::Same | Compared::Written),
        runs,
        tables: compared,
        differences,
    };
    match args.format {
        Format::Json => terminal.print(&serde_json::to_string_pretty(&tested).unwrap_or_default())?,
        Format::Text => terminal.error(&as_text(&tested, &kept, args.update)),
    }
    Ok(ExitCode::from(if tested.passed { OK } else { FAILED }))
}

/// One run of the script, into the scratch database.
async fn once(
    recording: &Recording,
    index: usize,
    args: &TestArgs,
    file: &Path,
    terminal: &Terminal,
) -> Result<Ran, CommandError> {
    let script_run = &recording.script.runs[index];
    let config = match script_run.config.as_ref().or(recording.script.config.as_ref()) {
        // The run of a bundled config is of the one that is given.
        Some(other) if !other.starts_with("configs/") => args.folder.join(other),
        _ => args.config.clone(),
    };
    let run_args = recording.args(index, &config)?;
    let places = Recording::places();
    let mut pipeline = Pipeline::open(&config, terminal, |text| places.fill(text))?;
    pipeline.set_vars(&run_args.vars);
    let name = pipeline.name().to_owned();
    let overrides = Overrides {
        select: run_args.select.clone(),
        range: RunRange {
            from: run_args.from.clone(),
            until: run_args.until.clone(),
        },
        elsewhere: true,
        replayed: Some(recording.surroundings(index)),
        ..Overrides::default()
    };
    let planned = pipeline.plan(&overrides, terminal)?;
    let exchanges = recording.replay(index, &planned.plan, false)?;
    let started = Moment::from_iso(&planned.used.started_at).unwrap_or_else(Moment::now);
    let load_id = new_load_id(started);
    let url = DestinationUrl::parse(&format!("sqlite:{}", file.display()));
    let destination = Box::pin(Destination::open(OpenOptions {
        url: url.map_err(|error| CommandError::failed(format!("error: {error}")))?,
        dataset: None,
        pipeline: name,
        load_id: load_id.clone(),
        started_at: started.micros(),
    }));
    let destination = destination.await.map_err(|error| failed(&error))?;
    let (_keep, cancelled) = watch::channel(false);
    let options = RunOptions {
        load_id,
        full_refresh: run_args.full_refresh,
        refresh: run_args.refresh.map(refresh),
        limit: run_args.limit,
        shared_limits: SharedLimits::default(),
        exchanges: exchanges.clone(),
        folder: folder_of(&config),
        events: Arc::new(|_| {}),
        cancelled,
        workers: Handle::current(),
    };
    let report = Box::pin(run(planned.plan, destination, options)).await;
    let report = report.map_err(|error: RunError| CommandError::failed(format!("error: {error}")))?;
    Ok(ran(&report, script_run.outcome.as_deref(), &exchanges))
}

fn failed(error: &DestinationError) -> CommandError {
    CommandError::failed(format!("error: {error}"))
}

fn ran(report: &Report, expected: Option<&str>, exchanges: &Exchanges) -> Ran {
    let errors = report.resources.iter().filter_map(|resource| {
        let error = resource.first_error()?;
        Some(format!("{}: {error}", resource.resource))
    });
    let (problems, left) = match exchanges {
        Exchanges::Replayed(replay) => (replay.book.problems(), replay.book.left()),
        Exchanges::Wire | Exchanges::Recorded(_) => (Vec::new(), Vec::new()),
    };
    let left = left.into_iter().map(|(count, request)| NotAskedFor { count, request });
    Ran {
        outcome: name_of(report.outcome),
        expected_outcome: expected.unwrap_or(name_of(RunOutcome::Completed)).to_owned(),
        requests: report.requests(),
        errors: errors.collect(),
        problems,
        not_asked_for: left.collect(),
    }
}

/// The tables of the scratch database as text.
async fn dump(file: &Path) -> Result<String, DestinationError> {
    let contents = file_contents(file).await?;
    if contents.is_empty() {
        return Ok(NO_DATABASE.to_owned());
    }
    let contents: BTreeMap<String, Table> = contents
        .into_iter()
        .map(|table| {
            let content = Table {
                columns: table.columns,
                rows: table.rows,
            };
            (table.name, content)
        })
        .collect();
    let text = tables::describe(contents).text;
    Ok(format!("{}\n", text.trim_end()))
}

/// A file that is new is its owner's alone, as the recording beside it is.
fn write_private(path: &PathBuf, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

fn as_text(tested: &Tested, kept: &Path, is_update: bool) -> String {
    let mut text = String::new();
    for (index, ran) in tested.runs.iter().enumerate() {
        let number = if tested.runs.len() > 1 {
            format!(" {}", index + 1)
        } else {
            String::new()
        };
        let requests = if ran.requests == 1 { "request" } else { "requests" };
        let _ = write!(
            text,
            "run{number}: {}, {} {requests} replayed",
            ran.outcome, ran.requests
        );
        if ran.outcome != ran.expected_outcome {
            let _ = write!(text, "; the recorded one: {}", ran.expected_outcome);
        }
        text.push('\n');
        for error in &ran.errors {
            let _ = writeln!(text, "  {error}");
        }
        for problem in &ran.problems {
            let _ = writeln!(text, "  {problem}");
        }
        for left in &ran.not_asked_for {
            let times = if left.count > 1 {
                format!(" ({} times)", left.count)
            } else {
                String::new()
            };
            let _ = writeln!(text, "  never asked for{times}: {}", left.request);
        }
    }
    text.push_str(&describe(&tested.differences));
    let kept = kept.display();
    let end = match tested.tables {
        Compared::Same => format!("the tables are those of {kept}"),
        Compared::Written => format!("the tables are written to {kept}"),
        Compared::Missing if is_update => format!("{kept} is not written, because the run did not go as recorded"),
        Compared::Missing => format!("there is no {kept} to compare the tables with; `--update` writes it"),
        Compared::Different if is_update => format!("{kept} is left as it is, because the run did not go as recorded"),
        Compared::Different => format!("the tables are not those of {kept}; if they are right, `--update` writes them"),
    };
    let _ = writeln!(text, "{end}");
    text
}
