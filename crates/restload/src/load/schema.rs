//! A JSON Schema read as the forms that a value may take.
//!
//! schemars writes choices as `oneOf` and `anyOf`, optional values as `anyOf` with null, and puts `$ref` where a type
//! is used. [`forms`] resolves all that into a flat list, so that the checks see plain forms only: an object with its
//! keys, a list with its elements, a scalar with its range.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Map, Value};

/// References and choices nested deeper than this lead in a circle.
const DEEPEST_NESTING: usize = 32;

/// One form of a value: the keywords of every schema object that it has to satisfy together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form<'s> {
    parts: Vec<&'s Map<String, Value>>,
}

/// The forms of a document's schemas, each found out once: the elements of a list have the same.
pub(crate) struct Forms<'s> {
    root: &'s Value,
    known: RefCell<HashMap<*const Value, Rc<[Form<'s>]>>>,
}

impl<'s> Forms<'s> {
    /// Of the schemas below a root, to which they refer.
    pub(crate) fn of(root: &'s Value) -> Self {
        Self {
            root,
            known: RefCell::default(),
        }
    }

    /// The forms that a schema allows.
    pub(crate) fn get(&self, schema: &'s Value) -> Rc<[Form<'s>]> {
        let mut known = self.known.borrow_mut();
        let found = known.entry(schema).or_insert_with(|| forms(self.root, schema).into());
        Rc::clone(found)
    }
}

/// The forms that a schema allows.
pub(crate) fn forms<'s>(root: &'s Value, schema: &'s Value) -> Vec<Form<'s>> {
    collect(root, schema, 0)
}

fn collect<'s>(root: &'s Value, schema: &'s Value, depth: usize) -> Vec<Form<'s>> {
    let Value::Object(keywords) = schema else {
        // `true` allows everything, as does a schema without keywords.
        return vec![Form::default()];
    };
    if depth == DEEPEST_NESTING {
        return vec![Form::default()];
    }
    let mut forms = vec![Form { parts: vec![keywords] }];
    let target = keywords
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| resolve(root, reference));
    if let Some(target) = target {
        forms = combine(&forms, &collect(root, target, depth + 1));
    }
    for all in array(keywords, "allOf") {
        forms = combine(&forms, &collect(root, all, depth + 1));
    }
    for choice in ["oneOf", "anyOf"] {
        let mut alternatives = Vec::new();
        for alternative in array(keywords, choice) {
            alternatives.extend(collect(root, alternative, depth + 1));
        }
        if !alternatives.is_empty() {
            forms = combine(&forms, &alternatives);
        }
    }
    forms
}

fn combine<'s>(left: &[Form<'s>], right: &[Form<'s>]) -> Vec<Form<'s>> {
    let mut combined = Vec::with_capacity(left.len() * right.len());
    for left in left {
        for right in right {
            let mut parts = left.parts.clone();
            parts.extend(&right.parts);
            combined.push(Form { parts });
        }
    }
    combined
}

/// The target of `#/$defs/Name`; the document refers to nothing outside itself.
fn resolve<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    root.pointer(reference.strip_prefix('#')?)
}

fn array<'s>(keywords: &'s Map<String, Value>, keyword: &str) -> &'s [Value] {
    keywords
        .get(keyword)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// What may stand under a key that has no schema of its own.
pub(crate) enum Additional<'s> {
    Anything,
    Nothing,
    Schema(&'s Value),
}

