//! Types, columns and tables that change: with the data, with the config, and under somebody else's hands.

use restload_model::DataType;
use restload_model::batch::{Batch, Cell};
use restload_model::iso_time;
use restload_model::schema::ColumnHint;
use restload_model::schema::WriteDisposition::{Append, Merge, Replace};

use super::support::*;
use crate::DestinationError;

super::conformance!(
    every_type_round_trips,
    many_rows_of_every_type_are_like_few,
    every_pair_of_types_widens,
    doubles_keep_their_exact_text,
    whole_numbers_beyond_a_double_stay_exact,
    keys_and_children_widen,
    widening_keeps_views_and_indexes,
    odd_identifiers_work,
    declared_columns_exist,
    declared_types_win,
    columns_of_nulls_do_not_exist,
    a_dropped_column_comes_back,
    a_dropped_table_comes_back,
    an_added_column_is_left_alone,
    a_missing_index_is_made_again,
    ids_of_former_digests_are_replaced,
    a_changed_type_is_refused_with_what_mends_it,
    a_type_that_was_widened_by_hand_is_taken,
);

/// One value of each type.
fn samples() -> Vec<(DataType, Cell<'static>)> {
    vec![
        (DataType::Text, Cell::Text("it's \"text\" ✓\n\\.")),
        (DataType::Bigint, Cell::Bigint(-9_223_372_036_854_775_808)),
        (DataType::Double, Cell::Double(0.1)),
        (DataType::Bool, Cell::Bool(true)),
        (DataType::Timestamp, Cell::Timestamp(NOW + 678_900)),
        (DataType::TimestampNtz, Cell::TimestampNtz(NOW + 678_900)),
        (DataType::Date, Cell::Date(iso_time::parse_date("1969-12-31").unwrap())),
        (DataType::Time, Cell::Time(iso_time::parse_time("03:04:05.5").unwrap())),
        (DataType::Numeric, Cell::Numeric("-123456789012345678901234567890.0012")),
        (
            DataType::Json,
            Cell::Json(r#"{"a":"x: y, z","b":[1,{"c":"\"q\": "}],"d":null}"#),
        ),
        (DataType::Binary, Cell::Binary(b"\x00\xff")),
    ]
}

fn one(table: &str, load_id: &str, cells: &[Cell<'_>]) -> Batch {
    let records: Vec<_> = cells.iter().map(|cell| record(&[*cell])).collect();
    page(table, load_id, 1, (&["c"], 0), &[], &records)
}

async fn every_type_round_trips(database: &Database) {
    let samples = samples();
    let columns: Vec<&str> = samples.iter().map(|(data_type, _)| data_type.name()).collect();
    let cells: Vec<Cell<'_>> = samples.iter().map(|(_, cell)| *cell).collect();
    let nulls = vec![Cell::Null; cells.len()];
    let batch = page("t", "L1", 1, (&columns, 0), &[], &[record(&cells), record(&nulls)]);
    let report = database.load("L1", &target("t", Append, &[]), vec![batch]).await;
    let types: Vec<DataType> = report.column_types.iter().map(|(_, _, data_type)| *data_type).collect();
    assert_eq!(
        types[..11],
        samples.iter().map(|(data_type, _)| *data_type).collect::<Vec<_>>()
    );
    let names: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let rows = database
        .query(&format!("SELECT {} FROM t ORDER BY \"bigint\"", names.join(", ")))
        .await;
    let expected = if database.is_sqlite() {
        "it's \"text\" ✓\n\\.|-9223372036854775808|0.1|1|2024-01-02 03:04:05.678900|2024-01-02 03:04:05.678900|1969-12-31|03:04:05.500000\
         |-123456789012345678901234567890.0012|{\"a\":\"x: y, z\",\"b\":[1,{\"c\":\"\\\"q\\\": \"}],\"d\":null}|[0, 255]"
    } else {
        "it's \"text\" ✓\n\\.|-9223372036854775808|0.1|t|2024-01-02 03:04:05.6789+00|2024-01-02 03:04:05.6789|1969-12-31|03:04:05.5\
         |-123456789012345678901234567890.0012|{\"a\": \"x: y, z\", \"b\": [1, {\"c\": \"\\\"q\\\": \"}], \"d\": null}|\\x00ff"
    };
    assert!(rows.contains(&expected.to_owned()), "{rows:?}");
    assert!(rows.contains(&"-|-|-|-|-|-|-|-|-|-|-".to_owned()), "{rows:?}");
    // A second load reads the same types back.
    let destination = database.open("L2").await;
    let table = &destination.tables()[0];
    let types: Vec<DataType> = table.columns.iter().take(11).map(|column| column.data_type).collect();
    assert_eq!(
        types,
        samples.iter().map(|(data_type, _)| *data_type).collect::<Vec<_>>()
    );
}

/// Writers have other ways for many rows than for few.
async fn many_rows_of_every_type_are_like_few(database: &Database) {
    let samples = samples();
    let columns: Vec<&str> = samples.iter().map(|(data_type, _)| data_type.name()).collect();
    let cells: Vec<Cell<'_>> = samples.iter().map(|(_, cell)| *cell).collect();
    let nulls = vec![Cell::Null; cells.len()];
    for (load_id, repeats) in [("few", 1), ("many", 1_000)] {
        let records: Vec<_> = (0..repeats).flat_map(|_| [record(&cells), record(&nulls)]).collect();
        let batch = page("t", load_id, 1, (&columns, 0), &[], &records);
        database.load(load_id, &target("t", Append, &[]), vec![batch]).await;
    }
    let names: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let distinct = format!("SELECT DISTINCT {} FROM t", names.join(", "));
    assert_eq!(database.query(&distinct).await.len(), 2);
    assert_eq!(database.query("SELECT count(*) FROM t").await, ["2002"]);
}

/// A stored value must become what a batch's own widening makes of the same value.
async fn every_pair_of_types_widens(database: &Database) {
    let samples = samples();
    let mut pairs = Vec::new();
    for (from, first) in &samples {
        for (with, second) in &samples {
            let to = from.join(*with);
            if *from != to {
                // A number that a double holds, so that this pair stays a double.
                let first = if to == DataType::Double {
                    Cell::Bigint(7)
                } else {
                    *first
                };
                pairs.push((format!("{from}_{with}"), *from, to, first, *second));
            }
        }
    }
    let load = async |load_id: &str, cells: &dyn Fn(Cell<'static>, Cell<'static>) -> Vec<Cell<'static>>| {
        let prefix = if load_id == "both" { "b" } else { "s" };
        let mut destination = database.open(load_id).await;
        let names: Vec<String> = pairs.iter().map(|pair| format!("{prefix}_{}", pair.0)).collect();
        let targets = names.iter().map(|name| target(name, Append, &[])).collect();
        destination.prepare(targets, false).await.unwrap();
        let mut all = step("", Vec::new(), &[], true);
        all.parts.clear();
        for (name, (.., first, second)) in names.iter().zip(&pairs) {
            let batch = one(name, load_id, &cells(*first, *second));
            all.parts.extend(step(name, vec![batch], &[], true).parts);
        }
        let report = destination.commit(all).await.unwrap();
        destination.finish(outcome(), None).await.unwrap();
        report
    };
    load("first", &|first, _| vec![first]).await;
    let report = load("second", &|_, second| vec![second]).await;
    let changes: Vec<String> = report.schema_changes.iter().map(ToString::to_string).collect();
    let expected: Vec<String> = pairs
        .iter()
        .map(|(name, from, to, ..)| format!("column `c` of table `s_{name}` widened from {from} to {to}"))
        .collect();
    assert_eq!(changes, expected);
    load("both", &|first, second| vec![first, second]).await;
    let mut reader = database.reader().await;
    for (name, ..) in &pairs {
        let mut kept = reader.query(&format!("SELECT c FROM s_{name}")).await;
        let mut expected = reader.query(&format!("SELECT c FROM b_{name}")).await;
        kept.sort();
        expected.sort();
        assert_eq!(kept, expected, "{name}");
    }
}

async fn doubles_keep_their_exact_text(database: &Database) {
    let doubles = [
        0.1,
        1.0,
        -0.0,
        1.5,
        1e15,
        1_234_567_890_123_456.7,
        9_007_199_254_740_993.0,
        1e16,
        1.25e16,
        1e17,
        123_456_789_012_345_680.0,
        1e-4,
        1.5e-5,
        9.99e-5,
        1e-7,
        1.234_567_890_123_456_7e-10,
        1e300,
        -2.5e-300,
        5e-324,
        f64::MAX,
        0.300_000_000_000_000_04,
        1e22,
        100.0,
        999_999_999_999_999.9,
    ];
    let cells: Vec<Cell<'_>> = doubles.iter().map(|double| Cell::Double(*double)).collect();
    let target = target("t", Append, &[]);
    // Twice as many as one chunk of the conversion takes.
    let batches = (0..200).map(|_| one("t", "L1", &cells)).collect();
    database.load("L1", &target, batches).await;
    database
        .load("L2", &target, vec![one("t", "L2", &[Cell::Text("x")])])
        .await;
    let mut expected: Vec<String> = cells
        .iter()
        .map(|cell| {
            let mut text = String::new();
            cell.write_text(&mut text);
            // SQLite keeps whole doubles as integers, which have no negative zero.
            let text = if database.is_sqlite() && text == "-0.0" {
                "0.0"
            } else {
                &text
            };
            format!("{text}|200")
        })
        .collect();
    expected.push("x|1".to_owned());
    expected.sort();
    let mut kept = database.query("SELECT c, count(*) FROM t GROUP BY c").await;
    kept.sort();
    assert_eq!(kept, expected);
}

async fn whole_numbers_beyond_a_double_stay_exact(database: &Database) {
    let big = (1 << 53) + 1;
    // Already in the table, in the same step, and in a step after a double.
    for (table, loads) in [
        ("a", vec![vec![Cell::Bigint(big)], vec![Cell::Double(0.5)]]),
        ("b", vec![vec![Cell::Double(0.5), Cell::Bigint(big)]]),
        ("c", vec![vec![Cell::Double(0.5)], vec![Cell::Bigint(big)]]),
    ] {
        let target = target(table, Append, &[]);
        for (number, cells) in loads.iter().enumerate() {
            let load_id = format!("{table}{number}");
            database
                .load(&load_id, &target, vec![one(table, &load_id, cells)])
                .await;
        }
        let mut kept = database.query(&format!("SELECT c FROM {table}")).await;
        kept.sort();
        assert_eq!(kept, ["0.5", "9007199254740993"], "{table}");
    }
    let digits = "123456789012345678901234567890";
    let cells = [Cell::Bigint(1), Cell::Numeric(digits)];
    database
        .load("d", &target("d", Append, &[]), vec![one("d", "d", &cells)])
        .await;
    let mut kept = database.query("SELECT c FROM d").await;
    kept.sort();
    assert_eq!(kept, ["1", digits]);
    // Text of digits stays text.
    let cells = [Cell::Text("007"), Cell::Text("18446744073709551616"), Cell::Text("1e5")];
    database
        .load("e", &target("e", Append, &[]), vec![one("e", "e", &cells)])
        .await;
    let mut kept = database.query("SELECT c FROM e").await;
    kept.sort();
    assert_eq!(kept, ["007", "18446744073709551616", "1e5"]);
}

async fn keys_and_children_widen(database: &Database) {
    let users = target("users", Merge, &["id"]);
    let load = |load_id: &'static str, id: Cell<'static>, value: Cell<'static>| {
        let records = [with_children(&[id], &[&[value]])];
        page("users", load_id, 1, (&["id"], 1), &["value"], &records)
    };
    database
        .load("L1", &users, vec![load("L1", Cell::Bigint(1), Cell::Bigint(10))])
        .await;
    database
        .load("L2", &users, vec![load("L2", Cell::Text("x"), Cell::Bool(true))])
        .await;
    // The key is still one: the row with the text `1` is the row with the number 1.
    database
        .load("L3", &users, vec![load("L3", Cell::Text("1"), Cell::Text("new"))])
        .await;
    assert_eq!(database.query("SELECT id FROM users ORDER BY id").await, ["1", "x"]);
    assert_eq!(
        database.query("SELECT value FROM users__items ORDER BY value").await,
        ["new", "true"]
    );
}

