use restload_model::diagnostics::{Diagnostics, KeyPath};
use serde_json::{Value as Json, json};

use super::*;
use crate::config::{expand_resource, merge_defaults};

const NOW: &str = "2024-03-01T12:00:00Z";

fn schedule(start: Option<&str>, end: Option<&str>) -> Schedule {
    Schedule {
        is_allowed: Ok(false),
        start: start.map(ToOwned::to_owned),
        end: end.map(ToOwned::to_owned),
        zone: Ok(jiff::tz::TimeZone::UTC),
    }
}

fn compiled(block: &Json, resource: &Json, range: &RunRange) -> Result<IncrementalPlan, String> {
    compiled_at(NOW, block, resource, range)
}

fn compiled_at(started_at: &str, block: &Json, resource: &Json, range: &RunRange) -> Result<IncrementalPlan, String> {
    let mut full = expand_resource(&json!({"name": "items"}));
    full.as_object_mut()
        .unwrap()
        .extend(resource.as_object().cloned().unwrap_or_default());
    merge_defaults(&mut full, &json!({}));
    let resource: ResourceConfig = serde_json::from_value(full).unwrap();
    let config: IncrementalConfig = serde_json::from_value(block.clone()).unwrap();
    let mut diagnostics = Diagnostics::default();
    let facts = RunFacts {
        started_at,
        range,
        schedule: &schedule(None, None),
    };
    let path = KeyPath::root().key("incremental");
    let plan = IncrementalPlan::compile(&config, (&KeyPath::root(), &resource), facts, &path, &mut diagnostics);
    let found = diagnostics.into_vec();
    if found
        .iter()
        .any(|found| found.severity == restload_model::diagnostics::Severity::Error)
    {
        return Err(found[0].message.clone());
    }
    plan.ok_or_else(|| "none".to_owned())
}

fn plan(block: &Json) -> IncrementalPlan {
    compiled(block, &json!({}), &RunRange::default()).unwrap()
}

fn kept(of: &str, last: &Json) -> KeptCursor {
    KeptCursor {
        was: Bound::default(),
        began: None,
        was_began: None,
        unsettled: false,
        at_last: Vec::new(),
        of: of.to_owned(),
        last: Bound(last.clone().into()),
    }
}

/// The cursors of the records taken, in the form `taken | last | flags`. A `!` marks those at the start.
fn take(plan: &IncrementalPlan, stored: Option<&Json>, values: &[Json]) -> String {
    let cursor = plan.begin(stored.map(|last| kept(&plan.identity(), last)).as_ref());
    let mut cursor = cursor.unwrap();
    let records = values.iter().map(|value| match value {
        Json::String(text) if text == "missing" => json!({"id": 1}).into(),
        value => json!({ "at": value }).into(),
    });
    let taken = match plan.take(&mut cursor, None, "", records.collect()) {
        Ok(taken) => taken,
        Err(error) => return format!("error: {error}"),
    };
    let shown = taken.records.iter().zip(&taken.at_start).map(|(record, at_start)| {
        let value = record.as_object().and_then(|members| members.get("at"));
        let mark = if *at_start { "!" } else { "" };
        format!(
            "{}{mark}",
            value.map_or_else(|| "-".to_owned(), |value| value.to_text().into_owned())
        )
    });
    let shown: Vec<String> = shown.collect();
    let beyond = if taken.is_beyond { " | over" } else { "" };
    format!("{} | {}{beyond}", shown.join(" "), cursor.last.0.to_text())
}

