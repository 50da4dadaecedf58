//! Where the records of an answer are.

use restload_model::Value;

use super::ExtractError;
use crate::json_path::JsonPath;
use crate::plan::EndpointPlan;

/// What a selector picks.
#[derive(Default)]
pub(super) struct Picked<'v, 'b> {
    pub(super) count: usize,
    pub(super) last: Option<&'v Value<'b>>,
}

pub(super) fn pick<'v, 'b>(
    selector: &JsonPath,
    body: &'v Value<'b>,
    endpoint: &EndpointPlan,
    notes: &mut Vec<String>,
) -> Result<Picked<'v, 'b>, ExtractError> {
    let found = selector.all(body);
    match found.as_slice() {
        [] if endpoint.allow_missing_data => Ok(Picked::default()),
        [] => Err(ExtractError::new(format!(
            "data_selector `{}` matches nothing in the answer, which {}",
            selector.as_str(),
            describe(body)
        ))
        .with_help("correct the selector, or set `allow_missing_data: true` if a page may lack it")),
        [Value::List(records)] => Ok(Picked {
            count: records.len(),
            last: records.last(),
        }),
        [Value::Null] => {
            if selector.as_str() != "$" {
                notes.push(format!("null at `{}` was taken for an empty page", selector.as_str()));
            }
            Ok(Picked::default())
        }
        several => {
            let records = several.iter().copied().flat_map(|picked| match picked {
                Value::List(records) => records.as_slice(),
                record => std::slice::from_ref(record),
            });
            let mut all = Picked::default();
            for record in records {
                all.count += 1;
                all.last = Some(record);
            }
            Ok(all)
        }
    }
}

/// Takes the records that a selector picks out of an answer.
pub fn take_records<'b>(selector: &JsonPath, body: &mut Value<'b>) -> Vec<Value<'b>> {
    let mut found = selector.take(body);
    if found.len() == 1 {
        return match found.remove(0) {
            Value::List(records) => records,
            Value::Null => Vec::new(),
            record => vec![record],
        };
    }
    // A list gives its elements, however many lists there are.
    let mut records = Vec::with_capacity(found.len());
    for picked in found {
        match picked {
            Value::List(elements) => records.extend(elements),
            record => records.push(record),
        }
    }
    records
}

/// What a body is, in words that follow "the answer".
pub(crate) fn describe(body: &Value<'_>) -> String {
    match body {
        Value::Object(members) if members.0.is_empty() => "is an empty object".to_owned(),
        Value::Object(members) => {
            let mut keys: Vec<String> = members.0.iter().take(8).map(|(key, _)| format!("`{key}`")).collect();
            if members.0.len() > keys.len() {
                keys.push("…".to_owned());
            }
            format!("has the keys {}", keys.join(", "))
        }
        Value::List(elements) => match elements.len() {
            1 => "is a list of 1 element".to_owned(),
            count => format!("is a list of {count} elements"),
        },
        other => format!("is {}", other.kind()),
    }
}

/// Names that a list of records usually has.
pub const USUAL_NAMES: [&str; 11] = [
    "data", "items", "results", "entries", "records", "rows", "entities", "payload", "content", "objects", "values",
];

/// The records of an answer when the config does not say where they are: only where there is no doubt.
pub(super) fn find_records(body: &Value<'_>) -> Result<Option<JsonPath>, ExtractError> {
    let whole = || JsonPath::parse("$").map_err(ExtractError::new);
    if !matches!(body, Value::Object(_)) {
        return whole().map(Some);
    }
    let mut lists = Vec::new();
    collect_lists(body, 3, &mut Vec::new(), &mut lists);
    let records: Vec<&FoundList> = lists.iter().filter(|list| list.holds_objects).collect();
    let usual: Vec<&&FoundList> = records.iter().filter(|list| list.has_usual_name()).collect();
    match (usual.as_slice(), records.as_slice(), lists.as_slice()) {
        ([only], _, _) => only.selector().map(Some),
        ([], [only], _) => only.selector().map(Some),
        ([], [], lists) => {
            // An empty list under a usual name is a page without records; other lists are fields of a single record.
            if lists.iter().any(|list| list.is_empty && list.has_usual_name())
                || (lists.len() > 1 && lists.iter().all(|list| list.is_empty))
            {
                return Ok(None);
            }
            whole().map(Some)
        }
        _ => {
            let names: Vec<String> = records
                .iter()
                .map(|list| format!("`{}`", list.path.join(".")))
                .collect();
            Err(
                ExtractError::new(format!("the answer has several lists of records: {}", names.join(", ")))
                    .with_help("name the one to load with `data_selector`"),
            )
        }
    }
}

pub(crate) struct FoundList {
    pub(crate) path: Vec<String>,
    pub(crate) holds_objects: bool,
    pub(crate) is_empty: bool,
}

impl FoundList {
    pub(crate) fn has_usual_name(&self) -> bool {
        self.path
            .last()
            .is_some_and(|name| USUAL_NAMES.contains(&name.as_str()))
    }

    fn selector(&self) -> Result<JsonPath, ExtractError> {
        let text = JsonPath::spell(&self.path);
        JsonPath::parse(&text).map_err(ExtractError::new)
    }
}

/// Lists at most so many levels down, through objects only: dlt looks for them on three.
pub(crate) fn collect_lists(value: &Value<'_>, deepest: usize, path: &mut Vec<String>, out: &mut Vec<FoundList>) {
    let Value::Object(members) = value else { return };
    for (key, member) in &members.0 {
        path.push(key.to_string());
        match member {
            Value::List(elements) => out.push(FoundList {
                path: path.clone(),
                holds_objects: elements.iter().any(|element| matches!(element, Value::Object(_))),
                is_empty: elements.is_empty(),
            }),
            Value::Object(_) if path.len() < deepest => collect_lists(member, deepest, path, out),
            _ => {}
        }
        path.pop();
    }
}