async fn widening_keeps_views_and_indexes(database: &Database) {
    let target = target("t", Append, &[]);
    database
        .load("L1", &target, vec![one("t", "L1", &[Cell::Bigint(1)])])
        .await;
    database.run("CREATE INDEX theirs ON t (c)").await;
    database
        .run("CREATE VIEW seen AS SELECT c FROM t WHERE c IS NOT NULL")
        .await;
    database.run("CREATE VIEW \"Of seen\" AS SELECT c FROM seen").await;
    let text = || vec![one("t", "L2", &[Cell::Text("x")])];
    if database.is_sqlite() {
        database.load("L2", &target, text()).await;
    } else {
        // Postgres alters no column that a view shows, and says with what it would.
        let error = database.try_load("L2", &target, text()).await.unwrap_err();
        let DestinationError::ShownByView { mend_sql, .. } = &error else {
            panic!("{error}");
        };
        let schema = &database.dataset;
        let drops = format!("DROP VIEW {schema}.\"Of seen\"; DROP VIEW {schema}.seen; CREATE VIEW {schema}.seen AS ");
        assert!(mend_sql.starts_with(&drops), "{mend_sql}");
        assert!(error.to_string().contains("take the view away"), "{error}");
        let (drops, creates) = mend_sql.split_at(mend_sql.find("CREATE").unwrap());
        database.run(drops).await;
        database.load("L3", &target, text()).await;
        database.run(creates).await;
    }
    assert_eq!(database.query("SELECT c FROM \"Of seen\" ORDER BY c").await, ["1", "x"]);
    let indexes = if database.is_sqlite() {
        "SELECT name FROM pragma_index_list('t')".to_owned()
    } else {
        format!(
            "SELECT indexname FROM pg_indexes WHERE schemaname = '{}' AND tablename = 't'",
            database.dataset
        )
    };
    assert_eq!(database.query(&indexes).await, ["theirs"]);
}

