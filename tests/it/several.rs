//! Several configs in one run, and the log for programs.

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::api::{Answer, Api};
use crate::support::program::{Program, Ran};

/// A folder with configs; each is a name and what follows its `client.base_url`.
fn folder(api: &Api, configs: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, rest) in configs {
        let text = format!("client:\n  base_url: {}\n{rest}", api.url());
        std::fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
    }
    folder
}

fn run(folder: &tempfile::TempDir, args: &[&str]) -> Ran {
    Program::new(folder.path(), &[&["run"], args].concat()).run()
}

/// An API that has two records of everything but of `missing`.
fn api() -> Api {
    Api::start(|target| match target {
        "/missing" => Answer::html(404, "nothing here"),
        _ => Answer::json(r#"[{"id": 1}, {"id": 2}]"#),
    })
}

/// What is said, without what changes from run to run.
fn told(ran: &Ran, api: &Api) -> String {
    let api = api.url();
    let mut lines: Vec<String> = ran.stderr.replace(&api, "API").lines().map(ToOwned::to_owned).collect();
    for line in &mut lines {
        for (from, to) in [
            (" in ", " in TIME"),
            ("; load ", "; load LOAD"),
            ("requests, ", "requests, SIZE; load LOAD"),
        ] {
            if let Some((before, _)) = line.split_once(from)
                && (from != " in " || line.contains(" into "))
            {
                *line = format!("{before}{to}");
            }
        }
    }
    lines.join("\n")
}

#[test]
fn each_is_loaded_and_a_failure_of_one_leaves_the_others() {
    let api = api();
    let configs = [
        ("one", "resources: [items]\n"),
        ("two", "resources: [missing]\n"),
        ("three", "resources: [things]\n"),
    ];
    let folder = folder(&api, &configs);
    let ran = run(&folder, &["one.yaml", "two.yaml", "three.yaml", "--format", "json"]).expect(1);
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    let ended: Vec<String> = summary
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!(
                "{} {} {}",
                one["pipeline"], one["outcome"], one["tables"]["items"]["rows"]
            )
        })
        .collect();
    assert_snapshot!(ended.join("\n"), @r#"
    "one" "completed" 2
    "two" "failed" null
    "three" "completed" null
    "#);
    for name in ["one.db", "three.db"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    let ran = run(&folder, &["one.yaml", "two.yaml"]).expect(1);
    let said = told(&ran, &api);
    for line in [
        "one/items: done, 2 records, 1 page",
        "one loaded into sqlite:one.db in TIME",
        "two loaded nothing into sqlite:two.db in TIME",
        "1 of 2 configs loaded whole",
    ] {
        assert!(said.lines().any(|found| found == line), "`{line}` is not in:\n{said}");
    }
}

#[test]
fn configs_of_one_api_share_its_limits() {
    let api = api();
    let resources: Vec<String> = (1..=6).map(|number| format!("things{number}")).collect();
    let resources = format!("resources: [{}]\n", resources.join(", "));
    let limited = format!("  rate_limit: {{ requests: 20, per_secs: 1 }}\n{resources}");
    let folder = folder(&api, &[("limited", &limited), ("free", &resources)]);
    let start = Instant::now();
    run(&folder, &["limited.yaml", "free.yaml"]).expect(0);
    assert_eq!(api.asked().len(), 12);
    // Eleven intervals of 50 ms lie between twelve requests.
    assert!(start.elapsed() >= Duration::from_millis(545), "{:?}", start.elapsed());
}

#[test]
fn a_mistake_in_one_refuses_all() {
    let api = api();
    let configs = [
        ("good", "vars: { region: eu }\nresources: [items]\n"),
        ("bad", "resources: [{ name: items, primry_key: id }]\n"),
        ("twin", "name: good\nresources: [items]\n"),
    ];
    let folder = folder(&api, &configs);
    let refused = |args: &[&str]| told(&run(&folder, args).expect(2), &api);
    assert_snapshot!(refused(&["good.yaml", "bad.yaml"]), @"
    error: unknown key `primry_key`
     --> bad.yaml:3:28
      |
    3 | resources: [{ name: items, primry_key: id }]
      |                            ^^^^^^^^^^ did you mean `primary_key`?
      |
      = in resources[0]

    1 error in bad.yaml

    nothing was requested, for any of the configs
    ");
    assert_snapshot!(refused(&["good.yaml", "twin.yaml"]), @"
    error: `good.yaml` and `twin.yaml` are both named `good`; give one of them another `name`, because the name is what stored state belongs to

    nothing was requested, for any of the configs
    ");
    assert_snapshot!(refused(&["good.yaml", "bad.yaml", "--select", "items"]), @"error: `--select` names resources of one config; run that config by itself");
    assert_snapshot!(refused(&["good.yaml", "twin.yaml", "--var", "regoin=us"]), @"
    error: `--var regoin=…`: the config has no such variable
     --> good.yaml:3:7
      |
    3 | vars: { region: eu }
      |       ^^^^^^^^^^^^^^ did you mean `region`?

    1 error in good.yaml

    nothing was requested, for any of the configs
    ");
    assert_eq!(api.asked(), Vec::<String>::new());
}

#[test]
fn the_log_for_programs_is_a_line_of_json_each() {
    let api = api();
    let folder = folder(&api, &[("shop", "resources: [items, missing]\n")]);
    let log = |args: &[&str], code| {
        let ran = run(&folder, &[args, &["--log-format", "json"]].concat()).expect(code);
        let lines: Vec<Value> = ran
            .stderr
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let mut shown: Vec<String> = lines
            .iter()
            .map(|line| {
                let field = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
                assert!(field("time").ends_with('Z'), "{line}");
                format!("{} {} {}", field("level"), field("event"), field("resource"))
            })
            .collect();
        shown.sort();
        shown.join("\n")
    };
    assert_snapshot!(log(&["shop.yaml", "-vv"], 1), @"
    debug page items
    error finished missing
    error summary -
    info committed -
    info finished items
    info schema_changed -
    info started items
    info started missing
    ");
    assert_snapshot!(log(&["shop.yaml", "--quiet"], 1), @"error summary -");
    assert_snapshot!(log(&["other.yaml"], 2), @"error message -");
}
