//! What stays in a destination between runs, as a user sees it: `restload loads`, `restload state`, `run --refresh`, and
//! pipelines that share a dataset.

use serde_json::Value;
use tempfile::TempDir;

use crate::support::api::{Answer, Api};
use crate::support::program::{Program, Ran};
use crate::support::tables::{BOTH, Database, Kind};

/// Two resources of two pages each, and the children of one of them.
fn answer(target: &str) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let number: u64 = if query.contains("cursor=") { 2 } else { 1 };
    let (generation, resource) = path.trim_start_matches("/g").split_once('/').unwrap();
    let column = format!("of_{generation}");
    let mut item = serde_json::json!({ "id": number, "tags": [{ "tag": "a" }, { "tag": "b" }] });
    item[column] = resource.into();
    Answer::json(serde_json::json!({ "items": [item], "next": (number < 2).then_some("c2") }))
}

struct Stored {
    folder: TempDir,
    api: Api,
    database: Database,
}

impl Stored {
    fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let api = Api::start(answer);
        let database = Database::new(kind, folder.path());
        let stored = Self { folder, api, database };
        stored.write_config("shop", &["users", "orders"]);
        stored
    }

    fn write_config(&self, name: &str, resources: &[&str]) {
        let config = format!(
            "vars: {{generation: 0}}\nclient:\n  base_url: {}/g{{vars.generation}}\n  paginator: {{type: cursor, \
             cursor_path: next}}\nresource_defaults: {{write_disposition: append, endpoint: {{data_selector: \
             items}}}}\nresources: [{}]\n",
            self.api.url(),
            resources.join(", ")
        );
        std::fs::write(self.folder.path().join(format!("{name}.yaml")), config).unwrap();
    }

    fn program(&self, args: &[&str]) -> Program {
        let to = self.database.args();
        let args: Vec<&str> = args.iter().copied().chain(to.iter().map(String::as_str)).collect();
        Program::new(self.folder.path(), &args)
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.program(args).run()
    }

    fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
        let ran = self.run(&args).expect(0);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
    }

    /// A load of some resources that is stopped when it asks for the request of that number.
    fn stop_at(&self, number: usize, select: &str) {
        self.api.forget();
        self.api.hold_from(number);
        let run = self.program(&["run", "shop.yaml", "--select", select]).start();
        assert!(self.api.wait_until_held(|| false));
        run.interrupt();
        run.end().expect(1);
        self.api.forget();
    }

    fn ids(&self, table: &str) -> Vec<String> {
        self.database.column(table, "id")
    }
}

#[test]
fn loads_tells_how_runs_went() {
    for kind in BOTH {
        let stored = Stored::new(kind);
        let nothing = stored.run(&["loads", "shop.yaml"]).expect(0);
        assert!(
            nothing.stderr.contains("has not loaded anything into"),
            "{}",
            nothing.stderr
        );
        assert_eq!(stored.json(&["loads", "shop.yaml"])["loads"], serde_json::json!([]));

        stored.stop_at(2, "users,orders");
        stored.run(&["run", "shop.yaml"]).expect(0);
        let all = stored.json(&["loads", "shop.yaml"]);
        assert_eq!(all["pipeline"], "shop");
        let loads = all["loads"].as_array().unwrap();
        assert_eq!(loads.len(), 2);
        assert_eq!(
            (&loads[0]["status"], &loads[1]["status"]),
            (&"completed".into(), &"interrupted".into())
        );
        let rows = |load: &Value, table: &str| load["rows"][table].as_u64().unwrap_or(0);
        for (table, expected) in [("users", 2), ("users__tags", 4), ("orders", 2), ("orders__tags", 4)] {
            let total = rows(&loads[0], table) + rows(&loads[1], table);
            assert_eq!(total, expected, "{kind:?}, {table}: {loads:#?}");
        }
        assert!(loads[0]["requests"].as_u64() >= Some(2), "{loads:#?}");
        assert!(loads[0]["duration_ms"].is_u64(), "{loads:#?}");
        assert!(loads[0]["started_at"].as_str().unwrap().ends_with('Z'), "{loads:#?}");

        let text = stored.run(&["loads", "shop.yaml", "--limit", "1"]).expect(0).stdout;
        let lines: Vec<&str> = text.lines().collect();
        for heading in [
            "load",
            "started (UTC)",
            "took",
            "rows",
            "requests",
            "retries",
            "rejects",
            "outcome",
        ] {
            assert!(lines[0].contains(heading), "{text}");
        }
        assert!(lines[1].ends_with("completed"), "{text}");
        assert!(lines[1].starts_with(loads[0]["load_id"].as_str().unwrap()), "{text}");
        assert!(!text.contains("interrupted"), "{text}");
    }
}

