//! Several configuration mistakes at once: a sound pipeline, a few lines of YAML merged over it, and the report that
//! `restload check` gives. What it says of each rule is in `tests/mistakes`.

use std::fmt::Write as _;

use insta::assert_snapshot;
use serde_yaml::{Mapping, Value};

use crate::support::restload;

/// What the mistakes are made in.
const GOLDEN: &str = r#"
vars: { region: eu }
client:
  base_url: https://shop.example.com/v1
  auth: { type: bearer, token: "{secrets.shop_token}" }
  paginator: { type: page_number, base_page: 1, total_path: pages }
resources:
  - name: orders
    write_disposition: merge
    primary_key: id
    endpoint:
      path: orders
      params: { region: "{vars.region}" }
      data_selector: data
  - name: lines
    include_from_parent: [id]
    endpoint: { path: "orders/{resources.orders.id}/lines" }
"#;

/// The report on the golden pipeline with a patch merged over it (RFC 7396; the resources are merged by name). The
/// file's text is what the merge gives, written out, below the report.
fn check(patch: &str) -> String {
    let mut config: Value = serde_yaml::from_str(GOLDEN).expect("the pipeline is YAML");
    merge(&mut config, serde_yaml::from_str(patch).expect("the patch is YAML"));
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("shop.yaml");
    std::fs::write(&file, serde_yaml::to_string(&config).expect("YAML can be written")).expect("files can be written");
    let output = restload(folder.path())
        .env("SHOP_TOKEN", "s3cr3t")
        .args(["check", "shop.yaml"])
        .output()
        .expect("restload starts");
    let mut report = String::from_utf8(output.stderr).expect("messages are text");
    report.push_str(&String::from_utf8(output.stdout).expect("messages are text"));
    assert!(!report.contains("s3cr3t"), "a secret is shown:\n{report}");
    let _ = write!(report, "exit code {}", output.status.code().unwrap_or(-1));
    report
}

fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Mapping(members), Value::Mapping(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    members.remove(&key);
                } else {
                    merge(members.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (Value::Sequence(elements), Value::Mapping(patch)) => {
            for (name, value) in patch {
                let known = elements.iter_mut().find(|element| element.get("name") == Some(&name));
                match known {
                    Some(known) => merge(known, value),
                    None => {
                        let mut added = Mapping::from_iter([("name".into(), name)]);
                        added.extend(value.as_mapping().cloned().unwrap_or_default());
                        elements.push(added.into());
                    }
                }
            }
        }
        (target, patch) => *target = patch,
    }
}

#[test]
fn nothing_wrong() {
    assert_snapshot!(check("{}"), @"
    shop.yaml: no mistakes; 2 resources loaded, 0 left out
    exit code 0
    ");
}

/// Case A-07: a line that holds a secret is shown without it, whatever the kind of credentials.
#[test]
fn credentials_are_masked_in_the_line_of_a_mistake() {
    for auth in [
        "type: bearer, token: s3cr3t",
        "type: api_key, api_key: s3cr3t",
        "type: http_basic, username: ada, password: s3cr3t",
        "type: http_basic, username: '', password: s3cr3t",
        "type: http_basic, username: ada, password: ''",
        "token: s3cr3t",
        "type: http_digest, username: ada, password: s3cr3t",
        "type: oauth2_client_credentials, client_id: app, client_secret: s3cr3t, access_token: s3cr3t",
        "type: oauth2_refresh_token, client_secret: s3cr3t, refresh_token: s3cr3t",
        "type: oauth2_jwt_bearer, private_key: s3cr3t, private_key_passphrase: s3cr3t",
        "type: session_login, login: { path: x, json: { password: s3cr3t } }, capture: { token: t }, placements: [{ value: x }]",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let config = format!("client:\n  base_url: https://a.test\n  auth: {{ {auth}, x: 1 }}\nresources: [a]\n");
        std::fs::write(folder.path().join("shop.yaml"), config).unwrap();
        let output = restload(folder.path()).args(["check", "shop.yaml"]).output().unwrap();
        let report = String::from_utf8(output.stderr).unwrap();
        assert!(
            report.contains("error: unknown key `x`") && report.contains("\n3 | "),
            "{report}"
        );
        assert!(!report.contains("s3cr3t"), "{report}");
    }
}

#[test]
fn several_mistakes_at_once() {
    let patch = "
client: { paginator: { type: page_numbers }, timeout: 5 }
resources:
  orders: { primary_key: ~, primary_ky: id, endpoint: { data_selector: 5 } }
destination: { ur: x }";
    assert_snapshot!(check(patch), @r#"
    error: unknown paginator type `page_numbers`
     --> shop.yaml:9:11
      |
    9 |     type: page_numbers
      |           ^^^^^^^^^^^^ did you mean `page_number`?
      |
      = in client.paginator
      = help: known: `auto`, `single_page`, `page_number`, `offset`, `cursor`, `keyset`, `json_link`, `header_link`, `header_cursor`, `json_response`

    error: unknown key `timeout`
      --> shop.yaml:12:3
       |
    12 |   timeout: 5
       |   ^^^^^^^ did you mean `timeout_secs`?
       |
       = in client

    error: expected a string, found a number
      --> shop.yaml:20:20
       |
    20 |     data_selector: 5
       |                    ^ put it in quotes: "5"
       |
       = in resources[0].endpoint

    error: unknown key `primary_ky`
      --> shop.yaml:21:3
       |
    21 |   primary_ky: id
       |   ^^^^^^^^^^ did you mean `primary_key`?
       |
       = in resources[0]

    error: unknown key `ur`
      --> shop.yaml:28:3
       |
    28 |   ur: x
       |   ^^ did you mean `url`?
       |
       = in destination

    5 errors in shop.yaml
    exit code 2
    "#);
}

#[test]
fn several_mistakes_of_meaning_at_once() {
    let patch = "
client: { headers: { 'X Y': a } }
resources:
  orders: { primary_key: ~, endpoint: { data_selector: '$..[', params: { region: '{vars.nope}' } } }
  lines: { endpoint: { path: '{resources.nope.id}' } }";
    assert_snapshot!(check(patch), @r"
    error: `X Y` is not a header name
      --> shop.yaml:13:5
       |
    13 |     X Y: a
       |     ^^^
       |
       = in client.headers

    error: `merge` needs a `primary_key`: without one no record can be told from another
      --> shop.yaml:16:22
       |
    16 |   write_disposition: merge
       |                      ^^^^^
       |
       = in resources[0]
       = help: name the field that identifies a record, or use `append` or `replace`

    error: `vars` has no `nope`
      --> shop.yaml:20:15
       |
    20 |       region: '{vars.nope}'
       |               ^^^^^^^^^^^^^ add it: `vars: { nope: … }`
       |
       = in resources[0].endpoint.params

    error: `$..[` is not a JSONPath: expected selector at its end
      --> shop.yaml:21:20
       |
    21 |     data_selector: $..[
       |                    ^^^^
       |
       = in resources[0].endpoint

    error: there is no resource `nope`
      --> shop.yaml:26:11
       |
    26 |     path: '{resources.nope.id}'
       |           ^^^^^^^^^^^^^^^^^^^^^ the config has: orders, lines
       |
       = in resources[1].endpoint

    5 errors in shop.yaml
    exit code 2
    ");
}
