//! The plan as tables: what is wanted and what is there go in, changes and types come out.

use super::*;
use DataType::{Bigint, Bool, Double, Numeric, Text};
use restload_model::batch::Cell;

fn buffer(name: &str, cells: &[Cell<'_>]) -> ColumnBuffer {
    let mut buffer = ColumnBuffer::new(name.into(), name.into(), None);
    for (row, cell) in cells.iter().enumerate() {
        buffer.put(row, *cell);
    }
    buffer
}

fn wanted(buffers: &[ColumnBuffer]) -> Wanted {
    let mut wanted = Wanted::new("t".into(), None);
    for buffer in buffers {
        wanted.observe(buffer);
    }
    wanted
}

fn state(columns: &[(&str, Option<DataType>)]) -> TableState {
    TableState {
        is_view: false,
        columns: columns
            .iter()
            .map(|(name, data_type)| ColumnState {
                name: (*name).to_owned(),
                type_name: "its type".to_owned(),
                data_type: *data_type,
                limit: None,
                not_null: false,
                has_default: false,
            })
            .collect(),
        indexes: Vec::new(),
    }
}

fn known(columns: &[(&str, DataType)]) -> Table {
    Table {
        name: "t".into(),
        parent: None,
        source_name: None,
        columns: columns
            .iter()
            .map(|(name, data_type)| Column {
                name: (*name).into(),
                data_type: *data_type,
                source_name: (*name).into(),
                is_settled: true,
            })
            .collect(),
    }
}

fn hint(name: &str, data_type: Option<DataType>) -> ColumnHint {
    ColumnHint {
        name: name.into(),
        data_type,
        ..ColumnHint::default()
    }
}

/// The changes in short, and the columns in force.
fn shown(plan: &TablePlan) -> (Vec<String>, Vec<String>) {
    let changes = plan
        .changes
        .iter()
        .map(|change| match change {
            Change::Create(columns) => {
                let columns: Vec<String> = columns
                    .iter()
                    .map(|column| {
                        let null = if column.not_null { " not null" } else { "" };
                        format!("{} {}{null}", column.name, column.data_type)
                    })
                    .collect();
                format!("create {}", columns.join(", "))
            }
            Change::Add(column) => format!("add {} {}", column.name, column.data_type),
            Change::Widen { column, from } => format!("widen {} {from} {}", column.name, column.data_type),
            Change::Resize(column) => format!("resize {} {:?}", column.name, column.limit),
            Change::CreateIndex { name, columns, unique } => {
                format!(
                    "index {name} {}{}",
                    columns.join(","),
                    if *unique { " unique" } else { "" }
                )
            }
            Change::DropIndex { name } => format!("drop {name}"),
        })
        .collect();
    let columns = plan
        .table
        .columns
        .iter()
        .map(|column| format!("{} {}", column.name, column.data_type))
        .collect();
    (changes, columns)
}

#[test]
fn a_new_table_has_the_columns_that_saw_values_or_are_declared() {
    let mut wanted = wanted(&[
        buffer("id", &[Cell::Bigint(1)]),
        buffer("nothing", &[Cell::Null]),
        buffer("name", &[Cell::Text("x")]),
        buffer(ROW_ID, &[Cell::Text("r")]),
    ]);
    wanted.declare(&[hint("id", None), hint("price", Some(Numeric)), hint("vague", None)]);
    wanted.key = vec!["id".into()];
    let (changes, columns) = shown(&plan(&wanted, None, None, &HashSet::new()).unwrap());
    assert_eq!(
        changes,
        [
            "create id bigint not null, price numeric, name text, _rl_id text not null",
            "index _rl_merge_key__t id unique"
        ]
    );
    assert_eq!(columns, ["id bigint", "price numeric", "name text", "_rl_id text"]);
}

#[test]
fn types_widen_with_the_step_and_the_table() {
    let big = Cell::Bigint((1 << 53) + 1);
    for (in_table, cells, table_rounds, expected) in [
        (Some(Bigint), vec![Cell::Bigint(1)], false, Bigint),
        (Some(Bigint), vec![Cell::Double(1.5)], false, Double),
        (Some(Bigint), vec![Cell::Double(1.5)], true, Numeric),
        (Some(Double), vec![big], false, Numeric),
        (Some(Double), vec![Cell::Bigint(1)], false, Double),
        (None, vec![Cell::Double(1.5), big], false, Numeric),
        (Some(Bool), vec![Cell::Bigint(1)], false, Text),
        (Some(Text), vec![Cell::Bigint(1)], false, Text),
        (Some(Bigint), vec![Cell::Null], false, Bigint),
    ] {
        let wanted = wanted(&[buffer("c", &cells)]);
        let state = in_table.map(|data_type| state(&[("c", Some(data_type))]));
        let known = in_table.map(|data_type| known(&[("c", data_type)]));
        let rounding = if table_rounds {
            HashSet::from(["c".into()])
        } else {
            HashSet::new()
        };
        let plan = plan(&wanted, known.as_ref(), state.as_ref(), &rounding).unwrap();
        assert_eq!(plan.table.columns[0].data_type, expected, "{in_table:?} {cells:?}");
    }
}

#[test]
fn batches_that_disagree_meet_without_rounding() {
    let wanted = wanted(&[buffer("c", &[Cell::Bigint(1 << 60)]), buffer("c", &[Cell::Double(0.5)])]);
    let plan = plan(&wanted, None, None, &HashSet::new()).unwrap();
    assert_eq!(plan.table.columns[0].data_type, Numeric);
}

#[test]
fn only_whole_numbers_that_meet_fractions_are_asked_for() {
    let wanted = wanted(&[buffer("a", &[Cell::Double(0.5)]), buffer("b", &[Cell::Bigint(1)])]);
    let state = state(&[("a", Some(Bigint)), ("b", Some(Bigint))]);
    assert_eq!(wanted.columns_to_ask(Some(&state)), ["a".into()]);
    assert!(wanted.columns_to_ask(None).is_empty());
}

#[test]
fn what_somebody_dropped_comes_back_and_what_they_added_stays() {
    let wanted = wanted(&[buffer("a", &[Cell::Bigint(1)]), buffer("n", &[Cell::Bool(true)])]);
    let known = known(&[("a", Bigint), ("b", Double)]);
    let state = state(&[("theirs", None), ("a", Some(Bigint))]);
    let (changes, columns) = shown(&plan(&wanted, Some(&known), Some(&state), &HashSet::new()).unwrap());
    assert_eq!(changes, ["add n bool", "add b double"]);
    assert_eq!(columns, ["a bigint", "n bool", "b double"]);
}

#[test]
fn a_type_somebody_changed_is_taken_if_it_holds_our_values() {
    let wanted = wanted(&[buffer("a", &[Cell::Bigint(1)])]);
    let known = known(&[("a", Bigint)]);
    let (changes, columns) = shown(
        &plan(
            &wanted,
            Some(&known),
            Some(&state(&[("a", Some(Numeric))])),
            &HashSet::new(),
        )
        .unwrap(),
    );
    assert_eq!((changes.len(), columns), (0, vec!["a numeric".to_owned()]));
    for found in [None, Some(Bool)] {
        let obstacle = plan(&wanted, Some(&known), Some(&state(&[("a", found)])), &HashSet::new()).unwrap_err();
        assert!(
            matches!(&obstacle, Obstacle::Altered { column, expected: Bigint, .. } if &**column == "a"),
            "{obstacle:?}"
        );
    }
}

#[test]
fn a_declared_type_wins_or_says_why_it_cannot() {
    for (in_table, declared, expected) in [
        (Bigint, Double, Ok(Double)),
        (Bigint, Text, Ok(Text)),
        (Text, Bigint, Err(Text)),
        (Numeric, Bigint, Err(Numeric)),
    ] {
        let mut wanted = wanted(&[]);
        wanted.declare(&[hint("c", Some(declared))]);
        let known = known(&[("c", in_table)]);
        let result = plan(
            &wanted,
            Some(&known),
            Some(&state(&[("c", Some(in_table))])),
            &HashSet::new(),
        );
        match (result, expected) {
            (Ok(plan), Ok(expected)) => assert_eq!(plan.table.columns[0].data_type, expected),
            (Err(Obstacle::Conflict { found, .. }), Err(expected)) => assert_eq!(found, expected),
            (result, _) => panic!("{in_table} {declared}: {result:?}"),
        }
    }
}

#[test]
fn indexes_follow_the_key() {
    let mut wanted = wanted(&[]);
    let with_key = |columns: &[&str]| TableState {
        is_view: false,
        columns: Vec::new(),
        indexes: vec![IndexState {
            name: "_rl_merge_key__t".to_owned(),
            unique: true,
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        }],
    };
    let mut changes_for = |key: &[&str], state: &TableState| {
        wanted.key = key.iter().map(|column| (*column).into()).collect();
        shown(&plan(&wanted, None, Some(state), &HashSet::new()).unwrap()).0
    };
    assert!(changes_for(&["a"], &with_key(&["a"])).is_empty());
    assert_eq!(
        changes_for(&["b"], &with_key(&["a"])),
        ["drop _rl_merge_key__t", "index _rl_late_key__t b unique"]
    );
    assert_eq!(changes_for(&[], &with_key(&["a"])), ["drop _rl_merge_key__t"]);
    assert_eq!(
        changes_for(&["a"], &TableState::default()),
        ["index _rl_late_key__t a unique"]
    );
}
