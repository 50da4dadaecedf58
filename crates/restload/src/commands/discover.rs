//! `restload discover`: what the config could say of a resource, by one answer of its API and what that suggests to ask.

use std::process::ExitCode;

use restload_model::secret::MASK;
use restload_model::system_error;

use super::{CommandError, FAILED, OK, Outcome, asking};
use crate::cli::{DiscoverArgs, Format};
use crate::load::document::Document;
use crate::load::rewriting::{Element, with_resource};
use crate::pipeline::Pipeline;
use crate::proposal::{Known, Proposed};
use crate::terminal::Terminal;

pub(crate) async fn discover(args: &DiscoverArgs, terminal: &Terminal) -> Outcome {
    let mut pipeline = Pipeline::read(&args.config, terminal)?;
    let is_path = args.resource.contains('/') && !pipeline.resource_names().any(|name| name == args.resource);
    let resource = if is_path {
        pipeline.add_path(&args.resource)
    } else {
        asking::known_resource(&pipeline, &args.config.config, &args.resource)?;
        args.resource.clone()
    };
    let written = pipeline.written(&resource).unwrap_or_default();
    let place = pipeline.place_in_file(&resource);
    let name = pipeline.name().to_owned();
    let (planned, simulation) = asking::plan(pipeline, vec![resource.clone()], args.demo, terminal).await??;
    asking::changes_nothing(&planned.plan, "discover")?;
    let in_plan = asking::place_of(&planned.plan, &resource)?;
    if planned.plan.resources[in_plan].endpoint().is_none() {
        return Err(CommandError::usage(format!(
            "error: the records of `{resource}` are given in the config; there is nothing to ask for"
        )));
    }
    let mut opened = asking::open(planned, simulation, &args.config.config, terminal)?;
    let found = match opened.asker.discover().await {
        Ok(found) => found,
        Err((exchanges, failure)) => {
            for exchange in exchanges {
                let status = exchange
                    .status
                    .map_or_else(|| "---".to_owned(), |status| status.to_string());
                terminal.say(&format!("{} {} -> {status}", exchange.method, exchange.url));
            }
            let help = failure.help.map(|help| format!("\n  help: {help}")).unwrap_or_default();
            return Err(CommandError {
                code: FAILED,
                message: format!("{} {resource}: {}{help}", terminal.red("error:"), failure.error),
            });
        }
    };
    let Some(plan) = opened.asker.resources().last() else {
        return Err(CommandError::failed("error: the plan has no resources"));
    };
    let known = Known {
        written: &written,
        has_key: !plan.target.primary_key.is_empty(),
        disposition: plan.target.write_disposition,
    };
    let proposed = Proposed::new(&known, &found, opened.asker.redactor());
    match args.format {
        Format::Json => terminal.print(&proposed.as_json(&name))?,
        Format::Text => {
            let what = if is_path {
                format!("for the resources of {}", args.config.config.display())
            } else {
                format!("to take the place of what {} has of it", args.config.config.display())
            };
            terminal.print(&proposed.as_yaml(&format!("{resource}, {what}; it was found out by")))?;
        }
    }
    if args.write {
        write(args, place, &proposed, terminal)?;
    }
    Ok(ExitCode::from(OK))
}

/// Puts the proposal into the file.
fn write(
    args: &DiscoverArgs,
    place: Option<usize>,
    proposed: &Proposed<'_>,
    terminal: &Terminal,
) -> Result<(), CommandError> {
    let config = &args.config.config;
    let file = config.display();
    let (text, value) = proposed.element();
    if text.contains(MASK) {
        // The mask would take the secret's place.
        return Err(CommandError::usage(format!(
            "error: {file} is left as it is: the resource has a secret that is typed in\n  help: write it as a placeholder, \
             {{secrets.NAME}}, or paste what is printed above and put the secret in"
        )));
    }
    let element = Element {
        place,
        text: &text,
        value: &value,
    };
    // What stands in the file now, not what did before the API was asked.
    let document = Document::read_changed(config, str::to_owned)
        .map_err(|error| CommandError::usage(error.render(terminal.color)))?;
    let text = with_resource(&document, &element).map_err(|reason| {
        CommandError::usage(format!(
            "error: {file} is left as it is: {reason}\n  help: paste what is printed above"
        ))
    })?;
    std::fs::write(config, text).map_err(|error| {
        CommandError::failed(format!(
            "error: could not write {file}: {}",
            system_error::in_words(&error)
        ))
    })?;
    terminal.say(&format!(
        "written into {file}; try it with `restload preview {file} {}`",
        value["name"].as_str().unwrap_or_default()
    ));
    Ok(())
}
