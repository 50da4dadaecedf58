//! Loading only what is new: nothing is lost and nothing comes twice, whatever the parents' pages, the concurrency, the
//! server's idea of the start parameter, and the number of records that share a cursor.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::api::{Answer, Api};
use crate::support::load::without_moments;
use crate::support::program::Program;
use crate::support::tables::{BOTH, Database, Kind};

/// A folder with a config and a database to load it into.
struct Scene {
    folder: tempfile::TempDir,
    database: Database,
}

impl Scene {
    fn new(kind: Kind, config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("new.yaml"), config).unwrap();
        let database = Database::new(kind, folder.path());
        Self { folder, database }
    }

    fn run(&self) {
        let to = self.database.args();
        let mut args = vec!["run", "new.yaml"];
        args.extend(to.iter().map(String::as_str));
        Program::new(self.folder.path(), &args).run().expect(0);
    }

    fn state(&self) -> Vec<Vec<String>> {
        let table = self.database.qualified("_rl_state");
        let columns = "cast(resource as text), cast(partition as text), cast(checkpoint as text)";
        let mut rows = self.database.query(&format!("select {columns} from {table}"));
        rows.sort();
        rows
    }
}

fn param(target: &str, name: &str) -> Option<i64> {
    let (_, query) = target.split_once('?')?;
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name)?.1.parse().ok()
}

/// dlt's case: four parents, each with a row `100 - id` and a row `50 + id`. Slower parents must not lose what faster
/// ones are past. Later, every parent gets a row that is below the cursor of others.
#[test]
fn z_01_every_parent_has_a_cursor_of_its_own() {
    // (pages of the parents, concurrency, whether the server honours the start, how often)
    let mut cases = Vec::new();
    for pages in [1, 2, 4] {
        for honours in [true, false] {
            cases.push((pages, 1, honours, 1));
            cases.push((pages, 8, honours, 4));
        }
    }
    // 24 concurrent repeats in all, and they run beside each other.
    std::thread::scope(|scope| {
        for (pages, concurrency, honours, repeats) in cases {
            scope.spawn(move || {
                for _ in 0..repeats {
                    check_parents(pages, concurrency, honours);
                }
            });
        }
    });
}

fn check_parents(pages: i64, concurrency: usize, honours: bool) {
    let generation = Arc::new(AtomicU64::new(1));
    let now = Arc::clone(&generation);
    let api = Api::start(move |target| {
        let is_later = now.load(Ordering::Relaxed) > 1;
        let path = target.split('?').next().unwrap();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match parts[..] {
            ["parents"] => {
                let page = param(target, "page").unwrap_or(1);
                let per_page = 4 / pages;
                let ids = (page - 1) * per_page + 1..=page * per_page;
                let records: Vec<_> = ids.map(|id| serde_json::json!({ "id": id })).collect();
                let next = (page < pages).then_some(page + 1);
                Answer::json(serde_json::json!({ "data": records, "next": next }))
            }
            ["parents", id, "rows"] => {
                let id: i64 = id.parse().unwrap();
                let since = param(target, "since").unwrap_or(i64::MIN);
                let mut rows = vec![100 - id, 50 + id];
                if is_later {
                    // Newer than this parent's own, older than what others are past.
                    rows.extend([101 - id, 5]);
                }
                rows.retain(|ts| !honours || *ts >= since);
                let records: Vec<_> = rows
                    .iter()
                    .map(|ts| serde_json::json!({ "parent": id, "ts": ts }))
                    .collect();
                Answer::json(serde_json::json!({ "data": records }))
            }
            _ => Answer::html(404, "no such page"),
        }
    });
    let config = format!(
        "client: {{base_url: '{}', concurrency: {concurrency}, paginator: {{type: cursor, cursor_path: next, \
         cursor_param: page}}}}\nresources:\n  - name: parents\n    write_disposition: replace\n    endpoint: \
         {{data_selector: data}}\n  - name: rows\n    endpoint:\n      path: 'parents/{{resources.parents.id}}/rows'\n      \
         data_selector: data\n      params: {{since: '{{incremental.start_value}}'}}\n      incremental: {{cursor_path: \
         ts, initial_value: 10}}\n",
        api.url()
    );
    let scene = Scene::new(Kind::Sqlite, &config);
    let place = format!("{pages} pages, concurrency {concurrency}, honours {honours}");
    let rows = |later: bool| {
        let all = (1..=4_i64).flat_map(|id| {
            let mut rows = vec![100 - id, 50 + id];
            rows.extend(later.then_some(101 - id));
            rows.into_iter().map(move |ts| vec![id.to_string(), ts.to_string()])
        });
        let mut all: Vec<_> = all.collect();
        all.sort();
        all
    };
    scene.run();
    assert_eq!(scene.database.rows("rows", &["parent", "ts"]), rows(false), "{place}");
    // The same again adds nothing.
    scene.run();
    assert_eq!(scene.database.rows("rows", &["parent", "ts"]), rows(false), "{place}");
    generation.store(2, Ordering::Relaxed);
    scene.run();
    assert_eq!(scene.database.rows("rows", &["parent", "ts"]), rows(true), "{place}");
    let asked = api.asked();
    for id in 1..=4 {
        let start = format!("/parents/{id}/rows?since=");
        let starts: Vec<&str> = asked.iter().filter_map(|target| target.strip_prefix(&start)).collect();
        assert_eq!(
            starts,
            ["10", &(100 - id).to_string(), &(100 - id).to_string()],
            "{place}"
        );
    }
}