#[test]
fn l11_state_is_shown_in_words_and_forgotten_by_resource() {
    for kind in BOTH {
        let stored = Stored::new(kind);
        let nothing = stored.run(&["state", "shop.yaml"]).expect(0);
        assert!(
            nothing.stderr.contains("nothing is stored of pipeline shop"),
            "{}",
            nothing.stderr
        );
        stored.run(&["state", "shop.yaml", "reset"]).expect(0);

        stored.stop_at(2, "users");
        let all = stored.json(&["state", "shop.yaml", "show"]);
        let state = all["state"].as_array().unwrap();
        let waiting: Vec<&Value> = state
            .iter()
            .filter(|record| record["meaning"] == "next: cursor c2; 1 page loaded")
            .collect();
        assert!(!waiting.is_empty(), "{all:#}");
        assert_eq!(waiting[0]["checkpoint"]["position"]["cursor"], "c2");
        let text = stored.run(&["state", "shop.yaml"]).expect(0).stdout;
        assert!(text.contains("  next: cursor c2; 1 page loaded (load "), "{text}");

        let resource = waiting[0]["resource"].as_str().unwrap().to_owned();
        let mistyped = stored
            .run(&["state", "shop.yaml", "reset", "--select", &format!("{resource}s")])
            .expect(2);
        assert!(
            mistyped.stderr.contains(&format!("did you mean `{resource}`?")),
            "{}",
            mistyped.stderr
        );
        let reset = stored
            .run(&["state", "shop.yaml", "reset", "--select", &resource])
            .expect(0);
        assert!(
            reset
                .stderr
                .contains(&format!("removed the state of {resource}: 1 partition")),
            "{}",
            reset.stderr
        );
        assert!(reset.stderr.contains("their rows are still there"), "{}", reset.stderr);
        let left = stored.json(&["state", "shop.yaml"]);
        assert!(
            left["state"]
                .as_array()
                .unwrap()
                .iter()
                .all(|record| record["resource"] != resource.as_str())
        );

        // It starts from the first page; its row stays, beside the one that comes again.
        stored.run(&["run", "shop.yaml"]).expect(0);
        assert_eq!(stored.ids(&resource), ["1", "1", "2"], "{kind:?}");
        assert_eq!(
            stored.json(&["state", "shop.yaml"])["state"],
            serde_json::json!([]),
            "nothing is left of it"
        );
    }
}

#[test]
fn state_is_not_forgotten_under_a_run() {
    for kind in BOTH {
        let stored = Stored::new(kind);
        stored.api.hold_from(1);
        let run = stored.program(&["run", "shop.yaml"]).start();
        assert!(stored.api.wait_until_held(|| false));
        let refused = stored.run(&["state", "shop.yaml", "reset"]).expect(1);
        assert!(
            refused.stderr.contains("another run of pipeline `shop`"),
            "{}",
            refused.stderr
        );
        // Looking needs no lock.
        assert_eq!(stored.json(&["loads", "shop.yaml"])["loads"][0]["status"], "running");
        stored.api.forget();
        run.end().expect(0);
    }
}

