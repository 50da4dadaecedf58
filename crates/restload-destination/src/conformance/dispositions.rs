//! Append, merge, replace: which rows stand in the tables after a load.

use restload_model::batch::{Batch, Cell};
use restload_model::schema::Target;
use restload_model::schema::WriteDisposition::{Append, Merge, Replace};

use super::support::*;
use crate::DestinationError;

super::conformance!(
    append_adds,
    merge_updates_by_key,
    merge_sets_absent_fields_to_null,
    merge_keeps_the_load_of_unchanged_rows,
    merge_replaces_nested_children,
    merge_without_a_key_adds,
    the_last_of_a_key_wins_with_its_children,
    a_changed_key_is_followed,
    a_key_without_a_value_is_refused,
    append_then_merge_replaces_children_of_old_rows,
    append_then_merge_refuses_duplicate_keys,
    merge_then_append_takes_equal_keys,
    replace_in_one_step,
    replace_in_many_steps_is_never_seen_half,
    replace_that_yields_nothing_empties_every_table,
    replace_that_does_not_finish_leaves_the_old_rows,
    full_refresh_replaces_rows_and_state,
    full_refresh_in_many_steps_still_merges,
    resources_share_a_step,
    many_rows_and_columns_fit_the_statements,
    a_large_merge_is_like_a_small_one,
    w2_replace_twice_holds_one_load_and_leaves_others_alone,
);

const ID_NAME: (&[&str], usize) = (&["id", "name"], 1);
const PLAIN: (&[&str], usize) = (&["id", "name"], 0);

fn names_on(page_number: u64, load_id: &str, columns: (&[&str], usize), rows: &[(i64, &str)]) -> Batch {
    let records: Vec<_> = rows
        .iter()
        .map(|(id, name)| record(&[Cell::Bigint(*id), Cell::Text(name)]))
        .collect();
    page("users", load_id, page_number, columns, &[], &records)
}

fn names(load_id: &str, columns: (&[&str], usize), rows: &[(i64, &str)]) -> Batch {
    names_on(1, load_id, columns, rows)
}

/// Users with the values of their `items`.
fn nested(load_id: &str, key_length: usize, rows: &[(i64, &[&str])]) -> Batch {
    let records: Vec<_> = rows
        .iter()
        .map(|(id, items)| {
            let items: Vec<Vec<Cell<'_>>> = items.iter().map(|item| vec![Cell::Text(item)]).collect();
            let items: Vec<&[Cell<'_>]> = items.iter().map(Vec::as_slice).collect();
            with_children(&[Cell::Bigint(*id)], &items)
        })
        .collect();
    page("users", load_id, 1, (&["id"], key_length), &["value"], &records)
}

const USERS: &str = "SELECT id, name FROM users ORDER BY id, name";
const ITEMS: &str = "SELECT u.id, i.value FROM users__items i LEFT JOIN users u ON u._rl_id = i._rl_root_id \
                     ORDER BY u.id, i._rl_list_idx, i.value";

async fn append_adds(database: &Database) {
    let target = target("users", Append, &[]);
    let report = database
        .load("L1", &target, vec![names("L1", PLAIN, &[(1, "a"), (2, "b")])])
        .await;
    let changes: Vec<String> = report.schema_changes.iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["table `users` created"]);
    assert_eq!((report.tables[0].written, report.tables[0].duplicates), (2, 0));
    let report = database
        .load("L2", &target, vec![names("L2", PLAIN, &[(1, "a")])])
        .await;
    assert!(report.schema_changes.is_empty());
    assert_eq!(
        database
            .query("SELECT id, name, _rl_load_id FROM users ORDER BY _rl_load_id, id")
            .await,
        ["1|a|L1", "2|b|L1", "1|a|L2"]
    );
}

async fn merge_updates_by_key(database: &Database) {
    let target = target("users", Merge, &["id"]);
    database
        .load("L1", &target, vec![names("L1", ID_NAME, &[(1, "a"), (2, "b")])])
        .await;
    let report = database
        .load("L2", &target, vec![names("L2", ID_NAME, &[(2, "B"), (3, "c")])])
        .await;
    assert_eq!(report.tables[0].written, 2);
    assert_eq!(database.query(USERS).await, ["1|a", "2|B", "3|c"]);
}