async fn odd_identifiers_work(database: &Database) {
    let columns = [
        "order",
        "a \"quoted\" one",
        "semi;colon--",
        "größe ✓",
        "SELECT",
        "$1",
        "?",
    ];
    let table = "we\"ird ta.ble's";
    let weird = target(table, Merge, &["a \"quoted\" one"]);
    for (load_id, number) in [("L1", 1), ("L2", 2)] {
        let cells: Vec<Cell<'_>> = columns.iter().map(|_| Cell::Bigint(number)).collect();
        let mut records = vec![with_children(&cells, &[&[Cell::Bigint(number)]])];
        records[0].replace_cell(1, Cell::Text("key"));
        let mut batch = page(table, load_id, 1, (&columns, 0), &["valü\"e"], &records);
        fix_root_id(&mut batch, "the-key");
        database.load(load_id, &weird, vec![batch]).await;
    }
    let text = one_named("\"we\"\"ird ta.ble's\"", &columns);
    assert_eq!(database.query(&text).await, ["2|key|2|2|2|2|2"]);
    assert_eq!(
        database
            .query("SELECT \"valü\"\"e\" FROM \"we\"\"ird ta.ble's__items\"")
            .await,
        ["2"]
    );
    // Widening and replacing go through more statements.
    let replace = target(table, Replace, &[]);
    let mut destination = database.open("L3").await;
    destination.prepare(vec![replace], false).await.unwrap();
    for number in [3, 4] {
        let cells: Vec<Cell<'_>> = columns.iter().map(|_| Cell::Double(0.5 + f64::from(number))).collect();
        let batch = page(
            table,
            "L3",
            u64::from(number as u8),
            (&columns, 0),
            &[],
            &[record(&cells)],
        );
        destination
            .commit(step(table, vec![batch], &[], number == 4))
            .await
            .unwrap();
    }
    destination.finish(outcome(), None).await.unwrap();
    assert_eq!(
        database
            .query("SELECT \"$1\" FROM \"we\"\"ird ta.ble's\" ORDER BY 1")
            .await,
        ["3.5", "4.5"]
    );
}

