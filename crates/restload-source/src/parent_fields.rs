//! The fields of a parent's record that a child is requested with.

use std::collections::BTreeMap;

use restload_model::Value;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::template::FieldStep;

/// The fields that a partition has of its parents' records, by resource.
pub type Parents = BTreeMap<String, Json>;

/// Which fields of a record are wanted, as a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// Everything from here on.
    is_whole: bool,
    /// Whether the child cannot do without it.
    is_required: bool,
    /// Whether the child cannot do with null: it stands in a path.
    is_filled: bool,
    /// Members of an object.
    members: BTreeMap<String, Fields>,
    /// Each element of the lists in members of an object.
    elements: BTreeMap<String, Fields>,
}

/// A field that a parent's record does not have, or has no value in where one is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingField {
    /// The parent.
    pub resource: String,
    /// The way to the field.
    pub field: Vec<String>,
    /// Whether it is there, and null.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_null: bool,
    /// The fields that are there in its place, as many as fit a message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub there: Vec<String>,
}

/// One way to fill the wanted fields from a record: several where a list is fanned out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filled {
    /// The fields; none where there is nothing.
    pub fields: Option<Json>,
    /// What is not there.
    pub missing: Vec<MissingField>,
}

impl Fields {
    /// Wants a field.
    pub fn add(&mut self, steps: &[FieldStep], is_required: bool, is_filled: bool) {
        let mut node = self;
        for step in steps {
            node = match step {
                FieldStep::Name(name) => node.members.entry(name.clone()).or_default(),
                FieldStep::Each(name) => node.elements.entry(name.clone()).or_default(),
            };
            node.is_required |= is_required;
        }
        node.is_whole = true;
        node.is_filled |= is_filled;
    }

    /// Wants what a descendant wants of the same record. What it fans out is carried as the list it is, unless the
    /// same list is fanned out here: then the descendant's element is this one.
    pub fn carry(&mut self, wanted: &Self) {
        self.is_whole |= wanted.is_whole;
        for (name, fields) in &wanted.members {
            self.members.entry(name.clone()).or_default().carry(fields);
        }
        for (name, fields) in &wanted.elements {
            match self.elements.get_mut(name) {
                Some(own) => own.carry(fields),
                None => self.members.entry(name.clone()).or_default().is_whole = true,
            }
        }
    }

    /// The wanted part of fields that were taken already.
    pub fn pick(&self, fields: &Json) -> Json {
        if self.is_whole {
            return fields.clone();
        }
        let picked = self
            .names()
            .filter_map(|(name, wanted)| Some((name.clone(), wanted.pick(fields.get(&name)?))));
        Json::Object(picked.collect())
    }

    /// Whether a field, or what is below it, is wanted.
    pub fn wants(&self, way: &[String]) -> bool {
        match way.split_first() {
            Some((first, rest)) if !self.is_whole => {
                self.names().any(|(name, fields)| name == *first && fields.wants(rest))
            }
            _ => true,
        }
    }

    /// The ways to the single fields that are wanted.
    pub fn ways(&self) -> Vec<Vec<String>> {
        if self.is_whole {
            return vec![Vec::new()];
        }
        let below = |(name, wanted): (String, &Self)| {
            let ways = wanted.ways().into_iter();
            ways.map(move |way| [vec![name.clone()], way].concat())
        };
        self.names().flat_map(below).collect()
    }

    /// The top-level names, for a plan that is only shown.
    pub fn names(&self) -> impl Iterator<Item = (String, &Self)> {
        let members = self.members.iter().map(|(name, fields)| (name.clone(), fields));
        members.chain(
            self.elements
                .iter()
                .map(|(name, fields)| (format!("{name}[*]"), fields)),
        )
    }

    /// What a plan that is only shown has in the place of a record: each field's own name.
    pub fn stand_in(&self, name: &str) -> Json {
        if self.is_whole || (self.members.is_empty() && self.elements.is_empty()) {
            return Json::String(format!("<{name}>"));
        }
        let inner = |(key, fields): (String, &Self)| {
            let full = if name.is_empty() {
                key.clone()
            } else {
                format!("{name}.{key}")
            };
            let value = fields.stand_in(&full);
            (key, value)
        };
        Json::Object(self.names().map(inner).collect())
    }

