//! Every YAML block of the documentation is a config that `check` takes, as a whole or put where its first line says:
//!
//! | first line | what the block is |
//! |---|---|
//! | `# under resources[0].endpoint` | the value of this key, in a small config |
//! | `# not a config: …` | YAML for something else |
//! | anything else | a whole config |
//!
//! A parent that a fragment refers to and does not hold is put beside it, and a secret that a block names is set.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value};

use crate::support::{repository, restload};

/// What a fragment is put into.
const AROUND: &str = "{client: {base_url: 'https://api.example.com'}, resources: [{name: items}]}";

/// A key that was made for tests.
const PRIVATE_KEY: &str = include_str!("../../crates/restload-source/src/auth/test-keys/rsa.pem");

/// A block, and the line that it begins at.
struct Block {
    line: usize,
    text: String,
}

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut fence: Option<(usize, bool)> = None;
    for (index, line) in page.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        match (fence, line.trim_start().strip_prefix("```")) {
            (None, Some(kind)) => {
                let is_yaml = matches!(kind.trim(), "yaml" | "yml");
                fence = Some((indent, is_yaml));
                if is_yaml {
                    let text = String::new();
                    found.push(Block { line: index + 1, text });
                }
            }
            (Some(_), Some(_)) => fence = None,
            (Some((indent, true)), None) => {
                let block = found.last_mut().unwrap();
                let _ = writeln!(block.text, "{}", line.get(indent..).unwrap_or_default());
            }
            _ => {}
        }
    }
    found
}

/// The names after `{root.` in a text: of secrets, of parents.
fn named<'t>(text: &'t str, root: &str) -> Vec<&'t str> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    let starts = text.split(root).skip(1);
    starts
        .map(|rest| &rest[..rest.find(|character| !is_part(character)).unwrap_or(rest.len())])
        .collect()
}

/// The value at a path such as `resources[0].endpoint`; what is not there is made.
fn at<'v>(mut value: &'v mut Value, path: &str) -> &'v mut Value {
    for key in path.split('.') {
        let (key, index) = match key.split_once('[') {
            Some((key, rest)) => (key, rest.trim_end_matches(']').parse::<usize>().ok()),
            None => (key, None),
        };
        if value.is_null() {
            *value = Mapping::new().into();
        }
        let members = value.as_mapping_mut().expect("a path leads through maps");
        value = members.entry(key.into()).or_insert(Value::Null);
        if let Some(index) = index {
            value = value.get_mut(index).expect("a path leads to what is there");
        }
    }
    value
}

fn merge(target: &mut Value, value: Value) {
    match (target, value) {
        (Value::Mapping(members), Value::Mapping(more)) => {
            for (key, value) in more {
                merge(members.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, value) => *target = value,
    }
}

/// The whole config that a block stands for; none for what is no config.
fn config(block: &str) -> Result<Option<String>, serde_yaml::Error> {
    let first = block.lines().next().unwrap_or_default();
    if first.starts_with("# not a config: ") {
        return serde_yaml::from_str::<Value>(block).map(|_| None);
    }
    let Some(path) = first.strip_prefix("# under ") else {
        return Ok(Some(block.to_owned()));
    };
    let mut whole: Value = serde_yaml::from_str(AROUND)?;
    merge(at(&mut whole, path.trim()), serde_yaml::from_str(block)?);
    let resources = whole["resources"].as_sequence_mut().unwrap();
    for parent in named(block, "{resources.") {
        let is_known = |resource: &Value| resource.as_str() == Some(parent) || resource["name"] == parent;
        if !resources.iter().any(is_known) {
            resources.push(parent.into());
        }
    }
    serde_yaml::to_string(&whole).map(Some)
}

#[test]
fn every_yaml_block_is_a_config() {
    let mut files = vec![repository().join("README.md")];
    pages(&repository().join("docs"), &mut files);
    // Its blocks are the examples of keys, which the tests of generated files put where they belong.
    files.retain(|file| !file.ends_with("docs/reference.md"));
    files.sort();
    let mut wrong = String::new();
    let mut count = 0;
    for file in files {
        let page = std::fs::read_to_string(&file).unwrap();
        for block in blocks(&page) {
            count += 1;
            let place = format!("{}:{}", file.strip_prefix(repository()).unwrap().display(), block.line);
            let config = match config(&block.text) {
                Ok(Some(config)) => config,
                Ok(None) => continue,
                Err(error) => {
                    let _ = writeln!(wrong, "{place}: {error}\n");
                    continue;
                }
            };
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("block.yaml"), &config).unwrap();
            let mut command = restload(folder.path());
            for secret in named(&config, "{secrets.") {
                let value = if secret.ends_with("private_key") {
                    PRIVATE_KEY
                } else {
                    "s3cr3t-value"
                };
                command.env(secret.to_uppercase().replace('-', "_"), value);
            }
            let output = command.args(["check", "block.yaml"]).output().unwrap();
            if !output.status.success() {
                let report = String::from_utf8_lossy(&output.stderr);
                let _ = writeln!(wrong, "{place}:\n{report}");
            }
        }
    }
    assert!(count > 5, "only {count} blocks are found");
    assert!(wrong.is_empty(), "{wrong}");
}

/// The test itself: a fragment is put where it says, and a mistake in it is found.
#[test]
fn fragments_are_put_where_they_say() {
    let put = |block: &str| config(block).unwrap().unwrap();
    assert_eq!(
        put("# under resources[0].endpoint\npath: 'x/{resources.posts.id}'\n"),
        "client:\n  base_url: https://api.example.com\nresources:\n- name: items\n  endpoint:\n    path: x/{resources.posts.id}\n- posts\n"
    );
    assert_eq!(
        put("# under client\nbase_url: https://b.test\nauth: { token: '{secrets.t}' }\n"),
        "client:\n  base_url: https://b.test\n  auth:\n    token: '{secrets.t}'\nresources:\n- name: items\n"
    );
    assert_eq!(put("a: 1\n"), "a: 1\n");
    assert!(config("# not a config: an answer\nid: 1\n").unwrap().is_none());
    let found = blocks("text\n```yaml\na: 1\n```\n```\nb: 2\n```\n  ```yaml\n  c:\n    d: 1\n  ```\n");
    let texts: Vec<(usize, &str)> = found.iter().map(|block| (block.line, block.text.as_str())).collect();
    assert_eq!(texts, [(2, "a: 1\n"), (8, "c:\n  d: 1\n")]);
}