/// However many records share the newest cursor, one value is stored, and they are not added again.
#[test]
fn z_18_state_does_not_grow_with_the_records_at_the_start() {
    for kind in BOTH {
        let api = Api::start(|target| {
            let page = param(target, "page").unwrap_or(1);
            let records: Vec<_> = (0..1000)
                .map(|n| serde_json::json!({ "n": page * 1000 + n, "at": "2024-01-01", "tags": [n] }))
                .collect();
            let next = (page < 4).then_some(page + 1);
            Answer::json(serde_json::json!({ "data": records, "next": next }))
        });
        let config = format!(
            "client: {{base_url: '{}', paginator: {{type: cursor, cursor_path: next, cursor_param: page}}}}\nresources: \
             [{{name: rows, endpoint: {{data_selector: data, params: {{since: '{{incremental.start_value}}'}}, \
             incremental: {{cursor_path: at}}}}}}]\n",
            api.url()
        );
        let scene = Scene::new(kind, &config);
        scene.run();
        let state = scene.state();
        assert_eq!(state.len(), 1, "{kind:?}");
        assert_eq!(
            without_moments(&state[0][2]),
            serde_json::json!({"cursor": {"of": "at", "last": "2024-01-01"}}),
            "{kind:?}"
        );
        scene.run();
        assert_eq!(scene.database.count("rows"), 4000, "{kind:?}");
        assert_eq!(scene.database.count("rows__tags"), 4000, "{kind:?}");
        assert_eq!(scene.state(), state, "{kind:?}");
    }
}

/// Windows that are walked at the same time, stopped at any request, leave the tables and the cursor that an undisturbed
/// load leaves; what is complete is not asked for again.
#[test]
fn windows_go_on_wherever_they_were_stopped() {
    for kind in BOTH {
        let day = |day: i64| format!("2024-01-{day:02}");
        let answer = move |target: &str| {
            let from = target
                .split("from=")
                .nth(1)
                .and_then(|rest| rest.get(8..10))
                .unwrap_or("01");
            let from: i64 = from.parse().unwrap();
            let page = param(target, "page").unwrap_or(1);
            let records = vec![serde_json::json!({ "day": day(from), "page": page })];
            let next = (page < 2).then_some(page + 1);
            Answer::json(serde_json::json!({ "data": records, "next": next }))
        };
        let config = |url: &str, concurrency: usize| {
            format!(
                "client: {{base_url: '{url}', concurrency: {concurrency}, paginator: {{type: cursor, cursor_path: next, \
                 cursor_param: page}}}}\nresources:\n  - name: rows\n    endpoint:\n      data_selector: data\n      \
                 params: {{from: '{{window.start}}', to: '{{window.end}}'}}\n      incremental: {{cursor_path: day, \
                 initial_value: '2024-01-01', end_value: '2024-01-05', window: {{step: 1d}}}}\n"
            )
        };
        let expected: Vec<Vec<String>> = (1..5)
            .flat_map(|n| (1..3).map(move |page| vec![day(n), page.to_string()]))
            .collect();
        std::thread::scope(|scope| {
            for (number, concurrency) in (1..=8).flat_map(|number| [(number, 1), (number, 3)]) {
                let expected = &expected;
                scope.spawn(move || {
                    let api = Api::start(answer);
                    let scene = Scene::new(kind, &config(&api.url(), concurrency));
                    let place = format!("{kind:?}, concurrency {concurrency}, stopped at request {number}");
                    api.hold_from(number);
                    let to = scene.database.args();
                    let mut args = vec!["run", "new.yaml"];
                    args.extend(to.iter().map(String::as_str));
                    let run = Program::new(scene.folder.path(), &args).start();
                    assert!(api.wait_until_held(|| false), "{place}");
                    run.interrupt();
                    run.end().expect(1);
                    let first = api.asked();
                    api.forget();
                    scene.run();
                    assert_eq!(scene.database.rows("rows", &["day", "page"]), *expected, "{place}");
                    if concurrency == 1 {
                        let all = [&first[..number - 1], &api.asked()[..]].concat();
                        assert_eq!(all.len(), 8, "{place}: {all:?}");
                    }
                    assert_eq!(
                        scene.state(),
                        Vec::<Vec<String>>::new(),
                        "{place}: a load with an end leaves no cursor"
                    );
                });
            }
        });
    }
}