async fn merge_sets_absent_fields_to_null(database: &Database) {
    let target = target("users", Merge, &["id"]);
    database
        .load("L1", &target, vec![names("L1", ID_NAME, &[(1, "a"), (2, "b")])])
        .await;
    let without_name = page("users", "L2", 1, (&["id"], 1), &[], &[record(&[Cell::Bigint(1)])]);
    database.load("L2", &target, vec![without_name]).await;
    assert_eq!(database.query(USERS).await, ["1|-", "2|b"]);
}

async fn merge_keeps_the_load_of_unchanged_rows(database: &Database) {
    let target = target("users", Merge, &["id"]);
    database
        .load("L1", &target, vec![names("L1", ID_NAME, &[(1, "a"), (2, "b")])])
        .await;
    let report = database
        .load("L2", &target, vec![names("L2", ID_NAME, &[(1, "a"), (2, "B")])])
        .await;
    assert_eq!(report.tables[0].written, 2);
    assert_eq!(
        database.query("SELECT id, _rl_load_id FROM users ORDER BY id").await,
        ["1|L1", "2|L2"]
    );
}

async fn merge_replaces_nested_children(database: &Database) {
    let target = target("users", Merge, &["id"]);
    let first = nested("L1", 1, &[(1, &["a", "b"]), (2, &["c"]), (3, &["d"])]);
    database.load("L1", &target, vec![first]).await;
    // One list shrinks, one is gone, one is not in this load.
    database
        .load("L2", &target, vec![nested("L2", 1, &[(1, &["B"]), (2, &[])])])
        .await;
    assert_eq!(database.query(ITEMS).await, ["1|B", "3|d"]);
    let without_lists = page("users", "L3", 1, (&["id"], 1), &[], &[record(&[Cell::Bigint(3)])]);
    database.load("L3", &target, vec![without_lists]).await;
    assert_eq!(database.query(ITEMS).await, ["1|B"]);
}

async fn merge_without_a_key_adds(database: &Database) {
    let target = target("users", Merge, &[]);
    for load_id in ["L1", "L2"] {
        database
            .load(load_id, &target, vec![names(load_id, PLAIN, &[(1, "a")])])
            .await;
    }
    assert_eq!(database.query(USERS).await, ["1|a", "1|a"]);
}

async fn the_last_of_a_key_wins_with_its_children(database: &Database) {
    let target = target("users", Merge, &["id"]);
    let batches = vec![
        nested("L1", 1, &[(1, &["old", "older"]), (2, &["x"]), (1, &["newer"])]),
        nested("L1", 1, &[(2, &["y"]), (3, &["z"])]),
    ];
    let report = database.load("L1", &target, batches).await;
    let counts: Vec<_> = report
        .tables
        .iter()
        .map(|table| (&*table.table, table.written, table.duplicates))
        .collect();
    assert_eq!(counts, [("users", 3, 2), ("users__items", 3, 3)]);
    assert_eq!(database.query(ITEMS).await, ["1|newer", "2|y", "3|z"]);
}

async fn a_changed_key_is_followed(database: &Database) {
    let columns: (&[&str], usize) = (&["id", "name"], 2);
    database
        .load(
            "L1",
            &target("users", Merge, &["id"]),
            vec![names("L1", ID_NAME, &[(1, "a"), (2, "b")])],
        )
        .await;
    let both = target("users", Merge, &["id", "name"]);
    database
        .load("L2", &both, vec![names("L2", columns, &[(1, "a"), (1, "z")])])
        .await;
    assert_eq!(database.query(USERS).await, ["1|a", "1|z", "2|b"]);
}

