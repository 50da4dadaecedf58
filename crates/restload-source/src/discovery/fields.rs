//! What a page's records suggest of the primary key, the incremental cursor and the types of columns.

use std::collections::HashSet;

use restload_model::batch::{ColumnBuffer, TableBatch};
use restload_model::value::Object;
use restload_model::{DataType, Value};
use serde_json::{Value as Json, json};

use super::Proposal;
use crate::examination::{rows, text_of};
use crate::incremental::compare;
use crate::json_path::JsonPath;
use crate::paginators::plain_name;
use crate::plan::ResourcePlan;

/// What the records of a page suggest.
#[derive(Debug, Clone, PartialEq)]
pub struct Fields {
    /// The field or fields that identify a record.
    pub primary_key: Option<Proposal>,
    /// The field that says how new a record is.
    pub cursor: Option<CursorProposal>,
    /// The columns of the root table, in their order.
    pub columns: Vec<ColumnProposal>,
}

/// A field that says how new a record is.
#[derive(Debug, Clone, PartialEq)]
pub struct CursorProposal {
    /// The path of the cursor, and what speaks for it.
    pub proposal: Proposal,
    /// Whether records keep it when they change, so that changes are not seen by it.
    pub is_of_creation: bool,
}

/// A column, with what it would hold without being declared.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnProposal {
    /// The column's name.
    pub name: String,
    /// The type that it comes to by itself; none while there is no value.
    pub inferred: Option<DataType>,
    /// A type to declare in its place, with what speaks for it.
    pub declared: Option<(DataType, String)>,
}

/// Names of fields that identify records, the likeliest first.
const KEYS: [&str; 10] = [
    "id", "_id", "uuid", "guid", "key", "code", "slug", "sku", "login", "name",
];
/// Names of fields that say when a record was changed.
const CHANGES: [&str; 13] = [
    "updatedat",
    "modifiedat",
    "lastmodified",
    "lastmodifiedat",
    "lastmodifieddate",
    "lastupdated",
    "lastupdatedat",
    "modified",
    "updated",
    "updatetime",
    "updatedon",
    "modifiedon",
    "changedat",
];
/// Names of fields that say when a record came to be.
const CREATIONS: [&str; 11] = [
    "createdat",
    "created",
    "creationdate",
    "createdon",
    "createtime",
    "insertedat",
    "timestamp",
    "publishedat",
    "occurredat",
    "date",
    "time",
];

