//! The reference of a config's keys, read out of the JSON Schema of the config types.
//!
//! A [`Topic`] is what there is to say about one key path: what it is, what it takes, its default, its variants, the
//! keys below it. `restload explain` shows one on the terminal, [`markdown`] writes them all into `docs/reference.md`.

pub(crate) mod markdown;
mod prose;

use std::collections::BTreeSet;

use restload_model::diagnostics::did_you_mean;
use serde_json::Value;

use crate::load::schema::{Additional, Form, forms};

pub(crate) use prose::{Block, blocks, first_sentence, in_a_line};

/// Key paths are not looked for deeper than this: steps and conditions nest no further.
const DEEPEST_PATH: usize = 10;

/// Lists of lists are looked into this deep.
const DEEPEST_LIST: usize = 1;

/// What a key path names.
#[derive(Debug, Clone)]
enum Node<'s> {
    /// Whatever the schema of a key allows.
    Schema(&'s Value),
    /// One variant of a choice, by its `type`.
    Variant(Form<'s>),
}

/// Everything that is said about one key path.
#[derive(Debug)]
pub(crate) struct Topic<'s> {
    /// `client.auth.api_key`; empty for the whole config.
    pub(crate) path: String,
    /// What it is: the text of the key, then that of its type where that says more.
    pub(crate) descriptions: Vec<&'s str>,
    /// The words that it takes, with what each means.
    pub(crate) values: Vec<(&'s str, &'s str)>,
    /// What it takes, in words.
    pub(crate) kind: String,
    /// What it is when it is left out.
    pub(crate) default: Option<&'s Value>,
    /// Whether it must not be left out.
    pub(crate) is_required: bool,
    /// The variants of which only some have this key, for one that is named without its variant.
    pub(crate) only_in: Vec<&'s str>,
    /// The names that its `type` may have, with what each is.
    pub(crate) variants: Vec<(&'s str, &'s str)>,
    /// The keys below it.
    pub(crate) keys: Vec<Key<'s>>,
    /// The path whose keys it has, if they are described there.
    pub(crate) keys_of: Option<&'s str>,
}

/// A key of a topic.
#[derive(Debug)]
pub(crate) struct Key<'s> {
    pub(crate) name: &'s str,
    pub(crate) descriptions: Vec<&'s str>,
    pub(crate) values: Vec<(&'s str, &'s str)>,
    pub(crate) kind: String,
    pub(crate) default: Option<&'s Value>,
    pub(crate) is_required: bool,
}

/// A key path that the config does not have.
#[derive(Debug)]
pub(crate) struct UnknownPath {
    /// The path up to the key that is not known.
    pub(crate) within: String,
    pub(crate) name: String,
    /// What may have been meant, as whole paths.
    pub(crate) suggestions: Vec<String>,
}

/// The topic of a key path; indices of lists are passed over.
pub(crate) fn topic<'s>(schema: &'s Value, path: &str) -> Result<Topic<'s>, UnknownPath> {
    let mut place = Place::root(schema);
    for name in segments(path) {
        place = place.below(&name).ok_or_else(|| unknown(schema, path, &place, &name))?;
    }
    Ok(place.topic())
}

/// `resources[0].endpoint` as `resources`, `endpoint`.
fn segments(path: &str) -> Vec<String> {
    let mut segments = Vec::new();
    for part in path.split('.') {
        let name = part.split('[').next().unwrap_or_default().trim();
        if !name.is_empty() && !name.chars().all(|character| character.is_ascii_digit()) {
            segments.push(name.to_owned());
        }
    }
    segments
}

/// A key path and what it names.
#[derive(Debug, Clone)]
struct Place<'s> {
    schema: &'s Value,
    path: String,
    node: Node<'s>,
    is_required: bool,
    only_in: Vec<&'s str>,
}

impl<'s> Place<'s> {
    fn root(schema: &'s Value) -> Self {
        Self {
            schema,
            path: String::new(),
            node: Node::Schema(schema),
            is_required: true,
            only_in: Vec::new(),
        }
    }

