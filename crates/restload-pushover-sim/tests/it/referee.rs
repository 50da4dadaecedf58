//! Each rule of conduct, broken once.

use restload_pushover_sim::{Builder, Fault, Matcher, Rule, Running, When};

use crate::client::{Connection, start, start_with};

fn rules(simulator: &Running) -> Vec<Rule> {
    simulator.violations().iter().map(|violation| violation.rule).collect()
}

/// Sends the same request twice with a pause of the simulator's clock, and tells which rules that broke.
async fn repeat(settings: impl FnOnce(Builder) -> Builder, path: &str, pause: i64) -> Vec<Rule> {
    let (simulator, mut connection) = start_with(settings).await;
    let path = format!("/1/{path}?token={}", simulator.credentials().token);
    let first = connection.try_get(&path).await;
    simulator.advance(pause);
    if first.is_err() {
        connection = Connection::open(&simulator).await;
    }
    let _ = connection.try_get(&path).await;
    rules(&simulator)
}

#[tokio::test]
async fn the_same_request_waits_five_seconds_after_a_failure_and_never_follows_a_refusal() {
    // (fault, pause, rules broken)
    let cases = [
        (Fault::ServerError(502), 4, vec![Rule::FastRetry]),
        (Fault::ServerError(502), 5, vec![]),
        (Fault::Drop, 4, vec![Rule::FastRetry]),
        (Fault::Drop, 5, vec![]),
        (Fault::Truncated, 4, vec![Rule::FastRetry]),
        (Fault::QuotaExhausted, 1000, vec![Rule::RetryAfter4xx]),
        (Fault::ErrorsObject, 1000, vec![Rule::RetryAfter4xx]),
        (Fault::ParameterFlags, 0, vec![]),
    ];
    for (fault, pause, expected) in cases {
        let name = format!("{fault:?} {pause}");
        let broken = repeat(
            |builder| builder.fault(Matcher::any(), fault, When::Nth(1)),
            "sounds.json",
            pause,
        )
        .await;
        assert_eq!(broken, expected, "{name}");
    }
}

#[tokio::test]
async fn waiting_can_be_measured_in_real_time() {
    let settings = |builder: Builder| {
        builder
            .real_time_politeness(true)
            .fault(Matcher::any(), Fault::ServerError(500), When::Nth(1))
    };
    assert_eq!(repeat(settings, "sounds.json", 0).await, [Rule::FastRetry]);
    // What the clock was advanced counts as waiting too.
    assert_eq!(repeat(settings, "sounds.json", 5).await, []);
}

#[tokio::test]
async fn a_client_that_gives_up_on_a_late_answer_waits_too() {
    let (simulator, mut connection) =
        start_with(|builder| builder.fault(Matcher::any(), Fault::Delay(60_000), When::Nth(1))).await;
    let path = format!("/1/sounds.json?token={}", simulator.credentials().token);
    let impatient = tokio::time::timeout(std::time::Duration::from_millis(50), connection.get(&path)).await;
    assert!(impatient.is_err());
    drop(connection);
    // The server notices the end of the connection on its own.
    while simulator.requests()[0].status.is_some() {
        tokio::task::yield_now().await;
    }
    Connection::open(&simulator).await.get(&path).await;
    assert_eq!(rules(&simulator), [Rule::FastRetry]);
}

#[tokio::test]
async fn a_receipt_is_read_every_five_seconds_at_most() {
    let (simulator, mut connection) = start().await;
    let known = simulator.credentials();
    for (pause, broken) in [(0, 0), (5, 0), (4, 1)] {
        simulator.advance(pause);
        connection
            .get(&format!("/1/receipts/{}.json?token={}", known.receipts[0], known.token))
            .await;
        assert_eq!(rules(&simulator), vec![Rule::ReceiptTooOften; broken]);
    }
}

