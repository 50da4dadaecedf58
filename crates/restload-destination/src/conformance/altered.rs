//! Tables that somebody else altered, and columns that are declared to be more than a type.

use restload_model::DataType;
use restload_model::batch::{Batch, Cell};
use restload_model::contract::{Contract, Mode};
use restload_model::schema::WriteDisposition::{Append, Merge, Replace};
use restload_model::schema::{ColumnHint, Target};

use super::support::*;
use crate::DestinationError;

super::conformance!(
    a_view_in_the_place_of_a_table_is_refused,
    a_foreign_column_that_must_be_set_is_refused,
    a_foreign_column_with_a_default_is_left_alone,
    a_dropped_key_is_refused_unless_the_rows_go,
    a_dropped_child_table_comes_back,
    a_zone_that_somebody_took_is_refused_and_one_that_is_declared_away_goes,
    unique_columns_have_an_index_that_follows_the_config,
    limits_widen_and_never_narrow,
    t27_j28_columns_keep_their_order,
    c9_a_frozen_type_is_not_declared_away,
    c9_a_frozen_column_takes_no_more_than_it_did,
    c14_a_table_that_is_not_ours_is_new_to_a_contract,
    s12_tables_are_settled_by_the_end_of_their_load,
    a_system_table_of_an_earlier_version_gets_what_it_lacks,
    keys_that_are_equal_in_the_tables_type_are_one,
    rows_that_the_database_refuses_are_rejected_one_by_one,
    more_refused_rows_than_are_tolerated_fail_the_step,
    merged_rows_hand_unique_values_on_to_each_other,
    what_must_be_there_and_unique_is_not_handed_on,
);

fn users(load_id: &str, name: Cell<'static>) -> Vec<Batch> {
    let records = [with_children(&[Cell::Bigint(1), name], &[&[Cell::Text("a")]])];
    vec![page("users", load_id, 1, (&["id", "name"], 1), &["value"], &records)]
}

fn merging() -> Target {
    target("users", Merge, &["id"])
}

async fn refusal(database: &Database, load_id: &str, target: &Target) -> DestinationError {
    let mut destination = database.open(load_id).await;
    destination.prepare(vec![target.clone()], false).await.unwrap_err()
}

async fn a_view_in_the_place_of_a_table_is_refused(database: &Database) {
    database.load("L1", &merging(), users("L1", Cell::Text("x"))).await;
    database.run("ALTER TABLE users RENAME TO kept").await;
    database.run("CREATE VIEW users AS SELECT * FROM kept").await;
    let error = refusal(database, "L2", &merging()).await;
    let DestinationError::View { mend_sql, .. } = &error else {
        panic!("{error}");
    };
    assert!(error.to_string().contains(mend_sql.as_str()), "{error}");
    database.run(mend_sql).await;
    database.run("DROP INDEX \"_rl_merge_key__users\"").await;
    database.load("L3", &merging(), users("L3", Cell::Text("y"))).await;
    assert_eq!(database.query("SELECT id, name FROM users").await, ["1|y"]);
    assert_eq!(database.query("SELECT id, name FROM kept").await, ["1|x"]);
}

