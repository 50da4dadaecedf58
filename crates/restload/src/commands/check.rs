//! `restload check`: every mistake in a config, without a request; with `--connect`, whether its API is as it says.

use std::process::ExitCode;

use restload_engine::{Asked, Enough, Probe};
use restload_source::plan::{Plan, ResourcePlan};
use serde_json::{Value, json};

use super::{CommandError, FAILED, OK, Outcome, USAGE, asking};
use crate::cli::{CheckArgs, Format};
use crate::load::Mistake;
use crate::pipeline::{Overrides, Pipeline, Refused};
use crate::probes::Probes;
use crate::summary::count;
use crate::terminal::Terminal;

/// Records that are kept of a page; the first that leads to a request of a child is taken for it.
const RECORDS_FOR_CHILDREN: usize = 100;

pub(crate) fn check(args: &CheckArgs, terminal: &Terminal) -> Outcome {
    let silent = without_reports(args, terminal);
    let planned = Pipeline::read(&args.config, &silent).and_then(|pipeline| {
        let overrides = Overrides {
            select: args.select.clone(),
            offline: true,
            ..Overrides::default()
        };
        pipeline.plan(&overrides, &silent)
    });
    let planned = match planned {
        Ok(planned) => planned,
        Err(refused) => return refuse(refused, args, terminal),
    };
    let (loaded, left_out) = counts(&planned.plan);
    match args.format {
        Format::Json => {
            let mut report = as_json(args, true, &planned.warnings);
            report["loaded"] = loaded.into();
            report["left_out"] = left_out.into();
            terminal.print(&serde_json::to_string_pretty(&report).unwrap_or_default())?;
        }
        Format::Text => terminal.print(&format!("{}: no mistakes; {}", name(args), selected(loaded, left_out)))?,
    }
    Ok(ExitCode::from(OK))
}

/// Asks for one page of each resource besides: of children with the first record of their parent that has any.
pub(crate) async fn connect(args: &CheckArgs, terminal: &Terminal) -> Outcome {
    let silent = without_reports(args, terminal);
    let pipeline = match Pipeline::read(&args.config, &silent) {
        Ok(pipeline) => pipeline,
        Err(refused) => return refuse(refused, args, terminal),
    };
    let (planned, simulation) = match asking::plan(pipeline, args.select.clone(), args.demo, &silent).await? {
        Ok(planned) => planned,
        Err(refused) => return refuse(refused, args, terminal),
    };
    let (loaded, left_out) = counts(&planned.plan);
    if loaded == 0 {
        return Err(CommandError::usage(format!(
            "error: nothing to ask for\n{}",
            crate::summary::left_out(&planned.plan.left_out)
        )));
    }
    let warnings = planned.warnings.clone();
    let opened = asking::open(planned, simulation, &args.config.config, terminal)?;
    let enough = |_: &ResourcePlan| Enough {
        records: u64::MAX,
        pages: 1,
        partitions: 1,
        any_cursor: true,
    };
    let mut probes = Vec::new();
    let look = |plan: &ResourcePlan, asked: &mut Asked| {
        probes.push(Probe::of(plan, asked));
        // Enough for a child; whole pages of many resources would fill the memory.
        asked.keep_first_records(RECORDS_FOR_CHILDREN);
    };
    let asked = opened.asker.ask(enough, look).await;
    let probes = Probes::new(&opened.asker, &asked, probes);
    match args.format {
        Format::Json => {
            let mut report = as_json(args, true, &warnings);
            report["loaded"] = loaded.into();
            report["left_out"] = left_out.into();
            report["resources"] = probes.as_json();
            terminal.print(&serde_json::to_string_pretty(&report).unwrap_or_default())?;
        }
        Format::Text => {
            terminal.print(&format!(
                "{}: no mistakes; {}\n\n{}",
                name(args),
                selected(loaded, left_out),
                probes.as_text(&terminal.of_standard_output())
            ))?;
            if let Some(resource) = probes.to_discover() {
                terminal.say(&format!(
                    "`restload discover {} {resource}` asks the API and proposes what to write; --write writes it",
                    name(args)
                ));
            }
        }
    }
    Ok(ExitCode::from(if probes.are_good() { OK } else { FAILED }))
}

/// A config's mistakes: the report on standard error, or the document for programs on standard output.
fn refuse(refused: Refused, args: &CheckArgs, terminal: &Terminal) -> Outcome {
    match args.format {
        Format::Text => Err(refused.into()),
        Format::Json => {
            let report = as_json(args, false, &refused.mistakes);
            terminal.print(&serde_json::to_string_pretty(&report).unwrap_or_default())?;
            Ok(ExitCode::from(USAGE))
        }
    }
}

fn as_json(args: &CheckArgs, is_usable: bool, mistakes: &[Mistake]) -> Value {
    json!({ "config": name(args), "usable": is_usable, "diagnostics": mistakes })
}

/// What is told to programs is not told to people besides.
fn without_reports(args: &CheckArgs, terminal: &Terminal) -> Terminal {
    Terminal {
        quiet: terminal.quiet || args.format == Format::Json,
        ..terminal.clone()
    }
}

fn name(args: &CheckArgs) -> String {
    args.config.config.display().to_string()
}

fn counts(plan: &Plan) -> (usize, usize) {
    let loaded = plan.resources.iter().filter(|resource| resource.is_loaded);
    (loaded.count(), plan.left_out.len())
}

fn selected(loaded: usize, left_out: usize) -> String {
    format!("{} loaded, {left_out} left out", count(loaded as u64, "resource"))
}
