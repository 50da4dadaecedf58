//! Recordings of runs: written by `run --record`, read by `run --replay` and `test`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use restload_engine::{Exchanges, Outcome, Replay, Report};
use restload_model::checkpoint::Checkpoint;
use restload_replay::{Book, Head, Kept, Places, RecordError, Recorder, Script, ScriptError, pseudonym};
use restload_source::plan::Plan;

use crate::cli::RunArgs;
use crate::commands::CommandError;
use crate::load::document::plain_value;
use crate::pipeline::{Overrides, Replayed, Used};
use crate::terminal::Terminal;

/// What `{{API}}` and `{{OTHER}}` of a script that was written by hand, and of its config, stand for.
const API: &str = "https://api.test";
const OTHER: &str = "https://other.test";

/// A folder of exchanges.
pub(crate) struct Recording {
    pub(crate) script: Script,
    kept: Arc<Kept>,
}

/// The arguments of a run, as a script has them.
#[derive(Debug, Parser)]
#[command(name = "restload run", disable_help_flag = true)]
struct Line {
    #[command(flatten)]
    args: RunArgs,
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
    #[arg(short, long)]
    quiet: bool,
}

impl From<ScriptError> for CommandError {
    fn from(error: ScriptError) -> Self {
        Self::usage(format!("error: {error}"))
    }
}

impl Recording {
    /// Reads a folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, CommandError> {
        let (script, kept) = Script::open(folder, plain_value)?;
        Ok(Self { script, kept })
    }

    /// The addresses that the script and its config call by other names.
    pub(crate) fn places() -> Places {
        Places {
            api: API.to_owned(),
            other: OTHER.to_owned(),
        }
    }

    /// What a run of the script had around it.
    pub(crate) fn surroundings(&self, run: usize) -> Replayed {
        let mut env = self.script.env.clone();
        let own = self.script.runs.get(run);
        env.extend(own.into_iter().flat_map(|run| run.env.clone()));
        Replayed {
            started_at: self.script.started_at.clone(),
            secrets: self.script.secrets.clone(),
            env,
        }
    }

    /// The arguments of a run of the script, for a config.
    pub(crate) fn args(&self, run: usize, config: &Path) -> Result<RunArgs, CommandError> {
        let own = self.script.runs.get(run).map_or(&[][..], |run| &run.args);
        let words = ["restload run".to_owned(), config.display().to_string()];
        let words = words.iter().chain(&self.script.args).chain(own);
        let line = Line::try_parse_from(words)
            .map_err(|error| CommandError::usage(format!("error: the script's `args` cannot be used: {error}")))?;
        let mut args = line.args;
        args.vars = self.vars(args.vars);
        Ok(args)
    }

    /// The arguments of a run on this recording: what the recorded run had holds unless the user says otherwise.
    pub(crate) fn amend(&self, args: &RunArgs, terminal: &Terminal) -> Result<RunArgs, CommandError> {
        if self.script.runs.len() != 1 {
            return Err(CommandError::usage(
                "error: the script has several runs; `--replay` takes a recording of one\n  help: `restload test` takes \
                 all of them"
                    .to_owned(),
            ));
        }
        if !self.script.is_whole() {
            terminal.error("note: the recorded run was stopped before its end; what it had not asked for is missing");
        }
        let begins_later = !self.kept.state()?.is_empty();
        if begins_later && (args.full_refresh || args.refresh.is_some()) {
            return Err(CommandError::usage(
                "error: the recorded run began where an earlier load had ended, so its answers are not all there are, and \
                 would take the place of all\n  help: leave out `--full-refresh` and `--refresh`"
                    .to_owned(),
            ));
        }
        let mut amended = args.clone();
        let config = args.configs.first().map_or(Path::new(""), PathBuf::as_path);
        let recorded = self.args(0, config)?;
        amended.vars = self.vars(amended.vars);
        if amended.select.is_empty() {
            amended.select = recorded.select;
        }
        amended.from = amended.from.or(recorded.from);
        amended.until = amended.until.or(recorded.until);
        amended.limit = amended.limit.or(recorded.limit);
        Ok(amended)
    }

    /// The variables of the recorded run, under those that are given.
    fn vars(&self, given: Vec<(String, serde_json::Value)>) -> Vec<(String, serde_json::Value)> {
        let recorded = self.script.vars.iter();
        let recorded = recorded.map(|(name, value)| (name.clone(), value.clone()));
        recorded.chain(given).collect()
    }

    /// The exchanges of a run of the script. `is_aside` is true where the destination has data of its own.
    pub(crate) fn replay(&self, run: usize, plan: &Plan, is_aside: bool) -> Result<Exchanges, CommandError> {
        // What is obtained on the way is spelled in the script as it is.
        let redactor = plan.redactor.apart();
        let translate = Arc::new(move |text: &str| redactor.substitute(text, pseudonym));
        let is_recorded = self.script.is_recorded();
        let Some(own) = self.script.runs.get(run) else {
            return Ok(Exchanges::Wire);
        };
        let book = Book::new(own, &self.kept, is_recorded, Self::places(), translate)?;
        let state = if is_recorded {
            let stored = self.kept.state()?.into_iter().map(|stored| Checkpoint {
                resource: stored.resource.into(),
                partition: stored.partition.into(),
                position: Some(stored.position),
            });
            Some(stored.collect())
        } else {
            None
        };
        Ok(Exchanges::Replayed(Replay {
            book: Arc::new(book),
            state,
            is_aside,
        }))
    }
}