/// A dataset that somebody removed is one that was never loaded, whatever was there.
#[test]
fn l10_a_dataset_that_is_gone_is_loaded_from_the_start() {
    for kind in BOTH {
        let stored = Stored::new(kind);
        stored.run(&["run", "shop.yaml"]).expect(0);
        stored.stop_at(2, "users");
        match &stored.database {
            Database::Sqlite(path) => {
                for ending in ["", "-wal", "-shm"] {
                    // SQLite removes the other two itself when the last program closes the file.
                    let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
                }
            }
            Database::Postgres { .. } => stored.database.remove(),
        }
        let nothing = stored.run(&["state", "shop.yaml"]).expect(0);
        assert!(
            nothing.stderr.contains("nothing is stored of pipeline shop"),
            "{kind:?}: {}",
            nothing.stderr
        );
        stored.api.forget();
        stored.run(&["run", "shop.yaml"]).expect(0);
        assert_eq!(stored.api.asked().len(), 4, "{kind:?}: all pages are asked for");
        for resource in ["users", "orders"] {
            assert_eq!(stored.ids(resource), ["1", "2"], "{kind:?}");
        }
        assert_eq!(
            stored.json(&["loads", "shop.yaml"])["loads"].as_array().unwrap().len(),
            1
        );
    }
}

/// What the lines told on the way, the summary in the end, the load's record, and the tables agree.
#[test]
fn l17_what_is_told_on_the_way_is_what_is_there_in_the_end() {
    for kind in BOTH {
        let stored = Stored::new(kind);
        // The second page is held until the first is durable, so there is something to add up.
        stored.api.hold_from(2);
        let run = stored
            .program(&["run", "shop.yaml", "--select", "users", "-v", "--format", "json"])
            .start();
        assert!(stored.api.wait_until_held(|| false));
        run.wait_for("committed: users 1");
        stored.api.forget();
        let ran = run.end().expect(0);
        let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
        let record = &stored.json(&["loads", "shop.yaml"])["loads"][0];
        let committed: Vec<&str> = ran
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("committed: "))
            .collect();
        assert!(committed.len() >= 2, "{}", ran.stderr);
        for table in ["users", "users__tags"] {
            let told: u64 = committed
                .iter()
                .flat_map(|line| line.split(", "))
                .filter_map(|part| part.rsplit_once(' '))
                .filter(|(name, _)| *name == table)
                .map(|(_, count)| count.parse::<u64>().unwrap())
                .sum();
            let there = stored.database.count(table) as u64;
            assert_eq!(told, there, "{kind:?}, {table}: {}", ran.stderr);
            assert_eq!(
                summary["tables"][table]["rows"], there,
                "{kind:?}, {table}: {summary:#}"
            );
            assert_eq!(record["rows"][table], there, "{kind:?}, {table}: {record:#}");
        }
        assert_eq!(summary["resources"][0]["pages"], 2, "{summary:#}");
        assert_eq!(summary["resources"][0]["records"], 2, "{summary:#}");
        assert_eq!(record["requests"], 2, "{record:#}");
    }
}

/// Keys of several fields, under names that are normalised, with values in any script. The ids are of the values' texts,
/// so that a key whose column is widened keeps its id.
#[test]
fn w10_compound_keys_merge_by_ids_of_their_texts() {
    for kind in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::new(kind, folder.path());
        let api = Api::start(|target| {
            let name = if target.starts_with("/g0") { "first" } else { "second" };
            Answer::json(serde_json::json!([
                { "Id": 1, "TxId": "tx1🚀3", "name": name },
                { "Id": 1, "TxId": "tx2Ü+😎üß", "name": name },
            ]))
        });
        let config = format!(
            "vars: {{generation: 0}}\nclient: {{base_url: \"{}/g{{vars.generation}}\"}}\nresources: [{{name: items, \
             write_disposition: merge, primary_key: [Id, TxId]}}]\n",
            api.url()
        );
        std::fs::write(folder.path().join("keys.yaml"), config).unwrap();
        let to = database.args();
        for (generation, name) in [
            ("generation=0", "first"),
            ("generation=1", "second"),
            ("generation=1", "second"),
        ] {
            let mut args = vec!["run", "keys.yaml", "--var", generation];
            args.extend(to.iter().map(String::as_str));
            Program::new(folder.path(), &args).run().expect(0);
            assert_eq!(
                database.rows("items", &["id", "tx_id", "name", "_rl_id"]),
                [
                    ["1", "tx1🚀3", name, "0TNoMkeD/ee3WA"],
                    ["1", "tx2Ü+😎üß", name, "aWDFCSCYtgaeHA"]
                ],
                "{kind:?}"
            );
        }
    }
}

