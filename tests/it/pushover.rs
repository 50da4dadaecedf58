//! The bundled Pushover config against the simulator: the acceptance checks, and the tables of every dataset.
//!
//! Where Pushover's behaviour is not known (the text of a 429 since May 2026, of a wrong login, a receipt after its
//! cancel), a test looks at statuses and keys rather than at words.

use std::time::{Duration, Instant};

use restload_pushover_sim::{Builder, Credentials, Dataset, Fault, Matcher, Running, Simulator, When};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::api::{Answer, Api};
use crate::support::program::{Program, Ran};
use crate::support::repository;
use crate::support::tables::{BOTH, Database, Kind};

/// A simulator, and a copy of the bundled config that leads to it.
struct Desk {
    folder: TempDir,
    /// The simulator serves as long as this lives.
    _runtime: Runtime,
    simulator: Running,
    given: Credentials,
}

impl Desk {
    fn new(dataset: Dataset) -> Self {
        Self::with(Simulator::builder().dataset(dataset))
    }

    fn with(builder: Builder) -> Self {
        let runtime = Runtime::new().unwrap();
        let simulator = runtime.block_on(builder.real_time_politeness(true).start()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = std::fs::read_to_string(repository().join("configs/pushover.yaml")).unwrap();
        let desk = Self {
            folder,
            given: simulator.credentials(),
            simulator,
            _runtime: runtime,
        };
        desk.write_config(&config);
        desk.edit("https://api.pushover.net/1", &desk.simulator.base_url());
        desk
    }

    fn config(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("pushover.yaml")).unwrap()
    }

    fn write_config(&self, text: &str) {
        std::fs::write(self.folder.path().join("pushover.yaml"), text).unwrap();
    }

    /// Changes every occurrence of a text in the config.
    fn edit(&self, from: &str, to: &str) {
        let config = self.config();
        assert!(config.contains(from), "the config has no `{from}`");
        self.write_config(&config.replace(from, to));
    }

    /// Does what the config's comment asks a person to do who wants a request with side effects.
    fn allow_side_effects(&self, resource: &str) {
        let config = self.config();
        let start = config.find(&format!("- name: {resource}\n")).unwrap();
        let (before, after) = config.split_at(start);
        self.write_config(&format!(
            "{before}{}",
            after.replacen("allow_side_effects: false", "allow_side_effects: true", 1)
        ));
    }

    fn database(&self, kind: Kind) -> Database {
        Database::new(kind, self.folder.path())
    }

    /// A run with the application's token and what else is in the environment, judged when it has ended.
    fn run(&self, database: &Database, args: &[&str], environment: &[(&str, &str)], code: i32) -> Ran {
        self.simulator.begin_new_run();
        let ran = self.program(database, args, environment).run().expect(code);
        self.judge(database, &ran);
        ran
    }

    fn program(&self, database: &Database, args: &[&str], environment: &[(&str, &str)]) -> Program {
        let to = database.args();
        let mut all = vec!["run", "pushover.yaml"];
        all.extend(to.iter().map(String::as_str));
        all.extend(args);
        let program = Program::new(self.folder.path(), &all).env("PUSHOVER_TOKEN", &self.given.token);
        environment
            .iter()
            .fold(program, |program, (name, value)| program.env(name, value))
    }

    /// Whatever a run does: it is polite, and no credential is seen or stored.
    fn judge(&self, database: &Database, ran: &Ran) {
        self.simulator.assert_polite();
        self.find_no_secret(&format!("{}{}", ran.stdout, ran.stderr));
        self.find_no_secret(&database.everything());
    }

    fn find_no_secret(&self, text: &str) {
        let Credentials {
            token,
            second_token,
            team_token,
            password,
            secret,
            device_id,
            ..
        } = &self.given;
        for credential in [token, team_token, password, secret, device_id]
            .into_iter()
            .chain(second_token)
        {
            assert!(!text.contains(credential.as_str()), "a credential is seen:\n{text}");
        }
    }

