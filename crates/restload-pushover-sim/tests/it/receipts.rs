//! The life of a receipt, read while the clock moves.

use restload_pushover_sim::Running;
use serde_json::{Value, json};

use crate::client::{Connection, start, start_with};

const START: i64 = 1_763_856_000;

async fn send(simulator: &Running, connection: &mut Connection, extra: &str) -> String {
    let known = simulator.credentials();
    let form = format!(
        "token={}&user={}&message=hi&priority=2&retry=60&expire=600{extra}",
        known.token, known.user_key
    );
    let body = connection.post("/1/messages.json", &form).await.json();
    body["receipt"].as_str().unwrap().to_owned()
}

async fn show(simulator: &Running, connection: &mut Connection, receipt: &str) -> Value {
    connection
        .get(&format!(
            "/1/receipts/{receipt}.json?token={}",
            simulator.credentials().token
        ))
        .await
        .json()
}

async fn act(simulator: &Running, connection: &mut Connection, path: &str) -> Value {
    let known = simulator.credentials();
    connection
        .post(
            &format!("/1/{path}"),
            &format!("token={}&secret={}", known.token, known.secret),
        )
        .await
        .json()
}

#[tokio::test]
async fn a_receipt_is_delivered_again_until_it_expires_and_is_forgotten_after_a_week() {
    let (simulator, mut connection) = start().await;
    let receipt = send(&simulator, &mut connection, "").await;
    // (seconds after the start, last delivery after the start, expired)
    for (seconds, delivered, expired) in [
        (0, 0, 0),
        (130, 120, 0),
        (599, 540, 0),
        (600, 600, 1),
        (604_800, 600, 1),
    ] {
        simulator.set_clock(START + seconds);
        let body = show(&simulator, &mut connection, &receipt).await;
        assert_eq!(body["last_delivered_at"], START + delivered, "after {seconds} s");
        assert_eq!(
            (&body["expired"], &body["expires_at"]),
            (&json!(expired), &json!(START + 600))
        );
    }
    simulator.set_clock(START + 604_801);
    assert_eq!(
        show(&simulator, &mut connection, &receipt).await["receipt"],
        "not found"
    );
}

#[tokio::test]
async fn the_first_acknowledgement_counts_and_calls_back() {
    let (simulator, mut connection) = start().await;
    let receipt = send(&simulator, &mut connection, "&callback=https://hooks.example.com/x").await;
    for seconds in [100, 100] {
        simulator.advance(seconds);
        act(
            &simulator,
            &mut connection,
            &format!("receipts/{receipt}/acknowledge.json"),
        )
        .await;
    }
    let body = show(&simulator, &mut connection, &receipt).await;
    let at = ["acknowledged_at", "called_back_at"].map(|name| body[name].as_i64().unwrap());
    assert_eq!(at, [START + 100; 2]);
    assert_eq!(body["acknowledged_by"], simulator.credentials().user_key);
    assert_eq!(
        (&body["acknowledged"], &body["called_back"], &body["expired"]),
        (&json!(1), &json!(1), &json!(0))
    );
    simulator.advance(10_000);
    assert_eq!(show(&simulator, &mut connection, &receipt).await["expired"], 1);

    let callbacks = simulator.callbacks();
    assert_eq!((callbacks.len(), &callbacks[0].receipt), (1, &receipt));
    assert_eq!(callbacks[0].acknowledged_by_device, "restload-demo");
    let known = simulator.credentials();
    let path = format!("/1/messages.json?secret={}&device_id={}", known.secret, known.device_id);
    let body = connection.get(&path).await.json();
    assert_eq!(body["messages"].as_array().unwrap().last().unwrap()["acked"], 1);
}

#[tokio::test]
async fn a_cancel_ends_the_repeats() {
    for (sets_expired, expected) in [(true, (1, START + 90)), (false, (0, START + 600))] {
        let (simulator, mut connection) = start_with(|builder| builder.cancel_sets_expired(sets_expired)).await;
        let receipt = send(&simulator, &mut connection, "").await;
        simulator.advance(90);
        assert_eq!(
            act(&simulator, &mut connection, &format!("receipts/{receipt}/cancel.json")).await["status"],
            1
        );
        simulator.advance(90);
        let body = show(&simulator, &mut connection, &receipt).await;
        assert_eq!(body["last_delivered_at"], START + 60);
        assert_eq!(
            (body["expired"].as_i64().unwrap(), body["expires_at"].as_i64().unwrap()),
            expected
        );
    }
}

#[tokio::test]
async fn receipts_are_canceled_by_their_tag() {
    let (simulator, mut connection) = start().await;
    for tags in ["&tags=disk,db-1", "&tags=disk", "&tags=web"] {
        send(&simulator, &mut connection, tags).await;
    }
    let mut canceled = Vec::new();
    for tag in ["disk", "disk", "web", "none"] {
        let body = act(
            &simulator,
            &mut connection,
            &format!("receipts/cancel_by_tag/{tag}.json"),
        )
        .await;
        canceled.push(body["canceled"].as_i64().unwrap());
    }
    assert_eq!(canceled, [2, 0, 1, 0]);
    let body = act(&simulator, &mut connection, "receipts/rFakeUnknown/cancel.json").await;
    assert_eq!(body["errors"], json!(["receipt not found; may be invalid or expired"]));
}