/// Loads generation 0, and generation 1 of the users with a refresh.
fn refreshed(kind: Kind, mode: &str) -> (Stored, Ran) {
    let stored = Stored::new(kind);
    stored.run(&["run", "shop.yaml"]).expect(0);
    let args = [
        "run",
        "shop.yaml",
        "--select",
        "users",
        "--var",
        "generation=1",
        "--refresh",
        mode,
    ];
    let ran = stored.run(&args).expect(0);
    (stored, ran)
}

#[test]
fn l13_refresh_drop_sources_drops_every_table_of_the_pipeline() {
    for kind in BOTH {
        let (stored, ran) = refreshed(kind, "drop_sources");
        assert_eq!(stored.database.tables(), ["users", "users__tags"], "{kind:?}");
        assert_eq!(stored.database.columns("users"), ["id", "of_1"]);
        assert!(ran.stderr.contains("schema: table `orders` dropped"), "{}", ran.stderr);
    }
}

#[test]
fn l13_refresh_drop_resources_drops_the_tables_of_what_is_loaded() {
    for kind in BOTH {
        let (stored, _) = refreshed(kind, "drop_resources");
        assert_eq!(
            stored.database.tables(),
            ["orders", "orders__tags", "users", "users__tags"],
            "{kind:?}"
        );
        assert_eq!(stored.database.columns("users"), ["id", "of_1"]);
        assert_eq!(stored.ids("users"), ["1", "2"]);
        assert_eq!(stored.ids("orders"), ["1", "2"]);
        // Not sticky: the next run adds, as the disposition says.
        stored
            .run(&["run", "shop.yaml", "--select", "users", "--var", "generation=1"])
            .expect(0);
        assert_eq!(stored.ids("users"), ["1", "1", "2", "2"]);
    }
}

#[test]
fn l13_refresh_drop_data_empties_the_tables_of_what_is_loaded() {
    for kind in BOTH {
        let (stored, ran) = refreshed(kind, "drop_data");
        assert_eq!(stored.database.columns("users"), ["id", "of_0", "of_1"], "{kind:?}");
        assert_eq!(stored.ids("users"), ["1", "2"]);
        assert_eq!(stored.database.count("users__tags"), 4);
        assert_eq!(stored.ids("orders"), ["1", "2"]);
        assert!(ran.stderr.contains("schema: table `users` emptied"), "{}", ran.stderr);
    }
}

/// Until the API has answered nothing is dropped; from then on the load can be stopped and goes on.
#[test]
fn l13_a_refresh_that_is_stopped_goes_on() {
    for kind in BOTH {
        for mode in ["drop_resources", "drop_data"] {
            let stored = Stored::new(kind);
            stored.run(&["run", "shop.yaml"]).expect(0);
            let args = ["run", "shop.yaml", "--select", "users", "--refresh", mode];
            for (number, left) in [(1, vec!["1", "2"]), (2, vec!["1"])] {
                stored.api.forget();
                stored.api.hold_from(number);
                let run = stored.program(&args).start();
                assert!(stored.api.wait_until_held(|| false));
                run.interrupt();
                run.end().expect(1);
                assert_eq!(
                    stored.ids("users"),
                    left,
                    "{kind:?}, {mode}, stopped at request {number}"
                );
            }
            stored.api.forget();
            stored.run(&["run", "shop.yaml", "--select", "users"]).expect(0);
            assert_eq!(stored.ids("users"), ["1", "2"], "{kind:?}, {mode}");
            assert_eq!(stored.database.count("users__tags"), 4);
        }
    }
}

