//! How `incremental` reaches requests: as placeholders, also where the config names parameters.

use restload_model::diagnostics::{Diagnostics, KeyPath, Segment};
use serde_json::Value;

use super::parents;
use super::resource::ResourcePlan;
use crate::config::{EndpointConfig, IncrementalConfig, ParamValue};
use crate::extraction::{ExtractError, Progress};
use crate::incremental::{IncrementalPlan, KeptCursor, check_placeholders};
use crate::parent_fields::Parents;
use crate::plan::partition_scope;
use crate::request::Request;
use crate::template::{Context, Template};

/// The range that the command line or a scheduler gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunRange {
    /// Where it starts.
    pub from: Option<String>,
    /// Where it ends.
    pub until: Option<String>,
}

impl RunRange {
    /// Whether there is one.
    pub fn is_given(&self) -> bool {
        self.from.is_some() || self.until.is_some()
    }
}

/// Takes `incremental` out of an endpoint, from its block or from a parameter, with its place. The parameters that it
/// names become placeholders.
pub(super) fn take(
    endpoint: &mut EndpointConfig,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Option<(KeyPath, IncrementalConfig)> {
    let block = endpoint
        .incremental
        .take()
        .map(|config| (path.key("incremental"), config));
    let in_param = take_param(endpoint, path, diagnostics);
    if let (Some((path, _)), Some((param, _))) = (&block, &in_param) {
        diagnostics.warning(
            path,
            format_args!("`incremental` stands here and in `{param}`, which counts, as it does in dlt"),
            Some("keep one of the two".to_owned()),
        );
    }
    let (path_of_config, config) = in_param.or(block)?;
    let root = if config.window.is_some() {
        "window"
    } else {
        "incremental"
    };
    let (start, end) = if config.window.is_some() {
        ("start", "end")
    } else {
        ("start_value", "end_value")
    };
    for (param, attribute) in [(&config.start_param, start), (&config.end_param, end)] {
        let Some(param) = param else { continue };
        let params = endpoint.params.get_or_insert_default();
        let placeholder = Value::from(format!("{{{root}.{attribute}}}"));
        if params.insert(param.clone(), ParamValue(placeholder)).is_some() {
            diagnostics.warning(
                &path.key("params").key(param.clone()),
                "`incremental` writes this parameter, so that the value here is never sent",
                Some("leave it out".to_owned()),
            );
        }
    }
    Some((path_of_config, config))
}

/// The one parameter that is `{type: incremental, …}`.
fn take_param(
    endpoint: &mut EndpointConfig,
    path: &KeyPath,
    diagnostics: &mut Diagnostics,
) -> Option<(KeyPath, IncrementalConfig)> {
    let params = endpoint.params.as_mut()?;
    let is_incremental = |value: &ParamValue| value.0.get("type").and_then(Value::as_str) == Some("incremental");
    let names: Vec<String> = params
        .iter()
        .filter(|(_, value)| is_incremental(value))
        .map(|(name, _)| name.clone())
        .collect();
    let block = path.key("incremental");
    let path = path.key("params");
    let name = match names.as_slice() {
        [] => return None,
        [name] => name.clone(),
        [first, second, ..] => {
            diagnostics.error_with_help(
                &path.key(second.clone()),
                format_args!("`{first}` and `{second}` are both incremental, and one can be"),
                "an endpoint has one cursor",
            );
            params.retain(|_, value| !is_incremental(value));
            diagnostics.leave_out(&block);
            return None;
        }
    };
    let path = path.key(name.clone());
    let mut members = params.get(&name)?.0.as_object()?.clone();
    members.shift_remove("type");
    // Whatever becomes of it, the parameter is not a plain one.
    params.insert(name.clone(), ParamValue(Value::Null));
    for key in ["end_value", "end_param", "start_param", "window"] {
        if members.get(key).is_some_and(|value| !value.is_null()) {
            diagnostics.error_with_help(
                &path.key(key),
                format_args!("a parameter takes the start only, so that `{key}` has no place in it"),
                "write the block `incremental` in the endpoint instead",
            );
            diagnostics.leave_out(&block);
            return None;
        }
    }
    match serde_json::from_value::<IncrementalConfig>(Value::Object(members)) {
        Ok(config) => {
            params.shift_remove(&name);
            let start_param = Some(name);
            Some((path, IncrementalConfig { start_param, ..config }))
        }
        Err(error) => {
            diagnostics.error(&path, error);
            diagnostics.leave_out(&block);
            None
        }
    }
}

/// Checks what the placeholders of a resource refer to, and that windows reach the API. `block` is the path of its
/// `incremental`.
pub(super) fn check(plan: &ResourcePlan, endpoint: &KeyPath, block: &KeyPath, diagnostics: &mut Diagnostics) {
    let has_windows = plan.incremental.as_ref().is_some_and(IncrementalPlan::has_windows);
    if plan
        .incremental
        .as_ref()
        .is_some_and(IncrementalPlan::starts_from_nothing)
    {
        warn_of_texts_left_out(plan, diagnostics);
    }
    for template in plan.own_templates() {
        check_placeholders(template, plan.incremental.is_some(), has_windows, endpoint, diagnostics);
    }
    let params = ["start_param", "end_param"].map(|key| block.key(key));
    let is_unknown =
        parents::may_be_missing(endpoint, diagnostics) || params.iter().any(|key| diagnostics.is_left_out(key));
    if !has_windows || is_unknown {
        return;
    }
    let is_sent = |name: &str| {
        let templates = plan.own_templates();
        templates
            .iter()
            .any(|template| template.variables().any(|variable| variable == name))
    };
    for name in ["window.start", "window.end"] {
        if !is_sent(name) {
            diagnostics.error_with_help(
                &block.key("window"),
                format_args!("the request does not say `{{{name}}}`, so that every window would ask for the same"),
                "put it into a parameter, or name `start_param` and `end_param`",
            );
        }
    }
}

/// Says that a longer text is left out of the first load's requests, and what else stands in it with it.
fn warn_of_texts_left_out(plan: &ResourcePlan, diagnostics: &mut Diagnostics) {
    const PLACES: [&str; 5] = ["params", "headers", "json", "data", "graphql"];
    let is_nullable = |template: &Template| {
        let mut segments = template.path().segments().iter();
        segments.any(|segment| matches!(segment, Segment::Key(key) if PLACES.contains(&key.as_str())))
    };
    for template in plan
        .own_templates()
        .into_iter()
        .filter(|template| is_nullable(template))
    {
        for name in ["incremental.start_value", "incremental.last_value"] {
            if template.depends_on(name) {
                diagnostics.warning(
                    template.path(),
                    format_args!("`{{{name}}}` has no value in the first load, so that all of this text is left out"),
                    Some("give `incremental` an `initial_value`".to_owned()),
                );
            }
        }
    }
}

/// Notes the placeholders of a template that no endpoint has, and that only an endpoint could have.
pub(super) fn check_outside(template: &Template, diagnostics: &mut Diagnostics) {
    for variable in template.variables() {
        let root = variable.split('.').next().unwrap_or(variable);
        if ["incremental", "window"].contains(&root) {
            diagnostics.error_with_help(
                template.path(),
                format_args!("`{{{variable}}}` has no value here, because only endpoints are incremental"),
                "write it in an endpoint's own path, params, headers or body",
            );
        }
    }
}

impl ResourcePlan {
    /// A partition before its first page, with the range that it starts from what is stored of its cursor.
    pub fn begin(&self, mut progress: Progress, kept: Option<&KeptCursor>) -> Result<Progress, ExtractError> {
        if let Some(incremental) = &self.incremental {
            let cursor = incremental.begin(kept)?;
            progress.windows = incremental.windows(&cursor)?;
            progress.cursor = Some(cursor);
        }
        Ok(progress)
    }

    /// The first request for a parent's record, where no load has left a cursor.
    pub fn first_request(&self, run: &Context, parents: Parents) -> Result<Request, ExtractError> {
        let mut progress = self.begin(Progress::start(parents), None)?;
        if let (Some(incremental), Some(cursor), Some(windows)) =
            (&self.incremental, &progress.cursor, &progress.windows)
        {
            let slices = incremental.slices(&cursor.start, &windows.end)?;
            progress.slice = slices.slice(0).map_err(ExtractError::new)?;
        }
        let scope = self.scope(run, &progress)?;
        Ok(self.request(&progress.position, &scope)?)
    }

    /// What the placeholders of a partition's requests refer to.
    pub fn scope(&self, run: &Context, progress: &Progress) -> Result<minijinja::Value, ExtractError> {
        let mut scope = match &self.batch {
            Some(batch) if !progress.batch.is_empty() => run.with("resources", batch.values(self, &progress.batch)),
            _ => partition_scope(run, &progress.parents),
        };
        let failed = |error: crate::template::RenderError| ExtractError::new(error.to_string());
        if let Some((incremental, cursor)) = self.incremental.as_ref().zip(progress.cursor.as_ref()) {
            scope = scope.with("incremental", incremental.placeholders(cursor).map_err(failed)?);
            if let Some(slice) = &progress.slice {
                scope = scope.with("window", incremental.window_placeholders(slice).map_err(failed)?);
            }
        }
        Ok(scope.to_value())
    }
}