fn one_named(table: &str, columns: &[&str]) -> String {
    let columns: Vec<String> = columns
        .iter()
        .map(|column| format!("\"{}\"", column.replace('"', "\"\"")))
        .collect();
    format!("SELECT {} FROM {table}", columns.join(", "))
}

async fn declared_columns_exist(database: &Database) {
    let mut declared = target("t", Append, &[]);
    declared.columns = vec![
        hint("c", DataType::Bigint),
        hint("missing", DataType::Timestamp),
        ColumnHint {
            precision: Some(10),
            scale: Some(2),
            ..hint("amount", DataType::Numeric)
        },
    ];
    database
        .load("L1", &declared, vec![one("t", "L1", &[Cell::Null])])
        .await;
    assert_eq!(database.query("SELECT c, missing, amount FROM t").await, ["-|-|-"]);
    // Declared later, for a table that is there.
    declared.columns.push(hint("late", DataType::Json));
    let mut destination = database.open("L2").await;
    destination.prepare(vec![declared], false).await.unwrap();
    let names: Vec<&str> = destination.tables()[0]
        .columns
        .iter()
        .map(|column| &*column.name)
        .collect();
    assert_eq!(names, ["c", "missing", "amount", "_rl_id", "_rl_load_id", "late"]);
    let report = destination
        .commit(step("t", vec![one("t", "L2", &[Cell::Bigint(5)])], &[], true))
        .await
        .unwrap();
    let changes: Vec<String> = report.schema_changes.iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["column `late` (json) added to table `t`"]);
}

