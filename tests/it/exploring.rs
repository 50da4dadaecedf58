//! What `discover` proposes can be pasted: it is a config without mistakes, and loads every record once.

use serde_json::{Value, json};

use crate::support::api::{Answer, Api};
use crate::support::program::{Program, Ran};
use crate::support::tables::{Database, Kind};

/// More than two pages of ten, the last of which is not full.
const RECORDS: i64 = 23;

/// How an API pages, in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Pages from 0, and nothing in the answer tells of pages.
    PagesFromZero,
    /// Pages from 1, and nothing in the answer tells of pages.
    PagesFromOne,
    /// Pages from 1, and the answer says which page it is and how many there are.
    PagesEchoed,
    /// Pages from 0, and the answer says how many there are.
    PagesCounted,
    Offsets,
    /// `offset` and `limit` under their usual names, of which the answer tells only the total.
    Total,
    Tokens,
    Links,
    /// The records after one of them, with a flag.
    Keys,
    /// All records on one page; parameters are ignored.
    Whole,
    /// A strict API that refuses parameters that it does not know.
    Strict,
}

fn record(id: i64) -> Value {
    json!({
        "id": id,
        "name": format!("n{}", id % 3),
        "amount": format!("{}.50", id),
        "zip": "01234",
        "createdAt": 1_704_067_200 + id,
        "updated_at": format!("2024-01-01T00:00:{:02}Z", id % 60),
        "lines": [{ "n": 1 }],
    })
}

fn page(from: i64, length: i64) -> Vec<Value> {
    (from..RECORDS.min(from + length))
        .filter(|id| *id >= 0)
        .map(record)
        .collect()
}

fn answer(style: Style, target: &str) -> Answer {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let param = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
        values.next().and_then(|value| value.parse::<i64>().ok())
    };
    let number = param("page");
    Answer::json(match style {
        Style::PagesFromZero => json!(page(number.unwrap_or(0) * 10, 10)),
        Style::PagesFromOne => json!(page((number.unwrap_or(1) - 1) * 10, 10)),
        Style::PagesEchoed => {
            let number = number.unwrap_or(1);
            json!({ "items": page((number - 1) * 10, 10), "meta": { "page": number, "total_pages": 3 } })
        }
        Style::PagesCounted => json!({ "items": page(number.unwrap_or(0) * 10, 10), "pages": 3 }),
        Style::Offsets => {
            let (skip, take) = (param("skip").unwrap_or(0), param("take").unwrap_or(10));
            json!({ "total": RECORDS, "skip": skip, "take": take, "rows": page(skip, take) })
        }
        Style::Total => {
            let (offset, limit) = (param("offset").unwrap_or(0), param("limit").unwrap_or(10));
            json!({ "total": RECORDS, "rows": page(offset, limit) })
        }
        Style::Tokens => {
            let from = param("page_token").unwrap_or(0);
            let next = (from + 10 < RECORDS).then(|| (from + 10).to_string());
            json!({ "records": page(from, 10), "meta": { "next_page_token": next } })
        }
        Style::Links => {
            let from = param("from").unwrap_or(0);
            let next = (from + 10 < RECORDS).then(|| format!("/items?from={}", from + 10));
            json!({ "data": page(from, 10), "links": { "next": next } })
        }
        Style::Keys => {
            let from = param("starting_after").map_or(0, |id| id + 1);
            json!({ "object": "list", "data": page(from, 10), "has_more": from + 10 < RECORDS })
        }
        Style::Whole => json!(page(0, RECORDS)),
        Style::Strict if query.is_empty() => json!(page(0, RECORDS)),
        Style::Strict => return Answer::json(json!({ "error": "unknown parameter" })).status(400),
    })
}

#[test]
fn a_proposal_can_be_pasted_and_loads_everything() {
    let all = [
        (Style::PagesFromZero, "page_number, base_page: 0"),
        (Style::PagesFromOne, "page_number, base_page: 1"),
        (Style::PagesEchoed, "page_number, base_page: 1"),
        (Style::PagesCounted, "page_number, base_page: 0"),
        (Style::Offsets, "offset, limit: 10"),
        (Style::Total, "offset, limit: 10"),
        (Style::Tokens, "cursor, cursor_path: meta.next_page_token"),
        (Style::Links, "json_link, next_url_path: links.next"),
        (Style::Keys, "keyset, key_path: id"),
        (Style::Whole, "single_page"),
        (Style::Strict, "single_page"),
    ];
    for (style, paginator) in all {
        let api = Api::start(move |target| answer(style, target));
        let folder = tempfile::tempdir().unwrap();
        let client = format!("client: {{ base_url: \"{}\" }}\n", api.url());
        let config = folder.path().join("shop.yaml");
        std::fs::write(&config, format!("{client}resources: [items]\n")).unwrap();
        let found = Program::new(folder.path(), &["discover", "shop.yaml", "items"]).run();
        let Ran { code, stdout, stderr } = &found;
        assert_eq!((*code, stderr.as_str()), (Some(0), ""), "{style:?}: {stderr}");
        assert!(stdout.contains(paginator), "{style:?}:\n{stdout}");
        assert!(api.asked().len() <= 3, "{style:?}: {:?}", api.asked());
        for written in ["primary_key: id", "write_disposition: merge", "cursor_path: updated_at"] {
            assert!(stdout.contains(written), "{style:?}: {written}:\n{stdout}");
        }
        for declared in ["amount: { data_type: numeric }", "created_at: { data_type: timestamp }"] {
            assert!(stdout.contains(declared), "{style:?}: {declared}:\n{stdout}");
        }

        std::fs::write(&config, format!("{client}{stdout}")).unwrap();
        let checked = Program::new(folder.path(), &["check", "shop.yaml"]).run();
        assert_eq!(
            (checked.code, checked.stderr.as_str()),
            (Some(0), ""),
            "{style:?}:\n{stdout}"
        );
        let database = Database::new(Kind::Sqlite, folder.path());
        let to = database.args();
        let mut args = vec!["run", "shop.yaml"];
        args.extend(to.iter().map(String::as_str));
        Program::new(folder.path(), &args).run().expect(0);
        let items = database.qualified("items");
        let counts = database.query(&format!(
            "select cast(count(*) as text), cast(count(distinct id) as text), cast(max(id) as text) from {items}"
        ));
        assert_eq!(counts, [["23", "23", "22"]], "{style:?}:\n{stdout}");
    }
}

