//! `rename`: gives fields other names.

use std::borrow::Cow;

use indexmap::IndexMap;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Give fields other names, all at once: `old: new`. Another field that has the new name gives way.
///
/// ```yaml
/// processing_steps: [ { rename: { id: order_id } } ]
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RenameConfig(#[schemars(with = "std::collections::BTreeMap<String, String>")] IndexMap<String, String>);

#[derive(Debug)]
pub(super) struct Rename(IndexMap<String, String>);

impl RenameConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Rename> {
        let mut sound = true;
        for (index, (old, new)) in self.0.iter().enumerate() {
            if let Some((earlier, _)) = self.0.iter().take(index).find(|(_, other)| *other == new) {
                sound = false;
                let message = format_args!("`{earlier}` and `{old}` cannot both be named `{new}`");
                diagnostics.error(&path.key(old.clone()), message);
            }
        }
        sound.then(|| Rename(self.0.clone()))
    }
}

impl Rename {
    pub(super) fn apply<'a>(&self, mut record: Value<'a>) -> Value<'a> {
        if let Value::Object(members) = &mut record {
            let taken: Vec<&String> = self
                .0
                .iter()
                .filter_map(|(old, new)| members.get(old).map(|_| new))
                .collect();
            members
                .0
                .retain(|(name, _)| self.0.contains_key(name.as_ref()) || !taken.iter().any(|new| *new == name));
            for (name, _) in &mut members.0 {
                if let Some(new) = self.0.get(name.as_ref()) {
                    *name = Cow::Owned(new.clone());
                }
            }
        }
        record
    }
}