    /// Whether a list is fanned out, so that a record gives several partitions.
    pub fn fans_out(&self) -> bool {
        !self.elements.is_empty() || self.members.values().any(Self::fans_out)
    }

    /// Whether fields that were taken earlier are those that are wanted now.
    pub fn fit(&self, fields: &Json, missing: &[&MissingField]) -> bool {
        if self.is_whole {
            return true;
        }
        self.names().all(|(name, wanted)| match fields.get(&name) {
            Some(inner) => {
                let missing: Vec<MissingField> = missing.iter().filter_map(|missing| missing.below(&name)).collect();
                wanted.fit(inner, &missing.iter().collect::<Vec<_>>())
            }
            None => !wanted.is_required || missing.iter().any(|missing| missing.field.first() == Some(&name)),
        })
    }

    /// Takes the wanted fields out of a record, in every way that the lists in it allow.
    pub fn take(&self, resource: &str, record: &Value<'_>) -> Vec<Filled> {
        match record {
            Value::Object(_) => self.fill(resource, record, &mut Vec::new()),
            // A record that is not an object has its value in the field `value`, as its row does.
            scalar => {
                let object = restload_model::value::Object(vec![("value".into(), scalar.clone())]);
                self.fill(resource, &Value::Object(object), &mut Vec::new())
            }
        }
    }

    fn fill(&self, resource: &str, value: &Value<'_>, path: &mut Vec<String>) -> Vec<Filled> {
        if self.is_whole {
            let is_empty = self.is_filled && value.is_null();
            let missing = is_empty.then(|| MissingField {
                resource: resource.to_owned(),
                field: path.clone(),
                is_null: true,
                there: Vec::new(),
            });
            return vec![Filled {
                fields: Some(to_json(value)),
                missing: missing.into_iter().collect(),
            }];
        }
        let mut ways = vec![Filled {
            fields: Some(Json::Object(serde_json::Map::new())),
            missing: Vec::new(),
        }];
        // The fields of what is null are null.
        let nothing = value.is_null().then_some(&Value::Null);
        for (name, wanted) in &self.members {
            path.push(name.clone());
            let inner = match member(value, name).or(nothing) {
                Some(inner) => wanted.fill(resource, inner, path),
                None => vec![wanted.absent(resource, value, path)],
            };
            path.pop();
            ways = combine(&ways, name, &inner);
        }
        for (name, wanted) in &self.elements {
            let key = format!("{name}[*]");
            path.push(key.clone());
            // A field that was carried here may be one element already.
            let inner = match (member(value, &key), member(value, name).or(nothing)) {
                (Some(element), _) => wanted.fill(resource, element, path),
                (None, Some(Value::List(elements))) => {
                    let each = elements.iter().flat_map(|element| wanted.fill(resource, element, path));
                    each.collect()
                }
                // No list has no elements, as an empty one has none.
                (None, Some(Value::Null)) => Vec::new(),
                (None, _) => vec![wanted.absent(resource, value, path)],
            };
            path.pop();
            ways = combine(&ways, &key, &inner);
        }
        ways
    }

    fn absent(&self, resource: &str, value: &Value<'_>, path: &[String]) -> Filled {
        const MOST_SHOWN: usize = 20;
        let there = match value {
            Value::Object(members) => members
                .0
                .iter()
                .take(MOST_SHOWN)
                .map(|(key, _)| key.to_string())
                .collect(),
            _ => Vec::new(),
        };
        let mut paths = Vec::new();
        self.required_below(path, &mut paths);
        let missing = paths.into_iter().map(|field| MissingField {
            resource: resource.to_owned(),
            field,
            is_null: false,
            there: there.clone(),
        });
        Filled {
            fields: None,
            missing: missing.collect(),
        }
    }

    /// The ways to the required fields from here on.
    fn required_below(&self, path: &[String], out: &mut Vec<Vec<String>>) {
        if !self.is_required {
            return;
        }
        if self.is_whole || self.members.is_empty() {
            out.push(path.to_vec());
        }
        for (name, inner) in &self.members {
            inner.required_below(&[path, std::slice::from_ref(name)].concat(), out);
        }
    }
}