    /// The forms that a value here may take, with those of a list's elements: `resources.endpoint` is the endpoint of
    /// each of them.
    fn forms(&self) -> Vec<Form<'s>> {
        let own = match &self.node {
            Node::Schema(schema) => forms(self.schema, schema),
            Node::Variant(form) => vec![form.clone()],
        };
        let mut all = Vec::new();
        self.with_elements(own, &mut all, 0);
        all
    }

    /// A list may hold lists of its own kind, as a list of statuses does; that adds nothing.
    fn with_elements(&self, forms_here: Vec<Form<'s>>, into: &mut Vec<Form<'s>>, depth: usize) {
        for form in forms_here {
            match form.element(0) {
                Some(element) if depth < DEEPEST_LIST => {
                    self.with_elements(forms(self.schema, element), into, depth + 1);
                }
                Some(_) => {}
                None => into.push(form),
            }
        }
    }

    fn child(&self, name: &str, node: Node<'s>) -> Self {
        let path = match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        Self {
            schema: self.schema,
            path,
            node,
            is_required: false,
            only_in: Vec::new(),
        }
    }

    fn below(&self, name: &str) -> Option<Self> {
        let forms = self.forms();
        let is_variant = matches!(self.node, Node::Variant(_));
        // A variant is meant before a key of a variant: `api_key` is the name of both.
        let is_key_here = |form: &Form<'_>| (is_variant || form.tag().is_none()) && form.property(name).is_some();
        if !is_variant
            && !forms.iter().any(is_key_here)
            && let Some(variant) = forms.iter().find(|form| form.tag() == Some(name))
        {
            return Some(self.child(name, Node::Variant(variant.clone())));
        }
        let with_key: Vec<&Form<'_>> = forms.iter().filter(|form| form.property(name).is_some()).collect();
        if let Some(form) = with_key.first() {
            let mut child = self.child(name, Node::Schema(form.property(name)?));
            child.is_required = with_key.iter().all(|form| form.required().contains(&name));
            if !is_variant && name != "type" {
                child.only_in = with_key.iter().filter_map(|form| form.tag()).collect();
            }
            return Some(child);
        }
        forms.iter().find_map(|form| match form.additional() {
            Additional::Schema(schema) => Some(self.child(name, Node::Schema(schema))),
            _ => None,
        })
    }

    /// The names that may follow here.
    fn names(&self) -> Vec<&'s str> {
        let mut names = Vec::new();
        let is_variant = matches!(self.node, Node::Variant(_));
        for form in self.forms() {
            let tag = form.tag().filter(|_| !is_variant);
            names.extend(tag);
            // A variant's keys are told where the variant is.
            if tag.is_none() {
                names.extend(form.keys());
            }
        }
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(*name));
        names
    }

    fn topic(&self) -> Topic<'s> {
        let forms = self.forms();
        let is_variant = matches!(self.node, Node::Variant(_));
        let mut variants = Vec::new();
        let mut keys: Vec<Key<'s>> = Vec::new();
        let mut keys_of = None;
        for form in &forms {
            if let Some(tag) = form.tag().filter(|_| !is_variant) {
                variants.push((tag, form.description().unwrap_or_default()));
                continue;
            }
            keys_of = keys_of.or_else(|| form.text("x-keys-of"));
            for name in form.keys() {
                let Some(schema) = form.property(name) else { continue };
                if keys.iter().any(|key| key.name == name) || (is_variant && name == "type") {
                    continue;
                }
                keys.push(Key {
                    name,
                    descriptions: self.descriptions(schema),
                    values: self.values(schema),
                    kind: kind(self.schema, schema),
                    default: schema.get("default").filter(|value| !value.is_null()),
                    is_required: form.required().contains(&name),
                });
            }
        }
        let (descriptions, values, kind, default) = match &self.node {
            Node::Schema(schema) => (
                self.descriptions(schema),
                self.values(schema),
                kind(self.schema, schema),
                schema.get("default").filter(|value| !value.is_null()),
            ),
            Node::Variant(form) => (
                form.description().into_iter().collect(),
                Vec::new(),
                format!("map with `type: {}`", form.tag().unwrap_or_default()),
                None,
            ),
        };
        Topic {
            path: self.path.clone(),
            descriptions,
            values,
            kind,
            default,
            is_required: self.is_required && !self.path.is_empty(),
            only_in: self.only_in.clone(),
            variants,
            keys,
            keys_of,
        }
    }

    /// What a schema says of itself, and then what its types say.
    fn descriptions(&self, schema: &'s Value) -> Vec<&'s str> {
        let mut descriptions = Vec::new();
        self.describe(schema, &mut descriptions, 0);
        descriptions
    }

    /// The words that a schema names, or that of a list's elements, where it says what they mean.
    fn values(&self, schema: &'s Value) -> Vec<(&'s str, &'s str)> {
        let mut all = Vec::new();
        self.with_elements(forms(self.schema, schema), &mut all, 0);
        let described = all.iter().filter_map(|form| match form.constants().as_slice() {
            [value] => value.as_str().zip(form.description()),
            _ => None,
        });
        described.collect()
    }

    fn describe(&self, schema: &'s Value, into: &mut Vec<&'s str>, depth: usize) {
        if let Some(text) = schema.get("description").and_then(Value::as_str)
            && !into.contains(&text)
        {
            into.push(text);
        }
        if depth == DEEPEST_PATH {
            return;
        }
        if let Some(target) = target(self.schema, schema) {
            self.describe(target, into, depth + 1);
        }
        if let Some(element) = schema.get("items") {
            self.describe(element, into, depth + 1);
        }
        for list in ["allOf", "anyOf"] {
            for alternative in schema.get(list).and_then(Value::as_array).into_iter().flatten() {
                if alternative.get("$ref").is_some() {
                    self.describe(alternative, into, depth + 1);
                }
            }
        }
    }
}

