//! Credentials that are obtained on the way: one login however many wait for it, and a refresh token that outlives
//! whatever happens between its coming and its use.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use restload_pushover_sim::{Dataset, Simulator};
use serde_json::json;

use crate::support::api::{Answer, Api};
use crate::support::program::{Program, Ran};

const PARENTS: usize = 50;

/// A child request for each of fifty parents, all at once.
fn fan_out(folder: &Path, url: &str) -> Ran {
    let config = format!(
        r#"
client:
  base_url: {url}
  concurrency: {PARENTS}
  auth:
    type: session_login
    login: {{ path: login }}
    capture: {{ token: token }}
    placements: [{{ name: token, value: "{{session.token}}", location: query }}]
resources:
  - {{ name: numbers, records: {numbers:?} }}
  - {{ name: items, endpoint: "items/{{resources.numbers.value}}" }}
"#,
        numbers = (0..PARENTS).collect::<Vec<_>>()
    );
    std::fs::write(folder.join("shop.yaml"), config).unwrap();
    Program::new(folder, &["run", "shop.yaml", "--to", "sqlite:out.db"]).run()
}

/// An API whose logins give `t1`, `t2`, …, of which it takes those that `is_good` says.
fn api_with_logins(is_good: impl Fn(usize) -> bool + Send + Sync + 'static) -> Api {
    let logins = Arc::new(AtomicUsize::new(0));
    Api::start(move |target| {
        if target == "/login" {
            let number = logins.fetch_add(1, Ordering::SeqCst) + 1;
            return Answer::json(json!({ "token": format!("s3cr3t-{number}") }));
        }
        let number = target
            .split_once("token=s3cr3t-")
            .and_then(|(_, number)| number.parse().ok());
        if number.is_some_and(&is_good) {
            Answer::json(json!({ "id": target.split('?').next() }))
        } else {
            Answer::html(401, "log in first")
        }
    })
}

fn count(api: &Api, target: &str) -> usize {
    api.asked().iter().filter(|asked| *asked == target).count()
}

/// A server that knows only the latest challenge that it gave, and takes no answer's number twice.
#[test]
fn resources_that_start_together_answer_one_digest_challenge() {
    let folder = tempfile::tempdir().unwrap();
    let given = AtomicUsize::new(0);
    let counts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&counts);
    let api = Api::with_requests(move |request| {
        let authorization = request.header("authorization").unwrap_or_default();
        let mut seen = seen.lock().unwrap();
        let field = |name: &str| {
            let (_, rest) = authorization.split_once(&format!("{name}="))?;
            rest.split(',').next().map(|value| value.trim_matches('"').to_owned())
        };
        let number = given.load(Ordering::SeqCst);
        let is_latest = field("nonce") == Some(format!("nonce-{number}"));
        match field("nc").filter(|count| is_latest && !seen.contains(count)) {
            Some(count) => {
                seen.push(count);
                Answer::json(json!([{ "id": 1 }]))
            }
            None => {
                let number = given.fetch_add(1, Ordering::SeqCst) + 1;
                let challenge = format!("Digest realm=\"r\", qop=\"auth\", nonce=\"nonce-{number}\"");
                Answer::html(401, "who is it?").header("WWW-Authenticate", challenge)
            }
        }
    });
    let config = format!(
        r"
client:
  base_url: {url}
  auth: {{ type: http_digest, username: ada, password: s3cr3t }}
resources: [a, b, c, d]
",
        url = api.url()
    );
    std::fs::write(folder.path().join("shop.yaml"), config).unwrap();
    let arguments = ["run", "shop.yaml", "--to", "sqlite:out.db"];
    Program::new(folder.path(), &arguments).run().expect(0);
    assert_eq!(api.asked().len(), 5, "{:?}", api.asked());
    let mut counts = counts.lock().unwrap().clone();
    counts.sort();
    assert_eq!(counts, ["00000001", "00000002", "00000003", "00000004"]);
}

#[test]
fn fifty_requests_at_once_make_one_login() {
    let folder = tempfile::tempdir().unwrap();
    let api = api_with_logins(|_| true);
    let ran = fan_out(folder.path(), &api.url()).expect(0);
    assert_eq!(count(&api, "/login"), 1);
    assert_eq!(api.asked().len(), PARENTS + 1);
    assert!(!ran.stderr.contains("s3cr3t"), "{}", ran.stderr);
}

#[test]
fn fifty_refusals_at_once_make_one_renewal() {
    let folder = tempfile::tempdir().unwrap();
    let api = api_with_logins(|login| login > 1);
    fan_out(folder.path(), &api.url()).expect(0);
    assert_eq!(count(&api, "/login"), 2);
    // How many were under way with the first session is up to chance; none was sent more than twice.
    assert!(api.asked().len() <= 2 * PARENTS + 2, "{:?}", api.asked());
}

#[test]
fn a_login_that_fails_is_not_made_for_everybody_who_waits() {
    let folder = tempfile::tempdir().unwrap();
    let api = Api::start(|_| Answer::html(403, "wrong password"));
    let ran = fan_out(folder.path(), &api.url()).expect(1);
    assert_eq!(api.asked(), ["/login"]);
    assert!(ran.stderr.contains("was answered 403 Forbidden"), "{}", ran.stderr);
}

/// An API that replaces the refresh token with every use, and takes each once.
struct Rotating {
    api: Api,
    folder: tempfile::TempDir,
}