/// Looks at the records of one or two pages, after their processing steps.
pub fn examine_records(plan: &ResourcePlan, records: &[Value<'_>]) -> Fields {
    let objects: Vec<&Object<'_>> = records.iter().filter_map(Value::as_object).collect();
    let batch = rows(plan, records);
    let root = batch.tables.first().filter(|table| table.parent.is_none());
    Fields {
        primary_key: primary_key(&plan.name, &objects, records.len()),
        cursor: cursor(&objects, records.len()),
        columns: root.map(columns).unwrap_or_default(),
    }
}

/// The rank of names that identify something else than the resource's own records: `customer_id`.
pub const OF_OTHERS: usize = 6;

/// How likely a field of this name is to identify the records of a resource, 0 being the likeliest; none for a name that
/// is not one of a key. Those from 10 on describe rather than identify.
pub fn rank_of_key(resource: &str, name: &str) -> Option<usize> {
    if let Some(place) = KEYS.iter().position(|known| *known == name.to_lowercase()) {
        return Some(if place < 5 { place } else { place + 10 });
    }
    let singular = plain_name(resource.strip_suffix('s').unwrap_or(resource));
    let plain = plain_name(name);
    match plain.strip_suffix("id").or_else(|| plain.strip_suffix("key")) {
        Some(rest) if rest == singular => Some(5),
        Some(_) => Some(OF_OTHERS),
        None => None,
    }
}

/// Whether a field of this name says when a record was changed.
pub fn is_name_of_change(name: &str) -> bool {
    CHANGES.contains(&plain_name(name).as_str())
}

fn primary_key(resource: &str, records: &[&Object<'_>], count: usize) -> Option<Proposal> {
    if records.is_empty() || records.len() < count {
        return None;
    }
    let names: Vec<&str> = records[0].0.iter().map(|(name, _)| &**name).collect();
    let mut ranked: Vec<(usize, &str)> = names
        .iter()
        .filter_map(|name| Some((rank_of_key(resource, name)?, *name)))
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let seen = |fields: &[&str]| {
        let mut values = HashSet::new();
        let mut values_of = records.iter().map(|record| {
            let values: Option<Vec<String>> = fields.iter().map(|field| key_value(record, field)).collect();
            values
        });
        values_of.all(|value| value.is_some_and(|value| values.insert(value)))
    };
    let in_all = match records.len() {
        1 => "in the one record, which does not show whether it is unique".to_owned(),
        many => format!("in each of {many} records, no two alike"),
    };
    if let Some((_, name)) = ranked.iter().find(|(_, name)| seen(&[name])) {
        return Some(Proposal {
            value: Json::from(*name),
            evidence: format!("`{name}` is {in_all}"),
        });
    }
    // Two that identify only together, such as an order and a line.
    for (index, (_, first)) in ranked.iter().enumerate() {
        for (_, second) in &ranked[index + 1..] {
            if seen(&[first, second]) {
                return Some(Proposal {
                    value: json!([first, second]),
                    evidence: format!("`{first}` and `{second}` together are {in_all}"),
                });
            }
        }
    }
    None
}

/// The value of a field that may be a part of a key.
fn key_value(record: &Object<'_>, field: &str) -> Option<String> {
    match record.get(field)? {
        Value::Null | Value::List(_) | Value::Object(_) | Value::Bool(_) | Value::Double(_) => None,
        Value::Text(text) if text.is_empty() => None,
        value => Some(value.to_json()),
    }
}

fn cursor(records: &[&Object<'_>], count: usize) -> Option<CursorProposal> {
    if records.is_empty() || records.len() < count {
        return None;
    }
    let fields: Vec<&str> = records[0].0.iter().map(|(name, _)| &**name).collect();
    for (names, is_of_creation) in [(CHANGES.as_slice(), false), (CREATIONS.as_slice(), true)] {
        for known in names {
            let Some(field) = fields.iter().find(|field| plain_name(field) == **known) else {
                continue;
            };
            if let Some(evidence) = moments(records, field) {
                return Some(CursorProposal {
                    proposal: Proposal {
                        value: Json::from(JsonPath::spell(&[(*field).to_owned()])),
                        evidence,
                    },
                    is_of_creation,
                });
            }
        }
    }
    None
}

/// From when to when a field's moments are, when every record has one.
fn moments(records: &[&Object<'_>], field: &str) -> Option<String> {
    let mut range: Option<(&Value<'_>, &Value<'_>)> = None;
    for record in records {
        let value = record.get(field).filter(|value| is_moment(value))?;
        let (least, greatest) = range.unwrap_or((value, value));
        range = Some((
            if compare(value, least)?.is_lt() { value } else { least },
            if compare(value, greatest)?.is_gt() {
                value
            } else {
                greatest
            },
        ));
    }
    let (least, greatest) = range?;
    Some(format!(
        "`{field}` is in each of {} records, from {} to {}",
        records.len(),
        least.to_text(),
        greatest.to_text()
    ))
}

fn is_moment(value: &Value<'_>) -> bool {
    match value {
        Value::Text(text) => {
            restload_model::iso_time::parse_timestamp(text).is_some()
                || restload_model::iso_time::parse_date(text).is_some()
        }
        Value::Integer(number) => epoch_unit(*number).is_some(),
        _ => false,
    }
}

/// What a number counts if it is a moment of this century: seconds or milliseconds since 1970.
fn epoch_unit(number: i64) -> Option<&'static str> {
    const START: i64 = 946_684_800;
    const END: i64 = 4_102_444_800;
    if (START..END).contains(&number) {
        Some("seconds")
    } else if (START * 1_000..END * 1_000).contains(&number) {
        Some("milliseconds")
    } else {
        None
    }
}

/// The columns of the root table. A type is proposed only where it is not the one that comes by itself, because a
/// declared type refuses whatever does not fit it later.
fn columns(root: &TableBatch) -> Vec<ColumnProposal> {
    let own = root.columns.iter().filter(|column| !column.name.starts_with("_rl_"));
    let columns = own.map(|column| ColumnProposal {
        name: column.name.to_string(),
        inferred: column.data_type(),
        declared: if column.declared {
            None
        } else {
            better_type(root, column)
        },
    });
    columns.collect()
}

fn better_type(root: &TableBatch, column: &ColumnBuffer) -> Option<(DataType, String)> {
    let values: Vec<String> = (0..root.row_count)
        .filter(|row| column.cell(*row) != restload_model::batch::Cell::Null)
        .map(|row| text_of(root, &column.name, row))
        .collect();
    let first = values.first()?;
    match column.data_type()? {
        DataType::Bigint => {
            let name = plain_name(&column.name);
            let says_so = name.ends_with("at") || name.ends_with("time") || name.ends_with("date") || name == "created";
            let is_seconds = |text: &String| text.parse().ok().and_then(epoch_unit) == Some("seconds");
            // Milliseconds would have to be divided first, which a type does not do.
            (says_so && values.iter().all(is_seconds)).then(|| {
                let evidence = format!("whole numbers such as {first}, which are seconds since 1970");
                (DataType::Timestamp, evidence)
            })
        }
        DataType::Text => {
            // A number with a point is an amount; one without may be a name with leading zeros.
            let is_amount = |text: &String| is_plain_decimal(text);
            (values.iter().all(is_amount) && values.iter().any(|text| text.contains('.'))).then(|| {
                let evidence = format!(
                    "text in the answer, and a number such as {first} in each of {} records",
                    values.len()
                );
                (DataType::Numeric, evidence)
            })
        }
        _ => None,
    }
}

fn is_plain_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    are_digits(whole) && are_digits(fraction) && (whole == "0" || !whole.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_objects(records: &Json, look: impl Fn(&[&Object<'_>]) -> String) -> String {
        let records: Vec<Value<'_>> = records.as_array().unwrap().iter().cloned().map(Value::from).collect();
        let objects: Vec<&Object<'_>> = records.iter().filter_map(Value::as_object).collect();
        look(&objects)
    }

    #[test]
    fn keys_are_in_every_record_and_no_two_alike() {
        let key = |resource: &str, records: Json| {
            with_objects(&records, |objects| {
                let found = primary_key(resource, objects, objects.len());
                found.map_or_else(
                    || "none".to_owned(),
                    |found| format!("{}: {}", found.value, found.evidence),
                )
            })
        };
        let all = [
            key("orders", json!([{"name": "a", "id": 1}, {"name": "b", "id": 2}])),
            key("orders", json!([{"id": 1}, {"id": 1}])),
            key(
                "orders",
                json!([{"user_id": 1, "order_id": 1}, {"user_id": 2, "order_id": 2}]),
            ),
            key(
                "lines",
                json!([{"order_id": 1, "line_id": 1}, {"order_id": 1, "line_id": 2}, {"order_id": 2, "line_id": 1}]),
            ),
            key(
                "countries",
                json!([{"code": "de", "name": "x"}, {"code": "fr", "name": "x"}]),
            ),
            key("x", json!([{"id": null}, {"id": 1}])),
            key("x", json!([{"id": 1.5}, {"id": 2.5}])),
            key("x", json!([{"id": 1}])),
        ];
        insta::assert_snapshot!(all.join("\n"), @r#"
        "id": `id` is in each of 2 records, no two alike
        none
        "order_id": `order_id` is in each of 2 records, no two alike
        ["line_id","order_id"]: `line_id` and `order_id` together are in each of 3 records, no two alike
        "code": `code` is in each of 2 records, no two alike
        none
        none
        "id": `id` is in the one record, which does not show whether it is unique
        "#);
    }

    #[test]
    fn cursors_are_moments_of_a_change_before_those_of_a_creation() {
        let found = |records: Json| {
            with_objects(&records, |objects| {
                cursor(objects, objects.len()).map_or_else(
                    || "none".to_owned(),
                    |found| {
                        format!(
                            "{} {}: {}",
                            found.proposal.value, found.is_of_creation, found.proposal.evidence
                        )
                    },
                )
            })
        };
        let all = [
            found(
                json!([{"created_at": "2024-01-01", "updatedAt": "2024-01-03T00:00:00Z"}, {"created_at": "2024-01-01", "updatedAt": "2024-01-02T00:00:00Z"}]),
            ),
            found(json!([{"created": 1_704_067_200}, {"created": 1_704_067_100}])),
            found(json!([{"updated_at": null, "created": "2024-01-01"}])),
            found(json!([{"updated_at": "yesterday"}])),
            found(json!([{"id": 1}])),
        ];
        insta::assert_snapshot!(all.join("\n"), @r#"
        "updatedAt" false: `updatedAt` is in each of 2 records, from 2024-01-02T00:00:00Z to 2024-01-03T00:00:00Z
        "created" true: `created` is in each of 2 records, from 1704067100 to 1704067200
        "created" true: `created` is in each of 1 records, from 2024-01-01 to 2024-01-01
        none
        none
        "#);
    }

    #[test]
    fn amounts_are_told_from_names_made_of_digits() {
        for (text, expected) in [
            ("12.50", true),
            ("0.5", true),
            ("-3", true),
            ("007", false),
            ("1.2.3", false),
            ("1e3", false),
            ("", false),
        ] {
            assert_eq!(is_plain_decimal(text), expected, "{text}");
        }
    }
}
