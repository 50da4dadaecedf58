//! A snippet of YAML and the report that a person reads; the types stand for the config's own.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use restload_model::diagnostics::Diagnostics;
use schemars::{JsonSchema, schema_for};

use crate::load::document::Document;
use crate::load::render::render;

use super::validate;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Config {
    name: Option<String>,
    client: Client,
    resource_defaults: Option<Resource>,
    #[schemars(length(min = 1))]
    resources: Vec<ResourceForm>,
    vars: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Client {
    #[schemars(length(min = 1))]
    base_url: String,
    headers: Option<BTreeMap<String, String>>,
    paginator: Option<PaginatorForm>,
    #[schemars(range(min = 1, max = 64))]
    concurrency: Option<u32>,
    timeout_secs: Option<f64>,
    follow_redirects: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum ResourceForm {
    Name(String),
    Full(Box<Resource>),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Resource {
    name: Option<String>,
    endpoint: Option<EndpointForm>,
    write_disposition: Option<Disposition>,
    primary_key: Option<OneOrMany>,
    incremental: Option<Incremental>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum Disposition {
    /// Adds.
    Append,
    Replace,
    Merge,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum EndpointForm {
    Path(String),
    Full(Endpoint),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Endpoint {
    path: String,
    paginator: Option<PaginatorForm>,
    params: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum PaginatorForm {
    Name(PaginatorName),
    Full(Paginator),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum PaginatorName {
    SinglePage,
    HeaderLink,
}

#[derive(JsonSchema)]
#[schemars(tag = "type", rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum Paginator {
    Cursor(Cursor),
    Offset(Offset),
    SinglePage,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Cursor {
    cursor_path: String,
    cursor_param: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Offset {
    limit: u64,
    #[schemars(range(max = 100))]
    maximum_offset: Option<i64>,
}

/// Two forms without a tag.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Incremental {
    ByCursor(ByCursor),
    ByWindow(ByWindow),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct ByCursor {
    cursor_path: String,
    initial_value: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct ByWindow {
    window: String,
    overlap: Option<u32>,
}

fn check(yaml: &str) -> String {
    let document = match Document::parse("shop.yaml", yaml.to_owned()) {
        Ok(document) => document,
        Err(error) => return error.render(false),
    };
    let mut diagnostics = Diagnostics::default();
    validate(document.value(), schema_for!(Config).as_value(), &mut diagnostics);
    render(Some(&document), &diagnostics.into_vec(), false)
}

/// A config around one resource's lines.
fn check_resource(lines: &str) -> String {
    let resource = lines.trim_end().replace('\n', "\n    ");
    check(&format!(
        "client: {{base_url: https://api.test}}\nresources:\n  - {}\n",
        resource.trim_start()
    ))
}

#[test]
fn accepts_every_form() {
    assert_snapshot!(check("
name: shop
client:
  base_url: https://api.test
  paginator: single_page
  concurrency: 4
  timeout_secs: 2
  headers: {Accept: application/json}
resource_defaults: {write_disposition: merge, primary_key: id}
resources:
  - orders
  - {name: items, endpoint: items.json, primary_key: [a, b]}
  - name: users
    endpoint: {path: users, paginator: {type: cursor, cursor_path: $.next}}
    incremental: {window: 1d, overlap: 3}
vars: {a: 1, b: [x]}
"), @"");
}

#[test]
fn reports_every_mistake_at_once() {
    assert_snapshot!(check(r#"
nam: shop
client:
  base_url: ""
  concurrency: 0
  timeout_secs: soon
resources:
  - name: orders
    write_disposition: mergee
    endpoint:
      path: orders
      paginator:
        type: cursor
        cursor_pth: $.meta.next
  - name: items
    endpoint:
      paginator: {type: offset, limit: 2.5, maximum_offset: 101}
"#), @r#"
    error: unknown key `nam`
     --> shop.yaml:2:1
      |
    2 | nam: shop
      | ^^^ did you mean `name`?

    error: `base_url` must not be empty
     --> shop.yaml:4:13
      |
    4 |   base_url: ""
      |             ^^
      |
      = in client

    error: expected at least 1, found 0
     --> shop.yaml:5:16
      |
    5 |   concurrency: 0
      |                ^
      |
      = in client

    error: expected a number, found a string
     --> shop.yaml:6:17
      |
    6 |   timeout_secs: soon
      |                 ^^^^
      |
      = in client

    error: unknown value `mergee`
     --> shop.yaml:9:24
      |
    9 |     write_disposition: mergee
      |                        ^^^^^^ did you mean `merge`?
      |
      = in resources[0]
      = help: known: `replace`, `merge`, `append`

    error: unknown key `cursor_pth`
      --> shop.yaml:14:9
       |
    14 |         cursor_pth: $.meta.next
       |         ^^^^^^^^^^ did you mean `cursor_path`?
       |
       = in resources[0].endpoint.paginator

    error: missing key `path`
      --> shop.yaml:16:5
       |
    16 |     endpoint:
       |     ^^^^^^^^
       |
       = in resources[1].endpoint

    error: expected a whole number, found a number with a fraction
      --> shop.yaml:17:40
       |
    17 |       paginator: {type: offset, limit: 2.5, maximum_offset: 101}
       |                                        ^^^
       |
       = in resources[1].endpoint.paginator

    error: expected at most 100, found 101
      --> shop.yaml:17:61
       |
    17 |       paginator: {type: offset, limit: 2.5, maximum_offset: 101}
       |                                                             ^^^
       |
       = in resources[1].endpoint.paginator

    9 errors in shop.yaml
    "#);
}

#[test]
fn unknown_key_without_a_near_name() {
    assert_snapshot!(check_resource("name: orders\ncolour: red\n"), @r"
    error: unknown key `colour`
     --> shop.yaml:4:5
      |
    4 |     colour: red
      |     ^^^^^^
      |
      = in resources[0]
      = help: known here: `name`, `endpoint`, `write_disposition`, `primary_key`, `incremental`

    1 error in shop.yaml
    ");
}

#[test]
fn key_that_belongs_one_level_down() {
    assert_snapshot!(check_resource("name: orders\npath: /orders\n"), @r"
    error: unknown key `path`
     --> shop.yaml:4:5
      |
    4 |     path: /orders
      |     ^^^^ `path` belongs under `endpoint`
      |
      = in resources[0]

    1 error in shop.yaml
    ");
}

#[test]
fn key_that_belongs_further_left() {
    assert_snapshot!(check_resource("name: orders\nendpoint:\n  path: /orders\n  primary_key: id\n"), @r"
    error: unknown key `primary_key`
     --> shop.yaml:6:7
      |
    6 |       primary_key: id
      |       ^^^^^^^^^^^ `primary_key` belongs in `resources[0]`, further left
      |
      = in resources[0].endpoint

    1 error in shop.yaml
    ");
}

#[test]
fn unknown_tag() {
    assert_snapshot!(check_resource("name: orders\nendpoint: {path: a, paginator: {type: cursr, cursor_path: a}}\n"), @r"
    error: unknown paginator type `cursr`
     --> shop.yaml:4:43
      |
    4 |     endpoint: {path: a, paginator: {type: cursr, cursor_path: a}}
      |                                           ^^^^^ did you mean `cursor`?
      |
      = in resources[0].endpoint.paginator
      = help: known: `cursor`, `offset`, `single_page`

    1 error in shop.yaml
    ");
}

#[test]
fn tag_that_is_near_nothing() {
    assert_snapshot!(check_resource("name: orders\nendpoint: {path: a, paginator: {type: 5}}\n"), @r"
    error: expected a string, found a number
     --> shop.yaml:4:43
      |
    4 |     endpoint: {path: a, paginator: {type: 5}}
      |                                           ^ known types: `cursor`, `offset`, `single_page`
      |
      = in resources[0].endpoint.paginator

    1 error in shop.yaml
    ");
}

#[test]
fn missing_tag_is_guessed_from_the_keys() {
    assert_snapshot!(check_resource("name: orders\nendpoint:\n  path: a\n  paginator:\n    limit: 10\n"), @r"
    error: missing key `type`
     --> shop.yaml:6:7
      |
    6 |       paginator:
      |       ^^^^^^^^^ did you mean `type: offset`?
      |
      = in resources[0].endpoint.paginator
      = help: known types: `cursor`, `offset`, `single_page`

    1 error in shop.yaml
    ");
}

#[test]
fn unknown_key_in_a_variant_without_keys() {
    assert_snapshot!(check_resource("name: orders\nendpoint: {path: a, paginator: {type: single_page, limit: 3}}\n"), @r"
    error: unknown key `limit`
     --> shop.yaml:4:56
      |
    4 |     endpoint: {path: a, paginator: {type: single_page, limit: 3}}
      |                                                        ^^^^^ known here: `type`
      |
      = in resources[0].endpoint.paginator

    1 error in shop.yaml
    ");
}

#[test]
fn unknown_name_where_a_map_may_stand() {
    assert_snapshot!(check_resource("name: orders\nendpoint: {path: a, paginator: header_lnk}\n"), @r"
    error: unknown value `header_lnk`
     --> shop.yaml:4:36
      |
    4 |     endpoint: {path: a, paginator: header_lnk}
      |                                    ^^^^^^^^^^ did you mean `header_link`?
      |
      = in resources[0].endpoint
      = help: known: `single_page`, `header_link`

    1 error in shop.yaml
    ");
}

#[test]
fn missing_key() {
    assert_snapshot!(check("
name: shop
resources: []
"), @r"
    error: missing key `client`
     --> shop.yaml:2:1
      |
    2 | name: shop
      | ^^^^

    error: expected at least 1 element, found 0
     --> shop.yaml:3:12
      |
    3 | resources: []
      |            ^^

    2 errors in shop.yaml
    ");
}

#[test]
fn wrong_types() {
    assert_snapshot!(check(r#"
client:
  base_url: 12
  follow_redirects: yes
  concurrency: "4"
  headers: {Accept: [a]}
  paginator: 5
resources: orders
"#), @r#"
    error: expected a string, found a number
     --> shop.yaml:3:13
      |
    3 |   base_url: 12
      |             ^^ put it in quotes: "12"
      |
      = in client

    error: expected true or false, found a string
     --> shop.yaml:4:21
      |
    4 |   follow_redirects: yes
      |                     ^^^ write `true`
      |
      = in client

    error: expected a whole number, found a string
     --> shop.yaml:5:16
      |
    5 |   concurrency: "4"
      |                ^^^ remove the quotes
      |
      = in client

    error: expected a string, found a list
     --> shop.yaml:6:21
      |
    6 |   headers: {Accept: [a]}
      |                     ^^^
      |
      = in client.headers

    error: expected a string or a map, found a number
     --> shop.yaml:7:14
      |
    7 |   paginator: 5
      |              ^ known: `single_page`, `header_link`
      |
      = in client

    error: expected a list, found a string
     --> shop.yaml:8:12
      |
    8 | resources: orders
      |            ^^^^^^ an element of a list begins with `- `, or stands in `[…]`

    6 errors in shop.yaml
    "#);
}

#[test]
fn unquoted_placeholder() {
    assert_snapshot!(check_resource("name: {vars.name}\n"), @r#"
    error: expected a string, found a map
     --> shop.yaml:3:11
      |
    3 |   - name: {vars.name}
      |           ^^^^^^^^^^^ put the placeholder in quotes: "{vars.name}"
      |
      = in resources[0]

    1 error in shop.yaml
    "#);
}

#[test]
fn empty_value() {
    assert_snapshot!(check("
client:
resources: [a]
"), @r"
    error: expected a map, found nothing
     --> shop.yaml:2:1
      |
    2 | client:
      | ^^^^^^

    1 error in shop.yaml
    ");
}

#[test]
fn form_without_a_tag_is_picked_by_its_keys() {
    assert_snapshot!(check_resource("name: orders\nincremental: {window: 1d, overlap: many}\n"), @r"
    error: expected a whole number, found a string
     --> shop.yaml:4:40
      |
    4 |     incremental: {window: 1d, overlap: many}
      |                                        ^^^^
      |
      = in resources[0].incremental

    1 error in shop.yaml
    ");
}

#[test]
fn keys_of_no_form() {
    assert_snapshot!(check_resource("name: orders\nincremental: {cursor_pth: a}\n"), @r"
    error: unknown key `cursor_pth`
     --> shop.yaml:4:19
      |
    4 |     incremental: {cursor_pth: a}
      |                   ^^^^^^^^^^ did you mean `cursor_path`?
      |
      = in resources[0].incremental

    1 error in shop.yaml
    ");
}

#[test]
fn the_document_itself() {
    assert_snapshot!(check("
- a
- b
"), @r"
    error: expected a map, found a list
     --> shop.yaml:2:3
      |
    2 | - a
      |   ^

    1 error in shop.yaml
    ");
}

#[test]
fn mistake_in_the_defaults_points_there() {
    assert_snapshot!(check("
client: {base_url: https://api.test}
resource_defaults:
  endpoint:
    path: a
    paginator: {type: cursor}
resources: [orders]
"), @r"
    error: missing key `cursor_path`
     --> shop.yaml:6:5
      |
    6 |     paginator: {type: cursor}
      |     ^^^^^^^^^
      |
      = in resource_defaults.endpoint.paginator

    1 error in shop.yaml
    ");
}

#[test]
fn mistake_behind_an_alias_points_at_the_anchor() {
    assert_snapshot!(check("
client:
  base_url: https://api.test
  paginator: &paging
    type: offset
    limit: many
resources:
  - name: orders
    endpoint: {path: a, paginator: *paging}
  - <<: &common {write_disposition: mrege}
    name: items
"), @r"
    error: expected a whole number, found a string
     --> shop.yaml:6:12
      |
    6 |     limit: many
      |            ^^^^
      |
      = in client.paginator, and 1 more place

    error: unknown value `mrege`
      --> shop.yaml:10:37
       |
    10 |   - <<: &common {write_disposition: mrege}
       |                                     ^^^^^ did you mean `merge`?
       |
       = in resources[1]
       = help: known: `replace`, `merge`, `append`

    2 errors in shop.yaml
    ");
}

#[test]
fn crlf_and_wide_letters() {
    assert_snapshot!(check("client: {base_url: https://api.test}\r\nresources:\r\n  - {name: 注文 é, wirte_disposition: merge}\r\n"), @r"
    error: unknown key `wirte_disposition`
     --> shop.yaml:3:18
      |
    3 |   - {name: 注文 é, wirte_disposition: merge}
      |                    ^^^^^^^^^^^^^^^^^ did you mean `write_disposition`?
      |
      = in resources[0]

    1 error in shop.yaml
    ");
}

#[test]
fn a_mistyped_secret_is_not_shown() {
    assert_snapshot!(check("client: {base_url: a, api_kye: s3cret, headers: {Authorization: 123456}}\nresources: [a]\n"), @r"
    error: unknown key `api_kye`
     --> shop.yaml:1:23
      |
    1 | client: {base_url: a, api_kye: ***, headers: {Authorization: ***}}
      |                       ^^^^^^^
      |
      = in client
      = help: known here: `base_url`, `headers`, `paginator`, `concurrency`, `timeout_secs`, `follow_redirects`

    error: expected a string, found a number
     --> shop.yaml:1:65
      |
    1 | client: {base_url: a, api_kye: ***, headers: {Authorization: ***}}
      |                                                              ^^^ put it in quotes
      |
      = in client.headers

    2 errors in shop.yaml
    ");
}
