//! A YAML text and its value, or the report of why it has none. What is said of each mistake in its syntax is in
//! `tests/mistakes/yaml`.

use insta::assert_snapshot;
use restload_model::diagnostics::{Anchor, KeyPath};
use serde_json::json;

use super::Document;

fn parse(yaml: &str) -> String {
    match Document::parse("shop.yaml", yaml.to_owned()) {
        Ok(document) => document.value().to_string(),
        Err(error) => error.to_string(),
    }
}

/// The line and column that a path leads to, and the text there.
fn place(yaml: &str, path: &KeyPath, anchor: Anchor) -> String {
    let document = Document::parse("shop.yaml", yaml.to_owned()).unwrap();
    let span = document.span(path, anchor);
    let line = document.source().line(span.line).unwrap();
    let text: String = line.chars().skip(span.column - 1).take(span.length).collect();
    format!("{}:{} {text}", span.line, span.column)
}

#[test]
fn keys_keep_their_order_and_own_keys_win_over_merged_ones() {
    let yaml = "
base: &base {z: 1, a: 2}
more: &more {a: 3, b: 4}
one:
  a: 5
  <<: *base
  y: 6
two:
  <<: [*base, *more]
  last: [*more]
";
    assert_snapshot!(parse(yaml), @r#"{"base":{"z":1,"a":2},"more":{"a":3,"b":4},"one":{"a":5,"z":1,"y":6},"two":{"z":1,"a":2,"b":4,"last":[{"a":3,"b":4}]}}"#);
}

#[test]
fn numbers_are_exact_and_text_stays_text() {
    assert_snapshot!(parse("{a: 18446744073709551615, b: -1, c: 1.5, d: 0x10, e: no, f: '1', g: 2024-01-01}"), @r#"{"a":18446744073709551615,"b":-1,"c":1.5,"d":16,"e":"no","f":"1","g":"2024-01-01"}"#);
}

#[test]
fn a_byte_order_mark_and_crlf_are_no_mistakes() {
    assert_eq!(
        parse("\u{feff}a: 1\r\nb: |\r\n  x\r\n  y\r\n"),
        json!({"a": 1, "b": "x\ny\n"}).to_string()
    );
}

#[test]
fn every_key_set_twice_is_reported() {
    let yaml = "
name: a
client:
  base_url: x
  base_url: y
resources:
  - {name: a, name: b}
name: c
other: {<<: {a: 1}, <<: {b: 2}}
";
    assert_snapshot!(parse(yaml), @r"
    error: key `base_url` is set twice
     --> shop.yaml:5:3
      |
    5 |   base_url: y
      |   ^^^^^^^^ first set in line 4
      |
      = in client

    error: key `name` is set twice
     --> shop.yaml:7:15
      |
    7 |   - {name: a, name: b}
      |               ^^^^ first set in line 7
      |
      = in resources[0]

    error: key `name` is set twice
     --> shop.yaml:8:1
      |
    8 | name: c
      | ^^^^ first set in line 2

    error: key `<<` is set twice
     --> shop.yaml:9:21
      |
    9 | other: {<<: {a: 1}, <<: {b: 2}}
      |                     ^^ several maps are merged by one key: `<<: [*first, *second]`
      |
      = in other

    4 errors in shop.yaml
    ");
}

#[test]
fn keys_that_are_not_text_and_numbers_that_are_not_finite_are_reported_together() {
    let yaml = "
a: {1: x, true: y, 0x1F: z, ~: n}
b: .inf
c: !env TOKEN
d:
  - {{vars.x}: 1}
e: {<<: 5}
";
    assert_snapshot!(parse(yaml), @r#"
    error: key `1` is a number, not text
     --> shop.yaml:2:5
      |
    2 | a: {1: x, true: y, 0x1F: z, ~: n}
      |     ^ put it in quotes: `"1"`
      |
      = in a

    error: key `true` is a boolean, not text
     --> shop.yaml:2:11
      |
    2 | a: {1: x, true: y, 0x1F: z, ~: n}
      |           ^^^^ put it in quotes: `"true"`
      |
      = in a

    error: key `0x1F` is a number, not text
     --> shop.yaml:2:20
      |
    2 | a: {1: x, true: y, 0x1F: z, ~: n}
      |                    ^^^^ put it in quotes: `"0x1F"`
      |
      = in a

    error: key `~` is empty, not text
     --> shop.yaml:2:29
      |
    2 | a: {1: x, true: y, 0x1F: z, ~: n}
      |                             ^ put it in quotes: `"~"`
      |
      = in a

    error: `.inf` is not a number that can be used
     --> shop.yaml:3:4
      |
    3 | b: .inf
      |    ^^^^ write a finite number, or put the text in quotes

    error: the YAML tag `!env` means nothing here
     --> shop.yaml:4:4
      |
    4 | c: !env TOKEN
      |    ^^^^^^^^^^ remove it, or put the text in quotes

    error: a key must be text
     --> shop.yaml:6:6
      |
    6 |   - {{vars.x}: 1}
      |      ^ text that begins with `{` or `[` must be in quotes
      |
      = in d[0]

    error: only maps can be merged
     --> shop.yaml:7:9
      |
    7 | e: {<<: 5}
      |         ^
      |
      = in e
      = help: `<<` takes an alias of a map, or a list of such aliases: `<<: *defaults`

    8 errors in shop.yaml
    "#);
}

#[test]
fn a_selector_that_looks_like_an_alias() {
    assert_snapshot!(parse("a: *\n"), @r"
    error: this alias has no anchor
     --> shop.yaml:1:5
      |
    1 | a: *
      |     ^
      |
      = help: text that begins with `*` must be in quotes; an alias needs its anchor `&name` further up

    1 error in shop.yaml
    ");
}

#[test]
fn a_mistake_after_wide_letters() {
    assert_snapshot!(parse("é: [注文, ü: }\n"), @r"
    error: expected a value
     --> shop.yaml:1:12
      |
    1 | é: [注文, ü: }
      |              ^ write one, or the `}` or `]` that ends the map or list

    1 error in shop.yaml
    ");
}

#[test]
fn aliases_of_aliases_are_refused_quickly() {
    let mut lines = vec!["a0: &a0 [x, x, x, x, x, x, x, x]".to_owned()];
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 8].join(", ");
        lines.push(format!("a{level}: &a{level} [{aliases}]"));
    }
    assert_snapshot!(parse(&lines.join("\n")), @r"
    error: aliases of aliases make this too large
      = help: name a value of aliases no more than once

    1 error in shop.yaml
    ");
}

#[test]
fn a_path_leads_to_its_text() {
    let yaml = "
client: {headers: &common {a: 1, b: [x, \"y\"]}}
resource_defaults:
  endpoint: {path: a}
resources:
  - orders
  - name: items
    endpoint:
      params: {<<: *common, c: 注文}
      paginator:
";
    let resource = KeyPath::root().key("resources").index(1);
    let params = resource.key("endpoint").key("params");
    let first = KeyPath::root().key("resources").index(0);
    let mut places = Vec::new();
    for path in [
        params.key("c"),
        params.key("a"),
        params.key("b").index(1),
        params.key("missing"),
        resource.key("endpoint"),
        resource.key("endpoint").key("paginator"),
        resource.key("endpoint").key("path"),
        first.key("endpoint").key("path").key("deep"),
        first.key("name"),
        KeyPath::root(),
    ] {
        let [key, value] = [Anchor::Key, Anchor::Value].map(|anchor| place(yaml, &path, anchor));
        places.push(format!("`{path}`: key {key}, value {value}"));
    }
    assert_snapshot!(places.join("\n"), @r#"
    `resources[1].endpoint.params.c`: key 9:29 c, value 9:32 注文
    `resources[1].endpoint.params.a`: key 2:28 a, value 2:31 1
    `resources[1].endpoint.params.b[1]`: key 2:41 "y", value 2:41 "y"
    `resources[1].endpoint.params.missing`: key 9:7 params, value 9:7 params
    `resources[1].endpoint`: key 8:5 endpoint, value 8:5 endpoint
    `resources[1].endpoint.paginator`: key 10:7 paginator, value 10:7 paginator
    `resources[1].endpoint.path`: key 4:14 path, value 4:20 a
    `resources[0].endpoint.path.deep`: key 4:14 path, value 4:20 a
    `resources[0].name`: key 6:5 orders, value 6:5 orders
    ``: key 2:1 client, value 2:1 client
    "#);
}

/// One config with everything that a report has to find its way in.
const SAMPLE: &str = "name: shop # 注\nclient: &c\n  auth: {type: api_key, api_key: s3cret}\n  to: 'postgres://me:s3cret@h'\n\
    list: [*c, {<<: *c}]\nresources:\n\t- token: |\n      s3cret\n  - \"é\": !x 1\r\n    ? k\n    : v\n";

#[test]
fn no_broken_text_breaks_the_report() {
    let characters: Vec<char> = SAMPLE.chars().collect();
    for position in 0..characters.len() {
        for replacement in [
            "", "\"", "'", "{", "]", ":", ": ", "\n", "\r", "\t", "*", "&", "#", "-", "ü", "\0",
        ] {
            let before: String = characters[..position].iter().collect();
            let after: String = characters[position + 1..].iter().collect();
            for text in [
                format!("{before}{replacement}{after}"),
                format!("{before}{replacement}"),
            ] {
                if let Err(error) = Document::parse("shop.yaml", text) {
                    assert!(error.to_string().contains("error"));
                }
            }
        }
    }
}

#[test]
fn deep_nesting_is_refused() {
    assert_snapshot!(parse(&"[".repeat(100_000)).replace('[', ""), @r"
    error: this is nested too deeply
     --> shop.yaml:1:129
      |
    1 | ……
      |                                                              ^ at most 128 levels; an anchor must not hold its own alias

    1 error in shop.yaml
    ");
}
