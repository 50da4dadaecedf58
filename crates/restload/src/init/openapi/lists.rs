//! The operations that answer with lists, with what the document says of each.

use std::collections::{BTreeMap, BTreeSet};

use restload_source::json_path::JsonPath;
use serde_json::Value;

use super::document::Document;
use super::operations::Operation;
use super::paging::{Paging, paging, parameters_of_lists};
use super::parents::template;
use super::records::{Records, primary_key, records};
use crate::names;

/// A list that the document describes.
pub(super) struct Listed<'d> {
    pub(super) operation: Operation<'d>,
    pub(super) name: String,
    /// Its path without the names of its placeholders.
    pub(super) template: String,
    /// The schema of a record.
    pub(super) record: Option<&'d Value>,
    /// The field that identifies one.
    pub(super) key: Option<String>,
    pub(super) key_reason: String,
    pub(super) selector: Option<String>,
    pub(super) selector_reason: String,
    /// Whether the answer is an object whose keys are data.
    pub(super) is_map: bool,
    pub(super) paging: Paging,
}

/// The lists among the operations, and why each other one is none.
pub(super) fn lists<'d>(document: &Document<'d>, operations: Vec<Operation<'d>>) -> (Vec<Listed<'d>>, Vec<String>) {
    let with_details = paths_with_details(document);
    let mut found = Vec::new();
    let mut left_out = Vec::new();
    for operation in operations {
        document.begin();
        let path = operation.path;
        match list_of(document, operation, &with_details) {
            Ok(list) => found.push(list),
            Err(reason) => left_out.push(format!("GET {path}: {reason}")),
        }
    }
    name_apart(&mut found);
    (found, left_out)
}

fn list_of<'d>(
    document: &Document<'d>,
    operation: Operation<'d>,
    with_details: &BTreeSet<String>,
) -> Result<Listed<'d>, String> {
    if operation.is_deprecated {
        return Err("the document calls it deprecated".to_owned());
    }
    let placeholders = operation.placeholders();
    let braces = operation.path.matches('{').count();
    if braces != placeholders.len() || operation.path.matches('}').count() != braces || placeholders.contains(&"") {
        return Err("the braces in its path do not match".to_owned());
    }
    let name = names::of_path(operation.path);
    let answer = operation.answer.as_ref().ok().copied();
    let found = match &operation.answer {
        Ok(answer) => records(document, answer, &name),
        Err(unknown) if unknown.may_be_json => Records::Unknown(unknown.reason.clone()),
        Err(unknown) => Records::None(unknown.reason.clone()),
    };
    let mut list = Listed {
        name,
        template: template(operation.path),
        record: None,
        key: None,
        key_reason: String::new(),
        selector: None,
        selector_reason: String::new(),
        is_map: false,
        paging: Paging::default(),
        operation,
    };
    let mut path = Vec::new();
    match found {
        Records::List {
            path: found,
            record,
            reason,
        } => {
            if list.operation.ends_with_placeholder() && !found.is_empty() {
                return Err("it answers with one object".to_owned());
            }
            list.selector = Some(if found.is_empty() {
                "$".to_owned()
            } else {
                JsonPath::spell(&found)
            });
            list.selector_reason = reason;
            list.record = record;
            path = found;
        }
        Records::Map { record } => {
            list.selector = Some("$".into());
            list.selector_reason = String::from("the answer is an object whose keys are data: each becomes a record");
            list.record = Some(record);
            list.is_map = true;
        }
        Records::Several(_) if list.operation.ends_with_placeholder() => {
            return Err("it answers with one object".to_owned());
        }
        Records::Several(paths) => {
            list.selector_reason = format!(
                "the answer has several lists, of which none is the likeliest: {}; name one with `data_selector`",
                paths.join(", ")
            );
        }
        Records::One => return Err("it answers with one object".to_owned()),
        Records::None(reason) => return Err(reason),
        Records::Unknown(reason) => {
            let parameters = parameters_of_lists(&list.operation);
            let telling = match parameters.is_empty() {
                _ if list.operation.ends_with_placeholder() => return Err(reason),
                false => format!("its parameters {}", parameters.join(" and ")),
                true if with_details.contains(&list.template) => {
                    "its path, under which one record is asked for".to_owned()
                }
                true => return Err(reason),
            };
            list.selector_reason = format!(
                "{reason}. That it is a list follows from {telling}; `restload discover` finds out where the records are"
            );
        }
    }
    if list.is_map {
        list.key = Some("key".to_owned());
        list.key_reason = String::from("the keys of the answer, which are different in each record");
    } else {
        match primary_key(document, &list.name, list.record) {
            Ok((key, reason)) => (list.key, list.key_reason) = (Some(key.to_owned()), reason),
            Err(reason) => list.key_reason = reason,
        }
    }
    list.paging = paging(document, &list.operation, answer, &path, list.key.as_deref());
    Ok(list)
}

/// The paths under which one record is asked for, as `/orders` is by `/orders/{id}`.
fn paths_with_details(document: &Document<'_>) -> BTreeSet<String> {
    let paths = document.root.get("paths").and_then(Value::as_object);
    let paths = paths.into_iter().flatten().map(|(path, _)| template(path));
    paths
        .filter_map(|path| path.strip_suffix("/{}").map(str::to_owned))
        .collect()
}

/// Gives each list a name of its own: where several would have one, the one of the shortest path keeps it, and the
/// others take their paths along.
fn name_apart(lists: &mut [Listed<'_>]) {
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, list) in lists.iter().enumerate() {
        by_name.entry(list.name.clone()).or_default().push(place);
    }
    let mut taken: BTreeSet<String> = by_name.keys().cloned().collect();
    for places in by_name.into_values().filter(|places| places.len() > 1) {
        let depth = |place: &usize| lists[*place].operation.path.matches('/').count();
        let least = places.iter().map(depth).min();
        // Of several that are as short none is the one that is meant.
        let is_one = places.iter().filter(|place| Some(depth(place)) == least).count() == 1;
        let others = places
            .iter()
            .copied()
            .filter(|place| !is_one || Some(depth(place)) != least);
        for place in others.collect::<Vec<_>>() {
            let words = names::words_of_path(lists[place].operation.path);
            // As many of the words as it takes, from the end.
            let mut names = (2..=words.len()).map(|count| words[words.len() - count..].join("_"));
            let own = names.find(|name| !taken.contains(name));
            let whole = || names::identifier(&lists[place].operation.path.replace(['{', '}'], "_"));
            let own = own.or_else(|| Some(whole()).filter(|name| !taken.contains(name)));
            let name = own.unwrap_or_else(|| {
                let base = &lists[place].name;
                let mut numbered = (2..).map(|number| format!("{base}_{number}"));
                numbered.find(|name| !taken.contains(name)).unwrap_or_default()
            });
            taken.insert(name.clone());
            lists[place].name = name;
        }
    }
}
