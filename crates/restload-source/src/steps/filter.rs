//! `filter`: keeps records.

use minijinja::Value as Computed;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Misfit;
use super::expression::RecordTemplate;
use crate::template::Template;

/// Keep the records for which an expression of minijinja is true. Fields go by their names, fields of objects by
/// `user.name`, odd names by `record["odd-name"]`; `vars.NAME` and `run.started_at` are there as in placeholders. A
/// field that a record lacks is null. A text is not a number: compare `amount | float > 100` where an API writes
/// numbers as texts. Null is less than everything: write `age is number and age < 18`.
///
/// ```yaml
/// processing_steps:
///   - filter: status == "open" and record["line-count"] > 0
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FilterConfig(String);

#[derive(Debug)]
pub(super) struct Filter(RecordTemplate);

impl FilterConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Filter> {
        Some(Filter(RecordTemplate::expression(&self.0, path, diagnostics)?))
    }
}

impl Filter {
    pub(super) fn template(&self) -> &Template {
        self.0.template()
    }

    pub(super) fn bind(&mut self, context: &Computed) {
        self.0.bind(context);
    }

    pub(super) fn keeps(&self, record: &Value<'_>) -> Result<bool, Misfit> {
        self.0.is_true(record)
    }
}
