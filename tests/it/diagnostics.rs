//! Configuration mistakes: a sound pipeline, a few lines of YAML merged over it, and the report that `restload check`
//! gives. The report is the product here, its carets and suggestions included.

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

#[test]
fn typo_in_a_key() {
    assert_snapshot!(check("resources: { orders: { endpoint: { data_selector: ~, data_selectr: data } } }"), @"
    error: unknown key `data_selectr`
      --> shop.yaml:20:5
       |
    20 |     data_selectr: data
       |     ^^^^^^^^^^^^ did you mean `data_selector`?
       |
       = in resources[0].endpoint

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn key_in_the_wrong_place() {
    assert_snapshot!(check("resources: { orders: { data_selector: data } }"), @"
    error: unknown key `data_selector`
      --> shop.yaml:21:3
       |
    21 |   data_selector: data
       |   ^^^^^^^^^^^^^ `data_selector` belongs under `endpoint`
       |
       = in resources[0]

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn unknown_paginator() {
    assert_snapshot!(check("client: { paginator: { type: page_numbers } }"), @"
    error: unknown paginator type `page_numbers`
     --> shop.yaml:9:11
      |
    9 |     type: page_numbers
      |           ^^^^^^^^^^^^ did you mean `page_number`?
      |
      = in client.paginator
      = help: known: `auto`, `single_page`, `page_number`, `offset`, `cursor`, `keyset`, `json_link`, `header_link`, `header_cursor`, `json_response`

    1 error in shop.yaml
    exit code 2
    ");
    assert_snapshot!(check("resources: { orders: { endpoint: { paginator: cursors } } }"), @"
    error: unknown value `cursors`
      --> shop.yaml:21:16
       |
    21 |     paginator: cursors
       |                ^^^^^^^ did you mean `cursor`?
       |
       = in resources[0].endpoint
       = help: known: `auto`, `single_page`, `page_number`, `cursor`, `json_link`, `header_link`, `header_cursor`, `json_response`

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn option_of_another_paginator() {
    assert_snapshot!(check("client: { paginator: { limit: 5 } }"), @"
    error: unknown key `limit`
      --> shop.yaml:12:5
       |
    12 |     limit: 5
       |     ^^^^^
       |
       = in client.paginator
       = help: known here: `type`, `base_page`, `page`, `page_param`, `page_body_path`, `page_header`, `total_path`, `total_header`, `maximum_page`, `stop_after_empty_page`, `page_size`, `has_more_path`

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn paginator_without_what_it_needs() {
    assert_snapshot!(check("resources: { orders: { endpoint: { paginator: { type: offset } } } }"), @"
    error: missing key `limit`
      --> shop.yaml:21:5
       |
    21 |     paginator:
       |     ^^^^^^^^^
       |
       = in resources[0].endpoint.paginator

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn paginator_that_would_never_stop() {
    let patch = "resources: { orders: { endpoint: { paginator: { type: page_number, stop_after_empty_page: false, total_path: ~ } } } }";
    // The patch's null takes `total_path` away, whose default is `total`.
    assert_snapshot!(check(patch), @"
    error: nothing would ever stop the paging
      --> shop.yaml:21:5
       |
    21 |     paginator:
       |     ^^^^^^^^^
       |
       = in resources[0].endpoint
       = help: set one of total_path, has_more_path, maximum_page or stop_after_empty_page: true

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn invalid_json_path() {
    assert_snapshot!(check("resources: { orders: { endpoint: { data_selector: '$.data[' } } }"), @r"
    error: `$.data[` is not a JSONPath: expected selector at its end
      --> shop.yaml:20:20
       |
    20 |     data_selector: $.data[
       |                    ^^^^^^^
       |
       = in resources[0].endpoint

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn unknown_parent() {
    assert_snapshot!(check("resources: { lines: { endpoint: { path: 'orders/{resources.order.id}/lines' } } }"), @"
    error: there is no resource `order`
      --> shop.yaml:25:11
       |
    25 |     path: orders/{resources.order.id}/lines
       |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ did you mean `orders`?
       |
       = in resources[1].endpoint

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn resources_in_a_circle() {
    assert_snapshot!(check("resources: { orders: { endpoint: { path: 'lines/{resources.lines.id}' } } }"), @"
    error: resources refer to each other in a circle: orders -> lines -> orders
      --> shop.yaml:13:3
       |
    13 | - name: orders
       |   ^^^^
       |
       = in resources

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn two_parents() {
    let patch = "resources: { shops: {}, lines: { endpoint: { path: '{resources.shops.id}/{resources.orders.id}' } } }";
    assert_snapshot!(check(patch), @"
    error: `lines` has several parents; say whose `id` it is
      --> shop.yaml:23:5
       |
    23 |   - id
       |     ^^ write `shops.id` or `orders.id`
       |
       = in resources[1].include_from_parent

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn parent_fields_without_a_parent() {
    assert_snapshot!(check("resources: { orders: { include_from_parent: [id] } }"), @"
    error: `orders` has no parent to include fields from
      --> shop.yaml:22:5
       |
    22 |   - id
       |     ^^
       |
       = in resources[0].include_from_parent
       = help: refer to the parent in the endpoint: `{resources.parent.field}`

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn json_and_data() {
    assert_snapshot!(check("resources: { orders: { endpoint: { method: post, json: { a: 1 }, data: { b: 2 } } } }"), @"
    error: `json` and `data` exclude each other: a request has one body
      --> shop.yaml:24:5
       |
    24 |     data:
       |     ^^^^
       |
       = in resources[0].endpoint

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn w11_merge_without_a_key() {
    assert_snapshot!(check("resources: { orders: { primary_key: ~ } }"), @"
    error: `merge` needs a `primary_key`: without one no record can be told from another
      --> shop.yaml:14:22
       |
    14 |   write_disposition: merge
       |                      ^^^^^
       |
       = in resources[0]
       = help: name the field that identifies a record, or use `append` or `replace`

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn one_name_twice() {
    let patch = "resources: [orders, { name: orders, endpoint: old_orders }]";
    assert_snapshot!(check(patch), @"
    error: two resources are named `orders`
      --> shop.yaml:14:9
       |
    14 | - name: orders
       |         ^^^^^^
       |
       = in resources[1]

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn one_table_twice() {
    assert_snapshot!(check("resources: { lines: { table_name: Orders } }"), @"
    error: `orders` and `lines` would both be stored in table `orders`
      --> shop.yaml:26:15
       |
    26 |   table_name: Orders
       |               ^^^^^^ give one of them a `table_name`
       |
       = in resources[1]

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn unknown_variable() {
    assert_snapshot!(check("resources: { orders: { endpoint: { params: { region: '{vars.regoin}' } } } }"), @"
    error: `vars` has no `regoin`
      --> shop.yaml:19:15
       |
    19 |       region: '{vars.regoin}'
       |               ^^^^^^^^^^^^^^^ did you mean `region`?
       |
       = in resources[0].endpoint.params

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn unknown_placeholder() {
    assert_snapshot!(check("resources: { orders: { endpoint: { params: { region: '{secret.region}' } } } }"), @"
    error: `{secret.region}` refers to `secret`, which is unknown here
      --> shop.yaml:19:15
       |
    19 |       region: '{secret.region}'
       |               ^^^^^^^^^^^^^^^^^ did you mean `secrets`?
       |
       = in resources[0].endpoint.params

    1 error in shop.yaml
    exit code 2
    ");
    assert_snapshot!(check("resources: { orders: { endpoint: { params: { region: '{region}' } } } }"), @"
    error: `{region}` refers to `region`, which is unknown here
      --> shop.yaml:19:15
       |
    19 |       region: '{region}'
       |               ^^^^^^^^^^
       |
       = in resources[0].endpoint.params
       = help: a placeholder begins with one of: env, incremental, resources, run, secrets, vars, window; write `{{` for a literal brace

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn unbalanced_brace() {
    assert_snapshot!(check("resources: { orders: { endpoint: { path: 'orders/{vars.region' } } }"), @"
    error: a `{` without its `}`
      --> shop.yaml:17:11
       |
    17 |     path: orders/{vars.region
       |           ^^^^^^^^^^^^^^^^^^^ write `{{` for a literal brace
       |
       = in resources[0].endpoint

    1 error in shop.yaml
    exit code 2
    ");
    assert_snapshot!(check("resources: { orders: { endpoint: { headers: { X-Region: 'eu}' } } } }"), @"
    error: a `}` without its `{`
      --> shop.yaml:22:17
       |
    22 |       X-Region: eu}
       |                 ^^^ write `}}` for a literal brace
       |
       = in resources[0].endpoint.headers

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn placeholder_that_is_no_expression() {
    assert_snapshot!(check("resources: { orders: { endpoint: { params: { region: '{vars.region | }' } } } }"), @"
    error: `{vars.region |}` is not a placeholder: unexpected end of input, expected identifier
      --> shop.yaml:19:15
       |
    19 |       region: '{vars.region | }'
       |               ^^^^^^^^^^^^^^^^^^
       |
       = in resources[0].endpoint.params

    1 error in shop.yaml
    exit code 2
    ");
    assert_snapshot!(check("resources: { orders: { endpoint: { params: { region: '{vars.region | upperr}' } } } }"), @"
    error: `{vars.region | upperr}` uses the filter `upperr`, which is unknown
      --> shop.yaml:19:15
       |
    19 |       region: '{vars.region | upperr}'
       |               ^^^^^^^^^^^^^^^^^^^^^^^^ did you mean `upper`?
       |
       = in resources[0].endpoint.params

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn skipping_pages_with_a_cursor() {
    let patch = "resources: { orders: { endpoint: { paginator: cursor, response_actions: [{ status_code: 500, action: skip_page }] } } }";
    assert_snapshot!(check(patch), @"
    error: `skip_page` needs a page_number or offset paginator: the others learn the next page from the one skipped
      --> shop.yaml:24:15
       |
    24 |       action: skip_page
       |               ^^^^^^^^^
       |
       = in resources[0].endpoint.response_actions[0]

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn action_that_is_unknown_or_without_a_condition() {
    let patch = "resources: { orders: { endpoint: { response_actions: [{ status_code: 404, action: ignored }] } } }";
    assert_snapshot!(check(patch), @"
    error: unknown value `ignored`
      --> shop.yaml:23:15
       |
    23 |       action: ignored
       |               ^^^^^^^ did you mean `ignore`?
       |
       = in resources[0].endpoint.response_actions[0]
       = help: known: `ignore`, `retry`, `skip_page`, `stop`, `fail`

    1 error in shop.yaml
    exit code 2
    ");
    let patch = "resources: { orders: { endpoint: { response_actions: [{ action: fail }, { status_code: 4x, action: fail }, { content: x, action: stop, message: m }] } } }";
    assert_snapshot!(check(patch), @"
    error: an action without a condition would meet every answer
      --> shop.yaml:22:7
       |
    22 |     - action: fail
       |       ^^^^^^ give one of status_code, content, json, header
       |
       = in resources[0].endpoint.response_actions

    error: `4x` is not a status
      --> shop.yaml:23:20
       |
    23 |     - status_code: 4x
       |                    ^^ write a number (404), a class (4xx) or a range (500-503)
       |
       = in resources[0].endpoint.response_actions[1]

    error: only `action: fail` has a message
      --> shop.yaml:27:16
       |
    27 |       message: m
       |                ^
       |
       = in resources[0].endpoint.response_actions[2]

    3 errors in shop.yaml
    exit code 2
    ");
}

#[test]
fn page_number_in_a_form_body() {
    let patch = "resources: { orders: { endpoint: { method: POST, data: { a: 1 }, paginator: { type: page_number, page_body_path: page } } } }";
    assert_snapshot!(check(patch), @"
    error: the paginator writes into a JSON body, which a form body (`data`) leaves no room for; use `json`
      --> shop.yaml:22:5
       |
    22 |     data:
       |     ^^^^
       |
       = in resources[0].endpoint

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn credentials_without_their_type() {
    assert_snapshot!(check("client: { auth: { type: ~, token: ~, api_key: s3cr3t, name: X-Key } }"), @"
    error: missing key `type`
     --> shop.yaml:5:3
      |
    5 |   auth:
      |   ^^^^ did you mean `type: api_key`?
      |
      = in client.auth
      = help: known types: `api_key`, `bearer`, `http_basic`, `http_digest`, `oauth2_client_credentials`, `oauth2_jwt_bearer`, `oauth2_refresh_token`, `session_login`

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn credentials_without_the_secret() {
    let report = check("client: { auth: { token: ~ } }");
    // The user's own folder differs from run to run.
    let lines: Vec<&str> = report.lines().filter(|line| !line.contains("/.config/")).collect();
    assert_snapshot!(lines.join("\n"), @r#"
    warning: the credentials have no `token`
     --> shop.yaml:5:3
      |
    5 |   auth:
      |   ^^^^
      |
      = in client
      = help: write `token: "{secrets.my_token}"`, or give `credentials.token`; it was looked for in
               environment variables `SOURCES__REST_API__SHOP__CREDENTIALS__TOKEN`, `SOURCES__REST_API__CREDENTIALS__TOKEN`, `SOURCES__SHOP__CREDENTIALS__TOKEN`, `SOURCES__CREDENTIALS__TOKEN`, `CREDENTIALS__TOKEN`, `CREDENTIALS_TOKEN`
               the same in `./.env` (no such file)
               `sources.rest_api.shop.credentials.token`, `sources.rest_api.credentials.token`, `sources.shop.credentials.token`, `sources.credentials.token`, `credentials.token` in `./secrets.toml` (no such file)
               file `/run/secrets/credentials.token`
               file `/run/secrets/CREDENTIALS.TOKEN`

    1 warning in shop.yaml
    shop.yaml: no mistakes; 2 resources loaded, 0 left out
    exit code 0
    "#);
}

/// Case A-10: a mistake beside a token that stands in the config shows the token's line without it.
#[test]
fn credentials_with_a_key_of_another_kind() {
    assert_snapshot!(check("client: { auth: { type: bearer, token: s3cr3t-typed, location: header } }"), @r"
    error: unknown key `location`
     --> shop.yaml:8:5
      |
    8 |     location: header
      |     ^^^^^^^^ known here: `type`, `token`
      |
      = in client.auth

    1 error in shop.yaml
    exit code 2
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

/// Case A-05.
#[test]
fn credentials_of_an_unknown_type() {
    for (auth, said) in [
        (
            "{ type: oauth2_client_credential }",
            "unknown auth type `oauth2_client_credential`",
        ),
        ("oauth2_client_credential", "unknown value `oauth2_client_credential`"),
    ] {
        let report = check(&format!("client: {{ auth: {auth} }}"));
        assert!(report.contains(said), "{report}");
        assert!(report.contains("did you mean `oauth2_client_credentials`?"), "{report}");
        let known = report.split("known: ").nth(1).unwrap_or_default();
        for name in restload_source::auth::NAMES {
            assert!(known.contains(&format!("`{name}`")), "{name} is not listed: {report}");
        }
    }
}

/// Rules that hold between the keys of credentials are found before anything is sent.
#[test]
fn credentials_that_refer_to_what_they_do_not_capture() {
    let patch = r#"
client:
  auth:
    type: session_login
    token: ~
    login: { path: login, json: { password: "{secrets.shop_token}" }, data: "x=1" }
    capture: { sid: { cookie: SID, header: X-SID } , token: "$.[" }
    placements: [{ name: "a b", value: "{session.sidd}" }]
"#;
    assert_snapshot!(check(patch), @r"
    error: `json` and `data` exclude each other: a request has one body
      --> shop.yaml:11:13
       |
    11 |       data: x=1
       |             ^^^
       |
       = in client.auth.login

    error: a capture has exactly one of `json`, `header` and `cookie`
      --> shop.yaml:13:7
       |
    13 |       sid:
       |       ^^^
       |
       = in client.auth.capture

    error: `$.[` is not a JSONPath: expected selector at its end
      --> shop.yaml:16:14
       |
    16 |       token: $.[
       |              ^^^
       |
       = in client.auth.capture

    error: `a b` is not a header name
      --> shop.yaml:18:13
       |
    18 |     - name: a b
       |             ^^^
       |
       = in client.auth.placements[0]

    error: `sidd` is not captured
      --> shop.yaml:19:14
       |
    19 |       value: '{session.sidd}'
       |              ^^^^^^^^^^^^^^^^ did you mean `{session.sid}`?
       |
       = in client.auth.placements[0]

    5 errors in shop.yaml
    exit code 2
    ");
}

#[test]
fn secret_that_is_not_there() {
    let report = check("client: { auth: { token: '{secrets.other_token}' } }");
    // The user's own folder differs from run to run.
    let lines: Vec<&str> = report.lines().filter(|line| !line.contains("/.config/")).collect();
    assert_snapshot!(lines.join("\n"), @"
    warning: secret `other_token` is not set
     --> shop.yaml:7:12
      |
    7 |     token: '{secrets.other_token}'
      |            ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = in client.auth
      = help: it was looked for in
               environment variable `OTHER_TOKEN`
               `OTHER_TOKEN` in `./.env` (no such file)
               `other_token` in `./secrets.toml` (no such file)
               file `/run/secrets/other_token`
               file `/run/secrets/OTHER_TOKEN`

    1 warning in shop.yaml
    shop.yaml: no mistakes; 2 resources loaded, 0 left out
    exit code 0
    ");
}

#[test]
fn wrong_type_of_value() {
    assert_snapshot!(check("client: { concurrency: many, trusted_hosts: example.com }"), @"
    error: expected a whole number, found a string
      --> shop.yaml:12:16
       |
    12 |   concurrency: many
       |                ^^^^
       |
       = in client

    error: expected a list, found a string
      --> shop.yaml:13:18
       |
    13 |   trusted_hosts: example.com
       |                  ^^^^^^^^^^^ an element of a list begins with `- `, or stands in `[…]`
       |
       = in client

    2 errors in shop.yaml
    exit code 2
    ");
    assert_snapshot!(check("client: { base_url: ~ }"), @"
    error: missing key `base_url`
     --> shop.yaml:3:1
      |
    3 | client:
      | ^^^^^^
      |
      = in client

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn unknown_value() {
    assert_snapshot!(check("resources: { orders: { write_disposition: upsert, columns: { id: { data_type: integer } } } }"), @"
    error: unknown value `upsert`
      --> shop.yaml:14:22
       |
    14 |   write_disposition: upsert
       |                      ^^^^^^ known: `append`, `replace`, `merge`, `skip`
       |
       = in resources[0]

    error: unknown value `integer`
      --> shop.yaml:23:18
       |
    23 |       data_type: integer
       |                  ^^^^^^^
       |
       = in resources[0].columns.id
       = help: known: `text`, `bigint`, `double`, `bool`, `boolean`, `timestamp`, `date`, `time`, `numeric`, `decimal`, `wei`, `json`, `complex`, `binary`

    2 errors in shop.yaml
    exit code 2
    ");
}

#[test]
fn columns_and_contracts() {
    assert_snapshot!(
        check(
            "resources: { orders: { schema_contract: { columns: froze, rows: freeze }, columns: { \
             a: { scale: 2 }, b: { data_type: decimal, precision: 2, scale: 3 }, c: { data_type: text, precision: 0 }, \
             d: { data_type: timestamp, precision: 9 }, e: { data_type: date, timezone: false } } } }"
        ),
        @"
    error: unknown value `froze`
      --> shop.yaml:22:14
       |
    22 |     columns: froze
       |              ^^^^^ did you mean `freeze`?
       |
       = in resources[0].schema_contract
       = help: known: `evolve`, `warn`, `freeze`, `discard_row`, `discard_value`

    error: unknown key `rows`
      --> shop.yaml:23:5
       |
    23 |     rows: freeze
       |     ^^^^ known here: `tables`, `columns`, `data_type`
       |
       = in resources[0].schema_contract

    2 errors in shop.yaml
    exit code 2
    ");
    assert_snapshot!(
        check(
            "resources: { orders: { columns: { \
             a: { scale: 2 }, b: { data_type: decimal, precision: 2, scale: 3 }, c: { data_type: text, precision: 0 }, \
             d: { data_type: timestamp, precision: 9 }, e: { data_type: date, timezone: false } } } }"
        ),
        @"
    error: `scale` needs a `precision`: the digits in all, of which those after the point are a part
      --> shop.yaml:23:14
       |
    23 |       scale: 2
       |              ^ write both: `precision: 38, scale: 9`
       |
       = in resources[0].columns.a

    error: 3 digits after the point do not fit 2 digits in all
      --> shop.yaml:27:14
       |
    27 |       scale: 3
       |              ^
       |
       = in resources[0].columns.b

    error: a `precision` of 0 leaves room for nothing
      --> shop.yaml:30:18
       |
    30 |       precision: 0
       |                  ^
       |
       = in resources[0].columns.c

    error: a moment has 6 digits after the second at most; this is 9
      --> shop.yaml:33:18
       |
    33 |       precision: 9
       |                  ^ both databases keep microseconds; leave `precision` out
       |
       = in resources[0].columns.d

    error: `timezone` says nothing of column `e`, which is no timestamp
      --> shop.yaml:36:17
       |
    36 |       timezone: false
       |                 ^^^^^ give it `data_type: timestamp` too
       |
       = in resources[0].columns.e

    5 errors in shop.yaml
    exit code 2
    ");
}

#[test]
fn address_that_is_none() {
    assert_snapshot!(check("client: { base_url: shop.example.com }"), @"
    error: `shop.example.com/orders` is not a URL: relative URL without a base
     --> shop.yaml:4:13
      |
    4 |   base_url: shop.example.com
      |             ^^^^^^^^^^^^^^^^ a whole URL begins with `https://`
      |
      = in client

    1 error in shop.yaml
    exit code 2
    ");
}

#[test]
fn step_that_is_unknown_or_does_nothing() {
    assert_snapshot!(check("resources: { orders: { processing_steps: [{}] } }"), @"
    error: this step does nothing
      --> shop.yaml:22:5
       |
    22 |   - {}
       |     ^^
       |
       = in resources[0].processing_steps
       = help: name an action: filter, set, cast, explode, unpivot, hash, jq, select, drop or rename

    1 error in shop.yaml
    exit code 2
    ");
    assert_snapshot!(check("resources: { orders: { processing_steps: [{}, { filters: x }] } }"), @"
    error: this step does nothing
      --> shop.yaml:22:5
       |
    22 |   - {}
       |     ^^
       |
       = in resources[0].processing_steps
       = help: name an action: filter, set, cast, explode, unpivot, hash, jq, select, drop or rename

    error: unknown key `filters`
      --> shop.yaml:23:5
       |
    23 |   - filters: x
       |     ^^^^^^^ did you mean `filter`?
       |
       = in resources[0].processing_steps[1]

    2 errors in shop.yaml
    exit code 2
    ");
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

#[test]
fn placeholders_of_the_destination_are_looked_at_too() {
    let report = check("destination: \"postgres://me:{secrts.pg}@host/db\"");
    assert!(
        report.contains("error: `{secrts.pg}` refers to `secrts`, which is unknown here"),
        "{report}"
    );
    assert!(
        report.contains("did you mean `secrets`?") && report.contains("exit code 2"),
        "{report}"
    );
}