    /// What makes `messages_download` possible.
    fn open_client(&self) -> [(&str, &str); 2] {
        [
            ("PUSHOVER_SECRET", &self.given.secret),
            ("PUSHOVER_DEVICE_ID", &self.given.device_id),
        ]
    }

    /// Method and path of every request so far.
    fn asked(&self) -> Vec<String> {
        let requests = self.simulator.requests();
        requests
            .iter()
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }
}

fn var(name: &str, value: &[String]) -> String {
    format!("{name}={}", json!(value))
}

fn matcher(method: &str, path: &str) -> Matcher {
    Matcher::new(method, path)
}

fn counts<const N: usize>(counts: [(&str, usize); N]) -> Vec<(String, usize)> {
    counts.map(|(table, count)| (table.to_owned(), count)).to_vec()
}

// The checks, in the order of the simulator's specification.

#[test]
fn check_01_the_token_alone_loads_sounds_and_limits() {
    for kind in BOTH {
        let desk = Desk::new(Dataset::Tiny);
        let database = desk.database(kind);
        for _ in 0..2 {
            desk.run(&database, &[], &[], 0);
            assert_eq!(database.counts(), counts([("limits", 1), ("sounds", 25)]), "{kind:?}");
        }
        let mut asked = desk.asked();
        asked.sort();
        assert_eq!(
            asked,
            [
                "GET /1/apps/limits.json",
                "GET /1/apps/limits.json",
                "GET /1/sounds.json",
                "GET /1/sounds.json"
            ]
        );
        assert_eq!(desk.simulator.effects(), 0);
        assert_eq!(database.columns("sounds"), ["label", "name"]);
        assert_eq!(database.rows("limits", &["limit", "remaining"]), [["10000", "7496"]]);
        assert!(
            database
                .rows("sounds", &["name", "label"])
                .contains(&vec!["bike".to_owned(), "Bike".to_owned()])
        );
    }
}

#[test]
fn check_02_without_a_token_nothing_is_requested() {
    let desk = Desk::new(Dataset::Tiny);
    let ran = Program::new(desk.folder.path(), &["run", "pushover.yaml"])
        .run()
        .expect(2);
    assert!(ran.stderr.contains("PUSHOVER_TOKEN"), "{}", ran.stderr);
    assert_eq!(desk.asked(), [""; 0]);
    assert!(
        !desk.folder.path().join("pushover.db").exists(),
        "a database was made all the same"
    );
}

