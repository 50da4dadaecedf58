//! `rename`: gives fields other names.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::convert::Infallible;

use indexmap::IndexMap;
use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use restload_model::value::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Misfit;
use super::field::Field;

/// Give fields other names, all at once: `old: new`. Another field that has the new name gives way. `user.email` is a
/// field within an object, or within every object of a list; `user.email: user.mail` leaves it there, and `user.email:
/// email` takes it out of the object.
///
/// ```yaml
/// processing_steps: [ { rename: { id: order_id, user.email: user.mail } } ]
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RenameConfig(#[schemars(with = "std::collections::BTreeMap<String, String>")] IndexMap<String, String>);

#[derive(Debug)]
pub(super) struct Rename {
    /// The record's own fields, also where their names have dots.
    own: IndexMap<String, String>,
    /// Those that stay in an object. The innermost come first, as paths are of the old names.
    within: Vec<Within>,
    /// Those that go into another one, or out of one.
    moves: Vec<(Field, Field)>,
}

#[derive(Debug)]
struct Within {
    object: Field,
    names: IndexMap<String, String>,
}

impl RenameConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Rename> {
        let mut sound = true;
        let mut own = IndexMap::new();
        let mut within: IndexMap<&str, IndexMap<String, String>> = IndexMap::new();
        let mut moves = Vec::new();
        for (index, (old, new)) in self.0.iter().enumerate() {
            if let Some((earlier, _)) = self.0.iter().take(index).find(|(_, other)| *other == new) {
                sound = false;
                let message = format_args!("`{earlier}` and `{old}` cannot both be named `{new}`");
                diagnostics.error(&path.key(old.clone()), message);
            }
            let (object, last) = split(old);
            let (new_object, new_last) = split(new);
            if object != new_object {
                moves.push((Field::new(old), Field::new(new)));
            } else if let Some(object) = object {
                let names = within.entry(object).or_default();
                names.insert(last.to_owned(), new_last.to_owned());
            }
            if object == new_object || new_object.is_none() {
                own.insert(old.clone(), new.clone());
            }
        }
        let within = within.into_iter().map(|(object, names)| Within {
            object: Field::new(object),
            names,
        });
        let mut within: Vec<Within> = within.collect();
        within.sort_by_key(|within| Reverse(within.object.name.matches('.').count()));
        sound.then(|| Rename { own, within, moves })
    }
}

impl Rename {
    pub(super) fn apply<'a>(&self, mut record: Value<'a>) -> Result<Value<'a>, Misfit> {
        let mut moved = Vec::new();
        for (old, new) in &self.moves {
            let Value::Object(members) = &mut record else { break };
            if self.own.contains_key(&old.name) && members.get(&old.name).is_some() {
                continue;
            }
            match old.take(members) {
                Ok(value) => moved.extend(value.map(|value| (new, value))),
                Err(blocked) if blocked.is_list => {
                    return Err(Misfit::new(
                        format!("`{}` lies in each element of a list, `{}`", old.name, blocked.at),
                        "leave it within the list, or explode that first",
                    ));
                }
                // A record without an object there lacks the field.
                Err(_) => {}
            }
        }
        for Within { object, names } in &self.within {
            let changed: Result<(), Infallible> = object.change(&mut record, &mut |value| {
                rename_within(value, names);
                Ok(())
            });
            let Ok(()) = changed;
        }
        if let Value::Object(members) = &mut record {
            rename(members, &self.own);
            for (field, value) in moved {
                field.set(members, value)?;
            }
        }
        Ok(record)
    }
}

/// The path of the object that a field lies in, and its name there.
fn split(name: &str) -> (Option<&str>, &str) {
    match name.rsplit_once('.') {
        Some((object, name)) => (Some(object), name),
        None => (None, name),
    }
}

fn rename_within(value: &mut Value<'_>, names: &IndexMap<String, String>) {
    match value {
        Value::Object(members) => rename(members, names),
        Value::List(elements) => elements.iter_mut().for_each(|element| rename_within(element, names)),
        _ => {}
    }
}

fn rename(members: &mut Object<'_>, names: &IndexMap<String, String>) {
    let taken: Vec<&String> = names
        .iter()
        .filter_map(|(old, new)| members.get(old).map(|_| new))
        .collect();
    members
        .0
        .retain(|(name, _)| names.contains_key(name.as_ref()) || !taken.iter().any(|new| *new == name));
    for (name, _) in &mut members.0 {
        if let Some(new) = names.get(name.as_ref()) {
            *name = Cow::Owned(new.clone());
        }
    }
}
