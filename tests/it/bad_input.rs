//! What goes wrong at a user's desk: each error fits on a screen, says what, where and what to do, has the right exit
//! code, shows no secret, and leaves the rows of earlier runs as they are.

use std::net::TcpListener;
use std::path::Path;

use insta::assert_snapshot;
use tempfile::TempDir;

use crate::support::api::{Answer, Api};
use crate::support::program::{Program, Ran};
use crate::support::tables::{BOTH, Database, Kind, postgres_url};

const KEY: &str = "hush-hush-key";
const PASSWORD: &str = "hush-hush-password";

/// A config that works, its API, and a database with the rows of an earlier run.
struct Shop {
    folder: TempDir,
    api: Api,
    database: Database,
    before: String,
}

const CONFIG: &str = "\
name: shop
vars:
  region: north
client:
  base_url: BASE
  auth: { type: api_key, name: key, api_key: '{secrets.shop_key}', location: query }
  paginator: single_page
  retry: { max_attempts: 1 }
resources:
  - name: orders
    write_disposition: replace
    primary_key: id
    endpoint:
      path: orders/{vars.region}
      data_selector: orders
";

/// The API: it wants the key, and has a page of every kind of trouble.
fn answer(target: &str) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if query != format!("key={KEY}") {
        return Answer::json(r#"{"error": "the key is not known"}"#).status(401);
    }
    match path {
        "/orders/north" => Answer::json(r#"{"orders": [{"id": 1}, {"id": 2}], "total": 2}"#),
        "/orders/page" => Answer::html(
            200,
            "<!doctype html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>",
        ),
        // One byte more than a MiB.
        "/orders/flood" => Answer::json(" ".repeat((1 << 20) - 1) + "[]"),
        _ => Answer::json(r#"{"error": "no such region"}"#).status(404),
    }
}

impl Shop {
    fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let api = Api::start(answer);
        let config = CONFIG.replace("BASE", &api.url());
        std::fs::write(folder.path().join("shop.yaml"), config).unwrap();
        let database = match kind {
            Kind::Sqlite => Database::Sqlite(folder.path().join("shop.db")),
            Kind::Postgres => Database::new(kind, folder.path()),
        };
        let mut shop = Self {
            folder,
            api,
            database,
            before: String::new(),
        };
        shop.program(&[]).run().expect(0);
        shop.before = shop.database.contents();
        shop.api.forget();
        shop
    }

    /// Breaks the config.
    fn edit(&self, from: &str, to: &str) {
        let path = self.folder.path().join("shop.yaml");
        let config = std::fs::read_to_string(&path).unwrap();
        assert!(config.contains(from), "the config has no `{from}`");
        std::fs::write(path, config.replace(from, to)).unwrap();
    }

    fn program(&self, args: &[&str]) -> Program {
        let to = self.database.args();
        let mut all = vec!["run", "shop.yaml"];
        all.extend(to.iter().map(String::as_str));
        all.extend(args);
        Program::new(self.folder.path(), &all).env("SHOP_KEY", KEY)
    }

    /// Runs what is broken. What stood in the database must stand there still.
    fn run(&self, args: &[&str]) -> String {
        let ran = self.program(args).run();
        assert_eq!(self.database.contents(), self.before, "an earlier row was touched");
        self.shown(&ran)
    }

    fn shown(&self, ran: &Ran) -> String {
        let api = self.api.url();
        let mut replaced = vec![(api.as_str(), "http://[api]")];
        if let Database::Postgres { url, dataset } = &self.database {
            replaced.extend([(url.as_str(), "postgres://[server]"), (dataset.as_str(), "[dataset]")]);
        }
        shown(ran, self.folder.path(), &replaced)
    }
}

/// What a user sees, with what differs from run to run replaced.
fn shown(ran: &Ran, folder: &Path, replaced: &[(&str, &str)]) -> String {
    let mut text = format!("exit {}\n{}{}", ran.code.unwrap(), ran.stdout, ran.stderr);
    for secret in [KEY, PASSWORD] {
        assert!(!text.contains(secret), "a secret is shown:\n{text}");
    }
    for noise in ["Error(", "Some(", "Os {", "panicked", "sqlx", "reqwest", "::"] {
        assert!(!text.contains(noise), "`{noise}` is nothing for a user:\n{text}");
    }
    assert!(text.lines().count() <= 24, "more than a screen:\n{text}");
    // Where the folder of temporary files is a link, some messages show what it leads to.
    for folder in [folder.canonicalize().unwrap().as_path(), folder] {
        text = text.replace(&folder.display().to_string(), "[folder]");
    }
    for (from, to) in replaced {
        text = text.replace(from, to);
    }
    let lines = text.lines().map(|line| {
        // The end of the summary: how long it took, and the load's id.
        let line = line.split_once("; load ").map_or(line, |(line, _)| line);
        match line.rsplit_once(" in ") {
            Some((line, time)) if time.ends_with(" s") => format!("{line} in [time]"),
            _ => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A port of the loopback interface on which nobody listens.
fn dead_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_missing_token() {
    let shop = Shop::new(Kind::Sqlite);
    let to = shop.database.args();
    let ran = Program::new(shop.folder.path(), &["run", "shop.yaml", &to[0], &to[1]]).run();
    assert_snapshot!(shop.shown(&ran), @r"
    exit 2
    error: secret `shop_key` is not set
     --> shop.yaml:6:46
      |
    6 |   auth: { type: api_key, name: key, api_key: '{secrets.shop_key}', location: query }
      |                                              ^^^^^^^^^^^^^^^^^^^^
      |
      = in client.auth
      = help: it was looked for in
               environment variable `SHOP_KEY`
               `SHOP_KEY` in `./.env` (no such file)
               `shop_key` in `./secrets.toml` (no such file)
               `shop_key` in `[folder]/.config/restload/secrets.toml` (no such file)
               file `/run/secrets/shop_key`
               file `/run/secrets/SHOP_KEY`

    1 error in shop.yaml
    ");
    assert_eq!(shop.api.asked(), [""; 0]);
    assert_eq!(shop.database.contents(), shop.before);
}

#[test]
fn a_wrong_token() {
    let shop = Shop::new(Kind::Sqlite);
    let ran = shop.program(&[]).env("SHOP_KEY", PASSWORD).run();
    assert_snapshot!(shop.shown(&ran), @r#"
    exit 1
    orders: failed, 0 records, 0 pages
    error: orders: the API answered 401 Unauthorized: {"error": "the key is not known"} (page 1, GET http://[api]/orders/north?key=***)
      help: check the credentials that `auth` names, and what they may do
    shop loaded nothing into sqlite:[folder]/shop.db in [time]
    1 request, 33 bytes
    "#);
    assert_eq!(shop.api.asked().len(), 1, "it was asked again");
    assert_eq!(shop.database.contents(), shop.before);
}

#[test]
fn a_key_that_is_misspelt() {
    let shop = Shop::new(Kind::Sqlite);
    shop.edit("data_selector", "data_selectr");
    assert_snapshot!(shop.run(&[]), @r"
    exit 2
    error: unknown key `data_selectr`
      --> shop.yaml:15:7
       |
    15 |       data_selectr: orders
       |       ^^^^^^^^^^^^ did you mean `data_selector`?
       |
       = in resources[0].endpoint

    1 error in shop.yaml
    ");
    assert_eq!(shop.api.asked(), [""; 0]);
}

#[test]
fn yaml_that_is_broken() {
    let shop = Shop::new(Kind::Sqlite);
    shop.edit("    endpoint:\n", "   endpoint:\n");
    assert_snapshot!(shop.run(&[]), @r"
    exit 2
    error: expected `- `: this stands inside a list
      --> shop.yaml:13:4
       |
    13 |    endpoint:
       |    ^
       |
       = help: elements of a list begin with `- `; what comes after the list begins in the column of its key

    1 error in shop.yaml
    ");
}

#[test]
fn yaml_with_a_tab() {
    let shop = Shop::new(Kind::Sqlite);
    shop.edit("      path:", "\tpath:");
    assert_snapshot!(shop.run(&[]), @r"
    exit 2
    error: a tab cannot indent YAML
      --> shop.yaml:14:1
       |
    14 |     path: orders/{vars.region}
       | ^ use spaces

    1 error in shop.yaml
    ");
}

#[test]
fn a_placeholder_in_braces_without_quotes() {
    let shop = Shop::new(Kind::Sqlite);
    shop.edit("'{secrets.shop_key}'", "{secrets.shop_key}");
    assert_snapshot!(shop.run(&[]), @r#"
    exit 2
    error: expected a string, found a map
     --> shop.yaml:6:46
      |
    6 |   auth: { type: api_key, name: key, api_key: {secrets.shop_key}, location: query }
      |                                              ^^^^^^^^^^^^^^^^^^ put the placeholder in quotes: "{secrets.shop_key}"
      |
      = in client.auth

    1 error in shop.yaml
    "#);
}

#[test]
fn an_unknown_paginator() {
    let shop = Shop::new(Kind::Sqlite);
    shop.edit(
        "paginator: single_page",
        "paginator: { type: page_numbers, page_param: p }",
    );
    assert_snapshot!(shop.run(&[]), @r"
    exit 2
    error: unknown paginator type `page_numbers`
     --> shop.yaml:7:22
      |
    7 |   paginator: { type: page_numbers, page_param: p }
      |                      ^^^^^^^^^^^^ did you mean `page_number`?
      |
      = in client.paginator
      = help: known: `auto`, `single_page`, `page_number`, `offset`, `cursor`, `keyset`, `json_link`, `header_link`, `header_cursor`, `json_response`

    1 error in shop.yaml
    ");
}

#[test]
fn a_json_path_that_is_none() {
    let shop = Shop::new(Kind::Sqlite);
    shop.edit("data_selector: orders", "data_selector: $.orders[?(@.id > ]");
    assert_snapshot!(shop.run(&[]), @r"
    exit 2
    error: `$.orders[?(@.id > ]` is not a JSONPath: expected comparable before `]`
      --> shop.yaml:15:22
       |
    15 |       data_selector: $.orders[?(@.id > ]
       |                      ^^^^^^^^^^^^^^^^^^^
       |
       = in resources[0].endpoint

    1 error in shop.yaml
    ");
}

#[test]
fn a_host_that_cannot_be_reached() {
    let shop = Shop::new(Kind::Sqlite);
    let nowhere = format!("http://127.0.0.1:{}", dead_port());
    shop.edit(&shop.api.url(), &nowhere);
    let ran = shop.program(&[]).run();
    assert_snapshot!(shown(&ran, shop.folder.path(), &[(&nowhere, "http://[nowhere]")]), @r"
    exit 1
    orders: failed, 0 records, 0 pages
    error: orders: GET http://[nowhere]/orders/north?key=***: no connection: Connection refused
    shop loaded nothing into sqlite:[folder]/shop.db in [time]
    1 request, 0 bytes
    ");
    assert_eq!(shop.database.contents(), shop.before);
}

#[test]
fn a_web_page_in_place_of_json() {
    let shop = Shop::new(Kind::Sqlite);
    assert_snapshot!(shop.run(&["--var", "region=page"]), @r"
    exit 1
    orders: failed, 0 records, 0 pages
    error: orders: the answer is a web page, not JSON (text/html): <title>Sign in</title> (page 1, GET http://[api]/orders/page?key=***)
      help: check `base_url` and `path`; a proxy or a login page may be in between
    shop loaded nothing into sqlite:[folder]/shop.db in [time]
    1 request, 92 bytes
    ");
}

#[test]
fn an_answer_that_is_too_large() {
    let shop = Shop::new(Kind::Sqlite);
    shop.edit("  retry:", "  max_response_mib: 1\n  retry:");
    assert_snapshot!(shop.run(&["--var", "region=flood"]), @r"
    exit 1
    orders: failed, 0 records, 0 pages
    error: orders: GET http://[api]/orders/flood?key=***: the answer is larger than 1 MiB (`client.max_response_mib`)
    shop loaded nothing into sqlite:[folder]/shop.db in [time]
    1 request, 0 bytes
    ");
}

#[test]
fn a_path_that_the_api_does_not_know() {
    let shop = Shop::new(Kind::Sqlite);
    assert_snapshot!(shop.run(&["--var", "region=south"]), @r#"
    exit 1
    orders: failed, 0 records, 0 pages
    error: orders: the API answered 404 Not Found: {"error": "no such region"} (page 1, GET http://[api]/orders/south?key=***)
      help: check `base_url` and `path`
    shop loaded nothing into sqlite:[folder]/shop.db in [time]
    1 request, 27 bytes
    "#);
}

#[test]
fn a_selector_that_matches_nothing() {
    let shop = Shop::new(Kind::Sqlite);
    shop.edit("data_selector: orders", "data_selector: order");
    assert_snapshot!(shop.run(&[]), @r"
    exit 1
    orders: failed, 0 records, 0 pages
    error: orders: data_selector `order` matches nothing in the answer, which has the keys `orders`, `total` (page 1, GET http://[api]/orders/north?key=***)
      help: correct the selector, or set `allow_missing_data: true` if a page may lack it
    shop loaded nothing into sqlite:[folder]/shop.db in [time]
    1 request, 46 bytes
    ");
}

#[test]
fn an_unknown_resource() {
    let shop = Shop::new(Kind::Sqlite);
    assert_snapshot!(shop.run(&["--select", "order,customers"]), @r"
    exit 2
    error: `--select order`: there is no such resource
     --> shop.yaml:9:1
      |
    9 | resources:
      | ^^^^^^^^^ did you mean `orders`?

    error: `--select customers`: there is no such resource
     --> shop.yaml:9:1
      |
    9 | resources:
      | ^^^^^^^^^ the config has: orders

    2 errors in shop.yaml
    ");
}

#[test]
fn a_misspelt_variable() {
    let shop = Shop::new(Kind::Sqlite);
    assert_snapshot!(shop.run(&["--var", "regoin=south"]), @r"
    exit 2
    error: `--var regoin=…`: the config has no such variable
     --> shop.yaml:2:1
      |
    2 | vars:
      | ^^^^ did you mean `region`?

    1 error in shop.yaml
    ");
}

#[test]
fn a_variable_without_a_value() {
    let shop = Shop::new(Kind::Sqlite);
    assert_snapshot!(shop.run(&["--var", "region"]), @r"
    exit 2
    error: invalid value 'region' for '--var <NAME=VALUE>': write it as NAME=VALUE

    For more information, try '--help'.
    ");
}

#[test]
fn destinations_that_are_none() {
    let shop = Shop::new(Kind::Sqlite);
    let run = |to: &str| {
        let ran = Program::new(shop.folder.path(), &["run", "shop.yaml", "--to", to]);
        shop.shown(&ran.env("SHOP_KEY", KEY).run())
    };
    assert_snapshot!(run("sqlite::memory:"), @r"
    exit 2
    error: a database in memory is gone when the run ends, and its state with it; name a file, such as `sqlite:data.db`
    ");
    assert_snapshot!(run(&format!("mysql://shop:{PASSWORD}@127.0.0.1/shop")), @r"
    exit 2
    error: unknown destination `mysql:`; known are `sqlite:FILE`, `postgres://…` and a path that ends in `.db`, `.sqlite` or `.sqlite3`
    ");
    assert_snapshot!(run("shop"), @r"
    exit 2
    error: `shop` is not a destination; write `sqlite:shop` for a file, or `postgres://USER@HOST/DATABASE` for a server
    ");
    assert_snapshot!(run(""), @r"
    exit 2
    error: the destination is empty; write `sqlite:FILE` or `postgres://USER@HOST/DATABASE`
    ");
    assert_snapshot!(run(&format!("postgres://shop:{PASSWORD}@127.0.0.1/shop?sslmod=require")), @r"
    exit 2
    error: unknown option `sslmod` in the Postgres URL; did you mean `sslmode`?
    ");
    assert_eq!(shop.api.asked(), [""; 0]);
}

#[test]
fn config_files_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.yaml"), "").unwrap();
    std::fs::write(folder.path().join("comment.yaml"), "# nothing yet\n").unwrap();
    std::fs::write(folder.path().join("list.yaml"), "- orders\n").unwrap();
    std::fs::write(folder.path().join("latin1.yaml"), b"name: caf\xe9\n").unwrap();
    std::fs::create_dir(folder.path().join("folder.yaml")).unwrap();
    let run = |file: &str| shown(&Program::new(folder.path(), &["run", file]).run(), folder.path(), &[]);
    assert_snapshot!(run("missing.yaml"), @r"
    exit 2
    error: could not read `missing.yaml`: No such file or directory

    1 error in missing.yaml
    ");
    assert_snapshot!(run("empty.yaml"), @r"
    exit 2
    error: the file is empty
     --> empty.yaml:1:1
      |
    1 | 
      | ^ a config has at least the keys `client` and `resources`

    1 error in empty.yaml
    ");
    assert_snapshot!(run("comment.yaml"), @r"
    exit 2
    error: the file is empty
     --> comment.yaml:1:1
      |
    1 | # nothing yet
      | ^ a config has at least the keys `client` and `resources`

    1 error in comment.yaml
    ");
    assert_snapshot!(run("list.yaml"), @r"
    exit 2
    error: expected a map, found a list
     --> list.yaml:1:3
      |
    1 | - orders
      |   ^^^^^^

    1 error in list.yaml
    ");
    assert_snapshot!(run("latin1.yaml"), @r"
    exit 2
    error: could not read `latin1.yaml`: it is not UTF-8 text

    1 error in latin1.yaml
    ");
    assert_snapshot!(run("folder.yaml"), @r"
    exit 2
    error: could not read `folder.yaml`: Is a directory

    1 error in folder.yaml
    ");
}

/// Permissions do not bind root, who may well run the tests (in a container, say). Then restload runs as nobody, from a
/// copy that nobody can reach.
#[cfg(unix)]
mod read_only {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    const NOBODY: u32 = 65_534;

    fn allow(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn run(shop: &Shop) -> String {
        let folder = shop.folder.path();
        let to = shop.database.args();
        let args = ["run", "shop.yaml", &to[0], &to[1]];
        let program = if fs::metadata(folder).unwrap().uid() == 0 {
            Program::as_user(NOBODY, folder, &args)
        } else {
            Program::new(folder, &args)
        };
        let ran = program.env("SHOP_KEY", KEY).run();
        allow(folder, 0o755);
        assert_eq!(shop.database.contents(), shop.before);
        shop.shown(&ran)
    }

    fn file(shop: &Shop) -> &Path {
        match &shop.database {
            Database::Sqlite(path) => path,
            Database::Postgres { .. } => unreachable!(),
        }
    }

    #[test]
    fn a_database_file() {
        let shop = Shop::new(Kind::Sqlite);
        allow(shop.folder.path(), 0o777);
        allow(file(&shop), 0o444);
        assert_snapshot!(run(&shop), @r"
        exit 1
        error: cannot write to sqlite:[folder]/shop.db, because it is read-only for this user
          caused by: attempt to write a readonly database
        ");
    }

    #[test]
    fn a_folder() {
        let shop = Shop::new(Kind::Sqlite);
        allow(file(&shop), 0o666);
        allow(shop.folder.path(), 0o555);
        assert_snapshot!(run(&shop), @r"
        exit 1
        error: cannot write to sqlite:[folder]/shop.db, because it is read-only for this user
          caused by: `[folder]/shop.db-restload-shop.lock`: Permission denied
        ");
    }
}

/// A folder that cannot be is what binds every user.
#[test]
fn a_database_in_a_folder_that_is_none() {
    let shop = Shop::new(Kind::Sqlite);
    let run = |to: &str| {
        let ran = Program::new(shop.folder.path(), &["run", "shop.yaml", "--to", to]);
        shop.shown(&ran.env("SHOP_KEY", KEY).run())
    };
    assert_snapshot!(run("sqlite:shop.yaml/shop.db"), @r"
    exit 1
    error: cannot make the folder of sqlite:shop.yaml/shop.db
      caused by: `shop.yaml` is not a folder
    ");
    assert_snapshot!(run("sqlite:shop.yaml"), @r"
    exit 1
    error: cannot open sqlite:shop.yaml
      caused by: file is not a database
    ");
    assert_eq!(shop.api.asked(), [""; 0]);
}

/// Every transaction is read-only, whoever the user is.
#[test]
fn a_server_that_is_read_only() {
    let shop = Shop::new(Kind::Postgres);
    let Database::Postgres { url, dataset } = &shop.database else {
        unreachable!()
    };
    let to = format!("{url}?options=-c%20default_transaction_read_only%3Don");
    let args = ["run", "shop.yaml", "--to", &to, "--dataset", dataset];
    let ran = Program::new(shop.folder.path(), &args).env("SHOP_KEY", KEY).run();
    assert_snapshot!(shop.shown(&ran), @r"
    exit 1
    error: cannot write to postgres://[server]?options=-c%20default_transaction_read_only%3Don, because it is read-only for this user
      caused by: cannot execute UPDATE in a read-only transaction
    ");
    assert_eq!(shop.database.contents(), shop.before);
}

/// The tests' server lets everybody in, so a wrong password cannot be shown.
#[test]
fn a_server_that_is_gone() {
    let shop = Shop::new(Kind::Sqlite);
    let run = |to: &str| {
        let ran = Program::new(shop.folder.path(), &["run", "shop.yaml", "--to", to]);
        ran.env("SHOP_KEY", KEY).run()
    };
    let server = format!("127.0.0.1:{}", dead_port());
    let ran = run(&format!("postgres://shop:{PASSWORD}@{server}/shop"));
    assert_snapshot!(shown(&ran, shop.folder.path(), &[(&server, "[nowhere]")]), @r"
    exit 1
    error: cannot reach postgres://shop:***@[nowhere]/shop
      caused by: Connection refused
    ");

    let there = postgres_url();
    let (server, _) = there.rsplit_once('/').unwrap();
    let ran = run(&format!("{server}/no_such_database"));
    assert_snapshot!(shown(&ran, shop.folder.path(), &[(server, "postgres://[server]")]), @r#"
    exit 1
    error: cannot reach postgres://[server]/no_such_database
      caused by: database "no_such_database" does not exist
    "#);
    assert_eq!(shop.api.asked(), [""; 0]);
}

/// The server goes away while the API is being asked; what was committed before stays.
#[test]
fn a_server_that_goes_away() {
    let shop = Shop::new(Kind::Postgres);
    let Database::Postgres { url, dataset } = &shop.database else {
        unreachable!()
    };
    shop.api.hold_from(1);
    // Its name tells the run's connection from those of other tests.
    let to = format!("{url}?application_name={dataset}");
    let args = ["run", "shop.yaml", "--to", &to, "--dataset", dataset];
    let run = Program::new(shop.folder.path(), &args).env("SHOP_KEY", KEY).start();
    assert!(shop.api.wait_until_held(|| false));
    let ended = shop.database.query(&format!(
        "select cast(count(pg_terminate_backend(pid)) as text) from pg_stat_activity where pid <> pg_backend_pid() and \
         application_name = '{dataset}'"
    ));
    // One writes, one holds the lock.
    assert_eq!(ended, [["2"]]);
    shop.api.forget();
    let ran = run.end();
    assert_snapshot!(shop.shown(&ran), @r"
    exit 1
    orders: done, 2 records, 1 page
    error: cannot reach postgres://[server]?application_name=[dataset]
      caused by: terminating connection due to administrator command
    what was committed before stays; the next run goes on from there
    ");
    assert_eq!(shop.database.contents(), shop.before);
    shop.program(&[]).run().expect(0);
}

/// A text with `N` for every process and moment.
fn without_numbers(text: &str) -> String {
    let (said, text) = text.split_once(" (").unwrap();
    let is_address = |word: &str| word.starts_with("127.0.0.1");
    let words = text.split(' ').map(|word| {
        if word.contains(char::is_numeric) && !is_address(word) {
            let start = word.find(char::is_numeric).unwrap_or(0);
            let end = word.rfind(char::is_numeric).map_or(word.len(), |end| end + 1);
            format!("{}N{}", &word[..start], &word[end..])
        } else {
            word.to_owned()
        }
    });
    format!("{said} ({}", words.collect::<Vec<_>>().join(" "))
}

#[test]
fn a_second_run_while_one_is_going() {
    for kind in BOTH {
        let shop = Shop::new(kind);
        shop.api.hold_from(1);
        let first = shop.program(&[]).start();
        assert!(shop.api.wait_until_held(|| false));
        let second = without_numbers(&shop.shown(&shop.program(&[]).run()));
        match kind {
            Kind::Sqlite => assert_snapshot!(second, @r"
            exit 1
            error: another run of pipeline `shop` is loading into sqlite:[folder]/shop.db; wait until it has ended, or stop it. The lock goes with its process (it is on `[folder]/shop.db-restload-shop.lock`, held by process N)
            "),
            Kind::Postgres => assert_snapshot!(second, @r"
            exit 1
            error: another run of pipeline `shop` is loading into dataset `[dataset]` of postgres://[server]; wait until it has ended, or stop it. The lock goes with its process (held since N N UTC by the server's process N, from 127.0.0.1; should its run be gone, `SELECT pg_terminate_backend(N)` gives the lock back)
            "),
        }
        assert_eq!(shop.api.asked().len(), 1, "the second run has requested something");
        shop.api.forget();
        first.end().expect(0);
        assert_eq!(shop.database.contents(), shop.before);
    }
}