async fn declared_types_win(database: &Database) {
    let mut declared = target("t", Append, &[]);
    database
        .load("L1", &declared, vec![one("t", "L1", &[Cell::Bigint(1)])])
        .await;
    declared.columns = vec![hint("c", DataType::Numeric)];
    database
        .load("L2", &declared, vec![one("t", "L2", &[Cell::Bigint(2)])])
        .await;
    let mut destination = database.open("L3").await;
    assert_eq!(destination.tables()[0].columns[0].data_type, DataType::Numeric);
    declared.columns = vec![hint("c", DataType::Bigint)];
    let error = destination.prepare(vec![declared], false).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `c` of table `t` is declared as bigint, but the table holds numeric values; declare numeric, or drop \
         the table and load it again with a full refresh"
    );
}

async fn columns_of_nulls_do_not_exist(database: &Database) {
    let target = target("t", Append, &[]);
    let columns: (&[&str], usize) = (&["a", "b"], 0);
    let nulls = page("t", "L1", 1, columns, &[], &[record(&[Cell::Bigint(1), Cell::Null])]);
    database.load("L1", &target, vec![nulls]).await;
    let destination = database.open("L2").await;
    let names: Vec<&str> = destination.tables()[0]
        .columns
        .iter()
        .map(|column| &*column.name)
        .collect();
    assert_eq!(names, ["a", "_rl_id", "_rl_load_id"]);
    drop(destination);
    let values = page("t", "L3", 1, columns, &[], &[record(&[Cell::Null, Cell::Text("x")])]);
    database.load("L3", &target, vec![values]).await;
    assert_eq!(
        database.query("SELECT a, b FROM t ORDER BY _rl_load_id").await,
        ["1|-", "-|x"]
    );
}

async fn a_dropped_column_comes_back(database: &Database) {
    let target = target("users", Merge, &["id"]);
    let users = |load_id: &'static str| {
        let records = [record(&[Cell::Bigint(1), Cell::Text("a")])];
        page("users", load_id, 1, (&["id", "name"], 1), &[], &records)
    };
    database.load("L1", &target, vec![users("L1")]).await;
    database.run("ALTER TABLE users DROP COLUMN name").await;
    let destination = database.open("probe").await;
    assert!(
        destination.tables()[0]
            .columns
            .iter()
            .all(|column| &*column.name != "name")
    );
    drop(destination);
    let report = database.load("L2", &target, vec![users("L2")]).await;
    let changes: Vec<String> = report.schema_changes.iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["column `name` (text) added to table `users`"]);
    assert_eq!(database.query("SELECT id, name FROM users").await, ["1|a"]);
}

async fn a_dropped_table_comes_back(database: &Database) {
    let target = target("t", Append, &[]);
    database
        .load("L1", &target, vec![one("t", "L1", &[Cell::Text("x")])])
        .await;
    database.run("DROP TABLE t").await;
    assert!(database.open("probe").await.tables().is_empty());
    let report = database
        .load("L2", &target, vec![one("t", "L2", &[Cell::Bigint(1)])])
        .await;
    assert_eq!(report.schema_changes[0].to_string(), "table `t` created");
    assert_eq!(database.query("SELECT c FROM t").await, ["1"]);
    let destination = database.open("L3").await;
    assert_eq!(destination.tables()[0].columns[0].data_type, DataType::Bigint);
}

async fn an_added_column_is_left_alone(database: &Database) {
    let target = target("users", Merge, &["id"]);
    let users = |load_id: &'static str, id| {
        let records = [record(&[Cell::Bigint(id)])];
        page("users", load_id, 1, (&["id"], 1), &[], &records)
    };
    database.load("L1", &target, vec![users("L1", 1)]).await;
    database.run("ALTER TABLE users ADD COLUMN note varchar(20)").await;
    database.run("UPDATE users SET note = 'mine'").await;
    database.load("L2", &target, vec![users("L2", 1), users("L2", 2)]).await;
    assert_eq!(
        database.query("SELECT id, note FROM users ORDER BY id").await,
        ["1|mine", "2|-"]
    );
}

