//! Processing steps change the records of a page before they become rows, and before child resources see them.
//!
//! A record goes through all steps before the next one does, so that an error names the record as the API gave it.

mod cast;
mod drop;
mod explode;
pub(crate) mod expression;
mod field;
mod filter;
mod hash;
mod jq;
mod rename;
mod select;
mod set;
mod unpivot;

use minijinja::Value as Computed;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::template::Template;

pub use cast::{CastConfig, CastType};
pub use drop::DropConfig;
pub use explode::ExplodeConfig;
pub use filter::FilterConfig;
pub use hash::HashConfig;
pub use jq::JqConfig;
pub use rename::RenameConfig;
pub use select::SelectConfig;
pub use set::SetConfig;
pub use unpivot::UnpivotConfig;

/// One processing step: an action, or several that run in the order written.
///
/// ```yaml
/// processing_steps:
///   - filter: status != "deleted"
///   - explode: { field: lines, prefix: line_ }
///   - { drop: [user.email], rename: { id: order_id } }
/// ```
#[derive(Debug, Clone, Default)]
pub struct StepConfig(Vec<ActionConfig>);

/// What a step does.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionConfig {
    /// Keep the records for which an expression is true.
    Filter(FilterConfig),
    /// Give fields values: constants, or placeholders over the record.
    Set(SetConfig),
    /// Convert fields: `field: type`.
    Cast(CastConfig),
    /// Turn a list in each record into one record per element.
    Explode(ExplodeConfig),
    /// Turn an object whose keys are data into one record per key.
    Unpivot(UnpivotConfig),
    /// Replace fields by digests of their values.
    Hash(HashConfig),
    /// Put each record through a jq program, which gives any number of records.
    Jq(JqConfig),
    /// Keep these fields only.
    Select(SelectConfig),
    /// Remove these fields.
    Drop(DropConfig),
    /// Give fields other names: `old: new`.
    Rename(RenameConfig),
}

/// dlt's steps that are Python functions, and what says the same here.
const PYTHON_STEPS: [(&str, &str); 2] = [
    (
        "map",
        "dlt's `map` is a Python function; write what it does with `set`, `cast`, `rename`, `drop`, `select`, `hash` or `jq`",
    ),
    (
        "yield_map",
        "dlt's `yield_map` is a Python function; write what it does with `explode`, `unpivot` or `jq`",
    ),
];

/// A compiled action, and the step that it stands in.
#[derive(Debug)]
pub struct Step {
    /// Counted from 1, as the config lists them.
    number: usize,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Filter(filter::Filter),
    Set(set::Set),
    Cast(cast::Cast),
    Explode(explode::Explode),
    Unpivot(unpivot::Unpivot),
    Hash(hash::Hash),
    Jq(jq::Jq),
    Select(select::Select),
    Drop(drop::Drop),
    Rename(rename::Rename),
}

/// Why an action cannot take a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) message: String,
    help: String,
}

impl Misfit {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// Why a record does not suit a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("step {step}, `{action}`, cannot take record {record}: {message}")]
pub struct StepError {
    step: usize,
    action: &'static str,
    /// Counted from 1 on its page, as the API gave it.
    record: usize,
    message: String,
    /// What to do about it.
    pub help: String,
}

impl StepConfig {
    /// Compiles the step's actions; mistakes are noted.
    pub fn compile(&self, number: usize, path: &KeyPath, diagnostics: &mut Diagnostics) -> Vec<Step> {
        if self.0.is_empty() && !diagnostics.has_left_out(path) {
            diagnostics.error_with_help(
                path,
                "this step does nothing",
                "name an action: filter, set, cast, explode, unpivot, hash, jq, select, drop or rename",
            );
        }
        let actions = self.0.iter().filter_map(|config| config.compile(path, diagnostics));
        actions.map(|action| Step { number, action }).collect()
    }
}

impl ActionConfig {
    fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Action> {
        Some(match self {
            Self::Filter(config) => Action::Filter(config.compile(&path.key("filter"), diagnostics)?),
            Self::Set(config) => Action::Set(config.compile(&path.key("set"), diagnostics)?),
            Self::Cast(config) => Action::Cast(config.compile()),
            Self::Explode(config) => Action::Explode(config.compile(&path.key("explode"), diagnostics)?),
            Self::Unpivot(config) => Action::Unpivot(config.compile(&path.key("unpivot"), diagnostics)?),
            Self::Hash(config) => Action::Hash(config.compile(&path.key("hash"), diagnostics)?),
            Self::Jq(config) => Action::Jq(config.compile(&path.key("jq"), diagnostics)?),
            Self::Select(config) => Action::Select(config.compile()),
            Self::Drop(config) => Action::Drop(config.compile()),
            Self::Rename(config) => Action::Rename(config.compile(&path.key("rename"), diagnostics)?),
        })
    }
}

impl Step {
    /// Whether it wants every digit of a number.
    pub(crate) fn wants_exact_numbers(&self) -> bool {
        matches!(&self.action, Action::Cast(cast) if cast.wants_exact_numbers())
    }