/// An object whose keys are data: what `discover` proposes makes a row of each of its members.
#[test]
fn an_object_whose_keys_are_data_is_unpivoted() {
    let coins = json!({
        "btc": { "price": 1.5, "tags": [{ "t": "a" }] },
        "eth": { "price": 2.5, "tags": [] },
        "xrp": { "price": 3.5, "tags": [], "note": "n" },
    });
    let answers = [
        (coins.clone(), "data_selector: $"),
        (json!({ "status": "ok", "coins": coins }), "data_selector: coins"),
    ];
    for (body, selector) in answers {
        let api = Api::start(move |_| Answer::json(body.clone()));
        let folder = tempfile::tempdir().unwrap();
        let client = format!("client: {{ base_url: \"{}\" }}\n", api.url());
        std::fs::write(folder.path().join("shop.yaml"), format!("{client}resources: [coins]\n")).unwrap();
        let found = Program::new(folder.path(), &["discover", "shop.yaml", "coins"])
            .run()
            .expect(0);
        for written in [
            selector,
            "processing_steps: [{ unpivot: { key: key } }]",
            "primary_key: key",
        ] {
            assert!(found.stdout.contains(written), "{written}:\n{}", found.stdout);
        }
        assert!(
            found.stdout.contains("`btc` and `eth`: each is a record"),
            "{}",
            found.stdout
        );
        std::fs::write(folder.path().join("shop.yaml"), format!("{client}{}", found.stdout)).unwrap();
        let database = Database::new(Kind::Sqlite, folder.path());
        let to = database.args();
        let mut args = vec!["run", "shop.yaml"];
        args.extend(to.iter().map(String::as_str));
        Program::new(folder.path(), &args).run().expect(0);
        let rows = database.query(&format!(
            "select key, cast(price as text), note from {} order by key",
            database.qualified("coins")
        ));
        assert_eq!(
            rows,
            [["btc", "1.5", "NULL"], ["eth", "2.5", "NULL"], ["xrp", "3.5", "n"]]
        );
        // What the config has already is not proposed again.
        let again = Program::new(folder.path(), &["discover", "shop.yaml", "coins"])
            .run()
            .expect(0);
        assert_eq!(again.stdout.matches("unpivot").count(), 1, "{}", again.stdout);
    }
}

/// `--write` puts the proposal where the resource stands, and touches nothing else.
#[test]
fn a_proposal_is_written_into_the_config() {
    let api = Api::start(|target| answer(Style::PagesEchoed, target));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.yaml");
    let read = || std::fs::read_to_string(&path).unwrap();
    let before = format!(
        "# mine\nresources:\n  - items\n\n  # another\n  - name: other   # kept\n\nclient: {{ base_url: \"{}\" }}\n",
        api.url()
    );
    std::fs::write(&path, &before).unwrap();
    let wrote = Program::new(folder.path(), &["discover", "shop.yaml", "items", "--write"])
        .run()
        .expect(0);
    assert!(wrote.stderr.contains("written into shop.yaml"), "{}", wrote.stderr);
    let (_, resource) = wrote.stdout.split_once("resources:\n").unwrap();
    assert_eq!(read(), before.replace("  - items\n", resource));
    Program::new(folder.path(), &["check", "shop.yaml"]).run().expect(0);
    // A path comes at the end.
    let again = Program::new(folder.path(), &["discover", "shop.yaml", "/v2/things", "--write"])
        .run()
        .expect(0);
    let (_, things) = again.stdout.split_once("resources:\n").unwrap();
    let with_both = before
        .replace("  - items\n", resource)
        .replace("# kept\n", &format!("# kept\n\n{things}"));
    assert_eq!(read(), with_both);
    // What cannot be put in is left to be pasted: a list in one line, a secret that is typed in.
    for config in [
        format!("client: {{ base_url: \"{}\" }}\nresources: [items]\n", api.url()),
        format!(
            "client: {{ base_url: \"{}\" }}\nresources:\n  - name: items\n    endpoint: {{ headers: {{ Authorization: typed-in-secret }} }}\n",
            api.url()
        ),
    ] {
        std::fs::write(&path, &config).unwrap();
        let refused = Program::new(folder.path(), &["discover", "shop.yaml", "items", "--write"])
            .run()
            .expect(2);
        assert!(
            refused.stderr.contains("paste what is printed above"),
            "{}",
            refused.stderr
        );
        assert_eq!(read(), config);
    }
}

