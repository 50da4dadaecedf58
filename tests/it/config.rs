//! `config`: every value of a config as a run sees it, with where it comes from, and no secret.

use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::program::{Program, Ran};

const CONFIG: &str = r#"vars: { region: eu, page: 50, nested: { tenant: acme } }
schema_contract: { columns: freeze }
client:
  base_url: "https://{vars.region}.shop.example/{env.SHOP_VERSION}"
  headers:
    X-Tenant: "t-{vars.nested.tenant}"
    X-Literal: "{{vars.region}}"
    Authorization: Bearer typed-in
  auth: { type: api_key, name: key, api_key: "{secrets.shop_key}", location: query }
resource_defaults:
  write_disposition: replace
  endpoint: { params: { size: "{vars.page}" } }
resources:
  - regions
  - name: orders
    endpoint:
      path: "orders?token=typed-in&since={incremental.start_value | default('', true)}&region={vars.region}"
      paginator: header_link
      incremental: { cursor_path: updated_at }
      auth: { type: http_basic, username: ada }
  - name: kinds
    selected: false
    records: [day, "{vars.region}"]
destination: { url: "postgres://me:typed-in@db.example/shop", dataset: sales }
"#;

fn program(folder: &Path, arguments: &[&str]) -> Program {
    std::fs::write(folder.join("shop.yaml"), CONFIG).unwrap();
    std::fs::write(
        folder.join("secrets.toml"),
        "shop_key = \"s3cr3t-key\"\n[credentials]\npassword = \"s3cr3t-pass\"\n",
    )
    .unwrap();
    std::fs::write(folder.join(".env"), "SHOP_VERSION=v7\n").unwrap();
    let mut all = vec!["config", "shop.yaml"];
    all.extend(arguments);
    Program::new(folder, &all)
}

fn without_secrets(ran: Ran) -> String {
    for secret in ["s3cr3t", "typed-in"] {
        assert!(
            !ran.stdout.contains(secret) && !ran.stderr.contains(secret),
            "{}",
            ran.stdout
        );
    }
    ran.stdout
}

#[test]
fn each_value_has_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let ran = program(folder.path(), &["--var", "page=100"]).run().expect(0);
    let shown = without_secrets(ran);
    assert_snapshot!(shown, @r#"
    name: shop                                  # the file's name
    vars:
      region: eu                                # shop.yaml:1
      page: 100                                 # --var page on the command line
      nested:
        tenant: acme                            # shop.yaml:1
    client:
      base_url: "https://eu.shop.example/v7"    # shop.yaml:4; vars.region from shop.yaml:1; env.SHOP_VERSION from `SHOP_VERSION` in `./.env`
      headers:
        X-Tenant: t-acme                        # shop.yaml:6; vars.nested.tenant from shop.yaml:1
        X-Literal: "{vars.region}"              # shop.yaml:7
        Authorization: "***"                    # shop.yaml:8
      auth:
        type: api_key                           # shop.yaml:9
        name: key                               # shop.yaml:9
        api_key: "***"                          # shop.yaml:9; secrets.shop_key from `shop_key` in `./secrets.toml`
        location: query                         # shop.yaml:9
      concurrency: 4                            # default
      retry:
        max_attempts: 5                         # default
        statuses: [408, 425, 429, "5xx"]        # default
        first_delay_secs: 1                     # default
        min_delay_secs: 0                       # default
        max_delay_secs: 300                     # default
        obey_retry_after: true                  # default
      timeout_secs: 60                          # default
      connect_timeout_secs: 10                  # default
      max_response_mib: 256                     # default
    resources:
      - name: regions                           # shop.yaml:14
        write_disposition: replace              # shop.yaml:11
        endpoint:
          path: regions                         # the resource's name
          params:
            size: 100                           # shop.yaml:12; vars.page from --var page on the command line
          allow_missing_data: false             # default
        on_missing_parent_field: fail           # default
        on_error: fail                          # default
        selected: true                          # default
        max_tables: 100                         # default
        schema_contract:
          tables: evolve                        # shop.yaml:2
          columns: freeze                       # shop.yaml:2
          data_type: evolve                     # shop.yaml:2
        variants: false                         # default
        max_rejects: 0                          # default
      - name: orders                            # shop.yaml:15
        endpoint:
          path: "orders?token=***&since={incremental.start_value | default('', true)}&region=eu"  # shop.yaml:17; vars.region from shop.yaml:1
          paginator:
            type: header_link                   # shop.yaml:18
            links_next_key: next                # default
            header: Link                        # default
          incremental:
            cursor_path: updated_at             # shop.yaml:19
            last_value_func: max                # default
            range_start: closed                 # default
            range_end: open                     # default
            on_cursor_value_missing: raise      # default
          auth:
            type: http_basic                    # shop.yaml:20
            username: ada                       # shop.yaml:20
            password: "***"                     # secrets.credentials.password from `credentials.password` in `./secrets.toml`
          params:
            size: 100                           # shop.yaml:12; vars.page from --var page on the command line
          allow_missing_data: false             # default
        write_disposition: replace              # shop.yaml:11
        on_missing_parent_field: fail           # default
        on_error: fail                          # default
        selected: true                          # default
        max_tables: 100                         # default
        schema_contract:
          tables: evolve                        # shop.yaml:2
          columns: freeze                       # shop.yaml:2
          data_type: evolve                     # shop.yaml:2
        variants: false                         # default
        max_rejects: 0                          # default
      - name: kinds                             # shop.yaml:21
        selected: false                         # shop.yaml:22
        records:
          - day                                 # shop.yaml:23
          - eu                                  # shop.yaml:23; vars.region from shop.yaml:1
        write_disposition: replace              # shop.yaml:11
        on_missing_parent_field: fail           # default
        on_error: fail                          # default
        max_tables: 100                         # default
        schema_contract:
          tables: evolve                        # shop.yaml:2
          columns: freeze                       # shop.yaml:2
          data_type: evolve                     # shop.yaml:2
        variants: false                         # default
        max_rejects: 0                          # default
    destination:
      url: "postgres://me:***@db.example/shop"  # shop.yaml:24
      dataset: sales                            # shop.yaml:24
    "#);
    // It is YAML, too.
    let read: Value = serde_yaml::from_str(&shown).unwrap();
    assert_eq!(read["resources"][1]["endpoint"]["params"]["size"], 100);
}