async fn a_foreign_column_that_must_be_set_is_refused(database: &Database) {
    database.load("L1", &merging(), users("L1", Cell::Text("x"))).await;
    if database.is_sqlite() {
        // A column that takes no NULL and has no default can only come with a table that is made anew.
        database
            .run(
                "ALTER TABLE users RENAME TO before; DROP INDEX \"_rl_merge_key__users\"; \
                 CREATE TABLE users (id BIGINT NOT NULL, name TEXT, note TEXT NOT NULL, _rl_id TEXT NOT NULL, \
                 _rl_load_id TEXT NOT NULL); \
                 INSERT INTO users SELECT id, name, 'mine', _rl_id, _rl_load_id FROM before; DROP TABLE before",
            )
            .await;
    } else {
        database
            .run("ALTER TABLE users ADD COLUMN note text; UPDATE users SET note = 'mine'")
            .await;
        database.run("ALTER TABLE users ALTER COLUMN note SET NOT NULL").await;
    }
    let error = refusal(database, "L2", &merging()).await;
    let DestinationError::ForeignNotNull { column, mend_sql, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(column, "note");
    assert!(error.to_string().contains(mend_sql.as_str()), "{error}");
    database.run(mend_sql).await;
    database.load("L3", &merging(), users("L3", Cell::Text("y"))).await;
    assert_eq!(database.query("SELECT id, name FROM users").await, ["1|y"]);
}

async fn a_foreign_column_with_a_default_is_left_alone(database: &Database) {
    database.load("L1", &merging(), users("L1", Cell::Text("x"))).await;
    database
        .run("ALTER TABLE users ADD COLUMN note varchar(20) NOT NULL DEFAULT 'none'")
        .await;
    database.load("L2", &merging(), users("L2", Cell::Text("y"))).await;
    assert_eq!(database.query("SELECT id, name, note FROM users").await, ["1|y|none"]);
}

async fn a_dropped_key_is_refused_unless_the_rows_go(database: &Database) {
    database.load("L1", &merging(), users("L1", Cell::Text("x"))).await;
    database.run("DROP INDEX \"_rl_merge_key__users\"").await;
    database.run("ALTER TABLE users DROP COLUMN id").await;
    let error = refusal(database, "L2", &merging()).await;
    assert!(
        matches!(&error, DestinationError::KeyDropped { column, .. } if column == "id"),
        "{error}"
    );
    let mut destination = database.open("L3").await;
    destination.prepare(vec![merging()], true).await.unwrap();
    let refreshed = step("users", users("L3", Cell::Text("y")), &[], true);
    destination.commit(refreshed).await.unwrap();
    destination.finish(outcome(), None).await.unwrap();
    assert_eq!(database.query("SELECT id, name FROM users").await, ["1|y"]);
    // What ties child rows to their root rows is such a column too.
    database.run("DROP INDEX \"_rl_root__users__items\"").await;
    database.run("ALTER TABLE users__items DROP COLUMN _rl_root_id").await;
    let error = refusal(database, "L4", &merging()).await;
    assert!(
        matches!(&error, DestinationError::KeyDropped { table, .. } if table == "users__items"),
        "{error}"
    );
    let replaced = target("users", Replace, &[]);
    database.load("L5", &replaced, users("L5", Cell::Text("z"))).await;
    assert_eq!(
        database.query("SELECT count(_rl_root_id) FROM users__items").await,
        ["1"]
    );
}

async fn a_dropped_child_table_comes_back(database: &Database) {
    database.load("L1", &merging(), users("L1", Cell::Text("x"))).await;
    database.run("DROP TABLE users__items").await;
    let report = database.load("L2", &merging(), users("L2", Cell::Text("y"))).await;
    let changes: Vec<String> = report.schema_changes.iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["table `users__items` created"]);
    assert_eq!(database.query("SELECT value FROM users__items").await, ["a"]);
}

async fn a_zone_that_somebody_took_is_refused_and_one_that_is_declared_away_goes(database: &Database) {
    let plain = target("t", Append, &[]);
    let moments =
        |load_id: &str, cell: Cell<'static>| vec![page("t", load_id, 1, (&["at"], 0), &[], &[record(&[cell])])];
    database.load("L1", &plain, moments("L1", Cell::Timestamp(NOW))).await;
    if !database.is_sqlite() {
        database.run("ALTER TABLE t ALTER COLUMN at TYPE timestamp").await;
        let error = refusal(database, "L2", &plain).await;
        assert!(matches!(&error, DestinationError::AlteredTable { .. }), "{error}");
        database
            .run("ALTER TABLE t ALTER COLUMN at TYPE timestamptz USING at AT TIME ZONE 'UTC'")
            .await;
    }
    let mut declared = plain.clone();
    declared.columns = vec![hint("at", DataType::TimestampNtz)];
    let report = database
        .load("L3", &declared, moments("L3", Cell::TimestampNtz(NOW)))
        .await;
    assert_eq!(
        report.schema_changes[0].to_string(),
        "column `at` of table `t` widened from timestamp to timestamp_ntz"
    );
    // Without the hint it stays so.
    database.load("L4", &plain, moments("L4", Cell::Timestamp(NOW))).await;
    let expected = if database.is_sqlite() {
        "2024-01-02 03:04:05.000000|3"
    } else {
        "2024-01-02 03:04:05|3"
    };
    assert_eq!(
        database.query("SELECT at, count(*) FROM t GROUP BY at").await,
        [expected]
    );
}

