//! Row ids: deterministic, 14 characters, so that a batch that is sent again writes the same rows.
//!
//! A root row of a resource that merges is identified by its key, and a child row of it by its parent's id, its table and
//! its place in the list (dlt's digest, so dlt's vectors hold). A row that an incremental load appends has an id that comes
//! with it, of its load and record, so that it is recognised at the start of the next one. Any other row is identified by
//! its load, partition, page and place, and so are its child rows.

use std::fmt;
use std::ops::Deref;

use arrayvec::ArrayString;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};
use shake::Shake128;
use shake::digest::{ExtendableOutput, Update, XofReader};

use crate::value::Value;

const DIGEST_LENGTH: usize = 10;
const LENGTH: usize = 14;

/// A row id. It takes no memory of its own: there is one for every row.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowId(ArrayString<LENGTH>);

impl RowId {
    fn of_digest(digest: [u8; DIGEST_LENGTH]) -> Self {
        let mut id = [b'A'; LENGTH];
        let written = STANDARD_NO_PAD.encode_slice(digest, &mut id);
        debug_assert_eq!(written, Ok(LENGTH), "10 bytes are 14 characters");
        // All of it is ASCII.
        Self(ArrayString::from_byte_string(&id).unwrap_or_default())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for RowId {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq<&str> for RowId {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

fn digest(text: &[u8]) -> [u8; DIGEST_LENGTH] {
    let mut hasher = Shake128::default();
    hasher.update(text);
    let mut digest = [0; DIGEST_LENGTH];
    hasher.finalize_xof().read(&mut digest);
    digest
}

/// The id of a row that merges, of its key written as JSON. SHA-256, which processors have instructions for: SHAKE-128
/// was a quarter of all that is done to merge a record of a dozen columns into Postgres.
pub fn of_key(json: &str) -> RowId {
    let whole = Sha256::digest(json.as_bytes());
    let mut digest = [0; DIGEST_LENGTH];
    digest.copy_from_slice(&whole[..DIGEST_LENGTH]);
    RowId::of_digest(digest)
}

/// The id of a text: dlt's digest.
pub fn of_text(text: &str) -> RowId {
    RowId::of_digest(digest(text.as_bytes()))
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
pub fn of_record(record: &Value<'_>) -> RowId {
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
pub fn of_child(parent_id: &str, table: &str, list_index: usize) -> RowId {
    ListIds::default().of_list(parent_id, table).id(list_index)
}

/// Gives the elements of one list after the other their ids, from one text.
#[derive(Debug, Default)]
pub struct ListIds {
    text: String,
    /// What all elements of the list begin with.
    prefix: usize,
}

impl ListIds {
    /// Begins a list.
    pub fn of_list(&mut self, parent_id: &str, table: &str) -> &mut Self {
        self.text.clear();
        self.text.push_str(parent_id);
        self.text.push('_');
        self.text.push_str(table);
        self.text.push('_');
        self.prefix = self.text.len();
        self
    }

    /// The id of an element of the list.
    pub fn id(&mut self, list_index: usize) -> RowId {
        self.text.truncate(self.prefix);
        match u8::try_from(list_index) {
            Ok(digit @ 0..=9) => self.text.push(char::from(b'0' + digit)),
            _ => self.text.push_str(&list_index.to_string()),
        }
        of_text(&self.text)
    }
}

/// Gives the rows of one page their ids: one digest for the page, then counting. A digest for each row would be a third
/// of all that is done for a record with a short list.
#[derive(Debug)]
pub struct PageIds {
    roots: Counted,
    children: Counted,
}

/// Ids that follow each other: the last four bytes are counted, which are the last six characters.
#[derive(Debug)]
struct Counted {
    prefix: ArrayString<LENGTH>,
    next: u32,
}

impl PageIds {
    /// The ids of the rows of one page of a partition in a load.
    pub fn new(load_id: &str, resource: &str, partition: &str, page: u64) -> Self {
        let mut place = Vec::new();
        for part in [load_id, resource, partition] {
            place.extend_from_slice(part.as_bytes());
            place.push(0);
        }
        place.extend_from_slice(&page.to_be_bytes());
        let roots = Counted::from(digest(&place));
        place.push(0);
        let children = Counted::from(digest(&place));
        Self { roots, children }
    }

    /// The id of the next root row.
    pub fn next_id(&mut self) -> RowId {
        self.roots.next_id()
    }

    /// The id of the next child row, in any table.
    pub fn next_child_id(&mut self) -> RowId {
        self.children.next_id()
    }
}

impl From<[u8; DIGEST_LENGTH]> for Counted {
    fn from(base: [u8; DIGEST_LENGTH]) -> Self {
        let mut prefix = RowId::of_digest(base).0;
        prefix.truncate(LENGTH - 6);
        let next = u32::from_be_bytes([base[6], base[7], base[8], base[9]]);
        Self { prefix, next }
    }
}

impl Counted {
    fn next_id(&mut self) -> RowId {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut id = self.prefix;
        // Base64 of 32 bits.
        let bits = u64::from(self.next) << 4;
        for sextet in (0..6).rev() {
            id.push(char::from(LETTERS[(bits >> (6 * sextet)) as usize & 63]));
        }
        self.next = self.next.wrapping_add(1);
        RowId(id)
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
    fn ids_of_keys_stay() {
        // Stored rows have them.
        assert_eq!(of_key(r#"{"id":"1"}"#), "WBGWf1QNMA0kmg");
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
    fn ids_that_are_counted_equal_those_of_their_digests() {
        for base in [[0; 10], [255; 10], [1, 2, 3, 4, 5, 6, 255, 255, 255, 254]] {
            let mut counted = Counted::from(base);
            let mut low = u32::from_be_bytes([base[6], base[7], base[8], base[9]]);
            for _ in 0..70 {
                let mut digest = base;
                digest[6..].copy_from_slice(&low.to_be_bytes());
                assert_eq!(counted.next_id(), RowId::of_digest(digest));
                low = low.wrapping_add(1);
            }
        }
    }

    #[test]
    fn ids_of_a_page_differ_and_repeat_for_the_same_page() {
        let ids = |page| {
            let mut ids = PageIds::new("L", "r", "", page);
            let both = (0..1000).map(|_| [ids.next_id(), ids.next_child_id()]);
            both.collect::<Vec<_>>().concat()
        };
        assert_eq!(ids(1), ids(1));
        let all: std::collections::HashSet<_> = ids(1).into_iter().chain(ids(2)).collect();
        assert_eq!(all.len(), 4000);
    }
}
