use std::fmt::Write as _;

use serde_json::json;

use super::*;
use crate::DataType;
use crate::contract::Contract;
use crate::schema::{ColumnHint, LIST_INDEX, Merging, PARENT_ID, ROOT_ID, ROW_ID, WriteDisposition};

mod settled;

fn target(primary_key: &[&str], hints: &[(&str, DataType)]) -> Target {
    let hint = |(name, data_type): &(&str, DataType)| ColumnHint {
        name: (*name).into(),
        data_type: Some(*data_type),
        ..ColumnHint::default()
    };
    Target {
        finds_rows_by_id: false,
        meets_records_again: false,
        resource: "t".into(),
        table: "t".into(),
        write_disposition: if primary_key.is_empty() {
            WriteDisposition::Append
        } else {
            WriteDisposition::Merge
        },
        merging: Merging::default(),
        primary_key: primary_key.iter().map(|name| (*name).into()).collect(),
        columns: hints.iter().map(hint).collect(),
        contract: Contract::default(),
        variants: false,
        share: crate::schema::Share::Whole,
        max_rejects: 0,
    }
}

fn normalizer(target: Target, max_nesting: usize) -> Normalizer {
    let plan = NormalizePlan {
        target,
        max_nesting,
        load_id: "L".into(),
    };
    Normalizer::new(Arc::new(plan), Arc::new(Names::default()))
}

fn page(normalizer: &mut Normalizer, records: &[serde_json::Value]) -> Batch {
    normalizer.start_page("", 1);
    for record in records {
        let record = Value::from(record.clone());
        normalizer.push(&record);
    }
    normalizer.finish_page()
}

/// One line a table with its typed data columns, then a line a row.
fn dump(batch: &Batch) -> String {
    let mut out = String::new();
    for table in &batch.tables {
        let columns: Vec<_> = table
            .columns
            .iter()
            .filter(|column| !column.name.starts_with("_rl_") && column.data_type().is_some())
            .collect();
        let names: Vec<_> = columns
            .iter()
            .map(|column| format!("{} {}", column.name, column.data_type().unwrap()))
            .collect();
        writeln!(out, "{} ({})", table.name, names.join(", ")).unwrap();
        for row in 0..table.row_count {
            let cells: Vec<_> = columns
                .iter()
                .map(|column| match column.cell(row) {
                    Cell::Null => "-".to_owned(),
                    cell => {
                        let mut text = String::new();
                        cell.write_text(&mut text);
                        text
                    }
                })
                .collect();
            writeln!(out, "  {}", cells.join(" | ")).unwrap();
        }
    }
    for reject in &batch.rejects {
        writeln!(out, "reject {}:{} {}", reject.page, reject.record, reject.reason).unwrap();
    }
    out
}

fn check(max_nesting: usize, records: &[serde_json::Value], expected: &str) {
    let batch = page(&mut normalizer(target(&[], &[]), max_nesting), records);
    assert_eq!(dump(&batch), expected);
}

