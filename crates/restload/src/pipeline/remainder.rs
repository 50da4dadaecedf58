//! What is left of a document when what its mistakes of shape are about is taken out of it, so that the rest can be
//! read, planned, and looked at for mistakes of meaning in the same go.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use restload_model::diagnostics::{Anchor, Diagnostic, Diagnostics, KeyPath, Segment};
use restload_source::plan::NO_ADDRESS;
use serde_json::{Value, json};

use crate::load::document::value_at_mut;
use crate::load::validate::validate;

/// What is taken out can leave a key missing, which then takes out what needs it: so often at most.
const MOST_ROUNDS: usize = 16;

/// The part of a document that fits its schema: all of it, where it has no mistakes.
pub(super) struct Remainder<'d> {
    pub(super) value: Cow<'d, Value>,
    pub(super) places: Places,
}

/// What is where in the document that it is in its remainder.
#[derive(Default)]
pub(super) struct Places {
    /// The places of elements that were taken out of lists, as they were, by the list.
    gaps: BTreeMap<KeyPath, Vec<usize>>,
    /// What stands in the place of keys that the document cannot do without.
    stand_ins: Vec<KeyPath>,
}

impl<'d> Remainder<'d> {
    /// Takes out of a document what mistakes of shape are about: the smallest thing that can be done without. The
    /// mistakes are among the diagnostics, which keep what has been left out.
    pub(super) fn of(document: &'d Value, schema: &Value, diagnostics: &mut Diagnostics) -> (Self, Vec<Diagnostic>) {
        let told = diagnostics.take();
        let mut rest = Self {
            value: Cow::Borrowed(document),
            places: Places::default(),
        };
        let mut mistakes = told.clone();
        for _ in 0..MOST_ROUNDS {
            if mistakes.is_empty() {
                break;
            }
            let places: BTreeSet<KeyPath> = mistakes.iter().map(|mistake| rest.place_of(mistake)).collect();
            // From the end, so that the elements before one that is taken out keep their places.
            for place in places.iter().rev() {
                rest.take_out(place, diagnostics);
            }
            let mut found = Diagnostics::default();
            validate(&rest.value, schema, &mut found);
            mistakes = found.into_vec();
        }
        rest.leave_out_defaults(diagnostics);
        (rest, told)
    }

    /// What has to go for a mistake to be gone: the value that it is about, or what the missing key is missing in.
    fn place_of(&self, mistake: &Diagnostic) -> KeyPath {
        let path = &mistake.path;
        let is_type = matches!(path.segments().last(), Some(Segment::Key(key)) if key == "type");
        let is_missing = mistake.anchor == Anchor::Key && self.get(path).is_none();
        // Without its type a choice is nothing.
        let is_of_map = (is_type && mistake.anchor == Anchor::Value) || (is_missing && stand_in(path).is_none());
        path.parent().filter(|_| is_of_map).unwrap_or_else(|| path.clone())
    }

    fn get(&self, path: &KeyPath) -> Option<&Value> {
        path.segments()
            .iter()
            .try_fold(&*self.value, |value, segment| match segment {
                Segment::Key(key) => value.get(key),
                Segment::Index(index) => value.get(index),
            })
    }

    fn take_out(&mut self, place: &KeyPath, diagnostics: &mut Diagnostics) {
        let original = self.places.original(place);
        diagnostics.leave_out(&original);
        let stand_in = stand_in(place);
        if stand_in.is_some() {
            self.places.stand_ins.push(place.clone());
        }
        let Some((last, above)) = place.segments().split_last() else {
            self.value = Cow::Owned(stand_in.unwrap_or_default());
            return;
        };
        let around = value_at_mut(self.value.to_mut(), above);
        match (around, last, stand_in) {
            (Some(Value::Object(members)), Segment::Key(key), Some(stand_in)) => {
                members.insert(key.clone(), stand_in);
            }
            (Some(Value::Object(members)), Segment::Key(key), None) => {
                members.remove(key);
            }
            (Some(Value::Array(elements)), Segment::Index(index), Some(stand_in)) if *index < elements.len() => {
                elements[*index] = stand_in;
            }
            (Some(Value::Array(elements)), Segment::Index(index), None) if *index < elements.len() => {
                elements.remove(*index);
                if let (Some(list), Some(Segment::Index(index))) = (original.parent(), original.segments().last()) {
                    let gaps = self.places.gaps.entry(list).or_default();
                    gaps.push(*index);
                    gaps.sort_unstable();
                }
            }
            _ => {}
        }
    }

    /// What is left out of the defaults is missing in every resource.
    fn leave_out_defaults(&self, diagnostics: &mut Diagnostics) {
        let resources = self
            .value
            .get("resources")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        let defaults: Vec<Vec<Segment>> = diagnostics
            .left_out()
            .filter_map(|path| match path.segments().split_first() {
                Some((Segment::Key(first), rest)) if first == "resource_defaults" => Some(rest.to_vec()),
                _ => None,
            })
            .collect();
        for rest in defaults {
            for index in 0..resources {
                let mut path = KeyPath::root().key("resources").index(index).segments().to_vec();
                path.extend_from_slice(&rest);
                // Their defaults alone do not make it doubtful what the resources themselves say.
                if !rest.is_empty() {
                    diagnostics.leave_out(&path.into());
                }
            }
        }
    }
}