#[test]
fn a_proposal_keeps_what_the_config_says() {
    let api = Api::start(|target| answer(Style::PagesEchoed, target));
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        r#"
client: {{ base_url: "{}" }}
resource_defaults: {{ write_disposition: replace }}
resources:
  - name: items
    primary_key: name
    max_table_nesting: 1
    endpoint:
      data_selector: item
      params: {{ kind: "a: b" }}
"#,
        api.url()
    );
    std::fs::write(folder.path().join("shop.yaml"), config).unwrap();
    let found = Program::new(folder.path(), &["discover", "shop.yaml", "items"]).run();
    let port = api.url();
    insta::assert_snapshot!(found.stdout.replace(&port, "URL"), @r#"
    # items, to take the place of what shop.yaml has of it; it was found out by
    #   GET URL/items?kind=a%3A+b -> 200, 10 records
    #   GET URL/items?kind=a%3A+b&page=2 -> 200, 10 records
    resources:
      - name: items
        # `id` is in each of 20 records, no two alike; of the config's own, `name` is n0 in record 1
        # and in record 4
        primary_key: id
        endpoint:
          # `items` is the only list of objects in the answer, of 10 objects; `item`, which the config
          # has, matches nothing
          data_selector: items
          params: { kind: "a: b" }
          # `meta.total_pages` is a number of pages above one; `meta.page` is 1 in the answer to a
          # request without a page; the second page has other records
          paginator: { type: page_number, base_page: 1, page_param: page, total_path: meta.total_pages }
        columns:
          # text in the answer, and a number such as 0.50 in each of 20 records
          amount: { data_type: numeric }
          # whole numbers such as 1704067200, which are seconds since 1970
          created_at: { data_type: timestamp }
        max_table_nesting: 1
        # left out, because every load replaces all rows, while `merge` would update them:
        # incremental: { cursor_path: updated_at } (`updated_at` is in each of 20 records, from
        # 2024-01-01T00:00:00Z to 2024-01-01T00:00:19Z)
        # columns whose types need not be written, because they come by themselves and widen with the
        # data: id bigint, name text, zip text, updated_at timestamp
    "#);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
}

#[test]
fn a_path_becomes_a_resource() {
    let api = Api::start(|target| answer(Style::Tokens, target));
    let folder = tempfile::tempdir().unwrap();
    let client = format!("client: {{ base_url: \"{}\" }}\n", api.url());
    std::fs::write(folder.path().join("shop.yaml"), format!("{client}resources: [other]\n")).unwrap();
    let found = Program::new(folder.path(), &["discover", "shop.yaml", "/v1/line-items?kind=a"]).run();
    let Ran { code, stdout, stderr } = &found;
    assert_eq!((*code, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains("- name: line_items\n"), "{stdout}");
    assert!(stdout.contains("path: \"/v1/line-items?kind=a\"\n"), "{stdout}");
    std::fs::write(folder.path().join("shop.yaml"), format!("{client}{stdout}")).unwrap();
    let database = Database::new(Kind::Sqlite, folder.path());
    let to = database.args();
    let mut args = vec!["run", "shop.yaml"];
    args.extend(to.iter().map(String::as_str));
    Program::new(folder.path(), &args).run().expect(0);
    let table = database.qualified("line_items");
    assert_eq!(
        database.query(&format!("select cast(count(*) as text) from {table}")),
        [["23"]]
    );
}

/// Nobody needs an account to see what the three show, and nothing is written.
#[test]
fn the_demo_is_asked_without_writing() {
    let folder = tempfile::tempdir().unwrap();
    let config = crate::support::repository().join("configs/pushover.yaml");
    let config = config.to_str().unwrap();
    for (args, shown) in [
        (vec!["preview", config, "receipts"], "table receipts (merge): 3 rows"),
        (vec!["check", config, "--connect"], "nothing is wrong"),
        (vec!["discover", config, "group_members"], "data_selector: users"),
        (
            vec!["preview", config, "group_members", "--format", "json"],
            "\"table\": \"group_members\"",
        ),
    ] {
        let ran = Program::new(folder.path(), &[args.as_slice(), &["--demo"]].concat()).run();
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        assert!(ran.stdout.contains(shown), "{args:?}:\n{}", ran.stdout);
        assert!(
            ran.stdout.contains("***") || args[0] == "check",
            "{args:?}:\n{}",
            ran.stdout
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
