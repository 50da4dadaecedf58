//! The tree that a page is decoded into.
//!
//! Strings are borrowed from the page wherever they hold no escape, containers are plain vectors, so a record costs a
//! handful of allocations and can be changed in place by processing steps. Numbers are exact: an integer of 64 bits, a
//! double, or the number's own text when it is neither.

use std::borrow::Cow;

use jsonpath_rust::query::queryable::Queryable;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// One JSON value.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value<'a> {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that fits 64 bits.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Double(f64),
    /// The text of a number that the two above would round.
    Number(Cow<'a, str>),
    /// A string. It is borrowed only where the page's JSON has it between quotes as it is: without control characters.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Value<'a>>),
    /// An object.
    Object(Object<'a>),
}

/// The members of an object in document order. Of a repeated key the last one counts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object<'a>(pub Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Object<'a> {
    /// The value of a key; of a repeated key, the last.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.0
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value<'a>> {
        self.0
            .iter_mut()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Sets a key, in its place if it is there, else at the end.
    pub fn set(&mut self, key: impl Into<Cow<'a, str>>, value: Value<'a>) {
        let key = key.into();
        match self.get_mut(&key) {
            Some(slot) => *slot = value,
            None => self.0.push((key, value)),
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Value<'a>> {
        let mut removed = None;
        self.0.retain_mut(|(name, value)| {
            if name == key {
                removed = Some(std::mem::take(value));
                return false;
            }
            true
        });
        removed
    }
}

impl<'a> Value<'a> {
    /// The members, when this is an object.
    pub fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The text, when this is a string.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What kind of value this is, for messages: `an object`, `a string`, …
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) | Self::Double(_) | Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// The value as text: a string as it is, anything else as compact JSON.
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.to_json()),
        }
    }

    /// Compact JSON.
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        self.write_json(&mut json);
        json
    }

    /// Appends compact JSON to a text. A number keeps its own digits.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Integer(number) => push_display(out, number),
            Self::Double(number) => push_double(out, *number),
            Self::Number(text) => out.push_str(text),
            Self::Text(text) => push_json_string(out, text),
            Self::List(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    element.write_json(out);
                }
                out.push(']');
            }
            Self::Object(object) => {
                out.push('{');
                for (index, (key, value)) in object.0.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    push_json_string(out, key);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }

    /// The same value, free of the page it was read from.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(flag),
            Self::Integer(number) => Value::Integer(number),
            Self::Double(number) => Value::Double(number),
            Self::Number(text) => Value::Number(Cow::Owned(text.into_owned())),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::List(elements) => Value::List(elements.into_iter().map(Value::into_owned).collect()),
            Self::Object(object) => Value::Object(Object(
                object
                    .0
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                    .collect(),
            )),
        }
    }
}

/// Appends a double in its shortest exact form; a whole one keeps its point, so that it stays a double.
pub fn push_double(out: &mut String, number: f64) {
    use std::fmt::Write as _;
    if !number.is_finite() {
        out.push_str("null");
    } else if number != 0.0 && (number.abs() < 1e-5 || number.abs() >= 1e17) {
        let _ = write!(out, "{number:e}");
    } else {
        let _ = write!(out, "{number:?}");
    }
}

fn push_display(out: &mut String, value: impl std::fmt::Display) {
    use std::fmt::Write as _;
    let _ = write!(out, "{value}");
}

/// Appends a text as a JSON string.
pub(crate) fn push_json_string(out: &mut String, text: &str) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Double(number) => serializer.serialize_f64(*number),
            Self::Number(text) | Self::Text(text) => serializer.serialize_str(text),
            Self::List(elements) => {
                let mut seq = serializer.serialize_seq(Some(elements.len()))?;
                for element in elements {
                    seq.serialize_element(element)?;
                }
                seq.end()
            }
            Self::Object(object) => {
                let mut map = serializer.serialize_map(Some(object.0.len()))?;
                for (key, value) in &object.0 {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl From<serde_json::Value> for Value<'static> {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(flag) => Self::Bool(flag),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(integer), _, _) => Self::Integer(integer),
                (None, Some(unsigned), _) => Self::Number(Cow::Owned(unsigned.to_string())),
                (None, None, Some(double)) => Self::Double(double),
                (None, None, None) => Self::Number(Cow::Owned(number.to_string())),
            },
            serde_json::Value::String(text) => Self::Text(Cow::Owned(text)),
            serde_json::Value::Array(elements) => Self::List(elements.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(members) => Self::Object(Object(
                members
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key), value.into()))
                    .collect(),
            )),
        }
    }
}

// The conversions and the trait below let jsonpath-rust query this tree as it stands, without a second one.

impl From<&str> for Value<'_> {
    fn from(text: &str) -> Self {
        Self::Text(Cow::Owned(text.to_owned()))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl<'a> From<Vec<Value<'a>>> for Value<'a> {
    fn from(elements: Vec<Value<'a>>) -> Self {
        Self::List(elements)
    }
}

impl Queryable for Value<'_> {
    fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    fn as_array(&self) -> Option<&Vec<Self>> {
        match self {
            Self::List(elements) => Some(elements),
            _ => None,
        }
    }

    fn as_object(&self) -> Option<Vec<(&str, &Self)>> {
        match self {
            Self::Object(object) => Some(object.0.iter().map(|(key, value)| (key.as_ref(), value)).collect()),
            _ => None,
        }
    }

    fn as_str(&self) -> Option<&str> {
        self.as_text()
    }

    fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Double(number) => Some(*number),
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    fn null() -> Self {
        Self::Null
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_numbers_with_their_own_digits() {
        for (value, json) in [
            (Value::Double(1.0), "1.0"),
            (Value::Double(1.5e-7), "1.5e-7"),
            (Value::Double(1e21), "1e21"),
            (
                Value::Number(Cow::Borrowed("18446744073709551616")),
                "18446744073709551616",
            ),
            (Value::Text(Cow::Borrowed("a\"b\n")), r#""a\"b\n""#),
        ] {
            assert_eq!(value.to_json(), json);
        }
    }

    #[test]
    fn the_last_of_a_repeated_key_counts() {
        let object = Object(vec![("a".into(), Value::Integer(1)), ("a".into(), Value::Integer(2))]);
        assert_eq!(object.get("a"), Some(&Value::Integer(2)));
    }
}