/// Only what this pipeline has made is dropped.
#[test]
fn l13_a_refresh_refuses_tables_of_others() {
    for kind in BOTH {
        let stored = Stored::new(kind);
        stored.run(&["run", "shop.yaml"]).expect(0);
        stored.write_config("other", &["users", "things"]);
        for mode in ["drop_sources", "drop_resources", "drop_data"] {
            let refused = stored.run(&["run", "other.yaml", "--refresh", mode]).expect(1);
            assert!(
                refused
                    .stderr
                    .contains("table `users` was made by pipeline `shop`, so a refresh does not touch it"),
                "{}",
                refused.stderr
            );
        }
        let own = ["run", "other.yaml", "--select", "things", "--refresh", "drop_sources"];
        stored.run(&own).expect(0);
        stored.run(&own).expect(0);
        assert_eq!(
            (stored.ids("users"), stored.ids("things")),
            (vec!["1".into(), "2".into()], vec!["1".into(), "2".into()])
        );
    }
}

/// What a run was to go on with is forgotten with the rows: that of the resources it loads, or that of the pipeline.
#[test]
fn l13_a_refresh_forgets_the_state_of_what_it_drops() {
    for kind in BOTH {
        for (mode, left) in [
            ("drop_data", &["orders"][..]),
            ("drop_resources", &["orders"]),
            ("drop_sources", &[]),
        ] {
            let stored = Stored::new(kind);
            stored.stop_at(2, "users");
            stored.stop_at(2, "orders");
            stored
                .run(&["run", "shop.yaml", "--select", "users", "--refresh", mode])
                .expect(0);
            assert_eq!(stored.api.asked().len(), 2, "{kind:?}, {mode}: all pages are asked for");
            assert_eq!(stored.ids("users"), ["1", "2"], "{kind:?}, {mode}");
            let state = stored.json(&["state", "shop.yaml"]);
            let resources: Vec<&str> = state["state"]
                .as_array()
                .unwrap()
                .iter()
                .map(|record| record["resource"].as_str().unwrap())
                .collect();
            assert_eq!(resources, left, "{kind:?}, {mode}");
        }
    }
}

/// Where a pipeline was stopped is its own: another one of the same dataset, resource and table knows nothing of it.
#[test]
fn w32_pipelines_of_one_dataset_keep_their_states_apart() {
    for kind in BOTH {
        let stored = Stored::new(kind);
        stored.stop_at(2, "users");
        stored.write_config("other", &["users"]);
        let of_shop = || stored.json(&["state", "shop.yaml"])["state"].clone();
        let before = of_shop();
        assert_eq!(before[0]["checkpoint"]["position"]["cursor"], "c2", "{kind:?}");
        stored.run(&["run", "other.yaml"]).expect(0);
        assert_eq!(stored.api.asked().len(), 2, "{kind:?}: the other starts from the start");
        assert_eq!(stored.ids("users"), ["1", "1", "2"], "{kind:?}");
        stored.run(&["state", "other.yaml", "reset"]).expect(0);
        assert_eq!(of_shop(), before, "{kind:?}");
        stored.api.forget();
        stored.run(&["run", "shop.yaml", "--select", "users"]).expect(0);
        assert_eq!(stored.api.asked().len(), 1, "{kind:?}: this one goes on");
        assert_eq!(stored.ids("users"), ["1", "1", "2", "2"], "{kind:?}");
    }
}

/// A table that somebody else has made is new to a contract, however long it has been there.
#[test]
fn c14_a_table_that_was_not_loaded_is_new_to_a_contract() {
    for kind in BOTH {
        let stored = Stored::new(kind);
        stored.run(&["run", "shop.yaml", "--select", "orders"]).expect(0);
        stored.database.query(&format!(
            "create table {} (id bigint)",
            stored.database.qualified("users")
        ));
        let path = stored.folder.path().join("shop.yaml");
        let config = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{config}schema_contract: freeze\n")).unwrap();
        let refused = stored.run(&["run", "shop.yaml", "--select", "users"]).expect(1);
        assert!(
            refused
                .stderr
                .contains("table `users` is new, and the schema contract says `tables: freeze`"),
            "{kind:?}: {}",
            refused.stderr
        );
        assert_eq!(stored.database.columns("users"), ["id"], "{kind:?}");
        assert_eq!(stored.database.count("users"), 0, "{kind:?}");
        std::fs::write(&path, config).unwrap();
        stored.run(&["run", "shop.yaml", "--select", "users"]).expect(0);
        assert_eq!(stored.ids("users"), ["1", "2"], "{kind:?}");
    }
}

