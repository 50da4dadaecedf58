//! Memory does not grow with the number of parents: what is stored of them is asked for and not held.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::api::{Answer, Api, Request};
use crate::support::program::Program;
use crate::support::tables::{Database, Kind};

const PER_PAGE: usize = 100;
/// What 20,000 parents may take more than 2,000. It is what fills up as they come: pages that wait for the writer (9 MiB
/// at most), the step that is being gathered (3 MiB), and a digest of each parent until they fill a megabyte. Holding what
/// is stored of each took from 22 to 39 MiB.
const MOST_MORE_KIB: u64 = 18 << 10;

/// So many parents, in pages; each has one child.
fn answer(parents: usize, request: &Request) -> Answer {
    let path: Vec<&str> = request.path().trim_start_matches('/').split('/').collect();
    match path[..] {
        ["parents"] => {
            let page: usize = request.query()[0].1.parse().unwrap();
            let ids = (page - 1) * PER_PAGE..parents.min(page * PER_PAGE);
            let records: Vec<Value> = ids
                .map(|id| json!({"id": id, "name": format!("parent {id}")}))
                .collect();
            Answer::json(Value::from(records))
        }
        ["grandchildren", _] => Answer::json(json!([{"g": 1}])),
        ["parents", id, "children"] if request.query().iter().any(|(name, _)| name == "marked") => {
            Answer::json(json!([{"n": 1, "of": id, "mark": "m".repeat(600)}]))
        }
        ["parents", id, "children"] => Answer::json(json!([{"n": 1, "of": id, "at": 1_700_000_000}])),
        _ => Answer::json(json!({"error": "no such route"})).status(404),
    }
}

/// Runs the config three times, for so many parents, and tells the most memory that each run had, in KiB. The last run
/// is a full refresh. `more_resources` may ask for `grandchildren`.
fn peaks(child: &str, more_resources: &str, parents: usize) -> [u64; 3] {
    let api = Api::with_requests(move |request| answer(parents, request));
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        r#"
client: {{ base_url: "{}", concurrency: 8 }}
resources:
  - name: parents
    endpoint: {{ paginator: {{ type: page_number, base_page: 1 }} }}
  - name: children
    endpoint: {{ path: "parents/{{resources.parents.id}}/children", {child} }}
{more_resources}
"#,
        api.url()
    );
    std::fs::write(folder.path().join("family.yaml"), config).unwrap();
    let database = Database::new(Kind::Sqlite, folder.path());
    [&[][..], &[], &["--full-refresh"]].map(|more| {
        api.forget();
        let peak = run(folder.path(), &database.args(), more);
        let requests = api.requests();
        let of_parents = requests.iter().filter(|request| request.path().starts_with("/parents"));
        assert_eq!(of_parents.count(), parents + parents / PER_PAGE + 1);
        peak
    })
}

/// Runs the config twice, and tells the same. In the first run all children fail, or the first windows of them, while
/// the load goes on; the second run loads what is left, and nothing else.
fn peaks_after_failures(child: &str, parents: usize) -> [u64; 2] {
    let fails = Arc::new(AtomicBool::new(true));
    let failing = Arc::clone(&fails);
    let api = Api::with_requests(move |request| {
        let is_of_later_window = request
            .query()
            .iter()
            .any(|(name, value)| name == "from" && value != "0");
        if request.path().ends_with("/children") && !is_of_later_window && failing.load(Ordering::Relaxed) {
            return Answer::json(json!({"error": "not now"})).status(404);
        }
        answer(parents, request)
    });
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        r#"
client: {{ base_url: "{}", concurrency: 8 }}
resources:
  - name: parents
    endpoint: {{ paginator: {{ type: page_number, base_page: 1 }}, incremental: {{ cursor_path: id }} }}
  - name: children
    on_error: continue
    endpoint: {{ path: "parents/{{resources.parents.id}}/children", {child} }}
"#,
        api.url()
    );
    std::fs::write(folder.path().join("family.yaml"), config).unwrap();
    let database = Database::new(Kind::Sqlite, folder.path());
    let first = run_to(folder.path(), &database.args(), &[], 1);
    fails.store(false, Ordering::Relaxed);
    api.forget();
    let second = run(folder.path(), &database.args(), &[]);
    assert_eq!(api.requests().len(), parents + parents / PER_PAGE + 1);
    [first, second]
}

fn run(folder: &Path, to: &[String], more: &[&str]) -> u64 {
    run_to(folder, to, more, 0)
}

fn run_to(folder: &Path, to: &[String], more: &[&str], code: i32) -> u64 {
    let mut args = vec!["run", "family.yaml", "--quiet"];
    args.extend(to.iter().map(String::as_str));
    args.extend(more);
    let mut program = Program::new(folder, &args).start();
    let mut peak = 0;
    while !program.has_ended_within(Duration::from_millis(5)) {
        peak = program.peak_kib().unwrap_or(0).max(peak);
    }
    program.end().expect(code);
    peak
}

fn check<const RUNS: usize>(peaks: impl Fn(usize) -> [u64; RUNS]) {
    let few = peaks(2_000);
    let many = peaks(20_000);
    for (few, many) in few.into_iter().zip(many) {
        assert!(few > 0);
        assert!(
            many < few + MOST_MORE_KIB,
            "{few} KiB with 2,000 parents, {many} KiB with 20,000"
        );
    }
}

#[test]
fn children_of_many_parents() {
    check(|parents| peaks("", "", parents));
}

/// The second run begins with a cursor for each parent.
#[test]
fn children_of_many_parents_with_a_cursor_each() {
    check(|parents| peaks("incremental: { cursor_path: at }", "", parents));
}

/// Where something below is replaced, the cursors move when the load has ended. Holding them until then took 12 MiB more
/// where each was a number; these are longer.
#[test]
fn children_of_many_parents_whose_cursors_wait_for_the_end() {
    let grandchildren = r#"
    primary_key: [of, n]
    write_disposition: merge
  - name: grandchildren
    write_disposition: replace
    endpoint: "grandchildren/{resources.children.n}""#;
    let children = "params: { marked: 1 }, incremental: { cursor_path: mark }";
    check(|parents| peaks(children, grandchildren, parents));
}

/// Holding what was left of each took 43 MiB more.
#[test]
fn children_of_many_parents_that_are_left() {
    check(|parents| peaks_after_failures("", parents));
}

/// The second run begins with two windows of each parent, one of which is loaded. Holding them took 113 MiB more.
#[test]
fn windows_of_many_parents_that_are_left() {
    let windows = "incremental: { cursor_path: n, initial_value: 0, end_value: 4, window: { step: 2 }, \
                   start_param: from, end_param: to }";
    check(|parents| peaks_after_failures(windows, parents));
}