    /// The templates in it.
    pub(crate) fn templates<'t>(&'t self, out: &mut Vec<&'t Template>) {
        match &self.action {
            Action::Filter(filter) => out.push(filter.template()),
            Action::Set(set) => set.templates(out),
            Action::Hash(hash) => out.extend(hash.salt()),
            _ => {}
        }
    }

    /// Takes over the values that are the same for every record of the run.
    pub(crate) fn bind(&mut self, context: &Computed, diagnostics: &mut Diagnostics) {
        match &mut self.action {
            Action::Filter(filter) => filter.bind(context),
            Action::Set(set) => set.bind(context),
            Action::Hash(hash) => hash.bind(context, diagnostics),
            _ => {}
        }
    }

    fn apply<'a>(&self, record: Value<'a>, taken_along: &[&str], out: &mut Vec<Value<'a>>) -> Result<(), Misfit> {
        match &self.action {
            Action::Filter(filter) => {
                if filter.keeps(&record)? {
                    out.push(record);
                }
            }
            Action::Set(set) => out.push(set.apply(record)?),
            Action::Cast(cast) => out.push(cast.apply(record)?),
            Action::Explode(explode) => explode.apply(record, out)?,
            Action::Unpivot(unpivot) => unpivot.apply(record, taken_along, out)?,
            Action::Hash(hash) => out.push(hash.apply(record)?),
            Action::Jq(jq) => jq.apply(&record, out)?,
            Action::Select(select) => out.push(select.apply(record)),
            Action::Drop(drop) => out.push(drop.apply(record)),
            Action::Rename(rename) => out.push(rename.apply(record)?),
        }
        Ok(())
    }
}

impl Action {
    fn name(&self) -> &'static str {
        match self {
            Self::Filter(_) => "filter",
            Self::Set(_) => "set",
            Self::Cast(_) => "cast",
            Self::Explode(_) => "explode",
            Self::Unpivot(_) => "unpivot",
            Self::Hash(_) => "hash",
            Self::Jq(_) => "jq",
            Self::Select(_) => "select",
            Self::Drop(_) => "drop",
            Self::Rename(_) => "rename",
        }
    }
}

/// Puts the records of a page through all steps.
pub fn apply_all<'a>(
    steps: &[Step],
    taken_along: &[&str],
    records: Vec<Value<'a>>,
) -> Result<Vec<Value<'a>>, StepError> {
    let mut done = Vec::with_capacity(records.len());
    let (mut current, mut changed) = (Vec::new(), Vec::new());
    for (index, record) in records.into_iter().enumerate() {
        current.push(record);
        for step in steps {
            for record in current.drain(..) {
                step.apply(record, taken_along, &mut changed)
                    .map_err(|misfit| StepError {
                        step: step.number,
                        action: step.action.name(),
                        record: index + 1,
                        message: misfit.message,
                        help: misfit.help,
                    })?;
            }
            std::mem::swap(&mut current, &mut changed);
        }
        done.append(&mut current);
    }
    Ok(done)
}

/// A value as it is shown in a message.
fn shown(value: &Value<'_>) -> String {
    const LONGEST: usize = 60;
    let text = value.to_json();
    if text.chars().count() > LONGEST {
        text.chars().take(LONGEST).chain(['…']).collect()
    } else {
        text
    }
}

// A map of actions is read by hand, because its order counts and a struct would forget it.

impl<'de> Deserialize<'de> for StepConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Actions)
    }
}

struct Actions;

impl<'de> Visitor<'de> for Actions {
    type Value = StepConfig;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a map of actions")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StepConfig, A::Error> {
        let mut actions = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
            if let Some((_, advice)) = PYTHON_STEPS.iter().find(|(python, _)| *python == name) {
                return Err(A::Error::custom(advice));
            }
            let action = serde_json::Value::Object(serde_json::Map::from_iter([(name, value)]));
            actions.push(ActionConfig::deserialize(action).map_err(A::Error::custom)?);
        }
        Ok(StepConfig(actions))
    }
}

impl Serialize for StepConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for action in &self.0 {
            if let Ok(serde_json::Value::Object(members)) = serde_json::to_value(action) {
                for (name, value) in members {
                    map.serialize_entry(&name, &value)?;
                }
            }
        }
        map.end()
    }
}

impl JsonSchema for StepConfig {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StepConfig".into()
    }

    /// One map with every action as a key; what an action is, its own type says. `x-unknown-keys` says what to do instead
    /// of keys that are not known.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let actions = ActionConfig::json_schema(generator).to_value();
        let mut properties = serde_json::Map::new();
        for action in actions["oneOf"].as_array().into_iter().flatten() {
            properties.extend(action["properties"].as_object().cloned().unwrap_or_default());
        }
        let advice: serde_json::Map<_, _> = PYTHON_STEPS
            .iter()
            .map(|(name, advice)| ((*name).to_owned(), (*advice).into()))
            .collect();
        json_schema!({
            "description": "One processing step: an action, or several that run in the order written.\n\n```yaml\nprocessing_steps:\n  - filter: status != \"deleted\"\n  - explode: { field: lines, prefix: line_ }\n  - { drop: [user.email], rename: { id: order_id } }\n```",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
            "x-unknown-keys": advice,
        })
    }
}

#[cfg(test)]
mod tests;
