//! An object whose keys are data: each of its members is a record, as in `{"btc": {…}, "eth": {…}}`.

use std::collections::HashSet;

use restload_model::Value;
use restload_model::value::Object;
use serde_json::json;

use super::Proposal;
use crate::extraction::USUAL_NAMES;
use crate::json_path::JsonPath;
use crate::paginators::is_about_paging;

/// How deep such an object is looked for.
const DEEPEST: usize = 3;
/// Names for the field that takes the key, of which the first that the records do not have is taken.
const KEY_FIELDS: [&str; 4] = ["key", "name", "map_key", "object_key"];

/// The first object of an answer whose keys are data, with its path and the step that makes records of it.
pub(crate) fn find(body: &Value<'_>) -> Option<(Vec<String>, Proposal)> {
    let mut path = Vec::new();
    let found = find_in(body, &mut path, 2)?;
    Some((path, found))
}

/// Looks at an object, then into it. `path` is where the found one is.
fn find_in(value: &Value<'_>, path: &mut Vec<String>, least: usize) -> Option<Proposal> {
    if let Some(found) = with_least(value, &shown(path), least) {
        return Some(found);
    }
    let Value::Object(members) = value else { return None };
    if path.len() == DEEPEST {
        return None;
    }
    for (key, member) in &members.0 {
        // Links are objects that are alike, too.
        if is_about_paging(key) || key.starts_with('_') || !matches!(member, Value::Object(_)) {
            continue;
        }
        // Two objects in a record may well be alike: its author and its editor.
        let least = if USUAL_NAMES.contains(&&**key) { 2 } else { 3 };
        path.push(key.to_string());
        if let Some(found) = find_in(member, path, least) {
            return Some(found);
        }
        path.pop();
    }
    None
}

/// The step that makes records of this object, where its keys are data. `shown` is what it is called.
pub fn object_map(value: &Value<'_>, shown: &str) -> Option<Proposal> {
    with_least(value, shown, 2)
}

fn with_least(value: &Value<'_>, shown: &str, least: usize) -> Option<Proposal> {
    let Value::Object(members) = value else { return None };
    if members.0.len() < least {
        return None;
    }
    of_objects(members, shown).or_else(|| of_values(members, shown))
}

/// Members that are objects with the same fields, or with most of them.
fn of_objects(members: &Object<'_>, shown: &str) -> Option<Proposal> {
    let mut objects = Vec::with_capacity(members.0.len());
    for (_, member) in &members.0 {
        objects.push(member.as_object().filter(|object| !object.0.is_empty())?);
    }
    let fields_of =
        |object: &Object<'_>| -> HashSet<String> { object.0.iter().map(|(name, _)| name.to_string()).collect() };
    let mut shared = fields_of(objects.first()?);
    let mut most = 0;
    for object in &objects {
        let fields = fields_of(object);
        most = most.max(fields.len());
        shared.retain(|name| fields.contains(name));
    }
    // Two have to be the same: an answer's parts may have a field in common.
    let is_alike = if objects.len() == 2 {
        shared.len() == most
    } else {
        shared.len() * 2 >= most
    };
    if shared.is_empty() || !is_alike {
        return None;
    }
    let key = KEY_FIELDS
        .into_iter()
        .find(|name| !objects.iter().any(|object| object.get(name).is_some()))?;
    // In the order of the first record.
    let names = objects[0]
        .0
        .iter()
        .map(|(name, _)| name)
        .filter(|name| shared.contains(&***name));
    let names: Vec<String> = names.take(3).map(|name| format!("`{name}`")).collect();
    let more = if shared.len() > names.len() { ", …" } else { "" };
    Some(Proposal {
        value: json!({ "unpivot": { "key": key } }),
        evidence: format!(
            "{shown} is an object of {} objects that have the fields {}{more}, under keys such as {}: each is a record, and its key \
             the field `{key}`",
            objects.len(),
            names.join(", "),
            examples(members)
        ),
    })
}

