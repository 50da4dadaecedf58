//! What the commands have in common that ask an API and write nothing.

use std::path::Path;
use std::sync::Arc;

use restload_engine::{Asker, AskerOptions};
use restload_model::diagnostics::did_you_mean;
use restload_pushover_sim::Running;
use restload_source::plan::Plan;
use tokio::sync::watch;

use super::CommandError;
use crate::demo;
use crate::pipeline::{Overrides, Pipeline, Planned, Refused, folder_of};
use crate::progress::{Progress, of_pipeline};
use crate::terminal::Terminal;

/// A config whose API can be asked.
pub(super) struct Opened {
    pub(super) asker: Asker,
    /// The simulator that is asked; it stops when this is dropped.
    _simulation: Option<Running>,
}

/// Refuses a name that is none of the config's resources.
pub(super) fn known_resource(pipeline: &Pipeline, config: &Path, name: &str) -> Result<(), CommandError> {
    let names: Vec<&str> = pipeline.resource_names().collect();
    if names.contains(&name) {
        return Ok(());
    }
    let help = match did_you_mean(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has: {}", names.join(", ")),
    };
    Err(CommandError::usage(format!(
        "error: {} has no resource `{name}`\n  help: {help}",
        config.display()
    )))
}

/// Plans what is to be asked for: `select` names resources, or is empty for those that the config selects. With `demo`
/// a simulator takes the API's place. The inner error is a config that cannot be used.
pub(super) async fn plan(
    pipeline: Pipeline,
    select: Vec<String>,
    demo: bool,
    terminal: &Terminal,
) -> Result<Result<(Planned, Option<Running>), Refused>, CommandError> {
    let simulation = if demo {
        let started = demo::start(pipeline.base_url()).await;
        Some(started.map_err(|error| CommandError::usage(format!("error: {error}")))?)
    } else {
        None
    };
    let (running, demo) = simulation.map_or((None, None), |simulation| {
        (Some(simulation.running), Some(simulation.demo))
    });
    let overrides = Overrides {
        select,
        elsewhere: true,
        demo,
        ..Overrides::default()
    };
    Ok(pipeline.plan(&overrides, terminal).map(|planned| (planned, running)))
}

/// Refuses a plan whose requests change something at the API, which no command that only asks may do.
pub(super) fn changes_nothing(plan: &Plan, command: &str) -> Result<(), CommandError> {
    for resource in &plan.resources {
        if resource.endpoint().is_some_and(|endpoint| endpoint.has_side_effects) {
            return Err(CommandError::usage(format!(
                "error: `{command}` changes nothing, and the requests of `{}` do (`allow_side_effects`)",
                resource.name
            )));
        }
    }
    Ok(())
}

/// The place of a resource among those of the plan.
pub(super) fn place_of(plan: &Plan, name: &str) -> Result<usize, CommandError> {
    let place = plan.resources.iter().position(|resource| *resource.name == *name);
    place.ok_or_else(|| {
        let left_out = plan.left_out.iter().find(|left_out| left_out.resource == name);
        let reason = left_out.map_or("", |left_out| left_out.reason.as_str());
        CommandError::usage(format!("error: `{name}` is left out: {reason}"))
    })
}

/// Sets up the asking.
pub(super) fn open(
    planned: Planned,
    simulation: Option<Running>,
    config: &Path,
    terminal: &Terminal,
) -> Result<Opened, CommandError> {
    // What is shown is the result; on the way there are only messages.
    let messages = Terminal {
        is_interactive: false,
        ..terminal.clone()
    };
    let progress = Arc::new(Progress::new(&messages, false));
    // Nothing is to be committed when the user stops it: the process just ends.
    let (_, cancelled) = watch::channel(false);
    let options = AskerOptions {
        folder: folder_of(config),
        events: of_pipeline(&progress, &planned.plan.name),
        cancelled,
    };
    let asker = Asker::new(planned.plan, options);
    Ok(Opened {
        asker: asker.map_err(|error| CommandError::failed(format!("error: {error}")))?,
        _simulation: simulation,
    })
}
