//! What holds when something goes wrong, and when others are there too.

use std::future::Future as _;
use std::task::Poll;

use restload_model::batch::{Batch, Cell, Reject, RejectKind};
use restload_model::schema::WriteDisposition::{Append, Merge, Replace};

use super::support::*;
use crate::{DestinationError, DestinationUrl, Kind, LoadOutcome, LoadStatus, OpenOptions};

super::conformance!(
    checkpoints_are_stored_with_their_rows,
    a_refused_row_leaves_rows_and_checkpoints_as_they_were,
    a_failed_step_leaves_no_schema_changes,
    rejects_are_kept,
    the_load_is_recorded,
    an_interrupted_load_is_marked,
    a_second_run_is_locked_out,
    two_pipelines_share_a_dataset,
    two_pipelines_share_a_table,
    a_dropped_commit_keeps_nothing,
    nothing_works_after_the_end,
    the_stored_schema_tells_where_columns_come_from,
);

fn one(table: &str, load_id: &str, cells: &[Cell<'_>]) -> Batch {
    let records: Vec<_> = cells.iter().map(|cell| record(&[*cell])).collect();
    page(table, load_id, 1, (&["c"], 0), &[], &records)
}

async fn checkpoints_are_stored_with_their_rows(database: &Database) {
    let target = target("t", Append, &[]);
    let mut destination = database.open("L1").await;
    assert!(destination.checkpoints("t").await.unwrap().is_empty());
    destination.prepare(vec![target], false).await.unwrap();
    let news = [
        ("b", Some("{\"page\":1}")),
        ("a", Some("1")),
        ("b", Some("{\"page\":2}")),
    ];
    let batches = vec![one("t", "L1", &[Cell::Bigint(1)])];
    destination.commit(step("t", batches, &news, false)).await.unwrap();
    let stored = [
        checkpoint("t", "a", Some("1")),
        checkpoint("t", "b", Some("{\"page\":2}")),
    ];
    assert_eq!(destination.checkpoints("t").await.unwrap(), stored);
    drop(destination);

    let mut destination = database.open("L2").await;
    assert_eq!(destination.checkpoints("t").await.unwrap(), stored);
    destination
        .prepare(vec![super::support::target("t", Append, &[])], false)
        .await
        .unwrap();
    destination
        .commit(step(
            "t",
            Vec::new(),
            &[("a", None), ("z", None), ("c", Some("3"))],
            true,
        ))
        .await
        .unwrap();
    destination.finish(outcome(), None).await.unwrap();
    let mut destination = database.open("L3").await;
    assert_eq!(
        destination.checkpoints("t").await.unwrap(),
        [
            checkpoint("t", "b", Some("{\"page\":2}")),
            checkpoint("t", "c", Some("3"))
        ]
    );
    assert!(destination.checkpoints("other").await.unwrap().is_empty());
    assert_eq!(destination.identifier_limit(), 63);
}

async fn a_refused_row_leaves_rows_and_checkpoints_as_they_were(database: &Database) {
    let target = target("t", Append, &[]);
    database
        .load("L1", &target, vec![one("t", "L1", &[Cell::Bigint(1)])])
        .await;
    database.run("CREATE UNIQUE INDEX theirs ON t (c)").await;
    let mut destination = database.open("L2").await;
    destination.prepare(vec![target], false).await.unwrap();
    let good = step(
        "t",
        vec![one("t", "L2", &[Cell::Bigint(2)])],
        &[("", Some("two"))],
        false,
    );
    destination.commit(good).await.unwrap();
    let bad = vec![one("t", "L2", &[Cell::Bigint(3)]), one("t", "L2", &[Cell::Bigint(1)])];
    let error = destination
        .commit(step("t", bad, &[("", Some("three"))], false))
        .await
        .unwrap_err();
    let DestinationError::Write {
        table,
        row_count,
        source,
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((table.as_str(), *row_count), ("t", 2));
    let cause = source.to_string().to_lowercase();
    assert!(cause.contains("unique"), "{cause}");
    assert!(
        !error.to_string().contains(&cause),
        "the cause is the source, and not said twice"
    );
    assert_eq!(database.query("SELECT c FROM t ORDER BY c").await, ["1", "2"]);
    assert_eq!(
        destination.checkpoints("t").await.unwrap(),
        [checkpoint("t", "", Some("two"))]
    );
    assert_eq!(database.query("SELECT checkpoint FROM _rl_state").await, ["two"]);
    // The destination goes on.
    let good = step(
        "t",
        vec![one("t", "L2", &[Cell::Bigint(4)])],
        &[("", Some("four"))],
        true,
    );
    destination.commit(good).await.unwrap();
    destination.finish(outcome(), None).await.unwrap();
    assert_eq!(
        database.query("SELECT rows FROM _rl_loads WHERE load_id = 'L2'").await[0].replace(' ', ""),
        "{\"t\":2}"
    );
}

async fn a_failed_step_leaves_no_schema_changes(database: &Database) {
    let users = target("users", Merge, &["id"]);
    let row = |id: Cell<'static>, value: Cell<'static>| {
        page("users", "L", 1, (&["id", "v"], 1), &[], &[record(&[id, value])])
    };
    database
        .load("L1", &users, vec![row(Cell::Bigint(1), Cell::Bigint(1))])
        .await;
    let mut destination = database.open("L2").await;
    destination.prepare(vec![users], false).await.unwrap();
    let wider = vec![row(Cell::Bigint(2), Cell::Text("x")), row(Cell::Null, Cell::Text("y"))];
    destination.commit(step("users", wider, &[], false)).await.unwrap_err();
    let fine = vec![row(Cell::Bigint(2), Cell::Double(0.5))];
    let report = destination.commit(step("users", fine, &[], true)).await.unwrap();
    let changes: Vec<String> = report.schema_changes.iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["column `v` of table `users` widened from bigint to double"]);
    destination.finish(outcome(), None).await.unwrap();
    assert_eq!(
        database
            .query("SELECT data_type FROM _rl_schema WHERE column_name = 'v'")
            .await,
        ["double"]
    );
}

async fn rejects_are_kept(database: &Database) {
    let target = target("t", Append, &[]);
    let mut batch = one("t", "L1", &[Cell::Bigint(1)]);
    batch.rejects.push(Reject {
        kind: RejectKind::Unstorable,
        table: "t".into(),
        page: 3,
        record: 7,
        reason: "`id` is missing".to_owned(),
        raw: "{\"x\":1}".to_owned(),
    });
    let report = database.load("L1", &target, vec![batch]).await;
    assert_eq!((report.tables[0].written, report.tables[0].rejected), (1, 1));
    assert_eq!(
        database
            .query("SELECT load_id, pipeline, resource, page, record, reason, raw, kind, table_name FROM _rl_rejects")
            .await,
        ["L1|Test Pipeline|t|3|7|`id` is missing|{\"x\":1}|unstorable|t"]
    );
    assert_eq!(database.query("SELECT rejects FROM _rl_loads").await, ["1"]);
}

async fn the_load_is_recorded(database: &Database) {
    let target = target("t", Append, &[]);
    let mut destination = database.open("L1").await;
    destination.prepare(vec![target], false).await.unwrap();
    for number in [1, 2] {
        let batches = vec![one("t", "L1", &[Cell::Bigint(number), Cell::Bigint(number)])];
        destination.commit(step("t", batches, &[], number == 2)).await.unwrap();
    }
    let failed = LoadOutcome {
        status: LoadStatus::Failed,
        error: Some("it broke".to_owned()),
        ..outcome()
    };
    destination.finish(failed, None).await.unwrap();
    let record = database
        .query(
            "SELECT load_id, pipeline, status, rows, requests, retries, schema_changes, rejects, error, started_at, \
             finished_at FROM _rl_loads",
        )
        .await;
    let (rows, zone) = if database.is_sqlite() {
        ("{\"t\":4}", ".000000")
    } else {
        ("{\"t\": 4}", "+00")
    };
    assert_eq!(
        record,
        [format!(
            "L1|Test Pipeline|failed|{rows}|3|1|[\"table `t` created\"]|0|it broke|2024-01-02 03:04:05{zone}\
             |2024-01-02 03:04:10{zone}"
        )]
    );
}

async fn an_interrupted_load_is_marked(database: &Database) {
    let mut destination = database.open("L1").await;
    destination
        .prepare(vec![target("t", Append, &[])], false)
        .await
        .unwrap();
    let batches = vec![one("t", "L1", &[Cell::Bigint(1)])];
    destination.commit(step("t", batches, &[], false)).await.unwrap();
    drop(destination);
    let loads = "SELECT load_id, status FROM _rl_loads ORDER BY load_id";
    assert_eq!(database.query(loads).await, ["L1|running"]);
    let mut destination = database.open("L2").await;
    destination
        .prepare(vec![target("t", Append, &[])], false)
        .await
        .unwrap();
    assert_eq!(database.query(loads).await, ["L1|interrupted", "L2|running"]);
}

async fn a_second_run_is_locked_out(database: &Database) {
    let mut first = database.open("L1").await;
    let error = crate::Destination::open(database.options("L2")).await.err().unwrap();
    assert!(matches!(&error, DestinationError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("pipeline `Test Pipeline`"), "{error}");
    // Another pipeline is welcome.
    let other = OpenOptions {
        pipeline: "test_pipeline".to_owned(),
        ..database.options("L3")
    };
    drop(crate::Destination::open(other).await.unwrap());
    first.prepare(Vec::new(), false).await.unwrap();
    first.finish(outcome(), None).await.unwrap();
    drop(database.open("L4").await);
    drop(database.open("L5").await);
}

async fn two_pipelines_share_a_dataset(database: &Database) {
    let other = |load_id: &str| OpenOptions {
        pipeline: "other".to_owned(),
        ..database.options(load_id)
    };
    let mut a = database.open("A").await;
    let mut b = crate::Destination::open(other("B")).await.unwrap();
    a.prepare(vec![target("a", Replace, &[])], false).await.unwrap();
    b.prepare(vec![target("b", Replace, &[])], false).await.unwrap();
    a.commit(step(
        "a",
        vec![one("a", "A", &[Cell::Bigint(1)])],
        &[("", Some("a1"))],
        false,
    ))
    .await
    .unwrap();
    b.commit(step(
        "b",
        vec![one("b", "B", &[Cell::Bigint(1)])],
        &[("", Some("b1"))],
        false,
    ))
    .await
    .unwrap();
    drop(b);
    // Another run of one leaves the shadows of the other alone.
    let b = crate::Destination::open(other("B2")).await.unwrap();
    drop(b);
    a.commit(step(
        "a",
        vec![one("a", "A", &[Cell::Bigint(2)])],
        &[("", Some("a2"))],
        true,
    ))
    .await
    .unwrap();
    a.finish(outcome(), None).await.unwrap();
    assert_eq!(database.query("SELECT c FROM a ORDER BY c").await, ["1", "2"]);
    assert_eq!(
        database
            .query("SELECT load_id, status FROM _rl_loads ORDER BY load_id")
            .await,
        ["A|completed", "B|interrupted"]
    );
    let mut a = database.open("A2").await;
    let names: Vec<&str> = a.tables().iter().map(|table| &*table.name).collect();
    assert_eq!(names, ["a"], "a pipeline sees its own tables");
    assert_eq!(a.checkpoints("a").await.unwrap().len(), 1);
    assert!(a.checkpoints("b").await.unwrap().is_empty());
}

async fn two_pipelines_share_a_table(database: &Database) {
    let shared = target("t", Append, &[]);
    let mut a = database.open("A").await;
    a.prepare(vec![shared.clone()], false).await.unwrap();
    a.commit(step("t", vec![one("t", "A", &[Cell::Bigint(1)])], &[], false))
        .await
        .unwrap();
    let mut b = crate::Destination::open(OpenOptions {
        pipeline: "other".to_owned(),
        ..database.options("B")
    })
    .await
    .unwrap();
    assert!(b.tables().is_empty());
    b.prepare(vec![shared], false).await.unwrap();
    assert_eq!(b.tables()[0].columns[0].data_type, restload_model::DataType::Bigint);
    // One widens what the other goes on writing to.
    b.commit(step("t", vec![one("t", "B", &[Cell::Text("x")])], &[], true))
        .await
        .unwrap();
    b.finish(outcome(), None).await.unwrap();
    a.commit(step("t", vec![one("t", "A", &[Cell::Bigint(2)])], &[], true))
        .await
        .unwrap();
    a.finish(outcome(), None).await.unwrap();
    let mut rows = database.query("SELECT c FROM t").await;
    rows.sort();
    assert_eq!(rows, ["1", "2", "x"]);
}

async fn a_dropped_commit_keeps_nothing(database: &Database) {
    let target = target("t", Append, &[]);
    database
        .load("L00", &target, vec![one("t", "L00", &[Cell::Bigint(0)])])
        .await;
    let numbers: Vec<Cell<'_>> = (0..20_000).map(Cell::Bigint).collect();
    let mut loads = vec!["completed"];
    // How far a turn gets depends on what else the machine does, but the first one never gets to the end.
    for turns in [1, 2, 3, 5, 8, 13] {
        let load_id = format!("L{turns:02}");
        let mut destination = database.open(&load_id).await;
        destination.prepare(vec![target.clone()], false).await.unwrap();
        let large = step("t", vec![one("t", &load_id, &numbers)], &[("", Some("1"))], false);
        {
            let mut commit = std::pin::pin!(destination.commit(large));
            let mut left = turns;
            let done = std::future::poll_fn(|context| {
                left -= 1;
                match commit.as_mut().poll(context) {
                    Poll::Ready(done) => Poll::Ready(Some(done)),
                    Poll::Pending if left == 0 => Poll::Ready(None),
                    Poll::Pending => {
                        context.waker().wake_by_ref();
                        Poll::Pending
                    }
                }
            });
            if let Some(done) = done.await {
                done.unwrap();
                assert!(turns > 1);
                break;
            }
        }
        let error = destination.commit(step("t", Vec::new(), &[], true)).await.unwrap_err();
        assert!(error.to_string().contains("cut off"), "{error}");
        let stopped = LoadOutcome {
            status: LoadStatus::Interrupted,
            ..outcome()
        };
        destination.finish(stopped, None).await.unwrap();
        loads.push("interrupted");
        assert_eq!(database.query("SELECT count(*) FROM t").await, ["1"]);
        assert_eq!(database.query("SELECT count(*) FROM _rl_state").await, ["0"]);
        let status = database.query("SELECT status FROM _rl_loads ORDER BY load_id").await;
        assert_eq!(status, loads);
    }
}

async fn nothing_works_after_the_end(database: &Database) {
    let mut destination = database.open("L1").await;
    destination
        .prepare(vec![target("t", Append, &[])], false)
        .await
        .unwrap();
    destination.finish(outcome(), None).await.unwrap();
    let error = destination.commit(step("t", Vec::new(), &[], true)).await.unwrap_err();
    assert_eq!(error.to_string(), "the load is finished already");
    if database.is_sqlite() {
        let crate::url::Place::Sqlite(path) = database.url.place() else {
            unreachable!()
        };
        let left: Vec<_> = std::fs::read_dir(path.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(left, ["test.db"], "no lock, no journal");
    }
}

async fn the_stored_schema_tells_where_columns_come_from(database: &Database) {
    let users = target("users", Merge, &["id"]);
    let records = [with_children(&[Cell::Bigint(1)], &[&[Cell::Text("a")]])];
    database
        .load(
            "L1",
            &users,
            vec![page("users", "L1", 1, (&["id"], 1), &["value"], &records)],
        )
        .await;
    let records = [record(&[Cell::Bigint(1), Cell::Bool(true)])];
    database
        .load(
            "L2",
            &users,
            vec![page("users", "L2", 1, (&["id", "new"], 1), &[], &records)],
        )
        .await;
    assert_eq!(
        database
            .query(
                "SELECT table_name, parent, column_name, source_name, data_type, position, load_id FROM _rl_schema \
                 WHERE pipeline = 'Test Pipeline' AND resource = 'users' AND column_name NOT LIKE '\\_%' ESCAPE '\\' \
                 ORDER BY 1, 6",
            )
            .await,
        [
            "users|-|id|id|bigint|0|L1",
            "users|-|new|new|bool|3|L2",
            "users__items|users|value|value|text|0|L1"
        ]
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let error = open("postgres://u:hunter2@127.0.0.1:1/d").await;
    assert!(matches!(&error, DestinationError::Unreachable { .. }), "{error}");
    assert_eq!(error.to_string(), "cannot reach postgres://u:***@127.0.0.1:1/d");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let address = postgres_address()
        .replace("/postgres", "/nowhere")
        .replace("nowhere:", "postgres:");
    let error = open(&address).await;
    assert!(matches!(&error, DestinationError::Unreachable { .. }), "{error}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("does not exist"), "{cause}");
}

#[tokio::test]
async fn a_role_that_may_not_create_is_told_so() {
    let database = Database::new(Kind::Postgres);
    let role = format!("reader_{}", database.dataset);
    database
        .run(&format!("CREATE ROLE \"{role}\" LOGIN PASSWORD 'hunter2'"))
        .await;
    let address = postgres_address();
    let (_, host) = address.split_once('@').unwrap();
    let error = open(&format!("postgres://{role}:hunter2@{host}")).await;
    assert!(matches!(&error, DestinationError::NoPermission { .. }), "{error}");
    assert!(
        error.to_string().starts_with("cannot make the dataset in postgres://"),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    let cause = std::error::Error::source(&error).unwrap().to_string();
    let grant = format!("run: GRANT CREATE ON DATABASE postgres TO {role}");
    assert!(cause.ends_with(&grant), "{cause}");
    database.run(&format!("DROP ROLE \"{role}\"")).await;
}

#[tokio::test]
async fn a_server_that_only_reads_is_told_apart() {
    let address = postgres_address();
    let error = open(&format!("{address}?options[default_transaction_read_only]=on")).await;
    assert!(matches!(&error, DestinationError::ReadOnly { .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_or_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    std::fs::write(
        &path,
        "this is not a database, just a long enough text to look like one".repeat(20),
    )
    .unwrap();
    let error = open(&format!("sqlite:{}", path.display())).await;
    assert_eq!(error.to_string(), format!("cannot open sqlite:{}", path.display()));
    let error = open(&format!("sqlite:{}/below/y.db", path.display())).await;
    assert_eq!(
        error.to_string(),
        format!("cannot make the folder of sqlite:{}/below/y.db", path.display())
    );
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(cause, Some(format!("`{}/below` is not a folder", path.display())));
    let error = open(&format!("sqlite:{}", folder.path().display())).await;
    assert!(matches!(&error, DestinationError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_dataset_that_postgres_would_cut_is_refused() {
    let database = Database::new(Kind::Postgres);
    let options = OpenOptions {
        dataset: Some("x".repeat(64)),
        ..database.options("L1")
    };
    let error = crate::Destination::open(options).await.err().unwrap();
    assert!(error.to_string().contains("up to 63 bytes"), "{error}");
}

async fn open(url: &str) -> DestinationError {
    let options = OpenOptions {
        url: DestinationUrl::parse(url).unwrap(),
        dataset: None,
        pipeline: "Never made".to_owned(),
        load_id: "L1".to_owned(),
        started_at: NOW,
    };
    crate::Destination::open(options).await.err().unwrap()
}
