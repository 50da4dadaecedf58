//! The transcript of the specification: from a login to an emptied queue.

use serde_json::json;

use crate::client::start;

#[tokio::test]
async fn a_session_from_login_to_an_emptied_queue() {
    let (simulator, mut connection) = start().await;
    let known = simulator.credentials();
    let login = format!("email={}&password={}", known.email, known.password);

    let answer = connection.post("/1/users/login.json", &login).await;
    assert_eq!(
        (answer.status, &answer.json()["totp"]),
        (412, &json!("two factor auth required"))
    );

    let answer = connection
        .post("/1/users/login.json", &format!("{login}&twofa=123456"))
        .await;
    assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(known.user_key)));
    let secret = answer.json()["secret"].as_str().unwrap().to_owned();
    assert_eq!(secret.len(), 60);

    let registration = format!("secret={secret}&name=loader&os=O");
    let answer = connection.post("/1/devices.json", &registration).await;
    let device = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((answer.status, device.len()), (200, 40));

    let answer = connection.post("/1/devices.json", &registration).await;
    assert_eq!(
        (answer.status, &answer.json()["errors"]),
        (400, &json!({"name": ["has already been taken"]}))
    );

    let message = format!("token={}&user={}&message=hi&priority=2", known.token, known.user_key);
    let answer = connection.post("/1/messages.json", &message).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["expire"], "must be supplied with priority=2");
    assert_eq!(answer.json()["retry"], "must be supplied with priority=2");
    let errors = json!([
        "expire must be supplied with priority=2",
        "retry must be supplied with priority=2"
    ]);
    assert_eq!(answer.json()["errors"], errors);

    let answer = connection
        .post("/1/messages.json", &format!("{message}&retry=60&expire=600"))
        .await;
    assert_eq!(
        (answer.status, answer.header("x-limit-app-remaining")),
        (200, Some("7495"))
    );
    let receipt = answer.json()["receipt"].as_str().unwrap().to_owned();
    assert_eq!(receipt.len(), 30);

    let download = format!("/1/messages.json?secret={secret}&device_id={device}");
    let body = connection.get(&download).await.json();
    assert_eq!(body["messages"][0]["message"], "Welcome to Pushover!");
    assert_eq!(body["messages"][0].get("title"), None);
    assert_eq!(
        (&body["messages"][1]["message"], &body["messages"][1]["receipt"]),
        (&json!("hi"), &json!(receipt))
    );
    assert_eq!(
        (&body["user"]["email"], &body["device"]["name"]),
        (&json!(known.email), &json!("loader"))
    );

    let status = format!("/1/receipts/{receipt}.json?token={}", known.token);
    let body = connection.get(&status).await.json();
    assert_eq!(
        (&body["acknowledged"], &body["acknowledged_by"]),
        (&json!(0), &json!(""))
    );

    let answer = connection
        .post(
            &format!("/1/receipts/{receipt}/acknowledge.json"),
            &format!("secret={secret}"),
        )
        .await;
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!(1)));

    simulator.advance(5);
    let body = connection.get(&status).await.json();
    assert_eq!(
        (&body["acknowledged"], &body["acknowledged_by_device"]),
        (&json!(1), &json!("loader"))
    );

    let body = connection.get(&download).await.json();
    let highest = body["messages"][1]["id_str"].as_str().unwrap();
    let delete = format!("/1/devices/{device}/update_highest_message.json");
    let answer = connection
        .post(&delete, &format!("secret={secret}&message={highest}"))
        .await;
    assert_eq!(answer.status, 200);

    assert_eq!(connection.get(&download).await.json()["messages"], json!([]));
}
