//! Every way a credential can be wrong, and paths that lead nowhere.

use restload_pushover_sim::{Credentials, Dataset};
use serde_json::{Value, json};

use crate::client::{start, start_with};

/// The answer without its request id.
fn without_request_id(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.remove("request");
    }
    body
}

#[tokio::test]
async fn a_wrong_credential_is_refused_at_once() {
    let (simulator, mut connection) = start().await;
    let Credentials {
        token,
        team_token,
        secret,
        device_id,
        ..
    } = simulator.credentials();
    let invalid_token = json!({"status": 0, "token": "invalid", "errors": ["application token is invalid"]});
    let missing_token = json!({"status": 0, "token": "invalid", "errors": ["application token must be supplied"]});
    let invalid_team = json!({"status": 0, "errors": ["team token is invalid"]});
    let invalid_secret = json!({"status": 0, "secret": "invalid", "errors": ["secret is invalid"]});
    let invalid_device = json!({"status": 0, "device_id": "invalid", "errors": ["device_id is invalid"]});
    let cases = [
        ("sounds.json".to_owned(), &missing_token),
        ("sounds.json?token=".to_owned(), &missing_token),
        (format!("sounds.json?token={}", token.to_lowercase()), &invalid_token),
        ("apps/limits.json?token=short".to_owned(), &invalid_token),
        (format!("groups.json?token={team_token}"), &invalid_token),
        (format!("teams.json?token={token}"), &invalid_team),
        (format!("messages.json?device_id={device_id}"), &invalid_secret),
        (
            format!("messages.json?device_id={device_id}&secret=wrong"),
            &invalid_secret,
        ),
        (format!("messages.json?secret={secret}"), &invalid_device),
        (
            format!("messages.json?secret={secret}&device_id=wrong"),
            &invalid_device,
        ),
        (
            format!("messages.json?token={token}&device_id={device_id}"),
            &invalid_secret,
        ),
    ];
    for (path, expected) in cases {
        let answer = connection.get(&format!("/1/{path}")).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(&without_request_id(answer.json()), expected, "{path}");
        assert_eq!(
            answer.header("x-request-id"),
            answer.json()["request"].as_str(),
            "{path}"
        );
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
    }
}

#[tokio::test]
async fn statuses_that_sources_disagree_about_are_settings() {
    let (simulator, mut connection) = start_with(|builder| {
        builder
            .dataset(Dataset::Receipts)
            .bad_secret_status(403)
            .receipt_missing_status(404)
    })
    .await;
    let known = simulator.credentials();
    let answer = connection.get("/1/messages.json?secret=wrong&device_id=x").await;
    assert_eq!((answer.status, &answer.json()["secret"]), (403, &json!("invalid")));
    let receipt = format!("/1/receipts/{}.json?token={}", known.missing_receipts[0], known.token);
    let answer = connection.get(&receipt).await;
    assert_eq!((answer.status, &answer.json()["receipt"]), (404, &json!("not found")));
}

#[tokio::test]
async fn a_login_needs_the_password_and_the_second_factor() {
    let (simulator, mut connection) = start().await;
    let known = simulator.credentials();
    let wrong = json!({"status": 0, "errors": ["invalid email and/or password"]});
    let second = json!({
        "status": 0, "totp": "two factor auth required", "errors": ["two factor auth required"]
    });
    let right = format!("email={}&password={}", known.email, known.password);
    let cases = [
        (String::new(), 400, &wrong),
        (format!("email={}&password=guess", known.email), 400, &wrong),
        (
            format!("email=nobody%40example.com&password={}", known.password),
            400,
            &wrong,
        ),
        (right.clone(), 412, &second),
        (format!("{right}&twofa=000000"), 412, &second),
    ];
    for (form, status, expected) in cases {
        let answer = connection.post("/1/users/login.json", &form).await;
        assert_eq!(
            (answer.status, &without_request_id(answer.json())),
            (status, expected),
            "{form}"
        );
    }
    let mut secrets = vec![known.secret];
    for form in [format!("{right}&twofa=123456"), format!("twofa=123456&{right}")] {
        let body = connection.post("/1/users/login.json", &form).await.json();
        secrets.push(body["secret"].as_str().unwrap().to_owned());
    }
    // Each login makes another secret, and the older ones stay valid.
    for secret in secrets {
        let path = format!("/1/messages.json?secret={secret}&device_id={}", known.device_id);
        assert_eq!(connection.get(&path).await.status, 200);
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_get_a_page() {
    let (_simulator, mut connection) = start().await;
    let cases = [
        ("GET", "/1/users/login.json", 404),
        ("POST", "/1/sounds.json", 404),
        ("PUT", "/1/messages.json", 404),
        ("GET", "/1/nothing.json", 404),
        ("GET", "/sounds.json", 404),
        ("GET", "/push", 404),
    ];
    for (method, path, status) in cases {
        let answer = connection.send(method, path, &[], "").await.unwrap();
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some("text/html")),
            "{method} {path}"
        );
    }
    assert_eq!(connection.get("/1/sounds.xml").await.status, 501);
    let icon = connection.get("/icons/any.png").await;
    assert_eq!((icon.status, &icon.bytes[1..4]), (200, b"PNG".as_slice()));
    let sound = connection.get("/sounds/bike.mp3").await;
    assert_eq!((sound.status, sound.bytes.len()), (200, 0));
}

#[tokio::test]
async fn parameters_come_in_a_form_in_json_or_in_parts() {
    let (simulator, mut connection) = start().await;
    let token = simulator.credentials().token;
    let user = simulator.credentials().user_key;
    let form = format!("token={token}&user={user}");
    let json_body = format!(r#"{{"token":"{token}","user":"{user}"}}"#);
    let parts = format!(
        "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{token}\r\n\
         --b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\n{user}\r\n--b--\r\n"
    );
    let cases = [
        ("application/x-www-form-urlencoded", form.as_str(), 200),
        ("application/json", json_body.as_str(), 200),
        ("multipart/form-data; boundary=b", parts.as_str(), 200),
        ("application/json", "{\"token\":", 400),
        ("text/xml", "<token/>", 400),
    ];
    for (content_type, body, status) in cases {
        let headers = [("content-type", content_type)];
        let answer = connection
            .send("POST", "/1/users/validate.json", &headers, body)
            .await
            .unwrap();
        assert_eq!(answer.status, status, "{content_type}: {}", answer.text());
        if status == 400 {
            assert_eq!(answer.json()["errors"], json!(["request body is not valid JSON"]));
        }
    }
    let log = simulator.requests();
    assert_eq!(log[0].body_names, ["token", "user"]);
    assert_eq!(log[0].secret_hashes, log[1].secret_hashes);
    assert!(!format!("{log:?}").contains(&token), "the log holds no secret");
}