#[test]
fn check_03_a_wrong_token_is_refused_once_and_not_shown() {
    let desk = Desk::new(Dataset::Tiny);
    let database = desk.database(Kind::Sqlite);
    let wrong = "aWrongToken0000000000000000000";
    let ran = desk.run(&database, &["--select", "sounds"], &[("PUSHOVER_TOKEN", wrong)], 1);
    assert!(ran.stderr.contains("application token is invalid"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(wrong) && !database.everything().contains(wrong));
    assert_eq!(desk.simulator.requests().len(), 1);
    assert_eq!(desk.simulator.requests()[0].status, Some(400));

    desk.run(&database, &[], &[("PUSHOVER_TOKEN", wrong)], 1);
    assert_eq!(
        desk.simulator.requests().len(),
        3,
        "one request for each of two resources"
    );
}

#[test]
fn check_04_a_good_http_status_with_status_0_is_a_failure() {
    for kind in BOTH {
        let desk = Desk::new(Dataset::Tiny);
        let database = desk.database(kind);
        desk.run(&database, &[], &[], 0);
        let before = database.contents();
        desk.simulator
            .add_fault(matcher("GET", "sounds.json"), Fault::OkButStatusZero, When::Always);
        let ran = desk.run(&database, &[], &[], 1);
        assert!(ran.stderr.contains("something was not right"), "{}", ran.stderr);
        assert_eq!(database.contents(), before, "{kind:?}");
    }
}

#[test]
fn check_05_a_sound_is_a_row_and_not_a_column() {
    for kind in BOTH {
        let desk = Desk::new(Dataset::Tiny);
        let database = desk.database(kind);
        desk.run(&database, &[], &[], 0);
        let before = database.contents();
        desk.simulator.add_sound("gong", "A gong");
        desk.run(&database, &[], &[], 0);
        assert_eq!(database.count("sounds"), 26);
        assert_eq!(database.columns("sounds"), ["label", "name"]);
        desk.simulator.remove_sound("gong");
        desk.run(&database, &[], &[], 0);
        assert_eq!(database.contents(), before, "{kind:?}");
    }
}

#[test]
fn check_06_receipts_are_updated_and_unknown_ones_counted() {
    for kind in BOTH {
        let desk = Desk::new(Dataset::Tiny);
        let database = desk.database(kind);
        let unknown = "rUnknown0000000000000000000000".to_owned();
        let ids: Vec<String> = desk.given.receipts.iter().cloned().chain([unknown]).collect();
        let receipts = var("receipts", &ids);
        let mut expected = desk.given.receipts.clone();
        expected.sort();
        let acknowledged = || database.column("receipts", "acknowledged");

        let ran = desk.run(&database, &["--var", &receipts], &[], 0);
        assert!(ran.stderr.contains("receipts: 1 answer ignored"), "{}", ran.stderr);
        assert_eq!(database.column("receipts", "receipt"), expected, "{kind:?}");
        assert_eq!(acknowledged(), ["0", "0", "1"]);

        desk.simulator.next_generation();
        desk.run(&database, &["--var", &receipts], &[], 0);
        assert_eq!(database.column("receipts", "receipt"), expected, "{kind:?}");
        assert_eq!(acknowledged(), ["0", "1", "1"]);
        assert_eq!(database.tables(), ["limits", "receipts", "sounds"], "{kind:?}");
    }
}

#[test]
fn check_07_messages_are_downloaded_again_without_duplicates_or_deletions() {
    for kind in BOTH {
        let desk = Desk::new(Dataset::Inbox);
        let database = desk.database(kind);
        let receipts = var("receipts", &desk.given.receipts);
        let load = || desk.run(&database, &["--var", &receipts], &desk.open_client(), 0);
        let expected = counts([("limits", 1), ("messages", 1000), ("receipts", 12), ("sounds", 23)]);
        for _ in 0..2 {
            load();
            assert_eq!(database.counts(), expected, "{kind:?}");
        }
        assert_eq!(
            database.column("messages", "id"),
            database.column("messages", "id_str"),
            "ids are exact"
        );

        desk.simulator.next_generation();
        load();
        assert_eq!(
            database.count("messages"),
            1040,
            "{kind:?}: what is gone at Pushover stays"
        );
        assert_eq!(database.column("messages", "id"), database.column("messages", "id_str"));
        assert!(
            desk.asked().iter().all(|asked| asked.starts_with("GET ")),
            "{:?}",
            desk.asked()
        );
        assert_eq!(desk.simulator.effects(), 0);
    }
}

#[test]
fn check_08_messages_are_left_out_without_a_secret_and_refused_with_a_wrong_one() {
    let desk = Desk::new(Dataset::Tiny);
    let database = desk.database(Kind::Sqlite);
    let ran = desk.run(&database, &[], &[("PUSHOVER_DEVICE_ID", &desk.given.device_id)], 0);
    assert!(ran.stderr.contains("messages_download"), "{}", ran.stderr);
    assert!(ran.stderr.contains("PUSHOVER_SECRET"), "{}", ran.stderr);

    for status in [400, 403] {
        let desk = Desk::with(Simulator::builder().bad_secret_status(status));
        let database = desk.database(Kind::Sqlite);
        let wrong = "sWrong".repeat(10);
        let environment = [
            ("PUSHOVER_SECRET", wrong.as_str()),
            ("PUSHOVER_DEVICE_ID", &desk.given.device_id),
        ];
        let ran = desk.run(&database, &["--select", "messages_download"], &environment, 1);
        assert!(ran.stderr.contains("secret is invalid"), "{}", ran.stderr);
        assert!(!ran.stderr.contains(&wrong) && !database.everything().contains(&wrong));
        assert_eq!(desk.simulator.requests().len(), 1);
    }
}

/// The three that change something: their resource, their request, and the table that takes their answer.
const WITH_EFFECTS: [(&str, &str, &str); 3] = [
    ("users_login", "users/login.json", "users_login"),
    ("devices", "devices.json", "devices"),
    ("messages", "messages.json", "sent_messages"),
];

/// What the three need, all of it.
fn effects_environment(given: &Credentials) -> [(&str, &str); 4] {
    [
        ("PUSHOVER_EMAIL", &given.email),
        ("PUSHOVER_PASSWORD", &given.password),
        ("PUSHOVER_SECRET", &given.secret),
        ("PUSHOVER_USER", &given.user_key),
    ]
}

#[test]
fn check_09_side_effects_need_permission_and_happen_once() {
    for (resource, path, table) in WITH_EFFECTS {
        // Receipts' person logs in without a second factor.
        let desk = Desk::new(Dataset::Receipts);
        let database = desk.database(Kind::Sqlite);
        let environment = effects_environment(&desk.given);
        let ran = desk.run(&database, &["--select", resource], &environment, 2);
        assert!(ran.stderr.contains("allow_side_effects"), "{}", ran.stderr);
        assert_eq!(desk.simulator.requests().len(), 0, "{resource}");

        desk.allow_side_effects(resource);
        desk.run(&database, &[], &environment, 0);
        assert_eq!(desk.simulator.effects(), 0, "{resource} ran without being named");

        desk.run(&database, &["--select", resource], &environment, 0);
        assert_eq!(desk.simulator.effects(), 1, "{resource}");
        assert_eq!(database.count(table), 1);
        let requests = desk.simulator.requests();
        let request = requests.last().unwrap();
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", format!("/1/{path}").as_str())
        );
        assert_eq!(
            request.query_names, [""; 0],
            "{resource} shows something in its address"
        );
    }
}