async fn a_missing_index_is_made_again(database: &Database) {
    let target = target("users", Merge, &["id"]);
    let users = |load_id: &'static str| {
        let records = [with_children(&[Cell::Bigint(1)], &[&[Cell::Text("a")]])];
        page("users", load_id, 1, (&["id"], 1), &["value"], &records)
    };
    database.load("L1", &target, vec![users("L1")]).await;
    database.run("DROP INDEX \"_rl_merge_key__users\"").await;
    database.run("DROP INDEX \"_rl_root__users__items\"").await;
    database.load("L2", &target, vec![users("L2")]).await;
    assert_eq!(database.query("SELECT count(*) FROM users__items").await, ["1"]);
    let indexes = if database.is_sqlite() {
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1".to_owned()
    } else {
        let dataset = &database.dataset;
        format!(
            "SELECT indexname FROM pg_indexes WHERE schemaname = '{dataset}' AND tablename LIKE 'users%' ORDER BY 1"
        )
    };
    assert_eq!(
        database.query(&indexes).await,
        ["_rl_late_key__users", "_rl_root__users__items"]
    );
}

async fn ids_of_former_digests_are_replaced(database: &Database) {
    let target = target("users", Merge, &["id"]);
    let users = |load_id: &'static str| {
        let records = [with_children(&[Cell::Bigint(1)], &[&[Cell::Text("a")]])];
        page("users", load_id, 1, (&["id"], 1), &["value"], &records)
    };
    database.load("L1", &target, vec![users("L1")]).await;
    database.run("DROP INDEX \"_rl_merge_key__users\"").await;
    database
        .run("CREATE UNIQUE INDEX \"_rl_key__users\" ON users (id)")
        .await;
    database.run("UPDATE users SET _rl_id = 'former'").await;
    database
        .run("UPDATE users__items SET _rl_root_id = 'former', _rl_parent_id = 'former', _rl_id = 'of former'")
        .await;
    database.load("L2", &target, vec![users("L2")]).await;
    assert_eq!(database.query("SELECT count(*) FROM users__items").await, ["1"]);
    assert_eq!(
        database
            .query(
                "SELECT i.value FROM users__items i JOIN users u ON u._rl_id = i._rl_root_id WHERE u._rl_id <> 'former'"
            )
            .await,
        ["a"]
    );
}

async fn a_changed_type_is_refused_with_what_mends_it(database: &Database) {
    let target = target("t", Append, &[]);
    let moment = Cell::Timestamp(NOW);
    database.load("L1", &target, vec![one("t", "L1", &[moment])]).await;
    if database.is_sqlite() {
        database.run("ALTER TABLE t DROP COLUMN c").await;
        database.run("ALTER TABLE t ADD COLUMN c DATETIME").await;
    } else {
        database
            .run("ALTER TABLE t ALTER COLUMN c TYPE timestamp USING c AT TIME ZONE 'UTC'")
            .await;
    }
    let mut destination = database.open("L2").await;
    let error = destination.prepare(vec![target.clone()], false).await.unwrap_err();
    let DestinationError::AlteredTable { table, mend_sql, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(table, "t");
    assert!(error.to_string().contains(mend_sql.as_str()), "{error}");
    drop(destination);
    database.run(mend_sql).await;
    database.load("L3", &target, vec![one("t", "L3", &[moment])]).await;
    let rows = if database.is_sqlite() { ["1"] } else { ["2"] };
    assert_eq!(database.query("SELECT count(c) FROM t").await, rows);
}

async fn a_type_that_was_widened_by_hand_is_taken(database: &Database) {
    let target = target("t", Append, &[]);
    database
        .load("L1", &target, vec![one("t", "L1", &[Cell::Bigint(1)])])
        .await;
    if database.is_sqlite() {
        database.run("ALTER TABLE t DROP COLUMN c").await;
        database.run("ALTER TABLE t ADD COLUMN c TEXT").await;
        database.run("UPDATE t SET c = '1'").await;
    } else {
        database.run("ALTER TABLE t ALTER COLUMN c TYPE text").await;
    }
    let report = database
        .load("L2", &target, vec![one("t", "L2", &[Cell::Bigint(2)])])
        .await;
    assert!(report.schema_changes.is_empty());
    assert!(report.column_types.contains(&("t".into(), "c".into(), DataType::Text)));
    let mut rows = database.query("SELECT c FROM t").await;
    rows.sort();
    assert_eq!(rows, ["1", "2"]);
}