fn unique(name: &str) -> ColumnHint {
    ColumnHint {
        unique: true,
        ..hint(name, DataType::Text)
    }
}

async fn unique_columns_have_an_index_that_follows_the_config(database: &Database) {
    let emails = |load_id: &str, cells: &[Cell<'static>]| {
        let records: Vec<_> = cells.iter().map(|cell| record(&[*cell])).collect();
        vec![page("t", load_id, 1, (&["email"], 0), &[], &records)]
    };
    let indexes = if database.is_sqlite() {
        "SELECT name FROM sqlite_schema WHERE name LIKE '!_rl!_unique%' ESCAPE '!'".to_owned()
    } else {
        format!(
            "SELECT indexname FROM pg_indexes WHERE schemaname = '{}' AND indexname LIKE '!_rl!_unique%' ESCAPE '!'",
            database.dataset
        )
    };
    let plain = target("t", Append, &[]);
    let mut declared = plain.clone();
    declared.columns = vec![unique("email")];
    database
        .load(
            "L1",
            &declared,
            emails("L1", &[Cell::Text("a"), Cell::Null, Cell::Null]),
        )
        .await;
    assert_eq!(database.query(&indexes).await, ["_rl_unique__t__email"]);
    // The hint goes, and the index with it; it comes again only when the rows let it.
    database.load("L2", &plain, emails("L2", &[Cell::Text("a")])).await;
    assert!(database.query(&indexes).await.is_empty());
    let error = refusal(database, "L3", &declared).await;
    assert!(
        matches!(&error, DestinationError::NotUnique { column, .. } if column == "email"),
        "{error}"
    );
    // A full refresh replaces the rows first.
    let mut destination = database.open("L4").await;
    destination.prepare(vec![declared.clone()], true).await.unwrap();
    let fresh = step("t", emails("L4", &[Cell::Text("a"), Cell::Text("b")]), &[], true);
    destination.commit(fresh).await.unwrap();
    destination.finish(outcome(), None).await.unwrap();
    assert_eq!(database.query(&indexes).await, ["_rl_unique__t__email"]);
}

async fn limits_widen_and_never_narrow(database: &Database) {
    if database.is_sqlite() {
        // SQLite's types have no limits; the normaliser keeps to them for both.
        return;
    }
    let numbers = |load_id: &str| {
        vec![page(
            "t",
            load_id,
            1,
            (&["n"], 0),
            &[],
            &[record(&[Cell::Numeric("1.5")])],
        )]
    };
    let shown =
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'n'";
    for (load_id, precision, scale, expected) in [
        ("L1", Some(5), Some(2), "numeric(5,2)"),
        ("L2", Some(4), Some(1), "numeric(5,2)"),
        ("L3", Some(5), Some(3), "numeric(6,3)"),
        ("L4", None, None, "numeric"),
        ("L5", Some(5), Some(2), "numeric"),
    ] {
        let mut declared = target("t", Append, &[]);
        declared.columns = vec![ColumnHint {
            precision,
            scale,
            ..hint("n", DataType::Numeric)
        }];
        database.load(load_id, &declared, numbers(load_id)).await;
        assert_eq!(database.query(shown).await, [expected], "{load_id}");
    }
    assert_eq!(database.query("SELECT DISTINCT n::float8 FROM t").await, ["1.5"]);
}

