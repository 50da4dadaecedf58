//! `restload explain` and `restload man`: what there is to read without a network.

use insta::assert_snapshot;

use crate::support::restload;

/// What `explain` says of a key: standard output, standard error, and the exit code where it is not 0.
fn explain(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = restload(folder.path())
        .env("COLUMNS", "80")
        .arg("explain")
        .args(arguments)
        .output()
        .unwrap();
    let code = match output.status.code() {
        Some(0) => String::new(),
        code => format!("exit code {}", code.unwrap_or(-1)),
    };
    format!(
        "{}{}{code}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn a_variant_with_its_keys() {
    assert_snapshot!(explain(&["resources.endpoint.paginator.cursor"]), @r"
    resources.endpoint.paginator.cursor
      map with `type: cursor`; may be left out

      Follow a token found in the previous page.

        paginator: { type: cursor, cursor_path: meta.next, cursor_param: page_token }

    Keys
      cursor_path  (text; default `cursors.next`)
          JSONPath of the next cursor; paging stops when it is missing, null, empty,
          0 or false
      cursor_param  (text)
          Query parameter that carries the cursor; `cursor` when no other place is
          given
      cursor_body_path  (text)
          Dotted path in the JSON body that carries the cursor instead
      cursor_header  (text)
          Request header that carries the cursor instead
      stop_after_empty_page  (`true`, `false`; default `false`)
          Stop when a page has no records, even when it names a cursor
      page_size  (integer, at least 1)
          Records of a full page: one with fewer is the last, even when it names a
          cursor
      has_more_path  (text)
          JSONPath of a flag that says whether another page follows
    ");
}

#[test]
fn a_key() {
    assert_snapshot!(explain(&["client.concurrency"]), @r"
    client.concurrency
      integer from 1 to 1000; default `4`

      Requests under way at the same time, over all resources.
    ");
    assert_snapshot!(explain(&["resources[0].endpoint.paginator.cursor_path"]), @r"
    resources.endpoint.paginator.cursor_path
      text; default `cursors.next`
      only with the type `cursor`

      JSONPath of the next cursor; paging stops when it is missing, null, empty, 0
      or false. A list or an object can be a cursor too, where it goes into the
      body.
    ");
}

#[test]
fn a_key_of_words_that_mean_something() {
    assert_snapshot!(explain(&["resources.endpoint.incremental.row_order"]), @r"
    resources.endpoint.incremental.row_order
      `asc` or `desc`; may be left out

      The order in which the API gives the records, if it is sure to: requests stop
      at the first page that has gone beyond the range (`desc` at the start, `asc`
      at `end_value`), for each parent's record on its own. A wrong order loses
      records.

      The order of records in an answer.

      - `asc`: The smallest value first.
      - `desc`: The largest value first.
    ");
}

#[test]
fn the_top_level() {
    let page = explain(&[]);
    for key in ["client", "resources", "destination", "resource_defaults", "vars"] {
        assert!(page.contains(&format!("\n  {key}  (")), "{page}");
    }
    assert!(!page.contains('\u{1b}'), "no colours where nobody sees them");
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
}

#[test]
fn paths_that_are_not_there() {
    assert_snapshot!(explain(&["client.base_ulr"]), @r"
    error: `client` has no key `base_ulr`
      = help: did you mean `client.base_url`?
    exit code 2
    ");
    assert_snapshot!(explain(&["paginator"]), @r"
    error: a config has no key `paginator`
      = help: did you mean one of these?
          client.paginator
          resources.endpoint.paginator
    exit code 2
    ");
    assert_snapshot!(explain(&["cursor_pth"]), @r"
    error: a config has no key `cursor_pth`
      = help: did you mean one of these?
          client.paginator.cursor.cursor_path
          resources.endpoint.incremental.cursor_path
    exit code 2
    ");
    assert_snapshot!(explain(&["client.xyzzyx"]), @r"
    error: `client` has no key `xyzzyx`
      = help: `restload explain` lists the keys of the top level
    exit code 2
    ");
    assert_snapshot!(explain(&["client", "--format", "markdown"]), @r"
    error: `--format markdown` is the whole reference, without a key path
    exit code 2
    ");
}

#[test]
fn manual_pages_of_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let output = restload(folder.path()).args(["man", "pages"]).output().unwrap();
    assert!(output.status.success());
    let page = |name: &str| std::fs::read_to_string(folder.path().join("pages").join(name)).unwrap();
    assert!(page("restload.1").contains("Exit codes"));
    assert!(page("restload-init.1").contains("base\\-url") && page("restload-config.1").contains("secrets masked"));
    let run = page("restload-run.1");
    assert!(run.contains(".TH") && run.contains("full\\-refresh"), "{run}");
    std::fs::write(folder.path().join("file"), "").unwrap();
    let output = restload(folder.path()).args(["man", "file"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("could not be written to `file`"));
}
