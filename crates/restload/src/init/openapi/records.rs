//! Where the records of an answer are, and what identifies one, by the answer's schema.

use restload_source::discovery::{OF_OTHERS, is_name_of_change, rank_of_key};
use restload_source::extraction::USUAL_NAMES;
use restload_source::json_path::JsonPath;
use serde_json::Value;

use super::document::{Document, Field};

/// How deep lists are looked for, as `data_selector` is found in a run.
const DEEPEST: usize = 3;
/// More names that lists of records have in descriptions.
const FURTHER_NAMES: [&str; 8] = [
    "features",
    "value",
    "list",
    "members",
    "docs",
    "hits",
    "collection",
    "nodes",
];
/// Lists that stand beside the records.
const BESIDE: [&str; 8] = [
    "links",
    "errors",
    "warnings",
    "messages",
    "included",
    "facets",
    "aggregations",
    "meta",
];

/// What an answer holds.
pub(super) enum Records<'d> {
    /// A list, and where it is.
    List {
        path: Vec<String>,
        record: Option<&'d Value>,
        reason: String,
    },
    /// An object whose keys are data.
    Map { record: &'d Value },
    /// Several lists, of which none stands out.
    Several(Vec<String>),
    /// One object.
    One,
    /// Nothing of the kind.
    None(String),
    /// The document does not say.
    Unknown(String),
}

struct Found<'d> {
    path: Vec<String>,
    record: Option<&'d Value>,
    holds_objects: bool,
}

/// Looks for the records of an operation that is called so.
pub(super) fn records<'d>(document: &Document<'d>, answer: &'d Value, name: &str) -> Records<'d> {
    let shape = document.shape(answer);
    if shape.is_list() {
        return Records::List {
            path: Vec::new(),
            record: shape.items,
            reason: "the answer is a list".to_owned(),
        };
    }
    if !shape.is_object() {
        return Records::None(format!("it answers with {}", shape.kind()));
    }
    if shape.fields.is_empty() {
        return match shape.values {
            Some(record) if document.shape(record).is_object() => Records::Map { record },
            Some(_) => Records::None("it answers with one object".to_owned()),
            None => Records::Unknown("the document does not say what is in its answer".to_owned()),
        };
    }
    let mut found = Vec::new();
    lists(document, &shape.fields, &mut Vec::new(), &mut found);
    if document.is_tired() {
        return Records::None("the schema of its answer is too large, or refers to itself too often".to_owned());
    }
    let is_named = |list: &Found<'_>| {
        let last = list.path.last().map(String::as_str).unwrap_or_default();
        let own = crate::names::identifier(last);
        USUAL_NAMES.contains(&last) || FURTHER_NAMES.contains(&last) || own == name
    };
    // A record has a key of its own; its lists are parts of it.
    let is_record = shape
        .fields
        .iter()
        .any(|field| matches!(field.name, "id" | "_id" | "uuid"));
    found.retain(|list| list.holds_objects || is_named(list));
    let shallowest = |lists: &[&Found<'d>]| lists.iter().map(|list| list.path.len()).min();
    let usual: Vec<&Found<'d>> = found.iter().filter(|list| is_named(list)).collect();
    let others: Vec<&Found<'d>> = found
        .iter()
        .filter(|list| !list.path.iter().any(|name| BESIDE.contains(&name.as_str())))
        .collect();
    let (candidates, why) = if usual.is_empty() {
        (others, "the only list of objects in the answer")
    } else {
        (usual, "a list in the answer with the name that records have")
    };
    if candidates.is_empty() || (is_record && why.starts_with("the only")) {
        return Records::One;
    }
    let least = shallowest(&candidates);
    let best: Vec<&&Found<'d>> = candidates
        .iter()
        .filter(|list| Some(list.path.len()) == least)
        .collect();
    match best.as_slice() {
        [only] => Records::List {
            path: only.path.clone(),
            record: only.record,
            reason: format!("`{}` is {why}", JsonPath::spell(&only.path)),
        },
        several => Records::Several(several.iter().map(|list| JsonPath::spell(&list.path)).collect()),
    }
}

fn lists<'d>(document: &Document<'d>, fields: &[Field<'d>], above: &mut Vec<String>, found: &mut Vec<Found<'d>>) {
    for field in fields {
        let shape = document.shape(field.schema);
        above.push(field.name.to_owned());
        if shape.is_list() {
            let record = shape.items.map(|items| document.shape(items));
            found.push(Found {
                path: above.clone(),
                record: shape.items,
                holds_objects: record.is_none_or(|record| record.is_object()),
            });
        } else if above.len() < DEEPEST && !document.is_tired() {
            lists(document, &shape.fields, above, found);
        }
        above.pop();
    }
}

/// The field that identifies a record, and why; or why none can be told. A document cannot show that no two records
/// have the same value, so only names that say so are taken.
pub(super) fn primary_key<'d>(
    document: &Document<'d>,
    name: &str,
    record: Option<&'d Value>,
) -> Result<(&'d str, String), String> {
    /// Ranks from here on are of names that only describe, and of those only these three are codes.
    const DESCRIBES: usize = 10;
    const CODES: [&str; 3] = ["code", "slug", "sku"];
    let shape = record.map(|record| document.shape(record)).unwrap_or_default();
    if shape.fields.is_empty() {
        return Err("the document does not say what is in a record".to_owned());
    }
    let mut ranked = Vec::new();
    for field in &shape.fields {
        let of_field = document.shape(field.schema);
        let is_key = (of_field.is_integer() || of_field.is_text()) && !of_field.is_object();
        let Some(rank) = rank_of_key(name, field.name).filter(|_| is_key) else {
            continue;
        };
        ranked.push((rank, field, of_field.kind()));
    }
    ranked.sort_by_key(|(rank, _, _)| *rank);
    let says_so = |rank: usize, field: &Field<'_>| match rank {
        0..OF_OTHERS => true,
        OF_OTHERS => false,
        DESCRIBES.. => field.is_required && CODES.contains(&field.name.to_lowercase().as_str()),
        _ => false,
    };
    if let Some((_, field, kind)) = ranked.iter().find(|(rank, field, _)| says_so(*rank, field)) {
        let required = if field.is_required {
            ", which every record has"
        } else {
            ", though the document does not say that every record has it"
        };
        return Ok((
            field.name,
            format!("`{}` is a field of a record, {kind}{required}", field.name),
        ));
    }
    Err(match ranked.first() {
        Some((_, field, _)) => format!("`{}` may be one, and need not be different in each record", field.name),
        None => "no field of a record has the name of a key".to_owned(),
    })
}

/// The field that says when a record was changed.
pub(super) fn change<'d>(document: &Document<'d>, record: Option<&'d Value>) -> Option<&'d str> {
    let shape = document.shape(record?);
    let mut fields = shape.fields.iter();
    Some(fields.find(|field| is_name_of_change(field.name))?.name)
}
