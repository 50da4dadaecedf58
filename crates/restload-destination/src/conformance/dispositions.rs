//! Append, merge, replace: which rows stand in the tables after a load.

use restload_model::batch::{Batch, Cell};
use restload_model::schema::WriteDisposition::{Append, Merge, Replace};

use super::support::*;
use crate::TableReport;

super::conformance!(append_adds,);

const ID_NAME: (&[&str], usize) = (&["id", "name"], 1);
const PLAIN: (&[&str], usize) = (&["id", "name"], 0);

fn names(load_id: &str, columns: (&[&str], usize), rows: &[(i64, &str)]) -> Batch {
    let records: Vec<_> = rows
        .iter()
        .map(|(id, name)| record(&[Cell::Bigint(*id), Cell::Text(name)]))
        .collect();
    page("users", load_id, 1, columns, &[], &records)
}

async fn append_adds(database: &Database) {
    let target = target("users", Append, &[]);
    let report = database
        .load("L1", &target, vec![names("L1", PLAIN, &[(1, "a"), (2, "b")])])
        .await;
    assert_eq!(
        report
            .schema_changes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["table `users` created"]
    );
    database
        .load("L2", &target, vec![names("L2", PLAIN, &[(1, "a")])])
        .await;
    assert_eq!(
        database
            .query("SELECT id, name, _rl_load_id FROM users ORDER BY _rl_load_id, id")
            .await,
        ["1|a|L1", "2|b|L1", "1|a|L2"]
    );
}
