//! JSON by serde_json, into a tree whose strings are borrowed from the body.
//!
//! Two ways lead there. The quick one lets serde_json read numbers, which rounds those beyond 64 bits and refuses what
//! some APIs send (half a surrogate pair, a number no double can hold). When it meets one of these, or when a column
//! wants every digit, the careful one reads each scalar from its own text.

use std::borrow::Cow;

use restload_model::Value;
use restload_model::value::Object;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::DecodeError;

/// Deeper nesting is refused, as it is by serde_json itself: a tree is built and dropped recursively.
const MAX_DEPTH: usize = 128;
/// From here on a double that was read may have been a whole number with more digits than it can hold.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// Decodes a document.
pub(super) fn decode(body: &[u8], exact: bool) -> Result<Value<'_>, DecodeError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = simdutf8::compat::from_utf8(body).map_err(|error| DecodeError {
        message: format!("it is not UTF-8 (byte {})", error.valid_up_to() + 1),
    })?;
    if text.trim_ascii().is_empty() {
        return Err(DecodeError {
            message: "it is empty".to_owned(),
        });
    }
    if !exact {
        let mut seen = Seen::default();
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let tree = Quick {
            seen: &mut seen,
            depth: 0,
        }
        .deserialize(&mut deserializer);
        if let Ok(tree) = tree
            && !seen.rounded
            && deserializer.end().is_ok()
        {
            return Ok(tree);
        }
    }
    let refused = |error: &serde_json::Error| DecodeError {
        message: explain(error),
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let raw: &RawValue = serde::Deserialize::deserialize(&mut deserializer).map_err(|error| refused(&error))?;
    deserializer.end().map_err(|error| refused(&error))?;
    careful(raw.get(), MAX_DEPTH).map_err(|error| refused(&error))
}

fn explain(error: &serde_json::Error) -> String {
    format!("it is not JSON: {error}")
}

/// What the quick way notes.
#[derive(Default)]
struct Seen {
    /// A number may have been rounded.
    rounded: bool,
    /// How many members the last two objects at each depth had. The next one most often has as many as one of them.
    members: [[u8; 2]; DEPTHS],
}

/// How deep objects are told apart.
const DEPTHS: usize = 8;
/// Room is made beforehand for so many members at most: a hostile page may go on with empty objects.
const MOST_EXPECTED: u8 = 32;

/// Reads values as serde_json sees them.
struct Quick<'f> {
    seen: &'f mut Seen,
    depth: usize,
}

impl Quick<'_> {
    /// The same for what is inside.
    fn inner(&mut self) -> Quick<'_> {
        Quick {
            seen: &mut *self.seen,
            depth: (self.depth + 1).min(DEPTHS - 1),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Quick<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Quick<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(i64::try_from(number).map_or_else(|_| Value::Number(Cow::Owned(number.to_string())), Value::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
        if number.abs() >= TWO_TO_63 {
            self.seen.rounded = true;
        }
        Ok(Value::Double(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Value<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(self.inner())? {
            list.push(element);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value<'de>, A::Error> {
        let [last, before] = self.seen.members[self.depth];
        let mut object = Object(Vec::with_capacity(last.max(before).into()));
        while let Some(key) = members.next_key_seed(Key)? {
            let value = members.next_value_seed(self.inner())?;
            object.0.push((key, value));
        }
        self.seen.members[self.depth] = [object.0.len().min(MOST_EXPECTED.into()) as u8, last];
        Ok(Value::Object(object))
    }
}

/// A key, borrowed where it holds no escape.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// Reads a value from its own text.
fn careful(text: &str, depth: usize) -> Result<Value<'_>, serde_json::Error> {
    let text = text.trim_ascii();
    Ok(match text.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'"') => Value::Text(string(text)?),
        Some(b'[' | b'{') if depth == 0 => return Err(serde_json::Error::custom("nested too deeply")),
        Some(b'[') => {
            Value::List(serde_json::Deserializer::from_str(text).deserialize_seq(Careful { depth: depth - 1 })?)
        }
        Some(b'{') => Value::Object(Object(
            serde_json::Deserializer::from_str(text).deserialize_map(CarefulObject { depth: depth - 1 })?,
        )),
        _ => number(text),
    })
}

/// A whole number that fits, else the digits as they are written.
fn number(text: &str) -> Value<'_> {
    text.parse().map_or(Value::Number(Cow::Borrowed(text)), Value::Integer)
}