#[test]
fn check_09_what_may_have_happened_is_not_sent_again() {
    for (resource, path, table) in WITH_EFFECTS {
        let desk = Desk::new(Dataset::Receipts);
        let database = desk.database(Kind::Sqlite);
        desk.allow_side_effects(resource);
        let faults = [
            Fault::Drop,
            Fault::DropAfterEffect,
            Fault::Truncated,
            Fault::ServerError(502),
            Fault::ServerErrorJson(500),
        ];
        for (number, fault) in faults.into_iter().enumerate() {
            desk.simulator.clear_faults();
            desk.simulator
                .add_fault(matcher("POST", path), fault.clone(), When::Always);
            let ran = desk.run(&database, &["--select", resource], &effects_environment(&desk.given), 1);
            assert_eq!(desk.simulator.requests().len(), number + 1, "{resource}, {fault:?}");
            assert!(
                ran.stderr.contains("whether the API has acted on it is unknown"),
                "{resource}, {fault:?}: {}",
                ran.stderr
            );
            assert!(!database.tables().contains(&table.to_owned()));
        }
    }
}

#[test]
fn check_10_a_login_that_needs_a_second_factor_says_so() {
    let desk = Desk::new(Dataset::Tiny);
    let database = desk.database(Kind::Sqlite);
    desk.allow_side_effects("users_login");
    let environment = effects_environment(&desk.given);
    let ran = desk.run(&database, &["--select", "users_login"], &environment, 1);
    assert!(ran.stderr.contains("two factor auth required"), "{}", ran.stderr);
    assert_eq!(desk.simulator.requests().len(), 1);
    assert_eq!(database.tables(), [""; 0]);

    // As the config's comment says.
    desk.edit("# With two-factor authentication, add:  twofa:", "twofa:");
    let twofa = desk.given.twofa.as_deref().unwrap();
    let environment: Vec<_> = environment.into_iter().chain([("PUSHOVER_TWOFA", twofa)]).collect();
    desk.run(&database, &["--select", "users_login"], &environment, 0);
    assert_eq!(
        database.columns("users_login"),
        ["id"],
        "the session's secret is in the table"
    );
}

