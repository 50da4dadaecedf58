//! The strategies of `merge`: what stands in the tables after a load, and after one that was interrupted or limited.

use restload_model::DataType;
use restload_model::batch::{Batch, Cell, Reject, RejectKind};
use restload_model::schema::WriteDisposition::Merge;
use restload_model::schema::{ColumnHint, History, MergeStrategy, SortOrder, Target};

use super::support::*;
use crate::{Destination, StepReport};

super::conformance!(
    w9_a_merge_key_replaces_its_groups,
    w13_w24_a_merge_key_alone_keeps_duplicates,
    w14_deduplicated_rows_share_a_key,
    w12_w15_duplicates_of_a_step_and_of_steps,
    groups_wait_for_the_end_of_the_load,
    w17_w21_marked_rows_are_deleted_with_their_children,
    w17_a_mark_of_any_type_deletes_a_group,
    w18_the_greatest_value_counts_within_and_across_steps,
    w20_insert_only_adds_rows_and_elements,
    w20_elements_of_duplicates_come_where_rejects_are_tolerated,
    delete_missing_deletes_what_a_whole_load_has_not,
    delete_missing_deletes_nothing_after_less_than_a_whole_load,
    w27_versions_are_dated,
    w28_versions_follow_their_children,
    w29_a_merge_key_limits_what_ends,
    w29_a_merge_key_of_two_columns_limits_what_ends,
    w30_versions_with_their_own_names_and_moments,
);

