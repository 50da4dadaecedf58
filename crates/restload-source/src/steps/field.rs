//! Fields by their names, or by paths into objects and lists.

use restload_model::Value;

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
