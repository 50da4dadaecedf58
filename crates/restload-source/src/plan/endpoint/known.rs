//! What is known of an endpoint's requests before the first one is made: a value that no request could be made with is a
//! mistake of the config.

use std::collections::BTreeMap;

use minijinja::Value as Computed;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use serde_json::Value;

use super::address::{path_faults, path_value};
use super::{ClientPlan, EndpointPlan, HeaderTemplate};
use crate::incremental::IncrementalPlan;
use crate::plan::{Bound, MissingFieldPolicy};
use crate::template::{RenderError, Template, with_roots};

/// Stands in a path for what only a record or a cursor tells.
const SOMETHING: &str = "x";

impl EndpointPlan {
    /// Notes the values in the path and in headers that are known and cannot be sent. `path` is the endpoint's.
    pub(in crate::plan) fn check_known(
        &self,
        client: &ClientPlan,
        bound: &Bound,
        on_missing: (&MissingFieldPolicy, &KeyPath),
        path: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) {
        let run = bound.context.to_value();
        for header in client.headers.iter().chain(&self.headers) {
            check_header(header, bound, &run, diagnostics);
        }
        let Ok(taken) = self.known_bindings(&run, bound) else {
            return;
        };
        let scope = with_roots(&run, taken.clone());
        let is_known_name = |name: &str| taken.contains_key(name) || bound.is_known(name);
        let as_known = |otherwise: &str| {
            self.path
                .text_as_known(&scope, is_known_name, otherwise, |value| path_value(&value))
        };
        let place = path.key("path");
        let (known, mistakes) = as_known(SOMETHING);
        let stands_without = mistakes.is_empty() && path_faults(&known).is_empty();
        for mistake in mistakes {
            match mistake {
                RenderError::Undefined { placeholder } => diagnostics.error_with_help(
                    &place,
                    format_args!("`{placeholder}` has no value, and a path needs one"),
                    "give it one, or leave it out of the path",
                ),
                error @ RenderError::Failed { .. } => diagnostics.error(&place, error),
            }
        }
        for fault in path_faults(&known) {
            diagnostics.error(&place, fault);
        }
        let (policy, policy_path) = on_missing;
        if let MissingFieldPolicy::Default(default) = policy
            && !self.path_references().is_empty()
        {
            let text = match default {
                Value::String(text) => Some(path_value(text)),
                Value::Null => None,
                _ => Some(SOMETHING.to_owned()),
            };
            let fits = text.is_some_and(|text| path_faults(&as_known(&text).0).is_empty());
            if !fits && stands_without {
                diagnostics.error_with_help(
                    &policy_path.key("default"),
                    format_args!("{default} cannot stand in the path for a field that is missing"),
                    "give another default, or write `on_missing_parent_field: skip`",
                );
            }
        }
    }

    /// The values that the path takes by their names, as far as they are known.
    fn known_bindings(&self, run: &Computed, bound: &Bound) -> Result<BTreeMap<String, Computed>, RenderError> {
        let mut known = BTreeMap::new();
        for (name, param) in &self.bindings {
            let mut templates = Vec::new();
            param.templates(&mut templates);
            if templates.iter().all(|template| is_known(template, bound)) {
                known.insert(name.clone(), param.computed(run)?);
            }
        }
        Ok(known)
    }

    /// Notes the placeholders in the path for bounds of the range that have no value: the end that there is none of, and
    /// the start of the first load. `block` is the path of `incremental`.
    pub(in crate::plan) fn check_range(
        &self,
        incremental: &IncrementalPlan,
        block: &KeyPath,
        diagnostics: &mut Diagnostics,
    ) {
        for name in self.path.required() {
            let key = name
                .strip_prefix("incremental.")
                .and_then(|name| incremental.unset_key(name));
            let Some(key) = key.filter(|key| !diagnostics.is_left_out(&block.key(*key))) else {
                continue;
            };
            let when = if key == "initial_value" {
                " in the first load"
            } else {
                ""
            };
            diagnostics.error_with_help(
                self.path.path(),
                format_args!("`{{{name}}}` has no value{when}: there is no `{key}`"),
                format_args!("add `{key}`, or say what stands for it: `{{{name} | default(\"…\", true)}}`"),
            );
        }
    }
}

/// Whether all that a template refers to has a value before the first request.
fn is_known(template: &Template, bound: &Bound) -> bool {
    template.references().is_empty() && template.variables().all(|name| bound.is_known(name))
}

/// A header's value is shown to nobody: it may be a secret.
fn check_header(header: &HeaderTemplate, bound: &Bound, run: &Computed, diagnostics: &mut Diagnostics) {
    let Some(template) = header.value.as_ref().filter(|template| is_known(template, bound)) else {
        return;
    };
    let Ok(text) = template.text(run) else { return };
    if http::HeaderValue::try_from(&text).is_err() {
        let what = if text.contains(['\n', '\r']) {
            "a line break"
        } else {
            "a control character"
        };
        diagnostics.error_with_help(
            template.path(),
            format_args!("the value of a header cannot hold {what}"),
            "a block of YAML ends with a line break: write `|-` or `>-`, or put the text in quotes",
        );
    }
}
