//! Sending messages: checks, quota, and who receives what.

use restload_pushover_sim::{Dataset, LimitHeaders, RequestId, UserErrorText};
use serde_json::json;

use crate::client::{start, start_with};

#[tokio::test]
async fn each_check_of_a_message_names_its_field() {
    let (simulator, mut connection) = start_with(|builder| builder.user_error_text(UserErrorText::Old)).await;
    let known = simulator.credentials();
    let ok = format!("token={}&user={}&message=hi", known.token, known.user_key);
    let without_message = format!("token={}&user={}", known.token, known.user_key);
    let without_user = format!("token={}&message=hi", known.token);
    let too_many = vec![known.user_key.as_str(); 51].join(",");
    let fifty = vec![known.user_key.as_str(); 50].join(",");
    let cases = [
        (ok.clone(), "", ""),
        (without_user.clone(), "user", "user identifier is invalid"),
        (
            format!("{without_user}&user={}, {}", known.user_key, known.user_key),
            "user",
            "user identifier is invalid",
        ),
        (
            format!("{without_user}&user={too_many}"),
            "user",
            "user identifier is invalid",
        ),
        (format!("{without_user}&user={fifty}"), "", ""),
        (
            format!("{without_message}&message= "),
            "message",
            "message cannot be blank",
        ),
        (
            format!("{without_message}&message={}", "%F0%9F%9A%A8".repeat(1024)),
            "",
            "",
        ),
        (
            format!("{without_message}&message={}", "x".repeat(1025)),
            "message",
            "message is too long",
        ),
        (format!("{ok}&title={}", "x".repeat(251)), "title", "title is too long"),
        (format!("{ok}&url={}", "x".repeat(513)), "url", "url is too long"),
        (
            format!("{ok}&url_title={}", "x".repeat(101)),
            "url_title",
            "url_title is too long",
        ),
        (
            format!("{ok}&html=1&monospace=1"),
            "html",
            "html and monospace cannot be used together",
        ),
        (format!("{ok}&priority=3"), "priority", "priority is invalid"),
        (format!("{ok}&priority=high"), "priority", "priority is invalid"),
        (
            format!("{ok}&priority=2&expire=600"),
            "retry",
            "retry must be supplied with priority=2",
        ),
        (
            format!("{ok}&priority=2&retry=30"),
            "expire",
            "expire must be supplied with priority=2",
        ),
        (
            format!("{ok}&priority=2&retry=29&expire=600"),
            "retry",
            "retry must be at least 30 seconds",
        ),
        (
            format!("{ok}&priority=2&retry=30&expire=10801"),
            "expire",
            "expire must be at most 10800 seconds",
        ),
        (format!("{ok}&sound=unheard"), "", ""),
    ];
    for (form, field, text) in cases {
        let answer = connection.post("/1/messages.json", &form).await;
        if field.is_empty() {
            assert_eq!(answer.status, 200, "{}", answer.text());
            continue;
        }
        assert_eq!(answer.status, 400, "{form}");
        assert_eq!(answer.json()["errors"], json!([text]), "{form}");
        assert!(answer.json()[field].is_string(), "{form}");
        // Twenty refusals in a minute would block the address.
        simulator.advance(10);
    }
    let attachment = "A".repeat(6_990_508);
    let answer = connection
        .post("/1/messages.json", &format!("{ok}&attachment_base64={attachment}"))
        .await;
    assert_eq!(
        answer.json()["errors"],
        json!(["attachment is too large (5242881 bytes is more than 5242880 limit)"])
    );
}