#[test]
fn takes_what_lies_in_the_range() {
    let day = |day: u32| json!(format!("2024-01-{day:02}"));
    for (block, stored, values, expected) in [
        // No start: everything.
        (json!({}), None, vec![json!(2), json!(1)], "2 1 | 2"),
        (
            json!({"initial_value": 2}),
            None,
            vec![json!(1), json!(2), json!(3)],
            "2! 3 | 3",
        ),
        // Below the furthest seen, not below the start: pages need no order.
        (
            json!({"initial_value": 0}),
            Some(json!(5)),
            vec![json!(9), json!(5), json!(7), json!(4)],
            "9 5! 7 | 9",
        ),
        (
            json!({"range_start": "open"}),
            Some(json!(5)),
            vec![json!(5), json!(6)],
            "6 | 6",
        ),
        (
            json!({"initial_value": 0, "end_value": 5}),
            Some(json!(4)),
            vec![json!(0), json!(4), json!(5), json!(6)],
            "0! 4 | 4",
        ),
        (
            json!({"initial_value": 0, "end_value": 5, "range_end": "closed"}),
            None,
            vec![json!(5), json!(6)],
            "5 | 5",
        ),
        // A start that the config says later does not move a stored cursor.
        (
            json!({"initial_value": 7}),
            Some(json!(5)),
            vec![json!(4), json!(6), json!(8)],
            "6 8 | 8",
        ),
        // Open bounds leave out what is at them, from the first load on; an end that is not there has no bound.
        (
            json!({"initial_value": 2, "range_start": "open", "end_value": 5, "range_end": "closed"}),
            None,
            vec![json!(2), json!(3), json!(5), json!(6)],
            "3 5 | 5",
        ),
        (
            json!({"initial_value": 2, "range_start": "open", "range_end": "closed"}),
            None,
            vec![json!(2), json!(9)],
            "9 | 9",
        ),
        (
            json!({"initial_value": 2, "range_start": null, "end_value": 5, "range_end": null}),
            None,
            vec![json!(2), json!(5)],
            "2! | 2",
        ),
        // A range that is given has no lag.
        (
            json!({"initial_value": 3, "end_value": 9, "lag": 2}),
            None,
            vec![json!(2), json!(3)],
            "3! | 3",
        ),
        (
            json!({"last_value_func": "min", "initial_value": 6, "end_value": 3}),
            None,
            vec![json!(7), json!(6), json!(4), json!(3)],
            "6! 4 | 4",
        ),
        (
            json!({"last_value_func": "min", "lag": 2}),
            Some(json!(5)),
            vec![json!(8), json!(7), json!(6)],
            "7! 6 | 5",
        ),
        (
            json!({"last_value_func": "min", "lag": 9, "initial_value": 10}),
            Some(json!(5)),
            vec![json!(11), json!(10)],
            "10! | 5",
        ),
        (
            json!({"last_value_func": "min", "initial_value": 9}),
            None,
            vec![json!(10), json!(8), json!(9)],
            "8 9! | 8",
        ),
        // The cursor does not move backwards, and stays where nothing comes.
        (json!({}), Some(json!(5)), vec![json!(1)], " | 5"),
        (json!({}), Some(json!(5)), vec![], " | 5"),
        // A lag loads what lies within it again; the furthest stays.
        (
            json!({"lag": 2}),
            Some(json!(5)),
            vec![json!(2), json!(3), json!(4)],
            "3! 4 | 5",
        ),
        (
            json!({"lag": 9, "initial_value": 1}),
            Some(json!(5)),
            vec![json!(0), json!(1)],
            "1! | 5",
        ),
        (
            json!({"lag": 1}),
            Some(day(5)),
            vec![day(3), day(4), day(6)],
            "2024-01-04! 2024-01-06 | 2024-01-06",
        ),
        (
            json!({"lag": 60}),
            Some(json!("2024-01-01T00:01:00Z")),
            vec![json!("2024-01-01T00:00:00Z"), json!("2023-12-31T23:59:59Z")],
            "2024-01-01T00:00:00Z! | 2024-01-01T00:01:00Z",
        ),
        // Moments in other zones and precisions.
        (
            json!({}),
            Some(json!("2024-01-01T00:00:00Z")),
            vec![
                json!("2024-01-01T01:00:00+02:00"),
                json!("2024-01-01T02:00:00+02:00"),
                json!("2024-01-01 00:00:00.5"),
            ],
            "2024-01-01T02:00:00+02:00! 2024-01-01 00:00:00.5 | 2024-01-01 00:00:00.5",
        ),
        // Without a cursor.
        (
            json!({}),
            None,
            vec![json!(1), json!("missing")],
            "error: record 2 of `items` has no `at`, its cursor",
        ),
        (
            json!({}),
            None,
            vec![json!(null)],
            "error: record 1 of `items` has no `at`, its cursor",
        ),
        (
            json!({"on_cursor_value_missing": "include"}),
            Some(json!(1)),
            vec![json!(2), json!("missing")],
            "2 - | 2",
        ),
        (
            json!({"on_cursor_value_missing": "exclude"}),
            Some(json!(1)),
            vec![json!(2), json!("missing")],
            "2 | 2",
        ),
        // Of another kind.
        (
            json!({"initial_value": 5}),
            None,
            vec![json!("2024-01-01")],
            "error: the cursor `at` of record 1 of `items` is \"2024-01-01\", which cannot be compared with 5",
        ),
        (
            json!({}),
            None,
            vec![json!(1), json!("x")],
            "error: the cursor `at` of record 2 of `items` is \"x\", which cannot be compared with 1",
        ),
        (
            json!({}),
            None,
            vec![json!(true)],
            "error: the cursor `at` of record 1 of `items` is a boolean, which has no order",
        ),
        // The order of records ends the walk.
        (
            json!({"row_order": "desc"}),
            Some(json!(5)),
            vec![json!(7), json!(5)],
            "7 5! | 7",
        ),
        (
            json!({"row_order": "desc"}),
            Some(json!(5)),
            vec![json!(7), json!(4), json!(6)],
            "7 6 | 7 | over",
        ),
        (
            json!({"row_order": "asc", "initial_value": 1, "end_value": 5}),
            None,
            vec![json!(4), json!(5)],
            "4 | 4 | over",
        ),
        (
            json!({"row_order": "asc"}),
            Some(json!(5)),
            vec![json!(4), json!(6)],
            "6 | 6",
        ),
        (
            json!({"row_order": "asc", "last_value_func": "min"}),
            Some(json!(5)),
            vec![json!(4), json!(6)],
            "4 | 4 | over",
        ),
    ] {
        let mut full = json!({"cursor_path": "at"});
        full.as_object_mut().unwrap().extend(block.as_object().unwrap().clone());
        assert_eq!(
            take(&plan(&full), stored.as_ref(), &values),
            expected,
            "{block} {values:?}"
        );
    }
}

