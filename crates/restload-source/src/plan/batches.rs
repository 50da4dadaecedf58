//! Requests that are made for several of a parent's records at once.

use minijinja::Value as Computed;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use serde_json::Value;

use super::parents;
use super::resource::ResourcePlan;
use crate::config::{ParentBatch, ParentsPerRequest, ResourceConfig};
use crate::parent_fields::{Fields, Parents};
use crate::template::{Several, to_value};

/// How the parent's records are requested together.
#[derive(Debug)]
pub struct BatchPlan {
    /// How many at most.
    pub size: usize,
    separator: Option<String>,
    /// The field of a record that tells whose it is.
    pub matched_by: Option<String>,
}

impl BatchPlan {
    pub(super) fn compile(config: &ResourceConfig, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        let path = path.key("parents_per_request");
        let (batch, path) = match config.parents_per_request.as_ref()? {
            ParentsPerRequest::Size(size) => (
                ParentBatch {
                    size: *size,
                    separator: Some(",".to_owned()),
                    matched_by: None,
                },
                path,
            ),
            ParentsPerRequest::Batch(batch) => (batch.clone(), path.key("size")),
        };
        if batch.size == 0 {
            diagnostics.error(&path, "a request is made for one record at least");
        }
        Some(Self {
            size: batch.size.max(1),
            separator: batch.separator,
            matched_by: batch.matched_by,
        })
    }

    /// What `{resources.…}` refers to in a request for these records.
    pub(super) fn values(&self, plan: &ResourcePlan, members: &[Parents]) -> Computed {
        let links = plan.parents.iter().filter(|link| link.is_named);
        let values = links.map(|link| {
            let of_members: Vec<&Value> = members.iter().filter_map(|member| member.get(&link.resource)).collect();
            let is_only = link.requested.ways().len() == 1;
            (
                link.resource.clone(),
                self.several(&link.requested, &of_members, is_only),
            )
        });
        values.collect::<std::collections::BTreeMap<_, _>>().into()
    }

    fn several(&self, fields: &Fields, of_members: &[&Value], is_only: bool) -> Computed {
        let mut names = fields.names().peekable();
        if names.peek().is_none() {
            let mut values: Vec<&Value> = of_members.iter().copied().filter(|value| !value.is_null()).collect();
            if is_only {
                // Records may differ in fields that are only taken along.
                let mut seen = std::collections::HashSet::new();
                values.retain(|value| seen.insert(value.to_string()));
            }
            let values = values.into_iter().map(to_value).collect();
            return Computed::from_object(Several::new(values, self.separator.clone()));
        }
        let members = names.map(|(name, inner)| {
            let of_members: Vec<&Value> = of_members.iter().filter_map(|value| value.get(&name)).collect();
            let value = self.several(inner, &of_members, is_only);
            (name, value)
        });
        members.collect::<std::collections::BTreeMap<_, _>>().into()
    }
}

/// Notes what cannot be requested in batches.
pub(super) fn check(plan: &ResourcePlan, config: &ResourceConfig, path: &KeyPath, diagnostics: &mut Diagnostics) {
    let Some(batch) = &plan.batch else { return };
    let own = path.key("parents_per_request");
    let mut direct = plan.direct_parents();
    let (Some(parent), second) = (direct.next(), direct.next()) else {
        if parents::may_be_missing(&path.key("endpoint"), diagnostics) {
            return;
        }
        diagnostics.error_with_help(
            &own,
            format_args!(
                "`{}` has no parent whose records could be requested together",
                plan.name
            ),
            "refer to the parent in the endpoint: `{resources.parent.field}`",
        );
        return;
    };
    if let Some(second) = second {
        diagnostics.error_with_help(
            &own,
            format_args!(
                "`{}` has several parents, `{}` and `{}`, and is requested for pairs of their records",
                plan.name, parent.resource, second.resource
            ),
            "leave `parents_per_request` out, or refer to one of them only",
        );
    }
    if plan.incremental.is_some() {
        diagnostics.error_with_help(
            &own,
            "a cursor belongs to one of the parent's records, and which of them are requested together differs from \
             load to load",
            "leave out `incremental` or `parents_per_request`",
        );
    }
    let in_path = !plan.source.path_references().is_empty();
    if batch.separator.is_none() && in_path && !diagnostics.is_left_out(&own.key("separator")) {
        diagnostics.error_with_help(
            &own.key("separator"),
            "a path has one place for all values, so that they need something between them",
            "name a separator, or put the placeholder into `params`",
        );
    }
    let ways: usize = plan
        .parents
        .iter()
        .filter(|link| link.is_named)
        .map(|link| link.requested.ways().len())
        .sum();
    let includes = config.include_from_parent.iter().flatten().next().is_some();
    match &batch.matched_by {
        None if includes && diagnostics.is_left_out(&own.key("matched_by")) => {}
        None if includes => diagnostics.error_with_help(
            &path.key("include_from_parent"),
            "a record that comes of a request for several parents' records does not say whose it is",
            "name its field that holds the parent's value: `parents_per_request: { size: …, matched_by: FIELD }`",
        ),
        Some(_) if ways > 1 => diagnostics.error_with_help(
            &own.key("matched_by"),
            format_args!(
                "the endpoint names {ways} fields of the parent, so that no single one tells whose a record is"
            ),
            "refer to one field of the parent, or leave out `matched_by` and `include_from_parent`",
        ),
        Some(_) if !includes && diagnostics.has_left_out(&path.key("include_from_parent")) => {}
        Some(_) if !includes => diagnostics.key_warning(
            &own.key("matched_by"),
            "`matched_by` has no effect: nothing is included from the parent",
            "add `include_from_parent`, or leave it out",
        ),
        _ => {}
    }
}
