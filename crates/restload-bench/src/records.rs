//! The invented records. Every record is a pure function of its index, so that any page can be rendered on its own,
//! and every id has the same number of digits, so that a rendered page can be given other ids in place.

use std::fmt::Write as _;

use jiff::civil::date;
use jiff::{Timestamp, ToSpan as _};

/// The id of the record with index 0; ids have [`ID_DIGITS`] digits.
pub(crate) const FIRST_ID: usize = 1_000_000;
/// Digits of every id.
pub(crate) const ID_DIGITS: usize = 7;
/// Where the id begins in a rendered flat or nested record: behind `{"id":`.
pub(crate) const ID_OFFSET: usize = 6;
/// Child rows of one parent.
pub(crate) const CHILDREN_PER_PARENT: usize = 20;
/// Items in the list of one nested record.
pub(crate) const ITEMS_PER_ORDER: usize = 3;

const FIRST_NAMES: [&str; 8] = ["Ada", "Björn", "Chloé", "Dmitri", "Emeka", "Fatima", "Grace", "Hiroshi"];
const LAST_NAMES: [&str; 8] = [
    "Lovelace",
    "Andersson",
    "Dubois",
    "Ivanov",
    "Okafor",
    "Haddad",
    "Hopper",
    "Tanaka",
];
const CITIES: [&str; 4] = ["Reykjavík", "Montevideo", "Ljubljana", "Wellington"];

/// Twelve columns: three numbers of different kinds, texts, a flag, two doubles, a timestamp, a date, a nullable text.
pub(crate) fn write_flat(out: &mut String, index: usize) {
    let noise = scramble(index);
    let _ = write!(
        out,
        r#"{{"id":{id},"account_id":{account},"external_id":"{noise:016x}","name":"{first} {last}","email":"user{noise}@example.com","is_active":{active},"score":{score:.6},"balance":{balance:.2},"quantity":{quantity},"created_at":"{created}","birth_date":"{born}","note":"#,
        id = FIRST_ID + index,
        account = noise % 5_000,
        first = pick(&FIRST_NAMES, noise),
        last = pick(&LAST_NAMES, noise >> 8),
        active = !noise.is_multiple_of(3),
        score = (noise % 1_000_000) as f64 / 1_000_000.0,
        balance = (noise % 20_000_000) as f64 / 100.0 - 50_000.0,
        quantity = noise % 250,
        created = timestamp(noise),
        born = date(1950, 1, 1) + ((noise % 20_000) as i64).days(),
    );
    if noise.is_multiple_of(4) {
        out.push_str("null}");
    } else {
        let _ = write!(out, r#""Called back on line {}, wants the \"blue\" one"}}"#, noise % 90);
    }
}

/// Two nested objects and a list of three objects.
pub(crate) fn write_nested(out: &mut String, index: usize) {
    let noise = scramble(index);
    let _ = write!(
        out,
        r#"{{"id":{id},"number":"SO-{noise:012x}","placed_at":"{placed}","total":{total:.2},"customer":{{"id":{customer},"name":"{first} {last}","email":"user{noise}@example.com"}},"shipping":{{"street":"{house} Long Street","city":"{city}","postcode":"{postcode:05}"}},"items":["#,
        id = FIRST_ID + index,
        placed = timestamp(noise),
        total = (noise % 1_000_000) as f64 / 100.0,
        customer = noise % 5_000,
        first = pick(&FIRST_NAMES, noise),
        last = pick(&LAST_NAMES, noise >> 8),
        house = noise % 400,
        city = pick(&CITIES, noise >> 16),
        postcode = noise % 100_000,
    );
    for position in 0..ITEMS_PER_ORDER {
        let item = scramble(index * ITEMS_PER_ORDER + position);
        let comma = if position == 0 { "" } else { "," };
        let _ = write!(
            out,
            r#"{comma}{{"sku":"A-{sku:06}","quantity":{quantity},"price":{price:.2}}}"#,
            sku = item % 1_000_000,
            quantity = item % 9 + 1,
            price = (item % 50_000) as f64 / 100.0,
        );
    }
    out.push_str("]}");
}

pub(crate) fn write_parent(out: &mut String, index: usize) {
    let noise = scramble(index);
    let first = pick(&FIRST_NAMES, noise);
    let last = pick(&LAST_NAMES, noise >> 8);
    let _ = write!(out, r#"{{"id":{},"name":"{first} {last}"}}"#, FIRST_ID + index);
}

pub(crate) fn write_child(out: &mut String, parent: usize, position: usize) {
    let index = parent * CHILDREN_PER_PARENT + position;
    let noise = scramble(index);
    let _ = write!(
        out,
        r#"{{"id":{id},"parent":{parent},"amount":{amount:.2},"booked_at":"{booked}"}}"#,
        id = FIRST_ID + index,
        parent = FIRST_ID + parent,
        amount = (noise % 100_000) as f64 / 100.0,
        booked = timestamp(noise),
    );
}

/// A moment within about three years, to the millisecond.
fn timestamp(noise: u64) -> Timestamp {
    Timestamp::from_millisecond(1_650_000_000_000 + (noise % 100_000_000_000) as i64).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn pick(words: &[&'static str], noise: u64) -> &'static str {
    words[noise as usize % words.len()]
}

/// `SplitMix64`: neighbours look unrelated, so that no column compresses or sorts by accident. 53 bits are kept,
/// which every JSON reader holds exactly.
fn scramble(index: usize) -> u64 {
    let mut state = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state ^ (state >> 31)) >> 11
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(write: impl Fn(&mut String)) -> serde_json::Value {
        let mut text = String::new();
        write(&mut text);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn flat_records_have_twelve_columns_of_steady_types() {
        for index in 0..200 {
            let record = parsed(|out| write_flat(out, index));
            assert_eq!(record.as_object().unwrap().len(), 12);
            assert_eq!(record["id"], FIRST_ID + index);
            assert!(record["score"].is_f64() && record["balance"].is_f64());
            assert!(record["note"].is_null() || record["note"].is_string());
            assert!(record["created_at"].as_str().unwrap().parse::<Timestamp>().is_ok());
            assert!(
                record["birth_date"]
                    .as_str()
                    .unwrap()
                    .parse::<jiff::civil::Date>()
                    .is_ok()
            );
        }
    }

    #[test]
    fn nested_records_have_two_objects_and_a_list_of_three() {
        let record = parsed(|out| write_nested(out, 7));
        assert!(record["customer"]["name"].is_string());
        assert!(record["shipping"]["city"].is_string());
        assert_eq!(record["items"].as_array().unwrap().len(), ITEMS_PER_ORDER);
    }

    #[test]
    fn the_id_stands_where_pages_are_patched() {
        let mut text = String::new();
        write_flat(&mut text, 41);
        assert_eq!(&text[ID_OFFSET..ID_OFFSET + ID_DIGITS], "1000041");
        text.clear();
        write_nested(&mut text, 42);
        assert_eq!(&text[ID_OFFSET..ID_OFFSET + ID_DIGITS], "1000042");
    }
}
