//! `restload show`: the pages over what real runs have stored, and who may see them.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::support::api::{Answer, Api};
use crate::support::browser::{Page, form_value, send};
use crate::support::program::Program;
use crate::support::restload;
use crate::support::tables::{BOTH, Database, Kind};

const SCRIPT: &str = "<script>alert('1')</script>";

/// Orders with lists, whose names and values attack the page. The second generation brings what the contract refuses, the
/// third changes every order.
fn answer(target: &str) -> Answer {
    let orders: Vec<_> = (1..=120)
        .map(|number| {
            let mut order = json!({
                "id": number,
                "note": if number == 1 { SCRIPT.to_owned() } else { format!("order {number}") },
                "<img src=x onerror=alert(2)>": "\"'><b>",
                "price": "18446744073709551616.250",
                "at": "2024-01-02T03:04:05.5Z",
                "ratio": if target.starts_with("/g2") { 0.2 } else { 0.1 },
                "doc": { "b": [1, "</pre>"] },
                "blob": "0x00ff",
                "empty": "",
                "long": if number == 2 { "ab".repeat(5_000) } else { "short".to_owned() },
                "lines": [{ "item": "pen" }, { "item": SCRIPT }],
            });
            if target.starts_with("/g1") {
                order["extra<i>"] = json!(SCRIPT);
            }
            order
        })
        .collect();
    Answer::json(json!(orders))
}

fn config(url: &str) -> String {
    format!(
        "name: shop\nvars: {{generation: 0}}\nclient: {{base_url: '{url}/g{{vars.generation}}'}}\nresources:\n  - name: \
         orders <u>\n    primary_key: id\n    write_disposition: merge\n    table_name: orders\n    schema_contract: \
         {{columns: discard_row}}\n    endpoint: orders\n    columns:\n      price: {{data_type: decimal}}\n      doc: \
         {{data_type: json}}\n      blob: {{data_type: binary}}\n"
    )
}

struct Shown {
    folder: TempDir,
    api: Api,
    database: Database,
    server: Option<(Child, String)>,
}

impl Shown {
    /// A loaded database, and the page over it.
    fn new(kind: Kind) -> Self {
        let mut shown = Self::unloaded(kind);
        shown.load(0);
        shown.show();
        shown
    }

    fn unloaded(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let api = Api::start(answer);
        std::fs::write(folder.path().join("shop.yaml"), config(&api.url())).unwrap();
        let database = Database::new(kind, folder.path());
        Self {
            folder,
            api,
            database,
            server: None,
        }
    }

    fn load(&self, generation: u64) {
        let generation = format!("generation={generation}");
        let to = self.database.args();
        let mut args = vec!["run", "shop.yaml", "--quiet", "--var", &generation];
        args.extend(to.iter().map(String::as_str));
        Program::new(self.folder.path(), &args).run().expect(0);
    }

    fn command(&self) -> Command {
        let mut command = restload(self.folder.path());
        command.args(["show", "shop.yaml"]).args(self.database.args());
        command
    }

