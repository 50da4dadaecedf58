//! `restload state`: what is stored of a pipeline's resources, and forgetting it.

use std::fmt::Write as _;
use std::process::ExitCode;

use restload_destination::{StateRecord, reset_state};
use restload_model::diagnostics::did_you_mean;
use serde_json::{Map, Value, json};

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
    let checkpoint = parsed(&record.checkpoint);
    json!({
        "resource": record.resource,
        "partition": record.partition,
        "meaning": in_words(&checkpoint),
        "checkpoint": checkpoint,
        "load_id": record.load_id,
        "updated_at": record.updated_at,
    })
}

fn parsed(checkpoint: &str) -> Value {
    serde_json::from_str(checkpoint).unwrap_or_else(|_| checkpoint.into())
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
                in_words(&parsed(&record.checkpoint)),
                record.load_id,
                seconds.replace('T', " ")
            );
        }
    }
    text
}

/// What a checkpoint means. Keys that are known are put in words, the others follow as they are.
fn in_words(checkpoint: &Value) -> String {
    let Value::Object(members) = checkpoint else {
        return checkpoint.to_string();
    };
    let mut rest: Map<String, Value> = members.clone();
    let mut words = Vec::new();
    let pages = rest.remove("pages").and_then(|pages| pages.as_u64());
    let position = rest.remove("position");
    let is_done = rest.remove("done") == Some(Value::Bool(true));
    if is_done {
        words.push(match pages {
            Some(pages) => format!("loaded, {}; waits for the rest of its load", count(pages, "page")),
            None => "loaded; waits for the rest of its load".to_owned(),
        });
    } else {
        words.extend(
            position
                .as_ref()
                .map(|position| format!("next: {}", place_of(position))),
        );
        words.extend(
            pages
                .filter(|pages| *pages > 0)
                .map(|pages| format!("{} loaded", count(pages, "page"))),
        );
    }
    // The digests of partitions say nothing to a reader.
    if let Some(Value::Array(begun)) = rest.remove("begun") {
        words.push(format!("{} begun", count(begun.len() as u64, "partition")));
    }
    // The partition's own name tells the parent.
    rest.remove("parent");
    words.extend(rest.iter().map(|(key, value)| format!("{key} {value}")));
    if words.is_empty() {
        return "stored".to_owned();
    }
    words.join("; ")
}

/// Where a partition goes on.
fn place_of(position: &Value) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match position {
        Value::String(word) if word == "start" => "the first page".to_owned(),
        Value::String(word) => word.clone(),
        Value::Object(members) if members.len() == 1 => {
            let parts = members
                .iter()
                .map(|(kind, value)| format!("{} {}", kind.replace('_', " "), plain(value)));
            parts.collect()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_are_put_in_words_and_others_shown_as_they_are() {
        for (checkpoint, words) in [
            (json!({"position": "start", "pages": 0}), "next: the first page"),
            (json!({"begun": ["1f", "20"]}), "2 partitions begun"),
            (
                json!({"position": {"page": 3}, "pages": 2}),
                "next: page 3; 2 pages loaded",
            ),
            (
                json!({"position": {"cursor": "c7"}, "pages": 1, "parent": {"id": 1}}),
                "next: cursor c7; 1 page loaded",
            ),
            (
                json!({"position": "start", "pages": 4, "done": true}),
                "loaded, 4 pages; waits for the rest of its load",
            ),
            (json!({"cursor": {"last": "2024"}}), "cursor {\"last\":\"2024\"}"),
            (json!({}), "stored"),
            (json!("other"), "\"other\""),
        ] {
            assert_eq!(in_words(&checkpoint), words, "{checkpoint}");
        }
    }
}
