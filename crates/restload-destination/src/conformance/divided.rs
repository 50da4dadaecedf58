//! Resources whose records name their tables.

use std::sync::Arc;

use restload_model::batch::{Batch, Cell};
use restload_model::schema::WriteDisposition::{Append, Replace};
use restload_model::schema::{Share, Target, WriteDisposition};

use super::support::*;
use crate::{Step, StepPart};

super::conformance!(
    a_replace_in_many_steps_takes_effect_in_all_tables_at_once,
    a_full_refresh_takes_effect_in_all_tables_at_once,
    tables_of_earlier_loads_are_known,
);

fn events(disposition: WriteDisposition) -> Target {
    Target {
        table: "ev_{type}".into(),
        share: Share::Divided,
        ..target("events", disposition, &[])
    }
}

fn rows(table: &str, load_id: &str, ids: &[i64]) -> (Option<Arc<str>>, Vec<Batch>) {
    let records: Vec<_> = ids
        .iter()
        .map(|id| with_children(&[Cell::Bigint(*id)], &[&[Cell::Bigint(*id * 10)]]))
        .collect();
    let batch = page(table, load_id, ids[0] as u64, (&["id"], 0), &["value"], &records);
    (Some(table.into()), vec![batch])
}

fn divided(parts: Vec<(Option<Arc<str>>, Vec<Batch>)>, position: &str, last: bool) -> Step {
    let parts = parts.into_iter().map(|(table, batches)| StepPart {
        resource: "events".into(),
        table,
        batches,
        checkpoints: Vec::new(),
        last: false,
    });
    let own = StepPart {
        resource: "events".into(),
        table: None,
        batches: Vec::new(),
        checkpoints: vec![checkpoint("events", "p", Some(position))],
        last,
    };
    Step {
        parts: parts.chain([own]).collect(),
        committed_at: NOW + 1_000_000,
    }
}

const ALL: [&str; 2] = [
    "SELECT 'a', id FROM ev_a UNION ALL SELECT 'b', id FROM ev_b ORDER BY 1, 2",
    "SELECT 'a', value FROM ev_a__items UNION ALL SELECT 'b', value FROM ev_b__items ORDER BY 1, 2",
];

async fn load(database: &Database, load_id: &str, disposition: WriteDisposition, steps: Vec<Step>) {
    let mut destination = database.open(load_id).await;
    destination.prepare(vec![events(disposition)], false).await.unwrap();
    for step in steps {
        destination.commit(step).await.unwrap();
    }
    destination.finish(outcome(), None).await.unwrap();
}

async fn replaced(database: &Database, disposition: WriteDisposition, full_refresh: bool) {
    let first = divided(vec![rows("ev_a", "L1", &[1, 2]), rows("ev_b", "L1", &[3])], "1", true);
    load(database, "L1", disposition, vec![first]).await;
    let mut destination = database.open("L2").await;
    destination
        .prepare(vec![events(disposition)], full_refresh)
        .await
        .unwrap();
    for step in [
        divided(vec![rows("ev_a", "L2", &[4])], "2", false),
        divided(vec![rows("ev_c", "L2", &[5]), rows("ev_a", "L2", &[6])], "3", false),
    ] {
        destination.commit(step).await.unwrap();
        assert_eq!(database.query(ALL[0]).await, ["a|1", "a|2", "b|3"]);
    }
    // The last step has rows of one table only; the others end with it.
    let last = divided(vec![rows("ev_c", "L2", &[7])], "4", true);
    destination.commit(last).await.unwrap();
    destination.finish(outcome(), None).await.unwrap();
    assert_eq!(database.query(ALL[0]).await, ["a|4", "a|6"]);
    assert_eq!(database.query(ALL[1]).await, ["a|40", "a|60"]);
    assert_eq!(database.query("SELECT id FROM ev_c ORDER BY id").await, ["5", "7"]);
    let state = "SELECT resource, \"partition\", checkpoint FROM _rl_state";
    assert_eq!(database.query(state).await, ["events|p|4"]);
}

async fn a_replace_in_many_steps_takes_effect_in_all_tables_at_once(database: &Database) {
    replaced(database, Replace, false).await;
}

async fn a_full_refresh_takes_effect_in_all_tables_at_once(database: &Database) {
    replaced(database, Append, true).await;
}

async fn tables_of_earlier_loads_are_known(database: &Database) {
    let first = divided(vec![rows("ev_a", "L1", &[1]), rows("ev_b", "L1", &[2])], "1", true);
    load(database, "L1", Replace, vec![first]).await;
    // A replace that yields nothing empties the tables of every earlier load.
    load(database, "L2", Replace, vec![divided(Vec::new(), "2", true)]).await;
    assert!(database.query(ALL[0]).await.is_empty());
    assert!(database.query(ALL[1]).await.is_empty());
    let owners = "SELECT DISTINCT table_name, resource FROM _rl_schema ORDER BY 1";
    assert_eq!(
        database.query(owners).await,
        ["ev_a|events", "ev_a__items|events", "ev_b|events", "ev_b__items|events"]
    );
}