fn string(text: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    let inner = &text[1..text.len() - 1];
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    match serde_json::from_str::<String>(text) {
        Ok(decoded) => Ok(Cow::Owned(decoded)),
        Err(_) => serde_json::from_str(&mend_surrogates(text)).map(Cow::Owned),
    }
}

/// Replaces escapes of half a surrogate pair, which stand for no character, by the replacement character's.
fn mend_surrogates(text: &str) -> String {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut mended = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        mended.push_str(&text[at..at + found]);
        at += found;
        let (length, sound) = match (unit(at), unit(at + 6)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (12, true),
            (Some(0xD800..=0xDFFF), _) => (6, false),
            (Some(_), _) => (6, true),
            (None, _) => (2, true),
        };
        mended.push_str(if sound { &text[at..at + length] } else { "\\ufffd" });
        at += length;
    }
    mended.push_str(&text[at..]);
    mended
}

struct Careful {
    depth: usize,
}

impl<'de> Visitor<'de> for Careful {
    type Value = Vec<Value<'de>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(raw) = elements.next_element::<&'de RawValue>()? {
            list.push(careful(raw.get(), self.depth).map_err(A::Error::custom)?);
        }
        Ok(list)
    }
}

struct CarefulObject {
    depth: usize,
}

impl<'de> Visitor<'de> for CarefulObject {
    type Value = Vec<(Cow<'de, str>, Value<'de>)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut object = Vec::with_capacity(8);
        while let Some(key) = members.next_key::<&'de RawValue>()? {
            let key = string(key.get()).map_err(A::Error::custom)?;
            let raw = members.next_value::<&'de RawValue>()?;
            object.push((key, careful(raw.get(), self.depth).map_err(A::Error::custom)?));
        }
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &str, exact: bool) -> String {
        match decode(body.as_bytes(), exact) {
            Ok(value) => value.to_json(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn both_ways_agree() {
        for body in [
            "null",
            " [1, 2.5, -3, true, \"a\\nb\"] ",
            r#"{"a": {"b": []}, "c\u0041": {}, "d": "é"}"#,
            r#"{"id":1175816417220301065,"big":18446744073709551615,"huge":123456789012345678901234567890}"#,
            r#"{"a":1,"a":2}"#,
            r#"["\ud83d\ude00"]"#,
        ] {
            assert_eq!(shown(body, false), shown(body, true), "{body}");
        }
    }

    #[test]
    fn decodes() {
        for (body, exact, json) in [
            (
                "123456789012345678901234567890",
                false,
                "123456789012345678901234567890",
            ),
            ("[0.1234567890123456789, 1.50]", true, "[0.1234567890123456789,1.50]"),
            ("[0.1234567890123456789, 1.50]", false, "[0.12345678901234568,1.5]"),
            // Exactly the double that is nearest, not one beside it.
            ("0.43239309012099403", false, "0.43239309012099403"),
            ("1e400", false, "1e400"),
            (
                r#"["a\ud800b", "\udc00", "\ud83d\ude00", "\\ud800"]"#,
                false,
                "[\"a\u{fffd}b\",\"\u{fffd}\",\"😀\",\"\\\\ud800\"]",
            ),
            (r#"{"\ud800": 1}"#, false, "{\"\u{fffd}\":1}"),
            ("\u{feff}{}", false, "{}"),
        ] {
            assert_eq!(shown(body, exact), json, "{body}");
        }
    }

    #[test]
    fn refuses() {
        for (body, message) in [
            ("", "error: it is empty"),
            (" \n", "error: it is empty"),
            ("<html>", "error: it is not JSON: expected value at line 1 column 1"),
            (
                "{\"a\": NaN}",
                "error: it is not JSON: expected value at line 1 column 7",
            ),
            (
                "[1,",
                "error: it is not JSON: EOF while parsing a value at line 1 column 3",
            ),
            ("[1] x", "error: it is not JSON: trailing characters at line 1 column 5"),
        ] {
            assert_eq!(shown(body, false), message, "{body}");
        }
        assert!(decode(b"\"\xff\"", false).is_err());
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(
            shown(&deep, false).starts_with("error: it is not JSON: "),
            "deep nesting is an error, not a crash"
        );
    }
}