#[tokio::test]
async fn the_quota_is_shared_by_an_account_and_starts_anew_each_month() {
    let (simulator, mut connection) = start_with(|builder| {
        // 2025-11-30 23:59:50 in Chicago.
        builder
            .clock(1_764_568_790)
            .quota("ada", 100, 97)
            .app("aFakeSecondApp00000000000000AA", "Second", "ada")
            .app("aFakeStranger000000000000000AA", "Stranger", "bob")
    })
    .await;
    let known = simulator.credentials();
    let second = "aFakeSecondApp00000000000000AA";
    let message = |token: &str, user: &str| format!("token={token}&user={user}&message=hi");

    let answer = connection
        .post("/1/messages.json", &message(&known.token, &known.user_key))
        .await;
    let headers = ["limit", "remaining", "reset"].map(|name| answer.header(&format!("x-limit-app-{name}")));
    assert_eq!(headers, [Some("100"), Some("2"), Some("1764568800")]);

    let limits = connection.get(&format!("/1/apps/limits.json?token={second}")).await;
    assert_eq!(
        (&limits.json()["remaining"], limits.header("x-limit-app-limit")),
        (&json!(2), None)
    );
    let limits = connection
        .get("/1/apps/limits.json?token=aFakeStranger000000000000000AA")
        .await;
    assert_eq!(limits.json()["remaining"], 10_000);

    // The group has two enabled members, and then nothing is left.
    let answer = connection
        .post("/1/messages.json", &message(second, &known.group_keys[0]))
        .await;
    assert_eq!(
        (answer.status, answer.header("x-limit-app-remaining")),
        (200, Some("0"))
    );
    let refused = message(second, &known.user_key);
    let answer = connection.post("/1/messages.json", &refused).await;
    assert_eq!(
        (answer.status, answer.header("x-limit-app-remaining")),
        (429, Some("0"))
    );
    assert_eq!(
        answer.json()["errors"],
        json!(["application has exceeded current limit of 100 messages"])
    );
    assert_eq!(
        (&answer.json()["token"], answer.header("retry-after")),
        (&json!("invalid"), None)
    );

    simulator.advance(10);
    let answer = connection.post("/1/messages.json", &refused).await;
    assert_eq!(
        (answer.status, answer.header("x-limit-app-remaining")),
        (200, Some("99"))
    );
    assert_eq!(answer.header("x-limit-app-reset"), Some("1767247200"));
}

#[tokio::test]
async fn a_message_reaches_the_devices_meant() {
    let (simulator, mut connection) = start().await;
    let known = simulator.credentials();
    let download = format!("/1/messages.json?secret={}&device_id={}", known.secret, known.device_id);
    // (device named, whether the Open Client gets the message)
    for (device, expected) in [
        ("", true),
        ("phone", false),
        ("restload-demo,phone", true),
        ("none-of-mine", true),
    ] {
        let before = connection.get(&download).await.json()["messages"]
            .as_array()
            .unwrap()
            .len();
        let form = format!(
            "token={}&user={}&message=hi&device={device}",
            known.token, known.user_key
        );
        assert_eq!(connection.post("/1/messages.json", &form).await.status, 200);
        let after = connection.get(&download).await.json()["messages"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(after - before, usize::from(expected), "{device}");
    }
}

#[tokio::test]
async fn a_message_without_a_device_to_go_to_is_accepted_and_not_queued() {
    let (simulator, mut connection) = start_with(|builder| builder.dataset(Dataset::Org)).await;
    let known = simulator.credentials();
    let without_devices = known.user_keys.last().unwrap();
    let form = format!("token={}&user={without_devices}&message=hi", known.token);
    let answer = connection.post("/1/messages.json", &form).await;
    let expected = json!({"info": "no active devices to send to", "status": 1, "request": ""});
    assert_eq!((answer.status, answer.json()), (200, expected));
}

#[tokio::test]
async fn messages_vanish_with_their_lifetime_and_after_21_days() {
    let (simulator, mut connection) = start().await;
    let known = simulator.credentials();
    let download = format!("/1/messages.json?secret={}&device_id={}", known.secret, known.device_id);
    let form = format!(
        "token={}&user={}&message=hi&ttl=60&timestamp=5",
        known.token, known.user_key
    );
    connection.post("/1/messages.json", &form).await;
    let mut counts = Vec::new();
    for seconds in [0, 59, 1, 19 * 86_400, 3 * 86_400] {
        simulator.advance(seconds);
        let body = connection.get(&download).await.json();
        let messages = body["messages"].as_array().unwrap();
        counts.push(messages.len());
        if counts.len() == 1 {
            let last = messages.last().unwrap();
            assert_eq!(
                (&last["date"], last["expiration_date"].as_i64()),
                (&json!(5), Some(1_763_856_060))
            );
        }
    }
    assert_eq!(counts, [6, 6, 5, 5, 0]);
}

#[tokio::test]
async fn envelopes_follow_their_settings() {
    let (simulator, mut connection) =
        start_with(|builder| builder.request_id(RequestId::Hex32).limit_headers(LimitHeaders::All)).await;
    let path = format!("/1/sounds.json?token={}", simulator.credentials().token);
    let answer = connection.get(&path).await;
    assert_eq!(answer.json()["request"].as_str().map(str::len), Some(32));
    assert_eq!(answer.header("x-limit-app-remaining"), Some("7496"));
}