#[test]
fn check_11_a_bad_gateway_is_waited_out() {
    let desk =
        Desk::with(Simulator::builder().fault(matcher("GET", "sounds.json"), Fault::ServerError(502), When::First(1)));
    let database = desk.database(Kind::Sqlite);
    let start = Instant::now();
    let ran = desk.run(&database, &["--select", "sounds"], &[], 0);
    assert!(start.elapsed() >= Duration::from_secs(5));
    assert!(ran.stderr.contains("502"), "{}", ran.stderr);
    assert_eq!(database.count("sounds"), 25);
    assert_eq!(desk.simulator.requests().len(), 2);
}

#[test]
fn check_12_a_quota_that_is_used_up_names_the_day_of_its_reset() {
    for fault in [Fault::QuotaExhausted, Fault::QuotaNewText] {
        let desk = Desk::new(Dataset::Tiny);
        let database = desk.database(Kind::Sqlite);
        desk.allow_side_effects("messages");
        desk.simulator.add_fault(Matcher::any(), fault.clone(), When::Always);
        for (number, resource) in ["messages", "sounds"].into_iter().enumerate() {
            let ran = desk.run(&database, &["--select", resource], &effects_environment(&desk.given), 1);
            assert_eq!(desk.simulator.requests().len(), number + 1, "{fault:?}");
            // Midnight in Chicago.
            assert!(
                ran.stderr.contains("used up, until 2025-12-01 06:00 UTC"),
                "{fault:?}: {}",
                ran.stderr
            );
        }
    }
}

#[test]
fn check_13_no_more_than_two_connections() {
    for concurrency in ["concurrency: 1", "concurrency: 2"] {
        let desk = Desk::new(Dataset::Org);
        let database = desk.database(Kind::Sqlite);
        desk.edit("concurrency: 1", concurrency);
        desk.simulator.add_fault(Matcher::any(), Fault::Delay(20), When::Always);
        desk.run(
            &database,
            &["--select", "sounds,limits,groups,group_members,license_credits"],
            &[],
            0,
        );
        let connections = desk.simulator.requests().iter().map(|request| request.connection).max();
        assert!(connections <= Some(2), "{concurrency}: {connections:?} connections");
        assert_eq!(database.count("group_members"), 200);
    }
}

#[test]
fn check_14_awkward_data_is_the_same_in_both_databases() {
    let desk = Desk::new(Dataset::Hostile);
    let [sqlite, postgres] = BOTH.map(|kind| {
        let database = desk.database(kind);
        for _ in 0..2 {
            desk.run(&database, &[], &desk.open_client(), 0);
        }
        database
    });
    assert_eq!(sqlite.counts(), postgres.counts());
    assert_eq!(sqlite.count("sounds"), 27);
    let ids = sqlite.column("messages", "id");
    assert_eq!(ids, postgres.column("messages", "id"));
    assert_eq!(ids, sqlite.column("messages", "id_str"));
    let mut distinct = ids.clone();
    distinct.dedup();
    assert_eq!(ids, distinct, "the message that comes twice is stored once");
    // 9 texts, 3 dates, 3 ids, and 5 messages with odd fields of which one is repeated.
    assert_eq!(ids.len(), 19);
    assert!(ids.contains(&(i64::MAX - 1).to_string()));
    assert_eq!(
        sqlite.rows("sounds", &["name", "label"]),
        postgres.rows("sounds", &["name", "label"])
    );
    // Texts are the same too; NUL, which Postgres cannot hold, and half a surrogate pair go by one rule in both.
    let texts = sqlite.rows("messages", &["id", "title", "message"]);
    assert_eq!(texts, postgres.rows("messages", &["id", "title", "message"]));
    let text = |title: &str| texts.iter().find(|row| row[1] == title).unwrap()[2].as_str();
    assert_eq!(text("NUL"), "before\u{fffd}after");
    assert_eq!(text("lone surrogate"), "before\u{fffd}after");
    assert_eq!(
        text("quotes"),
        "\"double\" 'single' `back` \\ '; DROP TABLE messages; --"
    );
    assert_eq!(text("looks like a number"), "0012");
    assert_eq!(text("200 KB").len(), 200 * 1024);
    assert_eq!(text("emoji"), "🚨🧯👩\u{200d}🚒 e\u{301} ﬁ");
}