async fn c9_a_frozen_column_takes_no_more_than_it_did(database: &Database) {
    if database.is_sqlite() {
        return;
    }
    let declared = |precision, scale, mode| {
        let mut declared = target("t", Append, &[]);
        declared.contract.data_type = mode;
        declared.columns = vec![ColumnHint {
            precision,
            scale,
            ..hint("c", DataType::Numeric)
        }];
        declared
    };
    let number = |load_id| one(load_id, Cell::Numeric("1.5"));
    let first = declared(Some(5), Some(2), Mode::Freeze);
    database.load("L1", &first, number("L1")).await;
    for (load_id, precision, scale) in [("L2", Some(6), Some(2)), ("L3", Some(6), Some(3)), ("L4", None, None)] {
        let error = refusal(database, load_id, &declared(precision, scale, Mode::Freeze)).await;
        assert!(
            matches!(&error, DestinationError::FrozenLimit { column, .. } if column == "c"),
            "{error}"
        );
    }
    let narrower = declared(Some(4), Some(1), Mode::Freeze);
    database.load("L5", &narrower, number("L5")).await;
    database
        .load("L6", &declared(Some(6), Some(2), Mode::Evolve), number("L6"))
        .await;
    assert_eq!(database.query("SELECT c::float8 FROM t").await, ["1.5"; 3]);
}

fn one(load_id: &str, cell: Cell<'static>) -> Vec<Batch> {
    vec![page("t", load_id, 1, (&["c"], 0), &[], &[record(&[cell])])]
}

async fn c9_a_frozen_type_is_not_declared_away(database: &Database) {
    let plain = target("t", Append, &[]);
    database.load("L1", &plain, one("L1", Cell::Bigint(1))).await;
    let mut declared = plain.clone();
    declared.columns = vec![hint("c", DataType::Text)];
    declared.contract.data_type = Mode::Freeze;
    let error = refusal(database, "L2", &declared).await;
    assert!(
        matches!(
            &error,
            DestinationError::FrozenType {
                from: DataType::Bigint,
                ..
            }
        ),
        "{error}"
    );
    // A key is no type.
    let mut keyed = target("t", Append, &["c"]);
    keyed.columns = vec![ColumnHint {
        unique: true,
        ..hint("c", DataType::Bigint)
    }];
    keyed.contract = Contract::all(Mode::Freeze);
    let mut destination = database.open("L2 keyed").await;
    destination.prepare(vec![keyed], false).await.unwrap();
    destination.finish(outcome(), None).await.unwrap();
    declared.contract.data_type = Mode::Evolve;
    database.load("L3", &declared, one("L3", Cell::Text("x"))).await;
    assert_eq!(database.query("SELECT c FROM t ORDER BY c").await, ["1", "x"]);
}

async fn c14_a_table_that_is_not_ours_is_new_to_a_contract(database: &Database) {
    drop(database.open("L1").await);
    database.run("CREATE TABLE t (c bigint)").await;
    let mut frozen = target("t", Append, &[]);
    frozen.contract = Contract::all(Mode::Freeze);
    frozen.columns = vec![hint("d", DataType::Text)];
    let mut destination = database.open("L2").await;
    destination.prepare(vec![frozen], false).await.unwrap();
    assert!(
        destination.tables().is_empty(),
        "the normaliser refuses records of tables it is not told of"
    );
    destination.finish(outcome(), None).await.unwrap();
    let mut open = target("t", Append, &[]);
    open.columns = vec![hint("c", DataType::Bigint)];
    let mut destination = database.open("L3").await;
    destination.prepare(vec![open], false).await.unwrap();
    assert_eq!(&*destination.tables()[0].name, "t");
}

