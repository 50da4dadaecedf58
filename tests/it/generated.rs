//! Generated files are what the code would generate today. `UPDATE=1` writes them instead.

use std::process::Command;

use crate::support::repository;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "UPDATE=1 is how a developer asks for the files to be written"
)]
fn the_schema_is_fresh() {
    let output = Command::new(env!("CARGO_BIN_EXE_restload"))
        .arg("schema")
        .output()
        .unwrap();
    assert!(output.status.success());
    let generated = String::from_utf8(output.stdout).unwrap();
    let file = repository().join("schemas/restload.schema.json");
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(&file, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == generated,
        "schemas/restload.schema.json is stale: run `just generate`"
    );
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
