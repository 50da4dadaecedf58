//! `explode`: a list in a record becomes one record per element.

use std::borrow::Cow;

use restload_model::Value;
use restload_model::diagnostics::{Diagnostics, KeyPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::field::{Blocked, Field};
use super::{Misfit, shown};

/// Turn a list in each record into one record per element, with the record's other fields beside it. A record whose
/// list is empty, null or missing gives none. `order.lines` is a field within an object; of a list in each element of a
/// list, the outer one is to be exploded first.
///
/// ```yaml
/// processing_steps: [ { explode: { field: reactions, as: reaction } } ]
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplodeConfig {
    /// The field that holds the list.
    pub field: String,
    /// The field that takes the element; the list's own when absent.
    #[serde(default, rename = "as")]
    pub element_field: Option<String>,
    /// Put the fields of the element, which must be an object, beside the record's instead, each with this text before
    /// its name. It may be empty; then no name may be in both.
    #[serde(default)]
    pub prefix: Option<String>,
    /// The field that takes the element's place in the list, counted from 0.
    #[serde(default)]
    pub index: Option<String>,
    /// Whether a record without elements stays, as one record with a null in the element's place.
    #[serde(default)]
    pub keep_empty: bool,
}

#[derive(Debug)]
pub(super) struct Explode {
    field: Field,
    element: ElementPlace,
    index: Option<Field>,
    keep_empty: bool,
}

#[derive(Debug)]
enum ElementPlace {
    Field(Field),
    Beside { prefix: String },
}

impl ExplodeConfig {
    pub(super) fn compile(&self, path: &KeyPath, diagnostics: &mut Diagnostics) -> Option<Explode> {
        if self.prefix.is_some() && self.element_field.is_some() {
            diagnostics.error(
                &path.key("prefix"),
                "`as` and `prefix` exclude each other: an element is one field, or its fields are put beside the others",
            );
            return None;
        }
        let element = match (&self.prefix, &self.element_field) {
            (Some(prefix), _) => ElementPlace::Beside { prefix: prefix.clone() },
            (None, Some(name)) => ElementPlace::Field(Field::new(name)),
            (None, None) => ElementPlace::Field(Field::new(&self.field)),
        };
        if let (Some(index), ElementPlace::Field(field)) = (&self.index, &element)
            && *index == field.name
        {
            diagnostics.error(&path.key("index"), "the element and its `index` have the same name");
            return None;
        }
        Some(Explode {
            field: Field::new(&self.field),
            element,
            index: self.index.as_deref().map(Field::new),
            keep_empty: self.keep_empty,
        })
    }
}

impl Explode {
    pub(super) fn apply<'a>(&self, mut record: Value<'a>, out: &mut Vec<Value<'a>>) -> Result<(), Misfit> {
        let found = match &mut record {
            Value::Object(members) => self.field.take(members).map_err(|blocked| self.blocked(&blocked))?,
            other => {
                return Err(Misfit::new(
                    format!("it is {}, not an object", other.kind()),
                    "let `data_selector` pick objects",
                ));
            }
        };
        let elements = match found {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::List(elements)) => elements,
            Some(other) => {
                return Err(Misfit::new(
                    format!(
                        "`{}` is {}, not a list: {}",
                        self.field.name,
                        other.kind(),
                        shown(&other)
                    ),
                    "name a field that holds a list; `unpivot` takes an object whose keys are data",
                ));
            }
        };
        if elements.is_empty() {
            if self.keep_empty {
                if let (ElementPlace::Field(field), Value::Object(members)) = (&self.element, &mut record) {
                    field.set(members, Value::Null)?;
                }
                out.push(record);
            }
            return Ok(());
        }
        let last = elements.len() - 1;
        for (index, element) in elements.into_iter().enumerate() {
            let copy = if index == last {
                std::mem::take(&mut record)
            } else {
                record.clone()
            };
            out.push(self.with_element(copy, index, element)?);
        }
        Ok(())
    }

    fn with_element<'a>(&self, mut record: Value<'a>, index: usize, element: Value<'a>) -> Result<Value<'a>, Misfit> {
        let Value::Object(members) = &mut record else {
            return Ok(record);
        };
        match (&self.element, element) {
            (ElementPlace::Field(field), element) => field.set(members, element)?,
            (ElementPlace::Beside { prefix }, Value::Object(fields)) => {
                for (name, value) in fields.0 {
                    let name: Cow<'a, str> = match prefix.as_str() {
                        "" => name,
                        prefix => format!("{prefix}{name}").into(),
                    };
                    if members.get(&name).is_some() {
                        return Err(Misfit::new(
                            format!(
                                "`{name}` is a field of the record and of an element of `{}`",
                                self.field.name
                            ),
                            "tell them apart with `prefix`, or take the element whole with `as`",
                        ));
                    }
                    members.0.push((name, value));
                }
            }
            (ElementPlace::Beside { .. }, other) => {
                return Err(Misfit::new(
                    format!(
                        "an element of `{}` is {}, not an object: {}",
                        self.field.name,
                        other.kind(),
                        shown(&other)
                    ),
                    "take such elements whole with `as`",
                ));
            }
        }
        if let Some(field) = &self.index {
            field.set(members, Value::Integer(index as i64))?;
        }
        Ok(record)
    }

    fn blocked(&self, blocked: &Blocked) -> Misfit {
        let message = format!(
            "`{}` is {}, not an object that has `{}`",
            blocked.at, blocked.kind, self.field.name
        );
        if blocked.is_list {
            Misfit::new(message, format!("explode `{}` first", blocked.at))
        } else {
            Misfit::new(message, "name a field that holds a list")
        }
    }
}
