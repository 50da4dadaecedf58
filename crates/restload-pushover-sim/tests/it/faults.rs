//! Each kind of fault, seen from the client.

use std::time::{Duration, Instant};

use http::HeaderMap;
use restload_pushover_sim::{Fault, Matcher, Running, When};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Answer, Connection, start, start_with};

fn sounds(simulator: &Running) -> String {
    format!("/1/sounds.json?token={}", simulator.credentials().token)
}

/// Asks for the sounds while the fault is on.
async fn ask_with(fault: Fault) -> (Running, hyper::Result<Answer>) {
    let (simulator, mut connection) =
        start_with(|builder| builder.fault(Matcher::new("GET", "sounds.json"), fault, When::Always)).await;
    let answer = connection.try_get(&sounds(&simulator)).await;
    (simulator, answer)
}

async fn answer_with(fault: Fault) -> Answer {
    ask_with(fault).await.1.unwrap()
}

#[tokio::test]
async fn faults_that_answer_something_else() {
    // (fault, status, content type, a part of the body)
    let cases = [
        (Fault::ServerError(502), 502, "text/html", "<h1>502"),
        (
            Fault::ServerErrorJson(503),
            503,
            "application/json",
            "\"internal error\"",
        ),
        (Fault::Blocked, 403, "text/html", "<h1>403"),
        (
            Fault::QuotaExhausted,
            429,
            "application/json",
            "exceeded current limit of 10000 messages",
        ),
        (Fault::QuotaNewText, 429, "application/json", "used all of its messages"),
        (Fault::OkButStatusZero, 200, "application/json", "\"status\":0"),
        (
            Fault::OkButInfo,
            200,
            "application/json",
            "\"info\":\"no active devices",
        ),
        (
            Fault::ErrorsObject,
            400,
            "application/json",
            "\"errors\":{\"name\":[\"is invalid\"]}",
        ),
        (
            Fault::ErrorsString,
            400,
            "application/json",
            "\"errors\":\"name is invalid\"",
        ),
        (Fault::ErrorsMissing, 400, "application/json", "\"name\":\"invalid\""),
        (Fault::NotJson, 200, "application/json", "{\"status\":1,"),
        (Fault::EmptyBody, 200, "application/json", ""),
        (Fault::WrongContentType, 200, "text/plain", "\"sounds\":{"),
        (Fault::NullSelector, 200, "application/json", "\"sounds\":null"),
        (Fault::ListInstead, 200, "application/json", "\"sounds\":[\""),
        (Fault::MissingSelector, 200, "application/json", "\"status\":1"),
        (Fault::ParameterFlags, 200, "application/json", "\"parameter_flags\":{}"),
        (
            Fault::EchoSecret,
            400,
            "application/json",
            "aFakeAppToken0000000000000000A",
        ),
        (Fault::Gzip, 200, "application/json", "\"sounds\":{"),
        (Fault::Delay(1), 200, "application/json", "\"sounds\":{"),
        (Fault::Slow(100_000), 200, "application/json", "\"sounds\":{"),
    ];
    for (fault, status, content_type, part) in cases {
        let answer = answer_with(fault.clone()).await;
        assert_eq!(answer.status, status, "{fault:?}");
        assert!(
            answer.header("content-type").unwrap().starts_with(content_type),
            "{fault:?}"
        );
        assert!(answer.text().contains(part), "{fault:?}: {}", answer.text());
        match fault {
            Fault::Blocked => assert_eq!(answer.header("connection"), Some("close")),
            Fault::EmptyBody => assert_eq!(answer.text(), ""),
            Fault::NotJson => assert!(answer.json().is_null()),
            Fault::MissingSelector => assert!(!answer.text().contains("sounds")),
            Fault::ErrorsMissing => assert!(!answer.text().contains("errors")),
            Fault::QuotaNewText => assert!(!answer.text().contains("\"token\"")),
            Fault::QuotaExhausted => assert_eq!(answer.header("x-limit-app-remaining"), Some("0")),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_broken_connection_is_an_error_of_the_client() {
    for fault in [Fault::Drop, Fault::DropAfterEffect, Fault::Truncated] {
        let (simulator, answer) = ask_with(fault.clone()).await;
        assert!(answer.is_err(), "{fault:?}");
        let status = simulator.requests()[0].status;
        assert_eq!(status, (fault == Fault::Truncated).then_some(200), "{fault:?}");
    }
}

#[tokio::test]
async fn a_truncated_answer_ends_within_its_body() {
    let (simulator, _) = start_with(|builder| builder.fault(Matcher::any(), Fault::Truncated, When::Always)).await;
    let mut stream = tokio::net::TcpStream::connect(simulator.address()).await.unwrap();
    let request = format!("GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", sounds(&simulator));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let declared = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    assert_eq!(body.len(), declared.parse::<usize>().unwrap() / 2);
}

#[tokio::test]
async fn a_dropped_message_may_have_been_sent() {
    for (fault, left) in [(Fault::Drop, 7496), (Fault::DropAfterEffect, 7495)] {
        let (simulator, mut connection) = start().await;
        simulator.add_fault(Matcher::new("POST", "messages.json"), fault, When::Nth(1));
        let known = simulator.credentials();
        let form = format!("token={}&user={}&message=hi", known.token, known.user_key);
        assert!(connection.try_post("/1/messages.json", &form).await.is_err());
        let mut connection = Connection::open(&simulator).await;
        let limits = connection
            .get(&format!("/1/apps/limits.json?token={}", known.token))
            .await;
        assert_eq!((&limits.json()["remaining"], simulator.effects()), (&json!(left), 1));
    }
}

#[tokio::test]
async fn late_and_slow_answers_take_their_time() {
    for fault in [Fault::Delay(60), Fault::Slow(5_000)] {
        let begin = Instant::now();
        assert_eq!(answer_with(fault.clone()).await.json()["status"], 1);
        assert!(begin.elapsed() >= Duration::from_millis(30), "{fault:?}");
    }
}

#[tokio::test]
async fn a_redirect_names_the_other_host_with_path_and_query() {
    let answer = answer_with(Fault::Redirect {
        status: 302,
        to: "http://127.0.0.2:9".to_owned(),
    })
    .await;
    let location = "http://127.0.0.2:9/1/sounds.json?token=aFakeAppToken0000000000000000A";
    assert_eq!((answer.status, answer.header("location")), (302, Some(location)));
}

#[tokio::test]
async fn gzip_is_only_for_clients_that_offer_it() {
    let (simulator, mut connection) =
        start_with(|builder| builder.fault(Matcher::any(), Fault::Gzip, When::Always)).await;
    let path = sounds(&simulator);
    let encoding = |headers: &HeaderMap| headers.get("content-encoding").is_some();
    let plain = connection.get(&path).await;
    let gzipped = connection
        .send("GET", &path, &[("accept-encoding", "gzip")], "")
        .await
        .unwrap();
    assert_eq!((encoding(&plain.headers), encoding(&gzipped.headers)), (false, true));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&gzipped.bytes[..]), &mut text).unwrap();
    assert!(text.contains("\"sounds\":{"));
}

#[tokio::test]
async fn a_fault_meets_only_its_requests_and_ends() {
    let (simulator, mut connection) = start_with(|builder| {
        builder
            .fault(
                Matcher::new("GET", "sounds.json"),
                Fault::ServerError(502),
                When::First(2),
            )
            .fault(Matcher::new("POST", "*"), Fault::ServerError(500), When::Always)
    })
    .await;
    let path = sounds(&simulator);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(connection.get(&path).await.status);
        simulator.advance(5);
    }
    assert_eq!(statuses, [502, 502, 200]);
    assert_eq!(connection.post("/1/messages.json", "").await.status, 500);
    simulator.clear_faults();
    assert_eq!(connection.post("/1/messages.json", "").await.status, 400);
}