impl Rotating {
    fn new() -> Self {
        let latest = AtomicUsize::new(1);
        let api = Api::with_bodies(move |target, body| {
            if target != "/token" {
                return Answer::json(json!([{ "id": 1 }]));
            }
            let number = latest.load(Ordering::SeqCst);
            if !body.ends_with(&format!("&refresh_token=refresh-{number}")) {
                return Answer::json(json!({ "error": "invalid_grant" })).status(400);
            }
            latest.store(number + 1, Ordering::SeqCst);
            let successor = format!("refresh-{}", number + 1);
            Answer::json(json!({ "access_token": "access", "refresh_token": successor, "expires_in": 1 }))
        });
        let folder = tempfile::tempdir().unwrap();
        let mut config = String::new();
        let url = api.url();
        write!(
            config,
            "client:\n  base_url: {url}\n  auth: {{ type: oauth2_refresh_token, access_token_url: '{url}/token', \
             client_id: app, refresh_token: refresh-1 }}\nresources: [items]\n"
        )
        .unwrap();
        std::fs::write(folder.path().join("shop.yaml"), config).unwrap();
        Self { api, folder }
    }

    fn program(&self) -> Program {
        Program::new(self.folder.path(), &["run", "shop.yaml", "--to", "sqlite:out.db"])
    }
}

#[test]
fn a_refresh_token_outlives_a_kill_before_its_first_use() {
    let rotating = Rotating::new();
    // The token request is the first, the first use of what it gave is the second.
    rotating.api.hold_from(2);
    let mut run = rotating.program().start();
    assert!(rotating.api.wait_until_held(|| run.has_ended()));
    run.kill();
    rotating.api.forget();
    rotating.program().run().expect(0);
    assert_eq!(rotating.api.asked(), ["/token", "/items"]);
}

#[test]
fn a_refresh_token_outlives_ctrl_c_while_it_is_on_its_way() {
    let rotating = Rotating::new();
    rotating.api.hold_from(1);
    let mut run = rotating.program().start();
    assert!(rotating.api.wait_until_held(|| run.has_ended()));
    run.interrupt();
    run.wait_for("stopping");
    rotating.api.forget();
    run.end().expect(1);
    rotating.program().run().expect(0);
}

/// The user's API secret of the Open Client, by login with mail and password: Pushover's own example of a session.
#[test]
fn pushovers_login_gives_the_secret_that_messages_are_read_with() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let simulator = runtime
        .block_on(Simulator::builder().dataset(Dataset::Tiny).start())
        .unwrap();
    let given = simulator.credentials();
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        r#"
client:
  base_url: {url}
  concurrency: 1
  auth:
    type: session_login
    login:
      path: users/login.json
      data:
        email: "{{secrets.pushover_email}}"
        password: "{{secrets.pushover_password}}"
        twofa: "{{secrets.pushover_twofa}}"
    capture: {{ secret: secret }}
    placements: [{{ name: secret, value: "{{session.secret}}", location: query }}]
resources:
  - name: messages
    endpoint:
      path: messages.json
      params: {{ device_id: "{{secrets.pushover_device_id}}" }}
      data_selector: messages
"#,
        url = simulator.base_url()
    );
    std::fs::write(folder.path().join("open_client.yaml"), config).unwrap();
    let run = |password: &str| {
        Program::new(
            folder.path(),
            &["run", "open_client.yaml", "--to", "sqlite:out.db", "-v"],
        )
        .env("PUSHOVER_EMAIL", &given.email)
        .env("PUSHOVER_PASSWORD", password)
        .env("PUSHOVER_TWOFA", given.twofa.as_deref().unwrap_or_default())
        .env("PUSHOVER_DEVICE_ID", &given.device_id)
        .run()
    };
    let ran = run(&given.password).expect(0);
    assert!(ran.stderr.contains("messages: done, 5 records"), "{}", ran.stderr);
    assert!(ran.stderr.contains("2 requests"), "{}", ran.stderr);
    let ran = run("not the password").expect(1);
    assert!(
        ran.stderr.contains("users/login.json) was answered 400"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("not the password"), "{}", ran.stderr);
}

#[test]
fn a_plan_and_a_check_log_in_nowhere() {
    let rotating = Rotating::new();
    for command in ["plan", "check"] {
        let ran = Program::new(rotating.folder.path(), &[command, "shop.yaml"])
            .run()
            .expect(0);
        if command == "plan" {
            let login = format!("  credentials by POST {}/token\n", rotating.api.url());
            assert!(ran.stdout.contains(&login), "{}", ran.stdout);
        }
        assert!(!ran.stdout.contains("refresh-1"), "{}", ran.stdout);
    }
    assert_eq!(rotating.api.asked(), Vec::<String>::new());
}

/// C-02: a key that is left out, with the credentials written as a word or as a map, is an error that names the very
/// places where it was looked for.
#[test]
fn a_key_that_is_left_out_names_where_it_was_looked_for() {
    for auth in [
        "api_key",
        "{ type: api_key }",
        "{ type: api_key, name: X-Key, location: header }",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let config = format!("client: {{ base_url: 'http://127.0.0.1:1', auth: {auth} }}\nresources: [items]\n");
        std::fs::write(folder.path().join("shop.yaml"), config).unwrap();
        let ran = Program::new(folder.path(), &["run", "shop.yaml"]).run().expect(2);
        for said in [
            "error: the credentials have no `api_key`",
            "`SOURCES__REST_API__SHOP__CREDENTIALS__API_KEY`",
            "`CREDENTIALS__API_KEY`",
            "`credentials.api_key` in `./secrets.toml`",
        ] {
            assert!(ran.stderr.contains(said), "{auth}: `{said}` is not in\n{}", ran.stderr);
        }
    }
}