async fn a_key_without_a_value_is_refused(database: &Database) {
    let target = target("users", Merge, &["id"]);
    database
        .load("L1", &target, vec![names("L1", ID_NAME, &[(1, "a")])])
        .await;
    let records = [
        record(&[Cell::Null, Cell::Text("x")]),
        record(&[Cell::Bigint(2), Cell::Text("y")]),
    ];
    let error = database
        .try_load("L2", &target, vec![page("users", "L2", 1, ID_NAME, &[], &records)])
        .await
        .unwrap_err();
    assert!(
        matches!(&error, DestinationError::Write { table, .. } if table == "users"),
        "{error}"
    );
    assert_eq!(database.query(USERS).await, ["1|a"]);
}

async fn append_then_merge_replaces_children_of_old_rows(database: &Database) {
    let append = target("users", Append, &[]);
    database
        .load("L1", &append, vec![nested("L1", 0, &[(1, &["a"]), (2, &["b"])])])
        .await;
    let merge = target("users", Merge, &["id"]);
    database.load("L2", &merge, vec![nested("L2", 1, &[(1, &["A"])])]).await;
    assert_eq!(database.query(ITEMS).await, ["1|A", "2|b"]);
    database.load("L3", &merge, vec![nested("L3", 1, &[(2, &[])])]).await;
    assert_eq!(database.query(ITEMS).await, ["1|A"]);
}

async fn append_then_merge_refuses_duplicate_keys(database: &Database) {
    let append = target("users", Append, &[]);
    database
        .load("L1", &append, vec![names("L1", PLAIN, &[(1, "a"), (1, "b")])])
        .await;
    let merge = target("users", Merge, &["id"]);
    let mut destination = database.open("L2").await;
    let error = destination.prepare(vec![merge.clone()], false).await.unwrap_err();
    assert!(matches!(&error, DestinationError::DuplicateKeys { .. }), "{error}");
    // What the message says helps.
    destination.prepare(vec![merge], true).await.unwrap();
    let batches = vec![names("L2", ID_NAME, &[(1, "c")])];
    destination.commit(step("users", batches, &[], true)).await.unwrap();
    destination.finish(outcome(), None).await.unwrap();
    assert_eq!(database.query(USERS).await, ["1|c"]);
}

async fn merge_then_append_takes_equal_keys(database: &Database) {
    database
        .load(
            "L1",
            &target("users", Merge, &["id"]),
            vec![names("L1", ID_NAME, &[(1, "a")])],
        )
        .await;
    let append = target("users", Append, &["id"]);
    database
        .load("L2", &append, vec![names("L2", PLAIN, &[(1, "b")])])
        .await;
    assert_eq!(database.query(USERS).await, ["1|a", "1|b"]);
    let replace = target("users", Replace, &["id"]);
    database
        .load("L3", &replace, vec![names("L3", PLAIN, &[(2, "c")])])
        .await;
    assert_eq!(database.query(USERS).await, ["2|c"]);
}

async fn replace_in_one_step(database: &Database) {
    let users = target("users", Replace, &[]);
    let other = page("other", "L0", 1, (&["id"], 0), &[], &[record(&[Cell::Bigint(7)])]);
    database.load("L0", &target("other", Append, &[]), vec![other]).await;
    database
        .load("L1", &users, vec![nested("L1", 0, &[(1, &["a"]), (2, &["b", "c"])])])
        .await;
    database.load("L2", &users, vec![nested("L2", 0, &[(3, &["d"])])]).await;
    assert_eq!(database.query(ITEMS).await, ["3|d"]);
    assert_eq!(database.query("SELECT id FROM users").await, ["3"]);
    assert_eq!(database.query("SELECT id FROM other").await, ["7"]);
}

