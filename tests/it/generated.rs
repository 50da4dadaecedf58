//! Generated files are what the code would generate today. `UPDATE=1` writes them instead.

use std::process::Command;

use crate::support::{repository, restload};

#[test]
fn the_schema_is_fresh() {
    is_fresh("schemas/restload.schema.json", &["schema"]);
}

#[test]
fn the_reference_is_fresh() {
    is_fresh("docs/reference.md", &["explain", "--format", "markdown"]);
}

/// A file is what a command prints today.
#[expect(
    clippy::disallowed_methods,
    reason = "UPDATE=1 is how a developer asks for the files to be written"
)]
fn is_fresh(name: &str, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_restload"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let generated = String::from_utf8(output.stdout).unwrap();
    let file = repository().join(name);
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(&file, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == generated, "{name} is stale: run `just generate`");
}

/// The examples in doc comments are what the reference, `explain` and editors show, and what `init` starts from.
#[test]
fn every_example_of_the_reference_is_a_config() {
    let folder = tempfile::tempdir().unwrap();
    let output = restload(folder.path())
        .args(["explain", "--format", "markdown"])
        .output()
        .unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    let blocks: Vec<&str> = page.split("```yaml\n").skip(1).collect();
    assert!(blocks.len() > 40, "{}", blocks.len());
    for block in blocks {
        let block = block.split("```").next().unwrap();
        let margin = block.len() - block.trim_start_matches(' ').len();
        let lines: Vec<&str> = block
            .lines()
            .map(|line| line.get(margin..).unwrap_or_default())
            .collect();
        let config = complete(&lines);
        std::fs::write(folder.path().join("example.yaml"), &config).unwrap();
        let output = restload(folder.path())
            .args(["check", "example.yaml"])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{config}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// An example as a whole config: its keys are put where they are at home.
fn complete(lines: &[&str]) -> String {
    let keys: Vec<&str> = lines
        .iter()
        .filter(|line| !line.starts_with([' ', '-', '#', '}']))
        .filter_map(|line| line.split_once(':').map(|(key, _)| key))
        .collect();
    let indented = |margin: usize| {
        let margin = " ".repeat(margin);
        format!("{margin}{}\n", lines.join(&format!("\n{margin}")))
    };
    let resource = "resources:\n  - name: example\n";
    let client = "client:\n  base_url: https://api.example.com\n";
    let given = "vars: { region: eu }\n";
    let is_one_of = |names: &[&str]| keys.iter().all(|key| names.contains(key));
    if is_one_of(&[
        "client",
        "resources",
        "vars",
        "destination",
        "name",
        "resource_defaults",
    ]) {
        return indented(0);
    }
    if is_one_of(&["auth", "rate_limit", "retry", "headers", "tls", "quota"]) {
        return format!("{given}{client}{}{resource}", indented(2));
    }
    if is_one_of(&["placements", "capture"]) {
        let login = "  auth:\n    type: session_login\n    login: { path: login }\n";
        let rest = match keys[0] {
            "capture" => "    placements: [{ name: sid, value: \"{session.sid}\" }]\n",
            _ => "    capture: { access_token: token, sid: sid }\n",
        };
        return format!("{given}{client}{login}{rest}{}{resource}", indented(4));
    }
    if is_one_of(&[
        "paginator",
        "data",
        "response_actions",
        "incremental",
        "graphql",
        "data_selector",
        "path",
        "params",
        "method",
        "decoder",
    ]) {
        let parent = "resources:\n  - name: users\n";
        return format!(
            "{given}{client}{parent}  - name: example\n    endpoint:\n{}",
            indented(6)
        );
    }
    // Parents that an example of a resource may refer to.
    if ["include_from_parent", "on_missing_parent_field", "parents_per_request"]
        .iter()
        .any(|key| keys.contains(key))
    {
        let parents = "  - name: users\n  - name: posts\n    include_from_parent: [id, name]\n    endpoint: \"users/{resources.users.id}/posts\"\n";
        let endpoint = "    endpoint: \"posts/{resources.posts.id}/comments\"\n";
        return format!(
            "{given}{client}resources:\n{parents}  - name: example\n{endpoint}{}",
            indented(4)
        );
    }
    let key = if keys.contains(&"primary_key") {
        ""
    } else {
        "    primary_key: id\n"
    };
    format!("{given}{client}{resource}{key}{}", indented(4))
}

#[test]
fn every_bundled_config_names_the_schema_and_checks() {
    for entry in std::fs::read_dir(repository().join("configs")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("# yaml-language-server: $schema=../schemas/restload.schema.json\n"),
            "{} does not name the schema",
            path.display()
        );
        let output = Command::new(env!("CARGO_BIN_EXE_restload"))
            .arg("check")
            .arg(&path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