#[test]
fn the_destination_is_that_of_the_nearest_place() {
    let folder = tempfile::tempdir().unwrap();
    let of = |program: Program| {
        let shown = without_secrets(program.run().expect(0));
        let (_, destination) = shown.split_once("destination:\n").unwrap();
        destination.to_owned()
    };
    let mut all = Vec::new();
    all.push(of(program(folder.path(), &[])));
    std::fs::write(
        folder.path().join("restload.toml"),
        "dataset = \"of_file\"\nto = \"sqlite:file.db\"\n",
    )
    .unwrap();
    all.push(of(program(folder.path(), &[])));
    all.push(of(
        program(folder.path(), &[]).env("RESTLOAD_TO", "postgres://me:typed-in@db/of_environment")
    ));
    all.push(of(program(
        folder.path(),
        &["--to", "sqlite:flag.db", "--dataset", "of_flag"],
    )));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("x.yaml"),
        "client: { base_url: 'https://a.example' }\nresources: [a]\n",
    )
    .unwrap();
    all.push(of(Program::new(folder.path(), &["config", "x.yaml"])));
    assert_snapshot!(all.join("--\n"), @r#"
      url: "postgres://me:***@db.example/shop"  # shop.yaml:24
      dataset: sales                            # shop.yaml:24
    --
      url: "sqlite:file.db"                   # ./restload.toml
      dataset: of_file                        # ./restload.toml
    --
      url: "postgres://me:***@db/of_environment"  # environment variable `RESTLOAD_TO`
      dataset: of_file                            # ./restload.toml
    --
      url: "sqlite:flag.db"                   # --to on the command line
      dataset: of_flag                        # --dataset on the command line
    --
      url: "sqlite:x.db"                  # default
    "#);
}

#[test]
fn programs_get_values_and_places_apart() {
    let folder = tempfile::tempdir().unwrap();
    let ran = program(folder.path(), &["--format", "json"]).run().expect(0);
    let shown: Value = serde_json::from_str(&without_secrets(ran)).unwrap();
    assert_eq!(shown["config"]["client"]["auth"]["api_key"], "***");
    assert_eq!(
        shown["sources"]["client.auth.api_key"],
        serde_json::json!(["shop.yaml:9", "secrets.shop_key from `shop_key` in `./secrets.toml`"])
    );
    assert_eq!(shown["sources"]["client.timeout_secs"], serde_json::json!(["default"]));
    assert_eq!(shown["config"]["resources"][0]["endpoint"]["params"]["size"], 50);
}

#[test]
fn a_config_with_mistakes_is_told_as_check_does() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("x.yaml"),
        "client: { base_ur: 'https://a.example' }\nresources: [a]\n",
    )
    .unwrap();
    let told = Program::new(folder.path(), &["config", "x.yaml"]).run().expect(2);
    let checked = Program::new(folder.path(), &["check", "x.yaml"]).run().expect(2);
    assert_eq!((told.stdout.as_str(), told.stderr), ("", checked.stderr));
}
