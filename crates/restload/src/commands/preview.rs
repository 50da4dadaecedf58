//! `restload preview`: a few records of a resource and the tables that they would make, without writing anything.

use std::process::ExitCode;

use restload_engine::Enough;
use restload_source::plan::ResourcePlan;

use super::{FAILED, OK, Outcome, asking};
use crate::cli::{Format, PreviewArgs};
use crate::pipeline::Pipeline;
use crate::sample::Sample;
use crate::terminal::Terminal;

/// Records of each parent that are asked for: enough for the children of some, should the first have none.
const PARENTS: u64 = 3;

pub(crate) async fn preview(args: &PreviewArgs, terminal: &Terminal) -> Outcome {
    let pipeline = Pipeline::read(&args.config, terminal)?;
    asking::known_resource(&pipeline, &args.config.config, &args.resource)?;
    let name = pipeline.name().to_owned();
    let (planned, simulation) = asking::plan(pipeline, vec![args.resource.clone()], args.demo, terminal).await??;
    asking::changes_nothing(&planned.plan, "preview")?;
    let place = asking::place_of(&planned.plan, &args.resource)?;
    let opened = asking::open(planned, simulation, &args.config.config, terminal)?;
    let enough = |plan: &ResourcePlan| {
        let is_parent = *plan.name != *args.resource;
        Enough {
            records: if is_parent { PARENTS } else { args.limit },
            pages: u64::MAX,
            partitions: PARENTS as usize,
            any_cursor: false,
        }
    };
    let asked = opened.asker.ask(enough, |_, _| {}).await;
    let sample = Sample::new(&name, place, &opened.asker, &asked);
    match args.format {
        Format::Json => terminal.print(&sample.as_json())?,
        Format::Text => {
            terminal.print(&sample.as_text(&terminal.of_standard_output()))?;
            for remark in sample.remarks() {
                terminal.say(&remark);
            }
            for failure in sample.failures(terminal) {
                terminal.error(&failure);
            }
        }
    }
    Ok(ExitCode::from(if sample.has_failed() { FAILED } else { OK }))
}
