//! The partitions that parents' records give rise to.

use restload_model::Value;
use restload_model::diagnostics::did_you_mean;

use super::{ExtractError, Progress};
use crate::parent_fields::{MissingField, Parents};
use crate::plan::{MissingFieldPolicy, ParentLink, ResourcePlan};

/// The partitions of a child that a record gives rise to. `around` are the fields that the record's own partition has of
/// its parents' records.
pub fn partitions_for(child: &[ParentLink], resource: &str, record: &Value<'_>, around: &Parents) -> Vec<Progress> {
    let mut partitions = vec![Progress::start(Parents::new())];
    for link in child {
        let ways = if link.resource == resource {
            link.fields.take(resource, record)
        } else if let Some(carried) = around.get(&link.resource) {
            link.fields.take(&link.resource, &Value::from(carried.clone()))
        } else {
            continue;
        };
        let mut extended = Vec::with_capacity(partitions.len() * ways.len());
        for partition in &partitions {
            for way in &ways {
                let mut partition = partition.clone();
                let fields = way.fields.clone().unwrap_or_default();
                partition.parents.insert(link.resource.clone(), fields);
                partition.missing.extend(way.missing.iter().cloned());
                extended.push(partition);
            }
        }
        partitions = extended;
    }
    partitions
}

/// The partition for records of two parents; none when they come from different records of a common ancestor.
pub fn paired(one: &Progress, other: &Progress) -> Option<Progress> {
    let mut pair = one.clone();
    for (resource, fields) in &other.parents {
        let known = pair.parents.entry(resource.clone()).or_insert_with(|| fields.clone());
        if known != fields {
            return None;
        }
    }
    pair.missing.extend(other.missing.iter().cloned());
    Some(pair)
}

/// Decides what becomes of a partition whose parents' records lack a field: whether it is requested, perhaps with a
/// value in the field's place, or left out.
pub fn settle_missing(plan: &ResourcePlan, progress: &mut Progress) -> Result<bool, ExtractError> {
    fill_in_missing(plan, progress);
    // What the request needs is told before what its records would only take along, as in dlt.
    let is_requested = |missing: &&MissingField| {
        let mut links = plan.parents.iter();
        links.any(|link| link.resource == missing.resource && link.requested.wants(&missing.field))
    };
    let mut missing = progress.missing.iter();
    let Some(first) = missing.clone().find(is_requested).or_else(|| missing.next()) else {
        return Ok(true);
    };
    match &plan.on_missing_parent_field {
        MissingFieldPolicy::Skip => Ok(false),
        MissingFieldPolicy::Fail | MissingFieldPolicy::Default(_) => Err(missing_field(first)),
    }
}

/// Puts the default, where there is one, in the place of the fields that parents' records lack: before the partition is
/// named, as with it the request may be one that is made already.
pub fn fill_in_missing(plan: &ResourcePlan, progress: &mut Progress) {
    let MissingFieldPolicy::Default(value) = &plan.on_missing_parent_field else {
        return;
    };
    for missing in std::mem::take(&mut progress.missing) {
        let fields = progress.parents.entry(missing.resource.clone()).or_default();
        missing.fill_in(fields, value);
    }
}

/// Why a partition cannot be requested: a parent's record lacks a field.
fn missing_field(missing: &MissingField) -> ExtractError {
    let error = ExtractError::new(missing.to_string());
    if missing.is_null {
        return error;
    }
    match did_you_mean(missing.name(), missing.there.iter().map(String::as_str)) {
        Some(near) => error.with_help(format!("did you mean `{near}`?")),
        None => error,
    }
}
