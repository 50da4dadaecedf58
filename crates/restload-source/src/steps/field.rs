//! Fields by their names, or by paths into objects and lists.

use restload_model::Value;
use restload_model::value::Object;

use super::{Misfit, shown};

/// A field that a config names: `email`, or `user.email` for one within an object, or within every object of a list.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// The steps of a name with dots; empty for any other.
    parts: Vec<String>,
}

impl Field {
    pub(super) fn new(name: &str) -> Self {
        let parts = if name.contains('.') {
            name.split('.').map(str::to_owned).collect()
        } else {
            Vec::new()
        };
        Self {
            name: name.to_owned(),
            parts,
        }
    }

    /// The names that lead to the field; none where the record has one of that very name, or it has no dots.
    pub(super) fn path_in(&self, record: &Object<'_>) -> Option<&[String]> {
        (!self.parts.is_empty() && record.get(&self.name).is_none()).then_some(&*self.parts)
    }

    /// Calls `change` with every value of the field. A record's own field of that very name comes before the path.
    pub(super) fn change<'a, E>(
        &self,
        record: &mut Value<'a>,
        change: &mut impl FnMut(&mut Value<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Value::Object(members) = record else {
            return Ok(());
        };
        if let Some(value) = members.get_mut(&self.name) {
            return change(value);
        }
        match self.parts.split_first() {
            Some((first, rest)) => match members.get_mut(first) {
                Some(value) => change_within(rest, value, change),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Gives the field a value. Objects on the way to it that are missing are made; within a list every object gets it. A
    /// record's own field of that very name comes before the path.
    pub(super) fn set<'a>(&self, record: &mut Object<'a>, value: Value<'a>) -> Result<(), Misfit> {
        if self.parts.is_empty() || record.get(&self.name).is_some() {
            record.set(self.name.clone(), value);
            return Ok(());
        }
        self.set_within(&self.parts, record, value)
    }

    fn set_within<'a>(&self, parts: &[String], members: &mut Object<'a>, value: Value<'a>) -> Result<(), Misfit> {
        let Some((first, rest)) = parts.split_first() else {
            return Ok(());
        };
        match members.get_mut(first) {
            Some(inner) if !rest.is_empty() => self.set_in(rest, inner, value),
            _ => {
                members.set(first.clone(), nested(rest, value));
                Ok(())
            }
        }
    }

    fn set_in<'a>(&self, parts: &[String], place: &mut Value<'a>, value: Value<'a>) -> Result<(), Misfit> {
        match place {
            Value::Object(members) => self.set_within(parts, members, value),
            Value::List(elements) => elements
                .iter_mut()
                .try_for_each(|element| self.set_in(parts, element, value.clone())),
            Value::Null => {
                *place = nested(parts, value);
                Ok(())
            }
            other => Err(Misfit::new(
                format!(
                    "`{}` lies in {}, not an object: {}",
                    self.name,
                    other.kind(),
                    shown(other)
                ),
                "name a field of the record itself, or one within an object",
            )),
        }
    }

    /// Takes the one value of the field away. What is in the way to it may be a list, of whose elements each has a value,
    /// or no object at all.
    pub(super) fn take<'a>(&self, record: &mut Object<'a>) -> Result<Option<Value<'a>>, Blocked> {
        if let Some(value) = record.remove(&self.name) {
            return Ok(Some(value));
        }
        let Some((last, way)) = self.parts.split_last() else {
            return Ok(None);
        };
        let mut members = record;
        for (depth, name) in way.iter().enumerate() {
            members = match members.get_mut(name) {
                None | Some(Value::Null) => return Ok(None),
                Some(Value::Object(inner)) => inner,
                Some(other) => {
                    return Err(Blocked {
                        at: way[..=depth].join("."),
                        kind: other.kind(),
                        is_list: matches!(other, Value::List(_)),
                    });
                }
            };
        }
        Ok(members.remove(last))
    }

    /// Takes every value of the field away.
    pub(super) fn remove(&self, record: &mut Value<'_>) {
        let Value::Object(members) = record else { return };
        if members.remove(&self.name).is_some() {
            return;
        }
        if let Some((first, rest)) = self.parts.split_first()
            && let Some(value) = members.get_mut(first)
        {
            remove_within(rest, value);
        }
    }
}

/// What is in the way to a field.
#[derive(Debug)]
pub(super) struct Blocked {
    pub(super) at: String,
    pub(super) kind: &'static str,
    pub(super) is_list: bool,
}

/// Objects within each other, with a value in the innermost.
fn nested<'a>(parts: &[String], value: Value<'a>) -> Value<'a> {
    parts.iter().rev().fold(value, |value, name| {
        Value::Object(Object(vec![(name.clone().into(), value)]))
    })
}

fn change_within<'a, E>(
    parts: &[String],
    value: &mut Value<'a>,
    change: &mut impl FnMut(&mut Value<'a>) -> Result<(), E>,
) -> Result<(), E> {
    match (parts.split_first(), value) {
        (None, value) => change(value),
        (_, Value::List(elements)) => elements
            .iter_mut()
            .try_for_each(|element| change_within(parts, element, change)),
        (Some((first, rest)), Value::Object(members)) => match members.get_mut(first) {
            Some(value) => change_within(rest, value, change),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn remove_within(parts: &[String], value: &mut Value<'_>) {
    match (parts, value) {
        (_, Value::List(elements)) => elements.iter_mut().for_each(|element| remove_within(parts, element)),
        ([last], Value::Object(members)) => {
            members.remove(last);
        }
        ([first, rest @ ..], Value::Object(members)) => {
            if let Some(value) = members.get_mut(first) {
                remove_within(rest, value);
            }
        }
        _ => {}
    }
}