async fn replace_in_many_steps_is_never_seen_half(database: &Database) {
    let users = target("users", Replace, &[]);
    database
        .load("L1", &users, vec![nested("L1", 0, &[(1, &["a"]), (2, &["b"])])])
        .await;
    database.run("CREATE VIEW seen AS SELECT id FROM users").await;
    let mut reader = database.reader().await;
    let mut destination = database.open("L2").await;
    destination.prepare(vec![users], false).await.unwrap();
    for (number, rows) in [(10, &["x"][..]), (11, &["y", "z"])] {
        let batches = vec![nested(&format!("L2-{number}"), 0, &[(number, rows)])];
        let position = number.to_string();
        let report = destination
            .commit(step("users", batches, &[("p", Some(&position))], false))
            .await
            .unwrap();
        assert_eq!(report.tables[0].written, 1);
        assert_eq!(reader.query("SELECT id FROM seen ORDER BY id").await, ["1", "2"]);
        assert_eq!(reader.query(ITEMS).await, ["1|a", "2|b"]);
        assert!(
            reader
                .query("SELECT checkpoint FROM _rl_state WHERE resource NOT LIKE '%shadow%'")
                .await
                .is_empty()
        );
        assert_eq!(
            reader.query("SELECT rows FROM _rl_loads WHERE load_id = 'L2'").await,
            ["{}"],
            "rows that nobody sees yet are not counted"
        );
    }
    // A wider value, and the end. Postgres alters no column that a view uses.
    reader.run("DROP VIEW seen").await;
    let text = page("users", "L2", 9, (&["id"], 0), &[], &[record(&[Cell::Text("twelve")])]);
    destination
        .commit(step("users", vec![text], &[("q", Some("end"))], true))
        .await
        .unwrap();
    assert_eq!(
        reader.query("SELECT id FROM users ORDER BY id").await,
        ["10", "11", "twelve"]
    );
    assert_eq!(reader.query(ITEMS).await, ["10|x", "11|y", "11|z"]);
    assert_eq!(
        reader
            .query("SELECT \"partition\", checkpoint FROM _rl_state ORDER BY 1")
            .await,
        ["p|11", "q|end"]
    );
    destination.finish(outcome(), None).await.unwrap();
}

/// In one step and in several, whichever way the load before went.
async fn w2_replace_twice_holds_one_load_and_leaves_others_alone(database: &Database) {
    let users = target("users", Replace, &[]);
    let other = page("other", "L0", 1, (&["id"], 0), &[], &[record(&[Cell::Bigint(7)])]);
    database.load("L0", &target("other", Append, &[]), vec![other]).await;
    for (number, step_count) in [1, 1, 3, 3, 1].into_iter().enumerate() {
        let load_id = format!("L{}", number + 1);
        let mut destination = database.open(&load_id).await;
        destination.prepare(vec![users.clone()], false).await.unwrap();
        for step_number in 1..=step_count {
            let rows: &[(i64, &[&str])] = match (step_count, step_number) {
                (1, _) => &[(1, &["a"]), (2, &["b", "c"]), (3, &[])],
                (_, 1) => &[(1, &["a"])],
                (_, 2) => &[(2, &["b", "c"])],
                _ => &[(3, &[])],
            };
            let batch = nested(&format!("{load_id}-{step_number}"), 0, rows);
            let is_last = step_number == step_count;
            let done = destination.commit(step("users", vec![batch], &[], is_last)).await;
            done.unwrap();
        }
        destination.finish(outcome(), None).await.unwrap();
        assert_eq!(
            database.query("SELECT id FROM users ORDER BY id").await,
            ["1", "2", "3"],
            "{load_id}"
        );
        assert_eq!(database.query(ITEMS).await, ["1|a", "2|b", "2|c"], "{load_id}");
        assert_eq!(database.query("SELECT id FROM other").await, ["7"]);
    }
}

async fn replace_that_yields_nothing_empties_every_table(database: &Database) {
    let users = target("users", Replace, &[]);
    for load_id in ["L1", "L2"] {
        database
            .load(load_id, &users, vec![nested(load_id, 0, &[(1, &["a"])])])
            .await;
        database.load("empty", &users, Vec::new()).await;
        database.run("DELETE FROM _rl_loads").await;
        assert_eq!(database.query("SELECT id FROM users").await.len(), 0);
        assert_eq!(database.query("SELECT value FROM users__items").await.len(), 0);
    }
    // The first load ever may yield nothing too.
    let report = database.load("L3", &target("never", Replace, &[]), Vec::new()).await;
    assert!(report.tables.is_empty());
}