async fn s12_tables_are_settled_by_the_end_of_their_load(database: &Database) {
    let plain = target("t", Append, &[]);
    let is_settled = async |load_id: &str| {
        let destination = database.open(load_id).await;
        let table = &destination.tables()[0];
        (
            table.is_settled(),
            table.columns.iter().filter(|column| column.is_settled).count(),
        )
    };
    let mut destination = database.open("L1").await;
    destination.prepare(vec![plain.clone()], false).await.unwrap();
    destination
        .commit(step("t", one("L1", Cell::Bigint(1)), &[], false))
        .await
        .unwrap();
    drop(destination);
    assert_eq!(is_settled("probe 1").await, (false, 0));
    database.load("L2", &plain, one("L2", Cell::Bigint(2))).await;
    assert_eq!(is_settled("probe 2").await, (true, 3));
    // A column that comes later is found out in its own first load.
    let later = page("t", "L3", 1, (&["d"], 0), &[], &[record(&[Cell::Bool(true)])]);
    let mut destination = database.open("L3").await;
    destination.prepare(vec![plain.clone()], false).await.unwrap();
    destination.commit(step("t", vec![later], &[], false)).await.unwrap();
    drop(destination);
    assert_eq!(is_settled("probe 3").await, (true, 3));
    database.load("L4", &plain, Vec::new()).await;
    assert_eq!(is_settled("probe 4").await, (true, 4));
    // A table that is there because it is declared has not shown anything yet.
    let mut declared = target("u", Append, &[]);
    declared.columns = vec![hint("c", DataType::Bigint)];
    database.load("L5", &declared, Vec::new()).await;
    let destination = database.open("probe 5").await;
    let table = destination.tables().iter().find(|table| &*table.name == "u").unwrap();
    assert!(!table.is_settled());
    let names: Vec<&str> = table.columns.iter().map(|column| &*column.name).collect();
    assert_eq!(names, ["c", "_rl_load_id", "_rl_id"]);
}

async fn a_system_table_of_an_earlier_version_gets_what_it_lacks(database: &Database) {
    database.load("L1", &merging(), users("L1", Cell::Text("x"))).await;
    database.run("ALTER TABLE _rl_schema DROP COLUMN settled").await;
    database.run("ALTER TABLE _rl_rejects DROP COLUMN kind").await;
    database.load("L2", &merging(), users("L2", Cell::Text("y"))).await;
    assert_eq!(
        database
            .query("SELECT count(*) FROM _rl_schema WHERE NOT settled OR settled IS NULL")
            .await,
        ["0"]
    );
    assert_eq!(
        database
            .query("SELECT DISTINCT table_source FROM _rl_schema WHERE table_name = 'users__items'")
            .await,
        ["items"]
    );
}

/// Keys that only the type of the table makes equal come in one step.
async fn keys_that_are_equal_in_the_tables_type_are_one(database: &Database) {
    let keyed = |table: &str, number: u64, id: Cell<'static>, value: Cell<'static>| {
        page(
            table,
            "L",
            number,
            (&["id", "v"], 1),
            &["value"],
            &[with_children(&[id, value], &[&[value]])],
        )
    };
    for (table, first, second) in [
        ("n", Cell::Bigint(10_000_000_000_000_000), Cell::Double(1e16)),
        ("d", Cell::Date(19_724), Cell::Timestamp(19_724 * 86_400_000_000)),
    ] {
        let batches = vec![
            keyed(table, 1, first, Cell::Text("old")),
            keyed(table, 2, second, Cell::Text("new")),
        ];
        let report = database.load(table, &target(table, Merge, &["id"]), batches).await;
        assert_eq!(
            (report.tables[0].written, report.tables[0].duplicates),
            (1, 1),
            "{table}"
        );
        assert_eq!(database.query(&format!("SELECT v FROM {table}")).await, ["new"]);
        assert_eq!(
            database.query(&format!("SELECT value FROM {table}__items")).await,
            ["new"]
        );
    }
}

fn with_unique_names(disposition: restload_model::schema::WriteDisposition, max_rejects: u64) -> Target {
    let key: &[&str] = if disposition == Merge { &["id"] } else { &[] };
    Target {
        columns: vec![unique("name")],
        max_rejects,
        ..target("t", disposition, key)
    }
}

