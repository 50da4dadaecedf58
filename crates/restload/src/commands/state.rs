//! `restload state`: what is stored of a pipeline's resources, and forgetting it.

use std::fmt::Write as _;
use std::process::ExitCode;

use restload_destination::{StateRecord, reset_state};
use restload_model::diagnostics::did_you_mean;
use serde_json::{Value, json};

use super::place::Place;
use super::{CommandError, OK, Outcome};
use crate::cli::{Format, StateAction, StateArgs};
use crate::summary::count;
use crate::terminal::Terminal;

pub(crate) async fn state(args: &StateArgs, terminal: &Terminal) -> Outcome {
    let place = Place::stored(&args.stored, terminal)?;
    match args.action {
        StateAction::Show => show(args, &place, terminal).await,
        StateAction::Reset => reset(args, &place, terminal).await,
    }
}

async fn show(args: &StateArgs, place: &Place, terminal: &Terminal) -> Outcome {
    let mut stored = stored(place).await?;
    refuse_unknown(&args.select, &stored, place)?;
    stored.retain(|record| args.select.is_empty() || args.select.contains(&record.resource));
    match args.stored.format {
        Format::Json => {
            let state: Vec<Value> = stored.iter().map(as_json).collect();
            let all = json!({ "pipeline": place.pipeline, "destination": place.url.redacted(), "state": state });
            terminal.print(&serde_json::to_string_pretty(&all).unwrap_or_default())?;
        }
        Format::Text if stored.is_empty() => terminal.say(&format!(
            "nothing is stored of pipeline {}: its next run starts from the beginning",
            place.pipeline
        )),
        Format::Text => terminal.print(&as_text(&stored, terminal))?,
    }
    Ok(ExitCode::from(OK))
}

async fn reset(args: &StateArgs, place: &Place, terminal: &Terminal) -> Outcome {
    refuse_unknown(&args.select, &stored(place).await?, place)?;
    let forgotten = Box::pin(reset_state(
        &place.url,
        place.dataset.as_deref(),
        &place.pipeline,
        &args.select,
    ))
    .await
    .map_err(|error| place.failed(&error))?;
    match args.stored.format {
        Format::Json => {
            let forgotten: Vec<Value> = forgotten
                .iter()
                .map(|one| json!({ "resource": one.resource, "partitions": one.partitions }))
                .collect();
            let all = json!({ "pipeline": place.pipeline, "destination": place.url.redacted(), "removed": forgotten });
            terminal.print(&serde_json::to_string_pretty(&all).unwrap_or_default())?;
        }
        Format::Text if forgotten.is_empty() => terminal.say("nothing was stored, so nothing was removed"),
        Format::Text => {
            let mut text = String::new();
            for one in &forgotten {
                let _ = writeln!(
                    text,
                    "removed the state of {}: {}",
                    one.resource,
                    count(one.partitions, "partition")
                );
            }
            text.push_str("the next run loads them from the start; their rows are still there");
            terminal.error(&text);
        }
    }
    Ok(ExitCode::from(OK))
}

async fn stored(place: &Place) -> Result<Vec<StateRecord>, CommandError> {
    let Some(mut inspector) = place.inspect().await? else {
        return Ok(Vec::new());
    };
    let state = inspector.state().await.map_err(|error| place.failed(&error))?;
    inspector.close().await;
    Ok(state)
}

/// A name that nothing is stored under may be mistyped. What is stored may be of a resource that the config no longer
/// has, so it is what counts.
fn refuse_unknown(select: &[String], stored: &[StateRecord], place: &Place) -> Result<(), CommandError> {
    let known = || stored.iter().map(|record| record.resource.as_str());
    for name in select {
        if !known().any(|resource| resource == name) {
            let help = did_you_mean(name, known()).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            return Err(CommandError::usage(format!(
                "error: nothing is stored of a resource `{name}` in {}{help}",
                place.url.redacted()
            )));
        }
    }
    Ok(())
}

fn as_json(record: &StateRecord) -> Value {
    json!({
        "resource": record.resource,
        "partition": record.partition,
        "meaning": record.in_words(),
        "checkpoint": record.parsed(),
        "load_id": record.load_id,
        "updated_at": record.updated_at,
    })
}

/// A resource's heading, and a line for each of its partitions.
fn as_text(stored: &[StateRecord], terminal: &Terminal) -> String {
    let mut text = String::new();
    for of_resource in stored.chunk_by(|one, next| one.resource == next.resource) {
        let _ = writeln!(text, "{}", terminal.bold(&of_resource[0].resource));
        for record in of_resource {
            let partition = match record.partition.as_str() {
                "" => String::new(),
                partition => format!("{partition}: "),
            };
            let seconds = record.updated_at.split('.').next().unwrap_or(&record.updated_at);
            let _ = writeln!(
                text,
                "  {partition}{} (load {}, {} UTC)",
                record.in_words(),
                record.load_id,
                seconds.replace('T', " ")
            );
        }
    }
    text
}
