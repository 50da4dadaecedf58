//! The commands that send nothing: `plan`, `schema`, `completions`, the help, and the usage errors.

use insta::assert_snapshot;

use crate::support::{repository, restload};

const CONFIG: &str = r#"
name: shop
vars: { region: eu, none: [] }
client:
  base_url: https://shop.example.com/v1
  headers: { X-Tenant: acme, X-Key: "{secrets.tenant_key}" }
  auth: { type: api_key, name: token, api_key: "{secrets.shop_token}", location: query }
resources:
  - name: lines
    include_from_parent: [id]
    endpoint:
      path: "orders/{resources.orders.id}/lines"
      params: { since: "{resources.orders.since}" }
  - name: orders
    write_disposition: merge
    primary_key: [id, region]
    endpoint:
      method: POST
      json: { region: "{vars.region}", key: "{secrets.shop_token}" }
      paginator: { type: offset, limit: 50, offset_body_path: page.offset, limit_body_path: page.limit }
  - name: regions
    records: [eu, us]
  - name: basic
    endpoint: { auth: { type: http_basic, username: ada, password: typed-in }, headers: { Cookie: "session=typed-in" } }
  - name: hidden
    selected: false
  - name: conditional
    selected: { when_set: [vars.none] }
  - name: deletes
    endpoint: { method: DELETE }
"#;

/// What a command over the config says: standard output, then standard error.
fn run(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("shop.yaml"), CONFIG).expect("files can be written");
    let output = restload(folder.path())
        .env("SHOP_TOKEN", "s3cr3t")
        .env("TENANT_KEY", "t3nant")
        .args(arguments)
        .output()
        .expect("restload starts");
    let said = format!(
        "{}{}exit code {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        output.status.code().unwrap_or(-1)
    );
    for secret in ["s3cr3t", "t3nant", "typed-in", "YWRhOnR5cGVkLWlu"] {
        assert!(!said.contains(secret), "`{secret}` is shown:\n{said}");
    }
    said
}

#[test]
fn plan_shows_resources_in_order_and_first_requests() {
    assert_snapshot!(run(&["plan", "shop.yaml"]), @r#"
    pipeline shop: 4 resources, at most 4 requests at a time

    orders -> table orders (merge)
      POST https://shop.example.com/v1/orders?token=***
      x-tenant: acme
      x-key: ***
      content-type: application/json
      {"region":"eu","key":"***","page":{"offset":0,"limit":50}}
      1 request or more

    lines -> table lines (append)
      one request for each record of orders
      GET https://shop.example.com/v1/orders/<id>/lines?since=<since>&token=***
      x-tenant: acme
      x-key: ***

    regions -> table regions (append)
      its records are given in the config: 2

    basic -> table basic (append)
      GET https://shop.example.com/v1/basic
      x-tenant: acme
      x-key: ***
      cookie: ***
      authorization: ***
      1 request or more

    in all 2 requests or more

    left out:
      conditional: `vars.none` is empty
      deletes: DELETE deletes changes something at the API, and `allow_side_effects` is not true
      not selected (--select loads them): hidden
    exit code 0
    "#);
}

/// O-26: a parameter that is named like a secret is masked wherever requests are shown, and the others are not.
#[test]
fn requests_are_shown_without_what_is_named_like_a_secret() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let config = "client: { base_url: 'https://a.example.com' }\n\
                  resources: [{ name: items, endpoint: { params: { api_key: typed-in, sort: desc, Token: typed-in } } }]\n";
    std::fs::write(folder.path().join("shop.yaml"), config).expect("files can be written");
    for arguments in [&["plan", "shop.yaml"][..], &["plan", "shop.yaml", "--format", "json"]] {
        let output = restload(folder.path())
            .args(arguments)
            .output()
            .expect("restload starts");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains("https://a.example.com/items?api_key=***&sort=desc&Token=***"),
            "{said}"
        );
        assert!(!said.contains("typed-in"), "{said}");
    }
}

