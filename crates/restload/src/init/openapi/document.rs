//! An OpenAPI document as a tree whose references are followed: those within it, however they lead, and no others.

use std::cell::Cell;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// References that lead to further ones, at most.
const LONGEST_CHAIN: usize = 32;
/// Schemas that are looked at for one answer, and for the whole document: one that refers to itself in many ways could
/// be looked at forever.
const MOST_LOOKS: u32 = 20_000;
const MOST_LOOKS_IN_ALL: u32 = 20_000_000;
/// How deep schemas are put together of others.
const DEEPEST: usize = 12;

/// The document.
pub(super) struct Document<'d> {
    pub(super) root: &'d Value,
    looks: Cell<u32>,
    all_looks: Cell<u32>,
}

/// What a schema says, with what it is put together of.
#[derive(Debug, Default, Clone)]
pub(super) struct Shape<'d> {
    types: Vec<&'d str>,
    pub(super) fields: Vec<Field<'d>>,
    /// The schema of a list's elements.
    pub(super) items: Option<&'d Value>,
    /// The schema of the values of a map whose keys are data.
    pub(super) values: Option<&'d Value>,
    pub(super) format: Option<&'d str>,
    pub(super) description: Option<&'d str>,
}

/// A field of an object.
#[derive(Debug, Clone)]
pub(super) struct Field<'d> {
    pub(super) name: &'d str,
    pub(super) schema: &'d Value,
    pub(super) is_required: bool,
}

impl<'d> Document<'d> {
    pub(super) fn new(root: &'d Value) -> Self {
        Self {
            root,
            looks: Cell::new(0),
            all_looks: Cell::new(0),
        }
    }

    /// Begins with another answer, which may be looked at afresh.
    pub(super) fn begin(&self) {
        self.looks.set(0);
    }

    /// Whether so much had to be looked at that the rest was not.
    pub(super) fn is_tired(&self) -> bool {
        self.looks.get() >= MOST_LOOKS || self.all_looks.get() >= MOST_LOOKS_IN_ALL
    }

    /// A value, or what it refers to. An error says why that cannot be had.
    pub(super) fn follow(&self, value: &'d Value) -> Result<&'d Value, String> {
        let mut value = value;
        for _ in 0..LONGEST_CHAIN {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return Ok(value);
            };
            let Some(pointer) = reference.strip_prefix('#') else {
                return Err(format!("`{reference}` is in another document, which is not read"));
            };
            let pointer = percent_decode_str(pointer).decode_utf8_lossy();
            value = self
                .root
                .pointer(&pointer)
                .ok_or_else(|| format!("`{reference}` refers to nothing"))?;
        }
        Err("its references lead in a circle".to_owned())
    }

    /// The member of a map, followed; nothing where it is not there or cannot be had.
    pub(super) fn member(&self, value: &'d Value, name: &str) -> Option<&'d Value> {
        self.follow(value.get(name)?).ok()
    }

    /// What a schema says. What it cannot be put together of is left out.
    pub(super) fn shape(&self, schema: &'d Value) -> Shape<'d> {
        let mut shape = Shape::default();
        self.put_together(schema, &mut shape, 0);
        shape
    }

    fn put_together(&self, schema: &'d Value, shape: &mut Shape<'d>, depth: usize) {
        self.looks.set(self.looks.get().saturating_add(1));
        self.all_looks.set(self.all_looks.get().saturating_add(1));
        if depth == DEEPEST || self.is_tired() {
            return;
        }
        // From OpenAPI 3.1 on keywords may stand beside a reference.
        if schema.get("$ref").is_some()
            && let Ok(target) = self.follow(schema)
        {
            self.put_together(target, shape, depth + 1);
        }
        match schema.get("type") {
            Some(Value::String(name)) => shape.types.push(name),
            Some(Value::Array(names)) => shape.types.extend(names.iter().filter_map(Value::as_str)),
            _ => {}
        }
        let text = |name: &str| schema.get(name).and_then(Value::as_str);
        shape.format = shape.format.or(text("format"));
        shape.description = shape.description.or(text("description"));
        shape.items = shape.items.or(schema.get("items"));
        if let Some(values @ Value::Object(_)) = schema.get("additionalProperties") {
            shape.values = shape.values.or(Some(values));
        }
        let required: Vec<&str> = list(schema, "required").iter().filter_map(Value::as_str).collect();
        for (name, schema) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let is_required = required.contains(&name.as_str());
            match shape.fields.iter_mut().find(|field| field.name == name) {
                Some(known) => known.is_required |= is_required,
                None => shape.fields.push(Field {
                    name,
                    schema,
                    is_required,
                }),
            }
        }
        for combination in ["allOf", "oneOf", "anyOf"] {
            for part in list(schema, combination) {
                self.put_together(part, shape, depth + 1);
            }
        }
        for field in &mut shape.fields {
            field.is_required |= required.contains(&field.name);
        }
    }
}

impl Shape<'_> {
    pub(super) fn is_list(&self) -> bool {
        self.types.contains(&"array") || (self.types.is_empty() && self.items.is_some())
    }

    pub(super) fn is_object(&self) -> bool {
        !self.is_list() && (self.types.contains(&"object") || !self.fields.is_empty() || self.values.is_some())
    }

    pub(super) fn is_text(&self) -> bool {
        self.types.contains(&"string")
    }

    pub(super) fn is_integer(&self) -> bool {
        self.types.contains(&"integer")
    }

    /// Whether its values may be numbers; many documents have `number` for what is counted.
    pub(super) fn is_number(&self) -> bool {
        self.is_integer() || self.types.contains(&"number")
    }

    pub(super) fn is_boolean(&self) -> bool {
        self.types.contains(&"boolean")
    }

    /// Its type, for people.
    pub(super) fn kind(&self) -> String {
        let named: Vec<&str> = self.types.iter().copied().filter(|name| *name != "null").collect();
        let kind = named.first().copied().unwrap_or("any type");
        match self.format {
            Some(format) => format!("{kind} ({format})"),
            None => kind.to_owned(),
        }
    }
}

/// A member that is a list; empty where it is none.
pub(super) fn list<'d>(value: &'d Value, name: &str) -> &'d [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A member that is a text.
pub(super) fn text<'d>(value: &'d Value, name: &str) -> Option<&'d str> {
    value.get(name).and_then(Value::as_str)
}
