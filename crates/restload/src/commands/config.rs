//! `restload config`: a config as a run sees it, each value with where it comes from. Nothing is requested.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::{CommandError, OK, Outcome};
use crate::cli::{Format, StoredArgs};
use crate::load::settings::Settings;
use crate::pipeline::{Leaf, Node, Overrides, Pipeline, folder_of};
use crate::terminal::Terminal;
use crate::yaml::flow;

/// Places stand no further to the right than this.
const WIDEST_VALUE: usize = 60;

pub(crate) fn config(args: &StoredArgs, terminal: &Terminal) -> Outcome {
    let silent = Terminal {
        quiet: true,
        ..terminal.clone()
    };
    let offline = Overrides {
        offline: true,
        ..Overrides::default()
    };
    // A config with mistakes is told as `check` does.
    Pipeline::read(&args.config, &silent)?.plan(&offline, &silent)?;
    let flags = Settings {
        to: args.to.clone(),
        dataset: args.dataset.clone(),
    };
    let (settings, places) = Settings::load_with_places(&folder_of(&args.config.config), &flags)
        .map_err(|error| CommandError::usage(error.render(terminal.color)))?;
    let pipeline = Pipeline::read(&args.config, terminal)?;
    let resolved = pipeline.resolved(&args.config.vars, (&settings, &places));
    let text = match args.format {
        Format::Text => as_text(&resolved.root),
        Format::Json => {
            let mut sources = Map::new();
            let config = Node::Map(resolved.root);
            let config = as_json(&config, "", &mut sources);
            serde_json::to_string_pretty(&json!({ "config": config, "sources": sources })).unwrap_or_default()
        }
    };
    terminal.print(&resolved.redactor.redact(&text))?;
    Ok(ExitCode::from(OK))
}

/// The values as YAML, and behind each its place, as a comment.
fn as_text(root: &[(String, Node)]) -> String {
    let mut lines = Vec::new();
    push_map(root, 0, &mut lines);
    let widths = lines.iter().filter(|(_, places)| !places.is_empty());
    let width = widths
        .map(|(line, _)| line.chars().count())
        .filter(|width| *width <= WIDEST_VALUE);
    let width = width.max().unwrap_or(0);
    let mut text = String::new();
    for (line, places) in lines {
        text.push_str(&line);
        if !places.is_empty() {
            let fill = width.saturating_sub(line.chars().count());
            text.push_str(&" ".repeat(fill));
            text.push_str("  # ");
            text.push_str(&places.join("; "));
        }
        text.push('\n');
    }
    text
}

type Line = (String, Vec<String>);

fn push_map(members: &[(String, Node)], indent: usize, lines: &mut Vec<Line>) {
    for (key, node) in members {
        let key = flow(&Value::from(key.as_str()));
        push_node(&format!("{:indent$}{key}:", ""), node, indent, lines);
    }
}

fn push_node(start: &str, node: &Node, indent: usize, lines: &mut Vec<Line>) {
    match node {
        Node::Leaf(Leaf { value, places }) => lines.push((format!("{start} {}", flow(value)), places.clone())),
        Node::Map(members) if members.is_empty() => lines.push((format!("{start} {{}}"), Vec::new())),
        Node::Map(members) => {
            lines.push((start.to_owned(), Vec::new()));
            push_map(members, indent + 2, lines);
        }
        Node::List(elements) => {
            if let Some(line) = short_list(start, elements) {
                lines.push(line);
                return;
            }
            lines.push((start.to_owned(), Vec::new()));
            for element in elements {
                let first = lines.len();
                match element {
                    Node::Map(members) => push_map(members, indent + 4, lines),
                    other => push_node(&format!("{:1$}", "", indent + 3), other, indent + 2, lines),
                }
                // The dash takes the place of the first line's indentation.
                if let Some((line, _)) = lines.get_mut(first) {
                    *line = format!("{:indent$}  - {}", "", line.trim_start());
                }
            }
        }
    }
}

/// A list on one line, where its elements are plain and from the same place.
fn short_list(start: &str, elements: &[Node]) -> Option<Line> {
    let mut values = Vec::new();
    let mut all_places: Option<&Vec<String>> = None;
    for element in elements {
        let Node::Leaf(Leaf { value, places }) = element else {
            return None;
        };
        if all_places.is_some_and(|all| all != places) {
            return None;
        }
        all_places = Some(places);
        values.push(value.clone());
    }
    Some((
        format!("{start} {}", flow(&values.into())),
        all_places.cloned().unwrap_or_default(),
    ))
}

/// The values, and in `sources` their places by their paths.
fn as_json(node: &Node, path: &str, sources: &mut Map<String, Value>) -> Value {
    match node {
        Node::Leaf(Leaf { value, places }) => {
            sources.insert(path.to_owned(), places.clone().into());
            value.clone()
        }
        Node::Map(members) => {
            let members = members.iter().map(|(key, node)| {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                (key.clone(), as_json(node, &path, sources))
            });
            Value::Object(members.collect())
        }
        Node::List(elements) => {
            let elements = elements.iter().enumerate();
            elements
                .map(|(index, node)| as_json(node, &format!("{path}[{index}]"), sources))
                .collect()
        }
    }
}