#[test]
fn check_14_empty_lists_make_no_rows() {
    for kind in BOTH {
        let desk = Desk::new(Dataset::Hostile);
        let database = desk.database(kind);
        let empty = desk.given.empty_device_id.clone().unwrap();
        let environment = [
            ("PUSHOVER_SECRET", desk.given.secret.as_str()),
            ("PUSHOVER_DEVICE_ID", &empty),
        ];
        desk.run(
            &database,
            &["--select", "groups,group_members,messages_download"],
            &environment,
            0,
        );
        for (table, count) in database.counts() {
            assert_eq!(count, 0, "{table}");
        }

        // Another account's groups have awkward names and no members, or one.
        let token = desk.given.second_token.clone().unwrap();
        desk.run(
            &database,
            &["--select", "groups,group_members"],
            &[("PUSHOVER_TOKEN", &token)],
            0,
        );
        assert_eq!(database.column("groups", "name"), ["Nobody", "Ops/Night \"shift\""]);
        assert_eq!(
            database.rows("group_members", &["group_name", "memo"]),
            [["Ops/Night \"shift\"", "a/b \"c\"\n'd'"]]
        );
    }
}

#[test]
fn check_15_a_plan_sends_nothing_and_masks_what_is_secret() {
    let desk = Desk::new(Dataset::Tiny);
    for format in ["text", "json"] {
        let ran = Program::new(desk.folder.path(), &["plan", "pushover.yaml", "--format", format])
            .env("PUSHOVER_TOKEN", &desk.given.token)
            .env("PUSHOVER_SECRET", &desk.given.secret)
            .env("PUSHOVER_DEVICE_ID", &desk.given.device_id)
            .run()
            .expect(0);
        assert!(ran.stdout.contains("GET"), "{}", ran.stdout);
        assert!(ran.stdout.contains("/1/sounds.json?token=***"), "{}", ran.stdout);
        desk.find_no_secret(&format!("{}{}", ran.stdout, ran.stderr));
    }
    assert_eq!(desk.asked(), [""; 0]);
}

#[test]
fn check_16_a_redirect_to_another_host_is_not_followed() {
    let elsewhere = Api::start(|_| Answer::json(json!({ "status": 1, "sounds": { "stolen": "Stolen" } })));
    for status in [301, 302, 307, 308] {
        let desk = Desk::new(Dataset::Tiny);
        let database = desk.database(Kind::Sqlite);
        let to = elsewhere.url();
        desk.simulator.add_fault(
            matcher("GET", "sounds.json"),
            Fault::Redirect { status, to },
            When::Always,
        );
        let ran = desk.run(&database, &["--select", "sounds"], &[], 1);
        assert!(ran.stderr.contains(&status.to_string()), "{}", ran.stderr);
        assert_eq!(elsewhere.asked(), [""; 0]);
        assert_eq!(desk.simulator.requests().len(), 1);
    }
}

#[test]
fn check_17_a_credential_that_comes_back_is_masked() {
    for (resource, path) in [
        ("sounds", "sounds.json"),
        ("messages_download", "messages.json"),
        ("users_validate", "users/validate.json"),
    ] {
        for kind in BOTH {
            let desk = Desk::new(Dataset::Tiny);
            let database = desk.database(kind);
            desk.simulator
                .add_fault(matcher("*", path), Fault::EchoSecret, When::Always);
            let keys = var("user_keys", &desk.given.user_keys);
            // The judge looks for the credential.
            let ran = desk.run(
                &database,
                &["-vv", "--var", &keys, "--select", resource],
                &desk.open_client(),
                1,
            );
            assert!(
                ran.stderr.contains("application token *** is invalid"),
                "{}",
                ran.stderr
            );
            let ran = desk.run(
                &database,
                &["--format", "json", "--var", &keys, "--select", resource],
                &desk.open_client(),
                1,
            );
            assert!(
                ran.stdout.contains("application token *** is invalid"),
                "{}",
                ran.stdout
            );
        }
    }
}