/// Members that are values of one kind under keys that are written alike, such as currencies or days. Other objects of
/// values are records.
fn of_values(members: &Object<'_>, shown: &str) -> Option<Proposal> {
    let (first_key, first) = members.0.first()?;
    let is_number = |value: &Value<'_>| matches!(value, Value::Integer(_) | Value::Number(_) | Value::Double(_));
    let is_alike = |value: &Value<'_>| match first {
        Value::Text(_) => matches!(value, Value::Text(_)),
        first if is_number(first) => is_number(value),
        _ => false,
    };
    let spelling = spelling(first_key);
    let are_keys = spelling.contains(['A', '9']) && members.0.iter().all(|(key, _)| self::spelling(key) == spelling);
    if members.0.len() < 3 || !are_keys || !members.0.iter().all(|(_, value)| is_alike(value)) {
        return None;
    }
    Some(Proposal {
        value: json!({ "unpivot": { "key": "key", "value": "value" } }),
        evidence: format!(
            "{shown} is an object of {} values under keys that are written alike, such as {}: each is a record with the fields `key` \
             and `value`",
            members.0.len(),
            examples(members)
        ),
    })
}

/// What kinds of characters a key is made of: `AAA` for `EUR`, `9999-99-99` for a day.
fn spelling(key: &str) -> String {
    let kind = |character: char| match character {
        character if character.is_ascii_digit() => '9',
        character if character.is_uppercase() => 'A',
        character if character.is_lowercase() => 'a',
        other => other,
    };
    key.chars().map(kind).collect()
}

fn examples(members: &Object<'_>) -> String {
    let keys: Vec<String> = members.0.iter().take(2).map(|(key, _)| format!("`{key}`")).collect();
    keys.join(" and ")
}

fn shown(path: &[String]) -> String {
    if path.is_empty() {
        "the answer".to_owned()
    } else {
        format!("`{}`", JsonPath::spell(path))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    #[test]
    fn objects_whose_keys_are_data_are_told_from_records() {
        let found = |body: Json| match find(&Value::from(body)) {
            Some((path, found)) => format!("{} {}: {}", JsonPath::spell(&path), found.value, found.evidence),
            None => "none".to_owned(),
        };
        let all = [
            found(json!({"btc": {"usd": 1, "cap": 2}, "eth": {"usd": 3, "cap": 4}})),
            found(json!({"status": "ok", "data": {"a1": {"key": 1}, "b2": {"key": 2, "x": 1}, "c3": {"key": 3}}})),
            found(json!({"base": "EUR", "rates": {"USD": 1.1, "CHF": 1, "GBP": 0.9}})),
            found(json!({"2024-01-01": 1, "2024-01-02": 2, "2024-01-03": 3})),
            // Records, and parts of answers.
            found(json!({"id": 1, "author": {"id": 1, "name": "a"}, "editor": {"id": 2, "name": "b"}})),
            found(json!({"data": {"id": 1, "name": "a"}, "meta": {"page": 1}})),
            found(json!({"id": 1, "_links": {"self": {"href": "/"}, "next": {"href": "/"}, "last": {"href": "/"}}})),
            found(json!({"links": {"self": {"href": "/"}, "next": {"href": "/"}, "last": {"href": "/"}}})),
            found(json!({"street": "a", "town": "b", "country": "c"})),
            found(json!({"a": {}, "b": {}, "c": {}})),
            found(json!({"one": {"id": 1}})),
        ];
        insta::assert_snapshot!(all.join("\n"), @r#"
         {"unpivot":{"key":"key"}}: the answer is an object of 2 objects that have the fields `usd`, `cap`, under keys such as `btc` and `eth`: each is a record, and its key the field `key`
        data {"unpivot":{"key":"name"}}: `data` is an object of 3 objects that have the fields `key`, under keys such as `a1` and `b2`: each is a record, and its key the field `name`
        rates {"unpivot":{"key":"key","value":"value"}}: `rates` is an object of 3 values under keys that are written alike, such as `USD` and `CHF`: each is a record with the fields `key` and `value`
         {"unpivot":{"key":"key","value":"value"}}: the answer is an object of 3 values under keys that are written alike, such as `2024-01-01` and `2024-01-02`: each is a record with the fields `key` and `value`
        none
        none
        none
        none
        none
        none
        none
        "#);
    }
}
