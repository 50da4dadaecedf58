//! `restload check`: every mistake in a config, without a request.

use std::process::ExitCode;

use super::{OK, Outcome};
use crate::cli::ConfigArgs;
use crate::pipeline::{Overrides, Pipeline};
use crate::summary::count;
use crate::terminal::Terminal;

pub(crate) fn check(args: &ConfigArgs, terminal: &Terminal) -> Outcome {
    let pipeline = Pipeline::read(args, terminal)?;
    let planned = pipeline.plan(
        &Overrides {
            offline: true,
            ..Overrides::default()
        },
        terminal,
    )?;
    let loaded = planned
        .plan
        .resources
        .iter()
        .filter(|resource| resource.is_loaded)
        .count();
    let left_out = planned.plan.left_out.len();
    terminal.print(&format!(
        "{}: no mistakes; {} loaded, {left_out} left out",
        args.config.display(),
        count(loaded as u64, "resource")
    ))?;
    Ok(ExitCode::from(OK))
}
