//! Recording a run, testing a config with what was recorded, and loading from it again.

use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::api::{Answer, Api};
use crate::support::program::{Program, Ran};
use crate::support::tables::Database;

const SECRET: &str = "s3cr/t key";

/// A pipeline with three pages of items, the second of them long. The links echo the key.
struct Scene {
    folder: tempfile::TempDir,
    api: Api,
}

impl Scene {
    fn new() -> Self {
        let api = Api::start(|target| {
            let page = param(target, "page").unwrap_or(1);
            let note = if page == 2 {
                "long ".repeat(2_000)
            } else {
                format!("note {page}")
            };
            let items = json!([{ "id": page, "note": note.trim() }]);
            let next = (page < 3).then(|| format!("/items?page={}&key=s3cr%2ft+key", page + 1));
            Answer::json(json!({ "items": items, "next": next }))
        });
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
            api,
        };
        scene.config("");
        scene
    }

    /// Writes the config, with something more said of the resource.
    fn config(&self, more: &str) {
        let config = format!(
            r#"
client:
  base_url: {url}
  auth: {{ type: api_key, name: key, api_key: "{{secrets.shop_key}}", location: query }}
  paginator: {{ type: json_link, next_url_path: next }}
resources:
  - name: items
    primary_key: id
    write_disposition: merge
    endpoint: {{ path: items, data_selector: items, params: {{ since: "{{run.started_at}}" }} }}
{more}"#,
            url = self.api.url()
        );
        std::fs::write(self.path().join("shop.yaml"), config).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn program(&self, args: &str) -> Program {
        let args: Vec<&str> = args.split(' ').collect();
        Program::new(self.path(), &args)
    }

    /// Runs with the secret.
    fn run(&self, args: &str) -> Ran {
        self.program(args).env("SHOP_KEY", SECRET).run()
    }

    fn script(&self) -> String {
        std::fs::read_to_string(self.path().join("rec/api.yaml")).unwrap()
    }

    fn database(&self, name: &str) -> Database {
        Database::Sqlite(self.path().join(name))
    }
}

fn param(target: &str, name: &str) -> Option<u64> {
    let (_, query) = target.split_once('?')?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| *known == name)?.1.parse().ok()
}

/// The texts of all files below a folder, decompressed, with their modes.
fn files(folder: &Path) -> Vec<(String, u32, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = mode(&path);
        if path.is_dir() {
            found.push((path.display().to_string(), mode, String::new()));
            found.extend(files(&path));
            continue;
        }
        let mut bytes = std::fs::read(&path).unwrap();
        if path.extension().is_some_and(|ending| ending == "gz") {
            let packed = std::mem::take(&mut bytes);
            flate2::read::GzDecoder::new(packed.as_slice())
                .read_to_end(&mut bytes)
                .unwrap();
        }
        found.push((path.display().to_string(), mode, String::from_utf8(bytes).unwrap()));
    }
    found
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_is_recorded_runs_again_without_the_api_and_without_secrets() {
    let scene = Scene::new();
    let ran = scene.run("run shop.yaml --to sqlite:a.db --record rec").expect(0);
    assert!(ran.stderr.contains("recorded 3 exchanges in rec\n"), "{}", ran.stderr);
    assert_eq!(mode(&scene.path().join("rec")), 0o700);
    let kept = files(&scene.path().join("rec"));
    assert!(
        kept.iter()
            .any(|(name, _, text)| name.ends_with("bodies/000002.json.gz") && text.contains("long long"))
    );
    for (name, mode, text) in &kept {
        let is_folder = name.ends_with("bodies");
        assert_eq!(*mode, if is_folder { 0o700 } else { 0o600 }, "{name}");
        assert!(!text.contains("s3cr") && !text.contains("%2f"), "{name}: {text}");
    }

    scene.api.forget();
    let ran = scene.program("test shop.yaml rec").run().expect(1);
    assert!(ran.stderr.contains("`--update` writes it"), "{}", ran.stderr);
    scene.program("test shop.yaml rec --update").run().expect(0);
    let ran = scene.program("test shop.yaml rec").run().expect(0);
    assert_eq!(
        ran.stderr,
        "run: completed, 3 requests replayed\nthe tables are those of rec/tables.txt\n"
    );

    let tables = scene.path().join("rec/tables.txt");
    let text = std::fs::read_to_string(&tables).unwrap();
    std::fs::write(&tables, text.replace("note 3", "note 4")).unwrap();
    let ran = scene.program("test shop.yaml rec").run().expect(1);
    assert!(
        ran.stderr
            .contains("table items\n  row items#3, column note: expected note 4, found note 3\n"),
        "{}",
        ran.stderr
    );
    let ran = scene.program("test shop.yaml rec --format json").run().expect(1);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(said["passed"], json!(false));
    assert_eq!(
        said["differences"],
        json!([{ "table": "items", "row": "items#3", "column": "note", "expected": "note 4", "found": "note 3" }])
    );
    assert_eq!(scene.api.asked(), Vec::<String>::new());
}