/// Two pipelines write the same dataset at the same moment: tables of their own, and one that they share.
#[test]
fn w32_two_pipelines_write_one_dataset_at_once() {
    for kind in BOTH {
        let stored = Stored::new(kind);
        stored.write_config("one", &["ours", "shared"]);
        stored.write_config("two", &["theirs", "shared"]);
        let start = |config: &str| stored.program(&["run", config]).start();
        for round in 1..=5 {
            stored.api.forget();
            let runs = [start("one.yaml"), start("two.yaml")];
            for run in runs {
                run.end().expect(0);
            }
            let counts = stored.database.counts();
            let count = |table: &str| counts.iter().find(|(name, _)| name == table).map(|(_, count)| *count);
            assert_eq!(count("ours"), Some(2 * round), "{kind:?}: {counts:?}");
            assert_eq!(count("theirs"), Some(2 * round), "{kind:?}: {counts:?}");
            assert_eq!(count("shared"), Some(4 * round), "{kind:?}: {counts:?}");
            assert_eq!(count("shared__tags"), Some(8 * round), "{kind:?}: {counts:?}");
        }
        for config in ["one.yaml", "two.yaml"] {
            let loads = stored.json(&["loads", config]);
            let loads = loads["loads"].as_array().unwrap();
            assert_eq!(loads.len(), 5, "each sees its own");
            assert!(loads.iter().all(|load| load["status"] == "completed"), "{loads:#?}");
        }
    }
}

/// What the config's own destination needs is not asked for where the rows go elsewhere, or nowhere.
#[test]
fn secrets_of_a_destination_that_is_not_used_are_not_asked_for() {
    let stored = Stored::new(Kind::Sqlite);
    let config = std::fs::read_to_string(stored.folder.path().join("shop.yaml")).unwrap();
    let config = format!("{config}destination: \"postgres://me:{{secrets.shop_password}}@db.example/shop\"\n");
    std::fs::write(stored.folder.path().join("shop.yaml"), config).unwrap();
    for command in [
        &["run", "shop.yaml"][..],
        &["loads", "shop.yaml"],
        &["state", "shop.yaml"],
        &["state", "shop.yaml", "reset"],
    ] {
        stored.run(command).expect(0);
    }
    for command in [
        &["preview", "shop.yaml", "users"][..],
        &["discover", "shop.yaml", "users"],
        &["check", "shop.yaml", "--connect"],
    ] {
        let ran = Program::new(stored.folder.path(), command).run().expect(0);
        assert!(!ran.stderr.contains("shop_password"), "{command:?}: {}", ran.stderr);
    }
    // So may the environment say where they go.
    let url = stored.database.args()[1].clone();
    Program::new(stored.folder.path(), &["run", "shop.yaml"])
        .env("RESTLOAD_TO", &url)
        .run()
        .expect(0);
    // Where it is used, it is.
    for command in [&["run", "shop.yaml"][..], &["loads", "shop.yaml"]] {
        let ran = Program::new(stored.folder.path(), command).run().expect(2);
        assert!(
            ran.stderr.contains("shop_password") && ran.stderr.contains("destination"),
            "{}",
            ran.stderr
        );
    }
}

/// A recording has the secrets of the API, not those of the place that its rows go to.
#[test]
fn a_replay_writes_with_the_real_secrets_of_the_destination() {
    let stored = Stored::new(Kind::Sqlite);
    let config = std::fs::read_to_string(stored.folder.path().join("shop.yaml")).unwrap();
    let config = format!("{config}destination: \"sqlite:{{secrets.shop_file}}\"\n");
    std::fs::write(stored.folder.path().join("shop.yaml"), config).unwrap();
    for (option, file) in [("--record", "recorded.db"), ("--replay", "replayed.db")] {
        Program::new(stored.folder.path(), &["run", "shop.yaml", option, "exchanges"])
            .env("SHOP_FILE", file)
            .run()
            .expect(0);
        assert!(stored.folder.path().join(file).is_file(), "{file}");
    }
}