    fn show(&mut self) {
        let mut command = self.command();
        let mut child = command
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut url)
            .unwrap();
        let address = url.trim().strip_prefix("http://").and_then(|url| url.strip_suffix('/'));
        let address = address.unwrap_or_else(|| panic!("no address: {url}")).to_owned();
        self.server = Some((child, address));
    }

    fn address(&self) -> &str {
        &self.server.as_ref().unwrap().1
    }

    fn get(&self, path: &str) -> Page {
        send(self.address(), "GET", path, &[], "")
    }

    /// A query sent by the page's own form.
    fn ask(&self, sql: &str) -> Page {
        let origin = format!("http://{}", self.address());
        let body = format!("sql={}", form_value(sql));
        send(self.address(), "POST", "/query", &[("origin", &origin)], &body)
    }

    /// What the page says is wrong with a query.
    #[track_caller]
    fn refused(&self, sql: &str) -> String {
        let page = self.ask(sql).expect(200);
        page.lacks("id=\"answer\"").has("role=\"alert\"");
        let text = page.body.split("role=\"alert\"><p>").nth(1).unwrap();
        text.split("</p>").next().unwrap().to_owned()
    }

    fn end(&mut self) {
        if let Some((mut child, _)) = self.server.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some((mut child, _)) = self.server.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn runs_tables_rows_and_children_are_shown_and_linked() {
    for kind in BOTH {
        let shown = Shown::new(kind);
        let runs = shown.get("/").expect(200);
        runs.has("<h1>Runs</h1>")
            .has(">completed<")
            .has("<svg")
            .has("360 rows, completed");
        let run = shown.get(&runs.link(":")).expect(200);
        run.has("table <code>orders</code> created")
            .has("<td class=\"number\">240</td>");

        let tables = shown.get("/tables").expect(200);
        tables.has("orders &lt;u&gt;").has(">orders__lines<").has("_rl_rejects");
        let orders = shown.get("/tables/orders").expect(200);
        orders.has("120 rows.").has("order 50").lacks("order 51");
        let second = shown.get(&orders.link("Next")).expect(200);
        second.has("51–100").has("order 51").has("order 100").lacks("order 50<");
        let third = shown.get(&second.link("Next")).expect(200);
        third.has("101–120").has("order 120").lacks("rel=\"next\"");

        let by_id = shown.get("/tables/orders?sort=id&descending=true").expect(200);
        by_id
            .has("order 120")
            .lacks("order 70<")
            .has("aria-sort=\"descending\"");
        let next = shown.get(&by_id.link("Next")).expect(200);
        next.has("order 70<").lacks("order 71<").has("51–100");

        let row = shown.get(&orders.link("Open row 1 ")).expect(200);
        let children = shown
            .get(&row.has("orders__lines</a> (2 rows)").link("orders__lines"))
            .expect(200);
        children.has("2 rows.").has("pen").has("Only rows of");
        let child = shown.get(&children.link("Open row 2 ")).expect(200);
        let parent = shown.get(&child.link("a row of orders")).expect(200);
        parent.has(&row.link("orders__lines").replace('&', "&amp;"));

        let columns = shown.get("/tables/orders/columns").expect(200);
        columns
            .has("numeric")
            .has("timestamp")
            .has("json")
            .has("binary")
            .has("bigint");
        columns.has("table <code>orders</code> created");
        shown.get("/tables/_rl_loads").expect(200).has("completed");
        shown.get("/tables/nothing").expect(404).has("has no table nothing");
        shown.get("/tables/orders?after=x").expect(400);
        shown.get("/nothing").expect(404);
    }
}

#[test]
fn a_link_to_a_row_leads_to_it_after_it_was_written_again() {
    for kind in BOTH {
        let shown = Shown::new(kind);
        let link = shown.get("/tables/orders").link("Open row 7 ");
        let before = shown.get(&link).expect(200);
        before.has("order 7<");
        // In Postgres all rows are in other places now.
        shown.load(2);
        let after = shown.get(&link).expect(200);
        after.has("order 7<").lacks(&before.link("/runs/"));
        shown
            .get("/tables/orders/row?id=gone")
            .expect(404)
            .has("The row is gone");
    }
}

#[test]
fn values_of_every_type_are_shown_as_they_are_stored() {
    for kind in BOTH {
        let shown = Shown::new(kind);
        let orders = shown.get("/tables/orders").expect(200);
        orders
            .has("18446744073709551616.25")
            .has("2024-01-02 03:04:05.5<")
            .has(">0.1<")
            .has("0x00ff");
        let second = shown.get(&orders.link("Open row 2 ")).expect(200);
        second.has("2024-01-02 03:04:05.5 UTC").has("(2 bytes)").has("empty");
        second.has("&quot;b&quot;: [\n    1,\n    &quot;&lt;/pre&gt;&quot;\n  ]");
        second.has("The first 4,000 of 10,000 characters");
        let all = shown.get(&second.link("The whole value as text")).expect(200);
        assert_eq!(all.body, "ab".repeat(5_000));
        assert!(all.head.contains("content-type: text/plain"), "{}", all.head);
    }
}

#[test]
fn whatever_stands_in_data_and_names_is_text() {
    for kind in BOTH {
        let shown = Shown::new(kind);
        shown.load(1);
        let attack = "/tables/%3Cscript%3Ealert(1)%3C%2Fscript%3E";
        for path in [
            "/",
            "/tables",
            "/tables/orders",
            "/tables/orders/columns",
            "/tables/orders__lines",
            "/state",
            "/rejects",
            attack,
        ] {
            let page = shown.get(path);
            for part in ["<script", "<img", "<i>", "<u>", "'><b>"] {
                page.lacks(part);
            }
        }
        shown
            .get("/tables/orders")
            .has("&lt;script&gt;alert('1')&lt;/script&gt;");
        shown
            .get("/tables/orders/columns")
            .has("&lt;img src=x onerror=alert(2)&gt;");
        shown
            .ask(&format!("select '{}' as \"<b>\"", SCRIPT.replace('\'', "''")))
            .lacks("<script")
            .lacks("<b>")
            .has("&lt;b&gt;");
        shown.ask("select </textarea><script>").lacks("<script");
    }
}

#[test]
fn rejects_are_shown_with_their_reason_and_their_record() {
    for kind in BOTH {
        let shown = Shown::new(kind);
        shown.get("/rejects").expect(200).has("There are none.");
        shown.load(1);
        let rejects = shown.get("/rejects").expect(200);
        rejects
            .has("extra")
            .has("&quot;id&quot;: 1,")
            .has("page 1, record")
            .has("1–25");
        let of_run = shown.get(&shown.get("/").link("rejects?run=")).expect(200);
        of_run.has("Those of all runs").has("1–25");
        shown.get("/rejects?run=none").expect(200).has("There are none.");
    }
}

#[test]
fn state_is_shown_in_words() {
    for kind in BOTH {
        let mut shown = Shown::unloaded(kind);
        shown.api.hold_from(1);
        let to = shown.database.args();
        let args: Vec<&str> = ["run", "shop.yaml"]
            .into_iter()
            .chain(to.iter().map(String::as_str))
            .collect();
        let run = Program::new(shown.folder.path(), &args).start();
        assert!(shown.api.wait_until_held(|| false));
        run.interrupt();
        run.end().expect(1);
        shown.api.forget();
        shown.show();
        let state = shown.get("/state").expect(200);
        let stored = shown.database.rows("_rl_state", &["partition"]).len();
        match stored {
            0 => state.has("Nothing is stored"),
            _ => state.has("orders &lt;u&gt;").has("next: the first page"),
        };
        shown
            .get("/state?resource=orders%20%3Cu%3E&find=nothing")
            .expect(200)
            .has("Nothing is stored of such");
    }
}

#[test]
fn sql_that_reads_is_answered() {
    for kind in BOTH {
        let shown = Shown::new(kind);
        shown.get("/query").expect(200).has("<textarea");
        shown
            .ask("select note, price from orders where id = 2;")
            .has("order 2")
            .has("18446744073709551616.25")
            .has("1 row");
        shown
            .ask("with n as (select count(*) as c from orders) select c, c from n -- all")
            .has(">120<");
        shown.ask("values (1, null)").has("null");
        shown
            .ask("select long from orders where id = 2")
            .has("…")
            .lacks(&"ab".repeat(501));
        shown
            .ask("with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) select i from n")
            .has("The first 500 rows")
            .has(">500<")
            .lacks(">501<");
        assert!(shown.refused("select nothing from orders").contains("nothing"));
        assert!(shown.refused("").contains("nothing to run"));
    }
}

#[test]
fn sql_that_writes_is_refused() {
    for kind in BOTH {
        let shown = Shown::new(kind);
        let before = shown.database.everything();
        let file = shown.folder.path().join("stolen.db");
        let file = file.display();
        let mut attacks = vec![
            "delete from orders".to_owned(),
            "insert into orders (id) values (1)".to_owned(),
            "drop table orders".to_owned(),
            "explain analyze delete from orders".to_owned(),
            "select 1; delete from orders".to_owned(),
            "select 1) select 1; delete from orders; --".to_owned(),
            "with gone as (delete from orders returning id) select id from gone".to_owned(),
            "with gone as (select 1) delete from orders".to_owned(),
            "begin".to_owned(),
        ];
        match kind {
            Kind::Sqlite => attacks.extend([
                format!("vacuum into '{file}'"),
                format!("attach '{file}' as stolen"),
                "pragma query_only = 0".to_owned(),
                "pragma user_version = 7".to_owned(),
                "select * from pragma_user_version(7)".to_owned(),
                format!("select 1); vacuum into '{file}'; --"),
                format!("select $a(') ) select 1; vacuum into '{file}'; --')"),
                "select load_extension('x')".to_owned(),
                "select length(randomblob(900000000))".to_owned(),
            ]),
            Kind::Postgres => attacks.extend([
                "copy orders to program 'true'".to_owned(),
                "do $$ begin delete from orders; end $$".to_owned(),
                "select set_config('transaction_read_only', 'off', true)".to_owned(),
                "select set_config('statement_timeout', '0', false), pg_sleep(30)".to_owned(),
                "select nextval('no_such_sequence')".to_owned(),
                "table orders for update".to_owned(),
                "select * into stolen from orders".to_owned(),
                "select query_to_xml('delete from orders', true, false, '')".to_owned(),
                "select 1 where 1 = $1".to_owned(),
            ]),
        }
        for attack in attacks {
            let reason = shown.refused(&attack);
            assert!(!reason.is_empty(), "{attack}");
        }
        assert!(!shown.folder.path().join("stolen.db").exists());
        assert_eq!(shown.database.count("orders"), 120);
        if kind == Kind::Postgres {
            assert_eq!(shown.database.everything(), before);
            // What a read-only transaction of this version lets through, it does not keep.
            shown.ask("select lo_create(424242)");
            let kept = shown
                .database
                .query("select oid::text from pg_largeobject_metadata where oid = 424242");
            assert!(kept.is_empty(), "{kept:?}");
        }
    }
}

#[test]
fn a_query_that_takes_too_long_is_stopped() {
    let shown = Shown::new(Kind::Sqlite);
    let begun = Instant::now();
    let reason =
        shown.refused("with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n");
    assert!(reason.contains("took too long"), "{reason}");
    assert!(begun.elapsed() < Duration::from_secs(25));
}

#[test]
fn other_sites_and_other_names_are_refused() {
    let shown = Shown::new(Kind::Sqlite);
    let address = shown.address().to_owned();
    let port = address.rsplit_once(':').unwrap().1;
    let get = |headers: &[(&str, &str)]| send(&address, "GET", "/", headers, "").status;
    assert_eq!(get(&[("host", &format!("localhost:{port}"))]), 200);
    assert_eq!(get(&[("host", &format!("evil.example:{port}"))]), 403);
    assert_eq!(
        get(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")]),
        403
    );
    let body = format!("sql={}", form_value("select 1"));
    let origin = format!("http://{address}");
    let form = |headers: &[(&str, &str)]| send(&address, "POST", "/query", headers, &body).status;
    assert_eq!(form(&[("origin", &origin)]), 200);
    assert_eq!(form(&[]), 403);
    assert_eq!(form(&[("origin", "null")]), 403);
    assert_eq!(form(&[("origin", "http://evil.example")]), 403);
    assert_eq!(form(&[("origin", &origin), ("sec-fetch-site", "cross-site")]), 403);
    for path in ["/", "/style.css", "/nothing", "/tables?page=x"] {
        let page = shown.get(path);
        for header in [
            "content-security-policy: default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri \
             'none'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
        ] {
            assert!(page.head.contains(header), "{path}: {}", page.head);
        }
        assert!(!page.head.contains("access-control"), "{path}: {}", page.head);
        page.lacks("style=\"").lacks("<script").lacks("https://");
    }
}

#[test]
fn nothing_yet_and_a_taken_port_are_told() {
    for kind in BOTH {
        let mut shown = Shown::unloaded(kind);
        shown.show();
        let page = shown.get("/tables").expect(200);
        page.has("Nothing here yet").has("restload run shop.yaml --to");
        shown.load(0);
        shown.get("/tables").has(">orders<");

        let port = shown.address().rsplit_once(':').unwrap().1.to_owned();
        let second = shown.command().args(["--port", &port]).output().unwrap();
        let stderr = String::from_utf8(second.stderr).unwrap();
        assert_eq!(second.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains(&format!("port {port} of 127.0.0.1 is taken; name another with --port")),
            "{stderr}"
        );
        shown.end();
    }
}

#[test]
fn a_password_is_not_shown_and_listening_for_others_is_warned_of() {
    let shown = Shown::new(Kind::Postgres);
    let Database::Postgres { url, dataset } = &shown.database else {
        unreachable!()
    };
    let url = url.replacen("restload@", "restload:hunter2@", 1);
    let mut command = restload(shown.folder.path());
    command.args([
        "show",
        "shop.yaml",
        "--to",
        &url,
        "--dataset",
        dataset,
        "--port",
        "0",
        "--host",
        "0.0.0.0",
    ]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut printed = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut printed)
        .unwrap();
    let port = printed
        .trim()
        .trim_end_matches('/')
        .rsplit_once(':')
        .unwrap()
        .1
        .to_owned();
    let address = format!("127.0.0.1:{port}");
    for path in ["/", "/tables", "/query", "/tables/nothing"] {
        send(&address, "GET", path, &[], "").lacks("hunter2");
    }
    send(&address, "GET", "/", &[], "").has(":***@");
    let begun = Instant::now();
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());
    let ended = child.wait_with_output().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(ended.status.code(), Some(0));
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(
        stderr.contains("warning: --host 0.0.0.0: whoever can reach this machine"),
        "{stderr}"
    );
    assert!(!stderr.contains("hunter2"), "{stderr}");
}

#[test]
fn pages_are_shown_while_a_run_is_under_way_and_do_not_hold_it_up() {
    for kind in BOTH {
        let shown = Shown::new(kind);
        shown.api.forget();
        shown.api.hold_from(1);
        let to = shown.database.args();
        let args: Vec<&str> = ["run", "shop.yaml"]
            .into_iter()
            .chain(to.iter().map(String::as_str))
            .collect();
        let run = Program::new(shown.folder.path(), &args).start();
        assert!(shown.api.wait_until_held(|| false));
        shown.get("/").expect(200).has(">running<");
        shown.get("/tables/orders").expect(200).has("120 rows");
        shown.api.forget();
        run.end().expect(0);
        shown.get("/").expect(200).lacks(">running<");
    }
}
