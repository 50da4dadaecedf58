//! `restload check`: every mistake in a config, without a request.

use std::process::ExitCode;

use super::{OK, Outcome};
use crate::cli::ConfigArgs;
use crate::pipeline::{Overrides, Pipeline};
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
        "{}: no mistakes; {loaded} resources are loaded, {left_out} are left out",
        args.config.display()
    ))?;
    Ok(ExitCode::from(OK))
}