/// Seven records of which the fourth, fifth and seventh have a name that is there already.
fn named(load_id: &str, number: u64) -> Batch {
    let names = ["a", "b", "c", "a", "b", "d", "d"];
    let first = 100 * number as i64;
    let records: Vec<_> = names
        .iter()
        .zip(first..)
        .map(|(name, id)| with_children(&[Cell::Bigint(id), Cell::Text(name)], &[&[Cell::Bigint(id)]]))
        .collect();
    page("t", load_id, number, (&["id", "name"], 1), &["value"], &records)
}

async fn rows_that_the_database_refuses_are_rejected_one_by_one(database: &Database) {
    for (load_id, disposition) in [("L1", Append), ("L2", Replace), ("L3", Merge)] {
        let target = with_unique_names(disposition, 10);
        let report = database.load(load_id, &target, vec![named(load_id, 3)]).await;
        let root = report.tables.iter().find(|table| &*table.table == "t").unwrap();
        assert_eq!((root.written, root.duplicates, root.rejected), (4, 0, 3), "{load_id}");
        assert_eq!(report.refused, [("t".into(), 3)]);
        assert_eq!(
            database.query("SELECT id, name FROM t ORDER BY id").await,
            ["300|a", "301|b", "302|c", "305|d"],
            "{load_id}"
        );
        assert_eq!(
            database.query("SELECT value FROM t__items ORDER BY value").await,
            ["300", "301", "302", "305"],
            "{load_id}"
        );
        let rejects =
            format!("SELECT page, record, kind, raw FROM _rl_rejects WHERE load_id = '{load_id}' ORDER BY record");
        assert_eq!(
            database.query(&rejects).await,
            [
                r#"3|4|unstorable|{"id":303,"name":"a","t__items":[{"value":303}]}"#,
                r#"3|5|unstorable|{"id":304,"name":"b","t__items":[{"value":304}]}"#,
                r#"3|7|unstorable|{"id":306,"name":"d","t__items":[{"value":306}]}"#,
            ],
            "{load_id}"
        );
    }
    let reasons = database
        .query("SELECT DISTINCT substr(reason, 1, 100) FROM _rl_rejects")
        .await;
    let reason =
        "the database refuses it: column `name` is declared `unique: true`, and another row has the same value";
    assert_eq!(reasons, [&reason[..100]]);
}

async fn more_refused_rows_than_are_tolerated_fail_the_step(database: &Database) {
    for (load_id, max_rejects) in [("none", 0), ("two", 2)] {
        let target = with_unique_names(Append, max_rejects);
        let refused = database.try_load(load_id, &target, vec![named(load_id, 1)]).await;
        let error = refused.unwrap_err();
        assert!(matches!(error, DestinationError::Write { .. }), "{error}");
    }
    // What earlier steps of the load have brought counts, too.
    let target = with_unique_names(Append, 4);
    let mut destination = database.open("L2").await;
    destination.prepare(vec![target], false).await.unwrap();
    destination
        .commit(step("t", vec![named("L2", 1)], &[], false))
        .await
        .unwrap();
    let error = destination
        .commit(step("t", vec![named("L2", 2)], &[], true))
        .await
        .unwrap_err();
    assert!(matches!(error, DestinationError::Write { .. }), "{error}");
    destination.finish(outcome(), None).await.unwrap();
    assert_eq!(database.query("SELECT count(*) FROM t").await, ["4"]);
    assert_eq!(database.query("SELECT count(*) FROM _rl_rejects").await, ["3"]);
}

/// Merges records with these ids and names, and gives what is stored then.
async fn merge_names(
    database: &Database,
    load_id: &str,
    target: &Target,
    named: &[(i64, &str)],
) -> Result<Vec<String>, DestinationError> {
    let records: Vec<_> = named
        .iter()
        .map(|(id, name)| with_children(&[Cell::Bigint(*id), Cell::Text(name)], &[&[Cell::Bigint(*id)]]))
        .collect();
    let batch = page("t", load_id, 1, (&["id", "name"], 1), &["value"], &records);
    database.try_load(load_id, target, vec![batch]).await?;
    Ok(database.query("SELECT id, name FROM t ORDER BY id").await)
}