/// Records of `users` with an id, another cell, and items.
fn users(load_id: &str, key_length: usize, columns: &[&str], rows: &[(&[Cell<'_>], &[&str])]) -> Batch {
    let records: Vec<_> = rows
        .iter()
        .map(|(cells, items)| {
            let items: Vec<Vec<Cell<'_>>> = items.iter().map(|item| vec![Cell::Text(item)]).collect();
            let items: Vec<&[Cell<'_>]> = items.iter().map(Vec::as_slice).collect();
            with_children(cells, &items)
        })
        .collect();
    page("users", load_id, 1, (columns, key_length), &["value"], &records)
}

fn day(load_id: &str, key_length: usize, rows: &[(i64, &str)]) -> Batch {
    let cells: Vec<[Cell<'_>; 2]> = rows
        .iter()
        .map(|(id, day)| [Cell::Bigint(*id), Cell::Text(day)])
        .collect();
    let rows: Vec<(&[Cell<'_>], &[&str])> = cells.iter().map(|cells| (&cells[..], &["x"][..])).collect();
    users(load_id, key_length, &["id", "day"], &rows)
}

fn by_group(primary_key: &[&str], groups: &[&[&str]], strategy: MergeStrategy) -> Target {
    let mut target = target("users", Merge, primary_key);
    target.merging.strategy = strategy;
    target.merging.groups = groups
        .iter()
        .map(|group| group.iter().map(|name| (*name).into()).collect())
        .collect();
    target
}

const DAYS: &str = "SELECT id, day FROM users ORDER BY day, id";
const ITEMS: &str = "SELECT u.id, i.value FROM users__items i LEFT JOIN users u ON u._rl_id = i._rl_root_id \
                     ORDER BY u.id, i._rl_list_idx, i.value";
const STATE: &str = "SELECT \"partition\" FROM _rl_state ORDER BY 1";

/// Begins a load and writes its batches in steps of one each, the last of which is not the resource's last.
async fn begin(database: &Database, load_id: &str, target: &Target, batches: Vec<Batch>) -> Destination {
    let mut destination = database.open(load_id).await;
    destination.prepare(vec![target.clone()], false).await.unwrap();
    for (number, batch) in batches.into_iter().enumerate() {
        let position = number.to_string();
        let part = step(&target.resource, vec![batch], &[("", Some(&position))], false);
        destination.commit(part).await.unwrap();
    }
    destination
}

/// Brings a load to its end, as the engine does.
async fn end(mut destination: Destination, target: &Target) -> StepReport {
    let report = destination
        .commit(step(&target.resource, Vec::new(), &[], true))
        .await
        .unwrap();
    let all_done = AllDone::of(target);
    destination.finish(outcome(), Some(&all_done)).await.unwrap();
    report
}

async fn whole(database: &Database, load_id: &str, target: &Target, batches: Vec<Batch>) -> StepReport {
    let destination = begin(database, load_id, target, batches).await;
    end(destination, target).await
}

async fn w9_a_merge_key_replaces_its_groups(database: &Database) {
    let target = by_group(&["id"], &[&["day"]], MergeStrategy::Upsert);
    let first = day("L1", 1, &[(1, "mon"), (2, "mon"), (3, "tue"), (4, "wed")]);
    whole(database, "L1", &target, vec![first]).await;
    // 2 is gone from its day, 3 has moved to another one, and Wednesday does not come.
    let steps = vec![day("L2", 1, &[(1, "mon")]), day("L2", 1, &[(5, "mon"), (3, "thu")])];
    let report = whole(database, "L2", &target, steps).await;
    assert_eq!(database.query(DAYS).await, ["1|mon", "5|mon", "3|thu", "4|wed"]);
    assert_eq!(database.query(ITEMS).await, ["1|x", "3|x", "4|x", "5|x"]);
    let deleted: Vec<_> = report
        .tables
        .iter()
        .map(|table| (&*table.table, table.deleted))
        .collect();
    assert_eq!(deleted, [("users__items", 1), ("users", 1)]);
    // By `upsert` the rows of a day stay.
    let upsert = by_group(&["id"], &[], MergeStrategy::Upsert);
    whole(database, "L3", &upsert, vec![day("L3", 1, &[(6, "mon")])]).await;
    assert_eq!(database.query(DAYS).await.len(), 5);
    assert!(database.query(STATE).await.is_empty());
}

async fn w13_w24_a_merge_key_alone_keeps_duplicates(database: &Database) {
    let by_day = by_group(&[], &[&["day"]], MergeStrategy::Regroup);
    let first = day("L1", 0, &[(1, "mon"), (1, "mon"), (2, "tue")]);
    whole(database, "L1", &by_day, vec![first]).await;
    assert_eq!(database.query(DAYS).await, ["1|mon", "1|mon", "2|tue"]);
    whole(database, "L2", &by_day, vec![day("L2", 0, &[(3, "mon")])]).await;
    assert_eq!(database.query(DAYS).await, ["3|mon", "2|tue"]);
    let by_both = by_group(&[], &[&["id", "day"]], MergeStrategy::Regroup);
    whole(database, "L3", &by_both, vec![day("L3", 0, &[(4, "mon"), (2, "tue")])]).await;
    assert_eq!(database.query(DAYS).await, ["3|mon", "4|mon", "2|tue"]);
    assert_eq!(database.query(ITEMS).await.len(), 3);
}

async fn w14_deduplicated_rows_share_a_key(database: &Database) {
    let target = by_group(&["id"], &[&["id"]], MergeStrategy::Regroup);
    whole(
        database,
        "L1",
        &target,
        vec![day("L1", 0, &[(1, "a"), (1, "b"), (2, "c")])],
    )
    .await;
    whole(database, "L2", &target, vec![day("L2", 0, &[(1, "d"), (1, "e")])]).await;
    assert_eq!(database.query(DAYS).await, ["2|c", "1|d", "1|e"]);
}

async fn w12_w15_duplicates_of_a_step_and_of_steps(database: &Database) {
    let target = by_group(&["id"], &[], MergeStrategy::Upsert);
    let steps = vec![
        day("L1", 1, &[(1, "a"), (1, "b"), (2, "c")]),
        day("L1", 1, &[(2, "d"), (3, "e")]),
        day("L1", 1, &[(2, "d"), (3, "e")]),
    ];
    whole(database, "L1", &target, steps).await;
    assert_eq!(database.query(DAYS).await, ["1|b", "2|d", "3|e"]);
    assert_eq!(database.query(ITEMS).await, ["1|x", "2|x", "3|x"]);
    // Of the elements those of the last row are there, and no others.
    let elements: [(&[Cell<'_>], &[&str]); 3] = [
        (&[Cell::Bigint(1)], &["p", "q"]),
        (&[Cell::Bigint(1)], &["r"]),
        (&[Cell::Bigint(2)], &["s"]),
    ];
    let later: [(&[Cell<'_>], &[&str]); 1] = [(&[Cell::Bigint(2)], &["t", "u"])];
    let steps = [&elements[..], &later].map(|rows| users("L1b", 1, &["id"], rows));
    whole(database, "L1b", &target, steps.into()).await;
    assert_eq!(database.query(ITEMS).await, ["1|r", "2|t", "2|u", "3|x"]);
    let mut destination = begin(database, "L2", &target, Vec::new()).await;
    let batches = vec![day("L2", 1, &[(3, "f"), (4, "g"), (4, "h")])];
    let report = destination.commit(step("users", batches, &[], false)).await.unwrap();
    let root = &report.tables[0];
    assert_eq!(
        (root.written, root.inserted, root.updated, root.duplicates),
        (2, 1, 1, 1)
    );
    let items = &report.tables[1];
    assert_eq!(
        (items.written, items.inserted, items.updated, items.deleted),
        (2, 1, 1, 0)
    );
}

async fn groups_wait_for_the_end_of_the_load(database: &Database) {
    let target = by_group(&[], &[&["day"]], MergeStrategy::Regroup);
    whole(database, "L1", &target, vec![day("L1", 0, &[(1, "mon"), (2, "mon")])]).await;
    // Interrupted, then limited, then gone on with: all that the three brought stays, nothing of the first.
    drop(begin(database, "L2", &target, vec![day("L2", 0, &[(3, "mon")])]).await);
    assert_eq!(database.query(DAYS).await, ["1|mon", "2|mon", "3|mon"]);
    let mut limited = database.open("L3").await;
    limited.limit();
    limited.restart(&target.resource);
    limited.prepare(vec![target.clone()], false).await.unwrap();
    let sample = step("users", vec![day("L3", 0, &[(4, "mon")])], &[], true);
    limited.commit(sample).await.unwrap();
    limited.finish(outcome(), None).await.unwrap();
    assert_eq!(database.query(DAYS).await.len(), 4);
    let mut destination = begin(database, "L4", &target, vec![day("L4", 0, &[(5, "mon")])]).await;
    assert_eq!(destination.checkpoints("users").await.unwrap().len(), 1);
    end(destination, &target).await;
    assert_eq!(database.query(DAYS).await, ["3|mon", "4|mon", "5|mon"]);
    // One that begins anew does not go on with what an interrupted one has left.
    drop(begin(database, "L5", &target, vec![day("L5", 0, &[(6, "mon")])]).await);
    let mut anew = database.open("L6").await;
    anew.restart(&target.resource);
    anew.prepare(vec![target.clone()], false).await.unwrap();
    let batches = vec![day("L6", 0, &[(7, "mon")])];
    anew.commit(step("users", batches, &[], true)).await.unwrap();
    anew.finish(outcome(), None).await.unwrap();
    assert_eq!(database.query(DAYS).await, ["7|mon"]);
}

fn marked(load_id: &str, key_length: usize, rows: &[(i64, Cell<'_>, &[&str])]) -> Batch {
    let cells: Vec<[Cell<'_>; 2]> = rows.iter().map(|(id, mark, _)| [Cell::Bigint(*id), *mark]).collect();
    let rows: Vec<(&[Cell<'_>], &[&str])> = cells.iter().zip(rows).map(|(cells, row)| (&cells[..], row.2)).collect();
    users(load_id, key_length, &["id", "gone"], &rows)
}

fn marks(mut target: Target) -> Target {
    target.columns = vec![ColumnHint {
        name: "gone".into(),
        hard_delete: true,
        ..ColumnHint::default()
    }];
    target
}

async fn w17_w21_marked_rows_are_deleted_with_their_children(database: &Database) {
    let target = marks(by_group(&["id"], &[], MergeStrategy::Upsert));
    let (yes, no) = (Cell::Bool(true), Cell::Bool(false));
    // Nothing is there yet: a mark inserts nothing.
    let first = marked(
        "L1",
        1,
        &[
            (1, no, &["a", "b"]),
            (2, Cell::Null, &["c"]),
            (3, no, &["d"]),
            (9, yes, &["e"]),
        ],
    );
    whole(database, "L1", &target, vec![first]).await;
    assert_eq!(database.query(ITEMS).await, ["1|a", "1|b", "2|c", "3|d"]);
    // A mark without anything else; one before its row, and one after it.
    let mut destination = begin(database, "L2", &target, Vec::new()).await;
    let batches = vec![
        marked("L2", 1, &[(1, yes, &[]), (2, yes, &[]), (8, yes, &[])]),
        marked("L2", 1, &[(2, no, &["C"]), (4, no, &["f"]), (4, yes, &[])]),
    ];
    let report = destination.commit(step("users", batches, &[], true)).await.unwrap();
    let root = &report.tables[0];
    assert_eq!(
        (root.written, root.updated, root.deleted, root.duplicates),
        (1, 1, 1, 2)
    );
    assert_eq!(database.query(ITEMS).await, ["2|C", "3|d"]);
    assert_eq!(database.query("SELECT id FROM users ORDER BY id").await, ["2", "3"]);
    let later = vec![marked("L2", 1, &[(2, yes, &[])])];
    destination.commit(step("users", later, &[], true)).await.unwrap();
    assert_eq!(database.query(ITEMS).await, ["3|d"]);
    destination.finish(outcome(), None).await.unwrap();

    // The same where the rows are gathered first.
    let mut refresh = database.open("L3").await;
    refresh.prepare(vec![target.clone()], true).await.unwrap();
    for rows in [
        &[(1, no, &["a"][..]), (2, no, &["b"])][..],
        &[(1, yes, &[]), (3, no, &["c"])],
    ] {
        let batches = vec![marked("L3", 1, rows)];
        refresh.commit(step("users", batches, &[], false)).await.unwrap();
    }
    refresh.commit(step("users", Vec::new(), &[], true)).await.unwrap();
    refresh.finish(outcome(), None).await.unwrap();
    assert_eq!(database.query(ITEMS).await, ["2|b", "3|c"]);
}

async fn w17_a_mark_of_any_type_deletes_a_group(database: &Database) {
    let target = marks(by_group(&[], &[&["id"]], MergeStrategy::Regroup));
    let first = marked(
        "L1",
        0,
        &[
            (1, Cell::Null, &["a"]),
            (1, Cell::Null, &["b"]),
            (2, Cell::Null, &["c"]),
        ],
    );
    whole(database, "L1", &target, vec![first]).await;
    let second = marked(
        "L2",
        0,
        &[(1, Cell::Text("2024-01-01T00:00:00"), &[]), (3, Cell::Null, &["d"])],
    );
    whole(database, "L2", &target, vec![second]).await;
    assert_eq!(database.query(ITEMS).await, ["2|c", "3|d"]);
}

/// An id, a version, whether the record is gone, and an item.
type Row<'r> = (i64, Cell<'r>, bool, &'r str);

async fn w18_the_greatest_value_counts_within_and_across_steps(database: &Database) {
    let sorted = |order| {
        let mut target = by_group(&["id"], &[], MergeStrategy::Upsert);
        target.columns = vec![
            ColumnHint {
                name: "Version".into(),
                dedup_sort: Some(order),
                ..ColumnHint::default()
            },
            ColumnHint {
                name: "gone".into(),
                hard_delete: true,
                ..ColumnHint::default()
            },
        ];
        target
    };
    let rows = |load_id: &str, rows: &[Row<'_>]| {
        let cells: Vec<[Cell<'_>; 3]> = rows
            .iter()
            .map(|(id, version, gone, _)| [Cell::Bigint(*id), *version, Cell::Bool(*gone)])
            .collect();
        let items: Vec<[&str; 1]> = rows.iter().map(|row| [row.3]).collect();
        let rows: Vec<(&[Cell<'_>], &[&str])> = cells
            .iter()
            .zip(&items)
            .map(|(cells, items)| (&cells[..], &items[..]))
            .collect();
        users(load_id, 1, &["id", "Version", "gone"], &rows)
    };
    let number = Cell::Bigint;
    let steps = |load_id: &str| {
        vec![
            rows(
                load_id,
                &[
                    (1, number(5), false, "five"),
                    (1, number(9), false, "nine"),
                    (1, number(7), false, "seven"),
                ],
            ),
            rows(
                load_id,
                &[
                    (1, number(8), false, "eight"),
                    (2, number(3), true, "-"),
                    (3, number(1), false, "one"),
                ],
            ),
            rows(
                load_id,
                &[
                    (2, number(2), false, "before"),
                    (3, number(1), false, "again"),
                    (4, Cell::Null, false, "null"),
                ],
            ),
            rows(
                load_id,
                &[(3, Cell::Null, false, "null"), (4, number(-1), false, "some")],
            ),
        ]
    };
    whole(database, "L1", &sorted(SortOrder::Desc), steps("L1")).await;
    assert_eq!(database.query(ITEMS).await, ["1|nine", "3|again", "4|some"]);
    assert!(database.query("SELECT row_id FROM _rl_newest").await.is_empty());
    // Rows of earlier loads do not stand against those of a new one, and the winner may be a mark.
    let second = rows(
        "L2",
        &[
            (1, number(2), false, "two"),
            (3, number(7), true, "-"),
            (3, number(6), false, "six"),
        ],
    );
    whole(database, "L2", &sorted(SortOrder::Desc), vec![second]).await;
    assert_eq!(database.query(ITEMS).await, ["1|two", "4|some"]);
    // An interrupted load counts with the one that goes on with it.
    let target = sorted(SortOrder::Asc);
    drop(
        begin(
            database,
            "L3",
            &target,
            vec![rows("L3", &[(1, number(3), false, "three")])],
        )
        .await,
    );
    let rest = rows("L4", &[(1, number(4), false, "four"), (5, number(1), false, "new")]);
    whole(database, "L4", &target, vec![rest]).await;
    assert_eq!(database.query(ITEMS).await, ["1|three", "4|some", "5|new"]);
}

async fn w20_insert_only_adds_rows_and_elements(database: &Database) {
    let target = marks(by_group(&["id"], &[], MergeStrategy::InsertOnly));
    let no = Cell::Bool(false);
    let first = marked("L1", 1, &[(1, no, &["a"]), (2, no, &[]), (1, no, &["later"])]);
    // A further element of a row that comes again is new, whether it comes in the same step or in another.
    let again = marked(
        "L1",
        1,
        &[
            (5, no, &["p"]),
            (5, no, &["P", "q"]),
            (5, Cell::Bool(true), &["P", "Q", "r"]),
        ],
    );
    whole(database, "L1", &target, vec![first, again]).await;
    let steps = vec![
        marked(
            "L2",
            1,
            &[
                (1, Cell::Null, &["A", "b"]),
                (3, no, &["c"]),
                (4, Cell::Bool(true), &["d"]),
            ],
        ),
        marked("L2", 1, &[(2, Cell::Bool(true), &["e"]), (3, Cell::Null, &["C", "f"])]),
    ];
    whole(database, "L2", &target, steps).await;
    assert_eq!(database.query(ITEMS).await, ["1|a", "1|b", "3|c", "3|f", "5|p", "5|q"]);
    let flags = "SELECT id, CASE WHEN gone IS NULL THEN 'null' ELSE 'set' END, _rl_load_id FROM users ORDER BY id";
    assert_eq!(
        database.query(flags).await,
        ["1|set|L1", "2|set|L1", "3|set|L2", "5|set|L1"]
    );
}

/// Where rejects are tolerated, a row that is left out for another still brings its further elements.
async fn w20_elements_of_duplicates_come_where_rejects_are_tolerated(database: &Database) {
    let mut target = by_group(&["id"], &[], MergeStrategy::InsertOnly);
    target.max_rejects = 5;
    let no = Cell::Bool(false);
    let batch = marked("L1", 1, &[(1, no, &["a"]), (2, no, &["x"]), (1, no, &["A", "b"])]);
    whole(database, "L1", &target, vec![batch]).await;
    assert_eq!(database.query(ITEMS).await, ["1|a", "1|b", "2|x"]);
}

async fn delete_missing_deletes_what_a_whole_load_has_not(database: &Database) {
    let mut target = by_group(&["id"], &[], MergeStrategy::Upsert);
    target.merging.delete_missing = true;
    let first = day("L1", 1, &[(1, "a"), (2, "b"), (3, "c")]);
    whole(database, "L1", &target, vec![first]).await;
    let steps = vec![day("L2", 1, &[(1, "a")]), day("L2", 1, &[(3, "C")])];
    let report = whole(database, "L2", &target, steps).await;
    let deleted: Vec<_> = report
        .tables
        .iter()
        .map(|table| (&*table.table, table.deleted))
        .collect();
    assert_eq!(deleted, [("users__items", 1), ("users", 1)]);
    assert_eq!(database.query(DAYS).await, ["3|C", "1|a"]);
    assert_eq!(database.query(ITEMS).await, ["1|x", "3|x"]);
    // Nothing is there any more.
    whole(database, "L3", &target, Vec::new()).await;
    assert!(database.query(DAYS).await.is_empty());
    assert!(database.query("SELECT value FROM users__items").await.is_empty());
}

async fn delete_missing_deletes_nothing_after_less_than_a_whole_load(database: &Database) {
    let mut target = by_group(&["id"], &[], MergeStrategy::Upsert);
    target.merging.delete_missing = true;
    let first = day("L1", 1, &[(1, "a"), (2, "b"), (3, "c")]);
    whole(database, "L1", &target, vec![first]).await;
    // Interrupted after its end, before anybody knew of the others': the next run has nothing left to bring.
    let mut done = begin(database, "L2", &target, vec![day("L2", 1, &[(1, "a"), (2, "b")])]).await;
    done.commit(step("users", Vec::new(), &[], true)).await.unwrap();
    drop(done);
    assert_eq!(database.query(DAYS).await, ["1|a", "2|b"]);
    whole(database, "L3", &target, Vec::new()).await;
    assert_eq!(database.query(DAYS).await, ["1|a", "2|b"]);
    // Interrupted on its way, and gone on with.
    drop(begin(database, "L4", &target, vec![day("L4", 1, &[(2, "b")])]).await);
    assert_eq!(database.query(DAYS).await, ["1|a", "2|b"]);
    whole(database, "L5", &target, vec![day("L5", 1, &[(4, "d")])]).await;
    assert_eq!(database.query(DAYS).await, ["2|b", "4|d"]);
    // A record was rejected: its former row is not missing.
    let mut batch = day("L6", 1, &[(4, "d")]);
    batch.rejects.push(Reject {
        kind: RejectKind::Unstorable,
        table: "users".into(),
        page: 1,
        record: 2,
        reason: "no".to_owned(),
        raw: "{}".to_owned(),
    });
    let report = whole(database, "L6", &target, vec![batch]).await;
    assert_eq!(database.query(DAYS).await, ["2|b", "4|d"]);
    assert_eq!(
        report.warnings[0].1,
        "no row was deleted: 1 of the load's records are in `_rl_rejects`, not in the table"
    );
    // The load was begun with a plain merge, which marks no rows.
    let plain = by_group(&["id"], &[], MergeStrategy::Upsert);
    drop(begin(database, "L7", &plain, vec![day("L7", 1, &[(5, "e")])]).await);
    let report = whole(database, "L8", &target, Vec::new()).await;
    assert_eq!(database.query(DAYS).await, ["2|b", "4|d", "5|e"]);
    assert_eq!(report.warnings.len(), 1);
}

fn history() -> History {
    History {
        valid_from: "_rl_valid_from".into(),
        valid_to: "_rl_valid_to".into(),
        active_until: None,
        boundary: None,
        version: None,
    }
}

/// A history whose changes are dated by a number of days from the start.
fn at(days: i64, groups: &[&[&str]], history: History) -> Target {
    let history = History {
        boundary: Some(NOW + days * 86_400_000_000),
        ..history
    };
    by_group(&[], groups, MergeStrategy::History(history))
}

fn versions_of(database: &Database, from: &str, to: &str) -> String {
    let text = if database.is_sqlite() { "" } else { "::text" };
    format!(
        "SELECT id, day, substr(\"{from}\"{text}, 6, 5), substr(\"{to}\"{text}, 1, 10) FROM users ORDER BY id, 3, day"
    )
}

async fn w27_versions_are_dated(database: &Database) {
    let versions = versions_of(database, "_rl_valid_from", "_rl_valid_to");
    let load = async |days: i64, rows: &[(i64, &str)]| {
        let load_id = format!("L{days}");
        let target = at(days, &[], history());
        let steps = rows.iter().map(|row| day(&load_id, 2, &[*row])).collect();
        whole(database, &load_id, &target, steps).await
    };
    load(0, &[(1, "a"), (2, "b")]).await;
    load(1, &[(1, "a"), (2, "c")]).await;
    load(2, &[(1, "a")]).await;
    load(3, &[(1, "a"), (2, "c"), (2, "c")]).await;
    assert_eq!(
        database.query(&versions).await,
        [
            "1|a|01-02|-",
            "2|b|01-02|2024-01-03",
            "2|c|01-03|2024-01-04",
            "2|c|01-05|-"
        ]
    );
    let ids = "SELECT id, day, count(*), count(DISTINCT _rl_id) FROM users GROUP BY id, day ORDER BY id, day";
    assert_eq!(
        database.query(ids).await,
        ["1|a|1|1", "2|b|1|1", "2|c|2|1"],
        "what comes again has the id that it had"
    );
    // A -> B -> A gives three versions.
    load(4, &[(1, "b"), (2, "c")]).await;
    load(5, &[(1, "a"), (2, "c")]).await;
    assert_eq!(
        database.query(&versions).await[..3],
        ["1|a|01-02|2024-01-06", "1|b|01-06|2024-01-07", "1|a|01-07|-"]
    );
    // Less than a whole load ends nothing; what goes on with it does.
    let target = at(6, &[], history());
    drop(begin(database, "L6", &target, vec![day("L6", 2, &[(1, "a")])]).await);
    assert_eq!(database.query(&versions).await.last().unwrap(), "2|c|01-05|-");
    whole(database, "L7", &target, vec![day("L7", 2, &[(3, "d")])]).await;
    assert_eq!(
        database.query(&versions).await[2..],
        [
            "1|a|01-07|-",
            "2|b|01-02|2024-01-03",
            "2|c|01-03|2024-01-04",
            "2|c|01-05|2024-01-08",
            "3|d|01-08|-"
        ]
    );
}

async fn w28_versions_follow_their_children(database: &Database) {
    let load = async |days: i64, rows: &[(i64, &str, &[&str])]| {
        let load_id = format!("L{days}");
        // The id is that of the whole record, lists and all.
        let cells: Vec<[Cell<'_>; 2]> = rows
            .iter()
            .map(|row| [Cell::Bigint(row.0), Cell::Text(row.1)])
            .collect();
        let rows: Vec<_> = cells.iter().zip(rows).map(|(cells, row)| (&cells[..], row.2)).collect();
        let batch = users(&load_id, 2, &["id", "day"], &rows);
        whole(database, &load_id, &at(days, &[], history()), vec![batch]).await
    };
    let items = "SELECT value FROM users__items ORDER BY value";
    load(0, &[(1, "[a]", &["a"]), (2, "[b]", &["b"])]).await;
    load(1, &[(1, "[a,c]", &["a", "c"]), (2, "[b]", &["b"])]).await;
    assert_eq!(database.query(items).await, ["a", "a", "b", "c"]);
    load(2, &[(1, "[a,c]", &["a", "c"])]).await;
    assert_eq!(
        database.query(items).await,
        ["a", "a", "b", "c"],
        "ending a version keeps its rows"
    );
    load(3, &[(1, "[a,c]", &["a", "c"]), (2, "[b]", &["b"])]).await;
    assert_eq!(database.query(items).await, ["a", "a", "b", "c"], "they serve it again");
    assert_eq!(database.query("SELECT id FROM users").await.len(), 4);
}

async fn w29_a_merge_key_limits_what_ends(database: &Database) {
    let versions = versions_of(database, "_rl_valid_from", "_rl_valid_to");
    let by = async |days: i64, key: &[&str], rows: &[(i64, &str)]| {
        let load_id = format!("L{days}");
        let target = at(days, &[key], history());
        whole(database, &load_id, &target, vec![day(&load_id, 2, rows)]).await
    };
    by(0, &["id"], &[(1, "a"), (2, "b")]).await;
    let report = by(1, &["id"], &[(1, "A")]).await;
    assert_eq!(report.tables[0].updated, 1);
    assert_eq!(
        database.query(&versions).await,
        ["1|a|01-02|2024-01-03", "1|A|01-03|-", "2|b|01-02|-"]
    );
    // A -> B -> A gives three versions.
    by(2, &["id"], &[(1, "a")]).await;
    assert_eq!(
        database.query(&versions).await,
        [
            "1|a|01-02|2024-01-03",
            "1|A|01-03|2024-01-04",
            "1|a|01-04|-",
            "2|b|01-02|-"
        ]
    );
    // By a part of the table: what is missing of the part ends, and nothing of another.
    by(3, &["day"], &[(3, "a"), (4, "c")]).await;
    assert_eq!(
        database.query(&versions).await[2..],
        ["1|a|01-04|2024-01-05", "2|b|01-02|-", "3|a|01-05|-", "4|c|01-05|-"]
    );
}

async fn w29_a_merge_key_of_two_columns_limits_what_ends(database: &Database) {
    for (days, rows) in [
        (0, &[(1, "mon", 5), (1, "tue", 6), (2, "mon", 7)][..]),
        (1, &[(1, "mon", 8)]),
    ] {
        let load_id = format!("L{days}");
        let cells: Vec<[Cell<'_>; 3]> = rows
            .iter()
            .map(|(id, day, price)| [Cell::Bigint(*id), Cell::Text(day), Cell::Bigint(*price)])
            .collect();
        let rows: Vec<(&[Cell<'_>], &[&str])> = cells.iter().map(|cells| (&cells[..], &[][..])).collect();
        let batch = users(&load_id, 3, &["id", "day", "price"], &rows);
        whole(database, &load_id, &at(days, &[&["id", "day"]], history()), vec![batch]).await;
    }
    let active = "SELECT id, day, price FROM users WHERE _rl_valid_to IS NULL ORDER BY id, day";
    assert_eq!(database.query(active).await, ["1|mon|8", "1|tue|6", "2|mon|7"]);
    assert_eq!(database.query("SELECT price FROM users").await.len(), 4);
}

async fn w30_versions_with_their_own_names_and_moments(database: &Database) {
    let versions = versions_of(database, "from", "to");
    let own = || History {
        valid_from: "from".into(),
        valid_to: "to".into(),
        // 9999-12-31
        active_until: Some(253_402_214_400_000_000),
        ..history()
    };
    for (days, rows) in [
        (0, [(1, "a"), (2, "b")]),
        (1, [(1, "a"), (2, "c")]),
        (2, [(1, "a"), (2, "c")]),
    ] {
        let load_id = format!("L{days}");
        whole(database, &load_id, &at(days, &[], own()), vec![day(&load_id, 2, &rows)]).await;
    }
    assert_eq!(
        database.query(&versions).await,
        ["1|a|01-02|9999-12-31", "2|b|01-02|2024-01-03", "2|c|01-03|9999-12-31"]
    );
    // Without a moment of its own, the load's start.
    let target = by_group(&[], &[], MergeStrategy::History(own()));
    whole(database, "L3", &target, vec![day("L3", 2, &[(3, "d")])]).await;
    assert_eq!(database.query(&versions).await.last().unwrap(), "3|d|01-02|9999-12-31");
    let types: Vec<DataType> = {
        let destination = database.open("L4").await;
        let table = destination
            .tables()
            .iter()
            .find(|table| &*table.name == "users")
            .unwrap();
        let named = |name: &&str| {
            table
                .columns
                .iter()
                .find(|column| &*column.name == *name)
                .unwrap()
                .data_type
        };
        ["from", "to"].iter().map(named).collect()
    };
    assert_eq!(types, [DataType::Timestamp, DataType::Timestamp]);
    // A moment before those that are there is taken as it is given.
    let before = at(-1, &[], own());
    whole(database, "L5", &before, vec![day("L5", 2, &[(4, "e")])]).await;
    assert_eq!(
        database.query(&versions).await[2..],
        ["2|c|01-03|2024-01-02", "3|d|01-02|2024-01-01", "4|e|01-01|9999-12-31"]
    );
}