impl Places {
    /// What a mistake of meaning in the remainder is in the document; none for one that is about a stand-in.
    pub(super) fn in_document(&self, mistake: Diagnostic) -> Option<Diagnostic> {
        let segments = mistake.path.segments();
        let mut stand_ins = self.stand_ins.iter();
        if stand_ins.any(|stand_in| segments.starts_with(stand_in.segments())) {
            return None;
        }
        let path = self.original(&mistake.path);
        Some(Diagnostic { path, ..mistake })
    }

    /// The path in the document of what has a path in the remainder.
    fn original(&self, path: &KeyPath) -> KeyPath {
        let mut original = KeyPath::root();
        for segment in path.segments() {
            original = match segment {
                Segment::Key(key) => original.key(key.clone()),
                Segment::Index(index) => {
                    let gaps = self.gaps.get(&original).into_iter().flatten();
                    let index = gaps.fold(*index, |index, gap| if *gap <= index { index + 1 } else { index });
                    original.index(index)
                }
            };
        }
        original
    }
}

/// What takes the place of a value that the document cannot do without.
fn stand_in(path: &KeyPath) -> Option<Value> {
    let client = json!({ "base_url": NO_ADDRESS });
    // Messages may name a resource by it.
    let name = |index: &usize| Value::from(format!("resources[{index}]"));
    match path.segments() {
        [] => Some(json!({ "client": client, "resources": [] })),
        [Segment::Key(key)] if key == "client" => Some(client),
        [Segment::Key(key)] if key == "resources" => Some(json!([])),
        [Segment::Key(first), Segment::Key(key)] if first == "client" && key == "base_url" => Some(NO_ADDRESS.into()),
        [Segment::Key(first), Segment::Index(index)] if first == "resources" => Some(json!({ "name": name(index) })),
        [Segment::Key(first), Segment::Index(index), Segment::Key(key)] if first == "resources" && key == "name" => {
            Some(name(index))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema;

    /// What is left of a document, and the places where something was left out.
    #[test]
    fn the_smallest_thing_that_can_be_done_without_is_taken_out() {
        let schema = schema();
        let client = || json!({ "base_url": "https://a.test" });
        for (document, rest, left_out) in [
            (
                json!({ "client": { "base_url": 5, "timeout_secs": "x" }, "resources": ["a"] }),
                json!({ "client": { "base_url": NO_ADDRESS }, "resources": ["a"] }),
                vec!["client.base_url", "client.timeout_secs"],
            ),
            // What a paginator cannot do without takes it along.
            (
                json!({ "client": client(), "resources": [{ "name": "a", "endpoint": {
                    "paginator": { "type": "offset", "limit": "x" }, "max_pages": 0, "path": "p" } }] }),
                json!({ "client": client(), "resources": [{ "name": "a", "endpoint": { "path": "p" } }] }),
                vec![
                    "resources[0].endpoint.max_pages",
                    "resources[0].endpoint.paginator",
                    "resources[0].endpoint.paginator.limit",
                ],
            ),
            (
                json!({ "client": client(), "resources": [{ "name": "a", "endpoint": { "auth": { "type": "x", "y": 1 } } }] }),
                json!({ "client": client(), "resources": [{ "name": "a", "endpoint": {} }] }),
                vec!["resources[0].endpoint.auth"],
            ),
            // The steps that are left keep their places in messages.
            (
                json!({ "client": client(), "resources": [
                    { "name": "a", "processing_steps": [5, { "drop": ["x"] }, 6, { "drop": ["y"] }] }, 7, { "name": 8 }] }),
                json!({ "client": client(), "resources": [
                    { "name": "a", "processing_steps": [{ "drop": ["x"] }, { "drop": ["y"] }] },
                    { "name": "resources[1]" }, { "name": "resources[2]" }] }),
                vec![
                    "resources[0].processing_steps[0]",
                    "resources[0].processing_steps[2]",
                    "resources[1]",
                    "resources[2].name",
                ],
            ),
        ] {
            let mut diagnostics = Diagnostics::default();
            validate(&document, &schema, &mut diagnostics);
            let (remainder, _) = Remainder::of(&document, &schema, &mut diagnostics);
            assert_eq!(*remainder.value, rest);
            let found: Vec<String> = diagnostics.left_out().map(ToString::to_string).collect();
            assert_eq!(found, left_out, "{document}");
        }
        let document = json!({ "client": client(), "resources": [
            { "name": "a", "processing_steps": [5, { "drop": ["x"] }, 6, { "drop": ["y"] }] }] });
        let mut diagnostics = Diagnostics::default();
        validate(&document, &schema, &mut diagnostics);
        let (remainder, _) = Remainder::of(&document, &schema, &mut diagnostics);
        let steps = KeyPath::root().key("resources").index(0).key("processing_steps");
        assert_eq!(remainder.places.original(&steps.index(0)), steps.index(1));
        assert_eq!(remainder.places.original(&steps.index(1)), steps.index(3));
    }
}