#[test]
fn the_tricky_sample_has_dlts_shape_and_wider_types() {
    let first = json!({"ID":1,"User Name":"Ada","camelCase":true,"2ndField":"x","émail":"a@b",
        "created":"2024-01-02T03:04:05Z","naive":"2024-01-02 03:04:05","offs":"2024-01-02T03:04:05+02:00",
        "d":"2024-01-02","t":"03:04:05","y":"2024","n1":null,"amount":1,"mixed":1,"big":9_223_372_036_854_775_807_i64,
        "price":10.5,"address":{"Street":"S","geo":{"lat":1.5,"lon":2}},"empty_d":{},"empty_l":[],
        "tags":["a","b",3],"matrix":[[1,2],[3]],
        "orders":[{"no":1,"Items":[{"sku":"A","qty":2},{"sku":"B"}]},{"no":2,"Items":[]}],
        "meta":{"labels":["l1","l2"],"hist":[{"at":"2024-02-01T00:00:00Z"}]},"raw":{"keep":[1,{"a":null}]}});
    let second = json!({"ID":2,"User Name":"Bob","camelCase":"no","created":"not a date","mixed":"abc","amount":1.5,
        "price":11,"big":5,"address":"flat string now","tags":null,"orders":{"no":9},"n1":null,"t":"x",
        "raw":{"keep":[1,{"a":null}]}});
    let mut normalizer = normalizer(target(&["id"], &[("raw", DataType::Json)]), 1000);
    let batch = page(&mut normalizer, &[first, second]);
    assert_eq!(
        dump(&batch),
        "t (raw json, id bigint, user_name text, camel_case text, _2nd_field text, _mail text, created text, \
         naive timestamp, offs timestamp, d date, t text, y text, amount double, mixed text, big bigint, price double, \
         address__street text, address__geo__lat double, address__geo__lon bigint, address text, orders__no bigint)
  {\"keep\":[1,{\"a\":null}]} | 1 | Ada | true | x | a@b | 2024-01-02T03:04:05Z | 2024-01-02T03:04:05Z | \
         2024-01-02T01:04:05Z | 2024-01-02 | 03:04:05 | 2024 | 1.0 | 1 | 9223372036854775807 | 10.5 | S | 1.5 | 2 | - | -
  {\"keep\":[1,{\"a\":null}]} | 2 | Bob | no | - | - | not a date | - | - | - | x | - | 1.5 | abc | 5 | 11.0 | - | - | - | \
         flat string now | 9
t__tags (value text)
  a
  b
  3
t__matrix ()
  
  
t__orders (no bigint)
  1
  2
t__meta__labels (value text)
  l1
  l2
t__meta__hist (at timestamp)
  2024-02-01T00:00:00Z
t__matrix__list (value bigint)
  1
  2
  3
t__orders__items (sku text, qty bigint)
  A | 2
  B | -
"
    );
}

#[test]
fn j4_j5_child_rows_carry_their_parents() {
    let record = json!({"f":[{"l":["a","b","c"],"v":120,"o":[{},{}]}]});
    let batch = page(&mut normalizer(target(&[], &[]), 1000), &[record]);
    assert_eq!(batch.row_count(), 7);
    let ids = |table: usize, column: &str| {
        let column = batch.tables[table].column(column).unwrap();
        (0..column.len())
            .map(|row| format!("{:?}", column.cell(row)))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        batch.tables.iter().map(|table| &*table.name).collect::<Vec<_>>(),
        ["t", "t__f", "t__f__l", "t__f__o"]
    );
    let root = &ids(0, ROW_ID)[0];
    let middle = &ids(1, ROW_ID)[0];
    for (table, parent, rows) in [(1, root, 1), (2, middle, 3), (3, middle, 2)] {
        assert_eq!(ids(table, PARENT_ID), vec![parent.clone(); rows], "{table}");
        assert_eq!(ids(table, ROOT_ID), vec![root.clone(); rows], "{table}");
        assert_eq!(
            ids(table, LIST_INDEX),
            (0..rows).map(|index| format!("Bigint({index})")).collect::<Vec<_>>(),
            "{table}"
        );
    }
    for column in [PARENT_ID, ROOT_ID, LIST_INDEX] {
        assert!(batch.tables[0].column(column).is_none(), "{column}");
    }
}

#[test]
fn j13_ids_of_children_follow_from_the_row_above_them() {
    let ids = |name: &'static str, key: i64| {
        let mut target = target(&["id"], &[]);
        target.table = name.into();
        let record = json!({"id": key, "f": [{"l": ["a", "b"]}, {"l": ["c"]}]});
        let batch = page(&mut normalizer(target, 1000), &[record]);
        let ids = |table: &crate::batch::TableBatch| {
            let column = table.column(ROW_ID).unwrap();
            (0..column.len())
                .map(|row| cell_text(&column.cell(row)))
                .collect::<Vec<_>>()
        };
        batch.tables.iter().map(ids).collect::<Vec<_>>()
    };
    let of = |parent: &str, table: &str, index| crate::row_id::of_child(parent, table, index).to_string();
    let found = ids("t", 1);
    let root = &found[0][0];
    let rows = [of(root, "t__f", 0), of(root, "t__f", 1)];
    assert_eq!(found[1], rows);
    assert_eq!(
        found[2],
        [
            of(&rows[0], "t__f__l", 0),
            of(&rows[0], "t__f__l", 1),
            of(&rows[1], "t__f__l", 0)
        ]
    );
    assert_eq!(found, ids("t", 1));
    for other in [ids("u", 1), ids("t", 2)] {
        let same = |(one, other): (&String, &String)| one == other;
        let descendants = |ids: &[Vec<String>]| ids[1..].concat();
        assert!(!descendants(&found).iter().zip(&descendants(&other)).any(same));
    }
}

fn cell_text(cell: &Cell<'_>) -> String {
    let mut text = String::new();
    cell.write_text(&mut text);
    text
}

#[test]
fn j11_lists_inside_lists_have_tables_of_their_own() {
    let record = json!({"webpath":[[{"a":1},{"a":2},{"a":3},[{"a":4}]],[1,2,3]]});
    let batch = page(&mut normalizer(target(&[], &[]), 1000), &[record]);
    let rows: Vec<_> = batch
        .tables
        .iter()
        .map(|table| (&*table.name, table.row_count))
        .collect();
    assert_eq!(
        rows,
        [
            ("t", 1),
            ("t__webpath", 2),
            ("t__webpath__list", 7),
            ("t__webpath__list__list", 1)
        ]
    );
}

#[test]
fn j16_scalars_and_lists_can_be_records() {
    check(
        1000,
        &[json!(5), json!([1, "A"])],
        "t (value bigint)\n  5\n  -\nt__value (value text)\n  1\n  A\n",
    );
}

#[test]
fn j17_deeper_levels_stay_json() {
    let record = json!({"f":[{"l":["a"],"v":120,"lo":[{"e":{"v":1}}]}]});
    for (max_nesting, rows) in [(0, 1), (1, 2), (2, 4), (3, 4)] {
        let batch = page(
            &mut normalizer(target(&[], &[]), max_nesting),
            std::slice::from_ref(&record),
        );
        assert_eq!(batch.row_count(), rows, "{max_nesting}");
    }
    check(
        2,
        &[record],
        "t ()\n  \nt__f (v bigint)\n  120\nt__f__l (value text)\n  a\nt__f__lo (e json)\n  {\"v\":1}\n",
    );
    let record = json!({"a":{"b":{"c":1}},"l":[{"x":[1],"d":{"e":1}}]});
    check(
        0,
        std::slice::from_ref(&record),
        "t (a json, l json)\n  {\"b\":{\"c\":1}} | [{\"x\":[1],\"d\":{\"e\":1}}]\n",
    );
    check(
        1,
        std::slice::from_ref(&record),
        "t (a__b json)\n  {\"c\":1}\nt__l (x json, d json)\n  [1] | {\"e\":1}\n",
    );
    check(
        2,
        std::slice::from_ref(&record),
        "t (a__b__c bigint)\n  1\nt__l (d__e bigint)\n  1\nt__l__x (value bigint)\n  1\n",
    );
}

#[test]
fn j20_empty_keys_have_a_name() {
    check(
        1000,
        &[json!({"":1,"b":{" ":2}})],
        "t (_empty bigint, b___empty bigint)\n  1 | 2\n",
    );
}

#[test]
fn n17_names_that_come_out_alike_get_two_columns() {
    let mut normalizer = normalizer(target(&[], &[]), 1000);
    let batch = page(
        &mut normalizer,
        &[json!({"camelCase":1,"camel_case":2,"a__b":3,"a":{"b":4},"_rl_id":5})],
    );
    let text = dump(&batch);
    assert_eq!(
        text.lines().nth(1),
        Some("  1 | 2 | 3 | 4"),
        "every value has a cell of its own, but the one that would hide a system column:\n{text}"
    );
    let names: Vec<_> = batch.tables[0]
        .columns
        .iter()
        .map(|column| column.name.to_string())
        .collect();
    assert!(names.iter().any(|name| name.starts_with("_rl_id__")), "{names:?}");
}

#[test]
fn a_record_without_its_key_is_rejected_with_its_children() {
    let mut normalizer = normalizer(target(&["id"], &[]), 1000);
    let batch = page(
        &mut normalizer,
        &[json!({"id":1,"l":[1]}), json!({"l":[2,3]}), json!({"id":null,"l":[4]})],
    );
    assert_eq!(
        dump(&batch),
        "t (id bigint)\n  1\nt__l (value bigint)\n  1\n\
         reject 1:2 no value for the primary key `id`\nreject 1:3 no value for the primary key `id`\n"
    );
}

#[test]
fn a_value_that_does_not_fit_its_declared_type_is_rejected() {
    let mut normalizer = normalizer(target(&[], &[("n", DataType::Bigint), ("never", DataType::Text)]), 1000);
    let batch = page(&mut normalizer, &[json!({"n":"12"}), json!({"n":"x"})]);
    assert_eq!(
        dump(&batch),
        "t (n bigint, never text)\n  12 | -\nreject 1:2 column `n`: \"x\" is not a bigint\n"
    );
}

#[test]
fn equal_keys_have_equal_ids_whatever_their_type() {
    let id = |record: serde_json::Value| {
        let batch = page(&mut normalizer(target(&["id"], &[]), 1000), &[record]);
        format!("{:?}", batch.tables[0].column(ROW_ID).unwrap().cell(0))
    };
    assert_eq!(id(json!({"id":1,"x":1})), id(json!({"id":1,"x":2})));
    assert_eq!(id(json!({"id":1})), id(json!({"id":1.0})));
    assert_ne!(id(json!({"id":1})), id(json!({"id":2})));
}

#[test]
fn a_page_is_typed_by_its_own_values_and_the_destinations_types() {
    let plan = NormalizePlan {
        target: target(&[], &[]),
        max_nesting: 1000,
        load_id: "L".into(),
    };
    let names = Arc::new(Names::default());
    let mut normalizer = Normalizer::new(Arc::new(plan), Arc::clone(&names));
    let moment = json!({"a":"2024-01-02T03:04:05+02:00"});
    assert_eq!(dump(&page(&mut normalizer, &[json!({"a":"x"})])), "t (a text)\n  x\n");
    assert_eq!(
        dump(&page(&mut normalizer, std::slice::from_ref(&moment))),
        "t (a timestamp)\n  2024-01-02T01:04:05Z\n"
    );
    names.set_types(&[("t".into(), "a".into(), DataType::Text)]);
    let text = dump(&page(&mut normalizer, &[moment]));
    assert_eq!(
        text, "t (a text)\n  2024-01-02T03:04:05+02:00\n",
        "a text column keeps the text as it came"
    );
}

#[test]
fn nul_becomes_the_replacement_character() {
    check(
        0,
        &[json!({"a":"x\u{0}y","b":["\u{0}","\\u0000"]})],
        "t (a text, b json)\n  x\u{fffd}y | [\"\u{fffd}\",\"\\\\u0000\"]\n",
    );
}

/// The names of a batch's tables, each with its rows.
fn shape(batch: &Batch) -> Vec<(String, usize)> {
    let tables = batch.tables.iter();
    tables.map(|table| (table.name.to_string(), table.row_count)).collect()
}

fn columns_of(batch: &Batch, table: usize) -> Vec<String> {
    let columns = batch.tables[table].columns.iter();
    let columns = columns.filter(|column| !column.name.starts_with("_rl_"));
    columns.map(|column| column.name.to_string()).collect()
}

#[test]
fn j1_keys_join_to_columns_and_lists_to_tables() {
    let record = json!({"f-1": 1, "f!3": {"f4": 2, "f-5": 3, "f*6": {"c": 7, "c v": 8, "c x": [{"g": 1}]}}});
    let batch = page(&mut normalizer(target(&[], &[]), 1000), &[record]);
    assert_eq!(
        columns_of(&batch, 0),
        ["f_1", "f_3__f4", "f_3__f_5", "f_3__fx6__c", "f_3__fx6__c_v"]
    );
    assert_eq!(shape(&batch)[1].0, "t__f_3__fx6__c_x");
}

#[test]
fn j2_n13_a_declared_column_takes_its_value_whole_wherever_it_stands() {
    let declared = target(
        &[],
        &[("raw", DataType::Json), ("value__timestamp", DataType::Timestamp)],
    );
    let records = [
        json!({"raw": {"x": 1}, "value": {"timestamp": 1_580_405_246}}),
        json!({"raw": [1, 2]}),
        json!({"raw": "text"}),
    ];
    let batch = page(&mut normalizer(declared, 1000), &records);
    assert_eq!(
        dump(&batch),
        "t (raw json, value__timestamp timestamp)\n  {\"x\":1} | 2020-01-30T17:27:26Z\n  [1,2] | -\n  \"text\" | -\n"
    );
}

#[test]
fn j7_j10_tables_stand_below_their_parents_and_count_their_rows() {
    let record = json!({"f": [{"l": ["a", "b", "c"], "o": [{}, {}]}], "g": [{"l": ["a"]}, {"l": ["b", "c"]}]});
    let batch = page(&mut normalizer(target(&[], &[]), 1000), &[record]);
    let tables = shape(&batch);
    let expected = [
        ("t", 1),
        ("t__f", 1),
        ("t__g", 2),
        ("t__f__l", 3),
        ("t__f__o", 2),
        ("t__g__l", 3),
    ];
    assert_eq!(tables, expected.map(|(name, rows)| (name.to_owned(), rows)));
    for (index, (name, _)) in tables.iter().enumerate() {
        let parent = batch.tables[index].parent.as_deref();
        let place = parent.and_then(|parent| tables.iter().position(|(name, _)| name == parent));
        assert!(
            place.is_none_or(|place| place < index),
            "{name} stands before its parent"
        );
    }
    let list = batch.tables.iter().find(|table| &*table.name == "t__g__l").unwrap();
    let indexes = list.column(LIST_INDEX).unwrap();
    let indexes: Vec<_> = (0..list.row_count).map(|row| indexes.cell(row)).collect();
    assert_eq!(
        indexes,
        [Cell::Bigint(0), Cell::Bigint(0), Cell::Bigint(1)],
        "each list counts from 0"
    );
}

#[test]
fn j8_j9_a_list_belongs_to_the_nearest_row() {
    let record = json!({"f": [{"b": {"a": [1]}}, {"b": {"a": [2]}}]});
    let batch = page(&mut normalizer(target(&[], &[]), 1000), &[record]);
    assert_eq!(
        shape(&batch),
        [
            ("t".to_owned(), 1),
            ("t__f".to_owned(), 2),
            ("t__f__b__a".to_owned(), 2)
        ]
    );
    let parents = batch.tables[2].column(PARENT_ID).unwrap();
    let rows = batch.tables[1].column(ROW_ID).unwrap();
    assert_eq!((parents.cell(0), parents.cell(1)), (rows.cell(0), rows.cell(1)));
    assert!(columns_of(&batch, 1).is_empty(), "a row of link columns only is a row");
    let root = batch.tables[0].column(ROW_ID).unwrap().cell(0);
    let links = |row| [PARENT_ID, ROOT_ID, LIST_INDEX].map(|name| batch.tables[1].column(name).unwrap().cell(row));
    assert_eq!(links(0), [root, root, Cell::Bigint(0)]);
    assert_eq!(links(1), [root, root, Cell::Bigint(1)]);
}

#[test]
fn j12_a_list_of_lists_that_is_declared_json_stays_whole() {
    let record = json!({"webpath": [[{"a": 1}, [{"a": 4}]], [1, 2, 3]]});
    let batch = page(
        &mut normalizer(target(&[], &[("webpath", DataType::Json)]), 1000),
        std::slice::from_ref(&record),
    );
    assert_eq!(shape(&batch), [("t".to_owned(), 1)]);
    // (≠) child tables have no hints: the inner lists are kept whole by the limit.
    check(
        1,
        &[record],
        "t ()\n  \nt__webpath (list json)\n  [{\"a\":1},[{\"a\":4}]]\n  [1,2,3]\n",
    );
}

#[test]
fn j16_a_list_as_a_record_has_its_elements_in_value() {
    let batch = page(&mut normalizer(target(&[], &[]), 1000), &[json!([1, 2, 3, 4, "A"])]);
    assert_eq!(shape(&batch), [("t".to_owned(), 1), ("t__value".to_owned(), 5)]);
}

#[test]
fn j19_j21_t22_nulls_and_empty_records_have_rows_and_no_columns() {
    let batch = page(
        &mut normalizer(target(&[], &[]), 1000),
        &[json!({}), json!({"a": null}), json!({"d": {}, "l": []})],
    );
    assert_eq!(shape(&batch), [("t".to_owned(), 3)]);
    assert!(columns_of(&batch, 0).is_empty());
    // A null is a value among others.
    check(
        1000,
        &[
            json!({"a": 1, "b": {"c": 2}}),
            json!({"a": null, "b": {"c": null}}),
            json!({}),
        ],
        "t (a bigint, b__c bigint)\n  1 | 2\n  - | -\n  - | -\n",
    );
}

#[test]
fn j20_empty_keys_have_names_in_child_rows_too() {
    let batch = page(
        &mut normalizer(target(&[], &[]), 1000),
        &[json!({"l": [{"": 1, "b": {"": 2}}]})],
    );
    assert_eq!(columns_of(&batch, 1), ["_empty", "b___empty"]);
}

#[test]
fn j22_long_paths_are_cut_with_the_tag_of_the_whole() {
    let long = "a_name_of_some_length_that_is_nested_in_itself";
    let record = json!({ long: { long: 1 }, "l": [{ long: [{ long: [1] }] }] });
    let batch = page(&mut normalizer(target(&[], &[]), 1000), &[record]);
    let whole = format!("{long}__{long}");
    let column = &columns_of(&batch, 0)[0];
    assert!(column.len() == 63 && column.contains(&naming::tag(&whole)), "{column}");
    let list = format!("t__l__{long}");
    let below = format!("{list}__{long}");
    let tables: Vec<String> = shape(&batch).into_iter().map(|(name, _)| name).collect();
    assert_eq!(tables[..3], ["t".to_owned(), "t__l".to_owned(), list]);
    let cut = &tables[3];
    assert!(cut.len() == 63 && cut.contains(&naming::tag(&below)), "{cut}");
}

#[test]
fn j28_columns_stand_as_the_first_record_has_them_and_declared_ones_first() {
    let declared = target(&[], &[("z", DataType::Text), ("b", DataType::Bigint)]);
    let batch = page(
        &mut normalizer(declared, 1000),
        &[json!({"a": 1, "b": 2, "c": 3}), json!({"d": 4, "a": 5})],
    );
    let names: Vec<_> = batch.tables[0]
        .columns
        .iter()
        .map(|column| column.name.to_string())
        .collect();
    assert_eq!(names, ["z", "b", "a", "c", "d", "_rl_load_id", "_rl_id"]);
}

#[test]
fn t28_t29_the_first_batch_is_typed_as_a_whole() {
    check(
        1000,
        &[
            json!({"a": 1, "b": 9_223_372_036_854_775_807_i64}),
            json!({"a": 1.5, "b": 0.5, "c": "1580405246"}),
        ],
        "t (a double, b numeric, c text)\n  1.0 | 9223372036854775807 | -\n  1.5 | 0.5 | 1580405246\n",
    );
    // T29: whole numbers beyond 64 bits.
    let big = |digits: &'static str| {
        let mut members = Value::from(json!({}));
        if let Value::Object(members) = &mut members {
            members.set("n".to_owned(), Value::Number(digits.into()));
        }
        members
    };
    let mut normalizer = normalizer(target(&[], &[]), 1000);
    normalizer.start_page("", 1);
    for digits in [
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "1",
    ] {
        normalizer.push(&big(digits));
    }
    assert_eq!(
        dump(&normalizer.finish_page()),
        "t (n numeric)\n  9223372036854775808\n  -9223372036854775809\n  18446744073709551616\n  1\n"
    );
}