#[test]
fn n_12_n_13_n_14_o_24_placeholders_have_the_values_of_the_range() {
    for (block, stored, expected) in [
        (
            json!({"initial_value": 0, "end_value": 86_400, "convert": "date('%Y-%m-%d')"}),
            None,
            json!({"start_value": "1970-01-01", "last_value": "1970-01-01", "initial_value": "1970-01-01",
                   "end_value": "1970-01-02", "lag": null, "cursor_path": "at"}),
        ),
        // A null end is not converted.
        (
            json!({"initial_value": 0, "convert": "date('%Y-%m-%d')"}),
            None,
            json!({"start_value": "1970-01-01", "last_value": "1970-01-01", "initial_value": "1970-01-01",
                   "end_value": null, "lag": null, "cursor_path": "at"}),
        ),
        (
            json!({"initial_value": 1, "lag": 360.5}),
            Some(json!(1000)),
            json!({"start_value": 639.5, "last_value": 639.5, "initial_value": 1, "end_value": null, "lag": 360.5,
                   "cursor_path": "at"}),
        ),
        (
            json!({"lag": 10}),
            None,
            json!({"start_value": null, "last_value": null, "initial_value": null, "end_value": null, "lag": 10,
                   "cursor_path": "at"}),
        ),
        (
            json!({"initial_value": "2024-01-01"}),
            Some(json!("2024-02-01")),
            json!({"start_value": "2024-02-01", "last_value": "2024-02-01", "initial_value": "2024-01-01",
                   "end_value": null, "lag": null, "cursor_path": "at"}),
        ),
    ] {
        let mut full = json!({"cursor_path": "at"});
        full.as_object_mut().unwrap().extend(block.as_object().unwrap().clone());
        let plan = plan(&full);
        let cursor = plan.begin(stored.map(|last| kept("at", &last)).as_ref()).unwrap();
        let found = serde_json::to_value(plan.placeholders(&cursor).unwrap()).unwrap();
        let sorted = |value: Json| serde_json::from_value::<std::collections::BTreeMap<String, Json>>(value).unwrap();
        assert_eq!(sorted(found), sorted(expected), "{block}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    for (block, message) in [
        (json!({"cursor_path": "a["}), "`a[` is not a JSONPath"),
        (json!({"cursor_path": " "}), "the path of the cursor is empty"),
        (
            json!({"cursor_path": "at", "end_value": 5}),
            "`end_value` needs `initial_value`",
        ),
        (
            json!({"cursor_path": "at", "initial_value": 5, "end_value": 5}),
            "`end_value` 5 is not beyond `initial_value` 5",
        ),
        (
            json!({"cursor_path": "at", "last_value_func": "min", "initial_value": 3, "end_value": 6}),
            "`end_value` 6 is not beyond `initial_value` 3",
        ),
        (
            json!({"cursor_path": "at", "initial_value": 5, "end_value": "2024-01-01"}),
            "`end_value` \"2024-01-01\" is of another kind than `initial_value` 5",
        ),
        (
            json!({"cursor_path": "at", "convert": "lambda epoch: pendulum.from_timestamp(epoch)"}),
            "`lambda epoch: pendulum.from_timestamp(epoch)` is a Python function, which cannot run here",
        ),
        (
            json!({"cursor_path": "at", "convert": "dte('%s')"}),
            "`{value | dte('%s')}` uses the filter `dte`, which is unknown",
        ),
        (
            json!({"cursor_path": "at", "window": {"step": "1d"}}),
            "`window` needs `initial_value`",
        ),
        (
            json!({"cursor_path": "at", "initial_value": "x", "window": {"step": "1d"}}),
            "windows of time cannot start at `x`, which is no moment",
        ),
        (
            json!({"cursor_path": "at", "initial_value": 0, "window": {"step": 10}}),
            "a step that is a number needs `end_value`",
        ),
        (
            json!({"cursor_path": "at", "initial_value": 0, "end_value": 5, "window": {"step": 0}}),
            "a window of 0 never comes to an end",
        ),
        (
            json!({"cursor_path": "at", "initial_value": "2024-01-01", "window": {"step": "soon"}}),
            "`soon` is no length of time",
        ),
        (
            json!({"cursor_path": "at", "initial_value": "2024-01-01", "last_value_func": "min", "window": {"step": "1d"}}),
            "windows go forward",
        ),
        (
            json!({"cursor_path": "at", "allow_external_schedulers": true}),
            "environment variable DLT_INTERVAL_START is not set",
        ),
    ] {
        let found = compiled(&block, &json!({}), &RunRange::default())
            .err()
            .unwrap_or_default();
        assert!(found.starts_with(message), "{block}: {found}");
    }
}

#[test]
fn n_15_transform_is_convert_by_its_former_name() {
    let block = json!({"cursor_path": "at", "initial_value": 0, "transform": "date('%Y-%m-%d')"});
    let plan = plan(&block);
    let cursor = plan.begin(None).unwrap();
    let found = plan.placeholders(&cursor).unwrap();
    assert_eq!(found.get_attr("start_value").unwrap().as_str(), Some("1970-01-01"));
    let config: IncrementalConfig = serde_json::from_value(block).unwrap();
    let mut diagnostics = Diagnostics::default();
    assert!(compile_convert(&config, &KeyPath::root(), &mut diagnostics).is_ok());
    assert_eq!(diagnostics.into_vec()[0].message, "`transform` is a former name");
}

#[test]
fn a_range_of_the_run_takes_the_place_of_the_stored_one() {
    let range = |from: Option<&str>, until: Option<&str>| RunRange {
        from: from.map(ToOwned::to_owned),
        until: until.map(ToOwned::to_owned),
    };
    for (initial, range, expected) in [
        (json!("2024-01-01"), range(Some("2024-02-01"), None), "2024-02-01.."),
        (
            json!("2024-01-01"),
            range(None, Some("2024-02-01")),
            "2024-01-01..2024-02-01",
        ),
        (json!(5), range(Some("7"), Some("9")), "7..9"),
        (
            json!(null),
            range(Some("2024-02-01"), Some("2024-03-01")),
            "2024-02-01..2024-03-01",
        ),
        (
            json!(5),
            range(Some("2024-02-01"), None),
            "error: `--from 2024-02-01` is not a number, as the cursor's `initial_value` 5 is",
        ),
        (
            json!("2024-01-01"),
            range(Some("2024-03-01"), Some("2024-03-01")),
            "error: the range from 2024-03-01 (`--from`) until 2024-03-01 (`--until`) holds nothing",
        ),
        (
            json!("2024-01-01"),
            range(Some("2024-03-01"), Some("2024-02-01")),
            "error: the range from 2024-03-01 (`--from`) until 2024-02-01 (`--until`) holds nothing",
        ),
    ] {
        let block = json!({"cursor_path": "at", "initial_value": initial});
        let found = match compiled(&block, &json!({}), &range) {
            Ok(plan) => {
                assert!(plan.is_backfill());
                let start = plan.begin(Some(&kept("at", &json!("2030-01-01")))).unwrap().start;
                assert_eq!(start, plan.initial, "the stored cursor has no part in it");
                plan.scope().unwrap().trim_start_matches('@').to_owned()
            }
            Err(message) => format!("error: {message}"),
        };
        assert_eq!(found, expected, "{initial}");
    }
}

/// Hours of a day, of a cursor that has days, and ranges before those of the config are no mistake.
#[test]
fn a_range_of_a_scheduler_may_hold_nothing() {
    for (bounds, expected) in [
        (
            json!({"initial_value": "2024-01-01T00:00:00Z"}),
            "2024-02-01T09:00:00Z..2024-02-01T10:00:00Z",
        ),
        (
            json!({"initial_value": "2024-01-01"}),
            "2024-02-01..2024-02-01, the scheduler's range holds nothing for this cursor: from 2024-02-01 until 2024-02-01",
        ),
        (
            json!({"initial_value": "2024-01-01", "range_end": "closed"}),
            "2024-02-01..2024-02-01",
        ),
        (
            json!({"initial_value": "2024-03-01"}),
            "2024-03-01..2024-02-01, the scheduler's range holds nothing for this cursor: from 2024-03-01 until 2024-02-01",
        ),
        (
            json!({"initial_value": "2024-03-01", "range_end": "closed"}),
            "2024-03-01..2024-02-01, the scheduler's range holds nothing for this cursor: from 2024-03-01 until 2024-02-01",
        ),
    ] {
        let mut block = json!({"cursor_path": "at", "allow_external_schedulers": true});
        block
            .as_object_mut()
            .unwrap()
            .extend(bounds.as_object().unwrap().clone());
        let config: IncrementalConfig = serde_json::from_value(block).unwrap();
        let resource: ResourceConfig = serde_json::from_value(json!({"name": "items"})).unwrap();
        let mut diagnostics = Diagnostics::default();
        let facts = RunFacts {
            started_at: NOW,
            range: &RunRange::default(),
            schedule: &schedule(Some("2024-02-01T09:00:00Z"), Some("2024-02-01T10:00:00Z")),
        };
        let plan = IncrementalPlan::compile(
            &config,
            (&KeyPath::root(), &resource),
            facts,
            &KeyPath::root(),
            &mut diagnostics,
        );
        let plan = plan.unwrap_or_else(|| panic!("{bounds}: {diagnostics:?}"));
        assert!(plan.is_backfill(), "{bounds}");
        assert!(!diagnostics.has_errors(), "{bounds}");
        let told = diagnostics.into_vec().into_iter().map(|told| told.message);
        let found: Vec<String> = [plan.scope().unwrap().trim_start_matches('@').to_owned()]
            .into_iter()
            .chain(told)
            .collect();
        assert_eq!(found.join(", "), expected, "{bounds}");
    }
}

#[test]
fn windows_give_every_record_once() {
    let block = json!({"cursor_path": "at", "initial_value": "2024-01-01", "end_value": "2024-01-04",
        "on_cursor_value_missing": "include", "window": {"step": "1d"}});
    let plan = plan(&block);
    let cursor = plan.begin(None).unwrap();
    let windows = plan.windows(&cursor).unwrap().unwrap();
    let slices = plan.slices(&cursor.start, &windows.end).unwrap();
    let mut shown = Vec::new();
    let mut index = 0;
    while let Some(slice) = slices.slice(index).unwrap() {
        // The server gives everything, whatever it is asked for.
        let records = [
            "2023-12-31",
            "2024-01-01",
            "2024-01-01T23:59:59Z",
            "2024-01-02",
            "2024-01-03T12:00:00Z",
            "2024-01-04",
        ];
        let mut records: Vec<Value<'_>> = records.iter().map(|at| json!({ "at": at }).into()).collect();
        records.push(json!({"at": null}).into());
        let taken = plan.take(&mut cursor.clone(), Some(&slice), "", records).unwrap();
        shown.extend(taken.records.iter().map(Value::to_json));
        index += 1;
    }
    assert_eq!(
        shown,
        [
            r#"{"at":"2024-01-01"}"#,
            r#"{"at":"2024-01-01T23:59:59Z"}"#,
            r#"{"at":null}"#,
            r#"{"at":"2024-01-02"}"#,
            r#"{"at":"2024-01-03T12:00:00Z"}"#
        ]
    );
}

#[test]
fn z_19_a_cursor_of_another_field_is_not_taken_for_this_one() {
    let renamed = plan(&json!({"cursor_path": "at", "initial_value": 1}));
    assert_eq!(
        renamed.begin(Some(&kept("updated", &json!(9)))).unwrap().start,
        Bound(json!(1).into())
    );
    assert_eq!(
        renamed.begin(Some(&kept("at", &json!(9)))).unwrap().start,
        Bound(json!(9).into())
    );
}

/// Z-18: a million records with one cursor value leave what one leaves.
#[test]
fn what_is_kept_does_not_grow_with_the_records_that_share_a_value() {
    let full = json!({"cursor_path": "at"});
    let resource = json!({"primary_key": "id", "write_disposition": "merge"});
    let plan = compiled(&full, &resource, &RunRange::default()).unwrap();
    let kept_after = |pages: u64| {
        let mut cursor = plan.begin(None).unwrap();
        for page in 0..pages {
            let records = (0..10_000).map(|n| json!({"id": page * 10_000 + n, "at": "2024-01-01"}).into());
            let taken = plan.take(&mut cursor, None, "", records.collect()).unwrap();
            assert_eq!(taken.records.len(), 10_000);
        }
        let under_way = serde_json::to_string(&cursor).unwrap();
        (under_way, serde_json::to_string(&cursor.moved()).unwrap())
    };
    assert_eq!(kept_after(100), kept_after(1));
}

#[test]
fn rows_at_the_start_are_recognised_by_key_or_by_content() {
    let ids = |resource: Json, block: Json, partition: &str, records: Vec<Json>| {
        let mut full = json!({"cursor_path": "at"});
        full.as_object_mut().unwrap().extend(block.as_object().unwrap().clone());
        let plan = compiled(&full, &resource, &RunRange::default()).unwrap();
        let mut cursor = plan.begin(None).unwrap();
        let records = records.into_iter().map(Value::from).collect();
        plan.take(&mut cursor, None, partition, records).unwrap().ids
    };
    let same = |resource: Json, block: Json, left: Json, right: Json| {
        let found = ids(resource, block, "", vec![left, right]);
        found.first().map(|first| *first == found[1])
    };
    let (a, b) = (json!({"id": 1, "at": 5, "x": 1}), json!({"x": 2, "at": 5, "id": 1}));
    let reordered = json!({"x": 1, "id": 1, "at": 5});
    assert_eq!(same(json!({}), json!({}), a.clone(), b.clone()), Some(false));
    assert_eq!(same(json!({}), json!({}), a.clone(), reordered), Some(true));
    assert_eq!(
        same(json!({"primary_key": "id"}), json!({}), a.clone(), b.clone()),
        Some(true)
    );
    assert_eq!(
        same(
            json!({"primary_key": "x"}),
            json!({"primary_key": ["id"]}),
            a.clone(),
            b.clone()
        ),
        Some(true)
    );
    // Another version of the record is another row.
    let later = json!({"id": 1, "at": 6, "x": 1});
    assert_eq!(
        same(json!({"primary_key": "id"}), json!({}), a.clone(), later),
        Some(false)
    );
    // Records without their key are told apart by all of themselves.
    let (c, d) = (json!({"at": 5, "x": 1}), json!({"at": 5, "x": 2}));
    assert_eq!(same(json!({"primary_key": "id"}), json!({}), c, d), Some(false));
    for (resource, block) in [
        (json!({}), json!({"primary_key": []})),
        (json!({}), json!({"range_start": "open"})),
        (json!({}), json!({"lag": 1})),
        (json!({}), json!({"initial_value": 0, "end_value": 9})),
        (json!({"write_disposition": "merge", "primary_key": "id"}), json!({})),
        (json!({"write_disposition": "replace"}), json!({})),
    ] {
        assert_eq!(same(resource, block.clone(), a.clone(), b.clone()), None, "{block}");
    }
    let of = |partition| ids(json!({}), json!({}), partition, vec![a.clone()]);
    assert_ne!(of("1"), of("2"), "two parents may have the same record");
}

/// The cursor that a load begins with.
enum Stored {
    Nothing,
    /// What the load before has left at its end.
    Moved,
    /// What the load before has left when it did not come to its end.
    Unmoved,
    /// The load before goes on.
    UnderWay,
}

#[test]
fn rows_have_ids_of_their_load_and_are_recognised_at_the_start() {
    let mut names: Vec<String> = Vec::new();
    let mut cursor: Option<CursorProgress> = None;
    // Of each load its minute, what is stored, the cursors of its records, and their ids: one letter for each.
    for (minute, stored, values, expected) in [
        (0, Stored::Nothing, vec![json!(1), json!(2)], "a b"),
        (1, Stored::Moved, vec![json!(2)], "b"),
        // The load before has not moved the cursor.
        (2, Stored::Moved, vec![json!(2), json!(3)], "b c"),
        (3, Stored::Moved, vec![json!(3)], "c"),
        // Everything again, for the cursor was forgotten.
        (4, Stored::Nothing, vec![json!(1), json!(2), json!(3)], "d e f"),
        (5, Stored::Moved, vec![json!(3), json!(4)], "f g"),
        // The rest of that load, whatever it is that goes on with it.
        (6, Stored::UnderWay, vec![json!(3), json!(4)], "f g"),
        // A load that did not come to its end has added rows that come again.
        (7, Stored::Unmoved, vec![json!(3), json!(4)], "f h"),
        // What has no cursor comes in every load.
        (8, Stored::Moved, vec![json!(4), json!(null)], "h i"),
        (9, Stored::Moved, vec![json!(4), json!(null)], "h j"),
        // A replay has the moment of the run that was recorded.
        (0, Stored::Nothing, vec![json!(1), json!(2)], "a b"),
    ] {
        let block = json!({"cursor_path": "at", "initial_value": 1, "on_cursor_value_missing": "include"});
        let now = format!("2024-03-01T12:{minute:02}:00Z");
        let plan = compiled_at(&now, &block, &json!({}), &RunRange::default()).unwrap();
        let before = cursor.take();
        let begun = |kept: Option<Kept>| plan.begin(kept.map(|kept| kept.cursor).as_ref()).unwrap();
        let mut own = match (stored, before) {
            (Stored::Moved, Some(before)) => begun(before.moved()),
            (Stored::Unmoved, Some(before)) => begun(before.unmoved()),
            (Stored::UnderWay, Some(before)) => serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap(),
            _ => begun(None),
        };
        let records = values.iter().map(|at| json!({ "at": at }).into()).collect();
        let ids = plan.take(&mut own, None, "", records).unwrap().ids;
        let letters = ids.into_iter().map(|id| {
            let known = names.iter().position(|name| *name == id);
            let place = known.unwrap_or_else(|| {
                names.push(id);
                names.len() - 1
            });
            char::from(b'a' + u8::try_from(place).unwrap()).to_string()
        });
        assert_eq!(letters.collect::<Vec<_>>().join(" "), expected, "load {minute}");
        cursor = Some(own);
    }
}

/// Earlier versions have stored no moment with a cursor, and have none in the ids.
#[test]
fn rows_of_earlier_versions_are_recognised_at_the_start() {
    let plan = plan(&json!({"cursor_path": "at"}));
    let mut cursor = plan.begin(Some(&kept("at", &json!(2)))).unwrap();
    let records = |values: [u32; 2]| values.map(|at| json!({ "at": at }).into()).to_vec();
    let ids = plan.take(&mut cursor, None, "", records([2, 3])).unwrap().ids;
    let of_earlier = |at: u32| restload_model::row_id::of_text(&format!("\0{{\"at\":{at},}}")).to_string();
    assert_eq!(ids[0], of_earlier(2));
    assert_ne!(ids[1], of_earlier(3));
    // A load of theirs that was interrupted goes on with the ids that it has given.
    let mut cursor: CursorProgress =
        serde_json::from_value(json!({"of": "at", "before": 2, "start": 2, "last": 3})).unwrap();
    let ids = plan.take(&mut cursor, None, "", records([2, 4])).unwrap().ids;
    assert_eq!(ids, [of_earlier(2), of_earlier(4)]);
    assert_eq!(cursor.moved().unwrap().cursor.began, None);
}