#[tokio::test]
async fn a_new_run_may_repeat_what_was_refused() {
    let (simulator, mut connection) = start().await;
    connection.get("/1/sounds.json?token=wrong").await;
    simulator.begin_new_run();
    connection.get("/1/sounds.json?token=wrong").await;
    simulator.assert_polite();
}

#[tokio::test]
async fn credentials_belong_in_the_body_of_a_post() {
    let (simulator, mut connection) = start().await;
    let known = simulator.credentials();
    connection
        .post(&format!("/1/users/validate.json?token={}", known.token), "")
        .await;
    connection
        .post(&format!("/1/users/login.json?password={}", known.password), "")
        .await;
    assert_eq!(rules(&simulator), [Rule::SecretInUrlOnPost, Rule::PasswordInUrl]);
    let text = format!("{:?} {:?}", simulator.violations(), simulator.requests());
    assert!(!text.contains(&known.token) && !text.contains(&known.password));
}

#[tokio::test]
async fn a_forbidden_effect_is_reported_and_a_reading_post_is_none() {
    let (simulator, mut connection) = start_with(|builder| builder.forbid_effects(true)).await;
    let known = simulator.credentials();
    connection
        .post(
            "/1/users/validate.json",
            &format!("token={}&user={}", known.token, known.user_key),
        )
        .await;
    simulator.assert_polite();
    assert_eq!(simulator.effects(), 0);
    connection.post("/1/glances.json", "").await;
    assert_eq!(
        (rules(&simulator), simulator.effects()),
        (vec![Rule::UnexpectedEffect], 1)
    );
}

#[tokio::test]
async fn a_nameless_client_gets_a_warning() {
    let (simulator, mut connection) = start().await;
    for user_agent in ["", "reqwest/0.13", "restload/0.1"] {
        let path = format!("/1/sounds.json?token={}", simulator.credentials().token);
        connection
            .send("GET", &path, &[("user-agent", user_agent)], "")
            .await
            .unwrap();
    }
    assert_eq!(rules(&simulator), [Rule::MissingUserAgent; 2]);
    simulator.assert_polite();
}

#[tokio::test]
#[should_panic(expected = "fast-retry: GET /1/sounds.json again 0 ms after 500 (request 2)")]
async fn assert_polite_lists_what_happened() {
    let (simulator, mut connection) =
        start_with(|builder| builder.fault(Matcher::any(), Fault::ServerError(500), When::Always)).await;
    for _ in 0..2 {
        connection.get("/1/sounds.json").await;
    }
    simulator.assert_polite();
}

#[tokio::test]
async fn politeness_can_be_lenient() {
    let (simulator, mut connection) = start_with(|builder| builder.strict_politeness(false)).await;
    for _ in 0..2 {
        connection.get("/1/sounds.json?token=wrong").await;
    }
    assert_eq!(rules(&simulator), [Rule::RetryAfter4xx]);
    simulator.assert_polite();
}

#[tokio::test]
async fn twenty_refusals_in_a_minute_block_the_address_for_ten_minutes() {
    let (simulator, mut connection) = start().await;
    let good = format!("/1/sounds.json?token={}", simulator.credentials().token);
    for number in 0..20 {
        assert_eq!(
            connection.get(&format!("/1/sounds.json?token={number}")).await.status,
            400
        );
    }
    let mut statuses = Vec::new();
    // The second request extends the block, so that ten minutes after the first one are not enough.
    for seconds in [0, 599, 599, 600, 0] {
        simulator.advance(seconds);
        let answer = Connection::open(&simulator).await.get(&good).await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [403, 403, 403, 200, 200]);

    // Refusals that are spread out do not add up.
    for number in 100..140 {
        assert_eq!(connection_status(&simulator, number).await, 400);
        simulator.advance(4);
    }
}

async fn connection_status(simulator: &Running, number: i32) -> u16 {
    Connection::open(simulator)
        .await
        .get(&format!("/1/sounds.json?token={number}"))
        .await
        .status
}
