//! Mistakes at chosen keys, and the report that is printed.

use insta::assert_snapshot;
use restload_model::diagnostics::{Diagnostics, KeyPath};

use crate::load::document::Document;

use super::render;

/// The report of one mistake in the value of a top-level key.
fn report(yaml: &str, key: &str, help: &str) -> String {
    let document = Document::parse("shop.yaml", yaml.to_owned()).unwrap();
    let mut diagnostics = Diagnostics::default();
    diagnostics.error_with_help(&KeyPath::root().key(key), "wrong", help);
    render(Some(&document), &diagnostics.into_vec(), false)
}

#[test]
fn no_mistakes_make_no_report() {
    assert_eq!(render(None, &[], false), "");
}

#[test]
fn errors_and_warnings_come_in_the_order_of_the_file() {
    let document = Document::parse("shop.yaml", "a: {b: 1}\nc: 2\n".to_owned()).unwrap();
    let mut diagnostics = Diagnostics::default();
    diagnostics.warning(&KeyPath::root().key("c"), "second", Some("x".repeat(70)));
    diagnostics.error(&KeyPath::root().key("a").key("b"), "first");
    assert_snapshot!(render(Some(&document), &diagnostics.into_vec(), false), @r"
    error: first
     --> shop.yaml:1:8
      |
    1 | a: {b: 1}
      |        ^
      |
      = in a

    warning: second
     --> shop.yaml:2:4
      |
    2 | c: 2
      |    ^
      |
      = help: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx

    1 error, 1 warning in shop.yaml
    ");
}

#[test]
fn without_a_document_paths_say_where() {
    let mut diagnostics = Diagnostics::default();
    diagnostics.error_with_help(&KeyPath::root().key("a").index(0), "wrong", "mend it");
    assert_snapshot!(render(None, &diagnostics.into_vec(), false), @r"
    error: wrong
      = in a[0]
      = help: mend it

    1 error
    ");
}

#[test]
fn colours_mark_the_word_and_the_caret() {
    let document = Document::parse("shop.yaml", "a: 1".to_owned()).unwrap();
    let mut diagnostics = Diagnostics::default();
    diagnostics.error(&KeyPath::root().key("a"), "wrong");
    let shown = render(Some(&document), &diagnostics.into_vec(), true).replace('\x1b', "<");
    assert_snapshot!(shown, @r"
    <[1;31merror<[0m<[1m: wrong<[0m
     <[1;34m--><[0m shop.yaml:1:4
      <[1;34m|<[0m
    <[1;34m1<[0m <[1;34m|<[0m a: 1
      <[1;34m|<[0m    <[1;31m^<[0m

    1 error in shop.yaml
    ");
}

#[test]
fn tabs_and_wide_letters_keep_the_caret_in_place() {
    assert_snapshot!(report("{注文:\t'é\t', a:\tüb}", "a", "mend it"), @r"
    error: wrong
     --> shop.yaml:1:15
      |
    1 | {注文:  'é  ', a:   üb}
      |                     ^^ mend it

    1 error in shop.yaml
    ");
}

#[test]
fn a_plain_secret_is_masked_and_the_caret_follows() {
    assert_snapshot!(report("{client_secret: 'abc def', a: b, to: 'postgres://me:abc@host'}", "a", "mend it"), @r"
    error: wrong
     --> shop.yaml:1:31
      |
    1 | {client_secret: ***, a: b, to: 'postgres://me:***@host'}
      |                         ^ mend it

    1 error in shop.yaml
    ");
}

#[test]
fn a_secret_in_a_block_is_masked() {
    assert_snapshot!(report("token: |\n  abc\n  def\n", "token", "mend it"), @r"
    error: wrong
     --> shop.yaml:2:3
      |
    2 |   ***
      |   ^^^ mend it

    1 error in shop.yaml
    ");
}

#[test]
fn a_long_line_is_cut_around_the_caret() {
    assert_snapshot!(report("{long: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, a: here, more: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy}", "a", "mend it"), @r"
    error: wrong
     --> shop.yaml:1:163
      |
    1 | …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, a: here, more: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…
      |                                                              ^^^^ mend it

    1 error in shop.yaml
    ");
}

#[test]
fn a_long_value_is_cut_after_the_caret_begins() {
    assert_snapshot!(report("a: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "a", "mend it"), @r"
    error: wrong
     --> shop.yaml:1:4
      |
    1 | a: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
      |    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ mend it

    1 error in shop.yaml
    ");
}

#[test]
fn what_a_terminal_would_obey_is_not_printed() {
    assert_snapshot!(report("a: 'x\u{202e}y'", "a", "mend it"), @r"
    error: wrong
     --> shop.yaml:1:4
      |
    1 | a: 'x�y'
      |    ^^^^^ mend it

    1 error in shop.yaml
    ");
}

#[test]
fn a_syntax_error_beside_a_secret_does_not_show_it() {
    let error = Document::parse("shop.yaml", "auth: {token: s3cret, x: ]}\n".to_owned()).unwrap_err();
    assert_snapshot!(error, @r"
    error: expected a value
     --> shop.yaml:1:26
      |
    1 | auth: {token: ***, x: ]}
      |                       ^ write one, or the `}` or `]` that ends the map or list

    1 error in shop.yaml
    ");
}