#[test]
fn check_18_a_run_killed_before_the_commit_loses_nothing() {
    for kind in BOTH {
        let desk = Desk::new(Dataset::Inbox);
        let database = desk.database(kind);
        let run = desk
            .program(
                &database,
                &["-vv", "--select", "messages_download"],
                &desk.open_client(),
            )
            .start();
        // The page has come and is normalised; it is written at the end, or after a second.
        run.wait_for("messages_download: page 1");
        let ran = run.kill();
        desk.judge(&database, &ran);

        desk.run(&database, &["--select", "messages_download"], &desk.open_client(), 0);
        assert_eq!(database.count("messages"), 1000, "{kind:?}");
        assert_eq!(database.column("messages", "id"), database.column("messages", "id_str"));
        assert_eq!(desk.simulator.effects(), 0);
    }
}

// The datasets that the checks have left.

#[test]
fn every_receipt_is_loaded_and_four_are_not_found() {
    for (kind, status) in [(Kind::Sqlite, 400), (Kind::Postgres, 404)] {
        let builder = Simulator::builder()
            .dataset(Dataset::Receipts)
            .receipt_missing_status(status);
        let desk = Desk::with(builder);
        let database = desk.database(kind);
        let ids = [desk.given.receipts.clone(), desk.given.missing_receipts.clone()].concat();
        let ran = desk.run(&database, &["--var", &var("receipts", &ids)], &[], 0);
        assert!(ran.stderr.contains("receipts: 4 answers ignored"), "{}", ran.stderr);
        assert_eq!(
            database.counts(),
            counts([("limits", 1), ("receipts", 24), ("sounds", 23)])
        );
        let mut expected = desk.given.receipts.clone();
        expected.sort();
        assert_eq!(database.column("receipts", "receipt"), expected, "{kind:?}");
        assert_eq!(desk.simulator.requests().len(), 30);
    }
}

#[test]
fn an_organisation_has_groups_and_members_and_keys_to_validate() {
    for kind in BOTH {
        let desk = Desk::new(Dataset::Org);
        let database = desk.database(kind);
        let keys = var("user_keys", &desk.given.user_keys);
        let select = "groups,group_members,users_validate,license_credits";
        let ran = desk.run(&database, &["--var", &keys, "--select", select], &[], 0);
        assert!(
            ran.stderr.contains("users_validate: 2 answers ignored"),
            "{}",
            ran.stderr
        );
        assert_eq!(database.count("groups"), 20, "{kind:?}");
        assert_eq!(database.count("group_members"), 200, "{kind:?}");
        // 9 people and a group; 2 keys are refused.
        assert_eq!(database.count("users_validate"), 10, "{kind:?}");
        assert_eq!(database.count("license_credits"), 1);
        let groups = database.column("groups", "group");
        let mut given = desk.given.group_keys.clone();
        given.sort();
        assert_eq!(groups, given);
        let members = database.rows("group_members", &["group", "group_name"]);
        assert!(members.iter().all(|member| groups.contains(&member[0])));

        desk.simulator.next_generation();
        desk.run(&database, &["--var", &keys, "--select", select], &[], 0);
        assert_eq!(database.count("groups"), 20, "{kind:?}");
        assert_eq!(database.count("group_members"), 200, "{kind:?}");
        assert_eq!(database.count("users_validate"), 10, "{kind:?}");
        assert!(
            database
                .column("groups", "name")
                .contains(&"Group 02, renamed".to_owned())
        );
        let names = database.column("group_members", "group_name");
        assert!(names.contains(&"Group 02, renamed".to_owned()) && !names.contains(&"Group 02".to_owned()));
        assert_eq!(desk.simulator.effects(), 0);
    }
}