impl<'s> Form<'s> {
    fn find(&self, keyword: &str) -> Option<&'s Value> {
        self.parts.iter().find_map(|part| part.get(keyword))
    }

    /// A bound, in whichever part it stands.
    pub(crate) fn number(&self, keyword: &str) -> Option<f64> {
        self.find(keyword)?.as_f64()
    }

    /// The format of a number: `uint32`, `double`.
    pub(crate) fn format(&self) -> Option<&'s str> {
        self.find("format")?.as_str()
    }

    /// The names of the JSON types that it takes; empty if any.
    pub(crate) fn types(&self) -> Vec<&'s str> {
        match self.find("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => {
                let mut types: Vec<&str> = self.constants().into_iter().map(type_name).collect();
                types.dedup();
                types
            }
        }
    }

    /// Whether a value has one of the form's types.
    pub(crate) fn takes_type_of(&self, value: &Value) -> bool {
        let types = self.types();
        let name = type_name(value);
        types.is_empty() || types.contains(&name) || (name == "integer" && types.contains(&"number"))
    }

    /// The only values allowed, if it names them.
    pub(crate) fn constants(&self) -> Vec<&'s Value> {
        let mut constants = Vec::new();
        for part in &self.parts {
            constants.extend(part.get("const"));
            constants.extend(array(part, "enum"));
        }
        constants
    }

    /// What the form says of itself: of several texts that of the innermost type.
    pub(crate) fn description(&self) -> Option<&'s str> {
        let mut texts = self
            .parts
            .iter()
            .rev()
            .filter_map(|part| part.get("description")?.as_str());
        texts.next()
    }

    /// A keyword whose value is text.
    pub(crate) fn text(&self, keyword: &str) -> Option<&'s str> {
        self.find(keyword)?.as_str()
    }

    /// The name that an object of this form gives as its `type`.
    pub(crate) fn tag(&self) -> Option<&'s str> {
        let schema = self.property("type")?;
        match (schema.get("const"), schema.get("enum").and_then(Value::as_array)) {
            (Some(name), _) => name.as_str(),
            (None, Some(names)) if names.len() == 1 => names[0].as_str(),
            _ => None,
        }
    }

    /// The schema of a key that it names, or whose beginning it names.
    pub(crate) fn property(&self, key: &str) -> Option<&'s Value> {
        let named = self.parts.iter().find_map(|part| part.get("properties")?.get(key));
        named.or_else(|| {
            let mut patterns = self
                .parts
                .iter()
                .filter_map(|part| part.get("patternProperties")?.as_object());
            // The only patterns there are.
            let begins_so = |pattern: &str| pattern.strip_prefix('^').is_some_and(|start| key.starts_with(start));
            patterns.find_map(|patterns| {
                patterns
                    .iter()
                    .find_map(|(pattern, schema)| begins_so(pattern).then_some(schema))
            })
        })
    }

    /// What the type says about a key that it does not have, under a keyword of our own: dlt has keys whose values
    /// are Python functions.
    pub(crate) fn advice(&self, key: &str) -> Option<&'s str> {
        self.find("x-unknown-keys")?.get(key)?.as_str()
    }

    /// The keys that it names.
    pub(crate) fn keys(&self) -> Vec<&'s str> {
        let mut keys = Vec::new();
        for part in &self.parts {
            if let Some(properties) = part.get("properties").and_then(Value::as_object) {
                keys.extend(properties.keys().map(String::as_str));
            }
        }
        keys
    }

    pub(crate) fn required(&self) -> Vec<&'s str> {
        let mut required: Vec<&str> = Vec::new();
        for part in &self.parts {
            for key in array(part, "required").iter().filter_map(Value::as_str) {
                if !required.contains(&key) {
                    required.push(key);
                }
            }
        }
        required
    }

    /// What other keys may hold. An object that names its keys takes no other, unless it says that it does: schemars
    /// writes nothing for the variants of a tagged enum, and an unknown key is always an error.
    pub(crate) fn additional(&self) -> Additional<'s> {
        let mut refused = false;
        for part in &self.parts {
            match part
                .get("additionalProperties")
                .or_else(|| part.get("unevaluatedProperties"))
            {
                Some(Value::Bool(true)) => return Additional::Anything,
                Some(Value::Bool(false)) => refused = true,
                Some(schema) => return Additional::Schema(schema),
                None => refused |= part.contains_key("properties"),
            }
        }
        if refused {
            Additional::Nothing
        } else {
            Additional::Anything
        }
    }

    /// The schema of a list's element.
    pub(crate) fn element(&self, index: usize) -> Option<&'s Value> {
        let first = self.find("prefixItems").and_then(Value::as_array);
        first
            .and_then(|elements| elements.get(index))
            .or_else(|| self.find("items"))
    }
}

/// The name that JSON Schema has for a value's type.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
