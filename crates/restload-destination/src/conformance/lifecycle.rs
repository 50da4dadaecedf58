//! From one run to the next: who may write, what a run leaves, and what can be read of it.

use std::sync::Arc;

use restload_model::batch::{Batch, Cell, Reject, RejectKind};
use restload_model::checkpoint::Checkpoint;
use restload_model::schema::WriteDisposition::{Append, Merge};

use super::support::*;
use crate::{
    ColumnRecord, DestinationError, Forgotten, Inspector, LoadOutcome, LoadRecord, LoadStatus, Order, Settle, Slice,
    StateRecord, reset_state,
};

super::conformance!(
    a_run_that_lost_its_lock_writes_nothing_more,
    l12_the_end_and_the_last_checkpoints_are_one_transaction,
    nothing_is_made_by_looking,
    what_is_stored_can_be_read,
    l14_state_is_forgotten_by_resource,
    w32_pipelines_that_make_the_same_table_at_once_wait_for_each_other,
);

/// Of these resources nothing is to be changed that is stored.
struct StaysAsItIs(Vec<Arc<str>>);

impl Settle for StaysAsItIs {
    fn begin(&self) {}

    fn resources(&self) -> &[Arc<str>] {
        &self.0
    }

    fn settle(&self, _: &Checkpoint) -> Option<Checkpoint> {
        None
    }

    fn is_over(&self, _: &str) -> bool {
        true
    }
}

fn numbers(table: &str, load_id: &str, numbers: &[i64]) -> Batch {
    let records: Vec<_> = numbers.iter().map(|number| record(&[Cell::Bigint(*number)])).collect();
    page(table, load_id, 1, (&["c"], 0), &[], &records)
}

async fn inspect(database: &Database) -> Option<Inspector> {
    Inspector::open(&database.url, Some(&database.dataset), "Test Pipeline")
        .await
        .unwrap()
}

async fn a_run_that_lost_its_lock_writes_nothing_more(database: &Database) {
    let mut lost = database.open("L1").await;
    lost.prepare(vec![target("t", Append, &[])], false).await.unwrap();
    let first = step("t", vec![numbers("t", "L1", &[1])], &[("", Some("1"))], false);
    lost.commit(first).await.unwrap();
    // What the next run does at its start, once it has got the lock.
    database.run("UPDATE _rl_loads SET status = 'interrupted'").await;
    let second = step("t", vec![numbers("t", "L1", &[2])], &[("", Some("2"))], false);
    let error = lost.commit(second).await.unwrap_err();
    assert!(matches!(&error, DestinationError::TakenOver { .. }), "{error}");
    assert!(
        error.to_string().contains("another run of pipeline `Test Pipeline`"),
        "{error}"
    );
    let error = lost.finish(outcome(), None).await.unwrap_err();
    assert!(matches!(&error, DestinationError::TakenOver { .. }), "{error}");
    assert_eq!(database.query("SELECT c FROM t").await, ["1"]);
    assert_eq!(database.query("SELECT checkpoint FROM _rl_state").await, ["1"]);
    assert_eq!(database.query("SELECT status FROM _rl_loads").await, ["interrupted"]);
}

/// Where a resource begins anew, what it says of its partitions is there once its load has come to its end, and not before:
/// the record that says so is of the same transaction.
async fn l12_the_end_and_the_last_checkpoints_are_one_transaction(database: &Database) {
    const STORED: &str = "SELECT resource, \"partition\", checkpoint FROM _rl_state ORDER BY resource, \"partition\"";
    let begin = async |load_id: &str, news: &[(&str, Option<&str>)], restarts: bool| {
        let mut destination = database.open(load_id).await;
        let targets = vec![target("a", Append, &[]), target("b", Append, &[])];
        let b: Arc<str> = Arc::clone(&targets[1].resource);
        if restarts {
            destination.restart(&b);
        }
        destination.prepare(targets, false).await.unwrap();
        for number in 1..=2 {
            let batches = vec![numbers("b", load_id, &[number])];
            destination.commit(step("b", batches, news, false)).await.unwrap();
        }
        let seen = destination.checkpoints("b").await.unwrap();
        (
            destination,
            seen.into_iter()
                .map(|one| (one.partition.to_string(), one.position.unwrap()))
                .collect::<Vec<_>>(),
        )
    };
    let (mut destination, _) = begin("L1", &[("x", Some("1")), ("y", Some("2"))], false).await;
    destination.finish(outcome(), None).await.unwrap();
    let before = ["b|x|1", "b|y|2"];
    assert_eq!(database.query(STORED).await, before);
    let later = [("y", Some("3")), ("z", Some("4"))];
    // Killed, failed, and then brought to its end.
    let (killed, seen) = begin("L2", &later, true).await;
    assert_eq!(
        seen,
        [("x".to_owned(), "1".to_owned()), ("y".to_owned(), "2".to_owned())]
    );
    drop(killed);
    let (mut failed, seen_again) = begin("L3", &later, true).await;
    assert_eq!(seen_again, seen);
    failed.finish(outcome(), None).await.unwrap();
    assert_eq!(database.query(STORED).await, before);
    let (mut whole, _) = begin("L4", &later, true).await;
    whole
        .finish(outcome(), Some(&StaysAsItIs(vec!["b".into()])))
        .await
        .unwrap();
    assert_eq!(database.query(STORED).await, ["b|x|1", "b|y|3", "b|z|4"]);
}

