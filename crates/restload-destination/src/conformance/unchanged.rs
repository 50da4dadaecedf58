//! Rows that are merged again and are what they were: they and their child rows stay as they are, in their very places.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use restload_model::batch::{Batch, Cell, ColumnBuffer, TableBatch};
use restload_model::schema::WriteDisposition::{Append, Merge};
use restload_model::schema::{ColumnHint, LIST_INDEX, MergeStrategy, PARENT_ID, ROOT_ID, ROW_ID, SortOrder, Target};
use restload_model::{iso_time, row_id};

use super::support::*;
use crate::StepReport;

super::conformance!(
    w7_what_is_unchanged_is_not_written,
    what_a_step_does_not_bring_is_gone,
    grandchildren_are_compared,
    every_row_is_marked_where_absence_counts,
    rows_that_come_again_within_a_load,
    rows_from_before_the_key_get_their_ids_once,
    rows_from_before_the_key_lose_their_elements,
    w17_w18_marks_and_sorting_go_before,
    tables_made_within_the_load_hold_what_came,
    merging_at_random_gives_what_came_last,
    values_of_every_type_are_the_same_again,
);

type Users<'c> = &'c [(i64, Cell<'c>, &'c [Cell<'c>])];

/// Records of `users` with an id, a name, and items.
fn users(load_id: &str, key_length: usize, rows: Users<'_>) -> Batch {
    let records: Vec<_> = rows
        .iter()
        .map(|(id, name, items)| {
            let items: Vec<&[Cell<'_>]> = items.iter().map(std::slice::from_ref).collect();
            with_children(&[Cell::Bigint(*id), *name], &items)
        })
        .collect();
    page("users", load_id, 1, (&["id", "name"], key_length), &["value"], &records)
}

const A: Cell<'_> = Cell::Text("a");
const B: Cell<'_> = Cell::Text("b");
const NULL: Cell<'_> = Cell::Null;

fn upsert() -> Target {
    target("users", Merge, &["id"])
}

/// Every row with the place where it stands in the file.
async fn places(database: &Database) -> Vec<String> {
    let place = if database.is_sqlite() { "rowid" } else { "ctid" };
    let roots = format!("SELECT id, {place} FROM users ORDER BY id");
    let items = format!(
        "SELECT u.id, i._rl_list_idx, i.{place} FROM users__items i LEFT JOIN users u ON u._rl_id = i._rl_root_id \
         ORDER BY 1, 2"
    );
    [database.query(&roots).await, database.query(&items).await].concat()
}

/// Loads all batches in one step, and ends as the engine does.
async fn load(database: &Database, load_id: &str, target: &Target, batches: Vec<Batch>) -> StepReport {
    let mut destination = database.open(load_id).await;
    destination.prepare(vec![target.clone()], false).await.unwrap();
    let report = destination.commit(step("users", batches, &[], true)).await.unwrap();
    let all_done = AllDone::of(target);
    destination.finish(outcome(), Some(&all_done)).await.unwrap();
    report
}

async fn contents(database: &Database) -> Vec<String> {
    let roots = "SELECT id, name, _rl_load_id FROM users ORDER BY id";
    let items = "SELECT u.id, i._rl_list_idx, i.value FROM users__items i LEFT JOIN users u ON u._rl_id = i._rl_root_id \
                 ORDER BY 1, 2";
    [database.query(roots).await, database.query(items).await].concat()
}

/// What was done to each table: rows held, inserted, updated and deleted.
fn done(report: &StepReport) -> Vec<(&str, [u64; 4])> {
    let counts = |table: &crate::TableReport| [table.written, table.inserted, table.updated, table.deleted];
    report
        .tables
        .iter()
        .map(|table| (&*table.table, counts(table)))
        .collect()
}

async fn w7_what_is_unchanged_is_not_written(database: &Database) {
    let target = upsert();
    let first: Users<'_> = &[
        (1, A, &[A, NULL]),
        (2, A, &[A, B]),
        (3, A, &[]),
        (4, A, &[A]),
        (5, NULL, &[A]),
        (6, A, &[A]),
        (7, A, &[NULL]),
        (8, A, &[A, B]),
    ];
    load(database, "L1", &target, vec![users("L1", 1, first)]).await;
    let before = places(database).await;
    let report = load(database, "L2", &target, vec![users("L2", 1, first)]).await;
    assert_eq!(
        done(&report),
        [("users", [8, 0, 0, 0]), ("users__items", [10, 0, 0, 0])]
    );
    assert_eq!(places(database).await, before);
    assert!(contents(database).await[..8].iter().all(|row| row.ends_with("|L1")));

    let second: Users<'_> = &[
        (1, A, &[A, NULL]),
        // Another order.
        (2, A, &[B, A]),
        // An element more, and one less.
        (3, A, &[A]),
        (4, A, &[]),
        // Only the root row.
        (5, A, &[A]),
        // From a value to none and back.
        (6, A, &[NULL]),
        (7, A, &[A]),
        (8, A, &[A]),
        (9, A, &[A]),
    ];
    let report = load(database, "L3", &target, vec![users("L3", 1, second)]).await;
    assert_eq!(
        done(&report),
        [("users", [9, 1, 7, 0]), ("users__items", [10, 0, 8, 0])]
    );
    assert_eq!(
        contents(database).await,
        [
            "1|a|L1", "2|a|L3", "3|a|L3", "4|a|L3", "5|a|L3", "6|a|L3", "7|a|L3", "8|a|L3", "9|a|L3", "1|0|a", "1|1|-",
            "2|0|b", "2|1|a", "3|0|a", "5|0|a", "6|0|-", "7|0|a", "8|0|a", "9|0|a",
        ]
    );
    let of_first = |places: &[String]| -> Vec<String> {
        let own = places.iter().filter(|place| place.starts_with("1|"));
        own.cloned().collect()
    };
    assert_eq!(of_first(&places(database).await), of_first(&before));
}

/// Records with no list at all have no child table, and fields that are gone are NULL.
async fn what_a_step_does_not_bring_is_gone(database: &Database) {
    let target = upsert();
    let wide = |load_id: &str| {
        let records = [
            with_children(&[Cell::Bigint(1), A, A], &[&[A, A]]),
            with_children(&[Cell::Bigint(2), A, NULL], &[&[A, NULL]]),
            with_children(&[Cell::Bigint(3), A, A], &[]),
        ];
        page(
            "users",
            load_id,
            1,
            (&["id", "name", "more"], 1),
            &["value", "more"],
            &records,
        )
    };
    load(database, "L1", &target, vec![wide("L1")]).await;
    // Without `more` in either table: what had none in it is unchanged.
    let narrow: Users<'_> = &[(1, A, &[A]), (2, A, &[A]), (3, A, &[])];
    let report = load(database, "L2", &target, vec![users("L2", 1, narrow)]).await;
    assert_eq!(done(&report), [("users", [3, 0, 2, 0]), ("users__items", [2, 0, 1, 0])]);
    assert_eq!(database.query("SELECT count(more) FROM users__items").await, ["0"]);
    // A new column changes only what has a value in it.
    let report = load(database, "L3", &target, vec![wide("L3")]).await;
    assert_eq!(done(&report), [("users", [3, 0, 2, 0]), ("users__items", [2, 0, 1, 0])]);
    let without_lists: Vec<_> = (1..=3).map(|id| record(&[Cell::Bigint(id), A, A])).collect();
    let batch = page("users", "L4", 1, (&["id", "name", "more"], 1), &[], &without_lists);
    let report = load(database, "L4", &target, vec![batch]).await;
    assert_eq!(done(&report), [("users", [3, 0, 2, 0]), ("users__items", [0, 0, 0, 2])]);
    assert_eq!(
        contents(database).await,
        ["1|a|L4", "2|a|L4", "3|a|L3"],
        "an empty list and none are the same"
    );
}

/// Gives every item a list of parts, as the normaliser would.
fn with_parts(mut batch: Batch, parts: &[&[&str]]) -> Batch {
    let items = batch.table("users__items").unwrap();
    let buffer = |name: &str| ColumnBuffer::new(name.into(), name.into(), None);
    let mut columns = ["value", ROW_ID, PARENT_ID, ROOT_ID, LIST_INDEX].map(buffer);
    let mut root_rows = Vec::new();
    for (row, parts) in parts.iter().enumerate() {
        let text = |name: &str| match items.column(name).unwrap().cell(row) {
            Cell::Text(text) => text,
            _ => unreachable!("ids are texts"),
        };
        for (index, part) in parts.iter().enumerate() {
            let id = row_id::of_child(text(ROW_ID), "users__items__parts", index);
            let cells = [
                Cell::Text(part),
                Cell::Text(&id),
                Cell::Text(text(ROW_ID)),
                Cell::Text(text(ROOT_ID)),
                Cell::Bigint(index as i64),
            ];
            for (column, cell) in columns.iter_mut().zip(cells) {
                column.put(root_rows.len(), cell);
            }
            root_rows.push(items.root_rows[row]);
        }
    }
    batch.tables.push(TableBatch {
        name: "users__items__parts".into(),
        parent: Some("users__items".into()),
        source_name: Some("parts".into()),
        row_count: root_rows.len(),
        columns: columns.into(),
        root_rows,
    });
    batch
}

async fn grandchildren_are_compared(database: &Database) {
    let target = upsert();
    let rows: Users<'_> = &[(1, A, &[A, B]), (2, A, &[A])];
    let batch = |load_id: &str, parts: &[&[&str]]| vec![with_parts(users(load_id, 1, rows), parts)];
    load(database, "L1", &target, batch("L1", &[&["x"], &[], &["y", "z"]])).await;
    let before = places(database).await;
    let report = load(database, "L2", &target, batch("L2", &[&["x"], &[], &["y", "z"]])).await;
    assert_eq!(done(&report)[2], ("users__items__parts", [3, 0, 0, 0]));
    assert_eq!(places(database).await, before);
    // The part moves to another item of the same user.
    let report = load(database, "L3", &target, batch("L3", &[&[], &["x"], &["y", "z"]])).await;
    assert_eq!(
        done(&report),
        [
            ("users", [2, 0, 1, 0]),
            ("users__items", [3, 0, 2, 0]),
            ("users__items__parts", [3, 0, 1, 0])
        ]
    );
    let parts = "SELECT p.value, i._rl_list_idx FROM users__items__parts p JOIN users__items i \
                 ON i._rl_id = p._rl_parent_id ORDER BY 1";
    assert_eq!(database.query(parts).await, ["x|1", "y|0", "z|0"]);
    let of_second = places(database)
        .await
        .iter()
        .any(|place| before[2..].contains(place) && place.starts_with("2|"));
    assert!(of_second, "the items of the other user stay");
}

async fn every_row_is_marked_where_absence_counts(database: &Database) {
    let mut target = upsert();
    target.merging.delete_missing = true;
    let first: Users<'_> = &[(1, A, &[A]), (2, A, &[A, B]), (3, A, &[A])];
    load(database, "L1", &target, vec![users("L1", 1, first)]).await;
    let before = places(database).await;
    let second: Users<'_> = &[(1, A, &[A]), (2, A, &[A, A])];
    let report = load(database, "L2", &target, vec![users("L2", 1, second)]).await;
    assert_eq!(done(&report), [("users", [2, 0, 1, 1]), ("users__items", [3, 0, 2, 1])]);
    assert_eq!(
        contents(database).await,
        ["1|a|L2", "2|a|L2", "1|0|a", "2|0|a", "2|1|a"],
        "rows that did not change carry the load all the same"
    );
    let item = |places: &[String]| places.iter().find(|place| place.starts_with("1|0|")).cloned();
    assert_eq!(item(&places(database).await), item(&before));
}

/// What comes twice in one load is compared with what came first.
async fn rows_that_come_again_within_a_load(database: &Database) {
    let target = upsert();
    load(
        database,
        "L1",
        &target,
        vec![users("L1", 1, &[(1, A, &[A]), (2, A, &[A])])],
    )
    .await;
    let mut destination = database.open("L2").await;
    destination.prepare(vec![target.clone()], false).await.unwrap();
    let steps: [Users<'_>; 4] = [
        &[(1, A, &[B]), (2, A, &[A]), (1, A, &[A])],
        &[(1, A, &[A]), (2, A, &[B]), (3, A, &[A])],
        &[(3, A, &[A]), (2, A, &[B])],
        &[(3, A, &[B])],
    ];
    for (number, rows) in steps.iter().enumerate() {
        let last = number == 3;
        let part = step("users", vec![users("L2", 1, rows)], &[], last);
        destination.commit(part).await.unwrap();
    }
    destination.finish(outcome(), None).await.unwrap();
    assert_eq!(
        contents(database).await,
        ["1|a|L1", "2|a|L2", "3|a|L2", "1|0|a", "2|0|b", "3|0|b"]
    );
}

async fn rows_from_before_the_key_get_their_ids_once(database: &Database) {
    let rows: Users<'_> = &[(1, A, &[A, B]), (2, A, &[A])];
    let appended = target("users", Append, &["id"]);
    load(database, "L1", &appended, vec![users("L1", 0, rows)]).await;
    let target = upsert();
    let report = load(database, "L2", &target, vec![users("L2", 1, rows)]).await;
    assert_eq!(done(&report), [("users", [2, 0, 2, 0]), ("users__items", [3, 0, 3, 0])]);
    let before = places(database).await;
    let report = load(database, "L3", &target, vec![users("L3", 1, rows)]).await;
    assert_eq!(done(&report), [("users", [2, 0, 0, 0]), ("users__items", [3, 0, 0, 0])]);
    assert_eq!(places(database).await, before);
}

/// A child table that nothing was merged into has no index on its root rows.
async fn rows_from_before_the_key_lose_their_elements(database: &Database) {
    let rows: Users<'_> = &[(1, A, &[A, B]), (2, A, &[A])];
    let appended = target("users", Append, &["id"]);
    load(database, "L1", &appended, vec![users("L1", 0, rows)]).await;
    for (load_id, updated, deleted) in [("L2", 2, 3), ("L3", 0, 0)] {
        let bare = [record(&[Cell::Bigint(1), A]), record(&[Cell::Bigint(2), A])];
        let batch = page("users", load_id, 1, (&["id", "name"], 1), &[], &bare);
        let report = load(database, load_id, &upsert(), vec![batch]).await;
        assert_eq!(done(&report)[0], ("users", [2, 0, updated, 0]), "{load_id}");
        let of_items = report.tables.iter().find(|table| &*table.table == "users__items");
        assert_eq!(of_items.map_or(0, |table| table.deleted), deleted, "{load_id}");
    }
    assert_eq!(contents(database).await, ["1|a|L2", "2|a|L2"]);
    // Somebody puts one back.
    database
        .run("INSERT INTO users__items (value, _rl_id, _rl_parent_id, _rl_root_id, _rl_list_idx) SELECT 'x', 'x', _rl_id, _rl_id, 0 FROM users WHERE id = 1")
        .await;
    let bare = [record(&[Cell::Bigint(1), A]), record(&[Cell::Bigint(2), A])];
    let batch = page("users", "L4", 1, (&["id", "name"], 1), &[], &bare);
    load(database, "L4", &upsert(), vec![batch]).await;
    assert_eq!(contents(database).await, ["1|a|L4", "2|a|L2"]);
}

async fn w17_w18_marks_and_sorting_go_before(database: &Database) {
    let mut target = upsert();
    target.columns.push(ColumnHint {
        name: "name".into(),
        dedup_sort: Some(SortOrder::Desc),
        ..ColumnHint::default()
    });
    let gone = ColumnHint {
        name: "gone".into(),
        hard_delete: true,
        ..ColumnHint::default()
    };
    let first: Users<'_> = &[(1, B, &[A]), (2, A, &[A])];
    load(database, "L1", &target, vec![users("L1", 1, first)]).await;
    let before = places(database).await;
    // The last one is the lesser one: what counts is the row that is there.
    let second: Users<'_> = &[(1, B, &[A]), (1, A, &[B, B]), (2, A, &[A])];
    let report = load(database, "L2", &target, vec![users("L2", 1, second)]).await;
    assert_eq!(done(&report), [("users", [2, 0, 0, 0]), ("users__items", [2, 0, 0, 0])]);
    assert_eq!(places(database).await, before);
    target.columns.push(gone);
    let records = [
        with_children(&[Cell::Bigint(1), B, Cell::Bool(true)], &[&[A]]),
        with_children(&[Cell::Bigint(2), A, NULL], &[&[A]]),
    ];
    let batch = page("users", "L3", 1, (&["id", "name", "gone"], 1), &["value"], &records);
    let report = load(database, "L3", &target, vec![batch]).await;
    assert_eq!(done(&report), [("users", [1, 0, 0, 1]), ("users__items", [1, 0, 0, 1])]);
    assert_eq!(contents(database).await, ["2|a|L1", "2|0|a"]);
}

/// The first load leaves out what it need not look for, and no more than that.
async fn tables_made_within_the_load_hold_what_came(database: &Database) {
    let target = upsert();
    let without: Vec<_> = (1..=2).map(|id| record(&[Cell::Bigint(id), A])).collect();
    let steps = [
        page("users", "L1", 1, (&["id", "name"], 1), &[], &without),
        users("L1", 1, &[(1, A, &[A]), (3, A, &[A, B])]),
        users("L1", 1, &[(4, A, &[A])]),
        users("L1", 1, &[(5, A, &[A]), (3, A, &[A])]),
    ];
    let mut destination = database.open("L1").await;
    destination.prepare(vec![target.clone()], false).await.unwrap();
    for batch in steps {
        destination
            .commit(step("users", vec![batch], &[], false))
            .await
            .unwrap();
    }
    destination.finish(outcome(), None).await.unwrap();
    let items: Vec<String> = contents(database).await.split_off(5);
    assert_eq!(items, ["1|0|a", "3|0|a", "4|0|a", "5|0|a"]);
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

async fn merging_at_random_gives_what_came_last(database: &Database) {
    let mut numbers = Numbers(20_261_127);
    let mut groups = upsert();
    groups.merging.groups = vec![vec!["name".into()]];
    groups.merging.strategy = MergeStrategy::Upsert;
    let mut known: BTreeMap<i64, (u64, Vec<u64>)> = BTreeMap::new();
    for round in 0..25 {
        let mut came: BTreeMap<i64, (u64, Vec<u64>)> = BTreeMap::new();
        for id in 0..12 {
            let next = match (numbers.below(4), known.get(&id)) {
                (0, _) => continue,
                (1 | 2, Some(known)) => known.clone(),
                _ => {
                    let length = numbers.below(4);
                    (numbers.below(3), (0..length).map(|_| numbers.below(3)).collect())
                }
            };
            came.insert(id, next);
        }
        // In every third load, rows that share a name with one that came and did not come themselves are gone.
        let by_groups = round % 3 == 2;
        if by_groups {
            let names: Vec<u64> = came.values().map(|(name, _)| *name).collect();
            known.retain(|id, (name, _)| came.contains_key(id) || !names.contains(name));
        }
        known.extend(came.clone());
        let cell = |number: u64| [NULL, A, B][number as usize];
        let name = |number: u64| [Cell::Text("n"), A, B][number as usize];
        let items: Vec<Vec<Cell<'_>>> = came
            .values()
            .map(|(_, items)| items.iter().map(|item| cell(*item)).collect())
            .collect();
        let rows: Vec<(i64, Cell<'_>, &[Cell<'_>])> = came
            .iter()
            .zip(&items)
            .map(|((id, (one, _)), items)| (*id, name(*one), &items[..]))
            .collect();
        let load_id = format!("L{round:02}");
        let target = if by_groups { groups.clone() } else { upsert() };
        load(database, &load_id, &target, vec![users(&load_id, 1, &rows)]).await;
        let mut expected = Vec::new();
        let show = |cell: Cell<'_>| match cell {
            Cell::Text(text) => text.to_owned(),
            _ => "-".to_owned(),
        };
        for (id, (one, items)) in &known {
            let mut line = format!("{id}|{}", show(name(*one)));
            for item in items {
                let _ = write!(line, "|{}", show(cell(*item)));
            }
            expected.push(line);
        }
        let mut found: Vec<String> = database.query("SELECT id, name FROM users ORDER BY id").await;
        let items = "SELECT u.id, i.value FROM users__items i LEFT JOIN users u ON u._rl_id = i._rl_root_id \
                     ORDER BY u.id, i._rl_list_idx";
        for item in database.query(items).await {
            let (id, value) = item.split_once('|').unwrap();
            let owner = format!("{id}|");
            let line = found.iter_mut().find(|line| line.starts_with(&owner)).unwrap();
            let _ = write!(line, "|{value}");
        }
        assert_eq!(found, expected, "after load {round}");
    }
}

/// Few rows and many go into Postgres by different ways, and so do those that are compared.
async fn values_of_every_type_are_the_same_again(database: &Database) {
    let day = |text: &str| Cell::Date(iso_time::parse_date(text).unwrap());
    let moment = |text: &str| iso_time::parse_timestamp(text).unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    let columns = [
        "text", "bigint", "double", "bool", "at", "wall", "day", "time", "number", "json", "bytes",
    ];
    let last_second = 86_399_999_999;
    let rows: [[Cell<'_>; 11]; 4] = [
        [
            Cell::Text(""),
            Cell::Bigint(i64::MIN),
            Cell::Double(-0.1),
            Cell::Bool(false),
            Cell::Timestamp(moment("0001-01-01T00:00:00Z")),
            Cell::TimestampNtz(moment("0001-01-01T00:00:00Z")),
            day("0001-01-01"),
            Cell::Time(0),
            Cell::Numeric("-0.0010"),
            Cell::Json("{}"),
            Cell::Binary(b""),
        ],
        [
            Cell::Text("\u{1f600} \"it's\"\n\\."),
            Cell::Bigint(i64::MAX),
            Cell::Double(f64::MAX),
            Cell::Bool(true),
            Cell::Timestamp(moment("9999-12-31T23:59:59.999999Z")),
            Cell::TimestampNtz(moment("9999-12-31T23:59:59.999999Z")),
            day("9999-12-31"),
            Cell::Time(last_second),
            Cell::Numeric("123456789012345678901234567890.123456789"),
            Cell::Json(r#"{"b":[1,2.5,null],"a":"x"}"#),
            Cell::Binary(&bytes),
        ],
        [
            Cell::Text("1969"),
            Cell::Bigint(0),
            Cell::Double(5e-324),
            Cell::Null,
            Cell::Timestamp(-1),
            Cell::TimestampNtz(-1),
            day("1969-12-31"),
            Cell::Time(1),
            Cell::Numeric("0"),
            Cell::Json("[[]]"),
            Cell::Binary(b"\0"),
        ],
        [Cell::Null; 11],
    ];
    let items: Vec<&[Cell<'_>]> = rows.iter().map(|row| &row[..]).collect();
    let target = upsert();
    for (round, count) in [1, 800].into_iter().enumerate() {
        let batch = |load_id: &str| {
            let records: Vec<_> = (0..count)
                .map(|id| with_children(&[Cell::Bigint(id)], &items))
                .collect();
            vec![page("users", load_id, 1, (&["id"], 1), &columns, &records)]
        };
        let (first, second) = (format!("L{round}a"), format!("L{round}b"));
        load(database, &first, &target, batch(&first)).await;
        let report = load(database, &second, &target, batch(&second)).await;
        let held = [count as u64, 4 * count as u64];
        assert_eq!(
            done(&report),
            [("users", [held[0], 0, 0, 0]), ("users__items", [held[1], 0, 0, 0])]
        );
        let different = format!(
            "SELECT DISTINCT {} FROM users__items",
            columns
                .map(|column| match (column, database.is_sqlite()) {
                    ("json", false) => "\"json\"::text".to_owned(),
                    _ => format!("\"{column}\""),
                })
                .join(", ")
        );
        let found = database.query(&different).await;
        assert_eq!(found.len(), 4, "every copy of a row is the same: {found:#?}");
    }
    let extremes = "SELECT \"day\", \"time\", \"bytes\" FROM users__items i JOIN users u ON u._rl_id = i._rl_root_id \
                    WHERE u.id = 0 AND _rl_list_idx < 3 ORDER BY _rl_list_idx";
    let shown = database.query(extremes).await;
    let shown: Vec<&str> = shown.iter().map(|row| &row[..row.len().min(40)]).collect();
    let expected = if database.is_sqlite() {
        [
            "0001-01-01|00:00:00.000000|[]",
            "9999-12-31|23:59:59.999999|[0, 1, 2, 3, ",
            "1969-12-31|00:00:00.000001|[0]",
        ]
    } else {
        [
            "0001-01-01|00:00:00|\\x",
            "9999-12-31|23:59:59.999999|\\x00010203040",
            "1969-12-31|00:00:00.000001|\\x00",
        ]
    };
    assert_eq!(shown, expected);
}