#[test]
fn tiny_with_everything_that_reads() {
    for kind in BOTH {
        let desk = Desk::new(Dataset::Tiny);
        let database = desk.database(kind);
        let receipts = var("receipts", &desk.given.receipts);
        let keys = var("user_keys", &desk.given.user_keys);
        let select = "sounds,limits,receipts,messages_download,groups,group_members,license_credits,users_validate";
        for _ in 0..2 {
            let args = ["--var", &receipts, "--var", &keys, "--select", select];
            desk.run(&database, &args, &desk.open_client(), 0);
            let expected = [
                ("group_members", 3),
                ("groups", 1),
                ("license_credits", 1),
                ("limits", 1),
                ("messages", 5),
                ("receipts", 3),
                ("sounds", 25),
                ("users_validate", 3),
                ("users_validate__devices", 4),
                ("users_validate__licenses", 6),
            ];
            assert_eq!(database.counts(), counts(expected), "{kind:?}");
        }
        assert_eq!(database.column("license_credits", "credits"), ["5"]);
        assert_eq!(desk.simulator.effects(), 0);
    }
}

/// Faults of shape: each is an error of the one resource, and leaves the rows of the run before.
#[test]
fn an_answer_of_the_wrong_shape_leaves_the_earlier_rows() {
    let faults = [
        (Fault::Blocked, 1),
        (Fault::ErrorsObject, 1),
        (Fault::ErrorsString, 1),
        (Fault::ErrorsMissing, 1),
        (Fault::NotJson, 1),
        (Fault::EmptyBody, 1),
        (Fault::ListInstead, 1),
        (Fault::MissingSelector, 1),
        (Fault::OkButInfo, 1),
        (Fault::Gzip, 0),
        (Fault::WrongContentType, 0),
        (Fault::ParameterFlags, 0),
        (Fault::Slow(20_000), 0),
    ];
    for (fault, code) in faults {
        let desk = Desk::new(Dataset::Tiny);
        let database = desk.database(Kind::Sqlite);
        desk.run(&database, &[], &[], 0);
        let before = database.contents();
        desk.simulator
            .add_fault(matcher("GET", "sounds.json"), fault.clone(), When::Always);
        let ran = desk.run(&database, &["--select", "sounds"], &[], code);
        assert_eq!(
            ran.stderr.contains("error: sounds: "),
            code == 1,
            "{fault:?}: {}",
            ran.stderr
        );
        assert_eq!(database.contents(), before, "{fault:?}");
        assert_eq!(desk.simulator.requests().len(), 3, "{fault:?} was asked for again");
    }
}

/// `null` where a list is expected is how many APIs write an empty one, so it is not an error.
#[test]
fn null_instead_of_records_is_an_empty_list() {
    let desk = Desk::new(Dataset::Tiny);
    let database = desk.database(Kind::Sqlite);
    desk.run(&database, &[], &[], 0);
    desk.simulator
        .add_fault(matcher("GET", "sounds.json"), Fault::NullSelector, When::Always);
    desk.run(&database, &["--select", "sounds"], &[], 0);
    assert_eq!(database.count("sounds"), 0);
}

#[test]
fn the_demo_can_be_loaded_twice() {
    for kind in BOTH {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(
            repository().join("configs/pushover.yaml"),
            folder.path().join("pushover.yaml"),
        )
        .unwrap();
        let database = Database::new(kind, folder.path());
        let to = database.args();
        let mut args = vec!["run", "pushover.yaml", "--demo"];
        args.extend(to.iter().map(String::as_str));
        for _ in 0..2 {
            // A real token must not reach a simulator, so one that is there changes nothing.
            let ran = Program::new(folder.path(), &args)
                .env("PUSHOVER_TOKEN", "aRealToken")
                .run()
                .expect(0);
            assert_eq!(
                database.counts(),
                counts([("limits", 1), ("messages", 5), ("receipts", 3), ("sounds", 25)]),
                "{kind:?}"
            );
            assert!(!ran.stderr.contains("aRealToken"));
        }
    }
}
