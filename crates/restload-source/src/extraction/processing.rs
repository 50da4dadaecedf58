//! What becomes of a page's records before they are stored: they take along fields of their parents', and go through the
//! steps.

use std::collections::HashMap;

use restload_model::Value;
use restload_model::value::Object;

use super::{ExtractError, Progress};
use crate::parent_fields::Parents;
use crate::plan::ResourcePlan;
use crate::steps;

/// Adds the parents' fields to records and puts them through the resource's steps.
pub fn process<'b>(
    plan: &ResourcePlan,
    progress: &Progress,
    mut records: Vec<Value<'b>>,
) -> Result<Vec<Value<'b>>, ExtractError> {
    let matched_by = plan.batch.as_ref().and_then(|batch| batch.matched_by.as_deref());
    match matched_by {
        Some(field) => records = include_matched(plan, field, &progress.batch, records),
        None => records
            .iter_mut()
            .for_each(|record| include(plan, &progress.parents, record)),
    }
    if plan.steps.is_empty() {
        return Ok(records);
    }
    let included = plan.parents.iter().flat_map(|link| &link.included);
    let taken_along: Vec<&str> = included.map(|(_, name)| name.as_str()).collect();
    steps::apply_all(&plan.steps, &taken_along, records)
        .map_err(|error| ExtractError::new(error.to_string()).with_help(error.help))
}

/// Adds the fields of its parents' records to a record.
fn include(plan: &ResourcePlan, parents: &Parents, record: &mut Value<'_>) {
    for link in &plan.parents {
        let Some(parent) = parents.get(&link.resource) else {
            continue;
        };
        for (field, name) in &link.included {
            // What is missing was dealt with before the request.
            let Some(value) = parent.get(field) else { continue };
            if !matches!(record, Value::Object(_)) {
                let scalar = std::mem::take(record);
                *record = Value::Object(Object(vec![("value".into(), scalar)]));
            }
            if let Value::Object(members) = record {
                members.set(name.clone(), Value::from(value.clone()));
            }
        }
    }
}

/// The same for a request that was made for several records: a field of the answer's records tells whose each is. One
/// that is of several comes once for each, as it would in requests of their own.
fn include_matched<'b>(
    plan: &ResourcePlan,
    field: &str,
    members: &[Parents],
    records: Vec<Value<'b>>,
) -> Vec<Value<'b>> {
    let mut by_value: HashMap<String, Vec<&Parents>> = HashMap::new();
    for member in members {
        let requested = plan.requested(member);
        let value = requested.values().find_map(only_value);
        by_value.entry(value.unwrap_or_default()).or_default().push(member);
    }
    let nulls: Vec<String> = plan
        .parents
        .iter()
        .flat_map(|link| link.included.iter().map(|(_, name)| name.clone()))
        .collect();
    let mut taken = Vec::with_capacity(records.len());
    for mut record in records {
        let value = record.as_object().and_then(|members| members.get(field));
        let value = value.filter(|value| !value.is_null());
        let owners = value.and_then(|value| by_value.get(value.to_text().as_ref()));
        let Some((last, others)) = owners.and_then(|owners| owners.split_last()) else {
            if let Value::Object(members) = &mut record {
                for name in &nulls {
                    members.set(name.clone(), Value::Null);
                }
            }
            taken.push(record);
            continue;
        };
        for owner in others {
            let mut copy = record.clone();
            include(plan, owner, &mut copy);
            taken.push(copy);
        }
        include(plan, last, &mut record);
        taken.push(record);
    }
    taken
}

/// The one value that fields hold, however deep, as a text.
fn only_value(fields: &serde_json::Value) -> Option<String> {
    match fields {
        serde_json::Value::Object(members) => members.values().find_map(only_value),
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