#[test]
fn t23_t24_s15_a_key_that_changes_kind_turns_into_several_things() {
    let mut normalizer = normalizer(target(&[], &[]), 1000);
    let records = [
        json!({"k": [1]}),
        json!({"k": null}),
        json!({"k": {"x": 1}}),
        json!({"k": "scalar"}),
        json!({"k": null}),
        // Null first: no column is left of it.
        json!({"list": null, "object": null}),
        json!({"list": [1], "object": {"x": 1}}),
    ];
    let batch = page(&mut normalizer, &records);
    assert_eq!(columns_of(&batch, 0), ["k__x", "k", "object__x"]);
    assert_eq!(shape(&batch)[1], ("t__k".to_owned(), 1));
    // A null alone changes nothing, whatever the key has become, and however long the names are.
    let long = "a_name_of_some_length_that_is_nested_in_itself_and_so_has_to_be_cut";
    for key in ["k", long] {
        let mut normalizer = self::normalizer(target(&[], &[]), 1000);
        let records = [json!({key: [{key: 1}], "o": {key: {"x": 1}}})];
        let first = page(&mut normalizer, &records);
        let nulls = [
            json!({key: null, "o": {key: null}}),
            json!({key: [{key: null}], "o": null}),
        ];
        let second = page(&mut normalizer, &nulls);
        for table in second.tables.iter().flat_map(|table| {
            let typed = table.columns.iter().filter(|column| column.data_type().is_some());
            typed.map(|column| (table.name.clone(), column.name.clone()))
        }) {
            let (name, column) = table;
            let known = first.tables.iter().find(|table| table.name == name).unwrap();
            assert!(known.column(&column).is_some(), "{column} of {name} is new");
        }
        assert!(second.rejects.is_empty());
    }
}