/// What a `$ref` refers to.
fn target<'s>(root: &'s Value, schema: &Value) -> Option<&'s Value> {
    root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
}

/// What a schema takes, in words.
fn kind(root: &Value, schema: &Value) -> String {
    kind_within(root, schema, 0)
}

fn kind_within(root: &Value, schema: &Value, depth: usize) -> String {
    let mut words: Vec<String> = Vec::new();
    for form in forms(root, schema) {
        let word = kind_of_form(root, &form, depth);
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    match words.as_slice() {
        [] if forms(root, schema).iter().any(|form| form.types() == ["null"]) => "null".to_owned(),
        [] => "any value".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn kind_of_form(root: &Value, form: &Form<'_>, depth: usize) -> String {
    if form.tag().is_some() {
        return "map with a `type`".to_owned();
    }
    let constants = form.constants();
    if !constants.is_empty() {
        let named: Vec<String> = constants.iter().map(|value| format!("`{}`", as_text(value))).collect();
        return named.join(", ");
    }
    let mut words = Vec::new();
    for name in form.types() {
        words.push(match name {
            "string" => "text".to_owned(),
            "integer" | "number" => {
                let range = match (form.number("minimum"), form.number("maximum")) {
                    (Some(least), Some(most)) => format!(" from {least} to {most}"),
                    (Some(least), None) if least > 0.0 => format!(", at least {least}"),
                    _ => String::new(),
                };
                format!("{name}{range}")
            }
            "boolean" => "`true`, `false`".to_owned(),
            "array" => match form.element(0) {
                Some(element) if depth < DEEPEST_LIST => {
                    format!("list of {}", plural(&kind_within(root, element, depth + 1)))
                }
                _ => "list".to_owned(),
            },
            "object" => match form.additional() {
                Additional::Schema(schema) if form.keys().is_empty() => {
                    format!("map of {}", plural(&kind_within(root, schema, depth + 1)))
                }
                _ => "map".to_owned(),
            },
            // Leaving a key out is the same.
            _ => continue,
        });
    }
    words.join(" or ")
}

fn plural(kind: &str) -> String {
    match kind {
        "text" => "texts".to_owned(),
        "map" => "maps".to_owned(),
        "integer" => "integers".to_owned(),
        "any value" => "any values".to_owned(),
        other => format!("({other})"),
    }
}

/// A value as a person writes it.
pub(crate) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What may have been meant by a path that there is not.
fn unknown(schema: &Value, path: &str, place: &Place<'_>, name: &str) -> UnknownPath {
    let within = place.path.clone();
    let mut suggestions = Vec::new();
    if let Some(near) = did_you_mean(name, place.names()) {
        suggestions.push(place.child(near, place.node.clone()).path);
    }
    if suggestions.is_empty() {
        let all = paths(schema);
        let wanted = segments(path).join(".");
        let last = wanted.rsplit('.').next().unwrap_or_default();
        let ends_so = |end: &str| -> Vec<String> {
            let end = format!(".{end}");
            all.iter().filter(|path| path.ends_with(&end)).cloned().collect()
        };
        suggestions = ends_so(&wanted);
        if suggestions.is_empty() {
            suggestions = ends_so(last);
        }
        if suggestions.is_empty() {
            let names = all.iter().filter_map(|path| path.rsplit('.').next());
            suggestions = did_you_mean(last, names).map(ends_so).unwrap_or_default();
        }
        suggestions.truncate(6);
    }
    UnknownPath {
        within,
        name: name.to_owned(),
        suggestions,
    }
}

/// Every key path, each type at the first place where it is met.
fn paths(schema: &Value) -> Vec<String> {
    walk(schema).into_iter().map(|place| place.path).collect()
}

/// Every place, parents before what is below them. What a type holds is visited where it is met first, but the place
/// that refers to it again is there too.
fn walk(schema: &Value) -> Vec<Place<'_>> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    visit(&Place::root(schema), &mut known, &mut found);
    found
}

fn visit<'s>(place: &Place<'s>, known: &mut BTreeSet<*const Value>, found: &mut Vec<Place<'s>>) {
    found.push(place.clone());
    let is_described_elsewhere = place.forms().iter().any(|form| form.text("x-keys-of").is_some());
    if place.path.matches('.').count() == DEEPEST_PATH || is_described_elsewhere {
        return;
    }
    if let Node::Schema(schema) = place.node {
        for target in types_of(place.schema, schema) {
            if !known.insert(std::ptr::from_ref(target)) {
                return;
            }
        }
    }
    for name in place.names() {
        if name == "type" {
            continue;
        }
        if let Some(child) = place.below(name) {
            visit(&child, known, found);
        }
    }
    // The values of a map under names of the user's own.
    for form in place.forms() {
        if let Additional::Schema(schema) = form.additional()
            && form.keys().is_empty()
            && !types_of(place.schema, schema).is_empty()
        {
            visit(&place.child("NAME", Node::Schema(schema)), known, found);
        }
    }
}

/// The named types with keys or variants that a schema refers to.
fn types_of<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
    let mut types = Vec::new();
    collect_types(root, schema, &mut types, 0);
    types
}

fn collect_types<'s>(root: &'s Value, schema: &'s Value, into: &mut Vec<&'s Value>, depth: usize) {
    // A type that may hold itself, as a list of statuses does, has nothing new further down.
    if depth == DEEPEST_PATH {
        return;
    }
    if let Some(target) = target(root, schema) {
        if target.get("properties").is_some() || target.get("oneOf").is_some() {
            if !into.iter().any(|known| std::ptr::eq(*known, target)) {
                into.push(target);
            }
        } else {
            collect_types(root, target, into, depth + 1);
        }
    }
    for list in ["allOf", "anyOf", "oneOf"] {
        for alternative in schema.get(list).and_then(Value::as_array).into_iter().flatten() {
            collect_types(root, alternative, into, depth + 1);
        }
    }
    if let Some(items) = schema.get("items") {
        collect_types(root, items, into, depth + 1);
    }
}

#[cfg(test)]
mod tests;
