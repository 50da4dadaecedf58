//! `table_name` with placeholders: every record says which root table it goes to.

use std::sync::Arc;

use minijinja::Value as Computed;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::naming::{self, MAX_LENGTH};

use crate::steps::expression::RecordTemplate;
use crate::template::Template;

/// What the names of restload's own tables begin with.
pub(crate) const RESERVED: &str = "_rl_";

/// A compiled `table_name` with placeholders.
#[derive(Debug)]
pub struct TableName {
    template: RecordTemplate,
    /// As the config spells it.
    text: String,
    /// The most tables that records may name.
    pub most: usize,
}

impl TableName {
    /// Whether a name is one for each record, and not the same for all.
    pub(crate) fn is_template(text: &str) -> bool {
        text.contains(['{', '}'])
    }

    /// Compiles a name with placeholders; mistakes are noted.
    pub(crate) fn compile(text: &str, most: usize, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Self> {
        let template = RecordTemplate::text(text, path, diagnostics)?;
        if template.template().is_constant() {
            diagnostics.error_with_help(
                path,
                "a table's name has no braces",
                "a placeholder over the record has one on either side: `events_{type}`",
            );
            return None;
        }
        Some(Self {
            template,
            text: text.to_owned(),
            most,
        })
    }

    pub(crate) fn template(&self) -> &Template {
        self.template.template()
    }

    pub(crate) fn bind(&mut self, context: &Computed) {
        self.template.bind(context);
    }

    /// The table that a record names, or why it names none.
    pub fn of(&self, record: &Value<'_>) -> Result<Arc<str>, String> {
        let nothing = |reason: &str| format!("`table_name: {}` gives no name: {reason}", self.text);
        let value = self.template.value(record).map_err(|misfit| nothing(&misfit.message))?;
        let name = match &value {
            Value::Text(text) if text.trim().is_empty() => return Err(nothing("its value is empty")),
            Value::Text(text) => naming::normalize(text, MAX_LENGTH),
            Value::Integer(number) => naming::normalize(&number.to_string(), MAX_LENGTH),
            Value::Bool(flag) => naming::normalize(&flag.to_string(), MAX_LENGTH),
            Value::Null => return Err(nothing("its value is missing or null")),
            other => return Err(nothing(&format!("its value is {}", other.kind()))),
        };
        if name.starts_with(RESERVED) {
            return Err(format!(
                "`table_name: {}` gives `{name}`, and names that begin with `{RESERVED}` are restload's own",
                self.text
            ));
        }
        Ok(name.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_names_its_table() {
        let name = |text: &str| {
            let mut diagnostics = Diagnostics::default();
            let compiled = TableName::compile(text, 100, &KeyPath::root(), &mut diagnostics);
            compiled.expect("no mistake")
        };
        for (text, record, expected) in [
            ("events_{type}", json!({"type": "PushEvent"}), Ok("events_push_event")),
            ("{type}", json!({"type": 7}), Ok("_7")),
            (
                "{actor.kind | lower}_{id}",
                json!({"actor": {"kind": "Bot"}, "id": 1}),
                Ok("bot_1"),
            ),
            ("{type}", json!({}), Err("gives no name: its value is missing or null")),
            ("events_{type}", json!({"type": null}), Err("gives no name: `{type}`")),
            ("{type}", json!({"type": " "}), Err("gives no name: its value is empty")),
            (
                "{type}",
                json!({"type": [1]}),
                Err("gives no name: its value is a list"),
            ),
            ("_rl_{type}", json!({"type": "state"}), Err("are restload's own")),
        ] {
            let named = name(text).of(&Value::from(record));
            match (named, expected) {
                (Ok(named), Ok(expected)) => assert_eq!(&*named, expected),
                (Err(reason), Err(expected)) => assert!(reason.contains(expected), "{reason}"),
                (named, expected) => panic!("{text}: {named:?} instead of {expected:?}"),
            }
        }
    }
}
