//! What comes to a table that an earlier load has filled.

use super::*;

/// A normalizer of a table that an earlier load has filled, as that left it.
fn of_settled(target: Target, columns: &[(&str, DataType)]) -> Normalizer {
    let table = crate::schema::Table {
        name: "t".into(),
        parent: None,
        source_name: None,
        columns: columns
            .iter()
            .map(|(name, data_type)| crate::schema::Column {
                name: (*name).into(),
                data_type: *data_type,
                source_name: (*name).into(),
                is_settled: true,
            })
            .collect(),
    };
    let plan = NormalizePlan {
        target,
        max_nesting: 1000,
        load_id: "L".into(),
    };
    Normalizer::new(Arc::new(plan), Arc::new(Names::new(&[table])))
}

#[test]
fn j18_what_a_lower_limit_kept_whole_stays_whole() {
    let mut normalizer = of_settled(target(&[], &[]), &[("kept", DataType::Json)]);
    let batch = page(
        &mut normalizer,
        &[json!({"kept": {"a": 1}, "fresh": {"a": 1}}), json!({"kept": [1]})],
    );
    assert_eq!(
        dump(&batch),
        "t (kept json, fresh__a bigint)\n  {\"a\":1} | 1\n  [1] | -\n"
    );
}

#[test]
fn c7_a_column_that_is_only_named_is_new_when_it_is_filled() {
    let mut target = target(&[], &[("declared", DataType::Text)]);
    target.columns.push(ColumnHint {
        name: "named".into(),
        ..ColumnHint::default()
    });
    target.contract.columns = crate::contract::Mode::DiscardValue;
    let mut normalizer = of_settled(target, &[("known", DataType::Bigint)]);
    let batch = page(&mut normalizer, &[json!({"known": 1, "named": 2, "declared": 3})]);
    assert_eq!(columns_of(&batch, 0), ["declared", "known"]);
    let rejects: Vec<_> = batch
        .rejects
        .iter()
        .map(|reject| (reject.kind, reject.raw.as_str()))
        .collect();
    assert_eq!(rejects, [(crate::batch::RejectKind::DiscardedValue, "{\"named\":2}")]);
}

#[test]
fn c8_variants_are_no_new_columns() {
    let mut target = target(&[], &[]);
    target.contract.columns = crate::contract::Mode::Freeze;
    target.variants = true;
    let mut normalizer = of_settled(target, &[("n", DataType::Bigint)]);
    let batch = page(&mut normalizer, &[json!({"n": "x"})]);
    assert_eq!(columns_of(&batch, 0), ["n", "n__v_text"]);
    assert!(batch.rejects.is_empty());
}

#[test]
fn t17_a_variant_whose_name_is_taken_has_another() {
    let tagged = format!("n__v_text__{}", naming::tag("n → text"));
    // Taken by a key of an earlier load, by one of this load, and by a column that is declared.
    let settled: [(&str, DataType); 2] = [("n", DataType::Bigint), ("n__v_text", DataType::Bigint)];
    for (hints, settled, records) in [
        (&[][..], &settled[..], vec![json!({"n": "x", "n__v_text": 5})]),
        (
            &[][..],
            &settled[..1],
            vec![json!({"n": 1, "n__v_text": 5}), json!({"n": "x"})],
        ),
        (
            &settled[1..],
            &settled[..1],
            vec![json!({"n": "x"}), json!({"n__v_text": 5})],
        ),
        (
            &settled[1..],
            &settled[..],
            vec![json!({"n": "x"}), json!({"n__v_text": 5})],
        ),
    ] {
        let mut target = target(&[], hints);
        target.variants = true;
        let batch = page(&mut of_settled(target, settled), &records);
        let table = &batch.tables[0];
        let filled = |name: &str| {
            let column = table.column(name).unwrap();
            let cells = (0..table.row_count).map(|row| column.cell(row));
            cells
                .filter(|cell| *cell != Cell::Null)
                .map(|cell| format!("{cell:?}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(filled("n__v_text"), ["Bigint(5)"], "{records:?}");
        assert_eq!(filled(&tagged), ["Text(\"x\")"], "{records:?}");
        assert!(batch.rejects.is_empty());
    }
}

#[test]
fn c15_nulls_violate_nothing() {
    let mut target = target(&[], &[]);
    target.contract = Contract::all(crate::contract::Mode::Freeze);
    let mut normalizer = of_settled(target, &[("n", DataType::Bigint)]);
    let batch = page(
        &mut normalizer,
        &[json!({"n": null, "list": null, "object": null, "empty": [], "o": {}})],
    );
    assert!(batch.rejects.is_empty());
}

#[test]
fn c16_a_violation_tells_all_keys_of_its_record() {
    let mut target = target(&["id"], &[]);
    target.merging.groups = vec![vec!["day".into(), "id".into()]];
    target.columns.push(ColumnHint {
        name: "code".into(),
        unique: true,
        ..ColumnHint::default()
    });
    target.contract.columns = crate::contract::Mode::Freeze;
    let known = ["id", "day", "code", "n"].map(|name| (name, DataType::Text));
    let mut normalizer = of_settled(target, &known);
    let batch = page(
        &mut normalizer,
        &[json!({"n": "x", "code": "c", "day": "mon", "id": "1", "more": 1})],
    );
    let reason = &batch.rejects[0].reason;
    assert!(reason.ends_with(" (id: 1, day: mon, code: c)"), "{reason}");
}
