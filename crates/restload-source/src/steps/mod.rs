//! Processing steps change the records of a page before they become rows, and before child resources see them.

mod drop;
mod rename;
mod select;
mod unpivot;

use indexmap::IndexMap;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use unpivot::UnpivotConfig;

/// One processing step. A step with several actions runs them in the order of this page.
///
/// ```yaml
/// processing_steps:
///   - unpivot: { key: name, value: label }
///   - drop: [request]
/// ```
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepConfig {
    /// Turn an object whose keys are data into one record per key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpivot: Option<UnpivotConfig>,
    /// Keep these fields only; a field that a record lacks is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Vec<String>>,
    /// Remove these fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop: Option<Vec<String>>,
    /// Give fields other names: `old: new`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<std::collections::BTreeMap<String, String>>")]
    pub rename: Option<IndexMap<String, String>>,
}

/// A compiled step.
#[derive(Debug)]
pub enum Step {
    /// Object to records.
    Unpivot(unpivot::Unpivot),
    /// Fields to keep.
    Select(Vec<String>),
    /// Fields to remove.
    Drop(Vec<String>),
    /// Fields to rename.
    Rename(Vec<(String, String)>),
}

/// Why a record does not suit a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("step `{step}` {message}")]
pub struct StepError {
    step: &'static str,
    message: String,
}

impl StepConfig {
    /// Compiles the step's actions; mistakes are noted.
    pub fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Some(config) = &self.unpivot {
            steps.extend(config.compile(&path.key("unpivot"), diagnostics).map(Step::Unpivot));
        }
        if let Some(fields) = &self.select {
            steps.push(Step::Select(fields.clone()));
        }
        if let Some(fields) = &self.drop {
            steps.push(Step::Drop(fields.clone()));
        }
        if let Some(names) = &self.rename {
            steps.push(Step::Rename(
                names.iter().map(|(old, new)| (old.clone(), new.clone())).collect(),
            ));
        }
        if steps.is_empty() && !diagnostics.has_errors() {
            diagnostics.error_with_help(
                path,
                "this step does nothing",
                "name an action: unpivot, select, drop or rename",
            );
        }
        steps
    }
}

impl Step {
    /// Gives the records that one record becomes.
    pub fn apply<'a>(&self, record: Value<'a>, out: &mut Vec<Value<'a>>) -> Result<(), StepError> {
        match self {
            Self::Unpivot(step) => step.apply(record, out),
            Self::Select(fields) => {
                out.push(select::apply(fields, record));
                Ok(())
            }
            Self::Drop(fields) => {
                out.push(drop::apply(fields, record));
                Ok(())
            }
            Self::Rename(names) => {
                out.push(rename::apply(names, record));
                Ok(())
            }
        }
    }
}

/// Puts the records of a page through all steps.
pub fn apply_all<'a>(steps: &[Step], mut records: Vec<Value<'a>>) -> Result<Vec<Value<'a>>, StepError> {
    for step in steps {
        let mut changed = Vec::with_capacity(records.len());
        for record in records {
            step.apply(record, &mut changed)?;
        }
        records = changed;
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(steps: serde_json::Value, records: serde_json::Value) -> String {
        let configs: Vec<StepConfig> = serde_json::from_value(steps).unwrap();
        let mut diagnostics = Diagnostics::default();
        let steps: Vec<Step> = configs
            .iter()
            .flat_map(|config| config.compile(&KeyPath::root(), &mut diagnostics))
            .collect();
        if let Some(found) = diagnostics.into_vec().first() {
            return format!("error: {}", found.message);
        }
        let records = match Value::from(records) {
            Value::List(records) => records,
            other => vec![other],
        };
        match apply_all(&steps, records) {
            Ok(records) => Value::List(records).to_json(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn steps_change_records() {
        for (steps, records, expected) in [
            (
                json!([{"unpivot": {"key": "name", "value": "label"}}]),
                json!({"bike": "Bike", "none": "None (silent)"}),
                r#"[{"name":"bike","label":"Bike"},{"name":"none","label":"None (silent)"}]"#,
            ),
            (
                json!([{"unpivot": {"key": "code"}}]),
                json!({"de": {"name": "Germany"}, "fr": {"name": "France"}}),
                r#"[{"code":"de","name":"Germany"},{"code":"fr","name":"France"}]"#,
            ),
            (json!([{"unpivot": {"key": "k", "value": "v"}}]), json!({}), "[]"),
            (
                json!([{"unpivot": {"key": "k", "value": "v"}}]),
                json!([[1]]),
                "error: step `unpivot` takes an object, not a list",
            ),
            (
                json!([{"unpivot": {"key": "k"}}]),
                json!({"a": 1}),
                "error: step `unpivot` needs `value`: the value of `a` is a number, not an object",
            ),
            (
                json!([{"drop": ["a", "x"]}]),
                json!([{"a": 1, "b": 2}, 5]),
                r#"[{"b":2},5]"#,
            ),
            (
                json!([{"select": ["b", "x"]}]),
                json!([{"a": 1, "b": 2}]),
                r#"[{"b":2}]"#,
            ),
            (
                json!([{"rename": {"a": "c", "x": "y"}}]),
                json!([{"a": 1, "b": 2}]),
                r#"[{"c":1,"b":2}]"#,
            ),
            (
                json!([{"rename": {"a": "b"}}]),
                json!([{"a": 1, "b": 2}]),
                r#"[{"b":1}]"#,
            ),
            (json!([{}]), json!([]), "error: this step does nothing"),
        ] {
            assert_eq!(run(steps.clone(), records), expected, "{steps}");
        }
    }
}