#[test]
fn old_answers_are_parsed_anew_into_the_real_destination() {
    let scene = Scene::new();
    scene.run("run shop.yaml --to sqlite:a.db --record rec").expect(0);
    scene.api.forget();
    scene.config("    processing_steps: [{ rename: { note: remark } }]\n");
    scene
        .program("run shop.yaml --to sqlite:a.db --replay rec")
        .run()
        .expect(0);
    let remarks = scene.database("a.db").column("items", "remark");
    assert_eq!((remarks.len(), remarks[2].as_str()), (3, "note 3"));
    assert_eq!(scene.api.asked(), Vec::<String>::new());
    let ran = scene
        .program("run shop.yaml --to sqlite:a.db --replay rec --demo")
        .run()
        .expect(2);
    assert!(ran.stderr.contains("cannot be used with"), "{}", ran.stderr);
}

#[test]
fn a_run_that_was_killed_leaves_a_recording_of_what_came_until_then() {
    let scene = Scene::new();
    scene.api.hold_from(3);
    let mut run = scene
        .program("run shop.yaml --to sqlite:a.db --record rec")
        .env("SHOP_KEY", SECRET)
        .start();
    assert!(scene.api.wait_until_held(|| run.has_ended()));
    run.kill();
    let ran = scene.program("test shop.yaml rec").run().expect(1);
    for part in [
        "note: the run that was recorded in rec was stopped before its end",
        "run: failed, 3 requests replayed; the recorded one: completed",
        "page=3&key=***: it was not recorded; the nearest that was: `GET",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn what_is_never_asked_for_fails_a_test() {
    let scene = Scene::new();
    scene.run("run shop.yaml --to sqlite:a.db --record rec").expect(0);
    scene.program("test shop.yaml rec --update").run().expect(0);
    let url = scene.api.url();
    let further = format!("- request: GET {url}/never\n  json: []\n\noutcome:");
    let script = scene.script().replace("outcome:", &further);
    std::fs::write(scene.path().join("rec/api.yaml"), script).unwrap();
    let ran = scene.program("test shop.yaml rec").run().expect(1);
    assert!(
        ran.stderr.contains(&format!("\n  never asked for: GET {url}/never\n")),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_recording_is_not_written_over_unawares() {
    let scene = Scene::new();
    scene.run("run shop.yaml --to sqlite:a.db --record rec").expect(0);
    let before = scene.script();
    scene.api.forget();
    let ran = scene.run("run shop.yaml --to sqlite:b.db --record rec").expect(2);
    assert!(
        ran.stderr.contains("error: there is a recording in rec already\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(scene.api.asked(), Vec::<String>::new());
    assert_eq!(scene.script(), before);
    std::fs::write(scene.path().join("rec/tables.txt"), "kept\n").unwrap();
    scene
        .run("run shop.yaml --to sqlite:b.db --record rec --overwrite")
        .expect(0);
    assert_ne!(scene.script(), before);
    let tables = std::fs::read_to_string(scene.path().join("rec/tables.txt")).unwrap();
    assert_eq!(tables, "kept\n");
}

#[test]
fn a_run_that_began_at_a_cursor_begins_there_again_and_moves_none() {
    let api = Api::start(|target| {
        let start = param(target, "since").unwrap_or(0);
        Answer::json(json!([{ "id": start + 1, "at": start + 10 }]))
    });
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "client: {{ base_url: '{}' }}\nresources:\n  - name: items\n    endpoint:\n      path: items\n      paginator: \
         single_page\n      incremental: {{ cursor_path: at, start_param: since, initial_value: 0 }}\n",
        api.url()
    );
    std::fs::write(folder.path().join("new.yaml"), config).unwrap();
    let run = |args: &str| {
        let args: Vec<&str> = args.split(' ').collect();
        Program::new(folder.path(), &args).run()
    };
    run("run new.yaml --to sqlite:a.db").expect(0);
    run("run new.yaml --to sqlite:a.db --record rec").expect(0);
    run("run new.yaml --to sqlite:a.db").expect(0);
    assert_eq!(api.asked(), ["/items?since=0", "/items?since=10", "/items?since=20"]);
    run("test new.yaml rec --update").expect(0);
    run("test new.yaml rec").expect(0);
    run("run new.yaml --to sqlite:a.db --replay rec").expect(0);
    let ran = run("run new.yaml --to sqlite:a.db --replay rec --full-refresh").expect(2);
    assert!(
        ran.stderr.contains("began where an earlier load had ended"),
        "{}",
        ran.stderr
    );
    run("run new.yaml --to sqlite:a.db").expect(0);
    assert_eq!(api.asked()[3..], ["/items?since=30"]);
}