#[test]
fn plan_of_some_resources() {
    assert_snapshot!(run(&["plan", "shop.yaml", "--select", "lines", "--var", "region=us"]), @r#"
    pipeline shop: 2 resources, at most 4 requests at a time

    orders (only read, for its children)
      POST https://shop.example.com/v1/orders?token=***
      x-tenant: acme
      x-key: ***
      content-type: application/json
      {"region":"us","key":"***","page":{"offset":0,"limit":50}}
      1 request or more

    lines -> table lines (append)
      one request for each record of orders
      GET https://shop.example.com/v1/orders/<id>/lines?since=<since>&token=***
      x-tenant: acme
      x-key: ***

    in all 1 request or more
    exit code 0
    "#);
}

#[test]
fn plan_for_programs() {
    assert_snapshot!(run(&["plan", "shop.yaml", "--format", "json", "--select", "lines,regions,hidden"]), @r#"
    {
      "pipeline": "shop",
      "resources": [
        {
          "resource": "orders",
          "table": "orders",
          "write_disposition": "merge",
          "loaded": false,
          "requests": {
            "least": 1,
            "most": null
          },
          "primary_key": [
            "id",
            "region"
          ],
          "first_request": {
            "method": "POST",
            "url": "https://shop.example.com/v1/orders?token=***",
            "headers": {
              "accept": "application/json",
              "x-tenant": "acme",
              "x-key": "***",
              "content-type": "application/json"
            },
            "body": "{\"region\":\"eu\",\"key\":\"***\",\"page\":{\"offset\":0,\"limit\":50}}"
          }
        },
        {
          "resource": "lines",
          "table": "lines",
          "write_disposition": "append",
          "loaded": true,
          "requests": {
            "least": 0,
            "most": null
          },
          "parent": "orders",
          "first_request": {
            "method": "GET",
            "url": "https://shop.example.com/v1/orders/<id>/lines?since=<since>&token=***",
            "headers": {
              "accept": "application/json",
              "x-tenant": "acme",
              "x-key": "***"
            }
          }
        },
        {
          "resource": "regions",
          "table": "regions",
          "write_disposition": "append",
          "loaded": true,
          "requests": {
            "least": 0,
            "most": 0
          },
          "records_given": 2
        },
        {
          "resource": "hidden",
          "table": "hidden",
          "write_disposition": "append",
          "loaded": true,
          "requests": {
            "least": 1,
            "most": null
          },
          "first_request": {
            "method": "GET",
            "url": "https://shop.example.com/v1/hidden?token=***",
            "headers": {
              "accept": "application/json",
              "x-tenant": "acme",
              "x-key": "***"
            }
          }
        }
      ],
      "left_out": [],
      "requests": {
        "least": 2,
        "most": null
      },
      "least_secs": null
    }
    exit code 0
    "#);
}

#[test]
fn check_says_what_is_loaded() {
    assert_snapshot!(run(&["check", "shop.yaml"]), @"
    shop.yaml: no mistakes; 4 resources loaded, 3 left out
    exit code 0
    ");
}

#[test]
fn plan_of_the_pushover_config() {
    let folder = tempfile::tempdir().unwrap();
    let output = restload(folder.path())
        .env("PUSHOVER_TOKEN", "s3cr3t")
        .arg("plan")
        .arg(repository().join("configs/pushover.yaml"))
        .current_dir(repository())
        .output()
        .unwrap();
    assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @"
    pipeline pushover: 2 resources, at most 1 request at a time

    sounds -> table sounds (replace)
      GET https://api.pushover.net/1/sounds.json?token=***
      1 request

    limits -> table limits (replace)
      GET https://api.pushover.net/1/apps/limits.json?token=***
      1 request

    in all 2 requests

    left out:
      receipts: `vars.receipts` is empty
      messages_download: no `pushover_secret` is given (environment variable `PUSHOVER_SECRET`)
      not selected (--select loads them): receipt_ids, groups, group_members, license_credits, user_keys, users_validate, users_login, devices, messages
    ");
}

#[test]
fn schema_is_json() {
    let schema: serde_json::Value = serde_json::from_str(run(&["schema"]).trim_end_matches("exit code 0")).unwrap();
    assert_eq!(schema["title"], "restload pipeline");
    assert_eq!(schema["required"], serde_json::json!(["client", "resources"]));
}

#[test]
fn completions_of_bash_know_the_commands() {
    let script = run(&["completions", "bash"]);
    for word in [
        "_restload()",
        "init",
        "config",
        "--key-name",
        "run",
        "check",
        "plan",
        "schema",
        "completions",
        "--full-refresh",
        "--select",
    ] {
        assert!(script.contains(word), "no `{word}` in:\n{script}");
    }
    assert!(script.ends_with("exit code 0"));
}

#[test]
fn help() {
    assert_snapshot!(run(&["--help"]), @r"
    Loads REST APIs into SQLite or Postgres, as a YAML file describes them

    Usage: restload [OPTIONS] <COMMAND>

    Commands:
      init         Write a first config: from questions, from an OpenAPI document, or from a config of dlt. Nothing is requested
      run          Load a pipeline's resources into its destination
      check        Show every mistake in a config. With --connect its API is tried, else nothing is requested
      plan         Show the resources in order and the first request of each. Nothing is requested
      preview      Show a few records of a resource, and the tables they would make. Nothing is written
      discover     Propose what a config could say of a resource, by a page or two of it; --write puts it there. Nothing is loaded
      test         Run a pipeline on recorded answers, offline, and compare the tables with those kept beside them
      state        Show what is stored of a pipeline's resources, or forget it
      loads        Show how a pipeline's runs went
      show         Show what is stored as a local web page: runs, tables, state, rejects, and SQL that only reads
      config       Show a config as a run sees it: in full, each value with where it comes from, secrets masked. Nothing is requested
      explain      Show the reference of a config's keys
      schema       Print the JSON Schema of a config, for editors
      completions  Print completions for a shell
      man          Write manual pages, one for each command
      help         Print this message or the help of the given subcommand(s)

    Options:
      -v, --verbose...           Say more: once for requests sent again and commits, twice for every page
      -q, --quiet                Say nothing but errors and the result
          --log-format <FORMAT>  How messages are written: text for people, or JSON, a line each [default: text] [possible values: text, json]
      -h, --help                 Print help
      -V, --version              Print version

    Exit codes:
      0  everything was loaded, or nothing was wrong
      1  a resource failed or the run was interrupted; what was whole is committed
      2  the command line or the config is wrong; nothing was requested
    exit code 0
    ");
    assert_snapshot!(run(&["run", "--help"]), @"
    Load a pipeline's resources into its destination

    Usage: restload run [OPTIONS] <CONFIG>...

    Arguments:
      <CONFIG>...
              The config files, such as `configs/pushover.yaml`. Several are loaded at the same time; those of one API share its limits, the strictest of what they say

    Options:
          --var <NAME=VALUE>
              Give one of the configs' `vars` another value; JSON, or text

          --to <URL>
              The destination: `sqlite:FILE` or `postgres://user@host/database`

          --dataset <NAME>
              The Postgres schema that takes the tables

          --select <RESOURCE,…>
              Load only these resources, also ones that the config does not select. It takes one config

          --limit <RECORDS>
              Load at most this many records of each resource, as a sample. A table that is replaced then holds no others

          --full-refresh
              Forget what is stored of the resources, and replace their rows by this load's, at its end

          --refresh <MODE>
              Start over, and drop or empty tables first. Only tables that this pipeline has made are touched

              Possible values:
              - drop_sources:   Drop every table of the pipeline, those of resources that are not loaded now too, and forget all of its state
              - drop_resources: Drop the tables of the resources that are loaded, and forget their state. They are made anew from what comes
              - drop_data:      Empty the tables of the resources that are loaded, and forget their state. Columns, indexes and rights stay

          --from <VALUE>
              Load incremental resources from here instead of from their stored cursor, which stays where it is: a backfill

          --until <VALUE>
              Load incremental resources up to here, without what is there itself, from `--from` or from `initial_value` on

          --demo
              Load from a simulator of the API on this machine; no account is needed

          --record <DIR>
              Keep what is asked and answered in a folder, with secrets replaced: for `restload test` and `--replay`

          --overwrite
              Let `--record` take the place of the recording that is in the folder

          --replay <DIR>
              Take the answers from a recording instead of asking for them. Stored cursors stay where they are

          --format <FORMAT>
              Text for people, or JSON for programs, on standard output

              Possible values:
              - text: For people
              - json: For programs
              
              [default: text]

      -v, --verbose...
              Say more: once for requests sent again and commits, twice for every page

      -q, --quiet
              Say nothing but errors and the result

          --log-format <FORMAT>
              How messages are written: text for people, or JSON, a line each
              
              [default: text]
              [possible values: text, json]

      -h, --help
              Print help (see a summary with '-h')
    exit code 0
    ");
}

#[test]
fn usage_errors_end_with_2() {
    assert_snapshot!(run(&["rnu"]), @"
    error: unrecognized subcommand 'rnu'

    Usage: restload [OPTIONS] <COMMAND>

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(run(&["run"]), @"
    error: the following required arguments were not provided:
      <CONFIG>...

    Usage: restload run <CONFIG>...

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(run(&["run", "shop.yaml", "--limit", "0"]), @"
    error: invalid value '0' for '--limit <RECORDS>': 0 is not in 1..18446744073709551615

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(run(&["run", "shop.yaml", "--limit", "5", "--full-refresh"]), @"
    error: the argument '--limit <RECORDS>' cannot be used with '--full-refresh'

    Usage: restload run --limit <RECORDS> <CONFIG>...

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(run(&["run", "shop.yaml", "--var", "region"]), @"
    error: invalid value 'region' for '--var <NAME=VALUE>': write it as NAME=VALUE

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(run(&["run", "shop.yaml", "--var", "shop=x"]), @"
    error: `--var shop=…`: the config has no such variable
     --> shop.yaml:3:7
      |
    3 | vars: { region: eu, none: [] }
      |       ^^^^^^^^^^^^^^^^^^^^^^^^ the config's `vars` name what can be given

    1 error in shop.yaml
    exit code 2
    ");
    assert_snapshot!(run(&["run", "shop.yaml", "--to", "mysql://localhost/x"]), @"
    error: unknown destination `mysql:`; known are `sqlite:FILE`, `postgres://…` and a path that ends in `.db`, `.sqlite` or `.sqlite3`
    exit code 2
    ");
    assert_snapshot!(run(&["run", "shop.yaml", "--to", "shop"]), @"
    error: `shop` is not a destination; write `sqlite:shop` for a file, or `postgres://USER@HOST/DATABASE` for a server
    exit code 2
    ");
    assert_snapshot!(run(&["check", "missing.yaml"]), @r"
    error: could not read `missing.yaml`: No such file or directory

    1 error in missing.yaml
    exit code 2
    ");
    assert_snapshot!(run(&["plan", "shop.yaml", "--select", "order"]), @"
    error: `--select order`: there is no such resource
     --> shop.yaml:8:1
      |
    8 | resources:
      | ^^^^^^^^^ did you mean `orders`?

    1 error in shop.yaml
    exit code 2
    ");
}
