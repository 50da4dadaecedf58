//! `tests/mistakes`: what `restload check` says of a config that breaks a rule. `FOLDER/RULE.yaml` is the config,
//! `FOLDER/RULE.txt` the report as people read it; each config is a trial, `mistakes::FOLDER/RULE`.
//!
//! A config begins with comments where more than the file is needed:
//!
//! | comment | gives |
//! |---|---|
//! | `# $ restload check RULE.yaml --select lines` | the call, in the place of `restload check RULE.yaml` |
//! | `# env SHOP_TOKEN=abc` | a variable of the environment |
//! | `# file secrets.toml: shop_token = "abc"` | a line of a file beside the config |
//!
//! `s3cr3t` stands for a secret: a report that shows it fails. `UPDATE=1` writes the reports instead of comparing them.
//! That each rule has a report is what [`crate::rules`] looks at.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Failed, Trial};

use crate::{golden, rules};

/// Stands for a secret in configs and variables: no report may show it.
const SECRET: &str = "s3cr3t";

/// What the comments at the beginning of a config ask for.
#[derive(Default)]
struct Surroundings {
    arguments: Vec<String>,
    env: Vec<(String, String)>,
    files: BTreeMap<String, String>,
}

/// The folder of the configs and their reports.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mistakes")
}

/// A trial for each config, and one that nothing lies there that none of them uses.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for config in files("yaml") {
        let rule = rule(&config);
        trials.push(Trial::test(format!("mistakes::{rule}"), move || {
            check(&config).map_err(Failed::from)
        }));
    }
    trials.push(Trial::test("mistakes::each report has its config", || {
        let rules = |ending| {
            files(ending)
                .iter()
                .map(|file| rule(file))
                .collect::<BTreeSet<String>>()
        };
        match rules("txt").difference(&rules("yaml")).next() {
            Some(alone) => Err(format!("tests/mistakes/{alone}.txt has no config beside it").into()),
            None => Ok(()),
        }
    }));
    trials.push(Trial::test("mistakes::each rule has its config", || {
        rules::without_a_report().map_err(Failed::from)
    }));
    trials
}

/// The files below the folder whose names end so, in the order of their names.
pub(crate) fn files(ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the mistakes are there") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|own| own == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// `paginators/nothing-stops-the-paging`.
fn rule(file: &Path) -> String {
    let inside = file.strip_prefix(folder()).unwrap_or(file);
    inside.with_extension("").to_string_lossy().replace('\\', "/")
}

/// Compares the report on a config with the one beside it, or writes that.
fn check(config: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(config).map_err(|error| error.to_string())?;
    let report = report(config, &text)?;
    let is_said = |line: &str| line.starts_with("error: ") || line.starts_with("warning: ");
    if !report.lines().any(is_said) {
        return Err(format!("nothing is said about this config:\n{report}"));
    }
    if report.contains(SECRET) {
        return Err(format!("a secret is shown:\n{report}"));
    }
    let file = config.with_extension("txt");
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    if golden == report {
        return Ok(());
    }
    if golden::is_update() {
        return std::fs::write(&file, report).map_err(|error| error.to_string());
    }
    Err(format!(
        "the report is not {} (UPDATE=1 writes it):\n{}",
        file.file_name().unwrap_or_default().to_string_lossy(),
        golden::difference(&golden, &report)
    ))
}

/// The call, what it says and how it ends.
fn report(config: &Path, text: &str) -> Result<String, String> {
    let name = config.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let surroundings = surroundings(text, &name)?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let put =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).map_err(|error| error.to_string());
    put(&name, text)?;
    for (name, text) in &surroundings.files {
        put(name, text)?;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_restload"))
        .args(&surroundings.arguments)
        .current_dir(&folder)
        .env_clear()
        .env("HOME", folder.path())
        .envs(surroundings.env)
        .output()
        .map_err(|error| format!("restload does not start: {error}"))?;
    let mut report = format!("$ restload {}\n", surroundings.arguments.join(" "));
    report.push_str(&String::from_utf8_lossy(&output.stderr));
    report.push_str(&String::from_utf8_lossy(&output.stdout));
    let _ = writeln!(report, "exit code {}", output.status.code().unwrap_or(-1));
    Ok(report.replace(&*folder.path().to_string_lossy(), "{{FOLDER}}"))
}

fn surroundings(text: &str, name: &str) -> Result<Surroundings, String> {
    let mut found = Surroundings {
        arguments: vec!["check".to_owned(), name.to_owned()],
        ..Surroundings::default()
    };
    let comments = text.lines().map_while(|line| line.strip_prefix("# "));
    for comment in comments {
        if let Some(call) = comment.strip_prefix("$ restload ") {
            found.arguments = call.split(' ').map(str::to_owned).collect();
        } else if let Some(variable) = comment.strip_prefix("env ") {
            let (name, value) = variable.split_once('=').ok_or("`# env` needs NAME=value")?;
            found.env.push((name.to_owned(), value.to_owned()));
        } else if let Some(line) = comment.strip_prefix("file ") {
            let (name, line) = line.split_once(": ").ok_or("`# file` needs NAME: a line of it")?;
            let text = found.files.entry(name.to_owned()).or_default();
            text.push_str(line);
            text.push('\n');
        }
    }
    Ok(found)
}