impl MissingField {
    /// The same, seen from a member on the way to it.
    fn below(&self, name: &str) -> Option<Self> {
        let (first, rest) = self.field.split_first()?;
        (first == name && !rest.is_empty()).then(|| Self {
            field: rest.to_vec(),
            ..self.clone()
        })
    }
}

impl std::fmt::Display for MissingField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (resource, field) = (&self.resource, self.field.join("."));
        if self.is_null {
            return write!(
                f,
                "`{field}` of a record of `{resource}` is null, and the path needs a value"
            );
        }
        if field.ends_with("[*]") {
            let name = field.trim_end_matches("[*]");
            return write!(f, "a record of `{resource}` has no list `{name}`{}", self.there());
        }
        write!(f, "a record of `{resource}` has no field `{field}`{}", self.there())
    }
}

impl MissingField {
    /// The name that is looked for in vain.
    pub fn name(&self) -> &str {
        self.field.last().map_or("", |name| name.trim_end_matches("[*]"))
    }

    /// Puts a value in the field's place.
    pub fn fill_in(&self, fields: &mut Json, value: &Json) {
        let mut place = fields;
        for name in &self.field {
            if !place.is_object() {
                *place = Json::Object(serde_json::Map::new());
            }
            let Json::Object(members) = place else { return };
            place = members.entry(name.clone()).or_insert(Json::Null);
        }
        *place = value.clone();
    }

    fn there(&self) -> String {
        if self.there.is_empty() {
            return String::new();
        }
        let names: Vec<String> = self.there.iter().map(|name| format!("`{name}`")).collect();
        format!("; it has {}", names.join(", "))
    }
}

fn member<'v, 'a>(value: &'v Value<'a>, name: &str) -> Option<&'v Value<'a>> {
    value.as_object()?.get(name)
}

/// Puts a member into every way to fill an object, in every way that the member can be filled.
fn combine(ways: &[Filled], name: &str, inner: &[Filled]) -> Vec<Filled> {
    let mut combined = Vec::with_capacity(ways.len() * inner.len());
    for way in ways {
        for member in inner {
            let mut way = way.clone();
            if let (Some(Json::Object(members)), Some(value)) = (&mut way.fields, &member.fields) {
                members.insert(name.to_owned(), value.clone());
            }
            way.missing.extend(member.missing.iter().cloned());
            combined.push(way);
        }
    }
    combined
}

/// A value as requests have it. A number that was read with every digit is a number there, too, unless that loses some.
fn to_json(value: &Value<'_>) -> Json {
    match value {
        Value::Number(text) => number(text).unwrap_or_else(|| Json::String(text.to_string())),
        Value::List(elements) => elements.iter().map(to_json).collect(),
        Value::Object(object) => {
            let members = object.0.iter();
            members
                .map(|(name, value)| (name.to_string(), to_json(value)))
                .collect()
        }
        scalar => serde_json::to_value(scalar).unwrap_or_default(),
    }
}

fn number(text: &str) -> Option<Json> {
    // A double holds so many digits, whatever they are.
    const DIGITS: usize = 15;
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_start_matches('0').trim_end_matches('0').len();
    let double = text.parse::<f64>().ok().filter(|_| significant <= DIGITS)?;
    serde_json::Number::from_f64(double).map(Json::Number)
}

#[cfg(test)]
mod tests {
    use restload_model::value::Object;

    use super::*;

    #[test]
    fn numbers_with_every_digit_are_numbers_unless_some_would_be_lost() {
        for (written, sent) in [
            ("9.99", "9.99"),
            ("1.50", "1.5"),
            ("-0.25e2", "-25.0"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "\"18446744073709551616\""),
            ("0.1234567890123456789", "\"0.1234567890123456789\""),
            ("1e999", "\"1e999\""),
        ] {
            let value = Value::Number(written.into());
            assert_eq!(to_json(&value).to_string(), sent, "{written}");
            let nested = Value::List(vec![Value::Object(Object(vec![("n".into(), value)]))]);
            assert_eq!(to_json(&nested).to_string(), format!("[{{\"n\":{sent}}}]"));
        }
    }
}
