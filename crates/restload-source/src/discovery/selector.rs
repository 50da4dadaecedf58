//! Where the records of an answer are.

use restload_model::Value;
use serde_json::Value as Json;

use super::{Proposal, object_map};
use crate::extraction::{FoundList, collect_lists, describe};
use crate::json_path::JsonPath;

/// Levels that are looked through: a GraphQL answer has its lists further down than others.
const DEEPEST: usize = 5;

/// Where the records may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The best.
    pub selector: Proposal,
    /// Other lists of objects, with how many elements each has.
    pub others: Vec<(String, usize)>,
    /// Where the selector picks an object whose keys are data: the step that makes records of it.
    pub map: Option<Proposal>,
}

/// Finds the records of an answer by its shape: of several lists of objects, one with a usual name, else the longest.
pub fn select(body: &Value<'_>) -> Selection {
    let alone = |evidence: String| Selection {
        selector: Proposal {
            value: "$".into(),
            evidence,
        },
        others: Vec::new(),
        map: None,
    };
    if !matches!(body, Value::Object(_)) {
        return alone(format!("the answer {}", describe(body)));
    }
    let mut lists = Vec::new();
    collect_lists(body, DEEPEST, &mut Vec::new(), &mut lists);
    // Lists within such an object are parts of its records.
    if let Some((path, map)) = object_map::find(body)
        && lists
            .iter()
            .all(|list| list.path.len() > path.len() + 1 && list.path.starts_with(&path))
    {
        let value = if path.is_empty() {
            "$".to_owned()
        } else {
            JsonPath::spell(&path)
        };
        return Selection {
            selector: Proposal {
                value: Json::from(value),
                evidence: "the object whose keys are data".to_owned(),
            },
            others: Vec::new(),
            map: Some(map),
        };
    }
    let mut of_objects: Vec<(&FoundList, usize)> = lists
        .iter()
        .filter(|list| list.holds_objects)
        .map(|list| (list, length(body, list)))
        .collect();
    // The usual names first, then the longest lists, then those that lie least deep.
    of_objects.sort_by_key(|(list, length)| (!list.has_usual_name(), std::cmp::Reverse(*length), list.path.len()));
    let spelled = |list: &FoundList| JsonPath::spell(&list.path);
    if let Some(((best, length), rest)) = of_objects.split_first() {
        let elements = if *length == 1 {
            "1 object".to_owned()
        } else {
            format!("{length} objects")
        };
        let why = match (rest.is_empty(), best.has_usual_name()) {
            (true, _) => "the only list of objects in the answer",
            (false, true) => "a list of objects with the name that records usually have",
            (false, false) => "the longest list of objects in the answer",
        };
        return Selection {
            selector: Proposal {
                value: Json::from(spelled(best)),
                evidence: format!("`{}` is {why}, of {elements}", spelled(best)),
            },
            others: rest.iter().map(|(list, length)| (spelled(list), *length)).collect(),
            map: None,
        };
    }
    let mut usual = lists.iter().filter(|list| list.has_usual_name());
    if let Some(list) = usual
        .next()
        .or(lists.first().filter(|list| lists.len() == 1 && list.is_empty))
    {
        let what = if list.is_empty {
            "an empty list: ask again when there are records"
        } else {
            "a list of values, each of which becomes a record with the field `value`"
        };
        return Selection {
            selector: Proposal {
                value: Json::from(spelled(list)),
                evidence: format!("`{}` is {what}", spelled(list)),
            },
            others: Vec::new(),
            map: None,
        };
    }
    alone(format!(
        "the answer has no list of objects, and is taken for one record; it {}",
        describe(body)
    ))
}

fn length(body: &Value<'_>, list: &FoundList) -> usize {
    let mut value = body;
    for name in &list.path {
        let Some(inner) = value.as_object().and_then(|object| object.get(name)) else {
            return 0;
        };
        value = inner;
    }
    match value {
        Value::List(elements) => elements.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_are_found_by_the_shape_of_the_answer() {
        let found = |body: Json| {
            let found = select(&Value::from(body));
            format!("{} {}", found.selector.value, found.selector.evidence)
        };
        let all = [
            found(json!([{"id": 1}])),
            found(json!({"orders": [{"id": 1}, {"id": 2}], "total": 2})),
            found(json!({"links": [{"rel": "a"}, {"rel": "b"}], "data": [{"id": 1}]})),
            found(json!({"tags": [{"t": 1}], "orders": {"rows-of": [{"id": 1}, {"id": 2}]}})),
            found(json!({"items": []})),
            found(json!({"values": [1, 2]})),
            found(json!({"id": 1, "tags": ["a"]})),
        ];
        insta::assert_snapshot!(all.join("\n"), @r#"
        "$" the answer is a list of 1 element
        "orders" `orders` is the only list of objects in the answer, of 2 objects
        "data" `data` is a list of objects with the name that records usually have, of 1 object
        "$[\"orders\"][\"rows-of\"]" `$["orders"]["rows-of"]` is the longest list of objects in the answer, of 2 objects
        "items" `items` is an empty list: ask again when there are records
        "values" `values` is a list of values, each of which becomes a record with the field `value`
        "$" the answer has no list of objects, and is taken for one record; it has the keys `id`, `tags`
        "#);
    }
}