async fn replace_that_does_not_finish_leaves_the_old_rows(database: &Database) {
    let users = target("users", Replace, &[]);
    let load = async |load_id: &str, is_finished: bool| {
        let mut destination = database.open(load_id).await;
        destination.prepare(vec![users.clone()], false).await.unwrap();
        let batches = vec![names(load_id, PLAIN, &[(9, "new")])];
        let half = step("users", batches, &[("", Some("half"))], false);
        destination.commit(half).await.unwrap();
        if is_finished {
            destination.finish(outcome(), None).await.unwrap();
        }
    };
    database
        .load("L1", &users, vec![names("L1", PLAIN, &[(1, "old")])])
        .await;
    let shadows = if database.is_sqlite() {
        "SELECT name FROM sqlite_schema WHERE name LIKE '\\_rl\\_shadow%' ESCAPE '\\'".to_owned()
    } else {
        format!(
            "SELECT tablename FROM pg_tables WHERE schemaname = '{}' AND tablename LIKE '\\_rl\\_shadow%'",
            database.dataset
        )
    };
    load("L2", true).await;
    assert_eq!(database.query(USERS).await, ["1|old"]);
    assert!(database.query(&shadows).await.is_empty());
    load("L3", false).await;
    assert_eq!(database.query(&shadows).await.len(), 1);
    let mut destination = database.open("L4").await;
    assert!(destination.checkpoints("users").await.unwrap().is_empty());
    assert!(database.query(&shadows).await.is_empty());
    assert_eq!(database.query(USERS).await, ["1|old"]);
}

async fn full_refresh_replaces_rows_and_state(database: &Database) {
    for (resource, disposition, key) in [("a", Append, &[][..]), ("m", Merge, &["id"])] {
        let target: Target = target(resource, disposition, key);
        let columns: (&[&str], usize) = (&["id"], key.len());
        let rows = |load_id: &str, ids: &[i64]| {
            let records: Vec<_> = ids.iter().map(|id| record(&[Cell::Bigint(*id)])).collect();
            vec![page(resource, load_id, 1, columns, &[], &records)]
        };
        let mut destination = database.open(&format!("{resource}1")).await;
        destination.prepare(vec![target.clone()], false).await.unwrap();
        let checkpoints = [("p", Some("1")), ("q", Some("2"))];
        destination
            .commit(step(resource, rows("1", &[1, 2]), &checkpoints, true))
            .await
            .unwrap();
        destination.finish(outcome(), None).await.unwrap();

        // A refresh that fails forgets nothing.
        let mut destination = database.open(&format!("{resource}2")).await;
        assert_eq!(destination.checkpoints(resource).await.unwrap().len(), 2);
        destination.prepare(vec![target.clone()], true).await.unwrap();
        assert!(destination.checkpoints(resource).await.unwrap().is_empty());
        destination
            .commit(step(resource, rows("2", &[3]), &[], false))
            .await
            .unwrap();
        destination.finish(outcome(), None).await.unwrap();

        let mut destination = database.open(&format!("{resource}3")).await;
        assert_eq!(destination.checkpoints(resource).await.unwrap().len(), 2);
        destination.prepare(vec![target.clone()], true).await.unwrap();
        destination
            .commit(step(resource, rows("3", &[2, 5]), &[("p", Some("9"))], true))
            .await
            .unwrap();
        assert_eq!(
            destination.checkpoints(resource).await.unwrap(),
            [checkpoint(resource, "p", Some("9"))]
        );
        destination.finish(outcome(), None).await.unwrap();
        assert_eq!(
            database.query(&format!("SELECT id FROM {resource} ORDER BY id")).await,
            ["2", "5"]
        );
        let mut destination = database.open("again").await;
        assert_eq!(
            destination.checkpoints(resource).await.unwrap(),
            [checkpoint(resource, "p", Some("9"))]
        );
    }
}

