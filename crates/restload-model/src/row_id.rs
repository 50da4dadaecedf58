//! Row ids: deterministic, 14 characters, so that a batch that is sent again writes the same rows.
//!
//! A root row of a resource that merges is identified by its key, any other by its load, partition, page and place; a
//! child row by its parent's id, its table and its place in the list (dlt's digest, so dlt's vectors hold).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use shake::Shake128;
use shake::digest::{ExtendableOutput, Update, XofReader};

use crate::value::Value;

const DIGEST_LENGTH: usize = 10;

fn encode(digest: [u8; DIGEST_LENGTH]) -> String {
    STANDARD_NO_PAD.encode(digest)
}

fn digest(parts: &[&[u8]]) -> [u8; DIGEST_LENGTH] {
    let mut hasher = Shake128::default();
    for part in parts {
        hasher.update(part);
    }
    let mut digest = [0; DIGEST_LENGTH];
    hasher.finalize_xof().read(&mut digest);
    digest
}

/// The id of a text: a key written as JSON, for instance.
pub fn of_text(text: &str) -> String {
    encode(digest(&[text.as_bytes()]))
}

/// What tells a partition from the others of its resource, in 16 bytes.
pub fn of_partition(name: &str) -> u128 {
    let mut hasher = Shake128::default();
    hasher.update(name.as_bytes());
    let mut digest = [0; 16];
    hasher.finalize_xof().read(&mut digest);
    u128::from_le_bytes(digest)
}

/// The id of all that a record holds: dlt's digest of its JSON with sorted keys, without our own columns.
pub fn of_record(record: &Value<'_>) -> String {
    let mut json = String::new();
    write_sorted(record, &mut json, true);
    of_text(&json)
}

fn write_sorted(value: &Value<'_>, out: &mut String, is_root: bool) {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object.0.iter().collect();
            members.retain(|(key, _)| !(is_root && key.starts_with("_rl")));
            members.sort_by(|(left, _), (right, _)| left.cmp(right));
            out.push('{');
            for (index, (key, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                Value::Text(key.as_ref().into()).write_json(out);
                out.push(':');
                write_sorted(member, out, false);
            }
            out.push('}');
        }
        Value::List(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_sorted(element, out, false);
            }
            out.push(']');
        }
        scalar => scalar.write_json(out),
    }
}

/// The id of an element of a list.
pub fn of_child(parent_id: &str, table: &str, list_index: usize) -> String {
    let index = list_index.to_string();
    encode(digest(&[
        parent_id.as_bytes(),
        b"_",
        table.as_bytes(),
        b"_",
        index.as_bytes(),
    ]))
}

/// Gives the rows of one page their ids: one digest for the page, then counting.
#[derive(Debug)]
pub struct PageIds {
    base: [u8; DIGEST_LENGTH],
    next: u32,
}

impl PageIds {
    /// The ids of the rows of one page of a partition in a load.
    pub fn new(load_id: &str, resource: &str, partition: &str, page: u64) -> Self {
        let page = page.to_be_bytes();
        let base = digest(&[
            load_id.as_bytes(),
            b"\0",
            resource.as_bytes(),
            b"\0",
            partition.as_bytes(),
            b"\0",
            &page,
        ]);
        Self { base, next: 0 }
    }

    /// The id of the next row.
    pub fn next_id(&mut self) -> String {
        let mut id = self.base;
        let low = u32::from_be_bytes([id[6], id[7], id[8], id[9]]).wrapping_add(self.next);
        id[6..].copy_from_slice(&low.to_be_bytes());
        self.next += 1;
        encode(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j14_digests_equal_dlts() {
        assert_eq!(of_text(r#"{"id":1,"tx_id":"tx1🚀3"}"#), "19GAeLNivYhDqg");
        assert_eq!(of_child("19GAeLNivYhDqg", "parent__child", 0), "hhWFugO13PeLBQ");
        assert_eq!(
            of_child("hhWFugO13PeLBQ", "parent__child__grandchild", 0),
            "rsgPU8Q0nJ4QVg"
        );
        assert_eq!(of_child("lJFeRLTPPRGO5g", "tricky_items__tags", 0), "1ucGrsFfUctpbA");
        assert_eq!(of_child("1", "parent__child", 0), "mvMThji/REOKKA");
    }

    #[test]
    fn j13_a_child_follows_from_its_parent_table_and_place() {
        let id = of_child("parent", "t__list", 0);
        assert_eq!(of_child("parent", "t__list", 0), id);
        for other in [
            of_child("other", "t__list", 0),
            of_child("parent", "u__list", 0),
            of_child("parent", "t__list", 1),
        ] {
            assert_ne!(other, id);
        }
    }

    #[test]
    fn j14_ids_of_records_equal_dlts() {
        for (json, id) in [
            (serde_json::json!({"id": 1, "tx_id": "tx1🚀3"}), "19GAeLNivYhDqg"),
            (serde_json::json!({"tx_id": "tx2Ü+😎üß", "id": 1}), "wg/EKJyC+CXo/g"),
            (
                serde_json::json!({"nk": 2, "c2": {"nc1": "bar"}, "c1": "bar", "_rl_note": 1}),
                "S41QIpRa9Fwh0w",
            ),
            (
                serde_json::json!({"nk": 1, "c1": "foo", "c2": {"nc1": "foo_🚀updated"}}),
                "Z/zzrOzuLRhhWw",
            ),
            (serde_json::json!({"nk": 1, "c1": "foo", "c2": [1]}), "xckkyP06CR5now"),
        ] {
            assert_eq!(of_record(&Value::from(json)), id);
        }
        assert_eq!(of_child("xckkyP06CR5now", "dim_test__c2", 0), "DVp8ashfqPeSOA");
    }

    #[test]
    fn ids_of_a_page_differ_and_repeat_for_the_same_page() {
        let ids = |page| {
            let mut ids = PageIds::new("L", "r", "", page);
            (0..1000).map(|_| ids.next_id()).collect::<Vec<_>>()
        };
        assert_eq!(ids(1), ids(1));
        let all: std::collections::HashSet<_> = ids(1).into_iter().chain(ids(2)).collect();
        assert_eq!(all.len(), 2000);
    }
}