async fn nothing_is_made_by_looking(database: &Database) {
    assert!(inspect(database).await.is_none());
    let forgotten = reset_state(&database.url, Some(&database.dataset), "Test Pipeline", &[]);
    assert_eq!(forgotten.await.unwrap(), []);
    if let crate::url::Place::Sqlite(path) = database.url.place() {
        assert!(!path.parent().unwrap().exists(), "a folder was made");
    } else {
        let named = format!("SELECT 1 FROM pg_namespace WHERE nspname = '{}'", database.dataset);
        assert!(database.query(&named).await.is_empty(), "a schema was made");
    }
}

async fn what_is_stored_can_be_read(database: &Database) {
    let users = target("users", Merge, &["id"]);
    let mut destination = database.open("L1").await;
    destination.prepare(vec![users], false).await.unwrap();
    let records = [
        with_children(
            &[Cell::Bigint(1), Cell::Bool(true), Cell::Timestamp(NOW)],
            &[&[Cell::Text("a")]],
        ),
        with_children(&[Cell::Bigint(2), Cell::Bool(false), Cell::Null], &[]),
        with_children(&[Cell::Bigint(10), Cell::Null, Cell::Null], &[]),
    ];
    let mut batch = page("users", "L1", 1, (&["id", "ok", "at"], 1), &["value"], &records);
    for page in 1..=3 {
        batch.rejects.push(Reject {
            kind: RejectKind::Unstorable,
            table: "users".into(),
            page,
            record: 7,
            reason: "`id` is missing".to_owned(),
            raw: "{\"x\":1}".to_owned(),
        });
    }
    let news = [("", Some("{\"pages\":1}"))];
    destination
        .commit(step("users", vec![batch], &news, true))
        .await
        .unwrap();

    // A run may go on meanwhile.
    let mut inspector = inspect(database).await.unwrap();
    assert_eq!(inspector.loads(Slice::first(9)).await.unwrap()[0].status, "running");
    let failed = LoadOutcome {
        status: LoadStatus::Failed,
        error: Some("it broke".to_owned()),
        ..outcome()
    };
    destination.finish(failed, None).await.unwrap();

    let created = |table: &str| format!("table `{table}` created");
    assert_eq!(
        inspector.loads(Slice::first(9)).await.unwrap(),
        [LoadRecord {
            load_id: "L1".to_owned(),
            status: "failed".to_owned(),
            started_at: "2024-01-02T03:04:05.000000Z".to_owned(),
            finished_at: Some("2024-01-02T03:04:10.000000Z".to_owned()),
            duration_ms: Some(5_000),
            rows: vec![("users".to_owned(), 3), ("users__items".to_owned(), 1)],
            requests: 3,
            retries: 1,
            schema_changes: vec![created("users"), created("users__items")],
            rejects: 3,
            error: Some("it broke".to_owned()),
        }]
    );
    assert!(inspector.loads(Slice { offset: 1, limit: 9 }).await.unwrap().is_empty());
    assert_eq!(
        inspector.state().await.unwrap(),
        [StateRecord {
            resource: "users".to_owned(),
            partition: String::new(),
            checkpoint: "{\"pages\":1}".to_owned(),
            load_id: "L1".to_owned(),
            updated_at: "2024-01-02T03:04:06.000000Z".to_owned(),
        }]
    );
    let tables = inspector.tables().await.unwrap();
    let shapes: Vec<_> = tables
        .iter()
        .map(|table| (table.name.as_str(), table.parent.as_deref(), table.resource.as_str()))
        .collect();
    assert_eq!(
        shapes,
        [("users", None, "users"), ("users__items", Some("users"), "users")]
    );
    assert_eq!(
        tables[0].columns[1],
        ColumnRecord {
            name: "ok".to_owned(),
            source_name: "ok".to_owned(),
            data_type: "bool".to_owned(),
            load_id: "L1".to_owned(),
            changed_at: "2024-01-02T03:04:06.000000Z".to_owned(),
        }
    );
    let changes = inspector.schema_changes(Slice::first(9)).await.unwrap();
    assert_eq!(
        (changes.len(), changes[1].change.as_str()),
        (2, "table `users__items` created")
    );
    let rejects = inspector.rejects(Slice { offset: 1, limit: 1 }).await.unwrap();
    let reject = &rejects[0];
    assert_eq!((rejects.len(), reject.page, reject.record), (1, 2, 7));
    assert_eq!(
        (reject.reason.as_str(), reject.raw.as_str()),
        ("`id` is missing", "{\"x\":1}")
    );

    assert!(reject.kind.is_some());
    assert_eq!(reject.table.as_deref(), Some("users"));

    let order = Order {
        column: "id",
        descending: true,
    };
    let first = inspector.rows("users", Some(order), Slice::first(2)).await.unwrap();
    assert_eq!(first.columns[..3], ["id", "ok", "at"]);
    let texts: Vec<String> = first
        .rows
        .iter()
        .map(|row| {
            row[..3]
                .iter()
                .map(|cell| cell.as_deref().unwrap_or("-"))
                .collect::<Vec<_>>()
                .join("|")
        })
        .collect();
    // By number and not by its text.
    assert_eq!(texts, ["10|-|-", "2|false|-"]);
    let rest = inspector
        .rows("users", Some(order), Slice { offset: 2, limit: 2 })
        .await
        .unwrap();
    assert_eq!(rest.rows.len(), 1);
    let cells: Vec<_> = rest.rows[0][..3].iter().map(|cell| cell.as_deref()).collect();
    assert_eq!(cells, [Some("1"), Some("true"), Some("2024-01-02T03:04:05.000000Z")]);
    assert_eq!(inspector.count("users__items").await.unwrap(), 1);

    let error = inspector.rows("nobody", None, Slice::first(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no table `nobody`");
    let order = Order {
        column: "x\" OR",
        descending: false,
    };
    let error = inspector.rows("users", Some(order), Slice::first(1)).await.unwrap_err();
    assert!(error.to_string().contains("has no column"), "{error}");
    inspector.close().await;
}

async fn l14_state_is_forgotten_by_resource(database: &Database) {
    let mut destination = database.open("L1").await;
    let targets = vec![target("a", Append, &[]), target("b", Append, &[])];
    destination.prepare(targets, false).await.unwrap();
    for name in ["a", "b"] {
        let news = [("x", Some("1")), ("y", Some("2"))];
        destination.commit(step(name, Vec::new(), &news, false)).await.unwrap();
    }
    let reset = async |resources: &[&str]| {
        let resources: Vec<String> = resources.iter().map(ToString::to_string).collect();
        reset_state(&database.url, Some(&database.dataset), "Test Pipeline", &resources).await
    };
    let error = reset(&["a"]).await.unwrap_err();
    assert!(matches!(&error, DestinationError::Locked { .. }), "{error}");
    drop(destination);
    let forgotten = |resource: &str| Forgotten {
        resource: resource.to_owned(),
        partitions: 2,
    };
    assert_eq!(reset(&["b", "c"]).await.unwrap(), [forgotten("b")]);
    assert_eq!(reset(&["b"]).await.unwrap(), []);
    assert_eq!(database.query("SELECT DISTINCT resource FROM _rl_state").await, ["a"]);
    assert_eq!(reset(&[]).await.unwrap(), [forgotten("a")]);
    assert_eq!(reset(&[]).await.unwrap(), []);
}

/// Many pairs of runs whose first steps make the same table and the same columns at the same moment.
async fn w32_pipelines_that_make_the_same_table_at_once_wait_for_each_other(database: &Database) {
    for round in 0..10 {
        let table = format!("t{round}");
        let run = async |pipeline: &'static str| {
            let load_id = format!("{pipeline}{round}");
            let options = crate::OpenOptions {
                pipeline: pipeline.to_owned(),
                ..database.options(&load_id)
            };
            let mut destination = crate::Destination::open(options).await?;
            destination.prepare(vec![target(&table, Append, &[])], false).await?;
            for (number, column) in ["c", "d", "e"].into_iter().enumerate() {
                let row = [record(&[Cell::Bigint(number as i64), Cell::Text(column)])];
                let batch = page(&table, &load_id, number as u64, (&["c", column], 0), &[], &row);
                destination.commit(step(&table, vec![batch], &[], number == 2)).await?;
            }
            destination.finish(outcome(), None).await
        };
        let (one, other) = tokio::join!(run("one"), run("other"));
        one.unwrap();
        other.unwrap();
        assert_eq!(database.query(&format!("SELECT count(*) FROM {table}")).await, ["6"]);
    }
    let loads = "SELECT pipeline, count(*) FROM _rl_loads WHERE status = 'completed' GROUP BY 1 ORDER BY 1";
    assert_eq!(database.query(loads).await, ["one|10", "other|10"]);
}