async fn full_refresh_in_many_steps_still_merges(database: &Database) {
    let users = target("users", Merge, &["id"]);
    for (load_id, full_refresh) in [("L1", true), ("L2", true), ("L3", false)] {
        let mut destination = database.open(load_id).await;
        destination.prepare(vec![users.clone()], full_refresh).await.unwrap();
        let first = vec![nested(load_id, 1, &[(1, &["a"]), (2, &["b"])])];
        destination.commit(step("users", first, &[], false)).await.unwrap();
        let second = vec![nested(load_id, 1, &[(2, &["B", "C"]), (3, &[])])];
        destination.commit(step("users", second, &[], false)).await.unwrap();
        destination.commit(step("users", Vec::new(), &[], true)).await.unwrap();
        destination.finish(outcome(), None).await.unwrap();
        assert_eq!(database.query(ITEMS).await, ["1|a", "2|B", "2|C"], "{load_id}");
        assert_eq!(
            database.query("SELECT id FROM users ORDER BY id").await,
            ["1", "2", "3"],
            "{load_id}"
        );
    }
}

async fn resources_share_a_step(database: &Database) {
    let targets = vec![target("users", Merge, &["id"]), target("other", Replace, &[])];
    let mut destination = database.open("L1").await;
    destination.prepare(targets, false).await.unwrap();
    let other = |id| page("other", "L1", 1, (&["id"], 0), &[], &[record(&[Cell::Bigint(id)])]);
    let mut both = step(
        "users",
        vec![names("L1", ID_NAME, &[(1, "a")])],
        &[("", Some("u"))],
        false,
    );
    both.parts
        .extend(step("other", vec![other(1)], &[("", Some("o"))], false).parts);
    both.parts.extend(
        step(
            "users",
            vec![names("L1", ID_NAME, &[(1, "b")])],
            &[("", Some("v"))],
            false,
        )
        .parts,
    );
    both.parts.extend(step("other", vec![other(2)], &[], true).parts);
    let report = destination.commit(both).await.unwrap();
    let counts: Vec<_> = report
        .tables
        .iter()
        .map(|table| (&*table.table, table.written, table.duplicates))
        .collect();
    assert_eq!(counts, [("users", 1, 1), ("other", 2, 0)]);
    assert_eq!(database.query(USERS).await, ["1|b"]);
    assert_eq!(
        database
            .query("SELECT resource, checkpoint FROM _rl_state ORDER BY 1")
            .await,
        ["other|o", "users|v"]
    );
    let error = destination
        .commit(step("unknown", Vec::new(), &[], true))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "resource `unknown` was not prepared");
}

async fn many_rows_and_columns_fit_the_statements(database: &Database) {
    let names: Vec<String> = (0..900).map(|index| format!("c{index}")).collect();
    let columns: Vec<&str> = names.iter().map(String::as_str).collect();
    let records: Vec<_> = (0..77)
        .map(|row| record(&(0..900).map(|column| Cell::Bigint(row * column)).collect::<Vec<_>>()))
        .collect();
    let wide = page("wide", "L1", 1, (&columns, 0), &[], &records);
    database.load("L1", &target("wide", Append, &[]), vec![wide]).await;
    assert_eq!(
        database.query("SELECT count(*), sum(c899) FROM wide").await,
        [format!("77|{}", (0..77).map(|row| row * 899).sum::<i64>())]
    );
}

/// Writers have other ways for many rows than for few.
async fn a_large_merge_is_like_a_small_one(database: &Database) {
    let users = target("users", Merge, &["id"]);
    let load = async |load_id: &str, ids: std::ops::Range<i64>, item: &str| {
        let items = [item];
        let rows: Vec<(i64, &[&str])> = ids.map(|id| (id, &items[..])).collect();
        database.load(load_id, &users, vec![nested(load_id, 1, &rows)]).await
    };
    load("L1", 0..3_000, "a").await;
    let report = load("L2", 2_000..5_000, "b").await;
    assert_eq!((report.tables[0].written, report.tables[1].written), (3_000, 3_000));
    assert_eq!(
        database
            .query("SELECT value, count(*) FROM users__items GROUP BY value ORDER BY value")
            .await,
        ["a|2000", "b|3000"]
    );
    assert_eq!(
        database
            .query("SELECT _rl_load_id, count(*), sum(id) FROM users GROUP BY _rl_load_id ORDER BY 1")
            .await,
        ["L1|2000|1999000", "L2|3000|10498500"]
    );
}