async fn merged_rows_hand_unique_values_on_to_each_other(database: &Database) {
    let target = with_unique_names(Merge, 0);
    let first = [(1, "a"), (2, "b"), (3, "c"), (4, "d")];
    merge_names(database, "L1", &target, &first).await.unwrap();
    for (load_id, named, stored) in [
        (
            "exchanged",
            [(1, "b"), (2, "a"), (4, "d")],
            ["1|b", "2|a", "3|c", "4|d"],
        ),
        (
            "in a circle",
            [(1, "a"), (2, "c"), (3, "b")],
            ["1|a", "2|c", "3|b", "4|d"],
        ),
        (
            "one by one",
            [(1, "c"), (2, "b"), (3, "e")],
            ["1|c", "2|b", "3|e", "4|d"],
        ),
    ] {
        let found = merge_names(database, load_id, &target, &named).await.unwrap();
        assert_eq!(found, stored, "{load_id}");
        assert_eq!(
            database.query("SELECT value FROM t__items ORDER BY value").await,
            ["1", "2", "3", "4"],
            "{load_id}"
        );
    }
    // What another row keeps is refused, and nothing is lost by the attempt.
    let error = merge_names(database, "L9", &target, &[(1, "b"), (2, "d")])
        .await
        .unwrap_err();
    assert!(matches!(error, DestinationError::Write { .. }), "{error}");
    let tolerant = with_unique_names(Merge, 1);
    let found = merge_names(database, "L10", &tolerant, &[(1, "d"), (2, "x"), (3, "b")])
        .await
        .unwrap();
    assert_eq!(found, ["1|c", "2|x", "3|b", "4|d"]);
    assert_eq!(database.query("SELECT count(*) FROM _rl_rejects").await, ["1"]);
}

async fn what_must_be_there_and_unique_is_not_handed_on(database: &Database) {
    let mut target = with_unique_names(Merge, 0);
    target.columns[0].nullable = Some(false);
    merge_names(database, "L1", &target, &[(1, "a"), (2, "b")])
        .await
        .unwrap();
    let error = merge_names(database, "L2", &target, &[(1, "b"), (2, "a")])
        .await
        .unwrap_err();
    let said = std::error::Error::source(&error)
        .map(ToString::to_string)
        .unwrap_or_default();
    assert!(said.contains("one after another"), "{said}");
    assert_eq!(
        database.query("SELECT id, name FROM t ORDER BY id").await,
        ["1|a", "2|b"]
    );
}

async fn t27_j28_columns_keep_their_order(database: &Database) {
    let names: Vec<String> = (0..100).map(|number| format!("column_{}", number * 37 % 100)).collect();
    let columns: Vec<&str> = names.iter().map(String::as_str).collect();
    let cells = vec![Cell::Bigint(1); 100];
    let batch = page("t", "L1", 1, (&columns, 0), &[], &[record(&cells)]);
    database.load("L1", &target("t", Append, &[]), vec![batch]).await;
    let destination = database.open("L2").await;
    let stored: Vec<&str> = destination.tables()[0]
        .columns
        .iter()
        .map(|column| &*column.name)
        .collect();
    assert_eq!(stored[..100], columns);
    drop(destination);
    // What comes later stands behind all that is there.
    let later = page("t", "L3", 1, (&["later"], 0), &[], &[record(&[Cell::Bigint(1)])]);
    database.load("L3", &target("t", Append, &[]), vec![later]).await;
    let destination = database.open("L4").await;
    let stored: Vec<&str> = destination.tables()[0]
        .columns
        .iter()
        .map(|column| &*column.name)
        .collect();
    assert_eq!(stored[..100], columns);
    assert_eq!(stored.last(), Some(&"later"));
}