/// Windows up to now leave one cursor, not a row for each window.
#[test]
fn windows_up_to_now_leave_one_cursor() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let api = Api::start(move |target| {
        let from = target.split("from=").nth(1).and_then(|rest| rest.split('&').next());
        let from = from.unwrap_or_default().to_owned();
        noted.lock().unwrap().push(from.clone());
        let is_first = from == "2024-01-01";
        let records = if is_first {
            serde_json::json!([{ "day": "2024-01-20" }])
        } else {
            serde_json::json!([])
        };
        Answer::json(records)
    });
    let config = format!(
        "client: {{base_url: '{}'}}\nresources:\n  - name: rows\n    endpoint:\n      params: {{from: \
         '{{window.start}}', to: '{{window.end}}'}}\n      incremental: {{cursor_path: day, initial_value: \
         '2024-01-01', window: {{step: 1mo}}}}\n",
        api.url()
    );
    let scene = Scene::new(Kind::Sqlite, &config);
    scene.run();
    let windows = asked.lock().unwrap().len();
    assert!(windows > 20, "{windows} windows up to now");
    let state = scene.state();
    assert_eq!(
        (state.len(), without_moments(&state[0][2])),
        (1, serde_json::json!({"cursor": {"of": "day", "last": "2024-01-20"}}))
    );
    asked.lock().unwrap().clear();
    scene.run();
    let mut starts = asked.lock().unwrap().clone();
    starts.sort();
    assert_eq!(starts[0], "2024-01-20", "the next load begins where the last one ended");
    assert_eq!(scene.database.count("rows"), 1);
}

/// Earlier versions have named a cursor by all fields of the parent's record, also by those that are only taken along. It
/// is found under that name, and moves to the one of what is requested. It says nothing of the load that has brought the
/// rows, whose ids are of their records alone.
#[test]
fn cursors_that_earlier_versions_have_stored_are_found() {
    for kind in BOTH {
        let api = Api::start(|target| match target {
            "/parents" => Answer::json(r#"[{"id": 1, "name": "one"}]"#),
            "/parents/1/rows" => Answer::json(r#"[{"at": 3}]"#),
            "/parents/1/rows?since=3" => Answer::json(r#"[{"at": 3}, {"at": 4}]"#),
            other => Answer::json(format!("\"{other}\"")).status(404),
        });
        let config = format!(
            "client: {{base_url: '{}'}}\nresources:\n  - parents\n  - name: rows\n    include_from_parent: [name]\n    \
             endpoint:\n      path: 'parents/{{resources.parents.id}}/rows'\n      params: {{since: \
             '{{incremental.start_value}}'}}\n      incremental: {{cursor_path: at}}\n",
            api.url()
        );
        let scene = Scene::new(kind, &config);
        scene.run();
        let stored = |scene: &Scene| {
            let state = scene.state();
            assert_eq!(state.len(), 1, "{state:?}");
            let position: serde_json::Value = serde_json::from_str(&state[0][2]).unwrap();
            (state[0][1].clone(), position["cursor"]["last"].clone())
        };
        let of_requested = r#"{"parents":{"id":1}}"#.to_owned();
        assert_eq!(stored(&scene), (of_requested.clone(), 3.into()));
        let table = scene.database.qualified("_rl_state");
        scene.database.query(&format!(
            r#"update {table} set "partition" = '{{"parents":{{"id":1,"name":"one"}}}}', checkpoint = '{{"cursor":{{"of":"at","last":3}}}}'"#
        ));
        let rows = scene.database.qualified("rows");
        scene
            .database
            .query(&format!("update {rows} set _rl_id = 'dFFlReP+Sim0YA'"));
        scene.run();
        assert!(api.asked().contains(&"/parents/1/rows?since=3".to_owned()));
        assert_eq!(scene.database.column("rows", "at"), ["3", "4"]);
        assert_eq!(stored(&scene), (of_requested, 4.into()));
    }
}