/// Begins a recording, if one is wanted. `base_url` is the address that a simulator takes the place of.
pub(crate) fn begin(
    args: &RunArgs,
    pipeline: &str,
    plan: &Plan,
    used: &Used,
    (overrides, base_url): (&Overrides, &str),
) -> Result<Exchanges, CommandError> {
    let Some(folder) = &args.record else {
        return Ok(Exchanges::Wire);
    };
    let mut vars = used.vars.clone();
    vars.extend(args.vars.iter().cloned());
    let simulated = overrides.demo.iter().map(|demo| demo.base_url.clone());
    let head = Head {
        pipeline: pipeline.to_owned(),
        started_at: used.started_at.clone(),
        args: shaping_args(args),
        vars,
        env: used.env.clone(),
        secrets: used.secrets.clone(),
        addresses: simulated.map(|address| (address, base_url.to_owned())).collect(),
    };
    let recorder = Recorder::create(folder, &head, &plan.redactor, args.overwrite).map_err(|error| {
        let help = match &error {
            RecordError::Occupied(_) => "\n  help: name another folder, or let `--overwrite` take its place",
            RecordError::Unwritable { .. } => "",
        };
        CommandError::usage(format!("error: {error}{help}"))
    })?;
    Ok(Exchanges::Recorded(Arc::new(recorder)))
}

/// Ends a recording, if there is one, and says so. False when it could not be written.
pub(crate) fn end(args: &RunArgs, exchanges: &Exchanges, report: Option<&Report>, terminal: &Terminal) -> bool {
    let (Exchanges::Recorded(recorder), Some(folder), Some(report)) = (exchanges, &args.record, report) else {
        return true;
    };
    let folder = folder.display();
    match recorder.finish(name_of(report.outcome)) {
        Ok(count) => {
            let exchanges = if count == 1 { "exchange" } else { "exchanges" };
            terminal.say(&format!("recorded {count} {exchanges} in {folder}"));
            true
        }
        Err(error) => {
            terminal.error(&format!("error: the recording in {folder} is not whole: {error}"));
            false
        }
    }
}

/// The outcome as scripts name it.
pub(crate) fn name_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Incomplete => "incomplete",
        Outcome::Failed => "failed",
        Outcome::Interrupted => "interrupted",
    }
}

/// The arguments that change what is asked for, or what becomes of it. Variables are kept by themselves.
fn shaping_args(args: &RunArgs) -> Vec<String> {
    let mut words = Vec::new();
    let mut add = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            words.extend([flag.to_owned(), value]);
        }
    };
    add("--select", (!args.select.is_empty()).then(|| args.select.join(",")));
    add("--limit", args.limit.map(|limit| limit.to_string()));
    add("--from", args.from.clone());
    add("--until", args.until.clone());
    if args.full_refresh {
        words.push("--full-refresh".to_owned());
    }
    words
}
